"""
Which path carries the game: proven ones alone, direct before relay, and every
one of them while there is doubt.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.errors import BadSetting
from gamenet.interfaces import Address, IDatagramSocket
from gamenet.mesh.path import Path, PathKind, PathRecord, PathSettings, PathTable

#: Powers of two, so that every sum in these tests is exact.
EXACT = PathSettings(
    first_checks=0,
    check_interval=0.5,
    unproven_interval=0.25,
    doubt_after=1.5,
    silence_doubt=0.25,
    lost_after=4.0,
    path_limit=4,
    outstanding_limit=3,
)


@implementer(IDatagramSocket)
class NamedSocket:
    """A socket that only stands for one; all of them are equal to one another."""

    send_errors = 0
    address: Address = ("192.168.1.2", 5000)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedSocket)

    def __hash__(self) -> int:
        return 1

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """Refuse: decisions do not send."""
        raise AssertionError("a decision sent something")

    def close(self) -> None:
        """Do nothing."""


GAME, RELAYED = NamedSocket(), NamedSocket()
DIRECT = Path(PathKind.DIRECT, GAME, ("198.51.100.7", 40_000))
SECOND = Path(PathKind.DIRECT, GAME, ("192.168.1.3", 5000))
THIRD = Path(PathKind.DIRECT, GAME, ("192.168.1.3", 5001))
RELAY = Path(PathKind.RELAY, RELAYED, ("203.0.113.2", 50_001))

_NONCES = iter(range(1, 1_000_000))


def prove(table: PathTable, path: Path, now: float, round_trip: float = 0.125) -> bool:
    """Have a check of a path answered at C{now}; the path is added where it is new."""
    nonce = next(_NONCES).to_bytes(8, "big")
    table.add(path, now, announced=path is RELAY)
    table.checkSent(path, nonce, now - round_trip)
    table.heard(now)
    return table.answered(path, nonce, now)


def known(table: PathTable, path: Path) -> PathRecord:
    """Return the record of a path that must be there."""
    record = table.record(path)
    assert record is not None
    return record


class PathTests(SynchronousTestCase):
    """What makes two paths the same."""

    def test_sameness(self) -> None:
        """Kind, address, and the very socket: an equal socket is another one."""
        same = Path(PathKind.DIRECT, GAME, ("198.51.100.7", 40_000))
        self.assertEqual((same, hash(same)), (DIRECT, hash(DIRECT)))
        for other in (
            Path(PathKind.RELAY, GAME, ("198.51.100.7", 40_000)),
            Path(PathKind.DIRECT, RELAYED, ("198.51.100.7", 40_000)),
            Path(PathKind.DIRECT, GAME, ("198.51.100.7", 40_001)),
            Path(PathKind.DIRECT, GAME, ("198.51.100.8", 40_000)),
        ):
            self.assertNotEqual(other, DIRECT)


class AddTests(SynchronousTestCase):
    """Taking paths into the table and out of it."""

    def setUp(self) -> None:
        self.table = PathTable(EXACT)

    def test_fresh(self) -> None:
        """An empty table has nothing to say."""
        self.assertIsNone(self.table.chosen)
        self.assertIsNone(self.table.nextDue())
        self.assertIsNone(self.table.roundTrip())
        self.assertEqual(self.table.jitter(), 0.0)
        self.assertEqual(self.table.carriers(100.0), ())
        self.assertEqual(self.table.dueChecks(100.0), [])
        self.assertEqual(self.table.expire(100.0), [])
        self.assertFalse(self.table.hasDirect())

    def test_relay(self) -> None:
        """An announced path is checked at once, but carries nothing before it is proven."""
        self.assertTrue(self.table.add(RELAY, 100.0, announced=True))
        self.assertEqual(self.table.dueChecks(100.0), [RELAY])
        self.assertEqual(self.table.nextDue(), 100.0)
        self.assertIsNone(self.table.chosen)
        self.assertEqual(self.table.carriers(100.0), ())

    def test_direct(self) -> None:
        """The checks of an unproven direct path are the punch's; only its expiry is due."""
        self.assertTrue(self.table.add(DIRECT, 100.0))
        self.assertEqual(self.table.dueChecks(103.75), [])
        self.assertEqual(self.table.nextDue(), 104.0)
        self.assertEqual(self.table.carriers(100.0), ())
        self.assertFalse(self.table.hasDirect())

    def test_announcedLater(self) -> None:
        """A path that came by a check, and is announced then, is checked and kept from then on."""
        self.table.add(RELAY, 100.0)
        self.assertEqual(self.table.dueChecks(103.75), [])
        self.assertFalse(self.table.add(RELAY, 101.0, announced=True))
        self.assertEqual(self.table.dueChecks(101.0), [RELAY])
        self.table.expire(104.0)
        self.assertIsNotNone(self.table.record(RELAY))

    def test_twice(self) -> None:
        """A path that is there stays as it is."""
        prove(self.table, DIRECT, 100.0)
        self.assertFalse(self.table.add(DIRECT, 103.0))
        self.assertTrue(known(self.table, DIRECT).proven)
        self.assertEqual(known(self.table, DIRECT).last_answer, 100.0)
        self.assertEqual(self.table.refused, 0)

    def test_thousandsOfAddresses(self) -> None:
        """Row H11: checks from thousands of addresses fill a table of 4, and no more."""
        prove(self.table, DIRECT, 100.0)
        for port in range(1, 5001):
            path = Path(PathKind.DIRECT, GAME, ("203.0.113.66", port))
            self.assertEqual(self.table.add(path, 100.0), port <= 3)
            self.table.checkSent(path, port.to_bytes(8, "big"), 100.0)
        self.assertEqual(len(self.table.through(PathKind.DIRECT)), 4)
        self.assertEqual(self.table.refused, 4997)
        self.assertEqual(self.table.chosen, DIRECT)
        prove(self.table, DIRECT, 103.0)
        self.assertEqual(self.table.expire(104.0), [])
        self.assertEqual(self.table.through(PathKind.DIRECT), [DIRECT])
        self.assertTrue(self.table.add(SECOND, 104.0))

    def test_through(self) -> None:
        """Paths of one kind, in the order they were added, proven or not."""
        for path in (SECOND, RELAY, DIRECT):
            self.table.add(path, 100.0)
        self.assertEqual(self.table.through(PathKind.DIRECT), [SECOND, DIRECT])
        self.assertEqual(self.table.through(PathKind.RELAY), [RELAY])

    def test_remove(self) -> None:
        """With the chosen path gone the next best is chosen; with all gone, none."""
        for path in (DIRECT, RELAY):
            prove(self.table, path, 100.0)
        self.table.remove(SECOND)
        self.assertEqual(self.table.chosen, DIRECT)
        self.table.remove(DIRECT)
        self.assertEqual(self.table.chosen, RELAY)
        self.assertFalse(self.table.hasDirect())
        self.table.remove(RELAY)
        self.assertIsNone(self.table.chosen)
        self.assertEqual(self.table.carriers(100.0), ())
        self.assertIsNone(self.table.nextDue())


class ProofTests(SynchronousTestCase):
    """What proves a path, and what does not."""

    def setUp(self) -> None:
        self.table = PathTable(EXACT)
        for path in (DIRECT, RELAY):
            self.table.add(path, 100.0, announced=path is RELAY)
            self.table.checkSent(path, path.kind.value.encode(), 100.0)

    def test_answered(self) -> None:
        """A check answered over its path proves it, once."""
        self.assertTrue(self.table.answered(DIRECT, b"direct", 100.125))
        self.assertTrue(self.table.hasDirect())
        self.assertEqual(self.table.chosen, DIRECT)
        self.assertEqual(self.table.roundTrip(), 0.125)
        self.table.checkSent(DIRECT, b"again", 100.5)
        self.assertFalse(self.table.answered(DIRECT, b"again", 100.625))
        self.assertEqual(known(self.table, DIRECT).last_answer, 100.625)

    def test_forgedAnswers(self) -> None:
        """A nonce never sent, one sent over another path, or one answered before prove nothing."""
        for path, nonce in (
            (DIRECT, b"never"),
            (DIRECT, b"relay"),
            (RELAY, b"direct"),
            (SECOND, b"direct"),
            (Path(PathKind.DIRECT, RELAYED, DIRECT.address), b"direct"),
            (Path(PathKind.RELAY, GAME, DIRECT.address), b"direct"),
        ):
            self.assertFalse(self.table.answered(path, nonce, 100.125))
        self.assertIsNone(self.table.chosen)
        self.assertEqual(known(self.table, DIRECT).last_answer, 100.0)
        self.assertIsNone(known(self.table, DIRECT).round_trip)
        self.assertTrue(self.table.answered(DIRECT, b"direct", 100.125))
        self.assertFalse(self.table.answered(DIRECT, b"direct", 103.0))
        self.assertEqual(known(self.table, DIRECT).last_answer, 100.125)

    def test_forgottenChecks(self) -> None:
        """Of unanswered checks the newest three are remembered; the oldest make room."""
        for n in range(1000):
            self.table.checkSent(DIRECT, b"%d" % n, 101.0)
        self.assertEqual(list(known(self.table, DIRECT).outstanding), [b"997", b"998", b"999"])
        self.assertFalse(self.table.answered(DIRECT, b"996", 101.125))
        self.assertTrue(self.table.answered(DIRECT, b"997", 101.125))

    def test_unknownPath(self) -> None:
        """A check of a path that is not in the table leaves no trace."""
        self.table.checkSent(SECOND, b"second", 100.0)
        self.assertIsNone(self.table.record(SECOND))
        self.assertEqual(self.table.through(PathKind.DIRECT), [DIRECT])

    def test_intervals(self) -> None:
        """
        The chosen path is checked every 0.5 s, an unproven relay every 0.25 s; another
        proven path every second, and every 0.5 s again when that is not answered.
        """
        self.assertEqual(self.table.dueChecks(100.1875), [])
        self.assertEqual(self.table.dueChecks(100.25), [RELAY])
        self.table.answered(RELAY, b"relay", 100.25)
        self.table.answered(DIRECT, b"direct", 100.25)
        self.assertEqual(self.table.dueChecks(100.6875), [])
        self.assertEqual(self.table.nextDue(), 100.75)
        self.assertEqual(self.table.dueChecks(100.75), [DIRECT, RELAY])
        self.table.checkSent(DIRECT, b"direct 2", 100.875)
        self.table.checkSent(RELAY, b"relay 2", 100.875)
        self.assertEqual(self.table.dueChecks(101.3125), [])
        self.assertEqual(self.table.dueChecks(101.8125), [DIRECT])
        self.assertEqual(self.table.dueChecks(101.875), [DIRECT, RELAY])
        self.table.checkSent(DIRECT, b"direct 3", 101.875)
        self.table.checkSent(RELAY, b"relay 3", 101.875)
        self.assertEqual(self.table.dueChecks(102.375), [DIRECT, RELAY])

    def test_laterAnswersDoNotPutOffChecks(self) -> None:
        """An answer over a proven path changes nothing about when the next check is due."""
        self.table.answered(DIRECT, b"direct", 100.125)
        self.table.checkSent(DIRECT, b"again", 100.5)
        self.table.answered(DIRECT, b"again", 100.9375)
        self.assertEqual(self.table.dueChecks(100.96875), [RELAY])
        self.assertEqual(self.table.dueChecks(101.0), [DIRECT, RELAY])


class MeasureTests(SynchronousTestCase):
    """Round trips."""

    def test_smoothed(self) -> None:
        """RFC 6298, section 2: first sample R and R/2, then eighths and quarters, in this order."""
        record = PathRecord(DIRECT, 0.0, 0.0)
        record.measured(0.5)
        self.assertEqual((record.round_trip, record.jitter), (0.5, 0.25))
        record.measured(0.25)
        self.assertEqual((record.round_trip, record.jitter), (0.46875, 0.25))
        record.measured(0.46875)
        self.assertEqual((record.round_trip, record.jitter), (0.46875, 0.1875))


class ChoiceTests(SynchronousTestCase):
    """Which proven path carries the game."""

    def setUp(self) -> None:
        self.table = PathTable(EXACT)

    def test_directBeforeRelay(self) -> None:
        """Direct, even where the relay is faster; round trip and jitter are the chosen one's."""
        prove(self.table, RELAY, 100.0, 0.25)
        self.assertEqual(self.table.chosen, RELAY)
        self.assertEqual((self.table.roundTrip(), self.table.jitter()), (0.25, 0.125))
        prove(self.table, DIRECT, 100.0, 1.0)
        self.assertEqual(self.table.chosen, DIRECT)
        self.assertEqual((self.table.roundTrip(), self.table.jitter()), (1.0, 0.5))
        other = PathTable(EXACT)
        prove(other, DIRECT, 100.0, 1.0)
        prove(other, RELAY, 100.0, 0.03125)
        self.assertEqual(other.chosen, DIRECT)

    def test_presentOneStays(self) -> None:
        """Between direct paths the present one stays unless it is longer by more than a quarter."""
        for present, new, expected in (
            (0.3125, 0.25, DIRECT),
            (0.31640625, 0.25, SECOND),
            (0.25, 0.25, DIRECT),
            (0.25, 0.5, DIRECT),
            (0.5, 0.0, SECOND),
            (0.0, 0.5, DIRECT),
        ):
            for first in (DIRECT, SECOND):
                self.table = PathTable(EXACT)
                self.table.add(first, 100.0)
                prove(self.table, DIRECT, 100.0, present)
                prove(self.table, SECOND, 100.0, new)
                self.assertEqual(self.table.chosen, expected, (present, new, first))

    def test_shortestOfTheRest(self) -> None:
        """When the present one is gone the shortest of the others follows."""
        for path in (SECOND, THIRD):
            self.table.add(path, 100.0)
        prove(self.table, DIRECT, 100.0, 0.125)
        prove(self.table, SECOND, 100.0, 0.5)
        prove(self.table, THIRD, 100.0, 0.4375)
        prove(self.table, RELAY, 100.0, 0.0625)
        self.assertEqual(self.table.chosen, DIRECT)
        self.table.remove(DIRECT)
        self.assertEqual(self.table.chosen, THIRD)

    def test_equals(self) -> None:
        """Of two that are equally short the one that was added first follows."""
        for path in (THIRD, SECOND):
            self.table.add(path, 100.0)
        for path in (DIRECT, SECOND, THIRD):
            prove(self.table, path, 100.0)
        self.table.remove(DIRECT)
        self.assertEqual(self.table.chosen, THIRD)


class DoubtTests(SynchronousTestCase):
    """When one path is not trusted alone."""

    def setUp(self) -> None:
        self.table = PathTable(EXACT)
        self.table.add(SECOND, 100.0)
        prove(self.table, RELAY, 100.0)
        prove(self.table, DIRECT, 100.0)

    def test_trusted(self) -> None:
        """While packets come and checks are answered the chosen path carries all, alone."""
        self.assertEqual(self.table.carriers(100.0), (DIRECT,))
        self.assertEqual(self.table.carriers(100.1875), (DIRECT,))

    def test_silence(self) -> None:
        """When nothing was heard for 0.25 s every proven path, and no other, carries the game."""
        self.assertEqual(self.table.carriers(100.25), (RELAY, DIRECT))

    def test_doubtLastsUntilProven(self) -> None:
        """
        After a silence a packet that comes, over the relay perhaps, does not end
        the doubt; an answered check of the relay does not either; one of the
        chosen path does.
        """
        self.table.checkSent(DIRECT, b"direct", 100.375)
        self.table.heard(100.5)
        self.assertEqual(self.table.carriers(100.5), (RELAY, DIRECT))
        for n in range(8):
            self.table.heard(100.5 + n / 64)
        prove(self.table, RELAY, 100.625)
        self.assertEqual(self.table.carriers(100.625), (RELAY, DIRECT))
        self.table.answered(DIRECT, b"direct", 100.6875)
        self.assertEqual(self.table.carriers(100.6875), (DIRECT,))

    def test_shortGapsAreNoSilence(self) -> None:
        """Packets less than 0.25 s apart raise no doubt."""
        for n in range(7):
            self.table.heard(100.0 + n * 0.1875)
            self.assertEqual(self.table.carriers(100.0 + n * 0.1875), (DIRECT,))

    def test_unansweredChecks(self) -> None:
        """Packets come, but no check was answered for 1.5 s: all proven paths carry."""
        for n in range(24):
            self.table.heard(100.0 + n / 16)
        self.assertEqual(self.table.carriers(101.4375), (DIRECT,))
        self.table.heard(101.5)
        self.assertEqual(self.table.carriers(101.5), (RELAY, DIRECT))

    def test_lost(self) -> None:
        """A direct path unanswered for 4 s is forgotten; the relay, answered since, takes over."""
        prove(self.table, RELAY, 103.0)
        self.assertEqual(self.table.expire(103.9375), [])
        self.assertEqual(self.table.expire(104.0), [DIRECT])
        self.assertIsNone(self.table.record(DIRECT))
        self.assertIsNone(self.table.record(SECOND))
        self.assertEqual(self.table.chosen, RELAY)
        self.assertFalse(self.table.hasDirect())
        self.assertEqual(self.table.carriers(104.0), (RELAY,))

    def test_lostRelay(self) -> None:
        """A silent relay is unproven and carries nothing, but is checked on, every 0.25 s."""
        prove(self.table, DIRECT, 103.5)
        self.table.checkSent(RELAY, b"unanswered", 103.75)
        self.assertEqual(self.table.expire(104.0), [RELAY])
        self.assertFalse(known(self.table, RELAY).proven)
        self.assertEqual(self.table.chosen, DIRECT)
        self.assertEqual(self.table.carriers(104.0), (DIRECT,))
        self.table.checkSent(RELAY, b"once more", 104.25)
        self.assertEqual(known(self.table, RELAY).next_check, 104.5)
        self.assertEqual(self.table.expire(107.75), [DIRECT])
        self.assertIsNone(self.table.chosen)
        self.assertEqual(self.table.expire(108.0), [RELAY])
        self.assertEqual(self.table.carriers(108.0), ())
        self.assertTrue(self.table.answered(RELAY, b"once more", 108.125))
        self.assertEqual(self.table.chosen, RELAY)

    def test_expiryIsDueWhenItHappens(self) -> None:
        """
        What L{PathTable.nextDue} announces L{PathTable.expire} does at that very
        moment, however the sum of the two rounds: else time would stand still.
        """
        for n in range(2000):
            added = 3.0 + n * 0.0017
            table = PathTable(PathSettings(lost_after=5.0, first_checks=0))
            table.add(DIRECT, added)
            due = table.nextDue()
            assert due is not None
            table.expire(due)
            self.assertIsNone(table.record(DIRECT), added)


class FirstChecksTests(SynchronousTestCase):
    """The first checks of a path come more often, so that a clock is known before a countdown."""

    def test_firstChecks(self) -> None:
        """Sixteen checks of a path 0.1 s apart, then two a second; seventeen within 2 s."""
        table = PathTable()
        table.add(DIRECT, 0.0, insisted=True)
        sent: list[float] = []
        now = 0.0
        while now < 4.0:
            if table.dueChecks(now):
                table.checkSent(DIRECT, b"%d" % len(sent), now)
                table.answered(DIRECT, b"%d" % len(sent), now)
                sent.append(now)
            now += 1 / 64
        self.assertGreaterEqual(len([time for time in sent if time < 2.0]), 16)
        self.assertLessEqual(len([time for time in sent if time >= 2.0]), 5)

    def test_sentAt(self) -> None:
        """When a check left is known until it is answered, over its own path alone."""
        table = PathTable()
        table.add(DIRECT, 0.0)
        table.checkSent(DIRECT, b"nonce", 1.5)
        self.assertEqual(table.sentAt(DIRECT, b"nonce"), 1.5)
        self.assertIsNone(table.sentAt(DIRECT, b"other"))
        self.assertIsNone(table.sentAt(RELAY, b"nonce"))
        table.answered(DIRECT, b"nonce", 1.75)
        self.assertIsNone(table.sentAt(DIRECT, b"nonce"))

    def test_settings(self) -> None:
        """Each limit has bounds."""
        self.assertRaises(BadSetting, PathSettings, first_interval=0.0)
        self.assertRaises(BadSetting, PathSettings, first_checks=-1)
        self.assertRaises(BadSetting, PathSettings, first_checks=257)


class MovedTests(SynchronousTestCase):
    """Our own address may be another, or we stood still."""

    def setUp(self) -> None:
        self.table = PathTable(EXACT)
        self.table.add(RELAY, 100.0, announced=True)
        prove(self.table, DIRECT, 100.0)
        prove(self.table, RELAY, 100.0)
        self.table.heard(100.125)

    def test_insisted(self) -> None:
        """A path on which somebody has proven to be is checked until it is proven or forgotten."""
        self.table.add(SECOND, 100.25, insisted=True)
        for now in (100.25, 100.5, 100.75):
            self.assertIn(SECOND, self.table.dueChecks(now))
            self.table.checkSent(SECOND, b"%f" % now, now)
            self.assertNotIn(SECOND, self.table.dueChecks(now))
        self.assertFalse(self.table.record(SECOND).proven)  # type: ignore[union-attr]
        self.table.expire(100.25 + EXACT.lost_after)
        self.assertIsNone(self.table.record(SECOND))

    def test_stoodStill(self) -> None:
        """After twenty seconds of standing still no path is lost, and each is checked at once."""
        self.table.recheck(120.0)
        self.assertEqual(self.table.expire(120.0), [])
        self.assertEqual(self.table.dueChecks(120.0), [RELAY, DIRECT])
        self.assertEqual(self.table.carriers(120.0), (RELAY, DIRECT))
        self.table.checkSent(DIRECT, b"again", 120.0)
        self.table.heard(120.0625)
        self.table.answered(DIRECT, b"again", 120.0625)
        self.assertEqual(self.table.carriers(120.0625), (DIRECT,))

    def test_oldAnswers(self) -> None:
        """An answer that waited in the socket meanwhile measures nothing."""
        self.table.checkSent(DIRECT, b"old", 100.125)
        self.table.recheck(120.0)
        self.assertFalse(self.table.answered(DIRECT, b"old", 120.0))
        self.assertEqual(self.table.roundTrip(), 0.125)

    def test_moved(self) -> None:
        """From another address of ours no path is proven; each is checked until it is again."""
        self.table.moved(101.0)
        self.assertIsNone(self.table.chosen)
        self.assertEqual(self.table.carriers(101.0), ())
        self.assertEqual(self.table.dueChecks(101.0), [RELAY, DIRECT])
        self.table.checkSent(DIRECT, b"one", 101.0)
        self.assertIn(DIRECT, self.table.dueChecks(101.25))
        self.assertTrue(self.table.answered(DIRECT, b"one", 101.25))
        self.assertEqual(self.table.chosen, DIRECT)

    def test_clear(self) -> None:
        """Of another process nothing is believed."""
        self.table.clear()
        self.assertIsNone(self.table.chosen)
        self.assertIsNone(self.table.nextDue())
        self.assertEqual(self.table.through(PathKind.DIRECT), [])

    def test_silent(self) -> None:
        """Silence counts where there is a path."""
        self.assertFalse(self.table.isSilent(100.5, 0.75))
        self.assertTrue(self.table.isSilent(100.875, 0.75))
        self.table.clear()
        self.assertFalse(self.table.isSilent(200.0, 0.75))
