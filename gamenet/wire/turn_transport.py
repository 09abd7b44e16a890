"""
What lies between a TURN client and its server.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Transport"]


class Transport(Enum):
    """How a client reaches the relay; the values are the names in metrics."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
