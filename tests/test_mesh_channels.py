"""
A channel that fails is told of, and both sides begin a fresh one, in step.
"""

from __future__ import annotations

import contextlib
from itertools import pairwise

from gamenet.channel.errors import ChannelFailed
from gamenet.channel.settings import ChannelSettings
from gamenet.errors import LocalProtocolError
from gamenet.mesh.link import PeerLink
from gamenet.mesh.link_settings import LinkSettings
from gamenet.wire.transfer_packets import TransferPurpose
from gamenet.world.link import LinkProfile
from tests.mesh_world import MeshWorld
from tests.test_mesh_mesh import MeshTestCase

_SHORT = LinkSettings(channel=ChannelSettings(give_up_after=5.0))


class FailedChannelTests(MeshTestCase):
    """Somebody answers checks and acknowledges nothing."""

    def deafen(self, link: PeerLink) -> None:
        """Have a link take nothing of the other's channel, under its present keys."""
        channel, take = link.channel, link._bodyReceived

        def taken(body: bytes, now: float) -> None:
            if link.channel is not channel:
                take(body, now)

        self.patch(link, "_bodyReceived", taken)

    def test_freshChannel(self) -> None:
        """
        K9: the failure is told once, sending says so by name meanwhile, and as soon as the
        player is heard there is a fresh channel on both sides, whose streams begin in step.
        """
        for seed, loss in ((1, 0.0), (2, 0.1)):
            profile = LinkProfile(latency=0.010, loss=loss)
            world = self.start(MeshWorld(seed, 3, profile=profile, settings=_SHORT))
            one, two = world.players[1], world.players[2]
            one.mesh.sendMessage(2, 0, b"before")
            two.mesh.sendMessage(1, 0, b"before")
            world.play(1.0)
            self.deafen(two.mesh.links[1])
            one.mesh.sendMessage(2, 0, b"lost")
            world.play(4.5)
            self.assertEqual(one.channels, [])
            link = one.mesh.links[2]
            while not one.channels:
                world.play(1 / 60)
            self.assertEqual(one.channels, [("failed", 2)])
            if ("restarted", 2) not in one.channels:
                self.assertRaises(ChannelFailed, one.mesh.sendMessage, 2, 0, b"lost too")
            world.play(2.0)
            self.assertEqual(one.channels, [("failed", 2), ("restarted", 2)])
            self.assertEqual(two.channels, [("restarted", 1)])
            self.assertIs(one.mesh.links[2], link)
            self.assertEqual((one.returned, two.returned), ([], []))
            for number in range(5):
                one.mesh.sendMessage(2, 0, b"after %d" % number)
                two.mesh.sendMessage(1, 0, b"after %d" % number)
            world.play(2.0)
            after = [(0, b"after %d" % number) for number in range(5)]
            for player, other in ((one, 2), (two, 1)):
                came = [(stream, what) for who, stream, what in player.messages if who == other]
                self.assertEqual(came, [(0, b"before"), *after])
            self.assertEqual(world.players[3].channels, [])
            self.closeClean()

    def test_both(self) -> None:
        """Both find at the same time that nothing is acknowledged: one fresh channel it is."""
        world = self.start(MeshWorld(3, 2, settings=_SHORT))
        one, two = world.players[1], world.players[2]
        for player, other in ((one, 2), (two, 1)):
            self.deafen(player.mesh.links[other])
            player.mesh.sendMessage(other, 0, b"lost")
        world.play(9.0)
        for player, other in ((one, 2), (two, 1)):
            self.assertIn(("restarted", other), player.channels)
            player.mesh.sendMessage(other, 0, b"after")
        world.play(2.0)
        self.assertEqual(one.messages, [(2, 0, b"after")])
        self.assertEqual(two.messages, [(1, 0, b"after")])

    def test_gameGoesOn(self) -> None:
        """Packets of the game flow all the while: no more than a moment is missing."""
        world = self.start(MeshWorld(4, 2, settings=_SHORT))
        one, two = world.players[1], world.players[2]
        self.deafen(two.mesh.links[1])
        one.mesh.sendMessage(2, 0, b"lost")
        world.play(10.0)
        self.assertIn(("restarted", 1), two.channels)
        for player in (one, two):
            times = [time for time, _ in player.received]
            gaps = [later - sooner for sooner, later in pairwise(times)]
            self.assertLess(max(gaps), 0.25)

    def test_transfer(self) -> None:
        """A transfer that was under way does not go on, and another can begin."""
        world = self.start(MeshWorld(5, 2, settings=_SHORT))
        one, two = world.players[1], world.players[2]
        self.deafen(two.mesh.links[1])
        one.mesh.transfer.send(2, TransferPurpose.SNAPSHOT, 1, bytes(50_000), 0.0)
        one.mesh.transfer.packetsDue(0.0)
        world.play(9.0)
        self.assertIn(("restarted", 2), one.channels)
        self.assertIsNone(one.mesh.transfer.progress(2))
        one.mesh.transfer.send(2, TransferPurpose.SNAPSHOT, 2, bytes(60_000), 0.0)
        one.mesh.transfer.packetsDue(0.0)
        world.play(3.0)
        self.assertEqual([(each.frame, len(each.content)) for each in two.contents], [(2, 60_000)])

    def test_neverAcknowledges(self) -> None:
        """
        Bad input: a player that acknowledges nothing ever costs a handshake each time the
        limit is over, and no more.
        """
        world = self.start(MeshWorld(6, 2, settings=_SHORT))
        one, two = world.players[1], world.players[2]
        self.patch(two.mesh.links[1], "_bodyReceived", lambda body, now: None)
        for _ in range(30):
            with contextlib.suppress(LocalProtocolError):
                one.mesh.sendMessage(2, 0, b"again")
            world.play(1.0)
        failures = one.channels.count(("failed", 2))
        self.assertGreaterEqual(failures, 3)
        self.assertLessEqual(failures, 6)
        self.assertLessEqual(one.channels.count(("restarted", 2)), failures + 1)

    def test_gone(self) -> None:
        """A player that is not there at all is no failure: its channel goes on when it is back."""
        world = self.start(MeshWorld(7, 2, settings=_SHORT))
        one, two = world.players[1], world.players[2]
        one.mesh.sendMessage(2, 0, b"before")
        world.play(0.5)
        two.machine.suspend(20.0)
        one.mesh.sendMessage(2, 0, b"meanwhile")
        world.play(25.0)
        self.assertEqual(one.channels, [])
        self.assertEqual([what for _, _, what in two.messages], [b"before", b"meanwhile"])
