"""
The end of play, as one player tells another.

One of the packets of L{gamenet.wire.peer_packets}: GOODBYE, kind 4.  Behind the kind come
the reason, 1 byte, and the last confirmed frame, 4 bytes, which is 0xFFFFFFFF where no
frame was confirmed.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage

__all__ = [
    "FRAME_LAST",
    "NO_FRAME",
    "Goodbye",
    "GoodbyeReason",
    "decodeGoodbye",
    "encodeGoodbye",
]

#: The C{last_confirmed_frame} of a goodbye before any frame was confirmed.
NO_FRAME = -1

#: The highest number that a frame can have.
FRAME_LAST = 2**31 - 1

_KIND = 4
_GOODBYE = Struct(">BBi")


class GoodbyeReason(IntEnum):
    """
    Why a player stops.

    @cvar FINISHED: The match is over by its own rules.
    @cvar LEFT: The player left.
    @cvar FAILED: Something went wrong at the player's: the game raised.
    @cvar REFUSED: The other's settings are not the player's; nothing was played.
    @cvar DIFFERED: The other's state is not the player's, and is not to be repaired.
    """

    FINISHED = 0
    LEFT = 1
    FAILED = 2
    REFUSED = 3
    DIFFERED = 4


@attrs.frozen
class Goodbye:
    """
    Say that a player stops, so that the other need not wait for its silence.

    @ivar reason: Why.
    @ivar last_confirmed_frame: The newest frame that is final for the sender;
        L{NO_FRAME} where none is, up to L{FRAME_LAST}.
    """

    reason: GoodbyeReason
    last_confirmed_frame: int


def encodeGoodbye(packet: Goodbye) -> bytes:
    """
    Return the bytes of a goodbye.

    @raise LocalProtocolError: A field is out of bounds.
    """
    if type(packet.reason) is not GoodbyeReason:
        raise LocalProtocolError("a goodbye's reason is a GoodbyeReason")
    frame = packet.last_confirmed_frame
    if type(frame) is not int or not NO_FRAME <= frame <= FRAME_LAST:
        raise LocalProtocolError(f"a frame is {NO_FRAME} to {FRAME_LAST}")
    return _GOODBYE.pack(_KIND, packet.reason, frame)


def decodeGoodbye(data: bytes) -> Goodbye:
    """
    Return a goodbye.

    @raise MalformedMessage: It has another length, or a field is out of bounds.
    """
    if len(data) != _GOODBYE.size:
        raise MalformedMessage(f"a goodbye of {len(data)} bytes")
    _, reason, frame = _GOODBYE.unpack(data)
    if reason > GoodbyeReason.DIFFERED:
        raise MalformedMessage(f"a goodbye for an unknown reason {reason}")
    if frame < NO_FRAME:
        raise MalformedMessage("a goodbye with a frame out of bounds")
    return Goodbye(GoodbyeReason(reason), frame)
