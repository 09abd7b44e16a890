"""Tests of L{gamenet.rollback.frame_steps}: exact lists of steps, dense and sparse."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.session import RollbackSession
from gamenet.rollback.steps import Advance, Load, Save, Step
from tests.rollback_pipe import play, session, tell


def short(steps: tuple[Step, ...]) -> str:
    """Steps as text: S3 saves snapshot 3, K3 for long, L3 loads it, 3 plays frame 3."""
    words = []
    for step in steps:
        if isinstance(step, Save):
            words.append(f"{'K' if step.kept else 'S'}{step.frame}")
        elif isinstance(step, Load):
            words.append(f"L{step.frame}")
        elif isinstance(step, Advance):
            words.append(f"{step.frame}")
    return " ".join(words)


class StepsCase(SynchronousTestCase):
    """A session that is led tick by tick."""

    def begin(self, **changes: Any) -> RollbackSession:
        self.one = session(checksum_interval=100, **changes)
        self.told = 0
        return self.one

    def tick(self, *inputs: bytes, text: bytes | None = b"") -> str:
        """Inputs of the other come, and a frame is due."""
        if inputs:
            tell(self.one, *inputs, first=self.told)
            self.told += len(inputs)
        return short(play(self.one, text))


class DenseTests(StepsCase):
    """Every frame is saved."""

    def test_everyFrame(self) -> None:
        """Each frame is saved behind it; the beginning once."""
        self.begin()
        self.assertEqual(self.tick(), "S0 0 S1")
        self.assertEqual(self.tick(), "1 S2")

    def test_rollback(self) -> None:
        """It goes back exactly to the first wrong frame, and plays and saves all since again."""
        self.begin()
        for _ in range(4):
            self.tick()
        self.assertEqual(self.tick(b"", b"x"), "L1 1 S2 2 S3 3 S4 4 S5")
        self.assertEqual(self.tick(b"x", b"x", b"x"), "5 S6")

    def test_noNewFrame(self) -> None:
        """Without a new frame only what was wrong is played; nothing if nothing was."""
        self.begin()
        self.tick()
        self.assertEqual(self.tick(text=None), "")
        self.assertEqual(self.tick(b"x", text=None), "L0 0 S1")

    def test_kept(self) -> None:
        """The state behind a reported frame is kept for long: every interval, and the last."""
        one = session(checksum_interval=3, last_frame=6)
        words = " ".join(short(play(one, b"")) for _ in range(7))
        self.assertEqual(words, "S0 0 S1 1 S2 2 K3 3 S4 4 S5 5 K6 6 K7")


class SparseTests(StepsCase):
    """Only final states are saved."""

    def test_allKnown(self) -> None:
        """Where inputs come in time a state is saved once per window."""
        self.begin(sparse_saving=True, prediction_window=4)
        words = [self.tick(b"x") for _ in range(9)]
        self.assertEqual(words, ["S0 0", "1", "2", "3 S4", "4", "5", "6", "7 S8", "8"])

    def test_rightPrediction(self) -> None:
        """Where the base would be left behind it goes back, and saves the newest final state."""
        self.begin(sparse_saving=True, prediction_window=4)
        words = [self.tick() for _ in range(4)]
        self.assertEqual(words, ["S0 0", "1", "2", "3"])
        self.assertEqual(self.tick(b"", b""), "L0 0 1 S2 2 3 4")
        self.assertEqual(self.one.statistics.rollbacks, 0)
        self.assertEqual(self.tick(b"x"), "L2 2 S3 3 4 5")
        self.assertEqual(self.one.statistics.rollbacks, 1)

    def test_rollback(self) -> None:
        """It goes back to the newest final state, not to the first wrong frame."""
        self.begin(sparse_saving=True, prediction_window=4)
        for _ in range(3):
            self.tick()
        self.assertEqual(self.tick(b"", b"", b"x"), "L0 0 1 2 S3 3")
        self.assertEqual(self.tick(b"y"), "L3 3 S4 4")

    def test_reported(self) -> None:
        """The states that are reported are saved too, predicted or not, for long."""
        one = session(sparse_saving=True, checksum_interval=3, prediction_window=6)
        words = [short(play(one, b"")) for _ in range(4)]
        self.assertEqual(words, ["S0 0", "1", "2 K3", "3"])
        tell(one, b"", b"x")
        self.assertEqual(short(play(one, b"")), "L0 0 1 S2 2 K3 3 4")
        self.assertEqual(list(one.checksumsWanted()), [])
        tell(one, b"x", b"x", first=2)
        play(one, None)
        self.assertEqual(one.drainEvents()[2].checksum, 2)

    @settings(deadline=None, max_examples=100)
    @given(
        st.integers(0, 6),
        st.integers(1, 7),
        st.booleans(),
        st.lists(st.lists(st.sampled_from([b"", b"x"]), max_size=3), max_size=40),
    )
    def test_everyLoadIsThere(
        self, window: int, interval: int, sparse: bool, ticks: list[list[bytes]]
    ) -> None:
        """
        Whatever comes when: what is loaded was saved and is still kept, frames follow
        each other, and the last play of each final frame has the real inputs.
        """
        one = session(sparse_saving=sparse, prediction_window=window, checksum_interval=interval)
        places = window + (4 if sparse else 2)
        kept: list[int] = []
        frame = 0
        played: dict[int, bytes] = {}
        script: list[bytes] = []
        for fresh in ticks:
            one.packetFor(2, 0.0)
            if len(script) + len(fresh) < one.current_frame + 30:
                tell(one, *fresh, first=len(script))
                script += fresh
            wanted = one.inputFrame()
            for step in play(one, None if wanted is None else b"a"):
                if isinstance(step, Save):
                    self.assertEqual(step.frame, frame)
                    kept = [*[old for old in kept if old != frame], frame][-places:]
                elif isinstance(step, Load):
                    self.assertIn(step.frame, kept)
                    frame = step.frame
                elif isinstance(step, Advance):
                    self.assertEqual(step.frame, frame)
                    played[frame] = step.inputs[1]
                    frame += 1
            one.drainEvents()
            self.assertEqual(frame, one.current_frame)
            for final in range(one.confirmed_frame + 1):
                self.assertEqual(played[final], script[final])
