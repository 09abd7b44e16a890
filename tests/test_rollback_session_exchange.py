"""
Tests of L{gamenet.rollback.session}: what it exchanges with the caller and the
other player: events, the end, packets.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.session import INPUT_LIMIT
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.steps import Advance, Load, Save
from gamenet.wire.input_frames import BODY_LIMIT
from tests.rollback_pipe import packet, play, read, session, tell


class EventTests(SynchronousTestCase):
    """Frames that became final."""

    def test_confirmedInOrder(self) -> None:
        """Each frame is told once, in order, with all inputs and its checksum."""
        one = session()
        for text in (b"a", b"b", b"c"):
            play(one, text)
        tell(one, b"x", b"y")
        self.assertEqual(one.drainEvents(), ())
        one.advance(None, 0.0)
        self.assertEqual(one.checksumsWanted(), range(2))
        one.checksumTaken(0, 111)
        one.checksumTaken(1, 222)
        self.assertEqual(
            one.drainEvents(),
            (
                FrameConfirmed(0, (b"a", b"x"), 111),
                FrameConfirmed(1, (b"b", b"y"), 222),
            ),
        )
        self.assertEqual(one.drainEvents(), ())
        self.assertEqual(list(one.checksumsWanted()), [])

    def test_checksumsOutOfTurn(self) -> None:
        """A checksum of another frame than the next is our mistake."""
        one = session()
        self.assertRaises(LocalProtocolError, one.checksumTaken, 0, 1)
        play(one, b"a")
        tell(one, b"x", b"x")
        self.assertRaises(LocalProtocolError, one.checksumTaken, 0, 1)
        one.advance(b"b", 0.0)
        for frame in (-1, 1, 2):
            self.assertRaises(LocalProtocolError, one.checksumTaken, frame, 1)
        one.checksumTaken(0, 1)
        self.assertRaises(LocalProtocolError, one.checksumTaken, 0, 1)
        one.checksumTaken(1, 1)
        self.assertRaises(LocalProtocolError, one.checksumTaken, 2, 1)

    def test_stepsNotApplied(self) -> None:
        """Who does not apply the steps cannot go on: the checksums would be lost."""
        one = session()
        tell(one, b"x")
        one.advance(b"a", 0.0)
        self.assertRaises(LocalProtocolError, one.advance, b"b", 0.0)
        one.checksumTaken(0, 1)
        play(one, b"b")

    def test_eventsLimit(self) -> None:
        """Who does not drain the events cannot go on: they are bounded."""
        one = session(events_limit=3)
        tell(one, *[b"x"] * 10)
        for _ in range(3):
            play(one, b"a")
        self.assertRaises(LocalProtocolError, one.advance, b"a", 0.0)
        self.assertEqual(len(one.drainEvents()), 3)
        play(one, b"a")
        self.assertEqual(one.current_frame, 4)


class EndTests(SynchronousTestCase):
    """The last frame of a match."""

    def test_lastFrame(self) -> None:
        """Nothing is asked for or played beyond the last frame; then it waits for the other."""
        one = session(last_frame=2)
        for frame in range(3):
            self.assertEqual(one.inputFrame(), frame)
            play(one, b"a")
        self.assertIsNone(one.inputFrame())
        self.assertIs(one.state, SessionState.CONFIRMING)
        self.assertRaises(LocalProtocolError, one.advance, b"a", 0.0)
        self.assertEqual(play(one, None), ())
        self.assertEqual(one.statistics.stalls, 0)
        tell(one, b"", b"x", b"y")
        self.assertFalse(one.finished)
        self.assertEqual(play(one, None)[0], Load(1))
        self.assertTrue(one.finished)
        self.assertIs(one.state, SessionState.FINISHED)
        self.assertEqual(one.confirmed_frame, 2)
        self.assertEqual(play(one, None), ())

    def test_finishedNeedsTheChecksum(self) -> None:
        """The last frame counts only when its checksum was taken."""
        one = session(last_frame=0)
        tell(one, b"x")
        one.advance(b"a", 0.0)
        self.assertFalse(one.finished)
        one.checksumTaken(0, 1)
        self.assertTrue(one.finished)

    def test_framesOfTheDelay(self) -> None:
        """The last frames' inputs were given earlier: they are played without being asked."""
        one = session(last_frame=4, input_delay=2)
        for text in (b"a", b"b", b"c"):
            play(one, text)
        self.assertEqual(one.current_frame, 3)
        self.assertIsNone(one.inputFrame())
        self.assertIs(one.state, SessionState.RUNNING)
        self.assertRaises(LocalProtocolError, one.advance, b"d", 0.0)
        self.assertEqual(play(one, None), (Advance(3, (b"b", b"")), Save(4)))
        self.assertEqual(play(one, None), (Advance(4, (b"c", b"")), Save(5, True)))
        self.assertEqual(play(one, None), ())
        self.assertIs(one.state, SessionState.CONFIRMING)

    def test_stallWithinTheDelay(self) -> None:
        """The last frames stall at the window like any other."""
        one = session(last_frame=4, input_delay=2, prediction_window=3)
        for text in (b"a", b"b", b"c"):
            play(one, text)
        self.assertEqual(play(one, None), ())
        self.assertEqual(one.statistics.stalls, 1)
        tell(one, b"")
        self.assertEqual(play(one, None), (Advance(3, (b"b", b"")), Save(4)))

    def test_matchShorterThanTheDelay(self) -> None:
        """A match that ends within the delay asks for nothing, and is played."""
        one = session(last_frame=1, input_delay=5)
        self.assertIsNone(one.inputFrame())
        self.assertEqual(play(one, None), (Save(0), Advance(0, (b"", b"")), Save(1)))
        play(one, None)
        self.assertIs(one.state, SessionState.CONFIRMING)
        self.assertEqual(read(one.packetFor(2, 0.0)).inputs, [b"", b""])

    def test_unacknowledgedAtTheEnd(self) -> None:
        """The limit of unacknowledged inputs does not hold up frames that need none."""
        one = session(last_frame=4, input_delay=2, unacknowledged_limit=5)
        tell(one, *[b""] * 5)
        for text in (b"a", b"b", b"c"):
            play(one, text)
        play(one, None)
        play(one, None)
        self.assertTrue(one.finished)

    def test_acknowledged(self) -> None:
        """In mid-match the other needs nothing more when they have the inputs given so far."""
        one = session()
        self.assertTrue(one.acknowledged(2))
        play(one, b"a")
        play(one, b"b")
        one.packetFor(2, 0.0)
        self.assertFalse(one.acknowledged(2))
        tell(one, wanted=1)
        self.assertFalse(one.acknowledged(2))
        tell(one, wanted=2)
        self.assertTrue(one.acknowledged(2))

    def test_endIsQuick(self) -> None:
        """
        After the last frame nobody waits for a keep-alive: what was lost is told again at
        the next tick, and who hears the other still ask answers at once.
        """
        for lost in range(4):
            pair = {1: session(1, last_frame=5), 2: session(2, last_frame=5)}
            finished = 0
            for tick in range(60):
                now = tick / 60
                for player, one in pair.items():
                    play(one, b"" if one.inputFrame() is not None else None, now)
                    one.drainEvents()
                    for other, body in one.packetsDue(now):
                        if not 0 < finished <= lost:
                            pair[other].packetReceived(player, body, now)
                if all(one.acknowledged(3 - player) for player, one in pair.items()):
                    break
                finished += any(one.finished for one in pair.values())
            self.assertTrue(all(one.finished for one in pair.values()), lost)
            self.assertLessEqual(finished, lost + 3, lost)

    def test_acknowledgedAtTheEnd(self) -> None:
        """After the last frame the other needs its checksum too, and says when it was compared."""
        one, two = session(1, last_frame=1), session(2, last_frame=1)
        for each in (one, two):
            play(each, b"a")
            play(each, b"b")
        two.packetReceived(1, one.packetFor(2, 0.0), 0.0)
        play(two, None)
        self.assertTrue(two.finished)
        one.packetReceived(2, two.packetFor(1, 0.0), 0.0)
        self.assertFalse(one.acknowledged(2))
        play(one, None)
        self.assertTrue(one.finished)
        self.assertEqual(one.remote(2).checksums.compared_frame, 1)
        two.packetReceived(1, one.packetFor(2, 0.0), 0.0)
        self.assertTrue(two.acknowledged(1))
        self.assertFalse(one.acknowledged(2))
        self.assertEqual(read(two.packetFor(1, 0.0)).next_wanted, 3)
        one.packetReceived(2, two.packetFor(1, 0.0), 0.0)
        self.assertTrue(one.acknowledged(2))
        self.assertEqual(read(one.packetFor(2, 0.0)).inputs, [])

    def test_acknowledgedTooEarly(self) -> None:
        """Nobody has compared a checksum that was not sent."""
        one = session(1, last_frame=1)
        play(one, b"a")
        play(one, b"b")
        one.packetFor(2, 0.0)
        body = packet(0, [b"x", b"y"], 3, 2)
        self.assertRaises(RemoteProtocolError, one.packetReceived, 2, body, 0.0)
        tell(one, b"x", b"y", wanted=2)
        play(one, None)
        self.assertRaises(RemoteProtocolError, one.packetReceived, 2, body, 0.0)
        one.packetFor(2, 0.0)
        beyond = packet(0, [b"x", b"y"], 4, 2)
        self.assertRaises(RemoteProtocolError, one.packetReceived, 2, beyond, 0.0)
        one.packetReceived(2, body, 0.0)
        self.assertTrue(one.acknowledged(2))


class PacketTests(SynchronousTestCase):
    """What a session sends."""

    def test_unacknowledged(self) -> None:
        """Every input that was not acknowledged goes into every packet, the others do not."""
        one = session()
        for text in (b"a", b"b", b"c", b"d"):
            play(one, text)
        seen = read(one.packetFor(2, 0.0))
        self.assertEqual((seen.first_frame, seen.inputs), (0, [b"a", b"b", b"c", b"d"]))
        self.assertEqual((seen.next_wanted, seen.current_frame), (0, 4))
        self.assertEqual(one.packetFor(2, 0.0), one.packetFor(2, 1.0))
        tell(one, b"x", wanted=3)
        seen = read(one.packetFor(2, 0.0), b"c")
        self.assertEqual((seen.first_frame, seen.inputs), (3, [b"d"]))
        self.assertEqual(seen.next_wanted, 1)

    def test_olderAcknowledgement(self) -> None:
        """An acknowledgement that was overtaken takes nothing back."""
        one = session()
        for text in (b"a", b"b", b"c"):
            play(one, text)
        one.packetFor(2, 0.0)
        tell(one, wanted=3)
        tell(one, wanted=1)
        seen = read(one.packetFor(2, 0.0))
        self.assertEqual((seen.first_frame, seen.inputs), (3, []))

    def test_longInputs(self) -> None:
        """What does not fit into 1150 bytes waits; the oldest go, and the session goes on."""
        one, two = session(1, prediction_window=32), session(2, prediction_window=32)
        for frame in range(32):
            play(one, bytes([frame]) * INPUT_LIMIT)
            play(two, bytes([frame]) * INPUT_LIMIT)
        body = one.packetFor(2, 0.0)
        self.assertLessEqual(len(body), BODY_LIMIT)
        self.assertEqual(one.statistics.inputs_sent, 17)
        for _ in range(3):
            two.packetReceived(1, one.packetFor(2, 0.0), 0.0)
            one.packetReceived(2, two.packetFor(1, 0.0), 0.0)
        play(one, None)
        self.assertEqual(one.confirmed_frame, 31)

    def test_reports(self) -> None:
        """The newest checksum at the interval goes into every packet until a newer one."""
        one = session(checksum_interval=3, last_frame=6)
        seen = []
        for frame in range(7):
            tell(one, b"x", first=frame)
            play(one, b"a")
            sent = read(one.packetFor(2, 0.0))
            seen.append((sent.report_frame, sent.report_checksum))
        self.assertEqual(seen, [(-1, 0), (-1, 0), (2, 2), (2, 2), (2, 2), (5, 5), (6, 6)])

    def test_statistics(self) -> None:
        """Packets, their bytes and inputs are counted each way."""
        one = session()
        play(one, b"a")
        play(one, b"b")
        sizes = len(one.packetFor(2, 0.0)) + len(one.packetFor(2, 0.0))
        body = packet(0, [b"x", b"y"], 0, 2)
        one.packetReceived(2, body, 0.0)
        one.packetReceived(2, body, 0.0)
        counted = one.statistics
        self.assertEqual(
            (counted.packets_sent, counted.bytes_sent, counted.inputs_sent), (2, sizes, 4)
        )
        self.assertEqual((counted.packets_received, counted.bytes_received), (2, 2 * len(body)))
        self.assertEqual((counted.inputs_received, counted.packets_repeated), (2, 1))
        self.assertEqual((counted.packets_refused, counted.inconsistent_inputs), (0, 0))


class RemoteTests(SynchronousTestCase):
    """What is known of the other player."""

    def test_heardAt(self) -> None:
        """It is known when the other was heard last, and which frame they played then."""
        one = session()
        self.assertIsNone(one.remote(2).heard_at)
        self.assertEqual(one.remoteFrame(2), 0)
        body = packet(0, [b"x", b"y"], 0, 2)
        one.packetReceived(2, body, 7.5)
        self.assertEqual(one.remote(2).heard_at, 7.5)
        self.assertEqual(one.remoteFrame(2), 2)

    def test_roundTrip(self) -> None:
        """
        From the first sending of an input to its acknowledgement, smoothed with the
        figures of RFC 6298: 1/8 for the round trip, 1/4 for its deviation.
        """
        one = session()

        def acknowledge(count: int, now: float) -> tuple[float | None, float]:
            one.packetReceived(2, packet(0, [], count, 0), now)
            remote = one.remote(2)
            return remote.round_trip, remote.round_trip_deviation

        for sent_at in (10.0, 10.5):
            play(one, b"a")
            one.packetFor(2, sent_at)
        one.packetFor(2, 10.75)
        self.assertEqual(acknowledge(0, 10.875), (None, 0.0))
        self.assertEqual(acknowledge(1, 11.0), (1.0, 0.5))
        self.assertEqual(acknowledge(2, 15.0), (1.0, 0.5))
        one.packetFor(2, 16.0)
        play(one, b"a")
        one.packetFor(2, 20.0)
        self.assertEqual(acknowledge(2, 28.0), (1.0, 0.5))
        self.assertEqual(acknowledge(3, 29.0), (2.0, 0.5 + (8.0 - 0.5) / 4))

    def test_unknownPlayer(self) -> None:
        """There is no other player than the other player."""
        one = session()
        for player in (0, 1, 3):
            self.assertRaises(LocalProtocolError, one.packetFor, player, 0.0)
            self.assertRaises(LocalProtocolError, one.packetReceived, player, b"", 0.0)
            self.assertRaises(LocalProtocolError, one.acknowledged, player)
            self.assertRaises(LocalProtocolError, one.remoteFrame, player)
            self.assertRaises(LocalProtocolError, one.remote, player)
        self.assertEqual(one.statistics.packets_refused, 0)
