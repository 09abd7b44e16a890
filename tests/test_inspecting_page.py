"""The page on inspecting a match, run as it is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.inspector.comparison import compareLogs
from gamenet.match_log.match_log import MatchLog, MatchLogSettings
from gamenet.rollback.settings import RollbackSettings
from tests.match_logs import headerOf, loggedDuel, peerLog, read
from tests.rollback_pipe import Duel, HashGame, Link, Player, pressed
from tests.test_rollback_pages import printed

__all__ = ["InspectingTests"]

PAGE = (Path(__file__).parents[1] / "docs" / "inspecting.rst").read_text()


class FakeMatch:
    """A match as far as the page asks it."""

    player = 2

    def logHeader(self) -> Any:
        """Return the log's header."""
        return headerOf(2)


class InspectingTests(SynchronousTestCase):
    """Done when: each example of a page runs as a test."""

    def test_ownMatch(self) -> None:
        """The printed protocol begins the log with the match, into a file."""
        directory = Path(self.mktemp())
        directory.mkdir()
        peer = printed("inspecting")["LoggedPeer"](str(directory))
        peer.matchStarted(FakeMatch())
        peer.log.noted(1.0, "a remark")
        peer.log.closed(2.0, "finished")
        peer.matchEnded(None)
        _, records = read((directory / "player-2.gamelog").read_bytes())
        self.assertEqual(len(records), 2)

    def test_ownLoop(self) -> None:
        """The printed loop writes logs that can be compared."""
        names = printed("inspecting")
        rules = [RollbackSettings(local_player=n, last_frame=59) for n in (1, 2)]
        duel = Duel((rules[0], rules[1]), Link(latency=3), 1)
        lines: dict[int, list[bytes]] = {1: [], 2: []}

        class Logged(Player):
            __slots__ = ("log",)

            def tick(self, now: float) -> None:
                frame = self.session.inputFrame()
                text = None if frame is None else self.script(frame)
                names["tick"](self.log, self.session, self.timeline, text, now)

        for number, player in list(duel.players.items()):
            log, game = MatchLog(), HashGame()
            game.corrupt_at = 20 if number == 2 else None
            timeline = names["loggedTimeline"](log, game, player.session, lines[number].append)
            script = lambda frame, n=number: pressed(1, n, frame)  # noqa: E731
            duel.players[number] = Logged(player.session, game, timeline, script)
            duel.players[number].log = log  # type: ignore[attr-defined]
        self.assertTrue(duel.runUntilFinished(500))
        logs = [peerLog(b"".join(lines[number])) for number in (1, 2)]
        divergence = compareLogs(logs).divergence
        assert divergence is not None
        self.assertEqual(divergence.frame, 20)

    def test_numbers(self) -> None:
        """The limits on the page are those of the code; an hour's log is as long as it says."""
        limits = MatchLogSettings()
        self.assertIn(f"at most {limits.size_limit >> 20} MiB", PAGE)
        self.assertIn(f"at most {limits.every_frame_limit} bytes", PAGE)
        frames = 600
        size = max(map(len, loggedDuel(frames)))
        minutes = limits.size_limit / (size / frames) / 60 / 60
        self.assertGreater(minutes, 45)
        self.assertLess(minutes, 90)
