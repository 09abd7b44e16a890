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

__all__ = ["Asked", "Attributes", "Decision", "Granted", "Refused", "WantedPorts"]

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
    @ivar families: The address families to open a port of; where there are two, either
        alone is granted.
    @ivar even: Whether the first port has to be even.
    @ivar pair: Whether the next higher one is wanted too; there is only one family then.
    @ivar address_error: A family that was asked for and is not among C{families}, and the
        error code that says why; C{None} where nothing is missing.
    """

    asked: Asked
    lifetime: int | None
    families: tuple[int, ...]
    even: bool
    pair: bool
    address_error: tuple[int, int] | None = None


@frozen
class Refused:
    """
    A request that was refused, with something to do nevertheless.

    @ivar code: The error code.
    @ivar effects: What the server has to do.
    """

    code: int
    effects: tuple[Effect, ...] = ()


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
Decision: TypeAlias = int | Refused | Granted | WantedPorts
