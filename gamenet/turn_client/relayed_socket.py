"""
A relayed transport address, used as if it were a socket of ours.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from gamenet.errors import GamenetError, LocalProtocolError
from gamenet.interfaces import Address, DatagramReceiver, DatagramSender, IDatagramSocket
from gamenet.turn_client.keep_alive import KeepAlive, Withdrawn
from gamenet.turn_client.raising_sender import raisingSender
from gamenet.turn_client.requests import Ask
from gamenet.wire.turn import encodeChannelData, encodeSendIndication

__all__ = ["RelayedSocket"]

_LONGEST_DATAGRAM = 65_507


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
    """

    addresses: tuple[Address, ...]
    mapped_address: Address
    _sendDatagram: Callable[[bytes], bool]
    _ended: Callable[[bool], None]
    _receiver: DatagramReceiver
    _indication_id: int
    _clock: IReactorTime
    _ask: Ask
    _lifetime: int
    _peers_limit: int
    packets_sent: int = field(init=False, default=0)
    packets_received: int = field(init=False, default=0)
    packets_ignored: int = field(init=False, default=0)
    send_errors: int = field(init=False, default=0)
    _lost: GamenetError | None = field(init=False, default=None)
    _watchers: list[Deferred[GamenetError]] = field(init=False, factory=list)
    _keep_alive: KeepAlive = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin to keep it alive."""
        self._keep_alive = KeepAlive(
            self._clock, self._ask, self._loseTo, self._lifetime, self._peers_limit
        )

    @property
    def closed(self) -> bool:
        """Whether it is closed or lost."""
        return self._keep_alive.stopped

    @property
    def withdrawn(self) -> Withdrawn:
        """Who hears of a permission or a channel that the relay refuses to go on with."""
        return self._keep_alive.withdrawn

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
        number = self._keep_alive.bound.get(address)
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
        return raisingSender(self.send, "the relayed socket sends nothing")

    def permit(self, host: str) -> Deferred[None]:
        """
        Let a host send to us through the relay, and us to it, until the socket closes.

        @param host: Numeric.
        @return: Fires when it may.  Fails with L{RelayRefused}, or with
            L{LocalProtocolError} where the host is not numeric, the socket is
            closed, there are too many (those asked for count), or it is revoked
            while it is asked for.
        """
        return self._keep_alive.permit(host)

    def bindChannel(self, peer: Address) -> Deferred[int]:
        """
        Bind a channel to a peer, which costs four bytes a packet instead of
        36, until the socket closes.  It permits the peer's host too.

        @param peer: Numeric.
        @return: Fires with the channel's number when it is bound.  Fails as
            L{permit} does.
        """
        return self._keep_alive.bindChannel(peer)

    def revoke(self, host: str) -> None:
        """
        Ask for a host's permission no more; it ends at the relay within 300 s.  Channels
        of that host go on, and keep it permitted.
        """
        self._keep_alive.revoke(host)

    def unbindChannel(self, peer: Address) -> None:
        """
        Ask for a peer's channel no more; it ends at the relay within 600 s, and what comes
        over it is ignored.  Its number rests as RFC 8656 wants it.
        """
        self._keep_alive.unbindChannel(peer)

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
        self._keep_alive.verify()

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
        peer = self._keep_alive.numbers.peer_of.get(number)
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

    def _loseTo(self, error: GamenetError) -> None:
        self._lost = error
        watchers, self._watchers = self._watchers, []
        self._end(False)
        for watcher in watchers:
            watcher.callback(error)

    def _end(self, farewell: bool) -> None:
        self._keep_alive.stop()
        self._ended(farewell)
