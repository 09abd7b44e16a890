"""
Where relayed ports are.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["RelayHost"]


@frozen
class RelayHost:
    """
    Where relayed ports of one family are.

    @ivar local: The numeric address that they are opened at.
    @ivar told: The one that clients and peers know: another behind a 1:1 NAT.
    @ivar port_range: The lowest and the highest port; C{None} lets the system choose.
    @ivar attempts: How many ports are tried before there is none.
    """

    local: str
    told: str
    port_range: tuple[int, int] | None = None
    attempts: int = 16
