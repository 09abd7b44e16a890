"""
All players' inputs, who of them is seated, and how far the game may go on that.
"""

from __future__ import annotations

import attrs

from gamenet.rollback.input_queue import ENDLESS, HISTORY, InputQueue, Predictor
from gamenet.rollback.settings import LeaverPolicy, Prediction, RollbackSettings
from gamenet.wire.view_values import Seat

__all__ = ["InputTable"]


@attrs.define(init=False)
class InputTable:
    """
    The queues of all players, local ones too.

    @ivar queues: The players' inputs, in order of player number.
    @ivar seats: Who is seated from when on, in the same order.
    @ivar known: All remote players' inputs of the frames before this one are
        certain, and no pledge forbids to confirm them.
    @ivar horizon: The frame from which on nothing may be confirmed, because
        the peers are about to agree on who is seated; L{ENDLESS} normally.
    @ivar wrong_frame: The first frame that was played on something wrong, or
        C{None}.
    @ivar settled: The frame from which on nobody's seat changes, as far as is
        known.
    @ivar absent: The players whose seats are empty from frame C{settled} on.
    @ivar _changes: Per player, when the seat became taken or empty, in ascending
        frames: what was before all of them, and all that may be played again.
    @ivar _remote: The remote players' queues.
    @ivar _filler: The input of an empty seat, or C{None} to repeat the last.
    """

    queues: tuple[InputQueue, ...]
    seats: tuple[Seat, ...]
    known: int
    horizon: int
    wrong_frame: int | None
    settled: int
    absent: tuple[int, ...]
    _changes: tuple[list[tuple[int, bool]], ...]
    _remote: tuple[InputQueue, ...]
    _filler: bytes | None

    def __init__(
        self,
        settings: RollbackSettings,
        seats: tuple[Seat, ...],
        first_frame: int = 0,
        before: tuple[bytes, ...] | None = None,
    ) -> None:
        """
        @param settings: The rules.
        @param seats: Who is seated.
        @param first_frame: The first frame that will be played.
        @param before: All players' inputs of the frame before that.
        """
        prediction = settings.prediction
        default = settings.default_input if prediction is Prediction.DEFAULT else None
        predictor = None
        if not isinstance(prediction, Prediction):
            predictor = _checked(prediction, settings.input_limit)
        inputs = before or (b"",) * settings.players
        self.queues = tuple(InputQueue(first_frame, text, default, predictor) for text in inputs)
        local = settings.local_players
        self._remote = tuple(
            queue for player, queue in enumerate(self.queues, 1) if player not in local
        )
        freezes = settings.leaver_policy is LeaverPolicy.FREEZE
        if freezes:
            self._filler = None
        elif settings.leaver_policy is LeaverPolicy.DEFAULT_INPUT:
            self._filler = settings.default_input
        else:
            self._filler = b""
        self.horizon = ENDLESS
        self.wrong_frame = None
        self.seats = seats
        self._changes = tuple([[(-1, not seat.taken), (seat.since, seat.taken)] for seat in seats])
        for seat, queue, text in zip(seats, self.queues, inputs, strict=True):
            if not seat.taken:
                past = freezes and seat.since < first_frame
                queue.close(seat.since, text if past else self._filler)
            elif seat.since > first_frame:
                queue.close(first_frame, text if freezes else self._filler)
                queue.reopen(seat.since, first_frame)
        self._settle()
        self.refresh()

    def take(self, queue: InputQueue, inputs: list[bytes], current_frame: int) -> None:
        """
        Add a player's new inputs; call L{refresh} after the last.

        @param current_frame: The frame that is played next.
        """
        self.note(queue.extend(inputs, current_frame))

    def note(self, wrong_frame: int | None) -> None:
        """Frames from C{wrong_frame} on, if any, have to be played again."""
        if wrong_frame is not None and (self.wrong_frame is None or wrong_frame < self.wrong_frame):
            self.wrong_frame = wrong_frame

    def refresh(self) -> None:
        """Find out anew how far everything is known."""
        known = self.horizon
        for queue in self._remote:
            known = min(known, queue.known_until)
        self.known = known

    def pledge(self, horizon: int) -> None:
        """Confirm nothing from a frame on, until L{ENDLESS} is pledged."""
        if horizon != self.horizon:
            self.horizon = horizon
            self.refresh()

    def reseat(self, seats: tuple[Seat, ...], confirmed_frame: int, current_frame: int) -> None:
        """
        Who is seated has changed, by everybody's agreement.

        @param seats: The new seats.
        @param confirmed_frame: The newest frame that is final here.
        @param current_frame: The frame that is played next.
        """
        places = zip(seats, self.seats, self.queues, self._changes, strict=True)
        for seat, old, queue, changes in places:
            if seat == old:
                continue
            while len(changes) > 1 and changes[-1][0] >= seat.since:
                changes.pop()
            changes.append((seat.since, seat.taken))
            while len(changes) > 2 and changes[1][0] <= confirmed_frame - HISTORY:
                del changes[0]
            if not seat.taken:
                queue.close(seat.since, self._filler)
            elif not old.taken:
                queue.reopen(seat.since, max(0, confirmed_frame + 1 - HISTORY))
            if seat.since < current_frame:
                self.note(seat.since)
        self.seats = seats
        self._settle()
        self.refresh()

    def lacking(self) -> list[tuple[int, int, int]]:
        """
        Return what is missing of those who left: player, first frame, and the
        frame from which on the seat is empty.
        """
        return [
            (player, queue.count, queue.closed_at)
            for player, queue in enumerate(self.queues, 1)
            if queue.closed_at is not None and queue.count < queue.closed_at
        ]

    def floors(self) -> tuple[int, ...]:
        """Return how many inputs of each player are here."""
        return tuple([queue.count for queue in self.queues])

    def absentAt(self, frame: int) -> tuple[int, ...]:
        """Return the players whose seats are empty in a frame."""
        if frame >= self.settled:
            return self.absent
        return tuple(
            [
                player
                for player, changes in enumerate(self._changes, 1)
                if not next(taken for since, taken in reversed(changes) if since <= frame)
            ]
        )

    def columns(self, start: int, end: int) -> list[list[bytes]]:
        """Return what each player is taken to press from C{start} up to C{end}, without it."""
        return [queue.play(start, end) for queue in self.queues]

    def row(self, frame: int) -> tuple[bytes, ...]:
        """
        Return all players' certain inputs of a frame.

        @raise gamenet.errors.LocalProtocolError: Some are not known, or long gone.
        """
        if self.absent or frame >= self.known:
            return tuple([queue.known(frame) for queue in self.queues])
        return tuple([queue.inputs[frame - queue.first_kept] for queue in self.queues])

    def _settle(self) -> None:
        """Find out from which frame on the seats stay as they are."""
        self.settled = max([seat.since for seat in self.seats])
        self.absent = tuple([player for player, seat in enumerate(self.seats, 1) if not seat.taken])


def _checked(predictor: Predictor, limit: int) -> Predictor:
    """Return a predictor that fails where the game's own returns no possible input."""

    def predict(last: bytes, frames: int) -> bytes:
        text = predictor(last, frames)
        if type(text) is not bytes:
            raise TypeError(f"a predicted input of {type(text).__name__}, not bytes")
        if len(text) > limit:
            raise ValueError(f"a predicted input of {len(text)} bytes, more than {limit}")
        return text

    return predict
