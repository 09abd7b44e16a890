"""
The servers of the relay's benchmark: Debian's coturn and ours, as an operator starts
them, on one core.

Credentials, quotas, limits, lifetimes and logs are as shipped; peers on loopback are let
in, because all of it happens there.  coturn gets one relay thread (C{-m 1}), for it has
one core; with its usual number, which is that of the cores, a packet costs it more.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from attrs import frozen

import gamenet
from gamenet.interfaces import Address
from tests.benchmarks.relay_clients import answersBinding
from tests.benchmarks.relay_generator import SERVER_CORE
from tests.twistd_process import environment

__all__ = [
    "SECRET",
    "Server",
    "coturn",
    "coturnVersion",
    "cpuOf",
    "findNumber",
    "ours",
    "residentMemory",
]

#: What the servers share with whoever makes credentials.
SECRET = b"the secret of a benchmark"
#: Seconds until a server must answer, and until it must have ended.
_START_LIMIT = 20.0
_STOP_LIMIT = 10.0
#: Below the ports that the system gives away, and above those that services have.
_PORTS = range(21_000, 32_000, 2)
_PR_SET_PDEATHSIG = 1
_HOST = "127.0.0.1"


@frozen
class Server:
    """
    A server that runs.

    @ivar name: With its version.
    @ivar process: Its number.
    @ivar address: Where it listens.
    @ivar status: Where its counters are, C{None} where it has none.
    """

    name: str
    process: int
    address: Address
    status: str | None = None

    def counter(self, name: str) -> int:
        """
        Return one of its counters.

        @raise RuntimeError: It has no such counter.
        """
        if self.status is None:
            raise RuntimeError(f"{self.name} counts nothing")
        with urlopen(self.status, timeout=10) as page:
            found = findNumber(json.load(page), name)
        if found is None:
            raise RuntimeError(f"{self.name} has no counter {name} at {self.status}")
        return found


def findNumber(said: object, name: str) -> int | None:
    """Return the whole number of a name, however deep it is."""
    if not isinstance(said, dict):
        return None
    if isinstance(said.get(name), int):
        return int(said[name])
    found = (findNumber(value, name) for value in said.values())
    return next((number for number in found if number is not None), None)


def coturnVersion() -> str:
    """
    Return the version of the coturn that is installed.

    @raise SystemExit: None is.
    """
    program = shutil.which("turnserver")
    if program is None:
        sys.exit("tests.benchmarks.relay needs coturn (Debian: apt install coturn)")
    done = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=False, timeout=10
    )
    return done.stdout.split()[-1] if done.stdout.split() else "of an unknown version"


@contextmanager
def coturn(folder: Path) -> Iterator[Server]:
    """
    Run coturn.

    @param folder: Where its files go; nobody else's.
    """
    version = coturnVersion()
    port = _freePort()
    command = [
        *("turnserver", "-n", f"--listening-ip={_HOST}", f"--relay-ip={_HOST}"),
        *(f"--listening-port={port}", "--realm=gamenet", "-m", "1"),
        *("--use-auth-secret", f"--static-auth-secret={SECRET.decode()}"),
        *("--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers"),
        *("--no-stdout-log", "--simple-log", f"--log-file={folder / 'coturn.log'}"),
        f"--pidfile={folder / 'coturn.pid'}",
    ]
    with _running(command, folder) as process:
        address = (_HOST, port)
        _wait(process, folder, lambda: answersBinding(address, 0.2))
        yield Server(f"coturn {version}", process.pid, address)


@contextmanager
def ours(folder: Path) -> Iterator[Server]:
    """
    Run our relay.

    @param folder: Where its files go; nobody else's.
    """
    port = _freePort()
    secret = folder / "secret"
    secret.write_bytes(SECRET + b"\n")
    secret.chmod(0o600)
    ready = folder / "ready.json"
    command = [
        *(sys.executable, "-c", "from twisted.scripts.twistd import run; run()"),
        *("-n", "--pidfile=", "gamenet-relay", "--udp", f"{_HOST}:{port}"),
        *("--relay-address", _HOST, "--secret-file", str(secret)),
        *("--allow-peer", "127.0.0.0/8", "--ready-file", str(ready)),
        *("--status", f"tcp:{port + 1}:interface={_HOST}"),
    ]
    with _running(command, folder) as process:
        address = (_HOST, port)
        _wait(process, folder, lambda: ready.exists() and answersBinding(address, 0.2))
        status = f"http://{_HOST}:{port + 1}/status"
        yield Server(f"gamenet {gamenet.__version__}", process.pid, address, status)


def cpuOf(process: int) -> float:
    """Return the seconds that all threads of a process have run."""
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def residentMemory(process: int) -> int:
    """Return the bytes that a process has in memory."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/{process}/smaps_rollup does not tell Rss")


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server on its core, its output in a file; it ends with us, however we end."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_settle,  # noqa: PLW1509 - no thread is started here
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_LIMIT)


def _settle() -> None:
    """Called in the child: stay on the servers' core, and die with the parent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.sched_setaffinity(0, {SERVER_CORE})


def _wait(process: subprocess.Popen[bytes], folder: Path, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_LIMIT
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            said = (folder / "output").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{process.args!r} does not listen: {said}")
        time.sleep(0.05)


def _freePort() -> int:
    """Return a port that is free, for UDP and TCP, and so is the next."""
    start = os.getpid() % len(_PORTS)
    for port in (*_PORTS[start:], *_PORTS[:start]):
        try:
            for each in (port, port + 1):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as trial:
                        trial.bind((_HOST, each))
        except OSError:
            continue
        return port
    raise RuntimeError("no port is free")
