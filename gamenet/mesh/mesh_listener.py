"""Who is told what happens on the links of a match."""

from __future__ import annotations

from zope.interface import Interface

from gamenet.channel.transfer_ends import TransferEnded
from gamenet.mesh.path import Path
from gamenet.wire.lobby_values import TicketMember
from gamenet.wire.peer_packets import PeerPacket

__all__ = ["IMeshListener"]


class IMeshListener(Interface):
    """
    Who is told what happens on the links of a match.

    Only what the other player of a link has sealed comes here.  A method must not raise;
    it may send, and may close the mesh.
    """

    def packetReceived(player: int, packet: PeerPacket) -> None:
        """
        A packet came that is no business of the link itself.

        @param player: Who sealed it.
        @param packet: The packet.
        """

    def messageReceived(player: int, stream: int, message: bytes) -> None:
        """
        A reliable message came: once, whole, after those before it of its stream.

        @param player: Who sent it.
        @param stream: 0 to 2.
        @param message: The message.
        """

    def pathChanged(player: int, path: Path | None) -> None:
        """
        Another path carries the link now.

        @param player: To whom.
        @param path: The path; C{None} where there is none any more.
        """

    def peerReturned(player: int) -> None:
        """
        The link to a player has new keys: their process is another one, or ours is.  It
        has no path yet, and nothing that was sent before arrives any more.
        """

    def channelFailed(player: int) -> None:
        """
        A player is there, and has acknowledged nothing for so long that nothing reliable
        is sent to them any more.  New keys are agreed on, and with them a fresh channel:
        C{channelRestarted} tells of it.

        @param player: Who.
        """

    def channelRestarted(player: int) -> None:
        """
        What is reliable on a link begins anew, on both sides; both are told.  Messages and
        transfers that were under way may not have come, and do not come any more.

        @param player: To whom.
        """

    def introduced(member: TicketMember) -> None:
        """
        The players whose word counts say that somebody has come: do what is to be done when
        the lobby says so (L{gamenet.mesh.mesh.Mesh.addPeer}), in the place of whoever has
        that number; or nothing, where there is no such seat.

        @param member: Who, with their keys.
        """

    def sendStep(player: int, attempt: bytes, kind: int) -> None:
        """
        Have the lobby carry a step of traversal to a player; do nothing without a lobby.

        @param player: To whom.
        @param attempt: The attempt's id, 16 bytes.
        @param kind: A L{gamenet.traversal.punch.StepKind}.
        """

    def transferNotice(player: int, body: bytes) -> None:
        """
        There is news of a transfer of the rollback session: give it C{body} as if the
        player had sent it as an input packet.

        @param player: With whom.
        @param body: See L{gamenet.channel.session_transfer}.
        """

    def transferEnded(player: int, ended: TransferEnded) -> None:
        """
        A transfer ended that is not the rollback session's.

        @param player: With whom.
        @param ended: How.
        """
