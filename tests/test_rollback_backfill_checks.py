"""What L{gamenet.rollback.backfill} takes from whom, and what it does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.wire.backfill_packets import (
    Backfill,
    InputRange,
    encodeBackfill,
    encodeEvidence,
    encodeWant,
)
from gamenet.wire.view_values import Seat
from tests import test_rollback_backfill
from tests.rollback_pipe import session, tell
from tests.test_rollback_backfill import packetsOf


class BackfillCheckTests(SynchronousTestCase):
    """ "Bad input", and what comes at the wrong time."""

    lacking = test_rollback_backfill.FillTests.lacking

    def test_bounds(self) -> None:
        """Of players that there are, and inputs of the length that there may be."""
        one = session(players=3, input_limit=4)
        for body in (
            encodeWant([InputRange(3, 0, 5), InputRange(4, 0, 5)]),
            encodeBackfill(4, 0, [b"x"])[0],
            encodeEvidence(4, 0, [b"x"])[0],
            encodeBackfill(3, 0, [b"x", b"12345", b""])[0],
            encodeEvidence(3, 0, [b"x", b"12345", b""])[0],
        ):
            self.assertRaises(RemoteProtocolError, one.packetReceived, 2, body, 0.0)
        for body in (
            encodeWant([InputRange(3, 0, 5)]),
            encodeBackfill(3, 0, [b"1234"])[0],
            encodeEvidence(3, 0, [b"1234"])[0],
        ):
            one.packetReceived(2, body, 0.0)

    def test_stranger(self) -> None:
        """Who is no member fills nothing and is answered nothing."""
        one = self.lacking()
        one.packetReceived(4, encodeBackfill(4, 3, [b"d"])[0], 0.0)
        one.packetReceived(4, encodeWant([InputRange(2, 0, 5)]), 0.0)
        self.assertEqual(one._play.table.lacking(), [(4, 3, 8)])
        self.assertNotIn(4, [peer for peer, _ in packetsOf(one, 0.0)])

    def test_onlyWhatIsWanted(self) -> None:
        """An answer ends where the question does."""
        one = session(players=4)
        tell(one, b"a", b"b", b"c", b"d", peer=4)
        one.packetReceived(2, encodeWant([InputRange(4, 1, 3)]), 0.0)
        self.assertEqual(packetsOf(one, 0.0), [(2, Backfill(4, 1, [b"b", b"c"]))])

    def test_known(self) -> None:
        """What was filled is known at once: frames up to there can be final."""
        one = self.lacking()
        table = one._play.table
        table.refresh()
        self.assertEqual(table.known, 3)
        one.packetReceived(2, encodeBackfill(4, 3, [b"d", b"e"])[0], 0.0)
        self.assertEqual(table.known, 5)
        one.packetReceived(2, encodeBackfill(4, 5, [b"f"] * 3)[0], 0.0)
        self.assertEqual(table.known, 20)

    def test_afterwards(self) -> None:
        """Who has all, or whose player is there, looks at no more of it, true or not."""
        one = self.lacking()
        one.packetReceived(2, encodeBackfill(4, 3, [b"d"] * 5)[0], 0.0)
        one.packetReceived(3, encodeBackfill(4, 3, [b"!"] * 5)[0], 0.0)
        one.packetReceived(3, encodeBackfill(2, 0, [b"!"] * 30)[0], 0.0)
        self.assertEqual(one._play.table.queues[3].play(3, 8), [b"d"] * 5)
        self.assertEqual(one._play.table.queues[1].count, 20)

    def test_nobodyToAsk(self) -> None:
        """The last one of a match asks nobody, and does not fail."""
        one = session(players=2)
        tell(one, b"a", b"b")
        one._play.table.reseat((Seat(True, 0), Seat(False, 5)), -1, 0)
        one._exchange.remove(2)
        self.assertEqual(one._play.table.lacking(), [(2, 2, 5)])
        self.assertEqual(packetsOf(one, 1.0), [])
