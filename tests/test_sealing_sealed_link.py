"""
Sealing: what is sent is what the docstring says, and nothing but the other
player's own datagrams, each once, is ever opened.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.sealed_link import (
    LINK_ID_BYTES,
    OVERHEAD,
    REPLAY_WINDOW,
    ReplayWindow,
    SealedLink,
    linkIdOf,
)
from gamenet.wire.demultiplexing import KIND_OF_FIRST_BYTE, SEALED_PACKET, DatagramKind
from gamenet.wire.lobby_values import PROTOCOL_VERSION
from gamenet.wire.peer_packets import (
    PACKET_LIMIT,
    Check,
    CheckAnswer,
    Goodbye,
    GoodbyeReason,
    Inputs,
    PeerPacket,
    Ready,
    decodePeerPacket,
    encodePeerPacket,
)

SEED_1, SEED_2, SEED_3 = (bytes(range(n, n + 64)) for n in (0, 64, 128))
KEYS_1, KEYS_2, KEYS_3 = map(PlayerKeys.fromRandomBytes, (SEED_1, SEED_2, SEED_3))
MATCH = bytes(range(0xA0, 0xB0))
OTHER_MATCH = bytes(range(0xB0, 0xC0))


def ends(match_id: bytes = MATCH) -> tuple[SealedLink, SealedLink]:
    """Return both ends of the link between players 1 and 2."""
    return (
        SealedLink.between(KEYS_1, 1, KEYS_2.link_key, 2, match_id),
        SealedLink.between(KEYS_2, 2, KEYS_1.link_key, 1, match_id),
    )


def derivedByHand(
    seed: bytes, other_link_key: bytes, players: bytes, keys: tuple[bytes, bytes], direction: bytes
) -> tuple[bytes, bytes]:
    """
    Return key and link id of one direction, with no code of gamenet's: HKDF as
    RFC 5869, sections 2.2 and 2.3, write it.
    """
    secret = X25519PrivateKey.from_private_bytes(seed[:32]).exchange(
        X25519PublicKey.from_public_bytes(other_link_key)
    )
    info = b"gamenet link\x01"
    info += players[:1] + keys[0] + players[1:] + keys[1]
    info += b"\0\0\0\0" + direction
    extracted = hmac.new(MATCH, secret, hashlib.sha256).digest()
    first = hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()
    second = hmac.new(extracted, first + info + b"\x02", hashlib.sha256).digest()
    return first, second[:8]


def golden() -> dict[str, bytes]:
    """Return the golden datagrams of version 1 by name."""
    path = Path(__file__).parent / "golden" / "version_1" / "sealed_link.hex"
    lines = [line.split() for line in path.read_text("ascii").splitlines() if line[:1] != "#"]
    return {name: bytes.fromhex(digits) for name, digits in lines}


#: What the golden datagrams hold: who sent them, in the order of sending.
GOLDEN: dict[str, tuple[int, PeerPacket]] = {
    "Check": (1, Check(b"\x01\x02\x03\x04\x05\x06\x07\x08")),
    "CheckAnswer": (2, CheckAnswer(b"\x01\x02\x03\x04\x05\x06\x07\x08")),
    "Ready": (1, Ready(bytes(range(16)), False)),
    "Ready.heard": (2, Ready(bytes(range(16)), True)),
    "Inputs": (1, Inputs(b"any body at all")),
    "Goodbye": (2, Goodbye(GoodbyeReason.FINISHED, 599)),
}


class WireFormatTests(SynchronousTestCase):
    """The layout that the docstring names, taken apart with other tools."""

    def test_openedByHand(self) -> None:
        """RFCs 5869 and 8439, by hand: both directions, the first three datagrams of each."""
        keys = (KEYS_1.link_key, KEYS_2.link_key)
        one, two = ends()
        for sender, seed, other, direction in (
            (one, SEED_1, KEYS_2.link_key, b"\x01\x02"),
            (two, SEED_2, KEYS_1.link_key, b"\x02\x01"),
        ):
            key, link_id = derivedByHand(seed, other, b"\x01\x02", keys, direction)
            self.assertEqual(sender.outgoing_id, link_id)
            for counter in range(3):
                datagram = sender.seal(b"packet %d" % counter)
                self.assertEqual(datagram[:1], b"\xc4")
                self.assertEqual(datagram[1:9], link_id)
                self.assertEqual(datagram[9:17], counter.to_bytes(8, "big"))
                nonce = bytes(4) + datagram[9:17]
                plain = ChaCha20Poly1305(key).decrypt(nonce, datagram[17:], datagram[:17])
                self.assertEqual(plain, b"packet %d" % counter)

    def test_sealedByHand(self) -> None:
        """A datagram that was made by hand opens."""
        key, link_id = derivedByHand(
            SEED_2, KEYS_1.link_key, b"\x01\x02", (KEYS_1.link_key, KEYS_2.link_key), b"\x02\x01"
        )
        header = b"\xc4" + link_id + (7).to_bytes(8, "big")
        sealed = ChaCha20Poly1305(key).encrypt(bytes(4) + header[9:], b"hello", header)
        self.assertEqual(ends()[0].open(header + sealed), b"hello")

    def test_endsInOrderOfNumber(self) -> None:
        """Key and id do not depend on who derives them: the lower player number comes first."""
        four = SealedLink.between(KEYS_1, 4, KEYS_2.link_key, 3, MATCH)
        key, link_id = derivedByHand(
            SEED_1, KEYS_2.link_key, b"\x03\x04", (KEYS_2.link_key, KEYS_1.link_key), b"\x04\x03"
        )
        datagram = four.seal(b"packet")
        self.assertEqual(datagram[1:9], link_id)
        nonce = bytes(4) + datagram[9:17]
        ChaCha20Poly1305(key).decrypt(nonce, datagram[17:], datagram[:17])

    def test_golden(self) -> None:
        """The datagrams of version 1 are sealed byte by byte as ever, and open for ever."""
        self.assertEqual(PROTOCOL_VERSION, 1)
        stored = golden()
        self.assertEqual(sorted(stored), sorted(GOLDEN))
        sealing, opening = ends(), ends()
        for name, (sender, packet) in GOLDEN.items():
            datagram = sealing[sender - 1].seal(encodePeerPacket(packet))
            self.assertEqual(datagram.hex(), stored[name].hex(), name)
            opened = opening[2 - sender].open(stored[name])
            self.assertEqual(decodePeerPacket(opened), packet)

    def test_sizes(self) -> None:
        """Sealing adds 33 bytes; the largest packet fits into the least that IPv6 carries."""
        one, two = ends()
        self.assertEqual((OVERHEAD, LINK_ID_BYTES), (33, 8))
        for size in (0, 1, PACKET_LIMIT, 65_000):
            datagram = one.seal(bytes(size))
            self.assertEqual(len(datagram), size + OVERHEAD)
            self.assertEqual(two.open(datagram), bytes(size))
        self.assertLessEqual(PACKET_LIMIT + OVERHEAD + 4 + 48, 1280)

    def test_firstByte(self) -> None:
        """Row H10: the first byte is the one that demultiplexing deals to players."""
        first_byte = ends()[0].seal(b"x")[0]
        self.assertEqual(first_byte, SEALED_PACKET)
        self.assertIs(KIND_OF_FIRST_BYTE[first_byte], DatagramKind.GAMENET)

    def test_linkIdOf(self) -> None:
        """The id is found without a key, and only where there is a whole header and tag."""
        one, two = ends()
        datagram = one.seal(b"")
        self.assertEqual(len(datagram), OVERHEAD)
        self.assertEqual(linkIdOf(datagram), one.outgoing_id)
        self.assertEqual(linkIdOf(datagram), two.incoming_id)
        for length in range(OVERHEAD):
            self.assertEqual(linkIdOf(datagram[:length]), b"")


class KeySeparationTests(SynchronousTestCase):
    """Every link and every direction has keys and an id of its own."""

    def test_sixLinks(self) -> None:
        """Other match, other numbers, other keys, other direction: other id, nothing opens."""
        links = [
            SealedLink.between(KEYS_1, 1, KEYS_2.link_key, 2, MATCH),
            SealedLink.between(KEYS_2, 2, KEYS_1.link_key, 1, MATCH),
            SealedLink.between(KEYS_1, 1, KEYS_2.link_key, 2, OTHER_MATCH),
            SealedLink.between(KEYS_1, 1, KEYS_2.link_key, 3, MATCH),
            SealedLink.between(KEYS_1, 2, KEYS_2.link_key, 1, MATCH),
            SealedLink.between(KEYS_1, 1, KEYS_3.link_key, 2, MATCH),
        ]
        ids = [link.outgoing_id for link in links]
        self.assertEqual(len(dict.fromkeys(ids)), len(ids))
        for place, sender in enumerate(links):
            for other, receiver in enumerate(links):
                datagram = sender.seal(b"packet")
                if (place, other) in ((0, 1), (1, 0)):
                    self.assertEqual(receiver.open(datagram), b"packet")
                else:
                    self.assertRaises(RemoteProtocolError, receiver.open, datagram)
                    moved = datagram[:1] + receiver.incoming_id + datagram[9:]
                    self.assertRaises(RemoteProtocolError, receiver.open, moved)

    def test_idsMatch(self) -> None:
        """What one sends under, the other receives under."""
        one, two = ends()
        self.assertEqual(one.outgoing_id, two.incoming_id)
        self.assertEqual(two.outgoing_id, one.incoming_id)

    def test_counters(self) -> None:
        """A thousand packets of the same bytes: counters from 0 up, no nonce twice."""
        one, _ = ends()
        datagrams = [one.seal(b"same") for _ in range(1000)]
        counters = [int.from_bytes(datagram[9:17], "big") for datagram in datagrams]
        self.assertEqual(counters, list(range(1000)))
        self.assertEqual(len(dict.fromkeys(d[17:] for d in datagrams)), 1000)
        self.assertEqual(one.sealed, 1000)

    def test_counterUsedUp(self) -> None:
        """A nonce is never used again: after 2**63 packets sealing is our own error."""
        one, two = ends()
        one._counter = (1 << 63) - 1
        self.assertEqual(two.open(one.seal(b"last")), b"last")
        for _ in range(2):
            self.assertRaises(LocalProtocolError, one.seal, b"one more")
        self.assertEqual(one.sealed, 1)

    def test_oneself(self) -> None:
        """A link to oneself is our own mistake."""
        self.assertRaises(
            LocalProtocolError, SealedLink.between, KEYS_1, 1, KEYS_2.link_key, 1, MATCH
        )

    def test_poorKey(self) -> None:
        """A key of low order makes no link."""
        for key in (bytes(32), b"\x01" + bytes(31), bytes(31)):
            self.assertRaises(RemoteProtocolError, SealedLink.between, KEYS_1, 1, key, 2, MATCH)


class AttackTests(SynchronousTestCase):
    """Bad input: a peer packet from nobody in the match."""

    def setUp(self) -> None:
        self.one, self.two = ends()

    def assertRefused(self, datagram: bytes) -> None:
        """Check that player 2 refuses a datagram by name and is unchanged by it."""
        counts = (self.two.opened, self.two.rejected)
        self.assertRaises(RemoteProtocolError, self.two.open, datagram)
        self.assertEqual((self.two.opened, self.two.rejected), (counts[0], counts[1] + 1))

    def test_bitFlips(self) -> None:
        """One bit wrong, any of all of them: refused; the true datagram still opens."""
        datagram = self.one.seal(b"any packet")
        for bit in range(len(datagram) * 8):
            flipped = bytearray(datagram)
            flipped[bit // 8] ^= 1 << bit % 8
            self.assertRefused(bytes(flipped))
        self.assertEqual(self.two.open(datagram), b"any packet")

    def test_truncations(self) -> None:
        """Every shorter beginning is refused, as is anything added at either end."""
        datagram = self.one.seal(b"any packet")
        for length in range(len(datagram)):
            self.assertRefused(datagram[:length])
        for longer in (datagram + b"\0", b"\0" + datagram, datagram * 2):
            self.assertRefused(longer)
        self.assertEqual(self.two.open(datagram), b"any packet")

    def test_replay(self) -> None:
        """A datagram opens once, however often and whenever it comes again."""
        datagrams = [self.one.seal(b"%d" % n) for n in range(50)]
        for datagram in datagrams[::-1]:
            self.two.open(datagram)
        for datagram in datagrams:
            self.assertRefused(datagram)
        self.assertEqual((self.two.opened, self.two.rejected), (50, 50))

    def test_reflection(self) -> None:
        """Our own datagram sent back to us is of another link, even under the other id."""
        mine = self.two.seal(b"packet")
        self.assertRefused(mine)
        self.assertRefused(mine[:1] + self.two.incoming_id + mine[9:])

    def test_forgedCounters(self) -> None:
        """Forged counters, however high, do not move the window for the true ones."""
        datagram = self.one.seal(b"packet")
        for counter in (1, REPLAY_WINDOW, REPLAY_WINDOW + 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1):
            forged = datagram[:9] + counter.to_bytes(8, "big") + datagram[17:]
            self.assertRefused(forged)
        self.assertEqual(self.two.open(datagram), b"packet")

    def test_authenticCounterAboveTheLimit(self) -> None:
        """Not even the other player can use a counter that sealing never reaches."""
        for counter, admitted in ((2**63 - 1, True), (2**63, False), (2**64 - 1, False)):
            header = b"\xc4" + self.two.incoming_id + counter.to_bytes(8, "big")
            sealed = header + self.one._encrypt(bytes(4) + header[9:], b"packet", header)
            if admitted:
                self.assertEqual(self.two.open(sealed), b"packet")
            else:
                self.assertRefused(sealed)

    def test_window(self) -> None:
        """After a jump of the counter a datagram 1023 behind opens, one 1024 behind does not."""
        late = [self.one.seal(b"%d" % n) for n in range(3)]
        for _ in range(REPLAY_WINDOW - 3):
            self.one.seal(b"lost")
        newest = [self.one.seal(b"new") for _ in range(2)]
        self.two.open(newest[0])
        self.assertEqual(self.two.open(late[1]), b"1")
        self.assertRefused(late[1])
        self.assertRefused(late[0])
        self.two.open(newest[1])
        self.assertEqual(self.two.open(late[2]), b"2")

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=80), st.binary(max_size=60))
    def test_anyBytes(self, raw: bytes, rest: bytes) -> None:
        """Whatever comes, also behind a true header's beginning: refused by the one name."""
        self.setUp()
        for datagram in (raw, b"\xc4" + rest, b"\xc4" + self.two.incoming_id + rest):
            self.assertRefused(datagram)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.integers(0, 29), max_size=90),
        st.lists(st.binary(max_size=40), min_size=30, max_size=30),
    )
    def test_anyNetwork(self, arrivals: list[int], packets: list[bytes]) -> None:
        """Lost, repeated and reordered at will: each packet comes out whole, at most once."""
        self.setUp()
        datagrams = [self.one.seal(packet) for packet in packets]
        arrived: dict[int, None] = {}
        for number in arrivals:
            if number in arrived:
                self.assertRefused(datagrams[number])
            else:
                self.assertEqual(self.two.open(datagrams[number]), packets[number])
                arrived[number] = None
        self.assertEqual(self.two.opened, len(arrived))


class ReplayWindowTests(SynchronousTestCase):
    """The window alone."""

    def test_fresh(self) -> None:
        """A new window admits everything from 0 up, and remembers nothing."""
        window = ReplayWindow()
        self.assertEqual((window.size, window.highest), (1024, -1))
        for counter in (0, 1, 1023, 1024, 2**63):
            self.assertTrue(window.admits(counter))

    def test_hugeJumps(self) -> None:
        """A jump to the highest counter there is costs no memory."""
        window = ReplayWindow()
        for counter in (0, 2**62, 2**63 - 1):
            window.accept(counter)
            self.assertLessEqual(window._seen.bit_length(), window.size)
        self.assertFalse(window.admits(2**62))
        self.assertFalse(window.admits(2**63 - 1))
        self.assertTrue(window.admits(2**63 - 1024))

    def test_longMatch(self) -> None:
        """Nor do many small steps: the window never has more bits than its size."""
        window = ReplayWindow(64)
        for counter in range(1000):
            window.accept(counter)
            self.assertLessEqual(window._seen.bit_length(), 64)

    @settings(max_examples=200, deadline=None)
    @given(
        st.integers(1, 9),
        st.lists(st.integers(0, 40) | st.sampled_from([10**6, 10**6 + 1]), max_size=60),
    )
    def test_likeARememberedList(self, size: int, counters: list[int]) -> None:
        """The same answers as a list of everything that was accepted; asking changes nothing."""
        window = ReplayWindow(size)
        accepted: list[int] = []
        for counter in counters:
            highest = max(accepted, default=-1)
            expected = counter > highest - size and counter not in accepted
            self.assertEqual(window.admits(counter), expected)
            self.assertEqual(window.admits(counter), expected)
            self.assertEqual(window.highest, highest)
            if expected:
                window.accept(counter)
                accepted.append(counter)
