"""
NAT behavior discovery, the server's side of RFC 5780: two hosts with two ports
each, that answer for one another.

Whoever is asked sends one datagram at most, to the host that asked, and never
more than L{gamenet.stun_server.binding.BINDING_AMPLIFICATION_LIMIT} times what came.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from gamenet.errors import BadSetting, LocalProtocolError, MalformedMessage
from gamenet.interfaces import Address
from gamenet.stun_server.binding import (
    Attributes,
    BindingAnswer,
    bindingAnswers,
    bindingRefusal,
    bindingSuccess,
)
from gamenet.wire.nat_discovery import (
    CHANGE_REQUEST,
    MAPPED_ADDRESS,
    OTHER_ADDRESS,
    PADDING,
    RESPONSE_ORIGIN,
    RESPONSE_PORT,
    decodeChangeRequest,
    decodeResponsePort,
    encodeAddress,
)
from gamenet.wire.stun import StunMessage
from gamenet.wire.stun_attributes import BAD_REQUEST, UNKNOWN_ATTRIBUTE
from gamenet.wire.turn import UNDERSTOOD_ATTRIBUTES

__all__ = ["Discovery"]

_UNDERSTOOD = UNDERSTOOD_ATTRIBUTES | {CHANGE_REQUEST, PADDING, RESPONSE_PORT}


@frozen
class Discovery:
    """
    What four UDP sockets answer together.

    Addresses are those that clients know the sockets by: behind a 1:1 NAT the external ones.

    @ivar primary: Host and port.
    @ivar alternate: Another host and another port, of the same family.
    @ivar sockets: All four: the primary one, the primary host with the alternate
        port, the alternate host with the primary port, the alternate one.
    """

    primary: Address
    alternate: Address
    sockets: tuple[Address, ...] = field(init=False)
    _told: dict[tuple[Address, Address], Attributes] = field(init=False, eq=False, repr=False)
    _quick: dict[Address, Callable[[bytes, Address], bytes | None]] = field(
        init=False, eq=False, repr=False
    )

    @sockets.default
    def _listSockets(self) -> tuple[Address, ...]:
        hosts = (self.primary[0], self.alternate[0])
        ports = (self.primary[1], self.alternate[1])
        if hosts[0] == hosts[1] or ports[0] == ports[1] or 0 in ports:
            raise BadSetting(
                "behavior discovery needs two hosts and two ports, "
                f"not {self.primary!r} and {self.alternate!r}"
            )
        if (":" in hosts[0]) != (":" in hosts[1]):
            raise BadSetting(
                "behavior discovery needs two hosts of one family, "
                f"not {self.primary!r} and {self.alternate!r}"
            )
        return tuple((host, port) for host in hosts for port in ports)

    @_told.default
    def _encodeTold(self) -> dict[tuple[Address, Address], Attributes]:
        """Return what answers tell, by where the request arrived and where they come from."""
        try:
            encoded = {each: encodeAddress(each) for each in self.sockets}
        except LocalProtocolError as error:
            raise BadSetting(f"behavior discovery: {error}") from None
        return {
            (receiving, origin): (
                (OTHER_ADDRESS, encoded[self._changed(receiving, True, True)]),
                (RESPONSE_ORIGIN, encoded[origin]),
            )
            for receiving in self.sockets
            for origin in self.sockets
        }

    @_quick.default
    def _prepareQuick(self) -> dict[Address, Callable[[bytes, Address], bytes | None]]:
        return {each: bindingAnswers(self._told[each, each]) for each in self.sockets}

    def quickAnswer(self, data: bytes, client: Address, receiving: Address) -> bytes | None:
        """
        Answer a plain request in a hurry, from where it arrived; see
        L{gamenet.stun_server.binding.bindingAnswers}.

        @param data: The datagram.
        @param client: Where it came from.
        @param receiving: At which of C{sockets} it arrived.
        @return: C{None} where it is for L{answer}, or no Binding request at all.
        """
        return self._quick[receiving](data, client)

    def answer(
        self, message: StunMessage, size: int, client: Address, receiving: Address
    ) -> BindingAnswer:
        """
        Answer a Binding request that came over UDP.

        @param message: The decoded request.
        @param size: Its bytes.
        @param client: Where it came from.
        @param receiving: At which of C{sockets} it arrived.
        @return: With C{origin}, the one of C{sockets} to send from.
        """
        unknown = message.unknownAttributes(_UNDERSTOOD)
        if unknown:
            return bindingRefusal(message, client, UNKNOWN_ATTRIBUTE, unknown)
        try:
            destination, change = _readWishes(message, client)
        except MalformedMessage:
            return bindingRefusal(message, client, BAD_REQUEST)
        origin = self._changed(receiving, *change)
        told = self._told[receiving, origin]
        if message.attributes:
            # With it, a client sees whether somebody on the way rewrites addresses.
            told += ((MAPPED_ADDRESS, encodeAddress(client)),)
        padded = message.first(PADDING) is not None
        data = bindingSuccess(message, size, client, told, padded)
        return BindingAnswer(data, destination, origin)

    def _changed(self, receiving: Address, host: bool, port: bool) -> Address:
        """Return the socket with the other host, or port, or both."""
        here = self.sockets.index(receiving)
        return self.sockets[here ^ (2 if host else 0) ^ (1 if port else 0)]


def _readWishes(message: StunMessage, client: Address) -> tuple[Address, tuple[bool, bool]]:
    """
    Return where the answer is to go, and whether from the other host and the other port.

    @raise MalformedMessage: An attribute is malformed, or RESPONSE-PORT comes with
        PADDING (section 7.6).
    """
    port = message.first(RESPONSE_PORT)
    destination = client if port is None else (client[0], decodeResponsePort(port))
    if port is not None and message.first(PADDING) is not None:
        raise MalformedMessage("RESPONSE-PORT with PADDING")
    change = message.first(CHANGE_REQUEST)
    return destination, (False, False) if change is None else decodeChangeRequest(change)
