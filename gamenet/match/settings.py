"""The settings of one match, checked when they are made."""

from __future__ import annotations

import attrs

from gamenet.errors import BadSetting
from gamenet.match.path import PathSettings
from gamenet.rollback.settings import RollbackSettings
from gamenet.traversal.punch import PunchSettings
from gamenet.wire.input_packet import FRAMES_LIMIT

__all__ = ["MatchSettings"]


def _seconds(instance: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 < value <= 3600:
        raise BadSetting(f"{attribute.name} must be from 0 to 3600 seconds, not {value!r}")


@attrs.frozen
class MatchSettings:
    """
    How a match is played.  The first four must be equal for all players, and
    are compared before play begins; the others are each player's own.

    @ivar frame_rate: Frames a second.
    @ivar frames: How many frames the match has; C{None} plays until somebody leaves.
    @ivar checksum_interval: Frames between two comparisons of checksums.
    @ivar rules: The game's own name and version, compared as well.
    @ivar input_delay: Frames between an input and its effect, on this side.
    @ivar prediction_window: Frames that may be played ahead of the slowest player's
        inputs.
    @ivar path_limit: Seconds to wait for the other players before the start is
        called off.
    @ivar interrupted_after: Seconds of silence after which
        L{gamenet.interfaces.IPeerProtocol.interrupted} is called.
    @ivar lost_after: Seconds of silence after which a player is lost.
    @ivar farewell_limit: Seconds to go on answering after our own last frame, so that
        the others can finish too.
    @ivar paths: The limits of path checking.
    @ivar punch: The limits of punching.

    @raise BadSetting: A value cannot work; the text says which and why.
    """

    frame_rate: int = 60
    frames: int | None = None
    checksum_interval: int = 30
    rules: str = ""
    input_delay: int = 1
    prediction_window: int = 8
    path_limit: float = attrs.field(default=10.0, validator=_seconds)
    interrupted_after: float = attrs.field(default=0.5, validator=_seconds)
    lost_after: float = attrs.field(default=10.0, validator=_seconds)
    farewell_limit: float = attrs.field(default=3.0, validator=_seconds)
    paths: PathSettings = attrs.field(factory=PathSettings)
    punch: PunchSettings = attrs.field(factory=PunchSettings)

    def __attrs_post_init__(self) -> None:
        if self.interrupted_after >= self.lost_after:
            raise BadSetting("interrupted_after must be shorter than lost_after")
        if self.frames is not None and not 1 <= self.frames <= FRAMES_LIMIT:
            raise BadSetting(f"frames must be from 1 to {FRAMES_LIMIT}, not {self.frames}")
        RollbackSettings(
            prediction_window=self.prediction_window,
            input_delay=self.input_delay,
            frame_rate=self.frame_rate,
            checksum_interval=self.checksum_interval,
        )
