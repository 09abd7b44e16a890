"""
The processes of one match and the links between them, in virtual time.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from struct import pack
from typing import Any
from zlib import crc32

from gamenet.seeded_random import SeededRandom
from tests.rollback_worlds.link import Link
from tests.rollback_worlds.peer import SimulatedPeer
from tests.rollback_worlds.profiles import LinkProfile

__all__ = ["Mesh"]

#: How many packets wait at a process that is stopped; more are lost, as in a socket.
SOCKET_PACKETS = 256


class Mesh:
    """
    All processes of one match.

    @ivar now: The world's time, in seconds.
    @ivar peers: The processes that are alive, by number.
    @ivar dead: Those that died or left for good.
    @ivar counters: How often everything happened.
    @ivar trace: A running checksum of all packets that arrived.
    """

    def __init__(self, seed: int, profile: LinkProfile) -> None:
        """
        @param profile: That of every link.
        """
        self.now = 0.0
        self.peers: dict[int, SimulatedPeer] = {}
        self.dead: list[SimulatedPeer] = []
        self.counters: Counter[str] = Counter()
        self.trace = 0
        self._seed = seed
        self._profile = profile
        self._links: dict[tuple[int, int], Link] = {}
        self._stopped: dict[int, list[tuple[int, bytes]] | None] = {}
        self._due: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._order = 0

    def link(self, sender: int, receiver: int) -> Link:
        """Return one direction of a link."""
        found = self._links.get((sender, receiver))
        if found is None:
            random = SeededRandom.fromLabel(self._seed, f"link/{sender}/{receiver}")
            found = self._links[sender, receiver] = Link(self._profile, random, self.counters)
        return found

    def start(self, peer: SimulatedPeer) -> None:
        """A process starts."""
        self.peers[peer.peer] = peer
        peer.begin(self.now)
        self.call(0.0, self._wake, peer)

    def kill(self, number: int) -> None:
        """A process dies; what it sent before still arrives."""
        self.dead.append(self.peers.pop(number))

    def stop(self, number: int, seconds: float, connected: bool = True) -> None:
        """
        A process stands still.

        @param connected: Whether its packets wait for it; otherwise they are lost.
        """
        self._stopped[number] = [] if connected else None
        self.call(seconds, self._goOn, number)

    def cut(self, ones: Iterable[int], others: Iterable[int], both: bool = True) -> None:
        """Cut the links from one group to another."""
        others = tuple(others)
        for one in ones:
            for other in others:
                self.link(one, other).cut += 1
                if both:
                    self.link(other, one).cut += 1

    def heal(self) -> None:
        """Let all links carry again."""
        for link in self._links.values():
            link.cut = 0

    @property
    def cuts(self) -> bool:
        """Whether any link is cut."""
        return any(link.cut for link in self._links.values())

    def call(self, delay: float, act: Callable[..., object], *arguments: Any) -> None:
        """Do something later."""
        self._order += 1
        heapq.heappush(self._due, (self.now + delay, self._order, act, arguments))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.runUntil(lambda: False, seconds)

    def runUntil(self, done: Callable[[], bool], limit: float, every: float = 0.1) -> bool:
        """
        Let time pass until something holds, which is looked at now and then.

        @param limit: For how many seconds at most.
        @param every: Seconds between two looks.
        @return: Whether it holds.
        """
        due = self._due
        end = self.now + limit
        look = self.now + every
        while due and due[0][0] <= end:
            time, _, act, arguments = heapq.heappop(due)
            if time > look:
                self.now = look
                if done():
                    heapq.heappush(due, (time, _, act, arguments))
                    return True
                look = time + every
            self.now = time
            act(*arguments)
        self.now = end
        return done()

    def _wake(self, peer: SimulatedPeer) -> None:
        """A process' frame is due."""
        number = peer.peer
        if self.peers.get(number) is not peer:
            return
        now = self.now
        if number not in self._stopped:
            for receiver, body in peer.wake(now):
                for arrival in self.link(number, receiver).carry(now):
                    self._order += 1
                    arguments = (number, receiver, body)
                    heapq.heappush(self._due, (arrival, self._order, self._arrive, arguments))
            # A clock that runs at another rate may round to just before what is due.
            due = max(peer.next_due, now + 1e-9)
            self._order += 1
            heapq.heappush(self._due, (due, self._order, self._wake, (peer,)))

    def _arrive(self, sender: int, receiver: int, body: bytes) -> None:
        """A packet arrives."""
        peer = self.peers.get(receiver)
        if peer is None:
            return
        if receiver in self._stopped:
            waiting = self._stopped[receiver]
            if waiting is not None and len(waiting) < SOCKET_PACKETS:
                waiting.append((sender, body))
            return
        self.counters["packets delivered"] += 1
        self.trace = crc32(body, crc32(pack(">dBB", self.now, sender, receiver), self.trace))
        peer.received(sender, body, self.now)

    def _goOn(self, number: int) -> None:
        """A process that stood still goes on."""
        waiting = self._stopped.pop(number, None)
        peer = self.peers.get(number)
        if peer is None:
            return
        for sender, body in waiting or ():
            self._arrive(sender, number, body)
        self._wake(peer)
