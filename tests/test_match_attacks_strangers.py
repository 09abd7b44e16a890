"""
Floods at a player's socket from somebody who has no key: dropped by name and counted, no
change, no memory; and the match goes on.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gamenet.interfaces import Address
from gamenet.sealing.known_peer import HandshakeFault
from gamenet.wire.handshake_packets import (
    Challenge,
    Claim,
    Hello,
    Proof,
    Welcome,
    encodeHandshakePacket,
)
from tests.many_players import MATCH_ID
from tests.match_attacks import MEGABYTE, STRANGER, MatchCase, fingerprint, residentBytes
from tests.sealing_scene import CallCounts

COUNT = 10_000
CAPTURED = 300


def addressOf(number: int) -> Address:
    """Return one of very many addresses."""
    return (f"{11 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.9", 1024 + number % 60_000)


class StrangerCase(MatchCase):
    """A match of three, some of whose datagrams were captured; player 1 is attacked."""

    def setUp(self) -> None:
        self.begin(3)
        self.captured = self.capture(CAPTURED)
        self.to_victim = [data for victim, data, _ in self.captured if victim is self.victim]
        self.to_others = [data for victim, data, _ in self.captured if victim is not self.victim]

    def flood(self, make: Callable[[int], tuple[bytes, Address]], count: int = COUNT) -> None:
        """
        Send a flood in two halves: each datagram is dropped under some name, nothing
        changes, no memory stays, and nothing at all is sent.
        """
        before, trace = fingerprint(*self.victim.roots()), self.mesh.network.traceHash()
        refused = self.victim.refused
        resident = []
        for half in range(2):
            for number in range(half * count // 2, (half + 1) * count // 2):
                self.victim.receive(*make(number))
            resident.append(residentBytes())
        self.assertLessEqual(resident[1] - resident[0], MEGABYTE, resident)
        self.assertEqual(self.victim.refused - refused, count)
        self.assertTrue(fingerprint(*self.victim.roots()) == before, "something has changed")
        self.assertEqual(self.mesh.network.traceHash(), trace)
        self.assertGoesOn()


class SealedFloodTests(StrangerCase):
    """
    Bad input: bytes flipped, truncated, replayed, reflected back to the sender, taken from
    another match or another direction, a counter that jumps.
    """

    def captive(self, number: int) -> bytes:
        """Return a datagram that came to player 1 earlier."""
        return self.to_victim[number % len(self.to_victim)]

    def test_flipped(self) -> None:
        """Bytes flipped, of old datagrams and with counters that have not come yet."""

        def make(number: int) -> tuple[bytes, Address]:
            data = bytearray(self.captive(number))
            data[10:17] = (number + (1 << 20)).to_bytes(7, "big")
            data[17 + number % (len(data) - 17)] ^= 1 + number % 255
            return bytes(data), addressOf(number)

        self.flood(make)

    def test_truncated(self) -> None:
        """Cut anywhere."""

        def make(number: int) -> tuple[bytes, Address]:
            data = self.captive(number)
            return data[: number % len(data)], addressOf(number)

        self.flood(make)

    def test_replayed(self) -> None:
        """Once more, from where they came and from anywhere."""
        source = self.mesh.seats[2].sockets.demultiplexer.address

        def make(number: int) -> tuple[bytes, Address]:
            return self.captive(number), (source, addressOf(number))[number % 2]

        self.flood(make)

    def test_reflected(self) -> None:
        """What player 1 sent, and what others sent each other, back to player 1."""
        self.flood(lambda n: (self.to_others[n % len(self.to_others)], STRANGER))

    def test_otherDirection(self) -> None:
        """The same under the ids of the links that lead to player 1."""
        ids = [link.incoming_id for link in self.victim.links]

        def make(number: int) -> tuple[bytes, Address]:
            data = self.to_others[number % len(self.to_others)]
            counter = (number + (1 << 20)).to_bytes(8, "big")
            return data[:1] + ids[number % 2] + counter + data[17:], STRANGER

        self.flood(make)

    def test_otherMatch(self) -> None:
        """Datagrams of another match, as they are and under the ids of this one's links."""
        ids = [link.incoming_id for link in self.victim.links]
        here = self.mesh, self.victims, self.victim
        self.begin(3, seed=77)
        foreign = [data for _, data, _ in self.capture(200)]
        self.mesh, self.victims, self.victim = here

        def make(number: int) -> tuple[bytes, Address]:
            data = foreign[number % len(foreign)]
            if number % 2:
                data = data[:1] + ids[number // 2 % 2] + data[9:]
            return data, STRANGER

        self.flood(make)

    def test_jumps(self) -> None:
        """Counters that jump to the end of the world, under a key that is not the link's."""
        seal = ChaCha20Poly1305(bytes(32)).encrypt
        ids = [link.incoming_id for link in self.victim.links]

        def make(number: int) -> tuple[bytes, Address]:
            counter = ((1 << 64) - 1 - number, (1 << 63) - 1 - number, 1 << number % 63)[number % 3]
            first = (b"\xc4", b"\xc6")[number // 3 % 2]
            head = first + ids[number % 2] + counter.to_bytes(8, "big")
            return head + seal(b"\0\0\0\0" + head[9:], b"\2hello", head), STRANGER

        self.flood(make)

    def test_firstBytes(self) -> None:
        """Every first byte that there is, before what was sealed and before nothing."""

        def make(number: int) -> tuple[bytes, Address]:
            rest = self.captive(number)[1:] if number & 256 else bytes(number % 40)
            return bytes([number & 255]) + rest, addressOf(number)

        self.flood(make)


class HandshakeFloodTests(StrangerCase):
    """Bad input: 10 000 handshakes a second with forged addresses (at most one X25519 per ten)."""

    def claim(self, number: int) -> Claim:
        """Return what a player that is none would claim."""
        seat = self.mesh.seats[1]
        nonce = number.to_bytes(16, "big")
        return Claim(number.to_bytes(4, "big") * 8, nonce, 0, seat.keys.link_key)

    def test_hellos(self) -> None:
        """10 000 hellos: no X25519, nothing kept, one answer each that is no longer."""
        counts = CallCounts(self)
        mesh = self.meshOf(1)
        before = fingerprint(*self.victim.roots())
        sent = self.swallow()
        resident = []
        for half in range(2):
            for number in range(half * COUNT // 2, (half + 1) * COUNT // 2):
                hello = Hello(MATCH_ID, 2 + number % 2, 1, self.claim(number))
                data = encodeHandshakePacket(hello)
                self.victim.receive(data, addressOf(number))
                self.assertEqual(len(sent), 1)
                self.assertLessEqual(sent[0][0], len(data))
                self.assertEqual(sent.pop()[1], addressOf(number))
            resident.append(residentBytes())
        self.swallowed.restore()
        self.assertLessEqual(resident[1] - resident[0], MEGABYTE, resident)
        self.assertEqual(mesh.handshakes_answered, COUNT)
        self.assertEqual((counts.exchanges, counts.checks), (0, 0))
        self.assertTrue(fingerprint(*self.victim.roots()) == before)
        self.assertGoesOn()

    def test_forged(self) -> None:
        """10 000 proofs, challenges and welcomes: no X25519, no signature, no answer."""
        counts = CallCounts(self)
        faults = self.meshOf(1).handshake_faults
        before = fingerprint(*self.victim.roots())
        trace = self.mesh.network.traceHash()
        for number in range(COUNT):
            who = 2 + number % 2
            key, nonce = self.claim(number).link_key, self.claim(number).nonce
            packets = (
                Proof(MATCH_ID, who, 1, self.claim(number), nonce, 0, 1, bytes(64)),
                Challenge(MATCH_ID, who, 1, nonce, nonce, 0, False),
                Welcome(MATCH_ID, who, 1, nonce, key, 1, 1, bytes(64)),
                Proof(MATCH_ID, 9, 1, self.claim(number), nonce, 0, 1, bytes(64)),
            )
            self.victim.receive(encodeHandshakePacket(packets[number % 4]), addressOf(number))
        self.assertEqual((counts.exchanges, counts.checks), (0, 0))
        self.assertEqual(faults[HandshakeFault.BAD_COOKIE], COUNT // 4)
        self.assertEqual(faults[HandshakeFault.UNASKED], COUNT // 2)
        self.assertEqual(faults[HandshakeFault.OTHER_PLAYER], COUNT // 4)
        self.assertEqual(self.mesh.network.traceHash(), trace)
        self.assertTrue(fingerprint(*self.victim.roots()) == before)
        self.assertGoesOn()

    def test_mangled(self) -> None:
        """True hellos with bytes flipped or cut, of other matches, for other players."""
        hello = Hello(MATCH_ID, 2, 1, self.claim(1))
        others = (
            encodeHandshakePacket(attrs.evolve(hello, match_id=bytes(16))),
            encodeHandshakePacket(attrs.evolve(hello, receiver=3)),
            encodeHandshakePacket(attrs.evolve(hello, sender=200)),
        )
        whole = encodeHandshakePacket(hello)
        before, trace = fingerprint(*self.victim.roots()), self.mesh.network.traceHash()
        fed = dropped = 0
        faults = self.meshOf(1).handshake_faults
        began = self.victim.refused + sum(faults.values())
        for length in range(len(whole)):
            self.victim.receive(whole[:length], STRANGER)
            self.victim.receive(whole + bytes(length + 1), STRANGER)
            fed += 2
        for other in others:
            self.victim.receive(other, STRANGER)
            fed += 1
        dropped = self.victim.refused + sum(faults.values()) - began
        self.assertEqual(dropped, fed)
        self.assertEqual(self.mesh.network.traceHash(), trace)
        self.assertTrue(fingerprint(*self.victim.roots()) == before)
        self.assertGoesOn()
