"""
Matches in which several play at some machines, over seeds: crashes, cuts, leaves, returns and
late machines at times that the seed draws; after healing all who live play one match.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.seeded_random import SeededRandom
from gamenet.world.link import LinkProfile
from tests.many_players import ManyPlayers
from tests.test_match_faults import FaultyMatch

#: How many worlds the test runs; a sweep runs more.
SEEDS = 8


class FaultyCouches(FaultyMatch):
    """One world of one seed, in which one to three play at each machine."""

    def __init__(self, seed: int) -> None:
        random = self.random = SeededRandom.fromLabel(seed, "couch faults")
        several: dict[int, int] = {}
        number = 1
        for _ in range(random.between(2, 4)):
            several[number] = random.choice((1, 1, 2, 2, 3))
            number += several[number]
        self.next_number = number
        self.mesh = ManyPlayers(
            number - 1,
            seed,
            capacity=number - 1 + random.choice((0, 2, 3)),
            several=several,
            profile=LinkProfile(
                latency=random.uniform(0.003, 0.03),
                jitter=random.uniform(0.0, 0.01),
                loss=random.uniform(0.0, 0.04),
                reordering=random.uniform(0.0, 0.04),
            ),
            clocks=True,
            plays_alone=True,
            lost_after=random.uniform(1.0, 2.5),
            countdown=0.0,
        )
        self.left: list[int] = []
        self.happened: list[str] = []

    def together(self) -> bool:
        """Whether all who live play in one match, and nobody else does."""
        living = tuple(
            sorted(number for seat in self.mesh.living for number in seat.member.numbers)
        )
        return all(
            seat.match is not None
            and seat.match.players == living
            and not seat.match._loop.joining
            for seat in self.mesh.living
        )

    def late(self) -> None:
        """A machine of one or two comes late, where there are seats."""
        players = self.random.between(1, 2)
        if self.next_number + players - 1 <= self.mesh.capacity:
            self.happened.append(f"{self.next_number} comes late, with {players}")
            self.mesh.admit(self.next_number, players)
            self.next_number += players


class CouchFaultTests(SynchronousTestCase):
    """Several local players per peer: crash and return, cut and heal, late join, leave."""

    def test_seeds(self) -> None:
        """Over seeds, and every kind of fault happens."""
        happened: list[str] = []
        for seed in range(SEEDS):
            world = FaultyCouches(seed)
            try:
                world.run()
            except BaseException as error:
                error.add_note(f"seed {seed}: {world.happened}")
                raise
            happened += world.happened
        for word in ("crashes", "back in", "cut off", "leaves", "with 2"):
            self.assertIn(word, " ".join(happened))
