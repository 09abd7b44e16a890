"""
How all peers of a match agree on drops, leaves and joins.

The match goes through numbered views.  What follows a view is decided by its
members, by single-decree Paxos (Lamport, I{Paxos Made Simple}, 2001):
L{gamenet.agreement.acceptance} is one peer's vote and
L{gamenet.agreement.proposal} one peer's try to have something decided.  A
quorum is a little more than half of the seats
(L{gamenet.agreement.view.isQuorum}), so of two parts that do not hear each
other one at the most goes on.  Only where C{lone_survivor} is set two peers that lose each
other both go on; when they hear each other again the one with the lowest player
keeps its match, and the other one's was in vain.

It is made for peers that crash and links that fail, not for liars, but one
liar has to take some trouble: alone it is not believed that something was
decided, or may have been, where those that say nothing of it could decide
without it, and who keeps the others from deciding is dropped
(L{gamenet.agreement.turns}).  Still a hostile member can propose a view without
somebody that it can do without, be late with every answer, lie about how far
it is in its promises, and have a member that hears nobody else believe it; two
that are in league, or one where the view has two members, decide what they like.
"""

from __future__ import annotations

import attrs

from gamenet.agreement.commits import CommitSpreading
from gamenet.agreement.events import AgreementEvent, Isolated, Reunited, Standing
from gamenet.agreement.reception import take
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.state import AgreementState
from gamenet.agreement.view import Seating, checkSeating, faultOf, playersOf
from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import (
    VIEWS_LIMIT,
    Accept,
    Accepted,
    Commit,
    CommitAck,
    Leave,
    Prepare,
    View,
    ViewMessage,
)

__all__ = ["MESSAGES_PER_PEER", "Agreement"]

#: The most messages to one peer that one call of L{Agreement.due} returns.
MESSAGES_PER_PEER = 2


@attrs.define(init=False)
class Agreement:
    """
    One peer's part in it.  Between two calls of C{due} nothing happens but what
    C{received} brings.  Who is no member of its view (a joiner) follows without a vote.
    """

    _state: AgreementState
    _isolated: bool
    _lost_since: float | None
    _patient_until: float
    _left: bool
    _questions: dict[int, tuple[Prepare | Accept, float]]
    _told: dict[int, tuple[int, float]]
    _asked: dict[int, float]
    _voted_at: float

    def __init__(
        self, settings: AgreementSettings, peer: int, seating: Seating, view: View
    ) -> None:
        """
        @param settings: How patient we are.
        @param peer: Our number, that of our lowest player.
        @param seating: The players of each peer.
        @param view: The newest view that we know.
        @raise BadSetting: The seating cannot be.
        @raise LocalProtocolError: The peer or the view is none of it.
        """
        checkSeating(seating)
        fault = faultOf(view, seating)
        if fault is not None or not view.members:
            raise LocalProtocolError(fault or "a view without members")
        if not playersOf(seating, peer):
            raise LocalProtocolError(f"there is no peer {peer}")
        commits = CommitSpreading(settings.resend_interval)
        self._state = AgreementState(settings, peer, seating, view, commits)
        self._isolated = False
        self._lost_since = None
        self._patient_until = float("-inf")
        self._left = False
        self._questions = {}
        self._told = {}
        self._asked = {}
        self._voted_at = float("-inf")

    def reseat(self, seating: Seating) -> bool:
        """As L{AgreementState.reseat}."""
        return self._state.reseat(seating)

    @property
    def view(self) -> View:
        """The view in force, or the last one that was before we were dropped."""
        return self._state.view

    @property
    def frozen(self) -> tuple[int, ...]:
        """The peers whose inputs, old or new, are not to be taken now, from whomever they come."""
        return self._state.acceptance.frozen

    @property
    def horizon(self) -> int | None:
        """The frame from which on nothing may be confirmed now, or C{None}."""
        return self._state.acceptance.horizon

    @property
    def deciding(self) -> bool:
        """Whether the next view is being decided, as far as we have a vote in it."""
        return self._state.acceptance.horizon is not None

    @property
    def isolated(self) -> bool:
        """Whether too few are heard to go on."""
        return self._isolated

    @property
    def dropped(self) -> View | None:
        """The newest view, if we are no member of it and it is not C{view}."""
        return self._state.dropped

    @property
    def left(self) -> bool:
        """Whether nothing keeps us here after L{leave}."""
        return self._left

    def isIdle(self, now: float) -> bool:
        """
        Return whether L{due} would do nothing, and will not until a message comes or
        somebody is suspected.
        """
        state = self._state
        return not (
            state.suspects
            or state.proposal is not None
            or state.acceptance.horizon is not None
            or state.wanted_since is not None
            or state.leaving_since is not None
            or state.leavers
            or state.joiners
            or state.replies
            or state.asks
            or state.events
            or self._lost_since is not None
            or not state.commits.isDone(now)
        )

    def suspect(self, peers: tuple[int, ...], now: float) -> None:
        """
        Say which peers are not heard now, all of them; to be said whenever it changes.

        @param now: The time in seconds.
        """
        self._state.suspects = tuple(sorted(peer for peer in peers if peer != self._state.peer))

    def leave(self, now: float) -> None:
        """
        Leave the match: go on voting until L{left}, then be gone.

        @param now: The time in seconds.
        """
        if self._state.leaving_since is None:
            self._state.leaving_since = now
        self._watchLeaving(now)

    def admit(self, peer: int, now: float) -> None:
        """
        Take a joiner's request; it is forgotten where it is not repeated.

        @param now: The time in seconds.
        @raise RemoteProtocolError: There is no such peer.
        """
        self._requirePeer(peer)
        if peer not in self._state.view.members:
            self._state.joiners[peer] = now

    def heardInView(self, peer: int, number: int, now: float) -> None:
        """
        Take note that a packet of another peer, in view C{number}, came: who
        is behind is told the newest view.

        @param now: The time in seconds.
        @raise RemoteProtocolError: There is no such peer, or no such view.
        """
        self._requirePeer(peer)
        if not 0 <= number < VIEWS_LIMIT:
            raise RemoteProtocolError(f"peer {peer} is in view {number}")
        self._state.heard(peer, number)

    def tell(self, peer: int) -> None:
        """
        Tell a peer of the view in force, if it is not in it: it can be reached again.
        """
        state = self._state
        if state.isMember and peer not in state.view.members:
            state.commits.owe(peer)

    def received(self, peer: int, body: bytes, standing: Standing, now: float) -> None:
        """
        Take a body whose first byte is 0x10 to 0x1F.  What is late or
        repeated is ignored; a joiner's request and its refusal are the
        caller's, and ignored too.

        @param peer: Who sent it.
        @param standing: How far we are.
        @param now: The time in seconds.
        @raise RemoteProtocolError: It cannot be right; nothing has changed.
        """
        self._requirePeer(peer)
        message = decodeViewMessage(body)
        self._checkStanding(standing)
        take(self._state, peer, message, standing, now)

    def due(self, standing: Standing, now: float) -> tuple[tuple[int, bytes], ...]:
        """
        Do what the time brings.

        @param standing: How far we are.
        @param now: The time in seconds.
        @return: What is to be sent now: (peer, body), at most
            L{MESSAGES_PER_PEER} for each peer.
        """
        self._checkStanding(standing)
        self._watchIsolation(now)
        if self._state.isMember and self._state.newest.number < VIEWS_LIMIT - 1:
            self._propose(standing, now)
        sent = []
        for local in self._state.seating:
            if local[0] != self._state.peer:
                messages = self._messagesTo(local[0], now)
                sent += [(local[0], encodeViewMessage(message)) for message in messages]
        self._watchLeaving(now)
        return tuple(sent)

    def drainEvents(self) -> tuple[AgreementEvent, ...]:
        """Return what happened since the last call, in order."""
        events = tuple(self._state.events)
        self._state.events.clear()
        return events

    def _requirePeer(self, peer: int) -> None:
        if peer == self._state.peer or not playersOf(self._state.seating, peer):
            raise RemoteProtocolError(f"there is no other peer {peer}")

    def _checkStanding(self, standing: Standing) -> None:
        if len(standing.floors) != len(self._state.view.seats):
            raise LocalProtocolError(f"a standing of {len(standing.floors)} players")

    def _propose(self, standing: Standing, now: float) -> None:
        """Begin a ballot, or another one, when it is time."""
        state = self._state
        missing = state.missing
        proposal = state.proposal
        if self._lost_since is not None or now < self._patient_until:
            # too few are heard, or were a moment ago: who is silent is not to blame
            state.wanted_since = None
            if state.deciding_since is not None:
                state.deciding_since = now
            if proposal is not None:
                proposal.began = now
                if proposal.value is None:
                    state.proposal = None
            return
        if proposal is None:
            starts_at = self._startsAt(standing, now)
            if starts_at is not None and now >= starts_at:
                state.propose(missing, standing, now)
            return
        waiting = now - proposal.began
        if proposal.value is not None:
            if waiting >= state.settings.decision_timeout:
                state.propose(missing, standing, now)
            return
        silent = proposal.missing
        hurries = bool(missing or state.leavers) or state.isLate(now)
        if waiting >= state.settings.promise_timeout and hurries:
            missing = tuple(sorted({*missing, *silent}))
            if state.isQuorum(state.without(missing)):
                state.propose(missing, standing, now)
            return
        lost_another = any(peer in missing for peer in silent)
        hears_again = any(peer not in missing for peer in proposal.lost)
        if lost_another or (hears_again and waiting >= state.settings.resend_interval):
            state.propose(missing, standing, now)

    def _startsAt(self, standing: Standing, now: float) -> float | None:
        """Return when we are to propose something, if at all."""
        state = self._state
        missing = state.missing
        wanted = state.leaving_since is None and (
            bool(missing or state.leavers)
            or self.deciding
            or state.joiner(standing, now) is not None
        )
        if not wanted:
            state.wanted_since = None
            return None
        if state.wanted_since is None:
            state.wanted_since = now
        rank = state.without((*missing, *state.leavers)).index(state.peer)
        patience = rank * state.settings.rank_delay
        if state.yielded_at is None:
            return state.wanted_since + patience
        return (
            max(state.wanted_since, state.yielded_at + state.settings.decision_timeout) + patience
        )

    def _watchIsolation(self, now: float) -> None:
        """Notice when too few are heard to go on, and when enough are again."""
        state = self._state
        missing = state.missing
        if not state.isMember or state.isQuorum(state.without(missing)):
            if self._lost_since is not None:
                self._lost_since = None
                self._patient_until = now + state.settings.reunion_delay
            if not self._isolated:
                return
            newer = [peer for peer, number in state.known.items() if number > state.view.number]
            if not state.isMember:
                self._isolated = False
            elif state.isQuorum(state.without((*missing, *newer))):
                self._isolated = False
                state.events.append(Reunited())
            return
        if self._lost_since is None:
            self._lost_since = now
        if not self._isolated and now - self._lost_since >= state.settings.isolated_after:
            self._isolated = True
            state.events.append(Isolated(missing))

    def _watchLeaving(self, now: float) -> None:
        """Notice when nothing keeps us here any more."""
        state = self._state
        if state.leaving_since is None:
            return
        others = state.without((state.peer,))
        all_leave = all(peer in state.leavers and peer in self._told for peer in others)
        late = now - state.leaving_since >= state.settings.leave_timeout
        if late or all_leave or not state.isMember:
            self._left = True

    def _voteFor(self, peer: int, now: float) -> ViewMessage | None:
        """
        Return our vote, told to its proposer again and again until there is a decision:
        on a bad path a question and its answer would seldom both arrive.
        """
        acceptance = self._state.acceptance
        ballot = acceptance.ballot
        if ballot is None or acceptance.promise is None or ballot.proposer != peer:
            return None
        if now - self._voted_at < self._state.settings.resend_interval:
            return None
        if acceptance.accepted_ballot == ballot:
            return Accepted(self._state.view.number + 1, ballot)
        return acceptance.promise

    def _messagesTo(self, peer: int, now: float) -> list[ViewMessage]:
        """Return what that peer is to be told now."""
        state = self._state
        interval = state.settings.resend_interval
        messages: list[ViewMessage] = []
        if state.commits.isDue(peer, now) and state.newest.number > 0:
            state.commits.sent(peer, now)
            messages.append(Commit(state.newest))
        reply = state.replies.pop(peer, None) or self._voteFor(peer, now)
        if reply is not None:
            ballot = state.acceptance.ballot
            if ballot is not None and ballot.proposer == peer:
                self._voted_at = now
            messages.append(reply)
        question = None if state.proposal is None else state.proposal.question(peer)
        if question is not None and len(messages) < MESSAGES_PER_PEER:
            last, sent = self._questions.get(peer, (None, 0.0))
            if question != last or now - sent >= interval:
                self._questions[peer] = (question, now)
                messages.append(question)
        if peer in state.asks and len(messages) < MESSAGES_PER_PEER:
            if now - self._asked.get(peer, float("-inf")) >= interval:
                self._asked[peer] = now
                messages.append(CommitAck(state.newest.number))
            del state.asks[peer]
        leaving = state.leaving_since is not None and state.isMember
        if leaving and peer in state.view.members and len(messages) < MESSAGES_PER_PEER:
            number, sent = self._told.get(peer, (-1, 0.0))
            if number != state.view.number or now - sent >= interval:
                self._told[peer] = (state.view.number, now)
                messages.append(Leave(state.view.number))
        return messages
