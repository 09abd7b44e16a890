"""
Tests of L{gamenet.world.mapping_table}: its bounds, and that no port leads astray.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.seeded_random import SeededRandom
from gamenet.world.counters import WorldCounters
from gamenet.world.mapping_table import MappingTable
from gamenet.world.nat_behavior import (
    PORT_RESTRICTED,
    PORT_SENSITIVE_RANDOM,
    Filtering,
    Mapping,
    NatBehavior,
    PortChoice,
)
from tests.world_home import INSIDE, OUTSIDE, REMOTES, Home


class LimitTests(SynchronousTestCase):
    """The bounds of the table."""

    def table(self, **changes: Any) -> tuple[MappingTable, WorldCounters]:
        """Return an empty table of a symmetric NAT, and its counters."""
        counters = WorldCounters()
        behavior = evolve(PORT_SENSITIVE_RANDOM, **changes)
        return MappingTable(OUTSIDE, behavior, counters, SeededRandom(1)), counters

    def test_tableFull(self) -> None:
        """A full table takes nobody new until a mapping expires; who is in it goes on."""
        home = Home(evolve(PORT_SENSITIVE_RANDOM, table_limit=2, expiry=30.0))
        first = home.outside(REMOTES[0])
        home.network.advance(10.0)
        home.outside(REMOTES[1])
        self.assertIsNone(home.outside(REMOTES[2]))
        self.assertEqual(home.network.counters.nat_table_full, 1)
        self.assertEqual(home.outside(REMOTES[0]), first)
        home.network.advance(30.0)
        self.assertIsNotNone(home.outside(REMOTES[2]))
        self.assertEqual(home.network.counters.expired_mappings, 2)
        self.assertEqual(len(home.nat.datagram_mappings), 1)

    def test_portsFull(self) -> None:
        """Where every port is taken nobody new gets in, whatever the choice of ports."""
        for choice in PortChoice:
            table, counters = self.table(port_choice=choice, lowest_port=100, highest_port=109)
            made = [table.outbound(0.0, INSIDE, ("203.0.113.1", port)) for port in range(1, 12)]
            self.assertEqual(sum(mapping is not None for mapping in made), 10)
            ports = sorted(mapping.external[1] for mapping in made if mapping is not None)
            self.assertEqual(ports, list(range(100, 110)))
            self.assertEqual(counters.mappings, 10)

    def test_expiredPortsAreFree(self) -> None:
        """A port whose mapping expired is free again, although nobody missed it."""
        for choice in PortChoice:
            table, counters = self.table(
                port_choice=choice, lowest_port=100, highest_port=101, expiry=5.0
            )
            for number in range(20):
                made = table.outbound(number * 5.0, INSIDE, ("203.0.113.1", 1 + number))
                self.assertIsNotNone(made, choice)
            self.assertLessEqual(len(table), 2)
            self.assertEqual(counters.mappings, 20)
            self.assertEqual(counters.expired_mappings, 20 - len(table))

    def test_permissionLimit(self) -> None:
        """A mapping remembers no more endpoints than its limit, and forgets the oldest."""
        home = Home(evolve(PORT_RESTRICTED, permission_limit=2))
        external = home.outside(REMOTES[0])
        home.outside(REMOTES[1])
        home.outside(REMOTES[2])
        let_in = [home.letsIn(remote, external) for remote in REMOTES[:3]]
        self.assertEqual(let_in, [False, True, True])

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(
            st.tuples(st.integers(1, 6), st.integers(0, 3), st.floats(0.0, 20.0)), max_size=60
        ),
        st.sampled_from(list(Mapping)),
        st.sampled_from(list(PortChoice)),
        st.integers(0, 3),
    )
    def test_externalPortsAreUnique(
        self,
        flows: list[tuple[int, int, float]],
        mapping: Mapping,
        choice: PortChoice,
        seed: int,
    ) -> None:
        """No two live mappings share a port, and each leads back to who opened it."""
        behavior = NatBehavior(
            mapping=mapping,
            filtering=Filtering.ENDPOINT_INDEPENDENT,
            port_choice=choice,
            lowest_port=5000,
            highest_port=5031,
            expiry=30.0,
        )
        table = MappingTable(OUTSIDE, behavior, WorldCounters(), SeededRandom(seed))
        now = 0.0
        live: dict[int, tuple[float, Address]] = {}
        for host, remote, pause in flows:
            now += pause
            source = (f"192.168.1.{host}", 5000)
            made = table.outbound(now, source, REMOTES[remote])
            assert made is not None
            taken = live.get(made.external[1])
            if taken is not None and now - taken[0] < 30.0:
                self.assertEqual(taken[1], source)
            live[made.external[1]] = (now, source)
            for port, (used_at, owner) in live.items():
                back = table.inbound(now, REMOTES[0], port)
                if now - used_at < 30.0:
                    assert back is not None
                    self.assertEqual(back.internal, owner)
                else:
                    self.assertIsNone(back)
            live = {port: entry for port, entry in live.items() if now - entry[0] < 30.0}
