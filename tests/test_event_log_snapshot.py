"""
Snapshots: a whole state as bytes, and bytes that lie about being one.
"""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.event_log.shared_state import SharedState
from gamenet.event_log.snapshot import Snapshot
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import packRow
from gamenet.wire.log_events import ActivityStarted, Event
from gamenet.wire.log_messages import (
    MESSAGE_LIMIT,
    SNAPSHOT_LIMIT,
    SnapshotSent,
    decodeLogMessage,
    encodeLogMessage,
)
from gamenet.wire.log_values import (
    Activity,
    Departed,
    Epoch,
    EpochRecord,
    Participant,
    Setting,
)
from tests.golden.log_samples_of_version_1 import states
from tests.log_strategies import SESSION, opened, sessions
from tests.wire_strategies import damaged

_TOLD = states()
_HIGHEST = 2**48 - 1


def _largest() -> SharedState:
    """Return a state that no state is longer than."""
    high = _HIGHEST - 64
    members = tuple(range(1, 65))
    astral = "\U0001f680"
    return SharedState(
        SESSION,
        astral * 64,
        64,
        Epoch(_HIGHEST, 64),
        _HIGHEST,
        _HIGHEST,
        63,
        tuple(
            [
                Participant(
                    player, astral * 32, _HIGHEST, None if player == 63 else _HIGHEST, _HIGHEST
                )
                for player in members
            ]
        ),
        (),
        Activity(_HIGHEST, astral * 64, bytes(1024), 64, _HIGHEST),
        _HIGHEST,
        tuple([Setting(f"{place:02}" + astral * 15 + "xx", astral * 128) for place in range(64)]),
        tuple(
            [EpochRecord(Epoch(high + place + 1, 64), high + place, members) for place in range(64)]
        ),
    )


class SnapshotTests(SynchronousTestCase):
    """K3: what the log no longer holds is replaced by a snapshot."""

    @settings(deadline=None)
    @given(sessions())
    def test_roundTrip(self, session: tuple[SharedState, list[Event]]) -> None:
        """K2: whoever gets a snapshot knows what its sender knows, and goes on like it."""
        state, events = session
        for place, event in enumerate(events):
            taken = Snapshot.decoded(Snapshot(state).encoded())
            self.assertEqual(taken, Snapshot(state))
            self.assertEqual(taken.sequence, place)
            self.assertEqual(taken.state.digest(), state.digest())
            state = state.applied(event)
            self.assertEqual(taken.state.applied(event), state)

    def test_everyBitFlip(self) -> None:
        """Bad input: bytes flipped.  Every bit of a snapshot: another state's bytes, or refused."""
        for state in (_TOLD[0], _TOLD[9], _TOLD[-1]):
            data = Snapshot(state).encoded()
            for bit in range(8 * len(data)):
                flipped = bytearray(data)
                flipped[bit // 8] ^= 1 << bit % 8
                self.requireOneForm(bytes(flipped), state)

    def requireOneForm(self, data: bytes, other: SharedState | None = None) -> None:
        """Check that bytes are a snapshot in its one form, of another state, or refused."""
        try:
            taken = Snapshot.decoded(data)
        except MalformedMessage:
            return
        self.assertEqual(taken.encoded(), data)
        self.assertNotEqual(taken.state, other)

    def test_everyTruncation(self) -> None:
        """Bad input: truncated."""
        data = Snapshot(_TOLD[9]).encoded()
        for length in range(len(data)):
            with self.assertRaises(MalformedMessage):
                Snapshot.decoded(data[:length])
        with self.assertRaises(MalformedMessage):
            Snapshot.decoded(data + b"\x00")

    @settings(deadline=None)
    @given(damaged(st.sampled_from([Snapshot(state).encoded() for state in _TOLD])))
    def test_damaged(self, data: bytes) -> None:
        """Bad input: damaged snapshots."""
        self.requireOneForm(data)

    @settings(deadline=None)
    @given(st.binary(max_size=100))
    def test_anyBytes(self, data: bytes) -> None:
        """Bad input: any bytes at all."""
        self.requireOneForm(data)

    def test_lyingLists(self) -> None:
        """Bad input: snapshots that lie about their size, in each of their lists."""
        array: Any = packRow(_TOLD[9])
        for place, item in enumerate(array):
            if isinstance(item, list) and item and isinstance(item[0], list):
                lying = [*array[:place], item * 70, *array[place + 1 :]]
                with self.assertRaisesRegex(MalformedMessage, "values, not"):
                    Snapshot.decoded(canonical_cbor.encode(lying))
        good = canonical_cbor.encode(array)
        self.assertEqual(good[:2], b"\x8d\x50")
        for head in ("9b00000000ffffffff", "9a0000000d", "9effffffff", "980d", "8c", "8e"):
            with self.assertRaises(MalformedMessage):
                Snapshot.decoded(bytes.fromhex(head) + good[1:])

    def test_limits(self) -> None:
        """K6: the limit is a setting in both directions, and exact."""
        snapshot = Snapshot(_TOLD[9])
        data = snapshot.encoded()
        self.assertEqual(snapshot.encoded(len(data)), data)
        self.assertEqual(Snapshot.decoded(data, len(data)), snapshot)
        with self.assertRaisesRegex(LocalProtocolError, "above the limit"):
            snapshot.encoded(len(data) - 1)
        with self.assertRaisesRegex(MalformedMessage, "above the limit"):
            Snapshot.decoded(data, len(data) - 1)
        with self.assertRaisesRegex(MalformedMessage, "above the limit"):
            Snapshot.decoded(bytes(SNAPSHOT_LIMIT + 1))

    def test_largest(self) -> None:
        """K6: the largest state that there can be still fits in one message."""
        largest = _largest()
        data = Snapshot(largest).encoded()
        self.assertEqual(Snapshot.decoded(data).state, largest)
        message = encodeLogMessage(SnapshotSent(data))
        self.assertLessEqual(len(message), MESSAGE_LIMIT)
        sent = decodeLogMessage(message)
        assert isinstance(sent, SnapshotSent)
        self.assertEqual(Snapshot.decoded(sent.snapshot), Snapshot(largest))
        self.assertGreater(len(data), 50_000)


class ConsistencyTests(SynchronousTestCase):
    """Bad input: a state that no events lead to."""

    def refuse(self, why: str, state: SharedState, **changes: Any) -> None:
        """Check that a state with changes is not taken for one."""
        lie = attrs.evolve(state, **changes)
        with self.assertRaisesRegex(MalformedMessage, why):
            Snapshot.decoded(Snapshot(lie).encoded())

    def test_participants(self) -> None:
        """Participants in order, no more than there is room for, none from the future."""
        state = opened("Ada", "Bob", capacity=2)
        ada, bob = state.participants
        self.refuse("participants must be in ascending", state, participants=(bob, ada))
        self.refuse("participants must be in ascending", state, participants=(bob, bob))
        self.refuse("more participants", state, capacity=1)
        self.refuse("has departed", state, departed=(Departed(2, 0),))
        self.refuse("departed players must be", state, departed=(Departed(9, 0), Departed(8, 0)))
        self.refuse(
            "of the future", state, participants=(ada, attrs.evolve(bob, joined_sequence=1))
        )
        self.refuse("of the future", state, participants=(ada, attrs.evolve(bob, lost_at_ms=1)))

    def test_delegate(self) -> None:
        """A delegate is a participant that is there, and not the host."""
        state = opened("Ada", "Bob")
        self.refuse("nobody to delegate to", state, delegate=1)
        self.refuse("nobody to delegate to", state, delegate=3)
        lost = (state.participants[0], attrs.evolve(state.participants[1], lost_at_ms=0))
        self.refuse("nobody to delegate to", state, delegate=2, participants=lost)
        good = attrs.evolve(state, delegate=2)
        self.assertEqual(Snapshot.decoded(Snapshot(good).encoded()).state, good)

    def test_activity(self) -> None:
        """The activity is the last one that began, and began already."""
        first = opened("Ada")
        first = first.applied(first.following(ActivityStarted(1, "round", b""), 0, 1, 1))
        self.assertEqual(Snapshot.decoded(Snapshot(first).encoded()).state, first)
        state = _TOLD[9]
        assert state.activity is not None
        self.refuse("not the last one", state, activities_begun=2)
        self.refuse("not the last one", state, activities_begun=0)
        self.refuse("more activities than events", state, activities_begun=10)
        for sequence in (0, 10):
            future = attrs.evolve(state.activity, started_sequence=sequence)
            self.refuse("of the future", state, activity=future)

    def test_settings(self) -> None:
        """Settings in the order of their keys, none twice."""
        settings = _TOLD[9].settings
        self.refuse("settings must be", _TOLD[9], settings=settings[::-1])
        self.refuse("settings must be", _TOLD[9], settings=settings[:1] * 2)

    def test_epochs(self) -> None:
        """The epochs are a history that begins with the first one and ends in this one."""
        state = _TOLD[16]
        first, second, third = state.epochs
        self.refuse("last epoch is not", state, epochs=(first, second))
        self.refuse("last epoch is not", state, epoch=Epoch(4, 1))
        self.refuse("epochs must be", state, epochs=(second, first, third))
        self.refuse("epochs must be", state, epochs=(first, first, third))
        self.refuse("first epoch is missing", state, epochs=(second, third))
        early = attrs.evolve(second, sequence=0)
        self.refuse("epochs' events must be", state, epochs=(first, early, third))
        self.refuse(
            "begins without an event",
            state,
            epochs=(attrs.evolve(first, sequence=1), *state.epochs[1:]),
        )
        future = attrs.evolve(third, sequence=17)
        self.refuse("last epoch is not", state, epochs=(first, second, future))

    def test_sixtyFourEpochs(self) -> None:
        """Only a state that has forgotten epochs may lack the first one."""
        state = _largest()
        self.assertEqual(Snapshot.decoded(Snapshot(state).encoded()).state, state)
        self.refuse("first epoch is missing", state, epochs=state.epochs[1:])
        unstarted = attrs.evolve(state.epochs[0], sequence=0)
        self.refuse("without an event", state, epochs=(unstarted, *state.epochs[1:]))
