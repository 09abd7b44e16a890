"""
The link to one other player: sealing, paths, the search for a direct one, and what is
reliable, behind "send this packet" and "this packet came".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs
from twisted.logger import Logger

from gamenet.channel.channel import Channel
from gamenet.errors import RemoteProtocolError
from gamenet.interfaces import Address, IDatagramSocket, IMachine
from gamenet.mesh.clock_offset import ClockOffset
from gamenet.mesh.link_channel import LinkChannel
from gamenet.mesh.link_checks import LinkChecks
from gamenet.mesh.link_report import LinkReport, LinkStatistics
from gamenet.mesh.link_settings import LinkSettings
from gamenet.mesh.path import Path, PathKind, PathSettings
from gamenet.mesh.route_watch import Doubt
from gamenet.sealing.sealed_link import SealedLink
from gamenet.traversal.agent import TraversalAgent
from gamenet.traversal.punch import PunchRole, PunchSettings
from gamenet.wire.lobby_values import Candidate
from gamenet.wire.peer_packets import (
    ChannelBody,
    Check,
    CheckAnswer,
    PeerPacket,
    decodePeerPacket,
    encodePeerPacket,
)

__all__ = ["LinkStatistics", "PeerLink"]


def _ignore(*what: object) -> None:
    """Nobody wants to know."""


class PeerLink:
    """
    Our end of the link to one other player.

    Owned by a L{gamenet.mesh.mesh.Mesh}; datagrams come from
    L{gamenet.mesh.sockets.PlayerSockets}, which finds the link by the id in
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
        *,
        settings: LinkSettings | None = None,
        messageReceived: Callable[[int, bytes], object] = _ignore,
        transfersChanged: Callable[[], object] = _ignore,
        channelFailed: Callable[[], object] = _ignore,
        doubted: Callable[[Doubt], object] = _ignore,
    ) -> None:
        """
        @param sealed: The keys' end of the link.
        @param player: The other player's number.
        @param role: Which side of the punch we are.
        @param packetReceived: Called with each packet that is the game's business.
        @param pathChanged: Called when another path, or none, carries the game.
        @param sendStep: Called with attempt id and step kind; has the lobby carry it.
        @param relaySilent: Called when checks through the relay are not answered.
        @param settings: The limits; C{path_settings} and C{punch_settings} go before it.
        @param messageReceived: Called with the stream and each reliable message.
        @param transfersChanged: Called when a transfer may have ended or begun.
        @param channelFailed: Called when nothing was acknowledged for too long.
        @param doubted: Called when our own address may be another.
        """
        given = settings or LinkSettings()
        self.player = player
        self.statistics = LinkStatistics()
        path_settings = path_settings or given.paths
        self._checks = LinkChecks(
            machine, path_settings, given.clock, self.statistics, self._sendOver, self._runChecks
        )
        self.paths = self._checks.paths
        self._settings = given
        self._machine = machine
        self._sealed = sealed
        self._packetReceived = packetReceived
        self._pathChanged = pathChanged
        self._relaySilent = relaySilent
        self._doubted = doubted
        self._agent = TraversalAgent(
            machine, role, self._probe, sendStep, punch_settings or given.punch
        )
        heard = messageReceived, transfersChanged, channelFailed
        self._carried = LinkChannel(machine.clock, given.channel, self._sendBody, *heard)
        self._game_socket: IDatagramSocket | None = None
        self._reported: Path | None = None
        self._renewal_due = machine.clock.seconds() + given.sealing.renewal_interval
        self._failing_since: float | None = None
        self._heard_any = False
        self._closed = False

    @property
    def incoming_id(self) -> bytes:
        """The link id that the other player's datagrams carry."""
        return self._sealed.incoming_id

    @property
    def clock_offset(self) -> ClockOffset:
        """What the other player's clock shows."""
        return self._checks.clock_offset

    @property
    def epoch(self) -> int:
        """How often the keys were renewed since they were last made anew."""
        return self._sealed.epoch

    @property
    def channel(self) -> Channel:
        """What is reliable on this link; call L{pump} after a change of it."""
        return self._carried.channel

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
            if path.kind is PathKind.DIRECT:
                self.statistics.packets_direct += 1
            else:
                self.statistics.packets_relayed += 1
            self._checks.sent += 1
            self._sendOver(path, plain)
        return bool(carriers)

    def sendMessage(self, stream: int, message: bytes) -> None:
        """
        Send a message that arrives once, whole and in the order of its stream, if the
        other player is there at all.

        @param stream: 0 to 3; the streams do not wait for each other.
        @raise gamenet.channel.errors.SendQueueFull: Too much waits already.
        @raise gamenet.errors.LocalProtocolError: It is too long, there is no such stream,
            or the channel has failed.
        """
        if not self._closed:
            self._carried.send(stream, message)

    def pump(self) -> None:
        """Send what the channel has to send; call it after a transfer was begun."""
        self._carried.pump()

    def report(self) -> LinkReport:
        """Return how the link stands."""
        now = self._machine.clock.seconds()
        checks, paths = self._checks, self.paths
        chosen = paths.chosen
        return LinkReport(
            player=self.player,
            kind="none" if chosen is None else chosen.kind.value,
            address=None if chosen is None else chosen.address,
            round_trip=paths.roundTrip(),
            jitter=paths.jitter(),
            loss=checks.loss_meter.loss(),
            loss_there=checks.loss_there,
            silence=now - paths.last_heard if self._heard_any else None,
            clock_offset=checks.clock_offset.offset,
            clock_error=checks.clock_offset.error_bound,
            statistics=attrs.evolve(self.statistics),
        )

    def moved(self) -> None:
        """Our own address is another: every path is to be proven again, and that at once."""
        if not self._closed:
            self.paths.moved(self._machine.clock.seconds())
            self._settle()
            self._checks.turn()

    def expect(self, path: Path) -> None:
        """The other player has proven to be at the end of a path: check it at once."""
        if not self._closed:
            self.paths.add(path, self._machine.clock.seconds(), insisted=True)
            self._checks.turn()

    def takeKeys(self, sealed: SealedLink) -> None:
        """
        Go on under new keys, with no path that is believed and an empty channel: both ends
        have it so.

        @param sealed: The keys' new end of the link.
        """
        if self._closed:
            return
        now, self._sealed = self._machine.clock.seconds(), sealed
        self._renewal_due = now + self._settings.sealing.renewal_interval
        self.statistics.renewals += 1
        self._checks.forget(now)
        self._carried.restart()
        self._settle()
        self._checks.turn()

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
        if self._checks.stoodStill(now):
            self._doubted(Doubt.STALL)
        self.statistics.packets_received += 1
        self.statistics.bytes_received += len(data)
        self._heard_any = True
        self.paths.heard(now)
        try:
            packet = decodePeerPacket(plain)
        except RemoteProtocolError as error:
            self._malformed(error)
            return
        if isinstance(packet, Check):
            self._checks.checkReceived(Path(kind, socket, address), packet, now)
        elif isinstance(packet, CheckAnswer):
            if self._checks.answerReceived(Path(kind, socket, address), packet, now):
                self._settle()
        else:
            self._checks.loss_meter.received += 1
            if isinstance(packet, ChannelBody):
                self._bodyReceived(packet.body, now)
            else:
                self._packetReceived(packet)

    def _bodyReceived(self, body: bytes, now: float) -> None:
        try:
            self._carried.bodyReceived(body, now)
        except RemoteProtocolError as error:
            self._malformed(error)

    def _malformed(self, error: RemoteProtocolError) -> None:
        self.statistics.malformed += 1
        self._noteOnce(self.statistics.malformed, error)

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
        self._carried.close()
        self._checks.stop()

    def _sendOver(self, path: Path, plain: bytes) -> None:
        """Seal a packet and send it; note whether the system still sends anything."""
        datagram = self._sealed.seal(plain)
        self.statistics.bytes_sent += len(datagram)
        if path.socket.send(datagram, path.address):
            self._failing_since = None
        else:
            self._sendFailed()

    def _sendFailed(self) -> None:
        self.statistics.send_errors += 1
        now = self._machine.clock.seconds()
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since >= self._settings.errors_after:
            self._failing_since = now
            self._doubted(Doubt.SEND_ERRORS)

    def _sendBody(self, body: bytes) -> bool:
        before = self._checks.sent
        sent = self.send(ChannelBody(body))
        self.statistics.channel_sent += self._checks.sent - before
        return sent

    def _probe(self, address: Address) -> None:
        if self._game_socket is None:
            return
        now = self._machine.clock.seconds()
        path = Path(PathKind.DIRECT, self._game_socket, address)
        self.paths.add(path, now)
        self._checks.check(path, now)
        self._checks.schedule()

    def _runChecks(self) -> None:
        now = self._machine.clock.seconds()
        if self._checks.stoodStill(now):
            self._doubted(Doubt.STALL)
        lost = self.paths.expire(now)
        self._checks.checkDue(now)
        if now >= self._renewal_due:
            self._renewal_due = now + self._settings.sealing.renewal_interval
            self.statistics.renewals += self._sealed.renewKeys()
        if any(path.kind is PathKind.RELAY for path in lost):
            self._relaySilent()
        if lost:
            self._settle()
        else:
            self._checks.schedule()
        silent = self.paths.isSilent(now, self._settings.moved_after)
        self._doubted(Doubt.SILENCE if silent else Doubt.ROUTINE)

    def _settle(self) -> None:
        """Tell who has to know which path carries the game, and whether a direct one is there."""
        if self._closed:
            return
        if self.paths.hasDirect():
            self._agent.pathProven()
        else:
            self._agent.pathLost()
        self._checks.schedule()
        if self.paths.chosen != self._reported:
            self._reported = self.paths.chosen
            self._carried.pathChanged(self._reported is not None)
            if self._reported is None:
                self._doubted(Doubt.PATH_LOST)
            self._pathChanged(self._reported)
