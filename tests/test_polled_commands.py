"""Tests of the commands of a polled session: each has its answer."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import CommandRefused, GamenetError, LocalProtocolError
from gamenet.polled.errors import (
    CommandQueueFull,
    EventQueueFull,
)
from gamenet.polled.events import (
    Accepted,
    Applied,
    Dropped,
    PeersChanged,
    Refused,
    Synced,
)
from gamenet.polled.session_driver import IN_FLIGHT
from gamenet.wire.log_commands import Join, Say
from gamenet.wire.log_values import RefusalCode
from gamenet.wire.session_id import SessionId
from tests.polled_scene import DIGITS, FIRST, Scene


class CommandTests(SynchronousTestCase):
    """Done when: every command was answered; seed rows K6 and K8."""

    def test_accepted(self) -> None:
        """A command becomes an event; its answer bears its ticket."""
        scene = Scene().begun()
        self.assertEqual([scene.session.submit(Say("a")), scene.session.submit(Say("b"))], [1, 2])
        scene.loop.run()
        (first, answer), (second, other) = scene.match.asked
        self.assertEqual((first, second), (Say("a"), Say("b")))
        event = scene.match.order(author=1)
        other.callback(None)
        answer.callback(event)
        self.assertEqual(scene.drain()[1:], [Accepted(2, None), Accepted(1, event)])

    def test_refused(self) -> None:
        """A refusal by the host has its code, any other error has none."""
        scene = Scene().begun()
        for text in "ab":
            scene.session.submit(Say(text))
        scene.loop.run()
        scene.match.asked[0][1].errback(CommandRefused(RefusalCode.FULL, "there is no room"))
        scene.match.asked[1][1].errback(GamenetError("the queue is full"))
        self.assertEqual(
            scene.drain(),
            [
                Refused(1, RefusalCode.FULL, "there is no room"),
                Refused(2, None, "the queue is full"),
            ],
        )

    def test_raisedAtOnce(self) -> None:
        """A session that raises instead of failing later is an answer too."""
        scene = Scene().begun()

        def submit(command: object) -> None:
            raise GamenetError("not now")

        scene.match.submit = submit  # type: ignore[assignment, method-assign]
        scene.session.submit(Say("a"))
        self.assertEqual(scene.drain(), [Refused(1, None, "not now")])

    def test_beforeTheSession(self) -> None:
        """A command waits for the session, and for its state; it is not lost."""
        scene = Scene(state=None, join=SessionId(DIGITS), player=3)
        scene.session.submit(Join("Linus"))
        scene.begin()
        scene.session.submit(Say("hello"))
        scene.drain()
        self.assertEqual(scene.match.asked, [])
        scene.match.sync(FIRST)
        asked = [command for command, _ in scene.match.asked]
        self.assertEqual(asked, [Join("Linus"), Say("hello")])

    def test_queueFull(self) -> None:
        """One command more than C{queue_size} is refused by name, and nothing is submitted."""
        scene = Scene(queue_size=2).begun()
        scene.session.submit(Say("a"))
        scene.session.submit(Say("b"))
        error = self.assertRaises(CommandQueueFull, scene.session.submit, Say("c"))
        self.assertIn("check that the host is there", str(error))
        scene.loop.run()
        self.assertEqual(len(scene.match.asked), 2)
        scene.match.asked[0][1].callback(None)
        scene.session.poll()
        self.assertRaises(CommandQueueFull, scene.session.submit, Say("c"))
        self.assertEqual(scene.session.events(), [Accepted(1, None)])
        self.assertEqual(scene.session.submit(Say("c")), 3)

    def test_inFlight(self) -> None:
        """No more are with the session at once than it takes; the others follow in order."""
        scene = Scene(queue_size=IN_FLIGHT + 8).begun()
        texts = [str(number) for number in range(IN_FLIGHT + 8)]
        for text in texts:
            scene.session.submit(Say(text))
        scene.loop.run()
        self.assertEqual(len(scene.match.asked), IN_FLIGHT)
        for place in range(len(texts)):
            scene.match.asked[place][1].callback(None)
        self.assertEqual([command.text for command, _ in scene.match.asked], texts)  # type: ignore[union-attr]
        self.assertEqual([event.ticket for event in scene.drain()], list(range(1, len(texts) + 1)))

    def test_answeredAtOnce(self) -> None:
        """A host that is alone has its answers at once; the order stays that of the commands."""
        scene = Scene(queue_size=IN_FLIGHT * 2).begun()
        texts = []

        def submit(command: Say) -> Deferred[None]:
            texts.append(command.text)
            return succeed(None)

        scene.match.submit = submit  # type: ignore[assignment, method-assign]
        for number in range(IN_FLIGHT * 2):
            scene.session.submit(Say(str(number)))
        self.assertEqual(len(scene.drain()), IN_FLIGHT * 2)
        self.assertEqual(texts, [str(number) for number in range(IN_FLIGHT * 2)])

    def test_answersFindRoom(self) -> None:
        """Bad input, our own: with all queues full the answers to commands arrive all the same."""
        scene = Scene(queue_size=2, batch_size=4).begun()
        scene.session.submit(Say("a"))
        scene.session.submit(Say("b"))
        scene.loop.run()
        for _ in range(5):
            scene.match.order()
        scene.match.asked[0][1].callback(None)
        scene.match.asked[1][1].errback(CommandRefused(RefusalCode.FULL, "no"))
        dropped = scene.match.order(author=1)
        scene.match.protocol.eventDropped(dropped)
        self.assertRaises(EventQueueFull, scene.session.poll)
        events = scene.session.events() + scene.drain()
        told = [event for event in events if not isinstance(event, (Applied, Synced, PeersChanged))]
        self.assertEqual(
            told, [Accepted(1, None), Refused(2, RefusalCode.FULL, "no"), Dropped(dropped)]
        )

    def test_noCommand(self) -> None:
        """Seed row K9, bad serialisation: what cannot be sent is refused by name, at once."""
        scene = Scene().begun()
        for wrong in (None, "hello", scene.match.order(), Say(5), Say("x" * 5000)):  # type: ignore[arg-type]
            error = self.assertRaises(LocalProtocolError, scene.session.submit, wrong)
            self.assertLess(len(str(error)), 200)
        scene.loop.run()
        self.assertEqual(scene.match.asked, [])
        self.assertEqual(scene.session.submit(Say("fine")), 1)
