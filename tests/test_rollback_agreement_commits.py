"""Tests of L{gamenet.agreement.commits}: who is told of the newest view, and when."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.commits import CommitSpreading


class CommitSpreadingTests(SynchronousTestCase):
    """Every 100 ms until it is known or too late; who speaks in an older view, once more."""

    def setUp(self) -> None:
        self.commits = CommitSpreading(0.25)

    def test_interval(self) -> None:
        """At once, then after the interval, and not before."""
        self.commits.decided({2: float("inf")})
        self.assertTrue(self.commits.isDue(2, 1.0))
        self.commits.sent(2, 1.0)
        self.assertFalse(self.commits.isDue(2, 1.125))
        self.assertTrue(self.commits.isDue(2, 1.25))

    def test_deadline(self) -> None:
        """Up to its deadline, and no longer."""
        self.commits.decided({2: 10.0})
        self.assertTrue(self.commits.isDue(2, 10.0))
        self.assertFalse(self.commits.isDue(2, 10.01))
        self.assertFalse(self.commits.isDue(3, 1.0))

    def test_owed(self) -> None:
        """Who spoke in an older view is told once, also after its deadline; not faster."""
        self.commits.decided({2: 10.0})
        self.commits.owe(2)
        self.assertTrue(self.commits.isDue(2, 20.0))
        self.commits.sent(2, 20.0)
        self.assertFalse(self.commits.isDue(2, 21.0))
        self.commits.owe(2)
        self.assertFalse(self.commits.isDue(2, 20.1))
        self.assertTrue(self.commits.isDue(2, 20.25))

    def test_known(self) -> None:
        """Who knows is told no more, even where it was owed."""
        self.commits.decided({2: float("inf"), 3: float("inf")})
        self.commits.owe(2)
        self.commits.known(2)
        self.commits.known(4)
        self.assertFalse(self.commits.isDue(2, 1.0))
        self.assertTrue(self.commits.isDue(3, 1.0))

    def test_done(self) -> None:
        """Done when nobody is left to be told: all know, or it is too late, and none is owed."""
        self.assertTrue(self.commits.isDone(0.0))
        self.commits.decided({2: float("inf"), 3: 10.0})
        self.commits.known(2)
        self.assertFalse(self.commits.isDone(10.0))
        self.assertTrue(self.commits.isDone(10.01))
        self.commits.owe(2)
        self.assertFalse(self.commits.isDone(10.01))
        self.commits.sent(2, 10.01)
        self.assertTrue(self.commits.isDone(10.01))

    def test_newView(self) -> None:
        """A new view begins anew: what was owed of the old one is not, all are told at once."""
        self.commits.owe(3)
        self.commits.sent(4, 1.0)
        self.commits.decided({4: float("inf")})
        self.assertTrue(self.commits.isDue(4, 1.01))
        self.assertFalse(self.commits.isDue(3, 1.01))
