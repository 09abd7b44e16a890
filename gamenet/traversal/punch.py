"""
The handshake punch of seed row N11, as decisions.

Of two players one is the I{opener} (the lower player number, so the host
towards everybody) and the other the I{answerer}.  The opener sends a probe to
each address of the answerer, which opens its own router towards them, and
tells the lobby so; the lobby tells the answerer, whose probes then pass.  Both
repeat their probes until one is answered or the attempt's time is up; then
the opener pauses and begins another attempt, for as long as the match lasts.

Probes are repeated because any one datagram may be lost.  A probe that comes
from an address nobody named is answered, and probed back, by
L{gamenet.mesh.path}: it needs no decision here.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, IntEnum

import attrs

from gamenet.bounds import seconds, wholeNumber
from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.interfaces import Address
from gamenet.wire.lobby_values import ATTEMPT_BYTES

__all__ = [
    "Punch",
    "PunchEffect",
    "PunchRole",
    "PunchSettings",
    "PunchState",
    "SendProbes",
    "SendStep",
    "StepKind",
]


class StepKind(IntEnum):
    """What a step message, carried by the lobby, asks of the other player."""

    #: "My router is open towards you: answer me" (seed row N11, steps 3 and 4).
    OPENED = 1


class PunchRole(Enum):
    """Who opens and who answers."""

    OPENER = "opener"
    ANSWERER = "answerer"


class PunchState(Enum):
    """Where a punch stands."""

    #: No attempt is running: not begun, or the answerer waits for a step.
    WAITING = "waiting"
    #: Probes go out.
    PROBING = "probing"
    #: The opener lets some time pass after an attempt that failed.
    PAUSED = "paused"
    #: A direct path is proven; probing is over until it is lost.
    OPEN = "open"
    #: Called off; nothing happens any more.
    STOPPED = "stopped"


@attrs.frozen
class PunchSettings:
    """
    The limits of punching.

    @ivar probe_interval: Seconds between two rounds of probes.
    @ivar step_interval: Seconds between two notices to the lobby.
    @ivar attempt_timeout: Seconds an attempt may take (seed row H2).
    @ivar pause: Seconds between a failed attempt and the next.
    @ivar longest_pause: What C{pause} grows to, doubling at each failure.
    @ivar address_limit: How many different addresses of one player are ever probed.
    @ivar remembered_attempts: How many attempt ids are remembered, so that a
        repeated step is known as one (seed row H6).
    """

    probe_interval: float = attrs.field(default=0.2, validator=seconds())
    step_interval: float = attrs.field(default=1.0, validator=seconds())
    attempt_timeout: float = attrs.field(default=5.0, validator=seconds())
    pause: float = attrs.field(default=1.0, validator=seconds())
    longest_pause: float = attrs.field(default=16.0, validator=seconds())
    address_limit: int = attrs.field(default=24, validator=wholeNumber(1, 4096))
    remembered_attempts: int = attrs.field(default=16, validator=wholeNumber(1, 4096))


@attrs.frozen
class SendProbes:
    """Probe each of C{targets} once, now."""

    targets: tuple[Address, ...]


@attrs.frozen
class SendStep:
    """Ask the lobby to carry a step of C{kind} to the other player."""

    attempt: bytes
    kind: StepKind


PunchEffect = SendProbes | SendStep


@attrs.define
class Punch:
    """
    The punch between this player and one other.

    Called by L{gamenet.traversal.agent.TraversalAgent}.  Every input carries
    C{now} (seconds) and gives back the effects to carry out, in order.

    @ivar role: Which side this is.
    @ivar settings: The limits.
    @ivar state: Where the punch stands.
    @ivar targets: The addresses to probe.
    @ivar attempts: How many attempts were begun.
    @ivar next_due: When L{tick} wants to be called, or C{None}.
    """

    role: PunchRole
    settings: PunchSettings = attrs.field(factory=PunchSettings)
    state: PunchState = attrs.field(init=False, default=PunchState.WAITING)
    targets: tuple[Address, ...] = attrs.field(init=False, default=())
    attempts: int = attrs.field(init=False, default=0)
    next_due: float | None = attrs.field(init=False, default=None)
    _attempt: bytes = attrs.field(init=False, default=b"")
    _attempt_ends: float = attrs.field(init=False, default=0.0)
    _next_step: float = attrs.field(init=False, default=0.0)
    _pause: float = attrs.field(init=False, default=0.0)
    _seen: deque[bytes] = attrs.field(init=False)
    _named: dict[Address, None] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._seen = deque(maxlen=self.settings.remembered_attempts)
        self._pause = self.settings.pause

    def begin(self, targets: tuple[Address, ...], now: float) -> None:
        """
        Name the addresses to punch at; the opener's first attempt is due at once.

        May be called again whenever the other player's candidates change; after
        C{address_limit} different addresses, further ones are ignored, so that nobody can
        make us probe their way through a network.
        """
        for target in targets:
            if len(self._named) < self.settings.address_limit:
                self._named[target] = None
        targets = tuple(target for target in targets if target in self._named)
        self.targets = targets
        if self.role is PunchRole.OPENER and self.state is PunchState.WAITING and targets:
            self.state = PunchState.PAUSED
            self.next_due = now

    def tick(self, now: float, attempt: bytes) -> tuple[PunchEffect, ...]:
        """
        Do what is due.

        @param attempt: L{ATTEMPT_BYTES} fresh random bytes, used as the id of an
            attempt if one begins now.
        @raise LocalProtocolError: C{attempt} is not of that size.
        """
        if len(attempt) != ATTEMPT_BYTES:
            raise LocalProtocolError(f"an attempt id has {ATTEMPT_BYTES} bytes, not {len(attempt)}")
        if self.next_due is None or now < self.next_due:
            return ()
        if self.state is PunchState.PAUSED:
            return self._beginAttempt(attempt, now)
        if now >= self._attempt_ends:
            self._giveUp(now)
            return ()
        self.next_due = now + self.settings.probe_interval
        probes = SendProbes(self.targets)
        if self.role is PunchRole.OPENER and now >= self._next_step:
            self._next_step = now + self.settings.step_interval
            return (probes, SendStep(self._attempt, StepKind.OPENED))
        return (probes,)

    def stepReceived(self, attempt: bytes, kind: int, now: float) -> tuple[PunchEffect, ...]:
        """
        The lobby carried a step from the other player to us.

        @return: Probes, if none go out yet; nothing if they do (this attempt then
            prolongs them, so that no number of steps makes us probe more often),
            if the attempt is known already, or if a path is open.
        @raise RemoteProtocolError: The step makes no sense: an unknown kind,
            or one sent to the side that opens.
        """
        if kind != StepKind.OPENED:
            raise RemoteProtocolError(f"unknown step kind {kind}")
        if self.role is PunchRole.OPENER:
            raise RemoteProtocolError("a step from the side that should only answer")
        if attempt in self._seen or self.state in (PunchState.OPEN, PunchState.STOPPED):
            return ()
        self._seen.append(attempt)
        self.attempts += 1
        self._attempt_ends = now + self.settings.attempt_timeout
        if self.state is PunchState.PROBING:
            return ()
        self.state = PunchState.PROBING
        self.next_due = now + self.settings.probe_interval
        return (SendProbes(self.targets),)

    def pathProven(self) -> None:
        """A direct path works: stop probing."""
        if self.state is not PunchState.STOPPED:
            self.state = PunchState.OPEN
            self.next_due = None
            self._pause = self.settings.pause

    def pathLost(self, now: float) -> None:
        """The last direct path died: the opener begins anew, the answerer waits to be asked."""
        if self.state is not PunchState.OPEN:
            return
        if self.role is PunchRole.OPENER:
            self.state = PunchState.PAUSED
            self.next_due = now
        else:
            self.state = PunchState.WAITING

    def stop(self) -> None:
        """Call the punch off for good."""
        self.state = PunchState.STOPPED
        self.next_due = None

    def _beginAttempt(self, attempt: bytes, now: float) -> tuple[PunchEffect, ...]:
        self.attempts += 1
        self.state = PunchState.PROBING
        self._attempt = attempt
        self._attempt_ends = now + self.settings.attempt_timeout
        self._next_step = now + self.settings.step_interval
        self.next_due = now + self.settings.probe_interval
        return (SendProbes(self.targets), SendStep(attempt, StepKind.OPENED))

    def _giveUp(self, now: float) -> None:
        if self.role is PunchRole.ANSWERER:
            self.state = PunchState.WAITING
            self.next_due = None
            return
        self.state = PunchState.PAUSED
        self.next_due = now + self._pause
        self._pause = min(self._pause * 2, self.settings.longest_pause)
