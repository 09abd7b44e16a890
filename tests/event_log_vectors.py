"""
Makes C{docs/vectors/event_log.json}: C{python -m tests.event_log_vectors}.

The file is for whoever writes a client in another language: a session told in events,
with the bytes of each event and the digest of the state after it, the last state's snapshot,
what becomes of commands, and bytes that must be refused.
"""

from __future__ import annotations

import json
from pathlib import Path

from gamenet.event_log.commands import Refusal, judged
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.snapshot import Snapshot
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import packRow
from gamenet.wire.log_commands import (
    COMMANDS,
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
from gamenet.wire.log_election import Branch, Chain, Claim, Promise, Yield
from gamenet.wire.log_events import BODIES
from gamenet.wire.log_fields import Tagged
from gamenet.wire.log_messages import encodeLogMessage
from gamenet.wire.log_values import Epoch, EpochRecord
from tests.golden.log_samples_of_version_1 import LOG_SAMPLES, OPENING, STORY, states

__all__ = ["ASKED", "MALFORMED", "PATH", "vectors"]

PATH = Path(__file__).parents[1] / "docs" / "vectors" / "event_log.json"

#: After which event of the story, who commands what.
ASKED: tuple[tuple[int, int, Command], ...] = (
    (0, 4, Join("Zoë")),
    (0, 4, Say("hello")),
    (0, 2, Join("Bob")),
    (0, 4, Join("Zoe\u0308")),
    (0, 4, Join("")),
    (0, 4, Join("x" * 33)),
    (1, 5, Join("Max")),
    (1, 6, Join("Mia")),
    (4, 3, StartActivity("round two", b"")),
    (4, 3, EndActivity(1, b"")),
    (4, 2, EndActivity(2, b"")),
    (4, 2, EndActivity(1, b"won")),
    (4, 1, EndActivity(1, b"called off")),
    (4, 2, ChangeSetting("map", "ice")),
    (4, 1, ChangeSetting("map", "ice")),
    (4, 1, ChangeSetting("map", None)),
    (4, 1, ChangeSetting("map", "\n")),
    (4, 1, ChangeSetting("\u6e05" * 22, "ice")),
    (4, 1, ChangeSetting("map", "\u6e05" * 171)),
    (4, 3, Say(" \U0001f469\u200d\U0001f680 ")),
    (4, 3, Say("")),
    (4, 3, Say("\u202egnp.exe")),
    (4, 3, Say("x" * 501)),
    (4, 3, SendCustom("emote", bytes(1024))),
    (4, 3, SendCustom("emote", bytes(1025))),
    (4, 3, Rename("Evil\x07")),
    (4, 3, Rename("Eva")),
    (4, 3, Kick(2)),
    (4, 1, Kick(2)),
    (4, 1, Kick(1)),
    (4, 1, Kick(9)),
    (4, 2, Delegate(2)),
    (6, 1, Delegate(2)),
    (6, 1, Delegate(3)),
    (6, 2, Leave()),
    (12, 1, Say("still here")),
)

_CHAIN = Chain(
    (EpochRecord(Epoch(1, 1), 0, (1, 2, 3)), EpochRecord(Epoch(2, 3), 12, (2, 3))), 14
)

#: The messages of an election, and of two halves that hear each other again.
ELECTIONS = {
    "Claim": Claim(Epoch(3, 2), _CHAIN),
    "Promise": Promise(Epoch(3, 2), _CHAIN),
    "Branch": Branch(_CHAIN),
    "Yield": Yield(2),
}

#: Bytes that are no message, and why.
MALFORMED: dict[str, str] = {
    "no bytes": "",
    "no array": "01",
    "no number": "80",
    "an unknown number": "810f",
    "a truth value as the number": "81f5",
    "one field too few": "8206",
    "one field too many": "83060000",
    "bytes after the message": "82060000",
    "an integer that is longer than it must be": "82061800",
    "an array without an end": "9f0600ff",
    "a number that is a float": "8206f90000",
    "a billion events wanted": "840582010100" + "1a3b9aca00",
    "no events wanted": "84058201010000",
    "an epoch with a host and no number": "840582000100" + "01",
    "a host's number above 64": "84058201184100" + "01",
    "a snapshot that says it has 4 GiB": "82075affffffff00",
    "no events": "820380",
    "four billion events": "82039affffffff",
    "a tag": "8206c100",
}


def _answer(after: int, player: int, command: Command) -> dict[str, object]:
    """Return what becomes of one command."""
    body = judged(states()[after], player, command, EventLogSettings())
    asked = {
        "after_event": after,
        "player": player,
        "command": canonical_cbor.encode(Tagged(COMMANDS).pack(command)).hex(),
        "text": repr(command) if len(repr(command)) < 120 else type(command).__name__,
    }
    if isinstance(body, Refusal):
        return {**asked, "refused": [int(body.code), body.code.name]}
    return {**asked, "body": canonical_cbor.encode(Tagged(BODIES).pack(body)).hex()}


def vectors() -> str:
    """Return the file's text."""
    told = states()
    content = {
        "about": "The shared session; docs/session_log.rst says what each thing is."
        " All bytes are hexadecimal.",
        "opening": {
            "session_id": OPENING.session_id.hex(),
            "name": OPENING.name,
            "capacity": OPENING.capacity,
            "names": {str(one.player): one.name for one in OPENING.participants},
            "snapshot": Snapshot(OPENING).encoded().hex(),
            "digest": OPENING.digest().hex(),
        },
        "events": [
            {
                "sequence": event.sequence,
                "body": type(event.body).__name__,
                "event": canonical_cbor.encode(packRow(event)).hex(),
                "digest_after": state.digest().hex(),
            }
            for event, state in zip(STORY, told[1:], strict=True)
        ],
        "snapshot_after": Snapshot(told[-1]).encoded().hex(),
        "commands": [_answer(*asked) for asked in ASKED],
        "messages": {
            name: encodeLogMessage(message).hex() for name, message in LOG_SAMPLES.items()
        },
        "elections": {name: encodeLogMessage(each).hex() for name, each in ELECTIONS.items()},
        "malformed": MALFORMED,
    }
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(vectors(), encoding="ascii")
