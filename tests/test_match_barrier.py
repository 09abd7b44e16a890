"""
The start of play: nobody begins alone, and nobody begins by other rules.
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.match.barrier import StartBarrier
from gamenet.wire.peer_packets import DIGEST_BYTES, Ready

DIGEST = bytes(range(DIGEST_BYTES))
OTHER_DIGEST = bytes(DIGEST_BYTES)


def barrierIn(hears: bool, heard: bool) -> StartBarrier:
    """Return a barrier in a state."""
    barrier = StartBarrier(DIGEST)
    barrier.hears = hears
    barrier.heard = heard
    return barrier


STATES = [(hears, heard) for hears in (False, True) for heard in (False, True)]


class TransitionTests(SynchronousTestCase):
    """Every pair of state and input."""

    def test_fresh(self) -> None:
        """At first nobody heard anybody, and the packet says so."""
        barrier = StartBarrier(DIGEST)
        self.assertEqual((barrier.hears, barrier.heard, barrier.open), (False, False, False))
        self.assertEqual(barrier.packet(), Ready(DIGEST, False))

    def test_open(self) -> None:
        """Open means both, and READY says what we hear, not what the other does."""
        for hears, heard in STATES:
            barrier = barrierIn(hears, heard)
            self.assertEqual(barrier.open, hears and heard)
            self.assertEqual(barrier.packet(), Ready(DIGEST, hears))

    def test_ready(self) -> None:
        """A READY is heard; that it has heard us is never forgotten again."""
        for hears, heard in STATES:
            for said in (False, True):
                barrier = barrierIn(hears, heard)
                barrier.readyReceived(Ready(DIGEST, said))
                self.assertEqual((barrier.hears, barrier.heard), (True, heard or said))

    def test_play(self) -> None:
        """A packet of play opens the barrier whatever came before: READY may all be lost."""
        for hears, heard in STATES:
            barrier = barrierIn(hears, heard)
            barrier.playReceived()
            self.assertTrue(barrier.open)

    def test_otherRules(self) -> None:
        """A READY by other rules is named, says what to compare, and changes nothing."""
        for hears, heard in STATES:
            for said in (False, True):
                barrier = barrierIn(hears, heard)
                error = self.assertRaises(
                    RemoteProtocolError, barrier.readyReceived, Ready(OTHER_DIGEST, said)
                )
                self.assertIn("other rules", str(error))
                self.assertEqual((barrier.hears, barrier.heard), (hears, heard))

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=20), st.booleans())
    def test_anyDigest(self, digest: bytes, said: bool) -> None:
        """No digest but ours is taken, whatever its size."""
        barrier = StartBarrier(DIGEST)
        self.assertRaises(RemoteProtocolError, barrier.readyReceived, Ready(digest, said))
        self.assertFalse(barrier.hears)


class Side(NamedTuple):
    """One side of the start: its barrier, whether it began, and what it ever sent."""

    hears: bool = False
    heard: bool = False
    began: bool = False
    sent: tuple[str, ...] = ()


def _sending(side: Side) -> Side:
    """Return the side after it sent what it would send now."""
    if side.began:
        packet = "play"
    else:
        packet = "heard" if barrierIn(side.hears, side.heard).packet().heard else "ready"
    return side._replace(sent=tuple(sorted(dict.fromkeys((*side.sent, packet)))))


def _receiving(side: Side, packet: str) -> Side:
    """Return the side after a packet came, and after it began where it may."""
    barrier = barrierIn(side.hears, side.heard)
    if packet == "play":
        barrier.playReceived()
    else:
        barrier.readyReceived(Ready(DIGEST, packet == "heard"))
    return side._replace(
        hears=barrier.hears, heard=barrier.heard, began=side.began or barrier.open
    )


def _followers(one: Side, other: Side) -> list[tuple[Side, Side]]:
    """
    Return what can happen next: somebody sends, or anything that was ever sent
    arrives (again): so packets may be lost, repeated and reordered at will.
    """
    arrivals = [(_receiving(one, packet), other) for packet in other.sent]
    arrivals += [(one, _receiving(other, packet)) for packet in one.sent]
    return [(_sending(one), other), (one, _sending(other)), *arrivals]


def _reachable(start: tuple[Side, Side]) -> dict[tuple[Side, Side], None]:
    """Return everything that can come of a pair of states."""
    found = {start: None}
    waiting = [start]
    while waiting:
        for follower in _followers(*waiting.pop()):
            if follower not in found:
                found[follower] = None
                waiting.append(follower)
    return found


class ModelTests(SynchronousTestCase):
    """Everything that can happen between two barriers over any network."""

    def test_nobodyBeginsAlone(self) -> None:
        """In every state that can be reached: who began knows the other heard it, and it did."""
        states = _reachable((Side(), Side()))
        self.assertGreater(len(states), 20)
        for one, other in states:
            for side, far in ((one, other), (other, one)):
                if side.began:
                    self.assertTrue(side.hears and far.hears)
                if side.heard:
                    self.assertTrue(far.hears)
                if side.hears:
                    self.assertNotEqual(far.sent, ())

    def test_bothBegin(self) -> None:
        """From every state that can be reached both can begin: no READY is the last chance."""
        for state in _reachable((Side(), Side())):
            self.assertTrue(
                any(one.began and other.began for one, other in _reachable(state)), state
            )

    def test_secondsOfLoss(self) -> None:
        """With nine of ten packets lost both sides begin, within a round of one another's news."""
        one, other = StartBarrier(DIGEST), StartBarrier(DIGEST)
        for n in range(100):
            to_other, to_one = one.packet(), other.packet()
            if n % 10 == 3:
                other.readyReceived(to_other)
            if n % 10 == 7:
                one.readyReceived(to_one)
        self.assertTrue(one.open and other.open)
