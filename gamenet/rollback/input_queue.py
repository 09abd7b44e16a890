"""
One player's inputs: those that are known, and what is played meanwhile for
those that are not.

Known inputs are consecutive.  Beyond them the queue predicts; unless the game
chose otherwise, that the player goes on pressing what they pressed last.  When
inputs arrive for frames that were already played on a prediction, the queue says
which was the first that the prediction had wrong.

A seat whose player has left is a queue that is closed: from one frame on, which
all players agree on, its input is always the same and known to everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs

from gamenet.errors import LocalProtocolError, MomentFailed, RemoteProtocolError

__all__ = ["CAPACITY", "ENDLESS", "HISTORY", "InputQueue", "Predictor"]

#: Given the last known input (C{b""} before the first) and for how many frames
#: nothing is known, 1 for the first of them; returns an input.
Predictor: TypeAlias = Callable[[bytes, int], bytes]

#: How many known inputs stay after they were played, at least, in frames: to
#: send them again and to check what is received again.
HISTORY = 256

#: C{InputQueue.known_until} of a queue that lacks nothing: above every frame number.
ENDLESS = 1 << 32

#: The most known inputs that stay.  A seat that is taken is filled this far ahead at the
#: most, and nothing of that may be forgotten before it was played.
CAPACITY = 6 * HISTORY


@attrs.define(init=False)
class InputQueue:
    """
    The inputs of one player.

    @ivar count: The first frame whose input was not received: how many inputs
        are known.  Of a closed queue at most C{closed_at}.
    @ivar known_until: The first frame whose input is not certain: C{count}, or
        L{ENDLESS} for a closed queue that lacks nothing.
    @ivar closed_at: The frame from which on the seat is empty, or C{None}.
    @ivar prediction: What was played for frames from C{count} on.
    @ivar _repeats: Whether the last input is the prediction.
    @ivar _predictor: The game's own predictor, or C{None}.
    @ivar _predicted: What it predicted, by frame.
    @ivar _filler: The input of an empty seat; C{None} is the last real one.
    @ivar inputs: The known inputs from frame C{first_kept} on, to be read; at most
        L{CAPACITY} and what one packet brings.
    @ivar first_kept: The first frame whose input is still here: that of C{inputs[0]}.
    """

    count: int
    known_until: int
    closed_at: int | None
    prediction: bytes
    _repeats: bool
    _predictor: Predictor | None
    _predicted: dict[int, bytes]
    _filler: bytes | None
    inputs: list[bytes]
    first_kept: int

    def __init__(
        self,
        first_frame: int = 0,
        before: bytes = b"",
        default: bytes | None = None,
        predictor: Predictor | None = None,
    ) -> None:
        """
        @param first_frame: The first frame whose input is wanted.
        @param before: The input of the frame before that.
        @param default: What is predicted; C{None} is the last known input.
        @param predictor: The game's own predictor; counts before C{default}.
        """
        self.count = self.known_until = first_frame
        self.closed_at = None
        self.prediction = before if default is None else default
        self._repeats = default is None and predictor is None
        self._predictor = predictor
        self._predicted = {}
        self._filler = None
        self.inputs = [before] if first_frame else []
        self.first_kept = first_frame - len(self.inputs)

    def append(self, text: bytes) -> None:
        """
        Add the input of frame C{count}, which was not played on a prediction.
        """
        self.inputs.append(text)
        self.count += 1
        self.known_until = self.count
        if len(self.inputs) >= CAPACITY:
            self._discard()

    def overlap(self, first_frame: int, count: int) -> int:
        """
        Return how many of the inputs of C{count} frames from C{first_frame} on
        are known.

        @raise RemoteProtocolError: There is a gap between the known inputs and
            these, or they begin before what is kept.
        """
        known = self.count - first_frame
        if known < 0:
            raise RemoteProtocolError(f"inputs from frame {first_frame} on, not {self.count}")
        if first_frame < self.first_kept:
            raise RemoteProtocolError(f"inputs from frame {first_frame} on, which is long past")
        return known if known < count else count

    def agrees(self, first_frame: int, inputs: list[bytes]) -> bool:
        """
        Return whether inputs are the same as the known ones of their frames.

        @param first_frame: The frame of C{inputs[0]}; not before what is kept.
        @param inputs: Inputs of consecutive frames, all of them known.
        """
        start = first_frame - self.first_kept
        return self.inputs[start : start + len(inputs)] == inputs

    def extend(self, inputs: list[bytes], current_frame: int) -> int | None:
        """
        Add the inputs of frame C{count} and those that follow; to a closed
        queue, what it lacks.

        @param inputs: Inputs of consecutive frames.
        @param current_frame: The frame that is played next; all before it were
            played.
        @return: The first frame that was played on a prediction which these
            inputs prove wrong, or C{None}.
        """
        if self.closed_at is not None:
            inputs = inputs[: max(self.closed_at - self.count, 0)]
        first_wrong = None
        if self._predictor is not None:
            first_wrong = self._firstMispredicted(inputs, current_frame)
        else:
            prediction = self.prediction
            frame = self.count
            for text in inputs:
                if frame >= current_frame:
                    break
                if text != prediction:
                    first_wrong = frame
                    break
                frame += 1
        self.inputs += inputs
        self.count += len(inputs)
        self.known_until = self.count
        if len(self.inputs) >= CAPACITY:
            self._discard()
        if self.closed_at is not None and self.count >= self.closed_at:
            self.known_until = ENDLESS
            if first_wrong is None and self.closed_at < current_frame:
                first_wrong = self.closed_at
        return first_wrong

    def known(self, frame: int) -> bytes:
        """
        Return the certain input of a frame.

        @raise LocalProtocolError: It is not known, or long gone.
        """
        if not self.first_kept <= frame < self.known_until:
            raise LocalProtocolError(f"the input of frame {frame} is not here")
        if frame >= self.count:
            return self._emptySeat()
        return self.inputs[frame - self.first_kept]

    def since(self, frame: int) -> list[bytes]:
        """
        Return the known inputs from C{frame} on.

        @raise LocalProtocolError: They are long gone.
        """
        if frame < self.first_kept:
            raise LocalProtocolError(f"the input of frame {frame} is not here")
        return self.inputs[frame - self.first_kept :]

    def play(self, start: int, end: int) -> list[bytes]:
        """
        Return what is to be played for the frames from C{start} up to, but not
        including, C{end}: known inputs, then predictions; an empty seat's inputs
        where the queue is closed.  From here on that is the prediction that later
        inputs are judged by.

        @raise LocalProtocolError: C{start} is long gone.
        """
        base = self.first_kept
        if start < base:
            raise LocalProtocolError(f"the input of frame {start} is not here")
        inputs = self.inputs[start - base : end - base]
        if self._repeats and self.inputs:
            self.prediction = self.inputs[-1]
        missing = end - start - len(inputs)
        if missing > 0:
            if self.known_until == ENDLESS:
                inputs += [self._emptySeat()] * missing
            elif self._predictor is None:
                inputs += [self.prediction] * missing
            else:
                inputs += self._predict(self._predictor, end - missing, end)
        return inputs

    def playOne(self, frame: int) -> bytes:
        """
        Return what L{play} would for one frame that is played for the first time.
        """
        inputs = self.inputs
        place = frame - self.first_kept
        if place < len(inputs):
            return inputs[place]
        if self._repeats and inputs and self.known_until != ENDLESS:
            self.prediction = inputs[-1]
            return self.prediction
        return self.play(frame, frame + 1)[0]

    def close(self, frame: int, filler: bytes | None) -> None:
        """
        The seat is empty from a frame on; also called again with an earlier one.

        Whoever calls goes back to that frame, if it was played.

        @param frame: The first frame without a real input.
        @param filler: The inputs from there on; C{None} is the last real one.
        """
        self.closed_at = frame
        self._filler = filler
        if self.count > frame:
            del self.inputs[max(frame - self.first_kept, 0) :]
            self.count = frame
        self.known_until = ENDLESS if self.count == frame else self.count

    def reopen(self, frame: int, start: int) -> None:
        """
        Somebody takes the empty seat: real inputs are wanted from a frame on.

        @param frame: That frame.
        @param start: The first frame that may ever be played again; the frames
            from there up to C{frame} keep the empty seat's input.
        @raise LocalProtocolError: The queue is not closed, or lacks something.
        """
        if self.known_until != ENDLESS or start > frame:
            raise LocalProtocolError(f"the seat cannot be taken at frame {frame}")
        start = max(start, self.first_kept)
        self.inputs = self.play(start, frame)
        self.first_kept = start
        self.count = self.known_until = frame
        self.closed_at = None

    def _emptySeat(self) -> bytes:
        """Return the input of the empty seat."""
        if self._filler is not None:
            return self._filler
        return self.inputs[-1] if self.inputs else b""

    def _predict(self, predictor: Predictor, start: int, end: int) -> list[bytes]:
        """Ask the game what to play for frames whose inputs are not known."""
        last = self.inputs[-1] if self.inputs else self.prediction
        first_unknown = self.count - 1
        made = []
        for frame in range(start, end):
            try:
                made.append(predictor(last, frame - first_unknown))
            except Exception as error:
                raise MomentFailed("prediction", frame) from error
        self._predicted.update(zip(range(start, end), made, strict=True))
        return made

    def _firstMispredicted(self, inputs: list[bytes], current_frame: int) -> int | None:
        """Compare inputs with what the game predicted for their frames."""
        first_wrong = None
        for frame, text in enumerate(inputs, self.count):
            predicted = self._predicted.pop(frame, text)
            if first_wrong is None and frame < current_frame and text != predicted:
                first_wrong = frame
        return first_wrong

    def _discard(self) -> None:
        """Forget all but the newest L{HISTORY} inputs."""
        excess = len(self.inputs) - HISTORY
        del self.inputs[:excess]
        self.first_kept += excess
