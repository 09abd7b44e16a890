"""
Two players' links on one clock, and everything between them in memory: two
routers that let in only what was asked for, a relay, and a lobby for the steps.
"""

from __future__ import annotations

from itertools import pairwise

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket
from gamenet.mesh.link import PeerLink
from gamenet.mesh.path import Path, PathKind, PathSettings
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.sealed_link import SealedLink
from gamenet.seeded_random import SeededRandom
from gamenet.traversal.punch import PunchRole, PunchSettings
from gamenet.wire.lobby_values import Candidate
from gamenet.wire.peer_packets import Inputs, PeerPacket

__all__ = [
    "FRAME",
    "MATCH",
    "LinkPipe",
    "LinkPlayer",
    "LinkTestCase",
    "PipeSocket",
    "SentDatagram",
    "kinds",
    "longestSilence",
    "numbersReceived",
]

#: Seconds between two game packets of L{LinkPipe.play}; a power of two, so that times are exact.
FRAME = 1 / 64

MATCH = bytes(range(16))

_KEYS = tuple(PlayerKeys.fromRandomBytes(bytes([n]) * 64) for n in (1, 2))

#: More wake-ups than this within one moment mean that time stands still.
_WAKE_UPS_LIMIT = 10_000


@attrs.frozen
class SentDatagram:
    """
    A datagram that left a socket.

    @ivar time: When, in seconds.
    @ivar source: The sender's address.
    @ivar destination: The address it was sent to.
    @ivar data: Its bytes.
    """

    time: float
    source: Address
    destination: Address
    data: bytes


@implementer(IDatagramSocket)
class PipeSocket:
    """A socket whose datagrams a L{LinkPipe} carries."""

    def __init__(self, pipe: LinkPipe, kind: PathKind, address: Address) -> None:
        self.pipe = pipe
        self.kind = kind
        self.address = address
        self.send_errors = 0
        self.receiver: DatagramReceiver = lambda data, source: None
        pipe.sockets[address] = self

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """Hand the datagram to the pipe."""
        self.pipe.carry(self, data, address)
        return True

    def moveTo(self, address: Address) -> None:
        """Be seen under another address from now on, as after a router's restart."""
        self.close()
        self.address = address
        self.pipe.sockets[address] = self

    def close(self) -> None:
        """Take the socket off the pipe."""
        self.pipe.sockets.pop(self.address, None)


class LinkPipe:
    """
    The network between players 1 and 2.

    @ivar clock: The clock of both.
    @ivar works: Whether each kind of path carries anything.
    @ivar lobby_works: Whether steps are carried.
    @ivar loss: The chance of each datagram to be lost.
    @ivar sent: Every datagram that left a socket.
    @ivar filtering: Whether routers let in only what was asked for.
    @ivar filtered: How many datagrams a router kept out.
    """

    def __init__(
        self,
        seed: int = 1,
        start: float = 1000.0,
        loss: float = 0.0,
        path_settings: PathSettings | None = None,
        punch_settings: PunchSettings | None = None,
    ) -> None:
        self.clock = Clock()
        self.clock.rightNow = start
        self.random = SeededRandom(seed)
        self.loss = loss
        self.works = {PathKind.DIRECT: True, PathKind.RELAY: True}
        self.lobby_works = True
        self.delays = {PathKind.DIRECT: 1 / 64, PathKind.RELAY: 1 / 32}
        self.sent: list[SentDatagram] = []
        self.filtering = True
        self.filtered = 0
        self.sockets: dict[Address, PipeSocket] = {}
        self._opened: dict[tuple[Address, Address], None] = {}
        self._under_way: dict[object, None] = {}
        self.players = tuple(
            LinkPlayer(self, number, path_settings, punch_settings) for number in (1, 2)
        )

    def randomBytes(self, count: int) -> bytes:
        """Return bytes from the seed; this makes the pipe the players' machine."""
        return self.random.drawBytes(count)

    def carry(self, socket: PipeSocket, data: bytes, address: Address) -> None:
        """Carry a datagram, unless it is lost; a direct one opens the sender's router."""
        self.sent.append(SentDatagram(self.clock.seconds(), socket.address, address, data))
        if socket.kind is PathKind.DIRECT:
            self._opened[socket.address, address] = None
        lost = self.random.chance(self.loss) or not self.works[socket.kind]
        if address in self.sockets and not lost:
            self._later(self.delays[socket.kind], self._deliver, socket.address, address, data)

    def carryStep(self, sender: LinkPlayer, attempt: bytes, kind: int) -> None:
        """Carry a step as the lobby does."""
        if self.lobby_works:
            other = self.players[2 - sender.number]
            self._later(3 / 64, other.link.stepReceived, attempt, kind)

    def run(self, seconds: float) -> None:
        """Let time pass, from each call's own deadline to the next."""
        end = self.clock.seconds() + seconds
        wake_ups = 0
        while calls := self.clock.getDelayedCalls():
            due = min(call.getTime() for call in calls)
            if due > end:
                break
            wake_ups = wake_ups + 1 if due <= self.clock.seconds() else 0
            if wake_ups > _WAKE_UPS_LIMIT:
                raise AssertionError(f"time stands still at {due}")
            self.clock.rightNow = max(due, self.clock.seconds())
            self.clock.advance(0)
        self.clock.rightNow = end

    def play(self, seconds: float) -> None:
        """Let time pass while both players send a game packet each L{FRAME}."""
        for number in range(int(seconds / FRAME)):
            for player in self.players:
                player.link.send(Inputs(number.to_bytes(4, "big")))
            self.run(FRAME)

    def drop(self) -> None:
        """Forget everything that is under way."""
        for call in list(self._under_way):
            call.cancel()  # type: ignore[attr-defined]
        self._under_way.clear()

    def _later(self, delay: float, act: object, *arguments: object) -> None:
        def arrive() -> None:
            del self._under_way[call]
            act(*arguments)  # type: ignore[operator]

        call = self.clock.callLater(delay, arrive)
        self._under_way[call] = None

    def _deliver(self, source: Address, destination: Address, data: bytes) -> None:
        socket = self.sockets.get(destination)
        if socket is None:
            return
        asked = socket.kind is PathKind.RELAY or (destination, source) in self._opened
        if self.filtering and not asked:
            self.filtered += 1
        else:
            socket.receiver(data, source)


class LinkPlayer:
    """
    One player's link and sockets.

    @ivar link: The link.
    @ivar game: The game socket, behind a router of its own.
    @ivar relayed: The socket that is the relayed address.
    @ivar packets: What the link handed to the game, and when.
    @ivar changes: Which kind of path the link said it changed to, and when.
    @ivar steps: The steps it handed to the lobby.
    @ivar relay_silences: When it said that the relay does not answer.
    """

    def __init__(
        self,
        pipe: LinkPipe,
        number: int,
        path_settings: PathSettings | None,
        punch_settings: PunchSettings | None,
    ) -> None:
        self.pipe = pipe
        self.number = number
        self.packets: list[tuple[float, PeerPacket]] = []
        self.changes: list[tuple[float, PathKind | None]] = []
        self.steps: list[tuple[bytes, int]] = []
        self.relay_silences: list[float] = []
        self.game = self._open(PathKind.DIRECT, (f"198.51.100.{number}", 5000))
        self.relayed = self._open(PathKind.RELAY, ("203.0.113.2", 50_000 + number))
        other = 3 - number
        self.sealed = SealedLink.between(
            _KEYS[number - 1], number, _KEYS[other - 1].link_key, other, MATCH
        )
        self.link = PeerLink(
            pipe,  # type: ignore[arg-type]
            self.sealed,
            other,
            PunchRole.OPENER if number == 1 else PunchRole.ANSWERER,
            self._packetReceived,
            self._pathChanged,
            self._sendStep,
            self._relaySilent,
            path_settings,
            punch_settings,
        )

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Where this player may be reached."""
        return (
            Candidate("server_reflexive", self.game.address),
            Candidate("relayed", self.relayed.address),
        )

    @property
    def chosen(self) -> PathKind | None:
        """The kind of path that carries the game now."""
        chosen = self.link.paths.chosen
        return None if chosen is None else chosen.kind

    def useRelay(self) -> None:
        """Add the path through the relay."""
        self.link.addRelay(self.relayed, self.other().relayed.address)

    def useDirect(self) -> None:
        """Search a direct path."""
        self.link.searchDirect(self.game, self.candidates, self.other().candidates)

    def other(self) -> LinkPlayer:
        """Return the other player."""
        return self.pipe.players[2 - self.number]

    def _open(self, kind: PathKind, address: Address) -> PipeSocket:
        socket = PipeSocket(self.pipe, kind, address)
        socket.receiver = lambda data, source: self.link.datagramReceived(
            kind, socket, data, source
        )
        return socket

    def _packetReceived(self, packet: PeerPacket) -> None:
        self.packets.append((self.pipe.clock.seconds(), packet))

    def _pathChanged(self, path: Path | None) -> None:
        kind = None if path is None else path.kind
        self.changes.append((self.pipe.clock.seconds(), kind))

    def _relaySilent(self) -> None:
        self.relay_silences.append(self.pipe.clock.seconds())

    def _sendStep(self, attempt: bytes, kind: int) -> None:
        self.steps.append((attempt, kind))
        self.pipe.carryStep(self, attempt, kind)


def kinds(player: LinkPlayer) -> list[PathKind | None]:
    """Return the kinds of path that a link said it changed to, in order."""
    return [kind for _, kind in player.changes]


def longestSilence(player: LinkPlayer, since: float) -> float:
    """Return the longest time between two packets of the game, from a time on."""
    times = [since, *(when for when, _ in player.packets if when > since)]
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


def numbersReceived(player: LinkPlayer) -> list[int]:
    """Return the numbers of the game packets that came, in order of coming."""
    return [
        int.from_bytes(packet.body, "big")
        for _, packet in player.packets
        if isinstance(packet, Inputs)
    ]


class LinkTestCase(SynchronousTestCase):
    """Two players on a pipe."""

    def start(self, pipe: LinkPipe, relay: bool = True, direct: bool = True) -> None:
        """Have both players use what they may."""
        self.pipe = pipe
        self.one, self.two = pipe.players
        for player in pipe.players:
            if relay:
                player.useRelay()
            if direct:
                player.useDirect()
        self.addCleanup(self.closeClean)

    def closeClean(self) -> None:
        """Close both links, however the test went: nothing may be left on the clock."""
        for player in self.pipe.players:
            player.link.close()
        self.pipe.drop()
        self.assertEqual(self.pipe.clock.getDelayedCalls(), [])
