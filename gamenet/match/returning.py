"""
The way back: a process that was in a match and is another one now, with nothing but its
resume secret; the lobby need not be there.

::

    session = await gamenet.match.rejoin(reactor, secret)
    result = await session.play(Tag(), TagPlayer())
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from gamenet.errors import GamenetError, MatchEnded
from gamenet.interfaces import (
    Address,
    IMachine,
    IPeerProtocol,
    IPicturedSimulation,
    ISessionProtocol,
    ISimulation,
)
from gamenet.machine.reactor_machine import asMachine
from gamenet.match.attachments import Attachments, IsMatchLog
from gamenet.match.match import Match
from gamenet.match.moments import requireMethods
from gamenet.match.participation import Entry
from gamenet.match.protocol import MatchResult
from gamenet.match.session_settings import SessionSettings
from gamenet.match.settings import MatchSettings
from gamenet.match.shared_match import SharedMatch
from gamenet.mesh.resume_secret import ResumeSecret, decodeResumeSecret
from gamenet.mesh.sockets import PlayerSockets
from gamenet.rollback.effects import EffectTracker
from gamenet.rollback.interpolation import PictureTrack
from gamenet.wire.lobby_values import HOST, RELAYED, SERVER_REFLEXIVE, Candidate

__all__ = ["ReturnedSession", "rejoin"]

#: Bytes of the seed of a fresh link key.
_LINK_SEED_BYTES = 32


def rejoin(
    reactor: object, resume_secret: bytes, *, interface: str = "", port: int = 0
) -> Deferred[ReturnedSession]:
    """
    Come back to a match.

    @param reactor: The reactor, or any L{IMachine}.
    @param resume_secret: What L{gamenet.match.match.Match.resumeSecret} returned in the
        process that was in the match before.
    @param interface: The numeric local address of the game socket; C{""} is all.
    @param port: The port of the game socket; 0 lets the system choose.
    @return: Fires with the L{ReturnedSession}; fails with
        L{gamenet.mesh.resume_secret.BadResumeSecret} or L{gamenet.errors.CannotBind}.
    """
    machine = asMachine(reactor)
    try:
        return succeed(
            ReturnedSession(machine, decodeResumeSecret(resume_secret), interface, port)
        )
    except GamenetError:
        failed: Deferred[ReturnedSession] = Deferred()
        failed.errback(Failure())
        return failed


class ReturnedSession:
    """
    A seat in a match that goes on, without the session and the lobby around it.  Made by
    L{rejoin}.

    @ivar match: The match being played, C{None} before and after.
    @ivar ended: Why there is nothing to play any more, C{None} while there is.
    """

    def __init__(
        self, machine: IMachine, resumed: ResumeSecret, interface: str, port: int
    ) -> None:
        """
        @param resumed: What our former process left.
        @raise gamenet.errors.CannotBind: The port is taken.
        """
        self.match: Match | SharedMatch | None = None
        self.ended: str | None = None
        self._machine = machine
        self._resumed = resumed
        self._interface = interface
        self._relay_only = resumed.relay_only or _hides(resumed)
        self._sockets = PlayerSockets(
            machine, interface, port, self._relayChanged, self._relay_only
        )
        if resumed.relay is not None:
            relay = resumed.relay
            self._sockets.allocate(relay.address, relay.username, relay.password)

    def play(
        self,
        simulation: ISimulation,
        protocol: IPeerProtocol,
        settings: MatchSettings | None = None,
        *,
        effects: EffectTracker | None = None,
        pictures: PictureTrack | None = None,
        replay: Callable[[bytes], object] | None = None,
        log: IsMatchLog | None = None,
    ) -> Deferred[MatchResult]:
        """
        Play on: the others' state is taken over, and our seat asked for.  Can be called
        once.

        @param settings: As in the process before.
        @return: As L{gamenet.match.session.Session.play}; everything is closed when it
            fires.
        """
        return Deferred.fromCoroutine(
            self._play(
                simulation,
                protocol,
                settings or MatchSettings(),
                Attachments(effects, pictures, replay, log),
            )
        )

    def share(
        self, protocol: ISessionProtocol, settings: SessionSettings | None = None
    ) -> Deferred[SharedMatch]:
        """
        Share on: the others tell us how the session stands.  Can be called once.

        @return: As L{gamenet.match.session.Session.share}; everything is closed when the
            session is over.
        """
        return Deferred.fromCoroutine(self._share(protocol, settings or SessionSettings()))

    def leave(self) -> Deferred[None]:
        """Leave the match; fires when goodbye is said.  No socket and no timer is left."""
        match = self.match
        if match is None:
            self._end("we left")
            return succeed(None)
        over = match.whenOver().addErrback(lambda _: None)
        match.leave()
        return over

    async def _play(
        self,
        simulation: ISimulation,
        protocol: IPeerProtocol,
        settings: MatchSettings,
        attachments: Attachments,
    ) -> MatchResult:
        pictured = attachments.pictures is not None
        requireMethods(simulation, IPicturedSimulation if pictured else ISimulation)
        requireMethods(protocol, IPeerProtocol)
        self._requireMatch()
        resumed = self._resumed
        try:
            match = self.match = Match(
                self._machine,
                resumed.ticket,
                resumed.keys(self._machine.randomBytes(_LINK_SEED_BYTES)),
                self._sockets,
                simulation,
                protocol,
                settings,
                attachments,
                self._candidates(),
                lambda player, attempt, kind: None,
                resumed,
            )
            return await match.play()
        finally:
            self._end("the match is over")

    async def _share(self, protocol: ISessionProtocol, settings: SessionSettings) -> SharedMatch:
        requireMethods(protocol, ISessionProtocol)
        self._requireMatch()
        resumed = self._resumed
        match = self.match = SharedMatch(
            self._machine,
            resumed.ticket,
            resumed.keys(self._machine.randomBytes(_LINK_SEED_BYTES)),
            self._sockets,
            protocol,
            settings,
            self._candidates(),
            lambda player, attempt, kind: None,
            Entry(),
            resumed,
        )
        match.whenOver().addBoth(lambda _: self._end("the session is over"))
        return await match.begin()

    def _requireMatch(self) -> None:
        """
        @raise MatchEnded: There is nothing to come back to.
        """
        if self.ended is not None or self.match is not None:
            raise MatchEnded(f"there is nothing to come back to: {self.ended or 'we are back'}")

    def _candidates(self) -> tuple[Candidate, ...]:
        """Return where we may be reached, as far as it is known without a lobby."""
        found = [Candidate(HOST, (self._ownHost(), self._sockets.demultiplexer.address[1]))]
        relayed = self._sockets.relayed
        if relayed is not None:
            found.append(Candidate(SERVER_REFLEXIVE, relayed.mapped_address))
            found.append(Candidate(RELAYED, relayed.address))
        hidden = self._relay_only
        return tuple(each for each in found if not hidden or each.kind == RELAYED)

    def _ownHost(self) -> str:
        """Return the local address that datagrams to the others leave from."""
        if self._interface not in ("", "0.0.0.0"):
            return self._interface
        towards: list[Address] = [
            candidate.address
            for member in self._resumed.ticket.members
            if member.player != self._resumed.ticket.player
            for candidate in member.candidates
        ]
        if self._resumed.relay is not None:
            towards.insert(0, self._resumed.relay.address)
        host, _ = towards[0] if towards else ("127.0.0.1", 0)
        return self._machine.sourceAddress(host)

    def _relayChanged(self) -> None:
        if self.match is not None:
            self.match.offered(self._candidates())

    def _end(self, why: str) -> None:
        if self.ended is None:
            self.ended = why
            self.match = None
            self._sockets.close()


def _hides(resumed: ResumeSecret) -> bool:
    """
    Return whether the process before offered nobody an address but the relay's: then this
    one does not either.
    """
    ticket = resumed.ticket
    ours = [member for member in ticket.members if member.player == ticket.player]
    offered = [candidate.kind for member in ours for candidate in member.candidates]
    return RELAYED in offered and all(kind == RELAYED for kind in offered)
