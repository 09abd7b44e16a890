"""
The data plane in plain Python: it reads and writes its sockets itself, and takes the
I{short cut} when a peer is a relayed address held here.

A packet from one client of this relay to another would leave through the sender's
relayed socket and come back through the receiver's.  The short cut hands it over
instead, to the very same code: same permissions on both sides, same quotas, same expiry.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from zope.interface import implementer

from gamenet.errors import CannotBind, LocalProtocolError
from gamenet.interfaces import Address, IDatagramSocket, IFragmentControl, IMachine
from gamenet.relay_plane.allowance import PACKET_OVERHEAD
from gamenet.relay_plane.counters import DropReason, RelayCounters
from gamenet.relay_plane.data_plane import (
    IDataPlane,
    IPlaneOwner,
    QuickAnswer,
    Reply,
    dropReason,
)
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import Grants
from gamenet.relay_plane.port_opener import RelayedPorts
from gamenet.relay_plane.port_range import PortRange
from gamenet.relay_plane.port_socket import LENGTHS, RelayedPortSocket
from gamenet.relay_plane.relay_host import RelayHost
from gamenet.relay_plane.relayed_port import RelayedPort
from gamenet.relay_plane.routing_table import Route, Routes, RoutingTable, portFor
from gamenet.wire.turn import CHANNEL_DATA_HEADER

__all__ = ["PythonPlane"]

#: Longer than any datagram.
_TOO_LONG = 65_540

_BINDING_REQUEST = b"\0\1"
#: The longest payload of a datagram over IPv4.  A stream can hold more; it is relayed
#: neither through a socket nor past one.
_LONGEST_PAYLOAD = 65_507
#: What ChannelData counts beside all its bytes, its own header among them.
_CHANNEL_OVERHEAD = PACKET_OVERHEAD - CHANNEL_DATA_HEADER


@define(eq=False)
class _Listener:
    """Where clients send to, or one client's stream."""

    reply: Reply
    routes: Routes = field(factory=dict)
    socket: IDatagramSocket | None = None
    answer: QuickAnswer | None = None


@implementer(IDataPlane)
class PythonPlane:
    """
    See the module.

    @ivar seconds: The clock.
    @ivar owner: The control plane.
    @ivar counters: What it counts in.
    @ivar keeps_whole: Whether datagrams can be kept from being fragmented (DONT-FRAGMENT).
    @ivar routing: Who may send where.
    """

    def __init__(
        self,
        machine: IMachine,
        owner: IPlaneOwner,
        counters: RelayCounters,
        hosts: dict[int, RelayHost],
        indication_id: int,
        short_cut: bool = True,
    ) -> None:
        """
        @param machine: What the sockets are opened on.
        @param owner: The control plane.
        @param counters: What to count in.
        @param hosts: By family, where relayed ports are.
        @param indication_id: The number before the first Data indication's transaction id.
        @param short_cut: Whether packets between two relayed ports skip their sockets.
        @raise gamenet.errors.CannotBind: Nothing can be opened at one of the hosts: found
            out now, and not by the first player.
        """
        self._machine = machine
        self.seconds: Callable[[], float] = machine.clock.seconds
        self.owner = owner
        self.counters = counters
        self.routing = RoutingTable(
            {host.local: host.told for host in hosts.values()}, owner.allowsPort, short_cut
        )
        self._indication_id = indication_id
        self._last_port = 0
        self._hosts = {family: self._openerFor(host) for family, host in hosts.items()}
        self.keeps_whole = all(self._keepsWhole(host.local) for host in hosts.values())
        self._listeners: dict[int, _Listener] = {}
        self._ports: dict[int, tuple[RelayedPorts[RelayedPortSocket], RelayedPortSocket]] = {}

    def listen(self, number: int, interface: str, port: int) -> Address:
        """See L{IDataPlane.listen}."""
        listener = _Listener(_nowhere)
        receive = self._receiver(number, listener)
        listener.socket = self._machine.openDatagramSocket(receive, interface, port)
        listener.reply = listener.socket.sender()
        self._listeners[number] = listener
        address: Address = listener.socket.address
        return address

    def answerAtOnce(self, number: int, answer: QuickAnswer) -> None:
        """See L{IDataPlane.answerAtOnce}."""
        self._listeners[number].answer = answer

    def connect(self, flow: Flow, send: Reply) -> None:
        """See L{IDataPlane.connect}."""
        self._listeners[flow.listener] = _Listener(send)

    def disconnect(self, flow: Flow) -> None:
        """See L{IDataPlane.disconnect}."""
        self._listeners.pop(flow.listener, None)

    def channelDataReceived(self, flow: Flow, message: bytes) -> None:
        """See L{IDataPlane.channelDataReceived}."""
        listener = self._listeners.get(flow.listener)
        route = None if listener is None else listener.routes.get((flow.address, message[:2]))
        if route is None:
            held = self.routing.find(flow) is not None
            self.owner.dropped(DropReason.NO_CHANNEL if held else DropReason.NO_ALLOCATION)
        elif len(message) > _LONGEST_PAYLOAD + CHANNEL_DATA_HEADER:
            self.owner.dropped(DropReason.SEND_FAILED)
        else:
            self._relay(route, message)

    def send(self, data: bytes, listener: int, address: Address) -> bool:
        """See L{IDataPlane.send}."""
        listening = self._listeners.get(listener)
        try:
            if listening is not None:
                listening.reply(data, address)
                return True
        except OSError:
            pass
        self.owner.dropped(DropReason.SEND_FAILED)
        return False

    def open(self, family: int, even: bool, pair: bool) -> tuple[RelayedPort, ...]:
        """See L{IDataPlane.open}."""
        ports = self._hosts.get(family)
        if ports is None:
            return ()
        opened = []
        for port in ports.open(even, pair):
            port.send = port.socket.sender()
            port.told = self.routing.toldForm(port.socket.address)
            self._ports[port.number] = (ports, port)
            opened.append(RelayedPort(port.number, port.told))
        return tuple(opened)

    def close(self, number: int) -> None:
        """See L{IDataPlane.close}."""
        ports, port = self._ports.pop(number, (None, None))
        if ports is not None and port is not None:
            self.routing.abandon(port)
            ports.close(port)

    def program(self, grants: Grants) -> None:
        """See L{IDataPlane.program}."""
        listener = self._listeners.get(grants.flow.listener)
        if listener is None:
            raise LocalProtocolError(f"nobody listens for {grants.flow}")
        ports = tuple(self._ports[number][1] for number in grants.ports)
        self.routing.program(grants, ports, listener.routes, listener.reply)

    def erase(self, flow: Flow) -> None:
        """See L{IDataPlane.erase}."""
        self.routing.erase(flow)

    def sendToPeer(self, flow: Flow, peer: Address, payload: bytes, whole: bool) -> None:
        """See L{IDataPlane.sendToPeer}."""
        routing = self.routing
        client = routing.find(flow)
        if client is None:
            self.owner.dropped(DropReason.NO_ALLOCATION)
            return
        guarded = client.hosts.get(peer[0])
        port = portFor(peer, client.ports)
        if guarded is None or port is None:
            self.owner.dropped(DropReason.NO_PERMISSION)
            return
        if peer[1] == 0 or (guarded and not routing.mayBePeer(peer)):
            self.owner.dropped(DropReason.PEER_FORBIDDEN)
            return
        size = len(payload)
        if size > _LONGEST_PAYLOAD:
            self.owner.dropped(DropReason.SEND_FAILED)
            return
        if not client.grants.allowance.spend(size + PACKET_OVERHEAD, self.seconds()):
            self.owner.dropped(DropReason.BANDWIDTH)
            return
        target = routing.live(peer) if routing.short_cut else None
        if target is not None:
            self.counters.short_cut_packets += 1
            target.receive(payload, port.told)
        elif not _sendOut(port, payload, routing.localForm(peer), whole):
            self.owner.dropped(DropReason.SEND_FAILED)
            return
        self.counters.packets_from_clients += 1
        self.counters.bytes_from_clients += size

    def stop(self) -> None:
        """See L{IDataPlane.stop}."""
        self.routing.clear()
        for listener in self._listeners.values():
            if listener.socket is not None:
                listener.socket.close()
        self._listeners.clear()
        for number in tuple(self._ports):
            self.close(number)

    def nextIndicationId(self) -> bytes:
        """Return the transaction id of the next Data indication."""
        self._indication_id = (self._indication_id + 1) % (1 << 96)
        return self._indication_id.to_bytes(12, "big")

    def _receiver(self, number: int, listener: _Listener) -> Callable[[bytes, Address], None]:
        """Return what takes every datagram of a listener."""
        relay = self._relay
        counters = self.counters
        lengths = LENGTHS
        overhead = PACKET_OVERHEAD
        find = listener.routes.get

        def received(data: bytes, client: Address) -> None:
            first = data[:2]
            route = find((client, first))
            if route is None:
                if first != _BINDING_REQUEST or not self._answered(listener, data, client):
                    self.owner.datagramReceived(data, number, client)
                return
            # Most packets are as long as they say, of a length that games have, and within
            # their allowances: what these need is written out here, at some 10 % of the cost
            # of everything.  The rest is for L{_relay}.
            size = len(data) - 4
            cost = size + overhead
            allowance = route.allowance
            target = route.target
            try:
                usual = data[2:4] == lengths[size] and allowance.left >= cost
            except IndexError:
                usual = False
            if not usual or (target is not None and route.name is None):
                relay(route, data)
                return
            allowance.left -= cost
            try:
                if target is None:
                    route.send(data[4:], route.peer)
                else:
                    self._handOver(target, route, data, size + 4)
            except OSError as error:
                self.owner.dropped(dropReason(error))
                if target is None:
                    return
            counters.packets_from_clients += 1
            counters.bytes_from_clients += size

        return received

    def _answered(self, listener: _Listener, data: bytes, client: Address) -> bool:
        """Answer a Binding request at once; return whether that was possible."""
        answer = None if listener.answer is None else listener.answer(data, client)
        if answer is None:
            return False
        if answer:
            try:
                listener.reply(answer, client)
            except OSError as error:
                self.owner.dropped(dropReason(error))
        return True

    def _relay(self, route: Route, data: bytes) -> None:
        """Relay ChannelData."""
        size = len(data)
        end = (data[2] << 8 | data[3]) + 4 if size > 3 else _TOO_LONG
        if not end <= size < end + 4:
            self.owner.dropped(DropReason.MALFORMED)
            return
        allowance = route.allowance
        allowance.left -= end + _CHANNEL_OVERHEAD
        if allowance.left < 0 and not allowance.refill(self.seconds()):
            self.owner.dropped(DropReason.BANDWIDTH)
            return
        counters = self.counters
        target = route.target
        try:
            if target is None:
                route.send(data[4:end], route.peer)
            else:
                self._handOver(target, route, data, end)
        except OSError as error:
            self.owner.dropped(dropReason(error))
            if target is None:
                return
        counters.packets_from_clients += 1
        counters.bytes_from_clients += end - 4

    def _handOver(self, target: RelayedPortSocket, route: Route, data: bytes, end: int) -> None:
        """Take the short cut: give ChannelData to the other client's relayed port."""
        counters = self.counters
        counters.short_cut_packets += 1
        theirs = target.allowance
        if route.name is None or theirs is None or theirs.left < end + _CHANNEL_OVERHEAD:
            target.receive(data[4:end], route.origin)
            return
        theirs.left -= end + _CHANNEL_OVERHEAD
        target.reply(route.name + data[2:end], target.client)
        counters.packets_to_clients += 1
        counters.bytes_to_clients += end - 4

    def _keepsWhole(self, host: str) -> bool:
        try:
            socket = self._machine.openDatagramSocket(_nowhere, host)
        except CannotBind as error:
            raise CannotBind(f"nothing can be relayed from {host}: {error}") from error
        control = IFragmentControl(socket, None)
        keeps = control is not None and bool(control.keeps_whole)
        socket.close()
        return keeps

    def _openerFor(self, host: RelayHost) -> RelayedPorts[RelayedPortSocket]:
        free = None if host.port_range is None else PortRange(*host.port_range)
        return RelayedPorts(self._machine, host.local, self._makePort, free, host.attempts)

    def _makePort(self) -> RelayedPortSocket:
        self._last_port += 1
        return RelayedPortSocket(self, self._last_port)


def _nowhere(data: bytes, address: Address) -> None:
    """Take a datagram for nobody."""


def _sendOut(port: RelayedPortSocket, payload: bytes, peer: Address, whole: bool) -> bool:
    if whole:
        control = IFragmentControl(port.socket, None)
        return control is not None and bool(control.sendWhole(payload, peer))
    try:
        port.send(payload, peer)
    except OSError:
        return False
    return True
