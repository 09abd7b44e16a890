"""
The side of a handshake that is asked: it knows the match, somebody says to be back.

Before the address is proven by a cookie a packet costs one hash and leaves nothing behind;
before a signature is right no key is computed.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.interfaces import Address
from gamenet.sealing.cookies import Cookies
from gamenet.sealing.known_peer import HandshakeFault, HandshakeRefused, KnownPeer, Ourselves
from gamenet.sealing.player_keys import isSigned
from gamenet.sealing.sealed_link import SealedLink
from gamenet.sealing.settings import SealingSettings
from gamenet.sealing.transcript import proofStatement, welcomeStatement
from gamenet.wire.handshake_packets import (
    GENERATION_LAST,
    SIGNATURE_BYTES,
    Challenge,
    Claim,
    Hello,
    Proof,
    Welcome,
    claimBytes,
    encodeHandshakePacket,
)

__all__ = ["Responder"]


@attrs.frozen
class _Accepted:
    """The newest proof that was accepted of a player, and what it was answered."""

    proof: Proof
    source: Address
    welcome: bytes


class Responder:
    """
    Answers the hellos and proofs of returning players.

    @ivar signatures_checked: How many signatures were checked.
    """

    def __init__(self, ourselves: Ourselves, cookie_seed: bytes, settings: SealingSettings) -> None:
        """
        @param ourselves: Our process.
        @param cookie_seed: L{gamenet.sealing.cookies.COOKIE_SEED_BYTES} unpredictable bytes.
        @param settings: The limits.
        """
        self._ourselves = ourselves
        self._cookies = Cookies(cookie_seed, settings.cookie_lifetime)
        self._settings = settings
        self._proofs_left = float(settings.proofs_burst)
        self._counted_at: float | None = None
        self._accepted: dict[int, _Accepted] = {}
        self.signatures_checked = 0

    def forget(self, player: int) -> None:
        """Forget what a player's last proof was answered."""
        self._accepted.pop(player, None)

    def helloReceived(self, peer: KnownPeer, hello: Hello, source: Address, now: float) -> bytes:
        """
        Return the challenge to send back; nothing is kept.

        @param peer: Who it says to be.
        @param source: Where it came from.
        @param now: Monotonic seconds.
        @raise HandshakeRefused: We have no generation left that the initiator would believe.
        """
        own_generation = self._ownGeneration(peer, hello.claim)
        statement = _cookieStatement(peer, hello.claim, own_generation)
        return encodeHandshakePacket(
            Challenge(
                self._ourselves.match_id,
                self._ourselves.player,
                peer.player,
                hello.claim.nonce,
                self._cookies.bake(source, statement, now),
                peer.generation,
                hello.claim.link_key == peer.link_key,
            )
        )

    def proofReceived(
        self, peer: KnownPeer, proof: Proof, source: Address, now: float
    ) -> tuple[bytes, SealedLink | None]:
        """
        Return the welcome to send back, and the new link, where there is one.

        A proof that was accepted before is answered as before; the link stays what it is.

        @param peer: Who it says to be.
        @param source: Where it came from.
        @param now: Monotonic seconds.
        @raise HandshakeRefused: The proof proves nothing; nothing has changed.
        """
        accepted = self._accepted.get(peer.player)
        if accepted is not None and (accepted.proof, accepted.source) == (proof, source):
            return accepted.welcome, None
        claim, generation = proof.claim, proof.generation
        own_generation = self._ownGeneration(peer, claim)
        statement = _cookieStatement(peer, claim, own_generation)
        good = self._cookies.isGood(proof.cookie, source, statement, now)
        if not good or proof.known_generation != peer.generation:
            raise HandshakeRefused(HandshakeFault.BAD_COOKIE)
        same = generation == peer.generation and claim.link_key == peer.link_key
        if generation <= peer.generation and not same:
            raise HandshakeRefused(HandshakeFault.OLD_GENERATION)
        self._spend(now)
        self.signatures_checked += 1
        if not isSigned(peer.statement_key, proofStatement(proof), proof.signature):
            raise HandshakeRefused(HandshakeFault.BAD_SIGNATURE)
        link = None
        if not peer.wasLinkedAs(claim.link_key, generation, own_generation):
            link = self._connect(peer, claim, generation, own_generation)
        elif peer.link is None:
            raise HandshakeRefused(HandshakeFault.OLD_GENERATION)
        welcome = self._welcome(proof, own_generation)
        self._accepted[peer.player] = _Accepted(proof, source, welcome)
        return welcome, link

    def _ownGeneration(self, peer: KnownPeer, claim: Claim) -> int:
        """Return our generation: one that is news to who knows an earlier process of ours."""
        known = claim.known_generation
        if claim.known_key == self._ourselves.keys.link_key or known < peer.own_generation:
            return peer.own_generation
        if known >= GENERATION_LAST:
            raise HandshakeRefused(HandshakeFault.USED_UP)
        return known + 1

    def _spend(self, now: float) -> None:
        """Take one from the signatures that may be checked."""
        settings = self._settings
        if self._counted_at is not None:
            returned = (now - self._counted_at) * settings.proofs_per_second
            self._proofs_left = min(settings.proofs_burst, self._proofs_left + returned)
        self._counted_at = now
        if self._proofs_left < 1:
            raise HandshakeRefused(HandshakeFault.TOO_MANY)
        self._proofs_left -= 1

    def _connect(
        self, peer: KnownPeer, claim: Claim, generation: int, own_generation: int
    ) -> SealedLink:
        try:
            return peer.connect(self._ourselves, claim.link_key, generation, own_generation)
        except RemoteProtocolError as error:
            raise HandshakeRefused(HandshakeFault.POOR_KEY) from error

    def _welcome(self, proof: Proof, own_generation: int) -> bytes:
        welcome = Welcome(
            self._ourselves.match_id,
            self._ourselves.player,
            proof.sender,
            proof.claim.nonce,
            self._ourselves.keys.link_key,
            own_generation,
            proof.generation,
            bytes(SIGNATURE_BYTES),
        )
        signed = welcomeStatement(welcome, proof.claim.link_key)
        signature = self._ourselves.keys.sign(signed)
        return encodeHandshakePacket(attrs.evolve(welcome, signature=signature))


def _cookieStatement(peer: KnownPeer, claim: Claim, own_generation: int) -> bytes:
    """
    Return what a cookie is made for: the question, and our answer to it.

    So a challenge that somebody altered leads to no proof that is accepted.
    """
    return (
        bytes([peer.player])
        + claimBytes(claim)
        + peer.link_key
        + peer.generation.to_bytes(2, "big")
        + own_generation.to_bytes(2, "big")
    )
