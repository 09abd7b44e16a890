"""
What an agreement is told, and what it has to tell.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from gamenet.wire.view_values import View

__all__ = ["AgreementEvent", "Dropped", "Isolated", "Reunited", "Standing", "ViewChanged"]


@attrs.frozen
class Standing:
    """
    How far this peer is, at the moment of the call.

    @ivar confirmed: The newest confirmed frame, or -1.
    @ivar horizon: The frame from which on this peer would pledge now to
        confirm nothing until the next view is decided; later than C{confirmed}.
    @ivar floors: Per player, from player 1: the first frame whose input is
        not here, counted from the frame in which the player last joined.  Of
        a taken seat it is later than C{confirmed}.
    """

    confirmed: int
    horizon: int
    floors: tuple[int, ...]


@attrs.frozen
class ViewChanged:
    """
    A new view is in force here.

    @ivar view: The view.
    @ivar dropped: (player, cut): the first frame without that player.  A cut
        that was decided before may be lowered, when the inputs up to it are lost.
    @ivar joined: (player, frame): the first frame with that player.
    """

    view: View
    dropped: tuple[tuple[int, int], ...]
    joined: tuple[tuple[int, int], ...]


@attrs.frozen
class Isolated:
    """
    Too few are heard to go on.

    @ivar missing: The peers that are not heard, ascending.
    """

    missing: tuple[int, ...]


@attrs.frozen
class Reunited:
    """Isolated no more: enough are heard again, and nothing was decided in between."""


@attrs.frozen
class Dropped:
    """
    The others have decided to go on without us.

    @ivar view: The newest view, of which we are no member.
    """

    view: View


#: What L{gamenet.agreement.agreement.Agreement.drainEvents} returns.
AgreementEvent: TypeAlias = ViewChanged | Isolated | Reunited | Dropped
