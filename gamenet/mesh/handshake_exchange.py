"""
The Twisted side of L{gamenet.sealing.handshakes}: it keeps the timer of hellos, sends
what is to be sent, and counts what is dropped.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from gamenet.interfaces import Address, IDatagramSocket, IMachine
from gamenet.machine.alarm import Alarm
from gamenet.mesh.path import Path, PathKind
from gamenet.sealing.handshakes import Handshakes
from gamenet.sealing.known_peer import HandshakeRefused
from gamenet.sealing.sealed_link import SealedLink
from gamenet.wire.handshake_packets import HANDSHAKE_NONCE_BYTES

__all__ = ["HandshakeExchange"]


class HandshakeExchange:
    """
    One process's handshakes with all others.  Owned by a L{gamenet.mesh.mesh.Mesh}.
    """

    _log = Logger()

    def __init__(
        self,
        machine: IMachine,
        handshakes: Handshakes,
        waysTo: Callable[[int], tuple[Path, ...]],
        linked: Callable[[int, SealedLink, Path, bool], object],
    ) -> None:
        """
        @param handshakes: What decides.
        @param waysTo: Returns where a player may be.
        @param linked: Called with a player, the new keys for the link to them, the path
            that the last packet of theirs came by, and whether their process is another.
        """
        self._machine = machine
        self._handshakes = handshakes
        self._waysTo = waysTo
        self._linked = linked
        self._alarm = Alarm(machine.clock, self._sayHello)
        self._closed = False

    def begin(self, player: int) -> None:
        """Say hello to a player, at every place where they may be, until there is a link."""
        nonce = self._machine.randomBytes(HANDSHAKE_NONCE_BYTES)
        self._handshakes.begin(player, nonce, self._machine.clock.seconds())
        self.plan()

    def plan(self) -> None:
        """Ring when the next hello is due; call it when somebody is gone."""
        self._alarm.set(None if self._closed else self._handshakes.nextDue())

    def received(
        self, kind: PathKind, socket: IDatagramSocket, data: bytes, address: Address
    ) -> None:
        """Take a packet; what is wrong with it is counted, and it gets no word."""
        if self._closed:
            return
        now = self._machine.clock.seconds()
        try:
            reply = self._handshakes.packetReceived(data, address, now)
        except HandshakeRefused as error:
            if self._handshakes.faults[error.fault] == 1:
                self._log.info(
                    "a handshake was dropped: {reason}; more are only counted",
                    reason=error.fault.value,
                )
            return
        if reply.packet:
            socket.send(reply.packet, address)
        if reply.link is not None:
            path = Path(kind, socket, address)
            self._linked(reply.player, reply.link, path, reply.new_process)
        self.plan()

    def close(self) -> None:
        """No timer is left, and nobody is answered any more."""
        self._closed = True
        self._alarm.cancel()

    def _sayHello(self) -> None:
        for player, hello in self._handshakes.packetsDue(self._machine.clock.seconds()):
            for path in self._waysTo(player):
                path.socket.send(hello, path.address)
        self.plan()
