"""
What sessions have in common that play without any peer.
"""

from __future__ import annotations

from typing import NoReturn

import attrs

from gamenet.errors import LocalProtocolError
from gamenet.rollback.state_dump import StateDump

__all__ = ["PeerlessSession"]


@attrs.define
class PeerlessSession:
    """The part of L{gamenet.interfaces.IRollbackSession} that is about peers."""

    def packetReceived(self, peer: int, body: bytes, now: float) -> NoReturn:
        """
        Take a packet; nobody can have sent one.

        @raise LocalProtocolError: Always.
        """
        raise LocalProtocolError(f"peer {peer} does not take part")

    def dumpsWanted(self) -> tuple[int, ...]:
        """Return the final frames whose states are wanted: nobody wants any."""
        return ()

    def dumpTaken(self, frame: int, dump: StateDump | None) -> NoReturn:
        """
        Take a state; none was wanted.

        @raise LocalProtocolError: Always.
        """
        raise LocalProtocolError(f"the state of frame {frame} is not wanted")

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        """Return the packets to be sent now: none."""
        return ()
