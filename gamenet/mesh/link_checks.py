"""
The checks of one link's paths: when they leave, how they are answered, and what they
tell of the other player's clock and of loss.
"""

from __future__ import annotations

from collections.abc import Callable

from gamenet.interfaces import IMachine
from gamenet.machine.alarm import STALL, Alarm
from gamenet.mesh.clock_offset import ClockOffset, ClockSettings
from gamenet.mesh.link_report import LinkStatistics
from gamenet.mesh.loss_meter import LossMeter
from gamenet.mesh.path import Path, PathKind, PathSettings, PathTable
from gamenet.wire.peer_packets import (
    NONCE_BYTES,
    Check,
    CheckAnswer,
    Reception,
    encodePeerPacket,
)

__all__ = ["LinkChecks"]


class LinkChecks:
    """
    The paths of one link, and the timer of their checks.  Owned by a
    L{gamenet.mesh.link.PeerLink}.

    @ivar paths: The paths.
    @ivar clock_offset: What the other player's clock shows.
    @ivar loss_meter: How much of what they send is lost.
    @ivar loss_there: How much of ours is, as they said last.
    @ivar sent: How many datagrams other than checks were sent under the present keys.
    """

    def __init__(
        self,
        machine: IMachine,
        path_settings: PathSettings,
        clock_settings: ClockSettings,
        statistics: LinkStatistics,
        sendOver: Callable[[Path, bytes], object],
        ring: Callable[[], object],
    ) -> None:
        """
        @param sendOver: Called with a path and each packet to be sealed and sent over it.
        @param ring: Called when something is due.
        """
        self.paths = PathTable(path_settings)
        self.clock_offset = ClockOffset(clock_settings)
        self.loss_meter = LossMeter()
        self.loss_there: float | None = None
        self.sent = 0
        self._machine = machine
        self._statistics = statistics
        self._sendOver = sendOver
        self._alarm = Alarm(machine.clock, ring)
        self._stopped = False

    def check(self, path: Path, now: float) -> None:
        """Send a check over a path that is in the table."""
        if self._stopped or self.paths.record(path) is None:
            return
        nonce = self._machine.randomBytes(NONCE_BYTES)
        paths = self.paths
        paths.checkSent(path, nonce, now)
        reception = Reception.measured(self.loss_meter.loss(), paths.jitter(), self.sent)
        self._send(path, Check(nonce, reception))

    def checkDue(self, now: float) -> None:
        """Send every check that is due."""
        for path in self.paths.dueChecks(now):
            self.check(path, now)

    def turn(self) -> None:
        """Send every check that is due, and come back when the next is."""
        self.checkDue(self._machine.clock.seconds())
        self.schedule()

    def checkReceived(self, path: Path, check: Check, now: float) -> None:
        """Answer a check, and check back where the path is not proven."""
        clock = None
        if check.reception is not None:
            self.loss_there = check.reception.loss_share
            self.loss_meter.told(check.reception.sent)
            clock = int(now * 1e6)
        self._send(path, CheckAnswer(check.nonce, clock))
        record = self.paths.record(path)
        if record is None or not record.proven:
            self.paths.add(path, now)
            self.check(path, now)
            self.schedule()

    def answerReceived(self, path: Path, answer: CheckAnswer, now: float) -> bool:
        """
        Take an answer.

        @return: Whether it proves a path that was not proven before.
        """
        sent = self.paths.sentAt(path, answer.nonce)
        if sent is not None and answer.clock is not None:
            self.clock_offset.answered(sent, answer.clock / 1e6, now)
        return self.paths.answered(path, answer.nonce, now)

    def stoodStill(self, now: float) -> bool:
        """
        Find out whether the process has stood still since the checks were due; if so,
        nothing is concluded from what came or stayed away meanwhile.
        """
        due = self._alarm.due
        late = self._alarm.late if due is None else now - due
        if late <= STALL:
            return False
        self._alarm.late = 0.0
        self._alarm.set(now)
        self.paths.recheck(now)
        return True

    def forget(self, now: float) -> None:
        """
        Begin anew: whoever is at the other end is another process.  The way through the
        relay that was announced is tried again; no path is believed.
        """
        announced = [
            path
            for path in self.paths.through(PathKind.RELAY)
            if (record := self.paths.record(path)) is not None and record.announced
        ]
        self.paths.clear()
        self.clock_offset.forget()
        self.loss_meter = LossMeter()
        self.loss_there = None
        self.sent = 0
        for path in announced:
            self.paths.add(path, now, announced=True)

    def schedule(self) -> None:
        """Ring when the next check or expiry is due."""
        self._alarm.set(None if self._stopped else self.paths.nextDue())

    def stop(self) -> None:
        """No timer is left, and nothing is sent any more."""
        self._stopped = True
        self._alarm.cancel()

    def _send(self, path: Path, packet: Check | CheckAnswer) -> None:
        self._statistics.checks_sent += 1
        self._sendOver(path, encodePeerPacket(packet))
