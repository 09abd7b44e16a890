"""What L{gamenet.rollback.backfill} takes from whom, and what it does not."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.backfill import EVIDENCE_PACKETS, EVIDENCE_ROUNDS
from gamenet.rollback.state_events import InconsistentInputs
from gamenet.wire.backfill_packets import (
    Backfill,
    Evidence,
    InputRange,
    encodeBackfill,
    encodeEvidence,
    encodeWant,
)
from gamenet.wire.view_values import Seat
from tests import test_rollback_backfill
from tests.rollback_mesh import Mesh
from tests.rollback_pipe import session, tell
from tests.test_rollback_backfill import packetsOf


class BackfillCheckTests(SynchronousTestCase):
    """ "Bad input", and what comes at the wrong time."""

    lacking = test_rollback_backfill.FillTests.lacking
    asking = test_rollback_backfill.FillTests.asking

    def test_bounds(self) -> None:
        """Of players that there are, and inputs of the length that there may be."""
        one = session(players=3, input_limit=4)
        for body in (
            encodeWant([InputRange(3, 0, 5), InputRange(4, 0, 5)]),
            encodeBackfill(4, 0, [b"x"])[0],
            encodeEvidence(4, 0, [b"x"])[0],
            encodeBackfill(3, 0, [b"x", b"12345", b""])[0],
            encodeEvidence(3, 0, [b"x", b"12345", b""])[0],
        ):
            self.assertRaises(RemoteProtocolError, one.packetReceived, 2, body, 0.0)
        for body in (
            encodeWant([InputRange(3, 0, 5)]),
            encodeBackfill(3, 0, [b"1234"])[0],
            encodeEvidence(3, 0, [b"1234"])[0],
        ):
            one.packetReceived(2, body, 0.0)

    def test_stranger(self) -> None:
        """Who is no member fills nothing and is answered nothing."""
        one = self.lacking()
        one.packetReceived(4, encodeBackfill(4, 3, [b"d"])[0], 0.0)
        one.packetReceived(4, encodeWant([InputRange(2, 0, 5)]), 0.0)
        self.assertEqual(one._play.table.lacking(), [(4, 3, 8)])
        self.assertNotIn(4, [peer for peer, _ in packetsOf(one, 0.0)])

    def test_onlyWhatIsWanted(self) -> None:
        """An answer ends where the question does."""
        one = self.lacking()
        one.packetReceived(2, encodeWant([InputRange(4, 1, 2)]), 0.0)
        self.assertIn((2, Backfill(4, 1, [b"b"])), packetsOf(one, 0.0))

    def test_known(self) -> None:
        """What was filled is known at once: frames up to there can be final."""
        one = self.asking()
        table = one._play.table
        table.refresh()
        self.assertEqual(table.known, 3)
        one.packetReceived(2, encodeBackfill(4, 3, [b"d", b"e"])[0], 0.0)
        self.assertEqual(table.known, 5)
        one.packetReceived(2, encodeBackfill(4, 5, [b"f"] * 3)[0], 0.0)
        self.assertEqual(table.known, 20)

    def test_afterwards(self) -> None:
        """Who has all, or whose player is there, looks at no more of it, true or not."""
        one = self.asking()
        one.packetReceived(2, encodeBackfill(4, 3, [b"d"] * 5)[0], 0.0)
        one.packetReceived(3, encodeBackfill(4, 3, [b"!"] * 5)[0], 0.0)
        one.packetReceived(3, encodeBackfill(2, 0, [b"!"] * 30)[0], 0.0)
        self.assertEqual(one._play.table.queues[3].play(3, 8), [b"d"] * 5)
        self.assertEqual(one._play.table.queues[1].count, 20)

    def test_nobodyToAsk(self) -> None:
        """The last one of a match asks nobody, and does not fail."""
        one = session(players=2)
        tell(one, b"a", b"b")
        one._play.table.reseat((Seat(True, 0), Seat(False, 5)), -1, 0)
        one._exchange.remove(2)
        self.assertEqual(one._play.table.lacking(), [(2, 2, 5)])
        self.assertEqual(packetsOf(one, 1.0), [])


class EvidenceTests(SynchronousTestCase):
    """Which of the final inputs are shown, and compared."""

    def running(self, frames: int, **changes: Any) -> Mesh:
        """Three who have played for a while."""
        mesh = Mesh(3, script=lambda player, frame: bytes([player, frame & 0xFF]), **changes)
        mesh.run(frames)
        return mesh

    def shown(self, mesh: Mesh, differ: int) -> dict[int, list[tuple[int, int]]]:
        """Return (first frame, how many) of each player that peer 1 shows peer 3."""
        one = mesh.sessions[1]
        one.remote(3).checksums.inputs_differ = differ
        shown: dict[int, list[tuple[int, int]]] = {}
        mesh.now += 1.0
        for peer, sent in packetsOf(one, mesh.now):
            if isinstance(sent, Evidence):
                self.assertEqual(peer, 3)
                for frame, text in enumerate(sent.inputs, sent.first_frame):
                    self.assertEqual(text[:2], bytes([sent.player, frame & 0xFF]))
                part = (sent.first_frame, len(sent.inputs))
                shown.setdefault(sent.player, []).append(part)
        return shown

    def test_interval(self) -> None:
        """The inputs since the report before, of every player; of a later difference anew."""
        mesh = self.running(60, checksum_interval=10)
        for _ in range(EVIDENCE_ROUNDS):
            self.assertEqual(self.shown(mesh, 19), {player: [(10, 10)] for player in (1, 2, 3)})
        for earlier in (19, 9):
            self.assertEqual(self.shown(mesh, earlier), {})
        self.assertEqual(self.shown(mesh, 29), {player: [(20, 10)] for player in (1, 2, 3)})

    def test_burst(self) -> None:
        """
        Bad input: a long interval whose inputs are said to differ is shown a few packets at
        a time, all of it; and what differs later once.
        """
        def script(player: int, frame: int) -> bytes:
            return bytes([player, frame & 0xFF]) + bytes([frame * 7 & 0xFF]) * 60

        mesh = Mesh(3, script=script, checksum_interval=100)
        mesh.run(240)
        for differ, times in ((99, EVIDENCE_ROUNDS), (199, 1)):
            counts: dict[int, int] = {}
            rounds = 0
            while shown := self.shown(mesh, differ):
                rounds += 1
                self.assertLessEqual(sum(map(len, shown.values())), EVIDENCE_PACKETS)
                for player, parts in shown.items():
                    counts[player] = counts.get(player, 0) + sum(part[1] for part in parts)
            self.assertEqual(counts, dict.fromkeys((1, 2, 3), 100 * times))
            self.assertGreater(rounds, times)

    def test_onlyFrame(self) -> None:
        """Where each frame is reported, that one."""
        mesh = self.running(30, checksum_interval=1)
        self.assertEqual(self.shown(mesh, 0), {player: [(0, 1)] for player in (1, 2, 3)})

    def test_forgotten(self) -> None:
        """What is not kept is not shown."""
        mesh = self.running(200, checksum_interval=150, history_limit=120)
        first = mesh.sessions[1]._confirmation.first_kept
        self.assertTrue(0 < first < 149)
        self.assertEqual(
            self.shown(mesh, 149), {player: [(first, 150 - first)] for player in (1, 2, 3)}
        )

    def test_compared(self) -> None:
        """From the oldest frame that is kept to the newest; each liar is told of once."""
        for place, told in (("before", 0), ("first", 1), ("last", 1), ("after", 0)):
            mesh = self.running(200, history_limit=120)
            one = mesh.sessions[1]
            final = one._confirmation
            first, last = final.first_kept, final.told
            frame = {"before": first - 1, "first": first, "last": last, "after": last + 1}[place]
            one.packetReceived(2, encodeEvidence(3, frame, [b"!!"])[0], mesh.now)
            expected = [InconsistentInputs(3, frame, 2)] * told
            self.assertEqual(list(one.drainEvents()), expected, place)

    def test_severalWrong(self) -> None:
        """Of several wrong frames the first is told; right ones and unknown ones say nothing."""
        mesh = self.running(60)
        one = mesh.sessions[1]
        right = [bytes([3, frame]) for frame in range(40)]
        one.packetReceived(2, encodeEvidence(3, 0, right)[0], mesh.now)
        self.assertEqual(list(one.drainEvents()), [])
        wrong = [*right[:7], b"!", right[8], b"!", b"!"]
        one.packetReceived(2, encodeEvidence(3, 0, wrong)[0], mesh.now)
        self.assertEqual(list(one.drainEvents()), [InconsistentInputs(3, 7, 2)])
        self.assertEqual(one.statistics.inconsistent_inputs, 1)
