"""
What one peer knows of the agreement, and the steps that both what it hears and
its own initiative lead to.
"""

from __future__ import annotations

from collections.abc import Collection

import attrs

from gamenet.agreement.acceptance import Acceptance
from gamenet.agreement.commits import CommitSpreading
from gamenet.agreement.events import AgreementEvent, Dropped, Standing, ViewChanged
from gamenet.agreement.proposal import Proposal
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.turns import Turns
from gamenet.agreement.view import Seating, changesBetween, faultOf, isQuorum
from gamenet.wire.view_values import ROUNDS_LIMIT, Ballot, Prepare, Promise, View, ViewMessage

__all__ = ["AgreementState"]


@attrs.define
class AgreementState:
    """
    The state of one L{gamenet.agreement.agreement.Agreement}.

    @ivar settings: How patient we are.
    @ivar peer: Our number.
    @ivar seating: The players of each peer.
    @ivar view: The newest view that we are, or were, a member of.
    @ivar dropped: A newer view of which we are no member, or C{None}.
    @ivar commits: Whom we tell of the newest view.
    @ivar acceptance: Our vote on what follows C{view}.
    @ivar proposal: Our own try, or C{None}.
    @ivar round: The highest round that was seen in this view.
    @ivar deciding_since: Since when what follows the view is being decided, in seconds.
    @ivar raised_at: When a ballot far ahead raised C{round} last, in seconds.
    @ivar yielded_at: When we last gave way to another proposer, in seconds.
    @ivar turns: How often the others have proposed in this view.
    @ivar wanted_since: Since when we want a change and could have one.
    @ivar suspects: The peers that are not heard now.
    @ivar leavers: The peers of this view that said they leave.
    @ivar leaving_since: Since when we leave ourselves.
    @ivar joiners: When each joiner was last heard asking, in seconds.
    @ivar admission_pause_until: Before this no joiner is tried again.
    @ivar parted: Whether we went on alone, where the other of two may have done so too.
    @ivar known: By peer, the newest view in which it was heard.
    @ivar claims: By member, the view that it says was decided and we do not believe yet.
    @ivar replies: By peer, the newest answer to it.
    @ivar asks: The peers that were heard in a newer view.
    @ivar events: What happened and was not told yet.
    """

    settings: AgreementSettings
    peer: int
    seating: Seating
    view: View
    commits: CommitSpreading
    dropped: View | None = None
    acceptance: Acceptance = attrs.field(factory=Acceptance)
    proposal: Proposal | None = None
    round: int = 0
    deciding_since: float | None = None
    raised_at: float = float("-inf")
    yielded_at: float | None = None
    turns: Turns = attrs.field(init=False)
    wanted_since: float | None = None
    suspects: tuple[int, ...] = ()
    leavers: tuple[int, ...] = ()
    leaving_since: float | None = None
    joiners: dict[int, float] = attrs.field(factory=dict)
    admission_pause_until: float = float("-inf")
    parted: bool = False
    known: dict[int, int] = attrs.field(factory=dict)
    claims: dict[int, View] = attrs.field(factory=dict)
    replies: dict[int, ViewMessage] = attrs.field(factory=dict)
    asks: dict[int, None] = attrs.field(factory=dict)
    events: list[AgreementEvent] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.turns = Turns(self.settings.mute_timeout)

    @property
    def newest(self) -> View:
        """The newest view that we know."""
        return self.view if self.dropped is None else self.dropped

    @property
    def isMember(self) -> bool:
        """Whether we play."""
        return self.dropped is None and self.peer in self.view.members

    @property
    def missing(self) -> tuple[int, ...]:
        """
        The members that are not heard, ascending; and those that keep us from deciding by
        ever new ballots, where the others can do without them.
        """
        silent = tuple(peer for peer in self.view.members if peer in self.suspects)
        missing = tuple(
            peer for peer in self.view.members if peer in self.suspects or self.turns.overdue(peer)
        )
        return missing if self.isQuorum(self.without(missing)) else silent

    def reseat(self, seating: Seating) -> bool:
        """
        Have some seats belong to other peers, unless one is taken or may be about to be.

        @return: Whether that is so now.
        """
        accepted = self.acceptance.accepted_view
        views = [self.newest] if accepted is None else [self.newest, accepted]
        if any(faultOf(view, seating) is not None for view in views):
            return False
        self.seating = seating
        if self.proposal is not None:
            self.proposal.seating = seating
        peers = [local[0] for local in seating]
        self.joiners = {peer: at for peer, at in self.joiners.items() if peer in peers}
        return True

    def isQuorum(self, peers: Collection[int]) -> bool:
        """Return whether these may decide what follows the view."""
        settings = self.settings
        return isQuorum(
            self.view, self.seating, peers, settings.both_stop, settings.lone_survivor
        )

    def without(self, peers: Collection[int]) -> tuple[int, ...]:
        """Return the members of the view but for these."""
        return tuple(peer for peer in self.view.members if peer not in peers)

    def joiner(self, standing: Standing, now: float) -> int | None:
        """Return the joiner that we are to propose now, if any."""
        for peer, heard in tuple(self.joiners.items()):
            if now - heard > self.settings.admission_timeout:
                del self.joiners[peer]
        present = self.without((*self.missing, *self.leavers))
        if self.peer != present[0] or now < self.admission_pause_until:
            return None
        settled = max([seat.since for seat in self.view.seats])
        return min(self.joiners, default=None) if settled <= standing.confirmed else None

    def heard(self, peer: int, number: int) -> None:
        """That peer spoke as one that knows view C{number} and no newer."""
        self.known[peer] = max(number, self.known.get(peer, 0))
        newest = self.newest.number
        if number < newest:
            self.commits.owe(peer)
            return
        self.commits.known(peer)
        if number > newest:
            self.asks[peer] = None

    def believes(self, peer: int, view: View) -> bool:
        """
        Return whether that peer is believed that a newer view was decided.

        One member is, where we accepted that view; where a second one says it, or is in
        such a view already; and where those that could say otherwise, with us, are no
        quorum: if they are one they decide themselves, were it true or not.  Who is no
        member is, where no member is heard and we can do nothing alone.

        @param view: What it says, newer than ours.
        """
        heard = self.without(self.missing)
        if peer not in self.view.members:
            return heard == (self.peer,) and not self.isQuorum(heard)
        if view == self.acceptance.accepted_view or self._decidesAlone:
            return True
        self.claims[peer] = view
        doubtful = []
        for other in heard:
            if other not in (peer, self.peer):
                if self.known.get(other, 0) >= view.number or self.claims.get(other) == view:
                    return True
                doubtful.append(other)
        return not self.isQuorum((self.peer, *doubtful))

    @property
    def _decidesAlone(self) -> bool:
        """Whether each member of the view can go on without the other."""
        return self.settings.lone_survivor and len(self.view.members) == 2

    def isOtherHalf(self, peer: int, view: View) -> bool:
        """
        Return whether a view is that of a match which parted from ours, where two lost
        each other and each went on alone.

        @param peer: Who says that it is in force there.
        """
        return (
            self.settings.lone_survivor
            and self.parted
            and self.isMember
            and peer in view.members
            and peer not in self.view.members
            and self.peer not in view.members
        )

    def isLate(self, now: float) -> bool:
        """Return whether what follows the view should have been decided by now."""
        since = self.deciding_since
        return since is not None and now - since >= self.settings.mute_timeout

    def promise(self, prepare: Prepare, standing: Standing, now: float) -> Promise:
        """Promise a ballot, ours or another peer's, that is higher than all before."""
        if self.deciding_since is None:
            self.deciding_since = now
        leaving = self.leaving_since is not None
        return self.acceptance.promised(prepare, self.peer, leaving, standing)

    def giveWay(self, now: float) -> None:
        """Somebody else has a higher ballot: end our try, and be patient."""
        self.proposal = None
        self.yielded_at = now

    def propose(self, suspects: Collection[int], standing: Standing, now: float) -> None:
        """
        Begin a new ballot.

        @param suspects: The members to do without; the others must be a quorum.
        """
        if self.round + 1 >= ROUNDS_LIMIT:
            return
        self.round += 1
        prepare = Prepare(
            self.view.number + 1,
            Ballot(self.round, self.peer),
            tuple(sorted(suspects)),
            tuple(peer for peer in self.leavers if peer not in suspects),
        )
        proposal = Proposal(
            prepare,
            self.view,
            self.seating,
            self.settings.both_stop,
            self.missing,
            self.joiner(standing, now),
            now,
            self.settings.lone_survivor,
        )
        proposal.promises[self.peer] = self.promise(prepare, standing, now)
        self.proposal = proposal
        self.progress(now)

    def progress(self, now: float) -> None:
        """Go on with our ballot as far as the answers allow."""
        proposal = self.proposal
        if proposal is None:
            return
        if proposal.value is None and not proposal.missing:
            value = proposal.propose(now)
            if proposal.joiner is not None and proposal.joiner not in value.members:
                self.admission_pause_until = now + self.settings.admission_pause
            self.acceptance.accepted(proposal.ballot, value)
            proposal.accepted.append(self.peer)
        if proposal.value is not None and proposal.decided:
            self._decided(proposal.value, now)

    def _decided(self, view: View, now: float) -> None:
        """Our ballot was accepted by a quorum."""
        deadlines = {
            peer: now + self.settings.commit_timeout
            for peer in self.view.members
            if peer not in view.members
        }
        deadlines.update((peer, float("inf")) for peer in view.members)
        deadlines.pop(self.peer, None)
        self.settle(view)
        self.commits.decided(deadlines)

    def settle(self, view: View) -> None:
        """A view that is newer than ours was decided: it is in force."""
        was_member = self.isMember
        self.acceptance = Acceptance()
        self.proposal = None
        self.round = 0
        self.deciding_since = None
        self.yielded_at = None
        self.turns = Turns(self.turns.length)
        self.wanted_since = None
        self.leavers = ()
        self.asks = {}
        self.claims = {}
        self.commits.decided({})
        self.replies = {}
        if self.peer in view.members:
            if not was_member:
                self.leaving_since = None
            self.parted = self.parted or (self._decidesAlone and view.members == (self.peer,))
            dropped, joined = changesBetween(self.view, view)
            self.view = view
            self.dropped = None
            self.events.append(ViewChanged(view, dropped, joined))
            for peer in view.members:
                self.joiners.pop(peer, None)
            return
        self.dropped = view
        if was_member and self.leaving_since is None:
            self.events.append(Dropped(view))
