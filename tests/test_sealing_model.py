"""
Two players whose processes crash and return as chance wills, over a network that loses,
repeats, delays and reorders whatever it likes: both come to one link, and no key and
counter are used twice.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.interfaces import Address
from gamenet.sealing.handshakes import Handshakes
from gamenet.sealing.known_peer import HandshakeFault
from gamenet.sealing.sealed_link import SealedLink
from gamenet.seeded_random import SeededRandom
from gamenet.wire.demultiplexing import HANDSHAKE_PACKET
from tests.sealing_scene import MATCH, KeyRecord, keysOf, recordKeys, works

_SEEDS = 250
_EVENTS = 120

#: Seconds without faults after which everything has to be well: the longest interval of
#: hellos, and a round trip for each of two returned processes.
_QUIET = 15.0

#: What is known of the other player in a resume secret: link key, generation, own generation.
_Saved = tuple[bytes, int, int]


class Life:
    """One player, process after process."""

    def __init__(self, network: Network, player: int) -> None:
        self.network = network
        self.player = player
        self.other = 3 - player
        self.processes = 0
        self.told: dict[bytes, None] = {}
        self.saved: list[_Saved] = [(keysOf(self.other).link_key, 0, 0)]
        self.start(self.saved[0])
        self.link = self.handshakes.connect(self.other)

    def start(self, secret: _Saved) -> None:
        """Begin a process that knows what a resume secret says."""
        link_key, generation, own_generation = secret
        keys = keysOf(self.player, self.processes)
        draw = self.network.random.drawBytes
        self.address: Address = (f"198.51.100.{self.player}", 5000 + self.processes)
        self.handshakes = Handshakes(keys, self.player, MATCH, draw(32))
        self.handshakes.addPeer(
            self.other, keysOf(self.other).statement_key, link_key, generation, own_generation
        )
        self.link: SealedLink | None = None

    def crash(self) -> None:
        """Lose the process; return with a resume secret of any time before."""
        self.processes += 1
        link_key, generation, own_generation = self.network.random.choice(self.saved)
        self.start((link_key, generation, own_generation + 1))
        self.begin()

    def begin(self) -> None:
        """Ask for a new link."""
        nonce = self.network.random.drawBytes(16)
        self.handshakes.begin(self.other, nonce, self.network.now)

    def save(self) -> None:
        """Write a resume secret."""
        known = self.handshakes.peers[self.other]
        self.saved.append((known.link_key, known.generation, known.own_generation))

    def send(self) -> None:
        """Send what is due, and a packet of the game on the link."""
        for _, hello in self.handshakes.packetsDue(self.network.now):
            self.network.carry(self, hello)
        if self.link is not None:
            self.network.numbers += 1
            packet = bytes([self.player]) + self.network.numbers.to_bytes(8, "big")
            self.network.carry(self, self.link.seal(packet))

    def take(self, data: bytes, source: Address) -> None:
        """Take what the network brings; only what the other player sealed, once, comes out."""
        try:
            if data[0] != HANDSHAKE_PACKET:
                if self.link is not None:
                    packet = self.link.open(data)
                    assert packet[0] == self.other and packet not in self.told
                    self.told[packet] = None
                return
            reply = self.handshakes.packetReceived(data, source, self.network.now)
        except RemoteProtocolError:
            return
        assert len(reply.packet) <= len(data)
        if reply.link is not None:
            self.link = reply.link
        if reply.packet:
            self.network.carry(self, reply.packet)


class Network:
    """Keeps everything that was ever sent, and may bring any of it, at any time."""

    def __init__(self, seed: int) -> None:
        self.random = SeededRandom(seed)
        self.now = 1.0
        self.numbers = 0
        self.renewals = 0
        self.sent: list[tuple[Life, bytes, Address]] = []
        self.under_way: list[tuple[Life, bytes, Address]] = []
        self.lives = Life(self, 1), Life(self, 2)

    def carry(self, sender: Life, data: bytes) -> None:
        """Take a datagram."""
        datagram = (self.lives[sender.other - 1], data, sender.address)
        self.sent.append(datagram)
        self.under_way.append(datagram)

    def event(self) -> None:
        """Let one thing happen."""
        random = self.random
        kind = random.below(100)
        life = random.choice(self.lives)
        if kind < 5:
            life.crash()
        elif kind < 8:
            for each in self.lives:
                each.crash()
        elif kind < 10:
            life.begin()
        elif kind < 18:
            life.save()
        elif kind < 22 and life.link is not None:
            self.renewals += life.link.renewKeys()
        elif kind < 50:
            self.now += random.uniform(0.0, 1.0)
            life.send()
        elif kind < 60 and self.under_way:
            self.under_way.pop(random.below(len(self.under_way)))
        elif kind < 70 and self.sent:
            self.bring(random.choice(self.sent))
        elif self.under_way:
            self.bring(self.under_way.pop(random.below(len(self.under_way))))

    def quiet(self) -> None:
        """Let time pass without faults; what is under way arrives in any order."""
        end = self.now + _QUIET
        while self.now < end:
            self.now += 0.1
            for life in self.lives:
                life.send()
                if life.link is not None and self.random.chance(0.05):
                    self.renewals += life.link.renewKeys()
            self.random.shuffle(self.under_way)
            while self.under_way:
                self.bring(self.under_way.pop())

    @staticmethod
    def bring(datagram: tuple[Life, bytes, Address]) -> None:
        """Bring a datagram to whatever process its receiver is now."""
        receiver, data, source = datagram
        receiver.take(data, source)


class ModelTests(SynchronousTestCase):
    """Done when: no (key, counter) pair repeats across crash and rejoin; joins and returns."""

    def played(self, seed: int) -> tuple[Network, KeyRecord]:
        """Play a schedule, with everything that is sealed under observation."""
        record = recordKeys(self)
        network = Network(seed)
        for _ in range(_EVENTS):
            network.event()
        return network, record

    def test_schedules(self) -> None:
        """However processes crash and return: one link in the end, no nonce ever twice."""
        crashes = links = renewals = 0
        faults = dict.fromkeys(HandshakeFault, 0)
        for seed in range(_SEEDS):
            network, record = self.played(seed)
            network.quiet()
            one, two = network.lives
            self.assertTrue(works(one.link, two.link), f"seed {seed}")
            known, other = one.handshakes.peers[2], two.handshakes.peers[1]
            self.assertEqual(
                (known.generation, known.own_generation),
                (other.own_generation, other.generation),
                f"seed {seed}",
            )
            self.assertGreater(len(record.used), 0)
            renewals += network.renewals
            crashes += one.processes + two.processes
            for life in network.lives:
                links += life.handshakes.links_made
                for fault, count in life.handshakes.faults.items():
                    faults[fault] += count
        self.assertGreater(crashes, 5 * _SEEDS)
        self.assertGreater(links, _SEEDS)
        self.assertGreater(renewals, _SEEDS)
        for fault in (HandshakeFault.UNASKED, HandshakeFault.BAD_COOKIE):
            self.assertGreater(faults[fault], 0, fault)

    def test_quietAlone(self) -> None:
        """Without a fault nobody says hello, and the first link is the last."""
        record = recordKeys(self)
        network = Network(1)
        links = [life.link for life in network.lives]
        network.quiet()
        self.assertEqual([life.link for life in network.lives], links)
        self.assertEqual(len(record.keys), 2 + 2 * network.renewals)
        self.assertTrue(all(data[0] != HANDSHAKE_PACKET for _, data, _ in network.sent))
