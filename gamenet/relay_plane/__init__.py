"""What moves a relay's packets, by what the relay's decisions tell it."""

from __future__ import annotations

__all__: list[str] = []
