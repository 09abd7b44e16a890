"""
Floods of a lying participant: no memory, no change, each one refused or counted.
"""

from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gamenet.errors import RemoteProtocolError
from gamenet.event_log.replica import Replica
from gamenet.event_log.snapshot import Snapshot
from gamenet.seeded_random import SeededRandom
from gamenet.wire.lobby_fields import Row
from gamenet.wire.log_commands import Say
from gamenet.wire.log_election import Branch, Chain, Claim, Promise, Yield
from gamenet.wire.log_events import Chat, EpochStarted
from gamenet.wire.log_messages import (
    CommandSent,
    Events,
    Refused,
    SnapshotSent,
    encodeLogMessage,
)
from gamenet.wire.log_values import NO_EPOCH, Epoch, EpochRecord, RefusalCode
from tests.event_log_pair import SESSION_ID
from tests.test_event_log_attacks import GUEST, HOST, LIAR, OTHER, LiarCase, known

COUNT = 4000


class FloodTests(LiarCase):
    """Resident memory after the second half at most 1 MB above that after the first."""

    def setUp(self) -> None:
        super().setUp()
        self.random = SeededRandom.fromLabel(1, "floods")

    def number(self, highest: int) -> int:
        """Return a number from 1 to C{highest}."""
        return 1 + int.from_bytes(self.random.drawBytes(8), "big") % highest

    def chainOf(self, number: int) -> Chain:
        """Return a chain with members that lie."""
        mask = self.number((1 << 64) - 1)
        members = [player for player in range(1, 65) if mask >> (player - 1) & 1]
        members = sorted({LIAR, *members})
        record = EpochRecord(
            Epoch(2 + number, LIAR), self.chain.sequence + 1, tuple(members)
        )
        return Chain((*self.chain.records, record), self.chain.sequence + self.number(9))

    def test_masks(self) -> None:
        """Statuses with random masks and digests: nothing is known from them but a mask."""
        status = self.table.replicas[LIAR]._standing.statusAt(self.table.now)

        def make(number: int) -> Row:
            return attrs.evolve(
                status,
                heard=self.number((1 << 64) - 1),
                first_unanswered=self.number(1 << 40),
            )

        for player in (HOST, GUEST):
            replica = self.table.replicas[player]
            before = known(replica)
            for number in range(COUNT):
                self.table.give(LIAR, player, make(number))
                if not number % 100:
                    replica.messagesDue(self.table.now)
            self.assertEqual(known(replica), before)
        self.assertGoesOn()

    def test_epochs(self) -> None:
        """
        Statuses of epochs that are not: the host stays the host, nothing is lost, and there
        is at most one new epoch of its own for each time that a host has to answer.
        """
        table = self.table
        status = table.replicas[LIAR]._standing.statusAt(table.now)
        before = table.replicas[HOST].statistics.epochs_begun
        began = table.now
        for number in range(COUNT):
            highest = table.replicas[HOST].epoch.number
            far = self.number(1 << (24, 29, 47)[number % 5 % 3])
            promised = Epoch(highest + far, self.number(64))
            epoch = (status.epoch, table.replicas[HOST].epoch, promised)[number % 3]
            lie = attrs.evolve(status, epoch=epoch, promised=(promised, NO_EPOCH)[number % 2])
            for player in self.honest:
                table.give(LIAR, player, lie)
            if not number % 50:
                table.run(0.05)
        counts = table.replicas[HOST].statistics
        most = 2 + (table.now - began) / table.settings.host_timeout
        self.assertLessEqual(counts.epochs_begun - before, most)
        self.assertGreater(counts.rejected, 0)
        self.assertGoesOn()

    def test_claims(self) -> None:
        """Claims with lying members."""
        self.flood(lambda n: Claim(Epoch(3 + n, LIAR), self.chainOf(n)), COUNT)
        self.flood(lambda n: Claim(Epoch(3 + n, LIAR), self.chain), COUNT, GUEST)
        self.assertGoesOn()

    def test_branches(self) -> None:
        """Branches with lying members."""
        self.flood(lambda n: Branch(self.chainOf(n)), COUNT)
        self.assertGoesOn()

    def test_others(self) -> None:
        """Promises, yields, refusals and snapshots that nobody asked for."""

        def make(number: int) -> Row:
            kinds = (
                Promise(Epoch(3 + number, OTHER), self.chainOf(number)),
                Yield(self.number(64)),
                Refused(self.number(1 << 40), RefusalCode.BUSY, "no" * 100),
                SnapshotSent(self.random.drawBytes(1000)),
            )
            return kinds[number % 4]

        self.flood(make, COUNT)
        self.flood(make, COUNT, GUEST)
        self.assertGoesOn()

    def test_newcomers(self) -> None:
        """
        Somebody new, whom the liar gives a snapshot before the host does: of an epoch of its
        own, of the host's with more in it, or of the same event with other content.
        """
        state = self.state
        assert state is not None
        before = attrs.evolve(state, participants=state.participants[:1])
        began = self.event(EpochStarted((1, 2, 3, 4)))
        lies = (
            state.applied(attrs.evolve(began, epoch=Epoch(2, LIAR))),
            state.applied(self.event(Chat(HOST, "never said"), HOST, 77)),
            before,
        )
        for number, lie in enumerate(lies):
            self.setUp()
            table = self.table
            new = Replica.newcomer(9, SESSION_ID, table.settings, table.now)
            for player in (HOST, GUEST, LIAR, OTHER):
                new.connected(player, table.now)
            new.messageReceived(
                LIAR, encodeLogMessage(SnapshotSent(Snapshot(lie).encoded())), table.now
            )
            self.assertEqual(new.state, lie)
            table.replicas[9] = new
            for player in (HOST, GUEST, LIAR, OTHER):
                table.replicas[player].connected(9, table.now)
            table.replicas[HOST].submit(Say("the next"), table.now)
            table.run(4.0)
            table.told[HOST].clear()
            self.assertGoesOn()
            self.assertEqual(new.state, table.replicas[HOST].state, number)

    def test_early(self) -> None:
        """Events that the host sends long before their time: as many as there is room for."""
        guest = self.table.replicas[GUEST]
        for _ in range(2000):
            event = self.event(Chat(HOST, "x" * 400), HOST, 77, 2 + self.number(1 << 30))
            self.table.give(HOST, GUEST, Events((event,), event.epoch))
        early = guest._standing.history._early
        self.assertLessEqual(len(early), self.table.settings.early_capacity)
        self.assertGoesOn()

    def test_commands(self) -> None:
        """Commands that are refused: one answer is kept for each player."""

        def make(number: int) -> Row:
            return CommandSent(1000 + number, Say("" if number % 2 else "x" * 2000))

        host = self.table.replicas[HOST]
        before = known(host)
        for number in range(COUNT):
            self.table.give(LIAR, HOST, make(number))
            if not number % 60:
                host.messagesDue(self.table.now)
        self.assertEqual(known(host), before)
        self.assertEqual(len(host._hosting._refusals), 1)
        self.table.replicas[LIAR]._standing.history.commands.next_number = 1 << 20
        self.assertGoesOn()

    @examples(deadline=None, max_examples=200)
    @given(st.binary(max_size=300), st.integers(0, 7), st.integers(0, 400))
    def test_bytes(self, junk: bytes, kind: int, place: int) -> None:
        """Any bytes, and true messages with some bytes replaced: refused by name, or true."""
        table = self.table
        data = self.samples()[kind]
        data = data[:place] + junk + data[place + len(junk) :]
        for player in (HOST, GUEST):
            replica = table.replicas[player]
            before, rejected = known(replica), replica.statistics.rejected
            try:
                replica.messageReceived(LIAR, data, table.now)
            except RemoteProtocolError:
                self.assertEqual(known(replica), before)
                self.assertEqual(replica.statistics.rejected, rejected + 1)

    def samples(self) -> list[bytes]:
        """Return a true message of each kind."""
        event = self.event(Chat(LIAR, "x"), LIAR, 5)
        messages: tuple[Row, ...] = (
            self.table.replicas[LIAR]._standing.statusAt(self.table.now),
            CommandSent(5, Say("x")),
            Events((event,), event.epoch),
            Refused(5, RefusalCode.BUSY, "x"),
            Claim(Epoch(3, LIAR), self.chain),
            Promise(Epoch(3, LIAR), self.chain),
            Branch(self.chain),
            Yield(LIAR),
        )
        return [encodeLogMessage(message) for message in messages]
