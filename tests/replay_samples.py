"""
Replays for tests, and the bytes of version 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from hypothesis import strategies as st

from gamenet.replay.recorder import ReplayRecorder
from gamenet.replay.replay import Replay
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.steps import Restore
from gamenet.wire.replay_file import REPLAY_INPUT_LIMIT, ReplayHeader

__all__ = [
    "SAMPLES",
    "Match",
    "Part",
    "assertParts",
    "headers",
    "matches",
    "partsOf",
    "plain",
    "played",
    "recorded",
]

#: A header, and what the recorder is told.
Match = tuple[ReplayHeader, list[FrameConfirmed | Restore]]

DIGEST = bytes(range(16))


def plain(
    header: ReplayHeader, frames: Sequence[tuple[tuple[bytes, ...], int | None]]
) -> Match:
    """A match from frame 0 on, of which each frame's inputs and checksum are given."""
    return header, [
        FrameConfirmed(frame, inputs, checksum) for frame, (inputs, checksum) in enumerate(frames)
    ]


#: What the golden files of version 1 hold.
SAMPLES: dict[str, Match] = {
    "Empty": (ReplayHeader(DIGEST, 1, 60, 0, "", 60), []),
    "Short": plain(
        ReplayHeader(DIGEST, 2, 30, 0x0123456789ABCDEF, "tag 1", 4),
        [
            ((b"", b"\1"), 0),
            ((b"", b"\1"), 0),
            ((b"\7", b"\3"), 0),
            ((b"\7", b""), 0xDEADBEEF),
            ((b"abcdefghi", b"\xff"), 0),
            ((b"abcdefghj", b"\xff"), 0x01020304),
        ],
    ),
    "Long": plain(
        ReplayHeader(bytes(16), 1, 240, (1 << 64) - 1, "Fußball \N{SOCCER BALL}", 600),
        [((bytes([frame // 200]) * REPLAY_INPUT_LIMIT,), frame) for frame in range(601)],
    ),
    "Sixteen": plain(
        ReplayHeader(b"\xff" * 16, 16, 1, 1, "", 1),
        [(tuple([bytes([player]) * player for player in range(16)]), 0xFFFFFFFF)],
    ),
    "Absent": (
        ReplayHeader(DIGEST, 3, 60, 7, "", 4, bots=True),
        [
            FrameConfirmed(0, (b"a", b"b", b"c"), None),
            FrameConfirmed(1, (b"a", b"b", b""), 0x11111111, (3,)),
            FrameConfirmed(2, (b"a", b"b", b""), None, (3,)),
            FrameConfirmed(3, (b"", b"b", b""), None, (1, 3)),
            FrameConfirmed(4, (b"", b"b", b""), None, (1, 3)),
        ],
    ),
    "Restored": (
        ReplayHeader(DIGEST, 1, 60, 7, "", 4),
        [
            Restore(9, b"joined"),
            FrameConfirmed(9, (b"a",), None),
            FrameConfirmed(10, (b"b",), 10),
            FrameConfirmed(11, (b"b",), 11),
            FrameConfirmed(12, (b"c",), 12),
            FrameConfirmed(13, (b"d",), 13),
            Restore(11, b"taken over"),
            FrameConfirmed(14, (b"d",), 14),
            Restore(30, b"back"),
            FrameConfirmed(30, (b"d",), None),
        ],
    ),
}


def played(recorder: ReplayRecorder, moments: Sequence[FrameConfirmed | Restore]) -> list[bytes]:
    """Tell a recorder of a match, and return what it returns for each frame."""
    pieces = []
    for each in moments:
        if isinstance(each, Restore):
            recorder.restored(each.frame, each.snapshot)
        else:
            pieces.append(
                recorder.frameConfirmed(each.frame, each.inputs, each.checksum, each.absent)
            )
    return pieces


def recorded(match: Match) -> list[bytes]:
    """What the recorder returns for each frame, and at the end."""
    header, moments = match
    recorder = ReplayRecorder(header)
    return [*played(recorder, moments), recorder.finish()]


@attrs.define
class Part:
    """
    What can be played in one go.

    @ivar start: The first frame.
    @ivar snapshot: The state that it begins in, if it is not the first.
    @ivar rows: The frames.
    @ivar checksums: By frame.
    """

    start: int
    snapshot: bytes | None
    rows: list[tuple[tuple[bytes, ...], tuple[int, ...]]] = attrs.Factory(list)
    checksums: dict[int, int] = attrs.Factory(dict)

    @property
    def end(self) -> int:
        """One more than the last frame."""
        return self.start + len(self.rows)

    def add(self, event: FrameConfirmed, interval: int) -> None:
        """Add a frame; a chunk has its newest checksum only."""
        if event.checksum is not None:
            chunk = event.frame // interval
            for frame in [frame for frame in self.checksums if frame // interval == chunk]:
                del self.checksums[frame]
            self.checksums[event.frame] = event.checksum
        self.rows.append((event.inputs, event.absent))

    def cut(self, end: int) -> None:
        """Forget frames."""
        del self.rows[max(end - self.start, 0) :]
        self.checksums = {f: value for f, value in self.checksums.items() if f < end}


def partsOf(match: Match) -> list[Part]:
    """What a replay of a match must be able to play, said in another way."""
    header, moments = match
    parts = [Part(0, None)]
    restored = None
    for each in moments:
        if isinstance(each, Restore):
            restored = each
            continue
        if restored is not None:
            last = parts[-1]
            again = last.rows[restored.frame - last.start :] if each.frame > restored.frame else []
            for part in parts:
                part.cut(restored.frame)
            parts = [part for part in parts if part.rows]
            parts.append(Part(restored.frame, restored.snapshot, list(again)))
            restored = None
        parts[-1].add(each, header.checksum_interval)
    return parts


def assertParts(replay: Replay, parts: Sequence[Part]) -> None:
    """Assert that this is what a replay can play."""
    found = []
    for place, segment in enumerate(replay.segments):
        part = Part(segment.start, segment.snapshot)
        for frame in range(segment.start, segment.end):
            index = replay.recordAt(place, frame)
            record = replay.records[index]
            part.rows.append(replay.rows(index)[frame - record.first_frame])
            if record.checked and record.first_frame + record.checked == frame + 1:
                part.checksums[frame] = record.checksum
        found.append(part)
    assert found == list(parts), (found, parts)
    assert replay.checksums == sum(len(part.checksums) for part in parts)
    assert replay.frames == sum(len(part.rows) for part in parts)


TEXTS = st.one_of(
    st.sampled_from([b"", b"\0", b"\1", b"\0\0\0\0", b"abcd\0\0\0\0\0z"]),
    st.binary(max_size=REPLAY_INPUT_LIMIT),
)


@st.composite
def headers(draw: st.DrawFn) -> ReplayHeader:
    """Any header."""
    return ReplayHeader(
        draw(st.binary(min_size=16, max_size=16)),
        draw(st.integers(1, 4)),
        draw(st.integers(1, 240)),
        draw(st.integers(0, (1 << 64) - 1)),
        draw(st.text(st.characters(codec="utf-8"), max_size=30)),
        draw(st.integers(1, 9)),
        draw(st.booleans()),
    )


@st.composite
def matches(draw: st.DrawFn) -> Match:
    """
    Any short match; players go on pressing what they pressed, often; sometimes seats
    become empty, checksums are missing, or a state of others is taken over: an older
    one, after which play goes on as before, or any, from which on frames come anew.
    """
    header = draw(headers())
    players = header.players
    pressed: Sequence[bytes] = [b""] * players
    absent: tuple[int, ...] = ()
    moments: list[FrameConfirmed | Restore] = []
    frame = start = 0
    for _ in range(draw(st.integers(0, 30))):
        kind = draw(st.integers(0, 19))
        if kind == 0:
            frame = start = draw(st.integers(0, 40))
            moments.append(Restore(frame, draw(st.binary(max_size=20))))
        elif kind == 1:
            moments.append(Restore(draw(st.integers(start, frame)), b"older"))
            start = moments[-1].frame
        elif kind == 2:
            absent = tuple(sorted(draw(st.frozensets(st.integers(1, players)))))
        if draw(st.booleans()):
            pressed = [draw(TEXTS) if draw(st.booleans()) else text for text in pressed]
        checksum = draw(st.one_of(st.none(), st.integers(0, (1 << 32) - 1)))
        moments.append(FrameConfirmed(frame, tuple(pressed), checksum, absent))
        frame += 1
    return header, moments
