"""
Two real processes, one of which is killed and returns.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path
from subprocess import PIPE, Popen

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.wire.demultiplexing import HANDSHAKE_PACKET
from tests.sealing_scene import Process, recordKeys

_ROOT = Path(__file__).parents[1]
_SOURCE: Address = ("192.0.2.1", 1)


class ProcessTests(SynchronousTestCase):
    """Done when: a two-process test: no (key, counter) pair repeats across crash and rejoin."""

    def setUp(self) -> None:
        self.record = recordKeys(self)
        self.survivor = Process(2, 0, (1,))
        self.survivor.links[1] = self.survivor.handshakes.connect(1)
        self.used: list[bytes] = []
        self.opened = 0

    def live(self, first_link_seed: str, packets: int) -> None:
        """Let a process of player 1's live until so many packets of its were opened."""
        command = [sys.executable, "-m", "tests.sealing_child", first_link_seed]
        with Popen(command, cwd=_ROOT, stdin=PIPE, stdout=PIPE, text=True) as child:
            assert child.stdin is not None and child.stdout is not None
            try:
                until = self.opened + packets
                while self.opened < until:
                    word, digits = child.stdout.readline().split()
                    data = bytes.fromhex(digits)
                    if word == "used":
                        self.used.append(data)
                        continue
                    print("in", self.answer(data).hex(), file=child.stdin, flush=True)
            finally:
                child.kill()
        self.assertEqual(child.returncode, -9)

    def answer(self, data: bytes) -> bytes:
        """Return what the survivor sends back."""
        if data[0] == HANDSHAKE_PACKET:
            return self.survivor.take(data, _SOURCE).packet
        link = self.survivor.links[1]
        self.assertTrue(link.open(data).startswith(b"packet"))
        self.opened += 1
        return link.seal(b"well received")

    def test_killedAndBack(self) -> None:
        """SIGKILL twice, in mid-play; each return plays on, under keys never used before."""
        self.live((bytes([1]) * 30 + bytes(2)).hex(), 40)
        for generation in (1, 2):
            self.live("", 40)
            self.assertEqual(self.survivor.handshakes.peers[1].generation, generation)
        used = self.used + [sha256(key + nonce).digest() for key, nonce in self.record.used]
        self.assertEqual(self.opened, 120)
        self.assertGreaterEqual(len(used), 240)
        self.assertEqual(len(dict.fromkeys(used)), len(used))
