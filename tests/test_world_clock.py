"""
Tests of L{gamenet.world.clock}: the world's heap of events.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.errors import LocalProtocolError
from gamenet.seeded_random import SeededRandom
from gamenet.world.clock import GARBAGE_FLOOR, WorldCall, WorldClock

DELAYS = st.floats(0.0, 10.0, allow_nan=False)

#: What is done to a clock, and to a model of it: the kind, which call it is about, seconds.
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["call", "cancel", "reset", "delay", "advance"]),
        st.integers(0, 30),
        st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0]),
    ),
    max_size=60,
)


class NaiveClock:
    """What the clock must do, without a heap: look for the soonest, again and again."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order = 0
        self.pending: dict[int, tuple[float, int]] = {}
        self.log: list[tuple[float, int]] = []

    def put(self, number: int, due: float) -> None:
        """Have a call be due then, after all others that are."""
        self.order += 1
        self.pending[number] = (due, self.order)

    def advance(self, seconds: float) -> None:
        """Run what is due."""
        until = self.now + seconds
        while self.pending:
            number = min(self.pending, key=lambda candidate: self.pending[candidate])
            due = self.pending[number][0]
            if due > until:
                break
            del self.pending[number]
            self.log.append((due, number))
        self.now = until


class ClockTests(SynchronousTestCase):
    """L{WorldClock} and L{WorldCall}."""

    def setUp(self) -> None:
        self.clock = WorldClock()
        self.log: list[Any] = []

    def note(self, what: object = None) -> None:
        """Write down the time, and what."""
        self.log.append((self.clock.seconds(), what))

    def test_interfaces(self) -> None:
        """The clock provides IReactorTime, its calls IDelayedCall."""
        verifyObject(IReactorTime, self.clock)
        verifyObject(IDelayedCall, self.clock.callLater(1.0, self.note))

    @settings(deadline=None, max_examples=100)
    @given(st.lists(DELAYS, max_size=30))
    def test_exactTimes(self, delays: list[float]) -> None:
        """Every callback sees exactly the time it was due, in order of time."""
        clock = WorldClock()
        seen: list[tuple[float, float]] = []
        for delay in delays:
            clock.callLater(delay, lambda due: seen.append((due, clock.seconds())), delay)
        clock.advance(10.0)
        self.assertEqual(seen, [(delay, delay) for delay in sorted(delays)])
        self.assertEqual(clock.seconds(), 10.0)

    def test_tiesInOrderOfScheduling(self) -> None:
        """Calls due together run in the order in which they were scheduled."""
        for number in range(20):
            self.clock.callLater(1.0, self.note, number)
        self.clock.advance(1.0)
        self.assertEqual(self.log, [(1.0, number) for number in range(20)])

    def test_callsFromWithin(self) -> None:
        """What a callback schedules runs at its own time, within the same advance."""

        def first() -> None:
            self.note("first")
            self.clock.callLater(0.5, self.note, "second")
            self.clock.callLater(0.0, self.note, "at once")

        self.clock.callLater(1.0, first)
        self.clock.callLater(1.25, self.note, "between")
        self.clock.advance(10.0)
        self.assertEqual(
            self.log, [(1.0, "first"), (1.0, "at once"), (1.25, "between"), (1.5, "second")]
        )

    def test_argumentsAndKeywords(self) -> None:
        """Arguments and keyword arguments are handed on."""
        self.clock.callLater(1.0, lambda *args, **kw: self.log.append((args, kw)), 1, 2, three=3)
        self.clock.advance(1.0)
        self.assertEqual(self.log, [((1, 2), {"three": 3})])

    def test_boundary(self) -> None:
        """What is due exactly at the end of an advance runs, what is due later does not."""
        self.clock.callLater(1.0, self.note, "at")
        self.clock.callLater(1.0000001, self.note, "after")
        self.clock.advance(1.0)
        self.assertEqual(self.log, [(1.0, "at")])

    def test_cancel(self) -> None:
        """A cancelled call is never made, and says so."""
        call = self.clock.callLater(1.0, self.note)
        self.assertTrue(call.active())
        call.cancel()
        self.assertFalse(call.active())
        self.clock.advance(2.0)
        self.assertEqual(self.log, [])
        for again in (call.cancel, lambda: call.reset(1.0), lambda: call.delay(1.0)):
            self.assertRaises(AlreadyCancelled, again)

    def test_afterTheCall(self) -> None:
        """A call that was made, or is being made, cannot be changed any more."""
        raised: list[type[Exception]] = []

        def callback() -> None:
            self.assertFalse(call.active())
            for change in (call.cancel, lambda: call.reset(1.0), lambda: call.delay(1.0)):
                try:
                    change()
                except AlreadyCalled as error:
                    raised.append(type(error))

        call = self.clock.callLater(1.0, callback)
        self.clock.advance(1.0)
        self.assertEqual(raised, [AlreadyCalled] * 3)
        self.assertRaises(AlreadyCalled, call.cancel)

    def test_reset(self) -> None:
        """Reset counts from now, delay from the due time; both ways, and getTime tells."""
        later = self.clock.callLater(2.0, self.note, "later")
        sooner = self.clock.callLater(5.0, self.note, "sooner")
        delayed = self.clock.callLater(1.0, self.note, "delayed")
        hurried = self.clock.callLater(9.0, self.note, "hurried")
        self.clock.advance(0.5)
        later.reset(6.0)
        sooner.reset(0.25)
        delayed.delay(2.0)
        hurried.delay(-5.0)
        times = [call.getTime() for call in (later, sooner, delayed, hurried)]
        self.assertEqual(times, [6.5, 0.75, 3.0, 4.0])
        self.clock.advance(10.0)
        self.assertEqual(
            self.log, [(0.75, "sooner"), (3.0, "delayed"), (4.0, "hurried"), (6.5, "later")]
        )

    def test_resetGoesLast(self) -> None:
        """A call that is moved to a time takes the last place among those due then."""
        moved = self.clock.callLater(1.0, self.note, "moved")
        self.clock.callLater(2.0, self.note, "stayed")
        moved.reset(2.0)
        self.clock.callLater(2.0, self.note, "newest")
        self.clock.advance(2.0)
        self.assertEqual([what for _, what in self.log], ["stayed", "moved", "newest"])

    def test_delayIntoThePast(self) -> None:
        """A call that is moved before now is made at once, not before now."""
        call = self.clock.callLater(2.0, self.note)
        self.clock.advance(1.5)
        call.delay(-1.0)
        self.clock.advance(0.0)
        self.assertEqual(self.log, [(1.5, None)])

    def test_getDelayedCalls(self) -> None:
        """The calls still to be made are listed, soonest first, as they now stand."""
        last = self.clock.callLater(1.0, self.note)
        first = self.clock.callLater(2.0, self.note)
        gone = self.clock.callLater(3.0, self.note)
        gone.cancel()
        last.reset(5.0)
        self.clock.schedule(1.0, self.note, "an event is not a call")
        self.assertEqual(self.clock.getDelayedCalls(), [first, last])
        self.clock.advance(2.0)
        self.assertEqual(self.clock.getDelayedCalls(), [last])

    def test_impossibleTimes(self) -> None:
        """Delays and advances that are negative or not numbers are refused, and do nothing."""
        for impossible in (-0.001, float("nan"), float("inf")):
            self.assertRaises(ValueError, self.clock.callLater, impossible, self.note)
            self.assertRaises(ValueError, self.clock.advance, impossible)
        call = self.clock.callLater(1.0, self.note)
        self.assertRaises(ValueError, call.reset, float("nan"))
        self.assertRaises(ValueError, call.delay, float("inf"))
        self.clock.advance(1.0)
        self.assertEqual(self.log, [(1.0, None)])

    def test_exceptionsAreLogged(self) -> None:
        """A call or event that raises is logged, and the world goes on."""

        def fails(_: object = None) -> None:
            raise ZeroDivisionError

        self.clock.callLater(1.0, fails)
        self.clock.schedule(1.0, fails, None)
        self.clock.callLater(1.0, self.note)
        self.clock.callLater(2.0, self.note)
        self.clock.advance(3.0)
        self.assertEqual(self.log, [(1.0, None), (2.0, None)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_noTimeWithinTime(self) -> None:
        """A callback cannot let time pass; and after that error the clock works on."""
        self.clock.callLater(1.0, self.clock.advance, 1.0)
        self.clock.callLater(1.0, self.clock.runUntil, lambda: True, 1.0)
        self.clock.advance(2.0)
        self.assertEqual(len(self.flushLoggedErrors(LocalProtocolError)), 2)
        self.clock.advance(1.0)
        self.assertEqual(self.clock.seconds(), 3.0)

    def test_garbageIsBounded(self) -> None:
        """However many calls are cancelled, the heap keeps no more garbage than calls."""
        kept = [self.clock.callLater(1000.0 + number, self.note) for number in range(10)]
        for number in range(5_000):
            self.clock.callLater(1.0 + number, self.note).cancel()
            self.assertLessEqual(len(self.clock.queue), 2 * (len(kept) + GARBAGE_FLOOR) + 2)
        self.clock.advance(2_000.0)
        self.assertEqual(len(self.log), 10)

    def test_resetGarbageIsBounded(self) -> None:
        """A timer that every packet resets, either way, does not fill the heap."""
        call = self.clock.callLater(50.0, self.note)
        for number in range(5_000):
            call.reset(100.0 - number % 50)
            self.assertLessEqual(len(self.clock.queue), 2 * GARBAGE_FLOOR + 2)
        due = call.getTime()
        self.clock.advance(200.0)
        self.assertEqual(self.log, [(due, None)])

    def test_movingLaterCostsNothing(self) -> None:
        """A timer that only ever moves later, as timeouts do, keeps its one place in the heap."""
        call = self.clock.callLater(1.0, self.note)
        for number in range(1_000):
            call.reset(1.0 + number)
            self.assertEqual(len(self.clock.queue), 1)
        self.clock.advance(999.0)
        self.assertEqual(self.log, [])
        self.clock.advance(1.0)
        self.assertEqual(self.log, [(1000.0, None)])

    def test_cancelledCallsLetGo(self) -> None:
        """A cancelled call holds on to nothing, however long its place stays in the heap."""

        class Held:
            def call(self, *args: object, **kw: object) -> None:
                pass

        held = Held()
        reference = weakref.ref(held)
        call = self.clock.callLater(1.0, held.call, held, key=held)
        call.cancel()
        del held
        gc.collect()
        self.assertIsNone(reference())

    def test_compactionKeepsTheOrder(self) -> None:
        """A heap rebuilt after many cancellations still gives the soonest first."""
        random = SeededRandom(1)
        delays = [random.uniform(0.0, 100.0) for _ in range(2_000)]
        calls = [self.clock.callLater(delay, self.note, delay) for delay in delays]
        kept = []
        for call, delay in zip(calls, delays, strict=True):
            if random.chance(0.7):
                call.cancel()
            else:
                kept.append(delay)
        self.assertLess(len(self.clock.queue), 1_500)
        self.clock.advance(100.0)
        self.assertEqual(self.log, [(delay, delay) for delay in sorted(kept)])

    def test_events(self) -> None:
        """The clock counts what it ran."""
        self.clock.schedule(1.0, self.note, None)
        self.clock.callLater(2.0, self.note)
        self.clock.callLater(9.0, self.note)
        self.clock.advance(5.0)
        self.assertEqual(self.clock.events, 2)

    def test_compactionFromWithin(self) -> None:
        """Cancelling so many calls out of a call that the heap is rebuilt loses nothing."""
        doomed = [self.clock.callLater(5.0, self.note, "doomed") for _ in range(1_000)]
        self.clock.callLater(1.0, lambda: [call.cancel() for call in doomed])
        for number in range(20):
            self.clock.callLater(2.0 + number, self.note, number)
        self.clock.advance(100.0)
        self.assertEqual(self.log, [(2.0 + number, number) for number in range(20)])

    @settings(deadline=None, max_examples=200)
    @given(OPERATIONS)
    def test_likeANaiveClock(self, operations: list[tuple[str, int, float]]) -> None:
        """Any mixture of calls, cancellations, moves and advances runs as without a heap."""
        clock, model = WorldClock(), NaiveClock()
        log: list[tuple[float, int]] = []
        calls: list[WorldCall] = []

        def callback(number: int) -> None:
            log.append((clock.seconds(), number))

        for kind, place, seconds in operations:
            which = place % max(1, len(calls))
            if kind == "call":
                calls.append(clock.callLater(seconds, callback, len(calls)))
                model.put(len(calls) - 1, model.now + seconds)
            elif kind == "advance":
                clock.advance(seconds)
                model.advance(seconds)
            elif calls and calls[which].active():
                call = calls[which]
                if kind == "cancel":
                    call.cancel()
                    del model.pending[which]
                elif kind == "reset":
                    call.reset(seconds)
                    model.put(which, model.now + seconds)
                else:
                    call.delay(seconds)
                    model.put(which, model.pending[which][0] + seconds)
            self.assertEqual(
                [call.active() for call in calls],
                [number in model.pending for number in range(len(calls))],
            )
            self.assertEqual(clock._garbage, len(clock.queue) - len(model.pending))
        clock.advance(1000.0)
        model.advance(1000.0)
        self.assertEqual(log, model.log)
