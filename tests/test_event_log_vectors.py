"""
The test vectors of the shared session, read as a client in another language would.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage
from gamenet.event_log.commands import Refusal, judged
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.event_log.snapshot import Snapshot
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import unpackRow
from gamenet.wire.log_commands import COMMANDS
from gamenet.wire.log_events import BODIES, Event
from gamenet.wire.log_fields import Tagged
from gamenet.wire.log_messages import decodeLogMessage, encodeLogMessage
from gamenet.wire.log_values import RefusalCode
from tests.event_log_vectors import PATH, vectors


def _octets(digits: Any) -> bytes:
    return bytes.fromhex(digits)


class VectorTests(SynchronousTestCase):
    """Done when: test vectors in docs/vectors that the tests check."""

    def setUp(self) -> None:
        """Read the file."""
        self.text = PATH.read_text(encoding="ascii")
        self.vectors: dict[str, Any] = json.loads(self.text)

    def test_madeByTheGenerator(self) -> None:
        """The file is what C{python -m tests.event_log_vectors} writes."""
        self.assertEqual(self.text, vectors())

    def test_session(self) -> None:
        """The events lead from the opening to the snapshot, by way of every digest."""
        opening = self.vectors["opening"]
        names = {int(player): name for player, name in opening["names"].items()}
        state = SharedState.opened(
            _octets(opening["session_id"]), opening["name"], names, opening["capacity"]
        )
        self.assertEqual(Snapshot(state).encoded().hex(), opening["snapshot"])
        self.assertEqual(state.digest().hex(), opening["digest"])
        for place, told in enumerate(self.vectors["events"]):
            event = unpackRow(Event, canonical_cbor.decode(_octets(told["event"])))
            self.assertEqual(type(event.body).__name__, told["body"])
            self.assertEqual((event.sequence, told["sequence"]), (place + 1, place + 1))
            state = state.applied(event)
            self.assertEqual(state.digest().hex(), told["digest_after"])
        snapshot = _octets(self.vectors["snapshot_after"])
        self.assertEqual(Snapshot.decoded(snapshot).state, state)
        digest = blake2b(snapshot, digest_size=16).hexdigest()
        self.assertEqual(digest, self.vectors["events"][-1]["digest_after"])
        self.assertEqual(
            {told["body"] for told in self.vectors["events"]},
            {kind.__name__ for kind in BODIES.values()},
        )

    def test_commands(self) -> None:
        """Each command becomes the body, or is refused by the name, that the file says."""
        states = [Snapshot.decoded(_octets(self.vectors["opening"]["snapshot"])).state]
        for told in self.vectors["events"]:
            event = unpackRow(Event, canonical_cbor.decode(_octets(told["event"])))
            states.append(states[-1].applied(event))
        kinds, codes = set(), set()
        for asked in self.vectors["commands"]:
            command: Any = Tagged(COMMANDS).unpack(canonical_cbor.decode(_octets(asked["command"])))
            kinds.add(type(command))
            state = states[asked["after_event"]]
            answer = judged(state, asked["player"], command, EventLogSettings())
            if isinstance(answer, Refusal):
                codes.add(answer.code)
                expected = [int(answer.code), answer.code.name]
                self.assertEqual(asked["refused"], expected, asked["text"])
            else:
                body = canonical_cbor.encode(Tagged(BODIES).pack(answer)).hex()
                self.assertEqual(asked["body"], body, asked["text"])
        self.assertEqual(kinds, set(COMMANDS.values()))
        missing = {RefusalCode.TOO_MANY_SETTINGS, RefusalCode.NOT_SYNCED}
        self.assertEqual(codes, set(RefusalCode) - missing)

    def test_messages(self) -> None:
        """Each message has its one form."""
        for name, digits in self.vectors["messages"].items():
            message = decodeLogMessage(_octets(digits))
            self.assertEqual(type(message).__name__, name.partition(".")[0])
            self.assertEqual(encodeLogMessage(message).hex(), digits)

    def test_malformed(self) -> None:
        """Bad input: what the file says is malformed is refused by that name."""
        for name, digits in self.vectors["malformed"].items():
            with self.assertRaises(MalformedMessage, msg=name):
                decodeLogMessage(_octets(digits))
