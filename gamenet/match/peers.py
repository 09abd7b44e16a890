"""
The other players of a match, and what their links bring: told apart here, so that the
states of a match know players and packets alone.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from zope.interface import implementer

from gamenet.channel.settings import ChannelSettings
from gamenet.channel.transfer_ends import TransferEnded
from gamenet.event_log.settings import EventLogSettings
from gamenet.interfaces import IMachine, IPeerProtocol
from gamenet.match.barrier import StartBarrier
from gamenet.match.configuration import Configuration
from gamenet.match.participation import Duties, Participation
from gamenet.match.peer import Peer
from gamenet.match.settings import MatchSettings
from gamenet.match.silence import SilenceWatch
from gamenet.mesh.admission import Admission
from gamenet.mesh.link import PeerLink
from gamenet.mesh.link_settings import LinkSettings
from gamenet.mesh.mesh import Mesh
from gamenet.mesh.mesh_listener import IMeshListener
from gamenet.mesh.path import Path
from gamenet.mesh.resume_secret import ResumeSecret
from gamenet.mesh.sockets import PlayerSockets
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import TicketMember
from gamenet.wire.peer_packets import Inputs, LogBody, PeerPacket

__all__ = ["Peers", "PeersHeard"]

#: Seconds beyond the grace after which who does not acknowledge is not waited for.
_BEYOND_GRACE = 30.0


@attrs.frozen
class PeersHeard:
    """
    Who is called with what the others do; each first with a player number.

    @ivar packet: And a packet of theirs.
    @ivar path: And the path that carries their link now, C{None} for none.
    @ivar returned: Their process is another now, or ours is.
    @ivar step: And an attempt id and a step kind, for the lobby to carry.
    @ivar joined: And who has come, as the other players say, instead of a number.
    """

    packet: Callable[[int, PeerPacket], None]
    path: Callable[[int, Path | None], None]
    returned: Callable[[int], None]
    step: Callable[[int, bytes, int], None]
    joined: Callable[[TicketMember], None]


@implementer(IMeshListener)
class Peers:
    """
    The others, as one player of a match has them.  Owned by
    L{gamenet.match.match.Match}.

    @ivar table: Them, by player number.
    @ivar mesh: The links to them.
    @ivar session: Our part in what all know together.
    """

    session: Participation

    def __init__(
        self,
        machine: IMachine,
        ticket: MatchTicket,
        keys: PlayerKeys,
        sockets: PlayerSockets,
        settings: MatchSettings,
        heard: PeersHeard,
        resumed: ResumeSecret | None = None,
        returning: bool = False,
    ) -> None:
        """
        @param heard: Who is called with what they do.
        @param resumed: What our former process left, where this one has returned.
        @param returning: Whether we were in this match by this number before.
        """
        self._machine = machine
        self.table: dict[int, Peer] = {}
        self._settings = settings
        self._heard = heard
        self._configuration: Configuration | None = None
        self._player = ticket.player
        channel = ChannelSettings(give_up_after=max(60.0, settings.grace + _BEYOND_GRACE))
        links = LinkSettings(paths=settings.paths, punch=settings.punch, channel=channel)
        self.mesh = Mesh(
            machine, ticket, keys, sockets, links, self, resumed, returning=returning
        )
        self._admission = Admission(self.mesh, ticket)
        self._ticket = ticket

    @property
    def links(self) -> list[PeerLink]:
        """The links there are, in order of player number."""
        return [self.mesh.links[player] for player in sorted(self.mesh.links)]

    def know(self, configuration: Configuration) -> None:
        """
        Seat everybody in the ticket.

        @param configuration: What all sides must agree on.
        """
        self._configuration = configuration
        for member in self._ticket.members:
            if member.player != self._player:
                self._seat(member.player, configuration)

    def openSession(
        self, protocol: IPeerProtocol, duties: Duties, title: str, newcomer: bool
    ) -> Participation:
        """
        Take part in what all know together; called once, before anything comes.

        @param title: The session's name.
        @param newcomer: Whether it goes on already, whatever the ticket says.
        """
        log = EventLogSettings()
        log = attrs.evolve(log, grace=max(self._settings.grace, log.silence))
        self.session = Participation(
            self._machine, self._ticket, self.mesh, protocol, log, duties, title, newcomer
        )
        return self.session

    def add(self, member: TicketMember) -> bool:
        """
        Somebody comes late, or comes anew in the place of one who was there.

        @return: Whether that is news.
        """
        if self._configuration is None or not self._admission.isNew(member):
            return False
        self.remove(member.player)
        if self._admission.admit(member):
            self._seat(member.player, self._configuration)
        return member.player in self.table

    def remove(self, player: int) -> None:
        """Somebody is out for good: their link is closed."""
        if self.table.pop(player, None) is not None:
            self.mesh.removePeer(player)
            self.session.removed(player)

    def packetReceived(self, player: int, packet: PeerPacket) -> None:
        """See L{IMeshListener}."""
        if isinstance(packet, LogBody):
            self.session.session.messageReceived(player, packet.body)
        else:
            self._heard.packet(player, packet)

    def messageReceived(self, player: int, stream: int, message: bytes) -> None:
        """See L{IMeshListener}."""
        self.session.messageReceived(player, stream, message)

    def pathChanged(self, player: int, path: Path | None) -> None:
        """See L{IMeshListener}."""
        self.session.pathChanged(player, path)
        self._heard.path(player, path)

    def peerReturned(self, player: int) -> None:
        """See L{IMeshListener}."""
        if player in self.table:
            self.table[player].parted = False
        self.session.returned(player)
        self._heard.returned(player)

    def channelFailed(self, player: int) -> None:
        """See L{IMeshListener}: the link is made anew, and tells of it."""

    def channelRestarted(self, player: int) -> None:
        """See L{IMeshListener}: what the log has sent may be lost."""
        self.session.returned(player)

    def introduced(self, member: TicketMember) -> None:
        """See L{IMeshListener}."""
        self._heard.joined(member)

    def sendStep(self, player: int, attempt: bytes, kind: int) -> None:
        """See L{IMeshListener}."""
        self._heard.step(player, attempt, kind)

    def transferNotice(self, player: int, body: bytes) -> None:
        """See L{IMeshListener}."""
        self._heard.packet(player, Inputs(body))

    def transferEnded(self, player: int, ended: TransferEnded) -> None:
        """See L{IMeshListener}: no other transfers are begun in a match."""

    def _seat(self, player: int, configuration: Configuration) -> None:
        watch = SilenceWatch(self._settings.interrupted_after, self._settings.lost_after)
        self.table[player] = Peer(
            player, self.mesh, StartBarrier(player, configuration), watch
        )
