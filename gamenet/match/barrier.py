"""
The start of play, as a decision: neither side begins before both know that the
other is there and plays by the same rules.

Each side repeats READY, with the digest of its rules and whether it has heard
the other's READY.  A side begins once it has heard the other I{and} knows
itself heard.  The first packet of play says the same as a READY that has heard:
it is sent by nobody else.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.wire.peer_packets import Ready

__all__ = ["StartBarrier"]


@attrs.define
class StartBarrier:
    """
    The barrier towards one other player.  Used by L{gamenet.match.match.Match}.

    @ivar digest: The 16-byte digest of our rules.
    @ivar hears: Whether we heard the other player.
    @ivar heard: Whether the other player heard us.
    """

    digest: bytes
    hears: bool = attrs.field(init=False, default=False)
    heard: bool = attrs.field(init=False, default=False)

    @property
    def open(self) -> bool:
        """Whether play may begin."""
        return self.hears and self.heard

    def packet(self) -> Ready:
        """Return the READY to send now."""
        return Ready(self.digest, self.hears)

    def readyReceived(self, ready: Ready) -> None:
        """
        The other player's READY came.

        @raise RemoteProtocolError: They play by other rules.
        """
        if ready.digest != self.digest:
            raise RemoteProtocolError(
                "the other player's game plays by other rules: compare the versions of both games"
                " and the match settings (frame rate, number of frames)"
            )
        self.hears = True
        self.heard = self.heard or ready.heard

    def playReceived(self) -> None:
        """A packet of play came: the other side has begun, so it has heard us."""
        self.hears = True
        self.heard = True
