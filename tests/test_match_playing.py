"""
The states of a match with several players: what each makes of who is out, comes back,
comes late, or calls off.
"""

from __future__ import annotations

from typing import Any

import attrs

from gamenet.errors import NoPath, PeerLost
from gamenet.match import MatchSettings, NoSeat, NotLoaded, Outcome
from gamenet.match.barrier import StartBarrier
from gamenet.match.playing import CALL_OFF_WITHIN, Playing
from gamenet.match.reaching import Arriving, Counting, Reaching
from gamenet.match.silence import Silence, SilenceWatch
from gamenet.match.start import Start
from gamenet.wire.peer_packets import Goodbye, GoodbyeReason, Inputs, Ready
from gamenet.wire.start_packets import CallOff, CallOffReason, Countdown
from tests.test_match_stages import OURS, THEIRS, FakePeer, StageCase


class SeveralCase(StageCase):
    """Players 1 (we), 2 and 3."""

    def setUp(self) -> None:
        """Add player 3."""
        super().setUp()
        self.third: Any = FakePeer(3, barrier=StartBarrier(3, OURS))
        self.ground.peers[3] = self.third
        self.ground.start = Start(1, (2, 3), loaded=True)
        self.loop.members = (1, 2, 3)

    def choose(self, **settings: Any) -> None:
        """Play by other settings."""
        self.ground.settings = attrs.evolve(self.ground.settings, **settings)


class PlayingTests(SeveralCase):
    """Frames are played by three."""

    def test_oneLeaves(self) -> None:
        """Goodbye of one of two others drops that one; of the last it ends the match."""
        stage = Playing(self.ground)
        stage.goodbyeReceived(self.peer, Goodbye(GoodbyeReason.LEFT, 3), 1.0)
        self.assertEqual((self.loop.calls, self.happened), ([("drop", 2)], []))
        stage.goodbyeReceived(self.third, Goodbye(GoodbyeReason.FAILED, 3), 1.0)
        self.assertEqual(self.happened, [("end", Outcome.OTHER_FAILED)])

    def test_theLastLeavesUsAlone(self) -> None:
        """plays_alone: nothing ends the match but its frames."""
        self.choose(plays_alone=True)
        stage = Playing(self.ground)
        for peer in (self.peer, self.third):
            stage.goodbyeReceived(peer, Goodbye(GoodbyeReason.LEFT, 3), 1.0)
        self.assertEqual((self.loop.calls, self.happened), ([("drop", 2), ("drop", 3)], []))

    def test_nobodyIsLeft(self) -> None:
        """When all others are out the match ends: by PeerLost, or by how the last one left."""
        stage = Playing(self.ground)
        stage.beat(0.1)
        self.loop.members = (1,)
        self.peer.heard_at, self.third.heard_at = 1.0, 2.0
        error = self.assertRaises(PeerLost, stage.beat, 12.5)
        self.assertEqual((error.player, error.silence), (3, 10.5))
        stage.goodbyeReceived(self.third, Goodbye(GoodbyeReason.LEFT, 3), 12.5)
        self.happened.clear()
        stage.beat(12.6)
        self.assertEqual(self.happened, [("end", Outcome.OTHER_LEFT)])

    def test_nobodyWasThere(self) -> None:
        """Whoever begins a match alone waits for those who come late."""
        self.loop.members = (1,)
        stage = Playing(self.ground)
        stage.beat(0.1)
        stage.beat(99.0)
        self.assertEqual(self.happened, [])

    def test_severalAreSilent(self) -> None:
        """Each is told once as interrupted and as lost; with two silent we wait."""
        stage = Playing(self.ground)
        for now in (0.6, 0.7, 10.0, 10.1, 25.0):
            stage.beat(now)
        self.assertEqual(self.protocol.told, ["interrupted"] * 2 + ["peerLost"] * 2)
        self.loop.members = (1, 3)
        error = self.assertRaises(PeerLost, stage.beat, 25.1)
        self.assertEqual(error.player, 3)

    def test_isolated(self) -> None:
        """Too few are heard: for as long as a seat is kept, then by name; a reunion counts anew."""
        self.choose(grace=5.0)
        self.loop.heard_at = 1e9
        stage = Playing(self.ground)
        self.loop.isolated = True
        stage.beat(1.0)
        self.loop.isolated = False
        stage.beat(4.0)
        self.loop.isolated = True
        stage.beat(5.0)
        stage.beat(9.9)
        self.third.watch.silentFor(20.0)
        error = self.assertRaises(PeerLost, stage.beat, 10.0)
        self.assertEqual(error.player, 3)

    def test_droppedAndBack(self) -> None:
        """Where the others play on without us we come back; on the way silence is the link's."""
        self.choose(grace=5.0)
        self.loop.heard_at = 1e9
        stage = Playing(self.ground)
        self.loop.dropped = True
        stage.beat(1.0)
        self.assertEqual(self.loop.calls[0], ("rejoin",))
        self.loop.dropped, self.loop.joining = False, True
        self.peer.heard_at, self.third.heard_at = 8.0, 2.0
        stage.beat(12.9)
        error = self.assertRaises(PeerLost, stage.beat, 13.0)
        self.assertEqual(error.player, 2)
        self.peer.parted = self.third.parted = True
        self.assertRaises(PeerLost, stage.beat, 14.0)

    def test_refused(self) -> None:
        """Who gets no seat ends by name, with the reason."""
        self.loop.refused = "too late"
        error = self.assertRaises(NoSeat, Playing(self.ground).beat, 1.0)
        self.assertIn("too late", str(error))

    def test_whoIsOut(self) -> None:
        """Who is out and heard is told once a second; out of hearing for the grace, forgotten."""
        self.loop.heard_at = 1e9
        self.loop.members = (1, 2)
        stage = Playing(self.ground)
        self.third.heard_at = 1.0
        for now in (1.0, 1.4, 2.0, 2.5, 31.1):
            stage.beat(now)
        self.assertEqual(self.loop.calls, [("reached", 3)])
        self.assertEqual(self.happened, [("forget", 3)])
        self.assertEqual(self.peer.returns, 1)
        self.loop.members = (1, 2, 3)
        stage.beat(32.2)
        self.assertEqual((self.third.returns, self.peer.returns), (1, 1))

    def test_calledOff(self) -> None:
        """A call-off counts in the first moments of play alone, and never for who came late."""
        packet = CallOff(CallOffReason.LOST, (3,))
        stage = Playing(self.ground)
        stage.packetReceived(self.peer, packet, CALL_OFF_WITHIN)
        self.loop.joining = True
        stage.packetReceived(self.peer, packet, 0.5)
        self.assertEqual(self.happened, [])
        self.loop.joining = False
        stage.packetReceived(self.peer, packet, 0.5)
        self.assertEqual(self.happened, [("callOff", packet)])


class BeforePlayTests(SeveralCase):
    """The states before play."""

    def allReady(self, stage: Reaching | Counting, **said: bool) -> None:
        """Have both others be ready."""
        for peer in (self.peer, self.third):
            stage.readyReceived(peer, Ready(OURS.digest, True, True, True, **said), 1.0)

    def test_counting(self) -> None:
        """When all are ready the lowest picks the moment, and says it until it is known."""
        self.choose(countdown=3.0)
        stage = Reaching(self.ground, 10.0)
        self.allReady(stage)
        counting, wake = self.happened
        self.assertIsInstance(counting, Counting)
        self.assertEqual(wake, ("wake", 1.0))
        self.happened.clear()
        counting.beat(1.0)
        self.assertIn(Countdown(4_000_000, 1_000_000), self.sent)
        self.allReady(counting, counting=True)
        self.sent.clear()
        counting.beat(1.1)
        self.assertEqual(self.sent, [Ready(OURS.digest, True, True, True, True)])
        for peer in (self.peer, self.third):
            peer.heard_at = 3.9
        self.assertEqual(counting.beat(4.0), 4.0)
        self.assertIsInstance(self.happened[0], Playing)
        self.assertEqual(self.happened[1], ("begin", 4.0))

    def test_unacknowledged(self) -> None:
        """Who did not say to know the moment when it comes is lost, for all."""
        self.choose(countdown=3.0)
        stage = Reaching(self.ground, 10.0)
        self.allReady(stage)
        counting = self.happened[0]
        self.happened.clear()
        counting.readyReceived(self.peer, Ready(OURS.digest, True, True, True, True), 2.0)
        counting.readyReceived(self.third, Ready(THEIRS.digest, True, True, True, True), 2.0)
        self.peer.heard_at = self.third.heard_at = 4.0
        counting.beat(4.0)
        self.assertEqual(self.happened, [("callOff", CallOff(CallOffReason.LOST, (3,)))])

    def test_theMomentOfAnother(self) -> None:
        """As a guest: a countdown of who was not heard means nothing; of 2, it is not ours."""
        self.ground.start = Start(4, (2, 3), loaded=True)
        stage = Reaching(self.ground, 10.0)
        packet = Countdown(4_000_000, 1_000_000)
        stage.packetReceived(self.peer, packet, 1.0)
        self.assertEqual(self.happened, [])
        for peer in (self.peer, self.third):
            peer.barrier.readyReceived(Ready(OURS.digest, True))
        stage.packetReceived(self.third, packet, 1.0)
        self.assertEqual(self.happened, [], "3 has no say in it")
        self.peer.clock_offset = 0.25
        stage.packetReceived(self.peer, packet, 1.0)
        counting = self.happened[0]
        counting.packetReceived(self.third, Inputs(b"x"), 1.0)
        self.happened.clear()
        for peer in (self.peer, self.third):
            peer.heard_at = 3.0
        counting.beat(3.7)
        self.assertEqual(self.happened, [])
        counting.beat(3.75)
        self.assertEqual(self.happened[1], ("begin", 3.75))

    def test_somebodyElseLeaves(self) -> None:
        """Of several, who leaves calls it off; a player who came late meanwhile does not."""
        late: Any = FakePeer(4)
        self.ground.peers[4] = late
        stage = Reaching(self.ground, 10.0)
        stage.goodbyeReceived(late, Goodbye(GoodbyeReason.LEFT, -1), 1.0)
        self.assertEqual(self.happened, [])
        stage.goodbyeReceived(self.third, Goodbye(GoodbyeReason.LEFT, -1), 1.0)
        self.assertEqual(self.happened, [("callOff", CallOff(CallOffReason.LEFT, (3,)))])

    def test_loadLimit(self) -> None:
        """Whose game is not loaded in time is named."""
        stage = Reaching(self.ground, 10.0, 30.0)
        for peer in (self.peer, self.third):
            loaded = peer is self.peer
            stage.readyReceived(peer, Ready(OURS.digest, True, loaded, True), 1.0)
            peer.heard_at = 29.0
        stage.beat(29.9)
        self.assertEqual(self.happened, [])
        stage.beat(30.0)
        self.assertEqual(self.happened, [("callOff", CallOff(CallOffReason.NOT_LOADED, (3,)))])

    def test_arriving(self) -> None:
        """Late: in as soon as one of them is reached and we have loaded; or not in time."""
        stage = Arriving(self.ground, 10.0, 30.0)
        self.peer.has_path = self.third.has_path = False
        self.assertEqual(stage.beat(1.0), 1.1)
        self.assertRaises(NoPath, stage.beat, 10.0)
        self.third.has_path = True
        self.ground.start.loaded = False
        stage.beat(10.0)
        self.assertEqual(self.happened, [])
        self.assertRaises(NotLoaded, stage.beat, 30.0)
        self.ground.start.loaded = True
        stage.goodbyeReceived(self.peer, Goodbye(GoodbyeReason.LEFT, 5), 10.0)
        stage.beat(10.0)
        self.assertIsInstance(self.happened[0], Playing)
        self.assertEqual(self.happened[1], ("begin", 10.0))
        packet = CallOff(CallOffReason.LOST, (3,))
        stage.packetReceived(self.peer, packet, 10.0)
        self.assertEqual(self.happened[2], ("callOff", packet))


class SilenceWatchTests(SeveralCase):
    """How long somebody has been silent."""

    def test_once(self) -> None:
        """Each meaning is told once, until they are heard again."""
        watch = SilenceWatch(0.5, 2.0)
        told = [watch.silentFor(silence) for silence in (0.4, 0.5, 0.6, 2.0, 2.1)]
        self.assertEqual(told, [None, Silence.INTERRUPTED, None, Silence.LOST, None])
        self.assertTrue(watch.heard())
        self.assertFalse(watch.heard() or watch.lost)
        self.assertEqual(watch.silentFor(3.0), Silence.LOST)


class SettingsTests(SeveralCase):
    """The limits of the start and of those who are gone."""

    def test_defaults(self) -> None:
        """30 s to load, 3 s counted down, 30 s of grace; alone nobody plays on."""
        settings = MatchSettings()
        self.assertEqual(
            (settings.load_timeout, settings.countdown, settings.grace, settings.plays_alone),
            (30.0, 3.0, 30.0, False),
        )

    def test_rollback(self) -> None:
        """Two players who do not play alone are dropped by nobody: the match ends for them."""
        for players, alone, lost_after in ((2, False, None), (2, True, 10.0), (3, False, 10.0)):
            rules = MatchSettings(plays_alone=alone).rollbackSettings(players, 1)
            self.assertEqual((rules.lost_after, rules.lone_survivor), (lost_after, alone))
            self.assertIsNone(rules.rejoin_within, "the session's log says whose grace is over")

    def test_bounds(self) -> None:
        """What cannot be is refused by name."""
        from gamenet.errors import BadSetting

        for bad in (
            {"countdown": -0.1}, {"countdown": 60.1}, {"load_timeout": 0.0}, {"grace": 0.5},
            {"plays_alone": 1},
        ):
            error = self.assertRaises(BadSetting, MatchSettings, **bad)
            self.assertIn(next(iter(bad)), str(error))
