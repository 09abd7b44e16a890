"""
A whole state as bytes, for who lacks more events than a log holds.
"""

from __future__ import annotations

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.event_log.shared_state import SharedState
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import unpackRow
from gamenet.wire.log_messages import SNAPSHOT_LIMIT

__all__ = ["Snapshot"]


@attrs.frozen
class Snapshot:
    """
    A state that travels.

    @ivar state: The state.
    """

    state: SharedState

    @property
    def sequence(self) -> int:
        """The number of the last event that it stands for."""
        return self.state.sequence

    def encoded(self, limit: int = SNAPSHOT_LIMIT) -> bytes:
        """
        Return the snapshot's bytes: the canonical CBOR that the state's digest is of.

        @param limit: The longest that may leave.
        @raise LocalProtocolError: It is longer.
        """
        data = self.state.packed
        if len(data) > limit:
            raise LocalProtocolError(
                f"a snapshot of {len(data)} bytes is above the limit of {limit}"
            )
        return data

    @classmethod
    def decoded(cls, data: bytes, limit: int = SNAPSHOT_LIMIT) -> Snapshot:
        """
        Return the snapshot that bytes are.

        @param data: All of it.
        @param limit: The longest that is looked at.
        @raise MalformedMessage: It is longer, is none, or no events lead to its state.
        """
        if len(data) > limit:
            raise MalformedMessage(f"a snapshot of {len(data)} bytes is above the limit of {limit}")
        try:
            return cls(unpackRow(SharedState, canonical_cbor.decode(data)))
        except ValueError as error:
            raise MalformedMessage(str(error)) from error
