"""
The contracts of a match: a game's side of it.  L{gamenet.interfaces} has them too.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from gamenet.rollback_interfaces import ISimulation
from gamenet.session_interfaces import ISessionProtocol

if TYPE_CHECKING:
    from gamenet.interfaces import Address

__all__ = ["IPeerProtocol", "IPicturedSimulation"]


class IPicturedSimulation(ISimulation):
    """A simulation that is drawn more often than it is played."""

    def picture() -> Mapping[Hashable, Sequence[int]]:
        """
        Return what there is to be drawn of the present state: for each object a
        tuple of integers, its place for example.  Must not be changed later.
        """


class IPeerProtocol(ISessionProtocol):
    """
    One player's side of a match: the moments a game cares about.

    Games subclass L{gamenet.match.protocol.PeerProtocol}, which provides all of
    these with sensible defaults.  Every method is called on the reactor's
    thread, synchronously; one that raises ends the match with
    L{gamenet.errors.MomentFailed}.
    """

    def load() -> object:
        """
        Load what the game needs.  Called once, before play: nobody begins before all
        have loaded.

        @return: A C{Deferred} that fires when that is done; anything else is done now.
            One that fails ends the match like a method that raises.
        """

    def countdown(seconds: int) -> None:
        """
        Everybody is there and has loaded; play begins soon, at the same moment for all.
        Called once for each whole second that is left.

        @param seconds: How many are left, from 1.
        """

    def matchStarted(match: object) -> None:
        """
        Play begins: frame 0 is about to run, or where the match goes on already, the
        others' state is about to be taken over.

        @param match: The L{gamenet.match.match.Match} being played.
        """

    def localInput(player: int, frame: int) -> bytes:
        """
        Return what a local player presses for one frame.

        Called exactly once per local player and frame, in frame order; where several play
        here, for each of them.

        @param player: The player's number, from 1; of several here the numbers follow one
            another, from that of the match on.
        @param frame: The frame that the input will take effect in.
        @return: The input, at most C{input_limit} bytes of
            L{gamenet.match.rollback_choices.RollbackChoices}.
        """

    def frameReady(simulation: ISimulation, blend: float) -> None:
        """
        A new state is there to be drawn.

        @param simulation: The simulation, at the newest frame.
        @param blend: How far the present is past that frame, 0.0 to 1.0 of a
            frame.
        """

    def frameConfirmed(frame: int, inputs: Sequence[bytes], checksum: int | None) -> None:
        """
        A frame became final: every input of it is known and it will never be
        played again.  Called once per frame, in order.

        @param frame: The frame, from 0.
        @param inputs: All players' inputs of it, in order of player number.
        @param checksum: crc32 of the state that the frame led to; C{None} where none was
            taken, as with sparse saving for frames that are not compared.
        """

    def pathChanged(player: int, kind: str, address: Address) -> None:
        """
        Datagrams to a player now take another path.

        @param player: The other player's number.
        @param kind: C{"direct"} or C{"relay"}.
        @param address: Where they are sent.
        """

    def interrupted(player: int, silence: float) -> None:
        """
        Nothing has come from a player for a while; the match goes on waiting.

        @param silence: Seconds since the last packet of theirs.
        """

    def resumed(player: int) -> None:
        """A player who was silent is heard again."""

    def peerLost(player: int, silence: float) -> None:
        """
        A player has been silent beyond the limit: the others agree to drop them, or, where
        nobody else is left, the match is about to end.

        @param silence: Seconds since the last packet of theirs.
        """

    def desynchronized(frame: int, local: int, remote: int, player: int) -> None:
        """
        A confirmed frame's checksum differs from another player's.

        @param frame: The first such frame that was compared.
        @param local: Our checksum of it.
        @param remote: Theirs.
        @param player: Whose it is.
        """

    def gameOutcome() -> bytes:
        """
        Say how the match ended, for the result that all players sign: who won, for
        example.  Called once, after the last frame is final, and must be the same for all.

        @return: At most L{gamenet.wire.match_statements.OUTCOME_LIMIT} bytes.
        """

    def matchEnded(result: object) -> None:
        """
        The match is over, one way or another; nothing is called after this.

        @param result: A L{gamenet.match.protocol.MatchResult}; C{None} where an
            error ended the match, which whoever awaits C{play} gets.
        """

    def timeLost(seconds: float) -> None:
        """
        We slept for so long (a suspended machine, a blocked reactor) that the time is
        given up instead of being caught up with; play goes on from now.

        @param seconds: How much was given up, above
            L{gamenet.rollback.frame_schedule.INTERRUPTION}.
        """

    def waitRecommended(frames: int) -> None:
        """
        We are ahead of the others.  The match slows down by itself; a game that paces
        its own frames may pause.

        @param frames: For how many frames.
        """

    def inputDelayRecommended(frames: int, round_trip: float, jitter: float) -> None:
        """
        Another input delay would suit the path;
        L{gamenet.match.match.Match.setInputDelay} sets it.

        @param frames: The delay, in frames.
        @param round_trip: The measured seconds to the other player and back.
        @param jitter: By how many seconds that varies.
        """

    def lockstepWaited(frame: int, seconds: float, players: Sequence[int]) -> None:
        """
        In lockstep a frame is due and cannot be played, as inputs of it have not come.
        Told after C{waited_after} of L{gamenet.match.settings.MatchSettings}, and again
        each time as long has passed.

        @param frame: The frame.
        @param seconds: How long it has waited by now.
        @param players: Whose inputs are missing, ascending.
        """

    def effectStarted(number: int, frame: int, key: Hashable, payload: object) -> None:
        """
        Start an effect that the simulation announced
        (L{gamenet.rollback.effects.EffectTracker.announce}).  Called exactly once per
        effect, however often its frame is played.

        @param number: The effect's number, from 1; what follows about it has the same.
        @param frame: The frame that it belongs to; may be some frames old.
        @param key: Which effect, and by which object.
        @param payload: What was announced with it.
        """

    def effectCorrected(
        number: int, frame: int, key: Hashable, payload: object, former_frame: int
    ) -> None:
        """
        An effect that was started belongs to another frame, or has another payload;
        it must not be started again.

        @param number: The effect's number.
        @param frame: The frame that it belongs to now.
        @param key: Its key.
        @param payload: Its payload now.
        @param former_frame: The frame that it belonged to.
        """

    def effectCancelled(number: int, frame: int, key: Hashable, payload: object) -> None:
        """
        Stop an effect: the frame that caused it was undone, and it did not happen.
        Called at most once per effect; nothing follows about it.

        @param number: The effect's number.
        @param frame: The frame that it belonged to.
        @param key: Its key.
        @param payload: Its payload.
        """

    def effectConfirmed(number: int, frame: int, key: Hashable, payload: object) -> None:
        """
        An effect can never be undone any more.  Called at most once per effect;
        nothing follows about it.

        @param number: The effect's number.
        @param frame: The frame that it belongs to.
        @param key: Its key.
        @param payload: Its payload.
        """

    def recordingFailed(kind: str, error: Exception) -> None:
        """
        The replay or the log of the match could not be written; the match goes on
        without it.

        @param kind: C{"replay"} or C{"log"}.
        @param error: A L{gamenet.errors.MomentFailed}; what was raised is its
            C{__cause__}.
        """

    def playerDropped(player: int, frame: int) -> None:
        """
        All who play on have agreed that a player is out: who was lost, or left.

        @param player: Their number.
        @param frame: The first frame that is played without an input of theirs.
        """

    def playerJoined(player: int, frame: int) -> None:
        """
        All have agreed that somebody takes an empty seat.

        @param player: Their number.
        @param frame: The first frame that is played with an input of theirs.
        """

    def isolated(missing: Sequence[int]) -> None:
        """
        Too few of the others are heard to agree on anything; play stops until they
        are heard again.

        @param missing: The lowest player numbers of those who are not heard.
        """

    def reunited() -> None:
        """Enough of the others are heard again, and nobody was dropped meanwhile."""

    def dropped(frame: int) -> None:
        """
        The others have agreed that we are out.

        @param frame: The first frame that they play without an input of ours.
        """

    def seatTaken(frame: int) -> None:
        """
        We joined: all have agreed from when on our inputs count.

        @param frame: The first frame with an input of ours.
        """

    def seatRefused(reason: str) -> None:
        """
        We may not join.

        @param reason: Why, in words.
        """

    def inconsistentInputs(player: int, frame: int, peer: int) -> None:
        """
        A player has sent different inputs of one frame to different players.  Called
        once per player.

        @param player: The player.
        @param frame: The first frame of theirs that is known to differ.
        @param peer: Who has another input there than we.
        """

    def statesDumped(pair: object) -> None:
        """
        After a desynchronization both states are here to be compared.

        @param pair: A L{gamenet.rollback.state_dump.DumpPair}.
        """

    def stateTakenOver(frame: int, peer: int) -> None:
        """
        Our state differed from the authority's and was replaced by it; everything since
        then was played again.  Where C{pictures} are attached, what is drawn moves from
        the old place to the new.

        @param frame: The final frame whose state was taken over.
        @param peer: The authority.
        """

    def stateTooLarge(size: int, limit: int) -> None:
        """
        A state that another player needs cannot be sent.  Called once.

        @param size: Its size, in bytes.
        @param limit: What can be sent, in bytes.
        """

    def statesDiffer(frame: int, peer: int) -> None:
        """
        The full states differ, and are not to be repaired: the match is about to end with
        L{gamenet.match.difference.StatesDiffered}.

        @param frame: The final frame.
        @param peer: The authority.
        """
