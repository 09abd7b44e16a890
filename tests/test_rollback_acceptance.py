"""Tests of L{gamenet.agreement.acceptance}: what one peer has promised and accepted."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.acceptance import Acceptance
from gamenet.agreement.events import Standing
from gamenet.wire.view_values import Ballot, Prepare, Promise, Seat, View

VALUE = View(1, (1, 2), (Seat(True, 0), Seat(True, 0), Seat(False, 5)))


class AcceptanceTests(SynchronousTestCase):
    """Nothing of a vote is taken back while the view stands."""

    def test_laterBallots(self) -> None:
        """The first pledge holds, the frozen add up, and what was accepted is told on."""
        vote = Acceptance()
        self.assertIsNone(vote.ballot)
        self.assertIsNone(vote.horizon)
        first = Prepare(1, Ballot(1, 3), (4,), (5,))
        promise = vote.promised(first, 2, False, Standing(9, 20, (10, 11, 12)))
        self.assertEqual(promise, Promise(1, Ballot(1, 3), (10, 11, 12), 9, 20))
        self.assertEqual((vote.ballot, vote.frozen, vote.horizon), (Ballot(1, 3), (4, 5), 20))
        vote.accepted(Ballot(1, 3), VALUE)
        second = Prepare(1, Ballot(2, 1), (3,), (2,))
        promise = vote.promised(second, 2, True, Standing(12, 40, (13, 14, 15)))
        expected = Promise(1, Ballot(2, 1), (13, 14, 15), 12, 20, True, Ballot(1, 3), VALUE)
        self.assertEqual(promise, expected)
        self.assertEqual((vote.ballot, vote.frozen, vote.horizon), (Ballot(2, 1), (3, 4, 5), 20))
        self.assertEqual((vote.prepare, vote.promise), (second, promise))

    def test_confirmedAlready(self) -> None:
        """A horizon that is confirmed already is never pledged, but the frame after."""
        for horizon in (3, 9, 10):
            vote = Acceptance()
            prepare = Prepare(1, Ballot(1, 3), (), ())
            promise = vote.promised(prepare, 2, False, Standing(9, horizon, (10, 10, 10)))
            self.assertEqual((promise.horizon, vote.horizon), (10, 10))
