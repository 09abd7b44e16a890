"""An allocation that is kept in the twin world, at our own relay, over UDP and over TCP."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.protocol import RelayServer
from gamenet.relay.settings import RelaySettings
from gamenet.turn_client.alternate_servers import TurnServer
from gamenet.turn_client.kept_allocation import KeptAllocation
from gamenet.turn_client.relayed_socket import RelayedSocket
from gamenet.turn_client.settings import TurnClientSettings
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername
from gamenet.wire.turn_transport import Transport
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import PORT_SENSITIVE_RANDOM
from gamenet.world.network import WorldNetwork
from tests.relay_client_values import RELAY
from tests.relay_scene import outcomeOf

_SECRET = b"a secret of the tests"
_HOSTS = ("198.51.100.1", "198.51.100.77", "198.51.100.78")
_PEER: Address = ("198.51.100.9", 4000)


class WorldTests(SynchronousTestCase):
    """A player 25 ms from a relay, and a peer that knows no TURN."""

    def arrange(
        self, transport: Transport = Transport.UDP, loss: float = 0.0, seed: int = 1
    ) -> None:
        """Set the scene."""
        self.network = WorldNetwork(seed)
        profile = LinkProfile(latency=0.025, loss=loss)
        self.player = self.network.machine("player", _HOSTS[0], profile=profile)
        there = self.network.machine("relay", RELAY[0])
        self.server = RelayServer(there, RelaySettings((_SECRET,), udp=((RELAY[0], 3478),)))
        self.server.start()
        self.addCleanup(self.server.stop)
        there.streamServerEndpoint("tcp:3478").listen(self.server.streams)
        self.heard: list[tuple[bytes, Address]] = []
        self.peer = self.network.machine("peer", _PEER[0]).openDatagramSocket(
            lambda data, source: self.heard.append((data, source)), port=_PEER[1]
        )
        self.received: list[tuple[bytes, Address]] = []
        self.told: list[tuple[float, RelayedSocket | None]] = []
        self.keep(transport)

    def keep(self, transport: Transport) -> None:
        """Keep an allocation from now on."""
        self.kept = KeptAllocation(
            self.player,
            TurnServer(*RELAY, transport),
            self.credentials,
            lambda data, peer: self.received.append((data, peer)),
            lambda socket: self.told.append((self.network.clock.now, socket)),
            TurnClientSettings(),
        )
        self.kept.start()
        outcomeOf(self.kept.bindChannel(_PEER))

    def credentials(self) -> tuple[str, str]:
        """Return what is good for a minute."""
        username = ephemeralUsername(int(self.player.wallClock()) + 60, "ada")
        return username, ephemeralPassword(_SECRET, username)

    def assertThrough(self) -> None:
        """Assert that packets pass both ways through the allocation that there is now."""
        socket = self.kept.socket
        assert socket is not None, self.kept.error
        self.heard.clear()
        self.received.clear()
        self.assertTrue(self.kept.send(b"out", _PEER))
        self.network.advance(0.2)
        self.assertEqual(self.heard, [(b"out", socket.address)])
        self.peer.send(b"in", socket.address)
        self.network.advance(0.2)
        self.assertEqual(self.received, [(b"in", _PEER)])

    def assertNothingLeft(self) -> None:
        """Stop, and assert that neither timers nor sockets are left on the player's machine."""
        gone = outcomeOf(self.kept.stop())
        self.network.advance(3.0)
        self.assertEqual(gone, [None])
        self.assertEqual(self.player.clock.getDelayedCalls(), [])
        self.assertEqual(self.player._sockets, {})

    def test_readdressed(self) -> None:
        """
        "A new allocation within a second when the local address changes": with its channel,
        over UDP and over TCP, three times, though the credentials of the first expired.
        """
        for transport in (Transport.UDP, Transport.TCP):
            self.arrange(transport)
            self.network.advance(1.0)
            self.assertThrough()
            for host in (*_HOSTS[1:], _HOSTS[0]):
                self.network.advance(100.0)
                self.player.readdress(host)
                changed = self.network.clock.now
                self.network.advance(1.0)
                moment, socket = self.told[-1]
                assert socket is not None
                self.assertLess(moment - changed, 1.0)
                self.assertEqual(socket.mapped_address[0], host)
                self.assertThrough()
            self.assertEqual(self.kept.allocations, 4)
            self.assertNothingLeft()

    def test_powerCut(self) -> None:
        """A relay that was off and is back, with another memory, is found again."""
        for transport in (Transport.UDP, Transport.TCP):
            self.arrange(transport)
            self.network.advance(20.0)
            self.server.stop()
            self.network.advance(30.0)
            self.server.start()
            self.network.advance(600.0)
            self.assertThrough()
            self.assertNothingLeft()

    def test_lossy(self) -> None:
        """With a tenth of all packets lost: two hours, six addresses, and always one again."""
        for seed in range(3):
            self.arrange(loss=0.1, seed=seed)
            for turn in range(6):
                self.network.advance(1200.0)
                self.player.readdress(_HOSTS[turn % 3])
                self.network.advance(60.0)
                self.assertIsNotNone(self.kept.socket)
            self.assertNothingLeft()

    def test_behindNat(self) -> None:
        """
        Behind a NAT that forgets in 30 s: kept for an hour of silence, and made anew where
        the address at home changes.
        """
        self.arrange()
        self.kept.stop()
        self.network.nat("home", "198.51.100.200", evolve(PORT_SENSITIVE_RANDOM, expiry=30.0))
        self.player = self.network.machine("guest", "192.168.1.2", behind="home")
        self.keep(Transport.UDP)
        self.network.advance(3600.0)
        self.assertEqual(self.kept.allocations, 1)
        self.assertThrough()
        self.player.readdress("192.168.1.3")
        self.network.advance(1.0)
        self.assertThrough()
        self.assertEqual(self.kept.allocations, 2)
        self.assertNothingLeft()
