"""
The states of a match before play: the others are reached and load, the seconds are
counted down; or, for who comes late, the way in is found.
"""

from __future__ import annotations

import math
from typing import ClassVar

import attrs

from gamenet.errors import NoPath, RemoteProtocolError
from gamenet.match.moments import moment
from gamenet.match.peer import Peer
from gamenet.match.playing import Playing
from gamenet.match.stage import MatchState, Stage
from gamenet.match.start import NotLoaded
from gamenet.wire.peer_packets import Goodbye, GoodbyeReason, Inputs, Ready, Terms
from gamenet.wire.start_packets import CallOff, CallOffReason, Countdown

__all__ = ["COUNTING_SILENCE", "Arriving", "Counting", "Reaching"]

#: Seconds between two READY while the others are not there yet.
READY_INTERVAL = 0.1

#: The most seconds of silence of another player while the seconds are counted down.
COUNTING_SILENCE = 2.0


@attrs.define(eq=False)
class _BeforePlay(Stage):
    """What the states before play have in common."""

    def goodbyeReceived(self, peer: Peer, goodbye: Goodbye, now: float) -> None:
        """Another player stops; if it refuses our rules its terms may still come."""
        if goodbye.reason is GoodbyeReason.REFUSED and not peer.barrier.hears:
            peer.barrier.refused()
        else:
            super().goodbyeReceived(peer, goodbye, now)

    def callOffReceived(self, peer: Peer, packet: CallOff, now: float) -> None:
        """The match does not begin; all others are told as well."""
        self.ground.callOff(packet)

    def _left(self, peer: Peer, reason: GoodbyeReason) -> None:
        if peer not in self.ground.starters:
            return
        if len(self.ground.starters) == 1:
            super()._left(peer, reason)
        else:
            self.ground.callOff(CallOff(CallOffReason.LEFT, (peer.player,)))

    def _silent(self, limit: float, now: float) -> tuple[int, ...]:
        """Return who was heard, and has been silent for so many seconds."""
        return tuple(
            peer.player
            for peer in self.ground.starters
            if peer.barrier.hears and now - max(peer.heard_at, self.since) >= limit
        )

    since: float = attrs.field(default=-math.inf, kw_only=True)


@attrs.define(eq=False)
class Reaching(_BeforePlay):
    """
    The others are not there yet, or not loaded.

    @ivar limit: When to give up reaching them, in seconds.
    @ivar load_limit: When to give up waiting for those who load, in seconds.
    @ivar since: When this began, in seconds.
    """

    state: ClassVar[MatchState] = MatchState.REACHING
    limit: float
    load_limit: float = math.inf

    def beat(self, now: float) -> float:
        """Say that we are ready, again and again."""
        ground = self.ground
        for peer in ground.starters:
            peer.barrier.checkPatience(now)
        if self._givesUp(now):
            return now
        for peer in ground.starters:
            self._sayReady(peer, now)
        self._startIfReady(now)
        return now + READY_INTERVAL

    def readyReceived(self, peer: Peer, ready: Ready, now: float) -> None:
        """Another player is there; play may begin."""
        peer.barrier.readyReceived(ready)
        if peer.barrier.hears:
            self.ground.start.heard(peer.player, ready)
        knew = ready.heard
        self._startIfReady(now)
        if not knew:
            self._sayReady(peer, now)

    def termsReceived(self, peer: Peer, terms: Terms) -> None:
        """Another player refuses our rules, and says its own."""
        peer.barrier.termsReceived(terms)

    def countdownReceived(self, peer: Peer, packet: Countdown, now: float) -> None:
        """Everybody is ready, and the moment is said."""
        if not peer.barrier.hears:
            return
        peer.barrier.playReceived()
        takeCountdown(self, peer, packet, now)
        if self.ground.start.counting and not self.stopped:
            self._count(now)

    def inputsReceived(self, peer: Peer, packet: Inputs, now: float) -> None:
        """Another player has begun: so everybody has heard everybody."""
        if not peer.barrier.hears:
            return
        peer.barrier.playReceived()
        if self.ground.start.loaded and self._open():
            self._play(now)
            super().inputsReceived(peer, packet, now)

    def pathFound(self, peer: Peer, now: float) -> None:
        """Say that we are ready."""
        self._sayReady(peer, now)

    def _open(self) -> bool:
        return all(peer.barrier.open for peer in self.ground.starters)

    def _givesUp(self, now: float) -> bool:
        """Call the match off where a limit is reached; return whether that is so."""
        ground = self.ground
        lost = self._silent(ground.settings.lost_after, now)
        if lost:
            ground.callOff(CallOff(CallOffReason.LOST, lost))
            return True
        absent = tuple(peer.player for peer in ground.starters if not peer.barrier.open)
        if now >= self.limit and (absent or ground.start.notReached()):
            for peer in ground.starters:
                peer.barrier.giveUp()
            players = absent or ground.start.notReached()
            ground.callOff(CallOff(CallOffReason.NO_PATH, players))
            return True
        if now >= self.load_limit:
            late = ground.start.notLoaded() or (ground.start.announcer,)
            ground.callOff(CallOff(CallOffReason.NOT_LOADED, late))
            return True
        return False

    def _startIfReady(self, now: float) -> None:
        start = self.ground.start
        if self.stopped or not self._open() or start.notReached():
            return
        self.ground.session.begin()
        if self.stopped or start.notLoaded():
            return
        countdown = self.ground.settings.countdown
        if not countdown:
            self._play(now)
        elif start.announces:
            trips = [peer.round_trip or 0.0 for peer in self.ground.starters]
            start.pick(countdown, max(trips, default=0.0), now)
            self._count(now)

    def _play(self, now: float) -> None:
        self.ground.become(Playing(self.ground))
        self.ground.begin(now)

    def _count(self, now: float) -> None:
        self.ground.become(Counting(self.ground, since=now))
        self.ground.wake(now)


@attrs.define(eq=False)
class Counting(_BeforePlay):
    """
    All are there, and know when play begins, or are about to be told.

    @ivar since: When this began, in seconds.
    """

    state: ClassVar[MatchState] = MatchState.COUNTING
    _told: int = attrs.field(init=False, default=0)
    _say_at: float = attrs.field(init=False, default=-math.inf)

    def beat(self, now: float) -> float:
        """Count, and begin when the moment has come."""
        ground = self.ground
        start = ground.start
        lost = self._silent(min(COUNTING_SILENCE, ground.settings.lost_after), now)
        if not lost and start.announces and now >= self._begins_at:
            lost = start.notCounting()
        if lost:
            ground.callOff(CallOff(CallOffReason.LOST, lost))
            return now
        if not start.announces:
            announcer = ground.peers[start.announcer]
            start.translate(announcer.clock_offset, announcer.round_trip)
        if now >= self._begins_at:
            ground.become(Playing(ground))
            ground.begin(self._begins_at)
            return now
        self._tellGame(now)
        if now >= self._say_at:
            self._say_at = now + READY_INTERVAL
            for peer in ground.starters:
                self._say(peer, now)
        left = self._begins_at - now
        second = self._begins_at - (math.ceil(left) - 1)
        return min(self._say_at, self._begins_at, second if second > now else math.inf)

    def readyReceived(self, peer: Peer, ready: Ready, now: float) -> None:
        """Another player may know the moment now."""
        if ready.digest == peer.barrier.configuration.digest:
            self.ground.start.heard(peer.player, ready)
        super().readyReceived(peer, ready, now)

    def countdownReceived(self, peer: Peer, packet: Countdown, now: float) -> None:
        """The moment is said again: the clocks may be known better."""
        takeCountdown(self, peer, packet, now)

    def inputsReceived(self, peer: Peer, packet: Inputs, now: float) -> None:
        """Another player has begun, by its clock; ours will follow."""

    @property
    def _begins_at(self) -> float:
        begins_at = self.ground.start.begins_at
        return math.inf if begins_at is None else begins_at

    def _tellGame(self, now: float) -> None:
        """Tell the game how many whole seconds are left, each of them once."""
        left = math.ceil(self._begins_at - now - 1e-6)
        if left > 0 and (not self._told or left < self._told):
            self._told = left
            with moment("countdown"):
                self.ground.protocol.countdown(left)

    def _say(self, peer: Peer, now: float) -> None:
        self._sayReady(peer, now)
        start = self.ground.start
        if start.announces and peer.player in start.notCounting():
            peer.send(start.packet(now))


@attrs.define(eq=False)
class Arriving(_BeforePlay):
    """
    The others play already: load, and find one of them.

    @ivar limit: When to give up reaching them, in seconds.
    @ivar load_limit: When to give up loading, in seconds.
    """

    state: ClassVar[MatchState] = MatchState.REACHING
    limit: float
    load_limit: float

    def beat(self, now: float) -> float:
        """Go in as soon as anybody can be reached."""
        ground = self.ground
        start = ground.start
        reached = any(peer.has_path for peer in ground.peers.values())
        if start.loaded and reached:
            ground.become(Playing(ground))
            ground.begin(now)
            return now
        if not reached and now >= self.limit:
            limit = ground.settings.start_timeout
            raise NoPath(
                f"nobody in the match could be reached within {limit:g} s: check that the"
                " lobby's relay is running and that UDP is not blocked"
            )
        if now >= self.load_limit:
            raise NotLoaded((start.player,), ground.settings.load_timeout)
        return now + READY_INTERVAL

    def goodbyeReceived(self, peer: Peer, goodbye: Goodbye, now: float) -> None:
        """One of those who play leaves."""
        peer.parted = True

    def callOffReceived(self, peer: Peer, packet: CallOff, now: float) -> None:
        """The match that we come late to did not begin."""
        self.ground.callOff(packet)


def takeCountdown(
    stage: Reaching | Counting, peer: Peer, packet: Countdown, now: float
) -> None:
    """Take the moment that another player says, unless it cannot be."""
    try:
        stage.ground.start.countdownReceived(
            peer.player, packet, peer.round_trip, peer.clock_offset, now
        )
    except RemoteProtocolError as error:
        stage._log.warn("a countdown refused: {why}", why=str(error))
