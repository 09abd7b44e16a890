"""
The link to one other player: sealing, paths and the search for a direct one,
behind "send this packet" and "this packet came".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs
from twisted.logger import Logger

from gamenet.errors import MalformedMessage, RemoteProtocolError
from gamenet.interfaces import Address, IDatagramSocket, IMachine
from gamenet.machine.alarm import Alarm
from gamenet.match.path import Path, PathKind, PathSettings, PathTable
from gamenet.match.sealed_link import SealedLink
from gamenet.traversal.agent import TraversalAgent
from gamenet.traversal.punch import PunchRole, PunchSettings
from gamenet.wire.lobby_values import Candidate
from gamenet.wire.peer_packets import (
    NONCE_BYTES,
    Check,
    CheckAnswer,
    PeerPacket,
    decodePeerPacket,
    encodePeerPacket,
)

__all__ = ["LinkStatistics", "PeerLink"]


@attrs.define
class LinkStatistics:
    """
    What one link carried, in datagrams and bytes (payload of UDP).

    @ivar packets_direct: Game packets that left over direct paths.
    @ivar packets_relayed: Game packets that left over the relay.
    @ivar checks_sent: Path checks and answers to them that left.
    @ivar bytes_sent: Bytes of all of these.
    @ivar packets_received: Authentic packets that came.
    @ivar bytes_received: Bytes of these.
    @ivar rejected: Datagrams with the link's id that were not authentic, or repeated.
    @ivar malformed: Authentic packets that made no sense.
    """

    packets_direct: int = 0
    packets_relayed: int = 0
    checks_sent: int = 0
    bytes_sent: int = 0
    packets_received: int = 0
    bytes_received: int = 0
    rejected: int = 0
    malformed: int = 0


class PeerLink:
    """
    Our end of the link to one other player.

    Owned by a L{gamenet.match.match.Match}; datagrams come from
    L{gamenet.match.sockets.PlayerSockets}, which finds the link by the id in
    the sealed header.

    @ivar player: The other player's number.
    @ivar statistics: What the link carried.
    @ivar paths: The paths, for reading.
    """

    _log = Logger()

    def __init__(
        self,
        machine: IMachine,
        sealed: SealedLink,
        player: int,
        role: PunchRole,
        packetReceived: Callable[[PeerPacket], None],
        pathChanged: Callable[[Path | None], None],
        sendStep: Callable[[bytes, int], object],
        relaySilent: Callable[[], object],
        path_settings: PathSettings | None = None,
        punch_settings: PunchSettings | None = None,
    ) -> None:
        """
        @param sealed: The keys' end of the link.
        @param player: The other player's number.
        @param role: Which side of the punch we are.
        @param packetReceived: Called with each packet that is the game's business.
        @param pathChanged: Called when another path, or none, carries the game.
        @param sendStep: Called with attempt id and step kind; has the lobby carry it.
        @param relaySilent: Called when checks through the relay are not answered.
        """
        self.player = player
        self.statistics = LinkStatistics()
        self.paths = PathTable(path_settings or PathSettings())
        self._machine = machine
        self._sealed = sealed
        self._packetReceived = packetReceived
        self._pathChanged = pathChanged
        self._relaySilent = relaySilent
        self._agent = TraversalAgent(machine, role, self._probe, sendStep, punch_settings)
        self._game_socket: IDatagramSocket | None = None
        self._reported: Path | None = None
        self._alarm = Alarm(machine.clock, self._runChecks)
        self._closed = False

    @property
    def incoming_id(self) -> bytes:
        """The link id that the other player's datagrams carry."""
        return self._sealed.incoming_id

    @property
    def attempts(self) -> int:
        """How many punching attempts were begun."""
        return self._agent.attempts

    def searchDirect(
        self,
        game_socket: IDatagramSocket,
        ours: Iterable[Candidate],
        theirs: Iterable[Candidate],
    ) -> None:
        """Punch from C{game_socket}; call again when the candidates change."""
        if not self._closed:
            self._game_socket = game_socket
            self._agent.begin(ours, theirs)

    def addRelay(self, socket: IDatagramSocket, address: Address) -> None:
        """Use the path from our relayed socket to the other player's relayed address, alone."""
        path = Path(PathKind.RELAY, socket, address)
        record = self.paths.record(path)
        if self._closed or (record is not None and record.announced):
            return
        for other in self.paths.through(PathKind.RELAY):
            if other != path:
                self.paths.remove(other)
        self.paths.add(path, self._machine.clock.seconds(), announced=True)
        self._settle()
        self._runChecks()

    def relayLost(self) -> None:
        """Our relayed socket is gone, and every path over it."""
        for path in self.paths.through(PathKind.RELAY):
            self.paths.remove(path)
        self._settle()

    def stepReceived(self, attempt: bytes, kind: int) -> None:
        """The lobby carried a step of the other player to us."""
        self._agent.stepReceived(attempt, kind)

    def send(self, packet: PeerPacket) -> bool:
        """
        Send one packet over whatever path carries the game now.

        @return: Whether there is such a path; without one the packet is dropped.
        """
        if self._closed:
            return False
        plain = encodePeerPacket(packet)
        carriers = self.paths.carriers(self._machine.clock.seconds())
        for path in carriers:
            datagram = self._sealed.seal(plain)
            self.statistics.bytes_sent += len(datagram)
            if path.kind is PathKind.DIRECT:
                self.statistics.packets_direct += 1
            else:
                self.statistics.packets_relayed += 1
            path.socket.send(datagram, path.address)
        return bool(carriers)

    def datagramReceived(
        self, kind: PathKind, socket: IDatagramSocket, data: bytes, address: Address
    ) -> None:
        """
        A datagram with this link's id came.

        Anything that the other player did not make is counted and dropped: an
        answer would amplify.
        """
        if self._closed:
            return
        try:
            plain = self._sealed.open(data)
        except RemoteProtocolError as error:
            self.statistics.rejected += 1
            self._noteOnce(self.statistics.rejected, error)
            return
        now = self._machine.clock.seconds()
        self.statistics.packets_received += 1
        self.statistics.bytes_received += len(data)
        self.paths.heard(now)
        try:
            packet = decodePeerPacket(plain)
        except MalformedMessage as error:
            self.statistics.malformed += 1
            self._noteOnce(self.statistics.malformed, error)
            return
        if isinstance(packet, Check):
            self._checkReceived(Path(kind, socket, address), packet, now)
        elif isinstance(packet, CheckAnswer):
            if self.paths.answered(Path(kind, socket, address), packet.nonce, now):
                self._settle()
        else:
            self._packetReceived(packet)

    def _noteOnce(self, count: int, error: RemoteProtocolError) -> None:
        """Log the first of a kind; whoever sends more only raises a number."""
        if count == 1:
            self._log.info(
                "a datagram on the link to player {player} was dropped: {reason}",
                player=self.player,
                reason=str(error),
            )

    def close(self) -> None:
        """End the link: no timer is left, nothing is sent or received any more."""
        self._closed = True
        self._agent.stop()
        self._alarm.cancel()

    def _checkReceived(self, path: Path, check: Check, now: float) -> None:
        self._sendCheck(path, CheckAnswer(check.nonce))
        record = self.paths.record(path)
        if record is None or not record.proven:
            self.paths.add(path, now)
            self._check(path, now)
            self._schedule()

    def _probe(self, address: Address) -> None:
        if self._game_socket is None:
            return
        now = self._machine.clock.seconds()
        path = Path(PathKind.DIRECT, self._game_socket, address)
        self.paths.add(path, now)
        self._check(path, now)
        self._schedule()

    def _check(self, path: Path, now: float) -> None:
        if self._closed or self.paths.record(path) is None:
            return
        nonce = self._machine.randomBytes(NONCE_BYTES)
        self.paths.checkSent(path, nonce, now)
        self._sendCheck(path, Check(nonce))

    def _sendCheck(self, path: Path, packet: Check | CheckAnswer) -> None:
        datagram = self._sealed.seal(encodePeerPacket(packet))
        self.statistics.checks_sent += 1
        self.statistics.bytes_sent += len(datagram)
        path.socket.send(datagram, path.address)

    def _runChecks(self) -> None:
        now = self._machine.clock.seconds()
        lost = self.paths.expire(now)
        for path in self.paths.dueChecks(now):
            self._check(path, now)
        if any(path.kind is PathKind.RELAY for path in lost):
            self._relaySilent()
        if lost:
            self._settle()
        else:
            self._schedule()

    def _settle(self) -> None:
        """Tell who has to know which path carries the game, and whether a direct one is there."""
        if self._closed:
            return
        if self.paths.hasDirect():
            self._agent.pathProven()
        else:
            self._agent.pathLost()
        self._schedule()
        if self.paths.chosen != self._reported:
            self._reported = self.paths.chosen
            self._pathChanged(self._reported)

    def _schedule(self) -> None:
        self._alarm.set(None if self._closed else self.paths.nextDue())
