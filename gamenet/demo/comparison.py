"""
All players' checksums, compared frame by frame.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attrs import define, field, frozen

__all__ = ["Comparison", "Run", "compareChecksums", "compareRuns"]


@define
class Run:
    """
    What one process confirmed without a gap.

    @ivar first: The first frame.
    @ivar checksums: One for each frame; C{None} where none was taken, as while a
        process follows the match on its way to its seat.
    """

    first: int = 0
    checksums: list[int | None] = field(factory=list)

    @property
    def end(self) -> int:
        """The frame after the last one."""
        return self.first + len(self.checksums)

    @property
    def newest(self) -> int | None:
        """The newest checksum that was taken, C{None} for none."""
        return next((one for one in reversed(self.checksums) if one is not None), None)

    def cut(self, end: int | None) -> Run:
        """Return what there is before frame C{end}: all of it for C{None}."""
        if end is None or end >= self.end:
            return self
        return Run(self.first, self.checksums[: max(0, end - self.first)])

    def reach(self, first: int) -> int:
        """
        Return up to which frame there is a checksum of every frame from C{first} on.
        """
        if self.first > first:
            return first
        for frame in range(first, self.end):
            if self.checksums[frame - self.first] is None:
                return frame
        return max(first, self.end)


@frozen
class Comparison:
    """
    All players' checksums, frame by frame.

    @ivar frames: How many frames were asked for.
    @ivar confirmed: How many frames each player confirmed, in order of player
        number; of one who came back, up to which frame without a gap since then.
    @ivar compared: How many frames everybody confirmed who played to the end.
    @ivar first_difference: The first frame with more than one checksum, or
        C{None}.
    @ivar desyncs: How many frames have more than one checksum.
    @ivar excused: Those who were killed and did not come back: nobody waits for their
        last frame.
    """

    frames: int
    confirmed: tuple[int, ...]
    compared: int
    first_difference: int | None
    desyncs: int
    excused: tuple[int, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether every frame that was asked for has one checksum, everywhere."""
        return bool(self.confirmed) and self.incomplete is None and self.desyncs == 0

    @property
    def incomplete(self) -> int | None:
        """The first player who lacks frames that were asked for, or C{None}."""
        for player, confirmed in enumerate(self.confirmed, start=1):
            if confirmed != self.frames and player not in self.excused:
                return player
        return None


def compareRuns(
    frames: int,
    runs: Sequence[Sequence[Run]],
    confirmed: Sequence[int],
    excused: Collection[int] = (),
) -> Comparison:
    """
    Compare what all processes confirmed: every frame that two of them have.

    @param frames: How many frames were asked for.
    @param runs: What was confirmed for each player, in order of player number.
    @param confirmed: How far each came, likewise.
    @param excused: The players who need not have come to the end.
    """
    everything = [run for of_player in runs for run in of_player]
    known: dict[int, int] = {}
    different: set[int] = set()
    for run in everything:
        for frame, checksum in enumerate(run.checksums, run.first):
            if checksum is not None and known.setdefault(frame, checksum) != checksum:
                different.add(frame)
    to_the_end = [count for player, count in enumerate(confirmed, start=1) if player not in excused]
    return Comparison(
        frames=frames,
        confirmed=tuple(confirmed),
        compared=min(to_the_end, default=0),
        first_difference=min(different, default=None),
        desyncs=len(different),
        excused=tuple(sorted(excused)),
    )


def compareChecksums(frames: int, checksums: Sequence[Sequence[int]]) -> Comparison:
    """
    Compare what the players confirmed of a match in which nobody came or went.

    @param frames: How many frames were asked for.
    @param checksums: One sequence per player: the checksums from frame 0 on.
    """
    runs = [[Run(0, [*of_player])] for of_player in checksums]
    return compareRuns(frames, runs, [len(of_player) for of_player in checksums])
