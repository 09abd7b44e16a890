"""
What each kind of event does to a session's state, and when it cannot follow.
"""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.log_events import (
    ActivityEnded,
    ActivityStarted,
    Body,
    Chat,
    Custom,
    EpochStarted,
    HostDelegated,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
    Renamed,
    SettingChanged,
)
from gamenet.wire.log_values import (
    Activity,
    Departed,
    Epoch,
    EpochRecord,
    LeaveReason,
    Participant,
    Setting,
)
from tests.log_strategies import opened

_LEFT, _OVER, _KICKED = LeaveReason.LEFT, LeaveReason.GRACE_OVER, LeaveReason.KICKED


class ChangesTests(SynchronousTestCase):
    """A session of three under player 1, with room for five."""

    def setUp(self) -> None:
        """Open it."""
        self.state = opened("Ada", "Bob", "Eve", capacity=5)

    def apply(self, body: Body, author: int = 0, time_ms: int = 0, **more: Any) -> SharedState:
        """Let the state go on by one event, and return what it is then."""
        command = self.state.lastCommand(author) + 1 if author else 0
        self.state = self.state.applied(
            self.state.following(body, time_ms, author, command, **more)
        )
        return self.state

    def refuse(self, why: str, body: Body, author: int = 0, **more: Any) -> None:
        """Check that an event cannot follow."""
        command = self.state.lastCommand(author) + 1 if author else 0
        event = self.state.following(body, 0, author, command, **more)
        with self.assertRaisesRegex(RemoteProtocolError, why):
            self.state.applied(event)

    def players(self) -> list[int]:
        """Return who takes part."""
        return [one.player for one in self.state.participants]

    def test_joined(self) -> None:
        """K2: who joins has the lowest seat of its number, and a name of its own."""
        self.apply(ParticipantJoined(5, "Max"), 5)
        self.apply(ParticipantJoined(4, "Zoë"), 4, 70)
        self.assertEqual(self.players(), [1, 2, 3, 4, 5])
        self.assertEqual(self.state.participant(4), Participant(4, "Zoë", 2, None, 1))
        self.assertEqual(self.state.participant(5), Participant(5, "Max", 1, None, 1))
        self.refuse("no room", ParticipantJoined(6, "Mia"), 6)
        self.refuse("participant already", ParticipantJoined(4, "Zoë"), 4)

    def test_left(self) -> None:
        """K11: who leaves is no participant any more, and its seat is free."""
        self.apply(Chat(2, "bye"), 2)
        self.apply(ParticipantLeft(2, _LEFT), 2)
        self.assertEqual(self.players(), [1, 3])
        self.assertEqual(self.state.departed, (Departed(2, 2),))
        self.refuse("player 2 is no participant", ParticipantLeft(2, _LEFT), 2)
        self.apply(ParticipantJoined(2, "Rob"), 2)
        self.assertEqual(self.state.participant(2), Participant(2, "Rob", 3, None, 3))
        self.assertEqual(self.state.departed, ())

    def test_severalDeparted(self) -> None:
        """Those who left are kept in the order of their numbers, whoever left first."""
        self.apply(ParticipantLeft(3, _LEFT), 3)
        self.apply(ParticipantLeft(2, _KICKED), 1)
        self.assertEqual(self.state.departed, (Departed(2, 0), Departed(3, 1)))
        self.apply(ParticipantJoined(3, "Eve"), 3)
        self.assertEqual(self.state.departed, (Departed(2, 0),))

    def test_hostLeaves(self) -> None:
        """K4: the host may leave; the epoch stays its own until another one begins."""
        self.apply(ParticipantLeft(1, _LEFT), 1)
        self.assertEqual((self.state.host, self.players()), (1, [2, 3]))
        self.refuse("player 1 is no participant", SettingChanged("map", "x"), 1)
        self.apply(EpochStarted((2, 3)), epoch=Epoch(2, 2))
        self.assertEqual(self.state.host, 2)

    def test_kicked(self) -> None:
        """A host may remove a participant, lost or not; the commands of both are remembered."""
        self.apply(Chat(2, "x"), 2)
        self.apply(ParticipantLeft(2, _KICKED), 1)
        self.assertEqual(self.state.departed, (Departed(2, 1),))
        self.assertEqual(self.state.lastCommand(1), 1)
        self.refuse("player 2 is no participant", ParticipantLeft(2, _KICKED), 1)
        self.apply(ParticipantLost(3))
        self.apply(ParticipantLeft(3, _KICKED), 1)
        self.assertEqual(self.players(), [1])

    def test_kickedByAGuest(self) -> None:
        """Bad input: a guest that claims to be host."""
        self.refuse("not its author's to cause", ParticipantLeft(2, _KICKED), 3)
        self.refuse("not its author's to cause", HostDelegated(3), 3)
        self.refuse("not its author's to cause", SettingChanged("map", "x"), 3)

    def test_grace(self) -> None:
        """K5: who is lost keeps its seat, number and name until it is back or the grace is over."""
        lost = self.apply(ParticipantLost(2), time_ms=1234)
        self.assertEqual(lost.participant(2), Participant(2, "Bob", 0, 1234))
        self.refuse("lost already", ParticipantLost(2))
        back = self.apply(ParticipantReturned(2), time_ms=2000)
        self.assertEqual(back.participant(2), Participant(2, "Bob", 0))
        self.refuse("not lost", ParticipantReturned(2))
        self.refuse("in no grace", ParticipantLeft(2, _OVER))
        self.apply(ParticipantLost(2), time_ms=3000)
        self.apply(ParticipantLeft(2, _OVER), time_ms=33_000)
        self.assertEqual(self.players(), [1, 3])
        self.assertEqual(self.state.departed, (Departed(2, 0),))
        for body in (ParticipantLost(2), ParticipantReturned(2), ParticipantLeft(2, _OVER)):
            self.refuse("player 2 is no participant", body)

    def test_lostOnesCommand(self) -> None:
        """What a lost participant commanded before keeps its seat lost."""
        self.apply(ParticipantLost(2), time_ms=5)
        self.apply(Chat(2, "x"), 2, 6)
        self.assertEqual(self.state.participant(2), Participant(2, "Bob", 0, 5, 1))

    def test_lostHostElected(self) -> None:
        """A lost participant that others elected says itself that it is back."""
        self.apply(ParticipantLost(2))
        self.apply(EpochStarted((2, 3)), epoch=Epoch(2, 2))
        self.refuse("not lost to itself", ParticipantLost(2))
        self.apply(ParticipantReturned(2))
        self.assertEqual(self.state.participant(2), Participant(2, "Bob", 0))

    def test_renamed(self) -> None:
        """K11: a new name changes nothing else."""
        self.apply(ParticipantLost(2), time_ms=9)
        self.apply(Renamed(2, "Rob"), 2)
        self.assertEqual(self.state.participant(2), Participant(2, "Rob", 0, 9, 1))
        self.refuse("not its author's", Renamed(2, "Rob"), 3)
        self.refuse("player 9 is no participant", Renamed(9, "Rob"), 9)

    def test_activity(self) -> None:
        """K11: one activity at a time, each with the next number."""
        self.apply(ActivityStarted(1, "round", b"seed"), 2)
        self.assertEqual(self.state.activity, Activity(1, "round", b"seed", 2, 1))
        self.refuse("runs already", ActivityStarted(2, "round", b""), 2)
        self.refuse("activity 2 does not run", ActivityEnded(2, b""), 2)
        self.refuse("not the author's to end", ActivityEnded(1, b""), 3)
        self.apply(ActivityEnded(1, b"over"), 2)
        self.assertEqual((self.state.activity, self.state.activities_begun), (None, 1))
        self.refuse("activity 1 does not run", ActivityEnded(1, b""), 2)
        for number in (1, 3):
            self.refuse("not the next one", ActivityStarted(number, "round", b""), 1)
        self.apply(ActivityStarted(2, "again", b""), 3)
        self.apply(ActivityEnded(2, b""), 1)
        self.assertEqual((self.state.activity, self.state.activities_begun), (None, 2))

    def test_activityOutlivesItsAuthor(self) -> None:
        """An activity goes on when who began it leaves; the host can end it."""
        self.apply(ActivityStarted(1, "round", b""), 2)
        self.apply(ParticipantLeft(2, _LEFT), 2)
        assert self.state.activity is not None
        self.assertEqual(self.state.activity.author, 2)
        self.apply(ActivityEnded(1, b""), 1)
        self.assertIsNone(self.state.activity)

    def test_settings(self) -> None:
        """K11: settings stand in the order of their keys, in whatever order they were set."""
        for key, value in (("b", "1"), ("\u6e05", "2"), ("a", ""), ("Z", "3"), ("b", "4")):
            self.apply(SettingChanged(key, value), 1)
        self.assertEqual(
            self.state.settings,
            (Setting("Z", "3"), Setting("a", ""), Setting("b", "4"), Setting("\u6e05", "2")),
        )
        self.assertEqual((self.state.setting("a"), self.state.setting("c")), ("", None))
        self.apply(SettingChanged("c", None), 1)
        self.apply(SettingChanged("a", None), 1)
        self.assertEqual([one.key for one in self.state.settings], ["Z", "b", "\u6e05"])
        self.assertIsNone(self.state.setting("a"))

    def test_said(self) -> None:
        """Chat and custom events change nothing but the number, the time and who used a command."""
        before = self.state
        for body in (Chat(2, "x"), Custom(2, "x", b"")):
            self.state = before
            after = self.apply(body, 2, 7)
            bob = attrs.evolve(before.participants[1], last_command=1)
            people = (before.participants[0], bob, before.participants[2])
            expected = attrs.evolve(before, sequence=1, time_ms=7, participants=people)
            self.assertEqual(after, expected)

    def test_epochStarted(self) -> None:
        """A new host's epoch is written down with who it hears, all of them participants."""
        self.refuse("player 4 is no participant", EpochStarted((2, 4)), epoch=Epoch(2, 2))
        self.refuse("player 4 is no participant", EpochStarted((4,)), epoch=Epoch(2, 4))
        self.refuse("host is one of", EpochStarted((1, 3)), epoch=Epoch(2, 2))
        self.refuse("not above", EpochStarted((2,)), epoch=Epoch(1, 2))
        self.apply(EpochStarted((2, 3)), epoch=Epoch(7, 2))
        self.assertEqual((self.state.epoch, self.state.host), (Epoch(7, 2), 2))
        self.assertEqual(self.state.epochs[1:], (EpochRecord(Epoch(7, 2), 1, (2, 3)),))
        self.refuse("not above", EpochStarted((3,)), epoch=Epoch(6, 3))

    def test_delegated(self) -> None:
        """K4: until the delegate's epoch begins, nothing else follows."""
        self.apply(HostDelegated(3), 1)
        self.assertEqual((self.state.delegate, self.state.host), (3, 1))
        self.refuse("handed its role over", ParticipantLost(2))
        self.refuse("handed its role over", HostDelegated(2), 1)
        self.apply(EpochStarted((1, 2, 3)), epoch=Epoch(2, 3))
        self.assertEqual((self.state.delegate, self.state.host), (None, 3))
        self.refuse("not its author's to cause", SettingChanged("map", "x"), 1)
        self.apply(SettingChanged("map", "x"), 3)
