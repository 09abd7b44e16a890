"""
The generator of the relay's benchmark, C{relay_generator.c}: compiled, told what to
send over which sockets, and read.

It is C because a Python one is saturated before the servers are.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

__all__ = [
    "GENERATOR_CORE",
    "SERVER_CORE",
    "Binding",
    "Flow",
    "Load",
    "Traffic",
    "compileGenerator",
    "generate",
    "planOf",
    "readTraffic",
]

#: Where both servers run, and the spinner that makes them saturated.
SERVER_CORE = 0
#: Where the generator runs, and this process.
GENERATOR_CORE = 1

#: Seconds that one run of the generator may take in all.
_TIMEOUT = 60.0
_SOURCE = Path(__file__).with_name("relay_generator.c")


@frozen
class Flow:
    """
    Packets from one socket through the server to another.

    @ivar sender: The number of a connected socket.
    @ivar receiver: Likewise.
    @ivar out: The channel that the sender writes on; 0 where it sends plain packets.
    @ivar into: The channel that the receiver hears on, or 0.
    """

    sender: int
    receiver: int
    out: int
    into: int

    def line(self) -> str:
        """Return it as the generator reads it."""
        return f"flow {self.sender} {self.receiver} {self.out} {self.into}"


@frozen
class Binding:
    """
    Binding requests from one socket, answered there.

    @ivar socket: The number of a connected socket.
    """

    socket: int

    def line(self) -> str:
        """Return it as the generator reads it."""
        return f"binding {self.socket}"


@frozen
class Load:
    """
    How much is sent.

    @ivar rate: Packets a second, all flows together; C{None} is twice what arrives, with
        a spinner beside the server.
    @ivar seconds: How long it is measured.
    @ivar warm: Seconds before that; where it is saturated, it finds the rate meanwhile.
    """

    rate: int | None
    seconds: float
    warm: float


@frozen
class Traffic:
    """
    What came of one run.

    @ivar sent: Packets.
    @ivar delivered: Packets, to the far end.
    @ivar all_delivered: With those before the measured part.
    @ivar meanwhile: Those that were delivered while others were still sent.
    @ivar cpu: Seconds that all threads of the server ran.
    @ivar seconds: How long packets were sent.
    @ivar p50: Microseconds from sending to reading, half are faster.
    @ivar p99: Likewise, 99 of 100 are.
    """

    sent: int
    delivered: int
    all_delivered: int
    meanwhile: int
    cpu: float
    seconds: float
    p50: float
    p99: float

    def cost(self) -> float:
        """Return the server's microseconds per delivered packet."""
        return self.cpu * 1e6 / self.delivered

    def loss(self) -> float:
        """Return which part of the packets did not arrive."""
        return 1.0 - self.delivered / self.sent

    def rate(self) -> float:
        """Return the packets delivered a second while they were sent."""
        return self.meanwhile / self.seconds

    def offered(self) -> float:
        """Return how many times what was delivered meanwhile was sent."""
        return self.sent / self.meanwhile


def compileGenerator(folder: Path) -> Path:
    """
    Compile the generator.

    @param folder: Where the program is put.
    @raise SystemExit: There is no C compiler, or it fails.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        sys.exit("tests.benchmarks.relay needs a C compiler, cc (Debian: apt install gcc)")
    program = folder / "relay_generator"
    command = [compiler, "-O2", "-Wall", "-o", str(program), str(_SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return program


def planOf(flows: Sequence[Flow | Binding], load: Load, server: int, run: int) -> str:
    """
    Return what the generator is told.

    @param server: The process whose CPU is measured.
    @param run: Another number for every run.
    """
    lines = [
        f"run {run}",
        f"server {server}",
        f"core {GENERATOR_CORE}",
        f"rate {load.rate or 0}",
        f"seconds {load.seconds}",
        f"warm {load.warm}",
    ]
    if load.rate is None:
        lines.append(f"spinner {SERVER_CORE}")
    lines += [flow.line() for flow in flows]
    return "\n".join(lines) + "\n"


def generate(
    program: Path, flows: Sequence[Flow | Binding], load: Load, server: int, run: int
) -> Traffic:
    """
    Send, and measure.

    @param program: What L{compileGenerator} made.
    @param server: The process whose CPU is measured.
    @param run: Another number for every run.
    @raise RuntimeError: The generator failed, or what arrived is not what was sent.
    """
    sockets: set[int] = set()
    for flow in flows:
        sockets |= {flow.socket} if isinstance(flow, Binding) else {flow.sender, flow.receiver}
    done = subprocess.run(
        [str(program)],
        input=planOf(flows, load, server, run),
        capture_output=True,
        text=True,
        check=False,
        pass_fds=sorted(sockets),
        timeout=_TIMEOUT + 5.0,
    )
    if done.returncode:
        raise RuntimeError(f"the generator ended with {done.returncode}: {done.stderr.strip()}")
    return readTraffic(done.stdout)


def readTraffic(text: str) -> Traffic:
    """
    Read what the generator prints.

    @raise RuntimeError: A packet came to the wrong place, twice or out of order, could
        not be sent, or was lost on this side; or none arrived at all.
    """
    said = json.loads(text)
    faults = ("wrong", "misordered", "refused", "dropped_here")
    found = {name: said[name] for name in faults if said[name]}
    if found:
        raise RuntimeError(f"the packets are not as they should be: {found}")
    if not said["meanwhile"]:
        raise RuntimeError(f"nothing of {said['sent']} packets arrived")
    return Traffic(
        sent=said["sent"],
        delivered=said["delivered"],
        all_delivered=said["all_delivered"],
        meanwhile=said["meanwhile"],
        cpu=said["cpu_ns"] / 1e9,
        seconds=said["seconds"],
        p50=said["p50_us"],
        p99=said["p99_us"],
    )
