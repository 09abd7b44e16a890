"""
Tests of L{gamenet.world.trace}, and that a world is the same whenever and wherever it runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.world.link import LinkProfile
from gamenet.world.network import WorldNetwork
from gamenet.world.trace import CLOSED, CONNECTED, DATAGRAM, WRITTEN, Trace
from tests.world_scenario import runScenario
from tests.world_streams import Wire

ROOT = Path(__file__).parent.parent

#: What every Python makes of seed 1.  It changes with what the world does, and with
#: nothing else; C{python -m tests.world_scenario 1} tells.
GOLDEN = "e2d23468bd071a61fa37ba7b0e895935"

#: What happens in the scenario.
HAPPENS = """
delivered lost duplicated reordered congested partitioned expired_ttl no_route filtered_by_nat
blocked_by_nat hairpin_refused mappings expired_mappings forgotten_mappings buffer_overflow
suspensions wall_clock_steps partitions heals streams_opened streams_refused streams_stalled
stream_retransmissions
"""

NOTE = (DATAGRAM, 1.0, 1, ("203.0.113.1", 1000), ("203.0.113.2", 2000), b"data")


def scenarioElsewhere(python: str, hash_seed: str, seed: int = 1, **environment: str) -> str:
    """Return the trace hash of the scenario in a process of its own."""
    done = subprocess.run(
        [python, "-m", "tests.world_scenario", str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()[0]


class TraceTests(SynchronousTestCase):
    """L{Trace}."""

    def hashOf(self, *notes: tuple[int, float, int, Address, Address, bytes]) -> str:
        """Return the hash over what was noted."""
        trace = Trace()
        for note in notes:
            trace.note(*note)
        return trace.hexadecimal()

    def test_everythingCounts(self) -> None:
        """The kind, the time to its last bit, the machine, both addresses and every byte count."""
        kind, now, machine, source, destination, data = NOTE
        different = [
            (WRITTEN, now, machine, source, destination, data),
            (CONNECTED, now, machine, source, destination, data),
            (CLOSED, now, machine, source, destination, data),
            (kind, 1.0000000000000002, machine, source, destination, data),
            (kind, now, 2, source, destination, data),
            (kind, now, machine, ("203.0.113.3", 1000), destination, data),
            (kind, now, machine, ("203.0.113.1", 1001), destination, data),
            (kind, now, machine, source, ("203.0.113.3", 2000), data),
            (kind, now, machine, source, ("203.0.113.2", 2001), data),
            (kind, now, machine, destination, source, data),
            (kind, now, machine, source, destination, b"date"),
            (kind, now, machine, source, destination, b""),
        ]
        hashes = [self.hashOf(note) for note in [NOTE, *different]]
        hashes += [self.hashOf(), self.hashOf(NOTE, NOTE), self.hashOf(NOTE, different[0])]
        hashes.append(self.hashOf(different[0], NOTE))
        self.assertEqual(len(dict.fromkeys(hashes)), len(hashes))
        self.assertEqual(self.hashOf(NOTE), hashes[0])
        self.assertEqual(len(hashes[0]), 32)

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.binary(max_size=8), max_size=30), st.lists(st.booleans(), max_size=30))
    def test_asking(self, payloads: list[bytes], asked: list[bool]) -> None:
        """Asking for the hash, at any time and however often, does not change it."""
        silent, nosy = Trace(), Trace()
        for number, payload in enumerate(payloads):
            for trace in (silent, nosy):
                trace.note(DATAGRAM, 0.1 * number, 1, NOTE[3], NOTE[4], payload)
            if asked[number : number + 1] == [True]:
                nosy.hexadecimal()
        self.assertEqual(nosy.hexadecimal(), silent.hexadecimal())
        self.assertEqual(nosy.hexadecimal(), silent.hexadecimal())
        self.assertEqual(nosy.entries, len(payloads))

    def test_boundaries(self) -> None:
        """Bytes that move from one datagram to the next change the hash."""
        start = NOTE[:5]
        self.assertNotEqual(
            self.hashOf((*start, b"ab"), (*start, b"c")),
            self.hashOf((*start, b"a"), (*start, b"bc")),
        )

    def test_long(self) -> None:
        """A long trace keeps no more than a little in memory, and counts to the last byte."""
        trace, other = Trace(), Trace()
        for number in range(20_000):
            trace.note(DATAGRAM, float(number), 1, ("203.0.113.1", number), NOTE[4], b"x" * 100)
            other.note(DATAGRAM, float(number), 1, ("203.0.113.1", number), NOTE[4], b"x" * 100)
        other.note(DATAGRAM, 20_000.0, 1, NOTE[3], NOTE[4], b"")
        self.assertLess(len(trace._pending), 5_000)
        self.assertNotEqual(trace.hexadecimal(), other.hexadecimal())


class WhatIsTracedTests(SynchronousTestCase):
    """What of a world goes into its hash."""

    def test_datagrams(self) -> None:
        """Every datagram that is sent, lost or not, and none that is refused."""
        network = WorldNetwork(1)
        machine = network.machine("one", "203.0.113.1", profile=LinkProfile(loss=1.0))
        socket = machine.openDatagramSocket(lambda *_: None)
        hashes = [network.traceHash()]
        for data, address in [
            (b"a", ("203.0.113.9", 5)),
            (b"a", ("203.0.113.9", 5)),
            (b"b", ("127.0.0.1", 5)),
        ]:
            self.assertTrue(socket.send(data, address))
            hashes.append(network.traceHash())
        self.assertEqual(len(dict.fromkeys(hashes)), 4)
        socket.send(b"x" * 65_508, ("203.0.113.9", 5))
        socket.send(b"x", ("nowhere", 5))
        network.advance(1.0)
        self.assertEqual(network.traceHash(), hashes[-1])
        self.assertEqual(network.trace.entries, 3)

    def test_streams(self) -> None:
        """Connecting, every write, and how it is closed."""
        closers = ("loseConnection", "abortConnection", "loseWriteConnection")
        hashes = []
        for closer in closers:
            wire = Wire()
            near, far = wire.connect()
            self.assertEqual(wire.network.trace.entries, 1)
            near.transport.write(b"one")
            far.transport.write(b"two")
            self.assertEqual(wire.network.trace.entries, 3)
            wire.network.advance(1.0)
            before = wire.network.traceHash()
            getattr(near.transport, closer)()
            wire.network.advance(1.0)
            self.assertNotEqual(wire.network.traceHash(), before)
            hashes.append(wire.network.traceHash())
        self.assertEqual(len(dict.fromkeys(hashes[:2])), 2)


class DeterminismTests(SynchronousTestCase):
    """Done when: the same seed gives the same trace hash, everywhere."""

    def test_golden(self) -> None:
        """This Python gives what every Python gives."""
        self.assertEqual(runScenario(1).traceHash(), GOLDEN)

    def test_anotherSeed(self) -> None:
        """Every seed is another world; a bit of everything happens in them together."""
        worlds = [runScenario(seed) for seed in (1, 2, 3, 4)]
        self.assertEqual(len(dict.fromkeys(world.traceHash() for world in worlds)), 4)
        counted = [world.counters.asDict() for world in worlds]
        for name in HAPPENS.split():
            self.assertGreater(sum(counters[name] for counters in counted), 0, name)

    def test_anotherHashSeed(self) -> None:
        """Another process with another PYTHONHASHSEED gives the same."""
        self.assertEqual(scenarioElsewhere(sys.executable, "4242"), GOLDEN)

    def test_partsDoNotDisturbEachOther(self) -> None:
        """What happens between two machines is the same whoever else is in the world."""

        def arrivals(company: int) -> list[tuple[float, bytes]]:
            network = WorldNetwork(9)
            profile = LinkProfile(latency=0.02, jitter=0.02, loss=0.1, duplication=0.1)
            for number in range(company):
                network.nat(f"other nat {number}", f"198.51.100.{number + 10}", profile=profile)
                other = network.machine(
                    f"other {number}", "192.168.1.2", f"other nat {number}", profile
                )
                other.openDatagramSocket(lambda *_: None).send(b"x", ("203.0.113.1", 1))
                other.randomBytes(5)
            network.nat("nat", "198.51.100.1", profile=profile)
            one = network.machine("one", "192.168.1.2", "nat")
            two = network.machine("two", "203.0.113.2", profile=profile)
            arrived: list[tuple[float, bytes]] = []
            two.openDatagramSocket(
                lambda data, address: arrived.append((network.clock.seconds(), data)), port=1000
            )
            sender = one.openDatagramSocket(lambda *_: None)
            for number in range(100):
                network.clock.callLater(
                    number * 0.01, sender.send, one.randomBytes(4), ("203.0.113.2", 1000)
                )
            network.advance(5.0)
            return arrived

        alone = arrivals(0)
        self.assertGreater(len(alone), 50)
        self.assertEqual(arrivals(5), alone)
