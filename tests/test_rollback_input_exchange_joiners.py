"""Tests of L{gamenet.rollback.input_exchange}: the first packets of who has just got a seat."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.progress import Progress
from gamenet.rollback.settings import RollbackSettings
from gamenet.wire.input_frames import decodeHeader
from gamenet.wire.view_values import Seat
from tests.rollback_pipe import packet

TAKEN = Seat(True, 0)
VIEW = 5
JOINED = 40


class JoinerTests(SynchronousTestCase):
    """ "Players come and go": peer 3 plays from frame 40 on, in view 5; we have played 45."""

    def setUp(self) -> None:
        settings = RollbackSettings(players=3, input_delay=0)
        self.progress = Progress(10_000, 45, 30)
        self.table = InputTable(settings, (TAKEN, TAKEN, Seat(False, 0)))
        self.exchange = InputExchange(settings, Progress(10_000), self.table, (1, 2))
        self.exchange.progress = self.progress
        for frame in range(45):
            self.exchange.local.acknowledged = frame
            self.exchange.local.take(b"%d" % frame, frame)
        self.table.reseat((TAKEN, TAKEN, Seat(True, JOINED)), 30, 45)
        self.progress.view = VIEW
        self.exchange.admit(3, JOINED)
        self.remote = self.exchange.remote(3)

    def take(self, first: int, count: int = 3, wanted: int = 44, view: int = VIEW) -> None:
        """Take a packet of the newcomer's."""
        body = packet(first, [b"x"] * count, wanted, max(first, JOINED), view=view)
        self.assertEqual(self.exchange.packetReceived(self.remote, body, 1.0), view & 0xFF)

    def isWaiting(self) -> bool:
        """Return whether nothing was believed yet."""
        return self.remote.joining and self.table.queues[2].count == JOINED

    def test_admitted(self) -> None:
        """It is a member among the others, in order, from its frame on."""
        self.assertEqual([one.peer for one in self.exchange.others], [2, 3])
        self.assertTrue(self.exchange.isMember(3))
        self.assertFalse(self.exchange.isMember(4))
        self.assertEqual((self.remote.first_frame, self.remote.view), (JOINED, VIEW))
        self.assertTrue(self.isWaiting())

    def test_believed(self) -> None:
        """What it wants of ours is sent from there on, though never sent to it before."""
        self.take(JOINED, wanted=41)
        self.assertEqual((self.remote.joining, self.table.queues[2].count), (False, 43))
        self.assertEqual(self.remote.acknowledged, 41)
        ((body,),) = [[body for peer, body in self.exchange.packetsDue(2.0) if peer == 3]]
        self.assertEqual(decodeHeader(body).first_frame, 41)

    def test_believedOnce(self) -> None:
        """After that an acknowledgement takes nothing back."""
        self.take(JOINED, wanted=43)
        self.take(JOINED, wanted=41)
        self.assertEqual(self.remote.acknowledged, 43)

    def test_olderView(self) -> None:
        """A packet from before its seat, by up to 128 views, says nothing, right or wrong."""
        for view in (VIEW - 1, VIEW - 100, VIEW - 128):
            for first, wanted in ((0, 0), (JOINED, 44), (JOINED, 9000)):
                self.take(first, 3, wanted, view & 0xFF)
                self.assertTrue(self.isWaiting())
        self.take(JOINED, 3, 44, VIEW + 127)
        self.assertFalse(self.isWaiting())

    def test_before(self) -> None:
        """Inputs from before its seat are ignored, but what cannot be is refused."""
        self.take(JOINED - 1)
        self.take(0, 0)
        self.assertTrue(self.isWaiting())
        self.assertRaises(RemoteProtocolError, self.take, JOINED - 1, 3, 46)
        self.assertTrue(self.isWaiting())

    def test_gap(self) -> None:
        """Inputs after a gap are ignored, at first and of late packets: they come again."""
        self.take(JOINED + 1)
        self.assertTrue(self.isWaiting())
        self.take(JOINED)
        self.assertFalse(self.isWaiting())
        count = self.table.queues[2].count
        self.take(JOINED + 4)
        self.assertEqual(self.table.queues[2].count, count)

    def test_frozen(self) -> None:
        """While its inputs are frozen nothing of them is taken."""
        self.exchange.frozen = (3,)
        self.take(JOINED)
        self.assertEqual(self.table.queues[2].count, JOINED)

    def test_neverSent(self) -> None:
        """Nor does it know inputs that nobody has given yet."""
        self.take(JOINED, wanted=45)
        self.assertEqual(self.remote.acknowledged, 45)
        self.setUp()
        self.assertRaises(RemoteProtocolError, self.take, JOINED, 3, 46)

    def test_counted(self) -> None:
        """What is stale is counted as repeated, what cannot be as refused."""
        statistics = self.progress.statistics
        self.take(JOINED, view=VIEW - 1)
        self.assertEqual((statistics.packets_repeated, statistics.packets_refused), (1, 0))
        self.assertRaises(RemoteProtocolError, self.take, JOINED, 3, 46)
        self.assertEqual((statistics.packets_repeated, statistics.packets_refused), (1, 1))

    def test_longInputs(self) -> None:
        """Every input of a packet is up to the limit long, in packets of one and of many."""
        limit = self.exchange.settings.input_limit
        right, wrong = bytes(limit), bytes(limit + 1)
        for inputs in ([wrong], [wrong, b"x"], [b"x", wrong], [b"x", wrong, b"x"]):
            body = packet(JOINED, inputs, 44, JOINED, view=VIEW)
            take = self.exchange.packetReceived
            self.assertRaises(RemoteProtocolError, take, self.remote, body, 1.0)
            self.assertTrue(self.isWaiting())
        for inputs in ([right], [right, right]):
            self.setUp()
            body = packet(JOINED, inputs, 44, JOINED, view=VIEW)
            self.exchange.packetReceived(self.remote, body, 1.0)
            self.assertEqual(self.table.queues[2].count, JOINED + len(inputs))

    def test_removed(self) -> None:
        """Who is removed is no member, is sent nothing, and holds nobody up."""
        self.exchange.remove(2)
        self.assertEqual([one.peer for one in self.exchange.others], [3])
        self.assertFalse(self.exchange.isMember(2))
        self.take(JOINED, wanted=45)
        self.assertEqual([peer for peer, _ in self.exchange.packetsDue(2.0)], [3])
        self.assertEqual(self.exchange.local.acknowledged, 45)

    def test_order(self) -> None:
        """Whoever comes later, the others stay in order of their numbers."""
        self.exchange.remove(2)
        self.exchange.admit(2, 45)
        self.assertEqual([one.peer for one in self.exchange.others], [2, 3])
