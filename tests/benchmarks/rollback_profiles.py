"""
How the session fares on the 13 kinds of link over which its faults are tried too
(L{tests.rollback_worlds.profiles}), for 2, 4 and 8 players.

Every link of a match is of one kind; all peers' clocks go alike, their ticks are spread
over a frame, and nobody evens out who is ahead.  Input delay 2, prediction window 8,
inputs of 1 byte that change at every 4th frame.  Nothing here has a goal: it is
reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gamenet.rollback.settings import RollbackSettings
from gamenet.seeded_random import SeededRandom
from tests.benchmarks.figures import Figure
from tests.benchmarks.rollback_game import RATE, MeasuredPeer, Mesh
from tests.benchmarks.rollback_wire import pressEveryFourth
from tests.rollback_worlds.link import Link
from tests.rollback_worlds.profiles import PROFILES, LinkProfile

__all__ = ["SECONDS", "onProfiles"]

#: How long each match is played.
SECONDS = 30


def onProfiles(
    profiles: Sequence[LinkProfile] = PROFILES,
    players: Sequence[int] = (2, 4, 8),
    seconds: int = SECONDS,
) -> list[Figure]:
    """
    Play one match of each kind of link and number of players.

    The lowest and the highest of a figure are those of its peers.
    """
    figures = []
    for profile in profiles:
        for count in players:
            figures += _matchOf(profile, count, seconds)
    return figures


def _matchOf(profile: LinkProfile, players: int, seconds: int) -> list[Figure]:
    """Play one match."""
    counters: Counter[str] = Counter()
    links: dict[tuple[int, int], Link] = {}

    def carried(sender: int, receiver: int, now: float) -> Sequence[float]:
        link = links.get((sender, receiver))
        if link is None:
            random = SeededRandom.fromLabel(players, f"{profile.name}/{sender}/{receiver}")
            link = links[sender, receiver] = Link(profile, random, counters)
        return link.carry(now)

    settings = RollbackSettings(players=players, input_delay=2, lost_after=None)
    mesh = Mesh(settings, pressEveryFourth, carried)
    for tick in range(seconds * RATE):
        for place, player in enumerate(mesh.peers):
            mesh.wake(player, (tick + place / players) / RATE)
    mesh.requireAgreement(1)
    rows = (
        ("rollbacks", "per 100 frames", _rollbacksOf),
        ("stalls", "a minute", lambda peer: peer.session.statistics.stalls / seconds * 60),
        ("bytes", "bytes/s a peer", lambda peer: sum(peer.octets.values()) / seconds),
        ("packets", "packets/s a peer", lambda peer: sum(peer.packets.values()) / seconds),
        ("frames", "frames/s", lambda peer: peer.session.statistics.frames_played / seconds),
    )
    start = f"{profile.name}_{players}p"
    depth = mesh.depthPercentile(0.99)
    figures = [Figure(f"{start}_depth", depth, depth, depth, "frames, p99", None, "lower")]
    for name, unit, take in rows:
        each = [take(peer) for peer in mesh.peers.values()]
        mean = sum(each) / len(each)
        better = "higher" if name == "frames" else "lower"
        figures.append(Figure(f"{start}_{name}", mean, min(each), max(each), unit, None, better))
    return figures


def _rollbacksOf(peer: MeasuredPeer) -> float:
    """Return how often a peer went back in 100 frames."""
    statistics = peer.session.statistics
    return 100 * statistics.rollbacks / max(statistics.frames_played, 1)
