"""Tests of L{gamenet.rollback.backfill}: what is missing of those who left, and liars."""

from __future__ import annotations

import itertools

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.backfill import ANSWER_INTERVAL, EVIDENCE_ROUNDS
from gamenet.rollback.input_queue import ENDLESS
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.state_events import InconsistentInputs
from gamenet.wire.backfill_packets import (
    Backfill,
    Evidence,
    InputRange,
    Want,
    decodeBackfillPacket,
    encodeBackfill,
    encodeWant,
)
from gamenet.wire.view_values import Seat
from tests.rollback_mesh import Mesh
from tests.rollback_pipe import packet, session, tell


def packetsOf(one: RollbackSession, now: float) -> list[tuple[int, object]]:
    """What is sent of missing inputs and of evidence."""
    return [
        (peer, decodeBackfillPacket(body))
        for peer, body in one.packetsDue(now)
        if 0x20 <= body[0] <= 0x22
    ]


class FillTests(SynchronousTestCase):
    """A player is dropped, and their last inputs are missing here."""

    def lacking(self) -> RollbackSession:
        """A session of four that lacks frames 3 to 7 of player 4."""
        one = session(players=4)
        for peer in (2, 3):
            tell(one, *[b"x"] * 20, peer=peer)
        tell(one, b"a", b"b", b"c", peer=4)
        seats = (*[Seat(True, 0)] * 3, Seat(False, 8))
        one._play.table.reseat(seats, -1, 0)
        one._exchange.remove(4)
        return one

    def asking(self) -> RollbackSession:
        """The same, which has asked both others by now."""
        one = self.lacking()
        for tick in range(12):
            one.packetsDue(tick / 60)
        return one

    def test_want(self) -> None:
        """It asks for exactly that, one peer after the other, every 100 ms."""
        one = self.lacking()
        asked = [(tick, *sent) for tick in range(36) for sent in packetsOf(one, tick / 60)]
        want = Want((InputRange(4, 3, 8),))
        self.assertEqual([sent for _, _, sent in asked], [want] * len(asked))
        self.assertEqual([peer for _, peer, _ in asked][:4], [2, 3, 2, 3])
        self.assertGreaterEqual(min(b[0] - a[0] for a, b in itertools.pairwise(asked)), 6)

    def test_filled(self) -> None:
        """What comes is taken, in parts and repeated, whoever sends it; then nothing is asked."""
        one = self.asking()
        one.packetReceived(2, encodeBackfill(4, 3, [b"d", b"e"])[0], 0.0)
        one.packetReceived(3, encodeBackfill(4, 4, [b"e", b"f", b"g"])[0], 0.0)
        self.assertEqual(one._play.table.lacking(), [(4, 7, 8)])
        one.packetReceived(3, encodeBackfill(4, 3, [b"d", b"e"])[0], 0.0)
        one.packetReceived(2, encodeBackfill(4, 7, [b"h"])[0], 0.0)
        self.assertEqual(one._play.table.lacking(), [])
        self.assertEqual(one.statistics.inputs_backfilled, 5)
        self.assertEqual(one._play.table.queues[3].play(0, 10), [bytes([c]) for c in b"abcdefghhh"])
        self.assertEqual(packetsOf(one, 1.0), [])

    def test_refused(self) -> None:
        """Other inputs than before, and inputs with a gap, are refused."""
        one = self.asking()
        one.packetReceived(3, encodeBackfill(4, 3, [b"d"])[0], 0.0)
        for body in (
            encodeBackfill(4, 3, [b"D", b"e"])[0],
            encodeBackfill(4, 5, [b"f"])[0],
        ):
            self.assertRaises(RemoteProtocolError, one.packetReceived, 2, body, 0.0)
        self.assertEqual(one._play.table.lacking(), [(4, 4, 8)])

    def test_unasked(self) -> None:
        """
        Bad input: a peer gives inputs of who left that it was not asked for, or more than
        that, each peer others: nothing is taken of them.
        """
        one = self.lacking()
        one.packetReceived(2, encodeBackfill(4, 3, [b"!"] * 5)[0], 0.0)
        one.packetsDue(0.0)
        one.packetReceived(3, encodeBackfill(4, 3, [b"!"] * 5)[0], 0.0)
        one.packetReceived(2, encodeBackfill(4, 3, [b"!"] * 6)[0], 0.0)
        one.packetReceived(2, encodeBackfill(4, 2, [b"c", b"!"])[0], 0.0)
        self.assertEqual(one._play.table.lacking(), [(4, 3, 8)])
        one.packetReceived(2, encodeBackfill(4, 3, [b"d"] * 5)[0], 0.0)
        self.assertEqual(one._play.table.lacking(), [])

    def test_whileDeciding(self) -> None:
        """While the next view is decided nothing is taken: others count on what we have."""
        one = self.asking()
        table = one._play.table
        table.pledge(20)
        one.packetReceived(2, encodeBackfill(4, 3, [b"d"] * 5)[0], 0.0)
        self.assertEqual(table.lacking(), [(4, 3, 8)])
        table.pledge(ENDLESS)
        one.packetReceived(2, encodeBackfill(4, 3, [b"d"] * 5)[0], 0.0)
        self.assertEqual(table.lacking(), [])

    def test_answer(self) -> None:
        """Who is asked sends what it has of that, once, and only to members."""
        one = self.lacking()
        body = encodeWant([InputRange(4, 1, 9)])
        one.packetReceived(2, body, 0.0)
        self.assertIn((2, Backfill(4, 1, [b"b", b"c"])), packetsOf(one, 0.0))
        self.assertEqual(self.answers(one, 1.0), [])
        one.packetReceived(2, encodeWant([InputRange(4, 4, 9)]), 1.0)
        self.assertEqual(self.answers(one, 1.0), [])

    def answers(self, one: RollbackSession, now: float) -> list[object]:
        """What others are given."""
        return [sent for _, sent in packetsOf(one, now) if isinstance(sent, Backfill)]

    def test_seated(self) -> None:
        """Bad input: the inputs of who has a seat are asked for: they say them themselves."""
        one = session(players=3)
        tell(one, *[b"a"] * 20, peer=3)
        one.packetReceived(2, encodeWant([InputRange(3, 0, 20)]), 0.0)
        self.assertEqual(self.answers(one, 0.0), [])

    def test_flood(self) -> None:
        """Bad input: however often somebody asks, they are answered 20 times a second."""
        one = self.lacking()
        answers = 0
        for tick in range(60):
            for _ in range(20):
                one.packetReceived(2, encodeWant([InputRange(4, 0, 8)]), tick / 60)
            answers += len(self.answers(one, tick / 60))
        self.assertTrue(15 <= answers <= 1 / ANSWER_INTERVAL, answers)


class LiarTests(SynchronousTestCase):
    """A peer that sends different inputs of one frame to different peers is found out."""

    def lied(self, frame: int, checksum_interval: int = 30) -> Mesh:
        """A mesh in which peer 1 tells peer 3 something else of one frame than peer 2."""
        mesh = Mesh(3, script=self.script, latency=0.5, checksum_interval=checksum_interval)

        def forge(sender: int, to: int, body: bytes) -> bytes:
            if (sender, to) != (1, 3) or body[0] >= 0x10:
                return body
            return self.forged(mesh, frame, body)

        mesh.forge = forge
        return mesh

    def script(self, player: int, frame: int) -> bytes:
        """Inputs that change every frame."""
        return bytes([frame & 0xFF, player])

    def forged(self, mesh: Mesh, frame: int, body: bytes) -> bytes:
        """The same packet with another input of that frame."""
        one = mesh.sessions[1]
        header = one.remote(3)
        first = int.from_bytes(body[2:6], "big")
        blobs = one._exchange.local.blobs
        inputs = [
            b"!!" if first + place == frame else text
            for place, text in enumerate(blobs.since(first))
        ]
        base = b"" if not first else b"!!" if first - 1 == frame else blobs.known(first - 1)
        report = one._progress.report if body[0] else (-1, 0, 0)
        assert report is not None
        return packet(
            first,
            inputs,
            header.blobs.count,
            one.current_frame,
            report[0],
            report[1],
            base=base,
            inputs_checksum=report[2],
        )

    def test_foundOut(self) -> None:
        """Each side names the player, the frame, and the peer that has another input."""
        for frame in (7, 40, 89):
            mesh = self.lied(frame)
            mesh.run(160)
            for peer, others in ((2, (3,)), (3, (1, 2))):
                (found,) = mesh.of(InconsistentInputs, peer)
                self.assertEqual((found.player, found.frame), (1, frame), peer)
                self.assertIn(found.peer, others)
                self.assertGreaterEqual(mesh.sessions[peer].statistics.inconsistent_inputs, 1)

    def test_honest(self) -> None:
        """Where nobody lies nobody is accused, though the states differ."""
        mesh = Mesh(3, script=self.script, checksum_interval=10)
        mesh.games[2].corrupt_at = 30
        mesh.run(200)
        for peer in mesh.sessions:
            self.assertEqual(mesh.of(InconsistentInputs, peer), [])
            self.assertGreater(mesh.sessions[peer].statistics.desynchronizations, 3)

    def test_evidenceIsBounded(self) -> None:
        """The evidence of a difference is shown so many times and no more."""
        mesh = self.lied(7, checksum_interval=3600)
        mesh.run(40)
        one = mesh.sessions[2]
        one.remote(3).checksums.inputs_differ = 29
        shown = []
        for round_ in range(20):
            shown += packetsOf(one, mesh.now + round_)
        evidence = [sent for peer, sent in shown if isinstance(sent, Evidence) and peer == 3]
        self.assertEqual(len(evidence), 3 * EVIDENCE_ROUNDS)
        self.assertEqual([sent.player for sent in evidence[:3]], [1, 2, 3])
