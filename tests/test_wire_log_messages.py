"""
The messages of a shared session as bytes: golden ones, hostile ones, and their limits.
"""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import Field, Row, Whole
from gamenet.wire.log_commands import COMMANDS
from gamenet.wire.log_events import BODIES, Chat, Custom, Event
from gamenet.wire.log_messages import (
    BATCH_LIMIT,
    LOG_MESSAGES,
    MESSAGE_LIMIT,
    NO_DIGEST,
    REASON_LIMIT,
    SNAPSHOT_LIMIT,
    CommandSent,
    Events,
    EventsWanted,
    Refused,
    SnapshotSent,
    SnapshotWanted,
    Status,
    decodeLogMessage,
    encodeLogMessage,
)
from gamenet.wire.log_values import NO_EPOCH, Epoch, LeaveReason, RefusalCode
from tests.golden import readTable
from tests.golden.log_samples_of_version_1 import LOG_SAMPLES, STORY
from tests.log_strategies import logRows
from tests.wire_strategies import damaged

_EPOCH = Epoch(1, 1)
_messages = st.one_of([logRows(kind) for kind in LOG_MESSAGES.values()])


def _chat(sequence: int, text: str = "hello") -> Event:
    return Event(bytes(16), sequence, _EPOCH, 0, 2, sequence, Chat(2, text))


class GoldenTests(SynchronousTestCase):
    """The table of version 1."""

    def test_messages(self) -> None:
        """
        Every golden message is decoded to its value and encoded back, byte for byte.

        Done when: docs have test vectors that the tests check.
        """
        table = readTable(1, "log_messages")
        self.assertEqual(list(table), list(LOG_SAMPLES))
        for name, data in table.items():
            self.assertEqual(decodeLogMessage(data), LOG_SAMPLES[name], name)
            self.assertEqual(encodeLogMessage(LOG_SAMPLES[name]), data, name)

    def test_everyKindHasSamples(self) -> None:
        """A message, body, command, reason or refusal without golden bytes fails here."""
        messages = list(LOG_SAMPLES.values())
        self.assertEqual({type(one) for one in messages}, set(LOG_MESSAGES.values()))
        bodies = {type(one.events[0].body) for one in messages if isinstance(one, Events)}
        self.assertEqual(bodies, set(BODIES.values()))
        commands = {type(one.command) for one in messages if isinstance(one, CommandSent)}
        self.assertEqual(commands, set(COMMANDS.values()))

    def test_numbers(self) -> None:
        """Numbers on the wire never change."""
        self.assertEqual(
            [(number, kind.__name__) for number, kind in LOG_MESSAGES.items()],
            [
                (1, "Status"),
                (2, "CommandSent"),
                (3, "Events"),
                (4, "Refused"),
                (5, "EventsWanted"),
                (6, "SnapshotWanted"),
                (7, "SnapshotSent"),
            ],
        )
        self.assertEqual(
            " ".join(f"{number}{kind.__name__}" for number, kind in BODIES.items()),
            "1ParticipantJoined 2ParticipantLeft 3ParticipantLost 4ParticipantReturned 5Renamed"
            " 6ActivityStarted 7ActivityEnded 8SettingChanged 9Chat 10Custom 11HostDelegated"
            " 12EpochStarted",
        )
        self.assertEqual(
            " ".join(f"{number}{kind.__name__}" for number, kind in COMMANDS.items()),
            "1Join 2Leave 3Rename 4StartActivity 5EndActivity 6ChangeSetting 7Say 8SendCustom"
            " 9Delegate 10Kick",
        )
        self.assertEqual(
            " ".join(f"{code.value}{code.name}" for code in RefusalCode),
            "1NOT_HOST 2NOT_A_PARTICIPANT 3ALREADY_JOINED 4FULL 5BAD_NAME 6NO_SUCH_PLAYER"
            " 7NO_SUCH_ACTIVITY 8ACTIVITY_RUNNING 9TOO_MANY_SETTINGS 10TOO_LONG 11NOT_SYNCED"
            " 12BUSY 13NOT_YOURS 14BAD_TEXT",
        )
        self.assertEqual(
            [(code.value, code.name) for code in LeaveReason],
            [(1, "LEFT"), (2, "GRACE_OVER"), (3, "KICKED")],
        )

    def test_bytesByHand(self) -> None:
        """A message put together by hand from RFC 8949 is what we send."""
        data = b"\x83\x02\x07\x82\x07\x6chello, world"
        self.assertEqual(readTable(1, "log_messages")["CommandSent.Say"], data)
        data = b"\x84\x05\x82\x02\x03\x18\x45\x18\x40"
        self.assertEqual(readTable(1, "log_messages")["EventsWanted"], data)


class HostileBytesTests(SynchronousTestCase):
    """Bad input: bytes flipped, truncated, lying: refused by name."""

    def requireOneForm(self, data: bytes) -> bool:
        """Return whether bytes are a message; then they are its only form."""
        try:
            message = decodeLogMessage(data)
        except MalformedMessage:
            return False
        self.assertEqual(encodeLogMessage(message), data)
        return True

    def test_everyBitFlip(self) -> None:
        """Bad input: bytes flipped.  Every bit of every golden message, one at a time."""
        for name, data in readTable(1, "log_messages").items():
            for bit in range(8 * len(data)):
                flipped = bytearray(data)
                flipped[bit // 8] ^= 1 << bit % 8
                if self.requireOneForm(bytes(flipped)):
                    self.assertNotEqual(decodeLogMessage(bytes(flipped)), LOG_SAMPLES[name])

    def test_everyTruncation(self) -> None:
        """Bad input: truncated.  No golden message is one when it is cut, or goes on."""
        for name, data in readTable(1, "log_messages").items():
            for length in range(len(data)):
                with self.assertRaises(MalformedMessage, msg=name):
                    decodeLogMessage(data[:length])
            with self.assertRaises(MalformedMessage, msg=name):
                decodeLogMessage(data + b"\x00")

    @settings(deadline=None)
    @given(st.binary(max_size=200))
    def test_anyBytes(self, data: bytes) -> None:
        """Whatever bytes come, they are a message in its one form or MalformedMessage."""
        self.requireOneForm(data)

    @settings(deadline=None)
    @given(damaged(st.sampled_from(list(readTable(1, "log_messages").values()))))
    def test_damagedMessages(self, data: bytes) -> None:
        """Bad input: messages with a few bytes changed, repeated, put in or taken out."""
        self.requireOneForm(data)

    @settings(deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers(-1, 2**64 - 1) | st.binary() | st.text(),
            lambda inner: st.lists(inner, max_size=8),
        ),
        st.integers(0, 20),
    )
    def test_anyArrays(self, value: object, number: int) -> None:
        """Well-formed arrays with the wrong things in them are refused by name too."""
        fields = value if isinstance(value, list) else [value]
        try:
            data = canonical_cbor.encode([number, *fields])
        except LocalProtocolError:
            return
        self.requireOneForm(data)

    @settings(deadline=None)
    @given(_messages)
    def test_roundTrip(self, message: Any) -> None:
        """K3: every message that can be sent is understood as what it was."""
        data = encodeLogMessage(message)
        self.assertEqual(decodeLogMessage(data), message)

    @settings(deadline=None)
    @given(damaged(_messages.map(encodeLogMessage)))
    def test_damagedMessagesOfAnyKind(self, data: bytes) -> None:
        """Bad input: any message, damaged."""
        self.requireOneForm(data)


class LimitTests(SynchronousTestCase):
    """Every size has a limit, in both directions."""

    def refuse(self, message: Row, array: list[object]) -> None:
        """Check that a message neither leaves nor arrives."""
        with self.assertRaises(LocalProtocolError):
            encodeLogMessage(message)
        with self.assertRaises(MalformedMessage):
            decodeLogMessage(canonical_cbor.encode(array))

    def test_limits(self) -> None:
        """The limits themselves, which are part of the protocol."""
        limits = (MESSAGE_LIMIT, SNAPSHOT_LIMIT, BATCH_LIMIT, REASON_LIMIT, len(NO_DIGEST))
        self.assertEqual(limits, (65_536, 65_000, 256, 256, 8))

    def test_rangeOfABillion(self) -> None:
        """Bad input: a log request for a range of a billion."""
        self.refuse(EventsWanted(_EPOCH, 0, 10**9), [5, [1, 1], 0, 10**9])
        self.refuse(EventsWanted(_EPOCH, 0, BATCH_LIMIT + 1), [5, [1, 1], 0, BATCH_LIMIT + 1])
        self.refuse(EventsWanted(_EPOCH, 0, 0), [5, [1, 1], 0, 0])
        self.refuse(EventsWanted(_EPOCH, 2**48, 1), [5, [1, 1], 2**48, 1])
        self.refuse(SnapshotWanted(-1), [6, -1])

    def test_batch(self) -> None:
        """K6: a batch above the limit is refused by name; the limit itself gets through."""
        events = tuple([_chat(sequence) for sequence in range(1, BATCH_LIMIT + 2)])
        most = encodeLogMessage(Events(events[:-1]))
        self.assertEqual(decodeLogMessage(most), Events(events[:-1]))
        array: Any = canonical_cbor.decode(most)
        array[1].append([*array[1][-1][:1], BATCH_LIMIT + 1, *array[1][-1][2:]])
        self.refuse(Events(events), array)
        self.refuse(Events(()), [3, [], [0, 0]])

    def test_messageLimit(self) -> None:
        """K6: no message is longer than a channel carries, and a longer one is not looked at."""
        long = tuple(
            [
                Event(bytes(16), sequence, _EPOCH, 0, 2, sequence, Custom(2, "x", bytes(1024)))
                for sequence in range(1, 64)
            ]
        )
        with self.assertRaisesRegex(LocalProtocolError, "above the limit"):
            encodeLogMessage(Events(long))
        with self.assertRaisesRegex(MalformedMessage, "above the limit"):
            decodeLogMessage(bytes(MESSAGE_LIMIT + 1))
        with self.assertRaisesRegex(MalformedMessage, "begins with"):
            decodeLogMessage(b"\x59\xff\xfd" + bytes(MESSAGE_LIMIT - 3))

    def test_snapshotLimit(self) -> None:
        """Bad input: snapshots that lie about their size."""
        most = SnapshotSent(bytes(SNAPSHOT_LIMIT))
        self.assertEqual(decodeLogMessage(encodeLogMessage(most)), most)
        self.refuse(SnapshotSent(bytes(SNAPSHOT_LIMIT + 1)), [7, bytes(SNAPSHOT_LIMIT + 1)])
        for lie in ("5affffffff", "5bffffffffffffffff", "590400", "5f4100ff", "9affffffff"):
            with self.assertRaises(MalformedMessage):
                decodeLogMessage(bytes.fromhex("8207" + lie) + bytes(64))

    def test_reason(self) -> None:
        """A reason is a text for a person, and no longer than its limit."""
        for reason in ("x" * (REASON_LIMIT + 1), "a\nb", "\u202e"):
            self.refuse(Refused(1, RefusalCode.FULL, reason), [4, 1, 4, reason])

    def test_refusedCode(self) -> None:
        """A code that nobody knows, or that is none, is refused."""
        for code in (0, 15, True, None, "FULL"):
            with self.assertRaises(MalformedMessage):
                decodeLogMessage(canonical_cbor.encode([4, 1, code, ""]))
        with self.assertRaisesRegex(LocalProtocolError, "must be a RefusalCode"):
            encodeLogMessage(Refused(1, 4, ""))  # type: ignore[arg-type]
        with self.assertRaisesRegex(LocalProtocolError, "must be a RefusalCode"):
            encodeLogMessage(Refused(1, LeaveReason.LEFT, ""))  # type: ignore[arg-type]


class ConsistencyTests(SynchronousTestCase):
    """What no field can tell alone."""

    def refuse(self, message: Row, why: str) -> None:
        """Check that a message neither leaves nor arrives."""
        with self.assertRaisesRegex(LocalProtocolError, why):
            encodeLogMessage(message)

    def test_status(self) -> None:
        """Nobody acknowledges what it does not hold, or holds events of no epoch."""
        self.refuse(Status(_EPOCH, 7, 8, bytes(8), 0, 1), "does not hold")
        self.refuse(Status(NO_EPOCH, 1, 0, NO_DIGEST, 0, 1), "no epoch")
        self.refuse(Status(NO_EPOCH, 0, 0, b"12345678", 0, 1), "no epoch")
        self.refuse(Status(Epoch(0, 1), 0, 0, NO_DIGEST, 0, 1), "both are 0")
        self.refuse(Status(Epoch(1, 0), 0, 0, NO_DIGEST, 0, 1), "both are 0")
        self.refuse(Status(_EPOCH, 7, 7, bytes(8), 0, 0), "first_unanswered")
        self.refuse(Status(_EPOCH, 7, 7, bytes(8), 2**64, 1), "heard")

    def test_eventsFollowOneAnother(self) -> None:
        """K3: a batch with a hole, a repetition or another session's event is refused."""
        good = Events((_chat(4), _chat(5)))
        self.assertEqual(decodeLogMessage(encodeLogMessage(good)), good)
        why = "does not follow"
        self.refuse(Events((_chat(4), _chat(6))), why)
        self.refuse(Events((_chat(4), _chat(4))), why)
        self.refuse(Events((_chat(5), _chat(4))), why)
        self.refuse(Events((_chat(4), attrs.evolve(_chat(5), session_id=b"x" * 16))), why)
        later = attrs.evolve(_chat(4), epoch=Epoch(2, 1))
        self.refuse(Events((later, _chat(5))), why)
        self.refuse(Events((_chat(4),), Epoch(1, 2)), why)
        array: Any = canonical_cbor.decode(encodeLogMessage(good))
        array[1].reverse()
        with self.assertRaisesRegex(MalformedMessage, why):
            decodeLogMessage(canonical_cbor.encode(array))

    def test_unknownNumbers(self) -> None:
        """A number that nobody here knows is refused as such."""
        for number in (0, 8, 64, -1, 2**64 - 1):
            with self.assertRaises(UnknownMessage):
                decodeLogMessage(canonical_cbor.encode([number]))

    def test_otherMessages(self) -> None:
        """Messages of another module travel in the same way, where they are known."""

        @attrs.frozen
        class Other(Row):
            number: ClassVar[int] = 100
            layout: ClassVar[tuple[Field, ...]] = (Whole(1, 5),)

            value: int

        data = encodeLogMessage(Other(3))
        self.assertEqual(data, b"\x82\x18\x64\x03")
        self.assertEqual(decodeLogMessage(data, LOG_MESSAGES | {100: Other}), Other(3))
        with self.assertRaises(UnknownMessage):
            decodeLogMessage(data)
        self.refuse(Other(6), "Other.value")

    def test_whatIsNoMessage(self) -> None:
        """A row that has no number, or another one's command, does not leave."""
        self.refuse(_EPOCH, "Epoch is not a message")
        self.refuse(CommandSent(1, Chat(1, "x")), "of a kind")  # type: ignore[arg-type]
        self.refuse(CommandSent(0, COMMANDS[2]()), "command_number")  # type: ignore[arg-type]
        self.refuse(Events((attrs.evolve(STORY[0], body="x"),)), "of a kind")
