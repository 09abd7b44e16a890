"""
How a transfer ends.
"""

from __future__ import annotations

from enum import Enum

import attrs

from gamenet.wire.transfer_packets import TransferPurpose

__all__ = ["TransferFailed", "TransferFailure", "TransferReceived"]


class TransferFailure(Enum):
    """Why a transfer failed."""

    #: Nothing of it went on for too long.
    TIMED_OUT = "timed out"
    #: The receiver accepts nothing as large.
    TOO_LARGE = "too large"
    #: The receiver was receiving too much from others.
    BUSY = "busy"
    #: What came is not what was offered.
    WRONG_CHECKSUM = "wrong checksum"
    #: The other side gave it up.
    GIVEN_UP = "given up"


@attrs.frozen
class TransferReceived:
    """
    A content that came whole.

    @ivar peer: Who sent it.
    @ivar purpose: What it is for.
    @ivar frame: The snapshot's number, or the frame that it is about.
    @ivar content: The bytes.
    """

    peer: int
    purpose: TransferPurpose
    frame: int
    content: bytes = attrs.field(repr=False)


@attrs.frozen
class TransferFailed:
    """
    A transfer to or from a peer has ended without its content.

    @ivar peer: The other side.
    @ivar purpose: What it was for.
    @ivar reason: Why.
    @ivar sending: Whether it was ours to send.
    """

    peer: int
    purpose: TransferPurpose
    reason: TransferFailure
    sending: bool
