"""
The steps that bring the game to where it should be: back, where it was played
on something wrong, and one frame on.

Two ways to save.  Every frame: going back costs exactly the frames that were
wrong.  Sparse, after GGRS: only a final state is kept, and those whose
checksums are wanted, so going back plays everything since the final state
again; worth it for a game whose saving costs more than a few frames.
"""

from __future__ import annotations

import attrs

from gamenet.rollback.confirmation import ConfirmedRow
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.progress import Progress
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Advance, Load, Restore, Save, Step

__all__ = ["FrameSteps"]


@attrs.define(init=False)
class FrameSteps:
    """
    Makes the steps of one session.

    @ivar base: The number of the newest final snapshot, in a sparse session.
    @ivar _progress: How far the session is.
    @ivar _table: All players' inputs.
    @ivar _sparse: Whether only final states are saved.
    @ivar _window: How many frames may be played on predicted inputs.
    @ivar _interval: Every how many frames a checksum is reported.
    @ivar _saves: The L{Save} of each frame that may be played again.
    @ivar _first: The steps that come before everything else.
    """

    base: int
    _progress: Progress
    _table: InputTable
    _sparse: bool
    _window: int
    _interval: int
    _saves: list[Save]
    _first: list[Step]

    def __init__(
        self,
        settings: RollbackSettings,
        progress: Progress,
        table: InputTable,
        starts: tuple[Step, ...] = (Save(0),),
    ) -> None:
        """
        @param settings: The rules.
        @param progress: How far the session is.
        @param table: All players' inputs.
        @param starts: The steps before the first frame that is played here.
        """
        self._progress = progress
        self._table = table
        self._sparse = settings.sparse_saving
        self._window = settings.prediction_window
        self._interval = settings.checksum_interval
        self._saves = [Save(-1)] * (settings.prediction_window + 2)
        self._first = list(starts)
        self.base = progress.current_frame

    def plan(self, plays: bool, now: float) -> list[Step]:
        """
        Return the steps, and count what they do.

        @param plays: Whether a new frame is played.
        @param now: The time, in seconds.
        """
        progress = self._progress
        table = self._table
        steps: list[Step] = []
        if self._first and (plays or table.wrong_frame is not None):
            steps += self._first
            self._first.clear()
        wrong_frame = table.wrong_frame
        table.wrong_frame = None
        end = progress.current_frame
        if wrong_frame is not None and wrong_frame >= end:
            wrong_frame = None
        if plays:
            progress.statistics.played(now)
            progress.current_frame = end + 1
        if self._sparse:
            self._planSparse(steps, wrong_frame, end)
            return steps
        if wrong_frame is not None:
            progress.statistics.rolledBack(end - wrong_frame)
            steps.append(Load(wrong_frame))
            end = wrong_frame
        if end + 1 == progress.current_frame and wrong_frame is None:
            self._playOne(steps, end)
        elif end < progress.current_frame:
            self._play(steps, end, progress.current_frame)
        return steps

    def takeOver(self, restored: Restore, rows: list[ConfirmedRow]) -> list[Step]:
        """
        Return the steps that play everything since a state from elsewhere again.

        @param restored: That state.
        @param rows: The frames since then that are final, in order.
        """
        progress = self._progress
        steps: list[Step] = [restored]
        start, end = restored.frame, progress.current_frame
        progress.statistics.rolledBack(end - start)
        self._table.wrong_frame = None
        for frame, (inputs, absent) in enumerate(rows, start):
            steps.append(Advance(frame, inputs, absent))
            steps.append(Save(frame + 1, self._isKept(frame)))
        start += len(rows)
        self.base = start
        self._play(steps, start, end)
        return steps

    def _playOne(self, steps: list[Step], frame: int) -> None:
        """Add the steps that play a frame for the first time, and save."""
        table = self._table
        absent = table.absent if frame >= table.settled else table.absentAt(frame)
        steps.append(
            Advance(frame, tuple([queue.playOne(frame) for queue in table.queues]), absent)
        )
        save = Save(frame + 1, self._isKept(frame))
        self._saves[(frame + 1) % len(self._saves)] = save
        steps.append(save)

    def _play(self, steps: list[Step], start: int, end: int) -> None:
        """Add the steps that play frames and save after each."""
        saves = self._saves
        kept = len(saves)
        table = self._table
        absent = table.absent
        settled = start >= table.settled
        for frame, inputs in enumerate(zip(*table.columns(start, end), strict=True), start):
            if not settled:
                absent = table.absentAt(frame)
            steps.append(Advance(frame, inputs, absent))
            place = (frame + 1) % kept
            save = saves[place]
            if save.frame != frame + 1:
                save = saves[place] = Save(frame + 1, self._isKept(frame))
            steps.append(save)

    def _planSparse(self, steps: list[Step], wrong_frame: int | None, end: int) -> None:
        """Add the steps of a sparse session, which played up to C{end} before."""
        progress = self._progress
        until = progress.current_frame
        final = min(until, self._table.known)
        start = end
        outgrown = until - self.base > self._window and final < until
        goes_back = wrong_frame is not None or outgrown
        if goes_back:
            if wrong_frame is not None:
                progress.statistics.rolledBack(end - self.base)
            steps.append(Load(self.base))
            start = self.base
        base = self.base
        for frame, inputs in enumerate(zip(*self._table.columns(start, until), strict=True), start):
            steps.append(Advance(frame, inputs, self._table.absentAt(frame)))
            number = frame + 1
            kept = self._isKept(frame)
            renewed = number == final and (goes_back or number - base >= self._window)
            if kept or renewed:
                steps.append(Save(number, kept))
            if renewed or (kept and number <= final):
                base = number
        self.base = base

    def _isKept(self, frame: int) -> bool:
        """Whether the state after a frame is wanted for long."""
        return (
            not (frame + 1) % self._interval
            or frame == self._progress.frames - 1
            or frame == self._progress.kept_frame
        )
