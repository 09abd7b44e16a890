"""The page on saving fast, run as it is printed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.determinism.check import checkDeterminism, randomInputs
from gamenet.rollback.state_dump import PART_NAME_BYTES, PARTS_LIMIT
from tests.test_rollback_pages import DOCS, printed


class SavingFastTests(SynchronousTestCase):
    """Done when: each example of a page runs as a test."""

    def test_example(self) -> None:
        """The printed games play, go back and fail as the page says."""
        names = printed("saving_fast")
        self.assertEqual(names["wishes"].checksum, 2)

    def test_games(self) -> None:
        """The printed games are deterministic, and both their ways to save agree."""
        names = printed("saving_fast")
        for game in (names["Swarm"], names["CountingSwarm"]):
            inputs = randomInputs(2, [b"", b"l", b"r"])
            checkDeterminism(game, inputs, frames=60).assertDeterministic()
            swarm = game()
            buffer = memoryview(bytearray(swarm.state_size))
            swarm.advance((b"l", b"r"))
            swarm.saveInto(buffer)
            self.assertEqual(bytes(buffer), swarm.save())

    def test_owned(self) -> None:
        """The printed game with snapshots of its own comes back from them, and from bytes."""
        names = printed("saving_fast")
        village = names["Village"]()
        walk = randomInputs(2, [b"", b"a", b"b"], held=1)
        states = []
        for frame in range(60):
            village.advance(walk(frame))
            states.append((village.save(), village.encodeSnapshot(village.save())))
        self.assertGreater(len({state for _, state in states}), 40)
        for state, data in states:
            village.load(state)
            self.assertEqual(village.encodeSnapshot(village.save()), data)
            self.assertEqual(village.decodeSnapshot(data), state)

    def test_numbers(self) -> None:
        """The limits that the page names are the limits."""
        page = (DOCS / "saving_fast.rst").read_text()
        self.assertIn(f"than {PARTS_LIMIT} parts, a name longer than {PART_NAME_BYTES} bytes", page)
