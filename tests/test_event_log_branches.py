"""
Tests for L{gamenet.event_log.branches}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.event_log.branches import (
    Relation,
    epochAt,
    hasEpoch,
    holds,
    lastHeld,
    relation,
    sharedSequence,
    stands,
)
from gamenet.wire.log_election import Chain
from gamenet.wire.log_values import EPOCHS_LIMIT, Epoch, EpochRecord


def chain(sequence: int, *records: tuple[int, int, int, tuple[int, ...]]) -> Chain:
    """Return a chain of records, each a number, a host, a first event and the members."""
    return Chain(
        tuple([EpochRecord(Epoch(number, host), at, who) for number, host, at, who in records]),
        sequence,
    )


START = (1, 1, 0, (1, 2, 3, 4, 5))


@st.composite
def grown(draw: st.DrawFn, base: Chain) -> Chain:
    """Return a chain that continues another one."""
    records = list(base.records)
    sequence = base.sequence + draw(st.integers(0, 3))
    for _ in range(draw(st.integers(0, 3))):
        host = draw(st.integers(1, 5))
        others = draw(st.lists(st.integers(1, 5), max_size=4))
        number = records[-1].epoch.number + draw(st.integers(1, 2))
        sequence += 1
        members = tuple(sorted({host, *others}))
        records.append(EpochRecord(Epoch(number, host), sequence, members))
        sequence += draw(st.integers(0, 3))
    return Chain(tuple(records), sequence)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Chain, Chain]:
    """Return two chains of which each epoch has one writer."""
    trunk = draw(grown(chain(0, START)))
    one, other = draw(grown(trunk)), draw(grown(trunk))
    ones = {record.epoch: record for record in one.records}
    for record in other.records:
        # Two halves never begin the same epoch, nor go on with the same one.
        if record.epoch in ones and ones[record.epoch] != record:
            return trunk, one
    if one.records == other.records:
        return trunk, one
    common = len([1 for a, b in zip(one.records, other.records, strict=False) if a == b])
    ends = [
        half.records[common].sequence - 1 if len(half.records) > common else half.sequence
        for half in (one, other)
    ]
    hosts = [half.records[common].epoch if len(half.records) > common else None
             for half in (one, other)]  # fmt: skip
    if None in hosts and ends[hosts.index(None)] < ends[1 - hosts.index(None)]:
        return trunk, one
    return one, other


class RelationTests(SynchronousTestCase):
    """Done when: after healing all logs agree; who holds what is told from epochs alone."""

    def test_prefix(self) -> None:
        """A log that another one continues is behind it, at each of its events."""
        long = chain(12, START, (2, 3, 7, (3, 4, 5)))
        for sequence in range(7):
            short = chain(sequence, START)
            self.assertIs(relation(short, long), Relation.BEHIND)
            self.assertIs(relation(long, short), Relation.AHEAD)
            self.assertTrue(stands(long, short))
            self.assertFalse(stands(short, long))
            self.assertEqual(sharedSequence(short, long), sequence)
        self.assertIs(relation(long, long), Relation.SAME)
        self.assertTrue(stands(long, long))

    def test_diverged(self) -> None:
        """One event beyond the other's next epoch is enough to be another branch."""
        long = chain(12, START, (2, 3, 7, (3, 4, 5)))
        other = chain(7, START)
        self.assertIs(relation(other, long), Relation.DIVERGED)
        self.assertEqual(sharedSequence(other, long), 6)
        self.assertEqual(lastHeld(long, Epoch(1, 1), 9), 6)
        self.assertEqual(lastHeld(long, Epoch(2, 3), 99), 12)
        self.assertEqual(lastHeld(long, Epoch(3, 3), 9), 0)

    def test_holds(self) -> None:
        """An event is in a log iff its epoch is, and it lies before the next one."""
        log = chain(12, START, (2, 3, 7, (3, 4, 5)), (4, 2, 9, (2,)))
        inside = [
            (number, sequence)
            for number, host in ((1, 1), (2, 3), (4, 2))
            for sequence in range(20)
            if holds(log, Epoch(number, host), sequence)
        ]
        expected = [(1, n) for n in range(7)] + [(2, 7), (2, 8)] + [(4, n) for n in range(9, 13)]
        self.assertEqual(inside, expected)
        self.assertFalse(holds(log, Epoch(2, 2), 7))
        self.assertEqual([epochAt(log, n).number for n in (0, 6, 7, 8, 9, 12)], [1, 1, 2, 2, 4, 4])
        self.assertIsNone(epochAt(log, 13))

    def test_forgotten(self) -> None:
        """What is older than all remembered epochs counts as held."""
        records = [(n, 1, 10 * n, (1,)) for n in range(100, 100 + EPOCHS_LIMIT)]
        log = chain(5000, *records)
        self.assertTrue(hasEpoch(log, Epoch(1, 1)))
        self.assertTrue(holds(log, Epoch(1, 1), 4))
        self.assertFalse(holds(log, Epoch(1, 1), 1000))
        self.assertFalse(hasEpoch(log, Epoch(1000, 1)))
        self.assertIsNone(epochAt(log, 4))

    @settings(deadline=None, max_examples=100)
    @given(pairs())
    def test_oneStands(self, both: tuple[Chain, Chain]) -> None:
        """Of two different logs exactly one stands, whoever asks."""
        one, other = both
        if relation(one, other) is Relation.SAME:
            self.assertTrue(stands(one, other) and stands(other, one))
        else:
            self.assertNotEqual(stands(one, other), stands(other, one))
        self.assertEqual(sharedSequence(one, other), sharedSequence(other, one))


class StandingHalfTests(SynchronousTestCase):
    """On healing the half that had more participants at the split stands."""

    def test_more(self) -> None:
        """Three stand against two, whatever happened since."""
        two = chain(90, START, (2, 1, 5, (1, 2)), (9, 1, 50, (1, 2, 6, 7, 8)))
        three = chain(6, START, (2, 3, 6, (3, 4, 5)))
        self.assertTrue(stands(three, two))
        self.assertFalse(stands(two, three))

    def test_equal(self) -> None:
        """Of equal halves the one with the lowest player number stands."""
        ours = chain(9, START, (2, 4, 5, (1, 4)))
        theirs = chain(9, START, (3, 2, 5, (2, 3)))
        self.assertTrue(stands(ours, theirs))
        self.assertFalse(stands(theirs, ours))

    def test_withoutARecord(self) -> None:
        """A half that recorded nothing is who was there before, without the others."""
        silent = chain(9, START)
        self.assertTrue(stands(silent, chain(9, START, (2, 4, 5, (4, 5)))))
        self.assertFalse(stands(silent, chain(9, START, (2, 3, 5, (3, 4, 5)))))
        self.assertTrue(stands(chain(9, START, (2, 3, 5, (3, 4, 5))), silent))

    def test_nothingInCommon(self) -> None:
        """Logs without a common epoch are compared by their oldest ones."""
        self.assertTrue(stands(chain(9, (5, 1, 1, (1, 2, 3))), chain(9, (6, 4, 2, (4, 5)))))
        self.assertFalse(stands(chain(9, (6, 4, 2, (4, 5))), chain(9, (5, 1, 1, (1, 2, 3)))))
