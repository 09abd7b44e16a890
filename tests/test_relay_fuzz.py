"""
"A fuzz target for the codec and one for the server": coturn #1844, #1964 (lengths that
overflow), CVE-2026-40613 (misaligned attributes), CVE-2026-43994 (a nonce's length).
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.seeded_random import SeededRandom
from tests.fuzz.choices import Choices
from tests.fuzz.codec_play import framed, playCodec
from tests.fuzz.relay_messages import ChosenMessage
from tests.fuzz.relay_play import RelayPlay
from tests.relay_bytes import rawMessage, sealed

_PEERS = [("198.51.100.50", 9), ("2606:4700::50", 9), ("127.0.0.1", 1)]


def chosen(data: bytes) -> bytes:
    """Return the message that some bytes stand for."""
    name, key = "1:alice", b"k" * 16
    return ChosenMessage.choose(Choices(data), name, b"n" * 33, key, bytes(12), _PEERS).data


class CodecTests(SynchronousTestCase):
    """The codec."""

    @given(st.binary(max_size=200))
    @settings(deadline=None, max_examples=300)
    def test_anyBytes(self, data: bytes) -> None:
        """Any bytes, and any bytes behind a header."""
        playCodec(data)
        playCodec(framed(data))

    @given(st.binary(max_size=120))
    @settings(deadline=None, max_examples=300)
    def test_mutations(self, data: bytes) -> None:
        """Messages with lengths, ends, orders and repetitions that are wrong."""
        playCodec(chosen(data))

    def test_reached(self) -> None:
        """Both good and bad messages are among those that random choices make."""
        draws = SeededRandom.fromLabel(1, "codec")
        accepted = sum(playCodec(chosen(draws.drawBytes(120))) for _ in range(400))
        self.assertGreater(accepted, 100)
        self.assertLess(accepted, 390)

    def test_everyLength(self) -> None:
        """#1844/#1964: an attribute that says every length from 0 to 65535 in the same message."""
        whole = bytearray(sealed(rawMessage(3, ((0x0006, b"u" * 40),)), b"k"))
        taken = []
        for length in range(65_536):
            whole[22:24] = length.to_bytes(2, "big")
            if (length < 200 or not length % 97) and playCodec(bytes(whole)):
                taken.append(length)
        self.assertIn(40, taken)
        self.assertLessEqual(max(taken), len(whole) - 24)

    def test_headerLengths(self) -> None:
        """A header that says every length but the right one is no message."""
        whole = bytearray(rawMessage(3, ((0x0006, b"u" * 40),)))
        for length in (*range(200), *range(200, 65_536, 89), 65_532, 65_535):
            whole[2:4] = length.to_bytes(2, "big")
            self.assertEqual(playCodec(bytes(whole)), length == 44)

    def test_oddOffsets(self) -> None:
        """CVE-2026-40613: whatever stands before, attributes are read at multiples of four."""
        for size in range(9):
            whole = rawMessage(3, ((0x8022, b"s" * size), (0x000D, b"\0\0\2\x58")))
            self.assertTrue(playCodec(whole))
            for cut in range(1, len(whole)):
                self.assertFalse(playCodec(whole[:-cut]))

    def test_manyAttributes(self) -> None:
        """A message of the most attributes there can be costs a bounded amount."""
        self.assertFalse(playCodec(rawMessage(3, ((0x8022, b""),) * 16_000)))
        self.assertTrue(playCodec(rawMessage(3, ((0x8022, b""),) * 64)))
        self.assertFalse(playCodec(rawMessage(3, ((0x8022, b""),) * 65)))


class ServerTests(SynchronousTestCase):
    """
    The server: no exception escapes, quotas and counters agree with the tables, answers are
    short, and nothing is left in the end.
    """

    @given(st.binary(max_size=1200))
    @settings(deadline=None, max_examples=60)
    def test_anyPlay(self, data: bytes) -> None:
        """Whatever clients over UDP, IPv6 and streams and their peers do."""
        RelayPlay().play(data)

    def test_shortCutUnseen(self) -> None:
        """With the short cut and without, everybody receives the same and the same is counted."""
        draws = SeededRandom.fromLabel(3, "short cut")
        taken = 0
        for number in range(80):
            data = draws.drawBytes(1500)
            short, long = RelayPlay(True), RelayPlay(False)
            short.play(data)
            long.play(data)
            self.assertEqual(short.seen(), long.seen(), number)
            self.assertEqual(long.scene.server.counters.short_cut_packets, 0)
            taken += short.scene.server.counters.short_cut_packets
        self.assertGreater(taken, 0)

    def test_reached(self) -> None:
        """Random plays reach everything: allocations, channels, packets, errors, drops."""
        draws = SeededRandom.fromLabel(2, "server")
        totals = dict.fromkeys(
            ("allocations", "from", "to", "short", "bindings", "ended"), 0
        )
        codes: dict[int, int] = {}
        drops: dict[str, int] = {}
        for _ in range(150):
            play = RelayPlay()
            play.play(draws.drawBytes(1500))
            counters = play.scene.server.counters
            totals["allocations"] += counters.allocations_total
            totals["from"] += counters.packets_from_clients
            totals["to"] += counters.packets_to_clients
            totals["short"] += counters.short_cut_packets
            totals["bindings"] += counters.bindings
            totals["ended"] += sum(counters.allocations_ended.values())
            codes.update(counters.refused)
            drops.update(play.scene.dropped())
        for name, count in totals.items():
            self.assertGreater(count, 0, name)
        self.assertLessEqual({400, 401, 403, 420, 437, 438}, set(codes))
        self.assertLessEqual(
            {"malformed", "not_a_request", "no_permission", "no_channel", "no_allocation",
             "stream_stalled"},
            set(drops),
        )
