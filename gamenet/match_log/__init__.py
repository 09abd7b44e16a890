"""What a match writes down to be looked at."""

__all__: list[str] = []
