"""
One player's inputs of consecutive frames, as a replay file packs them; the layout is
that of L{gamenet.wire.replay_file}.
"""

from __future__ import annotations

from collections.abc import Sequence

from gamenet.errors import LocalProtocolError, MalformedMessage

__all__ = ["MASKED_FROM", "REPLAY_INPUT_LIMIT", "decodeColumn", "encodeColumn"]

#: The longest input, in bytes.
REPLAY_INPUT_LIMIT = 255

#: The shortest input that is written with masks, in bytes.
MASKED_FROM = 4

_GROUP = 8


def encodeColumn(payload: bytearray, column: Sequence[bytes]) -> None:
    """
    Append one player's inputs to a chunk's payload.

    @param column: The inputs, frame by frame.
    @raise LocalProtocolError: One is longer than L{REPLAY_INPUT_LIMIT}.
    """
    previous = b""
    position = 0
    count = len(column)
    while position < count:
        text = column[position]
        end = position + 1
        while end < count and column[end] == text:
            end += 1
        size = len(text)
        if size > REPLAY_INPUT_LIMIT:
            raise LocalProtocolError(f"an input of {size} bytes, more than {REPLAY_INPUT_LIMIT}")
        frames = 2 * (end - position - 1)
        if size == len(previous):
            _appendNumber(payload, frames)
        else:
            _appendNumber(payload, frames + 1)
            _appendNumber(payload, size)
        _appendInput(payload, _xor(text, previous))
        previous = text
        position = end


def decodeColumn(payload: bytes, position: int, count: int) -> tuple[list[bytes], int]:
    """
    Unpack one player's inputs.

    @param payload: What they are in.
    @param position: Where they begin.
    @param count: How many frames.
    @return: The inputs, and where they end.
    @raise MalformedMessage: They are cut off or not as they would be packed.
    """
    inputs: list[bytes] = []
    previous = b""
    while len(inputs) < count:
        code, position = _readNumber(payload, position)
        frames = (code >> 1) + 1
        if len(inputs) + frames > count:
            raise MalformedMessage("a replay column with more than its frames")
        size = len(previous)
        if code & 1:
            length, position = _readNumber(payload, position)
            if length == size or length > REPLAY_INPUT_LIMIT:
                raise MalformedMessage(f"an input of {length} bytes behind one of {size}")
            size = length
        changed, position = _readInput(payload, position, size)
        text = _xor(changed, previous)
        if inputs and text == previous:
            raise MalformedMessage("a replay column with one run in two parts")
        inputs += [text] * frames
        previous = text
    return inputs, position


def _xor(text: bytes, previous: bytes) -> bytes:
    """Return C{text} XOR C{previous}, which counts as continued by zeros."""
    size = len(text)
    other = previous[:size].ljust(size, b"\0")
    number = int.from_bytes(text, "big") ^ int.from_bytes(other, "big")
    return number.to_bytes(size, "big")


def _appendNumber(payload: bytearray, number: int) -> None:
    """Append a number below 2**14."""
    if number >= 0x80:
        payload.append(number & 0x7F | 0x80)
        number >>= 7
    payload.append(number)


def _readNumber(payload: bytes, position: int) -> tuple[int, int]:
    """Return a number, and where it ends."""
    if position >= len(payload):
        raise MalformedMessage("a replay column that ends in a number")
    low = payload[position]
    if low < 0x80:
        return low, position + 1
    if position + 1 >= len(payload):
        raise MalformedMessage("a replay column that ends in a number")
    high = payload[position + 1]
    if not 0 < high < 0x80:
        raise MalformedMessage("a replay column with a number of needless or too many bytes")
    return low & 0x7F | high << 7, position + 2


def _appendInput(payload: bytearray, changed: bytes) -> None:
    """Append an XORed input."""
    if len(changed) < MASKED_FROM:
        payload += changed
        return
    for start in range(0, len(changed), _GROUP):
        group = changed[start : start + _GROUP]
        payload.append(sum([1 << place for place, byte in enumerate(group) if byte]))
        payload += group.replace(b"\0", b"")


def _readInput(payload: bytes, position: int, size: int) -> tuple[bytes, int]:
    """Return an XORed input of C{size} bytes, and where it ends."""
    if size < MASKED_FROM:
        end = position + size
        if end > len(payload):
            raise MalformedMessage("a replay column that ends in an input")
        return payload[position:end], end
    changed = bytearray(size)
    for start in range(0, size, _GROUP):
        if position >= len(payload):
            raise MalformedMessage("a replay column that ends in an input")
        mask = payload[position]
        position += 1
        places = [start + place for place in range(_GROUP) if mask >> place & 1]
        if position + len(places) > len(payload) or (places and places[-1] >= size):
            raise MalformedMessage("a replay column with a mask beyond its input")
        for place in places:
            changed[place] = payload[position]
            position += 1
            if not changed[place]:
                raise MalformedMessage("a replay column with a zero that its mask denies")
    return bytes(changed), position
