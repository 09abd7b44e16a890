"""
The states of a match, an object each: what is due in it, and what another
player's packets mean in it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar

import attrs
from twisted.logger import Logger

from gamenet.errors import GamenetError, NoPath, PeerLost, RemoteProtocolError
from gamenet.interfaces import IPeerProtocol
from gamenet.match.farewell import FAREWELL_INTERVAL, Farewell
from gamenet.match.frame_loop import FrameLoop
from gamenet.match.moments import moment
from gamenet.match.peer import Peer
from gamenet.match.protocol import Outcome
from gamenet.match.settings import MatchSettings
from gamenet.match.silence import Silence
from gamenet.wire.peer_packets import Goodbye, GoodbyeReason, Inputs, Ready, Terms

__all__ = ["Ground", "Leaving", "MatchState", "Over", "Playing", "Reaching", "Stage"]

#: Seconds between two READY while the others are not there yet.
_READY_INTERVAL = 0.1

_OUTCOMES = {
    GoodbyeReason.FINISHED: Outcome.FINISHED,
    GoodbyeReason.LEFT: Outcome.LEFT,
}


class MatchState(Enum):
    """Where a match stands."""

    #: The others are not there yet.
    REACHING = "reaching"
    #: Frames are played.
    PLAYING = "playing"
    #: We play no more, and say goodbye; others may still need our inputs.
    LEAVING = "leaving"
    #: Over; nothing is sent or called any more.
    OVER = "over"


@attrs.define(eq=False)
class Ground:
    """
    What the states of one match share.  Made by L{gamenet.match.match.Match}.

    @ivar loop: The frames.
    @ivar protocol: The game's side of the match.
    @ivar settings: How it is played.
    @ivar begin: Called when play begins, with the time.
    @ivar become: Called with the next state.
    @ivar part: Called with the reason to play no more.
    @ivar end: Called with the outcome, or with what went wrong.
    @ivar wake: Called with the time at which the present state's beat is to come, which
        is sooner than it was going to.
    @ivar peers: The other players, by number.
    """

    loop: FrameLoop
    protocol: IPeerProtocol
    settings: MatchSettings
    begin: Callable[[float], None]
    become: Callable[[Stage], None]
    part: Callable[[GoodbyeReason], None]
    end: Callable[[Outcome | GamenetError], None]
    wake: Callable[[float], None]
    peers: dict[int, Peer] = attrs.field(factory=dict)

    def sendInputs(self, now: float) -> None:
        """Send every player what is due."""
        for player, body in self.loop.packetsDue(now):
            self.peers[player].link.send(Inputs(body))


@attrs.define(eq=False)
class Stage:
    """
    One state of a match; what its subclasses do alike.

    @cvar state: Which it is.
    @ivar ground: What it shares with the others.
    @ivar stopped: Whether another state came after it, for example in one of the
        moments that a beat calls.
    """

    _log: ClassVar[Logger] = Logger()
    state: ClassVar[MatchState]
    ground: Ground
    stopped: bool = attrs.field(init=False, default=False)

    @property
    def playable(self) -> bool:
        """Whether anything that others do is still the game's business."""
        return True

    def beat(self, now: float) -> float | None:
        """
        Do what is due.

        @return: When to come back, in seconds; C{None} for never.
        """
        raise NotImplementedError

    def readyReceived(self, peer: Peer, ready: Ready, now: float) -> None:
        """Another player is there, or does not know yet that we have begun."""
        if not ready.heard:
            self._sayReady(peer, now)

    def termsReceived(self, peer: Peer, terms: Terms) -> None:
        """Another player refuses our rules; once play has begun that means nothing."""

    def inputsReceived(self, peer: Peer, packet: Inputs, now: float) -> None:
        """A packet of play came."""
        loop = self.ground.loop
        try:
            loop.packetReceived(peer.player, packet.body, now)
        except RemoteProtocolError as error:
            if loop.statistics.packets_refused == 1:
                self._log.warn(
                    "a packet of player {p} refused: {why}", p=peer.player, why=str(error)
                )
            return
        if peer.watch.heard():
            with moment("resumed"):
                self.ground.protocol.resumed(peer.player)

    def goodbyeReceived(self, peer: Peer, goodbye: Goodbye, now: float) -> None:
        """Another player stops."""
        if goodbye.reason is GoodbyeReason.FINISHED:
            peer.parted = True
            return
        self._log.info("player {p} left at {at}", p=peer.player, at=goodbye.last_confirmed_frame)
        difference = self.ground.loop.difference
        if goodbye.reason is GoodbyeReason.DIFFERED and difference.ends:
            self.ground.end(difference.saidBy(peer.player))
            return
        left = goodbye.reason is GoodbyeReason.LEFT
        self.ground.end(Outcome.OTHER_LEFT if left else Outcome.OTHER_FAILED)

    def pathFound(self, peer: Peer, now: float) -> None:
        """Packets to another player take another path."""

    def _sayReady(self, peer: Peer, now: float) -> None:
        for packet in peer.barrier.packets():
            if peer.link.send(packet):
                peer.barrier.sent(packet, now)


@attrs.define(eq=False)
class Reaching(Stage):
    """
    The others are not there yet.

    @ivar limit: When to give up, in seconds.
    """

    state: ClassVar[MatchState] = MatchState.REACHING
    limit: float

    def beat(self, now: float) -> float:
        """Say that we are ready, again and again."""
        peers = self.ground.peers.values()
        for peer in peers:
            peer.barrier.checkPatience(now)
        if now >= self.limit:
            for peer in peers:
                peer.barrier.giveUp()
            limit = self.ground.settings.start_timeout
            absent = [str(peer.player) for peer in peers if not peer.barrier.open]
            raise NoPath(
                f"player {', '.join(absent)} could not be reached within {limit:g} s:"
                " check that the lobby's relay is running and that UDP is not blocked"
            )
        for peer in peers:
            self._sayReady(peer, now)
        return now + _READY_INTERVAL

    def readyReceived(self, peer: Peer, ready: Ready, now: float) -> None:
        """Another player is there; play may begin."""
        peer.barrier.readyReceived(ready)
        self._startIfOpen(now)
        super().readyReceived(peer, ready, now)

    def termsReceived(self, peer: Peer, terms: Terms) -> None:
        """Another player refuses our rules, and says its own."""
        peer.barrier.termsReceived(terms)

    def inputsReceived(self, peer: Peer, packet: Inputs, now: float) -> None:
        """Another player has begun: so it has heard us."""
        if peer.barrier.hears:
            peer.barrier.playReceived()
            self._startIfOpen(now)
            super().inputsReceived(peer, packet, now)

    def goodbyeReceived(self, peer: Peer, goodbye: Goodbye, now: float) -> None:
        """Another player stops; if it refuses our rules its terms may still come."""
        if goodbye.reason is GoodbyeReason.REFUSED and not peer.barrier.hears:
            peer.barrier.refused()
        else:
            super().goodbyeReceived(peer, goodbye, now)

    def pathFound(self, peer: Peer, now: float) -> None:
        """Say that we are ready."""
        self._sayReady(peer, now)

    def _startIfOpen(self, now: float) -> None:
        if all(peer.barrier.open for peer in self.ground.peers.values()):
            self.ground.become(Playing(self.ground))
            self.ground.begin(now)


@attrs.define(eq=False)
class Playing(Stage):
    """Frames are played."""

    state: ClassVar[MatchState] = MatchState.PLAYING

    def beat(self, now: float) -> float:
        """Play the frames that are due, and send what they led to."""
        ground = self.ground
        for peer in ground.peers.values():
            round_trip = peer.link.paths.roundTrip()
            if round_trip is not None:
                ground.loop.roundTripMeasured(peer.player, round_trip)
        ground.loop.run(now)
        if self.stopped:
            return now
        ground.sendInputs(now)
        self._watchSilence(now)
        if self.stopped:
            return now
        difference = ground.loop.difference
        if difference.error is not None and difference.isDue(now):
            raise difference.error
        if ground.loop.finished:
            ground.part(GoodbyeReason.FINISHED)
            return now
        return ground.loop.next_due

    def inputsReceived(self, peer: Peer, packet: Inputs, now: float) -> None:
        """A packet of play came; in lockstep it may be what the next frame waited for."""
        super().inputsReceived(peer, packet, now)
        if self.ground.loop.ready and not self.stopped:
            self.ground.wake(now)

    def _watchSilence(self, now: float) -> None:
        protocol = self.ground.protocol
        for peer in self.ground.peers.values():
            heard_at = self.ground.loop.heardAt(peer.player)
            if heard_at is None:
                continue
            silence = now - heard_at
            meaning = peer.watch.silentFor(silence)
            if meaning is Silence.LOST:
                with moment("peerLost"):
                    protocol.peerLost(peer.player, silence)
                raise PeerLost(peer.player, silence)
            if meaning is Silence.INTERRUPTED:
                with moment("interrupted"):
                    protocol.interrupted(peer.player, silence)


@attrs.define(eq=False)
class Leaving(Stage):
    """
    We play no more, and say goodbye; others may still need our inputs.

    @ivar farewell: How long.
    @ivar error: What went wrong, C{None} for nothing.
    """

    state: ClassVar[MatchState] = MatchState.LEAVING
    farewell: Farewell
    error: GamenetError | None

    @property
    def playable(self) -> bool:
        """Whether we have played to the end and others may still do so."""
        return self.farewell.answering

    def beat(self, now: float) -> float:
        """Say goodbye once more, or go."""
        farewell = self.farewell
        ground = self.ground
        difference = ground.loop.difference
        if self.error is None and difference.error is not None and difference.isDue(now):
            raise difference.error
        parted = self._everybodyParted() and not difference.waits(now)
        if farewell.goesOn(parted, now):
            if farewell.answering:
                ground.loop.serve(now)
                ground.sendInputs(now)
            self._sayGoodbye()
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

    def _everybodyParted(self) -> bool:
        peers = self.ground.peers.values()
        return all(peer.parted and self.ground.loop.acknowledged(peer.player) for peer in peers)

    def _sayGoodbye(self) -> None:
        goodbye = Goodbye(self.farewell.reason, self.ground.loop.confirmed_frame)
        for peer in self.ground.peers.values():
            if goodbye.reason is GoodbyeReason.REFUSED:
                peer.link.send(peer.barrier.configuration.terms)
            peer.link.send(goodbye)


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
