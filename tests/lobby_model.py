"""
What the lobby's directory should do, in the plainest words: lists and dicts,
searched from end to end.  The directory is compared with it.

Every answer is a list of C{(kind, client, detail)}: what is sent to whom, who is
closed, which moments happen.  C{("refused", client, code)} stands alone.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

from gamenet.wire.lobby_messages import RefusalCode
from tests.lobby_model_values import ModelClient, ModelSession

__all__ = ["LobbyModel", "ModelClient", "ModelSession"]

Outcome = list[tuple[str, bytes, Any]]

#: The sessions, the seats and the candidates that the model allows.
SESSIONS = 3
CAPACITY = 4
CANDIDATES = 3

NEEDS_A_SEAT = (
    "LeaveSession", "StartMatch", "SendStep", "EndMatch", "OfferResult", "ReportHost"
)


@define
class LobbyModel:
    """The whole lobby."""

    clients: dict[bytes, ModelClient] = field(factory=dict)
    departed: dict[bytes, ModelClient] = field(factory=dict)
    sessions: dict[str, ModelSession] = field(factory=dict)
    results: dict[bytes, dict[int, bytes]] = field(factory=dict)
    signs_of_life: int = 0

    def heard(self, client: bytes, now: float) -> None:
        """Note when a client was heard; signs of life at one time keep their order."""
        self.signs_of_life += 1
        self.clients[client].heard = (now, self.signs_of_life)

    def sessionOf(self, client: bytes) -> str | None:
        """Return where a client sits."""
        for session_id, session in self.sessions.items():
            if client in session.members:
                return session_id
        return None

    def standing(self, client: bytes) -> str:
        """Return one of the six words of L{gamenet.lobby.standing.Standing}."""
        if not self.clients[client].greeted:
            return "STRANGER"
        session_id = self.sessionOf(client)
        if session_id is None:
            return "GREETED"
        session = self.sessions[session_id]
        role = "HOST" if session.members[0] == client else "GUEST"
        return f"PLAYING_{role}" if session.match_id else role

    def refusalByStanding(self, client: bytes, request: str) -> RefusalCode | None:
        """Return how a request is refused whatever it says."""
        standing = self.standing(client)
        if standing == "STRANGER":
            return None if request == "Hello" else RefusalCode.NOT_GREETED
        if request == "Hello":
            return RefusalCode.ALREADY_GREETED
        seated = standing != "GREETED"
        if request in ("CreateSession", "JoinSession") and seated:
            return RefusalCode.ALREADY_SEATED
        if request in NEEDS_A_SEAT and not seated:
            return RefusalCode.NOT_SEATED
        if request in ("StartMatch", "EndMatch") and standing.endswith("GUEST"):
            return RefusalCode.NOT_HOST
        if request == "StartMatch" and standing == "PLAYING_HOST":
            return RefusalCode.MATCH_RUNNING
        if request in ("SendStep", "EndMatch", "ReportHost") and not standing.startswith("PLAYING"):
            return RefusalCode.NO_SUCH_MATCH
        return None

    def hello(self, client: bytes, versions: tuple[int, int], good_name: bool) -> Outcome:
        if versions[0] > 2:
            del self.clients[client]
            return [
                ("refused", client, RefusalCode.UNSUPPORTED_VERSION),
                ("Close", client, None),
            ]
        if not good_name:
            return [("refused", client, RefusalCode.BAD_NAME)]
        self.clients[client].greeted = True
        self.clients[client].version = min(versions[1], 2)
        return [
            ("Welcome", client, None),
            ("SessionList", client, self.listed()),
            ("ClientGreeted", client, None),
        ]

    def modern(self, session: ModelSession) -> bool:
        """Return whether all members speak the version that knows of late joining."""
        return all(self.clients[member].version > 1 for member in session.members)

    def joinable(self, session: ModelSession) -> bool:
        """Return whether somebody can sit down."""
        if session.match_id:
            return session.nextNumber() is not None and self.modern(session)
        return self.seated(session) < session.capacity

    def seated(self, session: ModelSession) -> int:
        """Return how many players sit in a session."""
        return sum(self.clients[member].players for member in session.members)

    def told(self, session: ModelSession) -> list[tuple[bytes, int]]:
        """Return what members are told of one another: who, and how many play there."""
        return [(member, self.clients[member].players) for member in session.members]

    def listed(self) -> list[tuple[str, int, bool, bool]]:
        """Return what a list shows: id, members, whether playing, and joinable; those first."""
        lines = [
            (session_id, self.seated(session), bool(session.match_id), self.joinable(session))
            for session_id, session in self.sessions.items()
        ]
        return [line for line in lines if line[3]] + [line for line in lines if not line[3]]

    def create(
        self,
        client: bytes,
        session_id: str,
        capacity: int,
        minimum: int,
        good_title: bool,
        players: int,
    ) -> Outcome:
        if not good_title:
            return [("refused", client, RefusalCode.BAD_NAME)]
        if capacity > CAPACITY or minimum > capacity or minimum < 1:
            return [("refused", client, RefusalCode.BAD_SETTING)]
        bad = self.refusalOfPlayers(client, players, [], capacity)
        if bad is not None:
            return [("refused", client, bad)]
        if len(self.sessions) == SESSIONS:
            return [("refused", client, RefusalCode.TOO_MANY)]
        self.clients[client].players = players
        self.sessions[session_id] = ModelSession([client], capacity, minimum)
        return [
            ("OfferRelay", client, None),
            ("SessionState", client, (True, [(client, players)], "open")),
            ("ListChanged", b"", None),
            ("SessionCreated", client, [(client, players)]),
        ]

    def refusalOfPlayers(
        self, client: bytes, players: int, others: list[bytes], capacity: int
    ) -> RefusalCode | None:
        """Return why so many cannot play at one client, together with others."""
        if players > 4:
            return RefusalCode.BAD_SETTING
        together = [client, *others]
        several = players > 1 or any(self.clients[other].players > 1 for other in others)
        if players > 1 and self.clients[client].version == 1:
            return RefusalCode.UNSUPPORTED_VERSION
        if players > capacity:
            return RefusalCode.BAD_SETTING
        if several and any(self.clients[each].version == 1 for each in together):
            return RefusalCode.UNSUPPORTED_VERSION
        return None

    def join(self, client: bytes, session_id: str, players: int) -> Outcome:
        session = self.sessions.get(session_id)
        if session is None:
            return [("refused", client, RefusalCode.NO_SUCH_SESSION)]
        if session.match_id and not (self.clients[client].version > 1 and self.modern(session)):
            return [("refused", client, RefusalCode.MATCH_RUNNING)]
        bad = self.refusalOfPlayers(client, players, session.members, session.capacity)
        if bad is not None:
            return [("refused", client, bad)]
        fits = self.seated(session) + players <= session.capacity
        if session.match_id:
            fits = session.nextNumber(players) is not None
        if not fits:
            return [("refused", client, RefusalCode.SESSION_FULL)]
        others = list(session.members)
        self.clients[client].players = players
        session.members.append(client)
        members = self.told(session)
        state = "playing" if session.match_id else "open"
        outcome: Outcome = [
            ("OfferRelay", client, None),
            ("SessionState", client, (True, members, state)),
            *(("SessionState", other, (False, members, state)) for other in others),
            ("ListChanged", b"", None),
            ("MemberJoined", client, members),
        ]
        if session.match_id:
            player = session.take(client, players)
            joined = (session.numbersOf(player), client, self.candidates(client))
            outcome.append(("MatchTicket", client, self.ticket(session, player, True)))
            outcome.append(("MatchStarted", client, player))
            outcome += [("PlayerJoined", other, joined) for other in others]
        return outcome

    def ticket(self, session: ModelSession, player: int, late: bool) -> Any:
        """Return what a ticket says: all numbers that are somebody's, with who and where."""
        kept = {session.lowest[n] for n, state in session.became.items() if state != "left"}
        members = [(session.numbersOf(n), session.playing[n]) for n in sorted(kept)]
        candidates = [self.candidates(client) for _, client in members]
        return player, members, candidates, session.capacity, late

    def vacate(self, client: bytes, lost: float | None = None) -> Outcome:
        """
        Return what happens when a client's seat is free, however that came to be.

        @param lost: When the client was lost; C{None} for one that left.
        """
        session_id = self.sessionOf(client)
        if session_id is None:
            return []
        session = self.sessions[session_id]
        closing = session.members[0] == client and not session.match_id
        session.members.remove(client)
        outcome: Outcome = [("MemberLeft", client, None), ("ListChanged", b"", None)]
        if session.match_id:
            number = session.numberOf(client)
            for each in session.numbersOf(number):
                session.became[each] = "left" if lost is None else "lost"
                session.lost_at[each] = lost or 0.0
            outcome += [("PlayerLeft", other, number) for other in session.members]
        if closing:
            for guest in session.members:
                outcome += [("SessionClosed", guest, session_id), ("MemberLeft", guest, None)]
            session.members = []
        if session.members:
            state = "playing" if session.match_id else "open"
            view = (False, self.told(session), state)
            outcome += [("SessionState", other, view) for other in session.members]
        else:
            del self.sessions[session_id]
        return outcome

    def start(self, client: bytes, match_id: bytes) -> Outcome:
        session = self.sessions[self.sessionOf(client) or ""]
        if self.seated(session) < session.minimum:
            return [("refused", client, RefusalCode.TOO_FEW_PLAYERS)]
        session.match_id = match_id
        session.playing, session.became, session.lowest = {}, {}, {}
        for member in session.members:
            session.take(member, self.clients[member].players)
        session.epoch, session.reported = (1, 1), ()
        outcome: Outcome = [("Done", client, None), ("ListChanged", b"", None)]
        for member in session.members:
            player = session.numberOf(member)
            outcome.append(("MatchTicket", member, self.ticket(session, player, False)))
            outcome.append(("SessionState", member, (False, self.told(session), "playing")))
            outcome.append(("MatchStarted", member, player))
        return outcome

    def end(self, client: bytes, match_id: bytes) -> Outcome:
        session = self.sessions[self.sessionOf(client) or ""]
        if session.match_id != match_id:
            return [("refused", client, RefusalCode.NO_SUCH_MATCH)]
        session.before = (match_id, session.playing, session.reported, session.lowest)
        session.match_id = b""
        outcome: Outcome = [("Done", client, None), ("ListChanged", b"", None)]
        for member in session.members:
            outcome.append(("SessionState", member, (False, self.told(session), "open")))
            outcome.append(("MatchOver", member, match_id))
        return outcome

    def candidates(self, client: bytes) -> tuple[Any, ...]:
        """Return what a ticket says of where a client can be reached."""
        record = self.clients.get(client) or self.departed[client]
        direct = [address for kind, address in record.offered if kind != "relayed"]
        if record.seen is not None and direct and record.seen not in direct:
            return (*record.offered, ("server_reflexive", record.seen))
        return record.offered

    def offer(self, client: bytes, candidates: tuple[Any, ...]) -> Outcome:
        if len(candidates) > CANDIDATES:
            return [("refused", client, RefusalCode.TOO_MANY)]
        self.clients[client].offered = candidates
        return [("Done", client, None), *self.tellCandidates(client)]

    def tellCandidates(self, client: bytes) -> Outcome:
        """Return who is told that a player can be reached elsewhere."""
        session_id = self.sessionOf(client)
        if session_id is None or not self.sessions[session_id].match_id:
            return []
        session = self.sessions[session_id]
        news = (session.numberOf(client), self.candidates(client))
        return [
            ("CandidatesChanged", other, news) for other in session.members if other != client
        ]

    def step(self, client: bytes, match_id: bytes, player: int) -> Outcome:
        session = self.sessions[self.sessionOf(client) or ""]
        if session.match_id != match_id:
            return [("refused", client, RefusalCode.NO_SUCH_MATCH)]
        target = session.playing.get(player)
        named = target is not None and session.lowest[player] == player
        if not named or target == client or session.became[player] != "playing":
            return [("refused", client, RefusalCode.NO_SUCH_PLAYER)]
        return [
            ("Done", client, None),
            ("Step", target or b"", session.numberOf(client)),
        ]

    def reportHost(
        self, client: bytes, match_id: bytes, epoch: tuple[int, int], players: tuple[int, ...]
    ) -> Outcome:
        session = self.sessions[self.sessionOf(client) or ""]
        if session.match_id != match_id:
            return [("refused", client, RefusalCode.NO_SUCH_MATCH)]
        if session.numberOf(client) != epoch[1]:
            return [("refused", client, RefusalCode.NOT_HOST)]
        if any(session.lowest.get(player) != player for player in players):
            return [("refused", client, RefusalCode.NO_SUCH_PLAYER)]
        if epoch < session.epoch:
            return [("refused", client, RefusalCode.STALE_EPOCH)]
        session.epoch, session.reported = epoch, players
        outcome: Outcome = [("Done", client, None), ("HostReported", client, (epoch, players))]
        freed = session.freeNumbers()
        moved = session.members[0] != client
        if moved:
            session.members.remove(client)
            session.members.insert(0, client)
            view = (False, self.told(session), "playing")
            outcome += [("SessionState", member, view) for member in session.members]
        if moved or freed:
            outcome.append(("ListChanged", b"", None))
        return outcome

    def offerResult(
        self, client: bytes, match_id: bytes, result: bytes, signers: tuple[int, ...]
    ) -> Outcome:
        session = self.sessions[self.sessionOf(client) or ""]
        running = (session.match_id, session.playing, session.reported, session.lowest)
        for known in (running, session.before):
            if known and known[0] == match_id and client in known[1].values():
                break
        else:
            return [("refused", client, RefusalCode.NO_SUCH_MATCH)]
        _, playing, reported, lowest = known
        if any(lowest.get(signer) != signer for signer in signers):
            return [("refused", client, RefusalCode.NO_SUCH_PLAYER)]
        player = lowest[[number for number, other in playing.items() if other == client][-1]]
        offered = self.results.setdefault(match_id, {})
        offered[player] = result
        missing = tuple(n for n in reported or sorted({*lowest.values()}) if n not in signers)
        differs = len(set(offered.values())) > 1
        return [
            ("Done", client, None),
            ("ResultOffered", client, (player, result, missing, differs)),
        ]

    def heartbeat(self, client: bytes, sequence: int, address: Any) -> Outcome | None:
        record = self.clients[client]
        if not record.greeted or sequence <= record.sequence:
            return None
        before = self.candidates(client)
        record.sequence = sequence
        record.seen = address
        return [] if self.candidates(client) == before else self.tellCandidates(client)

    def gone(self, client: bytes, now: float) -> Outcome:
        """Return what happens when a client's stream ends."""
        outcome = self.vacate(client, now)
        self.departed[client] = self.clients.pop(client)
        if self.departed[client].greeted:
            outcome.append(("ClientLost", client, None))
        return outcome

    def silent(self, now: float, greeting: float, timeout: float, grace: float) -> Outcome:
        """Return what happens when everybody who was silent for too long is lost."""
        outcome: Outcome = []
        freed = False
        for session in self.sessions.values():
            for number, state in session.became.items():
                late = session.match_id and state == "lost"
                if late and now - session.lost_at[number] >= grace:
                    session.became[number] = "over"
            freed = (bool(session.match_id) and session.freeNumbers()) or freed
        if freed:
            outcome.append(("ListChanged", b"", None))
        for greeted, limit in ((False, greeting), (True, timeout)):
            late = [
                (record.heard, client)
                for client, record in self.clients.items()
                if record.greeted is greeted and now - record.heard[0] >= limit
            ]
            for _, client in sorted(late):
                outcome.append(("Close", client, None))
                outcome += self.gone(client, now)
        return outcome
