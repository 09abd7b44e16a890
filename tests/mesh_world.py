"""
The links of one match in a world of their own: a relay, a router for each player, and a
lobby that carries steps and candidates for as long as it lives.
"""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from gamenet.channel.transfer_ends import TransferEnded
from gamenet.feed.transfer_outcomes import TransferReceived
from gamenet.interfaces import Address
from gamenet.mesh.link_settings import LinkSettings
from gamenet.mesh.mesh import IMeshListener, Mesh
from gamenet.mesh.path import Path, PathKind
from gamenet.mesh.resume_secret import ResumeSecret, decodeResumeSecret
from gamenet.mesh.sockets import PlayerSockets
from gamenet.relay.protocol import RelayServer
from gamenet.relay.settings import RelaySettings
from gamenet.sealing.player_keys import SEED_BYTES, PlayerKeys
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import (
    HOST,
    RELAYED,
    SERVER_REFLEXIVE,
    Candidate,
    TicketMember,
)
from gamenet.wire.peer_packets import Inputs, PeerPacket
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WALL_CLOCK_START, WorldMachine
from gamenet.world.nat import Nat
from gamenet.world.nat_behavior import PORT_RESTRICTED, NatBehavior
from gamenet.world.network import WorldNetwork

__all__ = ["FRAME", "MATCH", "MeshPlayer", "MeshWorld"]

#: Seconds between two game packets of L{MeshWorld.play}.
FRAME = 1 / 60

MATCH = bytes(range(16))
RELAY_HOST = "203.0.113.2"
RELAY: Address = (RELAY_HOST, 3478)
SECRET = b"a secret of tests"
_LOBBY_DELAY = 0.05


@implementer(IMeshListener)
class MeshPlayer:
    """
    One player's process: sockets, mesh, and what it was told.

    @ivar received: When each input packet came, and from whom.
    @ivar messages: The reliable messages: player, stream, message.
    @ivar paths: The newest path to each player.
    @ivar returned: Who returned, in order.
    @ivar returning: What a former process left to this one.
    @ivar online: Whether the lobby tells this player who comes.
    @ivar newcomers: Whom the other players introduced, in order.
    @ivar channels: The channels that failed and were restarted, in order.
    @ivar hear: Called with what is for a rollback session, where there is one.
    """

    def __init__(
        self,
        world: MeshWorld,
        number: int,
        machine: WorldMachine,
        returning: ResumeSecret | None = None,
    ) -> None:
        self.world = world
        self.number = number
        self.machine = machine
        self.returning = returning
        self.received: list[tuple[float, int]] = []
        self.others: list[tuple[int, PeerPacket]] = []
        self.messages: list[tuple[int, int, bytes]] = []
        self.paths: dict[int, Path | None] = {}
        self.returned: list[int] = []
        self.online = returning is None
        self.newcomers: list[TicketMember] = []
        self.channels: list[tuple[str, int]] = []
        self.hear: Callable[[int, bytes], None] | None = None
        self.contents: list[TransferReceived] = []
        self.ended: list[tuple[int, TransferEnded]] = []
        self.mesh: Mesh
        self.sent = 0
        if returning is None:
            self.keys = PlayerKeys.fromRandomBytes(machine.randomBytes(SEED_BYTES))
        else:
            self.keys = returning.keys(machine.randomBytes(32))
        self.sockets = PlayerSockets(machine, "", 0, self._relayChanged, world.relay_only)
        username = ephemeralUsername(int(WALL_CLOCK_START) + 86_400, f"player{number}")
        self.sockets.allocate(RELAY, username, ephemeralPassword(SECRET, username))

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Where this player may be reached, as far as its own sockets tell."""
        found: list[Candidate] = []
        relayed = self.sockets.relayed
        if not self.world.relay_only:
            port = self.sockets.demultiplexer.address[1]
            found.append(Candidate(HOST, (self.machine.address, port)))
            if relayed is not None:
                found.append(Candidate(SERVER_REFLEXIVE, relayed.mapped_address))
        if relayed is not None:
            found.append(Candidate(RELAYED, relayed.address))
        return tuple(dict.fromkeys(found))

    @property
    def member(self) -> TicketMember:
        """This player, as the ticket has it."""
        return TicketMember(
            self.number,
            bytes([self.number]) * 8,
            f"player {self.number}",
            self.keys.link_key,
            self.keys.statement_key,
            self.candidates,
        )

    def begin(self, ticket: MatchTicket) -> None:
        """Make the mesh, and reach out."""
        self.mesh = Mesh(
            self.machine,
            ticket,
            self.keys,
            self.sockets,
            self.world.settings,
            self,
            self.returning,
        )
        self.mesh.start(self.candidates)

    def play(self) -> None:
        """Send one packet to everybody."""
        self.sent += 1
        for player in tuple(self.mesh.links):
            self.mesh.send(player, Inputs(self.sent.to_bytes(4, "big")))

    def kinds(self) -> dict[int, PathKind | None]:
        """Return what carries the link to each player."""
        return {
            player: None if link.paths.chosen is None else link.paths.chosen.kind
            for player, link in self.mesh.links.items()
        }

    def lastFrom(self, player: int) -> float:
        """Return when an input packet of a player last came, by the world's clock."""
        return max((time for time, who in self.received if who == player), default=-1.0)

    def crash(self) -> None:
        """Lose the process, without a word."""
        self.machine.stop()

    def close(self) -> None:
        """End everything."""
        if hasattr(self, "mesh"):
            self.mesh.close()
        self.sockets.close()

    def packetReceived(self, player: int, packet: PeerPacket) -> None:
        """See L{IMeshListener}."""
        if isinstance(packet, Inputs) and self.hear is not None:
            self.hear(player, packet.body)
        elif isinstance(packet, Inputs):
            self.received.append((self.world.network.clock.now, player))
        else:
            self.others.append((player, packet))

    def messageReceived(self, player: int, stream: int, message: bytes) -> None:
        """See L{IMeshListener}."""
        self.messages.append((player, stream, message))

    def pathChanged(self, player: int, path: Path | None) -> None:
        """See L{IMeshListener}."""
        self.paths[player] = path

    def peerReturned(self, player: int) -> None:
        """See L{IMeshListener}."""
        self.returned.append(player)

    def channelFailed(self, player: int) -> None:
        """See L{IMeshListener}."""
        self.channels.append(("failed", player))

    def channelRestarted(self, player: int) -> None:
        """See L{IMeshListener}."""
        self.channels.append(("restarted", player))

    def introduced(self, member: TicketMember) -> None:
        """See L{IMeshListener}; does what the match does.  No spectator serves another."""
        self.newcomers.append(member)
        if min(self.number, member.player) > 16:
            return
        self.mesh.removePeer(member.player)
        self.mesh.addPeer(member)

    def sendStep(self, player: int, attempt: bytes, kind: int) -> None:
        """See L{IMeshListener}."""
        self.world.carryStep(self.number, player, attempt, kind)

    def transferNotice(self, player: int, body: bytes) -> None:
        """See L{IMeshListener}; does what a rollback session does, where there is none."""
        if self.hear is not None:
            self.hear(player, body)
            return
        received = self.mesh.transfer.packetReceived(
            player, body, self.machine.clock.seconds()
        )
        if received is not None:
            self.contents.append(received)

    def transferEnded(self, player: int, ended: TransferEnded) -> None:
        """See L{IMeshListener}."""
        self.ended.append((player, ended))

    def _relayChanged(self) -> None:
        self.world.offer(self)


class MeshWorld:
    """
    The network.

    @ivar players: The processes that run, by player number.
    @ivar lobby_works: Whether steps and candidates are carried.
    @ivar ticketed: Everybody, with the keys and addresses that they told the lobby.
    """

    def __init__(
        self,
        seed: int,
        count: int = 3,
        kinds: tuple[NatBehavior | None, ...] = (PORT_RESTRICTED,),
        profile: LinkProfile | None = None,
        settings: LinkSettings | None = None,
        relay_only: bool = False,
        drifts: tuple[float, ...] = (0.0,),
        offsets: tuple[float, ...] = (0.0,),
    ) -> None:
        self.network = WorldNetwork(seed)
        self.profile = profile or LinkProfile(latency=0.010)
        self.settings = settings or LinkSettings()
        self.relay_only = relay_only
        self.lobby_works = True
        self._drifts, self._offsets = drifts, offsets
        machine = self.network.machine("relay", RELAY_HOST, profile=LinkProfile(latency=0.002))
        self.relay = RelayServer(
            machine, RelaySettings(secrets=(SECRET,), udp=(RELAY,), relay_addresses=(RELAY_HOST,))
        )
        self.relay.start()
        self.players: dict[int, MeshPlayer] = {}
        self.ticketed: dict[int, TicketMember] = {}
        for number in range(1, count + 1):
            self.add(number, kinds[(number - 1) % len(kinds)])

    def add(self, number: int, kind: NatBehavior | None = PORT_RESTRICTED) -> MeshPlayer:
        """Give a player a machine behind a router of its own."""
        outside = f"198.51.{100 + number}.1"
        behind: str | Nat | None = None
        if f"router {number}" in self.network.nats:
            behind = f"router {number}"
        elif kind is not None:
            behind = self.network.nat(f"router {number}", outside, kind)
        machine = self.network.machine(
            f"player {number}",
            outside if behind is None else f"192.168.{number}.2",
            behind,
            self.profile,
            clock_offset=self._offsets[(number - 1) % len(self._offsets)],
            drift_ppm=self._drifts[(number - 1) % len(self._drifts)],
        )
        player = self.players[number] = MeshPlayer(self, number, machine)
        return player

    def meet(self) -> None:
        """Have everybody get a relayed address, and the match begin."""
        self.network.runUntil(
            lambda: all(player.sockets.relayed for player in self.players.values()), 10.0
        )
        members = tuple(player.member for player in self.players.values())
        self.ticketed = {member.player: member for member in members}
        for player in self.players.values():
            player.begin(MatchTicket(MATCH, "ab" * 8, player.number, 7, members, 16))

    def join(
        self, number: int, kind: NatBehavior | None = PORT_RESTRICTED, seats: int = 32
    ) -> MeshPlayer:
        """Have somebody come while the match runs; only the players with seats are told."""
        late = self.add(number, kind)
        self.network.runUntil(lambda: late.sockets.relayed is not None, 10.0)
        members = {each.player: each for each in self.ticketed.values()} | {number: late.member}
        self.ticketed[number] = late.member
        known = [player for player in sorted(members) if player <= seats or player == number]
        everybody = tuple(members[player] for player in known)
        ticket = MatchTicket(MATCH, "ab" * 8, number, 7, everybody, max(16, number), late=True)
        late.begin(ticket)
        for player in self.players.values():
            running = not player.machine.clock.stopped
            if player is not late and player.online and running and player.number <= seats:
                player.mesh.addPeer(late.member)
        return late

    def comeBack(self, number: int, secret: bytes) -> MeshPlayer:
        """Start a new process for a player that crashed, with its resume secret alone."""
        resumed = decodeResumeSecret(secret)
        former = self.players[number].machine
        behind = f"router {number}" if f"router {number}" in self.network.nats else None
        machine = self.network.machine(
            f"player {number}", former.address, behind, self.profile, clock_offset=-77.0
        )
        player = self.players[number] = MeshPlayer(self, number, machine, resumed)
        player.begin(resumed.ticket)
        return player

    def play(self, seconds: float) -> None:
        """Let time pass while everybody who runs sends a game packet each L{FRAME}."""
        end = self.network.clock.now + seconds
        while self.network.clock.now < end:
            for player in self.players.values():
                if not player.machine.clock.stopped and not player.machine.clock.suspended:
                    player.play()
            self.network.advance(FRAME)

    def connected(self) -> bool:
        """Return whether there is a path between all who run, both ways."""
        running = [p for p in self.players.values() if not p.machine.clock.stopped]
        return all(
            one.kinds().get(two.number) is not None
            for one in running
            for two in running
            if one is not two
        )

    def carryStep(self, source: int, destination: int, attempt: bytes, kind: int) -> None:
        """Carry a step as the lobby does."""
        if self.lobby_works:
            self.network.clock.callLater(
                _LOBBY_DELAY, self._deliverStep, source, destination, attempt, kind
            )

    def offer(self, player: MeshPlayer) -> None:
        """Take a player's candidates as the lobby does, and tell the others."""
        if not hasattr(player, "mesh"):
            return
        candidates = player.candidates
        player.mesh.offered(candidates)
        if self.lobby_works:
            self.network.clock.callLater(_LOBBY_DELAY, self._tell, player.number, candidates)

    def close(self) -> None:
        """End everything; nothing may be left on a player's clock."""
        for player in self.players.values():
            player.close()
        self.relay.stop()
        self.network.advance(40.0)

    def _deliverStep(self, source: int, destination: int, attempt: bytes, kind: int) -> None:
        player = self.players.get(destination)
        if self.lobby_works and player is not None and not player.machine.clock.stopped:
            player.machine.clock.enter(
                lambda _: player.mesh.stepReceived(source, attempt, kind), None
            )

    def _tell(self, number: int, candidates: tuple[Candidate, ...]) -> None:
        if self.lobby_works:
            for player in self.players.values():
                if player.number != number and not player.machine.clock.stopped:
                    player.machine.clock.enter(
                        lambda p: p.mesh.candidatesChanged(number, candidates), player
                    )


