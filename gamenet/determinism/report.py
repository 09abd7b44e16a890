"""
What a determinism check found: which frames, how they came to differ, and where.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

import attrs

from gamenet.errors import GamenetError, MomentFailed
from gamenet.rollback.state_difference import PartDifference

__all__ = ["SHOWN_MISMATCHES", "Mismatch", "MismatchKind", "NotDeterministic", "Report"]

#: How many mismatches a report's text shows with all their particulars.
SHOWN_MISMATCHES = 10


class MismatchKind(Enum):
    """What was compared with the state as it was first."""

    #: The state after the frame was played again.
    REPLAYED = "played again it led to another state"
    #: The same state, saved once more.
    SAVED_TWICE = "the same state was saved twice and gave different bytes"
    #: The state of a second simulation, which never goes back.
    SECOND_RUN = "in a second simulation that never goes back it led to another state"


class NotDeterministic(GamenetError, AssertionError):
    """
    A game is not deterministic, or its simulation failed in the check.

    @ivar report: The L{Report}, whose text is this error's.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


@attrs.frozen
class Mismatch:
    """
    One frame that led to different states.

    @ivar frame: The frame; -1 is the state before frame 0.
    @ivar first_checksum: crc32 of the snapshot that it led to first.
    @ivar later_checksum: crc32 of the other one.  Equal to the first where only a
        part differs that the snapshot leaves out.
    @ivar kind: What was compared when it was found.
    @ivar loaded: The snapshot from which it was played again, or C{None} for
        another kind.
    @ivar origin: Whether it began here: the frame was played from equal states
        with equal inputs.  Otherwise it may be a mere consequence of an earlier one.
    @ivar differences: Which parts differ and how.
    @ivar times: How often the frame was seen to differ; the above is of the first
        time, and C{origin} of any.
    """

    frame: int
    first_checksum: int
    later_checksum: int
    kind: MismatchKind
    loaded: int | None
    origin: bool
    differences: tuple[PartDifference, ...]
    times: int = 1

    def __str__(self) -> str:
        how = self.kind.value
        if self.loaded is not None:
            how += f" (from snapshot {self.loaded} on)"
        if self.first_checksum != self.later_checksum:
            sums = f"checksum first {self.first_checksum:08x}, later {self.later_checksum:08x}"
        else:
            sums = f"checksum {self.first_checksum:08x} both times, as the snapshot leaves it out"
        subject = f"frame {self.frame}" if self.frame >= 0 else "the state before frame 0"
        often = f", {self.times} times" if self.times > 1 else ""
        lines = [f"{subject}: {how}; {sums}{often}"]
        lines += [f"    {difference}" for difference in self.differences]
        return "\n".join(lines)


@attrs.frozen
class Report:
    """
    The outcome of L{gamenet.determinism.check.checkDeterminism}.

    @ivar frames: How many frames were played for the first time.
    @ivar check_distance: How many frames every rollback went back.
    @ivar simulated: How often a frame was played in all.
    @ivar mismatches: Every frame that differed, in order of frames.
    @ivar failure: What the game raised, which ended the check, or C{None}.  Its
        C{__cause__} is the original exception.
    @ivar cut_short: Whether the check ended before its last frame because there
        were too many mismatches.
    """

    frames: int
    check_distance: int
    simulated: int
    mismatches: tuple[Mismatch, ...]
    failure: MomentFailed | None = None
    cut_short: bool = False

    @property
    def deterministic(self) -> bool:
        """Whether nothing differed and nothing failed."""
        return not self.mismatches and self.failure is None

    def assertDeterministic(self) -> None:
        """
        Do nothing if the game is deterministic.

        @raise NotDeterministic: It is not, or its simulation failed.  This is an
            C{AssertionError}, so a test fails by it.
        """
        if not self.deterministic:
            raise NotDeterministic(self) from self.failure

    def __str__(self) -> str:
        played = f"{self.frames} frames, check distance {self.check_distance}"
        if self.deterministic:
            return f"deterministic: {played}, {self.simulated} simulated in all"
        return "\n".join(self._lines(played))

    def _lines(self, played: str) -> Iterator[str]:
        """Give the lines of an unpleasant text; their number is bounded."""
        failure = self.failure
        if failure is not None:
            cause = failure.__cause__
            reason = "" if cause is None else f": {type(cause).__name__}: {cause}"[:500]
            yield f"failed: {failure}{reason} ({played})"
        if not self.mismatches:
            return
        yield f"not deterministic: {len(self.mismatches)} frames differ ({played})"
        if self.cut_short:
            yield "the check ended early, as so many differ"
        origins = [mismatch for mismatch in self.mismatches if mismatch.origin]
        for mismatch in origins[:SHOWN_MISMATCHES]:
            yield str(mismatch)
        if len(origins) > SHOWN_MISMATCHES:
            rest = [mismatch.frame for mismatch in origins[SHOWN_MISMATCHES:]]
            yield f"likewise frames {_ranges(rest)}"
        followed = [mismatch.frame for mismatch in self.mismatches if not mismatch.origin]
        if followed:
            yield f"after a difference before them: frames {_ranges(followed)}"


def _ranges(frames: Sequence[int]) -> str:
    """Return a short text for ascending numbers: C{"3, 5 to 9 and 12 more"}."""
    spans: list[list[int]] = []
    shown = 0
    for frame in frames:
        if spans and spans[-1][1] == frame - 1:
            spans[-1][1] = frame
        elif len(spans) == SHOWN_MISMATCHES:
            break
        else:
            spans.append([frame, frame])
        shown += 1
    text = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in spans)
    return text if shown == len(frames) else f"{text} and {len(frames) - shown} more"
