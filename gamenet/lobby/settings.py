"""
What an operator and a player can set: limits, time limits, and the relay on offer.

Every value is checked when the settings are made, so that a lobby which starts
at all starts with numbers that work (L{gamenet.errors.BadSetting} names the one
that does not).
"""

from __future__ import annotations

from attrs import field, frozen

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.errors import BadSetting
from gamenet.lobby.relay_offer import RelayOffer
from gamenet.wire.framing import FRAME_LIMIT
from gamenet.wire.lobby_values import CANDIDATES_LIMIT, LISTED_LIMIT, PLAYERS_LIMIT

__all__ = ["LobbyClientSettings", "LobbySettings"]


#: How many of something a client may cause in the long run.
_rate = number(0.001, 1e6, "a second")


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
    @ivar seat_grace: Seconds for which the seat of a player who was lost to the lobby during
        a match is kept; longer where the match's host says that they still play (K5).
    @ivar results_limit: The most statements of results that are kept, of all matches
        together; the oldest go first.  One has at most 3.2 kB.
    @ivar result_lifetime: Seconds for which the results of a match are kept.
    @ivar candidates_limit: The most candidates that a client can offer; the
        lobby adds one more, the address it saw.
    @ivar list_limit: The most sessions in one list; its total says how many
        there are.
    @ivar requests_per_second: How many requests a client may send in the long run.
    @ivar requests_burst: How many it may send at once.
    @ivar refusals_per_second: How many refusals a client may earn in the long run.
    @ivar refusals_burst: How many it may earn at once; with one more it is closed.
    @ivar log_lines_per_second: How many lines about its matches a client may cause in the
        long run; others are left out, and counted all the same.
    @ivar log_lines_burst: How many it may cause at once.
    @ivar request_bytes: The longest request in bytes; a longer frame is refused
        at its length prefix.
    @ivar write_limit: The most bytes that may wait for a client that does not
        read, beyond what its transport buffers before it says so.
    @ivar relay: The relay on offer, or C{None}.
    """

    heartbeat_interval: float = field(default=3.0, validator=seconds(0.1))
    heartbeat_timeout: float = field(default=10.0, validator=seconds(0.2, 86_400))
    greeting_timeout: float = field(default=10.0, validator=seconds())
    closing_timeout: float = field(default=5.0, validator=seconds())
    sweep_interval: float = field(default=0.5, validator=seconds())
    list_interval: float = field(default=0.1, validator=seconds())
    clients_limit: int = field(default=10_000, validator=wholeNumber())
    clients_per_address: int = field(default=64, validator=wholeNumber())
    sessions_limit: int = field(default=5_000, validator=wholeNumber())
    capacity_limit: int = field(default=16, validator=wholeNumber(1, PLAYERS_LIMIT))
    seat_grace: float = field(default=30.0, validator=seconds())
    results_limit: int = field(default=4_096, validator=wholeNumber())
    result_lifetime: float = field(default=3600.0, validator=seconds(1.0, 604_800))
    candidates_limit: int = field(default=15, validator=wholeNumber(1, CANDIDATES_LIMIT - 1))
    list_limit: int = field(default=100, validator=wholeNumber(1, LISTED_LIMIT))
    requests_per_second: float = field(default=20.0, validator=_rate)
    requests_burst: int = field(default=60, validator=wholeNumber())
    refusals_per_second: float = field(default=1.0, validator=_rate)
    refusals_burst: int = field(default=60, validator=wholeNumber())
    log_lines_per_second: float = field(default=1.0, validator=_rate)
    log_lines_burst: int = field(default=20, validator=wholeNumber())
    request_bytes: int = field(default=8_192, validator=wholeNumber(1024, FRAME_LIMIT))
    write_limit: int = field(default=262_144, validator=wholeNumber())
    relay: RelayOffer | None = None

    def __attrs_post_init__(self) -> None:
        """
        Check the two that depend on each other.

        @raise BadSetting: They cannot work together.
        """
        twice = 2 * self.heartbeat_interval
        if self.heartbeat_timeout < twice:
            raise BadSetting(
                f"heartbeat_timeout must be at least two heartbeat intervals ({twice} s), so that"
                f" one lost datagram loses nobody, not {self.heartbeat_timeout!r}"
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

    connect_timeout: float = field(default=10.0, validator=seconds())
    request_timeout: float = field(default=5.0, validator=seconds())
    close_timeout: float = field(default=2.0, validator=seconds())
    binding_interval: float = field(default=15.0, validator=seconds())
    unanswered_limit: int = field(default=3, validator=wholeNumber())
    pending_limit: int = field(default=64, validator=wholeNumber())
