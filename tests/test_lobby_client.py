"""
A player's side of the lobby, end to end in a world: connect and request.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyClass, verifyObject

from gamenet.errors import (
    BadAddress,
    ConnectionFailed,
    InsecureConnection,
    LocalProtocolError,
    RequestRefused,
)
from gamenet.lobby.client import ILobbyListener, LobbyClient
from gamenet.lobby.relay_offer import RelayOffer
from gamenet.lobby.settings import LobbyClientSettings, LobbySettings
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.wire.lobby_messages import (
    Candidate,
    RefusalCode,
)
from gamenet.world.link import LinkProfile
from tests.lobby_world import LOBBY_HOST, LobbyWorld, RecordingListener

HOST = Candidate("host", ("192.168.1.2", 5000))


class ConnectTests(SynchronousTestCase):
    """From the endpoint description to the welcome."""

    def test_connected(self) -> None:
        """N8, N9: a player connects under their own name and is told that they are."""
        world = LobbyWorld()
        player = world.player("Ada Lovelace")
        client = player.client
        self.assertTrue(client.connected)
        record = world.factory.directory.clients[client.client_id]
        self.assertEqual((record.name, record.link_key), ("Ada Lovelace", b"\1" * 32))
        self.assertEqual(client.lobby_address, (LOBBY_HOST, 7770))
        self.assertTrue(client._stream.transport.getTcpNoDelay())  # type: ignore[union-attr]
        (stream,) = world.factory._streams
        self.assertTrue(stream.transport.getTcpNoDelay())  # type: ignore[union-attr]
        verifyClass(ILobbyListener, RecordingListener)
        verifyObject(ILobbyListener, player.listener)

    def fails(self, world: LobbyWorld, **kw: Any) -> Exception:
        """Return what connecting fails with, after checking that nothing stays behind."""
        deferred, machine, demultiplexer, listener = world.connecting(**kw)
        failures: list[Any] = []
        deferred.addErrback(failures.append)
        world.network.advance(45)
        self.assertEqual(listener.named("lobbyLost"), [])
        self.assertEqual(world.factory.directory.clients, {})
        self.assertEqual(machine.clock.getDelayedCalls(), [])
        demultiplexer.face(lambda data, address: None, first_bytes=(0xC1, 0))
        error: Exception = failures[0].value
        return error

    def test_insecure(self) -> None:
        """Plain TCP to another machine is refused unless asked for; no byte leaves."""
        world = LobbyWorld()
        self.assertIsInstance(self.fails(world, insecure=False), InsecureConnection)
        game_socket = Demultiplexer(world.machine)
        keys = (bytes(32), bytes(32))
        listener = RecordingListener()
        by_default = LobbyClient.connect(
            world.machine, f"tcp:{LOBBY_HOST}:7770", "Ada", keys, game_socket, listener
        )
        self.failureResultOf(by_default, InsecureConnection)
        self.assertEqual(world.factory.counters.connections, 0)

    def test_badDescription(self) -> None:
        """What is no endpoint description is a bad address."""
        self.assertIsInstance(self.fails(LobbyWorld(), description="tcp:::"), BadAddress)

    def test_nobodyThere(self) -> None:
        """Nothing listens: connection failed, and the text says where."""
        error = self.fails(LobbyWorld(), description=f"tcp:{LOBBY_HOST}:1")
        self.assertIsInstance(error, ConnectionFailed)
        self.assertIn(f"tcp:{LOBBY_HOST}:1", str(error))

    def test_nowhere(self) -> None:
        """Nothing answers at all: connection failed after the time limit, in seconds."""
        world = LobbyWorld()
        world.network.partition(["lobby"])
        error = self.fails(world, settings=LobbyClientSettings(connect_timeout=3))
        self.assertIsInstance(error, ConnectionFailed)
        self.assertIn("3 s", str(error))

    def test_badName(self) -> None:
        """The lobby refuses the name; the text is the lobby's."""
        error = self.fails(LobbyWorld(), name="Ada\n")
        assert isinstance(error, RequestRefused)
        self.assertEqual(error.code, RefusalCode.BAD_NAME)
        self.assertEqual(error.reason, "the name must not hold the character U+000A")

    def test_impossibleName(self) -> None:
        """A name that no hello can hold is our own mistake."""
        self.assertIsInstance(self.fails(LobbyWorld(), name="x" * 9999), LocalProtocolError)

    def test_fullLobby(self) -> None:
        """A lobby that turns us away is a refusal with its code, not a lost connection."""
        world = LobbyWorld(LobbySettings(clients_limit=1))
        player = world.player()
        deferred = world.connecting()[0]
        failures: list[Any] = []
        deferred.addErrback(failures.append)
        world.network.advance(1)
        self.assertEqual(failures[0].value.code, RefusalCode.TOO_MANY)
        self.assertEqual(failures[0].value.reason, "the lobby is full")
        self.assertTrue(player.client.connected)

    def test_cancel(self) -> None:
        """Cancelling at any moment leaves nothing behind, here or at the lobby."""
        outcomes: list[str] = []
        for step in range(20):
            world = LobbyWorld()
            deferred, machine, demultiplexer, _ = world.connecting(
                profile=LinkProfile(latency=0.04)
            )
            world.network.advance(step * 0.0125)
            outcomes.append(f"{len(world.factory._streams)} {len(deferred.called * 'c')}")
            if deferred.called:
                deferred.addCallback(lambda client: client.close())
            deferred.cancel()
            deferred.addErrback(lambda _: None)
            world.network.advance(30)
            self.assertEqual(world.factory.directory.clients, {})
            self.assertEqual(machine.clock.getDelayedCalls(), [])
            demultiplexer.face(lambda data, address: None, first_bytes=(0xC1, 0))
        self.assertEqual(list(dict.fromkeys(outcomes)), ["0 0", "1 0", "1 1"])


class RequestTests(SynchronousTestCase):
    """Every request, and what it changes on both sides."""

    def test_list(self) -> None:
        """N2: the list by request, and then by itself whenever it changes."""
        world = LobbyWorld()
        host, watcher = world.player("Ada"), world.player("Bob")
        self.assertEqual(world.wait(watcher.client.listSessions()), ())
        world.wait(host.client.createSession("a game"))
        world.network.advance(1)
        (line,) = watcher.client.sessions
        self.assertEqual((line.title, line.host_name, line.full), ("a game", "Ada", False))
        self.assertEqual(watcher.listener.named("sessionsChanged")[-1], ((line,),))
        self.assertEqual(world.wait(watcher.client.listSessions()), (line,))
        self.assertEqual(watcher.client.sessions_total, 1)
        world.wait(host.client.leaveSession())
        world.network.advance(1)
        self.assertEqual(watcher.client.sessions, ())

    def test_listOfANewcomer(self) -> None:
        """Who comes later has the list as soon as they are greeted."""
        world = LobbyWorld()
        world.wait(world.player("Ada").client.createSession("a game"))
        newcomer = world.player("Bob")
        world.network.advance(0.01)
        self.assertEqual([line.title for line in newcomer.client.sessions], ["a game"])

    def test_joinFillsTheSession(self) -> None:
        """N4: both hold the same view; the list says that it is full."""
        world = LobbyWorld()
        host, guest = world.pair()
        self.assertEqual(host.client.session, guest.client.session)
        view = host.client.session
        assert view is not None
        self.assertEqual([member.name for member in view.members], ["Ada", "Bob"])
        self.assertTrue(host.client.sessions[0].full)
        self.assertEqual(host.listener.named("sessionChanged")[-1], (view,))

    def test_relayCredentials(self) -> None:
        """They are there as soon as the seat is, go with it, and outlive the lobby."""
        relay = RelayOffer(("203.0.113.2", 3478), b"a shared secret", lifetime=600)
        world = LobbyWorld(LobbySettings(relay=relay))
        host = world.player("Ada")
        self.assertIsNone(host.client.relay_credentials)
        deferred = host.client.createSession("a game")
        held: list[Any] = []
        deferred.addCallback(lambda view: held.append(host.client.relay_credentials) or view)
        view = world.wait(deferred)
        (credentials,) = held
        self.assertEqual(credentials.address, relay.address)
        self.assertTrue(credentials.username.endswith(host.client.client_id.hex()))
        self.assertEqual(host.listener.named("relayOffered"), [(credentials,)])
        guest = world.player("Bob")
        world.wait(guest.client.joinSession(view.session_id))
        self.assertNotEqual(guest.client.relay_credentials, credentials)
        world.wait(guest.client.leaveSession())
        self.assertIsNone(guest.client.relay_credentials)
        world.machine.stop()
        world.network.advance(15)
        self.assertEqual((host.client.connected, host.client.session), (False, None))
        self.assertEqual(host.client.relay_credentials, credentials)

    def test_severalRelays(self) -> None:
        """With several relays on offer all members of a session are given the same one."""
        addresses = [("203.0.113.2", port) for port in range(3478, 3478 + 64)]
        first, *further = addresses
        relay = RelayOffer(first, b"a shared secret", further_addresses=tuple(further))
        world = LobbyWorld(LobbySettings(relay=relay))
        given = []
        for number in range(4):
            host, guest = world.player(f"Host {number}"), world.player(f"Guest {number}")
            view = world.wait(host.client.createSession("a game"))
            world.wait(guest.client.joinSession(view.session_id))
            ours, theirs = host.client.relay_credentials, guest.client.relay_credentials
            assert ours is not None and theirs is not None
            self.assertEqual(ours.address, theirs.address)
            given.append(ours.address)
        self.assertTrue(all(address in addresses for address in given))
        self.assertGreater(len(dict.fromkeys(given)), 1)

    def test_ticketsAreEqual(self) -> None:
        """N5, N14: every member gets the same ticket, but for whose number it tells."""
        world = LobbyWorld()
        players = [world.player(name) for name in ("Ada", "Bob", "Cyd")]
        view = world.wait(players[0].client.createSession("a game", 3, 3))
        for player in players[1:]:
            world.wait(player.client.joinSession(view.session_id))
        world.wait(players[1].client.offerCandidates([HOST]))
        world.wait(players[0].client.startMatch())
        world.network.advance(0.1)
        tickets = [player.listener.named("matchStarting")[0][0] for player in players]
        self.assertEqual([ticket.player for ticket in tickets], [1, 2, 3])
        for ticket in tickets:
            self.assertEqual(ticket.members, tickets[0].members)
            self.assertEqual((ticket.seed, ticket.match_id), (tickets[0].seed, tickets[0].match_id))
        members = tickets[0].members
        ids = [player.client.client_id for player in players]
        self.assertEqual([member.client_id for member in members], ids)
        self.assertEqual([member.link_key[0] for member in members], [1, 2, 3])
        self.assertIn(HOST, members[1].candidates)

    def test_defaults(self) -> None:
        """N5: a session has two seats and starts with two players, unless said otherwise."""
        world = LobbyWorld()
        client = world.player().client
        before = (client.session, client.sessions, client.sessions_total, client.relay_credentials)
        self.assertEqual(before, (None, (), 0, None))
        view = world.wait(client.createSession("a game"))
        self.assertEqual((view.capacity, view.minimum), (2, 2))
        self.assertEqual(client.session, view)

    def test_refused(self) -> None:
        """A refusal fails just that request, with the lobby's code and text."""
        world = LobbyWorld()
        host, guest = world.pair()
        for deferred, code in (
            (guest.client.startMatch(), RefusalCode.NOT_HOST),
            (guest.client.joinSession("0" * 16), RefusalCode.ALREADY_SEATED),
            (host.client.createSession("x"), RefusalCode.ALREADY_SEATED),
            (host.client.endMatch(bytes(16)), RefusalCode.NO_SUCH_MATCH),
            (host.client.sendStep(bytes(16), 2, bytes(16), 1), RefusalCode.NO_SUCH_MATCH),
        ):
            with self.assertRaises(RequestRefused) as caught:
                world.wait(deferred)
            self.assertEqual(caught.exception.code, code)
        self.assertTrue(host.client.connected and guest.client.connected)

    def test_impossibleRequest(self) -> None:
        """A request that cannot be sent fails here, and costs nothing."""
        client = LobbyWorld().player().client
        for deferred in (
            client.joinSession("no id"),
            client.createSession("x" * 9999),
            client.offerCandidates([HOST, HOST]),
            client.sendStep(b"short", 1, bytes(16), 1),
        ):
            self.failureResultOf(deferred, LocalProtocolError)
        self.assertTrue(client.connected)

    def test_stepsAndCandidates(self) -> None:
        """H5: steps reach the other player; candidates that change in a match do too."""
        world = LobbyWorld()
        host, guest, match_id = world.match()
        world.wait(host.client.sendStep(match_id, 2, b"a" * 16, 3))
        world.wait(guest.client.offerCandidates([HOST]))
        world.network.advance(0.1)
        self.assertEqual(guest.listener.named("stepReceived"), [(match_id, 1, b"a" * 16, 3)])
        ((told, player, candidates),) = host.listener.named("candidatesChanged")
        self.assertEqual((told, player, candidates[0]), (match_id, 2, HOST))
        world.wait(host.client.endMatch(match_id))
        world.network.advance(0.1)
        for client in (host.client, guest.client):
            assert client.session is not None
            self.assertEqual(client.session.state, "open")

    def test_hostLeaves(self) -> None:
        """N6: the guest is back in the lobby and told why."""
        world = LobbyWorld()
        host, guest = world.pair()
        world.wait(host.client.close())
        world.network.advance(1)
        self.assertEqual(guest.listener.named("sessionClosed"), [("the host left",)])
        self.assertIsNone(guest.client.session)
        self.assertEqual(guest.client.sessions, ())
        world.wait(guest.client.createSession("my own"))

    def test_guestLeaves(self) -> None:
        """N7: the host's view is refreshed, and the seat can be taken again."""
        world = LobbyWorld()
        host, guest = world.pair()
        world.wait(guest.client.leaveSession())
        world.network.advance(1)
        self.assertIsNone(guest.client.session)
        assert host.client.session is not None
        self.assertEqual([member.name for member in host.client.session.members], ["Ada"])
        self.assertFalse(guest.client.sessions[0].full)
        world.wait(guest.client.joinSession(host.client.session.session_id))
