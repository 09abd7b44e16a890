"""
The inputs of consecutive frames, packed as runs; a part of several packets.

What is packed is one *blob* a frame: the inputs of all players of one peer
(L{joinInputs}), or of one player.  Each run is one or more frames with the same
blob, told by its difference from the blob before; before the first run that is
the *base*, which both sides know::

    byte   0      bits 6..7 = the kind; bits 0..5 = frames - 1
    SAME    (0)   nothing: the blob before
    DELTA   (1)   the XOR with the blob before, which is as long
    PACKED  (2)   the same in the code of L{gamenet.wire.run_length}, where that
                  is shorter and the blob has at least L{PACKED_FROM} bytes
    FRESH   (3)   varint length (1 or 2 bytes), the blob; another length than the
                  blob before

Equal frames are in one run of up to 64, and only behind a full one, or first of
all, may a SAME follow.  So the runs of given blobs have exactly one encoding;
everything else is malformed.  Decoding is bounded: at most L{INPUTS_LIMIT} blobs
of at most L{BLOB_LIMIT} bytes come out of any bytes, and equal neighbors share
one object.
"""

from __future__ import annotations

from collections.abc import Sequence

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.run_length import encodeRunLength, readRunLength

__all__ = [
    "BLOB_LIMIT",
    "INPUTS_LIMIT",
    "INPUT_LIMIT",
    "PACKED_FROM",
    "PLAYERS_LIMIT",
    "appendBlobs",
    "decodeBlobs",
    "joinInputs",
    "splitBlob",
]

#: The longest input of one player, in bytes.
INPUT_LIMIT = 64

#: The most players of one peer.
PLAYERS_LIMIT = 16

#: The longest blob, in bytes: an input and its length for each player.
BLOB_LIMIT = PLAYERS_LIMIT * (1 + INPUT_LIMIT)

#: The most frames in one packet.
INPUTS_LIMIT = 128

#: The shortest blob whose difference is run-length coded, in bytes.
PACKED_FROM = 4

_DELTA = 0x40
_PACKED = 0x80
_FRESH = 0xC0
_RUN_LIMIT = 64
_FRAMES = _RUN_LIMIT - 1
_ONE_BYTE = tuple(bytes((number,)) for number in range(256))
_ONE_CHANGED = tuple(bytes((_DELTA, number)) for number in range(256))


def joinInputs(inputs: Sequence[bytes]) -> bytes:
    """
    Return the blob of a frame: the input itself where there is one player;
    else each with its length in front, one byte.

    @param inputs: One per local player, in order of player number.
    @raise LocalProtocolError: One is longer than L{INPUT_LIMIT}, or there are
        more than L{PLAYERS_LIMIT} or none.
    """
    if not 0 < len(inputs) <= PLAYERS_LIMIT:
        raise LocalProtocolError(f"the inputs of {len(inputs)} players")
    for text in inputs:
        if len(text) > INPUT_LIMIT:
            raise LocalProtocolError(f"an input of {len(text)} bytes, more than {INPUT_LIMIT}")
    if len(inputs) == 1:
        return inputs[0]
    return b"".join([_ONE_BYTE[len(text)] + text for text in inputs])


def splitBlob(blob: bytes, players: int, input_limit: int = INPUT_LIMIT) -> tuple[bytes, ...]:
    """
    Return the inputs that L{joinInputs} joined.

    @param players: How many there are.
    @param input_limit: The longest that one may be, in bytes.
    @raise MalformedMessage: They are not so many, or one is longer.
    """
    if players == 1:
        if len(blob) > input_limit:
            raise MalformedMessage(f"an input of {len(blob)} bytes, more than {input_limit}")
        return (blob,)
    inputs: list[bytes] = []
    position = 0
    size = len(blob)
    for _ in range(players):
        if position >= size:
            raise MalformedMessage(f"the inputs of {len(inputs)} players, not of {players}")
        end = position + 1 + blob[position]
        if blob[position] > input_limit:
            raise MalformedMessage(f"an input of {blob[position]} bytes, more than {input_limit}")
        inputs.append(blob[position + 1 : end])
        position = end
    if position != size:
        raise MalformedMessage(f"the inputs of {players} players with another end")
    return tuple(inputs)


def appendBlobs(
    body: bytearray, base: bytes, blobs: Sequence[bytes], limit: int, longest: int = BLOB_LIMIT
) -> int:
    """
    Append runs to a body.  Where not all frames fit, the oldest go.

    @param base: The blob before the first.
    @param limit: The longest that the body may become, in bytes.
    @param longest: The longest that a blob may be, in bytes.
    @return: How many of C{blobs} are in it, at most L{INPUTS_LIMIT}.
    @raise LocalProtocolError: A blob is longer than C{longest}.
    """
    if len(blobs) > INPUTS_LIMIT:
        blobs = blobs[:INPUTS_LIMIT]
    room = limit - len(body)
    before = base
    included = frames = head = 0
    for blob in blobs:
        if blob == before:
            if 0 < frames < _RUN_LIMIT:
                frames += 1
                continue
            run = b"\x00"
        elif len(blob) == 1 == len(before):
            run = _ONE_CHANGED[blob[0] ^ before[0]]
        else:
            run = _changedRun(blob, before, longest)
        room -= len(run)
        if room < 0:
            break
        if frames > 1:
            body[head] += frames - 1
        included += frames
        frames = 1
        head = len(body)
        body += run
        before = blob
    if frames > 1:
        body[head] += frames - 1
    return included + frames


def _changedRun(blob: bytes, before: bytes, longest: int) -> bytes:
    """Return a run of one frame whose blob differs from the one before."""
    size = len(blob)
    if size > longest:
        raise LocalProtocolError(f"the inputs of a frame are {size} bytes, over {longest}")
    if size != len(before):
        if size < 0x80:
            return bytes((_FRESH, size)) + blob
        return bytes((_FRESH, size & 0x7F | 0x80, size >> 7)) + blob
    changed = _xor(blob, before)
    code = _shorterCode(changed)
    return b"\x40" + changed if code is None else b"\x80" + code


def _xor(blob: bytes, before: bytes) -> bytes:
    """Return the XOR of two texts of one length."""
    number = int.from_bytes(blob, "big") ^ int.from_bytes(before, "big")
    return number.to_bytes(len(blob), "big")


def _shorterCode(changed: bytes) -> bytes | None:
    """Return the run-length code of a difference where that is shorter, else C{None}."""
    # A run of one byte saves nothing, and other bytes cost a header.
    if len(changed) < PACKED_FROM or not (b"\0\0" in changed or b"\xff\xff" in changed):
        return None
    code = encodeRunLength(changed)
    return code if len(code) < len(changed) else None


def decodeBlobs(body: bytes, position: int, base: bytes, longest: int = BLOB_LIMIT) -> list[bytes]:
    """
    Unpack the runs from a place in a body to its end.

    @param base: The blob before the first, at most C{longest} bytes.
    @param longest: The longest that a blob may be, in bytes.
    @return: The blob of each frame, oldest first.
    @raise MalformedMessage: They are cut off, too many, too long or not
        canonical.
    """
    size = len(body)
    if size - position == 1 and body[position] < _DELTA:
        return [base] * (body[position] + 1)
    blobs: list[bytes] = []
    before = base
    full = True
    while position < size:
        head = body[position]
        position += 1
        if head < _DELTA:
            if not full:
                raise MalformedMessage("one run of inputs in two parts")
        elif head < _PACKED and len(before) == 1:
            if position == size:
                raise MalformedMessage("inputs that end in a difference")
            number = body[position]
            if not number:
                raise MalformedMessage("a difference of inputs that is none")
            before = _ONE_BYTE[number ^ before[0]]
            position += 1
        else:
            before, position = _readChanged(body, position, head, before, longest)
        frames = head & _FRAMES
        full = frames == _FRAMES
        if frames:
            blobs += [before] * (frames + 1)
        else:
            blobs.append(before)
        if len(blobs) > INPUTS_LIMIT:
            raise MalformedMessage(f"the inputs of more than {INPUTS_LIMIT} frames")
    return blobs


def _readChanged(
    body: bytes, position: int, head: int, before: bytes, longest: int
) -> tuple[bytes, int]:
    """Read the blob of a run that is not SAME; return it, and where it ends."""
    if head >= _FRESH:
        return _readFresh(body, position, len(before), longest)
    size = len(before)
    if head >= _PACKED:
        if size < PACKED_FROM:
            raise MalformedMessage("a coded difference of inputs that are short")
        changed, end = readRunLength(body, position, size)
        if end - position >= size:
            raise MalformedMessage("a coded difference of inputs that is longer than plain")
    else:
        end = position + size
        changed = body[position:end]
        if len(changed) < size:
            raise MalformedMessage("inputs that end in a difference")
        if _shorterCode(changed) is not None:
            raise MalformedMessage("a plain difference of inputs that is longer than coded")
    blob = _xor(changed, before)
    if blob == before:
        raise MalformedMessage("a difference of inputs that is none")
    return blob, end


def _readFresh(body: bytes, position: int, size: int, longest: int) -> tuple[bytes, int]:
    """Read a blob of another length than C{size}; return it, and where it ends."""
    header = body[position : position + 2]
    if not header or (header[0] >= 0x80 and len(header) == 1):
        raise MalformedMessage("inputs that end in a length")
    length = header[0]
    position += 1
    if length >= 0x80:
        if not 0 < header[1] < 0x80:
            raise MalformedMessage("a length of inputs in needless or too many bytes")
        length = length & 0x7F | header[1] << 7
        position += 1
    if length == size:
        raise MalformedMessage("a needless length of inputs")
    if length > longest:
        raise MalformedMessage(f"the inputs of a frame are {length} bytes, over {longest}")
    blob = body[position : position + length]
    if len(blob) < length:
        raise MalformedMessage("inputs that end in those of a frame")
    return blob, position + length
