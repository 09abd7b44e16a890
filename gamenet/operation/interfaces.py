"""
What is operated: a relay, or several.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from twisted.internet.defer import Deferred

from gamenet.listening import IListeningService
from gamenet.operation.reloadable import Reloadable

__all__ = ["IRelayOperation", "WorkerStatus"]

#: A worker's number, C{""} for the relay in this very process; and its counters, or C{None}
#: where it does not tell them.
WorkerStatus: TypeAlias = "tuple[str, dict[str, Any] | None]"


class IRelayOperation(IListeningService):
    """One relay or several, for whoever operates them."""

    def statuses() -> Deferred[list[WorkerStatus]]:
        """Return a Deferred that fires with the counters of each relay, always of all."""

    def reload(reloadable: Reloadable, deny_peer: tuple[str, ...]) -> None:
        """
        Take other secrets, users and denied peers.

        @param reloadable: What was read.
        @param deny_peer: All denied peers, those of the command line too.
        @raise gamenet.errors.BadSetting: Something cannot work; then nothing has changed.
        """

    def reloadCertificates() -> None:
        """
        Read the certificates again.

        @raise gamenet.errors.BadSetting: One cannot be read; the old one stays.
        """

    def drain() -> Deferred[None]:
        """
        Take no new allocations any more.

        @return: Fires when the last one is gone, or the drain limit is over.
        """
