"""
What a game subclasses to play a match, and what it gets back at the end.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import Enum
from typing import Any

import attrs
from zope.interface import implementer

from gamenet.interfaces import Address, IPeerProtocol, ISimulation
from gamenet.match.result import PlayerSignature
from gamenet.match.session_protocol import SessionProtocol
from gamenet.match.statistics import MatchStatistics

__all__ = ["MatchResult", "Outcome", "PeerProtocol"]


class Outcome(Enum):
    """How a match that was played ended."""

    #: Every frame was played and confirmed by all.
    FINISHED = "finished"
    #: We left it.
    LEFT = "left"
    #: Everybody else left it, the last of them on purpose.
    OTHER_LEFT = "other_left"
    #: Everybody else is gone, the last of them because its game raised an error.
    OTHER_FAILED = "other_failed"


@attrs.frozen
class MatchResult:
    """
    What is left of a match.

    @ivar match_id: The match's id, 16 bytes.
    @ivar player: Our player number, the lowest where several play here.
    @ivar outcome: How it ended.
    @ivar last_frame: The last frame that all agreed on, -1 for none.
    @ivar checksum: crc32 of the state it led to, or with sparse saving the newest one
        that was taken; 0 for none.
    @ivar statistics: What it cost.
    @ivar statement: What the players of a finished match sign, as canonical bytes
        (L{gamenet.wire.match_statements}); C{b""} where it was not played to its end.
    @ivar signatures: Every member's word on it, ours too, in order of player number: given,
        missing or differing.  Several who play at one machine have one, by the lowest.
    """

    match_id: bytes
    player: int
    outcome: Outcome
    last_frame: int
    checksum: int
    statistics: MatchStatistics
    statement: bytes = b""
    signatures: tuple[PlayerSignature, ...] = ()


@implementer(IPeerProtocol)
class PeerProtocol(SessionProtocol):
    """
    This player's side of a match.  Subclass it and override the moments the game
    cares about; L{gamenet.interfaces.IPeerProtocol} describes each of them.  Those of the
    shared session are in L{SessionProtocol}.

    @ivar match: The L{gamenet.match.match.Match} being played, once it began.
    """

    match: Any = None

    def load(self) -> Any:
        """Load: nothing, unless overridden."""

    def countdown(self, seconds: int) -> None:
        """Play begins in so many C{seconds}."""

    def gameOutcome(self) -> bytes:
        """Say how the match ended: nothing, unless overridden."""
        return b""

    def matchStarted(self, match: Any) -> None:
        """Play begins.  Keeps C{match}; call it when overriding."""
        self.match = match

    def localInput(self, player: int, frame: int) -> bytes:
        """
        Return what C{player}, one of those who play here, presses for C{frame}: nothing,
        unless overridden.
        """
        return b""

    def frameReady(self, simulation: ISimulation, blend: float) -> None:
        """A new state is there to be drawn."""

    def frameConfirmed(self, frame: int, inputs: Sequence[bytes], checksum: Any) -> None:
        """A frame became final; C{checksum} may be C{None} with sparse saving."""

    def pathChanged(self, player: int, kind: str, address: Address) -> None:
        """Datagrams to C{player} take another path."""

    def interrupted(self, player: int, silence: float) -> None:
        """Nothing has come from C{player} for C{silence} seconds."""

    def resumed(self, player: int) -> None:
        """C{player} is heard again."""

    def peerLost(self, player: int, silence: float) -> None:
        """C{player} has been silent beyond the limit."""

    def desynchronized(self, frame: int, local: int, remote: int, player: int) -> None:
        """A confirmed frame's checksum differs from that of C{player}."""

    def matchEnded(self, result: Any) -> None:
        """The match is over; C{result} is C{None} where an error ended it."""

    def timeLost(self, seconds: float) -> None:
        """We slept, and C{seconds} are given up."""

    def waitRecommended(self, frames: int) -> None:
        """We are ahead by so many C{frames}."""

    def inputDelayRecommended(self, frames: int, round_trip: float, jitter: float) -> None:
        """Another input delay would suit the path."""

    def lockstepWaited(self, frame: int, seconds: float, players: Sequence[int]) -> None:
        """In lockstep, C{frame} waits for the inputs of C{players}."""

    def effectStarted(self, number: int, frame: int, key: Hashable, payload: object) -> None:
        """An effect that the simulation announced begins."""

    def effectCorrected(
        self, number: int, frame: int, key: Hashable, payload: object, former_frame: int
    ) -> None:
        """An effect that was started is another one than it seemed."""

    def effectCancelled(self, number: int, frame: int, key: Hashable, payload: object) -> None:
        """An effect that was started did not happen."""

    def effectConfirmed(self, number: int, frame: int, key: Hashable, payload: object) -> None:
        """An effect that was started is final."""

    def recordingFailed(self, kind: str, error: Exception) -> None:
        """The match goes on without its replay or its log."""

    def playerDropped(self, player: int, frame: int) -> None:
        """C{player} is out, from C{frame} on."""

    def playerJoined(self, player: int, frame: int) -> None:
        """C{player} plays from C{frame} on."""

    def isolated(self, missing: Sequence[int]) -> None:
        """Too few of the others are heard to go on."""

    def reunited(self) -> None:
        """Enough of the others are heard again."""

    def dropped(self, frame: int) -> None:
        """The others play on without us."""

    def seatTaken(self, frame: int) -> None:
        """Our inputs count from C{frame} on."""

    def seatRefused(self, reason: str) -> None:
        """We may not join."""

    def inconsistentInputs(self, player: int, frame: int, peer: int) -> None:
        """C{player} has told C{peer} other inputs than us."""

    def statesDumped(self, pair: Any) -> None:
        """Two states that differ are here to be compared."""

    def stateTakenOver(self, frame: int, peer: int) -> None:
        """Our state was replaced by that of C{peer}."""

    def stateTooLarge(self, size: int, limit: int) -> None:
        """A state that another player needs is too large to be sent."""

    def statesDiffer(self, frame: int, peer: int) -> None:
        """Our state is not that of C{peer}."""
