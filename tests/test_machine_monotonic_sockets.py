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

    def report(self, reactor: str, *arguments: str) -> dict[str, Any]:
        """Return what L{tests.stepped_wall_clock} says."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        finished = subprocess.run(
            [sys.executable, "-m", "tests.stepped_wall_clock", reactor, folder, *arguments],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(finished.returncode, 0, finished.stderr)
        self.assertEqual(finished.stderr, "")
        report: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
        self.assertEqual(report["errors"], [])
        return report

    def survives(self, reactor: str, name: str) -> None:
        """Fail unless everything goes on as if nothing had happened."""
        report = self.report(reactor)
        self.assertEqual(report["reactor"], name)
        due = {"before": 0.5, "after": 0.6, "forward": 0.7, "back": 0.7, "end": 1.0}
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

    def test_epoll(self) -> None:
        """Under the default reactor of Linux."""
        self.survives("epoll", "EPollReactor")

    def test_select(self) -> None:
        """Under the reactor that runs everywhere."""
        self.survives("select", "SelectReactor")

    def test_asyncio(self) -> None:
        """Under the reactor that a host program with an asyncio loop brings."""
        self.survives("asyncio", "AsyncioSelectorReactor")

    def test_control(self) -> None:
        """Without the change to monotonic time the step shows: this test can fail."""
        timers = self.report("epoll", "--leave-wall-clock")["timers"]
        self.assertLess(timers["before"], 0.4)
        self.assertLess(timers["after"], 0.4)
