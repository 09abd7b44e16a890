"""Tests of L{gamenet.agreement.agreement}: who goes on, who leaves, who joins."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.events import Standing, ViewChanged
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import Seating, firstView
from gamenet.errors import RemoteProtocolError
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import (
    Accept,
    Accepted,
    Ballot,
    CommitAck,
    Leave,
    Promise,
    Seat,
    View,
)
from tests.rollback_agreement_world import AgreementWorld

TWO: Seating = ((1,), (2,))
THREE: Seating = ((1,), (2,), (3,))
FOUR: Seating = ((1,), (2,), (3,), (4,))
FIVE: Seating = ((1,), (2,), (3,), (4,), (5,))


def members(world: AgreementWorld) -> list[tuple[int, ...]]:
    """Return the members of each view that was committed, in order."""
    return [world.committed[number].members for number in sorted(world.committed)]


class SplitTests(SynchronousTestCase):
    """ "Players come and go": who goes on when not all hear each other."""

    def requireDropped(self, world: AgreementWorld, *peers: int) -> None:
        """Those peers know that they are dropped, and nobody else is."""
        for peer in world.peers.values():
            self.assertEqual(peer.agreement.dropped is not None, peer.peer in peers, peer.peer)

    def checkSplit(
        self, seating: Seating, groups: tuple[tuple[int, ...], ...], winner: int
    ) -> AgreementWorld:
        """Split, look who goes on, heal, and look who knows."""
        world = AgreementWorld(1, seating)
        world.run(1)
        world.split(*groups)
        world.run(5)
        self.assertEqual(world.committed[max(world.committed)].members, groups[winner])
        for place, group in enumerate(groups):
            for peer in group:
                self.assertEqual(world.peers[peer].agreement.isolated, place != winner)
        world.heal()
        world.run(3)
        losers = [peer for place, group in enumerate(groups) for peer in group if place != winner]
        self.requireDropped(world, *losers)
        self.assertTrue(world.settled())
        world.compareHistories()
        return world

    def test_exactHalf(self) -> None:
        """At exactly half, the side with the lowest seated player."""
        self.checkSplit(FOUR, ((1, 2), (3, 4)), 0)
        self.checkSplit(FOUR, ((2, 3), (1, 4)), 1)

    def test_majorities(self) -> None:
        """More than half go on, with the lowest player or without."""
        self.checkSplit(THREE, ((1, 2), (3,)), 0)
        self.checkSplit(THREE, ((1,), (2, 3)), 1)
        self.checkSplit(FIVE, ((1, 2), (3, 4, 5)), 1)

    def test_playersCount(self) -> None:
        """One peer of three players outweighs two of one."""
        self.checkSplit(((1,), (2,), (3, 4, 5)), ((1, 2), (3,)), 1)

    def test_threeWays(self) -> None:
        """Nobody goes on; healed, all go on in the view that they had."""
        world = AgreementWorld(1, FIVE)
        world.run(1)
        world.split((1, 2), (3, 4), (5,))
        world.run(5)
        self.assertEqual(members(world), [(1, 2, 3, 4, 5)])
        before = [peer.confirmed for peer in world.peers.values()]
        for peer in world.peers.values():
            self.assertTrue(peer.agreement.isolated)
        world.heal()
        world.run(3)
        self.requireDropped(world)
        self.assertEqual(world.counts["Reunited"], 5)
        self.assertEqual(world.counts["Isolated"], 5)
        self.assertTrue(world.settled())
        for peer, confirmed in zip(world.peers.values(), before, strict=True):
            self.assertGreater(peer.confirmed, confirmed + 50)
        world.compareHistories()

    def test_duel(self) -> None:
        """1 v 1: player 1 goes on, player 2 learns of it, whoever of them is lost."""
        world = self.checkSplit(TWO, ((1,), (2,)), 0)
        self.assertEqual(members(world), [(1, 2), (1,)])
        world = AgreementWorld(1, TWO)
        world.run(1)
        world.kill(1)
        world.run(5)
        self.assertEqual(members(world), [(1, 2)])
        self.assertTrue(world.peers[2].agreement.isolated)

    def test_bothStop(self) -> None:
        """1 v 1 where both stop: nobody goes on, and healed both do."""
        world = AgreementWorld(1, TWO, settings=AgreementSettings(both_stop=True))
        world.run(1)
        world.split((1,), (2,))
        world.run(5)
        self.assertEqual(members(world), [(1, 2)])
        self.assertTrue(all(peer.agreement.isolated for peer in world.peers.values()))
        world.heal()
        world.run(2)
        self.assertTrue(world.settled())
        self.assertEqual(world.counts["Reunited"], 2)

    def test_partialPartition(self) -> None:
        """
        Section 4, the three-peer drop with gap 8 (a partial partition): 1 and 3
        suspect each other, 2 hears both.  Exactly one is dropped, and all agree.
        """
        for pair in ((1, 3), (1, 2), (2, 3)):
            world = AgreementWorld(1, THREE)
            world.run(1)
            world.block(*pair)
            world.run(5)
            self.assertEqual(len(members(world)[-1]), 2, pair)
            self.assertTrue(world.settled())
            self.assertEqual(world.counts["Dropped"], 1)
            world.compareHistories()

    def test_linkDiesBeforePeer(self) -> None:
        """Section 4, the three-peer drop: the link 1-3 dies 0, 1, 2, 5, 8 frames before 1 does."""
        for gap in (0, 1, 2, 5, 8):
            world = AgreementWorld(gap, THREE)
            world.run(1)
            world.block(1, 3)
            world.run(gap * 0.02)
            world.kill(1)
            world.run(4)
            self.assertEqual(members(world)[-1], (2, 3))
            self.assertEqual(world.peers[2].agreement.view, world.peers[3].agreement.view)
            world.run(4)
            self.assertTrue(world.settled())
            self.assertGreater(world.peers[2].confirmed, 100)
            world.compareHistories()

    def test_deafButHeard(self) -> None:
        """A peer that others hear but that hears nobody is dropped, and knows it when it hears."""
        world = AgreementWorld(1, THREE)
        world.run(1)
        world.block(1, 3, both=False)
        world.block(2, 3, both=False)
        world.run(3)
        self.assertTrue(world.peers[3].agreement.isolated)
        world.heal()
        world.run(2)
        self.assertTrue(world.settled())


class LeaveTests(SynchronousTestCase):
    """Who leaves votes until it is gone."""

    def test_duel(self) -> None:
        """Either of two leaves; the other goes on, also the one that is no quorum."""
        for leaver, stays in ((1, 2), (2, 1)):
            world = AgreementWorld(1, TWO)
            world.run(1)
            world.leave(leaver)
            world.run(1)
            self.assertEqual(members(world), [(1, 2), (stays,)])
            self.assertEqual(world.counts["left"], 1)
            self.assertEqual(world.counts["Dropped"], 0)
            self.assertIsNotNone(world.peers[leaver].agreement.dropped)

    def test_bothStop(self) -> None:
        """Where both stop, a leaver's vote lets the other go on all the same."""
        world = AgreementWorld(1, TWO, settings=AgreementSettings(both_stop=True))
        world.run(1)
        world.leave(1)
        world.run(1)
        self.assertEqual(members(world), [(1, 2), (2,)])

    def test_halfOfFour(self) -> None:
        """1 and 2 of 4 leave at once: 3 and 4, no quorum by themselves, go on."""
        world = AgreementWorld(1, FOUR)
        world.run(1)
        world.leave(1)
        world.leave(2)
        world.run(3)
        self.assertEqual(members(world)[-1], (3, 4))
        self.assertEqual(world.counts["left"], 2)
        self.assertTrue(world.settled())
        world.compareHistories()

    def test_everybody(self) -> None:
        """All leave: each is gone as soon as all have said so."""
        world = AgreementWorld(1, THREE)
        world.run(1)
        for peer in (1, 2, 3):
            world.leave(peer)
        world.run(0.5)
        self.assertEqual(world.counts["left"], 3)
        self.assertEqual(members(world), [(1, 2, 3)])

    def test_unheard(self) -> None:
        """Who leaves without being heard is gone after 5 s."""
        world = AgreementWorld(1, TWO)
        world.run(1)
        world.split((1,), (2,))
        world.leave(2)
        world.run(4.8)
        self.assertEqual(world.counts["left"], 0)
        world.run(0.4)
        self.assertEqual(world.counts["left"], 1)

    def test_alone(self) -> None:
        """The last member, or who is none, is gone at once."""
        agreement = Agreement(AgreementSettings(), 1, TWO, firstView(TWO, (2,)))
        agreement.leave(0.0)
        self.assertTrue(agreement.left)
        agreement = Agreement(AgreementSettings(), 2, TWO, firstView(TWO, (2,)))
        self.assertFalse(agreement.left)
        agreement.leave(0.0)
        self.assertTrue(agreement.left)


class JoinTests(SynchronousTestCase):
    """Vacant and dropped peers ask for their seats."""

    def test_vacant(self) -> None:
        """A peer that was never there comes in, and plays."""
        world = AgreementWorld(1, THREE, (2,), rejoin=True)
        world.run(4)
        self.assertEqual(members(world), [(1, 3), (1, 2, 3)])
        self.assertGreater(world.committed[1].seats[1].since, 0)
        self.assertTrue(world.settled())
        world.compareHistories()

    def test_reconnection(self) -> None:
        """Two are dropped by a split and both come back, one view after the other."""
        world = AgreementWorld(1, FIVE, rejoin=True)
        world.run(1)
        world.split((1, 2, 3), (4, 5))
        world.run(3)
        world.heal()
        world.run(6)
        self.assertEqual(members(world)[-1], (1, 2, 3, 4, 5))
        self.assertEqual(world.counts["joined"], 2)
        self.assertTrue(world.settled())
        world.compareHistories()

    def agreementOf(self, seats: tuple[Seat, ...], confirmed: int) -> tuple[Agreement, Standing]:
        view = View(1, (1, 2), seats)
        agreement = Agreement(AgreementSettings(both_stop=True), 1, THREE, view)
        return agreement, Standing(confirmed, confirmed + 9, (confirmed + 2, confirmed + 1, 50))

    def test_notYetHere(self) -> None:
        """While our own confirmed frames do not reach the old cut, nothing is proposed."""
        seats = (Seat(True, 0), Seat(True, 0), Seat(False, 50))
        agreement, standing = self.agreementOf(seats, 49)
        agreement.admit(3, 0.0)
        self.assertEqual(agreement.due(standing, 0.0), ())
        agreement, standing = self.agreementOf(seats, 50)
        agreement.admit(3, 0.0)
        self.assertEqual([peer for peer, _ in agreement.due(standing, 0.0)], [2])

    def test_notYetThere(self) -> None:
        """
        While another's do not, it is not seated: a view of the same members is
        decided, and the joiner is tried again after a pause.
        """
        seats = (Seat(True, 0), Seat(True, 0), Seat(False, 50))
        agreement, standing = self.agreementOf(seats, 60)
        agreement.admit(3, 0.0)
        agreement.due(standing, 0.0)
        ballot = Ballot(1, 1)
        answer = Promise(2, ballot, (50, 50, 40), 39, 48)
        agreement.received(2, encodeViewMessage(answer), standing, 0.1)
        accept = agreement.due(standing, 0.1)
        value = View(2, (1, 2), seats)
        self.assertEqual(accept, ((2, encodeViewMessage(Accept(ballot, value))),))
        agreement.received(2, encodeViewMessage(Accepted(2, ballot)), standing, 0.2)
        self.assertEqual(agreement.drainEvents(), (ViewChanged(value, (), ()),))
        agreement.received(2, encodeViewMessage(CommitAck(2)), standing, 0.3)
        for now in (0.3, 0.6, 1.0, 1.09):
            agreement.admit(3, now)
            self.assertEqual(agreement.due(standing, now), ())
        agreement.admit(3, 1.1)
        self.assertEqual([peer for peer, _ in agreement.due(standing, 1.1)], [2])

    def test_joinFrame(self) -> None:
        """The joiner comes in at the latest horizon, with all its players."""
        seating: Seating = ((1,), (2,), (3, 4))
        agreement = Agreement(
            AgreementSettings(both_stop=True), 1, seating, firstView(seating, (3,))
        )
        standing = Standing(60, 69, (62, 61, 0, 0))
        agreement.admit(3, 0.0)
        agreement.due(standing, 0.0)
        answer = Promise(1, Ballot(1, 1), (61, 64, 0, 0), 60, 75)
        agreement.received(2, encodeViewMessage(answer), standing, 0.1)
        body = agreement.due(standing, 0.1)[0][1]
        seats = (Seat(True, 0), Seat(True, 0), Seat(True, 75), Seat(True, 75))
        self.assertEqual(decodeViewMessage(body), Accept(Ballot(1, 1), View(1, (1, 2, 3), seats)))

    def test_forgotten(self) -> None:
        """A joiner that is silent for more than 2 s is forgotten."""
        agreement = Agreement(AgreementSettings(), 1, THREE, firstView(THREE, (3,)))
        standing = Standing(0, 9, (1, 1, 0))
        agreement.admit(3, 0.0)
        self.assertEqual(agreement.due(standing, 2.1), ())
        agreement.admit(3, 2.2)
        self.assertEqual(len(agreement.due(standing, 4.2)), 1)

    def test_lowestProposes(self) -> None:
        """Only the lowest member that is heard and stays proposes a joiner."""
        standing = Standing(0, 9, (1, 1, 1, 0))
        for suspects, leaver, proposes in (((), 0, False), ((1,), 0, True), ((), 1, True)):
            agreement = Agreement(AgreementSettings(), 2, FOUR, firstView(FOUR, (4,)))
            agreement.suspect(suspects, 0.0)
            if leaver:
                agreement.received(leaver, encodeViewMessage(Leave(0)), standing, 0.0)
            said = []
            for now in (0.0, 0.5, 1.0):
                agreement.admit(4, now)
                said.append(bool(agreement.due(standing, now)))
            self.assertEqual(said, [proposes] * 3)

    def test_member(self) -> None:
        """A member's late request says nothing; a stranger's is refused."""
        agreement = Agreement(AgreementSettings(), 1, THREE, firstView(THREE))
        agreement.admit(3, 0.0)
        self.assertEqual(agreement.due(Standing(0, 9, (1, 1, 1)), 0.0), ())
        self.assertRaises(RemoteProtocolError, agreement.admit, 4, 0.0)
        self.assertRaises(RemoteProtocolError, agreement.admit, 1, 0.0)
