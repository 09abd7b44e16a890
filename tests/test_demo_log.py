"""
Tests for C{gamenet demo --log}: L{gamenet.demo.log_file} and the way to it; with real
processes it is tested in L{tests.test_demo_log_sockets}.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.arena import Arena
from gamenet.demo.briefing import Briefing
from gamenet.demo.command import parseArguments
from gamenet.demo.corrupted_arena import CorruptedArena
from gamenet.demo.log_file import PlayerLogFile
from gamenet.demo.recorder import RecordedSimulation, ScriptedPlayer
from gamenet.demo.script import PlayerScript
from gamenet.rollback.state_difference import INamedParts
from gamenet.wire.match_log_records import LogHeader
from tests.match_logs import MATCH, headerOf, read

__all__ = ["LogFileTests", "LogOptionTests", "PartsTests"]


@attrs.define
class FakeMatch:
    """A match, as far as a log asks it."""

    match_id: bytes = MATCH
    player: int = 2

    def logHeader(self) -> LogHeader:
        """Return the log's header."""
        return headerOf(self.player)

    def statistics(self) -> Any:
        """Return nothing of use."""
        return attrs.make_class("Statistics", {"path": attrs.field(default="direct")})()


class LogFileTests(SynchronousTestCase):
    """A player's log as a file."""

    def test_written(self) -> None:
        """Each line is in the file when the next tick begins, whatever becomes of the process."""
        directory = Path(self.mktemp())
        directory.mkdir()
        file = PlayerLogFile(directory)
        file.begin(FakeMatch())
        self.assertEqual(file.path, directory / "0badcafe-player-2.gamelog")
        file.log.noted(0.0, "hello")
        self.assertEqual(len(read(file.path.read_bytes())[1]), 1)
        file.log.closed(1.0, "finished")
        file.close()
        file.close()
        self.assertEqual(len(read(file.path.read_bytes())[1]), 2)

    def test_noDirectory(self) -> None:
        """Bad input: where no file can be made the match goes on without a log."""
        file = PlayerLogFile(Path(self.mktemp()))
        file.begin(FakeMatch())
        file.log.noted(0.0, "hello")
        file.close()
        self.assertEqual((file.path, file.log.writing), (None, False))

    def test_ownDirectory(self) -> None:
        """Who came back writes below the others' logs, and makes that directory if need be."""
        above = Path(self.mktemp())
        above.mkdir()
        for _ in range(2):
            file = PlayerLogFile(above / "returned", make=True)
            file.begin(FakeMatch())
            file.close()
        self.assertEqual(
            [one.name for one in (above / "returned").iterdir()], ["0badcafe-player-2.gamelog"]
        )

    def test_notTwice(self) -> None:
        """A log that is there is not written over."""
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "0badcafe-player-2.gamelog").write_bytes(b"precious")
        file = PlayerLogFile(directory)
        file.begin(FakeMatch())
        self.assertIsNone(file.path)
        self.assertEqual((directory / "0badcafe-player-2.gamelog").read_bytes(), b"precious")

    def test_diskFull(self) -> None:
        """A disk that is full ends the log by name, and closing it harms nobody."""
        if not os.path.exists("/dev/full"):
            return
        directory = Path(self.mktemp())
        directory.mkdir()
        file = PlayerLogFile(directory)
        self.patch(Path, "open", lambda path, mode: os.fdopen(os.open("/dev/full", 1), "wb"))
        file.begin(FakeMatch())
        self.assertIn("No space left on device", str(file.log.ended))
        file.close()


class LogOptionTests(SynchronousTestCase):
    """The way from the command line to a player."""

    def test_option(self) -> None:
        """C{--log} names a directory; without it nothing is written."""
        directory = self.mktemp()
        self.assertEqual(parseArguments(["--log", directory]).log, Path(directory))
        self.assertIsNone(parseArguments([]).log)

    def test_briefing(self) -> None:
        """A player is told the directory."""
        briefing = Briefing(
            1, 2, "Ada", "tcp:127.0.0.1:1", 60, False, None, 0.0, 0.0, 0.0, "00", 1, "/logs"
        )
        self.assertEqual(Briefing.fromLine(briefing.asLine()), briefing)
        for line in (briefing.asLine().replace(b'"/logs"', b"3"), b"{}"):
            self.assertRaises((ValueError, TypeError), Briefing.fromLine, line)

    def test_started(self) -> None:
        """The log begins when play does."""
        seen: list[object] = []
        clock = attrs.make_class("Clock", {"seconds": attrs.field(default=lambda: 0.0)})()
        player = ScriptedPlayer(clock, PlayerScript(bytes(32)), lambda report: None, seen.append)
        match = FakeMatch()
        player.matchStarted(match)
        self.assertEqual(seen, [match])


class PartsTests(SynchronousTestCase):
    """The demo's game by its parts."""

    def test_parts(self) -> None:
        """The parts are the snapshot, one after the other, whoever stands before the arena."""
        for players in (1, 2, 8):
            arena = Arena(players)
            for game in (arena, CorruptedArena(arena, 5), RecordedSimulation(arena, arena, len)):
                self.assertTrue(INamedParts.providedBy(game))
                self.assertEqual(list(game.parts()), ["random", "tag", "players", "gems"])
                self.assertEqual(b"".join(game.parts().values()), arena.save())
            self.assertEqual(len(arena.parts()["players"]), 24 * players)
