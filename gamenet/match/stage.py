"""
What the states of a match have in common: what they share, and what another player's
packets mean unless a state says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar

import attrs
from twisted.logger import Logger

from gamenet.errors import GamenetError, RemoteProtocolError
from gamenet.interfaces import IPeerProtocol
from gamenet.match.frame_loop import FrameLoop
from gamenet.match.moments import moment
from gamenet.match.participation import Participation
from gamenet.match.peer import Peer
from gamenet.match.protocol import Outcome
from gamenet.match.result import StatementExchange
from gamenet.match.settings import MatchSettings
from gamenet.match.start import Start
from gamenet.wire.match_statements import StatementPacket
from gamenet.wire.peer_packets import (
    Goodbye,
    GoodbyeReason,
    Inputs,
    PeerPacket,
    Ready,
    Terms,
)
from gamenet.wire.start_packets import CallOff, Countdown

__all__ = ["Ground", "MatchState", "Stage"]


class MatchState(Enum):
    """Where a match stands."""

    #: The others are not there yet, or not loaded.
    REACHING = "reaching"
    #: All are there, and know when play begins.
    COUNTING = "counting"
    #: Frames are played.
    PLAYING = "playing"
    #: We play no more, and say goodbye; others may still need our inputs.
    LEAVING = "leaving"
    #: Over; nothing is sent or called any more.
    OVER = "over"


@attrs.define(eq=False)
class Ground:
    """
    What the states of one match share.  Made by L{gamenet.match.match.Match}.

    @ivar loop: The frames.
    @ivar protocol: The game's side of the match.
    @ivar settings: How it is played.
    @ivar begin: Called when play begins, with the time that frame 0 is due.
    @ivar become: Called with the next state.
    @ivar part: Called with the reason to play no more.
    @ivar end: Called with the outcome, or with what went wrong.
    @ivar wake: Called with the time at which the present state's beat is to come, which
        is sooner than it was going to.
    @ivar callOff: Called with why the match does not begin, for anybody.
    @ivar forget: Called with the number of a player who is out for good.
    @ivar start: Our part in the start.
    @ivar statements: What everybody says of the result.
    @ivar peers: The other players, by number.
    @ivar session: Our part in what all know together.
    """

    loop: FrameLoop
    protocol: IPeerProtocol
    settings: MatchSettings
    begin: Callable[[float], None]
    become: Callable[[Stage], None]
    part: Callable[[GoodbyeReason], None]
    end: Callable[[Outcome | GamenetError], None]
    wake: Callable[[float], None]
    callOff: Callable[[CallOff], None]
    forget: Callable[[int], None]
    start: Start
    statements: StatementExchange
    peers: dict[int, Peer]
    session: Participation

    @property
    def starters(self) -> tuple[Peer, ...]:
        """The others who are there from the start."""
        return tuple(self.peers[player] for player in self.start.others if player in self.peers)

    def sendInputs(self, now: float) -> None:
        """Send every player what is due."""
        for player, body in self.loop.packetsDue(now):
            peer = self.peers.get(player)
            if peer is not None:
                peer.send(Inputs(body))


@attrs.define(eq=False)
class Stage:
    """
    One state of a match; what its subclasses do alike.

    @cvar state: Which it is.
    @ivar ground: What it shares with the others.
    @ivar stopped: Whether another state came after it, for example in one of the
        moments that a beat calls.
    """

    _log: ClassVar[Logger] = Logger()
    state: ClassVar[MatchState]
    ground: Ground
    stopped: bool = attrs.field(init=False, default=False)

    @property
    def playable(self) -> bool:
        """Whether anything that others do is still the game's business."""
        return True

    def beat(self, now: float) -> float | None:
        """
        Do what is due.

        @return: When to come back, in seconds; C{None} for never.
        """
        raise NotImplementedError

    def packetReceived(self, peer: Peer, packet: PeerPacket, now: float) -> None:
        """A packet of another player came."""
        if isinstance(packet, Inputs):
            self.inputsReceived(peer, packet, now)
        elif isinstance(packet, Ready):
            self.readyReceived(peer, packet, now)
        elif isinstance(packet, Goodbye):
            self.goodbyeReceived(peer, packet, now)
        elif isinstance(packet, Terms):
            self.termsReceived(peer, packet)
        elif isinstance(packet, Countdown):
            self.countdownReceived(peer, packet, now)
        elif isinstance(packet, CallOff):
            self.callOffReceived(peer, packet, now)
        elif isinstance(packet, StatementPacket):
            self.statementReceived(peer, packet)

    def readyReceived(self, peer: Peer, ready: Ready, now: float) -> None:
        """Another player is there, or does not know yet that we have begun."""
        if not ready.heard:
            self._sayReady(peer, now)

    def termsReceived(self, peer: Peer, terms: Terms) -> None:
        """Another player refuses our rules; once play has begun that means nothing."""

    def countdownReceived(self, peer: Peer, packet: Countdown, now: float) -> None:
        """The moment of the start was said, which means nothing once play has begun."""

    def callOffReceived(self, peer: Peer, packet: CallOff, now: float) -> None:
        """Another player says that the match does not begin; once it goes on, it does."""

    def statementReceived(self, peer: Peer, packet: StatementPacket) -> None:
        """Another player has finished the match."""
        self.ground.statements.received(peer.player, packet)

    def inputsReceived(self, peer: Peer, packet: Inputs, now: float) -> None:
        """A packet of play came."""
        loop = self.ground.loop
        try:
            loop.packetReceived(peer.player, packet.body, now)
        except RemoteProtocolError as error:
            if loop.statistics.packets_refused == 1:
                self._log.warn(
                    "a packet of player {p} refused: {why}", p=peer.player, why=str(error)
                )
            return
        if not peer.watch.interrupted:
            return
        heard_at = loop.heardAt(peer.player)
        if heard_at is not None and now - heard_at >= peer.watch.interrupted_after:
            return  # a word of the agreement, and none of the game
        if peer.watch.heard():
            with moment("resumed"):
                self.ground.protocol.resumed(peer.player)

    def goodbyeReceived(self, peer: Peer, goodbye: Goodbye, now: float) -> None:
        """Another player stops."""
        if goodbye.reason is GoodbyeReason.FINISHED:
            peer.parted = True
            return
        self._log.info("player {p} left at {at}", p=peer.player, at=goodbye.last_confirmed_frame)
        difference = self.ground.loop.difference
        if goodbye.reason is GoodbyeReason.DIFFERED and difference.ends:
            self.ground.end(difference.saidBy(peer.player))
            return
        peer.parted = True
        self._left(peer, goodbye.reason)

    def pathFound(self, peer: Peer, now: float) -> None:
        """Packets to another player take another path."""

    def _left(self, peer: Peer, reason: GoodbyeReason) -> None:
        """Another player is gone before the end of the match."""
        left = reason is GoodbyeReason.LEFT
        self.ground.end(Outcome.OTHER_LEFT if left else Outcome.OTHER_FAILED)

    def _sayReady(self, peer: Peer, now: float) -> None:
        start = self.ground.start
        reached = all(other.barrier.open for other in self.ground.starters)
        for packet in peer.barrier.packets():
            said: Ready | Terms = packet
            if isinstance(packet, Ready):
                said = Ready(packet.digest, packet.heard, start.loaded, reached, start.counting)
            if peer.send(said):
                peer.barrier.sent(packet, now)
