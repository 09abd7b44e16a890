"""
What really happened in a world of whole matches, and what must be true of it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gamenet.errors import SendFailed
from gamenet.event_log.branches import chainOf, holds
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.log_events import Chat, Event, ParticipantLeft, ParticipantLost
from gamenet.wire.log_values import Epoch, LeaveReason
from tests.match_worlds.process import Process, Row, Submission

if TYPE_CHECKING:
    from tests.match_worlds.world import World

__all__ = ["Ledger", "WorldFailed"]

#: An event's session, epoch and number.
Key = tuple[bytes, Epoch, int]

#: Seconds that a new process may take until the others hear it.
ARRIVAL = 8.0


class WorldFailed(AssertionError):
    """A world did not do what every world must; the text says what."""


class Ledger:
    """
    All events of a world, and what everybody was told.

    @ivar submissions: Every command of every process.
    @ivar wrong: What was seen to be wrong while it happened.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.submissions: list[Submission] = []
        self.wrong: list[str] = []
        self._events: dict[Key, Event] = {}
        self._first_at: dict[Key, float] = {}
        self._holders: dict[Key, dict[Process, None]] = {}

    def applied(self, process: Process, event: Event) -> None:
        """An event is in somebody's log: the same one wherever its epoch and number are."""
        key = event.session_id, event.epoch, event.sequence
        known = self._events.setdefault(key, event)
        if known != event:
            self.wrong.append(f"two events of one epoch and number: {known} and {event}")
        self._first_at.setdefault(key, self.world.network.clock.seconds())
        self._holders.setdefault(key, {})[process] = None

    def answered(self, submission: Submission, answer: object) -> None:
        """
        Somebody got an answer.  An event is acknowledged once two hold it; one, where nobody
        else is there.
        """
        submission.answers.append(answer)
        if self.world.partitioned or not isinstance(answer, Event):
            return
        others = [
            one
            for one in self.world.knowing
            if one is not submission.process
            and one.shared is not None
            and one.shared.is_participant
        ]
        held = any(one.shared.sequence >= answer.sequence for one in others)  # type: ignore[union-attr]
        if others and not held:
            self.wrong.append(f"nobody but {submission.process} holds {answer}")

    def check(self, living: list[Process]) -> None:
        """
        See that all is well.

        @param living: Who takes part in the end.
        @raise WorldFailed: It is not.
        """
        _must(not self.wrong, self.wrong[:3])
        state = self._oneState(living)
        self._answers(living)
        self._acknowledged(state)
        self._dropped(state)
        self._onceOnly(state)
        self._graces(state)
        if not self.world.shares:
            self._frames(living)
        for process in self.world.processes:
            for witness in process.witnesses:
                _must(not witness.disagreements, (process, witness.disagreements[:3]))
                _must(not witness.desyncs, (process, witness.desyncs[:3]))

    def _oneState(self, living: list[Process]) -> SharedState:
        """All logs agree: one state, one host."""
        states = []
        for process in living:
            shared = process.shared
            _must(shared is not None and shared.state is not None, f"{process} knows nothing")
            assert shared is not None and shared.state is not None
            states.append(shared.state)
        first = states[0]
        for process, state in zip(living, states, strict=True):
            said = (state.session_id, state.epoch, state.sequence, state.digest())
            wanted = (first.session_id, first.epoch, first.sequence, first.digest())
            _must(said == wanted, f"{process} is at {said[1:3]}, not {wanted[1:3]}")
        hosts = [process for process in living if process.shared and process.shared.is_host]
        _must(len(hosts) == 1, f"hosts: {hosts}")
        _must(hosts[0].number == first.host, f"{hosts[0]} hosts, the log says {first.host}")
        return first

    def _answers(self, living: list[Process]) -> None:
        """Every command was answered, once."""
        for submission in self.submissions:
            answers = submission.answers
            _must(len(answers) <= 1, (submission.process, submission.command, answers))
            if submission.process not in living:
                continue
            what = f"{submission.process} got no answer to {submission.command}"
            _must(len(answers) == 1, f"{what} of {submission.at:.2f}")
            lost = isinstance(answers[0], SendFailed)
            _must(not lost or len(submission.process.witnesses) > 1, what)

    def _acknowledged(self, state: SharedState) -> None:
        """What was acknowledged is in the log, or was reported to whoever sent it."""
        chain = chainOf(state)
        there = {(event.author, event.command) for event in self._inLog(state)}
        for submission in self.submissions:
            event = submission.answers[0] if submission.answers else None
            if not isinstance(event, Event) or event.session_id != state.session_id:
                continue
            process = submission.process
            reports = process.witness.dropped_events.count(event)
            if holds(chain, event.epoch, event.sequence):
                self.world.counters["acknowledged and kept"] += 1
                _must(not reports, f"{process} was told that {event} was dropped: it was not")
                continue
            if (event.author, event.command) in there:
                # Both halves made an event of it: nothing of the sender's is undone.
                self.world.counters["acknowledged and kept as another event"] += 1
                continue
            self.world.counters["acknowledged and dropped"] += 1
            if not self.world.partitioned:
                key = event.session_id, event.epoch, event.sequence
                holders = [one for one in self._holders[key] if one.died is None]
                _must(not holders, f"crashes alone dropped {event}, held by {holders}")
            if process.alive:
                _must(reports == 1, f"{process} was told {reports} times that {event} is dropped")

    def _dropped(self, state: SharedState) -> None:
        """Dropped is reported once, to the sender, of what is not in the log."""
        chain = chainOf(state)
        for process in self.world.processes:
            told = Counter(
                (event.epoch, event.sequence) for event in process.witness.dropped_events
            )
            for event in process.witness.dropped_events:
                _must(told[event.epoch, event.sequence] == 1, f"{process}: {event} dropped twice")
                _must(event.author == process.number, f"{process} was told of {event}")
                if event.session_id == state.session_id:
                    kept = holds(chain, event.epoch, event.sequence)
                    _must(not kept or not process.alive, f"{process}: {event} is there")

    def _inLog(self, state: SharedState) -> list[Event]:
        chain = chainOf(state)
        found = [
            event
            for (session_id, epoch, sequence), event in self._events.items()
            if session_id == state.session_id and holds(chain, epoch, sequence)
        ]
        return sorted(found, key=lambda event: event.sequence)

    def _onceOnly(self, state: SharedState) -> None:
        """No command became two events."""
        events = self._inLog(state)
        numbers = Counter(event.sequence for event in events)
        _must(all(count == 1 for count in numbers.values()), "two events of one number")
        said = Counter(event.body.text for event in events if isinstance(event.body, Chat))
        twice = [text for text, count in said.items() if count > 1]
        _must(not twice, f"said twice: {twice}")

    def _graces(self, state: SharedState) -> None:
        """Nobody is out before the grace is over."""
        grace = self.world.grace
        lost: dict[int, int] = {}
        for event in self._inLog(state):
            body = event.body
            if isinstance(body, ParticipantLost):
                lost[body.player] = event.time_ms
            elif isinstance(body, ParticipantLeft) and body.reason is LeaveReason.GRACE_OVER:
                since = lost.get(body.player)
                _must(since is not None, f"{body} of somebody who was not lost")
                assert since is not None
                waited = (event.time_ms - since) / 1000.0
                _must(waited >= grace - 0.01, f"{body} after {waited} s")
                if not self.world.partitioned:
                    self._wasAway(body.player, event)

    def _wasAway(self, player: int, event: Event) -> None:
        """Where links were never cut: whoever was given up was really gone for so long."""
        at = self._first_at[event.session_id, event.epoch, event.sequence]
        for process in self.world.processes:
            if process.number != player or process.ended or process.leaving:
                continue
            here = process.born + ARRIVAL <= at
            gone = process.died is not None and process.died <= at - self.world.grace + 1.0
            _must(not here or gone, f"{process} was given up within its grace, at {at:.2f}")

    def _frames(self, living: list[Process]) -> None:
        """
        All frames that two confirmed are the same.

        What somebody confirmed on from the frame that the others dropped it from does not
        count, nor, where both halves of a split play on, what was played before all were one.
        """
        alone = self.world.partitioned and self.world.settings.plays_alone
        known: dict[tuple[bytes, int], tuple[Process, Row]] = {}
        drops = self._drops()
        for process in living if alone else self.world.processes:
            for witness in process.witnesses:
                if witness.match is None:
                    continue
                match_id = witness.match.match_id
                out = drops.get((match_id, process.number), [])
                for part in witness.parts:
                    ends = [frame for frame in out if frame > min(part, default=0)]
                    for frame, row in part.items():
                        if ends and frame >= min(ends) and not alone:
                            break
                        if alone and frame <= self.world.one_from:
                            continue
                        other, there = known.setdefault((match_id, frame), (process, row))
                        same = row[0] == there[0] and (
                            row[1] == there[1] or None in (row[1], there[1])
                        )
                        _must(same, f"frame {frame}: {process} {row}, {other} {there}")
                        self.world.counters["frames compared"] += other is not process

    def _drops(self) -> dict[tuple[bytes, int], list[int]]:
        """Return from which frames on who was dropped, by match and player."""
        found: dict[tuple[bytes, int], list[int]] = {}
        for process in self.world.processes:
            for witness in process.witnesses:
                for player, frame in witness.drops:
                    found.setdefault((witness.match.match_id, player), []).append(frame)
        return found


def _must(holds_true: object, what: object) -> None:
    if not holds_true:
        raise WorldFailed(str(what))
