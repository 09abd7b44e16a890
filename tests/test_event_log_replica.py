"""
Tests for L{gamenet.event_log.replica}: events, commands, gaps, snapshots, limits.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.event_log.errors import SubmitQueueFull
from gamenet.event_log.outbox import PER_PEER, Outbox
from gamenet.event_log.outcomes import (
    Acknowledged,
    CommandAccepted,
    CommandRefused,
    EventApplied,
    StateDiffers,
    Synced,
)
from gamenet.event_log.replica import INCARNATIONS, Replica
from gamenet.event_log.settings import EventLogSettings
from gamenet.wire.lobby_fields import Row
from gamenet.wire.log_commands import ChangeSetting, Join, Leave, Rename, Say
from gamenet.wire.log_events import Chat, ParticipantJoined, ParticipantLeft, ParticipantLost
from gamenet.wire.log_messages import (
    CommandSent,
    Events,
    EventsWanted,
    Refused,
    SnapshotSent,
    SnapshotWanted,
    Status,
)
from gamenet.wire.log_values import NO_EPOCH, LeaveReason, RefusalCode
from tests.event_log_pair import SESSION_ID, Table


class OrderTests(SynchronousTestCase):
    """The host orders, the guests send commands, everybody applies the same."""

    def test_nothingHappensByItself(self) -> None:
        """Where all hear each other no event comes, and the first host stays."""
        table = Table(4)
        table.run(20)
        self.assertEqual([one.sequence for one in table.replicas.values()], [0] * 4)
        self.assertEqual(table.hosts(), [1])

    def test_command(self) -> None:
        """K3, K8: a guest's command becomes an event everywhere, and is answered once."""
        table = Table(3)
        number = table.replicas[2].submit(Say("hello"), table.now)
        table.run(1)
        self.assertEqual(len(table.heads()), 1)
        for player in (1, 2, 3):
            (applied,) = table.of(player, EventApplied)
            self.assertEqual(applied.event.body, Chat(2, "hello"))
            self.assertEqual((applied.event.author, applied.event.command), (2, number))
        (answer,) = table.of(2, CommandAccepted)
        self.assertEqual(answer, CommandAccepted(number, table.of(2, EventApplied)[0].event))
        self.assertEqual(table.of(1, CommandAccepted) + table.of(3, CommandAccepted), [])

    def test_refusal(self) -> None:
        """The host answers a command with a named refusal; nothing else comes of it."""
        table = Table(2)
        number = table.replicas[2].submit(ChangeSetting("map", "1"), table.now)
        table.run(1)
        (refused,) = table.of(2, CommandRefused)
        self.assertEqual((refused.number, refused.code), (number, RefusalCode.NOT_HOST))
        self.assertEqual(table.replicas[1].sequence, 0)

    def test_manyInOrder(self) -> None:
        """Commands of one author become events in the order of their submission."""
        table = Table(3)
        for count in range(20):
            table.replicas[3].submit(Say(str(count)), table.now)
        table.run(4)
        said = [one.event.body.text for one in table.of(1, EventApplied)]
        self.assertEqual(said, [str(count) for count in range(20)])
        self.assertEqual([one.number for one in table.of(3, CommandAccepted)], list(range(1, 21)))

    def test_acknowledgedByTwo(self) -> None:
        """An event is acknowledged once two participants hold it, not before."""
        table = Table(2)
        table.cut = [(1, 2)]
        table.replicas[1].submit(Say("lonely"), table.now)
        table.run(0.5)
        self.assertEqual(table.of(1, Acknowledged), [])
        self.assertEqual(table.of(1, CommandAccepted), [])
        table.heal()
        table.run(1)
        self.assertEqual(table.of(1, Acknowledged), [Acknowledged(1)])
        self.assertEqual(table.of(2, Acknowledged), [Acknowledged(1)])
        self.assertEqual([one.number for one in table.of(1, CommandAccepted)], [1])

    def test_acknowledgedByTheLast(self) -> None:
        """Where only one participant is left, it acknowledges alone."""
        table = Table(2)
        table.die(2)
        table.run(8)
        table.replicas[1].submit(Say("alone"), table.now)
        table.run(0.1)
        self.assertEqual(len(table.of(1, CommandAccepted)), 1)

    def test_resent(self) -> None:
        """Commands are sent again until they are answered, and become one event."""
        table = Table(2)
        lost = []

        def lose(sender: int, receiver: int, message: Row) -> bool:
            if isinstance(message, (CommandSent, Refused)) and len(lost) < 3:
                lost.append(message)
                return True
            return False

        table.lose = lose
        table.replicas[2].submit(Say("again"), table.now)
        table.replicas[2].submit(Say(""), table.now)
        table.run(4)
        self.assertEqual(len(lost), 3)
        self.assertEqual(len(table.of(2, CommandAccepted)), 1)
        self.assertEqual(len(table.of(2, CommandRefused)), 1)
        self.assertEqual(table.replicas[1].sequence, 1)

    def test_duplicate(self) -> None:
        """A command that arrives twice is one event; a refused one has one answer."""
        table = Table(2)
        for _ in range(3):
            table.give(2, 1, CommandSent(1, Say("once")))
            table.give(2, 1, CommandSent(2, Say("")))
        table.run(1)
        self.assertEqual(table.replicas[1].sequence, 1)
        self.assertEqual(len([one for one in table.sent if isinstance(one[2], Refused)]), 3)
        table.give(2, 1, CommandSent(1, Say("other")))
        table.run(1)
        self.assertEqual(table.replicas[1].sequence, 1)
        refused = [one[2].command_number for one in table.sent if isinstance(one[2], Refused)]
        self.assertEqual(refused, [2, 2, 2])

    def test_digestIsCompared(self) -> None:
        """Every participant's state has the same digest at the same number: that is checked."""
        table = Table(2)
        for _ in range(2):
            status = Status(table.replicas[2].epoch, 0, 0, b"elsewise", 1, 1)
            table.give(2, 1, status)
            table.told[1].extend(table.replicas[1].takeOutcomes())
        self.assertEqual(table.of(1, StateDiffers), [StateDiffers(0, 2)])


class GapTests(SynchronousTestCase):
    """K3: a gap is noticed, what is missing is asked for, and comes."""

    def test_gap(self) -> None:
        """Lost events are noticed by the next ones, asked for after C{gap_wait}, and applied."""
        table = Table(2)
        table.lose = lambda sender, receiver, message: (
            isinstance(message, Events) and message.events[0].sequence == 1
        )
        table.replicas[1].submit(Say("lost"), table.now)
        table.run(0.05)
        table.replicas[1].submit(Say("early"), table.now)
        table.run(0.1)
        self.assertEqual(table.of(2, EventApplied), [])
        self.assertEqual([one for one in table.sent if isinstance(one[2], EventsWanted)], [])
        table.lose = lambda sender, receiver, message: False
        table.run(0.3)
        wanted = [one[2] for one in table.sent if isinstance(one[2], EventsWanted)]
        self.assertEqual([(one.epoch, one.after) for one in wanted], [(table.opening.epoch, 0)])
        self.assertEqual(
            [one.event.body.text for one in table.of(2, EventApplied)], ["lost", "early"]
        )

    def test_fromAnother(self) -> None:
        """What the host does not give is asked of another participant that is ahead."""
        table = Table(3)
        table.lose = lambda sender, receiver, message: (
            isinstance(message, Events) and (sender, receiver) == (1, 3)
        )
        table.replicas[1].submit(Say("round about"), table.now)
        table.run(3)
        self.assertEqual(table.replicas[3].sequence, 1)
        asked = [one[1] for one in table.sent if isinstance(one[2], EventsWanted)]
        self.assertEqual(asked, [1, 2])

    def test_snapshot(self) -> None:
        """What the log no longer holds is replaced by a snapshot and the events after it."""
        table = Table(2, EventLogSettings(log_capacity=8, batch=4, queue=64))
        table.cut = [(1, 2)]
        for count in range(20):
            table.replicas[1].submit(Say(str(count)), table.now)
        table.run(0.2)
        table.heal()
        table.run(2)
        self.assertEqual(len(table.of(2, Synced)), 1)
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual(table.replicas[2].sequence, 20)

    def test_ownCommandInASnapshot(self) -> None:
        """A command whose event is known from a snapshot alone is accepted all the same."""
        table = Table(2, EventLogSettings(log_capacity=4, batch=4))
        table.replicas[2].submit(Say("mine"), table.now)
        table.lose = lambda sender, receiver, message: isinstance(message, Events)
        table.run(0.1)
        for count in range(8):
            table.replicas[1].submit(Say(str(count)), table.now)
        table.lose = lambda sender, receiver, message: False
        table.cut = [(1, 2)]
        table.run(0.2)
        table.heal()
        table.run(2)
        self.assertEqual(len(table.of(2, Synced)), 1)
        self.assertEqual(table.of(2, CommandAccepted), [CommandAccepted(1, None)])

    def test_earlyEventsAreBounded(self) -> None:
        """Events that come too early are kept up to C{early_capacity}, no more."""
        table = Table(2, EventLogSettings(early_capacity=3))
        table.cut = [(2, 1)]
        table.lose = lambda sender, receiver, message: (
            isinstance(message, Events) and message.events[0].sequence == 1
        )
        for count in range(20):
            table.replicas[1].submit(Say(str(count)), table.now)
            table.run(0.01, 0.01)
        early = table.replicas[2]._standing.history._early
        self.assertEqual(sorted(early), [2, 3, 4])

    def test_fullSync(self) -> None:
        """K3, K8: the whole state is told again on request."""
        table = Table(2)
        table.replicas[2].requestFullSync(table.now)
        table.replicas[1].requestFullSync(table.now)
        table.run(1)
        for player in (1, 2):
            self.assertEqual(table.of(player, Synced), [Synced(table.replicas[player].state)])


class NewcomerTests(SynchronousTestCase):
    """K2: who connects reads the session before it joins by a command of its own."""

    def test_unasked(self) -> None:
        """The host sends a newcomer a snapshot without being asked."""
        table = Table(2)
        table.lose = lambda sender, receiver, message: isinstance(message, SnapshotWanted)
        newcomer = table.arrive(3)
        self.assertEqual((newcomer.epoch, newcomer.state, newcomer.host), (NO_EPOCH, None, 0))
        self.assertRaises(LocalProtocolError, newcomer.submit, Join("c"), table.now)
        table.run(0.2)
        self.assertEqual(len(table.of(3, Synced)), 1)
        self.assertIsNone(newcomer.state.participant(3))
        number = newcomer.submit(Join("c"), table.now)
        table.run(1)
        self.assertEqual([one.number for one in table.of(3, CommandAccepted)], [number])
        self.assertEqual(table.of(1, EventApplied)[0].event.body, ParticipantJoined(3, "c"))

    def test_observer(self) -> None:
        """Who has not joined is refused by name what participants may do."""
        table = Table(2)
        newcomer = table.arrive(3)
        table.run(0.5)
        newcomer.submit(Say("let me"), table.now)
        table.run(0.5)
        self.assertEqual(table.of(3, CommandRefused)[0].code, RefusalCode.NOT_A_PARTICIPANT)

    def test_asksAnybody(self) -> None:
        """Where the host is gone, others give the snapshot."""
        table = Table(3)
        table.die(1)
        newcomer = table.arrive(4)
        table.run(1)
        self.assertIsNotNone(newcomer.state)

    def test_numbersOfANewProcess(self) -> None:
        """A new process numbers its commands far above those of the one before it."""
        table = Table(2)
        table.replicas[2].submit(Say("before"), table.now)
        table.run(0.5)
        table.die(2)
        newcomer = table.arrive(2)
        table.run(0.5)
        self.assertEqual(newcomer.submit(Say("after"), table.now), 1 << 16)
        table.run(0.5)
        self.assertEqual(table.replicas[1].state.lastCommand(2), 1 << 16)


class GraceTests(SynchronousTestCase):
    """K5: 30 s of grace keeps a lost participant's seat, number and state."""

    def test_kept(self) -> None:
        """Within the grace a participant comes back as itself."""
        table = Table(3)
        table.replicas[3].submit(Rename("cee"), table.now)
        table.run(1)
        table.die(3)
        table.run(25)
        self.assertTrue(table.replicas[1].state.participant(3).is_lost)
        table.arrive(3)
        table.run(2)
        back = table.replicas[3].state.participant(3)
        self.assertEqual((back.name, back.is_lost), ("cee", False))

    def test_over(self) -> None:
        """After 30 s it is over, and not before."""
        table = Table(3)
        table.die(3)
        table.run(31.5)
        bodies = [one.event.body for one in table.of(1, EventApplied)]
        self.assertIn(ParticipantLost(3), bodies)
        self.assertNotIn(ParticipantLeft(3, LeaveReason.GRACE_OVER), bodies)
        table.run(2)
        self.assertIsNone(table.replicas[2].state.participant(3))

    def test_twice(self) -> None:
        """A second loss has a grace of its own."""
        table = Table(2)
        table.split((1,), (2,))
        table.run(20)
        table.heal()
        table.run(5)
        self.assertEqual(len(table.heads()), 1)
        table.die(2)
        table.run(30)
        self.assertIsNotNone(table.replicas[1].state.participant(2))
        table.run(4)
        self.assertIsNone(table.replicas[1].state.participant(2))


class LimitTests(SynchronousTestCase):
    """K6: batch and queue sizes are settings; overflow is a named error, not silent loss."""

    def test_queue(self) -> None:
        """No more commands wait than C{queue}; the next one is refused by name."""
        table = Table(2, EventLogSettings(queue=3))
        table.cut = [(2, 1)]
        for _ in range(3):
            table.replicas[2].submit(Say("x"), table.now)
        self.assertRaises(SubmitQueueFull, table.replicas[2].submit, Say("y"), table.now)
        table.heal()
        table.run(1)
        table.replicas[2].submit(Say("y"), table.now)
        self.assertEqual(len(table.of(2, CommandAccepted)), 3)

    def test_outcomes(self) -> None:
        """Who does not take outcomes is told no more of them than C{outcomes_capacity}."""
        table = Table(2, EventLogSettings(outcomes_capacity=10))
        guest = table.replicas[2]
        for count in range(60):
            table.replicas[1].submit(Say(str(count)), table.now)
            for sender, receiver in ((1, 2), (2, 1)):
                for _, message, _ in table.replicas[sender].messagesDue(table.now):
                    table.give(sender, receiver, message)
            table.replicas[1].takeOutcomes()
            table.now += 0.05
        self.assertEqual(table.replicas[1].sequence, 60)
        self.assertLessEqual(len(guest.takeOutcomes()), 10 + table.settings.batch + 2)
        table.run(2)
        self.assertEqual(guest.sequence, 60)

    def test_outbox(self) -> None:
        """No more than L{PER_PEER} messages to one participant wait."""
        outbox = Outbox()
        message = SnapshotWanted(0)
        for _ in range(PER_PEER):
            self.assertTrue(outbox.send(2, message))
        self.assertFalse(outbox.send(2, message))
        self.assertTrue(outbox.send(3, message))
        self.assertEqual((len(outbox), outbox.overflowed), (PER_PEER + 1, 1))
        outbox.forget(2)
        self.assertEqual(len(outbox.take()), 1)
        self.assertTrue(outbox.send(2, message))

    def test_snapshotsAreNotSentTooOften(self) -> None:
        """Asking for a snapshot without end has few of them sent."""
        table = Table(2)
        for _ in range(1000):
            table.give(2, 1, SnapshotWanted(0))
        table.run(0.1)
        sent = [one for one in table.sent if isinstance(one[2], SnapshotSent)]
        self.assertEqual(len(sent), 1)

    def test_players(self) -> None:
        """There is no player 0, 65 or oneself at the end of a link, nor too high an incarnation."""
        table = Table(2)
        for player in (0, 1, 65):
            self.assertRaises(LocalProtocolError, table.replicas[1].connected, player, table.now)
        self.assertRaises(
            LocalProtocolError, Replica.opened, 0, table.opening, table.settings, 0.0
        )
        self.assertRaises(
            LocalProtocolError,
            Replica.newcomer, 2, SESSION_ID, table.settings, 0.0, INCARNATIONS,
        )  # fmt: skip

    def test_closedLink(self) -> None:
        """What comes from where no link leads is the driver's mistake."""
        table = Table(2)
        table.replicas[1].disconnected(2, table.now)
        self.assertRaises(
            LocalProtocolError, table.replicas[1].messageReceived, 2, b"", table.now
        )

    def test_leaveOfTheLast(self) -> None:
        """A host that leaves hands its role to the lowest of the others."""
        table = Table(3)
        table.replicas[1].submit(Leave(), table.now)
        table.run(1)
        self.assertEqual(table.hosts(), [2])
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual(len(table.of(1, CommandAccepted)), 1)
