"""
Whether a demo passed: the players' checksums and counters, compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from gamenet.demo.settings import DemoSettings

__all__ = ["Check", "Comparison", "PlayerSummary", "Verdict", "compareChecksums", "judge"]


@frozen
class Comparison:
    """
    All players' checksums, frame by frame.

    @ivar frames: How many frames were asked for.
    @ivar confirmed: How many frames each player confirmed, in order of player
        number.
    @ivar compared: How many frames all players confirmed.
    @ivar first_difference: The first frame with more than one checksum, or
        C{None}.
    @ivar desyncs: How many of the compared frames have more than one checksum.
    """

    frames: int
    confirmed: tuple[int, ...]
    compared: int
    first_difference: int | None
    desyncs: int

    @property
    def identical(self) -> bool:
        """Whether every frame that was asked for has one checksum, everywhere."""
        complete = bool(self.confirmed) and all(count == self.frames for count in self.confirmed)
        return complete and self.desyncs == 0


def compareChecksums(frames: int, checksums: Sequence[Sequence[int]]) -> Comparison:
    """
    Compare what the players confirmed.

    @param frames: How many frames were asked for.
    @param checksums: One sequence per player: the checksums from frame 0 on.
    """
    confirmed = tuple(len(of_player) for of_player in checksums)
    different = [
        frame for frame, row in enumerate(zip(*checksums, strict=False)) if len({*row}) > 1
    ]
    return Comparison(
        frames=frames,
        confirmed=confirmed,
        compared=min(confirmed, default=0),
        first_difference=different[0] if different else None,
        desyncs=len(different),
    )


@frozen
class PlayerSummary:
    """
    What one player's process reported at its end.

    @ivar player: The player's number, from 1.
    @ivar name: The player's name.
    @ivar outcome: How the match ended for this player: C{"finished"} is well.
    @ivar path: What carried the last packets: C{"direct"}, C{"relay"} or C{""}.
    @ivar rtt: The round trip in seconds, or C{None} where it was never measured.
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


@frozen
class Check:
    """
    One thing that must hold.

    @ivar name: What, in a word.
    @ivar passed: Whether it does.
    @ivar text: What was found, in a sentence.
    """

    name: str
    passed: bool
    text: str


@frozen
class Verdict:
    """
    What became of a demo.

    @ivar comparison: The checksums, compared.
    @ivar players: What each player reported, in order of player number.
    @ivar relay_packets: How many datagrams the relay says it carried.
    @ivar checks: What had to hold, and whether it does.
    """

    comparison: Comparison
    players: tuple[PlayerSummary, ...]
    relay_packets: int
    checks: tuple[Check, ...] = field()

    @property
    def passed(self) -> bool:
        """Whether everything holds that had to."""
        return all(check.passed for check in self.checks)

    def asJson(self) -> dict[str, object]:
        """Return the object that C{--json} prints."""
        return {
            "frames": self.comparison.compared,
            "identical": self.comparison.identical,
            "desyncs": self.comparison.desyncs,
            "relay_packets": self.relay_packets,
            "players": [player.asJson() for player in self.players],
        }


def judge(
    settings: DemoSettings,
    comparison: Comparison,
    players: Sequence[PlayerSummary],
    relay_packets: int,
    unclean: Sequence[str],
) -> Verdict:
    """
    Decide whether a demo passed.

    @param comparison: All players' checksums, compared.
    @param players: What each player reported, in order of player number.
    @param relay_packets: How many datagrams the relay says it carried.
    @param unclean: One sentence about each process that did not end clean.
    """
    return Verdict(
        comparison=comparison,
        players=tuple(players),
        relay_packets=relay_packets,
        checks=(
            _checkIdentical(comparison, players),
            _checkRollbacks(players),
            _checkPath(settings, players, relay_packets),
            Check(
                "clean",
                not unclean,
                "; ".join(unclean) if unclean else "every process ended clean",
            ),
        ),
    )


def _checkIdentical(comparison: Comparison, players: Sequence[PlayerSummary]) -> Check:
    noticed = [player.noticed for player in players if player.noticed is not None]
    if comparison.first_difference is not None:
        others = comparison.desyncs - 1
        text = f"the states differ for the first time in frame {comparison.first_difference}"
        if others:
            text += f", and in {others} after it"
        if noticed:
            text += f"; the players noticed in frame {min(noticed)}"
        return Check("identical", False, text)
    if noticed:
        text = f"the players noticed a difference in frame {min(noticed)} that is not there"
        return Check("identical", False, text)
    for player, confirmed in zip(players, comparison.confirmed, strict=True):
        if confirmed != comparison.frames:
            return Check(
                "identical",
                False,
                f"{player.name} confirmed {confirmed} of {comparison.frames} frames",
            )
    everyone = "both players" if len(players) == 2 else f"all {len(players)} players"
    text = f"{everyone} have the same state after every frame, {comparison.frames} in all"
    return Check("identical", comparison.identical, text)


def _checkRollbacks(players: Sequence[PlayerSummary]) -> Check:
    total = sum(player.rollbacks for player in players)
    if not total:
        return Check("rollbacks", False, "nobody ever had to go back: nothing was put to the test")
    deepest = max(player.deepest_rollback for player in players)
    return Check("rollbacks", True, f"{total} in all, {deepest} frames the deepest")


def _checkPath(
    settings: DemoSettings, players: Sequence[PlayerSummary], relay_packets: int
) -> Check:
    direct = sum(player.packets_direct for player in players)
    relayed = sum(player.packets_relayed for player in players)
    found = f"{direct} game packets direct, {relayed} by relay; the relay carried {relay_packets}"
    if settings.relay_only:
        passed = (
            direct == 0 and relay_packets > 0 and all(player.path == "relay" for player in players)
        )
        return Check("relay only", passed, found)
    passed = all(player.path == "direct" and player.packets_direct > 0 for player in players)
    return Check("direct", passed, found)
