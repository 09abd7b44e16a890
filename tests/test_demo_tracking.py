"""
Tests for L{gamenet.demo.tracking}.
"""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.comparison import Run
from gamenet.demo.history import Mark
from gamenet.demo.summary import LinkSummary
from gamenet.demo.table import PlayerProgress
from gamenet.demo.tracking import BadReport, PlayerTrack

__all__ = ["PlayerTrackTests", "ReturnedTrackTests", "resultLine", "sampleLine"]


def line(**report: object) -> bytes:
    """Return a report as a player writes it."""
    return json.dumps(report).encode()


def sampleLine(first: int, checksums: list[int], **changes: object) -> bytes:
    """Return a sample with the checksums of some frames."""
    values: dict[str, object] = {
        "event": "sample",
        "time": 1.5,
        "frame": first + len(checksums) + 4,
        "path": "direct",
        "rtt": 0.08,
        "rollbacks": 3,
        "depths": [[1.2, 4], [1.4, 2]],
        "first": first,
        "checksums": checksums,
    }
    return line(**{**values, **changes})


def resultLine(player: int, last_frame: int, checksum: int, **changes: object) -> bytes:
    """Return the result of a player for whom all went well."""
    values: dict[str, object] = {
        "event": "result",
        "player": player,
        "outcome": "finished",
        "last_frame": last_frame,
        "path": "direct",
        "rtt": 0.08,
        "rollbacks": 3,
        "deepest_rollback": 4,
        "stalls": 1,
        "packets_direct": 500,
        "packets_relayed": 10,
        "packets_sent": 550,
        "bytes_sent": 40000,
        "duration": 10.0,
        "score": 12,
        "checksum": checksum,
        "links": [[3 - player, "direct", 0.08]],
    }
    return line(**{**values, **changes})


class PlayerTrackTests(SynchronousTestCase):
    """What the parent makes of a player's lines."""

    def setUp(self) -> None:
        """Follow player 1."""
        self.track = PlayerTrack(1, "Ada")

    def test_wholeMatch(self) -> None:
        """From the session to the result everything is kept."""
        track = self.track
        track.lineReceived(line(event="session", session="ab" * 8))
        self.assertEqual(track.session_id, "ab" * 8)
        self.assertFalse(track.started)
        track.lineReceived(line(event="started"))
        self.assertTrue(track.started)
        track.lineReceived(line(event="path", time=0.0, kind="relay"))
        track.lineReceived(sampleLine(0, [11, 12]))
        track.lineReceived(sampleLine(2, []))
        track.lineReceived(sampleLine(2, [13], rtt=None))
        self.assertEqual(track.checksums, [11, 12, 13])
        self.assertEqual(track.progress, PlayerProgress(3, "direct", None, 3))
        self.assertEqual(track.history.path_changes, [(0.0, "relay")])
        self.assertEqual(track.history.rollbacks[:2], [(1.2, 4), (1.4, 2)])
        self.assertEqual([trip.rtt for trip in track.history.round_trips], [0.08, 0.08, None])
        self.assertFalse(track.finished)
        track.lineReceived(resultLine(1, 2, 13))
        self.assertTrue(track.finished)
        summary = track.summary
        self.assertEqual((summary.name, summary.score, summary.checksum), ("Ada", 12, 13))
        self.assertEqual((summary.packets_direct, summary.deepest_rollback), (500, 4))
        self.assertEqual(summary.links, (LinkSummary(2, "direct", 0.08),))

    def test_unfinished(self) -> None:
        """Of a player who never came to a result the summary tells what is known."""
        self.assertEqual(self.track.summary.outcome, "never started")
        self.track.lineReceived(sampleLine(0, [11, 12]))
        self.assertEqual(self.track.summary.checksum, 12)
        self.assertEqual(self.track.summary.deepest_rollback, 4)

    def test_failed(self) -> None:
        """What went wrong in the player's process is known by its name."""
        self.track.lineReceived(line(event="failed", error="NoPath", text="no way"))
        self.assertEqual(self.track.failure, "NoPath: no way")

    def test_desynchronized(self) -> None:
        """Of the frames in which the players themselves notice it, the first is kept."""
        self.track.lineReceived(line(event="desynchronized", frame=229))
        self.track.lineReceived(line(event="desynchronized", frame=259))
        self.assertEqual(self.track.noticed, 229)
        self.assertEqual(self.track.summary.noticed, 229)
        self.track.lineReceived(sampleLine(0, [11]))
        self.track.lineReceived(resultLine(1, 0, 11))
        self.assertEqual(self.track.summary.noticed, 229)

    def test_gap(self) -> None:
        """Bad input: checksums with a gap, or twice, are refused: none may go uncompared."""
        self.track.lineReceived(sampleLine(0, [11, 12]))
        for first in (3, 1, 0):
            self.assertRaises(BadReport, self.track.lineReceived, sampleLine(first, [13]))

    def test_resultMustMatch(self) -> None:
        """Bad input: a result that the confirmed frames contradict is refused."""
        self.track.lineReceived(sampleLine(0, [11, 12]))
        for wrong in (resultLine(1, 2, 12), resultLine(1, 1, 11), resultLine(2, 1, 12)):
            self.assertRaises(BadReport, self.track.lineReceived, wrong)
        self.assertFalse(self.track.finished)

    def test_others(self) -> None:
        """What a player is told of the others is kept: the first time each, and the last host."""
        track = self.track
        for frame in (200, 300):
            track.lineReceived(line(event="dropped", time=1.5, player=2, frame=frame))
            track.lineReceived(line(event="joined", time=1.5, player=2, frame=frame + 50))
        for host in (2, 3):
            track.lineReceived(line(event="host", player=host, epoch=host))
        self.assertEqual((track.drops, track.joins, track.host), ({2: 200}, {2: 250}, 3))
        self.assertEqual(track.marks[0], Mark(1.5, "frame 200: Grace dropped"))
        track.lineReceived(line(event="resume", secret="5EC7"))
        self.assertEqual(track.resume, "5ec7")
        self.assertNotIn("5ec7", repr(track))

    def test_badOthers(self) -> None:
        """Bad input: a player or a frame that cannot be, and a secret that is none."""
        for bad in (
            line(event="dropped", time=1.5, player=9, frame=1),
            line(event="dropped", time=1.5, player=2, frame=-1),
            line(event="joined", time=1.5, player=0, frame=1),
            line(event="host", player="x"),
            line(event="resume", secret="xyz"),
            line(event="resume", secret=5),
            line(event="seat", frame=5, bytes=3),
            sampleLine(0, [None]),
        ):
            self.assertRaises(BadReport, self.track.lineReceived, bad)

    @given(
        st.binary(max_size=80)
        | st.recursive(
            st.none() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
            lambda inner: st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["event", "session", "time", "kind", "checksums", "first"]),
                inner | st.sampled_from(["session", "path", "sample", "result", "failed"]),
            ),
            max_leaves=10,
        ).map(lambda value: json.dumps(value).encode())
    )
    @settings(deadline=None, max_examples=200)
    def test_nonsense(self, data: bytes) -> None:
        """Bad input: whatever else comes down the pipe is refused by name, and nothing else."""
        track = PlayerTrack(1, "Ada")
        try:
            track.lineReceived(data)
        except BadReport as error:
            self.assertIn("Ada", str(error))


class ReturnedTrackTests(SynchronousTestCase):
    """What the parent makes of the lines of a process that came back."""

    def setUp(self) -> None:
        """Follow player 1, which is back."""
        self.track = PlayerTrack(1, "Ada", returned=True)

    def test_wayToTheSeat(self) -> None:
        """Until it has its seat its frames may begin anywhere, and once more further on."""
        track = self.track
        track.lineReceived(sampleLine(0, []))
        track.lineReceived(sampleLine(300, [None, 11]))
        track.lineReceived(sampleLine(302, [12]))
        track.lineReceived(sampleLine(310, [None]))
        track.lineReceived(line(event="seat", frame=311, bytes=412))
        track.lineReceived(sampleLine(311, [13]))
        self.assertEqual(track.runs, [Run(300, [None, 11, 12]), Run(310, [None, 13])])
        self.assertEqual((track.seat, track.state_bytes, track.confirmed), (311, 412, 312))
        self.assertEqual(track.progress.frame, 312)
        track.lineReceived(resultLine(1, 311, 13))
        self.assertTrue(track.finished)
        self.assertTrue(track.summary.returned)

    def test_noGapAfterIt(self) -> None:
        """Bad input: once it has its seat none of its frames may go uncompared."""
        self.track.lineReceived(sampleLine(300, [11]))
        self.assertRaises(BadReport, self.track.lineReceived, sampleLine(299, [11]))
        self.track.lineReceived(line(event="seat", frame=301, bytes=412))
        for first in (300, 302, 10**12):
            self.assertRaises(BadReport, self.track.lineReceived, sampleLine(first, [11]))

    def test_seatedOnce(self) -> None:
        """The first seat is what counts."""
        for frame in (300, 400):
            self.track.lineReceived(line(event="seat", frame=frame, bytes=frame + 1))
        self.assertEqual((self.track.seat, self.track.state_bytes), (300, 301))
