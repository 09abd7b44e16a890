"""
TURN as bytes: RFC 8656, its methods and attributes (sections 17 and 18) and
ChannelData (section 12.4).

Everything is pure.  The relay reads and answers with it, its client asks with
it; the messages themselves are L{gamenet.wire.stun}'s.
"""

from __future__ import annotations

from struct import Struct

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.interfaces import Address
from gamenet.wire import stun_attributes
from gamenet.wire.nat_discovery import MAPPED_ADDRESS
from gamenet.wire.stun import MessageClass, StunMessage, encode
from gamenet.wire.stun_attributes import (
    ErrorCode,
    decodeErrorCode,
    decodeXorAddress,
    encodeErrorCode,
    encodeXorAddress,
)

__all__ = [
    "ADDITIONAL_ADDRESS_FAMILY",
    "ADDRESS_ERROR_CODE",
    "ALLOCATE",
    "ALLOCATION_MISMATCH",
    "ALLOCATION_QUOTA_REACHED",
    "CHANNEL_BIND",
    "CHANNEL_DATA_HEADER",
    "CHANNEL_NUMBER",
    "CONNECT",
    "CONNECTION_BIND",
    "CONNECTION_ID",
    "CREATE_PERMISSION",
    "DATA",
    "DATA_INDICATION",
    "DONT_FRAGMENT",
    "DRAFT_ADDITIONAL_ADDRESS_FAMILY",
    "EVEN_PORT",
    "FIRST_CHANNEL",
    "FORBIDDEN",
    "INSUFFICIENT_CAPACITY",
    "IPV4_FAMILY",
    "IPV6_FAMILY",
    "LAST_CHANNEL",
    "LAST_CHANNEL_OF_RFC_5766",
    "LIFETIME",
    "MOBILITY_FORBIDDEN",
    "MOBILITY_TICKET",
    "PEER_FAMILY_MISMATCH",
    "REFRESH",
    "REQUESTED_ADDRESS_FAMILY",
    "REQUESTED_TRANSPORT",
    "RESERVATION_TOKEN",
    "RESERVATION_TOKEN_LENGTH",
    "SEND_INDICATION",
    "TCP_TRANSPORT",
    "UDP_TRANSPORT",
    "UNDERSTOOD_ATTRIBUTES",
    "UNSUPPORTED_FAMILY",
    "UNSUPPORTED_TRANSPORT",
    "WRONG_CREDENTIALS",
    "XOR_PEER_ADDRESS",
    "XOR_RELAYED_ADDRESS",
    "decodeAddressErrorCode",
    "decodeAddressFamily",
    "decodeChannelData",
    "decodeChannelNumber",
    "decodeEvenPort",
    "decodeLifetime",
    "decodeReservationToken",
    "decodeTransport",
    "encodeAddressErrorCode",
    "encodeAddressFamily",
    "encodeChannelData",
    "encodeChannelNumber",
    "encodeDataIndication",
    "encodeEvenPort",
    "encodeLifetime",
    "encodeSendIndication",
    "encodeTransport",
    "familyOf",
    "readIndication",
]

ALLOCATE = 0x003
REFRESH = 0x004
SEND_INDICATION = 0x006
DATA_INDICATION = 0x007
CREATE_PERMISSION = 0x008
CHANNEL_BIND = 0x009
#: What RFC 6062 asks for: connections to and from peers.
CONNECT = 0x00A
CONNECTION_BIND = 0x00B

CHANNEL_NUMBER = 0x000C
LIFETIME = 0x000D
XOR_PEER_ADDRESS = 0x0012
DATA = 0x0013
XOR_RELAYED_ADDRESS = 0x0016
REQUESTED_ADDRESS_FAMILY = 0x0017
EVEN_PORT = 0x0018
REQUESTED_TRANSPORT = 0x0019
DONT_FRAGMENT = 0x001A
RESERVATION_TOKEN = 0x0022
CONNECTION_ID = 0x002A
ADDITIONAL_ADDRESS_FAMILY = 0x8000
ADDRESS_ERROR_CODE = 0x8001
#: ADDITIONAL-ADDRESS-FAMILY as drafts of RFC 8656 had it; coturn 4.6's clients still do.
DRAFT_ADDITIONAL_ADDRESS_FAMILY = 0x8032
#: What RFC 8016 asks for: an allocation that follows its client to another address.
MOBILITY_TICKET = 0x8030

FORBIDDEN = 403
MOBILITY_FORBIDDEN = 405
ALLOCATION_MISMATCH = 437
UNSUPPORTED_FAMILY = 440
WRONG_CREDENTIALS = 441
UNSUPPORTED_TRANSPORT = 442
PEER_FAMILY_MISMATCH = 443
ALLOCATION_QUOTA_REACHED = 486
INSUFFICIENT_CAPACITY = 508

#: The first and the last number that a channel can have (section 12).
FIRST_CHANNEL = 0x4000
LAST_CHANNEL = 0x4FFF
#: The last number that it can have where a client is older than RFC 8656; coturn's
#: C{turnutils_uclient} is.  Only where no other protocol shares the port (RFC 7983).
LAST_CHANNEL_OF_RFC_5766 = 0x7FFF
#: Bytes before the data of a ChannelData message.
CHANNEL_DATA_HEADER = 4
#: REQUESTED-TRANSPORT's numbers.
TCP_TRANSPORT = 6
UDP_TRANSPORT = 17
IPV4_FAMILY = 1
IPV6_FAMILY = 2
#: Bytes of a RESERVATION-TOKEN.
RESERVATION_TOKEN_LENGTH = 8

_CHANNEL = Struct(">HH")
_LIFETIME = Struct(">I")
_CHANNEL_NUMBER = Struct(">Hxx")


def encodeChannelData(number: int, data: bytes) -> bytes:
    """
    Return a ChannelData message as it goes over UDP, unpadded.

    @param number: The channel, not checked: this is called for every packet.
    @param data: At most 65 535 bytes.
    """
    return _CHANNEL.pack(number, len(data)) + data


def decodeChannelData(data: bytes, last: int = LAST_CHANNEL) -> tuple[int, bytes]:
    """
    Read a ChannelData message that came over UDP, padded to four bytes or not.

    @param data: One whole datagram.
    @param last: The last number that a channel can have.
    @return: The channel and the data.
    @raise MalformedMessage: No such channel can exist, or the length lies.
    """
    if len(data) < CHANNEL_DATA_HEADER:
        raise MalformedMessage(f"a ChannelData message of {len(data)} bytes")
    number, length = _CHANNEL.unpack_from(data)
    if not FIRST_CHANNEL <= number <= last:
        raise MalformedMessage(f"no channel can be {number:#06x}")
    if not 0 <= len(data) - CHANNEL_DATA_HEADER - length <= 3:
        raise MalformedMessage(f"a ChannelData length of {length} in {len(data)} bytes")
    return number, data[CHANNEL_DATA_HEADER : CHANNEL_DATA_HEADER + length]


def encodeSendIndication(transaction_id: bytes, peer: Address, data: bytes) -> bytes:
    """
    Return a Send indication: from a client to be relayed to a peer (section 11.1).

    @param transaction_id: 12 bytes.
    @param peer: Where to.
    @param data: What.
    """
    return _encodeIndication(SEND_INDICATION, transaction_id, peer, data)


def encodeDataIndication(transaction_id: bytes, peer: Address, data: bytes) -> bytes:
    """
    Return a Data indication: relayed to a client from a peer (section 11.3).

    @param transaction_id: 12 bytes.
    @param peer: Where from.
    @param data: What.
    """
    return _encodeIndication(DATA_INDICATION, transaction_id, peer, data)


def _encodeIndication(method: int, transaction_id: bytes, peer: Address, data: bytes) -> bytes:
    return encode(
        StunMessage(
            method,
            MessageClass.INDICATION,
            transaction_id,
            ((XOR_PEER_ADDRESS, encodeXorAddress(peer, transaction_id)), (DATA, data)),
        )
    )


def readIndication(message: StunMessage) -> tuple[Address, bytes]:
    """
    Return the peer and the data of a Send or Data indication.

    @raise MalformedMessage: One of the two is missing, or the address is none.
    """
    peer = message.first(XOR_PEER_ADDRESS)
    data = message.first(DATA)
    if peer is None or data is None:
        raise MalformedMessage("an indication without XOR-PEER-ADDRESS or DATA")
    return decodeXorAddress(peer, message.transaction_id), data


def encodeLifetime(seconds: int) -> bytes:
    """
    Return the value of LIFETIME.

    @param seconds: From 0 to 2**32 - 1.
    @raise LocalProtocolError: It is not.
    """
    if not 0 <= seconds <= 0xFFFFFFFF:
        raise LocalProtocolError(f"not a lifetime: {seconds!r}")
    return _LIFETIME.pack(seconds)


def decodeLifetime(value: bytes) -> int:
    """
    Read the value of LIFETIME.

    @raise MalformedMessage: Not 4 bytes.
    """
    _expectLength(value, 4, "LIFETIME")
    return int.from_bytes(value, "big")


def encodeChannelNumber(number: int) -> bytes:
    """
    Return the value of CHANNEL-NUMBER.

    @param number: From 0 to 65 535.
    """
    return _CHANNEL_NUMBER.pack(number)


def decodeChannelNumber(value: bytes) -> int:
    """
    Read the value of CHANNEL-NUMBER, which may be out of the range of channels.

    @raise MalformedMessage: Not 4 bytes.
    """
    _expectLength(value, 4, "CHANNEL-NUMBER")
    return int.from_bytes(value[:2], "big")


def encodeTransport(protocol: int = UDP_TRANSPORT) -> bytes:
    """
    Return the value of REQUESTED-TRANSPORT.

    @param protocol: An IP protocol number.
    """
    return bytes((protocol, 0, 0, 0))


def decodeTransport(value: bytes) -> int:
    """
    Read the value of REQUESTED-TRANSPORT.

    @return: An IP protocol number, L{UDP_TRANSPORT} or another.
    @raise MalformedMessage: Not 4 bytes.
    """
    _expectLength(value, 4, "REQUESTED-TRANSPORT")
    return value[0]


def encodeAddressFamily(family: int) -> bytes:
    """
    Return the value of REQUESTED-ADDRESS-FAMILY or ADDITIONAL-ADDRESS-FAMILY.

    @param family: L{IPV4_FAMILY} or L{IPV6_FAMILY}.
    """
    return bytes((family, 0, 0, 0))


def decodeAddressFamily(value: bytes) -> int:
    """
    Read the value of REQUESTED-ADDRESS-FAMILY or ADDITIONAL-ADDRESS-FAMILY.

    @return: L{IPV4_FAMILY}, L{IPV6_FAMILY} or another.
    @raise MalformedMessage: Not 4 bytes.
    """
    _expectLength(value, 4, "an address family")
    return value[0]


def encodeAddressErrorCode(family: int, code: int, reason: str | None = None) -> bytes:
    """
    Return the value of ADDRESS-ERROR-CODE (section 18.13): why there is no relayed
    address of one family.

    @param family: L{IPV4_FAMILY} or L{IPV6_FAMILY}.
    @param code: 300 to 699.
    @param reason: As in L{gamenet.wire.stun_attributes.encodeErrorCode}.
    """
    return bytes((family,)) + encodeErrorCode(code, reason)[1:]


def decodeAddressErrorCode(value: bytes) -> tuple[int, ErrorCode]:
    """
    Read the value of ADDRESS-ERROR-CODE.

    @return: The family, and the error.
    @raise MalformedMessage: As L{gamenet.wire.stun_attributes.decodeErrorCode}.
    """
    error = decodeErrorCode(value)
    return value[0], error


def familyOf(host: str) -> int:
    """
    Return the address family of a numeric host.

    @param host: Not checked: this is called for every peer.
    """
    return IPV6_FAMILY if ":" in host else IPV4_FAMILY


def encodeEvenPort(reserve: bool) -> bytes:
    """
    Return the value of EVEN-PORT.

    @param reserve: Whether the next higher port is wanted too (the R bit).
    """
    return b"\x80" if reserve else b"\0"


def decodeEvenPort(value: bytes) -> bool:
    """
    Read the value of EVEN-PORT.

    @return: Whether the next higher port is to be reserved.
    @raise MalformedMessage: Not 1 byte.
    """
    _expectLength(value, 1, "EVEN-PORT")
    return value[0] & 0x80 != 0


def decodeReservationToken(value: bytes) -> bytes:
    """
    Read the value of RESERVATION-TOKEN.

    @raise MalformedMessage: Not L{RESERVATION_TOKEN_LENGTH} bytes.
    """
    _expectLength(value, RESERVATION_TOKEN_LENGTH, "RESERVATION-TOKEN")
    return value


def _expectLength(value: bytes, length: int, name: str) -> None:
    if len(value) != length:
        raise MalformedMessage(f"{name} of {len(value)} bytes")


#: The comprehension-required attributes that a server of STUN and TURN understands.
UNDERSTOOD_ATTRIBUTES = frozenset(
    [
        MAPPED_ADDRESS,
        stun_attributes.USERNAME,
        stun_attributes.ERROR_CODE,
        stun_attributes.UNKNOWN_ATTRIBUTES,
        stun_attributes.REALM,
        stun_attributes.NONCE,
        stun_attributes.PASSWORD_ALGORITHM,
        stun_attributes.USERHASH,
        stun_attributes.XOR_MAPPED_ADDRESS,
        CHANNEL_NUMBER,
        LIFETIME,
        XOR_PEER_ADDRESS,
        DATA,
        XOR_RELAYED_ADDRESS,
        REQUESTED_ADDRESS_FAMILY,
        EVEN_PORT,
        REQUESTED_TRANSPORT,
        DONT_FRAGMENT,
        RESERVATION_TOKEN,
        CONNECTION_ID,
    ]
)
