"""
Calls into the game: whatever it raises becomes one named error, and what it
returns is checked.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import GamenetError, MomentFailed
from gamenet.interfaces import IPeerProtocol
from gamenet.match.moments import askInput, moment


class AskedProtocol:
    """A protocol whose one method returns what it is told to, or raises it."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[int, int]] = []

    def localInput(self, player: int, frame: int) -> object:
        """Answer, or raise."""
        self.asked.append((player, frame))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def ask(answer: object, limit: int = 4) -> bytes:
    """Ask a protocol that answers so for player 2's input of frame 7."""
    protocol: IPeerProtocol = AskedProtocol(answer)  # type: ignore[assignment]
    return askInput(protocol, 2, 7, limit)


class MomentTests(SynchronousTestCase):
    """Bad input: an exception from an overridden method."""

    def test_nothingRaised(self) -> None:
        """What happens inside happens once, and nothing comes of it."""
        happened: list[int] = []
        with moment("frameReady"):
            happened.append(1)
        self.assertEqual(happened, [1])

    def test_raised(self) -> None:
        """The error names the moment and the frame, and keeps the original as its cause."""
        original = KeyError("a bug in the game")
        for frame in (None, 0, 41):

            def fail(frame: int | None = frame) -> None:
                with moment("advance", frame):
                    raise original

            error = self.assertRaises(MomentFailed, fail)
            self.assertIs(error.__cause__, original)
            self.assertEqual((error.moment, error.frame), ("advance", frame))
            self.assertIn("advance", str(error))
            self.assertEqual("frame" in str(error), frame is not None)

    def test_ownErrors(self) -> None:
        """An error of gamenet's that the game lets through is the game's all the same."""
        original = GamenetError("from a call that the game made")

        def fail() -> None:
            with moment("matchStarted"):
                raise original

        self.assertIs(self.assertRaises(MomentFailed, fail).__cause__, original)

    def test_interruptsPass(self) -> None:
        """Ctrl-C and the like are nobody's mistake and pass through."""
        for original in (KeyboardInterrupt(), SystemExit(1), GeneratorExit()):

            def fail(original: BaseException = original) -> None:
                with moment("frameReady"):
                    raise original

            self.assertIs(self.assertRaises(type(original), fail), original)


class AskInputTests(SynchronousTestCase):
    """What a game may return as an input."""

    def test_asked(self) -> None:
        """The protocol is asked once, for that player and frame."""
        protocol = AskedProtocol(b"left")
        self.assertEqual(askInput(protocol, 2, 7, 4), b"left")  # type: ignore[arg-type]
        self.assertEqual(protocol.asked, [(2, 7)])

    def test_sizes(self) -> None:
        """From nothing up to the limit; one byte more is named, with both figures."""
        for answer in (b"", b"abc", b"abcd"):
            self.assertEqual(ask(answer), answer)
        error = self.assertRaises(MomentFailed, ask, b"abcde")
        self.assertEqual((error.moment, error.frame), ("localInput", 7))
        self.assertIsInstance(error.__cause__, ValueError)
        self.assertIn("4 bytes, not 5", str(error.__cause__))

    def test_noBytes(self) -> None:
        """Something that is not bytes, what was forgotten to return included, is named."""
        for answer in (None, "left", 1, [1], bytearray(b"left"), memoryview(b"left")):
            error = self.assertRaises(MomentFailed, ask, answer)
            self.assertEqual((error.moment, error.frame), ("localInput", 7))
            self.assertIsInstance(error.__cause__, TypeError)
            self.assertIn(type(answer).__name__, str(error.__cause__))

    def test_raises(self) -> None:
        """What it raises is the cause."""
        original = RuntimeError("no keyboard")
        self.assertIs(self.assertRaises(MomentFailed, ask, original).__cause__, original)

    @settings(max_examples=100, deadline=None)
    @given(
        st.none() | st.text(max_size=8) | st.binary(max_size=12) | st.integers() | st.booleans(),
        st.integers(0, 10),
    )
    def test_anyAnswer(self, answer: object, limit: int) -> None:
        """Whatever is returned: bytes within the limit come back, all else is one named error."""
        if isinstance(answer, bytes) and len(answer) <= limit:
            self.assertEqual(ask(answer, limit), answer)
        else:
            self.assertRaises(MomentFailed, ask, answer, limit)
