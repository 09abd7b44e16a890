"""
A directory under test, with words to fill it.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.directory import CLIENT_ENTROPY, REQUEST_ENTROPY, Directory
from gamenet.lobby.effects import Effects, Send
from gamenet.lobby.settings import LobbySettings
from gamenet.wire.lobby_messages import (
    Candidate,
    CreateSession,
    Hello,
    JoinSession,
    MatchTicket,
    RefusalCode,
    Refused,
    Request,
    SessionState,
    StartMatch,
)

__all__ = ["HOST_CANDIDATE", "SEEN", "DirectoryCase"]

HOST_CANDIDATE = Candidate("host", ("192.168.1.2", 5000))
SEEN = ("198.51.100.7", 40_000)


class DirectoryCase(SynchronousTestCase):
    """A directory, a clock and words to fill it with."""

    settings = LobbySettings()

    def setUp(self) -> None:
        self.directory = Directory(self.settings, udp_port=7771)
        self.now = 500.0
        self.entropy = 0

    def draw(self, count: int) -> bytes:
        self.entropy += 1
        return (self.entropy.to_bytes(8, "big") * 4)[:count]

    def connect(self, host: str = "198.51.100.1") -> bytes:
        return self.directory.connect(host, self.now, self.draw(CLIENT_ENTROPY))

    def ask(self, client_id: bytes, request: Request) -> Effects:
        entropy = self.draw(REQUEST_ENTROPY.get(type(request), 0))
        return self.directory.request(client_id, request, self.now, entropy)

    def greet(
        self, name: str = "Ada", host: str = "198.51.100.1", version: int = 2
    ) -> bytes:
        client_id = self.connect(host)
        number = len(self.directory.clients)
        self.ask(client_id, Hello(1, 1, version, name, bytes([number]) * 32, bytes([99]) * 32))
        return client_id

    def create(self, client_id: bytes, capacity: int = 2, minimum: int = 2) -> str:
        effects = self.ask(client_id, CreateSession(2, "a game", capacity, minimum))
        state = self.sent(effects, SessionState)[0][1]
        session_id: str = state.view.session_id
        return session_id

    def seat(self, count: int, capacity: int = 4) -> list[bytes]:
        """Return the ids of clients who sit in one session, the host first."""
        clients = [self.greet(f"player {number}") for number in range(count)]
        session_id = self.create(clients[0], capacity)
        for client_id in clients[1:]:
            self.ask(client_id, JoinSession(3, session_id))
        return clients

    def play(self, count: int) -> tuple[list[bytes], bytes]:
        """Return the ids of clients who play, and the match's id."""
        clients = self.seat(count)
        effects = self.ask(clients[0], StartMatch(4))
        return clients, self.sent(effects, MatchTicket)[0][1].match_id

    def sent(self, effects: Effects, kind: type | None = None) -> list[tuple[bytes, Any]]:
        return [
            (effect.client_id, effect.message)
            for effect in effects
            if isinstance(effect, Send) and (kind is None or isinstance(effect.message, kind))
        ]

    def assertRefused(self, effects: Effects, code: RefusalCode, request: int) -> None:
        """Check that one refusal is everything that happens."""
        self.assertEqual(len(effects), 1)
        refused = self.sent(effects)[0][1]
        self.assertEqual((type(refused), refused.code), (Refused, code))
        self.assertEqual(refused.request, request)
