"""
Who has come while the match runs, told from player to player: the lobby may be gone for
some of them, and a process that has returned was never told by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from gamenet.mesh.mesh_peer import MeshPeer
from gamenet.wire.lobby_values import Candidate, TicketMember
from gamenet.wire.mesh_messages import Introduction

__all__ = [
    "INTRODUCED_LIMIT",
    "PENDING_LIMIT",
    "SOUGHT_FOR",
    "SOUGHT_LIMIT",
    "WORD_LIMIT",
    "Introductions",
]

#: How many newcomers are taken in a match because players say so: each may name sixteen
#: addresses that we then send checks to.
INTRODUCED_LIMIT = 64

#: How many of those on the word of one player, where we are the introducer ourselves.
WORD_LIMIT = 8

#: How many of those that one player named are looked for at a time: whoever makes up
#: newcomers has us send checks to addresses of its choice.
SOUGHT_LIMIT = 3

#: Seconds for which somebody is looked for before the next one is taken all the same.
SOUGHT_FOR = 20.0

#: Seconds between two looks at who waits, at least.
_SHORTEST_WAIT = 0.1

#: How many newcomers are remembered that one player speaks of and who are not taken.
PENDING_LIMIT = 16


class Introductions:
    """
    What is told and heard of newcomers.  Owned by a
    L{gamenet.mesh.whereabouts.WhereaboutsExchange}.

    Everybody tells whomever it reaches of everybody who came late.  One player is
    believed, the introducer: whoever orders the session's log.  The introducer itself
    takes anybody's word, as somebody has to tell it.  What others say is kept until they
    are the introducer.  Nobody is put into the place of a player of the ticket, or of one
    who was ever reached: that one has to be out first.

    @ivar introducer: Who is believed; 0 is the lowest number of those that we reach, and
        ourselves.
    @ivar introduced: How many were taken.
    @ivar refused: How many introductions made no sense, or were too many.
    """

    def __init__(
        self,
        ours: TicketMember,
        peers: Mapping[int, MeshPeer],
        tell: Callable[[MeshPeer, Introduction], bool],
        introduce: Callable[[TicketMember], object],
        seconds: Callable[[], float],
        later: Callable[[float], object],
    ) -> None:
        """
        @param ours: What the ticket says of ourselves.
        @param peers: The others, for reading; kept up to date by the owner.
        @param tell: Sends a message; returns whether there was room for it.
        @param introduce: Called with whoever is believed to have come, to be added in the
            place of whoever has that number; or not, as the owner likes.
        @param seconds: Returns the time, in monotonic seconds.
        @param later: Has L{believe} called after so many seconds.
        """
        self.introducer = 0
        self.introduced = 0
        self.refused = 0
        self._ours = ours
        self._peers = peers
        self._tell = tell
        self._introduce = introduce
        self._seconds = seconds
        self._later = later
        self._words: dict[int, int] = {}
        self._taken: dict[int, tuple[int, float]] = {}
        self._late: dict[int, None] = {}
        self._told: dict[int, dict[int, TicketMember]] = {}
        self._pending: dict[int, dict[int, TicketMember]] = {}

    def added(self, player: int) -> None:
        """Somebody is there who is perhaps not in every ticket: tell all others."""
        self._late[player] = None
        self._forgetPending(player, self._peers[player].member)
        for peer in tuple(self._peers.values()):
            self.update(peer)

    def removed(self, player: int) -> None:
        """Somebody is out: tell nobody of them, and take somebody else by that number."""
        tables: tuple[dict[int, Any], ...] = (
            self._told, self._pending, self._late, self._taken, *self._told.values()
        )
        for table in tables:
            table.pop(player, None)
        self._later(0.0)

    def forget(self, player: int) -> None:
        """Somebody knows nothing of what they were told."""
        self._told.pop(player, None)

    def update(self, peer: MeshPeer) -> None:
        """Tell somebody whom we reach of those whom they were not told of yet."""
        if not peer.reached:
            return
        if self._taken.pop(peer.player, None) is not None:
            self._later(0.0)
        told = self._told.setdefault(peer.player, {})
        for player in self._late:
            other = self._peers.get(player)
            if other is None or other is peer or _isSame(told.get(player), other.member):
                continue
            if self._tell(peer, Introduction(other.member)):
                told[player] = other.member

    def received(self, sender: MeshPeer, member: TicketMember) -> None:
        """Somebody speaks of a newcomer."""
        pending = self._pending.setdefault(sender.player, {})
        crowded = member.player not in pending and len(pending) >= PENDING_LIMIT
        if crowded or member.player == sender.player or not self._isPossible(member):
            self.refused += 1
        elif not self._isKnown(member):
            pending[member.player] = member
            self.believe()

    def moved(self, sender: MeshPeer, player: int, candidates: tuple[Candidate, ...]) -> None:
        """Somebody says where a newcomer is now."""
        pending = self._pending.get(sender.player, {})
        if player in pending:
            pending[player] = attrs.evolve(pending[player], candidates=candidates)

    def believe(self) -> None:
        """Take those whom the introducer has named; call it when that is another player."""
        introducer = self.introducer or self._lowest()
        for speaker, pending in tuple(self._pending.items()):
            if speaker == introducer:
                limit = INTRODUCED_LIMIT
            elif introducer == self._ours.player:
                limit = WORD_LIMIT
            else:
                continue
            for player, member in tuple(pending.items()):
                if self._isKnown(member) or not self._isPossible(member):
                    pending.pop(player, None)
                elif self._hasRoom(member) and self._hasTurn(speaker):
                    pending.pop(player, None)
                    self._take(speaker, member, limit)

    def _take(self, speaker: int, member: TicketMember, limit: int) -> None:
        words = self._words.get(speaker, 0)
        if self.introduced >= INTRODUCED_LIMIT or words >= limit:
            self.refused += 1
            return
        self.introduced += 1
        self._words[speaker] = words + 1
        self._introduce(member)
        if self._isKnown(member):
            self._taken[member.player] = speaker, self._seconds()

    def _lowest(self) -> int:
        reached = [peer.player for peer in self._peers.values() if peer.reached]
        return min([self._ours.player, *reached])

    def _isKnown(self, member: TicketMember) -> bool:
        peer = self._peers.get(member.player)
        return peer is not None and _isSame(peer.member, member)

    def _isPossible(self, member: TicketMember) -> bool:
        """Return whether nobody else has that number's keys, and we have not that number."""
        others = [self._ours, *(peer.member for peer in self._peers.values())]
        return not self._ours.sharesSeat(member) and not any(
            other.player != member.player
            and (
                other.link_key == member.link_key or other.statement_key == member.statement_key
            )
            for other in others
        )

    def _hasRoom(self, member: TicketMember) -> bool:
        """Return whether nobody has those numbers, or somebody who never showed up."""
        return all(
            peer.player in self._taken
            for peer in self._peers.values()
            if peer.member.sharesSeat(member)
        )

    def _hasTurn(self, speaker: int) -> bool:
        """Return whether not too many are looked for already that one player has named."""
        since = self._seconds() - SOUGHT_FOR
        sought = [begun for who, begun in self._taken.values() if who == speaker and begun > since]
        if len(sought) < SOUGHT_LIMIT:
            return True
        self._later(max(min(sought) - since, _SHORTEST_WAIT))
        return False

    def _forgetPending(self, player: int, member: TicketMember) -> None:
        """Somebody is known: whoever spoke of them need not be believed any more."""
        for pending in self._pending.values():
            if _isSame(pending.get(player), member):
                del pending[player]


def _isSame(one: TicketMember | None, other: TicketMember) -> bool:
    """Return whether it is the same player, wherever they may be."""
    return (
        one is not None
        and one.statement_key == other.statement_key
        and one.link_key == other.link_key
    )
