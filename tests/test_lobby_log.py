"""
What the lobby writes into its log, as a person reads it; and the stream underneath.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import StringTransport
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage
from gamenet.lobby.effects import ClientGreeted
from gamenet.lobby.protocol import LobbyProtocol
from gamenet.lobby.settings import LobbySettings
from gamenet.lobby.stream import FramedStream
from gamenet.wire.lobby_messages import LeaveSession, ListSessions, RefusalCode, Refused
from tests.lobby_wire import ProtocolCase
from tests.lobby_world import LobbyWorld


class Broken(LobbyProtocol):
    """A lobby whose own method fails."""

    def clientGreeted(self, name: str) -> None:
        raise RuntimeError("broken")


class LogTests(ProtocolCase):
    """One event each, naming the client; never a key."""

    settings = LobbySettings(write_limit=300)

    def texts(self) -> list[str]:
        """Return what was logged since the last time."""
        texts = [formatEvent(event) for event in self.events]
        self.events.clear()
        return texts

    def test_refusals(self) -> None:
        """A refusal: who, which code, why."""
        wire = self.greet()
        client = wire.protocol.client_id.hex()
        wire.say(LeaveSession(1))
        self.assertEqual(
            self.texts(), [f"lobby client {client} refused: NOT_SEATED (you are in no session)"]
        )
        wire.protocol.dataReceived(b"\x00\x00\x00\x02\x81\x17")
        text = f"lobby client {client} refused: UNKNOWN_MESSAGE (no message has the number 23 here)"
        self.assertEqual(self.texts(), [text])
        wire.protocol.dataReceived(b"\xff" * 4)
        ((text),) = self.texts()
        self.assertIn(f"lobby client {client} refused: FRAME_TOO_LONG (a frame of 429", text)

    def test_farewells(self) -> None:
        """A farewell that no refusal precedes: who, why."""
        wire = self.greet()
        client = wire.protocol.client_id.hex()
        self.network.advance(11)
        self.assertEqual(
            self.texts(), [f"lobby client {client} closed: you have been silent for 10 s"]
        )

    def test_slowReaders(self) -> None:
        """A client that does not read: who, how much."""
        wire = self.greet()
        client = wire.protocol.client_id.hex()
        wire.buffer = 0
        while not wire.aborted:
            wire.say(ListSessions(1))
        self.assertEqual(
            self.texts(), [f"lobby client {client} closed: it leaves more than 300 bytes unread"]
        )

    def test_moments(self) -> None:
        """A moment that raises: which, whose, and the traceback."""
        self.factory.protocol = Broken
        wire = self.open()
        self.factory.protocol = LobbyProtocol
        wire.protocol.name = "Ada"
        client = wire.protocol.client_id.hex()
        self.factory.perform((ClientGreeted(wire.protocol.client_id, "Ada"),))
        self.assertEqual(self.texts(), [f"clientGreeted of lobby client {client} raised"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class ClientLogTests(SynchronousTestCase):
    """What a player's side writes."""

    def test_unaskedRefusal(self) -> None:
        """A refusal of nothing in particular: which code, why."""
        world = LobbyWorld()
        player = world.player()
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        (stream,) = world.factory._streams
        stream.send(Refused(request=0, code=RefusalCode.MALFORMED, reason="what?"))
        world.network.advance(0.1)
        self.assertIn(
            "the lobby refused: MALFORMED (what?)", [formatEvent(event) for event in events]
        )
        self.assertTrue(player.client.connected)


    def test_garbage(self) -> None:
        """A lobby that cannot be understood: what was bad."""
        world = LobbyWorld()
        player = world.player()
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        (stream,) = world.factory._streams
        stream.sendBytes(bytes(4))
        world.network.advance(0.1)
        self.assertFalse(player.client.connected)
        self.assertIn(
            "the lobby sent what cannot be read: a frame is empty",
            [formatEvent(event) for event in events],
        )


class Bounded(FramedStream):
    """A stream with a limit of ten bytes."""

    write_limit = 10
    slow = 0

    def readerTooSlow(self) -> None:
        self.slow += 1


class FramedStreamTests(SynchronousTestCase):
    """L{FramedStream}."""

    def setUp(self) -> None:
        self.stream = Bounded()
        self.transport = StringTransport()
        self.assertTrue(self.stream.closing)
        self.stream.makeConnection(self.transport)

    def test_pushProducer(self) -> None:
        """It is told by the transport when its buffer is full, and is told at once."""
        self.assertIs(self.transport.producer, self.stream)
        self.assertIs(self.transport.streaming, True)
        self.assertIs(self.stream.closing, False)

    def test_limit(self) -> None:
        """Bytes up to the limit may wait, beyond what the transport buffers; not one more."""
        self.stream.sendBytes(b"x" * 100)
        self.stream.pauseProducing()
        self.stream.sendBytes(b"x" * 6)
        self.stream.pauseProducing()
        self.stream.sendBytes(b"x" * 4)
        self.assertEqual(self.stream.slow, 0)
        self.stream.sendBytes(b"x")
        self.assertEqual(self.stream.slow, 1)

    def test_limitAnew(self) -> None:
        """Once everything was read, it counts from nothing."""
        for _ in range(3):
            self.stream.pauseProducing()
            self.stream.sendBytes(b"x" * 10)
            self.stream.resumeProducing()
        self.stream.sendBytes(b"x" * 11)
        self.assertEqual(self.stream.slow, 0)

    def test_afterTheEnd(self) -> None:
        """Nothing is sent or read any more."""
        self.stream.close(b"bye")
        self.assertEqual(self.transport.value(), b"bye")
        self.assertTrue(self.transport.disconnecting)
        self.assertIsNone(self.transport.producer)
        self.stream.close(b"again")
        self.stream.sendBytes(b"more")
        self.stream.dataReceived(b"\xff" * 8)
        self.assertEqual(self.transport.value(), b"bye")

    def test_stopped(self) -> None:
        """A transport that says it is gone is written to no more."""
        self.stream.stopProducing()
        self.stream.sendBytes(b"more")
        self.assertEqual(self.transport.value(), b"")

    def test_aborted(self) -> None:
        """An aborted stream is written to no more."""
        self.stream.abort()
        self.stream.sendBytes(b"more")
        self.assertEqual(self.transport.value(), b"")
        self.assertIs(self.stream.closing, True)

    def test_subclassesSayWhatTheyDo(self) -> None:
        """What a frame means is the subclasses' business."""
        plain = FramedStream()
        for call in (
            lambda: plain.frameReceived(b""),
            lambda: plain.frameBroken(MalformedMessage()),
            plain.readerTooSlow,
        ):
            self.assertRaises(NotImplementedError, call)
