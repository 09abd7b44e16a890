"""
How long each of the others may go on proposing what nothing comes of.

Nobody is owed a promise: a ballot that is ignored is one that was lost.  So
a peer that proposes again and again, by a bad path or out of malice, keeps
the others from deciding for a while and no longer.
"""

from __future__ import annotations

import attrs

__all__ = ["BALLOTS_LIMIT", "FREE_TURNS", "OUTBIDS_LIMIT", "Turns"]

#: The turns of one proposer that are taken without a pause before the next.
FREE_TURNS = 2

#: The most ballots of one proposer that are taken in one turn: more than there are
#: peers that it could lose or find again.
BALLOTS_LIMIT = 32

#: How often one peer may end our own tries, in one view, by telling us of a higher ballot.
OUTBIDS_LIMIT = 8

#: How often the pause is doubled at the most.
_DOUBLINGS = 5


@attrs.define
class _Turn:
    """
    @ivar number: Which turn of that proposer it is, from 1.
    @ivar began: When it began, in seconds.
    @ivar ballots: How many ballots it has brought.
    @ivar overdue: Whether that proposer wanted one more turn than is free.
    """

    number: int
    began: float
    ballots: int
    overdue: bool


@attrs.define
class Turns:
    """
    The turns of all proposers in one view.

    @ivar length: How long one turn lasts, in seconds.
    """

    length: float
    _turns: dict[int, _Turn] = attrs.field(factory=dict, init=False)
    _outbids: dict[int, int] = attrs.field(factory=dict, init=False)

    def take(self, peer: int, now: float) -> bool:
        """
        Take a new ballot into account.

        @param peer: Who proposes.
        @param now: The time in seconds.
        @return: Whether it is to be taken now; else it is to be ignored.
        """
        turn = self._turns.get(peer)
        if turn is None:
            self._turns[peer] = _Turn(1, now, 1, False)
            return True
        if now < turn.began + self.length:
            turn.ballots += 1
            return turn.ballots <= BALLOTS_LIMIT
        pause = 0.0
        if turn.number >= FREE_TURNS:
            turn.overdue = True
            pause = self.length * 2 ** min(turn.number - FREE_TURNS, _DOUBLINGS)
        if now < turn.began + self.length + pause:
            return False
        self._turns[peer] = _Turn(turn.number + 1, now, 1, turn.overdue)
        return True

    def outbid(self, peer: int) -> bool:
        """
        Take into account that a peer tells us of a higher ballot than ours.

        @return: Whether we are to give way.
        """
        self._outbids[peer] = self._outbids.get(peer, 0) + 1
        return self._outbids[peer] <= OUTBIDS_LIMIT

    def overdue(self, peer: int) -> bool:
        """Return whether that peer has had its turns, and goes on."""
        turn = self._turns.get(peer)
        return turn is not None and turn.overdue
