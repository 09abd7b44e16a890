"""
What happens in and to sessions: create, join, leave, start, end, and what
members pass to one another while they play.

The rows N2 to N7 of the seed and N14's order of players.  Whoever calls has made
sure, by L{gamenet.lobby.standing.REFUSALS}, that the client's standing allows
the request; what depends on its content is checked here.
"""

from __future__ import annotations

from attrs import define, field

from gamenet.lobby.effects import (
    Effect,
    Effects,
    ListChanged,
    MatchOver,
    MatchStarted,
    MemberJoined,
    MemberLeft,
    OfferRelay,
    Send,
    SessionCreated,
)
from gamenet.lobby.seating import Client, Match, Session
from gamenet.lobby.settings import LobbySettings
from gamenet.lobby.standing import Refusal
from gamenet.lobby.ticket import candidatesChanged, ticketsFor
from gamenet.wire.lobby_messages import (
    MATCH_ID_BYTES,
    TITLE_LIMIT,
    CreateSession,
    Done,
    EndMatch,
    JoinSession,
    LeaveSession,
    OfferCandidates,
    RefusalCode,
    SendStep,
    SessionClosed,
    SessionList,
    StartMatch,
    Step,
    nameProblem,
)

__all__ = ["MINIMUM_PLAYERS", "Sessions"]

#: The fewest players that a session can ask for before it starts (N5).
MINIMUM_PLAYERS = 2


@define(eq=False)
class Sessions:
    """
    Every session of a lobby.

    @ivar settings: The limits.
    @ivar by_id: The sessions by their ids, in the order they were created.
    """

    settings: LobbySettings
    by_id: dict[str, Session] = field(init=False, factory=dict)

    def listing(self, request: int = 0) -> SessionList:
        """
        Return the list: sessions that can be joined first, then the others,
        each in the order they were created (N2).

        @param request: The request it answers; 0 for a push.
        """
        limit = self.settings.list_limit
        ordered = [session for session in self.by_id.values() if session.joinable]
        if len(ordered) < limit:
            ordered += [session for session in self.by_id.values() if not session.joinable]
        summaries = tuple(session.summary() for session in ordered[:limit])
        return SessionList(request=request, sessions=summaries, total=len(self.by_id))

    def create(self, client: Client, request: CreateSession, entropy: bytes) -> Effects:
        """
        Register a session with the client as its host (N3).

        @param entropy: 8 random bytes, for its id.
        @raise Refusal: A bad title or numbers that cannot be, or too many sessions.
        """
        problem = nameProblem(request.title, TITLE_LIMIT)
        if problem is not None:
            raise Refusal(RefusalCode.BAD_NAME, f"the title {problem}")
        highest = self.settings.capacity_limit
        if not MINIMUM_PLAYERS <= request.minimum <= request.capacity <= highest:
            raise Refusal(
                RefusalCode.BAD_SETTING,
                f"a session has at most {highest} seats, and its minimum is from "
                f"{MINIMUM_PLAYERS} to its capacity",
            )
        if len(self.by_id) >= self.settings.sessions_limit:
            raise Refusal(RefusalCode.TOO_MANY, "the lobby has no room for another session")
        number = int.from_bytes(entropy, "big")
        while (session_id := f"{number:016x}") in self.by_id:
            number = (number + 1) % (1 << 64)
        session = Session(
            session_id=session_id,
            title=request.title,
            capacity=request.capacity,
            minimum=request.minimum,
        )
        self.by_id[session_id] = session
        session.add(client)
        return (
            OfferRelay(client.client_id, session.session_id),
            Send(client.client_id, session.stateMessage(request.request)),
            ListChanged(),
            SessionCreated(client.client_id, session.view()),
        )

    def join(self, client: Client, request: JoinSession) -> Effects:
        """
        Give the client a seat, and everybody in the session its new state (N4).

        @raise Refusal: The session is gone, full, or playing.
        """
        session = self.by_id.get(request.session_id)
        if session is None:
            raise Refusal(RefusalCode.NO_SUCH_SESSION, "that session is gone")
        if session.match is not None:
            raise Refusal(RefusalCode.MATCH_RUNNING, "that session is already playing")
        if session.full:
            raise Refusal(RefusalCode.SESSION_FULL, "every seat of that session is taken")
        others = tuple(session.members)
        session.add(client)
        return (
            OfferRelay(client.client_id, session.session_id),
            Send(client.client_id, session.stateMessage(request.request)),
            *(Send(other, session.stateMessage()) for other in others),
            ListChanged(),
            MemberJoined(client.client_id, session.view()),
        )

    def leave(self, client: Client, request: LeaveSession) -> Effects:
        """Take the client's seat back because it asks for that (N6, N7)."""
        done = Send(client.client_id, Done(request=request.request))
        return (done, *self.vacate(client, "left"))

    def vacate(self, client: Client, how: str) -> Effects:
        """
        Take a client out of its session, if it sits in one.

        Before a match the session goes with its host (N6); while it is played
        the next member in joining order takes the role.  A guest just goes, and
        the others are told (N7).

        @param how: What the client did, to follow "the host" in a sentence.
        """
        session = client.session
        if session is None:
            return ()
        dissolved = session.host is client and session.match is None
        session.remove(client)
        effects: list[Effect] = []
        moments: list[Effect] = [MemberLeft(client.client_id, session.session_id, how)]
        if dissolved:
            reason = f"the host {how}"
            for guest in tuple(session.members.values()):
                session.remove(guest)
                closed = SessionClosed(session_id=session.session_id, reason=reason)
                effects.append(Send(guest.client_id, closed))
                moments.append(MemberLeft(guest.client_id, session.session_id, reason))
        if session.members:
            effects.extend(Send(other, session.stateMessage()) for other in session.members)
        else:
            del self.by_id[session.session_id]
        return (*effects, ListChanged(), *moments)

    def start(self, client: Client, request: StartMatch, entropy: bytes) -> Effects:
        """
        Begin the match, and send every member its ticket (N5).

        @param entropy: 24 random bytes: L{MATCH_ID_BYTES} for the match's id, 8 for its seed.
        @raise Refusal: There are fewer players than the minimum.
        """
        session = client.seat
        missing = session.minimum - len(session.members)
        if missing > 0:
            raise Refusal(
                RefusalCode.TOO_FEW_PLAYERS,
                f"{session.minimum} players are needed, {missing} more than there are",
            )
        session.match = Match(match_id=entropy[:MATCH_ID_BYTES], players=tuple(session.members))
        seed = int.from_bytes(entropy[MATCH_ID_BYTES:], "big")
        tickets = ticketsFor(session, session.match, seed)
        return (
            Send(client.client_id, Done(request=request.request)),
            *(Send(member, ticket) for member, ticket in tickets),
            *(Send(member, session.stateMessage()) for member in session.members),
            ListChanged(),
            *(MatchStarted(member, ticket) for member, ticket in tickets),
        )

    def end(self, client: Client, request: EndMatch) -> Effects:
        """
        Return the session to its open state after a match.

        @raise Refusal: Another match runs than the one named.
        """
        session = client.seat
        if session.running.match_id != request.match_id:
            raise Refusal(RefusalCode.NO_SUCH_MATCH)
        session.match = None
        return (
            Send(client.client_id, Done(request=request.request)),
            *(Send(member, session.stateMessage()) for member in session.members),
            ListChanged(),
            *(MatchOver(member, request.match_id) for member in session.members),
        )

    def offer(self, client: Client, request: OfferCandidates) -> Effects:
        """
        Keep what the client says of where it can be reached, for tickets; tell
        the others at once while a match runs.

        @raise Refusal: More candidates than the limit.
        """
        limit = self.settings.candidates_limit
        if len(request.candidates) > limit:
            raise Refusal(RefusalCode.TOO_MANY, f"at most {limit} candidates can be offered")
        client.offered = request.candidates
        done = Send(client.client_id, Done(request=request.request))
        return (done, *self.tellCandidates(client))

    def tellCandidates(self, client: Client) -> Effects:
        """Tell the other players of a running match where the client can be reached."""
        session = client.session
        if session is None or session.match is None:
            return ()
        message = candidatesChanged(client, session.match)
        return tuple(Send(other, message) for other in session.members if other != client.client_id)

    def step(self, client: Client, request: SendStep) -> Effects:
        """
        Carry a traversal step to another player of the running match (H5).

        @raise Refusal: Another match runs, or nobody else there has that number.
        """
        session = client.seat
        match = session.running
        if match.match_id != request.match_id:
            raise Refusal(RefusalCode.NO_SUCH_MATCH)
        other = session.memberAt(request.player)
        if other is None or other is client:
            raise Refusal(RefusalCode.NO_SUCH_PLAYER, "no other player has that number")
        step = Step(
            match_id=match.match_id,
            player=match.playerOf(client.client_id),
            attempt=request.attempt,
            kind=request.kind,
        )
        return (
            Send(client.client_id, Done(request=request.request)),
            Send(other.client_id, step),
        )
