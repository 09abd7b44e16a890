"""
The values that the golden bytes of version 1 stand for.
"""

from __future__ import annotations

from gamenet.wire.lobby_messages import (
    Candidate,
    CandidatesChanged,
    CreateSession,
    Done,
    EndMatch,
    Farewell,
    Hello,
    JoinSession,
    LeaveSession,
    ListSessions,
    MatchTicket,
    Message,
    OfferCandidates,
    RefusalCode,
    Refused,
    RelayCredentials,
    SendStep,
    SessionClosed,
    SessionList,
    SessionMember,
    SessionState,
    SessionSummary,
    SessionView,
    StartMatch,
    Step,
    StreamHeartbeat,
    StreamHeartbeatAnswer,
    TicketMember,
    Welcome,
)
from gamenet.wire.peer_packets import (
    CallOff,
    ChannelBody,
    Check,
    CheckAnswer,
    Countdown,
    Goodbye,
    GoodbyeReason,
    Inputs,
    LogBody,
    PeerPacket,
    Ready,
    Reception,
    StatementPacket,
    Terms,
)
from gamenet.wire.start_packets import CallOffReason

__all__ = ["HEARTBEATS", "HEARTBEAT_KEY", "LOBBY_MESSAGES", "PEER_PACKETS"]

HEARTBEAT_KEY = bytes(range(32))

_ADA = bytes.fromhex("a1a2a3a4a5a6a7a8")
_BOB = bytes.fromhex("b1b2b3b4b5b6b7b8")
_SESSION = "0123456789abcdef"
_MATCH = bytes.fromhex("4d4154434800112233445566778899aa")
_ATTEMPT = bytes.fromhex("415454454d505400112233445566778f")

_CANDIDATES = (
    Candidate("host", ("192.168.1.2", 50000)),
    Candidate("server_reflexive", ("198.51.100.1", 61234)),
    Candidate("relayed", ("2001:db8::7", 1)),
)
_VIEW = SessionView(
    _SESSION,
    "Ada's game",
    4,
    2,
    "open",
    (SessionMember(_ADA, "Ada", True), SessionMember(_BOB, "Bob the 2nd", False)),
)

LOBBY_MESSAGES: dict[str, Message] = {
    "Hello": Hello(1, 1, 1, "Ada", bytes(range(32)), bytes(range(32, 64))),
    "Hello.bad_name": Hello(1, 1, 2, " \x07", b"\xff" * 32, b"\xfe" * 32),
    "ListSessions": ListSessions(2),
    "CreateSession": CreateSession(3, "Ada's game", 4, 2),
    "CreateSession.bad_setting": CreateSession(3, "", 0, 4294967295),
    "JoinSession": JoinSession(4, _SESSION),
    "LeaveSession": LeaveSession(23),
    "StartMatch": StartMatch(24),
    "OfferCandidates": OfferCandidates(255, _CANDIDATES),
    "OfferCandidates.none": OfferCandidates(256, ()),
    "SendStep": SendStep(65535, _MATCH, 2, _ATTEMPT, 255),
    "StreamHeartbeat": StreamHeartbeat(18446744073709551615),
    "EndMatch": EndMatch(4294967295, _MATCH),
    "Welcome": Welcome(1, 1, _ADA, HEARTBEAT_KEY, 3000, 10000, 7770),
    "Done": Done(65536),
    "Refused": Refused(5, RefusalCode.SESSION_FULL, "every seat is taken"),
    "Refused.unread": Refused(0, RefusalCode.MALFORMED, ""),
    "SessionList": SessionList(
        2,
        (
            SessionSummary(_SESSION, "Ada's game", "Ada", 2, 4, 2, "open"),
            SessionSummary("fedcba9876543210", "Übung \U0001f3ae", "Žofie", 2, 2, 2, "playing"),
        ),
        300,
    ),
    "SessionList.pushed": SessionList(0, (), 0),
    "SessionState": SessionState(3, _VIEW),
    "SessionClosed": SessionClosed(_SESSION, "the host left"),
    "RelayCredentials": RelayCredentials(
        ("203.0.113.2", 3478), "1700000000:a1a2a3a4a5a6a7a8", "c2VjcmV0IHNlY3JldCBzZWNyZXQ=", 86400
    ),
    "MatchTicket": MatchTicket(
        _MATCH,
        _SESSION,
        2,
        0x0123456789ABCDEF,
        (
            TicketMember(1, _ADA, "Ada", b"\x11" * 32, b"\x12" * 32, _CANDIDATES),
            TicketMember(2, _BOB, "Bob the 2nd", b"\x21" * 32, b"\x22" * 32, ()),
        ),
    ),
    "CandidatesChanged": CandidatesChanged(_MATCH, 1, _CANDIDATES),
    "Step": Step(_MATCH, 1, _ATTEMPT, 0),
    "StreamHeartbeatAnswer": StreamHeartbeatAnswer(0),
    "Farewell": Farewell("the lobby is closing"),
}

#: Client id (none for an answer) and sequence of each heartbeat; all with L{HEARTBEAT_KEY}.
HEARTBEATS: dict[str, tuple[bytes | None, int]] = {
    "Heartbeat": (_ADA, 1),
    "Heartbeat.last": (_BOB, 18446744073709551615),
    "HeartbeatAnswer": (None, 1),
    "HeartbeatAnswer.last": (None, 18446744073709551615),
}

PEER_PACKETS: dict[str, PeerPacket] = {
    "Check": Check(bytes.fromhex("0102030405060708")),
    "CheckAnswer": CheckAnswer(bytes.fromhex("f1f2f3f4f5f6f7f8")),
    "Inputs": Inputs(bytes.fromhex("00000000010000000200038101ff")),
    "Ready": Ready(bytes(range(16)), False),
    "Ready.heard": Ready(bytes(range(16)), True),
    "Goodbye": Goodbye(GoodbyeReason.FINISHED, 599),
    "Goodbye.left": Goodbye(GoodbyeReason.LEFT, -1),
    "Goodbye.failed": Goodbye(GoodbyeReason.FAILED, 2147483647),
    "Goodbye.refused": Goodbye(GoodbyeReason.REFUSED, -1),
    "Terms": Terms((("frame rate", 60), ("frames", None), ("rules", "Tag 1.0 \u00dc"))),
    "Terms.none": Terms(()),
    "Check.reception": Check(
        bytes.fromhex("0102030405060708"), Reception(3277, 2000, 100_000)
    ),
    "CheckAnswer.clock": CheckAnswer(bytes.fromhex("f1f2f3f4f5f6f7f8"), 1_000_000_000_001),
    "CheckAnswer.clock.negative": CheckAnswer(bytes.fromhex("f1f2f3f4f5f6f7f8"), -1),
    "ChannelBody": ChannelBody(bytes.fromhex("c0ffee")),
    "LogBody": LogBody(bytes.fromhex("010203")),
    "Ready.everything": Ready(bytes(range(16)), True, True, True, True),
    "Countdown": Countdown(3_000_000, 1),
    "CallOff": CallOff(CallOffReason.NOT_LOADED, (2, 16)),
    "StatementPacket": StatementPacket(True, 599, 0x01020304, b"won", bytes(range(64))),
}
