"""
The attributes of NAT behavior discovery: RFC 5780, section 7.

Everything is pure; L{gamenet.wire.stun} puts the values into messages.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from struct import Struct

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.interfaces import Address

__all__ = [
    "CHANGE_REQUEST",
    "MAPPED_ADDRESS",
    "OTHER_ADDRESS",
    "PADDING",
    "RESPONSE_ORIGIN",
    "RESPONSE_PORT",
    "decodeAddress",
    "decodeChangeRequest",
    "decodeResponsePort",
    "encodeAddress",
    "encodeChangeRequest",
    "encodeResponsePort",
]

#: RFC 8489, section 14.1: an address without exclusive-or.
MAPPED_ADDRESS = 0x0001
CHANGE_REQUEST = 0x0003
#: As many bytes as one likes, all of them zero here.
PADDING = 0x0026
RESPONSE_PORT = 0x0027
RESPONSE_ORIGIN = 0x802B
OTHER_ADDRESS = 0x802C

_CHANGE_IP = 4
_CHANGE_PORT = 2
_IPV4 = 1
_IPV6 = 2
_ADDRESS = Struct(">xBH")
_PORT = Struct(">H2x")


def encodeAddress(address: Address) -> bytes:
    """
    Return the value of MAPPED-ADDRESS, RESPONSE-ORIGIN or OTHER-ADDRESS.

    @raise LocalProtocolError: The host is not numeric or the port is no port.
    """
    host, port = address
    if not 0 <= port <= 0xFFFF:
        raise LocalProtocolError(f"not a port: {port!r}")
    family, kind = (_IPV6, AF_INET6) if ":" in host else (_IPV4, AF_INET)
    try:
        return _ADDRESS.pack(family, port) + inet_pton(kind, host)
    except (OSError, ValueError) as error:
        raise LocalProtocolError(f"not a numeric host: {host!r}") from error


def decodeAddress(value: bytes) -> Address:
    """
    Read the value of MAPPED-ADDRESS, RESPONSE-ORIGIN or OTHER-ADDRESS.

    @return: Numeric host and port.
    @raise MalformedMessage: Neither 8 bytes of family 1 nor 20 of family 2.
    """
    if len(value) >= 4:
        family, port = _ADDRESS.unpack_from(value)
        if family == _IPV4 and len(value) == 8:
            return inet_ntop(AF_INET, value[4:]), port
        if family == _IPV6 and len(value) == 20:
            return inet_ntop(AF_INET6, value[4:]), port
    raise MalformedMessage(f"an address of {len(value)} bytes: {value[:4]!r}")


def encodeChangeRequest(host: bool, port: bool) -> bytes:
    """
    Return the value of CHANGE-REQUEST (section 7.2).

    @param host: Whether to answer from the other host.
    @param port: Whether to answer from the other port.
    """
    return bytes((0, 0, 0, (_CHANGE_IP if host else 0) | (_CHANGE_PORT if port else 0)))


def decodeChangeRequest(value: bytes) -> tuple[bool, bool]:
    """
    Read the value of CHANGE-REQUEST.  Its other bits count for nothing.

    @return: Whether to answer from the other host, and from the other port.
    @raise MalformedMessage: Not 4 bytes.
    """
    if len(value) != 4:
        raise MalformedMessage(f"a CHANGE-REQUEST of {len(value)} bytes")
    return bool(value[3] & _CHANGE_IP), bool(value[3] & _CHANGE_PORT)


def encodeResponsePort(port: int) -> bytes:
    """
    Return the value of RESPONSE-PORT (section 7.5).

    @param port: 1 to 65535.
    @raise LocalProtocolError: It is no such port.
    """
    if not 1 <= port <= 0xFFFF:
        raise LocalProtocolError(f"not a port: {port!r}")
    return _PORT.pack(port)


def decodeResponsePort(value: bytes) -> int:
    """
    Read the value of RESPONSE-PORT.

    @return: 1 to 65535.
    @raise MalformedMessage: Neither 2 bytes nor 4 (with its padding counted in, as
        coturn does), or port 0.
    """
    port = int.from_bytes(value[:2], "big")
    if len(value) not in (2, 4) or port == 0:
        raise MalformedMessage(f"not a RESPONSE-PORT: {value[:4]!r}")
    return port
