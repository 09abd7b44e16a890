"""
What the parent knows of each player, from the lines that its process writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attrs import define, field

from gamenet.demo.comparison import Run
from gamenet.demo.history import Mark, PlayerHistory, RoundTrip
from gamenet.demo.settings import PLAYER_NAMES
from gamenet.demo.summary import LinkSummary, PlayerSummary
from gamenet.demo.table import PlayerProgress
from gamenet.errors import GamenetError

__all__ = ["BadReport", "PlayerTrack"]


class BadReport(GamenetError, ValueError):
    """A player's process wrote something that is not one of its reports."""


@define
class PlayerTrack:
    """
    One player's process, as the parent knows it.

    @ivar player: The player's number, from 1.
    @ivar name: The player's name.
    @ivar returned: Whether the process took the place of one that was killed.
    @ivar history: What happened to it over time.
    @ivar runs: The frames that it confirmed.  There is one run, from frame 0 on; of a
        process that returned there may be several, until it has its seat.
    @ivar progress: How far it is.
    @ivar session_id: The session it opened, as host.
    @ivar member: Whether it has joined that session, as guest.
    @ivar resume: Its resume secret, as hexadecimal digits, as far as it told it.
    @ivar started: Whether its play has begun.
    @ivar started_at: When it said so, by the parent's clock, in seconds.
    @ivar finished: Whether it reported a result.
    @ivar failure: What it says went wrong.
    @ivar noticed: The first frame in which the players themselves noticed that
        their games differ.
    @ivar drops: The first frame without each other player who was dropped.
    @ivar joins: The first frame with each other player who took a seat again.
    @ivar marks: When it was told of each of these, in seconds since its play began.
    @ivar host: Whom it was told to be the new host, C{None} if it was told nothing.
    @ivar seat: The first frame that its inputs count in, where it had to ask for a seat.
    @ivar state_bytes: How many bytes of state it had taken over by then.
    """

    player: int
    name: str
    returned: bool = False
    history: PlayerHistory = field(init=False)
    runs: list[Run] = field(init=False, factory=lambda: [Run()])
    progress: PlayerProgress = field(init=False, factory=PlayerProgress)
    session_id: str | None = field(init=False, default=None)
    member: bool = field(init=False, default=False)
    resume: str | None = field(init=False, default=None, repr=False)
    started: bool = field(init=False, default=False)
    started_at: float = field(init=False, default=0.0)
    finished: bool = field(init=False, default=False)
    failure: str | None = field(init=False, default=None)
    noticed: int | None = field(init=False, default=None)
    drops: dict[int, int] = field(init=False, factory=dict)
    joins: dict[int, int] = field(init=False, factory=dict)
    marks: list[Mark] = field(init=False, factory=list)
    host: int | None = field(init=False, default=None)
    seat: int | None = field(init=False, default=None)
    state_bytes: int | None = field(init=False, default=None)
    _result: PlayerSummary | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.history = PlayerHistory(self.name)

    @property
    def checksums(self) -> list[int | None]:
        """Those of the frames of the newest run."""
        return self.runs[-1].checksums

    @property
    def confirmed(self) -> int:
        """The frame after the last one that it confirmed; 0 before the first."""
        return self.runs[-1].end

    @property
    def summary(self) -> PlayerSummary:
        """What is known of the player at the end, or so far."""
        if self._result is not None:
            return self._result
        progress = self.progress
        return PlayerSummary(
            player=self.player,
            name=self.name,
            path="" if progress.path == "none" else progress.path,
            rtt=progress.rtt,
            rollbacks=progress.rollbacks,
            deepest_rollback=max((depth for _, depth in self.history.rollbacks), default=0),
            noticed=self.noticed,
            checksum=self.runs[-1].newest,
            returned=self.returned,
        )

    def lineReceived(self, line: bytes) -> None:
        """
        The player's process wrote a line.

        @raise BadReport: It is not a report.
        """
        try:
            report = json.loads(line)
            take = _TAKERS[report["event"]]
            take(self, report)
        except BadReport:
            raise
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            quoted = line[:80].decode("utf-8", "replace")
            raise BadReport(f"{self.name} reported nonsense: {quoted!r}") from error

    def _takeSession(self, report: dict[str, Any]) -> None:
        self.session_id = str(report["session"])

    def _takeMember(self, report: dict[str, Any]) -> None:
        self.member = True

    def _takeResume(self, report: dict[str, Any]) -> None:
        self.resume = bytes.fromhex(report["secret"]).hex()

    def _takeStarted(self, report: dict[str, Any]) -> None:
        self.started = True

    def _takePath(self, report: dict[str, Any]) -> None:
        self.history.path_changes.append((float(report["time"]), str(report["kind"])))

    def _takeDesynchronized(self, report: dict[str, Any]) -> None:
        if self.noticed is None:
            self.noticed = int(report["frame"])

    def _takeDropped(self, report: dict[str, Any]) -> None:
        # Whoever is dropped once more was back meanwhile: the first time is what counts.
        self.drops.setdefault(self._note(report, "dropped"), _frame(report))

    def _takeJoined(self, report: dict[str, Any]) -> None:
        self.joins.setdefault(self._note(report, "plays again"), _frame(report))

    def _note(self, report: dict[str, Any], what: str) -> int:
        """Note when something became of another player, and return which."""
        player, time = _player(report), float(report["time"])
        text = f"frame {_frame(report)}: {PLAYER_NAMES[player - 1]} {what}"
        self.marks.append(Mark(time, text))
        return player

    def _takeHost(self, report: dict[str, Any]) -> None:
        self.host = _player(report)

    def _takeSeat(self, report: dict[str, Any]) -> None:
        frame, size = _frame(report), int(report["bytes"])
        if not self.returned:
            raise BadReport(f"{self.name} took a seat, having had one all the time")
        if self.seat is None:
            self.seat, self.state_bytes = frame, size

    def _takeSample(self, report: dict[str, Any]) -> None:
        checksums = [
            None if checksum is None and self.returned else int(checksum)
            for checksum in report["checksums"]
        ]
        first = int(report["first"])
        if first != self.confirmed and (checksums or not self.returned):
            self._jump(first)
        rtt = None if report["rtt"] is None else float(report["rtt"])
        self.checksums.extend(checksums)
        trip = RoundTrip(float(report["time"]), int(report["frame"]), rtt)
        self.history.round_trips.append(trip)
        self.history.rollbacks += [(float(at), int(depth)) for at, depth in report["depths"]]
        self.progress = PlayerProgress(
            self.confirmed, str(report["path"]), rtt, int(report["rollbacks"])
        )

    def _jump(self, first: int) -> None:
        """
        The next frame is not the one after the last.  While a process follows the match
        it may be given a newer state to go on from.

        @raise BadReport: This one plays.
        """
        if not self.returned or self.seat is not None or first < self.confirmed:
            raise BadReport(
                f"{self.name} reported checksums from frame {first} on, but those up"
                f" to frame {self.confirmed} were there"
            )
        if self.checksums:
            self.runs.append(Run(first))
        else:
            self.runs[-1] = Run(first)

    def _takeResult(self, report: dict[str, Any]) -> None:
        checksum = self.runs[-1].newest
        if report["checksum"] != (checksum or 0) or report["last_frame"] != self.confirmed - 1:
            raise BadReport(
                f"{self.name}'s result names frame {report['last_frame']} with another checksum"
                " than the frames that were confirmed"
            )
        values = {key: value for key, value in report.items() if key not in _NOT_IN_SUMMARY}
        if values["player"] != self.player:
            raise BadReport(f"{self.name} played as player {values['player']}, not {self.player}")
        links = tuple(
            LinkSummary(int(to), str(kind), None if rtt is None else float(rtt))
            for to, kind, rtt in report["links"]
        )
        self._result = PlayerSummary(
            name=self.name,
            checksum=checksum,
            noticed=self.noticed,
            links=links,
            returned=self.returned,
            **values,
        )
        self.finished = True

    def _takeFailed(self, report: dict[str, Any]) -> None:
        self.failure = f"{report['error']}: {report['text']}"


def _player(report: dict[str, Any]) -> int:
    """
    Return the player that a report is about.

    @raise ValueError: There is none of that number.
    """
    player = int(report["player"])
    if not 1 <= player <= len(PLAYER_NAMES):
        raise ValueError(f"there is no player {player}")
    return player


def _frame(report: dict[str, Any]) -> int:
    """
    Return the frame that a report is about.

    @raise ValueError: It is none.
    """
    frame = int(report["frame"])
    if frame < 0:
        raise ValueError(f"there is no frame {frame}")
    return frame


_NOT_IN_SUMMARY = ("event", "last_frame", "checksum", "links")

_TAKERS: dict[str, Callable[[PlayerTrack, dict[str, Any]], None]] = {
    "session": PlayerTrack._takeSession,
    "member": PlayerTrack._takeMember,
    "resume": PlayerTrack._takeResume,
    "started": PlayerTrack._takeStarted,
    "path": PlayerTrack._takePath,
    "desynchronized": PlayerTrack._takeDesynchronized,
    "dropped": PlayerTrack._takeDropped,
    "joined": PlayerTrack._takeJoined,
    "host": PlayerTrack._takeHost,
    "seat": PlayerTrack._takeSeat,
    "sample": PlayerTrack._takeSample,
    "result": PlayerTrack._takeResult,
    "failed": PlayerTrack._takeFailed,
}
