"""
Whom a participant hears, and who is in reach through others.

Somebody is heard while a message of theirs came within the silence.  Two hear each
other where each is heard by the other: statuses tell whom their senders hear.  What is
connected by such pairs, as far as we know, is our reach.
"""

from __future__ import annotations

import attrs

from gamenet.wire.log_messages import Status
from gamenet.wire.log_values import NO_EPOCH

__all__ = ["Hearing"]


@attrs.define
class _Peer:
    """
    What is known of somebody that a link leads to.

    @ivar connected_at: Since when, in seconds.
    @ivar heard_at: When the last message came; C{None} where none did.
    @ivar status: The last status.
    """

    connected_at: float
    heard_at: float | None = None
    status: Status | None = None


@attrs.define(init=False)
class Hearing:
    """
    One participant's ears.  At most one entry for each player number, of which the wire
    has 64.
    """

    _player: int
    _silence: float
    _peers: dict[int, _Peer]

    def __init__(self, player: int, silence: float) -> None:
        """
        @param player: Our number.
        @param silence: Seconds without a message after which somebody is not heard.
        """
        self._player = player
        self._silence = silence
        self._peers = {}

    @property
    def connected(self) -> tuple[int, ...]:
        """Whom links lead to, ascending."""
        return tuple(sorted(self._peers))

    def connect(self, player: int, now: float) -> None:
        """Take note of a link with somebody, or that the process behind it is a new one."""
        self._peers[player] = _Peer(now)

    def disconnect(self, player: int) -> None:
        """Take note that a link is closed for good."""
        self._peers.pop(player, None)

    def isConnected(self, player: int) -> bool:
        """Return whether a link leads to somebody."""
        return player in self._peers

    def hear(self, player: int, now: float) -> None:
        """Take note of a message."""
        self._peers[player].heard_at = now

    def told(self, player: int, status: Status) -> None:
        """Take note of a status.  One that is older than the last is not told from it."""
        self._peers[player].status = status

    def status(self, player: int) -> Status | None:
        """Return somebody's last status, C{None} where none came or the link is closed."""
        peer = self._peers.get(player)
        return None if peer is None else peer.status

    def hears(self, player: int, now: float) -> bool:
        """Return whether somebody is heard."""
        peer = self._peers.get(player)
        return (
            peer is not None and peer.heard_at is not None and now - peer.heard_at < self._silence
        )

    def isFresh(self, player: int, now: float, span: float) -> bool:
        """Return whether a message of somebody came within the last C{span} seconds."""
        peer = self._peers.get(player)
        return peer is not None and peer.heard_at is not None and now - peer.heard_at < span

    def heard(self, now: float) -> tuple[int, ...]:
        """Return who is heard, ascending."""
        return tuple([player for player in self.connected if self.hears(player, now)])

    def mayBeThere(self, player: int, now: float) -> bool:
        """Return whether somebody is heard, or was connected so lately that it may be."""
        peer = self._peers.get(player)
        if peer is None:
            return False
        last = peer.connected_at if peer.heard_at is None else peer.heard_at
        return now - last < self._silence

    def isKnownEmpty(self, player: int) -> bool:
        """Return whether somebody says that it knows nothing of the session yet."""
        status = self.status(player)
        return status is not None and status.epoch == NO_EPOCH

    def isDeaf(self, player: int, now: float) -> bool:
        """Return whether somebody is heard, but has had time enough to hear us and does not."""
        peer = self._peers.get(player)
        return (
            peer is not None
            and peer.status is not None
            and not peer.status.heard >> (self._player - 1) & 1
            and now - peer.connected_at >= self._silence
        )

    def isMutual(self, player: int, now: float) -> bool:
        """Return whether somebody that knows the session and we hear each other."""
        status = self.status(player)
        return (
            status is not None
            and status.epoch != NO_EPOCH
            and bool(status.heard >> (self._player - 1) & 1)
            and self.hears(player, now)
        )

    def reach(self, now: float) -> tuple[int, ...]:
        """
        Return who is in reach, ourselves not counted, ascending.

        Who knows nothing of the session is in nobody's reach.  Of those that we do
        not hear ourselves it is enough that somebody in reach hears them.
        """
        found = [player for player in self.connected if self.isMutual(player, now)]
        for player in found:
            status = self.status(player)
            if status is None or not self.isMutual(player, now):
                continue
            for other in _players(status.heard):
                if other == self._player or other in found:
                    continue
                if self._mayHear(other, player, now):
                    found.append(other)
        return tuple(sorted(found))

    def _mayHear(self, other: int, player: int, now: float) -> bool:
        """Return whether nothing that C{other} says now speaks against its hearing C{player}."""
        status = self.status(other)
        if status is None:
            return True
        if status.epoch == NO_EPOCH:
            return False
        return bool(status.heard >> (player - 1) & 1) or not self.hears(other, now)


def _players(bits: int) -> tuple[int, ...]:
    """Return the player numbers of a bit mask, ascending."""
    return tuple([player for player in range(1, bits.bit_length() + 1) if bits >> (player - 1) & 1])
