"""
What L{tests.lobby_directory_machine} stands on: how it asks, and compares the books.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from gamenet.lobby.directory import REQUEST_ENTROPY, Directory
from gamenet.lobby.effects import Effect
from gamenet.lobby.seating import Session
from gamenet.lobby.settings import LobbySettings
from gamenet.wire.lobby_messages import Request
from tests.lobby_effects_told import outcomeOf
from tests.lobby_model import CANDIDATES, CAPACITY, SESSIONS, LobbyModel, Outcome
from tests.lobby_model_values import ModelClient, ModelSession

__all__ = ["SETTINGS", "WRONG_MATCH", "DirectoryAsker"]

SETTINGS = LobbySettings(
    clients_limit=6,
    clients_per_address=6,
    sessions_limit=SESSIONS,
    capacity_limit=CAPACITY,
    candidates_limit=CANDIDATES,
    seat_grace=3.0,
    requests_per_second=1e6,
    requests_burst=10**6,
    refusals_per_second=1e6,
    refusals_burst=10**6,
)

NOBODY = "f" * 16
WRONG_MATCH = b"\xff" * 16


class DirectoryAsker(RuleBasedStateMachine):
    """A directory and its model, side by side."""

    directory: Directory
    model: LobbyModel
    now: float
    drawn: int

    #: How often each standing met each request, and how often each code refused.
    met: ClassVar[Counter[tuple[str, str]]] = Counter()
    refused: ClassVar[Counter[str]] = Counter()

    #: How often each thing happened that is not an answer; and the most numbers of a match.
    happened: ClassVar[Counter[str]] = Counter()
    most_numbers: ClassVar[list[int]] = [0]

    def draw(self, count: int) -> bytes:
        """Return bytes that differ each time."""
        self.drawn += 1
        return (self.drawn.to_bytes(8, "big") * 4)[:count]

    def someone(self, number: int) -> bytes:
        clients = list(self.model.clients)
        return clients[number % len(clients)]

    def someSession(self, number: int) -> str:
        sessions = [*self.model.sessions, NOBODY]
        return sessions[number % len(sessions)]

    def matchOf(self, client: bytes, right: bool) -> bytes:
        session_id = self.model.sessionOf(client)
        running = self.model.sessions[session_id].match_id if session_id else b""
        return running if running and right else WRONG_MATCH

    def compare(self, effects: tuple[Effect, ...], expected: Outcome) -> None:
        outcome = outcomeOf(effects)
        assert sorted(outcome, key=repr) == sorted(expected, key=repr), (outcome, expected)
        for kind, _, detail in outcome:
            self.happened[kind] += 1
            if kind == "refused":
                self.refused[detail.name] += 1
            elif kind == "MatchTicket" and detail[-1]:
                self.happened["late"] += 1
            elif kind == "ResultOffered" and detail[-1]:
                self.happened["differs"] += 1

    def request(self, client: bytes, message: Request, *expected: Any) -> None:
        """
        Ask for something, and compare.

        @param expected: The model's method for it and its arguments, used where
            the standing allows the request.
        """
        name = type(message).__name__
        self.met[self.model.standing(client), name] += 1
        assert self.directory.clients[client].standing.name == self.model.standing(client)
        entropy = self.draw(count) if (count := REQUEST_ENTROPY.get(type(message), 0)) else b""
        code = self.model.refusalByStanding(client, name)
        if self.model.clients[client].greeted:
            self.model.heard(client, self.now)
        effects = self.directory.request(client, message, self.now, entropy)
        if code is not None:
            self.compare(effects, [("refused", client, code)])
            return
        method, *arguments = expected
        known = {"session": f"{int.from_bytes(entropy[:8], 'big'):016x}", "match": entropy[:16]}
        expected_outcome = method(client, *(known.get(str(a), a) for a in arguments))
        if name == "Hello" and self.model.clients.get(client, ModelClient()).greeted:
            self.model.heard(client, self.now)
        self.compare(effects, expected_outcome)

    def matchesAgree(self, session: Session, expected: ModelSession) -> None:
        """Compare who has which number; no two members share one, and none is above the seats."""
        match = session.match
        assert (match is not None) == bool(expected.match_id)
        if match is None:
            return
        assert match.match_id == expected.match_id
        assert {n: c.client_id for n, c in match.players.items()} == expected.playing
        assert (match.epoch, match.reported) == (expected.epoch, expected.reported)
        free = sorted(n for n, state in expected.became.items() if state == "left")
        assert sorted(match.free) == free
        assert match.lowest == expected.lowest
        assert max(match.players) <= session.capacity
        numbers = [match.playerOf(member) for member in session.members.values()]
        assert len(set(numbers)) == len(numbers)
        self.most_numbers[0] = max(self.most_numbers[0], len(match.players))

    @invariant()
    def booksAgree(self) -> None:
        directory, model = self.directory, self.model
        results = directory.sessions.results
        assert list(directory.clients) == list(model.clients)
        sessions = directory.sessions.by_id
        assert list(sessions) == list(model.sessions)
        seated: list[bytes] = []
        for session_id, session in sessions.items():
            assert session.members, "a session without members"
            assert list(session.members) == model.sessions[session_id].members
            assert session.host is directory.clients[next(iter(session.members))]
            assert session.seated <= session.capacity
            assert all(member.session is session for member in session.members.values())
            seated += session.members
            self.matchesAgree(session, model.sessions[session_id])
        assert len(set(seated)) == len(seated), "a client in two sessions"
        for client_id, client in directory.clients.items():
            assert (client.session is not None) == (client_id in seated)
        kept = {match_id: results.of(match_id) for match_id in model.results}
        told = {m: {one.player: one.result for one in of} for m, of in kept.items()}
        assert told == model.results
        assert results.statements == sum(map(len, model.results.values()))
        listed = directory.sessions.listing()
        assert listed.total == len(sessions)
        assert sorted(s.session_id for s in listed.sessions) == sorted(sessions)
        greeted = [client for client, record in model.clients.items() if record.greeted]
        assert sorted(directory.greeted) == sorted(greeted)
