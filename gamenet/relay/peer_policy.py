"""
Whom a relay sends to for its clients.

Without a policy a relay is a proxy into the network it stands in (CVE-2018-4058,
CVE-2020-26262, CVE-2026-27624).  So everything that is not a public unicast
address is refused by default, after bringing it to one form; an operator
can open networks.  Of the relay's own hosts only live relayed addresses can be
peers, so that two clients of one relay reach each other and nobody reaches
the machine beneath.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from attrs import field, frozen

from gamenet.errors import BadSetting
from gamenet.interfaces import Address

__all__ = ["DENIED_NETWORKS", "Network", "PeerPolicy", "PeerVerdict", "canonicalHost", "networks"]

#: A range of addresses that share a prefix.
Network = IPv4Network | IPv6Network

# The documentation networks are not among them: nothing stands there, and
# simulated worlds take them for the public Internet.
#: What is refused unless it is allowed by name.
DENIED_NETWORKS = (
    "0.0.0.0/8",  # this network, and the unspecified address (RFC 1122)
    "10.0.0.0/8",  # private (RFC 1918)
    "100.64.0.0/10",  # shared by carriers, and cloud metadata (RFC 6598)
    "127.0.0.0/8",  # loopback (RFC 1122)
    "169.254.0.0/16",  # link-local, and cloud metadata (RFC 3927)
    "172.16.0.0/12",  # private (RFC 1918)
    "192.0.0.0/24",  # protocol assignments (RFC 6890)
    "192.88.99.0/24",  # 6to4 anycast (RFC 7526)
    "192.168.0.0/16",  # private (RFC 1918)
    "198.18.0.0/15",  # benchmarks (RFC 2544)
    "224.0.0.0/4",  # multicast (RFC 5771)
    "240.0.0.0/4",  # reserved, and broadcast (RFC 1112)
    "::/96",  # unspecified, loopback, IPv4-compatible (RFC 4291)
    "::ffff:0:0/96",  # IPv4-mapped; canonicalHost unwraps these first (RFC 4291)
    "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
    "64:ff9b::/96",  # NAT64 (RFC 6052)
    "64:ff9b:1::/48",  # NAT64 (RFC 8215)
    "100::/64",  # discard (RFC 6666)
    "2001::/23",  # protocol assignments, Teredo among them (RFC 2928, RFC 4380)
    "2002::/16",  # 6to4 (RFC 3056)
    "fc00::/7",  # unique local (RFC 4193)
    "fe80::/10",  # link-local (RFC 4291)
    "fec0::/10",  # site-local (RFC 3879)
    "ff00::/8",  # multicast (RFC 4291)
)


class PeerVerdict(Enum):
    """
    What L{PeerPolicy.judgeHost} says of a host.

    @cvar DENIED: No peer is there.
    @cvar GUARDED: It is one of the relay's own: L{PeerPolicy.allowsPort} has
        to be asked for every packet.
    @cvar ALLOWED: Every port of it can be a peer.
    """

    DENIED = "DENIED"
    GUARDED = "GUARDED"
    ALLOWED = "ALLOWED"


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """
    Read networks such as C{"127.0.0.0/8"}.

    @raise BadSetting: One is no network, or has bits set beyond its prefix.
    """
    read = []
    for text in texts:
        try:
            read.append(ip_network(text))
        except ValueError as error:
            raise BadSetting(f"not a network: {text!r} ({error})") from None
    return tuple(read)


def canonicalHost(host: str) -> IPv4Address | IPv6Address:
    """
    Return a numeric host in one form: an IPv4 address stays one however it is
    wrapped (C{::ffff:127.0.0.1} and C{::127.0.0.1} are 127.0.0.1), and a scope is dropped.

    @raise ValueError: It is not numeric.
    """
    address = ip_address(host)
    if isinstance(address, IPv4Address):
        return address
    number = int(address)
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if 1 < number < 1 << 32:
        return IPv4Address(number)
    return IPv6Address(number)


@frozen
class PeerPolicy:
    """
    The rules of one relay.

    @ivar own_hosts: The relay's own hosts, canonical texts.
    @ivar listener_ports: The ports it listens at, never reached through it.
    @ivar allowed: What an operator opened.
    @ivar denied: What is refused otherwise.
    """

    own_hosts: tuple[str, ...]
    listener_ports: tuple[int, ...]
    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = field(factory=lambda: networks(DENIED_NETWORKS))

    def judgeHost(self, host: str) -> PeerVerdict:
        """
        Judge a host, when a permission or a channel is asked for.

        @param host: Numeric; anything else is denied.
        """
        try:
            address = canonicalHost(host)
        except ValueError:
            return PeerVerdict.DENIED
        if str(address) in self.own_hosts:
            return PeerVerdict.GUARDED
        if _isIn(address, self.allowed):
            # These reach the relay's own listeners too.
            is_own = address.is_loopback or address.is_unspecified
            return PeerVerdict.GUARDED if is_own else PeerVerdict.ALLOWED
        return PeerVerdict.DENIED if _isIn(address, self.denied) else PeerVerdict.ALLOWED

    def allowsPort(self, peer: Address, relayed: bool) -> bool:
        """
        Judge a port of a guarded host, for every packet there.

        @param peer: The host, which must be guarded, and the port.
        @param relayed: Whether C{peer} is a live relayed address of the relay.
        """
        if relayed:
            return True
        host, port = peer
        return (
            port != 0
            and port not in self.listener_ports
            and _isIn(canonicalHost(host), self.allowed)
        )


def _isIn(address: IPv4Address | IPv6Address, ranges: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in ranges)
