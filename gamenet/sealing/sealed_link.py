"""
Sealing: what makes a datagram between two players unreadable and unforgeable
to everybody else.

A sealed datagram is C{0xC4} or C{0xC6}, an 8-byte link id, an 8-byte counter and the
ChaCha20-Poly1305 ciphertext (RFC 8439) of the packet; the 17 bytes in front are
authenticated with it.  Each direction has keys and an id of its own
(L{gamenet.sealing.link_keys}).  A receiver finds the link by the id alone, so a packet may
come from any address; it accepts each counter once, within a window.

The keys are renewed in epochs, the lowest bit of which is told by the first byte, as
QUIC does it (RFC 9001, section 6).  The player with the lower number begins an epoch,
when the other has answered in the one before; the other follows in both directions
with the first datagram that opens.  So neither can be more than one epoch ahead, and every
datagram has one key that it may open under: where the first byte is not the current
epoch's, the next epoch's if the counter is above all that came, and the former one's if
not.  Counters run on through all epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.sealing.link_keys import (
    LINK_ID_BYTES,
    DirectionKeys,
    LinkEnd,
    deriveDirection,
    nextEpoch,
)
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.replay_window import REPLAY_WINDOW, ReplayWindow
from gamenet.wire.demultiplexing import SEALED_FIRST_BYTES

__all__ = [
    "COUNTER_LIMIT",
    "LINK_ID_BYTES",
    "OVERHEAD",
    "RENEWAL_PACKETS",
    "REPLAY_WINDOW",
    "ReplayWindow",
    "SealedLink",
    "linkIdOf",
]

#: Counters stay below this.
COUNTER_LIMIT = 1 << 63

#: After so many of our packets under the same key an epoch is begun unasked.
RENEWAL_PACKETS = 1 << 20

#: Of the nonce, the ciphertext and the associated data.
_Decrypt: TypeAlias = Callable[[bytes, bytes, bytes], bytes]

_HEADER = Struct(">B8sQ")
_HEADER_BYTES = _HEADER.size
_TAG_BYTES = 16

#: How many bytes sealing adds to a packet.
OVERHEAD = _HEADER_BYTES + _TAG_BYTES


def linkIdOf(datagram: bytes) -> bytes:
    """Return the link id in a datagram's header; empty where it is too short for one."""
    return datagram[1:9] if len(datagram) >= OVERHEAD else b""


class SealedLink:
    """
    One player's end of the sealed link to one other player.

    Not thread-safe.  One must be made only once of the same keys and generations: a second
    would begin with the same counters.

    @ivar outgoing_id: The link id of the datagrams we send.
    @ivar incoming_id: The link id of the datagrams they send.
    @ivar epoch: How often the keys that we seal with were renewed.
    @ivar sealed: How many datagrams were sealed.
    @ivar opened: How many were opened.
    @ivar rejected: How many were refused.
    """

    __slots__ = (
        "_begins",
        "_counter",
        "_decrypt",
        "_decrypt_former",
        "_decrypt_next",
        "_encrypt",
        "_forget_at",
        "_incoming_chain",
        "_incoming_epoch",
        "_incoming_first_byte",
        "_look_up_at",
        "_outgoing_chain",
        "_outgoing_first_byte",
        "_renewal_packets",
        "_window",
        "epoch",
        "incoming_id",
        "opened",
        "outgoing_id",
        "rejected",
        "sealed",
    )

    def __init__(
        self,
        outgoing: DirectionKeys,
        incoming: DirectionKeys,
        begins: bool,
        renewal_packets: int = RENEWAL_PACKETS,
    ) -> None:
        """
        @param outgoing: The keys of what we send.
        @param incoming: The keys of what they send.
        @param begins: Whether it is we who begin epochs.
        @param renewal_packets: After how many of our packets we begin one unasked.
        """
        self.outgoing_id = outgoing.link_id
        self.incoming_id = incoming.link_id
        self._begins = begins
        self._renewal_packets = renewal_packets
        self._encrypt = ChaCha20Poly1305(outgoing.key).encrypt
        self._outgoing_chain = outgoing.chain_key
        self._outgoing_first_byte = SEALED_FIRST_BYTES[0]
        self._counter = 0
        # The counter at which sealing has to look up from its routine.
        self._look_up_at = renewal_packets if begins else COUNTER_LIMIT
        self._decrypt: _Decrypt = ChaCha20Poly1305(incoming.key).decrypt
        self._decrypt_former: _Decrypt | None = None
        key, self._incoming_chain = nextEpoch(incoming.chain_key)
        self._decrypt_next: _Decrypt = ChaCha20Poly1305(key).decrypt
        self._incoming_first_byte = SEALED_FIRST_BYTES[0]
        self._incoming_epoch = 0
        self._forget_at = COUNTER_LIMIT
        self._window = ReplayWindow()
        self.epoch = 0
        self.sealed = 0
        self.opened = 0
        self.rejected = 0

    @classmethod
    def between(
        cls,
        keys: PlayerKeys,
        player: int,
        other_link_key: bytes,
        other_player: int,
        match_id: bytes,
        generation: int = 0,
        other_generation: int = 0,
        renewal_packets: int = RENEWAL_PACKETS,
    ) -> SealedLink:
        """
        Derive the link between two players of one match.

        @param keys: Our keys.
        @param player: Our player number, from 1.
        @param other_link_key: The other's X25519 public key, 32 bytes.
        @param other_player: Their player number.
        @param match_id: The match's id, 16 bytes.
        @param generation: How often we returned, as both of us count it.
        @param other_generation: How often they returned.
        @param renewal_packets: After how many of our packets the keys are renewed unasked;
            this concerns the player with the lower number.
        @raise RemoteProtocolError: Their key is not usable.
        @raise LocalProtocolError: Both numbers are the same, or one is out of bounds.
        """
        if player == other_player:
            raise LocalProtocolError("a player has no link to itself")
        secret = keys.sharedSecret(other_link_key)
        here = LinkEnd(player, keys.link_key, generation)
        there = LinkEnd(other_player, other_link_key, other_generation)
        outgoing = deriveDirection(secret, match_id, here, there)
        incoming = deriveDirection(secret, match_id, there, here)
        return cls(outgoing, incoming, player < other_player, renewal_packets)

    @property
    def highest(self) -> int:
        """The highest counter of theirs that was opened, -1 at first."""
        return self._window.highest

    def seal(self, packet: bytes) -> bytes:
        """
        Return C{packet} as a datagram that only the other player can open.

        @raise LocalProtocolError: The counter is used up, after 2**63 packets.
        """
        counter = self._counter
        if counter >= self._look_up_at:
            if counter >= COUNTER_LIMIT:
                raise LocalProtocolError("the link's counter is used up")
            self.renewKeys()
        self._counter = counter + 1
        self.sealed += 1
        header = _HEADER.pack(self._outgoing_first_byte, self.outgoing_id, counter)
        return header + self._encrypt(b"\0\0\0\0" + header[9:], packet, header)

    def open(self, datagram: bytes) -> bytes:
        """
        Return the packet inside a datagram; each datagram opens once.

        @raise RemoteProtocolError: It is too short, of another link, a repetition, too
            old, or not made by the other player; the link is unchanged then.
        """
        if len(datagram) < OVERHEAD:
            raise self._refusal("too short for a sealed datagram")
        header = datagram[:_HEADER_BYTES]
        first_byte, link_id, counter = _HEADER.unpack(header)
        if link_id != self.incoming_id or first_byte not in SEALED_FIRST_BYTES:
            raise self._refusal("a datagram of another link")
        window = self._window
        if counter >= COUNTER_LIMIT or not window.admits(counter):
            raise self._refusal("a counter that was used or is too old")
        decrypt = self._decrypt
        if first_byte != self._incoming_first_byte:
            decrypt = self._decryptOfOtherEpoch(counter)
        try:
            packet = decrypt(b"\0\0\0\0" + header[9:], datagram[_HEADER_BYTES:], header)
        except InvalidTag:
            raise self._refusal("not sealed by the other player") from None
        if decrypt is self._decrypt_next:
            self._follow(counter)
        elif counter >= self._forget_at:
            self.forgetFormerKeys()
        window.accept(counter)
        self.opened += 1
        return packet

    def renewKeys(self) -> bool:
        """
        Begin the next epoch of the keys, if it is for us to begin one.

        @return: Whether it was begun.  It is not by the player with the higher number, who
            follows, nor before the other's first datagram of the epoch that we seal in.
        """
        answered = self._incoming_epoch == self.epoch and self._window.highest >= 0
        if not self._begins or not answered:
            return False
        self._sealInNextEpoch()
        self._look_up_at = min(self._counter + self._renewal_packets, COUNTER_LIMIT)
        return True

    def forgetFormerKeys(self) -> None:
        """
        Forget the keys of the epoch before the current one; late datagrams of it are lost.

        This comes by itself when the replay window reaches back to none of them.
        """
        self._decrypt_former = None
        self._forget_at = COUNTER_LIMIT

    def _decryptOfOtherEpoch(self, counter: int) -> _Decrypt:
        """Return what opens a datagram whose first byte is not the current epoch's."""
        if counter > self._window.highest:
            if self._begins and self.epoch == self._incoming_epoch:
                raise self._refusal("an epoch that was not begun")
            return self._decrypt_next
        if self._decrypt_former is None:
            raise self._refusal("an epoch whose keys are forgotten")
        return self._decrypt_former

    def _follow(self, counter: int) -> None:
        """Move to the epoch after the current one, of which the first datagram was opened."""
        self._decrypt_former = self._decrypt
        self._decrypt = self._decrypt_next
        key, self._incoming_chain = nextEpoch(self._incoming_chain)
        self._decrypt_next = ChaCha20Poly1305(key).decrypt
        self._incoming_epoch += 1
        self._incoming_first_byte = SEALED_FIRST_BYTES[self._incoming_epoch & 1]
        # All counters of the former epoch are lower than this one.
        self._forget_at = counter + REPLAY_WINDOW - 1
        if self.epoch < self._incoming_epoch:
            self._sealInNextEpoch()

    def _sealInNextEpoch(self) -> None:
        key, self._outgoing_chain = nextEpoch(self._outgoing_chain)
        self._encrypt = ChaCha20Poly1305(key).encrypt
        self.epoch += 1
        self._outgoing_first_byte = SEALED_FIRST_BYTES[self.epoch & 1]

    def _refusal(self, reason: str) -> RemoteProtocolError:
        """Count a datagram as refused, and return the error to raise."""
        self.rejected += 1
        return RemoteProtocolError(reason)
