"""Those who watch a match, some seconds late."""

__all__: list[str] = []
