"""
One peer's match log in memory: what is needed of it to compare and to draw.
"""

from __future__ import annotations

from itertools import pairwise

import attrs

from gamenet.wire.match_log_records import (
    EndRecord,
    EventRecord,
    FrameRecord,
    LogHeader,
    LogRecord,
    NoteRecord,
    TickRecord,
)

__all__ = ["EVENTS_LIMIT", "KNOWN", "MISPREDICTED", "PREDICTED", "PeerLog", "Rollback"]

#: The most events and notes of one log that are kept, the oldest ones.
EVENTS_LIMIT = 500

#: What a player's input of a frame was when the frame was played first.
KNOWN, PREDICTED, MISPREDICTED = "k", "p", "m"

_FRAMES_SHOWN = 8


@attrs.frozen
class Rollback:
    """
    Going back once.

    @ivar time: When, in seconds.
    @ivar frame: The frame that was next to be played.
    @ivar load: The frame that was gone back to.
    """

    time: float
    frame: int
    load: int

    @property
    def depth(self) -> int:
        """How many frames were played again."""
        return self.frame - self.load


@attrs.define
class _Played:
    """A frame that is not final yet: its inputs at first, what was known, and the newest."""

    first: tuple[bytes, ...]
    known: str
    newest: tuple[bytes, ...]
    steady: bool


@attrs.define
class PeerLog:
    """
    What one peer wrote down.

    @ivar name: The file, for a person.
    @ivar header: What the log is of.
    @ivar problem: Why the log is not whole, or C{""}.
    @ivar why: The last line's text, or C{""} without one.
    @ivar frames: The final frames: inputs and checksum.
    @ivar marks: Per final frame, one of L{KNOWN}, L{PREDICTED} and L{MISPREDICTED} per
        player, as far as the log tells it.
    @ivar predictions: What was played first, where it was wrong: per frame, by player.
    @ivar rollbacks: Each of them, in order.
    @ivar stalls: Per frame, how many ticks were spent waiting before it.
    @ivar restored: The frames at which another peer's state was taken over.
    @ivar absent: Per frame, the players whose seat was empty.
    @ivar unexplained: Frames that were played last with other inputs than they became
        final with; a sound session has none.  At most some are kept.
    @ivar events: Events and notes, at most L{EVENTS_LIMIT}.
    @ivar more_events: How many there were beyond that.
    @ivar state_frames: The frames whose states the log has, ascending.
    @ivar duration: The newest time, in seconds.
    @ivar _waiting: Frames that were played and are not final yet.
    @ivar _inputs: One object for equal inputs.
    """

    name: str
    header: LogHeader
    problem: str = ""
    why: str = attrs.field(default="", init=False)
    frames: dict[int, tuple[tuple[bytes, ...], int | None]] = attrs.field(factory=dict, init=False)
    marks: dict[int, str] = attrs.field(factory=dict, init=False)
    predictions: dict[int, dict[int, bytes]] = attrs.field(factory=dict, init=False)
    rollbacks: list[Rollback] = attrs.field(factory=list, init=False)
    stalls: dict[int, int] = attrs.field(factory=dict, init=False)
    restored: list[int] = attrs.field(factory=list, init=False)
    absent: dict[int, tuple[int, ...]] = attrs.field(factory=dict, init=False)
    unexplained: list[int] = attrs.field(factory=list, init=False)
    events: list[EventRecord | NoteRecord] = attrs.field(factory=list, init=False)
    more_events: int = attrs.field(default=0, init=False)
    state_frames: list[int] = attrs.field(factory=list, init=False)
    duration: float = attrs.field(default=0.0, init=False)
    _waiting: dict[int, _Played] = attrs.field(factory=dict, init=False)
    _inputs: dict[tuple[bytes, ...], tuple[bytes, ...]] = attrs.field(factory=dict, init=False)
    _marks: dict[str, str] = attrs.field(factory=dict, init=False)

    @property
    def label(self) -> str:
        """Who wrote it: C{"player 1"}, C{"players 1, 2"} or C{"a spectator"}."""
        players = self.header.local_players
        if not players:
            return "a spectator"
        return f"player{'s' * (len(players) > 1)} {', '.join(map(str, players))}"

    @property
    def first_player(self) -> int:
        """The lowest player number of the peer, 0 for a spectator."""
        return min(self.header.local_players, default=0)

    @property
    def last_frame(self) -> int:
        """The newest final frame, or -1."""
        return max(self.frames, default=-1)

    @property
    def deepest(self) -> int:
        """The most frames that it went back at once."""
        return max((each.depth for each in self.rollbacks), default=0)

    @property
    def mispredicted(self) -> int:
        """How many inputs were predicted wrong."""
        return sum(map(len, self.predictions.values()))

    @property
    def predicted(self) -> int:
        """How many inputs were predicted, right or wrong."""
        return sum(len(marks) - marks.count(KNOWN) for marks in self.marks.values())

    def take(self, record: LogRecord) -> None:
        """Take the next record."""
        if isinstance(record, TickRecord):
            self.duration = max(self.duration, record.time)
            self._ticked(record)
        elif isinstance(record, FrameRecord):
            self._final(record)
        elif isinstance(record, EventRecord | NoteRecord):
            self.duration = max(self.duration, record.time)
            if len(self.events) < EVENTS_LIMIT:
                self.events.append(record)
            else:
                self.more_events += 1
        elif isinstance(record, EndRecord):
            self.why = record.text
        else:
            self.state_frames.append(record.frame)

    def settle(self) -> None:
        """
        Put the frames in order, once all was taken: whoever takes over another peer's
        state may play a frame that it had played before.
        """
        frames = list(self.frames)
        if any(one > other for one, other in pairwise(frames)):
            self.frames = dict(sorted(self.frames.items()))
            self.marks = dict(sorted(self.marks.items()))
        self.state_frames = sorted(dict.fromkeys(self.state_frames))

    def _ticked(self, record: TickRecord) -> None:
        frame = record.frame
        if record.stalled:
            self.stalls[frame] = self.stalls.get(frame, 0) + 1
        if record.restored is not None:
            self.restored.append(record.restored)
            self._waiting.clear()
        if record.load is not None and record.replayed:
            self.rollbacks.append(
                Rollback(record.time, record.load + len(record.replayed), record.load)
            )
            for again, inputs in enumerate(record.replayed, record.load):
                played = self._waiting.get(again)
                if played is not None:
                    played.newest = self._one(inputs)
        if record.inputs is not None:
            counts = record.counts
            known = "".join([KNOWN if frame < count else PREDICTED for count in counts])
            inputs = self._one(record.inputs)
            self._waiting[frame] = _Played(inputs, known, inputs, not record.absent)
            if record.absent:
                self.absent[frame] = record.absent

    def _final(self, record: FrameRecord) -> None:
        inputs = self._one(record.inputs)
        self.frames[record.frame] = inputs, record.checksum
        played = self._waiting.pop(record.frame, None)
        if played is None:
            return
        marks = played.known
        if played.first is not inputs and marks:
            wrong = [
                player
                for player, (first, final) in enumerate(zip(played.first, inputs, strict=True))
                if first != final and marks[player] == PREDICTED
            ]
            if wrong:
                self.predictions[record.frame] = {
                    player + 1: played.first[player] for player in wrong
                }
                marks = "".join(
                    [MISPREDICTED if n in wrong else mark for n, mark in enumerate(marks)]
                )
        if marks:
            self.marks[record.frame] = self._marks.setdefault(marks, marks)
        if played.newest != inputs and played.steady and len(self.unexplained) < _FRAMES_SHOWN:
            self.unexplained.append(record.frame)

    def _one(self, inputs: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Return the one object that stands for these inputs."""
        return self._inputs.setdefault(inputs, inputs)
