"""
A match outlives its credentials, and the secret that they were made from.
"""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.relay_offer import RelayOffer
from gamenet.match import MatchSettings
from gamenet.relay.settings import RelaySettings
from gamenet.turn_client.client import RelayedSocket, TurnClient
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername
from tests.relay_scene import outcomeOf
from tests.scenes import RELAY_HOST, RELAY_PORT, SECRET, Seat, TwoPlayers

_NEW_SECRET = b"what replaces it in mid-match"
_HOURS = 3
_FRAME_RATE = 5
#: Seconds that credentials are good for new allocations.
_LIFETIME = 60


class LongMatchTests(SynchronousTestCase):
    """Done when: a 3-hour world match on 60-second credentials."""

    strangers = 0

    def test_outlivesCredentialsAndSecret(self) -> None:
        """
        With a secret rotation in the middle it is not disturbed in either half, though its
        credentials expired before the first refresh; newcomers use the new secret, and the
        old one is good for none of them.
        """
        scene = TwoPlayers(7, relay_only=True)
        self.offer(scene, SECRET)
        scene.meet()
        scene.play(MatchSettings(frame_rate=_FRAME_RATE))
        scene.playUntilConfirmed(10, 60.0)
        half = _HOURS * 1800
        counters = scene.servers.relay.counters
        # From here on the credentials that both came with have expired.
        scene.network.advance(2 * _LIFETIME)
        self.assertEqual(self.allocates(scene, SECRET, -_LIFETIME), 401)
        before, refreshed = scene.confirmed(), counters.requests.get("refresh", 0)
        scene.network.advance(half)
        frames = scene.confirmed()
        self.assertGreater(frames - before, 0.99 * half * _FRAME_RATE)
        self.assertGreaterEqual(counters.requests["refresh"] - refreshed, 2 * 9)
        refreshed = counters.requests["refresh"]
        self.assertEqual(self.allocates(scene, SECRET, _LIFETIME), 0)
        scene.servers.relay.reload(RelaySettings((_NEW_SECRET,)))
        self.offer(scene, _NEW_SECRET)
        self.assertEqual(self.allocates(scene, SECRET, _LIFETIME), 401)
        scene.network.advance(half)
        self.assertEqual(self.allocates(scene, SECRET, _LIFETIME), 401)
        self.assertGreaterEqual(counters.requests["refresh"] - refreshed, 2 * 9)
        self.assertGreater(counters.refused[438], 0)
        self.assertGreater(scene.confirmed() - frames, 0.99 * half * _FRAME_RATE)
        self.assertTrue(scene.agreed())
        for seat in scene.seats:
            self.assertEqual(seat.protocol.happened, [])
            self.assertEqual(seat.protocol.paths, ["relay"])
            self.assertFalse(seat.over)
        self.assertEqual(counters.allocations_active, 2)
        self.assertEqual(counters.allocations_total, 3)
        self.assertGreater(counters.packets_to_clients, 2 * half * _FRAME_RATE)
        self.newcomersPlay(scene)
        scene.close()

    def offer(self, scene: TwoPlayers, secret: bytes) -> None:
        """Let the lobby make credentials of one minute from a secret."""
        servers = scene.servers
        offer = RelayOffer((RELAY_HOST, RELAY_PORT), secret, lifetime=_LIFETIME)
        servers.lobby_settings = attrs.evolve(servers.lobby_settings, relay=offer)
        servers.factory.settings = servers.lobby_settings

    def allocates(self, scene: TwoPlayers, secret: bytes, lifetime: int) -> int:
        """
        Let a stranger ask for an allocation, and give it back.

        @param secret: What the credential is made from.
        @param lifetime: Seconds until it expires.
        @return: The code that refused the signed request, 0 for success.
        """
        self.strangers += 1
        host = f"198.51.111.{self.strangers}"
        machine = scene.network.machine(f"stranger {self.strangers}", host)
        username = ephemeralUsername(int(machine.wallClock()) + lifetime, "mallory")
        client = TurnClient(
            machine,
            lambda receiver: machine.openDatagramSocket(receiver, host),
            (RELAY_HOST, RELAY_PORT),
            username,
            ephemeralPassword(secret, username),
        )
        refused = scene.servers.relay.counters.refused
        before = dict(refused)
        outcome = outcomeOf(client.allocate(lambda data, peer: None))
        scene.network.advance(1.0)
        if isinstance(outcome[0], RelayedSocket):
            outcome[0].close()
            scene.network.advance(1.0)
            return 0
        # The first request of all, without a signature, is refused to everybody.
        (code,) = [code for code, count in refused.items() if count > before.get(code, 0)]
        self.assertEqual(refused[code] - before.get(code, 0), 2)
        return code

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
