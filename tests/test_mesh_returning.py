"""
A player whose process crashed comes back to the match with its resume secret, with or
without a lobby; and what strangers, and the past, cannot make of that.
"""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from gamenet.interfaces import Address
from gamenet.mesh.path import PathKind
from gamenet.mesh.resume_secret import decodeResumeSecret
from gamenet.sealing.known_peer import HandshakeFault
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.wire.handshake_packets import (
    Claim,
    Hello,
    Proof,
    encodeHandshakePacket,
)
from gamenet.wire.transfer_packets import TransferPurpose
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import (
    FULL_CONE,
    PORT_RESTRICTED,
    PORT_SENSITIVE_RANDOM,
    NatBehavior,
)
from tests.mesh_world import MATCH, MeshPlayer, MeshWorld
from tests.test_mesh_mesh import MeshTestCase

STRANGER: Address = ("192.0.2.66", 666)


class ReturnTestCase(MeshTestCase):
    """Somebody crashes and comes back."""

    def crash(self, number: int, lobby: bool = False, pause: float = 3.0) -> bytes:
        """Have a player's process die after it has left its secret."""
        secret = self.world.players[number].mesh.resumeSecret()
        self.world.lobby_works = lobby
        self.world.players[number].crash()
        self.world.play(pause)
        return secret

    def awaitAll(self, limit: float = 5.0) -> float:
        """Let time pass until all who run are connected; return how long that took."""
        world = self.world
        begin = world.network.clock.now
        while not self.allLinked():
            world.play(1 / 60)
            self.assertLess(world.network.clock.now - begin, limit)
        return world.network.clock.now - begin

    def allLinked(self) -> bool:
        """Return whether everybody who runs has a path to everybody who does."""
        running = [p for p in self.world.players.values() if not p.machine.clock.stopped]
        linked = all(len(p.mesh.links) >= len(running) - 1 for p in running)
        return linked and self.world.connected()

    def assertFlows(self, player: MeshPlayer) -> None:
        """Check that packets, and messages both ways, come to and from a player."""
        world = self.world
        now = world.network.clock.now
        messages = len(player.messages)
        others = [p for p in world.players.values() if p is not player]
        for other in others:
            other.messages.clear()
            other.mesh.sendMessage(player.number, 0, b"welcome")
            player.mesh.sendMessage(other.number, 0, b"back")
        world.play(1.0)
        for other in others:
            self.assertGreater(other.lastFrom(player.number), now + 0.8)
            self.assertGreater(player.lastFrom(other.number), now + 0.8)
            self.assertEqual(other.messages, [(player.number, 0, b"back")])
        self.assertEqual(
            sorted(player.messages[messages:]),
            [(other.number, 0, b"welcome") for other in others],
        )


class ReturnTests(ReturnTestCase):
    """With the lobby dead."""

    def test_lobbyDead(self) -> None:
        """
        A restarted process returns under a new key generation vouched for by its resume
        secret, also with the lobby dead: linked with three others within two seconds, under
        several seeds, routers and losses.
        """
        cases: list[tuple[tuple[NatBehavior | None, ...], float]] = [
            ((PORT_RESTRICTED,), 0.0),
            ((PORT_RESTRICTED, PORT_SENSITIVE_RANDOM, FULL_CONE, None), 0.0),
            ((PORT_SENSITIVE_RANDOM,), 0.05),
            ((None,), 0.05),
        ]
        for seed, (kinds, loss) in enumerate(cases):
            world = MeshWorld(seed, 4, kinds, LinkProfile(latency=0.010, loss=loss))
            self.start(world)
            world.play(2.0)
            secret = self.crash(2)
            player = world.comeBack(2, secret)
            self.assertLess(self.awaitAll(), 2.5)
            self.assertEqual(sorted(player.returned), [1, 3, 4])
            for other in (1, 3, 4):
                self.assertEqual(world.players[other].returned, [2])
            self.assertFlows(player)
            self.closeClean()

    def test_twice(self) -> None:
        """A second crash, with the secret of the first process or with that of the second."""
        for newest in (False, True):
            world = self.start(MeshWorld(31, 3))
            world.play(1.0)
            secret = self.crash(1)
            second = world.comeBack(1, secret)
            self.awaitAll()
            world.play(1.0)
            later = self.crash(1)
            player = world.comeBack(1, later if newest else secret)
            self.awaitAll()
            self.assertEqual(world.players[2].returned, [1, 1])
            self.assertIsNot(second, player)
            self.assertFlows(player)
            self.closeClean()

    def test_bothReturn(self) -> None:
        """Two who crashed come back at the same time, to each other too, by one link."""
        world = self.start(MeshWorld(32, 3))
        world.play(1.0)
        secrets = {number: world.players[number].mesh.resumeSecret() for number in (1, 2)}
        world.lobby_works = False
        for number in (1, 2):
            world.players[number].crash()
        world.play(2.0)
        for number in (1, 2):
            world.comeBack(number, secrets[number])
        self.awaitAll()
        for number in (1, 2):
            self.assertIn(3 - number, world.players[number].returned)
            self.assertFlows(world.players[number])

    def test_oneAfterTheOther(self) -> None:
        """Who has returned answers the next who does: also with a secret from before."""
        world = self.start(MeshWorld(33, 3))
        world.play(1.0)
        old = world.players[2].mesh.resumeSecret()
        secret = self.crash(1)
        world.comeBack(1, secret)
        self.awaitAll()
        world.players[2].crash()
        world.play(1.0)
        player = world.comeBack(2, old)
        self.awaitAll()
        self.assertFlows(player)

    def test_withLobby(self) -> None:
        """With the lobby the link becomes direct again."""
        world = self.start(MeshWorld(34, 2))
        world.play(2.0)
        secret = self.crash(2, lobby=True)
        player = world.comeBack(2, secret)
        self.awaitAll()
        world.play(8.0)
        self.assertEqual(player.kinds(), {1: PathKind.DIRECT})

    def test_survivorsElsewhere(self) -> None:
        """Who moved after the secret was made is found all the same, once they look for us."""
        world = self.start(MeshWorld(35, 3))
        world.play(1.0)
        secret = world.players[2].mesh.resumeSecret()
        world.lobby_works = False
        world.players[2].crash()
        world.players[3].machine.readdress("192.168.3.99")
        world.play(8.0)
        player = world.comeBack(2, secret)
        begin = world.network.clock.now
        world.network.runUntil(lambda: 1 in player.mesh.links, 5.0)
        world.play(3.0)
        self.assertLess(player.lastFrom(1) - begin, 5.0)
        self.assertGreater(player.lastFrom(1), begin)

    def test_nothingIsLeft(self) -> None:
        """What was on its way to the former process is forgotten, on both sides."""
        world = self.start(MeshWorld(36, 2))
        one = world.players[1]
        content = bytes(1 << 20)
        one.mesh.transfer.send(2, TransferPurpose.SNAPSHOT, 1, content, 0.0)
        one.mesh.transfer.packetsDue(0.0)
        world.play(0.2)
        secret = self.crash(2, pause=1.0)
        one.mesh.sendMessage(2, 1, b"into the void")
        player = world.comeBack(2, secret)
        self.awaitAll()
        world.play(2.0)
        self.assertEqual((player.messages, player.contents), ([], []))
        self.assertIsNone(one.mesh.transfer.progress(2))
        self.assertFlows(player)

    def test_clock(self) -> None:
        """The clock of the new process is known anew: it has another zero."""
        world = self.start(MeshWorld(37, 2))
        world.play(2.0)
        player = world.comeBack(2, self.crash(2))
        self.awaitAll()
        world.play(1.0)
        known = world.players[1].mesh.links[2].clock_offset.offset
        assert known is not None
        truth = player.machine.clock.seconds() - world.players[1].machine.clock.seconds()
        self.assertApproximates(known, truth, 0.002)

    def test_whoLeftForGood(self) -> None:
        """Who was removed is answered no more."""
        world = self.start(MeshWorld(38, 3))
        world.play(1.0)
        secret = self.crash(2)
        world.players[1].mesh.removePeer(2)
        player = world.comeBack(2, secret)
        world.play(3.0)
        self.assertEqual(list(player.mesh.links), [3])
        faults = world.players[1].mesh.handshake_faults
        self.assertGreater(faults[HandshakeFault.OTHER_PLAYER], 0)

    def test_thief(self) -> None:
        """With another statement key, or for another number, nobody is let in."""
        world = self.start(MeshWorld(39, 3))
        world.play(1.0)
        secret = decodeResumeSecret(self.crash(2))
        player = MeshPlayer(world, 2, world.network.machine("thief", "192.0.2.7"), secret)
        player.keys = PlayerKeys.fromRandomBytes(bytes(64))
        world.players[2] = player
        player.begin(secret.ticket)
        before = world.players[1].mesh.links[2].incoming_id
        world.play(5.0)
        self.assertEqual(player.mesh.links, {})
        self.assertEqual(world.players[1].mesh.links[2].incoming_id, before)
        faults = world.players[1].mesh.handshake_faults
        self.assertGreater(faults[HandshakeFault.BAD_SIGNATURE], 0)


class CountersTests(ReturnTestCase):
    """No (key, counter) pair is ever used twice."""

    def test_idsDiffer(self) -> None:
        """Each process seals under ids of its own: none of them was there before."""
        world = self.start(MeshWorld(41, 3))
        world.play(1.0)
        seen: list[bytes] = [
            link.incoming_id for p in world.players.values() for link in p.mesh.links.values()
        ]
        secret = self.crash(3)
        for _ in range(3):
            player = world.comeBack(3, secret)
            self.awaitAll()
            world.play(0.5)
            mine = [link.incoming_id for link in player.mesh.links.values()]
            mine += [world.players[other].mesh.links[3].incoming_id for other in (1, 2)]
            self.assertEqual(len(dict.fromkeys(mine)), 4)
            for each in mine:
                self.assertNotIn(each, seen)
            seen += mine
            player.crash()
            world.play(0.5)

    def test_oldDatagrams(self) -> None:
        """Datagrams of the former process are strangers', and move nothing."""
        world = self.start(MeshWorld(42, 2))
        world.play(1.0)
        link = world.players[2].mesh.links[1]
        old = link._sealed.seal(b"\x02old")
        secret = self.crash(2)
        world.comeBack(2, secret)
        self.awaitAll()
        one = world.players[1]
        strangers, received = one.sockets.strangers, len(one.received)
        one.sockets.demultiplexer._datagramReceived(old, STRANGER)
        self.assertEqual((one.sockets.strangers, len(one.received)), (strangers + 1, received))


class FloodTests(ReturnTestCase):
    """Bad input: handshakes of whoever likes."""

    def setUp(self) -> None:
        world = self.start(MeshWorld(51, 3))
        world.play(1.0)
        self.victim = world.players[1]
        self.claim = Claim(bytes(range(32)), bytes(16), 0, bytes(32))

    def receive(self, data: bytes, source: Address = STRANGER) -> list[bytes]:
        """Give the victim a datagram at its game socket; return what it answers."""
        sent: list[bytes] = []
        socket = self.victim.sockets.demultiplexer.socket
        before = socket.send

        def send(data: bytes, address: Address, ttl: int | None = None) -> bool:
            if address == source:
                sent.append(data)
            return before(data, address, ttl)

        self.patch(self.victim.sockets.demultiplexer, "socket", _Tap(socket, send))
        self.victim.sockets.demultiplexer._datagramReceived(data, source)
        self.victim.sockets.demultiplexer.socket = socket
        return sent

    def test_tenThousand(self) -> None:
        """
        10 000 handshakes within a second from forged addresses: no signature is checked and
        no key computed, no answer is longer than what it answers, memory stays flat, and
        the match goes on.
        """
        links = {player: link.incoming_id for player, link in self.victim.mesh.links.items()}
        hello = encodeHandshakePacket(Hello(MATCH, 2, 1, self.claim))
        proof = encodeHandshakePacket(Proof(MATCH, 2, 1, self.claim, bytes(16), 0, 1, bytes(64)))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        used: list[int] = []
        for half in range(2):
            for number in range(5000):
                source = (f"192.0.{number >> 8}.{number & 255}", 1000 + half)
                data = hello if number % 2 else proof
                for answer in self.victimAnswers(data, source):
                    self.assertLessEqual(answer, len(data))
                if number % 100 == 0:
                    self.world.play(1 / 60)
            used.append(tracemalloc.get_traced_memory()[0])
        self.assertLess(used[1] - used[0], 1 << 20)
        mesh = self.victim.mesh
        self.assertEqual(mesh.handshakes_answered, 5000)
        self.assertEqual(mesh.handshake_faults[HandshakeFault.BAD_COOKIE], 5000)
        self.assertEqual(mesh._handshakes.signatures_checked, 0)
        now = {player: link.incoming_id for player, link in mesh.links.items()}
        self.assertEqual(now, links)
        self.assertEqual(self.victim.returned, [])
        before = self.world.network.clock.now
        self.world.play(0.5)
        self.assertGreater(self.victim.lastFrom(2), before + 0.4)

    def victimAnswers(self, data: bytes, source: Address) -> list[int]:
        """Give the victim a datagram; return the sizes of what it answers."""
        sizes: list[int] = []
        self.victim.mesh._exchange.received(
            PathKind.DIRECT, _Sink(sizes), data, source  # type: ignore[arg-type]
        )
        return sizes

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=200), st.booleans())
    def test_anyBytes(self, data: bytes, addressed: bool) -> None:
        """Any bytes, also of our match: no answer but to a true hello, no change, no error."""
        if addressed:
            data = b"\xc5\x00\x01" + MATCH + data
        links = dict(self.victim.mesh.links)
        before = self.victim.mesh.handshakes_answered
        sizes = self.victimAnswers(data, STRANGER)
        self.assertEqual(len(sizes), self.victim.mesh.handshakes_answered - before)
        self.assertTrue(all(size <= len(data) for size in sizes))
        self.assertEqual((self.victim.mesh.links, self.victim.returned), (links, []))

    def test_otherMatch(self) -> None:
        """A handshake of another match, or of nobody, is counted and gets no word."""
        other = encodeHandshakePacket(Hello(bytes(16), 2, 1, self.claim))
        self.assertEqual(self.receive(other), [])
        self.assertEqual(self.receive(b"\xc5"), [])
        self.assertEqual(self.victim.sockets.stray_handshakes, 2)

    def test_dealtOut(self) -> None:
        """A hello at the game socket is answered from there, in no more bytes."""
        hello = encodeHandshakePacket(Hello(MATCH, 2, 1, self.claim))
        (answer,) = self.receive(hello)
        self.assertLessEqual(len(answer), len(hello))

    def test_pastHandshake(self) -> None:
        """A whole handshake, played again, moves nothing."""
        recorded: list[tuple[bytes, Address]] = []
        received = self.victim.mesh._exchange.received

        def record(kind: PathKind, socket: object, data: bytes, address: Address) -> None:
            recorded.append((data, address))
            received(kind, socket, data, address)  # type: ignore[arg-type]

        self.victim.sockets._matches[MATCH] = (record, lambda: None)
        self.world.comeBack(2, self.crash(2))
        self.awaitAll()
        self.assertGreaterEqual(len(recorded), 2)
        link = self.victim.mesh.links[2].incoming_id
        for data, address in recorded:
            sizes = self.victimAnswers(data, address)
            self.assertLessEqual(sum(sizes), len(data))
            self.victimAnswers(data, STRANGER)
        self.assertEqual(self.victim.mesh.links[2].incoming_id, link)
        self.assertEqual(self.victim.returned, [2])
        self.assertFlows(self.world.players[2])


class _Sink:
    """A socket that notes how much leaves."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """Note it."""
        self.sizes.append(len(data))
        return True


class _Tap:
    """A socket whose sends somebody looks at."""

    def __init__(self, socket: object, send: object) -> None:
        self.socket = socket
        self.send = send

    def __getattr__(self, name: str) -> object:
        return getattr(self.socket, name)
