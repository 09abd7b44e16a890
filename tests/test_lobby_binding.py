"""
The client's STUN exchanges with its lobby.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.client_binding import ClientBinding
from gamenet.lobby.settings import LobbyClientSettings
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.wire.demultiplexing import DatagramKind
from gamenet.wire.stun import (
    BINDING,
    MessageClass,
    StunMessage,
    decode,
    encode,
    encodeBindingSuccess,
)
from gamenet.world.network import WorldNetwork
from tests.lobby_world import LOBBY_HOST, LOBBY_PORT, LobbyWorld


class BindingTests(SynchronousTestCase):
    """L{ClientBinding} against a STUN server that answers as it is told to."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        server = self.network.machine("server", LOBBY_HOST)
        self.server = server.openDatagramSocket(self.asked, "", LOBBY_PORT)
        self.machine = self.network.machine("player", "198.51.100.1")
        self.asked_at: list[float] = []
        self.transactions: list[bytes] = []
        self.answers: list[Any] = []
        self.game_socket = Demultiplexer(self.machine)
        self.binding = ClientBinding(
            self.machine, self.game_socket, (LOBBY_HOST, LOBBY_PORT), interval=15.0
        )

    def asked(self, data: bytes, address: tuple[str, int]) -> None:
        message = decode(data)
        self.asked_at.append(self.network.clock.now)
        self.transactions.append(message.transaction_id)
        for answer in self.answers:
            self.server.send(answer(message.transaction_id), address)

    def test_retransmissions(self) -> None:
        """RFC 8489, 6.2.1: 7 transmissions, doubling from 0.5 s, given up after 39.5 s."""
        known = self.binding.whenKnown()
        self.network.advance(39.4)
        self.assertEqual(self.asked_at, [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5])
        self.assertEqual(len(dict.fromkeys(self.transactions)), 1)
        self.assertNoResult(known)
        self.network.advance(0.2)
        self.assertIsNone(self.successResultOf(known))
        self.network.advance(15)
        self.assertEqual(self.asked_at[7:], [54.5])
        self.assertNotEqual(self.transactions[7], self.transactions[0])

    def test_answeredAndAskedAgain(self) -> None:
        """An answer ends the transmissions; the next exchange is a new transaction."""
        self.answers = [lambda txid: encodeBindingSuccess(txid, ("198.51.100.9", 9))]
        known = self.binding.whenKnown()
        self.network.advance(0.1)
        self.assertEqual(self.successResultOf(known), ("198.51.100.9", 9))
        self.answers = [lambda txid: encodeBindingSuccess(txid, ("198.51.100.9", 10))]
        self.network.advance(30)
        self.assertEqual(self.asked_at, [0.0, 15.0, 30.0])
        self.assertEqual(len(dict.fromkeys(self.transactions)), 3)
        self.assertEqual(self.binding.address, ("198.51.100.9", 10))
        self.assertEqual(self.successResultOf(self.binding.whenKnown()), ("198.51.100.9", 10))

    def test_wrongAnswers(self) -> None:
        """Another transaction, an error, garbage, an answer without address: not believed."""
        nowhere = ("203.0.113.66", 66)
        error = StunMessage(BINDING, MessageClass.ERROR, bytes(12))
        self.answers = [
            lambda txid: encodeBindingSuccess(bytes(12), nowhere),
            lambda txid: encode(error),
            lambda txid: b"\x01\x01",
            lambda txid: encode(StunMessage(BINDING, MessageClass.SUCCESS, txid)),
            lambda txid: encode(StunMessage(BINDING, MessageClass.ERROR, txid)),
        ]
        self.network.advance(2)
        self.assertIsNone(self.binding.address)
        self.assertEqual(self.asked_at, [0.0, 0.5, 1.5])

    def test_lateAnswer(self) -> None:
        """An answer to a transaction that has ended changes nothing."""
        self.answers = [lambda txid: encodeBindingSuccess(txid, ("198.51.100.9", 9))]
        self.network.advance(1)
        late = encodeBindingSuccess(self.transactions[0], ("203.0.113.66", 66))
        self.server.send(late, ("198.51.100.1", self.game_socket.address[1]))
        self.network.advance(1)
        self.assertEqual(self.binding.address, ("198.51.100.9", 9))

    def test_stop(self) -> None:
        """Stopped, it asks nothing, waits for nothing, and gives its share of the port back."""
        known = self.binding.whenKnown()
        self.binding.stop()
        self.binding.stop()
        self.assertIsNone(self.successResultOf(known))
        self.assertEqual(self.machine.clock.getDelayedCalls(), [])
        self.game_socket.face(
            lambda data, address: None,
            kinds=(DatagramKind.STUN,),
            remote=(LOBBY_HOST, LOBBY_PORT),
        )

    def test_settings(self) -> None:
        """How often the client asks again is a setting."""
        world = LobbyWorld()
        world.player(settings=LobbyClientSettings(binding_interval=1.0))
        world.network.advance(10.5)
        self.assertEqual(world.factory.counters.bindings, 11)
