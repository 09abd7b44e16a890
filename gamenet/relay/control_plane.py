"""
What decides in one relay, put together from its settings.  It never touches the network.
"""

from __future__ import annotations

from collections.abc import Callable

from gamenet.interfaces import Address
from gamenet.relay.allocating import Allocating
from gamenet.relay.allocation_table import AllocationTable
from gamenet.relay.authentication import Authenticator
from gamenet.relay.credentials import CredentialStore
from gamenet.relay.methods import TurnMethods
from gamenet.relay.nonce import NonceMint
from gamenet.relay.peer_policy import PeerPolicy, networks
from gamenet.relay.refusal_budget import RefusalBudget
from gamenet.relay.requests import RequestDesk
from gamenet.relay.reservation import ReservationTable
from gamenet.relay.settings import RelaySettings
from gamenet.relay_plane.counters import RelayCounters
from gamenet.relay_plane.relay_host import RelayHost
from gamenet.wire.turn import DONT_FRAGMENT, UNDERSTOOD_ATTRIBUTES

__all__ = ["peerPolicy", "requestDesk"]


def peerPolicy(
    settings: RelaySettings,
    hosts: dict[int, RelayHost],
    listeners: tuple[Address, ...],
    isOwnAddress: Callable[[str], bool],
) -> PeerPolicy:
    """
    Return whom a relay sends to.

    @param settings: How the relay is to be.
    @param hosts: By family, where relayed ports are.
    @param listeners: Where the relay listens.
    @param isOwnAddress: Tells whether a numeric host is an address of this machine.
    @raise gamenet.errors.BadSetting: A rule is none.
    """
    return PeerPolicy(
        (*(host.local for host in hosts.values()), *settings.own_addresses),
        (*listeners, *(("", port) for port in settings.closed_ports)),
        networks(settings.allow_peer),
        networks(settings.deny_peer),
        tuple((host.local, host.told) for host in hosts.values()),
        isOwnAddress,
    )


def requestDesk(
    settings: RelaySettings,
    randomBytes: Callable[[int], bytes],
    policy: PeerPolicy,
    families: tuple[int, ...],
    keeps_whole: bool,
    counters: RelayCounters,
) -> RequestDesk:
    """
    Return what answers requests.

    @param settings: How the relay is to be.
    @param randomBytes: Returns that many unpredictable bytes.
    @param policy: Whom the relay sends to.
    @param families: The address families that it has a host of.
    @param keeps_whole: Whether datagrams can be kept from being fragmented.
    @param counters: What to count in.
    @raise gamenet.errors.BadSetting: The secrets or the users cannot be.
    """
    table = AllocationTable(policy, settings.limits, counters)
    reservations = ReservationTable(settings.reservations, settings.reservation_lifetime)
    return RequestDesk(
        Authenticator(
            CredentialStore(settings.secrets, settings.users, settings.realm),
            NonceMint(randomBytes(32), settings.nonce_lifetime),
        ),
        TurnMethods(
            table, Allocating(table, reservations, families), settings.last_channel
        ),
        RefusalBudget(randomBytes(32), settings.refusals_per_second, settings.refusals_burst),
        UNDERSTOOD_ATTRIBUTES if keeps_whole else UNDERSTOOD_ATTRIBUTES - {DONT_FRAGMENT},
    )
