"""The STUN and TURN server."""

from __future__ import annotations

__all__: list[str] = []
