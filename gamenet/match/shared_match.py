"""
A match without a game of frames: the links, and what all know together.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from zope.interface import implementer

from gamenet.channel.transfer_ends import TransferEnded
from gamenet.errors import (
    CommandRefused,
    GamenetError,
    MatchEnded,
    PeerTimeout,
    SyncTimeout,
)
from gamenet.event_log.shared_state import SharedState
from gamenet.interfaces import IMachine, ISessionProtocol
from gamenet.machine.alarm import Alarm
from gamenet.match.participation import Duties, Entry, Participation
from gamenet.match.session_settings import SessionSettings
from gamenet.match.shared_session import SharedSession
from gamenet.mesh.admission import Admission
from gamenet.mesh.mesh import Mesh
from gamenet.mesh.mesh_listener import IMeshListener
from gamenet.mesh.path import Path
from gamenet.mesh.resume_secret import ResumeSecret
from gamenet.mesh.sockets import PlayerSockets
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import Candidate, TicketMember
from gamenet.wire.log_commands import Command
from gamenet.wire.log_events import Event
from gamenet.wire.peer_packets import LogBody, PeerPacket

__all__ = ["SharedMatch"]


@implementer(IMeshListener)
class SharedMatch:
    """
    A shared session as one player has it.  Made by
    L{gamenet.match.session.Session.share}.

    @ivar match_id: The session's id in the log, 16 bytes.
    @ivar player: Our player number.
    @ivar shared: The session itself.
    """

    _log = Logger()

    def __init__(
        self,
        machine: IMachine,
        ticket: MatchTicket,
        keys: PlayerKeys,
        sockets: PlayerSockets,
        protocol: ISessionProtocol,
        settings: SessionSettings,
        candidates: tuple[Candidate, ...],
        sendStep: Callable[[int, bytes, int], None],
        entry: Entry,
        resumed: ResumeSecret | None = None,
    ) -> None:
        """
        @param candidates: Where we may be reached, as offered to the others.
        @param sendStep: Called with a player number, an attempt id and a step kind.
        @param entry: How we come to it.
        @param resumed: What our former process left, where this one has returned.
        """
        self.match_id, self.player = ticket.match_id, ticket.player
        self._clock = machine.clock
        self._settings = settings
        self._candidates = candidates
        self._sendStep = sendStep
        self._mesh = Mesh(
            machine, ticket, keys, sockets, settings.links, self, resumed,
            returning=entry.returning,
        )
        self._admission = Admission(self._mesh, ticket)
        # Whoever is not the first host is told the state: nobody has to be there at once.
        newcomer = ticket.late or resumed is not None or ticket.player != 1
        duties = Duties(self._end, self._end, self._departed, entry.report)
        self._part = Participation(
            machine,
            ticket,
            self._mesh,
            protocol,
            settings.log,
            duties,
            entry.title,
            newcomer,
            settings.joins,
        )
        self.shared: SharedSession = self._part.session
        self._limit = math.inf
        self._limit_alarm = Alarm(machine.clock, self._tooLate)
        self._ready: Deferred[SharedMatch] = Deferred(lambda _: self._end(None))
        self._waiting: list[Deferred[None]] = []
        self._over = self._leaves = False
        self._error: GamenetError | None = None

    @property
    def state(self) -> SharedState | None:
        """What the session has come to; C{None} until that is known."""
        return self.shared.state

    @property
    def sequence(self) -> int:
        """The number of the last event; 0 where none is known."""
        return self.shared.sequence

    @property
    def host(self) -> int:
        """Who orders the events, by player number; 0 where that is not known."""
        return self.shared.host

    @property
    def is_host(self) -> bool:
        """Whether we order the events."""
        return self.shared.is_host

    @property
    def connected_players(self) -> tuple[int, ...]:
        """To whom there is a path, ascending."""
        return self.shared.connected_players

    @property
    def goes_on(self) -> bool:
        """Whether others take part, as far as we know."""
        state = self.state
        return state is not None and any(
            participant.player != self.player for participant in state.participants
        )

    @property
    def over(self) -> bool:
        """Whether it is over for us."""
        return self._over

    def submit(self, command: Command) -> Deferred[Event | None]:
        """Have something done; see L{SharedSession.submit}."""
        return self.shared.submit(command)

    def requestFullSync(self) -> None:
        """Have the whole state sent once more."""
        self.shared.requestFullSync()

    def resumeSecret(self) -> bytes:
        """
        Return what a later process of ours needs to come back, in
        L{gamenet.match.returning.rejoin}; whoever has it is us.
        """
        return self._mesh.resumeSecret()

    def whenOver(self) -> Deferred[None]:
        """
        Return what fires when the session is over for us, and fails where an error ended
        it.  Each call has its own, and cancelling one waits no longer.
        """
        if self._over:
            waited: Deferred[None] = Deferred()
            self._fire(waited)
            return waited
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def leave(self) -> Deferred[None]:
        """Leave, and tell the others; fires when that is done."""
        if self._over:
            return succeed(None)
        over = self.whenOver().addErrback(lambda _: None)
        if not self._leaves:
            self._leaves = True
            self._limit_alarm.cancel()
            self._part.leave().addCallback(lambda _: self._end(None))
        return over

    def begin(self) -> Deferred[SharedMatch]:
        """
        Reach out.  Called once by the owner.

        @return: Fires as soon as the session is known; see
            L{gamenet.match.session.Session.share} for the failures.  Cancelling it ends
            everything.
        """
        self._mesh.start(self._candidates)
        self._log.info("we, player {p}, share session {s}", p=self.player, s=self.match_id.hex())
        self._part.begin()
        if self.state is None:
            self._limit = self._clock.seconds() + self._settings.peer_timeout
        self._watch()
        return self._ready

    def memberJoined(self, member: TicketMember) -> None:
        """The lobby says that somebody comes late, or comes back with other keys."""
        if not self._over and self._admission.isNew(member):
            self._part.removed(member.player)
            self._admission.admit(member)

    def candidatesChanged(self, player: int, candidates: tuple[Candidate, ...]) -> None:
        """Another player may be reached elsewhere now."""
        if not self._over:
            self._mesh.candidatesChanged(player, candidates)

    def stepReceived(self, player: int, attempt: bytes, kind: int) -> None:
        """The lobby carried a step of another player to us."""
        if not self._over:
            self._mesh.stepReceived(player, attempt, kind)

    def offered(self, candidates: tuple[Candidate, ...]) -> None:
        """Our own candidates changed."""
        self._candidates = candidates
        if not self._over:
            self._mesh.offered(candidates)

    def packetReceived(self, player: int, packet: PeerPacket) -> None:
        """See L{IMeshListener}; packets of frames mean nothing here."""
        if isinstance(packet, LogBody):
            self.shared.messageReceived(player, packet.body)
            self._watch()

    def messageReceived(self, player: int, stream: int, message: bytes) -> None:
        """See L{IMeshListener}."""
        self._part.messageReceived(player, stream, message)
        self._watch()

    def pathChanged(self, player: int, path: Path | None) -> None:
        """See L{IMeshListener}."""
        first = path is not None and not self.connected_players and self.state is None
        self._part.pathChanged(player, path)
        if first:
            self._limit = self._clock.seconds() + self._settings.sync_timeout
            self._watch()

    def peerReturned(self, player: int) -> None:
        """See L{IMeshListener}."""
        self._part.returned(player)

    def channelFailed(self, player: int) -> None:
        """See L{IMeshListener}: the link is made anew, and tells of it."""

    def channelRestarted(self, player: int) -> None:
        """See L{IMeshListener}: what the log has sent may be lost."""
        self._part.returned(player)

    def introduced(self, member: TicketMember) -> None:
        """See L{IMeshListener}."""
        self.memberJoined(member)

    def sendStep(self, player: int, attempt: bytes, kind: int) -> None:
        """See L{IMeshListener}."""
        self._sendStep(player, attempt, kind)

    def transferNotice(self, player: int, body: bytes) -> None:
        """See L{IMeshListener}: there are no states of frames here."""

    def transferEnded(self, player: int, ended: TransferEnded) -> None:
        """See L{IMeshListener}: no transfers are begun here."""

    def _departed(self, player: int) -> None:
        self._mesh.removePeer(player)
        self._part.removed(player)

    def _watch(self) -> None:
        """See whether the session is known now, or how long it may still take."""
        if self._ready.called or self._over:
            return
        if self.state is None:
            self._limit_alarm.set(self._limit)
        else:
            self._limit_alarm.cancel()
            self._ready.callback(self)

    def _tooLate(self) -> None:
        reached = bool(self.connected_players)
        settings = self._settings
        if reached:
            self._end(SyncTimeout(settings.sync_timeout))
        else:
            self._end(PeerTimeout(settings.peer_timeout))

    def _end(self, error: GamenetError | CommandRefused | None) -> None:
        """It is over for us."""
        if self._over:
            return
        self._over, self._error = True, error
        why = "we left" if error is None else str(error)
        self._log.info("session {s} is over: {why}", s=self.match_id.hex(), why=why)
        self._limit_alarm.cancel()
        self._part.close(why)
        self._mesh.close()
        if not self._ready.called:
            self._ready.errback(error or MatchEnded("we left before the session was known"))
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self._fire(each)

    def _fire(self, waiting: Deferred[None]) -> None:
        if self._error is None:
            waiting.callback(None)
        else:
            waiting.errback(self._error)
