"""
The kinds of field that the shared session has: what each accepts, in both directions.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import Whole
from gamenet.wire.log_commands import Leave, Say
from gamenet.wire.log_fields import (
    CodeOf,
    Content,
    Key,
    OrNone,
    Phrase,
    Tagged,
    packedArray,
    requireAscending,
)
from gamenet.wire.log_values import LeaveReason, RefusalCode

_WORLDS_END = "\U0001f469\u200d\U0001f680"


class FieldTests(SynchronousTestCase):
    """Bad input: what is of another type or out of bounds is refused, nothing converted."""

    def refuse(self, field: Any, *values: object) -> None:
        """Check that a field neither packs nor unpacks values."""
        for value in values:
            with self.assertRaises(ValueError, msg=repr(value)):
                field.pack(value)
            with self.assertRaises(ValueError, msg=repr(value)):
                field.unpack(value)

    def accept(self, field: Any, *values: object) -> None:
        """Check that values travel as they are."""
        for value in values:
            self.assertEqual(field.pack(value), value)
            self.assertEqual(field.unpack(value), value)

    def test_content(self) -> None:
        """A content is bytes, none to its limit."""
        self.accept(Content(3), b"", b"\x00\xff", b"abc")
        self.refuse(Content(3), b"abcd", bytearray(b"a"), "abc", None, 0, [])

    def test_phrase(self) -> None:
        """Chat may begin with a space and join emoji, but holds no control character."""
        self.accept(Phrase(1, 5, 20), "a", " a b ", "\u6e05" * 5, _WORLDS_END, "\U0001f680" * 5)
        for bad in ("\x00", "\n", "\t", "\x7f", "\x85", "\u200b", "\u202e", "\u2066", "\ufeff"):
            self.refuse(Phrase(1, 5, 20), bad, "a" + bad)
        for bad in ("\u2028", "\u2029", "\ue000", "\ud800", "\u00ad"):
            self.refuse(Phrase(1, 5, 20), bad)
        self.refuse(Phrase(1, 5, 20), "", "a" * 6, b"a", None, 1)
        self.accept(Phrase(0, 5, 20), "")

    def test_phraseInBytes(self) -> None:
        """A phrase can also be limited in bytes."""
        self.accept(Phrase(0, 5, 6), "\u6e05\u6e05", "abcde")
        self.refuse(Phrase(0, 5, 6), "\u6e05\u6e05a")

    def test_key(self) -> None:
        """A key is a name, and short in bytes too."""
        self.accept(Key(1, 5, 6), "abcde", "\u6e05\u6e05")
        self.refuse(Key(1, 5, 6), "", "abcdef", "\u6e05\u6e05a", " a", "a ", "\n", b"a", None)

    def test_orNone(self) -> None:
        """What may be missing is missing as null, and otherwise keeps to its bounds."""
        self.accept(OrNone(Whole(1, 3)), None, 1, 3)
        self.refuse(OrNone(Whole(1, 3)), 0, 4, False, "")

    def test_codes(self) -> None:
        """A code travels as its number; a bool is none, nor is another enumeration's."""
        field = CodeOf(LeaveReason)
        self.assertEqual(field.pack(LeaveReason.KICKED), 3)
        self.assertIs(field.unpack(3), LeaveReason.KICKED)
        for value in (3, RefusalCode.NOT_A_PARTICIPANT, None):
            with self.assertRaisesRegex(ValueError, "must be a LeaveReason"):
                field.pack(value)
        for value in (0, 4, True, "LEFT", None, LeaveReason.KICKED):
            with self.assertRaisesRegex(ValueError, "LeaveReason"):
                field.unpack(value)

    def test_tagged(self) -> None:
        """One of several kinds: its number, its fields, nothing more."""
        field = Tagged({2: Leave, 7: Say})
        self.assertEqual(field.pack(Say("x")), [7, "x"])
        self.assertEqual(field.unpack([7, "x"]), Say("x"))
        self.assertEqual(field.unpack([2]), Leave())
        for value in ([], [1], [True], ["7"], [7], [7, "x", 0], [2, 0], (2,), None, 7, {}):
            with self.assertRaises(ValueError, msg=repr(value)):
                field.unpack(value)
        for value in (None, 7, [7, "x"], LeaveReason.LEFT):
            with self.assertRaisesRegex(ValueError, "of a kind"):
                field.pack(value)
        with self.assertRaisesRegex(ValueError, "of a kind"):
            Tagged({2: Say}).pack(Leave())


class ArrayTests(SynchronousTestCase):
    """What states are put together with."""

    @settings(deadline=None)
    @given(st.lists(st.integers(0, 2**40) | st.text(max_size=3), max_size=80))
    def test_packedArray(self, items: list[object]) -> None:
        """Values that are encoded one by one make the same array as all at once."""
        whole = canonical_cbor.encode(items)
        self.assertEqual(packedArray([canonical_cbor.encode(item) for item in items]), whole)

    def test_packedArrayHeads(self) -> None:
        """The head is as short as it can be."""
        for count in (0, 1, 23, 24, 64, 255):
            whole = canonical_cbor.encode([1] * count)
            self.assertEqual(packedArray([b"\x01"] * count), whole)

    def test_requireAscending(self) -> None:
        """What is out of order, or twice there, is told by name."""
        for good in ([], [5], [1, 2, 9], ["", "a", "b"]):
            requireAscending(good, "things")  # type: ignore[arg-type]
        for bad in ([2, 1], [1, 1], [1, 3, 2], ["b", "a"]):
            with self.assertRaisesRegex(ValueError, "things must be in ascending order"):
                requireAscending(bad, "things")  # type: ignore[arg-type]
