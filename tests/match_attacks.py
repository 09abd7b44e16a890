"""
An attacker on the wire of a match in the twin world: it sees every datagram just before
its receiver does, and may hand whatever it likes to anybody's socket.
"""

from __future__ import annotations

import gc
import os
import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.mesh.link import PeerLink
from gamenet.mesh.mesh import Mesh
from gamenet.mesh.sockets import PlayerSockets
from gamenet.sealing.sealed_link import SealedLink
from gamenet.world.datagram_socket import WorldDatagramSocket
from gamenet.world.machine import WorldMachine
from tests.many_players import ManyPlayers, MeshSeat

__all__ = [
    "MEGABYTE",
    "STRANGER",
    "Eavesdropper",
    "MatchCase",
    "Victim",
    "fingerprint",
    "residentBytes",
    "runsIn",
    "runsOf",
    "victimOf",
]

MEGABYTE = 1_000_000
STRANGER: Address = ("203.0.113.99", 6666)

_STATM = Path("/proc/self/statm")

#: What only counts what was refused, or is of the world and not of a player.
_COUNTERS = frozenset(
    {
        "faults",
        "hellos_answered",
        "malformed",
        "refused",
        "rejected",
        "stray_handshakes",
        "strangers",
        "unclaimed",
        "_attrs_cached_hash",
    }
)
_OUTSIDE = ("gamenet.world", "tests.", "twisted.", "logging", "cryptography")
_PLAIN = (type(None), bool, int, float, str, bytes, Enum)


def residentBytes() -> int:
    """Return the resident memory of this process; 0 where that cannot be told."""
    gc.collect()
    if not _STATM.exists():
        return 0
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fingerprint(*roots: object) -> list[object]:
    """
    Return everything that objects of gamenet hold, down to the last attribute, without
    what only counts refusals: two are equal where nothing else has changed.
    """
    found: list[object] = []
    seen: dict[int, int] = {}
    held: list[object] = []
    waiting: deque[object] = deque(roots)
    while waiting:
        value = waiting.popleft()
        if isinstance(value, _PLAIN):
            found.append(value)
        elif isinstance(value, bytearray):
            found.append(bytes(value))
        elif isinstance(value, types.BuiltinFunctionType):
            found.append(value.__qualname__)
        elif id(value) in seen:
            found.append(seen[id(value)])
        else:
            seen[id(value)] = len(seen)
            held.append(value)
            found.append(type(value).__qualname__)
            waiting.extend(_parts(value))
    return found


def _parts(value: object) -> Iterable[object]:
    """Return what a value is made of, as far as it is a player's."""
    if isinstance(value, Mapping):
        return [part for item in value.items() for part in item]
    if isinstance(value, list | tuple | deque):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if type(value).__module__.startswith(_OUTSIDE) or isinstance(value, type):
        return ()
    if isinstance(value, types.FunctionType | types.MethodType):
        return ()
    names = dict.fromkeys(getattr(value, "__dict__", ()))
    for kind in type(value).__mro__:
        slots = getattr(kind, "__slots__", ())
        names |= dict.fromkeys((slots,) if isinstance(slots, str) else slots)
    return [
        getattr(value, name, None)
        for name in names
        if name not in _COUNTERS and not name.startswith("__")
    ]


def runsOf(*secrets: bytes) -> frozenset[bytes]:
    """Return every run of 8 bytes of some secrets."""
    return frozenset(
        secret[begin : begin + 8] for secret in secrets for begin in range(len(secret) - 7)
    )


def runsIn(data: bytes, runs: frozenset[bytes]) -> int:
    """Return how often one of these runs is in some bytes."""
    return sum(data[begin : begin + 8] in runs for begin in range(len(data) - 7))


@attrs.define(eq=False)
class Victim:
    """
    One player whose socket the attacker can reach.

    @ivar name: Of its machine.
    @ivar roots: What must not change but by what the others have sealed.
    """

    name: str
    machine: WorldMachine
    sockets: PlayerSockets
    roots: Callable[[], tuple[object, ...]]
    receive: Callable[[bytes, Address], object] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.receive = self.sockets.demultiplexer._datagramReceived

    @property
    def links(self) -> tuple[PeerLink, ...]:
        """The links that its socket deals to."""
        return tuple(self.sockets._links.values())

    @property
    def refused(self) -> int:
        """How many datagrams were dropped, each under a name of its own."""
        sockets = self.sockets
        return (
            sockets.strangers
            + sockets.stray_handshakes
            + sockets.demultiplexer.unclaimed
            + sum(link.statistics.rejected for link in self.links)
        )

    def windows(self) -> list[object]:
        """Return what a forged datagram would change first: counters and statistics."""
        told: list[object] = []
        for link in self.links:
            sealed: SealedLink = link._sealed
            counts = attrs.evolve(link.statistics, rejected=0)
            window = sealed._window
            told += [sealed.epoch, sealed.opened, sealed.sealed, window.highest, window._seen]
            told += [counts, link.paths.chosen, link.paths.last_heard, link.paths.refused]
        return told


#: What an attacker does with a datagram for a victim, just before it arrives.
Attack = Callable[[Victim, bytes, Address], None]


class Eavesdropper:
    """
    Stands before the sockets of all players.

    @ivar captured: What came: for whom, the bytes, and the address it came from.
    @ivar attack: What is done before each datagram arrives, C{None} for nothing.
    """

    def __init__(self, victims: Iterable[Victim], limit: int) -> None:
        """
        @param limit: How many sealed datagrams are captured and attacked; later ones pass.
        """
        self.victims = tuple(victims)
        self.captured: list[tuple[Victim, bytes, Address]] = []
        self.attack: Attack | None = None
        self.limit = limit
        for victim in self.victims:
            socket: Any = victim.sockets.demultiplexer.socket
            socket._receiver = self._before(victim)

    @property
    def full(self) -> bool:
        """Whether enough has been captured."""
        return len(self.captured) >= self.limit

    def _before(self, victim: Victim) -> Callable[[bytes, Address], object]:
        def received(data: bytes, address: Address) -> None:
            sealed = data[:1] in (b"\xc4", b"\xc6")
            if sealed and not self.full:
                self.captured.append((victim, data, address))
                if self.attack is not None:
                    self.attack(victim, data, address)
            victim.receive(data, address)

        return received


class MatchCase(SynchronousTestCase):
    """
    A match that is being played, and player 1, who is attacked.

    @ivar mesh: The players.
    @ivar victims: All of them, as an attacker sees them.
    @ivar victim: Player 1.
    """

    mesh: ManyPlayers
    victims: list[Victim]
    victim: Victim

    def begin(self, players: int, seed: int = 3, capacity: int = 0) -> None:
        """Have players play for a while."""
        self.mesh = mesh = ManyPlayers(players, seed, capacity=capacity, lost_after=1.5)
        mesh.play()
        mesh.until(30)
        self.victims = [victimOf(seat) for seat in mesh.seats.values()]
        self.victim = self.victims[0]

    def capture(self, count: int) -> list[tuple[Victim, bytes, Address]]:
        """Have the match go on until so many datagrams were seen, and return them."""
        eavesdropper = Eavesdropper(self.victims, count)
        self.mesh.network.runUntil(lambda: eavesdropper.full, 30.0)
        return eavesdropper.captured

    def meshOf(self, player: int) -> Mesh:
        """Return a player's links."""
        match = self.mesh.seats[player].match
        assert match is not None
        return match._others.mesh

    def swallow(self) -> list[tuple[int, Address]]:
        """Let nothing that is sent arrive for a while; note its size, and where it went."""
        sent: list[tuple[int, Address]] = []

        def send(socket: object, data: bytes, address: Address, ttl: int | None = None) -> bool:
            sent.append((len(data), address))
            return True

        self.swallowed = self.patch(WorldDatagramSocket, "send", send)
        return sent

    def assertGoesOn(self, frames: int = 40) -> None:
        """Check that all play on, nobody was interrupted or lost, and they agree."""
        self.mesh.onward(frames, 5.0)
        for seat in self.mesh.seats.values():
            assert seat.match is not None and seat.failure is None, seat.failure
            self.assertEqual(seat.match.players, tuple(self.mesh.seats))
            self.assertEqual(seat.protocol.happened, [])
        self.assertEqual(self.mesh.disagreement(), "")


def victimOf(seat: MeshSeat) -> Victim:
    """Return a seat as an attacker sees it."""
    return Victim(
        f"p{seat.player}", seat.machine, seat.sockets, lambda: (seat.match, seat.sockets)
    )
