"""
Ports that wait for the second allocation of a pair (RFC 8656, EVEN-PORT and
RESERVATION-TOKEN: sections 7.2, 18.6 and 18.9).
"""

from __future__ import annotations

from attrs import define, field, frozen

from gamenet.interfaces import Address

__all__ = ["RelayedPort", "Reservation", "ReservationTable"]


@frozen
class RelayedPort:
    """
    A socket that the relay opened for a client.

    @ivar number: Its number within the relay, never used twice.
    @ivar address: Its relayed transport address.
    """

    number: int
    address: Address


@frozen
class Reservation:
    """
    A port that is kept for whoever shows the token.

    @ivar token: 8 unpredictable bytes.
    @ivar port: The open port.
    @ivar user: Who may take it.
    @ivar expires: When it is given up, seconds.
    """

    token: bytes
    port: RelayedPort
    user: str
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

    @property
    def full(self) -> bool:
        """Whether no further port can be reserved."""
        return len(self._by_token) >= self.limit

    def countOf(self, user: str) -> int:
        """Return how many a user has."""
        return sum(reservation.user == user for reservation in self._by_token.values())

    def add(self, token: bytes, port: RelayedPort, user: str, now: float) -> None:
        """
        Keep a port.

        @param token: New for every reservation.
        @param port: The open port.
        @param user: Who may take it.
        @param now: Seconds, monotonic.
        """
        self._by_token[token] = Reservation(token, port, user, now + self.lifetime)

    def take(self, token: bytes, user: str, now: float) -> RelayedPort | None:
        """
        Give a reserved port away.

        @return: The port; C{None} where the token is unknown, expired or another user's.
        """
        reservation = self._by_token.get(token)
        if reservation is None or reservation.user != user or reservation.expires <= now:
            return None
        del self._by_token[token]
        return reservation.port

    def sweep(self, now: float) -> tuple[int, ...]:
        """
        Forget what expired.

        @return: The numbers of the ports to close.
        """
        numbers = []
        for reservation in tuple(self._by_token.values()):
            if reservation.expires > now:
                break
            del self._by_token[reservation.token]
            numbers.append(reservation.port.number)
        return tuple(numbers)

    def nextDue(self) -> float | None:
        """Return when L{sweep} next has something to do, C{None} for never."""
        for reservation in self._by_token.values():
            return reservation.expires
        return None
