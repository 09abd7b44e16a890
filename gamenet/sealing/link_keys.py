"""
The keys of a link: how they follow from the secret of two players, and from each other.

HKDF-SHA-256 (RFC 5869) over the X25519 secret, salted with the match id, gives each
direction its first key, its link id and the first key of a chain.  The chain leads to
the key of each further epoch, and not back: who learns today's keys can open nothing of
an epoch whose chain key is forgotten.
"""

from __future__ import annotations

import attrs
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from gamenet.errors import LocalProtocolError
from gamenet.wire.handshake_packets import GENERATION_LAST
from gamenet.wire.lobby_values import PROTOCOL_VERSION

__all__ = ["KEY_BYTES", "LINK_ID_BYTES", "DirectionKeys", "LinkEnd", "deriveDirection", "nextEpoch"]

#: The size of a link id in bytes.
LINK_ID_BYTES = 8

#: The size of a key and of a chain key in bytes.
KEY_BYTES = 32


@attrs.frozen
class LinkEnd:
    """
    One of the two ends of a link.

    @ivar player: The player's number, 1 to 255.
    @ivar link_key: Its X25519 public key, 32 bytes.
    @ivar generation: How often it has returned under a new key, as this link counts it; 0
        to L{gamenet.wire.handshake_packets.GENERATION_LAST}.
    """

    player: int
    link_key: bytes
    generation: int


@attrs.frozen
class DirectionKeys:
    """
    What one direction of a link begins with.

    @ivar link_id: The id in the header of its datagrams, 8 bytes.
    @ivar key: The key of epoch 0, 32 bytes.
    @ivar chain_key: What the key of epoch 1 follows from, 32 bytes.
    """

    link_id: bytes
    key: bytes = attrs.field(repr=False)
    chain_key: bytes = attrs.field(repr=False)


def deriveDirection(
    secret: bytes, match_id: bytes, sender: LinkEnd, receiver: LinkEnd
) -> DirectionKeys:
    """
    Return the keys of the direction from C{sender} to C{receiver}.

    @param secret: The X25519 secret of both.
    @param match_id: The match's id, 16 bytes.
    @raise LocalProtocolError: Both are the same player, or a number is out of bounds.
    """
    if sender.player == receiver.player:
        raise LocalProtocolError("a player has no link to itself")
    ends = (sender, receiver) if sender.player < receiver.player else (receiver, sender)
    for end in ends:
        if not 1 <= end.player <= 255 or not 0 <= end.generation <= GENERATION_LAST:
            raise LocalProtocolError(f"no player {end.player} of generation {end.generation}")
    context = b"gamenet link" + bytes([PROTOCOL_VERSION])
    for end in ends:
        context += bytes([end.player]) + end.link_key
    for end in ends:
        context += end.generation.to_bytes(2, "big")
    context += bytes([sender.player, receiver.player])
    size = KEY_BYTES + LINK_ID_BYTES + KEY_BYTES
    derived = HKDF(SHA256(), size, match_id, context).derive(secret)
    after_id = KEY_BYTES + LINK_ID_BYTES
    return DirectionKeys(derived[KEY_BYTES:after_id], derived[:KEY_BYTES], derived[after_id:])


def nextEpoch(chain_key: bytes) -> tuple[bytes, bytes]:
    """
    Return the key of the epoch that C{chain_key} leads to, and the chain key after it.

    HKDF-Expand (RFC 5869, section 2.3) with C{"gamenet epoch"}; both 32 bytes.
    """
    derived = HKDFExpand(SHA256(), 2 * KEY_BYTES, b"gamenet epoch").derive(chain_key)
    return derived[:KEY_BYTES], derived[KEY_BYTES:]
