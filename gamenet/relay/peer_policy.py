"""
Whom a relay sends to for its clients.

Without a policy a relay is a proxy into the network it stands in (CVE-2018-4058,
CVE-2020-26262, CVE-2026-27624).  So everything that is not a public unicast
address is refused by default, and so is an IPv6 address that carries such an
IPv4 address; an operator can open networks and close further ones.  Of the
relay's own hosts only live relayed addresses can be peers, so that two clients
of one relay reach each other and nobody reaches the machine beneath.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from attrs import field, frozen

from gamenet.errors import BadSetting, CannotBind
from gamenet.interfaces import Address
from gamenet.relay.address_ranges import AddressRange, RangeTable, networks
from gamenet.relay.embedded_addresses import embeddedAddresses, isMapped

__all__ = ["DENIED_NETWORKS", "PeerPolicy", "PeerVerdict", "canonicalHost", "networks"]

# The documentation networks are not among them: nothing stands there, and
# simulated worlds take them for the public Internet.
#: What is refused unless it is allowed by name.
DENIED_NETWORKS = (
    "0.0.0.0/8",  # this network, and the unspecified address (RFC 1122)
    "10.0.0.0/8",  # private (RFC 1918)
    "100.64.0.0/10",  # shared by carriers, and cloud metadata (RFC 6598)
    "127.0.0.0/8",  # loopback (RFC 1122)
    "168.63.129.16/32",  # what Azure shows its machines under a public address
    "169.254.0.0/16",  # link-local, and cloud metadata (RFC 3927)
    "172.16.0.0/12",  # private (RFC 1918)
    "192.0.0.0/24",  # protocol assignments (RFC 6890)
    "192.88.99.0/24",  # 6to4 anycast (RFC 7526)
    "192.168.0.0/16",  # private (RFC 1918)
    "198.18.0.0/15",  # benchmarks (RFC 2544)
    "224.0.0.0/4",  # multicast (RFC 5771)
    "240.0.0.0/4",  # reserved, and broadcast (RFC 1112)
    "::/96",  # unspecified, loopback, IPv4-compatible (RFC 4291)
    "::ffff:0:0/96",  # IPv4-mapped (RFC 4291)
    "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
    "64:ff9b::/96",  # NAT64 (RFC 6052)
    "64:ff9b:1::/48",  # NAT64 (RFC 8215)
    "100::/64",  # discard (RFC 6666)
    "2001::/23",  # protocol assignments, Teredo among them (RFC 2928, RFC 4380)
    "2002::/16",  # 6to4 (RFC 3056)
    "5f00::/16",  # segment routing (RFC 9602)
    "fc00::/7",  # unique local (RFC 4193)
    "fe80::/10",  # link-local (RFC 4291)
    "fec0::/10",  # site-local (RFC 3879)
    "ff00::/8",  # multicast (RFC 4291)
)

_DENIED, _ALLOWED = 1, 2
_DEFAULTS = tuple((rule, _DENIED) for rule in networks(DENIED_NETWORKS))
_DENIED_BY_DEFAULT = {4: RangeTable(4, _DEFAULTS), 6: RangeTable(6, _DEFAULTS)}
# What arrives at listeners of this machine: loopback, and the unspecified addresses.
_HERE = tuple((rule, 1) for rule in networks(("0.0.0.0/8", "127.0.0.0/8", "::", "::1")))
_IS_HERE = {4: RangeTable(4, _HERE), 6: RangeTable(6, _HERE)}
_WILDCARDS = ("", "0.0.0.0", "::")


class PeerVerdict(Enum):
    """
    What L{PeerPolicy.judgeHost} says of a host.

    @cvar DENIED: No peer is there.
    @cvar GUARDED: It is one of the relay's own: L{PeerPolicy.allowsPort} has
        to be asked for every packet.
    @cvar ALLOWED: Every port of it can be a peer.
    @cvar UNKNOWN: The system does not tell at the moment whether it is one of the relay's own.
    """

    DENIED = "DENIED"
    GUARDED = "GUARDED"
    ALLOWED = "ALLOWED"
    UNKNOWN = "UNKNOWN"


def canonicalHost(host: str) -> IPv4Address | IPv6Address:
    """
    Return a numeric host in one form: an IPv4-mapped address (C{::ffff:192.0.2.1})
    is the IPv4 address, and a scope is dropped.

    @raise ValueError: It is not numeric.
    """
    address = ip_address(host)
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def _isNobodys(host: str) -> bool:
    return False


@frozen
class PeerPolicy:
    """
    The rules of one relay.  To change them, make another (C{attrs.evolve}).

    @ivar own_hosts: The relay's own hosts, numeric; wildcards count for nothing.
    @ivar listeners: Where this process listens, for whatever, each an address or a port
        alone: never reached through the relay, on no host of its own.  Their
        hosts are own hosts.
    @ivar allowed: What an operator opened.  Of these rules and those of C{denied} the
        narrowest decides, a denial where two are equally narrow; both count
        before L{DENIED_NETWORKS}.
    @ivar denied: What an operator closed, beside L{DENIED_NETWORKS}.
    @ivar external: Behind a 1:1 NAT, pairs of a host that relayed addresses
        are opened at and the one they are told with.  Both are own hosts.
    @ivar is_own: Tells whether a numeric host is an address of this machine.
        Asked only of hosts that would be allowed otherwise.
    """

    own_hosts: tuple[str, ...]
    listeners: tuple[Address | int, ...]
    allowed: tuple[AddressRange, ...] = ()
    denied: tuple[AddressRange, ...] = ()
    external: tuple[tuple[str, str], ...] = ()
    is_own: Callable[[str], bool] = field(default=_isNobodys, eq=False, repr=False)
    _own: frozenset[bytes] = field(init=False, eq=False, repr=False)
    _listener_ports: frozenset[int] = field(init=False, eq=False, repr=False)
    _told: dict[str, str] = field(init=False, eq=False, repr=False)
    _rules: dict[int, RangeTable] = field(init=False, eq=False, repr=False)

    @_own.default
    def _packOwn(self) -> frozenset[bytes]:
        return frozenset(_canonicalOwn(host).packed for host in self._ownTexts())

    @_listener_ports.default
    def _listPorts(self) -> frozenset[int]:
        return frozenset(each if isinstance(each, int) else each[1] for each in self.listeners)

    @_told.default
    def _mapTold(self) -> dict[str, str]:
        return {
            _text(_canonicalOwn(local)): _text(_canonicalOwn(told))
            for local, told in self.external
        }

    @_rules.default
    def _buildRules(self) -> dict[int, RangeTable]:
        rules = [(rule, _ALLOWED) for rule in self.allowed]
        rules += [(rule, _DENIED) for rule in self.denied]
        return {version: RangeTable(version, rules) for version in (4, 6)}

    def judgeHost(self, host: str) -> PeerVerdict:
        """
        Judge a host, when a permission or a channel is asked for.

        IPv4-mapped hosts are denied whatever is opened: they have a plain form.
        Any other that carries IPv4 addresses has to be allowed itself, and each
        of them too.

        @param host: Numeric; anything else is denied.
        """
        packed = _packed(host)
        if packed is None:
            return PeerVerdict.DENIED
        if packed in self._own:
            return PeerVerdict.GUARDED
        number = int.from_bytes(packed, "big")
        version = 4 if len(packed) == 4 else 6
        rule = self._rules[version].label(number)
        if rule == _DENIED:
            return PeerVerdict.DENIED
        if rule != _ALLOWED and _DENIED_BY_DEFAULT[version].label(number):
            return PeerVerdict.DENIED
        if version == 6 and (isMapped(number) or not self._allowsInside(number)):
            return PeerVerdict.DENIED
        if _IS_HERE[version].label(number):
            return PeerVerdict.GUARDED
        try:
            own = self.is_own(_unscoped(host))
        except CannotBind:
            return PeerVerdict.UNKNOWN
        return PeerVerdict.GUARDED if own else PeerVerdict.ALLOWED

    def allowsPort(self, peer: Address, relayed: bool) -> bool:
        """
        Judge a port of a guarded host, for every packet there.

        @param peer: The host, which must be guarded, and the port.
        @param relayed: Whether C{peer} is a live relayed address of the relay.
        """
        if relayed:
            return True
        host, port = peer
        if port == 0 or port in self._listener_ports:
            return False
        packed = _packed(host)
        if packed is None:
            return False
        version = 4 if len(packed) == 4 else 6
        return self._rules[version].label(int.from_bytes(packed, "big")) == _ALLOWED

    def canonicalPeer(self, peer: Address) -> Address:
        """
        Return a peer as relayed addresses are told: a relayed address behind a 1:1
        NAT is the same under the host where it was opened.

        @param peer: A peer; an IPv6 host in the form of C{inet_ntop}.
        """
        told = self._told.get(peer[0])
        return peer if told is None else (told, peer[1])

    def _allowsInside(self, number: int) -> bool:
        """Tell whether every IPv4 host inside of an IPv6 one may be a peer, on each port."""
        return all(
            self.judgeHost(inet_ntop(AF_INET, inside.to_bytes(4, "big"))) is PeerVerdict.ALLOWED
            for inside in embeddedAddresses(number)
        )

    def _ownTexts(self) -> Iterator[str]:
        for host in self.own_hosts:
            if host not in _WILDCARDS:
                yield host
        for each in self.listeners:
            if not isinstance(each, int) and each[0] not in _WILDCARDS:
                yield each[0]
        for pair in self.external:
            yield from pair


def _unscoped(host: str) -> str:
    return host.partition("%")[0]


def _packed(host: str) -> bytes | None:
    host = _unscoped(host)
    try:
        return inet_pton(AF_INET6 if ":" in host else AF_INET, host)
    except (OSError, ValueError):
        return None


def _canonicalOwn(host: str) -> IPv4Address | IPv6Address:
    try:
        return canonicalHost(host)
    except ValueError:
        raise BadSetting(f"not a numeric address: {host!r}") from None


def _text(address: IPv4Address | IPv6Address) -> str:
    return inet_ntop(AF_INET if address.version == 4 else AF_INET6, address.packed)
