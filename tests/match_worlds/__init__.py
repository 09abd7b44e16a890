"""Whole matches by seed: the links, the session's log and the game, and all that goes wrong."""
