"""Tests of L{gamenet.rollback.effects}."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError
from gamenet.rollback.effects import (
    TOLERANCE_LIMIT,
    Cancelled,
    Confirmed,
    Corrected,
    EffectEvent,
    EffectTracker,
    Played,
    TrackerState,
)

Announcement = tuple[Hashable, object]


def play(tracker: EffectTracker, frame: int, *announced: Announcement | str) -> None:
    """Play one frame, in which some effects are announced."""
    tracker.begin(frame)
    for each in announced:
        key, payload = (each, None) if isinstance(each, str) else each
        tracker.announce(key, payload)


class ScriptTests(SynchronousTestCase):
    """Rollbacks, one by one."""

    def setUp(self) -> None:
        self.tracker = EffectTracker()

    def test_playedOnce(self) -> None:
        """An effect is played when its frame is, confirmed when that is final, then forgotten."""
        play(self.tracker, 0, ("bang", 7))
        self.assertEqual(self.tracker.settle(-1), (Played(1, 0, "bang", 7),))
        self.assertEqual(self.tracker.settle(-1), ())
        play(self.tracker, 1)
        self.assertEqual(self.tracker.settle(0), (Confirmed(1, 0, "bang", 7),))
        self.assertEqual(self.tracker.settle(1), ())

    def test_playedAndConfirmedAtOnce(self) -> None:
        """A frame that is final at once: played, then confirmed."""
        play(self.tracker, 0, "bang")
        self.assertEqual(
            self.tracker.settle(0), (Played(1, 0, "bang", None), Confirmed(1, 0, "bang", None))
        )

    def test_sameAgain(self) -> None:
        """After a rollback that announces the same in the same frame nothing happens."""
        for frame in range(4):
            play(self.tracker, frame, ("bang", frame))
            self.tracker.settle(-1)
        for frame in range(1, 5):
            play(self.tracker, frame, ("bang", frame))
        self.assertEqual(self.tracker.settle(-1), (Played(5, 4, "bang", 4),))

    def test_undone(self) -> None:
        """What no longer happens is cancelled, what happens instead is played."""
        play(self.tracker, 0, "step")
        play(self.tracker, 1, "bang", "step")
        self.tracker.settle(-1)
        play(self.tracker, 1, "step", "miss")
        self.assertEqual(
            self.tracker.settle(1),
            (
                Cancelled(2, 1, "bang", None),
                Played(4, 1, "miss", None),
                Confirmed(1, 0, "step", None),
                Confirmed(3, 1, "step", None),
                Confirmed(4, 1, "miss", None),
            ),
        )

    def test_nothingBetween(self) -> None:
        """What comes and goes within the steps of one tick is never heard of."""
        play(self.tracker, 0)
        play(self.tracker, 1, "bang")
        play(self.tracker, 0)
        play(self.tracker, 1)
        self.assertEqual(self.tracker.settle(-1), ())
        play(self.tracker, 1, "bang")
        self.assertEqual(self.tracker.settle(-1), (Played(1, 1, "bang", None),))

    def test_payload(self) -> None:
        """Another payload is a correction; equal payloads find each other first."""
        play(self.tracker, 0, ("hit", "A"), ("hit", "B"))
        self.tracker.settle(-1)
        play(self.tracker, 0, ("hit", "B"), ("hit", "C"))
        self.assertEqual(self.tracker.settle(-1), (Corrected(1, 0, "hit", "C", 0),))
        play(self.tracker, 0, ("hit", "B"))
        self.assertEqual(self.tracker.settle(-1), (Cancelled(1, 0, "hit", "C"),))

    def test_twiceInOneFrame(self) -> None:
        """Two of one key are two effects."""
        play(self.tracker, 0, "hit", "hit")
        self.assertEqual(len(self.tracker.settle(-1)), 2)
        play(self.tracker, 0, "hit")
        self.assertEqual(self.tracker.settle(-1), (Cancelled(2, 0, "hit", None),))
        play(self.tracker, 0, "hit", "hit", "hit")
        self.assertEqual(
            self.tracker.settle(-1), (Played(3, 0, "hit", None), Played(4, 0, "hit", None))
        )

    def test_inOrder(self) -> None:
        """Of several that could be the same the oldest is; the ends are told in order too."""
        play(self.tracker, 0, ("hit", "A"), ("miss", None), ("hit", "B"))
        self.tracker.settle(-1)
        play(self.tracker, 0, ("hit", "C"), ("miss", None), ("hit", "D"))
        self.assertEqual(
            self.tracker.settle(-1),
            (Corrected(1, 0, "hit", "C", 0), Corrected(3, 0, "hit", "D", 0)),
        )
        play(self.tracker, 0)
        self.assertEqual([event.number for event in self.tracker.settle(-1)], [1, 2, 3])

    def test_takeOverInOrder(self) -> None:
        """Where a rollback added an effect before another, the ends are told by number."""
        play(self.tracker, 0)
        play(self.tracker, 1, "later")
        self.tracker.settle(-1)
        play(self.tracker, 0, "earlier")
        play(self.tracker, 1, "later")
        self.assertEqual(self.tracker.settle(-1), (Played(2, 0, "earlier", None),))
        self.assertEqual([event.number for event in self.tracker.takeOver(2)], [1, 2])

    def test_notPlayedAgainYet(self) -> None:
        """An effect whose frame was undone and not yet played again goes on until it is."""
        play(self.tracker, 0)
        play(self.tracker, 1)
        play(self.tracker, 2, "bang")
        self.tracker.settle(-1)
        play(self.tracker, 0)
        self.assertEqual(self.tracker.settle(-1), ())
        play(self.tracker, 1)
        self.assertEqual(self.tracker.settle(1), ())
        play(self.tracker, 2, "bang")
        self.assertEqual(self.tracker.settle(2), (Confirmed(1, 2, "bang", None),))

    def test_takeOver(self) -> None:
        """A state from elsewhere ends everything that is not final, and sets a new beginning."""
        play(self.tracker, 0, "bang")
        play(self.tracker, 1, "bang")
        self.tracker.settle(0)
        self.assertEqual(self.tracker.takeOver(50), (Cancelled(2, 1, "bang", None),))
        self.assertRaises(LocalProtocolError, self.tracker.begin, 49)
        self.assertRaises(LocalProtocolError, self.tracker.begin, 51)
        play(self.tracker, 50, "bang")
        self.assertEqual(self.tracker.settle(49), (Played(3, 50, "bang", None),))

    def test_takeOverKeepsNothing(self) -> None:
        """What was announced and not settled, and what waits, does not outlive it."""
        tracker = EffectTracker(tolerance=5)
        play(tracker, 0, "late")
        tracker.settle(-1)
        play(tracker, 0)
        tracker.settle(-1)
        play(tracker, 1, "unheard")
        self.assertEqual(tracker.takeOver(2), (Cancelled(1, 0, "late", None),))
        play(tracker, 2, "late", "unheard")
        self.assertEqual(
            tracker.settle(2)[:2], (Played(2, 2, "late", None), Played(3, 2, "unheard", None))
        )

    def test_lateStart(self) -> None:
        """The first frame may be any."""
        play(self.tracker, 1000, "bang")
        self.assertEqual(self.tracker.settle(999), (Played(1, 1000, "bang", None),))


class ToleranceTests(SynchronousTestCase):
    """Effects that move by some frames."""

    def setUp(self) -> None:
        self.tracker = EffectTracker(tolerance=2)

    def upTo(self, first: int, last: int, at: dict[int, str]) -> tuple[EffectEvent, ...]:
        """Play some frames."""
        for frame in range(first, last + 1):
            play(self.tracker, frame, *filter(None, [at.get(frame)]))
        return self.tracker.settle(-1)

    def test_moved(self) -> None:
        """Sooner or later within the tolerance is the same effect; beyond it is another."""
        for now, moved in [(3, True), (4, True), (6, True), (7, True), (2, False), (8, False)]:
            self.setUp()
            self.assertEqual(self.upTo(0, 9, {5: "bang"}), (Played(1, 5, "bang", None),))
            wanted: tuple[EffectEvent, ...] = (Corrected(1, now, "bang", None, 5),)
            if not moved:
                wanted = (Cancelled(1, 5, "bang", None), Played(2, now, "bang", None))
            self.assertEqual(self.upTo(0, 9, {now: "bang"}), wanted)
            self.assertEqual(self.upTo(0, 9, {now: "bang"}), ())

    def test_movedToTheFuture(self) -> None:
        """An effect waits until the frames that it may move to were played."""
        self.upTo(0, 5, {5: "bang"})
        self.assertEqual(self.upTo(5, 6, {}), ())
        self.assertEqual(self.upTo(7, 7, {7: "bang"}), (Corrected(1, 7, "bang", None, 5),))
        self.assertEqual(self.upTo(7, 8, {}), ())
        self.assertEqual(self.upTo(9, 9, {}), (Cancelled(1, 7, "bang", None),))

    def test_nearestFirst(self) -> None:
        """The nearest in time is the same one, and of two the earlier."""
        self.upTo(0, 9, {3: "bang", 5: "bang"})
        self.assertEqual(self.upTo(0, 9, {4: "bang"})[1:], (Corrected(1, 4, "bang", None, 3),))
        self.setUp()
        self.upTo(0, 9, {3: "bang", 6: "bang"})
        self.assertEqual(
            self.upTo(0, 9, {5: "bang"}),
            (Cancelled(1, 3, "bang", None), Corrected(2, 5, "bang", None, 6)),
        )

    def test_exactFirst(self) -> None:
        """What did not move is never taken for something else."""
        self.upTo(0, 9, {3: "bang", 4: "bang", 5: "bang"})
        self.assertEqual(
            self.upTo(0, 9, {4: "bang", 5: "bang", 6: "bang", 3: ""}),
            (Cancelled(1, 3, "bang", None), Played(4, 6, "bang", None)),
        )

    def test_otherKeys(self) -> None:
        """Another key is another effect."""
        self.upTo(0, 9, {3: "bang"})
        self.assertEqual(
            self.upTo(0, 9, {4: "boom"}),
            (Cancelled(1, 3, "bang", None), Played(2, 4, "boom", None)),
        )


class BoundTests(SynchronousTestCase):
    """Bad input: a game that announces without end, and settings that cannot work."""

    def test_limit(self) -> None:
        """What is too much is dropped and counted; room that becomes free is used again."""
        tracker = EffectTracker(effects_limit=3)
        play(tracker, 0, "a", "b", "c", "d", "e")
        self.assertEqual(len(tracker.settle(-1)), 3)
        self.assertEqual(tracker.dropped, 2)
        play(tracker, 1, "f")
        self.assertEqual(tracker.settle(-1), ())
        self.assertEqual(tracker.dropped, 3)
        play(tracker, 1, "f")
        self.assertEqual(len(tracker.settle(0)), 3)
        play(tracker, 2, "g", "h", "i", "j")
        self.assertEqual(len(tracker.settle(1)), 3)
        self.assertEqual(tracker.dropped, 5)
        play(tracker, 2, "g", "h", "i")
        self.assertEqual(tracker.settle(1), ())

    def test_waitingLimit(self) -> None:
        """Undone effects do not pile up while they wait: the oldest are cancelled."""
        tracker = EffectTracker(tolerance=TOLERANCE_LIMIT, effects_limit=2)
        for number in range(1, 30):
            play(tracker, 0, (f"key {number}", None))
            events = tracker.settle(-1)
            ended = [event.number for event in events if isinstance(event, Cancelled)]
            self.assertEqual(ended, [number - 3] if number > 3 else [])

    def test_settings(self) -> None:
        """Bad settings are refused by name."""
        for bad in ({"tolerance": -1}, {"tolerance": TOLERANCE_LIMIT + 1}, {"effects_limit": 0}):
            self.assertRaises(BadSetting, lambda bad=bad: EffectTracker(**bad))


class StateTests(SynchronousTestCase):
    """Every state and input."""

    def tracker(self, state: TrackerState) -> EffectTracker:
        """Return a tracker at frame 5, of which frame 3 is final, in a state."""
        tracker = EffectTracker()
        for frame in range(6):
            play(tracker, frame, ("bang", frame))
            if frame == 5 and state is TrackerState.PLAYING:
                break
            tracker.settle(min(frame, 3))
        if state is TrackerState.PLAYING:
            tracker.settle(3)
            tracker.begin(5)
        self.assertIs(tracker.state, state)
        return tracker

    def test_table(self) -> None:
        """Each input in each state does what it must, or is refused and changes nothing."""
        settled, playing = TrackerState.SETTLED, TrackerState.PLAYING
        for state, name, arguments, wanted in [
            (settled, "begin", (3,), None),
            (settled, "begin", (4,), playing),
            (settled, "begin", (6,), playing),
            (settled, "begin", (7,), None),
            (settled, "announce", ("bang",), None),
            (settled, "settle", (2,), None),
            (settled, "settle", (3,), settled),
            (settled, "settle", (5,), settled),
            (settled, "settle", (6,), None),
            (settled, "takeOver", (3,), None),
            (settled, "takeOver", (4,), settled),
            (playing, "begin", (3,), None),
            (playing, "begin", (5,), playing),
            (playing, "begin", (6,), playing),
            (playing, "begin", (7,), None),
            (playing, "announce", ("bang",), playing),
            (playing, "settle", (2,), None),
            (playing, "settle", (5,), settled),
            (playing, "settle", (6,), None),
            (playing, "takeOver", (3,), None),
            (playing, "takeOver", (9,), settled),
        ]:
            tracker = self.tracker(state)
            before = repr(tracker)
            call: Any = getattr(tracker, name)
            if wanted is None:
                self.assertRaises(LocalProtocolError, call, *arguments)
                self.assertEqual(repr(tracker), before)
            else:
                call(*arguments)
                self.assertIs(tracker.state, wanted, (state, name, arguments))

    def test_negativeFrames(self) -> None:
        """There is no frame before 0."""
        self.assertRaises(LocalProtocolError, EffectTracker().begin, -1)
