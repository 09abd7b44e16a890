"""What goes wrong with a polled session, by name; each text says what to check."""

from __future__ import annotations

from gamenet.errors import GamenetError

__all__ = ["CommandQueueFull", "EventQueueFull", "PolledTooRarely", "SessionEnded"]


class CommandQueueFull(GamenetError):
    """More commands are without an answer than C{queue_size}; nothing was submitted."""


class EventQueueFull(GamenetError):
    """
    More events waited for the game than C{queue_size}, and some are gone.

    Raised once by C{poll}, each time that it comes to it.  The whole state follows as
    L{gamenet.polled.events.Synced}, so that nothing stays wrong; what is told but once,
    such as the answers to commands, is never among those that are gone.
    """


class SessionEnded(GamenetError):
    """The session is over, so nothing can be submitted; the text says what to do."""


class PolledTooRarely(UserWarning):
    """C{poll} was not called for a while; warned of once for each session."""
