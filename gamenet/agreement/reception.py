"""
What an agreement does with what other peers say.
"""

from __future__ import annotations

from gamenet.agreement.events import Standing
from gamenet.agreement.state import AgreementState
from gamenet.agreement.view import changesBetween, faultOf, faultOfSuccession
from gamenet.errors import RemoteProtocolError
from gamenet.wire.view_values import (
    Accept,
    Accepted,
    Ballot,
    Commit,
    CommitAck,
    Leave,
    Outbid,
    Prepare,
    Promise,
    View,
    ViewMessage,
)

__all__ = ["AHEAD_LIMIT", "ROUNDS_AHEAD", "take"]

#: How far another peer's frames may be ahead of our horizon: more than any windows
#: and delays bring about, and few enough to keep an input of each.
AHEAD_LIMIT = 512

#: How far another peer's ballot may be ahead of all that we heard of in this view.  One
#: that is farther is not taken, but brings us so much nearer, at most once in each
#: C{resend_interval}: peers whom a liar has led apart find together again, and the 2**31
#: rounds last for a day of lies.
ROUNDS_AHEAD = 1024


def take(
    state: AgreementState, peer: int, message: ViewMessage, standing: Standing, now: float
) -> None:
    """
    Take one message.

    @param peer: Who sent it, another peer of the match.
    @raise RemoteProtocolError: It cannot be right; nothing has changed.
    """
    match message:
        case Prepare():
            _takePrepare(state, peer, message, standing, now)
        case Promise():
            _takePromise(state, peer, message, standing, now)
        case Accept(ballot, view):
            _takeAccept(state, peer, ballot, view, standing, now)
        case Accepted(number, ballot):
            _takeAccepted(state, peer, number, ballot, now)
        case Outbid(number, ballot):
            _takeOutbid(state, peer, number, ballot, now)
        case Commit(view):
            _takeCommit(state, peer, view, standing)
        case CommitAck(number):
            state.heard(peer, number)
        case Leave(number):
            _takeLeave(state, peer, number)
        case _:
            pass  # a joiner's request and its refusal are the session's


def _isCurrent(state: AgreementState, peer: int, number: int) -> bool:
    """
    Return whether a message about view C{number} is about the one that is to
    be decided here; where it is not, see to it that one side learns why.

    @raise RemoteProtocolError: It is, and that peer has no say in it.
    """
    if number == state.newest.number + 1 and state.isMember and peer not in state.view.members:
        raise RemoteProtocolError(f"peer {peer} is no member of view {number - 1}")
    state.heard(peer, number - 1)
    return number == state.newest.number + 1 and state.isMember


def _takePrepare(
    state: AgreementState, peer: int, prepare: Prepare, standing: Standing, now: float
) -> None:
    ballot = prepare.ballot
    if ballot.proposer != peer:
        raise RemoteProtocolError(f"peer {peer} proposes as peer {ballot.proposer}")
    current = prepare.number == state.newest.number + 1 and state.isMember
    acceptance = state.acceptance
    if current:
        out = (*prepare.suspects, *prepare.leavers)
        if peer in out or any(member not in state.view.members for member in out):
            raise RemoteProtocolError(f"peer {peer} cannot do without peers {out}")
        leaving = state.leaving_since is not None
        if state.peer in prepare.suspects or (state.peer in prepare.leavers and not leaving):
            raise RemoteProtocolError(f"peer {peer} asks us to vote as one that is gone")
        if not state.isQuorum(state.without(prepare.suspects)):
            raise RemoteProtocolError(f"peer {peer} asks too few: without {prepare.suspects}")
        known = acceptance.prepare
        if known is not None and known.ballot == ballot and known != prepare:
            raise RemoteProtocolError(f"peer {peer} asks two things in {ballot}")
        if not _isNear(state, ballot, now):
            return
    if not _isCurrent(state, peer, prepare.number):
        return
    promised = acceptance.ballot
    if promised is not None and ballot < promised:
        state.replies[peer] = Outbid(prepare.number, promised)
        return
    if acceptance.promise is None or ballot != promised:
        state.round = max(state.round, ballot.round)
        if not state.turns.take(peer, now):
            return
        state.promise(prepare, standing, now)
        state.giveWay(now)
    if acceptance.promise is not None:
        state.replies[peer] = acceptance.promise


def _takePromise(
    state: AgreementState, peer: int, promise: Promise, standing: Standing, now: float
) -> None:
    current = promise.number == state.newest.number + 1 and state.isMember
    if promise.ballot.proposer != state.peer:
        raise RemoteProtocolError(f"peer {peer} answers peer {promise.ballot.proposer}")
    proposal = state.proposal
    if current:
        _requireOurs(state, peer, promise.ballot)
        _checkPromise(state, peer, promise, standing)
        if max(promise.horizon, *promise.floors) > standing.horizon + AHEAD_LIMIT:
            raise RemoteProtocolError(f"peer {peer} is at frame {promise.horizon}, far ahead")
        if proposal is not None and proposal.ballot == promise.ballot:
            if peer not in proposal.asked:
                raise RemoteProtocolError(f"peer {peer} was not asked")
        else:
            proposal = None
    if not _isCurrent(state, peer, promise.number):
        return
    if promise.leaving and peer not in state.leavers:
        state.leavers = tuple(sorted((*state.leavers, peer)))
    if proposal is not None and proposal.value is None and peer not in proposal.promises:
        proposal.promises[peer] = promise
        state.progress(now)


def _checkPromise(state: AgreementState, peer: int, promise: Promise, standing: Standing) -> None:
    """
    @raise RemoteProtocolError: The promise contradicts itself or the view.
    """
    view = state.view
    if len(promise.floors) != len(view.seats):
        raise RemoteProtocolError(f"peer {peer} knows {len(promise.floors)} players")
    if promise.horizon <= promise.confirmed:
        raise RemoteProtocolError(f"peer {peer} pledges what it has broken")
    for floor, seat in zip(promise.floors, view.seats, strict=True):
        if seat.taken and floor <= promise.confirmed and seat.since <= promise.confirmed:
            raise RemoteProtocolError(f"peer {peer} confirmed a frame without its inputs")
    if promise.accepted_ballot is None or promise.accepted_view is None:
        return
    if promise.accepted_ballot >= promise.ballot:
        raise RemoteProtocolError(f"peer {peer} has accepted a later ballot than it promises")
    if promise.accepted_ballot.proposer not in view.members:
        raise RemoteProtocolError(f"peer {peer} has accepted what no member proposed")
    ours = state.acceptance
    if promise.accepted_ballot == ours.accepted_ballot:
        if promise.accepted_view != ours.accepted_view:
            raise RemoteProtocolError(f"peer {peer} has accepted something else in one ballot")
    elif promise.accepted_ballot.proposer == state.peer and (
        ours.accepted_ballot is None or promise.accepted_ballot > ours.accepted_ballot
    ):
        raise RemoteProtocolError(f"peer {peer} has accepted what we did not propose")
    _checkNext(state, peer, promise.accepted_view, standing)


def _isNear(state: AgreementState, ballot: Ballot, now: float) -> bool:
    """Return whether a ballot's round can be taken; come nearer to one that is far ahead."""
    if ballot.round <= state.round + ROUNDS_AHEAD:
        return True
    if now - state.raised_at >= state.settings.resend_interval:
        state.raised_at = now
        state.round += ROUNDS_AHEAD
    return False


def _requireOurs(state: AgreementState, peer: int, ballot: Ballot) -> None:
    """
    @raise RemoteProtocolError: An answer to a ballot that we never proposed.
    """
    if ballot.proposer != state.peer or ballot.round > state.round:
        raise RemoteProtocolError(f"peer {peer} answers {ballot}, which was never proposed")


def _takeAccept(
    state: AgreementState, peer: int, ballot: Ballot, view: View, standing: Standing, now: float
) -> None:
    if ballot.proposer != peer:
        raise RemoteProtocolError(f"peer {peer} proposes as peer {ballot.proposer}")
    acceptance = state.acceptance
    promised = acceptance.ballot
    if view.number == state.newest.number + 1 and state.isMember:
        if promised is None or ballot > promised:
            raise RemoteProtocolError(f"peer {peer} goes on without our promise")
        _checkNext(state, peer, view, standing)
        if acceptance.accepted_ballot == ballot and acceptance.accepted_view != view:
            raise RemoteProtocolError(f"peer {peer} proposes two views in {ballot}")
    if not _isCurrent(state, peer, view.number):
        return
    if promised != ballot:
        if promised is not None:
            state.replies[peer] = Outbid(view.number, promised)
        return
    if acceptance.accepted_ballot != ballot:
        acceptance.accepted(ballot, view)
        state.yielded_at = now
    state.replies[peer] = Accepted(view.number, ballot)


def _checkNext(state: AgreementState, peer: int, view: View, standing: Standing) -> None:
    """
    @raise RemoteProtocolError: The view cannot follow ours, or it would
        change what we have confirmed as its member.
    """
    fault = faultOfSuccession(state.view, view, state.seating)
    if fault is None and state.peer in view.members:
        dropped, joined = changesBetween(state.view, view)
        if any(frame <= standing.confirmed for _, frame in (*dropped, *joined)):
            fault = f"a view that changes frame {standing.confirmed}, which is confirmed"
        elif any(frame > standing.horizon + AHEAD_LIMIT for _, frame in (*dropped, *joined)):
            fault = "a view that changes frames far ahead"
        elif any(standing.floors[one - 1] < state.view.seats[one - 1].since for one, _ in joined):
            fault = "a view that seats somebody before all inputs of that seat are here"
    if fault is not None:
        raise RemoteProtocolError(f"peer {peer} says {fault}")


def _takeAccepted(
    state: AgreementState, peer: int, number: int, ballot: Ballot, now: float
) -> None:
    if ballot.proposer != state.peer:
        raise RemoteProtocolError(f"peer {peer} answers peer {ballot.proposer}")
    proposal = state.proposal
    if number == state.newest.number + 1 and state.isMember:
        _requireOurs(state, peer, ballot)
        if proposal is None or proposal.ballot != ballot:
            proposal = None
        elif proposal.value is None or peer not in proposal.promises:
            raise RemoteProtocolError(f"peer {peer} accepts what it was not asked to")
    if not _isCurrent(state, peer, number):
        return
    if proposal is not None and peer not in proposal.accepted:
        proposal.accepted.append(peer)
        state.progress(now)


def _takeOutbid(state: AgreementState, peer: int, number: int, ballot: Ballot, now: float) -> None:
    current = number == state.newest.number + 1 and state.isMember
    if current:
        if ballot.proposer not in state.view.members:
            raise RemoteProtocolError(f"peer {peer} has promised peer {ballot.proposer}")
        if ballot.proposer == state.peer:
            _requireOurs(state, peer, ballot)
        if not _isNear(state, ballot, now):
            return
    if not _isCurrent(state, peer, number):
        return
    state.round = max(state.round, ballot.round)
    proposal = state.proposal
    if proposal is not None and ballot > proposal.ballot and state.turns.outbid(peer):
        state.giveWay(now)


def _takeCommit(state: AgreementState, peer: int, view: View, standing: Standing) -> None:
    newest = state.newest
    if state.isOtherHalf(peer, view) and faultOf(view, state.seating) is None:
        if view.members[0] < state.view.members[0]:
            state.settle(view)
            state.replies[peer] = CommitAck(view.number)
        else:
            state.commits.owe(peer)
        return
    if view.number == newest.number and view != newest:
        raise RemoteProtocolError(f"peer {peer} says another view {view.number}")
    if view.number > newest.number:
        if state.isMember and view.number == newest.number + 1:
            _checkNext(state, peer, view, standing)
        elif state.isMember and state.peer in view.members:
            raise RemoteProtocolError(f"peer {peer} says that we voted on view {view.number}")
        else:
            fault = faultOf(view, state.seating)
            if fault is not None:
                raise RemoteProtocolError(f"peer {peer} says {fault}")
        if state.believes(peer, view) if state.isMember else peer in newest.members:
            state.settle(view)
        elif peer not in newest.members:
            return  # a joiner that was seated by it, perhaps; those who voted tell us too
    state.heard(peer, view.number)
    if view.number == state.newest.number:
        state.replies[peer] = CommitAck(view.number)


def _takeLeave(state: AgreementState, peer: int, number: int) -> None:
    if number == state.newest.number and state.isMember:
        if peer not in state.view.members:
            raise RemoteProtocolError(f"peer {peer} leaves without being there")
        if peer not in state.leavers:
            state.leavers = tuple(sorted((*state.leavers, peer)))
    state.heard(peer, number)
