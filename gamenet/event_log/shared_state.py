"""
What all participants of a session know together, and how each event changes it.

The state is a value: L{SharedState.applied} returns the next one.  Everybody who
has applied the same events holds equal states, and L{SharedState.digest} proves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from hashlib import blake2b
from typing import ClassVar

import attrs

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.event_log.changes import changesOf
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import Field, ListOf, Row, RowOf, Text, Whole, packRow
from gamenet.wire.log_events import NOBODY, Body, EpochStarted, Event
from gamenet.wire.log_fields import OrNone, packedArray, requireAscending
from gamenet.wire.log_values import (
    EPOCHS_LIMIT,
    PARTICIPANTS_LIMIT,
    PLAYER,
    SEQUENCE,
    SESSION_ID,
    SESSION_NAME_LIMIT,
    SETTINGS_LIMIT,
    TIME_MS,
    Activity,
    Departed,
    Epoch,
    EpochRecord,
    Participant,
    Setting,
)

__all__ = ["DIGEST_BYTES", "FIRST_EPOCH", "SharedState"]

#: Bytes of a state's digest.
DIGEST_BYTES = 16

#: The epoch that every session begins with: player 1's.
FIRST_EPOCH = Epoch(1, 1)


@attrs.frozen
class SharedState(Row):
    """
    A session after one of its events.

    @ivar session_id: The session's, 16 bytes.
    @ivar name: The session's, 1 to L{SESSION_NAME_LIMIT} characters.
    @ivar capacity: How many participants it has room for; those in grace count.
    @ivar epoch: Whose term it is.
    @ivar sequence: The number of the last event; 0 before the first.
    @ivar time_ms: When that was, in milliseconds since the session began.
    @ivar delegate: To whom the host has handed its role, until that one's epoch begins;
        C{None} where to nobody.
    @ivar participants: Who takes part, in the order of their player numbers.
    @ivar departed: Who took part once, in the order of their player numbers.
    @ivar activity: The one that runs, or C{None}.
    @ivar activities_begun: How many there have been, the running one counted.
    @ivar settings: What the host has set, in the order of the keys' code points.
    @ivar epochs: When each epoch began and who was there, at most the last L{EPOCHS_LIMIT}.
    """

    layout: ClassVar[tuple[Field, ...]] = (
        SESSION_ID,
        Text(1, SESSION_NAME_LIMIT),
        Whole(1, PARTICIPANTS_LIMIT),
        RowOf(Epoch),
        SEQUENCE,
        TIME_MS,
        OrNone(PLAYER),
        ListOf(RowOf(Participant), 0, PARTICIPANTS_LIMIT),
        ListOf(RowOf(Departed), 0, PARTICIPANTS_LIMIT),
        OrNone(RowOf(Activity)),
        SEQUENCE,
        ListOf(RowOf(Setting), 0, SETTINGS_LIMIT),
        ListOf(RowOf(EpochRecord), 1, EPOCHS_LIMIT),
    )

    session_id: bytes
    name: str
    capacity: int
    epoch: Epoch
    sequence: int
    time_ms: int
    delegate: int | None
    participants: tuple[Participant, ...]
    departed: tuple[Departed, ...]
    activity: Activity | None
    activities_begun: int
    settings: tuple[Setting, ...]
    epochs: tuple[EpochRecord, ...]

    @classmethod
    def opened(
        cls, session_id: bytes, name: str, names: Mapping[int, str], capacity: int
    ) -> SharedState:
        """
        Return the state that a session begins with: all who meet take part.

        Called with what everybody's ticket says, so that nobody needs to be told it.

        @param names: The participants' names by their player numbers; player 1, the
            first host, is one of them.
        @param capacity: How many participants there is room for, at least as many as
            there are names.
        @raise LocalProtocolError: No session begins like that; the text says why.
        """
        players = sorted(names)
        state = cls(
            session_id,
            name,
            capacity,
            epoch=FIRST_EPOCH,
            sequence=0,
            time_ms=0,
            delegate=None,
            participants=tuple([Participant(player, names[player], 0) for player in players]),
            departed=(),
            activity=None,
            activities_begun=0,
            settings=(),
            epochs=(EpochRecord(FIRST_EPOCH, 0, tuple(players)),),
        )
        try:
            packRow(state)
        except ValueError as error:
            raise LocalProtocolError(f"no session begins like that: {error}") from error
        return state

    @property
    def host(self) -> int:
        """Whose epoch it is, by player number."""
        return self.epoch.host

    def participant(self, player: int) -> Participant | None:
        """Return the participant with a number, or C{None}."""
        for participant in self.participants:
            if participant.player == player:
                return participant
        return None

    def lastCommand(self, player: int) -> int:
        """
        Return the highest number of a player's commands that became an event, or 0.

        A command with that number or a lower one has been answered.  Who begins
        to take part again, also as a new process, numbers its commands from the
        next one on.
        """
        for participant in self.participants:
            if participant.player == player:
                return participant.last_command
        for departed in self.departed:
            if departed.player == player:
                return departed.last_command
        return 0

    def setting(self, key: str) -> str | None:
        """Return what the host has set, or C{None}."""
        for setting in self.settings:
            if setting.key == key:
                return setting.value
        return None

    def following(
        self,
        body: Body,
        time_ms: int,
        author: int = NOBODY,
        command: int = 0,
        epoch: Epoch | None = None,
    ) -> Event:
        """
        Return the event that comes next.  Called by a host.

        @param body: What happens.
        @param time_ms: The host's time; an earlier one than the last event's becomes
            that one's, so that the session's time never goes back.
        @param author: By whose command.
        @param command: That command's number.
        @param epoch: The epoch that begins; C{None} stays in this one.
        """
        return Event(
            self.session_id,
            self.sequence + 1,
            epoch or self.epoch,
            max(time_ms, self.time_ms),
            author,
            command,
            body,
        )

    def applied(self, event: Event) -> SharedState:
        """
        Return the state after one more event.

        Called for each event, in order, by everybody alike.

        @raise RemoteProtocolError: It cannot follow: whoever sent it is wrong, and
            this state stands.
        """
        if event.session_id != self.session_id:
            raise RemoteProtocolError("an event of another session")
        if event.sequence != self.sequence + 1:
            raise RemoteProtocolError(f"event {event.sequence} does not follow {self.sequence}")
        if event.time_ms < self.time_ms:
            raise RemoteProtocolError(f"event {event.sequence} is earlier than the one before it")
        if type(event.body) is not EpochStarted:
            if event.epoch != self.epoch:
                raise RemoteProtocolError(f"event {event.sequence} is of another epoch")
            if self.delegate is not None:
                raise RemoteProtocolError("the host orders after it handed its role over")
        try:
            changes = changesOf(self, event)
        except ValueError as error:
            raise RemoteProtocolError(f"event {event.sequence}: {error}") from error
        return SharedState(
            self.session_id,
            self.name,
            self.capacity,
            event.epoch,
            event.sequence,
            event.time_ms,
            changes.get("delegate"),
            changes.get("participants", self.participants),
            changes.get("departed", self.departed),
            changes.get("activity", self.activity),
            changes.get("activities_begun", self.activities_begun),
            changes.get("settings", self.settings),
            changes.get("epochs", self.epochs),
        )

    def digest(self) -> bytes:
        """
        Return the BLAKE2b digest of the state's canonical CBOR, L{DIGEST_BYTES} long.

        Computed once for a state; what did not change since the state before
        is not encoded again.
        """
        return self._digest

    @cached_property
    def packed(self) -> bytes:
        """The state's canonical CBOR."""
        epoch = [self.epoch.number, self.epoch.host]
        head = [
            self.session_id, self.name, self.capacity, epoch, self.sequence, self.time_ms,
            self.delegate,
        ]  # fmt: skip
        items = [
            packedArray([one.packed for one in self.participants]),
            packedArray([one.packed for one in self.departed]),
            self.activity.packed if self.activity else canonical_cbor.encode(None),
            canonical_cbor.encode(self.activities_begun),
            packedArray([setting.packed for setting in self.settings]),
            packedArray([record.packed for record in self.epochs]),
        ]
        # The array's head counts both halves; the first one's own is left out.
        count = bytes((0x80 + len(self.layout),))
        return count + canonical_cbor.encode(head)[1:] + b"".join(items)

    @cached_property
    def _digest(self) -> bytes:
        """The digest."""
        return blake2b(self.packed, digest_size=DIGEST_BYTES).digest()

    def requireConsistent(self) -> None:
        """
        @raise ValueError: No events lead to this state.
        """
        players = [one.player for one in self.participants]
        departed = [one.player for one in self.departed]
        requireAscending(players, "SharedState: participants")
        requireAscending(departed, "SharedState: departed players")
        requireAscending([one.key for one in self.settings], "SharedState: settings")
        if len(players) > self.capacity:
            raise ValueError("SharedState: more participants than the capacity")
        if any(player in departed for player in players):
            raise ValueError("SharedState: a participant has departed")
        for one in self.participants:
            if one.joined_sequence > self.sequence or (one.lost_at_ms or 0) > self.time_ms:
                raise ValueError("SharedState: a participant is of the future")
        if self.delegate is not None:
            delegate = self.participant(self.delegate)
            if delegate is None or delegate.is_lost or self.delegate == self.host:
                raise ValueError("SharedState: nobody to delegate to")
        self._requireActivity()
        self._requireEpochs()

    def _requireActivity(self) -> None:
        """
        @raise ValueError: The activity is not the last one that began.
        """
        if self.activities_begun > self.sequence:
            raise ValueError("SharedState: more activities than events")
        if self.activity is not None:
            if self.activity.number != self.activities_begun:
                raise ValueError("SharedState: the activity is not the last one")
            if not 1 <= self.activity.started_sequence <= self.sequence:
                raise ValueError("SharedState: the activity is of the future")

    def _requireEpochs(self) -> None:
        """
        @raise ValueError: The epochs are not a history that ends in this one.
        """
        requireAscending([one.epoch.number for one in self.epochs], "SharedState: epochs")
        requireAscending([one.sequence for one in self.epochs], "SharedState: epochs' events")
        first, last = self.epochs[0], self.epochs[-1]
        if last.epoch != self.epoch or last.sequence > self.sequence:
            raise ValueError("SharedState: the last epoch is not this one")
        if len(self.epochs) < EPOCHS_LIMIT and first.epoch != FIRST_EPOCH:
            raise ValueError("SharedState: the first epoch is missing")
        if (first.epoch == FIRST_EPOCH) != (first.sequence == 0):
            raise ValueError("SharedState: only the first epoch begins without an event")
