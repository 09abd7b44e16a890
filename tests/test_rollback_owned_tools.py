"""
What looks at games, with one whose snapshots are objects of its own
(L{gamenet.interfaces.IOwnsSnapshots}): determinism check, replay, match log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.determinism.check import (
    CheckedTimeline,
    DeterminismCheckSession,
    DeterminismCheckSettings,
    MismatchKind,
    checkDeterminism,
)
from gamenet.errors import BadSetting, MomentFailed
from gamenet.interfaces import IChecksummed, IOwnsSnapshots
from gamenet.match_log.logged_states import LoggedStates
from gamenet.replay.playback import Playback
from gamenet.replay.replay import Replay
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.state_dump import StateRefused
from gamenet.rollback.steps import Advance, Load, Restore, Save
from gamenet.rollback.timeline import Timeline
from gamenet.wire.match_log_records import StateRecord
from gamenet.wire.replay_file import ReplayHeader
from tests.replay_samples import recorded
from tests.rollback_owned_games import TreeGame, TupleGame
from tests.rollback_stub_session import StubSession

_CHOICES = (b"", b"l", b"r")


def pressed(frame: int) -> tuple[bytes, bytes]:
    """Return both players' inputs of a frame."""
    return _CHOICES[frame // 3 * 5 % 3], _CHOICES[frame // 4 * 7 % 3]


class LeakyGame(TupleGame):
    """Its snapshot is a list that it goes on changing."""

    first: Any = [0, 0]

    def __init__(self) -> None:
        self.first = [0, 0]
        super().__init__()

    def advance(self, inputs: Sequence[bytes]) -> None:
        self.state[0] += 1
        self.state[1] += len(inputs[0])

    def pack(self, snapshot: Any) -> bytes:
        return b"%d %d" % tuple(snapshot)


class ForgetfulGame(TupleGame):
    """What it decodes is not what it encoded."""

    def decodeSnapshot(self, data: bytes) -> Any:
        frame, rows = super().decodeSnapshot(data)
        return frame, tuple((total, newest[:1]) for total, newest in rows)


@implementer(IOwnsSnapshots)
class _OnlyOwner:
    """Says that it owns its snapshots, and has no checksum."""

    load = advance = save = None


class DeterminismTests(SynchronousTestCase):
    """The determinism check of such a game."""

    def test_deterministic(self) -> None:
        """A sound game passes at any distance, and its own objects are loaded."""
        for game in (TupleGame, TreeGame):
            for distance in (0, 1, 7):
                report = checkDeterminism(game, pressed, frames=60, check_distance=distance)
                report.assertDeterministic()
        made: list[TupleGame] = []

        def make() -> TupleGame:
            made.append(TupleGame())
            return made[-1]

        checkDeterminism(make, pressed, frames=60).assertDeterministic()
        first, second = made
        self.assertEqual((first.strangers, second.strangers), (0, 0))
        self.assertNotIn("decodeSnapshot", first.calls)
        self.assertEqual(second.calls["decodeSnapshot"], 61)

    def test_changedSnapshot(self) -> None:
        """A game that changes what it returned is found out."""
        report = checkDeterminism(LeakyGame, pressed, frames=60, second_run=False)
        self.assertGreater(len(report.mismatches), 0)
        self.assertIs(report.mismatches[0].kind, MismatchKind.REPLAYED)

    def test_lostOnTheWay(self) -> None:
        """A state that does not come back from its bytes is found out."""
        report = checkDeterminism(ForgetfulGame, pressed, frames=60)
        self.assertIs(report.mismatches[0].kind, MismatchKind.SECOND_RUN)
        self.assertEqual(report.mismatches[0].frame, 1)
        self.assertTrue(report.mismatches[0].origin)

    def test_badGames(self) -> None:
        """Bad input: what raises, and what returns nothing of use, is named."""
        for method, wrong in (
            ("save", None),
            ("encodeSnapshot", "text"),
        ):
            game = TupleGame()
            game.answers[method] = wrong
            report = checkDeterminism(lambda game=game: game, pressed, frames=20, second_run=False)
            assert report.failure is not None
            self.assertEqual((report.failure.moment, report.failure.frame), (method, 0))
        game = TupleGame()
        game.failing = "decodeSnapshot"
        report = checkDeterminism(lambda: game, pressed, frames=20)
        assert report.failure is not None
        self.assertEqual((report.failure.moment, report.failure.frame), ("decodeSnapshot", 0))

    def test_noChecksum(self) -> None:
        """Without a checksum it cannot be played; that is said here too."""

        self.assertRaises(BadSetting, checkDeterminism, _OnlyOwner, pressed, frames=20)

    def test_bounded(self) -> None:
        """No more snapshots are held than can be loaded."""
        session = DeterminismCheckSession(DeterminismCheckSettings(check_distance=3))
        timeline = CheckedTimeline(TupleGame(), session)
        for frame in range(50):
            timeline.apply(session.advance(pressed(frame)))
            assert timeline._owned is not None
            self.assertLessEqual(len(timeline._owned), 4)
        timeline.apply(session.finish())
        timeline.apply(session.advance((b"", b"")))
        self.assertLessEqual(len(timeline._owned), 4)


def replayOf(game: Any, first: int = 0, last: int = 59) -> Replay:
    """Return a replay of a game, with its own checksums; it may begin late."""
    match: list[FrameConfirmed | Restore] = []
    for frame in range(last + 1):
        if first and frame == first:
            match.append(Restore(frame, game.encodeSnapshot(game.save())))
        game.advance(pressed(frame))
        if frame >= first:
            match.append(FrameConfirmed(frame, pressed(frame), game.checksum()))
    return Replay.read(recorded((ReplayHeader(bytes(16), 2, 60, 0, "", 10), match)))


class PlaybackTests(SynchronousTestCase):
    """A replay of such a game."""

    def test_plays(self) -> None:
        """It verifies against the game's own checksums, and goes anywhere and back."""
        for game in (TupleGame, TreeGame):
            playback = Playback(replayOf(game()), played := game(), snapshot_interval=10)
            self.assertIsNone(playback.verify())
            self.assertGreater(playback.verified, 5)
            end = played.state
            for frame in (5, 37, 20, 60):
                playback.seek(frame)
                self.assertEqual(played.frame, frame)
            self.assertEqual(played.state, end)
            self.assertEqual(played.strangers, 0)

    def test_beginsLate(self) -> None:
        """A replay that begins late begins with a state that was encoded."""
        for game in (TupleGame, TreeGame):
            whole = game()
            playback = Playback(replayOf(whole, 25), played := game())
            self.assertIsNone(playback.verify())
            self.assertEqual((played.frame, played.state), (60, whole.state))
            self.assertEqual(played.strangers, 0)

    def test_badState(self) -> None:
        """Bad input: one whose state the game does not understand is refused by name."""
        game = TupleGame()
        game.answers["encodeSnapshot"] = b"no state"
        playback = Playback(replayOf(game, 25), TupleGame())
        self.assertRaises(StateRefused, playback.verify)
        self.assertTrue(playback.failed)

    def test_badGames(self) -> None:
        """Bad input: a checksum that is none is named, with its frame; and one that is missing."""
        replay = replayOf(TupleGame())
        game = TupleGame()
        game.answers["checksum"] = "7"
        playback = Playback(replay, game)
        error = self.assertRaises(MomentFailed, playback.verify)
        self.assertEqual((error.moment, error.frame), ("checksum", 0))
        self.assertTrue(playback.failed)
        self.assertRaises(BadSetting, Playback, replay, _OnlyOwner())


class MatchLogTests(SynchronousTestCase):
    """What of such a game is written into a match log."""

    def record(self, game: Any) -> StateRecord:
        """Play a few frames, watched, some twice; return the record of the last."""
        states = LoggedStates(1 << 16, 1 << 16, 1 << 16)
        watched = states.watched(game)
        timeline = Timeline(watched, StubSession())
        steps = (Save(0), Advance(0, (b"a", b"b")), Save(1), Load(0))
        steps += (Advance(0, (b"a", b"c")), Save(1))
        timeline.apply(steps)
        states.expect(sum(not isinstance(step, Save) for step in steps))
        moves = 0
        for step in steps:
            if isinstance(step, Save):
                states.saved(step.frame, moves, False)
            else:
                moves += 1
        states.tickEnded()
        record = states.recordOf(0, True)
        assert record is not None
        return record

    def test_encodedWhenWritten(self) -> None:
        """The state is written as bytes; those that never are are not encoded."""
        game = TupleGame()
        record = self.record(game)
        self.assertEqual(record.parts, (("", game.pack(game.state)),))
        self.assertEqual(game.calls["encodeSnapshot"], 1)

    def test_parts(self) -> None:
        """Where it names parts, these are written."""
        game = TreeGame()
        self.assertEqual(dict(self.record(game).parts), game.parts())
        self.assertNotIn("encodeSnapshot", game.calls)

    def test_badGame(self) -> None:
        """Bad input: what the log alone asks for does not end the match."""
        game = TupleGame()
        game.failing = "encodeSnapshot"
        expected = (("(encodeSnapshot raised)", b"ZeroDivisionError"),)
        self.assertEqual(self.record(game).parts, expected)
        game = TupleGame()
        game.answers["encodeSnapshot"] = 7
        expected = (("(encodeSnapshot raised)", b"TypeError"),)
        self.assertEqual(self.record(game).parts, expected)

    def test_stillOwned(self) -> None:
        """What stands in for the game owns its snapshots too."""
        watched = LoggedStates(1, 1, 1).watched(TupleGame())
        self.assertTrue(IOwnsSnapshots.providedBy(watched))
        self.assertTrue(IChecksummed.providedBy(watched))
