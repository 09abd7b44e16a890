"""
Done when: both services and the player run on monotonic time and survive a
stepped wall clock.  With real sockets, under each reactor that gamenet supports.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.twistd_process import ROOT, environment


class SteppedWallClockTests(SynchronousTestCase):
    """The wall clock goes an hour ahead, and then two hours back."""

    def begin(self, reactor: str, mover: str) -> subprocess.Popen[str]:
        """Start L{tests.stepped_wall_clock} in a process of its own."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.stepped_wall_clock", reactor, folder, mover],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def report(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        """Return what it says, once it has ended."""
        output, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, errors), (0, ""))
        report: dict[str, Any] = json.loads(output.splitlines()[-1])
        self.assertEqual(report["errors"], [])
        return report

    def assertSurvived(self, report: dict[str, Any]) -> None:
        """Fail unless everything went on as if nothing had happened."""
        due = {"before": 0.9, "after": 0.9, "forward": 0.9, "back": 0.9, "end": 1.2}
        self.assertEqual(sorted(report["timers"]), sorted(due))
        for label, when in report["timers"].items():
            self.assertTrue(due[label] - 0.01 <= when <= due[label] + 10, (label, when))
        services = report["services"]
        self.assertIs(services["monotonic"], True)
        for step in services["steps"]:
            self.assertGreaterEqual(step.pop("heartbeats"), 3)
            self.assertEqual(
                step,
                {
                    "connected": True,
                    "over": "datagrams",
                    "lost": [],
                    "clients": 1,
                    "sessions": 1,
                    "allocations": 1,
                    "expired": 0,
                    "relayed_closed": False,
                },
            )

    def test_everyReactor(self) -> None:
        """Timers, both services and a player go on, under epoll, select and asyncio."""
        cases = [
            ("epoll", "relay", "EPollReactor"),
            ("select", "lobby", "SelectReactor"),
            ("asyncio", "player", "AsyncioSelectorReactor"),
        ]
        processes = [self.begin(reactor, mover) for reactor, mover, _ in cases]
        for process, (_, _, name) in zip(processes, cases, strict=True):
            report = self.report(process)
            self.assertEqual(report["reactor"], name)
            self.assertSurvived(report)

    def test_control(self) -> None:
        """Without the change to monotonic time the step shows: this test can fail."""
        timers = self.report(self.begin("epoll", "nobody"))["timers"]
        self.assertLess(timers["before"], 0.8)
        self.assertLess(timers["after"], 0.8)
