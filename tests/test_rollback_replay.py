"""
Tests of L{gamenet.replay.replay} and L{gamenet.replay.recorder}.
"""

from __future__ import annotations

import gc
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError, MalformedMessage
from gamenet.replay.playback import Playback
from gamenet.replay.recorder import HISTORY_LIMIT, ReplayRecorder
from gamenet.replay.replay import Replay
from gamenet.wire.replay_chunks import FramesRecord
from gamenet.wire.replay_file import ReplayHeader
from gamenet.wire.replay_reader import ReplayTruncated
from tests.replay_ledgers import DIGEST, ledgers
from tests.replay_samples import Match, assertParts, matches, partsOf, recorded
from tests.rollback_faulty_game import Ledger


class RecorderTests(SynchronousTestCase):
    """A match is written down."""

    def test_pieces(self) -> None:
        """Something is written at each checksum interval and at the end, nothing between."""
        pieces = recorded(ledgers(25, 10))
        self.assertEqual(
            [frame for frame, piece in enumerate(pieces) if piece], [9, 19, 25]
        )
        self.assertTrue(pieces[9].startswith(b"\x89gnr"))

    def test_misuse(self) -> None:
        """Other frames, other inputs and other checksums are refused and change nothing."""
        recorder = ReplayRecorder(ReplayHeader(DIGEST, 2, checksum_interval=2))
        for frame, inputs, checksum in (
            (1, (b"", b""), 0), (-1, (b"", b""), 0), (0, (b"",), 0), (0, (b"",) * 3, 0),
            (0, (b"", bytes(256)), 0), (0, (b"", "x"), 0), (0, (b"", bytearray()), 0),
            (0, (b"", b""), -1), (0, (b"", b""), 1 << 32), (0, (b"", b""), 1.0),
            (0, (b"", b""), True),
        ):
            self.assertRaises(
                LocalProtocolError, recorder.frameConfirmed, frame, inputs, checksum
            )
        for absent in ((0,), (3,), (2, 1), (1, 1), (True,), ("1",)):
            self.assertRaises(
                LocalProtocolError, recorder.frameConfirmed, 0, (b"", b""), 0, absent
            )
        self.assertEqual(recorder.frames, 0)
        data = recorder.frameConfirmed(0, [b"", b""], 5)
        data += recorder.finish()
        self.assertEqual(Replay.read([data]).records, (FramesRecord(0, 1, 1, 5, b"\0\0\0"),))
        self.assertRaises(LocalProtocolError, recorder.finish)
        self.assertRaises(LocalProtocolError, recorder.frameConfirmed, 1, (b"", b""), 0)
        self.assertRaises(LocalProtocolError, recorder.restored, 1, b"")

    def test_misusedStates(self) -> None:
        """A state of no frame, and one whose next frames nobody can know any more."""
        for limit in (0, 1_000_001, 2.0):
            self.assertRaises(BadSetting, ReplayRecorder, ReplayHeader(DIGEST, 1), limit)
        recorder = ReplayRecorder(ReplayHeader(DIGEST, 1))
        for frame, snapshot in ((-1, b""), (1 << 31, b""), ("1", b""), (0, "x")):
            self.assertRaises(LocalProtocolError, recorder.restored, frame, snapshot)
        for frame in range(HISTORY_LIMIT + 9):
            recorder.frameConfirmed(frame, (b"",), None)
        end = recorder.next_frame
        recorder.restored(end - HISTORY_LIMIT - 1, b"too old")
        self.assertRaises(LocalProtocolError, recorder.frameConfirmed, end, (b"",), None)
        recorder.restored(end + 1, b"too new")
        self.assertRaises(LocalProtocolError, recorder.frameConfirmed, end, (b"",), None)
        recorder.restored(end - HISTORY_LIMIT, b"the oldest")
        self.assertRaises(LocalProtocolError, recorder.frameConfirmed, end + 1, (b"",), None)
        data = recorder.frameConfirmed(end, (b"",), None)
        self.assertIn(b"the oldest", data)
        self.assertEqual((recorder.frames, recorder.next_frame), (end + HISTORY_LIMIT + 1, end + 1))

    def test_statesBeforeTheFirst(self) -> None:
        """Frames of an earlier part are not written again in a later one."""
        recorder = ReplayRecorder(ReplayHeader(DIGEST, 1))
        for frame in range(5):
            recorder.frameConfirmed(frame, (b"",), None)
        recorder.restored(50, b"back")
        recorder.frameConfirmed(50, (b"",), None)
        recorder.restored(49, b"older than that")
        self.assertRaises(LocalProtocolError, recorder.frameConfirmed, 51, (b"",), None)
        recorder.restored(50, b"taken over")
        self.assertIn(b"taken over", recorder.frameConfirmed(51, (b"",), None))

    def test_memory(self) -> None:
        """Recording for long keeps no more than the frames of one chunk."""
        recorder = ReplayRecorder(ReplayHeader(DIGEST, 2))
        texts = [(bytes([value]), bytes([255 - value])) for value in range(256)]
        for frame in range(3600):
            recorder.frameConfirmed(frame, texts[frame & 255], 0)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for frame in range(3600, 60_600):
                recorder.frameConfirmed(frame, texts[frame & 255], 0)
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(after - before, 4_000)
        self.assertLess(peak - before, 40_000)


class ReadTests(SynchronousTestCase):
    """A file becomes a replay."""

    @settings(max_examples=60, deadline=None)
    @given(matches())
    def test_roundTrip(self, match: Match) -> None:
        """Any match: header, all parts that can be played, and their checksums."""
        replay = Replay.read(recorded(match))
        self.assertEqual((replay.header, replay.problem), (match[0], ""))
        assertParts(replay, partsOf(match))

    @settings(max_examples=60, deadline=None)
    @given(matches(), st.data())
    def test_cut(self, match: Match, data: st.DataObject) -> None:
        """Any match, cut off anywhere: what is left can be read, and only its tail is missing."""
        whole = b"".join(recorded(match))
        cut = data.draw(st.integers(60 + len(match[0].rules.encode()), len(whole)))
        replay = Replay.read([whole[:cut]], partial=True)
        for segment in replay.segments:
            for frame in {segment.start, segment.end}:
                place = replay.segmentAt(frame)
                self.assertIn(frame, (segment.end, replay.segments[place].start))
        self.assertLessEqual(replay.checksums, len(replay.records))

    def test_truncated(self) -> None:
        """Cut off anywhere: refused by name, or read up to the last whole chunk if asked."""
        data = b"".join(recorded(ledgers(35, 10)))
        header = len(b"".join(recorded(ledgers(0, 10)))) - 29
        counts = []
        for cut in range(len(data)):
            self.assertRaises(ReplayTruncated, Replay.read, [data[:cut]])
            if cut < header:
                self.assertRaises(ReplayTruncated, Replay.read, [data[:cut]], partial=True)
                continue
            replay = Replay.read([data[:cut]], partial=True)
            self.assertIn("cut off", replay.problem)
            self.assertIsNone(Playback(replay, Ledger()).verify())
            counts.append(replay.frames)
        self.assertEqual(sorted(set(counts)), [0, 10, 20, 30, 35])
        self.assertEqual(counts, sorted(counts))

    def test_damaged(self) -> None:
        """A damaged byte: refused by name, or read up to the chunk before if asked."""
        data = bytearray(b"".join(recorded(ledgers(35, 10))))
        data[-60] ^= 1
        self.assertRaises(MalformedMessage, Replay.read, [bytes(data)])
        replay = Replay.read([bytes(data)], partial=True)
        self.assertEqual((replay.frames, replay.problem), (30, "a replay file with damaged bytes"))
        self.assertRaises(MalformedMessage, Replay.read, [b"RIFF"], partial=True)
        self.assertRaises(ReplayTruncated, Replay.read, [], partial=True)

    def test_tooLong(self) -> None:
        """A file beyond the limit is not kept."""
        data = b"".join(recorded(ledgers(35, 10)))
        Replay.read([data], bytes_limit=len(data))
        self.assertRaises(MalformedMessage, Replay.read, [data], bytes_limit=len(data) - 1)

    def test_packed(self) -> None:
        """A replay in memory stays packed: 60 000 frames of one held input are small."""
        recorder = ReplayRecorder(ReplayHeader(DIGEST, 2, checksum_interval=600))
        held = (bytes(64), bytes(64))
        pieces = [recorder.frameConfirmed(frame, held, 0, (1,)) for frame in range(60_000)]
        pieces.append(recorder.finish())
        tracemalloc.start()
        try:
            replay = Replay.read(pieces)
            _, peak = tracemalloc.get_traced_memory()
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertEqual(replay.frames, 60_000)
        self.assertLess(kept, 50_000)
        self.assertLess(peak, 300_000)
