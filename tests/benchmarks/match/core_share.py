"""
How much of a core one player's process takes: reactor, sockets, sealing, links, rollback
session and a game of 100 bytes, 60 frames a second, every packet through the relay.

The relay, the lobby and the two players are processes of their own, started as an operator
and a game start them; all of it happens on loopback.

A player sleeps for most of each frame.  Where other processes use the cores meanwhile, its
code and data are not in the caches any more when it wakes, and the same work takes up to
twice the CPU time; so how much of the machine was idle is said with the figure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from gamenet.demo.commands import childEnvironment, lobbyCommand, relayCommand
from tests.benchmarks.figures import Figure, fromRounds

__all__ = ["SECONDS", "PlayerCost", "coreShare", "costsOf", "figureOf"]

#: For how long is measured, unless somebody says otherwise.
SECONDS = 60.0

_MODULE = "tests.benchmarks.match.game_player"
_START_LIMIT = 30.0
_STOP_LIMIT = 10.0
_PATIENCE = 90.0


@attrs.frozen
class PlayerCost:
    """
    What one player's process took.

    @ivar seconds: By the clock.
    @ivar user: CPU seconds in the process.
    @ivar system: CPU seconds in the system, for the process.
    @ivar frames: How many frames were played meanwhile.
    @ivar rollbacks: How often it went back in the whole match.
    """

    seconds: float
    user: float
    system: float
    frames: int
    rollbacks: int

    @property
    def share(self) -> float:
        """The part of a core, in percent."""
        return 100 * (self.user + self.system) / self.seconds

    @classmethod
    def fromSaid(cls, said: dict[str, Any]) -> PlayerCost:
        """
        Return what a player's last line says.

        @raise RuntimeError: That was not the match that is to be measured.
        """
        if said["outcome"] != "finished" or said["packets_direct"] or said["path"] != "relay":
            raise RuntimeError(f"not a whole match through the relay: {said}")
        return cls(said["seconds"], said["user"], said["system"], said["frames"], said["rollbacks"])


def coreShare(seconds: float = SECONDS) -> list[Figure]:
    """Return C{core_share_percent}: what two players take, each a round of its own."""
    before = _processorTimes()
    costs = costsOf(seconds)
    idle, spent = [
        after - earlier for after, earlier in zip(_processorTimes(), before, strict=True)
    ]
    return [figureOf(costs, 100 * idle / spent if spent else None)]


def figureOf(costs: Sequence[PlayerCost], idle: float | None = None) -> Figure:
    """
    Return what some players' costs come to.

    @param idle: How much of the machine had nothing to do, in percent, if that is known.
    """
    frame = 1e6 * sum([cost.user + cost.system for cost in costs])
    frame /= sum([cost.frames for cost in costs])
    user, system = [
        100 * sum([getattr(cost, kind) for cost in costs]) / sum([cost.seconds for cost in costs])
        for kind in ("user", "system")
    ]
    note = f"user {user:.2f}, system {system:.2f}; {frame:.0f} us a frame; "
    note += f"{min([cost.seconds for cost in costs]):.0f} s, "
    note += f"{max([cost.rollbacks for cost in costs])} rollbacks"
    if idle is not None:
        note += f"; machine {idle:.0f} % idle"
    shares = [cost.share for cost in costs]
    return fromRounds("core_share_percent", shares, "%", goal=3.0, better="lower", note=note)


def _processorTimes() -> tuple[float, float]:
    """Return how long all cores were idle, and how long they ran at all; 0 if unknown."""
    try:
        first, _, _ = Path("/proc/stat").read_text("ascii").partition("\n")
    except OSError:
        return 0.0, 0.0
    times = [float(word) for word in first.split()[1:9]]
    return times[3] + times[4], sum(times)


def costsOf(seconds: float) -> list[PlayerCost]:
    """
    Let two processes play.

    @param seconds: How much of the match is measured.
    @raise RuntimeError: Something did not start, or did not play to the end.
    """
    with ExitStack() as running:
        directory = Path(running.enter_context(TemporaryDirectory(prefix="gamenet-benchmark-")))
        secret = directory / "relay.secret"
        secret.touch(mode=0o600)
        secret.write_text(os.urandom(32).hex() + "\n", "ascii")
        ready = directory / "relay.json"
        service = running.enter_context(_running(relayCommand(directory, secret, ready), directory))
        host, port = _said(service, ready)["udp"]
        ready = directory / "lobby.json"
        command = lobbyCommand(directory, secret, ready, (host, port))
        service = running.enter_context(_running(command, directory))
        host, port = _said(service, ready)["listen"][0]
        words = [sys.executable, "-m", _MODULE, f"tcp:{host}:{port}", str(seconds)]
        first = running.enter_context(_running(words, directory))
        assert first.stdout is not None
        session = first.stdout.readline().decode().strip()
        second = running.enter_context(_running([*words, session], directory))
        return [_costOf(process, seconds) for process in (first, second)]


def _costOf(process: subprocess.Popen[bytes], seconds: float) -> PlayerCost:
    """Wait for a player's last word."""
    said, _ = process.communicate(timeout=seconds + _PATIENCE)
    if process.returncode:
        raise RuntimeError(f"a player ended with status {process.returncode}")
    return PlayerCost.fromSaid(json.loads(said.splitlines()[-1]))


@contextmanager
def _running(command: Sequence[str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the end of the block; standard error is ours."""
    service = "twistd_child" in " ".join(command)
    process = subprocess.Popen(
        command,
        cwd=Path.cwd(),
        env=childEnvironment(os.environ),
        stdin=subprocess.PIPE,  # a service ends when that does
        stdout=(directory / "log").open("ab") if service else subprocess.PIPE,
        stderr=(directory / "log").open("ab") if service else None,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _said(process: subprocess.Popen[bytes], ready: Path) -> dict[str, Any]:
    """Return what a service's ready file says, once it is there."""
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            said: dict[str, Any] = json.loads(ready.read_text("utf-8"))
        except (OSError, ValueError):
            time.sleep(0.05)
        else:
            return said
    raise RuntimeError(f"{ready.stem} did not get ready")
