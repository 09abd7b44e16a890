"""
A player's sockets: the game socket, and the relayed address behind it.

The game socket is one UDP port.  Its first bytes deal out what comes in
(L{gamenet.machine.demultiplexer}); sealed packets are dealt out further, by
the link id in their header, to the links of the match that is on, and handshakes
of players who return by the match id in theirs.

Where our own address has become another, the game socket and the allocation are
replaced by new ones; the links stay, with their keys and counters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from gamenet.errors import CannotBind, GamenetError, LocalProtocolError
from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket, IMachine
from gamenet.machine.alarm import Alarm
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.mesh.link import PeerLink
from gamenet.mesh.path import PathKind
from gamenet.mesh.route_watch import Doubt, Route, RouteWatch
from gamenet.sealing.sealed_link import linkIdOf
from gamenet.turn_client.client import RelayedSocket, TurnClient
from gamenet.wire.demultiplexing import HANDSHAKE_PACKET, SEALED_FIRST_BYTES, DatagramKind

__all__ = ["HandshakeReceiver", "PlayerSockets", "RelayAccess"]

#: Called with what a handshake came through, by which socket of ours, its bytes, and the
#: address it came from.
HandshakeReceiver: TypeAlias = Callable[[PathKind, IDatagramSocket, bytes, Address], object]

#: A relay's address, a username and a password.
RelayAccess: TypeAlias = tuple[Address, str, str]

_HANDSHAKE = bytes([HANDSHAKE_PACKET])

#: Where a handshake has the match id, as L{gamenet.wire.handshake_packets} says.
_MATCH_ID = slice(3, 19)

#: Seconds after which nobody waits for the relay's answer any more.
_PATIENCE = 2.0

#: Seconds between a refused or lost allocation and the next try; doubles at each refusal.
_SHORTEST_PAUSE = 0.5

#: What that grows to.
_LONGEST_PAUSE = 30.0

#: Seconds between two looks at our own address, however many doubt it.
_LOOK_PAUSE = 0.5

#: The same while nobody doubts it.
_ROUTINE_PAUSE = 1.0

#: Seconds until the next look where there is no way out, or no port to be had.
_LOOK_AGAIN = 1.0

#: Seconds between two new sockets for the same reason, at least.
_REOPEN_PAUSE = 1.0


class PlayerSockets:
    """
    One player's sockets, for as long as they are connected to the lobby.

    @ivar demultiplexer: The owner of the game socket's port.
    @ivar game: The share of the game socket that carries sealed packets.
    @ivar relayed: Our relayed address as a socket, C{None} while there is none.
    @ivar allocating: Whether it is worth waiting for the relay's answer.
    @ivar relay_access: The relay, and how to use it, while a relayed address is wanted.
    @ivar relay_only: Whether no sealed packet is let in but through the relay.
    @ivar strangers: How many sealed datagrams belonged to no link of ours.
    @ivar stray_handshakes: How many handshakes belonged to no match of ours.
    @ivar reopened: How often the game socket was replaced.
    """

    _log = Logger()

    def __init__(
        self,
        machine: IMachine,
        interface: str,
        port: int,
        relayChanged: Callable[[], None],
        relay_only: bool = False,
    ) -> None:
        """
        @param interface: The numeric local address of the game socket; C{""} is all.
        @param port: Its port; 0 lets the system choose.
        @param relayChanged: Called when L{relayed} or L{allocating} changed.
        @param relay_only: Let no sealed packet in but through the relay, so that nobody
            can find out that an address is ours by asking it.
        @raise gamenet.errors.CannotBind: The port is taken.
        """
        self._machine = machine
        self._relayChanged = relayChanged
        self.relay_only = relay_only
        self.demultiplexer = Demultiplexer(machine, interface, port)
        self.game: IDatagramSocket = self.demultiplexer.face(
            self._receiver(PathKind.DIRECT),
            first_bytes=(*SEALED_FIRST_BYTES, HANDSHAKE_PACKET),
        )
        self.relayed: RelayedSocket | None = None
        self.allocating = False
        self.relay_access: RelayAccess | None = None
        self.strangers = 0
        self.stray_handshakes = 0
        self.reopened = 0
        self._links: dict[bytes, PeerLink] = {}
        self._matches: dict[bytes, tuple[HandshakeReceiver, Callable[[], object]]] = {}
        self._routes = RouteWatch(machine)
        self._look = Alarm(machine.clock, self._lookAgain)
        self._looked = self._reopened_at = -math.inf
        self._turn: TurnClient | None = None
        self._ask: Callable[[], TurnClient] | None = None
        self._pause = _SHORTEST_PAUSE
        self._retry: IDelayedCall | None = None
        self._patience: IDelayedCall | None = None

    def addLink(self, link: PeerLink) -> None:
        """Deal datagrams with this link's id to it from now on."""
        self._links[link.incoming_id] = link

    def removeLink(self, link: PeerLink) -> None:
        """Deal nothing to this link any more."""
        self._links.pop(link.incoming_id, None)
        if not self._links:
            self._look.cancel()

    def addMatch(
        self,
        match_id: bytes,
        handshakeReceived: HandshakeReceiver,
        changed: Callable[[], object],
    ) -> None:
        """
        Deal handshakes of this match out from now on.

        @param match_id: 16 bytes.
        @param handshakeReceived: Called with each handshake of it.
        @param changed: Called when the game socket was replaced, and when L{relayed}
            changed.
        """
        self._matches[match_id] = (handshakeReceived, changed)

    def removeMatch(self, match_id: bytes) -> None:
        """Deal nothing to this match any more."""
        self._matches.pop(match_id, None)

    def noteRoute(self, host: str) -> None:
        """Remember which address of ours datagrams to C{host} leave from now."""
        self._routes.note(host)

    def addressesMayHaveChanged(self, doubt: Doubt = Doubt.STALL) -> None:
        """
        Look whether datagrams still leave from the address that they left from before; if
        not, L{reopen}.  Looks twice a second at most, once where it is routine; where there
        is no way out at all it looks again by itself.

        @param doubt: Why.  Send errors are reason enough for a new socket, and a process
            that stood still asks the relay whether it knows us still.
        """
        now = self._machine.clock.seconds()
        if self.demultiplexer.closed:
            return
        if doubt is Doubt.SEND_ERRORS:
            if now - self._reopened_at >= _REOPEN_PAUSE:
                self.reopen()
        elif now - self._looked >= (
            _ROUTINE_PAUSE if doubt is Doubt.ROUTINE else _LOOK_PAUSE
        ):
            self._looked = now
            route = self._routes.state()
            if route is Route.OTHER:
                self.reopen()
            elif route is Route.NONE:
                self._look.set(now + _LOOK_AGAIN)
            elif doubt is Doubt.STALL:
                self.verifyRelay()
            elif any(link.paths.chosen is None for link in self._links.values()):
                self._look.set(now + _LOOK_AGAIN)

    def reopen(self) -> None:
        """
        Take a new game socket on a port of the system's choice, and a new allocation; all
        links stay as they are.  Where there is no port it is tried again.
        """
        now = self._machine.clock.seconds()
        try:
            self.demultiplexer.reopen()
        except CannotBind as error:
            self._log.warn("no new game socket: {reason}", reason=str(error))
            self._look.set(now + _LOOK_AGAIN)
            return
        self.reopened += 1
        self._reopened_at = now
        self._routes.renew()
        self._log.info(
            "our address has changed: a new game socket at port {port}",
            port=self.demultiplexer.address[1],
        )
        self._pause = _SHORTEST_PAUSE
        self._dropRelay(farewell=False)
        if self._retry is not None:
            self._retry.cancel()
        self._askRelay()
        self._tellChanged()

    def allocate(self, relay: Address, username: str, password: str) -> None:
        """
        Ask the relay for a relayed address; L{relayed} has it when it is there.

        A refusal is logged: the match can still be direct.  An allocation that is
        refused, or lost later, is asked for again until L{releaseRelay}.
        """
        if self._ask is None:
            self.relay_access = (relay, username, password)
            self._ask = lambda: TurnClient(
                self._machine, self._openRelayFace(relay), relay, username, password
            )
            self.noteRoute(relay[0])
            self._askRelay()

    def verifyRelay(self) -> None:
        """Find out whether the relayed address is still ours, and get another if it is not."""
        if self.relayed is not None:
            self.relayed.verify()

    def releaseRelay(self) -> None:
        """Give the relayed address back, and ask for no other."""
        self._ask = None
        self.relay_access = None
        self._pause = _SHORTEST_PAUSE
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._dropRelay()

    def close(self) -> None:
        """Close everything; nothing is received any more."""
        self._look.cancel()
        self.releaseRelay()
        self.demultiplexer.close()

    def _askRelay(self) -> None:
        self._retry = None
        if self._ask is None:
            return
        try:
            turn = self._turn = self._ask()
        except LocalProtocolError as error:
            self._relayLost(None, error)
            return
        self.allocating = True
        self._patience = self._machine.clock.callLater(_PATIENCE, self._waitNoLonger)
        asking = Deferred.fromCoroutine(self._allocate(turn))
        asking.addErrback(lambda failure: self._log.failure("allocating failed", failure))

    def _waitNoLonger(self) -> None:
        """The relay is slow or gone: whoever waits for the address need not wait any more."""
        self._patience = None
        self.allocating = False
        self._tellChanged()

    def _answered(self) -> None:
        self.allocating = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    async def _allocate(self, turn: TurnClient) -> None:
        try:
            relayed = await turn.allocate(self._receiver(PathKind.RELAY))
        except GamenetError as error:
            self._relayLost(turn, error)
            return
        if self._turn is not turn:
            return
        self._answered()
        self.relayed = relayed
        self._pause = _SHORTEST_PAUSE
        relayed.whenLost().addCallback(lambda error: self._relayLost(turn, error))
        self._tellChanged()

    def _relayLost(self, turn: TurnClient | None, error: GamenetError) -> None:
        if self._turn is not turn:
            return
        self._log.warn("no relayed address: {reason}", reason=str(error))
        self._dropRelay()
        self._retry = self._machine.clock.callLater(self._pause, self._askRelay)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self._tellChanged()

    def _dropRelay(self, farewell: bool = True) -> None:
        turn, self._turn = self._turn, None
        self.relayed = None
        self._answered()
        if turn is not None:
            turn.close(farewell)

    def _tellChanged(self) -> None:
        """Tell the owner, then the matches, that the sockets are not what they were."""
        self._relayChanged()
        for _, changed in tuple(self._matches.values()):
            changed()

    def _lookAgain(self) -> None:
        self._looked = -math.inf
        self.addressesMayHaveChanged(Doubt.PATH_LOST)

    def _openRelayFace(self, relay: Address) -> Callable[[DatagramReceiver], IDatagramSocket]:
        def openFace(receiver: DatagramReceiver) -> IDatagramSocket:
            return self.demultiplexer.face(
                receiver, kinds=(DatagramKind.STUN, DatagramKind.CHANNEL_DATA), remote=relay
            )

        return openFace

    def _receiver(self, kind: PathKind) -> DatagramReceiver:
        def received(data: bytes, address: Address) -> None:
            socket = self.game if kind is PathKind.DIRECT else self.relayed
            if socket is None or (self.relay_only and kind is PathKind.DIRECT):
                self._strangerReceived()
            elif data[:1] == _HANDSHAKE:
                self._handshakeReceived(kind, socket, data, address)
            elif (link := self._links.get(linkIdOf(data))) is None:
                self._strangerReceived()
            else:
                link.datagramReceived(kind, socket, data, address)

        return received

    def _handshakeReceived(
        self, kind: PathKind, socket: IDatagramSocket, data: bytes, address: Address
    ) -> None:
        found = self._matches.get(data[_MATCH_ID])
        if found is None:
            self.stray_handshakes += 1
        else:
            found[0](kind, socket, data, address)

    def _strangerReceived(self) -> None:
        self.strangers += 1
        if self.strangers == 1:
            self._log.info("a sealed packet of no link came; more are only counted")
