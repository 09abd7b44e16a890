"""The deletions of the last moments."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.credentials import Credential
from gamenet.relay.deletions import DeletionMemory
from gamenet.relay_plane.flow import Flow
from gamenet.wire.turn_transport import Transport

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
