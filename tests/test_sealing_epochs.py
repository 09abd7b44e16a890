"""
Renewing the keys of a link: nobody is ever more than an epoch ahead, nothing that is under
way is lost, and no key and counter come twice.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.sealing import sealed_link
from gamenet.sealing.link_keys import LinkEnd, deriveDirection, nextEpoch
from gamenet.sealing.sealed_link import COUNTER_LIMIT, REPLAY_WINDOW, SealedLink
from tests.sealing_scene import MATCH, keysOf, recordKeys, stateOf, ticketLinks, works


class EpochCase(SynchronousTestCase):
    """Both ends of one link; player 1 is the one that begins epochs."""

    def setUp(self) -> None:
        self.one, self.two = ticketLinks()

    def answered(self) -> None:
        """Let both hear each other once."""
        self.assertTrue(works(self.one, self.two))

    def renewed(self) -> None:
        """Go through a whole renewal."""
        self.answered()
        self.assertTrue(self.one.renewKeys())
        self.answered()

    def assertRefused(self, link: SealedLink, datagram: bytes) -> None:
        """Check that a datagram is refused by name, counted, and changes nothing."""
        before, rejected = stateOf(link), link.rejected
        self.assertRaises(RemoteProtocolError, link.open, datagram)
        self.assertEqual(stateOf(link), before)
        self.assertEqual(link.rejected, rejected + 1)


class RuleTests(EpochCase):
    """Sealed links are rekeyed."""

    def test_whoBegins(self) -> None:
        """The lower number begins, when it was answered; the other follows with the first."""
        self.assertFalse(self.one.renewKeys())
        self.answered()
        self.assertFalse(self.two.renewKeys())
        self.assertTrue(self.one.renewKeys())
        self.assertEqual((self.one.epoch, self.two.epoch), (1, 0))
        self.assertEqual(self.two.open(self.one.seal(b"new")), b"new")
        self.assertEqual((self.one.epoch, self.two.epoch), (1, 1))
        self.assertFalse(self.two.renewKeys())

    def test_notTwiceUnanswered(self) -> None:
        """The next epoch but one waits for an answer in the next."""
        self.answered()
        old = self.two.seal(b"of epoch 0")
        self.assertTrue(self.one.renewKeys())
        self.assertFalse(self.one.renewKeys())
        self.one.open(old)
        self.assertFalse(self.one.renewKeys())
        self.two.open(self.one.seal(b"of epoch 1"))
        self.one.open(self.two.seal(b"of epoch 1"))
        self.assertTrue(self.one.renewKeys())
        self.assertEqual(self.one.epoch, 2)

    def test_firstBytes(self) -> None:
        """The first byte tells even epochs from odd; id and counters run on."""
        firsts, counters = [], []
        for _ in range(4):
            datagram = self.one.seal(b"x")
            firsts.append(datagram[0])
            counters.append(int.from_bytes(datagram[9:17], "big"))
            self.assertEqual(datagram[1:9], self.one.outgoing_id)
            self.two.open(datagram)
            self.one.open(self.two.seal(b"y"))
            self.one.renewKeys()
        self.assertEqual(firsts, [0xC4, 0xC6, 0xC4, 0xC6])
        self.assertEqual(counters, [0, 1, 2, 3])

    def test_lateDatagrams(self) -> None:
        """What was under way in the former epoch still opens, once, in both directions."""
        self.answered()
        late = [self.one.seal(b"%d" % n) for n in range(5)]
        back = [self.two.seal(b"%d" % n) for n in range(5)]
        self.one.renewKeys()
        self.answered()
        for n in (3, 0, 4, 1, 2):
            self.assertEqual(self.two.open(late[n]), b"%d" % n)
            self.assertEqual(self.one.open(back[n]), b"%d" % n)
            self.assertRefused(self.two, late[n])
        self.answered()
        self.assertEqual((self.one.epoch, self.two.epoch), (1, 1))

    def test_twoEpochsLate(self) -> None:
        """A datagram of the epoch before the former one is refused: its key is forgotten."""
        self.answered()
        late = self.one.seal(b"late")
        self.renewed()
        self.renewed()
        self.assertRefused(self.two, late)

    def test_formerKeysAreForgotten(self) -> None:
        """The former keys go when the replay window reaches back to none of their counters."""
        self.answered()
        late = [self.one.seal(b"late") for _ in range(3)]
        self.one.renewKeys()
        first = self.one.seal(b"first of epoch 1")
        self.two.open(first)
        for _ in range(REPLAY_WINDOW - 2):
            last = self.one.seal(b"x")
        self.two.open(last)
        self.assertEqual(self.two.open(late[2]), b"late")
        self.assertRefused(self.two, late[0])
        self.assertIsNotNone(self.two._decrypt_former)
        self.two.open(self.one.seal(b"x"))
        self.assertIsNone(self.two._decrypt_former)
        self.assertEqual(self.two._forget_at, COUNTER_LIMIT)
        self.assertRefused(self.two, late[1])

    def test_forgottenWhenTold(self) -> None:
        """Told to, a link forgets them at once; it goes on."""
        self.answered()
        late = self.one.seal(b"late")
        self.one.renewKeys()
        self.answered()
        self.two.forgetFormerKeys()
        self.assertRefused(self.two, late)
        self.renewed()
        self.assertEqual(self.two.epoch, 2)

    def test_keysAreGone(self) -> None:
        """A link holds the keys of this epoch, the next and the former one, and no others."""
        record = recordKeys(self)
        self.setUp()
        for _ in range(4):
            self.renewed()
        self.assertEqual(len(record.keys), 10)
        for link in (self.one, self.two):
            ciphers = (link._encrypt, link._decrypt, link._decrypt_next, link._decrypt_former)
            held = [cipher.__self__.key for cipher in ciphers]  # type: ignore[union-attr]
            known = [key for key in record.keys if key in held]
            self.assertTrue(all(key in list(record.keys)[6:] for key in known))
            self.assertEqual((len(known), len(dict.fromkeys(held))), (3, 4))

    def test_unasked(self) -> None:
        """After so many packets the keys are renewed by sealing itself; a setting."""
        self.assertEqual(sealed_link.RENEWAL_PACKETS, 1 << 20)
        self.one, self.two = ticketLinks(renewal_packets=10)
        epochs = []
        for _ in range(35):
            self.answered()
            epochs.append(self.one.epoch)
        self.assertEqual(epochs, [0] * 10 + [1] * 10 + [2] * 10 + [3] * 5)

    def test_unaskedUnanswered(self) -> None:
        """Nobody answers: sealing goes on under the same key, and renews it with the answer."""
        self.one, self.two = ticketLinks(renewal_packets=10)
        for _ in range(50):
            self.two.open(self.one.seal(b"x"))
        self.assertEqual(self.one.epoch, 0)
        self.one.open(self.two.seal(b"y"))
        self.two.open(self.one.seal(b"x"))
        self.assertEqual((self.one.epoch, self.two.epoch), (1, 1))

    def test_counterUsedUp(self) -> None:
        """The counters end at 2**63 also after a renewal."""
        self.answered()
        self.one._counter = COUNTER_LIMIT - 2
        self.assertTrue(self.one.renewKeys())
        self.assertEqual(self.one._look_up_at, COUNTER_LIMIT)


class EpochAttackTests(EpochCase):
    """Bad input: epochs that nobody began."""

    def test_forgedEpoch(self) -> None:
        """The other first byte on a true datagram: refused, nobody moves."""
        self.answered()
        for sender, receiver in ((self.one, self.two), (self.two, self.one)):
            datagram = sender.seal(b"x")
            forged = bytes([datagram[0] ^ 2]) + datagram[1:]
            self.assertRefused(receiver, forged)
            receiver.open(datagram)
        self.renewed()
        for sender, receiver in ((self.one, self.two), (self.two, self.one)):
            datagram = sender.seal(b"x")
            forged = bytes([datagram[0] ^ 2]) + datagram[1:]
            self.assertRefused(receiver, forged)
            receiver.open(datagram)

    def test_followerThatBegins(self) -> None:
        """Player 2 seals in an epoch that player 1 has not begun: refused by name."""
        self.answered()
        self.two._sealInNextEpoch()
        early = self.two.seal(b"x")
        self.assertRefused(self.one, early)
        self.assertTrue(self.one.renewKeys())
        self.assertEqual(self.one.open(early), b"x")

    def test_oneTrialEach(self) -> None:
        """A datagram costs one decryption at most, whatever its first byte and counter."""
        self.renewed()
        counted: list[bytes] = []

        class Counting:
            def __init__(self, key: bytes) -> None:
                self.cipher = ChaCha20Poly1305(key)
                self.encrypt = self.cipher.encrypt

            def decrypt(self, nonce: bytes, data: bytes, header: bytes) -> bytes:
                counted.append(nonce)
                return self.cipher.decrypt(nonce, data, header)

        self.patch(sealed_link, "ChaCha20Poly1305", Counting)
        self.setUp()
        self.renewed()
        for link in (self.one, self.two):
            for first_byte in range(256):
                for counter in (0, 1, 2, 5000, COUNTER_LIMIT - 1, COUNTER_LIMIT, (1 << 64) - 1):
                    counted.clear()
                    header = bytes([first_byte]) + link.incoming_id + counter.to_bytes(8, "big")
                    self.assertRefused(link, header + bytes(20))
                    self.assertLessEqual(len(counted), 1)
                    self.assertTrue(first_byte in (0xC4, 0xC6) or not counted)
        self.answered()


class InterleavingTests(SynchronousTestCase):
    """Done when: no (key, counter) pair is ever used twice."""

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99)), max_size=150),
        st.integers(1, 12),
    )
    def test_anyNetwork(self, events: list[tuple[int, int]], renewal: int) -> None:
        """Sealing, loss, repetition, reordering, renewing at will: each opens once, and whole."""
        record = recordKeys(self)
        links = ticketLinks(renewal_packets=renewal)
        under_way: list[tuple[int, bytes, bytes]] = []
        told: list[bytes] = []
        for number, (kind, chosen) in enumerate(events):
            side = chosen & 1
            if kind < 4:
                packet = b"%d from %d" % (number, side)
                under_way.append((1 - side, links[side].seal(packet), packet))
            elif kind == 4:
                links[side].renewKeys()
            elif under_way and kind == 5:
                under_way.pop(chosen % len(under_way))
            elif under_way:
                receiver, datagram, packet = under_way[chosen % len(under_way)]
                if packet in told:
                    self.assertRaises(RemoteProtocolError, links[receiver].open, datagram)
                    continue
                try:
                    self.assertEqual(links[receiver].open(datagram), packet)
                except RemoteProtocolError:
                    # Only what is older than the former epoch is lost on its way.
                    self.assertGreater(links[receiver]._incoming_epoch, 1)
                    continue
                told.append(packet)
            self.assertLessEqual(abs(links[0].epoch - links[1].epoch), 1)
        self.assertEqual(len(record.used), links[0].sealed + links[1].sealed)
        self.assertTrue(works(*links))
        self.assertEqual(links[0].epoch, links[1].epoch)

    def test_longLoss(self) -> None:
        """Whatever is lost, and how much of it: one datagram each way and both are together."""
        one, two = ticketLinks(renewal_packets=3)
        for lost in range(1, 40):
            self.assertTrue(works(one, two))
            for _ in range(lost):
                one.seal(b"lost")
                one.renewKeys()
                two.seal(b"lost")
            self.assertTrue(works(one, two), lost)


class KeyTests(SynchronousTestCase):
    """ARCHITECTURE's derivation: everything that tells two links apart is in the keys."""

    def test_everythingCounts(self) -> None:
        """Version aside, any other input gives other keys and another id."""
        secret = bytes(range(32))
        one, two = LinkEnd(1, b"\x01" * 32, 3), LinkEnd(2, b"\x02" * 32, 4)
        variants = [
            deriveDirection(secret, MATCH, one, two),
            deriveDirection(secret, MATCH, two, one),
            deriveDirection(bytes(32), MATCH, one, two),
            deriveDirection(secret, bytes(16), one, two),
            deriveDirection(secret, MATCH, LinkEnd(1, b"\x01" * 32, 4), two),
            deriveDirection(secret, MATCH, LinkEnd(1, b"\x03" * 32, 3), two),
            deriveDirection(secret, MATCH, LinkEnd(3, b"\x01" * 32, 3), two),
            deriveDirection(secret, MATCH, one, LinkEnd(2, b"\x02" * 32, 3)),
            deriveDirection(secret, MATCH, one, LinkEnd(2, b"\x03" * 32, 4)),
            deriveDirection(secret, MATCH, one, LinkEnd(4, b"\x02" * 32, 4)),
        ]
        parts = [part for v in variants for part in (v.link_id, v.key, v.chain_key)]
        self.assertEqual(len(dict.fromkeys(parts)), 30)
        self.assertNotIn("key=b", repr(variants[0]))

    def test_bounds(self) -> None:
        """A number or a generation that does not fit is our own mistake."""
        good = LinkEnd(1, bytes(32), 0)
        for player, generation in ((0, 0), (256, 0), (2, -1), (2, 1 << 16), (1, 0)):
            bad = LinkEnd(player, bytes(32), generation)
            self.assertRaises(LocalProtocolError, deriveDirection, bytes(32), MATCH, good, bad)
        for player, generation in ((255, 0), (2, (1 << 16) - 1)):
            deriveDirection(bytes(32), MATCH, good, LinkEnd(player, bytes(32), generation))

    def test_chain(self) -> None:
        """Each epoch has its key, and none is that of another."""
        chain, keys = bytes(32), []
        for _ in range(50):
            key, chain = nextEpoch(chain)
            keys += [key, chain]
        self.assertEqual(len(dict.fromkeys(keys)), 100)

    def test_generations(self) -> None:
        """Links of the same keys and other generations do not open each other's datagrams."""
        keys = keysOf(1), keysOf(2)
        links = [
            SealedLink.between(keys[0], 1, keys[1].link_key, 2, MATCH, *generations)
            for generations in ((0, 0), (0, 1), (1, 0), (1, 1))
        ]
        others = [
            SealedLink.between(keys[1], 2, keys[0].link_key, 1, MATCH, theirs, ours)
            for ours, theirs in ((0, 0), (0, 1), (1, 0), (1, 1))
        ]
        for place, one in enumerate(links):
            for there, two in enumerate(others):
                self.assertEqual(works(one, two), place == there)
