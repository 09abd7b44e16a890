"""
What a channel cannot do for its owner, by name.
"""

from __future__ import annotations

from gamenet.errors import LocalProtocolError

__all__ = ["ChannelFailed", "SendQueueFull", "TransferRefused"]


class SendQueueFull(LocalProtocolError):
    """
    A message was not queued: too many bytes or messages of its stream wait to be
    acknowledged.  Wait until some are, or send less.
    """


class TransferRefused(LocalProtocolError):
    """A transfer was not begun: it is too large, or too many are under way."""


class ChannelFailed(LocalProtocolError):
    """Nothing was acknowledged for too long: this channel carries nothing any more."""
