"""
The session of somebody who looks on.

It plays only frames that all members of the match have confirmed, so it never
rolls back; and it plays them some seconds late, so that nobody who plays can
learn anything from it.  What was played can be gone back to, within a buffer.

It is used like a player's session, without inputs::

    timeline.apply(session.advance(None, now))
    for event in session.drainEvents(): ...
    for host, body in session.packetsDue(now): ...

and C{timeline.apply(session.seek(frame))} to go back, C{session.live()} to return.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs
from zope.interface import implementer

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.feed.events import FollowEvent
from gamenet.feed.follower import Follower
from gamenet.feed.transfer import DatagramTransfer
from gamenet.interfaces import IRollbackSession, ITransfer
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.statistics import SessionStatistics
from gamenet.rollback.steps import Advance, Load, Restore, Save, Step
from gamenet.rollback.timeline_rules import TimelineRules
from gamenet.spectator.settings import SpectatorSettings
from gamenet.spectator.stream_delay import StreamDelay
from gamenet.wire.feed_packets import FeedRow
from gamenet.wire.transfer_packets import TransferPurpose

__all__ = ["SpectatorEvent", "SpectatorSession"]

#: What L{SpectatorSession.drainEvents} returns.
SpectatorEvent: TypeAlias = FrameConfirmed | FollowEvent


@implementer(IRollbackSession)
@attrs.define(init=False)
class SpectatorSession:
    """
    One spectator's side of a match.

    @ivar settings: The L{SpectatorSettings}.
    @ivar current_frame: The frame that is played next.
    @ivar confirmed_frame: The newest frame that was played, or -1; it does not go back.
    @ivar statistics: The L{SessionStatistics}; a frame that is played again after going
        back counts as resimulated.
    @ivar timeline_rules: The L{TimelineRules}.
    @ivar follower: The L{Follower}.
    @ivar transfer: What carries snapshots here.
    @ivar rewound: Whether the viewer went back, and is not at the live position again.
    @ivar _hurrying: Whether it was too far behind, and is not where it should be again.
    @ivar _delay: How far may be played.
    @ivar _began: Whether there is a state to play on from.
    @ivar _base: The snapshot that C{_first} began with, as it was sent, or C{None}.
    @ivar _base_frame: Its number; 0 is the simulation's first state.
    @ivar _first: The frame of C{_rows[0]}, the oldest that can be gone back to.
    @ivar _rows: The frames that are kept, played or not.
    @ivar _saved: The numbers of the snapshots that the timeline keeps, ascending.
    @ivar _wanted: The frames whose checksums are still wanted, ascending.
    @ivar _told: The first frame that was not drained as an event.
    @ivar _checksums: The checksums that were taken and not drained.
    @ivar _progress: How much of a snapshot had come when that was looked at last.
    """

    settings: SpectatorSettings
    current_frame: int
    confirmed_frame: int
    statistics: SessionStatistics
    timeline_rules: TimelineRules
    follower: Follower
    transfer: ITransfer
    rewound: bool
    _hurrying: bool
    _delay: StreamDelay
    _began: bool
    _base: bytes | None
    _base_frame: int
    _first: int
    _rows: list[FeedRow]
    _saved: list[int]
    _wanted: list[int]
    _told: int
    _checksums: dict[int, int]
    _progress: float | None

    def __init__(self, settings: SpectatorSettings, transfer: ITransfer | None = None) -> None:
        """
        @param settings: The rules.
        @param transfer: What carries snapshots, and nothing else; its packets come and go
            with the others.  C{None} is a L{DatagramTransfer}.
        """
        self.settings = settings
        self.current_frame = 0
        self.confirmed_frame = -1
        self.statistics = SessionStatistics()
        self.timeline_rules = settings.timelineRules()
        self.follower = Follower(settings.follower(), settings.hosts)
        self.transfer = DatagramTransfer() if transfer is None else transfer
        self.rewound = False
        self._hurrying = False
        self._delay = StreamDelay(settings.delay)
        self._began = settings.from_beginning
        self._base = None
        self._base_frame = 0
        self._first = 0
        self._rows = []
        self._saved = []
        self._wanted = []
        self._told = 0
        self._checksums = {}
        self._progress = None

    @property
    def state(self) -> SessionState:
        """What the session is doing, a L{SessionState}; finished when the last frame was played."""
        last_frame = self.settings.last_frame
        if last_frame is not None and self.confirmed_frame >= last_frame:
            return SessionState.FINISHED
        if self.follower.snapshot is None:
            playable = self._began and self.current_frame < self._end + self.follower.ready
        else:
            playable = self.current_frame < self._end or not self.rewound
        running = playable and self.current_frame < self._delay.committed
        return SessionState.RUNNING if running else SessionState.STALLED

    @property
    def frames_behind(self) -> int:
        """How many frames the position is behind the newest that was heard to be committed."""
        return max(0, self.follower.committed_frame + 1 - self.current_frame)

    @property
    def seekable(self) -> range:
        """Where L{seek} can go."""
        if not self._began:
            return range(0)
        newest = max(self._played, min(self._end, self._delay.committed))
        return range(self._first, min(newest, self._played + self.settings.buffer_frames) + 1)

    def inputFrame(self, player: int | None = None) -> int | None:
        """Return C{None}: a spectator gives no input."""
        return None

    def advance(
        self, local_input: bytes | Mapping[int, bytes] | None, now: float
    ) -> tuple[Step, ...]:
        """
        Play one frame if it may be played; more if the position is too far behind.

        Called once per frame that is due.  The steps must be applied before the session
        is called again.

        @param local_input: C{None}.
        @param now: The time, in seconds.
        @return: What to do, in order.
        @raise LocalProtocolError: An input is given; the steps of the call before were
            not applied; nobody drains the events.  Nothing changed then.
        """
        if local_input is not None:
            raise LocalProtocolError("a spectator gives no input")
        self._requireApplied()
        playable = self._delay.playable(now)
        steps = self._takeFrames(playable)
        behind = min(self._end, playable) - self.current_frame
        if self._began and behind > 0:
            late = playable - self.current_frame
            self._hurrying = late > (1 if self._hurrying else self.settings.max_frames_behind)
            count = self.settings.catchup_speed if self._hurrying and not self.rewound else 1
            steps += self._play(self.current_frame + min(count, behind), now)
        elif self.state is not SessionState.FINISHED:
            self.statistics.stalled(now)
        if self.current_frame >= playable:
            self.rewound = False
        return tuple(steps)

    def seek(self, frame: int) -> tuple[Step, ...]:
        """
        Go back to the state before a frame, or forward; L{advance} plays on from there,
        one frame per call.

        @param frame: The frame to be played next, one of L{seekable}.
        @return: What to do, in order, before the session is called again.
        @raise LocalProtocolError: It is none of them, or the steps of the call before
            were not applied, or nobody drains the events.
        """
        self._requireApplied()
        if frame not in self.seekable:
            raise LocalProtocolError(f"frame {frame} is not within {self.seekable}")
        self.rewound = True
        return self._goTo(frame)

    def live(self) -> tuple[Step, ...]:
        """
        Return to the live position, as far as the frames for that are here.

        @return: What to do, in order, before the session is called again.
        @raise LocalProtocolError: As L{seek}.
        """
        self._requireApplied()
        self.rewound = False
        if not self._began:
            return ()
        steps = self._takeFrames(self._delay.committed)
        return tuple(steps) if steps else self._goTo(self.seekable[-1])

    def packetReceived(self, peer: int, body: bytes, now: float) -> None:
        """
        Take a packet of a host.

        @param peer: Which.
        @param body: See L{gamenet.wire.feed_packets} and L{gamenet.wire.transfer_packets}.
        @param now: The time, in seconds.
        @raise RemoteProtocolError: They cannot rightly have sent it.
        @raise LocalProtocolError: There is no such host.
        """
        if peer not in self.settings.hosts:
            raise LocalProtocolError(f"{peer} is no host")
        statistics = self.statistics
        try:
            if body and 0x40 <= body[0] <= 0x4F:
                received = self.transfer.packetReceived(peer, body, now)
                if received is not None and received.purpose == TransferPurpose.SNAPSHOT:
                    self.follower.snapshotReceived(received, now)
            else:
                self.follower.packetReceived(peer, body, now)
        except RemoteProtocolError:
            statistics.packets_refused += 1
            raise
        statistics.received(body)
        self._delay.heard(self.follower.committed_frame + 1, now)
        self._delay.playable(now)

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        """
        Return what is to be sent now, as pairs of a host and a body.

        @param now: The time, in seconds.
        """
        progress = self.transfer.progress(self.follower.host)
        if progress is not None and progress != self._progress:
            self.follower.noteProgress(now)
        self._progress = progress
        self.transfer.drainFailures()
        asked = self.follower.packetsDue(now)
        self.transfer.expect([(self.follower.host, TransferPurpose.SNAPSHOT)])
        packets = (*asked, *self.transfer.packetsDue(now))
        self.statistics.sent(packets)
        return packets

    def checksumsWanted(self) -> tuple[int, ...]:
        """Return the frames whose checksums are wanted: those that led to a snapshot."""
        return tuple(self._wanted)

    def checksumTaken(self, frame: int, checksum: int) -> None:
        """
        Take a checksum that was wanted.

        @param frame: The first of L{checksumsWanted}.
        @param checksum: The checksum of the state that the frame led to.
        @raise LocalProtocolError: It is another frame.
        """
        if not self._wanted or frame != self._wanted[0]:
            raise LocalProtocolError(f"the checksum of frame {frame} is not wanted now")
        del self._wanted[0]
        self._checksums[frame] = checksum

    def dumpsWanted(self) -> tuple[int, ...]:
        """Return nothing: a spectator compares no states."""
        return ()

    def dumpTaken(self, frame: int, dump: object) -> None:
        """Refuse a state, as none is wanted."""
        raise LocalProtocolError(f"the state that frame {frame} led to is not wanted")

    def drainEvents(self) -> tuple[SpectatorEvent, ...]:
        """
        Return what happened since the last call.  Each frame that was played is told once,
        in order; with a checksum where there is a snapshot, else with C{None}.
        """
        events: list[SpectatorEvent] = [*self.follower.drainEvents()]
        end = min(self._wanted[0] if self._wanted else self._played, self._played)
        for frame in range(self._told, end):
            inputs, absent = self._rows[frame - self._first]
            checksum = self._checksums.pop(frame, None)
            events.append(FrameConfirmed(frame, inputs, checksum, absent))
        self._told = max(self._told, end)
        return tuple(events)

    @property
    def _end(self) -> int:
        """The first frame that is not kept, because it has not come."""
        return self._first + len(self._rows)

    @property
    def _played(self) -> int:
        """The first frame that was never played."""
        return max(self.confirmed_frame + 1, self._first)

    def _requireApplied(self) -> None:
        """Check that the caller does its part."""
        if self._wanted:
            raise LocalProtocolError("the steps before these were not applied")
        if self._played - self._told >= self.settings.events_limit:
            raise LocalProtocolError(f"{self._played - self._told} frames were not drained")

    def _takeFrames(self, playable: int) -> list[Step]:
        """
        Take what has come; return the steps that a snapshot asks for.

        A snapshot means that frames before it are missing.  Who looks at the live
        position is taken over the gap as soon as the delay allows, and who went back
        when there is nothing left to be played before it.
        """
        follower = self.follower
        snapshot = follower.snapshot
        steps: list[Step] = []
        if snapshot is not None:
            at_end = not self._began or self.current_frame >= self._end
            due = at_end or not self.rewound
            if not due or snapshot.frame > playable or self._told < self._played:
                return steps
            follower.takeSnapshot()
            self._began = True
            self._base, self._base_frame = snapshot.content, snapshot.frame
            self._first = self.current_frame = self._told = snapshot.frame
            self.confirmed_frame = snapshot.frame - 1
            self._rows = []
            steps.append(self._restore())
        room = self.settings.ahead_limit - (self._end - self._played)
        if room > 0:
            self._rows += [(inputs, absent) for _, inputs, absent in follower.take(room)]
        return steps

    def _restore(self) -> Step:
        """Return the step to the snapshot that everything here began with."""
        self._saved = []
        assert self._base is not None
        return Restore(self._base_frame, self._base)

    def _goTo(self, frame: int) -> tuple[Step, ...]:
        """Return the steps to the state before a frame."""
        saved = [number for number in self._saved if number <= frame]
        start = saved[-1] if saved else self._base_frame
        steps: list[Step] = []
        if not start <= self.current_frame <= frame:
            steps.append(Load(start) if saved else self._restore())
            self.current_frame = start
        return tuple(steps + self._play(frame))

    def _play(self, end: int, now: float | None = None) -> list[Step]:
        """Return the steps that play on to a frame from here; a stall is over C{now}."""
        steps: list[Step] = []
        if now is not None and self.current_frame >= self._played < end:
            self.statistics.played(now)
            self.statistics.frames_played -= 1
        interval = self.settings.snapshot_interval
        if not self.current_frame and not self._saved:
            steps.append(Save(0, True))
            self._saved.append(0)
        for frame in range(self.current_frame, end):
            inputs, absent = self._rows[frame - self._first]
            steps.append(Advance(frame, inputs, absent))
            fresh = frame > self.confirmed_frame
            if fresh:
                self.confirmed_frame = frame
                self.statistics.frames_played += 1
            else:
                self.statistics.frames_resimulated += 1
            if not (frame + 1) % interval and (not self._saved or frame + 1 > self._saved[-1]):
                steps.append(Save(frame + 1, True))
                self._saved.append(frame + 1)
                if fresh:
                    self._wanted.append(frame)
        self.current_frame = max(self.current_frame, end)
        self._forget()
        return steps

    def _forget(self) -> None:
        """Drop what is too old to be gone back to, whole intervals at a time."""
        interval = self.settings.snapshot_interval
        oldest = (self._played - self.settings.buffer_frames) // interval * interval
        oldest = min(oldest, self._told)
        if oldest < self._first + interval or oldest not in self._saved:
            return
        del self._rows[: oldest - self._first]
        del self._saved[: self._saved.index(oldest)]
        self._first = oldest
        self._base = None
