"""
The session that goes back all the time: every frame is played again after a
forced rollback, and has to lead to the same state.

The steps of one tick, for a check distance of C{d}, as GGRS's sync-test session
asks for them:

  - distance 0: C{Advance(f)}; nothing is ever compared;
  - the first C{d + 1} ticks: C{Save(f), Advance(f)};
  - every later tick: C{Load(f - d), Advance(f - d), Save(f - d + 1), ...,
    Save(f), Advance(f)}, which is one load, C{d} saves and C{d + 1} frames.

GGRS numbers its saves as we do (L{gamenet.rollback.steps}): snapshot C{n} is the
state before frame C{n}.  Only the place of a save differs from the peer-to-peer
session's, which saves after each frame where this one, like GGRS, saves before.

Two things are done here that GGRS does not do.  The state that a tick ends in is
taken too (it is no step, as it need not be loaded), so that every replay is
compared with the frame as it was played first: by the steps alone a distance of 1
would never save a frame's outcome twice.  And L{DeterminismCheckSession.finish}
plays the last frames again, for which no later tick comes.  Frame 0 is the one
frame that no tick plays again once there are more than C{d}; a second simulation
shows it, see L{gamenet.determinism.check.checkDeterminism}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NoReturn
from zlib import crc32

import attrs
from zope.interface import implementer

from gamenet.bounds import wholeNumber
from gamenet.determinism.report import Mismatch, MismatchKind
from gamenet.errors import LocalProtocolError
from gamenet.interfaces import IRollbackSession
from gamenet.rollback.peerless_session import PeerlessSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import DELAY_LIMIT, WINDOW_LIMIT
from gamenet.rollback.state_difference import SavedState, differences
from gamenet.rollback.statistics import SessionStatistics
from gamenet.rollback.steps import Advance, Load, Save, Step
from gamenet.rollback.timeline_rules import TimelineRules
from gamenet.wire.input_frames import INPUT_LIMIT

__all__ = ["PLAYERS_LIMIT", "DeterminismCheckSession", "DeterminismCheckSettings"]

#: The most players.
PLAYERS_LIMIT = 16


@attrs.frozen
class DeterminismCheckSettings:
    """
    The rules of a determinism check.

    @ivar players: How many play, all of them here, 1 to L{PLAYERS_LIMIT}.
    @ivar check_distance: How many frames each rollback goes back, 0 to
        L{gamenet.rollback.settings.WINDOW_LIMIT}; 0 never goes back.
    @ivar input_delay: How many frames later an input takes effect than it is given,
        0 to L{gamenet.rollback.settings.DELAY_LIMIT}.  The inputs of the frames
        before that are C{b""}.
    @ivar input_limit: The longest input, in bytes.
    @ivar mismatches_limit: How many mismatching frames are kept; then the session
        is C{full} and forgets further ones.

    @raise gamenet.errors.BadSetting: A value cannot work; the text says which.
    """

    players: int = attrs.field(default=2, validator=wholeNumber(1, PLAYERS_LIMIT))
    check_distance: int = attrs.field(default=7, validator=wholeNumber(0, WINDOW_LIMIT))
    input_delay: int = attrs.field(default=0, validator=wholeNumber(0, DELAY_LIMIT))
    input_limit: int = attrs.field(default=INPUT_LIMIT, validator=wholeNumber(1, 65_536))
    mismatches_limit: int = attrs.field(default=10_000, validator=wholeNumber(1, 10_000_000))


@implementer(IRollbackSession)
@attrs.define(init=False)
class DeterminismCheckSession(PeerlessSession):
    """
    One game, played by itself, whose every frame is played again.

    It wants whole states and no checksums; so its steps are applied by
    L{gamenet.determinism.check.CheckedTimeline}.

    @ivar settings: The L{DeterminismCheckSettings}.
    @ivar current_frame: The frame that is played next for the first time.
    @ivar _delayed: The inputs that were given and not played yet.
    @ivar _window: The L{Save} and L{Advance} of the frames that the next tick
        plays again, oldest first.
    @ivar _states: The newest states, as they were taken last; the last one is of
        snapshot C{current_frame}, at most C{check_distance + 1}.
    @ivar _compared: How many states that L{statesTaken} waits for were taken before.
    @ivar _fresh: How many others it waits for, which come behind those.
    @ivar _loaded: The snapshot that was loaded for them, or C{None}.
    @ivar _mismatches: What was found, by frame.
    @ivar _drained: How many of them were told.
    @ivar _finishes: How often the last frames were played again at the end, and how
        many these were.
    """

    settings: DeterminismCheckSettings
    current_frame: int
    _delayed: deque[tuple[bytes, ...]]
    _window: list[Save | Advance]
    _states: list[SavedState]
    _compared: int
    _fresh: int
    _loaded: int | None
    _mismatches: dict[int, Mismatch]
    _drained: int
    _finishes: list[int]

    def __init__(self, settings: DeterminismCheckSettings) -> None:
        """
        @param settings: The rules.
        """
        self.settings = settings
        self.current_frame = 0
        self._delayed = deque([(b"",) * settings.players] * settings.input_delay)
        self._window = []
        self._states = []
        self._compared = 0
        self._fresh = 0
        self._loaded = None
        self._mismatches = {}
        self._drained = 0
        self._finishes = [0, 0]

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """Every frame that was seen to differ, in order of frames."""
        return tuple([self._mismatches[frame] for frame in sorted(self._mismatches)])

    @property
    def confirmed_frame(self) -> int:
        """The newest frame that no later tick plays again, or -1."""
        return max(-1, self.current_frame - self.settings.check_distance - 1)

    @property
    def state(self) -> SessionState:
        """What the session is doing: running."""
        return SessionState.RUNNING

    @property
    def statistics(self) -> SessionStatistics:
        """How many frames were played and played again."""
        played, distance = self.current_frame, self.settings.check_distance
        ticks = max(0, played - distance - 1) if distance else 0
        times, frames = self._finishes
        return SessionStatistics(
            frames_played=played,
            frames_resimulated=ticks * distance + frames,
            rollbacks=ticks + times,
            deepest_rollback=distance if ticks else min(played, distance) if times else 0,
        )

    @property
    def timeline_rules(self) -> TimelineRules:
        """How far back the session goes."""
        return TimelineRules(prediction_window=self.settings.check_distance)

    @property
    def full(self) -> bool:
        """Whether no further mismatching frame would be kept."""
        return len(self._mismatches) >= self.settings.mismatches_limit

    @property
    def newest(self) -> SavedState | None:
        """The state that was taken last, or C{None} at a check distance of 0 or before any."""
        return self._states[-1] if self._states else None

    @property
    def statesWanted(self) -> int:
        """
        How many states L{statesTaken} waits for: one per L{Save} of the last steps,
        and the one that these end in if an L{Advance} ends them; none at a check
        distance of 0.
        """
        return self._compared + self._fresh

    def inputFrame(self, player: int | None = None) -> int:
        """
        Return the frame for which inputs are wanted.

        @param player: Whose; all are played here.
        @raise LocalProtocolError: There is no such player.
        """
        if player is not None and not 1 <= player <= self.settings.players:
            raise LocalProtocolError(f"player {player} is not played here")
        return self.current_frame + self.settings.input_delay

    def advance(
        self,
        local_input: Sequence[bytes] | Mapping[int, bytes] | bytes | None,
        now: float = 0.0,
    ) -> tuple[Step, ...]:
        """
        Go back, play the frames since then again, and play a new one.

        @param local_input: One input per player in order of player number, or by
            player number, or the only player's; they take effect
            C{settings.input_delay} frames after L{current_frame}.
        @param now: The time, which does not matter.
        @return: What to do, in order; then call L{statesTaken}.
        @raise LocalProtocolError: The states of the steps before were not handed
            over, or these are not such inputs.  Nothing changed then.
        """
        self._requireTaken()
        delayed = self._delayed
        delayed.append(self._checked(local_input))
        frame = self.current_frame
        advance = Advance(frame, delayed.popleft())
        self.current_frame = frame + 1
        distance = self.settings.check_distance
        if not distance:
            return (advance,)
        window = self._window
        window.append(Save(frame))
        window.append(advance)
        self._fresh = 1
        if frame <= distance:
            self._compared = 1
            return (window[-2], advance)
        del window[:2]
        self._compared = distance
        self._loaded = frame - distance
        return (Load(frame - distance), *window[1:])

    def finish(self) -> tuple[Step, ...]:
        """
        Play the last frames again, and no new one: those of the last
        C{check_distance} ticks.  More frames may be played afterwards.

        @return: What to do, in order; then call L{statesTaken}.  Nothing at a check
            distance of 0 or before the first frame.
        @raise LocalProtocolError: The states of the steps before were not handed
            over.
        """
        self._requireTaken()
        frame = self.current_frame
        frames = min(frame, self.settings.check_distance)
        if not frames:
            return ()
        self._compared = frames
        self._loaded = frame - frames
        self._finishes[0] += 1
        self._finishes[1] += frames
        return (Load(frame - frames), *self._window[1 - 2 * frames :], Save(frame))

    def snapshot(self, number: int) -> bytes:
        """
        Return what the L{Load} of the last steps loads: the state as it was taken last.

        @param number: The snapshot's number.
        @raise LocalProtocolError: They load no such snapshot.
        """
        if number != self._loaded:
            raise LocalProtocolError(f"snapshot {number} is not to be loaded")
        return self._states[0].snapshot

    def statesTaken(self, states: Sequence[SavedState]) -> None:
        """
        Take the states that the last steps led to, and compare those that were
        there before.  What differs is noted as a L{Mismatch}; from then on the new
        state counts, so that each deviation is found where it begins.

        @param states: The state at each L{Save}, in order, and at the end; see
            L{statesWanted}.
        @raise LocalProtocolError: They are more or fewer.
        """
        compared, fresh = self._compared, self._fresh
        if len(states) != compared + fresh:
            raise LocalProtocolError(f"{len(states)} states, not {compared + fresh}")
        self._compared = self._fresh = 0
        known = self._states
        taken = list(states)
        if known and taken[:compared] != known[-compared:]:
            self._compare(known[-compared:], taken)
        self._loaded = None
        kept = self.settings.check_distance + 1
        if len(taken) < kept:
            taken = [*(known[:-compared] if known else ()), *taken][-kept:]
        self._states = taken

    def checksumsWanted(self) -> tuple[int, ...]:
        """Return the frames whose checksums are wanted: none, as states are compared."""
        return ()

    def checksumTaken(self, frame: int, checksum: int) -> NoReturn:
        """
        Take a checksum; none is wanted.

        @raise LocalProtocolError: Always.
        """
        raise LocalProtocolError(f"the checksum of frame {frame} is not wanted")

    def drainEvents(self) -> tuple[Mismatch, ...]:
        """Return the frames that were found to differ since the last call, as found first."""
        found = list(self._mismatches.values())[self._drained :]
        self._drained += len(found)
        return tuple(found)

    def noteSecondRun(self, frame: int, first: SavedState, later: SavedState, origin: bool) -> None:
        """
        Note that a second simulation came to another state.

        @param frame: The frame that led to it, or -1.
        @param first: The state here.
        @param later: The state there.
        @param origin: Whether the frame was played from equal states.
        """
        self._note(frame, first, later, MismatchKind.SECOND_RUN, None, origin)

    def _requireTaken(self) -> None:
        """Check that the last steps were applied."""
        if self._compared:
            raise LocalProtocolError("the states of the steps before were not handed over")

    def _checked(
        self, inputs: Sequence[bytes] | Mapping[int, bytes] | bytes | None
    ) -> tuple[bytes, ...]:
        """Return inputs as they are played."""
        settings = self.settings
        if inputs is None:
            raise LocalProtocolError(f"no inputs for {settings.players} players")
        if isinstance(inputs, Mapping):
            if sorted(inputs) != list(range(1, settings.players + 1)):
                raise LocalProtocolError(
                    f"inputs of {len(inputs)} players, not of 1 to {settings.players}"
                )
            inputs = [inputs[player] for player in sorted(inputs)]
        elif isinstance(inputs, bytes):
            inputs = (inputs,)
        if len(inputs) != settings.players:
            raise LocalProtocolError(f"{len(inputs)} inputs for {settings.players} players")
        for text in inputs:
            if not isinstance(text, bytes):
                raise LocalProtocolError(f"an input of {type(text).__name__}, not bytes")
            if len(text) > settings.input_limit:
                raise LocalProtocolError(
                    f"an input of {len(text)} bytes, more than {settings.input_limit}"
                )
        return tuple(inputs)

    def _compare(self, known: list[SavedState], taken: list[SavedState]) -> None:
        """Note each state that is another than the known one of its number."""
        loaded = self._loaded
        if loaded is None:
            frame = self.current_frame - 2
            self._note(frame, known[0], taken[0], MismatchKind.SAVED_TWICE, None, True)
            return
        equal = True
        for frame, (first, later) in enumerate(zip(known, taken, strict=False), loaded):
            began, equal = equal, first == later
            if not equal:
                self._note(frame, first, later, MismatchKind.REPLAYED, loaded, began)

    def _note(
        self,
        frame: int,
        first: SavedState,
        later: SavedState,
        kind: MismatchKind,
        loaded: int | None,
        origin: bool,
    ) -> None:
        """Keep a mismatch, or count it to the one that is kept of its frame."""
        before = self._mismatches.get(frame)
        if before is not None:
            self._mismatches[frame] = attrs.evolve(
                before, times=before.times + 1, origin=before.origin or origin
            )
        elif not self.full:
            self._mismatches[frame] = Mismatch(
                frame,
                crc32(first.snapshot),
                crc32(later.snapshot),
                kind,
                loaded,
                origin,
                differences(first, later),
            )
