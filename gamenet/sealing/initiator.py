"""
The side of a handshake that asks: a process that has returned, and one other player.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
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
    encodeHandshakePacket,
)

__all__ = ["Initiator"]


class Initiator:
    """
    Says hello until there is a link.

    Hellos go to every address where the player may be; each challenge that comes is
    answered to where it came from.  Nothing of a challenge is kept: what gets lost is made
    up for by the next hello.
    """

    def __init__(
        self,
        ourselves: Ourselves,
        peer: KnownPeer,
        nonce: bytes,
        settings: SealingSettings,
        now: float,
    ) -> None:
        """
        @param ourselves: Our process.
        @param peer: The other player.
        @param nonce: 16 unpredictable bytes.
        @param settings: The limits.
        @param now: Monotonic seconds; the first hello is due at once.
        """
        self._ourselves = ourselves
        self._peer = peer
        self._nonce = nonce
        self._settings = settings
        self._interval = settings.first_retry
        self._due = now
        self._answers_left = 0

    @property
    def finished(self) -> bool:
        """Whether there is a link, by this handshake or by the other player's own."""
        return self._peer.link is not None

    def nextDue(self) -> float | None:
        """Return when a hello is due, C{None} where none will be."""
        return None if self.finished else self._due

    def helloDue(self, now: float) -> bytes | None:
        """Return the hello to send to all addresses, C{None} where none is due."""
        if self.finished or now < self._due:
            return None
        self._due = now + self._interval
        self._interval = min(2 * self._interval, self._settings.longest_retry)
        self._answers_left = self._settings.answers_per_hello
        ourselves = self._ourselves
        return encodeHandshakePacket(
            Hello(ourselves.match_id, ourselves.player, self._peer.player, self._claim())
        )

    def challengeReceived(self, challenge: Challenge) -> bytes:
        """
        Return the proof to send back.

        @raise HandshakeRefused: We asked for no challenge, or it leaves no generation.
        """
        self._requireAsked(challenge.nonce)
        known = challenge.known_generation
        generation = max(
            self._peer.own_generation, known if challenge.known_is_yours else known + 1
        )
        if generation > GENERATION_LAST:
            raise HandshakeRefused(HandshakeFault.USED_UP)
        proof = Proof(
            self._ourselves.match_id,
            self._ourselves.player,
            self._peer.player,
            self._claim(),
            challenge.cookie,
            known,
            generation,
            bytes(SIGNATURE_BYTES),
        )
        signature = self._ourselves.keys.sign(proofStatement(proof))
        return encodeHandshakePacket(attrs.evolve(proof, signature=signature))

    def welcomeReceived(self, welcome: Welcome) -> SealedLink:
        """
        Return the link.

        @raise HandshakeRefused: The player did not sign it, not for us, or not lately; nothing
            has changed.
        """
        self._requireAsked(welcome.nonce)
        peer, own_generation = self._peer, welcome.initiator_generation
        same = welcome.generation == peer.generation and welcome.link_key == peer.link_key
        if (welcome.generation <= peer.generation and not same) or (
            own_generation < peer.own_generation
        ):
            raise HandshakeRefused(HandshakeFault.OLD_GENERATION)
        signed = welcomeStatement(welcome, self._ourselves.keys.link_key)
        if not isSigned(peer.statement_key, signed, welcome.signature):
            raise HandshakeRefused(HandshakeFault.BAD_SIGNATURE)
        if peer.wasLinkedAs(welcome.link_key, welcome.generation, own_generation):
            raise HandshakeRefused(HandshakeFault.OLD_GENERATION)
        try:
            return peer.connect(
                self._ourselves, welcome.link_key, welcome.generation, own_generation
            )
        except RemoteProtocolError as error:
            raise HandshakeRefused(HandshakeFault.POOR_KEY) from error

    def _claim(self) -> Claim:
        peer = self._peer
        return Claim(self._ourselves.keys.link_key, self._nonce, peer.generation, peer.link_key)

    def _requireAsked(self, nonce: bytes) -> None:
        """Raise for an answer that we are not waiting for; take one from those we look at."""
        if self.finished or nonce != self._nonce or self._answers_left <= 0:
            raise HandshakeRefused(HandshakeFault.UNASKED)
        self._answers_left -= 1
