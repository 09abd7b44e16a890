"""Tests of L{gamenet.wire.feed_packets}."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.feed_packets import (
    FRAMES_PER_PACKET,
    INPUT_BYTES_LIMIT,
    FeedFrames,
    FeedPacket,
    FeedRow,
    Follow,
    NotFed,
    NotFedReason,
    Unfollow,
    decodeFeedPacket,
    encodeFeedFrames,
    encodeFollow,
    encodeNotFed,
    encodeUnfollow,
)
from gamenet.wire.frame_runs import INPUT_LIMIT
from gamenet.wire.input_frames import BODY_LIMIT, FRAMES_LIMIT

HEADER = "30" + "00000000" + "00000258" + "0000025a"


def encoded(packet: FeedPacket) -> bytes:
    """The bytes of any packet."""
    match packet:
        case FeedFrames(first, committed, current, players, rows):
            return encodeFeedFrames(first, rows, committed, current, players)[0]
        case Follow():
            return encodeFollow(packet)
        case NotFed():
            return encodeNotFed(packet.reason)
    return encodeUnfollow()


@st.composite
def rowsOf(draw: st.DrawFn, players: int) -> list[FeedRow]:
    """Frames of some players, with rows that repeat."""
    row = st.tuples(
        st.tuples(*[st.sampled_from([b"", b"a", b"bc", b"\xff" * 9])] * players),
        st.lists(st.integers(1, players), unique=True, max_size=3).map(lambda n: tuple(sorted(n))),
    )
    runs = draw(st.lists(st.tuples(row, st.integers(1, 140)), max_size=4))
    return [row for row, count in runs for _ in range(count)]


@st.composite
def frames(draw: st.DrawFn) -> FeedFrames:
    """Any frames that fit into a packet."""
    players = draw(st.integers(1, 16))
    rows = draw(rowsOf(players))[:FRAMES_PER_PACKET]
    while sum(sum(map(len, row[0])) for row in rows) > INPUT_BYTES_LIMIT:
        del rows[len(rows) // 2 :]
    first = draw(st.integers(0, FRAMES_LIMIT - len(rows)))
    committed = draw(st.integers(first + len(rows), FRAMES_LIMIT))
    return FeedFrames(first, committed, draw(st.integers(0, FRAMES_LIMIT)), players, tuple(rows))


class FramesTests(SynchronousTestCase):
    """Frames in packets."""

    def test_layoutByHand(self) -> None:
        """The documented layout, spelled out, is what the encoder writes."""
        rows = [((b"ab", b""), ())] * 3 + [((b"ab", b"x"), ())] + [((b"ab", b"x"), (2,))]
        body = bytes.fromhex(HEADER + "02" + "0201026162" + "00020178" + "800200")
        self.assertEqual(encodeFeedFrames(0, rows, 600, 602, 2), (body, 5))
        self.assertEqual(decodeFeedPacket(body), FeedFrames(0, 600, 602, 2, tuple(rows)))
        nine = bytes.fromhex(HEADER + "09" + "80" + "0100" + "0001" + "0161")
        row = ((b"a", *[b""] * 8), (9,))
        self.assertEqual(encodeFeedFrames(0, [row], 600, 602, 9), (nine, 1))
        self.assertEqual(decodeFeedPacket(nine), FeedFrames(0, 600, 602, 9, (row,)))

    @settings(deadline=None, max_examples=200)
    @given(frames())
    def test_roundTrip(self, packet: FeedFrames) -> None:
        """What was encoded is understood; where not all fits, the oldest frames go."""
        first, committed, current, players, rows = (
            packet.first_frame,
            packet.committed,
            packet.current_frame,
            packet.players,
            packet.rows,
        )
        body, count = encodeFeedFrames(first, rows, committed, current, players)
        self.assertLessEqual(len(body), BODY_LIMIT)
        self.assertEqual(count, len(rows))
        self.assertEqual(decodeFeedPacket(body), packet)

    def test_oldestGo(self) -> None:
        """Done when: what does not fit into 1150 bytes stays, the oldest frames go first."""
        rows = [((bytes([n]) * 30, b""), ()) for n in range(100)]
        body, count = encodeFeedFrames(7, rows, 200, 200, 2)
        self.assertTrue(30 <= count < 40 and 1110 < len(body) <= 1150)
        self.assertEqual(decodeFeedPacket(body).rows, tuple(rows[:count]))
        quiet = [((b"", b""), ())] * 1000
        body, count = encodeFeedFrames(0, quiet, 1000, 1000, 2)
        self.assertEqual((count, len(body)), (FRAMES_PER_PACKET, 14 + 2 * 5))
        self.assertEqual(len(decodeFeedPacket(body).rows), FRAMES_PER_PACKET)

    def test_inputBytes(self) -> None:
        """No packet gives more than 64 KiB of inputs, counted frame by frame."""
        row = ((b"x" * INPUT_LIMIT,) * 16, ())
        body, count = encodeFeedFrames(0, [row] * 100, 100, 100, 16)
        self.assertEqual(count, INPUT_BYTES_LIMIT // (16 * INPUT_LIMIT))
        decodeFeedPacket(body)
        longer = bytearray(body)
        longer[14] += 1
        self.assertRaises(MalformedMessage, decodeFeedPacket, bytes(longer))

    def test_memory(self) -> None:
        """Bad input: the worst of packets makes less than 256 KiB."""
        worst = bytes.fromhex("30" + "00000000" + "00001000" * 2 + "10")
        worst += b"".join(b"\0\0\1\1" + bytes([n & 1]) for n in range(1, 228))
        tracemalloc.start()
        try:
            packet = decodeFeedPacket(worst)
            self.assertLess(tracemalloc.get_traced_memory()[1], 256 * 1024)
        finally:
            tracemalloc.stop()
        self.assertEqual(len(packet.rows), 227)

    def test_tooLong(self) -> None:
        """An input that no packet can carry is our own mistake."""
        row = ((b"x" * (INPUT_LIMIT + 1),), ())
        self.assertRaises(LocalProtocolError, encodeFeedFrames, 0, [row], 1, 1, 1)

    def test_refused(self) -> None:
        """Bad input: what is cut off, not canonical or out of bounds."""
        for rest in (
            "00",  # nobody plays
            "11",  # 17 players
            "02" + "00",  # a run without a mask
            "02" + "00" + "04",  # player 3 of 2
            "02" + "00" + "01",  # no length
            "02" + "00" + "01" + "0261",  # an input cut off
            "02" + "00" + "01" + "00",  # the same input again
            "02" + "00" + "01" + "41" + "61" * 65,  # too long
            "02" + "00" + "00" + "00" + "00",  # a run in two parts
            "02" + "80" + "00" + "00",  # nobody is absent, as before
            "02" + "80" + "04" + "00",  # player 3 is absent
            "02" + "7f00" * 4 + "7f00",  # 640 frames
        ):
            with self.assertRaises(MalformedMessage):
                decodeFeedPacket(bytes.fromhex(HEADER + rest))
        good = encodeFeedFrames(5, [((b"",), ())], 6, 6, 1)[0]
        for place, text in ((1, 6), (5, 5), (5, FRAMES_LIMIT + 1), (9, FRAMES_LIMIT + 1)):
            bad = good[:place] + text.to_bytes(4, "big") + good[place + 4 :]
            self.assertRaises(MalformedMessage, decodeFeedPacket, bad)


class OtherPacketTests(SynchronousTestCase):
    """The packets without frames, and every byte string."""

    def test_layoutByHand(self) -> None:
        """The documented layout."""
        digest = bytes(range(16))
        for packet, text in (
            (Follow(digest, 3, 600, True), "31" + digest.hex() + "00000003" + "00000258" + "01"),
            (Follow(digest, 3, None), "31" + digest.hex() + "00000003" + "ffffffff" + "00"),
            (Unfollow(), "32"),
            (NotFed(NotFedReason.OTHER_CONFIGURATION), "3301"),
        ):
            self.assertEqual(encoded(packet).hex(), text)
            self.assertEqual(decodeFeedPacket(bytes.fromhex(text)), packet)

    def test_refused(self) -> None:
        """Bad input: wrong lengths, unknown flags, reasons and kinds."""
        follow = encodeFollow(Follow(bytes(16), 1, FRAMES_LIMIT))
        decodeFeedPacket(follow)
        for body in (
            follow[:-1],
            follow + b"\0",
            follow[:-1] + b"\2",
            follow[:21] + b"\xff\xff\xff\xfe\0",
            b"\x32\0",
            b"\x33",
            b"\x33\3",
            b"\x30",
        ):
            self.assertRaises(MalformedMessage, decodeFeedPacket, body)
        for body in (b"", b"\x34", b"\x2f", b"\x30" + bytes(BODY_LIMIT)):
            self.assertRaises(UnknownMessage, decodeFeedPacket, body)

    @settings(deadline=None, max_examples=500)
    @given(
        st.binary(max_size=60)
        | st.builds(lambda kind, rest: bytes([kind]) + rest, st.integers(0x30, 0x33), st.binary())
        | st.builds(
            lambda players, rest: bytes.fromhex(HEADER) + bytes([players]) + bytes(rest),
            st.integers(1, 16),
            st.lists(st.sampled_from([0, 1, 2, 3, 0x7F, 0x80, 0x81]), max_size=30),
        )
    )
    def test_anyBytes(self, body: bytes) -> None:
        """Bad input: any bytes are refused by name, or are the one encoding of what they say."""
        try:
            packet = decodeFeedPacket(body)
        except MalformedMessage:
            return
        self.assertEqual(encoded(packet), body)
