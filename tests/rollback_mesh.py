"""
For the tests of L{gamenet.rollback}: a full mesh of sessions, each with its game,
over links that lose and delay packets, die and come back; all from one seed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.events import Desynchronized, FrameConfirmed
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.session_events import SessionEvent
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.timeline import Timeline
from gamenet.seeded_random import SeededRandom
from tests.rollback_pipe import FRAME, HashGame

__all__ = ["Mesh", "held"]


def held(player: int, frame: int) -> bytes:
    """A player's input, which changes every 5 frames and at other frames than the others'."""
    return bytes([(frame + player) // 5 * 7 + player & 0xFF])


class Mesh:
    """
    The peers of one match.

    @ivar now: The time, in seconds.
    @ivar sessions: By peer.
    @ivar games: By peer.
    @ivar confirmed: What was told of final frames, by peer.
    @ivar events: Everything else that was told, by peer.
    @ivar cut: The links, (from, to), that lose everything.
    @ivar dead: The peers that stand still.
    @ivar forge: Given (from, to, body), what is sent instead.
    @ivar attacker: Whose packets, to and from, may be refused.
    @ivar sent: Packets of each link, (from, to).
    """

    def __init__(
        self,
        players: int,
        seed: int = 0,
        *,
        loss: float = 0.0,
        latency: float = 1.5,
        jitter: float = 0.0,
        script: Callable[[int, int], bytes] = held,
        own: dict[int, dict[str, Any]] | None = None,
        **shared: Any,
    ) -> None:
        """
        @param loss: How likely a packet is lost.
        @param latency: In frames, and so is C{jitter}.
        @param script: The input of a player for a frame.
        @param own: Settings of single peers.
        @param shared: Settings of all peers.
        """
        self.random = SeededRandom.fromLabel(seed, "mesh")
        self.loss, self.latency, self.jitter = loss, latency, jitter
        self.script = script
        self.now = 0.0
        self.cut: set[tuple[int, int]] = set()
        self.dead: set[int] = set()
        self.attacker = 0
        self.forge: Callable[[int, int, bytes], bytes] = lambda sender, to, body: body
        self.sessions: dict[int, RollbackSession] = {}
        self.games: dict[int, HashGame] = {}
        self.timelines: dict[int, Timeline] = {}
        self.confirmed: dict[int, list[FrameConfirmed]] = {}
        self.events: dict[int, list[SessionEvent]] = {}
        self.sent: dict[tuple[int, int], int] = {}
        self._flying: list[tuple[float, int, int, int, bytes]] = []
        self._order = 0
        seating = shared.get("seating") or [(player,) for player in range(1, players + 1)]
        for peer, *_ in seating:
            chosen = {"players": players, "local_player": peer, "input_delay": 0} | shared
            chosen |= (own or {}).get(peer, {})
            self.sessions[peer] = RollbackSession(RollbackSettings(**chosen))
            self.games[peer] = HashGame()
            self.timelines[peer] = Timeline(self.games[peer], self.sessions[peer])
            self.confirmed[peer] = []
            self.events[peer] = []

    def send(self, sender: int, to: int, body: bytes) -> None:
        """Put a packet on its link."""
        self.sent[sender, to] = self.sent.get((sender, to), 0) + 1
        if (sender, to) in self.cut or self.random.chance(self.loss):
            return
        self._order += 1
        due = self.now + (self.latency + self.random.unit() * self.jitter) * FRAME
        body = self.forge(sender, to, body)
        heapq.heappush(self._flying, (due, self._order, sender, to, body))

    def run(self, frames: int) -> None:
        """Let that many frames pass for everybody who is not dead."""
        for _ in range(frames):
            self.now += FRAME
            while self._flying and self._flying[0][0] <= self.now:
                _, _, sender, to, body = heapq.heappop(self._flying)
                if to not in self.dead:
                    self.deliver(sender, to, body)
            for peer in self.sessions:
                if peer not in self.dead:
                    self.tick(peer)

    def deliver(self, sender: int, to: int, body: bytes) -> None:
        """Hand a packet over."""
        try:
            self.sessions[to].packetReceived(sender, body, self.now)
        except RemoteProtocolError:
            if self.attacker not in (sender, to):
                raise

    def tick(self, peer: int) -> None:
        """One peer's frame is due."""
        session = self.sessions[peer]
        inputs = {}
        for player in session.settings.local_players:
            frame = session.inputFrame(player)
            if frame is not None:
                inputs[player] = self.script(player, frame)
        self.timelines[peer].apply(session.advance(inputs or None, self.now))
        for event in session.drainEvents():
            if isinstance(event, FrameConfirmed):
                self.confirmed[peer].append(event)
            else:
                self.events[peer].append(event)
        for to, body in session.packetsDue(self.now):
            self.send(peer, to, body)

    def cutLink(self, one: int, two: int) -> None:
        """Nothing gets through between two peers any more."""
        self.cut |= {(one, two), (two, one)}

    def healLink(self, one: int, two: int) -> None:
        """It does again."""
        self.cut -= {(one, two), (two, one)}

    def common(self, *peers: int) -> list[FrameConfirmed]:
        """
        Return the frames that all of these peers have confirmed.

        @raise AssertionError: They have not confirmed the same.
        """
        peers = peers or tuple(self.sessions)
        frames = min(len(self.confirmed[peer]) for peer in peers)
        expected = self.confirmed[peers[0]][:frames]
        assert [event.frame for event in expected] == list(range(frames))
        for peer in peers:
            for one, other in zip(expected, self.confirmed[peer], strict=False):
                assert (one.frame, one.inputs) == (other.frame, other.inputs), (one, other)
                if None not in (one.checksum, other.checksum):
                    assert one.checksum == other.checksum, (one, other)
            assert self.of(Desynchronized, peer) == [], peer
        return expected

    def of(self, kind: type[SessionEvent], peer: int) -> list[Any]:
        """Return the events of one kind that a peer told."""
        return [event for event in self.events[peer] if isinstance(event, kind)]
