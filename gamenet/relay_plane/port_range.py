"""
Which ports of a range are free to be relayed ports.
"""

from __future__ import annotations

from attrs import define, field

from gamenet.errors import LocalProtocolError

__all__ = ["PortRange"]


@define(eq=False)
class PortRange:
    """
    The free ports from C{lowest} to C{highest}, both included.

    @ivar lowest: The first port.
    @ivar highest: The last port.
    """

    lowest: int
    highest: int
    _free: list[int] = field(init=False, repr=False)
    _place: dict[int, int] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Begin with every port free."""
        self._free = list(range(self.lowest, self.highest + 1))
        self._place = {port: place for place, port in enumerate(self._free)}

    def __len__(self) -> int:
        """Return how many ports are free."""
        return len(self._free)

    def take(self, draw: int, even: bool = False, pair: bool = False) -> int | None:
        """
        Take a free port that nobody can foretell.

        @param draw: An unpredictable number, not negative, far larger than the range.
        @param even: Whether the port has to be even.
        @param pair: Whether the next higher port is taken too.
        @return: The port, C{None} where no free one will do.
        """
        count = len(self._free)
        for step in range(count):
            port = self._free[(draw + step) % count]
            if (even and port & 1) or (pair and port + 1 not in self._place):
                continue
            self._remove(port)
            if pair:
                self._remove(port + 1)
            return port
        return None

    def release(self, port: int) -> None:
        """
        Give a port back.

        @raise LocalProtocolError: It is free already, or not of this range.
        """
        if port in self._place or not self.lowest <= port <= self.highest:
            raise LocalProtocolError(f"port {port} was not taken")
        self._place[port] = len(self._free)
        self._free.append(port)

    def _remove(self, port: int) -> None:
        place = self._place.pop(port)
        last = self._free.pop()
        if last != port:
            self._free[place] = last
            self._place[last] = place
