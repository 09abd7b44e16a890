"""
All links of one match: to each of the other players one.

The links are made of the keys in the ticket.  A player whose process returns has new
ones, and proves by its statement key that it is the same player
(L{gamenet.sealing.handshakes}): the survivors answer, with or without a lobby, and the
link goes on under new keys.
"""

from __future__ import annotations

from functools import partial

import attrs
from twisted.logger import Logger

from gamenet.channel.session_transfer import ChannelTransferSettings
from gamenet.channel.transfers import Acceptance
from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.interfaces import IMachine
from gamenet.mesh.handshake_exchange import HandshakeExchange
from gamenet.mesh.link import PeerLink
from gamenet.mesh.link_report import LinkReport
from gamenet.mesh.link_settings import LinkSettings
from gamenet.mesh.mesh_listener import IMeshListener
from gamenet.mesh.mesh_peer import MeshPeer
from gamenet.mesh.mesh_secret import resumeSecretOf
from gamenet.mesh.mesh_transfer import MeshTransfer
from gamenet.mesh.path import Path, PathKind
from gamenet.mesh.resume_secret import KnownKey, ResumeSecret
from gamenet.mesh.route_watch import Doubt
from gamenet.mesh.sockets import PlayerSockets
from gamenet.mesh.whereabouts import WhereaboutsExchange
from gamenet.sealing.cookies import COOKIE_SEED_BYTES
from gamenet.sealing.handshakes import Handshakes
from gamenet.sealing.known_peer import HandshakeFault
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.sealed_link import SealedLink
from gamenet.traversal.punch import PunchRole
from gamenet.wire.handshake_packets import GENERATION_LAST
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import Candidate, TicketMember
from gamenet.wire.mesh_messages import MESH_STREAM
from gamenet.wire.peer_packets import PeerPacket

__all__ = ["IMeshListener", "Mesh"]


class Mesh:
    """
    All links of one match.

    @ivar match_id: The match's id, 16 bytes.
    @ivar player: Our player number.
    @ivar links: The link to each other player, by ascending number.  In a process that
        has returned there is none until the other player has answered.
    @ivar candidates: Where we may be reached, as offered to the others.
    @ivar transfer: The L{gamenet.interfaces.ITransfer} of the rollback session, over all
        of these links.
    """

    _log = Logger()

    def __init__(
        self,
        machine: IMachine,
        ticket: MatchTicket,
        keys: PlayerKeys,
        sockets: PlayerSockets,
        settings: LinkSettings | None,
        listener: IMeshListener,
        resumed: ResumeSecret | None = None,
        transfer_settings: ChannelTransferSettings | None = None,
        *,
        returning: bool = False,
    ) -> None:
        """
        @param machine: What we stand on.
        @param ticket: The match.
        @param keys: Our keys: those in the ticket, or C{resumed.keys} of fresh random bytes.
        @param sockets: Our sockets; they stay the caller's.
        @param settings: The limits.
        @param listener: Who is told what happens.
        @param resumed: What our former process left, where this one has returned.
        @param transfer_settings: The limits of L{transfer}.
        @param returning: Whether we were in this match by this player number before, in this
            process: then C{keys} have a link key that is new.
        @raise RemoteProtocolError: Another player's key is not usable.
        """
        self.match_id, self.player = ticket.match_id, ticket.player
        self.links: dict[int, PeerLink] = {}
        self.candidates: tuple[Candidate, ...] = ()
        self.transfer = MeshTransfer(self._pump, transfer_settings)
        self._ticket = ticket
        self._machine = machine
        self._keys = keys
        self._sockets = sockets
        self._settings = settings or LinkSettings()
        self._listener = listener
        self._peers: dict[int, MeshPeer] = {}
        seed, sealing = machine.randomBytes(COOKIE_SEED_BYTES), self._settings.sealing
        self._handshakes = Handshakes(keys, self.player, self.match_id, seed, sealing)
        self._whereabouts = WhereaboutsExchange(
            next(member for member in ticket.members if member.player == self.player),
            self._peers,
            self._reachOut,
            listener.introduced,
            machine.clock,
        )
        self._exchange = HandshakeExchange(machine, self._handshakes, self._ways, self._linked)
        self._reopened = sockets.reopened
        self._started = self._closed = False
        self._returning = returning or resumed is not None
        known = {} if resumed is None else {each.player: each for each in resumed.known}
        for member in ticket.members:
            if member.player != self.player:
                self._add(member, known.get(member.player), returning=self._returning)
                if ticket.late:
                    self._whereabouts.introductions.added(member.player)

    @property
    def handshake_faults(self) -> dict[HandshakeFault, int]:
        """How many packets of handshakes were dropped, for each reason."""
        return self._handshakes.faults

    @property
    def handshakes_answered(self) -> int:
        """How many hellos were answered, with a packet each that is no longer."""
        return self._handshakes.hellos_answered

    @property
    def introducer(self) -> int:
        """
        Whose word counts when players say that somebody has come, by number: who orders
        the session's log.  0, as at first, is the lowest of those reached, and ourselves.
        """
        return self._whereabouts.introductions.introducer

    @introducer.setter
    def introducer(self, player: int) -> None:
        self._whereabouts.introducedBy(player)

    @property
    def members(self) -> tuple[TicketMember, ...]:
        """Everybody, ourselves too, by ascending number; with where they were last said to be."""
        ours = next(each for each in self._ticket.members if each.player == self.player)
        ours = attrs.evolve(ours, candidates=self.candidates)
        everybody = [ours, *(peer.member for peer in self._peers.values())]
        return tuple(sorted(everybody, key=lambda member: member.player))

    def start(self, candidates: tuple[Candidate, ...]) -> None:
        """
        Reach out to everybody.

        @param candidates: Where we may be reached, as offered to the others.
        """
        if self._started or self._closed:
            raise LocalProtocolError("a mesh is started once")
        self._started = True
        self.candidates = candidates
        self._whereabouts.offered(candidates)
        self._sockets.addMatch(self.match_id, self._exchange.received, self._socketsChanged)
        for peer in self._peers.values():
            self._begin(peer)

    def addPeer(self, member: TicketMember, returning: bool = False) -> None:
        """
        Somebody has come while the match runs.

        @param returning: Whether they were in this match by that number and link key before:
            then there is no link until they have shown by a handshake who they are.
        @raise RemoteProtocolError: Their key is not usable.
        @raise LocalProtocolError: There is such a player, or there are too many.
        """
        if self._closed:
            return
        if member.player in self._peers or member.player == self.player:
            raise LocalProtocolError(f"player {member.player} is there already")
        self._add(member, None, returning or self._returning)
        if self._started:
            self._begin(self._peers[member.player])
        self._whereabouts.introductions.added(member.player)

    def removePeer(self, player: int) -> None:
        """Somebody has left for good: nothing of theirs is answered any more."""
        peer = self._peers.pop(player, None)
        if peer is None:
            return
        self._handshakes.removePeer(player)
        self._whereabouts.removed(player)
        self.transfer.detach(player)
        self.links.pop(player, None)
        if peer.link is not None:
            self._sockets.removeLink(peer.link)
            peer.link.close()
        self._exchange.plan()

    def candidatesChanged(self, player: int, candidates: tuple[Candidate, ...]) -> None:
        """Another player may be reached elsewhere now."""
        peer = self._peers.get(player)
        if peer is not None:
            peer.believesLobby(candidates)
            self._reachOut(peer)
            self._whereabouts.offered(self.candidates)

    def stepReceived(self, player: int, attempt: bytes, kind: int) -> None:
        """The lobby carried a step of another player to us."""
        link = self.links.get(player)
        if link is not None:
            link.stepReceived(attempt, kind)

    def offered(self, candidates: tuple[Candidate, ...]) -> None:
        """Our own candidates changed: our relayed address may have come, or be gone."""
        self.candidates = candidates
        self._whereabouts.offered(candidates)
        for peer in tuple(self._peers.values()):
            self._reachOut(peer)

    def send(self, player: int, packet: PeerPacket) -> bool:
        """
        Send one packet that may get lost.

        @return: Whether there is a path; without one the packet is dropped.
        """
        link = self.links.get(player)
        return link is not None and link.send(packet)

    def sendMessage(self, player: int, stream: int, message: bytes) -> None:
        """
        Send a reliable message; see L{PeerLink.sendMessage} for what it raises.

        @param stream: 0 to 2; the last one is the mesh's own.
        @raise LocalProtocolError: There is no link to that player, besides.
        """
        link = self.links.get(player)
        if link is None or stream == MESH_STREAM:
            raise LocalProtocolError(f"no stream {stream} to player {player}")
        link.sendMessage(stream, message)

    def report(self) -> dict[int, LinkReport]:
        """Return how each link stands, by ascending player number."""
        return {player: link.report() for player, link in self.links.items()}

    def acceptTransfers(self, acceptance: Acceptance | None) -> None:
        """
        Ask C{acceptance} about every offer of a transfer that is not the rollback session's;
        C{None}, as at first, refuses them all.
        """
        self.transfer.acceptance = acceptance

    def resumeSecret(self) -> bytes:
        """
        Return what a later process of ours needs to come back to this match, as
        L{gamenet.mesh.resume_secret} has it.  Make a new one when somebody has come or
        moved; whoever has it is us.
        """
        return resumeSecretOf(
            self._ticket, self._keys, self.members, self._handshakes.peers.values(), self._sockets
        )

    def close(self) -> None:
        """End every link; no timer is left.  The sockets stay open.  Closing twice is harmless."""
        self._closed = True
        self._whereabouts.close()
        self._exchange.close()
        self._sockets.removeMatch(self.match_id)
        for link in self.links.values():
            self._sockets.removeLink(link)
            link.close()

    def _add(self, member: TicketMember, known: KnownKey | None, returning: bool) -> None:
        """Know somebody; where neither process has returned there is a link at once."""
        if len(self._peers) >= self._settings.peers_limit:
            raise LocalProtocolError(f"more than {self._settings.peers_limit} other players")
        player = member.player
        link_key, generation, own_generation = member.link_key, 0, int(returning)
        if known is not None:
            link_key, generation = known.link_key, known.generation
            own_generation = min(known.own_generation + 1, GENERATION_LAST)
        self._handshakes.addPeer(
            player, member.statement_key, link_key, generation, own_generation
        )
        peer = self._peers[player] = MeshPeer(member)
        if not returning:
            try:
                self._linkTo(peer, self._handshakes.connect(player))
            except (RemoteProtocolError, LocalProtocolError):
                self.removePeer(player)
                raise

    def _linkTo(self, peer: MeshPeer, sealed: SealedLink) -> PeerLink:
        player = peer.player
        tell = self._listener
        link = peer.link = PeerLink(
            self._machine,
            sealed,
            player,
            PunchRole.OPENER if self.player < player else PunchRole.ANSWERER,
            partial(tell.packetReceived, player),
            partial(self._pathChanged, peer),
            partial(self._sendStep, peer),
            lambda: self._relaySilent(peer),
            settings=self._settings,
            messageReceived=partial(self._messageReceived, peer),
            transfersChanged=partial(self._collect, player),
            channelFailed=partial(self._channelFailed, player),
            doubted=self._sockets.addressesMayHaveChanged,
        )
        self.links = dict(sorted((self.links | {player: link}).items()))
        self.transfer.use(player, link.channel)
        return link

    def _begin(self, peer: MeshPeer) -> None:
        """Use the link, or ask for one."""
        if peer.link is not None:
            self._sockets.addLink(peer.link)
            self._reachOut(peer)
        else:
            self._exchange.begin(peer.player)

    def _reachOut(self, peer: MeshPeer) -> None:
        if self._started and not self._closed:
            peer.reachOut(self._sockets, self.candidates)

    def _relaySilent(self, peer: MeshPeer) -> None:
        """Nothing comes back through the relay: is our address there, and the channel bound?"""
        self._sockets.addressesMayHaveChanged(Doubt.PATH_LOST)
        self._sockets.verifyRelay()
        self._reachOut(peer)

    def _channelFailed(self, player: int) -> None:
        """Agree on new keys, and with them a fresh channel."""
        self._exchange.begin(player)
        self._listener.channelFailed(player)

    def _messageReceived(self, peer: MeshPeer, stream: int, message: bytes) -> None:
        if stream == MESH_STREAM:
            self._whereabouts.messageReceived(peer, message)
        else:
            self._listener.messageReceived(peer.player, stream, message)

    def _sendStep(self, peer: MeshPeer, attempt: bytes, kind: int) -> None:
        """Have a step carried by the lobby, and over the link: whichever is there."""
        self._whereabouts.attempted(peer, attempt, kind)
        self._listener.sendStep(peer.player, attempt, kind)

    def _pathChanged(self, peer: MeshPeer, path: Path | None) -> None:
        if path is not None:
            if path.kind is PathKind.DIRECT:
                self._sockets.noteRoute(path.address[0])
            self._whereabouts.update(peer)
        self._listener.pathChanged(peer.player, path)

    def _pump(self, player: int) -> None:
        link = self.links.get(player)
        if link is not None:
            link.pump()

    def _collect(self, player: int) -> None:
        """Tell what became of transfers with a player."""
        collected = self.transfer.collect(player, self._machine.clock.seconds())
        for notice in collected.notices:
            self._listener.transferNotice(player, notice)
        for ended in collected.others:
            self._listener.transferEnded(player, ended)

    def _socketsChanged(self) -> None:
        """Our relayed address came or went, or the game socket is another one."""
        moved = self._reopened != self._sockets.reopened
        self._reopened = self._sockets.reopened
        for peer in tuple(self._peers.values()):
            self._reachOut(peer)
            if moved and peer.link is not None:
                peer.link.moved()

    def _ways(self, player: int) -> tuple[Path, ...]:
        limit = self._settings.return_addresses
        return self._peers[player].ways(self._sockets, self.candidates, limit)

    def _linked(self, player: int, sealed: SealedLink, path: Path, new_process: bool) -> None:
        """There are new keys for a link; the other player is at the end of C{path}."""
        peer = self._peers[player]
        self._log.info("the link to player {player} has new keys", player=player)
        returned = new_process or peer.link is None
        if peer.link is None:
            link = self._linkTo(peer, sealed)
        else:
            link = peer.link
            self._sockets.removeLink(link)
            link.takeKeys(sealed)
            self.transfer.use(player, link.channel)
        self._sockets.addLink(link)
        self._whereabouts.forget(player)
        if returned:
            self._listener.peerReturned(player)
        else:
            self._listener.channelRestarted(player)
        if not self._closed and self._peers.get(player) is peer:
            self._reachOut(peer)
            link.expect(path)
