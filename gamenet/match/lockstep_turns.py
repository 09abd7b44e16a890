"""
Frames in lockstep, as a decision: each is played as soon as its time has come and
nobody's input of it is missing.

Where inputs come later than the frame is due it is played the moment they come, and
the next is due one frame time after this one was, or at once if that is over.  So in
lockstep over a slow path a match runs at C{(input delay + 1) / one-way delay} frames a
second, or at its frame rate if that is less: the other's input of a frame is pressed
when the frame C{input delay} before it is due, which is when the frame before that was
played, and takes the one-way delay to come.
"""

from __future__ import annotations

from gamenet.match.pace import Pace
from gamenet.rollback.events import LockstepWaited
from gamenet.rollback.lockstep import LockstepWait
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.session_state import SessionState

__all__ = ["POLL_FRAMES", "LockstepTurns"]

#: Frame times between two looks at a frame that waits: what was lost is sent again then.
POLL_FRAMES = 2


class LockstepTurns:
    """
    The frames of one match in lockstep.  Used by L{gamenet.match.frame_loop.FrameLoop}.

    @ivar waited: What the newest L{framesDue} has to tell of a long wait, or C{None}.
    """

    def __init__(self, session: RollbackSession, pace: Pace, limit: float) -> None:
        """
        @param session: With a prediction window of 0.
        @param pace: When frames are due.
        @param limit: How long a frame waits before that is told, in seconds.
        """
        self.waited: LockstepWaited | None = None
        self._session = session
        self._pace = pace
        self._wait = LockstepWait(limit)
        self._poll_interval = POLL_FRAMES / session.settings.frame_rate
        self._poll = 0.0

    @property
    def ready(self) -> bool:
        """Whether a frame that waited lacks nothing any more."""
        return self._wait.waiting and not self._missing()

    @property
    def next_due(self) -> float:
        """When to look again at the latest, in seconds."""
        wait = self._wait
        if not wait.waiting:
            return self._pace.next_due
        return self._poll if wait.wake_at is None else min(self._poll, wait.wake_at)

    def framesDue(self, now: float) -> int:
        """
        Return how many frames to try now, the one that waited first.

        @param now: The time, in seconds.
        """
        self.waited = None
        if not self._wait.waiting:
            return self._pace.framesDue(now)
        self._pace.waitedUntil(self.next_due, now)
        missing = self._missing()
        if not self._wait.packetReceived(missing):
            self.waited = self._wait.timePassed(missing, now)
            self._wait.frameDue(self._session.current_frame, missing, now)
            self._poll = now + self._poll_interval
            return 0
        lost = self._pace.lost_seconds
        self._pace.release(now)
        due = 1 + self._pace.framesDue(now)
        self._pace.lost_seconds += lost
        return due

    def mayPlay(self, now: float) -> bool:
        """
        The next frame is due: return whether to ask the session for it, because it
        lacks nothing, or because an input of ours is wanted first.
        """
        session = self._session
        if self._wait.frameDue(session.current_frame, self._missing(), now):
            return True
        players = session.settings.local_players
        return any(session.inputFrame(player) is not None for player in players)

    def notPlayed(self, count: int, now: float) -> None:
        """
        Some of the newest L{framesDue} were not played.

        @param count: How many: the first of them waits, and the others are not due any
            more.
        """
        if not self._wait.waiting:
            self._pace.giveBack(count, now)
            return
        self._pace.giveBack(count - 1, now)
        self._pace.hold()
        self._poll = now + self._poll_interval

    def _missing(self) -> tuple[int, ...]:
        """Return whose inputs the next frame lacks; those of all where it is not known."""
        session = self._session
        if session.state is SessionState.RUNNING:
            return ()
        settings, frame = session.settings, session.current_frame
        others = [peer for peer in session.members if peer != settings.peer]
        lacking = [
            player
            for remote in map(session.remote, others)
            for player, queue in zip(remote.players, remote.queues, strict=True)
            if queue.known_until <= frame
        ]
        local = settings.local_players
        everybody = range(1, settings.players + 1)
        return tuple(lacking) or tuple([each for each in everybody if each not in local])
