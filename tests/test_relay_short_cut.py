"""
The short cut between two allocations of one relay cannot be told from the long way.
"""

from __future__ import annotations

import os

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.settings import RelaySettings
from gamenet.relay_plane.grants import EndReason
from gamenet.seeded_random import SeededRandom
from gamenet.wire.stun import MessageClass, decode
from gamenet.wire.turn import (
    CREATE_PERMISSION,
    LIFETIME,
    REFRESH,
    encodeChannelData,
    encodeLifetime,
    encodeSendIndication,
)
from gamenet.wire.turn_stream import padForStream
from tests.relay_desk import SECRET, peerAttribute
from tests.relay_scene import GONE, RELAY, Peer, RawClient, Scene
from tests.test_relay_external import EXTERNAL, translate
from tests.test_relay_streams import StreamClient

#: How many traces are replayed.
TRACES = int(os.environ.get("GAMENET_RELAY_TRACES", "2000"))

_CLIENTS = 3
_STEPS = 22
_WAITS = (1.0, 60.0, 299.0, 301.0, 599.0, 601.0)


class ReconnectingClient(StreamClient):
    """A client on a stream that connects anew when the relay has closed it."""

    def put(self, data: bytes) -> None:
        """Send one message, padded as streams have it."""
        if self.transport.aborted:
            received = self.received
            StreamClient.__init__(self, self.scene)
            self._received = received
        super().put(padForStream(data))

    def permit(self, *peers: Address) -> int:
        """Put a CreatePermission."""
        transaction_id = self.nextId()
        attributes = tuple(peerAttribute(peer, transaction_id) for peer in peers)
        return self.ask(CREATE_PERMISSION, attributes, transaction_id)


@define(eq=False)
class Trace:
    """
    One random trace in one scene.

    @ivar scene: A relay with the short cut, or without.
    @ivar streamed: Whether the first client is on a stream.
    @ivar moves: Which random moves are made; the same for both scenes.
    @ivar relayed: The relayed address that each client had last.
    """

    scene: Scene
    moves: SeededRandom
    streamed: bool = False
    clients: list[RawClient | ReconnectingClient] = field(init=False)
    relayed: list[Address] = field(init=False)
    stranger: Peer = field(init=False)
    payloads: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        """Let everybody arrive; most have an allocation."""
        self.clients = [
            RawClient(self.scene, f"198.51.100.{number}", f"user{number}")
            for number in range(_CLIENTS)
        ]
        if self.streamed:
            self.clients[0] = ReconnectingClient(self.scene)
        self.stranger = Peer(self.scene)
        self.relayed = [client.allocate() for client in self.clients]

    def payload(self) -> bytes:
        """Return a payload that no other packet has."""
        self.payloads += 1
        return b"%d" % self.payloads + b"x" * self.moves.below(5)

    def target(self) -> Address:
        """Draw a peer: mostly another client's relayed address, now and then anything."""
        choice = self.moves.below(12)
        if choice < 9:
            return self.relayed[self.moves.below(_CLIENTS)]
        if choice < 11:
            return self.stranger.address
        return (RELAY[0], 9)

    def move(self) -> None:
        """Make one random move, and let everything arrive."""
        number = self.moves.below(_CLIENTS)
        client = self.clients[number]
        choice = self.moves.below(20)
        channel = 0x4000 + self.moves.below(3)
        if choice < 4:
            client.bind(channel, self.target())
        elif choice < 6:
            client.permit(self.target())
        elif choice < 11:
            client.put(encodeChannelData(channel, self.payload()))
        elif choice < 14:
            client.put(encodeSendIndication(client.nextId(), self.target(), self.payload()))
        elif choice < 15:
            self.stranger.send(self.payload(), self.relayed[number])
        elif choice < 16:
            client.ask(REFRESH, ((LIFETIME, encodeLifetime(601)),))
        elif choice < 17:
            client.ask(REFRESH, GONE)
        elif choice < 18:
            if client.ask(REFRESH, ((LIFETIME, encodeLifetime(600)),)):
                self.relayed[number] = client.allocate()
        else:
            self.scene.network.advance(_WAITS[self.moves.below(len(_WAITS))])

    def run(self) -> tuple[list[list[bytes]], list[tuple[bytes, Address]]]:
        """Make every move; return what the clients and the stranger received."""
        for _ in range(_STEPS):
            self.move()
        return [client.received for client in self.clients], self.stranger.received


def play(seed: int, short_cut: bool) -> Trace:
    """
    Return a trace that was not run yet.  Of four seeds one has a relay behind a 1:1 NAT, and
    one a client on a stream.
    """
    behind_nat, streamed = seed % 4 == 1, seed % 4 == 3
    external = (EXTERNAL,) if behind_nat else ()
    settings = RelaySettings((SECRET,), external_addresses=external, short_cut=short_cut)
    scene = Scene(settings, seed)
    if behind_nat:
        scene.network.tamper = translate
    return Trace(scene, SeededRandom.fromLabel(seed, "moves"), streamed)


class ShortCutTests(SynchronousTestCase):
    """Done when: a differential test replays 2 000 random traces."""

    def test_sameMessages(self) -> None:
        """
        Binds, refreshes, expiry, deletes, strangers, with the short cut on and off: clients
        receive the same messages in the same order, and each way was gone.
        """
        ways = (
            "short", "channel", "indication", "no_permission", "expired", "forbidden",
            "external", "streamed", "stream closed",
        )
        seen = dict.fromkeys(ways, 0)
        for seed in range(TRACES):
            short, long = play(seed, True), play(seed, False)
            self.assertEqual(short.run(), long.run(), f"seed {seed}")
            counters = short.scene.server.counters
            self.assertEqual(long.scene.server.counters.short_cut_packets, 0)
            self.assertEqual(
                counters.packets_to_clients, long.scene.server.counters.packets_to_clients
            )
            dropped = short.scene.dropped()
            seen["short"] += counters.short_cut_packets
            seen["external"] += counters.short_cut_packets if seed % 4 == 1 else 0
            if short.streamed:
                seen["streamed"] += sum(data[0] >= 0x40 for data in short.clients[0].received)
                seen["stream closed"] += dropped.get("stream_stalled", 0)
            seen["no_permission"] += dropped.get("no_permission", 0)
            seen["forbidden"] += dropped.get("peer_forbidden", 0)
            seen["expired"] += counters.allocations_ended[EndReason.EXPIRED]
            for client in short.clients:
                for message in client.received:
                    if message[0] >= 0x40:
                        seen["channel"] += 1
                    elif decode(message).message_class is MessageClass.INDICATION:
                        seen["indication"] += 1
        for way, count in seen.items():
            self.assertGreater(count, TRACES // 100, way)
