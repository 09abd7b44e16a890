"""
What nobody can do to a link: neither strangers who saw every datagram, nor a
malicious player at its other end.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gamenet.interfaces import Address
from gamenet.mesh.path import PathKind
from gamenet.wire.lobby_values import Candidate
from gamenet.wire.peer_packets import (
    Check,
    CheckAnswer,
    Inputs,
    PeerPacket,
    Ready,
    Reception,
    decodePeerPacket,
    encodePeerPacket,
)
from tests.link_pipe import LinkPipe, LinkTestCase, SentDatagram, kinds

DIRECT, RELAY = PathKind.DIRECT, PathKind.RELAY
RECEPTION = Reception(0, 0, 0)
STRANGER: Address = ("203.0.113.66", 666)


class AttackTestCase(LinkTestCase):
    """Player 1 is attacked; what leaves its sockets is what the attack achieved."""

    def setUp(self) -> None:
        self.start(LinkPipe())
        self.pipe.play(1.0)
        self.pipe.run(0.25)
        self.victim = self.one.link

    def receive(self, data: bytes, source: Address, kind: PathKind = DIRECT) -> list[SentDatagram]:
        """Give the victim a datagram; return what it sends within the same moment."""
        before = len(self.pipe.sent)
        socket = self.one.game if kind is DIRECT else self.one.relayed
        self.victim.datagramReceived(kind, socket, data, source)
        return self.pipe.sent[before:]

    def fromPeer(self, packet: PeerPacket | bytes) -> bytes:
        """Return a datagram that the other player really made."""
        plain = packet if isinstance(packet, bytes) else encodePeerPacket(packet)
        return self.two.sealed.seal(plain)

    def opened(self, datagram: SentDatagram) -> PeerPacket:
        """Return the packet in a datagram of the victim's."""
        return decodePeerPacket(self.two.sealed.open(datagram.data))

    def assertUnmoved(self, data: bytes, source: Address, kind: PathKind = DIRECT) -> None:
        """Check that a datagram is counted, and neither answered nor handed on."""
        rejected = self.victim.statistics.rejected
        received = self.victim.statistics.packets_received
        heard = self.victim.paths.last_heard
        packets = len(self.one.packets)
        self.assertEqual(self.receive(data, source, kind), [])
        self.assertEqual(self.victim.statistics.rejected, rejected + 1)
        self.assertEqual(self.victim.statistics.packets_received, received)
        self.assertEqual(self.victim.paths.last_heard, heard)
        self.assertEqual(len(self.one.packets), packets)


class StrangerTests(AttackTestCase):
    """Bad input: a peer packet from nobody in the match gets silence."""

    def test_replays(self) -> None:
        """Every datagram of the match so far, sent again from everywhere: nothing happens."""
        self.pipe.run(0.5)
        mine = (self.two.game.address, self.two.relayed.address)
        recorded = [d for d in self.pipe.sent if d.source in mine]
        self.assertGreater(len(recorded), 60)
        paths = self.victim.paths.through(DIRECT) + self.victim.paths.through(RELAY)
        for datagram in recorded:
            if datagram.destination in (self.one.game.address, self.one.relayed.address):
                for source in (datagram.source, STRANGER):
                    for kind in (DIRECT, RELAY):
                        self.receive(datagram.data, source, kind)
        before = len(self.pipe.sent)
        for datagram in recorded:
            for source in (datagram.source, STRANGER):
                self.assertUnmoved(datagram.data, source)
        self.assertEqual(len(self.pipe.sent), before)
        now = self.victim.paths.through(DIRECT) + self.victim.paths.through(RELAY)
        self.assertEqual(now, paths)

    def test_reflections(self) -> None:
        """Our own datagrams, sent back to us from the other player's address or a stranger's."""
        mine = (self.one.game.address, self.one.relayed.address)
        for datagram in [d for d in self.pipe.sent if d.source in mine]:
            for source in (datagram.destination, STRANGER):
                self.assertUnmoved(datagram.data, source)

    def test_bitFlips(self) -> None:
        """One bit of a true check wrong, any of them: silence; then the true one is answered."""
        datagram = self.fromPeer(Check(b"12345678"))
        for bit in range(len(datagram) * 8):
            flipped = bytearray(datagram)
            flipped[bit // 8] ^= 1 << bit % 8
            self.assertUnmoved(bytes(flipped), self.two.game.address)
        self.assertEqual(len(self.receive(datagram, self.two.game.address)), 1)

    def test_truncations(self) -> None:
        """Every beginning of a true check: silence."""
        datagram = self.fromPeer(Check(b"12345678"))
        for length in range(len(datagram)):
            self.assertUnmoved(datagram[:length], self.two.game.address)

    def test_flood(self) -> None:
        """Row H11: ten thousand forged checks from as many addresses: no word, no memory."""
        paths = self.victim.paths.through(DIRECT)
        header = b"\xc4" + self.victim.incoming_id
        for number in range(10_000):
            forged = header + (1000 + number).to_bytes(8, "big") + bytes(25)
            self.receive(forged, (f"203.0.{number >> 8}.{number & 255}", 1 + number))
        self.assertEqual(self.victim.statistics.rejected, 10_000)
        self.assertEqual(self.victim.paths.through(DIRECT), paths)
        self.assertEqual(self.victim.paths.refused, 0)
        self.assertEqual(kinds(self.one), [RELAY, DIRECT])

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=120), st.booleans(), st.sampled_from([DIRECT, RELAY]))
    def test_anyBytes(self, data: bytes, addressed: bool, kind: PathKind) -> None:
        """Any bytes, also behind a true id: counted, and silence."""
        if addressed:
            data = b"\xc4" + self.victim.incoming_id + data
        self.assertUnmoved(data, STRANGER, kind)


class MaliciousPeerTests(AttackTestCase):
    """The other player holds the keys, and still cannot do these."""

    def test_malformed(self) -> None:
        """Authentic nonsense is counted; it is neither answered nor handed on, and never raises."""
        for number, plain in enumerate((b"", b"\0", b"\x05", b"\xff" * 60, b"\x01" + bytes(9))):
            self.assertEqual(self.receive(self.fromPeer(plain), self.two.game.address), [])
            self.assertEqual(self.victim.statistics.malformed, number + 1)
        self.assertEqual(self.victim.statistics.rejected, 0)

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=40), st.sampled_from([DIRECT, RELAY]))
    def test_anyPlaintext(self, plain: bytes, kind: PathKind) -> None:
        """Whatever is sealed: at most an answer and a check come back."""
        self.assertLessEqual(len(self.receive(self.fromPeer(plain), STRANGER, kind)), 2)

    def test_checkFromElsewhere(self) -> None:
        """
        A check from an address nobody named is answered there, and checked back
        once; the game does not move before that is answered.
        """
        sent = self.receive(self.fromPeer(Check(b"12345678")), STRANGER)
        self.assertEqual([d.destination for d in sent], [STRANGER, STRANGER])
        self.assertEqual(self.opened(sent[0]), CheckAnswer(b"12345678"))
        check = self.opened(sent[1])
        assert isinstance(check, Check)
        before = self.victim.paths.chosen
        self.victim.send(Inputs(b"x"))
        self.assertEqual(self.pipe.sent[-1].destination, self.two.game.address)
        self.receive(self.fromPeer(CheckAnswer(check.nonce)), STRANGER)
        record = [p for p in self.victim.paths.through(DIRECT) if p.address == STRANGER]
        self.assertEqual(len(record), 1)
        proven = self.victim.paths.record(record[0])
        assert proven is not None
        self.assertTrue(proven.proven)
        self.assertEqual((before, kinds(self.one)[-1] is DIRECT), (before, True))

    def test_movedAddress(self) -> None:
        """A player whose router gave it another address is followed there by its checks alone."""
        self.pipe.filtering = False
        self.pipe.lobby_works = False
        self.two.game.moveTo(("198.51.100.77", 7777))
        self.pipe.play(5.0)
        chosen = self.victim.paths.chosen
        assert chosen is not None
        self.assertEqual(chosen.address, ("198.51.100.77", 7777))
        self.assertEqual(kinds(self.one), [RELAY, DIRECT, DIRECT])
        self.assertEqual([p.address for p in self.victim.paths.through(DIRECT)], [chosen.address])

    def test_forgedAnswers(self) -> None:
        """An answer with a nonce never asked, or over another path, proves nothing."""
        sent = self.receive(self.fromPeer(Check(b"12345678")), STRANGER)
        check = self.opened(sent[1])
        assert isinstance(check, Check)
        other = ("203.0.113.66", 667)
        for nonce, source, kind in (
            (b"87654321", STRANGER, DIRECT),
            (check.nonce, other, DIRECT),
            (check.nonce, STRANGER, RELAY),
            (b"87654321", other, RELAY),
        ):
            self.assertEqual(self.receive(self.fromPeer(CheckAnswer(nonce)), source, kind), [])
        for path in self.victim.paths.through(DIRECT) + self.victim.paths.through(RELAY):
            record = self.victim.paths.record(path)
            assert record is not None
            self.assertEqual(record.proven, path.address not in (STRANGER, other))

    def test_floodOfChecks(self) -> None:
        """
        Row H11: true checks from thousands of addresses fill a bounded table, get
        two datagrams each at most, and in the end one, and are soon forgotten.
        """
        sizes: list[int] = []
        for number in range(5000):
            sent = self.receive(
                self.fromPeer(Check(number.to_bytes(8, "big"), RECEPTION)),
                (f"203.0.{number >> 8}.{number & 255}", 1 + number),
            )
            sizes.append(len(sent))
            self.assertLessEqual(sum(len(d.data) for d in sent), 2 * 50)
        self.assertEqual(dict.fromkeys(sizes), {2: None, 1: None})
        self.assertEqual(sizes.count(2), 14)
        paths = self.victim.paths
        self.assertEqual(len(paths.through(DIRECT) + paths.through(RELAY)), 16)
        self.assertIs(self.one.chosen, DIRECT)
        before = len(self.pipe.sent)
        self.pipe.play(4.0)
        known = (*(player.game.address for player in self.pipe.players), self.one.relayed.address)
        known = (*known, self.two.relayed.address)
        self.assertEqual([d for d in self.pipe.sent[before:] if d.destination not in known], [])
        self.assertEqual(len(paths.through(DIRECT)), 1)
        self.assertEqual(kinds(self.one), [RELAY, DIRECT])

    def test_floodThroughTheRelay(self) -> None:
        """Row H11: checks by way of the relay from as many ports are forgotten as soon."""
        for port in range(1, 1001):
            self.receive(self.fromPeer(Check(bytes(8))), ("203.0.113.2", port), RELAY)
        paths = self.victim.paths
        self.assertEqual(len(paths.through(DIRECT) + paths.through(RELAY)), 16)
        before = len(self.pipe.sent)
        self.pipe.play(4.0)
        ports = dict.fromkeys(d.destination[1] for d in self.pipe.sent[before:])
        self.assertEqual([port for port in ports if port <= 1000], [])
        self.assertEqual([p.address for p in paths.through(RELAY)], [self.two.relayed.address])

    def test_floodOfSteps(self) -> None:
        """Rows H6, H11: steps, new or repeated, do not make the answerer probe more often."""
        self.pipe.works[DIRECT] = False
        self.pipe.play(5.0)
        before = self.pipe.clock.seconds()
        for number in range(1000):
            self.two.link.stepReceived(number.to_bytes(16, "big"), 1)
            self.two.link.stepReceived(number.to_bytes(16, "big"), 1)
            self.pipe.run(1 / 256)
        probes = [
            d for d in self.pipe.sent if d.source == self.two.game.address and d.time >= before
        ]
        self.assertLessEqual(len(probes), 1 + 5 * 4)

    def test_refusedSteps(self) -> None:
        """Bad input: steps of unknown kinds, or to the opener, change nothing and do not raise."""
        before = len(self.pipe.sent)
        self.one.link.stepReceived(bytes(16), 1)
        self.two.link.stepReceived(bytes(16), 77)
        self.assertEqual(len(self.pipe.sent), before)
        self.assertEqual((self.one.link.attempts, self.two.link.attempts), (1, 1))

    def test_silentCandidates(self) -> None:
        """Candidates that name others' addresses cost those few probes, and no game packet."""
        self.pipe.works[DIRECT] = False
        self.pipe.play(5.0)
        victims = [Candidate("host", (f"192.0.2.{n}", 53)) for n in range(1, 16)]
        before = len(self.pipe.sent)
        self.victim.searchDirect(self.one.game, self.one.candidates, victims)
        self.pipe.play(60.0)
        aimed = [d for d in self.pipe.sent[before:] if d.destination[0].startswith("192.0.2.")]
        self.assertEqual(len(dict.fromkeys(d.destination for d in aimed)), 8)
        self.assertTrue(all(len(d.data) == 50 for d in aimed))
        self.assertLess(len(aimed) / 60 / 8, 2.5)

    def test_ready(self) -> None:
        """Packets of the game reach it whatever path they come by, one at a time."""
        for source, kind in ((STRANGER, DIRECT), (STRANGER, RELAY)):
            packets = len(self.one.packets)
            self.assertEqual(self.receive(self.fromPeer(Ready(bytes(16), True)), source, kind), [])
            self.assertEqual(len(self.one.packets), packets + 1)
