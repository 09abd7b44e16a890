"""
One player's inputs: those that are known, and what is played meanwhile for
those that are not.

Known inputs are consecutive from frame 0.  Beyond them the queue predicts that
the player goes on pressing what they pressed last.  When inputs arrive for
frames that were already played on a prediction, the queue says which was the
first that the prediction had wrong.
"""

from __future__ import annotations

import attrs

from gamenet.errors import LocalProtocolError, RemoteProtocolError

__all__ = ["HISTORY", "InputQueue"]

#: How many known inputs stay after they were played, at least, in frames: to
#: send them again and to check what is received again.
HISTORY = 128

_CAPACITY = 4 * HISTORY


@attrs.define
class InputQueue:
    """
    The inputs of one player.

    @ivar count: How many inputs are known, which is the first frame whose
        input is not.
    @ivar prediction: What was played for frames from C{count} on.
    @ivar _inputs: The known inputs from frame C{_base} on, at most four times
        L{HISTORY} and what one packet brings.
    @ivar _base: The frame of C{_inputs[0]}.
    """

    count: int = attrs.field(default=0, init=False)
    prediction: bytes = attrs.field(default=b"", init=False)
    _inputs: list[bytes] = attrs.field(factory=list, init=False)
    _base: int = attrs.field(default=0, init=False)

    def append(self, text: bytes) -> None:
        """
        Add the input of frame C{count}, which was not played on a prediction.
        """
        self._inputs.append(text)
        self.count += 1
        if len(self._inputs) >= _CAPACITY:
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
        if first_frame < self._base:
            raise RemoteProtocolError(f"inputs from frame {first_frame} on, which is long past")
        return known if known < count else count

    def agrees(self, first_frame: int, inputs: list[bytes]) -> bool:
        """
        Return whether inputs are the same as the known ones of their frames.

        @param first_frame: The frame of C{inputs[0]}; not before what is kept.
        @param inputs: Inputs of consecutive frames, all of them known.
        """
        start = first_frame - self._base
        return self._inputs[start : start + len(inputs)] == inputs

    def extend(self, inputs: list[bytes], current_frame: int) -> int | None:
        """
        Add the inputs of frame C{count} and those that follow.

        @param inputs: Inputs of consecutive frames.
        @param current_frame: The frame that is played next; all before it were
            played.
        @return: The first frame that was played on a prediction which these
            inputs prove wrong, or C{None}.
        """
        first_wrong = None
        for frame, text in enumerate(inputs, self.count):
            if frame >= current_frame:
                break
            if text != self.prediction:
                first_wrong = frame
                break
        self._inputs += inputs
        self.count += len(inputs)
        if len(self._inputs) >= _CAPACITY:
            self._discard()
        return first_wrong

    def known(self, frame: int) -> bytes:
        """
        Return the known input of a frame.

        @raise LocalProtocolError: It is not known, or long gone.
        """
        if not self._base <= frame < self.count:
            raise LocalProtocolError(f"the input of frame {frame} is not here")
        return self._inputs[frame - self._base]

    def since(self, frame: int) -> list[bytes]:
        """
        Return the known inputs from C{frame} on.

        @raise LocalProtocolError: They are long gone.
        """
        if frame < self._base:
            raise LocalProtocolError(f"the input of frame {frame} is not here")
        return self._inputs[frame - self._base :]

    def play(self, start: int, end: int) -> list[bytes]:
        """
        Return what is to be played for the frames from C{start} up to, but not
        including, C{end}: known inputs, then the newest of them repeated.
        From here on that is the prediction that later inputs are judged by.

        @raise LocalProtocolError: C{start} is long gone.
        """
        base = self._base
        if start < base:
            raise LocalProtocolError(f"the input of frame {start} is not here")
        inputs = self._inputs[start - base : end - base]
        if self._inputs:
            self.prediction = self._inputs[-1]
        missing = end - start - len(inputs)
        if missing > 0:
            inputs += [self.prediction] * missing
        return inputs

    def _discard(self) -> None:
        """Forget all but the newest L{HISTORY} inputs."""
        excess = len(self._inputs) - HISTORY
        del self._inputs[:excess]
        self._base += excess
