"""
The deletions of the last moments, so that a Refresh that deletes and is sent again gets
the same answer again (RFC 8656, section 8.2).
"""

from __future__ import annotations

from collections import OrderedDict

from attrs import define, field, frozen

from gamenet.relay.authentication import Credential
from gamenet.relay_plane.flow import Flow

__all__ = ["Deletion", "DeletionMemory"]


@frozen
class Deletion:
    """
    A Refresh that deleted an allocation, or its port of one family.

    @ivar credential: Who sent it; good for sending it again.
    @ivar expires: When it is forgotten, seconds.
    """

    credential: Credential
    expires: float


@define(eq=False)
class DeletionMemory:
    """
    Remembers so many deletions, for as long as a client sends a request again.

    @ivar limit: Most deletions; the oldest are forgotten first.
    @ivar lifetime: Seconds that each is remembered (RFC 8489, section 6.2.1: 39.5).
    """

    limit: int = 1024
    lifetime: float = 40.0
    _by_request: OrderedDict[tuple[Flow, bytes], Deletion] = field(
        init=False, factory=OrderedDict
    )

    def __len__(self) -> int:
        """Return how many there are, forgotten by time or not."""
        return len(self._by_request)

    def add(self, flow: Flow, transaction_id: bytes, credential: Credential, now: float) -> None:
        """
        Remember a deletion.

        @param flow: The client.
        @param transaction_id: Of its Refresh.
        @param credential: Who sent it.
        @param now: Seconds, monotonic.
        """
        request = (flow, transaction_id)
        self._by_request.pop(request, None)
        self.forget(now)
        while len(self._by_request) >= self.limit:
            self._by_request.popitem(last=False)
        self._by_request[request] = Deletion(credential, now + self.lifetime)

    def find(self, flow: Flow, transaction_id: bytes, now: float) -> Deletion | None:
        """Return the deletion that a request is a repetition of, C{None} without one."""
        deletion = self._by_request.get((flow, transaction_id))
        return None if deletion is None or deletion.expires <= now else deletion

    def forget(self, now: float) -> None:
        """Forget what is old."""
        while self._by_request and next(iter(self._by_request.values())).expires <= now:
            self._by_request.popitem(last=False)
