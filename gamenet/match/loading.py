"""
The loading of a game before a match: begun, awaited, and given up with the match.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gamenet.errors import MomentFailed
from gamenet.interfaces import IPeerProtocol
from gamenet.match.moments import moment

__all__ = ["Loading"]


class Loading:
    """One game's loading.  Owned by L{gamenet.match.match.Match}."""

    def __init__(
        self, loaded: Callable[[], None], failed: Callable[[MomentFailed], None]
    ) -> None:
        """
        @param loaded: Called once when the game is loaded.
        @param failed: Called once, instead, when it cannot be.
        """
        self._loaded = loaded
        self._failed = failed
        self._waiting: Deferred[object] | None = None
        self._stopped = False

    def begin(self, protocol: IPeerProtocol) -> None:
        """
        Have the game load.

        @raise MomentFailed: It raised at once.
        """
        with moment("load"):
            loading = protocol.load()
        if isinstance(loading, Deferred):
            self._waiting = loading
            loading.addCallbacks(self._done, self._refused)
        else:
            self._loaded()

    def stop(self) -> None:
        """Wait no longer; what still waits is cancelled."""
        self._stopped = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()

    def _done(self, result: object) -> None:
        self._waiting = None
        if not self._stopped:
            self._loaded()

    def _refused(self, failure: Failure) -> None:
        self._waiting = None
        if not self._stopped:
            error = MomentFailed("load")
            error.__cause__ = failure.value
            self._failed(error)
