"""Tests of L{gamenet.channel.streams}, C{reassembly} and C{outgoing_pieces}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.channel.errors import SendQueueFull
from gamenet.channel.reassembly import EARLY_LIMIT, Reassembly
from gamenet.channel.settings import ChannelSettings
from gamenet.channel.streams import IncomingStream, OutgoingStream
from gamenet.errors import BadSetting, LocalProtocolError, RemoteProtocolError
from gamenet.wire.channel_values import FIRST_WINDOW, Piece, Window

RULES = ChannelSettings()


def framed(*messages: bytes) -> bytes:
    """The bytes of a stream."""
    return b"".join([len(message).to_bytes(4, "big") + message for message in messages])


class PropertyTests(SynchronousTestCase):
    """Reliable ordered messages, whatever the order of the pieces."""

    @settings(deadline=None, max_examples=150)
    @given(
        st.lists(st.binary(max_size=40), max_size=12),
        st.lists(st.integers(1, 30), min_size=1, max_size=20),
        st.randoms(use_true_random=False),
    )
    def test_anyOrder(self, messages: list[bytes], rooms: list[int], random: object) -> None:
        """Cut anyhow, lost anyhow, come in any order and twice: once each, in order."""
        outgoing, incoming = OutgoingStream(1, RULES), IncomingStream(1, RULES)
        for message in messages:
            outgoing.send(message)
        flying: list[Piece] = []
        taken: list[bytes] = []
        turn = 0
        while not outgoing.idle:
            turn += 1
            piece = outgoing.take(rooms[turn % len(rooms)] if turn < 200 else 40)
            if piece is not None:
                flying.append(piece)
            if not flying:
                continue
            place = random.randrange(len(flying))  # type: ignore[attr-defined]
            chance = random.random()  # type: ignore[attr-defined]
            if chance < 0.3:
                lost = flying.pop(place)
                outgoing.lost(lost.offset, len(lost.content))
            elif chance < 0.8:
                come = flying.pop(place)
                for _ in range(2 if chance < 0.4 else 1):
                    incoming.check(come)
                    incoming.add(come)
                outgoing.acknowledged(come.offset, len(come.content))
                if chance < 0.6:
                    taken += incoming.take()
        taken += incoming.take()
        self.assertEqual(taken, messages)
        self.assertEqual(incoming.size, 0)

    @settings(deadline=None, max_examples=150)
    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=30))
    def test_overlaps(self, pieces: list[tuple[int, int]]) -> None:
        """Bad input: overlapping pieces: what is taken never contradicts what was."""
        received = Reassembly()
        cover: dict[int, tuple[int, int]] = {}
        for offset, length in pieces:
            known = [cover.get(place) for place in range(offset, offset + length)]
            whole = offset + length <= received.end
            same = all(one == (offset, length) for one in known)
            free = not any(known)
            try:
                new = received.isNew(offset, bytes(length))
            except RemoteProtocolError:
                self.assertFalse(whole or same or free)
                continue
            self.assertTrue(whole or same or free)
            self.assertEqual(new, free)
            if new:
                received.add(offset, bytes(length))
                cover.update(dict.fromkeys(range(offset, offset + length), (offset, length)))
            self.assertEqual(received.size, len(cover))


class SendingTests(SynchronousTestCase):
    """Bounded send queues and windows."""

    def test_queueLimits(self) -> None:
        """Too many bytes or messages that wait are refused by name until some have come."""
        for rules, message in [
            (ChannelSettings(queue_limit=100), bytes(46)),
            (ChannelSettings(queue_messages=2), b""),
        ]:
            stream = OutgoingStream(0, rules)
            stream.send(message)
            stream.send(message)
            self.assertRaises(SendQueueFull, stream.send, message)
            piece = stream.take(4 + len(message))
            assert piece is not None
            self.assertRaises(SendQueueFull, stream.send, message)
            stream.acknowledged(piece.offset, len(piece.content))
            stream.send(message)
            self.assertRaises(SendQueueFull, stream.send, message)

    def test_misuse(self) -> None:
        """What is no message, or too long, is our own mistake."""
        stream = OutgoingStream(0, ChannelSettings(message_limit=10))
        stream.send(bytes(10))
        for bad in (bytes(11), bytearray(3), "text"):
            self.assertRaises(LocalProtocolError, stream.send, bad)
        self.assertRaises(BadSetting, ChannelSettings, message_limit=FIRST_WINDOW)
        self.assertRaises(BadSetting, ChannelSettings, receive_window=FIRST_WINDOW - 1)

    def test_window(self) -> None:
        """Nothing goes beyond what the receiver takes."""
        stream = OutgoingStream(0, RULES)
        stream.send(bytes(60_000))
        stream.send(bytes(60_000))
        sent = 0
        while (piece := stream.take(1000)) is not None:
            sent += len(piece.content)
        self.assertEqual(sent, FIRST_WINDOW)
        self.assertFalse(stream.isDue())
        stream.limit += 10
        self.assertEqual(stream.take(1000), Piece(0, FIRST_WINDOW, bytes(10)))

    def test_sameAgain(self) -> None:
        """What is lost goes again as it was, the oldest first, and only where it fits."""
        stream = OutgoingStream(0, RULES)
        stream.send(bytes(range(100)))
        pieces = [stream.take(30) for _ in range(3)]
        for piece in (pieces[2], pieces[0]):
            assert piece is not None
            stream.lost(piece.offset, len(piece.content))
        self.assertIsNone(stream.take(29))
        self.assertEqual([stream.take(50) for _ in range(3)], [
            pieces[0], pieces[2], Piece(0, 90, bytes(range(86, 100))),
        ])

    def test_piecesLimit(self) -> None:
        """Not more pieces are on their way than a receiver keeps beyond a gap."""
        stream = OutgoingStream(0, RULES)
        stream.send(bytes(60_000))
        taken = [stream.take(1) for _ in range(EARLY_LIMIT)]
        self.assertFalse(stream.isDue())
        self.assertIsNone(stream.take(1))
        incoming = IncomingStream(0, RULES)
        for piece in taken[:0:-1]:
            assert piece is not None
            incoming.check(piece)
            incoming.add(piece)
        stream.acknowledged(0, 1)
        self.assertTrue(stream.isDue())


class ReceivingTests(SynchronousTestCase):
    """Bad input: what no sender can rightly send; a slow reader."""

    def refuse(self, stream: IncomingStream, offset: int, content: bytes) -> None:
        """Fail unless a piece is refused."""
        before = stream.size
        self.assertRaises(RemoteProtocolError, stream.check, Piece(0, offset, content))
        self.assertEqual(stream.size, before)

    def add(self, stream: IncomingStream, offset: int, content: bytes) -> None:
        """Take a piece."""
        stream.check(Piece(0, offset, content))
        stream.add(Piece(0, offset, content))

    def test_lyingLengths(self) -> None:
        """A message longer than the limit, its length whole or cut anywhere, early or not."""
        rules = ChannelSettings(message_limit=50)
        bad = framed(b"first") + (51).to_bytes(4, "big") + bytes(51)
        for cut in range(1, 13):
            stream = IncomingStream(0, rules)
            self.add(stream, 0, bad[:cut])
            self.refuse(stream, cut, bad[cut:])
            self.assertEqual(stream.take(), [b"first"] if cut >= 9 else [])
            stream = IncomingStream(0, rules)
            self.add(stream, cut, bad[cut:])
            self.refuse(stream, 0, bad[:cut])
            self.assertEqual(stream.take(), [])
        self.refuse(IncomingStream(0, rules), 0, b"\xff\xff\xff\xff")

    def test_window(self) -> None:
        """Beyond the window nothing is taken; the window moves as messages are taken."""
        rules = ChannelSettings(receive_window=FIRST_WINDOW)
        stream = IncomingStream(0, rules)
        self.assertFalse(stream.windowDue())
        self.refuse(stream, FIRST_WINDOW - 1, b"xy")
        self.add(stream, FIRST_WINDOW - 1, b"x")
        self.add(stream, 0, framed(bytes(20_000)))
        self.assertFalse(stream.windowDue())
        self.assertEqual(len(stream.take()), 1)
        self.assertTrue(stream.windowDue())
        self.assertEqual(stream.window(), Window(0, FIRST_WINDOW + 20_004))
        self.assertFalse(stream.windowDue())
        self.add(stream, FIRST_WINDOW, b"y")

    def test_noDeadlock(self) -> None:
        """A message that does not fit into what is left of the window moves it at once."""
        rules = ChannelSettings(receive_window=FIRST_WINDOW)
        stream = IncomingStream(0, rules)
        bytes_sent = framed(bytes(1000), bytes(65_000))
        self.add(stream, 0, bytes_sent[:FIRST_WINDOW])
        self.assertFalse(stream.windowDue())
        self.assertEqual(len(stream.take()), 1)
        self.assertTrue(stream.windowDue())
        stream.window()
        self.add(stream, FIRST_WINDOW, bytes_sent[FIRST_WINDOW:])
        self.assertEqual(len(stream.take()), 1)

    def test_earlyLimit(self) -> None:
        """Memory: single bytes beyond a gap are taken up to a limit, then refused."""
        stream = IncomingStream(0, RULES)
        for place in range(EARLY_LIMIT):
            self.add(stream, 2 + 2 * place, b"\x00")
        self.refuse(stream, 2 + 2 * EARLY_LIMIT, b"\x00")
        self.add(stream, 0, b"\x00")
