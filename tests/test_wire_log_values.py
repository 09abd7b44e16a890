"""
The values of a shared session's state.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire import canonical_cbor, log_values
from gamenet.wire.lobby_fields import packRow, unpackRow
from gamenet.wire.log_values import (
    NO_EPOCH,
    Activity,
    Departed,
    Epoch,
    EpochRecord,
    Participant,
    Setting,
)
from tests.log_strategies import logRows

_KINDS = (Epoch, EpochRecord, Participant, Departed, Activity, Setting)


class ValueTests(SynchronousTestCase):
    """Every value in its one form."""

    @settings(deadline=None)
    @given(st.sampled_from(_KINDS).flatmap(logRows))
    def test_roundTrip(self, value: Any) -> None:
        """What is packed is unpacked; a value that remembers its bytes remembers the right ones."""
        array = packRow(value)
        self.assertEqual(unpackRow(type(value), array), value)
        if type(value) is not Epoch:
            self.assertEqual(value.packed, canonical_cbor.encode(array))
            self.assertIs(value.packed, value.packed)

    def test_epochsAreOrdered(self) -> None:
        """Epochs are pairs: two halves of a partition never share one, and one of two is higher."""
        epochs = [NO_EPOCH, Epoch(1, 1), Epoch(1, 2), Epoch(2, 1), Epoch(10, 1), Epoch(10, 64)]
        self.assertEqual(sorted([epochs[3], *epochs[:3], *epochs[4:]]), epochs)
        self.assertNotEqual(Epoch(1, 2), Epoch(2, 1))

    def test_epoch(self) -> None:
        """An epoch has a host and a number, or neither."""
        for bad in (Epoch(0, 1), Epoch(1, 0), Epoch(-1, 1), Epoch(1, 65), Epoch(2**48, 1)):
            with self.assertRaises(ValueError):
                packRow(bad)
        self.assertEqual(packRow(NO_EPOCH), [0, 0])

    def test_epochRecord(self) -> None:
        """The members of an epoch are in order, and its host is one of them."""
        epoch = Epoch(2, 3)
        for bad, why in (
            (EpochRecord(epoch, 5, (1, 2)), "the host is one"),
            (EpochRecord(epoch, 5, (3, 1)), "ascending"),
            (EpochRecord(epoch, 5, (3, 3)), "ascending"),
            (EpochRecord(epoch, 5, ()), "1 to 64 values"),
            (EpochRecord(NO_EPOCH, 5, (1,)), "must name"),
            (EpochRecord(epoch, -1, (3,)), "sequence"),
        ):
            with self.assertRaisesRegex(ValueError, why):
                packRow(bad)

    def test_bounds(self) -> None:
        """Names, numbers, keys and contents keep to their limits."""
        for good in (
            Participant(64, "x" * 32, 2**48 - 1, 2**48 - 1, 2**48 - 1),
            Activity(1, "x" * 64, bytes(1024), 64, 0),
            Setting("k" * 32, "\u00e9" * 256),
            Departed(1, 0),
            Participant(1, "x", 0),
            Activity(1, "x", b"", 1, 0),
            Setting("k", ""),
        ):
            self.assertEqual(unpackRow(type(good), packRow(good)), good)
        for bad in (
            Participant(65, "x", 0),
            Participant(0, "x", 0),
            Participant(1, "x" * 33, 0),
            Participant(1, "", 0),
            Participant(1, "a\u202eb", 0),
            Participant(1, "x", -1),
            Participant(1, "x", 0, -1),
            Participant(1, "x", 0, 2**48),
            Participant(1, "x", 0, None, -1),
            Activity(0, "x", b"", 1, 1),
            Activity(1, "x" * 65, b"", 1, 1),
            Activity(1, "x", bytes(1025), 1, 1),
            Activity(1, "x", b"", 0, 1),
            Setting("k" * 33, ""),
            Setting("\u6e05" * 22, ""),
            Setting("", ""),
            Setting("k", "v" * 257),
            Setting("k", "\u6e05" * 171),
            Setting("k", "a\nb"),
            Departed(0, 0),
            Departed(1, -1),
        ):
            with self.assertRaises(ValueError, msg=repr(bad)):
                packRow(bad)

    def test_limits(self) -> None:
        """The limits themselves, which are part of the protocol."""
        self.assertEqual(
            (log_values.PARTICIPANTS_LIMIT, log_values.SETTINGS_LIMIT, log_values.EPOCHS_LIMIT),
            (64, 64, 64),
        )
        self.assertEqual((log_values.NAME_LIMIT, log_values.SESSION_NAME_LIMIT), (32, 64))
        self.assertEqual((log_values.CHAT_LIMIT, log_values.CONTENT_LIMIT), (500, 1024))
        self.assertEqual((log_values.KEY_LIMIT, log_values.KEY_OCTETS), (32, 64))
        self.assertEqual((log_values.VALUE_LIMIT, log_values.VALUE_OCTETS), (256, 512))
        self.assertEqual((log_values.KIND_LIMIT, log_values.ACTIVITY_NAME_LIMIT), (32, 64))

    def test_lost(self) -> None:
        """K5: a participant is lost from the moment that is written down, also the first."""
        self.assertFalse(Participant(1, "x", 0).is_lost)
        self.assertTrue(Participant(1, "x", 0, 0).is_lost)
