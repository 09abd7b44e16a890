"""What a client of a relay can be told."""

from __future__ import annotations

from typing import Any

import attrs

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.errors import BadSetting
from gamenet.turn_client.alternate_servers import HOPS_LIMIT
from gamenet.turn_client.channel_numbers import CHANNELS
from gamenet.wire.turn import IPV4_FAMILY, IPV6_FAMILY

__all__ = ["REQUESTABLE_FAMILIES", "TurnClientSettings"]

#: What can be asked for: what the server likes best, one family, or both.
REQUESTABLE_FAMILIES = ((), (IPV4_FAMILY,), (IPV6_FAMILY,), (IPV4_FAMILY, IPV6_FAMILY))


def _families(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value not in REQUESTABLE_FAMILIES:
        raise BadSetting(f"{attribute.name} must be one of {REQUESTABLE_FAMILIES}, not {value!r}")


@attrs.frozen
class TurnClientSettings:
    """
    Settings of L{gamenet.turn_client.client.TurnClient}, of those that connect with a relay, and
    of L{gamenet.turn_client.kept_allocation.KeptAllocation}.

    @ivar peers_limit: Most permissions, and most channels, of an allocation.
    @ivar transactions_limit: Most requests outstanding at a time; others wait for them.
    @ivar anonymous: Hide the username from whoever listens where the server says that it can
        find it by its hash (USERHASH, RFC 8489, section 14.4).  Not for a server that says
        so of ephemeral ones too, which no server can find.
    @ivar families: The families of relayed addresses to ask for, one of
        L{REQUESTABLE_FAMILIES}; the first is required, the second welcome.
    @ivar connect_timeout: Seconds to wait for a connection, over a stream.
    @ivar hops_limit: Most alternate servers that are followed one after the other.
    @ivar watch_interval: Seconds between two looks at our own address.
    @ivar keepalive_interval: Seconds between two packets that keep the mappings of NATs on
        the way to the relay, over UDP (RFC 8445, section 11: 15 s).
    @ivar shortest_pause: Seconds before the second try to get an allocation, or a permission
        or channel that an earlier one had.
    @ivar longest_pause: Seconds that the pause between tries, which doubles, grows to.
    @ivar tries_limit: Most tries without an allocation that lasts; then it is given up.
    """

    peers_limit: int = attrs.field(default=64, validator=wholeNumber(1, CHANNELS))
    transactions_limit: int = attrs.field(default=256, validator=wholeNumber(1, 65_536))
    anonymous: bool = True
    families: tuple[int, ...] = attrs.field(default=(), validator=_families)
    connect_timeout: float = attrs.field(default=10.0, validator=seconds(1.0, 300.0))
    hops_limit: int = attrs.field(default=HOPS_LIMIT, validator=wholeNumber(0, 16))
    watch_interval: float = attrs.field(default=0.25, validator=number(0.01, 0.5, "s"))
    keepalive_interval: float = attrs.field(default=15.0, validator=seconds(1.0))
    shortest_pause: float = attrs.field(default=0.5, validator=seconds(0.01))
    longest_pause: float = attrs.field(default=30.0, validator=seconds(0.01))
    tries_limit: int = attrs.field(default=20, validator=wholeNumber(1, 1_000_000))

    def __attrs_post_init__(self) -> None:
        """
        Check what has to do with each other.

        @raise BadSetting: The longest pause is shorter than the shortest.
        """
        if self.longest_pause < self.shortest_pause:
            raise BadSetting(
                f"longest_pause {self.longest_pause!r} is shorter than shortest_pause "
                f"{self.shortest_pause!r}"
            )
