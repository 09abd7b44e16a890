"""
The Twisted side of L{gamenet.traversal.punch}: it keeps the timer, and carries
effects out through two callables, so that it owns neither socket nor lobby.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from gamenet.errors import RemoteProtocolError
from gamenet.interfaces import Address, IMachine
from gamenet.machine.alarm import Alarm
from gamenet.traversal.candidates import punchTargets
from gamenet.traversal.punch import (
    Punch,
    PunchEffect,
    PunchRole,
    PunchSettings,
    SendProbes,
)
from gamenet.wire.lobby_values import ATTEMPT_BYTES, Candidate

__all__ = ["TraversalAgent"]


class TraversalAgent:
    """
    Searches a direct path to one other player until one is proven, and again
    whenever it is lost.  Owned by a L{gamenet.mesh.link.PeerLink}.
    """

    _log = Logger()

    def __init__(
        self,
        machine: IMachine,
        role: PunchRole,
        sendProbe: Callable[[Address], object],
        sendStep: Callable[[bytes, int], object],
        settings: PunchSettings | None = None,
    ) -> None:
        """
        @param machine: Gives the clock and the random bytes of attempt ids.
        @param role: L{PunchRole.OPENER} for the lower player number.
        @param sendProbe: Called with each address to probe; sends an
            authenticated check there from the game socket.
        @param sendStep: Called with an attempt id (16 bytes) and a
            L{gamenet.traversal.punch.StepKind}; has the lobby carry it.
        """
        self._machine = machine
        self._sendProbe = sendProbe
        self._sendStep = sendStep
        self._punch = Punch(role, settings or PunchSettings())
        self._alarm = Alarm(machine.clock, self._tick)
        self._refused = 0

    @property
    def attempts(self) -> int:
        """How many attempts were begun so far."""
        return self._punch.attempts

    def begin(self, ours: Iterable[Candidate], theirs: Iterable[Candidate]) -> None:
        """Start, or go on with changed candidates of either side."""
        self._punch.begin(punchTargets(ours, theirs), self._machine.clock.seconds())
        self._alarm.set(self._punch.next_due)

    def stepReceived(self, attempt: bytes, kind: int) -> None:
        """
        The lobby carried a step to us; one that makes no sense is dropped, and the first
        of those is logged.
        """
        try:
            effects = self._punch.stepReceived(attempt, kind, self._machine.clock.seconds())
        except RemoteProtocolError as error:
            if not self._refused:
                self._log.warn(
                    "a step was refused: {reason}; more are only counted", reason=str(error)
                )
            self._refused += 1
            return
        self._carryOut(effects)

    def pathProven(self) -> None:
        """A direct path works."""
        self._punch.pathProven()
        self._alarm.set(self._punch.next_due)

    def pathLost(self) -> None:
        """The last direct path died."""
        self._punch.pathLost(self._machine.clock.seconds())
        self._alarm.set(self._punch.next_due)

    def stop(self) -> None:
        """End for good; no timer is left."""
        self._punch.stop()
        self._alarm.set(self._punch.next_due)

    def _tick(self) -> None:
        now = self._machine.clock.seconds()
        self._carryOut(self._punch.tick(now, self._machine.randomBytes(ATTEMPT_BYTES)))

    def _carryOut(self, effects: tuple[PunchEffect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, SendProbes):
                for target in effect.targets:
                    self._sendProbe(target)
            else:
                self._sendStep(effect.attempt, int(effect.kind))
        self._alarm.set(self._punch.next_due)
