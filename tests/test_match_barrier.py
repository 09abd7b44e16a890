"""
The start of play: nobody begins alone, and nobody begins by other rules.
"""

from __future__ import annotations

from typing import NamedTuple

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.match.barrier import TERMS_PATIENCE, StartBarrier
from gamenet.match.configuration import Configuration, ConfigurationDiffers, Difference
from gamenet.rollback.settings import RollbackSettings
from gamenet.wire.peer_packets import DIGEST_BYTES, Ready, Terms

CONFIGURATION = Configuration.of(RollbackSettings(), "Tag 1.0")
OTHERS = Configuration.of(RollbackSettings(frame_rate=30), "Tag 1.1")
DIGEST = CONFIGURATION.digest


def barrierIn(hears: bool, heard: bool) -> StartBarrier:
    """Return a barrier in a state."""
    barrier = StartBarrier(2, CONFIGURATION)
    barrier.hears = hears
    barrier.heard = heard
    return barrier


STATES = [(hears, heard) for hears in (False, True) for heard in (False, True)]


class TransitionTests(SynchronousTestCase):
    """Every pair of state and input."""

    def test_fresh(self) -> None:
        """At first nobody heard anybody, and the packet says so."""
        barrier = StartBarrier(2, CONFIGURATION)
        self.assertEqual((barrier.hears, barrier.heard, barrier.open), (False, False, False))
        self.assertEqual(barrier.packets(), (Ready(DIGEST, False),))

    def test_open(self) -> None:
        """Open means both, and READY says what we hear, not what the other does."""
        for hears, heard in STATES:
            barrier = barrierIn(hears, heard)
            self.assertEqual(barrier.open, hears and heard)
            self.assertEqual(barrier.packets(), (Ready(DIGEST, hears),))

    def test_ready(self) -> None:
        """A READY is heard; that it has heard us is never forgotten again."""
        for hears, heard in STATES:
            for said in (False, True):
                barrier = barrierIn(hears, heard)
                barrier.readyReceived(Ready(DIGEST, said))
                self.assertEqual((barrier.hears, barrier.heard), (True, heard or said))
                barrier.checkPatience(1e9)

    def test_play(self) -> None:
        """A packet of play opens the barrier whatever came before: READY may all be lost."""
        for hears, heard in STATES:
            barrier = barrierIn(hears, heard)
            barrier.playReceived()
            self.assertTrue(barrier.open)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(min_size=DIGEST_BYTES, max_size=DIGEST_BYTES), st.booleans())
    def test_anyDigest(self, digest: bytes, said: bool) -> None:
        """No digest but ours is heard."""
        barrier = StartBarrier(2, CONFIGURATION)
        barrier.readyReceived(Ready(digest, said))
        self.assertEqual(barrier.hears, digest == DIGEST)
        self.assertEqual(barrier.open, digest == DIGEST and said)


class RefusalTests(SynchronousTestCase):
    """Different builds refuse each other with a reason."""

    def differing(self) -> StartBarrier:
        """Return a barrier that has heard another digest."""
        barrier = StartBarrier(2, CONFIGURATION)
        barrier.readyReceived(Ready(OTHERS.digest, True))
        return barrier

    def test_saysOurTerms(self) -> None:
        """Whoever hears another digest goes on saying READY, and what it is made of."""
        barrier = self.differing()
        self.assertTrue(barrier.differs)
        self.assertEqual(barrier.packets(), (Ready(DIGEST, False), CONFIGURATION.terms))

    def test_theirTerms(self) -> None:
        """Their terms end it: the error says what is what, here and there."""
        for barrier in (self.differing(), StartBarrier(2, CONFIGURATION)):
            error = self.assertRaises(ConfigurationDiffers, barrier.termsReceived, OTHERS.terms)
            self.assertEqual(error.player, 2)
            self.assertEqual(
                error.differences,
                (Difference("frame rate", 60, 30), Difference("rules", "Tag 1.0", "Tag 1.1")),
            )
            self.assertIn("frame rate here 60, there 30", str(error))
            self.assertIn("rules here 'Tag 1.0', there 'Tag 1.1'", str(error))

    def test_equalTerms(self) -> None:
        """Another digest and equal terms: another build of the library, and it is said so."""
        error = self.assertRaises(
            ConfigurationDiffers, self.differing().termsReceived, CONFIGURATION.terms
        )
        self.assertEqual(error.differences, ())
        self.assertIn("compare the versions", str(error))

    def test_notBelieved(self) -> None:
        """Bad input: who said our digest and then other terms or a refusal changes nothing."""
        for heard in (False, True):
            barrier = barrierIn(True, heard)
            barrier.termsReceived(OTHERS.terms)
            barrier.refused()
            barrier.readyReceived(Ready(OTHERS.digest, False))
            barrier.sent(CONFIGURATION.terms, 5.0)
            barrier.checkPatience(1e9)
            barrier.giveUp()
            self.assertEqual((barrier.hears, barrier.heard), (True, heard))
            self.assertEqual(barrier.packets(), (Ready(DIGEST, True),))

    def test_patience(self) -> None:
        """Terms are awaited for a second after ours first left, and for ever before that."""
        barrier = self.differing()
        ready, terms = barrier.packets()
        barrier.sent(ready, 1.0)
        barrier.checkPatience(1e9)
        barrier.sent(terms, 5.0)
        barrier.sent(terms, 5.9)
        barrier.checkPatience(5.0 + TERMS_PATIENCE - 0.001)
        error = self.assertRaises(
            ConfigurationDiffers, barrier.checkPatience, 5.0 + TERMS_PATIENCE
        )
        self.assertEqual((error.player, error.differences), (2, ()))

    def test_givingUp(self) -> None:
        """At the time limit of the start whoever differs is named as that; nobody else is."""
        self.assertRaises(ConfigurationDiffers, self.differing().giveUp)
        StartBarrier(2, CONFIGURATION).giveUp()

    def test_refusal(self) -> None:
        """A refusal by their own word is a sign too."""
        barrier = StartBarrier(2, CONFIGURATION)
        barrier.refused()
        self.assertTrue(barrier.differs)
        self.assertFalse(barrier.open)


class ConfigurationTests(SynchronousTestCase):
    """What is compared."""

    def test_everySetting(self) -> None:
        """Each setting that must be the same changes the digest, and is named with its value."""
        ours = RollbackSettings()
        for name, change, values in (
            ("frame rate", {"frame_rate": 30}, (60, 30)),
            ("checksum interval", {"checksum_interval": 7}, (30, 7)),
            ("frames", {"last_frame": 299}, (None, 300)),
            ("input limit", {"input_limit": 3}, (ours.input_limit, 3)),
        ):
            here = Configuration.of(ours, "x")
            there = Configuration.of(attrs.evolve(ours, **change), "x")  # type: ignore[arg-type]
            self.assertNotEqual(here.digest, there.digest)
            self.assertEqual(here.differences(there.terms), (Difference(name, *values),))
        here, there = Configuration.of(ours, "x"), Configuration.of(ours, "y")
        self.assertNotEqual(here.digest, there.digest)
        self.assertEqual(here.differences(there.terms), (Difference("rules", "x", "y"),))

    def test_ownSettings(self) -> None:
        """What is each player's own differs as it likes."""
        here = Configuration.of(RollbackSettings(), "x")
        there = Configuration.of(
            RollbackSettings(local_player=2, input_delay=5, prediction_window=2), "x"
        )
        self.assertEqual(here, there)

    def test_otherNames(self) -> None:
        """A setting that one build alone has is a difference; what it holds is shown quoted."""
        theirs = Terms((("rules", "\x1b[31m\n"), ("zeal", None)))
        found = {each.name: str(each) for each in CONFIGURATION.differences(theirs)}
        self.assertEqual(found["rules"], "rules here 'Tag 1.0', there '\\x1b[31m\\n'")
        self.assertEqual(found["frame rate"], "frame rate here 60, there none")
        self.assertNotIn("zeal", found)
        self.assertNotIn("frames", found)


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
        ready = barrierIn(side.hears, side.heard).packets()[0]
        packet = "heard" if isinstance(ready, Ready) and ready.heard else "ready"
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
        one, other = StartBarrier(2, CONFIGURATION), StartBarrier(1, CONFIGURATION)
        for n in range(100):
            to_other, to_one = one.packets()[0], other.packets()[0]
            assert isinstance(to_other, Ready) and isinstance(to_one, Ready)
            if n % 10 == 3:
                other.readyReceived(to_other)
            if n % 10 == 7:
                one.readyReceived(to_one)
        self.assertTrue(one.open and other.open)
