"""
Tests for L{gamenet.demo.launcher} where the killed host comes back, with processes that only
exist in the test.
"""

from __future__ import annotations

import json
from pathlib import Path

from gamenet.demo.briefing import Briefing, ReturnBriefing
from gamenet.demo.launcher import DemoInterrupted
from gamenet.demo.report import drawReport
from gamenet.demo.script import playerSecret
from gamenet.demo.settings import DemoSettings
from tests.demo_launch import LIMITS, LONG, Casualty, report
from tests.fake_processes import FakeProcess
from tests.test_demo_tracking import sampleLine

__all__ = ["ReturnTests"]

SECRET = "5ec7e7" * 12


class ReturnTests(Casualty):
    """Done when: C{--rejoin-at}, a new process without a script of the past."""

    asked = DemoSettings(players=3, frames=LONG, kill_host_at=10, rejoin_at=30, kill_lobby_at=40)

    def kill(self) -> None:
        """As far as the frame at which player 1 comes back."""
        self.meet()
        self.players[0].say(report(event="resume", secret=SECRET))
        self.confirm(self.players[0], 12)
        self.drop([12, 12])
        self.confirm(self.players[1], 40)
        self.assertEqual(len(self.players), 3)
        self.confirm(self.players[2], 31)

    def back(self) -> FakeProcess:
        """Return the process that came back, once it has its seat in frame 50."""
        self.kill()
        process = self.players[3]
        process.say(report(event="started"))
        process.say(sampleLine(0, []), sampleLine(25, [None, None]))
        process.say(sampleLine(36, [None, 137, 138]))
        self.confirmed[id(process)] = 39
        process.say(sampleLine(39, [None] * 11))
        process.say(report(event="seat", frame=50, bytes=412))
        self.confirmed[id(process)] = 50
        for one in self.players[1:3]:
            one.say(report(event="joined", time=2.5, player=1, frame=50))
        return process

    def end(self) -> None:
        """Let everybody come to the end."""
        for number, process in ((2, self.players[1]), (3, self.players[2]), (1, self.players[3])):
            if process.pid:
                self.finish(number, process)

    def test_survives(self) -> None:
        """All of it alone and together: killed, back, and the lobby dead."""
        self.back()
        self.end()
        self.assertEqual(self.failedChecks(), {})
        shown = json.loads(json.dumps(self.verdict.asJson()))
        self.assertEqual(shown["drop_frame"], 12)
        self.assertEqual(shown["rejoined_at_frame"], 50)
        self.assertEqual(shown["state_bytes_received"], 412)
        self.assertEqual(shown["new_host"], 2)
        self.assertEqual((shown["identical"], shown["frames"]), (True, LONG))
        self.assertEqual(len(shown["paths"]), 6)
        self.assertEqual(self.service("gamenet-lobby").signals, ["KILL"])
        self.assertIn("frame 30: Ada comes back (process 105)", self.stream.getvalue())

    def test_toldNothingOfThePast(self) -> None:
        """
        The new process is told its resume secret and the road, on standard input alone: no
        secret of a script, not the seed, and no lobby.
        """
        self.kill()
        process = self.players[3]
        self.assertEqual(process.command[-1], "rejoin")
        (line,) = process.written.splitlines()
        briefing = ReturnBriefing.fromLine(line)
        self.assertEqual((briefing.resume, briefing.frames, briefing.players), (SECRET, LONG, 3))
        told = process.written.decode() + repr(process.command) + repr(process.environment)
        for player in (1, 2, 3):
            self.assertNotIn(playerSecret(1, player).hex(), told)
        for word in ('"seed"', '"secret"', '"lobby"', "4003"):
            self.assertNotIn(word, told)
        self.assertNotIn(SECRET, repr(process.command) + repr(process.environment))
        self.assertNotIn(SECRET, repr(self.launcher.tracks) + repr(briefing))
        self.launcher.interrupt()
        self.failureResultOf(self.running, DemoInterrupted)

    def test_onlyPlayerOneIsResumable(self) -> None:
        """Player 1 alone tells its resume secret: nobody else's is needed."""
        self.serve()
        told = [Briefing.fromLine(one.written.splitlines()[0]) for one in self.players]
        self.assertEqual([one.resumable for one in told], [True, False, False])
        self.launcher.interrupt()
        self.failureResultOf(self.running, DemoInterrupted)

    def test_comparedFromTheSeatOn(self) -> None:
        """The returned process is compared in every frame it confirmed."""
        process = self.back()
        process.say(sampleLine(50, [7]))
        self.confirmed[id(process)] = 51
        self.end()
        self.assertEqual(list(self.failedChecks()), ["identical"])
        self.assertEqual(self.verdict.comparison.first_difference, 50)

    def test_gap(self) -> None:
        """A frame since its seat that has no checksum is not identical."""
        process = self.back()
        process.say(sampleLine(50, [None]))
        self.confirmed[id(process)] = 51
        self.end()
        self.assertEqual(self.failedChecks(), {"identical": "Ada confirmed 50 of 60 frames"})

    def test_noSecret(self) -> None:
        """Without a resume secret nobody can come back, and that is said."""
        self.meet()
        self.confirm(self.players[0], 12)
        for process in self.players[1:]:
            self.confirm(process, 40)
        self.assertEqual(
            self.failedChecks()["clean"], "Ada's process has never told its resume secret"
        )

    def test_fails(self) -> None:
        """A process that cannot come back is named, and so is what did not happen."""
        self.kill()
        self.players[3].say(report(event="failed", error="NoPath", text="no way"))
        failed = self.failedChecks()
        self.assertEqual(failed["clean"], "Ada failed: NoPath: no way")
        self.assertEqual(failed["came back"], "no process took the seat of player 1 again")

    def test_dies(self) -> None:
        """The returned process is not excused when it dies."""
        self.kill()
        self.players[3].end(signal=9)
        self.assertIn("Ada, come back, ended by itself, with signal 9", str(self.failedChecks()))

    def test_tooLate(self) -> None:
        """A return that comes to nothing before the others have finished is a failure."""
        self.kill()
        for number in (2, 3):
            self.finish(number, self.players[number - 1])
        self.assertNoResult(self.running)
        self.reactor.advance(LIMITS.silence + 0.1)
        failed = self.failedChecks()
        self.assertIn("came back", failed)
        self.assertIn("the match stands still", failed["clean"])

    def test_disagree(self) -> None:
        """Everybody must name the same first frame."""
        self.back()
        self.launcher.tracks[2].joins[1] = 51
        self.end()
        self.assertEqual(
            self.failedChecks(),
            {"came back": "the first frame with player 1 again: itself: 50; Grace: 50, Alan: 51"},
        )

    def test_interrupted(self) -> None:
        """Interrupted, the returned process is stopped like all others."""
        self.back()
        self.launcher.interrupt()
        self.failureResultOf(self.running, DemoInterrupted)
        self.assertEqual(self.players[3].signals, ["TERM"])

    def test_interruptedBefore(self) -> None:
        """Nobody is killed, and nobody comes back, where all is over already."""
        self.meet()
        self.players[0].say(report(event="resume", secret=SECRET))
        self.confirm(self.players[0], 12)
        for process in self.players[1:]:
            process.stubborn = True
        self.launcher.interrupt()
        for process in self.players[1:]:
            self.confirm(process, 50)
        self.assertEqual(len(self.players), 3)
        self.assertEqual(self.service("gamenet-lobby").signals, [])
        self.reactor.advance(LIMITS.end + 0.1)
        self.failureResultOf(self.running, DemoInterrupted)

    def test_picture(self) -> None:
        """The report shows it: who was killed, dropped, started again and plays again."""
        self.back()
        self.reactor.advance(1)
        self.end()
        self.assertEqual(self.failedChecks(), {})
        marks = self.launcher.marks
        picture = drawReport(self.asked, self.launcher.histories, self.verdict, marks)
        for words in (
            "Ada is killed",
            "Ada starts again",
            "the lobby is killed",
            "frame 12: Ada dropped",
            "frame 50: Ada plays again",
            "Links",
        ):
            self.assertIn(f">{words}<", picture)
        self.assertEqual([mark.time for mark in marks], sorted(mark.time for mark in marks))

    def test_ownDirectoryOfLogs(self) -> None:
        """Two logs of one player cannot be looked at together: the second goes below."""
        self.launcher.logs = Path(self.mktemp())
        self.kill()
        briefing = ReturnBriefing.fromLine(self.players[3].written)
        self.assertEqual(briefing.log, str(self.launcher.logs.resolve() / "returned"))
        self.launcher.interrupt()
        self.failureResultOf(self.running, DemoInterrupted)
