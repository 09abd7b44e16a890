"""
The lobby's side of a stream: bad bytes, bad readers, bad subclasses.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gamenet.lobby.protocol import LobbyFactory
from gamenet.lobby.settings import LobbySettings
from gamenet.wire.framing import frame
from gamenet.wire.lobby_messages import (
    CreateSession,
    EndMatch,
    Farewell,
    Hello,
    LeaveSession,
    ListSessions,
    MatchTicket,
    RefusalCode,
    Refused,
    SessionClosed,
    SessionList,
    SessionState,
    StartMatch,
    StreamHeartbeat,
    StreamHeartbeatAnswer,
    encodeMessage,
)
from tests.lobby_wire import KEY, ProtocolCase


class BadInputTests(ProtocolCase):
    """Whatever a stream brings, its sender is told, and nobody else notices."""

    def test_malformed(self) -> None:
        """Malformed, truncated, duplicate-keyed, non-canonical CBOR: refused, closed, logged."""
        for payload in (
            b"\xff",
            b"\x82\x02",
            b"\xa2\x61a\x01\x61a\x02",
            b"\x82\x18\x02\x01",
            b"\x82\x02\x01\x00",
            b"\x80",
            b"\xf7",
            b"\x82\x02\x00",
            encodeMessage(Farewell("a lobby's message"))[:-1],
        ):
            wire = self.greet()
            self.events.clear()
            wire.protocol.dataReceived(frame(payload))
            self.assertClosed(wire, RefusalCode.MALFORMED)
            wire.lose()
        self.assertEqual(self.factory.directory.clients, {})

    def test_malformedRequestIsNamed(self) -> None:
        """Where the request's number could be read, the refusal repeats it."""
        wire = self.greet()
        self.events.clear()
        wire.protocol.dataReceived(frame(b"\x83\x04\x18\x2a\x00"))
        self.assertClosed(wire, RefusalCode.MALFORMED, 42)
        self.events.clear()
        wire = self.greet()
        wire.protocol.dataReceived(frame(b"\x83\x02\x01\x01"))
        self.assertClosed(wire, RefusalCode.MALFORMED, 1)

    def test_frameTooLong(self) -> None:
        """A frame above the limit is refused at its prefix, before any of it came."""
        wire = self.greet()
        self.events.clear()
        wire.protocol.dataReceived((self.settings.request_bytes + 1).to_bytes(4, "big"))
        self.assertClosed(wire, RefusalCode.FRAME_TOO_LONG)

    def test_longestFrame(self) -> None:
        """A frame at the limit is read, and only then found to be nothing."""
        wire = self.greet()
        self.events.clear()
        data = frame(b"\x00" * self.settings.request_bytes)
        wire.protocol.dataReceived(data[:-1])
        self.assertEqual(wire.heard(), [])
        wire.protocol.dataReceived(data[-1:])
        self.assertClosed(wire, RefusalCode.MALFORMED)

    def test_emptyFrame(self) -> None:
        """A frame of nothing is malformed."""
        wire = self.open()
        wire.protocol.dataReceived(bytes(4))
        self.assertClosed(wire, RefusalCode.MALFORMED)

    def test_unknownNumber(self) -> None:
        """An unknown message number is refused by name, logged once, and the stream goes on."""
        wire = self.greet()
        self.events.clear()
        wire.protocol.dataReceived(frame(b"\x82\x18\x63\x05"))
        (refused,) = wire.heard()
        self.assertEqual((refused.request, refused.code), (5, RefusalCode.UNKNOWN_MESSAGE))
        self.assertEqual(len(self.events), 1)
        wire.say(ListSessions(6))
        self.assertEqual([type(message) for message in wire.heard()], [SessionList])

    def test_answersAreNoRequests(self) -> None:
        """A client that sends what only lobbies send is refused the same way."""
        wire = self.greet()
        wire.say(Farewell("goodbye"))
        self.assertEqual(wire.heard()[0].code, RefusalCode.UNKNOWN_MESSAGE)

    def test_nothingAfterTheEnd(self) -> None:
        """What follows a fatal message in the same piece is not carried out."""
        wire = self.greet()
        create = frame(encodeMessage(CreateSession(2, "a game", 2, 2)))
        wire.protocol.dataReceived(frame(b"\xff") + create)
        wire.protocol.dataReceived(create)
        self.assertEqual([type(message) for message in wire.heard()], [Refused, Farewell])
        self.assertEqual(self.factory.directory.sessions.by_id, {})

    def test_beforeTheHello(self) -> None:
        """Anything before the hello is refused by name; the hello still counts."""
        wire = self.open()
        wire.say(ListSessions(3), StreamHeartbeat(1), Hello(4, 1, 1, "Ada", KEY, KEY))
        one, two, welcome, _ = wire.heard()
        self.assertEqual((one.code, one.request), (RefusalCode.NOT_GREETED, 3))
        self.assertEqual((two.code, two.request), (RefusalCode.NOT_GREETED, 0))
        self.assertEqual(welcome.request, 4)

    def test_refusalsAreLoggedOnce(self) -> None:
        """One log event for each refusal, by client and code, and counted."""
        host, guest = self.seat()
        self.events.clear()
        guest.say(StartMatch(7))
        self.assertEqual(guest.heard()[0].code, RefusalCode.NOT_HOST)
        self.assertEqual(host.heard(), [])
        (event,) = self.events
        self.assertEqual(event["code"], "NOT_HOST")
        self.assertEqual(event["client"], guest.protocol.client_id.hex())
        self.assertEqual(self.factory.counters.refusals, {"NOT_HOST": 1})

    def test_guestOfABadHost(self) -> None:
        """A host that sends garbage is closed; its guest is in the lobby, told why."""
        host, guest = self.seat()
        host.protocol.dataReceived(b"\xff" * 4)
        (closed,) = guest.heard()
        self.assertEqual(type(closed), SessionClosed)
        self.assertEqual(closed.reason, "the host was closed by the lobby")
        self.network.advance(1)
        self.assertEqual([type(message) for message in guest.heard()], [SessionList])
        guest.say(CreateSession(9, "another", 2, 2))
        self.assertEqual(type(guest.heard()[0]), SessionState)

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.one_of(st.binary(max_size=40), st.binary(max_size=40).map(
        lambda payload: len(payload).to_bytes(4, "big") + payload
    )), max_size=6))
    def test_anyBytes(self, pieces: list[bytes]) -> None:
        """Random bytes never raise, and never keep a bystander from its answer."""
        bystander, wire = self.greet("Bob", "198.51.100.2"), self.open()
        for piece in pieces:
            wire.protocol.dataReceived(piece)
        bystander.say(StreamHeartbeat(1))
        self.assertEqual(bystander.heard(), [StreamHeartbeatAnswer(1)])
        self.assertEqual(self.flushLoggedErrors(), [])
        for message in wire.heard():
            self.assertIsInstance(message, (Refused, Farewell))
        wire.lose()
        bystander.lose()


class CounterTests(ProtocolCase):
    """What operators read."""

    def test_counters(self) -> None:
        """Every request, refusal, farewell, push and match is counted once."""
        host, guest = self.seat()
        for number in (1, 2):
            host.say(StartMatch(number), ListSessions(9))
            match_id = next(m for m in host.heard() if isinstance(m, MatchTicket)).match_id
            host.say(EndMatch(3, match_id))
            guest.say(StartMatch(4))
            self.network.advance(1)
        host.protocol.dataReceived(bytes(4))
        self.greet().protocol.dataReceived(bytes(4))
        counters = self.factory.counters
        self.assertEqual((counters.connections, counters.greeted, counters.closed), (3, 3, 2))
        self.assertEqual(counters.requests, 5 + 2 * 4)
        self.assertEqual(counters.refusals, {"NOT_HOST": 2, "MALFORMED": 2})
        self.assertEqual((counters.lists_pushed, counters.matches_started), (3, 2))


class FullLobbyTests(ProtocolCase):
    """Connections beyond a limit."""

    settings = LobbySettings(clients_per_address=1, clients_limit=2)

    def test_turnedAway(self) -> None:
        """A connection beyond a limit is told which, and closed; counted and logged once."""
        self.open("10.0.0.1")
        second = self.open("10.0.0.1")
        self.assertClosed(second, RefusalCode.TOO_MANY)
        second.say(Hello(1, 1, 1, "Ada", KEY, KEY))
        self.assertEqual(second.heard(), [])
        self.open("10.0.0.2")
        self.events.clear()
        self.assertClosed(self.open("10.0.0.3"), RefusalCode.TOO_MANY)
        self.assertEqual(self.factory.counters.connections, 2)
        self.assertEqual(self.factory.counters.connections_refused, 2)

    def test_turnedAwayForGood(self) -> None:
        """One that is turned away and never ends its side is aborted in the end."""
        self.open("10.0.0.1")
        second = self.open("10.0.0.1")
        self.network.advance(4.9)
        self.assertFalse(second.aborted)
        self.network.advance(0.7)
        self.assertTrue(second.aborted)


class SlowReaderTests(ProtocolCase):
    """A client that does not read what it is sent."""

    settings = LobbySettings(write_limit=1000, closing_timeout=2.0)

    def test_closedAboveTheLimit(self) -> None:
        """Above the limit of unread bytes the client is aborted, and lost to its session."""
        host, guest = self.seat()
        self.events.clear()
        host.buffer = 500
        while not host.aborted:
            host.say(ListSessions(3))
            self.assertLess(len(host.value()), 1700)
        self.assertGreater(len(host.value()), 1400)
        self.assertEqual(len(self.events), 1)
        self.assertEqual(guest.heard()[0].reason, "the host stopped reading")
        self.assertEqual(len(self.factory.directory.clients), 1)
        self.assertEqual(self.factory.counters.closed, 1)

    def test_onlyWhatIsUnread(self) -> None:
        """What was read does not count: the limit is on what waits, not on what was sent."""
        wire = self.greet()
        wire.buffer = 0
        for number in range(1, 100):
            wire.say(ListSessions(number))
            self.network.advance(1)
            self.assertEqual(len(wire.heard()), 1)
        self.assertFalse(wire.aborted)
        wire.buffer = 99_999
        for number in range(1, 300):
            wire.say(ListSessions(number))
            self.network.advance(1)
        self.assertGreater(len(wire.value()), 1000)
        self.assertFalse(wire.aborted)

    def test_pushesToMany(self) -> None:
        """A push of the list reaches everybody else when one does not read."""
        slow, reader, other = self.greet("a"), self.greet("b"), self.greet("c")
        slow.buffer = 0
        for number in range(1, 40):
            other.say(CreateSession(number, "t" * 64, 2, 2) if number % 2 else LeaveSession(number))
            self.network.advance(0.9)
            reader.say(StreamHeartbeat(1))
            slow.say(StreamHeartbeat(1))
        self.assertTrue(slow.aborted)
        pushes = [message for message in reader.heard() if isinstance(message, SessionList)]
        self.assertEqual(len(pushes), 39)

    def test_farewellToOneWhoDoesNotRead(self) -> None:
        """No farewell can reach it, so it is aborted at once."""
        wire = self.greet()
        wire.buffer = 0
        wire.say(ListSessions(1))
        wire.protocol.dataReceived(bytes(4))
        self.assertTrue(wire.aborted)

    def test_farewellNobodyHears(self) -> None:
        """A farewell that does not get through holds the connection for a limited time."""
        wire = self.greet()
        wire.protocol.dataReceived(bytes(4))
        self.assertTrue(wire.disconnecting)
        self.network.advance(1.9)
        self.assertFalse(wire.aborted)
        self.network.advance(0.7)
        self.assertTrue(wire.aborted)

    def test_farewellThatIsHeard(self) -> None:
        """Once the stream has ended nothing of it is kept, whoever else is there."""
        self.greet()
        wire = self.greet()
        wire.protocol.dataReceived(bytes(4))
        self.assertEqual(len(self.factory._leaving), 1)
        wire.lose()
        self.assertEqual(len(self.factory._leaving), 0)
        self.assertEqual(len(self.factory._streams), 1)
        self.assertEqual(list(self.factory._clients), list(self.factory.directory.clients))


class TimeTests(ProtocolCase):
    """Time limits, and the timers behind them."""

    def test_greetingTimeLimit(self) -> None:
        """A connection that has not greeted in 10 s is told so and closed."""
        wire = self.open()
        wire.protocol.dataReceived(b"\0")
        self.network.advance(9.9)
        self.assertEqual(wire.heard(), [])
        self.network.advance(0.7)
        self.assertEqual(wire.heard(), [Farewell("no hello came in time")])

    def test_oneByteASecond(self) -> None:
        """Bytes that make no whole message are no sign of life."""
        wire = self.greet()
        for byte in bytes([0, 0, 0, 200]) + bytes(20):
            wire.protocol.dataReceived(bytes([byte]))
            self.network.advance(1)
        self.assertTrue(wire.disconnecting)

    def test_silence(self) -> None:
        """N1: a greeted client is lost after 10 s of silence."""
        wire = self.greet()
        self.network.advance(9.9)
        wire.say(StreamHeartbeat(5))
        self.assertEqual(wire.heard(), [StreamHeartbeatAnswer(5)])
        self.network.advance(9.9)
        self.assertEqual(wire.heard(), [])
        self.network.advance(0.7)
        self.assertEqual(wire.heard(), [Farewell("you have been silent for 10 s")])

    def test_stalledProcess(self) -> None:
        """After the process itself stood still, what waits in the sockets is read first."""
        machine = self.factory.machine
        wire = self.greet()
        self.network.advance(1)
        machine.suspend(60)  # type: ignore[attr-defined]
        self.network.advance(60.2)
        wire.say(StreamHeartbeat(5))
        self.network.advance(5)
        self.assertEqual(wire.heard(), [StreamHeartbeatAnswer(5)])
        self.network.advance(6)
        self.assertEqual(type(wire.heard()[0]), Farewell)

    def test_slowSweeps(self) -> None:
        """The lobby looks as often as it is told to, and no sweep takes itself for late."""
        self.factory = LobbyFactory(self.factory.machine, LobbySettings(sweep_interval=4.0))
        self.factory.directory.udp_port = 7770
        wire = self.greet()
        self.network.advance(11.9)
        self.assertEqual(wire.heard(), [])
        self.network.advance(0.2)
        self.assertEqual([type(message) for message in wire.heard()], [Farewell])

    def test_noTimersForNobody(self) -> None:
        """When the last one has gone, the lobby has no timer left."""
        host, guest = self.seat()
        self.open()
        self.assertNotEqual(self.network.clock.getDelayedCalls(), [])
        for stream in [*self.factory._streams]:
            stream.transport.lose()  # type: ignore[union-attr]
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assertEqual((self.factory._clients, len(self.factory._leaving)), ({}, 0))
        self.assertFalse(host.connected or guest.connected)

    def test_twoTimersForMany(self) -> None:
        """There is no timer per client: one sweep, and one push when the list changed."""
        for number in range(50):
            self.greet(f"player {number}").say(CreateSession(2, "a game", 2, 2))
        self.assertEqual(len(self.network.clock.getDelayedCalls()), 2)

    def test_listIsPushedOnceForManyChanges(self) -> None:
        """Changes close together make one push."""
        watcher, host = self.greet("a"), self.greet("b")
        for number in range(5):
            host.say(CreateSession(number + 1, "a game", 2, 2), LeaveSession(number + 1))
        self.network.advance(1)
        self.assertEqual(watcher.heard(), [SessionList(0, (), 0)])


class CloseTests(ProtocolCase):
    """The end of a lobby."""

    def test_close(self) -> None:
        """Everybody is told; it fires when the last stream has ended; nobody more comes in."""
        host, guest = self.seat()
        closed = self.factory.close("maintenance")
        self.assertEqual(guest.heard()[-1], Farewell("maintenance"))
        self.assertEqual(host.heard()[-1], Farewell("maintenance"))
        late = self.open()
        self.assertEqual(late.heard()[0].reason, "maintenance")
        host.lose()
        guest.lose()
        self.assertNoResult(closed)
        late.lose()
        self.assertIsNone(self.successResultOf(closed))
        self.assertIsNone(self.successResultOf(self.factory.close()))

    def test_closeForced(self) -> None:
        """Streams that do not end are aborted, so it always fires."""
        self.greet()
        closed = self.factory.close()
        self.network.advance(6)
        self.successResultOf(closed)
