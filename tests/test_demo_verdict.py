"""
Tests for L{gamenet.demo.verdict}.
"""

from __future__ import annotations

import json

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.comparison import Comparison, compareChecksums
from gamenet.demo.settings import DemoSettings
from gamenet.demo.summary import LinkSummary, PlayerSummary
from gamenet.demo.verdict import Verdict, judge

__all__ = ["JSON_KEYS", "CompareTests", "JudgeTests"]

#: The keys of the object that C{--json} prints.
JSON_KEYS = [
    "frames",
    "identical",
    "desyncs",
    "relay_packets",
    "players",
    "drop_frame",
    "new_host",
    "rejoined_at_frame",
    "state_bytes_received",
    "paths",
]

CHECKSUMS = st.lists(st.integers(0, 3), max_size=12)

ADA = PlayerSummary(
    player=1,
    name="Ada",
    outcome="finished",
    path="direct",
    rtt=0.0815,
    rollbacks=120,
    deepest_rollback=6,
    stalls=2,
    packets_direct=590,
    packets_relayed=12,
    packets_sent=640,
    bytes_sent=64000,
    duration=10.0,
    score=7,
    checksum=0xABCDEF,
)
GRACE = evolve(ADA, player=2, name="Grace")


class CompareTests(SynchronousTestCase):
    """The comparison of all checksums of all frames."""

    def test_identical(self) -> None:
        """Every frame the same everywhere, and all of them there: identical."""
        self.assertEqual(
            compareChecksums(3, [[1, 2, 3], [1, 2, 3]]), Comparison(3, (3, 3), 3, None, 0)
        )
        self.assertTrue(compareChecksums(3, [[1, 2, 3], [1, 2, 3]]).identical)

    def test_difference(self) -> None:
        """The first difference is named, and all of them are counted."""
        found = compareChecksums(4, [[1, 2, 3, 4], [1, 9, 3, 5]])
        self.assertEqual((found.first_difference, found.desyncs, found.identical), (1, 2, False))

    def test_missing(self) -> None:
        """A frame that somebody never confirmed is not identical, even if all others are."""
        for checksums in ([[1, 2, 3], [1, 2]], [[1, 2], [1, 2]], [[1, 2, 3, 4], [1, 2, 3]], []):
            self.assertFalse(compareChecksums(3, checksums).identical, checksums)

    @given(st.lists(CHECKSUMS, min_size=1, max_size=8))
    @settings(deadline=None, max_examples=200)
    def test_likeTheDefinition(self, checksums: list[list[int]]) -> None:
        """For any number of players it is what the definition says, frame by frame."""
        frames = max(len(one) for one in checksums)
        found = compareChecksums(frames, checksums)
        complete = all(len(one) == frames for one in checksums)
        same = all(one[: len(checksums[0])] == checksums[0] for one in checksums)
        self.assertEqual(found.identical, complete and same)
        self.assertEqual(found.compared, min(len(one) for one in checksums))
        if found.first_difference is not None:
            first = found.first_difference
            for frame in range(first + 1):
                told = {one[frame] for one in checksums if frame < len(one)}
                self.assertEqual(len(told) > 1, frame == first)


class JudgeTests(SynchronousTestCase):
    """The exit status's reasons, and the object for programs."""

    def judged(
        self,
        settings: DemoSettings | None = None,
        comparison: Comparison | None = None,
        players: tuple[PlayerSummary, ...] = (ADA, GRACE),
        relay_packets: int = 24,
        unclean: tuple[str, ...] = (),
    ) -> Verdict:
        """Judge a demo that is fine, but for what is given."""
        return judge(
            settings or DemoSettings(),
            comparison or Comparison(600, (600, 600), 600, None, 0),
            players,
            relay_packets,
            unclean,
        )

    def failedChecks(self, verdict: Verdict) -> list[str]:
        """Return the names of what failed."""
        self.assertEqual(verdict.passed, all(check.passed for check in verdict.checks))
        return [check.name for check in verdict.checks if not check.passed]

    def test_passed(self) -> None:
        """A demo in which everything was fine passes."""
        self.assertEqual(self.failedChecks(self.judged()), [])

    def test_difference(self) -> None:
        """A difference fails, and the first frame is named."""
        verdict = self.judged(comparison=Comparison(600, (600, 600), 600, 200, 400))
        self.assertEqual(self.failedChecks(verdict), ["identical"])
        self.assertEqual(
            verdict.checks[0].text,
            "the states differ for the first time in frame 200, and in 399 after it",
        )

    def test_noticed(self) -> None:
        """It is told when the players themselves noticed; a false alarm of theirs fails."""
        players = (evolve(ADA, noticed=239), evolve(GRACE, noticed=209))
        verdict = self.judged(
            comparison=Comparison(600, (600, 600), 600, 200, 1), players=players
        )
        self.assertEqual(
            verdict.checks[0].text,
            "the states differ for the first time in frame 200; the players noticed in frame 209",
        )
        self.assertEqual(self.failedChecks(self.judged(players=players)), ["identical"])

    def test_missingFrames(self) -> None:
        """Frames that were never confirmed fail, and whose they are is named."""
        verdict = self.judged(comparison=Comparison(600, (600, 480), 480, None, 0))
        self.assertEqual(self.failedChecks(verdict), ["identical"])
        self.assertIn("Grace confirmed 480 of 600", verdict.checks[0].text)

    def test_noRollbacks(self) -> None:
        """Without a single rollback nothing was put to the test."""
        still = tuple(evolve(one, rollbacks=0, deepest_rollback=0) for one in (ADA, GRACE))
        self.assertEqual(self.failedChecks(self.judged(players=still)), ["rollbacks"])

    def test_direct(self) -> None:
        """Direct was asked for: the last packets went direct, for everybody, or it fails."""
        for grace in (
            evolve(GRACE, path="relay"),
            evolve(GRACE, path=""),
            evolve(GRACE, packets_direct=0),
        ):
            self.assertEqual(self.failedChecks(self.judged(players=(ADA, grace))), ["direct"])
        self.assertEqual(self.failedChecks(self.judged(relay_packets=0)), [])

    def test_relayOnly(self) -> None:
        """Relay only: not one packet direct, and the relay itself says that it carried some."""
        asked = DemoSettings(relay_only=True)
        players = tuple(
            evolve(one, path="relay", packets_direct=0, packets_relayed=600) for one in (ADA, GRACE)
        )
        self.assertEqual(self.failedChecks(self.judged(asked, players=players)), [])
        self.assertEqual(
            self.failedChecks(self.judged(asked, players=players, relay_packets=0)), ["relay only"]
        )
        leaked = (players[0], evolve(players[1], packets_direct=1))
        self.assertEqual(self.failedChecks(self.judged(asked, players=leaked)), ["relay only"])
        self.assertEqual(self.failedChecks(self.judged(asked)), ["relay only"])

    def test_nobodyToReach(self) -> None:
        """No path has to lead to who was killed; to everybody else it has to."""
        killed = evolve(ADA, outcome="killed", path="relay", packets_direct=0)
        alone = evolve(GRACE, path="none", links=(LinkSummary(1, "none", None),))
        comparison = Comparison(600, (200, 600), 600, None, 0, (1,))
        verdict = self.judged(comparison=comparison, players=(killed, alone))
        self.assertEqual(self.failedChecks(verdict), [])
        lost = evolve(alone, links=(*alone.links, LinkSummary(3, "relay", None)))
        verdict = self.judged(comparison=comparison, players=(killed, lost))
        self.assertEqual(self.failedChecks(verdict), ["direct"])
        verdict = self.judged(players=(ADA, alone))
        self.assertEqual(self.failedChecks(verdict), ["direct"])

    def test_unclean(self) -> None:
        """A process that did not end clean fails, with what is known of it."""
        verdict = self.judged(unclean=("the lobby printed a traceback",))
        self.assertEqual(self.failedChecks(verdict), ["clean"])
        self.assertEqual(verdict.checks[-1].text, "the lobby printed a traceback")

    def test_json(self) -> None:
        """The object for programs has exactly the keys of the issues, in their order."""
        shown = json.loads(json.dumps(self.judged().asJson()))
        self.assertEqual(list(shown), JSON_KEYS)
        self.assertEqual(
            shown["players"][1],
            {
                "player": 2,
                "path": "direct",
                "rtt_ms": 81.5,
                "rollbacks": 120,
                "deepest_rollback": 6,
                "stalls": 2,
                "packets_direct": 590,
                "packets_relayed": 12,
                "packets_per_second": 64.0,
                "bytes_per_second": 6400.0,
                "checksum": "00abcdef",
            },
        )
        self.assertEqual(
            (shown["frames"], shown["identical"], shown["desyncs"], shown["relay_packets"]),
            (600, True, 0, 24),
        )

    def test_neverStarted(self) -> None:
        """A player of whom nothing was heard is no error in itself: everything is zero."""
        nobody = PlayerSummary(player=1, name="Ada")
        self.assertEqual(nobody.packets_per_second, 0.0)
        self.assertEqual(nobody.bytes_per_second, 0.0)
        self.assertEqual(nobody.asJson()["rtt_ms"], None)
        self.assertEqual(nobody.asJson()["checksum"], "")
        comparison = compareChecksums(600, [[], []])
        verdict = self.judged(comparison=comparison, players=(nobody, nobody), relay_packets=0)
        self.assertEqual(self.failedChecks(verdict), ["identical", "rollbacks", "direct"])
