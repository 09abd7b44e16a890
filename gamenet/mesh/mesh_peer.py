"""
One other player of a mesh: the link to them, and where they may be reached.
"""

from __future__ import annotations

import attrs
from twisted.logger import Logger

from gamenet.interfaces import Address
from gamenet.mesh.link import PeerLink
from gamenet.mesh.path import Path, PathKind
from gamenet.mesh.sockets import PlayerSockets
from gamenet.traversal.candidates import punchTargets, relayedAddress
from gamenet.wire.lobby_values import (
    CANDIDATES_LIMIT,
    RELAYED,
    SERVER_REFLEXIVE,
    Candidate,
    TicketMember,
)

__all__ = ["MOVES_LIMIT", "RELAYED_LIMIT", "MeshPeer"]

#: How often in a match a player is believed to be elsewhere on what players say.
MOVES_LIMIT = 256

#: How many different relayed addresses of one player are ever tried in a match.
RELAYED_LIMIT = 16


@attrs.define(eq=False)
class MeshPeer:
    """
    One other player.  Owned by L{gamenet.mesh.mesh.Mesh}.

    @ivar member: Who they are, and where they may be reached, as was last said.
    @ivar link: The link to them; C{None} until there are keys for one.
    @ivar moves: How often players, and not the lobby, said that they are elsewhere.
    """

    _log = Logger()

    member: TicketMember
    link: PeerLink | None = None
    moves: int = attrs.field(init=False, default=0)
    _relayed: dict[Address, None] = attrs.field(init=False, factory=dict)
    _lobby: tuple[Candidate, ...] = attrs.field(init=False)

    @_lobby.default
    def _ticket(self) -> tuple[Candidate, ...]:
        return self.member.candidates

    @property
    def player(self) -> int:
        """The player's number."""
        return self.member.player

    @property
    def reached(self) -> bool:
        """Whether there is a path to them."""
        return self.link is not None and self.link.paths.chosen is not None

    def believes(self, candidates: tuple[Candidate, ...]) -> bool:
        """
        Take what a player says of where this one may be reached; what the lobby saw of
        their router stays possible.

        @return: Whether it is news, and they were not said to be elsewhere too often.
        """
        seen = [each for each in self.member.candidates if each.kind == SERVER_REFLEXIVE]
        both = tuple(dict.fromkeys((*candidates, *seen)))[:CANDIDATES_LIMIT]
        if both == self.member.candidates or self.moves >= MOVES_LIMIT:
            return False
        self.moves += 1
        self.moved(both)
        return True

    def believesLobby(self, candidates: tuple[Candidate, ...]) -> None:
        """
        Take the lobby's word on where this player may be reached.

        The lobby repeats what they offered it, also when they are elsewhere and cannot tell
        it.  So where players have said better, only what it did not say before is news.
        """
        said, self._lobby = self._lobby, candidates
        if self.moves:
            news = [each for each in candidates if each not in said]
            candidates = tuple(dict.fromkeys((*news, *self.member.candidates)))
        self.moved(candidates[:CANDIDATES_LIMIT])

    def moved(self, candidates: tuple[Candidate, ...]) -> None:
        """They may be reached elsewhere now."""
        self.member = attrs.evolve(self.member, candidates=candidates)

    def reachOut(self, sockets: PlayerSockets, ours: tuple[Candidate, ...]) -> None:
        """
        Try every way to reach them; call again when candidates of either side change.

        Without any candidate of our own but the relayed one, nothing of ours leaves
        for an address of theirs.

        @param ours: Where we may be reached, as offered to them.
        """
        relay = self._throughRelay(sockets)
        if self.link is None:
            return
        if sockets.relayed is None:
            self.link.relayLost()
        elif relay is not None:
            self.link.addRelay(relay.socket, relay.address)
        if _offersOwn(ours):
            self.link.searchDirect(sockets.game, ours, self.member.candidates)

    def ways(
        self, sockets: PlayerSockets, ours: tuple[Candidate, ...], limit: int
    ) -> tuple[Path, ...]:
        """
        Return where a process that has no link with them yet may find them.

        @param ours: Where we may be reached.
        @param limit: The most addresses, besides the relayed one.
        """
        relay = self._throughRelay(sockets)
        found = [] if relay is None else [relay]
        if _offersOwn(ours):
            targets = punchTargets(ours, self.member.candidates)[:limit]
            found += [Path(PathKind.DIRECT, sockets.game, address) for address in targets]
        return tuple(found)

    def _throughRelay(self, sockets: PlayerSockets) -> Path | None:
        """Return the way from our relayed address to theirs, with a channel for it."""
        relayed = sockets.relayed
        theirs = relayedAddress(self.member.candidates)
        if relayed is None or theirs is None or not self._isBelievable(theirs):
            return None
        relayed.bindChannel(theirs).addErrback(
            lambda failure: self._log.info(
                "no channel to player {player}: {reason}",
                player=self.player,
                reason=failure.getErrorMessage(),
            )
        )
        return Path(PathKind.RELAY, relayed, theirs)

    def _isBelievable(self, relayed: Address) -> bool:
        """Nobody gets a new relayed address this often: who says so aims us at others."""
        if len(self._relayed) < RELAYED_LIMIT:
            self._relayed[relayed] = None
        return relayed in self._relayed


def _offersOwn(ours: tuple[Candidate, ...]) -> bool:
    """Return whether an address of ours is known to the others, and not the relay's alone."""
    return any(candidate.kind != RELAYED for candidate in ours)
