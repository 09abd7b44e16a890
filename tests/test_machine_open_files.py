"""Tests of L{gamenet.machine.open_files}: a soft limit that is raised, or named."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.machine import open_files
from gamenet.machine.open_files import raiseOpenFiles
from tests.twistd_process import ROOT, environment

INFINITY = -1


class System:
    """The limits of a process, in the place of the module C{resource}."""

    def __init__(self, soft: int, hard: int, kernel: int = 1 << 20) -> None:
        self.limits = (soft, hard)
        self.kernel = kernel
        self.module = SimpleNamespace(
            RLIMIT_NOFILE=7,
            RLIM_INFINITY=INFINITY,
            getrlimit=self.getrlimit,
            setrlimit=self.setrlimit,
        )

    def getrlimit(self, which: int) -> tuple[int, int]:
        """Return both limits."""
        assert which == 7
        return self.limits

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        """Set both, as the system would."""
        assert which == 7
        soft, hard = limits
        if hard != self.limits[1] or soft > self.kernel or (hard != INFINITY and soft > hard):
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits


class OpenFilesTests(SynchronousTestCase):
    """L{raiseOpenFiles}."""

    def use(self, system: System) -> System:
        """Have that system's limits."""
        self.patch(open_files, "resource", system.module)
        return system

    def test_raised(self) -> None:
        """A soft limit that is too low is raised to what is needed, up to the hard one."""
        for needed in (1025, 5_000, 20_000):
            system = self.use(System(1024, 20_000))
            self.assertEqual(raiseOpenFiles(needed), needed)
            self.assertEqual(system.limits, (needed, 20_000))

    def test_enough(self) -> None:
        """A soft limit that is high enough is never lowered."""
        for needed in (1, 1023, 1024):
            system = self.use(System(1024, 20_000))
            self.assertEqual(raiseOpenFiles(needed), 1024)
            self.assertEqual(system.limits, (1024, 20_000))

    def test_unlimited(self) -> None:
        """No limit is as good as any: a hard one is raised to, a soft one left alone."""
        system = self.use(System(1024, INFINITY))
        self.assertEqual(raiseOpenFiles(5_000), 5_000)
        self.assertEqual(system.limits, (5_000, INFINITY))
        system = self.use(System(INFINITY, INFINITY))
        self.assertEqual(raiseOpenFiles(5_000), 5_000)
        self.assertEqual(system.limits, (INFINITY, INFINITY))

    def test_refused(self) -> None:
        """A refusal to start by name: what is needed, what is allowed, and what to do."""
        self.patch(sys, "platform", "linux")
        system = self.use(System(1024, 4096))
        error = self.assertRaises(BadSetting, raiseOpenFiles, 4097)
        for word in ("4097", "4096", "LimitNOFILE", "limits.conf"):
            self.assertIn(word, str(error))
        self.assertEqual(system.limits, (1024, 4096))

    def test_refusedElsewhere(self) -> None:
        """The advice of Linux is not given to others."""
        self.patch(sys, "platform", "darwin")
        self.use(System(256, 300))
        error = self.assertRaises(BadSetting, raiseOpenFiles, 1000)
        self.assertIn("raise the hard limit", str(error))
        self.assertNotIn("systemd", str(error))

    def test_refusedByTheKernel(self) -> None:
        """A limit that the kernel has besides is met by name as well, and not by a traceback."""
        system = self.use(System(1024, INFINITY, kernel=10_000))
        error = self.assertRaises(BadSetting, raiseOpenFiles, 10_001)
        self.assertIn("10001", str(error))
        self.assertIn("not allowed", str(error))
        self.assertEqual(system.limits, (1024, INFINITY))

    def test_noLimits(self) -> None:
        """Where there is no module C{resource} (Windows) nothing is done."""
        self.patch(open_files, "resource", None)
        self.assertEqual(raiseOpenFiles(1 << 30), 1 << 30)

    def test_thisSystem(self) -> None:
        """The real limit of a real process is raised."""
        text = (
            "import resource as r; from gamenet.machine.open_files import raiseOpenFiles as f;"
            "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]; r.setrlimit(r.RLIMIT_NOFILE, (100, hard));"
            "f(200); print(r.getrlimit(r.RLIMIT_NOFILE)[0])"
        )
        finished = subprocess.run(
            [sys.executable, "-c", text],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        self.assertEqual(finished.stdout, "200\n")

    if open_files.resource is None:
        test_thisSystem.skip = "the platform has no such limit"  # type: ignore[attr-defined]
