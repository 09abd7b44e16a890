"""Our own TURN client, over UDP, TCP and TLS."""

from __future__ import annotations

__all__: list[str] = []
