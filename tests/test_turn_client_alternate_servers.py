"""Being sent to another relay."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage, RelayRefused
from gamenet.interfaces import Address
from gamenet.turn_client.alternate_servers import (
    ALTERNATE_DOMAIN,
    AlternateServers,
    TryAlternate,
    TurnServer,
    readAlternate,
)
from gamenet.wire.stun import MessageClass, StunMessage
from gamenet.wire.stun_attributes import ALTERNATE_SERVER
from gamenet.wire.turn import ALLOCATE
from gamenet.wire.turn_transport import Transport

_IPV4 = b"\0\1\x0d\x96\xc0\0\2\1"
_IPV6 = b"\0\2\x0d\x96" + bytes.fromhex("20010db8000000000000000000000001")


def _moved(*values: bytes, domain: bytes | None = None) -> TryAlternate:
    attributes = tuple((ALTERNATE_SERVER, value) for value in values)
    if domain is not None:
        attributes += ((ALTERNATE_DOMAIN, domain),)
    answer = StunMessage(ALLOCATE, MessageClass.ERROR, bytes(12), attributes)
    return readAlternate(answer, "Try Alternate")


class ReadTests(SynchronousTestCase):
    """What a 300 says."""

    def test_addresses(self) -> None:
        """One address a family, and the domain."""
        moved = _moved(_IPV4, _IPV6, domain=b"turn.example.org")
        self.assertEqual(moved.alternates, (("192.0.2.1", 3478), ("2001:db8::1", 3478)))
        self.assertEqual((moved.domain, moved.code), ("turn.example.org", 300))

    def test_unsendable(self) -> None:
        """Port 0, the unspecified and multicast addresses, and IPv4-mapped ones are left out."""
        mapped = b"\0\2\x0d\x96" + bytes(10) + b"\xff\xff\xc0\0\2\1"
        for value in (
            b"\0\1\0\0\xc0\0\2\1", b"\0\1\0\1\0\0\0\0", b"\0\1\0\1\xe0\0\0\1",
            b"\0\2\0\1" + bytes(16), mapped,
        ):
            self.assertEqual(_moved(value).alternates, ())

    def test_many(self) -> None:
        """Of a long list only the first four are read."""
        self.assertEqual(len(_moved(*[_IPV4] * 9).alternates), 4)

    def test_malformed(self) -> None:
        """What is no address, or no name, is refused by name."""
        for value in (b"", _IPV4[:-1], _IPV6 + b"x", b"\0\3" + _IPV4[2:], b"\0\2" + _IPV4[2:]):
            with self.assertRaises(MalformedMessage):
                _moved(value)
        for domain in (b"a b", b"\xff", b"a" * 254, b"a\0b"):
            with self.assertRaises(MalformedMessage):
                _moved(_IPV4, domain=domain)

    @given(st.lists(st.binary(max_size=24), max_size=6), st.binary(max_size=300))
    @settings(deadline=None, max_examples=100)
    def test_arbitrary(self, values: list[bytes], domain: bytes) -> None:
        """Any bytes are an answer or malformed."""
        try:
            moved = _moved(*values, domain=domain)
        except MalformedMessage:
            return
        self.assertLessEqual(len(moved.alternates), 4)


class FollowTests(SynchronousTestCase):
    """Where to go next."""

    def follow(self, server: TurnServer, *alternates: Address, domain: str = "") -> TurnServer:
        """Return where a server's word leads."""
        return AlternateServers(server).follow(TryAlternate("", alternates, domain))

    def refused(self, chain: AlternateServers, *alternates: Address) -> str:
        """Return why a redirection is not followed."""
        with self.assertRaises(RelayRefused) as caught:
            chain.follow(TryAlternate("", alternates, ""))
        self.assertEqual(caught.exception.code, 300)
        return caught.exception.reason

    def test_family(self) -> None:
        """The same address family is followed, over the same transport; the other is not."""
        addresses: tuple[Address, ...] = (("2001:db8::1", 1), ("192.0.2.2", 2))
        there = self.follow(TurnServer("192.0.2.1", 3478), *addresses)
        self.assertEqual((there.address, there.transport), (("192.0.2.2", 2), Transport.UDP))
        there = self.follow(TurnServer("2001:db8::9", 3478, Transport.TCP), *addresses)
        self.assertEqual((there.address, there.transport), (("2001:db8::1", 1), Transport.TCP))
        chain = AlternateServers(TurnServer("192.0.2.1", 3478))
        self.assertIn("family", self.refused(chain, addresses[0]))
        self.assertIn("family", self.refused(chain))

    def test_name(self) -> None:
        """A name has no family: the first address is followed, and the name stays on trial."""
        begun = TurnServer("turn.example.org", 5349, Transport.TLS, trust_roots="/roots")
        there = self.follow(begun, ("2001:db8::1", 1))
        self.assertEqual((there.host, there.domain), ("2001:db8::1", "turn.example.org"))
        self.assertEqual(there.trust_roots, "/roots")

    def test_domain(self) -> None:
        """ALTERNATE-DOMAIN says whom the certificate must be for; without it, whom before."""
        begun = TurnServer("192.0.2.1", 5349, Transport.TLS, "one.example.org")
        self.assertEqual(
            self.follow(begun, ("192.0.2.2", 1), domain="two.example.org").domain,
            "two.example.org",
        )
        self.assertEqual(self.follow(begun, ("192.0.2.2", 1)).domain, "one.example.org")

    def test_circle(self) -> None:
        """A server that was asked is not asked again, the first one and the next."""
        chain = AlternateServers(TurnServer("192.0.2.1", 1))
        self.assertIn("circle", self.refused(chain, ("192.0.2.1", 1)))
        chain = AlternateServers(TurnServer("192.0.2.1", 1))
        chain.follow(TryAlternate("", (("192.0.2.2", 1),), ""))
        chain.follow(TryAlternate("", (("192.0.2.3", 1),), ""))
        self.assertIn("circle", self.refused(chain, ("192.0.2.2", 1)))

    def test_hops(self) -> None:
        """"Bounded hops": so many, and then refused; none at all where none is wanted."""
        for limit in (0, 1, 4):
            chain = AlternateServers(TurnServer("192.0.2.1", 1), limit)
            for hop in range(limit):
                chain.follow(TryAlternate("", (("192.0.2.2", 1 + hop),), ""))
            self.assertIn("more than", self.refused(chain, ("192.0.2.3", 1)))


class EndpointTests(SynchronousTestCase):
    """How a server is connected with."""

    def test_descriptions(self) -> None:
        """TCP as it is; TLS to an address, with the name that the certificate must have."""
        self.assertEqual(
            TurnServer("2001:db8::1", 1, Transport.TCP).endpoint(10.4),
            "tcp:2001\\:db8\\:\\:1:1:timeout=10",
        )
        self.assertEqual(
            TurnServer("192.0.2.1", 5349, Transport.TLS, "a.example", "/r=1").endpoint(0.2),
            "tls:a.example:5349:trustRoots=/r\\=1:endpoint=tcp\\:192.0.2.1\\:5349\\:timeout\\=1",
        )
