"""
Lobby messages as bytes: who decodes what, what is refused, and with which error.
"""

from __future__ import annotations

from typing import Any, get_args

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import FrameTooLong, LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire import canonical_cbor
from gamenet.wire.framing import FRAME_LIMIT
from gamenet.wire.lobby_messages import (
    ANSWERS,
    CANDIDATES_LIMIT,
    EPOCH_LIMIT,
    LISTED_LIMIT,
    LOBBY_VERSION,
    LOOSE_LIMIT,
    LOWEST_VERSION,
    NAME_LIMIT,
    OFFERED_LIMIT,
    PLAYERS_LIMIT,
    PROTOCOL_VERSION,
    REASON_LIMIT,
    REQUESTS,
    RESULT_LIMIT,
    TITLE_LIMIT,
    Answer,
    Candidate,
    CandidatesChanged,
    CreateSession,
    Hello,
    MatchTicket,
    Message,
    OfferCandidates,
    OfferResult,
    PlayerJoined,
    RefusalCode,
    Refused,
    ReportHost,
    Request,
    ResultSignature,
    SessionList,
    SessionMember,
    SessionState,
    SessionSummary,
    SessionView,
    StartMatch,
    StreamHeartbeat,
    TicketMember,
    agreedVersion,
    decodeAnswer,
    decodeRequest,
    encodeMessage,
    requestNumber,
)
from tests.golden.samples_of_version_1 import LOBBY_MESSAGES
from tests.wire_strategies import damaged, rows

_requests = st.one_of(*map(rows, REQUESTS.values()))
_answers = st.one_of(*map(rows, ANSWERS.values()))
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary() | st.text("ab"),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=12,
)
_arrays = st.builds(
    lambda number, fields: canonical_cbor.encode([number, *fields]),
    st.sampled_from([*REQUESTS, *ANSWERS]),
    st.lists(_values.filter(lambda value: not isinstance(value, list)), max_size=8),
)


def _raw(*array: object) -> bytes:
    """Return the bytes of an array."""
    return canonical_cbor.encode(array)


class RegistryTests(SynchronousTestCase):
    """Every message has a number and a direction."""

    def test_registriesAreComplete(self) -> None:
        """Every message of a direction's type is in that direction's table, and no other."""
        self.assertEqual(set(get_args(Request)), set(REQUESTS.values()))
        self.assertEqual(set(get_args(Answer)), set(ANSWERS.values()))
        for number, message_type in (REQUESTS | ANSWERS).items():
            self.assertEqual(message_type.number, number)
        self.assertEqual(len(REQUESTS | ANSWERS), len(REQUESTS) + len(ANSWERS))

    def test_messagesAreFrozen(self) -> None:
        """Nobody changes a message behind another's back."""
        for message in LOBBY_MESSAGES.values():
            name = attrs.fields(type(message))[0].name
            self.assertRaises(attrs.exceptions.FrozenInstanceError, setattr, message, name, 1)
            hash(message)

    def test_versions(self) -> None:
        """A lobby speaks the newest version that both do, or none."""
        self.assertEqual((LOWEST_VERSION, LOBBY_VERSION, PROTOCOL_VERSION), (1, 2, 1))
        self.assertEqual(agreedVersion(1, 1), 1)
        self.assertEqual(agreedVersion(1, 2), 2)
        self.assertEqual(agreedVersion(1, 9), 2)
        self.assertEqual(agreedVersion(2, 9), 2)
        self.assertIsNone(agreedVersion(3, 9))
        self.assertIsNone(agreedVersion(0, 0))


class RoundTripTests(SynchronousTestCase):
    """What is sent arrives."""

    @settings(deadline=None, max_examples=200)
    @given(_requests)
    def test_requests(self, message: Request) -> None:
        """Every request arrives equal at the lobby, and is no answer."""
        data = encodeMessage(message)
        self.assertEqual(decodeRequest(data), message)
        self.assertEqual(encodeMessage(decodeRequest(data)), data)
        self.assertRaises(UnknownMessage, decodeAnswer, data)

    @settings(deadline=None, max_examples=200)
    @given(_answers)
    def test_answers(self, message: Answer) -> None:
        """Every answer arrives equal at the client, and is no request."""
        data = encodeMessage(message)
        self.assertEqual(decodeAnswer(data), message)
        self.assertEqual(encodeMessage(decodeAnswer(data)), data)
        self.assertRaises(UnknownMessage, decodeRequest, data)

    def test_largest(self) -> None:
        """The largest message of every kind that can grow fits a frame."""
        name, title = "\U0001f3ae" * NAME_LIMIT, "\U0001f3ae" * TITLE_LIMIT
        host = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"
        candidates = tuple(
            Candidate("server_reflexive", (host, 65_535 - place))
            for place in range(CANDIDATES_LIMIT)
        )
        players = [bytes([255, player]) * 4 for player in range(PLAYERS_LIMIT)]
        largest: list[Message] = [
            Hello(2**32 - 1, 1, 65_535, "\U0001f3ae" * LOOSE_LIMIT, bytes(32), bytes(32)),
            CreateSession(2**32 - 1, "\U0001f3ae" * LOOSE_LIMIT, 2**32 - 1, 2**32 - 1),
            OfferCandidates(2**32 - 1, candidates[:OFFERED_LIMIT]),
            Refused(2**32 - 1, RefusalCode.MALFORMED, "\U0001f3ae" * REASON_LIMIT),
            SessionList(
                2**32 - 1,
                tuple(
                    SessionSummary(f"{place:016x}", title, name, 32, 32, 32, "playing", False)
                    for place in range(LISTED_LIMIT)
                ),
                2**32 - 1,
            ),
            SessionState(
                2**32 - 1,
                SessionView(
                    "f" * 16,
                    title,
                    32,
                    32,
                    "playing",
                    tuple(
                        SessionMember(client_id, name, place == 0)
                        for place, client_id in enumerate(players)
                    ),
                ),
            ),
            MatchTicket(
                bytes(16),
                "f" * 16,
                32,
                2**64 - 1,
                tuple(
                    TicketMember(place + 1, client_id, name, bytes(32), bytes(32), candidates)
                    for place, client_id in enumerate(players)
                ),
                32,
                True,
            ),
            CandidatesChanged(bytes(16), 32, candidates),
            PlayerJoined(
                bytes(16), TicketMember(32, bytes(8), name, bytes(32), bytes(32), candidates)
            ),
            OfferResult(
                2**32 - 1,
                bytes(16),
                bytes(RESULT_LIMIT),
                tuple(ResultSignature(player, bytes(64)) for player in range(1, 33)),
            ),
            ReportHost(2**32 - 1, bytes(16), EPOCH_LIMIT, 32, tuple(range(1, 33))),
        ]
        for message in largest:
            data = encodeMessage(message)
            self.assertLessEqual(len(data), FRAME_LIMIT, type(message).__name__)
            decode = decodeRequest if message.number in REQUESTS else decodeAnswer
            self.assertEqual(decode(data), message)


class RefusalTests(SynchronousTestCase):
    """Bad input, by the error that it gets."""

    def test_unknownNumbers(self) -> None:
        """Bad input, unknown message numbers: an error of their own, with the number."""
        for number in (0, 13, 63, 78, 255, 2**64 - 1, -1):
            for decode in (decodeRequest, decodeAnswer):
                error = self.assertRaises(UnknownMessage, decode, _raw(number, 1))
                self.assertIn(f"the number {number} ", str(error))
        self.assertRaises(UnknownMessage, decodeRequest, _raw(64, 1))
        self.assertRaises(UnknownMessage, decodeAnswer, _raw(1, 1))

    def test_noMessages(self) -> None:
        """Canonical CBOR that is not an array with a number first is malformed, not unknown."""
        for value in (None, 1, "x", b"x", {}, {"k": 1}, [], [None], ["1"], [True, 1], [[2], 1]):
            for decode in (decodeRequest, decodeAnswer):
                error = self.assertRaises(MalformedMessage, decode, canonical_cbor.encode(value))
                self.assertNotIsInstance(error, UnknownMessage)

    def test_notCanonical(self) -> None:
        """A message in another form than the one form is malformed."""
        self.assertEqual(decodeRequest(b"\x82\x06\x01"), StartMatch(1))
        for digits in ("", "8206", "82060100", "82061801", "9f0601ff"):
            self.assertRaises(MalformedMessage, decodeRequest, bytes.fromhex(digits))

    def test_tooLong(self) -> None:
        """More bytes than a frame may hold are no message, whatever they are."""
        data = canonical_cbor.encode([9, bytes(FRAME_LIMIT)])
        error = self.assertRaises(MalformedMessage, decodeRequest, data)
        self.assertIn("above the limit", str(error))
        self.assertNotIsInstance(error, FrameTooLong)
        fitting = canonical_cbor.encode([9, bytes(FRAME_LIMIT - 5)])
        self.assertEqual(len(fitting), FRAME_LIMIT)
        self.assertIn(
            "StreamHeartbeat.sequence",
            str(self.assertRaises(MalformedMessage, decodeRequest, fitting)),
        )

    def test_otherLengths(self) -> None:
        """Arrays are exactly as long as the layout of this version."""
        for name, message in LOBBY_MESSAGES.items():
            array: Any = canonical_cbor.decode(encodeMessage(message))
            decode = decodeRequest if message.number in REQUESTS else decodeAnswer
            if name != "Hello.bad_name":
                self.assertRaises(MalformedMessage, decode, _raw(*array, 0))
            self.assertRaises(MalformedMessage, decode, _raw(*array[:-1]))

    def test_laterHello(self) -> None:
        """
        A younger client's Hello is read by an older lobby, whatever was
        appended to it: it must learn which versions the lobby speaks.
        """
        hello = LOBBY_MESSAGES["Hello"]
        array: Any = canonical_cbor.decode(encodeMessage(hello))
        array[3] = 3
        expected = attrs.evolve(hello, highest_version=3)
        for appended in ([], [1], ["x", [b"y", {"k": None}], -5]):
            self.assertEqual(decodeRequest(_raw(*array, *appended)), expected)
        array[3] = 1
        self.assertEqual(decodeRequest(_raw(*array)), hello)
        self.assertRaises(MalformedMessage, decodeRequest, _raw(*array, 1))
        array[3] = "2"
        self.assertRaises(MalformedMessage, decodeRequest, _raw(*array, 1))
        array[3] = True
        self.assertRaises(MalformedMessage, decodeRequest, _raw(*array, 1))
        array[0:4] = [64, 1, 1, 2]
        self.assertRaises(MalformedMessage, decodeAnswer, _raw(*array, 1, 1))

    def test_errorsNameTheField(self) -> None:
        """The same words for the same mistake, ours and theirs, under the right name."""
        ours = self.assertRaises(LocalProtocolError, encodeMessage, StartMatch(0))
        theirs = self.assertRaises(MalformedMessage, decodeRequest, _raw(6, 0))
        expected = "StartMatch.request: must be an integer from 1 to 4294967295"
        self.assertEqual((str(ours), str(theirs)), (expected, expected))
        self.assertNotIsInstance(theirs, UnknownMessage)

    def test_contradictions(self) -> None:
        """Fields that contradict one another are refused both ways."""
        hello = attrs.evolve(LOBBY_MESSAGES["Hello"], lowest_version=2)
        self.assertRaises(LocalProtocolError, encodeMessage, hello)
        array: Any = canonical_cbor.decode(encodeMessage(LOBBY_MESSAGES["Hello"]))
        array[2] = 2
        self.assertRaises(MalformedMessage, decodeRequest, _raw(*array))

    def test_ourMistakes(self) -> None:
        """Only lobby messages leave: no values from inside of them, no lookalikes."""

        class Lookalike(StartMatch):
            __slots__ = ()

        strangers: tuple[Any, ...] = (
            None,
            b"\x82\x06\x01",
            Candidate("host", ("192.0.2.1", 1)),
            StartMatch,
            Lookalike(1),
        )
        for stranger in strangers:
            error = self.assertRaises(LocalProtocolError, encodeMessage, stranger)
            self.assertIn("not a lobby message", str(error))

    def test_surrogates(self) -> None:
        """A text that is not Unicode cannot leave even where the lobby judges names."""
        hello = attrs.evolve(LOBBY_MESSAGES["Hello"], name="\ud800")
        self.assertRaises(LocalProtocolError, encodeMessage, hello)

    def test_requestNumber(self) -> None:
        """What can be told of a bad request is its number, so that its sender learns of it."""
        for data, number in (
            (_raw(6, 7, "too long"), 7),
            (_raw(99, 1), 1),
            (_raw(4, 2**32 - 1, "bad id"), 2**32 - 1),
            (_raw(4, 2**32, "bad id"), 0),
            (_raw(4, 0), 0),
            (_raw(4, -1), 0),
            (_raw(4, True), 0),
            (_raw(4, "7"), 0),
            (_raw(4), 0),
            (_raw(9, 7, 8), 0),
            (_raw("4", 7), 0),
            (b"", 0),
            (b"\x82\x06\x18\x01", 0),
            (bytes(FRAME_LIMIT + 1), 0),
        ):
            self.assertRaises(MalformedMessage, decodeRequest, data)
            self.assertEqual(requestNumber(data), number)
        self.assertEqual(requestNumber(encodeMessage(StartMatch(5))), 5)
        self.assertEqual(requestNumber(encodeMessage(StreamHeartbeat(5))), 0)

    def assertMessageOrRefused(self, data: bytes) -> None:
        """Assert that bytes are a message that encodes to them again, or malformed."""
        self.assertIn(requestNumber(data), range(2**32))
        for decode in (decodeRequest, decodeAnswer):
            try:
                message = decode(data)
            except MalformedMessage:
                continue
            if isinstance(message, Hello) and message.highest_version > LOBBY_VERSION:
                continue
            self.assertEqual(encodeMessage(message), data)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=80) | _arrays)
    def test_anyBytes(self, data: bytes) -> None:
        """Any bytes and any fields give a message or a refusal, never anything else."""
        self.assertMessageOrRefused(data)

    @settings(deadline=None, max_examples=200)
    @given(damaged((_requests | _answers).map(encodeMessage)))
    def test_damagedBytes(self, data: bytes) -> None:
        """So do good messages that were damaged."""
        self.assertMessageOrRefused(data)

    @settings(deadline=None, max_examples=200)
    @given(_requests | _answers, st.data())
    def test_damagedFields(self, message: Message, data: st.DataObject) -> None:
        """So do good messages one of whose elements, however deep, is anything at all."""
        array: Any = canonical_cbor.decode(encodeMessage(message))
        place: Any = array
        while True:
            index = data.draw(st.integers(0, len(place) - 1))
            if not (isinstance(place[index], list) and place[index] and data.draw(st.booleans())):
                break
            place = place[index]
        place[index] = data.draw(_values.filter(lambda value: not isinstance(value, list)))
        self.assertMessageOrRefused(canonical_cbor.encode(array))
