"""
How a player's connection with the lobby ends, and what does not end it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import (
    LobbyLost,
)
from gamenet.lobby.protocol import LobbyProtocol
from gamenet.wire.lobby_messages import (
    SessionView,
)
from gamenet.world.stream_path import StreamLimits
from tests.lobby_world import LobbyWorld, RecordingListener


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
        """A close that cannot get its last bytes through is forced after its time limit."""
        world = LobbyWorld(stream_limits=StreamLimits(window=1000))
        player = world.player()
        world.network.partition(["lobby"])
        for _ in range(20):
            player.client.createSession("x" * 64).addErrback(lambda _: None)
        started = world.network.clock.now
        closed = player.client.close()
        world.network.advance(1.9)
        self.assertNoResult(closed)
        world.wait(closed, 5)
        self.assertLessEqual(world.network.clock.now - started, 2.1)
        self.assertEqual(player.machine.clock.getDelayedCalls(), [])

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
        error = self.failureResultOf(host.client.listSessions(), LobbyLost).value
        self.assertEqual(str(error), "ListSessions: there is no connection with the lobby")

    def test_cutOff(self) -> None:
        """A stream that just ends is a lost connection."""
        world = LobbyWorld()
        player = world.player()
        (stream,) = world.factory._streams
        stream.abort()
        world.network.advance(0.1)
        self.assertEqual(player.listener.named("lobbyLost"), [("the connection was lost",)])

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
        texts = [formatEvent(event) for event in events if "moment" in event]
        self.assertEqual(texts, ["sessionsChanged of the lobby's listener raised"])
        self.assertEqual(len(watcher.client.sessions), 1)
        self.assertTrue(watcher.client.connected)


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
