"""
Sealing: what makes a datagram between two players unreadable and unforgeable
to everybody else.

A sealed datagram is C{0xC4}, an 8-byte link id, an 8-byte counter and the
ChaCha20-Poly1305 ciphertext (RFC 8439) of the packet; the 17 bytes in front are
authenticated with it.  Each direction has its own key and its own id, derived
with HKDF-SHA-256 (RFC 5869) from the X25519 secret of the two players, with
the match id as salt and protocol version, player numbers, public keys,
generation and direction as context.  A receiver finds the link by the id alone,
so a packet may come from any address; it accepts each counter once, within a
window.
"""

from __future__ import annotations

from struct import Struct

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.match.keys import PlayerKeys
from gamenet.wire.demultiplexing import SEALED_PACKET
from gamenet.wire.lobby_values import PROTOCOL_VERSION

__all__ = [
    "LINK_ID_BYTES",
    "OVERHEAD",
    "REPLAY_WINDOW",
    "ReplayWindow",
    "SealedLink",
    "linkIdOf",
]

#: The size of a link id in bytes.
LINK_ID_BYTES = 8

#: How far behind the newest counter a late datagram is still accepted.
REPLAY_WINDOW = 1024

_HEADER = Struct(">B8sQ")
_TAG_BYTES = 16
_COUNTER_LIMIT = 1 << 63

#: How many bytes sealing adds to a packet.
OVERHEAD = _HEADER.size + _TAG_BYTES


def linkIdOf(datagram: bytes) -> bytes:
    """Return the link id in a datagram's header; empty where it is too short for one."""
    return datagram[1:9] if len(datagram) >= OVERHEAD else b""


class ReplayWindow:
    """
    Remembers which counters were accepted (RFC 6479's purpose, as one integer).

    @ivar size: How many counters below the highest are remembered.
    @ivar highest: The highest counter accepted so far, -1 at first.
    """

    __slots__ = ("_seen", "highest", "size")

    def __init__(self, size: int = REPLAY_WINDOW) -> None:
        self.size = size
        self.highest = -1
        self._seen = 0

    def admits(self, counter: int) -> bool:
        """Return whether C{counter} is new and not too old; changes nothing."""
        behind = self.highest - counter
        return behind < 0 or (behind < self.size and not self._seen >> behind & 1)

    def accept(self, counter: int) -> None:
        """Remember C{counter}; call it only for an authenticated one that L{admits} lets pass."""
        ahead = counter - self.highest
        if ahead > 0:
            kept = self._seen << ahead if ahead < self.size else 0
            self._seen = (kept | 1) & ((1 << self.size) - 1)
            self.highest = counter
        else:
            self._seen |= 1 << -ahead


@attrs.frozen
class _Direction:
    """The key and the link id of one direction of a link."""

    link_id: bytes
    key: bytes = attrs.field(repr=False)


class SealedLink:
    """
    One player's end of the sealed link to one other player.

    Not thread-safe; used by L{gamenet.match.link.PeerLink} alone.

    @ivar outgoing_id: The link id of the datagrams we send.
    @ivar incoming_id: The link id of the datagrams they send.
    @ivar sealed: How many datagrams were sealed.
    @ivar opened: How many were opened.
    @ivar rejected: How many were refused.
    """

    __slots__ = (
        "_counter",
        "_decrypt",
        "_encrypt",
        "_window",
        "incoming_id",
        "opened",
        "outgoing_id",
        "rejected",
        "sealed",
    )

    def __init__(self, outgoing: _Direction, incoming: _Direction) -> None:
        self.outgoing_id = outgoing.link_id
        self.incoming_id = incoming.link_id
        self._encrypt = ChaCha20Poly1305(outgoing.key).encrypt
        self._decrypt = ChaCha20Poly1305(incoming.key).decrypt
        self._counter = 0
        self._window = ReplayWindow()
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
    ) -> SealedLink:
        """
        Derive the link between two players of one match.

        @param keys: Our keys.
        @param player: Our player number, from 1.
        @param other_link_key: The other's X25519 public key, 32 bytes.
        @param other_player: Their player number.
        @param match_id: The match's id, 16 bytes.
        @raise RemoteProtocolError: Their key is not usable.
        @raise LocalProtocolError: Both numbers are the same.
        """
        if player == other_player:
            raise LocalProtocolError("a player has no link to itself")
        secret = keys.sharedSecret(other_link_key)
        ends = sorted([(player, keys.link_key), (other_player, other_link_key)])
        outgoing = _derive(secret, match_id, ends, player, other_player)
        incoming = _derive(secret, match_id, ends, other_player, player)
        return cls(outgoing, incoming)

    def seal(self, packet: bytes) -> bytes:
        """
        Return C{packet} as a datagram that only the other player can open.

        @raise LocalProtocolError: The counter is used up, after 2**63 packets.
        """
        counter = self._counter
        if counter >= _COUNTER_LIMIT:
            raise LocalProtocolError("the link's counter is used up")
        self._counter = counter + 1
        self.sealed += 1
        header = _HEADER.pack(SEALED_PACKET, self.outgoing_id, counter)
        return header + self._encrypt(b"\0\0\0\0" + header[9:], packet, header)

    def open(self, datagram: bytes) -> bytes:
        """
        Return the packet inside a datagram; each datagram opens once.

        @raise RemoteProtocolError: It is too short, of another link, a repetition, too
            old, or not made by the other player; the link is unchanged then.
        """
        if len(datagram) < OVERHEAD:
            self.rejected += 1
            raise RemoteProtocolError("too short for a sealed datagram")
        first_byte, link_id, counter = _HEADER.unpack_from(datagram)
        if first_byte != SEALED_PACKET or link_id != self.incoming_id:
            self.rejected += 1
            raise RemoteProtocolError("a datagram of another link")
        if counter >= _COUNTER_LIMIT or not self._window.admits(counter):
            self.rejected += 1
            raise RemoteProtocolError("a counter that was used or is too old")
        header = datagram[: _HEADER.size]
        try:
            packet = self._decrypt(b"\0\0\0\0" + header[9:], datagram[_HEADER.size :], header)
        except InvalidTag:
            self.rejected += 1
            raise RemoteProtocolError("not sealed by the other player") from None
        self._window.accept(counter)
        self.opened += 1
        return packet


def _derive(
    secret: bytes,
    match_id: bytes,
    ends: list[tuple[int, bytes]],
    sender: int,
    receiver: int,
    generation: int = 0,
) -> _Direction:
    context = b"gamenet link" + bytes([PROTOCOL_VERSION])
    for player, link_key in ends:
        context += bytes([player]) + link_key
    context += generation.to_bytes(4, "big") + bytes([sender, receiver])
    derived = HKDF(SHA256(), 32 + LINK_ID_BYTES, match_id, context).derive(secret)
    return _Direction(derived[32:], derived[:32])
