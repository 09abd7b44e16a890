"""Which ports of a range are free."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.relay_plane.port_range import PortRange


class PortRangeTests(SynchronousTestCase):
    """Taking and giving back."""

    def test_every(self) -> None:
        """Every port of the range is had once, both ends included, and then none."""
        free = PortRange(100, 104)
        taken = [free.take(draw) for draw in range(5)]
        self.assertEqual(sorted(port for port in taken if port), [100, 101, 102, 103, 104])
        self.assertIsNone(free.take(7))
        free.release(102)
        self.assertEqual(free.take(7), 102)
        self.assertIsNone(free.take(7))

    def test_draw(self) -> None:
        """The draw chooses, and every port can be drawn."""
        drawn = [PortRange(100, 104).take(draw) for draw in range(10)]
        self.assertEqual(drawn, [100, 101, 102, 103, 104] * 2)

    def test_even(self) -> None:
        """An even port is found as long as there is one."""
        free = PortRange(101, 105)
        self.assertEqual(free.take(0, even=True), 102)
        self.assertEqual(free.take(0, even=True), 104)
        self.assertIsNone(free.take(0, even=True))
        self.assertEqual(len(free), 3)

    def test_pair(self) -> None:
        """A pair is an even port and the next one, both free and within the range."""
        free = PortRange(101, 106)
        self.assertEqual(free.take(0, even=True, pair=True), 102)
        self.assertEqual(len(free), 4)
        free.release(102)
        self.assertEqual(free.take(1, even=True, pair=True), 104)
        self.assertIsNone(free.take(0, even=True, pair=True))
        free.release(103)
        self.assertEqual(free.take(0, even=True, pair=True), 102)
        self.assertEqual(sorted(port for port in (free.take(0), free.take(0)) if port), [101, 106])
        self.assertIsNone(free.take(0))

    def test_release(self) -> None:
        """What is free already, or not of the range, cannot be given back."""
        free = PortRange(100, 101)
        for port in (99, 100, 101, 102):
            self.assertRaises(LocalProtocolError, free.release, port)
        self.assertEqual(len(free), 2)

    @given(
        st.lists(
            st.tuples(st.sampled_from("tep-"), st.integers(0, 2**64 - 1)), max_size=60
        )
    )
    @settings(deadline=None, max_examples=100)
    def test_model(self, moves: list[tuple[str, int]]) -> None:
        """Against a set: nothing is given twice, nothing is refused that is there."""
        free = PortRange(20, 29)
        model = set(range(20, 30))
        for move, draw in moves:
            if move == "-":
                taken = sorted(set(range(20, 30)) - model)
                if taken:
                    port = taken[draw % len(taken)]
                    free.release(port)
                    model.add(port)
            else:
                even, pair = move in "ep", move == "p"
                fits = sorted(
                    port
                    for port in model
                    if not (even and port % 2) and not (pair and port + 1 not in model)
                )
                got = free.take(draw, even, pair)
                if got is None:
                    self.assertEqual(fits, [])
                else:
                    self.assertIn(got, fits)
                    model -= {got, got + 1} if pair else {got}
            self.assertEqual(len(free), len(model))
