"""
What a session has to tell of players who fall silent, go and come.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from gamenet.agreement.events import Isolated, Reunited

__all__ = [
    "Dropped",
    "Isolated",
    "PeerHoldsUp",
    "PeerInterrupted",
    "PeerResumed",
    "PlayerDropped",
    "PlayerJoined",
    "Reunited",
    "SeatEvent",
    "SeatRefused",
    "SeatTaken",
]


@attrs.frozen
class PeerInterrupted:
    """
    Nothing has come from a peer for a while; the match goes on waiting.

    @ivar peer: Its number, that of its lowest player.
    @ivar silence: Seconds since its last packet.
    """

    peer: int
    silence: float


@attrs.frozen
class PeerResumed:
    """
    A peer that was silent is heard again.

    @ivar peer: Its number.
    """

    peer: int


@attrs.frozen
class PeerHoldsUp:
    """
    A peer is heard well, and yet everybody waits for its inputs: its game stands still,
    or it means to stop ours.  The match goes on waiting, unless
    L{gamenet.rollback.session.RollbackSession.drop} is called.  Told once per stall.

    @ivar peer: Its number.
    @ivar seconds: How long no frame could be played for it.
    """

    peer: int
    seconds: float


@attrs.frozen
class PlayerDropped:
    """
    All who play on have agreed that a player is out: who was lost, or left.

    @ivar player: Their number.
    @ivar frame: The first frame that is played without an input of theirs.
    @ivar view: The number of the view that was agreed on.
    """

    player: int
    frame: int
    view: int


@attrs.frozen
class PlayerJoined:
    """
    All have agreed that somebody takes an empty seat.

    @ivar player: Their number.
    @ivar frame: The first frame that is played with an input of theirs.
    @ivar view: The number of the view that was agreed on.
    """

    player: int
    frame: int
    view: int


@attrs.frozen
class Dropped:
    """
    The others have agreed that we are out: what we confirmed from C{frame} on is not
    part of their match.  Play is over here, unless
    L{gamenet.rollback.session.RollbackSession.rejoin} is called.

    @ivar frame: The first frame that they play without an input of ours.
    @ivar view: The number of the view that they agreed on.
    """

    frame: int
    view: int


@attrs.frozen
class SeatTaken:
    """
    We joined: all have agreed on the frame from which on our inputs count.

    @ivar frame: That frame.
    @ivar view: The number of the view that was agreed on.
    """

    frame: int
    view: int


@attrs.frozen
class SeatRefused:
    """
    We may not join.

    @ivar reason: Why, in words.
    """

    reason: str


#: Every event of this room.
SeatEvent: TypeAlias = (
    PeerInterrupted
    | PeerResumed
    | PeerHoldsUp
    | PlayerDropped
    | PlayerJoined
    | Isolated
    | Reunited
    | Dropped
    | SeatTaken
    | SeatRefused
)
