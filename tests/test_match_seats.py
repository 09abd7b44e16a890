"""
Several players at one machine, in the twin world: play, crash, return, late join, leave.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError
from gamenet.match import Outcome
from gamenet.match.result import SignatureState
from gamenet.match.seats import Seats
from gamenet.match.settings import MatchSettings
from gamenet.mesh.admission import HEARD_WITHIN
from gamenet.rollback.settings import RollbackSettings
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import TicketMember
from gamenet.world.link import LinkProfile
from tests.many_players import ManyPlayers

LOSSY = LinkProfile(latency=0.015, jitter=0.01, loss=0.03, reordering=0.03)


def playing(
    players: int, several: dict[int, int], frame: int = 60, **options: object
) -> ManyPlayers:
    """Return a mesh in which all have confirmed some frames."""
    options.setdefault("lost_after", 1.5)
    mesh = ManyPlayers(players, several=several, **options)  # type: ignore[arg-type]
    mesh.play()
    mesh.until(frame)
    return mesh


def ticketOf(*members: tuple[int, int], capacity: int = 8, late: bool = False) -> MatchTicket:
    """Return a ticket of members, as (number, players), for the first."""
    return MatchTicket(
        bytes(16),
        "0" * 16,
        members[0][0],
        1,
        tuple(
            sorted(
                (
                    TicketMember(n, bytes([n]) * 8, "x", bytes(32), bytes(32), (), players)
                    for n, players in members
                ),
                key=lambda member: member.player,
            )
        ),
        capacity,
        late,
    )


class SeatsTests(SynchronousTestCase):
    """Meshes and stars: the seating comes from the ticket."""

    def test_fromTheStart(self) -> None:
        """Whoever plays at one machine is one peer; empty seats stand alone."""
        seats = Seats.of(ticketOf((1, 2), (3, 1), (4, 3)))
        self.assertEqual(seats.seating, ((1, 2), (3,), (4, 5, 6), (7,), (8,)))
        self.assertEqual((seats.players, seats.vacant, seats.joining), (8, (7, 8), False))
        rollback = MatchSettings().rollbackSettings(8, 4, seats.vacant, seats.seating)
        self.assertEqual((rollback.local_players, rollback.peer), ((4, 5, 6), 4))

    def test_late(self) -> None:
        """Who comes late finds all seats of its own empty."""
        seats = Seats.of(ticketOf((5, 2), (1, 3), late=True))
        self.assertEqual(seats.seating, ((1, 2, 3), (4,), (5, 6), (7,), (8,)))
        self.assertEqual((seats.vacant, seats.joining), ((4, 5, 6, 7, 8), True))

    def test_comparedAlike(self) -> None:
        """A replay's digest, and a late joiner's, do not depend on who sat where at first."""
        settings = MatchSettings()
        alone = settings.rollbackSettings(4, 1)
        several = settings.rollbackSettings(4, 1, (), ((1, 2), (3,), (4,)))
        self.assertEqual(alone.digest(), several.digest())
        plain = RollbackSettings(players=4)
        self.assertEqual(alone.compared_peers, plain.peers)
        fixed = RollbackSettings(players=4, seating=((1, 2), (3,), (4,)))
        self.assertNotEqual(fixed.digest(), plain.digest())
        self.assertRaises(BadSetting, RollbackSettings, open_seating=1)


class PlayTests(SynchronousTestCase):
    """Several local players per peer."""

    def test_twoTimesTwo(self) -> None:
        """2 machines with 2 players each: every player's inputs count, in order, everywhere."""
        mesh = playing(4, {1: 2, 3: 2}, 300, profile=LOSSY, clocks=True)
        self.assertEqual(sorted(mesh.seats), [1, 3])
        self.assertEqual(mesh.disagreement(), "")
        for seat in mesh.seats.values():
            assert seat.match is not None
            self.assertEqual(seat.match.players, (1, 2, 3, 4))
            header = seat.match.logHeader()
            ours = (seat.player, seat.player + 1)
            self.assertEqual((header.local_players, header.seating), (ours, ((1, 2), (3, 4))))
            self.assertEqual(tuple(seat.protocol.asked), ours)
            for frames in seat.protocol.asked.values():
                self.assertEqual(frames, list(range(frames[0], frames[0] + len(frames))))
            self.assertEqual(len(seat.match.statistics().links), 1)
            inputs, _ = seat.protocol.frames[200]
            self.assertEqual(len(inputs), 4)
        rows = [row[0] for row in mesh.seats[1].protocol.frames.values()]
        for player in range(4):
            self.assertGreater(len({row[player] for row in rows}), 5)

    def test_delays(self) -> None:
        """The input delay is each player's own."""
        mesh = playing(4, {1: 2, 3: 2})
        match = mesh.seats[3].match
        assert match is not None
        match.setInputDelay(5, 4)
        mesh.onward(60)
        asked = mesh.seats[3].protocol.asked
        self.assertEqual(asked[4][-1] - asked[3][-1], 4)
        self.assertRaises(LocalProtocolError, match.setInputDelay, 5, 1)
        self.assertEqual(mesh.disagreement(), "")

    def test_lockstep(self) -> None:
        """Without prediction no frame is played before all four have said what they press."""
        mesh = playing(4, {1: 2, 3: 2}, 120, prediction_window=0, input_delay=3)
        for seat in mesh.seats.values():
            assert seat.match is not None
            self.assertEqual(seat.match.statistics().rollbacks, 0)
        self.assertEqual(mesh.disagreement(), "")

    def test_finished(self) -> None:
        """The result is signed by each member, named by the lowest of its numbers."""
        mesh = ManyPlayers(4, several={2: 2}, frames=150, profile=LOSSY)
        mesh.play()
        mesh.toTheEnd()
        for seat in mesh.seats.values():
            result = seat.result
            assert result is not None
            self.assertEqual((result.outcome, result.last_frame), (Outcome.FINISHED, 149))
            given = [(each.player, each.state) for each in result.signatures]
            self.assertEqual(given, [(n, SignatureState.GIVEN) for n in (1, 2, 4)])

    def test_sessionLog(self) -> None:
        """The participants of the session's log are the members, by their lowest numbers."""
        mesh = playing(4, {1: 2, 3: 2})
        for seat in mesh.seats.values():
            assert seat.match is not None
            state = seat.match.shared.state
            assert state is not None
            self.assertEqual([each.player for each in state.participants], [1, 3])


class CrashTests(SynchronousTestCase):
    """Who crashes is dropped with all who play there, in one frame."""

    def test_ofThree(self) -> None:
        """1 + 2 + 1: the machine of two dies, both are dropped, it returns, both play again."""
        for seed in (1, 2):
            mesh = playing(4, {2: 2}, seed=seed, profile=LOSSY)
            secret = mesh.secretOf(2)
            mesh.seats[2].machine.stop()
            mesh.onward(200)
            told = [seat.protocol.told("playerDropped") for seat in mesh.living]
            self.assertEqual([player for player, _ in told[0]], [2, 3])
            self.assertEqual(len({frame for _, frame in told[0]}), 1)
            self.assertEqual(told[0], told[1])
            for seat in mesh.living:
                assert seat.match is not None
                self.assertEqual(seat.match.players, (1, 4))
            back = mesh.bringBack(2, secret)
            mesh.network.runUntil(lambda back=back: back.protocol.told("seatTaken"), 15.0)
            ((frame,),) = back.protocol.told("seatTaken")
            mesh.until(frame + 60)
            for player in (1, 4):
                joined = mesh.seats[player].protocol.told("playerJoined")
                self.assertEqual(joined, [(2, frame), (3, frame)])
            assert back.match is not None
            self.assertEqual(back.match.players, (1, 2, 3, 4))
            self.assertEqual(sorted(back.protocol.asked), [2, 3])
            self.assertEqual(mesh.disagreement(), "")

    def test_ofTwo(self) -> None:
        """plays_alone: of two machines of two either dies, and the other plays on."""
        for gone, left in ((1, 3), (3, 1)):
            mesh = playing(4, {1: 2, 3: 2}, plays_alone=True)
            mesh.seats[gone].machine.stop()
            mesh.onward(60)
            told = mesh.seats[left].protocol.told("playerDropped")
            self.assertEqual([player for player, _ in told], [gone, gone + 1])

    def test_leaves(self) -> None:
        """Goodbye is said for all who play at the machine."""
        mesh = playing(5, {2: 2, 4: 2}, profile=LOSSY)
        match = mesh.seats[4].match
        assert match is not None
        match.leave()
        mesh.network.advance(2.0)
        told = mesh.seats[1].protocol.told("playerDropped")
        self.assertEqual([player for player, _ in told], [4, 5])
        mesh.onward(60)
        self.assertEqual(mesh.disagreement(1, 2), "")


class LateTests(SynchronousTestCase):
    """Who comes late may bring somebody along."""

    def seated(self, mesh: ManyPlayers, player: int) -> None:
        """Wait until somebody has its seats, and see that all agree."""
        late = mesh.seats[player]
        mesh.network.runUntil(lambda: late.protocol.told("seatTaken"), 15.0)
        ((frame,),) = late.protocol.told("seatTaken")
        mesh.until(frame + 60)
        self.assertEqual(sorted(late.protocol.asked), list(late.member.numbers))
        living = [seat.player for seat in mesh.living]
        for seat in mesh.living:
            if seat.player != player:
                joined = seat.protocol.told("playerJoined")[-late.players :]
                self.assertEqual(joined, [(number, frame) for number in late.member.numbers])
        self.assertEqual(mesh.disagreement(*living), "")

    def test_intoEmptySeats(self) -> None:
        """Two seats that were empty from the start, each alone, become those of one machine."""
        mesh = playing(2, {}, capacity=4, profile=LOSSY)
        mesh.admit(3, 2)
        self.seated(mesh, 3)
        for seat in mesh.living:
            assert seat.match is not None
            self.assertEqual(seat.match.players, (1, 2, 3, 4))
            self.assertEqual(seat.match.logHeader().seating, ((1,), (2,), (3, 4)))

    def test_twice(self) -> None:
        """One machine of two after another, and the second sees the first's seats."""
        mesh = playing(2, {1: 2}, capacity=6)
        mesh.admit(3, 2)
        self.seated(mesh, 3)
        mesh.admit(5, 2)
        self.seated(mesh, 5)

    def test_andBack(self) -> None:
        """A machine of two that came late dies, and returns by its resume secret."""
        mesh = playing(2, {}, capacity=4, profile=LOSSY)
        mesh.admit(3, 2)
        self.seated(mesh, 3)
        secret = mesh.secretOf(3)
        mesh.seats[3].machine.stop()
        mesh.onward(200)
        mesh.bringBack(3, secret)
        self.seated(mesh, 3)

    def test_intoSeatsOfWhoLeft(self) -> None:
        """One takes a seat of two who left together; the other seat stays empty."""
        mesh = playing(4, {3: 2}, capacity=4)
        match = mesh.seats[3].match
        assert match is not None
        match.leave()
        mesh.network.advance(2.0)
        mesh.seats[3].machine.stop()
        mesh.admit(4)
        self.seated(mesh, 4)
        for seat in mesh.living:
            assert seat.match is not None
            self.assertEqual(seat.match.players, (1, 2, 4))

    def test_intoSeatsOfWhoIsSilent(self) -> None:
        """Two single players die; whom the lobby seats there at once waits for their drop."""
        mesh = playing(5, {}, capacity=5, lost_after=6.0)
        for player in (4, 5):
            mesh.seats[player].machine.stop()
        mesh.network.advance(HEARD_WITHIN + 1.0)
        self.assertEqual(mesh.seats[1].protocol.told("playerDropped"), [])
        mesh.admit(4, 2)
        del mesh.seats[5]
        self.seated(mesh, 4)

    def test_longAfter(self) -> None:
        """Whoever had the seat was dropped longer ago than it is kept: it is a newcomer's now."""
        mesh = playing(3, {}, grace=2.0)
        match = mesh.seats[3].match
        assert match is not None
        match.leave()
        mesh.network.advance(6.0)
        mesh.seats[3].machine.stop()
        mesh.admit(3)
        self.seated(mesh, 3)
