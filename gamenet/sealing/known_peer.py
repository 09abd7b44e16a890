"""
What a process knows of another player's process, and why a handshake was refused.
"""

from __future__ import annotations

from enum import Enum

import attrs

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.sealed_link import SealedLink

__all__ = ["HandshakeFault", "HandshakeRefused", "KnownPeer", "Ourselves"]


class HandshakeFault(Enum):
    """
    Why a packet of a handshake was dropped.

    @cvar MALFORMED: It is no such packet.
    @cvar OTHER_MATCH: It is of another match.
    @cvar OTHER_PLAYER: It is not for us, or from nobody we know.
    @cvar UNASKED: It answers nothing that we asked, or too much came for one question.
    @cvar BAD_COOKIE: Its cookie is not ours, not for that address, or out of date.
    @cvar OLD_GENERATION: We know a newer process of that player's.
    @cvar USED_UP: There is no generation after the last.
    @cvar TOO_MANY: So many proofs come that this one was not looked at.
    @cvar BAD_SIGNATURE: The player did not sign it.
    @cvar POOR_KEY: Its link key is a low-order point.
    """

    MALFORMED = "no packet of a handshake"
    OTHER_MATCH = "a handshake of another match"
    OTHER_PLAYER = "a handshake between other players"
    UNASKED = "an answer to nothing that was asked"
    BAD_COOKIE = "a cookie that is not good here and now"
    OLD_GENERATION = "a newer process of that player is known"
    USED_UP = "there is no further generation"
    TOO_MANY = "more proofs than are looked at"
    BAD_SIGNATURE = "not signed by the player"
    POOR_KEY = "a link key that is not usable"


class HandshakeRefused(RemoteProtocolError):
    """
    A packet of a handshake was dropped; nothing has changed.

    @ivar fault: Why.
    """

    def __init__(self, fault: HandshakeFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@attrs.frozen
class Ourselves:
    """
    This process, as all its handshakes know it.

    @ivar keys: Our keys: a link key of this process alone, and the statement key that
        the ticket names.
    @ivar player: Our player number.
    @ivar match_id: The match's id, 16 bytes.
    @ivar renewal_packets: As L{SealedLink.between} takes it.
    """

    keys: PlayerKeys
    player: int
    match_id: bytes
    renewal_packets: int


@attrs.define(eq=False)
class KnownPeer:
    """
    Another player: its newest process that we know, and what the link is made of.

    The generations of a pair only ever grow, and L{link} is made at most once of any
    link keys and generations: a counter never begins again under the same key.

    @ivar player: Its number.
    @ivar statement_key: Its Ed25519 public key, 32 bytes, which never changes.
    @ivar link_key: The X25519 public key of that process, 32 bytes.
    @ivar generation: That process's generation.
    @ivar own_generation: Ours, towards this player.
    @ivar link: The link with it, C{None} where there is none with our present process.
    """

    player: int
    statement_key: bytes
    link_key: bytes
    generation: int
    own_generation: int
    link: SealedLink | None = None
    _made_of: tuple[bytes, int, int] | None = attrs.field(init=False, default=None)

    def wasLinkedAs(self, link_key: bytes, generation: int, own_generation: int) -> bool:
        """Return whether the newest link was made of just these."""
        return self._made_of == (link_key, generation, own_generation)

    @property
    def was_linked(self) -> bool:
        """Whether our process ever had a link with this player."""
        return self._made_of is not None

    def connect(
        self, ourselves: Ourselves, link_key: bytes, generation: int, own_generation: int
    ) -> SealedLink:
        """
        Make the link with a process of that player's, and know that process from now on.

        @raise RemoteProtocolError: Its key is not usable; nothing has changed.
        @raise LocalProtocolError: This link was made before.
        """
        if self.wasLinkedAs(link_key, generation, own_generation):
            raise LocalProtocolError(f"the link to player {self.player} was made before")
        link = SealedLink.between(
            ourselves.keys,
            ourselves.player,
            link_key,
            self.player,
            ourselves.match_id,
            own_generation,
            generation,
            ourselves.renewal_packets,
        )
        self.link_key, self.generation, self.own_generation = link_key, generation, own_generation
        self._made_of = (link_key, generation, own_generation)
        self.link = link
        return link
