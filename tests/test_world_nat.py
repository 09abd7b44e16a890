"""
Tests of L{gamenet.world.nat} and L{gamenet.world.nat_behavior}: every kind of NAT in
RFC 4787's terms.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.world.nat_behavior import (
    DATAGRAMS_BLOCKED,
    FULL_CONE,
    PORT_RESTRICTED,
    PORT_SENSITIVE_RANDOM,
    PORT_SENSITIVE_SEQUENTIAL,
    PRESETS,
    Filtering,
    Mapping,
    NatBehavior,
    PortChoice,
)
from tests.world_home import INSIDE, OUTSIDE, REMOTES, Home


class BehaviorTests(SynchronousTestCase):
    """L{NatBehavior} and the presets."""

    def test_impossible(self) -> None:
        """A behavior that no NAT can have is refused by name."""
        for name, value in [
            ("expiry", 0.0),
            ("expiry", float("nan")),
            ("port_delta", 0),
            ("table_limit", 0),
            ("permission_limit", 0),
            ("lowest_port", 0),
            ("highest_port", 65_536),
        ]:
            impossible: dict[str, Any] = {name: value}
            error = self.assertRaises(BadSetting, NatBehavior, **impossible)
            self.assertIn(name, str(error))
        self.assertRaises(BadSetting, NatBehavior, lowest_port=2000, highest_port=1999)
        NatBehavior(lowest_port=2000, highest_port=2000)

    def test_presets(self) -> None:
        """The presets are the kinds of the NAT laboratory's table."""
        independent, address, port = Filtering
        self.assertEqual(
            {
                name: (preset.mapping.name, preset.filtering, preset.port_choice, preset.datagrams)
                for name, preset in PRESETS.items()
            },
            {
                "FULL_CONE": ("ENDPOINT_INDEPENDENT", independent, PortChoice.PRESERVING, True),
                "ADDRESS_RESTRICTED": (
                    "ENDPOINT_INDEPENDENT",
                    address,
                    PortChoice.PRESERVING,
                    True,
                ),
                "PORT_RESTRICTED": ("ENDPOINT_INDEPENDENT", port, PortChoice.PRESERVING, True),
                "ADDRESS_SENSITIVE": ("ADDRESS_DEPENDENT", port, PortChoice.SEQUENTIAL, True),
                "PORT_SENSITIVE_SEQUENTIAL": (
                    "ADDRESS_AND_PORT_DEPENDENT",
                    port,
                    PortChoice.SEQUENTIAL,
                    True,
                ),
                "PORT_SENSITIVE_RANDOM": (
                    "ADDRESS_AND_PORT_DEPENDENT",
                    port,
                    PortChoice.RANDOM,
                    True,
                ),
                "DATAGRAMS_BLOCKED": ("ENDPOINT_INDEPENDENT", port, PortChoice.PRESERVING, False),
            },
        )
        self.assertIs(PRESETS["FULL_CONE"], FULL_CONE)


class EveryKindTests(SynchronousTestCase):
    """All nine combinations of mapping and filtering, times the three choices of ports."""

    def test_mapping(self) -> None:
        """Two destinations see the same external port exactly where the mapping says so."""
        for mapping, filtering, choice in product(Mapping, Filtering, PortChoice):
            home = Home(NatBehavior(mapping=mapping, filtering=filtering, port_choice=choice))
            seen = [home.outside(remote) for remote in REMOTES]
            self.assertTrue(all(address and address[0] == OUTSIDE for address in seen))
            expected = {
                Mapping.ENDPOINT_INDEPENDENT: [0, 0, 0, 0],
                Mapping.ADDRESS_DEPENDENT: [0, 0, 1, 1],
                Mapping.ADDRESS_AND_PORT_DEPENDENT: [0, 1, 2, 3],
            }[mapping]
            ports = list(dict.fromkeys(seen))
            grouped = [ports.index(address) for address in seen]
            self.assertEqual(grouped, expected, (mapping, choice))
            self.assertEqual([home.outside(remote) for remote in REMOTES], seen, "it is kept")
            self.assertEqual(home.network.counters.mappings, len(ports))
            self.assertEqual(len(home.nat.datagram_mappings), len(ports))

    def test_filtering(self) -> None:
        """A mapping lets in whom the filtering says: before and after they were sent to."""
        sent_to, same_host, other = REMOTES[0], REMOTES[1], REMOTES[2]
        for mapping, filtering, choice in product(Mapping, Filtering, PortChoice):
            home = Home(NatBehavior(mapping=mapping, filtering=filtering, port_choice=choice))
            external = home.outside(sent_to)
            expected = {
                Filtering.ENDPOINT_INDEPENDENT: (True, True, True),
                Filtering.ADDRESS_DEPENDENT: (True, True, False),
                Filtering.ADDRESS_AND_PORT_DEPENDENT: (True, False, False),
            }[filtering]
            let_in = tuple(home.letsIn(remote, external) for remote in (sent_to, same_host, other))
            self.assertEqual(let_in, expected, (mapping, filtering, choice))
            self.assertEqual(home.network.counters.filtered_by_nat, expected.count(False))
            self.assertFalse(home.letsIn(sent_to, (OUTSIDE, 999)), "nobody's port")
            home.outside(other)
            opened = (
                mapping is Mapping.ENDPOINT_INDEPENDENT
                or filtering is Filtering.ENDPOINT_INDEPENDENT
            )
            self.assertEqual(home.letsIn(other, external), opened, (mapping, filtering, choice))

    def test_inboundGoesToTheInside(self) -> None:
        """What comes in carries the sender's address and reaches the socket that sent."""
        home = Home(FULL_CONE)
        external = home.outside(REMOTES[0])
        self.assertTrue(home.letsIn(REMOTES[3], external))
        self.assertEqual(home.received, [(b"in", REMOTES[3])])

    def test_preserving(self) -> None:
        """The internal port is kept; taken, the next free one is used, round the range's end."""
        behavior = evolve(PORT_SENSITIVE_RANDOM, port_choice=PortChoice.PRESERVING)
        home = Home(behavior)
        ports = [address[1] for address in map(home.outside, REMOTES) if address]
        self.assertEqual(ports, [5000, 5001, 5002, 5003])
        home = Home(evolve(behavior, lowest_port=4998, highest_port=5001))
        ports = [address[1] for address in map(home.outside, REMOTES) if address]
        self.assertEqual(ports, [5000, 5001, 4998, 4999])
        for lowest, highest, port in [
            (6000, 7000, 6000),
            (1024, 4999, 1024),
            (5000, 7000, 5000),
            (1024, 5000, 5000),
        ]:
            home = Home(evolve(behavior, lowest_port=lowest, highest_port=highest))
            self.assertEqual(home.outside(REMOTES[0]), (OUTSIDE, port))

    def test_sequential(self) -> None:
        """Ports go on by the delta from a start that the seed chooses, and wrap."""
        starts = {}
        for seed in range(5):
            home = Home(evolve(PORT_SENSITIVE_SEQUENTIAL, port_delta=2), seed)
            ports = [address[1] for address in map(home.outside, REMOTES) if address]
            self.assertEqual([port - ports[0] for port in ports], [0, 2, 4, 6])
            starts[ports[0]] = seed
        self.assertGreater(len(starts), 3)
        home = Home(evolve(PORT_SENSITIVE_SEQUENTIAL, lowest_port=7000, highest_port=7002))
        ports = [address[1] for address in map(home.outside, REMOTES[:3]) if address]
        self.assertEqual(sorted(ports), [7000, 7001, 7002])
        self.assertIn(ports[1] - ports[0], (1, -2))

    def test_random(self) -> None:
        """Random ports have no order, stay within the range, and follow from the seed."""
        behavior = evolve(PORT_SENSITIVE_RANDOM, lowest_port=30_000, highest_port=39_999)
        drawn = []
        for seed in (1, 2, 1):
            home = Home(behavior, seed)
            ports = [address[1] for address in map(home.outside, REMOTES) if address]
            self.assertEqual(len(dict.fromkeys(ports)), 4)
            self.assertTrue(all(30_000 <= port <= 39_999 for port in ports))
            drawn.append(ports)
        self.assertEqual(drawn[0], drawn[2])
        self.assertNotEqual(drawn[0], drawn[1])
        self.assertNotIn(drawn[0][1] - drawn[0][0], (1, 2, -1, -2))

    def test_twoSocketsTwoPorts(self) -> None:
        """No two inside endpoints ever share an external port, whatever the choice."""
        for choice in PortChoice:
            home = Home(NatBehavior(port_choice=choice))
            neighbor = home.network.machine("neighbor", "192.168.1.3", behind="home")
            first = home.outside(REMOTES[0])
            neighbor.openDatagramSocket(lambda *_: None, port=INSIDE[1]).send(b"", REMOTES[0])
            home.network.advance(0.0)
            self.assertNotEqual(home.seen[REMOTES[0]][-1], first)

    def test_blocked(self) -> None:
        """Where datagrams are blocked none passes either way, and each is counted."""
        home = Home(DATAGRAMS_BLOCKED)
        self.assertIsNone(home.outside(REMOTES[0]))
        self.assertFalse(home.letsIn(REMOTES[0], (OUTSIDE, INSIDE[1])))
        self.assertEqual(home.network.counters.blocked_by_nat, 2)
        self.assertEqual(home.network.counters.filtered_by_nat, 0)
        self.assertEqual(home.network.counters.mappings, 0)


class ExpiryTests(SynchronousTestCase):
    """Mappings that end."""

    def test_expiry(self) -> None:
        """A mapping unused for its expiry is gone, to the instant; the next one is another."""
        home = Home(evolve(PORT_SENSITIVE_RANDOM, expiry=30.0))
        first = home.outside(REMOTES[0])
        home.network.advance(29.999)
        self.assertTrue(home.letsIn(REMOTES[0], first))
        home.network.advance(0.001)
        self.assertFalse(home.letsIn(REMOTES[0], first))
        self.assertEqual(home.network.counters.expired_mappings, 1)
        self.assertNotEqual(home.outside(REMOTES[0]), first)
        self.assertEqual(home.network.counters.expired_mappings, 1, "each is counted once")
        self.assertEqual(len(home.nat.datagram_mappings), 1)

    def test_outboundRefreshes(self) -> None:
        """RFC 4787 REQ-6: what goes out keeps the mapping alive."""
        home = Home(evolve(PORT_SENSITIVE_RANDOM, expiry=30.0))
        first = home.outside(REMOTES[0])
        for _ in range(5):
            home.network.advance(29.0)
            self.assertEqual(home.outside(REMOTES[0]), first)
        self.assertTrue(home.letsIn(REMOTES[0], first))
        home.network.advance(30.0)
        self.assertNotEqual(home.outside(REMOTES[0]), first, "found expired by what goes out")
        self.assertEqual(home.network.counters.expired_mappings, 1)

    def test_inboundRefreshes(self) -> None:
        """What comes in keeps a mapping alive only where the NAT is of that kind."""
        for filtering, refreshed in product(Filtering, (True, False)):
            home = Home(NatBehavior(filtering=filtering, refreshed_inbound=refreshed, expiry=30.0))
            external = home.outside(REMOTES[0])
            home.network.advance(20.0)
            self.assertTrue(home.letsIn(REMOTES[0], external))
            home.network.advance(20.0)
            self.assertEqual(home.letsIn(REMOTES[0], external), refreshed, filtering)

    def test_filteredDoesNotRefresh(self) -> None:
        """What is not let in keeps nothing alive."""
        home = Home(evolve(PORT_RESTRICTED, refreshed_inbound=True, expiry=30.0))
        external = home.outside(REMOTES[0])
        home.network.advance(20.0)
        self.assertFalse(home.letsIn(REMOTES[1], external))
        home.network.advance(20.0)
        self.assertFalse(home.letsIn(REMOTES[0], external))

    def test_permissionsExpireOneByOne(self) -> None:
        """A mapping kept alive toward one endpoint does not stay open for another."""
        home = Home(evolve(PORT_RESTRICTED, expiry=30.0))
        external = home.outside(REMOTES[0])
        home.outside(REMOTES[1])
        home.network.advance(15.0)
        home.outside(REMOTES[0])
        self.assertTrue(home.letsIn(REMOTES[1], external), "which refreshes nothing")
        home.network.advance(14.5)
        self.assertTrue(home.letsIn(REMOTES[1], external))
        home.network.advance(0.5)
        self.assertTrue(home.letsIn(REMOTES[0], external))
        self.assertFalse(home.letsIn(REMOTES[1], external))
        self.assertEqual(home.network.counters.expired_mappings, 0)

    def test_expiredPortIsFree(self) -> None:
        """The port of an expired mapping can be preserved for another inside host, at once."""
        for after, port in ((29.999, 5001), (30.0, 5000)):
            home = Home(evolve(PORT_RESTRICTED, expiry=30.0))
            home.outside(REMOTES[0])
            neighbor = home.network.machine("neighbor", "192.168.1.3", behind="home")
            socket = neighbor.openDatagramSocket(lambda *_: None, port=5000)
            home.network.advance(after)
            socket.send(b"", REMOTES[0])
            home.network.advance(0.0)
            self.assertEqual(home.seen[REMOTES[0]][-1], (OUTSIDE, port))

    def test_forget(self) -> None:
        """A rebooted NAT knows no mapping any more, and counts what it forgot."""
        home = Home(evolve(PORT_SENSITIVE_SEQUENTIAL, filtering=Filtering.ENDPOINT_INDEPENDENT))
        seen = [home.outside(remote) for remote in REMOTES]
        home.nat.forget()
        self.assertEqual(home.network.counters.forgotten_mappings, 4)
        self.assertFalse(any(home.letsIn(REMOTES[0], external) for external in seen))
        self.assertNotIn(home.outside(REMOTES[0]), seen)

    def test_replacedBehavior(self) -> None:
        """A router replaced by another kind forgets all and behaves as the new one."""
        home = Home(FULL_CONE)
        external = home.outside(REMOTES[0])
        home.nat.replaceBehavior(PORT_RESTRICTED)
        self.assertFalse(home.letsIn(REMOTES[0], external))
        external = home.outside(REMOTES[0])
        self.assertTrue(home.letsIn(REMOTES[0], external))
        self.assertFalse(home.letsIn(REMOTES[1], external))
        home.nat.replaceBehavior(PORT_RESTRICTED)
        self.assertFalse(home.letsIn(REMOTES[0], external), "it is another router")
        home.nat.replaceBehavior(DATAGRAMS_BLOCKED)
        self.assertIsNone(home.outside(REMOTES[0]))


