"""Tests of L{gamenet.wire.view_messages}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.input_frames import FRAMES_LIMIT
from gamenet.wire.view_messages import VIEW_BODY_LIMIT, decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import (
    PLAYERS_LIMIT,
    ROUNDS_LIMIT,
    VIEWS_LIMIT,
    Accept,
    Accepted,
    Ballot,
    Commit,
    CommitAck,
    JoinRefusal,
    JoinRefused,
    JoinRequest,
    Leave,
    Outbid,
    Prepare,
    Promise,
    Seat,
    View,
    ViewMessage,
)

SEATING = View(7, (1, 3), (Seat(True, 0), Seat(False, 258), Seat(True, 0)))
SEATING_BYTES = "0005 0005 00000000 00000102 00000000"

GOLDEN: tuple[tuple[ViewMessage, str], ...] = (
    (Prepare(7, Ballot(2, 3), (2,), (1,)), "10 0007 00000002 03 0002 0001"),
    (
        Promise(7, Ballot(2, 3), (9, 8, 7), -1, 12),
        "11 0007 00000002 03 00 00000000 0000000c 03 00000009 00000008 00000007",
    ),
    (
        Promise(7, Ballot(2, 3), (9, 8, 7), 6, 12, True, Ballot(1, 1), SEATING),
        "11 0007 00000002 03 03 00000007 0000000c 03 00000009 00000008 00000007 00000001 01"
        + SEATING_BYTES,
    ),
    (Accept(Ballot(2, 3), SEATING), "12 0007 00000002 03 03" + SEATING_BYTES),
    (Accepted(7, Ballot(2, 3)), "13 0007 00000002 03"),
    (Commit(SEATING), "14 0007 03" + SEATING_BYTES),
    (CommitAck(0), "15 0000"),
    (Leave(0xFFFF), "16 ffff"),
    (Outbid(7, Ballot(2, 3)), "17 0007 00000002 03"),
    (
        JoinRequest(bytes(range(16)), 5, 1000),
        "18 000102030405060708090a0b0c0d0e0f 0005 000003e8 01",
    ),
    (JoinRefused(JoinRefusal.NOT_YET), "19 02"),
)

frames = st.integers(0, FRAMES_LIMIT)
numbers = st.integers(1, VIEWS_LIMIT - 1)
ballots = st.builds(Ballot, st.integers(1, ROUNDS_LIMIT - 1), st.integers(1, PLAYERS_LIMIT))


@st.composite
def views(draw: st.DrawFn, players: int = 0, number: int = 0) -> View:
    """Draw a view of so many players, 0 for any."""
    players = players or draw(st.integers(1, PLAYERS_LIMIT))
    taken = draw(st.sets(st.integers(1, players), min_size=1))
    members = draw(st.sets(st.sampled_from(sorted(taken)), min_size=1))
    seats = tuple(Seat(player in taken, draw(frames)) for player in range(1, players + 1))
    return View(number or draw(numbers), tuple(sorted(members)), seats)


@st.composite
def prepares(draw: st.DrawFn) -> Prepare:
    """Draw a PREPARE."""
    peers = draw(st.lists(st.integers(1, PLAYERS_LIMIT), unique=True))
    cut = draw(st.integers(0, len(peers)))
    suspects, leavers = tuple(sorted(peers[:cut])), tuple(sorted(peers[cut:]))
    return Prepare(draw(numbers), draw(ballots), suspects, leavers)


@st.composite
def promises(draw: st.DrawFn) -> Promise:
    """Draw a PROMISE, with or without something accepted."""
    number = draw(numbers)
    floors = draw(st.lists(frames, min_size=1, max_size=PLAYERS_LIMIT).map(tuple))
    ballot, view = None, None
    if draw(st.booleans()):
        ballot, view = draw(ballots), draw(views(len(floors), number))
    confirmed = draw(st.integers(-1, FRAMES_LIMIT - 1))
    leaving = draw(st.booleans())
    return Promise(number, draw(ballots), floors, confirmed, draw(frames), leaving, ballot, view)


messages = st.one_of(
    prepares(),
    promises(),
    st.builds(Accept, ballots, views()),
    st.builds(Accepted, numbers, ballots),
    st.builds(Commit, views()),
    st.builds(CommitAck, st.integers(0, VIEWS_LIMIT - 1)),
    st.builds(Leave, st.integers(0, VIEWS_LIMIT - 1)),
    st.builds(Outbid, numbers, ballots),
    st.builds(
        JoinRequest,
        st.binary(min_size=16, max_size=16),
        st.integers(0, VIEWS_LIMIT - 1),
        frames,
        st.booleans(),
    ),
    st.builds(JoinRefused, st.sampled_from(JoinRefusal)),
)


class ViewMessageTests(SynchronousTestCase):
    """The layouts, and what is none of them."""

    def test_golden(self) -> None:
        """The bytes of each message, both ways."""
        for message, text in GOLDEN:
            self.assertEqual(encodeViewMessage(message), bytes.fromhex(text))
            self.assertEqual(decodeViewMessage(bytes.fromhex(text)), message)

    def test_cutOffAndTooLong(self) -> None:
        """ "Bad input", wrong lengths: each prefix and each extension of each message."""
        for _, text in GOLDEN:
            body = bytes.fromhex(text)
            for length in range(len(body)):
                self.assertRaises(MalformedMessage, decodeViewMessage, body[:length])
            self.assertRaises(MalformedMessage, decodeViewMessage, body + b"\0")

    @given(messages)
    @settings(deadline=None, max_examples=200)
    def test_roundTrip(self, message: ViewMessage) -> None:
        """What goes in comes out, within the limit."""
        body = encodeViewMessage(message)
        self.assertLessEqual(len(body), VIEW_BODY_LIMIT)
        self.assertEqual(decodeViewMessage(body), message)

    @given(
        st.one_of(
            st.binary(max_size=200),
            st.builds(
                lambda kind, rest: bytes([kind]) + rest,
                st.integers(0x10, 0x19),
                st.binary(max_size=40),
            ),
        )
    )
    @settings(deadline=None, max_examples=300)
    def test_everyByteString(self, body: bytes) -> None:
        """ "Bad input": every byte string is one message and that one's bytes, or malformed."""
        try:
            message = decodeViewMessage(body)
        except MalformedMessage:
            return
        self.assertEqual(encodeViewMessage(message), body)

    @given(messages, st.data())
    @settings(deadline=None, max_examples=200)
    def test_changedByte(self, message: ViewMessage, data: st.DataObject) -> None:
        """A byte changed is another message or none."""
        body = bytearray(encodeViewMessage(message))
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
        try:
            other = decodeViewMessage(bytes(body))
        except MalformedMessage:
            return
        self.assertNotEqual(other, message)
        self.assertEqual(encodeViewMessage(other), body)

    def test_longest(self) -> None:
        """The longest message has exactly the length of the limit; a longer body is refused."""
        view = View(1, tuple(range(1, 17)), (Seat(True, FRAMES_LIMIT),) * 16)
        longest = Promise(
            1, Ballot(2, 1), (FRAMES_LIMIT,) * 16, FRAMES_LIMIT - 1, FRAMES_LIMIT, True,
            Ballot(1, 1), view,
        )  # fmt: skip
        self.assertEqual(len(encodeViewMessage(longest)), VIEW_BODY_LIMIT)
        self.assertRaises(MalformedMessage, decodeViewMessage, b"\x11" * (VIEW_BODY_LIMIT + 1))

    def test_unknown(self) -> None:
        """No other first byte is a message."""
        for kind in [*range(0x10), *range(0x1A, 0x100)]:
            self.assertRaises(UnknownMessage, decodeViewMessage, bytes([kind, 0, 1]))
        self.assertRaises(MalformedMessage, decodeViewMessage, b"")

    def test_malformed(self) -> None:
        """ "Bad input": numbers out of bounds, each by itself."""
        for text in (
            "10 0000 00000001 01 0000 0000",  # view 0 is not decided
            "10 0001 00000000 01 0000 0000",  # round 0
            "10 0001 80000000 01 0000 0000",  # a round too high
            "10 0001 00000001 00 0000 0000",  # peer 0
            "10 0001 00000001 11 0000 0000",  # peer 17
            "10 0001 00000001 01 0002 0002",  # suspected and leaving
            "11 0001 00000001 01 04 00000000 00000000 01 00000000",  # flags
            "11 0000 00000001 01 00 00000000 00000000 01 00000000",
            "11 0001 00000001 01 00 80000001 00000000 01 00000000",
            "11 0001 00000001 01 00 00000000 80000001 01 00000000",
            "11 0001 00000001 01 00 00000000 00000000 01 80000001",
            "11 0001 00000001 01 00 00000000 00000000 00",  # no players
            "11 0001 00000001 01 00 00000000 00000000 11" + "00000000" * 17,
            "12 0000 00000001 01 01 0001 0001 00000000",
            "13 0000 00000001 01",
            "14 0000 01 0001 0001 00000000",
            "14 0001 00 0001 0001",
            "14 0001 01 0000 0001 00000000",  # no members
            "14 0001 01 0001 0000 00000000",  # a member without a seat
            "14 0001 01 0001 0003 00000000",  # a seat that does not exist
            "14 0001 01 0003 0003 00000000",
            "14 0001 01 0001 0001 80000001",
            "17 0000 00000001 01",
            "18" + "00" * 16 + "0000 80000001",
            "19 05",
        ):
            self.assertRaises(MalformedMessage, decodeViewMessage, bytes.fromhex(text))

    def test_cannotBePacked(self) -> None:
        """What would not come out as it went in is our own mistake."""
        for message in (
            CommitAck(VIEWS_LIMIT),
            Accepted(1, Ballot(ROUNDS_LIMIT, 1)),
            Prepare(1, Ballot(1, 1), (2, 1), ()),
            Prepare(1, Ballot(1, 1), (17,), ()),
            Prepare(1, Ballot(1, 1), (0,), ()),
            Promise(1, Ballot(1, 1), (1 << 40,), 0, 0),
            Promise(1, Ballot(1, 1), (-1,), 0, 0),
            Promise(1, Ballot(1, 1), (0,), 0, 0, False, Ballot(1, 1), None),
            JoinRequest(b"short", 0, 0),
            JoinRequest(b"much too long for it", 0, 0),
            Commit(View(1, (), (Seat(True, 0),))),
        ):
            self.assertRaises(LocalProtocolError, encodeViewMessage, message)
