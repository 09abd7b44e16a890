"""
Two ends of a channel with a path between them, and what came out of it.
"""

from __future__ import annotations

import attrs

from gamenet.channel.channel import Channel
from gamenet.channel.settings import ChannelSettings
from gamenet.channel.transfer_ends import TransferEnded
from gamenet.seeded_random import SeededRandom
from tests.channel_path import Bottleneck, ChannelOwner, Schedule

__all__ = ["ChannelPair", "content"]


def content(size: int, seed: int = 1) -> bytes:
    """Some bytes."""
    return SeededRandom.fromLabel(seed, "content").drawBytes(size)


@attrs.define(init=False)
class ChannelPair:
    """
    The ends 0 and 1.

    @ivar ways: From each end to the other.
    @ivar messages: What each end took, in order.
    @ivar transfers: How each end's transfers ended, in order.
    @ivar reads: Whether each end takes its messages as they come.
    """

    schedule: Schedule
    ways: tuple[Bottleneck, Bottleneck]
    owners: tuple[ChannelOwner, ChannelOwner]
    messages: tuple[list[tuple[int, bytes]], list[tuple[int, bytes]]]
    transfers: tuple[list[TransferEnded], list[TransferEnded]]
    reads: list[bool]

    def __init__(
        self,
        seed: int = 1,
        rules: ChannelSettings | None = None,
        other_rules: ChannelSettings | None = None,
        lateness: float = 0.004,
        **path: float,
    ) -> None:
        """
        @param seed: Of everything that happens on the way.
        @param rules: Of end 0, and of end 1 if it has no C{other_rules}.
        @param path: See L{Bottleneck}.
        """
        self.schedule = schedule = Schedule()
        forth, back = [
            Bottleneck(schedule, SeededRandom.fromLabel(seed, label), **path)  # type: ignore[arg-type]
            for label in ("forth", "back")
        ]
        self.ways = forth, back
        timers = SeededRandom.fromLabel(seed, "timers")
        one = ChannelOwner(schedule, Channel(rules), forth, timers, lateness)
        two = ChannelOwner(schedule, Channel(other_rules or rules), back, timers, lateness)
        one.other, two.other = two, one
        one.received, two.received = (lambda: self.take(0)), (lambda: self.take(1))
        self.owners = one, two
        self.messages = [], []
        self.transfers = [], []
        self.reads = [True, True]

    @property
    def ends(self) -> tuple[Channel, Channel]:
        """Both channels."""
        return self.owners[0].channel, self.owners[1].channel

    @property
    def now(self) -> float:
        """The time, in seconds."""
        return self.schedule.now

    def take(self, end: int) -> None:
        """Take what came to an end."""
        channel = self.ends[end]
        if self.reads[end]:
            self.messages[end].extend(channel.takeMessages())
        self.transfers[end].extend(channel.takeTransfers())

    def run(self, seconds: float) -> None:
        """Let time pass, after both ends were pumped."""
        for owner in self.owners:
            owner.pump()
        self.schedule.run(self.now + seconds)
        for end in (0, 1):
            self.take(end)

    def settle(self, limit: float = 120.0) -> None:
        """Let time pass until nothing is under way; fail after C{limit} seconds."""
        end = self.now + limit
        while not all(channel.idle for channel in self.ends):
            assert self.now < end, [channel.statistics for channel in self.ends]
            self.run(0.25)
