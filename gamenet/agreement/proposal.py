"""
One peer's try to have the next view decided: one ballot, from its PREPARE to
the quorum that accepted.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from gamenet.agreement.view import Seating, isQuorum, playersOf
from gamenet.wire.view_values import Accept, Ballot, Prepare, Promise, Seat, View

__all__ = ["Proposal", "nextView"]


@attrs.define
class Proposal:
    """
    A ballot of ours.

    @ivar prepare: How it began.
    @ivar view: The view in which it is decided what follows.
    @ivar seating: The players of each peer.
    @ivar both_stop: See L{gamenet.agreement.settings.AgreementSettings}.
    @ivar lost: Those of the suspects that were not heard when it began; the
        others had only not answered.
    @ivar joiner: Who asks for its seat, or C{None}.
    @ivar began: Since when, in seconds, the present phase could have gone on.
    @ivar lone_survivor: As C{both_stop}.
    @ivar value: What is proposed, or C{None} while promises are collected.
    @ivar promises: By peer.
    @ivar accepted: The peers that accepted, in order of their answers.
    """

    prepare: Prepare
    view: View
    seating: Seating
    both_stop: bool
    lost: tuple[int, ...]
    joiner: int | None
    began: float
    lone_survivor: bool = False
    value: View | None = None
    promises: dict[int, Promise] = attrs.field(factory=dict)
    accepted: list[int] = attrs.field(factory=list)

    @property
    def ballot(self) -> Ballot:
        """The ballot."""
        return self.prepare.ballot

    @property
    def asked(self) -> tuple[int, ...]:
        """The peers that are asked for promises: the members that are not suspected."""
        return tuple(peer for peer in self.view.members if peer not in self.prepare.suspects)

    @property
    def staying(self) -> tuple[int, ...]:
        """The members of the proposed view that are members already."""
        return tuple(peer for peer in self.asked if peer not in self.prepare.leavers)

    @property
    def missing(self) -> tuple[int, ...]:
        """Those without whose promise nothing can be proposed, ascending."""
        missing = tuple(peer for peer in self.staying if peer not in self.promises)
        if missing or self._isQuorum(self.promises):
            return missing
        return tuple(peer for peer in self.asked if peer not in self.promises)

    @property
    def decided(self) -> bool:
        """
        Whether a quorum has accepted the value; where one peer is a quorum alone,
        whether all have who are heard.
        """
        if self.lone_survivor and len(self.view.members) == 2:
            return all(peer in self.accepted for peer in self.asked)
        return self._isQuorum(self.accepted)

    def _isQuorum(self, peers: Iterable[int]) -> bool:
        return isQuorum(
            self.view, self.seating, tuple(peers), self.both_stop, self.lone_survivor
        )

    def propose(self, now: float) -> View:
        """
        Choose the value; all of C{missing} have promised.

        @return: What may have been decided already, where there is such a view,
            else the view of those that stay, and the joiner if it can be seated.
        """
        self.began = now
        value = self._mayBeDecided()
        if value is None:
            promises = {peer: self.promises[peer] for peer in self.staying}
            value = nextView(self.view, self.seating, promises, self.joiner)
        self.value = value
        return value

    def _mayBeDecided(self) -> View | None:
        """
        Return the view of the highest accepted ballot in which one can have been decided.

        Who has promised us has accepted nothing later than it says, and accepts nothing
        older than our ballot any more.  So in a ballot no quorum has accepted, nor ever
        will, where those that say they accepted it or a later one and those that did not
        promise are none; what is said of such a ballot, true or invented, binds nobody.
        """
        silent = [peer for peer in self.view.members if peer not in self.promises]
        votes = [
            (promise.accepted_ballot, peer, promise.accepted_view)
            for peer, promise in self.promises.items()
            if promise.accepted_ballot is not None
        ]
        votes.sort(key=lambda vote: vote[:2], reverse=True)
        for ballot, _, view in votes:
            voters = [peer for other, peer, _ in votes if other >= ballot]
            if self._isQuorum([*silent, *voters]):
                return view
        return None

    def question(self, peer: int) -> Prepare | Accept | None:
        """Return what that peer is to be asked now, if anything."""
        if self.value is None:
            return self.prepare if peer in self.asked and peer not in self.promises else None
        if peer in self.promises and peer not in self.accepted:
            return Accept(self.ballot, self.value)
        return None


def nextView(
    view: View, seating: Seating, promises: dict[int, Promise], joiner: int | None
) -> View:
    """
    Return the view of those that promised, and of a joiner.

    A seat that becomes empty is so from the highest floor of that player on,
    a seat that is empty already perhaps from an earlier frame on: what no
    member has or has confirmed is lost.  A joiner is seated from the latest horizon on, and
    only where all have confirmed all frames before any seat changed last: a joiner
    learns of no change before that.

    @param promises: By peer, of those that are to be members.
    @param joiner: Who wants its seat, or C{None}.
    """
    members = tuple(sorted(promises))
    join_frame = max(promise.horizon for promise in promises.values())
    confirmed = [promise.confirmed for promise in promises.values()]
    joining = playersOf(seating, joiner) if joiner is not None else ()
    if any(seat.since > min(confirmed) for seat in view.seats):
        joining = ()
    staying = [player for peer in members for player in playersOf(seating, peer)]
    seats = []
    for player, seat in enumerate(view.seats, 1):
        floor = max(promise.floors[player - 1] for promise in promises.values())
        if player in staying:
            seats.append(seat)
        elif player in joining:
            seats.append(Seat(True, join_frame))
        elif seat.taken:
            seats.append(Seat(False, max(floor, seat.since)))
        else:
            seats.append(Seat(False, min(seat.since, max(floor, max(confirmed) + 1))))
    if joining:
        members = tuple(sorted((*members, joining[0])))
    return View(view.number + 1, members, tuple(seats))
