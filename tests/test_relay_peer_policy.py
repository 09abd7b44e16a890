"""Whom a relay sends to for its clients."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.relay.peer_policy import (
    DENIED_NETWORKS,
    PeerPolicy,
    PeerVerdict,
    canonicalHost,
    networks,
)

_OWN = "203.0.113.2"


def _policy(*allowed: str) -> PeerPolicy:
    return PeerPolicy((_OWN,), (3478,), networks(allowed))


#: Hosts that each network is denied for: its ends; and hosts just outside of it.
_DENIED = (
    "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
    "100.100.100.200", "127.0.0.0", "127.0.0.1", "127.255.255.255", "169.254.0.0",
    "169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0",
    "192.0.0.255", "192.88.99.0", "192.88.99.255", "192.168.0.0", "192.168.255.255",
    "198.18.0.0", "198.19.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0",
    "255.255.255.255",
    "::", "::1", "100::", "100::ffff:ffff:ffff:ffff", "64:ff9b::", "64:ff9b::ffff:ffff",
    "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff::",
    "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fc00::",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::", "febf:ffff::", "fec0::",
    "feff:ffff::", "ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "::ffff:0:127.0.0.1",
)  # fmt: skip
_ALLOWED = (
    "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "191.255.255.255", "192.0.1.0", "192.88.98.255", "192.88.100.0", "192.167.255.255",
    "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "203.0.113.1",
    "198.51.100.7", "192.0.2.1", "8.8.8.8",
    "64:ff9b:0:0:0:1::", "64:ff9b:2::", "100:0:0:1::", "2001:200::", "2003::", "2606:4700::1",
    "::1:0:0", "fbff::", "fe00::", "2000::1",
)  # fmt: skip
#: 127.0.0.1 in every dress that something on the way might take off.
_WRAPPED_LOOPBACK = (
    "::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:127.0.0.1", "::127.0.0.1",
    "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "2001:0:7f00:1::",
    "2001:0:1:2:3:4:80ff:fffe",
)  # fmt: skip


class DefaultTests(SynchronousTestCase):
    """What is refused though nobody said so."""

    def test_denied(self) -> None:
        """Both ends of every network that is denied by default, by its own and no other's doing."""
        policy = _policy()
        for host in _DENIED:
            self.assertIs(policy.judgeHost(host), PeerVerdict.DENIED, host)
            self.assertTrue(
                any(canonicalHost(host) in network for network in networks(DENIED_NETWORKS)), host
            )
        for network in networks(DENIED_NETWORKS):
            self.assertIs(policy.judgeHost(str(network[0])), PeerVerdict.DENIED, network)
            self.assertIs(policy.judgeHost(str(network[-1])), PeerVerdict.DENIED, network)

    def test_allowed(self) -> None:
        """Public addresses, among them the neighbors of what is denied (coturn 6c13608c)."""
        policy = _policy()
        for host in _ALLOWED:
            self.assertIs(policy.judgeHost(host), PeerVerdict.ALLOWED, host)

    def test_wrapped(self) -> None:
        """CVE-2026-27624: ::ffff:127.0.0.1, and every other way to write loopback in IPv6."""
        policy = _policy()
        for host in _WRAPPED_LOOPBACK:
            self.assertIs(policy.judgeHost(host), PeerVerdict.DENIED, host)

    def test_wrappedAllowed(self) -> None:
        """A wrapped public address is that address."""
        for host in ("::ffff:8.8.8.8", "::8.8.8.8"):
            self.assertIs(_policy().judgeHost(host), PeerVerdict.ALLOWED, host)
            self.assertEqual(canonicalHost(host), IPv4Address("8.8.8.8"))

    def test_notNumeric(self) -> None:
        """What is no address is denied."""
        for host in ("", "localhost", "1.2.3", "1.2.3.4.5", "fe80::%", "0x7f.0.0.1", "127.1"):
            self.assertIs(_policy().judgeHost(host), PeerVerdict.DENIED, host)

    def test_scope(self) -> None:
        """A scope changes nothing."""
        self.assertIs(_policy().judgeHost("fe80::1%eth0"), PeerVerdict.DENIED)
        self.assertEqual(canonicalHost("2606:4700::1%eth0"), IPv6Address("2606:4700::1"))

    def test_canonicalHost(self) -> None:
        """:: and ::1 stay IPv6, and what is beyond 32 bits is not an IPv4 address."""
        for text, expected in (
            ("::", IPv6Address("::")),
            ("::1", IPv6Address("::1")),
            ("::2", IPv4Address("0.0.0.2")),
            ("::255.255.255.255", IPv4Address("255.255.255.255")),
            ("::1:0:0", IPv6Address("::1:0:0")),
            ("192.0.2.1", IPv4Address("192.0.2.1")),
        ):
            self.assertEqual(canonicalHost(text), expected)
        self.assertRaises(ValueError, canonicalHost, "localhost")


class OwnTests(SynchronousTestCase):
    """The relay's own hosts."""

    def test_guarded(self) -> None:
        """Its own host is guarded, however it is written, and private or not."""
        for host in (_OWN, f"::ffff:{_OWN}", f"::{_OWN}"):
            self.assertIs(_policy().judgeHost(host), PeerVerdict.GUARDED, host)
        private = PeerPolicy(("10.0.0.5",), (3478,))
        self.assertIs(private.judgeHost("10.0.0.5"), PeerVerdict.GUARDED)
        self.assertIs(private.judgeHost("10.0.0.6"), PeerVerdict.DENIED)

    def test_ports(self) -> None:
        """On a guarded host only a live relayed address is a peer; no other port of ours."""
        policy = _policy()
        self.assertTrue(policy.allowsPort((_OWN, 50000), relayed=True))
        for port in (0, 1, 22, 53, 3478, 50000):
            self.assertFalse(policy.allowsPort((_OWN, port), relayed=False), port)

    def test_allowedOwn(self) -> None:
        """Even where an operator opened it, the listeners of the relay stay closed."""
        policy = _policy("203.0.113.0/24", "127.0.0.0/8")
        self.assertIs(policy.judgeHost(_OWN), PeerVerdict.GUARDED)
        for host in (_OWN, "127.0.0.1"):
            self.assertTrue(policy.allowsPort((host, 3479), relayed=False))
            self.assertFalse(policy.allowsPort((host, 3478), relayed=False))
            self.assertFalse(policy.allowsPort((host, 0), relayed=False))

    def test_allowedLoopback(self) -> None:
        """Opened loopback is guarded: a listener on the wildcard address is there too."""
        policy = _policy("127.0.0.0/8", "0.0.0.0/32", "::1/128", "10.0.0.0/8")
        for host in ("127.0.0.1", "127.3.4.5", "0.0.0.0", "::ffff:127.0.0.1", "::1"):
            self.assertIs(policy.judgeHost(host), PeerVerdict.GUARDED, host)
        self.assertIs(policy.judgeHost("10.0.0.1"), PeerVerdict.ALLOWED)
        self.assertTrue(policy.allowsPort(("127.3.4.5", 1), relayed=False))


class OperatorTests(SynchronousTestCase):
    """What an operator opens and closes."""

    def test_allowed(self) -> None:
        """An opened network is open, and no wider."""
        policy = _policy("192.168.7.0/24", "fd00::/8")
        for host, verdict in (
            ("192.168.7.0", PeerVerdict.ALLOWED),
            ("192.168.7.255", PeerVerdict.ALLOWED),
            ("::ffff:192.168.7.1", PeerVerdict.ALLOWED),
            ("192.168.8.0", PeerVerdict.DENIED),
            ("192.168.6.255", PeerVerdict.DENIED),
            ("fd12::1", PeerVerdict.ALLOWED),
            ("fc12::1", PeerVerdict.DENIED),
        ):
            self.assertIs(policy.judgeHost(host), verdict, host)

    def test_ownList(self) -> None:
        """Another list of denied networks takes the place of the default."""
        policy = PeerPolicy((), (), denied=networks(("8.8.8.0/24",)))
        self.assertIs(policy.judgeHost("8.8.8.8"), PeerVerdict.DENIED)
        self.assertIs(policy.judgeHost("10.0.0.1"), PeerVerdict.ALLOWED)

    def test_badNetworks(self) -> None:
        """A malformed rule is refused by name, not skipped (coturn #1872)."""
        for text in ("", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0-10.0.0.9", "example.org", "a/8"):
            error = self.assertRaises(BadSetting, networks, (text,))
            self.assertIn(repr(text), str(error))
        self.assertEqual(networks(("10.0.0.0/8", "::1/128")), (
            ip_network("10.0.0.0/8"), ip_network("::1/128"),
        ))
        self.assertEqual(networks(["192.0.2.1"]), (ip_network("192.0.2.1/32"),))

    @given(st.integers(0, 2**32 - 1))
    @settings(deadline=None, max_examples=200)
    def test_wrappedAgrees(self, number: int) -> None:
        """An IPv4-mapped address is judged as the address within."""
        host = str(IPv4Address(number))
        policy = _policy("10.1.0.0/16")
        self.assertIs(policy.judgeHost(f"::ffff:{host}"), policy.judgeHost(host))
