"""
The kinds of field that lobby messages are made of, names among them.
"""

from __future__ import annotations

import unicodedata

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire.lobby_fields import (
    Flag,
    ListOf,
    LooseText,
    Octets,
    OneOf,
    RowOf,
    SessionId,
    SomeOctets,
    Text,
    TransportAddress,
    Whole,
    nameProblem,
    packRow,
    unpackRow,
)
from gamenet.wire.lobby_messages import (
    Candidate,
    OfferCandidates,
    RefusalCode,
    Refused,
    SessionMember,
    TicketMember,
)
from tests.wire_strategies import names


class FieldTests(SynchronousTestCase):
    """Fields by themselves, where a message does not show everything."""

    def test_packAndUnpackAgree(self) -> None:
        """What travels as it is gets the same check when it leaves as when it arrives."""
        for field, good, bad in (
            (Whole(2, 3), 3, 4),
            (Flag(), True, 1),
            (Octets(2), b"ab", b"a"),
            (SomeOctets(1, 2), b"a", b""),
            (SomeOctets(1, 2), b"ab", b"abc"),
            (SomeOctets(0, 2), b"", "ab"),
            (LooseText(2), "\n", "abc"),
            (Text(1, 2), "a", ""),
            (OneOf(("a", "b")), "b", "c"),
            (SessionId(), "0" * 16, "0"),
        ):
            self.assertIs(field.pack(good), good)
            self.assertIs(field.unpack(good), good)
            self.assertRaises(ValueError, field.pack, bad)
            self.assertRaises(ValueError, field.unpack, bad)

    def test_everyForbiddenCharacter(self) -> None:
        """Control, format, surrogate, private and separator characters are no part of a text."""
        text = Text(0, 3)
        for number in (*range(0x3000), 0xD800, 0xDFFF, 0xE000, 0xFEFF, 0xE0001, 0x100000):
            character = chr(number)
            category = unicodedata.category(character)
            forbidden = category in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
            try:
                text.unpack(f"a{character}b")
            except ValueError as error:
                self.assertTrue(forbidden, hex(number))
                self.assertIn(f"U+{number:04X}", str(error))
            else:
                self.assertFalse(forbidden, hex(number))

    def test_unassignedCharacters(self) -> None:
        """
        What is not assigned in this Python's Unicode arrives all the same (a
        younger lobby may know it), but cannot be chosen as a name.
        """
        self.assertEqual(unicodedata.category("\ufdd0"), "Cn")
        self.assertEqual(Text(1, 3).unpack("a\ufdd0"), "a\ufdd0")
        self.assertEqual(nameProblem("a\ufdd0", 3), "must not hold the character U+FDD0")

    def test_errorsDoNotQuote(self) -> None:
        """What the peer sent is not in the text of an error, however long it was."""
        for field in (Whole(1, 2), Octets(3), Text(1, 5), OneOf(("a",)), TransportAddress()):
            error = self.assertRaises(ValueError, field.unpack, "SECRET" * 1000)
            self.assertNotIn("SECRET", str(error))
            self.assertLess(len(str(error)), 100)


class NameTests(SynchronousTestCase):
    """Bad input: a name that is empty, too long or full of control characters."""

    def test_goodNames(self) -> None:
        """Letters of any script, digits, signs, pictures, spaces inside."""
        for name in ("A", "x" * 32, "Žofie", "太郎", "Ada 2", "a'b\"c<d>&", "\U0001f3ae", "!"):
            self.assertIsNone(nameProblem(name, 32), name)

    def test_badNames(self) -> None:
        """Each bad name has a reason of its own."""
        for name, reason in (
            ("", "must be a text of 1 to 32 characters"),
            ("x" * 33, "must be a text of 1 to 32 characters"),
            (" x", "must not begin or end with a space"),
            ("x\u00a0", "must not begin or end with a space"),
            ("\x00\x01", "must not hold the character U+0000"),
            ("a\u202ex", "must not hold the character U+202E"),
            ("a\ufeff", "must not hold the character U+FEFF"),
            ("a\ud800", "must not hold the character U+D800"),
            ("e\u0301", "must be in Unicode's normal form C"),
            ("\u212b", "must be in Unicode's normal form C"),
        ):
            self.assertEqual(nameProblem(name, 32), reason)

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=40))
    def test_goodNamesTravel(self, name: str) -> None:
        """What a lobby lets pass as a name, its clients accept in a list."""
        if nameProblem(name, 32) is None:
            self.assertEqual(Text(1, 32).unpack(name), name)

    @settings(deadline=None, max_examples=100)
    @given(names(1, 32))
    def test_mostNamesAreGood(self, name: str) -> None:
        """Assigned characters in normal form C make good names."""
        self.assertIsNone(nameProblem(name, 32))


class ComposedFieldTests(SynchronousTestCase):
    """Fields with fields inside."""

    def test_refusalCodes(self) -> None:
        """A refusal's code is a known one, and a RefusalCode here."""
        for code in RefusalCode:
            wire = packRow(Refused(1, code, ""))
            self.assertEqual(wire, [1, code.value, ""])
            self.assertIs(type(wire[1]), int)
            self.assertIs(unpackRow(Refused, wire).code, code)
        for bad in (0, 20, -1, True, "1", None):
            self.assertRaises(ValueError, unpackRow, Refused, [1, bad, ""])
        for bad in (1, 99, None, "MALFORMED"):
            self.assertRaises(ValueError, packRow, Refused(1, bad, ""))  # type: ignore[arg-type]

    def test_rows(self) -> None:
        """A value within a message is of the right class."""
        field = RowOf(Candidate)
        good = Candidate("host", ("192.0.2.1", 5000))
        self.assertEqual(field.pack(good), ["host", ["192.0.2.1", 5000]])
        self.assertEqual(field.unpack(["host", ["192.0.2.1", 5000]]), good)
        for bad in (None, ("host", ("192.0.2.1", 5000)), SessionMember(bytes(8), "Ada", True)):
            self.assertIn(
                "must be a Candidate", str(self.assertRaises(ValueError, field.pack, bad))
            )

    def test_lists(self) -> None:
        """A list is a tuple here, an array there, within its bounds, without twins."""
        field = ListOf(Whole(0, 9), 1, 3, identity=lambda number: number % 5)
        self.assertEqual(field.pack((1, 2, 3)), [1, 2, 3])
        self.assertEqual(field.unpack([1, 2, 3]), (1, 2, 3))
        self.assertEqual(field.unpack([7]), (7,))
        for bad in ((), (1, 2, 3, 4), (1, 1), (1, 6), (1, 10)):
            self.assertRaises(ValueError, field.pack, bad)
            self.assertRaises(ValueError, field.unpack, list(bad))
        for bad_type in (None, "12", {1: 2}):
            self.assertRaises(ValueError, field.pack, bad_type)
            self.assertRaises(ValueError, field.unpack, bad_type)
        self.assertRaises(ValueError, field.pack, [1])
        self.assertRaises(ValueError, field.unpack, (1,))
        self.assertEqual(ListOf(Whole(0, 9), 0, 2).pack((1, 1)), [1, 1])

    def test_candidates(self) -> None:
        """A player offers at most 15 candidates, none twice; tickets hold one more."""
        many = tuple(Candidate("host", ("192.0.2.1", port)) for port in range(1, 18))
        self.assertEqual(len(packRow(OfferCandidates(1, many[:15]))[1]), 15)  # type: ignore[arg-type]
        self.assertRaises(ValueError, packRow, OfferCandidates(1, many[:16]))
        member = TicketMember(1, bytes(8), "Ada", bytes(32), bytes(32), many[:16])
        self.assertEqual(unpackRow(TicketMember, packRow(member)), member)
        self.assertRaises(ValueError, packRow, attrs.evolve(member, candidates=many))
        twice = OfferCandidates(1, (many[0], many[1], many[0]))
        self.assertRaises(ValueError, packRow, twice)
        kinds = OfferCandidates(1, (many[0], Candidate("relayed", many[0].address)))
        self.assertEqual(unpackRow(OfferCandidates, packRow(kinds)), kinds)

    def test_nestedErrorsNameThePlace(self) -> None:
        """An error deep inside says where it is."""
        bad = OfferCandidates(1, (Candidate("host", ("192.0.2.1", 0)),))
        error = self.assertRaises(ValueError, packRow, bad)
        self.assertEqual(
            str(error),
            "OfferCandidates.candidates: Candidate.address: "
            "the port must be an integer from 1 to 65535",
        )
