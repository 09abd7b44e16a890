"""The rollback benchmark runs, in tiny sizes; no figure that depends on the machine is judged."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import redirect_stdout

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.benchmarks import rollback
from tests.benchmarks.figures import Figure, fromRounds, report
from tests.benchmarks.rollback_fortress import CELLS, besideFortress
from tests.benchmarks.rollback_memory import inMemory
from tests.benchmarks.rollback_profiles import onProfiles
from tests.benchmarks.rollback_ratios import ratios
from tests.benchmarks.rollback_wire import onTheWire
from tests.rollback_worlds.profiles import profileNamed


def printed(figures: Sequence[Figure], arguments: Sequence[str]) -> str:
    """Return what is printed of figures."""
    written = io.StringIO()
    with redirect_stdout(written):
        report("rollback", figures, arguments)
    return written.getvalue()


class SectionTests(SynchronousTestCase):
    """Issue: speed, as ratios in one run of C{python -m tests.benchmarks.rollback}."""

    def test_ratios(self) -> None:
        """The three ratios have the issue's names and goals, and go back at every tick."""
        figures = ratios(rounds=2, ticks=30)
        self.assertEqual(
            [(figure.name, figure.goal) for figure in figures[:3]],
            [
                ("determinism_check_ratio", 1.6),
                ("mispredicted_ratio", 2.5),
                ("steady_ratio", 0.7),
            ],
        )
        for figure in figures:
            self.assertGreaterEqual(figure.value, 0.0)

    def test_wire(self) -> None:
        """Issue: at most 62 packets and 1 600 bytes a second, the worse of two peers."""
        figures = {figure.name: figure for figure in onTheWire((2, 3), first=4, last=10)}
        for name in ("packets_per_second_2p", "bytes_per_second_2p"):
            self.assertTrue(figures[name].met(), figures[name])
        self.assertEqual(
            figures["packets_per_second_3p_peer"].value,
            2 * figures["packets_per_second_3p"].value,
        )

    def test_besideFortress(self) -> None:
        """Issue: rollbacks and stalls at most 1.1 times theirs, bytes at most 0.7 times."""
        compared = [cell for cell in CELLS if cell.compared]
        self.assertEqual(len(compared), 4)
        figures = besideFortress(compared[:2], seeds=1, steps=400)
        self.assertEqual(len(figures), 10)
        for figure in figures:
            self.assertTrue(figure.met(), figure)
            self.assertIn("theirs", figure.note)

    def test_besideFortressDrawn(self) -> None:
        """Peers that begin at drawn steps, and inputs of 32 bytes."""
        cell = attrs.evolve(CELLS[3], begins=(), width=32, compared=False)
        (rollbacks, *others) = besideFortress([cell], seeds=2, steps=200)
        self.assertGreater(rollbacks.value, 0)
        self.assertEqual({figure.goal for figure in others}, {None})

    def test_profiles(self) -> None:
        """Issue: the link profiles are reported."""
        figures = onProfiles((profileNamed("terrible"),), players=(2,), seconds=6)
        found = {figure.name: figure.value for figure in figures}
        self.assertGreater(found["terrible_2p_rollbacks"], 0)
        self.assertGreater(found["terrible_2p_stalls"], 0)
        self.assertLess(found["terrible_2p_frames"], 60)

    def test_memory(self) -> None:
        """Issue: a session grows by at most 256 kB; here from frame 600 to 2 400."""
        (figure,) = inMemory(first=600, last=2400)
        self.assertTrue(figure.met(), figure)


class ReportTests(SynchronousTestCase):
    """The figures are printed for people and for programs."""

    def test_marksGoals(self) -> None:
        """A goal is met or missed in words, and there is one JSON object at the end."""
        figures = [
            fromRounds("one", [1.0, 3.0, 2.0], "us", goal=2.0, better="lower", note="so"),
            fromRounds("two", [1.0], "", goal=2.0, better="higher"),
        ]
        *table, last = printed(figures, ["--json"]).splitlines()
        self.assertIn("met", table[1])
        self.assertIn("(so)", table[1])
        self.assertIn("MISSED", table[2])
        rows = json.loads(last)["figures"]
        self.assertEqual(rows[0]["value"], 2.0)
        self.assertEqual(rows[1]["goal"], 2.0)

    def test_namedSections(self) -> None:
        """The sections that are named are run, and no other."""
        self.patch(
            rollback,
            "SECTIONS",
            {name: lambda name=name: [fromRounds(name, [1.0], "", better="lower")]
             for name in rollback.SECTIONS},
        )  # fmt: skip
        written = io.StringIO()
        with redirect_stdout(written):
            rollback.main(["memory", "--json"])
        figures = json.loads(written.getvalue().splitlines()[-1])["figures"]
        self.assertEqual([row["name"] for row in figures], ["memory"])
        with redirect_stdout(written):
            rollback.main(["--json"])
        figures = json.loads(written.getvalue().splitlines()[-1])["figures"]
        self.assertEqual([row["name"] for row in figures], ["ratios", "wire", "fortress"])

    def test_unknownSection(self) -> None:
        """A section that is none ends the program with the names of all."""
        with self.assertRaises(SystemExit) as caught:
            rollback.main(["speed"])
        self.assertIn("ratios", str(caught.exception))
