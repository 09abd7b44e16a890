"""
What the players of a finished match sign: how it ended.

A I{statement} is canonical CBOR, so that equal statements are equal bytes::

    ["gamenet match result 1", match id, last frame, checksum, outcome]

The match id is 16 bytes; the last frame and the checksum (crc32 of the state that it led
to, 0 where none was taken) are integers; the outcome is what the game itself says, up to
L{OUTCOME_LIMIT} bytes.  Every player signs these bytes with the Ed25519 key of its match
ticket (RFC 8032), and tells the others by a kind of L{gamenet.wire.peer_packets}::

    STATEMENT  10  flags, 1 byte; last frame, 4; checksum, 4;
                   signature, 64; outcome, 0 to 512          74 to 586 bytes

The flags are bit 0, "we have yours"; the others are 0.
"""

from __future__ import annotations

from struct import Struct

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_values import MATCH_ID_BYTES

__all__ = [
    "OUTCOME_LIMIT",
    "SIGNATURE_BYTES",
    "MatchStatement",
    "StatementPacket",
    "decodeStatementPacket",
    "encodeStatementPacket",
]

#: The most bytes of a game's own outcome.
OUTCOME_LIMIT = 512

#: Bytes of an Ed25519 signature.
SIGNATURE_BYTES = 64

#: What is signed here, so that no signature of anything else fits.
_DOMAIN = "gamenet match result 1"

_HAS_YOURS = 0x01
_KIND = 10
_HEAD = Struct(">BBII64s")
_FRAME_LAST = 2**31 - 1


@attrs.frozen
class MatchStatement:
    """
    How a match ended, as one player has it.

    @ivar match_id: 16 bytes.
    @ivar last_frame: From 0.
    @ivar checksum: crc32 of the state that the last frame led to; 0 for none.
    @ivar outcome: What the game says of it.

    @raise LocalProtocolError: A value is out of bounds.
    """

    match_id: bytes
    last_frame: int
    checksum: int
    outcome: bytes

    def __attrs_post_init__(self) -> None:
        if type(self.match_id) is not bytes or len(self.match_id) != MATCH_ID_BYTES:
            raise LocalProtocolError(f"a match id is {MATCH_ID_BYTES} bytes")
        if type(self.last_frame) is not int or not 0 <= self.last_frame <= _FRAME_LAST:
            raise LocalProtocolError(f"a last frame is 0 to {_FRAME_LAST}")
        if type(self.checksum) is not int or not 0 <= self.checksum < 1 << 32:
            raise LocalProtocolError("a checksum is 0 to 2**32 - 1")
        if type(self.outcome) is not bytes or len(self.outcome) > OUTCOME_LIMIT:
            raise LocalProtocolError(f"an outcome is up to {OUTCOME_LIMIT} bytes")

    def toBytes(self) -> bytes:
        """Return what is signed."""
        fields = [_DOMAIN, self.match_id, self.last_frame, self.checksum, self.outcome]
        return canonical_cbor.encode(fields)


@attrs.frozen
class StatementPacket:
    """
    A player's statement about the match that both play.

    @ivar has_yours: Whether the sender has the receiver's statement.
    @ivar last_frame: See L{MatchStatement}.
    @ivar checksum: Likewise.
    @ivar outcome: Likewise.
    @ivar signature: The sender's signature of it, 64 bytes.
    """

    has_yours: bool
    last_frame: int
    checksum: int
    outcome: bytes
    signature: bytes


def encodeStatementPacket(packet: StatementPacket) -> bytes:
    """
    Return the bytes of a statement; called by L{gamenet.wire.peer_packets}.

    @raise LocalProtocolError: A field is out of bounds.
    """
    checked = MatchStatement(
        bytes(MATCH_ID_BYTES), packet.last_frame, packet.checksum, packet.outcome
    )
    if type(packet.signature) is not bytes or len(packet.signature) != SIGNATURE_BYTES:
        raise LocalProtocolError(f"a signature is {SIGNATURE_BYTES} bytes")
    if type(packet.has_yours) is not bool:
        raise LocalProtocolError("has_yours is a bool")
    flags = _HAS_YOURS if packet.has_yours else 0
    head = _HEAD.pack(_KIND, flags, checked.last_frame, checked.checksum, packet.signature)
    return head + checked.outcome


def decodeStatementPacket(data: bytes) -> StatementPacket:
    """
    Return a statement; called by L{gamenet.wire.peer_packets}.

    @raise MalformedMessage: Its length, its flags or its frame are out of bounds.
    """
    if not _HEAD.size <= len(data) <= _HEAD.size + OUTCOME_LIMIT:
        raise MalformedMessage(f"a statement of {len(data)} bytes")
    _, flags, last_frame, checksum, signature = _HEAD.unpack_from(data)
    if flags & ~_HAS_YOURS:
        raise MalformedMessage(f"a statement with unknown flags {flags:#04x}")
    if last_frame > _FRAME_LAST:
        raise MalformedMessage("a statement with a frame out of bounds")
    return StatementPacket(
        flags == _HAS_YOURS, last_frame, checksum, data[_HEAD.size :], signature
    )
