"""
The agreement in hundreds of drawn worlds: bad links, dead links in any order,
one-way partitions, splits, deaths, leaves, joins, and healing.

C{GAMENET_AGREEMENT_WORLDS} says how many (200 unless set).  One world again:
C{python -m tests.test_rollback_agreement_worlds SEED}.
"""

from __future__ import annotations

import os
import sys
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.settings import AgreementSettings
from gamenet.seeded_random import SeededRandom
from tests.rollback_agreement_world import TICK, AgreementWorld

SEEDS = int(os.environ.get("GAMENET_AGREEMENT_WORLDS", "200"))
HEALS_AT = 4.0
SETTLES_WITHIN = 20.0


def drawnWorld(seed: int, random: SeededRandom) -> AgreementWorld:
    """Return a world of 2 to 8 peers with 1 to 3 players each."""
    count = random.between(2, 8)
    seating = []
    player = 1
    for _ in range(count):
        local = 1 if random.chance(0.7) or player > 9 else random.between(2, 3)
        seating.append(tuple(range(player, player + local)))
        player += local
    rejoin = random.chance(0.5)
    vacant = (seating[-1][0],) if rejoin and count > 2 and random.chance(0.4) else ()
    return AgreementWorld(
        seed,
        tuple(seating),
        vacant,
        AgreementSettings(both_stop=random.chance(0.3)),
        rejoin,
        loss=random.choice((0.0, 0.02, 0.1, 0.25)),
        delay=random.uniform(0.005, 0.08),
        jitter=random.choice((0.0, 0.02, 0.15)),
        duplicated=random.choice((0.0, 0.15)),
        back_filled=random.choice((0.02, 1.0)),
    )


def disturb(world: AgreementWorld, random: SeededRandom) -> str:
    """Do one bad thing, and return its name."""
    peers = list(world.peers)
    kind = random.choice(
        ("pair", "pair", "pair", "one way", "one way", "split", "kill", "leave", "one", "heal")
    )
    one = random.choice(peers)
    if kind in {"pair", "one way"}:
        other = random.choice([peer for peer in peers if peer != one])
        world.block(one, other, kind == "pair")
    elif kind == "split":
        groups: list[list[int]] = [[] for _ in range(random.between(2, 3))]
        for peer in peers:
            random.choice(groups).append(peer)
        world.split(*map(tuple, groups))
    elif kind == "one":
        world.split((one,))
    elif kind == "kill":
        world.kill(one)
    elif kind == "leave":
        if not (world.peers[one].alive and world.peers[one].isMember):
            return "nothing"
        world.leave(one)
    else:
        world.heal()
    return kind


def playWorld(seed: int) -> Counter[str]:
    """Play one world, and return what happened how often."""
    random = SeededRandom.fromLabel(seed, "disturbances")
    world = drawnWorld(seed, random)
    times = sorted(random.uniform(0.2, HEALS_AT - 0.5) for _ in range(random.between(1, 5)))
    for time in times:
        world.run(time - world.now)
        world.counts[disturb(world, random)] += 1
        if random.chance(0.3):
            world.counts[disturb(world, random)] += 1
    world.run(HEALS_AT - world.now)
    world.compareHistories()
    world.heal()
    world.loss = min(world.loss, 0.05)
    world.back_filled = 1.0
    while not world.settled() and world.now < HEALS_AT + SETTLES_WITHIN:
        world.tick()
        if world.isHopeless() and world.now > HEALS_AT + 8.0:
            break
    if world.isHopeless():
        world.counts["hopeless"] += 1
        for peer in world.peers.values():
            if peer.alive and peer.isMember and not peer.leaving:
                world.require(peer.agreement.isolated, f"{peer.peer} waits for nobody")
        world.compareHistories()
        return world.counts
    world.require(world.settled(), "nobody knows who plays")
    world.counts["settled"] += 1
    before = {peer.peer: peer.confirmed for peer in world.peers.values() if peer.isMember}
    world.run(30 * TICK)
    for peer in world.peers.values():
        if peer.alive and peer.isMember and world.settled():
            world.require(peer.confirmed >= before[peer.peer] + 10, f"{peer.peer} stands still")
            world.require(not peer.agreement.isolated, f"{peer.peer} is isolated")
    world.compareHistories()
    return world.counts


class WorldTests(SynchronousTestCase):
    """The drawn worlds."""

    def test_worlds(self) -> None:
        """
        "Done when": drop, split, partial partition, reconnect and late join
        converge; never two views of one number, a cut in what is confirmed,
        or a pledge taken back; each fault and each message is counted.
        """
        total: Counter[str] = Counter()
        for seed in range(SEEDS):
            try:
                total += playWorld(seed)
            except Exception as error:
                replay = f"python -m tests.test_rollback_agreement_worlds {seed}"
                raise AssertionError(f"{error!r}; again: {replay}") from error
        kinds = [f"kind {kind:#04x}" for kind in range(0x10, 0x18)]
        faults = ["pair", "one way", "split", "kill", "leave", "one", "heal"]
        events = ["ViewChanged", "Isolated", "Reunited", "Dropped", "joined", "left"]
        rare = ["same members", "exact half", "quorum by leavers", "lowered", "hopeless", "settled"]
        for name in (*kinds, *faults, *events, *rare):
            self.assertGreater(total[name], 0, name)


if __name__ == "__main__":
    for name, count in sorted(playWorld(int(sys.argv[1])).items()):
        print(f"{count:8} {name}")
