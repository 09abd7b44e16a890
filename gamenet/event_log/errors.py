"""
The errors of a shared session, by name.
"""

from __future__ import annotations

from gamenet.errors import RemoteProtocolError, SendFailed

__all__ = ["NotTheHost", "StaleEpoch", "SubmitQueueFull"]


class SubmitQueueFull(SendFailed):
    """As many commands wait for the host's answer as may; the text says how many."""


class NotTheHost(RemoteProtocolError):
    """Somebody acts as host, or claims to be, who as far as we know is not and cannot be."""


class StaleEpoch(RemoteProtocolError):
    """Somebody acts as host of an epoch that others have promised not to follow any more."""
