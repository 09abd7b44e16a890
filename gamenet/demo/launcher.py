"""
The parent of a demo: starts the relay, the lobby and the players, waits for
each of them only so long, compares what they say, and leaves nothing behind.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall

from gamenet.demo.awaiting import BoundedWait, DemoFailed
from gamenet.demo.child import Child, Ending
from gamenet.demo.commands import childEnvironment, lobbyCommand, playerCommand, relayCommand
from gamenet.demo.relay_status import fetchStatus, packetsCarried
from gamenet.demo.script import playerSecret
from gamenet.demo.settings import Briefing, DemoSettings
from gamenet.demo.table import ProgressLine, formatProgress
from gamenet.demo.tracking import BadReport, PlayerTrack
from gamenet.demo.verdict import Verdict, compareChecksums, judge
from gamenet.errors import GamenetError
from gamenet.interfaces import IMachine
from gamenet.seeded_random import SeededRandom

__all__ = ["DemoInterrupted", "Launcher", "Limits"]

_SECRET_LENGTH = 32
_READY_INTERVAL = 0.02


class DemoInterrupted(GamenetError):
    """Somebody ended the demo before its time; none of its processes is left."""


@frozen
class Limits:
    """
    How long the parent waits, in seconds.

    @ivar start: For a service to be ready.
    @ivar meeting: For the players to find each other.
    @ivar silence: For the next confirmed frame.
    @ivar end: For a process to end, once it has nothing left to do or is told to.
    """

    start: float = 30.0
    meeting: float = 30.0
    silence: float = 15.0
    end: float = 5.0


@define(eq=False)
class Launcher:
    """
    One demo.

    @ivar reactor: Starts processes and provides time.
    @ivar machine: Where random bytes come from.
    @ivar settings: What to do.
    @ivar progress: Where to say how far it is.
    @ivar environment: The environment variables, our own.
    @ivar width: How wide the progress line may be, in characters.
    @ivar limits: How long to wait.
    @ivar logs: The directory for the players' match logs, or C{None}.
    @ivar fetchStatus: Fetches a status page, given the reactor and a URL.
    @ivar tracks: What is known of each player, in order of player number.
    @ivar services: The processes that serve, in the order of their start.
    @ivar players: The processes that play, in order of player number.
    @ivar directory: The temporary directory, removed at the end.
    """

    reactor: Any
    machine: IMachine
    settings: DemoSettings
    progress: ProgressLine
    environment: Mapping[str, str]
    width: int = 79
    limits: Limits = field(factory=Limits)
    logs: Path | None = None
    fetchStatus: Callable[[object, str], Deferred[dict[str, Any]]] = fetchStatus
    tracks: list[PlayerTrack] = field(init=False)
    services: list[Child] = field(init=False, factory=list)
    players: list[Child] = field(init=False, factory=list)
    directory: Path | None = field(init=False, default=None)
    _wait: BoundedWait = field(init=False)
    _interrupted: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        names = enumerate(self.settings.names, start=1)
        self.tracks = [PlayerTrack(player, name) for player, name in names]
        self._wait = BoundedWait(self.reactor)

    @property
    def children(self) -> list[Child]:
        """Every process that was started."""
        return self.services + self.players

    def run(self) -> Deferred[Verdict]:
        """
        Play the demo.

        @return: Fires with what became of it, when every process is gone;
            fails with L{DemoInterrupted} if it was.
        """
        return Deferred.fromCoroutine(self._run())

    def interrupt(self) -> None:
        """End the demo now; asked a second time, kill whatever is left."""
        if self._interrupted:
            for child in self.children:
                child.kill()
        self._interrupted = True
        self._wait.fail("interrupted")

    async def _run(self) -> Verdict:
        relay_packets = 0
        unclean: list[str] = []
        try:
            relay_packets = await self._perform()
        except DemoFailed as error:
            unclean.append(str(error))
        finally:
            await self._tearDown()
        if self._interrupted:
            raise DemoInterrupted("interrupted; every process of the demo is gone")
        unclean += [fault for child in self.children for fault in child.faults(self.limits.end)]
        unclean += [
            f"{child.name} ended with {child.ending} when it was told to end"
            for child in self.services
            if child.told and not child.killed and not (child.ending and child.ending.as_told)
        ]
        return judge(
            self.settings,
            compareChecksums(self.settings.frames, [track.checksums for track in self.tracks]),
            [track.summary for track in self.tracks],
            relay_packets,
            unclean,
        )

    async def _perform(self) -> int:
        """Play, and return how many packets the relay carried."""
        directory = self.directory = Path(mkdtemp(prefix="gamenet-demo-"))
        secret_file = directory / "relay.secret"
        secret_file.touch(mode=0o600)
        secret_file.write_text(self.machine.randomBytes(_SECRET_LENGTH).hex() + "\n", "ascii")
        ready_file = directory / "relay.json"
        relay = self._startService("the relay", relayCommand(directory, secret_file, ready_file))
        for track in self.tracks:
            self._startPlayer(track)
        relay_places = await self._ready(relay, ready_file)
        host, port = relay_places["udp"]
        self.progress.say(f"relay on {host}:{port} (UDP), process {relay.pid}")
        ready_file = directory / "lobby.json"
        command = lobbyCommand(directory, secret_file, ready_file, (host, port))
        lobby = self._startService("the lobby", command)
        lobby_places = await self._ready(lobby, ready_file)
        host, port = lobby_places["listen"][0]
        self.progress.say(f"lobby on {host}:{port} (TCP), process {lobby.pid}")
        await self._play(f"tcp:{host}:{port}")
        return await self._relayPackets(relay_places["status"])

    async def _play(self, lobby: str) -> None:
        for track, child in zip(self.tracks, self.players, strict=True):
            child.write(self._briefing(track, lobby).asLine())
        host = self.tracks[0]
        await self._wait.until(
            lambda: host.session_id is not None,
            self.limits.meeting,
            f"{host.name} did not open a session",
        )
        for child in self.players[1:]:
            child.write(f"{host.session_id}\n".encode())
        await self._wait.until(
            lambda: all(track.started for track in self.tracks),
            self.limits.meeting,
            "the match did not begin",
        )
        processes = " and ".join(f"{child.name} (process {child.pid})" for child in self.players)
        self.progress.say(f"{processes} play {self.settings.frames} frames")
        await self._wait.until(
            lambda: all(track.finished for track in self.tracks),
            self.limits.silence,
            "the match stands still: no frame was confirmed",
        )
        await self._wait.until(
            lambda: all(child.ending is not None for child in self.players),
            self.limits.end,
            "a player's process had nothing left to do and did not end",
        )

    def _briefing(self, track: PlayerTrack, lobby: str) -> Briefing:
        settings = self.settings
        last = track.player == settings.players
        road = SeededRandom.fromLabel(settings.seed, f"road of player {track.player}")
        return Briefing(
            player=track.player,
            players=settings.players,
            name=track.name,
            lobby=lobby,
            frames=settings.frames,
            relay_only=settings.relay_only,
            corrupt_at=settings.corrupt_at if last else None,
            latency=settings.latency,
            jitter=settings.jitter,
            loss=settings.loss,
            secret=playerSecret(settings.seed, track.player).hex(),
            road_seed=road.bits32(),
            log=None if self.logs is None else str(self.logs.resolve()),
        )

    def _startService(self, name: str, command: Sequence[str]) -> Child:
        child = Child(name, self._childEnded)
        self.services.append(child)
        child.start(self.reactor, command, childEnvironment(self.environment))
        return child

    def _startPlayer(self, track: PlayerTrack) -> None:
        child = Child(track.name, self._childEnded, lambda line: self._reported(track, line))
        self.players.append(child)
        child.start(self.reactor, playerCommand(), childEnvironment(self.environment))

    def _reported(self, track: PlayerTrack, line: bytes) -> None:
        confirmed = len(track.checksums)
        try:
            track.lineReceived(line)
        except BadReport as error:
            self._wait.fail(str(error))
        if track.failure is not None:
            self._wait.fail(f"{track.name} failed: {track.failure}")
        if len(track.checksums) > confirmed:
            self._wait.extend()
            progress = [one.progress for one in self.tracks]
            text = formatProgress(self.settings.frames, self.settings.names, progress, self.width)
            self.progress.show(self.reactor.seconds(), text)
        self._wait.happened()

    def _childEnded(self, child: Child) -> None:
        finished = child in self.players and self.tracks[self.players.index(child)].finished
        if not child.told and not (finished and child.ending == Ending(0, None)):
            self._wait.fail(f"{child.name} ended by itself, with {child.ending}")
        self._wait.happened()

    async def _ready(self, child: Child, ready_file: Path) -> dict[str, Any]:
        """Return what a service's ready file says, once it is there."""
        found: list[dict[str, Any]] = []
        looking: list[IDelayedCall] = []

        def look() -> None:
            try:
                found.append(json.loads(ready_file.read_text("utf-8")))
            except (OSError, ValueError):
                looking[:] = [self.reactor.callLater(_READY_INTERVAL, look)]
            else:
                looking.clear()
                self._wait.happened()

        look()
        try:
            complaint = f"{child.name} did not get ready"
            await self._wait.until(lambda: bool(found), self.limits.start, complaint)
        finally:
            for call in looking:
                call.cancel()
        return found[0]

    async def _relayPackets(self, address: str) -> int:
        fetching = self.fetchStatus(self.reactor, address)
        fetching.addTimeout(self.limits.end, self.reactor)
        try:
            return packetsCarried(await fetching)
        except Exception as error:
            raise DemoFailed(f"the relay's status page is of no use: {error!r}") from error

    async def _tearDown(self) -> None:
        self.progress.clear()
        limit = self.limits.end
        await gatherResults([child.stop(self.reactor, limit) for child in self.players])
        await gatherResults([child.stop(self.reactor, limit) for child in self.services])
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
