"""
Whether a demo passed: the players' checksums and counters, and what became of those
who were killed.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from gamenet.demo.aftermath import Aftermath, Check
from gamenet.demo.comparison import Comparison
from gamenet.demo.settings import DemoSettings
from gamenet.demo.summary import PlayerSummary

__all__ = ["KILLED", "Verdict", "judge"]

#: The outcome of a player who was killed, as was asked for, and did not come back.
KILLED = "killed"


@frozen
class Verdict:
    """
    What became of a demo.

    @ivar comparison: The checksums, compared.
    @ivar players: What each player reported, in order of player number.
    @ivar relay_packets: How many datagrams the relay says it carried.
    @ivar checks: What had to hold, and whether it does.
    @ivar aftermath: Who was killed and came back, and what the others made of it.
    """

    comparison: Comparison
    players: tuple[PlayerSummary, ...]
    relay_packets: int
    checks: tuple[Check, ...]
    aftermath: Aftermath = field(factory=Aftermath)

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
            "drop_frame": self.aftermath.drop_frame,
            "new_host": self.aftermath.new_host,
            "rejoined_at_frame": self.aftermath.rejoined_at_frame,
            "state_bytes_received": self.aftermath.state_bytes_received,
            "paths": [
                link.asJson(player.player) for player in self.players for link in player.links
            ],
        }


def judge(
    settings: DemoSettings,
    comparison: Comparison,
    players: Sequence[PlayerSummary],
    relay_packets: int,
    unclean: Sequence[str],
    aftermath: Aftermath | None = None,
) -> Verdict:
    """
    Decide whether a demo passed.

    @param comparison: All players' checksums, compared.
    @param players: What each player reported, in order of player number.
    @param relay_packets: How many datagrams the relay says it carried.
    @param unclean: One sentence about each process that did not end clean.
    @param aftermath: Who was killed and came back; C{None} for nobody.
    """
    aftermath = aftermath or Aftermath()
    return Verdict(
        comparison=comparison,
        players=tuple(players),
        relay_packets=relay_packets,
        checks=(
            _checkIdentical(comparison, players),
            _checkRollbacks(players),
            _checkPath(settings, players, relay_packets),
            *aftermath.checks(settings),
            Check(
                "clean",
                not unclean,
                "; ".join(unclean) if unclean else "every process ended clean",
            ),
        ),
        aftermath=aftermath,
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
    lacking = comparison.incomplete
    if lacking is not None:
        name, confirmed = players[lacking - 1].name, comparison.confirmed[lacking - 1]
        text = f"{name} confirmed {confirmed} of {comparison.frames} frames"
        return Check("identical", False, text)
    everyone = "both players" if len(players) == 2 else f"all {len(players)} players"
    whole = f"after every frame, {comparison.frames} in all"
    if len(comparison.excused) or any(player.returned for player in players):
        whole = f"after every frame that they played, of {comparison.frames}"
    text = f"{everyone} have the same state {whole}"
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
    to_the_end = [player for player in players if player.outcome != KILLED]
    direct = sum(player.packets_direct for player in players)
    relayed = sum(player.packets_relayed for player in players)
    found = f"{direct} game packets direct, {relayed} by relay; the relay carried {relay_packets}"
    wanted = "relay" if settings.relay_only else "direct"
    gone = [player.player for player in players if player.outcome == KILLED]
    same = all(_takes(player, wanted, gone) for player in to_the_end)
    if settings.relay_only:
        passed = same and direct == 0 and relay_packets > 0
        return Check("relay only", passed, found)
    return Check("direct", same and all(player.packets_direct > 0 for player in to_the_end), found)


def _takes(player: PlayerSummary, wanted: str, gone: Sequence[int]) -> bool:
    """
    Return whether a player reached all others in the end on the kind of path that was
    asked for.

    @param gone: The players who were killed: no path has to lead to them any more.
    """
    if not gone:
        return player.path == wanted
    return all(link.kind == wanted for link in player.links if link.to not in gone)
