"""
Versions of the lobby's protocol: what appended fields do to old and new readers.
"""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_messages import (
    ANSWERS,
    REQUESTS,
    Answer,
    MatchTicket,
    SessionList,
    SessionSummary,
    decodeAnswer,
    decodeRequest,
    encodeMessage,
)
from gamenet.wire.lobby_versions import shapedFor
from tests.golden.samples_of_version_1 import LOBBY_MESSAGES as OF_VERSION_1
from tests.golden.samples_of_version_2 import LOBBY_MESSAGES as OF_VERSION_2
from tests.wire_strategies import rows

#: How many elements version 1 has in the arrays that were appended to, the number counted.
LENGTHS_OF_VERSION_1 = {71: 6}


class ShapeTests(SynchronousTestCase):
    """L{shapedFor}."""

    def test_golden(self) -> None:
        """
        What version 2 says of a start becomes the golden bytes of version 1 for who speaks
        that: a client of the old shape reads every byte it is sent.
        """
        ticket: Any = OF_VERSION_1["MatchTicket"]
        newest = attrs.evolve(ticket, capacity=16, late=False)
        self.assertEqual(shapedFor(newest, 1), ticket)
        self.assertIs(shapedFor(newest, 2), newest)
        listing: Any = OF_VERSION_1["SessionList"]
        lines = tuple(attrs.evolve(s, said_joinable=not s.full) for s in listing.sessions)
        newest = attrs.evolve(listing, sessions=lines)
        self.assertNotEqual(encodeMessage(newest), encodeMessage(listing))
        self.assertEqual(shapedFor(newest, 1), listing)

    def test_pushesOfVersion2(self) -> None:
        """Who speaks version 1 is not sent what that has not."""
        for name in ("PlayerJoined", "PlayerLeft"):
            message: Any = OF_VERSION_2[name]
            self.assertIsNone(shapedFor(message, 1))
            self.assertIs(shapedFor(message, 2), message)

    @settings(deadline=None, max_examples=200)
    @given(st.one_of(*map(rows, ANSWERS.values())))
    def test_nothingNewForTheOld(self, message: Answer) -> None:
        """Of any message that can be sent, the shape for version 1 can be sent and is of it."""
        if isinstance(message, MatchTicket) and message.late:
            return
        shaped = shapedFor(message, 1)
        if shaped is None:
            self.assertGreater(message.number, 75)
            return
        self.assertLessEqual(message.number, 75)
        array: Any = canonical_cbor.decode(encodeMessage(shaped))
        layout = ANSWERS[message.number].layout
        length = LENGTHS_OF_VERSION_1.get(message.number, 1 + len(layout))
        self.assertEqual(len(array), length)
        if isinstance(shaped, SessionList):
            self.assertEqual({len(line) for line in array[2]} - {7}, set())
        self.assertEqual(decodeAnswer(encodeMessage(shaped)), shaped)

    def test_numbersOfVersion1(self) -> None:
        """Which messages each version has."""
        old = {message.number for message in OF_VERSION_1.values()}
        self.assertEqual(set(REQUESTS | ANSWERS) - old, {11, 12, 76, 77})


class AppendedTests(SynchronousTestCase):
    """All of what was appended travels, or none of it."""

    def test_ticket(self) -> None:
        """A ticket of version 1 is read, and says neither seats nor lateness; a half is bad."""
        late: Any = canonical_cbor.decode(encodeMessage(OF_VERSION_2["MatchTicket"]))
        self.assertEqual(len(late), 8)
        read: Any = decodeAnswer(canonical_cbor.encode(late[:6]))
        self.assertEqual((read.capacity, read.late), (0, False))
        self.assertRaises(MalformedMessage, decodeAnswer, canonical_cbor.encode(late[:7]))
        self.assertRaises(MalformedMessage, decodeAnswer, canonical_cbor.encode([*late, 0]))
        late[6] = 0
        self.assertRaises(MalformedMessage, decodeAnswer, canonical_cbor.encode(late))

    def test_ticketOfManySeats(self) -> None:
        """The seats and the lateness have their bounds and types."""
        good: Any = canonical_cbor.decode(encodeMessage(OF_VERSION_2["MatchTicket.late"]))
        for place, bad in ((6, 33), (6, True), (6, None), (7, 0), (7, None), (7, "late")):
            array = [*good]
            array[place] = bad
            self.assertRaises(MalformedMessage, decodeAnswer, canonical_cbor.encode(array))

    def test_severalPlayers(self) -> None:
        """Several at one client travel in a field that one does not have; its bounds."""
        for name, place, highest in (
            ("CreateSession.several", 5, 255),
            ("CreateSession.too_many", 5, 255),
            ("JoinSession.several", 3, 255),
        ):
            several: Any = canonical_cbor.decode(encodeMessage(OF_VERSION_2[name]))
            self.assertEqual(len(several), place + 1)
            alone: Any = decodeRequest(canonical_cbor.encode(several[:place]))
            self.assertEqual(alone, attrs.evolve(OF_VERSION_2[name], players=1))
            self.assertEqual(encodeMessage(alone), canonical_cbor.encode(several[:place]))
            for bad in (0, 1, highest + 1, -1, True, None, "2"):
                array = canonical_cbor.encode([*several[:place], bad])
                self.assertRaises(MalformedMessage, decodeRequest, array)
        joined: Any = canonical_cbor.decode(encodeMessage(OF_VERSION_2["PlayerJoined.several"]))
        state: Any = canonical_cbor.decode(encodeMessage(OF_VERSION_2["SessionState.several"]))
        for message, row, place in ((joined, joined[2], 6), (state, state[2][5][0], 3)):
            for bad in (0, 1, 5, True, None):
                row[place] = bad
                array = canonical_cbor.encode(message)
                self.assertRaises(MalformedMessage, decodeAnswer, array)

    def test_joinable(self) -> None:
        """What the lobby says counts; where it does not say, an open session with a free seat."""
        line = SessionSummary("0" * 16, "Title", "Ada", 2, 3, 1, "open")
        self.assertTrue(line.joinable)
        self.assertFalse(attrs.evolve(line, members=3).joinable)
        playing = attrs.evolve(line, state="playing")
        self.assertFalse(playing.joinable)
        self.assertTrue(attrs.evolve(playing, said_joinable=True).joinable)
        self.assertFalse(attrs.evolve(line, said_joinable=False).joinable)
