"""The search for a direct path between two players."""
