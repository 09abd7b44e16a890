"""
What each client may ask for in its standing, and how the rest is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

from gamenet.errors import RemoteProtocolError
from gamenet.wire.lobby_messages import (
    REQUESTS,
    CreateSession,
    EndMatch,
    Hello,
    JoinSession,
    LeaveSession,
    OfferResult,
    RefusalCode,
    ReportHost,
    SendStep,
    StartMatch,
)

__all__ = ["REFUSALS", "Refusal", "Standing", "unreadable"]

_TEXT_LIMIT = 200


class Standing(Enum):
    """
    What a client is to the lobby.

    @cvar STRANGER: Connected, not greeted yet.
    @cvar GREETED: In the lobby, without a seat.
    @cvar GUEST: Seated in an open session, not its host.
    @cvar HOST: Seated in an open session as its host.
    @cvar PLAYING_GUEST: Seated in a session whose match runs, not its host.
    @cvar PLAYING_HOST: Seated in a session whose match runs, as its host.
    """

    STRANGER = auto()
    GREETED = auto()
    GUEST = auto()
    HOST = auto()
    PLAYING_GUEST = auto()
    PLAYING_HOST = auto()


_REASONS: Mapping[RefusalCode, str] = MappingProxyType(
    {
        RefusalCode.ALREADY_GREETED: "one connection says hello once",
        RefusalCode.NOT_GREETED: "say hello first",
        RefusalCode.ALREADY_SEATED: "leave your session first",
        RefusalCode.NOT_SEATED: "you are in no session",
        RefusalCode.NOT_HOST: "only the host of the session can do that",
        RefusalCode.MATCH_RUNNING: "the match is already running",
        RefusalCode.NO_SUCH_MATCH: "no such match is running in your session",
    }
)


class Refusal(RemoteProtocolError):
    """
    A request that the directory refuses, on its way to the client as a
    L{gamenet.wire.lobby_messages.Refused}.

    @ivar code: Why.
    @ivar reason: Why, for a person.
    @ivar fatal: Whether the client is closed for it, whatever its record.
    """

    def __init__(self, code: RefusalCode, reason: str = "", fatal: bool = False) -> None:
        """
        @param code: Why.
        @param reason: Why, for a person; empty for what is always said with this code.
        @param fatal: Whether the client is closed for it.
        """
        self.code = code
        self.reason = reason or _REASONS[code]
        self.fatal = fatal
        super().__init__(f"{code.name}: {self.reason}")


def unreadable(code: RefusalCode, error: Exception, fatal: bool = True) -> Refusal:
    """
    Return the refusal of something that could not be read.

    @param code: Why.
    @param error: What the decoder said.  It may quote the peer, so only what can
        safely be sent and logged is taken over.
    @param fatal: Whether the client is closed for it.
    """
    text = "".join(c if " " <= c <= "~" else "?" for c in str(error)[:_TEXT_LIMIT])
    return Refusal(code, text.strip() or "it cannot be read", fatal)


_SEATED = (Standing.GUEST, Standing.HOST, Standing.PLAYING_GUEST, Standing.PLAYING_HOST)


def _refusals() -> dict[tuple[Standing, type], RefusalCode]:
    """Return the table of L{REFUSALS}."""
    table: dict[tuple[Standing, type], RefusalCode] = {}
    for request in REQUESTS.values():
        if request is not Hello:
            table[Standing.STRANGER, request] = RefusalCode.NOT_GREETED
    for standing in (Standing.GREETED, *_SEATED):
        table[standing, Hello] = RefusalCode.ALREADY_GREETED
    for seat_request in (LeaveSession, StartMatch, SendStep, EndMatch, OfferResult, ReportHost):
        table[Standing.GREETED, seat_request] = RefusalCode.NOT_SEATED
    for standing in _SEATED:
        table[standing, CreateSession] = RefusalCode.ALREADY_SEATED
        table[standing, JoinSession] = RefusalCode.ALREADY_SEATED
    for standing in (Standing.GUEST, Standing.PLAYING_GUEST):
        table[standing, StartMatch] = RefusalCode.NOT_HOST
        table[standing, EndMatch] = RefusalCode.NOT_HOST
    table[Standing.PLAYING_HOST, StartMatch] = RefusalCode.MATCH_RUNNING
    for match_request in (SendStep, ReportHost):
        table[Standing.GUEST, match_request] = RefusalCode.NO_SUCH_MATCH
        table[Standing.HOST, match_request] = RefusalCode.NO_SUCH_MATCH
    table[Standing.HOST, EndMatch] = RefusalCode.NO_SUCH_MATCH
    return table


#: The requests that a standing rules out whatever they say, and how they are
#: refused.  A pair that is not here is looked at more closely.
REFUSALS: Mapping[tuple[Standing, type], RefusalCode] = MappingProxyType(_refusals())
