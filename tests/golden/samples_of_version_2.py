"""
The values that the golden bytes of version 2 of the lobby's protocol stand for: what that
version added, and what it appended to.  All else is as in version 1.
"""

from __future__ import annotations

import attrs

from gamenet.wire.lobby_messages import (
    Candidate,
    CreateSession,
    JoinSession,
    MatchTicket,
    Message,
    OfferResult,
    PlayerJoined,
    PlayerLeft,
    RefusalCode,
    Refused,
    ReportHost,
    ResultSignature,
    SessionList,
    SessionMember,
    SessionState,
    SessionSummary,
    SessionView,
    TicketMember,
)

__all__ = ["LOBBY_MESSAGES"]

_ADA = bytes.fromhex("a1a2a3a4a5a6a7a8")
_BOB = bytes.fromhex("b1b2b3b4b5b6b7b8")
_SESSION = "0123456789abcdef"
_MATCH = bytes.fromhex("4d4154434800112233445566778899aa")
_CANDIDATES = (
    Candidate("host", ("192.168.1.2", 50000)),
    Candidate("server_reflexive", ("198.51.100.1", 61234)),
    Candidate("relayed", ("2001:db8::7", 1)),
)
_MEMBERS = (
    TicketMember(1, _ADA, "Ada", b"\x11" * 32, b"\x12" * 32, _CANDIDATES),
    TicketMember(2, _BOB, "Bob the 2nd", b"\x21" * 32, b"\x22" * 32, ()),
)

_COUCH = (
    attrs.evolve(_MEMBERS[0], players=2),
    attrs.evolve(_MEMBERS[1], player=3, players=4),
)

LOBBY_MESSAGES: dict[str, Message] = {
    "CreateSession.several": CreateSession(3, "Ada's game", 8, 2, 2),
    "CreateSession.too_many": CreateSession(3, "Ada's game", 8, 2, 255),
    "JoinSession.several": JoinSession(4, _SESSION, 4),
    "SessionState.several": SessionState(
        0,
        SessionView(
            _SESSION,
            "Ada's game",
            8,
            2,
            "open",
            (
                SessionMember(_ADA, "Ada", True, 2),
                SessionMember(_BOB, "Bob the 2nd", False, 4),
                SessionMember(bytes(8), "Eve", False),
            ),
        ),
    ),
    "OfferResult": OfferResult(
        11, _MATCH, b"red won", (ResultSignature(1, b"\x31" * 64), ResultSignature(2, b"\x32" * 64))
    ),
    "OfferResult.unsigned": OfferResult(12, _MATCH, b"\x00", ()),
    "ReportHost": ReportHost(13, _MATCH, 2, 3, (1, 3, 16)),
    "ReportHost.last": ReportHost(14, _MATCH, 4294967295, 32, (32,)),
    "Refused.stale": Refused(14, RefusalCode.STALE_EPOCH, "player 3 is the host, by epoch 4"),
    "SessionList": SessionList(
        2,
        (
            SessionSummary(_SESSION, "Ada's game", "Ada", 2, 4, 1, "playing", True),
            SessionSummary("fedcba9876543210", "Duel", "Eve", 2, 2, 2, "playing", False),
        ),
        2,
    ),
    "MatchTicket": MatchTicket(
        _MATCH, _SESSION, 2, 0x0123456789ABCDEF, _MEMBERS, 16, False
    ),
    "MatchTicket.late": MatchTicket(
        _MATCH,
        _SESSION,
        5,
        0,
        (_MEMBERS[1], attrs.evolve(_MEMBERS[0], player=5)),
        32,
        True,
    ),
    "MatchTicket.several": MatchTicket(_MATCH, _SESSION, 3, 1, _COUCH, 8, False),
    "PlayerJoined": PlayerJoined(_MATCH, attrs.evolve(_MEMBERS[0], player=5)),
    "PlayerJoined.several": PlayerJoined(_MATCH, attrs.evolve(_MEMBERS[1], player=7, players=3)),
    "PlayerLeft": PlayerLeft(_MATCH, 16),
}
