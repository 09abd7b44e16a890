"""
Play in one seat: from the frame on at which a peer is a member of a view, until
the others go on without it.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import ITransfer
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.control_exchange import ControlExchange
from gamenet.rollback.frame_steps import FrameSteps
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.joining import CATCH_UP
from gamenet.rollback.progress import Progress
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Step
from gamenet.wire.view_values import View

__all__ = ["Play"]


@attrs.define(init=False)
class Play:
    """
    One peer in its seat.

    @ivar table: All players' inputs.
    @ivar exchange: The inputs that come and go.
    @ivar controls: Everything that peers say to each other beside inputs.
    @ivar steps: What makes the steps.
    @ivar _confirmation: What becomes of final frames.
    @ivar _progress: How far the session is.
    @ivar _window: How many frames may be played on predicted inputs.
    @ivar _sparse: Whether not all final frames have checksums.
    @ivar _failed: Whether steps could not be made, because the game's predictor failed.
    @ivar _catching_up: Whether we came late, and are still behind the others.
    """

    table: InputTable
    exchange: InputExchange
    controls: ControlExchange
    steps: FrameSteps
    _confirmation: Confirmation
    _progress: Progress
    _window: int
    _sparse: bool
    _failed: bool
    _catching_up: bool

    def __init__(
        self,
        settings: RollbackSettings,
        progress: Progress,
        confirmation: Confirmation,
        transfer: ITransfer,
        view: View,
        table: InputTable,
        starts: tuple[Step, ...],
    ) -> None:
        """
        @param settings: The rules.
        @param transfer: What carries states.
        @param view: Who plays at first; we are one of them.
        @param table: All players' inputs from the present frame on.
        @param starts: The steps before the first frame that is played here.
        """
        progress.view = view.number
        self.table = table
        self.exchange = InputExchange(settings, progress, table, view.members)
        self.controls = ControlExchange(
            settings, progress, self.exchange, confirmation, transfer, view
        )
        self.steps = FrameSteps(settings, progress, table, starts)
        self._confirmation = confirmation
        self._progress = progress
        self._window = settings.prediction_window
        self._sparse = settings.sparse_saving
        self._failed = False
        self._catching_up = progress.current_frame > 0

    @property
    def state(self) -> SessionState:
        """What we are doing, a L{SessionState}."""
        progress = self._progress
        state = self.controls.state
        if self._confirmation.told == progress.frames - 1:
            return SessionState.FINISHED
        if state is not None:
            return state
        if progress.current_frame < progress.frames:
            lacks = self.exchange.local.lacksAny(progress.current_frame)
            can_play = self._isWithinWindow() and (not lacks or self._wantsInput())
            return SessionState.RUNNING if can_play else SessionState.STALLED
        return SessionState.CONFIRMING

    def inputFrame(self, player: int | None) -> int | None:
        """
        Return the frame for which a local player's input is wanted, or C{None}.

        @param player: Which; C{None} is the first who is played here.
        @raise LocalProtocolError: C{player} is not played here.
        """
        wanted = self.exchange.local.wanted(player, self._progress.current_frame)
        if wanted is None or self._progress.stopped:
            return None
        return wanted if not self._window or self._isWithinWindow() else None

    def advance(self, local_input: bytes | Mapping[int, bytes] | None, now: float) -> list[Step]:
        """
        Correct what was predicted wrong, and play one new frame if possible.

        @return: What to do, in order.
        @raise LocalProtocolError: An input is not wanted now, is not bytes or
            is too long.  Nothing changed then.
        @raise gamenet.errors.MomentFailed: The game's predictor failed: nothing can be
            played any more.
        """
        if self._failed:
            raise LocalProtocolError("nothing is played any more: a prediction failed")
        if self._progress.stopped:
            if local_input is not None:
                raise LocalProtocolError("no input is wanted now")
            return []
        progress = self._progress
        local = self.exchange.local
        current_frame = progress.current_frame
        within_window = self._isWithinWindow()
        if local_input is not None:
            if not within_window and self._window:
                raise LocalProtocolError("no input is wanted now")
            local.take(local_input, current_frame)
        plays = within_window and not local.lacksAny(current_frame)
        if not plays and current_frame < progress.frames:
            asks = (within_window or not self._window) and self._wantsInput()
            if not asks:
                progress.statistics.stalled(now)
        steps: list[Step] = []
        self._failed = True
        if progress.restored is not None:
            frame, told = progress.restored.frame, self._confirmation.told
            rows = self._confirmation.rows(frame, told + 1) if frame <= told else []
            steps = self.steps.takeOver(progress.restored, rows)
            progress.restored = None
        if plays or self.table.wrong_frame is not None:
            steps += self.steps.plan(plays, now)
        if self._catching_up:
            self._catchUp(steps, now)
        self._failed = False
        end = progress.current_frame
        known = self.table.known
        progress.confirmed_frame = (end if end < known else known) - 1
        if self._sparse:
            self._confirmation.settle()
        return steps

    def _catchUp(self, steps: list[Step], now: float) -> None:
        """Play more than one frame while the others are ahead and we lack nothing."""
        progress, table, local = self._progress, self.table, self.exchange.local
        ahead = max([remote.current_frame for remote in self.exchange.others], default=0)
        for _ in range(CATCH_UP):
            current_frame = progress.current_frame
            if current_frame >= ahead - 1 or current_frame >= table.settled:
                self._catching_up = current_frame < table.settled
                return
            if current_frame >= table.known or local.lacksAny(current_frame):
                return
            if current_frame - self._confirmation.told > self._window:
                return
            steps += self.steps.plan(True, now)

    def _isWithinWindow(self) -> bool:
        """Whether the next frame is part of the match and of the prediction window."""
        progress = self._progress
        frame = progress.current_frame
        return frame < progress.frames and frame - self.table.known < self._window

    def _wantsInput(self) -> bool:
        """Whether a local input may be given now."""
        return self.exchange.local.wantsAny(self._progress.current_frame)
