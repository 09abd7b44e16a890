"""
Matches that are cancelled, cut off, misconfigured or probed, in the twin world.
"""

from __future__ import annotations

import attrs
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, MomentFailed, PeerLost
from gamenet.lobby.relay_offer import RelayOffer
from gamenet.match import MatchSettings, Outcome, connect
from gamenet.world.nat_behavior import FULL_CONE
from tests.scenes import (
    LOBBY,
    LOBBY_HOST,
    HashGame,
    RecordingPlayer,
    TwoPlayers,
    playing,
    seatedPlayers,
)


class DisturbedMatchTests(SynchronousTestCase):
    """What games, users, relays and strangers do to a match."""

    def test_cancellingPlayLeavesTheMatch(self) -> None:
        """A cancelled play() is a match that was left: the other is told, nothing raises."""
        scene = playing(30)
        scene.ada.playing.cancel()
        scene.network.advance(2.0)
        self.assertIsInstance(scene.ada.failure, CancelledError)
        assert scene.grace.result is not None
        self.assertEqual(scene.grace.result.outcome, Outcome.OTHER_LEFT)
        self.assertIsNone(scene.ada.session.match)
        self.assertEqual(scene.ada.session.view.state, "open")

    def test_cancellingThenClosingStillSaysGoodbye(self) -> None:
        """close() right after a cancelled play() waits for the goodbye."""
        scene = playing(30)
        scene.ada.playing.cancel()
        scene.ada.player.close()
        scene.network.advance(2.0)
        assert scene.grace.result is not None
        self.assertEqual(scene.grace.result.outcome, Outcome.OTHER_LEFT)

    def test_cancellingWhileWaiting(self) -> None:
        """A play() that is cancelled before the start can be asked for again."""
        scene = seatedPlayers()
        waiting = scene.grace.session.play(HashGame(), RecordingPlayer(b"x"))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        scene.play(MatchSettings(frames=30))
        scene.playToTheEnd(10.0)
        assert scene.grace.result is not None
        self.assertEqual(scene.grace.result.outcome, Outcome.FINISHED)

    def test_aRelayOnlyPlayerAnswersNoDirectProbe(self) -> None:
        """An authentic probe to a relay-only player's own address gets no answer."""
        scene = TwoPlayers(3, kinds=(FULL_CONE, FULL_CONE))
        scene.grace.relay_only = True
        scene.meet()
        scene.play()
        scene.playUntilConfirmed(60, 20.0)
        outside = scene.grace.player.lobby.server_reflexive
        match = scene.ada.session.match
        assert outside is not None and match is not None
        link = match._peers[2].link
        for _ in range(5):
            link._probe(outside)
            scene.network.advance(0.5)
        self.assertGreater(scene.grace.player.sockets.strangers, 0)
        self.assertEqual(scene.ada.protocol.paths, ["relay"])
        self.assertEqual(match.statistics().packets_direct, 0)

    def test_aDeadRelayDelaysTheStartByTwoSecondsAtMost(self) -> None:
        """Two cones whose relay is down play directly, soon."""
        scene = TwoPlayers(1)
        scene.servers.relay_machine.stop()
        scene.meet()
        before = scene.network.clock.seconds()
        scene.play()
        scene.playUntilConfirmed(1, 10.0)
        self.assertLess(scene.network.clock.seconds() - before, 3.0)
        self.assertEqual(scene.ada.protocol.paths, ["direct"])

    def test_aPlayerWhoOnlyAnswersChecksIsLost(self) -> None:
        """Path checks are no sign of play: without inputs a player is lost after 10 s."""
        scene = playing(60)
        match = scene.grace.session.match
        assert match is not None
        match._alarm.cancel()
        scene.network.runUntil(lambda: scene.ada.over, 15.0)
        self.assertIsInstance(scene.ada.failure, PeerLost)

    def test_aGameThatLacksAMethodIsRefusedAtOnce(self) -> None:
        """play() names the method that is missing, before anything is sent."""
        scene = seatedPlayers()
        for game, protocol in ((object(), RecordingPlayer(b"x")), (HashGame(), object())):
            refused = scene.ada.session.play(game, protocol)  # type: ignore[arg-type]
            error = self.failureResultOf(refused, BadSetting).value
            self.assertIn("object has no method", str(error))

    def test_theLastFrameIsComparedToo(self) -> None:
        """A difference in the very last frame is told to both, though they leave then."""
        for seed in range(8):
            scene = seatedPlayers(seed)
            scene.grace.game.corrupt_at = 119
            scene.play(MatchSettings(frames=120))
            scene.playToTheEnd(20.0)
            for seat in scene.seats:
                self.assertEqual([each[0] for each in seat.protocol.desyncs], [119], seed)

    def test_aSeatThatNobodyWaitsForIsGivenBack(self) -> None:
        """A seat given in answer to a cancelled request is left, and another can be taken."""
        scene = TwoPlayers(1)
        scene.ada.connect()
        creating = scene.ada.player.createSession("never mind")
        creating.cancel()
        self.failureResultOf(creating, CancelledError)
        scene.network.advance(2.0)
        self.assertEqual(scene.ada.player.lobby.sessions, ())
        scene.ada.create("this one")
        scene.network.advance(2.0)
        self.assertEqual([each.title for each in scene.ada.player.lobby.sessions], ["this one"])

    def test_moreSeatsThanCanBePlayedAreRefusedByName(self) -> None:
        """A session of seventeen cannot be created by a player."""
        scene = TwoPlayers(1)
        scene.ada.connect()
        self.failureResultOf(scene.ada.player.createSession("many", 17), BadSetting)

    def test_relayCredentialsThatNameTheLobby(self) -> None:
        """A relay offered at the lobby's own address is a relay that refuses, nothing worse."""
        scene = TwoPlayers(1)
        wrong = RelayOffer((LOBBY_HOST, 7770), b"a secret of tests")
        scene.servers.factory.settings = attrs.evolve(
            scene.servers.factory.settings, relay=wrong
        )
        scene.meet()
        scene.play(MatchSettings(frames=60))
        scene.playToTheEnd(20.0)
        for seat in scene.seats:
            assert seat.result is not None
            self.assertEqual(seat.result.outcome, Outcome.FINISHED)

    def test_anyInterfaceMeansTheRightOne(self) -> None:
        """interface="0.0.0.0" offers the address that leads to the lobby, not that text."""
        scene = TwoPlayers(1)
        connecting = connect(
            scene.ada.machine, LOBBY, "Ada", insecure=True, interface="0.0.0.0"
        )
        player = scene.network.runUntil(connecting, 5.0)
        self.assertEqual(player.candidates()[0].address[0], "192.168.0.2")


class RareMomentTests(SynchronousTestCase):
    """
    Bad input: an exception from an overridden method is logged once, with the name of the
    moment, and ends that match with a named error: the moments that few matches have.
    """

    def _explodes(self, scene: TwoPlayers, moment: str) -> None:
        """Let a moment of Ada's raise, in a match that is on."""

        def explode(*arguments: object) -> None:
            raise ZeroDivisionError("the game's own bug")

        setattr(scene.ada.protocol, moment, explode)

    def _endsByName(self, scene: TwoPlayers, moment: str) -> None:
        scene.network.runUntil(lambda: scene.ada.over, 20.0)
        self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1, moment)
        failure = scene.ada.failure
        assert isinstance(failure, MomentFailed)
        self.assertEqual(failure.moment, moment)
        self.assertIsInstance(failure.__cause__, ZeroDivisionError)
        self.assertTrue(scene.ada.player.connected)

    def test_silence(self) -> None:
        """interrupted and peerLost, when the other vanishes."""
        for moment in ("interrupted", "peerLost"):
            scene = playing(30)
            self._explodes(scene, moment)
            scene.grace.machine.stop()
            self._endsByName(scene, moment)

    def test_resumed(self) -> None:
        """resumed, when a short silence ends."""
        scene = playing(30, relay_only=True)
        self._explodes(scene, "resumed")
        scene.network.partition(["Grace's router"])
        scene.network.advance(1.0)
        scene.network.heal()
        self._endsByName(scene, "resumed")

    def test_desynchronized(self) -> None:
        """desynchronized, when a checksum differs."""
        scene = seatedPlayers()
        scene.grace.game.corrupt_at = 40
        self._explodes(scene, "desynchronized")
        scene.play(MatchSettings(checksum_interval=1))
        self._endsByName(scene, "desynchronized")

    def test_begin(self) -> None:
        """begin of a seeded simulation, before frame 0."""
        scene = seatedPlayers()

        def explode(seed: int) -> None:
            raise ZeroDivisionError("the game's own bug")

        scene.ada.game.begin = explode  # type: ignore[method-assign]
        scene.play()
        self._endsByName(scene, "begin")
