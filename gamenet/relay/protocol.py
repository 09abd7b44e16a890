"""
The relay on the network: one UDP port for clients, one for each allocation.
"""

from __future__ import annotations

from twisted.logger import Logger

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.interfaces import Address, IDatagramSocket, IMachine
from gamenet.machine.alarm import Alarm
from gamenet.machine.sparse_log import SparseLog
from gamenet.relay.allocation import AllocationEnded, AllocationTable, EndReason
from gamenet.relay.answer_budget import AnswerBudget
from gamenet.relay.authentication import Authenticator
from gamenet.relay.counters import DropReason, RelayCounters
from gamenet.relay.methods import TurnMethods, WantedPorts
from gamenet.relay.nonce import NonceMint
from gamenet.relay.peer_policy import PeerPolicy, networks
from gamenet.relay.port_range import PortRange
from gamenet.relay.ports import RelayedPorts
from gamenet.relay.requests import UNDERSTOOD_ATTRIBUTES, Outcome, RequestDesk
from gamenet.relay.reservation import ReservationTable
from gamenet.relay.settings import RelaySettings
from gamenet.wire.stun import BINDING, MessageClass, StunMessage, decode
from gamenet.wire.turn import (
    RESERVATION_TOKEN_LENGTH,
    SEND_INDICATION,
    decodeChannelData,
    encodeChannelData,
    encodeDataIndication,
    readIndication,
)

__all__ = ["RelayServer"]

#: Where the Internet is; nothing is ever sent there (RFC 5737).
_INTERNET = "192.0.2.1"
_WILDCARDS = ("", "0.0.0.0")


class RelayServer:
    """
    A STUN and TURN server over UDP and IPv4.

    @ivar counters: What happened so far, L{RelayCounters}.
    @ivar address: Where it listens, once it is started.
    @ivar relay_host: The host of its relayed addresses, once it is started.
    """

    _log = Logger()

    def __init__(self, machine: IMachine, settings: RelaySettings) -> None:
        """
        @param machine: What it stands on.
        @param settings: How it is to be.
        """
        self._machine = machine
        self._settings = settings
        self._clock = machine.clock
        self.counters = RelayCounters()
        self._listener: IDatagramSocket | None = None
        self._alarm = Alarm(machine.clock, self._swept)
        self._sparse = SparseLog(self._log, machine.clock)

    def start(self) -> None:
        """
        Listen.

        @raise gamenet.errors.CannotBind: The address is taken or not ours.
        @raise LocalProtocolError: It listens already.
        """
        if self._listener is not None:
            raise LocalProtocolError("the relay is started already")
        settings = self._settings
        self.relay_host = self._relayHost()
        listener = self._machine.openDatagramSocket(
            self._clientDatagram, settings.interface, settings.port
        )
        self.address: Address = listener.address
        free = None if settings.port_range is None else PortRange(*settings.port_range)
        self._ports = RelayedPorts(
            self._machine, self.relay_host, self._peerDatagram, free, settings.open_attempts
        )
        own = dict.fromkeys((self.relay_host, self.address[0], *settings.own_addresses))
        policy = PeerPolicy(
            tuple(host for host in own if host not in _WILDCARDS),
            (self.address[1],),
            networks(settings.allow_peer),
        )
        self._table = AllocationTable(policy, settings.limits)
        self._reservations = ReservationTable(
            settings.reservations, settings.reservation_lifetime
        )
        nonces = NonceMint(self._machine.randomBytes(32), settings.nonce_lifetime)
        self._requests = RequestDesk(
            Authenticator(settings.secrets, settings.realm, nonces),
            TurnMethods(self._table, self._reservations, settings.last_channel),
            AnswerBudget(
                self._machine.randomBytes(32),
                settings.refusals_per_second,
                settings.refusals_burst,
            ),
        )
        self._indication_id = int.from_bytes(self._machine.randomBytes(12), "big")
        self._listener = listener
        self._log.info(
            "relay listens at {address} and relays from {relay_host}",
            address=self.address,
            relay_host=self.relay_host,
        )

    def stop(self) -> None:
        """Close every socket and forget every client.  Stopping twice is harmless."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        listener.close()
        self._ports.closeAll()
        self.counters.allocations_active = 0
        self._alarm.cancel()
        self._log.info("relay at {address} stopped", address=self.address)

    def _relayHost(self) -> str:
        settings = self._settings
        for host in (settings.relay_address, settings.interface):
            if host is not None and host not in _WILDCARDS:
                return host
        source: str = self._machine.sourceAddress(_INTERNET)
        return source

    def _clientDatagram(self, data: bytes, client: Address) -> None:
        first = data[0] if data else 255
        if 0x40 <= first <= 0x7F:
            self._channelData(data, client)
        elif first <= 3:
            self._stunMessage(data, client)
        else:
            self._drop(DropReason.NOT_STUN)

    def _channelData(self, data: bytes, client: Address) -> None:
        try:
            number, payload = decodeChannelData(data, self._settings.last_channel)
        except MalformedMessage:
            self._drop(DropReason.MALFORMED)
            return
        target = self._table.channelToPeer(client, number, self._clock.seconds())
        self._relayToPeer(target, payload)

    def _stunMessage(self, data: bytes, client: Address) -> None:
        try:
            message = decode(data)
        except MalformedMessage:
            self._drop(DropReason.MALFORMED)
            return
        now = self._clock.seconds()
        if (
            message.message_class is MessageClass.INDICATION
            and message.method == SEND_INDICATION
        ):
            self._sendIndication(message, client, now)
        else:
            self._request(message, len(data), client, now)

    def _sendIndication(self, message: StunMessage, client: Address, now: float) -> None:
        if message.unknownAttributes(UNDERSTOOD_ATTRIBUTES):
            self._drop(DropReason.UNKNOWN_ATTRIBUTE)
            return
        try:
            peer, payload = readIndication(message)
        except MalformedMessage:
            self._drop(DropReason.MALFORMED)
            return
        self._relayToPeer(self._table.sendToPeer(client, peer, now), payload)

    def _relayToPeer(self, target: tuple[int, Address] | DropReason, payload: bytes) -> None:
        if isinstance(target, DropReason):
            self._drop(target)
            return
        number, peer = target
        if self._ports.sockets[number].send(payload, peer):
            self.counters.packets_from_clients += 1
            self.counters.bytes_from_clients += len(payload)
        else:
            self._drop(DropReason.SEND_FAILED)

    def _peerDatagram(self, number: int, payload: bytes, peer: Address) -> None:
        target = self._table.toClient(number, peer, self._clock.seconds())
        if isinstance(target, DropReason):
            self._drop(target)
            return
        client, channel = target
        if channel:
            data = encodeChannelData(channel, payload)
        else:
            data = encodeDataIndication(self._nextIndicationId(), peer, payload)
        if self._send(data, client):
            self.counters.packets_to_clients += 1
            self.counters.bytes_to_clients += len(payload)

    def _request(self, message: StunMessage, size: int, client: Address, now: float) -> None:
        self._sweep(now)
        wall_now = self._machine.wallClock()
        outcome = self._requests.answer(message, size, client, now, wall_now)
        if outcome.wanted is not None:
            outcome = self._openPorts(outcome.wanted, now)
        self._count(message, outcome)
        if outcome.ended is not None:
            self._close(outcome.ended)
        if outcome.answer is not None:
            self._send(outcome.answer, client)
        active = len(self._table)
        if active > self.counters.allocations_active:
            self.counters.allocations_total += 1
            self._log.info("allocation for {client}, {active} now", client=client, active=active)
        self.counters.allocations_active = active
        self._arm()

    def _openPorts(self, wanted: WantedPorts, now: float) -> Outcome:
        ports = self._ports.open(wanted.even, wanted.pair)
        token = self._machine.randomBytes(RESERVATION_TOKEN_LENGTH) if wanted.pair else b""
        return self._requests.allocate(wanted, ports, token, now)

    def _count(self, message: StunMessage, outcome: Outcome) -> None:
        counters = self.counters
        if outcome.dropped is not None:
            self._drop(outcome.dropped)
            if outcome.dropped in (DropReason.RATE_LIMITED, DropReason.AMPLIFICATION):
                counters.unauthenticated += 1
        elif outcome.code:
            # A first request without a signature is refused to every client.
            if message.integrity is not None:
                self._sparse.note(f"{outcome.code}", "relay refused a signed request: {kind}")
            counters.refused[outcome.code] = counters.refused.get(outcome.code, 0) + 1
            if not outcome.authenticated:
                counters.unauthenticated += 1
        elif message.method == BINDING:
            counters.bindings += 1

    def _sweep(self, now: float) -> None:
        for ended in self._table.sweep(now):
            self._close(ended)
        for number in self._reservations.sweep(now):
            self._ports.close(number)
        self.counters.allocations_active = len(self._table)

    def _close(self, ended: AllocationEnded) -> None:
        self._ports.close(ended.number)
        if ended.reason is EndReason.EXPIRED:
            self.counters.allocations_expired += 1

    def _arm(self) -> None:
        dues = (self._table.nextDue(), self._reservations.nextDue())
        self._alarm.set(min((each for each in dues if each is not None), default=None))

    def _swept(self) -> None:
        now = self._clock.seconds()
        self._sweep(now)
        self._arm()

    def _send(self, data: bytes, client: Address) -> bool:
        if self._listener is not None and self._listener.send(data, client):
            return True
        self._drop(DropReason.SEND_FAILED)
        return False

    def _nextIndicationId(self) -> bytes:
        self._indication_id = (self._indication_id + 1) % (1 << 96)
        return self._indication_id.to_bytes(12, "big")

    def _drop(self, reason: DropReason) -> None:
        self.counters.dropped[reason] += 1
        self._sparse.note(reason.value, "relay dropped a datagram: {kind}")
