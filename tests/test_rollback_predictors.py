"""The game's own predictor in a session: what it may not do is told by name."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MomentFailed
from tests.rollback_pipe import play, session, tell


class PredictorTests(SynchronousTestCase):
    """Bad input: "names the frame and the call"."""

    def assertFails(self, cause: type[Exception], made: object, **changes: Any) -> None:
        """What a predictor makes from the third frame without inputs on ends the match so."""

        def predict(last: bytes, missing: int) -> Any:
            if missing < 3:
                return last
            if isinstance(made, Exception):
                raise made
            return made

        one = session(prediction=predict, input_limit=4, **changes)
        tell(one, b"a", b"b")
        for _ in range(4):
            play(one)
        error = self.assertRaises(MomentFailed, play, one)
        self.assertEqual((error.moment, error.frame), ("prediction", 4))
        self.assertIsInstance(error.__cause__, cause)
        self.assertEqual(str(error), "the game's 'prediction' raised at frame 4")

    def test_raises(self) -> None:
        """One that raises, whatever it is."""
        for sparse in (False, True):
            self.assertFails(KeyError, KeyError("nothing"), sparse_saving=sparse)
            self.assertFails(ZeroDivisionError, ZeroDivisionError(), sparse_saving=sparse)

    def test_nothingAfterwards(self) -> None:
        """What was begun then is never played: the session plays nothing any more, and says so."""
        made: list[Any] = [b"", b"", None, b""]
        one = session(prediction=lambda last, missing: made.pop(0))
        for _ in range(2):
            play(one)
        self.assertRaises(MomentFailed, play, one)
        for text in (b"", None):
            error = self.assertRaises(LocalProtocolError, play, one, text)
            self.assertIn("a prediction failed", str(error))
        self.assertEqual(len(made), 1)
        tell(one, b"a", b"b", b"c")
        one.packetsDue(1.0)

    def test_noBytes(self) -> None:
        """One that returns something else than bytes."""
        for made in ("x", None, 3, bytearray(b"x")):
            self.assertFails(TypeError, made)

    def test_tooLong(self) -> None:
        """One that returns more than an input may be long; the longest one is good."""
        self.assertFails(ValueError, bytes(5))
        one = session(prediction=lambda last, missing: bytes(4), input_limit=4)
        steps = play(one)
        self.assertIn(bytes(4), [text for step in steps for text in getattr(step, "inputs", ())])

    def test_goingBack(self) -> None:
        """One that fails when frames are played again, for the first frame that it fails for."""
        fails: list[bool] = []

        def predict(last: bytes, missing: int) -> bytes:
            if fails and missing == 2:
                raise RuntimeError
            return last

        one = session(prediction=predict)
        for _ in range(6):
            play(one)
        tell(one, b"a", b"b")
        fails.append(True)
        error = self.assertRaises(MomentFailed, play, one)
        self.assertEqual((error.moment, error.frame), ("prediction", 3))
