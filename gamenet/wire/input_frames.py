"""
The body of an input packet: what one peer's rollback session tells another's,
up to once per frame.

It travels sealed, behind the kind byte of L{gamenet.wire.peer_packets}, and is
packed by hand because it is the one message that leaves 60 times a second.
Everything is big-endian::

    byte   0      flags: bit 0 = a checksum report follows; the others are 0
    byte   1      number of the sender's view, modulo 256
    byte   2..5   first frame: the frame of the first inputs in this packet
    byte   6..9   next wanted: the first frame whose inputs of the *receiver's*
                  the sender does not have; it acknowledges all before it.
                  One more than the match has frames: the sender has all, and
                  has compared the checksum of the last frame with its own
    byte  10..11  current frame of the sender minus first frame, signed
    byte  12      current frame - 1 - confirmed frame of the sender; 255 = or more
    byte  13      frame advantage of the sender, in half frames, signed, clamped
    [byte 14..15  distance: the report is of frame (next wanted - 1 - distance)
     byte 16..19  crc32 of the state that the frame led to
     byte 20..23  crc32 of all confirmed inputs up to that frame]
    runs of inputs, to the end of the body: L{gamenet.wire.frame_runs}

The runs tell differences from the *base*: the sender's inputs of the frame
before the first one (C{b""} before frame 0), which the receiver has, as it
acknowledged them.  So a body is decoded in two steps: the header, which says
which frame is the first, and then the runs.

Each body has exactly one encoding, and decoding is bounded.  A report cannot
name a frame that its sender has no inputs for, as the distance counts back from
what the same packet acknowledges.

There is no version byte: the version is L{INPUT_PACKET_VERSION}, and players
agree on it before the first frame (it is part of
L{gamenet.rollback.settings.RollbackSettings.digest}).
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.frame_runs import (
    BLOB_LIMIT,
    INPUT_LIMIT,
    INPUTS_LIMIT,
    appendBlobs,
    decodeBlobs,
    joinInputs,
    splitBlob,
)

__all__ = [
    "BLOB_LIMIT",
    "BODY_LIMIT",
    "FRAMES_LIMIT",
    "INPUTS_LIMIT",
    "INPUT_LIMIT",
    "INPUT_PACKET_VERSION",
    "NO_REPORT",
    "InputHeader",
    "decodeBlobs",
    "decodeHeader",
    "encodeInputPacket",
    "joinInputs",
    "splitBlob",
]

#: The version of this layout.
INPUT_PACKET_VERSION = 2

#: The longest body, in bytes: fits any path's MTU after sealing and relaying.
BODY_LIMIT = 1150

#: Frame numbers are below this: more than a year at 60 frames a second.
FRAMES_LIMIT = 1 << 31

#: C{InputHeader.report_frame} of a packet that carries no checksum report.
NO_REPORT = -1

_HEADER = Struct(">BBIIhBb")
_HEADER_AND_REPORT = Struct(">BBIIhBbHII")
_HEADER_AND_RUN = Struct(">BBIIhBbB")
_HEADER_BYTES = _HEADER.size
_HAS_REPORT = 0x01
_RUN_LIMIT = 64

#: C{current_frame - 1 - confirmed_frame} of this or more is not told exactly.
_BEHIND_LIMIT = 255


class InputHeader(NamedTuple):
    """
    A decoded body without its inputs.  A named tuple, because one is made per
    packet.

    @ivar view: The number of the sender's view, modulo 256.
    @ivar first_frame: The frame of the first inputs.
    @ivar next_wanted: The first frame whose inputs the sender lacks from the
        receiver; one more than the last frame's number and one when it lacks
        nothing at all.
    @ivar current_frame: The frame that the sender plays next.
    @ivar confirmed_frame: The newest frame that is final for the sender; -1 for
        none, and where it is 256 or more frames before C{current_frame}.
    @ivar advantage: By how many half frames the sender is ahead of the
        receiver, as the sender measures it; at most 127 and at least -128.
    @ivar report_frame: A frame that is final for the sender, or L{NO_REPORT}.
    @ivar report_checksum: crc32 of the state which that frame led to; 0
        without a report.
    @ivar report_inputs_checksum: crc32 of all confirmed inputs up to that
        frame; 0 without a report.
    @ivar position: Where in the body the runs begin, for
        L{gamenet.wire.frame_runs.decodeBlobs}.
    """

    view: int
    first_frame: int
    next_wanted: int
    current_frame: int
    confirmed_frame: int
    advantage: int
    report_frame: int
    report_checksum: int
    report_inputs_checksum: int
    position: int


def encodeInputPacket(
    view: int,
    first_frame: int,
    base: bytes,
    blobs: Sequence[bytes],
    next_wanted: int,
    current_frame: int,
    confirmed_frame: int,
    advantage: int,
    report: tuple[int, int, int] | None = None,
    limit: int = BODY_LIMIT,
) -> tuple[bytes, int]:
    """
    Pack a body.  Where not all frames fit, the oldest go and the rest stay;
    within L{BODY_LIMIT} one always fits.

    The numbers are those of L{InputHeader}: our view, of which the lowest 8 bits
    go, and by how much we are ahead of the receiver.

    @param base: Our blob of the frame before C{first_frame}; C{b""} for frame 0.
    @param blobs: Our inputs of consecutive frames, oldest first, each joined by
        L{gamenet.wire.frame_runs.joinInputs}.
    @param report: The frame, state checksum and inputs checksum of a checksum
        report.
    @param limit: The longest body wanted, in bytes.
    @return: The body, and how many of C{blobs} are in it.
    @raise LocalProtocolError: A number does not fit its field, or a blob is
        longer than L{BLOB_LIMIT}.
    """
    behind = current_frame - 1 - confirmed_frame
    if behind > _BEHIND_LIMIT or not -128 <= advantage <= 127:
        behind = min(behind, _BEHIND_LIMIT)
        advantage = max(-128, min(advantage, 127))
    count = len(blobs)
    ahead = current_frame - first_frame
    try:
        if report is None:
            if (
                0 < count <= _RUN_LIMIT
                and blobs[-1] == base
                and blobs.count(base) == count
                and limit > _HEADER_BYTES
            ):
                return _HEADER_AND_RUN.pack(
                    0, view & 0xFF, first_frame, next_wanted, ahead, behind, advantage, count - 1
                ), count
            header = _HEADER.pack(
                0, view & 0xFF, first_frame, next_wanted, ahead, behind, advantage
            )
        else:
            frame, checksum, inputs_checksum = report
            header = _HEADER_AND_REPORT.pack(
                _HAS_REPORT, view & 0xFF, first_frame, next_wanted, ahead, behind, advantage,
                next_wanted - 1 - frame, checksum, inputs_checksum,
            )  # fmt: skip
    except StructError as error:
        raise LocalProtocolError(f"a field of an input packet is out of bounds: {error}") from error
    body = bytearray(header)
    included = appendBlobs(body, base, blobs, limit)
    return bytes(body), included


def decodeHeader(body: bytes) -> InputHeader:
    """
    Unpack what stands before the inputs of a body.  How many frames follow is
    not known yet: whoever unpacks those refuses frames beyond the match's last.

    @raise MalformedMessage: It is none: cut off, too long, unknown flags,
        numbers out of bounds.
    """
    size = len(body)
    if not _HEADER_BYTES <= size <= BODY_LIMIT:
        raise MalformedMessage(f"an input packet of {size} bytes")
    flags, view, first_frame, next_wanted, ahead, behind, advantage = _HEADER.unpack_from(body)
    current_frame = first_frame + ahead
    if (
        first_frame > FRAMES_LIMIT
        or next_wanted > FRAMES_LIMIT + 1
        or not 0 <= current_frame <= FRAMES_LIMIT
    ):
        raise MalformedMessage("an input packet with a frame number out of bounds")
    if behind > current_frame:
        raise MalformedMessage("a confirmed frame before the first")
    confirmed_frame = -1 if behind == _BEHIND_LIMIT else current_frame - 1 - behind
    if not flags:
        return tuple.__new__(InputHeader, (
            view, first_frame, next_wanted, current_frame, confirmed_frame, advantage,
            NO_REPORT, 0, 0, _HEADER_BYTES,
        ))  # fmt: skip
    if flags != _HAS_REPORT:
        raise MalformedMessage(f"unknown flags {flags:#04x} in an input packet")
    if size < _HEADER_AND_REPORT.size:
        raise MalformedMessage("an input packet that ends in its checksum report")
    distance, checksum, inputs_checksum = _HEADER_AND_REPORT.unpack_from(body)[7:]
    report_frame = next_wanted - 1 - distance
    if report_frame < 0:
        raise MalformedMessage("a checksum report of a frame before the first")
    return InputHeader(
        view, first_frame, next_wanted, current_frame, confirmed_frame, advantage,
        report_frame, checksum, inputs_checksum, _HEADER_AND_REPORT.size,
    )  # fmt: skip
