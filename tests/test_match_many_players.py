"""
Matches of many players in the twin world: who crashes, leaves, comes late, comes back.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import PeerLost
from gamenet.match import Outcome
from gamenet.world.link import LinkProfile
from tests.many_players import ManyPlayers

LOSSY = LinkProfile(latency=0.015, jitter=0.01, loss=0.03, reordering=0.03)


def playing(players: int, frame: int = 60, seed: int = 1, **options: object) -> ManyPlayers:
    """Return a mesh in which all have confirmed some frames."""
    options.setdefault("lost_after", 1.5)
    mesh = ManyPlayers(players, seed, **options)  # type: ignore[arg-type]
    mesh.play()
    mesh.until(frame)
    return mesh


class PlayTests(SynchronousTestCase):
    """Meshes and stars: direct links between all, 16 in the tests."""

    def _agree(self, players: int, frame: int, **options: object) -> None:
        mesh = playing(players, frame, **options)
        self.assertEqual(mesh.disagreement(), "")
        for seat in mesh.seats.values():
            assert seat.match is not None
            self.assertEqual(seat.match.players, tuple(range(1, players + 1)))
            statistics = seat.match.statistics()
            others = [player for player in mesh.seats if player != seat.player]
            self.assertEqual([link.player for link in statistics.links], others)
            self.assertEqual({link.kind for link in statistics.links}, {"direct"})
            self.assertEqual((statistics.path, statistics.desyncs), ("direct", 0))
            trips = [link.round_trip or 0.0 for link in statistics.links]
            self.assertEqual(statistics.round_trip, max(trips))

    def test_three(self) -> None:
        """Three players confirm the same frames, with loss and clocks that drift."""
        self._agree(3, 300, profile=LOSSY, clocks=True)

    def test_four(self) -> None:
        """Four do."""
        self._agree(4, 300, profile=LOSSY, clocks=True)

    def test_eight(self) -> None:
        """Eight do."""
        self._agree(8, 150, profile=LOSSY, clocks=True)

    def test_sixteen(self) -> None:
        """Sixteen do."""
        self._agree(16, 60)

    def test_finished(self) -> None:
        """Every frame is played and confirmed by all; all get the same result."""
        mesh = ManyPlayers(4, frames=200, profile=LOSSY)
        mesh.play()
        mesh.toTheEnd()
        results = [seat.result for seat in mesh.seats.values()]
        self.assertEqual({result and result.outcome for result in results}, {Outcome.FINISHED})
        self.assertEqual({result and result.last_frame for result in results}, {199})
        self.assertEqual(len({result and result.checksum for result in results}), 1)
        self.assertEqual(mesh.disagreement(), "")

    def test_lockstep(self) -> None:
        """Without prediction three players play and agree too, and drop who crashes."""
        mesh = playing(3, 120, prediction_window=0, input_delay=3)
        mesh.seats[2].machine.stop()
        mesh.onward(120)
        self.assertEqual(mesh.seats[1].protocol.told("playerDropped")[0][0], 2)
        self.assertEqual(mesh.disagreement(), "")


class CrashTests(SynchronousTestCase):
    """drop_frame (equal in all survivors): a crash of anybody, and the rest play on."""

    def test_anyOfFour(self) -> None:
        """Whoever it is, player 1 too: interrupted, lost, dropped at one frame, play goes on."""
        for gone in (1, 2, 4):
            mesh = playing(4, seed=gone, profile=LOSSY)
            mesh.seats[gone].machine.stop()
            mesh.onward(300)
            told = [seat.protocol.told("playerDropped") for seat in mesh.living]
            self.assertEqual(len(mesh.living), 3)
            self.assertEqual(len(told[0]), 1)
            self.assertEqual(told[0][0][0], gone)
            self.assertTrue(all(each == told[0] for each in told), told)
            for seat in mesh.living:
                self.assertIn(("interrupted", gone), seat.protocol.happened)
                self.assertEqual(seat.protocol.told("peerLost").count((gone,)), 1)
                self.assertIsNone(seat.failure)
            self.assertEqual(mesh.disagreement(*[seat.player for seat in mesh.living]), "")

    def test_twoOfEight(self) -> None:
        """Two of eight at once, the host among them."""
        mesh = playing(8, 60)
        mesh.seats[1].machine.stop()
        mesh.seats[5].machine.stop()
        mesh.onward(60)
        told = [sorted(seat.protocol.told("playerDropped")) for seat in mesh.living]
        self.assertEqual([player for player, _ in told[0]], [1, 5])
        self.assertTrue(all(each == told[0] for each in told))

    def test_oneOfSixteen(self) -> None:
        """One of sixteen: fifteen play on."""
        mesh = playing(16, 20)
        mesh.seats[1].machine.stop()
        mesh.onward(20)
        told = [seat.protocol.told("playerDropped") for seat in mesh.living]
        self.assertEqual(len(told), 15)
        self.assertTrue(all(each == told[0] and each for each in told))

    def test_oneAfterTheOther(self) -> None:
        """Down to the last: with nobody left the match ends by name, unless we play alone."""
        mesh = playing(3)
        mesh.seats[1].machine.stop()
        mesh.onward(120)
        mesh.seats[2].machine.stop()
        mesh.toTheEnd()
        error = mesh.seats[3].failure
        assert isinstance(error, PeerLost)
        self.assertEqual(error.player, 2)

    def test_theLastPlaysOn(self) -> None:
        """plays_alone: the last one goes on, be it the highest, and finishes."""
        mesh = playing(3, plays_alone=True, frames=700)
        mesh.seats[1].machine.stop()
        mesh.onward(60)
        mesh.seats[2].machine.stop()
        mesh.toTheEnd()
        result = mesh.seats[3].result
        assert result is not None
        self.assertEqual((result.outcome, result.last_frame), (Outcome.FINISHED, 699))

    def test_tooFewWaitAndEnd(self) -> None:
        """Half of four without player 1 cannot agree: it waits, and ends by name after grace."""
        mesh = playing(4, grace=5.0)
        mesh.seats[1].machine.stop()
        mesh.seats[2].machine.stop()
        mesh.network.advance(4.0)
        for seat in mesh.living:
            self.assertEqual(seat.protocol.told("isolated"), [((1, 2),)])
        mesh.toTheEnd(8.0)
        for player in (3, 4):
            self.assertIsInstance(mesh.seats[player].failure, PeerLost)


class LeaveTests(SynchronousTestCase):
    """Goodbye of one of several does not end the match for the others."""

    def test_one(self) -> None:
        """One leaves, the others agree on its last frame at once and play on."""
        mesh = playing(4, profile=LOSSY)
        leaver = mesh.seats[1]
        assert leaver.match is not None
        leaver.match.leave()
        mesh.network.advance(1.5)
        assert leaver.result is not None
        self.assertEqual(leaver.result.outcome, Outcome.LEFT)
        told = [seat.protocol.told("playerDropped") for seat in mesh.living]
        self.assertEqual(len(told), 3)
        self.assertTrue(all(len(each) == 1 and each == told[0] for each in told), told)
        mesh.onward(120)
        self.assertEqual(mesh.disagreement(), "")

    def test_halfAtOnce(self) -> None:
        """Two of four at once, without whom the others would be too few: they vote first."""
        mesh = playing(4)
        for player in (1, 2):
            match = mesh.seats[player].match
            assert match is not None
            match.leave()
        mesh.network.advance(3.5)
        self.assertTrue(mesh.seats[1].over and mesh.seats[2].over)
        mesh.onward(120)
        self.assertEqual([seat.player for seat in mesh.living], [3, 4])
        self.assertEqual(mesh.disagreement(3, 4), "")

    def test_allButOne(self) -> None:
        """The last one is told by its outcome that the others left."""
        mesh = playing(3)
        for player in (1, 2):
            match = mesh.seats[player].match
            assert match is not None
            match.leave()
            mesh.network.advance(1.0)
        result = mesh.seats[3].result
        assert result is not None
        self.assertEqual(result.outcome, Outcome.OTHER_LEFT)

    def test_aGameThatRaises(self) -> None:
        """One player's game fails: it is dropped, and the others play on."""
        mesh = playing(3)
        mesh.seats[2].protocol.localInput = lambda player, frame: 1 / 0  # type: ignore
        mesh.network.advance(2.0)
        self.flushLoggedErrors()
        self.assertIsNotNone(mesh.seats[2].failure)
        mesh.onward(120)
        self.assertEqual(mesh.seats[1].protocol.told("playerDropped")[0][0], 2)
        self.assertEqual(mesh.disagreement(1, 3), "")


class LateTests(SynchronousTestCase):
    """Late join into a vacant seat, by the others' state."""

    def test_aFourth(self) -> None:
        """A match of four seats is begun by three; the fourth comes late and plays."""
        mesh = playing(3, 120, capacity=4, profile=LOSSY)
        late = mesh.admit(4)
        mesh.network.runUntil(lambda: late.protocol.told("seatTaken"), 10.0)
        ((frame,),) = late.protocol.told("seatTaken")
        mesh.until(frame + 60)
        for player in (1, 2, 3):
            self.assertEqual(mesh.seats[player].protocol.told("playerJoined"), [(4, frame)])
        self.assertEqual(mesh.disagreement(), "")
        for number, row in mesh.seats[1].protocol.frames.items():
            self.assertEqual(bool(row[0][3]), number > frame, "seated from that frame on")
        assert late.match is not None
        self.assertEqual(late.match.players, (1, 2, 3, 4))

    def test_twoAtOnce(self) -> None:
        """Two come late at the same time, each unknown to the other at first."""
        mesh = playing(2, 60, capacity=4)
        mesh.admit(3)
        mesh.admit(4)
        mesh.network.runUntil(
            lambda: all(mesh.seats[player].protocol.told("seatTaken") for player in (3, 4)), 20.0
        )
        mesh.onward(60)
        self.assertEqual(mesh.disagreement(), "")

    def test_afterSomebodyLeft(self) -> None:
        """Who joins late need not know whose seats were empty at the start."""
        mesh = playing(3, 60, capacity=4)
        assert mesh.seats[2].match is not None
        mesh.seats[2].match.leave()
        mesh.network.advance(2.0)
        mesh.seats[2].machine.stop()
        mesh.admit(4)
        mesh.network.runUntil(lambda: mesh.seats[4].protocol.told("seatTaken"), 10.0)
        mesh.onward(60)
        self.assertEqual(mesh.disagreement(1, 3, 4), "")

    def test_whileTheOthersCount(self) -> None:
        """Who sits down before play began, with a ticket that says late, is seated after it."""
        mesh = ManyPlayers(2, capacity=3, countdown=3.0)
        mesh.play()
        mesh.network.advance(1.0)
        late = mesh.admit(3)
        mesh.network.runUntil(lambda: late.protocol.told("seatTaken"), 20.0)
        mesh.until(late.protocol.told("seatTaken")[0][0] + 30)
        self.assertEqual(mesh.seats[1].protocol.restarts, 0)
        self.assertEqual(mesh.disagreement(), "")

    def test_withoutAPath(self) -> None:
        """Who finds nobody of the match gives up by name."""
        mesh = playing(2, 30, capacity=3, start_timeout=2.0)
        mesh.sitDown(3)
        mesh.cut(3)
        mesh.play(3, late=True)
        mesh.network.advance(3.0)
        self.assertIn("nobody in the match could be reached", str(mesh.seats[3].failure))

    def test_byOtherRules(self) -> None:
        """Bad input: who comes with other settings gets no seat, and is told why."""
        mesh = playing(2, 30, capacity=3)
        mesh.settings = type(mesh.settings)(countdown=0.0, rules="other", input_delay=2,
                                            checksum_interval=7)
        mesh.admit(3)
        mesh.network.runUntil(lambda: mesh.seats[3].over, 20.0)
        self.assertIn("configuration differs", str(mesh.seats[3].failure))
        mesh.onward(60)


class ReturnTests(SynchronousTestCase):
    """Who was dropped comes back by state transfer."""

    def test_cutAndHealed(self) -> None:
        """A player of four is cut off, dropped, heals within grace, and plays again."""
        mesh = playing(4, profile=LOSSY)
        mesh.cut(3)
        mesh.network.advance(6.0)
        self.assertEqual(mesh.seats[1].protocol.told("playerDropped")[0][0], 3)
        mesh.network.heal()
        back = mesh.seats[3].protocol
        mesh.network.runUntil(lambda: back.told("seatTaken"), 15.0)
        self.assertEqual(len(back.told("dropped")), 1)
        mesh.onward(120)
        self.assertEqual(mesh.disagreement(), "")
        self.assertEqual(
            mesh.seats[1].protocol.told("playerJoined"), [(3, back.told("seatTaken")[0][0])]
        )

    def test_aNewProcess(self) -> None:
        """A process returns at once, before it was dropped: it is dropped and seated anew."""
        for gone in (1, 3):
            mesh = playing(3, 90, lost_after=10.0)
            secret = mesh.secretOf(gone)
            mesh.seats[gone].machine.stop()
            mesh.network.advance(0.5)
            back = mesh.bringBack(gone, secret)
            mesh.network.runUntil(lambda back=back: back.protocol.told("seatTaken"), 10.0)
            mesh.onward(120)
            self.assertEqual(mesh.disagreement(), "")
            self.assertEqual(len(mesh.living), 3)

    def test_aNewProcessOfTwo(self) -> None:
        """plays_alone: of two, either dies, the other plays on, and the dead one returns."""
        for gone in (1, 2):
            mesh = playing(2, 90, plays_alone=True)
            secret = mesh.secretOf(gone)
            mesh.seats[gone].machine.stop()
            mesh.network.advance(4.0)
            back = mesh.bringBack(gone, secret)
            mesh.network.runUntil(lambda back=back: back.protocol.told("seatTaken"), 10.0)
            mesh.onward(120)
            self.assertEqual(mesh.disagreement(), "")

    def test_splitBrain(self) -> None:
        """Two lose each other and both go on; healed, player 1's match stands for both."""
        for seed in range(4):
            mesh = playing(2, 90, seed=seed, plays_alone=True, profile=LOSSY)
            mesh.cut(1)
            mesh.network.advance(5.0)
            ones = [seat.protocol.told("playerDropped")[0][0] for seat in mesh.living]
            self.assertEqual(ones, [2, 1])
            mesh.network.heal()
            second = mesh.seats[2].protocol
            mesh.network.runUntil(lambda second=second: second.told("seatTaken"), 15.0)
            mesh.onward(180)
            first = mesh.seats[1].protocol
            self.assertEqual(first.restarts, 0)
            self.assertEqual(first.told("dropped"), [])
            self.assertEqual(len(second.told("dropped")), 1)
            cut = second.told("seatTaken")[0][0]
            for frame in range(cut, mesh.confirmed()):
                self.assertEqual(first.frames[frame], second.frames[frame])

    def test_afterGrace(self) -> None:
        """Whoever heals after grace is over has no link any more: it ends by name, alone."""
        mesh = playing(3, grace=3.0, profile=LOSSY)
        mesh.cut(3)
        mesh.network.advance(7.0)
        self.assertEqual(sorted(mesh.seats[1].match._peers), [2])  # type: ignore[union-attr]
        mesh.network.heal()
        mesh.network.runUntil(lambda: mesh.seats[3].over, 15.0)
        self.assertIsInstance(mesh.seats[3].failure, PeerLost)
        mesh.onward(60)
