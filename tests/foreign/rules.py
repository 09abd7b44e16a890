"""The digest of the rules that all players of a match must share; C{docs/rollback_packets.rst}."""

from __future__ import annotations

from hashlib import blake2b
from struct import pack

__all__ = ["rulesDigest"]


def rulesDigest(
    seats: int,
    frame_rate: int = 60,
    checksum_interval: int = 30,
    frames: int | None = None,
    rules: str = "",
    plays_alone: bool = False,
    input_limit: int = 64,
) -> bytes:
    """Return it, for a match of one player a peer whose other settings are the usual ones."""
    last_frame = 1 << 31 if frames is None else frames - 1
    numbers = pack(">HBBHIBHB", 2, seats, frame_rate, checksum_interval, last_frame, input_limit,
                   0, 0)
    peers = ", ".join(f"({player},)" for player in range(1, seats + 1))
    text = f"(({peers}), (), b'', 'freeze', 'take over')"
    tail = b"lone survivor" if plays_alone else b""
    session = blake2b(
        numbers + text.encode() + tail, digest_size=16, person=b"gamenet rollback"
    ).digest()
    return blake2b(session + rules.encode(), digest_size=16).digest()
