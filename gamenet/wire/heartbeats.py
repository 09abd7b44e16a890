"""
Heartbeats: a client's signs of life to its lobby, as datagrams.

They leave the game socket, so a lobby that verifies one knows the address at
which the outside sees that socket, and knows it for this client's: the tag needs the
key that only the lobby and the client have (it comes in the Welcome, over the
stream).  A heartbeat, 34 bytes::

    0        0xC0 (see L{gamenet.wire.demultiplexing})
    1        version, 1
    2..9     client id, from the Welcome
    10..17   sequence, big endian, from 0
    18..33   tag: BLAKE2b with a digest of 16 bytes (RFC 7693), keyed, of all
             bytes before it

and its answer, 26 bytes and so never longer than what it answers::

    0        0xC1
    1        version, 1
    2..9     sequence of the heartbeat, big endian
    10..25   tag, with the same key, of all bytes before it

The first byte is under the tag, so neither passes for the other.  A tag says
who made a datagram, not when: whoever saw a heartbeat can send it again from
elsewhere, so a lobby takes only sequences above the highest that it has
taken, and a client only answers to what it sent.

No randomness, no clock: the caller counts and the caller keeps the key.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from struct import Struct

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.demultiplexing import HEARTBEAT, HEARTBEAT_ANSWER

__all__ = [
    "ANSWER_BYTES",
    "CLIENT_ID_BYTES",
    "HEARTBEAT_BYTES",
    "HEARTBEAT_VERSION",
    "KEY_BYTES",
    "encodeHeartbeat",
    "encodeHeartbeatAnswer",
    "readClientId",
    "verifyHeartbeat",
    "verifyHeartbeatAnswer",
]

#: The version of both layouts.
HEARTBEAT_VERSION = 1

#: Bytes of a heartbeat.
HEARTBEAT_BYTES = 34

#: Bytes of an answer.
ANSWER_BYTES = 26

#: Bytes of a client id.
CLIENT_ID_BYTES = 8

#: Bytes of a key.
KEY_BYTES = 32

_TAG_BYTES = 16
_HEARTBEAT = Struct(">BB8sQ")
_ANSWER = Struct(">BBQ")
_SEQUENCES = 1 << 64


def encodeHeartbeat(key: bytes, client_id: bytes, sequence: int) -> bytes:
    """
    Return a heartbeat.  Called by a lobby's client.

    @param key: The C{heartbeat_key} of the Welcome, 32 bytes.
    @param client_id: The C{client_id} of the Welcome, 8 bytes.
    @param sequence: One more than the last one's; 0 to 2**64 - 1.
    @raise LocalProtocolError: One of them is out of bounds.
    """
    _requireKey(key)
    _requireSequence(sequence)
    if type(client_id) is not bytes or len(client_id) != CLIENT_ID_BYTES:
        raise LocalProtocolError(f"a client id is {CLIENT_ID_BYTES} bytes")
    return _tagged(key, _HEARTBEAT.pack(HEARTBEAT, HEARTBEAT_VERSION, client_id, sequence))


def readClientId(data: bytes) -> bytes:
    """
    Return whose heartbeat a datagram claims to be.

    Called by a lobby, to find the key; nothing is proven yet.

    @param data: A datagram whose first byte is 0xC0.
    @return: 8 bytes.
    @raise MalformedMessage: It is no heartbeat of this version.
    """
    if len(data) != HEARTBEAT_BYTES:
        raise MalformedMessage(f"a heartbeat is {HEARTBEAT_BYTES} bytes, not {len(data)}")
    _requireBeginning(data, HEARTBEAT)
    return data[2:10]


def verifyHeartbeat(key: bytes, data: bytes) -> int:
    """
    Return the sequence of a heartbeat that was made with C{key}.

    Called by a lobby, which then compares it with the highest so far.

    @param key: The key of the client that L{readClientId} named.
    @param data: The datagram.
    @raise MalformedMessage: It is no heartbeat, or somebody without the key made it.
    @raise LocalProtocolError: C{key} is not 32 bytes.
    """
    readClientId(data)
    _requireTag(key, data)
    sequence: int = _HEARTBEAT.unpack_from(data)[3]
    return sequence


def encodeHeartbeatAnswer(key: bytes, sequence: int) -> bytes:
    """
    Return the answer to a heartbeat.  Called by a lobby.

    @param key: The client's key, 32 bytes.
    @param sequence: What L{verifyHeartbeat} returned.
    @raise LocalProtocolError: One of them is out of bounds.
    """
    _requireKey(key)
    _requireSequence(sequence)
    return _tagged(key, _ANSWER.pack(HEARTBEAT_ANSWER, HEARTBEAT_VERSION, sequence))


def verifyHeartbeatAnswer(key: bytes, data: bytes) -> int:
    """
    Return which heartbeat a datagram answers.

    Called by a lobby's client, which then looks whether it sent that one.

    @param key: The C{heartbeat_key} of the Welcome.
    @param data: The datagram.
    @return: The heartbeat's sequence.
    @raise MalformedMessage: It is no answer, or somebody without the key made it.
    @raise LocalProtocolError: C{key} is not 32 bytes.
    """
    if len(data) != ANSWER_BYTES:
        raise MalformedMessage(f"a heartbeat's answer is {ANSWER_BYTES} bytes, not {len(data)}")
    _requireBeginning(data, HEARTBEAT_ANSWER)
    _requireTag(key, data)
    sequence: int = _ANSWER.unpack_from(data)[2]
    return sequence


def _requireKey(key: bytes) -> None:
    """Raise L{LocalProtocolError} for a key of another length."""
    if type(key) is not bytes or len(key) != KEY_BYTES:
        raise LocalProtocolError(f"a heartbeat key is {KEY_BYTES} bytes")


def _requireSequence(sequence: int) -> None:
    """Raise L{LocalProtocolError} for a sequence that does not fit."""
    if type(sequence) is not int or not 0 <= sequence < _SEQUENCES:
        raise LocalProtocolError("a heartbeat's sequence is from 0 to 2**64 - 1")


def _requireBeginning(data: bytes, first: int) -> None:
    """Raise L{MalformedMessage} where the first two bytes are not the kind and the version."""
    if data[0] != first:
        raise MalformedMessage(f"the first byte is {data[0]:#04x}, not {first:#04x}")
    if data[1] != HEARTBEAT_VERSION:
        raise MalformedMessage(f"heartbeats of version {data[1]} are not spoken here")


def _tagged(key: bytes, untagged: bytes) -> bytes:
    """Return bytes with their tag behind them."""
    return untagged + blake2b(untagged, digest_size=_TAG_BYTES, key=key).digest()


def _requireTag(key: bytes, data: bytes) -> None:
    """Raise L{MalformedMessage} where the tag was not made with C{key}; in constant time."""
    _requireKey(key)
    if not compare_digest(_tagged(key, data[:-_TAG_BYTES]), data):
        raise MalformedMessage("the tag does not belong to this key")
