"""
The relay on the network: what comes from clients, and what the tables decide.

The packets themselves are moved by a data plane (L{gamenet.relay_plane.data_plane}).
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from zope.interface import implementer

from gamenet.errors import GamenetError, LocalProtocolError, MalformedMessage
from gamenet.interfaces import Address, IMachine
from gamenet.machine.alarm import Alarm
from gamenet.machine.sparse_log import SparseLog
from gamenet.relay.control_plane import peerPolicy, requestDesk
from gamenet.relay.drain import Drain
from gamenet.relay.peer_policy import networks
from gamenet.relay.relay_hosts import relayHosts
from gamenet.relay.settings import RelaySettings
from gamenet.relay.stream_clients import RelayStream, RelayStreamFactory
from gamenet.relay_plane.counters import DropReason, RelayCounters
from gamenet.relay_plane.data_plane import IPlaneOwner
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import Effect, PortsClosed
from gamenet.relay_plane.python_plane import PythonPlane
from gamenet.stun_server.binding_budget import BindingBudget
from gamenet.stun_server.binding_sockets import BindingSockets
from gamenet.wire.stun import BINDING, MessageClass, StunMessage, decode, hasMagicCookie
from gamenet.wire.turn import (
    DONT_FRAGMENT,
    RESERVATION_TOKEN_LENGTH,
    SEND_INDICATION,
    decodeChannelData,
    readIndication,
)
from gamenet.wire.turn_transport import Transport

__all__ = ["RelayServer"]

_BINDING_REQUEST = b"\0\1"


@implementer(IPlaneOwner)
class RelayServer:
    """
    A STUN and TURN server.

    @ivar clock: The machine's.
    @ivar counters: What happened so far, L{RelayCounters}.
    @ivar addresses: Where it listens over UDP, once it is started.
    @ivar probe_addresses: Where it answers Binding requests only.
    @ivar alternate: The second address of RFC 5780, C{None} without one.
    @ivar relay_hosts: The hosts of its relayed addresses, as clients know them.
    @ivar streams: Makes the streams of clients over TCP and TLS: listen with it.
    """

    _log = Logger()

    def __init__(self, machine: IMachine, settings: RelaySettings) -> None:
        """
        @param machine: What it stands on.
        @param settings: How it is to be.
        """
        self._machine = machine
        self._settings = settings
        self.clock = machine.clock
        self.counters = RelayCounters()
        self.addresses: tuple[Address, ...] = ()
        self.probe_addresses: tuple[Address, ...] = ()
        self.alternate: Address | None = None
        self.relay_hosts: tuple[str, ...] = ()
        self.streams = RelayStreamFactory(self, settings.streams)
        self._connected: dict[int, RelayStream] = {}
        self._listeners = 0
        self._plane: PythonPlane | None = None
        self._drain = Drain(machine.clock, settings.drain_limit)
        self._alarm = Alarm(machine.clock, self.sweep)
        self._sparse = SparseLog(self._log, machine.clock)

    @property
    def address(self) -> Address:
        """Where it listens first, once it is started."""
        return self.addresses[0]

    @property
    def draining(self) -> bool:
        """Whether it takes no new allocations any more."""
        return self._drain.begun

    def start(self) -> None:
        """
        Listen over UDP.

        @raise gamenet.errors.CannotBind: An address is taken or not ours; then nothing is open.
        @raise gamenet.errors.BadSetting: A secret, a user or a rule cannot be; likewise.
        @raise LocalProtocolError: It listens already.
        """
        if self._plane is not None:
            raise LocalProtocolError("the relay is started already")
        settings = self._settings
        machine = self._machine
        hosts = relayHosts(settings, machine)
        plane = self._plane = PythonPlane(
            machine,
            self,
            self.counters,
            hosts,
            int.from_bytes(machine.randomBytes(12), "big"),
            settings.short_cut,
        )
        self._bindings = BindingSockets(
            machine,
            self,
            plane,
            BindingBudget(machine.randomBytes(16), settings.bindings_per_second),
            self.counters,
        )
        try:
            self._listen(plane)
            listeners = (*self.addresses, *self._bindings.addresses)
            policy = peerPolicy(settings, hosts, listeners, machine.isOwnAddress)
            self._desk = requestDesk(
                settings,
                machine.randomBytes,
                policy,
                tuple(hosts),
                plane.keeps_whole,
                self.counters,
            )
        except GamenetError:
            self._bindings.close()
            plane.stop()
            self._plane = None
            raise
        self.relay_hosts = tuple(host.told for host in hosts.values())
        self._table = self._desk.methods.table
        self._log.info(
            "relay listens at {addresses} and relays from {relay_hosts}",
            addresses=self.addresses,
            relay_hosts=self.relay_hosts,
        )

    def stop(self) -> Deferred[None]:
        """
        Close every socket and forget every client.  Stopping twice is harmless.

        @return: Fires when the last answers to clients on streams have left, too.
        """
        plane, self._plane = self._plane, None
        if plane is None:
            return succeed(None)
        closed = self.streams.closeAll()
        self._bindings.close()
        plane.stop()
        self.counters.nothingActive()
        self._alarm.cancel()
        self._log.info("relay at {addresses} stopped", addresses=self.addresses)
        self._drain.end()
        self._drain = Drain(self.clock, self._settings.drain_limit)
        return closed

    def reload(self, settings: RelaySettings) -> None:
        """
        Take other secrets, users and rules for peers.  Allocations stay; permissions that a
        new rule refuses end.

        @param settings: Only its C{secrets}, C{users}, C{allow_peer} and C{deny_peer} count.
        @raise gamenet.errors.BadSetting: One cannot work; then nothing has changed.
        @raise LocalProtocolError: The relay is not started.
        """
        self._requireStarted()
        policy = evolve(
            self._table.policy,
            allowed=networks(settings.allow_peer),
            denied=networks(settings.deny_peer),
        )
        self._desk.authenticator.reload(settings.secrets, settings.users)
        self._settings = self._settings.reloaded(settings)
        self.sweep()
        self._apply(self._table.usePolicy(policy), self.clock.seconds())
        self._settle()

    def drain(self) -> Deferred[None]:
        """
        Take no new allocations any more.

        @return: Fires when the last allocation is gone, after C{drain_limit} seconds, or
            when the relay is stopped.  Every call returns a new one.
        @raise LocalProtocolError: The relay is not started.
        """
        self._requireStarted()
        self._desk.draining = True
        return self._drain.begin(self.counters.allocations_active)

    def status(self) -> dict[str, object]:
        """Return what is now and what was counted: names, and what JSON can hold."""
        return {
            "draining": self.draining,
            **self.counters.asDict(),
        }

    def newListener(self) -> int:
        """Return a number that no listener and no stream had before."""
        self._listeners += 1
        return self._listeners

    def datagramReceived(self, data: bytes, listener: int, client: Address) -> None:
        """Take what is no ChannelData of a bound channel; called by the data plane."""
        first = data[0] if data else 255
        if data[:2] == _BINDING_REQUEST:
            self._bindings.requested(data, listener, client)
        elif first <= 3:
            try:
                message = decode(data, self._settings.limits.attributes)
            except MalformedMessage:
                self.dropped(DropReason.MALFORMED)
                return
            self._messageReceived(message, len(data), Flow(listener, client))
        elif 0x40 <= first <= 0x7F:
            self._unboundChannelData(data, Flow(listener, client))
        else:
            self.dropped(DropReason.NOT_STUN)

    def streamConnected(self, flow: Flow, stream: RelayStream) -> None:
        """A client has connected; called by its stream."""
        if self._plane is None:
            stream.close()
            return
        self._connected[flow.listener] = stream
        self._plane.connect(flow, stream.send)

    def streamMessageReceived(self, message: bytes, flow: Flow) -> bool:
        """
        Take one message of a stream; called by it.

        @return: Whether it was one; the stream is closed where it was not.
        """
        plane = self._plane
        if plane is None:
            return False
        if message[0] >= 0x40:
            plane.channelDataReceived(flow, message)
            return True
        try:
            decoded = decode(message, self._settings.limits.attributes)
        except MalformedMessage:
            self.dropped(DropReason.MALFORMED)
            # Where it ends is known: what follows can be read, and an allocation is worth it.
            return hasMagicCookie(message)
        if decoded.method == BINDING and decoded.message_class is MessageClass.REQUEST:
            answer = self._bindings.streamed(decoded, len(message), flow.address)
            self._connected[flow.listener].answer(answer)
        else:
            self._messageReceived(decoded, len(message), flow)
        return True

    def streamLost(self, flow: Flow) -> None:
        """A client's stream has ended, and its allocation with it; called by the stream."""
        self._connected.pop(flow.listener, None)
        plane = self._plane
        if plane is None:
            return
        now = self.clock.seconds()
        self._apply(self._desk.disconnected(flow, now), now)
        plane.disconnect(flow)
        self._settle()

    def sweep(self) -> None:
        """Let end what ends by now; called by the alarm."""
        now = self.clock.seconds()
        self._apply(self._desk.sweep(now), now)
        self._settle()

    def allowsPort(self, peer: Address) -> bool:
        """See L{IPlaneOwner.allowsPort}."""
        return self._table.policy.allowsPort(peer, False)

    def dropped(self, reason: DropReason) -> None:
        """Count a packet that went nowhere, and say so now and then."""
        self.counters.dropped[reason] += 1
        self._sparse.note(reason.value, "relay dropped a packet: {kind}")

    def _requireStarted(self) -> None:
        if self._plane is None:
            raise LocalProtocolError("the relay is not started")

    def _listen(self, plane: PythonPlane) -> None:
        settings = self._settings
        numbers = [self.newListener() for _ in settings.udp]
        self.addresses = tuple(
            plane.listen(number, *address)
            for number, address in zip(numbers, settings.udp, strict=True)
        )
        for number in numbers:
            self._bindings.answerAt(number)
        self.probe_addresses = tuple(map(self._bindings.openProbe, settings.probe_ports))
        if settings.alternate is not None:
            self.alternate = self._bindings.openDiscovery(
                numbers[0], self.addresses[0], settings.alternate
            )

    def _messageReceived(self, message: StunMessage, size: int, flow: Flow) -> None:
        if (
            message.message_class is MessageClass.INDICATION
            and message.method == SEND_INDICATION
        ):
            self._sendIndication(message, flow)
        else:
            self._request(message, size, flow)

    def _unboundChannelData(self, data: bytes, flow: Flow) -> None:
        try:
            decodeChannelData(data, self._settings.last_channel)
        except MalformedMessage:
            self.dropped(DropReason.MALFORMED)
        else:
            held = self._table.find(flow, self.clock.seconds()) is not None
            self.dropped(DropReason.NO_CHANNEL if held else DropReason.NO_ALLOCATION)

    def _sendIndication(self, message: StunMessage, flow: Flow) -> None:
        if message.unknownAttributes(self._desk.understood):
            self.dropped(DropReason.UNKNOWN_ATTRIBUTE)
            return
        try:
            peer, payload = readIndication(message)
        except MalformedMessage:
            self.dropped(DropReason.MALFORMED)
            return
        if self._plane is not None:
            whole = message.first(DONT_FRAGMENT) is not None
            peer = self._table.policy.canonicalPeer(peer)
            self._plane.sendToPeer(flow, peer, payload, whole)

    def _request(self, message: StunMessage, size: int, flow: Flow) -> None:
        now = self.clock.seconds()
        plane = self._plane
        desk = self._desk
        outcome = desk.answer(message, size, flow, now, self._machine.wallClock())
        self._apply(outcome.effects, now)
        wanted = outcome.wanted
        if wanted is not None and plane is not None:
            opened = {
                family: plane.open(family, wanted.even, wanted.pair)
                for family in wanted.families
            }
            token = self._machine.randomBytes(RESERVATION_TOKEN_LENGTH) if wanted.pair else b""
            outcome = desk.allocate(wanted, opened, token, now)
            self._apply(outcome.effects, now)
            if not outcome.code:
                self._log.info(
                    "allocation for {client} over {transport}, {active} now",
                    client=flow.address,
                    transport=flow.transport.value,
                    active=self.counters.allocations_active,
                )
        if outcome.dropped is not None:
            self._sparse.note(outcome.dropped.value, "relay dropped a packet: {kind}")
        elif outcome.code and message.integrity is not None:
            # A first request without a signature is refused to every client.
            self._sparse.note(f"{outcome.code}", "relay refused a signed request: {kind}")
        if outcome.answer is not None:
            self._answer(outcome.answer, flow)
        self._settle()

    def _answer(self, data: bytes, flow: Flow) -> None:
        if flow.transport is Transport.UDP:
            if self._plane is not None:
                self._plane.send(data, flow.listener, flow.address)
            return
        stream = self._connected.get(flow.listener)
        if stream is not None:
            stream.answer(data)

    def _apply(self, effects: Iterable[Effect], now: float) -> None:
        plane = self._plane
        if plane is None:
            return
        for effect in effects:
            flow = effect.flow
            allocation = self._table.find(flow, now)
            if isinstance(effect, PortsClosed):
                if effect.ended:
                    plane.erase(flow)
                for number in effect.numbers:
                    plane.close(number)
            elif allocation is not None:
                plane.program(self._table.grants(allocation))
            stream = self._connected.get(flow.listener)
            if stream is not None:
                stream.allocated(allocation is not None)

    def _settle(self) -> None:
        """After the tables have changed: plan the next sweep, and notice the end of a drain."""
        self._alarm.set(self._desk.nextDue())
        self._drain.check(self.counters.allocations_active)
