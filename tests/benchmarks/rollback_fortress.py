"""
The session beside Fortress Rollback 0.12, in the cells of its published sweep.

Theirs are the figures of C{tests/simulation/baselines/sweep-v3.json}, by which its
C{docs/tuning.md} goes; the settings are those of the sweep's source,
C{tests/simulation/baseline_sweep.rs} and C{harness/}:

  - 1000 steps of 16 ms virtual time, at which every peer in turn polls and advances
    once, at 60 frames a second by its settings; rates are of all 16 s.
  - Prediction window 8, every frame saved, a checksum every 30 frames.  A window of 8
    there ends when the next frame is 8 after the newest certain one, so 7 frames are
    played on predictions: that is a window of 7 here.
  - B{Input delay 1.}  The page says 0, but the sweep takes it from C{SimConfig::smoke},
    and only 1 explains 0.10 rollbacks in 100 frames on a link of 5 ms one way.  So 1
    is compared; 0 is told beside it.
  - Inputs of 4 bytes, C{31 * step + 7 * peer + 1}, others at every step.
  - Each packet is lost by itself, and takes half the round trip and 0 to C{jitter} ms more.
  - Recommendations to wait are ignored, so nobody evens out who began earlier.
  - A stall is an advance that the full window forbids.  Bytes are of what the session
    gives to be sent, without the headers of IP and UDP.  Of the rates of several peers
    theirs is the mean.
  - A peer begins when it has made five round trips to every other (200 ms until it
    tries again).  So peers begin at different steps, and how far apart decides more
    than all else: of 2 peers 2 steps apart on the wireless link, one goes back half as
    often.  Theirs is one draw, whose first steps are not published, but found by what
    fits their final frames and rollbacks: C{Cell.begins}.  Cells with C{_drawn} draw
    them as theirs are drawn, another way in each world.

What is not theirs: the random numbers (theirs are one seed's figures, ours the median
of several), the game, the handshake's own packets, which are none of a session's here
(about 0.3 % of their bytes), and the inputs of 32 bytes, which no more than theirs can
be compressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from statistics import median
from struct import pack
from zlib import crc32

import attrs

from gamenet.rollback.settings import RollbackSettings
from gamenet.seeded_random import SeededRandom
from tests.benchmarks.figures import Figure, fromRounds
from tests.benchmarks.rollback_game import Mesh

__all__ = ["CELLS", "SEEDS", "STEPS", "Cell", "besideFortress"]

#: How many worlds are drawn of each cell.
SEEDS = 9

#: Steps of one world.
STEPS = 1000

_STEP_MS = 16
_SYNC_ROUND_TRIPS = 5
_SYNC_RETRY_MS = 200


@attrs.frozen
class Cell:
    """
    One cell of their sweep, and what they measured.

    @ivar loss: The share of packets that are lost.
    @ivar round_trip: In milliseconds.
    @ivar jitter: In milliseconds.
    @ivar rollbacks: In 100 frames.
    @ivar stalls: A minute and peer.
    @ivar octets: Bytes a second and peer.
    @ivar packets: Packets a second and peer.
    @ivar depth: The 99th percentile of how far they went back, in frames.
    @ivar begins: At which step each peer begins; empty where that is drawn.
    @ivar width: Bytes of an input.
    @ivar delay: Input delay, in frames.
    @ivar compared: Whether there are goals.
    """

    name: str
    players: int
    loss: float
    round_trip: int
    jitter: int
    rollbacks: float
    stalls: float
    octets: float
    packets: float
    depth: int
    begins: tuple[int, ...] = ()
    width: int = 4
    delay: int = 1
    compared: bool = True


_PUBLISHED = (
    Cell("2p_lan", 2, 0.0, 10, 0, 0.10101, 0.0, 4842.65625, 135.8125, 1, (10, 10)),
    Cell("2p_wifi", 2, 0.01, 50, 20, 66.6495, 0.0, 5362.71875, 132.46875, 4, (28, 29)),
    Cell("2p_mobile", 2, 0.05, 100, 20, 71.0609, 15.0, 6001.25, 127.03125, 7, (43, 44)),
    Cell("4p_wifi", 4, 0.01, 50, 20, 97.2259, 69.375, 18211.578125, 388.5625, 4, (39, 39, 40, 40)),
)
_SEVERE = Cell(
    "4p_severe", 4, 0.15, 200, 20, 119.5122, 2064.375, 7119.40625, 142.296875, 6, compared=False
)
_WIDE_OCTETS = (8238.1875, 13777.21875, 20208.21875, 42905.5)

#: Those with goals, then the same as they begin elsewhere, with inputs of 32 bytes, and
#: with the delay of the page.
CELLS = (
    *_PUBLISHED,
    _SEVERE,
    *(
        attrs.evolve(cell, name=f"{cell.name}_drawn", begins=(), compared=False)
        for cell in _PUBLISHED
    ),
    *(
        attrs.evolve(cell, name=f"{cell.name}_32b", width=32, octets=octets, compared=False)
        for cell, octets in zip(_PUBLISHED, _WIDE_OCTETS, strict=True)
    ),
    *(
        attrs.evolve(cell, name=f"{cell.name}_delay_0", delay=0, compared=False)
        for cell in _PUBLISHED
    ),
)


@attrs.frozen
class _Measured:
    """What one world of a cell came to; see L{Cell}."""

    rollbacks: float
    stalls: float
    octets: float
    packets: float
    depth: float


def besideFortress(
    cells: Sequence[Cell] = CELLS, seeds: int = SEEDS, steps: int = STEPS
) -> list[Figure]:
    """
    Measure the cells; a goal is what they published times 1.1, for bytes times 0.7.

    @param seeds: How many worlds of each.
    """
    figures = []
    for cell in cells:
        figures += _figuresOf(cell, [_worldOf(cell, seed, steps) for seed in range(1, seeds + 1)])
    return figures


def _figuresOf(cell: Cell, worlds: Sequence[_Measured]) -> list[Figure]:
    """Compare one cell."""
    rows = (
        ("rollbacks", "per 100 frames", cell.rollbacks, 1.1),
        ("stalls", "a minute", cell.stalls, 1.1),
        ("octets", "bytes/s a peer", cell.octets, 0.7),
        ("packets", "packets/s a peer", cell.packets, None),
        ("depth", "frames, p99", cell.depth, None),
    )
    figures = []
    for name, unit, theirs, share in rows:
        each = [getattr(world, name) for world in worlds]
        ratio = f", {median(each) / theirs:.2f} of it" if theirs else ""
        figures.append(
            fromRounds(
                f"fortress_{cell.name}_{'bytes' if name == 'octets' else name}",
                each,
                unit,
                goal=theirs * share if cell.compared and share is not None else None,
                better="lower",
                note=f"theirs {theirs:.5g}{ratio}",
            )
        )
    return figures


def _worldOf(cell: Cell, seed: int, steps: int) -> _Measured:
    """Play one world."""
    random = SeededRandom.fromLabel(seed, f"fortress/{cell.name}")
    step = 0

    def carried(sender: int, receiver: int, now: float) -> tuple[float, ...]:
        delay = _delay(cell, random)
        return () if delay is None else ((step * _STEP_MS + delay) / 1000,)

    def press(player: int, frame: int, now: float) -> bytes:
        words = [step * 31 + (player - 1) * 7 + 1]
        words += [crc32(pack("<II", words[0], word)) for word in range(1, cell.width // 4)]
        return pack(f"<{len(words)}I", *words)

    settings = RollbackSettings(
        players=cell.players,
        prediction_window=7,
        input_delay=cell.delay,
        checksum_interval=30,
        send_interval=1,
        lost_after=None,
    )
    mesh = Mesh(settings, press, carried)
    begins = cell.begins or [_beginOf(cell, random) for _ in mesh.peers]
    for step in range(steps):
        for player in mesh.peers:
            mesh.wake(player, step * _STEP_MS / 1000, step >= begins[player - 1])
    mesh.requireAgreement(steps // 10)
    return _measuredOf(mesh, steps * _STEP_MS / 1000)


def _measuredOf(mesh: Mesh, seconds: float) -> _Measured:
    """Return what all peers of a world came to."""
    peers = list(mesh.peers.values())
    counted = [peer.session.statistics for peer in peers]
    frames = sum(each.frames_played for each in counted)
    return _Measured(
        100 * sum(each.rollbacks for each in counted) / frames,
        sum(each.stalls for each in counted) / len(peers) / seconds * 60,
        sum(sum(peer.octets.values()) for peer in peers) / len(peers) / seconds,
        sum(sum(peer.packets.values()) for peer in peers) / len(peers) / seconds,
        mesh.depthPercentile(0.99),
    )


def _beginOf(cell: Cell, random: SeededRandom) -> int:
    """Return the step at which a peer has made its round trips to all others."""
    return max([_synchronized(cell, random) for _ in range(cell.players - 1)])


def _synchronized(cell: Cell, random: SeededRandom) -> int:
    """Return the step at which a peer has made its round trips to one other."""
    step = 0
    for _ in range(_SYNC_ROUND_TRIPS):
        while True:
            there, back = _delay(cell, random), _delay(cell, random)
            if there is not None and back is not None:
                break
            step += ceil(_SYNC_RETRY_MS / _STEP_MS)
        step += ceil(there / _STEP_MS) + ceil(back / _STEP_MS)
    return step


def _delay(cell: Cell, random: SeededRandom) -> int | None:
    """Return how many milliseconds a packet takes, or C{None} if it is lost."""
    if cell.loss and random.chance(cell.loss):
        return None
    return cell.round_trip // 2 + (random.between(0, cell.jitter) if cell.jitter else 0)
