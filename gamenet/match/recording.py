"""
A match written down while it is played: its replay, and its log.

Neither may disturb the match: a writer that raises is used no more, and the
game is told which one it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from twisted.logger import Logger

from gamenet.interfaces import ISimulation
from gamenet.match.attachments import Attachments
from gamenet.match.moments import moment
from gamenet.replay.recorder import HISTORY_LIMIT, ReplayRecorder
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Restore, Step
from gamenet.wire.match_log_records import LogHeader
from gamenet.wire.replay_file import ReplayHeader

__all__ = ["LOG", "REPLAY", "Recording", "logHeaderOf"]

#: The replay, as the game is told of it when it ends early.
REPLAY = "replay"

#: The log, as the game is told of it when it ends early.
LOG = "log"


def logHeaderOf(
    match_id: bytes, settings: RollbackSettings, digest: bytes, rules: str, now: float
) -> LogHeader:
    """
    Return the header of our log of a match.

    @param digest: What the players compared before it.
    @param rules: The game's name and version.
    @param now: The time, in seconds.
    """
    return LogHeader(
        match_id=match_id,
        players=settings.players,
        local_players=settings.local_players,
        seating=settings.peers,
        digest=digest,
        frame_rate=settings.frame_rate,
        prediction_window=settings.prediction_window,
        checksum_interval=settings.checksum_interval,
        game=rules,
        started=now,
    )


class Recording:
    """What one match writes down.  Owned by L{gamenet.match.frame_loop.FrameLoop}."""

    _log = Logger()

    def __init__(
        self,
        attachments: Attachments,
        header: ReplayHeader,
        recordingFailed: Callable[[str, Exception], None],
        history_limit: int = HISTORY_LIMIT,
    ) -> None:
        """
        @param attachments: Where to write.
        @param header: What the replay is of.
        @param history_limit: How many frames a state may lie back that is taken over
            in mid-match.
        @param recordingFailed: Called with L{REPLAY} or L{LOG} and what was raised,
            once for each at the most.
        """
        self._replay = attachments.replay
        self._match_log = attachments.log
        self._recorder = ReplayRecorder(header, history_limit)
        self._recordingFailed = recordingFailed
        self._closed = False

    def watched(self, simulation: ISimulation) -> ISimulation:
        """Return what to play with, so that a log that wants to see the states does."""
        watch = getattr(self._match_log, "watched", None)
        found = [simulation]
        if watch is not None:
            self._write(LOG, lambda: found.append(cast(ISimulation, watch(simulation))))
        return found[-1]

    def ticked(self, now: float, steps: Sequence[Step], session: RollbackSession) -> None:
        """The steps of one tick were applied."""
        log = self._match_log
        if log is not None:
            self._write(LOG, lambda: log.ticked(now, steps, session))
        if self._replay is not None:
            for step in steps:
                if type(step) is Restore:
                    self._write(REPLAY, partial(self._recorder.restored, step.frame, step.snapshot))

    def told(self, now: float, event: object) -> None:
        """Something happened."""
        log = self._match_log
        if log is not None:
            self._write(LOG, lambda: log.told(now, event))
        if self._replay is not None and isinstance(event, FrameConfirmed):
            self._write(REPLAY, lambda: self._record(event))

    def closed(self, now: float, why: str) -> None:
        """
        The match is over: end the replay, if any frame of it was final, and the log.

        Called again it does nothing.
        """
        if self._closed:
            return
        self._closed = True
        log, replay = self._match_log, self._replay
        if replay is not None and self._recorder.frames:
            self._write(REPLAY, lambda: replay(self._recorder.finish()))
        if log is not None:
            self._write(LOG, lambda: log.closed(now, why))

    def _record(self, event: FrameConfirmed) -> None:
        data = self._recorder.frameConfirmed(
            event.frame, event.inputs, event.checksum, event.absent
        )
        if data and self._replay is not None:
            self._replay(data)

    def _write(self, name: str, write: Callable[[], object]) -> None:
        """Write something; whoever raises is not written to again."""
        try:
            with moment(name):
                write()
        except Exception as error:
            self._log.failure("the {name} of a match ends: its writer raised", name=name)
            if name == REPLAY:
                self._replay = None
            else:
                self._match_log = None
            self._recordingFailed(name, error)
