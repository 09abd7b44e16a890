"""
Tests for L{gamenet.event_log.reach}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.event_log.reach import Hearing
from gamenet.event_log.shared_state import FIRST_EPOCH
from gamenet.wire.log_messages import NO_DIGEST, Status
from gamenet.wire.log_values import NO_EPOCH, Epoch


def status(*heard: int, epoch: Epoch = FIRST_EPOCH) -> Status:
    """Return the status of somebody who hears some players."""
    return Status(epoch, 0, 0, NO_DIGEST, sum(1 << (one - 1) for one in heard), 1)


class ReachTests(SynchronousTestCase):
    """K4: who is silent is told by all in the same way: two hear each other, or do not."""

    def setUp(self) -> None:
        """Have links with three others."""
        self.hearing = Hearing(1, 2.0)
        for player in (2, 3, 4):
            self.hearing.connect(player, 0.0)

    def tell(self, player: int, now: float, *heard: int, epoch: Epoch = FIRST_EPOCH) -> None:
        """Let a status come."""
        self.hearing.hear(player, now)
        self.hearing.told(player, status(*heard, epoch=epoch))

    def test_silence(self) -> None:
        """Somebody is heard for less than the silence after a message."""
        self.assertEqual(self.hearing.heard(0.0), ())
        self.tell(2, 1.0, 1)
        self.assertEqual(self.hearing.heard(2.99), (2,))
        self.assertEqual(self.hearing.heard(3.0), ())

    def test_mutual(self) -> None:
        """Who does not hear us is not in reach, though we hear it."""
        self.tell(2, 1.0, 1)
        self.tell(3, 1.0)
        self.assertEqual(self.hearing.heard(1.0), (2, 3))
        self.assertEqual(self.hearing.reach(1.0), (2,))
        self.assertFalse(self.hearing.isDeaf(3, 1.0))
        self.assertTrue(self.hearing.isDeaf(3, 2.0))
        self.assertFalse(self.hearing.isDeaf(2, 2.0))

    def test_throughOthers(self) -> None:
        """Whom somebody in reach hears is in reach, if nothing it says speaks against it."""
        self.tell(2, 1.0, 1, 3, 7)
        self.assertEqual(self.hearing.reach(1.0), (2, 3, 7))
        self.tell(3, 1.0, 4)
        self.assertEqual(self.hearing.reach(1.0), (2, 7))
        self.tell(3, 1.0, 2)
        self.assertEqual(self.hearing.reach(1.0), (2, 3, 7))

    def test_notThroughTheSilent(self) -> None:
        """What somebody said before it fell silent connects nobody."""
        self.tell(2, 1.0, 1, 3)
        self.tell(4, 2.5, 1)
        self.assertEqual(self.hearing.reach(3.1), (4,))

    def test_newcomer(self) -> None:
        """Who knows nothing of the session is in nobody's reach, nor leads to anybody."""
        self.tell(2, 1.0, 1, 3)
        self.tell(3, 1.0, 1, 2, 4, epoch=NO_EPOCH)
        self.assertEqual(self.hearing.reach(1.0), (2,))
        self.assertTrue(self.hearing.isKnownEmpty(3))

    def test_newProcess(self) -> None:
        """Of a new process nothing is known that the one before it said."""
        self.tell(2, 1.0, 1)
        self.hearing.connect(2, 1.5)
        self.assertEqual((self.hearing.reach(1.5), self.hearing.status(2)), ((), None))
        self.assertTrue(self.hearing.mayBeThere(2, 3.4))
        self.assertFalse(self.hearing.mayBeThere(2, 3.5))

    def test_closed(self) -> None:
        """Nothing is left of a link that is closed for good."""
        self.tell(2, 1.0, 1)
        self.hearing.disconnect(2)
        self.hearing.disconnect(2)
        self.assertEqual(self.hearing.connected, (3, 4))
        self.assertFalse(self.hearing.mayBeThere(2, 1.0))
        self.assertFalse(self.hearing.isDeaf(2, 9.0))
