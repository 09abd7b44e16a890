"""
What a lobby gives its seated clients to be let in at the relay.
"""

from __future__ import annotations

from gamenet.lobby.settings import RelayOffer
from gamenet.wire.lobby_messages import RelayCredentials
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername

__all__ = ["credentialsFor"]


def credentialsFor(relay: RelayOffer, client_id: bytes, wall_now: float) -> RelayCredentials:
    """
    Return a client's own credentials for the relay.

    @param relay: The relay on offer.
    @param client_id: Whose; the relay's quotas count by it.
    @param wall_now: Seconds since 1970: the one time in a lobby that is not
        monotonic, since the relay compares it with its own.
    """
    username = ephemeralUsername(int(wall_now) + relay.lifetime, client_id.hex())
    return RelayCredentials(
        address=relay.address,
        username=username,
        password=ephemeralPassword(relay.secret, username),
        lifetime=relay.lifetime,
    )
