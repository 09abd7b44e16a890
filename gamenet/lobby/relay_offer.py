"""
What a lobby gives its seated clients to be let in at the relay.
"""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

from gamenet.bounds import wholeNumber
from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.wire.lobby_messages import RelayCredentials
from gamenet.wire.transport_address import isSendable
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername

__all__ = ["RELAYS_LIMIT", "RelayOffer", "credentialsFor"]

#: Most relays on offer.
RELAYS_LIMIT = 1024

_SHORTEST_SECRET = 8


def _sendable(instance: object, attribute: Attribute[Address], value: object) -> None:
    if not isSendable(value):
        raise BadSetting(
            f"{attribute.name} must be a numeric address and a port that clients can send to,"
            f" not {value!r}"
        )


def _allSendable(instance: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, tuple) or len(value) >= RELAYS_LIMIT:
        raise BadSetting(f"{attribute.name} must be less than {RELAYS_LIMIT} addresses")
    for address in value:
        _sendable(instance, attribute, address)


def _secret(instance: object, attribute: Attribute[bytes], value: object) -> None:
    # The refusal does not quote it: it ends up on screens and in logs.
    if not isinstance(value, bytes) or len(value) < _SHORTEST_SECRET:
        raise BadSetting(f"{attribute.name} must be at least {_SHORTEST_SECRET} bytes")


@frozen
class RelayOffer:
    """
    The relays that a lobby sends its seated clients to, each session to one of them.

    @ivar address: Where the relay listens, numeric host and port.
    @ivar secret: What lobby and relays share, at least 8 bytes: credentials are
        made from it (C{draft-uberti-behave-turn-rest-00}).
    @ivar lifetime: Seconds that a credential is good for; it must outlast the
        longest wait for a match; an allocation outlives it.
    @ivar further_addresses: Where further relays listen that share the secret: other workers,
        or other machines.

    @raise BadSetting: A value cannot work; the text says which and why.
    """

    address: Address = field(validator=_sendable)
    secret: bytes = field(repr=False, validator=_secret)
    lifetime: int = field(default=86_400, validator=wholeNumber())
    further_addresses: tuple[Address, ...] = field(default=(), validator=_allSendable)

    def addressFor(self, session_id: str) -> Address:
        """
        Return the relay for a session: the same for all its members, so that packets
        between them need not leave it.

        @param session_id: The session's identifier; hexadecimal, and as good as random.
        """
        addresses = (self.address, *self.further_addresses)
        return addresses[int(session_id or "0", 16) % len(addresses)]


def credentialsFor(
    relay: RelayOffer, client_id: bytes, wall_now: float, session_id: str = ""
) -> RelayCredentials:
    """
    Return a client's own credentials for the relay.

    @param relay: The relay on offer.
    @param client_id: Whose; the relay's quotas count by it.
    @param wall_now: Seconds since 1970: the one time in a lobby that is not
        monotonic, since the relay compares it with its own.
    @param session_id: The session that the client sits in; with C{""} the relay is the first.
    """
    username = ephemeralUsername(int(wall_now) + relay.lifetime, client_id.hex())
    return RelayCredentials(
        address=relay.addressFor(session_id),
        username=username,
        password=ephemeralPassword(relay.secret, username),
        lifetime=relay.lifetime,
    )
