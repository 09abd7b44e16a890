"""
The frames of a match without any network: two loops, and what each says to the other.
"""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.match import MatchSettings
from gamenet.match.attachments import Attachments
from gamenet.match.frame_loop import FrameLoop
from gamenet.rollback.events import Desynchronized
from gamenet.wire.lobby_answers import MatchTicket
from tests.golden.samples_of_version_1 import LOBBY_MESSAGES
from tests.scenes import HashGame, RecordingPlayer

RATE = 60


def loopOf(player: int, settings: MatchSettings) -> tuple[FrameLoop, RecordingPlayer]:
    """Return one player's loop, begun at second 0."""
    ticket = LOBBY_MESSAGES["MatchTicket"]
    assert isinstance(ticket, MatchTicket)
    protocol = RecordingPlayer(bytes([player, 7 * player, 3]))
    loop = FrameLoop(
        settings, attrs.evolve(ticket, player=player), HashGame(), protocol, Attachments()
    )
    loop.begin(0.0)
    return loop, protocol


class FrameLoopTests(SynchronousTestCase):
    """Two loops."""

    def test_toTheEnd(self) -> None:
        """Both finish with the same frames, and know that the other needs nothing more."""
        (one, first), (two, second) = (loopOf(n, MatchSettings(frames=120)) for n in (1, 2))
        self.assertEqual(one.configuration, two.configuration)
        self.assertFalse(one.finished)
        for tick in range(200):
            now = tick / RATE
            for loop, other, number in ((one, two, 2), (two, one, 1)):
                loop.run(now)
                for peer, body in loop.packetsDue(now):
                    self.assertEqual(peer, number)
                    other.packetReceived(3 - number, body, now + 0.001)
        self.assertTrue(one.finished and two.finished)
        self.assertEqual(len(first.confirmed), 120)
        self.assertEqual(first.confirmed, second.confirmed)
        self.assertEqual(one.checksum, first.confirmed[-1][1])
        self.assertTrue(one.acknowledged(2) and two.acknowledged(1))
        heard_at = one.heardAt(2)
        assert heard_at is not None
        self.assertGreater(heard_at, 1.9)

    def test_alone(self) -> None:
        """Without the other a loop stalls at its window: frames not played are due again."""
        loop, protocol = loopOf(1, MatchSettings(prediction_window=5))
        for tick in range(120):
            loop.run(tick / RATE)
        self.assertEqual(loop.current_frame, 5)
        self.assertGreater(loop.next_due, 119 / RATE)
        self.assertLess(loop.next_due, 122 / RATE)
        self.assertGreater(loop.statistics.stalls, 50)
        self.assertEqual((loop.heardAt(2), loop.acknowledged(2)), (0.0, False))
        self.assertEqual(protocol.confirmed, [])
        self.assertEqual(loop._pace._schedule.frame, loop.current_frame)

    def test_toldAtOnce(self) -> None:
        """What a packet brings to light is told when it comes, not a frame later."""
        loop, protocol = loopOf(1, MatchSettings())
        event = Desynchronized(5, 1, 2, 2, True)
        other, _ = loopOf(2, MatchSettings())
        other.run(0.0)
        ((_, body),) = other.packetsDue(0.0)
        self.patch(type(loop._session), "drainEvents", lambda session: (event,))
        loop.packetReceived(2, body, 0.1)
        self.assertEqual(protocol.desyncs, [(5, 1, 2, 2)])

    def test_whoDoesNotPlay(self) -> None:
        """Of who is no member any more nothing is awaited."""
        loop, _ = loopOf(1, MatchSettings())
        session = loop._session
        self.patch(type(session), "members", property(lambda each: (1,)))
        self.assertEqual((loop.heardAt(2), loop.acknowledged(2)), (None, True))
