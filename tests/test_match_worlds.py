"""
Whole matches in the twin world: how they are reached, played, disturbed and ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import (
    InsecureConnection,
    MatchEnded,
    MomentFailed,
    NoPath,
    PeerLost,
)
from gamenet.match import MatchSettings, Outcome, connect
from gamenet.world.nat_behavior import (
    ADDRESS_RESTRICTED,
    ADDRESS_SENSITIVE,
    DATAGRAMS_BLOCKED,
    FULL_CONE,
    PORT_RESTRICTED,
    PORT_SENSITIVE_RANDOM,
    PORT_SENSITIVE_SEQUENTIAL,
)
from tests.scenes import LOBBY, HashGame, RecordingPlayer, TwoPlayers, playing, seatedPlayers

CONES = (FULL_CONE, ADDRESS_RESTRICTED, PORT_RESTRICTED)
SYMMETRIC = (PORT_SENSITIVE_RANDOM, PORT_SENSITIVE_SEQUENTIAL, ADDRESS_SENSITIVE)


class PathTests(SynchronousTestCase):
    """Which path a match takes."""

    def test_coneAgainstConeIsAlwaysDirect(self) -> None:
        """Done when: over 50 seeds cone against cone is always direct by plain punching."""
        for seed in range(50):
            kinds = (CONES[seed % 3], CONES[seed // 3 % 3])
            scene = playing(240, seed, kinds=kinds)
            for seat in scene.seats:
                statistics = seat.session.match.statistics()  # type: ignore[union-attr]
                self.assertEqual(statistics.path, "direct", f"seed {seed}, {kinds}")
                self.assertGreater(statistics.packets_direct, 100)
                self.assertGreater(statistics.attempts, 0)

    def test_symmetricAgainstSymmetricIsNeverDirect(self) -> None:
        """Done when: over 50 seeds symmetric against symmetric is never direct."""
        for seed in range(50):
            kinds = (SYMMETRIC[seed % 3], SYMMETRIC[seed // 3 % 3])
            scene = playing(240, seed, kinds=kinds)
            for seat in scene.seats:
                statistics = seat.session.match.statistics()  # type: ignore[union-attr]
                self.assertEqual(statistics.path, "relay", f"seed {seed}, {kinds}")
                self.assertEqual(statistics.packets_direct, 0)
                self.assertGreater(statistics.packets_relayed, 100)

    def test_playBeginsWithinAFewRoundTripsOfTheTicket(self) -> None:
        """Relay first: frames run a few round trips after play() is called."""
        scene = seatedPlayers(kinds=(PORT_SENSITIVE_RANDOM,) * 2, latency=0.05)
        scene.network.advance(1.0)
        before = scene.network.clock.seconds()
        scene.play()
        scene.playUntilConfirmed(1, 5.0)
        self.assertLess(scene.network.clock.seconds() - before, 1.0)

    def test_relayOnlyTellsNoOtherAddress(self) -> None:
        """Privacy: a relay-only player's other addresses reach nobody, and all goes relayed."""
        scene = playing(120, relay_only=True)
        for seat in scene.seats:
            match = seat.session.match
            assert match is not None
            for peer in match._peers.values():
                self.assertEqual({c.kind for c in peer.candidates}, {"relayed"})
            self.assertEqual(match.statistics().packets_direct, 0)
            self.assertEqual(match.statistics().attempts, 0)
            self.assertEqual(seat.protocol.paths, ["relay"])

    def test_oneRelayOnlyPlayerKeepsTheOtherFromPunching(self) -> None:
        """A relay-only player answers no probe and sends none, whatever the other tries."""
        scene = TwoPlayers(3)
        scene.grace.relay_only = True
        scene.meet()
        scene.play()
        scene.playUntilConfirmed(120, 20.0)
        self.assertEqual(scene.ada.protocol.paths, ["relay"])
        self.assertEqual(scene.grace.protocol.paths, ["relay"])

    def test_movesToTheRelayWhenTheDirectPathDiesAndBack(self) -> None:
        """ARCHITECTURE, Reach: if the direct path dies, traffic moves back to the relay."""
        scene = playing(120)
        self.assertEqual(scene.ada.protocol.paths[-1], "direct")
        before = scene.confirmed()
        scene.network.partition(["Ada's router"], ["Grace's router"])
        scene.network.advance(6.0)
        self.assertGreater(scene.confirmed(), before + 300)
        self.assertEqual(scene.ada.protocol.paths[-1], "relay")
        scene.network.heal()
        scene.network.advance(12.0)
        self.assertEqual(scene.ada.protocol.paths[-1], "direct")
        self.assertEqual(scene.grace.protocol.paths[-1], "direct")
        self.assertTrue(scene.agreed())

    def test_withoutAnyPathTheStartIsCalledOffByName(self) -> None:
        """N14: without a path at its limit the start is called off by name, back to the session."""
        scene = seatedPlayers(kinds=(PORT_SENSITIVE_RANDOM,) * 2, with_relay=False)
        scene.play()
        scene.playToTheEnd(20.0)
        for seat in scene.seats:
            self.assertIsInstance(seat.failure, NoPath)
            self.assertIn("could not be reached within 10 s", str(seat.failure))
            self.assertIsNone(seat.session.ended)
        scene.network.advance(1.0)
        self.assertEqual(scene.grace.session.view.state, "open")

    def test_whereUdpIsBlockedTheStreamKeepsThePlayerInTheLobby(self) -> None:
        """N1: heartbeats take the stream where UDP does not get through; no path is named."""
        scene = seatedPlayers(kinds=(DATAGRAMS_BLOCKED, PORT_RESTRICTED))
        scene.play()
        scene.playToTheEnd(60.0)
        self.assertIsInstance(scene.ada.failure, NoPath)
        scene.network.advance(30.0)
        self.assertTrue(scene.ada.player.connected)
        self.assertEqual(scene.ada.player.lobby.heartbeats_over, "stream")


class PlayTests(SynchronousTestCase):
    """What a match is like from the inside."""

    def test_bothPlayEveryFrameTheSame(self) -> None:
        """The main job: two players meet, connect and play; all states are identical."""
        scene = seatedPlayers()
        scene.play(MatchSettings(frames=300))
        scene.playToTheEnd(20.0)
        ada, grace = scene.seats
        assert ada.result is not None and grace.result is not None
        self.assertEqual(len(ada.protocol.confirmed), 300)
        self.assertEqual(ada.protocol.confirmed, grace.protocol.confirmed)
        for seat in scene.seats:
            assert seat.result is not None
            self.assertEqual(seat.result.outcome, Outcome.FINISHED)
            self.assertEqual(seat.result.last_frame, 299)
            self.assertEqual(seat.result.checksum, ada.protocol.confirmed[-1][1])
            self.assertEqual(seat.protocol.happened, [("ended", seat.result)])
            self.assertEqual(seat.protocol.asked, list(range(1, 300)))
            self.assertGreater(seat.result.statistics.rollbacks, 0)
            self.assertEqual(seat.result.statistics.desyncs, 0)
        self.assertEqual((ada.result.player, grace.result.player), (1, 2))

    def test_inputsTakeTheirPlaceByPlayerNumber(self) -> None:
        """ISimulation: player n's input is inputs[n - 1], on both sides."""
        scene = seatedPlayers()
        scene.play(MatchSettings(frames=120, input_delay=2))
        scene.playToTheEnd(20.0)
        for frame, (inputs, _) in enumerate(scene.ada.protocol.confirmed):
            for seat, given in zip(scene.seats, inputs, strict=True):
                script = seat.protocol
                wanted = b"" if frame < 2 else script.script[frame // script.hold % 64 :][:1]
                self.assertEqual(given, wanted)

    def test_aRematchInTheSameSession(self) -> None:
        """After a match all are in the session again, and can play another."""
        scene = seatedPlayers()
        for _ in range(2):
            for seat in scene.seats:
                seat.game, seat.result = HashGame(), None
                seat.protocol = RecordingPlayer(b"rematch" + seat.name.encode())
            scene.play(MatchSettings(frames=60))
            scene.playToTheEnd(20.0)
            for seat in scene.seats:
                assert seat.result is not None
                self.assertEqual(seat.result.outcome, Outcome.FINISHED)
            self.assertTrue(scene.agreed())
        self.assertEqual(scene.servers.factory.counters.matches_started, 2)

    def test_aCorruptedStateIsNoticedByBoth(self) -> None:
        """N13, thin: checksums are compared; both sides name the frame, mirrored."""
        scene = seatedPlayers()
        scene.grace.game.corrupt_at = 100
        scene.play(MatchSettings(frames=200, checksum_interval=1))
        scene.playToTheEnd(20.0)
        ada, grace = scene.ada.protocol.desyncs[0], scene.grace.protocol.desyncs[0]
        self.assertEqual((ada[0], grace[0]), (100, 100))
        self.assertEqual(ada[1:3], grace[2:0:-1])
        self.assertEqual((ada[3], grace[3]), (2, 1))

    def test_clocksThatDriftAndStartApart(self) -> None:
        """Peers' clocks start apart and drift by 500 ppm: play stays even, and stalls are few."""
        scene = seatedPlayers(drifts=(500.0, -500.0), offsets=(12_345.0, 987_654.0))
        scene.play()
        scene.playUntilConfirmed(3000, 60.0)
        frames = [seat.session.match.statistics() for seat in scene.seats]  # type: ignore[union-attr]
        self.assertLess(abs(frames[0].frame - frames[1].frame), 4)
        self.assertLess(sum(each.stalls for each in frames), 30)
        self.assertTrue(scene.agreed())

    def test_aSteppedWallClockChangesNothing(self) -> None:
        """Done when: the services and the player survive a stepped wall clock."""
        scene = playing(60)
        before = scene.confirmed()
        for machine in scene.network.machines.values():
            machine.stepWallClock(3600.0)
        scene.network.advance(5.0)
        for machine in scene.network.machines.values():
            machine.stepWallClock(-7200.0)
        scene.network.advance(15.0)
        self.assertGreater(scene.confirmed(), before + 1150)
        self.assertTrue(scene.ada.player.connected and scene.grace.player.connected)

    def test_theLobbyMayVanishInMidMatch(self) -> None:
        """The ticket is all that a match needs of the lobby."""
        scene = playing(60)
        before = scene.confirmed()
        scene.servers.lobby_machine.stop()
        scene.network.advance(60.0)
        self.assertGreater(scene.confirmed(), before + 3000)
        self.assertTrue(scene.agreed())


class EndTests(SynchronousTestCase):
    """How matches end."""

    def test_leavingTellsTheOther(self) -> None:
        """Whoever leaves gets LEFT, the other OTHER_LEFT, and both the same last frame or near."""
        scene = playing(60)
        leaving = scene.grace.session.leave()
        scene.playToTheEnd(5.0)
        scene.network.runUntil(leaving, 5.0)
        assert scene.ada.result is not None and scene.grace.result is not None
        self.assertEqual(scene.grace.result.outcome, Outcome.LEFT)
        self.assertEqual(scene.ada.result.outcome, Outcome.OTHER_LEFT)
        scene.network.advance(1.0)
        self.assertEqual(len(scene.ada.session.view.members), 1)
        self.assertIsNone(scene.grace.player.session)

    def test_aSilentPlayerIsToldAndThenLost(self) -> None:
        """A vanished player: interrupted after 0.5 s, lost after 10 s, by name."""
        scene = playing(60)
        scene.grace.machine.stop()
        scene.network.advance(2.0)
        self.assertEqual(scene.ada.protocol.happened, [("interrupted", 2)])
        scene.network.runUntil(lambda: scene.ada.over, 15.0)
        self.assertIsInstance(scene.ada.failure, PeerLost)
        self.assertEqual(
            scene.ada.protocol.happened,
            [("interrupted", 2), ("peerLost", 2), ("ended", None)],
        )

    def test_aShortSilenceIsResumed(self) -> None:
        """A silence shorter than the limit ends with resumed, and play goes on."""
        scene = playing(60, relay_only=True)
        scene.network.partition(["Ada's router"])
        scene.network.advance(3.0)
        scene.network.heal()
        before = scene.confirmed()
        scene.network.advance(8.0)
        self.assertGreater(scene.confirmed(), before + 300)
        self.assertEqual(scene.ada.protocol.happened, [("interrupted", 2), ("resumed", 2)])

    def test_closingLeavesNoTimerAndNoSocket(self) -> None:
        """Quitting at any moment ends clean: no timer is left anywhere."""
        for frames in (0, 1, 60):
            scene = seatedPlayers()
            if frames:
                scene.play()
                scene.playUntilConfirmed(frames, 20.0)
            scene.close()
            self.assertEqual(scene.network.clock.getDelayedCalls(), [])
            self.assertEqual([m._sockets for m in scene.network.machines.values()], [{}] * 4)

    def test_oneMatchAtATime(self) -> None:
        """play() during a match, or after the session ended, is refused by name."""
        scene = playing(10)
        again = scene.ada.session.play(HashGame(), RecordingPlayer(b"x"))
        self.failureResultOf(again, MatchEnded)
        scene.network.runUntil(scene.ada.session.leave(), 5.0)
        late = scene.ada.session.play(HashGame(), RecordingPlayer(b"x"))
        self.failureResultOf(late, MatchEnded)

    def test_plainTcpToAnotherHostIsRefused(self) -> None:
        """K9: a plain stream to a host that is not loopback needs insecure=True."""
        scene = TwoPlayers(1)
        connecting = connect(scene.ada.machine, LOBBY, "Ada")
        self.failureResultOf(connecting, InsecureConnection)
        self.assertEqual(scene.ada.machine._sockets, {})


class RaisingPlayer(RecordingPlayer):
    """Raises in one moment."""

    def __init__(self, moment: str) -> None:
        super().__init__(b"abcdef")
        self.raise_in = moment

    def __getattribute__(self, name: str) -> object:
        if name == object.__getattribute__(self, "__dict__").get("raise_in"):
            return _explode
        return object.__getattribute__(self, name)


def _explode(*arguments: object) -> None:
    raise ZeroDivisionError("the game's own bug")


class RaisingGame(HashGame):
    """Raises, or misbehaves, in one method from frame 50 on."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Raise, perhaps."""
        if self.method == "advance" and self.frames == 50:
            raise ZeroDivisionError("the game's own bug")
        super().advance(inputs)

    def save(self) -> bytes:
        """Return something else than bytes, perhaps."""
        if self.method == "save" and self.frames == 50:
            return "not bytes"  # type: ignore[return-value]
        return super().save()

    def load(self, snapshot: bytes) -> None:
        """Raise, perhaps."""
        if self.method == "load":
            raise ZeroDivisionError("the game's own bug")
        super().load(snapshot)


class GameFaultTests(SynchronousTestCase):
    """
    Bad input: an exception from an overridden method or a simulation is logged once with
    its traceback and the moment's name, ends that match with a named error, and nothing else.
    """

    def _check(self, scene: TwoPlayers, moment: str, cause: type[BaseException]) -> None:
        scene.play()
        scene.playToTheEnd(20.0)
        logged = self.flushLoggedErrors(MomentFailed)
        self.assertEqual(len(logged), 1, moment)
        failure = scene.ada.failure
        assert isinstance(failure, MomentFailed)
        self.assertEqual(failure.moment, moment)
        self.assertIsInstance(failure.__cause__, cause)
        assert scene.grace.result is not None
        self.assertEqual(scene.grace.result.outcome, Outcome.OTHER_FAILED)
        self.assertTrue(scene.ada.player.connected and scene.grace.player.connected)
        scene.network.advance(1.0)
        self.assertEqual(scene.ada.session.view.state, "open")

    def test_momentsThatRaise(self) -> None:
        """Each moment that happens in any match."""
        for moment in (
            "matchStarted",
            "localInput",
            "frameReady",
            "frameConfirmed",
            "pathChanged",
        ):
            scene = seatedPlayers()
            scene.ada.protocol = RaisingPlayer(moment)
            self._check(scene, moment, ZeroDivisionError)

    def test_simulationsThatRaise(self) -> None:
        """advance and load that raise, and a save that returns something else than bytes."""
        for method, cause in (
            ("advance", ZeroDivisionError),
            ("load", ZeroDivisionError),
            ("save", TypeError),
        ):
            scene = seatedPlayers()
            scene.ada.game = RaisingGame(method)
            self._check(scene, method, cause)

    def test_anEndThatRaises(self) -> None:
        """matchEnded that raises is logged, and the result still comes."""
        scene = seatedPlayers()
        scene.ada.protocol = RaisingPlayer("matchEnded")
        scene.play(MatchSettings(frames=30))
        scene.playToTheEnd(20.0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        assert scene.ada.result is not None
        self.assertEqual(scene.ada.result.outcome, Outcome.FINISHED)

    def test_inputsThatAreNone(self) -> None:
        """localInput that returns something else than bytes, or too many of them."""
        for bad, cause in ((None, TypeError), ("text", TypeError), (b"x" * 1000, ValueError)):
            scene = seatedPlayers()
            scene.ada.protocol.localInput = lambda player, frame, bad=bad: bad  # type: ignore
            self._check(scene, "localInput", cause)
