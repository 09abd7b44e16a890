"""Tests of how a polled session ends: by an error, by itself, by closing it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import ConnectionFailed, GamenetError, RequestRefused
from gamenet.polled.errors import (
    EventQueueFull,
    SessionEnded,
)
from gamenet.polled.events import (
    Accepted,
    Ended,
    Refused,
    Synced,
)
from gamenet.polled.session_driver import PARTING
from gamenet.wire.lobby_values import RefusalCode as LobbyRefusal
from gamenet.wire.log_commands import Say
from tests.polled_scene import Scene


class EndTests(SynchronousTestCase):
    """Seed row K9: each error is raised once, by name; an end leaves nothing unanswered."""

    def test_connectionFailed(self) -> None:
        """A lobby that is not there: C{poll} says so once, and the session is over."""
        scene = Scene()
        scene.session.submit(Say("a"))
        scene.loop.run()
        error = ConnectionFailed("no lobby at tcp:127.0.0.1:1")
        scene.connecting.errback(error)
        self.assertIs(self.assertRaises(ConnectionFailed, scene.session.poll), error)
        self.assertEqual(
            scene.session.events(), [Refused(1, None, "the session is over"), Ended(error)]
        )
        self.assertEqual((scene.session.ended, scene.session.error), (True, error))
        self.assertEqual((scene.session.poll(), scene.session.events()), (0, []))
        raised = self.assertRaises(SessionEnded, scene.session.submit, Say("b"))
        self.assertIn("build another one", str(raised))

    def test_refusedSeat(self) -> None:
        """A session that is full, for example: raised by C{poll}, and the player is closed."""
        scene = Scene()
        scene.begin()
        scene.match.over.errback(RequestRefused(LobbyRefusal.SESSION_FULL, "full"))
        self.assertRaises(RequestRefused, scene.session.poll)
        self.assertEqual(scene.match.closed, 1)

    def test_fault(self) -> None:
        """A fault of our own is logged whole, and raised under a name."""
        scene = Scene()
        scene.loop.run()
        scene.connecting.errback(ZeroDivisionError("oops"))
        error = self.assertRaises(SessionEnded, scene.session.poll)
        self.assertIn("oops", str(error))
        self.assertIsInstance(error.__cause__, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_overByItself(self) -> None:
        """A session that ends without an error: C{Ended} with none, and commands answered."""
        scene = Scene().begun()
        for text in "abc":
            scene.session.submit(Say(text))
        scene.loop.run()
        scene.match.asked[1][1].callback(None)
        scene.session.submit(Say("d"))
        scene.match.over.callback(None)
        events = scene.drain()
        over = "the session is over"
        self.assertEqual(events[0], Accepted(2, None))
        self.assertEqual(
            events[1:],
            [Refused(1, None, over), Refused(3, None, over), Refused(4, None, over), Ended(None)],
        )
        self.assertEqual((scene.session.ended, scene.session.error), (True, None))
        scene.match.asked[0][1].callback(None)  # too late: it is answered
        self.assertEqual(scene.drain(), [])

    def test_submittedAfterTheEnd(self) -> None:
        """A command that crosses the end of the session is answered as well."""
        scene = Scene().begun()
        scene.match.over.callback(None)
        scene.session.submit(Say("a"))
        scene.loop.run()
        self.assertEqual(scene.drain(), [Ended(None), Refused(1, None, "the session is over")])

    def test_endWhileBehind(self) -> None:
        """Who missed events and then the end has the last state all the same."""
        scene = Scene(queue_size=2, batch_size=9).begun()
        for _ in range(4):
            scene.match.order()
        scene.match.over.callback(None)
        self.assertRaises(EventQueueFull, scene.session.poll)
        events = scene.session.events()
        self.assertIn(Synced(scene.match.state), events)  # type: ignore[arg-type]
        self.assertEqual(events[-1], Ended(None))
        self.assertEqual(scene.session.session, scene.match.state)

    def test_twoErrors(self) -> None:
        """Where there are two errors, each is raised once, one in a call."""
        scene = Scene(queue_size=1, batch_size=9).begun()
        for _ in range(3):
            scene.match.order()
        error = GamenetError("the session broke")
        scene.match.over.errback(error)
        raised = []
        for _ in range(3):
            try:
                scene.session.poll()
            except GamenetError as each:
                raised.append(type(each))
        self.assertEqual(raised, [GamenetError, EventQueueFull])

    def test_close(self) -> None:
        """Closing leaves, and waits until the others have been told."""
        scene = Scene().begun()
        match, loop = scene.match, scene.loop
        loop.clock.callLater(1.0, match.over.callback, None)
        self.assertTrue(scene.session.close())
        self.assertEqual(match.calls[-1], ("leave",))
        self.assertEqual((match.closed, scene.session.ended), (1, True))
        self.assertLessEqual(loop.seconds(), 1.25)
        self.assertEqual(scene.drain(), [Ended(None)])
        self.assertTrue(scene.session.close())
        self.assertEqual(match.calls.count(("leave",)), 1)
        self.assertEqual(loop.clock.getDelayedCalls(), [])

    def test_closeThatNobodyHears(self) -> None:
        """Where the leave is not taken, it is given up after C{PARTING} seconds."""
        scene = Scene().begun()
        self.assertTrue(scene.session.close())
        self.assertAlmostEqual(scene.loop.seconds(), PARTING, delta=0.3)
        self.assertEqual(scene.match.closed, 1)
        self.assertEqual(scene.drain(), [Ended(None)])

    def test_closeWithoutPatience(self) -> None:
        """The wait is as long as was asked for; it ends by itself later, without another leave."""
        scene = Scene().begun()
        self.assertFalse(scene.session.close(0.5))
        self.assertFalse(scene.session.close(0.5))
        scene.loop.clock.advance(PARTING)
        self.assertEqual(scene.match.calls.count(("leave",)), 1)
        self.assertTrue(scene.session.close(0.5))

    def test_closeWhileConnecting(self) -> None:
        """Closing at any stage of the beginning gives that stage up."""
        for stage in range(3):
            scene = Scene()
            scene.loop.run()
            if stage > 0:
                if stage == 1:
                    scene.match.createSession = lambda *_: Deferred()  # type: ignore[method-assign]
                scene.connecting.callback(scene.match)
            scene.session.submit(Say("a"))
            self.assertTrue(scene.session.close())
            self.assertEqual(scene.loop.seconds(), 0)
            self.assertEqual(scene.match.closed, int(stage > 0))
            self.assertEqual(scene.drain()[-1], Ended(None))

    def test_closeRightAway(self) -> None:
        """Closing what was only just made is harmless."""
        scene = Scene()
        self.assertTrue(scene.session.close())
        self.assertEqual(scene.drain(), [Ended(None)])
