"""One hostile peer may lose its seat, but it does not end the match of the others."""

from __future__ import annotations

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.events import Dropped, Standing, ViewChanged
from gamenet.agreement.reception import AHEAD_LIMIT, ROUNDS_AHEAD
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.turns import BALLOTS_LIMIT, OUTBIDS_LIMIT, Turns
from gamenet.agreement.view import firstView
from gamenet.wire.view_messages import encodeViewMessage
from gamenet.wire.view_values import (
    Accept,
    Ballot,
    Commit,
    Outbid,
    Prepare,
    Promise,
    Seat,
    View,
)
from tests.rollback_agreement_case import FIVE, ScriptedCase

TAKEN = (Seat(True, 0),) * 4

#: The view without peer 5, as its members would decide it.
FOUR = View(1, (1, 2, 3, 4), (*TAKEN, Seat(False, 14)))


class HostileCase(ScriptedCase):
    """We are peer 2 of five."""

    def say(self, peer: int, view: View) -> None:
        """Have somebody say that a view was decided; nobody else has said so."""
        body = encodeViewMessage(Commit(view))
        self.agreement.received(peer, body, self.standing, self.now)

    def ask(self) -> Ballot:
        """Propose to go on without peer 5, which is silent."""
        self.agreement._state.round = 5
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.25)
        proposal = self.agreement._state.proposal
        assert proposal is not None
        return proposal.ballot

    def promise(self, peer: int, ballot: Ballot, *accepted: Ballot | View) -> Promise:
        """Return a promise, perhaps with what was accepted before."""
        promise = self.promiseOf(ballot)
        return Promise(1, ballot, promise.floors, 9, 30, False, *accepted)  # type: ignore[arg-type]


class RoundTests(HostileCase):
    """Bad input: a ballot of the last round, after which there is none."""

    def test_bound(self) -> None:
        """
        A PREPARE and an OUTBID so far ahead are taken; one that is farther only brings us
        nearer, once in a while.
        """
        state = self.agreement._state
        for _ in range(1000):
            self.take(4, Outbid(1, Ballot(2**31 - 1, 4)))
            self.take(4, Prepare(1, Ballot(2**31 - 2, 4), (), ()))
        self.assertEqual((state.round, state.acceptance.promise), (ROUNDS_AHEAD, None))
        self.now += state.settings.resend_interval
        self.take(4, Outbid(1, Ballot(2**31 - 1, 4)))
        self.assertEqual(state.round, 2 * ROUNDS_AHEAD)
        self.take(4, Outbid(1, Ballot(3 * ROUNDS_AHEAD, 3)))
        self.assertEqual(state.round, 3 * ROUNDS_AHEAD)
        self.take(4, Prepare(1, Ballot(4 * ROUNDS_AHEAD, 4), (), ()))
        self.assertIsNotNone(state.acceptance.promise)

    def test_otherView(self) -> None:
        """Of another view's ballots it is not known how far they are."""
        self.take(4, Outbid(7, Ballot(2**31 - 1, 4)))
        self.assertEqual(self.agreement._state.round, 0)


class InventedTests(HostileCase):
    """Bad input: a PROMISE with a view that nobody proposed."""

    def test_impossible(self) -> None:
        """What would be refused in an ACCEPT is refused in a PROMISE."""
        ballot = self.ask()
        accepted = Ballot(ballot.round - 1, 4)
        for cut in (9, 20 + AHEAD_LIMIT + 1, 2**31 - 1):
            view = View(1, (1, 2, 3, 4), (*TAKEN, Seat(False, cut)))
            self.refuses(4, self.promise(4, ballot, accepted, view))
        for cut in (10, 20 + AHEAD_LIMIT):
            view = View(1, (1, 2, 3, 4), (*TAKEN, Seat(False, cut)))
            self.setUp()
            self.ask()
            self.take(4, self.promise(4, ballot, accepted, view))

    def test_stranger(self) -> None:
        """Who is no member cannot have proposed it."""
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE, (1,)))
        ballot = self.ask()
        view = View(1, (2, 3, 4), (Seat(False, 0), *TAKEN[1:], Seat(False, 14)))
        for proposer in (1, 6):
            self.refuses(4, self.promise(4, ballot, Ballot(1, proposer), view))

    def test_ours(self) -> None:
        """We know what we proposed and accepted ourselves."""
        ballot = self.ask()
        self.refuses(4, self.promise(4, ballot, Ballot(1, 2), FOUR))
        self.setUp()
        self.take(3, Prepare(1, Ballot(2, 3), (5,), ()))
        self.take(3, Accept(Ballot(2, 3), FOUR))
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(1.5)
        other = View(1, (1, 2, 3, 4), (*TAKEN, Seat(False, 15)))
        self.refuses(4, self.promise(4, Ballot(3, 2), Ballot(2, 3), other))
        self.take(4, self.promise(4, Ballot(3, 2), Ballot(2, 3), FOUR))

    def test_alone(self) -> None:
        """A view that one alone has accepted was not decided, and binds nobody."""
        ballot = self.ask()
        mine = View(
            1, (2, 4), (Seat(False, 12), *TAKEN[:1], Seat(False, 12), TAKEN[0], Seat(False, 14))
        )
        self.take(4, self.promise(4, ballot, Ballot(ballot.round - 1, 4), mine))
        for peer in (1, 3):
            self.take(peer, self.promiseOf(ballot))
        self.assertEqual(self.sent(0.3)[1], [Accept(ballot, FOUR)])

    def test_perhapsDecided(self) -> None:
        """With the silent ones, two may be a quorum: what both accepted is proposed."""
        ballot = self.ask()
        other = View(1, (1, 2, 3, 4), (*TAKEN, Seat(False, 15)))
        for peer in (3, 4):
            self.take(peer, self.promise(peer, ballot, Ballot(ballot.round - 1, 4), other))
        self.take(1, self.promiseOf(ballot))
        self.assertEqual(self.sent(0.3)[1], [Accept(ballot, other)])


class CommitTests(HostileCase):
    """Bad input: a COMMIT of what was never decided."""

    def test_oneMember(self) -> None:
        """One member is not believed, however often it says so; two are."""
        for view in (
            FOUR,
            View(999, (4,), (*(Seat(False, 9),) * 3, Seat(True, 0), Seat(False, 9))),
        ):
            for now in (0.0, 1.0, 2.0, 30.0):
                self.now = now
                self.say(4, view)
                self.sent(now)
            self.assertEqual(self.agreement.drainEvents(), ())
            self.assertEqual(self.agreement._state.claims, {4: view})
        self.say(1, FOUR)
        self.assertEqual(self.agreement.drainEvents(), (ViewChanged(FOUR, ((5, 14),), ()),))
        self.assertEqual(self.agreement._state.claims, {})

    def test_accepted(self) -> None:
        """One is enough for what we accepted."""
        self.take(3, Prepare(1, Ballot(2, 3), (5,), ()))
        self.take(3, Accept(Ballot(2, 3), FOUR))
        self.say(3, FOUR)
        self.assertEqual(self.agreement.view, FOUR)

    def test_alreadyThere(self) -> None:
        """One is enough where another member speaks in such a view already."""
        self.agreement.heardInView(1, 1, 0.0)
        self.say(3, FOUR)
        self.assertEqual(self.agreement.view, FOUR)

    def test_fewHeard(self) -> None:
        """One is enough where those that could say otherwise, with us, are no quorum."""
        gone = View(7, (1, 3), (TAKEN[0], Seat(False, 9), TAKEN[0], *(Seat(False, 9),) * 2))
        self.agreement.suspect((5,), 0.0)
        self.say(3, gone)
        self.assertEqual(self.agreement.drainEvents(), ())
        self.agreement.suspect((1, 5), 0.0)
        self.say(3, gone)
        self.assertEqual(self.agreement.drainEvents(), (Dropped(gone),))

    def test_noVote(self) -> None:
        """Who has no seat in our view is believed only where none of it is heard."""
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE, (4, 5)))
        gone = View(2, (4,), (*(Seat(False, 30),) * 3, Seat(True, 30), Seat(False, 0)))
        for suspects in ((), (1,), (3,)):
            self.agreement.suspect(suspects, 0.0)
            before = repr(self.agreement)
            self.say(4, gone)
            self.say(5, gone)
            self.assertEqual(repr(self.agreement), before)
        self.agreement.suspect((1, 3), 0.0)
        self.say(4, gone)
        self.assertEqual(self.agreement.drainEvents(), (Dropped(gone),))

    def test_outside(self) -> None:
        """Who has no seat follows what members of the newest view that it knows say."""
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE, (2, 5)))
        seats = (TAKEN[0], Seat(False, 0), *TAKEN[:2], Seat(False, 0))
        view = View(4, (1, 3, 4), seats)
        before = repr(self.agreement)
        self.say(5, view)
        self.assertEqual(repr(self.agreement), before)
        self.say(1, view)
        self.assertEqual(self.agreement.dropped, view)


class TurnTests(HostileCase):
    """Bad input: ballot upon ballot, so that nobody else comes to decide anything."""

    def test_turns(self) -> None:
        """Two turns at once, then pauses that are doubled up to a bound."""
        turns = Turns(10.0)
        taken = [now for now in range(3000) if turns.take(4, now) and now % 10 == 0]
        starts = [now for now in taken if now == 0 or now - 10 not in taken or now == 10]
        self.assertEqual(starts[:6], [0, 10, 30, 60, 110, 200])
        self.assertTrue(turns.overdue(4))
        self.assertFalse(turns.overdue(3))
        turns = Turns(10.0)
        self.assertEqual([turns.take(4, 0.0) for _ in range(BALLOTS_LIMIT + 1)].count(False), 1)

    def test_everHigher(self) -> None:
        """Who proposes again and again without a decision is dropped by the others."""
        members: tuple[int, ...] = ()
        step = 0
        while not members and step < 400:
            step += 1
            self.now = now = step * 0.1
            self.take(4, Prepare(1, Ballot(self.agreement._state.round + 1, 4), (), ()))
            for peer, messages in self.sent(now).items():
                for message in messages:
                    if isinstance(message, Prepare) and peer != 4:
                        self.take(peer, self.promiseOf(message.ballot))
                    elif isinstance(message, Accept):
                        members = message.view.members
        self.assertEqual(members, (1, 2, 3, 5))
        self.assertLess(step, 180)

    def test_overdue(self) -> None:
        """Who wants a third turn at once is missing, where the others can do without it."""
        for count, now in enumerate((0.0, 12.0, 23.9, 24.0), 1):
            self.now = now
            self.take(4, Prepare(1, Ballot(count, 4), (), ()))
            self.assertEqual(self.agreement._state.missing, (4,) if now == 24.0 else ())
        self.assertEqual(self.agreement._state.acceptance.ballot, Ballot(3, 4))
        self.agreement.suspect((1, 3), 24.0)
        self.assertEqual(self.agreement._state.missing, (1, 3))
        self.agreement.suspect((), 24.0)
        self.say(3, FOUR)
        self.say(1, FOUR)
        self.assertEqual(self.agreement._state.missing, ())

    def test_outbids(self) -> None:
        """What others say of higher ballots ends our own only so often."""
        for count in range(OUTBIDS_LIMIT + 1):
            self.agreement.suspect((5,), self.now)
            while self.agreement._state.proposal is None:
                self.sent(self.now + 0.1)
            self.take(4, Outbid(1, Ballot(self.agreement._state.round + 1, 4)))
            given_way = self.agreement._state.proposal is None
            self.assertEqual(given_way, count < OUTBIDS_LIMIT)

    def test_mute(self) -> None:
        """Who is heard, but answers nothing, keeps a joiner waiting for so long."""
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE, (1,)))
        self.standing = Standing(9, 20, (0, 11, 10, 10, 10))
        suspects: tuple[int, ...] = ()
        step = 0
        while not suspects:
            step += 1
            self.agreement.admit(1, step * 0.1)
            for messages in self.sent(step * 0.1).values():
                for message in messages:
                    assert isinstance(message, Prepare)
                    suspects = message.suspects
            if step == 1:
                for peer in (3, 4):
                    self.take(peer, Promise(1, Ballot(1, 2), (0, 10, 10, 10, 10), 9, 30))
        self.assertEqual(suspects, (5,))
        self.assertTrue(120 <= step <= 124, step)
