"""
A process that opens thousands of UDP sockets on a reactor and says what one costs.

C{python -m tests.socket_memory REACTOR COUNT} prints bytes of Python's memory for one
socket, its receiver aside.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc

__all__ = ["main"]


def ignore(data: bytes, address: tuple[str, int]) -> None:
    """Receive and forget."""


def main() -> None:
    """Open them, and measure."""
    from twisted.application.reactors import installReactor

    reactor = installReactor(sys.argv[1])
    count = int(sys.argv[2])

    from gamenet.machine.open_files import raiseOpenFiles
    from gamenet.machine.reactor_machine import ReactorMachine

    raiseOpenFiles(count + 100)
    machine = ReactorMachine(reactor)
    machine.openDatagramSocket(ignore, "127.0.0.1").close()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    opened = [machine.openDatagramSocket(ignore, "127.0.0.1") for _ in range(count)]
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before - sys.getsizeof(opened)
    print(used // count)
    if "top" in sys.argv:
        for line in tracemalloc.take_snapshot().statistics("lineno")[:12]:
            print(line)


if __name__ == "__main__":
    main()
