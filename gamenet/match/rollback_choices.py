"""
What a game's author may choose of the rollback itself: how inputs are predicted, how
states are saved, compared and repaired.
"""

from __future__ import annotations

from typing import Any

import attrs

from gamenet.bounds import seconds
from gamenet.errors import BadSetting
from gamenet.rollback.input_queue import Predictor
from gamenet.rollback.settings import (
    INTERVAL_LIMIT,
    RATE_LIMIT,
    Prediction,
    RollbackSettings,
    StateRepair,
)
from gamenet.wire.input_frames import INPUT_LIMIT

__all__ = ["EXCHANGE_LIMIT", "RollbackChoices", "requireChoices"]

#: The most seconds between two exchanges of states.
EXCHANGE_LIMIT = INTERVAL_LIMIT / RATE_LIMIT


@attrs.frozen
class RollbackChoices:
    """
    The rollback of one match; C{rollback} of
    L{gamenet.match.settings.MatchSettings}.  C{default_input}, C{input_limit},
    C{state_exchange} and C{state_repair} must be equal for all players, and are
    compared before play begins; the others are each player's own.  All but
    C{state_exchange} mean what they mean in
    L{gamenet.rollback.settings.RollbackSettings}, and have its bounds and defaults.

    @ivar send_interval: Frames between two packets on a link, 1 to
        L{gamenet.rollback.settings.SEND_INTERVAL_LIMIT}; C{None} is 1 up to 8 players
        and 2 above.  In lockstep each input is sent at once, whatever this is.
    @ivar keep_alive: Seconds, 0.02 to 5, after which a packet goes out though there is
        nothing new to say.
    @ivar sparse_saving: Save seldom, for a game whose saving costs more than a few
        frames of its playing.  Most final frames have no checksum then: C{None} is told
        in L{gamenet.interfaces.IPeerProtocol.frameConfirmed}.
    @ivar prediction: What is played for a player whose input has not come: a
        L{Prediction}, or a callable of the last known input and of how many frames
        nothing is known, which returns an input.
    @ivar default_input: The input of L{Prediction.DEFAULT}, at most C{input_limit} bytes.
    @ivar input_limit: The longest input, in bytes, 1 to
        L{gamenet.wire.input_frames.INPUT_LIMIT}.
    @ivar state_exchange: Every how many seconds the full states are compared, and where
        they differ dealt with as C{state_repair} says; 1.0 is usual.  It is rounded
        down to a multiple of the match's C{checksum_interval}, which is the least that
        it can be; at most L{EXCHANGE_LIMIT}.  C{None} for never.
    @ivar state_repair: L{StateRepair.TAKE_OVER}: the wrong side becomes the state of
        the player with the lowest number, see
        L{gamenet.interfaces.IPeerProtocol.stateTakenOver}.  L{StateRepair.END}: the
        match ends with L{gamenet.match.difference.StatesDiffered}, for all.
    @ivar dump_states: Whether a difference is followed by an exchange of both states, so
        that the part that differs can be named.
    @ivar history_limit: How many confirmed frames are kept, 120 to 1 000 000.

    @raise BadSetting: A value cannot work; the text says which and why.
    """

    send_interval: int | None = None
    keep_alive: float = 0.2
    sparse_saving: bool = False
    prediction: Prediction | Predictor = Prediction.REPEAT_LAST
    default_input: bytes = b""
    input_limit: int = INPUT_LIMIT
    state_exchange: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(seconds(0.001, EXCHANGE_LIMIT))
    )
    state_repair: StateRepair = StateRepair.TAKE_OVER
    dump_states: bool = True
    history_limit: int = 600

    def __attrs_post_init__(self) -> None:
        self.rollbackSettings(interrupted_after=60, lost_after=None)

    @property
    def interrupted_after(self) -> float:
        """
        After how many seconds of silence the session notes that in the match's log; the
        game is told by the match, which watches its links itself.
        """
        return max(0.5, 2 * self.keep_alive)

    def rollbackSettings(self, **others: Any) -> RollbackSettings:
        """
        Return these choices as what a rollback session is told.

        @param others: The settings that are not chosen here.
        @raise BadSetting: A value cannot work.
        """
        chosen = {
            each.name: getattr(self, each.name)
            for each in attrs.fields(RollbackChoices)
            if each.name != "state_exchange"
        }
        settings = RollbackSettings(**chosen, **others)
        if self.state_exchange is None:
            return settings
        interval = settings.checksum_interval
        frames = round(self.state_exchange * settings.frame_rate, 6)
        times = min(max(int(frames / interval), 1), INTERVAL_LIMIT // interval)
        return attrs.evolve(settings, state_exchange_interval=times * interval)


def requireChoices(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """
    Check that a setting is L{RollbackChoices}; for C{attrs.field(validator=...)}.

    @raise BadSetting: It is not.
    """
    if type(value) is not RollbackChoices:
        raise BadSetting(f"{attribute.name} must be RollbackChoices, not {value!r}")
