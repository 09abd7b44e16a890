"""
A bad neighbor: everything under "Bad input" that one machine can send, in an order
drawn from the world's seed, while others play.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from gamenet.interfaces import Address
from gamenet.seeded_random import SeededRandom
from gamenet.wire.canonical_cbor import encode
from gamenet.wire.framing import FRAME_LIMIT, FrameBuffer, frame
from gamenet.wire.heartbeats import encodeHeartbeat
from gamenet.wire.lobby_messages import (
    Answer,
    CreateSession,
    EndMatch,
    Hello,
    JoinSession,
    LeaveSession,
    ListSessions,
    MatchTicket,
    Request,
    SendStep,
    StartMatch,
    Welcome,
    decodeAnswer,
    encodeMessage,
)
from gamenet.wire.stun import MessageClass, StunMessage
from gamenet.wire.stun import encode as encodeStun
from gamenet.wire.stun_attributes import NONCE, REALM, USERNAME
from gamenet.wire.turn import ALLOCATE, REQUESTED_TRANSPORT, encodeTransport
from gamenet.world.machine import WorldMachine

__all__ = ["Mallory"]

_NO_SESSION = "0" * 16


class BadClient(Protocol):
    """A stream to the lobby that says what it is told to, and keeps the answers."""

    transport: ITransport

    def __init__(self, script: list[bytes | Callable[[BadClient], bytes]]) -> None:
        self.script = script
        self.answers: list[Answer] = []
        self.session_id = _NO_SESSION
        self.match_id = bytes(16)
        self._buffer = FrameBuffer()

    def connectionMade(self) -> None:
        """Say everything that needs no answer first."""
        self._goOn()

    def dataReceived(self, data: bytes) -> None:
        """Keep the answer, and say the next thing."""
        for payload in self._buffer.feed(data):
            answer = decodeAnswer(payload)
            self.answers.append(answer)
            if isinstance(answer, MatchTicket):
                self.match_id = answer.match_id
            view = getattr(answer, "view", None)
            if view is not None:
                self.session_id = view.session_id
            if getattr(answer, "request", 0) or isinstance(answer, Welcome):
                self._goOn()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Be gone."""
        self.script = []

    def say(self, data: bytes) -> None:
        """Say something at once."""
        if self.transport is not None:
            self.transport.write(data)

    def _goOn(self) -> None:
        if self.script:
            saying = self.script.pop(0)
            self.transport.write(saying if isinstance(saying, bytes) else saying(self))


def _said(request: Request) -> bytes:
    return frame(encodeMessage(request))


def _hello(number: int = 1) -> bytes:
    return _said(Hello(number, 1, 1, "Mallory", bytes(32), bytes(32)))


class Mallory:
    """
    One machine that sends everything it should not.

    @ivar clients: Its streams to the lobby.
    """

    def __init__(self, machine: WorldMachine, random: SeededRandom) -> None:
        self.machine = machine
        self.random = random
        self.clients: list[BadClient] = []
        self.socket = machine.openDatagramSocket(lambda data, address: None)

    def misbehave(
        self,
        lobby: str,
        lobby_udp: Address,
        relay: Address,
        running_session: str,
        victim_id: bytes,
        players: list[Address],
    ) -> None:
        """Send it all, in an order drawn from the seed."""
        streams = [*self._badStreams(running_session), self._guestThatStarts]
        datagrams = self._badDatagrams(lobby_udp, relay, victim_id, players)
        acts: list[Callable[[], object]] = [
            *(self._streamAct(lobby, stream) for stream in streams),
            *(self._datagramAct(data, address) for data, address in datagrams),
        ]
        self.random.shuffle(acts)
        for place, act in enumerate(acts):
            self.machine.clock.callLater(place * 0.05, act)

    def _badStreams(
        self, running_session: str
    ) -> list[list[bytes | Callable[[BadClient], bytes]]]:
        name_too_long = encode([1, 1, 1, 1, "x" * 33, bytes(32), bytes(32)])
        name_of_controls = encode([1, 1, 1, 1, "Mal\x07lory", bytes(32), bytes(32)])
        return [
            [frame(b"\x9f\x01\xff")],
            [frame(b"\xa2\x61a\x01\x61a\x02")],
            [frame(encodeMessage(ListSessions(1))[:-1])],
            [frame(encode([99, 1])), _hello()],
            [(FRAME_LIMIT + 1).to_bytes(4, "big") + b"much too long"],
            [frame(name_too_long)],
            [frame(name_of_controls)],
            [_said(ListSessions(1)), _hello(2)],
            [_hello(), _hello(2)],
            [_said(Hello(1, 7, 9, "Mallory", bytes(32), bytes(32)))],
            [_hello(), _said(CreateSession(2, "nobody fits", 0, 0))],
            [_hello(), b"".join(_said(ListSessions(number)) for number in range(2, 80))],
            [
                _hello(),
                _said(EndMatch(2, bytes(16))),
                _said(CreateSession(3, "no match is on", 2, 2)),
                _said(EndMatch(4, bytes(16))),
            ],
            [_hello(), _said(JoinSession(2, _NO_SESSION)), _said(JoinSession(3, running_session))],
            [
                _hello(),
                _said(CreateSession(2, "nobody comes", 2, 2)),
                _said(StartMatch(3)),
                _said(CreateSession(4, "a second seat", 2, 2)),
                _said(LeaveSession(5)),
                _said(LeaveSession(6)),
            ],
        ]

    def _guestThatStarts(self, lobby: str) -> None:
        """Three streams: one hosts, another joins it and starts, the last finds it full."""

        def join(client: BadClient) -> bytes:
            return _said(JoinSession(2, host.session_id))

        guest = BadClient(
            [_hello(), join, _said(StartMatch(3))]
        )
        late = BadClient([_hello(), join])
        host = BadClient([_hello(), _said(CreateSession(2, "two of a kind", 2, 2))])
        self._connect(lobby, host)
        self.machine.clock.callLater(1.0, self._connect, lobby, guest)
        self.machine.clock.callLater(2.5, self._connect, lobby, late)
        later = self.machine.clock.callLater
        later(4.0, host.say, _said(StartMatch(3)))
        later(4.5, lambda: host.say(_said(SendStep(4, host.match_id, 9, bytes(16), 1))))

    def _badDatagrams(
        self, lobby: Address, relay: Address, victim_id: bytes, players: list[Address]
    ) -> list[tuple[bytes, Address]]:
        allocate = StunMessage(
            ALLOCATE,
            MessageClass.REQUEST,
            self.random.drawBytes(12),
            (
                (REQUESTED_TRANSPORT, encodeTransport()),
                (USERNAME, b"9999999999:mallory"),
                (REALM, b"gamenet"),
                (NONCE, b"made up"),
            ),
        )
        lying = bytes.fromhex("0001 0ffc 2112a442") + self.random.drawBytes(12)
        sealed = b"\xc4" + self.random.drawBytes(60)
        return [
            (encodeHeartbeat(bytes(32), victim_id, 2**40), lobby),
            (encodeHeartbeat(bytes(32), bytes(8), 7), lobby),
            (b"\xc0" + self.random.drawBytes(9), lobby),
            (lying, lobby),
            (b"\x7fnothing", lobby),
            (lying, relay),
            (encodeStun(allocate, bytes(16)), relay),
            (b"\x40\x00\x00\x04abcd", relay),
            *((sealed, address) for address in players),
        ]

    def _streamAct(
        self,
        lobby: str,
        stream: list[bytes | Callable[[BadClient], bytes]] | Callable[[str], None],
    ) -> Callable[[], object]:
        if callable(stream):
            return lambda: stream(lobby)
        return lambda: self._connect(lobby, BadClient(list(stream)))

    def _datagramAct(self, data: bytes, address: Address) -> Callable[[], object]:
        return lambda: self.socket.send(data, address)

    def _connect(self, lobby: str, client: BadClient) -> None:
        self.clients.append(client)
        factory = Factory.forProtocol(lambda: client)  # type: ignore[arg-type]
        connecting = self.machine.streamClientEndpoint(lobby).connect(factory)
        connecting.addErrback(lambda failure: None)

    def stop(self) -> None:
        """Hang up everywhere."""
        for client in self.clients:
            if client.transport is not None:
                client.transport.loseConnection()
        self.socket.close()
