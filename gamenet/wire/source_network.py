"""
What counts as one source of packets.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton

__all__ = ["sourceNetwork"]


def sourceNetwork(host: str) -> bytes:
    """
    Return what counts as one source: an IPv4 address, or the /64 of an IPv6 address,
    in which a single machine can have as many addresses as it likes.

    @param host: A host, numeric; any other text counts as itself.
    """
    try:
        if ":" in host:
            return inet_pton(AF_INET6, host)[:8]
        return inet_pton(AF_INET, host)
    except (OSError, ValueError):
        return host.encode()
