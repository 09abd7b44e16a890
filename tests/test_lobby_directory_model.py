"""
The directory against a simple reference model: every standing, every request.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.standing import Standing
from gamenet.wire.lobby_messages import REQUESTS, RefusalCode
from tests.lobby_directory_machine import DirectoryMachine


class DirectoryModelTests(SynchronousTestCase):
    """The property over (standing x request)."""

    def test_agreesWithTheModel(self) -> None:
        """
        Random histories of six clients: the directory does what the model says, each
        standing met each request, and each refusal was seen ("the property tests over
        (state x input) pass"; "nothing lost for anyone else").
        """
        DirectoryMachine.met.clear()
        DirectoryMachine.refused.clear()
        DirectoryMachine.happened.clear()
        run_state_machine_as_test(
            DirectoryMachine,
            settings=settings(
                max_examples=150,
                stateful_step_count=60,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        pairs = [(s.name, r.__name__) for s in Standing for r in REQUESTS.values()]
        missing = [pair for pair in pairs if not DirectoryMachine.met[pair]]
        self.assertEqual(missing, [])
        elsewhere = ("MALFORMED", "UNKNOWN_MESSAGE", "FRAME_TOO_LONG")
        codes = [code.name for code in RefusalCode if code.name not in elsewhere]
        self.assertEqual([code for code in codes if not DirectoryMachine.refused[code]], [])
        for kind in ("late", "differs", "PlayerJoined", "PlayerLeft", "HostReported"):
            self.assertGreater(DirectoryMachine.happened[kind], 9, kind)
        self.assertEqual(DirectoryMachine.most_numbers, [4])
