"""Full states between peers: L{gamenet.rollback.state_exchange}."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.feed.transfer import DatagramTransfer, TransferFailed, TransferFailure
from gamenet.feed.transfer_settings import TransferSettings
from gamenet.rollback.events import Desynchronized
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_dump import DUMP_LIMIT, StateDump, encodeStateDump
from gamenet.rollback.state_events import StatesDumped, StateTooLarge
from gamenet.rollback.state_exchange import ASK_INTERVAL, ASK_LIMIT
from gamenet.wire.state_packets import StateWanted, decodeStateWanted, encodeStateWanted
from gamenet.wire.transfer_packets import TransferPurpose
from tests.rollback_pipe import packet, play

STATE, DUMP, SNAPSHOT = TransferPurpose.STATE, TransferPurpose.DUMP, TransferPurpose.SNAPSHOT


class Desk:
    """
    A session that is told what the tests want, and the transfers of another peer.

    @ivar now: The time, in seconds.
    @ivar asked: What the session asked that peer for, and when.
    """

    def __init__(self, peer: int = 1, **changes: Any) -> None:
        chosen: dict[str, Any] = {"input_delay": 0, "checksum_interval": 10, "lost_after": None}
        self.other = 3 - peer
        self.session = RollbackSession(RollbackSettings(local_player=peer, **chosen | changes))
        self.transfer = DatagramTransfer()
        self.now = 0.0
        self.asked: list[tuple[float, StateWanted]] = []
        self.came: list[tuple[TransferPurpose, int, bytes]] = []

    def playTo(self, frame: int) -> None:
        """Confirm frames; the checksum of each is its number."""
        session = self.session
        while session.current_frame < frame:
            start = session.current_frame
            body = packet(start, [b""], start, start + 1)
            session.packetReceived(self.other, body, self.now)
            play(session, b"", self.now)
            self.now += 1 / 60
            session.packetsDue(self.now)

    def differ(self, frame: int) -> None:
        """Let the other say that its state after a frame is another one."""
        count = self.session.current_frame
        body = packet(count, [], count, count, frame, 0xBAD)
        self.session.packetReceived(self.other, body, self.now)

    def run(self, seconds: float, dumps: bool = True) -> None:
        """Let packets pass between the session and the transfers of the other peer."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.05
            for frame in tuple(self.session.dumpsWanted()) if dumps else ():
                self.session.dumpTaken(frame, StateDump(frame, frame, b"mine", None))
            for peer, body in self.session.packetsDue(self.now):
                assert peer == self.other
                if body[0] == 0x28:
                    self.asked.append((self.now, decodeStateWanted(body)))
                elif 0x40 <= body[0] < 0x50:
                    received = self.transfer.packetReceived(3 - self.other, body, self.now)
                    if received is not None:
                        self.came.append((received.purpose, received.frame, received.content))
            for _, body in self.transfer.packetsDue(self.now):
                self.session.packetReceived(self.other, body, self.now)

    def send(self, purpose: TransferPurpose, frame: int, content: bytes) -> None:
        """Let the other peer begin to send a state."""
        self.transfer.send(3 - self.other, purpose, frame, content, self.now)


class AskingTests(SynchronousTestCase):
    """What is asked for, and how often."""

    def test_asks(self) -> None:
        """After a difference the dump is asked for, 12 times at the most, and once only."""
        desk = Desk()
        desk.playTo(30)
        desk.differ(9)
        desk.run(6.0)
        self.assertEqual([wanted for _, wanted in desk.asked], [StateWanted(DUMP, 9)] * ASK_LIMIT)
        times = [now for now, _ in desk.asked]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        self.assertGreaterEqual(min(gaps), ASK_INTERVAL - 1e-6)
        desk.asked.clear()
        desk.differ(19)
        desk.run(2.0)
        self.assertEqual(desk.asked, [])

    def test_noDumps(self) -> None:
        """With C{dump_states} off nothing is asked for, and nothing given."""
        desk = Desk(dump_states=False)
        desk.playTo(30)
        desk.differ(9)
        desk.session.packetReceived(2, encodeStateWanted(StateWanted(DUMP, 9)), desk.now)
        desk.run(2.0)
        self.assertEqual((desk.asked, desk.came), ([], []))

    def test_theAuthority(self) -> None:
        """The wrong side asks the member with the lowest number; that one asks nobody."""
        settings = {"state_exchange_interval": 20, "dump_states": False}
        for peer, asked in ((1, []), (2, [StateWanted(STATE, 19)])):
            desk = Desk(peer, **settings)
            desk.playTo(30)
            desk.differ(9)
            desk.differ(19)
            desk.run(0.2)
            self.assertEqual([wanted for _, wanted in desk.asked], asked)

    def test_newestOnly(self) -> None:
        """Of several states of one peer that differ only the newest is asked for."""
        desk = Desk(2, state_exchange_interval=10, dump_states=False)
        desk.playTo(60)
        for frame in (9, 19, 29, 39):
            desk.differ(frame)
        desk.run(0.2)
        self.assertEqual([wanted for _, wanted in desk.asked], [StateWanted(STATE, 39)])

    def test_slowTransfer(self) -> None:
        """While a state is on its way, for longer than we would ask, nothing is asked for."""
        desk = Desk(2, state_exchange_interval=10, dump_states=False)
        desk.playTo(60)
        desk.differ(39)
        desk.run(0.1)
        self.assertEqual(len(desk.asked), 1)
        desk.send(STATE, 39, bytes(2_500_000))
        desk.run(0.5)
        desk.differ(49)
        desk.run(5.5)
        self.assertEqual(len(desk.asked), 1)
        self.assertEqual(desk.session.statistics.packets_refused, 0)
        (restored, *_) = play(desk.session, None)
        self.assertEqual((restored.frame, len(restored.snapshot)), (40, 2_500_000))

    def test_tooLate(self) -> None:
        """A state that was asked for and is wanted no more is not held against its sender."""
        desk = Desk(2, state_exchange_interval=10, dump_states=False)
        desk.playTo(60)
        desk.differ(39)
        desk.run(0.1)
        desk.differ(49)
        desk.run(0.2)
        desk.send(STATE, 39, b"old")
        desk.run(1.0)
        self.assertEqual(desk.session.statistics.packets_refused, 0)
        self.assertEqual(play(desk.session, None), ())


class GivingTests(SynchronousTestCase):
    """What is given, and to whom."""

    def test_gives(self) -> None:
        """A final frame's state comes as a snapshot, or as a dump."""
        for purpose, content in (
            (STATE, b"mine"),
            (DUMP, encodeStateDump(StateDump(9, 9, b"mine", None))),
        ):
            desk = Desk(state_exchange_interval=10)
            desk.playTo(30)
            body = encodeStateWanted(StateWanted(purpose, 9))
            desk.session.packetReceived(2, body, desk.now)
            self.assertEqual(list(desk.session.dumpsWanted()), [9])
            desk.run(1.0)
            self.assertEqual(desk.came, [(purpose, 9, content)])
            self.assertEqual(list(desk.session.dumpsWanted()), [])

    def test_notFinal(self) -> None:
        """Bad input: a frame that is not final."""
        desk = Desk()
        desk.playTo(30)
        body = encodeStateWanted(StateWanted(STATE, 30))
        error = self.assertRaises(
            RemoteProtocolError, desk.session.packetReceived, 2, body, desk.now
        )
        self.assertIn("frame 30, which is not final", str(error))
        self.assertEqual(desk.session.statistics.packets_refused, 1)
        for body in (b"\x28", b"\x28\1\0\0\0\0\0", b"\x28\7\0\0\0\0"):
            self.assertRaises(RemoteProtocolError, desk.session.packetReceived, 2, body, 0.0)

    def test_flood(self) -> None:
        """Bad input: of a thousand requests the newest is answered, and one at a time."""
        desk = Desk(state_exchange_interval=10)
        desk.playTo(30)
        for count in range(1000):
            wanted = StateWanted((STATE, DUMP)[count % 2], count % 30)
            desk.session.packetReceived(2, encodeStateWanted(wanted), desk.now)
        self.assertEqual(len(desk.session.dumpsWanted()), 1)
        desk.run(0.05)
        for _ in range(1000):
            desk.session.packetReceived(2, encodeStateWanted(StateWanted(STATE, 3)), desk.now)
        self.assertEqual(list(desk.session.dumpsWanted()), [])
        desk.run(1.0)
        self.assertEqual(len(desk.came), 1)

    def test_rate(self) -> None:
        """
        Bad input: who asks all the time and refuses each offer gets one state a second; and
        no snapshot where none is ever exchanged.
        """
        for interval, served in ((10, 4), (0, 0)):
            desk = Desk(state_exchange_interval=interval)
            desk.transfer.expect(())
            desk.playTo(30)
            states = []
            for _ in range(80):
                body = encodeStateWanted(StateWanted(STATE, 9))
                desk.session.packetReceived(2, body, desk.now)
                states += list(desk.session.dumpsWanted())
                desk.run(0.04)
            self.assertEqual(len(states), served)
            self.assertEqual(desk.came, [])

    def test_notKept(self) -> None:
        """A state that is not kept is not given, and not wanted again."""
        desk = Desk(state_exchange_interval=10)
        desk.playTo(30)
        desk.session.packetReceived(2, encodeStateWanted(StateWanted(STATE, 9)), desk.now)
        desk.session.dumpTaken(9, None)
        desk.run(1.0)
        self.assertEqual((desk.came, list(desk.session.dumpsWanted())), ([], []))


class TakingTests(SynchronousTestCase):
    """What comes."""

    def test_unsolicited(self) -> None:
        """Bad input: states and dumps that nobody asked for are refused at once, untaken."""
        for purpose in (STATE, DUMP):
            desk = Desk(2, state_exchange_interval=10)
            desk.playTo(30)
            desk.send(purpose, 9, b"take this")
            desk.run(1.0)
            given_up = TransferFailed(2, purpose, TransferFailure.GIVEN_UP, True)
            self.assertEqual(desk.transfer.drainFailures(), (given_up,))
            self.assertEqual(play(desk.session, None), ())

    def test_newerThanAsked(self) -> None:
        """Bad input: another frame than the one that was asked for."""
        desk = Desk(2, state_exchange_interval=10, dump_states=False)
        desk.playTo(60)
        desk.differ(39)
        desk.run(0.1)
        desk.send(STATE, 49, b"take this")
        self.assertRaises(RemoteProtocolError, desk.run, 1.0)
        self.assertEqual(play(desk.session, None), ())

    def test_snapshot(self) -> None:
        """A snapshot for who has no seat is nothing for who has one."""
        desk = Desk()
        desk.playTo(30)
        desk.send(SNAPSHOT, 9, b"take this")
        desk.run(1.0)
        self.assertEqual(play(desk.session, None), ())
        self.assertEqual(desk.session.current_frame, 30)

    def test_badDump(self) -> None:
        """Bad input: a dump that is none, or of another frame."""
        for content in (b"", b"no dump", encodeStateDump(StateDump(8, 1, b"x", None))):
            desk = Desk()
            desk.playTo(30)
            desk.differ(9)
            desk.run(0.1)
            desk.send(DUMP, 9, content)
            self.assertRaises(RemoteProtocolError, desk.run, 1.0)
            self.assertEqual(
                [event for event in desk.session.drainEvents() if isinstance(event, StatesDumped)],
                [],
            )

    def test_badDumpThenTheRight(self) -> None:
        """Bad input: a dump that is none changes nothing: the right one is still taken."""
        desk = Desk()
        desk.playTo(30)
        desk.differ(9)
        desk.run(0.1)
        desk.send(DUMP, 9, b"no dump")
        self.assertRaises(RemoteProtocolError, desk.run, 1.0)
        desk.send(DUMP, 9, encodeStateDump(StateDump(9, 0xBAD, b"mint", None)))
        desk.run(1.0)
        events = desk.session.drainEvents()
        self.assertEqual(len([one for one in events if isinstance(one, StatesDumped)]), 1)

    def test_tooLargeDump(self) -> None:
        """
        A limit: a state that is larger than any dump is told of and not sent, though the
        transfer would carry it; as a snapshot it is.
        """
        transfer = DatagramTransfer(TransferSettings(size_limit=64 << 20))
        for purpose, sent in ((DUMP, False), (STATE, True)):
            desk = Desk(state_exchange_interval=10)
            desk.session = RollbackSession(desk.session.settings, transfer=transfer)
            desk.playTo(30)
            body = encodeStateWanted(StateWanted(purpose, 9))
            desk.session.packetReceived(2, body, desk.now)
            content = bytes(DUMP_LIMIT)
            desk.session.dumpTaken(9, StateDump(9, 9, content, None))
            told = [one for one in desk.session.drainEvents() if isinstance(one, StateTooLarge)]
            self.assertEqual([one.limit for one in told], [] if sent else [DUMP_LIMIT])
            self.assertEqual(transfer.progress(2) is not None, sent)

    def test_dumpPair(self) -> None:
        """Both states are told of together, once; neither is kept then."""
        desk = Desk()
        desk.playTo(30)
        desk.differ(9)
        desk.run(0.1)
        desk.send(DUMP, 9, encodeStateDump(StateDump(9, 0xBAD, b"mint", None)))
        desk.run(1.0)
        events = desk.session.drainEvents()
        (told,) = [event for event in events if isinstance(event, StatesDumped)]
        self.assertEqual((told.pair.frame, told.pair.player), (9, 2))
        self.assertEqual((told.pair.local.snapshot, told.pair.remote.snapshot), (b"mine", b"mint"))
        self.assertEqual(len([one for one in events if isinstance(one, Desynchronized)]), 1)
        states = desk.session._play.controls.states
        self.assertEqual(states._theirs, {})
        self.assertEqual([one.snapshot for one in states._own.values()], [b""])

    def test_ownNotKept(self) -> None:
        """Where our own state is not kept any more there is no pair."""
        desk = Desk()
        desk.playTo(30)
        desk.differ(9)
        desk.run(0.1, dumps=False)
        desk.session.dumpTaken(9, None)
        desk.send(DUMP, 9, encodeStateDump(StateDump(9, 0xBAD, b"mint", None)))
        desk.run(1.0)
        events = desk.session.drainEvents()
        self.assertEqual([event for event in events if isinstance(event, StatesDumped)], [])
