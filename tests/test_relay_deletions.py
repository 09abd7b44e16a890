"""The deletions of the last moments."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.credentials import Credential
from gamenet.relay.deletions import DeletionMemory
from gamenet.relay_plane.flow import Flow
from gamenet.wire.turn import (
    ALLOCATE,
    CHANNEL_BIND,
    CREATE_PERMISSION,
    LIFETIME,
    REFRESH,
    encodeLifetime,
)
from gamenet.wire.turn_transport import Transport
from tests.relay_desk import (
    PEER,
    Desk,
    allocateAttributes,
    channelAttributes,
    codeOf,
    peerAttribute,
)

_GONE = ((LIFETIME, encodeLifetime(0)),)
_FLOW = Flow(1, ("198.51.100.7", 50000))
_ALICE = Credential("9:alice", "alice", b"key", b"other key")


class DeletionTests(SynchronousTestCase):
    """"Bounded memory of recently deleted flows.\""""

    def test_find(self) -> None:
        """By flow and transaction, for 40 s."""
        memory = DeletionMemory()
        memory.add(_FLOW, b"one", _ALICE, 10.0)
        found = memory.find(_FLOW, b"one", 49.9)
        assert found is not None
        self.assertIs(found.credential, _ALICE)
        self.assertIsNone(memory.find(_FLOW, b"one", 50.0))
        self.assertIsNone(memory.find(_FLOW, b"two", 10.0))
        other = Flow(1, _FLOW.address, Transport.TCP)
        self.assertIsNone(memory.find(other, b"one", 10.0))

    def test_bounded(self) -> None:
        """Only so many, the oldest go first; what is old is forgotten anyway."""
        memory = DeletionMemory(limit=3)
        self.assertEqual(DeletionMemory().limit, 1024)
        for number in range(10):
            memory.add(_FLOW, bytes([number]), _ALICE, float(number))
            self.assertLessEqual(len(memory), 3)
        self.assertIsNone(memory.find(_FLOW, b"\x06", 9.0))
        self.assertIsNotNone(memory.find(_FLOW, b"\x07", 9.0))
        memory.add(_FLOW, b"later", _ALICE, 48.5)
        self.assertEqual(len(memory), 2)

    def test_again(self) -> None:
        """Under the same transaction id the newest counts, for its whole time."""
        memory = DeletionMemory(limit=3)
        memory.add(_FLOW, b"one", _ALICE, 0.0)
        memory.add(_FLOW, b"two", _ALICE, 5.0)
        memory.add(_FLOW, b"one", _ALICE, 10.0)
        self.assertEqual(len(memory), 2)
        self.assertIsNotNone(memory.find(_FLOW, b"one", 49.0))
        memory.forget(45.0)
        self.assertEqual(len(memory), 1)


class RepetitionTests(SynchronousTestCase):
    """Review 4, A0: the memory serves the repeated deletion, and nothing else."""

    def test_nothingElse(self) -> None:
        """
        "New allocations are refused" to an expired credential and to that of a secret that is
        gone, though it deleted an allocation under the same transaction id a moment ago.
        """
        for reloaded in (False, True):
            desk = Desk()
            desk.allocate()
            again = desk.nextId()
            gone = desk.ask(REFRESH, _GONE, transaction_id=again)
            self.assertEqual(codeOf(gone), 0)
            if reloaded:
                desk.desk.authenticator.reload((b"another secret",))
            else:
                desk.wall_offset += 86_401.0
            for method, attributes in (
                (ALLOCATE, allocateAttributes()),
                (ALLOCATE, (*allocateAttributes(), *_GONE)),
                (CREATE_PERMISSION, (peerAttribute(PEER, again),)),
                (CREATE_PERMISSION, (peerAttribute(PEER, again), *_GONE)),
                (CHANNEL_BIND, (*channelAttributes(0x4000, PEER, again), *_GONE)),
                (REFRESH, ()),
                (REFRESH, ((LIFETIME, encodeLifetime(600)), *_GONE)),
                (REFRESH, ((LIFETIME, b""),)),
            ):
                outcome = desk.ask(method, attributes, transaction_id=again)
                self.assertEqual(codeOf(outcome), 401, (method, attributes))
            self.assertEqual((len(desk.table), desk.opened), (0, {}))
            repeated = desk.ask(REFRESH, _GONE, transaction_id=again)
            self.assertEqual(repeated.answer, gone.answer)

    def test_newAllocation(self) -> None:
        """Nor does the repetition delete, or keep alive, what was allocated since."""
        desk = Desk()
        desk.allocate()
        again = desk.nextId()
        desk.ask(REFRESH, _GONE, transaction_id=again)
        desk.allocate()
        self.assertEqual(codeOf(desk.ask(REFRESH, _GONE, transaction_id=again)), 0)
        self.assertEqual(len(desk.table), 1)
        self.assertEqual(codeOf(desk.ask(REFRESH, (), "bob", transaction_id=again)), 441)
