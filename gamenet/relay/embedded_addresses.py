"""
IPv4 addresses inside of IPv6 addresses.

Many ways to carry IPv4 over IPv6 write the one address into the other, and some
router, tunnel or kernel behind the relay may take it out again: then a packet
to an IPv6 address arrives at an IPv4 one (CVE-2026-27624 and its like).
"""

from __future__ import annotations

__all__ = ["embeddedAddresses", "isMapped"]

_IPV4 = 0xFFFFFFFF
_COMPATIBLE = 0  # ::/96 (RFC 4291)
_MAPPED = 0xFFFF  # ::ffff:0:0/96 (RFC 4291)
_TRANSLATED = 0xFFFF_0000  # ::ffff:0:0:0/96 (RFC 2765)
_NAT64 = 0x0064_FF9B << 64  # 64:ff9b::/96 (RFC 6052)
_LOCAL_NAT64 = 0x0064_FF9B_0001  # 64:ff9b:1::/48 (RFC 8215)
_TEREDO = 0x2001_0000  # 2001::/32 (RFC 4380)
_6TO4 = 0x2002  # 2002::/16 (RFC 3056)
_ISATAP = 0x0000_5EFE  # the interface identifier, RFC 5214, section 6.1
_ISATAP_MASK = ~0x0300_0000 & _IPV4  # without its bits for universal and group


def isMapped(number: int) -> bool:
    """
    Tell whether an IPv6 address is IPv4-mapped (C{::ffff:192.0.2.1}).

    @param number: The address as a whole number.
    """
    return number >> 32 == _MAPPED


def embeddedAddresses(number: int) -> tuple[int, ...]:
    """
    Return every IPv4 address that an IPv6 address carries: IPv4-mapped,
    IPv4-compatible, IPv4-translated, NAT64, 6to4, Teredo (the server, and the
    client behind its disguise) and ISATAP.

    @param number: The IPv6 address as a whole number.
    @return: Whole numbers.  None for C{::} and C{::1}, which are themselves.
    """
    high = number >> 32
    low = number & _IPV4
    if high in (_COMPATIBLE, _MAPPED, _TRANSLATED, _NAT64):
        return (low,) if number > 1 else ()
    found: tuple[int, ...] = ()
    if number >> 112 == _6TO4:
        found = (number >> 80 & _IPV4,)
    elif number >> 96 == _TEREDO:
        found = (number >> 64 & _IPV4, low ^ _IPV4)
    elif number >> 80 == _LOCAL_NAT64:
        found = _localNat64(number)
    if high & _ISATAP_MASK == _ISATAP:
        found += (low,)
    return found


def _localNat64(number: int) -> tuple[int, ...]:
    """
    Return what the layouts of RFC 6052, section 2.2, find behind a prefix of
    48, 56, 64 and 96 bits, as nobody but the site knows which of them it took.

    A reading in 0.0.0.0/8, where no host is, comes of the wrong layout, and
    counts only where there is no other.
    """
    readings = (
        (number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF,
        (number >> 64 & 0xFF) << 24 | number >> 32 & 0xFFFFFF,
        number >> 24 & _IPV4,
        number & _IPV4,
    )
    return tuple(reading for reading in readings if reading >> 24) or (0,)
