"""
The exhaustive search over short schedules (L{tests.event_log_model}).

C{GAMENET_EVENT_LOG_DEPTH} makes it deeper than 4 steps (45 s of CPU): each one more takes
about seven times as long.
"""

from __future__ import annotations

import os
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.event_log_model import Budget, Step, explore

DEPTH = int(os.environ.get("GAMENET_EVENT_LOG_DEPTH", "4"))

#: What schedules begin with: the opening, and what takes too many steps to come to by search.
PREFIXES: dict[str, tuple[Step, ...]] = {
    "opening": (),
    "host dead, election under way": (
        ("command", 2, 0), ("deliver", 2, 1), ("deliver", 1, 3), ("crash", 1, 0),
        ("tick", 0, 0), ("tick", 0, 0), ("tick", 0, 0),
    ),
    "host cut off, both halves have done something": (
        ("cut", 1, 0), ("tick", 0, 0), ("tick", 0, 0), ("command", 1, 0), ("tick", 0, 0),
    ),
    "delegation on its way": (("delegate", 1, 0), ("command", 2, 0)),
}  # fmt: skip


class ModelTests(SynchronousTestCase):
    """
    Done when: a model of election and log (an exhaustive search over short schedules)
    finds no violation: one host per epoch, no two events with one epoch and number, one
    digest for each, and what is acknowledged survives crashes.
    """

    def test_search(self) -> None:
        """No schedule of so many steps breaks anything, from any of the beginnings."""
        total: Counter[str] = Counter()
        for name, prefix in PREFIXES.items():
            try:
                total.update(explore(DEPTH, Budget(), 50, prefix))
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from error
        for kind in ("deliver", "lose", "crash", "cut", "heal", "tick", "elections", "merges"):
            self.assertGreater(total[kind], 0, kind)
        self.assertGreater(total["states"], 2000)
