"""
STUN and ChannelData read and written by hand, as RFC 8489 draws them: what a relay emits is
judged by this and not by the code that wrote it.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from zlib import crc32

from attrs import frozen

__all__ = [
    "COOKIE",
    "BrokenError",
    "RawAttribute",
    "attributesOf",
    "checkEmitted",
    "errorCodeOf",
    "rawMessage",
    "sealed",
    "typeOf",
]

COOKIE = b"\x21\x12\xa4\x42"
_FINGERPRINT = 0x8028


class BrokenError(AssertionError):
    """What the relay emitted is no message, or has something in its padding."""


@frozen
class RawAttribute:
    """
    One attribute.

    @ivar kind: Its type.
    @ivar value: Its value.
    @ivar padding: The bytes up to the next one.
    @ivar place: Where it begins.
    """

    kind: int
    value: bytes
    padding: bytes
    place: int


def typeOf(data: bytes) -> tuple[int, int]:
    """Return the method and the class (0 request, 1 indication, 2 success, 3 error)."""
    kind = data[0] << 8 | data[1]
    classes = (kind >> 4 & 1) | (kind >> 7 & 2)
    return (kind & 0xF) | (kind >> 1 & 0x70) | (kind >> 2 & 0xF80), classes


def attributesOf(data: bytes) -> list[RawAttribute]:
    """
    Read a whole message.

    @raise BrokenError: It is none.
    """
    length = data[2] << 8 | data[3]
    if data[0] >= 0x40 or data[4:8] != COOKIE or length % 4 or length + 20 != len(data):
        raise BrokenError(f"no STUN message: {data[:20].hex()} of {len(data)} bytes")
    found = []
    place = 20
    while place < len(data):
        size = data[place + 2] << 8 | data[place + 3]
        end = place + 4 + size
        following = end + -size % 4
        if following > len(data):
            raise BrokenError(f"an attribute of {size} bytes at {place} of {len(data)}")
        kind = data[place] << 8 | data[place + 1]
        found.append(RawAttribute(kind, data[place + 4 : end], data[end:following], place))
        place = following
    return found


def errorCodeOf(data: bytes) -> int:
    """Return the error code of an answer, 0 where it is a success."""
    for each in attributesOf(data):
        if each.kind == 0x0009:
            return each.value[2] * 100 + each.value[3]
    return 0


def checkEmitted(data: bytes) -> None:
    """
    Judge one datagram for a client.

    @raise BrokenError: It is neither STUN nor ChannelData, its padding is not zero, or its
        FINGERPRINT is wrong.
    """
    if 0x40 <= data[0] < 0x80:
        if (data[2] << 8 | data[3]) + 4 != len(data):
            raise BrokenError(f"ChannelData with another length: {data[:4].hex()}, {len(data)}")
        return
    for each in attributesOf(data):
        if each.padding.strip(b"\0"):
            raise BrokenError(f"padding of {each.kind:#06x} is {each.padding!r}")
        if each.kind == _FINGERPRINT:
            expected = crc32(data[: each.place]) ^ 0x5354554E
            if int.from_bytes(each.value, "big") != expected or each.place + 8 != len(data):
                raise BrokenError("a wrong FINGERPRINT")


def rawMessage(
    kind: int,
    attributes: Iterable[tuple[int, bytes]] = (),
    transaction_id: bytes = b"transaction!",
    padding: bytes = b"\0",
) -> bytes:
    """
    Write a message; of a length that is too long for its header as much as there is room for.

    @param kind: The 14 bits of method and class.
    @param padding: What every byte of padding is.
    """
    body = b"".join(
        number.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value
        + padding * (-len(value) % 4)
        for number, value in attributes
    )
    length = (len(body) & 0xFFFF).to_bytes(2, "big")
    return kind.to_bytes(2, "big") + length + COOKIE + transaction_id + body


def sealed(data: bytes, key: bytes, behind: Iterable[tuple[int, bytes]] = ()) -> bytes:
    """Return a message with MESSAGE-INTEGRITY, and further attributes behind it."""
    length = (len(data) - 20 + 24) & 0xFFFF
    signed = data[:2] + length.to_bytes(2, "big") + data[4:]
    whole = signed + b"\0\x08\0\x14" + hmac.digest(key, signed, "sha1")
    whole += rawMessage(0, behind)[20:]
    return whole[:2] + (len(whole) - 20 & 0xFFFF).to_bytes(2, "big") + whole[4:]
