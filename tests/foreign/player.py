"""
A whole player, from the lobby to the signed result of a match of two, as the pages say it;
without a socket and a clock: bytes and the time come in, and what is to be sent is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.foreign import cbor, channel, lobby, log, packets, rules, seal
from tests.foreign.malformed import Malformed, require
from tests.foreign.play import Play

__all__ = ["ForeignPlayer"]

Address: TypeAlias = tuple[str, int]


class ForeignPlayer:
    """
    One player.

    @ivar stream: What the lobby is to be sent.
    @ivar datagrams: What is to be sent by the game socket, and where.
    @ivar refused: Why messages of others were refused.
    @ivar chat: What was said in the session, by player number.
    @ivar digests: How often the other's digest of the shared state was ours.
    @ivar terms: The other's rules one by one, where they are not ours.
    @ivar goodbye: Why the other stopped, C{None} before it did.
    @ivar result: The signed statement and the other's signature, at the end.
    """

    def __init__(self, name: str, session_id: str, address: Address, private: tuple[bytes, bytes],
                 random: Callable[[int], bytes], press: Callable[[int], bytes], game: Any,
                 frames: int, rules_name: str, shares: bool = False) -> None:
        """
        @param shares: Whether it takes part in a shared session without frames, as a guest.
        """
        self.stream, self.digests = b"", 0
        self.refused: list[str] = []
        self.chat: list[tuple[int, str]] = []
        self.terms: list[list[Any]] = []
        self.goodbye: int | None = None
        self.datagrams: list[tuple[bytes, Address]] = []
        self.result: tuple[bytes, bytes] | None = None
        self.play: Play | None = None
        self._name, self._session_id, self._address = name, session_id, address
        self._private, self._random, self._press, self._game = private, random, press, game
        self._frames, self._shares, self._next = frames, shares, 1
        self._digest = rules.rulesDigest(2, frames=frames, rules=rules_name)
        self._public = seal.publicKeys(*private)
        self._buffer = bytearray()
        self._request = 1
        self._title = ""
        self._ticket: list[Any] = []
        self._other: list[Any] = []
        self._link: seal.Link | None = None
        self._addresses: list[Address] = []
        self._checks: dict[bytes, tuple[Address, float]] = {}
        self._path: Address | None = None
        self._round_trip = 0.0
        self._flags = 2
        self._said = 0
        self._begins: float | None = None
        self._behind = float("-inf")
        self._due: dict[str, float] = {}
        self._receiver = channel.Receiver()
        self._sending: list[dict[str, Any]] = []
        self._numbers: dict[int, dict[str, Any]] = {}
        self._sent = self._packets = self._offset = 0
        self._state: log.State | None = None
        self._heard_at, self._their_sequence = -1.0, 0
        self._theirs: bytes = b""
        self._has_ours = False
        self._beat = 0
        self.ask(1, 1, 2, name, *self._public)

    # The lobby.

    def ask(self, number: int, *fields: Any) -> None:
        """Send a request."""
        self.stream += lobby.frame(lobby.encodeMessage(number, self._request, *fields))
        self._request += 1

    def streamReceived(self, data: bytes) -> None:
        """The lobby sent something."""
        self._buffer += data
        for payload in lobby.unframe(self._buffer):
            self._lobbySaid(*lobby.decodeMessage(payload))

    def _lobbySaid(self, number: int, *fields: Any) -> None:
        match number:
            case 64:
                self._client_id, self._heartbeat_key = fields[2:4]
                self._interval, self._udp_port = fields[4] / 1000, fields[6]
                self.ask(4, self._session_id)
            case 66:
                self.refused.append(f"{fields[1]}: {fields[2]}")
            case 68 if not self._title:
                self._title = fields[1][1]
                self.ask(7, [["host", list(self._address)]])
            case 71:
                self._begin(list(fields))
            case 72 if self._ticket and fields[0] == self._ticket[0]:
                self._addresses = [(host, port) for _, (host, port) in fields[2]]
            case 73 if self._link is not None:
                self._probe(0.0)

    def _begin(self, ticket: list[Any]) -> None:
        match_id, _, player, _, members, capacity, _ = ticket
        self._ticket = ticket
        self._other = next(each for each in members if each[0] != player)
        self._link = seal.deriveLink(
            self._private[0],
            (player, self._public[0], 0),
            (self._other[0], self._other[3], 0),
            match_id,
        )
        self._addresses = [(host, port) for _, (host, port) in self._other[5]]
        names = {each[0]: each[2] for each in members}
        if not self._shares:
            self._state = log.State.opened(match_id, self._title, names, capacity)
            self.command([7, f"hello from {self._name}"])

    # Datagrams.

    def _send(self, packet: bytes, address: Address | None = None) -> None:
        target = address or self._path
        if target is not None and self._link is not None:
            if packet[0] > 1:
                self._sent += 1
            self.datagrams.append((self._link.seal(packet), target))

    def _probe(self, now: float) -> None:
        for address in self._addresses if self._path is None else [self._path]:
            nonce = self._random(8)
            self._checks[nonce] = address, now
            self._send(packets.encodePacket("CHECK", nonce=nonce, loss=0, jitter=0,
                                            sent=self._sent), address)

    def datagramReceived(self, data: bytes, source: Address, now: float) -> None:
        """A datagram came to the game socket."""
        if data[:1] not in (b"\xc4", b"\xc6") or self._link is None:
            return
        try:
            kind, said = packets.decodePacket(self._link.open(data))
            self._heard_at = now
            self._packetReceived(kind, said, source, now)
        except Malformed as error:
            self.refused.append(str(error))

    def _packetReceived(self, kind: str, said: dict[str, Any], source: Address,
                        now: float) -> None:
        match kind:
            case "CHECK":
                clock = None if said["sent"] is None else round(now * 1e6)
                answer = packets.encodePacket("CHECK_ANSWER", nonce=said["nonce"], clock=clock)
                self._send(answer, source)
                if self._path is None and source not in self._addresses:
                    self._addresses.append(source)
            case "CHECK_ANSWER" if said["nonce"] in self._checks:
                address, sent_at = self._checks.pop(said["nonce"])
                self._path, self._round_trip = address, now - sent_at
            case "READY" if said["digest"] == self._digest:
                self._flags |= 1 | (4 if said["flags"] & 1 else 0)
                self._said |= said["flags"]
            case "TERMS":
                self.terms = said["terms"]
            case "GOODBYE":
                self.goodbye = said["reason"]
            case "COUNTDOWN":
                self._behind = max(self._behind, said["sent_at"] / 1e6 - now)
                offset = self._behind + self._round_trip / 2
                self._begins = said["begins_at"] / 1e6 - offset
                self._flags |= 8
            case "INPUTS" if self.play is not None and said["body"][0] < 0x10:
                self.play.received(said["body"])
            case "CHANNEL":
                self._channelReceived(said["body"], now)
            case "LOG":
                self._logReceived(log.decodeLogMessage(said["body"]))
            case "STATEMENT" if self.play is not None:
                self._has_ours = self._has_ours or said["flags"] == 1
                statement = packets.result(
                    self._ticket[0], said["last_frame"], said["checksum"], said["outcome"]
                )
                if seal.isSigned(self._other[4], statement, said["signature"]):
                    self._theirs = said["signature"]
                    self.result = statement, said["signature"]

    # The channel, and the log in it.

    def command(self, command: list[Any]) -> None:
        """Have the host do something; one at a time."""
        self._sendMessage(0, cbor.encode([2, self._next, command]))
        self._next += 1

    def _sendMessage(self, stream: int, message: bytes) -> None:
        content = len(message).to_bytes(4, "big") + message
        self._sending.append({"frame": "Piece", "stream": stream, "offset": self._offset,
                              "content": content})
        self._offset += len(content)

    def _channelReceived(self, body: bytes, now: float) -> None:
        number, acknowledgement, _ = channel.decodeBody(body)
        if acknowledgement is not None:
            for low, high in acknowledgement["ranges"]:
                for each in [each for each in self._numbers if low <= each <= high]:
                    piece = self._numbers.pop(each)
                    if piece in self._sending:
                        self._sending.remove(piece)
        for stream, message in self._receiver.received(body, now):
            if stream == 0:
                self._logReceived(log.decodeLogMessage(message))
            elif stream == 3:
                packets.decodeMeshMessage(message)
        if number is not None:
            told = channel.encodeBody(None, self._receiver.acknowledgement(now), [])
            self._send(packets.encodePacket("CHANNEL", body=told))

    def _logReceived(self, message: list[Any]) -> None:
        state = self._state
        if state is None:
            if message[0] == 7:
                state = self._state = log.State(cbor.decode(message[1]))
                self.command([1, self._name])
            return
        match message:
            case [1, epoch, sequence, _, digest, *_]:
                self._their_sequence = sequence
                if epoch == state.parts[3] and sequence == state.parts[4]:
                    require(log.digestOf(state.encoded())[:8] == digest, "another state")
                    self.digests += 1
            case [3, events, _]:
                for event in events:
                    if event[1] == state.parts[4] + 1:
                        state = self._state = state.applied(cbor.encode(event))
                        if event[6][0] == 9:
                            self.chat.append((event[6][1], event[6][2]))
                        if self._shares and event[6] == [1, self._ticket[2], self._name]:
                            self.command([7, f"hello from {self._name}"])

    def _status(self, now: float) -> bytes:
        heard = 1 << self._other[0] - 1 if now - self._heard_at < 2 else 0
        if self._state is None:
            return cbor.encode([1, [0, 0], 0, 0, bytes(8), heard, self._next, [0, 0]])
        parts = self._state.parts
        unanswered = self._next - (not self.chat)
        acknowledged = min(parts[4], self._their_sequence)
        digest = log.digestOf(self._state.encoded())[:8]
        return cbor.encode([1, parts[3], parts[4], acknowledged, digest, heard, unanswered, [0, 0]])

    # Time.

    def _isDue(self, what: str, interval: float, now: float) -> bool:
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + interval
        return True

    def tick(self, now: float) -> None:
        """Do what is due; called some hundred times a second."""
        if hasattr(self, "_client_id") and self._isDue("heartbeat", self._interval, now):
            self._beat += 1
            data = lobby.heartbeat(self._heartbeat_key, self._client_id, self._beat)
            self.datagrams.append((data, ("lobby", self._udp_port)))
        if self._link is None:
            return
        if self._isDue("check", 0.2, now):
            self._probe(now)
        if self._path is None:
            return
        if self._isDue("status", 0.25, now):
            self._send(packets.encodePacket("LOG", body=self._status(now)))
        if self._sending and self._isDue("resend", 0.3, now):
            for piece in self._sending:
                self._packets += 1
                self._numbers[self._packets] = piece
                body = channel.encodeBody(self._packets, b"", [piece])
                self._send(packets.encodePacket("CHANNEL", body=body))
        if self._shares:
            return
        if self.play is None:
            self._beforePlay(now)
        else:
            self._playing(self.play, now)

    def _beforePlay(self, now: float) -> None:
        if self._isDue("ready", 0.1, now):
            self._send(packets.encodePacket("READY", digest=self._digest, flags=self._flags))
        if self._begins is not None and now >= self._begins:
            self.play = Play(self._ticket[2], self._frames, 30, self._press, self._game)

    def _playing(self, play: Play, now: float) -> None:
        assert self._begins is not None
        if not self._isDue("frame", 1 / 60, now):
            return
        play.due(int((now - self._begins) * 60))
        self._send(packets.encodePacket("INPUTS", body=play.packet()))
        if play.confirmed == self._frames - 1 and self._isDue("goodbye", 0.05, now):
            outcome = b"a draw"
            statement = packets.result(self._ticket[0], play.confirmed, play.checksum, outcome)
            signature = Ed25519PrivateKey.from_private_bytes(self._private[1]).sign(statement)
            self._send(packets.encodePacket(
                "STATEMENT", flags=int(bool(self._theirs)), last_frame=play.confirmed,
                checksum=play.checksum, signature=signature, outcome=outcome,
            ))
            self._send(packets.encodePacket(
                "GOODBYE", reason=0, last_confirmed_frame=play.confirmed
            ))
