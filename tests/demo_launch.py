"""
A parent of a demo whose processes only exist in the test.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.launcher import Launcher, Limits
from gamenet.demo.settings import DemoSettings
from gamenet.demo.table import ProgressLine
from gamenet.demo.verdict import Verdict
from tests.fake_processes import FakeProcess, FakeReactor
from tests.test_demo_tracking import resultLine, sampleLine

__all__ = ["FRAMES", "LIMITS", "LONG", "Casualty", "FakeMachine", "LaunchedDemo", "report"]

#: How many frames are played, and how many where somebody is killed.
FRAMES, LONG = 4, 60

#: How long the parent waits.
LIMITS = Limits(start=10.0, meeting=20.0, silence=5.0, end=2.0)


class FakeMachine:
    """Where random bytes come from."""

    def randomBytes(self, count: int) -> bytes:
        """Return as many."""
        return b"\x5a" * count


def report(**values: object) -> bytes:
    """Return one report of a player."""
    return json.dumps(values).encode()


class LaunchedDemo(SynchronousTestCase):
    """
    A test of the parent.

    @ivar asked: What is played.
    """

    asked = DemoSettings(frames=FRAMES)

    def setUp(self) -> None:
        """Prepare a demo of four frames."""
        self.reactor = FakeReactor()
        self.stream = StringIO()
        self.status: Callable[[object, str], Deferred[dict[str, Any]]] = self.answerStatus
        self.fetched: list[str] = []
        self.launcher = Launcher(
            reactor=self.reactor,
            machine=FakeMachine(),
            settings=self.asked,
            progress=ProgressLine(self.stream, terminal=False),
            environment={"HOME": "/nowhere"},
            limits=LIMITS,
            fetchStatus=self.fetchStatus,
        )

    def tearDown(self) -> None:
        """However a demo ends, no timer, process or directory is left."""
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual([one.command for one in self.reactor.processes if one.pid], [])
        if self.launcher.directory is not None:
            self.assertFalse(self.launcher.directory.exists())

    def fetchStatus(self, reactor: object, address: str) -> Deferred[dict[str, Any]]:
        """Do what the test wants the status page to do."""
        return self.status(reactor, address)

    def answerStatus(self, reactor: object, address: str) -> Deferred[dict[str, Any]]:
        """Answer as the relay's status page would."""
        self.fetched.append(address)
        return succeed({"packets_from_clients": 33})

    @property
    def players(self) -> list[FakeProcess]:
        """The players' processes."""
        return [one for one in self.reactor.processes if "gamenet.demo.player" in one.command]

    def service(self, name: str) -> FakeProcess:
        """Return the process of a service."""
        (found,) = [one for one in self.reactor.processes if name in one.command]
        return found

    def begin(self) -> Deferred[Verdict]:
        """Start the demo."""
        self.running = self.launcher.run()
        return self.running

    def getReady(self, name: str, content: dict[str, object]) -> None:
        """Let a service say which ports it got."""
        path = Path(self.service(name).option("--ready-file"))
        path.write_text("{", "utf-8")
        self.reactor.pump([0.02] * 3)
        path.write_text(json.dumps(content), "utf-8")
        self.reactor.pump([0.02] * 3)

    def serve(self) -> None:
        """Start the demo and let both services get ready."""
        self.begin()
        self.getReady(
            "gamenet-relay", {"udp": ["127.0.0.1", 4001], "status": "http://127.0.0.1:4002/status"}
        )
        self.getReady("gamenet-lobby", {"listen": [["127.0.0.1", 4003]]})

    def meet(self) -> None:
        """As far as the players' first frame."""
        self.serve()
        self.players[0].say(report(event="session", session="5e" * 8))
        for player in self.players[1:]:
            player.say(report(event="member"))
        for player in self.players:
            player.say(report(event="started"))

    def failedChecks(self) -> dict[str, str]:
        """Return what failed, with the reason."""
        self.verdict = self.successResultOf(self.running)
        return {check.name: check.text for check in self.verdict.checks if not check.passed}


class Casualty(LaunchedDemo):
    """A test in which somebody is killed."""

    def setUp(self) -> None:
        """Prepare a demo; nobody has confirmed anything."""
        LaunchedDemo.setUp(self)
        self.confirmed: dict[int, int] = {}

    def confirm(self, process: FakeProcess, count: int) -> None:
        """Let a process confirm so many frames; in frame n the checksum is 100 + n."""
        since = self.confirmed.get(id(process), 0)
        checksums = [100 + frame for frame in range(since, since + count)]
        self.confirmed[id(process)] = since + count
        process.say(sampleLine(since, checksums))

    def finish(self, player: int, process: FakeProcess) -> None:
        """Let a process come to the end of the match."""
        self.confirm(process, LONG - self.confirmed[id(process)])
        links = [[other, "direct", 0.08] for other in (1, 2, 3) if other != player]
        process.say(resultLine(player, LONG - 1, 100 + LONG - 1, links=links))
        process.end(status=0)

    def drop(self, frames: list[int], host: int = 2) -> None:
        """Let those who stayed agree that player 1 is out, and on a new host."""
        for process, frame in zip(self.players[1:3], frames, strict=True):
            process.say(
                report(event="dropped", time=1.5, player=1, frame=frame),
                report(event="host", player=host, epoch=2),
            )
