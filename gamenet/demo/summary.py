"""
What one player's process reported at its end.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["LinkSummary", "PlayerSummary"]


@frozen
class LinkSummary:
    """
    The way from one player to another, as the one knew it when the match ended.

    @ivar to: The other player's number.
    @ivar kind: C{"direct"}, C{"relay"}, or C{"none"} where there was none any more.
    @ivar rtt: The round trip in seconds, or C{None} where it was never measured.
    """

    to: int
    kind: str
    rtt: float | None

    def asJson(self, player: int) -> dict[str, object]:
        """
        Return the object that C{--json} prints for this link.

        @param player: Whose link it is.
        """
        return {
            "from": player,
            "to": self.to,
            "kind": self.kind,
            "rtt_ms": None if self.rtt is None else round(self.rtt * 1000, 1),
        }


@frozen
class PlayerSummary:
    """
    What one player's process reported at its end.

    @ivar player: The player's number, from 1.
    @ivar name: The player's name.
    @ivar outcome: How the match ended for this player: C{"finished"} is well.
    @ivar path: What carried the last packets: C{"direct"}, C{"relay"}, C{"mixed"} where
        some went one way and some the other, or C{""}.
    @ivar rtt: The round trip in seconds, the longest to any other player, or C{None}
        where it was never measured.
    @ivar rollbacks: How often this player's game went back.
    @ivar deepest_rollback: The most frames it went back at once.
    @ivar stalls: How often it had to wait for the others.
    @ivar packets_direct: Game packets sent straight to the other players.
    @ivar packets_relayed: Game packets sent by way of the relay.
    @ivar packets_sent: All datagrams to the other players, path checks among them.
    @ivar bytes_sent: Their bytes, without IP and UDP headers.
    @ivar duration: Seconds from the first frame to the last.
    @ivar score: The points at the end, or C{None} where they are not known.
    @ivar noticed: The first frame in which this player itself noticed that the
        games differ (players compare only some frames), or C{None}.
    @ivar checksum: crc32 of the last confirmed state, or C{None} if there is none.
    @ivar links: What led to each other player at the end, in order of player number.
    @ivar returned: Whether all of it is of the process that came back.
    """

    player: int
    name: str
    outcome: str = "never started"
    path: str = ""
    rtt: float | None = None
    rollbacks: int = 0
    deepest_rollback: int = 0
    stalls: int = 0
    packets_direct: int = 0
    packets_relayed: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    duration: float = 0.0
    score: int | None = None
    noticed: int | None = None
    checksum: int | None = None
    links: tuple[LinkSummary, ...] = ()
    returned: bool = False

    @property
    def packets_per_second(self) -> float:
        """Datagrams sent a second."""
        return self.packets_sent / self.duration if self.duration > 0 else 0.0

    @property
    def bytes_per_second(self) -> float:
        """Bytes sent a second."""
        return self.bytes_sent / self.duration if self.duration > 0 else 0.0

    @property
    def checksum_text(self) -> str:
        """The checksum as eight hexadecimal digits, or nothing."""
        return "" if self.checksum is None else f"{self.checksum:08x}"

    def asJson(self) -> dict[str, object]:
        """Return the object that C{--json} prints for this player."""
        return {
            "player": self.player,
            "path": self.path,
            "rtt_ms": None if self.rtt is None else round(self.rtt * 1000, 1),
            "rollbacks": self.rollbacks,
            "deepest_rollback": self.deepest_rollback,
            "stalls": self.stalls,
            "packets_direct": self.packets_direct,
            "packets_relayed": self.packets_relayed,
            "packets_per_second": round(self.packets_per_second, 1),
            "bytes_per_second": round(self.bytes_per_second, 1),
            "checksum": self.checksum_text,
        }
