"""
Coming back: a process that has lost everything but its statement key comes to a new link.
"""

from __future__ import annotations

import attrs

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.sealing.handshakes import REMOVED_LIMIT
from gamenet.sealing.known_peer import HandshakeFault
from gamenet.sealing.settings import SealingSettings
from gamenet.wire.handshake_packets import (
    GENERATION_LAST,
    Challenge,
    Hello,
    Proof,
    Welcome,
    decodeHandshakePacket,
    encodeHandshakePacket,
)
from tests.sealing_scene import MATCH, HandshakeCase, Process, keysOf, recordKeys, works


class ReturnTests(HandshakeCase):
    """Done when: a restarted process returns under a new key generation, the lobby dead."""

    def test_fourPackets(self) -> None:
        """Hello, challenge, proof, welcome: what is in each, and one link at the end."""
        back = self.returned()
        hello = back.hello(2)
        challenge = self.two.take(hello, back.address).packet
        proof = back.take(challenge, self.two.address).packet
        reply = self.two.take(proof, back.address)
        last = back.take(reply.packet, self.two.address)
        self.assertEqual((reply.player, last.player, last.packet), (1, 2, b""))
        said = [decodeHandshakePacket(data) for data in (hello, challenge, proof, reply.packet)]
        self.assertEqual([type(each) for each in said], [Hello, Challenge, Proof, Welcome])
        self.assertEqual(
            [len(d) for d in (hello, challenge, proof, reply.packet)], [187, 187, 187, 137]
        )
        self.assertIsInstance(said[3], Welcome)
        welcome = said[3]
        assert isinstance(welcome, Welcome)
        self.assertEqual((welcome.generation, welcome.initiator_generation), (0, 1))
        self.assertIs(back.links[2], last.link)
        self.assertLinked(back, self.two)
        for process in (back, self.two):
            self.assertEqual(process.handshakes.links_made, 1)

    def test_oldLinkIsClosed(self) -> None:
        """What the lost process had sealed is not opened by the new link, nor the other way."""
        late = self.one.links[2].seal(b"late")
        back = self.returned()
        self.comeBack(back, self.two)
        self.assertFalse(works(self.one.links[2], self.two.links[1]))
        self.assertRaises(RemoteProtocolError, self.two.links[1].open, late)
        self.assertLinked(back, self.two)

    def test_generationsGrow(self) -> None:
        """Each return is a generation more, also where the returned knows of none before."""
        for process in range(1, 6):
            back = self.returned(process=process, own_generation=1)
            self.comeBack(back, self.two)
            self.assertLinked(back, self.two)
            self.assertEqual(self.two.handshakes.peers[1].generation, process)
            self.assertEqual(back.handshakes.peers[2].own_generation, process)

    def test_lossOfEachPacket(self) -> None:
        """Whichever packets are lost: the next hello makes up for it, with the same link."""
        back = self.returned()
        self.two.take(back.hello(2, 0.0), back.address, 0.0)
        self.two.take(self.proof(back, self.two, 0.2), back.address, 0.2)
        link = self.two.links[1]
        proof = self.proof(back, self.two, 0.7)
        reply = self.two.take(proof, back.address, 0.7)
        self.assertIsNone(reply.link)
        back.take(reply.packet, self.two.address, 0.7)
        self.assertIs(self.two.links[1], link)
        self.assertEqual(self.two.handshakes.peers[1].generation, 1)
        self.assertLinked(back, self.two)

    def test_sameProofAgain(self) -> None:
        """The same proof gets the same welcome, and the link is not made anew."""
        record = recordKeys(self)
        back = self.returned()
        proof = self.proof(back, self.two)
        first = self.two.take(proof, back.address)
        link = self.two.links[1]
        link.seal(b"a packet")
        checked = self.two.handshakes.signatures_checked
        for now in (0.0, 1.0, 100.0):
            again = self.two.take(proof, back.address, now)
            self.assertEqual((again.packet, again.link), (first.packet, None))
            self.assertIs(self.two.links[1], link)
            link.seal(b"a packet")
        self.assertEqual(self.two.handshakes.signatures_checked, checked)
        self.assertRefused(self.two, proof, ("203.0.113.9", 9), HandshakeFault.BAD_COOKIE)
        self.assertEqual(len(record.used), 4)

    def test_bothReturnAtOnce(self) -> None:
        """Simultaneous returns of both: whichever handshake is first, one link, made once."""
        for own in ((1, 1), (1, 5), (7, 2)):
            one = self.returned(1, 1, own_generation=own[0])
            two = self.returned(2, 1, own_generation=own[1])
            one_asks = self.proof(one, two), one.address
            two_asks = self.proof(two, one), two.address
            welcomes = two.take(*one_asks).packet, one.take(*two_asks).packet
            self.assertLinked(one, two)
            for process, packet, other in ((one, welcomes[0], two), (two, welcomes[1], one)):
                self.assertRefused(process, packet, other.address, HandshakeFault.UNASKED)
                self.assertEqual(process.handshakes.links_made, 1)
                self.assertEqual(process.handshakes.packetsDue(99.0), ())
                self.assertIsNone(process.handshakes.nextDue())
            self.assertLinked(one, two)

    def test_doubleCrash(self) -> None:
        """Both are lost, and one knows of an earlier return, in which key it knows not."""
        back = self.returned()
        self.comeBack(back, self.two)
        known = self.two.handshakes.peers[1]
        two = Process(2, 1)
        keys = keysOf(1)
        two.handshakes.addPeer(
            1, keys.statement_key, known.link_key, known.generation, own_generation=1
        )
        two.handshakes.begin(1, two.nonce, 0.0)
        one = self.returned(1, 2, own_generation=1)
        welcome = one.take(self.proof(two, one), two.address).packet
        self.assertEqual(one.handshakes.peers[2].own_generation, 2)
        self.assertIsNotNone(two.take(welcome, one.address).link)
        self.assertLinked(one, two)

    def test_threePlayers(self) -> None:
        """Who returns comes to each of the others; they keep their own link."""
        two, three = Process(2, 0, (1, 3)), Process(3, 0, (1, 2))
        two.links[3], three.links[2] = two.handshakes.connect(3), three.handshakes.connect(2)
        back = Process(1, 1, (2, 3), own_generation=1)
        for other in (2, 3):
            back.handshakes.begin(other, back.nonce, 0.0)
        due = back.handshakes.packetsDue(0.0)
        self.assertEqual([player for player, _ in due], [2, 3])
        for asked, (_, hello) in zip((two, three), due, strict=True):
            challenge = asked.take(hello, back.address).packet
            proof = back.take(challenge, asked.address).packet
            back.take(asked.take(proof, back.address).packet, asked.address)
            self.assertLinked(back, asked)
        self.assertLinked(two, three)

    def test_beginAgain(self) -> None:
        """A process with a link may ask for another: a generation more, the old one meanwhile."""
        record = recordKeys(self)
        self.setUp()
        self.assertLinked(self.one, self.two)
        self.one.handshakes.begin(2, self.one.nonce, 0.0)
        self.assertLinked(self.one, self.two)
        self.comeBack(self.one, self.two)
        self.assertLinked(self.one, self.two)
        self.assertEqual(self.two.handshakes.peers[1].generation, 1)
        self.assertEqual(len(record.keys), 4)


class HelloTests(HandshakeCase):
    """When hellos are due."""

    def due(self, settings: SealingSettings | None, until: float) -> list[float]:
        """Return when hellos go out, in seconds since the beginning."""
        back = Process(1, 1, (2,), settings)
        back.handshakes.begin(2, back.nonce, 5.0)
        times = []
        while (when := back.handshakes.nextDue()) is not None and when <= 5.0 + until:
            self.assertEqual(back.handshakes.packetsDue(when - 0.001), ())
            self.assertEqual(len(back.handshakes.packetsDue(when)), 1)
            times.append(round(when - 5.0, 6))
        return times

    def test_times(self) -> None:
        """At once, after 0.2 s, and twice as long each time, up to 2 s."""
        self.assertEqual(self.due(None, 9.1), [0, 0.2, 0.6, 1.4, 3.0, 5.0, 7.0, 9.0])

    def test_settings(self) -> None:
        """Both limits are settings."""
        settings = SealingSettings(first_retry=0.5, longest_retry=0.75)
        self.assertEqual(self.due(settings, 3.0), [0, 0.5, 1.25, 2.0, 2.75])

    def test_stop(self) -> None:
        """A handshake that was given up sends nothing, and takes no answer."""
        back = self.returned()
        challenge = self.two.take(back.hello(2), back.address).packet
        back.handshakes.stop(2)
        self.assertIsNone(back.handshakes.nextDue())
        self.assertEqual(back.handshakes.packetsDue(9.0), ())
        self.assertRefused(back, challenge, self.two.address, HandshakeFault.UNASKED)

    def test_earliestOfTwo(self) -> None:
        """Of several handshakes the earliest counts."""
        back = Process(1, 1, (2, 3))
        self.assertIsNone(back.handshakes.nextDue())
        back.handshakes.begin(3, back.nonce, 4.0)
        back.handshakes.begin(2, back.nonce, 3.0)
        self.assertEqual(back.handshakes.nextDue(), 3.0)
        self.assertEqual([player for player, _ in back.handshakes.packetsDue(3.5)], [2])
        self.assertEqual(back.handshakes.nextDue(), 3.7)


class PeerTests(HandshakeCase):
    """Who is known, and our own mistakes."""

    def test_unknown(self) -> None:
        """Nothing can be asked about a player that was not added."""
        for act in (
            lambda: self.one.handshakes.connect(3),
            lambda: self.one.handshakes.begin(3, bytes(16), 0.0),
        ):
            self.assertRaises(LocalProtocolError, act)
        self.one.handshakes.removePeer(3)
        self.one.handshakes.stop(3)

    def test_badPeers(self) -> None:
        """Ourselves, somebody twice, and numbers out of bounds are refused."""
        for player, generation, own in (
            (1, 0, 0),
            (2, 0, 0),
            (0, 0, 0),
            (256, 0, 0),
            (3, -1, 0),
            (3, GENERATION_LAST + 1, 0),
            (3, 0, -1),
            (3, 0, GENERATION_LAST + 1),
        ):
            self.assertRaises(
                LocalProtocolError,
                self.one.handshakes.addPeer,
                player,
                bytes(32),
                bytes(32),
                generation,
                own,
            )
        self.one.handshakes.addPeer(255, bytes(32), bytes(32), GENERATION_LAST, GENERATION_LAST)
        self.assertEqual(list(self.one.handshakes.peers), [2, 255])

    def test_nonce(self) -> None:
        """A nonce has 16 bytes."""
        for size in (0, 15, 17):
            self.assertRaises(LocalProtocolError, self.one.handshakes.begin, 2, bytes(size), 0.0)
        self.assertIs(self.one.handshakes.peers[2].link, self.one.links[2])

    def test_neverTwice(self) -> None:
        """The link of the ticket is made once, also for a player that was away meanwhile."""
        self.assertRaises(LocalProtocolError, self.one.handshakes.connect, 2)
        keys = keysOf(2)
        self.one.handshakes.removePeer(2)
        self.assertEqual(self.one.handshakes.peers, {})
        self.one.handshakes.addPeer(2, keys.statement_key, keys.link_key)
        self.assertRaises(LocalProtocolError, self.one.handshakes.connect, 2)
        newer = keysOf(2, 1).link_key
        self.one.handshakes.removePeer(2)
        self.one.handshakes.addPeer(2, keys.statement_key, newer)
        self.one.handshakes.connect(2)

    def test_removed(self) -> None:
        """A player that was removed is not answered; when it is back, as it was."""
        back = self.returned()
        self.comeBack(back, self.two)
        hello = self.returned(process=2).hello(2)
        self.two.handshakes.removePeer(1)
        self.assertRefused(self.two, hello, back.address, HandshakeFault.OTHER_PLAYER)
        keys = keysOf(1)
        peer = self.two.handshakes.addPeer(1, keys.statement_key, keys.link_key)
        self.assertEqual((peer.generation, peer.link_key), (1, back.keys.link_key))
        self.assertIsNone(peer.link)
        self.assertEqual(peer.own_generation, 0)
        self.two.handshakes.removePeer(1)
        for own, expected in ((5, 5), (3, 5)):
            peer = self.two.handshakes.addPeer(
                1, keys.statement_key, keys.link_key, own_generation=own
            )
            self.assertEqual(peer.own_generation, expected)
            self.two.handshakes.removePeer(1)
        self.two.handshakes.addPeer(1, keys.statement_key, keys.link_key)
        again = self.returned(process=3)
        self.comeBack(again, self.two)
        self.assertLinked(again, self.two)

    def test_removedAndProvenAgain(self) -> None:
        """No proof of before makes the link of a player that was removed once more."""
        back = self.returned()
        proof = self.proof(back, self.two)
        self.two.take(proof, back.address)
        keys = keysOf(1)
        self.two.handshakes.removePeer(1)
        self.two.handshakes.addPeer(1, keys.statement_key, keys.link_key)
        self.assertRefused(self.two, proof, back.address, HandshakeFault.BAD_COOKIE)
        fresh = self.proof(back, self.two, 0.2)
        self.assertRefused(self.two, fresh, back.address, HandshakeFault.OLD_GENERATION)

    def test_otherStatementKey(self) -> None:
        """Somebody else under a number that was used is somebody else."""
        self.two.handshakes.removePeer(1)
        stranger = keysOf(9)
        peer = self.two.handshakes.addPeer(1, stranger.statement_key, stranger.link_key)
        self.assertEqual((peer.link_key, peer.was_linked), (stranger.link_key, False))
        self.two.handshakes.connect(1)
        self.two.handshakes.removePeer(1)
        keys = keysOf(1)
        self.two.handshakes.addPeer(1, keys.statement_key, keys.link_key)
        self.assertRaises(LocalProtocolError, self.two.handshakes.connect, 1)

    def test_comeAndGone(self) -> None:
        """How many have come and gone is limited, so that all of them can be remembered."""
        handshakes = Process(9).handshakes
        for number in range(REMOVED_LIMIT):
            handshakes.addPeer(1, number.to_bytes(32, "big"), bytes(32))
            handshakes.removePeer(1)
        self.assertRaises(LocalProtocolError, handshakes.addPeer, 1, b"x" * 32, bytes(32))

    def test_lastGeneration(self) -> None:
        """After the last generation there is none: by name, on both sides."""
        two = self.two.handshakes
        two.peers[1].generation = GENERATION_LAST
        back = self.returned()
        challenge = self.two.take(back.hello(2), back.address).packet
        self.assertRefused(back, challenge, self.two.address, HandshakeFault.USED_UP)
        two.peers[1].own_generation = GENERATION_LAST
        self.assertRaises(LocalProtocolError, two.begin, 1, bytes(16), 0.0)
        hello = decodeHandshakePacket(self.returned(process=2).hello(2))
        assert isinstance(hello, Hello)
        newest = attrs.evolve(hello.claim, known_generation=GENERATION_LAST, known_key=bytes(32))
        data = encodeHandshakePacket(attrs.evolve(hello, claim=newest))
        self.assertRefused(self.two, data, back.address, HandshakeFault.USED_UP)

    def test_secondToLastGeneration(self) -> None:
        """The last generation itself is good."""
        self.two.handshakes.peers[1].generation = GENERATION_LAST - 1
        self.two.handshakes.peers[1].own_generation = GENERATION_LAST - 1
        back = Process(1, 1, own_generation=1)
        keys = keysOf(2)
        back.handshakes.addPeer(2, keys.statement_key, bytes(32), GENERATION_LAST - 1, 1)
        back.handshakes.begin(2, back.nonce, 0.0)
        self.comeBack(back, self.two)
        self.assertLinked(back, self.two)
        self.assertEqual(self.two.handshakes.peers[1].generation, GENERATION_LAST)
        self.assertEqual(self.two.handshakes.peers[1].own_generation, GENERATION_LAST)
        self.assertEqual(MATCH, back.handshakes._ourselves.match_id)
