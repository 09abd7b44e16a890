"""
How a player that lost its process comes back to the others: the packets of it.

The initiator has returned and has a new X25519 link key; the responder is any other
player of the match.  Numbers are big endian, and each packet is exactly as long as it
says here; with the zeros that follow some, no answer is longer than what it answers::

    HELLO      0   prefix; claim; zeros, 84                                    187 bytes
    CHALLENGE  1   prefix; nonce, 16; cookie, 16; known generation, 2;
                   is it the claim's key, 1; zeros, 131                        187 bytes
    PROOF      2   prefix; claim; cookie, 16; known generation, 2;
                   initiator's generation, 2; signature, 64                    187 bytes
    WELCOME    3   prefix; nonce, 16; responder's link key, 32; responder's
                   generation, 2; initiator's generation, 2; signature, 64     137 bytes

    prefix         0xC5, 1; kind, 1; protocol version, 1; match id, 16;
                   sender's player number, 1; receiver's, 1                     21 bytes
    claim          initiator's link key, 32; nonce, 16; the newest generation of the
                   responder that the initiator knows, 2; its link key, 32      82 bytes

L{gamenet.sealing.transcript} says what is signed.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import TypeAlias

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.demultiplexing import HANDSHAKE_PACKET
from gamenet.wire.lobby_values import MATCH_ID_BYTES, PROTOCOL_VERSION

__all__ = [
    "COOKIE_BYTES",
    "GENERATION_LAST",
    "HANDSHAKE_NONCE_BYTES",
    "LINK_KEY_BYTES",
    "SIGNATURE_BYTES",
    "Challenge",
    "Claim",
    "HandshakeKind",
    "HandshakePacket",
    "Hello",
    "Proof",
    "Welcome",
    "claimBytes",
    "decodeHandshakePacket",
    "encodeHandshakePacket",
]

#: The size of an initiator's nonce in bytes.
HANDSHAKE_NONCE_BYTES = 16

#: The size of a responder's cookie in bytes.
COOKIE_BYTES = 16

#: The size of an X25519 public key in bytes.
LINK_KEY_BYTES = 32

#: The size of an Ed25519 signature in bytes.
SIGNATURE_BYTES = 64

#: The highest generation there is.
GENERATION_LAST = 0xFFFF

_PREFIX = Struct(f">3B{MATCH_ID_BYTES}s2B")
_CLAIM = Struct(f">{LINK_KEY_BYTES}s{HANDSHAKE_NONCE_BYTES}sH{LINK_KEY_BYTES}s")
_CHALLENGE = Struct(f">{HANDSHAKE_NONCE_BYTES}s{COOKIE_BYTES}sH?")
_PROOF = Struct(f">{_CLAIM.size}s{COOKIE_BYTES}sHH{SIGNATURE_BYTES}s")
_WELCOME = Struct(f">{HANDSHAKE_NONCE_BYTES}s{LINK_KEY_BYTES}sHH{SIGNATURE_BYTES}s")
_YES = 1

_PROOF_BYTES = _PREFIX.size + _PROOF.size
_WELCOME_BYTES = _PREFIX.size + _WELCOME.size


class HandshakeKind(IntEnum):
    """
    The second byte of a packet.

    @cvar HELLO: I am back, and this is my new key.
    @cvar CHALLENGE: Show that you are at this address, and that you are who you say.
    @cvar PROOF: Here is your cookie, and my signature.
    @cvar WELCOME: This is my key, and my signature; the link is there.
    """

    HELLO = 0
    CHALLENGE = 1
    PROOF = 2
    WELCOME = 3


@attrs.frozen
class Claim:
    """
    What an initiator says of itself.

    @ivar link_key: Its new X25519 public key, 32 bytes.
    @ivar nonce: 16 unpredictable bytes.
    @ivar known_generation: The newest generation of the responder that it knows.
    @ivar known_key: The responder's link key in that generation, 32 bytes.
    """

    link_key: bytes
    nonce: bytes
    known_generation: int
    known_key: bytes


@attrs.frozen
class Hello:
    """
    Ask a responder for a challenge.

    @ivar match_id: The match's id, 16 bytes.
    @ivar sender: The initiator's player number.
    @ivar receiver: The responder's.
    @ivar claim: What the initiator says of itself.
    """

    match_id: bytes
    sender: int
    receiver: int
    claim: Claim


@attrs.frozen
class Challenge:
    """
    Answer a hello.

    @ivar match_id: The match's id, 16 bytes.
    @ivar sender: The responder's player number.
    @ivar receiver: The initiator's.
    @ivar nonce: The claim's.
    @ivar cookie: 16 bytes that only the responder could make.
    @ivar known_generation: The newest generation of the initiator that the responder knows.
    @ivar known_is_yours: Whether the claim's link key is the one of that generation.
    """

    match_id: bytes
    sender: int
    receiver: int
    nonce: bytes
    cookie: bytes
    known_generation: int
    known_is_yours: bool


@attrs.frozen
class Proof:
    """
    Prove an address by the cookie, and an identity by a signature.

    @ivar match_id: The match's id, 16 bytes.
    @ivar sender: The initiator's player number.
    @ivar receiver: The responder's.
    @ivar claim: As in the hello.
    @ivar cookie: The challenge's.
    @ivar known_generation: The challenge's.
    @ivar generation: The initiator's.
    @ivar signature: Of the initiator's statement key, 64 bytes.
    """

    match_id: bytes
    sender: int
    receiver: int
    claim: Claim
    cookie: bytes
    known_generation: int
    generation: int
    signature: bytes


@attrs.frozen
class Welcome:
    """
    Tell an initiator what the link is made of.

    @ivar match_id: The match's id, 16 bytes.
    @ivar sender: The responder's player number.
    @ivar receiver: The initiator's.
    @ivar nonce: The claim's.
    @ivar link_key: The responder's X25519 public key, 32 bytes.
    @ivar generation: The responder's.
    @ivar initiator_generation: The initiator's.
    @ivar signature: Of the responder's statement key, 64 bytes.
    """

    match_id: bytes
    sender: int
    receiver: int
    nonce: bytes
    link_key: bytes
    generation: int
    initiator_generation: int
    signature: bytes


#: Any packet of a handshake.
HandshakePacket: TypeAlias = Hello | Challenge | Proof | Welcome


def claimBytes(claim: Claim) -> bytes:
    """
    Return a claim's 82 bytes, as they travel and are signed.

    @raise LocalProtocolError: A field of it is out of bounds.
    """
    _requireBytes("a link key", claim.link_key, LINK_KEY_BYTES)
    _requireBytes("a nonce", claim.nonce, HANDSHAKE_NONCE_BYTES)
    _requireGeneration(claim.known_generation)
    _requireBytes("a link key", claim.known_key, LINK_KEY_BYTES)
    return _CLAIM.pack(claim.link_key, claim.nonce, claim.known_generation, claim.known_key)


def encodeHandshakePacket(packet: HandshakePacket) -> bytes:
    """
    Return a packet's bytes.

    @raise LocalProtocolError: It is no packet, or a field of it is out of bounds.
    """
    if type(packet) is Hello:
        hello = _prefix(HandshakeKind.HELLO, packet) + claimBytes(packet.claim)
        return hello.ljust(_PROOF_BYTES, b"\0")
    if type(packet) is Challenge:
        challenge = _prefix(HandshakeKind.CHALLENGE, packet) + _challengeBytes(packet)
        return challenge.ljust(_PROOF_BYTES, b"\0")
    if type(packet) is Proof:
        return _prefix(HandshakeKind.PROOF, packet) + _proofBytes(packet)
    if type(packet) is Welcome:
        return _prefix(HandshakeKind.WELCOME, packet) + _welcomeBytes(packet)
    raise LocalProtocolError(f"{type(packet).__name__} is not a packet of a handshake")


def decodeHandshakePacket(data: bytes) -> HandshakePacket:
    """
    Return the packet in a datagram.

    @raise MalformedMessage: It is too long or too short, or a field of it is out of bounds.
    @raise UnknownMessage: It is of another protocol version, or of a kind nobody knows.
    """
    if len(data) < _PREFIX.size:
        raise MalformedMessage(f"a handshake of {len(data)} bytes")
    first_byte, kind, version, match_id, sender, receiver = _PREFIX.unpack_from(data)
    if first_byte != HANDSHAKE_PACKET:
        raise MalformedMessage(f"no handshake begins with {first_byte:#04x}")
    if version != PROTOCOL_VERSION or kind >= len(_BODIES):
        raise UnknownMessage(f"no handshake of version {version} is of kind {kind}")
    if len(data) != (_WELCOME_BYTES if kind == HandshakeKind.WELCOME else _PROOF_BYTES):
        raise MalformedMessage(f"a handshake of kind {kind} of {len(data)} bytes")
    if not sender or not receiver or sender == receiver:
        raise MalformedMessage(f"a handshake from player {sender} to player {receiver}")
    end = _PREFIX.size + _BODIES[kind]
    body = data[_PREFIX.size : end]
    if any(data[end:]):
        raise MalformedMessage(f"a handshake of kind {kind} that does not end in zeros")
    if kind == HandshakeKind.HELLO:
        return Hello(match_id, sender, receiver, Claim(*_CLAIM.unpack(body)))
    if kind == HandshakeKind.CHALLENGE:
        if body[-1] > _YES:
            raise MalformedMessage("a challenge whose flag is neither 0 nor 1")
        return Challenge(match_id, sender, receiver, *_CHALLENGE.unpack(body))
    if kind == HandshakeKind.PROOF:
        claim, *rest = _PROOF.unpack(body)
        return Proof(match_id, sender, receiver, Claim(*_CLAIM.unpack(claim)), *rest)
    return Welcome(match_id, sender, receiver, *_WELCOME.unpack(body))


#: Per kind: the size of what follows the prefix, without the zeros.
_BODIES = (_CLAIM.size, _CHALLENGE.size, _PROOF.size, _WELCOME.size)


def _prefix(kind: HandshakeKind, packet: HandshakePacket) -> bytes:
    """Return what every packet begins with."""
    _requireBytes("a match id", packet.match_id, MATCH_ID_BYTES)
    for player in (packet.sender, packet.receiver):
        if type(player) is not int or not 1 <= player <= 255:
            raise LocalProtocolError(f"a player number is 1 to 255, not {player!r}")
    if packet.sender == packet.receiver:
        raise LocalProtocolError("a player has no handshake with itself")
    return _PREFIX.pack(
        HANDSHAKE_PACKET,
        kind,
        PROTOCOL_VERSION,
        packet.match_id,
        packet.sender,
        packet.receiver,
    )


def _challengeBytes(packet: Challenge) -> bytes:
    """Return what follows the prefix of a challenge."""
    _requireBytes("a nonce", packet.nonce, HANDSHAKE_NONCE_BYTES)
    _requireBytes("a cookie", packet.cookie, COOKIE_BYTES)
    _requireGeneration(packet.known_generation)
    if type(packet.known_is_yours) is not bool:
        raise LocalProtocolError("known_is_yours is a bool")
    return _CHALLENGE.pack(
        packet.nonce, packet.cookie, packet.known_generation, packet.known_is_yours
    )


def _proofBytes(packet: Proof) -> bytes:
    """Return what follows the prefix of a proof."""
    _requireBytes("a cookie", packet.cookie, COOKIE_BYTES)
    _requireGeneration(packet.known_generation)
    _requireGeneration(packet.generation)
    _requireBytes("a signature", packet.signature, SIGNATURE_BYTES)
    return _PROOF.pack(
        claimBytes(packet.claim),
        packet.cookie,
        packet.known_generation,
        packet.generation,
        packet.signature,
    )


def _welcomeBytes(packet: Welcome) -> bytes:
    """Return what follows the prefix of a welcome."""
    _requireBytes("a nonce", packet.nonce, HANDSHAKE_NONCE_BYTES)
    _requireBytes("a link key", packet.link_key, LINK_KEY_BYTES)
    _requireGeneration(packet.generation)
    _requireGeneration(packet.initiator_generation)
    _requireBytes("a signature", packet.signature, SIGNATURE_BYTES)
    return _WELCOME.pack(
        packet.nonce,
        packet.link_key,
        packet.generation,
        packet.initiator_generation,
        packet.signature,
    )


def _requireBytes(what: str, value: object, size: int) -> None:
    """Raise L{LocalProtocolError} for anything but that many bytes."""
    if type(value) is not bytes or len(value) != size:
        raise LocalProtocolError(f"{what} is {size} bytes")


def _requireGeneration(value: object) -> None:
    """Raise L{LocalProtocolError} for anything but a generation."""
    if type(value) is not int or not 0 <= value <= GENERATION_LAST:
        raise LocalProtocolError(f"a generation is 0 to {GENERATION_LAST}, not {value!r}")
