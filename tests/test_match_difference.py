"""
Matches whose states differ: ended by name, or repaired, as the author chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.interfaces import ISeededSimulation
from gamenet.match import (
    MatchSettings,
    Outcome,
    RollbackChoices,
    StateRepair,
    StatesDiffered,
)
from gamenet.match.difference import DUMP_GRACE, DUMP_PATIENCE, DifferenceWatch
from gamenet.rollback.events import Desynchronized
from gamenet.rollback.interpolation import PictureTrack, Smoother
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_difference import INamedParts
from gamenet.rollback.state_dump import DumpPair, StateDump
from gamenet.rollback.state_events import StatesDiffer, StatesDumped
from gamenet.wire.peer_packets import GoodbyeReason
from tests.scenes import HashGame, TwoPlayers, seatedPlayers

END = RollbackChoices(state_exchange=1.0, state_repair=StateRepair.END)


@implementer(ISeededSimulation, INamedParts)
class PartedGame(HashGame):
    """Names its parts."""

    def parts(self) -> Mapping[str, bytes]:
        """Return them."""
        return {"clock": self.frames.to_bytes(4, "big"), "dice": self.state}


class WatchTests(SynchronousTestCase):
    """When a match ends for its states, and by what name."""

    def pair(self, player: int = 2, theirs: bytes = b"ax") -> StatesDumped:
        """Return two states that differ."""
        return StatesDumped(
            DumpPair(
                119,
                player,
                StateDump(119, 1, b"ab", (("first", b"a"), ("second", b"b"))),
                StateDump(119, 2, theirs, (("first", theirs[:1]), ("second", theirs[1:]))),
            )
        )

    def test_waitsForTheStates(self) -> None:
        """It waits for both states and a moment longer, or for a second at the most."""
        watch = DifferenceWatch(True, True)
        watch.told(Desynchronized(89, 1, 2, 2, True), 9.0)
        watch.told(Desynchronized(119, 1, 2, 2, False), 10.0)
        self.assertEqual((watch.error, watch.isDue(99.0), watch.waits(10.0)), (None, False, False))
        watch.told(StatesDiffer(119, 1), 10.0)
        watch.told(StatesDiffer(179, 1), 10.5)
        for after, due in ((DUMP_PATIENCE - 0.01, False), (DUMP_PATIENCE, True)):
            self.assertEqual((watch.isDue(10 + after), watch.waits(10 + after)), (due, not due))
        error = watch.error
        assert error is not None
        self.assertEqual((error.frame, error.player, error.part), (89, 2, None))
        watch.told(self.pair(), 10.25)
        self.assertFalse(watch.isDue(10.49))
        self.assertTrue(watch.isDue(10.25 + DUMP_GRACE))
        error = watch.error
        assert error is not None
        self.assertEqual(error.part, "second")
        self.assertEqual(
            str(error), "player 2's state differs from ours after frame 89, first in 'second'"
        )

    def test_withoutStates(self) -> None:
        """Where states are not exchanged it is due at once."""
        watch = DifferenceWatch(True, False)
        watch.told(StatesDiffer(119, 1), 10.0)
        self.assertTrue(watch.isDue(10.0))
        self.assertEqual(str(watch.error), "player 1's state differs from ours")

    def test_whose(self) -> None:
        """Whose state: the authority's where it differs from ours, else the first's."""
        for authority, wanted in ((2, 2), (1, 3)):
            watch = DifferenceWatch(True, True)
            for player in (3, 2):
                watch.told(Desynchronized(119, 1, 2, player, True), 1.0)
            watch.told(StatesDiffer(119, authority), 1.0)
            assert watch.error is not None
            self.assertEqual(watch.error.player, wanted)

    def test_equalStates(self) -> None:
        """Only the checksums differ: there is no part to be named."""
        watch = DifferenceWatch(True, True)
        watch.told(self.pair(theirs=b"ab"), 1.0)
        self.assertIsNone(watch.saidBy(2).part)

    def test_settings(self) -> None:
        """Only where states are exchanged, and not repaired, does a match end for them."""
        for interval, repair, ends in (
            (0, StateRepair.END, False),
            (30, StateRepair.TAKE_OVER, False),
            (30, StateRepair.END, True),
        ):
            settings = RollbackSettings(state_exchange_interval=interval, state_repair=repair)
            self.assertEqual(DifferenceWatch.of(settings).ends, ends)


class EndTests(SynchronousTestCase):
    """A named end of the match, as configured (row N13)."""

    def ended(self, choices: RollbackChoices = END, at: int = 100, **settings: Any) -> TwoPlayers:
        """Return a match that is over because Grace's state was corrupted."""
        scene = seatedPlayers(latency=0.04)
        for seat in scene.seats:
            seat.game = PartedGame()
        scene.grace.game.corrupt_at = at
        scene.play(MatchSettings(rollback=choices, **settings))
        scene.playToTheEnd(20.0)
        return scene

    def differed(self, scene: TwoPlayers) -> list[tuple[object, ...]]:
        """Return what both errors say."""
        for seat in scene.seats:
            self.assertIsInstance(seat.failure, StatesDiffered)
            self.assertEqual(seat.protocol.happened, [("ended", None)])
        errors: list[Any] = [seat.failure for seat in scene.seats]
        return [(each.frame, each.player, each.part) for each in errors]

    def test_bothSides(self) -> None:
        """Both end by the same name, with the first part that differs, within two seconds."""
        for window in (8, 0):
            scene = self.ended(prediction_window=window, input_delay=3)
            self.assertEqual(self.differed(scene), [(119, 2, "dice"), (119, 1, "dice")])
            self.assertLess(len(scene.ada.protocol.confirmed), 220)
            scene.network.advance(1.0)
            self.assertTrue(scene.ada.player.connected)

    def test_withoutDumps(self) -> None:
        """Where states are not exchanged for being looked at, no part is named."""
        choices = RollbackChoices(
            state_exchange=1.0, state_repair=StateRepair.END, dump_states=False
        )
        scene = self.ended(choices)
        self.assertEqual(self.differed(scene), [(119, 2, None), (119, 1, None)])

    def test_lastFrame(self) -> None:
        """A difference in the very last frame ends it by name too."""
        self.assertEqual(self.differed(self.ended(frames=120)), [
            (119, 2, "dice"), (119, 1, "dice")
        ])

    def test_theOtherIsTold(self) -> None:
        """Whoever has not found it ends by the name that the other says with its goodbye."""
        scene = seatedPlayers()
        scene.play(MatchSettings(rollback=END))
        scene.playUntilConfirmed(60, 20.0)
        match = scene.ada.session.match
        assert match is not None
        match._failSoon(StatesDiffered(59, 2))
        scene.playToTheEnd(5.0)
        self.assertEqual(self.differed(scene), [(59, 2, None), (None, 1, None)])

    def test_notChosen(self) -> None:
        """Where it was not chosen, no goodbye ends a match by that name."""
        scene = seatedPlayers()
        scene.play()
        scene.playUntilConfirmed(60, 20.0)
        match = scene.ada.session.match
        assert match is not None
        match._part(GoodbyeReason.DIFFERED, StatesDiffered(59, 2))
        scene.playToTheEnd(5.0)
        assert scene.grace.result is not None
        self.assertEqual(scene.grace.result.outcome, Outcome.OTHER_FAILED)


class ShiftedGame(HashGame):
    """A dot that never moves, but is somewhere else once the state was corrupted."""

    def __init__(self) -> None:
        super().__init__()
        self.place = 0

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Play one frame."""
        super().advance(inputs)
        if self.corrupt_at is not None and self.frames == self.corrupt_at + 1:
            self.place = 1000

    def save(self) -> bytes:
        """Return the state."""
        return self.place.to_bytes(2, "big") + super().save()

    def load(self, snapshot: bytes) -> None:
        """Go back."""
        self.place = int.from_bytes(snapshot[:2], "big")
        super().load(snapshot[2:])

    def picture(self) -> dict[str, tuple[int]]:
        """Return what is drawn."""
        return {"dot": (self.place,)}


class TakeOverTests(SynchronousTestCase):
    """The wrong side loads the authority's state exactly at that confirmed frame."""

    def corrupted(self, who: int, window: int) -> tuple[TwoPlayers, list[Any]]:
        """Return a match in which frame 100 is confirmed and corrupted, and its moments."""
        scene = seatedPlayers(latency=0.04)
        told: list[Any] = []
        for seat in scene.seats:
            seat.game = ShiftedGame()
            seat.protocol.stateTakenOver = (  # type: ignore[method-assign]
                lambda frame, peer, seat=seat: told.append((seat.name, frame, peer))
            )
        scene.seats[who].game.corrupt_at = 100
        scene.grace.attached = {"pictures": PictureTrack(Smoother(0.5))}
        choices = RollbackChoices(state_exchange=1.0)
        scene.play(MatchSettings(prediction_window=window, input_delay=3, rollback=choices))
        scene.playUntilConfirmed(100, 20.0)
        return scene, told

    def test_repaired(self) -> None:
        """Found within 1.2 s, whoever's state was corrupted, and both agree from then on."""
        for who in (0, 1):
            for window in (8, 0):
                scene, told = self.corrupted(who, window)
                scene.network.advance(1.2)
                self.assertEqual(told, [("Grace", 119, 1)])
                scene.playUntilConfirmed(400, 20.0)
                first, second = [seat.protocol.confirmed[180:400] for seat in scene.seats]
                self.assertEqual(first, second)
                self.assertEqual(len(first), 220)
                for seat in scene.seats:
                    self.assertLessEqual(len(seat.protocol.desyncs), 2)
                    self.assertFalse(seat.over)

    def test_smoothly(self) -> None:
        """What is drawn moves from the old picture to the new, over the smoother's time."""
        for window in (8, 0):
            scene, told = self.corrupted(1, window)
            match = scene.grace.session.match
            assert match is not None
            scene.network.runUntil(lambda told=told: bool(told), 2.0)
            self.assertGreater(match.drawn()["dot"][0], 900.0)
            places = []
            for _ in range(144):
                scene.network.advance(1 / 240)
                places.append(match.drawn()["dot"][0])
            moves = [before - after for before, after in pairwise(places)]
            self.assertGreater(places[0], 900.0)
            self.assertEqual(places[-1], 0.0)
            self.assertGreaterEqual(min(moves), 0.0)
            self.assertLess(max(moves), 20.0)
            self.assertEqual(scene.grace.game.place, 0)  # type: ignore[attr-defined]

    def test_nothingIsTakenOverUnasked(self) -> None:
        """Without the exchange a difference is told, and stays."""
        scene = seatedPlayers()
        scene.grace.game.corrupt_at = 100
        scene.play(MatchSettings(frames=240))
        scene.playToTheEnd(20.0)
        self.assertGreater(len(scene.grace.protocol.desyncs), 3)
