"""
What a world did, in one number.

Two runs from the same seed must give the same hash on every Python, for every
C{PYTHONHASHSEED}, on every machine; two that differ in one byte or one
instant must not.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from typing import Any

from attrs import define, field

from gamenet.interfaces import Address

__all__ = ["CLOSED", "CONNECTED", "DATAGRAM", "WRITTEN", "Trace"]

#: What an entry of the trace says happened.
DATAGRAM, CONNECTED, WRITTEN, CLOSED = 1, 2, 3, 4

_HEAD = Struct(">BHdI").pack
_PORT = Struct(">BH").pack

_PENDING_LIMIT = 4096
_PACKED_LIMIT = 65_536


@define(eq=False, repr=False)
class Trace:
    """
    A running hash over time, machine, source, destination and bytes of
    everything that is sent.

    @ivar entries: How many things were noted.
    """

    entries: int = 0
    _digest: Any = field(factory=lambda: blake2b(digest_size=16))
    _pending: list[bytes] = field(factory=list)
    _packed: dict[Address, bytes] = field(factory=dict)

    def note(
        self,
        kind: int,
        now: float,
        machine: int,
        source: Address,
        destination: Address,
        data: bytes,
    ) -> None:
        """
        Take one happening into the hash.

        @param kind: L{DATAGRAM}, L{CONNECTED}, L{WRITTEN} or L{CLOSED}.
        @param now: The world time in seconds.
        @param machine: The number of the machine that did it.
        @param source: Its end.
        @param destination: The other end.
        @param data: The bytes sent.
        """
        self.entries += 1
        packed = self._packed
        pending = self._pending
        pending += (
            _HEAD(kind, machine, now, len(data)),
            packed.get(source) or self._pack(source),
            packed.get(destination) or self._pack(destination),
            data,
        )
        if len(pending) >= _PENDING_LIMIT:
            self._digest.update(b"".join(pending))
            pending.clear()

    def hexadecimal(self) -> str:
        """Return the hash of everything so far, 32 hexadecimal digits."""
        self._digest.update(b"".join(self._pending))
        self._pending.clear()
        return str(self._digest.hexdigest())

    def _pack(self, address: Address) -> bytes:
        host = address[0].encode()
        packed = _PORT(len(host), address[1]) + host
        if len(self._packed) >= _PACKED_LIMIT:
            self._packed.clear()
        self._packed[address] = packed
        return packed
