"""
Tests for L{gamenet.event_log.own_commands}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.event_log.branches import chainOf
from gamenet.event_log.outcomes import CommandAccepted, EventDropped
from gamenet.event_log.own_commands import OWN_EVENTS, OwnCommands
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.log_commands import Say
from gamenet.wire.log_events import Chat, EpochStarted
from gamenet.wire.log_values import Epoch


class ReplacedTests(SynchronousTestCase):
    """Each event of the other half comes back to its sender once as EventDropped."""

    def setUp(self) -> None:
        """Let a command of ours be ordered in our half."""
        self.base = SharedState.opened(bytes(16), "s", {1: "a", 2: "b"}, 4)
        self.commands = OwnCommands(2, EventLogSettings())
        self.commands.submit(Say("x"))
        self.event = self.base.following(Chat(2, "x"), 5, 2, 1)
        self.ours = self.base.applied(self.event)
        self.commands.ordered(self.event)
        began = self.base.following(EpochStarted((1,)), 5, epoch=Epoch(2, 1))
        self.theirs = self.base.applied(began)

    def test_dropped(self) -> None:
        """What the other log lacks is answered, and told to be dropped, once."""
        new = (chainOf(self.ours), self.theirs, chainOf(self.theirs))
        self.assertEqual(
            self.commands.replaced(*new), [CommandAccepted(1, self.event), EventDropped(self.event)]
        )
        self.assertEqual(self.commands.replaced(*new), [])

    def test_orderedInBothHalves(self) -> None:
        """A command that is another event in the other log is accepted, not dropped."""
        theirs = self.theirs.applied(self.theirs.following(Chat(2, "x"), 6, 2, 1))
        outcomes = self.commands.replaced(chainOf(self.ours), theirs, chainOf(theirs))
        self.assertEqual(outcomes, [CommandAccepted(1, None)])

    def test_bounded(self) -> None:
        """Of our own events the newest L{OWN_EVENTS} are remembered, no more."""
        state = self.ours
        for number in range(2, OWN_EVENTS + 50):
            event = state.following(Chat(2, "x"), 5, 2, number)
            state = state.applied(event)
            self.commands.ordered(event)
        dropped = self.commands.replaced(chainOf(state), self.theirs, chainOf(self.theirs))
        self.assertEqual(len([one for one in dropped if type(one) is EventDropped]), OWN_EVENTS)
