"""
Tests of streams in trouble: partitions, stalls, routers that reboot, machines that vanish.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet.error import ConnectionDone, ConnectionLost, TimeoutError
from twisted.trial.unittest import SynchronousTestCase

from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import DATAGRAMS_BLOCKED, PORT_RESTRICTED
from gamenet.world.network import WorldNetwork
from gamenet.world.stream_path import StreamLimits
from tests.world_streams import SERVER, RecorderFactory, Wire


class PartitionTests(SynchronousTestCase):
    """Partitions stall streams; healing lets them go on."""

    def setUp(self) -> None:
        self.wire = Wire(1, LinkProfile(latency=0.1), StreamLimits(stall=30.0))
        self.network = self.wire.network

    def test_stalledData(self) -> None:
        """Data of a partition's time is delivered after healing, in order, and once."""
        for one_way in (False, True):
            near, far = self.wire.connect()
            near.transport.write(b"before ")
            self.network.advance(1.0)
            self.network.partition(["client"], ["server"], one_way=one_way)
            near.transport.write(b"during ")
            far.transport.write(b"back")
            self.network.advance(20.0)
            near.transport.write(b"still ")
            self.network.advance(5.0)
            self.assertEqual((far.received, near.received), (b"before ", b""))
            self.network.heal()
            near.transport.write(b"after")
            self.network.advance(1.0)
            self.assertEqual((far.received, near.received), (b"before during still after", b"back"))
            self.assertEqual(near.lostBy() + far.lostBy(), [])
        self.assertGreater(self.network.counters.streams_stalled, 3)

    def test_onItsWay(self) -> None:
        """What is on its way as a partition begins waits as well, and keeps its order."""
        near, far = self.wire.connect()
        near.transport.write(b"1")
        self.network.advance(0.05)
        self.network.partition(["client"], ["server"])
        near.transport.write(b"2")
        self.network.advance(5.0)
        self.assertEqual(far.received, b"")
        self.assertEqual(self.network.counters.streams_stalled, 2)
        self.network.heal()
        self.network.advance(1.0)
        self.assertEqual(far.received, b"12")

    def test_stallOfABusyStream(self) -> None:
        """Saying more and more into a stalled stream does not make it last any longer."""
        near, _ = self.wire.connect()
        self.network.partition(["client"], ["server"])
        for _ in range(31):
            near.transport.write(b"x")
            self.network.advance(1.0)
        self.assertEqual(near.lostBy(), [ConnectionLost])

    def test_stalledBeyondTheLimit(self) -> None:
        """With something to deliver for 30 s, both ends lose the connection; not before."""
        near, far = self.wire.connect()
        self.network.partition(["client"], ["server"])
        near.transport.setTcpNoDelay(True)
        near.transport.write(b"never")
        self.network.advance(30.09)
        self.assertEqual(near.lostBy() + far.lostBy(), [])
        self.network.advance(0.02)
        self.assertEqual((near.lostBy(), far.lostBy()), ([ConnectionLost], [ConnectionLost]))
        self.assertEqual(self.network.counters.streams_aborted, 1)
        self.network.heal()
        self.network.advance(60.0)
        self.assertEqual(far.received, b"")
        self.assertEqual(len(self.wire.client.stream_host.registry.streams), 0)

    def test_eachStallOnItsOwn(self) -> None:
        """Two stalls of 20 s, healed in between, are none of 40 s."""
        near, far = self.wire.connect()
        for number in range(3):
            self.network.partition(["client"], ["server"])
            near.transport.write(b"x")
            self.network.advance(20.0)
            self.network.heal()
            self.network.advance(1.0 + number)
        self.assertEqual(far.received, b"xxx")
        self.assertEqual(near.lostBy(), [])

    def test_idleStreamsDoNotNotice(self) -> None:
        """Nobody who has nothing to say notices a partition, however long: as with TCP."""
        near, far = self.wire.connect()
        self.network.advance(1.0)
        self.network.partition(["client"], ["server"])
        self.network.advance(600.0)
        self.network.heal()
        near.transport.write(b"hello")
        self.network.advance(1.0)
        self.assertEqual(far.received, b"hello")

    def test_closeWaits(self) -> None:
        """An end that closes in a partition is done; the other is once it is healed."""
        near, far = self.wire.connect()
        self.network.partition(["client"], ["server"])
        near.transport.write(b"bye")
        near.transport.loseConnection()
        self.network.advance(5.0)
        self.assertEqual((near.lostBy(), far.lostBy()), ([ConnectionDone], []))
        self.network.heal()
        self.network.advance(1.0)
        self.assertEqual((far.received, far.lostBy()), (b"bye", [ConnectionDone]))

    def test_closeNeverHeard(self) -> None:
        """Where it is not healed in time the other end's connection is lost."""
        near, far = self.wire.connect()
        self.network.partition(["client"], ["server"])
        near.transport.loseConnection()
        self.network.advance(40.0)
        self.assertEqual((near.lostBy(), far.lostBy()), ([ConnectionDone], [ConnectionLost]))

    def test_connectingWaits(self) -> None:
        """A connection attempt of a partition's time succeeds after healing."""
        self.network.partition(["client"], ["server"])
        endpoint = self.wire.client.streamClientEndpoint(f"tcp:{SERVER}:7770:timeout=10")
        connecting = endpoint.connect(self.wire.connecting)
        self.network.advance(5.0)
        self.assertNoResult(connecting)
        self.network.heal()
        near = self.network.runUntil(connecting, 1.0)
        self.assertEqual(near.made, 1)

    def test_connectingTimesOut(self) -> None:
        """Unhealed, it fails with TimeoutError at its timeout, on the machine's own clock."""
        slow = self.network.machine("slow", "203.0.113.9", drift_ppm=-500.0)
        self.network.partition(["slow"], ["server"])
        factory = RecorderFactory()
        connecting = slow.streamClientEndpoint(f"tcp:{SERVER}:7770:timeout=10").connect(factory)
        self.network.advance(10.0)
        self.assertNoResult(connecting)
        self.network.advance(0.0051)
        self.failureResultOf(connecting, TimeoutError)
        self.assertEqual(self.network.counters.streams_timed_out, 1)
        self.assertEqual((factory.started, factory.stopped, factory.built), (1, 1, []))
        self.network.heal()
        self.network.advance(60.0)
        self.assertEqual(self.wire.accepted.built, [])
        self.assertEqual(len(self.wire.client.stream_host.registry.streams), 0)

    def test_connectingStalls(self) -> None:
        """An attempt more patient than the limit of stalls ends with it."""
        self.network.partition(["client"], ["server"])
        endpoint = self.wire.client.streamClientEndpoint(f"tcp:{SERVER}:7770:timeout=100")
        connecting = endpoint.connect(self.wire.connecting)
        self.network.advance(31.0)
        self.failureResultOf(connecting, TimeoutError)
        self.assertEqual(len(self.wire.client.stream_host.registry.streams), 0)


class RouterTests(SynchronousTestCase):
    """Streams through NATs."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1, stream_limits=StreamLimits(stall=10.0))
        self.server = self.network.machine("server", SERVER)
        self.carrier = self.network.nat("carrier", "198.51.100.1", PORT_RESTRICTED)
        self.home = self.network.nat("home", "100.64.0.2", DATAGRAMS_BLOCKED, behind="carrier")
        self.player = self.network.machine("player", "192.168.1.2", "home")
        self.accepted, self.connecting = RecorderFactory(), RecorderFactory()
        self.server.streamServerEndpoint("tcp:7770").listen(self.accepted)
        self.endpoint = self.player.streamClientEndpoint(f"tcp:{SERVER}:7770:timeout=5")

    def connect(self) -> tuple[object, object]:
        """Return both protocols of a new connection."""
        near = self.network.runUntil(self.endpoint.connect(self.connecting), 5.0)
        self.network.advance(1.0)
        return near, self.accepted.built[-1]

    def test_outward(self) -> None:
        """Streams pass outward, where datagrams do not; the server sees the outermost address."""
        near, far = self.connect()
        self.assertEqual(far.transport.getPeer().host, "198.51.100.1")
        self.assertEqual(near.transport.getHost().host, "192.168.1.2")
        far.transport.write(b"in")
        near.transport.write(b"out")
        self.network.advance(1.0)
        self.assertEqual((near.received, far.received), (b"in", b"out"))
        self.assertEqual(len(self.home.stream_mappings), 1)
        self.assertEqual(len(self.home.datagram_mappings), 0)
        self.network.advance(1_000.0)
        far.transport.write(b" still")
        self.network.advance(1.0)
        self.assertEqual(near.received, b"in still")

    def test_mappingsAreReleased(self) -> None:
        """A closed stream's mappings are free again, of the attempts that failed too."""
        near, _ = self.connect()
        near.transport.loseConnection()
        refused = self.player.streamClientEndpoint(f"tcp:{SERVER}:1").connect(self.connecting)
        nobody = self.player.streamClientEndpoint("tcp:203.0.113.9:1:timeout=1")
        unanswered = nobody.connect(self.connecting)
        self.network.advance(2.0)
        self.failureResultOf(refused)
        self.failureResultOf(unanswered, TimeoutError)
        self.assertEqual(len(self.home.stream_mappings), 0)
        self.assertEqual(len(self.carrier.stream_mappings), 0)
        self.assertEqual(self.network.counters.no_route, 1)

    def test_inward(self) -> None:
        """Nobody connects inward, nor back to the own router: attempts go unanswered."""
        self.player.streamServerEndpoint("tcp:7770").listen(self.accepted)
        for machine, host in [
            (self.server, "198.51.100.1"),
            (self.player, "198.51.100.1"),
            (self.player, "100.64.0.2"),
        ]:
            attempt = machine.streamClientEndpoint(f"tcp:{host}:7770:timeout=5")
            connecting = attempt.connect(self.connecting)
            self.network.advance(6.0)
            self.failureResultOf(connecting, TimeoutError)
        self.assertEqual(self.network.counters.filtered_by_nat, 3)
        self.assertEqual(self.accepted.built, [])

    def test_neighbors(self) -> None:
        """Machines behind one NAT connect to each other without it."""
        neighbor = self.network.machine("neighbor", "192.168.1.3", "home")
        neighbor.streamServerEndpoint("tcp:1").listen(self.accepted)
        attempt = self.player.streamClientEndpoint("tcp:192.168.1.3:1").connect(self.connecting)
        self.network.runUntil(attempt, 1.0)
        self.network.advance(1.0)
        self.assertEqual(self.accepted.addresses[0].host, "192.168.1.2")
        self.assertEqual(self.network.counters.mappings, 0)

    def test_forget(self) -> None:
        """A rebooted router cuts streams off: who says something loses the connection."""
        near, far = self.connect()
        idle = self.connect()
        self.carrier.forget()
        self.assertEqual(self.network.counters.forgotten_mappings, 2)
        near.transport.write(b"hello?")
        self.network.advance(5.0)
        self.network.heal()
        self.network.advance(5.1)
        self.assertEqual((near.lostBy(), far.lostBy()), ([ConnectionLost], [ConnectionLost]))
        self.assertEqual(idle[0].lostBy() + idle[1].lostBy(), [])
        near, far = self.connect()
        near.transport.write(b"anew")
        self.network.advance(1.0)
        self.assertEqual(far.received, b"anew")
        self.assertEqual(len(self.carrier.stream_mappings), 1)

    def test_tableFull(self) -> None:
        """Where a router has no room left for a stream the attempt goes unanswered."""
        self.home.replaceBehavior(evolve(PORT_RESTRICTED, table_limit=1))
        self.connect()
        self.network.advance(1_000.0)
        connecting = self.endpoint.connect(self.connecting)
        self.network.advance(6.0)
        self.failureResultOf(connecting, TimeoutError)
        self.assertEqual(self.network.counters.nat_table_full, 1)
        self.assertEqual(len(self.carrier.stream_mappings), 1)

    def test_latency(self) -> None:
        """A stream takes the latencies of every link on its way."""
        for name, latency in (("server", 0.1), ("carrier", 0.2), ("home", 0.4), ("player", 0.8)):
            self.network.setProfile(name, LinkProfile(latency=latency))
        connecting = self.endpoint.connect(self.connecting)
        self.network.advance(2.999)
        self.assertNoResult(connecting)
        self.network.advance(0.002)
        self.successResultOf(connecting)

    def test_partitionedRouter(self) -> None:
        """A partition of a router stalls the streams of everyone behind it."""
        near, far = self.connect()
        self.network.partition(["carrier"], ["server"])
        near.transport.write(b"late")
        self.network.advance(5.0)
        self.assertEqual(far.received, b"")
        self.network.heal()
        self.network.advance(1.0)
        self.assertEqual(far.received, b"late")


class VanishedMachineTests(SynchronousTestCase):
    """Machines that lose power."""

    def setUp(self) -> None:
        self.wire = Wire(1, LinkProfile(latency=0.1), StreamLimits(stall=10.0))
        self.network = self.wire.network

    def test_writerNotices(self) -> None:
        """Whoever writes to a machine that is gone loses the connection after the limit."""
        near, far = self.wire.connect()
        self.wire.server.stop()
        near.transport.write(b"hello?")
        self.network.advance(9.0)
        self.assertEqual(near.lostBy(), [])
        self.network.advance(2.0)
        self.assertEqual((near.lostBy(), far.lostBy()), ([ConnectionLost], []))
        self.assertEqual(len(self.wire.client.stream_host.registry.streams), 0)

    def test_readerDoesNot(self) -> None:
        """Whoever only listens to it waits for ever: heartbeats are for that."""
        near, far = self.wire.connect()
        far.transport.write(b"last")
        self.network.advance(0.05)
        self.wire.server.stop()
        self.network.advance(1_000.0)
        self.assertEqual(near.lostBy(), [])

    def test_heldUpAsItVanished(self) -> None:
        """What a partition held up of a machine that is gone by its healing never arrives."""
        near, far = self.wire.connect()
        far.transport.write(b"held")
        self.network.advance(0.05)
        far.transport.write(b"on its way")
        self.network.partition(["client"], ["server"])
        self.network.advance(0.09)
        self.wire.server.stop()
        self.network.advance(20.0)
        self.network.heal()
        self.network.advance(100.0)
        self.assertEqual((near.received, near.lostBy()), (b"", []))

    def test_connectingToIt(self) -> None:
        """Nobody answers who connects to it, or was about to be connected."""
        endpoint = self.wire.client.streamClientEndpoint(f"tcp:{SERVER}:7770:timeout=5")
        before = endpoint.connect(self.wire.connecting)
        self.network.advance(0.05)
        self.wire.server.stop()
        after = endpoint.connect(self.wire.connecting)
        self.network.advance(6.0)
        self.failureResultOf(before, TimeoutError)
        self.failureResultOf(after, TimeoutError)
        self.assertEqual(self.network.counters.unreachable, 1)

    def test_itself(self) -> None:
        """On the machine itself nothing is told to anybody, not even that an attempt failed."""
        near, far = self.wire.connect()
        connecting = self.wire.client.streamClientEndpoint(f"tcp:{SERVER}:7770").connect(
            self.wire.connecting
        )
        far.transport.write(b"x")
        self.wire.client.stop()
        self.network.advance(100.0)
        self.assertNoResult(connecting)
        self.assertEqual((near.received, near.lostBy()), (b"", []))
        self.assertEqual(far.lostBy(), [ConnectionLost])

    def test_replaced(self) -> None:
        """A machine in its place takes new connections, and knows nothing of the old ones."""
        near, _ = self.wire.connect()
        self.wire.server.stop()
        again = self.network.machine("server", SERVER)
        again.streamServerEndpoint("tcp:7770").listen(self.wire.accepted)
        anew, far = self.wire.connect()
        near.transport.write(b"old")
        anew.transport.write(b"new")
        self.network.advance(20.0)
        self.assertEqual(far.received, b"new")
        self.assertEqual((near.lostBy(), anew.lostBy()), ([ConnectionLost], []))
