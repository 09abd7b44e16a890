"""
Keeping an allocation alive, with its permissions and its channels (RFC 8656, sections 8, 9
and 12): what the relay is asked for, when, and what becomes of that.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from gamenet.errors import GamenetError, LocalProtocolError, RelayRefused
from gamenet.interfaces import Address
from gamenet.machine.alarm import Alarm
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
    encodeChannelNumber,
)

__all__ = ["PEER_REFRESH", "REFRESH_LEAD", "KeepAlive", "Withdrawn"]

#: Seconds between two refreshes of a permission (which last 300) or a channel (600, but
#: the permission within it 300).
PEER_REFRESH = 240.0
#: Seconds before an allocation ends that its refresh begins, so that every
#: retransmission fits in between; half of a lifetime that is shorter than twice that.
REFRESH_LEAD = 60.0

#: The codes that say that there is no allocation of ours any more; 0 is silence.
_FATAL = (0, ALLOCATION_MISMATCH, WRONG_CREDENTIALS)
#: The due time of what is being asked for.
_ASKED = float("inf")


@define(eq=False)
class Withdrawn:
    """
    Who hears of what the relay granted and refuses to go on with.

    @ivar permission: Called with the host and the L{GamenetError}.
    @ivar channel: Called with the peer and the L{GamenetError}.
    """

    permission: Callable[[str, GamenetError], object] = lambda host, error: None
    channel: Callable[[Address, GamenetError], object] = lambda peer, error: None


@define(eq=False)
class KeepAlive:
    """
    One allocation's refreshes, permissions and channels, until L{stop}.

    @ivar peers_limit: Most permissions, and most channels; those asked for count.
    @ivar numbers: The numbers of the channels, from when they are asked for.
    @ivar bound: The number of each peer whose channel is bound.
    @ivar withdrawn: Who hears of what is not granted any more.
    @ivar stopped: Whether nothing is kept any more.
    """

    _log = Logger()

    _clock: IReactorTime
    _ask: Ask
    #: Called with why there is no allocation any more.
    _lost: Callable[[GamenetError], object]
    _lifetime: int
    peers_limit: int
    numbers: ChannelNumbers = field(factory=ChannelNumbers)
    bound: dict[Address, int] = field(init=False, factory=dict)
    withdrawn: Withdrawn = field(init=False, factory=Withdrawn)
    stopped: bool = field(init=False, default=False)
    _refresh_due: float = field(init=False, default=0.0)
    _permission_dues: dict[str, float] = field(init=False, factory=dict)
    _channel_dues: dict[Address, float] = field(init=False, factory=dict)
    _permitting: dict[str, list[Deferred[None]]] = field(init=False, factory=dict)
    _binding: dict[Address, list[Deferred[int]]] = field(init=False, factory=dict)
    _alarm: Alarm = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Plan the first refresh."""
        self._alarm = Alarm(self._clock, self._ring)
        self._refreshIn(self._lifetime)

    def permit(self, host: str) -> Deferred[None]:
        """
        Have a host permitted from now on.

        @return: Fires when it is.  Fails with L{RelayRefused}, or with
            L{LocalProtocolError} where the host is not numeric, nothing is kept any more,
            there are too many, or it is revoked meanwhile.
        """
        waiting = self._permitting.get(host)
        wanted = host in self._permission_dues
        if wanted and waiting is None and not self.stopped:
            return succeed(None)
        try:
            self._checkRoom(len(self._permission_dues) - wanted)
            encodeXorAddress((host, 0), bytes(12))
        except LocalProtocolError:
            return fail()
        permitted: Deferred[None] = Deferred()
        self._permission_dues[host] = _ASKED
        if waiting is not None:
            waiting.append(permitted)
            return permitted
        self._permitting[host] = [permitted]
        self._askPermission(host).addBoth(self._permissionAnswered, host)
        return permitted

    def bindChannel(self, peer: Address) -> Deferred[int]:
        """
        Have a channel bound to a peer from now on.

        @return: Fires with its number when it is.  Fails as L{permit} does.
        """
        if peer in self.bound and not self.stopped:
            return succeed(self.bound[peer])
        try:
            self._checkRoom(len(self.numbers) - (peer in self.numbers.number_of))
            encodeXorAddress(peer, bytes(12))
            self.numbers.take(peer, self._clock.seconds())
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
        """Ask for a host's permission no more, nor take the one that is being asked for."""
        self._permission_dues.pop(host, None)

    def unbindChannel(self, peer: Address) -> None:
        """Ask for a peer's channel no more, and let its number rest."""
        self.bound.pop(peer, None)
        self._channel_dues.pop(peer, None)
        self.numbers.release(peer)

    def verify(self) -> None:
        """Refresh the allocation as soon as possible; nothing where that is being done."""
        if not self.stopped and self._refresh_due != _ASKED:
            self._refresh_due = self._clock.seconds()
            self._plan()

    def stop(self) -> None:
        """Keep nothing any more; no timer is left."""
        self.stopped = True
        self._alarm.cancel()

    def _checkRoom(self, count: int) -> None:
        if self.stopped:
            raise LocalProtocolError("the relayed socket is closed")
        if count >= self.peers_limit:
            raise LocalProtocolError(f"more than {self.peers_limit} peers of one relayed socket")

    def _askPermission(self, host: str) -> Deferred[None]:
        def attributes(transaction_id: bytes) -> Attributes:
            return ((XOR_PEER_ADDRESS, encodeXorAddress((host, 0), transaction_id)),)

        def granted(answer: StunMessage) -> None:
            if host not in self._permission_dues:
                raise LocalProtocolError("the permission was given up while it was asked for")
            self._permission_dues[host] = self._clock.seconds() + PEER_REFRESH
            self._plan()

        asked = self._ask(CREATE_PERMISSION, attributes).addErrback(self._refused)
        return asked.addCallback(granted)

    def _permissionAnswered(self, result: Failure | None, host: str) -> None:
        waiting = self._permitting.pop(host)
        if isinstance(result, Failure):
            self._permission_dues.pop(host, None)
        for each in waiting:
            if isinstance(result, Failure):
                each.errback(result)
            else:
                each.callback(None)

    def _askChannel(self, peer: Address) -> Deferred[int]:
        number = self.numbers.number_of[peer]

        def attributes(transaction_id: bytes) -> Attributes:
            return (
                (CHANNEL_NUMBER, encodeChannelNumber(number)),
                (XOR_PEER_ADDRESS, encodeXorAddress(peer, transaction_id)),
            )

        def granted(answer: StunMessage) -> int:
            now = self._clock.seconds()
            if not self.numbers.bound(peer, now):
                raise LocalProtocolError("the channel was given up while it was asked for")
            self.bound[peer] = number
            self._channel_dues[peer] = now + PEER_REFRESH
            self._plan()
            return number

        asked = self._ask(CHANNEL_BIND, attributes).addErrback(self._refused)
        return asked.addCallback(granted)

    def _channelAnswered(self, result: int | Failure, peer: Address) -> None:
        waiting = self._binding.pop(peer)
        if isinstance(result, Failure) and not self.stopped and peer not in self.bound:
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
        if isinstance(error, RelayRefused) and not self.stopped:
            if error.code in _FATAL:
                self._lost(error)
            elif error.code == BAD_REQUEST:
                # coturn 4.6.1 says so where there is no allocation; only Refresh gets 437.
                self.verify()
        return failure

    def _refreshIn(self, lifetime: int) -> None:
        lead = min(REFRESH_LEAD, lifetime / 2)
        self._refresh_due = self._clock.seconds() + lifetime - lead
        self._plan()

    def _plan(self) -> None:
        if self.stopped:
            return
        dues = (self._refresh_due, *self._permission_dues.values(), *self._channel_dues.values())
        due = min(dues)
        self._alarm.set(None if due == _ASKED else due)

    def _ring(self) -> None:
        now = self._clock.seconds()
        if self._refresh_due <= now:
            self._refresh_due = _ASKED
            self._askRefresh().addErrback(self._refreshFailed)
        for host in [each for each, due in self._permission_dues.items() if due <= now]:
            self._permission_dues[host] = _ASKED
            self._askPermission(host).addErrback(self._permissionFailed, host)
        for peer in [each for each, due in self._channel_dues.items() if due <= now]:
            self._channel_dues[peer] = _ASKED
            self._askChannel(peer).addErrback(self._channelFailed, peer)
        self._plan()

    def _refreshFailed(self, failure: Failure) -> None:
        failure.trap(GamenetError)
        if isinstance(failure.value, GamenetError) and not self.stopped:
            self._lost(failure.value)

    def _permissionFailed(self, failure: Failure, host: str) -> None:
        error = self._withdrawal(failure)
        # Revoked and wanted again meanwhile, there is a request of its own for it.
        kept = host in self._permission_dues and host not in self._permitting
        if error is not None and kept:
            del self._permission_dues[host]
            self._sayWithdrawn(error, host)
            self.withdrawn.permission(host, error)

    def _channelFailed(self, failure: Failure, peer: Address) -> None:
        error = self._withdrawal(failure)
        if error is not None and peer in self.bound:
            self.unbindChannel(peer)
            self._sayWithdrawn(error, peer[0])
            self.withdrawn.channel(peer, error)

    def _withdrawal(self, failure: Failure) -> GamenetError | None:
        """Return why something is no longer granted; C{None} where nothing is kept anyway."""
        failure.trap(GamenetError)
        error = failure.value
        return error if isinstance(error, GamenetError) and not self.stopped else None

    def _sayWithdrawn(self, error: GamenetError, host: str) -> None:
        self._log.warn(
            "the relay no longer relays to {host}: {reason}", host=host, reason=str(error)
        )
