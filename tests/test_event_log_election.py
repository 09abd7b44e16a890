"""
Tests for L{gamenet.event_log.election}: hosts come and go, halves become one.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.event_log.branches import chainOf, holds
from gamenet.event_log.outcomes import (
    CommandAccepted,
    EventApplied,
    EventDropped,
    HostChanged,
    Synced,
)
from gamenet.wire.lobby_fields import Row
from gamenet.wire.log_commands import Delegate, Say
from gamenet.wire.log_election import Branch, Claim, Promise, Yield
from gamenet.wire.log_events import EpochStarted, Event
from gamenet.wire.log_messages import Events
from gamenet.wire.log_values import Epoch
from tests.event_log_pair import Table


def texts(table: Table, player: int) -> list[str]:
    """Return what was said, as far as a player was told event by event."""
    bodies = [one.event.body for one in table.of(player, EventApplied)]
    return [body.text for body in bodies if hasattr(body, "text")]


class SilentHostTests(SynchronousTestCase):
    """K4: when the host disappears, a new one is chosen without being asked."""

    def test_lowestSucceeds(self) -> None:
        """The lowest number among those in reach is the next host, for all of them."""
        table = Table(4)
        table.die(1)
        table.run(7)
        self.assertEqual(table.hosts(), [2])
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual({one.epoch for one in table.replicas.values()}, {Epoch(3, 2)})
        self.assertEqual(table.replicas[2].statistics.elections, 1)
        record = table.replicas[3].state.epochs[1]
        self.assertEqual((record.epoch, record.members), (Epoch(2, 2), (2, 3, 4)))

    def test_notTooEarly(self) -> None:
        """A silence that is shorter than silence and host timeout elects nobody."""
        table = Table(3)
        table.split((1,), (2, 3))
        table.run(3.5)
        table.heal()
        table.run(5)
        self.assertEqual(table.hosts(), [1])
        self.assertEqual(table.replicas[2].statistics.elections, 0)

    def test_nextSucceeds(self) -> None:
        """Where the successor dies as well, the next one follows."""
        table = Table(4)
        table.die(1)
        table.die(2)
        table.run(9)
        self.assertEqual(table.hosts(), [3])
        self.assertEqual(len(table.heads()), 1)

    def test_claimerDies(self) -> None:
        """The successor dies in the middle of its claim: another one succeeds."""
        table = Table(4)
        table.die(1)
        while not any(isinstance(one[2], Promise) for one in table.sent):
            table.run(0.05)
        table.die(2)
        table.run(14)
        self.assertEqual(table.hosts(), [3])
        self.assertEqual(len(table.heads()), 1)

    def test_claimerDiesHavingBegun(self) -> None:
        """The successor dies when one other has its first event: that event stays."""
        table = Table(4)
        table.die(1)
        table.lose = lambda sender, receiver, message: (
            isinstance(message, Events) and receiver != 3
        )
        while table.replicas[3].epoch.host != 2:
            table.run(0.05)
        table.die(2)
        table.lose = lambda sender, receiver, message: False
        table.run(14)
        self.assertEqual(table.hosts(), [3])
        self.assertEqual(len(table.heads()), 1)
        self.assertTrue(holds(chainOf(table.replicas[4].state), Epoch(2, 2), 1))

    def test_eventOfADeadHostStays(self) -> None:
        """An event that one guest got before the host died is in all logs in the end."""
        table = Table(4)
        table.lose = lambda sender, receiver, message: (
            isinstance(message, Events) and (sender != 1 or receiver != 4)
        )
        number = table.replicas[1].submit(Say("last words"), table.now)
        table.run(0.05)
        table.die(1)
        self.assertEqual(number, 1)
        table.run(2)
        self.assertEqual([one.sequence for one in table.replicas.values()], [0, 0, 1])
        table.lose = lambda sender, receiver, message: False
        table.run(8)
        self.assertEqual(len(table.heads()), 1)
        self.assertIn("last words", texts(table, 2))

    def test_commandsAcross(self) -> None:
        """A command that the dead host never answered is answered once, by the next."""
        table = Table(3)
        table.die(1)
        table.replicas[3].submit(Say("anybody?"), table.now)
        table.run(8)
        self.assertEqual(len(table.of(3, CommandAccepted)), 1)
        self.assertEqual(texts(table, 2), ["anybody?"])

    def test_oldHostFollows(self) -> None:
        """A host that returns as a new process follows, whoever it was."""
        table = Table(3)
        table.die(1)
        table.run(8)
        table.arrive(1)
        table.run(2)
        self.assertEqual(table.hosts(), [2])
        self.assertEqual(len(table.heads()), 1)

    def test_quickReturnOfTheHost(self) -> None:
        """A host that returns as a new process before it is missed begins a new epoch."""
        table = Table(3)
        table.replicas[2].submit(Say("before"), table.now)
        table.run(0.5)
        table.die(1)
        table.arrive(1, 77)
        table.run(2)
        self.assertEqual(table.hosts(), [1])
        self.assertEqual({one.epoch for one in table.replicas.values()}, {Epoch(1 + 1 + 77, 1)})
        self.assertEqual(len(table.heads()), 1)

    def test_oneWay(self) -> None:
        """A host that is heard but hears nobody is replaced, and follows afterwards."""
        table = Table(4)
        table.cut = [(2, 1), (3, 1), (4, 1)]
        table.run(10)
        self.assertEqual([one for one in table.hosts() if one != 1], [2])
        table.heal()
        table.run(6)
        self.assertEqual(table.hosts(), [2])
        self.assertEqual(len(table.heads()), 1)

    def test_throughAnother(self) -> None:
        """A host that is heard by somebody in reach is not replaced."""
        table = Table(3)
        table.cut = [(1, 3), (3, 1)]
        table.replicas[1].submit(Say("round about"), table.now)
        table.run(15)
        self.assertEqual(table.hosts(), [1])
        self.assertEqual(texts(table, 3), ["round about"])
        self.assertEqual(table.replicas[1].epoch, Epoch(1, 1))


class DelegationTests(SynchronousTestCase):
    """K4: the host hands its role over and is a guest then."""

    def test_delegation(self) -> None:
        """All follow the delegate; the old host is a guest, which may not set anything."""
        table = Table(3)
        table.replicas[1].submit(Delegate(3), table.now)
        table.run(1)
        self.assertEqual(table.hosts(), [3])
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual(table.replicas[3].statistics.delegations, 1)
        self.assertEqual([one.epoch for one in table.of(2, HostChanged)], [Epoch(2, 3)])
        table.replicas[1].submit(Say("as a guest"), table.now)
        table.run(1)
        self.assertEqual(texts(table, 3), ["as a guest"])

    def test_silentDelegate(self) -> None:
        """A delegate that dies is replaced."""
        table = Table(3)
        table.replicas[1].submit(Delegate(3), table.now)
        table.die(3)
        table.run(8)
        self.assertEqual(table.hosts(), [1])
        self.assertEqual(len(table.heads()), 1)

    def test_hostDiesDelegating(self) -> None:
        """The host dies when only another guest knows of the delegation: it holds."""
        table = Table(4)
        table.lose = lambda sender, receiver, message: (
            isinstance(message, Events) and receiver != 4
        )
        table.replicas[1].submit(Delegate(3), table.now)
        table.run(0.05)
        table.die(1)
        table.lose = lambda sender, receiver, message: False
        table.run(3)
        self.assertEqual(table.hosts(), [3])
        table.run(4)
        self.assertEqual(len(table.heads()), 1)


class StuckTests(SynchronousTestCase):
    """Nobody waits for ever for a host that is there and does not begin."""

    def test_promisedBeforeTheDelegation(self) -> None:
        """
        The delegate has promised its host another epoch, so it can not be told of the
        delegation; the host has handed its role over: both wait for the other, not for long.
        """
        table = Table(3)
        table.lose = lambda sender, receiver, message: (
            isinstance(message, Promise) or (isinstance(message, Events) and receiver != 3)
        )
        table.die(3)
        while not any(isinstance(one[2], Claim) for one in table.sent):
            table.run(0.05)
        table.run(0.1)
        # The claim of the host fails for ever: it is made to forget it.
        table.replicas[1]._election._abandon()
        table.replicas[1]._standing.promised = table.replicas[1].epoch
        table.replicas[1].submit(Delegate(2), table.now)
        table.run(1)
        self.assertEqual(table.hosts(), [])
        table.lose = lambda sender, receiver, message: False
        table.run(25)
        self.assertEqual(len(table.hosts()), 1)
        self.assertEqual(len(table.heads()), 1)

    def test_claimedInVain(self) -> None:
        """
        Who has claimed an epoch above all others, and gave up, comes back to those whose
        host does not know of it.
        """
        table = Table(5)
        table.split((1, 2, 3), (4, 5))
        table.run(10)
        table.split((1, 2, 3, 4), (5,))
        table.run(8)
        standing = table.replicas[5]._standing
        standing.promise(Epoch(standing.highest + 7, 5), table.now)
        table.heal()
        table.run(20)
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual(len(table.hosts()), 1)


class SplitTests(SynchronousTestCase):
    """Both halves of a partition go on; on healing one stands."""

    def split(self, *groups: tuple[int, ...]) -> Table:
        """Return a session after 10 s in parts, each of which said something."""
        table = Table(sum(map(len, groups)))
        table.split(*groups)
        table.run(10)
        for group in groups:
            table.replicas[group[-1]].submit(Say(f"in {group}"), table.now)
        table.run(2)
        return table

    def told(self, table: Table, player: int) -> list[Event]:
        """Return what a player was told to be dropped."""
        return [one.event for one in table.of(player, EventDropped)]

    def test_bothGoOn(self) -> None:
        """Each half has a host and answers; their epochs are never the same."""
        table = self.split((1, 2), (3, 4, 5))
        self.assertEqual(table.hosts(), [1, 3])
        self.assertEqual(len(table.of(2, CommandAccepted)), 1)
        self.assertEqual(len(table.of(5, CommandAccepted)), 1)
        epochs = {one.epoch for one in table.replicas.values()}
        self.assertEqual(len(epochs), 2)
        records = [table.replicas[player].state.epochs[1].members for player in (1, 3)]
        self.assertEqual(records, [(1, 2), (3, 4, 5)])

    def test_moreStand(self) -> None:
        """The half that had more participants stands; the others' events come back once."""
        table = self.split((1, 2), (3, 4, 5))
        table.heal()
        table.run(8)
        self.assertEqual(table.hosts(), [3])
        self.assertEqual(len(table.heads()), 1)
        (dropped,) = self.told(table, 2)
        self.assertEqual(dropped.body.text, "in (1, 2)")
        self.assertEqual([self.told(table, one) for one in (1, 3, 4, 5)], [[], [], [], []])
        self.assertEqual(len(table.of(2, CommandAccepted)), 1)
        self.assertFalse(any(one.is_lost for one in table.replicas[1].state.participants))

    def test_lowestStands(self) -> None:
        """Of two equal halves the one with the lowest player number stands."""
        table = self.split((1, 4), (2, 3))
        table.heal()
        table.run(8)
        self.assertEqual(table.hosts(), [1])
        self.assertEqual([len(self.told(table, one)) for one in (1, 2, 3, 4)], [0, 0, 1, 0])

    def test_epochsAfterwards(self) -> None:
        """The winner begins an epoch above those of both halves."""
        table = self.split((1, 2), (3, 4, 5))
        before = max(one.epoch for one in table.replicas.values())
        table.heal()
        table.run(8)
        self.assertGreater(table.replicas[1].epoch.number, before.number)

    def test_threeParts(self) -> None:
        """Three parts that meet at once become one, and what is dropped is told."""
        table = self.split((1, 2), (3, 4, 5), (6, 7))
        table.heal()
        table.run(12)
        self.assertEqual(table.hosts(), [3])
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual([len(self.told(table, one)) for one in (2, 5, 7)], [1, 0, 1])

    def test_threePartsOneAfterTheOther(self) -> None:
        """Two of three parts meet first, then the third."""
        table = self.split((1, 2), (3, 4, 5), (6, 7))
        table.split((1, 2, 6, 7), (3, 4, 5))
        table.run(8)
        self.assertEqual(len(table.hosts()), 2)
        table.heal()
        table.run(12)
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual(len(table.hosts()), 1)

    def test_nested(self) -> None:
        """A half that splits again, and heals from the inside out."""
        table = self.split((1, 2, 3, 4), (5, 6))
        table.split((1, 2), (3, 4), (5, 6))
        table.run(10)
        self.assertEqual(len(table.hosts()), 3)
        table.split((1, 2, 3, 4), (5, 6))
        table.run(8)
        self.assertEqual(len(table.hosts()), 2)
        table.heal()
        table.run(10)
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual(table.hosts(), [1])

    def test_hostDiesMerging(self) -> None:
        """The host of the half that stands dies while the halves become one."""
        table = self.split((1, 2), (3, 4, 5))
        table.heal()
        while not any(isinstance(one[2], (Branch, Yield)) for one in table.sent):
            table.run(0.05)
        table.die(3)
        table.run(20)
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual(len(table.hosts()), 1)

    def test_loserDiesMerging(self) -> None:
        """The host of the other half dies: its guest still comes over and is told."""
        table = self.split((1, 2), (3, 4, 5))
        table.heal()
        table.lose = lambda sender, receiver, message: isinstance(message, Yield)
        while not any(isinstance(one[2], Claim) and one[0] == 3 for one in table.sent[-200:]):
            table.run(0.05)
        table.die(1)
        table.run(20)
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual(len(self.told(table, 2)), 1)

    def test_loneSurvivorOfTheLargerHalf(self) -> None:
        """All but a guest of the half that stands are dead: its log stands all the same."""
        table = self.split((1, 2), (3, 4, 5))
        table.die(3)
        table.die(4)
        table.heal()
        table.run(12)
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual(len(self.told(table, 2)), 1)
        self.assertEqual(self.told(table, 5), [])

    def test_nothingOfItsOwn(self) -> None:
        """A host that lost everybody and did nothing follows; nothing is dropped."""
        table = Table(3)
        table.split((1,), (2, 3))
        table.run(10)
        table.heal()
        table.run(8)
        self.assertEqual(table.hosts(), [2])
        self.assertEqual([self.told(table, one) for one in (1, 2, 3)], [[], [], []])

    def test_yieldIsRepeated(self) -> None:
        """Lost messages of a merger are sent again."""
        table = self.split((1, 2), (3, 4, 5))
        lost: list[Row] = []

        def lose(sender: int, receiver: int, message: Row) -> bool:
            kind = isinstance(message, (Branch, Yield, Claim, Promise))
            if kind and sum(type(one) is type(message) for one in lost) < 2:
                lost.append(message)
                return True
            return False

        table.lose = lose
        table.heal()
        table.run(12)
        self.assertEqual(len({type(one) for one in lost}), 4)
        self.assertEqual(len(table.heads()), 1)
        self.assertEqual(table.hosts(), [3])

    def test_syncedOnce(self) -> None:
        """Who comes over takes one snapshot, not one after the other."""
        table = self.split((1, 2), (3, 4, 5))
        table.heal()
        table.run(8)
        self.assertEqual([len(table.of(one, Synced)) for one in (1, 2, 3)], [1, 1, 0])

    def test_oneWriterForEachEpoch(self) -> None:
        """Of all epochs that anybody saw begin, each has one beginning."""
        table = self.split((1, 2), (3, 4, 5), (6, 7))
        table.heal()
        table.run(12)
        begun = {
            (one.event.epoch, one.event.sequence, one.event.body.members)
            for player in table.replicas
            for one in table.of(player, EventApplied)
            if isinstance(one.event.body, EpochStarted)
        }
        self.assertEqual(len({epoch for epoch, _, _ in begun}), len(begun))
