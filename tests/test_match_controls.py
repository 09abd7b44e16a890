"""
What a game can do and learn in the middle of a match: lost time, input delay, its log.
"""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError, MomentFailed
from gamenet.match import MatchSettings, Outcome
from gamenet.match.match import Match
from gamenet.match_log.match_log import MatchLog
from gamenet.match_log.reader import MatchLogReader
from gamenet.rollback.events import InputDelayRecommended, WaitRecommended
from gamenet.wire.match_log_records import FrameRecord, StateRecord, TickRecord
from tests.scenes import Seat, TwoPlayers, playing, seatedPlayers


def matchOf(seat: Seat) -> Match:
    """Return the match that a seat plays."""
    assert seat.session.match is not None
    return seat.session.match


class TimeLostTests(SynchronousTestCase):
    """A machine that slept for more than 250 ms."""

    def test_told(self) -> None:
        """Whoever slept is told once, how long; the other is not."""
        scene = playing(60)
        scene.ada.machine.suspend(2.0)
        scene.network.advance(4.0)
        lost = [each for each in scene.ada.protocol.happened if each[0] == "timeLost"]
        self.assertEqual(len(lost), 1)
        seconds = lost[0][1]
        assert isinstance(seconds, float)
        self.assertTrue(1.7 < seconds < 2.1, seconds)
        self.assertEqual([e for e in scene.grace.protocol.happened if e[0] == "timeLost"], [])
        before = scene.confirmed()
        scene.network.advance(2.0)
        self.assertGreater(scene.confirmed(), before + 100)
        self.assertTrue(scene.agreed())

    def test_shortSleep(self) -> None:
        """A shorter one is caught up with, and nothing is said."""
        scene = playing(60)
        scene.ada.machine.suspend(0.15)
        scene.network.advance(2.0)
        self.assertEqual(scene.ada.protocol.happened, [])

    def test_raising(self) -> None:
        """Bad input: timeLost that raises ends the match by its name."""
        scene = playing(60)

        def explode(seconds: float) -> None:
            raise ZeroDivisionError("the game's own bug")

        scene.ada.protocol.timeLost = explode  # type: ignore[method-assign]
        scene.ada.machine.suspend(1.0)
        scene.network.runUntil(lambda: scene.ada.over, 10.0)
        assert isinstance(scene.ada.failure, MomentFailed)
        self.assertEqual(scene.ada.failure.moment, "timeLost")
        self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1)


class InputDelayTests(SynchronousTestCase):
    """The input delay, changed in mid-match."""

    def test_changed(self) -> None:
        """Without freezing or diverging, the other way round too."""
        scene = playing(60, latency=0.1)
        for delay in (5, 0, 8, 1):
            matchOf(scene.ada).setInputDelay(delay)
            before = scene.confirmed()
            scene.network.advance(2.0)
            self.assertGreater(scene.confirmed(), before + 100, delay)
        matchOf(scene.grace).setInputDelay(6, 2)
        scene.network.advance(2.0)
        self.assertTrue(scene.agreed())
        self.assertEqual(scene.ada.protocol.desyncs, [])

    def test_effect(self) -> None:
        """A delay as long as the path needs makes an end of rollbacks."""
        scene = playing(120, latency=0.1)
        for seat in scene.seats:
            matchOf(seat).setInputDelay(10)
        scene.network.advance(1.0)
        before = [matchOf(seat).statistics().rollbacks for seat in scene.seats]
        scene.network.advance(5.0)
        after = [matchOf(seat).statistics().rollbacks for seat in scene.seats]
        self.assertGreater(min(before), 10)
        self.assertEqual(after, before)

    def test_impossible(self) -> None:
        """Bad input: a delay out of bounds, another's player: named, and the match goes on."""
        scene = playing(60)
        for delay in (-1, 17):
            self.assertRaises(BadSetting, matchOf(scene.ada).setInputDelay, delay)
        self.assertRaises(LocalProtocolError, matchOf(scene.ada).setInputDelay, 2, 2)
        before = scene.confirmed()
        scene.network.advance(1.0)
        self.assertGreater(scene.confirmed(), before + 50)


class KeptEvents:
    """A log that keeps the events."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def told(self, now: float, event: object) -> None:
        """Keep it."""
        self.events.append(event)

    def ticked(self, now: float, steps: object, session: object) -> None:
        """Keep nothing."""

    def closed(self, now: float, why: str) -> None:
        """Keep nothing."""


class RecommendationTests(SynchronousTestCase):
    """What the session recommends reaches the game, and the log has what it does not know."""

    def test_told(self) -> None:
        """Events of the session become moments in their order."""
        scene = seatedPlayers()
        log = KeptEvents()
        scene.ada.attached = {"log": log}
        scene.play()
        scene.playUntilConfirmed(60, 20.0)
        told: list[object] = []
        protocol = scene.ada.protocol
        protocol.waitRecommended = told.append  # type: ignore[method-assign, assignment]
        protocol.inputDelayRecommended = (  # type: ignore[method-assign, assignment]
            lambda *arguments: told.append(arguments)
        )
        events = (WaitRecommended(3), object(), InputDelayRecommended(2, 0.1, 0.01))
        session = matchOf(scene.ada)._loop._session
        drained = type(session).drainEvents

        def drainEvents(each: object) -> tuple[object, ...]:
            if each is not session:
                return drained(each)  # type: ignore[arg-type]
            more, seen[:] = tuple(seen), []
            return (*drained(each), *more)  # type: ignore[arg-type]

        seen: list[object] = list(events)
        self.patch(type(session), "drainEvents", drainEvents)
        scene.network.advance(0.5)
        self.assertEqual(told, [3, (2, 0.1, 0.01)])
        self.assertEqual([each for each in log.events if each in events], list(events))


class MatchLogTests(SynchronousTestCase):
    """A MatchLog, begun by the game when play begins."""

    def test_written(self) -> None:
        """The log of a match reads back: its header, every frame, and how it ended."""
        scene = seatedPlayers(latency=0.1)
        file = io.BytesIO()
        log = MatchLog()
        scene.ada.attached = {"log": log}
        scene.ada.protocol.matchStarted = (  # type: ignore[method-assign]
            lambda match: log.begin(file.write, match.logHeader())
        )
        scene.play(MatchSettings(frames=120, rules="hash 1"))
        scene.playToTheEnd(20.0)
        self.assertEqual(log.ended, Outcome.FINISHED.value)
        self.checkLog(scene, file.getvalue(), log)

    def checkLog(self, scene: TwoPlayers, data: bytes, log: MatchLog) -> None:
        """Compare what was written with what was played."""
        assert log.header is not None and scene.ada.result is not None
        self.assertEqual(log.header.match_id, scene.ada.result.match_id)
        self.assertEqual((log.header.players, log.header.local_players), (2, (1,)))
        self.assertEqual((log.header.seating, log.header.game), (((1,), (2,)), "hash 1"))
        self.assertEqual(len(log.header.digest), 16)
        reader = MatchLogReader()
        records = list(reader.feed(data))
        reader.close()
        self.assertFalse(reader.cut)
        self.assertEqual(reader.header, log.header)
        frames = [each for each in records if isinstance(each, FrameRecord)]
        self.assertEqual(
            [(each.inputs, each.checksum) for each in frames], scene.ada.protocol.confirmed
        )
        self.assertGreater(sum(isinstance(each, StateRecord) for each in records), 100)
        self.assertGreater(
            sum(isinstance(each, TickRecord) and each.load is not None for each in records), 5
        )
