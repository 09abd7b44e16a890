"""
The messages by which participants of a shared session find their host, and two halves
of a partition become one again.

They travel like those of L{gamenet.wire.log_messages}, with numbers of their own.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import attrs

from gamenet.wire.lobby_fields import Field, ListOf, Row, RowOf
from gamenet.wire.log_messages import LOG_MESSAGES
from gamenet.wire.log_values import EPOCHS_LIMIT, NO_EPOCH, PLAYER, SEQUENCE, Epoch, EpochRecord

__all__ = [
    "ELECTION_MESSAGES",
    "REPLICA_MESSAGES",
    "Branch",
    "Chain",
    "Claim",
    "ElectionMessage",
    "Promise",
    "Yield",
]


@attrs.frozen
class Chain(Row):
    """
    Which events somebody holds, without the events: an epoch has one writer, so the
    epochs and where each began say it all.

    @ivar records: The newest epochs, oldest first; at most L{EPOCHS_LIMIT}.
    @ivar sequence: The number of the last event, which is in the last of them.
    """

    layout: ClassVar[tuple[Field, ...]] = (ListOf(RowOf(EpochRecord), 1, EPOCHS_LIMIT), SEQUENCE)

    records: tuple[EpochRecord, ...]
    sequence: int

    @property
    def epoch(self) -> Epoch:
        """The epoch of the last event."""
        return self.records[-1].epoch

    def requireConsistent(self) -> None:
        """
        @raise ValueError: No log has epochs like that.
        """
        for before, record in zip(self.records, self.records[1:], strict=False):
            if record.epoch.number <= before.epoch.number or record.sequence <= before.sequence:
                raise ValueError("Chain: one epoch does not follow the one before it")
        if self.records[-1].sequence > self.sequence:
            raise ValueError("Chain: the last epoch has not begun yet")


@attrs.frozen
class Claim(Row):
    """
    The sender means to be the host of a new epoch, and asks for the receiver's promise.
    C{[16, epoch, chain]}.

    @ivar epoch: Which; the sender's.
    @ivar chain: What the sender holds.
    """

    number: ClassVar[int] = 16
    layout: ClassVar[tuple[Field, ...]] = (RowOf(Epoch), RowOf(Chain))

    epoch: Epoch
    chain: Chain

    def requireConsistent(self) -> None:
        """
        @raise ValueError: It claims no epoch, or one that cannot follow.
        """
        if self.epoch == NO_EPOCH or self.epoch.number <= self.chain.epoch.number:
            raise ValueError("Claim: the epoch does not follow the chain")


@attrs.frozen
class Promise(Row):
    """
    The sender accepts nothing of a lower epoch any more.  C{[17, epoch, chain]}.

    @ivar epoch: Which the receiver claims.
    @ivar chain: What the sender holds.
    """

    number: ClassVar[int] = 17
    layout: ClassVar[tuple[Field, ...]] = (RowOf(Epoch), RowOf(Chain))

    epoch: Epoch
    chain: Chain

    def requireConsistent(self) -> None:
        """
        @raise ValueError: It promises what has begun already.
        """
        if self.epoch.number <= self.chain.epoch.number:
            raise ValueError("Promise: the epoch does not follow the chain")


@attrs.frozen
class Branch(Row):
    """
    From one host to another, whom it hears again: what its half did.  C{[18, chain]}.

    @ivar chain: What the sender holds.
    """

    number: ClassVar[int] = 18
    layout: ClassVar[tuple[Field, ...]] = (RowOf(Chain),)

    chain: Chain


@attrs.frozen
class Yield(Row):
    """
    From a host to its half: another host's branch stands, follow that one.
    C{[19, player]}.

    @ivar player: The other host.
    """

    number: ClassVar[int] = 19
    layout: ClassVar[tuple[Field, ...]] = (PLAYER,)

    player: int


#: Any message of this module.
ElectionMessage: TypeAlias = Claim | Promise | Branch | Yield

#: The classes of this module's messages, by their numbers.
ELECTION_MESSAGES: dict[int, type[Row]] = {
    message.number: message for message in (Claim, Promise, Branch, Yield)
}

#: All that replicas send one another.
REPLICA_MESSAGES: dict[int, type[Row]] = {**LOG_MESSAGES, **ELECTION_MESSAGES}
