"""
What a relay answers to a request (RFC 8489, sections 6.3 and 9.2.4): who asks
is settled first, then whether all of it is understood, and only then what is
asked, which is L{gamenet.relay.methods}' business.

Pure but for the tables it keeps.  One thing it cannot do itself, opening a
port: an Allocate that needs one comes back as L{WantedPorts}, and
L{RequestDesk.allocate} goes on when the ports are there.
"""

from __future__ import annotations

from attrs import field, frozen

from gamenet.errors import MalformedMessage
from gamenet.interfaces import Address
from gamenet.relay.allocation import AllocationEnded
from gamenet.relay.answer_budget import AnswerBudget
from gamenet.relay.authentication import Authenticator, Credential, Refusal
from gamenet.relay.counters import DropReason
from gamenet.relay.methods import TURN_METHODS, Asked, Attributes, TurnMethods, WantedPorts
from gamenet.relay.reservation import RelayedPort
from gamenet.wire import stun, stun_attributes, turn
from gamenet.wire.stun import BINDING, MessageClass, StunMessage
from gamenet.wire.stun_attributes import (
    BAD_REQUEST,
    STALE_NONCE,
    UNAUTHENTICATED,
    UNKNOWN_ATTRIBUTE,
)

__all__ = [
    "AMPLIFICATION_LIMIT",
    "UNDERSTOOD_ATTRIBUTES",
    "Outcome",
    "RequestDesk",
]

#: A refusal to somebody who proved nothing is at most this many times as long as the request.
AMPLIFICATION_LIMIT = 4

#: The comprehension-required attributes that are understood.
UNDERSTOOD_ATTRIBUTES = frozenset(
    [
        stun_attributes.USERNAME,
        stun_attributes.ERROR_CODE,
        stun_attributes.UNKNOWN_ATTRIBUTES,
        stun_attributes.REALM,
        stun_attributes.NONCE,
        stun_attributes.XOR_MAPPED_ADDRESS,
        turn.CHANNEL_NUMBER,
        turn.LIFETIME,
        turn.XOR_PEER_ADDRESS,
        turn.DATA,
        turn.XOR_RELAYED_ADDRESS,
        turn.REQUESTED_ADDRESS_FAMILY,
        turn.EVEN_PORT,
        turn.REQUESTED_TRANSPORT,
        turn.DONT_FRAGMENT,
        turn.RESERVATION_TOKEN,
    ]
)


@frozen
class Outcome:
    """
    What became of a request.

    @ivar answer: The datagram for the client, C{None} for silence.
    @ivar code: The error code that C{answer} refuses with, 0 for none.
    @ivar authenticated: Whether the sender proved who they are.
    @ivar dropped: Why there is no answer.
    @ivar wanted: What to open before there is one.
    @ivar ended: The allocation that ended, C{None} for none.
    """

    answer: bytes | None = field(default=None, repr=False)
    code: int = 0
    authenticated: bool = False
    dropped: DropReason | None = None
    wanted: WantedPorts | None = None
    ended: AllocationEnded | None = None


@frozen
class RequestDesk:
    """
    Answers the requests of one relay.

    @ivar authenticator: Tells who sent a request.
    @ivar methods: Decides what is asked.
    @ivar budget: Who still gets a refusal.
    """

    authenticator: Authenticator
    methods: TurnMethods
    budget: AnswerBudget

    def answer(
        self, request: StunMessage, size: int, client: Address, now: float, wall_now: float
    ) -> Outcome:
        """
        Answer one message.  The tables have been swept at C{now}.

        @param request: What came.
        @param size: Its bytes.
        @param client: Where it came from.
        @param now: Seconds, monotonic.
        @param wall_now: Seconds since 1970.
        """
        if request.message_class is not MessageClass.REQUEST:
            return Outcome(dropped=DropReason.NOT_A_REQUEST)
        if request.method == BINDING:
            return self._answerBinding(request, size, client, now)
        if request.method not in TURN_METHODS:
            return Outcome(dropped=DropReason.UNKNOWN_METHOD)
        allocation = self.methods.table.find(client, now)
        known = None if allocation is None else allocation.credential
        sender = self.authenticator.check(request, client, now, wall_now, known)
        if isinstance(sender, Refusal):
            return self._refuse(request, size, client, sender, now)
        unknown = request.unknownAttributes(UNDERSTOOD_ATTRIBUTES)
        if unknown:
            refusal = Refusal(UNKNOWN_ATTRIBUTE, sender.key, unknown)
            return self._refuse(request, size, client, refusal, now)
        try:
            decision = self.methods.decide(Asked(request, client, sender, allocation, now))
        except MalformedMessage:
            decision = BAD_REQUEST
        if isinstance(decision, WantedPorts):
            return Outcome(authenticated=True, wanted=decision)
        if isinstance(decision, AllocationEnded):
            gone = ((turn.LIFETIME, turn.encodeLifetime(0)),)
            return _grant(request, sender, gone, decision)
        if isinstance(decision, int):
            return self._refuse(request, size, client, Refusal(decision, sender.key), now)
        return _grant(request, sender, decision)

    def allocate(
        self, wanted: WantedPorts, ports: tuple[RelayedPort, ...], token: bytes, now: float
    ) -> Outcome:
        """
        Go on with an Allocate, in the same instant.

        @param wanted: What L{answer} returned.
        @param ports: The open ports: one, or two for a pair, or none where
            they could not be opened.
        @param token: 8 unpredictable bytes, used for a pair.
        @param now: Seconds, monotonic.
        """
        asked = wanted.asked
        decision = self.methods.allocate(wanted, ports, token, now)
        if isinstance(decision, int):
            refusal = Refusal(decision, asked.sender.key)
            return self._refuse(asked.request, 0, asked.client, refusal, now)
        return _grant(asked.request, asked.sender, decision)

    def _answerBinding(
        self, request: StunMessage, size: int, client: Address, now: float
    ) -> Outcome:
        unknown = request.unknownAttributes(UNDERSTOOD_ATTRIBUTES)
        if unknown:
            refusal = Refusal(UNKNOWN_ATTRIBUTE, None, unknown)
            return self._refuse(request, size, client, refusal, now)
        return Outcome(stun.encodeBindingSuccess(request.transaction_id, client))

    def _refuse(
        self, request: StunMessage, size: int, client: Address, refusal: Refusal, now: float
    ) -> Outcome:
        # A right signature with a stale nonce may be a copy, sent from a forged address.
        proven = refusal.key is not None and refusal.code != STALE_NONCE
        if not proven and not self.budget.take(client[0], now):
            return Outcome(dropped=DropReason.RATE_LIMITED)
        extra: Attributes = ()
        if refusal.unknown_attributes:
            unknown = stun_attributes.encodeUnknownAttributes(refusal.unknown_attributes)
            extra = ((stun_attributes.UNKNOWN_ATTRIBUTES, unknown),)
        if refusal.code in (UNAUTHENTICATED, STALE_NONCE):
            nonce = self.authenticator.nonces.issue(client, now)
            realm = self.authenticator.realm.encode()
            extra = ((stun_attributes.REALM, realm), (stun_attributes.NONCE, nonce))
        for reason, fingerprint in ((None, True), ("", True), ("", False)):
            code = stun_attributes.encodeErrorCode(refusal.code, reason)
            message = StunMessage(
                request.method,
                MessageClass.ERROR,
                request.transaction_id,
                ((stun_attributes.ERROR_CODE, code), *extra),
            )
            answer = stun.encode(message, refusal.key, fingerprint)
            if proven or len(answer) <= AMPLIFICATION_LIMIT * size:
                known = refusal.key is not None
                return Outcome(answer, refusal.code, authenticated=known)
        return Outcome(dropped=DropReason.AMPLIFICATION)


def _grant(
    request: StunMessage,
    sender: Credential,
    attributes: Attributes,
    ended: AllocationEnded | None = None,
) -> Outcome:
    success = StunMessage(
        request.method, MessageClass.SUCCESS, request.transaction_id, attributes
    )
    return Outcome(stun.encode(success, sender.key), authenticated=True, ended=ended)
