"""
One other player of a match: everything that is kept about them beside their link.
"""

from __future__ import annotations

import attrs

from gamenet.match.barrier import StartBarrier
from gamenet.match.silence import SilenceWatch
from gamenet.mesh.link import PeerLink
from gamenet.mesh.mesh import Mesh
from gamenet.wire.lobby_values import Candidate
from gamenet.wire.peer_packets import PeerPacket

__all__ = ["Peer"]


@attrs.define(eq=False)
class Peer:
    """
    One other player.  Owned by L{gamenet.match.peers.Peers}.

    @ivar player: The player's number.
    @ivar barrier: The start of play, towards them.
    @ivar watch: How long they have been silent.
    @ivar parted: Whether they said goodbye.
    """

    player: int
    _mesh: Mesh
    barrier: StartBarrier
    watch: SilenceWatch
    parted: bool = False

    @property
    def link(self) -> PeerLink | None:
        """The sealed link to them; C{None} where a process that returned has none yet."""
        return self._mesh.links.get(self.player)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Where they may be reached, as was last said."""
        members = {member.player: member for member in self._mesh.members}
        return members[self.player].candidates if self.player in members else ()

    @property
    def round_trip(self) -> float | None:
        """Smoothed seconds to them and back; C{None} if unknown."""
        return None if self.link is None else self.link.paths.roundTrip()

    @property
    def has_path(self) -> bool:
        """Whether a path to them carries the game."""
        return self.link is not None and self.link.paths.chosen is not None

    @property
    def heard_at(self) -> float:
        """When any authentic packet of theirs last came, in seconds; 0.0 before the first."""
        return 0.0 if self.link is None else self.link.paths.last_heard

    @property
    def clock_offset(self) -> float | None:
        """What is to be added to our clock to get theirs, in seconds, if it is known."""
        return None if self.link is None else self.link.clock_offset.offset

    def send(self, packet: PeerPacket) -> bool:
        """
        Send one packet that may get lost.

        @return: Whether there is a path; without one the packet is dropped.
        """
        return self._mesh.send(self.player, packet)

    def returned(self) -> None:
        """They play, or play again: what was noted of their silence and their goodbye is past."""
        self.watch.heard()
        self.parted = False
