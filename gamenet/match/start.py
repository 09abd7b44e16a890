"""
The start of a match, as decisions: when everybody is ready, the moment at which all begin,
and why it is called off.

Each player says again and again whether its game is loaded and whether it has reached all
others.  When that is so for all, the player with the lowest number picks the moment and
says it (COUNTDOWN) until all have acknowledged it; everybody translates it to a clock of
its own.  Whoever finds that it cannot be tells all the others (CALL_OFF), and each of them
does the same, so that all give the same reason.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from gamenet.errors import GamenetError, NoPath, RemoteProtocolError
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.peer_packets import Ready
from gamenet.wire.start_packets import CLOCK_LAST, CallOff, CallOffReason, Countdown

__all__ = ["LEAD_LIMIT", "NoSeat", "NotLoaded", "Start", "StartCalledOff", "errorOf"]

#: The longest that a countdown may take, in seconds: a moment further away is refused.
LEAD_LIMIT = 120.0

#: How long after its moment a countdown may still come, in seconds.
_LATE_LIMIT = 5.0

#: The moment is as many round trips away at least as it takes to say it, to have it
#: acknowledged, and once more if that gets lost ...
_ROUND_TRIPS = 2.0

#: ... and so many seconds.
_SHORTEST_LEAD = 0.3

_MICROSECONDS = 1e6


class NotLoaded(GamenetError):
    """
    Players whose games were not loaded in time; the match was not begun.  All get it.

    @ivar players: Their numbers, ascending.
    """

    def __init__(self, players: tuple[int, ...], limit: float) -> None:
        super().__init__(
            f"{_named(players)} had not loaded within {limit:g} s: check what the game's load()"
            " waits for, or allow more with load_timeout"
        )
        self.players = players


class StartCalledOff(GamenetError):
    """
    Players who fell silent or left before play began; the match was not begun.  All
    others get it.

    @ivar players: Their numbers, ascending.
    @ivar left: Whether they left; otherwise they were lost.
    """

    def __init__(self, players: tuple[int, ...], left: bool) -> None:
        what = "left" if left else "fell silent"
        super().__init__(f"{_named(players)} {what} before play began: start again without them")
        self.players = players
        self.left = left


class NoSeat(GamenetError):
    """
    The others play on and gave us no seat.

    @ivar reason: Why, in words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"no seat in the match: {reason}; check that both games have the same version and"
            " settings, and that the grace was not over"
        )
        self.reason = reason


def _named(players: tuple[int, ...]) -> str:
    """Return players as text."""
    return f"player{'s' if len(players) > 1 else ''} {', '.join(map(str, players))}"


def errorOf(call_off: CallOff, start_timeout: float, load_timeout: float) -> GamenetError:
    """Return what a match ends with that was called off; the same for all."""
    players = call_off.players
    if call_off.reason is CallOffReason.NO_PATH:
        return NoPath(
            f"{_named(players)} could not be reached within {start_timeout:g} s:"
            " check that the lobby's relay is running and that UDP is not blocked"
        )
    if call_off.reason is CallOffReason.NOT_LOADED:
        return NotLoaded(players, load_timeout)
    return StartCalledOff(players, call_off.reason is CallOffReason.LEFT)


@attrs.define
class Start:
    """
    One player's part in the start.  Used by L{gamenet.match.reaching}.

    @ivar player: Our number.
    @ivar others: Those who are there from the start, ascending.
    @ivar loaded: Whether our game is loaded.
    @ivar begins_at: When play begins, in seconds of our clock; C{None} before that is
        known.
    """

    player: int
    others: tuple[int, ...]
    loaded: bool = False
    begins_at: float | None = attrs.field(init=False, default=None)
    _said: dict[int, Ready] = attrs.field(init=False, factory=dict)
    _announced: float | None = attrs.field(init=False, default=None)
    _least_behind: float = attrs.field(init=False, default=float("-inf"))

    @classmethod
    def of(cls, ticket: MatchTicket) -> Start:
        """Return our part in the start of a ticket's match."""
        others = [member.player for member in ticket.members if member.player != ticket.player]
        return cls(ticket.player, tuple(sorted(others)))

    @property
    def announces(self) -> bool:
        """Whether it is us who picks the moment."""
        return all(self.player < other for other in self.others)

    @property
    def announcer(self) -> int:
        """Who picks the moment."""
        return min((self.player, *self.others))

    @property
    def counting(self) -> bool:
        """Whether the moment is known."""
        return self.begins_at is not None

    def heard(self, player: int, ready: Ready) -> None:
        """Another player's READY came, by the same rules as ours; what is said stays said."""
        former = self._said.get(player)
        if former is not None:
            ready = Ready(
                ready.digest,
                ready.heard or former.heard,
                ready.loaded or former.loaded,
                ready.reached or former.reached,
                ready.counting or former.counting,
            )
        self._said[player] = ready

    def notLoaded(self) -> tuple[int, ...]:
        """Return whose games are not loaded, as far as we heard, ascending."""
        ours = () if self.loaded else (self.player,)
        return tuple(sorted((*ours, *self._without(lambda ready: ready.loaded))))

    def notReached(self) -> tuple[int, ...]:
        """Return who has not said to have reached everybody, ascending."""
        return self._without(lambda ready: ready.reached)

    def notCounting(self) -> tuple[int, ...]:
        """Return who has not said to know the moment, ascending."""
        return self._without(lambda ready: ready.counting)

    def pick(self, countdown: float, round_trip: float, now: float) -> None:
        """
        Pick the moment.

        @param countdown: How far away it is at least, in seconds.
        @param round_trip: To the player who is farthest away, in seconds.
        @param now: The time, in seconds.
        """
        lead = max(countdown, _ROUND_TRIPS * round_trip + _SHORTEST_LEAD)
        self.begins_at = now + lead

    def packet(self, now: float) -> Countdown:
        """
        Return what tells the others the moment; it is picked.

        @param now: The time, in seconds.
        """
        return Countdown(_ticks(self.begins_at or 0.0), _ticks(now))

    def countdownReceived(self, player: int, packet: Countdown, round_trip: float | None,
                          offset: float | None, now: float) -> None:
        """
        The moment was said.

        @param round_trip: To that player and back, in seconds, C{None} if unknown.
        @param offset: What is to be added to our clock to get theirs, in seconds; C{None}
            if unknown.
        @param now: The time, in seconds.
        @raise RemoteProtocolError: It is not theirs to say, or too far away; nothing changed.
        """
        if player != self.announcer:
            raise RemoteProtocolError(f"player {player} says when play begins, unasked")
        lead = (packet.begins_at - packet.sent_at) / _MICROSECONDS
        if not -_LATE_LIMIT <= lead <= LEAD_LIMIT:
            raise RemoteProtocolError(f"player {player} begins in {lead:g} s")
        behind = packet.sent_at / _MICROSECONDS - now
        if offset is not None and abs(offset - behind) > _LATE_LIMIT:
            offset = None  # our estimate cannot be right: believe what was just said
        if self._announced is None:
            self._announced = packet.begins_at / _MICROSECONDS
        self._least_behind = max(self._least_behind, behind)
        self.translate(offset, round_trip)

    def translate(self, offset: float | None, round_trip: float | None) -> None:
        """
        Know the other clock better.

        @param offset: As L{countdownReceived}.  Without it the quickest of the packets that
            came counts, and took half of the round trip.
        @param round_trip: Likewise.
        """
        if self._announced is None:
            return
        if offset is None or abs(offset - self._least_behind) > _LATE_LIMIT:
            offset = self._least_behind + (round_trip or 0.0) / 2
        self.begins_at = self._announced - offset

    def _without(self, said: Callable[[Ready], bool]) -> tuple[int, ...]:
        return tuple(
            other for other in self.others
            if other not in self._said or not said(self._said[other])
        )


def _ticks(moment: float) -> int:
    """Return a moment as it is sent, in microseconds."""
    return min(max(round(moment * _MICROSECONDS), ~CLOCK_LAST), CLOCK_LAST)
