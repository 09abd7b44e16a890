"""
Tests for L{gamenet.inspector.command} and L{gamenet.inspector.logs}.
"""

from __future__ import annotations

import os
import sys
from io import StringIO
from pathlib import Path

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.cli import main
from gamenet.inspector.logs import LOGS_LIMIT, logName
from gamenet.wire.match_log_records import FrameRecord, NoteRecord, PartPatch, StateRecord
from tests.match_logs import MATCH, headerOf, logBytes, loggedDuel, writeLogs

__all__ = ["CommandTests", "FuzzTests"]


@attrs.frozen
class Ran:
    """What became of a command."""

    status: int
    out: str
    err: str


class CommandCase(SynchronousTestCase):
    """A directory, and the command."""

    def inspect(self, *arguments: object) -> Ran:
        """Run the command."""
        out, err = StringIO(), StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        status = main(["inspect", *map(str, arguments)])
        return Ran(status, out.getvalue(), err.getvalue())


class CommandTests(CommandCase):
    """C{gamenet inspect}."""

    def setUp(self) -> None:
        """Have a directory."""
        self.directory = Path(self.mktemp())

    def test_planted(self) -> None:
        """Done when: exactly the planted divergence's frame, part and both values."""
        writeLogs(str(self.directory), *loggedDuel(120, corrupt_at=73))
        ran = self.inspect(self.directory)
        self.assertEqual(ran.status, 1)
        self.assertIn("first divergence: frame 73: equal inputs led to different states", ran.out)
        self.assertIn("frame 72 and all before it that were compared are equal", ran.out)
        self.assertIn("state after frame 73: 1 part differs", ran.out)
        values = r"player 1 ([0-9a-f]{2}), player 2 (?!\1)[0-9a-f]{2}\n"
        self.assertRegex(ran.out, f"part 'players', byte 16 of 48: {values}")
        page = (self.directory / "0badcafe.html").read_text()
        self.assertIn("part &#x27;players&#x27;, byte 16 of 48", page)
        self.assertIn(f"page: {self.directory / '0badcafe.html'}", ran.err)

    def test_sound(self) -> None:
        """A sound match: exit status 0, and the number of frames that were compared."""
        paths = writeLogs(str(self.directory), *loggedDuel(60))
        output = self.directory / "out.html"
        ran = self.inspect(*paths, "--output", output)
        self.assertEqual((ran.status, output.exists()), (0, True))
        self.assertIn("no divergence in 60 compared frames", ran.out)
        self.assertEqual(ran.out.count("final frames"), 2)

    def test_frame(self) -> None:
        """Any frame's states can be asked for, beside the first divergence's."""
        writeLogs(str(self.directory), *loggedDuel(60, corrupt_at=40))
        ran = self.inspect(self.directory, "--frame", 12)
        self.assertIn("state after frame 40: 1 part differs", ran.out)
        self.assertIn("state after frame 12: equal in player 1 and player 2", ran.out)
        page = (self.directory / "0badcafe.html").read_text()
        self.assertIn("Inputs around frame 12", page)
        self.assertEqual(self.inspect(self.directory, "--frame", 5000).status, 1)

    def test_oneLog(self) -> None:
        """One log only is inspected too; its own notice of a desynchronization counts."""
        paths = writeLogs(str(self.directory), *loggedDuel(60, corrupt_at=10))
        ran = self.inspect(paths[0])
        self.assertEqual(ran.status, 1)
        self.assertIn("frame 29, as player 1 noticed", ran.out)
        self.assertEqual(self.inspect(*writeLogs(self.mktemp(), loggedDuel(30)[0])).status, 0)

    def test_cut(self) -> None:
        """Cut-off files are compared as far as they go."""
        one, other = loggedDuel(90, corrupt_at=20)
        writeLogs(str(self.directory), one, other[: len(other) // 2])
        ran = self.inspect(self.directory)
        self.assertEqual(ran.status, 1)
        self.assertIn("cut off within a line; what is before that is sound", ran.out)
        self.assertIn("first divergence: frame 20", ran.out)

    def test_unreadable(self) -> None:
        """Bad input: what cannot be read is named, with the line: exit status 2."""
        one, other = loggedDuel(10)
        lines = one.splitlines(keepends=True)
        broken = b"".join([*lines[:7], b"?\n", *lines[7:]])
        (path,) = writeLogs(str(self.directory), broken)
        for arguments, reason in (
            ([path], f"{path}: line 8: not a line of JSON"),
            ([self.directory / "none.gamelog"], "there is no such file"),
            ([os.devnull], "there is no such file"),
            ([self.directory.parent], "no *.gamelog in this directory"),
            (writeLogs(self.mktemp(), b""), "not a match log"),
            ([], "the following arguments are required: LOG"),
            ([path, "--frame", "-1"], "'-1' is not a frame"),
            ([path, "--frame", "x"], "'x' is not a frame"),
        ):
            ran = self.inspect(*arguments)
            self.assertEqual((ran.status, ran.out), (2, ""), arguments)
            self.assertIn(reason, ran.err)
        paths = writeLogs(str(self.directory), one, other)
        ran = self.inspect(*paths, "--output", self.directory / "no" / "where.html")
        self.assertEqual(ran.status, 2)
        self.assertIn("no page", ran.err)

    def test_strangers(self) -> None:
        """Bad input: logs of several matches, of one player twice, of other rules; too many."""
        one, other = logBytes(headerOf(1), []), logBytes(headerOf(2), [])
        stranger = logBytes(headerOf(2, match_id=b"\x01" * 16), [])
        for logs, reason in (
            ((one, stranger), "logs of 2 matches (0badcafe, 01010101)"),
            ((one, one), "player 1 wrote"),
            ((one, logBytes(headerOf(2, players=3), [])), "differ in the number of players"),
            ((one, other) * LOGS_LIMIT, f"{2 * LOGS_LIMIT} logs"),
        ):
            ran = self.inspect(*writeLogs(self.mktemp(), *logs))
            self.assertEqual(ran.status, 2)
            self.assertIn(reason, ran.err)

    def test_states(self) -> None:
        """Bad input: a state that cannot be put together is named."""
        frame = FrameRecord(0, (b"", b""), 1)
        patch = StateRecord(0, (("a", PartPatch(5, b"1")),))
        whole = StateRecord(0, (("a", b"1"),))
        logs = [
            logBytes(headerOf(1), [frame, whole]),
            logBytes(headerOf(2), [attrs.evolve(frame, checksum=2), patch]),
        ]
        ran = self.inspect(*writeLogs(str(self.directory), *logs))
        self.assertEqual(ran.status, 2)
        self.assertIn("part 'a' has no byte 5 to change", ran.err)

    def test_noStates(self) -> None:
        """Logs without states: the frame is found, and that its part is not known is said."""
        logs = [
            logBytes(headerOf(n), [FrameRecord(0, (b"", b""), n), NoteRecord(0.0, "x")])
            for n in (1, 2)
        ]
        ran = self.inspect(*writeLogs(str(self.directory), *logs))
        self.assertEqual(ran.status, 1)
        self.assertIn("do not have both states of it, so the part is not known", ran.out)

    def test_name(self) -> None:
        """A log's name has the match's id and the player, and nothing else of theirs."""
        self.assertEqual(logName(MATCH, 2), "0badcafe-player-2.gamelog")

    def test_help(self) -> None:
        """C{--help} tells the options."""
        ran = self.inspect("--help")
        self.assertEqual(ran.status, 0)
        self.assertIn("--output FILE.html", ran.out)


class FuzzTests(CommandCase):
    """Hostile files."""

    @given(st.data())
    @settings(deadline=None, max_examples=30)
    def test_damaged(self, data: st.DataObject) -> None:
        """Bad input: whatever is in the files, there is a verdict or a named refusal."""
        damaged = bytearray(LOGS[1])
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(damaged) - 1))
            damaged[at : at + data.draw(st.integers(0, 9))] = data.draw(
                st.sampled_from([b"", b"0", b"9", b"-", b'"', b"\n", b"\xff", b"2147483647"])
            )
        paths = writeLogs(self.mktemp(), LOGS[0], bytes(damaged))
        ran = self.inspect(*paths)
        self.assertIn(ran.status, (0, 1, 2))
        self.assertEqual(bool(ran.out), ran.status != 2)


LOGS = loggedDuel(12, corrupt_at=5)
