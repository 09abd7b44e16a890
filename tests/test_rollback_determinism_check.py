"""
Tests of L{gamenet.determinism.check} and what it is made of.

The scenarios are those that GGRS tests its sync-test session with, and its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.determinism.check import (
    CheckedTimeline,
    DeterminismCheckSession,
    DeterminismCheckSettings,
    Mismatch,
    MismatchKind,
    NotDeterministic,
    Report,
    checkDeterminism,
    randomInputs,
)
from gamenet.errors import BadSetting, LocalProtocolError, MomentFailed
from gamenet.interfaces import ISeededSimulation
from gamenet.rollback.state_difference import (
    DIFFERENCES_LIMIT,
    SHOWN_BYTES,
    PartDifference,
    SavedState,
    differences,
)
from gamenet.rollback.steps import Advance, Load, Save, Step
from gamenet.seeded_random import SeededRandom
from tests.rollback_faulty_game import Ledger, LedgerInParts

CHOICES = (b"", b"\0", b"\1", b"ab")


def inputsOf(frame: int, players: int = 2) -> tuple[bytes, ...]:
    """Inputs in which every frame and player is another."""
    return tuple([b"%d.%d" % (frame, player) for player in range(players)])


def kinds(steps: Sequence[Step]) -> list[str]:
    """The kinds of steps, by name."""
    return [type(step).__name__ for step in steps]


class SequenceTests(SynchronousTestCase):
    """Done when: the sync-test request sequences of the anchor, with its numbers."""

    def play(self, ticks: int, distance: int) -> list[tuple[Step, ...]]:
        """The steps of each tick of a sound game."""
        session = DeterminismCheckSession(DeterminismCheckSettings(check_distance=distance))
        timeline = CheckedTimeline(Ledger(), session)
        played = []
        for tick in range(ticks):
            steps = session.advance(inputsOf(tick))
            timeline.apply(steps)
            played.append(steps)
        self.assertEqual(session.mismatches, ())
        self.assertEqual(session.current_frame, ticks)
        return played

    def test_distance0(self) -> None:
        """Check distance 0: exactly one step a tick, and no state is asked for."""
        session = DeterminismCheckSession(DeterminismCheckSettings(check_distance=0))
        for tick in range(10):
            self.assertEqual(session.advance(inputsOf(tick)), (Advance(tick, inputsOf(tick)),))
            self.assertEqual(session.statesWanted, 0)
        self.assertEqual(session.finish(), ())

    def test_distance1(self) -> None:
        """Check distance 1: two ticks of save and advance, then [Load, Adv, Save, Adv]."""
        ticks = self.play(6, 1)
        for tick in range(2):
            self.assertEqual(ticks[tick], (Save(tick), Advance(tick, inputsOf(tick))))
        for tick in range(2, 6):
            self.assertEqual(
                ticks[tick],
                (
                    Load(tick - 1),
                    Advance(tick - 1, inputsOf(tick - 1)),
                    Save(tick),
                    Advance(tick, inputsOf(tick)),
                ),
            )

    def test_distance2(self) -> None:
        """Check distance 2: three ticks [Save, Adv], then [Load, Adv, Save, Adv, Save, Adv]."""
        ticks = self.play(8, 2)
        for tick in range(3):
            self.assertEqual(ticks[tick], (Save(tick), Advance(tick, inputsOf(tick))))
        for tick in range(3, 8):
            self.assertEqual(
                ticks[tick],
                (
                    Load(tick - 2),
                    Advance(tick - 2, inputsOf(tick - 2)),
                    Save(tick - 1),
                    Advance(tick - 1, inputsOf(tick - 1)),
                    Save(tick),
                    Advance(tick, inputsOf(tick)),
                ),
            )

    def test_everyDistance(self) -> None:
        """Every distance up to the limit: its first ticks, then one load and the rest."""
        for distance in range(1, 33):
            ticks = self.play(distance + 3, distance)
            for steps in ticks[: distance + 1]:
                self.assertEqual(kinds(steps), ["Save", "Advance"])
            for steps in ticks[distance + 1 :]:
                self.assertEqual(
                    kinds(steps), ["Load", "Advance", *["Save", "Advance"] * distance]
                )

    def test_200FramesDistance7Delay2(self) -> None:
        """200 frames with distance 7 and delay 2 keep the game's frame at i + 1."""
        session = DeterminismCheckSession(
            DeterminismCheckSettings(check_distance=7, input_delay=2)
        )
        game = Ledger()
        timeline = CheckedTimeline(game, session)
        for tick in range(200):
            steps = session.advance(inputsOf(tick))
            timeline.apply(steps)
            self.assertEqual(game.frame, tick + 1)
            self.assertEqual(session.current_frame, tick + 1)
            expected = inputsOf(tick - 2) if tick >= 2 else (b"", b"")
            self.assertEqual(steps[-1], Advance(tick, expected))
        self.assertEqual(session.mismatches, ())
        played = [game.played[frame] for frame in (0, 1, 7, 50, 192, 199)]
        self.assertEqual(played, [1, 2, 8, 8, 8, 1])
        self.assertEqual(timeline.simulated, 8 + 192 * 8)

    def test_players(self) -> None:
        """1 to 16 players; no more and no fewer."""
        for players in (1, 2, 3, 16):
            report = checkDeterminism(Ledger, lambda frame, n=players: inputsOf(frame, n), 40)
            report.assertDeterministic()
        for players in (0, 17):
            self.assertRaises(BadSetting, DeterminismCheckSettings, players=players)

    def test_finish(self) -> None:
        """The last frames are played again at the end, also where no tick ever went back."""
        for ticks, expected in ((0, []), (2, [2, 2]), (8, [])):
            session = DeterminismCheckSession(DeterminismCheckSettings(check_distance=3))
            game = Ledger()
            timeline = CheckedTimeline(game, session)
            for tick in range(ticks):
                timeline.apply(session.advance(inputsOf(tick)))
            steps = session.finish()
            timeline.apply(steps)
            if ticks == 8:
                self.assertEqual(
                    steps,
                    (
                        Load(5), Advance(5, inputsOf(5)), Save(6), Advance(6, inputsOf(6)),
                        Save(7), Advance(7, inputsOf(7)), Save(8),
                    ),
                )
                self.assertEqual(list(game.played.values()), [1, 2, 3, 4, 4, 4, 3, 2])
            else:
                self.assertEqual(list(game.played.values()), expected)
            self.assertEqual(game.frame, ticks)
            timeline.apply(session.advance(inputsOf(ticks)))
            self.assertEqual(game.frame, ticks + 1)
            self.assertEqual(session.mismatches, ())

    def test_sameInputsAgain(self) -> None:
        """A frame is played with the same inputs each time, in order of players."""
        game = Ledger()
        session = DeterminismCheckSession(DeterminismCheckSettings(check_distance=7))
        timeline = CheckedTimeline(game, session)
        for tick in range(30):
            timeline.apply(session.advance(inputsOf(tick)))
        for frame, inputs in game.inputs:
            self.assertEqual(inputs, inputsOf(frame))


class MisuseTests(SynchronousTestCase):
    """What the caller does wrong is a L{LocalProtocolError}, and changes nothing."""

    def test_inputs(self) -> None:
        """Too few inputs, too many, of another type, too long."""
        session = DeterminismCheckSession(DeterminismCheckSettings(input_limit=3))
        for inputs in ((b"",), (b"", b"", b""), (b"", "x"), (b"", bytearray()), (b"abcd", b"")):
            self.assertRaises(LocalProtocolError, session.advance, inputs)
        self.assertEqual(session.advance((b"abc", b"")), (Save(0), Advance(0, (b"abc", b""))))

    def test_order(self) -> None:
        """The states come after each tick, as many as are wanted."""
        session = DeterminismCheckSession(DeterminismCheckSettings())
        session.advance((b"", b""))
        self.assertEqual(session.statesWanted, 2)
        self.assertRaises(LocalProtocolError, session.advance, (b"", b""))
        self.assertRaises(LocalProtocolError, session.finish)
        for count in (0, 1, 3):
            states = [SavedState(b"")] * count
            self.assertRaises(LocalProtocolError, session.statesTaken, states)
        session.statesTaken([SavedState(b"")] * 2)
        self.assertRaises(LocalProtocolError, session.statesTaken, [SavedState(b"")] * 2)
        session.advance((b"", b""))

    def test_foreignSteps(self) -> None:
        """A load that the session did not ask for is our mistake, not the game's."""
        session = DeterminismCheckSession(DeterminismCheckSettings())
        timeline = CheckedTimeline(Ledger(), session)
        self.assertRaises(LocalProtocolError, timeline.apply, (Load(0),))
        timeline = CheckedTimeline(Ledger(), session)
        for tick in range(20):
            steps = session.advance(inputsOf(tick))
            timeline.apply(steps)
        self.assertRaises(LocalProtocolError, session.snapshot, 12)
        self.assertRaises(LocalProtocolError, timeline.apply, steps)
        session.advance(inputsOf(20))
        session.snapshot(13)
        self.assertRaises(LocalProtocolError, session.snapshot, 14)

    def test_settings(self) -> None:
        """Numbers out of bounds, by name."""
        for name, value in (
            ("check_distance", -1), ("check_distance", 33), ("check_distance", True),
            ("input_delay", 17), ("input_delay", -1), ("input_limit", 0),
            ("mismatches_limit", 0), ("players", "2"),
        ):
            error = self.assertRaises(BadSetting, DeterminismCheckSettings, **{name: value})
            self.assertIn(name, str(error))
        self.assertRaises(BadSetting, checkDeterminism, Ledger, inputsOf, 0)
        self.assertRaises(BadSetting, checkDeterminism, Ledger, [(b"",)] * 5, 6)
        self.assertRaises(BadSetting, randomInputs, 2, CHOICES, held=0)


class FaultTests(SynchronousTestCase):
    """Planted nondeterminism is found at exactly its frames, and in its part."""

    def test_oneFrameOnce(self) -> None:
        """A frame that differs the third time only is found, with its consequences marked."""

        def fault(game: Ledger, frame: int, before: int) -> None:
            if frame == 50 and before == 2:
                game.gold += 1

        report = checkDeterminism(
            lambda: Ledger(fault), inputsOf, frames=100, check_distance=7, second_run=False
        )
        self.assertFalse(report.deterministic)
        found = report.mismatches
        self.assertEqual([each.frame for each in found], [50, 51, 52])
        self.assertEqual([each.origin for each in found], [True, False, False])
        # The third time it is another state, and the fourth time the first one again.
        self.assertEqual([each.times for each in found], [2, 2, 1])
        self.assertEqual([each.loaded for each in found], [45, 45, 46])
        self.assertEqual(found[0].kind, MismatchKind.REPLAYED)
        states = {}
        for gold in (102, 103):
            game = Ledger()
            for frame in range(51):
                game.advance(inputsOf(frame))
            game.gold = gold
            states[gold] = game.save()
        self.assertEqual(found[0].first_checksum, crc32(states[102]))
        self.assertEqual(found[0].later_checksum, crc32(states[103]))
        self.assertEqual(
            found[0].differences, (PartDifference("", 23, b"2", b"3", 24, 24),)
        )

    def test_everyReplayOfOneFrame(self) -> None:
        """A frame that differs whenever it is played again; GGRS reports all of them too."""

        def fault(game: Ledger, frame: int, before: int) -> None:
            if frame == 30:
                game.total += before

        report = checkDeterminism(lambda: LedgerInParts(fault), inputsOf, 60, 4, second_run=False)
        origins = [each for each in report.mismatches if each.origin]
        self.assertEqual([each.frame for each in origins], [30])
        self.assertEqual(origins[0].times, 4)
        self.assertEqual([part.part for part in origins[0].differences], ["total"])
        followed = [each.frame for each in report.mismatches if not each.origin]
        self.assertEqual(followed, [31, 32, 33])

    def test_originLater(self) -> None:
        """A frame that first only follows, and then differs by itself, is an origin."""

        def fault(game: Ledger, frame: int, before: int) -> None:
            if (frame == 10 and before >= 2) or (frame == 11 and before == 2):
                game.gold += 1

        report = checkDeterminism(lambda: Ledger(fault), inputsOf, 30, 5, second_run=False)
        found = {each.frame: each.origin for each in report.mismatches}
        self.assertEqual([frame for frame in found if found[frame]], [10, 11])

    def test_replayDiffersFromFirstPlay(self) -> None:
        """A distance of 1 finds what the steps alone would never save twice."""

        def fault(game: Ledger, frame: int, before: int) -> None:
            if frame in (0, 7, 19) and before:
                game.gold += 1

        report = checkDeterminism(
            lambda: Ledger(fault), inputsOf, 20, check_distance=1, second_run=False
        )
        self.assertEqual([each.frame for each in report.mismatches], [7, 19])
        report = checkDeterminism(
            lambda: Ledger(fault), inputsOf, 5, check_distance=8, second_run=False
        )
        self.assertEqual(report.mismatches[0].frame, 0)
        self.assertEqual([each.origin for each in report.mismatches], [True] + [False] * 4)

    def test_part(self) -> None:
        """The part that differs is named, with the first byte and both values."""

        def fault(game: Ledger, frame: int, before: int) -> None:
            if frame == 12 and before == 1:
                game.gold += 100

        report = checkDeterminism(lambda: LedgerInParts(fault), inputsOf, 40, 2, second_run=False)
        mismatch = report.mismatches[0]
        self.assertEqual(mismatch.frame, 12)
        self.assertEqual(mismatch.differences, (PartDifference("gold", 0, b"26", b"126", 2, 3),))
        self.assertIn(
            "part 'gold': from byte 0 on first 3236, later 313236 (2 bytes, later 3)", str(report)
        )

    def test_partThatIsNotSaved(self) -> None:
        """What save leaves out is found by its part, though the checksums are equal."""

        def fault(game: Ledger, frame: int, before: int) -> None:
            assert isinstance(game, LedgerInParts)
            game.hidden += 1

        report = checkDeterminism(lambda: LedgerInParts(fault), inputsOf, 20, 3, second_run=False)
        mismatch = report.mismatches[0]
        self.assertEqual(mismatch.frame, 1)
        self.assertEqual(mismatch.first_checksum, mismatch.later_checksum)
        self.assertEqual([part.part for part in mismatch.differences], ["hidden"])
        self.assertIn("as the snapshot leaves it out", str(report))
        self.assertTrue(checkDeterminism(lambda: Ledger(None), inputsOf, 20, 3).deterministic)

    def test_randomChecksums(self) -> None:
        """Random checksums are reported, at every frame; GGRS raises MismatchedChecksum."""
        random = SeededRandom(3)

        class Random(Ledger):
            def save(self) -> bytes:
                return super().save() + random.drawBytes(4)

        report = checkDeterminism(Random, inputsOf, 30, 2, second_run=False)
        self.assertEqual([each.frame for each in report.mismatches], list(range(30)))
        self.assertEqual(
            [each.kind for each in report.mismatches],
            [MismatchKind.SAVED_TWICE] * 2 + [MismatchKind.REPLAYED] * 28,
        )
        error = self.assertRaises(NotDeterministic, report.assertDeterministic)
        self.assertIsInstance(error, AssertionError)
        self.assertIs(error.report, report)
        self.assertEqual(str(error), str(report))

    def test_badLoad(self) -> None:
        """A load that restores too little is found at the first frame that shows it."""

        class Forgetful(LedgerInParts):
            def load(self, snapshot: bytes) -> None:
                gold = self.gold
                super().load(snapshot)
                self.gold = gold

        mismatch = checkDeterminism(Forgetful, inputsOf, 20, 2, second_run=False).mismatches[0]
        self.assertEqual((mismatch.frame, mismatch.differences[0].part), (1, "gold"))

    def test_saveThatChangesTheGame(self) -> None:
        """A save that changes what it saves is found."""

        class Spending(Ledger):
            def save(self) -> bytes:
                snapshot = super().save()
                self.gold += 1
                return snapshot

        mismatch = checkDeterminism(Spending, inputsOf, 20, 2, second_run=False).mismatches[0]
        self.assertEqual((mismatch.frame, mismatch.kind), (0, MismatchKind.SAVED_TWICE))

    def test_limit(self) -> None:
        """Of a hopeless game no more frames are kept than the limit; the check ends there."""
        random = SeededRandom(4)

        class Random(Ledger):
            def save(self) -> bytes:
                return super().save() + random.drawBytes(4)

        report = checkDeterminism(Random, inputsOf, 1000, 7, mismatches_limit=25)
        self.assertEqual(len(report.mismatches), 25)
        self.assertLess(report.frames, 40)
        self.assertTrue(report.cut_short)
        self.assertIn("ended early", str(report))

        def fault(game: Ledger, frame: int, before: int) -> None:
            game.gold += frame == 20 and before == 7

        for limit, kept in ((2, 2), (100, 7)):
            report = checkDeterminism(
                lambda: Ledger(fault), inputsOf, 28, 7, second_run=False, mismatches_limit=limit
            )
            self.assertEqual([each.frame for each in report.mismatches], [*range(20, 20 + kept)])

    @settings(max_examples=60, deadline=None)
    @given(
        st.integers(1, 7),
        st.dictionaries(st.integers(0, 5), st.integers(0, 1), max_size=6),
        st.integers(0, 3),
    )
    def test_exactlyThePlanted(self, distance: int, drawn: dict[int, int], delay: int) -> None:
        """Planted further apart than the distance: the origins are those frames, no others."""
        planted = {5 + 9 * place: before for place, before in drawn.items()}

        def fault(game: Ledger, frame: int, before: int) -> None:
            if frame in planted and before == planted[frame]:
                game.total ^= 1 << 7

        report = checkDeterminism(
            lambda: Ledger(fault), inputsOf, 60, distance, delay, second_run=False
        )
        origins = [each.frame for each in report.mismatches if each.origin]
        self.assertEqual(origins, sorted(planted))

    @settings(max_examples=60, deadline=None)
    @given(st.integers(1, 7), st.dictionaries(st.integers(1, 29), st.integers(0, 1), min_size=1))
    def test_everyPlanted(self, distance: int, planted: dict[int, int]) -> None:
        """Planted anywhere: every one of them is reported, and no origin is another frame."""

        def fault(game: Ledger, frame: int, before: int) -> None:
            if frame in planted and before == planted[frame]:
                game.total ^= 1 << 7

        report = checkDeterminism(
            lambda: Ledger(fault), inputsOf, 30, distance, second_run=False
        )
        found = {each.frame: each.origin for each in report.mismatches}
        self.assertLessEqual(set(planted), set(found))
        self.assertTrue(found[min(planted)])
        self.assertLessEqual({frame for frame in found if found[frame]}, set(planted))


class SecondRunTests(SynchronousTestCase):
    """The anchor's "determinism of two runs", frame by frame."""

    def test_equal(self) -> None:
        """Two runs of a sound game agree, going back or not, whatever the distance."""
        for distance in (0, 1, 2, 7, 32):
            report = checkDeterminism(
                Ledger, randomInputs(3, CHOICES, seed=distance), 200, distance
            )
            report.assertDeterministic()
            self.assertEqual(report.frames, 200)

    def test_betweenObjects(self) -> None:
        """What is the same within one object and not between two is found, from frame 0 on."""
        made = []

        def fault(game: Ledger, frame: int, before: int) -> None:
            if frame in (0, 33):
                game.gold += made.index(game)

        def make() -> Ledger:
            made.append(Ledger(fault))
            return made[-1]

        for distance in (0, 5):
            made.clear()
            report = checkDeterminism(make, inputsOf, 50, distance)
            self.assertEqual([each.frame for each in report.mismatches], [0, 33])
            for mismatch in report.mismatches:
                self.assertEqual(mismatch.kind, MismatchKind.SECOND_RUN)
                self.assertTrue(mismatch.origin)
        made.clear()
        self.assertTrue(checkDeterminism(make, inputsOf, 50, second_run=False).deterministic)

    def test_notLoaded(self) -> None:
        """A difference that a load does not mend has one origin and goes on from there."""
        made: list[LedgerInParts] = []

        def fault(game: Ledger, frame: int, before: int) -> None:
            assert isinstance(game, LedgerInParts)
            if frame == 5:
                game.hidden = made.index(game)

        def make() -> LedgerInParts:
            made.append(LedgerInParts(fault))
            return made[-1]

        report = checkDeterminism(make, inputsOf, 12, 0)
        self.assertEqual([each.frame for each in report.mismatches], [*range(5, 12)])
        self.assertEqual([each.frame for each in report.mismatches if each.origin], [5])

    def test_secondFails(self) -> None:
        """What only the second simulation raises is in the report too."""
        made: list[Ledger] = []

        def fault(game: Ledger, frame: int, before: int) -> None:
            if frame == 6 and game is made[1]:
                raise ArithmeticError

        def make() -> Ledger:
            made.append(Ledger(fault))
            return made[-1]

        failure = checkDeterminism(make, inputsOf, 12).failure
        assert failure is not None
        self.assertEqual((failure.moment, failure.frame), ("advance", 6))
        self.assertIsInstance(failure.__cause__, ArithmeticError)

    def test_firstState(self) -> None:
        """A game that begins differently each time is found before frame 0."""
        made: list[Ledger] = []

        def make() -> Ledger:
            game = Ledger()
            game.gold = len(made)
            made.append(game)
            return game

        report = checkDeterminism(make, inputsOf, 10)
        self.assertEqual([each.frame for each in report.mismatches], [-1])
        self.assertIn("the state before frame 0: in a second simulation", str(report))

    def test_seeded(self) -> None:
        """A game with random numbers is begun with the seed, both of it."""
        seeds = []

        @implementer(ISeededSimulation)
        class Seeded(Ledger):
            def begin(self, seed: int) -> None:
                seeds.append(seed)
                self.total = seed

        checkDeterminism(Seeded, inputsOf, 10, seed=77).assertDeterministic()
        self.assertEqual(seeds, [77, 77])


class FailureTests(SynchronousTestCase):
    """Bad input: what the game raises is in the report, with the frame and the call."""

    def test_moments(self) -> None:
        """Each call is named, with its frame and the original exception."""

        class Failing(LedgerInParts):
            def __init__(self, moment: str) -> None:
                super().__init__()
                self.moment = moment

            def check(self, moment: str) -> None:
                if moment == self.moment and self.frame >= 5:
                    raise ZeroDivisionError(moment)

            def advance(self, inputs: Sequence[bytes]) -> None:
                self.check("advance")
                super().advance(inputs)

            def save(self) -> bytes:
                self.check("save")
                return super().save()

            def load(self, snapshot: bytes) -> None:
                self.check("load")
                super().load(snapshot)

            def parts(self) -> dict[str, bytes]:
                self.check("parts")
                return dict(super().parts())

        for moment, frame in (("advance", 5), ("save", 5), ("load", 2), ("parts", 5)):
            for second_run in (False, True):
                report = checkDeterminism(
                    lambda moment=moment: Failing(moment), inputsOf, 20, 3, second_run=second_run
                )
                failure = report.failure
                assert failure is not None
                self.assertEqual((failure.moment, failure.frame), (moment, frame))
                self.assertIsInstance(failure.__cause__, ZeroDivisionError)
                self.assertIn(f"ZeroDivisionError: {moment}", str(report))
                self.assertFalse(report.deterministic)
                self.assertRaises(NotDeterministic, report.assertDeterministic)

    def test_bad(self) -> None:
        """What is no snapshot, no parts, no inputs and no simulation is named too."""

        class BadSave(Ledger):
            def save(self) -> bytes:
                return 7  # type: ignore[return-value]

        class BadParts(LedgerInParts):
            def parts(self) -> dict[str, bytes]:
                return {"x": 7}  # type: ignore[dict-item]

        class OwnError(Ledger):
            def load(self, snapshot: bytes) -> None:
                raise MomentFailed("mine")

        def longer(frame: int) -> tuple[bytes, ...]:
            return inputsOf(frame, 2 + (frame > 3))

        for make, inputs, moment, frame in (
            (BadSave, inputsOf, "save", 0),
            (BadParts, inputsOf, "parts", 0),
            (OwnError, inputsOf, "load", 1),
            (Ledger, longer, "inputs", 4),
            (Ledger, lambda frame: (), "inputs", 0),
            (Ledger, lambda frame: None, "inputs", 0),
            (lambda: 1 // 0, inputsOf, "makeSimulation", None),
        ):
            failure = checkDeterminism(make, inputs, 20, 3, second_run=False).failure
            assert failure is not None
            self.assertEqual((failure.moment, failure.frame), (moment, frame))

    def test_nothingMore(self) -> None:
        """After a failure the simulation is left alone; Ctrl-C is no failure of the game."""

        class Failing(Ledger):
            def advance(self, inputs: Sequence[bytes]) -> None:
                raise ZeroDivisionError

        session = DeterminismCheckSession(DeterminismCheckSettings())
        timeline = CheckedTimeline(Failing(), session)
        self.assertRaises(MomentFailed, timeline.apply, session.advance((b"", b"")))
        self.assertTrue(timeline.failed)
        self.assertRaises(LocalProtocolError, timeline.apply, ())

        class Interrupted(Ledger):
            def advance(self, inputs: Sequence[bytes]) -> None:
                raise KeyboardInterrupt

        self.assertRaises(KeyboardInterrupt, checkDeterminism, Interrupted, inputsOf)


class DifferenceTests(SynchronousTestCase):
    """Where two states differ."""

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
    def test_firstByte(self, head: bytes, one: bytes, other: bytes) -> None:
        """The offset is that of the first byte that differs; the bytes shown are bounded."""
        first, later = head + one, head + other
        found = differences(SavedState(first), SavedState(later))
        if first == later:
            self.assertEqual(found, ())
            return
        (difference,) = found
        offset = difference.offset
        self.assertEqual(first[:offset], later[:offset])
        self.assertNotEqual(first[offset : offset + 1], later[offset : offset + 1])
        self.assertEqual(difference.first, first[offset : offset + SHOWN_BYTES])
        self.assertEqual(difference.later, later[offset : offset + SHOWN_BYTES])
        self.assertEqual((difference.first_length, difference.later_length),
                         (len(first), len(later)))

    def test_parts(self) -> None:
        """Missing parts are told; equal parts with unequal snapshots show the snapshots."""
        found = differences(
            SavedState(b"1", {"a": b"x", "b": b"y", "": b"same"}),
            SavedState(b"2", {"b": b"z", "c": b"", "": b"same"}),
        )
        self.assertEqual(
            found,
            (
                PartDifference("a", 0, b"x", None, 1, 0),
                PartDifference("b", 0, b"y", b"z", 1, 1),
                PartDifference("c", 0, None, b"", 0, 0),
            ),
        )
        self.assertEqual(str(found[0]), "part 'a': only the first state has it")
        self.assertEqual(str(found[2]), "part 'c': only the later state has it")
        same = differences(SavedState(b"1", {"a": b"x"}), SavedState(b"2", {"a": b"x"}))
        self.assertEqual(same, (PartDifference("", 0, b"1", b"2", 1, 1),))

    def test_bounded(self) -> None:
        """A hundred parts with long names and a megabyte each are told in a short text."""
        first = SavedState(b"", {"n" * 9999 + f"{n}": bytes(1 << 16) for n in range(100)})
        later = SavedState(b"", dict.fromkeys(first.parts or {}, b"\1" * (1 << 16)))
        found = differences(first, later)
        self.assertEqual(len(found), DIFFERENCES_LIMIT)
        self.assertLess(sum([len(str(each)) for each in found]), 5000)


class ReportTests(SynchronousTestCase):
    """A report can be read, and is short."""

    def test_sound(self) -> None:
        """A sound game's report says what was done."""
        report = checkDeterminism(Ledger, inputsOf, 100, 7)
        self.assertEqual(
            str(report),
            "deterministic: 100 frames, check distance 7, 851 simulated in all",
        )
        self.assertIsNone(report.assertDeterministic())

    def test_many(self) -> None:
        """Ten frames are told in full, the others by their numbers."""

        def mismatch(frame: int, origin: bool) -> Mismatch:
            return Mismatch(frame, 1, 2, MismatchKind.REPLAYED, frame - 3, origin, ())

        frames = [mismatch(frame, frame % 3 == 0) for frame in range(3000)]
        text = str(Report(3000, 7, 24_000, tuple(frames)))
        self.assertEqual(len(text.splitlines()), 13)
        self.assertIn("frame 27: played again it led to another state (from snapshot 24", text)
        self.assertIn("likewise frames 30, 33,", text)
        self.assertIn("and 980 more", text)
        self.assertIn("frames 1 to 2, 4 to 5,", text)
        self.assertLess(len(text), 2000)


class RandomInputsTests(SynchronousTestCase):
    """Inputs for a check."""

    def test_same(self) -> None:
        """The same arguments give the same inputs, other seeds others; all choices occur."""

        def drawn(seed: int, held: int = 4) -> list[tuple[bytes, ...]]:
            inputs = randomInputs(2, CHOICES, seed, held)
            return [inputs(frame) for frame in range(300)]

        self.assertEqual(drawn(1), drawn(1))
        self.assertNotEqual(drawn(1), drawn(2))
        for player in (0, 1):
            self.assertEqual(
                sorted({inputs[player] for inputs in drawn(1)}), sorted(CHOICES)
            )
        changes = [sum([a != b for a, b in pairwise(each)])
                   for each in (drawn(1, 1), drawn(1, 20))]
        self.assertGreater(changes[0], 3 * changes[1])
