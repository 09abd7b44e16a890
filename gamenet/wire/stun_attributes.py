"""
The attributes of STUN messages: their numbers, the error codes, and the values
that are more than plain bytes (RFC 8489, section 14).

Everything is pure; L{gamenet.wire.stun} puts the values into messages.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from struct import Struct

from attrs import frozen

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.interfaces import Address

__all__ = [
    "ALTERNATE_SERVER",
    "BAD_REQUEST",
    "ERROR_CODE",
    "FINGERPRINT",
    "MAGIC_COOKIE",
    "MESSAGE_INTEGRITY",
    "MESSAGE_INTEGRITY_SHA256",
    "NONCE",
    "PASSWORD_ALGORITHM",
    "PASSWORD_ALGORITHMS",
    "QUOTED_LIMIT",
    "REALM",
    "REASON_LIMIT",
    "REASON_PHRASES",
    "SERVER_ERROR",
    "SOFTWARE",
    "STALE_NONCE",
    "UNAUTHENTICATED",
    "UNKNOWN_ATTRIBUTE",
    "UNKNOWN_ATTRIBUTES",
    "USERHASH",
    "USERHASH_LENGTH",
    "USERNAME",
    "USERNAME_LIMIT",
    "XOR_MAPPED_ADDRESS",
    "ErrorCode",
    "decodeErrorCode",
    "decodeUnknownAttributes",
    "decodeXorAddress",
    "encodeErrorCode",
    "encodeUnknownAttributes",
    "encodeXorAddress",
]

#: The fixed bytes 4 to 7 of every message; what lacks them is RFC 3489 or not STUN.
MAGIC_COOKIE = 0x2112A442
#: Most characters of a reason phrase (section 14.8).
REASON_LIMIT = 127
#: Most bytes of a USERNAME (section 14.3).
USERNAME_LIMIT = 508
#: Bytes of a USERHASH (section 14.4).
USERHASH_LENGTH = 32
#: Most bytes of a REALM or a NONCE that is read (sections 14.9 and 14.10).
QUOTED_LIMIT = 763

USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
ERROR_CODE = 0x0009
UNKNOWN_ATTRIBUTES = 0x000A
REALM = 0x0014
NONCE = 0x0015
MESSAGE_INTEGRITY_SHA256 = 0x001C
PASSWORD_ALGORITHM = 0x001D
USERHASH = 0x001E
XOR_MAPPED_ADDRESS = 0x0020
PASSWORD_ALGORITHMS = 0x8002
SOFTWARE = 0x8022
ALTERNATE_SERVER = 0x8023
FINGERPRINT = 0x8028

BAD_REQUEST = 400
UNAUTHENTICATED = 401
UNKNOWN_ATTRIBUTE = 420
STALE_NONCE = 438
SERVER_ERROR = 500

#: What L{encodeErrorCode} writes where no reason is given: sections 14.8 and RFC 8656, 19.
REASON_PHRASES = {
    300: "Try Alternate",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    405: "Mobility Forbidden",
    420: "Unknown Attribute",
    437: "Allocation Mismatch",
    438: "Stale Nonce",
    440: "Address Family not Supported",
    441: "Wrong Credentials",
    442: "Unsupported Transport Protocol",
    443: "Peer Address Family Mismatch",
    486: "Allocation Quota Reached",
    500: "Server Error",
    508: "Insufficient Capacity",
}

_IPV4 = 1
_IPV6 = 2
_ADDRESS = Struct(">xBH")
_ERROR = Struct(">xxBB")
_LENGTH = Struct(">H")
_COOKIE_BYTES = MAGIC_COOKIE.to_bytes(4, "big")


@frozen
class ErrorCode:
    """
    The content of ERROR-CODE (section 14.8).

    @ivar code: 300 to 699.
    @ivar reason: The phrase for a person.
    """

    code: int
    reason: str


def encodeXorAddress(address: Address, transaction_id: bytes) -> bytes:
    """
    Return the value of XOR-MAPPED-ADDRESS and its like (section 14.2).

    @raise LocalProtocolError: The host is not numeric or the port is no port.
    """
    host, port = address
    family = _IPV6 if ":" in host else _IPV4
    try:
        packed = inet_pton(AF_INET6 if family == _IPV6 else AF_INET, host)
    except (OSError, ValueError) as error:
        raise LocalProtocolError(f"not a numeric host: {host!r}") from error
    if not 0 <= port <= 0xFFFF:
        raise LocalProtocolError(f"not a port: {port!r}")
    return _ADDRESS.pack(family, port ^ MAGIC_COOKIE >> 16) + _xor(packed, transaction_id)


def decodeXorAddress(value: bytes, transaction_id: bytes) -> Address:
    """
    Read the value of XOR-MAPPED-ADDRESS and its like.

    @return: Numeric host and port.  An IPv6 host is in its shortest form; an
        IPv4-mapped one stays an IPv6 host.
    @raise MalformedMessage: Neither 8 bytes of family 1 nor 20 of family 2.
    """
    if len(value) < 4:
        raise MalformedMessage(f"an address of {len(value)} bytes")
    family, port = _ADDRESS.unpack_from(value)
    packed = _xor(value[4:], transaction_id)
    port ^= MAGIC_COOKIE >> 16
    if family == _IPV4 and len(value) == 8:
        return inet_ntop(AF_INET, packed), port
    if family == _IPV6 and len(value) == 20:
        return inet_ntop(AF_INET6, packed), port
    raise MalformedMessage(f"an address of family {family} and {len(value)} bytes")


def encodeErrorCode(code: int, reason: str | None = None) -> bytes:
    """
    Return the value of ERROR-CODE.

    @param code: 300 to 699.
    @param reason: The phrase; by default that of L{REASON_PHRASES}, or none.
    @raise LocalProtocolError: No such code, or a reason over L{REASON_LIMIT}
        characters.
    """
    if reason is None:
        reason = REASON_PHRASES.get(code, "")
    if not 300 <= code <= 699 or len(reason) > REASON_LIMIT:
        raise LocalProtocolError(f"not a STUN error: {code!r} {reason!r}")
    return _ERROR.pack(code // 100, code % 100) + reason.encode()


def decodeErrorCode(value: bytes) -> ErrorCode:
    """
    Read the value of ERROR-CODE.

    @raise MalformedMessage: It is too short, the class is not 3 to 6, the
        number is over 99, or the reason is not UTF-8 or too long.
    """
    if len(value) < 4:
        raise MalformedMessage(f"an ERROR-CODE of {len(value)} bytes")
    hundreds, number = _ERROR.unpack_from(value)
    hundreds &= 7
    try:
        reason = value[4:].decode()
    except UnicodeDecodeError:
        raise MalformedMessage("an ERROR-CODE whose reason is not UTF-8") from None
    if not 3 <= hundreds <= 6 or number > 99 or len(reason) > REASON_LIMIT:
        raise MalformedMessage(f"an ERROR-CODE of class {hundreds} and number {number}")
    return ErrorCode(hundreds * 100 + number, reason)


def encodeUnknownAttributes(attributes: tuple[int, ...]) -> bytes:
    """Return the value of UNKNOWN-ATTRIBUTES (section 14.9), a list of attribute types."""
    return b"".join(_LENGTH.pack(kind) for kind in attributes)


def decodeUnknownAttributes(value: bytes) -> tuple[int, ...]:
    """
    Read the value of UNKNOWN-ATTRIBUTES.

    @raise MalformedMessage: An odd number of bytes.
    """
    if len(value) & 1:
        raise MalformedMessage(f"an UNKNOWN-ATTRIBUTES of {len(value)} bytes")
    return tuple(kind for (kind,) in _LENGTH.iter_unpack(value))


def _xor(packed: bytes, transaction_id: bytes) -> bytes:
    size = len(packed)
    mask = int.from_bytes((_COOKIE_BYTES + transaction_id)[:size], "big")
    return (int.from_bytes(packed, "big") ^ mask).to_bytes(size, "big")
