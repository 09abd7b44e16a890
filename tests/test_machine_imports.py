"""A player's modules can be imported where the names that only Linux has are missing."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.twistd_process import ROOT, environment


class ImportTests(SynchronousTestCase):
    """In a process of its own, which takes the names away."""

    def test_withoutLinuxNames(self) -> None:
        """Every module from the values to the protocols, and a socket in use."""
        finished = subprocess.run(
            [sys.executable, "-m", "tests.without_linux_names"],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(finished.returncode, 0, finished.stderr)
        self.assertRegex(finished.stdout, r"^\d{2,} modules\n$")
