"""
All handshakes of one process in one match: how players that return come to a new link.

A process that has lost its memory keeps the private half of its statement key, which the
match ticket told everybody, and makes itself a new link key.  With them it comes back to
each of the other players, without a lobby::

    returned                                                     any other player
        HELLO      new link key, nonce                     ->
                   cookie, newest generation known         <-    CHALLENGE
        PROOF      cookie, higher generation, signature    ->
                   link key, generation, signature         <-    WELCOME

The other one may have returned itself, at the same time too: both then make the same link
of the same keys and generations, whichever handshake gets there first.  Both sides hold
what they know in a L{gamenet.sealing.known_peer.KnownPeer}.

A proof may come late, from a process that has crashed since.  So a link that a handshake
made is confirmed by the first datagram that opens on it, and where none does in time, the
process asks for another.  Whoever has a new link therefore has to send on it soon.
"""

from __future__ import annotations

from hashlib import blake2b

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.interfaces import Address
from gamenet.sealing.initiator import Initiator
from gamenet.sealing.known_peer import HandshakeFault, HandshakeRefused, KnownPeer, Ourselves
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.responder import Responder
from gamenet.sealing.sealed_link import SealedLink
from gamenet.sealing.settings import SealingSettings
from gamenet.wire.handshake_packets import (
    GENERATION_LAST,
    HANDSHAKE_NONCE_BYTES,
    Challenge,
    HandshakePacket,
    Hello,
    Proof,
    decodeHandshakePacket,
)

__all__ = ["REMOVED_LIMIT", "HandshakeReply", "Handshakes"]

#: The most players that may have come and gone in one match.
REMOVED_LIMIT = 4096


@attrs.frozen
class HandshakeReply:
    """
    What to do about a packet of a handshake.

    @ivar player: Whom it came from.
    @ivar packet: What to send back to where it came from, never longer than it was;
        empty for nothing.
    @ivar link: The new link with that player, in place of any before; C{None} where the
        packet made none.
    @ivar new_process: Whether the link is with a process of the player's that we did not
        know; if not, only the keys are new.
    """

    player: int
    packet: bytes = b""
    link: SealedLink | None = None
    new_process: bool = False


class Handshakes:
    """
    One process's part in all handshakes of a match.

    @ivar peers: The other players, by number.
    @ivar faults: How many packets were dropped for each reason.
    @ivar hellos_answered: How many hellos were answered.
    @ivar links_made: How many links came of handshakes.
    """

    def __init__(
        self,
        keys: PlayerKeys,
        player: int,
        match_id: bytes,
        cookie_seed: bytes,
        settings: SealingSettings | None = None,
    ) -> None:
        """
        @param keys: Our keys.  In a process that has returned, the link key is new.
        @param player: Our player number.
        @param match_id: The match's id, 16 bytes.
        @param cookie_seed: L{gamenet.sealing.cookies.COOKIE_SEED_BYTES} unpredictable bytes.
        @param settings: The limits.
        """
        self._settings = settings or SealingSettings()
        self._ourselves = Ourselves(keys, player, match_id, self._settings.renewal_packets)
        self._responder = Responder(self._ourselves, cookie_seed, self._settings)
        self._initiators: dict[int, Initiator] = {}
        self._unconfirmed: dict[int, float] = {}
        self._absent: dict[tuple[int, bytes], KnownPeer] = {}
        self._nonce_seed = cookie_seed
        self._nonces = 0
        self.peers: dict[int, KnownPeer] = {}
        self.faults: dict[HandshakeFault, int] = dict.fromkeys(HandshakeFault, 0)
        self.hellos_answered = 0
        self.links_made = 0

    @property
    def signatures_checked(self) -> int:
        """How many signatures of returning players were checked."""
        return self._responder.signatures_checked

    def addPeer(
        self,
        player: int,
        statement_key: bytes,
        link_key: bytes,
        generation: int = 0,
        own_generation: int = 0,
    ) -> KnownPeer:
        """
        Know another player from now on; at most 254.

        @param player: Its number.
        @param statement_key: Its Ed25519 public key, as the ticket says.
        @param link_key: Its newest link key that we know; at first the ticket's.
        @param generation: The generation of that key; the ticket's is 0.
        @param own_generation: The least that ours can be: in a process that has returned,
            one more than that of the last one, as far as is known.
        @return: What is known of it.  A player that was removed is known as it was, with
            what is newer; by another statement key it is somebody else.
        @raise LocalProtocolError: It is ourselves, is known, or a number is out of bounds;
            or L{REMOVED_LIMIT} others were removed for good.
        """
        if player in self.peers or player == self._ourselves.player or not 1 <= player <= 255:
            raise LocalProtocolError(f"player {player} cannot be added")
        if not 0 <= generation <= GENERATION_LAST or not 0 <= own_generation <= GENERATION_LAST:
            raise LocalProtocolError(f"a generation is 0 to {GENERATION_LAST}")
        if len(self._absent) >= REMOVED_LIMIT:
            raise LocalProtocolError(f"{REMOVED_LIMIT} players have come and gone")
        former = self._absent.pop((player, statement_key), None)
        if former is None:
            former = KnownPeer(player, statement_key, link_key, generation, own_generation)
        elif generation >= former.generation:
            former.link_key, former.generation = link_key, generation
        former.own_generation = max(former.own_generation, own_generation)
        self.peers[player] = former
        return former

    def removePeer(self, player: int) -> None:
        """
        Answer a player no more.

        What its last link was made of is kept, so that this link is never made again.
        """
        peer = self.peers.pop(player, None)
        if peer is not None:
            self.stop(player)
            self._responder.forget(player)
            peer.link = None
            self._absent[player, peer.statement_key] = peer

    def connect(self, player: int) -> SealedLink:
        """
        Make the link with a player of just the keys that are known, without a handshake.

        This is how a match begins, where both are in their first process.

        @raise RemoteProtocolError: Their key is not usable.
        @raise LocalProtocolError: The player is unknown, or this link was made before.
        """
        peer = self._peer(player)
        return peer.connect(self._ourselves, peer.link_key, peer.generation, peer.own_generation)

    def begin(self, player: int, nonce: bytes, now: float) -> None:
        """
        Say hello to a player until there is a link.

        Where our process had one, it makes itself a new generation; the old link is good
        until the other player has taken the new one.

        @param nonce: 16 unpredictable bytes.
        @param now: Monotonic seconds.
        @raise LocalProtocolError: The player is unknown, or there is no further generation.
        """
        peer = self._peer(player)
        if len(nonce) != HANDSHAKE_NONCE_BYTES:
            raise LocalProtocolError(f"a nonce is {HANDSHAKE_NONCE_BYTES} bytes")
        self._unconfirmed.pop(player, None)
        if peer.was_linked:
            if peer.own_generation >= GENERATION_LAST:
                raise LocalProtocolError("there is no further generation")
            peer.own_generation += 1
            peer.link = None
            self._responder.forget(player)
        self._initiators[player] = Initiator(self._ourselves, peer, nonce, self._settings, now)

    def stop(self, player: int) -> None:
        """Say no more hellos to a player; its own are answered as ever."""
        self._initiators.pop(player, None)
        self._unconfirmed.pop(player, None)

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        """Return players, and the packet to send to every address where each may be."""
        for player, deadline in list(self._unconfirmed.items()):
            if self._isConfirmed(player):
                del self._unconfirmed[player]
            elif now >= deadline:
                del self._unconfirmed[player]
                self._beginAnew(player, now)
        due = []
        for player, initiator in self._initiators.items():
            hello = initiator.helloDue(now)
            if hello is not None:
                due.append((player, hello))
        return tuple(due)

    def nextDue(self) -> float | None:
        """Return when to ask L{packetsDue} again, C{None} where that need not be."""
        times = [initiator.nextDue() for initiator in self._initiators.values()]
        times += [
            deadline
            for player, deadline in self._unconfirmed.items()
            if not self._isConfirmed(player)
        ]
        return min((time for time in times if time is not None), default=None)

    def packetReceived(self, data: bytes, source: Address, now: float) -> HandshakeReply:
        """
        Take a datagram that begins with 0xC5.

        @param source: Where it came from; the answer goes there.
        @param now: Monotonic seconds.
        @raise HandshakeRefused: It was dropped; nothing has changed but the count.
        """
        try:
            return self._take(data, source, now)
        except HandshakeRefused as error:
            self.faults[error.fault] += 1
            raise

    def _take(self, data: bytes, source: Address, now: float) -> HandshakeReply:
        try:
            packet: HandshakePacket = decodeHandshakePacket(data)
        except MalformedMessage as error:
            raise HandshakeRefused(HandshakeFault.MALFORMED) from error
        ourselves = self._ourselves
        if packet.match_id != ourselves.match_id:
            raise HandshakeRefused(HandshakeFault.OTHER_MATCH)
        player = packet.sender
        peer = self.peers.get(player)
        if packet.receiver != ourselves.player or peer is None:
            raise HandshakeRefused(HandshakeFault.OTHER_PLAYER)
        if isinstance(packet, Hello):
            challenge = self._responder.helloReceived(peer, packet, source, now)
            self.hellos_answered += 1
            return HandshakeReply(player, challenge)
        known_key = peer.link_key
        if isinstance(packet, Proof):
            welcome, link = self._responder.proofReceived(peer, packet, source, now)
            return self._told(peer, HandshakeReply(player, welcome, link), known_key, now)
        initiator = self._initiators.get(player)
        if initiator is None:
            raise HandshakeRefused(HandshakeFault.UNASKED)
        if isinstance(packet, Challenge):
            return HandshakeReply(player, initiator.challengeReceived(packet))
        reply = HandshakeReply(player, link=initiator.welcomeReceived(packet))
        return self._told(peer, reply, known_key, now)

    def _told(
        self, peer: KnownPeer, reply: HandshakeReply, known_key: bytes, now: float
    ) -> HandshakeReply:
        """Count a link, and end our own part where the other player's handshake made it."""
        if reply.link is None:
            return reply
        self.links_made += 1
        self._initiators.pop(peer.player, None)
        self._unconfirmed[peer.player] = now + self._settings.confirmed_within
        return attrs.evolve(reply, new_process=peer.link_key != known_key)

    def _isConfirmed(self, player: int) -> bool:
        """Return whether the newest link with a player has brought anything."""
        link = self.peers[player].link
        return link is None or link.highest >= 0

    def _beginAnew(self, player: int, now: float) -> None:
        """Ask for another link in place of one that brings nothing."""
        if self.peers[player].own_generation < GENERATION_LAST:
            self._nonces += 1
            nonce = blake2b(
                self._nonces.to_bytes(8, "big"),
                digest_size=HANDSHAKE_NONCE_BYTES,
                key=self._nonce_seed,
                person=b"gamenet nonce",
            )
            self.begin(player, nonce.digest(), now)

    def _peer(self, player: int) -> KnownPeer:
        peer = self.peers.get(player)
        if peer is None:
            raise LocalProtocolError(f"player {player} is not known")
        return peer
