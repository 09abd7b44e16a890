"""
Test vectors of the packets of a channel: C{docs/vectors/channel.json}.

C{python -m tests.vectors.channel} writes the file anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import attrs

from gamenet.wire.channel_frames import encodeAcknowledgement, encodeFrame, encodeHeader
from gamenet.wire.channel_values import (
    Accept,
    Acknowledgement,
    Cancel,
    ChannelFrame,
    ChannelPacket,
    Chunk,
    Done,
    Offer,
    Piece,
    Refuse,
    RefuseReason,
    Window,
)

__all__ = ["PATH", "SAMPLES", "channelVectors"]

#: Where the vectors are kept.
PATH = Path(__file__).parents[2] / "docs" / "vectors" / "channel.json"

_ACKNOWLEDGEMENT = Acknowledgement(((10, 12), (7, 7), (1, 4)), 100 * 16e-6, 0x89ABCDEF)

#: What is said of each packet, and the packet.
SAMPLES: tuple[tuple[str, ChannelPacket], ...] = (
    ("bytes 5 to 7 of stream 3", ChannelPacket(1, None, (Piece(3, 5, b"abc"),))),
    (
        "the message 'hi' as the first of stream 0",
        ChannelPacket(2, None, (Piece(0, 0, b"\x00\x00\x00\x02hi"),)),
    ),
    ("stream 1 may go to offset 65 540", ChannelPacket(3, None, (Window(1, 65_540),))),
    (
        "transfer 7, label 2, of 1 000 000 bytes",
        ChannelPacket(4, None, (Offer(7, 2, 1_000_000, bytes(range(16)), b"head"),)),
    ),
    ("it is taken, 2 MiB at a time", ChannelPacket(5, None, (Accept(7, 2 << 20),))),
    ("it is not: busy", ChannelPacket(6, None, (Refuse(7, RefuseReason.BUSY),))),
    ("bytes 1 134 to 1 136 of it", ChannelPacket(7, None, (Chunk(7, 1134, b"xyz"),))),
    ("no more of it is sent", ChannelPacket(8, None, (Cancel(7),))),
    ("it has come whole", ChannelPacket(9, None, (Done(7),))),
    (
        "packets 1 to 4, 7, and 10 to 12 have come, 12 waited 1.6 ms for this",
        ChannelPacket(None, _ACKNOWLEDGEMENT, ()),
    ),
    (
        "the same with two frames",
        ChannelPacket(0xFFFFFFFE, _ACKNOWLEDGEMENT, (Done(1), Piece(0, 1 << 40, b"x"))),
    ),
)


def _fields(frame: ChannelFrame) -> dict[str, object]:
    """Return a frame's kind and fields; bytes are hexadecimal digits."""
    values = {field.name: getattr(frame, field.name) for field in attrs.fields(type(frame))}
    plain = {name: each.hex() if isinstance(each, bytes) else each for name, each in values.items()}
    return {"frame": type(frame).__name__, **plain}


def channelVectors() -> list[dict[str, object]]:
    """Return all vectors; bytes are hexadecimal digits."""
    vectors: list[dict[str, object]] = []
    for text, packet in SAMPLES:
        acknowledgement = packet.acknowledgement
        encoded = encodeAcknowledgement(acknowledgement) if acknowledgement else b""
        body = encodeHeader(packet.number, encoded) + b"".join(map(encodeFrame, packet.frames))
        vectors.append(
            {
                "what": text,
                "number": packet.number,
                "acknowledgement": acknowledgement
                and {
                    "ranges": [list(one) for one in acknowledgement.ranges],
                    "waited_seconds": round(acknowledgement.waited, 6),
                    "received_at": acknowledgement.received_at,
                },
                "frames": [_fields(frame) for frame in packet.frames],
                "body": body.hex(),
            }
        )
    return vectors


if __name__ == "__main__":
    PATH.write_text(json.dumps(channelVectors(), indent=2) + "\n", encoding="ascii")
