"""
Streams between machines: ordered and reliable, over links that are neither.

Each end is a L{gamenet.world.transport.WorldTransport}, which behaves as
Twisted's TCP transport does, with one difference: writes are split and
coalesced as the world's seed says, so that nobody's framing works by luck.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define

from gamenet.interfaces import Address
from gamenet.world.stream_path import Pipe, StreamLimits, StreamPath
from gamenet.world.transport import WorldTransport

if TYPE_CHECKING:
    from gamenet.world.stream_host import StreamHost

__all__ = ["Stream"]


@define(eq=False, repr=False)
class Stream:
    """
    One connection: two ends and the two pipes between them.

    @ivar label: What its random numbers go by.
    @ivar path: The way between the ends.
    @ivar near: The end that connected.
    @ivar far: The end that was connected to.
    """

    label: str
    path: StreamPath
    near: WorldTransport
    far: WorldTransport
    _forget: Callable[[Stream], object]

    @classmethod
    def between(
        cls,
        label: str,
        path: StreamPath,
        hosts: tuple[StreamHost, StreamHost],
        addresses: tuple[Address, Address],
        limits: StreamLimits,
        forget: Callable[[Stream], object],
    ) -> Stream:
        """
        Return a stream that neither end has opened yet.

        @param hosts: Who connects, and whom to.
        @param addresses: The local address of the former, and that of the latter.
        @param forget: Called once, when both ends are closed.
        """
        fabric = path.fabric
        near = WorldTransport(
            hosts[0], addresses[0], addresses[1], limits, fabric.random(f"{label}/near")
        )
        far = WorldTransport(
            hosts[1], addresses[1], path.peer, limits, fabric.random(f"{label}/far")
        )
        stream = cls(label, path, near, far, forget)
        for end, other, name in ((near, far, "out"), (far, near, "in")):
            end.stream = stream
            end.pipe_out = other.pipe_in = Pipe(
                path,
                limits,
                fabric.random(f"{label}/{name}"),
                other.arrived,
                end.drained,
                stream.stalled,
            )
        return stream

    def resume(self) -> None:
        """Send on what was held up, if it passes now."""
        self.near.pipe_out.resume()
        self.far.pipe_out.resume()

    def stalled(self) -> None:
        """Give the stream up: it was cut off for too long with something to deliver."""
        self.path.fabric.counters.streams_aborted += 1
        for end in (self.near, self.far):
            end.pipe_out.close()
        for end in (self.near, self.far):
            end.host.clock.enter(end.giveUp, None)

    def endClosed(self) -> None:
        """Take notice that an end is closed."""
        if self.near.disconnected and self.far.disconnected:
            self.near.pipe_out.close()
            self.far.pipe_out.close()
            self.path.release()
            self._forget(self)
