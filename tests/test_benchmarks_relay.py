"""The pure parts of the relay benchmark; nothing is started, and no figure is judged."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stderr

from twisted.trial.unittest import SynchronousTestCase

from tests.benchmarks import relay, relay_generator
from tests.benchmarks.relay_generator import Binding, Flow, Load, Traffic, planOf, readTraffic
from tests.benchmarks.relay_rows import ROWS, Pair, Row, figureOf, rowsNamed
from tests.benchmarks.relay_servers import findNumber

STEADY = Row("direct", Load(6_000, 1.0, 0.1), "6k", 0.75)
SATURATED = Row("direct", Load(None, 1.0, 0.1), "saturated", 0.80)

SAID: dict[str, float] = {
    "sent": 1000,
    "delivered": 990,
    "meanwhile": 980,
    "all_delivered": 1090,
    "cpu_ns": 9_900_000,
    "seconds": 0.5,
    "wrong": 0,
    "stale": 7,
    "misordered": 0,
    "refused": 0,
    "dropped_here": 0,
    "p50_us": 20.5,
    "p99_us": 99.0,
}


def traffic(cost: float, sent: int = 1000, delivered: int = 1000) -> Traffic:
    """Return what came of a run, at a cost in microseconds a packet."""
    return Traffic(
        sent=sent,
        delivered=delivered,
        all_delivered=delivered,
        meanwhile=delivered,
        cpu=cost * delivered / 1e6,
        seconds=1.0,
        p50=20.0,
        p99=100.0,
    )


class RowTests(SynchronousTestCase):
    """Issue: speed, as ratios in one run of C{python -m tests.benchmarks.relay}."""

    def test_names(self) -> None:
        """Every ratio of the issue is there, with its goal."""
        self.assertEqual(
            {row.name(): row.goal for row in ROWS},
            {
                "direct_1k_vs_coturn": None,
                "direct_6k_vs_coturn": 0.75,
                "direct_saturated_vs_coturn": 0.80,
                "short_cut_1k_vs_coturn": 1.0,
                "short_cut_6k_vs_coturn": 1.0,
                "short_cut_40k_vs_coturn": 1.0,
                "short_cut_saturated_vs_coturn": 1.4,
                "binding_vs_coturn": 0.85,
            },
        )

    def test_loads(self) -> None:
        """Nk is N thousand packets a second; the others are saturated."""
        for row in ROWS:
            thousands = re.fullmatch(r"(\d+)k", row.pace)
            self.assertEqual(row.load.rate, int(thousands[1]) * 1000 if thousands else None)

    def test_words(self) -> None:
        """A word names a kind of traffic, what is saturated, or one row."""

        def named(*words: str) -> list[str]:
            return [row.name().removesuffix("_vs_coturn") for row in rowsNamed(words)]

        self.assertEqual(named("direct"), ["direct_1k", "direct_6k", "direct_saturated"])
        self.assertEqual(named("saturated"), ["direct_saturated", "short_cut_saturated", "binding"])
        self.assertEqual(
            named("short_cut_6k", "direct_1k_vs_coturn"), ["direct_1k", "short_cut_6k"]
        )
        self.assertEqual(named(), [])
        self.assertRaises(ValueError, rowsNamed, ["direct", "indirect"])

    def test_badCommandLine(self) -> None:
        """What names nothing is refused, before anything is started."""
        for arguments in (["indirect"], ["--rounds", "0"], ["--rounds", "few"]):
            said = io.StringIO()
            with redirect_stderr(said):
                self.assertRaises(SystemExit, relay.main, arguments)
            self.assertTrue(said.getvalue())


class FigureTests(SynchronousTestCase):
    """What the rounds come to."""

    def test_medianOfRatios(self) -> None:
        """It is the median of the rounds' ratios, not the ratio of medians."""
        pairs = [
            Pair(traffic(10.0), traffic(20.0)),
            Pair(traffic(30.0), traffic(25.0)),
            Pair(traffic(20.0), traffic(10.0)),
        ]
        figure = figureOf(STEADY, pairs)
        self.assertEqual((figure.value, figure.low, figure.high), (1.2, 0.5, 2.0))
        self.assertTrue(figure.met())
        self.assertIn("us a packet 20.00 / 20.00", figure.note)
        self.assertIn("p99 100 / 100 us", figure.note)
        self.assertIn("loss 0.00% / 0.00%", figure.note)

    def test_lossOfSteadyLoad(self) -> None:
        """Loss is below 1 % when not saturated, else the row says so."""
        for delivered, valid in ((9901, True), (9899, False)):
            pairs = [Pair(traffic(10.0, 10_000, delivered), traffic(9.0, 6000, 6000))]
            self.assertEqual("NOT VALID" not in figureOf(STEADY, pairs).note, valid)

    def test_sentOfSteadyLoad(self) -> None:
        """A row whose generator could not keep to the rate says so."""
        for sent, valid in ((5500, True), (5300, False)):
            pairs = [Pair(traffic(10.0, 6000, 6000), traffic(9.0, sent, sent))]
            self.assertEqual("NOT VALID" not in figureOf(STEADY, pairs).note, valid)

    def test_offeredWhenSaturated(self) -> None:
        """Twice what is delivered is offered, and where that is not so, the row says so."""
        for delivered, valid in ((500, True), (800, False)):
            pairs = [Pair(traffic(10.0, 1000, 500), traffic(9.0, 1000, delivered))]
            note = figureOf(SATURATED, pairs).note
            self.assertEqual("NOT VALID" not in note, valid)
            self.assertIn("offered 2.00 / ", note)


class GeneratorTests(SynchronousTestCase):
    """What the generator is told, and what it says."""

    def test_plan(self) -> None:
        """A steady load has no spinner, and each flow has a line."""
        plan = planOf([Flow(5, 6, 0x4000, 0), Binding(7)], STEADY.load, 99, 3).splitlines()
        self.assertEqual(plan[-2:], ["flow 5 6 16384 0", "binding 7"])
        self.assertEqual(plan[:2], ["run 3", "server 99"])
        self.assertIn(f"core {relay_generator.GENERATOR_CORE}", plan)
        self.assertIn("rate 6000", plan)
        self.assertNotIn("spinner", " ".join(plan))

    def test_saturatedPlan(self) -> None:
        """A spinner shares the server's core."""
        plan = planOf([Binding(7)], SATURATED.load, 99, 3).splitlines()
        self.assertIn("rate 0", plan)
        self.assertIn(f"spinner {relay_generator.SERVER_CORE}", plan)

    def test_traffic(self) -> None:
        """Costs are per packet delivered; leftovers of an earlier run count for nothing."""
        read = readTraffic(json.dumps(SAID))
        self.assertAlmostEqual(read.cost(), 10.0)
        self.assertAlmostEqual(read.loss(), 0.01)
        self.assertAlmostEqual(read.rate(), 1960.0)
        self.assertAlmostEqual(read.offered(), 1000 / 980)
        self.assertEqual(read.all_delivered, 1090)

    def test_faults(self) -> None:
        """A packet at the wrong place, twice, unsent or lost at our end ends the benchmark."""
        for name in ("wrong", "misordered", "refused", "dropped_here"):
            with self.assertRaisesRegex(RuntimeError, name):
                readTraffic(json.dumps({**SAID, name: 1}))

    def test_silence(self) -> None:
        """So does a server that delivers nothing."""
        with self.assertRaisesRegex(RuntimeError, "nothing of 1000"):
            readTraffic(json.dumps({**SAID, "delivered": 0, "meanwhile": 0}))


class CounterTests(SynchronousTestCase):
    """The counter of short cuts, read from the status page."""

    def test_find(self) -> None:
        """It is found wherever the page has it."""
        page = {"service": "x", "counters": {"packets": {"short_cut_packets": 12}, "dropped": 3}}
        self.assertEqual(findNumber(page, "short_cut_packets"), 12)
        self.assertEqual(findNumber({"short_cut_packets": 0}, "short_cut_packets"), 0)
        self.assertIsNone(findNumber(page, "bindings"))
        self.assertIsNone(findNumber("service", "service"))
