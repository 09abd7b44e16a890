"""Runs test cases in a process of its own, under a reactor by name."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase, TestCase

__all__ = ["runUnder"]


def runUnder(asking: SynchronousTestCase, name: str, *cases: type[TestCase]) -> None:
    """
    Run every test of C{cases}; the summary must say that none failed, was skipped, or
    was not there.

    @param asking: The test that wants it.
    @param name: The reactor's, as C{trial --reactor} knows it.
    """
    folder = tempfile.mkdtemp()
    asking.addCleanup(shutil.rmtree, folder)
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "twisted.trial", f"--reactor={name}"),
            f"--temp-directory={folder}/trial",
            *(f"{case.__module__}.{case.__name__}" for case in cases),
        ],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    expected = sum(name.startswith("test_") for case in cases for name in dir(case))
    asking.assertTrue(
        re.search(rf"^PASSED \(successes={expected}\)$", finished.stdout, re.M),
        finished.stdout[-3000:] + finished.stderr[-3000:],
    )
