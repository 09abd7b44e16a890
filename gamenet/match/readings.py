"""
What a game reads off a match, and the one thing that it sets.
"""

from __future__ import annotations

from gamenet.interfaces import IMachine
from gamenet.match.frame_loop import FrameLoop
from gamenet.match.participation import Participation
from gamenet.match.peers import Peers
from gamenet.match.recording import logHeaderOf
from gamenet.match.settings import MatchSettings
from gamenet.match.shared_session import SharedSession
from gamenet.match.statistics import MatchStatistics
from gamenet.rollback.interpolation import Drawn
from gamenet.wire.match_log_records import LogHeader

__all__ = ["Readings"]


class Readings:
    """
    The base of L{gamenet.match.match.Match}.

    @ivar match_id: The match's id, 16 bytes.
    """

    match_id: bytes
    _machine: IMachine
    _settings: MatchSettings
    _loop: FrameLoop
    _others: Peers
    _session: Participation
    _started: float | None = None

    @property
    def shared(self) -> SharedSession:
        """What all know together: who takes part, what is played and set, who is host."""
        return self._session.session

    @property
    def players(self) -> tuple[int, ...]:
        """Who plays now, all who play here too, ascending."""
        return self._loop.players

    def statistics(self) -> MatchStatistics:
        """Return what the match has cost so far."""
        now = self._machine.clock.seconds()
        duration = 0.0 if self._started is None else now - self._started
        return MatchStatistics.gather(self._others.links, self._loop, duration)

    def blend(self) -> float:
        """
        Return how far the present is past the newest frame, 0.0 to 1.0 of a frame.
        """
        return self._loop.blend(self._machine.clock.seconds())

    def drawn(self) -> Drawn:
        """
        Return what to draw right now: between the pictures of the two newest frames,
        corrections smoothed.  For a game that draws at a rate of its own.

        @raise LocalProtocolError: No C{pictures} were given to
            L{gamenet.match.session.Session.play}, or they differ in length from the axes.
        """
        return self._loop.drawn(self._machine.clock.seconds())

    def logHeader(self) -> LogHeader:
        """
        Return what C{MatchLog.begin} of L{gamenet.match_log.match_log} asks for; called in
        C{matchStarted}.
        """
        loop, now = self._loop, self._machine.clock.seconds()
        digest = loop.configuration.digest
        return logHeaderOf(self.match_id, loop.settings, digest, self._settings.rules, now)

    def setInputDelay(self, frames: int, player: int | None = None) -> None:
        """
        Change the delay between an input of ours and its effect, from the next input
        on.  A longer one holds the newest input for the frames in between; a shorter
        one asks for no input for a while.

        @param frames: As C{input_delay} of L{gamenet.match.settings.MatchSettings}.
        @param player: Whose; C{None} is the first who is played here.
        @raise gamenet.errors.BadSetting: It is out of bounds.
        @raise LocalProtocolError: C{player} is not played here.
        """
        self._loop.setInputDelay(frames, player)
