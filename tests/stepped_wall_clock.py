"""
A process whose wall clock is stepped while both services and a player run in it.

C{python -m tests.stepped_wall_clock REACTOR FOLDER MOVER} prints one JSON object;
L{tests.test_machine_monotonic_sockets} reads it.  MOVER says who moves the
reactor to monotonic time: C{lobby} or C{relay} (the plugins), C{player} (a
machine that is made of the reactor), or C{nobody}.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["main"]

#: How far the wall clock goes at once, in seconds.
STEP = 3600.0

#: How long is waited after each step: longer than two sweeps of the lobby.
WATCH = 1.3


class SteppedClock:
    """The wall clock that everything in this process is given."""

    def __init__(self) -> None:
        self.real = time.time
        self.offset = 0.0

    def time(self) -> float:
        """Return the time, stepped."""
        return self.real() + self.offset


def install(name: str) -> Any:
    """Install and return the reactor called C{name}."""
    from twisted.application.reactors import installReactor

    return installReactor(name)


def options(module: Any, *arguments: str) -> Any:
    """Return a plugin's options."""
    parsed = module.Options()
    parsed.parseOptions(arguments)
    return parsed


def move(mover: str, reactor: Any, secret_file: Path) -> None:
    """Let C{mover} do what it does before anything else."""
    from gamenet import lobby_tap, relay_tap
    from gamenet.machine.reactor_machine import asMachine

    if mover == "lobby":
        lobby_tap.makeService(options(lobby_tap))
    elif mover == "relay":
        relay_tap.makeService(options(relay_tap, "--secret-file", str(secret_file)))
    elif mover == "player":
        asMachine(reactor)


async def watchTimers(reactor: Any, clock: SteppedClock, mover: str, secret_file: Path) -> Any:
    """Step the wall clock under pending calls; return when each fired, in true seconds."""
    from twisted.internet.defer import Deferred, gatherResults

    began = time.monotonic()
    fired: dict[str, float] = {}
    waiting = []

    def later(label: str, delay: float) -> None:
        done: Deferred[None] = Deferred()
        waiting.append(done)

        def fire() -> None:
            fired[label] = time.monotonic() - began
            done.callback(None)

        reactor.callLater(delay, fire)

    later("before", 0.9)
    move(mover, reactor, secret_file)
    later("after", 0.9)
    clock.offset += STEP
    later("forward", 0.9)
    if mover != "nobody":
        reactor.callLater(0.2, lambda: setattr(clock, "offset", -STEP))
        reactor.callLater(0.3, later, "back", 0.6)
        later("end", 1.2)
    await gatherResults(waiting)
    clock.offset = 0.0
    return fired


async def watchServices(reactor: Any, clock: SteppedClock, secret_file: Path) -> Any:
    """Step the wall clock under both services and a player; return what became of them."""
    from twisted.internet.task import deferLater

    from gamenet import lobby_tap, relay_tap
    from gamenet.machine.reactor_machine import asMachine
    from tests.operator_world import Player

    shared = str(secret_file)
    relay_options = options(relay_tap, "--udp", "127.0.0.1:0", "--secret-file", shared)
    relay = relay_tap.makeService(relay_options)
    is_monotonic = reactor.seconds is time.monotonic
    relay.startService()
    host, port = relay.places()["udp"]
    lobby_options = options(
        lobby_tap,
        *("--listen", "tcp:0:interface=127.0.0.1", "--udp", "127.0.0.1:0"),
        *("--relay", f"{host}:{port}", "--relay-secret-file", shared),
        *("--heartbeat-interval", "0.2"),
    )
    lobby = lobby_tap.makeService(lobby_options)
    lobby.startService()
    player = Player(asMachine(reactor))
    client = await player.meet(tuple(lobby.places()["listen"][0]))
    await client.createSession("A session")
    relayed = await player.allocate((host, port), secret_file.read_bytes().strip())
    steps = []
    for offset in (STEP, -STEP):
        heartbeats = lobby.status()["heartbeats"]
        clock.offset = offset
        await deferLater(reactor, WATCH)
        await client.listSessions()
        steps.append(
            {
                "heartbeats": lobby.status()["heartbeats"] - heartbeats,
                "connected": client.connected,
                "over": client.heartbeats_over,
                "lost": list(player.listener.lost),
                "clients": lobby.status()["clients"],
                "sessions": lobby.status()["sessions"],
                "allocations": relay.status()["allocations_active"],
                "expired": relay.status()["allocations_ended"]["expired"],
                "relayed_closed": relayed.closed,
            }
        )
    clock.offset = 0.0
    await client.close()
    player.close()
    await lobby.stopService()
    await relay.stopService()
    return {"monotonic": is_monotonic, "steps": steps}


def main() -> None:
    """Do what the command line says."""
    name, folder, mover = sys.argv[1:]
    clock = SteppedClock()
    # Before Twisted is imported, which keeps the function that it finds.
    time.time = clock.time
    reactor = install(name)
    from twisted.internet.defer import Deferred
    from twisted.python import log

    secret_file = Path(folder, "relay.secret")
    secret_file.touch(mode=0o600)
    secret_file.write_text("0123456789abcdef\n")
    report: dict[str, object] = {"reactor": type(reactor).__name__}

    async def watch() -> None:
        try:
            report["timers"] = await watchTimers(reactor, clock, mover, secret_file)
            if mover != "nobody":
                report["services"] = await watchServices(reactor, clock, secret_file)
        finally:
            reactor.stop()

    def begin() -> None:
        Deferred.fromCoroutine(watch()).addErrback(lambda failure: failure.printTraceback())

    errors: list[str] = []
    log.addObserver(lambda event: event["isError"] and errors.append(str(event)))
    reactor.callWhenRunning(begin)
    reactor.run()
    report["errors"] = errors
    print(json.dumps(report))


if __name__ == "__main__":
    main()
