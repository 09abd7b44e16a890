"""The place where players meet: presence, sessions, match tickets."""

from __future__ import annotations

__all__: list[str] = []
