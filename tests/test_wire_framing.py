"""
Frames on a stream: whatever the chunks, the same frames; never more than the limit.
"""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from time import process_time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import FrameTooLong, LocalProtocolError, MalformedMessage
from gamenet.wire.framing import FRAME_LIMIT, FrameBuffer, frame


def _chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return bytes in pieces."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


class FrameTests(SynchronousTestCase):
    """The sending end."""

    def test_layout(self) -> None:
        """Four bytes of length, big endian, and the payload."""
        self.assertEqual(frame(b"abc"), b"\0\0\0\3abc")
        self.assertEqual(frame(bytes(0x1234))[:5], b"\0\0\x12\x34\0")

    def test_bounds(self) -> None:
        """From one byte to the limit, the default of which is 65 536."""
        self.assertEqual(FRAME_LIMIT, 65_536)
        self.assertEqual(len(frame(bytes(FRAME_LIMIT))), FRAME_LIMIT + 4)
        self.assertRaises(LocalProtocolError, frame, b"")
        self.assertRaises(LocalProtocolError, frame, bytes(FRAME_LIMIT + 1))
        self.assertEqual(frame(b"abc", 3), b"\0\0\0\3abc")
        self.assertRaises(LocalProtocolError, frame, b"abcd", 3)


class FrameBufferTests(SynchronousTestCase):
    """The receiving end."""

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(st.binary(min_size=1, max_size=20), max_size=6),
        st.lists(st.integers(0, 1000), max_size=20),
        st.integers(0, 10),
    )
    def test_anyChunking(self, payloads: list[bytes], cuts: list[int], missing: int) -> None:
        """Frames come out whole and in order however the stream is cut, and the rest stays."""
        stream = b"".join(map(frame, payloads))
        stream = stream[: max(len(stream) - missing, 0)]
        buffer = FrameBuffer(20)
        received: list[bytes] = []
        fed = 0
        for chunk in _chunks(stream, cuts):
            received += buffer.feed(chunk)
            fed += len(chunk)
            whole, ends = [], 0
            for payload in payloads:
                ends += 4 + len(payload)
                if ends > fed:
                    break
                whole.append(payload)
            self.assertEqual(received, whole)
            self.assertEqual(buffer.buffered, fed - sum(4 + len(payload) for payload in whole))
            self.assertLessEqual(buffer.buffered, 20 + 3)

    def test_byteByByte(self) -> None:
        """Frames come with their last byte, not before and not after."""
        buffer = FrameBuffer()
        stream = frame(b"one") + frame(b"2") + frame(b"three")
        arrivals = {}
        for place in range(len(stream)):
            payloads = buffer.feed(stream[place : place + 1])
            if payloads:
                arrivals[place] = payloads
        self.assertEqual(arrivals, {6: [b"one"], 11: [b"2"], 20: [b"three"]})

    def test_typesAndEmptyChunks(self) -> None:
        """Payloads are bytes of their own; an empty chunk changes nothing."""
        buffer = FrameBuffer()
        self.assertEqual(buffer.feed(b""), [])
        self.assertEqual(buffer.feed(frame(b"ab")[:5]), [])
        self.assertEqual(buffer.feed(b""), [])
        [payload] = buffer.feed(b"b")
        self.assertIs(type(payload), bytes)
        self.assertEqual(payload, b"ab")
        self.assertEqual(buffer.buffered, 0)

    def test_longest(self) -> None:
        """A frame of exactly the limit passes, one byte more is refused."""
        self.assertEqual(FrameBuffer().feed(frame(bytes(FRAME_LIMIT))), [bytes(FRAME_LIMIT)])
        self.assertRaises(FrameTooLong, FrameBuffer().feed, b"\0\1\0\1")
        self.assertEqual(FrameBuffer(3).feed(b"\0\0\0\3abc"), [b"abc"])
        error = self.assertRaises(FrameTooLong, FrameBuffer(3).feed, b"\0\0\0\4")
        self.assertEqual(str(error), "a frame of 4 bytes is announced, the limit is 3")

    def test_oversizeIsRefusedBeforeBuffering(self) -> None:
        """Bad input, a frame longer than the limit: refused at its prefix, nothing is kept."""
        buffer = FrameBuffer()
        self.assertEqual(buffer.feed(b"\xff\xff\xff"), [])
        tracemalloc.start()
        try:
            self.assertRaises(FrameTooLong, buffer.feed, b"\xff")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 10_000)
        self.assertEqual(buffer.buffered, 0)
        flooded = FrameBuffer()
        self.assertRaises(FrameTooLong, flooded.feed, b"\xff" * 100_000)
        self.assertEqual(flooded.buffered, 0)

    def test_staysBroken(self) -> None:
        """After a bad prefix every chunk raises the same, good frames and nothing included."""
        for bad, expected in ((b"\0\1\0\1", FrameTooLong), (b"\0\0\0\0", MalformedMessage)):
            buffer = FrameBuffer()
            first = self.assertRaises(expected, buffer.feed, frame(b"good") + bad)
            for chunk in (frame(b"good"), b"", b"x" * 1000):
                again = self.assertRaises(expected, buffer.feed, chunk)
                self.assertIs(type(again), expected)
                self.assertEqual(str(again), str(first))
                self.assertEqual(buffer.buffered, 0)

    def test_emptyFrame(self) -> None:
        """A frame of no bytes is malformed, and not for being too long."""
        error = self.assertRaises(MalformedMessage, FrameBuffer().feed, b"\0\0\0\0")
        self.assertNotIsInstance(error, FrameTooLong)
        self.assertIn("empty", str(error))

    def test_badPrefixAfterGoodFrames(self) -> None:
        """Good frames that came in earlier chunks are not lost to a bad prefix later."""
        buffer = FrameBuffer()
        self.assertEqual(buffer.feed(frame(b"good") + b"\0\1"), [b"good"])
        self.assertRaises(FrameTooLong, buffer.feed, b"\0\1")

    def test_limits(self) -> None:
        """The limit is from 1 to what the prefix can say."""
        for limit in (0, -1, 1 << 32):
            self.assertRaises(LocalProtocolError, FrameBuffer, limit)
        self.assertEqual(FrameBuffer(1).feed(frame(b"x")), [b"x"])
        self.assertEqual(FrameBuffer((1 << 32) - 1).feed(frame(b"x")), [b"x"])

    def test_workIsProportional(self) -> None:
        """
        A mebibyte in chunks of one byte costs a fraction of a second of
        processor time; were each chunk to copy what is there, it would be minutes.
        """
        size = 1 << 20
        buffer = FrameBuffer(size)
        buffer.feed(size.to_bytes(4, "big"))
        started = process_time()
        for _ in range(size - 1):
            buffer.feed(b"x")
        self.assertLess(process_time() - started, 10)
        self.assertEqual(buffer.feed(b"x"), [b"x" * size])

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.binary(max_size=12), max_size=10))
    def test_arbitraryBytes(self, chunks: list[bytes]) -> None:
        """Any stream gives frames within the bounds, or is malformed from there on."""
        buffer = FrameBuffer(8)
        for chunk in chunks:
            try:
                payloads = buffer.feed(chunk)
            except MalformedMessage:
                self.assertRaises(MalformedMessage, buffer.feed, b"")
                return
            for payload in payloads:
                self.assertTrue(1 <= len(payload) <= 8)
            self.assertLessEqual(buffer.buffered, 11)
