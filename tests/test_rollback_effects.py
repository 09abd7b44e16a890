"""Tests of L{gamenet.rollback.effects}."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
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
from gamenet.seeded_random import SeededRandom

Announcement = tuple[Hashable, object]


def play(tracker: EffectTracker, frame: int, *announced: Announcement | str) -> None:
    """Play one frame, in which some effects are announced."""
    tracker.begin(frame)
    for each in announced:
        key, payload = (each, None) if isinstance(each, str) else each
        tracker.announce(key, payload)


class Audience:
    """
    Somebody who hears what a tracker says, and notices what cannot be.

    @ivar sounding: The effects that were played and are neither cancelled nor
        confirmed: frame, key and payload by number.
    @ivar final: Those that are confirmed.
    """

    def __init__(self) -> None:
        self.sounding: dict[int, tuple[int, Hashable, object]] = {}
        self.final: list[tuple[int, Hashable, object]] = []
        self.numbers = 0
        self.cancelled = 0

    def hear(self, events: Sequence[EffectEvent]) -> None:
        """Take what C{settle} returned."""
        for event in events:
            told = (event.frame, event.key, event.payload)
            if isinstance(event, Played):
                self.numbers += 1
                assert event.number == self.numbers, "a number that is not the next"
                self.sounding[event.number] = told
            elif isinstance(event, Corrected):
                former = self.sounding[event.number]
                assert former[0] == event.former_frame, "it was in another frame"
                assert former[1] == event.key, "a key never changes"
                assert former != told, "a correction that corrects nothing"
                self.sounding[event.number] = told
            else:
                assert self.sounding.pop(event.number) == told, "the end of something else"
                if isinstance(event, Confirmed):
                    self.final.append(told)
                else:
                    self.cancelled += 1


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


class Foreteller:
    """
    A match whose frames are predicted, wrongly as a rule, until they are known.

    @ivar truth: What is announced in each frame, in truth.
    @ivar believed: What was announced in each frame when it was played last.
    @ivar newest: The frame that was played last.
    @ivar known: How many frames are known.
    """

    def __init__(self, seed: int, frames: int) -> None:
        self.draw = SeededRandom(seed)
        self.truth = [self.guess() for _ in range(frames)]
        self.believed: list[list[Announcement]] = [[] for _ in range(frames)]
        self.newest = -1
        self.known = 0

    def guess(self) -> list[Announcement]:
        """Return some announcements."""
        count = self.draw.choice([0, 0, 1, 1, 2, 3])
        return [(self.draw.choice("ab"), self.draw.below(2)) for _ in range(count)]

    def tick(self, tracker: EffectTracker) -> int:
        """
        Learn some frames, then play from some frame at least as old as the
        first that was wrong, mostly up to one new frame.

        @return: The newest frame that is final.
        """
        draw, frames = self.draw, len(self.truth)
        behind = self.newest - self.known
        learned = draw.between(1, 6) if behind > 7 else draw.choice([0, 0, 0, 1])
        self.known = min(self.known + learned, frames)
        wrong = [n for n in range(self.known) if self.believed[n] != self.truth[n]]
        lowest = tracker.confirmed_frame + 1
        start = draw.between(lowest, min([self.newest + 1, frames - 1, *wrong]))
        end = min(self.newest + 1, frames - 1)
        if draw.chance(0.2):
            end = draw.between(start, end)
        for frame in range(start, end + 1):
            if frame < self.known:
                self.believed[frame] = self.truth[frame]
            elif draw.chance(0.5):
                self.believed[frame] = self.guess()
            play(tracker, frame, *self.believed[frame])
        self.newest = end
        for frame in range(end + 1, frames):
            self.believed[frame] = []
        return min(self.known - 1, end)

    def happened(self, first: int, last: int) -> list[tuple[int, Hashable, object]]:
        """Return what is believed of some frames, as frame, key and payload."""
        return [(n, *each) for n in range(first, last + 1) for each in self.believed[n]]


def byKey(effects: Iterable[tuple[int, Hashable, object]], newest: int) -> Counter[object]:
    """Count effects of each frame up to C{newest} and key."""
    return Counter((frame, key) for frame, key, _ in effects if frame <= newest)


class ModelTests(SynchronousTestCase):
    """Any history of predictions ends in the history that is true."""

    def follow(self, seed: int, frames: int, tolerance: int) -> Audience:
        """Play a match to its end, comparing at every tick with what must be heard."""
        match, audience = Foreteller(seed, frames), Audience()
        tracker = EffectTracker(tolerance)
        while tracker.confirmed_frame < frames - 1:
            lowest = tracker.confirmed_frame + 1
            before, heard = [*audience.sounding.values()], audience.numbers
            cancelled = audience.cancelled
            final = match.tick(tracker)
            audience.hear(tracker.settle(final))
            newest = match.newest
            now = match.happened(lowest, newest)
            self.assertEqual(
                audience.final,
                [(n, *each) for n in range(final + 1) for each in match.truth[n]],
            )
            sounding = Counter(audience.sounding.values())
            alive = Counter(match.happened(final + 1, newest))
            self.assertEqual(alive - sounding, Counter())
            for frame, *_ in sounding - alive:
                self.assertGreater(frame + tolerance, newest)
            if tolerance == 0:
                old, new = byKey(before, newest), byKey(now, newest)
                self.assertEqual(audience.numbers - heard, (new - old).total())
                self.assertEqual(audience.cancelled - cancelled, (old - new).total())
        for frame in range(frames, frames + tolerance + 1):
            play(tracker, frame)
        audience.hear(tracker.settle(frames + tolerance))
        self.assertEqual(audience.sounding, {})
        self.assertEqual(audience.numbers, len(audience.final) + audience.cancelled)
        return audience

    @settings(deadline=None, max_examples=200)
    @given(st.integers(0, 1 << 32), st.integers(1, 25), st.integers(0, 3))
    def test_confirmedHistory(self, seed: int, frames: int, tolerance: int) -> None:
        """Every effect of the confirmed timeline was played once and not cancelled; no other."""
        self.follow(seed, frames, tolerance)

    def test_aMatch(self) -> None:
        """A long match has wrong effects by the hundred, and a tolerance makes them fewer."""
        strict, tolerant = (self.follow(1, 600, tolerance) for tolerance in (0, 2))
        self.assertEqual(strict.final, tolerant.final)
        self.assertGreater(strict.cancelled, 500)
        self.assertLess(tolerant.cancelled, strict.cancelled * 2 // 3)
