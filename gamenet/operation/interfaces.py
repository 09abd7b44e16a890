"""
What is operated: a relay, or several.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from gamenet.listening import IListeningService
from gamenet.operation.reloadable import Reloadable

__all__ = ["IRelayOperation", "WorkerStatus"]


@frozen
class WorkerStatus:
    """
    What one relay counted.

    @ivar worker: The worker's number, C{None} for the relay in this very process.
    @ivar counters: Its counters, or C{None} where it does not tell them.
    """

    worker: int | None
    counters: dict[str, Any] | None


class IRelayOperation(IListeningService):
    """One relay or several, for whoever operates them."""

    def statuses() -> Deferred[list[WorkerStatus]]:
        """Return a Deferred that fires with the counters of each relay, always of all."""

    def reload(reloadable: Reloadable) -> None:
        """
        Take other secrets, users and denied peers.

        @param reloadable: What was read, with all denied peers: those of the command line too.
        @raise gamenet.errors.BadSetting: Something cannot work; then nothing has changed.
        """

    def drain() -> Deferred[None]:
        """
        Take no new allocations any more.

        @return: Fires when the last one is gone, or the drain limit is over.
        """
