"""
The run-length code of backroll and GGRS: short for bytes that are mostly 0x00
or 0xFF, as the XOR of two inputs is.

Each maximal run of 0x00, of 0xFF or of other bytes is one chunk, in order::

    varint  length << 2 | 1             so many bytes 0x00
    varint  length << 2 | 3             so many bytes 0xFF
    varint  length << 1, the bytes      so many others

The varint is little-endian in groups of 7 bits, the high bit of all but the
last byte set.  The code was first that of the C{bitfield-rle} package of npm;
the three write the same bytes.  Here, other than there, a text has one code:
chunks that could be one, an empty chunk, a 0x00 among the other bytes and a
varint with needless bytes are malformed.  And decoding is bounded: what would
be longer than asked for is refused before any of it exists (in GGRS 5 bytes
become a gigabyte).
"""

from __future__ import annotations

import re

from gamenet.errors import MalformedMessage

__all__ = ["decodeRunLength", "encodeRunLength", "readRunLength"]

_CHUNKS = re.compile(rb"\x00+|\xff+|[^\x00\xff]+")

#: The longest varint in bytes: lengths below 2**26.
_VARINT_BYTES = 4


def encodeRunLength(data: bytes) -> bytes:
    """
    Return the code of C{data}.

    @param data: Less than 2**26 bytes.
    """
    code = bytearray()
    for chunk in _CHUNKS.findall(data):
        first = chunk[0]
        if first == 0:
            header = len(chunk) << 2 | 1
        elif first == 0xFF:
            header = len(chunk) << 2 | 3
        else:
            header = len(chunk) << 1
        while header >= 0x80:
            code.append(header & 0x7F | 0x80)
            header >>= 7
        code.append(header)
        if first and first != 0xFF:
            code += chunk
    return bytes(code)


def decodeRunLength(data: bytes, limit: int) -> bytes:
    """
    Return what C{data} is the code of.

    @param limit: The most bytes that it may be.
    @raise MalformedMessage: It is more, or C{data} is no code.
    """
    return _read(data, 0, limit, False)[0]


def readRunLength(data: bytes, position: int, length: int) -> tuple[bytes, int]:
    """
    Read the code of a text whose length is known.

    @param data: What the code is in.
    @param position: Where it begins.
    @param length: How many bytes it is the code of.
    @return: The text, and where its code ends.
    @raise MalformedMessage: There is no code of such a text.
    """
    return _read(data, position, length, True)


def _read(data: bytes, position: int, limit: int, exact: bool) -> tuple[bytes, int]:
    """
    Read chunks until C{data} or, if C{exact}, the limit is used up.

    @param limit: The most bytes that they may be together.
    @return: Their bytes, and where the last chunk ends.
    """
    size = len(data)
    parts: list[bytes] = []
    kind = -1
    while limit if exact else position < size:
        if position >= size:
            raise MalformedMessage("a run-length code that ends early")
        header = data[position]
        position += 1
        if header >= 0x80:
            header, position = _readNumber(data, position, header)
        previous = kind
        if header & 1:
            kind = header & 3
            length = header >> 2
        else:
            kind = 0
            length = header >> 1
        if not length or kind == previous:
            raise MalformedMessage("a run-length code with one chunk in two parts")
        if length > limit:
            raise MalformedMessage(f"a run-length code of {length} bytes where {limit} are left")
        limit -= length
        if kind:
            parts.append((b"\0" if kind == 1 else b"\xff") * length)
            continue
        text = data[position : position + length]
        position += length
        if position > size:
            raise MalformedMessage("a run-length code that ends in a chunk")
        if b"\0" in text or b"\xff" in text:
            raise MalformedMessage("a run-length code with a run among other bytes")
        parts.append(text)
    return b"".join(parts), position


def _readNumber(data: bytes, position: int, number: int) -> tuple[int, int]:
    """Read the rest of a varint whose first byte is C{number}; return it, and where it ends."""
    number &= 0x7F
    for place in range(1, _VARINT_BYTES):
        if position >= len(data):
            raise MalformedMessage("a run-length code that ends early")
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if not byte:
                raise MalformedMessage("a run-length code with a needlessly long number")
            return number, position
    raise MalformedMessage(f"a run-length code with a number of over {_VARINT_BYTES} bytes")
