"""Tests of L{gamenet.polled.polled_session}: what the game sees of its session."""

from __future__ import annotations

import warnings

from twisted.trial.unittest import SynchronousTestCase

from gamenet.event_log.shared_state import SharedState
from gamenet.polled.errors import (
    EventQueueFull,
    PolledTooRarely,
)
from gamenet.polled.events import (
    Applied,
    Dropped,
    HostChanged,
    Opened,
    PeersChanged,
    Seated,
    StatesDisagree,
    Synced,
)
from gamenet.wire.log_events import Chat, EpochStarted, HostDelegated
from gamenet.wire.log_values import Epoch
from gamenet.wire.session_id import SessionId
from tests.polled_scene import DIGITS, FIRST, Scene


class AttributeTests(SynchronousTestCase):
    """Seed row K8: who am I, who is connected, am I host, which number, and so on."""

    def test_before(self) -> None:
        """Before anything has come, everything says so: C{session} is C{None} until synced."""
        session = Scene().session
        self.assertEqual((session.session, session.session_id, session.peer_id), (None, None, None))
        self.assertEqual((session.sequence, session.connected_peers), (0, ()))
        self.assertEqual((session.is_host, session.ended, session.error), (False, False, None))
        self.assertEqual((session.poll(), session.events()), (0, []))

    def test_host(self) -> None:
        """A host gets its id, its number, and the state; nothing changes between two polls."""
        scene = Scene()
        scene.begin()
        session = scene.session
        self.assertEqual((session.session, session.peer_id), (None, None))
        self.assertEqual(session.poll(), 3)
        self.assertEqual(session.events(), [Opened(SessionId(DIGITS)), Seated(1), Synced(FIRST)])
        self.assertEqual((session.session, session.session_id), (FIRST, SessionId(DIGITS)))
        self.assertEqual((session.peer_id, session.is_host, session.sequence), (1, True, 0))
        self.assertEqual(scene.match.calls, [("create", "Ada's game", 8, 1)])

    def test_guest(self) -> None:
        """Seed row K2: a guest reads the session, which it got unasked, before it joins."""
        scene = Scene(join=SessionId(DIGITS), player=3, state=None)
        scene.begin()
        self.assertEqual(scene.drain(), [Opened(SessionId(DIGITS)), Seated(3)])
        self.assertEqual((scene.session.session, scene.session.is_host), (None, False))
        self.assertEqual(scene.match.calls, [("join", DIGITS)])
        scene.match.sync(FIRST)
        self.assertEqual(scene.drain(), [Synced(FIRST)])
        self.assertEqual((scene.session.session, scene.session.is_host), (FIRST, False))

    def test_events(self) -> None:
        """What happens is handed over in order, and the attributes go along."""
        scene = Scene().begun()
        first = scene.match.order()
        then = scene.match.state
        second = scene.match.order()
        scene.match.protocol.peersChanged((2,))
        self.assertEqual(
            (scene.session.sequence, scene.session.connected_peers, scene.session.session),
            (0, (), FIRST),
        )
        events = scene.drain()
        self.assertEqual(
            events,
            [Applied(first, then), Applied(second, scene.match.state), PeersChanged((2,))],
        )
        self.assertEqual((scene.session.sequence, scene.session.connected_peers), (2, (2,)))
        self.assertEqual(scene.session.session, scene.match.state)

    def test_peersAtTheBeginning(self) -> None:
        """Who was connected before we were told anything is told too, and each change once."""
        scene = Scene()
        scene.match.connected_players = (2, 3)
        scene.begun()
        self.assertEqual(scene.session.connected_peers, (2, 3))
        scene.match.protocol.peersChanged((2, 3))
        self.assertEqual(scene.drain(), [])

    def test_anotherHost(self) -> None:
        """Seed row K4: a host that hands its role over is told that it is a guest."""
        scene = Scene().begun()
        scene.match.order(HostDelegated(2), author=1)
        state = scene.match.state
        assert state is not None
        self.assertTrue(scene.session.is_host)
        epoch = Epoch(2, 2)
        event = state.following(EpochStarted((1, 2)), 0, epoch=epoch)
        scene.match.state = state.applied(event)
        scene.match.protocol.eventApplied(event)
        scene.match.protocol.hostChanged(2, epoch)
        self.assertEqual(scene.drain()[-1], HostChanged(2))
        self.assertFalse(scene.session.is_host)

    def test_whatTheStateHoldsIsNotToldTwice(self) -> None:
        """Events before the first state are left to it, and those it holds are not told again."""
        scene = Scene(state=None)
        scene.begin()
        scene.drain()
        events = []
        state = FIRST
        for _ in range(3):
            event = state.following(Chat(2, "x"), 0, 2, state.lastCommand(2) + 1)
            events.append(event)
            state = state.applied(event)
        scene.match.protocol.eventApplied(events[0])
        scene.match.sync(FIRST.applied(events[0]).applied(events[1]))
        scene.match.protocol.eventApplied(events[1])
        scene.match.state = state
        scene.match.protocol.eventApplied(events[2])
        self.assertEqual([type(event) for event in scene.drain()], [Synced, Applied])
        self.assertEqual(scene.session.session, state)

    def test_whatCannotFollow(self) -> None:
        """An event that does not follow what the game knows is replaced by the whole state."""
        scene = Scene().begun()
        state = FIRST
        for _ in range(2):
            event = state.following(Chat(2, "x"), 0, 2, state.lastCommand(2) + 1)
            state = state.applied(event)
        scene.match.state = state
        scene.match.protocol.eventApplied(event)
        self.assertEqual(scene.drain(), [Synced(state)])

    def test_rareEvents(self) -> None:
        """An event of ours that is undone, and states that disagree, are told."""
        scene = Scene().begun()
        event = scene.match.order(author=1)
        scene.match.protocol.eventDropped(event)
        scene.match.protocol.statesDisagree(1, 2)
        scene.match.protocol.participantLost(2)
        scene.match.protocol.participantReturned(2)
        self.assertEqual(scene.drain()[1:], [Dropped(event), StatesDisagree(1, 2)])

    def test_fullSync(self) -> None:
        """Seed row K8: a full sync can be asked for; the first state comes anyway."""
        scene = Scene()
        scene.session.request_full_sync()
        scene.begun()
        self.assertNotIn(("full sync",), scene.match.calls)
        scene.session.request_full_sync()
        scene.loop.run()
        self.assertIn(("full sync",), scene.match.calls)
        scene.match.sync(FIRST)
        self.assertEqual(scene.drain(), [Synced(FIRST)])


class PollTests(SynchronousTestCase):
    """Seed rows K6 and K8: C{poll} returns how much it did, at most a batch, and warns."""

    def test_batch(self) -> None:
        """At most C{batch_size} is handed over by one poll."""
        scene = Scene(queue_size=8, batch_size=3).begun()
        for _ in range(7):
            scene.match.order()
        self.assertEqual([scene.session.poll() for _ in range(4)], [3, 3, 1, 0])
        self.assertEqual(len(scene.session.events()), 7)
        self.assertEqual(scene.session.events(), [])
        self.assertEqual(scene.loop.turned, 6)  # the two polls of the beginning counted

    def test_notPolled(self) -> None:
        """More events than C{queue_size}: a named error once, then the whole state."""
        scene = Scene(queue_size=4, batch_size=9).begun()
        for _ in range(9):
            scene.match.order()
        error = self.assertRaises(EventQueueFull, scene.session.poll)
        self.assertIn("call poll() more often, or make queue_size larger", str(error))
        self.assertEqual((scene.session.sequence, len(scene.session.events())), (4, 4))
        scene.match.order()
        scene.loop.run()
        scene.match.order()
        self.assertEqual(scene.session.poll(), 3)
        synced, peers, applied = scene.session.events()
        self.assertEqual((synced.state.sequence, peers.players), (10, ()))
        self.assertEqual(applied.event.sequence, 11)
        self.assertEqual(scene.session.session, scene.match.state)
        for _ in range(5):
            scene.match.order()
        self.assertRaises(EventQueueFull, scene.session.poll)
        self.assertEqual(len(scene.session.events()), 4)
        scene.loop.run()
        self.assertEqual(scene.session.poll(), 2)

    def test_notTaken(self) -> None:
        """Events that are not taken: an error once, the attributes go on, then the state."""
        scene = Scene(queue_size=4, batch_size=9).begun()
        for _ in range(3):
            for _ in range(2):
                scene.match.order()
            if scene.match.state.sequence == 6:  # type: ignore[union-attr]
                error = self.assertRaises(EventQueueFull, scene.session.poll)
                self.assertIn("call events() after each poll()", str(error))
            else:
                self.assertEqual(scene.session.poll(), 2)
        scene.match.order()
        self.assertEqual(scene.session.poll(), 1)
        self.assertEqual(scene.session.sequence, 7)
        events = scene.session.events()
        self.assertEqual([type(event) for event in events], [Applied] * 4 + [Synced, PeersChanged])
        self.assertEqual(events[4].state, scene.match.state)
        scene.match.order()
        self.assertEqual([type(event) for event in scene.drain()], [Applied])

    def test_firstEventsFindNoRoom(self) -> None:
        """The smallest queue of all, and nothing polled: the beginning comes all the same."""
        scene = Scene(queue_size=1, batch_size=1)
        scene.match.connected_players = (2,)
        scene.begin()
        scene.match.order()
        seen: list[object] = []
        errors = 0
        for _ in range(12):
            try:
                scene.session.poll()
            except EventQueueFull:
                errors += 1
            seen += scene.session.events()
            scene.loop.run()
        self.assertEqual(errors, 1)
        self.assertEqual(seen[:2], [Opened(SessionId(DIGITS)), Seated(1)])
        peers = PeersChanged((2,))
        self.assertEqual(seen[2:], [peers, Synced(scene.match.state), peers])  # type: ignore[arg-type]

    def test_warnsOnce(self) -> None:
        """A game that polls too rarely is warned once, at the line that polled."""
        scene = Scene().begun()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for pause in (0.1, 1.0, 1.1, 3.0):
                scene.loop.clock.advance(pause)
                scene.session.poll()
        (warning,) = caught
        self.assertIs(warning.category, PolledTooRarely)
        self.assertIn("poll() was not called for 1.1 s", str(warning.message))
        self.assertEqual(warning.filename.removesuffix("c"), __file__.removesuffix("c"))

    def test_theFirstPollIsNeverLate(self) -> None:
        """Nobody is warned for what it did before its first poll, nor after the end."""
        scene = Scene()
        scene.loop.clock.advance(60)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scene.session.poll()
            scene.session.close(0)
            scene.loop.clock.advance(60)
            scene.session.poll()
        self.assertEqual(caught, [])


class FollowTests(SynchronousTestCase):
    """Both halves of a partition go on; the one that stands replaces the other's state."""

    def test_anotherBranch(self) -> None:
        """After a heal the whole state comes, also with a lower number, and events follow it."""
        scene = Scene().begun()
        for _ in range(3):
            scene.match.order()
        other = SharedState.opened(FIRST.session_id, "a game", {1: "Ada", 2: "Grace"}, 8)
        scene.match.sync(other)
        event = scene.match.order()
        events = scene.drain()
        self.assertEqual(events[3:], [Synced(other), Applied(event, scene.match.state)])
        self.assertEqual(scene.session.sequence, 1)
