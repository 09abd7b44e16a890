"""The page on effects and drawing, run as it is printed."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from textwrap import dedent
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gamenet.match import MatchResult, MatchSettings, Outcome
from gamenet.replay.playback import Playback
from gamenet.replay.replay import Replay
from gamenet.rollback.effects import EffectTracker
from tests.scenes import TwoPlayers, seatedPlayers

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:    .*\n|\n)+)", re.MULTILINE)


def printed(page: str) -> dict[str, Any]:
    """Return the names that a page's code blocks define, run one after the other."""
    namespace: dict[str, Any] = {"__name__": page}
    for source in BLOCK.findall((DOCS / f"{page}.rst").read_text()):
        exec(compile(dedent(source), page, "exec"), namespace)
    return namespace


class DrawingPageTests(SynchronousTestCase):
    """Done when: each example of a page runs as a test."""

    def setUp(self) -> None:
        """Begin the printed game on both sides."""
        self.names = printed("drawing")
        self.scene: TwoPlayers = seatedPlayers(latency=0.12)
        self.players = [self.names["BouncePlayer"]() for _ in range(2)]
        self.files: list[list[bytes]] = [[], []]
        self.playing: list[Deferred[MatchResult]] = [
            self.names["play"](seat.session, player, file.append)
            for seat, player, file in zip(
                self.scene.seats, self.players, self.files, strict=True
            )
        ]

    def test_effects(self) -> None:
        """What is heard in the end is what happened in the match, on both sides."""
        results = [self.scene.network.runUntil(each, 30.0) for each in self.playing]
        self.assertEqual([each.outcome for each in results], [Outcome.FINISHED] * 2)
        replay = Replay.read(self.files[0])
        self.assertEqual(self.files[0], self.files[1])
        digest = MatchSettings(frames=600, rules="bounce 1.0").digest(2)
        self.assertEqual(replay.header.digest, digest)
        effects = EffectTracker()
        game = self.names["Bounce"](effects)
        happened = []
        for index in range(len(replay.records)):
            for inputs in replay.inputs(index):
                effects.begin(effects.newest_frame + 1)
                game.advance(inputs)
                happened += [
                    (each.frame, each.key, each.payload)
                    for each in effects.settle(effects.newest_frame - 1)
                    if type(each).__name__ == "Played"
                ]
        self.assertGreater(len(happened), 5)
        for player in self.players:
            self.assertEqual(sorted(player.sounds.values()), sorted(happened))
        self.assertGreater(sum(player.cancelled for player in self.players), 0)
        playback = Playback(replay, self.names["Bounce"](_Deaf()), digest=digest)
        self.assertIsNone(playback.verify())

    def test_drawing(self) -> None:
        """Between two frames the balls are drawn at places in between."""
        network = self.scene.network
        network.runUntil(lambda: self.players[0].match is not None, 10.0)
        network.advance(1.0)
        shown = []
        for _ in range(8):
            network.advance(1 / 240)
            with redirect_stdout(StringIO()) as screen:
                self.names["draw"](self.players[0].match)
            shown.append(screen.getvalue())
        self.assertEqual(len(shown[0].splitlines()), 2)
        self.assertRegex(shown[0], r"^ball 0 at \d+\.\d, 100\.0\n")
        self.assertGreater(len(dict.fromkeys(shown)), 6)


class _Deaf:
    """Something to announce effects to that nobody wants to hear."""

    def announce(self, key: object, payload: object) -> None:
        """Do nothing."""
