"""
Answers to Binding requests (RFC 8489), which anybody gets: never more than
L{BINDING_AMPLIFICATION_LIMIT} times as long as the request, since its sender may be forged.
"""

from __future__ import annotations

from collections.abc import Callable
from socket import AF_INET, inet_pton
from struct import Struct
from zlib import crc32

from attrs import field, frozen

from gamenet.errors import MalformedMessage
from gamenet.interfaces import Address
from gamenet.wire.nat_discovery import CHANGE_REQUEST, PADDING, encodeChangeRequest
from gamenet.wire.stun import BINDING, MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    MAGIC_COOKIE,
    UNKNOWN_ATTRIBUTE,
    UNKNOWN_ATTRIBUTES,
    XOR_MAPPED_ADDRESS,
    encodeErrorCode,
    encodeUnknownAttributes,
    encodeXorAddress,
)
from gamenet.wire.turn import UNDERSTOOD_ATTRIBUTES

__all__ = [
    "BINDING_AMPLIFICATION_LIMIT",
    "Attributes",
    "BindingAnswer",
    "answerBinding",
    "answerBindingRequest",
    "answerProbe",
    "bindingAnswers",
    "bindingRefusal",
    "bindingSuccess",
]

#: An answer is at most this many times as long as its request.
BINDING_AMPLIFICATION_LIMIT = 2.5

_HEADER = 20
_PRINT_SIZE = 8
_PRINT_MASK = 0x5354554E
_COOKIE = MAGIC_COOKIE.to_bytes(4, "big")
_PLAIN = b"\0\1\0\0" + _COOKIE
_PRINTED = b"\0\1\0\x08" + _COOKIE
_PRINT = b"\x80\x28\0\4"
_MAPPED_SIZES = {4: 12, 6: 24}
_XOR_IPV4 = b"\0\x20\0\x08"
_XOR_IPV6 = b"\0\x20\0\x14"
_PORT_MASK = 1 << 16 | MAGIC_COOKIE >> 16
#: The answer as far as XOR-MAPPED-ADDRESS over IPv4: header, family and port, host.
_WORD = Struct(">I")
_ANSWER = Struct(">8s12s4sII")
_CHECKSUM = Struct(">4sI")

#: Pairs of type and value.
Attributes = tuple[tuple[int, bytes], ...]


@frozen
class BindingAnswer:
    """
    What goes out for a Binding request.

    @ivar data: The datagram.
    @ivar destination: Where it goes to: the host that asked.
    @ivar origin: From which of the addresses of
        L{gamenet.stun_server.discovery.Discovery} it goes; C{None} is the socket that
        the request came to.
    @ivar code: The error code that it refuses with, 0 for none.
    """

    data: bytes = field(repr=False)
    destination: Address
    origin: Address | None = None
    code: int = 0


def bindingAnswers(told: Attributes = ()) -> Callable[[bytes, Address], bytes | None]:
    """
    Return a function that answers plain Binding requests in a hurry.

    It takes a datagram and where it came from, and returns what L{bindingSuccess}
    would; C{None} for whatever is not exactly a header, or a header and
    a right FINGERPRINT: that wants a closer look.

    @param told: Attributes for every answer that has room, the most important first,
        whose values are multiples of 4 bytes long.
    """
    header, tail, _ = _quickShape(4, False, told)
    printed_header, printed_tail, prints = _quickShape(4, True, told)
    ipv6_shapes = {20: _quickShape(6, False, told), 28: _quickShape(6, True, told)}
    pack, unpack = _ANSWER.pack, _WORD.unpack

    def answer(data: bytes, client: Address) -> bytes | None:
        size = len(data)
        if size == 20:
            if data[:8] != _PLAIN:
                return None
        elif (
            size != 28
            or data[:8] != _PRINTED
            or data[20:24] != _PRINT
            or int.from_bytes(data[24:], "big") != crc32(data[:20]) ^ _PRINT_MASK
        ):
            return None
        host, port = client
        if ":" in host:
            return _quickIpv6(data, client, ipv6_shapes[size])
        (number,) = unpack(inet_pton(AF_INET, host))
        number ^= MAGIC_COOKIE
        port ^= _PORT_MASK
        if size == 20:
            return pack(header, data[8:], _XOR_IPV4, port, number) + tail
        body = pack(printed_header, data[8:20], _XOR_IPV4, port, number) + printed_tail
        return _printed(body) if prints else body

    return answer


def answerBindingRequest(message: StunMessage, size: int, client: Address) -> BindingAnswer:
    """
    Answer any Binding request where there is no behavior discovery: with where it came
    from, or 420.

    An empty CHANGE-REQUEST is let pass: old clients put one into every request.

    @param message: The decoded request.
    @param size: Its bytes.
    @param client: Where it came from.
    """
    understood = UNDERSTOOD_ATTRIBUTES
    if message.first(CHANGE_REQUEST) == encodeChangeRequest(False, False):
        understood |= {CHANGE_REQUEST}
    unknown = message.unknownAttributes(understood)
    if unknown:
        return bindingRefusal(message, client, UNKNOWN_ATTRIBUTE, unknown)
    return BindingAnswer(bindingSuccess(message, size, client), client)


def answerProbe(data: bytes, client: Address) -> BindingAnswer | None:
    """
    Do all that a port does which answers Binding only.

    @param data: One datagram, any bytes.
    @param client: Where it came from.
    @return: C{None} for silence: it is no Binding request.
    """
    quick = answerBinding(data, client)
    if quick is not None:
        return BindingAnswer(quick, client)
    try:
        message = decode(data)
    except MalformedMessage:
        return None
    if message.method != BINDING or message.message_class is not MessageClass.REQUEST:
        return None
    return answerBindingRequest(message, len(data), client)


def bindingSuccess(
    message: StunMessage, size: int, client: Address, told: Attributes = (), padded: bool = False
) -> bytes:
    """
    Return a Binding success.

    XOR-MAPPED-ADDRESS is always in it, FINGERPRINT where the request has one; what there is
    no room for is left out, FINGERPRINT first and then C{told} from its end.

    @param message: The request.
    @param size: Its bytes; the answer has at most L{BINDING_AMPLIFICATION_LIMIT} times as many.
    @param client: Where it came from.
    @param told: Further attributes, the most important first, whose values are
        multiples of 4 bytes long.
    @param padded: Whether PADDING fills the answer as far as the length of the
        request and no farther.
    """
    mapped = (XOR_MAPPED_ADDRESS, encodeXorAddress(client, message.transaction_id))
    needed = _HEADER + _sizeOf(mapped)
    if padded and needed <= size:
        chosen, room, prints = _choose(size - needed, told, message.fingerprinted)
        if room >= 8:
            chosen += ((PADDING, bytes(room - 4 & ~3)),)
    else:
        limit = int(BINDING_AMPLIFICATION_LIMIT * size)
        chosen, _, prints = _choose(limit - needed, told, message.fingerprinted)
    success = StunMessage(
        BINDING, MessageClass.SUCCESS, message.transaction_id, (mapped, *chosen)
    )
    return encode(success, fingerprint=prints)


def bindingRefusal(
    message: StunMessage, client: Address, code: int, unknown_attributes: tuple[int, ...] = ()
) -> BindingAnswer:
    """
    Return a refusal of a Binding request.

    What a request can be refused for makes it long enough: the answer never is more than
    L{BINDING_AMPLIFICATION_LIMIT} times as long.

    @param message: The request.
    @param client: Where it came from.
    @param code: 400 or 420.
    @param unknown_attributes: With 420, the types that were not understood.
    """
    attributes: Attributes = ((ERROR_CODE, encodeErrorCode(code)),)
    if unknown_attributes:
        attributes += ((UNKNOWN_ATTRIBUTES, encodeUnknownAttributes(unknown_attributes)),)
    error = StunMessage(BINDING, MessageClass.ERROR, message.transaction_id, attributes)
    return BindingAnswer(encode(error, fingerprint=message.fingerprinted), client, code=code)


def _choose(room: int, told: Attributes, fingerprinted: bool) -> tuple[Attributes, int, bool]:
    """Return what of C{told} fits, the bytes that are left, and whether FINGERPRINT fits too."""
    for count, attribute in enumerate(told):
        if _sizeOf(attribute) > room:
            return told[:count], room, False
        room -= _sizeOf(attribute)
    if not fingerprinted or room < _PRINT_SIZE:
        return told, room, False
    return told, room - _PRINT_SIZE, True


def _sizeOf(attribute: tuple[int, bytes]) -> int:
    return 4 + len(attribute[1])


def _quickShape(version: int, fingerprinted: bool, told: Attributes) -> tuple[bytes, bytes, bool]:
    """Return the first 8 bytes of an answer, what follows XOR-MAPPED-ADDRESS, and whether
    FINGERPRINT comes then."""
    mapped = _MAPPED_SIZES[version]
    size = _HEADER + (_PRINT_SIZE if fingerprinted else 0)
    limit = int(BINDING_AMPLIFICATION_LIMIT * size)
    chosen, _, prints = _choose(limit - _HEADER - mapped, told, fingerprinted)
    tail = b"".join(
        kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for kind, value in chosen
    )
    length = mapped + len(tail) + (_PRINT_SIZE if prints else 0)
    return b"\1\1" + length.to_bytes(2, "big") + _COOKIE, tail, prints


def _quickIpv6(data: bytes, client: Address, shape: tuple[bytes, bytes, bool]) -> bytes:
    header, tail, prints = shape
    transaction_id = data[8:20]
    mapped = encodeXorAddress(client, transaction_id)
    body = header + transaction_id + _XOR_IPV6 + mapped + tail
    return _printed(body) if prints else body


def _printed(body: bytes) -> bytes:
    return body + _CHECKSUM.pack(_PRINT, crc32(body) ^ _PRINT_MASK)


#: What L{bindingAnswers} returns for a socket that tells XOR-MAPPED-ADDRESS alone.
answerBinding = bindingAnswers()
