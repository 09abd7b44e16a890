"""Matches recorded, played again, sought in and verified."""

__all__: list[str] = []
