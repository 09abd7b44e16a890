"""Which addresses are this machine's own, as the system's routes say."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv6Address, ip_address

from gamenet.errors import BadAddress, CannotBind
from gamenet.machine.socket_options import familyOf, withoutScope

__all__ = ["isOwnAddress", "sourceAddress"]

#: What a system says of an address that is not its own.  Everything else, such as too few
#: descriptors, says nothing of the address.
_NOT_OURS = (errno.EADDRNOTAVAIL, errno.EINVAL)

#: What a system says where there is no way to an address.
_NO_ROUTE = (
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EAFNOSUPPORT,
    errno.EADDRNOTAVAIL,
    errno.EACCES,
    errno.EINVAL,
)

#: Where it is pretended to send: discard (RFC 863).
_DISCARD_PORT = 9


def sourceAddress(destination: str) -> str:
    """
    Return the local address that datagrams to C{destination} would leave
    from.  Sends nothing: it asks the routing table by connecting a UDP socket.

    @raise gamenet.errors.BadAddress: C{destination} is not a numeric host.
    @raise gamenet.errors.CannotBind: There is no route to it.
    """
    family = familyOf(destination)
    try:
        socket.inet_pton(family, destination)
    except (OSError, ValueError) as error:
        raise BadAddress(f"not a numeric address: {destination!r}") from error
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((destination, _DISCARD_PORT))
            return withoutScope(probe.getsockname()[0])
    except OSError as error:
        raise CannotBind(f"no route to {destination}: {error}") from error


def isOwnAddress(host: str) -> bool:
    """
    Return whether datagrams to C{host} would stay on this machine: whether a socket can
    be bound to it.  An IPv4-mapped address is what is mapped.

    Where the system lets processes bind addresses that are not its own (Linux'
    C{ip_nonlocal_bind}) only the first address of each interface is known to be ours.

    @param host: Anything; what is no numeric host is not ours.
    @raise gamenet.errors.CannotBind: The system does not tell: it is out of descriptors, for
        example, or of memory.
    """
    try:
        parsed = ip_address(host)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if parsed.is_multicast:
        return False
    if parsed.is_loopback or parsed.is_unspecified:
        return True
    numeric = str(parsed)
    if _bindsAnything(familyOf(numeric)):
        try:
            return sourceAddress(numeric) == numeric
        except CannotBind as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno in _NO_ROUTE:
                return False
            raise
    return _canBind(numeric)


def _bindsAnything(family: int) -> bool:
    """Return whether an address that documentation alone uses (RFC 5737, RFC 3849) is bound."""
    return _canBind("2001:db8::1" if family == socket.AF_INET6 else "198.51.100.1")


def _canBind(host: str) -> bool:
    """
    Return whether an address is ours.

    @raise CannotBind: The system does not tell.
    """
    try:
        probe = socket.socket(familyOf(host), socket.SOCK_DGRAM)
    except OSError as error:
        return _told(error, (errno.EAFNOSUPPORT,))
    with probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            return _told(error, _NOT_OURS)
        try:
            # Refused for the broadcast address of a network, which can be bound as well.
            probe.connect((host, _DISCARD_PORT))
        except OSError as error:
            return _told(error, (errno.EACCES,))
    return True


def _told(error: OSError, refusals: tuple[int, ...]) -> bool:
    """Return that an address is not ours, where an error says that."""
    if error.errno in refusals:
        return False
    raise CannotBind(f"the system does not tell what is ours: {error}") from error
