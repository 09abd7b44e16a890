"""
A relay's decisions without its sockets, and requests to put to it.
"""

from __future__ import annotations

from gamenet.interfaces import Address
from gamenet.relay.allocating import Allocating
from gamenet.relay.allocation import Allocation
from gamenet.relay.allocation_table import AllocationTable
from gamenet.relay.authentication import Authenticator
from gamenet.relay.credentials import CredentialStore
from gamenet.relay.methods import TurnMethods
from gamenet.relay.nonce import NonceMint
from gamenet.relay.peer_policy import PeerPolicy, networks
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.refusal_budget import RefusalBudget
from gamenet.relay.requests import Outcome, RequestDesk
from gamenet.relay.reservation import ReservationTable
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import Effect
from gamenet.relay_plane.relayed_port import RelayedPort
from gamenet.wire.stun import MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    NONCE,
    REALM,
    USERNAME,
    decodeErrorCode,
    decodeXorAddress,
    encodeXorAddress,
)
from gamenet.wire.turn import (
    ALLOCATE,
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    CREATE_PERMISSION,
    DONT_FRAGMENT,
    IPV4_FAMILY,
    IPV6_FAMILY,
    REQUESTED_TRANSPORT,
    UNDERSTOOD_ATTRIBUTES,
    XOR_PEER_ADDRESS,
    XOR_RELAYED_ADDRESS,
    encodeChannelNumber,
    encodeTransport,
)
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername, longTermKey
from tests.told_plane import ToldPlane

__all__ = [
    "CLIENT",
    "OTHER_CLIENT",
    "PEER",
    "REALM_TEXT",
    "RELAY_HOST",
    "RELAY_HOST_IPV6",
    "SECRET",
    "Attributes",
    "Desk",
    "allocateAttributes",
    "answerOf",
    "channelAttributes",
    "codeOf",
    "flowOf",
    "keyOf",
    "peerAttribute",
    "relayedOf",
    "signedRequest",
    "usernameOf",
]

Attributes = tuple[tuple[int, bytes], ...]

SECRET = b"a secret of lobby and relay"
REALM_TEXT = "gamenet"
RELAY_HOST = "203.0.113.2"
RELAY_HOST_IPV6 = "2606:4700::2"
CLIENT: Address = ("198.51.100.7", 50000)
OTHER_CLIENT: Address = ("198.51.100.8", 50000)
PEER: Address = ("198.51.100.9", 60000)

_EPOCH = 1_700_000_000.0


def usernameOf(user: str, seconds: float = 86_400.0) -> str:
    """Return a username that expires so many seconds after the wall clock's beginning."""
    return ephemeralUsername(int(_EPOCH + seconds), user)


def signedRequest(
    method: int,
    attributes: Attributes,
    username: str,
    nonce: bytes,
    transaction_id: bytes,
    secret: bytes = SECRET,
    realm: str = REALM_TEXT,
) -> bytes:
    """Return a request as a client with that credential makes it."""
    key = longTermKey(username, realm, ephemeralPassword(secret, username))
    signed = (
        *attributes,
        (USERNAME, username.encode()),
        (REALM, realm.encode()),
        (NONCE, nonce),
    )
    message = StunMessage(method, MessageClass.REQUEST, transaction_id, signed)
    return encode(message, key)


def peerAttribute(peer: Address, transaction_id: bytes) -> tuple[int, bytes]:
    """Return an XOR-PEER-ADDRESS."""
    return (XOR_PEER_ADDRESS, encodeXorAddress(peer, transaction_id))


def allocateAttributes() -> Attributes:
    """Return what every Allocate has."""
    return ((REQUESTED_TRANSPORT, encodeTransport()),)


def channelAttributes(number: int, peer: Address, transaction_id: bytes) -> Attributes:
    """Return what every ChannelBind has."""
    return (
        (CHANNEL_NUMBER, encodeChannelNumber(number)),
        peerAttribute(peer, transaction_id),
    )


def codeOf(outcome: Outcome) -> int:
    """Return the error code of an answer that is one, 0 of a success."""
    assert outcome.answer is not None, outcome
    message = decode(outcome.answer)
    if message.message_class is MessageClass.SUCCESS:
        assert outcome.code == 0
        return 0
    code = decodeErrorCode(message.first(ERROR_CODE) or b"").code
    assert message.message_class is MessageClass.ERROR
    assert code == outcome.code
    return code


def keyOf(user: str = "alice") -> bytes:
    """Return what signs for a user with L{usernameOf}'s credential."""
    username = usernameOf(user)
    return longTermKey(username, REALM_TEXT, ephemeralPassword(SECRET, username))


def answerOf(outcome: Outcome) -> StunMessage:
    """Return the answer that there has to be."""
    assert outcome.answer is not None, outcome
    return decode(outcome.answer)


def relayedOf(outcome: Outcome) -> Address:
    """Return the relayed address that an Allocate was granted."""
    message = answerOf(outcome)
    return decodeXorAddress(message.first(XOR_RELAYED_ADDRESS) or b"", message.transaction_id)


def flowOf(client: Address | Flow) -> Flow:
    """Return the flow of a client: over UDP, where it is only an address."""
    return client if isinstance(client, Flow) else Flow(1, client)


class Desk:
    """
    A L{RequestDesk} whose ports are only numbers.

    @ivar now: The time that requests are put at.
    @ivar wall_offset: What the wall clock is ahead of it.
    @ivar opened: The relayed ports that are open, by number.
    @ivar plane: What a data plane was told.
    """

    def __init__(
        self,
        limits: AllocationLimits | None = None,
        allow_peer: tuple[str, ...] = (),
        secrets: tuple[bytes, ...] = (SECRET,),
        reservations: int = 4,
        last_channel: int = 0x4FFF,
        capacity: int = 1000,
        burst: float = 1e9,
        families: tuple[int, ...] = (IPV4_FAMILY, IPV6_FAMILY),
        dont_fragment: bool = True,
        realm: str = REALM_TEXT,
    ) -> None:
        hosts = (RELAY_HOST, RELAY_HOST_IPV6)
        policy = PeerPolicy(hosts, (3478,), networks(allow_peer))
        self.table = AllocationTable(policy, limits or AllocationLimits())
        self.counters = self.table.counters
        self.reservations = ReservationTable(reservations)
        self.nonces = NonceMint(bytes(32))
        allocating = Allocating(self.table, self.reservations, families)
        self.methods = TurnMethods(self.table, allocating, last_channel)
        self.desk = RequestDesk(
            Authenticator(CredentialStore(secrets, (), realm), self.nonces),
            self.methods,
            RefusalBudget(bytes(32), burst=burst),
            UNDERSTOOD_ATTRIBUTES - (set() if dont_fragment else {DONT_FRAGMENT}),
        )
        self.now = 1000.0
        self.wall_offset = _EPOCH - self.now
        self.capacity: dict[int, int] = dict.fromkeys((IPV4_FAMILY, IPV6_FAMILY), capacity)
        self.opened: dict[int, RelayedPort] = {}
        self.plane = ToldPlane(self.table)
        self._last = 0
        self._transactions = 0

    def nextId(self) -> bytes:
        """Return a transaction id that was not used before."""
        self._transactions += 1
        return self._transactions.to_bytes(12, "big")

    def put(self, data: bytes, client: Address | Flow = CLIENT) -> Outcome:
        """Put bytes to the desk, opening and closing the ports it asks for."""
        outcome = self.desk.answer(
            decode(data), len(data), flowOf(client), self.now, self.now + self.wall_offset
        )
        self.do(outcome.effects)
        if outcome.wanted is not None:
            wanted = outcome.wanted
            opened = {
                family: self._open(family, wanted.even, 2 if wanted.pair else 1)
                for family in wanted.families
            }
            outcome = self.desk.allocate(wanted, opened, self._token(), self.now)
            self.do(outcome.effects)
        return outcome

    def do(self, effects: tuple[Effect, ...]) -> None:
        """Do what the server does about effects."""
        for number in self.plane.tell(effects, self.now):
            del self.opened[number]

    def sweep(self) -> None:
        """Let end what ends by now."""
        self.do(self.desk.sweep(self.now))

    def find(self, client: Address | Flow = CLIENT) -> Allocation:
        """Return the allocation that there has to be."""
        found = self.table.find(flowOf(client), self.now)
        assert found is not None
        return found

    def ask(
        self,
        method: int,
        attributes: Attributes = (),
        user: str = "alice",
        client: Address | Flow = CLIENT,
        transaction_id: bytes | None = None,
    ) -> Outcome:
        """Put a request of a user with good credentials."""
        data = signedRequest(
            method,
            attributes,
            usernameOf(user),
            self.nonces.issue(flowOf(client).address, self.now),
            transaction_id or self.nextId(),
        )
        return self.put(data, client)

    def allocate(
        self, attributes: Attributes = (), user: str = "alice", client: Address | Flow = CLIENT
    ) -> Outcome:
        """Put an Allocate."""
        return self.ask(ALLOCATE, (*allocateAttributes(), *attributes), user, client)

    def permit(
        self, *peers: Address, client: Address | Flow = CLIENT, user: str = "alice"
    ) -> Outcome:
        """Put a CreatePermission."""
        transaction_id = self.nextId()
        attributes = tuple(peerAttribute(peer, transaction_id) for peer in peers)
        return self.ask(CREATE_PERMISSION, attributes, user, client, transaction_id)

    def bind(
        self, number: int, peer: Address, client: Address | Flow = CLIENT, user: str = "alice"
    ) -> Outcome:
        """Put a ChannelBind."""
        transaction_id = self.nextId()
        attributes = channelAttributes(number, peer, transaction_id)
        return self.ask(CHANNEL_BIND, attributes, user, client, transaction_id)

    def _open(self, family: int, even: bool, count: int) -> tuple[RelayedPort, ...]:
        host = RELAY_HOST if family == IPV4_FAMILY else RELAY_HOST_IPV6
        taken = sum(port.address[0] == host for port in self.opened.values())
        if taken + count > self.capacity[family]:
            return ()
        first = 50_000 + 2 * self._last + (0 if even else 1)
        ports = []
        for port in range(first, first + count):
            self._last += 1
            ports.append(RelayedPort(self._last, (host, port)))
            self.opened[self._last] = ports[-1]
        return tuple(ports)

    def _token(self) -> bytes:
        return b"token" + self._last.to_bytes(3, "big")
