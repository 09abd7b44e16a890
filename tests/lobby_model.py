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

__all__ = ["LobbyModel", "ModelClient", "ModelSession"]

Outcome = list[tuple[str, bytes, Any]]

#: The sessions, the seats and the candidates that the model allows.
SESSIONS = 3
CAPACITY = 4
CANDIDATES = 3


@define
class ModelClient:
    """A client: whether it is greeted, what it offered, where it was seen."""

    greeted: bool = False
    offered: tuple[Any, ...] = ()
    seen: Any = None
    sequence: int = -1
    heard: tuple[float, int] = (0.0, 0)


@define
class ModelSession:
    """A session: its members in joining order, and who plays as which number."""

    members: list[bytes]
    capacity: int
    minimum: int
    playing: list[bytes] = field(factory=list)
    match_id: bytes = b""


@define
class LobbyModel:
    """The whole lobby."""

    clients: dict[bytes, ModelClient] = field(factory=dict)
    sessions: dict[str, ModelSession] = field(factory=dict)
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
        if request in ("LeaveSession", "StartMatch", "SendStep", "EndMatch") and not seated:
            return RefusalCode.NOT_SEATED
        if request in ("StartMatch", "EndMatch") and standing.endswith("GUEST"):
            return RefusalCode.NOT_HOST
        if request == "StartMatch" and standing == "PLAYING_HOST":
            return RefusalCode.MATCH_RUNNING
        if request in ("SendStep", "EndMatch") and not standing.startswith("PLAYING"):
            return RefusalCode.NO_SUCH_MATCH
        return None

    def hello(self, client: bytes, versions: tuple[int, int], good_name: bool) -> Outcome:
        if not versions[0] <= 1 <= versions[1]:
            del self.clients[client]
            return [
                ("refused", client, RefusalCode.UNSUPPORTED_VERSION),
                ("Close", client, None),
            ]
        if not good_name:
            return [("refused", client, RefusalCode.BAD_NAME)]
        self.clients[client].greeted = True
        return [
            ("Welcome", client, None),
            ("SessionList", client, self.listed()),
            ("ClientGreeted", client, None),
        ]

    def listed(self) -> list[tuple[str, int, bool]]:
        """Return what a list shows: id, members, whether it is playing; joinable ones first."""
        lines = [
            (session_id, len(session.members), bool(session.match_id), session.capacity)
            for session_id, session in self.sessions.items()
        ]
        first = [line[:3] for line in lines if not line[2] and line[1] < line[3]]
        return first + [line[:3] for line in lines if line[2] or line[1] >= line[3]]

    def create(
        self, client: bytes, session_id: str, capacity: int, minimum: int, good_title: bool
    ) -> Outcome:
        if not good_title:
            return [("refused", client, RefusalCode.BAD_NAME)]
        if capacity > CAPACITY or minimum > capacity or minimum < 2:
            return [("refused", client, RefusalCode.BAD_SETTING)]
        if len(self.sessions) == SESSIONS:
            return [("refused", client, RefusalCode.TOO_MANY)]
        self.sessions[session_id] = ModelSession([client], capacity, minimum)
        return [
            ("OfferRelay", client, None),
            ("SessionState", client, (True, [client], "open")),
            ("ListChanged", b"", None),
            ("SessionCreated", client, [client]),
        ]

    def join(self, client: bytes, session_id: str) -> Outcome:
        session = self.sessions.get(session_id)
        if session is None:
            return [("refused", client, RefusalCode.NO_SUCH_SESSION)]
        if session.match_id:
            return [("refused", client, RefusalCode.MATCH_RUNNING)]
        if len(session.members) == session.capacity:
            return [("refused", client, RefusalCode.SESSION_FULL)]
        others = list(session.members)
        session.members.append(client)
        members = list(session.members)
        return [
            ("OfferRelay", client, None),
            ("SessionState", client, (True, members, "open")),
            *(("SessionState", other, (False, members, "open")) for other in others),
            ("ListChanged", b"", None),
            ("MemberJoined", client, members),
        ]

    def vacate(self, client: bytes) -> Outcome:
        """Return what happens when a client's seat is free, however that came to be."""
        session_id = self.sessionOf(client)
        if session_id is None:
            return []
        session = self.sessions[session_id]
        closing = session.members[0] == client and not session.match_id
        session.members.remove(client)
        outcome: Outcome = [("MemberLeft", client, None), ("ListChanged", b"", None)]
        if closing:
            for guest in session.members:
                outcome += [("SessionClosed", guest, session_id), ("MemberLeft", guest, None)]
            session.members = []
        if session.members:
            state = "playing" if session.match_id else "open"
            view = (False, list(session.members), state)
            outcome += [("SessionState", other, view) for other in session.members]
        else:
            del self.sessions[session_id]
        return outcome

    def start(self, client: bytes, match_id: bytes) -> Outcome:
        session = self.sessions[self.sessionOf(client) or ""]
        if len(session.members) < session.minimum:
            return [("refused", client, RefusalCode.TOO_FEW_PLAYERS)]
        session.match_id = match_id
        session.playing = list(session.members)
        outcome: Outcome = [("Done", client, None), ("ListChanged", b"", None)]
        candidates = [self.candidates(member) for member in session.playing]
        for player, member in enumerate(session.playing, 1):
            ticket = (player, list(session.playing), candidates)
            outcome.append(("MatchTicket", member, ticket))
            outcome.append(("SessionState", member, (False, list(session.members), "playing")))
            outcome.append(("MatchStarted", member, player))
        return outcome

    def end(self, client: bytes, match_id: bytes) -> Outcome:
        session = self.sessions[self.sessionOf(client) or ""]
        if session.match_id != match_id:
            return [("refused", client, RefusalCode.NO_SUCH_MATCH)]
        session.match_id = b""
        outcome: Outcome = [("Done", client, None), ("ListChanged", b"", None)]
        for member in session.members:
            outcome.append(("SessionState", member, (False, list(session.members), "open")))
            outcome.append(("MatchOver", member, match_id))
        return outcome

    def candidates(self, client: bytes) -> tuple[Any, ...]:
        """Return what a ticket says of where a client can be reached."""
        record = self.clients[client]
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
        news = (session.playing.index(client) + 1, self.candidates(client))
        return [
            ("CandidatesChanged", other, news) for other in session.members if other != client
        ]

    def step(self, client: bytes, match_id: bytes, player: int) -> Outcome:
        session = self.sessions[self.sessionOf(client) or ""]
        if session.match_id != match_id:
            return [("refused", client, RefusalCode.NO_SUCH_MATCH)]
        target = session.playing[player - 1] if player <= len(session.playing) else None
        if target is None or target == client or target not in session.members:
            return [("refused", client, RefusalCode.NO_SUCH_PLAYER)]
        return [
            ("Done", client, None),
            ("Step", target, session.playing.index(client) + 1),
        ]

    def heartbeat(self, client: bytes, sequence: int, address: Any) -> Outcome | None:
        record = self.clients[client]
        if not record.greeted or sequence <= record.sequence:
            return None
        before = self.candidates(client)
        record.sequence = sequence
        record.seen = address
        return [] if self.candidates(client) == before else self.tellCandidates(client)

    def gone(self, client: bytes) -> Outcome:
        """Return what happens when a client's stream ends."""
        outcome = self.vacate(client)
        if self.clients.pop(client).greeted:
            outcome.append(("ClientLost", client, None))
        return outcome

    def silent(self, now: float, greeting: float, timeout: float) -> Outcome:
        """Return what happens when everybody who was silent for too long is lost."""
        outcome: Outcome = []
        for greeted, limit in ((False, greeting), (True, timeout)):
            late = [
                (record.heard, client)
                for client, record in self.clients.items()
                if record.greeted is greeted and now - record.heard[0] >= limit
            ]
            for _, client in sorted(late):
                outcome.append(("Close", client, None))
                outcome += self.gone(client)
        return outcome
