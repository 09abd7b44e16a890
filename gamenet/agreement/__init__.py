"""How all peers of a match agree on who plays."""

__all__: list[str] = []
