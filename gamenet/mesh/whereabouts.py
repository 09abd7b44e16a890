"""
How the players of a mesh find each other without a lobby: each tells those that it
reaches where it may be reached itself, and passes on where others are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IReactorTime

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.machine.alarm import Alarm
from gamenet.mesh.introductions import Introductions
from gamenet.mesh.mesh_peer import MeshPeer
from gamenet.wire.lobby_values import Candidate, TicketMember
from gamenet.wire.mesh_messages import (
    MESH_STREAM,
    Attempted,
    Introduction,
    MeshMessage,
    Whereabouts,
    decodeMeshMessage,
    encodeMeshMessage,
)

__all__ = ["WhereaboutsExchange"]


class WhereaboutsExchange:
    """
    What is told and heard of where everybody is.  Owned by a
    L{gamenet.mesh.mesh.Mesh}.

    Of themselves players are believed; of others only while those are not reached.
    What is believed is no more than what a lobby says: a place to send a check to.

    @ivar refused: How many messages made no sense.
    @ivar introductions: What is told and heard of newcomers.
    """

    def __init__(
        self,
        ours: TicketMember,
        peers: Mapping[int, MeshPeer],
        reachOut: Callable[[MeshPeer], object],
        introduce: Callable[[TicketMember], object],
        clock: IReactorTime,
    ) -> None:
        """
        @param ours: What the ticket says of ourselves.
        @param peers: The others, for reading; kept up to date by the owner.
        @param reachOut: Called with whoever is said to be elsewhere.
        @param introduce: Called with whoever is believed to have come.
        """
        self.refused = 0
        self.introductions = Introductions(
            ours, peers, self._tell, introduce, clock.seconds, self._believeAfter
        )
        self._clock = clock
        self._believing = Alarm(clock, self.introductions.believe)
        self._closed = False
        self._player = ours.player
        self._peers = peers
        self._reachOut = reachOut
        self._ours: tuple[Candidate, ...] = ()
        self._told: dict[int, dict[int, tuple[Candidate, ...]]] = {}

    def introducedBy(self, player: int) -> None:
        """Whoever has this number is the introducer from now on."""
        if player != self.introductions.introducer:
            self.introductions.introducer = player
            self._believeAfter(0.0)

    def close(self) -> None:
        """No timer is left."""
        self._closed = True
        self._believing.cancel()

    def offered(self, ours: tuple[Candidate, ...]) -> None:
        """Our own whereabouts may have changed: tell everybody whom we reach."""
        self._ours = ours
        for peer in tuple(self._peers.values()):
            self.update(peer)

    def update(self, peer: MeshPeer) -> None:
        """Tell somebody whom we reach what they were not told yet; call it when that begins."""
        if not peer.reached:
            return
        self.introductions.update(peer)
        told = self._told.setdefault(peer.player, {})
        places = {other.player: other.member.candidates for other in self._peers.values()}
        del places[peer.player]
        places[self._player] = self._ours
        for player, candidates in places.items():
            known = told.get(player, ())
            if candidates != known and self._tell(peer, Whereabouts(player, candidates)):
                told[player] = candidates

    def forget(self, player: int) -> None:
        """Somebody knows nothing of what they were told."""
        self._told.pop(player, None)
        self.introductions.forget(player)

    def removed(self, player: int) -> None:
        """Somebody is gone."""
        self._told.pop(player, None)
        for told in self._told.values():
            told.pop(player, None)
        self.introductions.removed(player)

    def attempted(self, peer: MeshPeer, attempt: bytes, kind: int) -> None:
        """Carry a step of traversal over the link itself, where there is a path."""
        if peer.reached:
            self._tell(peer, Attempted(attempt, kind))

    def messageReceived(self, peer: MeshPeer, data: bytes) -> None:
        """Take a message; one that makes no sense is counted."""
        try:
            message = decodeMeshMessage(data)
        except RemoteProtocolError:
            self.refused += 1
            return
        if isinstance(message, Introduction):
            self.introductions.received(peer, message.member)
            return
        if isinstance(message, Attempted):
            if peer.link is not None:
                peer.link.stepReceived(message.attempt, message.kind)
            return
        self.introductions.moved(peer, message.player, message.candidates)
        about = self._peers.get(message.player)
        if about is peer:
            if about.believes(message.candidates):
                self._reachOut(about)
                for other in tuple(self._peers.values()):
                    self.update(other)
        elif about is not None and not about.reached and about.believes(message.candidates):
            self._reachOut(about)

    def _believeAfter(self, delay: float) -> None:
        due, alarm = self._clock.seconds() + delay, self._believing
        if not self._closed and (alarm.due is None or due < alarm.due):
            alarm.set(due)

    def _tell(self, peer: MeshPeer, message: MeshMessage) -> bool:
        """Send a message; return whether there was room for it."""
        if peer.link is None:
            return False
        try:
            peer.link.sendMessage(MESH_STREAM, encodeMeshMessage(message))
        except LocalProtocolError:
            return False
        return True
