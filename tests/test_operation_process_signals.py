"""Tests of L{gamenet.operation.process_signals}."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from gamenet.operation.process_signals import ProcessSignals


class _Reactor:
    """Keeps what it is asked to call."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []

    def callFromThread(self, call: Callable[[], object]) -> None:
        """Keep it."""
        self.calls.append(call)


class ProcessSignalsTests(SynchronousTestCase):
    """Signals of a process."""

    def setUp(self) -> None:
        self.reactor = _Reactor()
        self.signals = ProcessSignals(self.reactor)
        self.addCleanup(self.signals.putBack)
        self.heard: list[str] = []

    def test_heard(self) -> None:
        """A signal reaches whoever wants it by the reactor, and not in the middle of things."""
        self.signals.install({"SIGUSR1": lambda: self.heard.append("USR1")})
        os.kill(os.getpid(), signal.SIGUSR1)
        self.assertEqual((len(self.reactor.calls), self.heard), (1, []))
        self.reactor.calls[0]()
        self.assertEqual(self.heard, ["USR1"])

    def test_putBack(self) -> None:
        """What was there before is put back, also where it was installed twice."""
        before = signal.getsignal(signal.SIGUSR1)
        for _ in range(2):
            self.signals.install({"SIGUSR1": lambda: None})
        self.assertNotEqual(signal.getsignal(signal.SIGUSR1), before)
        for _ in range(2):
            self.signals.putBack()
            self.assertEqual(signal.getsignal(signal.SIGUSR1), before)

    def test_unknown(self) -> None:
        """Where the system has no such signal, as on Windows, nothing is done."""
        self.signals.install({"SIGNOTHING": lambda: None})
        self.signals.putBack()
