"""Tests of the C{gamenet} command: what it runs, and what it says when it runs nothing."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

import gamenet
from gamenet import cli
from gamenet.demo import command
from tests.twistd_process import ROOT, environment


class CommandTests(SynchronousTestCase):
    """The dispatch to subcommands."""

    def run_(self, *arguments: str) -> tuple[int, str, str]:
        """Return the exit status and what was printed on either stream."""
        output, errors = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", output)
        self.patch(sys, "stderr", errors)
        return cli.main(arguments), output.getvalue(), errors.getvalue()

    def test_help(self) -> None:
        """Asked for help it names the subcommands, on standard output."""
        for argument in ("-h", "--help", "help"):
            status, output, errors = self.run_(argument)
            self.assertEqual((status, errors), (0, ""))
            self.assertIn("usage: gamenet", output)
            self.assertIn("  demo ", output)

    def test_version(self) -> None:
        """Asked for its version it says it."""
        self.assertEqual(self.run_("--version"), (0, f"gamenet {gamenet.__version__}\n", ""))

    def test_nothing(self) -> None:
        """Without a subcommand it tells which there are, and fails."""
        status, output, errors = self.run_()
        self.assertEqual((status, output), (2, ""))
        self.assertIn("usage: gamenet", errors)

    def test_unknown(self) -> None:
        """Bad input: what is no subcommand is quoted, and fails."""
        for wrong in ("dmeo", "--frames", ""):
            status, output, errors = self.run_(wrong)
            self.assertEqual((status, output), (2, ""))
            self.assertIn(f"there is no command {wrong!r}", errors)

    def test_demo(self) -> None:
        """The demo gets its own arguments, and its status is the command's."""
        given: list[Sequence[str]] = []
        self.patch(command, "main", lambda arguments: given.append(arguments) or 7)
        self.assertEqual(self.run_("demo", "--frames", "9"), (7, "", ""))
        self.assertEqual(given, [["--frames", "9"]])

    def test_processArguments(self) -> None:
        """Called without arguments it takes the process's."""
        self.patch(sys, "argv", ["gamenet", "--version"])
        self.patch(sys, "stdout", io.StringIO())
        self.assertEqual(cli.main(), 0)

    def test_lightImport(self) -> None:
        """The command itself loads neither Twisted's reactor nor the demo."""
        listed = "[name for name in sys.modules if 'reactor' in name or 'demo' in name]"
        code = f"import sys, gamenet.cli; print({listed})"
        finished = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        self.assertEqual(finished.stdout, "[]\n")

    def test_module(self) -> None:
        """C{python -m gamenet} is the same command, down to its exit status."""
        finished = subprocess.run(
            [sys.executable, "-m", "gamenet", "nonsense"],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(finished.returncode, 2)
        self.assertIn("'nonsense'", finished.stderr)
