"""
What an operator and a player can set: limits, time limits, and the relay on offer.

Every value is checked when the settings are made, so that a lobby which starts
at all starts with numbers that work (L{gamenet.errors.BadSetting} names the one
that does not).
"""

from __future__ import annotations

from attrs import field, frozen

from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.wire.framing import FRAME_LIMIT
from gamenet.wire.lobby_values import CANDIDATES_LIMIT, LISTED_LIMIT, PLAYERS_LIMIT
from gamenet.wire.transport_address import isSendable

__all__ = ["LobbyClientSettings", "LobbySettings", "RelayOffer"]


def _require(good: bool, name: str, value: object, why: str) -> None:
    """
    Insist on something that is said about a setting.

    @raise BadSetting: It does not hold.
    """
    if not good:
        raise BadSetting(f"{name} is {value!r}: {why}")


def _requirePositive(settings: object, names: tuple[str, ...]) -> None:
    """
    Insist that each of these settings is a finite number above 0.

    @raise BadSetting: One is not.
    """
    for name in names:
        value = getattr(settings, name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        _require(
            number and 0 < value < float("inf"), name, value, "it must be a number above 0"
        )


def _requireCounts(settings: object, names: tuple[str, ...]) -> None:
    """
    Insist that each of these settings is a whole number, at least 1.

    @raise BadSetting: One is not.
    """
    for name in names:
        value = getattr(settings, name)
        _require(type(value) is int and value >= 1, name, value, "it must be a whole number >= 1")


@frozen
class RelayOffer:
    """
    The relay that a lobby sends its seated clients to.

    @ivar address: Where the relay listens, numeric host and port.
    @ivar secret: What lobby and relay share, at least 8 bytes: credentials are
        made from it (C{draft-uberti-behave-turn-rest-00}).
    @ivar lifetime: Seconds that a credential is good for; it must outlast the
        longest match, as a refresh with an expired one is refused.
    """

    address: Address
    secret: bytes = field(repr=False)
    lifetime: int = 86_400

    def __attrs_post_init__(self) -> None:
        """
        Check every value.

        @raise BadSetting: One cannot work.
        """
        _require(
            isSendable(self.address),
            "address",
            self.address,
            "it must be a numeric address and a port that clients can send to",
        )
        _require(len(self.secret) >= 8, "secret", "…", "it must be at least 8 bytes")
        _requireCounts(self, ("lifetime",))


_SECONDS_AND_RATES = (
    "heartbeat_interval",
    "heartbeat_timeout",
    "greeting_timeout",
    "closing_timeout",
    "sweep_interval",
    "list_interval",
    "requests_per_second",
    "refusals_per_second",
)

_COUNTS = (
    "clients_limit",
    "clients_per_address",
    "sessions_limit",
    "capacity_limit",
    "candidates_limit",
    "list_limit",
    "requests_burst",
    "refusals_burst",
    "request_bytes",
    "write_limit",
)


@frozen
class LobbySettings:
    """
    How a lobby behaves.

    @ivar heartbeat_interval: Seconds between two heartbeats of a client (N1).
    @ivar heartbeat_timeout: Seconds of silence after which a client counts as
        lost (N1).
    @ivar greeting_timeout: Seconds that a new connection has for its hello.
    @ivar closing_timeout: Seconds that a farewell has to get through before the
        connection is aborted.
    @ivar sweep_interval: Seconds between two looks at who has been silent.
    @ivar list_interval: Seconds that changes of the list are gathered before
        the list is pushed.
    @ivar clients_limit: The most connections at once.
    @ivar clients_per_address: The most connections at once from one host.
    @ivar sessions_limit: The most sessions at once.
    @ivar capacity_limit: The most seats that a session can be created with.
    @ivar candidates_limit: The most candidates that a client can offer; the
        lobby adds one more, the address it saw.
    @ivar list_limit: The most sessions in one list; its total says how many
        there are.
    @ivar requests_per_second: How many requests a client may send in the long run.
    @ivar requests_burst: How many it may send at once.
    @ivar refusals_per_second: How many refusals a client may earn in the long run.
    @ivar refusals_burst: How many it may earn at once; with one more it is closed.
    @ivar request_bytes: The longest request in bytes; a longer frame is refused
        at its length prefix.
    @ivar write_limit: The most bytes that may wait for a client that does not
        read, beyond what its transport buffers before it says so.
    @ivar relay: The relay on offer, or C{None}.
    """

    heartbeat_interval: float = 3.0
    heartbeat_timeout: float = 10.0
    greeting_timeout: float = 10.0
    closing_timeout: float = 5.0
    sweep_interval: float = 0.5
    list_interval: float = 0.1
    clients_limit: int = 10_000
    clients_per_address: int = 64
    sessions_limit: int = 5_000
    capacity_limit: int = 16
    candidates_limit: int = 15
    list_limit: int = 100
    requests_per_second: float = 20.0
    requests_burst: int = 60
    refusals_per_second: float = 1.0
    refusals_burst: int = 60
    request_bytes: int = 8_192
    write_limit: int = 262_144
    relay: RelayOffer | None = None

    def __attrs_post_init__(self) -> None:
        """
        Check every value, and those that depend on each other.

        @raise BadSetting: One cannot work.
        """
        _requirePositive(self, _SECONDS_AND_RATES)
        _requireCounts(self, _COUNTS)
        _require(
            0.1 <= self.heartbeat_interval <= 3600,
            "heartbeat_interval",
            self.heartbeat_interval,
            "it must be from 0.1 to 3600 s",
        )
        _require(
            2 * self.heartbeat_interval <= self.heartbeat_timeout <= 86_400,
            "heartbeat_timeout",
            self.heartbeat_timeout,
            f"it must be at least two heartbeat intervals ({2 * self.heartbeat_interval} s), "
            "so that one lost datagram loses nobody, and at most a day",
        )
        for name, lowest, highest in (
            ("capacity_limit", 2, PLAYERS_LIMIT),
            ("candidates_limit", 1, CANDIDATES_LIMIT - 1),
            ("list_limit", 1, LISTED_LIMIT),
            ("request_bytes", 1024, FRAME_LIMIT),
        ):
            value = getattr(self, name)
            _require(
                lowest <= value <= highest, name, value, f"it must be from {lowest} to {highest}"
            )


@frozen
class LobbyClientSettings:
    """
    How a player's side of the lobby connection behaves.

    @ivar connect_timeout: Seconds that the stream may take to open.
    @ivar request_timeout: Seconds that the lobby has to answer a request (K9).
    @ivar close_timeout: Seconds after which a close that does not end is forced.
    @ivar binding_interval: Seconds from one answered STUN Binding to the next,
        by which a change of the address seen is noticed.
    @ivar unanswered_limit: After so many unanswered heartbeats in a row the
        datagrams count as not getting through.
    @ivar pending_limit: The most requests that may wait for an answer at once.
    """

    connect_timeout: float = 10.0
    request_timeout: float = 5.0
    close_timeout: float = 2.0
    binding_interval: float = 15.0
    unanswered_limit: int = 3
    pending_limit: int = 64

    def __attrs_post_init__(self) -> None:
        """
        Check every value.

        @raise BadSetting: One cannot work.
        """
        _requirePositive(
            self, ("connect_timeout", "request_timeout", "close_timeout", "binding_interval")
        )
        _requireCounts(self, ("unanswered_limit", "pending_limit"))
