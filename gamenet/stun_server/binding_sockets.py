"""
Who answers Binding requests: every listener, the ports that answer nothing else, and the
four sockets of RFC 5780.
"""

from __future__ import annotations

from functools import partial

from gamenet.errors import MalformedMessage
from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket, IMachine
from gamenet.relay_plane.counters import DropReason, RelayCounters
from gamenet.relay_plane.data_plane import IDataPlane, IPlaneOwner, QuickAnswer
from gamenet.stun_server.binding import (
    BindingAnswer,
    answerBinding,
    answerBindingRequest,
    answerProbe,
)
from gamenet.stun_server.binding_budget import BindingBudget
from gamenet.stun_server.discovery import Discovery
from gamenet.wire.stun import BINDING, MessageClass, StunMessage, decode

__all__ = ["BindingSockets"]

_BINDING_INDICATION = b"\0\x11"


class BindingSockets:
    """
    The Binding side of one relay.
    """

    def __init__(
        self,
        machine: IMachine,
        owner: IPlaneOwner,
        plane: IDataPlane,
        budget: BindingBudget,
        counters: RelayCounters,
    ) -> None:
        """
        @param machine: What further sockets are opened on.
        @param owner: Told of what is dropped.
        @param plane: Sends from the listeners.
        @param budget: Who still gets an answer.
        @param counters: What to count in.
        """
        self._counters = counters
        self._machine = machine
        self._owner = owner
        self._plane = plane
        self._budget = budget
        self._seconds = machine.clock.seconds
        self._sockets: list[IDatagramSocket] = []
        self._discovery: Discovery | None = None
        self._primary: int | None = None
        self._primary_address: Address | None = None
        self._others: dict[Address, IDatagramSocket] = {}

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where the further sockets are."""
        return tuple(socket.address for socket in self._sockets)

    def openProbe(self, address: Address) -> Address:
        """
        Open a port that answers Binding requests only.

        @return: Where it is.
        @raise gamenet.errors.CannotBind: It cannot be had.
        """
        place: list[IDatagramSocket] = []
        socket = self._open(lambda data, client: self._probed(place[0], data, client), address)
        place.append(socket)
        opened: Address = socket.address
        return opened

    def openDiscovery(self, listener: int, primary: Address, alternate: Address) -> Address:
        """
        Open the three further sockets of behavior discovery (RFC 5780, section 6).

        @param listener: The number of the listener at the primary address.
        @param primary: Where that listens.
        @param alternate: The other address, other in host and port; port 0 lets the
            system choose.
        @return: The alternate address.
        @raise gamenet.errors.CannotBind: One cannot be had.
        """
        other_host = self._openOther((alternate[0], alternate[1]))
        alternate = other_host.address
        self._openOther((primary[0], alternate[1]))
        self._openOther((alternate[0], primary[1]))
        self._discovery = Discovery(primary, alternate)
        self._primary = listener
        self._primary_address = primary
        self.answerAt(listener, partial(self._discovery.quickAnswer, receiving=primary))
        return alternate

    def answerAt(self, listener: int, answer: QuickAnswer = answerBinding) -> None:
        """
        Answer the plain requests at a listener at once.

        @param answer: Makes the answers.
        """
        take, seconds = self._budget.take, self._seconds
        counters = self._counters

        def answerInBudget(data: bytes, client: Address) -> bytes | None:
            made = answer(data, client)
            if made is None:
                return None
            if not take(client[0], seconds()):
                self._owner.dropped(DropReason.BINDING_RATE_LIMITED)
                return b""
            counters.bindings += 1
            return made

        self._plane.answerAtOnce(listener, answerInBudget)

    def requested(self, data: bytes, listener: int, client: Address) -> None:
        """
        Answer a Binding request that came to a listener over UDP and wants a closer look.

        @param data: The datagram; it begins as a Binding request does.
        """
        if not self._mayAnswer(client):
            return
        at_primary = listener == self._primary
        answer = self._consider(data, client, self._primary_address if at_primary else None)
        if answer is not None:
            socket = None if answer.origin is None else self._others.get(answer.origin)
            if socket is None:
                sent = self._plane.send(answer.data, listener, answer.destination)
            else:
                sent = socket.send(answer.data, answer.destination)
            self._count(answer, sent)

    def streamed(self, message: StunMessage, size: int, client: Address) -> bytes:
        """
        Answer a Binding request that came over a stream, whose address cannot be forged.

        @param message: The request.
        @param size: Its bytes.
        """
        answer = answerBindingRequest(message, size, client)
        self._count(answer, True)
        return answer.data

    def close(self) -> None:
        """Close every further socket."""
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()
        self._others.clear()

    def _open(self, receive: DatagramReceiver, address: Address) -> IDatagramSocket:
        socket = self._machine.openDatagramSocket(receive, *address)
        self._sockets.append(socket)
        return socket

    def _openOther(self, address: Address) -> IDatagramSocket:
        place: list[Address] = []
        socket = self._open(partial(self._discovered, place), address)
        place.append(socket.address)
        self._others[socket.address] = socket
        return socket

    def _probed(self, socket: IDatagramSocket, data: bytes, client: Address) -> None:
        if not self._mayAnswer(client):
            return
        answer = answerProbe(data, client)
        if answer is None:
            self._ignore(data)
        else:
            self._count(answer, socket.send(answer.data, answer.destination))

    def _discovered(self, place: list[Address], data: bytes, client: Address) -> None:
        if data[:2] != b"\0\1":
            self._ignore(data)
            return
        if not self._mayAnswer(client):
            return
        receiving = place[0]
        answer = self._consider(data, client, receiving)
        if answer is None:
            return
        origin = receiving if answer.origin is None else answer.origin
        if origin == self._primary_address and self._primary is not None:
            sent = self._plane.send(answer.data, self._primary, answer.destination)
        else:
            sent = self._others[origin].send(answer.data, answer.destination)
        self._count(answer, sent)

    def _ignore(self, data: bytes) -> None:
        """Count what is not answered, but for Binding indications: they want no answer."""
        if data[:2] != _BINDING_INDICATION:
            self._owner.dropped(DropReason.UNKNOWN_METHOD)

    def _mayAnswer(self, client: Address) -> bool:
        if self._budget.take(client[0], self._seconds()):
            return True
        self._owner.dropped(DropReason.BINDING_RATE_LIMITED)
        return False

    def _consider(
        self, data: bytes, client: Address, receiving: Address | None
    ) -> BindingAnswer | None:
        try:
            message = decode(data)
        except MalformedMessage:
            self._owner.dropped(DropReason.MALFORMED)
            return None
        if message.message_class is not MessageClass.REQUEST or message.method != BINDING:
            self._owner.dropped(DropReason.NOT_A_REQUEST)
            return None
        if receiving is None or self._discovery is None:
            return answerBindingRequest(message, len(data), client)
        return self._discovery.answer(message, len(data), client, receiving)

    def _count(self, answer: BindingAnswer, sent: bool) -> None:
        if not sent:
            return
        if answer.code:
            refused = self._counters.refused
            refused[answer.code] = refused.get(answer.code, 0) + 1
        else:
            self._counters.bindings += 1
