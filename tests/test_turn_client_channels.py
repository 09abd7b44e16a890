"""Permissions and channels of an allocation that are given up, and numbers that rest."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RelayRefused
from gamenet.interfaces import Address
from gamenet.turn_client.client import TurnClient
from gamenet.turn_client.relayed_socket import RelayedSocket
from gamenet.turn_client.settings import TurnClientSettings
from gamenet.wire.stun import decode
from gamenet.wire.turn import (
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    CREATE_PERMISSION,
    REFRESH,
    decodeChannelNumber,
)
from tests.memory_machine import MemoryNetwork
from tests.played_relay import PlayedRelay
from tests.relay_client_values import PASSWORD, RELAY, USER
from tests.relay_scene import outcomeOf


def _peer(number: int) -> Address:
    return ("192.0.2.1", number)


class ChannelTests(SynchronousTestCase):
    """One allocation that has room for two peers."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.relay = PlayedRelay(RELAY[0])
        self.face = self.relay.listenDatagrams(self.network.machine(RELAY[0]))
        machine = self.network.machine("198.51.100.1")
        self.client = TurnClient(
            machine,
            machine.openDatagramSocket,
            RELAY,
            USER,
            PASSWORD,
            TurnClientSettings(peers_limit=2),
        )
        self.received: list[Address] = []
        outcome = outcomeOf(
            self.client.allocate(lambda data, peer: self.received.append(peer))
        )
        self.network.settle()
        (socket,) = outcome
        assert isinstance(socket, RelayedSocket)
        self.socket = socket

    def tearDown(self) -> None:
        self.client.close()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def bind(self, number: int) -> object:
        """Return what becomes of a channel."""
        outcome = outcomeOf(self.socket.bindChannel(_peer(number)))
        self.network.settle()
        return outcome[0]

    def assertUnbound(self) -> None:
        """Assert that what is sent to the first peer leaves in a Send indication."""
        self.socket.send(b"x", _peer(1))
        self.network.settle()
        self.assertEqual(self.relay.received[-1][:2], b"\0\x16")

    def boundNumbers(self) -> list[int]:
        """Return the numbers of all ChannelBinds that the relay got, signed."""
        messages = [decode(data) for data in self.relay.received]
        return [
            decodeChannelNumber(message.first(CHANNEL_NUMBER) or b"")
            for message in messages
            if message.method == CHANNEL_BIND
        ]

    def test_room(self) -> None:
        """A channel that is given up makes room for another peer, under another number."""
        self.assertEqual((self.bind(1), self.bind(2)), (0x4000, 0x4001))
        self.assertIsInstance(self.bind(3), LocalProtocolError)
        self.socket.unbindChannel(_peer(1))
        self.assertEqual(self.bind(3), 0x4002)
        self.assertIsInstance(self.bind(1), LocalProtocolError)

    def test_samePeer(self) -> None:
        """A peer that is bound again has its old number, as the relay wants it."""
        self.bind(1)
        self.socket.unbindChannel(_peer(1))
        self.bind(2)
        self.assertEqual(self.bind(1), 0x4000)

    def test_notRefreshed(self) -> None:
        """What is given up is not refreshed; the rest is."""
        self.bind(1)
        outcomeOf(self.socket.permit("192.0.2.9"))
        self.network.settle()
        self.socket.unbindChannel(_peer(1))
        self.socket.revoke("192.0.2.9")
        self.socket.revoke("192.0.2.9")
        before = len(self.relay.requests)
        self.network.advance(541.0)
        self.assertEqual(self.relay.requests[before:], [REFRESH])
        self.assertFalse(self.socket.closed)

    def test_ignoredAfter(self) -> None:
        """What comes over a channel that was given up is ignored; sending is by indication."""
        self.bind(1)
        here = self.client.face.address
        self.face.send(b"\x40\0\0\1x", ("198.51.100.1", here[1]))
        self.network.settle()
        self.socket.unbindChannel(_peer(1))
        self.face.send(b"\x40\0\0\1x", ("198.51.100.1", here[1]))
        self.network.settle()
        self.assertEqual((self.received, self.socket.packets_ignored), ([_peer(1)], 1))
        self.socket.send(b"x", _peer(1))
        self.network.settle()
        self.assertEqual(self.relay.received[-1][:2], b"\0\x16")

    def test_givenUpMeanwhile(self) -> None:
        """A channel that is given up while it is asked for is not bound, and says so."""
        outcome = outcomeOf(self.socket.bindChannel(_peer(1)))
        self.socket.unbindChannel(_peer(1))
        self.network.settle()
        self.assertIsInstance(outcome[0], LocalProtocolError)
        self.assertUnbound()

    def test_askedTwice(self) -> None:
        """Asked for twice while on its way, it is one request; wanted again, it is bound."""
        first = outcomeOf(self.socket.bindChannel(_peer(1)))
        self.socket.unbindChannel(_peer(1))
        second = outcomeOf(self.socket.bindChannel(_peer(1)))
        self.network.settle()
        self.assertEqual((first, second, self.boundNumbers()), ([0x4000], [0x4000], [0x4000]))

    def test_refused(self) -> None:
        """What the relay refuses takes no room, and each who asked hears of it."""
        self.relay.refusals[CHANNEL_BIND] = (403, ())
        outcomes = [outcomeOf(self.socket.bindChannel(_peer(each))) for each in (1, 1, 2)]
        self.network.settle()
        for (refused,) in outcomes:
            assert isinstance(refused, RelayRefused)
            self.assertEqual(refused.code, 403)
        self.relay.refusals.clear()
        self.assertEqual((self.bind(3), self.bind(4)), (0x4002, 0x4003))

    def test_refreshRefused(self) -> None:
        """A channel that is no longer granted is not used, and its number rests."""
        self.bind(1)
        self.relay.refusals[CHANNEL_BIND] = (403, ())
        self.network.advance(240.0)
        self.assertUnbound()
        self.relay.refusals.clear()
        self.assertEqual(self.bind(1), 0x4000)

    def test_badRequest(self) -> None:
        """400 may mean that there is no allocation (coturn says so): it is looked for at once."""
        self.bind(1)
        self.relay.refusals[CHANNEL_BIND] = (400, ())
        told = outcomeOf(self.socket.whenLost())
        self.assertIsInstance(self.bind(2), RelayRefused)
        self.network.advance(0.0)
        self.assertEqual((self.relay.requests[-1], told), (REFRESH, []))
        self.relay.allocations.clear()
        self.assertIsInstance(self.bind(2), RelayRefused)
        self.network.advance(0.0)
        (reason,) = told
        assert isinstance(reason, RelayRefused)
        self.assertEqual(reason.code, 437)

    def test_revokedDuringRefresh(self) -> None:
        """A permission that is revoked while its refresh is on its way stays revoked."""
        outcomeOf(self.socket.permit("192.0.2.9"))
        self.network.settle()
        self.network.clock.advance(240.0)
        self.socket.revoke("192.0.2.9")
        self.network.settle()
        self.assertEqual(self.relay.requests.count(CREATE_PERMISSION), 2)
        self.network.advance(250.0)
        self.assertEqual(self.relay.requests.count(CREATE_PERMISSION), 2)

    def test_revokedWhileAsked(self) -> None:
        """A20: revoked while first asked for, it is not kept, and not refreshed ever after."""
        outcome = outcomeOf(self.socket.permit("192.0.2.9"))
        self.socket.revoke("192.0.2.9")
        self.network.settle()
        self.assertIsInstance(outcome[0], LocalProtocolError)
        self.network.advance(530.0)
        self.assertEqual(self.relay.requests.count(CREATE_PERMISSION), 1)

    def test_questionsCount(self) -> None:
        """A20: C{peers_limit} counts what is asked for: the third of three at once is refused."""
        outcomes = [outcomeOf(self.socket.permit(f"192.0.2.{each}")) for each in (1, 2, 3)]
        self.assertIsInstance(outcomes[2][0], LocalProtocolError)
        self.network.settle()
        self.assertEqual(outcomes[:2], [[None], [None]])
        self.assertEqual(self.relay.requests.count(CREATE_PERMISSION), 2)

    def test_permittedTwice(self) -> None:
        """A20: asked for twice at once, it is one request; revoked and wanted again too."""
        first = [outcomeOf(self.socket.permit("192.0.2.9")) for _ in range(2)]
        self.socket.revoke("192.0.2.9")
        again = outcomeOf(self.socket.permit("192.0.2.9"))
        self.network.settle()
        self.assertEqual((first, again), ([[None], [None]], [None]))
        self.assertEqual(self.relay.requests.count(CREATE_PERMISSION), 1)
        self.network.advance(240.0)
        self.assertEqual(self.relay.requests.count(CREATE_PERMISSION), 2)

    def test_revokedAndRefused(self) -> None:
        """A20: a refusal makes room again, for everybody who asked, also of a host given up."""
        self.relay.refusals[CREATE_PERMISSION] = (403, ())
        outcomes = [outcomeOf(self.socket.permit(f"192.0.2.{each}")) for each in (1, 2)]
        self.socket.revoke("192.0.2.1")
        self.network.settle()
        for (refused,) in outcomes:
            self.assertIsInstance(refused, RelayRefused)
        self.relay.refusals.clear()
        outcomes = [outcomeOf(self.socket.permit(f"192.0.2.{each}")) for each in (3, 4)]
        self.network.settle()
        self.assertEqual(outcomes, [[None], [None]])
