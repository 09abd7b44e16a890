"""
Whole networks in memory for tests: a lobby, a relay, routers, and players that
run the unmodified protocols.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from hashlib import blake2b
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from zope.interface import implementer

from gamenet.interfaces import IMachine, ISeededSimulation
from gamenet.lobby.datagrams import LobbyDatagrams
from gamenet.lobby.protocol import LobbyFactory
from gamenet.lobby.relay_offer import RelayOffer
from gamenet.lobby.settings import LobbySettings
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.match import MatchResult, MatchSettings, PeerProtocol, Player, Session, connect
from gamenet.relay.protocol import RelayServer
from gamenet.relay.settings import RelaySettings
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WorldMachine
from gamenet.world.nat_behavior import PORT_RESTRICTED, NatBehavior
from gamenet.world.network import WorldNetwork

LOBBY_HOST = "203.0.113.1"
RELAY_HOST = "203.0.113.2"
LOBBY = f"tcp:{LOBBY_HOST}:7770"
RELAY_PORT = 3478
SECRET = b"a secret of tests"


@implementer(ISeededSimulation)
class HashGame:
    """
    A game whose state is a running hash of everything that ever went into it, in
    order: one input swapped, lost or played twice shows for ever.
    """

    def __init__(self, players: int = 2) -> None:
        self.state = b"\0" * 16
        self.frames = 0
        self.players = players
        self.corrupt_at: int | None = None

    def begin(self, seed: int) -> None:
        """Start from the match's seed."""
        self.state = blake2b(seed.to_bytes(8, "big"), digest_size=16).digest()

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Play one frame."""
        assert len(inputs) == self.players
        digest = blake2b(self.state, digest_size=16)
        for pressed in inputs:
            digest.update(bytes([len(pressed)]) + pressed)
        self.frames += 1
        self.state = digest.digest()
        if self.corrupt_at is not None and self.frames == self.corrupt_at + 1:
            self.state = bytes([self.state[0] ^ 1]) + self.state[1:]

    def save(self) -> bytes:
        """Return the state."""
        return self.frames.to_bytes(4, "big") + self.state

    def load(self, snapshot: bytes) -> None:
        """Go back."""
        self.frames = int.from_bytes(snapshot[:4], "big")
        self.state = snapshot[4:]


class RecordingPlayer(PeerProtocol):
    """Presses what its own script says, and writes down what happens."""

    def __init__(self, script: bytes, hold: int = 5) -> None:
        self.script = script
        self.hold = hold
        self.confirmed: list[tuple[tuple[bytes, ...], int]] = []
        self.paths: list[str] = []
        self.happened: list[tuple[object, ...]] = []
        self.asked: list[int] = []
        self.desyncs: list[tuple[int, int, int, int]] = []
        self.effects: list[tuple[str, int, int, Hashable, object]] = []
        self.drawn = 0

    def localInput(self, player: int, frame: int) -> bytes:
        """Press another key every C{hold} frames."""
        self.asked.append(frame)
        return self.script[frame // self.hold % len(self.script) :][:1]

    def frameReady(self, simulation: object, blend: float) -> None:
        """Count pictures."""
        assert 0.0 <= blend <= 1.0
        self.drawn += 1

    def frameConfirmed(self, frame: int, inputs: Sequence[bytes], checksum: int) -> None:
        """Write the frame down."""
        assert frame == len(self.confirmed)
        self.confirmed.append((tuple(inputs), checksum))

    def pathChanged(self, player: int, kind: str, address: object) -> None:
        """Write the path down."""
        self.paths.append(kind)

    def interrupted(self, player: int, silence: float) -> None:
        """Write it down."""
        self.happened.append(("interrupted", player))

    def resumed(self, player: int) -> None:
        """Write it down."""
        self.happened.append(("resumed", player))

    def peerLost(self, player: int, silence: float) -> None:
        """Write it down."""
        self.happened.append(("peerLost", player))

    def desynchronized(self, frame: int, local: int, remote: int, player: int) -> None:
        """Write it down."""
        self.desyncs.append((frame, local, remote, player))

    def matchEnded(self, result: object) -> None:
        """Write it down."""
        self.happened.append(("ended", result))

    def timeLost(self, seconds: float) -> None:
        """Write it down."""
        self.happened.append(("timeLost", seconds))

    def effectStarted(self, number: int, frame: int, key: Hashable, payload: object) -> None:
        """Write it down."""
        self.effects.append(("started", number, frame, key, payload))

    def effectCorrected(
        self, number: int, frame: int, key: Hashable, payload: object, former_frame: int
    ) -> None:
        """Write it down."""
        self.effects.append(("corrected", number, frame, key, payload))

    def effectCancelled(self, number: int, frame: int, key: Hashable, payload: object) -> None:
        """Write it down."""
        self.effects.append(("cancelled", number, frame, key, payload))

    def effectConfirmed(self, number: int, frame: int, key: Hashable, payload: object) -> None:
        """Write it down."""
        self.effects.append(("confirmed", number, frame, key, payload))

    def recordingFailed(self, kind: str, error: Exception) -> None:
        """Write it down."""
        self.happened.append(("recordingFailed", kind, error))


class Servers:
    """A lobby and a relay, each on a machine of its own."""

    def __init__(
        self,
        network: WorldNetwork,
        profile: LinkProfile,
        settings: LobbySettings | None = None,
        relay: RelaySettings | None = None,
        with_relay: bool = True,
    ) -> None:
        self.lobby_machine = network.machine("lobby", LOBBY_HOST, profile=profile)
        self.relay_machine = network.machine("relay", RELAY_HOST, profile=profile)
        self.relay = RelayServer(
            self.relay_machine,
            relay
            or RelaySettings(
                secrets=(SECRET,),
                udp=((RELAY_HOST, RELAY_PORT),),
                relay_addresses=(RELAY_HOST,),
            ),
        )
        self.relay.start()
        offer = RelayOffer((RELAY_HOST, RELAY_PORT), SECRET) if with_relay else None
        self.lobby_settings = attrs.evolve(settings or LobbySettings(), relay=offer)
        self.startLobby()

    def startLobby(self) -> None:
        """Open the lobby's ports."""
        machine: IMachine = self.lobby_machine
        self.factory = LobbyFactory(machine, self.lobby_settings)
        self.demultiplexer = Demultiplexer(machine, LOBBY_HOST, 7770)
        self.datagrams = LobbyDatagrams(self.factory, self.demultiplexer)
        self.listening = machine.streamServerEndpoint("tcp:7770").listen(self.factory)

    def stop(self) -> None:
        """Close everything."""
        self.listening.addCallback(lambda port: port.stopListening())
        self.factory.close()
        self.datagrams.close()
        self.demultiplexer.close()
        self.relay.stop()


class Seat:
    """One player, from connecting to the result."""

    def __init__(
        self, network: WorldNetwork, machine: WorldMachine, name: str, relay_only: bool = False
    ) -> None:
        self.network = network
        self.machine = machine
        self.name = name
        self.relay_only = relay_only
        self.protocol = RecordingPlayer(blake2b(name.encode()).digest())
        self.game = HashGame()
        self.countdown = 0.0
        self.attached: dict[str, Any] = {}
        self.result: MatchResult | None = None
        self.failure: BaseException | None = None
        self.player: Player
        self.session: Session
        self.playing: Deferred[MatchResult]

    def connect(self, limit: float = 10.0) -> None:
        """Connect to the lobby; world time passes."""
        connecting = connect(
            self.machine, LOBBY, self.name, insecure=True, relay_only=self.relay_only
        )
        self.player = self.network.runUntil(connecting, limit)

    def create(self, title: str = "a game") -> None:
        """Create a session."""
        self.session = self.network.runUntil(self.player.createSession(title), 10.0)

    def join(self, session_id: str, players: int = 1) -> None:
        """Join a session, with so many players."""
        joining = self.player.joinSession(session_id, players)
        self.session = self.network.runUntil(joining, 10.0)

    def play(self, settings: MatchSettings) -> None:
        """Play; what comes of it is in C{result} or C{failure}."""
        chosen = attrs.evolve(settings, countdown=self.countdown)
        self.playing = self.session.play(self.game, self.protocol, chosen, **self.attached)
        self.playing.addCallbacks(self._ended, self._failed)

    @property
    def over(self) -> bool:
        """Whether the match is over, one way or another."""
        return self.result is not None or self.failure is not None

    def _ended(self, result: MatchResult) -> None:
        self.result = result

    def _failed(self, failure: object) -> None:
        self.failure = failure.value  # type: ignore[attr-defined]


class TwoPlayers:
    """Ada behind one router and Grace behind another, a lobby and a relay between them."""

    def __init__(
        self,
        seed: int,
        kinds: tuple[NatBehavior | None, NatBehavior | None] = (PORT_RESTRICTED, PORT_RESTRICTED),
        latency: float = 0.02,
        relay_only: bool = False,
        with_relay: bool = True,
        drifts: tuple[float, float] = (0.0, 0.0),
        offsets: tuple[float, float] = (0.0, 0.0),
        lobby: LobbySettings | None = None,
    ) -> None:
        self.network = WorldNetwork(seed)
        profile = LinkProfile(latency=latency / 2)
        self.servers = Servers(self.network, profile, settings=lobby, with_relay=with_relay)
        self.seats: list[Seat] = []
        for place, (name, kind) in enumerate(zip(("Ada", "Grace"), kinds, strict=True)):
            outside = f"198.51.{100 + place}.1"
            if kind is None:
                machine = self.network.machine(
                    name, outside, profile=profile, clock_offset=offsets[place],
                    drift_ppm=drifts[place],
                )
            else:
                nat = self.network.nat(f"{name}'s router", outside, kind, profile=profile)
                machine = self.network.machine(
                    name, f"192.168.{place}.2", behind=nat, clock_offset=offsets[place],
                    drift_ppm=drifts[place],
                )
            self.seats.append(Seat(self.network, machine, name, relay_only))

    @property
    def ada(self) -> Seat:
        """The host, player 1."""
        return self.seats[0]

    @property
    def grace(self) -> Seat:
        """The guest, player 2."""
        return self.seats[1]

    def meet(self) -> None:
        """Connect both, and seat both in one session."""
        self.ada.connect()
        self.grace.connect()
        self.ada.create()
        self.grace.join(self.ada.session.session_id)

    def play(self, settings: MatchSettings | None = None) -> None:
        """Both say that they want to play."""
        chosen = settings or MatchSettings()
        self.ada.play(chosen)
        self.grace.play(chosen)

    def confirmed(self) -> int:
        """Return how many frames both have confirmed."""
        return min(len(seat.protocol.confirmed) for seat in self.seats)

    def playUntilConfirmed(self, frames: int, limit: float) -> None:
        """Let time pass until both have confirmed that many frames."""
        self.network.runUntil(lambda: self.confirmed() >= frames, limit)

    def playToTheEnd(self, limit: float) -> None:
        """Let time pass until the match is over for both."""
        self.network.runUntil(lambda: all(seat.over for seat in self.seats), limit)

    def agreed(self) -> bool:
        """Return whether every frame that both confirmed is the same for both."""
        count = self.confirmed()
        return self.ada.protocol.confirmed[:count] == self.grace.protocol.confirmed[:count]

    def close(self) -> None:
        """End everything and let the last words pass."""
        for seat in self.seats:
            seat.player.close()
        self.servers.stop()
        self.network.advance(6.0)


def seatedPlayers(seed: int = 1, **options: object) -> TwoPlayers:
    """Return a world in which both players sit in one session."""
    scene = TwoPlayers(seed, **options)  # type: ignore[arg-type]
    scene.meet()
    return scene


def playing(frames: int = 60, seed: int = 1, **options: object) -> TwoPlayers:
    """Return a world in which both have confirmed some frames."""
    scene = seatedPlayers(seed, **options)
    scene.play()
    scene.playUntilConfirmed(frames, 30.0)
    return scene
