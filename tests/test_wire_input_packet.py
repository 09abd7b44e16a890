"""Tests of L{gamenet.wire.input_packet}."""

from __future__ import annotations

from pathlib import Path
from struct import pack

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.input_packet import (
    BODY_LIMIT,
    FRAMES_LIMIT,
    INPUT_LIMIT,
    INPUTS_LIMIT,
    NO_REPORT,
    InputPacket,
    decodeInputPacket,
    encodeInputPacket,
)

GOLDEN = Path(__file__).parent / "golden" / "version_1" / "input_packet.hex"

SAMPLES = {
    "First": InputPacket(0, [], 0, 0),
    "OneInput": InputPacket(1, [b"\xff"], 2, 1),
    "Runs": InputPacket(600, [b"", b"", b"ab", b"ab", b"cd", b"x", b""], 597, 603),
    "Report": InputPacket(61, [b"\x01"] * 3, 60, 62, 59, 0xDEADBEEF),
    "Longest": InputPacket(FRAMES_LIMIT - 1, [b"\x07" * INPUT_LIMIT], FRAMES_LIMIT, FRAMES_LIMIT),
    "Behind": InputPacket(100, [], 90, 84, 89, 0),
    "FarReport": InputPacket(70_000, [], 65_536, 70_000, 0, 0xFFFFFFFF),
    "Full": InputPacket(0, [b"\x09"] * INPUTS_LIMIT, 5, 128),
}

INPUTS = st.lists(st.sampled_from([b"", b"\0", b"a", b"bc", b"\xff" * INPUT_LIMIT]), max_size=60)


@st.composite
def packets(draw: st.DrawFn) -> InputPacket:
    """Any packet that fits."""
    inputs = draw(INPUTS.filter(lambda inputs: sum(map(len, inputs)) < 900))
    first_frame = draw(st.integers(0, FRAMES_LIMIT - len(inputs)))
    next_wanted = draw(st.integers(0, FRAMES_LIMIT + 1))
    earliest = max(0, first_frame - (1 << 15))
    latest = min(FRAMES_LIMIT, first_frame + (1 << 15) - 1)
    current_frame = draw(st.integers(earliest, latest))
    if not next_wanted or draw(st.booleans()):
        return InputPacket(first_frame, inputs, next_wanted, current_frame)
    oldest = max(0, next_wanted - 1 - 0xFFFF)
    report_frame = draw(st.integers(oldest, next_wanted - 1))
    checksum = draw(st.integers(0, 0xFFFFFFFF))
    return InputPacket(first_frame, inputs, next_wanted, current_frame, report_frame, checksum)


def golden() -> dict[str, bytes]:
    """The bytes on file, by name."""
    lines = GOLDEN.read_text().splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#")]
    return {name: bytes.fromhex(text) for name, text in words}


class GoldenTests(SynchronousTestCase):
    """The bytes of version 1 are read and written for ever."""

    def test_encoded(self) -> None:
        """What is encoded today is what was encoded when version 1 was made."""
        encoded = {name: encodeInputPacket(*packet)[0] for name, packet in SAMPLES.items()}
        self.assertEqual(encoded, golden())

    def test_decoded(self) -> None:
        """What was encoded when version 1 was made is understood today."""
        decoded = {name: decodeInputPacket(body) for name, body in golden().items()}
        self.assertEqual(decoded, SAMPLES)

    def test_layoutByHand(self) -> None:
        """The documented layout, spelled out, is what the encoder writes."""
        body = pack(">BIIhHI", 1, 61, 60, -1, 29, 0x01020304)
        body += bytes([0x80 | 1, 2]) + b"ab" + bytes([0]) + b"cd" + bytes([0x80, 0])
        packet = InputPacket(61, [b"ab", b"ab", b"cd", b""], 60, 60, 30, 0x01020304)
        self.assertEqual(encodeInputPacket(*packet), (body, 4))
        self.assertEqual(decodeInputPacket(body), packet)


class RoundTripTests(SynchronousTestCase):
    """Encoding and decoding are each other's inverse."""

    @settings(deadline=None, max_examples=200)
    @given(packets())
    def test_packets(self, packet: InputPacket) -> None:
        """Every packet comes back from its bytes, and all of its inputs fit."""
        body, included = encodeInputPacket(*packet)
        self.assertEqual(included, len(packet.inputs))
        self.assertEqual(decodeInputPacket(body), packet)

    @settings(deadline=None, max_examples=200)
    @given(
        st.binary(max_size=60)
        | st.builds(
            lambda header, rest: pack(">BIIh", *header) + rest,
            st.tuples(
                st.integers(0, 1), st.integers(0, 99), st.integers(0, 99), st.integers(-99, 99)
            ),
            st.lists(st.sampled_from([0, 1, 2, 0x80, 0x81]), max_size=30).map(bytes),
        )
    )
    def test_bytes(self, body: bytes) -> None:
        """Bad input: any bytes are refused by name, or are the one encoding of what they say."""
        try:
            packet = decodeInputPacket(body)
        except MalformedMessage:
            return
        self.assertEqual(encodeInputPacket(*packet), (body, len(packet.inputs)))

    def test_everyByteOfASampleCounts(self) -> None:
        """A changed byte never decodes to the same packet: nothing in a body is ignored."""
        for name, body in golden().items():
            for place in range(len(body)):
                for bit in range(8):
                    changed = bytearray(body)
                    changed[place] ^= 1 << bit
                    try:
                        packet = decodeInputPacket(bytes(changed))
                    except MalformedMessage:
                        continue
                    self.assertNotEqual(packet, SAMPLES[name], (name, place, bit))


class RefusalTests(SynchronousTestCase):
    """Bad input: each kind of nonsense is refused, and says which it is."""

    def refused(self, body: bytes, text: str) -> None:
        """Assert that C{body} is refused for the reason in C{text}."""
        error = self.assertRaises(MalformedMessage, decodeInputPacket, body)
        self.assertIn(text, str(error))

    def header(self, first: int = 10, wanted: int = 10, ahead: int = 0, flags: int = 0) -> bytes:
        """A header without a report."""
        return pack(">BIIh", flags, first, wanted, ahead)

    def test_cutOff(self) -> None:
        """Every beginning of a packet is refused or is a shorter packet; none is the packet."""
        for name, body in golden().items():
            for size in range(len(body)):
                try:
                    packet = decodeInputPacket(body[:size])
                except MalformedMessage:
                    continue
                self.assertLess(len(packet.inputs), len(SAMPLES[name].inputs))

    def test_shortHeader(self) -> None:
        """A body that ends within its header is refused."""
        self.refused(b"", "0 bytes")
        self.refused(self.header()[:-1], "10 bytes")
        report = pack(">BIIhHI", 1, 10, 10, 0, 0, 7)
        self.refused(report[:-1], "ends in its checksum report")
        self.assertEqual(decodeInputPacket(report).report_frame, 9)

    def test_tooLong(self) -> None:
        """A body of more than 1150 bytes is refused whatever is in it."""
        runs = b"".join(
            bytes([0x80, 64]) + bytes([i]) * 64 if i == 0 else bytes([0]) + bytes([i]) * 64
            for i in range(18)
        )
        body = self.header() + runs
        self.assertGreater(len(body), BODY_LIMIT)
        self.refused(body, f"{len(body)} bytes")
        self.refused(bytes(BODY_LIMIT + 1), "1151 bytes")

    def test_flags(self) -> None:
        """Unknown flags are refused: they may change what follows."""
        for flags in range(2, 256):
            self.refused(self.header(flags=flags) + bytes(6), "unknown flags")

    def test_reportBeforeTheFirstFrame(self) -> None:
        """A report of frame -1 is refused, one of frame 0 is not."""
        self.refused(pack(">BIIhHI", 1, 10, 5, 0, 5, 7), "before the first")
        self.assertEqual(decodeInputPacket(pack(">BIIhHI", 1, 10, 5, 0, 4, 7)).report_frame, 0)

    def test_endsInARun(self) -> None:
        """A run without its length or without its input is refused."""
        self.refused(self.header() + b"\x80", "ends in a run")
        self.refused(self.header() + b"\x80\x02a", "ends in an input")
        self.refused(self.header() + b"\x80\x01a\x00", "ends in an input")

    def test_inputTooLong(self) -> None:
        """An input of 65 bytes is refused, one of 64 is not."""
        self.refused(self.header() + b"\x80\x41" + bytes(65), "65 bytes")
        self.assertEqual(
            decodeInputPacket(self.header() + b"\x80\x40" + bytes(64)).inputs, [bytes(64)]
        )

    def test_notCanonical(self) -> None:
        """A length that changes nothing and a run in two parts are refused."""
        self.refused(self.header() + b"\x80\x00", "needless length")
        self.refused(self.header() + b"\x80\x01a\x80\x01b", "needless length")
        self.refused(self.header() + b"\x80\x01a\x00a", "in two parts")
        self.refused(self.header() + b"\x00\x00", "in two parts")

    def test_bomb(self) -> None:
        """A few bytes never become more than 128 inputs (the RLE bomb of other libraries)."""
        full = self.header() + bytes([0x80 | 127, 1]) + b"a"
        self.assertEqual(decodeInputPacket(full).inputs, [b"a"] * INPUTS_LIMIT)
        self.refused(full + bytes([0]) + b"b", "more than 128")
        self.refused(
            self.header() + bytes([0x80 | 63, 1]) + b"a" + bytes([64]) + b"b", "more than 128"
        )

    def test_frameNumbers(self) -> None:
        """Frame numbers beyond 2**31 or below 0 are refused."""
        top = FRAMES_LIMIT
        self.refused(self.header(wanted=top + 2), "out of bounds")
        self.assertEqual(decodeInputPacket(self.header(wanted=top + 1)).next_wanted, top + 1)
        self.refused(self.header(first=0, ahead=-1), "out of bounds")
        self.refused(self.header(first=top, ahead=1), "out of bounds")
        self.refused(self.header(first=top) + b"\x00", "beyond the last")
        self.assertEqual(decodeInputPacket(self.header(first=top - 1) + b"\x00").inputs, [b""])


class LimitTests(SynchronousTestCase):
    """A body never exceeds its limit: the oldest inputs go first."""

    def test_longInputs(self) -> None:
        """Of 20 different inputs of 64 bytes 17 fit, and they are the oldest."""
        inputs = [bytes([i]) * 64 for i in range(20)]
        body, included = encodeInputPacket(5, inputs, 3, 6)
        self.assertEqual(included, 17)
        self.assertLessEqual(len(body), BODY_LIMIT)
        self.assertEqual(decodeInputPacket(body).inputs, inputs[:17])
        rest = BODY_LIMIT - len(body) - 2
        body, included = encodeInputPacket(5, [*inputs[:17], bytes(rest)], 3, 6)
        self.assertEqual((len(body), included), (BODY_LIMIT, 18))
        self.assertEqual(decodeInputPacket(body).inputs[17], bytes(rest))

    def test_exactFit(self) -> None:
        """An input that ends at the limit is in, and one byte less room leaves it out."""
        inputs = [b"abc", b"defg"]
        body, included = encodeInputPacket(5, inputs, 3, 6)
        self.assertEqual(included, 2)
        self.assertEqual(encodeInputPacket(5, inputs, 3, 6, limit=len(body)), (body, 2))
        shorter, included = encodeInputPacket(5, inputs, 3, 6, limit=len(body) - 1)
        self.assertEqual(included, 1)
        self.assertEqual(decodeInputPacket(shorter).inputs, [b"abc"])

    def test_manyInputs(self) -> None:
        """At most 128 inputs go into one packet."""
        body, included = encodeInputPacket(0, [b"a"] * 200, 0, 200)
        self.assertEqual(included, INPUTS_LIMIT)
        self.assertEqual(decodeInputPacket(body).inputs, [b"a"] * INPUTS_LIMIT)

    def test_ourOwnNonsense(self) -> None:
        """What does not fit its field is our own mistake, and raises as such."""
        for fields in (
            (-1, [], 0, 0),
            (0, [], -1, 0),
            (0, [], 0, 1 << 15),
            (1 << 15, [], 0, -1),
            (0, [], 10, 0, 10, 7),
            (0, [], 0xFFFF + 2, 0, 0, 7),
            (0, [], 10, 0, 9, -1),
            (0, [bytes(65)], 0, 0),
        ):
            self.assertRaises(LocalProtocolError, encodeInputPacket, *fields)

    def test_noReport(self) -> None:
        """A packet without a report is six bytes shorter and says so."""
        without = encodeInputPacket(0, [], 1, 0)[0]
        self.assertEqual(len(encodeInputPacket(0, [], 1, 0, 0, 7)[0]), len(without) + 6)
        self.assertEqual(decodeInputPacket(without).report_frame, NO_REPORT)
