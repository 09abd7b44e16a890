"""
The start of a match: the loaded barrier, a path between all, the countdown, and how it is
called off.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MomentFailed, NoPath, RemoteProtocolError
from gamenet.match import NotLoaded, Outcome, StartCalledOff
from gamenet.match.start import LEAD_LIMIT, Start, errorOf
from gamenet.wire.peer_packets import Ready
from gamenet.wire.start_packets import CallOff, CallOffReason, Countdown
from gamenet.world.link import LinkProfile
from tests.many_players import ManyPlayers

#: 100 ms each way, and 20 ms more or less by turns, as much there as back.
SLOW = LinkProfile(latency=0.04, jitter=0.02)

DIGEST = bytes(16)


def counting(players: int = 3, seed: int = 1, **options: object) -> ManyPlayers:
    """Return a match in which the seconds are being counted down everywhere."""
    options.setdefault("countdown", 3.0)
    mesh = ManyPlayers(players, seed, **options)  # type: ignore[arg-type]
    mesh.play()
    mesh.network.runUntil(
        lambda: all(seat.protocol.counted for seat in mesh.seats.values()), 10.0
    )
    return mesh


class CountdownTests(SynchronousTestCase):
    """The countdown (3 s) ends on all members within 20 ms at 100 ± 20 ms symmetric links."""

    def test_allBeginTogether(self) -> None:
        """Over seeds, with clocks that start apart and drift: within 20 ms of each other."""
        worst = 0.0
        for seed in range(12):
            mesh = counting(2 + seed % 3, seed, profile=SLOW, clocks=True)
            mesh.until(10)
            began = [seat.protocol.started or 0.0 for seat in mesh.seats.values()]
            worst = max(worst, max(began) - min(began))
            self.assertLess(max(began) - min(began), 0.020, f"seed {seed}: {began}")
        self.assertGreater(worst, 0.0)

    def test_lossOfAThird(self) -> None:
        """It is said until it is acknowledged: a third of all packets may get lost."""
        for seed in range(5):
            profile = LinkProfile(latency=0.04, jitter=0.02, loss=0.18)
            mesh = counting(3, seed, profile=profile, clocks=True)
            mesh.until(3)
            began = [seat.protocol.started or 0.0 for seat in mesh.seats.values()]
            self.assertLess(max(began) - min(began), 0.030, f"seed {seed}: {began}")

    def test_seconds(self) -> None:
        """The game is told each whole second once: 3, 2, 1; frame 0 follows 3 s after."""
        mesh = ManyPlayers(3, countdown=3.0)
        mesh.play()
        mesh.until(1)
        for seat in mesh.seats.values():
            self.assertEqual(seat.protocol.counted, [3, 2, 1])
            self.assertGreater(seat.protocol.started or 0.0, 3.0)
            self.assertLess(seat.protocol.started or 0.0, 3.6)

    def test_none(self) -> None:
        """With 0 each begins as soon as it knows that all are ready, and nothing is told."""
        mesh = ManyPlayers(3, countdown=0.0)
        mesh.play()
        mesh.until(1)
        for seat in mesh.seats.values():
            self.assertEqual(seat.protocol.counted, [])
            self.assertLess(seat.protocol.started or 9.0, 1.0)

    def test_anotherCountdown(self) -> None:
        """Players who have set other countdowns begin together all the same."""
        for first, second in ((0.0, 3.0), (3.0, 0.5), (0.5, 0.0)):
            mesh = ManyPlayers(2, countdown=first)
            mesh.play(1)
            mesh.settings = type(mesh.settings)(countdown=second)
            mesh.play(2)
            mesh.until(30, 10.0)
            self.assertEqual(mesh.disagreement(), "")


class LoadTests(SynchronousTestCase):
    """A loaded barrier (30 s)."""

    def test_theSlowest(self) -> None:
        """Nobody begins before the slowest has loaded, be it 20 s."""
        mesh = ManyPlayers(3)
        loading: Deferred[None] = Deferred()
        mesh.seats[2].protocol.loads = loading
        mesh.play()
        mesh.network.advance(20.0)
        self.assertEqual({seat.protocol.started for seat in mesh.seats.values()}, {None})
        loading.callback(None)
        mesh.until(30)
        self.assertEqual(mesh.disagreement(), "")

    def test_tooSlow(self) -> None:
        """After load_timeout all give up by the same name; what still loads is cancelled."""
        mesh = ManyPlayers(4)
        cancelled: list[object] = []
        mesh.seats[2].protocol.loads = Deferred(cancelled.append)
        mesh.seats[3].protocol.loads = Deferred(cancelled.append)
        mesh.play()
        mesh.network.advance(29.9)
        self.assertEqual(len(mesh.living), 4)
        mesh.toTheEnd(2.0)
        for seat in mesh.seats.values():
            assert isinstance(seat.failure, NotLoaded)
            self.assertEqual(seat.failure.players, (2, 3))
            self.assertIn("had not loaded within 30 s", str(seat.failure))
        self.assertEqual(len(cancelled), 2)

    def test_failing(self) -> None:
        """A load that fails ends the match by name there, and is called off for the others."""
        for loads in (fail(ZeroDivisionError()), Deferred()):
            mesh = ManyPlayers(3)
            mesh.seats[2].protocol.loads = loads
            mesh.play()
            mesh.network.advance(1.0)
            if not mesh.seats[2].over:
                loads.errback(ZeroDivisionError())
            mesh.toTheEnd(3.0)
            self.flushLoggedErrors()
            error = mesh.seats[2].failure
            assert isinstance(error, MomentFailed)
            self.assertEqual(error.moment, "load")
            for player in (1, 3):
                other = mesh.seats[player].failure
                assert isinstance(other, StartCalledOff)
                self.assertEqual((other.players, other.left), ((2,), True))

    def test_raising(self) -> None:
        """A load that raises is the same."""
        mesh = ManyPlayers(2)
        mesh.seats[2].protocol.load = lambda: 1 / 0  # type: ignore[method-assign]
        mesh.play()
        mesh.toTheEnd(3.0)
        self.flushLoggedErrors()
        self.assertIsInstance(mesh.seats[2].failure, MomentFailed)
        result = mesh.seats[1].result
        assert result is not None
        self.assertEqual(result.outcome, Outcome.OTHER_FAILED)


class CallOffTests(SynchronousTestCase):
    """Called off by name after 10 s without a path, and if one is lost or leaves meanwhile."""

    def test_noPathBetweenTwo(self) -> None:
        """All reach player 1; 2 and 3 do not reach each other: all give up by that name."""
        mesh = ManyPlayers(3)
        mesh.cut(2, others=(3,))
        mesh.play()
        mesh.network.advance(9.5)
        self.assertEqual(len(mesh.living), 3)
        mesh.toTheEnd(3.0)
        for seat in mesh.seats.values():
            self.assertIsInstance(seat.failure, NoPath)
            self.assertIn("could not be reached within 10 s", str(seat.failure))

    def test_noPathToOne(self) -> None:
        """Nobody reaches 4: all of the others name it."""
        mesh = ManyPlayers(4)
        mesh.cut(4)
        mesh.play()
        mesh.toTheEnd(12.0)
        for player in (1, 2, 3):
            self.assertIn("player 4 could not be reached", str(mesh.seats[player].failure))

    def test_lostWhileCounting(self) -> None:
        """A crash during the countdown, of whoever it is, player 1 too: all others name it."""
        for gone in (1, 2, 3):
            mesh = counting(3, lost_after=10.0)
            mesh.seats[gone].machine.stop()
            mesh.toTheEnd(3.2)
            for seat in mesh.seats.values():
                if seat.player != gone:
                    assert isinstance(seat.failure, StartCalledOff), seat.failure
                    self.assertEqual((seat.failure.players, seat.failure.left), ((gone,), False))

    def test_leavingWhileCounting(self) -> None:
        """Who leaves during the countdown: the others name it; of two the outcome does."""
        for players in (2, 3):
            mesh = counting(players)
            match = mesh.seats[2].match
            assert match is not None
            match.leave()
            mesh.toTheEnd(2.0)
            for seat in mesh.seats.values():
                if players == 2:
                    assert seat.result is not None
                    wanted = (Outcome.OTHER_LEFT, Outcome.LEFT)[seat.player == 2]
                    self.assertEqual(seat.result.outcome, wanted)
                elif seat.player != 2:
                    assert isinstance(seat.failure, StartCalledOff)
                    self.assertEqual((seat.failure.players, seat.failure.left), ((2,), True))

    def test_lostWhileLoading(self) -> None:
        """A crash while the others load is noticed after lost_after, not after 30 s."""
        mesh = ManyPlayers(3, lost_after=2.0)
        mesh.seats[3].protocol.loads = Deferred()
        mesh.play()
        mesh.network.advance(1.0)
        mesh.seats[2].machine.stop()
        mesh.toTheEnd(4.0)
        for player in (1, 3):
            error = mesh.seats[player].failure
            assert isinstance(error, StartCalledOff)
            self.assertEqual(error.players, (2,))

    def test_cutAtTheLastMoment(self) -> None:
        """Cut off just before the moment: those who begin hear of it or drop who is gone."""
        for before in (0.02, 0.3, 1.0):
            mesh = counting(3, lost_after=2.0)
            mesh.network.advance(2.9 - before)
            mesh.cut(1)
            mesh.network.advance(8.0)
            states = [seat.over for player, seat in mesh.seats.items() if player != 1]
            self.assertEqual(states[0], states[1])
            self.assertEqual(mesh.disagreement(2, 3), "")


class RuleTests(SynchronousTestCase):
    """The decisions themselves."""

    def ready(self, **said: bool) -> Ready:
        """Return a READY."""
        return Ready(DIGEST, True, **said)

    def test_whatIsSaidStays(self) -> None:
        """READYs that come late take nothing back."""
        start = Start(1, (2, 3), loaded=True)
        self.assertEqual((start.notLoaded(), start.notReached()), ((2, 3), (2, 3)))
        start.heard(2, self.ready(loaded=True, reached=True, counting=True))
        start.heard(2, self.ready())
        self.assertEqual(
            (start.notLoaded(), start.notReached(), start.notCounting()), ((3,), (3,), (3,))
        )
        start.loaded = False
        self.assertEqual(start.notLoaded(), (1, 3))

    def test_whoAnnounces(self) -> None:
        """The lowest number of those in the ticket."""
        self.assertTrue(Start(2, (3, 5)).announces)
        self.assertFalse(Start(3, (2, 5)).announces)
        self.assertEqual(Start(3, (2, 5)).announcer, 2)
        self.assertTrue(Start(1, ()).announces)

    def test_longRoundTrips(self) -> None:
        """A countdown shorter than it takes to say it is longer than it was set."""
        start = Start(1, (2,))
        start.pick(0.1, 1.0, 10.0)
        self.assertAlmostEqual(start.begins_at or 0.0, 12.3)
        start.pick(3.0, 0.1, 10.0)
        self.assertAlmostEqual(start.begins_at or 0.0, 13.0)

    def test_translation(self) -> None:
        """By the clock's offset; without it by the quickest packet and half a round trip."""
        start = Start(2, (1,))
        start.countdownReceived(1, Countdown(103_000_000, 100_000_000), 0.2, None, 7.15)
        self.assertAlmostEqual(start.begins_at or 0.0, 10.05)
        start.countdownReceived(1, Countdown(103_000_000, 101_000_000), 0.2, None, 8.1)
        self.assertAlmostEqual(start.begins_at or 0.0, 10.0)
        start.translate(92.99, 0.2)
        self.assertAlmostEqual(start.begins_at or 0.0, 10.01)
        start.translate(-4000.0, 0.2)
        self.assertAlmostEqual(start.begins_at or 0.0, 10.0, msg="an offset that cannot be")

    def test_theMomentStands(self) -> None:
        """Bad input: another moment than the one that was said first changes nothing."""
        start = Start(2, (1,))
        start.countdownReceived(1, Countdown(103_000_000, 100_000_000), 0.0, None, 7.0)
        start.countdownReceived(1, Countdown(109_000_000, 100_000_000), 0.0, None, 7.0)
        self.assertAlmostEqual(start.begins_at or 0.0, 10.0)

    def test_momentsThatCannotBe(self) -> None:
        """Bad input: a moment too far away, long over, or said by who may not; no change."""
        start = Start(2, (1, 3))
        far = round((LEAD_LIMIT + 1) * 1e6)
        for player, begins, sent in ((1, far, 0), (1, 0, 6_000_000), (3, 3_000_000, 0)):
            self.assertRaises(
                RemoteProtocolError,
                start.countdownReceived, player, Countdown(begins, sent), 0.1, None, 0.0,
            )
            self.assertFalse(start.counting)

    def test_packet(self) -> None:
        """What is sent is in microseconds of our clock."""
        start = Start(1, (2,))
        start.pick(3.0, 0.0, 10.0)
        self.assertEqual(start.packet(11.5), Countdown(13_000_000, 11_500_000))

    def test_errors(self) -> None:
        """Each reason has its name, and says what to check."""
        for reason, kind, text in (
            (CallOffReason.NO_PATH, NoPath, "players 2, 3 could not be reached within 10 s"),
            (CallOffReason.NOT_LOADED, NotLoaded, "players 2, 3 had not loaded within 30 s"),
            (CallOffReason.LOST, StartCalledOff, "fell silent before play began"),
            (CallOffReason.LEFT, StartCalledOff, "left before play began"),
        ):
            error = errorOf(CallOff(reason, (2, 3)), 10.0, 30.0)
            self.assertIs(type(error), kind)
            self.assertIn(text, str(error))
