"""
The messages that wait to be taken and sent.
"""

from __future__ import annotations

import attrs

from gamenet.wire.lobby_fields import Row
from gamenet.wire.log_messages import encodeLogMessage

__all__ = ["PER_PEER", "Outbox"]

#: The most messages to one other participant that wait at once.  What goes beyond is not
#: sent: everything is sent again, or asked for, where it has no effect.
PER_PEER = 64


@attrs.define(init=False)
class Outbox:
    """
    What L{gamenet.event_log.replica.Replica.messagesDue} returns next.

    @ivar overflowed: How many messages found no room.
    """

    overflowed: int
    _messages: list[tuple[int, bytes, bool]]
    _counts: dict[int, int]
    _last: tuple[Row | None, bytes]

    def __init__(self) -> None:
        self.overflowed = 0
        self._messages = []
        self._counts = {}
        self._last = None, b""

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._messages)

    def send(self, player: int, message: Row, reliable: bool = True) -> bool:
        """
        Let a message wait.

        @param player: For whom.
        @param reliable: Whether its link should see to it that it arrives.
        @return: Whether there was room.
        """
        if self._counts.get(player, 0) >= PER_PEER:
            self.overflowed += 1
            return False
        if self._last[0] is not message:
            self._last = message, encodeLogMessage(message)
        self._counts[player] = self._counts.get(player, 0) + 1
        self._messages.append((player, self._last[1], reliable))
        return True

    def forget(self, player: int) -> None:
        """Send nothing of what waits for somebody."""
        self._messages = [one for one in self._messages if one[0] != player]
        self._counts.pop(player, None)

    def take(self) -> tuple[tuple[int, bytes, bool], ...]:
        """Return all that waits, in order."""
        messages = tuple(self._messages)
        self._messages.clear()
        self._counts.clear()
        return messages
