"""The quickstart of the documentation, typed into terminals as it is printed; real sockets."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.twistd_process import ROOT, environment

QUICKSTART = ROOT / "docs" / "quickstart.rst"


class Terminal(ProcessProtocol):
    """
    One terminal: a shell that runs what was typed.

    @ivar output: What stands on it.
    @ivar ended: Fires with its exit status.
    """

    def __init__(self, typed: str, folder: Path) -> None:
        self.output = ""
        self.ended: Deferred[int] = Deferred()
        self._waiting: list[tuple[str, Deferred[None]]] = []
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        spawn: Any = reactor.spawnProcess  # type: ignore[attr-defined]
        self._process = spawn(
            self,
            "/bin/sh",
            ["sh", "-c", f"exec {typed}" if typed.startswith("twistd") else typed],
            {**environment(), "PATH": path, "PYTHONUNBUFFERED": "1"},
            path=str(folder),
        )

    def shows(self, text: str) -> Deferred[None]:
        """Return a Deferred that fires when C{text} stands on the terminal."""
        shown: Deferred[None] = Deferred()
        self._waiting.append((text, shown))
        self._look()
        return shown

    def stop(self) -> Deferred[int]:
        """Press Ctrl-C, as it were."""
        if self._process.pid is not None:
            self._process.signalProcess("TERM")
        return self.ended

    def outReceived(self, data: bytes) -> None:
        """Show it."""
        self.output += data.decode()
        self._look()

    def errReceived(self, data: bytes) -> None:
        """Show it too."""
        self.outReceived(data)

    def processEnded(self, reason: Failure) -> None:
        """Tell whoever waits."""
        for text, shown in self._waiting:
            shown.errback(AssertionError(f"never showed {text!r}: {self.output}"))
        self._waiting = []
        self.ended.callback(getattr(reason.value, "exitCode", None) or 0)

    def _look(self) -> None:
        found = [each for each in self._waiting if each[0] in self.output]
        self._waiting = [each for each in self._waiting if each[0] not in self.output]
        for _, shown in found:
            shown.callback(None)


def freePort() -> int:
    """Return a port that nobody uses for TCP nor for UDP just now."""
    with socket.socket() as stream:
        stream.bind(("127.0.0.1", 0))
        port: int = stream.getsockname()[1]
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(("127.0.0.1", port))
        return port


def printedCommands(page: str) -> list[str]:
    """Return what the page says to type, a command an entry."""
    commands = []
    for block in page.split("::\n\n")[1:]:
        lines = []
        for line in block.splitlines():
            if line and not line.startswith("    "):
                break
            lines.append(line)
        text = dedent("\n".join(lines)).replace("\\\n", " ")
        commands.extend(line for line in text.splitlines() if line)
    return commands


class TerminalsTests(TestCase):
    """What a newcomer types."""

    timeout = 60

    async def test_asItIsPrinted(self) -> None:
        """Done when: the quickstart runs as a test, every printed line of it."""
        page = QUICKSTART.read_text()
        for port in ("3478", "7770"):
            page = page.replace(port, str(freePort()))
        code = page.split(".. code-block:: python\n", 1)[1].split("\n3. Play", 1)[0]
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        (folder / "tag.py").write_text(dedent(code))
        secret, relay, lobby, host, join = printedCommands(page)

        self.assertEqual(await Terminal(secret, folder).ended, 0)
        services = []
        for command in (relay, lobby):
            service = Terminal(command, folder)
            services.append(service)
            self.addCleanup(service.stop)
            await service.shows("is ready")
        ada = Terminal(host, folder)
        self.addCleanup(ada.stop)
        await ada.shows("waiting for somebody to join")
        grace = Terminal(join, folder)
        self.addCleanup(grace.stop)

        self.assertEqual(await gatherResults([ada.ended, grace.ended]), [0, 0])
        last_lines = [each.output.strip().splitlines()[-1] for each in (ada, grace)]
        self.assertEqual(last_lines[0], last_lines[1])
        self.assertTrue(last_lines[0].startswith("300 frames, state "), last_lines)
        for each in (ada, grace):
            self.assertIn("is reached by direct", each.output)
        for service in services:
            self.assertNotIn("Traceback", service.output)
