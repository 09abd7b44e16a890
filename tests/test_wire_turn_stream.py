"""
STUN and ChannelData messages on a stream.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.stun import BINDING, MessageClass, StunMessage, encode
from gamenet.wire.turn import encodeChannelData
from gamenet.wire.turn_stream import (
    LONGEST_STREAM_MESSAGE,
    TurnStreamDecoder,
    padForStream,
)

_STUN = encode(StunMessage(BINDING, MessageClass.REQUEST, bytes(12)))


def messages() -> st.SearchStrategy[bytes]:
    """Return any message that can be on a stream."""
    channel_data = st.builds(
        encodeChannelData, st.integers(0x4000, 0x7FFF), st.binary(max_size=50)
    )
    return st.one_of(channel_data, st.just(_STUN))


class DecoderTests(SynchronousTestCase):
    """ChannelData over TCP/TLS streams."""

    @given(st.lists(messages(), max_size=6), st.data())
    def test_roundTrip(self, sent: list[bytes], data: st.DataObject) -> None:
        """However the stream is cut, the same messages come out, in order."""
        stream = b"".join(map(padForStream, sent))
        decoder = TurnStreamDecoder()
        received = []
        while stream:
            size = data.draw(st.integers(1, len(stream)))
            received += decoder.feed(stream[:size])
            stream = stream[size:]
        self.assertEqual(received, sent)
        self.assertFalse(decoder.partial)

    @given(st.lists(st.binary(max_size=100), max_size=20), st.integers(20, 200))
    def test_anything(self, pieces: list[bytes], limit: int) -> None:
        """Whatever comes, at most one message is kept, and a bad one is named once."""
        decoder = TurnStreamDecoder(limit)
        for piece in pieces:
            try:
                for message in decoder.feed(piece):
                    self.assertLessEqual(len(message), limit)
            except MalformedMessage:
                self.assertRaises(LocalProtocolError, decoder.feed, b"")
                return
            self.assertLess(len(decoder._buffer), limit + 3)

    def test_slowLength(self) -> None:
        """Slowloris on TCP framing (length 65535): refused at the header, nothing is waited for."""
        for header in (b"\x40\x00\xff\xff", b"\x00\x03\xff\xfc"):
            decoder = TurnStreamDecoder(2048)
            self.assertEqual(decoder.feed(header[:3]), [])
            self.assertRaises(MalformedMessage, decoder.feed, header[3:])
            TurnStreamDecoder().feed(header)

    def test_padding(self) -> None:
        """4-byte ChannelData padding: the message is whole only with it, and without it inside."""
        decoder = TurnStreamDecoder()
        self.assertEqual(padForStream(b"\x40\x00\x00\x01x"), b"\x40\x00\x00\x01x\0\0\0")
        self.assertEqual(decoder.feed(b"\x40\x00\x00\x01x\0\0"), [])
        self.assertTrue(decoder.partial)
        self.assertEqual(decoder.feed(b"\0"), [b"\x40\x00\x00\x01x"])

    def test_notOurs(self) -> None:
        """What is neither STUN nor ChannelData, and a STUN length that no message has."""
        self.assertRaises(MalformedMessage, TurnStreamDecoder().feed, b"\x80\0\0\0")
        self.assertRaises(MalformedMessage, TurnStreamDecoder(2048).feed, b"GET /")
        self.assertRaises(MalformedMessage, TurnStreamDecoder().feed, b"\0\1\0\3")

    def test_limit(self) -> None:
        """A message of exactly the limit is taken, and the default takes the longest."""
        self.assertEqual(TurnStreamDecoder(8).feed(b"\x40\0\0\4abcd"), [b"\x40\0\0\4abcd"])
        self.assertRaises(MalformedMessage, TurnStreamDecoder(7).feed, b"\x40\0\0\4")
        self.assertEqual(LONGEST_STREAM_MESSAGE, 65_555)
