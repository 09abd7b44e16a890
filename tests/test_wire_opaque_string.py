"""Typed names and passwords: the OpaqueString profile of RFC 8265."""

from __future__ import annotations

from unicodedata import category, is_normalized

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.wire.opaque_string import opaqueString


class OpaqueStringTests(SynchronousTestCase):
    """"Credentials": what operators and players type (RFC 8489, section 9.2.2)."""

    def test_examples(self) -> None:
        """RFC 8265, section 4.3: legal passwords, and what becomes of them."""
        for text, prepared in (
            ("correct horse battery staple", "correct horse battery staple"),
            ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
            ("\u03c0\u00df\u00e5", "\u03c0\u00df\u00e5"),
            ("Jack of \u2666s", "Jack of \u2666s"),
            ("foo\u1680bar", "foo bar"),
        ):
            self.assertEqual(opaqueString(text), prepared)

    def test_refusedExamples(self) -> None:
        """RFC 8265, section 4.3: a zero-length password, and one with a control character."""
        for text in ("", "my cat is a \x09by"):
            self.assertRaises(BadSetting, opaqueString, text)

    def test_prepared(self) -> None:
        """Spaces are one, letters composed; width, case and compatibility stay."""
        for text, prepared in (
            ("a\u00a0b\u3000c\u2003d\u202fe", "a b c d e"),
            (" ", " "),
            ("\u00a0", " "),
            ("e\u0301", "\u00e9"),
            ("\u1112\u1161\u11ab", "\ud55c"),
            ("\u212b", "\u00c5"),
            ("\uff21", "\uff21"),
            ("\u2168", "\u2168"),
            ("\u30de\u30c8\u30ea\u30c3\u30af\u30b9", "\u30de\u30c8\u30ea\u30c3\u30af\u30b9"),
            ("\U0001f3ae", "\U0001f3ae"),
            ("~!\"':;%s", "~!\"':;%s"),
        ):
            self.assertEqual(opaqueString(text), prepared)

    def test_refused(self) -> None:
        """Control, format, private, unassigned, old Hangul and unseen characters."""
        for point in (
            0x00, 0x0A, 0x1F, 0x7F, 0x85, 0xAD, 0x034F, 0x1100, 0x115F, 0x11FF, 0x17B4,
            0x17B5, 0x180B, 0x180F, 0x200B, 0x200D, 0x202E, 0x2028, 0x2029, 0x3164, 0xA960,
            0xA97C, 0xD7B0, 0xD7FB, 0xD800, 0xDFFF, 0xE000, 0xFDD0, 0xFE00, 0xFE0F, 0xFEFF,
            0xFFA0, 0xFFFE, 0x0378, 0xE0100, 0xE01EF, 0xF0000, 0x10FFFF,
        ):
            self.assertRaises(BadSetting, opaqueString, f"a{chr(point)}b")

    def test_neighbors(self) -> None:
        """What stands beside the refused ranges is allowed."""
        for point in (
            0x20, 0x7E, 0xA1, 0x034E, 0x0350, 0x10FF, 0x1200, 0x17B3, 0x17B6, 0x180A,
            0x1810, 0x3163, 0x3165, 0xA95F, 0xFE10, 0xFF9F, 0xFFA1,
        ):
            self.assertEqual(opaqueString(chr(point)), chr(point), hex(point))

    def test_nothingIsQuoted(self) -> None:
        """No credential in any error: what is refused is not repeated."""
        error = self.assertRaises(BadSetting, opaqueString, "hunter2\0")
        self.assertNotIn("hunter2", str(error))

    @given(st.text(max_size=20))
    @settings(deadline=None, max_examples=200)
    def test_anyText(self, text: str) -> None:
        """Any text is prepared or refused by name, and stays as it was prepared."""
        try:
            prepared = opaqueString(text)
        except BadSetting:
            return
        self.assertEqual(opaqueString(prepared), prepared)
        self.assertTrue(is_normalized("NFC", prepared))
        for character in prepared:
            self.assertTrue(category(character) != "Zs" or character == " ")
