"""
What a relay decides upon, and what it can decide.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from gamenet.relay.allocation import Allocation
from gamenet.relay.authentication import Sender
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import Effect
from gamenet.wire.stun import StunMessage

__all__ = ["Asked", "Attributes", "Decision", "Granted", "WantedPorts"]

#: The attributes of an answer.
Attributes: TypeAlias = tuple[tuple[int, bytes], ...]


@frozen
class Asked:
    """
    A request whose sender is known.

    @ivar request: The request.
    @ivar flow: Where it came from.
    @ivar sender: Who sent it, and what signs the answer.
    @ivar allocation: The live allocation of C{flow}, C{None} without one.
    @ivar now: Seconds, monotonic.
    """

    request: StunMessage
    flow: Flow
    sender: Sender
    allocation: Allocation | None
    now: float

    def first(self, attribute: int) -> bytes | None:
        """Return the value of the first attribute of a type, C{None} without one."""
        return self.request.first(attribute)


@frozen
class WantedPorts:
    """
    An Allocate that is granted as soon as its ports are open.

    @ivar asked: The request.
    @ivar lifetime: Seconds asked for, C{None} for none in particular.
    @ivar families: The address families to open a port of.  The first is required;
        the second is an additional one, without which the first is granted.
    @ivar even: Whether the first port has to be even.
    @ivar pair: Whether the next higher one is wanted too; there is only one family then.
    @ivar additional_error: Why the additional family that was asked for is not among
        C{families}, an error code; 0 where nothing is missing.
    """

    asked: Asked
    lifetime: int | None
    families: tuple[int, ...]
    even: bool
    pair: bool
    additional_error: int = 0


@frozen
class Granted:
    """
    A request that was granted.

    @ivar attributes: Those of the success.
    @ivar effects: What the server has to do.
    """

    attributes: Attributes = ()
    effects: tuple[Effect, ...] = ()


#: An error code to refuse with, or what to grant.
Decision: TypeAlias = int | Granted | WantedPorts
