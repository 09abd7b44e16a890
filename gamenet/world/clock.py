"""
The world's time: an event-driven clock on a heap.

It jumps to each call's own deadline, so a callback sees C{seconds()} equal to
exactly the moment it was due, and calls that are due together run in the order
in which they were scheduled.  C{twisted.internet.task.Clock} does neither: its
C{advance(10)} sets the time first and runs everything afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import isfinite
from typing import Any, ClassVar, Protocol, TypeAlias

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.errors import GamenetError, LocalProtocolError

__all__ = ["GARBAGE_FLOOR", "Event", "NotReached", "Timeline", "WorldCall", "WorldClock"]

#: Cancelled calls are left in the heap until there are this many of them and
#: they are the larger half of it.
GARBAGE_FLOOR = 64

#: C{(due, sequence, run, argument)}: at world time C{due}, C{run(argument)}.
Event: TypeAlias = tuple[float, int, Callable[[Any], object], Any]

_DETACHED = -1


class NotReached(GamenetError):
    """
    The world did not come to what L{WorldClock.runUntil} was waiting for.

    @ivar time: The world time at which it gave up, in seconds.
    """

    def __init__(self, time: float, limit: float) -> None:
        super().__init__(f"not reached within {limit:g} s; the world's time is {time:.6f} s")
        self.time = time


class Timeline(Protocol):
    """Whose seconds a L{WorldCall} is counted in: the world's, or one machine's."""

    def seconds(self) -> float:
        """Return the time now, in this timeline's seconds."""

    def worldTime(self, local: float) -> float:
        """Return the world time at which this timeline shows C{local}."""

    def runCall(self, call: WorldCall) -> None:
        """Run a call that is due, or keep it for later, or drop it."""


@implementer(IDelayedCall)
@define(eq=False, repr=False)
class WorldCall:
    """
    A call that will be made at its time, unless it is cancelled.

    @ivar time: When, in seconds of C{timeline}.
    @ivar sequence: Its place among calls that are due at the same time.
    @ivar queued: The C{sequence} of the one heap entry that stands for it;
        every other entry of it is garbage.
    """

    clock: WorldClock
    timeline: Timeline
    time: float
    function: Callable[..., object]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    sequence: int = 0
    queued: int = _DETACHED
    _called: bool = False
    _cancelled: bool = False

    def __repr__(self) -> str:
        return f"<WorldCall of {self.function!r} at {self.time!r}>"

    def getTime(self) -> float:
        """Return when the call is due, in its timeline's seconds."""
        return self.time

    def active(self) -> bool:
        """Return whether the call is still to be made."""
        return not (self._called or self._cancelled)

    def cancel(self) -> None:
        """
        Never make this call.

        @raise AlreadyCalled: It was made.
        @raise AlreadyCancelled: It was cancelled.
        """
        self._refuseUnlessActive()
        self._cancelled = True
        self.function = _nothing
        self.args = ()
        self.kwargs = {}
        if self.queued != _DETACHED:
            self.queued = _DETACHED
            self.clock.noteGarbage()

    def delay(self, seconds: float) -> None:
        """
        Make this call C{seconds} later than it was due.

        @raise AlreadyCalled: It was made.
        @raise AlreadyCancelled: It was cancelled.
        """
        self._refuseUnlessActive()
        self._move(self.time + seconds)

    def reset(self, seconds: float) -> None:
        """
        Make this call C{seconds} from now instead.

        @raise AlreadyCalled: It was made.
        @raise AlreadyCancelled: It was cancelled.
        """
        self._refuseUnlessActive()
        self._move(self.timeline.seconds() + seconds)

    def execute(self) -> None:
        """Make the call.  For the timeline."""
        self._called = True
        self.function(*self.args, **self.kwargs)

    def _refuseUnlessActive(self) -> None:
        if self._called:
            raise AlreadyCalled()
        if self._cancelled:
            raise AlreadyCancelled()

    def _move(self, time: float) -> None:
        if not isfinite(time):
            raise ValueError(f"a call cannot be due at {time!r}")
        later = time >= self.time
        self.time = time
        self.clock.enqueue(self, later=later)


def _nothing() -> None:
    """What a cancelled call would do."""


@implementer(IReactorTime)
@define(eq=False, repr=False)
class WorldClock:
    """
    Every event of a world, in order of time; provides the world's own seconds,
    which no machine sees.

    @ivar now: The world time, in seconds from 0.
    @ivar events: How many events have run, ever.
    @ivar queue: The heap of L{Event}s.
    @ivar nextSequence: Gives each event its place among those due together.
    """

    _log: ClassVar[Logger] = Logger()

    now: float = 0.0
    events: int = 0
    queue: list[Event] = field(factory=list)
    nextSequence: Callable[[], int] = field(factory=lambda: count().__next__)
    _garbage: int = 0
    _running: bool = False

    def seconds(self) -> float:
        """Return the world time in seconds."""
        return self.now

    def worldTime(self, local: float) -> float:
        """Return C{local}: this timeline is the world's own."""
        return local

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> WorldCall:
        """
        Call a function C{delay} seconds of world time from now.

        @raise ValueError: C{delay} is negative or not a finite number.
        """
        return self.callOn(self, delay, callable, args, kw)

    def callOn(
        self,
        timeline: Timeline,
        delay: float,
        function: Callable[..., object],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> WorldCall:
        """
        Call a function after C{delay} seconds of C{timeline}.

        @raise ValueError: C{delay} is negative or not a finite number.
        """
        if not (delay >= 0 and isfinite(delay)):
            raise ValueError(f"cannot call anything in {delay!r} seconds")
        call = WorldCall(self, timeline, timeline.seconds() + delay, function, args, kwargs)
        self.enqueue(call, later=False)
        return call

    def getDelayedCalls(self) -> list[IDelayedCall]:
        """Return every call that is still to be made, of every machine, soonest first."""
        calls: list[WorldCall] = [
            entry[3][0]
            for entry in self.queue
            if entry[2] == self._fire and entry[3][0].queued == entry[3][1]
        ]
        calls.sort(key=lambda call: (call.timeline.worldTime(call.time), call.sequence))
        return list(calls)

    def schedule(self, due: float, run: Callable[[Any], object], argument: object) -> None:
        """
        Have C{run(argument)} happen at world time C{due}; it cannot be taken back.

        @param due: Not before L{now}.
        """
        heappush(self.queue, (due, self.nextSequence(), run, argument))

    def enqueue(self, call: WorldCall, *, later: bool) -> None:
        """
        Put a call where its time says.

        @param later: The heap already holds it, at an earlier time: it is put
            back when it comes up there, which costs nothing now.
        """
        call.sequence = self.nextSequence()
        if call.queued != _DETACHED:
            if later:
                return
            self.noteGarbage()
        self._push(call)

    def noteGarbage(self) -> None:
        """Take notice that one heap entry no longer stands for anything."""
        self._garbage += 1
        if self._garbage > GARBAGE_FLOOR and self._garbage * 2 > len(self.queue):
            self.queue[:] = [
                entry
                for entry in self.queue
                if entry[2] != self._fire or entry[3][0].queued == entry[3][1]
            ]
            heapify(self.queue)
            self._garbage = 0

    def advance(self, seconds: float) -> None:
        """
        Let C{seconds} of world time pass.

        @raise ValueError: C{seconds} is negative or not a finite number.
        @raise gamenet.errors.LocalProtocolError: The world is already running:
            this was called out of one of its own events.
        """
        self._run(seconds, None)

    def runUntil(self, goal: Deferred[Any] | Callable[[], Any], limit: float) -> Any:
        """
        Let time pass until something is the case, event by event.

        @param goal: A function that returns something true, or a Deferred that
            fires.
        @param limit: At most this many seconds of world time.
        @return: What the function returned or what the Deferred fired with.
        @raise NotReached: It is not the case after C{limit} seconds.
        @raise Exception: Whatever the Deferred failed with.
        """
        if not isinstance(goal, Deferred):
            reached = self._run(limit, goal)
            if not reached:
                raise NotReached(self.now, limit)
            return reached
        outcome: list[Any] = []
        waiting = True

        def note(result: Any) -> Any:
            outcome.append(result)
            return None if waiting and isinstance(result, Failure) else result

        goal.addBoth(note)
        self._run(limit, lambda: outcome)
        waiting = False
        if not outcome:
            raise NotReached(self.now, limit)
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        return outcome[0]

    def attempt(self, run: Callable[[Any], object], argument: object) -> None:
        """Do C{run(argument)}; if it raises, log that, and the world goes on."""
        try:
            run(argument)
        except Exception:
            self._log.failure("An event at {now} s of the world raised", now=self.now)

    def _run(self, seconds: float, goal: Callable[[], Any] | None) -> Any:
        if not (seconds >= 0 and isfinite(seconds)):
            raise ValueError(f"cannot let {seconds!r} seconds pass")
        if self._running:
            raise LocalProtocolError("the world's time is already passing")
        self._running = True
        try:
            until = self.now + seconds
            reached = goal() if goal is not None else None
            queue = self.queue
            while not reached and queue and queue[0][0] <= until:
                due, _, run, argument = heappop(queue)
                self.now = due
                self.events += 1
                try:
                    run(argument)
                except Exception:
                    self._log.failure("An event at {now} s of the world raised", now=due)
                if goal is not None:
                    reached = goal()
            if not reached:
                self.now = until
            return reached
        finally:
            self._running = False

    def _push(self, call: WorldCall) -> None:
        call.queued = call.sequence
        due = call.timeline.worldTime(call.time)
        heappush(
            self.queue,
            (due if due > self.now else self.now, call.sequence, self._fire, (call, call.sequence)),
        )

    def _fire(self, entry: tuple[WorldCall, int]) -> None:
        call, sequence = entry
        if call.queued != sequence:
            self._garbage -= 1
        elif call.sequence != sequence:
            self._push(call)
        else:
            call.queued = _DETACHED
            call.timeline.runCall(call)

    def runCall(self, call: WorldCall) -> None:
        """Make a call that is due."""
        call.execute()
