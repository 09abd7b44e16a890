"""
A participant that lies: it is who it says to be, and what it says is not so.

It is a true member of the session all the while, so that nothing it claims can be the
honest mistake of somebody who was cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage, RemoteProtocolError
from gamenet.event_log.errors import NotTheHost, StaleEpoch
from gamenet.event_log.outbox import PER_PEER
from gamenet.event_log.outcomes import CommandAccepted, CommandRefused, StateDiffers
from gamenet.event_log.replica import Replica
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.snapshot import Snapshot
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import Row, packRow
from gamenet.wire.log_commands import (
    ChangeSetting,
    Command,
    Delegate,
    EndActivity,
    Kick,
    Rename,
    Say,
    StartActivity,
)
from gamenet.wire.log_election import Branch, Chain, Claim, Yield
from gamenet.wire.log_events import (
    Body,
    Chat,
    Custom,
    EpochStarted,
    Event,
    HostDelegated,
    ParticipantLeft,
    Renamed,
)
from gamenet.wire.log_messages import (
    BATCH_LIMIT,
    CommandSent,
    Events,
    EventsWanted,
    Refused,
    SnapshotSent,
    SnapshotWanted,
    Status,
    encodeLogMessage,
)
from gamenet.wire.log_values import Epoch, EpochRecord, LeaveReason, RefusalCode
from tests.event_log_pair import SESSION_ID, Table
from tests.match_attacks import MEGABYTE, residentBytes

HOST, GUEST, LIAR, OTHER = 1, 2, 3, 4
BILLION = 10**9


def known(replica: Replica) -> list[object]:
    """Return what a replica knows, and whom it follows; not whom it hears."""
    standing = replica._standing
    history = standing.history
    return [
        history.state,
        history.chain,
        history.acknowledged,
        (history.log.base, history.log.last),
        dict(history._early),
        standing.promised,
        standing.yielded_to,
        standing.highest,
        replica.is_host,
        replica._election.is_claiming,
        replica.unanswered,
    ]


class LiarCase(SynchronousTestCase):
    """A session of four in which player 3 says what it likes, beside the truth."""

    def setUp(self) -> None:
        self.table = Table(4)
        self.table.replicas[HOST].submit(Say("welcome"), self.table.now)
        self.table.replicas[GUEST].submit(StartActivity("chess", b""), self.table.now)
        self.table.run(1.0)
        self.honest = (HOST, GUEST, OTHER)
        self.state = self.table.replicas[HOST].state
        assert self.state is not None

    @property
    def chain(self) -> Chain:
        """What all hold."""
        return self.table.replicas[HOST]._standing.chain

    def event(self, body: Body, author: int = 0, command: int = 0, ahead: int = 1) -> Event:
        """Return an event that would be next, or later, in the host's epoch."""
        state = self.state
        assert state is not None
        sequence = state.sequence + ahead
        return Event(SESSION_ID, sequence, state.epoch, state.time_ms, author, command, body)

    def refused(
        self, message: Row | bytes, error: type[Exception] = RemoteProtocolError, liar: int = LIAR
    ) -> None:
        """Check that nobody takes a message, by name, and that nothing changes."""
        data = message if isinstance(message, bytes) else encodeLogMessage(message)
        for player in self.honest:
            replica = self.table.replicas[player]
            before, rejected = known(replica), replica.statistics.rejected
            with self.assertRaises(error):
                replica.messageReceived(liar, data, self.table.now)
            self.assertEqual(known(replica), before)
            self.assertEqual(replica.statistics.rejected, rejected + 1)

    def flood(self, make: Callable[[int], Row | bytes], count: int, to: int = HOST) -> None:
        """Send a flood to one player in two halves, which changes nothing and keeps nothing."""
        replica = self.table.replicas[to]
        before = known(replica)
        resident = []
        for half in range(2):
            for number in range(half * count // 2, (half + 1) * count // 2):
                self.table.give(LIAR, to, make(number))
                if not number % 100:
                    replica.messagesDue(self.table.now)
            self.table.refusals.clear()
            resident.append(residentBytes())
        self.assertLessEqual(resident[1] - resident[0], MEGABYTE, resident)
        self.assertEqual(known(replica), before)
        counts = replica.statistics
        self.assertGreaterEqual(counts.rejected + counts.ignored, count - PER_PEER - 2)

    def assertGoesOn(self, host: int = HOST) -> None:
        """Check that all still agree, on a host, and that a command still becomes an event."""
        self.table.run(1.0)
        for player in self.honest:
            told = self.table.told[player] = []
            number = self.table.replicas[player].submit(Say("and now?"), self.table.now)
            self.table.run(2.0)
            answers = [one for one in told if isinstance(one, CommandAccepted | CommandRefused)]
            self.assertEqual([type(one) for one in answers], [CommandAccepted])
            self.assertEqual(answers[0].number, number)
        self.assertEqual(len(self.table.heads()), 1)
        self.assertEqual(self.table.hosts(), [host])
        self.assertEqual(self.table.of(HOST, StateDiffers), [])


class FalseHostTests(LiarCase):
    """Bad input: a guest that claims to be host; an old host's epoch."""

    def test_orders(self) -> None:
        """Events that a guest orders, in the host's epoch or in one of its own."""
        said = self.event(Chat(HOST, "I said so"), HOST, 77)
        for event in (
            said,
            self.event(ParticipantLeft(GUEST, LeaveReason.KICKED), HOST, 77),
            self.event(HostDelegated(LIAR), HOST, 77),
            self.event(Custom(LIAR, "x", b""), LIAR, 1),
        ):
            self.refused(Events((event,), event.epoch), NotTheHost)
        for number in (2, 3, 1 << 40):
            epoch = Epoch(number, LIAR)
            began = attrs.evolve(said, epoch=epoch, author=0, command=0)
            began = attrs.evolve(began, body=EpochStarted((1, 2, 3, 4)))
            self.refused(Events((began,), said.epoch), RemoteProtocolError)
        self.assertGoesOn()

    def test_claims(self) -> None:
        """Claims, branches and yields of a guest, in its own name and in others'."""
        chain = self.chain
        for number in (1, 2, 3, 1 << 40, (1 << 48) - 1):
            for host in (LIAR, GUEST, HOST, 64):
                if number > chain.epoch.number:
                    self.refused(Claim(Epoch(number, host), chain))
        for player in (HOST, GUEST, LIAR, 64):
            self.refused(Yield(player), NotTheHost)
        self.assertGoesOn()

    def test_lyingMembers(self) -> None:
        """Branches of a half that never was, with more members than there are players."""
        for members in ((LIAR,), (2, 3, 4), (1, 2, 3, 4), tuple(range(1, 65)), (3, 60, 61, 62)):
            record = EpochRecord(Epoch(2, LIAR), self.chain.sequence + 1, members)
            for records in ((*self.chain.records, record), (record,)):
                lie = Chain(records, self.chain.sequence + 5)
                before = known(self.table.replicas[HOST])
                with self.assertRaises(NotTheHost):
                    self.table.replicas[HOST].messageReceived(
                        LIAR, encodeLogMessage(Branch(lie)), self.table.now
                    )
                self.assertEqual(known(self.table.replicas[HOST]), before)
                self.refused(Claim(Epoch(3, LIAR), lie), NotTheHost)
        self.assertGoesOn()

    def test_answers(self) -> None:
        """Refusals and snapshots that only a host may send: no command is lost by them."""
        number = self.table.replicas[GUEST].submit(Say("mine"), self.table.now)
        self.refused(Refused(number, RefusalCode.BUSY, "no"), NotTheHost)
        state = self.state
        assert state is not None
        lie = state.applied(self.event(Renamed(GUEST, "nobody"), GUEST, 9))
        for player in self.honest:
            replica = self.table.replicas[player]
            before, ignored = known(replica), replica.statistics.ignored
            sent = SnapshotSent(Snapshot(lie).encoded())
            replica.messageReceived(LIAR, encodeLogMessage(sent), self.table.now)
            self.assertEqual(known(replica), before)
            self.assertEqual(replica.statistics.ignored, ignored + 1)
        self.assertGoesOn()

    def lie(self, status: Status) -> Callable[[int, int, Row], bool]:
        """Return what puts a status in the place of all that the liar sends to player 2."""

        def lose(sender: int, receiver: int, message: Row) -> bool:
            if sender == LIAR and receiver == GUEST and isinstance(message, Status):
                self.table.give(LIAR, GUEST, status)
                return True
            return False

        return lose

    def test_forgedGap(self) -> None:
        """
        A guest that says to hold more than the host does, and answers with events, or a
        snapshot, that the host never ordered: while the host is heard it is not asked.
        """
        state = self.state
        assert state is not None
        forged = self.event(Chat(HOST, "never said"), HOST, 77)
        after = state.applied(forged)
        status = self.table.replicas[LIAR]._standing.statusAt(self.table.now)
        self.table.lose = self.lie(
            attrs.evolve(status, sequence=after.sequence, digest=after.digest()[:8])
        )
        for _ in range(60):
            self.table.run(0.05)
            self.table.give(LIAR, GUEST, Events((forged,), state.epoch))
            self.table.give(LIAR, GUEST, SnapshotSent(Snapshot(after).encoded()))
        self.assertEqual(self.table.replicas[GUEST].state, state)
        self.table.lose = lambda sender, receiver, message: False
        self.assertGoesOn()

    def test_askedOnce(self) -> None:
        """Who was asked once, because the host was not heard, is not believed for ever."""
        table = self.table
        table.cut = [(HOST, GUEST)]
        table.replicas[HOST].submit(Say("missed"), table.now)
        table.run(2.6)
        table.cut = []
        table.run(2.0)
        self.assertEqual(len(table.heads()), 1)
        self.state = table.replicas[HOST].state
        assert self.state is not None
        forged = self.event(Chat(HOST, "never said"), HOST, 77)
        for liar in (LIAR, OTHER):
            table.give(liar, GUEST, Events((forged,), self.state.epoch))
        self.assertEqual(table.replicas[GUEST].state, self.state)
        self.assertGoesOn(table.hosts()[0])

    def test_oldHost(self) -> None:
        """What the host of an epoch that is over orders, refuses, claims and shows."""
        table = self.table
        old = table.die(HOST)
        table.run(8.0)
        self.honest = (GUEST, OTHER)
        self.assertEqual(table.hosts(), [GUEST])
        state = old.state
        assert state is not None
        number = table.replicas[OTHER].submit(Say("after"), table.now)
        event = self.event(Chat(HOST, "late"), HOST, 77)
        chain = old._standing.chain
        for message in (
            Events((event,), state.epoch),
            Events((attrs.evolve(event, sequence=event.sequence + 1),), state.epoch),
            Refused(number, RefusalCode.BUSY, ""),
            Claim(Epoch(state.epoch.number + 1, HOST), chain),
            Yield(LIAR),
        ):
            for player in self.honest:
                before = known(table.replicas[player])
                table.give(HOST, player, message)
                self.assertEqual(known(table.replicas[player]), before)
        kinds = {type(refusal) for refusal in table.refusals}
        self.assertEqual(kinds, {StaleEpoch, NotTheHost})
        table.run(3.0)
        self.assertEqual(len(table.of(OTHER, CommandAccepted)), 1)
        self.assertEqual(len(table.heads()), 1)


class CommandTests(LiarCase):
    """Bad input: a command for a player not its own."""

    def answer(self, command: Command) -> Any:
        """Have the liar ask for something, and return the answer."""
        told = self.table.told[LIAR] = []
        self.table.replicas[LIAR].submit(command, self.table.now)
        self.table.run(2.0)
        answers = [one for one in told if isinstance(one, CommandAccepted | CommandRefused)]
        self.assertEqual(len(answers), 1)
        return answers[0]

    def test_others(self) -> None:
        """What is another's, or the host's, is refused by name; a name is one's own."""
        before = known(self.table.replicas[HOST])
        for command, code in (
            (Kick(GUEST), RefusalCode.NOT_HOST),
            (Delegate(LIAR), RefusalCode.NOT_HOST),
            (ChangeSetting("map", "mine"), RefusalCode.NOT_HOST),
            (EndActivity(1, b""), RefusalCode.NOT_YOURS),
        ):
            answer = self.answer(command)
            self.assertEqual((type(answer), answer.code), (CommandRefused, code))
        self.assertEqual(known(self.table.replicas[HOST]), before)
        event = self.answer(Rename("liar")).event
        self.assertEqual((event.author, event.body), (LIAR, Renamed(LIAR, "liar")))

    def test_numbers(self) -> None:
        """Another's numbers are no numbers of ours: its commands are answered all the same."""
        for number in (1, 2, 1 << 16, 1 << 31):
            self.table.give(LIAR, HOST, CommandSent(number, Say("first")))
        self.assertGoesOn()

    def test_strangers(self) -> None:
        """Who only looks on, and has not joined, may do nothing but join."""
        self.table.replicas[HOST].connected(9, self.table.now)
        before = known(self.table.replicas[HOST])
        for command in (Say("hey"), Rename("x"), Kick(1), Delegate(9), StartActivity("a", b"")):
            self.table.give(9, HOST, CommandSent(1, command))
            self.assertEqual(known(self.table.replicas[HOST]), before)
        self.assertGoesOn()


class SizeTests(LiarCase):
    """Bad input: a log request for a range of a billion; snapshots that lie about their size."""

    def test_billion(self) -> None:
        """A count of a billion is no request; one after a billion gets one snapshot in a while."""
        epoch = packRow(self.chain.epoch)
        for after, count in ((0, BILLION), (BILLION, BILLION), (0, 1 << 63), (0, 0), (0, -1)):
            data = canonical_cbor.encode([EventsWanted.number, epoch, after, count])
            self.refused(data, MalformedMessage)
        self.assertGoesOn()

    def test_requests(self) -> None:
        """20 000 requests for all there is: what is sent and what waits is bounded."""
        host = self.table.replicas[HOST]
        sizes = []
        resident = []
        for half in range(2):
            for number in range(10_000):
                wanted = (
                    EventsWanted(self.chain.epoch, 0, BATCH_LIMIT),
                    EventsWanted(Epoch(9, LIAR), number, BATCH_LIMIT),
                    EventsWanted(self.chain.epoch, BILLION, 1),
                    SnapshotWanted(number),
                )[number % 4]
                self.table.give(LIAR, HOST, wanted)
                if not number % 1000:
                    sent = host.messagesDue(self.table.now)
                    sizes.append(sum(len(data) for player, data, _ in sent if player == LIAR))
                    self.assertLessEqual(len([1 for one in sent if one[0] == LIAR]), PER_PEER)
            resident.append(residentBytes())
            self.table.now += 0.1 * half
        self.assertLessEqual(resident[1] - resident[0], MEGABYTE, resident)
        self.assertLessEqual(max(sizes), PER_PEER * EventLogSettings().batch_bytes)
        self.assertGoesOn()

    def test_snapshots(self) -> None:
        """Lengths that are not there, states that no events lead to, and too much of it."""
        state = self.state
        assert state is not None
        whole = Snapshot(state).encoded()
        arrays = [b"\x9a\x3b\x9a\xca\x00", b"\x9b" + (1 << 62).to_bytes(8, "big"), b"\x9f"]
        strings = [b"\x5a\x3b\x9a\xca\x00", b"\x5b" + (1 << 62).to_bytes(8, "big")]
        lies = [whole[:length] for length in range(1, len(whole), 7)]
        lies += [whole + b"\0", *arrays, *strings, whole[:1] + b"\x9a\x3b\x9a\xca\x00"]
        lies += [b"\x81" * 64_000]
        newcomer = Replica.newcomer(9, SESSION_ID, self.table.settings, self.table.now)
        newcomer.connected(LIAR, self.table.now)
        newcomer.connected(HOST, self.table.now)
        for lie in lies:
            rejected = newcomer.statistics.rejected
            with self.assertRaises(MalformedMessage):
                newcomer.messageReceived(
                    LIAR, encodeLogMessage(SnapshotSent(lie)), self.table.now
                )
            self.assertEqual(newcomer.statistics.rejected, rejected + 1)
            self.assertIsNone(newcomer.state)
        head = canonical_cbor.encode([SnapshotSent.number, b"x"])[:-2]
        for size in strings:
            self.refused(head + size + b"x" * 100, MalformedMessage)
        sent = encodeLogMessage(SnapshotSent(whole))
        newcomer.messageReceived(HOST, sent, self.table.now)
        self.assertEqual(newcomer.state, state)
