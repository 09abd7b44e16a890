"""
STUN messages as some bytes say: good ones, and good ones with something wrong.
"""

from __future__ import annotations

from attrs import frozen

from gamenet.interfaces import Address
from gamenet.wire.stun_attributes import encodeXorAddress
from tests.fuzz.choices import Choices
from tests.relay_bytes import rawMessage, sealed
from tests.relay_desk import REALM_TEXT

__all__ = ["ChosenMessage"]

_METHODS = (1, 3, 3, 3, 4, 4, 6, 7, 8, 8, 9, 9, 9, 10, 11, 0x0FF)
_CLASSES = (0, 0, 0, 0, 0, 0, 0x10, 0x100, 0x110)
_KINDS = (
    0x0001, 0x0003, 0x0006, 0x0008, 0x0009, 0x000A, 0x000C, 0x000D, 0x0012, 0x0013, 0x0014, 0x0015,
    0x0016, 0x0017, 0x0018, 0x0019, 0x001A, 0x001C, 0x001D, 0x001E, 0x0020, 0x0022, 0x0026, 0x0027,
    0x002A, 0x8000, 0x8001, 0x8002, 0x8022, 0x8028, 0x8030, 0x8032,
)
_GOOD_VALUES: tuple[tuple[int, tuple[bytes, ...]], ...] = (
    (0x000C, (b"\x40\0\0\0", b"\x40\1\0\0", b"\x4f\xff\0\0", b"\x80\0\0\0")),
    (0x000D, (bytes(4), b"\0\0\2\x58", b"\0\0\x0e\x10", b"\xff\xff\xff\xff")),
    (0x0013, (b"", b"data", bytes(1400))),
    (0x0017, (b"\1\0\0\0", b"\2\0\0\0", b"\3\0\0\0")),
    (0x0018, (b"\0", b"\x80")),
    (0x0019, (b"\x11\0\0\0", b"\6\0\0\0")),
    (0x001A, (b"",)),
    (0x8000, (b"\2\0\0\0", b"\1\0\0\0")),
    (0x0022, (bytes(8),)),
)
_LENGTHS = (0, 1, 2, 3, 4, 5, 7, 8, 20, 36, 508, 509, 763, 764, 1400, 60_000)


@frozen
class ChosenMessage:
    """
    A message for the relay.

    @ivar data: Its bytes.
    @ivar proven: Whether it may have a right signature.
    """

    data: bytes
    proven: bool

    @classmethod
    def choose(
        cls,
        choices: Choices,
        username: str,
        nonce: bytes,
        key: bytes,
        transaction_id: bytes,
        peers: list[Address],
    ) -> ChosenMessage:
        """
        Make what the choices say.

        @param username: Of a good credential, with C{nonce} and C{key}.
        @param peers: Whom it may name.
        """
        method = choices.of(_METHODS)
        kind = (method & 0xF) | (method & 0x70) << 1 | choices.of(_CLASSES)
        attributes = _usual(choices, method, transaction_id, peers)
        for _ in range(max(0, choices.below(12) - 8)):
            attributes.insert(
                choices.below(len(attributes) + 1), _any(choices, transaction_id, peers)
            )
        signed = choices.below(16) > 1
        if signed:
            attributes += [(6, username.encode()), (0x14, REALM_TEXT.encode()), (0x15, nonce)]
        wrong = choices.below(24)
        if wrong == 0 and attributes:
            attributes.append(choices.of(attributes))
        elif wrong == 1:
            attributes.reverse()
        elif wrong == 2 and attributes:
            del attributes[choices.below(len(attributes))]
        data = rawMessage(kind, attributes, transaction_id, choices.of((b"\0", b"\0", b"\xff")))
        if len(data) > 65_000:
            data = rawMessage(kind, attributes[:1], transaction_id)
        if signed:
            behind = [_any(choices, transaction_id, peers)] if choices.below(8) == 7 else []
            data = sealed(data, key, behind)
        return cls(_spoiled(choices, data, wrong)[:65_507], signed)


def _usual(
    choices: Choices, method: int, transaction_id: bytes, peers: list[Address]
) -> list[tuple[int, bytes]]:
    """Return what a good message of a method has."""
    peer = (0x0012, encodeXorAddress(choices.of(peers), transaction_id))
    if method == 3:
        return [(0x0019, b"\x11\0\0\0")]
    if method == 8:
        return [peer]
    if method == 9:
        return [(0x000C, bytes((0x40, choices.below(3), 0, 0))), peer]
    if method == 6:
        return [peer, (0x0013, choices.take(choices.below(20)))]
    return []


def _any(
    choices: Choices, transaction_id: bytes, peers: list[Address]
) -> tuple[int, bytes]:
    """Return any attribute: a good one, a known one with anything in it, or any at all."""
    which = choices.below(4)
    if which == 0:
        kind, values = choices.of(_GOOD_VALUES)
        return kind, choices.of(values)
    if which == 1:
        return 0x0012, encodeXorAddress(choices.of(peers), transaction_id)
    kind = choices.of(_KINDS) if which == 2 else choices.below(65_536)
    length = choices.of(_LENGTHS)
    return kind, choices.take(min(length, 8)).ljust(length, b"z")


def _spoiled(choices: Choices, data: bytes, wrong: int) -> bytes:
    """Return a message with its lengths, its end or some of its bytes wrong; mostly it is not."""
    place = choices.below(len(data)) if 3 <= wrong <= 7 else 0
    if wrong == 3:
        return data[:place]
    if wrong == 4:
        return data[:2] + choices.take(2).ljust(2, b"\0") + data[4:]
    if wrong == 5:
        return data[:place] + choices.take(2) + data[place + 2 :]
    if wrong == 6:
        return data[:place] + choices.take(1 + choices.below(3)) + data[place:]
    if wrong == 7 and len(data) > 24:
        return data[:22] + choices.take(2).ljust(2, b"\0") + data[24:]
    return data
