"""The committed frames of a match and its states, on their way to those who follow."""

__all__: list[str] = []
