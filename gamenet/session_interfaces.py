"""
The contract of a shared session: a program's side of it.  L{gamenet.interfaces} has it too.
"""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Interface

__all__ = ["ISessionProtocol"]


class ISessionProtocol(Interface):
    """
    One player's side of a shared session: the moments of what all know together.

    Programs subclass L{gamenet.match.session_protocol.SessionProtocol}, or
    L{gamenet.match.protocol.PeerProtocol} where a match is played.  Every method is called
    on the reactor's thread, synchronously; one that raises ends the match with
    L{gamenet.errors.MomentFailed}.  C{docs/session_log.rst} says what events are.
    """

    def synced(state: object) -> None:
        """
        The whole state is known: for the first time, or in place of events that are to be
        had no more.

        @param state: The L{gamenet.event_log.shared_state.SharedState}.
        """

    def eventApplied(event: object) -> None:
        """
        Something happened, and the state has changed by it.  Called once per event, in
        order; those that a new state stands for are not told one by one.

        @param event: The L{gamenet.wire.log_events.Event}.
        """

    def eventDropped(event: object) -> None:
        """
        An event of ours is undone: it happened in the half of a partition that does not
        stand.  Called once; submit its command again if it shall happen after all.

        @param event: The L{gamenet.wire.log_events.Event}.
        """

    def hostChanged(player: int, epoch: int) -> None:
        """
        Another epoch began: this player orders the events from now on.  It may be the one
        that did so before, where some others were lost.

        @param player: The host's player number.
        @param epoch: The epoch's number.
        """

    def participantLost(player: int) -> None:
        """
        The host does not hear a participant any more; its seat is kept for a while.

        @param player: Their number.
        """

    def participantReturned(player: int) -> None:
        """
        A lost participant is back.

        @param player: Their number.
        """

    def participantLeft(player: int, reason: object) -> None:
        """
        Somebody takes part no more.

        @param player: Their number.
        @param reason: A L{gamenet.wire.log_values.LeaveReason}.
        """

    def statesDisagree(sequence: int, player: int) -> None:
        """
        Somebody has applied the same events and come to another state.

        @param sequence: The number of the last event.
        @param player: Their number.
        """

    def peersChanged(players: Sequence[int]) -> None:
        """
        A path to somebody was found, or lost.

        @param players: To whom there is a path now, ascending.
        """
