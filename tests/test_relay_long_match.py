"""
A match outlives its credentials, and the secret that they were made from.
"""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.relay_offer import RelayOffer
from gamenet.match import MatchSettings
from tests.scenes import RELAY_HOST, RELAY_PORT, SECRET, Seat, TwoPlayers

_NEW_SECRET = b"what replaces it in mid-match"
_HOURS = 3
_FRAME_RATE = 5


class LongMatchTests(SynchronousTestCase):
    """Done when: a 3-hour world match on 60-second credentials."""

    def test_outlivesCredentialsAndSecret(self) -> None:
        """With a secret rotation in the middle it is not disturbed, and newcomers use the new."""
        scene = TwoPlayers(7, relay_only=True)
        self.offer(scene, SECRET)
        scene.meet()
        scene.play(MatchSettings(frame_rate=_FRAME_RATE))
        scene.playUntilConfirmed(10, 60.0)
        half = _HOURS * 1800
        scene.network.advance(half)
        frames = scene.confirmed()
        scene.servers.relay.reload((_NEW_SECRET,), (), (), ())
        self.offer(scene, _NEW_SECRET)
        scene.network.advance(half)
        self.assertGreater(scene.confirmed() - frames, 0.99 * half * _FRAME_RATE)
        self.assertTrue(scene.agreed())
        for seat in scene.seats:
            self.assertEqual(seat.protocol.happened, [])
            self.assertEqual(seat.protocol.paths, ["relay"])
            self.assertFalse(seat.over)
        counters = scene.servers.relay.counters
        self.assertEqual(counters.allocations_active, 2)
        self.assertEqual(counters.allocations_total, 2)
        self.assertGreater(counters.packets_to_clients, half * _FRAME_RATE)
        self.newcomersPlay(scene)
        scene.close()

    def offer(self, scene: TwoPlayers, secret: bytes) -> None:
        """Let the lobby make credentials of one minute from a secret."""
        servers = scene.servers
        offer = RelayOffer((RELAY_HOST, RELAY_PORT), secret, lifetime=60)
        servers.lobby_settings = attrs.evolve(servers.lobby_settings, relay=offer)
        servers.factory.settings = servers.lobby_settings

    def newcomersPlay(self, scene: TwoPlayers) -> None:
        """Two more players get in with the new secret."""
        network = scene.network
        seats = [
            Seat(network, network.machine(name, f"198.51.110.{place + 1}"), name, relay_only=True)
            for place, name in enumerate(("Edsger", "Barbara"))
        ]
        for seat in seats:
            seat.connect()
        seats[0].create("another game")
        seats[1].join(seats[0].session.session_id)
        for seat in seats:
            seat.play(MatchSettings(frame_rate=_FRAME_RATE))
        network.runUntil(
            lambda: min(len(seat.protocol.confirmed) for seat in seats) >= 10, 60.0
        )
        self.assertEqual(scene.servers.relay.counters.allocations_active, 4)
        for seat in seats:
            seat.player.close()
