"""
A relayed transport address, used as if it were a socket of ours.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.errors import GamenetError, LocalProtocolError, RelayRefused
from gamenet.interfaces import Address, DatagramReceiver, DatagramSender, IDatagramSocket
from gamenet.turn_client.channel_numbers import ChannelNumbers
from gamenet.turn_client.credential import Attributes
from gamenet.turn_client.requests import Ask, readLifetime
from gamenet.wire.stun import StunMessage
from gamenet.wire.stun_attributes import BAD_REQUEST, encodeXorAddress
from gamenet.wire.turn import (
    ALLOCATION_MISMATCH,
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    CREATE_PERMISSION,
    REFRESH,
    WRONG_CREDENTIALS,
    XOR_PEER_ADDRESS,
    encodeChannelData,
    encodeChannelNumber,
    encodeSendIndication,
)

__all__ = ["PEER_REFRESH", "REFRESH_LEAD", "RelayedSocket"]

#: Seconds between two refreshes of a permission (which last 300) or a channel (600, but
#: the permission within it 300).
PEER_REFRESH = 240.0
#: Seconds before an allocation ends that its refresh begins, so that every
#: retransmission fits in between; half of a lifetime that is shorter than twice that.
REFRESH_LEAD = 60.0

_LONGEST_DATAGRAM = 65_507
#: The codes that say that there is no allocation of ours any more; 0 is silence.
_FATAL = (0, ALLOCATION_MISMATCH, WRONG_CREDENTIALS)


@implementer(IDatagramSocket)
@define(eq=False)
class RelayedSocket:
    """
    An allocation.  Made by L{gamenet.turn_client.client.TurnClient.allocate}, and
    kept alive, with every permission and channel, until it is closed or lost.

    @ivar addresses: The relayed transport addresses, which peers send to; one a family.
    @ivar mapped_address: Where the relay sees us: our server-reflexive address.
    @ivar packets_sent: Packets given to the relay to be relayed.
    @ivar packets_received: Packets that the relay relayed to us.
    @ivar packets_ignored: What it sent over no channel of ours.
    @ivar send_errors: Packets that could not be sent.
    @ivar closed: Whether it is closed or lost.
    """

    _log = Logger()

    addresses: tuple[Address, ...]
    mapped_address: Address
    _clock: IReactorTime
    _ask: Ask
    _sendDatagram: Callable[[bytes], bool]
    _ended: Callable[[bool], None]
    _receiver: DatagramReceiver
    _indication_id: int
    _lifetime: int
    _peers_limit: int
    packets_sent: int = field(init=False, default=0)
    packets_received: int = field(init=False, default=0)
    packets_ignored: int = field(init=False, default=0)
    send_errors: int = field(init=False, default=0)
    closed: bool = field(init=False, default=False)
    _lost: GamenetError | None = field(init=False, default=None)
    _watchers: list[Deferred[GamenetError]] = field(init=False, factory=list)
    _refresh_due: float = field(init=False, default=0.0)
    _permission_dues: dict[str, float] = field(init=False, factory=dict)
    _channel_dues: dict[Address, float] = field(init=False, factory=dict)
    _numbers: ChannelNumbers = field(init=False, factory=ChannelNumbers)
    _bound: dict[Address, int] = field(init=False, factory=dict)
    _binding: dict[Address, list[Deferred[int]]] = field(init=False, factory=dict)
    _timer: IDelayedCall | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Plan the first refresh."""
        self._refreshIn(self._lifetime)

    @property
    def address(self) -> Address:
        """The first of C{addresses}."""
        return self.addresses[0]

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """
        Have a packet relayed: as ChannelData where a channel is bound to the
        peer, else in a Send indication.  Without a permission the relay drops it.

        @param data: The packet.
        @param address: The peer, numeric.
        @param ttl: Ignored: a relay decides its own.
        @return: Whether it left for the relay; C{False} once the socket is closed.
        """
        number = self._bound.get(address)
        packet = None
        if not self.closed and len(data) <= _LONGEST_DATAGRAM:
            if number is None:
                packet = self._sendIndication(data, address)
            else:
                packet = encodeChannelData(number, data)
        if packet is None or not self._sendDatagram(packet):
            self.send_errors += 1
            return False
        self.packets_sent += 1
        return True

    def sender(self) -> DatagramSender:
        """Return L{send}, as what raises C{OSError} where that says C{False}."""

        def give(data: bytes, address: Address) -> object:
            if not self.send(data, address):
                raise OSError("the relayed socket sends nothing")
            return None

        return give

    def permit(self, host: str) -> Deferred[None]:
        """
        Let a host send to us through the relay, and us to it, until the socket closes.

        @param host: Numeric.
        @return: Fires when it may.  Fails with L{RelayRefused}, or with
            L{LocalProtocolError} where the host is not numeric, the socket is
            closed, or there are too many.
        """
        if host in self._permission_dues and not self.closed:
            return succeed(None)
        try:
            self._checkRoom(len(self._permission_dues))
        except LocalProtocolError:
            return fail()
        return self._askPermission(host)

    def bindChannel(self, peer: Address) -> Deferred[int]:
        """
        Bind a channel to a peer, which costs four bytes a packet instead of
        36, until the socket closes.  It permits the peer's host too.

        @param peer: Numeric.
        @return: Fires with the channel's number when it is bound.  Fails as
            L{permit} does.
        """
        if peer in self._bound and not self.closed:
            return succeed(self._bound[peer])
        try:
            if peer not in self._numbers.number_of:
                self._checkRoom(len(self._numbers))
            encodeXorAddress(peer, bytes(12))
            self._numbers.take(peer, self._clock.seconds())
        except LocalProtocolError:
            return fail()
        bound: Deferred[int] = Deferred()
        waiting = self._binding.get(peer)
        if waiting is not None:
            waiting.append(bound)
            return bound
        self._binding[peer] = [bound]
        self._askChannel(peer).addBoth(self._channelAnswered, peer)
        return bound

    def revoke(self, host: str) -> None:
        """
        Ask for a host's permission no more; it ends at the relay within 300 s.  Channels
        of that host go on, and keep it permitted.
        """
        self._permission_dues.pop(host, None)

    def unbindChannel(self, peer: Address) -> None:
        """
        Ask for a peer's channel no more; it ends at the relay within 600 s, and what comes
        over it is ignored.  Its number rests as RFC 8656 wants it.
        """
        self._bound.pop(peer, None)
        self._channel_dues.pop(peer, None)
        self._numbers.release(peer)

    def whenLost(self) -> Deferred[GamenetError]:
        """
        Tell when the allocation is no more though nobody closed it.

        @return: Fires with the reason, an instance of L{GamenetError}; never
            after L{close}.
        """
        if self._lost is not None:
            return succeed(self._lost)
        watcher: Deferred[GamenetError] = Deferred()
        self._watchers.append(watcher)
        return watcher

    def verify(self) -> None:
        """
        Ask the relay now whether the allocation is still there, for example because
        nothing comes through it; L{whenLost} fires where it is not.
        """
        if not self.closed and self._refresh_due != float("inf"):
            self._refresh_due = self._clock.seconds()
            self._plan()

    def close(self) -> None:
        """Give the relayed address back; L{gamenet.turn_client.client.TurnClient} sees to it."""
        if not self.closed:
            self._end(True)

    def lose(self, error: GamenetError) -> None:
        """Be lost, for what the client heard otherwise; called by it."""
        if not self.closed:
            self._loseTo(error)

    def channelDataReceived(self, number: int, data: bytes) -> None:
        """Take what came over a channel; called by the client."""
        peer = self._numbers.peer_of.get(number)
        if peer is None or self.closed:
            self.packets_ignored += 1
            return
        self.packets_received += 1
        self._receiver(data, peer)

    def dataIndicationReceived(self, peer: Address, data: bytes) -> None:
        """Take what came in a Data indication; called by the client."""
        if self.closed:
            self.packets_ignored += 1
            return
        self.packets_received += 1
        self._receiver(data, peer)

    def _sendIndication(self, data: bytes, peer: Address) -> bytes | None:
        self._indication_id = (self._indication_id + 1) % (1 << 96)
        try:
            return encodeSendIndication(self._indication_id.to_bytes(12, "big"), peer, data)
        except LocalProtocolError:
            return None

    def _checkRoom(self, count: int) -> None:
        if self.closed:
            raise LocalProtocolError("the relayed socket is closed")
        if count >= self._peers_limit:
            raise LocalProtocolError(f"more than {self._peers_limit} peers of one relayed socket")

    def _askPermission(self, host: str) -> Deferred[None]:
        def attributes(transaction_id: bytes) -> Attributes:
            return ((XOR_PEER_ADDRESS, encodeXorAddress((host, 0), transaction_id)),)

        def granted(answer: StunMessage) -> None:
            self._permission_dues[host] = self._clock.seconds() + PEER_REFRESH
            self._plan()

        def refreshed(answer: StunMessage) -> None:
            if host in self._permission_dues:
                granted(answer)

        renewal = host in self._permission_dues
        asked = self._ask(CREATE_PERMISSION, attributes).addErrback(self._refused)
        return asked.addCallback(refreshed if renewal else granted)

    def _askChannel(self, peer: Address) -> Deferred[int]:
        number = self._numbers.number_of[peer]

        def attributes(transaction_id: bytes) -> Attributes:
            return (
                (CHANNEL_NUMBER, encodeChannelNumber(number)),
                (XOR_PEER_ADDRESS, encodeXorAddress(peer, transaction_id)),
            )

        def granted(answer: StunMessage) -> int:
            now = self._clock.seconds()
            if not self._numbers.bound(peer, now):
                raise LocalProtocolError("the channel was given up while it was asked for")
            self._bound[peer] = number
            self._channel_dues[peer] = now + PEER_REFRESH
            self._plan()
            return number

        asked = self._ask(CHANNEL_BIND, attributes).addErrback(self._refused)
        return asked.addCallback(granted)

    def _channelAnswered(self, result: int | Failure, peer: Address) -> None:
        waiting = self._binding.pop(peer)
        if isinstance(result, Failure) and not self.closed and peer not in self._bound:
            self.unbindChannel(peer)
        for each in waiting:
            if isinstance(result, Failure):
                each.errback(result)
            else:
                each.callback(result)

    def _askRefresh(self) -> Deferred[None]:
        def granted(answer: StunMessage) -> None:
            self._refreshIn(readLifetime(answer))

        return self._ask(REFRESH, lambda _: ()).addErrback(self._refused).addCallback(granted)

    def _refused(self, failure: Failure) -> Failure:
        error = failure.value
        if isinstance(error, RelayRefused) and not self.closed:
            if error.code in _FATAL:
                self._loseTo(error)
            elif error.code == BAD_REQUEST:
                # coturn 4.6.1 says so where there is no allocation; only Refresh gets 437.
                self.verify()
        return failure

    def _refreshIn(self, lifetime: int) -> None:
        lead = min(REFRESH_LEAD, lifetime / 2)
        self._refresh_due = self._clock.seconds() + lifetime - lead
        self._plan()

    def _plan(self) -> None:
        if self.closed:
            return
        dues = (self._refresh_due, *self._permission_dues.values(), *self._channel_dues.values())
        due = min(dues)
        if self._timer is not None:
            if self._timer.getTime() <= due:
                return
            self._timer.cancel()
        if due != float("inf"):
            delay = max(0.0, due - self._clock.seconds())
            self._timer = self._clock.callLater(delay, self._keepAlive)

    def _keepAlive(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        if self._refresh_due <= now:
            self._refresh_due = float("inf")
            self._askRefresh().addErrback(self._refreshFailed)
        for host in [each for each, due in self._permission_dues.items() if due <= now]:
            self._permission_dues[host] = float("inf")
            self._askPermission(host).addErrback(self._permissionFailed, host)
        for peer in [each for each, due in self._channel_dues.items() if due <= now]:
            self._channel_dues[peer] = float("inf")
            self._askChannel(peer).addErrback(self._channelFailed, peer)
        self._plan()

    def _refreshFailed(self, failure: Failure) -> None:
        failure.trap(GamenetError)
        if isinstance(failure.value, GamenetError) and not self.closed:
            self._loseTo(failure.value)

    def _permissionFailed(self, failure: Failure, host: str) -> None:
        failure.trap(GamenetError)
        if self._permission_dues.pop(host, None) is not None:
            self._sayDropped(failure, host)

    def _channelFailed(self, failure: Failure, peer: Address) -> None:
        failure.trap(GamenetError)
        if peer in self._bound:
            self.unbindChannel(peer)
            self._sayDropped(failure, peer[0])

    def _sayDropped(self, failure: Failure, host: str) -> None:
        if not self.closed:
            self._log.warn(
                "the relay no longer relays to {host}: {reason}",
                host=host,
                reason=failure.getErrorMessage(),
            )

    def _loseTo(self, error: GamenetError) -> None:
        self._lost = error
        watchers, self._watchers = self._watchers, []
        self._end(False)
        for watcher in watchers:
            watcher.callback(error)

    def _end(self, farewell: bool) -> None:
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._ended(farewell)
