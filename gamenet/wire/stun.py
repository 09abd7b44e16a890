"""
STUN messages as bytes: RFC 8489, its sections 5 (layout), 6 (answers) and 14.5
to 14.7 (integrity and fingerprint).  The values of the other attributes are
the business of L{gamenet.wire.stun_attributes}.

Everything is pure.  The lobby and the relay answer Binding requests with it,
their clients ask with it, and L{gamenet.wire.turn} adds what RFC 8656 needs.
Only the classic MESSAGE-INTEGRITY (HMAC-SHA1) is known.
"""

from __future__ import annotations

import hmac
from collections.abc import Container
from enum import IntEnum
from struct import Struct
from zlib import crc32

from attrs import field, frozen

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.interfaces import Address
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    FINGERPRINT,
    MAGIC_COOKIE,
    MESSAGE_INTEGRITY,
    UNKNOWN_ATTRIBUTES,
    XOR_MAPPED_ADDRESS,
    decodeXorAddress,
    encodeErrorCode,
    encodeUnknownAttributes,
    encodeXorAddress,
)

__all__ = [
    "ATTRIBUTE_LIMIT",
    "BINDING",
    "FINAL_WAIT",
    "HEADER_LENGTH",
    "INITIAL_TIMEOUT",
    "REQUEST_COUNT",
    "MessageClass",
    "StunMessage",
    "decode",
    "encode",
    "encodeBindingError",
    "encodeBindingRequest",
    "encodeBindingSuccess",
    "readBindingAddress",
    "transmissionTimes",
    "verifyIntegrity",
]

#: Bytes before the first attribute.
HEADER_LENGTH = 20
#: Most attributes that L{decode} reads from one message.
ATTRIBUTE_LIMIT = 64
#: The only method of RFC 8489.
BINDING = 0x001

#: Seconds before a request is first sent again (RTO, section 6.2.1).
INITIAL_TIMEOUT = 0.5
#: How often a request is sent in all (Rc).
REQUEST_COUNT = 7
#: How many times the initial timeout the last transmission waits (Rm).
FINAL_WAIT = 16

_FINGERPRINT_MASK = 0x5354554E
_HEADER = Struct(">HHI12s")
_TWO = Struct(">HH")
_LENGTH = Struct(">H")
_CHECKSUM = Struct(">HHI")
_INTEGRITY_LENGTH = 20
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class MessageClass(IntEnum):
    """What a message is to its exchange (section 5); the values are the class bits."""

    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


_CLASSES = tuple(MessageClass)


@frozen
class StunMessage:
    """
    One message.

    @ivar method: The method, 12 bits, for example L{BINDING}.
    @ivar message_class: The L{MessageClass}.
    @ivar transaction_id: 12 bytes that an answer repeats.
    @ivar attributes: Pairs of type and value in their order on the wire, as
        far as MESSAGE-INTEGRITY and without it and FINGERPRINT: what follows
        MESSAGE-INTEGRITY is not protected by it and must be ignored
        (section 14.5).
    @ivar integrity: The 20 bytes of MESSAGE-INTEGRITY of a decoded message;
        C{None} where it has none.
    @ivar signed: The bytes that C{integrity} covers; C{None} with it.
    @ivar fingerprinted: Whether a decoded message had a (right) FINGERPRINT.
    """

    method: int
    message_class: MessageClass
    transaction_id: bytes
    attributes: tuple[tuple[int, bytes], ...] = ()
    integrity: bytes | None = field(default=None, eq=False, repr=False)
    signed: bytes | None = field(default=None, eq=False, repr=False)
    fingerprinted: bool = field(default=False, eq=False, repr=False)

    def first(self, attribute: int) -> bytes | None:
        """
        Return the value of the first attribute of a type, C{None} without one.

        Later ones of the same type count for nothing (section 14).
        """
        for kind, value in self.attributes:
            if kind == attribute:
                return value
        return None

    def unknownAttributes(self, understood: Container[int]) -> tuple[int, ...]:
        """
        Return the types that must be understood and are not (RFC 8489, section 6.3.1),
        each once, in their order on the wire.

        @param understood: The types below 0x8000 that the caller knows.
        """
        return tuple(
            dict.fromkeys(
                kind for kind, _ in self.attributes if kind < 0x8000 and kind not in understood
            )
        )


def encode(message: StunMessage, key: bytes | None = None, fingerprint: bool = True) -> bytes:
    """
    Return a message as bytes.  Padding is zero.

    @param message: What to write; its C{integrity}, C{signed} and
        C{fingerprinted} are not looked at.
    @param key: Where given, MESSAGE-INTEGRITY is appended under this key.
    @param fingerprint: Whether FINGERPRINT ends the message.
    @raise LocalProtocolError: A transaction id that is not 12 bytes, a method
        beyond 12 bits, or more than 65 532 bytes of attributes.
    """
    if len(message.transaction_id) != 12 or not 0 <= message.method <= 0xFFF:
        raise LocalProtocolError(f"no such STUN message: {message!r}")
    parts = []
    for kind, value in message.attributes:
        length = len(value)
        if length > 0xFFFF:
            raise LocalProtocolError(f"attribute {kind:#06x} of {length} bytes")
        parts.append(_TWO.pack(kind, length) + value + _PADDING[length & 3])
    body = b"".join(parts)
    trailers = (24 if key is not None else 0) + (8 if fingerprint else 0)
    if len(body) + trailers > 0xFFFC:
        raise LocalProtocolError(f"{len(body)} bytes of attributes do not fit in a STUN message")
    kind = _typeOf(message.method, message.message_class)
    if key is not None:
        signed = _HEADER.pack(kind, len(body) + 24, MAGIC_COOKIE, message.transaction_id) + body
        digest = hmac.digest(key, signed, "sha1")
        body += _TWO.pack(MESSAGE_INTEGRITY, _INTEGRITY_LENGTH) + digest
    if not fingerprint:
        return _HEADER.pack(kind, len(body), MAGIC_COOKIE, message.transaction_id) + body
    data = _HEADER.pack(kind, len(body) + 8, MAGIC_COOKIE, message.transaction_id) + body
    return data + _CHECKSUM.pack(FINGERPRINT, 4, crc32(data) ^ _FINGERPRINT_MASK)


def decode(data: bytes, attribute_limit: int = ATTRIBUTE_LIMIT) -> StunMessage:
    """
    Read one message.  Its MESSAGE-INTEGRITY is not checked: that is
    L{verifyIntegrity}, once the key is known.

    @param data: One whole datagram.
    @param attribute_limit: Most attributes that are read.
    @raise MalformedMessage: The header is not that of a STUN message, a length
        lies, MESSAGE-INTEGRITY or FINGERPRINT has the wrong size, FINGERPRINT
        is wrong or not last, or there are too many attributes.
    """
    if len(data) < HEADER_LENGTH:
        raise MalformedMessage(f"a STUN message of {len(data)} bytes")
    kind, length, cookie, transaction_id = _HEADER.unpack_from(data)
    if kind & 0xC000 or cookie != MAGIC_COOKIE:
        raise MalformedMessage("not a STUN message")
    if length & 3 or length + HEADER_LENGTH != len(data):
        raise MalformedMessage(f"a STUN length of {length} in a datagram of {len(data)} bytes")
    attributes: list[tuple[int, bytes]] = []
    integrity = signed = None
    fingerprinted = False
    count = 0
    offset = HEADER_LENGTH
    end = len(data)
    while offset < end:
        attribute, size = _TWO.unpack_from(data, offset)
        start = offset + 4
        following = start + size + (-size & 3)
        count += 1
        if fingerprinted or following > end or count > attribute_limit:
            raise MalformedMessage("a STUN attribute that does not fit its message")
        if attribute == FINGERPRINT:
            _checkFingerprint(data, offset, size)
            fingerprinted = True
        elif integrity is None:
            value = data[start : start + size]
            if attribute == MESSAGE_INTEGRITY:
                if size != _INTEGRITY_LENGTH:
                    raise MalformedMessage(f"a MESSAGE-INTEGRITY of {size} bytes")
                integrity = value
                signed = data[:2] + _LENGTH.pack(offset + 4) + data[4:offset]
            else:
                attributes.append((attribute, value))
        offset = following
    return StunMessage(
        method=(kind & 0x000F) | (kind & 0x00E0) >> 1 | (kind & 0x3E00) >> 2,
        message_class=_CLASSES[(kind & 0x0010) >> 4 | (kind & 0x0100) >> 7],
        transaction_id=transaction_id,
        attributes=tuple(attributes),
        integrity=integrity,
        signed=signed,
        fingerprinted=fingerprinted,
    )


def verifyIntegrity(message: StunMessage, key: bytes) -> bool:
    """
    Tell whether a decoded message was signed with a key, in constant time.

    @return: C{False} too where it has no MESSAGE-INTEGRITY.
    """
    if message.integrity is None or message.signed is None:
        return False
    return hmac.compare_digest(hmac.digest(key, message.signed, "sha1"), message.integrity)


def encodeBindingRequest(transaction_id: bytes) -> bytes:
    """
    Return a Binding request of 28 bytes.

    @param transaction_id: 12 unpredictable bytes, new for every request.
    """
    return encode(StunMessage(BINDING, MessageClass.REQUEST, transaction_id))


def encodeBindingSuccess(transaction_id: bytes, address: Address) -> bytes:
    """
    Return the answer to a Binding request: 40 bytes over IPv4.

    @param transaction_id: That of the request.
    @param address: Where the request came from.
    """
    value = encodeXorAddress(address, transaction_id)
    return encode(
        StunMessage(
            BINDING, MessageClass.SUCCESS, transaction_id, ((XOR_MAPPED_ADDRESS, value),)
        )
    )


def encodeBindingError(
    transaction_id: bytes,
    code: int,
    reason: str | None = None,
    unknown_attributes: tuple[int, ...] = (),
) -> bytes:
    """
    Return the refusal of a Binding request.

    @param transaction_id: That of the request.
    @param code: For example 420 (L{gamenet.wire.stun_attributes.UNKNOWN_ATTRIBUTE}).
    @param reason: As in L{gamenet.wire.stun_attributes.encodeErrorCode}.
    @param unknown_attributes: With 420, the types that were not understood.
    """
    attributes: tuple[tuple[int, bytes], ...] = ((ERROR_CODE, encodeErrorCode(code, reason)),)
    if unknown_attributes:
        attributes += ((UNKNOWN_ATTRIBUTES, encodeUnknownAttributes(unknown_attributes)),)
    return encode(StunMessage(BINDING, MessageClass.ERROR, transaction_id, attributes))


def readBindingAddress(message: StunMessage) -> Address:
    """
    Return the address that a Binding success tells.

    @raise MalformedMessage: It is no Binding success, or tells none.
    """
    value = message.first(XOR_MAPPED_ADDRESS)
    if (
        message.method != BINDING
        or message.message_class is not MessageClass.SUCCESS
        or value is None
    ):
        raise MalformedMessage("not a Binding success with XOR-MAPPED-ADDRESS")
    return decodeXorAddress(value, message.transaction_id)


def transmissionTimes(
    initial_timeout: float = INITIAL_TIMEOUT,
    request_count: int = REQUEST_COUNT,
    final_wait: int = FINAL_WAIT,
) -> tuple[float, ...]:
    """
    Tell when an unanswered request over UDP is sent, and given up (section 6.2.1).

    @param initial_timeout: RTO, seconds.
    @param request_count: Rc, transmissions in all, at least 1.
    @param final_wait: Rm.
    @return: Seconds after the first transmission: C{request_count} of them,
        beginning with 0, and last the moment of giving up.  By default
        C{(0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 39.5)}.
    """
    sent = [initial_timeout * (2**attempt - 1) for attempt in range(request_count)]
    return (*sent, sent[-1] + initial_timeout * final_wait)


def _typeOf(method: int, message_class: MessageClass) -> int:
    classes = (message_class & 1) << 4 | (message_class & 2) << 7
    return (method & 0x000F) | (method & 0x0070) << 1 | (method & 0x0F80) << 2 | classes


def _checkFingerprint(data: bytes, offset: int, size: int) -> None:
    if size != 4:
        raise MalformedMessage(f"a FINGERPRINT of {size} bytes")
    if int.from_bytes(data[offset + 4 : offset + 8], "big") != (
        crc32(data[:offset]) ^ _FINGERPRINT_MASK
    ):
        raise MalformedMessage("a wrong FINGERPRINT")
