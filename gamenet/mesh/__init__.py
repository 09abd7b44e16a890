"""The links between the players of one match: how they are found, proven, measured and kept."""

__all__: list[str] = []
