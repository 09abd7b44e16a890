"""
A player's keys, for each match that is entered: the same (key, counter) never twice.
"""

from __future__ import annotations

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import IMachine
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.wire.lobby_answers import MatchTicket

__all__ = ["ENTRIES_LIMIT", "MatchKeys"]

#: How many matches can be entered over one connection with a lobby; 33 bytes each.
ENTRIES_LIMIT = 65_536

#: Bytes of the seed of a fresh link key.
_LINK_SEED_BYTES = 32


class MatchKeys:
    """
    Gives out the keys for each match.

    The keys of a link come of the link keys that the lobby told, the match id and the
    player numbers.  Who leaves a match and sits down in it again by the same number would
    make the same link again, with its counters from 0.  So from the second time on the
    link key is a fresh one, and the others learn it by a handshake, as from a process
    that has returned.
    """

    def __init__(self, machine: IMachine, keys: PlayerKeys) -> None:
        """
        @param machine: Gives random bytes.
        @param keys: What the lobby told the others.
        """
        self._machine = machine
        self._keys = keys
        self._entered: dict[tuple[bytes, int], None] = {}

    def enter(self, ticket: MatchTicket) -> tuple[PlayerKeys, bool]:
        """
        Return the keys for a match that is about to be entered, and whether we were in it
        before by the same number.

        @raise LocalProtocolError: L{ENTRIES_LIMIT} matches were entered.
        """
        entry = ticket.match_id, ticket.player
        if entry in self._entered:
            fresh = self._machine.randomBytes(_LINK_SEED_BYTES)
            return PlayerKeys.fromRandomBytes(fresh + self._keys.statementSeed()), True
        if len(self._entered) >= ENTRIES_LIMIT:
            raise LocalProtocolError(
                f"{ENTRIES_LIMIT} matches were entered: connect to the lobby anew"
            )
        self._entered[entry] = None
        return self._keys, False
