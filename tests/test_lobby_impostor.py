"""
A player whose lobby is late, or says what no lobby says.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import (
    ConnectionFailed,
    LobbyLost,
    LocalProtocolError,
    RequestTimedOut,
)
from gamenet.lobby.client import LobbyClient
from gamenet.lobby.settings import LobbyClientSettings
from gamenet.wire.framing import FrameBuffer, frame
from gamenet.wire.lobby_messages import (
    LOBBY_VERSION,
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
from tests.lobby_world import LobbyWorld

VIEW = SessionView("0" * 16, "a game", 2, 2, "open", (SessionMember(bytes(8), "Ada", True),))


@define(eq=False)
class Impostor(Protocol):
    """
    A lobby that answers as it is told to.

    @ivar version: What its welcome claims was agreed upon.
    """

    version: int = 1
    requests: list[Request] = field(factory=list)
    frames: FrameBuffer = field(factory=FrameBuffer)

    def dataReceived(self, data: bytes) -> None:
        for payload in self.frames.feed(data):
            request = decodeRequest(payload)
            if not self.requests:
                self.say(Welcome(1, self.version, bytes(8), bytes(32), 3000, 10_000, 7770))
            self.requests.append(request)

    def say(self, *messages: Message) -> None:
        assert self.transport is not None
        self.transport.write(b"".join(frame(encodeMessage(m)) for m in messages))


class HangUpTests(SynchronousTestCase):
    """A lobby that hangs up on the hello."""

    def test_hangUp(self) -> None:
        """Connecting fails, and the text says where and how."""
        world = LobbyWorld()
        machine = world.network.machine("impostor", "203.0.113.9")

        class Rude(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.write(frame(encodeMessage(Farewell("not today"))))
                self.transport.loseConnection()

        endpoint = machine.streamServerEndpoint("tcp:7770")
        world.wait(endpoint.listen(Factory.forProtocol(Rude)))
        deferred = world.connecting(description="tcp:203.0.113.9:7770")[0]
        world.network.advance(1)
        error = self.failureResultOf(deferred, ConnectionFailed).value
        self.assertEqual(
            str(error), "the lobby at 'tcp:203.0.113.9:7770' hung up: Hello: not today"
        )


class VersionTests(SynchronousTestCase):
    """A lobby that welcomes us in a version of its own."""

    def test_versionThatWasNotOffered(self) -> None:
        """Bad input: connecting fails, the text says where and which, and nothing goes on."""
        for version in (LOBBY_VERSION + 1, 65_535):
            world = LobbyWorld()
            lobby = Impostor(version)
            machine = world.network.machine("impostor", "203.0.113.9")
            endpoint = machine.streamServerEndpoint("tcp:7770")
            world.wait(endpoint.listen(Factory.forProtocol(lambda lobby=lobby: lobby)))
            deferred = world.connecting(description="tcp:203.0.113.9:7770")[0]
            world.network.advance(1)
            error = self.failureResultOf(deferred, ConnectionFailed).value
            self.assertEqual(
                str(error),
                f"the lobby at 'tcp:203.0.113.9:7770' speaks version {version}, we do not",
            )
            self.assertEqual(len(lobby.requests), 1)
            self.assertEqual(world.network.clock.getDelayedCalls(), [])


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
        error = self.failureResultOf(self.client.startMatch(), LocalProtocolError).value
        self.assertEqual(str(error), "StartMatch: 2 requests wait already")
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

    def assertGivenUp(self, why: str) -> None:
        """Check that the connection ended, once, with a named reason and no traceback."""
        self.world.network.advance(0.1)
        ((reason,),) = self.player.listener.named("lobbyLost")
        self.assertIn("the lobby sent what cannot be read: ", reason)
        self.assertIn(why, reason)
        self.assertFalse(self.client.connected)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_wrongAnswer(self) -> None:
        """An answer of the wrong kind ends the connection."""
        deferred = self.client.startMatch()
        self.say(SessionList(2, (), 0))
        self.assertGivenUp("StartMatch was answered by SessionList")
        self.failureResultOf(deferred, LobbyLost)

    def test_garbage(self) -> None:
        """Bytes that are no message end the connection; so do frames beyond the limit."""
        assert self.lobby.transport is not None
        self.lobby.transport.write(b"\xff\xff\xff\xff")
        self.assertGivenUp("4294967295 bytes")

    def test_garbageInAFrame(self) -> None:
        """A frame that holds no message ends the connection."""
        assert self.lobby.transport is not None
        self.lobby.transport.write(frame(b"\xf7"))
        self.assertGivenUp("not canonical CBOR")

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
