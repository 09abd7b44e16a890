"""The lobby: frames, messages, heartbeats; C{docs/wire_protocol.rst}."""

from __future__ import annotations

import hmac
import ipaddress
import unicodedata
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from tests.foreign import cbor
from tests.foreign.malformed import Malformed, require

__all__ = [
    "MESSAGES", "answerHeartbeat", "candidatesOf", "decodeMessage", "encodeMessage", "frame",
    "heartbeat", "isHeartbeatAnswer", "memberOf", "several", "text", "unframe", "whole",
]

#: Checks one field.
Check = Callable[[Any], None]


def whole(lowest: int, highest: int) -> Check:
    """Return the check of a whole number."""
    def check(value: Any) -> None:
        require(type(value) is int and lowest <= value <= highest, "no number within its bounds")
    return check


def octets(lowest: int, highest: int | None = None) -> Check:
    """Return the check of a byte string."""
    most = lowest if highest is None else highest
    def check(value: Any) -> None:
        require(type(value) is bytes and lowest <= len(value) <= most, "no bytes of that length")
    return check


def text(lowest: int, highest: int, loose: bool = False) -> Check:
    """Return the check of a name; C{loose} leaves it to the receiver what it holds."""
    def check(value: Any) -> None:
        require(type(value) is str and lowest <= len(value) <= highest, "no text of that length")
        if not loose:
            forbidden = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
            bad = any(unicodedata.category(each) in forbidden for each in value)
            require(not bad and value == value.strip(), "no name")
    return check


def flag(value: Any) -> None:
    """Check a truth value."""
    require(type(value) is bool, "no truth value")


def several(check: Check, lowest: int, highest: int, once: bool = False) -> Check:
    """Return the check of an array of equal things; C{once} allows none twice."""
    def checkAll(value: Any) -> None:
        require(type(value) is list and lowest <= len(value) <= highest, "no array of that length")
        for each in value:
            check(each)
        require(not once or len(set(map(repr, value))) == len(value), "something twice")
    return checkAll


def row(*checks: Check, appended: int = 0) -> Check:
    """Return the check of an array of different things, the last of which may all be missing."""
    def check(value: Any) -> None:
        lengths = (len(checks), len(checks) - appended)
        require(type(value) is list and len(value) in lengths, "no array of that length")
        for one, item in zip(checks, value, strict=False):
            one(item)
    return check


def sessionId(value: Any) -> None:
    """Check a session's id."""
    digits = type(value) is str and len(value) == 16 and set(value) <= set("0123456789abcdef")
    require(digits, "no session id")


def address(value: Any) -> None:
    """Check a numeric host and a port."""
    row(text(2, 45), whole(1, 65_535))(value)
    try:
        require(str(ipaddress.ip_address(value[0])) == value[0], "no address in its one form")
    except ValueError as error:
        raise Malformed("no address") from error


def _oneOf(*words: str) -> Check:
    def check(value: Any) -> None:
        require(type(value) is str and value in words, "no word that is known")
    return check


REQUEST, NUMBER, KEY = whole(1, 2**32 - 1), whole(0, 2**64 - 1), octets(32)
OR_PUSHED = whole(0, 2**32 - 1)
COUNT, CLIENT, MATCH, ATTEMPT, BYTE = (
    whole(1, 32), octets(8), octets(16), octets(16), whole(0, 255)
)
NAME, TITLE, REASON, VERSION = text(1, 32), text(1, 64), text(0, 256), whole(1, 65_535)
LOOSE, STATE, SEVERAL = text(0, 1024, True), _oneOf("open", "playing"), whole(2, 255)
CANDIDATE = row(_oneOf("host", "server_reflexive", "relayed"), address)
candidatesOf, offeredOf = several(CANDIDATE, 0, 16, True), several(CANDIDATE, 0, 15, True)
SUMMARY = row(sessionId, TITLE, NAME, COUNT, COUNT, COUNT, STATE, flag, appended=1)
MEMBER = row(CLIENT, NAME, flag, whole(2, 4), appended=1)
VIEW = row(sessionId, TITLE, COUNT, COUNT, STATE, several(MEMBER, 1, 32))
memberOf = row(COUNT, CLIENT, NAME, KEY, KEY, candidatesOf, whole(2, 4), appended=1)
SIGNATURE = row(COUNT, octets(64))
ANY32, MILLISECONDS = whole(0, 2**32 - 1), whole(1, 2**32 - 1)

#: Name and fields of each message, by number; how many of them may be missing.
MESSAGES: dict[int, tuple[str, tuple[Check, ...], int]] = {
    1: ("Hello", (REQUEST, VERSION, VERSION, LOOSE, KEY, KEY), 0),
    2: ("ListSessions", (REQUEST,), 0),
    3: ("CreateSession", (REQUEST, LOOSE, ANY32, ANY32, SEVERAL), 1),
    4: ("JoinSession", (REQUEST, sessionId, SEVERAL), 1),
    5: ("LeaveSession", (REQUEST,), 0),
    6: ("StartMatch", (REQUEST,), 0),
    7: ("OfferCandidates", (REQUEST, offeredOf), 0),
    8: ("SendStep", (REQUEST, MATCH, COUNT, ATTEMPT, BYTE), 0),
    9: ("StreamHeartbeat", (NUMBER,), 0),
    10: ("EndMatch", (REQUEST, MATCH), 0),
    11: ("OfferResult", (REQUEST, MATCH, octets(1, 1024), several(SIGNATURE, 0, 32)), 0),
    12: ("ReportHost", (REQUEST, MATCH, whole(1, 2**48 - 1), COUNT, several(COUNT, 1, 32)), 0),
    64: ("Welcome", (REQUEST, VERSION, CLIENT, KEY, MILLISECONDS, MILLISECONDS,
                     whole(1, 65_535)), 0),
    65: ("Done", (REQUEST,), 0),
    66: ("Refused", (OR_PUSHED, whole(1, 19), REASON), 0),
    67: ("SessionList", (OR_PUSHED, several(SUMMARY, 0, 100), ANY32), 0),
    68: ("SessionState", (OR_PUSHED, VIEW), 0),
    69: ("SessionClosed", (sessionId, REASON), 0),
    70: ("RelayCredentials", (address, text(1, 512), text(1, 512), ANY32), 0),
    71: ("MatchTicket", (MATCH, sessionId, COUNT, NUMBER, several(memberOf, 1, 32),
                         COUNT, flag), 2),
    72: ("CandidatesChanged", (MATCH, COUNT, candidatesOf), 0),
    73: ("Step", (MATCH, COUNT, ATTEMPT, BYTE), 0),
    74: ("StreamHeartbeatAnswer", (NUMBER,), 0),
    75: ("Farewell", (REASON,), 0),
    76: ("PlayerJoined", (MATCH, memberOf), 0),
    77: ("PlayerLeft", (MATCH, COUNT), 0),
}


def frame(payload: bytes) -> bytes:
    """Return a payload behind its length."""
    return len(payload).to_bytes(4, "big") + payload


def unframe(buffer: bytearray, limit: int = 65_536) -> list[bytes]:
    """Take the whole frames from the front of what a stream has brought."""
    payloads = []
    while len(buffer) >= 4:
        length = int.from_bytes(buffer[:4], "big")
        require(1 <= length <= limit, "a frame of a length that none has")
        if len(buffer) < 4 + length:
            break
        payloads.append(bytes(buffer[4 : 4 + length]))
        del buffer[: 4 + length]
    return payloads


def decodeMessage(payload: bytes) -> list[Any]:
    """Return a message's number and fields, checked."""
    message = cbor.decode(payload)
    require(type(message) is list and message and type(message[0]) is int, "no message")
    require(message[0] in MESSAGES, "a message that nobody knows")
    _, checks, appended = MESSAGES[message[0]]
    row(*checks, appended=appended)(message[1:])
    return list(message)


def encodeMessage(*fields: Any) -> bytes:
    """Return the bytes of a number and its fields."""
    return cbor.encode(list(fields))


def _tag(key: bytes, data: bytes) -> bytes:
    return blake2b(data, digest_size=16, key=key).digest()


def heartbeat(key: bytes, client_id: bytes, sequence: int) -> bytes:
    """Return a heartbeat."""
    data = b"\xc0\x01" + client_id + sequence.to_bytes(8, "big")
    return data + _tag(key, data)


def answerHeartbeat(key: bytes, sequence: int) -> bytes:
    """Return a heartbeat's answer."""
    data = b"\xc1\x01" + sequence.to_bytes(8, "big")
    return data + _tag(key, data)


def isHeartbeatAnswer(key: bytes, data: bytes, sequence: int) -> bool:
    """Return whether a datagram answers a heartbeat."""
    return hmac.compare_digest(data, answerHeartbeat(key, sequence))
