"""
Events and commands as values: what may be caused by whom.
"""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire.lobby_fields import packRow, unpackRow
from gamenet.wire.log_commands import LOOSE_CONTENT, LOOSE_TEXT, Join, Say, SendCustom
from gamenet.wire.log_events import (
    BODIES,
    ActivityEnded,
    ActivityStarted,
    Chat,
    Custom,
    EpochStarted,
    Event,
    HostDelegated,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
    Renamed,
    SettingChanged,
)
from gamenet.wire.log_values import NO_EPOCH, Epoch, LeaveReason
from tests.log_strategies import logRows

_HOST, _GUEST, _OTHER, _NOBODY = 3, 2, 5, 0

#: Who may cause what: of the host, the guest that it is about, another guest, nobody.
_CAUSES: tuple[tuple[Any, tuple[int, ...]], ...] = (
    (ParticipantJoined(_GUEST, "Bob"), (_GUEST,)),
    (ParticipantLeft(_GUEST, LeaveReason.LEFT), (_GUEST,)),
    (ParticipantLeft(_GUEST, LeaveReason.KICKED), (_HOST,)),
    (ParticipantLeft(_GUEST, LeaveReason.GRACE_OVER), (_NOBODY,)),
    (ParticipantLeft(_HOST, LeaveReason.LEFT), (_HOST,)),
    (ParticipantLeft(_HOST, LeaveReason.KICKED), ()),
    (ParticipantLeft(_HOST, LeaveReason.GRACE_OVER), ()),
    (ParticipantLost(_GUEST), (_NOBODY,)),
    (ParticipantLost(_HOST), ()),
    (ParticipantReturned(_GUEST), (_NOBODY,)),
    (ParticipantReturned(_HOST), (_NOBODY,)),
    (Renamed(_GUEST, "Rob"), (_GUEST,)),
    (ActivityStarted(1, "round", b""), (_HOST, _GUEST, _OTHER)),
    (ActivityEnded(1, b""), (_HOST, _GUEST, _OTHER)),
    (SettingChanged("map", None), (_HOST,)),
    (Chat(_GUEST, "hi"), (_GUEST,)),
    (Custom(_GUEST, "emote", b""), (_GUEST,)),
    (HostDelegated(_GUEST), (_HOST,)),
    (HostDelegated(_HOST), ()),
    (EpochStarted((2, 3)), (_NOBODY,)),
    (EpochStarted((2, 5)), ()),
    (EpochStarted((3, 2)), ()),
    (EpochStarted((2, 2, 3)), ()),
)


def _event(body: Any, author: int) -> Event:
    return Event(bytes(16), 9, Epoch(4, _HOST), 17, author, 8 if author else 0, body)


class EventTests(SynchronousTestCase):
    """Bad input: an event that nobody with that author may cause."""

    def test_whoMayCauseWhat(self) -> None:
        """Bad input: a command for a player not its own; every body with every author."""
        for body, rightful in _CAUSES:
            for author in (_HOST, _GUEST, _OTHER, _NOBODY):
                event = _event(body, author)
                if author in rightful:
                    self.assertEqual(unpackRow(Event, packRow(event)), event)
                else:
                    with self.assertRaises(ValueError, msg=f"{body} by {author}"):
                        packRow(event)
        self.assertEqual({type(body) for body, _ in _CAUSES}, set(BODIES.values()))

    def test_authorAndCommand(self) -> None:
        """An event has an author and a command, or none of them."""
        for author, command in ((2, 0), (0, 1)):
            event = attrs.evolve(_event(Chat(2, "x"), 2), author=author, command=command)
            with self.assertRaises(ValueError):
                packRow(event)
        lost = attrs.evolve(_event(ParticipantLost(2), 0), command=1)
        with self.assertRaisesRegex(ValueError, "author and a command"):
            packRow(lost)

    def test_shortestBodies(self) -> None:
        """One character is a name, a kind, a key and a text; none is good as a value."""
        for body, author in (
            (ParticipantJoined(1, "x"), 1),
            (Renamed(64, "x"), 64),
            (ActivityStarted(1, "x", b""), 1),
            (SettingChanged("k", ""), _HOST),
            (Chat(1, " "), 1),
            (Custom(1, "x", b""), 1),
        ):
            event = _event(body, author)
            self.assertEqual(unpackRow(Event, packRow(event)), event)
        for body, author in (
            (ParticipantJoined(1, ""), 1),
            (Renamed(1, ""), 1),
            (ActivityStarted(1, "", b""), 1),
            (ActivityStarted(0, "x", b""), 1),
            (ActivityEnded(0, b""), 1),
            (SettingChanged("", ""), _HOST),
            (Chat(1, ""), 1),
            (Custom(1, "", b""), 1),
        ):
            with self.assertRaises(ValueError, msg=repr(body)):
                packRow(_event(body, author))

    def test_longestBodies(self) -> None:
        """Bodies keep to their limits."""
        for body, author in (
            (ParticipantJoined(1, "x" * 33), 1),
            (ParticipantJoined(65, "x"), 65),
            (Renamed(1, "x" * 33), 1),
            (ActivityStarted(1, "x" * 65, b""), 1),
            (ActivityStarted(1, "x", bytes(1025)), 1),
            (ActivityEnded(1, bytes(1025)), 1),
            (SettingChanged("k" * 33, ""), _HOST),
            (SettingChanged("k", "v" * 257), _HOST),
            (Chat(1, "x" * 501), 1),
            (Custom(1, "x" * 33, b""), 1),
            (Custom(1, "x", bytes(1025)), 1),
            (EpochStarted(tuple(range(1, 66))), 0),
        ):
            with self.assertRaises(ValueError, msg=repr(body)):
                packRow(_event(body, author))

    def test_epoch(self) -> None:
        """K3: every event is of an epoch."""
        with self.assertRaisesRegex(ValueError, "must name an epoch"):
            packRow(attrs.evolve(_event(Chat(2, "x"), 2), epoch=NO_EPOCH))

    def test_bounds(self) -> None:
        """Session ids, numbers and times keep to their limits."""
        good = _event(Chat(2, "x"), 2)
        for changes in (
            {"session_id": bytes(15)},
            {"session_id": bytes(17)},
            {"session_id": "0" * 16},
            {"sequence": 0},
            {"sequence": 2**48},
            {"time_ms": -1},
            {"time_ms": 2**48},
            {"time_ms": 1.0},
            {"author": 65},
            {"author": True},
            {"command": 2**48},
            {"body": Say("x")},
        ):
            with self.assertRaises(ValueError, msg=repr(changes)):
                packRow(attrs.evolve(good, **changes))  # type: ignore[arg-type]

    @settings(deadline=None)
    @given(logRows(Event))
    def test_roundTrip(self, event: Event) -> None:
        """K3: every event that can be is what it was after it has travelled."""
        self.assertEqual(unpackRow(Event, packRow(event)), event)


class CommandTests(SynchronousTestCase):
    """Commands are loose, so that the host can refuse them by name."""

    def test_looseBounds(self) -> None:
        """What a host refuses by name travels; what nobody needs to look at does not."""
        for good in (Join(""), Join("\n" * LOOSE_TEXT), SendCustom("", bytes(LOOSE_CONTENT))):
            self.assertEqual(unpackRow(type(good), packRow(good)), good)
        for bad in (Join("x" * (LOOSE_TEXT + 1)), SendCustom("", bytes(LOOSE_CONTENT + 1))):
            with self.assertRaises(ValueError):
                packRow(bad)
