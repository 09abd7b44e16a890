"""Tests of saving: L{gamenet.rollback.saved_states} and the timeline's part of it."""

from __future__ import annotations

import tracemalloc
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer_only

from gamenet.errors import BadSetting, LocalProtocolError, MomentFailed
from gamenet.interfaces import ISimulation
from gamenet.rollback.saved_states import NO_CHECKSUM, STATE_LIMIT, KeptStates, StateRing
from gamenet.rollback.steps import Advance, Load, Restore, Save, Step
from gamenet.rollback.timeline import Timeline
from gamenet.rollback.timeline_rules import KEPT_LIMIT, TimelineRules
from tests.rollback_stub_session import BufferGame, Diary, StubSession

#: What one save may allocate, in bytes.
ALLOCATION_LIMIT = 512


class AllocationTests(SynchronousTestCase):
    """Done when: C{saveInto}, no allocation above 512 bytes per save over 10 000 frames."""

    def measure(self, rules: TimelineRules, every: int) -> tuple[int, int]:
        """Return the highest peak of one save, and what all of them left behind."""
        game = BufferGame()
        session = StubSession(rules)
        timeline = Timeline(game, session)
        inputs = [(bytes([n]),) for n in range(251)]
        saves = [Save(number, number % 60 == 0) for number in range(0, 10_001, every)]
        wanted = [(save.frame - 1,) if save.kept and save.frame else () for save in saves]
        checksums = [0] * 10_001
        session.checksumTaken = checksums.__setitem__  # type: ignore[method-assign]
        highest = 0
        tracemalloc.start()
        try:
            began = tracemalloc.get_traced_memory()[0]
            for save, frames in zip(saves, wanted, strict=True):
                steps = (save,)
                session.wanted = frames
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
                timeline.apply(steps)
                highest = max(highest, tracemalloc.get_traced_memory()[1] - before)
                session.wanted = ()
                for frame in range(save.frame, save.frame + every):
                    timeline.apply((Advance(frame, inputs[frame % 251]),))
            left = tracemalloc.get_traced_memory()[0] - began
        finally:
            tracemalloc.stop()
        self.assertEqual(sum(1 for checksum in checksums if checksum), 166)
        return highest, left

    def test_everyFrame(self) -> None:
        """
        A state of 100 kB, saved at each of 10 000 frames, every 60th one kept and its
        checksum taken.
        """
        highest, left = self.measure(TimelineRules(), 1)
        self.assertLessEqual(highest, ALLOCATION_LIMIT)
        self.assertLess(left, 10_000)

    def test_sparse(self) -> None:
        """The same where every fourth frame is saved."""
        highest, _ = self.measure(TimelineRules(sparse=True), 4)
        self.assertLessEqual(highest, ALLOCATION_LIMIT)

    def test_theMeasureSees(self) -> None:
        """A simulation that returns bytes is found to allocate."""
        game = Diary()
        game.answers["save"] = b""
        timeline = Timeline(game, StubSession())
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            game.answers["save"] = bytes(100_000)
            timeline.apply((Save(0),))
            self.assertGreater(tracemalloc.get_traced_memory()[1] - before, ALLOCATION_LIMIT)
        finally:
            tracemalloc.stop()


class BufferTests(SynchronousTestCase):
    """A simulation that saves into buffers."""

    def setUp(self) -> None:
        self.game = BufferGame(80)
        self.session = StubSession(TimelineRules(prediction_window=2, kept_states=2))
        self.timeline = Timeline(self.game, self.session)

    def play(self, frame: int, text: bytes = b"x", kept: bool = False) -> bytes:
        """Play one frame and save; return the true snapshot."""
        self.timeline.apply((Advance(frame, (text,)), Save(frame + 1, kept)))
        return self.game.save()

    def test_sameStates(self) -> None:
        """Going back leads to the states that were saved, and checksums are theirs."""
        snapshots = [self.play(frame, bytes([frame])) for frame in range(9)]
        self.assertEqual(len(set(snapshots)), 9)
        for number in (9, 8, 7, 6):
            self.timeline.apply((Load(number),))
            self.assertEqual(self.game.save(), snapshots[number - 1])
            self.assertEqual(self.timeline.snapshot(number), snapshots[number - 1])
        self.session.wanted = (6, 7)
        self.timeline.apply(())
        self.assertEqual(self.session.taken, {n: crc32(snapshots[n]) for n in (6, 7)})
        self.assertRaises(LocalProtocolError, self.timeline.apply, (Load(5),))

    def test_readOnly(self) -> None:
        """What is loaded is a view that cannot be written."""
        before = self.play(0)
        self.timeline.apply((Load(1),))
        (view,) = self.game.views
        assert isinstance(view, memoryview)
        self.assertTrue(view.readonly)
        self.assertEqual(bytes(view), before)

    def test_snapshotsAreCopies(self) -> None:
        """A snapshot that was asked for stays as it is when its buffer is used again."""
        snapshot = self.play(0)
        taken = self.timeline.snapshot(1)
        for frame in range(1, 10):
            self.play(frame)
        self.assertEqual(taken, snapshot)

    def test_kept(self) -> None:
        """Kept snapshots have buffers of their own."""
        snapshots = [self.play(frame, kept=frame % 10 == 9) for frame in range(40)]
        for frame in (29, 39):
            dump = self.timeline.dump(frame)
            assert dump is not None
            self.assertEqual(dump.snapshot, snapshots[frame])
            self.assertEqual(dump.checksum, crc32(snapshots[frame]))
        self.assertIsNone(self.timeline.dump(19))

    def test_restore(self) -> None:
        """Another peer's state is copied into a buffer, from which it is loaded."""
        self.play(0)
        other = bytes(range(80))
        self.timeline.apply((Restore(70, other),))
        self.assertEqual(self.game.save(), other)
        self.play(70)
        self.timeline.apply((Load(70),))
        self.assertEqual(self.game.save(), other)

    def test_restoredSize(self) -> None:
        """Bad input: another peer's state of another size."""
        error = self.assertRaises(MomentFailed, self.timeline.apply, (Restore(3, bytes(81)),))
        self.assertEqual((error.moment, error.frame), ("load", 3))
        self.assertEqual(str(error.__cause__), "a snapshot of 81 bytes, not 80")

    def test_notAllWritten(self) -> None:
        """Bad input: a save that leaves some of the buffer as it was, found at the first one."""
        for number in range(5):
            game = BufferGame(80)
            game.written = 79
            timeline = Timeline(game, StubSession(TimelineRules(prediction_window=3)))
            error = self.assertRaises(MomentFailed, timeline.apply, (Save(number),))
            self.assertEqual((error.moment, error.frame), ("saveInto", number))
            self.assertEqual(str(error.__cause__), "saveInto did not write all 80 bytes")
            self.assertTrue(timeline.failed)

    def test_changedSize(self) -> None:
        """Bad input: a state that grows."""
        self.play(0)
        self.game.state_size = 81
        error = self.assertRaises(MomentFailed, self.timeline.apply, (Save(1),))
        self.assertEqual((error.moment, error.frame), ("saveInto", 1))
        self.assertEqual(str(error.__cause__), "state_size is 81, not 80")

    def test_raises(self) -> None:
        """Bad input: C{saveInto} raises; C{advance} afterwards is another call."""
        self.play(0)
        self.game.failing = "saveInto"
        error = self.assertRaises(MomentFailed, self.timeline.apply, (Save(1),))
        self.assertEqual((error.moment, error.frame), ("saveInto", 1))
        self.assertIsInstance(error.__cause__, ZeroDivisionError)
        self.setUp()
        self.play(0)
        error = self.assertRaises(MomentFailed, self.timeline.apply, (Advance(1, ()),))
        self.assertEqual((error.moment, error.frame), ("advance", 1))

    def test_impossibleSize(self) -> None:
        """A size that no state has is refused at once."""
        for size in (0, -1, STATE_LIMIT + 1, 7.0, None, True):
            game = BufferGame(8)
            game.state_size = size
            self.assertRaises(BadSetting, Timeline, game, StubSession())


class RingTests(SynchronousTestCase):
    """The newest snapshots."""

    def test_sparse(self) -> None:
        """
        Seldom saved snapshots are found by number, window + 4 of them, also where their
        numbers would share a place.
        """
        ring = StateRing(TimelineRules(prediction_window=2, sparse=True))
        for number in range(0, 120, 12):
            ring.take(number)
        self.assertEqual(
            [number for number in range(120) if ring.find(number) is not None],
            [48, 60, 72, 84, 96, 108],
        )

    def test_sparseAgain(self) -> None:
        """A number that is taken again keeps its place."""
        ring = StateRing(TimelineRules(prediction_window=0, sparse=True))
        places = [ring.take(number) for number in (5, 9, 5, 7, 9)]
        self.assertEqual(places, [0, 1, 0, 2, 1])

    @given(st.integers(0, 32), st.lists(st.integers(0, 100), max_size=80))
    @settings(deadline=None, max_examples=50)
    def test_dense(self, window: int, numbers: list[int]) -> None:
        """Whatever is taken, what is found is what was taken last at that place."""
        ring = StateRing(TimelineRules(prediction_window=window))
        model: dict[int, int] = {}
        for number in numbers:
            ring.take(number)
            model[number % (window + 2)] = number
        for number in range(101):
            found = ring.find(number)
            self.assertEqual(found is not None, model.get(number % (window + 2)) == number)


class KeptTests(SynchronousTestCase):
    """Snapshots that stay."""

    def keep(self, states: KeptStates, number: int, text: bytes) -> None:
        states.keep(number, text, NO_CHECKSUM, None)

    def test_limit(self) -> None:
        """The ones with the highest numbers stay, and no more than the setting says."""
        states = KeptStates(TimelineRules(kept_states=3))
        for number in (60, 120, 180, 240, 120, 300):
            self.keep(states, number, b"%d" % number)
        self.assertEqual(sorted(states.numbers), [180, 240, 300])
        self.keep(states, 240, b"again")
        place = states.find(240)
        assert place is not None
        self.assertEqual(states.snapshots[place], b"again")
        self.assertEqual(sorted(states.numbers), [180, 240, 300])
        states.clear()
        self.assertIsNone(states.find(240))
        self.assertEqual(states.snapshots, [b""] * 3)

    def test_settings(self) -> None:
        """Rules that cannot work are refused."""
        for wrong in (
            {"kept_states": 0},
            {"kept_states": KEPT_LIMIT + 1},
            {"prediction_window": 33},
            {"prediction_window": -1},
            {"input_limit": 0},
        ):
            self.assertRaises(BadSetting, TimelineRules, **wrong)


@implementer_only(ISimulation)
class PlainGame(BufferGame):
    """The same game without its buffers."""


class WayOfSavingTests(SynchronousTestCase):
    """Metamorphic: how a game saves never changes its states."""

    @given(st.lists(st.tuples(st.integers(0, 4), st.binary(min_size=1, max_size=1)), max_size=40))
    @settings(deadline=None, max_examples=60)
    def test_anyWalk(self, walk: list[tuple[int, bytes]]) -> None:
        """Back by some frames, one frame on, and so forth: bytes, buffers, dense and sparse."""
        sparse = TimelineRules(prediction_window=4, sparse=True)
        dense = TimelineRules(prediction_window=4)
        games = [PlainGame(70), BufferGame(70), PlainGame(70), BufferGame(70)]
        sessions = [StubSession(rules) for rules in (dense, dense, sparse, sparse)]
        timelines = [Timeline(*pair) for pair in zip(games, sessions, strict=True)]
        for timeline in timelines:
            timeline.apply((Save(0),))
        for frame, (back, text) in enumerate(walk, 1):
            start = max(0, frame - 1 - back)
            steps: list[Step] = [Load(start)]
            for played in range(start, frame):
                steps += [Advance(played, (text,)), Save(played + 1, played % 3 == 2)]
            for timeline, session in zip(timelines, sessions, strict=True):
                session.wanted = (frame - 1,)
                timeline.apply(steps)
            self.assertEqual(len({game.save() for game in games}), 1)
            for kept in range(frame):
                self.assertEqual(len({timeline.dump(kept) for timeline in timelines}), 1)
        for session in sessions:
            self.assertEqual(session.taken, sessions[0].taken)
