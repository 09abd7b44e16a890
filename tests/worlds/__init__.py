"""The whole network by seed: faults first, then healing, then everything must agree."""
