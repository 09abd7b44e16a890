"""One match: sealed links, paths, and the player's side of the game."""
