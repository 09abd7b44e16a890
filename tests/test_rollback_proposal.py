"""Tests of L{gamenet.agreement.proposal}: whose promises count, and the value proposed."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.proposal import Proposal, nextView
from gamenet.agreement.view import Seating, firstView
from gamenet.wire.view_values import Accept, Ballot, Prepare, Promise, Seat, View

FIVE: Seating = ((1,), (2,), (3,), (4,), (5,))
SEATS = (Seat(True, 0), Seat(True, 0), Seat(True, 40), Seat(False, 30), Seat(False, 0))
VIEW = View(6, (1, 2, 3), SEATS)


def promise(floors: tuple[int, ...], confirmed: int = 24, horizon: int = 50) -> Promise:
    """Return a promise."""
    return Promise(7, Ballot(1, 1), floors, confirmed, horizon)


class NextViewTests(SynchronousTestCase):
    """Cuts and join frames."""

    def test_cut(self) -> None:
        """A dropped player is there up to the highest floor of those who stay."""
        promises = {1: promise((30, 28, 44, 30, 0)), 3: promise((27, 31, 46, 30, 0))}
        view = nextView(VIEW, FIVE, promises, None)
        self.assertEqual(view, View(7, (1, 3), (SEATS[0], Seat(False, 31), *SEATS[2:])))

    def test_cutOfJoiner(self) -> None:
        """Who joined, and goes before anybody had its inputs, was never there."""
        promises = {1: promise((30, 28, 0, 30, 0)), 2: promise((27, 31, 0, 30, 0))}
        view = nextView(VIEW, FIVE, promises, None)
        self.assertEqual(view.seats[2], Seat(False, 40))

    def test_lostInputs(self) -> None:
        """
        Where nobody who stays has all inputs up to an old cut, it is lowered to
        what is known, but not below what is confirmed.
        """
        promises = {1: promise((30, 30, 40, 26, 0)), 2: promise((30, 30, 40, 28, 0))}
        self.assertEqual(nextView(VIEW, FIVE, promises, None).seats[3], Seat(False, 28))
        promises = {1: promise((30, 30, 40, 26, 0)), 2: promise((30, 30, 40, 26, 0), 27)}
        self.assertEqual(nextView(VIEW, FIVE, promises, None).seats[3], Seat(False, 28))
        promises = {1: promise((30, 30, 40, 0, 0)), 2: promise((36, 36, 40, 0, 0), 35)}
        self.assertEqual(nextView(VIEW, FIVE, promises, None).seats[3], Seat(False, 30))

    def test_joiner(self) -> None:
        """It joins at the latest horizon, when all have confirmed its seat's last frame."""
        seats = (*SEATS[:3], Seat(False, 45), SEATS[4])
        before = attrs.evolve(VIEW, seats=seats)
        early = promise((46, 46, 46, 45, 0), 45, 60)
        promises = {1: early, 2: promise((50, 50, 50, 45, 0), 49, 57), 3: early}
        view = nextView(before, FIVE, promises, 4)
        self.assertEqual(view, View(7, (1, 2, 3, 4), (*seats[:3], Seat(True, 60), seats[4])))
        promises[3] = promise((45, 45, 45, 45, 0), 44, 60)
        self.assertEqual(nextView(before, FIVE, promises, 4), View(7, (1, 2, 3), seats))

    def test_joinerElsewhere(self) -> None:
        """
        A change of any other seat, taken or empty, must be confirmed by all too: a joiner
        learns of none before the frame from which it follows.
        """
        for changed in (2, 3):
            seats = list(SEATS)
            seats[changed] = attrs.evolve(SEATS[changed], since=45)
            before = attrs.evolve(VIEW, seats=tuple(seats))
            for confirmed, members in ((44, (1, 2, 3)), (45, (1, 2, 3, 5))):
                floors = (confirmed + 1,) * 3 + (45, 0)
                late = promise(floors, confirmed, 60)
                promises = {1: promise((51,) * 3 + (45, 0), 50, 55), 2: late, 3: late}
                view = nextView(before, FIVE, promises, 5)
                self.assertEqual(view.members, members)
                seat = Seat(True, 60) if 5 in members else SEATS[4]
                self.assertEqual(view.seats, (*seats[:4], seat))


class ProposalTests(SynchronousTestCase):
    """Whose promises and votes a ballot needs."""

    def proposal(
        self, suspects: tuple[int, ...], leavers: tuple[int, ...], players: int = 5
    ) -> Proposal:
        """Return a ballot of peer 3."""
        prepare = Prepare(1, Ballot(1, 3), suspects, leavers)
        view = firstView(FIVE[:players])
        return Proposal(prepare, view, FIVE[:players], False, suspects, None, 0.0)

    def promising(self, proposal: Proposal, *peers: int) -> tuple[int, ...]:
        """Have these promise; return who is missing then."""
        for peer in peers:
            proposal.promises[peer] = promise((1,) * len(proposal.view.seats), 0, 9)
        return proposal.missing

    def test_suspects(self) -> None:
        """All but the suspects are needed, also where fewer would be a quorum."""
        proposal = self.proposal((5,), ())
        self.assertEqual(proposal.asked, (1, 2, 3, 4))
        self.assertEqual(self.promising(proposal, 3), (1, 2, 4))
        self.assertEqual(self.promising(proposal, 1, 2), (4,))
        self.assertEqual(self.promising(proposal, 4), ())

    def test_leaverNotNeeded(self) -> None:
        """Where those who stay are a quorum, a leaver's promise is not waited for."""
        proposal = self.proposal((5,), (1,))
        self.assertEqual((proposal.asked, proposal.staying), ((1, 2, 3, 4), (2, 3, 4)))
        self.assertEqual(self.promising(proposal, 1, 2, 3), (4,))
        proposal = self.proposal((5,), (1,))
        self.assertEqual(self.promising(proposal, 2, 3, 4), ())

    def test_leaverNeeded(self) -> None:
        """
        Where they are none, as 3 and 4 of 4 players, nothing is proposed before
        leavers that make up a quorum have promised: any other value may have been decided.
        """
        proposal = self.proposal((), (1, 2), 4)
        self.assertEqual(self.promising(proposal, 3), (4,))
        self.assertEqual(self.promising(proposal, 4), (1, 2))
        self.assertEqual(self.promising(proposal, 2), ())
        value = proposal.propose(5.0)
        self.assertEqual((value.members, proposal.began), ((3, 4), 5.0))

    def test_decided(self) -> None:
        """A quorum of the old view must accept, leavers included."""
        proposal = self.proposal((), (1, 2), 4)
        self.promising(proposal, 2, 3, 4)
        value = proposal.propose(0.0)
        proposal.accepted += [3, 4]
        self.assertFalse(proposal.decided)
        self.assertEqual(proposal.question(2), Accept(Ballot(1, 3), value))
        self.assertIsNone(proposal.question(1))
        self.assertIsNone(proposal.question(4))
        proposal.accepted.append(2)
        self.assertTrue(proposal.decided)
