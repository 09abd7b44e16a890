"""
What a program subclasses to follow a shared session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zope.interface import implementer

from gamenet.interfaces import ISessionProtocol

__all__ = ["SessionProtocol"]


@implementer(ISessionProtocol)
class SessionProtocol:
    """
    This player's side of a shared session.  Subclass it and override the moments that
    matter; L{gamenet.interfaces.ISessionProtocol} describes each of them.
    """

    def synced(self, state: Any) -> None:
        """The whole state is known."""

    def eventApplied(self, event: Any) -> None:
        """Something happened."""

    def eventDropped(self, event: Any) -> None:
        """An event of ours is undone."""

    def hostChanged(self, player: int, epoch: int) -> None:
        """C{player} orders the events from now on."""

    def participantLost(self, player: int) -> None:
        """C{player} is heard no more."""

    def participantReturned(self, player: int) -> None:
        """C{player} is back."""

    def participantLeft(self, player: int, reason: Any) -> None:
        """C{player} takes part no more."""

    def statesDisagree(self, sequence: int, player: int) -> None:
        """C{player} has another state at event C{sequence}."""

    def peersChanged(self, players: Sequence[int]) -> None:
        """There is a path to C{players} now."""
