"""Tests of L{gamenet.rollback.frame_steps} without a session around it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.frame_steps import FrameSteps
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.progress import Progress
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Advance, Load, Restore, Save, Step
from gamenet.wire.view_values import Seat

BOTH = (Seat(True, 0), Seat(True, 0))
#: Player 2 leaves at frame 3.
LEAVES = (Seat(True, 0), Seat(False, 3))


class AloneCase(SynchronousTestCase):
    """Steps, a table and how far it is."""

    def begin(
        self, seats: tuple[Seat, ...] = BOTH, starts: tuple[Step, ...] = (), **changes: Any
    ) -> FrameSteps:
        """Return steps for a match of two, whose inputs are the frames' numbers."""
        self.settings = RollbackSettings(**({"checksum_interval": 100} | changes))
        self.progress = Progress(1000)
        self.table = InputTable(self.settings, BOTH)
        for queue, seat in zip(self.table.queues, seats, strict=True):
            while queue.count < (8 if seat.taken else seat.since):
                queue.append(b"%d" % queue.count)
        if seats != BOTH:
            self.table.reseat(seats, -1, 0)
        self.table.refresh()
        return FrameSteps(self.settings, self.progress, self.table, starts)

    def advance(self, frame: int, absent: tuple[int, ...] = ()) -> Advance:
        """Return the step that plays a frame; who is gone keeps its last input, that of frame 2."""
        text = b"%d" % frame
        return Advance(frame, (text, b"2" if 2 in absent else text), absent)


class PlanTests(AloneCase):
    """Which steps, and when."""

    def test_starts(self) -> None:
        """What comes before the first frame comes with it, once, and not before."""
        steps = self.begin(starts=(Save(0),))
        self.assertEqual(steps.plan(False, 0.0), [])
        self.assertEqual(steps.plan(True, 0.0), [Save(0), self.advance(0), Save(1)])
        self.assertEqual(steps.plan(True, 0.0), [self.advance(1), Save(2)])
        self.assertEqual(steps.plan(False, 0.0), [])
        self.assertEqual(self.progress.current_frame, 2)

    def test_startsInMidMatch(self) -> None:
        """They also come before frames that are only played again."""
        steps = self.begin(starts=(Save(4),))
        self.progress.current_frame = 4
        self.table.wrong_frame = 3
        expected = [Save(4), Load(3), self.advance(3), Save(4)]
        self.assertEqual(steps.plan(False, 0.0), expected)

    def test_wrongFrame(self) -> None:
        """A frame that was not played yet cannot be wrong; the one before can."""
        steps = self.begin()
        for _ in range(4):
            steps.plan(True, 0.0)
        for wrong in (4, 5):
            self.table.wrong_frame = wrong
            self.assertEqual(steps.plan(False, 0.0), [])
            self.assertIsNone(self.table.wrong_frame)
        self.assertEqual(self.progress.statistics.rollbacks, 0)
        self.table.wrong_frame = 3
        expected = [Load(3), self.advance(3), Save(4), self.advance(4), Save(5)]
        self.assertEqual(steps.plan(True, 0.0), expected)

    def test_statistics(self) -> None:
        """Each frame is counted once, and how far it went back."""
        steps = self.begin()
        self.progress.statistics.stalled(1.0)
        for tick in range(5):
            steps.plan(True, 1.5 + tick)
        for wrong in (2, 4):
            self.table.wrong_frame = wrong
            steps.plan(False, 7.0)
        counted = self.progress.statistics
        self.assertEqual((counted.frames_played, counted.stalled_seconds), (5, 0.5))
        self.assertEqual((counted.rollbacks, counted.frames_resimulated), (2, 4))
        self.assertEqual(counted.deepest_rollback, 3)


class KeptTests(AloneCase):
    """What is saved for long, and what a sparse session goes back to."""

    def know(self, count: int) -> None:
        """Player 2's inputs come, up to a frame."""
        for player, queue in enumerate(self.table.queues, 1):
            while queue.count < (20 if player == 1 else count):
                queue.append(b"")
        self.table.refresh()

    def sparse(self, **changes: Any) -> FrameSteps:
        """Return steps that save what is final only, with a window of 4 frames."""
        self.begin()
        rules = {"sparse_saving": True, "prediction_window": 4, "checksum_interval": 100}
        self.settings = RollbackSettings(**(rules | changes))
        self.table = InputTable(self.settings, BOTH)
        return FrameSteps(self.settings, self.progress, self.table, ())

    def kinds(self, steps: list[Step]) -> list[Step | int]:
        """Return the steps, but of those that play only the frame."""
        return [step.frame if isinstance(step, Advance) else step for step in steps]

    def test_keptFrame(self) -> None:
        """The state behind the frame that somebody asked for is kept for long."""
        steps = self.begin()
        self.progress.kept_frame = 1
        saves = [steps.plan(True, 0.0)[-1] for _ in range(3)]
        self.assertEqual(saves, [Save(1), Save(2, True), Save(3)])

    def test_reportedBase(self) -> None:
        """A reported state is gone back to if it is final, and only then."""
        for known, base in ((2, 0), (3, 3), (4, 3)):
            steps = self.sparse(checksum_interval=3)
            self.know(known)
            played = [step for _ in range(4) for step in self.kinds(steps.plan(True, 0.0))]
            expected = [0, 1, 2, Save(3, True), 3]
            self.assertEqual(played, [*expected, Save(4)] if known > 4 else expected)
            self.assertEqual(steps.base, base)

    def test_allComesAtOnce(self) -> None:
        """Where all was predicted right and is known now, it need not go back to save."""
        steps = self.sparse()
        self.know(0)
        for frame in range(4):
            self.assertEqual(self.kinds(steps.plan(True, 0.0)), [frame])
        self.know(5)
        self.assertEqual(self.kinds(steps.plan(True, 0.0)), [4, Save(5)])
        self.assertEqual(steps.base, 5)

    def test_windowFromTheBase(self) -> None:
        """The window counts from the state to go back to; and so does a rollback's depth."""
        steps = self.sparse()
        self.know(4)
        for _ in range(4):
            steps.plan(True, 0.0)
        self.assertEqual(steps.base, 4)
        for frame in range(4, 8):
            self.assertEqual(self.kinds(steps.plan(True, 0.0)), [frame])
        self.table.wrong_frame = 6
        replay = self.kinds(steps.plan(False, 0.0))
        self.assertEqual(replay, [Load(4), 4, 5, 6, 7])
        self.assertEqual(self.progress.statistics.deepest_rollback, 4)


class AbsentTests(AloneCase):
    """Whose seat is empty is said of each frame, also of those before the change."""

    expected = ((), (), (), (2,), (2,), (2,))

    def test_first(self) -> None:
        """Frames that are played one by one."""
        for sparse in (False, True):
            steps = self.begin(LEAVES, sparse_saving=sparse)
            played = [step for _ in self.expected for step in steps.plan(True, 0.0)]
            frames = [step for step in played if isinstance(step, Advance)]
            advances = [self.advance(frame, absent) for frame, absent in enumerate(self.expected)]
            self.assertEqual(frames, advances)

    def test_again(self) -> None:
        """Frames that are played again, from before the change and from after it."""
        steps = self.begin(LEAVES)
        for _ in self.expected:
            steps.plan(True, 0.0)
        for wrong in (1, 2, 3, 4):
            self.table.wrong_frame = wrong
            frames = [step for step in steps.plan(False, 0.0) if isinstance(step, Advance)]
            self.assertEqual([step.absent for step in frames], list(self.expected[wrong:]))

    def test_confirmed(self) -> None:
        """Final frames are told with it."""
        self.begin(LEAVES)
        final = Confirmation(self.settings, self.progress, self.table)
        self.progress.confirmed_frame = 5
        for frame in range(6):
            final.taken(frame, 0)
        told = [event for event in self.progress.events if isinstance(event, FrameConfirmed)]
        self.assertEqual(tuple(event.absent for event in told), self.expected)


class TakeOverTests(AloneCase):
    """A state of another peer replaces ours."""

    def test_steps(self) -> None:
        """It is restored; what is final since then is played as told, the rest as known here."""
        steps = self.begin(checksum_interval=3)
        for _ in range(6):
            steps.plan(True, 0.0)
        self.table.wrong_frame = 1
        rows = [((b"p", b"q"), ()), ((b"r", b"s"), (2,))]
        restored = Restore(2, b"state")
        expected = [
            restored,
            Advance(2, (b"p", b"q"), ()),
            Save(3, True),
            Advance(3, (b"r", b"s"), (2,)),
            Save(4),
            self.advance(4),
            Save(5),
            self.advance(5),
            Save(6, True),
        ]
        self.assertEqual(steps.takeOver(restored, rows), expected)
        self.assertEqual((steps.base, self.progress.current_frame), (4, 6))
        counted = self.progress.statistics
        self.assertEqual((counted.rollbacks, counted.deepest_rollback), (1, 4))
        self.assertEqual(steps.plan(False, 0.0), [])
        self.assertEqual(steps.plan(True, 0.0), [self.advance(6), Save(7)])

    def test_allFinal(self) -> None:
        """Where all is final nothing else is played."""
        steps = self.begin()
        for _ in range(3):
            steps.plan(True, 0.0)
        restored = Restore(2, b"state")
        row = ((b"p", b"q"), ())
        expected = [restored, Advance(2, (b"p", b"q"), ()), Save(3)]
        self.assertEqual(steps.takeOver(restored, [row]), expected)
        self.assertEqual(steps.base, 3)
