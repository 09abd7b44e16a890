"""
A relay on a network in memory, with clients that speak raw STUN or our own client.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from gamenet.interfaces import Address, IDatagramSocket
from gamenet.relay.protocol import RelayServer
from gamenet.relay.settings import RelaySettings
from gamenet.turn_client.client import RelayedSocket, TurnClient
from gamenet.wire.stun import MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import ERROR_CODE, NONCE, decodeErrorCode, decodeXorAddress
from gamenet.wire.turn import ALLOCATE, LIFETIME, XOR_RELAYED_ADDRESS, encodeLifetime
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername
from tests.memory_machine import MemoryMachine, MemoryNetwork
from tests.relay_desk import (
    SECRET,
    Attributes,
    allocateAttributes,
    channelAttributes,
    peerAttribute,
    signedRequest,
    usernameOf,
)

__all__ = ["GONE", "RELAY", "Peer", "RawClient", "Scene", "outcomeOf"]

RELAY: Address = ("203.0.113.2", 3478)
#: What makes a Refresh a deletion.
GONE: Attributes = ((LIFETIME, encodeLifetime(0)),)


def outcomeOf(deferred: Deferred[object]) -> list[object]:
    """Return a list that will hold what a Deferred fires with, a value or an exception."""
    seen: list[object] = []
    deferred.addCallbacks(seen.append, lambda failure: seen.append(failure.value))
    return seen


class RawClient:
    """
    A socket that speaks STUN by hand.

    @ivar received: What came to it.
    """

    def __init__(self, scene: Scene, host: str, user: str = "alice") -> None:
        self.scene = scene
        self.user = user
        self.received: list[bytes] = []
        machine = scene.network.machine(host)
        self.socket: IDatagramSocket = machine.openDatagramSocket(self._receive)
        self.address: Address = (host, self.socket.address[1])
        self.nonce = b""
        self._transactions = 0

    def _receive(self, data: bytes, address: Address) -> None:
        assert address == RELAY, address
        self.received.append(data)

    def nextId(self) -> bytes:
        """Return a transaction id that this client has not used."""
        self._transactions += 1
        return self._transactions.to_bytes(12, "big")

    def put(self, data: bytes) -> None:
        """Send bytes to the relay, and let them arrive."""
        self.socket.send(data, RELAY)
        self.scene.network.settle()

    def ask(self, method: int, attributes: Attributes = (), transaction_id: bytes = b"") -> int:
        """Put a request, with a nonce of this moment; return the answer's error code, or 0."""
        bare = StunMessage(ALLOCATE, MessageClass.REQUEST, self.nextId(), allocateAttributes())
        self.put(encode(bare))
        challenge = decode(self.received[-1])
        self.nonce = challenge.first(NONCE) or b""
        self.put(
            signedRequest(
                method,
                attributes,
                usernameOf(self.user, 1e6),
                self.nonce,
                transaction_id or self.nextId(),
            )
        )
        answer = self.answer()
        if answer.message_class is MessageClass.SUCCESS:
            return 0
        return decodeErrorCode(answer.first(ERROR_CODE) or b"").code

    def answer(self) -> StunMessage:
        """Return the newest message."""
        return decode(self.received[-1])

    def allocate(self, attributes: Attributes = ()) -> Address:
        """Make an allocation; return its relayed address."""
        code = self.ask(ALLOCATE, (*allocateAttributes(), *attributes))
        assert code == 0, code
        answer = self.answer()
        return decodeXorAddress(answer.first(XOR_RELAYED_ADDRESS) or b"", answer.transaction_id)

    def permit(self, *peers: Address) -> int:
        """Put a CreatePermission."""
        transaction_id = self.nextId()
        attributes = tuple(peerAttribute(peer, transaction_id) for peer in peers)
        return self.ask(0x008, attributes, transaction_id)

    def bind(self, number: int, peer: Address) -> int:
        """Put a ChannelBind."""
        transaction_id = self.nextId()
        attributes = channelAttributes(number, peer, transaction_id)
        return self.ask(0x009, attributes, transaction_id)


class Peer:
    """
    A plain UDP socket somewhere.

    @ivar received: What came, and from where.
    """

    def __init__(self, scene: Scene, host: str = "198.51.100.50") -> None:
        self.received: list[tuple[bytes, Address]] = []
        self.scene = scene
        self.socket = scene.network.machine(host).openDatagramSocket(
            lambda data, source: self.received.append((data, source))
        )
        self.address: Address = (host, self.socket.address[1])

    def send(self, data: bytes, address: Address) -> None:
        """Send a datagram and let it arrive."""
        self.socket.send(data, address)
        self.scene.network.settle()


class Scene:
    """
    A network with one relay.

    @ivar network: The network.
    @ivar machine: The relay's machine.
    @ivar server: The relay, started.
    """

    def __init__(self, settings: RelaySettings | None = None, seed: int = 1) -> None:
        self.network = MemoryNetwork(seed)
        self.machine = self.network.machine(RELAY[0])
        self.server = RelayServer(self.machine, settings or RelaySettings((SECRET,)))
        self.server.start()

    def dropped(self) -> dict[str, int]:
        """Return why the relay dropped what it dropped, without the zeros."""
        return {
            reason.value: count
            for reason, count in self.server.counters.dropped.items()
            if count
        }

    def relayedPorts(self) -> list[int]:
        """Return the ports that the relay has open beside its listener."""
        return sorted(port for port in self.machine.sockets if port != RELAY[1])

    def turnClient(
        self, machine: MemoryMachine, user: str = "alice", seconds: float = 3600.0
    ) -> TurnClient:
        """Return one of our clients on a socket of its own."""
        username = ephemeralUsername(int(machine.wallClock() + seconds), user)
        return TurnClient(
            machine,
            lambda receiver: machine.openDatagramSocket(receiver, machine.host),
            RELAY,
            username,
            ephemeralPassword(SECRET, username),
        )

    def allocated(
        self, client: TurnClient, received: list[tuple[bytes, Address]] | None = None
    ) -> RelayedSocket:
        """Return an allocation of a client, made at once."""
        inbox = [] if received is None else received
        outcome = outcomeOf(client.allocate(lambda data, peer: inbox.append((data, peer))))
        self.network.settle()
        (socket,) = outcome
        assert isinstance(socket, RelayedSocket), socket
        return socket
