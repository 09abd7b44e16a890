"""
The worlds find what is wrong: planted faults, each of which must make a world fail; and
the long run over all of them goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from gamenet.seeded_random import SeededRandom
from tests.rollback_worlds import sweep
from tests.rollback_worlds.faults import Outcome
from tests.rollback_worlds.game import SeatedHashGame
from tests.rollback_worlds.link import Link
from tests.rollback_worlds.oracle import WorldFailed
from tests.rollback_worlds.plan import cellNamed, planOf
from tests.rollback_worlds.profiles import LinkProfile
from tests.rollback_worlds.world import World, runWorld


class JudgmentTests(SynchronousTestCase):
    """Done when: the state is order-sensitive, so that swapped inputs show."""

    def requireFailure(
        self, plant: Callable[[World], object], text: str, cell: str = "lan,3,drop", seed: int = 1
    ) -> None:
        """A world into which C{plant} puts a fault fails, and says C{text}."""
        world = World(planOf(seed, cellNamed(cell)))
        plant(world)
        error = self.assertRaises(WorldFailed, world.run)
        self.assertRegex(str(error), text)

    def replaceAdvance(
        self, world: World, change: Callable[[SeatedHashGame, list[bytes]], object]
    ) -> None:
        """Let the game of one who stays do something else with its inputs."""
        process = world.everybody[0]
        game = process.game

        def advance(inputs: Sequence[bytes], absent: Sequence[int]) -> None:
            changed = list(inputs)
            change(game, changed)
            game.advanceSeated(changed, absent)

        process.timeline._advance_seated = advance

    def test_swappedInputs(self) -> None:
        """Two players' inputs in the wrong order are found."""
        self.requireFailure(
            lambda world: self.replaceAdvance(world, lambda game, inputs: inputs.reverse()),
            "confirmed frame|Desynchronized",
        )

    def test_oneWrongFrame(self) -> None:
        """One frame that was played otherwise is found, though all inputs are right."""

        def spoil(game: SeatedHashGame, inputs: list[bytes]) -> None:
            if game.frame == 40:
                game.state = bytes(8)

        self.requireFailure(
            lambda world: self.replaceAdvance(world, spoil), "confirmed frame 40|Desynchronized"
        )

    def test_wrongSeats(self) -> None:
        """A peer that takes nobody for absent is found."""

        def deny(world: World) -> None:
            for process in world.everybody[:1]:
                game = process.game
                process.timeline._advance_seated = (
                    lambda inputs, absent, game=game: game.advanceSeated(inputs, ())
                )

        with self.assertRaises(AssertionError):
            world = World(planOf(1, cellNamed("lan,8,drop")))
            deny(world)
            world.run()

    def test_unscheduledDrop(self) -> None:
        """A drop that no fault explains is found."""

        def cutSomebodyOff(world: World) -> None:
            one, *others = world.mesh.peers
            self.assertNotEqual(others, [])
            world.mesh.call(0.2, world.mesh.cut, (one,), others)

        self.requireFailure(cutSomebodyOff, "waited|dropped", "lan,8,late join", 2)

    def test_standstill(self) -> None:
        """Done when: every survivor confirms 300 more frames; one that does not is found."""

        def stopForEver(world: World) -> None:
            for peer in world.mesh.peers:
                world.mesh.call(0.1, world.mesh.stop, peer, 1e9)

        self.requireFailure(stopForEver, "waited", "lan,3,late join")

    def test_outcomeIsJudgedAsAWhole(self) -> None:
        """A drop that everybody agrees on, of somebody who was not to go, is found."""
        world = World(planOf(3, cellNamed("lan,4,drop")))
        begin = world._live

        def live(outcome: Outcome) -> None:
            begin(outcome)
            world.outcomes[-1] = Outcome(((outcome.choices[0][0], (99,)),))

        world._live = live
        world.plan.settings[99] = world.plan.settings[1]
        self.assertRaises(WorldFailed, world.run)

    def test_sameSeedSameWorld(self) -> None:
        """Done when: the run of a seed again is bit-identical; another one is another."""
        one, again, other = runWorld(7), runWorld(7), runWorld(8)
        self.assertEqual(one, again)
        self.assertNotEqual(one["trace"], other["trace"])


class LinkTests(SynchronousTestCase):
    """The links do what their profiles say."""

    def carried(self, profile: LinkProfile, label: str, count: int = 4000) -> list[list[float]]:
        link = Link(profile, SeededRandom.fromLabel(5, label), Counter())
        return [link.carry(number / 60) for number in range(count)]

    def test_lossOfBothEnds(self) -> None:
        """Each end loses its share: 15 % are 27.75 % together."""
        carried = self.carried(LinkProfile("x", end_loss=0.15), "one")
        lost = sum(not arrivals for arrivals in carried) / len(carried)
        self.assertTrue(0.25 < lost < 0.305, lost)

    def test_directionsAreIndependent(self) -> None:
        """Seed correlation: two streams do not lose the same packets."""
        profile = LinkProfile("x", end_loss=0.3)
        one, other = self.carried(profile, "1/2"), self.carried(profile, "2/1")
        both = sum(not a and not b for a, b in zip(one, other, strict=True)) / len(one)
        self.assertTrue(0.51**2 - 0.04 < both < 0.51**2 + 0.04, both)

    def test_burstAndDuplication(self) -> None:
        """A burst loses everything for its length; a repeated packet arrives twice."""
        carried = self.carried(LinkProfile("x", burst=0.02, burst_length=8), "b")
        gaps = "".join("." if arrivals else "#" for arrivals in carried).replace(".", " ").split()
        self.assertGreaterEqual(min(map(len, gaps[:-1])), 8)
        twice = self.carried(LinkProfile("x", duplication=0.15), "d")
        share = sum(len(arrivals) == 2 for arrivals in twice) / len(twice)
        self.assertTrue(0.12 < share < 0.18, share)


class SweepTests(SynchronousTestCase):
    """Done when: the whole product by a documented, resumable command."""

    def sweep(self, *arguments: str) -> tuple[int, str]:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = sweep.main(["--state", str(self.state), *arguments])
        return status, output.getvalue()

    def setUp(self) -> None:
        self.state = Path(self.mktemp())

    def test_goesOnWhereItStopped(self) -> None:
        """What is done stands in the file; a torn last line is done again."""
        status, output = self.sweep("--each", "1", "--limit", "3")
        self.assertEqual(status, 1)  # it is not all that was wanted
        self.assertIn("3 of 260 worlds, 3 of 260 combinations", output)
        lines = self.state.read_text().splitlines()
        self.assertEqual(len(lines), 4)
        self.state.write_text("\n".join(lines[:3]) + "\n" + lines[3][:40])
        _, output = self.sweep("--each", "1", "--limit", "2")
        self.assertIn("4 of 260 worlds", output)
        seeds = self.state.read_text().count('{"seed"')
        self.assertGreaterEqual(seeds, 4)

    def test_beginsAnewForOtherCode(self) -> None:
        """Results of other code do not count, unless they are asked for."""
        self.sweep("--each", "1", "--limit", "2")
        lines = self.state.read_text().splitlines()
        self.state.write_text("\n".join(["0" * 16, *lines[1:], ""]))
        _, output = self.sweep("--each", "1", "--limit", "0", "--mixed")
        self.assertIn("2 of 260 worlds", output)
        _, output = self.sweep("--each", "1", "--limit", "0")
        self.assertIn("0 of 260 worlds", output)
