"""The check that a game comes out the same when it is played again."""

__all__: list[str] = []
