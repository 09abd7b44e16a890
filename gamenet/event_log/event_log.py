"""
The newest events of a session, for those who lack some of them.
"""

from __future__ import annotations

from gamenet.errors import LocalProtocolError
from gamenet.event_log.settings import EventLogSettings
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import packRow
from gamenet.wire.log_events import Event

__all__ = ["EventLog"]


class EventLog:
    """
    Events one after the other, at most C{log_capacity} of them: the oldest is forgotten
    for the newest.

    @ivar base: The number of the event before the oldest that is held.
    @ivar last: The number of the newest event; C{base} where none is held.
    """

    def __init__(self, settings: EventLogSettings, base: int = 0) -> None:
        """
        @param settings: How much is held, and how much is given at once.
        @param base: The number of the last event that a snapshot stands for; 0 for
            none.
        """
        self._settings = settings
        self._events: dict[int, tuple[Event, int]] = {}
        self.base = base
        self.last = base

    def __len__(self) -> int:
        """Return how many events are held."""
        return self.last - self.base

    def restart(self, base: int) -> None:
        """
        Forget all events.  Called where a snapshot takes their place.

        @param base: The number of the last event that the snapshot stands for.
        """
        self._events.clear()
        self.base = self.last = base

    def append(self, event: Event) -> None:
        """
        Hold one more event.

        @raise LocalProtocolError: It is not the next one, or could not be sent.
        """
        if event.sequence != self.last + 1:
            raise LocalProtocolError(f"event {event.sequence} does not follow {self.last}")
        try:
            size = len(canonical_cbor.encode(packRow(event)))
        except ValueError as error:
            raise LocalProtocolError(f"no event: {error}") from error
        self._events[event.sequence] = event, size
        self.last = event.sequence
        if len(self._events) > self._settings.log_capacity:
            self.base += 1
            del self._events[self.base]

    def holds(self, sequence: int) -> bool:
        """Return whether the event with a number is held."""
        return self.base < sequence <= self.last

    def reaches(self, sequence: int) -> bool:
        """Return whether all events after a number are held; where not, it takes a snapshot."""
        return self.base <= sequence <= self.last

    def event(self, sequence: int) -> Event:
        """
        Return the event with a number.

        @raise LocalProtocolError: It is not held.
        """
        if not self.holds(sequence):
            raise LocalProtocolError(f"event {sequence} is not held")
        return self._events[sequence][0]

    def after(self, sequence: int, limit: int) -> tuple[Event, ...]:
        """
        Return the events after a number, as many as go in one message: no more than
        C{batch}, and no more than C{batch_bytes}, but at least one where there is one.

        @param sequence: The last event that is not wanted.
        @param limit: The most that are wanted; however high, the work is bounded.
        @return: The events in their order; none where all are known.
        @raise LocalProtocolError: Events in between are not held (L{reaches} tells).
        """
        if not self.reaches(sequence):
            raise LocalProtocolError(f"events after {sequence} are not all held")
        events: list[Event] = []
        room = self._settings.batch_bytes
        end = min(self.last, sequence + min(limit, self._settings.batch))
        for place in range(sequence + 1, end + 1):
            event, size = self._events[place]
            room -= size
            if room < 0 and events:
                break
            events.append(event)
        return tuple(events)
