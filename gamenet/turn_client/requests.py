"""
Requests of a client, signed as the relay wants it and asked again where it says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from attrs import define
from twisted.internet.defer import Deferred

from gamenet.errors import MalformedMessage, RelayRefused
from gamenet.interfaces import IMachine
from gamenet.turn_client.alternate_servers import TRY_ALTERNATE, readAlternate
from gamenet.turn_client.credential import (
    Attributes,
    ClientCredential,
    errorOf,
    isBelievable,
)
from gamenet.turn_client.transactions import Transactions
from gamenet.wire.stun import MessageClass, StunMessage
from gamenet.wire.stun_attributes import REALM, STALE_NONCE, UNAUTHENTICATED
from gamenet.wire.turn import LIFETIME, UNDERSTOOD_ATTRIBUTES, decodeLifetime

__all__ = ["CHALLENGES_LIMIT", "Ask", "RelayRequests", "RequestAttributes", "readLifetime"]

#: Most challenges that one request follows after the first.
CHALLENGES_LIMIT = 3

#: Makes the attributes of a request for its transaction id.
RequestAttributes: TypeAlias = Callable[[bytes], Attributes]

#: Asks the relay: a method, and what makes its attributes.
Ask: TypeAlias = Callable[[int, RequestAttributes], Deferred[StunMessage]]


@define(eq=False)
class RelayRequests:
    """
    What one client asks one relay.

    @ivar machine: Gives the transaction ids.
    @ivar transactions: Sends each request until it is answered.
    @ivar credential: Signs them.
    """

    machine: IMachine
    transactions: Transactions
    credential: ClientCredential

    def ask(self, method: int, attributes: RequestAttributes) -> Deferred[StunMessage]:
        """
        Ask something; 401 and 438 are answered with what they want.

        @return: Fires with the success.  Fails with L{RelayRefused}, for 300 with
            L{gamenet.turn_client.alternate_servers.TryAlternate}; with L{MalformedMessage}
            where an answer makes no sense, or has attributes that must be understood and
            are not.
        """
        return Deferred.fromCoroutine(self.request(method, attributes))

    async def request(self, method: int, attributes: RequestAttributes) -> StunMessage:
        """Do as L{ask} says."""
        challenges = 0
        while True:
            signing = self.credential.signing
            transaction_id = self.machine.randomBytes(12)
            answer = await self.transactions.request(
                transaction_id,
                method,
                self.credential.sign(method, transaction_id, attributes(transaction_id)),
                partial(isBelievable, signing),
            )
            # Sections 6.3.3 and 6.3.4: the transaction has failed then.
            unknown = answer.unknownAttributes(UNDERSTOOD_ATTRIBUTES)
            if unknown:
                raise MalformedMessage(f"an answer with attributes that nobody knows: {unknown}")
            if answer.message_class is MessageClass.SUCCESS:
                return answer
            error = errorOf(answer)
            if error.code == TRY_ALTERNATE:
                raise readAlternate(answer, error.reason)
            # A second 401 for the realm that we signed for means the password.
            welcome = error.code == UNAUTHENTICATED and (
                signing is None or answer.first(REALM) not in (signing.realm, None)
            )
            if signing is not None:
                challenges += 1
            if not (welcome or error.code == STALE_NONCE) or challenges > CHALLENGES_LIMIT:
                raise RelayRefused(error.code, error.reason)
            self.credential.takeChallenge(answer)


def readLifetime(answer: StunMessage) -> int:
    """
    Return how long an allocation lives, as a success tells, in seconds.

    @raise MalformedMessage: It does not tell, or none at all is left.
    """
    value = answer.first(LIFETIME)
    lifetime = 0 if value is None else decodeLifetime(value)
    if not lifetime:
        raise MalformedMessage("a success without a lifetime")
    return lifetime
