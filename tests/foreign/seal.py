"""Sealed links, their epochs and the handshake of who comes back; C{docs/links.rst}."""

from __future__ import annotations

import hashlib
import hmac

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests.foreign.malformed import Malformed, require

__all__ = ["Link", "Returning", "deriveLink", "expand", "isSigned", "publicKeys"]

WINDOW = 1024


def expand(key: bytes, info: bytes, size: int) -> bytes:
    """Return HKDF-Expand of RFC 5869, section 2.3, with SHA-256."""
    output = block = b""
    while len(output) < size:
        block = hmac.digest(key, block + info + bytes([len(output) // 32 + 1]), hashlib.sha256)
        output += block
    return output[:size]


def publicKeys(link_private: bytes, statement_private: bytes) -> tuple[bytes, bytes]:
    """Return the public link key and statement key."""
    link = X25519PrivateKey.from_private_bytes(link_private).public_key()
    statement = Ed25519PrivateKey.from_private_bytes(statement_private).public_key()
    return link.public_bytes_raw(), statement.public_bytes_raw()


def isSigned(statement_key: bytes, statement: bytes, signature: bytes) -> bool:
    """Return whether a signature is right."""
    try:
        Ed25519PublicKey.from_public_bytes(statement_key).verify(signature, statement)
    except Exception:
        return False
    return True


class Direction:
    """The keys of one direction, epoch after epoch."""

    def __init__(self, key: bytes, link_id: bytes, chain: bytes) -> None:
        self.link_id, self.epoch, self.keys = link_id, 0, [key]
        self._chain = chain

    def key(self, epoch: int) -> bytes:
        """Return an epoch's key."""
        while len(self.keys) <= epoch:
            following = expand(self._chain, b"gamenet epoch", 64)
            self.keys.append(following[:32])
            self._chain = following[32:]
        return self.keys[epoch]


class Link:
    """Seals and opens datagrams of one player with another."""

    def __init__(self, outgoing: Direction, incoming: Direction) -> None:
        self.outgoing, self.incoming = outgoing, incoming
        self.epoch = 0
        self.sealed = 0
        self.highest = -1
        self._seen: set[int] = set()

    def seal(self, packet: bytes) -> bytes:
        """Return the next datagram."""
        head = bytes([0xC6 if self.epoch % 2 else 0xC4]) + self.outgoing.link_id
        head += self.sealed.to_bytes(8, "big")
        self.sealed += 1
        cipher = ChaCha20Poly1305(self.outgoing.key(self.epoch))
        return head + cipher.encrypt(bytes(4) + head[9:], packet, head)

    def open(self, datagram: bytes) -> bytes:
        """Return the packet in a datagram; one that is not for us changes nothing."""
        require(len(datagram) >= 33 and datagram[0] in (0xC4, 0xC6), "no sealed datagram")
        require(datagram[1:9] == self.incoming.link_id, "of another link")
        counter = int.from_bytes(datagram[9:17], "big")
        require(counter < 1 << 63 and counter > self.highest - WINDOW, "too old")
        require(counter not in self._seen, "repeated")
        epoch = self.epoch
        if datagram[0] != (0xC6 if epoch % 2 else 0xC4):
            epoch += 1 if counter > self.highest else -1
        require(epoch >= 0, "of no epoch")
        try:
            cipher = ChaCha20Poly1305(self.incoming.key(epoch))
            packet = cipher.decrypt(bytes(4) + datagram[9:17], datagram[17:], datagram[:17])
        except InvalidTag as error:
            raise Malformed("not sealed by the other") from error
        self.epoch = max(self.epoch, epoch)
        self.highest = max(self.highest, counter)
        self._seen.add(counter)
        self._seen = {each for each in self._seen if each > self.highest - WINDOW}
        return packet


def deriveLink(private: bytes, own: tuple[int, bytes, int], other: tuple[int, bytes, int],
               match_id: bytes) -> Link:
    """Return a link; C{own} and C{other} are player number, public link key, generation."""
    lower, higher = sorted((own, other))
    secret = X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(other[1])
    )
    context = b"gamenet link\x01" + bytes([lower[0]]) + lower[1] + bytes([higher[0]]) + higher[1]
    context += lower[2].to_bytes(2, "big") + higher[2].to_bytes(2, "big")
    extracted = hmac.digest(match_id, secret, hashlib.sha256)
    directions = []
    for sender, receiver in ((own, other), (other, own)):
        derived = expand(extracted, context + bytes([sender[0], receiver[0]]), 72)
        directions.append(Direction(derived[:32], derived[32:40], derived[40:]))
    return Link(*directions)


@attrs.define
class Returning:
    """
    The side of a handshake that comes back.

    @ivar private: The new private link key.
    @ivar signing: The private statement key of the ticket.
    @ivar known: The other's link key and generation, as far as we know.
    """

    match_id: bytes
    player: int
    other: int
    private: bytes
    signing: bytes
    known: tuple[bytes, int]
    other_statement_key: bytes
    nonce: bytes
    generation: int = 1

    def _prefix(self, kind: int, sender: int, receiver: int) -> bytes:
        return bytes([0xC5, kind, 1]) + self.match_id + bytes([sender, receiver])

    @property
    def claim(self) -> bytes:
        """What hello and proof say alike."""
        own = publicKeys(self.private, self.signing)[0]
        return own + self.nonce + self.known[1].to_bytes(2, "big") + self.known[0]

    def hello(self) -> bytes:
        """Return the first packet."""
        return self._prefix(0, self.player, self.other) + self.claim + bytes(84)

    def proof(self, challenge: bytes) -> bytes:
        """Return the answer to a challenge."""
        head = self._prefix(1, self.other, self.player) + self.nonce
        require(len(challenge) == 187 and challenge[:37] == head, "no challenge of ours")
        cookie, known, same = challenge[37:53], challenge[53:55], challenge[55]
        require(not any(challenge[56:]) and same < 2, "no challenge")
        number = int.from_bytes(known, "big")
        self.generation = number if same else max(self.generation, number + 1)
        said = self.claim + cookie + known + self.generation.to_bytes(2, "big")
        statement = b"gamenet handshake proof\0\x01" + self.match_id
        statement += bytes([self.player, self.other]) + said
        key = Ed25519PrivateKey.from_private_bytes(self.signing)
        return self._prefix(2, self.player, self.other) + said + key.sign(statement)

    def welcomed(self, welcome: bytes) -> Link:
        """Return the link that a welcome makes."""
        head = self._prefix(3, self.other, self.player) + self.nonce
        require(len(welcome) == 137 and welcome[:37] == head, "no welcome of ours")
        key, theirs, ours = welcome[37:69], welcome[69:71], welcome[71:73]
        require(int.from_bytes(ours, "big") == self.generation, "of another generation")
        own = publicKeys(self.private, self.signing)[0]
        statement = b"gamenet handshake welcome\0\x01" + self.match_id
        statement += bytes([self.player, self.other]) + own + self.nonce + ours + key + theirs
        require(isSigned(self.other_statement_key, statement, welcome[73:]), "not signed")
        return deriveLink(
            self.private,
            (self.player, own, self.generation),
            (self.other, key, int.from_bytes(theirs, "big")),
            self.match_id,
        )


