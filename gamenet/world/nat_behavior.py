"""
How a NAT behaves, in the words of RFC 4787.

The presets are the kinds that a home meets; their old names (RFC 3489) are given
where they have one.
"""

from __future__ import annotations

from enum import Enum
from math import isfinite
from typing import Any

from attrs import Attribute, field, frozen

from gamenet.errors import BadSetting

__all__ = [
    "ADDRESS_RESTRICTED",
    "ADDRESS_SENSITIVE",
    "DATAGRAMS_BLOCKED",
    "FULL_CONE",
    "PORT_RESTRICTED",
    "PORT_SENSITIVE_RANDOM",
    "PORT_SENSITIVE_SEQUENTIAL",
    "PRESETS",
    "Filtering",
    "Mapping",
    "NatBehavior",
    "PortChoice",
]


class Mapping(Enum):
    """When a NAT uses one external port for two destinations (RFC 4787, section 4.1)."""

    ENDPOINT_INDEPENDENT = "endpoint independent"
    ADDRESS_DEPENDENT = "address dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address and port dependent"


class Filtering(Enum):
    """Whom a NAT lets in by a mapping (RFC 4787, section 5)."""

    ENDPOINT_INDEPENDENT = "endpoint independent"
    ADDRESS_DEPENDENT = "address dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address and port dependent"


class PortChoice(Enum):
    """
    How a NAT chooses an external port (RFC 4787, section 4.2).

    C{PRESERVING} takes the internal port, and the next free one above where that is
    taken; C{SEQUENTIAL} goes on by a fixed step from the last one; C{RANDOM}
    takes any.
    """

    PRESERVING = "preserving"
    SEQUENTIAL = "sequential"
    RANDOM = "random"


def _isPort(behavior: object, attribute: Attribute[int], value: int) -> None:
    if not 1 <= value <= 65_535:
        raise BadSetting(f"{attribute.name} must be a port, not {value!r}")


def _isPositive(behavior: object, attribute: Attribute[Any], value: float) -> None:
    if not (value > 0 and isfinite(value)):
        raise BadSetting(f"{attribute.name} must be greater than 0, not {value!r}")


@frozen
class NatBehavior:
    """
    Everything a NAT can differ in.

    @ivar mapping: When two destinations see the same external port.
    @ivar filtering: Whom a mapping lets in.
    @ivar port_choice: How external ports are chosen.
    @ivar port_delta: The step of C{SEQUENTIAL}, 1 and up.
    @ivar lowest_port: The lowest external port that is ever used.
    @ivar highest_port: The highest.
    @ivar expiry: Seconds after which an unused mapping, or an unused permission to come
        in, is no more (RFC 4787, REQ-5, asks for 120 at least; many have 30).
    @ivar refreshed_inbound: Whether what comes in keeps a mapping alive too; what goes
        out always does (REQ-6).
    @ivar hairpin: Whether datagrams from the inside to an external address come back in
        (REQ-9), with their external source.
    @ivar table_limit: At most this many mappings of datagrams, and as many of streams.
    @ivar permission_limit: At most this many remote endpoints that one mapping
        remembers having sent to.
    @ivar datagrams: Whether datagrams pass at all; streams always do, outward.
    """

    mapping: Mapping = Mapping.ENDPOINT_INDEPENDENT
    filtering: Filtering = Filtering.ADDRESS_AND_PORT_DEPENDENT
    port_choice: PortChoice = PortChoice.PRESERVING
    port_delta: int = field(default=1, validator=_isPositive)
    lowest_port: int = field(default=1024, validator=_isPort)
    highest_port: int = field(default=65_535, validator=_isPort)
    expiry: float = field(default=120.0, validator=_isPositive)
    refreshed_inbound: bool = False
    hairpin: bool = False
    table_limit: int = field(default=4096, validator=_isPositive)
    permission_limit: int = field(default=4096, validator=_isPositive)
    datagrams: bool = True

    def __attrs_post_init__(self) -> None:
        if self.highest_port < self.lowest_port:
            raise BadSetting("highest_port must not be below lowest_port")


#: Anyone may answer.
FULL_CONE = NatBehavior(filtering=Filtering.ENDPOINT_INDEPENDENT)

#: Any port of a host that was sent to may answer.
ADDRESS_RESTRICTED = NatBehavior(filtering=Filtering.ADDRESS_DEPENDENT)

#: Only an endpoint that was sent to may answer: most homes.
PORT_RESTRICTED = NatBehavior()

#: Another external port for every remote host, one after the other.
ADDRESS_SENSITIVE = NatBehavior(
    mapping=Mapping.ADDRESS_DEPENDENT, port_choice=PortChoice.SEQUENTIAL
)

#: Another external port for every remote endpoint, one after the other (a symmetric NAT
#: whose next port can be guessed).
PORT_SENSITIVE_SEQUENTIAL = NatBehavior(
    mapping=Mapping.ADDRESS_AND_PORT_DEPENDENT, port_choice=PortChoice.SEQUENTIAL
)

#: Another external port for every remote endpoint, any one (a symmetric NAT).
PORT_SENSITIVE_RANDOM = NatBehavior(
    mapping=Mapping.ADDRESS_AND_PORT_DEPENDENT, port_choice=PortChoice.RANDOM
)

#: A firewall that lets no datagram through, but streams.
DATAGRAMS_BLOCKED = NatBehavior(datagrams=False)

#: The presets by name.
PRESETS: dict[str, NatBehavior] = {
    "FULL_CONE": FULL_CONE,
    "ADDRESS_RESTRICTED": ADDRESS_RESTRICTED,
    "PORT_RESTRICTED": PORT_RESTRICTED,
    "ADDRESS_SENSITIVE": ADDRESS_SENSITIVE,
    "PORT_SENSITIVE_SEQUENTIAL": PORT_SENSITIVE_SEQUENTIAL,
    "PORT_SENSITIVE_RANDOM": PORT_SENSITIVE_RANDOM,
    "DATAGRAMS_BLOCKED": DATAGRAMS_BLOCKED,
}
