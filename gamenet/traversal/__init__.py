"""The search for a direct path between two players."""

__all__: list[str] = []
