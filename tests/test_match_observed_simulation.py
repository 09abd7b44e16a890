"""
A simulation that is watched: which frame is which, also where states come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.errors import LocalProtocolError, MomentFailed
from gamenet.interfaces import ISeatedSimulation, ISimulation
from gamenet.match.observed_simulation import ObservedSimulation
from gamenet.rollback.effects import Cancelled, EffectTracker, Played
from gamenet.rollback.interpolation import PictureTrack, Smoother
from gamenet.rollback.steps import Advance, Load, Restore, Save, Step


@implementer(ISeatedSimulation)
class Ticker:
    """Announces every frame, and is drawn where it was told to be."""

    def __init__(self, effects: EffectTracker | None = None) -> None:
        self.effects = effects
        self.calls: list[tuple[object, ...]] = []
        self.place = 0
        self.raises = False

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Play one frame."""
        self.calls.append(("advance", tuple(inputs)))
        if self.effects is not None:
            self.effects.announce("tick")

    def advanceSeated(self, inputs: Sequence[bytes], absent: Sequence[int]) -> None:
        """Play one frame."""
        self.calls.append(("advanceSeated", tuple(inputs), tuple(absent)))
        if self.effects is not None:
            self.effects.announce("tick")

    def save(self) -> bytes:
        """Return the state."""
        return b"state"

    def load(self, snapshot: bytes) -> None:
        """Go back."""

    def picture(self) -> dict[str, tuple[int]]:
        """Return what is drawn."""
        if self.raises:
            raise ZeroDivisionError
        return {"it": (self.place,)}


def played(frames: range) -> list[Step]:
    """Return the steps that play some frames."""
    steps: list[Step] = []
    for frame in frames:
        steps += [Advance(frame, (b"", b"")), Save(frame + 1)]
    return steps


class ObservedCase(SynchronousTestCase):
    """A game with effects and pictures."""

    def setUp(self) -> None:
        """Make one."""
        self.effects = EffectTracker()
        self.pictures = PictureTrack(Smoother(1.0))
        self.game = Ticker(self.effects)
        self.observed: Any = ObservedSimulation(
            cast(ISimulation, self.game), self.effects, self.pictures
        )

    def apply(self, steps: Sequence[Step], now: float = 0.0, seated: bool = False) -> None:
        """Do what a timeline does."""
        self.observed.expect(steps, now)
        for step in steps:
            if isinstance(step, Advance) and seated:
                self.observed.advanceSeated(step.inputs, (2,))
            elif isinstance(step, Advance):
                self.observed.advance(step.inputs)
            elif isinstance(step, Load | Restore):
                self.observed.load(b"state")


class ObservedTests(ObservedCase):
    """Frames, effects, pictures."""

    def test_transparent(self) -> None:
        """It provides what the game provides, and everything else is the game's."""
        self.assertTrue(ISeatedSimulation.providedBy(self.observed))
        self.assertEqual(self.observed.save(), b"state")
        self.assertIs(self.observed.effects, self.effects)
        self.assertIs(self.observed.face, self.observed)
        self.apply(played(range(1)))
        self.apply(played(range(1, 2)), seated=True)
        self.assertEqual(
            self.game.calls,
            [("advance", (b"", b"")), ("advanceSeated", (b"", b""), (2,))],
        )

    def test_unwatched(self) -> None:
        """Where nothing is watched the game is played itself."""
        game = cast(ISimulation, Ticker())
        self.assertIs(ObservedSimulation(game, None, None).face, game)
        for effects, pictures in ((self.effects, None), (None, self.pictures)):
            self.assertIsNot(ObservedSimulation(game, effects, pictures).face, game)

    def test_frames(self) -> None:
        """Each frame's effects are that frame's, in a rollback too, seated or not."""
        for seated in (False, True):
            self.setUp()
            self.apply(played(range(4)), seated=seated)
            started = [each.frame for each in self.effects.settle(0) if type(each) is Played]
            self.assertEqual(started, [0, 1, 2, 3])
            self.apply([Load(2), *played(range(2, 5))], seated=seated)
            started = [each.frame for each in self.effects.settle(1) if type(each) is Played]
            self.assertEqual(started, [4])
            self.assertEqual(self.pictures.newest_frame, 4)

    def test_stepsThatFailed(self) -> None:
        """Frames that were expected and never played are forgotten."""
        self.apply(played(range(1)))
        self.observed.expect(played(range(1, 4)), 0.0)
        self.apply([Load(0), *played(range(1))])
        self.assertEqual(self.effects.newest_frame, 0)

    def test_correction(self) -> None:
        """A correction is smoothed from the time of the tick on."""
        self.apply(played(range(2)), 1.0)
        self.game.place = 100
        self.apply([Load(1), *played(range(1, 2))], 5.0)
        self.assertEqual(self.pictures.drawn(1.0, 5.0), {"it": (0.0,)})
        self.assertEqual(self.pictures.drawn(1.0, 5.5), {"it": (50.0,)})

    def test_pictureThatRaises(self) -> None:
        """The first picture that raises is kept by its frame; no other is asked for."""
        self.game.raises = True
        self.apply(played(range(3)))
        failure = self.observed.failure
        assert isinstance(failure, MomentFailed)
        self.assertEqual((failure.moment, failure.frame), ("picture", 0))
        self.assertEqual(self.pictures.newest_frame, -1)
        self.assertIsInstance(failure.__cause__, ZeroDivisionError)


class TakenOverTests(ObservedCase):
    """Another peer's state is taken over."""

    def test_ahead(self) -> None:
        """Far ahead: what was being heard ends, and play goes on from there."""
        self.apply(played(range(4)))
        self.effects.settle(1)
        self.apply([Restore(100, b"state"), *played(range(100, 102))])
        self.assertEqual([each.frame for each in self.observed.cancelled], [2, 3])
        self.assertIsInstance(self.observed.cancelled[0], Cancelled)
        started = [each.frame for each in self.effects.settle(100) if type(each) is Played]
        self.assertEqual(started, [100, 101])

    def test_next(self) -> None:
        """As the next frame, or an open one: what was begun goes on, unless undone."""
        for restored, cancelled in ((4, []), (3, [3])):
            self.setUp()
            self.apply(played(range(4)))
            self.effects.settle(1)
            self.game.effects = None
            self.apply([Restore(restored, b"state"), *played(range(restored, 5))])
            self.assertEqual(self.observed.cancelled, [])
            settled = self.effects.settle(1)
            found = [each.frame for each in settled if type(each) is Cancelled]
            self.assertEqual(found, cancelled)

    def test_back(self) -> None:
        """A final state is repaired: effects of final frames are not heard again."""
        self.apply(played(range(6)))
        self.effects.settle(3)
        self.apply([Restore(2, b"state"), *played(range(2, 7))])
        started = [each.frame for each in self.effects.settle(3) if type(each) is Played]
        self.assertEqual(started, [6])
        self.assertEqual(self.observed.cancelled, [])

    def test_picturesMove(self) -> None:
        """What is drawn moves from the old picture to the new, wherever the new state is."""
        for restored in (3, 4, 100):
            for more in (0, 1):
                self.setUp()
                self.apply(played(range(4)), 1.0)
                self.game.place = 100
                end = max(restored, 4) + more
                self.apply([Restore(restored, b"state"), *played(range(restored, end))], 5.0)
                self.assertEqual(self.pictures.newest_frame, end - 1)
                blend = 0.0 if more else 1.0
                self.assertEqual(self.pictures.drawn(blend, 5.0), {"it": (0.0,)}, (restored, more))
                self.assertEqual(self.pictures.drawn(1.0, 5.5), {"it": (50.0,)}, (restored, more))
                self.assertEqual(self.pictures.drawn(1.0, 6.0), {"it": (100.0,)})

    def test_pictureThatRaises(self) -> None:
        """Bad input: named by the frame that led to the state."""
        self.apply(played(range(4)))
        self.game.raises = True
        self.apply([Restore(4, b"state")])
        failure = self.observed.failure
        assert isinstance(failure, MomentFailed)
        self.assertEqual((failure.moment, failure.frame), ("picture", 3))

    def test_withoutEffects(self) -> None:
        """Pictures alone go on."""
        observed: Any = ObservedSimulation(cast(ISimulation, Ticker()), None, self.pictures)
        observed.expect([Restore(50, b""), *played(range(50, 51))], 1.0)
        observed.advance((b"", b""))
        self.assertEqual(self.pictures.newest_frame, 50)

    def test_repeat(self) -> None:
        """EffectTracker.repeat is for final frames alone, and its announcements count nothing."""
        tracker = EffectTracker()
        self.assertRaises(LocalProtocolError, tracker.repeat, 0)
        tracker.begin(0)
        tracker.settle(0)
        tracker.repeat(0)
        tracker.announce("late")
        self.assertEqual(tracker.settle(0), ())
        self.assertRaises(LocalProtocolError, tracker.announce, "too late")
