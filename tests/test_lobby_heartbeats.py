"""
Heartbeats end to end, in a world that loses, cuts, stands still and steps its clocks.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.client import LobbyClient
from gamenet.lobby.datagrams import LobbyDatagrams
from gamenet.lobby.protocol import LobbyFactory
from gamenet.lobby.relay_offer import RelayOffer
from gamenet.lobby.settings import LobbySettings
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.wire.heartbeats import encodeHeartbeatAnswer
from gamenet.wire.lobby_messages import Candidate
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import PortChoice
from tests.lobby_world import LobbyWorld, Player, RecordingListener


class KeepAliveTests(SynchronousTestCase):
    """N1, N8: kept alive by datagrams, by the stream, by both in turn."""

    def test_byDatagrams(self) -> None:
        """One heartbeat every 3 s over UDP, answered; none over the stream."""
        world = LobbyWorld()
        player = world.player()
        world.network.advance(60)
        self.assertEqual(world.factory.counters.heartbeats, 21)
        self.assertEqual(world.factory.counters.requests, 1)
        self.assertEqual(player.client.heartbeats_over, "datagrams")
        self.assertTrue(player.client.connected)

    def test_byTheStream(self) -> None:
        """UDP is cut: stream heartbeats keep the client alive, and it says so."""
        world = LobbyWorld()
        player = world.player()
        world.network.advance(10)
        player.mute()
        over = []
        for _ in range(60):
            world.network.advance(1)
            over.append(player.client.heartbeats_over)
        self.assertEqual((over[5], over[-1]), ("datagrams", "stream"))
        self.assertEqual(over, sorted(over))
        self.assertTrue(player.client.connected)
        self.assertEqual(world.factory.directory.greeted, (player.client.client_id,))
        self.assertEqual(player.listener.named("lobbyLost"), [])

    def test_backToDatagrams(self) -> None:
        """When UDP works again the stream heartbeats stop."""
        world = LobbyWorld()
        player = world.player()
        player.mute()
        world.network.advance(40)
        self.assertEqual(player.client.heartbeats_over, "stream")
        player.unmute()
        world.network.advance(4)
        self.assertEqual(player.client.heartbeats_over, "datagrams")
        requests = world.factory.counters.requests
        world.network.advance(30)
        self.assertEqual(world.factory.counters.requests, requests)

    def test_neverAnyDatagrams(self) -> None:
        """A client whose UDP never works is served over the stream alone."""
        world = LobbyWorld()
        player = world.player(mute=True)
        seen = player.client.whenServerReflexiveKnown()
        world.network.advance(60)
        self.assertTrue(player.client.connected)
        self.assertEqual(player.client.heartbeats_over, "stream")
        self.assertIsNone(self.successResultOf(seen))
        self.assertIsNone(player.client.server_reflexive)
        host, guest = player, world.player()
        view = world.wait(host.client.createSession("a game"))
        world.wait(guest.client.joinSession(view.session_id))
        world.wait(host.client.startMatch())

    def test_losses(self) -> None:
        """With every fifth datagram lost nobody is lost, over many minutes and many players."""
        world = LobbyWorld()
        players = [
            world.player(f"player {number}", profile=LinkProfile(latency=0.04, loss=0.2))
            for number in range(8)
        ]
        world.network.advance(600)
        self.assertTrue(all(player.client.connected for player in players))
        self.assertEqual(len(world.factory.directory.greeted), 8)
        self.assertTrue(all(player.client.server_reflexive for player in players))

    def test_settings(self) -> None:
        """Interval and time limit are the lobby's, and clients follow them."""
        world = LobbyWorld(LobbySettings(heartbeat_interval=1, heartbeat_timeout=4))
        player = world.player()
        world.network.advance(10.5)
        self.assertEqual(world.factory.counters.heartbeats, 11)
        player.machine.stop()
        world.network.advance(4)
        self.assertEqual(world.factory.directory.greeted, ())


    def test_dueTimes(self) -> None:
        """
        Heartbeats run from due times: a late one does not delay those that follow, and
        those that were missed altogether are not made up for.
        """
        world = LobbyWorld()
        player = world.player()
        received: list[float] = []
        receive = world.datagrams.heartbeatReceived

        def noted(data: bytes, address: Any) -> None:
            received.append(round(world.network.clock.now, 6))
            receive(data, address)

        world.datagrams._heartbeats._receiver = noted
        world.network.advance(5)
        player.machine.suspend(2)
        world.network.advance(7.5)
        player.machine.suspend(5)
        world.network.advance(12)
        player.machine.suspend(8)
        world.network.advance(12)
        expected = [0.0, 3.0, 7.0, 9.0, 12.0, 17.5, 18.0, 21.0, 24.0, 32.5, 35.5]
        self.assertEqual(received, expected)

    def test_whenTheStreamIsUsed(self) -> None:
        """The stream is used from the second heartbeat on that has no answer before it."""
        world = LobbyWorld()
        player = world.player(mute=True)
        states = []
        for _ in range(5):
            world.network.advance(0.5)
            requests = world.factory.counters.requests - 1
            states.append((requests, player.client.heartbeats_over))
            world.network.advance(2.5)
        self.assertEqual(
            states,
            [
                (0, "datagrams"),
                (1, "datagrams"),
                (2, "datagrams"),
                (3, "stream"),
                (4, "stream"),
            ],
        )

    def test_twoLobbies(self) -> None:
        """One game socket can serve connections with two lobbies."""
        world = LobbyWorld()
        player = world.player()
        other = world.network.machine("other lobby", "203.0.113.8")
        factory = LobbyFactory(other)
        LobbyDatagrams(factory, Demultiplexer(other, "", 7770))
        world.wait(other.streamServerEndpoint("tcp:7770").listen(factory))
        second = world.wait(
            LobbyClient.connect(
                player.machine,
                "tcp:203.0.113.8:7770",
                "Ada",
                (bytes(32), bytes(32)),
                player.demultiplexer,
                RecordingListener(),
                insecure=True,
            )
        )
        world.network.advance(30)
        for client in (player.client, second):
            self.assertEqual((client.connected, client.heartbeats_over), (True, "datagrams"))
            self.assertIsNotNone(client.server_reflexive)


class SilenceTests(SynchronousTestCase):
    """Who is lost, and when."""

    def test_lostPlayer(self) -> None:
        """A player's machine dies: after 10 s the session and everybody's list are right again."""
        world = LobbyWorld()
        host, guest = world.pair()
        watcher = world.player("Cyd")
        world.network.advance(1)
        host.machine.stop()
        world.network.advance(6)
        self.assertIsNotNone(guest.client.session)
        world.network.advance(5)
        self.assertIsNone(guest.client.session)
        reason = "the host was silent for 10 s"
        self.assertEqual(guest.listener.named("sessionClosed"), [(reason,)])
        self.assertEqual(watcher.client.sessions, ())

    def test_lostGuestInAMatch(self) -> None:
        """During a match the session loses a silent member, and goes on."""
        world = LobbyWorld()
        host, guest, _ = world.match()
        guest.machine.stop()
        world.network.advance(12)
        assert host.client.session is not None
        self.assertEqual(host.client.session.state, "playing")
        self.assertEqual(len(host.client.session.members), 1)

    def test_lostLobby(self) -> None:
        """The lobby's machine dies: after 10 s without a word the player is told, once."""
        world = LobbyWorld()
        player = world.player()
        world.network.advance(5)
        world.machine.stop()
        world.network.advance(7.999)
        self.assertTrue(player.client.connected)
        world.network.advance(0.002)
        self.assertFalse(player.client.connected)
        ((reason,),) = player.listener.named("lobbyLost")
        self.assertEqual(reason, "nothing has come from the lobby for 10.0 s")
        world.network.advance(60)
        self.assertEqual(len(player.listener.named("lobbyLost")), 1)
        self.assertEqual(player.machine.clock.getDelayedCalls(), [])

    def test_shortPartition(self) -> None:
        """A partition of 6 s costs nobody the connection."""
        world = LobbyWorld()
        host, guest = world.pair()
        world.network.partition(["lobby"])
        world.network.advance(6)
        world.network.heal()
        world.network.advance(30)
        self.assertTrue(host.client.connected and guest.client.connected)
        self.assertEqual(len(world.factory.directory.greeted), 2)

    def test_hiccups(self) -> None:
        """A player or a lobby that stands still for 6 s loses nobody."""
        world = LobbyWorld()
        host, guest = world.pair()
        for machine in (world.machine, host.machine, guest.machine):
            machine.suspend(6)
            world.network.advance(20)
        self.assertTrue(host.client.connected and guest.client.connected)

    def test_stoppedClient(self) -> None:
        """A player that stood still for a minute reads why it was lost before it concludes."""
        world = LobbyWorld()
        player = world.player()
        world.network.advance(1)
        player.machine.suspend(60)
        world.network.advance(70)
        self.assertFalse(player.client.connected)
        reason = "you have been silent for 10 s"
        self.assertEqual(player.listener.named("lobbyLost"), [(reason,)])

    def test_anythingIsASignOfLife(self) -> None:
        """The lobby's silence is counted from the last that came of it, whatever it was."""
        world = LobbyWorld()
        player = world.player()
        world.network.advance(0.5)
        world.wait(player.client.listSessions())
        world.machine.stop()
        world.network.advance(9.9)
        self.assertTrue(player.client.connected)
        world.network.advance(0.2)
        self.assertFalse(player.client.connected)

    def test_lobbyThatStoodStill(self) -> None:
        """A lobby that stood still for 9 s finds its clients' heartbeats, and loses none."""
        world = LobbyWorld()
        players = [world.player(f"player {number}") for number in range(4)]
        world.network.advance(3.1)
        world.machine.suspend(9)
        world.network.advance(30)
        self.assertEqual(len(world.factory.directory.greeted), 4)
        self.assertTrue(all(player.client.connected for player in players))


class WallClockTests(SynchronousTestCase):
    """Both services and the player run on monotonic time."""

    def test_steps(self) -> None:
        """The wall clock steps by an hour, either way, on either side: nobody is lost."""
        relay = RelayOffer(("203.0.113.2", 3478), b"a shared secret", lifetime=600)
        world = LobbyWorld(LobbySettings(relay=relay))
        host, guest = world.pair()
        for seconds in (3600.0, -7200.0):
            for machine in (world.machine, host.machine, guest.machine):
                machine.stepWallClock(seconds)
                world.network.advance(15)
        self.assertTrue(host.client.connected and guest.client.connected)
        self.assertEqual(world.factory.counters.refusals, {})
        world.wait(guest.client.leaveSession())
        wall = world.machine.wallClock()
        assert host.client.session is not None
        world.wait(guest.client.joinSession(host.client.session.session_id))
        credentials = guest.client.relay_credentials
        assert credentials is not None
        expiry = int(credentials.username.partition(":")[0])
        self.assertLess(abs(expiry - wall - 600), 2)

    def test_silenceWithAStep(self) -> None:
        """A step neither hurries nor delays the loss of a silent client."""
        world = LobbyWorld()
        player = world.player()
        world.network.advance(1)
        player.machine.stop()
        world.machine.stepWallClock(-3600)
        world.network.advance(8)
        self.assertEqual(len(world.factory.directory.greeted), 1)
        world.machine.stepWallClock(7200)
        world.network.advance(0.4)
        self.assertEqual(len(world.factory.directory.greeted), 1)
        world.network.advance(2)
        self.assertEqual(world.factory.directory.greeted, ())


class AddressTests(SynchronousTestCase):
    """The address that the outside sees."""

    def test_behindANat(self) -> None:
        """N12: STUN and heartbeats both see the NAT's address and the same port."""
        world = LobbyWorld()
        world.network.nat("home", "198.51.100.200")
        player = world.player(behind="home")
        address = world.wait(player.client.whenServerReflexiveKnown())
        self.assertEqual(address[0], "198.51.100.200")
        self.assertEqual(player.client.server_reflexive, address)
        world.network.advance(1)
        client = world.factory.directory.clients[player.client.client_id]
        self.assertEqual(client.address_seen, address)

    def test_rebindingDuringAMatch(self) -> None:
        """The NAT forgets its mappings: the other player is told the new address."""
        world = LobbyWorld()
        world.network.nat("home", "198.51.100.200", expiry=1.0, port_choice=PortChoice.RANDOM)
        host = world.player("Ada")
        guest = world.player("Bob", behind="home")
        view = world.wait(host.client.createSession("a game"))
        world.wait(guest.client.joinSession(view.session_id))
        world.wait(guest.client.offerCandidates([Candidate("host", ("192.168.1.2", 1))]))
        world.wait(host.client.startMatch())
        world.network.advance(20)
        told = host.listener.named("candidatesChanged")
        self.assertGreaterEqual(len(told), 2)
        for _, player, candidates in told:
            self.assertEqual(player, 2)
            self.assertEqual(candidates[1].address[0], "198.51.100.200")
        addresses = [candidates[1].address for _, _, candidates in told]
        self.assertEqual(len(dict.fromkeys(addresses)), len(addresses))

    def test_forgedAnswers(self) -> None:
        """Only answers that the lobby authenticated, to heartbeats that were sent, count."""
        world = LobbyWorld()
        player = world.player(mute=True)
        key = world.factory.directory.heartbeatKey(player.client.client_id) or b""
        player.unmute()
        for data in (
            encodeHeartbeatAnswer(bytes(32), 0),
            encodeHeartbeatAnswer(key, 7),
            encodeHeartbeatAnswer(key, 0)[:-1],
            b"\xc1",
        ):
            self.assertEqual(self.unansweredAfter(world, player, data), 1)
        self.assertEqual(self.unansweredAfter(world, player, encodeHeartbeatAnswer(key, 0)), 0)
        player.mute()
        world.network.advance(3)
        heard_at = player.client._heartbeats._heard_at  # type: ignore[union-attr]
        self.assertEqual(self.unansweredAfter(world, player, encodeHeartbeatAnswer(key, 0)), 1)
        replayed = player.client._heartbeats._heard_at  # type: ignore[union-attr]
        self.assertEqual(replayed, heard_at)

    def unansweredAfter(self, world: LobbyWorld, player: Player, data: bytes) -> int:
        """Return how many heartbeats count as unanswered after an answer of this content."""
        game_socket = (player.machine.address, player.demultiplexer.address[1])
        world.demultiplexer.socket.send(data, game_socket)
        world.network.advance(0.1)
        heartbeats: Any = player.client._heartbeats
        unanswered: int = heartbeats.unanswered
        return unanswered
