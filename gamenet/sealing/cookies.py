"""
Cookies: how a responder knows an address to be true without remembering who asked.

A cookie is BLAKE2b (RFC 7693), keyed with a secret of the responder alone, over all that
it was asked and all that it answered.  Only who receives at the address can send it back.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from math import floor

from gamenet.interfaces import Address
from gamenet.wire.handshake_packets import COOKIE_BYTES

__all__ = ["COOKIE_SEED_BYTES", "Cookies"]

#: How many random bytes the secret of a responder's cookies is.
COOKIE_SEED_BYTES = 32

_PERSON = b"gamenet cookie"


class Cookies:
    """
    Bakes cookies and knows its own; keeps nothing of either.

    Time is cut into periods, each with a key of its own; cookies of this period and of
    the one before are good.
    """

    __slots__ = ("_lifetime", "_seed")

    def __init__(self, seed: bytes, lifetime: float) -> None:
        """
        @param seed: L{COOKIE_SEED_BYTES} unpredictable bytes, never used for anything else.
        @param lifetime: The length of a period in seconds.
        @raise ValueError: The seed has another size.
        """
        if len(seed) != COOKIE_SEED_BYTES:
            raise ValueError(f"cookies are made from {COOKIE_SEED_BYTES} bytes, not {len(seed)}")
        self._seed = seed
        self._lifetime = lifetime

    def bake(self, source: Address, statement: bytes, now: float) -> bytes:
        """
        Return the cookie for whoever receives at an address.

        @param source: Where the question came from.
        @param statement: All that was asked and answered.
        @param now: Monotonic seconds.
        """
        return self._cookie(source, statement, floor(now / self._lifetime))

    def isGood(self, cookie: bytes, source: Address, statement: bytes, now: float) -> bool:
        """Return whether L{bake} gave this cookie for the same, in this period or the last."""
        period = floor(now / self._lifetime)
        current = compare_digest(cookie, self._cookie(source, statement, period))
        return current or compare_digest(cookie, self._cookie(source, statement, period - 1))

    def _cookie(self, source: Address, statement: bytes, period: int) -> bytes:
        host, port = source
        address = host.encode()
        key = blake2b(period.to_bytes(16, "big", signed=True), key=self._seed, person=_PERSON)
        cookie = blake2b(
            len(address).to_bytes(2, "big"),
            digest_size=COOKIE_BYTES,
            key=key.digest(),
            person=_PERSON,
        )
        cookie.update(address + port.to_bytes(2, "big") + statement)
        return cookie.digest()
