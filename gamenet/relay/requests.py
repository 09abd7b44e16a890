"""
What a relay answers to a request of TURN (RFC 8489, sections 6.3 and 9.2.4): who asks
is settled first, then whether all of it is understood, and only then what is
asked, which is L{gamenet.relay.methods}' business.

Pure but for the tables it keeps.  One thing it cannot do itself, opening a
port: an Allocate that needs one comes back as L{WantedPorts}, and
L{RequestDesk.allocate} goes on when the ports are there.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, evolve, field, frozen

from gamenet.errors import MalformedMessage
from gamenet.interfaces import Address
from gamenet.relay.asked import Asked, Attributes, Decision, Granted, Refused, WantedPorts
from gamenet.relay.authentication import Authenticator, Refusal, Sender
from gamenet.relay.methods import METHOD_NAMES, TurnMethods
from gamenet.relay.refusal_budget import RefusalBudget
from gamenet.relay_plane.counters import DropReason, RelayCounters
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import Effect
from gamenet.relay_plane.relayed_port import RelayedPort
from gamenet.wire import stun, stun_attributes
from gamenet.wire.stun import MessageClass, StunMessage
from gamenet.wire.stun_attributes import (
    BAD_REQUEST,
    STALE_NONCE,
    UNAUTHENTICATED,
    UNKNOWN_ATTRIBUTE,
)
from gamenet.wire.turn import UNDERSTOOD_ATTRIBUTES
from gamenet.wire.turn_transport import Transport

__all__ = [
    "REFUSAL_AMPLIFICATION_LIMIT",
    "Outcome",
    "RequestDesk",
    "WantedPorts",
]

#: A refusal over UDP to somebody who proved nothing is at most this many times as long as the
#: request: its sender may be forged, which no stream's can be.
REFUSAL_AMPLIFICATION_LIMIT = 4


@frozen
class Outcome:
    """
    What became of a request.

    @ivar answer: The message for the client, C{None} for silence.
    @ivar code: The error code that C{answer} refuses with, 0 for none.
    @ivar authenticated: Whether the sender proved who they are.
    @ivar dropped: Why there is no answer.
    @ivar wanted: What to open before there is one.
    @ivar effects: What the server has to do, before it looks at anything else.
    """

    answer: bytes | None = field(default=None, repr=False)
    code: int = 0
    authenticated: bool = False
    dropped: DropReason | None = None
    wanted: WantedPorts | None = None
    effects: tuple[Effect, ...] = ()


@define(eq=False)
class RequestDesk:
    """
    Answers the requests of one relay, lets end what ends, and counts it all.

    @ivar authenticator: Tells who sent a request.
    @ivar methods: Decides what is asked.
    @ivar budget: Who still gets a refusal over UDP.
    @ivar understood: The comprehension-required attributes that are
        understood: not DONT-FRAGMENT where the system cannot do it.
    """

    authenticator: Authenticator
    methods: TurnMethods
    budget: RefusalBudget
    understood: frozenset[int] = UNDERSTOOD_ATTRIBUTES

    @property
    def counters(self) -> RelayCounters:
        """Where everything is counted."""
        return self.methods.table.counters

    @property
    def draining(self) -> bool:
        """Whether there are no new allocations any more."""
        return self.methods.allocating.draining

    @draining.setter
    def draining(self, draining: bool) -> None:
        self.methods.allocating.draining = draining

    def sweep(self, now: float) -> tuple[Effect, ...]:
        """Let end what ends by now: allocations, permissions, channels, reserved ports."""
        expired = self.methods.table.sweep(now)
        return (*expired, *self.methods.allocating.sweepReservations(now))

    def nextDue(self) -> float | None:
        """Return when L{sweep} next may have something to do, C{None} for never."""
        dues = (self.methods.table.nextDue(), self.methods.allocating.reservations.nextDue())
        return min((due for due in dues if due is not None), default=None)

    def disconnected(self, flow: Flow, now: float) -> tuple[Effect, ...]:
        """Forget the allocation of a client whose stream ended."""
        return self.methods.table.disconnected(flow, now)

    def answer(
        self, request: StunMessage, size: int, flow: Flow, now: float, wall_now: float
    ) -> Outcome:
        """
        Answer one message that is no Binding request.  What ends by C{now} ends before.

        @param request: What came.
        @param size: Its bytes.
        @param flow: Where it came from.
        @param now: Seconds, monotonic.
        @param wall_now: Seconds since 1970.
        @return: Where it has C{wanted}, L{allocate} follows in the same instant.
        """
        swept = self.sweep(now)
        if request.message_class is MessageClass.INDICATION and request.method == stun.BINDING:
            # It keeps a mapping of a NAT alive, and that is all it wants.
            return Outcome(effects=swept)
        outcome = self._answer(request, size, flow, now, wall_now)
        self._count(request, outcome)
        return evolve(outcome, effects=(*swept, *outcome.effects)) if swept else outcome

    def allocate(
        self,
        wanted: WantedPorts,
        opened: dict[int, tuple[RelayedPort, ...]],
        token: bytes,
        now: float,
    ) -> Outcome:
        """
        Go on with an Allocate.

        @param wanted: What L{answer} returned.
        @param opened: By family the open ports: one, or two for a pair, or none
            where they could not be opened.
        @param token: 8 unpredictable bytes, used for a pair.
        @param now: Seconds, monotonic.
        """
        asked = wanted.asked
        decision = self.methods.allocating.allocate(wanted, opened, token, now)
        if isinstance(decision, Granted):
            outcome = _grant(asked.request, asked.sender, decision)
        else:
            refusal = Refusal(decision.code, asked.sender.key, asked.sender.integrity)
            refused = self._refuse(asked.request, 0, asked.flow, refusal, now)
            outcome = evolve(refused, effects=decision.effects)
        self._count(asked.request, outcome)
        return outcome

    def _answer(
        self, request: StunMessage, size: int, flow: Flow, now: float, wall_now: float
    ) -> Outcome:
        if request.message_class is not MessageClass.REQUEST:
            return Outcome(dropped=DropReason.NOT_A_REQUEST)
        if request.method not in METHOD_NAMES:
            return Outcome(dropped=DropReason.UNKNOWN_METHOD)
        allocation = self.methods.table.find(flow, now)
        # An allocation's credential is good as long as it lives, and for its deletion.
        ended = self.methods.deletionOf(request, flow, now)
        holder = ended if ended is not None else allocation
        known = None if holder is None else holder.credential
        sender = self.authenticator.check(request, flow.address, now, wall_now, known)
        if isinstance(sender, Refusal):
            return self._refuse(request, size, flow, sender, now)
        unknown = request.unknownAttributes(self.understood)
        if unknown:
            refusal = Refusal(UNKNOWN_ATTRIBUTE, sender.key, sender.integrity, unknown)
            return self._refuse(request, size, flow, refusal, now)
        decision: Decision
        try:
            decision = self.methods.decide(Asked(request, flow, sender, allocation, now))
        except MalformedMessage:
            decision = BAD_REQUEST
        if isinstance(decision, WantedPorts):
            return Outcome(authenticated=True, wanted=decision)
        if isinstance(decision, Granted):
            return _grant(request, sender, decision)
        if not isinstance(decision, Refused):
            decision = Refused(decision)
        refusal = Refusal(decision.code, sender.key, sender.integrity)
        refused = self._refuse(request, size, flow, refusal, now)
        return evolve(refused, effects=decision.effects) if decision.effects else refused

    def _refuse(
        self, request: StunMessage, size: int, flow: Flow, refusal: Refusal, now: float
    ) -> Outcome:
        # A right signature with a stale nonce may be a copy, sent from a forged address.
        proven = refusal.key is not None and refusal.code != STALE_NONCE
        # A stream has shown where its client is, and there a request is never sent again.
        bounded = not proven and flow.transport is Transport.UDP
        if bounded and not self.budget.take(flow.address[0], now):
            return Outcome(dropped=DropReason.RATE_LIMITED)
        for attributes, fingerprint in self._refusals(refusal, flow.address, now):
            message = StunMessage(
                request.method, MessageClass.ERROR, request.transaction_id, attributes
            )
            answer = stun.encode(message, refusal.key, fingerprint, refusal.integrity)
            if not bounded or len(answer) <= REFUSAL_AMPLIFICATION_LIMIT * size:
                known = refusal.key is not None
                return Outcome(answer, refusal.code, authenticated=known)
        return Outcome(dropped=DropReason.AMPLIFICATION)

    def _refusals(
        self, refusal: Refusal, client: Address, now: float
    ) -> Iterator[tuple[Attributes, bool]]:
        """
        Return what a refusal can be, the best first: what keeps clients from the
        better algorithms goes last, the phrase for people first.
        """
        extras: tuple[Attributes, ...] = ((),)
        if refusal.unknown_attributes:
            unknown = stun_attributes.encodeUnknownAttributes(refusal.unknown_attributes)
            extras = (((stun_attributes.UNKNOWN_ATTRIBUTES, unknown),),)
        elif refusal.code in (UNAUTHENTICATED, STALE_NONCE):
            extras = tuple(
                self.authenticator.challenge(client, now, rich) for rich in (True, False)
            )
        for extra in extras:
            for reason, fingerprint in ((None, True), ("", True), ("", False)):
                code = stun_attributes.encodeErrorCode(refusal.code, reason)
                yield ((stun_attributes.ERROR_CODE, code), *extra), fingerprint

    def _count(self, request: StunMessage, outcome: Outcome) -> None:
        counters = self.counters
        if outcome.wanted is not None:
            return
        if outcome.dropped is not None:
            counters.dropped[outcome.dropped] += 1
            unproven = outcome.dropped in (DropReason.RATE_LIMITED, DropReason.AMPLIFICATION)
            counters.unauthenticated += int(unproven)
        elif outcome.code:
            counters.refused[outcome.code] = counters.refused.get(outcome.code, 0) + 1
            counters.unauthenticated += int(not outcome.authenticated)
        else:
            name = METHOD_NAMES[request.method]
            counters.requests[name] = counters.requests.get(name, 0) + 1


def _grant(request: StunMessage, sender: Sender, granted: Granted) -> Outcome:
    success = StunMessage(
        request.method, MessageClass.SUCCESS, request.transaction_id, granted.attributes
    )
    answer = stun.encode(success, sender.key, integrity=sender.integrity)
    return Outcome(answer, authenticated=True, effects=granted.effects)
