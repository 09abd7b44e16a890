"""
C{gamenet demo} from end to end: real processes, real sockets, on loopback.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessTerminated
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, TestCase
from zope.interface import implementer

from gamenet.demo.briefing import Briefing
from gamenet.demo.commands import childEnvironment, playerCommand
from tests.test_demo_verdict import JSON_KEYS

__all__ = ["DemoTests", "LeavesNothingTests", "PlayerProcessTests"]

#: Seconds that one demo of 120 frames may take on a machine that is busy.
LIMIT = 90.0


@define(eq=False)
class DemoProcess(ProcessProtocol):
    """
    One C{gamenet demo}.

    @ivar directory: Where its temporary files go.
    @ivar output: What it printed.
    @ivar errors: What it said while it ran.
    @ivar ended: Fires with its exit status when it is gone; negative for a signal.
    """

    directory: str
    output: bytes = b""
    errors: bytes = b""
    ended: Deferred[int] = field(factory=Deferred)
    _wanted: bytes = b""
    _said: Deferred[None] | None = None

    @classmethod
    def start(cls, directory: str, *options: str) -> DemoProcess:
        """Start a demo whose temporary files go below C{directory}."""
        process = cls(directory)
        os.makedirs(directory, exist_ok=True)
        command = [sys.executable, "-m", "gamenet", "demo", *options]
        environment = childEnvironment({**os.environ, "TMPDIR": os.path.abspath(directory)})
        reactor.spawnProcess(process, sys.executable, command, environment)
        return process

    def outReceived(self, data: bytes) -> None:
        """Keep what it prints."""
        self.output += data

    def errReceived(self, data: bytes) -> None:
        """Keep what it says while it runs."""
        self.errors += data
        if self._said is not None and self._wanted in self.errors:
            said, self._said = self._said, None
            said.callback(None)

    def says(self, wanted: bytes) -> Deferred[None]:
        """Return a L{Deferred} that fires when it has said something on standard error."""
        self._wanted, said = wanted, Deferred()
        self._said = said
        self.errReceived(b"")
        return said

    def processEnded(self, reason: Failure) -> None:
        """It is gone."""
        value = reason.value
        status = 0
        if isinstance(value, ProcessTerminated):
            status = value.exitCode if value.exitCode is not None else -(value.signal or 0)
        if self._said is not None:
            self._said.errback(AssertionError(f"it never said {self._wanted!r}: {self}"))
        self.ended.callback(status)

    @property
    def children(self) -> list[int]:
        """The numbers of its processes, as far as it has told them."""
        return [int(number) for number in re.findall(rb"process (\d+)", self.errors)]

    @property
    def lobby(self) -> int:
        """The number of its lobby's process."""
        found = re.search(rb"lobby on .*, process (\d+)", self.errors)
        assert found is not None
        return int(found[1])

    @property
    def result(self) -> dict[str, Any]:
        """The object in its last line."""
        found: dict[str, Any] = json.loads(self.output.splitlines()[-1])
        return found

    def __str__(self) -> str:
        return f"{self.errors.decode()}\n{self.output.decode()}"


@implementer(IReadDescriptor)
class ForeignProcess:
    """
    Waits for the end of a process that is no child of ours.

    @ivar gone: Fires when it has ended.
    """

    def __init__(self, number: int) -> None:
        self.gone: Deferred[None] = Deferred()
        self._file = os.pidfd_open(number)
        reactor.addReader(self)

    def fileno(self) -> int:
        """Return what becomes readable at its end."""
        return self._file

    def doRead(self) -> None:
        """It has ended."""
        reactor.removeReader(self)
        os.close(self._file)
        self.gone.callback(None)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends first."""

    def logPrefix(self) -> str:
        """Return what the reactor calls it."""
        return "ForeignProcess"


def isAlive(number: int) -> bool:
    """Return whether there is such a process, and not as a zombie."""
    try:
        os.kill(number, 0)
        if os.path.exists("/proc/self/stat"):
            with open(f"/proc/{number}/stat", encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
    return True


class DemoTestCase(TestCase):
    """A test that starts demos."""

    timeout = 2 * LIMIT

    def start(self, *options: str) -> DemoProcess:
        """Start a demo; it is killed should it still be there after the test."""
        demo = DemoProcess.start(self.mktemp(), *options)
        self.addCleanup(self.finish, demo)
        return demo

    def finish(self, demo: DemoProcess) -> object:
        """Make sure that a demo is gone."""
        if demo.ended.called:
            return None
        demo.transport.signalProcess("KILL")
        return demo.ended.addErrback(lambda _: None)

    def assertNothingLeft(self, demo: DemoProcess) -> None:
        """Fail if a demo left a process or a file."""
        self.assertEqual([number for number in demo.children if isAlive(number)], [])
        self.assertEqual(os.listdir(demo.directory), [])

    async def runDemo(self, *options: str) -> tuple[int, DemoProcess]:
        """Run a demo of 120 frames to its end."""
        demo = self.start("--frames=120", *options)
        status = await demo.ended.addTimeout(LIMIT, reactor)
        self.assertNothingLeft(demo)
        return status, demo


class DemoTests(DemoTestCase):
    """The issue's lines about C{gamenet demo}, as short as they can be."""

    async def test_threeAtOnce(self) -> None:
        """
        Three demos at once do what each was asked for: nothing has a fixed port or file.
        One is direct, one goes by relay alone, and in one a bit is flipped.
        """
        report = self.mktemp()
        direct, relayed, corrupted = await gatherResults(
            [
                Deferred.fromCoroutine(self.runDemo("--json", *options))
                for options in (
                    (f"--report={report}",),
                    ("--relay-only", "--seed=2"),
                    ("--corrupt-at=50", "--seed=3"),
                )
            ]
        )
        self.checkDirect(*direct)
        picture = ElementTree.parse(Path(report) / "demo.svg")
        self.assertEqual(picture.getroot().tag, "{http://www.w3.org/2000/svg}svg")
        self.checkRelayed(*relayed)
        self.checkCorrupted(*corrupted)

    def checkDirect(self, status: int, demo: DemoProcess) -> None:
        """
        Done when: two players with 40 ms and 5 % loss are identical in every frame, on a
        direct path; the last line is the object, with exactly these keys.
        """
        self.assertEqual(status, 0, demo)
        result = demo.result
        self.assertEqual(list(result), JSON_KEYS)
        self.assertEqual((result["frames"], result["identical"]), (120, True))
        self.assertEqual([one["player"] for one in result["players"]], [1, 2])
        for player in result["players"]:
            self.assertEqual(player["path"], "direct")
            self.assertGreater(player["packets_direct"], 0)
            self.assertTrue(75 < player["rtt_ms"] < 400, player)
            self.assertEqual(player["checksum"], result["players"][0]["checksum"])
        self.assertGreater(sum(player["rollbacks"] for player in result["players"]), 0)
        self.assertIn(b"Passed.", demo.output)

    def checkRelayed(self, status: int, demo: DemoProcess) -> None:
        """Done when: relayed, not one packet goes direct, and the relay counts them."""
        self.assertEqual(status, 0, demo)
        result = demo.result
        self.assertTrue(result["identical"])
        self.assertGreater(result["relay_packets"], 100)
        for player in result["players"]:
            self.assertEqual((player["path"], player["packets_direct"]), ("relay", 0))
            self.assertGreater(player["packets_relayed"], 60)

    def checkCorrupted(self, status: int, demo: DemoProcess) -> None:
        """One bit flipped in frame 50 is reported as frame 50, and the exit status is 1."""
        self.assertEqual(status, 1, demo)
        result = demo.result
        self.assertIs(result["identical"], False)
        self.assertGreater(result["desyncs"], 0)
        self.assertIn(b"the states differ for the first time in frame 50, ", demo.output)
        self.assertNotIn(b"Passed.", demo.output)


class LeavesNothingTests(DemoTestCase):
    """However a demo is ended, no process and no file of it is left."""

    async def interrupted(self, end: Callable[[DemoProcess], None]) -> tuple[int, DemoProcess]:
        """Start a long demo, end it in the middle of the match and wait for that."""
        demo = self.start("--frames=36000")
        await demo.says(b"play 36000 frames").addTimeout(LIMIT, reactor)
        self.assertEqual(len(demo.children), 4)
        self.assertEqual([isAlive(number) for number in demo.children], [True] * 4)
        end(demo)
        return await demo.ended.addTimeout(LIMIT, reactor), demo

    async def test_controlC(self) -> None:
        """Ctrl-C leaves no child behind."""
        status, demo = await self.interrupted(
            lambda demo: os.kill(demo.transport.pid, signal.SIGINT)
        )
        self.assertEqual(status, 130, demo)
        self.assertIn(b"interrupted", demo.errors)
        self.assertNothingLeft(demo)

    async def test_terminated(self) -> None:
        """Neither does SIGTERM."""
        status, demo = await self.interrupted(
            lambda demo: os.kill(demo.transport.pid, signal.SIGTERM)
        )
        self.assertEqual(status, 143, demo)
        self.assertNothingLeft(demo)

    async def test_killed(self) -> None:
        """
        Even where the parent is killed, and can do nothing about it, its processes end by
        themselves and take the temporary directory with them.
        """
        if not hasattr(os, "pidfd_open"):
            raise SkipTest("needs pidfd_open to wait for a process that is no child of ours")
        demo = self.start("--frames=36000")
        await demo.says(b"play 36000 frames").addTimeout(LIMIT, reactor)
        gone = gatherResults([ForeignProcess(number).gone for number in demo.children])
        demo.transport.signalProcess("KILL")
        self.assertEqual(await demo.ended, -signal.SIGKILL)
        await gone.addTimeout(LIMIT, reactor)
        self.assertNothingLeft(demo)

    async def test_lobbyKilled(self) -> None:
        """A lobby that dies in the middle of the match ends the demo by name, with status 1."""
        status, demo = await self.interrupted(
            lambda demo: os.kill(demo.lobby, signal.SIGKILL)
        )
        self.assertEqual(status, 1, demo)
        self.assertIn(b"the lobby ended by itself, with signal 9", demo.output)
        self.assertNothingLeft(demo)


class PlayerProcessTests(TestCase):
    """One player's process, alone."""

    timeout = LIMIT

    def begin(self) -> DemoProcess:
        """Start a player that nobody has told anything yet."""
        player = DemoProcess(self.mktemp())
        environment = childEnvironment(os.environ)
        reactor.spawnProcess(player, sys.executable, playerCommand(), environment)
        return player

    async def test_orphan(self) -> None:
        """A player whose parent is gone before it said anything ends, and not with 0."""
        player = self.begin()
        player.transport.closeStdin()
        self.assertEqual(await player.ended, 1)
        self.assertEqual((player.output, player.errors), (b"", b""))

    async def test_badBriefing(self) -> None:
        """Bad input: a briefing that is none is named, without a traceback."""
        player = self.begin()
        player.transport.write(b"[]\n")
        self.assertEqual(await player.ended, 1)
        self.assertEqual(player.result["event"], "failed")
        self.assertEqual(player.result["error"], "ValueError")
        self.assertEqual(player.errors, b"")

    async def test_noLobby(self) -> None:
        """A player that cannot reach its lobby says so by name, and ends with 1."""
        player = self.begin()
        briefing = Briefing(
            1, 2, "Ada", "tcp:127.0.0.1:1", 60, False, None, 0.0, 0.0, 0.0, "5a" * 32, 7
        )
        player.transport.write(briefing.asLine())
        self.assertEqual(await player.ended, 1)
        self.assertEqual(player.result["error"], "ConnectionFailed")
        self.assertNotIn(b"Traceback", player.errors)
