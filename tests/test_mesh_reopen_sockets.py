"""
A new game socket in place of the old one, with the system's own sockets.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from gamenet.interfaces import Address
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.machine.reactor_machine import asMachine


class ReopenTests(TestCase):
    """A changed local address, on a real machine."""

    timeout = 20

    async def test_otherPort(self) -> None:
        """What is sent to the new port arrives at the same face; the old one is shut."""
        machine = asMachine(reactor)
        ours, theirs = (Demultiplexer(machine, "127.0.0.1") for _ in range(2))
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        heard: list[tuple[bytes, Address]] = []
        waiting: list[Deferred[Any]] = []

        def received(data: bytes, address: Address) -> None:
            heard.append((data, address))
            if waiting:
                waiting.pop().callback(None)

        our_face = ours.face(received, first_bytes=(0xC4,))
        their_face = theirs.face(received, first_bytes=(0xC4,))
        former = ours.address
        ours.reopen()
        self.assertNotEqual(ours.address, former)
        self.assertEqual(our_face.address, ours.address)
        for face, to in ((our_face, theirs.address), (their_face, ours.address)):
            waiting.append(Deferred())
            self.assertTrue(face.send(b"\xc4hello", to))
            await waiting[0]
        self.assertEqual(
            heard, [(b"\xc4hello", ours.address), (b"\xc4hello", theirs.address)]
        )
        # The former port is free again: it can be bound.
        again = Demultiplexer(machine, "127.0.0.1", former[1])
        again.close()

    def test_refusedSends(self) -> None:
        """What the system refuses to send is told to whoever sends, and counted for ever."""
        machine = asMachine(reactor)
        ours = Demultiplexer(machine, "127.0.0.1")
        self.addCleanup(ours.close)
        face = ours.face(lambda data, address: None, first_bytes=(0xC4,))
        self.assertFalse(face.send(b"\xc4", ("203.0.113.1", 9)))
        self.assertEqual(ours.send_errors, 1)
        ours.reopen()
        self.assertEqual(ours.send_errors, 1)
