"""
Who may come while a match runs: nobody whose link would have the keys of one before.
"""

from __future__ import annotations

from twisted.logger import Logger

from gamenet.errors import RemoteProtocolError
from gamenet.mesh.mesh import Mesh
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import TicketMember

__all__ = ["HEARD_WITHIN", "KEYS_LIMIT", "Admission"]

#: Nobody takes the place of a player who was heard within so many seconds, whatever a
#: lobby says: that one has to be out first.
HEARD_WITHIN = 1.0

#: How many link keys of others are ever taken from a lobby in one match.
KEYS_LIMIT = 256


class Admission:
    """
    Takes in those who come late, or come back.  Used by L{gamenet.match.peers.Peers} and
    L{gamenet.match.shared_match.SharedMatch}.

    Packets that were sealed with the same key and counter would open each other.  So
    where somebody comes by a player number and a link key that were together in this
    match before, no link is made of them: that player makes itself another key and shows
    by a handshake who it is, as L{gamenet.match.session.Session} has it.
    """

    _log = Logger()

    def __init__(self, mesh: Mesh, ticket: MatchTicket) -> None:
        self._mesh = mesh
        self._player = ticket.player
        self._known = dict.fromkeys((each.player, each.link_key) for each in ticket.members)
        self._present = {each.player: each.link_key for each in ticket.members}

    def isNew(self, member: TicketMember) -> bool:
        """Return whether the lobby's word is news, and there is room for one more key."""
        key = member.player, member.link_key
        if member.player == self._player or self._isPresent(member) or self._isHeard(member):
            return False
        return key in self._known or len(self._known) < KEYS_LIMIT

    def admit(self, member: TicketMember) -> bool:
        """
        Take somebody in, in the place of whoever had that number.

        @return: Whether there is a link with them now, or will be when they show who they are.
        """
        if not self.isNew(member):
            return False
        again = (member.player, member.link_key) in self._known
        self._known[member.player, member.link_key] = None
        self._present[member.player] = member.link_key
        self._mesh.removePeer(member.player)
        try:
            self._mesh.addPeer(member, again)
        except RemoteProtocolError as error:
            self._log.warn("player {p} cannot join: {why}", p=member.player, why=str(error))
            return False
        return True

    def _isPresent(self, member: TicketMember) -> bool:
        there = any(each.player == member.player for each in self._mesh.members)
        return there and self._present.get(member.player) == member.link_key

    def _isHeard(self, member: TicketMember) -> bool:
        """Return whether anybody is heard whose seat they would take."""
        links = [
            self._mesh.links[each.player]
            for each in self._mesh.members
            if each.player in self._mesh.links and each.sharesSeat(member)
        ]
        silences = [link.report().silence for link in links]
        return any(silence is not None and silence < HEARD_WITHIN for silence in silences)
