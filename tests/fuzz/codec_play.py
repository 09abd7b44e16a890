"""
What has to be true of the codec, whatever the bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from gamenet.errors import MalformedMessage
from gamenet.stun_server.binding import answerBinding, answerProbe
from gamenet.stun_server.discovery import Discovery
from gamenet.wire import nat_discovery, password_algorithms, stun_attributes, turn
from gamenet.wire.stun import StunMessage, decode, encode
from gamenet.wire.turn_stream import LONGEST_STREAM_MESSAGE, TurnStreamDecoder
from tests.relay_bytes import attributesOf, checkEmitted, rawMessage

__all__ = ["framed", "playCodec"]

_READERS: tuple[Callable[[bytes], object], ...] = (
    turn.decodeLifetime,
    turn.decodeChannelNumber,
    turn.decodeTransport,
    turn.decodeAddressFamily,
    turn.decodeEvenPort,
    turn.decodeReservationToken,
    turn.decodeAddressErrorCode,
    turn.decodeChannelData,
    stun_attributes.decodeErrorCode,
    stun_attributes.decodeUnknownAttributes,
    nat_discovery.decodeAddress,
    nat_discovery.decodeChangeRequest,
    nat_discovery.decodeResponsePort,
    password_algorithms.decodePasswordAlgorithm,
    password_algorithms.decodePasswordAlgorithms,
    password_algorithms.decodeNonceCookie,
)
_CLIENTS = (("198.51.100.1", 1), ("2606:4700::7", 65_535))
_DISCOVERY = Discovery(("203.0.113.2", 3478), ("203.0.113.3", 3479))


def framed(data: bytes) -> bytes:
    """Return bytes behind the header of a message that is as long as they are."""
    body = data[2:65_000]
    body += bytes(-len(body) % 4)
    kind = int.from_bytes(data[:2].ljust(2, b"\0"), "big") & 0x3FFF
    return rawMessage(kind)[:2] + len(body).to_bytes(2, "big") + rawMessage(kind)[4:] + body


def playCodec(data: bytes) -> bool:
    """
    Read bytes in every way there is; return whether they are a STUN message.

    @raise AssertionError: Somebody was too generous, too strict, or not true to the bytes.
    """
    for reader in _READERS:
        _read(reader, data)
    _readStream(data)
    message = _read(decode, data)
    _answerBinding(data)
    if not isinstance(message, StunMessage):
        return False
    found = attributesOf(data)
    before: list[tuple[int, bytes]] = []
    for each in found:
        if each.kind in (0x0008, 0x001C):
            break
        if each.kind != 0x8028:
            before.append((each.kind, each.value))
    assert message.attributes == tuple(before), (message.attributes, before)
    again = encode(message, fingerprint=False)
    assert decode(again) == message
    checkEmitted(again)
    _read(turn.readIndication, message)
    for _, value in message.attributes:
        for reader in _READERS:
            _read(reader, value)
        _read(lambda read: stun_attributes.decodeXorAddress(read, message.transaction_id), value)
    return True


def _read(reader: Callable[..., object], value: object) -> object | None:
    try:
        return reader(value)
    except MalformedMessage:
        return None


def _readStream(data: bytes) -> None:
    """A stream in one piece is the same as byte by byte, and keeps no more than a message."""
    whole, pieces = TurnStreamDecoder(4096), TurnStreamDecoder(4096)
    found: list[bytes] = []
    broken = False
    for place in range(min(len(data), 5000)):
        try:
            found += pieces.feed(data[place : place + 1])
        except MalformedMessage:
            broken = True
            break
        assert len(pieces._buffer) <= 4096 + 3
    try:
        messages = whole.feed(data[:5000])
    except MalformedMessage:
        assert broken
        return
    assert not broken
    assert messages == found
    for message in messages:
        assert 4 <= len(message) <= LONGEST_STREAM_MESSAGE


def _answerBinding(data: bytes) -> None:
    """Every way of answering Binding answers the asker, and shortly."""
    for client in _CLIENTS:
        quick = answerBinding(data, client)
        probe = answerProbe(data, client)
        if quick is not None:
            assert probe is not None
            assert quick == probe.data
        message = _read(decode, data)
        if probe is None:
            continue
        assert isinstance(message, StunMessage)
        answers = [probe]
        if ":" not in client[0]:
            answers += [
                _DISCOVERY.answer(message, len(data), client, each) for each in _DISCOVERY.sockets
            ]
        for answer in answers:
            checkEmitted(answer.data)
            assert answer.destination[0] == client[0]
            assert len(answer.data) <= 2.5 * len(data)
