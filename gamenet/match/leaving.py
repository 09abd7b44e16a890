"""
The last states of a match: goodbye is said, and the result is signed; over.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from gamenet.errors import GamenetError
from gamenet.match.farewell import FAREWELL_INTERVAL, Farewell
from gamenet.match.peer import Peer
from gamenet.match.protocol import Outcome
from gamenet.match.stage import MatchState, Stage
from gamenet.wire.peer_packets import Goodbye, GoodbyeReason
from gamenet.wire.start_packets import CallOff

__all__ = ["Leaving", "Over"]

_OUTCOMES = {
    GoodbyeReason.FINISHED: Outcome.FINISHED,
    GoodbyeReason.LEFT: Outcome.LEFT,
}


@attrs.define(eq=False)
class Leaving(Stage):
    """
    We play no more, and say goodbye; others may still need our inputs, or our vote.

    @ivar farewell: How long.
    @ivar error: What went wrong, C{None} for nothing.
    @ivar call_off: Why the match does not begin, which is said instead of goodbye; C{None}
        where it did.
    @ivar votes: Whether the others agree on our leaving first, with us.
    @ivar tells: Whether the session goes on without us, and is to know that we left.
    """

    state: ClassVar[MatchState] = MatchState.LEAVING
    farewell: Farewell
    error: GamenetError | None
    call_off: CallOff | None = None
    votes: bool = False
    tells: bool = False
    _telling: bool = attrs.field(init=False, default=False)

    @property
    def playable(self) -> bool:
        """Whether we have played to the end and others may still do so, or we vote."""
        return self.farewell.answering or self.votes

    def beat(self, now: float) -> float:
        """Say goodbye once more, or go."""
        farewell = self.farewell
        ground = self.ground
        difference = ground.loop.difference
        if self.error is None and difference.error is not None and difference.isDue(now):
            raise difference.error
        if self.votes:
            self._vote(now)
            return now + FAREWELL_INTERVAL
        parted = self._everybodyParted() and not difference.waits(now)
        if farewell.goesOn(parted, now):
            if farewell.answering:
                ground.loop.serve(now)
                ground.sendInputs(now)
            self._sayGoodbye()
        elif self.tells:
            self._tellSession()
        elif self.error is not None:
            ground.end(self.error)
        else:
            ground.end(difference.error or _OUTCOMES[farewell.reason])
        return now + FAREWELL_INTERVAL

    def goodbyeReceived(self, peer: Peer, goodbye: Goodbye, now: float) -> None:
        """Another player stops too, for whatever reason: only one of them changes ours."""
        peer.parted = True
        differed = goodbye.reason is GoodbyeReason.DIFFERED
        if differed and self.error is None and self.ground.loop.difference.ends:
            super().goodbyeReceived(peer, goodbye, now)

    def _vote(self, now: float) -> None:
        """Have the others agree that we are gone: without our vote they may be too few."""
        loop = self.ground.loop
        loop.serve(now)
        self.ground.sendInputs(now)
        others = [peer for peer in self.ground.peers.values() if peer.player in loop.members]
        if loop.left or now >= self.farewell.ends or all(peer.parted for peer in others):
            self.votes = False

    def _tellSession(self) -> None:
        """Leave the session too; that ends by itself before long."""
        if not self._telling:
            self._telling = True
            self.ground.session.leave().addCallback(lambda _: self._told())

    def _told(self) -> None:
        self.tells = False

    def _everybodyParted(self) -> bool:
        ground = self.ground
        members = ground.loop.members
        return all(
            peer.parted
            and ground.loop.acknowledged(peer.player)
            and (ground.statements.ours is None or ground.statements.settled(peer.player))
            for peer in ground.peers.values()
            if peer.player in members
        )

    def _sayGoodbye(self) -> None:
        ground = self.ground
        goodbye = Goodbye(self.farewell.reason, ground.loop.confirmed_frame)
        for peer in ground.peers.values():
            if self.call_off is not None:
                peer.send(self.call_off)
                continue
            if goodbye.reason is GoodbyeReason.REFUSED:
                peer.send(peer.barrier.configuration.terms)
            statement = ground.statements.packetFor(peer.player)
            if statement is not None:
                peer.send(statement)
            peer.send(goodbye)


@attrs.define(eq=False)
class Over(Stage):
    """Over; nothing is sent or called any more."""

    state: ClassVar[MatchState] = MatchState.OVER

    @property
    def playable(self) -> bool:
        """Nothing is."""
        return False

    def beat(self, now: float) -> None:
        """Nothing is due."""
