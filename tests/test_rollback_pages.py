"""The pages on replays and on checking determinism, run as they are printed."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.determinism.check import NotDeterministic
from gamenet.replay.recorder import HISTORY_LIMIT
from gamenet.wire.replay_chunks import SNAPSHOT_LIMIT
from gamenet.wire.replay_columns import REPLAY_INPUT_LIMIT
from gamenet.wire.replay_file import (
    FRAME_RATE_LIMIT,
    INTERVAL_LIMIT,
    MAGIC,
    PLAYERS_LIMIT,
    RULES_LIMIT,
)

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:    .*\n|\n)+)", re.MULTILINE)


def printed(page: str) -> dict[str, Any]:
    """Return the names that a page's code blocks define, run one after the other."""
    namespace: dict[str, Any] = {"__name__": page}
    for source in BLOCK.findall((DOCS / f"{page}.rst").read_text()):
        exec(compile(dedent(source), page, "exec"), namespace)
    return namespace


class CheckingDeterminismTests(SynchronousTestCase):
    """Done when: each example of a page runs as a test."""

    def test_example(self) -> None:
        """The printed game is found out, as the page says."""
        names = printed("checking_determinism")
        report = names["report"]
        self.assertRaises(NotDeterministic, report.assertDeterministic)
        page = (DOCS / "checking_determinism.rst").read_text()
        begins = page.split("The report begins::\n\n", 1)[1].split("\n\n", 1)[0]
        lines = dedent(begins).splitlines()
        self.assertEqual(len(lines), 3)
        for shown, line in zip(lines, str(report).splitlines(), strict=False):
            self.assertTrue(line.startswith(shown.removesuffix("...")), line)

    def test_mended(self) -> None:
        """With the forgotten number in the snapshot the same game passes."""
        names = printed("checking_determinism")

        class Mended(names["Collect"]):  # type: ignore[misc]
            def save(self) -> bytes:
                return super().save() + b" %d" % self.combo

            def load(self, snapshot: bytes) -> None:
                *self.places, self.coins, self.combo = map(int, snapshot.split())

        inputs = names["randomInputs"](2, [b"", b"l", b"r"], seed=1)
        names["checkDeterminism"](Mended, inputs).assertDeterministic()


class ReplaysTests(SynchronousTestCase):
    """Done when: each example of a page runs as a test."""

    def test_example(self) -> None:
        """The printed match is recorded, played and proven."""
        names = printed("replays")
        self.assertIsNone(names["divergence"])
        self.assertEqual(names["replay"].frames, 1000)
        self.assertEqual(names["replay"].header, names["header"])
        self.assertTrue(names["playback"].finished)

    def test_numbers(self) -> None:
        """The limits that the page names are the limits."""
        page = (DOCS / "replays.rst").read_text()
        self.assertIn(MAGIC.hex(" ").upper(), page)
        for text in (
            f"players, 1 (to {PLAYERS_LIMIT})",
            f"frames a second, 1 (to {FRAME_RATE_LIMIT})",
            f"checksum interval, 2 (to {INTERVAL_LIMIT} frames)",
            f"length, 2 (to {RULES_LIMIT})",
            f"length of the input, to {REPLAY_INPUT_LIMIT}]",
            f"at most {INTERVAL_LIMIT} frames come out of it",
            f"snapshot (to {SNAPSHOT_LIMIT})",
            f"the newest {HISTORY_LIMIT}, so",
        ):
            self.assertIn(text, page)
