"""
K10: the log tells each step on both sides, in the words that the documentation lists.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from gamenet.match import rejoin
from gamenet.match.session_steps import SessionStep
from gamenet.wire.log_commands import Delegate, Say
from tests.shared_party import SharedParty, SharingPlayer

PAGE = Path(__file__).parent.parent / "docs" / "session_log.rst"


class Steps:
    """The lines of all processes, told apart by whose they are."""

    def __init__(self, case: SynchronousTestCase) -> None:
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self._observe)
        case.addCleanup(globalLogPublisher.removeObserver, self._observe)

    def of(self, player: int, step: SessionStep) -> list[str]:
        """Return the lines of a player that tell a step."""
        word = step.value.split(":")[0]
        begin = f"we, player {player}: {word}: "
        return [line[len(begin):] for line in self.lines if line.startswith(begin)]

    def _observe(self, event: Any) -> None:
        line = formatEvent(event)
        if line.startswith("we, player"):
            self.lines.append(line)


class DocumentationTests(SynchronousTestCase):
    """The expected log lines of both sides are documented and tested."""

    def test_table(self) -> None:
        """Each line stands in the table, in these words, and nothing else does."""
        rows = re.findall(r"^``([a-z ]+: [^`]*)``", PAGE.read_text(), re.MULTILINE)
        self.assertEqual(rows, [step.value for step in SessionStep])


class BothSidesTests(SynchronousTestCase):
    """Each step is told where it is done and where it is seen."""

    def setUp(self) -> None:
        """Write all lines down."""
        self.steps = Steps(self)

    def told(self, player: int, step: SessionStep, *texts: str) -> None:
        """Check that a player's log tells a step, and these texts of it."""
        lines = self.steps.of(player, step)
        for text in texts:
            self.assertTrue(any(text in line for line in lines), (player, step, text, lines))

    def test_coming(self) -> None:
        """Connected, snapshot sent and received, joined."""
        party = SharedParty(2)
        party.settle()
        self.told(1, SessionStep.CONNECTED, "player 2")
        self.told(2, SessionStep.CONNECTED, "player 1")
        self.told(1, SessionStep.SNAPSHOT_SENT, "event 0 to player 2")
        self.told(2, SessionStep.SNAPSHOT_RECEIVED, "event 0, player 1 is host")
        for player in (1, 2):
            self.told(player, SessionStep.JOINED, "player 2")
        party.close()

    def test_delegated(self) -> None:
        """Delegated, and who is host."""
        party = SharedParty(2)
        party.answer(party.seats[0], Delegate(2))
        party.settle()
        for player in (1, 2):
            self.told(player, SessionStep.DELEGATED, "player 2")
            self.told(player, SessionStep.ELECTED, "player 2, epoch")
        party.close()

    def test_diedAndReturned(self) -> None:
        """Unreachable, lost, elected, restarted, returned, left."""
        party = SharedParty(3)
        secret = party.seats[0].shared.resumeSecret()
        party.seats[0].machine.stop()
        party.network.advance(8.0)
        machine = party.network.machine("m1", "192.168.1.2", "r1", party.profile)
        session = party.network.runUntil(rejoin(machine, secret), 5.0)
        party.network.runUntil(session.share(SharingPlayer(), party.settings), 20.0)
        party.network.advance(2.0)
        for player in (2, 3):
            self.told(player, SessionStep.UNREACHABLE, "player 1")
            self.told(player, SessionStep.LOST, "player 1")
            self.told(player, SessionStep.ELECTED, "player 2, epoch")
            self.told(player, SessionStep.RESTARTED, "player 1")
        for player in (1, 2, 3):
            self.told(player, SessionStep.RETURNED, "player 1")
        party.network.runUntil(party.seats[2].shared.leave(), 5.0)
        party.network.advance(1.0)
        for player in (1, 2, 3):
            self.told(player, SessionStep.LEFT, "player 3, LEFT")
        session.leave()
        party.close()

    def test_gapAndDropped(self) -> None:
        """A gap is told by who has it and by who fills it; what is undone by its author."""
        party = SharedParty(3)
        party.cut(3)
        party.network.advance(8.0)
        party.answer(party.seats[2], Say("alone"))
        party.answer(party.seats[0], Say("together"))
        party.network.heal()
        party.until(lambda: bool(party.seats[2].protocol.told("eventDropped")))
        party.settle()
        self.told(3, SessionStep.DROPPED, "of ours")
        self.assertEqual(self.steps.of(1, SessionStep.DROPPED), [])
        second = SharedParty(2, seed=9)
        self._loseOne(second)
        self.told(2, SessionStep.GAP, "player 1 is asked")
        self.told(1, SessionStep.GAP_THERE, "player 2 lacks")
        party.close()
        second.close()

    def test_rejected(self) -> None:
        """What cannot be is told once, by who got it."""
        party = SharedParty(2)
        shared = party.seats[0].shared.shared
        for _ in range(5):
            shared.messageReceived(2, b"\xff")
        self.assertEqual(len(self.steps.of(1, SessionStep.REJECTED)), 1)
        party.close()

    def _loseOne(self, party: SharedParty) -> None:
        """Have the host's next reliable message lost, as where a queue was full."""
        shared = party.seats[0].shared.shared
        carriage = shared._carriage
        lossy = type(carriage)(lambda *_: None, carriage.packet)
        shared._carriage = lossy
        shared.submit(Say("lost"))
        party.network.advance(0.05)
        shared._carriage = carriage
        party.until(party.settled)
        party.network.advance(1.0)
