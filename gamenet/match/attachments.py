"""
What a game may attach to a match besides its simulation and its protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from gamenet.errors import BadSetting
from gamenet.rollback.effects import EffectTracker
from gamenet.rollback.interpolation import PictureTrack

if TYPE_CHECKING:
    from gamenet.rollback.session import RollbackSession
    from gamenet.rollback.steps import Step

__all__ = ["Attachments", "IsMatchLog"]


class IsMatchLog(Protocol):
    """
    What a match asks of a log of everything: a L{gamenet.match_log.match_log.MatchLog},
    or anything with these methods.
    """

    def ticked(self, now: float, steps: Sequence[Step], session: RollbackSession) -> object:
        """
        The steps of one tick were applied.

        @param now: The time, in seconds.
        @param steps: What the session asked for.
        @param session: The session, for reading.
        """

    def told(self, now: float, event: object) -> object:
        """
        Something happened: an event of the session or of the effects, known to
        the match or not.

        @param now: The time, in seconds.
        @param event: The event, a value.
        """

    def closed(self, now: float, why: str) -> object:
        """
        The match is over; called once, and nothing after it.

        @param now: The time, in seconds.
        @param why: How it ended: an outcome's value, or an error's text.
        """


def _isFreshTracker(instance: object, attribute: object, value: Any) -> None:
    """Check that effects come from a tracker that no match has used."""
    if value is None:
        return
    if not isinstance(value, EffectTracker):
        raise BadSetting(f"effects must be an EffectTracker, not {type(value).__name__}")
    if value.newest_frame >= 0:
        raise BadSetting("effects must be an EffectTracker that no match has used before")


def _isFreshTrack(instance: object, attribute: object, value: Any) -> None:
    """Check that pictures go to a track that no match has used."""
    if value is None:
        return
    if not isinstance(value, PictureTrack):
        raise BadSetting(f"pictures must be a PictureTrack, not {type(value).__name__}")
    if value.newest_frame >= 0:
        raise BadSetting("pictures must be a PictureTrack that no match has used before")


def _isCallable(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check that bytes can be given to something."""
    if value is not None and not callable(value):
        raise BadSetting(f"{attribute.name} must be callable, not {type(value).__name__}")


def _isLog(instance: object, attribute: object, value: Any) -> None:
    """Check that a log has the methods of one."""
    if value is None:
        return
    for name in ("ticked", "told", "closed"):
        if not callable(getattr(value, name, None)):
            raise BadSetting(f"log has no method {name!r}")


@attrs.frozen
class Attachments:
    """
    What is attached to one match; each may be left out.  Given to
    L{gamenet.match.session.Session.play} by name.

    @ivar effects: The tracker that the simulation announces its effects to; a
        fresh one for each match.
    @ivar pictures: Keeps what L{gamenet.interfaces.IPicturedSimulation.picture}
        returns, for L{gamenet.match.match.Match.drawn}; a fresh one for each match.
    @ivar replay: Called with each piece of the replay file, in order.
    @ivar log: Told everything that happens.

    @raise BadSetting: One of them is something else; the text says which.
    """

    effects: EffectTracker | None = attrs.field(default=None, validator=_isFreshTracker)
    pictures: PictureTrack | None = attrs.field(default=None, validator=_isFreshTrack)
    replay: Callable[[bytes], object] | None = attrs.field(default=None, validator=_isCallable)
    log: IsMatchLog | None = attrs.field(default=None, validator=_isLog)
