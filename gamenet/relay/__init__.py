"""The STUN and TURN server, and our own TURN client."""

from __future__ import annotations

__all__: list[str] = []
