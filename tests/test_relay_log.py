"""What the relay's log says of strangers."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire.stun import MessageClass, StunMessage, encode
from gamenet.wire.stun_attributes import NONCE, REALM, USERNAME
from gamenet.wire.turn import ALLOCATE, REQUESTED_TRANSPORT, encodeTransport
from gamenet.world.link import PERFECT
from gamenet.world.network import WorldNetwork
from tests.scenes import RELAY_HOST, RELAY_PORT, Servers


class StrangerTests(SynchronousTestCase):
    """Bad input: a STUN packet with lying lengths, a forged message integrity: one log event."""

    def test_oneEventAKind(self) -> None:
        """Fifty bad datagrams of two kinds are two lines in the log, without credentials."""
        network = WorldNetwork(1)
        Servers(network, PERFECT)
        stranger = network.machine("stranger", "203.0.113.66")
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        socket = stranger.openDatagramSocket(lambda data, address: None)
        forged = StunMessage(
            ALLOCATE,
            MessageClass.REQUEST,
            bytes(12),
            (
                (REQUESTED_TRANSPORT, encodeTransport()),
                (USERNAME, b"9999999999:mallory"),
                (REALM, b"gamenet"),
                (NONCE, b"made up"),
            ),
        )
        for _ in range(25):
            socket.send(bytes.fromhex("00010ffc2112a442") + bytes(12), (RELAY_HOST, RELAY_PORT))
            socket.send(encode(forged, bytes(16)), (RELAY_HOST, RELAY_PORT))
        network.advance(1.0)
        kinds = [each["kind"] for each in events if "kind" in each]
        self.assertEqual(len(kinds), 2, kinds)
        self.assertEqual(sorted(kinds), sorted(set(kinds)))
        self.assertNotIn("mallory", repr(kinds))
