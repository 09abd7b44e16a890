"""
What an allocation costs a relay: memory that it keeps, and CPU to make it.

Each allocation has one permission and one channel, to a peer of its own; the clients are
at many loopback addresses, for there is a limit for each.  C{bytes_per_allocation} is
what 5 000 of them add to the resident memory of a server that has just started.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

from gamenet.interfaces import Address
from tests.benchmarks.figures import Figure, fromRounds
from tests.benchmarks.relay_clients import TurnClient, allocate, bindChannels, permit
from tests.benchmarks.relay_servers import SECRET, Server, cpuOf, residentMemory

__all__ = ["inMemory"]

_Started = Callable[[Path], AbstractContextManager[Server]]

_MEASURED = 5_000
_MOST = 10_000
_GOAL = 6_000.0
_CHANNEL = 0x4000
#: Clients at one address: each gets a refusal first, and those are limited.
_AT_ONE_ADDRESS = 50
_ROUNDS = 3
#: Open files of this process beside the clients' sockets.
_FILES = 200


@frozen
class _Growth:
    """
    One server's round.

    @ivar each: Bytes an allocation.
    @ivar speed: Allocations a CPU second of the server.
    """

    each: float
    speed: float


def inMemory(rounds: int, coturn: _Started, ours: _Started) -> list[Figure]:
    """
    Measure; this takes a minute.

    @param rounds: How many servers are started one after the other, at most 3.
    @param coturn: What runs coturn, in a folder.
    @param ours: What runs our relay, in a folder.
    @raise SystemExit: This process cannot have as many open files.
    """
    _raiseOpenFiles()
    grown: list[_Growth] = []
    theirs: list[_Growth] = []
    for number in range(min(rounds, _ROUNDS)):
        last = number == min(rounds, _ROUNDS) - 1
        theirs.append(_measure(coturn, _MEASURED))
        grown.append(_measure(ours, _MEASURED, _MOST if last else _MEASURED))
    return [
        fromRounds(
            "bytes_per_allocation",
            [growth.each for growth in grown],
            "bytes",
            goal=_GOAL,
            better="lower",
            note=f"{_MEASURED} allocations; then {_MOST} on one worker, all made",
        ),
        _watched("bytes_per_allocation_coturn", "bytes", "lower", [g.each for g in theirs]),
        _watched("allocations_per_cpu_second", "allocations/s", "higher", [g.speed for g in grown]),
        _watched(
            "allocations_per_cpu_second_coturn",
            "allocations/s",
            "higher",
            [g.speed for g in theirs],
        ),
    ]


def _watched(name: str, unit: str, better: str, rounds: list[float]) -> Figure:
    return fromRounds(name, rounds, unit, better=better)


def _measure(start: _Started, measured: int, most: int = 0) -> _Growth:
    """Start a server, give it allocations, and measure; then fill it up to C{most}."""
    with TemporaryDirectory(prefix="relay-benchmark-") as folder, start(Path(folder)) as server:
        before = residentMemory(server.process)
        cpu = cpuOf(server.process)
        clients = _clientsOf(server, 0, measured)
        try:
            allocate(clients)
            cpu = cpuOf(server.process) - cpu
            _fill(clients, 0)
            each = (residentMemory(server.process) - before) / measured
            more = _clientsOf(server, measured, most)
            clients += more
            allocate(more)
            _fill(more, measured)
            if len({client.relayed for client in clients}) != len(clients):
                raise RuntimeError(f"{server.name} gave one address to two clients")
        finally:
            for client in clients:
                client.socket.close()
    return _Growth(each, measured / cpu)


def _clientsOf(server: Server, first: int, last: int) -> list[TurnClient]:
    return [
        TurnClient.connect(
            server.address,
            f"127.7.{number // _AT_ONE_ADDRESS + 1}.1",
            SECRET,
            f"player{number}",
        )
        for number in range(first, last)
    ]


def _fill(clients: list[TurnClient], first: int) -> None:
    """Give each client a permission and a channel."""
    peers: list[Address] = [
        (f"127.8.{number >> 8}.{number & 255}", 10_000 + number % 10_000)
        for number in range(first, first + len(clients))
    ]
    permit(clients, peers)
    bindChannels(clients, peers, [_CHANNEL] * len(clients))


def _raiseOpenFiles() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _MOST + _FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        sys.exit(f"tests.benchmarks.relay memory needs {needed} open files, {hard} is the limit")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
