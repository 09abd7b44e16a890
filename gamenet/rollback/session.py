"""
The rollback session of one player: inputs and packets in, steps, packets and
events out.

Every player simulates the whole game.  Inputs of others that have not come
yet are predicted: they go on pressing what they pressed last.  When an input
comes that was predicted wrong, the session goes back to the state before that
frame and plays all frames since then again.

One tick of the caller, who is told the time and has the socket::

    frame = session.inputFrame()
    text = None if frame is None else readInput(frame)
    timeline.apply(session.advance(text, now))
    for event in session.drainEvents(): ...
    send(session.packetFor(other, now))

and for each packet that comes, C{session.packetReceived(other, body, now)},
which changes what the next C{advance} does and touches no game state.

The idea is that of GGPO (Tony Cannon, 2006); that steps are values is that of
GGRS.  The packets are those of L{gamenet.wire.input_packet}.
"""

from __future__ import annotations

import attrs

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.rollback.checksum_comparison import ChecksumComparison
from gamenet.rollback.events import Desynchronized, Event, FrameConfirmed
from gamenet.rollback.input_queue import InputQueue
from gamenet.rollback.remote_player import RemotePlayer
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.statistics import SessionStatistics
from gamenet.rollback.steps import Advance, Load, Save, Step
from gamenet.wire.input_packet import (
    FRAMES_LIMIT,
    INPUT_LIMIT,
    NO_REPORT,
    InputPacket,
    decodeInputPacket,
    encodeInputPacket,
)

__all__ = ["INPUT_LIMIT", "RollbackSession"]


@attrs.define(init=False)
class RollbackSession:
    """
    One player's side of a match.

    @ivar settings: The L{RollbackSettings}.
    @ivar current_frame: The frame that is played next for the first time.
    @ivar confirmed_frame: The newest frame that was played with all players'
        real inputs and will never be played again, or -1.
    @ivar statistics: The L{SessionStatistics}.
    @ivar _frames: How many frames the match has.
    @ivar _local: Our inputs.
    @ivar _remotes: The other players by number.
    @ivar _others: The other players.
    @ivar _queues: The players' inputs, in order of player number.
    @ivar _received: How many inputs of every remote player are known.
    @ivar _acknowledged: How many of our inputs every remote player has.
    @ivar _wrong_frame: The first frame that was played on a wrong prediction,
        or C{None}.
    @ivar _checksummed: The newest frame whose checksum was taken, or -1.
    @ivar _report: The newest frame whose checksum the others are told, and
        that checksum.
    @ivar _saves: The L{Save} of each frame that may be played again.
    @ivar _events: What was not drained yet.
    """

    settings: RollbackSettings
    current_frame: int
    confirmed_frame: int
    statistics: SessionStatistics
    _frames: int
    _local: InputQueue
    _remotes: dict[int, RemotePlayer]
    _others: tuple[RemotePlayer, ...]
    _queues: tuple[InputQueue, ...]
    _received: int
    _acknowledged: int
    _wrong_frame: int | None
    _checksummed: int
    _report: tuple[int, int]
    _saves: list[Save]
    _events: list[Event]

    def __init__(self, settings: RollbackSettings) -> None:
        """
        @param settings: The rules.
        """
        self.settings = settings
        self.current_frame = 0
        self.confirmed_frame = -1
        self.statistics = SessionStatistics()
        self._frames = FRAMES_LIMIT if settings.last_frame is None else settings.last_frame + 1
        self._local = InputQueue()
        for _ in range(min(settings.input_delay, self._frames)):
            self._local.append(b"")
        self._remotes = {
            player: RemotePlayer(player, ChecksumComparison(player, settings.checksums_limit))
            for player in range(1, settings.players + 1)
            if player != settings.local_player
        }
        self._others = tuple(self._remotes.values())
        self._queues = tuple(
            self._remotes[player].queue if player in self._remotes else self._local
            for player in range(1, settings.players + 1)
        )
        self._received = 0
        self._acknowledged = 0
        self._wrong_frame = None
        self._checksummed = -1
        self._report = (NO_REPORT, 0)
        self._saves = [Save(0)] * (settings.prediction_window + 2)
        self._events = []

    @property
    def state(self) -> SessionState:
        """What the session is doing, a L{SessionState}."""
        if self.current_frame < self._frames:
            can_play = self._isWithinWindow() and (not self._lacksInput() or self._wantsInput(True))
            return SessionState.RUNNING if can_play else SessionState.STALLED
        return SessionState.FINISHED if self.finished else SessionState.CONFIRMING

    @property
    def finished(self) -> bool:
        """Whether the match's last frame is final here and its checksum was taken."""
        return self._checksummed == self._frames - 1

    def inputFrame(self) -> int | None:
        """
        Return the frame for which L{advance} wants the local input, or C{None}
        if it wants none: the session is stalled, or was given all there are.

        In lockstep (a prediction window of 0) the input is wanted before the
        frame can be played, or no player would ever begin.
        """
        return self._local.count if self._wantsInput(self._isWithinWindow()) else None

    def advance(self, local_input: bytes | None, now: float) -> tuple[Step, ...]:
        """
        Correct what was predicted wrong, and play one new frame if possible.

        Called once per frame that is due.  The steps must be applied before
        the session is called again.

        @param local_input: The local player's input of frame L{inputFrame}, at
            most C{settings.input_limit} bytes.  C{None} where that gives
            C{None}; the last C{settings.input_delay} frames of the match are
            played so.  C{None} where an input is wanted plays nothing new.
        @param now: The time, in seconds.
        @return: What to do, in order.
        @raise LocalProtocolError: An input is not wanted now, is not bytes or
            is too long; the steps of the call before were not applied; nobody
            drains the events.  Nothing changed then.
        """
        if self._checksummed != self.confirmed_frame:
            raise LocalProtocolError("the steps before these were not applied")
        if len(self._events) >= self.settings.events_limit:
            raise LocalProtocolError(f"{len(self._events)} events were not drained")
        within_window = self._isWithinWindow()
        wanted = self._wantsInput(within_window)
        if local_input is None:
            plays = within_window and not self._lacksInput()
        elif wanted:
            self._takeInput(local_input)
            plays = within_window
            wanted = False
        else:
            raise LocalProtocolError("no input is wanted now")
        if not plays and not wanted and self.current_frame < self._frames:
            self.statistics.stalled(now)
        wrong_frame = self._wrong_frame
        self._wrong_frame = None
        start = end = self.current_frame
        steps: list[Step] = []
        if wrong_frame is not None:
            start = wrong_frame
            self.statistics.rolledBack(end - start)
            steps.append(Load(start))
        if plays:
            self.statistics.played(now)
            if end == 0:
                steps.append(self._saves[0])
            end += 1
            self.current_frame = end
        if start < end:
            self._addFrames(steps, start, end)
        self.confirmed_frame = min(end, self._received) - 1
        return tuple(steps)

    def checksumsWanted(self) -> range:
        """
        Return the frames that became final and whose checksums were not taken:
        asked for by the timeline after it applied some steps.
        """
        return range(self._checksummed + 1, self.confirmed_frame + 1)

    def checksumTaken(self, frame: int, checksum: int) -> None:
        """
        Take the checksum of a final frame.

        @param frame: The first of L{checksumsWanted}.
        @param checksum: crc32 of the state that the frame led to.
        @raise LocalProtocolError: It is another frame.
        """
        if frame != self._checksummed + 1 or frame > self.confirmed_frame:
            raise LocalProtocolError(f"the checksum of frame {frame} is not wanted now")
        self._checksummed = frame
        inputs = tuple([queue.known(frame) for queue in self._queues])
        self._events.append(FrameConfirmed(frame, inputs, checksum))
        if not (frame + 1) % self.settings.checksum_interval or frame == self._frames - 1:
            self._report = (frame, checksum)
            for remote in self._others:
                self._noteComparison(remote, remote.checksums.confirmed(frame, checksum))

    def packetReceived(self, player: int, body: bytes, now: float) -> None:
        """
        Take a packet.

        @param player: Who sent it; the caller has proven that.
        @param body: See L{gamenet.wire.input_packet}.
        @param now: The time, in seconds.
        @raise RemoteProtocolError: They cannot rightly have sent it (or it was
            delayed for more than two seconds).  It was counted, and nothing
            else changed.
        @raise LocalProtocolError: C{player} is not a remote player.
        """
        remote = self.remote(player)
        statistics = self.statistics
        try:
            packet = decodeInputPacket(body)
            fresh = self._freshInputs(remote, packet)
        except RemoteProtocolError:
            statistics.packets_refused += 1
            raise
        statistics.packets_received += 1
        statistics.bytes_received += len(body)
        if remote.noteReceived(packet, now):
            self._acknowledged = min([other.acknowledged for other in self._others])
        if fresh:
            statistics.inputs_received += len(fresh)
            wrong_frame = remote.queue.extend(fresh, self.current_frame)
            if wrong_frame is not None:
                known = self._wrong_frame
                self._wrong_frame = wrong_frame if known is None else min(known, wrong_frame)
            self._received = min([other.queue.count for other in self._others])
        else:
            statistics.packets_repeated += 1
        if packet.report_frame != NO_REPORT:
            checksums = remote.checksums
            self._noteComparison(
                remote, checksums.reported(packet.report_frame, packet.report_checksum)
            )

    def packetFor(self, player: int, now: float) -> bytes:
        """
        Return a packet for another player: every input of ours that they have
        not acknowledged (the oldest that fit), what we have of theirs, where we
        are, and our newest checksum report.

        Called once per frame that is due, also in a stall and at the end until
        the other has L{acknowledged} all.

        @param player: Who it is for.
        @param now: The time at which it is sent, in seconds.
        @return: At most L{gamenet.wire.input_packet.BODY_LIMIT} bytes.
        @raise LocalProtocolError: C{player} is not a remote player.
        """
        remote = self.remote(player)
        frames = self._frames
        first_frame = min(remote.acknowledged, frames)
        wanted = remote.queue.count
        if wanted == frames and remote.checksums.compared_frame == frames - 1:
            wanted += 1
        body, included = encodeInputPacket(
            first_frame,
            self._local.since(first_frame),
            wanted,
            self.current_frame,
            *self._report,
        )
        sent = first_frame + included
        remote.noteSent(sent + 1 if sent == self._report[0] + 1 == frames else sent, now)
        statistics = self.statistics
        statistics.packets_sent += 1
        statistics.bytes_sent += len(body)
        statistics.inputs_sent += included
        return body

    def drainEvents(self) -> tuple[Event, ...]:
        """Return what happened since the last call, in order."""
        events = tuple(self._events)
        self._events.clear()
        return events

    def acknowledged(self, player: int) -> bool:
        """
        Return whether another player needs nothing more from us: they have all
        inputs that we gave so far, and after the last frame they have compared
        its checksum too.

        @raise LocalProtocolError: C{player} is not a remote player.
        """
        count = self._local.count
        return self.remote(player).acknowledged == (count + 1 if count == self._frames else count)

    def remoteFrame(self, player: int) -> int:
        """
        Return the frame that another player plays next, by the packet of
        theirs that came last; for L{gamenet.rollback.time_sync}.

        @raise LocalProtocolError: C{player} is not a remote player.
        """
        return self.remote(player).current_frame

    def remote(self, player: int) -> RemotePlayer:
        """
        Return what is known of another player; to be read, not written.

        @raise LocalProtocolError: C{player} is not a remote player.
        """
        remote = self._remotes.get(player)
        if remote is None:
            raise LocalProtocolError(f"player {player} is not a remote player")
        return remote

    def _isWithinWindow(self) -> bool:
        """Whether the next frame is part of the match and of the prediction window."""
        frame = self.current_frame
        return frame < self._frames and frame - self._received < self.settings.prediction_window

    def _lacksInput(self) -> bool:
        """Whether a local input must be given before the next frame is played."""
        count = self._local.count
        return count < self._frames and count - self.current_frame <= self.settings.input_delay

    def _wantsInput(self, within_window: bool) -> bool:
        """Whether a local input may be given now."""
        settings = self.settings
        count = self._local.count
        return (
            count < self._frames
            and count - self.current_frame <= settings.input_delay
            and count - self._acknowledged < settings.unacknowledged_limit
            and (within_window or not settings.prediction_window)
        )

    def _takeInput(self, local_input: bytes) -> None:
        """Check and keep a local input."""
        if not isinstance(local_input, bytes):
            raise LocalProtocolError(f"an input of {type(local_input).__name__}, not bytes")
        if len(local_input) > self.settings.input_limit:
            raise LocalProtocolError(
                f"an input of {len(local_input)} bytes, more than {self.settings.input_limit}"
            )
        self._local.append(local_input)

    def _addFrames(self, steps: list[Step], start: int, end: int) -> None:
        """Add the steps that play the frames from C{start} up to C{end}, without it."""
        saves = self._saves
        kept = len(saves)
        columns = [queue.play(start, end) for queue in self._queues]
        for frame, inputs in enumerate(zip(*columns, strict=True), start):
            steps.append(Advance(frame, inputs))
            place = (frame + 1) % kept
            save = saves[place]
            if save.frame != frame + 1:
                save = saves[place] = Save(frame + 1)
            steps.append(save)

    def _freshInputs(self, remote: RemotePlayer, packet: InputPacket) -> list[bytes]:
        """
        Check a packet; change nothing.

        @return: The inputs in it that are new.
        @raise RemoteProtocolError: Its sender cannot rightly have sent it.
        """
        inputs = packet.inputs
        remote.check(packet, self._frames, self.settings)
        repeated = remote.queue.overlap(packet.first_frame, len(inputs))
        if repeated == 0:
            return inputs
        if not remote.queue.agrees(packet.first_frame, inputs[:repeated]):
            self.statistics.inconsistent_inputs += 1
            raise RemoteProtocolError(f"other inputs from frame {packet.first_frame} than before")
        return inputs[repeated:]

    def _noteComparison(self, remote: RemotePlayer, difference: Desynchronized | None) -> None:
        """Tell of a difference."""
        if difference is not None:
            self.statistics.desynchronizations += 1
            self._events.append(difference)
