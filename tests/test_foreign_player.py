"""
Done when: the wire protocol page is complete enough to write a client in another language.

The client that was written from the pages alone (L{tests.foreign.player}) meets one of ours
in a lobby, plays a match with it to the end, takes part in the shared session, and signs the
result.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.match import ConfigurationDiffers, MatchSettings, Outcome, SignatureState
from gamenet.match.session import Session
from gamenet.match.session_protocol import SessionProtocol
from gamenet.wire.log_commands import ChangeSetting, Delegate
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WorldMachine
from gamenet.world.network import WorldNetwork
from tests.foreign.player import ForeignPlayer
from tests.scenes import LOBBY, LOBBY_HOST, HashGame, Seat, Servers

FRAMES = 240
TICK = 1 / 240


class FreshGame(HashGame):
    """The game of both; the client in another language knows no moment C{begin}."""

    def begin(self, seed: int) -> None:
        """Begin like any other match."""


class DrawnSeat(Seat):
    """One of ours, whose game says how it ended."""

    def __init__(self, network: WorldNetwork, machine: WorldMachine, name: str) -> None:
        super().__init__(network, machine, name)
        self.game = FreshGame()
        self.countdown = 1.0
        self.said: list[tuple[int, str]] = []
        self.protocol.gameOutcome = lambda: b"a draw"  # type: ignore[method-assign]
        self.protocol.eventApplied = self._eventApplied  # type: ignore[method-assign]

    def _eventApplied(self, event: Any) -> None:
        if type(event.body).__name__ == "Chat":
            self.said.append((event.body.player, event.body.text))


class ForeignPlayerTests(SynchronousTestCase):
    """A match of ours with somebody else's client."""

    def setUp(self) -> None:
        """Open a lobby, a relay and a session with one of ours in it."""
        self.network = WorldNetwork(1)
        self.profile = LinkProfile(latency=0.01, loss=0.02)
        self.servers = Servers(self.network, LinkProfile(latency=0.01))
        self.ours = DrawnSeat(self.network, self.machine("Ada", "198.51.101.1"), "Ada")
        self.ours.connect()
        self.ours.create("A game with strangers")

    def machine(self, name: str, address: str) -> WorldMachine:
        """Return a machine on the open net; its clock is its own."""
        return self.network.machine(
            name, address, profile=self.profile, clock_offset=1000.0 if name == "Zoe" else 0.0
        )

    def meet(
        self, rules: str = "Strangers 1", session: Session | None = None
    ) -> ForeignPlayer:
        """Have a client of the other kind come, and its bytes carried; to share a C{session}."""
        machine = self.machine("Zoe", "198.51.102.1")
        shares = session is not None
        session = session or self.ours.session

        def press(frame: int) -> bytes:
            return b"lr"[frame // 7 % 2 : frame // 7 % 2 + 1] if frame % 3 else b""

        client = ForeignPlayer(
            "Zoe", session.session_id, ("198.51.102.1", 4000),
            (machine.randomBytes(32), machine.randomBytes(32)), machine.randomBytes, press,
            FreshGame(), FRAMES, rules, shares,
        )

        def datagramReceived(data: bytes, source: Address) -> None:
            client.datagramReceived(data, source, machine.clock.seconds())

        socket = machine.openDatagramSocket(datagramReceived, port=4000)

        class Stream(Protocol):
            def dataReceived(self, data: bytes) -> None:
                client.streamReceived(data)

        endpoint = machine.streamClientEndpoint(LOBBY)
        connecting = endpoint.connect(Factory.forProtocol(Stream))
        stream: Any = self.network.runUntil(connecting, 5.0)

        def tick() -> None:
            client.tick(machine.clock.seconds())
            if client.stream:
                stream.transport.write(client.stream)
                client.stream = b""
            for data, (host, port) in client.datagrams:
                socket.send(data, (LOBBY_HOST if host == "lobby" else host, port))
            client.datagrams.clear()
            machine.clock.callLater(TICK, tick)

        tick()
        return client

    def test_playToTheEnd(self) -> None:
        """They play every frame alike, share the session, and both sign the result."""
        client = self.meet()
        self.ours.play(MatchSettings(frames=FRAMES, rules="Strangers 1"))
        self.network.runUntil(lambda: self.ours.over, 40.0)
        result = self.ours.result
        assert result is not None and client.play is not None, (self.ours.failure, client.refused)
        self.assertEqual(result.outcome, Outcome.FINISHED)
        self.assertEqual(client.refused, [])
        self.assertEqual((result.last_frame, client.play.confirmed), (FRAMES - 1, FRAMES - 1))
        self.assertEqual(result.checksum, client.play.checksum)
        self.assertEqual(self.ours.protocol.desyncs, [])
        self.assertEqual((client.play.compared, client.play.differing), (FRAMES // 30, 0))
        states = [each.state for each in result.signatures]
        self.assertEqual(states, [SignatureState.GIVEN] * 2)
        assert client.result is not None
        self.assertEqual(client.result, (result.statement, result.signatures[0].signature))
        self.assertEqual(client.chat, [(2, "hello from Zoe")])
        self.assertEqual(self.ours.said, client.chat)
        self.assertGreater(client.digests, 5)
        self.assertEqual(result.statistics.path, "direct")
        self.assertGreater(len({inputs for inputs, _ in self.ours.protocol.confirmed}), 4)

    def test_sharing(self) -> None:
        """It comes to a shared session that goes on, takes the state over, joins and speaks."""
        self.network.runUntil(self.ours.session.leave(), 5.0)
        creating = self.ours.player.createSession("A table", capacity=4, minimum=1)
        session = self.network.runUntil(creating, 5.0)
        table = self.network.runUntil(session.share(SessionProtocol()), 10.0)
        self.network.runUntil(table.submit(ChangeSetting("map", "ice")), 10.0)
        client = self.meet(session=session)
        self.network.runUntil(lambda: bool(client.chat), 10.0)
        self.network.advance(35.0)
        self.assertEqual(client.refused, [])
        self.assertEqual(client.chat, [(2, "hello from Zoe")])
        self.assertEqual([one.name for one in table.state.participants], ["Ada", "Zoe"])
        self.assertFalse(any(one.is_lost for one in table.state.participants))
        self.assertGreater(client.digests, 100)
        self.network.runUntil(table.submit(Delegate(2)), 10.0)
        self.network.advance(20.0)
        self.assertEqual((table.host, client.refused), (1, []))

    def test_otherRules(self) -> None:
        """By other rules nobody plays: ours says so by name, and tells the other before."""
        client = self.meet("Strangers 2")
        self.ours.play(MatchSettings(frames=FRAMES, rules="Strangers 1"))
        self.network.runUntil(lambda: self.ours.over, 40.0)
        self.assertIsInstance(self.ours.failure, ConfigurationDiffers)
        self.assertIsNone(client.play)
        self.assertIn("rules", [name for name, _ in client.terms])
        self.assertEqual(client.goodbye, 3)
