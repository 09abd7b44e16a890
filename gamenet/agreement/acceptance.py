"""
One peer's vote on the next view: what it has promised and accepted.

Nothing of it is ever taken back while the view stands, and until the next one
is decided two more promises hold, whatever ballots come: no inputs of a peer
that any promised ballot would drop are taken, and no frame from the horizon
that was pledged first is confirmed.  So whichever ballot is decided in the
end, its cuts and its join frame lie beyond all that its members confirmed.
"""

from __future__ import annotations

import attrs

from gamenet.agreement.events import Standing
from gamenet.wire.view_values import Ballot, Prepare, Promise, View

__all__ = ["Acceptance"]


@attrs.define
class Acceptance:
    """
    The vote on one view.

    @ivar prepare: The highest PREPARE that was promised.
    @ivar promise: The answer to it; a repeated PREPARE gets the same again.
    @ivar accepted_ballot: The highest accepted ballot.
    @ivar accepted_view: What was accepted in it.
    @ivar frozen: The peers whose inputs are not taken, ascending.
    @ivar horizon: The frame from which on nothing is confirmed, or C{None}
        when nothing is promised.
    """

    prepare: Prepare | None = None
    promise: Promise | None = None
    accepted_ballot: Ballot | None = None
    accepted_view: View | None = None
    frozen: tuple[int, ...] = ()
    horizon: int | None = None

    @property
    def ballot(self) -> Ballot | None:
        """The highest ballot that was promised."""
        return None if self.prepare is None else self.prepare.ballot

    def promised(self, prepare: Prepare, peer: int, leaving: bool, standing: Standing) -> Promise:
        """
        Promise a ballot that is higher than all before.

        @param peer: Our own number.
        @param leaving: Whether we are about to leave.
        @return: The promise.
        """
        if self.horizon is None:
            self.horizon = max(standing.horizon, standing.confirmed + 1)
        others = (*self.frozen, *prepare.suspects, *prepare.leavers)
        self.frozen = tuple(sorted({other for other in others if other != peer}))
        self.prepare = prepare
        self.promise = Promise(
            prepare.number,
            prepare.ballot,
            standing.floors,
            standing.confirmed,
            self.horizon,
            leaving,
            self.accepted_ballot,
            self.accepted_view,
        )
        return self.promise

    def accepted(self, ballot: Ballot, view: View) -> None:
        """Accept a view in the ballot that is promised."""
        self.accepted_ballot = ballot
        self.accepted_view = view
