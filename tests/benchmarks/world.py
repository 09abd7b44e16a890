"""
How fast the twin world runs: simulated seconds a second, and events a second.

C{python -m tests.benchmarks.world [--json]}
"""

from __future__ import annotations

import sys

from twisted.internet.protocol import Factory
from twisted.protocols.basic import Int32StringReceiver

from gamenet.interfaces import Address
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WorldMachine
from gamenet.world.nat_behavior import PORT_RESTRICTED
from gamenet.world.network import WorldNetwork
from tests.benchmarks.figures import cpuSeconds, fromRounds, report

ROUNDS = 9
MATCH_SECONDS = 60.0
FRAME_RATE = 60
FLIGHT_SECONDS = 30.0
FLIGHTS = 32
TIMERS = 5_000
MESSAGES = 20_000

_IMPAIRED = LinkProfile(
    latency=0.020, jitter=0.005, loss=0.025, duplication=0.005, reordering=0.005
)


class _Player:
    """Sends one input of 60 bytes a frame to the other player, from due times."""

    def __init__(self, machine: WorldMachine, port: int) -> None:
        self._clock = machine.clock
        self._socket = machine.openDatagramSocket(self._received, port=port)
        self._frame = 0
        self._started = 0.0
        self.received = 0

    def play(self, other: Address) -> None:
        """Start, now."""
        self._other = other
        self._started = self._clock.seconds()
        self._tick()

    def _received(self, data: bytes, address: Address) -> None:
        self.received += 1

    def _tick(self) -> None:
        self._socket.send(b"i" * 60, self._other)
        self._frame += 1
        due = self._started + self._frame / FRAME_RATE
        self._clock.callLater(max(0.0, due - self._clock.seconds()), self._tick)


def _match(seed: int) -> tuple[WorldNetwork, list[_Player]]:
    """Two players behind NATs of their own, 120 datagrams a second between them."""
    network = WorldNetwork(seed)
    players = []
    for number in (1, 2):
        network.nat(f"home {number}", f"198.51.100.{number}", PORT_RESTRICTED, profile=_IMPAIRED)
        machine = network.machine(
            f"player {number}",
            "192.168.1.2",
            behind=f"home {number}",
            clock_offset=1000.0 * number,
            drift_ppm=300.0 - 200.0 * number,
        )
        players.append(_Player(machine, 5000))
    players[0].play(("198.51.100.2", 5000))
    players[1].play(("198.51.100.1", 5000))
    return network, players


def _matchRound(seed: int) -> tuple[float, float]:
    """Return simulated seconds, and events, a CPU second."""
    network, players = _match(seed)
    seconds = cpuSeconds(lambda: network.advance(MATCH_SECONDS))
    assert min(player.received for player in players) > MATCH_SECONDS * FRAME_RATE * 0.9
    return MATCH_SECONDS / seconds, network.clock.events / seconds


def _worldsRound(seed: int) -> float:
    """Return the CPU seconds of making and running one world for 15 simulated seconds."""
    return cpuSeconds(lambda: _match(seed)[0].advance(15.0))


def _datagramRound(seed: int) -> float:
    """Return datagrams a CPU second, from socket to socket through two NATs and faults."""
    network = WorldNetwork(seed)
    sockets = []

    def echo(number: int) -> None:
        def received(data: bytes, address: Address) -> None:
            sockets[number].send(data, address)

        network.nat(
            f"home {number}",
            f"198.51.100.{number + 1}",
            PORT_RESTRICTED,
            profile=LinkProfile(latency=0.010, jitter=0.005, duplication=0.0005, reordering=0.01),
        )
        machine = network.machine(f"player {number}", "192.168.1.2", behind=f"home {number}")
        sockets.append(machine.openDatagramSocket(received, port=5000))

    echo(0)
    echo(1)
    for flight in range(FLIGHTS):
        sockets[0].send(b"%060d" % flight, ("198.51.100.2", 5000))
        sockets[1].send(b"%060d" % flight, ("198.51.100.1", 5000))
    seconds = cpuSeconds(lambda: network.advance(FLIGHT_SECONDS))
    assert network.counters.delivered > 10_000
    return network.counters.delivered / seconds


def _timerRound(seed: int) -> float:
    """Return timer events a CPU second, with 5 000 timers, half of them reset at every turn."""
    network = WorldNetwork(seed)
    machine = network.machine("one", "203.0.113.1", drift_ppm=200.0)
    fired = 0

    def again(period: float) -> None:
        nonlocal fired
        fired += 1
        timeout.reset(10.0)
        machine.clock.callLater(period, again, period)

    timeout = machine.clock.callLater(10.0, lambda: None)
    for number in range(TIMERS):
        period = 0.05 + number / TIMERS
        machine.clock.callLater(period, again, period)
    seconds = cpuSeconds(lambda: network.advance(10.0))
    return fired / seconds


def _streamRound(seed: int) -> float:
    """Return framed messages of 100 bytes a CPU second, over one stream through a NAT."""

    class Sink(Int32StringReceiver):
        received = 0

        def stringReceived(self, string: bytes) -> None:
            Sink.received += 1

    network = WorldNetwork(seed)
    server = network.machine("server", "203.0.113.1", profile=_IMPAIRED)
    network.nat("home", "198.51.100.1")
    client = network.machine("client", "192.168.1.2", behind="home")
    server.streamServerEndpoint("tcp:7770").listen(Factory.forProtocol(Sink))
    connecting = client.streamClientEndpoint("tcp:203.0.113.1:7770").connect(
        Factory.forProtocol(Int32StringReceiver)
    )
    sender = network.runUntil(connecting, 10.0)

    def send(count: int) -> None:
        for _ in range(20):
            sender.sendString(b"m" * 100)
        if count > 20:
            client.clock.callLater(0.01, send, count - 20)

    def work() -> None:
        send(MESSAGES)
        network.runUntil(lambda: Sink.received == MESSAGES, 60.0)

    return MESSAGES / cpuSeconds(work)


def main(arguments: list[str]) -> None:
    """Measure and print."""
    _matchRound(0)
    matches = [_matchRound(seed) for seed in range(1, ROUNDS + 1)]
    seeds = range(1, ROUNDS + 1)
    figures = [
        fromRounds(
            "match-simulated-seconds",
            [simulated for simulated, _ in matches],
            "s/s",
            goal=300.0,
            better="higher",
        ),
        fromRounds(
            "match-events",
            [events for _, events in matches],
            "events/s",
            goal=100_000.0,
            better="higher",
        ),
        fromRounds(
            "datagrams-end-to-end",
            [_datagramRound(seed) for seed in seeds],
            "datagrams/s",
            goal=100_000.0,
            better="higher",
        ),
        fromRounds(
            "world-of-15-seconds",
            [_worldsRound(seed) * 1000 for seed in seeds],
            "ms",
            goal=100.0,
            better="lower",
        ),
        fromRounds(
            "timers", [_timerRound(seed) for seed in seeds], "timers/s", goal=None, better="higher"
        ),
        fromRounds(
            "stream-messages",
            [_streamRound(seed) for seed in seeds],
            "messages/s",
            goal=None,
            better="higher",
        ),
    ]
    report("world", figures, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
