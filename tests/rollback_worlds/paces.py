"""
Worlds in which one process is slower than the others, or stands still for a while.
"""

from __future__ import annotations

from enum import Enum

import attrs

from gamenet.rollback.settings import RollbackSettings
from gamenet.seeded_random import SeededRandom
from tests.rollback_worlds.game import InputScript
from tests.rollback_worlds.mesh import Mesh
from tests.rollback_worlds.peer import SimulatedPeer
from tests.rollback_worlds.profiles import LinkProfile

__all__ = ["Hitch", "PaceReport", "runPace"]

#: Seconds after which play must be even again.
EVEN_AFTER = 10.0

#: Seconds for which it is looked at then.
LOOKED_AT = 5.0

#: Seconds of silence after which a peer is dropped: longer than any of these.
PATIENCE = 30.0


class Hitch(Enum):
    """What is wrong with one process: its name, for how many seconds, and its speed."""

    SLOW = ("1 % slow", 0.0, 0.99)
    #: Its packets wait for it, in its socket.
    STOPPED = ("stopped for 2 s", 2.0, 1.0)
    #: Packets that come meanwhile are lost.
    SUSPENDED = ("suspended for 20 s", 20.0, 1.0)

    def __init__(self, title: str, seconds: float, speed: float) -> None:
        self.title = title
        self.seconds = seconds
        self.speed = speed


@attrs.frozen
class PaceReport:
    """
    What became of a world.

    @ivar advantage: By how many frames the furthest ahead is ahead of the last, in the
        mean of L{LOOKED_AT} seconds, L{EVEN_AFTER} seconds after the hitch (of who is
        slow: after the start).
    @ivar stalled: The share of frames that could not be played in time by one of the
        others, the worst of them, of all that were due before the hitch and in
        L{EVEN_AFTER} seconds after it; but for the outage itself, until the first packet
        that the process sent when it went on can have come.
    @ivar rollbacks: How often all went back.
    @ivar frames: How many frames all have confirmed.
    @ivar interruptions: How often somebody was told to be silent.
    """

    advantage: float
    stalled: float
    rollbacks: int
    frames: int
    interruptions: int


def runPace(seed: int, hitch: Hitch, players: int, profile: LinkProfile) -> PaceReport:
    """
    Play a match in which the last or the first player's process has a hitch.

    @raise AssertionError: The confirmed frames of two processes differ.
    """
    mesh = Mesh(seed, profile)
    random = SeededRandom.fromLabel(seed, "paces")
    troubled = random.choice((1, players))
    for player in range(1, players + 1):
        speed = hitch.speed if player == troubled else 1.0
        settings = RollbackSettings(
            players=players,
            local_player=player,
            input_delay=max(2, profile.frames_late - 6),
            input_limit=4,
            lost_after=PATIENCE,
        )
        script = InputScript(seed, player, 4)
        clock = (random.uniform(0.0, 100.0), speed)
        mesh.start(SimulatedPeer(settings, {player: script}, mesh.counters, clock))
    good = [process for number, process in mesh.peers.items() if number != troubled]
    before, trip = 5.0, profile.frames_late / 60 + 0.05
    mesh.run(before)
    stalls = [process.session.statistics.stalls for process in good]
    if hitch.seconds:
        mesh.stop(troubled, hitch.seconds, hitch is not Hitch.SUSPENDED)
        mesh.run(hitch.seconds + trip)
    during = [process.session.statistics.stalls for process in good]
    mesh.run(EVEN_AFTER - (trip if hitch.seconds else before))
    advantage = _advantage(mesh)
    after = [process.session.statistics.stalls for process in good]
    due = 60 * (before + EVEN_AFTER) if hitch.seconds else 60 * EVEN_AFTER
    _mustAgree(mesh)
    return PaceReport(
        advantage,
        max(s + b - a for s, a, b in zip(stalls, during, after, strict=True)) / due,
        sum(process.session.statistics.rollbacks for process in mesh.peers.values()),
        min(process.session.confirmed_frame for process in mesh.peers.values()) + 1,
        mesh.counters["PeerInterrupted"],
    )


def _advantage(mesh: Mesh) -> float:
    """Return the mean distance between the first and the last, in frames."""
    looks = 50
    frames = dict.fromkeys(mesh.peers, 0.0)
    for _ in range(looks):
        mesh.run(LOOKED_AT / looks)
        for number, process in mesh.peers.items():
            frames[number] += process.position(mesh.now) / looks
    return max(frames.values()) - min(frames.values())


def _mustAgree(mesh: Mesh) -> None:
    """All that was confirmed is the same everywhere."""
    first, *others = mesh.peers.values()
    for process in others:
        for frame in range(min(len(first.confirmed), len(process.confirmed))):
            if process.confirmed[frame] != first.confirmed[frame]:
                raise AssertionError(f"peer {process.peer} differs in frame {frame}")
