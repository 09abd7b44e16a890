"""Whether our own address is still what it was: cable to Wi-Fi, sleep and resume."""

from __future__ import annotations

from enum import Enum

from gamenet.errors import BadAddress, CannotBind
from gamenet.interfaces import IMachine

__all__ = ["HOSTS_LIMIT", "Doubt", "Route", "RouteWatch"]

#: The most hosts to which the way is remembered; of more, the first count.
HOSTS_LIMIT = 4


class Doubt(Enum):
    """Why our own address may be another."""

    #: Nobody doubts it: checks are due, and looking costs next to nothing.
    ROUTINE = "routine"
    #: Nothing has come from somebody who has a path.
    SILENCE = "silence"
    #: The last path to somebody is lost.
    PATH_LOST = "path lost"
    #: The process stood still: the machine may have slept.
    STALL = "stall"
    #: Sending has failed for a while.
    SEND_ERRORS = "send errors"


class Route(Enum):
    """What became of the way out."""

    #: Datagrams leave from the address that they left from before.
    SAME = "same"
    #: They leave from another one.
    OTHER = "other"
    #: There is no way out at the moment.
    NONE = "none"


class RouteWatch:
    """
    Remembers which of our addresses datagrams left from.  Sends nothing, and asks the
    machine only when it is asked.

    Owned by a L{gamenet.mesh.sockets.PlayerSockets}.
    """

    def __init__(self, machine: IMachine) -> None:
        """@param machine: Whose addresses they are."""
        self._machine = machine
        self._sources: dict[str, str | None] = {}

    def note(self, host: str) -> None:
        """Remember which address datagrams to a numeric C{host} leave from now."""
        if host not in self._sources and len(self._sources) < HOSTS_LIMIT:
            self._sources[host] = self._source(host)

    def renew(self) -> None:
        """Remember the present addresses instead of the former."""
        self._sources = {host: self._source(host) for host in self._sources}

    def state(self) -> Route:
        """Return what became of the ways that were noted; that to one host suffices."""
        now = {host: self._source(host) for host in self._sources}
        if now and all(source is None for source in now.values()):
            return Route.NONE
        changed = [
            host
            for host, source in now.items()
            if source is not None and source != self._sources[host]
        ]
        return Route.OTHER if changed else Route.SAME

    def _source(self, host: str) -> str | None:
        try:
            return self._machine.sourceAddress(host)
        except (BadAddress, CannotBind):
            return None
