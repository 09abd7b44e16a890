"""
The body with which a peer asks another for the state that a final frame led to.

Everything is big-endian::

    STATE_WANTED  0x28 | purpose, 1 | frame, 4

The purpose is that of the transfer which answers
(L{gamenet.wire.transfer_packets.TransferPurpose}): STATE or DUMP.
"""

from __future__ import annotations

from struct import Struct

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.input_frames import FRAMES_LIMIT
from gamenet.wire.transfer_packets import TransferPurpose

__all__ = ["STATE_WANTED", "StateWanted", "decodeStateWanted", "encodeStateWanted"]

#: The first byte of the body.
STATE_WANTED = 0x28

_LAYOUT = Struct(">BBI")
_PURPOSES = (TransferPurpose.STATE, TransferPurpose.DUMP)


@attrs.frozen
class StateWanted:
    """
    The sender asks for a state.

    @ivar purpose: C{STATE}, to take it over, or C{DUMP}, to compare it.
    @ivar frame: The final frame that led to it.
    """

    purpose: TransferPurpose
    frame: int


def encodeStateWanted(wanted: StateWanted) -> bytes:
    """
    Pack a body.

    @raise LocalProtocolError: The purpose or the frame cannot be.
    """
    if wanted.purpose not in _PURPOSES or not 0 <= wanted.frame < FRAMES_LIMIT:
        raise LocalProtocolError(f"no state can be asked for with {wanted}")
    return _LAYOUT.pack(STATE_WANTED, wanted.purpose, wanted.frame)


def decodeStateWanted(body: bytes) -> StateWanted:
    """
    Unpack a body.

    @raise MalformedMessage: It is none.
    """
    if len(body) != _LAYOUT.size or body[0] != STATE_WANTED:
        raise MalformedMessage(f"a request for a state of {len(body)} bytes")
    _, purpose, frame = _LAYOUT.unpack(body)
    if purpose not in _PURPOSES or frame >= FRAMES_LIMIT:
        raise MalformedMessage(f"a request for state {purpose} of frame {frame}")
    return StateWanted(TransferPurpose(purpose), frame)
