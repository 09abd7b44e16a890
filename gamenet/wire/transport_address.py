"""
Transport addresses inside of messages: numeric, and in one form only.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address

import attrs

from gamenet.interfaces import Address

__all__ = ["TransportAddress", "isSendable"]

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

#: The longest address: eight groups of four hexadecimal digits.
_LONGEST = 39

_IPV4 = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}")


def isSendable(address: object) -> bool:
    """
    Return whether L{TransportAddress} accepts a value, so that it can travel.

    Called by a lobby with the addresses that datagrams come from, and with those
    in its settings.
    """
    try:
        TransportAddress().pack(address)
    except ValueError:
        return False
    return True


@attrs.frozen
class TransportAddress:
    """
    A numeric address and a port, as an array of the two: C{["198.51.100.1", 50000]}.

    IPv4 is written as four decimal numbers without leading zeros, IPv6 in the
    form of RFC 5952 without a zone.  An IPv4-mapped IPv6 address is refused:
    it has a plain IPv4 form, and its IPv6 form is not the same on every Python.
    So is what no datagram can be sent to or come from: the unspecified
    address, the rest of 0.0.0.0/8, multicast and 240.0.0.0/4.
    """

    def pack(self, value: object) -> list[object]:
        """Return the array of an L{Address}."""
        if type(value) is not tuple:
            raise ValueError("must be a tuple of address and port")
        wire = list(value)
        self.unpack(wire)
        return wire

    def unpack(self, wire: object) -> Address:
        """Return an L{Address}."""
        if type(wire) is not list or len(wire) != 2:
            raise ValueError("must be an array of address and port")
        host, port = wire
        if type(port) is not int or not 1 <= port <= 65_535:
            raise ValueError("the port must be an integer from 1 to 65535")
        _requireSendable(host)
        return host, port


def _requireSendable(host: object) -> None:
    """
    Check the host of an L{Address}; see L{TransportAddress} for what is good.

    @raise ValueError: It is not a canonical numeric address, or not one that datagrams
        can be sent to.
    """
    if type(host) is not str or len(host) > _LONGEST:
        raise ValueError(f"the address must be a text of at most {_LONGEST} characters")
    if _IPV4.fullmatch(host):
        if not 1 <= int(host[: host.index(".")]) <= 223:
            raise ValueError("the address must be one that can be sent to")
        return
    try:
        ipv6 = IPv6Address(host)
    except ValueError:
        raise ValueError("the address must be canonical IPv4 or IPv6") from None
    if str(ipv6) != host or ipv6.scope_id is not None or ipv6.ipv4_mapped is not None:
        raise ValueError("the address must be canonical IPv4 or IPv6")
    if ipv6.is_unspecified or ipv6.is_multicast:
        raise ValueError("the address must be one that can be sent to")
