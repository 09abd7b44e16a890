"""Tests of L{gamenet.wire.input_frames}."""

from __future__ import annotations

from struct import pack
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.input_frames import (
    BLOB_LIMIT,
    BODY_LIMIT,
    FRAMES_LIMIT,
    INPUT_LIMIT,
    INPUT_PACKET_VERSION,
    INPUTS_LIMIT,
    NO_REPORT,
    decodeBlobs,
    decodeHeader,
    encodeInputPacket,
    joinInputs,
)
from tests.golden import readTable


class Packet(NamedTuple):
    """The arguments of L{encodeInputPacket}."""

    view: int
    first_frame: int
    base: bytes
    blobs: list[bytes]
    next_wanted: int
    current_frame: int
    confirmed_frame: int
    advantage: int
    report: tuple[int, int, int] | None = None


TOP = FRAMES_LIMIT

SAMPLES = {
    "First": Packet(0, 0, b"", [], 0, 0, -1, 0),
    "OneInput": Packet(0, 1, b"\x0f", [b"\xff"], 2, 1, 0, -1),
    "Same": Packet(1, 600, b"ab", [b"ab"] * 8, 597, 603, 596, 4),
    "Runs": Packet(2, 600, b"", [b"", b"", b"ab", b"ab", b"cd", b"x", b""], 597, 603, 590, 127),
    "Packed": Packet(3, 600, bytes(32), [bytes(31) + b"\x01"] * 2, 597, 603, 590, -128),
    "Report": Packet(4, 61, b"\x01", [b"\x01"] * 3, 60, 62, 59, 0, (59, 0xDEADBEEF, 0x01020304)),
    "Longest": Packet(255, TOP - 1, b"", [b"\x07" * BLOB_LIMIT], TOP, TOP, TOP - 1, 1),
    "Behind": Packet(0, 100, b"", [], 90, 84, 83, 0, (89, 0, 0xFFFFFFFF)),
    "Unconfirmed": Packet(0, 1000, b"\x01", [], 0, 1000, -1, 0),
    "FarReport": Packet(0, 70_000, b"", [], 65_536, 70_000, 69_746, 0, (0, 0xFFFFFFFF, 1)),
    "Full": Packet(0, 0, b"", [b"\x09"] * INPUTS_LIMIT, 5, 128, 4, 0),
    "Players": Packet(0, 9, joinInputs([b"", b"a"]), [joinInputs([b"b", b"a"])], 9, 9, 8, 0),
}

BLOBS = st.lists(
    st.sampled_from([b"", b"\0", b"a", b"bc", b"\xff" * INPUT_LIMIT, bytes(INPUT_LIMIT)]),
    max_size=60,
)


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """Any packet that fits."""
    base = draw(st.sampled_from([b"", b"a", bytes(INPUT_LIMIT)]))
    blobs = draw(BLOBS.filter(lambda blobs: sum(map(len, blobs)) < 900))
    first_frame = draw(st.integers(0, FRAMES_LIMIT - len(blobs)))
    next_wanted = draw(st.integers(0, FRAMES_LIMIT + 1))
    earliest = max(0, first_frame - (1 << 15))
    latest = min(FRAMES_LIMIT, first_frame + (1 << 15) - 1)
    current_frame = draw(st.integers(earliest, latest))
    confirmed_frame = draw(st.integers(max(-1, current_frame - 255), current_frame - 1))
    header = (first_frame, base, blobs, next_wanted, current_frame, confirmed_frame)
    packet = Packet(draw(st.integers(0, 255)), *header, draw(st.integers(-128, 127)))
    if not next_wanted or draw(st.booleans()):
        return packet
    oldest = max(0, next_wanted - 1 - 0xFFFF)
    checksums = st.integers(0, 0xFFFFFFFF)
    report = (draw(st.integers(oldest, next_wanted - 1)), draw(checksums), draw(checksums))
    return packet._replace(report=report)


def decoded(body: bytes, base: bytes) -> Packet:
    """The packet whose bytes are C{body}."""
    header = decodeHeader(body)
    report: tuple[int, int, int] | None = None
    if header.report_frame != NO_REPORT:
        report = (header.report_frame, header.report_checksum, header.report_inputs_checksum)
    blobs = decodeBlobs(body, header.position, base)
    return Packet(header.view, header.first_frame, base, blobs, *header[2:6], report)


class GoldenTests(SynchronousTestCase):
    """The bytes of version 1 of the protocol are read and written for ever."""

    def test_encoded(self) -> None:
        """What is encoded today is what was encoded when the version was made."""
        encoded = {name: encodeInputPacket(*packet)[0] for name, packet in SAMPLES.items()}
        self.assertEqual(encoded, readTable(1, "input_frames"))

    def test_decoded(self) -> None:
        """What was encoded when the version was made is understood today."""
        golden = readTable(1, "input_frames")
        samples = {name: decoded(body, SAMPLES[name].base) for name, body in golden.items()}
        self.assertEqual(samples, SAMPLES)

    def test_layoutByHand(self) -> None:
        """The documented layout, spelled out, is what the encoder writes."""
        body = pack(">BBIIhBbHII", 1, 7, 61, 60, -1, 29, -3, 29, 0x01020304, 0x05060708)
        body += b"\x01" + b"\x40\x02\x06" + b"\xc0\x00"
        packet = Packet(
            263, 61, b"ab", [b"ab", b"ab", b"cd", b""], 60, 60, 30, -3, (30, 0x01020304, 0x05060708)
        )
        self.assertEqual(encodeInputPacket(*packet), (body, 4))
        self.assertEqual(decoded(body, b"ab"), packet._replace(view=7))
        self.assertEqual(INPUT_PACKET_VERSION, 2)


class RoundTripTests(SynchronousTestCase):
    """Encoding and decoding are each other's inverse."""

    @settings(deadline=None, max_examples=200)
    @given(packets())
    def test_packets(self, packet: Packet) -> None:
        """Every packet comes back from its bytes, and all of its inputs fit."""
        body, included = encodeInputPacket(*packet)
        self.assertEqual(included, len(packet.blobs))
        self.assertEqual(decoded(body, packet.base), packet)

    @settings(deadline=None, max_examples=300)
    @given(
        st.binary(max_size=60)
        | st.builds(
            lambda header, rest: pack(">BBIIhBb", *header) + rest,
            st.tuples(
                st.integers(0, 1),
                st.integers(0, 255),
                st.integers(0, 99),
                st.integers(0, 99),
                st.integers(-99, 99),
                st.integers(0, 30) | st.just(255),
                st.integers(-128, 127),
            ),
            st.lists(st.sampled_from([0, 1, 2, 0x40, 0x41, 0x80, 0xC0]), max_size=30).map(bytes),
        ),
        st.sampled_from([b"", b"a", b"ab", bytes(16)]),
    )
    def test_bytes(self, body: bytes, base: bytes) -> None:
        """Bad input: any bytes are refused by name, or are the one encoding of what they say."""
        try:
            packet = decoded(body, base)
        except MalformedMessage:
            return
        self.assertEqual(encodeInputPacket(*packet), (body, len(packet.blobs)))

    def test_everyByteOfASampleCounts(self) -> None:
        """A changed byte never decodes to the same packet: nothing in a body is ignored."""
        for name, body in readTable(1, "input_frames").items():
            packet = SAMPLES[name]
            for place in range(min(len(body), 40)):
                for bit in range(8):
                    changed = bytearray(body)
                    changed[place] ^= 1 << bit
                    try:
                        other = decoded(bytes(changed), packet.base)
                    except MalformedMessage:
                        continue
                    self.assertNotEqual(other, packet, (name, place, bit))

    def test_clamped(self) -> None:
        """A large advantage and a far confirmed frame are told as the most there is."""
        for advantage, told in [(127, 127), (128, 127), (10**6, 127), (-129, -128)]:
            body, _ = encodeInputPacket(0, 0, b"", [], 0, 0, -1, advantage)
            self.assertEqual(decodeHeader(body).advantage, told)
        for confirmed, told in [(745, 745), (744, -1), (0, -1), (-1, -1)]:
            body, _ = encodeInputPacket(0, 990, b"", [], 0, 1000, confirmed, 0)
            self.assertEqual(decodeHeader(body).confirmed_frame, told)
        body, _ = encodeInputPacket(0, 0, b"", [], 0, 255, -1, 0)
        self.assertEqual(decodeHeader(body).confirmed_frame, -1)


class RefusalTests(SynchronousTestCase):
    """Bad input: each kind of nonsense is refused, and says which it is."""

    def refused(self, body: bytes, text: str) -> None:
        """Assert that C{body} is refused for the reason in C{text}."""
        error = self.assertRaises(MalformedMessage, decodeHeader, body)
        self.assertIn(text, str(error))

    def header(self, **changes: int) -> bytes:
        """A header without a report."""
        fields = {"flags": 0, "view": 0, "first": 10, "wanted": 10, "ahead": 0, "behind": 0}
        return pack(">BBIIhBb", *(fields | changes).values(), 0)

    def test_size(self) -> None:
        """A body shorter than its header or longer than the limit is refused."""
        self.refused(b"", "of 0 bytes")
        self.refused(self.header()[:-1], "of 13 bytes")
        self.assertEqual(decodeHeader(self.header() + bytes(1136)).position, 14)
        self.refused(self.header() + bytes(1137), "of 1151 bytes")
        self.refused(self.header(flags=1) + bytes(9), "ends in its checksum report")

    def test_flags(self) -> None:
        """Flags that nobody knows are refused."""
        for flags in range(2, 256):
            self.refused(self.header(flags=flags) + bytes(10), f"unknown flags {flags:#04x}")

    def test_reportBeforeTheFirstFrame(self) -> None:
        """A report of frame -1 is refused, one of frame 0 is not."""
        header = self.header(flags=1, wanted=5)
        self.refused(header + pack(">HII", 5, 7, 8), "before the first")
        self.assertEqual(decodeHeader(header + pack(">HII", 4, 7, 8))[6:9], (0, 7, 8))

    def test_confirmedBeforeTheFirstFrame(self) -> None:
        """A confirmed frame of -2 is refused, -1 is none."""
        self.refused(self.header(behind=11), "confirmed frame before the first")
        self.refused(self.header(behind=255), "confirmed frame before the first")
        self.assertEqual(decodeHeader(self.header(behind=10)).confirmed_frame, -1)

    def test_frameNumbers(self) -> None:
        """Frame numbers beyond 2**31 or below 0 are refused."""
        self.refused(self.header(wanted=TOP + 2), "out of bounds")
        self.assertEqual(decodeHeader(self.header(wanted=TOP + 1)).next_wanted, TOP + 1)
        self.refused(self.header(first=0, ahead=-1), "out of bounds")
        self.refused(self.header(first=TOP, ahead=1), "out of bounds")
        self.refused(self.header(first=TOP + 1, ahead=-1), "out of bounds")

    def test_cutOff(self) -> None:
        """Every beginning of a packet is refused or is a shorter packet; none is the packet."""
        for name, body in readTable(1, "input_frames").items():
            packet = SAMPLES[name]
            for size in range(min(len(body), 60)):
                try:
                    shorter = decoded(body[:size], packet.base)
                except MalformedMessage:
                    continue
                self.assertLess(len(shorter.blobs), len(packet.blobs))


class LimitTests(SynchronousTestCase):
    """A body never exceeds its limit: the oldest inputs go first."""

    def test_oneFrameAlwaysFits(self) -> None:
        """The longest inputs of 16 players and a checksum report fit together, in every way."""
        report = (4, 1, 2)
        steps = [
            bytes([1 + (place * step) % 251 for place in range(BLOB_LIMIT)]) for step in (3, 5)
        ]
        alternating = b"\0\x01" * (BLOB_LIMIT // 2)
        for base in (b"", b"a", bytes(BLOB_LIMIT), *steps):
            for blob in (*steps, alternating, b"\xff" * BLOB_LIMIT):
                body, included = encodeInputPacket(0, 9, base, [blob], 5, 6, 5, 0, report)
                self.assertEqual(included, 1)
                self.assertLessEqual(len(body), BODY_LIMIT)
                self.assertEqual(decoded(body, base).blobs, [blob])

    def test_longInputs(self) -> None:
        """Of 20 inputs of 64 bytes that all differ 17 fit, and they are the oldest."""
        blobs = [bytes([1 + (i + 1) * (place + 1) % 251 for place in range(64)]) for i in range(20)]
        body, included = encodeInputPacket(0, 5, b"", blobs, 3, 6, 5, 0)
        self.assertEqual(included, 17)
        self.assertLessEqual(len(body), BODY_LIMIT)
        self.assertEqual(decoded(body, b"").blobs, blobs[:17])

    def test_exactFit(self) -> None:
        """An input that ends at the limit is in, and one byte less room leaves it out."""
        packet = Packet(0, 5, b"abc", [b"abc", b"defg"], 3, 6, 5, 0)
        body, included = encodeInputPacket(*packet)
        self.assertEqual(included, 2)
        self.assertEqual(encodeInputPacket(*packet, limit=len(body)), (body, 2))
        shorter, included = encodeInputPacket(*packet, limit=len(body) - 1)
        self.assertEqual(included, 1)
        self.assertEqual(decoded(shorter, b"abc").blobs, [b"abc"])

    def test_noRoom(self) -> None:
        """Where there is no room for a run, none is in, however short."""
        for blobs in ([b"a"], [b"b"], [b"ab"]):
            body, included = encodeInputPacket(0, 5, b"a", blobs, 3, 6, 5, 0, limit=14)
            self.assertEqual((len(body), included), (14, 0))

    def test_manyInputs(self) -> None:
        """At most 128 frames go into one packet."""
        for base in (b"a", b"b"):
            packet = Packet(0, 0, base, [b"a"] * 200, 0, 200, 199, 0)
            body, included = encodeInputPacket(*packet)
            self.assertEqual(included, INPUTS_LIMIT)
            self.assertEqual(decoded(body, base).blobs, [b"a"] * INPUTS_LIMIT)

    def test_steadySize(self) -> None:
        """Held inputs cost one byte however many frames wait: 15 bytes a packet."""
        for frames in (1, 3, 8, 64):
            body, _ = encodeInputPacket(0, 600, b"a", [b"a"] * frames, 597, 603, 596, 0)
            self.assertEqual(len(body), 15)
            self.assertEqual(decoded(body, b"a").blobs, [b"a"] * frames)

    def test_ourOwnNonsense(self) -> None:
        """What does not fit its field is our own mistake, and raises as such."""
        good = Packet(0, 0, b"", [], 10, 0, -1, 0)
        changes: list[dict[str, Any]] = [
            {"first_frame": -1},
            {"next_wanted": -1},
            {"current_frame": 1 << 15, "confirmed_frame": 1 << 15},
            {"first_frame": 1 << 15, "current_frame": -1},
            {"confirmed_frame": 0},
            {"report": (10, 7, 7)},
            {"report": (0, 7, 7), "next_wanted": 0xFFFF + 2},
            {"report": (9, -1, 7)},
            {"report": (9, 7, 1 << 32)},
            {"blobs": [bytes(BLOB_LIMIT + 1)]},
        ]
        for change in changes:
            self.assertRaises(LocalProtocolError, encodeInputPacket, *good._replace(**change))

    def test_noReport(self) -> None:
        """A packet without a report is ten bytes shorter and says so."""
        without = encodeInputPacket(0, 0, b"", [], 1, 0, -1, 0)[0]
        self.assertEqual(
            len(encodeInputPacket(0, 0, b"", [], 1, 0, -1, 0, (0, 7, 7))[0]), len(without) + 10
        )
        self.assertEqual(decodeHeader(without).report_frame, NO_REPORT)
