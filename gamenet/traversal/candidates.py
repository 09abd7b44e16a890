"""
Candidates: the addresses a player might be reached at, and which of them are
worth a probe (RFC 8445, sections 5.1 and 6.1, cut down to plain punching).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, ip_address

from gamenet.interfaces import Address
from gamenet.wire.lobby_values import HOST, RELAYED, SERVER_REFLEXIVE, Candidate

__all__ = ["TARGET_LIMIT", "punchTargets", "relayedAddress"]

#: The most addresses of one player that are ever probed on what the lobby says.
TARGET_LIMIT = 8


def _probeable(host: str, ours_is_loopback: bool) -> bool:
    """
    Return whether a probe to C{host} can reach a player and nobody else's service.

    Loopback is only meant where we stand on it ourselves: otherwise a
    candidate could aim our probes at services of our own machine.
    """
    address = ip_address(host)
    if not isinstance(address, IPv4Address):
        return False
    if address.is_loopback:
        return ours_is_loopback
    return not (
        address.is_multicast
        or address.is_unspecified
        or address.is_link_local
        or address.is_reserved
    )


def punchTargets(ours: Iterable[Candidate], theirs: Iterable[Candidate]) -> tuple[Address, ...]:
    """
    Return the addresses to punch at, in the order to try them.

    Their host candidates come first where both players share an outside
    address (one router), and the server-reflexive ones otherwise; relayed
    candidates are never punched at.

    @param ours: Our own candidates.
    @param theirs: The other player's, as the lobby passed them on.
    @return: At most L{TARGET_LIMIT} different addresses.
    """
    own = tuple(ours)
    other = tuple(theirs)
    ours_is_loopback = any(ip_address(c.address[0]).is_loopback for c in own)
    our_outsides = [c.address[0] for c in own if c.kind == SERVER_REFLEXIVE]
    reflexive = [c.address for c in other if c.kind == SERVER_REFLEXIVE]
    host = [c.address for c in other if c.kind == HOST]
    same_router = any(address[0] in our_outsides for address in reflexive)
    ordered = host + reflexive if same_router else reflexive + host
    targets: dict[Address, None] = {}
    for address in ordered:
        if len(targets) < TARGET_LIMIT and _probeable(address[0], ours_is_loopback):
            targets[address] = None
    return tuple(targets)


def relayedAddress(candidates: Iterable[Candidate]) -> Address | None:
    """Return the first relayed candidate's address, or C{None} where there is none."""
    for candidate in candidates:
        if candidate.kind == RELAYED:
            return candidate.address
    return None
