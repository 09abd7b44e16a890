"""
The state of a shared session: the same events make the same state and the same digest.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.event_log.shared_state import DIGEST_BYTES, FIRST_EPOCH, SharedState
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import packRow, unpackRow
from gamenet.wire.log_events import (
    BODIES,
    ActivityStarted,
    Chat,
    EpochStarted,
    Event,
    HostDelegated,
    ParticipantJoined,
    ParticipantLeft,
    SettingChanged,
)
from gamenet.wire.log_values import (
    EPOCHS_LIMIT,
    Departed,
    Epoch,
    EpochRecord,
    LeaveReason,
    Participant,
)
from tests.golden.log_samples_of_version_1 import OPENING, STORY, states
from tests.log_strategies import SESSION, logRows, opened, sessions


def _told(state: SharedState, *events: Event) -> SharedState:
    for event in events:
        state = state.applied(event)
    return state


class OpeningTests(SynchronousTestCase):
    """K2: what a session begins with."""

    def test_opened(self) -> None:
        """Everybody of the ticket takes part from the start, under player 1."""
        state = SharedState.opened(SESSION, "a session", {3: "Eve", 1: "Ada"}, 4)
        self.assertEqual(state.participants, (Participant(1, "Ada", 0), Participant(3, "Eve", 0)))
        self.assertEqual((state.epoch, state.host, state.sequence), (Epoch(1, 1), 1, 0))
        self.assertEqual(state.epochs, (EpochRecord(FIRST_EPOCH, 0, (1, 3)),))
        self.assertEqual((state.name, state.capacity, state.time_ms), ("a session", 4, 0))
        self.assertIsNone(state.activity)
        self.assertIsNone(state.delegate)
        self.assertEqual((state.settings, state.departed, state.activities_begun), ((), (), 0))

    def test_orderOfNames(self) -> None:
        """The same names make the same state, in whatever order they are given."""
        names = {1: "Ada", 2: "Bob", 3: "Eve"}
        backward = dict(reversed(list(names.items())))
        one = SharedState.opened(SESSION, "x", names, 3)
        self.assertEqual(one, SharedState.opened(SESSION, "x", backward, 3))
        self.assertEqual(one.digest(), SharedState.opened(SESSION, "x", backward, 3).digest())

    def test_refused(self) -> None:
        """A session that cannot be is refused when it is opened, not later."""
        for arguments in (
            (bytes(15), "x", {1: "Ada"}, 1),
            (SESSION, "", {1: "Ada"}, 1),
            (SESSION, "x" * 65, {1: "Ada"}, 1),
            (SESSION, "x", {}, 1),
            (SESSION, "x", {2: "Bob"}, 1),
            (SESSION, "x", {1: "Ada", 65: "Bob"}, 2),
            (SESSION, "x", {1: "Ada", 0: "Bob"}, 2),
            (SESSION, "x", {1: "Ada", 2: "\n"}, 2),
            (SESSION, "x", {1: "Ada", 2: "Bob"}, 1),
            (SESSION, "x", {1: "Ada"}, 65),
            (SESSION, "x", {1: "Ada"}, 0),
        ):
            with self.assertRaises(LocalProtocolError, msg=repr(arguments)):
                SharedState.opened(*arguments)  # type: ignore[arg-type]


class DigestTests(SynchronousTestCase):
    """Every participant's state has the same digest at the same sequence number."""

    @settings(deadline=None)
    @given(sessions())
    def test_digestIsOfTheWholeState(self, session: tuple[SharedState, list[Event]]) -> None:
        """The bytes put together from remembered parts are the state's canonical CBOR."""
        state, events = session
        for event in [None, *events]:
            state = state if event is None else state.applied(event)
            packed = canonical_cbor.encode(packRow(state))
            self.assertEqual(state.packed, packed)
            self.assertEqual(len(state.digest()), DIGEST_BYTES)
            self.assertEqual(state.digest(), blake2b(packed, digest_size=16).digest())
            self.assertEqual(unpackRow(SharedState, packRow(state)), state)

    @settings(deadline=None)
    @given(sessions())
    def test_sameEventsSameState(self, session: tuple[SharedState, list[Event]]) -> None:
        """Who applies the same events, as they arrive by wire, has the same digest each time."""
        state, events = session
        ours = theirs = state
        for event in events:
            ours = ours.applied(event)
            theirs = theirs.applied(unpackRow(Event, packRow(event)))
            self.assertEqual((ours, ours.digest()), (theirs, theirs.digest()))

    def test_everythingCounts(self) -> None:
        """No two states of a story share a digest, nor does a state with anything changed."""
        told = states()
        self.assertEqual(len({state.digest() for state in told}), len(told))
        state = told[6]
        first = state.participants[0]
        for changes in (
            {"session_id": bytes(16)},
            {"name": "another"},
            {"capacity": 6},
            {"epoch": Epoch(1, 2)},
            {"sequence": 7},
            {"time_ms": 2001},
            {"delegate": 3},
            {"participants": (attrs.evolve(first, last_command=9), *state.participants[1:])},
            {"participants": (attrs.evolve(first, name="Ade"), *state.participants[1:])},
            {"departed": (Departed(9, 0),)},
            {"activity": None},
            {"activities_begun": 2},
            {"settings": state.settings[1:]},
            {"epochs": (attrs.evolve(state.epochs[0], members=(1,)),)},
        ):
            other = attrs.evolve(state, **changes)  # type: ignore[arg-type]
            self.assertNotEqual(other.digest(), state.digest(), repr(changes))

    def test_remembered(self) -> None:
        """A digest is computed once, and what did not change is not encoded again."""
        state = states()[5]
        self.assertIs(state.digest(), state.digest())
        later = state.applied(STORY[5])
        self.assertIs(later.settings[0].packed, state.settings[0].packed)
        self.assertIs(later.epochs[0].packed, state.epochs[0].packed)
        self.assertIs(later.participants[0].packed, state.participants[0].packed)


class OrderTests(SynchronousTestCase):
    """Bad input: what cannot follow is refused, and the state stands."""

    def refuse(self, state: SharedState, event: Event, why: str) -> None:
        """Check that an event cannot follow, and that nothing changes."""
        before = attrs.astuple(state)
        with self.assertRaisesRegex(RemoteProtocolError, why):
            state.applied(event)
        self.assertEqual(attrs.astuple(state), before)

    def test_sequence(self) -> None:
        """K3: events are applied one after the other, none twice, none left out."""
        state = states()[5]
        self.refuse(state, STORY[4], "event 5 does not follow 5")
        self.refuse(state, STORY[6], "event 7 does not follow 5")
        self.refuse(state, attrs.evolve(STORY[5], session_id=bytes(16)), "another session")

    def test_oldEpoch(self) -> None:
        """Bad input: an old host's epoch."""
        state = states()[13]
        self.assertEqual(state.epoch, Epoch(2, 3))
        self.refuse(state, attrs.evolve(STORY[13], epoch=Epoch(1, 1)), "another epoch")
        self.refuse(state, attrs.evolve(STORY[13], epoch=Epoch(2, 2)), "another epoch")
        self.refuse(state, attrs.evolve(STORY[13], epoch=Epoch(3, 3)), "another epoch")
        for epoch in (Epoch(1, 1), Epoch(2, 3), Epoch(2, 4)):
            members = tuple(sorted({1, epoch.host}))
            started = state.following(EpochStarted(members), 80_000, epoch=epoch)
            self.refuse(state, started, "not above")

    def test_time(self) -> None:
        """The session's time never goes back, whoever's clock it is."""
        state = states()[5]
        self.refuse(state, attrs.evolve(STORY[5], time_ms=1515), "earlier")
        self.assertEqual(state.applied(attrs.evolve(STORY[5], time_ms=1516)).time_ms, 1516)

    def test_following(self) -> None:
        """A host makes the event that comes next; a clock that is behind is taken along."""
        state = states()[5]
        event = state.following(Chat(3, "x"), 17, 3, 2)
        self.assertEqual(event, Event(SESSION, 6, Epoch(1, 1), 1516, 3, 2, Chat(3, "x")))
        self.assertEqual(state.following(Chat(3, "x"), 2000, 3, 2).time_ms, 2000)
        started = state.following(EpochStarted((2,)), 2000, epoch=Epoch(2, 2))
        self.assertEqual((started.epoch, started.author, started.command), (Epoch(2, 2), 0, 0))

    def test_afterDelegation(self) -> None:
        """The delegation is the last event of its epoch: the old host is a guest afterwards."""
        state = states()[12]
        self.assertEqual(state.delegate, 3)
        self.refuse(state, state.following(Chat(1, "x"), 80_000, 1, 9), "handed its role over")
        elected = state.following(EpochStarted((1, 2)), 80_000, epoch=Epoch(2, 2))
        self.assertIsNone(state.applied(elected).delegate)
        self.assertEqual(state.applied(elected).host, 2)

    def test_commandsAreUsedUp(self) -> None:
        """A command becomes an event once, also over the departure of its author."""
        state = opened("A", "B")
        state = _told(state, state.following(Chat(2, "x"), 1, 2, 5))
        for command in (1, 4, 5):
            self.refuse(state, state.following(Chat(2, "x"), 1, 2, command), "used up")
        left = ParticipantLeft(2, LeaveReason.LEFT)
        self.refuse(state, state.following(left, 1, 2, 5), "used up")
        state = _told(state, state.following(left, 1, 2, 6))
        self.assertEqual((state.lastCommand(2), state.departed), (6, (Departed(2, 6),)))
        back = ParticipantJoined(2, "B")
        self.refuse(state, state.following(back, 1, 2, 6), "used up")
        state = _told(state, state.following(back, 1, 2, 7))
        self.assertEqual((state.lastCommand(2), state.departed), (7, ()))
        self.assertEqual((state.lastCommand(1), state.lastCommand(9)), (0, 0))

    def test_strangers(self) -> None:
        """Bad input: an event by somebody who is no participant."""
        state = opened("A", "B")
        for body in (Chat(3, "x"), ActivityStarted(1, "x", b"")):
            self.refuse(state, state.following(body, 1, 3, 1), "player 3 is no participant")

    def test_noBody(self) -> None:
        """What is no body is refused by name too."""
        state = opened("A", "B")
        self.refuse(state, state.following("x", 1, 1, 1), "str")  # type: ignore[arg-type]

    @settings(deadline=None)
    @given(sessions(), st.sampled_from(list(BODIES.values())).flatmap(logRows), st.data())
    def test_anyEvent(
        self, session: tuple[SharedState, list[Event]], body: Any, data: st.DataObject
    ) -> None:
        """Bad input: any event on any state changes it to a consistent one, or nothing."""
        state = _told(session[0], *session[1])
        player = data.draw(st.integers(1, 5))
        if hasattr(body, "player"):
            body = attrs.evolve(body, player=player)
        author = data.draw(st.sampled_from((0, 1, 2, player, state.host)))
        number = data.draw(st.integers(1, 5)) if author else 0
        event = state.following(body, 200_000, author, number)
        if isinstance(body, EpochStarted):
            event = attrs.evolve(event, epoch=data.draw(logRows(Epoch)))
        before = attrs.astuple(state)
        try:
            after = state.applied(event)
        except RemoteProtocolError:
            self.assertEqual(attrs.astuple(state), before)
        else:
            self.assertEqual(unpackRow(SharedState, packRow(after)), after)
            self.assertEqual(after.sequence, state.sequence + 1)


class LimitTests(SynchronousTestCase):
    """What a state remembers is bounded."""

    def test_epochs(self) -> None:
        """Of the epochs the newest are remembered."""
        state = opened("A", "B")
        for number in range(2, EPOCHS_LIMIT + 4):
            body = EpochStarted((1, 2) if number % 2 else (2,))
            host = 1 if number % 2 else 2
            state = state.applied(state.following(body, number, epoch=Epoch(number, host)))
            self.assertEqual(state.epochs[-1], EpochRecord(state.epoch, number - 1, body.members))
            self.assertEqual(unpackRow(SharedState, packRow(state)), state)
            self.assertEqual(len(state.epochs), min(number, EPOCHS_LIMIT))
        self.assertEqual(state.epochs[0].epoch, Epoch(4, 2))

    def test_settings(self) -> None:
        """Bad input: 65 settings.  What is there can still be changed and taken away."""
        state = opened("A")
        for number in range(64):
            changed = SettingChanged(f"key {number}", "x")
            state = state.applied(state.following(changed, 1, 1, number + 1))
        with self.assertRaisesRegex(RemoteProtocolError, "64 settings already"):
            state.applied(state.following(SettingChanged("one more", "x"), 1, 1, 65))
        changed = state.applied(state.following(SettingChanged("key 7", "y"), 1, 1, 65))
        self.assertEqual((changed.setting("key 7"), len(changed.settings)), ("y", 64))
        fewer = state.applied(state.following(SettingChanged("key 7", None), 1, 1, 65))
        self.assertEqual((fewer.setting("key 7"), len(fewer.settings)), (None, 63))

    def test_delegation(self) -> None:
        """K4: the role goes to somebody who is there."""
        state = states()[6]
        with self.assertRaisesRegex(RemoteProtocolError, "player 2 is lost"):
            state.applied(state.following(HostDelegated(2), 3000, 1, 9))
        with self.assertRaisesRegex(RemoteProtocolError, "player 9 is no participant"):
            state.applied(state.following(HostDelegated(9), 3000, 1, 9))
        self.assertEqual(OPENING.participant(2), Participant(2, "Bob", 0))
        self.assertIsNone(OPENING.participant(4))
