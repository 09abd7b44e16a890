"""The command line of the match benchmark, and a short run of its parts; no figure is judged."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.benchmarks.match import __main__ as match
from tests.benchmarks.match import core_share, late_join, seal_open, transfer
from tests.benchmarks.match.core_share import PlayerCost, figureOf
from tests.benchmarks.match.late_join import Processor

SAID: dict[str, Any] = {
    "seconds": 10.0,
    "user": 0.2,
    "system": 0.05,
    "frames": 600,
    "confirmed": 720,
    "outcome": "finished",
    "path": "relay",
    "packets_direct": 0,
    "packets_relayed": 800,
    "rollbacks": 3,
}


def measured(*words: str) -> list[dict[str, Any]]:
    """Return the figures of the JSON object that a command line prints."""
    said = io.StringIO()
    with redirect_stdout(said):
        match.main([*words, "--json"])
    answer = json.loads(said.getvalue().splitlines()[-1])
    assert answer["benchmark"] == "match"
    figures: list[dict[str, Any]] = answer["figures"]
    for figure in figures:
        assert figure["low"] <= figure["value"] <= figure["high"], figure
    return figures


def goals(figures: list[dict[str, Any]]) -> dict[str, tuple[float | None, str]]:
    """Return the goal of each figure, and which side of it is better."""
    return {figure["name"]: (figure["goal"], figure["better"]) for figure in figures}


class CommandTests(SynchronousTestCase):
    """Issue: C{python -m tests.benchmarks.match}."""

    def test_badCommandLine(self) -> None:
        """What names nothing is refused, before anything is measured."""
        for arguments in (
            ["seal"],
            ["--rounds", "0"],
            ["--rounds", "few"],
            ["--seconds", "0"],
            ["--seconds", "nan"],
        ):
            said = io.StringIO()
            with redirect_stderr(said):
                self.assertRaises(SystemExit, match.main, arguments)
            self.assertTrue(said.getvalue())

    def test_everyPart(self) -> None:
        """Without a name each part is measured, in the extent that was asked for."""
        told: list[tuple[str, match.Extent]] = []
        figure = figureOf([PlayerCost.fromSaid(SAID)])

        def measure(name: str, extent: match.Extent) -> list[Any]:
            told.append((name, extent))
            return [figure]

        for name in match.PARTS:
            self.patch(match, "PARTS", match.PARTS | {name: partial(measure, name)})
        self.assertEqual(len(measured("--rounds", "2", "--seconds", "5")), len(match.PARTS))
        self.assertEqual(told, [(name, match.Extent(2, 5.0)) for name in match.PARTS])


class PartTests(SynchronousTestCase):
    """Issue: the figures of the section on speed, with their goals."""

    def test_sealOpen(self) -> None:
        """C{seal_open_vs_aead}: at most 3."""
        self.patch(seal_open, "_PACKETS", 50)
        figures = measured("seal_open_vs_aead", "--rounds", "2")
        self.assertEqual(goals(figures), {"seal_open_vs_aead": (3.0, "lower")})

    def test_reliableRate(self) -> None:
        """C{reliable_vs_link_rate}: at least 0.8; C{queue_delay_added_ms}: at most 20."""
        measure = transfer.measure

        def shortly(mbit: float, seconds: float, begins: tuple[float, ...], seed: int) -> Any:
            return measure(1.0, 0.25, tuple([0.0 for _ in begins]), seed)

        self.patch(transfer, "measure", shortly)
        found = goals(measured("reliable_vs_link_rate", "--rounds", "1"))
        self.assertEqual(found["reliable_vs_link_rate"], (0.8, "higher"))
        self.assertEqual(found["queue_delay_added_ms"], (20.0, "lower"))
        self.assertEqual(found["lesser_share_together"], (0.4, "higher"))

    def test_lateJoin(self) -> None:
        """C{late_join_longest_stall_ms}: at most 100; C{late_join_seconds}: at most 5."""
        self.patch(late_join, "_SETTLED", 20)
        measure = late_join.measure
        self.patch(late_join, "measure", lambda seed: measure(seed, 20_000))
        figures = measured("late_join", "--rounds", "1")
        self.assertEqual(
            goals(figures),
            {"late_join_longest_stall_ms": (100.0, "lower"), "late_join_seconds": (5.0, "lower")},
        )


class ProcessorTests(SynchronousTestCase):
    """Computing takes time, also where the world's clock stands still."""

    def test_turns(self) -> None:
        """A turn begins when the one before it has ended, and what it calls is part of it."""
        clock = [0.0]
        now = [5.0]
        self.patch(late_join, "thread_time", lambda: clock[0])
        processor = Processor(lambda: now[0])

        def work(seconds: float) -> float:
            clock[0] += seconds
            return processor.now()

        self.assertEqual(processor.now(), 5.0)
        self.assertEqual(processor.turn(work, 0.5), 5.5)
        self.assertEqual(processor.turn(processor.turn, work, 0.25), 5.75)
        self.assertEqual(processor.now(), 5.75)
        now[0] = 6.0
        self.assertEqual(processor.turn(work, 0.125), 6.125)
        self.assertEqual(processor.longest, 0.5)

    def test_whatRaises(self) -> None:
        """A turn that raises has taken its time, too."""
        processor = Processor(lambda: 1.0)
        self.assertRaises(ZeroDivisionError, processor.turn, lambda: 1 // 0)
        self.assertGreater(processor.free_at, 1.0)
        self.assertEqual(processor.turn(lambda: "next"), "next")


class CoreShareTests(SynchronousTestCase):
    """C{core_share_percent}: at most 3."""

    def test_share(self) -> None:
        """It is user and system time beside the clock's; every player is a round."""
        costs = [PlayerCost.fromSaid(SAID), PlayerCost.fromSaid({**SAID, "user": 0.4})]
        figure = figureOf(costs)
        self.assertAlmostEqual(figure.low, 2.5)
        self.assertAlmostEqual(figure.high, 4.5)
        self.assertEqual((figure.goal, figure.better), (3.0, "lower"))
        self.assertIn("user 3.00, system 0.50; 583 us a frame", figure.note)
        self.assertNotIn("idle", figure.note)
        self.assertIn("machine 42 % idle", figureOf(costs, 42.4).note)

    def test_anotherMatch(self) -> None:
        """A match that was not played to its end, or not by the relay alone, is none."""
        for other in ({"outcome": "left"}, {"packets_direct": 1}, {"path": "direct"}):
            self.assertRaises(RuntimeError, PlayerCost.fromSaid, {**SAID, **other})

    def test_seconds(self) -> None:
        """C{--seconds} says how long."""
        told: list[float] = []

        def costs(seconds: float) -> list[PlayerCost]:
            told.append(seconds)
            return [PlayerCost.fromSaid(SAID)]

        self.patch(core_share, "costsOf", costs)
        figures = measured("core_share_percent", "--seconds", "7")
        self.assertEqual(goals(figures), {"core_share_percent": (3.0, "lower")})
        self.assertEqual(told, [7.0])
