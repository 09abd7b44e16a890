"""
Sounds, particles and other effects that happen once, in a game that goes back.

A frame may be played several times before it is final: with other inputs each
time, and each time the simulation says what is to be heard and seen.  The
L{EffectTracker} compares what was said with what is being played already, so
that an effect is played once, cancelled if it turns out not to have happened,
and confirmed when it can never be undone.

Whoever applies the steps of a session tells the tracker::

    effects.begin(step.frame)           # before each advance of the simulation
    simulation.advance(step.inputs)     # which calls effects.announce(...)
    ...
    for event in effects.settle(session.confirmed_frame):   # after all steps
        ...

Nothing is decided before L{EffectTracker.settle}: between a rollback and the
end of the frames that are played again nobody knows what has changed.

Which effects are the same one: those of one frame and one key; if there are
several of them, those with equal payloads first, then in order.  Then, within
C{tolerance} frames, those of one key that are nearest in time, the earlier one
of two equally near: an effect that moved is not played twice, but
L{Corrected}.  An effect is therefore cancelled only when the frames up to
C{tolerance} after its own were played again without it.  A tolerance longer
than the pause between two effects of one key takes them for one another.

None of this is part of the game's state: nothing comes back from here into the
simulation.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from enum import Enum
from typing import TypeAlias

import attrs

from gamenet.errors import BadSetting, LocalProtocolError

__all__ = [
    "TOLERANCE_LIMIT",
    "Cancelled",
    "Confirmed",
    "Corrected",
    "EffectEvent",
    "EffectTracker",
    "Played",
    "TrackerState",
]

#: The largest tolerance, in frames.
TOLERANCE_LIMIT = 60


@attrs.frozen
class Played:
    """
    Start an effect.

    @ivar number: The effect's number, from 1, never given twice; what follows
        about this effect has the same.
    @ivar frame: The frame that it belongs to: after a rollback it may be some
        frames old.
    @ivar key: What was announced: which effect, by which object.
    @ivar payload: What was announced with it.
    """

    number: int
    frame: int
    key: Hashable
    payload: object


@attrs.frozen
class Corrected:
    """
    An effect that is being played belongs to another frame or has another
    payload.  It must not be started again.

    @ivar number: The effect's number.
    @ivar frame: The frame that it belongs to now.
    @ivar key: Its key.
    @ivar payload: Its payload now.
    @ivar former_frame: The frame that it belonged to.
    """

    number: int
    frame: int
    key: Hashable
    payload: object
    former_frame: int


@attrs.frozen
class Cancelled:
    """
    Stop an effect: what caused it did not happen.  Told at most once, and
    nothing follows about that effect.

    @ivar number: The effect's number.
    @ivar frame: The frame that it belonged to.
    @ivar key: Its key.
    @ivar payload: Its payload.
    """

    number: int
    frame: int
    key: Hashable
    payload: object


@attrs.frozen
class Confirmed:
    """
    An effect can never be undone.  Told at most once, and nothing follows
    about that effect.

    @ivar number: The effect's number.
    @ivar frame: The frame that it belongs to.
    @ivar key: Its key.
    @ivar payload: Its payload.
    """

    number: int
    frame: int
    key: Hashable
    payload: object


#: What L{EffectTracker.settle} returns.
EffectEvent: TypeAlias = Played | Corrected | Cancelled | Confirmed


class TrackerState(Enum):
    """What an L{EffectTracker} is doing."""

    #: All that was announced is settled.
    SETTLED = "settled"
    #: A frame is being played: effects may be announced.
    PLAYING = "playing"
    #: A final frame is being played again: what is announced was told already.
    REPEATING = "repeating"


@attrs.define
class _Effect:
    """
    One effect.

    @ivar number: Its number, or 0 as long as it was not started.
    """

    frame: int
    key: Hashable
    payload: object
    number: int = 0


@attrs.define(init=False)
class EffectTracker:
    """
    The effects of the frames that are not final yet.

    @ivar state: A L{TrackerState}.
    @ivar tolerance: By how many frames an effect may move and be the same.
    @ivar effects_limit: How many effects of frames that are not final are kept.
    @ivar newest_frame: The frame that was played last, or -1.
    @ivar confirmed_frame: The newest frame that is final, or -1.
    @ivar dropped: How many announcements were ignored because there were
        C{effects_limit} already.
    @ivar _frames: The effects of each frame that has any, oldest frame first.
    @ivar _count: How many those are.
    @ivar _undone: Effects that were started and whose frame was undone, in
        order of their numbers.
    @ivar _last_number: The number that was given last.
    """

    state: TrackerState
    tolerance: int
    effects_limit: int
    newest_frame: int
    confirmed_frame: int
    dropped: int
    _frames: dict[int, list[_Effect]]
    _count: int
    _undone: list[_Effect]
    _last_number: int

    def __init__(self, tolerance: int = 0, effects_limit: int = 1024) -> None:
        """
        @param tolerance: In frames, 0 to L{TOLERANCE_LIMIT}; 0 unless an
            effect that happens a frame sooner or later is to be the same.
        @param effects_limit: At least 1.
        @raise BadSetting: One is outside of that.
        """
        if not 0 <= tolerance <= TOLERANCE_LIMIT:
            raise BadSetting(f"tolerance must be from 0 to {TOLERANCE_LIMIT}, not {tolerance}")
        if effects_limit < 1:
            raise BadSetting(f"effects_limit must be at least 1, not {effects_limit}")
        self.state = TrackerState.SETTLED
        self.tolerance = tolerance
        self.effects_limit = effects_limit
        self.newest_frame = -1
        self.confirmed_frame = -1
        self.dropped = 0
        self._frames = {}
        self._count = 0
        self._undone = []
        self._last_number = 0

    def begin(self, frame: int) -> None:
        """
        A frame is about to be played, for the first time or again.

        Playing a frame again undoes it and all frames after it.

        @param frame: After C{confirmed_frame}, and at most one after
            C{newest_frame}; the first of all may be any.
        @raise LocalProtocolError: It is final, or frames are left out.  Nothing
            changed then.
        """
        if frame <= self.confirmed_frame:
            raise LocalProtocolError(f"frame {frame} is final and cannot be played again")
        if frame > self.newest_frame + 1 and self.newest_frame >= 0:
            raise LocalProtocolError(f"frame {self.newest_frame + 1} comes next, not {frame}")
        if frame <= self.newest_frame:
            self._undo(frame)
        self.newest_frame = frame
        self.state = TrackerState.PLAYING

    def repeat(self, frame: int) -> None:
        """
        A final frame is about to be played again, because an older state was taken
        over: nothing that is announced in it counts.  What is not final yet stays as
        it is until it is played again too.

        @param frame: At most C{confirmed_frame}.
        @raise LocalProtocolError: It is not final.  Nothing changed then.
        """
        if frame > self.confirmed_frame:
            raise LocalProtocolError(f"frame {frame} is not final")
        self.state = TrackerState.REPEATING

    def announce(self, key: Hashable, payload: object = None) -> None:
        """
        Say that something is to be heard or seen; called by the simulation
        while it plays a frame.

        @param key: Which effect, and by which object; announcing the same key
            twice in one frame is two effects.  Text, bytes, integers or tuples
            of them.
        @param payload: What may change without its being another effect, for
            example where it happens.  Must not be changed later.
        @raise LocalProtocolError: No frame is being played.
        """
        if self.state is TrackerState.REPEATING:
            return
        if self.state is not TrackerState.PLAYING:
            raise LocalProtocolError("an effect was announced while no frame was being played")
        if self._count >= self.effects_limit:
            self.dropped += 1
            return
        self._count += 1
        effect = _Effect(self.newest_frame, key, payload)
        self._frames.setdefault(self.newest_frame, []).append(effect)

    def settle(self, confirmed_frame: int) -> tuple[EffectEvent, ...]:
        """
        Decide, after all steps that there were.

        @param confirmed_frame: The newest frame that will never be played
            again, or -1.
        @return: What to cancel; then what to start and to correct, in order of
            frames; then what is confirmed.
        @raise LocalProtocolError: That frame is older than it was, or was not
            played.  Nothing changed then.
        """
        if not self.confirmed_frame <= confirmed_frame <= self.newest_frame:
            raise LocalProtocolError(
                f"frame {confirmed_frame} cannot be final: {self.confirmed_frame} is, and "
                f"{self.newest_frame} was played last"
            )
        self.state = TrackerState.SETTLED
        corrections = self._matchUndone() if self._undone else {}
        events = self._cancelDecided()
        for effects in self._frames.values():
            for effect in effects:
                if effect.number == 0:
                    self._last_number = effect.number = self._last_number + 1
                    events.append(Played(effect.number, effect.frame, effect.key, effect.payload))
                elif effect.number in corrections:
                    events.append(corrections[effect.number])
        self.confirmed_frame = confirmed_frame
        while self._frames and next(iter(self._frames)) <= confirmed_frame:
            for effect in self._frames.pop(next(iter(self._frames))):
                self._count -= 1
                events.append(Confirmed(effect.number, effect.frame, effect.key, effect.payload))
        return tuple(events)

    def takeOver(self, frame: int) -> tuple[Cancelled, ...]:
        """
        A state came from elsewhere and the frames that led to it were not
        played here: forget everything.

        @param frame: The frame that will be played next; those before it are
            final.
        @return: Every effect that was started and is not confirmed.
        @raise LocalProtocolError: The frame is final.  Nothing changed then.
        """
        if frame <= self.confirmed_frame:
            raise LocalProtocolError(f"frame {frame} is final and cannot be played again")
        self._undo(0)
        undone, self._undone = self._undone, []
        self.newest_frame = self.confirmed_frame = frame - 1
        self.state = TrackerState.SETTLED
        return tuple(_cancelled(undone))

    def _undo(self, frame: int) -> None:
        """Undo all frames from C{frame} on; what was not started yet is simply forgotten."""
        undone = self._undone
        for later in [number for number in self._frames if number >= frame]:
            effects = self._frames.pop(later)
            self._count -= len(effects)
            undone += [effect for effect in effects if effect.number]
        undone.sort(key=lambda effect: effect.number)

    def _matchUndone(self) -> dict[int, Corrected]:
        """
        Give undone effects that happened again their number back.

        @return: What changed, by the number of the effect.
        """
        undone: dict[tuple[int, Hashable], list[_Effect]] = {}
        for effect in self._undone:
            undone.setdefault((effect.frame, effect.key), []).append(effect)
        fresh = [
            effect for effects in self._frames.values() for effect in effects if effect.number == 0
        ]
        for effect in fresh:
            candidates = undone.get((effect.frame, effect.key), ())
            for place, former in enumerate(candidates):
                if former.payload == effect.payload:
                    effect.number = former.number
                    del undone[effect.frame, effect.key][place]
                    break
        corrections: dict[int, Corrected] = {}
        for offset in _offsets(self.tolerance):
            for effect in fresh:
                former_frame = effect.frame + offset
                if effect.number == 0 and (left := undone.get((former_frame, effect.key))):
                    number = effect.number = left.pop(0).number
                    corrections[number] = Corrected(
                        number, effect.frame, effect.key, effect.payload, former_frame
                    )
        self._undone = [effect for effects in undone.values() for effect in effects]
        self._undone.sort(key=lambda effect: effect.number)
        return corrections

    def _cancelDecided(self) -> list[EffectEvent]:
        """Return the end of those undone effects that can happen no more, or are too many."""
        decided: list[_Effect] = []
        waiting: list[_Effect] = []
        surplus = len(self._undone) - self.effects_limit
        for place, effect in enumerate(self._undone):
            is_decided = effect.frame + self.tolerance <= self.newest_frame
            (decided if is_decided or place < surplus else waiting).append(effect)
        self._undone = waiting
        return list(_cancelled(decided))


def _offsets(tolerance: int) -> Iterator[int]:
    """Return 0, -1, 1, -2, 2 and so on."""
    yield 0
    for distance in range(1, tolerance + 1):
        yield -distance
        yield distance


def _cancelled(effects: Iterable[_Effect]) -> Iterator[Cancelled]:
    """Return the end of each of some effects."""
    return (Cancelled(each.number, each.frame, each.key, each.payload) for each in effects)
