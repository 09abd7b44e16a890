"""
The results that players have offered of their matches, for a while.

The lobby keeps what it is given as it is given: it verifies no signature, and where two
players offer different results of one match it keeps both.  Whoever needs to know who is
right has the players' public keys in the tickets.
"""

from __future__ import annotations

from attrs import define, field, frozen

from gamenet.wire.lobby_messages import ResultSignature

__all__ = ["MatchResults", "OfferedResult"]


@frozen
class OfferedResult:
    """
    One player's statement of how a match ended.

    @ivar match_id: Which match, 16 bytes.
    @ivar player: Who offered it, by player number.
    @ivar result: What it says, 1 to 1 024 bytes that the lobby does not look into.
    @ivar signatures: Those that came with it, verified by nobody here.
    @ivar players: Whose signatures a whole statement has, by player numbers, ascending.
    """

    match_id: bytes
    player: int
    result: bytes
    signatures: tuple[ResultSignature, ...]
    players: tuple[int, ...]

    @property
    def missing(self) -> tuple[int, ...]:
        """The players whose signatures did not come with it, ascending."""
        signed = [signature.player for signature in self.signatures]
        return tuple(player for player in self.players if player not in signed)


@define
class _OfMatch:
    """
    What was offered of one match, by the player who offered it.

    @ivar since: When the first of it came, monotonic seconds.
    """

    since: float
    by_player: dict[int, OfferedResult] = field(init=False, factory=dict)


@define(eq=False)
class MatchResults:
    """
    The results of many matches, the oldest first.

    A player's newest statement of a match takes the place of the one before, so a match has
    at most as many as it has players.  Above the limit the oldest match is forgotten.

    @ivar limit: The most statements that are kept.
    @ivar lifetime: Seconds after the first statement of a match at which all of them are
        forgotten.
    @ivar statements: How many are kept.
    """

    limit: int
    lifetime: float
    statements: int = field(init=False, default=0)
    _by_match: dict[bytes, _OfMatch] = field(init=False, factory=dict)

    @property
    def matches(self) -> int:
        """Of how many matches there is a result."""
        return len(self._by_match)

    @property
    def differing(self) -> int:
        """How many of those matches have results that differ."""
        return sum(map(self.differs, self._by_match))

    def keep(self, offered: OfferedResult, now: float) -> None:
        """
        Keep a statement.

        @param offered: The statement.
        @param now: Monotonic seconds.
        """
        kept = self._by_match.get(offered.match_id)
        if kept is None:
            kept = self._by_match[offered.match_id] = _OfMatch(now)
        self.statements += offered.player not in kept.by_player
        kept.by_player[offered.player] = offered
        while self.statements > self.limit:
            self._forget(next(iter(self._by_match)))

    def of(self, match_id: bytes) -> tuple[OfferedResult, ...]:
        """Return what was offered of a match, in order of the players' first statements."""
        kept = self._by_match.get(match_id)
        return () if kept is None else tuple(kept.by_player.values())

    def differs(self, match_id: bytes) -> bool:
        """Return whether players have offered different results of a match."""
        return len({offered.result for offered in self.of(match_id)}) > 1

    def sweep(self, now: float) -> None:
        """
        Forget what is too old.

        @param now: Monotonic seconds.
        """
        old = []
        for match_id, kept in self._by_match.items():
            if now - kept.since < self.lifetime:
                break
            old.append(match_id)
        for match_id in old:
            self._forget(match_id)

    def _forget(self, match_id: bytes) -> None:
        """Forget a match."""
        self.statements -= len(self._by_match.pop(match_id).by_player)
