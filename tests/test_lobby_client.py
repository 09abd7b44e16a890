"""
A player's side of the lobby, end to end in a world: connect, requests, the end.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyClass, verifyObject

from gamenet.errors import (
    BadAddress,
    ConnectionFailed,
    InsecureConnection,
    LobbyLost,
    LocalProtocolError,
    RequestRefused,
    RequestTimedOut,
)
from gamenet.lobby.client import ILobbyListener, LobbyClient
from gamenet.lobby.protocol import LobbyProtocol
from gamenet.lobby.settings import LobbyClientSettings, LobbySettings, RelayOffer
from gamenet.wire.framing import FrameBuffer, frame
from gamenet.wire.lobby_messages import (
    Candidate,
    Done,
    Farewell,
    Message,
    RefusalCode,
    Refused,
    Request,
    SessionList,
    SessionState,
    SessionView,
    Step,
    Welcome,
    decodeRequest,
    encodeMessage,
)
from gamenet.wire.lobby_values import SessionMember
from tests.lobby_world import LOBBY_HOST, LobbyWorld, RecordingListener

HOST = Candidate("host", ("192.168.1.2", 5000))
VIEW = SessionView("0" * 16, "a game", 2, 2, "open", (SessionMember(bytes(8), "Ada", True),))


class ConnectTests(SynchronousTestCase):
    """From the endpoint description to the welcome."""

    def test_connected(self) -> None:
        """N8, N9: a player connects under their own name and is told that they are."""
        world = LobbyWorld()
        player = world.player("Ada Lovelace")
        client = player.client
        self.assertTrue(client.connected)
        record = world.factory.directory.clients[client.client_id]
        self.assertEqual((record.name, record.link_key), ("Ada Lovelace", b"\1" * 32))
        self.assertEqual(client.lobby_address, (LOBBY_HOST, 7770))
        verifyClass(ILobbyListener, RecordingListener)
        verifyObject(ILobbyListener, player.listener)

    def fails(self, world: LobbyWorld, **kw: Any) -> Exception:
        """Return what connecting fails with, after checking that nothing stays behind."""
        deferred, machine, demultiplexer, listener = world.connecting(**kw)
        failures: list[Any] = []
        deferred.addErrback(failures.append)
        world.network.advance(45)
        self.assertEqual(listener.named("lobbyLost"), [])
        self.assertEqual(world.factory.directory.clients, {})
        self.assertEqual(machine.clock.getDelayedCalls(), [])
        demultiplexer.face(lambda data, address: None, first_bytes=(0xC1, 0))
        error: Exception = failures[0].value
        return error

    def test_insecure(self) -> None:
        """Plain TCP to another machine is refused unless asked for; no byte leaves."""
        world = LobbyWorld()
        self.assertIsInstance(self.fails(world, insecure=False), InsecureConnection)
        self.assertEqual(world.factory.counters.connections, 0)

    def test_badDescription(self) -> None:
        """What is no endpoint description is a bad address."""
        self.assertIsInstance(self.fails(LobbyWorld(), description="tcp:::"), BadAddress)

    def test_nobodyThere(self) -> None:
        """Nothing listens: connection failed, and the text says where."""
        error = self.fails(LobbyWorld(), description=f"tcp:{LOBBY_HOST}:1")
        self.assertIsInstance(error, ConnectionFailed)
        self.assertIn(f"tcp:{LOBBY_HOST}:1", str(error))

    def test_nowhere(self) -> None:
        """Nothing answers at all: connection failed after the time limit, in seconds."""
        world = LobbyWorld()
        world.network.partition(["lobby"])
        error = self.fails(world, settings=LobbyClientSettings(connect_timeout=3))
        self.assertIsInstance(error, ConnectionFailed)
        self.assertIn("3 s", str(error))

    def test_badName(self) -> None:
        """The lobby refuses the name; the text is the lobby's."""
        error = self.fails(LobbyWorld(), name="Ada\n")
        assert isinstance(error, RequestRefused)
        self.assertEqual(error.code, RefusalCode.BAD_NAME)

    def test_impossibleName(self) -> None:
        """A name that no hello can hold is our own mistake."""
        self.assertIsInstance(self.fails(LobbyWorld(), name="x" * 9999), LocalProtocolError)

    def test_fullLobby(self) -> None:
        """A lobby that turns us away is a refusal with its code, not a lost connection."""
        world = LobbyWorld(LobbySettings(clients_limit=1))
        player = world.player()
        world.connecting()[0].addErrback(failures := list[Any]().append) if False else None
        deferred = world.connecting()[0]
        failures = []
        deferred.addErrback(failures.append)
        world.network.advance(1)
        self.assertEqual(failures[0].value.code, RefusalCode.TOO_MANY)
        self.assertTrue(player.client.connected)

    def test_cancel(self) -> None:
        """Cancelling at any moment leaves nothing behind, here or at the lobby."""
        for steps in range(12):
            world = LobbyWorld()
            deferred, machine, _, _ = world.connecting()
            for _ in range(steps):
                if deferred.called:
                    break
                due = min(call.getTime() for call in [*world.network.clock.getDelayedCalls()])
                world.network.advance(max(0.0, due - world.network.clock.now))
            if deferred.called:
                deferred.addCallback(lambda client: client.close())
            deferred.cancel()
            deferred.addErrback(lambda _: None)
            world.network.advance(30)
            self.assertEqual(world.factory.directory.clients, {})
            self.assertEqual(machine.clock.getDelayedCalls(), [])


class RequestTests(SynchronousTestCase):
    """Every request, and what it changes on both sides."""

    def test_list(self) -> None:
        """N2: the list by request, and then by itself whenever it changes."""
        world = LobbyWorld()
        host, watcher = world.player("Ada"), world.player("Bob")
        self.assertEqual(world.wait(watcher.client.listSessions()), ())
        world.wait(host.client.createSession("a game"))
        world.network.advance(1)
        (line,) = watcher.client.sessions
        self.assertEqual((line.title, line.host_name, line.full), ("a game", "Ada", False))
        self.assertEqual(watcher.listener.named("sessionsChanged")[-1], ((line,),))
        self.assertEqual(world.wait(watcher.client.listSessions()), (line,))
        self.assertEqual(watcher.client.sessions_total, 1)
        world.wait(host.client.leaveSession())
        world.network.advance(1)
        self.assertEqual(watcher.client.sessions, ())

    def test_listOfANewcomer(self) -> None:
        """Who comes later has the list as soon as they are greeted."""
        world = LobbyWorld()
        world.wait(world.player("Ada").client.createSession("a game"))
        newcomer = world.player("Bob")
        world.network.advance(0.01)
        self.assertEqual([line.title for line in newcomer.client.sessions], ["a game"])

    def test_joinFillsTheSession(self) -> None:
        """N4: both hold the same view; the list says that it is full."""
        world = LobbyWorld()
        host, guest = world.pair()
        self.assertEqual(host.client.session, guest.client.session)
        view = host.client.session
        assert view is not None
        self.assertEqual([member.name for member in view.members], ["Ada", "Bob"])
        self.assertTrue(host.client.sessions[0].full)
        self.assertEqual(host.listener.named("sessionChanged")[-1], (view,))

    def test_relayCredentials(self) -> None:
        """They are there as soon as the seat is, for both; and gone with it."""
        relay = RelayOffer(("203.0.113.2", 3478), b"a shared secret", lifetime=600)
        world = LobbyWorld(LobbySettings(relay=relay))
        host = world.player("Ada")
        self.assertIsNone(host.client.relay_credentials)
        deferred = host.client.createSession("a game")
        held: list[Any] = []
        deferred.addCallback(lambda view: held.append(host.client.relay_credentials) or view)
        view = world.wait(deferred)
        (credentials,) = held
        self.assertEqual(credentials.address, relay.address)
        self.assertTrue(credentials.username.endswith(host.client.client_id.hex()))
        self.assertEqual(host.listener.named("relayOffered"), [(credentials,)])
        guest = world.player("Bob")
        world.wait(guest.client.joinSession(view.session_id))
        self.assertNotEqual(guest.client.relay_credentials, credentials)
        world.wait(guest.client.leaveSession())
        self.assertIsNone(guest.client.relay_credentials)

    def test_ticketsAreEqual(self) -> None:
        """N5, N14: every member gets the same ticket, but for whose number it tells."""
        world = LobbyWorld()
        players = [world.player(name) for name in ("Ada", "Bob", "Cyd")]
        view = world.wait(players[0].client.createSession("a game", 3, 3))
        for player in players[1:]:
            world.wait(player.client.joinSession(view.session_id))
        world.wait(players[1].client.offerCandidates([HOST]))
        world.wait(players[0].client.startMatch())
        world.network.advance(0.1)
        tickets = [player.listener.named("matchStarting")[0][0] for player in players]
        self.assertEqual([ticket.player for ticket in tickets], [1, 2, 3])
        for ticket in tickets:
            self.assertEqual(ticket.members, tickets[0].members)
            self.assertEqual((ticket.seed, ticket.match_id), (tickets[0].seed, tickets[0].match_id))
        members = tickets[0].members
        ids = [player.client.client_id for player in players]
        self.assertEqual([member.client_id for member in members], ids)
        self.assertEqual([member.link_key[0] for member in members], [1, 2, 3])
        self.assertIn(HOST, members[1].candidates)

    def test_refused(self) -> None:
        """A refusal fails just that request, with the lobby's code and text."""
        world = LobbyWorld()
        host, guest = world.pair()
        for deferred, code in (
            (guest.client.startMatch(), RefusalCode.NOT_HOST),
            (guest.client.joinSession("0" * 16), RefusalCode.ALREADY_SEATED),
            (host.client.createSession("x"), RefusalCode.ALREADY_SEATED),
            (host.client.endMatch(bytes(16)), RefusalCode.NO_SUCH_MATCH),
            (host.client.sendStep(bytes(16), 2, bytes(16), 1), RefusalCode.NO_SUCH_MATCH),
        ):
            with self.assertRaises(RequestRefused) as caught:
                world.wait(deferred)
            self.assertEqual(caught.exception.code, code)
        self.assertTrue(host.client.connected and guest.client.connected)

    def test_impossibleRequest(self) -> None:
        """A request that cannot be sent fails here, and costs nothing."""
        client = LobbyWorld().player().client
        for deferred in (
            client.joinSession("no id"),
            client.createSession("x" * 9999),
            client.offerCandidates([HOST, HOST]),
            client.sendStep(b"short", 1, bytes(16), 1),
        ):
            self.failureResultOf(deferred, LocalProtocolError)
        self.assertTrue(client.connected)

    def test_stepsAndCandidates(self) -> None:
        """H5: steps reach the other player; candidates that change in a match do too."""
        world = LobbyWorld()
        host, guest, match_id = world.match()
        world.wait(host.client.sendStep(match_id, 2, b"a" * 16, 3))
        world.wait(guest.client.offerCandidates([HOST]))
        world.network.advance(0.1)
        self.assertEqual(guest.listener.named("stepReceived"), [(match_id, 1, b"a" * 16, 3)])
        ((told, player, candidates),) = host.listener.named("candidatesChanged")
        self.assertEqual((told, player, candidates[0]), (match_id, 2, HOST))
        world.wait(host.client.endMatch(match_id))
        world.network.advance(0.1)
        for client in (host.client, guest.client):
            assert client.session is not None
            self.assertEqual(client.session.state, "open")

    def test_hostLeaves(self) -> None:
        """N6: the guest is back in the lobby and told why."""
        world = LobbyWorld()
        host, guest = world.pair()
        world.wait(host.client.close())
        world.network.advance(1)
        self.assertEqual(guest.listener.named("sessionClosed"), [("the host left",)])
        self.assertIsNone(guest.client.session)
        self.assertEqual(guest.client.sessions, ())
        world.wait(guest.client.createSession("my own"))

    def test_guestLeaves(self) -> None:
        """N7: the host's view is refreshed, and the seat can be taken again."""
        world = LobbyWorld()
        host, guest = world.pair()
        world.wait(guest.client.leaveSession())
        world.network.advance(1)
        self.assertIsNone(guest.client.session)
        assert host.client.session is not None
        self.assertEqual([member.name for member in host.client.session.members], ["Ada"])
        self.assertFalse(guest.client.sessions[0].full)
        world.wait(guest.client.joinSession(host.client.session.session_id))


class EndTests(SynchronousTestCase):
    """How a connection ends."""

    def test_close(self) -> None:
        """A close leaves the session, ends the stream and the heartbeats, and is no loss."""
        world = LobbyWorld()
        host, guest = world.pair()
        world.wait(guest.client.close())
        self.assertFalse(guest.client.connected)
        world.network.advance(1)
        assert host.client.session is not None
        self.assertEqual(len(host.client.session.members), 1)
        self.assertEqual(guest.machine.clock.getDelayedCalls(), [])
        self.assertEqual(guest.listener.named("lobbyLost"), [])
        self.successResultOf(guest.client.close())
        self.failureResultOf(guest.client.listSessions(), LobbyLost)
        guest.demultiplexer.face(lambda data, address: None, first_bytes=(0xC1, 0))

    def test_closeTwiceAtOnce(self) -> None:
        """Both closes fire, and what waited for an answer fails with its name."""
        world = LobbyWorld()
        player = world.player()
        waiting = player.client.listSessions()
        one, two = player.client.close(), player.client.close()
        world.wait(two)
        self.successResultOf(one)
        self.assertIn("ListSessions", str(self.failureResultOf(waiting, LobbyLost).value))

    def test_closeThatDoesNotEnd(self) -> None:
        """A close into a network that is gone is forced after its time limit."""
        world = LobbyWorld()
        player = world.player()
        world.network.partition(["lobby"])
        started = world.network.clock.now
        world.wait(player.client.close(), 5)
        self.assertLessEqual(world.network.clock.now - started, 2.1)

    def test_lobbyCloses(self) -> None:
        """The lobby's farewell is the reason that the listener hears, once."""
        world = LobbyWorld()
        host, guest = world.pair()
        waiting = guest.client.listSessions()
        waiting.addErrback(lambda failure: failure.trap(LobbyLost))
        world.factory.close("maintenance")
        world.network.advance(1)
        for player in (host, guest):
            self.assertEqual(player.listener.named("lobbyLost"), [("maintenance",)])
            self.assertFalse(player.client.connected)
            self.assertEqual(player.machine.clock.getDelayedCalls(), [])
        self.failureResultOf(host.client.listSessions(), LobbyLost)

    def test_listenerThatRaises(self) -> None:
        """It is logged once, with its traceback and its name; the connection goes on."""

        class Clumsy(RecordingListener):
            def sessionsChanged(self, sessions: Any) -> None:
                raise RuntimeError("clumsy")

        world = LobbyWorld()
        host, watcher = world.player("Ada"), world.player("Bob")
        events: list[Any] = []
        watcher.client._listener = Clumsy()
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        world.wait(host.client.createSession("a game"))
        world.network.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        moments = [event["moment"] for event in events if "moment" in event]
        self.assertEqual(moments, ["sessionsChanged"])
        self.assertEqual(len(watcher.client.sessions), 1)
        self.assertTrue(watcher.client.connected)


@define(eq=False)
class Impostor(Protocol):
    """A lobby that answers as it is told to."""

    requests: list[Request] = field(factory=list)
    frames: FrameBuffer = field(factory=FrameBuffer)

    def dataReceived(self, data: bytes) -> None:
        for payload in self.frames.feed(data):
            request = decodeRequest(payload)
            if not self.requests:
                self.say(Welcome(1, 1, bytes(8), bytes(32), 3000, 10_000, 7770))
            self.requests.append(request)

    def say(self, *messages: Message) -> None:
        assert self.transport is not None
        self.transport.write(b"".join(frame(encodeMessage(m)) for m in messages))


class ImpostorTests(SynchronousTestCase):
    """A lobby that is late, or wrong."""

    def setUp(self) -> None:
        self.world = LobbyWorld()
        self.lobby = Impostor()
        machine = self.world.network.machine("impostor", "203.0.113.9")
        endpoint = machine.streamServerEndpoint("tcp:7770")
        self.world.wait(endpoint.listen(Factory.forProtocol(lambda: self.lobby)))
        self.player = self.world.player(
            description="tcp:203.0.113.9:7770",
            settings=LobbyClientSettings(request_timeout=5, pending_limit=2),
        )
        self.client: LobbyClient = self.player.client

    def say(self, *messages: Message) -> None:
        self.lobby.say(*messages)
        self.world.network.advance(0.1)

    def test_noAnswer(self) -> None:
        """K9: a request that is not answered in 5 s fails by name, with the limit in seconds."""
        deferred = self.client.startMatch()
        self.world.network.advance(4.9)
        self.assertNoResult(deferred)
        self.world.network.advance(0.2)
        text = str(self.failureResultOf(deferred, RequestTimedOut).value)
        self.assertIn("StartMatch", text)
        self.assertIn("5 s", text)
        self.assertTrue(self.client.connected)

    def test_lateAnswer(self) -> None:
        """A seat that is given after the time limit is a seat all the same."""
        deferred = self.client.joinSession("0" * 16)
        self.world.network.advance(6)
        self.failureResultOf(deferred, RequestTimedOut)
        self.say(SessionState(2, VIEW))
        self.assertEqual(self.client.session, VIEW)
        self.assertEqual(self.player.listener.named("sessionChanged"), [(VIEW,)])

    def test_answersOvertake(self) -> None:
        """Answers find their requests by number, in whatever order they come."""
        one, two = self.client.startMatch(), self.client.listSessions()
        self.say(SessionList(3, (), 0), Done(2))
        self.assertEqual(self.successResultOf(two), ())
        self.successResultOf(one)

    def test_tooManyWaiting(self) -> None:
        """More requests than the limit fail here, and those that wait go on."""
        waiting = [self.client.startMatch(), self.client.startMatch()]
        self.failureResultOf(self.client.startMatch(), LocalProtocolError)
        self.say(Done(2), Done(3))
        for deferred in waiting:
            self.successResultOf(deferred)

    def test_cancelled(self) -> None:
        """A request that is cancelled is forgotten; its answer does no harm."""
        deferred = self.client.startMatch()
        deferred.cancel()
        self.failureResultOf(deferred)
        self.say(Done(2))
        self.assertTrue(self.client.connected)
        self.assertEqual(self.client._stream._pending, {})

    def assertGivenUp(self) -> None:
        """Check that the connection ended, once, with a named reason and no traceback."""
        self.world.network.advance(0.1)
        ((reason,),) = self.player.listener.named("lobbyLost")
        self.assertIn("cannot be read", reason)
        self.assertFalse(self.client.connected)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_wrongAnswer(self) -> None:
        """An answer of the wrong kind ends the connection."""
        deferred = self.client.startMatch()
        self.say(SessionList(2, (), 0))
        self.assertGivenUp()
        self.failureResultOf(deferred, LobbyLost)

    def test_garbage(self) -> None:
        """Bytes that are no message end the connection; so do frames beyond the limit."""
        assert self.lobby.transport is not None
        self.lobby.transport.write(b"\xff\xff\xff\xff")
        self.assertGivenUp()

    def test_garbageInAFrame(self) -> None:
        """A frame that holds no message ends the connection."""
        assert self.lobby.transport is not None
        self.lobby.transport.write(frame(b"\xf7"))
        self.assertGivenUp()

    def test_pushes(self) -> None:
        """What nobody asked for is told, or ignored where it means nothing."""
        step = Step(bytes(16), 2, bytes(16), 9)
        self.say(Done(99), Refused(0, RefusalCode.MALFORMED, "what?"), step, Farewell("bye"))
        self.assertEqual(
            self.player.listener.named("stepReceived"), [(bytes(16), 2, bytes(16), 9)]
        )
        self.assertTrue(self.client.connected)

    def test_requestNumbers(self) -> None:
        """They run from 1 to 2**32 - 1 and begin again."""
        self.client._stream._last_number = 2**32 - 2
        numbers = [self.client._stream.nextNumber() for _ in range(2)]
        self.assertEqual(numbers, [2**32 - 1, 1])


class ProtocolSubclassTests(SynchronousTestCase):
    """A lobby whose protocol is somebody's own."""

    def test_farewellOfAFailedMoment(self) -> None:
        """A moment that raises closes that client alone, which hears the moment's name."""

        class Broken(LobbyProtocol):
            def memberJoined(self, view: Any) -> None:
                raise RuntimeError("broken")

        world = LobbyWorld(protocol=Broken)
        host, guest = world.player("Ada"), world.player("Bob")
        view = world.wait(host.client.createSession("a game"))
        joining: Deferred[SessionView] = guest.client.joinSession(view.session_id)
        joining.addErrback(lambda failure: failure.trap(LobbyLost))
        world.network.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        reason = "the lobby's own memberJoined failed"
        self.assertEqual(guest.listener.named("lobbyLost"), [(reason,)])
        self.assertTrue(host.client.connected)
        assert host.client.session is not None
        self.assertEqual(len(host.client.session.members), 1)
