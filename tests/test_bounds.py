"""
What each validator of settings takes, and how it refuses the rest.
"""

from __future__ import annotations

from attrs import field, frozen
from twisted.trial.unittest import SynchronousTestCase

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.errors import BadSetting

NO_NUMBERS = ("3", True, None, float("nan"), 3j)


@frozen
class Knobs:
    """One setting of each kind."""

    share: float = field(default=0.5, validator=number(0.0, 1.0))
    pace: float = field(default=3, validator=number(2.5, 10.0, "a second"))
    pause: float = field(default=1.0, validator=seconds())
    count: int = field(default=1, validator=wholeNumber())
    seats: int = field(default=2, validator=wholeNumber(2, 4))


class BoundsTests(SynchronousTestCase):
    """L{gamenet.bounds}."""

    def assertBad(self, name: str, value: object, must: str) -> None:
        """Check that a value is refused by its name, bounds and value."""
        error = self.assertRaises(BadSetting, Knobs, **{name: value})
        self.assertEqual(str(error), f"{name} must be {must}, not {value!r}")

    def test_boundsAreIncluded(self) -> None:
        """The lowest and the highest value are good."""
        Knobs(share=0, pace=2.5, pause=0.001, count=1, seats=2)
        Knobs(share=1, pace=10, pause=3600, count=2**31 - 1, seats=4)

    def test_numbers(self) -> None:
        """Bad input: what is out of bounds, not-a-number, a text or a bool is no number."""
        for value in (-0.001, 1.001, float("inf"), *NO_NUMBERS):
            self.assertBad("share", value, "from 0 to 1")
        for value in (2.4, 10.1, *NO_NUMBERS):
            self.assertBad("pace", value, "from 2.5 to 10 a second")

    def test_seconds(self) -> None:
        """Bad input: a duration is from a millisecond to an hour where nothing else is said."""
        for value in (0, -1, 3601, float("inf"), *NO_NUMBERS):
            self.assertBad("pause", value, "from 0.001 to 3600 seconds")

    def test_wholeNumbers(self) -> None:
        """Bad input: neither a fraction nor a bool is a whole number."""
        for value in (0, -1, 2**31, 1.0, *NO_NUMBERS):
            self.assertBad("count", value, "a whole number from 1 to 2147483647")
        for value in (1, 5):
            self.assertBad("seats", value, "a whole number from 2 to 4")
