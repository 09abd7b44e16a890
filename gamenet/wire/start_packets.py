"""
How the start of a match is told to the others: its moment, and that it is called off.

Two kinds of L{gamenet.wire.peer_packets}, after the kind's byte::

    COUNTDOWN  8   when play begins, when this left; 8 bytes each     17 bytes
    CALL_OFF   9   reason, 1 byte; players, 2 bytes                   4 bytes

Both times of a COUNTDOWN are microseconds of the sender's monotonic clock, signed, which
the receiver translates into its own.  The players of a CALL_OFF are a bit each: bit
C{n - 1} for player C{n}.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage

__all__ = [
    "CLOCK_LAST",
    "CallOff",
    "CallOffReason",
    "Countdown",
    "decodeCallOff",
    "decodeCountdown",
    "encodeCallOff",
    "encodeCountdown",
]

#: The latest microsecond that a clock can show; the earliest is one before its negative.
CLOCK_LAST = 2**63 - 1

#: The players that a bit can be set for.
_PLAYERS = range(1, 17)

_COUNTDOWN = Struct(">Bqq")
_CALL_OFF = Struct(">BBH")
_COUNTDOWN_KIND = 8
_CALL_OFF_KIND = 9


class CallOffReason(IntEnum):
    """
    Why a match does not begin.

    @cvar NO_PATH: The players could not be reached in time.
    @cvar NOT_LOADED: The players had not loaded in time.
    @cvar LOST: The players fell silent before play began.
    @cvar LEFT: The players left before play began, or their game failed.
    """

    NO_PATH = 0
    NOT_LOADED = 1
    LOST = 2
    LEFT = 3


@attrs.frozen
class Countdown:
    """
    Everybody is there: play begins at a moment of the sender's clock.

    @ivar begins_at: When frame 0 is due; up to L{CLOCK_LAST} microseconds.
    @ivar sent_at: When this left; likewise.
    """

    begins_at: int
    sent_at: int


@attrs.frozen
class CallOff:
    """
    The match does not begin, for anybody.

    @ivar reason: Why, a L{CallOffReason}.
    @ivar players: Who is the cause, ascending, from 1 to 16; at least one.
    """

    reason: CallOffReason
    players: tuple[int, ...]


def encodeCountdown(packet: Countdown) -> bytes:
    """
    Return the bytes of a countdown; called by L{gamenet.wire.peer_packets}.

    @raise LocalProtocolError: A time is out of bounds.
    """
    for time in (packet.begins_at, packet.sent_at):
        if type(time) is not int or not ~CLOCK_LAST <= time <= CLOCK_LAST:
            raise LocalProtocolError(f"a clock shows up to {CLOCK_LAST} microseconds")
    return _COUNTDOWN.pack(_COUNTDOWN_KIND, packet.begins_at, packet.sent_at)


def decodeCountdown(data: bytes) -> Countdown:
    """
    Return a countdown; called by L{gamenet.wire.peer_packets}.

    @raise MalformedMessage: It has another length.
    """
    if len(data) != _COUNTDOWN.size:
        raise MalformedMessage(f"a countdown of {len(data)} bytes")
    _, begins_at, sent_at = _COUNTDOWN.unpack(data)
    return Countdown(begins_at, sent_at)


def encodeCallOff(packet: CallOff) -> bytes:
    """
    Return the bytes of a call-off; called by L{gamenet.wire.peer_packets}.

    @raise LocalProtocolError: The reason or the players are none.
    """
    players = packet.players
    if type(packet.reason) is not CallOffReason:
        raise LocalProtocolError("a call-off's reason is a CallOffReason")
    if type(players) is not tuple or not players or any(one not in _PLAYERS for one in players):
        raise LocalProtocolError("a call-off's players are numbers from 1 to 16")
    mask = sum(1 << player - 1 for player in dict.fromkeys(players))
    return _CALL_OFF.pack(_CALL_OFF_KIND, packet.reason, mask)


def decodeCallOff(data: bytes) -> CallOff:
    """
    Return a call-off; called by L{gamenet.wire.peer_packets}.

    @raise MalformedMessage: It has another length, an unknown reason or no players.
    """
    if len(data) != _CALL_OFF.size:
        raise MalformedMessage(f"a call-off of {len(data)} bytes")
    _, reason, mask = _CALL_OFF.unpack(data)
    if reason > CallOffReason.LEFT:
        raise MalformedMessage(f"a call-off for an unknown reason {reason}")
    if not mask:
        raise MalformedMessage("a call-off because of nobody")
    players = tuple(player for player in _PLAYERS if mask >> player - 1 & 1)
    return CallOff(CallOffReason(reason), players)
