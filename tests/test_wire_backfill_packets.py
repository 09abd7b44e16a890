"""Tests of L{gamenet.wire.backfill_packets}."""

from __future__ import annotations

from struct import pack

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.backfill_packets import (
    Backfill,
    BackfillPacket,
    Evidence,
    InputRange,
    Want,
    decodeBackfillPacket,
    encodeBackfill,
    encodeEvidence,
    encodeWant,
)
from gamenet.wire.input_frames import BODY_LIMIT, FRAMES_LIMIT, INPUT_LIMIT, INPUTS_LIMIT
from tests.golden import readTable

TOP = FRAMES_LIMIT

SAMPLES: dict[str, BackfillPacket] = {
    "Want": Want((InputRange(2, 600, 605),)),
    "Want.all": Want(tuple([InputRange(player, 0, TOP) for player in range(1, 17)])),
    "Backfill": Backfill(1, 600, [b"", b"a", b"a", b"b"]),
    "Backfill.last": Backfill(16, TOP - 1, [b"x" * INPUT_LIMIT]),
    "Backfill.full": Backfill(3, 0, [b"a"] * INPUTS_LIMIT),
    "Evidence": Evidence(2, 7, [b"ab", b"cb"]),
}

INPUTS = st.lists(st.sampled_from([b"", b"a", b"b", b"abcd", bytes(64)]), min_size=1, max_size=40)
FRAMES = st.integers(0, TOP - 40)
RANGES = st.lists(
    st.builds(
        lambda player, first, length: InputRange(player, first, first + length),
        st.integers(1, 16),
        FRAMES,
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=16,
    unique_by=lambda one: one.player,
).map(lambda ranges: Want(tuple(sorted(ranges))))


def encoded(packet: BackfillPacket) -> bytes:
    """The bytes of a packet that fits."""
    if isinstance(packet, Want):
        return encodeWant(packet.ranges)
    encode = encodeBackfill if isinstance(packet, Backfill) else encodeEvidence
    body, included = encode(packet.player, packet.first_frame, packet.inputs)
    if included != len(packet.inputs):
        raise ValueError("it does not fit")
    return body


class GoldenTests(SynchronousTestCase):
    """The bytes of version 1 of the protocol are read and written for ever."""

    def test_samples(self) -> None:
        """Each sample has the bytes that it had when the version was made."""
        golden = readTable(1, "backfill_packets")
        self.assertEqual({name: encoded(packet) for name, packet in SAMPLES.items()}, golden)
        decoded = {name: decodeBackfillPacket(body) for name, body in golden.items()}
        self.assertEqual(decoded, SAMPLES)

    def test_layoutByHand(self) -> None:
        """The documented layout, spelled out, is what the encoder writes."""
        want = b"\x20" + pack(">BII", 1, 5, 9) + pack(">BII", 3, 0, 1)
        self.assertEqual(encodeWant([InputRange(1, 5, 9), InputRange(3, 0, 1)]), want)
        inputs = pack(">BI", 4, 600) + b"\xc1\x01a\x40\x03"
        self.assertEqual(encodeBackfill(4, 600, [b"a", b"a", b"b"]), (b"\x21" + inputs, 3))
        self.assertEqual(encodeEvidence(4, 600, [b"a", b"a", b"b"]), (b"\x22" + inputs, 3))


class RoundTripTests(SynchronousTestCase):
    """Encoding and decoding are each other's inverse."""

    @settings(deadline=None, max_examples=150)
    @given(
        RANGES
        | st.builds(Backfill, st.integers(1, 16), FRAMES, INPUTS)
        | st.builds(Evidence, st.integers(1, 16), FRAMES, INPUTS)
    )
    def test_packets(self, packet: BackfillPacket) -> None:
        """Every packet comes back from its bytes."""
        body = encoded(packet)
        self.assertLessEqual(len(body), BODY_LIMIT)
        self.assertEqual(decodeBackfillPacket(body), packet)

    @settings(deadline=None, max_examples=400)
    @given(
        st.binary(max_size=60)
        | st.builds(
            lambda kind, player, first, rest: pack(">BBI", kind, player, first) + rest,
            st.integers(0x20, 0x22),
            st.integers(0, 17),
            st.integers(0, 9),
            st.lists(st.sampled_from([0, 1, 2, 0x3F, 0x40, 0x80, 0xC0, 0xC1]), max_size=20).map(
                bytes
            ),
        )
    )
    def test_bytes(self, body: bytes) -> None:
        """Bad input: any bytes are refused by name, or are the one encoding of what they say."""
        try:
            packet = decodeBackfillPacket(body)
        except MalformedMessage:
            return
        self.assertEqual(encoded(packet), body)


class RefusalTests(SynchronousTestCase):
    """Bad input: each kind of nonsense is refused, and says which it is."""

    def refused(self, body: bytes, text: str) -> None:
        """Assert that C{body} is refused for the reason in C{text}."""
        error = self.assertRaises(MalformedMessage, decodeBackfillPacket, body)
        self.assertIn(text, str(error))

    def test_kind(self) -> None:
        """A body of another kind is refused as unknown."""
        for kind in (*range(0x20), *range(0x23, 256)):
            self.assertRaises(UnknownMessage, decodeBackfillPacket, bytes([kind]) + bytes(9))

    def test_size(self) -> None:
        """An empty body, one that is too long or one without inputs is refused."""
        self.refused(b"", "of 0 bytes")
        self.refused(b"\x21" + bytes(BODY_LIMIT), "of 1151 bytes")
        self.refused(pack(">BBI", 0x21, 1, 0), "without inputs")
        self.refused(b"\x22", "without inputs")
        self.refused(b"\x20", "of 1 bytes")
        self.refused(b"\x20" + bytes(8), "of 9 bytes")
        self.refused(b"\x20" + bytes(9 * 17), "of 154 bytes")

    def test_players(self) -> None:
        """Players that are none, or that do not ascend, are refused."""
        for player in (0, 17, 255):
            self.refused(pack(">BBIB", 0x21, player, 0, 0), f"of player {player}")
            self.refused(pack(">BBII", 0x20, player, 0, 1), f"of player {player}")
        self.refused(pack(">BBIIBII", 0x20, 2, 0, 1, 2, 1, 2), "of player 2 behind 2")
        self.refused(pack(">BBIIBII", 0x20, 2, 0, 1, 1, 1, 2), "of player 1 behind 2")

    def test_frames(self) -> None:
        """Frames that are none are refused."""
        self.refused(pack(">BBII", 0x20, 1, 5, 5), "frames 5 to 5")
        self.refused(pack(">BBII", 0x20, 1, 5, 4), "frames 5 to 4")
        self.refused(pack(">BBII", 0x20, 1, 5, TOP + 1), f"frames 5 to {TOP + 1}")
        self.refused(pack(">BBIB", 0x21, 1, TOP, 0), "beyond the last")
        self.refused(pack(">BBIB", 0x22, 1, TOP - 1, 1), "beyond the last")

    def test_inputTooLong(self) -> None:
        """An input of 65 bytes is refused."""
        self.refused(pack(">BBIBB", 0x21, 1, 0, 0xC0, 65) + bytes(65), "65 bytes, over 64")

    def test_bomb(self) -> None:
        """A few bytes never become more than 128 inputs."""
        full = pack(">BBI", 0x21, 1, 0) + b"\xff\x01a\x3f"
        packet = decodeBackfillPacket(full)
        self.assertEqual(packet, Backfill(1, 0, [b"a"] * INPUTS_LIMIT))
        self.refused(full + b"\x00", "more than 128")


class LimitTests(SynchronousTestCase):
    """A body never exceeds its limit."""

    def test_oldestGo(self) -> None:
        """Where not all inputs fit the oldest go, and one always does."""
        inputs = [
            bytes([1 + (i + 1) * (place + 1) % 251 for place in range(64)]) for i in range(30)
        ]
        for limit in (72, 300, BODY_LIMIT):
            body, included = encodeBackfill(1, 5, inputs, limit)
            self.assertLessEqual(len(body), limit)
            self.assertGreater(len(body), limit - 65)
            self.assertEqual(decodeBackfillPacket(body), Backfill(1, 5, inputs[:included]))
        self.assertEqual(encodeEvidence(1, 0, [b"a"] * 200)[1], INPUTS_LIMIT)

    def test_ourOwnNonsense(self) -> None:
        """What does not fit is our own mistake, and raises as such."""
        for player, first, inputs, limit in [
            (0, 0, [b""], 99),
            (17, 0, [b""], 99),
            (1, 0, [], 99),
            (1, -1, [b""], 99),
            (1, TOP, [b""], 99),
            (1, 0, [b""], 71),
            (1, 0, [bytes(65)], 99),
        ]:
            for encode in (encodeBackfill, encodeEvidence):
                self.assertRaises(LocalProtocolError, encode, player, first, inputs, limit)
        for ranges in [
            [],
            [(0, 0, 1)],
            [(17, 0, 1)],
            [(1, 0, 0)],
            [(1, -1, 1)],
            [(1, 0, TOP + 1)],
            [(2, 0, 1), (1, 0, 1)],
            [(1, 0, 1), (1, 2, 3)],
        ]:
            wanted = [InputRange(*one) for one in ranges]
            self.assertRaises(LocalProtocolError, encodeWant, wanted)
