"""
The last states of a match: goodbye, and over.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.match import ConfigurationDiffers, Outcome
from gamenet.match.configuration import Configuration
from gamenet.match.difference import DUMP_PATIENCE, StatesDiffered
from gamenet.match.farewell import FAREWELL_INTERVAL, FAREWELL_ROUNDS
from gamenet.match.leaving import Over
from gamenet.match.playing import Playing
from gamenet.match.reaching import Counting, Reaching
from gamenet.match.stage import MatchState, Stage
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_events import StatesDiffer
from gamenet.wire.peer_packets import Goodbye, GoodbyeReason, Inputs, Terms
from tests.test_match_stages import OURS, StageCase


class LeavingTests(StageCase):
    """We say goodbye."""

    def test_differing(self) -> None:
        """States that differ after the last frame: by name, whoever finds it, and once."""
        stage = self.leaving(GoodbyeReason.FINISHED)
        self.loop.difference.told(StatesDiffer(41, 2), 0.0)
        self.assertRaises(StatesDiffered, stage.beat, DUMP_PATIENCE)
        stage.goodbyeReceived(self.peer, Goodbye(GoodbyeReason.LEFT, 41), 0.5)
        for _ in range(FAREWELL_ROUNDS + 1):
            stage.beat(0.6)
        self.assertEqual(self.happened, [], "both states are still on their way")
        stage.farewell.ends = 0.6
        for _ in range(FAREWELL_ROUNDS + 1):
            stage.beat(0.6)
        ((_, error),) = self.happened
        self.assertIsInstance(error, StatesDiffered)
        self.happened.clear()
        failing = self.leaving(GoodbyeReason.DIFFERED, error)
        failing.goodbyeReceived(self.peer, Goodbye(GoodbyeReason.DIFFERED, 41), 9.0)
        failing.beat(9.0)
        self.assertEqual(self.happened, [])

    def test_theOtherSaysThatWeDiffer(self) -> None:
        """Whoever thought that all was well ends by the other's name."""
        for ends in (True, False):
            self.happened.clear()
            self.loop.difference.ends = ends
            stage = self.leaving(GoodbyeReason.FINISHED)
            stage.goodbyeReceived(self.peer, Goodbye(GoodbyeReason.DIFFERED, 41), 1.0)
            self.assertEqual(len(self.happened), ends)
            self.assertTrue(self.peer.parted)

    def test_left(self) -> None:
        """Goodbye is said some times, without inputs, and then it is over."""
        stage = self.leaving()
        self.assertFalse(stage.playable)
        for _ in range(FAREWELL_ROUNDS):
            self.assertEqual(stage.beat(1.0), 1.0 + FAREWELL_INTERVAL)
        self.assertEqual(self.sent, [Goodbye(GoodbyeReason.LEFT, 41)] * FAREWELL_ROUNDS)
        self.assertEqual(self.happened, [])
        stage.beat(1.0)
        self.assertEqual(self.happened, [("end", Outcome.LEFT)])

    def test_finished(self) -> None:
        """Others who still play get our inputs until they part and have them all."""
        stage = self.leaving(GoodbyeReason.FINISHED)
        self.assertTrue(stage.playable)
        stage.beat(1.0)
        self.assertEqual(self.sent, [Inputs(b"inputs"), Goodbye(GoodbyeReason.FINISHED, 41)])
        self.assertEqual(self.loop.served, [1.0])
        stage.goodbyeReceived(self.peer, Goodbye(GoodbyeReason.LEFT, 41), 1.0)
        self.loop.done = False
        for _ in range(10):
            stage.beat(1.0)
        self.loop.done = True
        for _ in range(FAREWELL_ROUNDS):
            stage.beat(1.0)
        self.assertEqual(self.happened, [])
        stage.beat(1.0)
        self.assertEqual(self.happened, [("end", Outcome.FINISHED)])

    def test_failed(self) -> None:
        """What went wrong is told when goodbye is said."""
        error = RemoteProtocolError("x")
        stage = self.leaving(GoodbyeReason.FAILED, error)
        for _ in range(FAREWELL_ROUNDS + 1):
            stage.beat(1.0)
        self.assertEqual(self.happened, [("end", error)])
        self.assertEqual(self.sent, [Goodbye(GoodbyeReason.FAILED, 41)] * FAREWELL_ROUNDS)

    def test_refused(self) -> None:
        """Whoever refuses says why with each goodbye, before it."""
        stage = self.leaving(GoodbyeReason.REFUSED, ConfigurationDiffers(2, ()))
        stage.beat(1.0)
        self.assertEqual(self.sent, [OURS.terms, Goodbye(GoodbyeReason.REFUSED, 41)])


class OverTests(StageCase):
    """Over."""

    def test_over(self) -> None:
        """Nothing is due, and nothing that comes matters."""
        stage = Over(self.ground)
        stage.beat(1.0)
        self.assertFalse(stage.playable)
        self.assertEqual((self.sent, self.happened), ([], []))

    def test_states(self) -> None:
        """Each object says which state it is, and only the first ones can be played in."""
        stages: list[Stage] = [
            Reaching(self.ground, 1.0),
            Counting(self.ground),
            Playing(self.ground),
            self.leaving(),
            Over(self.ground),
        ]
        self.assertEqual([each.state for each in stages], list(MatchState))
        self.assertEqual([each.playable for each in stages], [True, True, True, False, False])
        self.assertRaises(NotImplementedError, Stage.beat, stages[0], 1.0)


class TermsTests(SynchronousTestCase):
    """The terms that are said fit a packet whatever the settings are."""

    def test_longest(self) -> None:
        """Sixteen players, the longest rules and default input."""
        from gamenet.wire.peer_packets import decodePeerPacket, encodePeerPacket

        seating = tuple((player, player + 1) for player in range(1, 16, 2))
        rollback = RollbackSettings(
            players=16, seating=seating, default_input=b"\xff" * 64, vacant=tuple(range(3, 17))
        )
        for rules in ("x" * 128, "\U0001f3ae" * 128):
            terms: Terms = Configuration.of(rollback, rules).terms
            self.assertEqual(decodePeerPacket(encodePeerPacket(terms)), terms)
