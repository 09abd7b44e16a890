"""The page on determinism, run as it is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

PAGE = Path(__file__).parents[1] / "docs" / "determinism.rst"


def printedExamples() -> str:
    """Return all code blocks of the page as one program, each line at its number in the page."""
    program: list[str] = []
    in_example = False
    for line in PAGE.read_text().splitlines():
        in_example = line == ".. code-block:: python" or (in_example and line[:1] in ("", " "))
        program.append(line[4:] if in_example and line.startswith("    ") else "")
    return "\n".join(program)


class DeterminismPageTests(SynchronousTestCase):
    """Done when: each example of the page runs as a test."""

    def setUp(self) -> None:
        """Run the page."""
        self.names: dict[str, Any] = {"__name__": "determinism"}
        exec(compile(printedExamples(), str(PAGE), "exec"), self.names)

    def test_theExampleGame(self) -> None:
        """The examples' own assertions hold, and the game moved."""
        names = self.names
        self.assertNotEqual(names["final"], names["makeMeteors"]().save())

    def test_theCheckFinds(self) -> None:
        """The printed check finds state that is not saved, and a load that forgets."""
        names = self.names

        class Forgetful(names["Meteors"]):  # type: ignore[misc]
            def load(self, snapshot: bytes) -> None:
                random = self.random.save()
                super().load(snapshot)
                self.random.load(random)

        def make() -> Forgetful:
            game = Forgetful()
            game.begin(7)
            return game

        error = self.assertRaises(
            AssertionError, names["assertDeterministic"], make, names["script"]
        )
        self.assertEqual(str(error), "frame 0 differs")

    def test_otherProcesses(self) -> None:
        """The example's last snapshot is the same under any PYTHONHASHSEED."""
        program = printedExamples() + "\nprint(final.hex())\n"
        for seed in ("1", "77"):
            environment = {**os.environ, "PYTHONHASHSEED": seed}
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
            printed = subprocess.run(
                [sys.executable, "-c", program],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual(printed.stdout.strip(), self.names["final"].hex())
