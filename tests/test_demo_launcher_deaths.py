"""
Tests for L{gamenet.demo.launcher} where the host or the lobby is killed, with processes that
only exist in the test.
"""

from __future__ import annotations

import json

from gamenet.demo.briefing import Briefing
from gamenet.demo.launcher import DemoInterrupted
from gamenet.demo.settings import DemoSettings
from tests.demo_launch import LIMITS, LONG, Casualty, report
from tests.test_demo_tracking import sampleLine

__all__ = ["KilledHostTests", "KilledLobbyTests"]


class KilledHostTests(Casualty):
    """Done when: C{--kill-host-at}, with a match that goes on."""

    asked = DemoSettings(players=3, frames=LONG, kill_host_at=10)

    def kill(self) -> None:
        """As far as the death of player 1, which confirmed frame 11."""
        self.meet()
        self.confirm(self.players[0], 10)
        self.assertEqual(self.players[0].signals, [])
        self.confirm(self.players[0], 2)
        self.assertEqual(self.players[0].signals, ["KILL"])
        for process in self.players[1:]:
            self.confirm(process, 9)

    def test_survives(self) -> None:
        """
        The killed process is not counted against "ended clean"; the others say from when
        on they play without it, and who is host.
        """
        self.kill()
        self.drop([12, 12])
        for number in (2, 3):
            self.finish(number, self.players[number - 1])
        self.assertEqual(self.failedChecks(), {})
        shown = json.loads(json.dumps(self.verdict.asJson()))
        self.assertEqual((shown["drop_frame"], shown["new_host"]), (12, 2))
        self.assertEqual((shown["rejoined_at_frame"], shown["state_bytes_received"]), (None, None))
        self.assertEqual((shown["identical"], shown["frames"]), (True, LONG))
        self.assertEqual(
            [(link["from"], link["to"]) for link in shown["paths"]],
            [(2, 1), (2, 3), (3, 1), (3, 2)],
        )
        self.assertEqual(self.verdict.players[0].outcome, "killed")
        said = self.stream.getvalue()
        self.assertIn("frame 11: Ada is killed (process 101)", said)

    def test_prefixIsCompared(self) -> None:
        """
        What the killed process confirmed is compared, up to the frame from which on the
        others play without it: what it confirmed alone is not part of their match.
        """
        for frame, failed in ((12, ["identical"]), (11, [])):
            self.setUp()
            self.meet()
            self.players[0].say(sampleLine(0, [*range(100, 111), 7]))
            for process in self.players[1:]:
                self.confirm(process, 9)
            self.drop([frame, frame])
            for number in (2, 3):
                self.finish(number, self.players[number - 1])
            self.assertEqual(list(self.failedChecks()), failed)
            self.tearDown()

    def test_disagree(self) -> None:
        """Those who stayed must name the same frame and the same host."""
        self.kill()
        self.drop([12, 13])
        self.players[2].say(report(event="host", player=3, epoch=2))
        for number in (2, 3):
            self.finish(number, self.players[number - 1])
        self.assertEqual(
            self.failedChecks(),
            {
                "dropped": "the first frame without player 1: Grace: 12, Alan: 13",
                "new host": "the new host: Grace: 2, Alan: 3",
            },
        )
        self.assertIsNone(self.verdict.asJson()["drop_frame"])

    def test_droppedTooEarly(self) -> None:
        """Frames that the killed process had confirmed with the others are played with it."""
        for frame, failed in ((13, []), (12, ["dropped"])):
            self.setUp()
            self.meet()
            self.confirm(self.players[0], 30)
            self.drop([frame, frame])
            for number in (2, 3):
                self.confirm(self.players[number - 1], 9)
                self.finish(number, self.players[number - 1])
            self.assertEqual(list(self.failedChecks()), failed)
            self.tearDown()

    def test_neverMissed(self) -> None:
        """A death that nobody speaks of is no survival."""
        self.kill()
        for number in (2, 3):
            self.finish(number, self.players[number - 1])
        self.assertEqual(list(self.failedChecks()), ["dropped", "new host"])

    def test_deadHost(self) -> None:
        """The new host is one of those who stayed."""
        self.kill()
        self.drop([12, 12], host=1)
        for number in (2, 3):
            self.finish(number, self.players[number - 1])
        self.assertEqual(list(self.failedChecks()), ["new host"])

    def test_anotherIsDropped(self) -> None:
        """Nobody else may lose a seat."""
        self.kill()
        self.drop([12, 12])
        self.players[1].say(report(event="dropped", time=1.5, player=3, frame=20))
        for number in (2, 3):
            self.finish(number, self.players[number - 1])
        self.assertEqual(
            self.failedChecks(), {"seats": "player 3 was dropped by Grace, from frame 20 on"}
        )

    def test_neverKilled(self) -> None:
        """A kill that was asked for and did not happen is a failure."""
        self.meet()
        self.players[0].pid = None  # It has exited; what it wrote is still being read.
        for number, process in enumerate(self.players, start=1):
            self.confirm(process, 20)
            self.finish(number, process)
        failed = self.failedChecks()
        self.assertEqual(failed["host killed"], "Ada's process was not killed")

    def test_traceback(self) -> None:
        """Anything else about the killed process still counts: a traceback before its death."""
        self.meet()
        self.players[0].protocol.errReceived(b"Traceback (most recent call last):\n")
        self.confirm(self.players[0], 12)
        for process in self.players[1:]:
            self.confirm(process, 9)
        self.drop([12, 12])
        for number in (2, 3):
            self.finish(number, self.players[number - 1])
        self.assertEqual(self.failedChecks(), {"clean": "Ada printed a traceback"})

    def test_otherDies(self) -> None:
        """Another player's process that dies of the same signal is not excused."""
        self.kill()
        self.players[1].end(signal=9)
        self.assertIn("Grace ended by itself, with signal 9", self.failedChecks()["clean"])

    def test_standstill(self) -> None:
        """A match that does not go on without player 1 is ended."""
        self.kill()
        self.reactor.advance(LIMITS.silence + 0.1)
        self.assertIn("the match stands still", self.failedChecks()["clean"])

    def test_oneAfterTheOther(self) -> None:
        """Each guest joins when the one before it has, so that its number is its own."""
        self.serve()
        self.players[0].say(report(event="session", session="5e" * 8))
        for first, second in ((2, 1), (2, 2)):
            told = [len(one.written.splitlines()) for one in self.players]
            self.assertEqual(told, [1, first, second])
            self.players[1].say(report(event="member"))
        self.reactor.advance(LIMITS.meeting + 0.1)
        self.assertEqual(
            self.failedChecks()["clean"], "Alan did not join the session within 20 seconds"
        )

    def test_quickly(self) -> None:
        """Where somebody is killed a silent player is lost sooner; else the default holds."""
        self.serve()
        told = [Briefing.fromLine(one.written.splitlines()[0]) for one in self.players]
        self.assertEqual([one.lost_after for one in told], [LIMITS.lost_after] * 3)
        self.assertEqual([one.resumable for one in told], [False] * 3)
        self.assertLess(LIMITS.lost_after, LIMITS.silence)
        self.launcher.interrupt()
        self.failureResultOf(self.running, DemoInterrupted)


class KilledLobbyTests(Casualty):
    """Done when: C{--kill-lobby-at}: the lobby may vanish in mid-match without harm."""

    asked = DemoSettings(players=3, frames=LONG, kill_lobby_at=10)

    def test_survives(self) -> None:
        """The lobby is killed once all have confirmed the frame; the match goes on."""
        self.meet()
        for process in self.players[:2]:
            self.confirm(process, 20)
        lobby = self.service("gamenet-lobby")
        self.assertEqual(lobby.signals, [])
        self.confirm(self.players[2], 15)
        self.assertEqual(lobby.signals, ["KILL"])
        for number, process in enumerate(self.players, start=1):
            self.finish(number, process)
        self.assertEqual(self.failedChecks(), {})
        (check,) = [one for one in self.verdict.checks if one.name == "lobby killed"]
        self.assertEqual(check.text, "all having confirmed frame 14")
        self.assertIn("frame 14: the lobby is killed (process 104)", self.stream.getvalue())

    def test_relayDies(self) -> None:
        """The relay is not excused for the lobby's sake."""
        self.meet()
        self.service("gamenet-relay").end(signal=9)
        failed = self.failedChecks()
        self.assertIn("the relay ended by itself", failed["clean"])
        self.assertEqual(failed["lobby killed"], "the lobby was not killed")
