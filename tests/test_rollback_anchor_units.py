"""
The unit tests of GGRS 0.13's C{input_queue} (16), C{sync_layer} (19) and
C{protocol} (4), with their numbers, as scenarios of our modules.  What GGRS
answers with a dropped input or a null frame is an error with a reason here.
"""

from __future__ import annotations

from zlib import crc32

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.rollback.input_queue import CAPACITY, HISTORY, InputQueue
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.steps import Advance, Load, Save
from gamenet.rollback.timeline import Timeline
from gamenet.wire.input_frames import decodeHeader
from tests.rollback_mesh import Mesh
from tests.rollback_pipe import (
    HashGame,
    copyOf,
    isUnchanged,
    packet,
    play,
    read,
    session,
    tell,
)


def queueOf(*numbers: int) -> InputQueue:
    """A queue with inputs of one byte."""
    queue = InputQueue()
    for number in numbers:
        queue.append(bytes([number]))
    return queue


class InputQueueTests(SynchronousTestCase):
    """Anchor: input_queue."""

    def test_addInputWrongFrame(self) -> None:
        """test_add_input_wrong_frame: after frame 0, inputs from frame 3 on are refused."""
        queue = queueOf(0)
        self.assertRaises(RemoteProtocolError, queue.overlap, 3, 1)
        self.assertEqual(queue.count, 1)

    def test_addInputTwice(self) -> None:
        """test_add_input_twice: frame 0 again adds nothing."""
        queue = queueOf(0)
        self.assertEqual(queue.overlap(0, 1), 1)
        self.assertTrue(queue.agrees(0, [b"\0"]))

    def test_addInputSequentially(self) -> None:
        """test_add_input_sequentially, test_input_sequentially: 10 inputs, each as it was."""
        queue = InputQueue()
        for frame in range(10):
            self.assertEqual(queue.count, frame)
            queue.append(bytes([frame]))
            self.assertEqual(queue.known(frame), bytes([frame]))
            self.assertEqual(queue.play(frame, frame + 1), [bytes([frame])])

    def test_delayedInputs(self) -> None:
        """test_delayed_inputs: with a delay of 2 frame i plays input max(0, i - 2)."""
        one = session(input_delay=2)
        for frame in range(8):
            self.assertEqual(one.inputFrame(), frame + 2)
            steps = play(one, bytes([frame]))
            expected = bytes([frame - 2]) if frame >= 2 else b""
            self.assertIn(Advance(frame, (expected, b"")), steps)

    def test_prediction(self) -> None:
        """test_prediction_returned_for_missing_frame, ..._repeats_last_input: 42, 77."""
        for number in (42, 77):
            queue = queueOf(number)
            self.assertEqual(queue.known_until, 1)
            self.assertRaises(LocalProtocolError, queue.known, 1)
            self.assertEqual(queue.play(1, 2), [bytes([number])])

    def test_confirmedAfterPrediction(self) -> None:
        """test_confirmed_input_after_prediction_no_mismatch: 5 predicted, 5 came."""
        queue = queueOf(5)
        queue.play(1, 2)
        self.assertIsNone(queue.extend([b"\5"], 2))

    def test_firstIncorrect(self) -> None:
        """test_first_incorrect_frame_tracked_on_mismatch: 5 predicted, 99 came: frame 1."""
        queue = queueOf(5)
        queue.play(1, 2)
        self.assertEqual(queue.extend([bytes([99])], 2), 1)

    def test_resetPrediction(self) -> None:
        """test_reset_prediction_clears_state: once played again, nothing is wrong any more."""
        queue = queueOf(5)
        queue.play(1, 2)
        queue.extend([bytes([99])], 2)
        self.assertEqual(queue.play(1, 3), [bytes([99])] * 2)
        self.assertIsNone(queue.extend([bytes([99])], 3))

    def test_confirmedInput(self) -> None:
        """test_confirmed_input_returns_correct_value: of 0, 10 .. 50 frame 3 has 30."""
        self.assertEqual(queueOf(*range(0, 60, 10)).known(3), bytes([30]))

    def test_discard(self) -> None:
        """
        test_discard_confirmed_frames_reduces_length, test_queue_wraps_around_without_panic:
        200 inputs and far more go in, the newest 256 stay, and there is no end to it.
        """
        queue = InputQueue()
        for frame in range(200):
            queue.append(bytes([frame]))
        self.assertEqual(queue.count, 200)
        for frame in range(200, 5000):
            queue.append(bytes([frame & 0xFF]))
            kept = queue.count - queue.first_kept
            self.assertGreaterEqual(kept, min(queue.count, HISTORY))
            self.assertLessEqual(kept, CAPACITY)
        self.assertEqual(HISTORY, 256)

    def test_increaseDelay(self) -> None:
        """
        test_increase_delay_fills_with_last_input and ..._does_not_drop_next_input: 5
        inputs, then a delay of 2: frames 5 and 6 hold input 4, and 7 is asked for.
        """
        one = self.played(0, 5)
        one.setInputDelay(2)
        self.assertEqual(read(one.packetFor(2, 0.0)).inputs[4:], [b"\4"] * 3)
        self.assertEqual(one.inputFrame(), 7)
        play(one, b"\5")
        self.assertEqual(read(one.packetFor(2, 0.0)).inputs[-1], b"\5")

    def test_decreaseDelay(self) -> None:
        """
        test_decrease_delay_mid_session_continues_sequentially: from 3 to 1 after 5
        frames: no input is asked for while two frames are played, then each is.
        """
        one = self.played(3, 5)
        one.setInputDelay(1)
        asked = []
        for frame in range(5, 8):
            tell(one, b"", first=frame - 5)
            asked.append(one.inputFrame())
            play(one, None if asked[-1] is None else b"x")
        self.assertEqual(asked, [None, None, 8])
        self.assertEqual(one.current_frame, 8)

    def played(self, delay: int, frames: int) -> RollbackSession:
        """A session that has played some frames."""
        one = session(input_delay=delay)
        for frame in range(frames):
            play(one, bytes([frame]))
        return one


class SavedStateTests(SynchronousTestCase):
    """Anchor: sync_layer, the cells of saved states."""

    def setUp(self) -> None:
        self.game = HashGame()
        self.timeline = Timeline(self.game, session())

    def test_beforeSave(self) -> None:
        """test_cell_default_frame_is_null, ..._returns_none_before_save: nothing is kept."""
        for frame in (0, 1, 5, 9):
            self.assertIsNone(self.timeline.snapshotOf(frame))
            self.assertRaises(LocalProtocolError, self.timeline.snapshot, frame)
        self.assertIsNone(self.timeline.newestSnapshot(99))

    def test_afterSave(self) -> None:
        """test_cell_save_and_frame, ..._returns_some_after_save: what was saved, by its frame."""
        self.timeline.apply([Save(5)])
        self.assertEqual(self.timeline.snapshotOf(5), self.game.save())
        self.assertIsNone(self.timeline.snapshotOf(4))

    def test_checksum(self) -> None:
        """test_cell_save_and_checksum: the checksum of a frame is that of what was saved."""
        one = session(last_frame=0)
        timeline = Timeline(self.game, one)
        tell(one, b"x")
        timeline.apply(one.advance(b"a", 0.0))
        (event,) = one.drainEvents()
        self.assertEqual(event.checksum, crc32(self.game.save()))

    def test_load(self) -> None:
        """test_cell_load_clones_value, ..._clone_shares_state: a load leaves what is kept."""
        self.timeline.apply([Save(0), Advance(0, (b"a", b"b"))])
        first = self.timeline.snapshot(0)
        for text in (b"c", b"d"):
            self.timeline.apply([Load(0)])
            self.assertEqual(self.game.save(), first)
            self.timeline.apply([Advance(0, (text, b""))])
            self.assertNotEqual(self.game.save(), first)
            self.assertEqual(self.timeline.snapshot(0), first)

    def test_latestInRange(self) -> None:
        """test_latest_saved_state_in_range_returns_latest_matching_frame: 0, 4 and 7."""
        self.timeline.apply([Save(0), Save(4), Save(7)])
        self.assertEqual(self.timeline.newestSnapshot(6), 4)
        self.assertEqual(self.timeline.newestSnapshot(3), 0)
        self.assertEqual(self.timeline.newestSnapshot(7), 7)
        self.assertIsNone(self.timeline.newestSnapshot(-1))


class SyncLayerTests(SynchronousTestCase):
    """Anchor: sync_layer, the frames."""

    def test_differentDelays(self) -> None:
        """test_different_delays: delays 2 and 0, 20 frames: i - 2 and i are played."""
        mesh = Mesh(2, own={1: {"input_delay": 2}}, latency=0.5, script=self.pressedAt)
        mesh.run(22)
        common = mesh.common()
        self.assertGreaterEqual(len(common), 20)
        for event in common[3:]:
            self.assertEqual(event.inputs, (bytes([event.frame - 2]), bytes([event.frame])))

    def pressedAt(self, player: int, frame: int) -> bytes:
        """The frame in which it was pressed."""
        return bytes([frame - (2 if player == 1 else 0)])

    def test_advance(self) -> None:
        """test_advance_frame_increments_current_frame: 0, then 1."""
        one = session()
        self.assertEqual(one.current_frame, 0)
        play(one, b"a")
        self.assertEqual(one.current_frame, 1)

    def test_save(self) -> None:
        """test_save_current_state_updates_last_saved_frame: 0 is saved first, then each."""
        one = session()
        saved = [step.frame for _ in range(3) for step in play(one, b"") if type(step) is Save]
        self.assertEqual(saved, [0, 1, 2, 3])

    def test_loadRewinds(self) -> None:
        """test_load_frame_rewinds_current_frame: from frame 3 to 0, and to 3 again."""
        one = session()
        for _ in range(3):
            play(one, b"a")
        tell(one, b"x", b"y", b"z")
        steps = play(one, None)
        self.assertEqual(steps[0], Load(0))
        self.assertEqual([step.frame for step in steps if type(step) is Advance], [0, 1, 2])
        self.assertEqual(one.current_frame, 3)

    def test_consistency(self) -> None:
        """test_check_simulation_consistency_no_mismatch: 5 frames with known inputs."""
        one = session()
        for frame in range(5):
            tell(one, bytes([frame]), first=frame)
            play(one, bytes([frame]))
        self.assertEqual((one.statistics.rollbacks, one.confirmed_frame), (0, 4))

    def test_mismatch(self) -> None:
        """test_check_simulation_consistency_finds_mismatch: 5, then 99 instead of 5: frame 1."""
        one = session()
        tell(one, b"\5")
        play(one, b"")
        play(one, b"")
        tell(one, bytes([99]), first=1)
        self.assertEqual(play(one, None)[0], Load(1))

    def test_confirmed(self) -> None:
        """test_set_last_confirmed_frame_updates_last_confirmed: 10 played, 5 confirmed."""
        one = session(prediction_window=16)
        for frame in range(10):
            play(one, bytes([frame]))
        tell(one, *[b""] * 6)
        play(one, None)
        self.assertEqual(one.confirmed_frame, 5)

    def test_confirmedSparse(self) -> None:
        """
        test_set_last_confirmed_frame_sparse_saving_caps_at_last_saved: 4 frames of 5 are
        confirmed, and only snapshot 0 is kept: that is where it goes back to.
        """
        one = session(sparse_saving=True)
        for _ in range(5):
            play(one, b"")
        tell(one, *[b""] * 4)
        self.assertEqual(play(one, None), ())
        tell(one, b"x", first=4)
        self.assertEqual(play(one, None)[0], Load(0))

    def test_disconnected(self) -> None:
        """
        test_disconnected_player_returns_default_input: who was gone before frame 0 has
        the empty input, and the other one's is played as it is: 42.
        """
        one = session(players=3, vacant=(2,))
        self.assertIn(Advance(0, (bytes([42]), b"", b""), (2,)), play(one, bytes([42])))


class ProtocolTests(SynchronousTestCase):
    """Anchor: protocol, malformed packets."""

    def refused(self, one: RollbackSession, body: bytes, peer: int = 2) -> None:
        """Assert that a packet is refused and changes nothing."""
        before = copyOf(one)
        self.assertRaises(RemoteProtocolError, one.packetReceived, peer, body, 0.0)
        self.assertTrue(isUnchanged(one, before))
        self.assertEqual(one.drainEvents(), ())

    def test_shortStatus(self) -> None:
        """input_packet_with_short_connection_status_is_dropped: a header that is cut off."""
        one = session()
        body = packet(0, [b"x"], 0, 1)
        for size in range(14):
            self.refused(one, body[:size])

    def test_noReference(self) -> None:
        """input_packet_without_reference_frame_is_ignored: frame 0 known, a packet from 2 on."""
        one = session()
        tell(one, b"\7")
        self.refused(one, packet(2, [b"x"], 0, 2))
        self.assertEqual(one.remote(2).blobs.count, 1)

    def test_firstWithDelay(self) -> None:
        """
        first_input_packet_with_nonzero_start_frame_is_accepted: who has a delay of 2
        sends the first frames too, so that nothing has to be assumed of them.
        """
        one, two = session(1), session(2, input_delay=2)
        play(two, bytes([42]))
        body = two.packetFor(1, 0.0)
        self.assertEqual(decodeHeader(body).first_frame, 0)
        one.packetReceived(2, body, 0.0)
        self.assertEqual(one.remote(2).blobs.since(0), [b"", b"", bytes([42])])

    def test_wrongShape(self) -> None:
        """input_packet_with_wrong_player_byte_shape_is_dropped: one byte for two players."""
        one = session(3, players=3, seating=((1, 2), (3,)))
        for blob in (b"\1", b"", b"\1a", b"\1a\2b", b"\0\0\0"):
            self.refused(one, packet(0, [blob], 0, 1), peer=1)
        one.packetReceived(1, packet(0, [b"\1a\1b"], 0, 1), 0.0)
        self.assertEqual(one.remote(1).blobs.count, 1)
