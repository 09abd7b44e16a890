"""
The rollback session of one peer: inputs and packets in, steps, packets and
events out.

Every peer simulates the whole game.  Inputs of others that have not come
yet are predicted.  When an input comes that was predicted wrong, the session
goes back to the state before that frame and plays all frames since then again.

One tick of the caller, who is told the time and has the sockets::

    frame = session.inputFrame()
    text = None if frame is None else readInput(frame)
    timeline.apply(session.advance(text, now))
    for event in session.drainEvents(): ...
    for peer, body in session.packetsDue(now): ...

and for each packet that comes, C{session.packetReceived(peer, body, now)},
which changes what the next C{advance} does and touches no game state.

The idea is that of GGPO (Tony Cannon, 2006); that steps are values is that of
GGRS.  That all who play on agree on who is out, and from which frame on, is
L{gamenet.rollback.agreement}'s work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from zope.interface import implementer

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.interfaces import IRollbackSession
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.control_exchange import ControlExchange
from gamenet.rollback.frame_steps import FrameSteps
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.joining import CATCH_UP, Joining
from gamenet.rollback.progress import Progress
from gamenet.rollback.remote_peer import RemotePeer
from gamenet.rollback.seat_events import SeatTaken
from gamenet.rollback.session_events import SessionEvent
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import LeaverPolicy, RollbackSettings
from gamenet.rollback.state_dump import StateDump
from gamenet.rollback.statistics import SessionStatistics
from gamenet.rollback.steps import Save, Step
from gamenet.rollback.timeline_rules import TimelineRules
from gamenet.rollback.transfer import DatagramTransfer
from gamenet.rollback.view import firstView
from gamenet.wire.input_frames import FRAMES_LIMIT, INPUT_LIMIT
from gamenet.wire.view_values import View

__all__ = ["INPUT_LIMIT", "RollbackSession"]

#: First bytes from here on are of packets that carry no inputs.
_CONTROL = 0x10


@implementer(IRollbackSession)
@attrs.define(init=False)
class RollbackSession:
    """
    One peer's side of a match.

    @ivar settings: The L{RollbackSettings}.
    @ivar _progress: How far the session is.
    @ivar _table: All players' inputs.
    @ivar _exchange: The inputs that come and go.
    @ivar _steps: What makes the steps.
    @ivar _confirmation: What becomes of final frames.
    @ivar _controls: Everything that peers say to each other beside inputs.
    @ivar _transfer: What carries states.
    @ivar _joining: Our way to a seat, while we have none.
    @ivar _catching_up: Whether we are seated and still behind the others.
    """

    settings: RollbackSettings
    _progress: Progress
    _table: InputTable
    _exchange: InputExchange
    _steps: FrameSteps
    _confirmation: Confirmation
    _controls: ControlExchange
    _transfer: DatagramTransfer
    _joining: Joining | None
    _catching_up: bool

    def __init__(self, settings: RollbackSettings, joining: bool = False) -> None:
        """
        @param settings: The rules.
        @param joining: Whether the match goes on already, and we take our seat late.
        @raise LocalProtocolError: Our seat is one of C{settings.vacant}, and we do
            not join.
        """
        self.settings = settings
        vacant = tuple(peer[0] for peer in settings.peers if peer[0] in settings.vacant)
        if settings.peer in vacant and not joining:
            raise LocalProtocolError("our seat is vacant: it can only be taken by joining")
        view = firstView(settings.peers, vacant)
        frames = FRAMES_LIMIT if settings.last_frame is None else settings.last_frame + 1
        self._progress = Progress(frames)
        self._transfer = DatagramTransfer()
        self._table = InputTable(settings, view.seats)
        self._confirmation = Confirmation(settings, self._progress, self._table)
        self._joining = None
        self._catching_up = False
        self._sit(view, (Save(0),))
        if joining:
            self._join()

    @property
    def current_frame(self) -> int:
        """The frame that is played next for the first time."""
        return self._progress.current_frame

    @property
    def confirmed_frame(self) -> int:
        """
        The newest frame that was played with all players' real inputs and will
        never be played again, or -1.
        """
        return self._progress.confirmed_frame

    @property
    def statistics(self) -> SessionStatistics:
        """The counters, a L{SessionStatistics}; to be read, not written."""
        return self._progress.statistics

    @property
    def timeline_rules(self) -> TimelineRules:
        """What a timeline has to keep, L{TimelineRules}."""
        settings = self.settings
        return TimelineRules(
            prediction_window=settings.prediction_window,
            sparse=settings.sparse_saving,
            bots=settings.leaver_policy is LeaverPolicy.BOT,
            input_limit=settings.input_limit,
        )

    @property
    def state(self) -> SessionState:
        """What the session is doing, a L{SessionState}."""
        if self._joining is not None:
            return SessionState.JOINING
        state = self._controls.state
        if state is not None:
            return state
        if self.current_frame < self._progress.frames:
            can_play = self._isWithinWindow() and (
                not self._lacksInput() or self._exchange.local.wantsAny(self.current_frame)
            )
            return SessionState.RUNNING if can_play else SessionState.STALLED
        return SessionState.FINISHED if self.finished else SessionState.CONFIRMING

    @property
    def finished(self) -> bool:
        """Whether the match's last frame is final here and the game was told."""
        return self._confirmation.told == self._progress.frames - 1

    def inputFrame(self, player: int | None = None) -> int | None:
        """
        Return the frame for which L{advance} wants a local player's input, or
        C{None} if it wants none: the session is stalled, or was given all there are.

        In lockstep (a prediction window of 0) the input is wanted before the
        frame can be played, or no player would ever begin.

        @param player: Which; C{None} is the first who is played here.
        @raise LocalProtocolError: C{player} is not played here.
        """
        local = self._exchange.local
        wanted = local.wanted(local.players[0] if player is None else player, self.current_frame)
        return wanted if wanted is not None and self._mayWant() else None

    def advance(
        self, local_input: bytes | Mapping[int, bytes] | None, now: float
    ) -> Sequence[Step]:
        """
        Correct what was predicted wrong, and play one new frame if possible.

        Called once per frame that is due.  The steps must be applied before
        the session is called again.

        @param local_input: The local player's input of frame L{inputFrame}, at
            most C{settings.input_limit} bytes; where several are played here,
            inputs by player number.  C{None} where that gives C{None}; the last
            C{settings.input_delay} frames of the match are played so.  C{None}
            where an input is wanted plays nothing new.
        @param now: The time, in seconds.
        @return: What to do, in order.
        @raise LocalProtocolError: An input is not wanted now, is not bytes or
            is too long; the steps of the call before were not applied; nobody
            drains the events.  Nothing changed then.
        """
        progress = self._progress
        confirmation = self._confirmation
        if not confirmation.complete:
            raise LocalProtocolError("the steps before these were not applied")
        if len(progress.events) >= self.settings.events_limit:
            raise LocalProtocolError(f"{len(progress.events)} events were not drained")
        if self._joining is not None or self._controls.stopped:
            if local_input is not None:
                raise LocalProtocolError("no input is wanted now")
            return self._follow(now)
        local = self._exchange.local
        current_frame = progress.current_frame
        within_window = self._isWithinWindow()
        if local_input is not None:
            if not within_window and self.settings.prediction_window:
                raise LocalProtocolError("no input is wanted now")
            local.take(local_input, current_frame)
        plays = within_window and not local.lacksAny(current_frame)
        if not plays and current_frame < progress.frames and not self._wantsInput(within_window):
            progress.statistics.stalled(now)
        restored = self._controls.restored()
        if restored is not None:
            steps = self._steps.takeOver(restored)
            if plays:
                steps += self._steps.plan(plays, now)
        elif plays or self._table.wrong_frame is not None:
            steps = self._steps.plan(plays, now)
        else:
            steps = []
        if self._catching_up:
            self._catchUp(steps, now)
        end = progress.current_frame
        known = self._table.known
        progress.confirmed_frame = (end if end < known else known) - 1
        confirmation.settle()
        return steps

    def setInputDelay(self, delay: int, player: int | None = None) -> None:
        """
        Change a local player's input delay from now on.  A longer one holds the
        newest input for the frames in between; a shorter one asks for no input
        for a while.

        @param delay: In frames, 0 to L{gamenet.rollback.settings.DELAY_LIMIT}.
        @param player: Whose; C{None} is the first who is played here.
        @raise LocalProtocolError: C{player} is not played here.
        @raise gamenet.errors.BadSetting: The delay is out of bounds.
        """
        local = self._exchange.local
        player = local.players[0] if player is None else player
        local.setDelay(player, delay, self.current_frame)

    def checksumsWanted(self) -> Sequence[int]:
        """
        Return the frames that became final and whose checksums were not taken:
        asked for by the timeline after it applied some steps.  In a sparse
        session these are only the frames whose checksums the others are told.
        """
        return self._confirmation.wanted()

    def checksumTaken(self, frame: int, checksum: int) -> None:
        """
        Take the checksum of a final frame.

        @param frame: The first of L{checksumsWanted}.
        @param checksum: That of the state that the frame led to.
        @raise LocalProtocolError: It is another frame.
        """
        report = self._confirmation.taken(frame, checksum)
        if report is not None:
            self._exchange.noteReport(report)

    def packetReceived(self, peer: int, body: bytes, now: float) -> None:
        """
        Take a packet.

        @param peer: Who sent it, a peer's number; the caller has proven that.
        @param body: See L{gamenet.wire.input_frames}; also those of the other
            packets of a session, told apart by the first byte.
        @param now: The time, in seconds.
        @raise gamenet.errors.RemoteProtocolError: They cannot rightly have sent it
            (or it was delayed for more than two seconds).  It was counted, and
            nothing else changed.
        @raise LocalProtocolError: C{peer} is none of the other peers.
        """
        if self._joining is not None:
            self._joiningReceived(self._joining, peer, body, now)
        elif body and body[0] < _CONTROL and self._exchange.isMember(peer):
            view = self._exchange.packetReceived(peer, body, now)
            self._controls.heard(peer, view, now)
        else:
            self._controls.packetReceived(peer, body, now)

    def packetFor(self, peer: int, now: float) -> bytes:
        """
        Return an input packet for another peer, whether one is due or not.

        @param peer: Who it is for.
        @param now: The time at which it is sent, in seconds.
        @return: At most L{gamenet.wire.input_frames.BODY_LIMIT} bytes.
        @raise LocalProtocolError: C{peer} is not another member of the match.
        """
        return self._exchange.packetFor(peer, now)

    def packetsDue(self, now: float) -> Sequence[tuple[int, bytes]]:
        """
        Return what is to be sent now, to which peer: at most one input packet a
        peer, and whatever else has to be said.

        Called once per frame that is due, also in a stall and at the end until
        the others have L{acknowledged} all.

        @param now: The time, in seconds.
        """
        if self._joining is not None:
            return self._joining.packetsDue(now)
        packets = [] if self._controls.stopped else self._exchange.packetsDue(now)
        if self._controls.isDue(now):
            packets += self._controls.packetsDue(now)
        return packets

    def drainEvents(self) -> tuple[SessionEvent, ...]:
        """Return what happened since the last call, in order."""
        events = tuple(self._progress.events)
        self._progress.events.clear()
        return events

    def acknowledged(self, peer: int) -> bool:
        """
        Return whether another member needs nothing more from us: it has all
        inputs that we gave so far, and after the last frame it has compared its
        checksum too.

        @raise LocalProtocolError: C{peer} is not another member.
        """
        return self._exchange.acknowledged(peer)

    def remoteFrame(self, peer: int) -> int:
        """
        Return the frame that another peer plays next, as far as we heard; for
        L{gamenet.rollback.time_sync}.

        @raise LocalProtocolError: C{peer} is not another member.
        """
        return self._exchange.remote(peer).current_frame

    def remote(self, peer: int) -> RemotePeer:
        """
        Return what is known of another member; to be read, not written.

        @raise LocalProtocolError: C{peer} is not another member.
        """
        return self._exchange.remote(peer)

    @property
    def members(self) -> tuple[int, ...]:
        """The peers that play now, ours too, ascending."""
        return self._controls.membership.view.members

    def leave(self, now: float) -> None:
        """
        Leave the match: the others are told, and agree on our last frame.  Go on
        calling L{packetsDue} until C{state} is L{SessionState.LEFT}.

        @param now: The time, in seconds.
        """
        self._controls.leave(now)

    def rejoin(self, now: float) -> None:
        """
        Come back after L{gamenet.rollback.seat_events.Dropped}: take the present state
        over from the others, and ask for our seat.  The game is told of final frames
        from that state on.

        @param now: The time, in seconds.
        @raise LocalProtocolError: We were not dropped.
        """
        if self._joining is not None or not self._controls.membership.outvoted:
            raise LocalProtocolError("there is no seat to come back to: we were not dropped")
        self._join()

    def dumpsWanted(self) -> Sequence[int]:
        """
        Return the final frames whose states are wanted by others, or to be
        compared with theirs: asked for by the timeline after it applied some steps.
        """
        return () if self._joining is not None else self._controls.dumpsWanted()

    def dumpTaken(self, frame: int, dump: StateDump | None) -> None:
        """
        Take a state that was wanted.

        @param frame: One of L{dumpsWanted}.
        @param dump: The state that it led to; C{None} if it is not kept.
        """
        self._controls.dumpTaken(frame, dump)

    def _sit(self, view: View, starts: tuple[Step, ...]) -> None:
        """Play as a member of a view, from the current frame on."""
        settings, progress = self.settings, self._progress
        progress.view = view.number
        self._exchange = InputExchange(settings, progress, self._table, view.members)
        self._steps = FrameSteps(settings, progress, self._table, starts)
        self._controls = ControlExchange(
            settings, progress, self._exchange, self._confirmation, self._transfer, view
        )

    def _join(self) -> None:
        """Begin to follow the match."""
        self._joining = Joining(self.settings, self._progress, self._confirmation, self._transfer)

    def _follow(self, now: float) -> Sequence[Step]:
        """Play what others have confirmed, and take our seat when it is time."""
        joining = self._joining
        if joining is None:
            return ()
        steps = joining.advance(now)
        view = joining.view
        if view is not None and joining.seated:
            first_frame = self._progress.current_frame
            self._joining = None
            self._table = InputTable(self.settings, view.seats, first_frame, joining.before)
            self._confirmation.follow(self._table)
            self._sit(view, ())
            self._controls.say(joining.farewell(), now)
            self._catching_up = True
            seat = view.seats[self.settings.local_player - 1]
            self._progress.events.append(SeatTaken(seat.since, view.number))
        return steps

    def _joiningReceived(self, joining: Joining, peer: int, body: bytes, now: float) -> None:
        """Take a packet while we have no seat."""
        statistics = self.statistics
        try:
            joining.packetReceived(peer, body, now)
        except RemoteProtocolError:
            statistics.packets_refused += 1
            raise
        statistics.packets_received += 1
        statistics.bytes_received += len(body)

    def _catchUp(self, steps: list[Step], now: float) -> None:
        """Play more than one frame while the others are ahead and we lack nothing."""
        local = self._exchange.local
        ahead = max([remote.current_frame for remote in self._exchange.others], default=0)
        for _ in range(CATCH_UP):
            current_frame = self._progress.current_frame
            if current_frame >= ahead - 1 or current_frame >= self._table.settled:
                self._catching_up = current_frame < self._table.settled
                return
            if current_frame >= self._table.known or local.lacksAny(current_frame):
                return
            if current_frame - self._confirmation.told > self.settings.prediction_window:
                return
            steps += self._steps.plan(True, now)

    def _isWithinWindow(self) -> bool:
        """Whether the next frame is part of the match and of the prediction window."""
        frame = self._progress.current_frame
        return frame < self._progress.frames and (
            frame - self._table.known < self.settings.prediction_window
        )

    def _lacksInput(self) -> bool:
        """Whether a local input must be given before the next frame is played."""
        return self._exchange.local.lacksAny(self._progress.current_frame)

    def _mayWant(self) -> bool:
        """Whether inputs are asked for at all now."""
        if self._joining is not None or self._controls.stopped:
            return False
        return not self.settings.prediction_window or self._isWithinWindow()

    def _wantsInput(self, within_window: bool) -> bool:
        """Whether a local input may be given now."""
        return (within_window or not self.settings.prediction_window) and (
            self._exchange.local.wantsAny(self._progress.current_frame)
        )
