"""
Sealed links and handshakes under observation: every use of a key is written down, and
everything that a link could have changed can be compared.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.interfaces import Address
from gamenet.sealing import initiator, responder, sealed_link
from gamenet.sealing.handshakes import HandshakeReply, Handshakes
from gamenet.sealing.known_peer import HandshakeFault, HandshakeRefused
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.sealed_link import SealedLink
from gamenet.sealing.settings import SealingSettings

__all__ = [
    "MATCH",
    "CallCounts",
    "HandshakeCase",
    "KeyRecord",
    "Process",
    "keysOf",
    "recordKeys",
    "stateOf",
    "ticketLinks",
    "works",
]

MATCH = bytes(range(0xA0, 0xB0))


def keysOf(player: int, process: int = 0) -> PlayerKeys:
    """Return a player's keys; each process has a link key of its own."""
    link_seed = bytes([player]) * 30 + process.to_bytes(2, "big")
    return PlayerKeys.fromRandomBytes(link_seed + bytes([100 + player]) * 32)


def ticketLinks(
    match_id: bytes = MATCH, one: int = 1, two: int = 2, renewal_packets: int = 1 << 20
) -> tuple[SealedLink, SealedLink]:
    """Return both ends of the link that two players begin a match with."""
    keys = keysOf(one), keysOf(two)
    return (
        SealedLink.between(
            keys[0], one, keys[1].link_key, two, match_id, renewal_packets=renewal_packets
        ),
        SealedLink.between(
            keys[1], two, keys[0].link_key, one, match_id, renewal_packets=renewal_packets
        ),
    )


def stateOf(link: SealedLink) -> tuple[object, ...]:
    """Return everything that a link holds, but the count of what it refused."""
    window = link._window
    names = [name for name in SealedLink.__slots__ if name not in ("rejected", "_window")]
    held = [getattr(link, name) for name in names]
    return (*held, window.highest, window._seen)


def works(one: SealedLink | None, two: SealedLink | None) -> bool:
    """Return whether two ends are of one link: what each seals, the other opens."""
    if one is None or two is None:
        return False
    for sender, receiver in ((one, two), (two, one)):
        try:
            if receiver.open(sender.seal(b"over here")) != b"over here":
                return False
        except RemoteProtocolError:
            return False
    return True


class KeyRecord:
    """
    Every key and nonce that was sealed with.

    @ivar used: Key and nonce of each packet, in order.
    @ivar keys: The keys, in order of their first use.
    """

    def __init__(self) -> None:
        self.used: dict[tuple[bytes, bytes], None] = {}
        self.keys: dict[bytes, None] = {}

    def cipher(self, key: bytes) -> RecordedCipher:
        """Return the cipher of a key, under observation."""
        return RecordedCipher(self, key)


class RecordedCipher:
    """ChaCha20-Poly1305 that never encrypts twice with one key and nonce."""

    def __init__(self, record: KeyRecord, key: bytes) -> None:
        self.record = record
        self.key = key
        self.cipher = ChaCha20Poly1305(key)

    def decrypt(self, nonce: bytes, data: bytes, header: bytes) -> bytes:
        """Decrypt."""
        return self.cipher.decrypt(nonce, data, header)

    def encrypt(self, nonce: bytes, packet: bytes, header: bytes) -> bytes:
        """Encrypt, and write it down."""
        if (self.key, nonce) in self.record.used:
            raise AssertionError(f"nonce {nonce.hex()} a second time under one key")
        self.record.used[self.key, nonce] = None
        self.record.keys[self.key] = None
        return self.cipher.encrypt(nonce, packet, header)


def recordKeys(case: SynchronousTestCase) -> KeyRecord:
    """Write down every key and nonce until a test is over; the second time is an error."""
    record = KeyRecord()
    case.patch(sealed_link, "ChaCha20Poly1305", record.cipher)
    return record


class Process:
    """
    One process of a player: its handshakes, and the links they gave.

    @ivar links: The newest link to each other player.
    """

    def __init__(
        self,
        player: int,
        process: int = 0,
        others: tuple[int, ...] = (),
        settings: SealingSettings | None = None,
        match_id: bytes = MATCH,
        own_generation: int = 0,
    ) -> None:
        self.player = player
        self.address: Address = (f"198.51.100.{player}", 5000 + process)
        self.keys = keysOf(player, process)
        seed = bytes([player, process & 255]) * 16
        self.nonce = bytes([player, process & 255]) * 8
        self.handshakes = Handshakes(self.keys, player, match_id, seed, settings)
        self.links: dict[int, SealedLink] = {}
        for other in others:
            keys = keysOf(other)
            self.handshakes.addPeer(
                other, keys.statement_key, keys.link_key, own_generation=own_generation
            )

    def take(self, data: bytes, source: Address, now: float = 0.0) -> HandshakeReply:
        """Take a packet; the new link is the link from now on."""
        reply = self.handshakes.packetReceived(data, source, now)
        assert len(reply.packet) <= len(data), "an answer longer than its question"
        if reply.link is not None:
            self.links[reply.player] = reply.link
        return reply

    def hello(self, other: int, now: float = 0.0) -> bytes:
        """Return the hello that is due to another player."""
        return dict(self.handshakes.packetsDue(now))[other]


class HandshakeCase(SynchronousTestCase):
    """Players 1 and 2 of a match that has begun."""

    def setUp(self) -> None:
        self.one = Process(1, 0, (2,))
        self.two = Process(2, 0, (1,))
        self.one.links[2] = self.one.handshakes.connect(2)
        self.two.links[1] = self.two.handshakes.connect(1)

    def returned(
        self, player: int = 1, process: int = 1, now: float = 0.0, own_generation: int = 1
    ) -> Process:
        """Return a new process of a player that says hello to the other one."""
        other = 3 - player
        back = Process(player, process, (other,), own_generation=own_generation)
        back.handshakes.begin(other, back.nonce, now)
        return back

    def proof(self, back: Process, asked: Process, now: float = 0.0) -> bytes:
        """Return the proof that a challenge leads to."""
        challenge = asked.take(back.hello(asked.player, now), back.address, now).packet
        return back.take(challenge, asked.address, now).packet

    def comeBack(self, back: Process, asked: Process, now: float = 0.0) -> None:
        """Go through a whole handshake."""
        welcome = asked.take(self.proof(back, asked, now), back.address, now).packet
        back.take(welcome, asked.address, now)

    def assertLinked(self, one: Process, two: Process) -> None:
        """Check that two processes have one link."""
        self.assertTrue(works(one.links.get(two.player), two.links.get(one.player)))

    def knowledge(self, process: Process) -> list[object]:
        """Return all that a process knows of others, and its links."""
        peers = process.handshakes.peers.values()
        return [
            (p.player, p.link_key, p.generation, p.own_generation, p.link, p._made_of)
            for p in peers
        ] + [(player, link, stateOf(link)) for player, link in process.links.items()]

    def assertRefused(
        self,
        process: Process,
        data: bytes,
        source: Address,
        fault: HandshakeFault | None = None,
        now: float = 0.0,
    ) -> None:
        """Check that a packet is refused by name, counted, and changes nothing."""
        before, faults = self.knowledge(process), dict(process.handshakes.faults)
        with self.assertRaises(HandshakeRefused) as raised:
            process.take(data, source, now)
        found = raised.exception.fault
        self.assertEqual(str(raised.exception), found.value)
        if fault is not None:
            self.assertIs(found, fault)
        faults[found] += 1
        self.assertEqual(process.handshakes.faults, faults)
        self.assertEqual(self.knowledge(process), before)


class CallCounts:
    """
    How often the costly things were done.

    @ivar exchanges: X25519 computations.
    @ivar checks: Ed25519 checks.
    """

    def __init__(self, case: SynchronousTestCase) -> None:
        self.exchanges = 0
        self.checks = 0
        exchange = PlayerKeys.sharedSecret

        def counted(keys: PlayerKeys, link_key: bytes) -> bytes:
            self.exchanges += 1
            return exchange(keys, link_key)

        case.patch(PlayerKeys, "sharedSecret", counted)

        for module in (initiator, responder):
            case.patch(module, "isSigned", self._counting(module.isSigned))

    def _counting(self, check: object) -> object:
        def counted(*arguments: bytes) -> bool:
            self.checks += 1
            return bool(check(*arguments))  # type: ignore[operator]

        return counted
