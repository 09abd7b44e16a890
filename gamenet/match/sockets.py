"""
A player's sockets: the game socket, and the relayed address behind it.

The game socket is one UDP port.  Its first bytes deal out what comes in
(L{gamenet.machine.demultiplexer}); sealed packets are dealt out further, by
the link id in their header, to the links of the match that is on.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from gamenet.errors import GamenetError, LocalProtocolError
from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket, IMachine
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.match.link import PeerLink
from gamenet.match.path import PathKind
from gamenet.match.sealed_link import linkIdOf
from gamenet.turn_client.client import RelayedSocket, TurnClient
from gamenet.wire.demultiplexing import SEALED_PACKET, DatagramKind

__all__ = ["PlayerSockets"]

#: Seconds after which nobody waits for the relay's answer any more.
_PATIENCE = 2.0

#: Seconds between a refused or lost allocation and the next try; doubles at each refusal.
_SHORTEST_PAUSE = 0.5

#: What that grows to.
_LONGEST_PAUSE = 30.0


class PlayerSockets:
    """
    One player's sockets, for as long as they are connected to the lobby.

    @ivar demultiplexer: The owner of the game socket's port.
    @ivar game: The share of the game socket that carries sealed packets.
    @ivar relayed: Our relayed address as a socket, C{None} while there is none.
    @ivar allocating: Whether it is worth waiting for the relay's answer.
    @ivar strangers: How many sealed datagrams belonged to no link of ours.
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
        self._relay_only = relay_only
        self.demultiplexer = Demultiplexer(machine, interface, port)
        self.game: IDatagramSocket = self.demultiplexer.face(
            self._receiver(PathKind.DIRECT), first_bytes=(SEALED_PACKET,)
        )
        self.relayed: RelayedSocket | None = None
        self.allocating = False
        self.strangers = 0
        self._links: dict[bytes, PeerLink] = {}
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

    def allocate(self, relay: Address, username: str, password: str) -> None:
        """
        Ask the relay for a relayed address; L{relayed} has it when it is there.

        A refusal is logged: the match can still be direct.  An allocation that is
        refused, or lost later, is asked for again until L{releaseRelay}.
        """
        if self._ask is None:
            self._ask = lambda: TurnClient(
                self._machine, self._openRelayFace(relay), relay, username, password
            )
            self._askRelay()

    def verifyRelay(self) -> None:
        """Find out whether the relayed address is still ours, and get another if it is not."""
        if self.relayed is not None:
            self.relayed.verify()

    def releaseRelay(self) -> None:
        """Give the relayed address back, and ask for no other."""
        self._ask = None
        self._pause = _SHORTEST_PAUSE
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._dropRelay()

    def close(self) -> None:
        """Close everything; nothing is received any more."""
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
        self._relayChanged()

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
        self._relayChanged()

    def _relayLost(self, turn: TurnClient | None, error: GamenetError) -> None:
        if self._turn is not turn:
            return
        self._log.warn("no relayed address: {reason}", reason=str(error))
        self._dropRelay()
        self._retry = self._machine.clock.callLater(self._pause, self._askRelay)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self._relayChanged()

    def _dropRelay(self) -> None:
        turn, self._turn = self._turn, None
        self.relayed = None
        self._answered()
        if turn is not None:
            turn.close()

    def _openRelayFace(self, relay: Address) -> Callable[[DatagramReceiver], IDatagramSocket]:
        def openFace(receiver: DatagramReceiver) -> IDatagramSocket:
            return self.demultiplexer.face(
                receiver, kinds=(DatagramKind.STUN, DatagramKind.CHANNEL_DATA), remote=relay
            )

        return openFace

    def _receiver(self, kind: PathKind) -> DatagramReceiver:
        def received(data: bytes, address: Address) -> None:
            link = self._links.get(linkIdOf(data))
            socket = self.game if kind is PathKind.DIRECT else self.relayed
            hidden = self._relay_only and kind is PathKind.DIRECT
            if link is None or socket is None or hidden:
                self._strangerReceived(address)
            else:
                link.datagramReceived(kind, socket, data, address)

        return received

    def _strangerReceived(self, address: Address) -> None:
        self.strangers += 1
        if self.strangers == 1:
            self._log.info("a sealed packet of no link came; more are only counted")
