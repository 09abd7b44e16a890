"""
"100 000 spoofed requests (resident memory after the second half at most 1 MB above that after
the first)": coturn #1999, #2002, GHSA-5x2p.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.wire.turn import encodeChannelData, encodeSendIndication
from tests.memory_machine import Datagram
from tests.relay_bytes import rawMessage, sealed
from tests.relay_desk import allocateAttributes
from tests.relay_scene import RELAY, RawClient, Scene

_STATM = Path("/proc/self/statm")
_REQUESTS = 100_000
_MEGABYTE = 1_000_000


def residentBytes() -> int:
    """Return the resident memory of this process."""
    gc.collect()
    pages = int(_STATM.read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class SpoofedTests(SynchronousTestCase):
    """"Nothing kept for an unauthenticated packet"."""

    def setUp(self) -> None:
        if not _STATM.exists():
            raise SkipTest("no /proc/self/statm: resident memory cannot be told here")
        self.scene = Scene()
        self.scene.network.carry = self.sent  # type: ignore[method-assign]
        self.answers = 0

    def sent(self, datagram: Datagram) -> None:
        """Count an answer, and keep nothing of it."""
        self.answers += 1

    def forge(self, number: int) -> tuple[bytes, Address]:
        """Return one of many kinds of packets, and whom it seems to come from."""
        host = f"{11 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.7"
        source = (host, 1024 + number % 60_000)
        transaction_id = number.to_bytes(12, "big")
        kind = number % 10
        if kind < 4:
            return rawMessage(3, allocateAttributes(), transaction_id), source
        if kind < 6:
            return rawMessage((4, 8, 9, 10)[number >> 4 & 3], (), transaction_id), source
        if kind == 6:
            name = b"%d:user%d" % (1_800_000_000, number)
            credential = ((6, name), (0x14, b"gamenet"), (0x15, b"n" * 20))
            whole = rawMessage(3, (*allocateAttributes(), *credential), transaction_id)
            return sealed(whole, b"no key"), source
        if kind == 7:
            return rawMessage(1, (), transaction_id), source
        if kind == 8:
            return encodeSendIndication(transaction_id, ("198.51.100.1", 1), b"x" * 100), source
        return encodeChannelData(0x4000 + number % 4096, b"y" * 100), source

    def test_flat(self) -> None:
        """Half of them make the memory what it is; the other half adds nothing."""
        receive = self.scene.machine.sockets[RELAY[1]].receiver
        resident = []
        for half in range(2):
            for number in range(half * _REQUESTS // 2, (half + 1) * _REQUESTS // 2):
                receive(*self.forge(number))
                if not number % 1000:
                    self.scene.network.clock.advance(1.0)
            resident.append(residentBytes())
        self.assertLessEqual(resident[1] - resident[0], _MEGABYTE, resident)
        counters = self.scene.server.counters
        self.assertEqual(counters.unauthenticated, _REQUESTS * 7 // 10)
        self.assertEqual(counters.bindings, _REQUESTS // 10)
        self.assertGreater(self.answers, _REQUESTS // 2)
        self.assertEqual(list(self.scene.machine.sockets), [RELAY[1]])
        self.assertEqual(self.scene.network.clock.getDelayedCalls(), [])

    def test_otherwise(self) -> None:
        """The measure sees what is kept."""
        before = residentBytes()
        kept = b"x" * (64 * _MEGABYTE)
        self.assertGreater(residentBytes() - before, 60 * _MEGABYTE)
        self.assertEqual(len(kept), 64 * _MEGABYTE)

    def test_stillServed(self) -> None:
        """After a flood a client gets its allocation as ever."""
        scene = Scene()
        receive = scene.machine.sockets[RELAY[1]].receiver
        for number in range(5000):
            receive(*self.forge(number))
        scene.network.settle()
        scene.network.advance(1.0)
        RawClient(scene, "198.51.100.1").allocate()
