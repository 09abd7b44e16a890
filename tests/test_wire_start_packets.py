"""
The packets of the start and of the result, as bytes.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.match_statements import OUTCOME_LIMIT, MatchStatement, StatementPacket
from gamenet.wire.peer_packets import Ready, decodePeerPacket, encodePeerPacket
from gamenet.wire.start_packets import CLOCK_LAST, CallOff, CallOffReason, Countdown

CLOCKS = st.integers(~CLOCK_LAST, CLOCK_LAST)
PLAYERS = st.sets(st.integers(1, 16), min_size=1).map(lambda found: tuple(sorted(found)))

PACKETS = st.one_of(
    st.builds(Countdown, CLOCKS, CLOCKS),
    st.builds(CallOff, st.sampled_from(CallOffReason), PLAYERS),
    st.builds(
        StatementPacket,
        st.booleans(),
        st.integers(0, 2**31 - 1),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=OUTCOME_LIMIT),
        st.binary(min_size=64, max_size=64),
    ),
    st.builds(
        Ready,
        st.binary(min_size=16, max_size=16),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
)


class CodecTests(SynchronousTestCase):
    """Every packet there and back; everything else is refused by name."""

    @given(PACKETS)
    def test_thereAndBack(self, packet: Any) -> None:
        """What is encoded decodes to the same."""
        self.assertEqual(decodePeerPacket(encodePeerPacket(packet)), packet)

    @given(st.sampled_from((3, 8, 9, 10)), st.binary(max_size=700))
    def test_anyBytes(self, kind: int, rest: bytes) -> None:
        """Bad input: any bytes are a packet whose bytes they are, or refused by name."""
        data = bytes([kind]) + rest
        try:
            packet = decodePeerPacket(data)
        except MalformedMessage:
            return
        self.assertEqual(encodePeerPacket(packet), data)

    def test_bytes(self) -> None:
        """The layouts, as the page says them."""
        for packet, text in (
            (Countdown(1, 2), "08" "0000000000000001" "0000000000000002"),
            (CallOff(CallOffReason.LOST, (1, 3, 16)), "09" "02" "8005"),
            (
                StatementPacket(True, 5, 6, b"hi", bytes(64)),
                "0a" "01" "00000005" "00000006" + "00" * 64 + "6869",
            ),
            (Ready(bytes(16), True, False, True, True), "03" + "00" * 16 + "0d"),
        ):
            self.assertEqual(encodePeerPacket(packet).hex(), text)

    def test_refused(self) -> None:
        """Bad input: lengths, flags, reasons and players out of bounds."""
        for text in (
            "08" + "00" * 15,
            "08" + "00" * 17,
            "09" "04" "0001",
            "09" "00" "0000",
            "09" "00" "01",
            "0a" + "00" * 72,
            "0a" + "00" * (74 + OUTCOME_LIMIT),
            "0a" "02" + "00" * 72,
            "0a" "00" "80000000" + "00" * 68,
            "03" + "00" * 16 + "10",
        ):
            self.assertRaises(MalformedMessage, decodePeerPacket, bytes.fromhex(text))

    def test_ourOwn(self) -> None:
        """What is out of bounds does not leave."""
        signature = bytes(64)
        for packet in (
            Countdown(~CLOCK_LAST - 1, 0),
            Countdown(0, CLOCK_LAST + 1),
            Countdown(0, 1.5),  # type: ignore[arg-type]
            CallOff(2, (1,)),  # type: ignore[arg-type]
            CallOff(CallOffReason.LOST, ()),
            CallOff(CallOffReason.LOST, (17,)),
            CallOff(CallOffReason.LOST, [1]),  # type: ignore[arg-type]
            StatementPacket(1, 0, 0, b"", signature),  # type: ignore[arg-type]
            StatementPacket(True, -1, 0, b"", signature),
            StatementPacket(True, 0, 1 << 32, b"", signature),
            StatementPacket(True, 0, 0, bytes(OUTCOME_LIMIT + 1), signature),
            StatementPacket(True, 0, 0, b"", bytes(63)),
            Ready(bytes(16), True, 1),  # type: ignore[arg-type]
        ):
            self.assertRaises(LocalProtocolError, encodePeerPacket, packet)

    def test_statement(self) -> None:
        """What is signed is canonical CBOR that names its purpose and the match."""
        statement = MatchStatement(bytes(range(16)), 299, 0xDEADBEEF, b"1:3")
        self.assertEqual(
            statement.toBytes().hex(),
            "85" "76" + b"gamenet match result 1".hex() + "50" + bytes(range(16)).hex()
            + "19012b" "1adeadbeef" "43313a33",
        )
        for bad in (
            (b"", 0, 0, b""),
            (bytes(16), -1, 0, b""),
            (bytes(16), 0, -1, b""),
            (bytes(16), 0, 0, bytes(OUTCOME_LIMIT + 1)),
        ):
            self.assertRaises(LocalProtocolError, MatchStatement, *bad)
