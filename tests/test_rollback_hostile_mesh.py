"""
A mesh of sessions against one peer of theirs that sends anything: packets of every
family, real ones, changed ones, floods, and messages that only a liar would send.
"""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
from collections.abc import Callable

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError, RemoteProtocolError
from gamenet.rollback.seat_events import PlayerDropped
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_events import InconsistentInputs
from gamenet.seeded_random import SeededRandom
from gamenet.wire.backfill_packets import InputRange, encodeBackfill, encodeEvidence, encodeWant
from gamenet.wire.view_messages import encodeViewMessage
from gamenet.wire.view_values import Ballot, Commit, JoinRequest, Promise, Seat, View
from tests.rollback_attack import mutated, recorded
from tests.rollback_mesh import Mesh
from tests.rollback_pipe import copyOf, isUnchanged, packet, session, tell

ATTACKER = 2


class EveryFamilyTests(SynchronousTestCase):
    """Bad input: every byte string is a legal argument of packetReceived."""

    def test_recorded(self) -> None:
        """The recording has packets of every family: the tests below are of all of them."""
        families = {kind >> 4 for kind in recorded()}
        self.assertEqual(families, {0, 1, 2, 3, 4})

    @settings(deadline=None, max_examples=40)
    @given(st.binary(max_size=60), st.integers(0, 255), st.sampled_from([0, 1, 30, 200]))
    def test_firstByte(self, rest: bytes, first: int, ticks: int) -> None:
        """Every first byte with anything behind it: taken, or refused and nothing changed."""
        mesh = Mesh(3, jitter=1)
        if ticks == 200:
            mesh.run(40)
            mesh.dead.add(3)
        mesh.run(ticks)
        self.feed(mesh.sessions[1], bytes([first]) + rest, mesh.now)

    def feed(self, one: RollbackSession, body: bytes, now: float) -> None:
        """
        Give a session a packet; if it is refused nothing may have changed, but that
        a transfer from the attacker may have ended.
        """
        before = copyOf(one)
        refused = one.statistics.packets_refused
        try:
            one.packetReceived(ATTACKER, body, now)
        except RemoteProtocolError as error:
            self.assertNotEqual(str(error), "")
            if body[:1] < b"\x40":
                self.assertTrue(isUnchanged(one, before), body.hex())
            self.assertEqual(one.statistics.packets_refused, refused + 1)

    def test_refusedChangesNothing(self) -> None:
        """Changed packets of every kind, in every situation: the refused change nothing."""
        random = SeededRandom.fromLabel(1, "attack")
        kinds = recorded()
        for mesh in (situation() for situation in SITUATIONS.values()):
            for kind in sorted(kinds):
                for _ in range(6):
                    body = mutated(random, random.choice(kinds[kind]))
                    self.feed(mesh.sessions[1], body, mesh.now)

    def test_convergeAfterwards(self) -> None:
        """
        Three honest peers are attacked for two seconds with packets of all families
        but the agreement's: they play on, drop the attacker when it falls silent, and
        confirm the same; what came of the attacker's inputs is the same for all.
        """
        for seed in range(10):
            mesh = Mesh(4, seed=seed, loss=0.05, jitter=2, sparse_saving=bool(seed % 2))
            mesh.attacker = ATTACKER
            mesh.run(30)
            self.attack(mesh, seed, [kind for kind in recorded() if not 0x10 <= kind < 0x20])
            mesh.dead.add(ATTACKER)
            before = {peer: len(mesh.confirmed[peer]) for peer in (1, 3, 4)}
            mesh.run(600)
            mesh.common(1, 3, 4)
            for peer, count in before.items():
                self.assertGreater(len(mesh.confirmed[peer]), count + 300, seed)
                (dropped,) = mesh.of(PlayerDropped, peer)
                self.assertEqual(dropped.player, ATTACKER)

    def test_nothingElseIsRaised(self) -> None:
        """
        The same with the messages of the agreement, in which an attacker has a vote:
        nothing but L{RemoteProtocolError} ever comes out, and frames are told in order.
        """
        for seed in range(15):
            mesh = Mesh(3 + seed % 2, seed=seed, jitter=2, state_exchange_interval=30)
            mesh.attacker = 0
            mesh.deliver = self.tolerant(mesh)  # type: ignore[method-assign]
            mesh.run(seed * 7)
            if seed % 5 == 1:
                mesh.sessions[1].leave(mesh.now)
            if seed % 5 == 2:
                mesh.dead.add(3)
                mesh.run(130)
            self.attack(mesh, seed, list(recorded()))
            mesh.run(200)
            for confirmed in mesh.confirmed.values():
                self.assertEqual([event.frame for event in confirmed], [*range(len(confirmed))])

    def tolerant(self, mesh: Mesh) -> Callable[[int, int, bytes], None]:
        """What delivers packets, any of which may be refused."""

        def deliver(sender: int, to: int, body: bytes) -> None:
            with contextlib.suppress(RemoteProtocolError):
                mesh.sessions[to].packetReceived(sender, body, mesh.now)

        return deliver

    def attack(self, mesh: Mesh, seed: int, kinds: list[int]) -> None:
        """40 ticks or so in which the attacker sends changed packets to everybody."""
        random = SeededRandom.fromLabel(seed, "attack")
        for _ in range(40):
            mesh.run(random.below(4))
            for _ in range(1 + random.below(5)):
                body = mutated(random, random.choice(recorded()[random.choice(sorted(kinds))]))
                victims = [one for one in mesh.sessions if one != ATTACKER]
                victim = random.choice([one for one in victims if one not in mesh.dead])
                with contextlib.suppress(RemoteProtocolError):
                    mesh.sessions[victim].packetReceived(ATTACKER, body, mesh.now)


def running() -> Mesh:
    """In mid-match."""
    mesh = Mesh(3, jitter=1)
    mesh.run(60)
    return mesh


def stalled() -> Mesh:
    """Nobody is heard for a second."""
    mesh = running()
    mesh.cut |= {(2, 1), (3, 1)}
    mesh.run(60)
    return mesh


def isolated() -> Mesh:
    """Nobody is heard for so long that nothing can be decided."""
    mesh = running()
    for link in ((1, 2), (1, 3)):
        mesh.cutLink(*link)
    mesh.run(400)
    return mesh


def deciding() -> Mesh:
    """Peer 3 is silent, and what follows is being decided."""
    mesh = running()
    mesh.dead.add(3)
    mesh.run(122)
    return mesh


def dropped() -> Mesh:
    """The others play on without us."""
    mesh = isolated()
    mesh.cut.clear()
    mesh.run(60)
    return mesh


def joining() -> Mesh:
    """We want to come back."""
    mesh = dropped()
    mesh.sessions[1].rejoin(mesh.now)
    mesh.run(2)
    return mesh


def leaving() -> Mesh:
    """We leave."""
    mesh = running()
    mesh.sessions[1].leave(mesh.now)
    mesh.run(2)
    return mesh


SITUATIONS: dict[str, Callable[[], Mesh]] = {
    "fresh": lambda: Mesh(3),
    "running": running,
    "stalled": stalled,
    "isolated": isolated,
    "deciding": deciding,
    "dropped": dropped,
    "joining": joining,
    "leaving": leaving,
}


class LiarTests(SynchronousTestCase):
    """Bad input: what only a liar would send."""

    def refused(self, one: RollbackSession, body: bytes, peer: int = ATTACKER) -> None:
        """Assert that a packet is refused and changes nothing."""
        before = copyOf(one)
        self.assertRaises(RemoteProtocolError, one.packetReceived, peer, body, 1.0)
        self.assertTrue(isUnchanged(one, before))

    def test_seatFarAhead(self) -> None:
        """A view that seats somebody in a year would want an input for each frame till then."""
        one = session(players=3, vacant=(3,))
        taken = (Seat(True, 0), Seat(True, 0), Seat(True, (1 << 31) - 1))
        self.refused(one, encodeViewMessage(Commit(View(1, (1, 2, 3), taken))))

    def test_horizonFarAhead(self) -> None:
        """So would a promise to confirm nothing before that."""
        one = session(players=4)
        for tick in range(400):
            for peer in (2, 4):
                one.packetReceived(peer, packet(0, [], 0, 0), tick / 60)
            one.packetsDue(tick / 60)
        for floors, horizon in (((0,) * 4, (1 << 31) - 1), ((0, 0, 1 << 30, 0), 400)):
            promise = Promise(1, Ballot(1, 1), floors, -1, horizon, False, None, None)
            self.refused(one, encodeViewMessage(promise))

    def test_newerView(self) -> None:
        """Whoever wants a seat and knows a newer view than we is asked to wait."""
        one = session(players=3, vacant=(3,))
        request = JoinRequest(one.settings.digest(), 5, 0, True)
        one.packetReceived(3, encodeViewMessage(request), 0.0)
        answers = [body for peer, body in one.packetsDue(0.0) if peer == 3]
        self.assertEqual(len(answers), 1)

    def test_anotherConfiguration(self) -> None:
        """A peer that changes its config: a wish for a seat with another digest is refused."""
        one = session(players=3, vacant=(3,))
        other = attrs.evolve(one.settings, frame_rate=30).digest()
        body = encodeViewMessage(JoinRequest(other, 0, 0, True))
        for _ in range(10_000):
            one.packetReceived(3, body, 0.0)
        answers = [text for peer, text in one.packetsDue(0.0) if peer == 3]
        self.assertEqual(len(answers), 1)
        for tick in range(300):
            one.packetReceived(2, packet(0, [], 0, 0), tick / 60)
            one.packetsDue(tick / 60)
        self.assertEqual(one.members, (1, 2))

    def test_anotherInterval(self) -> None:
        """A peer that changes its config: reports of other frames than ours are refused."""
        one = session(players=3, checksum_interval=30)
        tell(one, *[b"x"] * 20)
        self.refused(one, packet(20, [b"y"], 20, 20, 9, 5, base=b"x"))

    def test_openSeat(self) -> None:
        """Inputs for somebody else's player: nobody fills a seat whose player is there."""
        one = session(players=3)
        for player in (1, 2, 3):
            before = copyOf(one)
            one.packetReceived(ATTACKER, encodeBackfill(player, 0, [b"x"] * 5)[0], 0.0)
            before._play.controls._next_round = 0.0
            self.assertTrue(isUnchanged(one, before))
        self.assertEqual(one.statistics.inputs_backfilled, 0)

    def test_otherPlayers(self) -> None:
        """Nobody asks for, fills or shows inputs of players that there are not."""
        one = session(players=3)
        for body in (
            encodeWant([InputRange(4, 0, 5)]),
            encodeBackfill(4, 0, [b"x"])[0],
            encodeEvidence(16, 0, [b"x"])[0],
        ):
            self.refused(one, body)
        short = session(players=3, input_limit=2)
        self.refused(short, encodeEvidence(2, 0, [b"abc"])[0])

    def test_evidenceOfNothing(self) -> None:
        """Evidence of frames that are not confirmed here says nothing; memory stays as it is."""
        one = session(players=3)
        for frame in range(0, 100_000, 100):
            one.packetReceived(ATTACKER, encodeEvidence(3, frame, [b"x"] * 100)[0], 0.0)
        self.assertEqual(one.drainEvents(), ())

    def test_evidenceAgainstSomebody(self) -> None:
        """False evidence is told once, as the evidence of who sent it, and play goes on."""
        mesh = running()
        body = encodeEvidence(3, 10, [b"never"] * 5)[0]
        for _ in range(100):
            mesh.sessions[1].packetReceived(ATTACKER, body, mesh.now)
        mesh.run(100)
        self.assertEqual(mesh.of(InconsistentInputs, 1), [InconsistentInputs(3, 10, ATTACKER)])
        self.assertGreater(len(mesh.common()), 150)

    def test_noSuchPeer(self) -> None:
        """
        Who the sender is has been proven: a number of nobody is our own mistake; what a
        spectator cannot send is the spectator's.
        """
        one = session(players=3)
        for kind, bodies in recorded().items():
            for peer in (0, 1, 4, 16):
                self.assertRaises(LocalProtocolError, one.packetReceived, peer, bodies[0], 0.0)
            if kind < 0x30:
                self.assertRaises(RemoteProtocolError, one.packetReceived, 17, bodies[0], 0.0)

    def test_beforeTheFirstRound(self) -> None:
        """Messages before our first tick do not hide that somebody was never heard."""
        one = session(players=3)
        for body in (b"\x10", recorded()[0x15][0], recorded()[0x10][0]):
            with contextlib.suppress(RemoteProtocolError):
                one.packetReceived(ATTACKER, body, 0.0)
        for tick in range(600):
            one.packetReceived(ATTACKER, packet(0, [], 0, 0), tick / 60)
            one.packetsDue(tick / 60)
        self.assertIn("interrupted", str(one.drainEvents()).lower())


class FloodTests(SynchronousTestCase):
    """Bad input: floods of 100 000 packets leave memory bounded."""

    def test_flood(self) -> None:
        """Duplicated, replayed, changed and senseless packets of all families."""
        mesh = running()
        self.flooded(mesh, [kind for kind in recorded() if not 0x10 <= kind < 0x17], 95_000)
        mesh.attacker = ATTACKER
        mesh.run(60)
        mesh.common(1, 3)

    def test_floodOfVotes(self) -> None:
        """The same of the agreement's messages, whatever comes of them."""
        for number, situation in enumerate((deciding, dropped)):
            kinds = [kind for kind in recorded() if 0x10 <= kind < 0x20]
            self.flooded(situation(), kinds, 20_000, number)

    def flooded(self, mesh: Mesh, kinds: list[int], count: int, seed: int = 7) -> None:
        """
        Give a session so many changed packets, and look how its memory grows with the last
        20 000 of them (looking makes all slow).  CPython keeps some thousand free tuples;
        one object more per packet would be 320 kB.
        """
        random = SeededRandom.fromLabel(seed, "flood")
        one = mesh.sessions[1]
        bodies = [
            mutated(random, random.choice(recorded()[kind])) for kind in kinds for _ in range(60)
        ]
        self.flood(mesh, one, bodies, 5_000 + max(0, count - 20_000))
        tracemalloc.start()
        self.flood(mesh, one, bodies, 5_000)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        self.flood(mesh, one, bodies, min(count, 20_000))
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        self.assertLess(grown, 256_000)
        self.assertGreater(one.statistics.packets_refused, count // 5)

    def flood(self, mesh: Mesh, one: RollbackSession, bodies: list[bytes], count: int) -> None:
        """Give a session so many packets within one frame."""
        receive, now = one.packetReceived, mesh.now
        for number in range(count):
            with contextlib.suppress(RemoteProtocolError):
                receive(ATTACKER, bodies[number % len(bodies)], now)
        self.assertLess(len(one.packetsDue(now)), 200)

    def test_twoPlayersWithOneNumber(self) -> None:
        """Two peers with one player number: the settings refuse it, see there."""
        seating = ((1,), (1, 2), (3,))
        self.assertRaises(BadSetting, RollbackSettings, players=3, seating=seating)
