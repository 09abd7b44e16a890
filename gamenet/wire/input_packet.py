"""
The body of an input packet: what one player's rollback session tells
another's, once per frame.

It travels sealed, behind the kind byte of L{gamenet.wire.peer_packets}, and is
packed by hand because it is the one message that leaves 60 times a second.
Everything is big-endian::

    byte   0      flags: bit 0 = a checksum report follows; the others are 0
    byte   1..4   first frame: the frame of the first input in this packet
    byte   5..8   next wanted: the first frame whose input of the *receiver's*
                  the sender does not have; it acknowledges all before it.
                  One more than the match has frames: the sender has all, and
                  has compared the checksum of the last frame with its own
    byte   9..10  current frame of the sender minus first frame, signed
    [byte 11..12  distance: the report is of frame (next wanted - 1 - distance)
     byte 13..16  crc32 of the state that the frame led to]
    runs, to the end of the body

Each run is one or more consecutive frames with the same input::

    byte   0      bit 7 = a length byte follows; bits 0..6 = frames - 1
    [byte  1      length of the input, 0 to L{INPUT_LIMIT}]
    the input

A run without a length byte has the length of the run before it; before the
first run that is 0.  A body is canonical: a length byte that changes nothing
and two neighboring runs with the same input are malformed, so each packet has
exactly one encoding.  Decoding is bounded: at most L{INPUTS_LIMIT} inputs come
out of any body, and equal inputs share one object.

A report cannot name a frame that its sender has no inputs for, as the distance
counts back from what the same packet acknowledges.

There is no version byte: the version is L{INPUT_PACKET_VERSION}, and players
agree on it before the first frame (it is part of
L{gamenet.rollback.settings.RollbackSettings.digest}).
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

from gamenet.errors import LocalProtocolError, MalformedMessage

__all__ = [
    "BODY_LIMIT",
    "FRAMES_LIMIT",
    "INPUTS_LIMIT",
    "INPUT_LIMIT",
    "INPUT_PACKET_VERSION",
    "NO_REPORT",
    "InputPacket",
    "decodeInputPacket",
    "encodeInputPacket",
]

#: The version of this layout.
INPUT_PACKET_VERSION = 1

#: The longest input, in bytes.
INPUT_LIMIT = 64

#: The most inputs in one packet.
INPUTS_LIMIT = 128

#: The longest body, in bytes: fits any path's MTU after sealing and relaying.
BODY_LIMIT = 1150

#: Frame numbers are below this: more than a year at 60 frames a second.
FRAMES_LIMIT = 1 << 31

#: C{InputPacket.report_frame} of a packet that carries no checksum report.
NO_REPORT = -1

_HEADER = Struct(">BIIh")
_HEADER_AND_REPORT = Struct(">BIIhHI")
_HAS_REPORT = 0x01
_HAS_LENGTH = 0x80


class InputPacket(NamedTuple):
    """
    A decoded body.  A named tuple, because one is made per packet.

    @ivar first_frame: The frame of C{inputs[0]}.
    @ivar inputs: The sender's inputs of consecutive frames, oldest first; may
        be empty.
    @ivar next_wanted: The first frame whose input the sender lacks from the
        receiver; one more than the last frame's number and one when it lacks
        nothing at all.
    @ivar current_frame: The frame that the sender plays next.
    @ivar report_frame: A frame that is final for the sender, or L{NO_REPORT}.
    @ivar report_checksum: crc32 of the state which that frame led to; 0
        without a report.
    """

    first_frame: int
    inputs: list[bytes]
    next_wanted: int
    current_frame: int
    report_frame: int = NO_REPORT
    report_checksum: int = 0


def encodeInputPacket(
    first_frame: int,
    inputs: Sequence[bytes],
    next_wanted: int,
    current_frame: int,
    report_frame: int = NO_REPORT,
    report_checksum: int = 0,
    limit: int = BODY_LIMIT,
) -> tuple[bytes, int]:
    """
    Pack a body.  Where not all inputs fit, the oldest go and the rest stay.

    The arguments are the fields of L{InputPacket}.

    @param limit: The longest body wanted, in bytes.
    @return: The body, and how many of C{inputs} are in it.
    @raise LocalProtocolError: A number does not fit its field, or an input is
        longer than L{INPUT_LIMIT}.
    """
    try:
        if report_frame == NO_REPORT:
            header = _HEADER.pack(0, first_frame, next_wanted, current_frame - first_frame)
        else:
            header = _HEADER_AND_REPORT.pack(
                _HAS_REPORT,
                first_frame,
                next_wanted,
                current_frame - first_frame,
                next_wanted - 1 - report_frame,
                report_checksum,
            )
    except Exception as error:
        raise LocalProtocolError(f"a field of an input packet is out of bounds: {error}") from error
    if not inputs:
        return header, 0
    body = bytearray(header)
    included = min(len(inputs), INPUTS_LIMIT)
    length = 0
    position = 0
    while position < included:
        text = inputs[position]
        end = position + 1
        while end < included and inputs[end] == text:
            end += 1
        size = len(text)
        if size > INPUT_LIMIT:
            raise LocalProtocolError(f"an input of {size} bytes, more than {INPUT_LIMIT}")
        if len(body) + 1 + (size != length) + size > limit:
            included = position
            break
        if size == length:
            body.append(end - position - 1)
        else:
            body.append(_HAS_LENGTH | (end - position - 1))
            body.append(size)
            length = size
        body += text
        position = end
    return bytes(body), included


def decodeInputPacket(body: bytes) -> InputPacket:
    """
    Unpack a body.

    @raise MalformedMessage: It is not one: cut off, too long, too many
        inputs, unknown flags, numbers out of bounds, not canonical.
    """
    size = len(body)
    if not _HEADER.size <= size <= BODY_LIMIT:
        raise MalformedMessage(f"an input packet of {size} bytes")
    flags = body[0]
    if flags == 0:
        _, first_frame, next_wanted, ahead = _HEADER.unpack_from(body)
        report_frame = NO_REPORT
        report_checksum = 0
        position = _HEADER.size
    elif flags == _HAS_REPORT:
        if size < _HEADER_AND_REPORT.size:
            raise MalformedMessage("an input packet that ends in its checksum report")
        _, first_frame, next_wanted, ahead, distance, report_checksum = (
            _HEADER_AND_REPORT.unpack_from(body)
        )
        report_frame = next_wanted - 1 - distance
        if report_frame < 0:
            raise MalformedMessage("a checksum report of a frame before the first")
        position = _HEADER_AND_REPORT.size
    else:
        raise MalformedMessage(f"unknown flags {flags:#04x} in an input packet")
    current_frame = first_frame + ahead
    inputs = _decodeRuns(body, position)
    if next_wanted > FRAMES_LIMIT + 1 or not 0 <= current_frame <= FRAMES_LIMIT:
        raise MalformedMessage("an input packet with a frame number out of bounds")
    if first_frame + len(inputs) > FRAMES_LIMIT:
        raise MalformedMessage("an input packet with inputs beyond the last frame number")
    return InputPacket(
        first_frame, inputs, next_wanted, current_frame, report_frame, report_checksum
    )


def _decodeRuns(body: bytes, position: int) -> list[bytes]:
    """Return the inputs packed into C{body} from C{position} to its end."""
    size = len(body)
    inputs: list[bytes] = []
    length = 0
    previous: bytes | None = None
    while position < size:
        count = body[position]
        position += 1
        if count & _HAS_LENGTH:
            count &= ~_HAS_LENGTH
            if position == size:
                raise MalformedMessage("an input packet that ends in a run")
            if body[position] == length:
                raise MalformedMessage("an input packet with a needless length")
            length = body[position]
            if length > INPUT_LIMIT:
                raise MalformedMessage(f"an input of {length} bytes, more than {INPUT_LIMIT}")
            position += 1
        end = position + length
        if end > size:
            raise MalformedMessage("an input packet that ends in an input")
        text = body[position:end]
        if text == previous:
            raise MalformedMessage("an input packet with one run in two parts")
        if len(inputs) + count >= INPUTS_LIMIT:
            raise MalformedMessage(f"an input packet of more than {INPUTS_LIMIT} inputs")
        inputs += [text] * (count + 1)
        previous = text
        position = end
    return inputs
