"""Tests of L{gamenet.channel.channel}: messages, whatever the path does."""

from __future__ import annotations

import contextlib
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.channel.channel import Channel
from gamenet.channel.errors import ChannelFailed, SendQueueFull
from gamenet.channel.settings import ChannelSettings
from gamenet.channel.transfer_ends import TransferArrived
from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.wire.channel_frames import encodeAcknowledgement, encodeFrame, encodeHeader
from gamenet.wire.channel_values import (
    BODY_LIMIT,
    FIRST_WINDOW,
    Accept,
    Acknowledgement,
    Cancel,
    Chunk,
    Done,
    Offer,
    Piece,
    Refuse,
    RefuseReason,
    Window,
)
from tests.channel_pair import ChannelPair, content


def packet(number: int | None, *frames: object, acknowledged: object = None) -> bytes:
    """A packet of some frames."""
    encoded = b"" if acknowledged is None else encodeAcknowledgement(acknowledged)
    return encodeHeader(number, encoded) + b"".join(map(encodeFrame, frames))


SMALL = st.integers(0, 30)
SOME = st.binary(min_size=1, max_size=9)
TRANSFERS = st.integers(1, 4)
STREAM = st.integers(0, 3)

#: Any frames that decode.
FRAMES = st.one_of(
    st.builds(Piece, STREAM, SMALL, SOME),
    st.builds(Window, STREAM, st.integers(0, 200_000)),
    st.builds(Offer, TRANSFERS, st.integers(0, 2), SMALL, st.just(bytes(16)), SOME),
    st.builds(Accept, TRANSFERS, st.integers(0, 5000)),
    st.builds(Refuse, TRANSFERS, st.sampled_from(RefuseReason)),
    st.builds(Chunk, TRANSFERS, SMALL, SOME),
    st.builds(Cancel, TRANSFERS),
    st.builds(Done, TRANSFERS),
)

PACKETS = st.builds(
    lambda number, frames: packet(number, *frames),
    st.integers(1, 9),
    st.lists(FRAMES, min_size=1, max_size=3),
)

ANSWERS = st.builds(
    lambda low, more: packet(None, acknowledged=Acknowledgement(((low, low + more),), 0.0, 77)),
    st.integers(1, 9),
    st.integers(0, 3),
)

ACTIONS = st.sampled_from(["send", "begin", "cancel", "giveUp", "take", "path", "tick", "tock"])


class DeliveryTests(SynchronousTestCase):
    """Reliable ordered messages (bounded windows, ranges, measured round trips)."""

    @settings(deadline=None, max_examples=15)
    @given(
        st.integers(0, 2**32),
        st.floats(0, 0.3),
        st.floats(0, 0.2),
        st.floats(0, 0.2),
        st.floats(0, 0.05),
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3000)), max_size=30),
        st.integers(0, 60_000),
    )
    def test_anyPath(
        self,
        seed: int,
        loss: float,
        reordering: float,
        duplication: float,
        jitter: float,
        sizes: list[tuple[int, int]],
        large: int,
    ) -> None:
        """
        Loss, reordering, duplication and jitter: all messages arrive once and in order, a
        transfer whole, both ways; and then all is quiet.
        """
        pair = ChannelPair(
            seed, loss=loss, reordering=reordering, duplication=duplication, jitter=jitter
        )
        sent: list[list[list[bytes]]] = [[[], [], [], []], [[], [], [], []]]
        for end in (0, 1):
            pair.ends[end].beginTransfer(5, b"head", content(large, seed + end), 0.0)
        for turn, (stream, size) in enumerate(sizes):
            message = content(size, turn)
            for end in (0, 1):
                sent[end][stream].append(message)
                pair.ends[end].send(stream, message)
            if turn % 3 == 0:
                pair.run(0.01)
        pair.settle()
        for end in (0, 1):
            come = pair.messages[1 - end]
            came = [[text for which, text in come if which == n] for n in range(4)]
            self.assertEqual(came, sent[end])
            arrived = [one for one in pair.transfers[1 - end] if isinstance(one, TransferArrived)]
            self.assertEqual(arrived, [TransferArrived(5, b"head", content(large, seed + end))])
        pair.run(5.0)
        before = [channel.statistics for channel in pair.ends]
        pair.run(60.0)
        self.assertEqual([channel.statistics for channel in pair.ends], before)
        self.assertIsNone(pair.ends[0].nextDue())

    def test_faults(self) -> None:
        """Each fault of the path above really happens."""
        pair = ChannelPair(3, loss=0.1, reordering=0.1, duplication=0.1, jitter=0.01)
        pair.ends[0].beginTransfer(0, b"", content(300_000), 0.0)
        pair.settle()
        way = pair.ways[0]
        self.assertGreater(min(way.lost, way.held, way.doubled), 5)
        statistics = pair.ends[0].statistics
        self.assertGreater(statistics.packets_lost, 10)
        self.assertTrue(0.03 < statistics.loss < 0.35, statistics)

    def test_promptness(self) -> None:
        """On a good path a message takes one way, a lost one a round trip more."""
        pair = ChannelPair(lateness=0.0, latency=0.025)
        pair.ends[0].send(0, b"one")
        pair.run(0.0251)
        self.assertEqual(pair.messages[1], [(0, b"one")])
        pair.run(1.0)
        self.assertAlmostEqual(pair.ends[0].statistics.round_trip or 0.0, 0.05, places=2)
        pair.ways[0].dead = True
        pair.ends[0].send(0, b"two")
        pair.run(0.001)
        pair.ways[0].dead = False
        for number in range(4):
            pair.ends[0].send(1, bytes([number]))
            pair.run(0.001)
        pair.run(0.12)
        self.assertIn((0, b"two"), pair.messages[1])

    def test_slowReader(self) -> None:
        """Who takes nothing is sent a window and no more; the sender's queue fills by name."""
        rules = ChannelSettings(receive_window=100_000, queue_limit=300_000)
        pair = ChannelPair(2, rules)
        pair.reads[1] = False
        sent = 0
        for _ in range(400):
            try:
                pair.ends[0].send(2, content(1000, sent))
                sent += 1
            except SendQueueFull:
                break
            pair.run(0.01)
        self.assertTrue(380 < sent < 400, sent)
        self.assertLess(pair.ends[1].statistics.bytes_received, 130_000)
        quiet = pair.ends[0].statistics.packets_sent
        pair.run(30.0)
        self.assertLess(pair.ends[0].statistics.packets_sent, quiet + 5)
        self.assertFalse(pair.ends[0].failed)
        pair.ends[0].send(1, b"another stream")
        pair.reads[1] = True
        pair.settle()
        taken = [text for stream, text in pair.messages[1] if stream == 2]
        self.assertEqual(taken, [content(1000, number) for number in range(sent)])

    def test_streamsShare(self) -> None:
        """A stream that sends much does not keep another one's message back."""
        pair = ChannelPair(rate=125_000.0)
        pair.ends[0].beginTransfer(0, b"", content(500_000), 0.0)
        pair.run(1.0)
        for number in range(40):
            pair.ends[0].send(0, content(20_000, number))
        pair.ends[0].send(3, b"small")
        pair.run(0.15)
        self.assertIn((3, b"small"), pair.messages[1])
        self.assertLess(len(pair.messages[1]), 20)

    def test_misuse(self) -> None:
        """No such stream, no bytes: our own mistake."""
        end = Channel()
        for stream, message in ((4, b""), (-1, b""), (0, "text"), (0, bytes(65_537))):
            self.assertRaises(LocalProtocolError, end.send, stream, message)
        self.assertTrue(end.idle)
        end.send(0, b"")
        self.assertFalse(end.idle)
        self.assertEqual(end.queued(0), 4)


class SilenceTests(SynchronousTestCase):
    """Paths that die, change and come back."""

    def test_backOff(self) -> None:
        """What nobody answers is asked again after twice as long, at most every 2 s."""
        pair = ChannelPair(lateness=0.0)
        pair.ways[0].dead = True
        pair.ends[0].send(0, b"x")
        times = []
        for _ in range(12):
            pair.run(1.0)
            times.append(pair.ends[0].statistics.packets_sent)
        self.assertTrue(3 <= times[1] <= 5, times)
        self.assertEqual(times[11] - times[3], 4)
        pair.ways[0].dead = False
        pair.run(2.2)
        self.assertEqual(pair.messages[1], [(0, b"x")])

    def test_pathChanged(self) -> None:
        """On another path it is asked again at once, and the path is measured anew."""
        pair = ChannelPair(lateness=0.0)
        pair.ends[0].beginTransfer(0, b"", content(400_000), 0.0)
        pair.run(0.6)
        pair.ways[0].dead = True
        pair.run(8.0)
        progress = pair.ends[0].progress(0)
        window = pair.ends[0].statistics.window
        pair.ways[0].dead = False
        pair.ends[0].pathChanged(pair.now)
        self.assertLess(pair.ends[0].statistics.window, window + 1)
        self.assertIsNone(pair.ends[0].statistics.round_trip)
        pair.run(0.2)
        self.assertNotEqual(pair.ends[0].progress(0), progress)
        pair.settle(5.0)
        self.assertEqual(len(pair.transfers[1]), 1)

    def test_givenUp(self) -> None:
        """After so many seconds without an answer the channel has failed, and says so."""
        pair = ChannelPair(1, ChannelSettings(give_up_after=5.0))
        pair.run(20.0)
        pair.ways[1].dead = True
        pair.ends[0].send(0, b"x")
        pair.run(4.9)
        self.assertFalse(pair.ends[0].failed)
        pair.run(0.2)
        self.assertTrue(pair.ends[0].failed)
        self.assertEqual(pair.ends[0].packetsDue(pair.now), [])
        self.assertIsNone(pair.ends[0].nextDue())
        self.assertRaises(ChannelFailed, pair.ends[0].send, 0, b"y")
        self.assertRaises(ChannelFailed, pair.ends[0].beginTransfer, 0, b"", b"", pair.now)

    def test_packetsLimit(self) -> None:
        """Not more packets are on their way than the limit, whatever the window."""
        end = Channel(ChannelSettings(packets_limit=8))
        for _ in range(100):
            end.send(0, content(1100))
        bodies = [body for tick in range(100) for body in end.packetsDue(tick / 1000)]
        self.assertLessEqual(len(bodies), 8)
        self.assertLessEqual(max(map(len, bodies)), BODY_LIMIT)


class HostileTests(SynchronousTestCase):
    """Bad input: refused by name, no change, memory constant."""

    def refuse(self, end: Channel, body: bytes) -> None:
        """Fail unless a body is refused and counted, and changes nothing else."""
        before = end.statistics, end.idle, end.nextDue(), end.incomingTransfers
        self.assertRaises(RemoteProtocolError, end.packetReceived, body, 1.0)
        statistics, *others = end.statistics, end.idle, end.nextDue(), end.incomingTransfers
        self.assertEqual(others, list(before[1:]))
        self.assertEqual(statistics.refused, before[0].refused + 1)
        self.assertEqual(statistics.bytes_received, before[0].bytes_received)
        self.assertEqual(statistics.in_flight, before[0].in_flight)
        self.assertEqual(end.takeMessages(), ())

    def test_neverSent(self) -> None:
        """An acknowledgement of what was never sent, alone or with a range of a billion."""
        end = Channel()
        end.send(0, b"message")
        self.assertEqual(len(end.packetsDue(0.5)), 1)
        for ranges in (((2, 2),), ((1, 2),), ((1_000_000_000, 1_000_000_001), (1, 999_999_000))):
            self.refuse(end, packet(None, acknowledged=Acknowledgement(ranges, 0.0, 0)))
        end.packetReceived(packet(None, acknowledged=Acknowledgement(((1, 1),), 0.0, 0)), 1.0)
        self.assertTrue(end.idle)

    def test_wholePacket(self) -> None:
        """Where one frame is bad, the good ones before it are not taken either."""
        end = Channel()
        good = Piece(0, 0, b"\x00\x00\x00\x01x")
        for bad in (
            Piece(1, FIRST_WINDOW, b"y"),
            Piece(1, 0, b"\xff\xff\xff\xff"),
            Chunk(9, 0, b"x"),
            Done(1),
            Accept(1, 100),
            Refuse(1, RefuseReason.BUSY),
        ):
            self.refuse(end, packet(1, good, bad))
        end.packetReceived(packet(1, good), 1.0)
        self.assertEqual(end.takeMessages(), ((0, b"x"),))

    def test_overlap(self) -> None:
        """Overlapping pieces of a stream."""
        end = Channel()
        end.packetReceived(packet(1, Piece(0, 10, b"0123456789")), 1.0)
        for offset, size in ((5, 6), (19, 3), (12, 3), (10, 11), (10, 9), (9, 12)):
            self.refuse(end, packet(2, Piece(0, offset, bytes(size))))
        end.packetReceived(packet(2, Piece(0, 20, b"x"), Window(2, 0)), 1.0)

    def test_numbers(self) -> None:
        """A packet that comes again is taken once; a number that jumps costs nothing."""
        end = Channel()
        first = packet(1, Piece(0, 0, b"\x00\x00\x00\x01x"))
        end.packetReceived(first, 1.0)
        end.packetReceived(first, 1.0)
        end.packetReceived(packet(4_000_000_000, Piece(0, 5, b"\x00\x00\x00\x01y")), 1.0)
        self.assertEqual(end.takeMessages(), ((0, b"x"), (0, b"y")))
        self.assertEqual(end.statistics.packets_received, 2)

    def test_memory(self) -> None:
        """A flood of what is allowed, of a peer that never answers, is bounded."""
        end = Channel()
        numbers = iter(range(1, 1 << 30))

        def flood(count: int) -> None:
            for _ in range(count):
                number = next(numbers)
                offer = Offer(number * 2, number & 0xFFFF, 1 << 24, bytes(16), bytes(200))
                piece = Piece(number & 3, 4 + 2 * (number % 40_000), b"x")
                first = packet(2 * number, offer, Cancel(number * 3))
                for body in (first, packet(number, piece)):
                    with contextlib.suppress(RemoteProtocolError):
                        end.packetReceived(body, number / 1000)
                end.packetsDue(number / 1000)

        tracemalloc.start()
        try:
            flood(12_000)
            former = tracemalloc.get_traced_memory()[0]
            flood(12_000)
            self.assertLess(tracemalloc.get_traced_memory()[0] - former, 100_000)
        finally:
            tracemalloc.stop()

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.one_of(st.binary(max_size=60), PACKETS, ANSWERS, ACTIONS), max_size=40))
    def test_everyStateEveryInput(self, inputs: list[bytes | str]) -> None:
        """Whatever is done and whatever comes, only remote errors come of a packet."""
        end = Channel(ChannelSettings(transfer_timeout=1.0))
        now = 1.0
        for given_input in inputs:
            match given_input:
                case bytes():
                    with contextlib.suppress(RemoteProtocolError):
                        end.packetReceived(given_input, now)
                case "send":
                    end.send(1, b"text")
                case "begin":
                    end.beginTransfer(1, b"h", content(3000), now)
                case "cancel":
                    end.cancelTransfer(1)
                case "giveUp":
                    end.giveUpTransfer(1)
                case "take":
                    end.takeMessages()
                    end.takeTransfers()
                case "path":
                    end.pathChanged(now)
                case "tick" | "tock":
                    now += 0.02 if given_input == "tick" else 0.7
                    for body in end.packetsDue(now):
                        self.assertLessEqual(len(body), BODY_LIMIT)
                    due = end.nextDue()
                    if due is not None and due < now - 1e-9:
                        self.assertTrue(end.packetsDue(now), "called for nothing")
            self.assertIsInstance(end.statistics.window, int)
            end.progress(1)
