"""
Where the logs of one match part: which frame, whose input or which part of the state,
and both values.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from enum import Enum
from zlib import crc32

import attrs

from gamenet.inspector.peer_log import PeerLog
from gamenet.rollback.state_difference import PartDifference, SavedState, differences
from gamenet.wire.match_log_format import FRAME_LIMIT, PLAYERS_LIMIT
from gamenet.wire.match_log_records import EventRecord, PartDigest

__all__ = [
    "Comparison",
    "DigestDifference",
    "Divergence",
    "DivergenceKind",
    "InputDifference",
    "StateComparison",
    "compareLogs",
    "compareStates",
    "stateFrame",
]

#: What a state's part is by name.
State = Mapping[str, bytes | PartDigest]


class DivergenceKind(Enum):
    """How a match came apart."""

    #: Equal inputs led to different states: the game is not deterministic, or was spoiled.
    STATE = "state"
    #: A frame became final with different inputs: the peers were not told the same.
    INPUTS = "inputs"
    #: A peer noticed it, and the log of the other one is not here.
    REPORTED = "reported"


@attrs.frozen
class InputDifference:
    """
    A player's input of a frame that is not the same everywhere.

    @ivar player: Whose input.
    @ivar values: What it is, in the order of C{Divergence.logs}.
    """

    player: int
    values: tuple[bytes, ...]


@attrs.frozen
class Divergence:
    """
    The first frame that is not the same in all logs.

    @ivar kind: What differs.
    @ivar frame: The frame.
    @ivar equal_before: The newest frame before it that was compared and equal, or -1.
    @ivar labels: The peers that have the frame.
    @ivar checksums: Their checksums, C{None} where a peer has none.
    @ivar inputs: The inputs that differ.
    @ivar logs: The places of those peers in the list of logs.
    @ivar reference: The place of the one that most agree with.
    @ivar other: The place of the first that does not.
    """

    kind: DivergenceKind
    frame: int
    equal_before: int
    labels: tuple[str, ...]
    checksums: tuple[int | None, ...]
    inputs: tuple[InputDifference, ...] = ()
    logs: tuple[int, ...] = ()
    reference: int = 0
    other: int = 0

    @property
    def exact(self) -> bool:
        """Whether the frame before it was compared and equal."""
        return self.equal_before == self.frame - 1


@attrs.frozen
class Comparison:
    """
    All frames that at least two logs have.

    @ivar compared: How many frames were compared by their checksums.
    @ivar divergence: The first difference, C{None} if there is none.
    @ivar differing_states: The frames whose checksums differ.
    @ivar differing_inputs: The frames whose inputs differ.
    """

    compared: int
    divergence: Divergence | None
    differing_states: dict[int, None]
    differing_inputs: dict[int, None]


@attrs.frozen
class DigestDifference:
    """
    A part that differs and is too long to be in the logs.

    @ivar part: Its name.
    @ivar first: The first side's, C{None} if that has no such part.
    @ivar later: The other side's.
    """

    part: str
    first: PartDigest | None
    later: PartDigest | None


@attrs.frozen
class StateComparison:
    """
    The states of two peers after one frame.

    @ivar frame: The frame.
    @ivar labels: Whose states they are.
    @ivar states: The states by parts.
    @ivar differences: The parts that differ, in the first state's order.
    @ivar digests: Those that do and are not in the logs.
    """

    frame: int
    labels: tuple[str, str]
    states: tuple[State, State]
    differences: tuple[PartDifference, ...]
    digests: tuple[DigestDifference, ...]


def compareLogs(logs: Sequence[PeerLog]) -> Comparison:
    """Return where the logs of one match differ."""
    compared = 0
    states: dict[int, None] = {}
    inputs: dict[int, None] = {}
    equal_before = newest_equal = -1
    first: int | None = None
    for frame in _sharedFrames(logs):
        values = [log.frames[frame] for log in logs if frame in log.frames]
        checksums = [checksum for _, checksum in values if checksum is not None]
        comparable = len(checksums) > 1
        compared += comparable
        differs = False
        if comparable and any(each != checksums[0] for each in checksums):
            states[frame] = None
            differs = True
        if any(each != values[0][0] for each, _ in values):
            inputs[frame] = None
            differs = True
        if differs and first is None:
            first = frame
            equal_before = newest_equal
        elif comparable and not differs:
            newest_equal = frame
    divergence = None
    if first is not None:
        kind = DivergenceKind.INPUTS if first in inputs else DivergenceKind.STATE
        divergence = _divergence(logs, kind, first, equal_before)
    reported = _reported(logs)
    if reported is not None and (divergence is None or reported.frame < divergence.frame):
        divergence = reported
    return Comparison(compared, divergence, states, inputs)


def compareStates(
    frame: int, labels: tuple[str, str], states: tuple[State, State]
) -> StateComparison:
    """
    Return how two states differ.

    @param frame: The frame that led to them.
    @param labels: Whose they are.
    @param states: The states by parts.
    """
    first, later = states
    whole: list[dict[str, bytes]] = [{}, {}]
    digests = []
    for name in {**first, **later}:
        one, other = first.get(name), later.get(name)
        if isinstance(one, PartDigest) or isinstance(other, PartDigest):
            digest_one, digest_other = _digest(one), _digest(other)
            if digest_one != digest_other:
                digests.append(DigestDifference(name, digest_one, digest_other))
            continue
        for side, part in zip(whole, (one, other), strict=True):
            if part is not None:
                side[name] = part
    found = differences(SavedState(b"", whole[0]), SavedState(b"", whole[1]))
    return StateComparison(frame, labels, states, found, tuple(digests))


def stateFrame(one: PeerLog, other: PeerLog, frame: int) -> int | None:
    """
    Return the first frame from C{frame} on whose state both logs have, or C{None}.
    """
    there = dict.fromkeys(other.state_frames)
    start = bisect_left(one.state_frames, frame)
    return next((each for each in one.state_frames[start:] if each in there), None)


def _sharedFrames(logs: Sequence[PeerLog]) -> list[int]:
    """Return the frames that at least two logs have, ascending."""
    seen: dict[int, int] = {}
    for log in logs:
        for frame in log.frames:
            seen[frame] = seen.get(frame, 0) + 1
    return sorted([frame for frame, count in seen.items() if count > 1])


def _divergence(
    logs: Sequence[PeerLog], kind: DivergenceKind, frame: int, equal_before: int
) -> Divergence:
    """Return what there is to say of a frame that differs."""
    places = [place for place, log in enumerate(logs) if frame in log.frames]
    values = [logs[place].frames[frame] for place in places]
    by_inputs = kind is DivergenceKind.INPUTS
    keys = [inputs if by_inputs else checksum for inputs, checksum in values]
    known = [key for key in keys if key is not None]
    # Whom most agree with; among as many, the one of the lowest player.
    usual = max(known, key=lambda key: (known.count(key), -known.index(key)))
    unusual = next(key for key in known if key != usual)
    differing = [
        InputDifference(player + 1, tuple(inputs[player] for inputs, _ in values))
        for player in range(len(values[0][0]))
        if any(inputs[player] != values[0][0][player] for inputs, _ in values)
    ]
    return Divergence(
        kind,
        frame,
        equal_before,
        tuple([logs[place].label for place in places]),
        tuple([checksum for _, checksum in values]),
        tuple(differing),
        tuple(places),
        places[keys.index(usual)],
        places[keys.index(unusual)],
    )


def _reported(logs: Sequence[PeerLog]) -> Divergence | None:
    """Return the first difference that a peer noticed itself."""
    found: list[tuple[int, int, tuple[int, ...]]] = []
    for place, log in enumerate(logs):
        for event in log.events:
            if isinstance(event, EventRecord) and event.name == "Desynchronized":
                numbers = _numbersOf(event)
                if numbers is not None:
                    found.append((numbers[0], place, numbers))
    if not found:
        return None
    frame, place, (_, local, remote, player) = min(found, key=lambda each: each[0])
    log = logs[place]
    before = max((each for each in log.frames if each < frame), default=-1)
    equal = -1 if before < 0 else frame - log.header.checksum_interval
    return Divergence(
        DivergenceKind.REPORTED,
        frame,
        max(-1, equal),
        (log.label, f"player {player}"),
        (local, remote),
        logs=(place,),
        reference=place,
        other=place,
    )


def _numbersOf(event: EventRecord) -> tuple[int, ...] | None:
    """Return frame, both checksums and player of an event; C{None} if these cannot be."""
    values = [event.fields.get(name) for name in ("frame", "local", "remote", "player")]
    numbers = [value for value in values if type(value) is int]
    ends = (FRAME_LIMIT, 1 << 32, 1 << 32, PLAYERS_LIMIT + 1)
    possible = len(numbers) == 4 and all(
        0 <= number < end for number, end in zip(numbers, ends, strict=True)
    )
    return tuple(numbers) if possible and numbers[3] else None


def _digest(part: bytes | PartDigest | None) -> PartDigest | None:
    return PartDigest(len(part), crc32(part)) if isinstance(part, bytes) else part
