"""The page on input delay, run as it is printed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.delay_recommendation import DelaySettings
from gamenet.rollback.lockstep import LockstepWait
from tests.test_rollback_pages import DOCS, printed


class InputDelayPageTests(SynchronousTestCase):
    """Done when: each example of a page runs as a test."""

    def test_examples(self) -> None:
        """Every assertion that is printed holds."""
        names = printed("input_delay")
        self.assertEqual(names["recommended"], [(2.0, 3)])
        self.assertEqual(names["event"].players, (3,))

    def test_numbers(self) -> None:
        """The page gives the settings as they are unless set."""
        page = (DOCS / "input_delay.rst").read_text()
        settings = DelaySettings()
        self.assertIn(f"wanted for {settings.held_seconds:g} s", page)
        self.assertIn(f"within {settings.interval:g} s of", page)
        self.assertIn(f"{LockstepWait().limit:g} s who is missing", page)
