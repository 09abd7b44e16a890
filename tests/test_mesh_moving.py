"""
A player's own address becomes another, or its machine sleeps: a new socket, a new
allocation, the same links, and play again soon.
"""

from __future__ import annotations

from gamenet.errors import CannotBind
from gamenet.interfaces import Address, DatagramReceiver
from gamenet.mesh.link_settings import LinkSettings
from gamenet.mesh.path import PathKind
from gamenet.mesh.route_watch import HOSTS_LIMIT, Doubt, Route, RouteWatch
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import (
    FULL_CONE,
    PORT_RESTRICTED,
    PORT_SENSITIVE_RANDOM,
    NatBehavior,
)
from gamenet.world.network import WorldNetwork
from tests.mesh_world import MeshPlayer, MeshWorld
from tests.test_mesh_mesh import MeshTestCase

ROUTERS: list[tuple[NatBehavior | None, ...]] = [
    (PORT_RESTRICTED,),
    (PORT_SENSITIVE_RANDOM,),
    (None,),
    (FULL_CONE, PORT_RESTRICTED, PORT_SENSITIVE_RANDOM),
]


class MovingTestCase(MeshTestCase):
    """Player 2 of three is the one to whom it happens."""

    def begin(
        self,
        seed: int,
        kinds: tuple[NatBehavior | None, ...],
        lobby: bool,
        settings: LinkSettings | None = None,
        profile: LinkProfile | None = None,
    ) -> MeshPlayer:
        """Have everybody play for a while; return who is about to move."""
        world = self.start(MeshWorld(seed, 3, kinds, profile=profile, settings=settings))
        world.play(3.0)
        world.lobby_works = lobby
        self.ids = {p: link.incoming_id for p, link in world.players[2].mesh.links.items()}
        return world.players[2]

    def elsewhere(self, player: MeshPlayer) -> str:
        """Return another address for a player's machine."""
        return player.machine.address.rsplit(".", 1)[0] + ".99"

    def untilFlowing(self, limit: float) -> float:
        """Return after how long everybody has something from everybody that was sent since."""
        world = self.world
        begin = world.network.clock.now
        since = begin + 0.1
        players = list(world.players.values())
        while not all(
            one.lastFrom(two.number) > since for one in players for two in players if one is not two
        ):
            world.play(1 / 60)
            self.assertLess(world.network.clock.now - begin, limit)
        return world.network.clock.now - begin

    def assertSameLinks(self, player: MeshPlayer) -> None:
        """Check that keys and counters went on: nobody returned, nothing was rejected."""
        ids = {other: link.incoming_id for other, link in player.mesh.links.items()}
        self.assertEqual(ids, self.ids)
        for each in self.world.players.values():
            self.assertEqual(each.returned, [])
            for link in each.mesh.links.values():
                self.assertEqual(link.statistics.rejected, 0)


class ReaddressTests(MovingTestCase):
    """Cable to Wi-Fi."""

    def test_flowsAgain(self) -> None:
        """
        Play again within 3 s of a changed address, behind whatever routers, with and
        without a lobby; the links keep their keys.
        """
        for seed, kinds in enumerate(ROUTERS):
            for lobby in (True, False):
                player = self.begin(seed, kinds, lobby)
                player.machine.readdress(self.elsewhere(player))
                self.assertLess(self.untilFlowing(3.0), 3.0)
                self.assertSameLinks(player)
                self.closeClean()

    def test_newSocket(self) -> None:
        """Behind a router: one new game socket, a new allocation, and all paths use them."""
        player = self.begin(7, (PORT_RESTRICTED,), lobby=True)
        relayed = player.sockets.relayed
        port = player.sockets.demultiplexer.address[1]
        player.machine.readdress(self.elsewhere(player))
        self.world.play(6.0)
        self.assertEqual(player.sockets.reopened, 1)
        self.assertNotEqual(player.sockets.demultiplexer.address[1], port)
        self.assertIsNot(player.sockets.relayed, relayed)
        self.assertIsNotNone(player.sockets.relayed)
        for link in player.mesh.links.values():
            for path in link.paths.through(PathKind.RELAY):
                self.assertIs(path.socket, player.sockets.relayed)
        self.assertEqual(player.kinds(), {1: PathKind.DIRECT, 3: PathKind.DIRECT})

    def test_noticed(self) -> None:
        """
        A changed address is noticed within two seconds where nobody is silent, too, and
        once only; while nothing changes no socket is taken.
        """
        player = self.begin(6, (None,), lobby=True)
        self.world.play(5.0)
        self.assertEqual([p.sockets.reopened for p in self.world.players.values()], [0, 0, 0])
        player.machine.readdress(self.elsewhere(player))
        self.world.play(2.0)
        self.assertEqual(player.sockets.reopened, 1)
        self.world.play(5.0)
        self.assertEqual(player.sockets.reopened, 1)

    def test_directWithoutLobby(self) -> None:
        """With the lobby dead the players carry steps themselves: direct again in the end."""
        player = self.begin(8, (PORT_RESTRICTED,), lobby=False)
        player.machine.readdress(self.elsewhere(player))
        self.world.play(12.0)
        self.assertEqual(player.kinds(), {1: PathKind.DIRECT, 3: PathKind.DIRECT})

    def test_twoMove(self) -> None:
        """Two who move at the same time, with the lobby dead, find each other by the third."""
        player = self.begin(9, (PORT_RESTRICTED,), lobby=False)
        other = self.world.players[3]
        for each in (player, other):
            each.machine.readdress(self.elsewhere(each))
        self.assertLess(self.untilFlowing(5.0), 5.0)
        self.assertSameLinks(player)

    def test_bound(self) -> None:
        """A socket bound to an address that is gone sends nothing: errors, and then another."""
        player = self.begin(10, (PORT_RESTRICTED,), lobby=True)
        sockets = player.sockets
        broken = _Broken(sockets.demultiplexer.socket.address)
        sockets.demultiplexer.socket.close()
        sockets.demultiplexer.socket = broken
        self.assertLess(self.untilFlowing(3.0), 3.0)
        self.assertEqual(sockets.reopened, 1)
        self.assertTrue(broken.closed)
        self.assertGreaterEqual(sockets.demultiplexer.send_errors, broken.send_errors)
        errors = [link.statistics.send_errors for link in player.mesh.links.values()]
        self.assertGreater(sum(errors), 10)
        self.assertSameLinks(player)

    def test_noWayOut(self) -> None:
        """Without any way out it looks again by itself, and plays on once there is one."""
        player = self.begin(11, (PORT_RESTRICTED,), lobby=False)
        player.machine.readdress("2001:db8::77")
        self.world.play(6.0)
        self.assertFalse(self.world.connected())
        player.machine.readdress("192.168.2.55")
        self.assertLess(self.untilFlowing(4.0), 4.0)
        self.assertSameLinks(player)

    def test_noPort(self) -> None:
        """Where no port is to be had the old one stays, and it is tried again."""
        player = self.begin(12, (PORT_RESTRICTED,), lobby=False)
        machine = player.machine
        given = machine.openDatagramSocket
        refusals: list[int] = []

        def refuse(receiver: DatagramReceiver, interface: str = "", port: int = 0) -> object:
            if len(refusals) < 2:
                refusals.append(port)
                raise CannotBind("out of ports")
            return given(receiver, interface, port)

        self.patch(player.sockets.demultiplexer, "machine", _Opens(refuse))
        machine.readdress(self.elsewhere(player))
        self.world.play(6.0)
        self.assertEqual((refusals, player.sockets.reopened), ([0, 0], 1))
        self.assertTrue(self.world.connected())

    def test_messages(self) -> None:
        """Reliable messages that were on their way arrive over the new paths, once."""
        player = self.begin(13, (PORT_RESTRICTED,), lobby=False)
        for number in range(50):
            player.mesh.sendMessage(1, 0, b"%d" % number * 100)
            self.world.players[3].mesh.sendMessage(2, 0, b"%d" % number * 100)
        player.machine.readdress(self.elsewhere(player))
        self.world.play(8.0)
        sent = [b"%d" % number * 100 for number in range(50)]
        self.assertEqual([m for _, _, m in self.world.players[1].messages], sent)
        self.assertEqual([m for _, _, m in player.messages], sent)

    def test_nothingMoved(self) -> None:
        """A player who just vanishes makes nobody take a new socket."""
        self.begin(14, (PORT_RESTRICTED,), lobby=True)
        self.world.players[3].crash()
        self.world.play(20.0)
        for number in (1, 2):
            self.assertEqual(self.world.players[number].sockets.reopened, 0)


class SleepTests(MovingTestCase):
    """Sleep and resume."""

    def test_suspended(self) -> None:
        """
        After 20 s of standing still packets flow again within 3 s, with and without a lobby;
        nobody concluded anything from its own sleep.
        """
        for seed, kinds in enumerate(ROUTERS):
            for lobby in (True, False):
                player = self.begin(20 + seed, kinds, lobby)
                player.machine.suspend(20.0)
                while player.machine.clock.suspended:
                    self.world.play(1 / 60)
                self.assertLess(self.untilFlowing(3.0), 3.0)
                self.assertEqual(player.sockets.reopened, 0)
                self.assertSameLinks(player)
                self.closeClean()

    def test_wokenElsewhere(self) -> None:
        """A machine that wakes up in another network has a new socket soon."""
        for lobby in (True, False):
            player = self.begin(30, (PORT_RESTRICTED,), lobby)
            player.machine.suspend(20.0)
            player.machine.readdress(self.elsewhere(player))
            while player.machine.clock.suspended:
                self.world.play(1 / 60)
            self.assertLess(self.untilFlowing(3.0), 3.0)
            self.assertEqual(player.sockets.reopened, 1)
            self.assertSameLinks(player)
            self.closeClean()

    def test_roundTrip(self) -> None:
        """What waited in the socket meanwhile does not count as a round trip."""
        player = self.begin(31, (None,), lobby=True)
        player.machine.suspend(20.0)
        while player.machine.clock.suspended:
            self.world.play(1 / 60)
        self.world.play(1.0)
        for report in player.mesh.report().values():
            assert report.round_trip is not None
            self.assertLess(report.round_trip, 0.1)


class RouteWatchTests(MeshTestCase):
    """Which of our addresses datagrams leave from."""

    def closeClean(self) -> None:
        """Nothing runs here."""

    def test_states(self) -> None:
        """The same, another, none, and the same again once that is what is remembered."""
        machine = WorldNetwork(1).machine("ada", "192.0.2.1")
        watch = RouteWatch(machine)
        self.assertIs(watch.state(), Route.SAME)
        for number in range(2 * HOSTS_LIMIT):
            watch.note(f"203.0.113.{number}")
        watch.note("nonsense")
        self.assertEqual(len(watch._sources), HOSTS_LIMIT)
        self.assertIs(watch.state(), Route.SAME)
        machine.readdress("192.0.2.2")
        self.assertIs(watch.state(), Route.OTHER)
        machine.readdress("2001:db8::1")
        self.assertIs(watch.state(), Route.NONE)
        machine.readdress("192.0.2.2")
        watch.renew()
        self.assertIs(watch.state(), Route.SAME)

    def test_closedSockets(self) -> None:
        """Closed sockets take no new port, whoever doubts."""
        world = MeshWorld(1, 1)
        sockets = world.players[1].sockets
        sockets.close()
        for doubt in Doubt:
            sockets.addressesMayHaveChanged(doubt)
        self.assertEqual(sockets.reopened, 0)
        world.relay.stop()


class _Broken:
    """A socket that the system lets send nothing."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.send_errors = 0
        self.closed = False

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """Refuse."""
        self.send_errors += 1
        return False

    def close(self) -> None:
        """Be closed."""
        self.closed = True


class _Opens:
    """A machine that opens sockets, and nothing else."""

    def __init__(self, openDatagramSocket: object) -> None:
        self.openDatagramSocket = openDatagramSocket
