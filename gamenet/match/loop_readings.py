"""
What is read off the frames of a match.
"""

from __future__ import annotations

from gamenet.errors import LocalProtocolError
from gamenet.match.lockstep_turns import LockstepTurns
from gamenet.match.pace import Pace
from gamenet.rollback.interpolation import Drawn, PictureTrack
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.statistics import SessionStatistics

__all__ = ["LoopReadings"]


class LoopReadings:
    """
    The base of L{gamenet.match.frame_loop.FrameLoop}.

    @ivar _session: The rollback session.
    @ivar _pace: When frames are due.
    @ivar _turns: Whose turn it is in lockstep, C{None} with prediction.
    @ivar _pictures: What is drawn, C{None} where nothing is attached.
    """

    _session: RollbackSession
    _pace: Pace
    _turns: LockstepTurns | None
    _pictures: PictureTrack | None

    @property
    def settings(self) -> RollbackSettings:
        """The rules of the session."""
        return self._session.settings

    @property
    def current_frame(self) -> int:
        """The next frame to be played."""
        return self._session.current_frame

    @property
    def confirmed_frame(self) -> int:
        """The last frame that is final, -1 before the first."""
        return self._session.confirmed_frame

    @property
    def finished(self) -> bool:
        """Whether the last frame of the match is final here."""
        return self._session.finished

    @property
    def statistics(self) -> SessionStatistics:
        """What the session counted."""
        return self._session.statistics

    @property
    def began(self) -> float:
        """When play began here, in seconds; 0.0 before."""
        return self._pace.began

    @property
    def members(self) -> tuple[int, ...]:
        """Who plays now, we too, ascending; as it was before where we are on our way in."""
        return self._session.members

    @property
    def players(self) -> tuple[int, ...]:
        """All players of L{members}, ascending."""
        peers, members = self._session.settings.peers, self._session.members
        return tuple(sorted(one for local in peers if local[0] in members for one in local))

    @property
    def joining(self) -> bool:
        """Whether we follow the match and wait for our seat."""
        return self._session.joining

    @property
    def dropped(self) -> bool:
        """Whether the others play on without us."""
        return self._session.state is SessionState.DROPPED

    @property
    def isolated(self) -> bool:
        """Whether too few of the others are heard to go on."""
        return self._session.state is SessionState.ISOLATED

    @property
    def left(self) -> bool:
        """Whether nothing keeps us here any more after C{leave}."""
        return self._session.state is SessionState.LEFT

    @property
    def next_due(self) -> float:
        """When C{run} wants to be called next, in seconds; may be in the past."""
        return self._pace.next_due if self._turns is None else self._turns.next_due

    @property
    def ready(self) -> bool:
        """Whether C{run} is to be called now: what a frame in lockstep lacked has come."""
        return self._turns is not None and self._turns.ready

    def blend(self, now: float) -> float:
        """Return how far the present is past the newest frame, 0.0 to 1.0 of a frame."""
        return self._pace.blend(now)

    def drawn(self, now: float) -> Drawn:
        """
        Return what to draw at a moment, between the pictures of two frames.

        @raise LocalProtocolError: No pictures are attached, or their tuples differ in
            length from the axes.
        """
        if self._pictures is None:
            raise LocalProtocolError("no pictures are attached to this match")
        return self._pictures.drawn(self._pace.blend(now), now)

    def heardAt(self, player: int) -> float | None:
        """
        Return when another player's last acceptable packet came, in seconds; the start
        of play before the first; C{None} of who does not play any more.
        """
        if player not in self._session.members:
            return None
        heard = self._session.remote(player).heard_at
        return self._pace.began if heard is None else max(heard, self._pace.began)

    def acknowledged(self, player: int) -> bool:
        """
        Return whether another player needs nothing more from us: they have all our
        inputs, and have compared the checksum of the last frame; or they do not play
        any more.
        """
        return player not in self._session.members or self._session.acknowledged(player)
