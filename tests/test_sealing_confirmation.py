"""
A link that a handshake made has to bring something, or another is asked for.
"""

from __future__ import annotations

from gamenet.sealing.known_peer import HandshakeFault
from gamenet.sealing.settings import SealingSettings
from gamenet.wire.handshake_packets import GENERATION_LAST, Hello, decodeHandshakePacket
from tests.sealing_scene import HandshakeCase, Process, works


class ConfirmationTests(HandshakeCase):
    """A link that a handshake made has to bring something."""

    def test_lateProof(self) -> None:
        """
        The proof of a process that has crashed since comes after its successor was linked
        to us, and before we know: 3 s later we ask again, and come to the one that lives.
        """
        one = self.returned(1, 1, own_generation=1)
        crashed = self.returned(2, 1, own_generation=1)
        late = self.proof(crashed, one)
        two = self.returned(2, 2, own_generation=1)
        welcome = two.take(self.proof(one, two), one.address).packet
        self.assertIsNotNone(one.take(late, crashed.address).link)
        self.assertRefused(one, welcome, two.address, HandshakeFault.UNASKED)
        self.assertFalse(works(one.links[2], two.links[1]))
        self.assertEqual(one.handshakes.nextDue(), 3.0)
        self.assertEqual(one.handshakes.packetsDue(2.999), ())
        self.comeBack(one, two, 3.0)
        self.assertLinked(one, two)
        self.assertIsNone(one.handshakes.nextDue())
        self.assertEqual(one.handshakes.packetsDue(99.0), ())

    def test_confirmed(self) -> None:
        """One datagram is enough; the link of a ticket needs none."""
        self.assertIsNone(self.one.handshakes.nextDue())
        back = self.returned()
        self.comeBack(back, self.two, 0.0)
        links = back.links[2], self.two.links[1]
        self.assertEqual(back.handshakes.nextDue(), 3.0)
        self.assertLinked(back, self.two)
        for process in (back, self.two):
            self.assertIsNone(process.handshakes.nextDue())
            self.assertEqual(process.handshakes.packetsDue(9.0), ())
        self.assertEqual((back.links[2], self.two.links[1]), links)

    def test_setting(self) -> None:
        """How long to wait is a setting; who stops does not wait."""
        back = Process(1, 1, (2,), SealingSettings(confirmed_within=0.5), own_generation=1)
        back.handshakes.begin(2, back.nonce, 0.0)
        self.comeBack(back, self.two)
        self.assertEqual(back.handshakes.nextDue(), 0.5)
        first = dict(back.handshakes.packetsDue(0.5))[2]
        hello = decodeHandshakePacket(first)
        assert isinstance(hello, Hello)
        self.assertNotEqual(hello.claim.nonce, back.nonce)
        self.two.handshakes.stop(1)
        self.assertIsNone(self.two.handshakes.nextDue())
        self.assertEqual(self.two.handshakes.packetsDue(9.0), ())

    def test_removedUnconfirmed(self) -> None:
        """Nobody is asked who was removed meanwhile."""
        self.comeBack(self.returned(), self.two)
        self.two.handshakes.removePeer(1)
        self.assertIsNone(self.two.handshakes.nextDue())
        self.assertEqual(self.two.handshakes.packetsDue(9.0), ())

    def test_lastGeneration(self) -> None:
        """Where there is no further generation the link stays what it is."""
        self.comeBack(self.returned(), self.two)
        self.two.handshakes.peers[1].own_generation = GENERATION_LAST
        self.assertEqual(self.two.handshakes.packetsDue(9.0), ())
        self.assertIsNone(self.two.handshakes.nextDue())

    def test_newProcess(self) -> None:
        """Who gets a link is told whether it is with another process, or has only new keys."""
        back = self.returned()
        reply = self.two.take(self.proof(back, self.two), back.address)
        self.assertTrue(reply.new_process)
        self.assertFalse(back.take(reply.packet, self.two.address).new_process)
        again = dict(self.two.handshakes.packetsDue(3.0))[1]
        proof = self.two.take(back.take(again, self.two.address).packet, back.address).packet
        self.assertFalse(back.take(proof, self.two.address).new_process)

    def test_onlyNewKeys(self) -> None:
        """What makes no link is with no new process, and an answer of before is forgotten."""
        back = self.returned()
        hello = self.two.take(back.hello(2), back.address)
        self.assertIs(hello.new_process, False)
        proof = back.take(hello.packet, self.two.address).packet
        self.two.take(proof, back.address)
        self.assertIs(self.two.take(proof, back.address).new_process, False)
        self.two.handshakes.begin(1, self.two.nonce, 0.0)
        self.assertRefused(self.two, proof, back.address, HandshakeFault.BAD_COOKIE)
