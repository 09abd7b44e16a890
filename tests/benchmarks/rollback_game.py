"""
The game of the rollback benchmarks, and the matches that it is played in: some sessions
in one process, and links that say when a packet arrives.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from struct import Struct
from typing import TypeAlias

import attrs
from zope.interface import implementer

from gamenet.interfaces import ISimulation
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Load
from gamenet.rollback.timeline import Timeline

__all__ = ["KIND_BYTES", "RATE", "Carrier", "MeasuredPeer", "Mesh", "Press", "WordGame"]

#: Frames a second.
RATE = 60

#: What stands in front of each body that a session hands out: the packet's kind.
KIND_BYTES = 1

#: What a player presses: told the player, the frame and the time in seconds.
Press: TypeAlias = Callable[[int, int, float], bytes]

#: When a packet arrives: told sender, receiver and the time in seconds; empty if it is lost.
Carrier: TypeAlias = Callable[[int, int, float], Sequence[float]]

_WORDS = Struct(">25I")
_MASK = 0xFFFFFFFF


@implementer(ISimulation)
class WordGame:
    """25 words, each of which follows from its neighbor and the inputs."""

    def __init__(self) -> None:
        self.words = list(range(25))

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Mix the inputs in."""
        pressed = 0
        for given in inputs:
            pressed = (pressed * 257 + (given[0] if given else 0)) & _MASK
        before = pressed
        words = self.words
        for place, word in enumerate(words):
            before = words[place] = (word * 1664525 + before + 1013904223) & _MASK

    def save(self) -> bytes:
        """Pack the words."""
        return _WORDS.pack(*self.words)

    def load(self, snapshot: bytes) -> None:
        """Unpack them."""
        self.words = list(_WORDS.unpack(snapshot))


@attrs.define
class MeasuredPeer:
    """
    One peer of a L{Mesh}, and what it did.

    @ivar packets: How many packets it handed out, by receiver.
    @ivar octets: Their bytes, with L{KIND_BYTES} each.
    @ivar depths: How often it went back how many frames.
    @ivar checksums: Those of its final frames.
    """

    session: RollbackSession
    timeline: Timeline
    packets: Counter[int] = attrs.field(factory=Counter)
    octets: Counter[int] = attrs.field(factory=Counter)
    depths: Counter[int] = attrs.field(factory=Counter)
    checksums: list[int] = attrs.field(factory=list)


class Mesh:
    """
    All peers of one match, each with one player.

    @ivar peers: The peers by number, from 1.
    """

    def __init__(self, settings: RollbackSettings, press: Press, carrier: Carrier) -> None:
        """
        @param settings: The rules of all; the local player is each peer's own.
        """
        self.peers: dict[int, MeasuredPeer] = {}
        for player in range(1, settings.players + 1):
            session = RollbackSession(attrs.evolve(settings, local_player=player))
            self.peers[player] = MeasuredPeer(session, Timeline(WordGame(), session))
        self._press = press
        self._carrier = carrier
        self._inboxes: dict[int, list[tuple[float, int, int, bytes]]] = {
            player: [] for player in self.peers
        }
        self._order = 0

    def wake(self, player: int, now: float, plays: bool = True) -> None:
        """
        One tick of a peer: it takes what has come, plays a frame if it can, and sends.

        @param now: The time, in seconds.
        @param plays: Whether it has begun to play; before that it only listens.
        """
        peer = self.peers[player]
        session = peer.session
        inbox = self._inboxes[player]
        while inbox and inbox[0][0] <= now:
            _, _, sender, body = heapq.heappop(inbox)
            session.packetReceived(sender, body, now)
        if not plays:
            return
        wanted = session.inputFrame()
        current_frame = session.current_frame
        pressed = None if wanted is None else self._press(player, wanted, now)
        steps = session.advance(pressed, now)
        for step in steps[:2]:
            if type(step) is Load:
                peer.depths[current_frame - step.frame] += 1
        peer.timeline.apply(steps)
        for event in session.drainEvents():
            if isinstance(event, FrameConfirmed) and event.checksum is not None:
                peer.checksums.append(event.checksum)
        for receiver, body in session.packetsDue(now):
            peer.packets[receiver] += 1
            peer.octets[receiver] += len(body) + KIND_BYTES
            for arrival in self._carrier(player, receiver, now):
                self._order += 1
                heapq.heappush(self._inboxes[receiver], (arrival, self._order, player, body))

    def requireAgreement(self, frames: int) -> None:
        """Fail unless all have the same states, and of so many frames."""
        agreed = min(len(peer.checksums) for peer in self.peers.values())
        assert agreed >= frames, f"{agreed} frames are final, not {frames}"
        first = self.peers[1].checksums[:agreed]
        for peer in self.peers.values():
            assert peer.checksums[:agreed] == first, "the states differ"
            assert not peer.session.statistics.desynchronizations

    def depthPercentile(self, share: float) -> int:
        """Return the depth that so many of all rollbacks do not go beyond; 0 without any."""
        depths: Counter[int] = Counter()
        for peer in self.peers.values():
            depths += peer.depths
        left = share * sum(depths.values())
        for depth in sorted(depths):
            left -= depths[depth]
            if left <= 1e-9:
                return depth
        return 0
