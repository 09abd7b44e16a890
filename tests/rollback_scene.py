"""
For the tests of L{gamenet.rollback}: matches to be led, with players who are cut off,
come back or come late, games that are spoiled, and spectators; all from one seed.

The processes and links are those of L{tests.rollback_worlds}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from zlib import crc32

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.errors import RemoteProtocolError
from gamenet.interfaces import IChecksummed
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_difference import INamedParts
from gamenet.rollback.timeline import Timeline
from gamenet.spectator.session import SpectatorSession
from gamenet.spectator.settings import SpectatorSettings
from tests.rollback_worlds.game import InputScript, SeatedHashGame
from tests.rollback_worlds.mesh import Mesh
from tests.rollback_worlds.peer import Restored, SimulatedPeer
from tests.rollback_worlds.profiles import LinkProfile

__all__ = [
    "LOSSY",
    "NEAR",
    "PaddedGame",
    "PartsGame",
    "Scene",
    "SceneCase",
    "ScenePeer",
    "SpoiledGame",
    "Watcher",
]

#: 30 ms one way, and nothing is lost.
NEAR = LinkProfile("near", 0.0, 0.03, 0.005)

#: 50 ms one way, one packet in ten is lost, some are late or come twice.
LOSSY = LinkProfile("lossy", 0.1, 0.05, 0.02, 0.05, 4, 0.02, ends=1)


class SpoiledGame(SeatedHashGame):
    """
    A game that goes wrong in one frame, each time that it plays it.

    @ivar spoiled_at: That frame, or C{None}.
    """

    spoiled_at: int | None = None

    def advanceSeated(self, inputs: Any, absent: Any) -> None:
        super().advanceSeated(inputs, absent)
        if self.frame - 1 == self.spoiled_at:
            self.state = bytes([self.state[0] ^ 1]) + self.state[1:]
            self.played[self.frame - 1] = self.state, tuple(absent)


@implementer(IChecksummed)
class PaddedGame(SpoiledGame):
    """
    A game with a large state.

    @ivar padding: How many bytes more its state has.
    """

    padding = 400_000

    def save(self) -> bytes:
        return super().save() + bytes(self.padding)

    def load(self, snapshot: bytes) -> None:
        super().load(snapshot[:12])

    def checksum(self) -> int:
        return crc32(super().save())


@implementer(INamedParts)
class PartsGame(SpoiledGame):
    """The same, told by its parts."""

    def parts(self) -> dict[str, bytes]:
        return {"frame": self.frame.to_bytes(4, "big"), "hash": self.state}


class ScenePeer(SimulatedPeer):
    """A process whose game may be spoiled, and which knows each checksum that was told."""

    def __init__(self, game: SpoiledGame, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.game = game
        self.timeline = Timeline(game, self.session)

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the events of one kind that it told."""
        return [event for _, event in self.told if isinstance(event, kind)]

    def when(self, kind: type[Any]) -> float:
        """Return when it first told an event of that kind, in seconds."""
        return next(now for now, event in self.told if isinstance(event, kind))


class Watcher:
    """
    A spectator: a process of the mesh beside the players.

    @ivar confirmed: What it was told of frames, by frame.
    @ivar told: Every other event, with the world's time.
    """

    def __init__(self, number: int, settings: SpectatorSettings, game: SpoiledGame) -> None:
        self.peer = number
        self.session = SpectatorSession(settings)
        self.game = game
        self.timeline = Timeline(self.game, self.session)
        self.confirmed: dict[int, FrameConfirmed] = {}
        self.told: list[tuple[float, object]] = []
        self.refused: list[tuple[float, int, str]] = []
        self._ticks = 0
        self._began = 0.0

    def begin(self, now: float) -> None:
        """Frame 0 is due now."""
        self._began = now

    @property
    def next_due(self) -> float:
        """When the process wants to wake up next."""
        return self._began + self._ticks / 60

    def received(self, sender: int, body: bytes, now: float) -> None:
        """A packet came."""
        try:
            self.session.packetReceived(sender, body, now)
        except RemoteProtocolError as error:
            self.refused.append((now, sender, str(error)))

    def wake(self, now: float) -> list[tuple[int, bytes]]:
        """Play what is due."""
        self._ticks += 1
        self.timeline.apply(self.session.advance(None, now))
        for event in self.session.drainEvents():
            if isinstance(event, FrameConfirmed):
                self.confirmed[event.frame] = event
            else:
                self.told.append((now, event))
        return list(self.session.packetsDue(now))

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the events of one kind that it told."""
        return [event for _, event in self.told if isinstance(event, kind)]


class Scene:
    """
    One match.

    @ivar mesh: Its processes and links.
    @ivar shared: The settings that all have in common.
    """

    def __init__(
        self,
        players: int,
        seed: int = 1,
        profile: LinkProfile = NEAR,
        *,
        game: Callable[[], SpoiledGame] = SpoiledGame,
        absent: Iterable[int] = (),
        own: dict[int, dict[str, Any]] | None = None,
        **shared: Any,
    ) -> None:
        """
        @param game: Makes each process' game.
        @param absent: The peers that do not start yet.
        @param own: Settings of single peers.
        @param shared: Settings of all.
        """
        self.seed = seed
        self.mesh = Mesh(seed, profile)
        self.shared: dict[str, Any] = {"players": players} | shared
        self._own = own or {}
        self._game = game
        self.seating = tuple(peer for peer in RollbackSettings(**self.shared).peers)
        for peer, *_ in self.seating:
            if peer not in self.shared.get("vacant", ()) and peer not in tuple(absent):
                self.start(peer)

    def settings(self, number: int) -> RollbackSettings:
        """Return a peer's settings."""
        return RollbackSettings(
            **self.shared | {"local_player": number} | self._own.get(number, {})
        )

    def start(self, number: int, joining: bool = False) -> ScenePeer:
        """Start a process."""
        settings = self.settings(number)
        scripts = {player: InputScript(self.seed, player, 4) for player in settings.local_players}
        peer = ScenePeer(self._game(), settings, scripts, self.mesh.counters, joining=joining)
        self.mesh.start(peer)
        return peer

    def watch(self, number: int = 17, **chosen: Any) -> Watcher:
        """Start a spectator."""
        settings = self.settings(self.seating[0][0])
        hosts = tuple(peer[0] for peer in self.seating)
        rules = {
            "players": settings.players,
            "hosts": hosts,
            "digest": settings.digest(),
            "input_limit": settings.input_limit,
        }
        watcher = Watcher(number, SpectatorSettings(**rules | chosen), self._game())
        process: Any = watcher
        self.mesh.start(process)
        return watcher

    def __getitem__(self, number: int) -> ScenePeer:
        """Return a process."""
        process: Any = self.mesh.peers[number]
        return process

    def session(self, number: int) -> RollbackSession:
        """Return a player's session."""
        return self[number].session

    @property
    def players(self) -> list[ScenePeer]:
        """The processes of players that are alive."""
        return [self[number] for number in self.mesh.peers if number < 17]

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.mesh.run(seconds)

    def until(self, done: Callable[[], bool], limit: float = 20.0, what: str = "") -> float:
        """
        Let time pass until something holds.

        @return: How many seconds that took.
        @raise AssertionError: It never did.
        """
        began = self.mesh.now
        if not self.mesh.runUntil(done, limit, 1 / 60):
            standing = [(p.peer, p.session.state.value, p.session.members) for p in self.players]
            raise AssertionError(f"{what or 'it'} did not happen in {limit} s: {standing}")
        return self.mesh.now - began

    def cutOff(self, *numbers: int) -> None:
        """Cut the links of some to all others, spectators too."""
        others = [number for number in self.mesh.peers if number not in numbers]
        self.mesh.cut(numbers, others)

    def untilState(self, number: int, state: object, limit: float = 20.0) -> float:
        """Let time pass until a session is in a state; return how many seconds that took."""
        return self.until(lambda: self.session(number).state is state, limit, str(state))

    def untilMembers(self, *members: int, limit: float = 20.0) -> float:
        """Let time pass until all of these play, nobody else, and each of them knows that."""
        return self.until(
            lambda: all(self[n].plays and self.session(n).members == members for n in members),
            limit,
            f"members {members}",
        )

    def played(self, *numbers: int, least: int = 60) -> int:
        """
        Let these confirm more frames.

        @return: The newest that all have confirmed.
        """
        wanted = max(self.session(n).confirmed_frame for n in numbers) + least
        self.until(lambda: all(self.session(n).confirmed_frame >= wanted for n in numbers))
        return wanted


class SceneCase(SynchronousTestCase):
    """What all these tests compare."""

    def assertAgree(self, scene: Scene, *numbers: int, start: int = 0, least: int = 60) -> None:
        """All of these confirmed the same inputs, empty seats and states, of so many frames."""
        peers = [scene[number] for number in numbers] if numbers else scene.players
        first = peers[0].confirmed
        for peer in peers:
            common = [n for n in peer.confirmed if n in first and n >= start]
            self.assertGreaterEqual(len(common), least, f"peer {peer.peer}")
            for frame in common:
                self.assertEqual(peer.confirmed[frame], first[frame], f"{peer.peer}: {frame}")
            self.assertEqual(peer.refused, [], f"peer {peer.peer}")

    def assertSeen(self, scene: Scene, watcher: Watcher, least: int = 60) -> None:
        """A spectator saw what those who play confirmed, so many frames."""
        rows: dict[int, Any] = {}
        for peer in scene.players:
            if peer.plays:
                # Who was dropped may have confirmed frames that the others played without it.
                since = max([event.frame for event in peer.of(Restored)], default=0)
                rows |= {frame: row for frame, row in peer.confirmed.items() if frame >= since}
        self.assertGreaterEqual(len(watcher.confirmed), least)
        for frame, seen in watcher.confirmed.items():
            if frame in rows:
                told = seen.inputs, watcher.game.played[frame][0], seen.absent
                self.assertEqual(told, rows[frame], f"frame {frame}")
        self.assertEqual(watcher.refused, [])
