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
from textwrap import fill
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall

from gamenet.demo.awaiting import BoundedWait, DemoFailed
from gamenet.demo.briefing import LOST_AFTER, Briefing, ReturnBriefing
from gamenet.demo.casualties import Act, Casualties
from gamenet.demo.child import Child, Ending
from gamenet.demo.commands import childEnvironment, lobbyCommand, playerCommand, relayCommand
from gamenet.demo.conclusion import Fates, conclude, reportHistories, reportMarks, showPlayers
from gamenet.demo.history import Mark, PlayerHistory
from gamenet.demo.relay_status import fetchStatus, packetsCarried
from gamenet.demo.settings import DemoSettings
from gamenet.demo.table import ProgressLine, formatProgress
from gamenet.demo.tracking import BadReport, PlayerTrack
from gamenet.demo.verdict import Verdict
from gamenet.errors import GamenetError
from gamenet.interfaces import IMachine

__all__ = ["DemoInterrupted", "Launcher", "Limits"]

_SECRET_LENGTH = 32
_READY_INTERVAL = 0.02

#: Where in the list of services the lobby is.
_LOBBY = 1


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
    @ivar lost_after: For a player who is silent to be lost; where somebody is killed the
        others stand still for so long.
    """

    start: float = 30.0
    meeting: float = 30.0
    silence: float = 15.0
    end: float = 5.0
    lost_after: float = 3.0


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
    @ivar returned_track: What is known of player 1 since it came back, C{None} before.
    @ivar returned_player: The process that it came back as, likewise.
    @ivar casualties: Who is killed and comes back when.
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
    returned_track: PlayerTrack | None = field(init=False, default=None)
    returned_player: Child | None = field(init=False, default=None)
    casualties: Casualties = field(init=False)
    _marks: list[Mark] = field(init=False, factory=list)
    directory: Path | None = field(init=False, default=None)
    _wait: BoundedWait = field(init=False)
    _interrupted: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        names = enumerate(self.settings.names, start=1)
        self.tracks = [PlayerTrack(player, name) for player, name in names]
        self.casualties = Casualties(self.settings)
        self._wait = BoundedWait(self.reactor)

    @property
    def children(self) -> list[Child]:
        """Every process that was started."""
        return self.services + self.playing

    @property
    def playing(self) -> list[Child]:
        """Every process that was started to play."""
        returned = self.returned_player
        return self.players if returned is None else [*self.players, returned]

    @property
    def histories(self) -> list[PlayerHistory]:
        """What happened to each player over time, in order of player number."""
        return reportHistories(self.tracks, self._fates())

    @property
    def marks(self) -> list[Mark]:
        """What is worth a line across the picture, in order of time."""
        return reportMarks(self.tracks, self._marks)

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
        return conclude(self.settings, self.tracks, self._fates(), relay_packets, unclean)

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
            briefing = Briefing.of(self.settings, track.player, lobby, self.logs, self._lost_after)
            child.write(briefing.asLine())
        host = self.tracks[0]
        await self._wait.until(
            lambda: host.session_id is not None,
            self.limits.meeting,
            f"{host.name} did not open a session",
        )
        # One after the other, so that their numbers are theirs.
        for track, child in zip(self.tracks[1:], self.players[1:], strict=True):
            child.write(f"{host.session_id}\n".encode())
            await self._joined(track)
        await self._wait.until(
            lambda: all(track.started for track in self.tracks),
            self.limits.meeting,
            "the match did not begin",
        )
        *others, last = [f"{child.name} (process {child.pid})" for child in self.players]
        said = f"{', '.join(others)} and {last} play {self.settings.frames} frames"
        self.progress.say(fill(said, self.width, subsequent_indent="    "))
        await self._wait.until(
            self._everyoneFinished,
            self.limits.silence,
            "the match stands still: no frame was confirmed",
        )
        await self._wait.until(
            lambda: all(child.ending is not None for child in self.playing),
            self.limits.end,
            "a player's process had nothing left to do and did not end",
        )

    def _joined(self, track: PlayerTrack) -> Deferred[None]:
        return self._wait.until(
            lambda: track.member, self.limits.meeting, f"{track.name} did not join the session"
        )

    @property
    def _lost_after(self) -> float:
        """The seconds of silence after which a player is lost."""
        killing = self.settings.kill_host_at is not None
        return self.limits.lost_after if killing else LOST_AFTER

    def _startService(self, name: str, command: Sequence[str]) -> Child:
        child = Child(name, self._childEnded)
        self.services.append(child)
        child.start(self.reactor, command, childEnvironment(self.environment))
        return child

    def _startPlayer(self, track: PlayerTrack) -> Child:
        name = f"{track.name}, come back," if track.returned else track.name
        child = Child(name, self._childEnded, lambda line: self._reported(track, line))
        if not track.returned:
            self.players.append(child)
        command = playerCommand(returning=track.returned)
        child.start(self.reactor, command, childEnvironment(self.environment))
        return child

    def _reported(self, track: PlayerTrack, line: bytes) -> None:
        confirmed, started = track.confirmed, track.started
        try:
            track.lineReceived(line)
        except BadReport as error:
            self._wait.fail(str(error))
        if track.failure is not None:
            self._wait.fail(f"{track.name} failed: {track.failure}")
        now = self.reactor.seconds()
        if track.started and not started:
            track.started_at = now
        if track.confirmed > confirmed:
            self._wait.extend()
            progress = showPlayers(self.tracks, self._fates())
            text = formatProgress(self.settings.frames, self.settings.names, progress, self.width)
            self.progress.show(now, text)
            self._act()
        self._wait.happened()

    def _act(self) -> None:
        """Kill and bring back whom it is time for; nobody any more where all is over."""
        if self._wait.failure is not None:
            return
        for act in self.casualties.due([track.confirmed for track in self.tracks]):
            if act is Act.KILL_HOST:
                self._sacrifice(self.players[0], act)
            elif act is Act.KILL_LOBBY:
                self._sacrifice(self.services[_LOBBY], act)
            else:
                self._returnHost()

    def _sacrifice(self, child: Child, act: Act) -> None:
        frame = self.casualties.done[act]
        self.progress.say(f"frame {frame}: {child.name} is killed (process {child.pid})")
        self._marks.append(Mark(self.reactor.seconds(), f"{child.name} is killed"))
        child.sacrifice()

    def _returnHost(self) -> None:
        """Start the process that takes the place of player 1's."""
        host = self.tracks[0]
        if host.resume is None:
            self._wait.fail(f"{host.name}'s process has never told its resume secret")
            return
        track = self.returned_track = PlayerTrack(host.player, host.name, returned=True)
        child = self.returned_player = self._startPlayer(track)
        briefing = ReturnBriefing.of(self.settings, host.resume, self.logs, self._lost_after)
        child.write(briefing.asLine())
        frame = self.casualties.done[Act.RETURN_HOST]
        self.progress.say(f"frame {frame}: {track.name} comes back (process {child.pid})")
        self._marks.append(Mark(self.reactor.seconds(), f"{track.name} starts again"))

    def _fates(self) -> Fates:
        """Return what became of those who were to be killed, so far."""
        done = self.casualties.done
        host_fell = bool(self.players) and self.players[0].fell
        lobby_fell = len(self.services) > _LOBBY and self.services[_LOBBY].fell
        return Fates(
            host_killed_at=done[Act.KILL_HOST] if host_fell else None,
            lobby_killed_at=done[Act.KILL_LOBBY] if lobby_fell else None,
            returned=self.returned_track,
        )

    def _everyoneFinished(self) -> bool:
        """Whether everybody who is to come to the end of the match has."""
        if Act.KILL_HOST not in self.casualties.done:
            return all(track.finished for track in self.tracks)
        returned = self.returned_track
        back = self.settings.rejoin_at is None or (returned is not None and returned.finished)
        return back and all(track.finished for track in self.tracks[1:])

    def _childEnded(self, child: Child) -> None:
        track = None
        if child is self.returned_player:
            track = self.returned_track
        elif child in self.players:
            track = self.tracks[self.players.index(child)]
        finished = track is not None and track.finished and child.ending == Ending(0, None)
        if not (child.told or child.fell or finished):
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
        await gatherResults([child.stop(self.reactor, limit) for child in self.playing])
        await gatherResults([child.stop(self.reactor, limit) for child in self.services])
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
