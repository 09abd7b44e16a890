"""
Tests for L{gamenet.demo.launcher}, with processes that only exist in the test.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed

from gamenet.demo.briefing import Briefing
from gamenet.demo.launcher import DemoInterrupted
from gamenet.demo.script import playerSecret
from tests.demo_launch import LaunchedDemo, report
from tests.test_demo_tracking import resultLine, sampleLine

__all__ = ["LauncherTests"]


class LauncherTests(LaunchedDemo):
    """The parent."""

    def play(self, second: list[int] | None = None) -> None:
        """As far as the end of the match."""
        self.meet()
        for player, checksums in zip(
            self.players, ([1, 2, 3, 4], second or [1, 2, 3, 4]), strict=True
        ):
            player.say(sampleLine(0, checksums[:2]))
            self.reactor.advance(1)
            player.say(sampleLine(2, checksums[2:]))
        for number, player in enumerate(self.players, start=1):
            player.say(resultLine(number, 3, 4 if second is None or number == 1 else second[3]))
            player.end(status=0)

    def test_allWell(self) -> None:
        """A demo in which all goes well passes, and stops the services at its end."""
        self.play()
        self.assertEqual(self.failedChecks(), {})
        self.assertTrue(self.verdict.comparison.identical)
        self.assertEqual(self.verdict.relay_packets, 33)
        self.assertEqual(self.fetched, ["http://127.0.0.1:4002/status"])
        for name in ("gamenet-relay", "gamenet-lobby"):
            self.assertEqual(self.service(name).signals, ["TERM"])

    def test_portsAreHandedOn(self) -> None:
        """The lobby is told the port that the relay got, the players the lobby's; all ask for 0."""
        self.serve()
        lobby, relay = self.service("gamenet-lobby"), self.service("gamenet-relay")
        self.assertEqual(lobby.option("--relay"), "127.0.0.1:4001")
        self.assertEqual(relay.option("--udp"), "127.0.0.1:0")
        self.assertEqual(lobby.option("--udp"), "127.0.0.1:0")
        self.assertEqual(lobby.option("--listen"), "tcp:0:interface=127.0.0.1")
        self.assertEqual(lobby.option("--relay-secret-file"), relay.option("--secret-file"))
        secret = Path(relay.option("--secret-file"))
        self.assertEqual(secret.stat().st_mode & 0o777, 0o600)
        self.assertEqual(secret.read_text("ascii"), "5a" * 32 + "\n")
        for player in self.players:
            briefing = Briefing.fromLine(player.written)
            self.assertEqual(briefing.lobby, "tcp:127.0.0.1:4003")
        self.launcher.interrupt()
        self.failureResultOf(self.running, DemoInterrupted)

    def test_ownSecretAlone(self) -> None:
        """Each player's process is told its own secret, and in no way another's or the seed."""
        self.serve()
        secrets = [playerSecret(1, player).hex() for player in (1, 2)]
        for number, player in enumerate(self.players):
            told = player.written.decode() + repr(player.command) + repr(player.environment)
            self.assertIn(secrets[number], told)
            self.assertNotIn(secrets[1 - number], told)
            self.assertNotIn('"seed"', told)
        self.launcher.interrupt()
        self.failureResultOf(self.running, DemoInterrupted)

    def test_corruption(self) -> None:
        """The last player alone is told to spoil its state; the difference is found."""
        self.launcher.settings = evolve(self.launcher.settings, corrupt_at=2)
        self.play([1, 2, 9, 10])
        told = [Briefing.fromLine(one.written.splitlines()[0]) for one in self.players]
        self.assertEqual([briefing.corrupt_at for briefing in told], [None, 2])
        self.assertEqual(list(self.failedChecks()), ["identical"])
        self.assertEqual(self.verdict.comparison.first_difference, 2)
        self.assertEqual(self.verdict.asJson()["desyncs"], 2)

    def test_guestJoins(self) -> None:
        """The guest is told which session to join as soon as the host has opened it."""
        self.serve()
        self.assertEqual(len(self.players[1].written.splitlines()), 1)
        self.players[0].say(report(event="session", session="5e" * 8))
        self.assertEqual(self.players[1].written.splitlines()[1], b"5e" * 8)
        self.assertEqual(len(self.players[0].written.splitlines()), 1)
        self.launcher.interrupt()
        self.failureResultOf(self.running, DemoInterrupted)

    def test_serviceNeverReady(self) -> None:
        """A service that does not get ready is named, with the limit."""
        self.begin()
        self.reactor.pump([1.0] * 11)
        self.assertEqual(
            self.failedChecks()["clean"], "the relay did not get ready within 10 seconds"
        )

    def test_serviceDies(self) -> None:
        """A service that ends by itself is named at once, whenever it does."""
        self.begin()
        self.service("gamenet-relay").end(status=1)
        self.assertEqual(
            self.failedChecks()["clean"], "the relay ended by itself, with exit status 1"
        )

    def test_serviceDiesDuringPlay(self) -> None:
        """A lobby that is killed in the middle of the match ends the demo by name."""
        self.meet()
        self.service("gamenet-lobby").end(signal=11)
        self.assertEqual(self.failedChecks()["clean"], "the lobby ended by itself, with signal 11")

    def test_playerFails(self) -> None:
        """A player's own error is what is reported, not that its process ended."""
        self.meet()
        self.players[1].say(report(event="failed", error="NoPath", text="no way"))
        self.assertEqual(self.failedChecks()["clean"], "Grace failed: NoPath: no way")

    def test_playerDies(self) -> None:
        """A player's process that ends before its result is named."""
        self.serve()
        self.players[0].end(status=1)
        self.assertEqual(self.failedChecks()["clean"], "Ada ended by itself, with exit status 1")

    def test_playerEndsBadly(self) -> None:
        """A player that has a result, but ends with another status than 0, is not clean."""
        self.meet()
        for number, player in enumerate(self.players, start=1):
            player.say(sampleLine(0, [1, 2, 3, 4]), resultLine(number, 3, 4))
            player.end(status=number - 1)
        self.assertEqual(
            self.failedChecks(), {"clean": "Grace ended by itself, with exit status 1"}
        )

    def test_nonsense(self) -> None:
        """Bad input: a player that writes nonsense ends the demo by name."""
        self.meet()
        self.players[0].say(b"\xff")
        self.assertIn("Ada reported nonsense", self.failedChecks()["clean"])

    def test_standstill(self) -> None:
        """A match that stands still is ended; each confirmed frame buys time."""
        self.meet()
        for first in (0, 2):
            self.reactor.advance(4.9)
            self.players[0].say(sampleLine(first, [1, 2]))
        self.reactor.advance(4.9)
        self.assertNoResult(self.running)
        self.players[0].say(sampleLine(4, []))
        self.reactor.advance(0.2)
        self.assertEqual(
            self.failedChecks()["clean"],
            "the match stands still: no frame was confirmed within 5 seconds",
        )

    def test_playerDoesNotEnd(self) -> None:
        """A player that has finished but does not end is killed in the end, and named."""
        self.meet()
        self.players[1].stubborn = True
        for number, player in enumerate(self.players, start=1):
            player.say(sampleLine(0, [1, 2, 3, 4]), resultLine(number, 3, 4))
        self.players[0].end(status=0)
        self.reactor.pump([1.0] * 5)
        self.assertEqual(self.players[1].signals, ["TERM", "KILL"])
        self.assertIn("Grace did not end within 2 seconds and was killed", str(self.failedChecks()))

    def test_traceback(self) -> None:
        """A traceback in any process's log is not clean, even if all else is well."""
        self.meet()
        self.service("gamenet-lobby").say(b"\tTraceback (most recent call last):")
        for number, player in enumerate(self.players, start=1):
            player.say(sampleLine(0, [1, 2, 3, 4]), resultLine(number, 3, 4))
            player.end(status=0)
        self.assertEqual(self.failedChecks(), {"clean": "the lobby printed a traceback"})

    def test_serviceEndsBadly(self) -> None:
        """A service that crashes while it is being stopped is not clean."""
        self.meet()
        self.service("gamenet-lobby").dies_of = 11
        for number, player in enumerate(self.players, start=1):
            player.say(sampleLine(0, [1, 2, 3, 4]), resultLine(number, 3, 4))
            player.end(status=0)
        self.assertEqual(
            self.failedChecks(),
            {"clean": "the lobby ended with signal 11 when it was told to end"},
        )

    def test_statusPage(self) -> None:
        """A status page that does not answer, or says nothing of use, is named."""
        for answer in (
            lambda reactor, address: fail(ZeroDivisionError("gone")),
            lambda reactor, address: succeed({}),
        ):
            self.setUp()
            self.status = answer
            self.play()
            self.assertIn("status page", self.failedChecks()["clean"])

    def test_statusPageHangs(self) -> None:
        """A status page that never answers is waited for only so long."""
        self.status = lambda reactor, address: Deferred()
        self.play()
        self.reactor.advance(2.1)
        self.assertIn("status page", self.failedChecks()["clean"])

    def test_interrupt(self) -> None:
        """Whenever the demo is interrupted every process is stopped, players before services."""
        for stage in (self.begin, self.serve, self.meet):
            self.setUp()
            stage()
            started = list(self.reactor.processes)
            self.launcher.interrupt()
            self.failureResultOf(self.running, DemoInterrupted)
            self.assertEqual([one.signals for one in started], [["TERM"]] * len(started))
            self.tearDown()

    def test_interruptTwice(self) -> None:
        """Asked a second time it does not wait for those that do not listen."""
        self.meet()
        for process in self.reactor.processes:
            process.stubborn = True
        self.launcher.interrupt()
        self.assertNoResult(self.running)
        self.launcher.interrupt()
        self.failureResultOf(self.running, DemoInterrupted)

    def test_progress(self) -> None:
        """While it runs it is said what was started, and how far the players are."""
        self.play()
        self.successResultOf(self.running)
        said = self.stream.getvalue()
        self.assertIn("relay on 127.0.0.1:4001 (UDP), process 100\n", said)
        self.assertIn("lobby on 127.0.0.1:4003 (TCP), process 103\n", said)
        self.assertIn("Ada (process 101) and Grace (process 102) play 4 frames\n", said)
        self.assertIn("0/4 | Ada: direct 80 ms, 3 rollbacks", said)
