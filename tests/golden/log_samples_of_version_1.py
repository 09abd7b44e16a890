"""
The values that the golden bytes of the shared session's messages stand for.
"""

from __future__ import annotations

from gamenet.event_log.shared_state import SharedState
from gamenet.event_log.snapshot import Snapshot
from gamenet.wire.log_commands import (
    ChangeSetting,
    Command,
    Delegate,
    EndActivity,
    Join,
    Kick,
    Leave,
    Rename,
    Say,
    SendCustom,
    StartActivity,
)
from gamenet.wire.log_events import (
    ActivityEnded,
    ActivityStarted,
    Chat,
    Custom,
    EpochStarted,
    Event,
    HostDelegated,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
    Renamed,
    SettingChanged,
)
from gamenet.wire.log_messages import (
    NO_DIGEST,
    CommandSent,
    Events,
    EventsWanted,
    LogMessage,
    Refused,
    SnapshotSent,
    SnapshotWanted,
    Status,
)
from gamenet.wire.log_values import NO_EPOCH, Epoch, LeaveReason, RefusalCode

__all__ = ["LOG_SAMPLES", "OPENING", "STORY", "states"]

_SESSION = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
_ADA = Epoch(1, 1)
_EVE = Epoch(2, 3)
_BOB = Epoch(4, 2)

#: What a session begins with.
OPENING = SharedState.opened(_SESSION, "Ada's session", {1: "Ada", 2: "Bob", 3: "Eve"}, 4)

#: Events that can follow one another, with every kind of body.
STORY = (
    Event(_SESSION, 1, _ADA, 900, 4, 1, ParticipantJoined(4, "Zoë")),
    Event(_SESSION, 2, _ADA, 1000, 1, 1, SettingChanged("map", "caverns of \u6e05")),
    Event(_SESSION, 3, _ADA, 1000, 1, 2, SettingChanged("lives", "3")),
    Event(_SESSION, 4, _ADA, 1500, 2, 7, ActivityStarted(1, "round one", b"\x00\x01seed")),
    Event(_SESSION, 5, _ADA, 1516, 3, 1, Chat(3, " good luck \U0001f469\u200d\U0001f680")),
    Event(_SESSION, 6, _ADA, 2000, 0, 0, ParticipantLost(2)),
    Event(_SESSION, 7, _ADA, 2500, 0, 0, ParticipantReturned(2)),
    Event(_SESSION, 8, _ADA, 2600, 2, 8, Renamed(2, "Bob the 2nd")),
    Event(_SESSION, 9, _ADA, 2600, 2, 9, Custom(2, "emote", bytes(range(24)))),
    Event(_SESSION, 10, _ADA, 70000, 2, 12, ActivityEnded(1, b"won by 3")),
    Event(_SESSION, 11, _ADA, 70100, 1, 3, SettingChanged("lives", None)),
    Event(_SESSION, 12, _ADA, 70200, 1, 4, HostDelegated(3)),
    Event(_SESSION, 13, _EVE, 70300, 0, 0, EpochStarted((1, 2, 3, 4))),
    Event(_SESSION, 14, _EVE, 70400, 4, 2, ParticipantLeft(4, LeaveReason.LEFT)),
    Event(_SESSION, 15, _EVE, 70500, 3, 2, ParticipantLeft(1, LeaveReason.KICKED)),
    Event(_SESSION, 16, _BOB, 80000, 0, 0, EpochStarted((2,))),
    Event(_SESSION, 17, _BOB, 80000, 0, 0, ParticipantLost(3)),
    Event(_SESSION, 18, _BOB, 110000, 0, 0, ParticipantLeft(3, LeaveReason.GRACE_OVER)),
    Event(_SESSION, 19, _BOB, 2**48 - 1, 1, 5, ParticipantJoined(1, "Ada again")),
)


def states() -> list[SharedState]:
    """Return the states of the story, the opening first."""
    told = [OPENING]
    for event in STORY:
        told.append(told[-1].applied(event))
    return told


_COMMANDS: dict[str, Command] = {
    "Join": Join("Zoë"),
    "Leave": Leave(),
    "Rename": Rename(" bad \x07 name"),
    "StartActivity": StartActivity("round one", b"\x00\x01seed"),
    "EndActivity": EndActivity(1, b""),
    "ChangeSetting": ChangeSetting("lives", "3"),
    "ChangeSetting.none": ChangeSetting("lives", None),
    "Say": Say("hello, world"),
    "SendCustom": SendCustom("emote", b"\xff"),
    "Delegate": Delegate(3),
    "Kick": Kick(64),
}

_DIGEST = bytes.fromhex("d1d2d3d4d5d6d7d8")

#: A message of each class, with each body and each command.
LOG_SAMPLES: dict[str, LogMessage] = {
    "Status": Status(_EVE, 70, 69, _DIGEST, 0b1101, 8, _BOB),
    "Status.nothing": Status(NO_EPOCH, 0, 0, NO_DIGEST, 0, 1),
    "Status.highest": Status(
        Epoch(2**48 - 1, 64), 2**48 - 1, 2**48 - 1, _DIGEST, 2**64 - 1, 2**48 - 1, _BOB
    ),
    **{f"CommandSent.{name}": CommandSent(7, command) for name, command in _COMMANDS.items()},
    **{f"Events.{event.sequence}": Events((event,), event.epoch) for event in STORY},
    "Events.batch": Events(STORY[11:14], _ADA),
    "Events.unknown": Events(STORY[11:12]),
    "Refused": Refused(7, RefusalCode.NOT_HOST, "only the host can do that"),
    "Refused.silent": Refused(2**48 - 1, RefusalCode.BAD_TEXT, ""),
    "EventsWanted": EventsWanted(_EVE, 69, 64),
    "EventsWanted.most": EventsWanted(NO_EPOCH, 2**48 - 1, 256),
    "SnapshotWanted": SnapshotWanted(0),
    "SnapshotSent": SnapshotSent(Snapshot(OPENING).encoded()),
    "SnapshotSent.none": SnapshotSent(b""),
}
