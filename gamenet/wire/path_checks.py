"""
Checks of the paths between two players, and their answers.

Two of the packets of L{gamenet.wire.peer_packets}; numbers are big endian, and each
comes in two lengths, the short one being that of earlier versions::

    CHECK          0   nonce, 8 bytes                             9 bytes
                       and reception: loss, 2; jitter, 2;
                       packets sent, 4                            17 bytes
    CHECK_ANSWER   1   nonce of the check, 8 bytes                9 bytes
                       and the answerer's clock, signed, 8        17 bytes

A check is answered in its own length, so that no answer is longer than what it
answers.  Loss is in 65 535ths and jitter in units of 10 microseconds, as the sender of
the check measured them; C{packets sent} is how many datagrams other than checks and
answers it has sent so far under the present keys, modulo 2**32, of which the receiver
knows how many came.  The clock is in microseconds: a monotonic one whose zero means
nothing.
"""

from __future__ import annotations

from struct import Struct

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage

__all__ = [
    "NONCE_BYTES",
    "Check",
    "CheckAnswer",
    "Reception",
    "decodeCheck",
    "decodeCheckAnswer",
    "encodeCheck",
    "encodeCheckAnswer",
]

#: Bytes of a check's nonce.
NONCE_BYTES = 8

_SHORT = 1 + NONCE_BYTES
_RECEPTION = Struct(">HHI")
_CLOCK = Struct(">q")
_LONG = _SHORT + 8
_LOSS_WHOLE = 0xFFFF
_JITTER_MOST = 0xFFFF
_JITTER_UNIT = 100_000
_SENT_MODULUS = 1 << 32


@attrs.frozen
class Reception:
    """
    How whoever sends a check receives the other, and what it needs to know of itself.

    @ivar loss: The share of the other's lately sent packets that did not come, in
        65 535ths.
    @ivar jitter: How much the round trip deviates, in units of 10 microseconds; the
        highest number is "or more".
    @ivar sent: How many datagrams other than checks the sender has sent, modulo 2**32.
    """

    loss: int
    jitter: int
    sent: int

    @classmethod
    def measured(cls, loss: float, jitter: float, sent: int) -> Reception:
        """
        Return measurements as they travel, each at most what fits.

        @param loss: From 0.0 to 1.0.
        @param jitter: In seconds.
        @param sent: A count.
        """
        return cls(
            round(min(max(loss, 0.0), 1.0) * _LOSS_WHOLE),
            min(round(jitter * _JITTER_UNIT), _JITTER_MOST),
            sent % _SENT_MODULUS,
        )

    @property
    def loss_share(self) -> float:
        """The loss from 0.0 to 1.0."""
        return self.loss / _LOSS_WHOLE

    @property
    def jitter_seconds(self) -> float:
        """The jitter in seconds."""
        return self.jitter / _JITTER_UNIT


@attrs.frozen
class Check:
    """
    Ask for an answer over the same path; proves that a path works, and measures it.

    @ivar nonce: 8 unpredictable bytes.
    @ivar reception: How the sender receives the receiver; C{None} is not said, and asks
        for no clock.
    """

    nonce: bytes
    reception: Reception | None = None


@attrs.frozen
class CheckAnswer:
    """
    Answer a check, over the path that it came by.

    @ivar nonce: The check's.
    @ivar clock: What the answerer's monotonic clock showed, in microseconds, from -2**63
        to 2**63 - 1; C{None} in answer to a check without a C{reception}.
    """

    nonce: bytes
    clock: int | None = None


def encodeCheck(packet: Check) -> bytes:
    """
    Return the bytes of a check.

    @raise LocalProtocolError: A field is out of bounds.
    """
    data = _withNonce(b"\x00", packet.nonce)
    reception = packet.reception
    if reception is None:
        return data
    if type(reception) is not Reception:
        raise LocalProtocolError("a check's reception is a Reception")
    bounded = (
        _isWithin(reception.loss, _LOSS_WHOLE)
        and _isWithin(reception.jitter, _JITTER_MOST)
        and _isWithin(reception.sent, _SENT_MODULUS - 1)
    )
    if not bounded:
        raise LocalProtocolError(f"a reception out of bounds: {reception}")
    return data + _RECEPTION.pack(reception.loss, reception.jitter, reception.sent)


def encodeCheckAnswer(packet: CheckAnswer) -> bytes:
    """
    Return the bytes of a check's answer.

    @raise LocalProtocolError: A field is out of bounds.
    """
    data = _withNonce(b"\x01", packet.nonce)
    clock = packet.clock
    if clock is None:
        return data
    if type(clock) is not int or not -(1 << 63) <= clock < 1 << 63:
        raise LocalProtocolError("a clock is a whole number of 64 bits")
    return data + _CLOCK.pack(clock)


def decodeCheck(data: bytes) -> Check:
    """
    Return a check.

    @raise MalformedMessage: It has another length.
    """
    if _isShort(data):
        return Check(data[1:])
    return Check(data[1:_SHORT], Reception(*_RECEPTION.unpack_from(data, _SHORT)))


def decodeCheckAnswer(data: bytes) -> CheckAnswer:
    """
    Return a check's answer.

    @raise MalformedMessage: It has another length.
    """
    if _isShort(data):
        return CheckAnswer(data[1:])
    return CheckAnswer(data[1:_SHORT], _CLOCK.unpack_from(data, _SHORT)[0])


def _withNonce(kind: bytes, nonce: bytes) -> bytes:
    """Return a kind and a nonce."""
    if type(nonce) is not bytes or len(nonce) != NONCE_BYTES:
        raise LocalProtocolError(f"a nonce is {NONCE_BYTES} bytes")
    return kind + nonce


def _isWithin(value: object, highest: int) -> bool:
    """Return whether a value is a whole number from 0 to C{highest}."""
    return type(value) is int and 0 <= value <= highest


def _isShort(data: bytes) -> bool:
    """Return whether a packet has the short length; raise for one that has neither."""
    if len(data) not in (_SHORT, _LONG):
        raise MalformedMessage(f"a check of {len(data)} bytes instead of {_SHORT} or {_LONG}")
    return len(data) == _SHORT
