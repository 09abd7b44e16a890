"""
How the ports of a relay are split over several workers.

Every worker is a whole relay on ports of its own: worker 1 has those of the command line,
worker 2 each port plus one, and so on.  Whoever makes credentials hands them out for all.
"""

from __future__ import annotations

import re

from attrs import evolve

from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.relay.settings import WILDCARDS, RelaySettings

__all__ = ["WORKERS_LIMIT", "planWorkers"]

#: Most workers.
WORKERS_LIMIT = 256

_ENDPOINT = re.compile(r"(tcp|tcp6|ssl|tls):(port=)?(\d+)(?=:|$)(.*)", re.DOTALL)
_INTERFACE = re.compile(r":interface=((?:[^:\\]|\\.)*)")


def planWorkers(settings: RelaySettings, count: int) -> tuple[RelaySettings, ...]:
    """
    Split a relay.

    Behavior discovery and probe ports are the first worker's.  Limits are each worker's own.
    Each is told the UDP ports of all, but for those that the system chooses, so that none of
    them is a peer.

    @param settings: Those of the command line.
    @param count: How many workers.
    @return: The settings of each.
    @raise BadSetting: They cannot be split; the text begins with the option's name.
    """
    if not 1 <= count <= WORKERS_LIMIT:
        raise BadSetting(f"workers must be from 1 to {WORKERS_LIMIT}, not {count}")
    ranges = _splitRange(settings.port_range, count)
    plan = []
    taken: dict[tuple[str, str, int], str] = {}
    for index in range(count):
        first = index == 0
        worker = evolve(
            settings,
            udp=tuple((host, _shift("udp", port, index)) for host, port in settings.udp),
            listen=tuple(_shiftEndpoint(each, index) for each in settings.listen),
            probe_ports=settings.probe_ports if first else (),
            alternate=settings.alternate if first else None,
            port_range=ranges[index],
        )
        for transport, place in _places(worker):
            _take(taken, transport, place, f"worker {index + 1}")
        plan.append(worker)
    # The clients of one worker shall not reach another through it.
    closed = tuple(sorted({port: None for kind, _, port in taken if kind == "udp"}))
    return tuple(evolve(worker, closed_ports=closed) for worker in plan)


def _splitRange(whole: tuple[int, int] | None, count: int) -> list[tuple[int, int] | None]:
    if whole is None:
        return [None] * count
    lowest, highest = whole
    share = (highest - lowest + 1) // count
    # Even shares of an even beginning: whoever asks for a pair of ports finds them.
    share -= share % 2 if share > 1 and count > 1 else 0
    if share < 1:
        raise BadSetting(
            f"port_range must have a port for each of {count} workers, not {lowest}-{highest}"
        )
    begins = [lowest + share * index for index in range(count)]
    return [
        (begin, highest if index == count - 1 else begin + share - 1)
        for index, begin in enumerate(begins)
    ]


def _shift(option: str, port: int, index: int) -> int:
    """Return the port of a worker; one that the system chooses stays one."""
    shifted = port + index if port else 0
    if shifted > 65_535:
        raise BadSetting(f"{option} has no port left for worker {index + 1}: {port} plus {index}")
    return shifted


def _shiftEndpoint(description: str, index: int) -> str:
    if index == 0:
        return description
    found = _ENDPOINT.match(description)
    if found is None:
        raise BadSetting(
            f"listen has an endpoint whose port cannot be split over workers: {description!r}"
        )
    kind, name, port, rest = found.groups()
    return f"{kind}:{name or ''}{_shift('listen', int(port), index)}{rest}"


def _places(worker: RelaySettings) -> list[tuple[str, Address]]:
    """Return every port that a worker will listen at, with its transport."""
    places = [("udp", address) for address in (*worker.udp, *worker.probe_ports)]
    if worker.alternate is not None and worker.udp:
        (host, port), (other_host, other_port) = worker.udp[0], worker.alternate
        discovery = ((host, other_port), (other_host, port), (other_host, other_port))
        places += [("udp", address) for address in discovery]
    for description in worker.listen:
        found = _ENDPOINT.match(description)
        if found is not None:
            interface = _INTERFACE.search(found[4])
            host = "" if interface is None else interface[1].replace("\\", "")
            places.append(("tcp", (host, int(found[3]))))
    return places


def _take(
    taken: dict[tuple[str, str, int], str], transport: str, place: Address, worker: str
) -> None:
    """Note who has a port; refuse it to a second worker."""
    host, port = place
    if port == 0:
        return
    for (other_transport, other_host, other_port), owner in taken.items():
        same_host = host == other_host or host in WILDCARDS or other_host in WILDCARDS
        if (transport, port) == (other_transport, other_port) and same_host and owner != worker:
            raise BadSetting(f"workers must have ports of their own: {owner} and {worker} would "
                             f"both listen at {transport} port {port}")
    taken[transport, host, port] = worker
