"""
Effects over whole matches: what is heard in the end is what happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.effects import Confirmed, Corrected, EffectEvent, EffectTracker, Played
from gamenet.seeded_random import SeededRandom

Announcement = tuple[Hashable, object]


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
            tracker.begin(frame)
            for announcement in self.believed[frame]:
                tracker.announce(*announcement)
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
            tracker.begin(frame)
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
