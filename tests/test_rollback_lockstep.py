"""Tests of L{gamenet.rollback.lockstep}, alone and with a pair of sessions in lockstep."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError
from gamenet.rollback.events import FrameConfirmed, LockstepWaited
from gamenet.rollback.lockstep import LockstepWait
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Advance, Load
from gamenet.rollback.timeline import Timeline
from tests.rollback_pipe import HashGame, pressed

FRAME = 1 / 60


class Peer:
    """
    A session in lockstep with its game and a wait.

    @ivar played: How often the game was advanced.
    @ivar loads: How often an earlier state was loaded.
    @ivar attempts: How often the session was asked to advance.
    """

    def __init__(self, player: int, delay: int = 0) -> None:
        self.number = player
        self.session = RollbackSession(
            RollbackSettings(local_player=player, prediction_window=0, input_delay=delay)
        )
        self.game = HashGame()
        self.timeline = Timeline(self.game, self.session)
        self.wait = LockstepWait()
        self.confirmed: list[FrameConfirmed] = []
        self.played = self.loads = self.attempts = 0

    @property
    def missing(self) -> tuple[int, ...]:
        """The players whose inputs of the next frame are not here."""
        other = 3 - self.number
        known = self.session.remote(other).queues[0].count
        return () if known > self.session.current_frame else (other,)

    def advance(self, now: float) -> None:
        """Give the input if one is wanted, and play what can be played."""
        self.attempts += 1
        frame = self.session.inputFrame()
        text = None if frame is None else pressed(5, self.number, frame)
        steps = self.session.advance(text, now)
        self.timeline.apply(steps)
        self.played += sum(isinstance(step, Advance) for step in steps)
        self.loads += sum(isinstance(step, Load) for step in steps)
        for event in self.session.drainEvents():
            if isinstance(event, FrameConfirmed):
                self.confirmed.append(event)

    def tick(self, now: float) -> None:
        """A frame is due: played if it can be, else its input is given and it is waited for."""
        frame = self.session.current_frame
        ready = self.wait.frameDue(frame, self.missing, now)
        if ready or self.session.inputFrame() is not None:
            self.advance(now)

    def take(self, body: bytes, now: float) -> None:
        """Take a packet, and play if the frame that is due waited for it."""
        self.session.packetReceived(3 - self.number, body, now)
        if self.wait.packetReceived(self.missing):
            self.advance(now)

    def packet(self, now: float) -> bytes:
        """A packet for the other."""
        return self.session.packetFor(3 - self.number, now)


def exchange(one: Peer, two: Peer, now: float) -> None:
    """Each hears the other once."""
    for sender, receiver in ((one, two), (two, one)):
        receiver.take(sender.packet(now), now)


class LockstepTests(SynchronousTestCase):
    """Done when: the lockstep scenarios of the anchor file, section 4, hold with its numbers."""

    def test_stallsWithoutInput(self) -> None:
        """Without a remote input nothing is played."""
        peer = Peer(1)
        peer.tick(0.0)
        self.assertEqual((peer.played, peer.session.current_frame), (0, 0))
        self.assertEqual(peer.wait.wake_at, 0.25)

    def test_twoHundredStalledTicks(self) -> None:
        """200 stalled ticks keep frame 0, also with a delay of 3 frames."""
        for delay in (0, 3):
            peer = Peer(1, delay)
            for tick in range(200):
                peer.tick(tick * FRAME)
                peer.packet(tick * FRAME)
            self.assertEqual((peer.played, peer.session.current_frame), (0, 0))
            self.assertEqual(peer.attempts, 1)
            self.assertIsNone(peer.session.inputFrame())

    def test_advances(self) -> None:
        """With delay 0 and 1 both play every frame, never load, and agree."""
        for delay in (0, 1):
            one, two = Peer(1, delay), Peer(2, delay)
            for tick in range(100):
                now = tick * FRAME
                one.tick(now)
                two.tick(now)
                exchange(one, two, now)
            for peer in (one, two):
                self.assertEqual((peer.played, peer.loads), (100, 0))
                self.assertEqual([event.frame for event in peer.confirmed], list(range(100)))
            self.assertEqual(one.confirmed, two.confirmed)
            self.assertEqual(one.game.state, two.game.state)

    def test_recovers(self) -> None:
        """After 2 + 10 ticks without a packet, delay 2, one exchange sets both going again."""
        one, two = Peer(1, 2), Peer(2, 2)
        for tick in range(12):
            one.tick(tick * FRAME)
            two.tick(tick * FRAME)
        self.assertEqual((one.played, two.played), (0, 0))
        exchange(one, two, 0.25)
        self.assertEqual((one.played, two.played), (1, 1))
        for tick in range(12, 60):
            one.tick(tick * FRAME)
            two.tick(tick * FRAME)
            exchange(one, two, tick * FRAME)
        self.assertGreaterEqual(one.played, 48)
        self.assertEqual(one.played, two.played)
        self.assertEqual(one.confirmed, two.confirmed)

    def test_waitIsBounded(self) -> None:
        """The wait ends with an event after its limit, consumes no frame, and may be repeated."""
        peer = Peer(1, 1)
        peer.tick(1.0)
        for start in (1.0, 2.0):
            self.assertIsNone(peer.wait.timePassed(peer.missing, start + 0.2499))
            event = peer.wait.timePassed(peer.missing, start + 0.25)
            self.assertEqual(event, LockstepWaited(0, start - 0.75, (2,)))
            self.assertIsNone(peer.wait.timePassed(peer.missing, start + 0.5))
            self.assertIsNone(peer.wait.wake_at)
            self.assertTrue(peer.wait.waiting)
            self.assertEqual((peer.played, peer.session.current_frame), (0, 0))
            peer.tick(start + 1)

    def test_packetEndsTheWait(self) -> None:
        """The frame is played when the packet comes, not at the next tick; once."""
        one, two = Peer(1), Peer(2)
        one.tick(0.0)
        two.tick(0.01)
        body = two.packet(0.01)
        one.take(body, 0.05)
        self.assertEqual(one.played, 1)
        self.assertFalse(one.wait.waiting)
        one.take(body, 0.06)
        self.assertEqual((one.played, one.attempts), (1, 2))

    def test_packetsAloneAdvanceNothing(self) -> None:
        """Inputs that are early wait for their frame to be due."""
        one, two = Peer(1, 3), Peer(2, 3)
        for tick in range(4):
            two.tick(tick * FRAME)
        one.take(two.packet(0.1), 0.1)
        self.assertEqual((one.played, one.attempts), (0, 0))
        one.tick(0.2)
        self.assertEqual(one.attempts, 1)


class WaitTests(SynchronousTestCase):
    """The wait alone."""

    def test_ready(self) -> None:
        """A frame that lacks nothing is played at once, without a wait."""
        wait = LockstepWait()
        self.assertTrue(wait.frameDue(0, (), 5.0))
        self.assertIsNone(wait.wake_at)
        self.assertFalse(wait.packetReceived(()))

    def test_countsFromTheFirstTick(self) -> None:
        """Frames that are due again do not prolong the wait."""
        wait = LockstepWait(limit=0.1)
        for tick in range(6):
            self.assertFalse(wait.frameDue(7, (3, 2), tick * FRAME))
        self.assertEqual(wait.wake_at, 0.1)
        self.assertEqual(wait.timePassed((3, 2), 0.1), LockstepWaited(7, 0.1, (2, 3)))

    def test_lateButComplete(self) -> None:
        """After the limit the packet that was missing still sets it going."""
        wait = LockstepWait()
        wait.frameDue(7, (2, 3), 0.0)
        wait.timePassed((2, 3), 0.3)
        self.assertFalse(wait.packetReceived((3,)))
        self.assertTrue(wait.packetReceived(()))
        self.assertFalse(wait.packetReceived(()))

    def test_nextFrame(self) -> None:
        """The next frame that is due is waited for on its own account."""
        wait = LockstepWait()
        wait.frameDue(7, (2,), 0.0)
        wait.packetReceived(())
        self.assertFalse(wait.frameDue(8, (2,), 1.0))
        self.assertEqual(wait.wake_at, 1.25)
        self.assertRaises(LocalProtocolError, wait.frameDue, 7, (), 1.0)
        wait.reset()
        self.assertFalse(wait.waiting)
        self.assertTrue(wait.frameDue(7, (), 1.0))

    def test_readyFrame(self) -> None:
        """Also after a frame that was played at once none before it is due."""
        wait = LockstepWait()
        self.assertTrue(wait.frameDue(7, (), 1.0))
        self.assertEqual(wait.frame, 7)
        self.assertRaises(LocalProtocolError, wait.frameDue, 6, (), 1.0)

    def test_sameFrameAfterwards(self) -> None:
        """A frame that is due again after its wait was over is waited for anew."""
        wait = LockstepWait()
        wait.frameDue(7, (2,), 0.0)
        self.assertTrue(wait.packetReceived(()))
        self.assertFalse(wait.frameDue(7, (3,), 5.0))
        self.assertTrue(wait.waiting)
        self.assertEqual(wait.timePassed((3,), 5.25), LockstepWaited(7, 0.25, (3,)))

    def test_settings(self) -> None:
        """A limit that could be a busy loop or for ever is refused."""
        for limit in (0, 0.0001, 61.0, float("nan"), "1"):
            self.assertRaises(BadSetting, LockstepWait, limit)

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["due", "packet", "time"]), st.booleans(), st.integers(0, 20)
            ),
            max_size=80,
        )
    )
    def test_anyOrder(self, calls: list[tuple[str, bool, int]]) -> None:
        """Whatever comes in whatever order: no frame before it is due, none twice; never silent."""
        wait = LockstepWait()
        now = 0.0
        frame = due = 0
        events: list[float] = []
        for call, complete, pause in calls:
            now += pause / 100
            missing = () if complete else (2,)
            go = False
            if call == "due":
                due = frame + 1
                go = wait.frameDue(frame, missing, now)
                self.assertEqual(go, complete)
            elif call == "packet":
                go = wait.packetReceived(missing)
            elif wait.timePassed(missing, now) is not None:
                events.append(now)
            if go:
                self.assertLess(frame, due)
                frame += 1
            self.assertTrue(wait.wake_at is None or wait.wake_at <= now + wait.limit)
        for one, another in pairwise(events):
            self.assertGreaterEqual(another - one, wait.limit - 1e-9)
