"""
Section 5 of the security list, on the wire: who is believed, and what is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.settings import RelaySettings
from gamenet.wire.stun_attributes import encodeXorAddress
from gamenet.wire.turn import LIFETIME, encodeChannelData, encodeLifetime
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername, longTermKey
from tests.relay_bytes import attributesOf, errorCodeOf, rawMessage, sealed
from tests.relay_desk import (
    REALM_TEXT,
    SECRET,
    Attributes,
    allocateAttributes,
    channelAttributes,
    peerAttribute,
    usernameOf,
)
from tests.relay_scene import GONE, Peer, RawClient, Scene
from tests.test_relay_streams import StreamClient

_ALLOCATE, _REFRESH, _PERMIT, _BIND = 3, 4, 8, 9
_USERNAME, _REALM, _NONCE, _PEER = 0x0006, 0x0014, 0x0015, 0x0012
_PUBLIC: Address = ("198.51.100.50", 9)
_SECOND: Address = ("198.51.100.51", 9)


class RawSigner:
    """
    A client that writes every attribute itself.

    @ivar client: Its socket.
    @ivar nonce: A fresh one.
    """

    def __init__(self, scene: Scene, host: str = "198.51.100.1") -> None:
        self.client = RawClient(scene, host)
        self.client.put(rawMessage(_ALLOCATE))
        (self.nonce,) = [
            each.value for each in attributesOf(self.client.received[-1]) if each.kind == _NONCE
        ]

    def credential(self, username: str) -> list[tuple[int, bytes]]:
        """Return the attributes of a credential."""
        return [
            (_USERNAME, username.encode()), (_REALM, REALM_TEXT.encode()), (_NONCE, self.nonce)
        ]

    def ask(
        self,
        method: int,
        attributes: list[tuple[int, bytes]],
        key: bytes,
        behind: tuple[tuple[int, bytes], ...] = (),
    ) -> int | None:
        """Put a signed request; return the answer's error code, 0, or C{None} for silence."""
        before = len(self.client.received)
        transaction_id = self.client.nextId()
        whole = rawMessage(method, attributes, transaction_id)
        self.client.put(sealed(whole, key, behind))
        if len(self.client.received) == before:
            return None
        return errorCodeOf(self.client.received[-1])


def keyFor(username: str, secret: bytes = SECRET) -> bytes:
    """Return the key of an ephemeral name."""
    return longTermKey(username, REALM_TEXT, ephemeralPassword(secret, username))


class CredentialTests(SynchronousTestCase):
    """Wrong, missing, duplicate, stale, forged."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.signer = RawSigner(self.scene)
        self.name = usernameOf("alice")
        self.key = keyFor(self.name)
        self.good = [*allocateAttributes(), *self.signer.credential(self.name)]

    def nothing(self) -> None:
        """Assert that nothing was given."""
        self.assertEqual(self.scene.server.counters.allocations_total, 0)
        self.assertEqual(self.scene.relayedPorts(), [])

    def test_wrongPassword(self) -> None:
        """"Wrong password, unknown user (same reply ...)", "expired REST timestamp": 401 each."""
        old = ephemeralUsername(1_600_000_000, "alice")
        bodies = []
        for name, key in (
            (self.name, keyFor(self.name, b"another secret")),
            ("nobody at all", b"x" * 16),
            (old, keyFor(old)),
        ):
            attributes = [*allocateAttributes(), *self.signer.credential(name)]
            self.assertEqual(self.signer.ask(_ALLOCATE, attributes, key), 401)
            answer = attributesOf(self.signer.client.received[-1])
            bodies.append([each.value for each in answer if each.kind not in (_NONCE, 0x8028)])
        self.assertEqual(bodies[0], bodies[1])
        self.assertEqual(bodies[0], bodies[2])
        self.nothing()

    def test_missing(self) -> None:
        """"Missing attributes": a signature without USERNAME, REALM or NONCE is 400."""
        for missing in (_USERNAME, _REALM, _NONCE):
            attributes = [each for each in self.good if each[0] != missing]
            self.assertEqual(self.signer.ask(_ALLOCATE, attributes, self.key), 400)
        self.nothing()

    def test_duplicate(self) -> None:
        """"Duplicate attributes": of each the first counts, on the wire as in #2016."""
        for kind, wrong in (
            (_USERNAME, b"1:eve"), (_REALM, b"elsewhere"), (_NONCE, b"x" * 33),
            (0x0019, b"\6\0\0\0"), (LIFETIME, encodeLifetime(0)),
        ):
            good = [*self.good, (LIFETIME, encodeLifetime(700))]
            if kind != LIFETIME:
                first = [(kind, wrong), *good]
                self.assertNotEqual(self.signer.ask(_ALLOCATE, first, self.key), 0, hex(kind))
            self.assertEqual(self.signer.ask(_ALLOCATE, [*good, (kind, wrong)], self.key), 0)
            self.assertEqual(
                self.signer.ask(
                    _REFRESH, [(LIFETIME, bytes(4)), *self.signer.credential(self.name)], self.key
                ),
                0,
            )

    def test_nonces(self) -> None:
        """"Stale/forged/other-source nonce": 438, whatever else is right."""
        elsewhere = RawSigner(self.scene, "198.51.100.2").nonce
        sibling = RawSigner(self.scene).nonce
        forged = self.signer.nonce[:-1] + bytes((self.signer.nonce[-1] ^ 1,))
        for nonce in (elsewhere, sibling, forged, b"", b"\0" * 33, b"\xff" * 128):
            attributes = [(_NONCE, nonce) if each[0] == _NONCE else each for each in self.good]
            self.assertEqual(self.signer.ask(_ALLOCATE, attributes, self.key), 438)
        self.scene.network.advance(600.0)
        self.assertEqual(self.signer.ask(_ALLOCATE, self.good, self.key), 438)
        self.nothing()

    def test_afterIntegrity(self) -> None:
        """ab762f33 "append XOR-PEER after MI: must be ignored", and a LIFETIME of 0 there."""
        self.assertEqual(self.signer.ask(_ALLOCATE, self.good, self.key), 0)
        credential = self.signer.credential(self.name)
        transaction_id = (self.signer.client._transactions + 1).to_bytes(12, "big")
        behind = ((_PEER, encodeXorAddress(_PUBLIC, transaction_id)),)
        self.assertEqual(self.signer.ask(_PERMIT, credential, self.key, behind), 400)
        transaction_id = (self.signer.client._transactions + 1).to_bytes(12, "big")
        first = peerAttribute(_SECOND, transaction_id)
        behind = ((_PEER, encodeXorAddress(_PUBLIC, transaction_id)),)
        self.assertEqual(self.signer.ask(_PERMIT, [first, *credential], self.key, behind), 0)
        (allocation,) = self.scene.server._table._by_flow.values()
        self.assertEqual([each.host for each in allocation.permissions], [_SECOND[0]])
        gone = ((LIFETIME, bytes(4)),)
        self.assertEqual(self.signer.ask(_REFRESH, credential, self.key, gone), 0)
        self.assertEqual(self.scene.server.counters.allocations_active, 1)

    def test_unsigned(self) -> None:
        """The same attributes without a signature: 401, and never a look at them."""
        for method in (_ALLOCATE, _REFRESH, _PERMIT, _BIND):
            self.signer.client.put(rawMessage(method, self.good))
            self.assertEqual(errorCodeOf(self.signer.client.received[-1]), 401)
        self.nothing()

    def test_afterExpiry(self) -> None:
        """"REST refresh after expiry (policy)": a match outlives its credential; no new one."""
        soon = ephemeralUsername(int(self.scene.machine.wallClock()) + 5, "alice")
        key = keyFor(soon)
        attributes = [*allocateAttributes(), *self.signer.credential(soon)]
        self.assertEqual(self.signer.ask(_ALLOCATE, attributes, key), 0)
        self.scene.network.advance(300.0)
        self.scene.server.reload(RelaySettings((b"another secret",)))
        credential = self.signer.credential(soon)
        self.assertEqual(self.signer.ask(_REFRESH, credential, key), 0)
        other = RawSigner(self.scene)
        attributes = [*allocateAttributes(), *other.credential(soon)]
        self.assertEqual(other.ask(_ALLOCATE, attributes, key), 401)


class ErrorTests(SynchronousTestCase):
    """The table of errors: each named item of the checklist."""

    def setUp(self) -> None:
        limits = AllocationLimits(
            permissions=3, channels=3, allocations_of_user=3, allocations=4
        )
        self.scene = Scene(RelaySettings((SECRET,), limits=limits, last_channel=0x4FFF))
        self.client = RawClient(self.scene, "198.51.100.1")

    def test_mismatch(self) -> None:
        """"437 duplicate allocate & idempotent retransmit", and everything without one."""
        for method in (_REFRESH, _PERMIT, _BIND):
            self.assertEqual(self.client.ask(method, allocateAttributes()), 437)
        self.client.allocate()
        answer = self.client.received[-1]
        sent = [d for d, source, _ in self.scene.network.carried if source == self.client.address]
        self.assertEqual(self.client.ask(_ALLOCATE, allocateAttributes()), 437)
        self.client.put(sent[-1])
        self.assertEqual(self.client.received[-1], answer)
        self.assertEqual(len(self.scene.relayedPorts()), 1)

    def test_otherUser(self) -> None:
        """"441 other user on same 5-tuple", for every method; nothing changes."""
        self.client.allocate()
        self.client.user = "mallory"
        for method, attributes in (
            (_REFRESH, GONE), (_REFRESH, ()), (_PERMIT, ()), (_BIND, ()),
        ):
            self.assertEqual(self.client.ask(method, attributes), 441)
        self.assertEqual(self.client.ask(_ALLOCATE, allocateAttributes()), 437)
        self.assertEqual(self.scene.server.counters.allocations_active, 1)

    def test_transport(self) -> None:
        """"442 non-UDP/TCP transport", RFC 6062 among them, 400 for none or a short one."""
        for protocol in (0, 1, 6, 16, 18, 132, 255):
            attributes: Attributes = ((0x0019, bytes((protocol, 0, 0, 0))),)
            self.assertEqual(self.client.ask(_ALLOCATE, attributes), 442)
        for attributes in ((), ((0x0019, b"\x11"),), ((0x0019, b""),), ((0x0019, b"\x11" * 5),)):
            self.assertEqual(self.client.ask(_ALLOCATE, attributes), 400)

    def test_shippedChannels(self) -> None:
        """
        "Channel out of 0x4000-0x4FFF" as shipped: 400 below and above 0x7FFF.  What
        lies between was RFC 5766's and is granted, as turnutils_uclient draws its numbers there.
        """
        client = RawClient(Scene(), "198.51.100.1")
        client.allocate()
        for number in (0, 1, 0x3FFF, 0x8000, 0xFFFF):
            self.assertEqual(client.bind(number, _PUBLIC), 400, hex(number))
        for number in (0x4000, 0x4FFF, 0x5000, 0x7FFF):
            self.assertEqual(client.bind(number, (_PUBLIC[0], number)), 0, hex(number))
        self.assertEqual(client.scene.server.counters.channels_active, 4)

    def test_channels(self) -> None:
        """"Channel out of 0x4000-0x4FFF, same channel other peer & vice versa": 400, where
        C{last_channel} is 0x4FFF."""
        self.client.allocate()
        for number in (0, 1, 0x3FFF, 0x5000, 0x7FFF, 0x8000, 0xFFFF):
            self.assertEqual(self.client.bind(number, _PUBLIC), 400, hex(number))
        for number in (0x4000, 0x4FFF):
            self.assertEqual(self.client.bind(number, (_PUBLIC[0], number)), 0)
        self.assertEqual(self.client.bind(0x4000, _SECOND), 400)
        self.assertEqual(self.client.bind(0x4001, (_PUBLIC[0], 0x4000)), 400)
        self.assertEqual(self.client.bind(0x4000, (_PUBLIC[0], 0x4000)), 0)
        self.assertEqual(self.scene.server.counters.channels_active, 2)

    def test_firstPeer(self) -> None:
        """#2016 "duplicate XOR-PEER-ADDRESS last-wins": first wins, in ChannelBind and Send."""
        self.client.allocate()
        first, last = Peer(self.scene), Peer(self.scene, _SECOND[0])
        transaction_id = self.client.nextId()
        attributes = (
            *channelAttributes(0x4000, first.address, transaction_id),
            peerAttribute(last.address, transaction_id),
        )
        self.assertEqual(self.client.ask(_BIND, attributes, transaction_id), 0)
        self.client.permit(last.address)
        self.client.put(encodeChannelData(0x4000, b"1"))
        twice = [(_PEER, encodeXorAddress(each.address, bytes(12))) for each in (first, last)]
        data = [(0x0013, b"2"), (0x0013, b"3")]
        self.client.put(rawMessage(0x16, (*twice, *data), bytes(12)))
        self.assertEqual([data for data, _ in first.received], [b"1", b"2"])
        self.assertEqual(last.received, [])

    def test_lifetimes(self) -> None:
        """"Lifetime 0/1/2^32-1 clamp": deleted, 600 at least, 3600 at most."""
        for asked, granted in ((1, 600), (599, 600), (601, 601), (2**32 - 1, 3600)):
            self.client.allocate(((LIFETIME, encodeLifetime(asked)),))
            (value,) = [
                each.value for each in attributesOf(self.client.received[-1])
                if each.kind == LIFETIME
            ]
            self.assertEqual(int.from_bytes(value, "big"), granted)
            self.assertEqual(self.client.ask(_REFRESH, GONE), 0)
        self.client.allocate(((LIFETIME, encodeLifetime(0)),))
        self.assertEqual(self.scene.server.counters.allocations_active, 1)

    def test_permissionCap(self) -> None:
        """"Permission count cap": 508, all or nothing, and again room when they end."""
        self.client.allocate()
        hosts = [(f"198.51.100.{number}", 1) for number in range(50, 60)]
        self.assertEqual(self.client.permit(*hosts[:4]), 508)
        self.assertEqual(self.scene.server.counters.permissions_active, 0)
        self.assertEqual(self.client.permit(*hosts[:3]), 0)
        self.assertEqual(self.client.permit(hosts[3]), 508)
        self.assertEqual(self.client.bind(0x4000, hosts[3]), 508)
        self.assertEqual(self.client.permit(*hosts[:3]), 0)
        self.scene.network.advance(300.0)
        self.assertEqual(self.client.permit(*hosts[3:6]), 0)

    def test_manyPeers(self) -> None:
        """One request with as many peers as it holds is refused, and takes nothing."""
        self.client.allocate()
        hosts = [(f"198.51.100.{number}", 1) for number in range(50, 105)]
        self.assertEqual(self.client.permit(*hosts), 508)
        self.assertEqual(self.scene.server.counters.permissions_active, 0)

    def test_wholeCrowd(self) -> None:
        """One request may name as many peers as there may be permissions, over a stream too."""
        for permissions in (64, 100):
            limits = AllocationLimits(permissions=permissions)
            scene = Scene(RelaySettings((SECRET,), limits=limits))
            hosts = [(f"203.0.114.{number}", 1) for number in range(permissions + 1)]
            client, stream = RawClient(scene, "198.51.100.1"), StreamClient(scene)
            client.allocate()
            self.assertEqual(client.permit(*hosts), 508)
            self.assertEqual(client.permit(*hosts[1:]), 0)
            stream.allocate()
            transaction_id = stream.nextId()
            peers = tuple(peerAttribute(host, transaction_id) for host in hosts[1:])
            self.assertEqual(stream.ask(_PERMIT, peers, transaction_id), 0)
            self.assertEqual(scene.server.counters.permissions_active, 2 * permissions)
            self.assertEqual(scene.dropped(), {})

    def test_quotas(self) -> None:
        """"Quota 486 per user + total", "port exhaustion 508"; given back by deletion."""
        clients = [RawClient(self.scene, "198.51.100.1") for _ in range(4)]
        for client in clients[:3]:
            client.allocate()
        self.assertEqual(clients[3].ask(_ALLOCATE, allocateAttributes()), 486)
        RawClient(self.scene, "198.51.100.2", "bob").allocate()
        other = RawClient(self.scene, "198.51.100.3", "carol")
        self.assertEqual(other.ask(_ALLOCATE, allocateAttributes()), 486)
        clients[0].ask(_REFRESH, GONE)
        self.scene.machine.sockets_limit = len(self.scene.machine.sockets)
        self.assertEqual(other.ask(_ALLOCATE, allocateAttributes()), 508)
        self.scene.machine.sockets_limit += 1
        other.allocate()

    def test_oversize(self) -> None:
        """"Oversize datagram": the longest there is, both ways, raises nothing anywhere."""
        relayed = self.client.allocate()
        peer = Peer(self.scene)
        self.client.bind(0x4000, peer.address)
        self.client.put(encodeChannelData(0x4000, bytes(65_503)))
        self.assertEqual(len(peer.received[-1][0]), 65_503)
        peer.send(bytes(65_503), relayed)
        self.assertEqual(len(self.client.received[-1]), 65_507)
        for size in range(65_504, 65_508):
            peer.send(bytes(size), relayed)
        self.assertEqual(self.scene.dropped(), {"send_failed": 4})
        self.client.put(rawMessage(1, ((0x8099, bytes(65_480)),)))
        self.assertEqual(errorCodeOf(self.client.received[-1]), 0)

    def test_icmp(self) -> None:
        """"ICMP errors": a peer that is gone costs its packets only; what comes next passes."""
        relayed = self.client.allocate()
        peer = Peer(self.scene)
        self.client.bind(0x4000, peer.address)
        socket = self.scene.machine.sockets[relayed[1]]
        good: Callable[..., object] = socket.machine.network.carry

        def refuse(datagram: object) -> None:
            raise ConnectionRefusedError(111, "Connection refused")

        for _ in range(3):
            socket.machine.network.carry = refuse  # type: ignore[method-assign, assignment]
            with_error = encodeChannelData(0x4000, b"lost")
            self.scene.machine.sockets[3478].receiver(with_error, self.client.address)
            socket.machine.network.carry = good  # type: ignore[method-assign, assignment]
            self.client.put(encodeChannelData(0x4000, b"there"))
        self.assertEqual([data for data, _ in peer.received], [b"there"] * 3)
        self.assertEqual(self.scene.dropped(), {"send_failed": 3})
        self.assertEqual(self.scene.server.counters.packets_from_clients, 3)
