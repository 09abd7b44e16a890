"""
Every field of every lobby message: its types and bounds, in both directions.
"""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire.lobby_fields import Row, packRow, unpackRow
from gamenet.wire.lobby_messages import (
    CANDIDATES_LIMIT,
    LISTED_LIMIT,
    NAME_LIMIT,
    OFFERED_LIMIT,
    PLAYERS_LIMIT,
    TITLE_LIMIT,
    Candidate,
    ResultSignature,
    SessionMember,
    SessionSummary,
    SessionView,
    TicketMember,
)
from tests.golden.samples_of_version_1 import LOBBY_MESSAGES as OF_VERSION_1
from tests.golden.samples_of_version_2 import LOBBY_MESSAGES as OF_VERSION_2

LOBBY_MESSAGES = OF_VERSION_1 | OF_VERSION_2

_Bounds = tuple[tuple[object, ...], tuple[object, ...]]


def _whole(lowest: int, highest: int) -> _Bounds:
    """Good and bad values of an integer."""
    strange = (None, True, False, str(lowest), b"\1", [lowest], -1, 10**30)
    return (lowest, highest), (lowest - 1, highest + 1, *strange)


def _octets(length: int) -> _Bounds:
    """Good and bad values of a byte string."""
    bad = (bytes(length - 1), bytes(length + 1), b"", "x" * length, None, length, [1] * length)
    return (bytes(length), b"\xff" * length), bad


_NOT_A_TEXT = (None, 1, True, b"text", ["text"])


def _text(lowest: int, highest: int) -> _Bounds:
    """Good and bad values of a text for a person."""
    good = ("x" * max(lowest, 1), "\U0001f3ae" * highest, "two words", "e\u0301")
    bad = (
        "x" * (highest + 1),
        "\x00",
        "\n",
        "a\x1bb",
        "a\x85b",
        "a\u202eb",
        "a\u200bb",
        "a\u2028b",
        "a\u2029b",
        "a\ue000b",
        " x",
        "x ",
        "\u3000x",
        " ",
        *_NOT_A_TEXT,
    )
    return (*good, *([""] if not lowest else [])), (*bad, *([""] if lowest else []))


def _loose(highest: int) -> _Bounds:
    """Good and bad values of a text that the lobby judges."""
    return ("", "\x00 ", "\U0001f3ae" * highest), ("x" * (highest + 1), *_NOT_A_TEXT)


_REQUEST = _whole(1, 2**32 - 1)
_PUSH = _whole(0, 2**32 - 1)
_COUNT = _whole(1, 32)
_LOOSE_COUNT = _whole(0, 2**32 - 1)
_ID_8 = _octets(8)
_ID_16 = _octets(16)
_KEY = _octets(32)
_RESULT: _Bounds = ((b"x", bytes(1024)), (b"", bytes(1025), "x", None, 1))
_NAME = _text(1, 32)
_TITLE = _text(1, 64)
_REASON = _text(0, 256)
_SESSION_ID: _Bounds = (
    ("0" * 16, "abcdef0123456789"),
    ("0" * 15, "0" * 17, "", "ABCDEF0123456789", "g" * 16, "\u0660" * 16, b"0" * 16, None, 0),
)
_STATE: _Bounds = (("open", "playing"), ("", "Open", "closed", "open ", b"open", None, 1, ["open"]))
_KIND: _Bounds = (
    ("host", "server_reflexive", "relayed"),
    ("", "Host", "prflx", "server reflexive", b"host", None, 0),
)
_FLAG: _Bounds = ((True, False), (0, 1, None, "true", b"\1"))
_U64 = _whole(0, 2**64 - 1)

#: The bounds of every field that travels as it is, spelled out a second time.
_BOUNDS: dict[str, dict[str, _Bounds]] = {
    "Hello": {
        "request": _REQUEST,
        "lowest_version": _whole(1, 65_535),
        "highest_version": _whole(1, 65_535),
        "name": _loose(1024),
        "link_key": _KEY,
        "statement_key": _KEY,
    },
    "ListSessions": {"request": _REQUEST},
    "CreateSession": {
        "request": _REQUEST,
        "title": _loose(1024),
        "capacity": _LOOSE_COUNT,
        "minimum": _LOOSE_COUNT,
    },
    "JoinSession": {"request": _REQUEST, "session_id": _SESSION_ID},
    "LeaveSession": {"request": _REQUEST},
    "StartMatch": {"request": _REQUEST},
    "OfferCandidates": {"request": _REQUEST},
    "SendStep": {
        "request": _REQUEST,
        "match_id": _ID_16,
        "player": _COUNT,
        "attempt": _ID_16,
        "kind": _whole(0, 255),
    },
    "StreamHeartbeat": {"sequence": _U64},
    "EndMatch": {"request": _REQUEST, "match_id": _ID_16},
    "OfferResult": {"request": _REQUEST, "match_id": _ID_16, "result": _RESULT},
    "ReportHost": {
        "request": _REQUEST, "match_id": _ID_16, "epoch_number": _whole(1, 2**48 - 1)
    },
    "ResultSignature": {"player": _COUNT, "signature": _octets(64)},
    "Welcome": {
        "request": _REQUEST,
        "version": _whole(1, 65_535),
        "client_id": _ID_8,
        "heartbeat_key": _KEY,
        "heartbeat_interval_ms": _whole(100, 3_600_000),
        "heartbeat_timeout_ms": _whole(100, 86_400_000),
        "udp_port": _whole(1, 65_535),
    },
    "Done": {"request": _REQUEST},
    "Refused": {"request": _PUSH, "reason": _REASON},
    "SessionList": {"request": _PUSH, "total": _whole(0, 2**32 - 1)},
    "SessionState": {"request": _PUSH},
    "SessionClosed": {"session_id": _SESSION_ID, "reason": _REASON},
    "RelayCredentials": {
        "username": _text(1, 255),
        "password": _text(1, 255),
        "lifetime": _whole(1, 2**32 - 1),
    },
    "MatchTicket": {
        "match_id": _ID_16,
        "session_id": _SESSION_ID,
        "player": _COUNT,
        "seed": _U64,
    },
    "CandidatesChanged": {"match_id": _ID_16, "player": _COUNT},
    "Step": {"match_id": _ID_16, "player": _COUNT, "attempt": _ID_16, "kind": _whole(0, 255)},
    "StreamHeartbeatAnswer": {"sequence": _U64},
    "Farewell": {"reason": _REASON},
    "PlayerJoined": {"match_id": _ID_16},
    "PlayerLeft": {"match_id": _ID_16, "player": _COUNT},
    "Candidate": {"kind": _KIND},
    "SessionSummary": {
        "session_id": _SESSION_ID,
        "title": _TITLE,
        "host_name": _NAME,
        "members": _COUNT,
        "capacity": _COUNT,
        "minimum": _COUNT,
        "state": _STATE,
        "said_joinable": ((True, False), (0, 1, "true")),
    },
    "SessionMember": {"client_id": _ID_8, "name": _NAME, "is_host": _FLAG},
    "SessionView": {
        "session_id": _SESSION_ID,
        "title": _TITLE,
        "capacity": _COUNT,
        "minimum": _COUNT,
        "state": _STATE,
    },
    "TicketMember": {
        "player": _COUNT,
        "client_id": _ID_8,
        "name": _NAME,
        "link_key": _KEY,
        "statement_key": _KEY,
    },
}

#: The fields whose form on the wire is another than in Python; they have tests of their own.
_COMPOSED = {
    "CreateSession": ["players"],
    "JoinSession": ["players"],
    "SessionMember": ["players"],
    "OfferCandidates": ["candidates"],
    "Refused": ["code"],
    "SessionList": ["sessions"],
    "SessionState": ["view"],
    "RelayCredentials": ["address"],
    "MatchTicket": ["members", "capacity", "late"],
    "OfferResult": ["signatures"],
    "ReportHost": ["epoch_host", "players"],
    "PlayerJoined": ["member"],
    "CandidatesChanged": ["candidates"],
    "Candidate": ["address"],
    "SessionView": ["members"],
    "TicketMember": ["candidates", "players"],
}

_ADDRESS = ("192.0.2.1", 5000)
_VALUES: tuple[Row, ...] = (
    Candidate("host", _ADDRESS),
    SessionSummary("0" * 16, "Title", "Ada", 1, 32, 1, "open", False),
    ResultSignature(1, bytes(64)),
    SessionMember(bytes(8), "Ada", True),
    SessionView("0" * 16, "Title", 32, 1, "open", (SessionMember(bytes(8), "Ada", True),)),
    TicketMember(1, bytes(8), "Ada", bytes(32), bytes(32), ()),
)

#: One value of every class, such that any one field can go to its bounds.
_SAMPLES: dict[str, Row] = {
    **{name: message for name, message in LOBBY_MESSAGES.items() if "." not in name},
    **{type(value).__name__: value for value in _VALUES},
}
_SAMPLES["Hello"] = attrs.evolve(_SAMPLES["Hello"], lowest_version=1, highest_version=65_535)
_SAMPLES["Welcome"] = attrs.evolve(
    _SAMPLES["Welcome"], heartbeat_interval_ms=100, heartbeat_timeout_ms=3_600_000
)
_SAMPLES["MatchTicket"] = attrs.evolve(
    _SAMPLES["MatchTicket"],
    members=tuple(
        TicketMember(player, bytes([player]) * 8, "Ada", bytes(32), bytes(32), ())
        for player in range(1, 33)
    ),
    capacity=32,
)
_SAMPLES["SessionList"] = attrs.evolve(_SAMPLES["SessionList"], sessions=())

#: Bounds that another field of the same value moves.
_MOVED = {
    ("Hello", "highest_version"): {"lowest_version": 1},
    ("SessionSummary", "members"): {"capacity": 32},
    ("SessionSummary", "capacity"): {"members": 1, "minimum": 1},
    ("Welcome", "heartbeat_timeout_ms"): {"heartbeat_interval_ms": 100},
}


def _cases() -> list[tuple[Row, str, int, _Bounds]]:
    """Return a value, a field's name and place, and its bounds, for every field above."""
    cases = []
    for name, fields in _BOUNDS.items():
        row: Any = _SAMPLES[name]
        for field, bounds in fields.items():
            row_here = attrs.evolve(row, **_MOVED.get((name, field), {}))
            place = [attribute.name for attribute in attrs.fields(type(row))].index(field)
            cases.append((row_here, field, place, bounds))
    return cases


class BoundsTests(SynchronousTestCase):
    """The tables above against the messages."""

    def test_everyFieldHasBounds(self) -> None:
        """No field of any message or value is forgotten in the tables."""
        for name, row in _SAMPLES.items():
            fields = [attribute.name for attribute in attrs.fields(type(row))]  # type: ignore[arg-type]
            tested = [*_BOUNDS[name], *_COMPOSED.get(name, [])]
            self.assertEqual(sorted(fields), sorted(tested), name)
            self.assertEqual(len(fields), len(row.layout), name)
        self.assertEqual(sorted(_BOUNDS), sorted(_SAMPLES))

    def test_goodValues(self) -> None:
        """Every field accepts its extremes, in both directions."""
        for row, field, place, (good, _) in _cases():
            for value in good:
                changed = attrs.evolve(row, **{field: value})  # type: ignore[misc]
                wire = packRow(changed)
                self.assertEqual(wire[place], value)
                arrived = unpackRow(type(row), wire)
                self.assertEqual(arrived, changed)
                self.assertIs(type(getattr(arrived, field)), type(value))

    def test_badValues(self) -> None:
        """Every field refuses other types and what is beyond its extremes, in both directions."""
        for row, field, place, (_, bad) in _cases():
            for value in bad:
                changed = attrs.evolve(row, **{field: value})  # type: ignore[misc]
                sent = self.assertRaises(ValueError, packRow, changed)
                self.assertTrue(str(sent).startswith(f"{type(row).__name__}.{field}: "), sent)
                wire = packRow(row)
                wire[place] = value
                received = self.assertRaises(ValueError, unpackRow, type(row), wire)
                self.assertEqual(str(received), str(sent))

    def test_lengthOfArrays(self) -> None:
        """A value's array is exactly as long as its layout, and an array."""
        for row in _SAMPLES.values():
            wire = packRow(row)
            for bad in (wire[: -1 - row.appended], [*wire, 0], [], None, {"k": 1}, tuple(wire)):
                self.assertRaises(ValueError, unpackRow, type(row), bad)

    def test_limits(self) -> None:
        """The limits that have names."""
        self.assertEqual(
            (NAME_LIMIT, TITLE_LIMIT, PLAYERS_LIMIT, CANDIDATES_LIMIT, OFFERED_LIMIT, LISTED_LIMIT),
            (32, 64, 32, 16, 15, 100),
        )
