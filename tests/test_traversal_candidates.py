"""
Which addresses are worth a probe: an attacker who writes the list aims at nobody.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.traversal.candidates import TARGET_LIMIT, punchTargets, relayedAddress
from gamenet.wire.lobby_values import Candidate

#: Said once more, from the registries of RFC 6890 and RFC 5771, in words of its own.
FORBIDDEN = tuple(
    ip_network(text)
    for text in ("0.0.0.0/32", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
)


def host(text: str, port: int = 5000) -> Candidate:
    """Return a host candidate."""
    return Candidate("host", (text, port))


def reflexive(text: str, port: int = 5000) -> Candidate:
    """Return a server-reflexive candidate."""
    return Candidate("server_reflexive", (text, port))


def relayed(text: str, port: int = 5000) -> Candidate:
    """Return a relayed candidate."""
    return Candidate("relayed", (text, port))


def forbidden(text: str) -> bool:
    """Return whether no probe may ever go to an address (loopback counted)."""
    address = ip_address(text)
    return address.version != 4 or any(address in network for network in FORBIDDEN)


_NEAR_THE_EDGES = st.sampled_from(
    [
        "0.0.0.0",
        "10.0.0.1",
        "126.255.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.254.0.1",
        "192.168.1.2",
        "198.51.100.1",
        "223.255.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
    ]
)
_HOSTS = _NEAR_THE_EDGES | st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str)
_CANDIDATES = st.builds(
    Candidate,
    st.sampled_from(["host", "server_reflexive", "relayed"]),
    st.tuples(_HOSTS, st.integers(1, 3) | st.integers(1, 65_535)),
)


class OrderTests(SynchronousTestCase):
    """Which address is tried first."""

    ours = (host("192.168.1.2"), reflexive("198.51.100.1"))

    def test_reflexiveFirst(self) -> None:
        """Behind different routers the outside addresses come before the inner ones."""
        theirs = (host("10.0.0.5"), host("10.1.0.5"), reflexive("203.0.113.7", 40_000))
        self.assertEqual(
            punchTargets(self.ours, theirs),
            (("203.0.113.7", 40_000), ("10.0.0.5", 5000), ("10.1.0.5", 5000)),
        )

    def test_sameRouter(self) -> None:
        """Behind one router (one outside address, whatever port) the inner ones come first."""
        theirs = (reflexive("198.51.100.1", 40_000), host("192.168.1.3"), host("10.1.0.5"))
        self.assertEqual(
            punchTargets(self.ours, theirs),
            (("192.168.1.3", 5000), ("10.1.0.5", 5000), ("198.51.100.1", 40_000)),
        )

    def test_onlyOutsidesAreCompared(self) -> None:
        """
        That one side's inner or relayed address equals the other's outside one
        does not make them neighbors.
        """
        theirs = (host("10.0.0.5"), reflexive("203.0.113.7"))
        for ours in ((host("203.0.113.7"),), (relayed("203.0.113.7"),)):
            self.assertEqual(punchTargets(ours, theirs)[0], ("203.0.113.7", 5000))
        for inner in ((host("198.51.100.1"),), (relayed("198.51.100.1"), host("10.0.0.5"))):
            targets = punchTargets(self.ours, (*inner, reflexive("203.0.113.7")))
            self.assertEqual(targets[0], ("203.0.113.7", 5000))

    def test_oneOfSeveralOutsides(self) -> None:
        """One common outside address among several is enough."""
        ours = (reflexive("198.51.100.8"), reflexive("198.51.100.9"))
        theirs = (reflexive("203.0.113.7"), reflexive("198.51.100.9"), host("10.0.0.5"))
        self.assertEqual(punchTargets(ours, theirs)[0], ("10.0.0.5", 5000))

    def test_withoutReflexive(self) -> None:
        """Where nobody knows an outside address, the inner ones are tried."""
        self.assertEqual(
            punchTargets((host("192.168.1.2"),), (host("192.168.1.3"),)),
            (("192.168.1.3", 5000),),
        )

    def test_nothing(self) -> None:
        """No candidates, no targets, on either side."""
        self.assertEqual(punchTargets((), ()), ())
        self.assertEqual(punchTargets(self.ours, ()), ())
        self.assertEqual(punchTargets((), (host("192.168.1.3"),)), (("192.168.1.3", 5000),))

    def test_iterators(self) -> None:
        """Both arguments may be iterators, which can be read only once."""
        theirs = (reflexive("198.51.100.1", 40_000), host("192.168.1.3"))
        self.assertEqual(
            punchTargets(iter(self.ours), iter(theirs)), punchTargets(self.ours, theirs)
        )


class AimedProbeTests(SynchronousTestCase):
    """Row H11: a list of candidates is no weapon."""

    ours = (host("192.168.1.2"), reflexive("198.51.100.1"))

    def test_loopback(self) -> None:
        """Nobody outside can have us probe services of our own machine."""
        for text in ("127.0.0.1", "127.0.0.53", "127.255.255.254"):
            self.assertEqual(punchTargets(self.ours, (host(text), reflexive(text))), ())

    def test_loopbackAmongLoopback(self) -> None:
        """A game on one machine, as the demo is, uses loopback."""
        for ours in (host("127.0.0.1"), relayed("127.0.0.1"), reflexive("127.0.0.1")):
            self.assertEqual(
                punchTargets((host("192.168.1.2"), ours), (host("127.0.0.1", 6000),)),
                (("127.0.0.1", 6000),),
            )

    def test_nobodysAddresses(self) -> None:
        """Multicast, broadcast, link-local, reserved and unspecified addresses are left out."""
        for text in (
            "0.0.0.0",
            "169.254.1.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
        ):
            for ours in (self.ours, (host("127.0.0.1"),)):
                self.assertEqual(punchTargets(ours, (host(text), reflexive(text))), (), text)

    def test_privateNetworks(self) -> None:
        """Private addresses are tried: two players may share a LAN."""
        for text in ("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1"):
            self.assertEqual(punchTargets(self.ours, (host(text),)), ((text, 5000),))

    def test_ipv6(self) -> None:
        """IPv6 is not punched yet, in no form."""
        for text in ("2001:db8::1", "::1", "fe80::1", "::ffff:192.0.2.1"):
            self.assertEqual(punchTargets(self.ours, (host(text), reflexive(text))), ())

    def test_relayed(self) -> None:
        """A relayed address is the relay's business, never punched at."""
        self.assertEqual(punchTargets(self.ours, (relayed("203.0.113.2"),)), ())

    def test_thousands(self) -> None:
        """Of thousands of candidates the first L{TARGET_LIMIT} are tried."""
        theirs = tuple(host(f"10.0.{n >> 8}.{n & 255}") for n in range(1, 5000))
        targets = punchTargets(self.ours, theirs)
        self.assertEqual(TARGET_LIMIT, 8)
        self.assertEqual(targets, tuple((f"10.0.0.{n}", 5000) for n in range(1, 9)))

    def test_uselessDoNotCount(self) -> None:
        """What is left out or repeated takes no place of the eight."""
        useless = [host("224.0.0.1", port) for port in range(1, 20)] + [host("10.0.0.1")] * 20
        theirs = [*useless, *(host(f"10.0.0.{n}") for n in range(2, 30))]
        targets = punchTargets(self.ours, theirs)
        self.assertEqual(targets, tuple((f"10.0.0.{n}", 5000) for n in range(1, 9)))

    def test_floodOfInnerAddresses(self) -> None:
        """Behind different routers no number of inner addresses crowds out the outside one."""
        theirs = [*(host(f"10.0.0.{n}") for n in range(1, 100)), reflexive("203.0.113.7")]
        self.assertEqual(punchTargets(self.ours, theirs)[0], ("203.0.113.7", 5000))

    @settings(max_examples=200, deadline=None)
    @given(st.lists(_CANDIDATES, max_size=16), st.lists(_CANDIDATES, max_size=40))
    def test_anyLists(self, ours: list[Candidate], theirs: list[Candidate]) -> None:
        """Whatever both lists hold: few, different, named, permitted, and none left out."""
        targets = punchTargets(ours, theirs)
        self.assertLessEqual(len(targets), TARGET_LIMIT)
        self.assertEqual(len(dict.fromkeys(targets)), len(targets))
        at_home = any(ip_address(c.address[0]).is_loopback for c in ours)
        named: dict[Address, None] = {}
        for candidate in theirs:
            text = candidate.address[0]
            allowed = not forbidden(text) or (
                at_home and ip_address(text).version == 4 and ip_address(text).is_loopback
            )
            if candidate.kind != "relayed" and allowed:
                named[candidate.address] = None
        for target in targets:
            self.assertIn(target, named)
        if len(named) <= TARGET_LIMIT:
            self.assertEqual(sorted(targets), sorted(named))
        else:
            self.assertEqual(len(targets), TARGET_LIMIT)


class RelayedAddressTests(SynchronousTestCase):
    """Finding the relayed candidate."""

    def test_first(self) -> None:
        """The first relayed candidate counts, wherever it stands."""
        candidates = (host("10.0.0.1"), relayed("203.0.113.2", 1), relayed("203.0.113.3", 2))
        self.assertEqual(relayedAddress(candidates), ("203.0.113.2", 1))

    def test_none(self) -> None:
        """Without one there is none."""
        self.assertIsNone(relayedAddress(()))
        self.assertIsNone(relayedAddress((host("10.0.0.1"), reflexive("198.51.100.1"))))
