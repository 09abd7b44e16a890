"""
Different builds refuse each other with a reason: on both sides, at once, and
whatever of what they say is lost.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.match import ConfigurationDiffers, MatchSettings
from gamenet.match.barrier import TERMS_PATIENCE
from gamenet.match.configuration import Difference
from gamenet.match.match import MatchState
from gamenet.mesh.link import PeerLink
from gamenet.wire.peer_packets import Goodbye, GoodbyeReason, PeerPacket, Ready, Terms
from gamenet.world.link import LinkProfile
from tests.scenes import TwoPlayers, playing, seatedPlayers

OURS = MatchSettings(rules="Tag 1.0")
THEIRS = MatchSettings(rules="Tag 1.1", frame_rate=30, frames=600)


def playDifferently(scene: TwoPlayers) -> None:
    """Let both play, each by its own rules."""
    scene.ada.play(OURS)
    scene.grace.play(THEIRS)


class RefusalTests(SynchronousTestCase):
    """Whole matches that are not begun."""

    def refusals(self, scene: TwoPlayers) -> list[ConfigurationDiffers]:
        """Return what both players got."""
        found = []
        for seat in scene.seats:
            assert isinstance(seat.failure, ConfigurationDiffers), repr(seat.failure)
            self.assertEqual(seat.protocol.confirmed, [])
            self.assertEqual(seat.protocol.happened[-1], ("ended", None))
            found.append(seat.failure)
        return found

    def test_bothAreTold(self) -> None:
        """Both get the same differences, mirrored, within a second of being reached."""
        scene = seatedPlayers()
        scene.network.advance(1.0)
        before = scene.network.clock.seconds()
        playDifferently(scene)
        scene.playToTheEnd(5.0)
        self.assertLess(scene.network.clock.seconds() - before, 1.0)
        ada, grace = self.refusals(scene)
        self.assertIsInstance(ada, RemoteProtocolError)
        self.assertEqual((ada.player, grace.player), (2, 1))
        self.assertEqual(
            ada.differences,
            (
                Difference("frame rate", 60, 30),
                Difference("frames", None, 600),
                Difference("rules", "Tag 1.0", "Tag 1.1"),
            ),
        )
        mirrored = tuple(attrs.evolve(d, ours=d.theirs, theirs=d.ours) for d in ada.differences)
        self.assertEqual(grace.differences, mirrored)
        self.assertIn("rules here 'Tag 1.1', there 'Tag 1.0'", str(grace))
        scene.network.advance(1.0)
        self.assertEqual(scene.ada.session.view.state, "open")

    def test_overABadPath(self) -> None:
        """With 44 % of the datagrams lost each way both get the named error, and most why."""
        explained = 0
        for seed in range(20):
            scene = seatedPlayers(seed, relay_only=True)
            for home in ("Ada's router", "Grace's router"):
                scene.network.setProfile(home, LinkProfile(latency=0.03, jitter=0.03, loss=0.25))
            playDifferently(scene)
            scene.playToTheEnd(15.0)
            explained += sum(bool(each.differences) for each in self.refusals(scene))
        self.assertGreater(explained, 32)

    def test_whereOneBuildIsSilentAboutIt(self) -> None:
        """Where no terms come both refuse by name all the same, after a second."""
        self.letThrough(lambda packet: not isinstance(packet, Terms))
        scene = seatedPlayers()
        before = scene.network.clock.seconds()
        playDifferently(scene)
        scene.playToTheEnd(8.0)
        self.assertLess(scene.network.clock.seconds() - before, TERMS_PATIENCE + 1.5)
        for error in self.refusals(scene):
            self.assertEqual(error.differences, ())
            self.assertIn("compare the versions", str(error))

    def test_whereOnlyGoodbyesArrive(self) -> None:
        """Of all that Ada says only the goodbye arrives: its reason is enough for the name."""
        scene = seatedPlayers()

        def passes(packet: PeerPacket) -> bool:
            return not scene.ada.over and not isinstance(packet, Ready | Terms)

        self.letThrough(passes)
        playDifferently(scene)
        scene.network.advance(1.0)
        match = scene.ada.session.match
        assert match is not None
        match._guard(match._peers[2].barrier.giveUp)
        self.assertEqual(match.state, MatchState.REACHING)
        match._peers[2].barrier.refused()
        match._guard(match._peers[2].barrier.giveUp)
        scene.network.advance(0.2)
        self.assertTrue(scene.ada.over)
        grace = scene.grace.session.match
        assert grace is not None
        self.assertTrue(grace._peers[1].barrier.differs)
        scene.playToTheEnd(12.0)
        self.refusals(scene)

    def letThrough(self, passes: Callable[[PeerPacket], bool]) -> None:
        """Let only some packets leave; the others are lost on their way."""
        send = PeerLink.send

        def filtered(link: PeerLink, packet: PeerPacket) -> bool:
            return send(link, packet) if passes(packet) else True

        self.patch(PeerLink, "send", filtered)

    def test_inMidMatch(self) -> None:
        """Bad input: terms, other digests and refusals mean nothing once play has begun."""
        scene = playing(60)
        match = scene.ada.session.match
        assert match is not None
        for packet in (Terms((("rules", "x"),)), Ready(bytes(16), False), Ready(bytes(16), True)):
            match._packetReceived(2, packet)
        before = scene.confirmed()
        scene.network.advance(2.0)
        self.assertGreater(scene.confirmed(), before + 100)
        match._packetReceived(2, Goodbye(GoodbyeReason.REFUSED, 5))
        self.assertTrue(scene.ada.over)
        self.assertIsNone(scene.ada.failure)
