"""
K7: STUN and TURN servers are configurable, with credentials.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.match import connect
from gamenet.match.session_settings import SessionSettings
from gamenet.mesh.own_relay import relayAmong
from gamenet.turn_client.ice_servers import IceServer
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername
from gamenet.world.machine import WALL_CLOCK_START
from tests.scenes import LOBBY, RELAY_HOST, RELAY_PORT, SECRET
from tests.shared_party import SharedParty


class RelayAmongTests(SynchronousTestCase):
    """The first relay that a match can use."""

    def test_first(self) -> None:
        """Mirrors are passed over."""
        servers = [
            IceServer.parse("stun:192.0.2.7"),
            IceServer.parse("turn:192.0.2.8:3479?transport=udp", "ada", "secret"),
            IceServer.parse("turn:192.0.2.9", "ada", "secret"),
        ]
        self.assertEqual(relayAmong(servers), (("192.0.2.8", 3479), "ada", "secret"))
        self.assertIsNone(relayAmong(servers[:1]))
        self.assertIsNone(relayAmong(()))
        six = IceServer.parse("turn:[2001:db8::1]", "ada", "secret")
        self.assertEqual(relayAmong([six]), (("2001:db8::1", 3478), "ada", "secret"))

    def test_unusable(self) -> None:
        """What no match can use is refused by name, when it is given."""
        for url, why in (
            ("turn:192.0.2.8?transport=tcp", "UDP"),
            ("turns:192.0.2.8", "UDP"),
            ("turn:relay.example.org", "numeric"),
        ):
            with self.assertRaises(BadSetting) as caught:
                relayAmong([IceServer.parse(url, "ada", "secret")])
            self.assertIn(why, str(caught.exception))
            self.assertNotIn("secret", str(caught.exception))
        with self.assertRaises(BadSetting):
            relayAmong(["turn:192.0.2.8"])  # type: ignore[list-item]


class ConnectTests(SynchronousTestCase):
    """connect(ice_servers=...)"""

    def test_used(self) -> None:
        """The given relay is used instead of the lobby's, and none where none is given."""
        party = SharedParty(1)
        username = ephemeralUsername(int(WALL_CLOCK_START) + 3600, "by ourselves")
        url = f"turn:{RELAY_HOST}:{RELAY_PORT}"
        own = IceServer.parse(url, username, ephemeralPassword(SECRET, username))
        chosen = (
            ([own], ((RELAY_HOST, RELAY_PORT), username, own.credential)),
            ([IceServer.parse("stun:192.0.2.7")], None),
        )
        for place, (servers, access) in enumerate(chosen):
            machine = party.network.machine(f"own {place}", f"198.51.99.{place + 1}")
            connecting = connect(machine, LOBBY, "Ada", insecure=True, ice_servers=servers)
            player = party.network.runUntil(connecting, 10.0)
            party.network.runUntil(player.joinSession(party.session_id), 10.0)
            party.network.advance(1.0)
            self.assertEqual(player.sockets.relay_access, access)
            self.assertEqual(player.sockets.relayed is not None, access is not None)
            player.close()
        party.close()

    def test_refused(self) -> None:
        """What cannot be used is refused before anything is opened."""
        party = SharedParty(0)
        machine = party.network.machine("m", "198.51.99.1")
        servers = [IceServer.parse("turns:192.0.2.8", "ada", "secret")]
        self.failureResultOf(connect(machine, LOBBY, "Ada", ice_servers=servers), BadSetting)
        party.close()


class SessionSettingsTests(SynchronousTestCase):
    """K9: 5 s, 10 s and 10 s; each is a setting with bounds."""

    def test_defaults(self) -> None:
        """As the table says."""
        given = SessionSettings()
        self.assertEqual(
            (given.identity_timeout, given.peer_timeout, given.sync_timeout), (5.0, 10.0, 10.0)
        )

    def test_bad(self) -> None:
        """What cannot work is refused by name."""
        for name in ("identity_timeout", "peer_timeout", "sync_timeout"):
            for value in (0, -1.0, float("nan"), "5"):
                with self.assertRaises(BadSetting):
                    SessionSettings(**{name: value})
        for name in ("log", "links"):
            with self.assertRaises(BadSetting):
                SessionSettings(**{name: None})
