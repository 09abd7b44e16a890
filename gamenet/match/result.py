"""
What a finished match yields, as decisions: what each player signs, whose signature is
there, and whose differs.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import attrs

from gamenet.wire.match_statements import MatchStatement, StatementPacket

__all__ = ["PlayerSignature", "SignatureState", "StatementExchange"]


class SignatureState(Enum):
    """What a player has said of the result."""

    #: They signed the same.
    GIVEN = "given"
    #: Nothing came of them that they signed.
    MISSING = "missing"
    #: They signed something else.
    DIFFERING = "differing"


@attrs.frozen
class PlayerSignature:
    """
    One player's word on the result.

    @ivar player: Whose.
    @ivar state: What it is.
    @ivar signature: 64 bytes; C{b""} where it is missing.
    @ivar statement: The bytes that were signed; C{b""} where it is missing.
    """

    player: int
    state: SignatureState
    signature: bytes = b""
    statement: bytes = b""


@attrs.define
class StatementExchange:
    """
    The statements of one match.  Used by L{gamenet.match.leaving}.

    @ivar player: Our number.
    @ivar keys: The Ed25519 public key of each other player, by number.
    @ivar ours: Our statement, C{None} before the match is finished here.
    @ivar refused: How many statements bore no good signature.
    """

    player: int
    keys: dict[int, bytes]
    _isSigned: Callable[[bytes, bytes, bytes], bool]
    ours: MatchStatement | None = attrs.field(init=False, default=None)
    refused: int = attrs.field(init=False, default=0)
    _signature: bytes = attrs.field(init=False, default=b"")
    _theirs: dict[int, tuple[bytes, bytes]] = attrs.field(init=False, factory=dict)
    _early: dict[int, StatementPacket] = attrs.field(init=False, factory=dict)
    _known: dict[int, None] = attrs.field(init=False, factory=dict)

    def made(self, statement: MatchStatement, signature: bytes) -> None:
        """
        The match is finished here.

        @param signature: Ours, of the statement.
        """
        self.ours, self._signature = statement, signature
        early, self._early = self._early, {}
        for player, packet in early.items():
            self.received(player, packet)

    def packetFor(self, player: int) -> StatementPacket | None:
        """Return what is to be told to another player, C{None} before we are finished."""
        ours = self.ours
        if ours is None:
            return None
        return StatementPacket(
            player in self._theirs, ours.last_frame, ours.checksum, ours.outcome, self._signature
        )

    def received(self, player: int, packet: StatementPacket) -> None:
        """
        Another player's statement came.  The first with a good signature counts; the
        newest that came too early is kept.
        """
        key = self.keys.get(player)
        if key is None:
            return
        if self.ours is None:
            self._early[player] = packet
            return
        if packet.has_yours:
            self._known[player] = None
        if player in self._theirs:
            return
        said = MatchStatement(
            self.ours.match_id, packet.last_frame, packet.checksum, packet.outcome
        ).toBytes()
        if self._isSigned(key, said, packet.signature):
            self._theirs[player] = (said, packet.signature)
        else:
            self.refused += 1

    def settled(self, player: int) -> bool:
        """Return whether that player and we have each other's statements."""
        return player in self._theirs and player in self._known

    def signatures(self) -> tuple[PlayerSignature, ...]:
        """Return everybody's word, in order of player number; none before we are finished."""
        if self.ours is None:
            return ()
        wanted = self.ours.toBytes()
        found = {self.player: PlayerSignature(
            self.player, SignatureState.GIVEN, self._signature, wanted
        )}
        for player in self.keys:
            if player not in self._theirs:
                found[player] = PlayerSignature(player, SignatureState.MISSING)
                continue
            said, signature = self._theirs[player]
            state = SignatureState.GIVEN if said == wanted else SignatureState.DIFFERING
            found[player] = PlayerSignature(player, state, signature, said)
        return tuple(found[player] for player in sorted(found))
