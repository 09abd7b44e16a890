"""
Bad input to a replica: refused by name, counted, and nothing has changed.
"""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage, RemoteProtocolError
from gamenet.event_log.branches import chainOf
from gamenet.event_log.errors import NotTheHost, StaleEpoch
from gamenet.event_log.outcomes import EventApplied
from gamenet.event_log.shared_state import SharedState
from gamenet.event_log.snapshot import Snapshot
from gamenet.event_log.standing import EPOCH_STRIDE
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import Row
from gamenet.wire.log_commands import Say
from gamenet.wire.log_election import Branch, Chain, Claim, Promise, Yield
from gamenet.wire.log_events import Chat, EpochStarted, Event
from gamenet.wire.log_messages import (
    NO_DIGEST,
    CommandSent,
    Events,
    EventsWanted,
    Refused,
    SnapshotSent,
    SnapshotWanted,
    Status,
    encodeLogMessage,
)
from gamenet.wire.log_values import Epoch, EpochRecord, RefusalCode
from tests.event_log_pair import SESSION_ID, Table, fullState


class HostileCase(SynchronousTestCase):
    """A session of three, one of whom lies."""

    def setUp(self) -> None:
        """Let something have been said, so that there is something to lose."""
        self.table = Table(3)
        self.table.replicas[2].submit(Say("one"), self.table.now)
        self.table.replicas[3].submit(Say("two"), self.table.now)
        self.table.run(2)
        self.state = self.table.replicas[1].state

    def refuse(
        self, sender: int, receiver: int, message: Row | bytes, error: type[Exception] = NotTheHost
    ) -> None:
        """Assert that a message is refused by name, counted, and changes nothing."""
        replica = self.table.replicas[receiver]
        data = message if isinstance(message, bytes) else encodeLogMessage(message)
        before, count = fullState(replica), replica.statistics.rejected
        raised = self.assertRaises(
            RemoteProtocolError, replica.messageReceived, sender, data, self.table.now
        )
        self.assertIsInstance(raised, error)
        self.assertEqual(fullState(replica), before)
        self.assertEqual(replica.statistics.rejected, count + 1)

    def event(self, sequence: int, epoch: Epoch, author: int = 3, command: int = 9) -> Event:
        """Return an event that nobody ordered."""
        return Event(SESSION_ID, sequence, epoch, 10**6, author, command, Chat(author, "lie"))

    def forged(self, host: int, number: int = 2, *members: int) -> Chain:
        """Return a chain in which somebody is the host."""
        record = EpochRecord(Epoch(number, host), 2, members or (2, 3))
        return Chain((*self.state.epochs, record), 50)


class FalseHostTests(HostileCase):
    """Bad input: a guest that claims to be host."""

    def test_claims(self) -> None:
        """Nobody promises a guest anything while the host is heard."""
        chain = chainOf(self.state)
        for receiver in (1, 2):
            self.refuse(3, receiver, Claim(Epoch(2, 3), chain))
            self.refuse(3, receiver, Claim(Epoch(99, 3), self.forged(3, 5, 2, 3)))
            self.refuse(3, receiver, Claim(Epoch(2, 2), chain))

    def test_events(self) -> None:
        """Events of somebody who was not asked and is not the host are not taken."""
        epoch = self.state.epoch
        for receiver in (1, 2):
            self.refuse(3, receiver, Events((self.event(3, epoch),), epoch))
            self.refuse(3, receiver, Events((self.event(9, epoch),), epoch))
            self.refuse(3, receiver, Events((self.event(3, Epoch(2, 3)),), epoch))

    def test_lyingStatus(self) -> None:
        """A status with the epoch that it would begin lets nobody follow it."""
        lie = Status(Epoch(7, 3), 50, 50, b"\x01" * 8, 7, 1)
        self.table.give(3, 2, lie)
        self.refuse(3, 2, Events((self.event(3, Epoch(7, 3)),), self.state.epoch))
        self.table.give(3, 1, lie)
        self.refuse(3, 1, Branch(self.forged(3, 7)))
        self.refuse(3, 1, Claim(Epoch(8, 3), self.forged(3, 7)))

    def test_branch(self) -> None:
        """Who never left our reach has no branch of its own."""
        self.refuse(3, 1, Branch(self.forged(3)))
        self.refuse(3, 1, Branch(self.forged(2)))

    def test_yield(self) -> None:
        """Nobody yields but the host."""
        self.refuse(3, 2, Yield(3))
        self.refuse(3, 1, Yield(3))

    def test_refusals(self) -> None:
        """Nobody refuses but the host."""
        self.table.cut = [(2, 1)]
        number = self.table.replicas[2].submit(Say("wait"), self.table.now)
        self.refuse(3, 2, Refused(number, RefusalCode.FULL, ""))
        self.refuse(2, 1, Refused(number, RefusalCode.FULL, ""))

    def test_snapshots(self) -> None:
        """A snapshot that nobody asked for changes nothing, whatever it says."""
        forged = attrs.evolve(
            self.state,
            epoch=Epoch(5, 3),
            sequence=50,
            epochs=self.forged(3, 5).records,
        )
        data = Snapshot(forged).encoded()
        for receiver in (1, 2):
            replica = self.table.replicas[receiver]
            before = replica.state
            self.table.give(3, receiver, SnapshotSent(data))
            self.assertIs(replica.state, before)
        self.refuse(1, 2, SnapshotSent(data), NotTheHost)

    def test_guestIsNoHostForCommands(self) -> None:
        """A guest orders nothing; the command is sent again to whoever is the host."""
        self.table.give(3, 2, CommandSent(9, Say("you?")))
        self.assertEqual(self.table.replicas[2].sequence, 2)


class OldHostTests(HostileCase):
    """Bad input: an old host's epoch."""

    def setUp(self) -> None:
        """Let player 1 have been replaced, and be heard again."""
        super().setUp()
        self.table.split((1,), (2, 3))
        self.table.run(9)
        self.assertEqual(self.table.replicas[3].host, 2)

    def test_events(self) -> None:
        """What it orders in its epoch is refused by those who follow another one."""
        old = self.table.replicas[1].state.epoch
        for receiver in (2, 3):
            error = NotTheHost if receiver == 2 else StaleEpoch
            self.refuse(1, receiver, Events((self.event(3, Epoch(1, 1)),), Epoch(1, 1)), error)
        self.assertLess(old, self.table.replicas[2].epoch)

    def test_claim(self) -> None:
        """Its claims of what is over are refused."""
        self.refuse(1, 3, Claim(Epoch(2, 1), chainOf(self.state)), StaleEpoch)
        self.refuse(1, 2, Claim(Epoch(2, 1), chainOf(self.state)), StaleEpoch)

    def test_promised(self) -> None:
        """Who has promised to follow another takes nothing more of the old one."""
        table = Table(3)
        table.split((1,), (2, 3))
        while not any(isinstance(one[2], Promise) for one in table.sent):
            table.run(0.05)
        self.table, self.state = table, table.opening
        self.assertEqual(table.replicas[3].epoch, Epoch(1, 1))
        events = Events((self.event(1, Epoch(1, 1)),), Epoch(1, 1))
        self.refuse(1, 3, events, StaleEpoch)


class LyingTests(HostileCase):
    """Bad input: ranges of a billion, lying chains and sizes, other sessions."""

    def test_rangeOfABillion(self) -> None:
        """A request for a billion events is no message."""
        data = canonical_cbor.encode([5, [1, 1], 0, 10**9])
        self.refuse(3, 1, data, MalformedMessage)

    def test_impossibleRequests(self) -> None:
        """Who asks for what will be is given nothing, or the state as it is."""
        for epoch, after in ((Epoch(1, 1), 10**9), (Epoch(9, 9), 1), (Epoch(2, 3), 10**9)):
            self.table.give(3, 1, EventsWanted(epoch, after, 256))
        self.table.sent.clear()
        self.table.run(0.1)
        sent = [one[2] for one in self.table.sent if not isinstance(one[2], Status)]
        self.assertLessEqual(len(sent), 1)

    def test_epochsFarAbove(self) -> None:
        """An epoch that uses up the numbers is refused."""
        far = Epoch(EPOCH_STRIDE + 2, 3)
        self.refuse(3, 1, Status(far, 1, 0, NO_DIGEST, 1, 1), RemoteProtocolError)
        self.refuse(3, 1, Status(Epoch(1, 1), 1, 0, NO_DIGEST, 1, 1, far), RemoteProtocolError)
        self.refuse(3, 2, Claim(far, chainOf(self.state)), RemoteProtocolError)

    def test_chains(self) -> None:
        """Chains that cannot be are no messages."""
        chain = chainOf(self.state)
        for records, sequence in (
            ([[[1, 1], 0, [1, 2, 3]]], -1),
            ([[[2, 2], 5, [2]], [[1, 1], 9, [1]]], 20),
            ([[[2, 2], 5, [2]], [[3, 1], 5, [1]]], 20),
            ([[[2, 2], 5, [2]]], 4),
            ([], 4),
        ):
            data = canonical_cbor.encode([18, [records, sequence]])
            self.refuse(3, 1, data, MalformedMessage)
        self.assertEqual(chain.sequence, 2)

    def test_lyingPromise(self) -> None:
        """Who promises and lies about what it holds delays an election, no more."""
        table = Table(4)
        table.die(1)
        while not any(isinstance(one[2], Claim) for one in table.sent):
            table.run(0.05)
        (claim,) = [one[2] for one in table.sent if isinstance(one[2], Claim) and one[1] == 4]
        lie = Chain(table.opening.epochs, 10**9)
        table.give(4, 2, Promise(claim.epoch, lie))
        table.run(12)
        self.assertEqual(table.hosts(), [2])
        self.assertEqual(len(table.heads()), 1)

    def test_anotherSession(self) -> None:
        """Events and snapshots of another session are refused, also from the host."""
        event = attrs.evolve(self.event(3, Epoch(1, 1)), session_id=bytes(16))
        self.refuse(1, 2, Events((event,), Epoch(1, 1)), RemoteProtocolError)
        other = SharedState.opened(bytes(16), "other", {1: "a", 2: "b"}, 4)
        self.refuse(1, 2, SnapshotSent(Snapshot(other).encoded()), RemoteProtocolError)
        newcomer = self.table.arrive(4)
        self.table.now += 0.01
        self.refuse(1, 4, SnapshotSent(Snapshot(other).encoded()), RemoteProtocolError)
        self.assertIsNone(newcomer.state)

    def test_impossibleEvents(self) -> None:
        """Of a batch of the host's with one impossible event none is applied."""
        good = self.event(3, Epoch(1, 1))
        bad = attrs.evolve(self.event(4, Epoch(1, 1)), author=3, command=9)
        self.refuse(1, 2, Events((good, bad), Epoch(1, 1)), RemoteProtocolError)

    def test_anotherBranch(self) -> None:
        """Events that continue another branch than ours are not appended to ours."""
        body = EpochStarted((1, 2, 3))
        event = Event(SESSION_ID, 3, Epoch(9, 1), 10**6, 0, 0, body)
        self.table.give(1, 2, Events((event,), Epoch(7, 1)))
        self.assertEqual(self.table.replicas[2].sequence, 2)
        self.table.give(1, 2, Events((event,), Epoch(1, 1)))
        self.assertEqual(self.table.replicas[2].sequence, 3)


class AuthorTests(HostileCase):
    """Bad input: a command for a player not its own."""

    def test_author(self) -> None:
        """A command is its sender's, as the link has proven, whatever its number."""
        self.table.give(3, 1, CommandSent(500, Say("as me")))
        self.table.run(0.5)
        event = self.table.of(2, EventApplied)[-1].event
        self.assertEqual((event.author, event.body), (3, Chat(3, "as me")))


class BytesTests(HostileCase):
    """Bad input: bytes flipped, truncated, or any at all."""

    def samples(self) -> list[bytes]:
        """Return one message of each kind."""
        chain = chainOf(self.state)
        return [
            encodeLogMessage(message)
            for message in (
                Status(Epoch(1, 1), 2, 0, self.state.digest()[:8], 7, 2),
                CommandSent(9, Say("x")),
                Events((self.event(3, Epoch(1, 1)),), Epoch(1, 1)),
                Refused(1, RefusalCode.FULL, "no"),
                EventsWanted(Epoch(1, 1), 0, 4),
                SnapshotWanted(0),
                SnapshotSent(Snapshot(self.state).encoded()),
                Claim(Epoch(2, 3), chain),
                Promise(Epoch(2, 3), chain),
                Branch(chain),
                Yield(3),
            )
        ]

    def test_truncated(self) -> None:
        """Every truncation of every message is refused, and changes nothing."""
        replica = self.table.replicas[2]
        before = fullState(replica)
        for data in self.samples():
            for length in range(len(data)):
                self.assertRaises(
                    MalformedMessage, replica.messageReceived, 1, data[:length], self.table.now
                )
        self.assertEqual(fullState(replica), before)

    @settings(deadline=None, max_examples=60)
    @given(st.binary(max_size=200), st.integers(0, 10), st.integers(0, 10**6), st.integers(0, 7))
    def test_anyBytes(self, data: bytes, kind: int, place: int, bit: int) -> None:
        """Any bytes, and any message with a bit flipped, are taken or refused by name."""
        table = Table(2, steps=2)
        sample = bytearray(self.samples()[kind])
        sample[place % len(sample)] ^= 1 << bit
        for message in (data, bytes(sample)):
            for receiver in (1, 2):
                table.give(3 - receiver, receiver, message)
        table.run(0.5)

    def test_floods(self) -> None:
        """A flood of any message leaves no more behind than a few of them."""
        table = self.table
        sizes = []
        for _ in range(2):
            for number in range(300):
                for data in self.samples():
                    table.give(3, 2, data)
                    table.give(3, 1, data)
                lie = Status(Epoch(2 + number, 3), number, 0, b"\x02" * 8, 0, 1)
                table.give(3, 1, lie)
                table.give(3, 1, CommandSent(100 + number, Say("")))
            table.run(1)
            sizes.append(len(repr([fullState(one) for one in table.replicas.values()])))
        self.assertLess(sizes[1], sizes[0] * 1.2)
