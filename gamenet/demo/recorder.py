"""
A player of the demo that writes down everything that happens to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from gamenet.demo.arena import Arena
from gamenet.demo.corrupted_arena import CorruptedArena
from gamenet.demo.script import PlayerScript
from gamenet.interfaces import Address, ISeededSimulation, ISimulation
from gamenet.match.protocol import MatchResult, PeerProtocol
from gamenet.rollback.state_difference import INamedParts

__all__ = ["SAMPLE_INTERVAL", "RecordedSimulation", "ScriptedPlayer"]

#: Seconds between two samples of a match.
SAMPLE_INTERVAL = 0.1


@implementer(ISeededSimulation, INamedParts)
@define
class RecordedSimulation:
    """
    An arena that writes down each time the game goes back, and how far.

    @ivar arena: The arena underneath.
    @ivar rules: What plays: the arena itself, or a spoiled one on top of it.
    @ivar wentBack: Called with the number of frames, each time.
    @ivar bytes_taken_over: How many bytes of state came from other players: whatever is
        ahead of all that was played here.
    """

    arena: Arena
    rules: Arena | CorruptedArena
    wentBack: Callable[[int], object]
    bytes_taken_over: int = field(init=False, default=0)

    def begin(self, seed: int) -> None:
        """Become the state before frame 0 of the game that belongs to C{seed}."""
        self.rules.begin(seed)

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Play one frame."""
        self.rules.advance(inputs)

    def save(self) -> bytes:
        """Return the whole state."""
        return self.rules.save()

    def parts(self) -> dict[str, bytes]:
        """Return the state by its parts."""
        return self.rules.parts()

    def load(self, snapshot: bytes) -> None:
        """Become the state that C{snapshot} was taken of."""
        before = self.arena.frame
        self.rules.load(snapshot)
        if self.arena.frame < before:
            self.wentBack(before - self.arena.frame)
        elif self.arena.frame > before:
            self.bytes_taken_over += len(snapshot)


@define(eq=False)
class ScriptedPlayer(PeerProtocol):
    """
    Plays a script and reports: a few times a second how the match goes, with
    the checksums that were confirmed since.

    @ivar clock: Tells when things happen.
    @ivar script: What to press.
    @ivar report: Called with each report, an object ready for JSON.
    @ivar started: Called with the match when play begins, before anything else.
    @ivar stateBytes: Returns how many bytes of state came from other players so far.
    @ivar resumable: Whether to report the resume secret.
    @ivar match: The match being played, once it began.
    """

    clock: IReactorTime
    script: PlayerScript
    report: Callable[[dict[str, object]], object]
    started: Callable[[Any], object] = field(default=lambda match: None)
    stateBytes: Callable[[], int] = field(default=lambda: 0)
    resumable: bool = False
    match: Any = field(init=False, default=None)
    _kinds: dict[int, str] = field(init=False, factory=dict)
    _began: float = field(init=False, default=0.0)
    _due: float = field(init=False, default=0.0)
    _confirmed: int = field(init=False, default=0)
    _checksums: list[int | None] = field(init=False, factory=list)
    _depths: list[tuple[float, int]] = field(init=False, factory=list)

    @property
    def time(self) -> float:
        """Seconds since play began."""
        return round(self.clock.seconds() - self._began, 4)

    @property
    def _path(self) -> str:
        """What carries the game, to all other players together."""
        kinds = sorted(set(self._kinds.values()))
        return "mixed" if len(kinds) > 1 else "".join(kinds) or "none"

    def matchStarted(self, match: Any) -> None:
        """Play begins."""
        self.started(match)
        self.match = match
        self._began = self._due = self.clock.seconds()
        self.report({"event": "started"})
        if self.resumable:
            self.report({"event": "resume", "secret": match.resumeSecret().hex()})
        self.report({"event": "path", "time": 0.0, "kind": match.statistics().path})

    def localInput(self, player: int, frame: int) -> bytes:
        """Return what the script presses."""
        return self.script.nextInput()

    def frameReady(self, simulation: ISimulation, blend: float) -> None:
        """A new state is there: time for a sample, perhaps."""
        now = self.clock.seconds()
        if now >= self._due:
            self._due = max(self._due + SAMPLE_INTERVAL, now)
            self.sample()

    def frameConfirmed(self, frame: int, inputs: Sequence[bytes], checksum: int | None) -> None:
        """
        Keep the checksum for the next sample.  Whoever follows a match may be given a
        newer state to go on from, and the frames before it are never seen.
        """
        if frame != self._confirmed:
            if self._checksums:
                self.sample()
            self._confirmed = frame
        self._checksums.append(checksum)
        self._confirmed += 1

    def wentBack(self, frames: int) -> None:
        """Keep the depth of a rollback for the next sample."""
        self._depths.append((self.time, frames))

    def pathChanged(self, player: int, kind: str, address: Address) -> None:
        """Datagrams to C{player} take another path."""
        before = self._path
        self._kinds[player] = kind
        if self.match is not None and self._path != before:
            self.report({"event": "path", "time": self.time, "kind": self._path})

    def desynchronized(self, frame: int, local: int, remote: int, player: int) -> None:
        """The players themselves noticed that their games differ."""
        self.report({"event": "desynchronized", "frame": frame})

    def playerDropped(self, player: int, frame: int) -> None:
        """The players have agreed that one of them is out."""
        self._kinds.pop(player, None)
        self.report({"event": "dropped", "time": self.time, "player": player, "frame": frame})
        self.report({"event": "path", "time": self.time, "kind": self._path})

    def playerJoined(self, player: int, frame: int) -> None:
        """The players have agreed that one of them is back."""
        self.report({"event": "joined", "time": self.time, "player": player, "frame": frame})

    def seatTaken(self, frame: int) -> None:
        """We are back ourselves; what was confirmed before is reported before."""
        self.sample()
        self.report({"event": "seat", "frame": frame, "bytes": self.stateBytes()})

    def hostChanged(self, player: int, epoch: int) -> None:
        """
        The session has another host now.

        @param player: Their number.
        @param epoch: The number of the epoch that begins with it.
        """
        self.report({"event": "host", "player": player, "epoch": epoch})

    def matchEnded(self, result: MatchResult | None) -> None:
        """The match is over: report what is left to report."""
        if self.match is not None:
            self.sample()

    def sample(self) -> None:
        """Report how the match goes."""
        statistics = self.match.statistics()
        checksums, self._checksums = self._checksums, []
        depths, self._depths = self._depths, []
        self.report(
            {
                "event": "sample",
                "time": self.time,
                "frame": statistics.frame,
                "path": statistics.path,
                "rtt": statistics.round_trip,
                "rollbacks": statistics.rollbacks,
                "depths": depths,
                "first": self._confirmed - len(checksums),
                "checksums": checksums,
            }
        )
