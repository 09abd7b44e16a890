"""
The inputs that are pressed here: whose is wanted, when, and with what delay.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from gamenet.errors import BadSetting, LocalProtocolError
from gamenet.rollback.input_queue import InputQueue
from gamenet.rollback.settings import DELAY_LIMIT, RollbackSettings
from gamenet.wire.input_frames import joinInputs

__all__ = ["LocalInputs"]


@attrs.define(init=False)
class LocalInputs:
    """
    The players who are played here.

    @ivar players: Their numbers, ascending.
    @ivar blobs: Their inputs as they travel, all players' of a frame in one;
        the same object as the only queue where there is one player.
    @ivar acknowledged: How many of them every other peer has.
    @ivar _queues: Their inputs.
    @ivar _delays: How many frames later each player's inputs take effect.
    @ivar _frames: How many frames the match has.
    @ivar _settings: The rules.
    """

    players: tuple[int, ...]
    blobs: InputQueue
    acknowledged: int
    _queues: tuple[InputQueue, ...]
    _delays: list[int]
    _frames: int
    _settings: RollbackSettings

    def __init__(
        self, settings: RollbackSettings, queues: tuple[InputQueue, ...], frames: int
    ) -> None:
        """
        @param settings: The rules.
        @param queues: The local players' queues, in order of player number; the
            inputs of their first C{settings.input_delay} frames become C{b""}.
        @param frames: How many frames the match has.
        """
        self.players = settings.local_players
        self._settings = settings
        self._queues = queues
        self._frames = frames
        self._delays = [settings.input_delay] * len(queues)
        first_frame = queues[0].count
        self.acknowledged = first_frame
        if len(queues) == 1:
            self.blobs = queues[0]
        else:
            before = [
                queue.play(first_frame - 1, first_frame)[0] for queue in queues if first_frame
            ]
            self.blobs = InputQueue(first_frame, joinInputs(before) if before else b"")
        for queue in queues:
            while queue.count < min(first_frame + settings.input_delay, frames):
                queue.append(b"")
        self._join()

    def wanted(self, player: int | None, current_frame: int) -> int | None:
        """
        Return the frame for which a player's input is wanted, or C{None}.

        @raise LocalProtocolError: C{player} is not played here.
        """
        place = self._place(player)
        return self._queues[place].count if self._wants(place, current_frame) else None

    def wantsAny(self, current_frame: int) -> bool:
        """Return whether any player's input is wanted."""
        if len(self._queues) == 1:
            return self._wants(0, current_frame)
        return any(self._wants(place, current_frame) for place in range(len(self._queues)))

    def lacksAny(self, current_frame: int) -> bool:
        """Return whether an input must be given before the frame can be played."""
        delays = self._delays
        for place, queue in enumerate(self._queues):
            count = queue.count
            if count < self._frames and count - current_frame <= delays[place]:
                return True
        return False

    def take(self, given: bytes | Mapping[int, bytes], current_frame: int) -> None:
        """
        Check and keep inputs, all or none.

        @param given: The only player's input, or inputs by player number.
        @raise LocalProtocolError: One is not wanted now, is not bytes or too long.
        """
        if type(given) is bytes and len(self._queues) == 1:
            if not self._wants(0, current_frame):
                raise LocalProtocolError("no input is wanted now")
            if len(given) > self._settings.input_limit:
                self._check(given)
            self.blobs.append(given)
            return
        if isinstance(given, Mapping):
            places = [(self._place(player), text) for player, text in given.items()]
        elif len(self._queues) == 1:
            places = [(0, given)]
        else:
            raise LocalProtocolError("several players are played here: give inputs by player")
        for place, text in places:
            if not self._wants(place, current_frame):
                raise LocalProtocolError("no input is wanted now")
            self._check(text)
        for place, text in places:
            self._queues[place].append(text)
        if len(self._queues) > 1:
            self._join()

    def delay(self, player: int | None) -> int:
        """
        Return a player's input delay, in frames.

        @raise LocalProtocolError: C{player} is not played here.
        """
        return self._delays[self._place(player)]

    def keepDelays(self, before: LocalInputs) -> None:
        """Take the delays over that were chosen before we lost our seat."""
        self._delays = list(before._delays)

    def setDelay(self, player: int | None, delay: int, current_frame: int) -> None:
        """
        Change a player's input delay.  Where it grows, the input before is held
        for the frames in between; where it shrinks, no input is wanted for a while.

        @param delay: In frames, 0 to L{gamenet.rollback.settings.DELAY_LIMIT}.
        @raise LocalProtocolError: C{player} is not played here.
        @raise BadSetting: The delay is out of bounds.
        """
        place = self._place(player)
        limit = min(DELAY_LIMIT, self._settings.unacknowledged_limit - 1)
        if type(delay) is not int or not 0 <= delay <= limit:
            raise BadSetting(f"an input delay must be from 0 to {limit} frames, not {delay!r}")
        self._delays[place] = delay
        queue = self._queues[place]
        held = queue.since(queue.count - 1)[0] if queue.count > queue.first_kept else b""
        while queue.count < min(current_frame + delay, self._frames):
            queue.append(held)
        self._join()

    def _wants(self, place: int, current_frame: int) -> bool:
        """Whether a player's input may be given now."""
        count = self._queues[place].count
        return (
            count < self._frames
            and count - current_frame <= self._delays[place]
            and count - self.acknowledged < self._settings.unacknowledged_limit
        )

    def _check(self, text: object) -> None:
        """Refuse what is no input."""
        if not isinstance(text, bytes):
            raise LocalProtocolError(f"an input of {type(text).__name__}, not bytes")
        if len(text) > self._settings.input_limit:
            raise LocalProtocolError(
                f"an input of {len(text)} bytes, more than {self._settings.input_limit}"
            )

    def _join(self) -> None:
        """Join the players' inputs of frames for which all were given."""
        if len(self._queues) == 1:
            return
        blobs = self.blobs
        ready = min([queue.count for queue in self._queues])
        while blobs.count < ready:
            frame = blobs.count
            blobs.append(joinInputs([queue.known(frame) for queue in self._queues]))

    def _place(self, player: int | None) -> int:
        """Return a player's place among those who are played here; C{None} is the first."""
        if player is None:
            return 0
        if player not in self.players:
            raise LocalProtocolError(f"player {player} is not played here")
        return self.players.index(player)
