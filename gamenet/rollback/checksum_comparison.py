"""
Do two players' states agree?  The comparison of checksums of final frames.

Only frames that are final on both sides are ever compared, so a difference is
a difference of the game states and never of predictions: we put in a checksum
when a frame of ours became final, and a report says that of its sender's.
"""

from __future__ import annotations

import attrs

from gamenet.rollback.events import Desynchronized

__all__ = ["NO_INPUTS_CHECKSUM", "ChecksumComparison"]

#: The checksum of inputs of a report whose sender has not played all frames
#: since the report before: it is not compared.
NO_INPUTS_CHECKSUM = 0


@attrs.define
class ChecksumComparison:
    """
    Our checksums against those that one other player reports.

    @ivar player: Whose reports these are.
    @ivar limit: How many checksums of each side are kept; beyond it the
        oldest are forgotten and not compared.
    @ivar compared_frame: The newest frame that was compared, or -1.
    @ivar mismatches: How many frames differed.
    @ivar reported_frame: The newest frame that was reported, or -1.
    @ivar reported_checksum: Its checksum.
    @ivar inputs_differ: The newest compared frame up to which not even the inputs
        were the same on both sides, or -1.
    @ivar own_frame: Our newest frame that was put in, or -1.
    """

    player: int
    limit: int
    compared_frame: int = attrs.field(default=-1, init=False)
    mismatches: int = attrs.field(default=0, init=False)
    reported_frame: int = attrs.field(default=-1, init=False)
    reported_checksum: int = attrs.field(default=0, init=False)
    own_frame: int = attrs.field(default=-1, init=False)
    inputs_differ: int = attrs.field(default=-1, init=False)
    _own: dict[int, tuple[int, int]] = attrs.field(factory=dict, init=False)
    _early: dict[int, tuple[int, int]] = attrs.field(factory=dict, init=False)

    def contradicts(self, frame: int, checksum: int) -> bool:
        """
        Return whether a report says something else of a frame than the report
        of that frame before it.
        """
        return frame == self.reported_frame and checksum != self.reported_checksum

    def confirmed(
        self, frame: int, checksum: int, inputs_checksum: int = NO_INPUTS_CHECKSUM
    ) -> Desynchronized | None:
        """
        Take our own checksum of a frame that became final.

        @param frame: The frame, later than every one before.
        @param checksum: crc32 of the state that it led to.
        @param inputs_checksum: crc32 of all inputs since the report before, or
            L{NO_INPUTS_CHECKSUM}.
        @return: The difference, if the other's is known and is another.
        """
        self.own_frame = frame
        reported = self._early.pop(frame, None)
        if reported is not None:
            return self._compare(frame, (checksum, inputs_checksum), reported)
        self._own[frame] = checksum, inputs_checksum
        if len(self._own) > self.limit:
            del self._own[next(iter(self._own))]
        return None

    def reported(
        self, frame: int, checksum: int, inputs_checksum: int = NO_INPUTS_CHECKSUM
    ) -> Desynchronized | None:
        """
        Take the other's report; one that is not newer than those before it
        says nothing.

        @return: The difference, if ours is known and is another.
        """
        if frame <= self.reported_frame:
            return None
        self.reported_frame = frame
        self.reported_checksum = checksum
        if frame > self.own_frame:
            self._early[frame] = checksum, inputs_checksum
            if len(self._early) > self.limit:
                del self._early[next(iter(self._early))]
            return None
        own = self._own.pop(frame, None)
        if own is None:
            return None
        return self._compare(frame, own, (checksum, inputs_checksum))

    def forget(self) -> None:
        """Compare nothing of what was told so far: our own past was another."""
        self._own.clear()
        self._early.clear()

    def _compare(
        self, frame: int, own: tuple[int, int], reported: tuple[int, int]
    ) -> Desynchronized | None:
        self.compared_frame = frame
        inputs, reported_inputs = own[1], reported[1]
        if inputs != reported_inputs and NO_INPUTS_CHECKSUM not in (inputs, reported_inputs):
            self.inputs_differ = frame
        if own[0] == reported[0]:
            return None
        self.mismatches += 1
        return Desynchronized(frame, own[0], reported[0], self.player, self.mismatches == 1)
