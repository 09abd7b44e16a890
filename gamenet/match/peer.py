"""
One other player of a match: everything that is kept about them.
"""

from __future__ import annotations

import attrs
from twisted.logger import Logger

from gamenet.interfaces import Address
from gamenet.match.barrier import StartBarrier
from gamenet.match.link import PeerLink
from gamenet.match.silence import SilenceWatch
from gamenet.match.sockets import PlayerSockets
from gamenet.traversal.candidates import relayedAddress
from gamenet.wire.lobby_values import RELAYED, Candidate

__all__ = ["Peer"]

#: How many different relayed addresses of one player are ever tried in a match.
_RELAYED_LIMIT = 16


@attrs.define(eq=False)
class Peer:
    """
    One other player.  Owned by L{gamenet.match.match.Match}.

    @ivar player: The player's number.
    @ivar link: The sealed link to them.
    @ivar barrier: The start of play, towards them.
    @ivar watch: How long they have been silent.
    @ivar candidates: Where they may be reached, as the lobby last said.
    @ivar parted: Whether they said goodbye.
    """

    _log = Logger()

    player: int
    link: PeerLink
    barrier: StartBarrier
    watch: SilenceWatch
    candidates: tuple[Candidate, ...]
    parted: bool = False
    _relayed: dict[Address, None] = attrs.field(init=False, factory=dict)

    def reachOut(self, sockets: PlayerSockets, ours: tuple[Candidate, ...]) -> None:
        """
        Try every way to reach them; call again when candidates of either side change.

        Without any candidate of our own but the relayed one, nothing of ours leaves
        for an address of theirs.

        @param ours: Where we may be reached, as offered to them.
        """
        relayed = sockets.relayed
        if relayed is None:
            self.link.relayLost()
        else:
            theirs = relayedAddress(self.candidates)
            if theirs is not None and self._isBelievable(theirs):
                relayed.bindChannel(theirs).addErrback(
                    lambda failure: self._log.info(
                        "no channel to player {player}: {reason}",
                        player=self.player,
                        reason=failure.getErrorMessage(),
                    )
                )
                self.link.addRelay(relayed, theirs)
        if any(candidate.kind != RELAYED for candidate in ours):
            self.link.searchDirect(sockets.game, ours, self.candidates)

    def _isBelievable(self, relayed: Address) -> bool:
        """Nobody gets a new relayed address this often: who says so aims us at others."""
        if len(self._relayed) < _RELAYED_LIMIT:
            self._relayed[relayed] = None
        return relayed in self._relayed
