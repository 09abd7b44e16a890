"""
What a player asks of the lobby, beyond the connection itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred

from gamenet.errors import RequestRefused
from gamenet.lobby.client_stream import LobbyStream
from gamenet.wire.lobby_messages import (
    Candidate,
    CreateSession,
    Done,
    EndMatch,
    JoinSession,
    LeaveSession,
    ListSessions,
    OfferCandidates,
    OfferResult,
    RefusalCode,
    RelayCredentials,
    ReportHost,
    Request,
    ResultSignature,
    SendStep,
    SessionList,
    SessionState,
    SessionSummary,
    SessionView,
    StartMatch,
)

__all__ = ["SEVERAL_SINCE", "LobbyRequests"]

#: The version of the protocol since which several can play at one client.
SEVERAL_SINCE = 2


class LobbyRequests:
    """
    The requests of a L{gamenet.lobby.client.LobbyClient}, and what it knows of sessions.

    Each of them fails with L{gamenet.errors.RequestRefused},
    L{gamenet.errors.RequestTimedOut} or L{gamenet.errors.LobbyLost}.

    @ivar sessions: The newest list.
    @ivar sessions_total: How many sessions there are, those beyond the list included.
    @ivar session: Where we sit, or C{None}.
    @ivar relay_credentials: What came with the seat, or C{None}.  The relay
        outlives the lobby, so they stay when the connection is lost.
    @ivar version: The version of the protocol that is spoken with the lobby; 0 before that
        is known.
    """

    def __init__(self, stream: LobbyStream) -> None:
        """
        @param stream: What the requests leave by.
        """
        self.sessions: tuple[SessionSummary, ...] = ()
        self.sessions_total = 0
        self.session: SessionView | None = None
        self.relay_credentials: RelayCredentials | None = None
        self.version = 0
        self._stream = stream

    def listSessions(self) -> Deferred[tuple[SessionSummary, ...]]:
        """
        Ask for the list (N2).  It is pushed anyway whenever it changes.

        @return: Fires with C{sessions}.
        """
        return Deferred.fromCoroutine(self._listSessions())

    def createSession(
        self, title: str, capacity: int = 2, minimum: int = 2, players: int = 1
    ) -> Deferred[SessionView]:
        """
        Create a session and sit in it as its host (N3).

        @param title: What the list shall say.
        @param capacity: How many can sit in it.
        @param minimum: How many it takes to start.
        @param players: How many play here, each in a seat of their own; 1 to
            L{gamenet.wire.lobby_messages.LOCAL_PLAYERS_LIMIT}.
        @return: Fires with C{session}.
        """
        return Deferred.fromCoroutine(
            self._sit(
                lambda number: CreateSession(number, title, capacity, minimum, players), players
            )
        )

    def joinSession(self, session_id: str, players: int = 1) -> Deferred[SessionView]:
        """
        Sit in a session (N4).  Where its match runs already the ticket comes by
        C{matchStarting}, after the seat.

        @param session_id: Which, from the list; one that is C{joinable}.
        @param players: As for L{createSession}; refused as C{SESSION_FULL} where there are
            not so many free seats, or, in a match that runs, not so many numbers one after
            the other.
        @return: Fires with C{session}.
        """
        return Deferred.fromCoroutine(
            self._sit(lambda number: JoinSession(number, session_id, players), players)
        )

    def leaveSession(self) -> Deferred[None]:
        """Get up from the session (N6, N7)."""
        return Deferred.fromCoroutine(self._leaveSession())

    def startMatch(self) -> Deferred[None]:
        """
        Start the match, as the host (N5).  The ticket comes by
        C{matchStarting}, to us as to everybody.
        """
        return Deferred.fromCoroutine(self._do(StartMatch))

    def offerCandidates(self, candidates: Iterable[Candidate]) -> Deferred[None]:
        """
        Say where we can be reached, instead of what we said before.

        @param candidates: For the ticket, and for the others in a running match.
        """
        offered = tuple(candidates)
        return Deferred.fromCoroutine(self._do(lambda number: OfferCandidates(number, offered)))

    def sendStep(self, match_id: bytes, player: int, attempt: bytes, kind: int) -> Deferred[None]:
        """
        Send another player of the running match a traversal step (H5).

        @param match_id: Of the ticket, 16 bytes.
        @param player: To whom, by player number.
        @param attempt: Which attempt it belongs to, 16 bytes.
        @param kind: What it is, 0 to 255.
        """
        return Deferred.fromCoroutine(
            self._do(lambda number: SendStep(number, match_id, player, attempt, kind))
        )

    def endMatch(self, match_id: bytes) -> Deferred[None]:
        """
        Open the session again after a match, as the host.

        @param match_id: Of the ticket, 16 bytes.
        """
        return Deferred.fromCoroutine(self._do(lambda number: EndMatch(number, match_id)))

    def reportHost(
        self, match_id: bytes, epoch_number: int, epoch_host: int, players: Iterable[int]
    ) -> Deferred[None]:
        """
        Say that we are the host of the running match, and who plays: when we have become
        it, and whenever a player came or went for good.  The lobby's role of host follows.

        @param match_id: Of the ticket, 16 bytes.
        @param epoch_number: Our epoch's number, from 1.
        @param epoch_host: Our epoch's host, by player number: we.
        @param players: Who plays or is waited for, by player numbers, we among them.
        @return: Fails with C{STALE_EPOCH} where the lobby knows a host of a later epoch.
        """
        playing = tuple(sorted(players))
        return Deferred.fromCoroutine(
            self._do(
                lambda number: ReportHost(number, match_id, epoch_number, epoch_host, playing)
            )
        )

    def offerResult(
        self, match_id: bytes, result: bytes, signatures: Iterable[tuple[int, bytes]]
    ) -> Deferred[None]:
        """
        Give the lobby the result of the match, while it runs or after C{endMatch}.

        @param match_id: Of the ticket, 16 bytes.
        @param result: What the players signed, 1 to
            L{gamenet.wire.lobby_match_requests.RESULT_LIMIT} bytes.
        @param signatures: The player number and the 64 bytes of each signature that we have.
        """
        signed = tuple(ResultSignature(player, signature) for player, signature in signatures)
        return Deferred.fromCoroutine(
            self._do(lambda number: OfferResult(number, match_id, result, signed))
        )

    async def _listSessions(self) -> tuple[SessionSummary, ...]:
        """Ask for the list and keep it."""
        answer = await self._stream.ask(ListSessions, SessionList)
        self._listed(answer)
        return self.sessions

    async def _sit(self, build: Callable[[int], Request], players: int) -> SessionView:
        """Ask for a seat, or for several, and keep the view that comes with it."""
        if players > 1 and 0 < self.version < SEVERAL_SINCE:
            raise RequestRefused(
                RefusalCode.UNSUPPORTED_VERSION, "the lobby knows of one player at each client"
            )
        answer = await self._stream.ask(build, SessionState)
        self.session = answer.view
        return answer.view

    async def _leaveSession(self) -> None:
        """Ask to leave and forget what came with the seat."""
        await self._stream.ask(LeaveSession, Done)
        self._unseated()

    async def _do(self, build: Callable[[int], Request]) -> None:
        """Ask for something that is either done or refused."""
        await self._stream.ask(build, Done)

    def _listed(self, message: SessionList) -> None:
        """Keep the newest list."""
        self.sessions = message.sessions
        self.sessions_total = message.total

    def _unseated(self) -> None:
        """Forget the session and what came with it."""
        self.session = None
        self.relay_credentials = None
