"""
What becomes of all that the players' processes reported: the comparison, the verdict,
and what is shown of each player, whichever process it was played by.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from gamenet.demo.aftermath import Aftermath, Witness
from gamenet.demo.comparison import Comparison, Run, compareRuns
from gamenet.demo.history import Mark, PlayerHistory
from gamenet.demo.settings import DemoSettings
from gamenet.demo.summary import PlayerSummary
from gamenet.demo.table import PlayerProgress
from gamenet.demo.tracking import PlayerTrack
from gamenet.demo.verdict import KILLED, Verdict, judge

__all__ = ["GONE", "Fates", "conclude", "reportHistories", "reportMarks", "showPlayers"]

#: In the place of a path: the player's process is not there.
GONE = "gone"

_HOST = 1


@frozen
class Fates:
    """
    What became of those who were to be killed, so far.

    @ivar host_killed_at: The last frame that player 1 had confirmed when its process was
        killed, C{None} where that did not happen.
    @ivar lobby_killed_at: The last frame that all had confirmed when the lobby was
        killed, likewise.
    @ivar returned: What is known of player 1 since it came back, C{None} before.
    """

    host_killed_at: int | None = None
    lobby_killed_at: int | None = None
    returned: PlayerTrack | None = None

    @property
    def excused(self) -> tuple[int, ...]:
        """Who need not have come to the end."""
        gone = self.host_killed_at is not None and self.returned is None
        return (_HOST,) if gone else ()


def conclude(
    settings: DemoSettings,
    tracks: Sequence[PlayerTrack],
    fates: Fates,
    relay_packets: int,
    unclean: Sequence[str],
) -> Verdict:
    """
    Return what became of a demo.

    @param tracks: The processes that began to play, in order of player number.
    @param fates: What became of those who were to be killed.
    @param relay_packets: How many datagrams the relay says it carried.
    @param unclean: One sentence about each process that did not end clean.
    """
    aftermath = _aftermath(tracks, fates)
    comparison = _compare(settings, tracks, fates, aftermath)
    summaries = [_summary(track, fates) for track in tracks]
    return judge(settings, comparison, summaries, relay_packets, unclean, aftermath)


def showPlayers(tracks: Sequence[PlayerTrack], fates: Fates) -> list[PlayerProgress]:
    """Return how far each player is, in order of player number."""
    shown = [track.progress for track in tracks]
    if fates.host_killed_at is not None:
        returned = fates.returned
        if returned is not None and returned.seat is not None:
            shown[0] = returned.progress
        else:
            shown[0] = evolve(shown[0], path=GONE, rtt=None)
    return shown


def reportHistories(tracks: Sequence[PlayerTrack], fates: Fates) -> list[PlayerHistory]:
    """Return what happened to each player over time, in order of player number."""
    histories = [track.history for track in tracks]
    if fates.returned is not None:
        offset = fates.returned.started_at - tracks[0].started_at
        histories[0] = histories[0].continued(fates.returned.history, offset)
    return histories


def reportMarks(tracks: Sequence[PlayerTrack], marks: Sequence[Mark]) -> list[Mark]:
    """
    Return what is worth a line across the picture, in order of time.

    @param marks: What the parent did to the processes, by its own clock.
    """
    began = min(track.started_at for track in tracks)
    done = [Mark(max(0.0, mark.time - began), mark.text) for mark in marks]
    return sorted([*done, *tracks[-1].marks], key=lambda mark: mark.time)


def _summary(track: PlayerTrack, fates: Fates) -> PlayerSummary:
    """Return what is told of a player at the end: of the newest process that played it."""
    if track.player != _HOST or fates.host_killed_at is None:
        return track.summary
    if fates.returned is not None:
        return fates.returned.summary
    return evolve(track.summary, outcome=KILLED)


def _aftermath(tracks: Sequence[PlayerTrack], fates: Fates) -> Aftermath:
    killed, returned = fates.host_killed_at is not None, fates.returned
    return Aftermath(
        witnesses=tuple(
            Witness(track.name, track.player, track.drops, track.joins, track.host)
            for track in (tracks[1:] if killed else tracks)
        ),
        host_killed_at=fates.host_killed_at,
        lobby_killed_at=fates.lobby_killed_at,
        seat=None if returned is None else returned.seat,
        state_bytes_received=None if returned is None else returned.state_bytes,
    )


def _compare(
    settings: DemoSettings, tracks: Sequence[PlayerTrack], fates: Fates, aftermath: Aftermath
) -> Comparison:
    """
    Compare what was confirmed.  What a process confirmed from the frame on that the
    others play without it is not part of their match; it died before it could know.
    """
    runs: list[list[Run]] = [[*track.runs] for track in tracks]
    confirmed = [track.confirmed for track in tracks]
    if fates.host_killed_at is not None:
        runs[0] = [run.cut(aftermath.drop_frame) for run in runs[0]]
        returned = fates.returned
        if returned is not None:
            runs[0] += returned.runs
            seat = returned.seat
            confirmed[0] = 0 if seat is None else returned.runs[-1].reach(seat)
    return compareRuns(settings.frames, runs, confirmed, fates.excused)
