"""
The security features of RFC 8489's long-term credentials: which algorithms
derive the key (sections 14.11, 14.12 and 18.5), and the nonce cookie that says
what a server offers, so that nobody on the way can take it out unseen (9.2.1).

Everything is pure.  The keys are L{gamenet.wire.turn_credentials}' business.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from struct import Struct

from attrs import field, frozen

from gamenet.errors import LocalProtocolError, MalformedMessage

__all__ = [
    "ALGORITHM_LIMIT",
    "ANONYMITY_FEATURE",
    "MD5",
    "NONCE_COOKIE",
    "NONCE_COOKIE_LENGTH",
    "PASSWORD_ALGORITHMS_FEATURE",
    "SHA256",
    "PasswordAlgorithm",
    "decodeNonceCookie",
    "decodePasswordAlgorithm",
    "decodePasswordAlgorithms",
    "encodeNonceCookie",
    "encodePasswordAlgorithm",
    "encodePasswordAlgorithms",
]

#: Most algorithms that are read from one PASSWORD-ALGORITHMS.
ALGORITHM_LIMIT = 16

#: What the nonce of a server with security features begins with (section 9.2).
NONCE_COOKIE = b"obMatJos2"
#: Bytes of the cookie and of the features behind it.
NONCE_COOKIE_LENGTH = 13

#: Section 18.1, its bits counted from the right, as its errata say: algorithms are offered.
PASSWORD_ALGORITHMS_FEATURE = 0x000001
#: Section 18.1: USERHASH may, and must, stand for USERNAME.
ANONYMITY_FEATURE = 0x000002

_TWO = Struct(">HH")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


@frozen
class PasswordAlgorithm:
    """
    An algorithm that makes a key of a password (section 18.5).

    @ivar number: Its number, 16 bits.
    @ivar parameters: Its parameters; L{MD5} and L{SHA256} have none.
    """

    number: int
    parameters: bytes = field(default=b"")


#: The key is 16 bytes; that of RFC 5389, and of whoever names no algorithm.
MD5 = PasswordAlgorithm(0x0001)
#: The key is 32 bytes.
SHA256 = PasswordAlgorithm(0x0002)


def encodePasswordAlgorithm(algorithm: PasswordAlgorithm) -> bytes:
    """
    Return the value of PASSWORD-ALGORITHM.

    @raise LocalProtocolError: The number or the parameters do not fit into 16 bits.
    """
    parameters = algorithm.parameters
    if not 0 <= algorithm.number <= 0xFFFF or len(parameters) > 0xFFFF:
        raise LocalProtocolError(f"not a password algorithm: {algorithm.number!r}")
    head = _TWO.pack(algorithm.number, len(parameters))
    return head + parameters + _PADDING[len(parameters) & 3]


def encodePasswordAlgorithms(algorithms: tuple[PasswordAlgorithm, ...]) -> bytes:
    """
    Return the value of PASSWORD-ALGORITHMS.

    @param algorithms: What is offered, the best first.
    @raise LocalProtocolError: As L{encodePasswordAlgorithm}, or more than
        L{ALGORITHM_LIMIT} of them.
    """
    if len(algorithms) > ALGORITHM_LIMIT:
        raise LocalProtocolError(f"{len(algorithms)} password algorithms")
    return b"".join(encodePasswordAlgorithm(algorithm) for algorithm in algorithms)


def decodePasswordAlgorithms(value: bytes) -> tuple[PasswordAlgorithm, ...]:
    """
    Read the value of PASSWORD-ALGORITHMS: at least one algorithm, known here or not.

    The padding of the last one may be missing: it is the attribute's own.

    @raise MalformedMessage: None at all, a length lies, or more than
        L{ALGORITHM_LIMIT} of them.
    """
    algorithms: list[PasswordAlgorithm] = []
    offset = 0
    end = len(value)
    while offset < end or not algorithms:
        if end - offset < 4 or len(algorithms) == ALGORITHM_LIMIT:
            raise MalformedMessage("not a list of password algorithms")
        number, size = _TWO.unpack_from(value, offset)
        start = offset + 4
        if start + size > end:
            raise MalformedMessage("a password algorithm that does not fit its attribute")
        algorithms.append(PasswordAlgorithm(number, value[start : start + size]))
        offset = start + size + (-size & 3)
    return tuple(algorithms)


def decodePasswordAlgorithm(value: bytes) -> PasswordAlgorithm:
    """
    Read the value of PASSWORD-ALGORITHM.

    @raise MalformedMessage: Not exactly one algorithm.
    """
    algorithms = decodePasswordAlgorithms(value)
    if len(algorithms) != 1:
        raise MalformedMessage(f"a PASSWORD-ALGORITHM of {len(algorithms)} algorithms")
    return algorithms[0]


def encodeNonceCookie(features: int) -> bytes:
    """
    Return what a nonce with security features begins with, L{NONCE_COOKIE_LENGTH} bytes.

    @param features: 24 bits, such as L{PASSWORD_ALGORITHMS_FEATURE}.
    @raise LocalProtocolError: More bits than 24.
    """
    if not 0 <= features <= 0xFFFFFF:
        raise LocalProtocolError(f"not 24 bits of features: {features!r}")
    return NONCE_COOKIE + b64encode(features.to_bytes(3, "big"))


def decodeNonceCookie(nonce: bytes) -> int | None:
    """
    Return the security features that a nonce tells, C{None} where it tells none.

    @param nonce: The whole NONCE, any bytes.
    """
    if not nonce.startswith(NONCE_COOKIE):
        return None
    try:
        features = b64decode(nonce[len(NONCE_COOKIE) : NONCE_COOKIE_LENGTH])
    except ValueError:
        return None
    return int.from_bytes(features, "big") if len(features) == 3 else None
