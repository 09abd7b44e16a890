"""
The bits of fixed-point results: the same for ever, in every process, from integers alone.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import gamenet.fixed_point
from tests.fixed_point_golden import digest

#: Never changes: replays and snapshots of games depend on every bit.
GOLDEN = "5ea07a2f3145c74e119da48f9985af06"


class GoldenTests(SynchronousTestCase):
    """Thousands of results as one digest."""

    def test_digest(self) -> None:
        """Every result is what it always was; other Pythons run this very test."""
        self.assertEqual(digest(), GOLDEN)

    def test_anyHashSeed(self) -> None:
        """Other processes with other PYTHONHASHSEEDs get the same, hashes included."""
        for seed in ("0", "4242"):
            environment = {**os.environ, "PYTHONHASHSEED": seed}
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
            printed = subprocess.run(
                [sys.executable, "-m", "tests.fixed_point_golden"],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual(printed.stdout.strip(), GOLDEN)


class SourceTests(SynchronousTestCase):
    """Nothing that could differ between machines is computed with."""

    def test_integersOnly(self) -> None:
        """No float, one true division (to draw), and of C{math} only C{isqrt}."""
        divisions = []
        for path in sorted(Path(gamenet.fixed_point.__file__).parent.glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant):
                    self.assertNotIsInstance(node.value, (float, complex))
                elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
                    divisions.append(ast.unparse(node))
                elif isinstance(node, ast.ImportFrom) and node.module == "math":
                    self.assertEqual([alias.name for alias in node.names], ["isqrt"])
                elif isinstance(node, ast.Import):
                    self.assertLessEqual({alias.name for alias in node.names}, {"re", "struct"})
        self.assertEqual(divisions, ["raw / ONE"])
