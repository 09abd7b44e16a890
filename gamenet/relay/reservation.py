"""
Ports that wait for the second allocation of a pair (RFC 8656, EVEN-PORT and
RESERVATION-TOKEN: sections 7.2, 18.6 and 18.9).
"""

from __future__ import annotations

from attrs import define, field, frozen

from gamenet.errors import LocalProtocolError
from gamenet.relay_plane.allowance import Allowance
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.relayed_port import RelayedPort

__all__ = ["Reservation", "ReservationTable"]


@frozen
class Reservation:
    """
    A port that is kept for whoever shows the token.

    @ivar token: 8 unpredictable bytes.
    @ivar port: The open port.
    @ivar flow: Who reserved it.
    @ivar allowance: What it is counted on; only the same user may take it.
    @ivar expires: When it is given up, seconds.
    """

    token: bytes
    port: RelayedPort
    flow: Flow
    allowance: Allowance
    expires: float


@define(eq=False)
class ReservationTable:
    """
    All reservations.

    @ivar limit: Most reservations at a time.
    @ivar lifetime: Seconds that each is kept.
    """

    limit: int = 256
    lifetime: float = 30.0
    _by_token: dict[bytes, Reservation] = field(init=False, factory=dict)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._by_token)

    def __contains__(self, token: bytes) -> bool:
        """Tell whether a token is in use."""
        return token in self._by_token

    @property
    def full(self) -> bool:
        """Whether no further port can be reserved."""
        return len(self._by_token) >= self.limit

    def add(
        self, token: bytes, port: RelayedPort, flow: Flow, allowance: Allowance, now: float
    ) -> None:
        """
        Keep a port.

        @param token: New for every reservation.
        @param port: The open port.
        @param flow: Who reserves it.
        @param allowance: What it is counted on.
        @param now: Seconds, monotonic.
        @raise LocalProtocolError: The token is in use.
        """
        if token in self._by_token:
            raise LocalProtocolError("a reservation token was drawn twice")
        self._by_token[token] = Reservation(token, port, flow, allowance, now + self.lifetime)

    def find(self, token: bytes, user: str, now: float) -> Reservation | None:
        """
        Look up a reservation.

        @return: C{None} where the token is unknown, expired or another user's.
        """
        reservation = self._by_token.get(token)
        if reservation is None or reservation.expires <= now:
            return None
        return reservation if reservation.allowance.user.name == user.encode() else None

    def take(self, reservation: Reservation) -> RelayedPort:
        """Give a reserved port away.  The caller counts it anew."""
        del self._by_token[reservation.token]
        return reservation.port

    def sweep(self, now: float) -> tuple[Reservation, ...]:
        """
        Forget what expired.

        @return: The reservations whose ports are to be closed and counted back.
        """
        expired = []
        for reservation in self._by_token.values():
            if reservation.expires > now:
                break
            expired.append(reservation)
        for reservation in expired:
            del self._by_token[reservation.token]
        return tuple(expired)

    def nextDue(self) -> float | None:
        """Return when L{sweep} next has something to do, C{None} for never."""
        for reservation in self._by_token.values():
            return reservation.expires
        return None
