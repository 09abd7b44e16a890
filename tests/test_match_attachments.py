"""
What a game attaches to a match: effects, pictures, a replay, a log.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError, MomentFailed
from gamenet.match import MatchSettings, Outcome
from gamenet.match.attachments import Attachments
from gamenet.replay.playback import Playback
from gamenet.replay.replay import Replay
from gamenet.rollback.effects import EffectTracker
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.interpolation import PictureTrack, Smoother
from gamenet.rollback.steps import Advance
from tests.scenes import HashGame, Seat, TwoPlayers, playing, seatedPlayers

FRAMES = 240


class NoisyGame(HashGame):
    """Makes a noise wherever its state says so: other inputs, other noises."""

    def __init__(self, effects: EffectTracker) -> None:
        super().__init__()
        self.effects = effects

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Play one frame."""
        super().advance(inputs)
        if self.state[0] < 128:
            self.effects.announce("bang", self.state)


class DrawnGame(HashGame):
    """One dot, moved on by player 2's inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures = 0

    def picture(self) -> dict[str, tuple[int, int]]:
        """Return what is drawn."""
        self.pictures += 1
        return {"dot": (self.frames * 1000, self.state[0])}


class ListedLog:
    """A log that keeps everything, and raises where it is told to."""

    def __init__(self, raise_in: str = "") -> None:
        self.ticks: list[tuple[float, Sequence[object], int]] = []
        self.events: list[object] = []
        self.ends: list[str] = []
        self.raise_in = raise_in

    def _raise(self, name: str) -> None:
        if name == self.raise_in:
            raise OSError("no space left")

    def ticked(self, now: float, steps: Sequence[object], session: Any) -> None:
        """Keep a tick."""
        self.ticks.append((now, steps, session.current_frame))
        self._raise("ticked")

    def told(self, now: float, event: object) -> None:
        """Keep an event."""
        self.events.append(event)
        self._raise("told")

    def closed(self, now: float, why: str) -> None:
        """Keep the end."""
        self.ends.append(why)
        self._raise("closed")


def noisy(seed: int = 1, **options: object) -> TwoPlayers:
    """Return two players whose games make noises."""
    scene = seatedPlayers(seed, **options)
    for seat in scene.seats:
        tracker = EffectTracker()
        seat.game = NoisyGame(tracker)
        seat.attached = {"effects": tracker}
    return scene


class EffectTests(SynchronousTestCase):
    """Rollback-aware one-shot effects: once each, cancelled if their frame is undone."""

    def test_exactlyOnce(self) -> None:
        """Each effect starts once; at the end exactly those of the real match are confirmed."""
        scene = noisy(latency=0.1)
        scene.play(MatchSettings(frames=FRAMES))
        scene.playToTheEnd(20.0)
        cancelled = 0
        real = []
        for seat in scene.seats:
            assert seat.result is not None
            self.assertGreater(seat.result.statistics.rollbacks, 10)
            told = seat.protocol.effects
            started = [each[1] for each in told if each[0] == "started"]
            self.assertEqual(started, list(range(1, len(started) + 1)))
            ended = [each[1] for each in told if each[0] in ("cancelled", "confirmed")]
            self.assertEqual(sorted(ended), started)
            first: dict[int, str] = {}
            for kind, number, *_ in told:
                self.assertEqual(first.setdefault(number, kind), "started")
            cancelled += sum(each[0] == "cancelled" for each in told)
            real.append([each[2:] for each in told if each[0] == "confirmed"])
        self.assertGreater(cancelled, 5)
        self.assertEqual(real[0], real[1])
        self.assertGreater(len(real[0]), FRAMES // 4)
        game = HashGame()
        game.begin(self.seeds[0])
        wanted = []
        for frame, (inputs, _) in enumerate(scene.ada.protocol.confirmed):
            game.advance(inputs)
            if game.state[0] < 128:
                wanted.append((frame, "bang", game.state))
        self.assertEqual(real[0], wanted)

    def setUp(self) -> None:
        """Note the seeds that games begin with."""
        seeds: list[int] = []
        begin = HashGame.begin

        def noting(game: HashGame, seed: int) -> None:
            seeds.append(seed)
            begin(game, seed)

        self.seeds = seeds
        self.patch(HashGame, "begin", noting)

    def test_aMomentThatRaises(self) -> None:
        """Bad input: each of the moments of effects ends the match by its name."""
        for moment in ("effectStarted", "effectCancelled", "effectConfirmed"):
            scene = noisy(latency=0.1)
            setattr(scene.ada.protocol, moment, _explode)
            scene.play()
            scene.network.runUntil(lambda scene=scene: scene.ada.over, 20.0)
            failure = scene.ada.failure
            assert isinstance(failure, MomentFailed)
            self.assertEqual(failure.moment, moment)
            self.assertIsNotNone(failure.frame)
            self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1)

    def test_usedTracker(self) -> None:
        """A tracker that another match has used, or no tracker, is refused by name."""
        used = EffectTracker()
        used.begin(0)
        for effects in (used, object()):
            scene = seatedPlayers()
            scene.ada.attached = {"effects": effects}
            scene.ada.play(MatchSettings())
            self.assertIsInstance(scene.ada.failure, BadSetting)
            self.assertIn("effects must be", str(scene.ada.failure))


def _explode(*arguments: object) -> None:
    raise ZeroDivisionError("the game's own bug")


class PictureTests(SynchronousTestCase):
    """Interpolation between ticks, for drawing faster than the simulation."""

    def drawn(self, seat: Seat) -> float:
        """Return where a seat's dot is drawn right now, in frames."""
        assert seat.session.match is not None
        return seat.session.match.drawn()["dot"][0] / 1000

    def scene(self, pictures: PictureTrack | None, **options: object) -> TwoPlayers:
        """Return a match that is on, in which Ada's game is drawn."""
        scene = seatedPlayers(**options)  # type: ignore[arg-type]
        scene.ada.game = DrawnGame()
        scene.ada.attached = {"pictures": pictures}
        scene.play()
        scene.playUntilConfirmed(60, 20.0)
        return scene

    def test_drawnFasterThanPlayed(self) -> None:
        """At 240 pictures a second what is drawn of 60 frames a second moves evenly."""
        scene = self.scene(PictureTrack(Smoother(0.0)))
        places = []
        for _ in range(240):
            scene.network.advance(1 / 240)
            places.append(self.drawn(scene.ada))
        moves = [after - before for before, after in pairwise(places)]
        self.assertGreaterEqual(min(moves), 0.0)
        self.assertLess(max(moves), 0.6)
        self.assertGreater(len(dict.fromkeys(places)), 200)
        self.assertLess(abs(places[-1] - places[0] - 60), 2.0)
        match = scene.ada.session.match
        assert match is not None
        self.assertTrue(0.0 <= match.blend() <= 1.0)

    def test_correctionsAreSmoothed(self) -> None:
        """A rollback moves what is drawn evenly to its place: no jump as long as it lasts."""
        scene = self.scene(PictureTrack(Smoother(10.0)), latency=0.1)
        assert scene.ada.session.match is not None
        before = scene.ada.session.match.statistics().rollbacks
        track = scene.ada.attached["pictures"]
        scene.network.advance(2.0)
        self.assertGreater(scene.ada.session.match.statistics().rollbacks, before)
        self.assertGreater(track.smoother.smoothed, 0)

    def test_onlyWhatIsDrawn(self) -> None:
        """Of frames that are played again only the last two are pictured."""
        scene = self.scene(PictureTrack(Smoother(0.0)), latency=0.2)
        game = scene.ada.game
        assert isinstance(game, DrawnGame) and scene.ada.session.match is not None
        statistics = scene.ada.session.match.statistics()
        played = statistics.frame + statistics.resimulated_frames
        self.assertLess(game.pictures, played - statistics.rollbacks)
        self.assertGreaterEqual(game.pictures, statistics.frame)

    def test_aPictureThatRaises(self) -> None:
        """Bad input: picture that raises ends the match by its name and frame."""
        scene = seatedPlayers()
        scene.ada.game = DrawnGame()
        scene.ada.game.picture = _explode  # type: ignore[assignment, method-assign]
        scene.ada.attached = {"pictures": PictureTrack(Smoother(0.1))}
        scene.play()
        scene.network.runUntil(lambda: scene.ada.over, 20.0)
        failure = scene.ada.failure
        assert isinstance(failure, MomentFailed)
        self.assertEqual((failure.moment, failure.frame), ("picture", 0))
        self.assertIsInstance(failure.__cause__, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1)

    def test_without(self) -> None:
        """Without pictures there is a blend and nothing drawn; with them a picture is asked for."""
        scene = playing(30)
        match = scene.ada.session.match
        assert match is not None
        self.assertTrue(0.0 <= match.blend() <= 1.0)
        self.assertRaises(LocalProtocolError, match.drawn)
        scene = seatedPlayers()
        scene.ada.attached = {"pictures": PictureTrack(Smoother(0.1))}
        scene.ada.play(MatchSettings())
        self.assertIsInstance(scene.ada.failure, BadSetting)
        self.assertIn("no method 'picture'", str(scene.ada.failure))


class ReplayTests(SynchronousTestCase):
    """Record confirmed inputs with a config digest."""

    def test_recorded(self) -> None:
        """Both replays hold the same match, and playing it again leads to the same states."""
        scene = seatedPlayers(latency=0.1)
        files: list[list[bytes]] = [[], []]
        for seat, pieces in zip(scene.seats, files, strict=True):
            seat.attached = {"replay": pieces.append}
        scene.play(MatchSettings(frames=FRAMES, rules="hash 1"))
        scene.playToTheEnd(20.0)
        self.assertEqual(b"".join(files[0]), b"".join(files[1]))
        replay = Replay.read(files[0])
        self.assertEqual((replay.frames, replay.problem), (FRAMES, ""))
        header = replay.header
        self.assertEqual((header.players, header.frame_rate, header.rules), (2, 60, "hash 1"))
        playback = Playback(replay, HashGame())
        self.assertIsNone(playback.verify())
        self.assertNotEqual(header.seed, 0)

    def test_leaving(self) -> None:
        """A match that is left half-way has a whole replay of what was final."""
        pieces: list[bytes] = []
        scene = seatedPlayers()
        scene.ada.attached = {"replay": pieces.append}
        scene.play()
        scene.playUntilConfirmed(45, 20.0)
        scene.ada.session.leave()
        scene.playToTheEnd(5.0)
        replay = Replay.read(pieces)
        self.assertEqual(replay.frames, len(scene.ada.protocol.confirmed))
        self.assertIsNone(Playback(replay, HashGame()).verify())

    def test_neverBegun(self) -> None:
        """A match that never began leaves nothing."""
        pieces: list[bytes] = []
        scene = seatedPlayers()
        scene.ada.attached = {"replay": pieces.append}
        scene.ada.play(MatchSettings(rules="a"))
        scene.grace.play(MatchSettings(rules="b"))
        scene.playToTheEnd(20.0)
        self.assertEqual(pieces, [])

    def test_longIntervals(self) -> None:
        """A match that compares checksums more seldom than a replay can is recorded too."""
        pieces: list[bytes] = []
        scene = seatedPlayers()
        scene.ada.attached = {"replay": pieces.append}
        scene.play(MatchSettings(frames=60, checksum_interval=3600))
        scene.playToTheEnd(20.0)
        self.assertEqual(Replay.read(pieces).frames, 60)

    def test_aWriterThatRaises(self) -> None:
        """Bad input: it ends the recording by name, once, and not the match."""
        calls: list[int] = []

        def full(data: bytes) -> None:
            calls.append(len(data))
            raise OSError("no space left")

        scene = seatedPlayers()
        scene.ada.attached = {"replay": full}
        scene.play(MatchSettings(frames=FRAMES))
        scene.playToTheEnd(20.0)
        self.assertEqual(len(calls), 1)
        self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1)
        (failed, _) = scene.ada.protocol.happened
        self.assertEqual(failed[:2], ("recordingFailed", "replay"))
        error = failed[2]
        assert isinstance(error, MomentFailed)
        self.assertIsInstance(error.__cause__, OSError)
        for seat in scene.seats:
            assert seat.result is not None
            self.assertEqual(seat.result.outcome, Outcome.FINISHED)

    def test_aMomentThatRaises(self) -> None:
        """recordingFailed that raises ends the match by name like any moment."""
        scene = seatedPlayers()
        scene.ada.attached = {"replay": _explode}
        scene.ada.protocol.recordingFailed = _explode  # type: ignore[method-assign]
        scene.play()
        scene.network.runUntil(lambda: scene.ada.over, 20.0)
        failure = scene.ada.failure
        assert isinstance(failure, MomentFailed)
        self.assertEqual(failure.moment, "recordingFailed")
        self.flushLoggedErrors(MomentFailed)


class LogTests(SynchronousTestCase):
    """The match log is told everything, in order."""

    def test_told(self) -> None:
        """Every tick with its steps, every event with its time, and one end."""
        scene = seatedPlayers(latency=0.1)
        log = ListedLog()
        scene.ada.attached = {"log": log}
        scene.play(MatchSettings(frames=FRAMES))
        scene.playToTheEnd(20.0)
        frames = [
            step.frame for _, steps, _ in log.ticks for step in steps if isinstance(step, Advance)
        ]
        self.assertEqual(list(dict.fromkeys(frames)), list(range(FRAMES)))
        self.assertGreater(len(frames), FRAMES)
        times = [now for now, _, _ in log.ticks]
        self.assertEqual(times, sorted(times))
        confirmed = [each for each in log.events if isinstance(each, FrameConfirmed)]
        self.assertEqual(
            [(each.inputs, each.checksum) for each in confirmed], scene.ada.protocol.confirmed
        )
        self.assertEqual(log.ends, ["finished"])

    def test_failures(self) -> None:
        """The end of a match that failed says why."""
        scene = seatedPlayers()
        log = ListedLog()
        scene.ada.attached = {"log": log}
        scene.play()
        scene.playUntilConfirmed(30, 20.0)
        scene.grace.machine.stop()
        scene.network.runUntil(lambda: scene.ada.over, 20.0)
        self.assertEqual(log.ends, [str(scene.ada.failure)])

    def test_aLogThatRaises(self) -> None:
        """Bad input: a log that raises ends by name, once, and the match goes on."""
        for name in ("ticked", "told", "closed"):
            scene = seatedPlayers()
            log = ListedLog(name)
            scene.ada.attached = {"log": log}
            scene.play(MatchSettings(frames=60))
            scene.playToTheEnd(20.0)
            self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1, name)
            self.assertEqual(
                [each[:2] for each in scene.ada.protocol.happened if each[0] != "ended"],
                [("recordingFailed", "log")],
            )
            self.assertEqual(len(log.ticks) > 20, name == "closed")
            self.assertEqual(len(log.events), {"ticked": 0, "told": 1, "closed": 60}[name])
            self.assertEqual(log.ends, ["finished"] if name == "closed" else [])
            assert scene.ada.result is not None
            self.assertEqual(scene.ada.result.outcome, Outcome.FINISHED)

    def test_watched(self) -> None:
        """A log that wants to see the states stands in for the simulation."""
        scene = seatedPlayers()
        log = ListedLog()
        seen: list[object] = []

        def watched(simulation: object) -> object:
            seen.append(simulation)
            return simulation

        log.watched = watched  # type: ignore[attr-defined]
        scene.ada.attached = {"log": log}
        scene.play(MatchSettings(frames=10))
        scene.playToTheEnd(20.0)
        self.assertEqual(seen, [scene.ada.game])


class AttachmentsTests(SynchronousTestCase):
    """What cannot work is refused by name, before anything is sent."""

    def test_wrongOnes(self) -> None:
        """Each attachment says what it must be."""
        track = PictureTrack(Smoother(0.1))
        track.pictured(0, {}, 0.0)
        for name, value in (
            ("effects", 1),
            ("pictures", 1),
            ("pictures", track),
            ("replay", b"file"),
            ("log", _explode),
        ):
            attached: dict[str, Any] = {name: value}
            error = self.assertRaises(BadSetting, Attachments, **attached)
            self.assertIn(name, str(error))

    def test_none(self) -> None:
        """All may be left out."""
        self.assertEqual(Attachments(), Attachments(None, None, None, None))
