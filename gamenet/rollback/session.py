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
L{gamenet.agreement.agreement}'s work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from zope.interface import implementer

from gamenet.agreement.view import firstView, regrouped
from gamenet.errors import LocalProtocolError
from gamenet.feed.transfer import DatagramTransfer
from gamenet.interfaces import IRollbackSession, ITransfer
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.joining import Joining
from gamenet.rollback.play import Play
from gamenet.rollback.progress import Progress
from gamenet.rollback.remote_peer import RemotePeer
from gamenet.rollback.seat_events import SeatTaken
from gamenet.rollback.session_events import SessionEvent
from gamenet.rollback.session_readings import SessionReadings
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_dump import StateDump
from gamenet.rollback.steps import Save, Step
from gamenet.wire.input_frames import FRAMES_LIMIT, INPUT_LIMIT
from gamenet.wire.view_values import View

__all__ = ["INPUT_LIMIT", "RollbackSession"]

#: First bytes from here on are of packets that carry no inputs.
_CONTROL = 0x10


@implementer(IRollbackSession)
@attrs.define(init=False)
class RollbackSession(SessionReadings):
    """
    One peer's side of a match.

    @ivar settings: The L{RollbackSettings}.
    @ivar _progress: How far the session is.
    @ivar _confirmation: What becomes of final frames.
    @ivar _transfer: What carries states.
    @ivar _play: What we do in our seat; before we have one, and after we lost it,
        it does nothing.
    @ivar _exchange: Its inputs that come and go.
    @ivar _joining: Our way to a seat, while we have none.
    """

    settings: RollbackSettings
    _progress: Progress
    _confirmation: Confirmation
    _transfer: ITransfer
    _play: Play
    _exchange: InputExchange
    _joining: Joining | None

    def __init__(
        self,
        settings: RollbackSettings,
        joining: bool = False,
        transfer: ITransfer | None = None,
    ) -> None:
        """
        @param settings: The rules.
        @param joining: Whether the match goes on already, and we take our seat late.
        @param transfer: What carries states; C{None} is the simple one.
        @raise LocalProtocolError: Our seat is one of C{settings.vacant}, and we do
            not join.
        """
        self.settings = settings
        vacant = tuple(peer[0] for peer in settings.peers if peer[0] in settings.vacant)
        if settings.peer in vacant and not joining:
            raise LocalProtocolError("our seat is vacant: it can only be taken by joining")
        view = firstView(settings.peers, vacant)
        frames = FRAMES_LIMIT if settings.last_frame is None else settings.last_frame + 1
        table = InputTable(settings, view.seats)
        self._progress = Progress(frames)
        self._transfer = DatagramTransfer() if transfer is None else transfer
        self._confirmation = Confirmation(settings, self._progress, table)
        self._joining = None
        self._sit(view, table, (Save(0),))
        if joining:
            self._join()

    @property
    def state(self) -> SessionState:
        """What the session is doing, a L{SessionState}."""
        return self._play.state if self._joining is None else SessionState.JOINING

    @property
    def joining(self) -> bool:
        """Whether L{state} is C{JOINING}; asked several times a frame."""
        return self._joining is not None

    def inputFrame(self, player: int | None = None) -> int | None:
        """
        Return the frame for which L{advance} wants a local player's input, or
        C{None} if it wants none: the session is stalled, or was given all there are.

        In lockstep the input is wanted before the frame can be played.

        @param player: Which; C{None} is the first who is played here.
        @raise LocalProtocolError: C{player} is not played here.
        """
        return self._play.inputFrame(player) if self._joining is None else None

    def advance(
        self, local_input: bytes | Mapping[int, bytes] | None, now: float
    ) -> Sequence[Step]:
        """
        Correct what was predicted wrong, and play one new frame if possible.

        Called once per frame that is due; the steps must be applied before the next call.

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
        @raise gamenet.errors.MomentFailed: The game's own prediction failed; nothing can
            be played any more.
        """
        events = self._progress.events
        if not self._confirmation.complete:
            raise LocalProtocolError("the steps before these were not applied")
        if len(events) >= self.settings.events_limit:
            raise LocalProtocolError(f"{len(events)} events were not drained")
        joining = self._joining
        if joining is None:
            return self._play.advance(local_input, now)
        if local_input is not None:
            raise LocalProtocolError("no input is wanted now")
        return self._follow(joining, now)

    def setInputDelay(self, delay: int, player: int | None = None) -> None:
        """
        Change a local player's input delay.  A longer one holds the newest input for
        the frames in between; a shorter one asks for no input for a while.

        @param delay: In frames, 0 to L{gamenet.rollback.settings.DELAY_LIMIT}.
        @param player: Whose; C{None} is the first who is played here.
        @raise LocalProtocolError: C{player} is not played here.
        @raise gamenet.errors.BadSetting: The delay is out of bounds.
        """
        self._exchange.local.setDelay(player, delay, self.current_frame)

    def checksumsWanted(self) -> Sequence[int]:
        """
        Return the final frames whose checksums were not taken: asked for by the timeline.
        In a sparse session these are only the frames that are reported.
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
            (or it is older than the inputs that are kept).  It was counted, and
            nothing else changed.
        @raise LocalProtocolError: C{peer} is none of the other peers.
        """
        if self._joining is not None:
            self._joining.packetReceived(peer, body, now)
            return
        remote = self._exchange.remotes.get(peer)
        if remote is not None and body and body[0] < _CONTROL:
            view = self._exchange.packetReceived(remote, body, now)
            if remote.silent or view != self._progress.view & 0xFF:
                self._play.controls.heard(peer, view, now)
        else:
            self._play.controls.packetReceived(peer, body, now)

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
        packets = [] if self._progress.stopped else self._exchange.packetsDue(now)
        if self._progress.differences or self._play.controls.isDue(now):
            packets += self._play.controls.packetsDue(now)
        return packets

    def drainEvents(self) -> tuple[SessionEvent, ...]:
        """Return what happened since the last call, in order."""
        events = tuple(self._progress.events)
        self._progress.events.clear()
        return events

    def acknowledged(self, peer: int) -> bool:
        """
        Return whether another member has all inputs that we gave so far, and after the
        last frame has compared its checksum too.

        @raise LocalProtocolError: C{peer} is not another member.
        """
        return self._exchange.acknowledged(peer)

    def remoteFrame(self, peer: int) -> int:
        """
        Return the frame that another member plays next, as far as we heard.

        @raise LocalProtocolError: C{peer} is not another member.
        """
        return self._exchange.remote(peer).current_frame

    def remote(self, peer: int) -> RemotePeer:
        """
        Return what is known of another member; to be read, not written.

        @raise LocalProtocolError: C{peer} is not another member.
        """
        return self._exchange.remote(peer)

    def inputCounts(self) -> tuple[int, ...]:
        """Return the first frame of each player whose input has not come, from player 1."""
        return self._exchange.table.floors()

    @property
    def members(self) -> tuple[int, ...]:
        """The peers that play now, ours too, ascending."""
        return self._play.controls.membership.agreement.view.members

    def regroup(self, players: tuple[int, ...]) -> bool:
        """
        Have empty seats belong to one peer from now on, for who will ask for them; with
        C{open_seating}.  All have to do so; those of its seats' former peers that are left
        over stand alone.

        @param players: Their numbers, ascending.
        @return: Whether that is so now; C{False} where a seat is taken, as far as we know:
            to be tried again.
        @raise LocalProtocolError: A seat is ours, or the seating is not open.
        """
        settings = self.settings
        if not settings.open_seating or set(players) & set(settings.local_players):
            raise LocalProtocolError(f"the seats {players} cannot be another peer's")
        if players not in settings.peers:
            seating = regrouped(settings.peers, players)
            settings = attrs.evolve(settings, seating=seating, vacant=())
        if self._joining is not None:
            self._joining.reseat(settings)
        elif not self._play.controls.reseat(settings, players):
            return False
        self.settings = settings
        return True

    def leave(self, now: float) -> None:
        """
        Leave the match: the others are told, and agree on our last frame.  Go on
        calling L{packetsDue} until C{state} is L{SessionState.LEFT}.
        """
        self._play.controls.leave(now)

    def drop(self, peer: int) -> None:
        """Have another member dropped, though it is heard, as soon as a quorum agrees."""
        self._play.controls.membership.drop(peer)

    def reached(self, peer: int, now: float) -> None:
        """Tell a peer who plays now: it is no member, and can be reached again."""
        if self._joining is None:
            self._play.controls.membership.agreement.tell(peer)
            self._play.controls.say((), now)

    def rejoin(self, now: float) -> None:
        """
        Come back after L{gamenet.rollback.seat_events.Dropped}: take the present state
        over, and ask for our seat, unless we do.  The game is told of final frames anew.

        @param now: The time, in seconds.
        @raise LocalProtocolError: We were not dropped.
        """
        if self._joining is not None:
            return
        if not self._play.controls.membership.outvoted or self.finished:
            raise LocalProtocolError("there is no seat to come back to: we were not dropped")
        self._join()

    def dumpsWanted(self) -> Sequence[int]:
        """Return the final frames whose states are wanted: asked for by the timeline."""
        return self._play.controls.dumpsWanted() if self._progress.wants_dumps else ()

    def dumpTaken(self, frame: int, dump: StateDump | None) -> None:
        """
        Take a state that was wanted.

        @param frame: One of L{dumpsWanted}.
        @param dump: The state that it led to; C{None} if it is not kept.
        """
        self._play.controls.dumpTaken(frame, dump)

    def _sit(self, view: View, table: InputTable, starts: tuple[Step, ...]) -> None:
        """Play as a member of a view, from the current frame on."""
        rooms = (self.settings, self._progress, self._confirmation, self._transfer)
        self._play = Play(*rooms, view, table, starts)
        self._exchange = self._play.exchange

    def _join(self) -> None:
        """Begin to follow the match."""
        self._progress.wants_dumps = False
        self._progress.restored = self._progress.report = None
        agreement = self._play.controls.membership.agreement
        view = agreement.dropped or agreement.view
        rooms = (self.settings, self._progress, self._confirmation, self._transfer)
        self._joining = Joining(*rooms, view)

    def _follow(self, joining: Joining, now: float) -> Sequence[Step]:
        """Play what others have confirmed, and take our seat when it is time."""
        steps = joining.advance(now)
        view, before = joining.view, joining.before
        if view is not None and before is not None and joining.seated:
            table = InputTable(self.settings, view.seats, self._progress.current_frame, before)
            self._joining = None
            self._confirmation.follow(table)
            local = self._exchange.local
            self._sit(view, table, ())
            self._exchange.local.keepDelays(local)
            self._play.controls.say(joining.farewell(), now)
            seat = view.seats[self.settings.local_player - 1]
            self._progress.events.append(SeatTaken(seat.since, view.number))
        return steps
