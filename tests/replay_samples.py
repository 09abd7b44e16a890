"""
Replays for tests, and the bytes of version 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from gamenet.rollback.replay import ReplayRecorder
from gamenet.wire.replay_file import REPLAY_INPUT_LIMIT, ReplayHeader

__all__ = ["SAMPLES", "Match", "headers", "matches", "recorded"]

#: A header, and each frame's inputs and checksum.
Match = tuple[ReplayHeader, list[tuple[tuple[bytes, ...], int]]]

DIGEST = bytes(range(16))

#: What the golden files of version 1 hold.
SAMPLES: dict[str, Match] = {
    "Empty": (ReplayHeader(DIGEST, 1, 60, 0, "", 60), []),
    "Short": (
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
    "Long": (
        ReplayHeader(bytes(16), 1, 240, (1 << 64) - 1, "Fußball \N{SOCCER BALL}", 600),
        [((bytes([frame // 200]) * REPLAY_INPUT_LIMIT,), frame) for frame in range(601)],
    ),
    "Sixteen": (
        ReplayHeader(b"\xff" * 16, 16, 1, 1, "", 1),
        [(tuple([bytes([player]) * player for player in range(16)]), 0xFFFFFFFF)],
    ),
}


def recorded(match: Match) -> list[bytes]:
    """What the recorder returns for each frame, and at the end."""
    header, frames = match
    recorder = ReplayRecorder(header)
    pieces = [
        recorder.frameConfirmed(frame, inputs, checksum)
        for frame, (inputs, checksum) in enumerate(frames)
    ]
    return [*pieces, recorder.finish()]


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
    )


@st.composite
def matches(draw: st.DrawFn) -> Match:
    """Any short match; players go on pressing what they pressed, often."""
    header = draw(headers())
    pressed: Sequence[bytes] = [b""] * header.players
    frames = []
    for _ in range(draw(st.integers(0, 30))):
        if draw(st.booleans()):
            pressed = [draw(TEXTS) if draw(st.booleans()) else text for text in pressed]
        frames.append((tuple(pressed), draw(st.integers(0, (1 << 32) - 1))))
    return header, frames
