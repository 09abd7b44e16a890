"""Tests of L{gamenet.rollback.agreement}, case by case."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError, MalformedMessage, RemoteProtocolError
from gamenet.rollback.agreement import MESSAGES_PER_PEER, Agreement
from gamenet.rollback.agreement_events import Dropped, Isolated, Reunited, Standing, ViewChanged
from gamenet.rollback.agreement_settings import AgreementSettings
from gamenet.rollback.view import Seating, firstView
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import (
    ROUNDS_LIMIT,
    VIEWS_LIMIT,
    Accept,
    Accepted,
    Ballot,
    Commit,
    CommitAck,
    Leave,
    Outbid,
    Prepare,
    Promise,
    Seat,
    View,
    ViewMessage,
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
        agreement.admit(3, 1.0)
        self.assertEqual(agreement.due(standing, 1.0)[:-1], ())
        agreement.received(3, encodeViewMessage(CommitAck(2)), standing, 1.0)
        agreement.admit(3, 1.2)
        self.assertEqual([peer for peer, _ in agreement.due(standing, 1.2)], [2])

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
            agreement.admit(4, 0.0)
            self.assertEqual(bool(agreement.due(standing, 0.0)), proposes)

    def test_member(self) -> None:
        """A member's late request says nothing; a stranger's is refused."""
        agreement = Agreement(AgreementSettings(), 1, THREE, firstView(THREE))
        agreement.admit(3, 0.0)
        self.assertEqual(agreement.due(Standing(0, 9, (1, 1, 1)), 0.0), ())
        self.assertRaises(RemoteProtocolError, agreement.admit, 4, 0.0)
        self.assertRaises(RemoteProtocolError, agreement.admit, 1, 0.0)


class ScriptedCase(SynchronousTestCase):
    """One agreement, whose peers are played by the test."""

    def setUp(self) -> None:
        self.standing = Standing(9, 20, (12, 11, 10, 10, 10))
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE))
        self.now = 0.0

    def take(self, peer: int, message: ViewMessage) -> None:
        """Have the agreement take a message."""
        self.agreement.received(peer, encodeViewMessage(message), self.standing, self.now)

    def sent(self, now: float) -> dict[int, list[ViewMessage]]:
        """Return what is sent at a time, by peer."""
        self.now = now
        messages: dict[int, list[ViewMessage]] = {}
        for peer, body in self.agreement.due(self.standing, now):
            messages.setdefault(peer, []).append(decodeViewMessage(body))
        return messages

    def promiseOf(self, ballot: Ballot, number: int = 1) -> Promise:
        """Return a promise that somebody makes."""
        return Promise(number, ballot, (10, 10, 10, 10, 14), 9, 30)

    def refuses(self, peer: int, message: ViewMessage) -> None:
        """The message is refused, and nothing changes."""
        before = repr(self.agreement)
        self.assertRaises(RemoteProtocolError, self.take, peer, message)
        self.assertEqual(repr(self.agreement), before)


class ProposerTests(ScriptedCase):
    """A ballot of ours, step by step."""

    def test_wholeBallot(self) -> None:
        """PREPARE, ACCEPT and COMMIT; the cut is the highest floor, the pledge holds meanwhile."""
        self.agreement.suspect((5,), 0.0)
        self.assertEqual(self.sent(0.0), {})
        ballot = Ballot(1, 2)
        prepare = Prepare(1, ballot, (5,), ())
        self.assertEqual(self.sent(0.21), {1: [prepare], 3: [prepare], 4: [prepare]})
        self.assertEqual(self.agreement.frozen, (5,))
        self.assertEqual(self.agreement.horizon, 20)
        self.assertTrue(self.agreement.deciding)
        for peer in (1, 3):
            self.take(peer, self.promiseOf(ballot))
            self.take(peer, self.promiseOf(ballot))
        self.assertEqual(self.sent(0.25), {})
        self.assertEqual(self.sent(0.32), {4: [prepare]})
        self.take(4, self.promiseOf(ballot))
        value = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 14),))
        accept = Accept(ballot, value)
        self.assertEqual(self.sent(0.33), {1: [accept], 3: [accept], 4: [accept]})
        self.take(1, Accepted(1, ballot))
        self.take(1, Accepted(1, ballot))
        self.assertEqual(self.agreement.view.number, 0)
        self.take(3, Accepted(1, ballot))
        self.assertEqual(self.agreement.view, value)
        self.assertEqual((self.agreement.frozen, self.agreement.horizon), ((), None))
        self.assertEqual(self.agreement.drainEvents(), (ViewChanged(value, ((5, 14),), ()),))
        commit = Commit(value)
        self.assertEqual(self.sent(0.34), {peer: [commit] for peer in (1, 3, 4, 5)})
        self.take(1, CommitAck(1))
        self.agreement.heardInView(3, 1, 0.4)
        self.assertEqual(self.sent(0.45), {4: [commit], 5: [commit]})
        self.take(4, CommitAck(1))
        self.assertEqual(self.sent(0.50), {})
        self.assertEqual(self.sent(10.2), {5: [commit]})
        self.assertEqual(self.sent(10.5), {})
        self.agreement.heardInView(5, 0, 11.0)
        self.agreement.heardInView(5, 0, 11.0)
        self.assertEqual(self.sent(11.0), {5: [commit]})
        self.agreement.heardInView(5, 0, 11.05)
        self.assertEqual(self.sent(11.05), {})
        self.assertEqual(self.sent(11.2), {5: [commit]})
        self.assertEqual(self.sent(11.4), {})

    def test_silentPromiser(self) -> None:
        """Who does not promise in 0.75 s is done without, where the rest is a quorum."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        self.take(1, self.promiseOf(Ballot(1, 2)))
        self.take(3, self.promiseOf(Ballot(1, 2)))
        self.assertEqual(self.sent(0.94)[4], [Prepare(1, Ballot(1, 2), (5,), ())])
        again = Prepare(1, Ballot(2, 2), (4, 5), ())
        self.assertEqual(self.sent(0.96), {1: [again], 3: [again]})
        self.assertEqual(self.agreement.frozen, (4, 5))
        self.take(4, self.promiseOf(Ballot(1, 2)))
        self.take(1, self.promiseOf(Ballot(2, 2)))
        self.take(1, self.promiseOf(Ballot(1, 2)))
        self.assertEqual(self.sent(1.7), {3: [again]})
        third = Prepare(1, Ballot(3, 2), (3, 5), ())
        self.assertEqual(self.sent(1.8), {1: [third], 4: [third]})

    def test_newSuspect(self) -> None:
        """Who is lost before it promises is done without at once."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        self.agreement.suspect((4, 5), 0.3)
        again = Prepare(1, Ballot(2, 2), (4, 5), ())
        self.assertEqual(self.sent(0.3), {1: [again], 3: [again]})

    def test_healed(self) -> None:
        """
        While too few are heard nothing is asked; when enough are again, the
        others have half a second to be heard too before they are dropped.
        """
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        self.agreement.suspect((3, 4, 5), 0.4)
        self.assertEqual(self.sent(0.4), {})
        self.take(1, self.promiseOf(Ballot(1, 2)))
        self.assertEqual(self.sent(5.0), {})
        self.agreement.suspect((3, 4), 5.1)
        self.assertEqual(self.sent(5.1), {})
        self.agreement.suspect((), 5.3)
        self.assertEqual(self.sent(5.59), {})
        self.assertEqual(self.agreement.frozen, (5,))
        self.sent(5.61)
        whole = [Prepare(1, Ballot(2, 2), (), ())]
        self.assertEqual(self.sent(5.82), {peer: whole for peer in (1, 3, 4, 5)})
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(Ballot(2, 2)))
        self.assertEqual(self.sent(6.55), {5: whole})
        again = [Prepare(1, Ballot(3, 2), (5,), ())]
        self.assertEqual(self.sent(6.6), {peer: again for peer in (1, 3, 4)})

    def test_heardAgain(self) -> None:
        """Who is heard again before all have promised is asked too."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        self.agreement.suspect((), 0.25)
        self.assertEqual(self.sent(0.25), {})
        whole = [Prepare(1, Ballot(2, 2), (), ())]
        self.assertEqual(self.sent(0.31), {peer: whole for peer in (1, 3, 4, 5)})

    def test_outbid(self) -> None:
        """A proposer that is outbid gives way, and tries again with a higher round."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        self.take(3, Outbid(1, Ballot(7, 4)))
        self.assertEqual(self.sent(0.5), {})
        self.assertEqual(self.sent(1.35), {})
        self.assertEqual(self.sent(1.41)[1], [Prepare(1, Ballot(8, 2), (5,), ())])
        self.take(3, Outbid(1, Ballot(8, 2)))
        self.take(3, Outbid(1, Ballot(3, 4)))
        self.assertEqual(len(self.sent(1.6)), 3)

    def test_acceptedBefore(self) -> None:
        """What the highest accepted ballot says is proposed, whatever we wanted."""
        one = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))
        other = View(1, (1, 2, 3, 5), (*((Seat(True, 0),) * 3), Seat(False, 12), Seat(True, 0)))
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.take(3, Outbid(1, Ballot(7, 4)))
        self.sent(2.0)
        ballot = Ballot(8, 2)
        for peer, accepted, view in ((1, Ballot(4, 1), one), (3, Ballot(7, 4), other)):
            promise = self.promiseOf(ballot)
            self.take(
                peer,
                Promise(1, ballot, promise.floors, 9, 30, False, accepted, view),
            )
        self.take(4, self.promiseOf(ballot))
        self.assertEqual(self.sent(2.1)[1], [Accept(ballot, other)])

    def test_acceptorsSilent(self) -> None:
        """An ACCEPT without a quorum of answers is followed by another ballot."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(Ballot(1, 2)))
        accept = self.sent(0.3)[1]
        self.take(4, Accepted(1, Ballot(1, 2)))
        self.assertEqual(self.sent(0.8), {1: accept, 3: accept})
        self.assertEqual(self.sent(1.3)[1], [Prepare(1, Ballot(2, 2), (5,), ())])

    def test_noQuorum(self) -> None:
        """Where too few are heard nothing is asked; after 1 s it is told."""
        self.agreement.suspect((1, 4, 5), 0.0)
        self.assertEqual(self.sent(0.0), {})
        self.assertEqual(self.sent(0.99), {})
        self.assertFalse(self.agreement.isolated)
        self.assertEqual(self.sent(1.0), {})
        self.assertTrue(self.agreement.isolated)
        self.assertEqual(self.agreement.drainEvents(), (Isolated((1, 4, 5)),))
        self.sent(5.0)
        self.agreement.suspect((), 5.0)
        self.agreement.heardInView(1, 1, 5.0)
        self.agreement.heardInView(4, 1, 5.0)
        self.agreement.heardInView(5, 1, 5.0)
        self.sent(5.0)
        self.assertTrue(self.agreement.isolated)
        view = View(1, (1, 2, 3, 4, 5), (Seat(True, 0),) * 5)
        self.take(1, Commit(view))
        self.sent(5.1)
        self.assertFalse(self.agreement.isolated)
        self.assertEqual(self.agreement.drainEvents(), (ViewChanged(view, (), ()), Reunited()))

    def test_roundsLimit(self) -> None:
        """Where the rounds are used up nothing is proposed any more."""
        self.take(3, Outbid(1, Ballot(ROUNDS_LIMIT - 1, 4)))
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.assertEqual(self.sent(9.0), {})

    def test_viewsLimit(self) -> None:
        """Where the views are used up nothing is proposed any more."""
        last = View(VIEWS_LIMIT - 1, (1, 2, 3, 4, 5), (Seat(True, 0),) * 5)
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, last)
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.assertEqual(self.sent(9.0), {})

    def test_bounded(self) -> None:
        """However much is said to us, we say little to each, and keep little."""
        self.agreement.suspect((5,), 0.0)
        for step in range(300):
            now = step * 0.01
            for peer in (1, 3, 4, 5):
                self.agreement.heardInView(peer, 3, now)
                self.take(peer, Leave(0))
                if peer != 5:
                    self.take(peer, Prepare(1, Ballot(step + 2, peer), (5,), ()))
                self.take(peer, Commit(View(1, (1,), (Seat(True, 0), *(Seat(False, 20),) * 4)))
                          if step == 299 else CommitAck(0))  # fmt: skip
            for messages in self.sent(now).values():
                self.assertLessEqual(len(messages), MESSAGES_PER_PEER)
        self.assertLess(len(repr(self.agreement)), 10_000)


class AcceptorTests(ScriptedCase):
    """Ballots of others, step by step."""

    def test_promise(self) -> None:
        """A promise is given once; a lower ballot is outbid, a higher one is promised too."""
        prepare = Prepare(1, Ballot(2, 3), (5,), ())
        self.take(3, prepare)
        promise = Promise(1, Ballot(2, 3), (12, 11, 10, 10, 10), 9, 20)
        self.assertEqual(self.sent(0.0), {3: [promise]})
        self.standing = Standing(10, 25, (13, 12, 11, 11, 10))
        self.take(3, prepare)
        self.take(1, Prepare(1, Ballot(2, 1), (4,), ()))
        self.assertEqual(self.sent(0.1), {3: [promise], 1: [Outbid(1, Ballot(2, 3))]})
        self.assertEqual(self.agreement.frozen, (5,))
        self.take(4, Prepare(1, Ballot(2, 4), (1,), ()))
        second = Promise(1, Ballot(2, 4), (13, 12, 11, 11, 10), 10, 20)
        self.assertEqual(self.sent(0.2), {4: [second]})
        self.assertEqual(self.agreement.frozen, (1, 5))
        self.assertEqual(self.agreement.horizon, 20)

    def test_accept(self) -> None:
        """What was accepted is told in the next promise, and its ballot outbids."""
        ballot = Ballot(2, 3)
        value = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))
        self.take(3, Prepare(1, ballot, (5,), ()))
        self.sent(0.0)
        self.take(3, Accept(ballot, value))
        self.assertEqual(self.sent(0.1), {3: [Accepted(1, ballot)]})
        self.take(3, Accept(ballot, value))
        self.assertEqual(self.sent(0.2), {3: [Accepted(1, ballot)]})
        self.take(4, Prepare(1, Ballot(3, 4), (3,), ()))
        told = self.sent(0.3)[4][0]
        assert isinstance(told, Promise)
        self.assertEqual((told.accepted_ballot, told.accepted_view), (ballot, value))
        self.take(3, Accept(ballot, value))
        self.assertEqual(self.sent(0.4), {3: [Outbid(1, Ballot(3, 4))]})

    def test_proposerDies(self) -> None:
        """After a PREPARE, and after an ACCEPT, without a decision: we propose ourselves."""
        value = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))
        for accepts in (False, True):
            self.setUp()
            self.take(3, Prepare(1, Ballot(2, 3), (5,), ()))
            self.sent(0.0)
            if accepts:
                self.take(3, Accept(Ballot(2, 3), value))
            self.agreement.suspect((3,), 0.5)
            self.sent(0.5)
            self.assertEqual(self.sent(1.15), {})
            ballot = Ballot(3, 2)
            self.assertEqual(self.sent(1.21)[1], [Prepare(1, ballot, (3,), ())])
            for peer in (1, 4, 5):
                self.take(peer, self.promiseOf(ballot))
            message = self.sent(1.3)[1][0]
            assert isinstance(message, Accept)
            self.assertEqual(message.view.members, (1, 2, 3, 4) if accepts else (1, 2, 4, 5))

    def test_commitToOne(self) -> None:
        """Who proposed dies after a COMMIT to us: whoever speaks in the old view is told."""
        value = View(
            1, (1, 2, 4, 5), (*((Seat(True, 0),) * 2), Seat(False, 12), *((Seat(True, 0),) * 2))
        )
        self.take(3, Commit(value))
        self.assertEqual(self.agreement.drainEvents(), (ViewChanged(value, ((3, 12),), ()),))
        self.assertEqual(self.sent(0.0), {3: [CommitAck(1)]})
        self.take(1, Prepare(1, Ballot(3, 1), (3,), ()))
        self.agreement.heardInView(4, 0, 0.1)
        self.assertEqual(self.sent(0.1), {1: [Commit(value)], 4: [Commit(value)]})
        self.take(1, CommitAck(1))
        self.assertEqual(self.sent(0.3), {})

    def test_dropped(self) -> None:
        """A view without us: told once, followed further, until one seats us again."""
        gone = View(1, (1, 3, 4, 5), (Seat(True, 0), Seat(False, 4), *((Seat(True, 0),) * 3)))
        self.take(3, Commit(gone))
        self.take(3, Commit(gone))
        self.assertEqual(self.agreement.drainEvents(), (Dropped(gone),))
        self.assertEqual(self.agreement.dropped, gone)
        self.assertEqual(self.agreement.view, firstView(FIVE))
        self.take(1, Prepare(2, Ballot(1, 1), (), ()))
        self.take(1, Leave(1))
        self.agreement.suspect((1, 3, 4, 5), 0.0)
        self.assertEqual(self.sent(0.0), {3: [CommitAck(1)]})
        self.assertEqual(self.sent(9.0), {})
        self.assertFalse(self.agreement.isolated)
        self.agreement.heardInView(4, 0, 9.0)
        self.assertEqual(self.sent(9.1), {4: [Commit(gone)]})
        third = View(3, (1, 3, 4), (*gone.seats[:4], Seat(False, 70)))
        self.take(1, Commit(third))
        self.assertEqual((self.agreement.dropped, self.agreement.drainEvents()), (third, ()))
        back = View(4, (1, 2, 3, 4), (Seat(True, 0), Seat(True, 90), *third.seats[2:]))
        self.take(1, Commit(back))
        self.assertEqual((self.agreement.dropped, self.agreement.view), (None, back))
        self.assertEqual(self.agreement.drainEvents(), (ViewChanged(back, ((5, 70),), ((2, 90),)),))

    def test_behind(self) -> None:
        """Who hears of a newer view asks for it."""
        self.agreement.heardInView(3, 4, 0.0)
        self.assertEqual(self.sent(0.0), {3: [CommitAck(0)]})
        self.agreement.heardInView(3, 4, 0.05)
        self.assertEqual(self.sent(0.05), {})
        self.take(4, Prepare(3, Ballot(1, 4), (5,), ()))
        self.agreement.heardInView(3, 4, 0.2)
        self.assertEqual(self.sent(0.2), {3: [CommitAck(0)], 4: [CommitAck(0)]})
        self.assertFalse(self.agreement.deciding)


class RefusalTests(ScriptedCase):
    """ "Bad input": what cannot be right is refused with a reason, and changes nothing."""

    def test_nobody(self) -> None:
        """Peers that do not exist, or are we; views that do not."""
        for peer in (0, 2, 6, 17, -1):
            self.refuses(peer, CommitAck(0))
            self.assertRaises(RemoteProtocolError, self.agreement.heardInView, peer, 0, 0.0)
        self.assertRaises(RemoteProtocolError, self.agreement.heardInView, 1, -1, 0.0)
        self.assertRaises(RemoteProtocolError, self.agreement.heardInView, 1, VIEWS_LIMIT, 0.0)
        take = self.agreement.received
        self.assertRaises(MalformedMessage, take, 1, b"\x1f", self.standing, 0.0)

    def test_prepare(self) -> None:
        """A PREPARE in another's name, without itself, without us, or of too few."""
        ballot = Ballot(1, 3)
        self.refuses(1, Prepare(1, ballot, (5,), ()))
        self.refuses(3, Prepare(1, ballot, (3,), ()))
        self.refuses(3, Prepare(1, ballot, (), (3,)))
        self.refuses(3, Prepare(1, ballot, (2,), ()))
        self.refuses(3, Prepare(1, ballot, (), (2,)))
        self.refuses(3, Prepare(1, ballot, (6,), ()))
        self.refuses(3, Prepare(1, ballot, (1, 4, 5), ()))
        self.take(3, Prepare(1, ballot, (5,), ()))
        self.refuses(3, Prepare(1, ballot, (4,), ()))

    def test_leavingPrepare(self) -> None:
        """We are asked as a leaver only when we leave."""
        self.agreement.leave(0.0)
        self.take(3, Prepare(1, Ballot(1, 3), (5,), (2,)))
        message = self.sent(0.0)[3][0]
        assert isinstance(message, Promise)
        self.assertTrue(message.leaving)
        self.assertEqual(self.agreement.frozen, (5,))

    def test_notMember(self) -> None:
        """Who is no member has no say."""
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE, (5,)))
        self.refuses(5, Prepare(1, Ballot(1, 5), (), ()))
        self.refuses(5, Leave(0))
        self.refuses(5, Outbid(1, Ballot(1, 1)))
        self.refuses(1, Prepare(1, Ballot(1, 1), (5,), ()))
        self.refuses(1, Outbid(1, Ballot(1, 5)))

    def test_answers(self) -> None:
        """Answers to what was never asked."""
        ballot = Ballot(1, 2)
        self.refuses(1, self.promiseOf(ballot))
        self.refuses(1, Accepted(1, ballot))
        self.refuses(1, Outbid(1, ballot))
        self.refuses(1, self.promiseOf(Ballot(1, 3)))
        self.refuses(1, Accepted(1, Ballot(1, 3)))
        self.refuses(1, Accepted(9, Ballot(1, 3)))
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.3)
        self.refuses(5, self.promiseOf(ballot))
        self.refuses(1, self.promiseOf(Ballot(2, 2)))
        self.refuses(1, Accepted(1, ballot))
        self.refuses(1, Outbid(1, Ballot(2, 2)))
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(ballot))
        self.refuses(5, Accepted(1, ballot))

    def test_promise(self) -> None:
        """Promises that contradict themselves or the view."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.3)
        ballot = Ballot(1, 2)
        self.refuses(1, Promise(1, ballot, (10, 10, 10), 9, 30))
        self.refuses(1, Promise(1, ballot, (10,) * 5, 9, 9))
        self.refuses(1, Promise(1, ballot, (10, 10, 9, 10, 10), 9, 30))
        value = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))
        self.refuses(1, Promise(1, ballot, (10,) * 5, 9, 30, False, ballot, value))
        half = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 5)
        self.refuses(1, Promise(1, ballot, (10,) * 5, 9, 30, False, Ballot(1, 1), half))

    def test_accept(self) -> None:
        """An ACCEPT in another's name, without our promise, or of what cannot follow."""
        ballot = Ballot(2, 3)
        seats = (Seat(True, 0),) * 4
        value = View(1, (1, 2, 3, 4), (*seats, Seat(False, 12)))
        self.refuses(3, Accept(ballot, value))
        self.take(3, Prepare(1, ballot, (5,), ()))
        self.refuses(1, Accept(ballot, value))
        self.refuses(3, Accept(Ballot(3, 3), value))
        self.refuses(3, Accept(ballot, View(1, (1, 2, 3, 4), (*seats, Seat(False, 9)))))
        self.refuses(3, Accept(ballot, View(1, (1, 2, 3, 4), (*seats, Seat(True, 0)))))
        self.take(3, Accept(ballot, value))
        self.refuses(3, Accept(ballot, View(1, (1, 2, 3, 4), (*seats, Seat(False, 13)))))

    def test_commit(self) -> None:
        """Views that cannot follow, contradict, change what is confirmed, or skip our vote."""
        seats = (Seat(True, 0),) * 4
        members = (1, 2, 3, 4)
        self.refuses(3, Commit(View(1, members, (*seats, Seat(False, 9)))))
        self.refuses(3, Commit(View(1, members, (*seats, Seat(True, 0)))))
        self.refuses(3, Commit(View(1, members, seats)))
        self.refuses(3, Commit(View(2, members, (*seats, Seat(False, 30)))))
        self.refuses(3, Commit(View(2, (1,), seats)))
        value = View(1, members, (*seats, Seat(False, 10)))
        self.take(3, Commit(value))
        self.refuses(3, Commit(View(1, members, (*seats, Seat(False, 11)))))
        early = View(2, (1, 2, 3, 4, 5), (*seats, Seat(True, 11)))
        self.standing = Standing(11, 20, (12, 12, 12, 12, 10))
        self.refuses(4, Commit(early))

    def test_ours(self) -> None:
        """Our own mistakes."""
        view = firstView(FIVE)
        self.assertRaises(LocalProtocolError, Agreement, AgreementSettings(), 6, FIVE, view)
        self.assertRaises(LocalProtocolError, Agreement, AgreementSettings(), 1, FOUR, view)
        nobody = View(0, (), (Seat(False, 0),) * 5)
        self.assertRaises(LocalProtocolError, Agreement, AgreementSettings(), 1, FIVE, nobody)
        self.assertRaises(BadSetting, Agreement, AgreementSettings(), 1, ((2,),), view)
        short = Standing(0, 1, (1,))
        self.assertRaises(LocalProtocolError, self.agreement.due, short, 0.0)
        body = encodeViewMessage(CommitAck(0))
        self.assertRaises(LocalProtocolError, self.agreement.received, 1, body, short, 0.0)

    def test_joinersMessages(self) -> None:
        """The session's own two messages are ignored here."""
        before = repr(self.agreement)
        self.agreement.received(1, b"\x19\x00", self.standing, 0.0)
        self.agreement.received(1, b"\x18" + bytes(22), self.standing, 0.0)
        self.assertEqual(repr(self.agreement), before)
