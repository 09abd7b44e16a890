"""
Matches of several players over seeds: crashes, cuts, leaves, returns and late players at
times that the seed draws; after healing everybody who lives plays one match.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.seeded_random import SeededRandom
from gamenet.world.link import LinkProfile
from tests.many_players import ManyPlayers

#: How many worlds the test runs; a sweep runs more.
SEEDS = 12


class FaultyMatch:
    """One world of one seed."""

    def __init__(self, seed: int) -> None:
        random = self.random = SeededRandom.fromLabel(seed, "match faults")
        players = random.between(2, 5)
        self.mesh = ManyPlayers(
            players,
            seed,
            capacity=players + random.below(2),
            profile=LinkProfile(
                latency=random.uniform(0.003, 0.03),
                jitter=random.uniform(0.0, 0.01),
                loss=random.uniform(0.0, 0.04),
                reordering=random.uniform(0.0, 0.04),
            ),
            clocks=True,
            plays_alone=True,
            lost_after=random.uniform(1.0, 2.5),
            countdown=random.choice((0.0, 0.5)),
        )
        self.left: list[int] = []
        self.happened: list[str] = []

    def run(self) -> None:
        """Play, disturb, heal, and see that all who live agree and go on."""
        mesh, random = self.mesh, self.random
        mesh.play()
        mesh.until(60, 20.0)
        for _ in range(random.between(1, 4)):
            fault = random.choice((self.crash, self.cut, self.leave, self.late, self.sleep))
            fault()
            mesh.network.advance(random.uniform(0.2, 4.0))
        mesh.network.heal()
        mesh.network.advance(1.0)
        for seat in mesh.living:
            assert seat.failure is None, (self.happened, seat.failure)
        mesh.network.runUntil(self.together, 40.0)
        before = mesh.confirmed()
        mesh.onward(120, 20.0)
        self.check(before)

    def together(self) -> bool:
        """Whether all who live play in one match, and nobody else does."""
        living = tuple(sorted(seat.player for seat in self.mesh.living))
        return all(
            seat.match is not None
            and seat.match.players == living
            and not seat.match._loop.joining
            for seat in self.mesh.living
        )

    def check(self, before: int) -> None:
        """See that the newest frames are the same everywhere, and nobody failed."""
        newest = self.mesh.confirmed()
        rows = [
            [seat.protocol.frames.get(frame) for frame in range(newest - 60, newest)]
            for seat in self.mesh.living
        ]
        assert newest > before, (self.happened, newest, before)
        assert all(row == rows[0] and None not in row for row in rows), self.happened
        for seat in self.mesh.seats.values():
            if not seat.machine.clock.stopped and seat.player not in self.left:
                assert seat.failure is None, (self.happened, seat.player, seat.failure)
            assert not seat.protocol.told("desynchronized"), (self.happened, seat.player)

    def someone(self) -> int:
        """Return one who lives."""
        return self.random.choice([seat.player for seat in self.mesh.living])

    def crash(self) -> None:
        """A process dies, and another comes back for it, or not."""
        if len(self.mesh.living) < 2:
            return
        gone = self.someone()
        secret = self.mesh.secretOf(gone)
        self.mesh.seats[gone].machine.stop()
        after = self.random.uniform(0.1, 5.0)
        returns = self.random.chance(0.7)
        self.happened.append(f"{gone} crashes" + (f", back in {after:.1f}" if returns else ""))
        self.mesh.network.advance(after)
        if returns and self.mesh.living:
            self.mesh.bringBack(gone, secret)

    def cut(self) -> None:
        """Somebody is cut off for a while."""
        one = self.someone()
        seconds = self.random.uniform(0.3, 6.0)
        self.happened.append(f"{one} is cut off for {seconds:.1f}")
        self.mesh.cut(one)
        self.mesh.network.advance(seconds)
        self.mesh.network.heal()

    def sleep(self) -> None:
        """Somebody's machine sleeps."""
        one = self.someone()
        seconds = self.random.uniform(0.3, 6.0)
        self.happened.append(f"{one} sleeps for {seconds:.1f}")
        self.mesh.seats[one].machine.suspend(seconds)
        self.mesh.network.advance(seconds)

    def leave(self) -> None:
        """Somebody leaves for good."""
        if len(self.mesh.living) < 3:
            return
        one = self.someone()
        match = self.mesh.seats[one].match
        assert match is not None
        self.happened.append(f"{one} leaves")
        self.left.append(one)
        match.leave()
        self.mesh.network.advance(4.0)

    def late(self) -> None:
        """Somebody comes late, where there is a seat."""
        late = len(self.mesh.seats) + 1
        if late <= self.mesh.capacity:
            self.happened.append(f"{late} comes late")
            self.mesh.admit(late)


class FaultTests(SynchronousTestCase):
    """Cut-and-heal, crash and return, late join, leave: alone and together."""

    def test_seeds(self) -> None:
        """Over seeds, and every kind of fault happens."""
        happened: list[str] = []
        for seed in range(SEEDS):
            world = FaultyMatch(seed)
            try:
                world.run()
            except BaseException as error:
                error.add_note(f"seed {seed}: {world.happened}")
                raise
            happened += world.happened
        for word in ("crashes", "back in", "cut off", "sleeps", "leaves", "comes late"):
            self.assertIn(word, " ".join(happened))
