"""
Match logs of more than two players: seats, drops and states that are taken over, from real
sessions to the page.
"""

from __future__ import annotations

import html
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.inspector.comparison import DivergenceKind, compareLogs
from gamenet.inspector.page import Inspection, drawPage
from gamenet.inspector.peer_log import PeerLog
from gamenet.inspector.verdict import verdictText
from gamenet.match_log.match_log import MatchLog
from gamenet.rollback.timeline import Timeline
from gamenet.wire.match_log_records import EventRecord
from tests.match_logs import headerOf, peerLog
from tests.rollback_mesh import Mesh

__all__ = ["LoggedMesh", "MeshTests"]


class LoggedMesh(Mesh):
    """A mesh whose peers all write a log."""

    def __init__(self, players: int, **settings: Any) -> None:
        super().__init__(players, **settings)
        self.lines: dict[int, list[bytes]] = {}
        self.logs: dict[int, MatchLog] = {}
        for peer, session in self.sessions.items():
            header = headerOf(
                peer,
                players=players,
                local_players=tuple(session.settings.local_players),
                seating=(),
            )
            self.lines[peer] = []
            self.logs[peer] = log = MatchLog(self.lines[peer].append, header)
            self.timelines[peer] = Timeline(log.watched(self.games[peer]), session)
            self.listen(peer)

    def listen(self, peer: int) -> None:
        """Let a peer's log hear what its timeline applies and its session tells."""
        session, timeline, log = self.sessions[peer], self.timelines[peer], self.logs[peer]

        class Heard:
            """Stands before a session or a timeline."""

            def __init__(self, behind: Any) -> None:
                self.behind = behind

            def __getattr__(self, name: str) -> Any:
                return getattr(self.behind, name)

            def apply(heard, steps: Any) -> None:
                timeline.apply(steps)
                log.ticked(self.now, steps, session)

            def drainEvents(heard) -> Any:
                events = session.drainEvents()
                for event in events:
                    log.told(self.now, event)
                return events

        self.timelines[peer] = Heard(timeline)  # type: ignore[assignment]
        self.sessions[peer] = Heard(session)  # type: ignore[assignment]

    def read(self) -> list[PeerLog]:
        """Return every peer's log, as far as it was written."""
        logs = [peerLog(b"".join(lines), f"{peer}") for peer, lines in self.lines.items()]
        for log in logs:
            log.settle()
        return logs


class MeshTests(SynchronousTestCase):
    """Matches of more than two players."""

    def shown(self, logs: list[PeerLog]) -> tuple[str, str]:
        """Return what is printed of logs, and the page."""
        comparison = compareLogs(logs)
        text = verdictText(logs, comparison, ())
        return text, drawPage(Inspection(tuple(logs), comparison, ())).decode()

    def test_seats(self) -> None:
        """Done when: per frame and peer, with several players at one peer."""
        mesh = LoggedMesh(4, seed=3, loss=0.1, jitter=2.0, seating=((1, 3), (2,), (4,)))
        mesh.run(150)
        mesh.common()
        logs = mesh.read()
        self.assertEqual([log.label for log in logs], ["players 1, 3", "player 2", "player 4"])
        text, page = self.shown(logs)
        self.assertIn("no divergence in", text)
        self.assertIn("players 1, 3", page)
        for log in logs:
            self.assertEqual(log.unexplained, [])
            self.assertGreater(log.mispredicted, 10)
            for player in log.header.local_players:
                self.assertEqual({marks[player - 1] for marks in log.marks.values()}, {"k"})

    def test_planted(self) -> None:
        """Done when: exactly its frame, and of three peers the one that differs."""
        mesh = LoggedMesh(3, seed=1, jitter=1.0)
        mesh.games[2].corrupt_at = 47
        mesh.run(120)
        divergence = compareLogs(mesh.read()).divergence
        assert divergence is not None
        self.assertEqual((divergence.kind, divergence.frame), (DivergenceKind.STATE, 47))
        self.assertEqual((divergence.reference, divergence.other), (0, 1))

    def test_drop(self) -> None:
        """A player who is dropped: the survivors' logs agree, and tell of it."""
        mesh = LoggedMesh(3, seed=5)
        mesh.run(60)
        mesh.dead.add(3)
        mesh.run(400)
        logs = mesh.read()
        self.assertIsNone(compareLogs(logs).divergence)
        for log in logs[:2]:
            self.assertEqual(log.unexplained, [])
            self.assertGreater(log.last_frame, logs[2].last_frame + 60)
            told = [event.name for event in log.events if isinstance(event, EventRecord)]
            self.assertTrue([name for name in told if "Drop" in name], told)
            self.assertTrue(log.absent)
        self.assertIn("stalled", self.shown(logs)[1])

    def test_repaired(self) -> None:
        """A state that was repaired: the divergence stays found, and so is its end."""
        mesh = LoggedMesh(2, seed=2, checksum_interval=30, state_exchange_interval=60)
        mesh.games[2].corrupt_at = 47
        mesh.run(300)
        logs = mesh.read()
        comparison = compareLogs(logs)
        assert comparison.divergence is not None
        self.assertEqual(comparison.divergence.frame, 47)
        self.assertLess(max(comparison.differing_states), 100)
        self.assertEqual(logs[0].restored, [])
        self.assertEqual(logs[1].restored, [60])
        self.assertEqual([log.unexplained for log in logs], [[], []])
        taken = [each for each in logs[1].rollbacks if each.load == 60]
        self.assertTrue(taken)
        text, page = self.shown(logs)
        for shown in (text, html.unescape(page)):
            self.assertIn("took over another peer's state before frame 60", shown)
        self.assertIn("StateTakenOver", page)

    def test_sparse(self) -> None:
        """Sessions that save seldom: between which two frames it happened is said."""
        mesh = LoggedMesh(3, seed=4, jitter=1.0, sparse_saving=True, checksum_interval=20)
        mesh.games[3].corrupt_at = 47
        mesh.run(150)
        logs = mesh.read()
        divergence = compareLogs(logs).divergence
        assert divergence is not None
        self.assertEqual((divergence.frame, divergence.equal_before), (59, 39))
        self.assertEqual([log.unexplained for log in logs], [[], [], []])
