"""
What a session puts on the wire, on clean links of 50 ms one way.

All bodies that C{packetsDue} hands out are counted from second 10 to 70, before
sealing, each with the byte in front of it that says what kind of packet it is.  Inputs
are of 1 byte and change at every 4th frame; input delay 0, a checksum every 60 frames.
"""

from __future__ import annotations

from collections.abc import Sequence

from gamenet.rollback.settings import RollbackSettings
from tests.benchmarks.figures import Figure
from tests.benchmarks.rollback_game import RATE, Mesh

__all__ = ["onTheWire"]

_LATE_TICKS = 3
_PACKETS_GOAL = 62.0
_BYTES_GOAL = 1600.0


def onTheWire(
    players: Sequence[int] = (2, 4, 8, 16), first: int = 10, last: int = 70
) -> list[Figure]:
    """
    Count packets and bytes a second, of the worst link and direction and of the worst peer.

    The lowest and the highest of a figure are those of all links, or of all peers.

    @param players: Matches of how many.
    @param first: The second from which on is counted.
    @param last: The second up to which is counted.
    """
    figures = []
    for count in players:
        figures += _countOf(count, first, last)
    return figures


def _countOf(players: int, first: int, last: int) -> list[Figure]:
    """Count one match."""
    settings = RollbackSettings(players=players, input_delay=0, checksum_interval=60)
    mesh = Mesh(settings, pressEveryFourth, _carried)
    before: dict[tuple[int, int], tuple[int, int]] = {}
    for tick in range(last * RATE):
        if tick == first * RATE:
            before = _counted(mesh)
        for player in mesh.peers:
            mesh.wake(player, tick / RATE)
    mesh.requireAgreement((last - first) * RATE)
    seconds = last - first
    links = {
        link: ((packets - before[link][0]) / seconds, (octets - before[link][1]) / seconds)
        for link, (packets, octets) in _counted(mesh).items()
    }
    figures = []
    units = (("packets", _PACKETS_GOAL), ("bytes", _BYTES_GOAL))
    for place, (unit, goal) in enumerate(units):
        name = f"{unit}_per_second_{players}p"
        each = [link[place] for link in links.values()]
        wanted = goal if players == 2 else None
        figures.append(_worst(name, each, f"{unit}/s a link", wanted))
        if players > 2:
            peers = [
                sum(link[place] for (sender, _), link in links.items() if sender == player)
                for player in mesh.peers
            ]
            figures.append(_worst(f"{name}_peer", peers, f"{unit}/s a peer", None))
    return figures


def pressEveryFourth(player: int, frame: int, now: float) -> bytes:
    """Press something else at every 4th frame."""
    return bytes([(frame // 4 * 7 + player) & 255])


def _carried(sender: int, receiver: int, now: float) -> tuple[float]:
    """50 ms, exactly 3 ticks."""
    return ((round(now * RATE) + _LATE_TICKS) / RATE,)


def _counted(mesh: Mesh) -> dict[tuple[int, int], tuple[int, int]]:
    """Return packets and bytes so far, by sender and receiver."""
    return {
        (player, other): (peer.packets[other], peer.octets[other])
        for player, peer in mesh.peers.items()
        for other in mesh.peers
        if other != player
    }


def _worst(name: str, each: Sequence[float], unit: str, goal: float | None) -> Figure:
    return Figure(name, max(each), min(each), max(each), unit, goal, "lower")
