"""
The permissions and channels that every allocation of one owner is to have, whichever
allocation that is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import define, field
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from gamenet.errors import GamenetError, LocalProtocolError, RelayRefused
from gamenet.interfaces import Address
from gamenet.machine.alarm import Alarm
from gamenet.turn_client.relayed_socket import RelayedSocket
from gamenet.turn_client.settings import TurnClientSettings
from gamenet.wire.stun_attributes import BAD_REQUEST
from gamenet.wire.turn import FORBIDDEN, PEER_FAMILY_MISMATCH

__all__ = ["WantedPeers"]

#: What a relay will not grant later either.
_FINAL = (BAD_REQUEST, FORBIDDEN)

_Key: TypeAlias = tuple[str, str, int]


@define(eq=False)
class _Wish:
    """
    A permission or a channel.

    @ivar ask: Asks an allocation for it.
    @ivar pause: Seconds before it is asked for again after the next refusal.
    @ivar waiting: Fire when one grants it.
    @ivar granted: Whether one ever did.
    @ivar due: When to ask for it again, C{None} while it is not refused.
    @ivar doubted: The allocation that refused it with 400, which can mean that there is none.
    """

    ask: Callable[[RelayedSocket], Deferred[Any]]
    pause: float
    waiting: list[Deferred[Any]] = field(factory=list)
    granted: bool = False
    due: float | None = None
    doubted: RelayedSocket | None = None


class WantedPeers:
    """
    Asks each allocation for all of them.  What was granted once is asked for again, with
    growing pauses, where the relay refuses it later, but for 400, 403 and 443: then it is
    given up, and logged.

    @ivar socket: The allocation there is now, or C{None}.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, settings: TurnClientSettings, after: Callable[[float], float]
    ) -> None:
        """
        @param clock: Times the pauses.
        @param settings: C{peers_limit} and the pauses count here.
        @param after: Says when a pause of so many seconds that begins now ends.
        """
        self.socket: RelayedSocket | None = None
        self._clock = clock
        self._settings = settings
        self._after = after
        self._wishes: dict[_Key, _Wish] = {}
        self._asking_again = Alarm(clock, self._askAgain)

    def __len__(self) -> int:
        """Return how many permissions and channels are wanted."""
        return len(self._wishes)

    def permit(self, host: str) -> Deferred[None]:
        """Want a permission; see L{gamenet.turn_client.kept_allocation.KeptAllocation.permit}."""
        return self._wish(("permission", host, 0), lambda socket: socket.permit(host))

    def bindChannel(self, peer: Address) -> Deferred[int]:
        """Want a channel; fires and fails as L{permit} does."""
        return self._wish(("channel", *peer), lambda socket: socket.bindChannel(peer))

    def revoke(self, host: str) -> None:
        """Want a permission no more."""
        self._forget(("permission", host, 0))
        if self.socket is not None:
            self.socket.revoke(host)

    def unbindChannel(self, peer: Address) -> None:
        """Want a channel no more."""
        self._forget(("channel", *peer))
        if self.socket is not None:
            self.socket.unbindChannel(peer)

    def allocated(self, socket: RelayedSocket) -> None:
        """Ask a new allocation for everything."""
        self.socket = socket
        socket.withdrawn.permission = lambda host, error: self._refused(
            ("permission", host, 0), socket, error
        )
        socket.withdrawn.channel = lambda peer, error: self._refused(
            ("channel", *peer), socket, error
        )
        for key, wish in list(self._wishes.items()):
            # Whoever hears of one grant may end everything.
            if self.socket is socket and self._wishes.get(key) is wish:
                self._ask(key, wish)

    def deallocated(self) -> None:
        """Ask for nothing until there is another allocation."""
        self.socket = None
        self._asking_again.cancel()

    def failAll(self, error: GamenetError) -> None:
        """Want nothing any more; what waits fails."""
        wishes, self._wishes = self._wishes, {}
        for wish in wishes.values():
            self._fail(wish, error)

    def _wish(self, key: _Key, ask: Callable[[RelayedSocket], Deferred[Any]]) -> Deferred[Any]:
        wish = self._wishes.get(key)
        if wish is None:
            if sum(each[0] == key[0] for each in self._wishes) >= self._settings.peers_limit:
                why = f"more than {self._settings.peers_limit} {key[0]}s of one allocation"
                return fail(LocalProtocolError(why))
            wish = self._wishes[key] = _Wish(ask, self._settings.shortest_pause)
        granted: Deferred[Any] = Deferred()
        wish.waiting.append(granted)
        if self.socket is not None:
            self._ask(key, wish)
        return granted

    def _ask(self, key: _Key, wish: _Wish) -> None:
        socket = self.socket
        assert socket is not None
        wish.due = None

        def granted(result: object) -> None:
            wish.granted = True
            wish.doubted = None
            wish.pause = self._settings.shortest_pause
            waiting, wish.waiting = wish.waiting, []
            for each in waiting:
                each.callback(result)

        def refused(failure: Failure) -> None:
            failure.trap(GamenetError)
            if self._wishes.get(key) is wish and isinstance(failure.value, GamenetError):
                self._refused(key, socket, failure.value)

        wish.ask(socket).addCallbacks(granted, refused)

    def _refused(self, key: _Key, socket: RelayedSocket, error: GamenetError) -> None:
        """Ask for something again after a pause, or never."""
        wish = self._wishes.get(key)
        # What a lost allocation could not have the next one is asked for.
        if wish is None or socket.closed or socket is not self.socket:
            return
        code = error.code if isinstance(error, RelayRefused) else None
        # The first 400 makes the socket look whether there is an allocation at all.
        doubtful = code == BAD_REQUEST and wish.doubted is not socket
        if wish.granted and code == PEER_FAMILY_MISMATCH:
            # This allocation lacks a family; the next may have it.
            self._fail(wish, error)
            return
        if not wish.granted or (code in _FINAL and not doubtful):
            if wish.granted:
                self._log.warn("{key} is given up: {reason}", key=key, reason=str(error))
            del self._wishes[key]
            self._fail(wish, error)
            return
        if doubtful:
            wish.doubted = socket
        if wish.due is None:
            self._log.info("{key} is asked for again: {reason}", key=key, reason=str(error))
            wish.due = self._after(wish.pause)
            wish.pause = min(wish.pause * 2, self._settings.longest_pause)
            self._plan()

    def _plan(self) -> None:
        dues = [wish.due for wish in self._wishes.values() if wish.due is not None]
        self._asking_again.set(min(dues, default=None))

    def _askAgain(self) -> None:
        now = self._clock.seconds()
        for key, wish in list(self._wishes.items()):
            due = wish.due is not None and wish.due <= now
            if self.socket is not None and due and self._wishes.get(key) is wish:
                self._ask(key, wish)
        if self.socket is not None:
            self._plan()

    def _forget(self, key: _Key) -> None:
        wish = self._wishes.pop(key, None)
        if wish is not None:
            self._fail(wish, RelayRefused(0, "asked for no longer"))

    def _fail(self, wish: _Wish, error: GamenetError) -> None:
        waiting, wish.waiting = wish.waiting, []
        for each in waiting:
            each.errback(Failure(error))
