"""Tests of L{gamenet.services}, with real clients, in a world."""

from __future__ import annotations

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.errors import BadAddress, BadSetting, CannotBind, ConnectionFailed, RelayRefused
from gamenet.interfaces import Address
from gamenet.lobby.protocol import LobbyProtocol
from gamenet.lobby.settings import LobbySettings
from gamenet.relay.settings import RelaySettings
from gamenet.services import (
    IListeningService,
    LobbyService,
    RelayService,
    StreamPorts,
    lobbyService,
    relayService,
)
from gamenet.world.network import WorldNetwork
from tests.operator_world import SECRET, Player, fetch

SERVER = "203.0.113.1"


class SlowEndpoint:
    """An endpoint that takes its time to listen."""

    def __init__(self) -> None:
        self.cancelled = False
        self.opening: Deferred[object] = Deferred(self._cancel)

    def _cancel(self, opening: object) -> None:
        """Note that nobody waits any more."""
        self.cancelled = True

    def listen(self, factory: object) -> Deferred[object]:
        """Listen later, or never."""
        return self.opening


class SlowMachine:
    """A machine whose stream endpoints take their time."""

    def __init__(self, machine: object) -> None:
        self._machine = machine
        self.endpoint = SlowEndpoint()

    def streamServerEndpoint(self, description: str) -> SlowEndpoint:
        """Return the slow one."""
        return self.endpoint

    def __getattr__(self, name: str) -> object:
        return getattr(self._machine, name)


class Doorman(LobbyProtocol):
    """A lobby protocol of somebody's own."""

    greeted: list[str] = []

    def clientGreeted(self, name: str) -> None:
        """Note who came."""
        self.greeted.append(name)


class ServiceTests(SynchronousTestCase):
    """What both services have in common."""

    def setUp(self) -> None:
        self.world = WorldNetwork(1)
        self.server = self.world.machine("server", SERVER)
        self.home = self.world.machine("home", "198.51.100.1")
        self.player = Player(self.home, 5000)

    def lobby(self, **arguments: object) -> LobbyService:
        """Return a lobby on its usual ports."""
        return lobbyService(self.server, **arguments)  # type: ignore[arg-type]

    def relay(self, **settings: object) -> RelayService:
        """Return a relay on its usual port."""
        return relayService(self.server, RelaySettings(secrets=(SECRET,), **settings))  # type: ignore[arg-type]

    def assertFree(self, host: str, port: int) -> None:
        """Fail if a UDP port of the server is open."""
        self.server.openDatagramSocket(lambda data, address: None, host, port).close()


class LobbyServiceTests(ServiceTests):
    """The lobby as a service."""

    def test_interfaces(self) -> None:
        """It is a service of Twisted's, and one that an operator can ask."""
        for service in (self.lobby(), self.relay()):
            verifyObject(IService, service)
            verifyObject(IListeningService, service)

    def test_serves(self) -> None:
        """Once started it is met by a player, over the stream and the UDP port."""
        service = self.lobby()
        service.startService()
        self.successResultOf(service.listening)
        self.assertEqual(
            service.places(), {"listen": [["0.0.0.0", 7770]], "udp": ["0.0.0.0", 7770]}
        )
        client = self.world.runUntil(self.player.meet((SERVER, 7770)), 5)
        self.assertTrue(client.connected)
        seen = self.world.runUntil(client.whenServerReflexiveKnown(), 5)
        self.assertEqual(seen, ("198.51.100.1", 5000))
        self.world.advance(4)
        status = service.status()
        self.assertEqual((status["clients"], status["greeted"], status["bindings"]), (1, 1, 1))
        self.assertTrue(status["heartbeats"])

    def test_stop(self) -> None:
        """Stopped, it says farewell, closes every port, and says so when it is done."""
        service = self.lobby()
        service.startService()
        client = self.world.runUntil(self.player.meet((SERVER, 7770)), 5)
        stopped = service.stopService()
        self.world.runUntil(stopped, 10)
        self.world.advance(1)
        self.assertFalse(client.connected)
        self.assertEqual(len(self.player.listener.lost), 1)
        self.assertFree("", 7770)
        self.assertEqual((service.status(), service.listening), ({}, None))
        self.world.advance(1)
        refused = self.player.meet((SERVER, 7770))
        self.world.advance(15)
        self.failureResultOf(refused, ConnectionFailed)

    def test_nothingIsLeftBehind(self) -> None:
        """A stopped lobby leaves no timer, whoever was there."""
        service = self.lobby()
        service.startService()
        client = self.world.runUntil(self.player.meet((SERVER, 7770)), 5)
        self.world.runUntil(service.stopService(), 10)
        client.close()
        self.world.advance(60)
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_startedAgain(self) -> None:
        """Stopped and started again it serves again."""
        service = self.lobby()
        for _ in range(2):
            service.startService()
            client = self.world.runUntil(self.player.meet((SERVER, 7770)), 5)
            self.assertTrue(client.connected)
            self.world.runUntil(service.stopService(), 10)

    def test_stoppedWithoutStart(self) -> None:
        """Stopping what never started is harmless, and so is stopping twice."""
        service = self.lobby()
        self.successResultOf(service.stopService())
        service.startService()
        self.world.runUntil(service.stopService(), 10)
        self.successResultOf(service.stopService())

    def test_privilegedStart(self) -> None:
        """Ports opened while privileged stay as they are at the start."""
        service = self.lobby(listen=["tcp:0"], udp=("", 0))
        service.privilegedStartService()
        places = service.places()
        service.startService()
        self.assertEqual(service.places(), places)

    def test_severalEndpoints(self) -> None:
        """Each endpoint is listened at, on the interface it names."""
        service = self.lobby(listen=["tcp:7001:interface=127.0.0.1", "tcp:7002"], udp=(SERVER, 0))
        service.startService()
        self.assertEqual(service.places()["listen"], [["127.0.0.1", 7001], ["0.0.0.0", 7002]])
        self.assertEqual(service.places()["udp"][0], SERVER)  # type: ignore[index]

    def test_takenUdpPort(self) -> None:
        """A taken UDP port is the starter's CannotBind, and no stream port opens."""
        taken = self.server.openDatagramSocket(lambda data, address: None, "", 7770)
        service = self.lobby()
        with self.assertRaises(CannotBind) as caught:
            service.startService()
        self.assertIn("7770", str(caught.exception))
        self.assertFalse(service.running)
        taken.close()
        service.startService()
        self.assertTrue(service.running)

    def test_takenStreamPort(self) -> None:
        """A taken stream port is the starter's CannotBind, and what had opened is closed."""
        other = self.lobby(udp=("", 1))
        other.startService()
        service = self.lobby(listen=["tcp:7001", "tcp:7770"])
        with self.assertRaises(CannotBind) as caught:
            service.startService()
        self.assertIn("tcp:7770", str(caught.exception))
        self.assertFree("", 7770)
        refused = fetch(self.server, (SERVER, 7001), "GET", "/")
        self.world.advance(1)
        self.failureResultOf(refused, ConnectionRefusedError)
        self.world.runUntil(other.stopService(), 10)
        service.startService()
        self.assertTrue(service.running)

    def test_badDescription(self) -> None:
        """An endpoint that is none is found when the service is made."""
        with self.assertRaises(BadAddress):
            self.lobby(listen=["nonsense"])

    def test_ownProtocol(self) -> None:
        """A protocol of one's own has its moments."""
        self.patch(Doorman, "greeted", [])
        service = self.lobby(protocol=Doorman)
        service.startService()
        self.world.runUntil(self.player.meet((SERVER, 7770)), 5)
        self.assertEqual(Doorman.greeted, ["Ada"])

    def test_settings(self) -> None:
        """Settings reach the lobby."""
        service = self.lobby(settings=LobbySettings(heartbeat_interval=1.0))
        service.startService()
        self.assertEqual(service.factory.settings.heartbeat_interval, 1.0)  # type: ignore[union-attr]

    def slowLobby(self) -> tuple[LobbyService, SlowEndpoint]:
        """Return a started lobby whose stream port is not open yet."""
        machine = SlowMachine(self.server)
        service = lobbyService(machine)  # type: ignore[arg-type]
        service.startService()
        self.assertNoResult(service.listening)
        return service, machine.endpoint

    def test_slowEndpointFails(self) -> None:
        """An endpoint that fails later fails C{listening}, and the UDP port is closed."""
        service, endpoint = self.slowLobby()
        endpoint.opening.errback(RuntimeError("no"))
        self.failureResultOf(service.listening, CannotBind)
        self.assertFree("", 7770)
        self.successResultOf(service.stopService())

    def test_stoppedWhileOpening(self) -> None:
        """Stopped before it listens, it closes what there is and nothing is logged."""
        service, endpoint = self.slowLobby()
        self.successResultOf(service.stopService())
        self.assertTrue(endpoint.cancelled)
        self.assertFree("", 7770)


class StreamPortsTests(ServiceTests):
    """The stream ports of one factory."""

    def test_closedTwice(self) -> None:
        """Closing twice is harmless."""
        ports = StreamPorts(self.server, ["tcp:7001"])
        self.successResultOf(ports.open(Factory()))
        self.assertEqual(ports.places(), [["0.0.0.0", 7001]])
        self.successResultOf(ports.close())
        self.successResultOf(ports.close())
        self.assertEqual(ports.places(), [])


class RelayServiceTests(ServiceTests):
    """The relay as a service."""

    relay_address: Address = (SERVER, 3478)

    def test_serves(self) -> None:
        """Once started it relays, for whom it shares a secret with."""
        service = self.relay()
        service.startService()
        self.successResultOf(service.listening)
        places = service.places()
        self.assertEqual((places["udp"], places["relay_host"]), (["0.0.0.0", 3478], SERVER))
        relayed = self.world.runUntil(Player(self.home).allocate(self.relay_address), 5)
        self.assertEqual(relayed.address[0], SERVER)
        self.assertEqual(service.status()["allocations_active"], 1)
        refused = Player(self.home).allocate(self.relay_address, b"another secret")
        self.world.advance(5)
        self.failureResultOf(refused, RelayRefused)

    def test_stop(self) -> None:
        """Stopped, it closes its port and every relayed one, and can start again."""
        service = self.relay(port_range=(9000, 9000))
        for _ in range(2):
            service.startService()
            self.world.runUntil(Player(self.home).allocate(self.relay_address), 5)
            service.stopService()
            service.stopService()
            self.assertFree("", 3478)
            self.assertFree("", 9000)
            self.assertEqual((service.status(), service.places()), ({}, {"udp": None}))
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_privilegedStart(self) -> None:
        """A port opened while privileged stays as it is at the start."""
        service = self.relay(udp=(("", 0),))
        service.privilegedStartService()
        places = service.places()
        service.startService()
        self.assertEqual(service.places(), places)

    def test_takenPort(self) -> None:
        """A taken port is the starter's CannotBind."""
        taken = self.server.openDatagramSocket(lambda data, address: None, "", 3478)
        service = self.relay()
        with self.assertRaises(CannotBind):
            service.startService()
        taken.close()
        service.startService()
        self.assertTrue(service.running)

    def test_relayAddressOfSomebodyElse(self) -> None:
        """An address that is not this machine's is found at the start, not by the first player."""
        service = self.relay(relay_addresses=("192.0.2.7",))
        with self.assertRaises(CannotBind) as caught:
            service.startService()
        self.assertIn("192.0.2.7", str(caught.exception))
        self.assertFree("", 3478)

    def test_streams(self) -> None:
        """TCP listeners are opened with the service, told of, and closed with it."""
        service = self.relay(listen=("tcp:3478",))
        service.startService()
        self.successResultOf(service.listening)
        self.assertEqual(service.places()["listen"], [["0.0.0.0", 3478]])
        self.successResultOf(service.stopService())
        service.startService()
        self.successResultOf(service.listening)

    def test_takenStream(self) -> None:
        """A taken stream port is the starter's CannotBind, and nothing stays open."""
        taken = self.relay(udp=((SERVER, 1),), listen=("tcp:3478",))
        taken.startService()
        service = self.relay(listen=("tcp:3478",))
        with self.assertRaises(CannotBind) as caught:
            service.startService()
        self.assertIn("tcp:3478", str(caught.exception))
        self.assertFree("", 3478)
        self.assertEqual(service.status(), {})

    def test_badEndpoint(self) -> None:
        """A description that is none is refused before anything is opened."""
        self.assertRaises(BadAddress, self.relay, listen=("nonsense",))

    def test_reloadAndDrainWhileStopped(self) -> None:
        """What a stopped relay is told changes nothing, and it is drained already."""
        service = self.relay()
        service.reload(RelaySettings((b"another secret",)))
        service.reloadCertificates()
        self.successResultOf(service.drain())
        service.startService()
        self.world.runUntil(Player(self.home).allocate(self.relay_address, b"another secret"), 5)

    def test_drain(self) -> None:
        """Graceful drain: no new allocations, ends when the last is gone."""
        service = self.relay(drain_limit=1000.0)
        service.startService()
        self.world.runUntil(Player(self.home).allocate(self.relay_address), 5)
        drained = service.drain()
        self.assertEqual(service.status()["draining"], True)
        refused = Player(self.home).allocate(self.relay_address)
        self.world.advance(5)
        self.assertEqual(self.failureResultOf(refused, RelayRefused).value.code, 508)
        self.assertNoResult(drained)
        self.world.advance(990)
        self.assertNoResult(drained)
        self.world.advance(10)
        self.successResultOf(drained)
        self.successResultOf(service.drain())

    def test_reload(self) -> None:
        """A reload takes other secrets; who is there stays."""
        service = self.relay()
        service.startService()
        self.world.runUntil(Player(self.home).allocate(self.relay_address), 5)
        service.reload(RelaySettings((b"another secret",)))
        self.world.runUntil(Player(self.home).allocate(self.relay_address, b"another secret"), 5)
        refused = Player(self.home).allocate(self.relay_address)
        self.world.advance(5)
        self.failureResultOf(refused, RelayRefused)
        self.assertEqual(service.status()["allocations_active"], 2)
        with self.assertRaises(BadSetting):
            service.reload(RelaySettings((SECRET,), users=(("ada", "\x00"),)))
        self.world.runUntil(Player(self.home).allocate(self.relay_address, b"another secret"), 5)
        self.successResultOf(service.stopService())
        service.startService()
        refused = Player(self.home).allocate(self.relay_address)
        self.world.advance(5)
        self.failureResultOf(refused, RelayRefused)
        self.world.runUntil(Player(self.home).allocate(self.relay_address, b"another secret"), 5)
