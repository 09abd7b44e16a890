"""
The end of a match whose states differ, as a decision: when, and by what name.

When the full states were found to differ, and are not to be repaired
(L{gamenet.rollback.settings.StateRepair.END}), both sides' states are on their way to be
compared.  The end waits for them, but not for long; and whoever has them goes on for a
moment, so that the other gets them too.
"""

from __future__ import annotations

import attrs

from gamenet.errors import GamenetError
from gamenet.rollback.events import Desynchronized
from gamenet.rollback.settings import RollbackSettings, StateRepair
from gamenet.rollback.state_events import StatesDiffer, StatesDumped

__all__ = ["DUMP_GRACE", "DUMP_PATIENCE", "DifferenceWatch", "StatesDiffered"]

#: Seconds to wait for both states, from when they were found to differ.
DUMP_PATIENCE = 1.0

#: Seconds to go on after both states are here: the other may not have them yet.
DUMP_GRACE = 0.25


class StatesDiffered(GamenetError):
    """
    The players' states differ, and the match is over because of it.  All sides get it.

    @ivar frame: The first frame that was compared and differed; C{None} where only the
        other player has found it.
    @ivar player: The other player, from 1.
    @ivar part: The first part of the state that differs, by the name that the game gives
        it (L{gamenet.rollback.state_difference.INamedParts}), C{""} for a game that names
        none; C{None} where that is not known.
    """

    def __init__(self, frame: int | None, player: int, part: str | None = None) -> None:
        where = "" if frame is None else f" after frame {frame}"
        first = f", first in {part[:64]!r}" if part else ""
        super().__init__(f"player {player}'s state differs from ours{where}{first}")
        self.frame = frame
        self.player = player
        self.part = part


@attrs.define
class DifferenceWatch:
    """
    What is known of differing states in one match.  Used by
    L{gamenet.match.frame_loop.FrameLoop}.

    @ivar ends: Whether the match is to end when the states differ.
    @ivar dumps: Whether both states are exchanged then.
    """

    ends: bool
    dumps: bool
    _frames: dict[int, int] = attrs.field(init=False, factory=dict)
    _parts: dict[int, str | None] = attrs.field(init=False, factory=dict)
    _found: tuple[int, float] | None = attrs.field(init=False, default=None)
    _compared_at: dict[int, float] = attrs.field(init=False, factory=dict)

    @classmethod
    def of(cls, settings: RollbackSettings) -> DifferenceWatch:
        """Return the watch that belongs to some settings."""
        exchanges = settings.state_exchange_interval > 0
        return cls(exchanges and settings.state_repair is StateRepair.END, settings.dump_states)

    @property
    def error(self) -> StatesDiffered | None:
        """What the match is to end with, C{None} while the states do not differ."""
        return None if self._found is None else self.saidBy(self._found[0])

    def told(self, event: object, now: float) -> None:
        """
        Something happened in the session.

        @param now: The time, in seconds.
        """
        if isinstance(event, Desynchronized):
            self._frames.setdefault(event.player, event.frame)
        elif isinstance(event, StatesDumped):
            first = event.pair.first
            self._parts[event.pair.player] = None if first is None else first.part
            self._compared_at[event.pair.player] = now
        elif isinstance(event, StatesDiffer) and self._found is None:
            known = event.peer in self._frames
            self._found = event.peer if known else next(iter(self._frames), event.peer), now

    def waits(self, now: float) -> bool:
        """Return whether the states are known to differ, and still on their way."""
        return self._found is not None and not self.isDue(now)

    def isDue(self, now: float) -> bool:
        """Return whether the match is to end now."""
        if self._found is None:
            return False
        player, since = self._found
        compared_at = self._compared_at.get(player)
        if not self.dumps or now >= since + DUMP_PATIENCE:
            return True
        return compared_at is not None and now >= compared_at + DUMP_GRACE

    def saidBy(self, player: int) -> StatesDiffered:
        """Return what the match ends with where a player says that the states differ."""
        return StatesDiffered(self._frames.get(player), player, self._parts.get(player))
