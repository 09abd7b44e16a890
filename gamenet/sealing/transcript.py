"""
What the two players of a handshake sign.

Each statement begins with words that nothing else which a statement key signs begins
with, and names the protocol version, the match and both players, so that no signature is
good for another purpose, match, pair or direction.
"""

from __future__ import annotations

from gamenet.wire.handshake_packets import Proof, Welcome, claimBytes
from gamenet.wire.lobby_values import PROTOCOL_VERSION

__all__ = ["proofStatement", "welcomeStatement"]

_PROOF = b"gamenet handshake proof\0" + bytes([PROTOCOL_VERSION])
_WELCOME = b"gamenet handshake welcome\0" + bytes([PROTOCOL_VERSION])


def proofStatement(proof: Proof) -> bytes:
    """
    Return what an initiator signs; the proof's own signature plays no part.

    Layout: words, protocol version 1, match id 16, initiator 1, responder 1, claim 82,
    cookie 16, the generation known to the responder 2, the initiator's generation 2.
    """
    return (
        _PROOF
        + proof.match_id
        + bytes([proof.sender, proof.receiver])
        + claimBytes(proof.claim)
        + proof.cookie
        + proof.known_generation.to_bytes(2, "big")
        + proof.generation.to_bytes(2, "big")
    )


def welcomeStatement(welcome: Welcome, initiator_key: bytes) -> bytes:
    """
    Return what a responder signs; the welcome's own signature plays no part.

    Layout: words, protocol version 1, match id 16, initiator 1, responder 1, the
    initiator's link key 32, its nonce 16, its generation 2, the responder's link key 32,
    its generation 2.

    @param initiator_key: The claim's link key.
    """
    return (
        _WELCOME
        + welcome.match_id
        + bytes([welcome.receiver, welcome.sender])
        + initiator_key
        + welcome.nonce
        + welcome.initiator_generation.to_bytes(2, "big")
        + welcome.link_key
        + welcome.generation.to_bytes(2, "big")
    )
