"""
What the links of a player cost while nobody plays, and while everybody does.
"""

from __future__ import annotations

from gamenet.machine.alarm import Alarm
from gamenet.mesh.path import PathKind
from tests.mesh_world import MeshWorld
from tests.test_mesh_mesh import MeshTestCase

_SECONDS = 20.0


class CostTests(MeshTestCase):
    """Speed, core_share_percent: packets and timers of a link, per second."""

    def measured(self, seed: int, count: int, play: bool, **options: object) -> MeshWorld:
        """Have players meet; count the timers that ring in twenty seconds after that."""
        world = self.start(MeshWorld(seed, count, **options))  # type: ignore[arg-type]
        world.play(6.0)
        self.before = {
            (player.number, other): link.report().statistics
            for player in world.players.values()
            for other, link in player.mesh.links.items()
        }
        self.rings = 0
        ringing = Alarm._ringing

        def rings(alarm: Alarm) -> None:
            self.rings += 1
            ringing(alarm)

        self.patch(Alarm, "_ringing", rings)
        (world.play if play else world.network.advance)(_SECONDS)
        return world

    def rate(self, world: MeshWorld, player: int, other: int, name: str) -> float:
        """Return how fast a number of a link's statistics grew."""
        now = world.players[player].mesh.links[other].report().statistics
        return (getattr(now, name) - getattr(self.before[player, other], name)) / _SECONDS

    def test_rest(self) -> None:
        """
        At rest a link with a direct path and one through the relay sends six packets a
        second, 300 bytes, all of them checks and their answers; three timers ring for it.
        """
        world = self.measured(1, 2, play=False)
        self.assertEqual(world.players[1].kinds(), {2: PathKind.DIRECT})
        for player, other in ((1, 2), (2, 1)):
            self.assertLessEqual(self.rate(world, player, other, "checks_sent"), 6.2)
            self.assertLessEqual(self.rate(world, player, other, "bytes_sent"), 310.0)
            for name in ("packets_direct", "packets_relayed", "channel_sent"):
                self.assertEqual(self.rate(world, player, other, name), 0.0)
        self.assertLessEqual(self.rings / _SECONDS / 2, 3.5)

    def test_restRelayed(self) -> None:
        """Where the relay is the only path it is checked twice a second."""
        world = self.measured(2, 2, play=False, relay_only=True)
        self.assertLessEqual(self.rate(world, 1, 2, "checks_sent"), 4.2)
        self.assertLessEqual(self.rings / _SECONDS / 2, 2.5)

    def test_sixtyHertz(self) -> None:
        """
        While everybody plays a link sends what the game sends, once, and its checks beside;
        no timer rings for a packet.
        """
        world = self.measured(3, 3, play=True)
        for player, other in self.before:
            carried = self.rate(world, player, other, "packets_direct")
            carried += self.rate(world, player, other, "packets_relayed")
            self.assertLess(carried, 61.5)
            self.assertLessEqual(self.rate(world, player, other, "checks_sent"), 6.2)
        self.assertLessEqual(self.rings / _SECONDS / 3, 2 * 4.0)

    def test_messages(self) -> None:
        """
        Sixty reliable messages a second cost a packet each and an acknowledgement for
        each at most.
        """
        world = self.measured(4, 2, play=False)
        before = self.before[1, 2].channel_sent, self.before[2, 1].channel_sent
        for _ in range(600):
            world.players[1].mesh.sendMessage(2, 0, b"something")
            world.network.advance(1 / 60)
        for player, other, sent in ((1, 2, before[0]), (2, 1, before[1])):
            statistics = world.players[player].mesh.links[other].report().statistics
            self.assertLessEqual(statistics.channel_sent - sent, 620)
