"""
What happens in and to sessions: create, join, leave, start, end, and what
members say of the match that they play.

The rows N2 to N7 of the seed and N14's order of players.  Whoever calls has made
sure, by L{gamenet.lobby.standing.REFUSALS}, that the client's standing allows
the request; what depends on its content is checked here.
"""

from __future__ import annotations

from attrs import define, field

from gamenet.lobby.admission import requirePlayers, requireRoom, requireVersions
from gamenet.lobby.effects import (
    Effect,
    Effects,
    HostReported,
    ListChanged,
    MatchOver,
    MatchStarted,
    MemberJoined,
    MemberLeft,
    OfferRelay,
    ResultOffered,
    Send,
    SessionCreated,
)
from gamenet.lobby.presence import Presence
from gamenet.lobby.results import MatchResults, OfferedResult
from gamenet.lobby.seating import LATE_SINCE, Client, Match, Session
from gamenet.lobby.settings import LobbySettings
from gamenet.lobby.standing import Refusal
from gamenet.lobby.ticket import candidatesChanged, memberOf, ticketFor, ticketsFor
from gamenet.wire.lobby_messages import (
    MATCH_ID_BYTES,
    TITLE_LIMIT,
    CreateSession,
    Done,
    EndMatch,
    JoinSession,
    LeaveSession,
    OfferCandidates,
    OfferResult,
    PlayerJoined,
    PlayerLeft,
    RefusalCode,
    ReportHost,
    SendStep,
    SessionClosed,
    SessionList,
    StartMatch,
    Step,
    nameProblem,
)

__all__ = ["MINIMUM_PLAYERS", "Sessions"]

#: The fewest players that a session can ask for before it starts (N5).
MINIMUM_PLAYERS = 1


@define(eq=False)
class Sessions:
    """
    Every session of a lobby.

    @ivar settings: The limits.
    @ivar by_id: The sessions by their ids, in the order they were created.
    @ivar results: What players have offered of their matches.
    @ivar now: The newest time that the directory was told, monotonic seconds.
    """

    settings: LobbySettings
    by_id: dict[str, Session] = field(init=False, factory=dict)
    results: MatchResults = field(init=False)
    now: float = field(init=False, default=0.0)
    _kept_seats: Presence[tuple[str, int]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with none."""
        settings = self.settings
        self.results = MatchResults(settings.results_limit, settings.result_lifetime)
        self._kept_seats = Presence(settings.seat_grace)

    def sweep(self, now: float) -> Effects:
        """
        Free the seats of players who were lost for longer than C{seat_grace}, and forget
        results that are too old.

        @param now: Monotonic seconds.
        """
        self.results.sweep(now)
        changed = False
        for session_id, player in self._kept_seats.takeLost(now):
            changed = self.by_id[session_id].running.graceOver(player) or changed
        return (ListChanged(),) if changed else ()

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
        @raise Refusal: A bad title or numbers that cannot be, several players where the
            client's version knows of one, or too many sessions.
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
        requirePlayers(client, request.players, request.capacity)
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
        session.add(client, request.players)
        return (
            OfferRelay(client.client_id, session.session_id),
            Send(client.client_id, session.stateMessage(request.request)),
            ListChanged(),
            SessionCreated(client.client_id, session.view()),
        )

    def join(self, client: Client, request: JoinSession) -> Effects:
        """
        Give the client a seat, and everybody in the session its new state (N4).  Where a
        match runs it gets its ticket too, and the players learn of it.

        @raise Refusal: The session is gone, or has too few seats for all who play at the
            client; or it is playing where the client or a member speaks a version that knows
            no late joining; or several play at one client, and such a version is spoken.
        """
        session = self.by_id.get(request.session_id)
        if session is None:
            raise Refusal(RefusalCode.NO_SUCH_SESSION, "that session is gone")
        match = session.match
        if match is not None and (client.version < LATE_SINCE or not session.extensible):
            raise Refusal(RefusalCode.MATCH_RUNNING, "that session is already playing")
        requirePlayers(client, request.players, session.capacity)
        requireVersions(client, request.players, session)
        requireRoom(session, request.players)
        others = tuple(session.members)
        session.add(client, request.players)
        news: list[Effect] = []
        moments: list[Effect] = [MemberJoined(client.client_id, session.view())]
        if match is not None:
            player = match.take(client)
            ticket = ticketFor(session, match, player, late=True)
            joined = PlayerJoined(match.match_id, memberOf(player, client))
            news.append(Send(client.client_id, ticket))
            news.extend(Send(other, joined) for other in others)
            moments.append(MatchStarted(client.client_id, ticket))
        return (
            OfferRelay(client.client_id, session.session_id),
            Send(client.client_id, session.stateMessage(request.request)),
            *news,
            *(Send(other, session.stateMessage()) for other in others),
            ListChanged(),
            *moments,
        )

    def leave(self, client: Client, request: LeaveSession) -> Effects:
        """Take the client's seat back because it asks for that (N6, N7)."""
        done = Send(client.client_id, Done(request=request.request))
        return (done, *self.vacate(client, "left", lost=False))

    def vacate(self, client: Client, how: str, lost: bool) -> Effects:
        """
        Take a client out of its session, if it sits in one.

        Before a match the session goes with its host (N6); while it is played nothing ends:
        the next member in joining order takes the role until the match's own host
        reports, and the session stays while anybody is in it.  A guest just goes, and the
        others are told (N7).

        @param how: What the client did, to follow "the host" in a sentence.
        @param lost: Whether it is lost, so that its number in a match is kept for
            C{seat_grace}; else it leaves on purpose.
        """
        session = client.session
        if session is None:
            return ()
        match = session.match
        dissolved = session.host is client and match is None
        session.remove(client)
        effects: list[Effect] = []
        if match is not None:
            player = match.playerOf(client)
            match.giveUp(player, lost)
            if lost:
                self._kept_seats.heard((session.session_id, player), self.now)
            left = PlayerLeft(match.match_id, player)
            effects.extend(Send(other, left) for other in session.members)
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
            self._forgetKeptSeats(session)
            del self.by_id[session.session_id]
        return (*effects, ListChanged(), *moments)

    def _forgetKeptSeats(self, session: Session) -> None:
        """Keep no number of a match that is over, or that nobody in the lobby plays any more."""
        for player in () if session.match is None else session.match.kept:
            self._kept_seats.forget((session.session_id, player))

    def start(self, client: Client, request: StartMatch, entropy: bytes) -> Effects:
        """
        Begin the match, and send every member its ticket (N5).

        @param entropy: 24 random bytes: L{MATCH_ID_BYTES} for the match's id, 8 for its seed.
        @raise Refusal: There are fewer players than the minimum.
        """
        session = client.seat
        missing = session.minimum - session.seated
        if missing > 0:
            raise Refusal(
                RefusalCode.TOO_FEW_PLAYERS,
                f"{session.minimum} players are needed, {missing} more than there are",
            )
        session.match = Match(
            match_id=entropy[:MATCH_ID_BYTES],
            seed=int.from_bytes(entropy[MATCH_ID_BYTES:], "big"),
            capacity=session.capacity,
        )
        for member in session.members.values():
            session.match.take(member)
        tickets = ticketsFor(session, session.match)
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
        self._forgetKeptSeats(session)
        session.last_match, session.match = session.match, None
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
        other = match.clientAt(request.player)
        if other is None or other is client:
            raise Refusal(RefusalCode.NO_SUCH_PLAYER, "no other player has that number")
        step = Step(
            match_id=match.match_id,
            player=match.playerOf(client),
            attempt=request.attempt,
            kind=request.kind,
        )
        return (
            Send(client.client_id, Done(request=request.request)),
            Send(other.client_id, step),
        )

    def reportHost(self, client: Client, request: ReportHost) -> Effects:
        """
        Follow the match's own host: the role, and who plays (H9).

        @raise Refusal: Another match runs, the client reports another host than itself, or
            a later epoch is known.
        """
        session = client.seat
        match = session.running
        if match.match_id != request.match_id:
            raise Refusal(RefusalCode.NO_SUCH_MATCH)
        if match.playerOf(client) != request.epoch_host:
            raise Refusal(RefusalCode.NOT_HOST, "a host reports itself, and nobody else")
        if not all(match.isMember(player) for player in request.players):
            raise Refusal(RefusalCode.NO_SUCH_PLAYER, "this match never had such a player")
        epoch = (request.epoch_number, request.epoch_host)
        if epoch < match.epoch:
            number, host = match.epoch
            raise Refusal(
                RefusalCode.STALE_EPOCH, f"player {host} is the host, by epoch {number}"
            )
        freed = match.report(epoch, request.players)
        moved = session.host is not client
        if moved:
            session.putFirst(client)
        return (
            Send(client.client_id, Done(request=request.request)),
            *(Send(member, session.stateMessage()) for member in session.members if moved),
            *((ListChanged(),) if moved or freed else ()),
            HostReported(client.client_id, match.match_id, epoch, request.players),
        )

    def offerResult(self, client: Client, request: OfferResult) -> Effects:
        """
        Keep a result as it is offered, of the match that runs or of the one before.

        @raise Refusal: The client did not play in that match, or a signature is said to be of
            somebody who did not.
        """
        session = client.seat
        for match in (session.match, session.last_match):
            player = None if match is None else match.played(client)
            if match is not None and match.match_id == request.match_id and player is not None:
                break
        else:
            raise Refusal(RefusalCode.NO_SUCH_MATCH)
        if not all(match.isMember(signature.player) for signature in request.signatures):
            raise Refusal(RefusalCode.NO_SUCH_PLAYER, "this match never had such a player")
        offered = OfferedResult(
            match_id=match.match_id,
            player=player,
            result=request.result,
            signatures=request.signatures,
            players=match.reported or tuple(filter(match.isMember, sorted(match.players))),
        )
        self.results.keep(offered, self.now)
        return (
            Send(client.client_id, Done(request=request.request)),
            ResultOffered(client.client_id, offered, self.results.differs(match.match_id)),
        )
