"""Matches of 2 to 16 players over bad links, by seed: faults, healing, and one history."""
