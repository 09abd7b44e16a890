"""
Where relayed ports are, and which hosts are the relay's own.
"""

from __future__ import annotations

from gamenet.errors import BadAddress, CannotBind
from gamenet.interfaces import IMachine
from gamenet.relay.settings import WILDCARDS, RelaySettings, isIPv6
from gamenet.relay_plane.relay_host import RelayHost
from gamenet.wire.turn import IPV4_FAMILY, IPV6_FAMILY

__all__ = ["relayHosts"]

#: Where the Internet is, by family; nothing is ever sent there (RFC 5737, RFC 3849).
_INTERNET = {IPV4_FAMILY: "192.0.2.1", IPV6_FAMILY: "2001:db8::1"}

_WILDCARD = {IPV4_FAMILY: ("", "0.0.0.0"), IPV6_FAMILY: ("::",)}




def relayHosts(settings: RelaySettings, machine: IMachine) -> dict[int, RelayHost]:
    """
    Find where to relay, for each family that there is an address of.

    @return: By family; at least one.
    @raise CannotBind: There is none, or an external address lacks its local one.
    """
    hosts: dict[int, RelayHost] = {}
    for family in (IPV4_FAMILY, IPV6_FAMILY):
        local = _localHost(settings, machine, family)
        told = _ofFamily(settings.external_addresses, family)
        if local is not None:
            hosts[family] = RelayHost(
                local, told or local, settings.port_range, settings.open_attempts
            )
        elif told is not None:
            raise CannotBind(f"{told} is told, but there is no address of its family to relay from")
    if not hosts:
        raise CannotBind("there is no address to relay from: set one")
    return hosts


def _localHost(settings: RelaySettings, machine: IMachine, family: int) -> str | None:
    chosen = _ofFamily(settings.relay_addresses, family)
    if chosen is not None and chosen not in WILDCARDS:
        return chosen
    listening = [host for host, _ in settings.udp] or [""]
    for host in listening:
        if host not in WILDCARDS and isIPv6(host) == (family == IPV6_FAMILY):
            return host
    if chosen is None and not any(host in _WILDCARD[family] for host in listening):
        return None
    try:
        source: str = machine.sourceAddress(_INTERNET[family])
    except (BadAddress, CannotBind):
        if family == IPV4_FAMILY or chosen is not None:
            raise
        return None
    return source


def _ofFamily(hosts: tuple[str, ...], family: int) -> str | None:
    for host in hosts:
        if isIPv6(host) == (family == IPV6_FAMILY):
            return host
    return None
