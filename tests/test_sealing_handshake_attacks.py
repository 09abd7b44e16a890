"""
Handshakes from whoever is not who it says to be: dropped by name, for next to nothing.
"""

from __future__ import annotations

import tracemalloc

import attrs

from gamenet.interfaces import Address
from gamenet.sealing.known_peer import HandshakeFault
from gamenet.sealing.settings import SealingSettings
from gamenet.sealing.transcript import proofStatement, welcomeStatement
from gamenet.wire.handshake_packets import (
    Hello,
    Proof,
    Welcome,
    decodeHandshakePacket,
    encodeHandshakePacket,
)
from tests.sealing_scene import CallCounts, HandshakeCase, Process, keysOf
from tests.test_sealing_player_keys import LOW_ORDER_KEYS

STRANGER: Address = ("203.0.113.66", 6666)


def changed(data: bytes, **changes: object) -> bytes:
    """Return a packet with other values in some fields; those of a claim have their own names."""
    packet = decodeHandshakePacket(data)
    if isinstance(packet, Hello | Proof):
        of_claim = {
            name: changes.pop(name)
            for name in ("link_key", "nonce", "known_key", "claimed_generation")
            if name in changes
        }
        if "claimed_generation" in of_claim:
            of_claim["known_generation"] = of_claim.pop("claimed_generation")
        claim = attrs.evolve(packet.claim, **of_claim)  # type: ignore[arg-type]
        changes["claim"] = claim
    return encodeHandshakePacket(attrs.evolve(packet, **changes))  # type: ignore[arg-type]


def signed(data: bytes, signer: Process, **changes: object) -> bytes:
    """Return a proof with other values, signed anew by whoever is named."""
    proof = decodeHandshakePacket(changed(data, **changes))
    assert isinstance(proof, Proof)
    return encodeHandshakePacket(
        attrs.evolve(proof, signature=signer.keys.sign(proofStatement(proof)))
    )


class FloodTests(HandshakeCase):
    """Bad input: 10 000 handshakes a second with forged addresses."""

    def addresses(self) -> list[Address]:
        """Return ten thousand addresses."""
        return [(f"10.{n >> 8}.{n & 255}.7", 1024 + n) for n in range(10_000)]

    def test_hellos(self) -> None:
        """10 000 hellos: no X25519, no signature, no memory; every answer is no longer."""
        hello = self.returned().hello(2)
        counts = CallCounts(self)
        before = self.knowledge(self.two)
        addresses = self.addresses()
        for place, address in enumerate(addresses[:100]):
            self.two.take(hello, address, place / 10_000)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        begun, _ = tracemalloc.get_traced_memory()
        for place, address in enumerate(addresses):
            self.two.take(hello, address, place / 10_000)
        ended, _ = tracemalloc.get_traced_memory()
        self.assertLess(ended - begun, 4096)
        self.assertEqual((counts.exchanges, counts.checks), (0, 0))
        self.assertEqual(self.two.handshakes.hellos_answered, 10_100)
        self.assertEqual(self.knowledge(self.two), before)

    def test_forgedProofs(self) -> None:
        """10 000 proofs from addresses that were not asked: not one is looked at."""
        proof = self.proof(self.returned(), self.two)
        counts = CallCounts(self)
        for address in self.addresses():
            self.assertRefused(self.two, proof, address, HandshakeFault.BAD_COOKIE)
        self.assertEqual((counts.exchanges, counts.checks), (0, 0))

    def test_trueAddress(self) -> None:
        """Behind a true address 10 000 proofs in a second are 29 signature checks, no X25519."""
        proof = self.proof(self.returned(), self.two)
        wrong = changed(proof, signature=bytes(64))
        counts = CallCounts(self)
        source = ("198.51.100.1", 5001)
        for place in range(10_000):
            self.assertRefused(self.two, wrong, source, now=place / 10_000)
        self.assertEqual((counts.exchanges, counts.checks), (0, 29))
        self.assertEqual(self.two.handshakes.signatures_checked, 29)
        faults = self.two.handshakes.faults
        self.assertEqual(faults[HandshakeFault.BAD_SIGNATURE], 29)
        self.assertEqual(faults[HandshakeFault.TOO_MANY], 10_000 - 29)
        self.two.take(proof, source, 1.1)
        self.assertEqual((counts.exchanges, counts.checks), (1, 30))

    def test_budgetSettings(self) -> None:
        """Rate and burst are settings; what was saved up is never more than the burst."""
        two = Process(2, 0, (1,), SealingSettings(proofs_per_second=2, proofs_burst=3))
        wrong = changed(self.proof(self.returned(), two), signature=bytes(64))
        source = ("198.51.100.1", 5001)
        for now, checked in ((0.0, 3), (0.4, 3), (0.5, 4), (0.9, 4), (1.0, 5), (9.0, 8)):
            for _ in range(5):
                self.assertRefused(two, wrong, source, now=now)
            self.assertEqual(two.handshakes.signatures_checked, checked, now)

    def test_replays(self) -> None:
        """Packets of a handshake a thousand times over, to both sides: one X25519 each."""
        counts = CallCounts(self)
        back = self.returned()
        hello = back.hello(2)
        challenge = self.two.take(hello, back.address).packet
        proof = back.take(challenge, self.two.address).packet
        welcome = self.two.take(proof, back.address).packet
        back.take(welcome, self.two.address)
        links = back.links[2], self.two.links[1]
        for _ in range(1000):
            for data in (hello, proof):
                self.two.take(data, back.address)
            for data in (challenge, welcome):
                self.assertRefused(back, data, self.two.address, HandshakeFault.UNASKED)
        self.assertEqual((counts.exchanges, counts.checks), (2, 2))
        self.assertEqual((back.links[2], self.two.links[1]), links)
        self.assertLinked(back, self.two)

    def test_challenges(self) -> None:
        """One hello has 32 answers looked at, whoever sends them; a setting."""
        for limit in (32, 5):
            back = Process(1, 1, (2,), SealingSettings(answers_per_hello=limit))
            back.handshakes.begin(2, back.nonce, 0.0)
            challenge = self.two.take(back.hello(2), back.address).packet
            for now in (0.2, 0.7):
                for _ in range(limit):
                    self.assertEqual(len(back.take(challenge, STRANGER).packet), 187)
                self.assertRefused(back, challenge, STRANGER, HandshakeFault.UNASKED)
                back.hello(2, now)


class CookieTests(HandshakeCase):
    """A stateless cookie before any X25519 is computed for a stranger."""

    def test_lifetime(self) -> None:
        """A cookie is good for the 10 s of its period and the 10 s after it."""
        for baked, now, good in (
            (100.0, 109.9, True),
            (100.0, 119.9, True),
            (100.0, 120.0, False),
            (109.9, 119.9, True),
            (109.9, 120.0, False),
            (-5.0, 5.0, True),
            (-5.0, 10.0, False),
        ):
            back = self.returned(process=7, now=baked)
            two = Process(2, 0, (1,))
            proof = self.proof(back, two, baked)
            if good:
                self.assertIsNotNone(two.take(proof, back.address, now).link)
            else:
                self.assertRefused(two, proof, back.address, HandshakeFault.BAD_COOKIE, now)

    def test_boundToEverything(self) -> None:
        """A cookie is good for one address, one claim, one player, and what was known then."""
        back = self.returned()
        proof = self.proof(back, self.two)
        host, port = back.address
        for source in ((host, port + 1), (host + "1", port), ("::1", port), ("", port)):
            self.assertRefused(self.two, proof, source, HandshakeFault.BAD_COOKIE)
        for change in (
            {"link_key": keysOf(5).link_key},
            {"nonce": bytes(16)},
            {"known_key": bytes(32)},
            {"claimed_generation": 1},
            {"known_generation": 1},
            {"cookie": bytes(16)},
        ):
            forged = signed(proof, back, **change)
            self.assertRefused(self.two, forged, back.address, HandshakeFault.BAD_COOKIE)
        for name, value in (("generation", 1), ("own_generation", 1), ("link_key", bytes(32))):
            peer = self.two.handshakes.peers[1]
            kept = getattr(peer, name)
            setattr(peer, name, value)
            self.assertRefused(self.two, proof, back.address, HandshakeFault.BAD_COOKIE)
            setattr(peer, name, kept)
        self.two.take(proof, back.address)

    def test_boundToThePlayer(self) -> None:
        """One player's cookie is not another's, though both claim the same."""
        asked = Process(2, 0, (1, 3))
        back = self.returned()
        proof = self.proof(back, asked)
        asked.handshakes.peers[3].link_key = asked.handshakes.peers[1].link_key
        other = signed(proof, Process(3), sender=3)
        self.assertRefused(asked, other, back.address, HandshakeFault.BAD_COOKIE)

    def test_altered(self) -> None:
        """A challenge that was altered on its way leads to no proof, and to no generation."""
        back = self.returned()
        challenge = self.two.take(back.hello(2), back.address).packet
        for change in ({"known_generation": 60_000}, {"cookie": b"c" * 16}):
            proof = back.take(changed(challenge, **change), STRANGER).packet
            self.assertRefused(self.two, proof, back.address, HandshakeFault.BAD_COOKIE)
        proof = back.take(changed(challenge, known_is_yours=True), STRANGER).packet
        self.two.take(proof, back.address)
        self.assertEqual(self.two.handshakes.peers[1].generation, 1)

    def test_otherProcess(self) -> None:
        """A cookie of another process of the responder's is worth nothing."""
        proof = self.proof(self.returned(), self.two)
        again = Process(2, 1, (1,))
        self.assertRefused(again, proof, ("198.51.100.1", 5001), HandshakeFault.BAD_COOKIE)


class ImpostorTests(HandshakeCase):
    """A restarted process is vouched for by its resume secret, and by nothing else."""

    def test_signatures(self) -> None:
        """A proof that somebody else signed, or that was changed afterwards, proves nothing."""
        back = self.returned()
        proof = self.proof(back, self.two)
        for forged in (
            signed(proof, Process(3)),
            signed(proof, self.two),
            changed(proof, signature=bytes(64)),
            changed(proof, generation=2),
        ):
            self.assertRefused(self.two, forged, back.address, HandshakeFault.BAD_SIGNATURE)
        self.assertIsNotNone(self.two.take(proof, back.address).link)

    def test_welcomes(self) -> None:
        """A welcome that the responder did not sign, or not for this, makes no link."""
        back = self.returned()
        welcome = self.two.take(self.proof(back, self.two), back.address).packet
        for change in (
            {"link_key": keysOf(3).link_key, "generation": 1},
            {"signature": bytes(64)},
            {"generation": 1},
            {"initiator_generation": 2},
        ):
            forged = changed(welcome, **change)
            self.assertRefused(back, forged, self.two.address, HandshakeFault.BAD_SIGNATURE)
        other = changed(welcome, nonce=bytes(16))
        self.assertRefused(back, other, self.two.address, HandshakeFault.UNASKED)
        self.assertIsNotNone(back.take(welcome, self.two.address).link)

    def resigned(self, welcome: bytes, back: Process, **changes: object) -> bytes:
        """Return a welcome with other values that player 2 has signed all the same."""
        packet = decodeHandshakePacket(changed(welcome, **changes))
        assert isinstance(packet, Welcome)
        statement = welcomeStatement(packet, back.keys.link_key)
        return encodeHandshakePacket(attrs.evolve(packet, signature=self.two.keys.sign(statement)))

    def test_oldWelcomes(self) -> None:
        """A welcome of an older process, or for an older one of ours, is refused by name."""
        back = self.returned(own_generation=3)
        back.handshakes.peers[2].generation = 2
        welcome = self.two.take(self.proof(back, self.two), back.address).packet
        for change in (
            {"generation": 1},
            {"generation": 2, "link_key": keysOf(2, 1).link_key},
            {"generation": 2, "initiator_generation": 2},
        ):
            forged = self.resigned(welcome, back, **change)
            self.assertRefused(back, forged, self.two.address, HandshakeFault.OLD_GENERATION)
        good = self.resigned(welcome, back, generation=2)
        self.assertIsNotNone(back.take(good, self.two.address).link)

    def test_oldGenerations(self) -> None:
        """An older process of a player that has returned since is refused by name."""
        old = self.returned(process=1)
        stale = self.proof(old, self.two)
        new = self.returned(process=2)
        self.comeBack(new, self.two)
        self.assertRefused(self.two, stale, old.address, HandshakeFault.BAD_COOKIE)
        fresh = self.proof(old, self.two, 0.2)
        for generation in (0, 1):
            forged = signed(fresh, old, generation=generation)
            self.assertRefused(self.two, forged, old.address, HandshakeFault.OLD_GENERATION)
        self.assertLinked(new, self.two)

    def test_poorKeys(self) -> None:
        """Low-order points, well signed, on either side: refused by name, nothing changes."""
        for key in LOW_ORDER_KEYS[::4]:
            two = Process(2, 0, (1,))
            back = self.returned()
            hello = changed(back.hello(2), link_key=key)
            challenge = decodeHandshakePacket(two.take(hello, back.address).packet)
            proof = self.proof(self.returned(), two)
            forged = signed(proof, back, link_key=key, cookie=challenge.cookie)  # type: ignore[union-attr]
            self.assertRefused(two, forged, back.address, HandshakeFault.POOR_KEY)
            welcome = two.take(self.proof(back, two, 0.2), back.address).packet
            bad = self.resigned(welcome, back, link_key=key, generation=1)
            self.assertRefused(back, bad, two.address, HandshakeFault.POOR_KEY)
            back.take(welcome, two.address)
            self.assertLinked(back, two)

    def test_elsewhere(self) -> None:
        """Another match, another receiver, nobody we know, our own packet sent back to us."""
        back = self.returned()
        hello = back.hello(2)
        for change, fault in (
            ({"match_id": bytes(16)}, HandshakeFault.OTHER_MATCH),
            ({"receiver": 3}, HandshakeFault.OTHER_PLAYER),
            ({"sender": 3}, HandshakeFault.OTHER_PLAYER),
        ):
            self.assertRefused(self.two, changed(hello, **change), back.address, fault)
        self.assertRefused(back, hello, self.two.address, HandshakeFault.OTHER_PLAYER)
        proof = self.proof(back, self.two, 0.2)
        self.assertRefused(back, proof, self.two.address, HandshakeFault.OTHER_PLAYER)
