"""
STUN messages as bytes: RFC 8489, its sections 5 (layout), 6 (answers) and 14.5
to 14.7 (integrity and fingerprint).  The values of the other attributes are
the business of L{gamenet.wire.stun_attributes}.

Everything is pure.  The lobby and the relay answer Binding requests with it,
their clients ask with it, and L{gamenet.wire.turn} adds what RFC 8656 needs.
A message is signed by MESSAGE-INTEGRITY (HMAC-SHA1), by
MESSAGE-INTEGRITY-SHA256, or by both.
"""

from __future__ import annotations

import hmac
from collections.abc import Container
from enum import Enum, IntEnum
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
    MESSAGE_INTEGRITY_SHA256,
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
    "Integrity",
    "MessageClass",
    "StunMessage",
    "decode",
    "encode",
    "encodeBindingError",
    "encodeBindingRequest",
    "encodeBindingSuccess",
    "hasMagicCookie",
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
_SHORTEST_SHA256 = 16
_LONGEST_SHA256 = 32
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class MessageClass(IntEnum):
    """What a message is to its exchange (section 5); the values are the class bits."""

    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


_CLASSES = tuple(MessageClass)


class Integrity(Enum):
    """What signs a message; the values name the hash of the HMAC."""

    SHA1 = "sha1"
    SHA256 = "sha256"


@frozen
class StunMessage:
    """
    One message.

    @ivar method: The method, 12 bits, for example L{BINDING}.
    @ivar message_class: The L{MessageClass}.
    @ivar transaction_id: 12 bytes that an answer repeats.
    @ivar attributes: Pairs of type and value in their order on the wire, as
        far as the first signature and without FINGERPRINT: what follows
        a signature is not protected by it and must be ignored, but for
        MESSAGE-INTEGRITY-SHA256 after MESSAGE-INTEGRITY (sections 14.5, 14.6).
    @ivar integrity: The 20 bytes of MESSAGE-INTEGRITY of a decoded message;
        C{None} where it has none.
    @ivar signed: The bytes that C{integrity} covers; C{None} with it.
    @ivar integrity_sha256: The 16 to 32 bytes of MESSAGE-INTEGRITY-SHA256 of a
        decoded message; C{None} where it has none.
    @ivar signed_sha256: The bytes that it covers; C{None} with it.
    @ivar fingerprinted: Whether a decoded message had a (right) FINGERPRINT.
    """

    method: int
    message_class: MessageClass
    transaction_id: bytes
    attributes: tuple[tuple[int, bytes], ...] = ()
    integrity: bytes | None = field(default=None, eq=False, repr=False)
    signed: bytes | None = field(default=None, eq=False, repr=False)
    fingerprinted: bool = field(default=False, eq=False, repr=False)
    integrity_sha256: bytes | None = field(default=None, eq=False, repr=False)
    signed_sha256: bytes | None = field(default=None, eq=False, repr=False)

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


def encode(
    message: StunMessage,
    key: bytes | None = None,
    fingerprint: bool = True,
    integrity: Integrity = Integrity.SHA1,
) -> bytes:
    """
    Return a message as bytes.  Padding is zero.

    @param message: What to write; how it was signed and whether it was
        C{fingerprinted} is not looked at.
    @param key: Where given, a signature is appended under this key.
    @param fingerprint: Whether FINGERPRINT ends the message.
    @param integrity: Which signature, never a shortened one.
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
    signature = 24 if integrity is Integrity.SHA1 else 36
    trailers = (signature if key is not None else 0) + (8 if fingerprint else 0)
    if len(body) + trailers > 0xFFFC:
        raise LocalProtocolError(f"{len(body)} bytes of attributes do not fit in a STUN message")
    kind = _typeOf(message.method, message.message_class)
    if key is not None:
        length = len(body) + signature
        signed = _HEADER.pack(kind, length, MAGIC_COOKIE, message.transaction_id) + body
        attribute = MESSAGE_INTEGRITY if signature == 24 else MESSAGE_INTEGRITY_SHA256
        digest = hmac.digest(key, signed, integrity.value)
        body += _TWO.pack(attribute, len(digest)) + digest
    if not fingerprint:
        return _HEADER.pack(kind, len(body), MAGIC_COOKIE, message.transaction_id) + body
    data = _HEADER.pack(kind, len(body) + 8, MAGIC_COOKIE, message.transaction_id) + body
    return data + _CHECKSUM.pack(FINGERPRINT, 4, crc32(data) ^ _FINGERPRINT_MASK)


def decode(data: bytes, attribute_limit: int = ATTRIBUTE_LIMIT) -> StunMessage:
    """
    Read one message.  Its signatures are not checked: that is
    L{verifyIntegrity}, once the key is known.

    @param data: One whole datagram.
    @param attribute_limit: Most attributes that are read.
    @raise MalformedMessage: The header is not that of a STUN message, a length
        lies, a signature or FINGERPRINT has the wrong size, FINGERPRINT
        is wrong or not last, or there are too many attributes.
    """
    kind, transaction_id = _readHeader(data)
    attributes: list[tuple[int, bytes]] = []
    integrity = signed = integrity_sha256 = signed_sha256 = None
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
        elif integrity_sha256 is None:
            value = data[start : start + size]
            if attribute == MESSAGE_INTEGRITY_SHA256:
                if not _SHORTEST_SHA256 <= size <= _LONGEST_SHA256 or size & 3:
                    raise MalformedMessage(f"a MESSAGE-INTEGRITY-SHA256 of {size} bytes")
                integrity_sha256 = value
                signed_sha256 = _signedBytes(data, offset, size)
            elif integrity is None:
                if attribute == MESSAGE_INTEGRITY:
                    if size != _INTEGRITY_LENGTH:
                        raise MalformedMessage(f"a MESSAGE-INTEGRITY of {size} bytes")
                    integrity = value
                    signed = _signedBytes(data, offset, size)
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
        integrity_sha256=integrity_sha256,
        signed_sha256=signed_sha256,
    )


def hasMagicCookie(data: bytes) -> bool:
    """Tell whether data begins as a STUN message does, whatever is wrong with the rest."""
    return data[:1] < b"\x04" and data[4:8] == MAGIC_COOKIE.to_bytes(4, "big")


def verifyIntegrity(
    message: StunMessage, key: bytes, integrity: Integrity = Integrity.SHA1
) -> bool:
    """
    Tell whether a decoded message was signed with a key, in constant time.

    @param message: What was received.
    @param key: The key of who should have sent it.
    @param integrity: Which of the two signatures to look at.  A shortened
        MESSAGE-INTEGRITY-SHA256 counts: it has 128 bits at least.
    @return: C{False} too where it has no such signature.
    """
    if integrity is Integrity.SHA1:
        value, signed = message.integrity, message.signed
    else:
        value, signed = message.integrity_sha256, message.signed_sha256
    if value is None or signed is None:
        return False
    digest = hmac.digest(key, signed, integrity.value)
    return hmac.compare_digest(digest[: len(value)], value)


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


def _readHeader(data: bytes) -> tuple[int, bytes]:
    if len(data) < HEADER_LENGTH:
        raise MalformedMessage(f"a STUN message of {len(data)} bytes")
    kind, length, cookie, transaction_id = _HEADER.unpack_from(data)
    if kind & 0xC000 or cookie != MAGIC_COOKIE:
        raise MalformedMessage("not a STUN message")
    if length & 3 or length + HEADER_LENGTH != len(data):
        raise MalformedMessage(f"a STUN length of {length} in a datagram of {len(data)} bytes")
    return kind, transaction_id


def _signedBytes(data: bytes, offset: int, size: int) -> bytes:
    """
    Return what a signature of some size at some place covers: everything
    before it, in a header whose length ends behind it.
    """
    return data[:2] + _LENGTH.pack(offset + 4 + size - HEADER_LENGTH) + data[4:offset]


def _checkFingerprint(data: bytes, offset: int, size: int) -> None:
    if size != 4:
        raise MalformedMessage(f"a FINGERPRINT of {size} bytes")
    if int.from_bytes(data[offset + 4 : offset + 8], "big") != (
        crc32(data[:offset]) ^ _FINGERPRINT_MASK
    ):
        raise MalformedMessage("a wrong FINGERPRINT")
