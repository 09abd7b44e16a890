"""
Tests for L{gamenet.inspector.peer_log}, L{gamenet.inspector.comparison} and
L{gamenet.inspector.verdict}.
"""

from __future__ import annotations

from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.inspector.comparison import (
    Comparison,
    DivergenceKind,
    compareLogs,
    compareStates,
    stateFrame,
)
from gamenet.inspector.peer_log import EVENTS_LIMIT, PeerLog
from gamenet.inspector.verdict import headline, printable, verdictText
from gamenet.wire.match_log_records import (
    EndRecord,
    EventRecord,
    FrameRecord,
    LogRecord,
    NoteRecord,
    PartDigest,
    StateRecord,
    TickRecord,
)
from tests.match_logs import headerOf, loggedDuel, peerLog
from tests.rollback_pipe import Link

__all__ = ["ComparisonTests", "PeerLogTests", "StatesTests"]

Parts = dict[str, bytes | PartDigest]

INPUTS = (b"\x01", b"\x02")


def handLog(player: int, *records: LogRecord) -> PeerLog:
    """A log written by hand."""
    log = PeerLog(f"{player}.gamelog", headerOf(player, players=4, seating=()))
    for record in records:
        log.take(record)
    return log


def frames(
    *checksums: int | None, inputs: dict[int, tuple[bytes, ...]] | None = None
) -> list[LogRecord]:
    """Final frames from 0 on, with these checksums."""
    chosen = inputs or {}
    return [
        FrameRecord(frame, chosen.get(frame, INPUTS), checksum)
        for frame, checksum in enumerate(checksums)
    ]


def compared(*logs: PeerLog) -> tuple[Comparison, str]:
    """Return how logs compare, and what is printed of it."""
    comparison = compareLogs(logs)
    return comparison, verdictText(logs, comparison, ())


class PeerLogTests(SynchronousTestCase):
    """One log."""

    def test_predictions(self) -> None:
        """Done when: inputs predicted and confirmed: what was predicted wrong, and what was."""
        log = handLog(
            1,
            TickRecord(0.0, 0, (b"a", b""), (1, 0)),
            TickRecord(0.1, 1, (b"b", b""), (2, 0)),
            TickRecord(0.2, 2, (b"c", b"x"), (3, 2), load=0, replayed=((b"a", b""), (b"b", b"x"))),
            FrameRecord(0, (b"a", b"")),
            FrameRecord(1, (b"b", b"x")),
            FrameRecord(2, (b"c", b"x")),
        )
        self.assertEqual(log.marks, {0: "kp", 1: "km", 2: "kp"})
        self.assertEqual(log.predictions, {1: {2: b""}})
        self.assertEqual((log.predicted, log.mispredicted), (3, 1))
        self.assertEqual([(each.frame, each.load) for each in log.rollbacks], [(2, 0)])
        self.assertEqual((log.deepest, log.unexplained), (2, []))

    def test_unexplained(self) -> None:
        """A frame that became final with other inputs than it was last played with is named."""
        log = handLog(
            1,
            TickRecord(0.0, 0, (b"a", b""), (1, 0)),
            TickRecord(0.0, 1, (b"a", b""), (1, 0), absent=(2,)),
            FrameRecord(0, (b"a", b"x")),
            FrameRecord(1, (b"a", b"x")),
        )
        self.assertEqual(log.unexplained, [0])
        self.assertIn("other inputs than they were played with: frames 0", compared(log)[1])

    def test_matchExplainsAll(self) -> None:
        """In a sound match every frame becomes final as it was last played."""
        for data in loggedDuel(120, link=Link(loss=0.2, latency=4, jitter=3)):
            log = peerLog(data)
            self.assertEqual(log.unexplained, [])
            self.assertGreater(log.mispredicted, 5)
            self.assertEqual(len(log.marks), 120)

    def test_stallsEventsRestored(self) -> None:
        """Done when: stalls; events up to a limit; states that were taken over."""
        log = handLog(
            1,
            TickRecord(0.0, 4, stalled=True),
            TickRecord(0.1, 4, stalled=True),
            TickRecord(0.2, 9, restored=9),
            *[NoteRecord(0.3, str(number)) for number in range(EVENTS_LIMIT + 3)],
            EndRecord(9.0, "finished"),
        )
        self.assertEqual((log.stalls, log.restored), ({4: 2}, [9]))
        self.assertEqual((len(log.events), log.more_events), (EVENTS_LIMIT, 3))
        self.assertEqual((log.why, log.label), ("finished", "player 1"))


    def test_again(self) -> None:
        """Who took over another's state may have a frame twice: the newer one counts."""
        log = handLog(
            1,
            *frames(1, 2, 3, 4),
            TickRecord(0.0, 2, restored=2),
            TickRecord(0.0, 2, (b"x", b""), (3, 0)),
            FrameRecord(2, (b"x", b"y"), 9),
            StateRecord(5, ()),
            StateRecord(2, ()),
        )
        log.settle()
        self.assertEqual(list(log.frames), [0, 1, 2, 3])
        self.assertEqual(log.frames[2], ((b"x", b"y"), 9))
        self.assertEqual((log.marks, log.state_frames), ({2: "km"}, [2, 5]))

    def test_spectator(self) -> None:
        """A spectator's log has no player of its own."""
        log = PeerLog("a", headerOf(local_players=()))
        self.assertEqual((log.label, log.first_player), ("a spectator", 0))


class ComparisonTests(SynchronousTestCase):
    """Where logs differ."""

    def test_equal(self) -> None:
        """A sound match has no divergence."""
        logs = [peerLog(data) for data in loggedDuel(90)]
        comparison, text = compared(*logs)
        self.assertIsNone(comparison.divergence)
        self.assertIn("no divergence in 90 compared frames", text)

    def test_planted(self) -> None:
        """Done when: exactly its frame, wherever it was planted."""
        for frame in (0, 1, 30, 77, 89):
            logs = [peerLog(data) for data in loggedDuel(90, corrupt_at=frame)]
            divergence = compareLogs(logs).divergence
            assert divergence is not None
            self.assertEqual((divergence.kind, divergence.frame), (DivergenceKind.STATE, frame))
            self.assertEqual(divergence.equal_before, frame - 1)
            self.assertEqual(divergence.labels, ("player 1", "player 2"))

    def test_inputs(self) -> None:
        """Different inputs of one frame are told apart from different states."""
        one = handLog(1, *frames(1, 2, 3, 4))
        other = handLog(2, *frames(1, 2, 5, 6, inputs={2: (b"\x01", b"\x09")}))
        comparison, text = compared(one, other)
        divergence = comparison.divergence
        assert divergence is not None
        self.assertEqual((divergence.kind, divergence.frame), (DivergenceKind.INPUTS, 2))
        self.assertIn("frame 2: different inputs of player 2", text)
        self.assertIn("input of player 2: player 1 has 02, player 2 has 09", text)
        self.assertIn("checksums: player 1 00000003, player 2 00000005", text)
        self.assertIn("the states differ from frame 2 on", text)

    def test_inputsLater(self) -> None:
        """A state that differs first is the cause, even if inputs differ afterwards."""
        one = handLog(1, *frames(1, 2, 3))
        other = handLog(2, *frames(1, 7, 8, inputs={2: (b"", b"")}))
        comparison, text = compared(one, other)
        assert comparison.divergence is not None
        self.assertEqual(comparison.divergence.kind, DivergenceKind.STATE)
        self.assertIn("inputs differ too, from frame 2 on", text)

    def test_inputsOnly(self) -> None:
        """Inputs that differ without any checksum are found too."""
        one = handLog(1, *frames(None, None))
        other = handLog(2, *frames(None, None, inputs={1: (b"\x01", b"")}))
        comparison, text = compared(one, other)
        assert comparison.divergence is not None
        self.assertEqual((comparison.compared, comparison.divergence.frame), (0, 1))
        self.assertIn("player 1 has 02, player 2 has nothing", text)

    def test_seldomChecksums(self) -> None:
        """Where not every frame has a checksum the verdict says between which frames it was."""
        one = handLog(1, *frames(1, None, None, 4, None, 6))
        other = handLog(2, *frames(1, None, 3, 4, None, 7))
        comparison, text = compared(one, other)
        assert comparison.divergence is not None
        self.assertEqual((comparison.divergence.frame, comparison.divergence.equal_before), (5, 3))
        self.assertFalse(comparison.divergence.exact)
        self.assertIn("compared and equal is 3: it happened in one of those after", text)
        first = compared(handLog(1, *frames(None, 2)), handLog(2, *frames(None, 3)))[1]
        self.assertIn("no frame before it was compared and equal", first)

    def test_manyPeers(self) -> None:
        """Of three peers the one that differs from the two others is told from them."""
        logs = [handLog(n, *frames(1, value)) for n, value in ((1, 5), (2, 6), (3, 6))]
        divergence = compareLogs(logs).divergence
        assert divergence is not None
        self.assertEqual((divergence.reference, divergence.other), (1, 0))
        logs = [handLog(n, *frames(1, value)) for n, value in ((1, 6), (2, 6), (3, 5))]
        divergence = compareLogs(logs).divergence
        assert divergence is not None
        self.assertEqual((divergence.reference, divergence.other), (0, 2))

    def test_reported(self) -> None:
        """One log only: what its peer noticed itself is what there is."""
        one, _ = loggedDuel(90, corrupt_at=40)
        comparison, text = compared(peerLog(one))
        divergence = comparison.divergence
        assert divergence is not None
        self.assertEqual((divergence.kind, divergence.frame), (DivergenceKind.REPORTED, 59))
        self.assertIn("frame 59, as player 1 noticed; its cause is before", text)
        self.assertRegex(text, r"checksums: player 1 [0-9a-f]{8}, player 2 [0-9a-f]{8}")

    def test_reportedNonsense(self) -> None:
        """Bad input: an event with that name and no such fields says nothing."""
        log = handLog(1, EventRecord(0.0, "Desynchronized", {"frame": "x", "local": True}))
        self.assertIsNone(compareLogs([log]).divergence)
        self.assertIn("no peer noticed one", headline(compareLogs([log])))

    def test_oneLog(self) -> None:
        """One log of a sound match: nothing to compare is not the same as no divergence."""
        self.assertIn("no frame is in two logs", compared(peerLog(loggedDuel(30)[0]))[1])

    def test_settings(self) -> None:
        """Peers whose settings differ are told."""
        log = PeerLog("b", headerOf(2, digest=b"other"))
        self.assertIn("settings differ", compared(PeerLog("a", headerOf(1)), log)[1])

    def test_printable(self) -> None:
        """Bad input: no text of a log can move a terminal's cursor or turn its writing round."""
        shown = printable("a\x1b[2J\n\u202eb\udc80" + "x" * 200)
        self.assertTrue(shown.isprintable())
        self.assertEqual(shown[:26], "a\\x1b[2J\\n\\u202eb\\udc80xxxxx"[:26])
        self.assertLessEqual(len(printable("x" * 500)), 120)


class StatesTests(SynchronousTestCase):
    """How states differ."""

    LABELS = ("player 1", "player 2")

    def lines(self, one: Parts, other: Parts) -> str:
        """Return what is printed of two states."""
        states = compareStates(7, self.LABELS, (one, other))
        log = handLog(1)
        return verdictText([log], compareLogs([log]), [states])

    def test_values(self) -> None:
        """Done when: exactly its part and both values."""
        text = self.lines({"a": b"same", "b": b"0123456789"}, {"a": b"same", "b": b"01AB456789"})
        self.assertIn("state after frame 7: 1 part differs", text)
        self.assertIn("part 'b', byte 2 of 10: player 1 32 33, player 2 41 42", text)
        self.assertNotIn("'a'", text)

    def test_far(self) -> None:
        """A part that differs beyond what is shown says so."""
        text = self.lines({"a": bytes(100)}, {"a": b"\x01" + bytes(98) + b"\x02"})
        self.assertIn("byte 0 of 100: player 1 00, player 2 01 (2 bytes of it differ)", text)

    def test_shapes(self) -> None:
        """Parts of other lengths, missing parts, the whole snapshot, and equal states."""
        self.assertIn("byte 2 of 2 or 3: player 1 nothing, player 2 33",
                      self.lines({"a": b"12"}, {"a": b"123"}))
        self.assertIn("part 'b': only player 2 has it", self.lines({}, {"b": b""}))
        self.assertIn("the snapshot, byte 0 of 1", self.lines({"": b"1"}, {"": b"2"}))
        self.assertIn("equal in player 1 and player 2", self.lines({"a": b""}, {"a": b""}))
        many: dict[str, bytes | PartDigest] = {str(number): b"1" for number in range(12)}
        self.assertIn("and 4 more", self.lines(many, dict.fromkeys(many, b"2")))

    def test_digests(self) -> None:
        """A part that is too long for the log is compared by its checksum."""
        text = self.lines({"a": PartDigest(9, 5)}, {"a": PartDigest(9, 6)})
        self.assertIn("part 'a': player 1 9 bytes with crc32 00000005, player 2 9 bytes", text)
        self.assertIn("player 2 none", self.lines({"a": PartDigest(9, 5)}, {}))
        self.assertIn(": equal in", self.lines({"a": PartDigest(3, crc32(b"abc"))}, {"a": b"abc"}))

    def test_stateFrame(self) -> None:
        """The state that is looked at is the first from the divergence on that both logs have."""
        one = handLog(1, *[StateRecord(frame, ()) for frame in (1, 4, 5, 9)])
        other = handLog(2, *[StateRecord(frame, ()) for frame in (1, 5, 9)])
        found = [stateFrame(one, other, frame) for frame in (0, 1, 2, 5, 6, 10)]
        self.assertEqual(found, [1, 1, 5, 5, 9, None])

    @given(st.binary(max_size=60), st.binary(max_size=60))
    @settings(deadline=None)
    def test_anyStates(self, one: bytes, other: bytes) -> None:
        """States are equal exactly if nothing is printed to differ."""
        text = self.lines({"a": one}, {"a": other})
        self.assertEqual("equal in player 1" in text, one == other)
