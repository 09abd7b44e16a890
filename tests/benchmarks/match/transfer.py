"""
What a link's reliable messages and transfers make of a narrow path, in the twin world.

One machine is behind a link of 1, 10 or 50 Mbit/s with a drop-tail queue of 64 kB; the path
takes 25 ms each way and loses 1 % of all datagrams, and nobody tells the sender any of that.
Sixty sealed datagrams of 100 bytes a second, the game's, share it both ways.  Measured are
the contents that came per second beside the link's rate, headers and seals being waste; and
for how long the game's datagrams waited at most, beyond what they take alone.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

import attrs

from gamenet.channel.channel import Channel
from gamenet.channel.transfer_ends import TransferArrived, contentChecksum
from gamenet.interfaces import Address, IMachine
from gamenet.machine.alarm import Alarm
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.sealed_link import SealedLink
from gamenet.world.link import HEADERS, LinkProfile
from gamenet.world.network import WorldNetwork
from tests.benchmarks.figures import Figure, fromRounds

__all__ = ["FIRST", "Measured", "measure", "reliableRate"]

#: The first seconds, in which the rate is looked for, do not count.
FIRST = 3.0

_MBIT = 125_000.0
_LATENCY = 0.025
_LOSS = 0.01
_CONTENT = bytes(16 << 20)
_CHECKSUM = contentChecksum(_CONTENT)
_MATCH = bytes(range(16))
_GAME_INTERVAL = 1 / 60
_GAME = Struct(">Bd91x")
_GAME_KIND, _CHANNEL_KIND = 0x01, 0x02
_SEAL = 33


@attrs.frozen
class Measured:
    """
    What one run came to.

    @ivar rates: Of each transfer: the bytes of contents that came a second, divided by the
        link's rate.
    @ivar waits: How long each of the game's datagrams waited, in seconds, ascending.
    @ivar starting: The longest wait in the first seconds.
    """

    rates: tuple[float, ...]
    waits: tuple[float, ...]
    starting: float


class _End:
    """One end of a sealed link: its channel, and the game's datagrams."""

    def __init__(self, machine: IMachine, link: SealedLink, port: int) -> None:
        self.machine = machine
        self.link = link
        self.channel = Channel()
        self.socket = machine.openDatagramSocket(self._received, port=port)
        self.alarm = Alarm(machine.clock, self._pump)
        self.remote: Address | None = None
        self.offers = False
        self.whole = 0
        self.game: list[tuple[float, float]] = []
        self.worldTime: Callable[[], float] = machine.clock.seconds

    def received(self) -> float:
        """Return how many bytes of contents have come."""
        running = [self.channel.progress(label) or 0.0 for label in (1, 2)]
        return self.whole + sum(running) * len(_CONTENT)

    def begin(self) -> None:
        """From now on, always have something to send."""
        self.offers = True
        self._pump()

    def tick(self) -> None:
        """Send the game's datagram, and again at the next frame."""
        self._send(_GAME.pack(_GAME_KIND, self.worldTime()))
        self.machine.clock.callLater(_GAME_INTERVAL, self.tick)

    def _send(self, packet: bytes) -> None:
        assert self.remote is not None
        self.socket.send(self.link.seal(packet), self.remote)

    def _received(self, data: bytes, address: Address) -> None:
        packet = self.link.open(data)
        if packet[0] == _GAME_KIND:
            sent_at = _GAME.unpack(packet)[1]
            self.game.append((sent_at, self.worldTime() - sent_at))
            return
        self.channel.packetReceived(packet[1:], self.machine.clock.seconds())
        for ended in self.channel.takeTransfers():
            if isinstance(ended, TransferArrived):
                self.whole += len(ended.content)
        due = self.channel.nextDue()
        if self.offers or (due is not None and due <= self.machine.clock.seconds()):
            self._pump()
        else:
            self.alarm.set(due)

    def _pump(self) -> None:
        now = self.machine.clock.seconds()
        if self.offers:
            for label in (1, 2):
                if self.channel.progress(label) is None:
                    self.channel.beginTransfer(label, b"", _CONTENT, now, _CHECKSUM)
        for body in self.channel.packetsDue(now):
            self._send(bytes([_CHANNEL_KIND]) + body)
        self.alarm.set(self.channel.nextDue())


def measure(mbit: float, seconds: float, begins: tuple[float, ...], seed: int) -> Measured:
    """
    Let transfers from one machine to others share its link.

    @param mbit: The link's rate, in Mbit/s.
    @param seconds: For how long is measured, L{FIRST} after the last one began.
    @param begins: When each transfer begins.
    @param seed: Of the world.
    """
    network = WorldNetwork(seed)
    narrow = LinkProfile(latency=_LATENCY, loss=_LOSS, bandwidth=mbit * _MBIT, queue_limit=64_000)
    here = network.machine("here", "192.0.2.1", profile=narrow)
    keys = [PlayerKeys.fromRandomBytes(bytes([n]) * 64) for n in range(1, len(begins) + 2)]
    ends: list[tuple[_End, _End]] = []
    for place, begins_at in enumerate(begins):
        there = network.machine(f"there {place}", f"198.51.100.{place + 1}", drift_ppm=50.0)
        player = place + 2
        ours, theirs = keys[0], keys[place + 1]
        out = SealedLink.between(ours, 1, theirs.link_key, player, _MATCH)
        back = SealedLink.between(theirs, player, ours.link_key, 1, _MATCH)
        one, two = _End(here, out, 5000 + place), _End(there, back, 5000)
        one.remote, two.remote = (there.address, 5000), (here.address, 5000 + place)
        one.worldTime = two.worldTime = network.clock.seconds
        here.clock.callLater(begins_at, one.begin)
        ends.append((one, two))
    for end in ends[0]:
        end.machine.clock.callLater(0.0, end.tick)
    first = max(begins) + FIRST
    network.advance(first)
    former = [two.received() for _, two in ends]
    network.advance(seconds)
    rates = [
        (two.received() - before) / seconds / (mbit * _MBIT)
        for (_, two), before in zip(ends, former, strict=True)
    ]
    alone = _LATENCY + (_GAME.size + _SEAL + HEADERS) / (mbit * _MBIT)
    waits = [(sent_at, delay - alone) for sent_at, delay in ends[0][1].game]
    return Measured(
        tuple(rates),
        tuple(sorted([wait for sent_at, wait in waits if sent_at >= first])),
        max([wait for sent_at, wait in waits if sent_at < FIRST]),
    )


def reliableRate(rounds: int) -> list[Figure]:
    """
    Return C{reliable_vs_link_rate} and C{queue_delay_added_ms} at 10, 1 and 50 Mbit/s, and
    the lesser share of two transfers; a round is a seed of its own, three at most.
    """
    figures: list[Figure] = []
    for mbit, seconds, wait in ((10.0, 30.0, 20.0), (1.0, 30.0, None), (50.0, 10.0, 20.0)):
        runs = [measure(mbit, seconds, (0.0,), seed) for seed in range(1, 1 + min(rounds, 3))]
        suffix = "" if mbit == 10.0 else f"_at_{mbit:g}"
        figures.append(
            fromRounds(
                f"reliable_vs_link_rate{suffix}",
                [sum(run.rates) for run in runs],
                "x",
                goal=0.8,
                better="higher",
                note=f"contents alone, of {mbit:g} Mbit/s, {seconds:g} s",
            )
        )
        middle, most = [
            max([1000 * run.waits[int(part * (len(run.waits) - 1))] for run in runs])
            for part in (0.5, 0.99)
        ]
        figures.append(
            fromRounds(
                f"queue_delay_added_ms{suffix}",
                [1000 * run.waits[-1] for run in runs],
                "ms",
                goal=wait,
                better="lower",
                note=f"the longest; half {middle:.1f}, 99 % {most:.1f}; "
                f"first {FIRST:g} s {1000 * max([run.starting for run in runs]):.1f}",
            )
        )
    for name, begins in (("together", (0.0, 0.0)), ("later", (0.0, 10.0))):
        runs = [measure(10.0, 30.0, begins, seed) for seed in range(1, 1 + min(rounds, 2))]
        figures.append(
            fromRounds(
                f"lesser_share_{name}",
                [min(run.rates) / sum(run.rates) for run in runs],
                "x",
                goal=0.4,
                better="higher",
                note=f"both {min([sum(run.rates) for run in runs]):.2f} of the link, "
                f"waits {1000 * max([run.waits[-1] for run in runs]):.1f} ms",
            )
        )
    return figures
