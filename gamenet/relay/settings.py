"""
What an operator sets of a relay.
"""

from __future__ import annotations

from attrs import evolve, field, fields, frozen

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.relay.peer_policy import canonicalHost, networks
from gamenet.relay.quotas import AllocationLimits
from gamenet.wire.turn import FIRST_CHANNEL, LAST_CHANNEL_OF_RFC_5766

__all__ = ["REALM_LIMIT", "WILDCARDS", "RelaySettings", "StreamLimits", "isIPv6"]

#: Most bytes of a realm, so that a refusal stays short beside the request it answers.
REALM_LIMIT = 48

#: The hosts that stand for all of a machine's addresses of one family.
WILDCARDS = ("", "0.0.0.0", "::")

#: Most addresses to listen at, of each kind.
_LISTENERS = 64


def isIPv6(host: str) -> bool:
    """Return whether a numeric host is one of IPv6."""
    return ":" in host


@frozen
class StreamLimits:
    """
    What a client may do with a stream (TCP, TLS) before it is closed.

    @ivar connections: Most at a time.
    @ivar connections_of_address: Most of one source address.
    @ivar silence: Seconds that one may stay without an allocation: from the connection on,
        a TLS handshake included, and after its allocation ended.
    @ivar partial: Seconds that a message begun may take to arrive whole.
    """

    connections: int = field(default=8000, validator=wholeNumber())
    connections_of_address: int = field(default=1024, validator=wholeNumber())
    silence: float = field(default=30.0, validator=seconds(0.1, 86_400.0))
    partial: float = field(default=10.0, validator=seconds(0.1, 86_400.0))


@frozen
class RelaySettings:
    """
    The settings of one L{gamenet.relay.protocol.RelayServer}.

    @ivar secrets: What is shared with the issuers of ephemeral credentials, each not empty.
    @ivar users: Long-term users, each a name and a password.  A relay needs a secret or a user.
    @ivar realm: What clients are told to sign for, ASCII without quotes,
        1 to L{REALM_LIMIT} characters.
    @ivar udp: The addresses to listen at over UDP; a host of C{""} is all of IPv4,
        C{"::"} all of IPv6, and port 0 lets the system choose.
    @ivar listen: The endpoints to listen at over TCP and TLS, as Twisted describes them.
    @ivar probe_ports: Further UDP addresses, which answer Binding requests only.
    @ivar alternate: The second address of RFC 5780, other in host and port than the first of
        C{udp}, both not wildcards; C{None} for no behavior discovery.
    @ivar relay_addresses: The numeric addresses that relayed ports are opened at, at most one
        of each family.  Where there is none, the first listener's, or where that is all of
        them the address that the Internet is reached from.
    @ivar external_addresses: What is told instead of them, where a 1:1 NAT stands before the
        relay: at most one of each family.
    @ivar port_range: Lowest and highest relayed port, both included;
        C{None} lets the system choose.
    @ivar allow_peer: Networks, such as C{"127.0.0.0/8"}, that peers may be in
        though they are denied by default.
    @ivar deny_peer: Networks, or ranges such as C{"192.0.2.7-192.0.2.99"}, that peers may not
        be in.
    @ivar own_addresses: Further numeric addresses of this machine, on which
        only relayed ports can be peers.
    @ivar closed_ports: UDP ports that are no peers on any host of this machine, beside those
        that the relay listens at: other relays of one L{gamenet.operation.supervisor}.
    @ivar last_channel: The last channel number that clients may choose.  By
        default that of RFC 5766, which RFC 8656 lowered to 0x4FFF so that a
        port can be shared with other protocols; this port is not.
    @ivar limits: How much there may be of everything.
    @ivar streams: What a client may do with a stream.
    @ivar reservations: Most ports reserved by EVEN-PORT at a time.
    @ivar reservation_lifetime: Seconds that one is kept.
    @ivar nonce_lifetime: Seconds that a nonce is good for.
    @ivar refusals_per_second: How many refusals an address that proves nothing
        gets over UDP for long.
    @ivar refusals_burst: How many it gets at once.
    @ivar bindings_per_second: How many Binding requests of one address are answered.
    @ivar open_attempts: How many ports are tried for one allocation.
    @ivar drain_limit: Seconds that a drain waits for the last allocation.
    @ivar short_cut: Whether packets between two allocations of this relay skip their
        relayed sockets; nobody can tell but by the cost.
    """

    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    users: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    realm: str = "gamenet"
    udp: tuple[Address, ...] = (("", 3478),)
    listen: tuple[str, ...] = ()
    probe_ports: tuple[Address, ...] = ()
    alternate: Address | None = None
    relay_addresses: tuple[str, ...] = ()
    external_addresses: tuple[str, ...] = ()
    port_range: tuple[int, int] | None = None
    allow_peer: tuple[str, ...] = ()
    deny_peer: tuple[str, ...] = ()
    own_addresses: tuple[str, ...] = ()
    closed_ports: tuple[int, ...] = ()
    last_channel: int = field(
        default=LAST_CHANNEL_OF_RFC_5766,
        validator=wholeNumber(FIRST_CHANNEL, LAST_CHANNEL_OF_RFC_5766),
    )
    limits: AllocationLimits = field(factory=AllocationLimits)
    streams: StreamLimits = field(factory=StreamLimits)
    reservations: int = field(default=256, validator=wholeNumber())
    reservation_lifetime: float = field(default=30.0, validator=seconds())
    nonce_lifetime: float = field(default=600.0, validator=seconds(1.0, 86_400.0))
    refusals_per_second: float = field(default=20.0, validator=number(0.001, 1e6))
    refusals_burst: float = field(default=100.0, validator=number(1, 1e6))
    bindings_per_second: int = field(default=2000, validator=wholeNumber())
    open_attempts: int = field(default=16, validator=wholeNumber(1, 65_535))
    drain_limit: float = field(default=3600.0, validator=seconds(0.001, 604_800.0))
    short_cut: bool = True

    def __attrs_post_init__(self) -> None:
        """
        Refuse what cannot work.

        @raise BadSetting: The text says what and why.
        """
        if not all(self.secrets):
            raise BadSetting("no secret may be empty")
        if not self.secrets and not self.users:
            raise BadSetting("a relay needs at least one secret or user")
        if not _isRealm(self.realm):
            raise BadSetting(f"not a realm: {self.realm!r}")
        if self.port_range is not None:
            lowest, highest = self.port_range
            if not 1 <= lowest <= highest <= 65535:
                raise BadSetting(f"not a range of ports: {lowest} to {highest}")
        self._checkAddresses()
        networks((*self.allow_peer, *self.deny_peer))
        self._checkLimits()

    def reloaded(self, others: RelaySettings) -> RelaySettings:
        """Return these settings with what can change while a relay runs from others."""
        return evolve(
            self,
            secrets=others.secrets,
            users=others.users,
            allow_peer=others.allow_peer,
            deny_peer=others.deny_peer,
        )

    def _checkAddresses(self) -> None:
        for name in ("udp", "listen", "probe_ports"):
            if len(getattr(self, name)) > _LISTENERS:
                raise BadSetting(f"{name} has more than {_LISTENERS} addresses")
        if not self.udp and not self.listen:
            raise BadSetting("udp and listen are both empty: there is nothing to listen at")
        for address in (*self.udp, *self.probe_ports):
            _checkAddress(address)
        if self.alternate is not None:
            self._checkAlternate(self.alternate)
        for host in (*self.relay_addresses, *self.external_addresses, *self.own_addresses):
            _checkHost(host)
        for name in ("relay_addresses", "external_addresses"):
            families = [isIPv6(host) for host in getattr(self, name)]
            if len(families) != len(dict.fromkeys(families)):
                raise BadSetting(f"{name} has two addresses of one family")

    def _checkAlternate(self, alternate: Address) -> None:
        _checkAddress(alternate)
        if self.external_addresses:
            raise BadSetting("alternate would be told by its local address: not with a 1:1 NAT")
        if not self.udp:
            raise BadSetting("alternate needs a first address in udp")
        host, port = self.udp[0]
        if host in WILDCARDS or alternate[0] in WILDCARDS:
            raise BadSetting("alternate, and the first of udp, need a host of their own each")
        same_port = port != 0 and port == alternate[1]
        if host == alternate[0] or same_port or isIPv6(host) != isIPv6(alternate[0]):
            raise BadSetting(
                f"alternate must be of another host and port than {host}:{port}, of its family"
            )

    def _checkLimits(self) -> None:
        for limit in fields(AllocationLimits):
            amount = getattr(self.limits, limit.name)
            if not amount > 0:
                raise BadSetting(f"{limit.name} must be above 0, not {amount!r}")
        if self.limits.default_lifetime > self.limits.maximum_lifetime:
            raise BadSetting("default_lifetime must not be above maximum_lifetime")


def _isRealm(realm: str) -> bool:
    return (
        0 < len(realm) <= REALM_LIMIT
        and realm.isascii()
        and realm.isprintable()
        and '"' not in realm
    )


def _checkAddress(address: Address) -> None:
    host, port = address
    if host:
        _checkHost(host)
    if type(port) is not int or not 0 <= port <= 65_535:
        raise BadSetting(f"not a port: {port!r}")


def _checkHost(host: str) -> None:
    try:
        canonicalHost(host)
    except ValueError:
        raise BadSetting(f"not a numeric address: {host!r}") from None
