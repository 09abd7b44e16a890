"""
What happens in a shared session, told to the program and to the log of the process.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from gamenet.event_log import outcomes
from gamenet.event_log.outcomes import Outcome
from gamenet.event_log.replica import Replica
from gamenet.interfaces import ISessionProtocol
from gamenet.match.moments import moment
from gamenet.match.session_steps import SessionStep, StepBudget
from gamenet.wire.log_events import (
    Event,
    HostDelegated,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
)

__all__ = ["SessionMoments"]


class SessionMoments:
    """
    Calls the moments of one program, and writes the steps down.  Owned by a
    L{gamenet.match.shared_session.SharedSession}.

    What a moment raises comes out as L{gamenet.errors.MomentFailed}.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, player: int, protocol: ISessionProtocol) -> None:
        """
        @param player: Our player number, for the log.
        @param protocol: Whose moments are called.
        """
        self._clock = clock
        self._player = player
        self._protocol = protocol
        self._budget = StepBudget()

    def step(self, step: SessionStep, **fields: object) -> None:
        """Write a step down, unless there were too many lately."""
        if self._budget.take(self._clock.seconds()):
            self._log.info("we, player {we}: " + step.value, we=self._player, **fields)

    def synced(self, replica: Replica) -> None:
        """The state is known."""
        with moment("synced"):
            self._protocol.synced(replica.state)

    def peers(self, players: tuple[int, ...]) -> None:
        """There is a path to these now."""
        with moment("peersChanged"):
            self._protocol.peersChanged(players)

    def tell(self, outcome: Outcome, replica: Replica) -> None:
        """
        Tell of an outcome.

        @param replica: What it came of.
        """
        match outcome:
            case outcomes.EventApplied(event):
                self._event(event)
            case outcomes.Synced():
                sequence, host = replica.sequence, replica.host
                self.step(SessionStep.SNAPSHOT_RECEIVED, sequence=sequence, player=host)
                self.synced(replica)
            case outcomes.EventDropped(event):
                self.step(SessionStep.DROPPED, sequence=event.sequence)
                with moment("eventDropped"):
                    self._protocol.eventDropped(event)
            case outcomes.HostChanged(epoch):
                self.step(SessionStep.ELECTED, player=epoch.host, epoch=epoch.number)
                with moment("hostChanged"):
                    self._protocol.hostChanged(epoch.host, epoch.number)
            case outcomes.StateDiffers(sequence, player):
                self.step(SessionStep.DISAGREES, player=player, sequence=sequence)
                with moment("statesDisagree"):
                    self._protocol.statesDisagree(sequence, player)

    def _event(self, event: Event) -> None:
        with moment("eventApplied"):
            self._protocol.eventApplied(event)
        match event.body:
            case ParticipantJoined(player):
                self.step(SessionStep.JOINED, player=player)
            case HostDelegated(player):
                self.step(SessionStep.DELEGATED, player=player)
            case ParticipantLost(player):
                self.step(SessionStep.LOST, player=player)
                with moment("participantLost"):
                    self._protocol.participantLost(player)
            case ParticipantReturned(player):
                self.step(SessionStep.RETURNED, player=player)
                with moment("participantReturned"):
                    self._protocol.participantReturned(player)
            case ParticipantLeft(player, reason):
                self.step(SessionStep.LEFT, player=player, reason=reason.name)
                with moment("participantLeft"):
                    self._protocol.participantLeft(player, reason)
