"""
The ids of sessions as people pass them on.
"""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, GamenetError, InvalidSessionId
from gamenet.wire import lobby_fields
from gamenet.wire.session_id import SessionId


class SessionIdTests(SynchronousTestCase):
    """What must exist: C{SessionId} whose text form C{SessionId.parse} reads back."""

    def test_text(self) -> None:
        """Four groups of four digits; the digits alone are what the lobby takes."""
        session_id = SessionId("0123456789abcdef")
        self.assertEqual(str(session_id), "0123-4567-89ab-cdef")
        self.assertEqual(lobby_fields.SessionId().unpack(session_id.digits), "0123456789abcdef")

    @settings(deadline=None, max_examples=100)
    @given(st.binary(min_size=8, max_size=8).map(bytes.hex))
    def test_readBack(self, digits: str) -> None:
        """Every id is read back from its text, and from its digits; equal ids are equal."""
        session_id = SessionId(digits)
        self.assertEqual(SessionId.parse(str(session_id)), session_id)
        self.assertEqual(SessionId.parse(digits), session_id)
        self.assertEqual(SessionId.parse(str(session_id)).digits, digits)
        self.assertEqual({session_id}, {SessionId.parse(digits)})

    def test_anythingElse(self) -> None:
        """Anything else is L{InvalidSessionId}, and says what to check."""
        strangers: tuple[Any, ...] = (
            "", " ", "0" * 15, "0" * 17, "0123456789ABCDEF", "0123-4567-89AB-CDEF", "g" * 16,
            "01234567-89abcdef", "0123-4567-89ab-cdef-", "-0123-4567-89ab-cdef",
            "0123_4567_89ab_cdef", "0123 4567 89ab cdef", " 0123456789abcdef",
            "0123456789abcdef\n", "0123-4567-89ab-cdef\n", "\u0660" * 16,
            "012-34567-89ab-cdef", "0x23456789abcdef", b"0123456789abcdef", None, 0,
            ["0" * 16], SessionId("0" * 16),
        )
        for text in strangers:
            error = self.assertRaises(InvalidSessionId, SessionId.parse, text)
            self.assertIn("16 digits 0-9 and a-f in lower case", str(error))
            self.assertIn("check that all of it was copied", str(error))
            self.assertTrue(str(error).isascii())

    def test_made(self) -> None:
        """None is made of anything but digits, and none is changed."""
        strangers: tuple[Any, ...] = ("", "0123-4567-89ab-cdef", "0" * 17, b"0" * 16, None)
        for text in strangers:
            self.assertRaises(InvalidSessionId, SessionId, text)
        with self.assertRaises(attrs.exceptions.FrozenInstanceError):
            SessionId("0" * 16).digits = "1" * 16  # type: ignore[misc]

    def test_named(self) -> None:
        """The error is one of gamenet's, and a bad setting; a long text is quoted in part."""
        self.assertTrue(issubclass(InvalidSessionId, GamenetError))
        self.assertTrue(issubclass(InvalidSessionId, BadSetting))
        error = self.assertRaises(InvalidSessionId, SessionId.parse, "x" * 10_000)
        self.assertIn(f"'{'x' * 40}'... is not", str(error))
        self.assertLess(len(str(error)), 300)
        error = self.assertRaises(InvalidSessionId, SessionId.parse, "x" * 40)
        self.assertIn(f"'{'x' * 40}' is not", str(error))
        error = self.assertRaises(InvalidSessionId, SessionId.parse, None)  # type: ignore[arg-type]
        self.assertTrue(str(error).startswith("a NoneType is not"))

    @settings(deadline=None, max_examples=200)
    @given(st.text() | st.from_regex(r"[0-9a-fA-F-]{14,20}", fullmatch=True))
    def test_anyText(self, text: str) -> None:
        """Any text is an id that reads back as itself, or L{InvalidSessionId}."""
        try:
            session_id = SessionId.parse(text)
        except InvalidSessionId:
            return
        self.assertIn(text, (str(session_id), session_id.digits))
