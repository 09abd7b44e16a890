"""Canonical CBOR: RFC 8949, in the one form of its section 4.2.1."""

from __future__ import annotations

from typing import Any

from tests.foreign.malformed import Malformed, require

__all__ = ["decode", "encode"]

_DEEPEST = 8


def encode(value: Any) -> bytes:
    """Return the bytes of whole numbers, bytes, texts, truth values, C{None}, lists and dicts."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        items = sorted((encode(key), encode(item)) for key, item in value.items())
        return _head(5, len(items)) + b"".join(key + item for key, item in items)
    return _head(4, len(value)) + b"".join(map(encode, value))


def _head(major: int, number: int) -> bytes:
    """Return a type and a number in the fewest bytes."""
    if number < 24:
        return bytes([major << 5 | number])
    size = 0
    while number >> (8 << size):
        size += 1
    return bytes([major << 5 | 24 + size]) + number.to_bytes(1 << size, "big")


def decode(data: bytes) -> Any:
    """
    Return the value that bytes are, all of them.

    @raise Malformed: They are none, or not in the one form.
    """
    value, end = _item(data, 0, 1)
    require(end == len(data), "something behind the value")
    return value


def _item(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """Return the value at a place, and where it ends."""
    require(at < len(data), "cut off")
    major, short = data[at] >> 5, data[at] & 31
    if major == 7:
        require(short in (20, 21, 22), "no number, text, bytes, array, map, truth value or null")
        return {20: False, 21: True, 22: None}[short], at + 1
    require(short < 28, "no length, or one that is not known before the end")
    at += 1
    number = short
    if short >= 24:
        size = 1 << (short - 24)
        require(at + size <= len(data), "cut off")
        number = int.from_bytes(data[at : at + size], "big")
        require(number >= (24 if size == 1 else 1 << (4 * size)), "a number longer than it must be")
        at += size
    match major:
        case 0:
            return number, at
        case 1:
            return -1 - number, at
        case 2 | 3:
            require(at + number <= len(data), "cut off")
            text = data[at : at + number]
            return text if major == 2 else _text(text), at + number
        case 4 | 5:
            require(depth <= _DEEPEST, "too deep")
            return (_list if major == 4 else _dict)(data, at, number, depth + 1)
    raise Malformed("a tag")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("no UTF-8") from error


def _list(data: bytes, at: int, count: int, depth: int) -> tuple[list[Any], int]:
    require(count <= len(data) - at, "cut off")
    values = []
    for _ in range(count):
        value, at = _item(data, at, depth)
        values.append(value)
    return values, at


def _dict(data: bytes, at: int, count: int, depth: int) -> tuple[dict[str, Any], int]:
    require(count <= len(data) - at, "cut off")
    values: dict[str, Any] = {}
    former = b""
    for _ in range(count):
        begin = at
        key, at = _item(data, at, depth)
        require(isinstance(key, str) and data[begin:at] > former, "keys out of order")
        former = data[begin:at]
        values[key], at = _item(data, at, depth)
    return values, at
