"""
Tests for L{gamenet.demo.table}.
"""

from __future__ import annotations

import re
from io import StringIO

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.aftermath import Aftermath, Witness
from gamenet.demo.comparison import compareChecksums
from gamenet.demo.settings import DemoSettings
from gamenet.demo.summary import LinkSummary, PlayerSummary
from gamenet.demo.table import PlayerProgress, ProgressLine, formatProgress, formatTable
from gamenet.demo.verdict import judge
from tests.test_demo_verdict import ADA, GRACE

__all__ = ["ProgressTests", "TableTests"]


class TableTests(SynchronousTestCase):
    """The table at the end."""

    def table(self, *players: PlayerSummary, same: bool = True, colors: bool = False) -> str:
        """Return the table of a demo."""
        asked = DemoSettings(frames=3, jitter=0.005, seed=77)
        comparison = compareChecksums(3, [[1, 2, 3], [1, 2, 3 if same else 4]])
        return formatTable(asked, judge(asked, comparison, players, 24, ()), colors)

    def test_everything(self) -> None:
        """All that a person wants to know is there, in the unit that the heading names."""
        lines = self.table(ADA, GRACE).splitlines()
        self.assertEqual(
            lines[0],
            "gamenet demo: 2 players, 3 frames, 40 ms ± 5 ms one way, 5 % lost, seed 77",
        )
        self.assertEqual(" ".join(lines[2].split()), "round roll- deepest packets bytes last")
        self.assertEqual(
            " ".join(lines[3].split()),
            "player path trip backs rollback stalls a second a second checksum",
        )
        self.assertEqual(
            " ".join(lines[5].split()), "2 Grace direct 81.5 ms 120 6 frames 2 64.0 6 400 00abcdef"
        )
        self.assertEqual(len({len(line) for line in lines[3:6]}), 1)
        self.assertEqual(lines[7], "points: Ada 7, Grace 7")
        self.assertLess(max(len(line) for line in lines), 80)
        self.assertEqual(lines[-1], "Passed.")

    def eight(self, **changes: object) -> str:
        """Return the table of a demo of eight players, as wide as it gets."""
        asked = DemoSettings(players=8, kill_host_at=100, frames=600)
        players = [
            evolve(
                ADA,
                player=number,
                name=name,
                rtt=0.1815,
                rollbacks=1234,
                deepest_rollback=12,
                packets_sent=4200,
                bytes_sent=1234560,
                score=-100,
                links=tuple(
                    LinkSummary(other, "relay" if other == 5 else "direct", 0.0815)
                    for other in range(1, 9)
                    if other != number
                ),
                **changes,
            )
            for number, name in enumerate(asked.names, start=1)
        ]
        comparison = compareChecksums(600, [[1] * 600] * 8)
        witnesses = tuple(
            Witness(player.name, player.player, {1: 103}, {}, 2) for player in players[1:]
        )
        aftermath = Aftermath(witnesses, host_killed_at=102)
        return formatTable(asked, judge(asked, comparison, players, 24, (), aftermath))

    def test_eightPlayers(self) -> None:
        """Eight players fit into 80 columns, with their points, their links and the verdict."""
        text = self.eight()
        lines = text.splitlines()
        self.assertLess(max(len(line) for line in lines), 80, text)
        self.assertEqual(len({len(line) for line in lines[3:12]}), 1)
        self.assertIn("1-2 82 ms, 1-3 82 ms", text)
        self.assertEqual(len(re.findall(r"\b\d-\d 82 ms\b", text)), 28)
        self.assertEqual(len(re.findall(r"\b\d-\d 82 ms relay\b", text)), 7 - 3)
        self.assertIn("from frame 103 on", text)
        self.assertEqual(lines[-1], "Passed.")

    def test_pair(self) -> None:
        """Of two players the table says it all: there is no line of links."""
        ada = evolve(ADA, links=(LinkSummary(2, "direct", 0.08),))
        self.assertNotIn("links", self.table(ada, GRACE))

    def test_failure(self) -> None:
        """What failed says so in its own line and in the last one, with the frame."""
        text = self.table(ADA, GRACE, same=False)
        self.assertIn("FAIL  identical", text)
        self.assertIn("frame 2", text)
        self.assertEqual(text.splitlines()[-1], "Failed: identical.")

    def test_unknown(self) -> None:
        """A player of whom nothing is known gets a row as well, without a number made up."""
        row = self.table(ADA, PlayerSummary(2, "Grace")).splitlines()[5].split()
        self.assertEqual(row[:4], ["2", "Grace", "none", "?"])

    def test_colors(self) -> None:
        """Colors change nothing but the colors; without a terminal there are none."""
        plain, colored = self.table(ADA, GRACE), self.table(ADA, GRACE, colors=True)
        self.assertNotIn("\x1b", plain)
        self.assertIn("\x1b[32m", colored)
        for style in ("1", "2", "31", "32", "0"):
            colored = colored.replace(f"\x1b[{style}m", "")
        self.assertEqual(colored, plain)

    @given(st.integers(0, 10**7), st.integers(0, 10**7), st.floats(0.001, 10))
    @settings(deadline=None, max_examples=50)
    def test_wideNumbers(self, rollbacks: int, size: int, rtt: float) -> None:
        """However wide the numbers become, the columns stay below each other."""
        wide = evolve(ADA, rollbacks=rollbacks, bytes_sent=size, rtt=rtt)
        rows = self.table(wide, GRACE).splitlines()[3:6]
        self.assertEqual(len({len(row) for row in rows}), 1)


class ClosedStream(StringIO):
    """A stream whose reader is gone."""

    def write(self, text: str) -> int:
        """Fail as a pipe would."""
        raise BrokenPipeError


class ProgressTests(SynchronousTestCase):
    """The line while it runs."""

    def test_text(self) -> None:
        """The line tells frames, paths, round trips and rollbacks; the slowest player counts."""
        ada = PlayerProgress(312, "direct", 0.0824, 41)
        text = formatProgress(600, ("Ada", "Grace"), [ada, PlayerProgress(300)], 200)
        self.assertEqual(
            text,
            "300/600 | Ada: direct 82 ms, 41 rollbacks | Grace: none, 0 rollbacks",
        )
        self.assertEqual(
            len(formatProgress(600, ("Ada", "Grace"), [ada, PlayerProgress(300)], 30)), 30
        )

    def test_many(self) -> None:
        """Where the players do not fit into the line it tells of all of them together."""
        names = DemoSettings(players=8).names
        players = [PlayerProgress(312, "direct", 0.0824, 41)] * 6
        players += [PlayerProgress(300, "relay", 0.1, 40), PlayerProgress(9, "gone")]
        text = formatProgress(600, names, players, 79)
        self.assertEqual(
            text,
            "300/600 | 6 direct, 1 relay, 1 gone | 82-100 ms | last: Donald | 286 rollbacks",
        )

    def test_gone(self) -> None:
        """A player who was killed holds up nobody's count."""
        ada, grace = PlayerProgress(200, "gone"), PlayerProgress(300, "none", None, 1)
        self.assertEqual(
            formatProgress(600, ("Ada", "Grace"), [ada, grace], 79),
            "300/600 | Ada: gone | Grace: none, 1 rollback",
        )

    def test_terminal(self) -> None:
        """On a terminal one line is written over, ten times a second at most, and then wiped."""
        stream = StringIO()
        line = ProgressLine(stream, terminal=True)
        line.show(0.0, "one")
        line.show(0.05, "two")
        line.show(0.11, "three")
        line.say("done")
        self.assertEqual(stream.getvalue(), "\rone\x1b[K\rthree\x1b[K\r\x1b[Kdone\n")

    def test_log(self) -> None:
        """Elsewhere a line is written once a second, with nothing for terminals in it."""
        stream = StringIO()
        line = ProgressLine(stream, terminal=False)
        for tenth in range(25):
            line.show(tenth / 10, f"at {tenth}")
        line.say("done")
        self.assertEqual(stream.getvalue(), "at 0\nat 10\nat 20\ndone\n")

    def test_nobodyReads(self) -> None:
        """A reader who is gone ends no match."""
        line = ProgressLine(ClosedStream(), terminal=True)
        line.show(0.0, "one")
        line.say("two")
        line.clear()
