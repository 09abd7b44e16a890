"""The settings of one match, checked when they are made."""

from __future__ import annotations

import attrs

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.errors import BadSetting
from gamenet.match.configuration import Configuration
from gamenet.match.rollback_choices import RollbackChoices, requireChoices
from gamenet.mesh.path import PathSettings
from gamenet.rollback.settings import RollbackSettings
from gamenet.traversal.punch import PunchSettings
from gamenet.wire.input_frames import FRAMES_LIMIT

__all__ = ["RULES_LIMIT", "MatchSettings"]

#: The most characters of a game's name and version.
RULES_LIMIT = 128


def _text(instance: object, attribute: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or len(value) > RULES_LIMIT or not value.isprintable():
        raise BadSetting(
            f"{attribute.name} must be a printable text of at most {RULES_LIMIT} characters,"
            f" not {value!r}"
        )


@attrs.frozen
class MatchSettings:
    """
    How a match is played.  The first four, and some of C{rollback}, must be equal for
    all players, and are compared before play begins; the others are each player's own.

    @ivar frame_rate: Frames a second.
    @ivar frames: How many frames the match has; C{None} plays until somebody leaves.
    @ivar checksum_interval: Frames between two comparisons of checksums.
    @ivar rules: The game's own name and version, compared as well.
    @ivar input_delay: Frames between an input and its effect, on this side.
    @ivar prediction_window: Frames that may be played ahead of the slowest player's
        inputs; 0 is lockstep, where nothing is ever predicted: see
        L{gamenet.match.lockstep_turns}.
    @ivar rollback: How inputs are predicted, and states saved, compared and repaired.
    @ivar waited_after: Seconds that a frame in lockstep may lack inputs before
        L{gamenet.interfaces.IPeerProtocol.lockstepWaited} is called, 0.001 to 60.
    @ivar start_timeout: Seconds to wait for a path between all players before the start
        is called off.
    @ivar load_timeout: Seconds to wait for all games to be loaded, likewise.
    @ivar countdown: Seconds from when all are ready to the first frame, 0 to 60; with 0
        each player begins as soon as it knows that all are ready.  What the player with
        the lowest number has set counts.
    @ivar interrupted_after: Seconds of silence after which
        L{gamenet.interfaces.IPeerProtocol.interrupted} is called.
    @ivar lost_after: Seconds of silence after which a player is lost: the others agree to
        drop it and play on.
    @ivar grace: Seconds for which who was dropped may come back, and for which we wait where
        too few of the others are heard to go on, 1 to 3600.
    @ivar plays_alone: Whether the match goes on when nobody else is left in it; must be
        equal for all players.  Of two players that lose each other both go on then; when
        they hear each other again player 1's match counts, and the other comes back to
        it.  Otherwise such a match ends with L{gamenet.errors.PeerLost}.
    @ivar farewell_timeout: Seconds to go on answering after our own last frame, so that
        the others can finish too.
    @ivar paths: The limits of path checking.
    @ivar punch: The limits of punching.

    @raise BadSetting: A value cannot work; the text says which and why.
    """

    frame_rate: int = 60
    frames: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(wholeNumber(1, FRAMES_LIMIT))
    )
    checksum_interval: int = 30
    rules: str = attrs.field(default="", validator=_text)
    input_delay: int = 1
    prediction_window: int = 8
    rollback: RollbackChoices = attrs.field(factory=RollbackChoices, validator=requireChoices)
    waited_after: float = attrs.field(default=0.25, validator=seconds(0.001, 60.0))
    start_timeout: float = attrs.field(default=10.0, validator=seconds())
    load_timeout: float = attrs.field(default=30.0, validator=seconds())
    countdown: float = attrs.field(default=3.0, validator=number(0.0, 60.0, "seconds"))
    interrupted_after: float = attrs.field(default=0.5, validator=seconds())
    lost_after: float = attrs.field(default=10.0, validator=seconds())
    grace: float = attrs.field(default=30.0, validator=seconds(1.0, 3600.0))
    plays_alone: bool = False
    farewell_timeout: float = attrs.field(default=3.0, validator=seconds())
    paths: PathSettings = attrs.field(factory=PathSettings)
    punch: PunchSettings = attrs.field(factory=PunchSettings)

    def __attrs_post_init__(self) -> None:
        if self.interrupted_after >= self.lost_after:
            raise BadSetting("interrupted_after must be shorter than lost_after")
        if type(self.plays_alone) is not bool:
            raise BadSetting(f"plays_alone must be true or false, not {self.plays_alone!r}")
        if type(self.paths) is not PathSettings or type(self.punch) is not PunchSettings:
            raise BadSetting("paths must be PathSettings, and punch PunchSettings")
        self.rollbackSettings(players=2, local_player=1)

    def digest(self, players: int) -> bytes:
        """
        Return what the players of a match with these settings compare before it, 16
        bytes; a replay of it has the same.

        @param players: How many seats there are.
        @raise BadSetting: That cannot be played.
        """
        return Configuration.of(self.rollbackSettings(players, 1), self.rules).digest

    def rollbackSettings(
        self,
        players: int,
        local_player: int,
        vacant: tuple[int, ...] = (),
        seating: tuple[tuple[int, ...], ...] | None = None,
    ) -> RollbackSettings:
        """
        Return what the rollback session is told.

        @param players: How many seats there are.
        @param local_player: Which of them is ours, from 1; of several any.
        @param vacant: Which of them are empty at the start.
        @param seating: The players of each member; C{None} for one each.
        @raise BadSetting: That cannot be played.
        """
        drops = self.plays_alone or players > 2  # else who is lost ends the match
        noticed = self.rollback.interrupted_after
        return self.rollback.rollbackSettings(
            vacant=vacant,
            seating=seating,
            open_seating=True,
            lone_survivor=self.plays_alone,
            rejoin_within=None,  # the session's log says whose grace is over
            players=players,
            local_player=local_player,
            prediction_window=self.prediction_window,
            input_delay=self.input_delay,
            frame_rate=self.frame_rate,
            checksum_interval=self.checksum_interval,
            last_frame=None if self.frames is None else self.frames - 1,
            interrupted_after=noticed,
            lost_after=max(self.lost_after, noticed + 0.1) if drops else None,
        )
