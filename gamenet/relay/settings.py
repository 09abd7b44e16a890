"""
What an operator sets of a relay.
"""

from __future__ import annotations

from attrs import field, fields, frozen

from gamenet.errors import BadSetting
from gamenet.relay.allocation import AllocationLimits
from gamenet.relay.peer_policy import canonicalHost, networks
from gamenet.wire.turn import FIRST_CHANNEL, LAST_CHANNEL_OF_RFC_5766

__all__ = ["REALM_LIMIT", "RelaySettings"]

#: Most bytes of a realm, so that a refusal stays short beside the request it answers.
REALM_LIMIT = 48


@frozen
class RelaySettings:
    """
    The settings of one L{gamenet.relay.protocol.RelayServer}.

    @ivar secrets: What is shared with the issuers of credentials, each not
        empty; at least one.
    @ivar realm: What clients are told to sign for, ASCII without quotes,
        1 to L{REALM_LIMIT} characters.
    @ivar interface: The numeric address to listen at; C{""} is all of them.
    @ivar port: The UDP port to listen at; 0 lets the system choose.
    @ivar relay_address: The numeric address that relayed ports are opened at
        and told with; C{None} takes C{interface}, or where that is all of
        them the address that the Internet is reached from.
    @ivar port_range: Lowest and highest relayed port, both included;
        C{None} lets the system choose.
    @ivar allow_peer: Networks, such as C{"127.0.0.0/8"}, that peers may be in
        though they are denied by default.
    @ivar own_addresses: Further numeric addresses of this machine, on which
        only relayed ports can be peers.
    @ivar last_channel: The last channel number that clients may choose.  By
        default that of RFC 5766, which RFC 8656 lowered to 0x4FFF so that a
        port can be shared with other protocols; this port is not.
    @ivar limits: How much there may be of everything.
    @ivar reservations: Most ports reserved by EVEN-PORT at a time.
    @ivar reservation_lifetime: Seconds that one is kept.
    @ivar nonce_lifetime: Seconds that a nonce is good for.
    @ivar refusals_per_second: How many refusals an address that proves nothing
        gets for long.
    @ivar refusals_burst: How many it gets at once.
    @ivar open_attempts: How many ports are tried for one allocation.
    """

    secrets: tuple[bytes, ...] = field(repr=False)
    realm: str = "gamenet"
    interface: str = ""
    port: int = 3478
    relay_address: str | None = None
    port_range: tuple[int, int] | None = None
    allow_peer: tuple[str, ...] = ()
    own_addresses: tuple[str, ...] = ()
    last_channel: int = LAST_CHANNEL_OF_RFC_5766
    limits: AllocationLimits = field(factory=AllocationLimits)
    reservations: int = 256
    reservation_lifetime: float = 30.0
    nonce_lifetime: float = 600.0
    refusals_per_second: float = 20.0
    refusals_burst: float = 100.0
    open_attempts: int = 16

    def __attrs_post_init__(self) -> None:
        """
        Refuse what cannot work.

        @raise BadSetting: The text says what and why.
        """
        if not self.secrets or not all(self.secrets):
            raise BadSetting("a relay needs at least one secret, and none may be empty")
        if not _isRealm(self.realm):
            raise BadSetting(f"not a realm: {self.realm!r}")
        if not 0 <= self.port <= 65535:
            raise BadSetting(f"not a port: {self.port!r}")
        for host in (self.interface, self.relay_address, *self.own_addresses):
            if host:
                _checkHost(host)
        if self.port_range is not None:
            lowest, highest = self.port_range
            if not 1 <= lowest <= highest <= 65535:
                raise BadSetting(f"not a range of ports: {lowest} to {highest}")
        if not FIRST_CHANNEL <= self.last_channel <= LAST_CHANNEL_OF_RFC_5766:
            raise BadSetting(f"not a last channel: {self.last_channel!r}")
        networks(self.allow_peer)
        self._checkAmounts()

    def _checkAmounts(self) -> None:
        amounts = {
            "reservations": self.reservations,
            "reservation_lifetime": self.reservation_lifetime,
            "nonce_lifetime": self.nonce_lifetime,
            "refusals_per_second": self.refusals_per_second,
            "refusals_burst": self.refusals_burst,
            "open_attempts": self.open_attempts,
        }
        for limit in fields(AllocationLimits):
            amounts[limit.name] = getattr(self.limits, limit.name)
        for name, amount in amounts.items():
            if not amount > 0:
                raise BadSetting(f"{name} must be above 0, not {amount!r}")
        if self.limits.default_lifetime > self.limits.maximum_lifetime:
            raise BadSetting("default_lifetime must not be above maximum_lifetime")


def _isRealm(realm: str) -> bool:
    return (
        0 < len(realm) <= REALM_LIMIT
        and realm.isascii()
        and realm.isprintable()
        and '"' not in realm
    )


def _checkHost(host: str) -> None:
    try:
        version = canonicalHost(host).version
    except ValueError:
        raise BadSetting(f"not a numeric address: {host!r}") from None
    if version != 4:
        raise BadSetting(f"only IPv4 is relayed, not {host!r}")
