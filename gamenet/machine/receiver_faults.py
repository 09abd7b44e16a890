"""What the receivers of sockets raise: a bug of ours, which no stranger shall drown a log with."""

from __future__ import annotations

from typing import ClassVar

from attrs import define, field
from twisted.logger import Logger
from twisted.python.failure import Failure

from gamenet.interfaces import Address

__all__ = ["ReceiverFaults"]

#: How many different exception types of one receiver are logged.
_FAULT_KINDS = 16


@define(eq=False)
class ReceiverFaults:
    """
    What a socket's receiver raised: logged once per kind of exception, for a
    fault that every datagram repeats would otherwise drown the log.

    @ivar count: How many times the receiver raised.
    """

    _log: ClassVar[Logger] = Logger()
    count: int = field(init=False, default=0)
    _kinds: dict[type[object], None] = field(init=False, factory=dict)

    def record(self, failure: Failure, local: Address) -> None:
        """
        Count an exception of the receiver, and log the first of its kind.

        @param failure: What was raised.
        @param local: The address of the socket.
        """
        self.count += 1
        kind: type[object] = type(failure.value)
        if kind in self._kinds or len(self._kinds) >= _FAULT_KINDS:
            return
        self._kinds[kind] = None
        self._log.failure(
            "the receiver of socket {local} raised; more of this kind are only counted",
            failure=failure,
            local=local,
        )
