"""
Why a lobby refuses what it is asked for.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["RefusalCode"]


class RefusalCode(IntEnum):
    """
    Why a lobby refuses a request.

    @cvar MALFORMED: The request is not a message: wrong shape, type or bound.
    @cvar UNKNOWN_MESSAGE: No request has this number.
    @cvar UNSUPPORTED_VERSION: No version of the protocol is spoken by both.
    @cvar BAD_NAME: The name or the title is empty, too long, or holds characters
        that it must not.
    @cvar ALREADY_GREETED: A second Hello on one stream.
    @cvar NOT_GREETED: Something else before the Hello.
    @cvar NO_SUCH_SESSION: The session does not exist, or no longer.
    @cvar SESSION_FULL: Every seat is taken.
    @cvar ALREADY_SEATED: The client sits in a session already.
    @cvar NOT_SEATED: The client sits in no session.
    @cvar NOT_HOST: Only the host may do that.
    @cvar TOO_FEW_PLAYERS: Fewer players than the session's minimum.
    @cvar MATCH_RUNNING: The session is playing.
    @cvar NO_SUCH_MATCH: The match does not exist, or the client is not in it.
    @cvar NO_SUCH_PLAYER: The match has no such player, or not any more.
    @cvar TOO_MANY: A limit of the lobby is reached.
    @cvar BAD_SETTING: The capacity or the minimum of a session cannot be.
    @cvar FRAME_TOO_LONG: A frame is longer than the limit; the stream ends.
    @cvar STALE_EPOCH: The match has a host of a later epoch than the one reported.
    """

    MALFORMED = 1
    UNKNOWN_MESSAGE = 2
    UNSUPPORTED_VERSION = 3
    BAD_NAME = 4
    ALREADY_GREETED = 5
    NOT_GREETED = 6
    NO_SUCH_SESSION = 7
    SESSION_FULL = 8
    ALREADY_SEATED = 9
    NOT_SEATED = 10
    NOT_HOST = 11
    TOO_FEW_PLAYERS = 12
    MATCH_RUNNING = 13
    NO_SUCH_MATCH = 14
    NO_SUCH_PLAYER = 15
    TOO_MANY = 16
    BAD_SETTING = 17
    FRAME_TOO_LONG = 18
    STALE_EPOCH = 19
