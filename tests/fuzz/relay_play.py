"""
A relay with clients over UDP, IPv6 and streams, all of whom do what some bytes say; and what
has to be true whatever they do.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address

from gamenet.interfaces import Address
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.settings import RelaySettings
from gamenet.wire.turn import encodeChannelData
from gamenet.wire.turn_credentials import ephemeralPassword, longTermKey
from tests.fuzz.choices import Choices
from tests.fuzz.relay_messages import ChosenMessage
from tests.memory_machine import Datagram
from tests.relay_bytes import attributesOf, checkEmitted, rawMessage
from tests.relay_desk import REALM_TEXT, SECRET, usernameOf
from tests.relay_hosts_scene import RELAY_IPV6, HostsScene, Ipv6Client, dualSettings
from tests.relay_scene import RELAY, Peer, RawClient
from tests.test_relay_streams import StreamClient

__all__ = ["RelayPlay"]

_LIMITS = AllocationLimits(
    allocations=6,
    allocations_of_user=4,
    permissions=4,
    channels=3,
    permissions_of_user=6,
    bandwidth_of_user=100_000,
)
_WAITS = (0.0, 0.1, 0.5, 1.0, 1.0, 5.0, 9.0, 10.0, 29.9, 30.0, 299.0, 300.0, 599.0, 601.0, 3600.0)
_RULES: tuple[tuple[str, ...], ...] = ((), ("198.51.100.50",), ("203.0.113.2", "2606:4700::/32"))


class RelayPlay:
    """
    One relay, and whoever is about.

    @ivar scene: The relay.
    @ivar unproven: Whether nobody showed a right signature yet.
    """

    def __init__(self, short_cut: bool = True) -> None:
        self.scene = HostsScene(
            dualSettings(limits=_LIMITS, bindings_per_second=60_000, short_cut=short_cut)
        )
        self.scene.network.tamper = self._sent
        self.clients = [
            RawClient(self.scene, "198.51.100.1"),
            RawClient(self.scene, "198.51.100.1", "bob"),
            Ipv6Client(self.scene, "2606:4700::7", "alice"),
        ]
        self.streams = [self._connect(number) for number in range(2)]
        self.peers = [Peer(self.scene), Peer(self.scene, "2606:4700::50")]
        self._connected = 2
        self._answered = 0
        for client in self.clients:
            client.put(rawMessage(3))
            self._remember(client, client.received)

    def play(self, data: bytes) -> None:
        """Do what some bytes say; check everything after each step, and that all of it ends."""
        choices = Choices(data)
        if choices.below(4):
            self._begin()
        for _ in range(60):
            if choices.ended:
                break
            self._step(choices)
            self.check()
        self._end()

    def seen(self) -> list[object]:
        """Return all that anybody can see of the relay, but for how often the short cut was."""
        streams = [stream.received for stream in self.streams]
        counters = self.scene.server.counters.asDict()
        del counters["short_cut_packets"]
        return [
            [client.received for client in self.clients],
            streams,
            [peer.received for peer in self.peers],
            counters,
        ]

    def check(self) -> None:
        """Assert that the counters, the quotas, the sockets and the plane agree with the tables."""
        server = self.scene.server
        table, plane, counters = server._table, server._plane, server.counters
        allocations = list(table._by_flow.values())
        ports = [held for each in allocations for held in each.ports]
        reservations = server._desk.methods.allocating.reservations
        permissions = sum(len(each.permissions) for each in allocations)
        assert plane is not None
        assert counters.allocations_active == len(allocations) == len(plane.routing)
        assert sum(counters.allocations_by_transport.values()) == len(allocations)
        assert sum(counters.relayed_ports_by_family.values()) == len(ports)
        assert counters.permissions_active == permissions
        assert counters.channels_active == sum(len(each.channels) for each in allocations)
        assert counters.reservations_active == len(reservations)
        ended = sum(counters.allocations_ended.values())
        assert counters.allocations_total - ended == len(allocations)
        held = len(ports) + len(reservations)
        assert len(plane._ports) == len(self.scene.openPorts()) == held
        assert len(table._by_relayed) == len(plane.routing._live) == len(ports)
        for kind in (table.quotas._users, table.quotas._addresses):
            assert sum(each.allocations for each in kind.by_name.values()) == held
            assert sum(each.permissions for each in kind.by_name.values()) == permissions
        assert (table.quotas.total.allocations, table.quotas.total.permissions) == (
            held, permissions
        )
        assert held <= _LIMITS.allocations
        assert counters.streams_active == len(server.streams) == len(server._connected)
        assert len(self.scene.network.clock.getDelayedCalls()) <= 2 + 2 * len(server.streams)
        routes = sum(len(each.routes) for each in plane._listeners.values())
        assert routes <= counters.channels_active

    def _begin(self) -> None:
        """Let two clients be in the middle of a game."""
        relayed = [client.allocate() for client in self.clients[:2]]
        for client, other in zip(self.clients, reversed(relayed), strict=False):
            assert client.bind(0x4000, other) == 0
            assert client.bind(0x4001, self.peers[0].address) == 0

    def _step(self, choices: Choices) -> None:
        doing = choices.below(16)
        if doing < 7:
            self._message(choices)
        elif doing < 9:
            self._stream(choices)
        elif doing == 9:
            self._channelData(choices)
        elif doing < 12:
            self._fromPeer(choices)
        elif doing == 12:
            self.scene.network.advance(choices.of(_WAITS))
        elif doing == 13:
            self.streams.append(self._connect(self._connected))
            self._connected += 1
            if choices.below(2) or len(self.streams) > 4:
                self.streams.pop(0).transport.abortConnection()
        elif doing == 14 and choices.below(10) == 9:
            self.scene.server.drain()
        elif doing == 14:
            self.scene.server.reload(
                RelaySettings(
                    (SECRET,), allow_peer=choices.of(_RULES), deny_peer=choices.of(_RULES)
                )
            )
        else:
            self._put(choices.of(self.clients), choices.take(choices.below(60)), False)
        self.scene.network.settle()

    def _message(self, choices: Choices) -> None:
        client = choices.of(self.clients)
        message = self._chosen(choices, client.nonce, client.user, client.nextId())
        before = len(client.received)
        self._put(client, message.data, message.proven)
        self._remember(client, client.received[before:])

    def _put(self, client: RawClient, data: bytes, proven: bool) -> None:
        self._answered = 0
        client.put(data)
        if not proven and data[:1] < b"\x40" and data[:2] != b"\0\x16":
            limit = 2.5 if data[:2] == b"\0\1" else 4.0
            assert self._answered <= limit * len(data), (data, self._answered)

    def _stream(self, choices: Choices) -> None:
        if not self.streams:
            return
        stream = choices.of(self.streams)
        if stream.transport.aborted:
            return
        stream.put(rawMessage(3))
        nonce = nonceOf(stream.received[-1:]) or b""
        message = self._chosen(choices, nonce, "alice", stream.nextId())
        data = message.data
        if choices.below(4) == 0:
            data += encodeChannelData(0x4000 + choices.below(3), choices.take(choices.below(9)))
            data += bytes(-len(data) % 4)
        cut = choices.below(len(data) + 1)
        before = len(stream.received)
        stream.put(data[:cut])
        if not stream.transport.aborted and choices.below(8):
            stream.put(data[cut:])
        for received in stream.received[before:]:
            checkEmitted(received)

    def _channelData(self, choices: Choices) -> None:
        data = encodeChannelData(0x4000 + choices.below(3), choices.take(choices.below(9)))
        if choices.below(4) == 3:
            data = data[:2] + choices.take(2).ljust(2, b"\0") + data[4:]
        choices.of(self.clients).put(data)

    def _fromPeer(self, choices: Choices) -> None:
        ports = [*self.scene.openPorts(), RELAY, RELAY_IPV6]
        target = choices.of(ports)
        family = ":" in target[0]
        payload = choices.take(choices.below(9))
        self.peers[family].send(payload * choices.of((1, 1, 1, 200, 6000)), target)

    def _chosen(
        self, choices: Choices, nonce: bytes, user: str, transaction_id: bytes
    ) -> ChosenMessage:
        username = usernameOf(user, 1e6)
        key = longTermKey(username, REALM_TEXT, ephemeralPassword(SECRET, username))
        peers: list[Address] = [peer.address for peer in self.peers]
        peers += [*self.scene.openPorts(), RELAY, ("127.0.0.1", 1), ("::ffff:127.0.0.1", 1)]
        return ChosenMessage.choose(choices, username, nonce, key, transaction_id, peers)

    def _connect(self, number: int) -> StreamClient:
        return StreamClient(self.scene, IPv4Address("TCP", "198.51.100.9", 5000 + number))

    def _remember(self, client: RawClient, received: list[bytes]) -> None:
        client.nonce = nonceOf(received) or client.nonce

    def _sent(self, datagram: Datagram) -> tuple[Datagram, ...]:
        data, source, _ = datagram
        if source in (RELAY, RELAY_IPV6):
            checkEmitted(data)
            self._answered += len(data)
        self.scene.network.carried.clear()
        return (datagram,)

    def _end(self) -> None:
        """Everything ends by itself, and leaves nothing."""
        for _ in range(4):
            self.scene.network.advance(3700.0)
            self.check()
        self.clients[0].put(rawMessage(1))
        counters = self.scene.server.counters
        assert counters.allocations_active == counters.reservations_active == 0
        assert counters.streams_active == 0
        assert self.scene.openPorts() == []
        assert self.scene.network.clock.getDelayedCalls() == []
        assert not self.scene.server._plane.routing._watchers  # type: ignore[union-attr]
        self.scene.server.stop()
        for host in self.scene.hosts:
            assert self.scene.network.machine(host).sockets == {}


def nonceOf(received: list[bytes]) -> bytes | None:
    """Return the last nonce in some messages, C{None} without one."""
    found = [
        each.value
        for data in received
        if data[0] < 0x40
        for each in attributesOf(data)
        if each.kind == 0x0015
    ]
    return found[-1] if found else None
