"""
An allocation for as long as somebody wants one: made anew where it is lost, and where our
own address changes, with the same permissions and channels.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from gamenet.errors import GamenetError, LocalProtocolError, RelayRefused
from gamenet.interfaces import Address, DatagramReceiver, IMachine
from gamenet.machine.alarm import Alarm
from gamenet.turn_client.alternate_servers import TurnServer
from gamenet.turn_client.client import RelayedSocket, TurnClient
from gamenet.turn_client.connection_setup import Credentials, OpenFace, allocateAt, streamOf
from gamenet.turn_client.relay_connection import RelayConnection
from gamenet.turn_client.settings import TurnClientSettings
from gamenet.turn_client.wanted_peers import WantedPeers

__all__ = ["SETTLED", "VERIFY_INTERVAL", "KeptAllocation"]

#: Seconds that an allocation must have lived for its loss to be no failed try.
SETTLED = 10.0
#: Least seconds between two looks at the allocation because something could not be sent.
VERIFY_INTERVAL = 5.0


class KeptAllocation:
    """
    Keeps an allocation between L{start} and L{stop}.

    It watches the address that packets to the relay leave from, and makes a new allocation
    as soon as that changes; also where the relay says that there is none (437), no longer
    answers, or the connection with it ends.  Tries that fail are spaced by growing pauses
    and bounded in number.

    A permission or channel that was granted once is asked for again, with growing pauses, where
    the relay refuses it later, but for 400, 403 and 443: then it is given up, and logged.

    It is for programs of one's own: gamenet's matches use the plain L{TurnClient} until they
    choose among paths.

    @ivar socket: The allocation there is now, or C{None}.
    @ivar server: The relay to ask.
    @ivar error: Why the newest try failed or the newest allocation was lost, or C{None}.
    @ivar gave_up: Whether C{tries_limit} was reached.  Another address of ours begins
        again, and so does L{stop} with L{start}.
    @ivar running: Whether an allocation is wanted.
    @ivar allocations: How many there have been.
    @ivar packets_unsent: Packets that were given to L{send} while there was none.
    """

    _log = Logger()

    def __init__(
        self,
        machine: IMachine,
        server: TurnServer,
        credentials: Callable[[], Credentials],
        receiver: DatagramReceiver,
        changed: Callable[[RelayedSocket | None], object],
        settings: TurnClientSettings | None = None,
        openFace: OpenFace | None = None,
    ) -> None:
        """
        @param machine: What we stand on.
        @param server: The relay to ask.
        @param credentials: Called before each try, for USERNAME and password that are good
            at that time.
        @param receiver: Called with every packet that is relayed to us, and the peer it
            came from.
        @param changed: Called with each new allocation, whose address the peers must be
            told, and with C{None} when the one there was is no more.
        @param settings: By default as L{TurnClientSettings} says.
        @param openFace: What to send through over UDP; by default a socket of its own.
            What it opened is closed before it is called again.
        """
        self.socket: RelayedSocket | None = None
        self.server = server
        self.error: GamenetError | None = None
        self.gave_up = False
        self.running = False
        self.allocations = 0
        self.packets_unsent = 0
        self._machine = machine
        self._credentials = credentials
        self._receiver = receiver
        self._changed = changed
        self._settings = settings or TurnClientSettings()
        self._openFace = openFace
        self._client: TurnClient | None = None
        self._streams: list[RelayConnection] = []
        self._asking: Deferred[None] | None = None
        self._tries = 0
        self._pause = self._settings.shortest_pause
        self._allocated_at = 0.0
        self._source: str | None = None
        self._send_errors = 0
        self._verified_at = 0.0
        self._mapping_kept_at = 0.0
        self._retry = Alarm(machine.clock, self._try)
        self._watch = Alarm(machine.clock, self._look)
        self._peers = WantedPeers(machine.clock, self._settings, self._after)

    def start(self) -> None:
        """
        Begin to want an allocation; it is asked for at once.

        @raise LocalProtocolError: One is wanted already.
        """
        if self.running:
            raise LocalProtocolError("the allocation is kept already")
        self.running = True
        self._source = self._sourceNow()
        self._beginAnew()
        self._look()

    def stop(self) -> Deferred[None]:
        """
        Give the allocation back, and want none any more.  What waits fails.

        @return: Fires when no socket and no timer is left: at once over UDP.
        """
        self.running = False
        self._watch.cancel()
        self._drop(True)
        self._peers.failAll(RelayRefused(0, "the allocation is kept no longer"))
        gone = gatherResults([stream.whenGone() for stream in self._streams])
        return gone.addCallback(lambda _: None)

    def send(self, data: bytes, address: Address) -> bool:
        """
        Have a packet relayed, or lose it.

        @return: Whether it left for the relay; C{False} too while there is no allocation.
        """
        if self.socket is None:
            self.packets_unsent += 1
            return False
        return self.socket.send(data, address)

    def permit(self, host: str) -> Deferred[None]:
        """
        Let a host send to us through every allocation from now on.

        @param host: Numeric.
        @return: Fires when an allocation grants it.  Fails with L{RelayRefused} where one
            refuses it that none has granted before, and with L{LocalProtocolError} where
            the host is not numeric, or there are too many; it is not asked for again then.
        """
        return self._peers.permit(host)

    def bindChannel(self, peer: Address) -> Deferred[int]:
        """
        Bind a channel to a peer in every allocation from now on; it permits the host too.

        @param peer: Numeric.
        @return: Fires with its number in the allocation that granted it first; fails as
            L{permit} does.
        """
        return self._peers.bindChannel(peer)

    def revoke(self, host: str) -> None:
        """Ask for a host's permission no more."""
        self._peers.revoke(host)

    def unbindChannel(self, peer: Address) -> None:
        """Ask for a peer's channel no more."""
        self._peers.unbindChannel(peer)

    def _beginAnew(self) -> None:
        """Forget the failures of another time, and try at once."""
        self.gave_up = False
        self._tries = 0
        self._pause = self._settings.shortest_pause
        self._retry.set(self._machine.clock.seconds())

    def _try(self) -> None:
        asking = self._asking = Deferred.fromCoroutine(self._allocate())
        asking.addErrback(self._crashed)

    async def _allocate(self) -> None:
        # Before the first packet: a change while it is on its way is a change.
        self._source = self._sourceNow()
        try:
            client, socket = await allocateAt(
                self._machine,
                self.server,
                self._credentials(),
                self._receiver,
                self._settings,
                self._openFace,
                self._connected,
            )
        except GamenetError as error:
            self._asking = None
            self._failed(error)
            return
        self._asking = None
        self._client, self.socket = client, socket
        self.allocations += 1
        self._allocated_at = self._mapping_kept_at = self._machine.clock.seconds()
        self._send_errors = client.face.send_errors
        socket.whenLost().addCallback(self._lost, socket)
        self._peers.allocated(socket)
        if self.socket is socket:
            self._tell(socket)

    def _connected(self, client: TurnClient) -> None:
        stream = streamOf(client)
        if stream is not None:
            self._streams.append(stream)
            stream.whenGone().addCallback(lambda _: self._streams.remove(stream))

    def _crashed(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            self._asking = None
            self._log.failure("allocating failed", failure)
            self._failed(LocalProtocolError(f"allocating failed: {failure.value}"))

    def _failed(self, error: GamenetError) -> None:
        """Try again after a pause, unless that was one try too many."""
        self.error = error
        self._tries += 1
        if self._tries >= self._settings.tries_limit:
            self.gave_up = True
            self._log.warn("no relayed address, given up: {reason}", reason=str(error))
            self._tell(None)
            return
        self._log.info("no relayed address: {reason}", reason=str(error))
        self._retry.set(self._after(self._pause))
        self._pause = min(self._pause * 2, self._settings.longest_pause)

    def _after(self, pause: float) -> float:
        """Return when a pause that begins now ends."""
        # Somewhere between half and all of it: a relay that restarts has many clients.
        share = 0.5 + int.from_bytes(self._machine.randomBytes(2), "big") / 131_072
        now: float = self._machine.clock.seconds()
        return now + pause * share

    def _lost(self, error: GamenetError, socket: RelayedSocket) -> None:
        if socket is not self.socket or not self.running:
            return
        self.error = error
        self._drop(False)
        if self._machine.clock.seconds() - self._allocated_at < SETTLED:
            self._failed(error)
        else:
            self._log.info("the relayed address is lost: {reason}", reason=str(error))
            self._beginAnew()
        self._tell(None)

    def _drop(self, farewell: bool) -> None:
        """Have no allocation and no try."""
        self._retry.cancel()
        self._peers.deallocated()
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
        client, self._client = self._client, None
        self.socket = None
        if client is not None:
            client.close(farewell)

    def _look(self) -> None:
        """See whether our address is still the one that the allocation was made from."""
        now = self._machine.clock.seconds()
        self._watch.set(now + self._settings.watch_interval)
        source = self._sourceNow()
        if source is not None and source != self._source:
            known, self._source = self._source, source
            if known is not None or self.socket is None:
                self._moved(known, source)
        if self._client is None or self.socket is None:
            return
        if now - self._mapping_kept_at >= self._settings.keepalive_interval:
            self._mapping_kept_at = now
            self._client.keepMapping()
        errors = self._client.face.send_errors
        if errors != self._send_errors and now - self._verified_at >= VERIFY_INTERVAL:
            self._verified_at = now
            self._send_errors = errors
            self.socket.verify()

    def _moved(self, known: str | None, source: str) -> None:
        had = self.socket is not None
        self._log.info("our address is {source}, was {known}", source=source, known=known)
        self._drop(False)
        self._beginAnew()
        if had:
            self._tell(None)

    def _sourceNow(self) -> str | None:
        """Return our address towards the relay; C{None} without one, or by name only."""
        stream = None if self._client is None else streamOf(self._client)
        host = self.server.host if stream is None else stream.relay_address[0]
        try:
            return self._machine.sourceAddress(host)
        except GamenetError:
            return None

    def _tell(self, socket: RelayedSocket | None) -> None:
        try:
            self._changed(socket)
        except Exception:
            self._log.failure("whoever keeps an allocation raised")
