"""
What an author may choose of the rollback: bounds, defaults, and that it arrives.
"""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, MomentFailed
from gamenet.match import MatchSettings, Outcome, Prediction, RollbackChoices, StateRepair
from gamenet.match.configuration import Configuration
from gamenet.replay.playback import Playback
from gamenet.replay.replay import Replay
from gamenet.rollback.settings import INTERVAL_LIMIT, LeaverPolicy, RollbackSettings
from tests.scenes import HashGame, seatedPlayers

#: For each choice a value that is not its default.
OTHER: dict[str, Any] = {
    "send_interval": 3,
    "keep_alive": 1.5,
    "sparse_saving": True,
    "prediction": Prediction.DEFAULT,
    "default_input": b"x",
    "input_limit": 7,
    "state_exchange": 2.0,
    "state_repair": StateRepair.END,
    "dump_states": False,
    "history_limit": 177,
}

#: For each setting of a session a value that is not its default.
OTHER_ROLLBACK: dict[str, Any] = {
    "players": 3,
    "local_player": 2,
    "prediction_window": 5,
    "input_delay": 4,
    "frame_rate": 50,
    "checksum_interval": 10,
    "last_frame": 99,
    "input_limit": 7,
    "unacknowledged_limit": 31,
    "checksums_limit": 9,
    "events_limit": 99,
    "seating": ((1,), (2, 3)),
    "vacant": (2,),
    "open_seating": True,
    "send_interval": 2,
    "keep_alive": 0.4,
    "sparse_saving": True,
    "prediction": Prediction.DEFAULT,
    "default_input": b"x",
    "leaver_policy": LeaverPolicy.BOT,
    "interrupted_after": 0.7,
    "lost_after": 3.0,
    "both_stop": True,
    "lone_survivor": True,
    "state_exchange_interval": 60,
    "state_repair": StateRepair.END,
    "dump_states": False,
    "history_limit": 177,
    "followers_limit": 3,
    "rejoin_within": 60.0,
}


def intervalOf(seconds: float, rate: int = 60, checksums: int = 30) -> int:
    """Return every how many frames states are exchanged."""
    made = MatchSettings(
        frame_rate=rate,
        checksum_interval=checksums,
        rollback=RollbackChoices(state_exchange=seconds),
    )
    return made.rollbackSettings(2, 1).state_exchange_interval


class RollbackChoicesTests(SynchronousTestCase):
    """The choices."""

    def test_everyChoiceArrives(self) -> None:
        """
        Each choice changes the setting of the session with its name, and nothing else; but
        nobody counts as silent who keeps a link alive as seldom as was chosen.
        """
        usual = MatchSettings().rollbackSettings(2, 1)
        names = [each.name for each in attrs.fields(RollbackChoices)]
        self.assertEqual(sorted(names), sorted(OTHER))
        for name, value in OTHER.items():
            made = MatchSettings(rollback=RollbackChoices(**{name: value}))
            wanted = {name: value}
            if name == "state_exchange":
                wanted = {"state_exchange_interval": 120}
            elif name == "keep_alive":
                wanted["interrupted_after"] = 3.0
            self.assertEqual(made.rollbackSettings(2, 1), attrs.evolve(usual, **wanted), name)

    def test_defaults(self) -> None:
        """The defaults are those of the session; full states are not exchanged."""
        self.assertEqual(RollbackChoices().rollbackSettings(), RollbackSettings())
        self.assertEqual(RollbackSettings().state_exchange_interval, 0)

    def test_predictor(self) -> None:
        """The game's own prediction is any callable."""

        def predict(last: bytes, frames: int) -> bytes:
            return last

        made = MatchSettings(rollback=RollbackChoices(prediction=predict))
        self.assertIs(made.rollbackSettings(2, 1).prediction, predict)

    def test_impossible(self) -> None:
        """Bad input: what a session would refuse is refused here, by its name."""
        for name, values in (
            ("send_interval", (0, 5, 1.5)),
            ("keep_alive", (0.01, 5.5, "1")),
            ("sparse_saving", (1, None)),
            ("prediction", ("repeat last", None)),
            ("default_input", ("x", bytes(65))),
            ("input_limit", (0, 65)),
            ("state_exchange", (0, -1.0, 15.1, "1")),
            ("state_repair", ("end", None)),
            ("dump_states", (1,)),
            ("history_limit", (0, 119, 1_000_001)),
        ):
            for value in values:
                choices: dict[str, Any] = {name: value}
                error = self.assertRaises(BadSetting, RollbackChoices, **choices)
                self.assertIn(name, str(error))
        self.assertRaises(BadSetting, RollbackChoices, input_limit=3, default_input=b"four")
        error = self.assertRaises(BadSetting, MatchSettings, rollback=RollbackSettings())
        self.assertIn("rollback must be RollbackChoices", str(error))

    def test_exchangeInterval(self) -> None:
        """Seconds become frames: a multiple of the checksum interval, never more often."""
        self.assertEqual(intervalOf(1.0), 60)
        self.assertEqual(intervalOf(0.99), 30)
        self.assertEqual(intervalOf(0.001), 30)
        self.assertEqual(intervalOf(0.7, checksums=1), 42)
        self.assertEqual(intervalOf(0.29, rate=100, checksums=1), 29)
        self.assertEqual(intervalOf(1.0, rate=50, checksums=7), 49)
        self.assertEqual(intervalOf(15.0, rate=240), INTERVAL_LIMIT)
        self.assertEqual(intervalOf(15.0, rate=240, checksums=7), 3598)
        self.assertEqual(intervalOf(1.0, checksums=INTERVAL_LIMIT), INTERVAL_LIMIT)

    def test_waits(self) -> None:
        """How long a frame in lockstep waits before it is told has bounds."""
        for value in (0, 60.5):
            error = self.assertRaises(BadSetting, MatchSettings, waited_after=value)
            self.assertIn("waited_after", str(error))


class ChosenTests(SynchronousTestCase):
    """Matches with choices of all kinds."""

    def test_allAtOnce(self) -> None:
        """Own prediction, sparse saving, seldom packets: both confirm the same frames."""
        asked: list[int] = []

        def predict(last: bytes, frames: int) -> bytes:
            asked.append(frames)
            return last if frames < 3 else b"."

        scene = seatedPlayers(latency=0.08)
        choices = RollbackChoices(
            send_interval=2,
            keep_alive=1.0,
            sparse_saving=True,
            prediction=predict,
            default_input=b".",
            input_limit=1,
            history_limit=120,
        )
        scene.play(MatchSettings(frames=240, rollback=choices))
        scene.playToTheEnd(20.0)
        self.assertGreater(len(asked), 50)
        self.assertEqual(scene.ada.protocol.confirmed, scene.grace.protocol.confirmed)
        for seat in scene.seats:
            assert seat.result is not None
            self.assertEqual(seat.result.outcome, Outcome.FINISHED)
            self.assertGreater(seat.result.statistics.rollbacks, 5)
            checksums: list[Any] = [each[1] for each in seat.protocol.confirmed]
            self.assertIsNone(checksums[0])
            self.assertEqual(seat.result.checksum, checksums[-1])

    def test_ownSettingsMayDiffer(self) -> None:
        """What is each player's own may be chosen by each: they play together."""
        scene = seatedPlayers()
        choices = RollbackChoices(sparse_saving=True, prediction=Prediction.DEFAULT)
        scene.ada.play(MatchSettings(frames=120, prediction_window=0, rollback=choices))
        scene.grace.play(MatchSettings(frames=120))
        scene.playToTheEnd(20.0)
        first, second = [
            [each[0] for each in seat.protocol.confirmed] for seat in scene.seats
        ]
        self.assertEqual(first, second)
        self.assertEqual(len(first), 120)

    def test_inputLimit(self) -> None:
        """Bad input: an input that is longer than was chosen ends the match by name."""
        scene = seatedPlayers()
        scene.ada.protocol.localInput = lambda player, frame: b"four"  # type: ignore[method-assign]
        scene.play(MatchSettings(rollback=RollbackChoices(input_limit=3)))
        scene.playToTheEnd(20.0)
        failure = scene.ada.failure
        assert isinstance(failure, MomentFailed)
        self.assertEqual(failure.moment, "localInput")
        self.assertIn("at most 3 bytes", str(failure.__cause__))
        self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1)

    def test_replay(self) -> None:
        """A match with sparse saving is recorded, and played again, like any other."""
        scene = seatedPlayers()
        pieces: list[bytes] = []
        scene.ada.attached = {"replay": pieces.append}
        scene.play(MatchSettings(frames=120, rollback=RollbackChoices(sparse_saving=True)))
        scene.playToTheEnd(20.0)
        replay = Replay.read(pieces)
        self.assertEqual((replay.frames, replay.checksums), (120, 4))
        self.assertIsNone(Playback(replay, HashGame()).verify())


class ConfigurationTests(SynchronousTestCase):
    """What players compare before play."""

    def test_everySharedSettingIsNamed(self) -> None:
        """Whatever changes the digest changes a term that people can read, and the reverse."""
        names = [each.name for each in attrs.fields(RollbackSettings)]
        self.assertEqual(sorted(names), sorted(OTHER_ROLLBACK))
        usual = RollbackSettings(players=3)
        ours = Configuration.of(usual, "")
        shared = []
        for name, value in OTHER_ROLLBACK.items():
            other = attrs.evolve(usual, **{name: 4 if name == "players" else value})
            theirs = Configuration.of(other, "")
            named = [each.name for each in ours.differences(theirs.terms)]
            self.assertEqual(other.digest() != usual.digest(), bool(named), name)
            self.assertEqual(theirs.digest != ours.digest, bool(named), name)
            shared += [name] if named else []
        self.assertEqual(
            shared,
            [
                "players",
                "frame_rate",
                "checksum_interval",
                "last_frame",
                "input_limit",
                "seating",
                "default_input",
                "leaver_policy",
                "both_stop",
                "lone_survivor",
                "state_exchange_interval",
                "state_repair",
            ],
        )

    def test_sharedChoices(self) -> None:
        """Of an author's choices exactly those that the documentation names are shared."""
        usual = MatchSettings()
        shared = [
            name
            for name, value in OTHER.items()
            if MatchSettings(rollback=RollbackChoices(**{name: value})).digest(2)
            != usual.digest(2)
        ]
        self.assertEqual(
            shared, ["default_input", "input_limit", "state_exchange", "state_repair"]
        )
