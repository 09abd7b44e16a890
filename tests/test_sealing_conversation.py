"""
A captured conversation of 500 packets, both ways, with renewals of the keys and a return in
it: whatever is done to any of its datagrams, exhaustively, changes nothing.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.sealing.sealed_link import OVERHEAD, SealedLink
from gamenet.seeded_random import SeededRandom
from tests.sealing_scene import MATCH, keysOf, stateOf, ticketLinks

_PACKETS = 500
_CHAT = b"Good luck, have fun! The middle bridge is mine, and so is the hill behind it."


class Captured:
    """
    A conversation of players 1 and 2, stopped at every datagram.

    @ivar links: Both ends.
    @ivar sent: The datagrams so far: who sent each, it, and what is inside.
    """

    def __init__(self, sizes: tuple[int, int] = (1, 60)) -> None:
        self.links = ticketLinks()
        self.sent: list[tuple[int, bytes, bytes]] = []
        self.random = SeededRandom(5)
        self.sizes = sizes

    def next(self) -> tuple[int, bytes, bytes]:
        """Seal the next packet: inputs, which are small, and chat."""
        number = len(self.sent)
        if number % 60 == 59:
            self.links[0].renewKeys()
        side = self.random.below(2)
        size = self.random.between(*self.sizes)
        packet = _CHAT[:size] if number % 5 == 0 else self.random.drawBytes(size)
        self.sent.append((side, self.links[side].seal(packet), packet))
        return self.sent[-1]

    def arrive(self, side: int, datagram: bytes, packet: bytes) -> None:
        """Let the other player open it."""
        assert self.links[1 - side].open(datagram) == packet


def bystanders() -> list[SealedLink]:
    """Return ends of other links: another match, other players, another generation."""
    keys = keysOf(1), keysOf(2)
    return [
        *ticketLinks(bytes(16)),
        *ticketLinks(MATCH, 1, 3),
        *ticketLinks(MATCH, 2, 3),
        SealedLink.between(keys[0], 1, keys[1].link_key, 2, MATCH, 1, 0),
        SealedLink.between(keys[1], 2, keys[0].link_key, 1, MATCH, 0, 1),
    ]


class CapturedTests(SynchronousTestCase):
    """Done when: of a captured 500-packet match every change is without effect, exhaustively."""

    def setUp(self) -> None:
        self.captured = Captured()

    def assertAllRefused(self, link: SealedLink, datagrams: list[bytes]) -> None:
        """Check that each is refused by name, and that none has changed anything."""
        before, rejected = stateOf(link), link.rejected
        for datagram in datagrams:
            try:
                link.open(datagram)
            except RemoteProtocolError:
                if stateOf(link) == before:
                    continue
            self.fail(f"{datagram.hex()} had an effect")
        self.assertEqual(link.rejected, rejected + len(datagrams))

    def test_everyBit(self) -> None:
        """Every single bit of every datagram flipped, before it arrives: refused."""
        flips = 0
        for _ in range(_PACKETS):
            side, datagram, packet = self.captured.next()
            number = int.from_bytes(datagram, "big")
            size = len(datagram)
            flipped = [(number ^ 1 << bit).to_bytes(size, "big") for bit in range(8 * size)]
            self.assertAllRefused(self.captured.links[1 - side], flipped)
            flips += len(flipped)
            self.captured.arrive(side, datagram, packet)
        self.assertGreater(flips, _PACKETS * 8 * OVERHEAD)
        self.assertGreater(self.captured.links[1].epoch, 5)

    def test_everyTruncation(self) -> None:
        """Every datagram cut off anywhere, at either end, or with something added: refused."""
        for _ in range(_PACKETS):
            side, datagram, packet = self.captured.next()
            pieces = [datagram[:end] for end in range(len(datagram))]
            pieces += [datagram[begin:] for begin in range(1, len(datagram))]
            pieces += [datagram + b"\0", b"\0" + datagram, datagram + datagram]
            self.assertAllRefused(self.captured.links[1 - side], pieces)
            self.captured.arrive(side, datagram, packet)

    def test_everyMove(self) -> None:
        """
        Every datagram at every other end, as it is and under that end's id and either first
        byte; reflected to its sender; and again, after it arrived, with any later counter.
        """
        others = bystanders()
        for _ in range(_PACKETS):
            side, datagram, packet = self.captured.next()
            sender, receiver = self.captured.links[side], self.captured.links[1 - side]
            for link in (*others, sender):
                moved = [datagram]
                for first_byte in (0xC4, 0xC6):
                    moved.append(bytes([first_byte]) + link.incoming_id + datagram[9:])
                self.assertAllRefused(link, moved)
            jumps = [
                datagram[:9] + counter.to_bytes(8, "big") + datagram[17:]
                for counter in (
                    *range(sender._counter, sender._counter + 4),
                    1 << 32,
                    (1 << 63) - 1,
                    1 << 63,
                    (1 << 64) - 1,
                )
            ]
            self.assertAllRefused(receiver, jumps)
            self.captured.arrive(side, datagram, packet)
            self.assertAllRefused(receiver, [datagram, *jumps])

    def test_everyReplay(self) -> None:
        """All of it once more, to both ends, in either order: refused."""
        for _ in range(_PACKETS):
            self.captured.arrive(*self.captured.next())
        datagrams = [datagram for _, datagram, _ in self.captured.sent]
        for link in self.captured.links:
            self.assertAllRefused(link, datagrams)
            self.assertAllRefused(link, datagrams[::-1])
        opened = [link.opened for link in self.captured.links]
        self.assertEqual(sum(opened), _PACKETS)

    def test_everySplice(self) -> None:
        """The header of each datagram on the ciphertext of each of its neighbors: refused."""
        for _ in range(_PACKETS):
            side, datagram, packet = self.captured.next()
            spliced = []
            for _, other, _ in self.captured.sent[-9:-1]:
                spliced += [datagram[:17] + other[17:], other[:17] + datagram[17:]]
            self.assertAllRefused(self.captured.links[1 - side], spliced)
            self.captured.arrive(side, datagram, packet)


class SecrecyTests(SynchronousTestCase):
    """Done when: no run of 8 bytes of input or chat appears on the wire."""

    def test_runsOfEight(self) -> None:
        """No 8 bytes in a row of any packet are anywhere in any datagram."""
        captured = Captured((8, 80))
        for _ in range(_PACKETS):
            captured.arrive(*captured.next())
        inside, outside = {}, {}
        for _, datagram, packet in captured.sent:
            inside.update(dict.fromkeys(packet[n : n + 8] for n in range(len(packet) - 7)))
            outside.update(dict.fromkeys(datagram[n : n + 8] for n in range(len(datagram) - 7)))
        self.assertGreater(len(inside), 10_000)
        self.assertEqual(inside.keys() & outside.keys(), set())

    def test_samePacketTwice(self) -> None:
        """What is sent twice does not look the same twice."""
        one, _ = ticketLinks()
        bodies = [one.seal(_CHAT)[17:] for _ in range(100)]
        runs = [body[n : n + 8] for body in bodies for n in range(len(body) - 7)]
        self.assertEqual(len(dict.fromkeys(runs)), len(runs))
