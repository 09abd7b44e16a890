"""
What becomes of commands: an event's body, or a refusal by name.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.event_log.commands import Refusal, judged
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.lobby_fields import packRow
from gamenet.wire.log_commands import (
    COMMANDS,
    ChangeSetting,
    Command,
    Delegate,
    EndActivity,
    Join,
    Kick,
    Leave,
    Rename,
    Say,
    SendCustom,
    StartActivity,
)
from gamenet.wire.log_events import (
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
    Renamed,
    SettingChanged,
)
from gamenet.wire.log_messages import Refused, decodeLogMessage, encodeLogMessage
from gamenet.wire.log_values import Epoch, LeaveReason, RefusalCode
from tests.log_strategies import commands, logRows, opened, sessions

_SETTINGS = EventLogSettings()

#: One good command of each kind, but for who sends it.
_GOOD: tuple[Command, ...] = (
    Join("Zoë"),
    Leave(),
    Rename("Rob"),
    StartActivity("round", b"seed"),
    EndActivity(1, b"over"),
    ChangeSetting("map", "ice"),
    ChangeSetting("map", None),
    Say("hello"),
    SendCustom("emote", b"\x01"),
    Delegate(2),
    Kick(2),
)


class JudgedTests(SynchronousTestCase):
    """Ada (1) is the host of Bob (2) and Eve (3), with room for four."""

    def setUp(self) -> None:
        """Open the session."""
        self.state = opened("Ada", "Bob", "Eve", capacity=4)

    def apply(self, body: Any, author: int = 0, **more: Any) -> None:
        """Let the session go on by one event."""
        command = self.state.lastCommand(author) + 1 if author else 0
        self.state = self.state.applied(self.state.following(body, 0, author, command, **more))

    def accept(self, player: int, command: Command, body: object) -> None:
        """Check what a command becomes, and that it can follow."""
        self.assertEqual(judged(self.state, player, command, _SETTINGS), body)
        number = self.state.lastCommand(player) + 1
        self.state.applied(self.state.following(body, 0, player, number))  # type: ignore[arg-type]

    def refuse(self, player: int, command: Command, code: RefusalCode) -> str:
        """Check that a command is refused by a name, and return the reason."""
        refusal = judged(self.state, player, command, _SETTINGS)
        assert isinstance(refusal, Refusal), refusal
        self.assertIs(refusal.code, code)
        self.assertNotEqual(refusal.reason, "")
        return refusal.reason

    def test_hostsCommands(self) -> None:
        """Every kind of command, by the host, with the body that it becomes."""
        self.accept(1, Leave(), ParticipantLeft(1, LeaveReason.LEFT))
        self.accept(1, Rename("Ava"), Renamed(1, "Ava"))
        self.accept(1, StartActivity("round", b"x"), ActivityStarted(1, "round", b"x"))
        self.accept(1, ChangeSetting("map", "ice"), SettingChanged("map", "ice"))
        self.accept(1, ChangeSetting("map", ""), SettingChanged("map", ""))
        self.accept(1, ChangeSetting("map", None), SettingChanged("map", None))
        self.accept(1, Say("hi"), Chat(1, "hi"))
        self.accept(1, SendCustom("emote", b"x"), Custom(1, "emote", b"x"))
        self.accept(1, Delegate(3), HostDelegated(3))
        self.accept(1, Kick(3), ParticipantLeft(3, LeaveReason.KICKED))
        self.apply(ActivityStarted(1, "round", b""), 2)
        self.accept(1, EndActivity(1, b"x"), ActivityEnded(1, b"x"))

    def test_guestsCommands(self) -> None:
        """A guest may do what concerns itself, and begin what it may end."""
        self.accept(4, Join("Zoë"), ParticipantJoined(4, "Zoë"))
        self.accept(2, Leave(), ParticipantLeft(2, LeaveReason.LEFT))
        self.accept(2, Rename("Rob"), Renamed(2, "Rob"))
        self.accept(2, StartActivity("round", b"x"), ActivityStarted(1, "round", b"x"))
        self.accept(2, Say("hi"), Chat(2, "hi"))
        self.accept(2, SendCustom("emote", b"x"), Custom(2, "emote", b"x"))
        self.apply(ActivityStarted(1, "round", b""), 2)
        self.accept(2, EndActivity(1, b"x"), ActivityEnded(1, b"x"))

    def test_aGuestThatClaimsToBeHost(self) -> None:
        """Bad input: a guest that claims to be host: kicks, delegates, sets."""
        for command in (Kick(2), Kick(3), Kick(1), Delegate(3), Delegate(2), Delegate(64)):
            self.refuse(3, command, RefusalCode.NOT_HOST)
        self.refuse(3, ChangeSetting("map", "ice"), RefusalCode.NOT_HOST)
        self.refuse(3, ChangeSetting("map", None), RefusalCode.NOT_HOST)

    def test_notItsOwn(self) -> None:
        """Bad input: a command for a player not its own."""
        self.apply(ActivityStarted(1, "round", b""), 2)
        self.refuse(3, EndActivity(1, b""), RefusalCode.NOT_YOURS)
        self.refuse(3, EndActivity(2, b""), RefusalCode.NO_SUCH_ACTIVITY)

    def test_strangers(self) -> None:
        """Who has not joined, or is no participant any more, can do nothing but join."""
        strangers = [4]
        self.apply(ParticipantLeft(2, LeaveReason.KICKED), 1)
        strangers.append(2)
        for player in strangers:
            for command in _GOOD[1:]:
                self.refuse(player, command, RefusalCode.NOT_A_PARTICIPANT)
        self.accept(2, Join("Bob"), ParticipantJoined(2, "Bob"))

    def test_duplicateJoins(self) -> None:
        """Bad input: who takes part joins again, also when it is lost."""
        self.refuse(2, Join("Bob"), RefusalCode.ALREADY_JOINED)
        self.refuse(1, Join("\n"), RefusalCode.ALREADY_JOINED)
        self.apply(ParticipantLost(2))
        self.refuse(2, Join("Bob"), RefusalCode.ALREADY_JOINED)

    def test_full(self) -> None:
        """K6: a full session refuses by name; a seat in grace is not free (K5)."""
        self.apply(ParticipantJoined(4, "Zoë"), 4)
        self.refuse(5, Join("Max"), RefusalCode.FULL)
        self.apply(ParticipantLost(2))
        self.refuse(5, Join("Max"), RefusalCode.FULL)
        self.apply(ParticipantLeft(2, LeaveReason.GRACE_OVER))
        self.accept(5, Join("Max"), ParticipantJoined(5, "Max"))

    def test_badNames(self) -> None:
        """Bad input: names that are empty, hold what they must not, or are too long."""
        for name in ("", " ", " a", "a ", "a\n", "\x00", "a\u202eb", "\u200b", "e\u0301", "\ue000"):
            self.refuse(4, Join(name), RefusalCode.BAD_NAME)
            self.refuse(2, Rename(name), RefusalCode.BAD_NAME)
            self.refuse(2, StartActivity(name, b""), RefusalCode.BAD_NAME)
            self.refuse(2, SendCustom(name, b""), RefusalCode.BAD_NAME)
            self.refuse(1, ChangeSetting(name, "x"), RefusalCode.BAD_NAME)
            self.refuse(1, ChangeSetting(name, None), RefusalCode.BAD_NAME)
        for command, limit in (
            (Join, 32),
            (Rename, 32),
            (lambda name: StartActivity(name, b""), 64),
            (lambda name: SendCustom(name, b""), 32),
            (lambda name: ChangeSetting(name, "x"), 32),
        ):
            player = {Join: 4, Rename: 2}.get(command, 1)  # type: ignore[call-overload]
            self.refuse(player, command("x" * (limit + 1)), RefusalCode.TOO_LONG)
            body = judged(self.state, player, command("x" * limit), _SETTINGS)
            self.assertNotIsInstance(body, Refusal)

    def test_badTexts(self) -> None:
        """Bad input: texts with control characters, empty, or too long; spaces are good."""
        for text in ("", "\n", "a\tb", "\x1b[2J", "\u202e", "\ud800", "\u2028"):
            self.refuse(2, Say(text), RefusalCode.BAD_TEXT)
        for text in ("\n", "\u202e"):
            self.refuse(1, ChangeSetting("map", text), RefusalCode.BAD_TEXT)
        self.refuse(2, Say("x" * 501), RefusalCode.TOO_LONG)
        self.refuse(1, ChangeSetting("map", "x" * 257), RefusalCode.TOO_LONG)
        self.refuse(1, ChangeSetting("map", "\u6e05" * 171), RefusalCode.TOO_LONG)
        self.refuse(1, ChangeSetting("\u6e05" * 22, "x"), RefusalCode.TOO_LONG)
        for text in (
            " ",
            "  hi  there ",
            "x" * 500,
            "\U0001f680" * 500,
            "\U0001f469\u200d\U0001f680",
        ):
            self.accept(2, Say(text), Chat(2, text))
        value = "\u6e05" * 170
        self.accept(1, ChangeSetting("\u6e05" * 21, value), SettingChanged("\u6e05" * 21, value))

    def test_longContents(self) -> None:
        """Bad input: contents above the limit."""
        self.apply(ActivityStarted(1, "round", b""), 2)
        long, most = bytes(1025), bytes(1024)
        self.refuse(2, SendCustom("x", long), RefusalCode.TOO_LONG)
        self.refuse(2, EndActivity(1, long), RefusalCode.TOO_LONG)
        self.refuse(2, StartActivity("x", long), RefusalCode.TOO_LONG)
        self.accept(2, SendCustom("x", most), Custom(2, "x", most))
        self.accept(2, EndActivity(1, most), ActivityEnded(1, most))
        self.apply(ActivityEnded(1, b""), 2)
        self.accept(2, StartActivity("x", most), ActivityStarted(2, "x", most))

    def test_activities(self) -> None:
        """K11: one activity at a time; one that does not run cannot be ended."""
        for number in (0, 1, 2):
            self.refuse(1, EndActivity(number, b""), RefusalCode.NO_SUCH_ACTIVITY)
        self.apply(ActivityStarted(1, "round", b""), 2)
        for player in (1, 2, 3):
            self.refuse(player, StartActivity("x", b""), RefusalCode.ACTIVITY_RUNNING)
        self.apply(ActivityEnded(1, b""), 2)
        self.refuse(2, EndActivity(1, b""), RefusalCode.NO_SUCH_ACTIVITY)
        self.accept(3, StartActivity("x", b""), ActivityStarted(2, "x", b""))

    def test_tooManySettings(self) -> None:
        """K6: the 65th setting is refused by name, and the limit is a setting itself."""
        for number in range(64):
            self.refuse(2, ChangeSetting("map", "x"), RefusalCode.NOT_HOST)
            self.apply(SettingChanged(f"key {number}", ""), 1)
        self.refuse(1, ChangeSetting("one more", "x"), RefusalCode.TOO_MANY_SETTINGS)
        self.accept(1, ChangeSetting("key 9", "x"), SettingChanged("key 9", "x"))
        self.accept(1, ChangeSetting("key 9", None), SettingChanged("key 9", None))
        self.accept(1, ChangeSetting("one more", None), SettingChanged("one more", None))
        few = opened("Ada")
        few = few.applied(few.following(SettingChanged("a", ""), 0, 1, 1))
        refusal = judged(few, 1, ChangeSetting("b", ""), EventLogSettings(settings_capacity=1))
        self.assertIs(getattr(refusal, "code", None), RefusalCode.TOO_MANY_SETTINGS)

    def test_delegation(self) -> None:
        """K4: the role goes to another participant that is there; who is lost cannot take it."""
        self.refuse(1, Delegate(1), RefusalCode.NO_SUCH_PLAYER)
        self.refuse(1, Delegate(4), RefusalCode.NO_SUCH_PLAYER)
        self.apply(ParticipantLost(2))
        self.assertIn("lost", self.refuse(1, Delegate(2), RefusalCode.NO_SUCH_PLAYER))
        self.accept(1, Delegate(3), HostDelegated(3))
        self.apply(HostDelegated(3), 1)
        for player in (1, 2, 3, 4):
            for command in _GOOD:
                self.refuse(player, command, RefusalCode.BUSY)
        self.apply(EpochStarted((1, 3)), epoch=Epoch(2, 3))
        self.refuse(1, Kick(2), RefusalCode.NOT_HOST)
        self.accept(3, Kick(2), ParticipantLeft(2, LeaveReason.KICKED))

    def test_kick(self) -> None:
        """A host removes others, lost or not, but neither itself nor a stranger."""
        self.refuse(1, Kick(1), RefusalCode.NO_SUCH_PLAYER)
        self.refuse(1, Kick(4), RefusalCode.NO_SUCH_PLAYER)
        self.apply(ParticipantLost(2))
        self.accept(1, Kick(2), ParticipantLeft(2, LeaveReason.KICKED))


class EveryPairTests(SynchronousTestCase):
    """Every state with every command: an event that can follow, or a refusal that can be sent."""

    @settings(deadline=None, max_examples=300)
    @given(sessions(), st.integers(1, 6), st.lists(commands, min_size=1, max_size=8))
    def test_everyCommandIsAnswered(
        self, session: tuple[SharedState, list[Event]], player: int, asked: list[Command]
    ) -> None:
        """Done when: every command was answered.  The answer follows, and never changes twice."""
        state, events = session
        for event in events:
            state = state.applied(event)
        for command in asked:
            answer = judged(state, player, command, _SETTINGS)
            self.assertEqual(judged(state, player, command, _SETTINGS), answer)
            if isinstance(answer, Refusal):
                refused = Refused(1, answer.code, answer.reason)
                self.assertEqual(decodeLogMessage(encodeLogMessage(refused)), refused)
                continue
            number = state.lastCommand(player) + 1
            event = state.following(answer, 5, player, number)
            packRow(event)
            after = state.applied(event)
            self.assertEqual(after.lastCommand(player), number)
            self.assertEqual(after.sequence, state.sequence + 1)
            packRow(after)

    @settings(deadline=None, max_examples=300)
    @given(sessions(), st.integers(1, 6), commands)
    def test_nobodyCommandsForAnother(
        self, session: tuple[SharedState, list[Event]], player: int, command: Command
    ) -> None:
        """Bad input: a command for a player not its own changes no other player."""
        state, events = session
        for event in events:
            state = state.applied(event)
        answer = judged(state, player, command, _SETTINGS)
        if isinstance(answer, Refusal):
            return
        after = state.applied(state.following(answer, 5, player, state.lastCommand(player) + 1))
        theirs = [one for one in state.participants if one.player != player]
        others = [one for one in after.participants if one.player != player]
        if isinstance(command, Kick):
            self.assertEqual(player, state.host)
            theirs = [one for one in theirs if one.player != command.player]
        self.assertEqual(others, theirs)
        if player != state.host:
            self.assertEqual((after.settings, after.delegate), (state.settings, None))

    def test_everyKind(self) -> None:
        """No kind of command is left out above."""
        self.assertEqual({type(command) for command in _GOOD}, set(COMMANDS.values()))

    @settings(deadline=None)
    @given(st.sampled_from(list(COMMANDS.values())).flatmap(logRows), st.integers(1, 64))
    def test_anyCommandOnAFreshSession(self, command: Any, player: int) -> None:
        """Whatever text or number a command holds, it is answered."""
        answer = judged(opened("A", "B", "C"), player, command, _SETTINGS)
        if isinstance(answer, Refusal):
            packRow(Refused(1, answer.code, answer.reason))
