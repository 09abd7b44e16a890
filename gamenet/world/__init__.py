"""The twin world: clock, network, NATs and machines, all in memory and all from one seed."""

from __future__ import annotations

__all__: list[str] = []
