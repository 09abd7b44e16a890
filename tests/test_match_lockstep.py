"""
Matches in lockstep: as fast as the path lets them be, never busy, and told when they wait.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MomentFailed
from gamenet.match import MatchSettings, Outcome, RollbackChoices
from gamenet.match.frame_loop import FrameLoop
from gamenet.match.lockstep_turns import POLL_FRAMES
from gamenet.match.match import Match
from gamenet.match.pace import Pace
from gamenet.rollback.seat_events import PeerInterrupted, PeerResumed
from tests.scenes import RecordingPlayer, Seat, TwoPlayers, seatedPlayers
from tests.test_match_frame_loop import RATE, loopOf

FRAME = 1 / RATE


def lockstep(
    input_delay: int = 0, latency: float = 0.04, frames: int | None = None, **choices: Any
) -> TwoPlayers:
    """Return a match in lockstep, over a path of C{latency} one way."""
    scene = seatedPlayers(latency=latency)
    for seat in scene.seats:
        seat.protocol.lockstepWaited = (  # type: ignore[method-assign]
            lambda *values, seat=seat: seat.protocol.happened.append(("waited", *values))
        )
    settings = MatchSettings(
        prediction_window=0,
        input_delay=input_delay,
        frames=frames,
        rollback=RollbackChoices(**choices),
    )
    scene.play(settings)
    if frames is None:
        scene.playUntilConfirmed(30, 20.0)
    return scene


def matchOf(seat: Seat) -> Match:
    """Return the match that a seat plays."""
    assert seat.session.match is not None
    return seat.session.match


class RateTests(SynchronousTestCase):
    """How many frames a second are played."""

    def rate(self, scene: TwoPlayers, seconds: float = 10.0) -> float:
        """Return frames a second from now on, of the slower one."""
        before = scene.confirmed()
        scene.network.advance(seconds)
        self.assertTrue(scene.agreed())
        return (scene.confirmed() - before) / seconds

    def test_bestPossible(self) -> None:
        """At 40 ms one way: (delay + 1) / 40 ms frames a second, up to the frame rate."""
        for input_delay, wanted in ((0, 25.0), (1, 50.0), (2, 60.0), (4, 60.0)):
            rate = self.rate(lockstep(input_delay))
            self.assertGreater(rate, 0.985 * wanted, input_delay)
            self.assertLess(rate, 1.025 * wanted, input_delay)

    def test_otherPaths(self) -> None:
        """The same law holds at 5 and at 100 ms."""
        for latency, input_delay, wanted in ((0.005, 0, 60.0), (0.1, 0, 10.0), (0.1, 3, 40.0)):
            rate = self.rate(lockstep(input_delay, latency))
            self.assertGreater(rate, 0.985 * wanted, latency)

    def test_sendInterval(self) -> None:
        """A longer send interval does not slow it down: each input is sent at once."""
        self.assertGreater(self.rate(lockstep(1, send_interval=4)), 49.0)

    def test_neverPredicted(self) -> None:
        """Nothing is played twice, and every frame once, to the end."""
        scene = lockstep(1, frames=300)
        scene.playToTheEnd(20.0)
        for seat in scene.seats:
            assert seat.result is not None
            self.assertEqual(seat.result.outcome, Outcome.FINISHED)
            self.assertEqual(seat.result.statistics.rollbacks, 0)
            self.assertEqual(seat.game.frames, 300)
            self.assertEqual(seat.protocol.asked, list(range(1, 300)))
        self.assertEqual(scene.ada.protocol.confirmed, scene.grace.protocol.confirmed)

    def test_changedDelay(self) -> None:
        """A longer input delay makes a slow match fast, in the middle of it."""
        scene = lockstep(0)
        for seat in scene.seats:
            matchOf(seat).setInputDelay(3)
        scene.network.advance(1.0)
        self.assertGreater(self.rate(scene), 59.0)
        for seat in scene.seats:
            matchOf(seat).setInputDelay(0)
        scene.network.advance(1.0)
        self.assertGreater(self.rate(scene), 24.6)


class CostTests(SynchronousTestCase):
    """What waiting costs."""

    def beats(self, scene: TwoPlayers, seconds: float) -> int:
        """Return how often Ada's match looks in some time."""
        match = matchOf(scene.ada)
        count = [0]
        beat = match._beat

        def counted() -> None:
            count[0] += 1
            beat()

        match._alarm._ring = lambda: match._guard(counted)
        scene.network.advance(seconds)
        return count[0]

    def test_neverBusy(self) -> None:
        """At most three looks a frame in play, and where nobody is heard one every two frames."""
        scene = lockstep(1)
        self.assertLess(self.beats(scene, 5.0), 5 * 3 * RATE)
        scene.grace.machine.stop()
        scene.network.advance(0.5)
        self.assertLess(self.beats(scene, 5.0), 5 * (RATE / POLL_FRAMES + 6))

    def test_packets(self) -> None:
        """On a clean link at most one packet a frame time leaves, whatever is waited for."""
        for input_delay in (0, 1, 2):
            scene = lockstep(input_delay)
            before = [matchOf(seat)._loop.statistics.packets_sent for seat in scene.seats]
            scene.network.advance(10.0)
            after = [matchOf(seat)._loop.statistics.packets_sent for seat in scene.seats]
            for start, end in zip(before, after, strict=True):
                self.assertLess((end - start) / 10, 62, input_delay)


class WaitTests(SynchronousTestCase):
    """Waits that are told, and lost packets."""

    def test_told(self) -> None:
        """A frame that waits is told every 250 ms; the silence is told once, by the match."""
        scene = lockstep(2)
        events: list[object] = []
        scene.ada.session.match._loop.recording.told = (  # type: ignore[union-attr, method-assign]
            lambda now, event: events.append(event)
        )
        scene.network.partition(["Ada's router"])
        scene.network.advance(2.2)
        told = scene.ada.protocol.happened
        waits: list[Any] = [each for each in told if each[0] == "waited"]
        self.assertTrue(7 <= len(waits) <= 8, waits)
        frame = matchOf(scene.ada).statistics().frame
        for number, (_, waited, seconds, players) in enumerate(waits, 1):
            self.assertEqual((waited, players), (frame, (2,)))
            self.assertLess(abs(seconds - 0.25 * number), 0.02 * number)
        self.assertEqual([each for each in told if each[0] != "waited"], [("interrupted", 2)])
        scene.network.heal()
        scene.network.advance(3.0)
        self.assertGreater(matchOf(scene.ada).statistics().frame, frame + 60)
        others = [each for each in told if each[0] != "waited"]
        self.assertEqual(others, [("interrupted", 2), ("resumed", 2)])
        silences = [each for each in events if isinstance(each, PeerInterrupted | PeerResumed)]
        self.assertEqual([type(each) for each in silences], [PeerInterrupted, PeerResumed])
        self.assertTrue(scene.agreed())

    def test_notCaughtUpWith(self) -> None:
        """Time that was waited away is gone: afterwards frames come at their rate."""
        scene = lockstep(2)
        scene.network.partition(["Ada's router"])
        scene.network.advance(1.5)
        scene.network.heal()
        frame = matchOf(scene.ada).statistics().frame
        scene.network.runUntil(lambda: matchOf(scene.ada).statistics().frame > frame, 5.0)
        scene.network.advance(0.5)
        played = matchOf(scene.ada).statistics().frame - frame
        self.assertTrue(20 < played <= 33, played)

    def test_sleep(self) -> None:
        """Who slept is told how long, and the other that it waited; both go on."""
        scene = lockstep(2)
        scene.ada.machine.suspend(2.0)
        scene.network.advance(4.0)
        lost: list[Any] = [each for each in scene.ada.protocol.happened if each[0] == "timeLost"]
        self.assertEqual(len(lost), 1)
        self.assertTrue(1.6 < lost[0][1] < 2.1, lost)
        self.assertEqual([e for e in scene.grace.protocol.happened if e[0] == "timeLost"], [])
        before = scene.confirmed()
        scene.network.advance(2.0)
        self.assertGreater(scene.confirmed(), before + 110)

    def test_raising(self) -> None:
        """Bad input: lockstepWaited that raises ends the match by its name."""
        scene = lockstep(2)

        def explode(*arguments: object) -> None:
            raise ZeroDivisionError("the game's own bug")

        scene.ada.protocol.lockstepWaited = explode  # type: ignore[method-assign]
        scene.grace.machine.stop()
        scene.network.runUntil(lambda: scene.ada.over, 5.0)
        assert isinstance(scene.ada.failure, MomentFailed)
        self.assertEqual(scene.ada.failure.moment, "lockstepWaited")
        self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1)

    def test_lostPackets(self) -> None:
        """Each fifth packet is lost: what waits is sent again, and all frames are played."""
        settings = MatchSettings(prediction_window=0, input_delay=1, frames=200)
        loops = [loopOf(number, settings)[0] for number in (1, 2)]
        due = [0.0, 0.0]
        sent = 0
        now = 0.0
        while now < 20.0 and not all(loop.finished for loop in loops):
            place = due.index(min(due))
            now = max(now, due[place])
            loop, other = loops[place], loops[1 - place]
            loop.run(now)
            for _, body in loop.packetsDue(now):
                sent += 1
                if sent % 5:
                    other.packetReceived(place + 1, body, now)
            due[place] = max(loop.next_due, now + 0.001)
            if other.ready:
                due[1 - place] = now
        self.assertTrue(all(loop.finished for loop in loops))
        self.assertEqual(loops[0].checksum, loops[1].checksum)
        self.assertLess(now, 6.0)
        self.assertLess(sent, 200 * 2 * 2)


class LoopTests(SynchronousTestCase):
    """One loop that waits for another, told the time by hand."""

    def waiting(self) -> tuple[FrameLoop, RecordingPlayer, bytes]:
        """Return a loop whose frame 0 waits, its game, and the packet that it lacks."""
        settings = MatchSettings(prediction_window=0, input_delay=0)
        (loop, protocol), (other, _) = (loopOf(number, settings) for number in (1, 2))
        other.run(0.0)
        ((_, body),) = other.packetsDue(0.0)
        loop.run(2.5 * FRAME)
        self.assertEqual((loop.current_frame, loop.ready), (0, False))
        return loop, protocol, body

    def test_lateWithTheRest(self) -> None:
        """Of three frames that were late one waits, and the others are not due any more."""
        loop, _, body = self.waiting()
        loop.packetReceived(2, body, 3 * FRAME)
        self.assertTrue(loop.ready)
        loop.run(3 * FRAME)
        self.assertEqual((loop.current_frame, loop.ready), (1, False))
        self.assertAlmostEqual(loop.next_due, 3.5 * FRAME, places=3)
        self.assertEqual(loop._pace._schedule.frame, 1)

    def test_sleptWhileItWaited(self) -> None:
        """A sleep is told where the packet was there before we woke, too."""
        loop, protocol, body = self.waiting()
        loop.packetReceived(2, body, 2.0)
        loop.run(2.0)
        self.assertEqual(loop.current_frame, 1)
        ((kind, seconds),) = protocol.happened
        assert isinstance(seconds, float)
        self.assertEqual(kind, "timeLost")
        self.assertAlmostEqual(seconds, 2.0 - 4.5 * FRAME)

    def test_servesWhileItWaits(self) -> None:
        """What others want of our states they get, though no frame is played."""
        loop, _, _ = self.waiting()
        served: list[object] = []
        self.patch(loop, "_apply", lambda steps, now: served.append(steps))
        loop.run(5 * FRAME)
        self.assertEqual(served, [()])


class HeldPaceTests(SynchronousTestCase):
    """A frame that is due and cannot be played yet."""

    def test_release(self) -> None:
        """The next is due a frame time after it was due, or at once where that is over."""
        for waited, due in ((0.005, 10.02), (0.02, 10.02), (0.05, 10.05)):
            pace = Pace(50, (2,))
            pace.begin(10.0)
            self.assertEqual(pace.framesDue(10.0), 1)
            pace.hold()
            self.assertEqual(pace.blend(10.01), 1.0)
            pace.release(10.0 + waited)
            self.assertAlmostEqual(pace.next_due, due)
            self.assertEqual(pace.framesDue(10.06), 3 if due < 10.05 else 1)

    def test_speed(self) -> None:
        """The speed stays, and while a frame is held we are not further than it."""
        speeds = []
        for held in (False, True):
            pace = Pace(50, (2,))
            pace.begin(10.0)
            for frame in range(1, 60):
                now = 10.0 + frame * 0.02
                pace.framesDue(now)
            if held:
                pace.hold()
            for _ in range(30):
                pace.frameReported(2, 59, now + 0.4)
            pace.adjustSpeed(now + 0.4)
            speeds.append(pace.speed)
            if held:
                pace.release(now + 0.5)
                self.assertEqual(pace.speed, speeds[-1])
        self.assertLess(speeds[0], 1.0)
        self.assertGreater(speeds[1], speeds[0])

    def test_sleep(self) -> None:
        """Only more than 250 ms beyond the plan are a sleep."""
        pace = Pace(50, (2,))
        pace.begin(10.0)
        for now, lost in ((9.0, 0.0), (10.25, 0.0), (10.5, 0.5)):
            pace.waitedUntil(10.0, now)
            self.assertEqual(pace.lost_seconds, lost)
