"""Which number each channel of an allocation has."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.turn_client.channel_numbers import (
    CHANNEL_LIFETIME,
    CHANNEL_REST,
    CHANNELS,
    ChannelNumbers,
)


def _peer(number: int) -> Address:
    return ("192.0.2.1", number)


class ChannelNumberTests(SynchronousTestCase):
    """RFC 8656, section 12: five minutes of rest."""

    def setUp(self) -> None:
        self.numbers = ChannelNumbers()

    def fill(self) -> None:
        """Give every number to somebody, and have each bound at 0 s."""
        for port in range(CHANNELS):
            self.numbers.take(_peer(port), 0.0)
            self.numbers.bound(_peer(port), 0.0)

    def test_fresh(self) -> None:
        """Each peer has a number of its own, the same however often it asks."""
        self.assertEqual(
            [self.numbers.take(_peer(port), 0.0) for port in (1, 2, 1, 3)],
            [0x4000, 0x4001, 0x4000, 0x4002],
        )
        self.assertEqual(len(self.numbers), 3)
        self.assertEqual(self.numbers.peer_of[0x4002], _peer(3))

    def test_freshFirst(self) -> None:
        """A number that nobody had is better than one that has rested."""
        self.numbers.take(_peer(1), 0.0)
        self.numbers.release(_peer(1))
        self.assertEqual(self.numbers.take(_peer(2), 1e6), 0x4001)

    def test_allInUse(self) -> None:
        """The limit: with 4 096 held there is no other, and nothing is changed."""
        self.fill()
        with self.assertRaises(LocalProtocolError):
            self.numbers.take(_peer(5000), 1e6)
        self.assertEqual(len(self.numbers), CHANNELS)

    def test_rest(self) -> None:
        """A number goes to another peer five minutes after its channel expired, not before."""
        self.fill()
        self.numbers.bound(_peer(7), 100.0)
        self.numbers.release(_peer(7))
        free = 100.0 + CHANNEL_LIFETIME + CHANNEL_REST
        with self.assertRaises(LocalProtocolError):
            self.numbers.take(_peer(5000), free - 0.1)
        self.assertEqual(self.numbers.take(_peer(5000), free), 0x4007)
        self.assertNotIn(_peer(7), self.numbers.number_of)

    def test_samePeer(self) -> None:
        """A peer gets its own number back while that rests, and its rest is not forgotten."""
        self.fill()
        self.numbers.release(_peer(7))
        self.assertEqual(self.numbers.take(_peer(7), 1.0), 0x4007)
        self.numbers.release(_peer(7))
        with self.assertRaises(LocalProtocolError):
            self.numbers.take(_peer(5000), 899.0)
        self.assertEqual(self.numbers.take(_peer(5000), 900.0), 0x4007)

    def test_boundWhileResting(self) -> None:
        """An answer that comes after the number was released makes its rest longer."""
        self.fill()
        self.numbers.release(_peer(7))
        self.assertFalse(self.numbers.bound(_peer(7), 50.0))
        with self.assertRaises(LocalProtocolError):
            self.numbers.take(_peer(5000), 949.0)
        self.assertEqual(self.numbers.take(_peer(5000), 950.0), 0x4007)

    def test_neverBound(self) -> None:
        """What the relay refused need not rest."""
        numbers = ChannelNumbers(first=0x4FFF)
        numbers.take(_peer(7), 0.0)
        numbers.release(_peer(7))
        self.assertEqual(numbers.take(_peer(5000), 0.0), 0x4FFF)

    def test_unknown(self) -> None:
        """Releasing what is not held, and an answer for nobody, change nothing."""
        self.numbers.release(_peer(1))
        self.assertFalse(self.numbers.bound(_peer(1), 0.0))
        self.assertEqual(self.numbers.take(_peer(1), 0.0), 0x4000)

    @given(st.lists(st.tuples(st.sampled_from("tbr"), st.integers(0, 5), st.integers(0, 600))))
    @settings(deadline=None, max_examples=200)
    def test_neverTwo(self, steps: list[tuple[str, int, int]]) -> None:
        """Whatever happens: no number has two peers within its rest, no peer two numbers."""
        numbers = ChannelNumbers(first=0x4FFE)
        now = 0.0
        last: dict[int, tuple[Address, float]] = {}
        for step, port, wait in steps:
            now += wait
            peer = _peer(port)
            if step == "t":
                try:
                    number = numbers.take(peer, now)
                except LocalProtocolError:
                    continue
                owner, end = last.get(number, (peer, 0.0))
                self.assertTrue(owner == peer or end <= now)
            elif step == "b" and peer in numbers.number_of:
                numbers.bound(peer, now)
                last[numbers.number_of[peer]] = (peer, now + 900.0)
            elif step == "r":
                numbers.release(peer)
        self.assertEqual(
            {number: peer for peer, number in numbers.number_of.items()}, numbers.peer_of
        )
