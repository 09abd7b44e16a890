"""The log that strangers cannot fill."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from gamenet.machine.sparse_log import SparseLog


class SparseLogTests(SynchronousTestCase):
    """Bad input: one log event."""

    def test_oneAKindAndInterval(self) -> None:
        """Of each kind one event is written in 60 s, with its fields; the rest is counted."""
        events: list[dict[str, Any]] = []
        clock = Clock()
        log = SparseLog(Logger(observer=events.append), clock)
        for second in range(121):
            log.note("forged", "a {kind} packet in second {second}", second=second)
            if second == 30:
                log.note("lying", "a {kind} packet in second {second}", second=second)
            clock.advance(1.0)
        written = [(each["kind"], each["second"]) for each in events]
        self.assertEqual(
            written, [("forged", 0), ("lying", 30), ("forged", 60), ("forged", 120)]
        )
        self.assertEqual(log.suppressed, 118)
