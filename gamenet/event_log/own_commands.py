"""
Our own commands on their way to an answer, and the events that became of them.

One command at a time is asked of the host; the next one when the host has answered.
So the last number that is in the state says of each command whether it became an event,
also to a host that has just begun.
"""

from __future__ import annotations

from collections import deque

import attrs

from gamenet.errors import LocalProtocolError
from gamenet.event_log.branches import holds, sharedSequence
from gamenet.event_log.errors import SubmitQueueFull
from gamenet.event_log.outcomes import CommandAccepted, CommandRefused, EventDropped, Outcome
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.log_commands import Command
from gamenet.wire.log_election import Chain
from gamenet.wire.log_events import Event
from gamenet.wire.log_values import COMMAND_NUMBER, RefusalCode

__all__ = ["OWN_EVENTS", "OwnCommands"]

#: The most events of our own that we remember, to tell when they are undone.
OWN_EVENTS = 1024

#: What a new process leaves free above the last number that the session knows: commands
#: of the process before it may still be on their way.
_NUMBERS_OF_A_PROCESS = 1 << 16


@attrs.define(init=False)
class OwnCommands:
    """
    Our commands, from their submission until they are acknowledged, and our events.

    @ivar next_number: The number of the next command.
    @ivar dropped: How many of our events were undone.
    @ivar _waiting: Those without an answer, ascending; the first is the one that is asked.
    @ivar _ordered: Those in the log that are not acknowledged: their numbers, and their
        events' places.
    @ivar _events: Our events of this process, the newest L{OWN_EVENTS}.
    """

    next_number: int
    dropped: int
    _player: int
    _settings: EventLogSettings
    _waiting: deque[tuple[int, Command]]
    _ordered: dict[int, Event]
    _events: deque[Event]

    def __init__(self, player: int, settings: EventLogSettings) -> None:
        """
        @param player: Our number.
        @param settings: How many may wait.
        """
        self.next_number = 1
        self.dropped = 0
        self._player = player
        self._settings = settings
        self._waiting = deque()
        self._ordered = {}
        self._events = deque(maxlen=OWN_EVENTS)

    @property
    def unanswered(self) -> int:
        """How many commands have no answer yet."""
        return len(self._waiting) + len(self._ordered)

    @property
    def first(self) -> tuple[int, Command] | None:
        """The command that is to be asked now, with its number."""
        return self._waiting[0] if self._waiting else None

    @property
    def first_unanswered(self) -> int:
        """The lowest number that the host has not ordered or refused."""
        return self._waiting[0][0] if self._waiting else self.next_number

    def submit(self, command: Command) -> int:
        """
        Take a command.

        @return: Its number.
        @raise SubmitQueueFull: As many wait as may.
        @raise LocalProtocolError: There are no more numbers.
        """
        if self.unanswered >= self._settings.queue:
            raise SubmitQueueFull(
                f"{self._settings.queue} commands wait for the host's answer; submit fewer, or"
                " raise the setting queue"
            )
        if self.next_number > COMMAND_NUMBER.highest:
            raise LocalProtocolError("there are no more command numbers")
        number = self.next_number
        self.next_number += 1
        self._waiting.append((number, command))
        return number

    def ordered(self, event: Event) -> list[Outcome]:
        """Take note of an event of ours that is in the log now."""
        self._events.append(event)
        outcomes: list[Outcome] = []
        while self._waiting and self._waiting[0][0] < event.command:
            # No number of ours is passed over while the host is no liar.
            number, _ = self._waiting.popleft()
            outcomes.append(CommandRefused(number, RefusalCode.BUSY, "a later command came first"))
        if self._waiting and self._waiting[0][0] == event.command:
            self._ordered[event.command] = event
            self._waiting.popleft()
        self.next_number = max(self.next_number, event.command + 1)
        return outcomes

    def refused(self, number: int, code: RefusalCode, reason: str) -> list[Outcome]:
        """Take the host's refusal; nothing comes of one for a command that is not asked now."""
        if not self._waiting or self._waiting[0][0] != number:
            return []
        self._waiting.popleft()
        return [CommandRefused(number, code, reason)]

    def acknowledged(self, sequence: int) -> list[Outcome]:
        """Answer the commands whose events are acknowledged."""
        done = [number for number, event in self._ordered.items() if event.sequence <= sequence]
        return [CommandAccepted(number, self._ordered.pop(number)) for number in done]

    def begin(self, state: SharedState) -> None:
        """Number our commands from above those of the process that we were before."""
        above = state.lastCommand(self._player) // _NUMBERS_OF_A_PROCESS + 1
        self.next_number = max(self.next_number, above * _NUMBERS_OF_A_PROCESS)

    def replaced(self, old: Chain, state: SharedState, new: Chain) -> list[Outcome]:
        """
        Take note that a snapshot took the place of our log.

        Commands that it says to be ordered are answered.  Our events that it has not are
        told as dropped, unless the same command is another event there.
        """
        outcomes: list[Outcome] = []
        last = state.lastCommand(self._player)
        while self._waiting and self._waiting[0][0] <= last:
            outcomes.append(CommandAccepted(self._waiting.popleft()[0], None))
        common = sharedSequence(old, new)
        kept: list[Event] = []
        for event in self._events:
            if event.sequence <= common or holds(new, event.epoch, event.sequence):
                kept.append(event)
                continue
            known = self._ordered.pop(event.command, None)
            elsewhere = event.command <= last
            if known is not None:
                outcomes.append(CommandAccepted(event.command, None if elsewhere else event))
            if not elsewhere:
                outcomes.append(EventDropped(event))
                self.dropped += 1
        self._events.clear()
        self._events.extend(kept)
        self.next_number = max(self.next_number, last + 1)
        return outcomes
