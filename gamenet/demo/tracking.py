"""
What the parent knows of each player, from the lines that its process writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attrs import define, field

from gamenet.demo.history import PlayerHistory, RoundTrip
from gamenet.demo.table import PlayerProgress
from gamenet.demo.verdict import PlayerSummary
from gamenet.errors import GamenetError

__all__ = ["BadReport", "PlayerTrack"]


class BadReport(GamenetError, ValueError):
    """A player's process wrote something that is not one of its reports."""


@define
class PlayerTrack:
    """
    One player, as the parent knows it.

    @ivar player: The player's number, from 1.
    @ivar name: The player's name.
    @ivar history: What happened to it over time.
    @ivar checksums: Those of every frame it confirmed, from frame 0 on.
    @ivar progress: How far it is.
    @ivar session_id: The session it opened, as host.
    @ivar started: Whether its play has begun.
    @ivar finished: Whether it reported a result.
    @ivar failure: What it says went wrong.
    @ivar noticed: The first frame in which the players themselves noticed that
        their games differ.
    """

    player: int
    name: str
    history: PlayerHistory = field(init=False)
    checksums: list[int] = field(init=False, factory=list)
    progress: PlayerProgress = field(init=False, factory=PlayerProgress)
    session_id: str | None = field(init=False, default=None)
    started: bool = field(init=False, default=False)
    finished: bool = field(init=False, default=False)
    failure: str | None = field(init=False, default=None)
    noticed: int | None = field(init=False, default=None)
    _result: PlayerSummary | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.history = PlayerHistory(self.name)

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
            checksum=self.checksums[-1] if self.checksums else None,
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

    def _takeStarted(self, report: dict[str, Any]) -> None:
        self.started = True

    def _takePath(self, report: dict[str, Any]) -> None:
        self.history.path_changes.append((float(report["time"]), str(report["kind"])))

    def _takeDesynchronized(self, report: dict[str, Any]) -> None:
        if self.noticed is None:
            self.noticed = int(report["frame"])

    def _takeSample(self, report: dict[str, Any]) -> None:
        checksums = [int(checksum) for checksum in report["checksums"]]
        if report["first"] != len(self.checksums):
            raise BadReport(
                f"{self.name} reported checksums from frame {report['first']} on, but those up"
                f" to frame {len(self.checksums)} were there"
            )
        rtt = None if report["rtt"] is None else float(report["rtt"])
        self.checksums += checksums
        trip = RoundTrip(float(report["time"]), int(report["frame"]), rtt)
        self.history.round_trips.append(trip)
        self.history.rollbacks += [(float(at), int(depth)) for at, depth in report["depths"]]
        self.progress = PlayerProgress(
            len(self.checksums), str(report["path"]), rtt, int(report["rollbacks"])
        )

    def _takeResult(self, report: dict[str, Any]) -> None:
        confirmed = self.checksums[-1] if self.checksums else 0
        if report["checksum"] != confirmed or report["last_frame"] != len(self.checksums) - 1:
            raise BadReport(
                f"{self.name}'s result names frame {report['last_frame']} with another checksum"
                " than the frames that were confirmed"
            )
        values = {key: value for key, value in report.items() if key not in _NOT_IN_SUMMARY}
        if values["player"] != self.player:
            raise BadReport(f"{self.name} played as player {values['player']}, not {self.player}")
        checksum = self.checksums[-1] if self.checksums else None
        self._result = PlayerSummary(
            name=self.name, checksum=checksum, noticed=self.noticed, **values
        )
        self.finished = True

    def _takeFailed(self, report: dict[str, Any]) -> None:
        self.failure = f"{report['error']}: {report['text']}"


_NOT_IN_SUMMARY = ("event", "last_frame", "checksum")

_TAKERS: dict[str, Callable[[PlayerTrack, dict[str, Any]], None]] = {
    "session": PlayerTrack._takeSession,
    "started": PlayerTrack._takeStarted,
    "path": PlayerTrack._takePath,
    "desynchronized": PlayerTrack._takeDesynchronized,
    "sample": PlayerTrack._takeSample,
    "result": PlayerTrack._takeResult,
    "failed": PlayerTrack._takeFailed,
}
