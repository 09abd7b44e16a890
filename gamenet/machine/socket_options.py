"""
What is asked of the system's UDP sockets besides sending and receiving: to bind, and
to give a single datagram a time to live or a don't-fragment bit of its own.
"""

from __future__ import annotations

import socket
import sys

from gamenet.interfaces import Address

__all__ = [
    "KEEPS_WHOLE",
    "boundSocket",
    "familyOf",
    "localAddress",
    "sendWhole",
    "sendWithTtl",
    "withoutScope",
]

#: Asked of the system, which may grant less: a burst must outlast a slow wake-up.
_RECEIVE_BUFFER = 1 << 20

# From linux/in.h; Python has no names for them before 3.14.
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_DO = 2

#: By address family: the level, the option and the value that forbid fragments.
_WHOLE: dict[int, tuple[int, int, int]] = {}
if sys.platform.startswith("linux"):
    _WHOLE[socket.AF_INET] = (socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DO)
if hasattr(socket, "IPV6_DONTFRAG") and hasattr(socket, "IPPROTO_IPV6"):
    _WHOLE[socket.AF_INET6] = (socket.IPPROTO_IPV6, socket.IPV6_DONTFRAG, 1)

#: The address families over which the platform lets a datagram forbid fragments.
KEEPS_WHOLE = tuple(_WHOLE)


def familyOf(host: str) -> int:
    """Return the address family that a numeric host is of; C{""} is of IPv4."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def withoutScope(host: str) -> str:
    """Return a numeric host without the name of the link that it is on (RFC 4007)."""
    return host.partition("%")[0]


def localAddress(handle: socket.socket) -> Address:
    """Return where a socket is bound."""
    name = handle.getsockname()
    # Thousands of sockets are bound to few hosts.
    return (sys.intern(withoutScope(name[0])), name[1])


def boundSocket(interface: str, port: int) -> socket.socket:
    """
    Return a non-blocking UDP socket bound to C{interface} and C{port}; one over IPv6
    takes nothing that comes over IPv4.

    @raise OSError: It cannot be had.
    @raise OverflowError: There is no such port.
    """
    family = familyOf(interface)
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        opened.bind((interface, port))
    except BaseException:
        opened.close()
        raise
    return opened


def sendWithTtl(handle: socket.socket, data: bytes, address: Address, ttl: int) -> None:
    """
    Send one datagram with its own time to live and leave the socket as it was.

    @raise OSError: The system refused the time to live or the datagram.
    """
    if not 1 <= ttl <= 255:
        raise OSError(f"no datagram lives for {ttl} hops")
    if handle.family == socket.AF_INET6:
        _sendWith(handle, data, address, (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl))
    else:
        _sendWith(handle, data, address, (socket.IPPROTO_IP, socket.IP_TTL, ttl))


def sendWhole(handle: socket.socket, data: bytes, address: Address) -> None:
    """
    Send one datagram that nobody may fragment and leave the socket as it was.

    @raise OSError: The system refused it, knows that it does not fit, or cannot do so.
    """
    option = _WHOLE.get(handle.family)
    if option is None:
        raise OSError("the platform cannot forbid fragments")
    _sendWith(handle, data, address, option)


def _sendWith(
    handle: socket.socket, data: bytes, address: Address, option: tuple[int, int, int]
) -> None:
    level, name, value = option
    usual = handle.getsockopt(level, name)
    handle.setsockopt(level, name, value)
    try:
        handle.sendto(data, address)
    finally:
        handle.setsockopt(level, name, usual)
