"""Whom a relay sends to for its clients."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from timeit import repeat

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.relay.peer_policy import (
    DENIED_NETWORKS,
    PeerPolicy,
    PeerVerdict,
    canonicalHost,
    networks,
)

_OWN = "203.0.113.2"
_LISTENER = (_OWN, 3478)


def _policy(*allowed: str, denied: Sequence[str] = ()) -> PeerPolicy:
    return PeerPolicy((_OWN,), (_LISTENER,), networks(allowed), networks(denied))


def _carriers(host: str) -> tuple[str, ...]:
    """Return an IPv4 host in every dress that something on the way might take off."""
    high, low = divmod(int(IPv4Address(host)), 1 << 16)
    client = (high << 16 | low) ^ 0xFFFFFFFF
    return (
        f"::{host}",
        f"::ffff:0:{host}",
        f"64:ff9b::{host}",
        f"64:ff9b:1::{host}",
        f"2002:{high:x}:{low:x}::",
        f"2002:{high:x}:{low:x}::808:808",
        f"2001:0:{high:x}:{low:x}::f7f7:f7f7",
        f"2001:0:808:808::{client >> 16:x}:{client & 0xFFFF:x}",
        f"2001:db8::5efe:{host}",
        f"2001:db8::200:5efe:{host}",
    )


#: Hosts that each network is denied for: its ends; and hosts just outside of it.
_DENIED = (
    "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
    "100.100.100.200", "168.63.129.16", "127.0.0.0", "127.0.0.1", "127.255.255.255", "169.254.0.0",
    "169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0",
    "192.0.0.255", "192.88.99.0", "192.88.99.255", "192.168.0.0", "192.168.255.255",
    "198.18.0.0", "198.19.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0",
    "255.255.255.255",
    "::", "::1", "::ffff:0.0.0.0", "::ffff:8.8.8.8",
    "100::", "100::ffff:ffff:ffff:ffff", "64:ff9b::", "64:ff9b::ffff:ffff",
    "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff::",
    "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::", "fc00::",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::", "febf:ffff::", "fec0::",
    "feff:ffff::", "ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "::ffff:0:127.0.0.1",
)  # fmt: skip
_ALLOWED = (
    "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "191.255.255.255", "192.0.1.0", "192.88.98.255", "192.88.100.0", "192.167.255.255",
    "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "203.0.113.1",
    "198.51.100.7", "192.0.2.1", "8.8.8.8", "168.63.129.15", "168.63.129.17", "2001:db8::1",
    "64:ff9b:0:0:0:1::", "64:ff9b:2::", "100:0:0:1::", "2001:200::", "2003::", "2606:4700::1",
    "::1:0:0", "fbff::", "fe00::", "2000::1",
)  # fmt: skip


class DefaultTests(SynchronousTestCase):
    """What is refused though nobody said so."""

    def test_denied(self) -> None:
        """Both ends of every network that is denied by default, by its own and no other's doing."""
        policy = _policy()
        for host in _DENIED:
            self.assertIs(policy.judgeHost(host), PeerVerdict.DENIED, host)
        for text in DENIED_NETWORKS:
            network = ip_network(text)
            for end in (network[0], network[-1]):
                self.assertIs(policy.judgeHost(str(end)), PeerVerdict.DENIED, end)
            self.assertTrue(any(ip_address(host) in network for host in _DENIED), text)

    def test_allowed(self) -> None:
        """Public addresses, among them the neighbors of what is denied (coturn 6c13608c)."""
        policy = _policy()
        for host in _ALLOWED:
            self.assertIs(policy.judgeHost(host), PeerVerdict.ALLOWED, host)

    def test_wrapped(self) -> None:
        """CVE-2026-27624, coturn #1945: every other way to write loopback in IPv6."""
        for host in ("::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:127.0.0.1",
                     *_carriers("127.0.0.1")):  # fmt: skip
            self.assertIs(_policy().judgeHost(host), PeerVerdict.DENIED, host)

    def test_notNumeric(self) -> None:
        """What is no address is denied."""
        for host in ("", "localhost", "1.2.3", "1.2.3.4.5", "%", "0x7f.0.0.1", "127.1",
                     "010.0.0.1", "1.2.3.4\0", "::\ud800", ":", "2130706433"):  # fmt: skip
            self.assertIs(_policy().judgeHost(host), PeerVerdict.DENIED, host)
            self.assertFalse(_policy("0.0.0.0/0", "::/0").allowsPort((host, 5), False), host)

    def test_scope(self) -> None:
        """A scope changes nothing."""
        self.assertIs(_policy().judgeHost("fe80::1%eth0"), PeerVerdict.DENIED)
        self.assertIs(_policy("fe80::/10").judgeHost("fe80::1%eth0"), PeerVerdict.ALLOWED)
        self.assertEqual(canonicalHost("2606:4700::1%eth0"), IPv6Address("2606:4700::1"))

    def test_canonicalHost(self) -> None:
        """Only IPv4-mapped hosts are IPv4 hosts."""
        for text, expected in (
            ("::", IPv6Address("::")),
            ("::ffff:192.0.2.1", IPv4Address("192.0.2.1")),
            ("::192.0.2.1", IPv6Address("::c000:201")),
            ("192.0.2.1", IPv4Address("192.0.2.1")),
        ):
            self.assertEqual(canonicalHost(text), expected)
        self.assertRaises(ValueError, canonicalHost, "localhost")

    def test_cheap(self) -> None:
        """A flood of CreatePermission: a verdict takes less than 20 microseconds."""
        denied = [f"{IPv4Address(number * 97_003)}-{IPv4Address(number * 97_003 + 5)}"
                  for number in range(20_000)]  # fmt: skip
        policy = _policy("10.1.0.0/16", denied=denied)
        for host in ("8.8.8.8", "127.0.0.1", "2606:4700::1", "2001:db8::5efe:9.9.9.9"):
            scope = {"judge": policy.judgeHost, "host": host}
            best = min(repeat("judge(host)", globals=scope, number=50, repeat=20)) / 50
            self.assertLess(best, 20e-6, host)


class CarriedTests(SynchronousTestCase):
    """IPv6 hosts with an IPv4 host inside, where an operator opened their network."""

    _OPENED = ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23",
               "2002::/16")  # fmt: skip

    def test_bothAreJudged(self) -> None:
        """Allowed where the form is opened and the host inside is public or opened too."""
        policy = _policy(*self._OPENED, "10.1.0.0/16", denied=["9.9.9.0/24"])
        for inside, verdict in (
            ("8.8.8.8", PeerVerdict.ALLOWED),
            ("10.1.2.3", PeerVerdict.ALLOWED),
            ("10.2.0.1", PeerVerdict.DENIED),
            ("169.254.169.254", PeerVerdict.DENIED),
            ("9.9.9.9", PeerVerdict.DENIED),
            (_OWN, PeerVerdict.DENIED),
        ):
            for host in _carriers(inside):
                self.assertIs(policy.judgeHost(host), verdict, host)

    def test_formIsClosed(self) -> None:
        """A public host inside opens none of the forms; ISATAP is no network of its own."""
        for host in _carriers("8.8.8.8"):
            expected = PeerVerdict.ALLOWED if "5efe" in host else PeerVerdict.DENIED
            self.assertIs(_policy().judgeHost(host), expected, host)

    def test_loopbackInside(self) -> None:
        """Opened loopback and an opened form do not make loopback of that form a peer."""
        policy = _policy("0.0.0.0/0", "::/0")
        for host in _carriers("127.0.0.1"):
            self.assertIs(policy.judgeHost(host), PeerVerdict.DENIED, host)

    def test_mapped(self) -> None:
        """An IPv4-mapped host is denied whatever is opened, in both ways of writing it."""
        policy = _policy("0.0.0.0/0", "::/0", "::ffff:0:0/96")
        for host in ("::ffff:8.8.8.8", "::ffff:808:808", f"::ffff:{_OWN}", "::ffff:127.0.0.1"):
            self.assertIs(policy.judgeHost(host), PeerVerdict.DENIED, host)

    def test_ownInside(self) -> None:
        """An address of this machine is not reached in disguise either."""
        policy = attrs.evolve(_policy("64:ff9b::/96"), is_own=lambda host: host == "9.9.9.9")
        self.assertIs(policy.judgeHost("64:ff9b::9.9.9.9"), PeerVerdict.DENIED)
        self.assertIs(policy.judgeHost("64:ff9b::9.9.9.8"), PeerVerdict.ALLOWED)

    @given(st.integers(2, 2**32 - 1))
    @settings(deadline=None, max_examples=100)
    def test_neverMoreThanInside(self, number: int) -> None:
        """No form is allowed whose inside is not."""
        policy = _policy(*self._OPENED, "10.1.0.0/16")
        inside = policy.judgeHost(str(IPv4Address(number)))
        for host in _carriers(str(IPv4Address(number))):
            if policy.judgeHost(host) is not PeerVerdict.DENIED:
                self.assertIs(inside, PeerVerdict.ALLOWED, host)


class OwnTests(SynchronousTestCase):
    """The relay's own hosts."""

    def test_guarded(self) -> None:
        """Its own host is guarded, private or not, of both families."""
        self.assertIs(_policy().judgeHost(_OWN), PeerVerdict.GUARDED)
        private = PeerPolicy(("10.0.0.5", "FD00::0:5", "::ffff:10.0.0.7"), ())
        for host in ("10.0.0.5", "fd00::5", "fd00:0:0::5", "10.0.0.7"):
            self.assertIs(private.judgeHost(host), PeerVerdict.GUARDED, host)
        for host in ("10.0.0.6", "fd00::6"):
            self.assertIs(private.judgeHost(host), PeerVerdict.DENIED, host)

    def test_wildcards(self) -> None:
        """Where it listens at all addresses, that is no host; what else is no host is refused."""
        policy = PeerPolicy(("", "0.0.0.0", "::"), (("", 1), ("0.0.0.0", 2), ("::", 3)))
        for host in ("0.0.0.0", "::"):
            self.assertIs(policy.judgeHost(host), PeerVerdict.DENIED, host)
        for make in (
            lambda: PeerPolicy(("localhost",), ()),
            lambda: PeerPolicy((), (("localhost", 1),)),
            lambda: PeerPolicy((), (), external=(("10.0.0.5", "localhost"),)),
        ):
            error = self.assertRaises(BadSetting, make)
            self.assertEqual(str(error), "not a numeric address: 'localhost'")

    def test_ports(self) -> None:
        """On a guarded host only a live relayed address is a peer; no other port of ours."""
        policy = _policy()
        self.assertTrue(policy.allowsPort((_OWN, 50000), relayed=True))
        for port in (0, 1, 22, 53, 3478, 50000):
            self.assertFalse(policy.allowsPort((_OWN, port), relayed=False), port)

    def test_listenerHosts(self) -> None:
        """The host of every listener is ours, and its port is closed on all of ours."""
        listeners = (("198.51.100.9", 9100), ("2001:db8::9", 5349))
        policy = PeerPolicy((_OWN,), listeners, networks(("0.0.0.0/0", "::/0")))
        for host in ("198.51.100.9", "2001:db8::9"):
            self.assertIs(policy.judgeHost(host), PeerVerdict.GUARDED, host)
        for host in (_OWN, "198.51.100.9", "2001:db8::9", "127.0.0.1", "::1"):
            for port in (9100, 5349):
                self.assertFalse(policy.allowsPort((host, port), relayed=False), (host, port))
            self.assertTrue(policy.allowsPort((host, 9101), relayed=False))

    def test_allowedOwn(self) -> None:
        """Even where an operator opened it, the listeners of the relay stay closed."""
        policy = _policy("203.0.113.0/24", "127.0.0.0/8")
        self.assertIs(policy.judgeHost(_OWN), PeerVerdict.GUARDED)
        for host in (_OWN, "127.0.0.1"):
            self.assertTrue(policy.allowsPort((host, 3479), relayed=False))
            self.assertFalse(policy.allowsPort((host, 3478), relayed=False))
            self.assertFalse(policy.allowsPort((host, 0), relayed=False))

    def test_deniedOwn(self) -> None:
        """An operator's denial closes our ports, but relayed addresses are still peers."""
        policy = _policy(_OWN, denied=["203.0.113.2/32"])
        self.assertIs(policy.judgeHost(_OWN), PeerVerdict.GUARDED)
        self.assertFalse(policy.allowsPort((_OWN, 3479), relayed=False))
        self.assertTrue(policy.allowsPort((_OWN, 3479), relayed=True))

    def test_allowedLoopback(self) -> None:
        """Opened loopback is guarded: a listener on the wildcard address is there too."""
        policy = _policy("127.0.0.0/8", "0.0.0.0/32", "::1/128", "::/128", "10.0.0.0/8")
        for host in ("127.0.0.1", "127.3.4.5", "0.0.0.0", "::1", "::"):
            self.assertIs(policy.judgeHost(host), PeerVerdict.GUARDED, host)
        self.assertIs(policy.judgeHost("10.0.0.1"), PeerVerdict.ALLOWED)
        self.assertTrue(policy.allowsPort(("127.3.4.5", 1), relayed=False))

    def test_isOwn(self) -> None:
        """Whatever else is an address of this machine is guarded, opened or public; asked last."""
        asked: list[str] = []

        def isOwn(host: str) -> bool:
            asked.append(host)
            return host in ("198.51.100.9", "10.0.0.9", "2001:db8::9", "192.168.0.9")

        policy = attrs.evolve(_policy("10.0.0.0/8", "fe80::/10"), is_own=isOwn)
        for host, verdict in (
            ("198.51.100.9", PeerVerdict.GUARDED),
            ("198.51.100.8", PeerVerdict.ALLOWED),
            ("10.0.0.9", PeerVerdict.GUARDED),
            ("10.0.0.8", PeerVerdict.ALLOWED),
            ("2001:db8::9", PeerVerdict.GUARDED),
            ("fe80::1%eth0", PeerVerdict.ALLOWED),
            ("192.168.0.9", PeerVerdict.DENIED),
            (_OWN, PeerVerdict.GUARDED),
        ):
            self.assertIs(policy.judgeHost(host), verdict, host)
        self.assertNotIn("192.168.0.9", asked)
        self.assertNotIn(_OWN, asked)
        self.assertIn("fe80::1", asked)
        self.assertFalse(policy.allowsPort(("198.51.100.9", 22), relayed=False))
        self.assertTrue(policy.allowsPort(("10.0.0.9", 22), relayed=False))

    def test_external(self) -> None:
        """Behind a 1:1 NAT both forms of our host are ours, and one peer (issue: policy)."""
        policy = PeerPolicy(
            (),
            (("0.0.0.0", 3478),),
            external=(("10.0.0.5", "203.0.113.5"), ("fd00:0::5", "2001:DB8::5")),
        )
        for host in ("10.0.0.5", "203.0.113.5", "fd00::5", "2001:db8::5"):
            self.assertIs(policy.judgeHost(host), PeerVerdict.GUARDED, host)
            self.assertFalse(policy.allowsPort((host, 22), relayed=False))
            self.assertTrue(policy.allowsPort((host, 50000), relayed=True))
        pairs: tuple[tuple[Address, Address], ...] = (
            (("10.0.0.5", 50000), ("203.0.113.5", 50000)),
            (("fd00::5", 7), ("2001:db8::5", 7)),
            (("203.0.113.5", 50000), ("203.0.113.5", 50000)),
            (("198.51.100.1", 9), ("198.51.100.1", 9)),
        )
        for peer, told in pairs:
            self.assertEqual(policy.canonicalPeer(peer), told)
        self.assertEqual(_policy().canonicalPeer((_OWN, 5)), (_OWN, 5))

    def test_lowPorts(self) -> None:
        """Ports 0 and below 1024 of ours are none; a stranger's host has no guarded port."""
        for port in (0, 1, 443, 1023):
            self.assertFalse(_policy().allowsPort((_OWN, port), relayed=False), port)
        self.assertIs(_policy().judgeHost("198.51.100.7"), PeerVerdict.ALLOWED)


class OperatorTests(SynchronousTestCase):
    """What an operator opens and closes."""

    def test_allowed(self) -> None:
        """An opened network is open, and no wider."""
        policy = _policy("192.168.7.0/24", "fd00::/8", "10.0.0.5-10.0.1.9")
        for host, verdict in (
            ("192.168.7.0", PeerVerdict.ALLOWED),
            ("192.168.7.255", PeerVerdict.ALLOWED),
            ("::ffff:192.168.7.1", PeerVerdict.DENIED),
            ("192.168.8.0", PeerVerdict.DENIED),
            ("192.168.6.255", PeerVerdict.DENIED),
            ("10.0.0.4", PeerVerdict.DENIED),
            ("10.0.0.5", PeerVerdict.ALLOWED),
            ("10.0.0.255", PeerVerdict.ALLOWED),
            ("10.0.1.0", PeerVerdict.ALLOWED),
            ("10.0.1.9", PeerVerdict.ALLOWED),
            ("10.0.1.10", PeerVerdict.DENIED),
            ("fd12::1", PeerVerdict.ALLOWED),
            ("fc12::1", PeerVerdict.DENIED),
        ):
            self.assertIs(policy.judgeHost(host), verdict, host)

    def test_denied(self) -> None:
        """An operator's list is refused beside the default one (issue: an operator's list)."""
        policy = _policy(denied=["8.8.8.0/24", "2001:db8:1::ff-2001:db8:2::1"])
        for host, verdict in (
            ("8.8.8.8", PeerVerdict.DENIED),
            ("8.8.9.0", PeerVerdict.ALLOWED),
            ("10.0.0.1", PeerVerdict.DENIED),
            ("2001:db8:1::fe", PeerVerdict.ALLOWED),
            ("2001:db8:1::ff", PeerVerdict.DENIED),
            # Byte by byte its end is below that of the last: 6c13608c.
            ("2001:db8:1:ffff::ffff", PeerVerdict.DENIED),
            ("2001:db8:2::1", PeerVerdict.DENIED),
            ("2001:db8:2::2", PeerVerdict.ALLOWED),
        ):
            self.assertIs(policy.judgeHost(host), verdict, host)

    def test_narrowest(self) -> None:
        """The narrowest rule decides, a denial on a tie, whichever list is wider."""
        policy = _policy("10.0.0.0/8", "8.8.8.8", "9.9.9.9", denied=["10.0.0.0/24", "8.8.0.0/16",
                                                                     "9.9.9.9"])  # fmt: skip
        for host, verdict in (
            ("10.0.1.0", PeerVerdict.ALLOWED),
            ("10.0.0.1", PeerVerdict.DENIED),
            ("8.8.8.8", PeerVerdict.ALLOWED),
            ("8.8.8.9", PeerVerdict.DENIED),
            ("9.9.9.9", PeerVerdict.DENIED),
        ):
            self.assertIs(policy.judgeHost(host), verdict, host)

    def test_evolve(self) -> None:
        """A reloaded list makes another policy; the old one is as it was (SIGHUP)."""
        old = _policy("10.0.0.0/8")
        new = attrs.evolve(old, denied=networks(("10.0.0.5",)), allowed=old.allowed)
        self.assertIs(old.judgeHost("10.0.0.5"), PeerVerdict.ALLOWED)
        self.assertIs(new.judgeHost("10.0.0.5"), PeerVerdict.DENIED)
        self.assertIs(new.judgeHost("10.0.0.6"), PeerVerdict.ALLOWED)
        self.assertIs(new.judgeHost(_OWN), PeerVerdict.GUARDED)

    @given(st.integers(0, 2**32 - 1))
    @settings(deadline=None, max_examples=200)
    def test_agreesIpv4(self, number: int) -> None:
        """An IPv4 host is judged as by a search through all networks."""
        address = IPv4Address(number)
        policy = _policy("10.1.0.0/16", denied=["128.0.0.0/2"])
        opened = address in ip_network("10.1.0.0/16")
        closed = address in ip_network("128.0.0.0/2") or any(
            address in ip_network(text) for text in DENIED_NETWORKS
        )
        expected = PeerVerdict.DENIED if closed and not opened else PeerVerdict.ALLOWED
        self.assertIs(policy.judgeHost(str(address)), expected)

    @given(st.sampled_from([text for text in DENIED_NETWORKS if ":" in text]), st.data())
    @settings(deadline=None, max_examples=200)
    def test_agreesIpv6(self, text: str, data: st.DataObject) -> None:
        """No host in any of the denied IPv6 networks is a peer."""
        network = ip_network(text)
        address = IPv6Address(data.draw(st.integers(int(network[0]), int(network[-1]))))
        self.assertIs(_policy().judgeHost(str(address)), PeerVerdict.DENIED)
