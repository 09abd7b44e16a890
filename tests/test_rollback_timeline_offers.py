"""Tests of L{gamenet.rollback.timeline}: what a simulation may offer, and do wrong."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any
from zlib import crc32

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import classImplements

from gamenet.errors import BadSetting, LocalProtocolError, MomentFailed
from gamenet.interfaces import IBotSimulation
from gamenet.rollback.state_difference import INamedParts
from gamenet.rollback.state_dump import PART_NAME_BYTES, PARTS_LIMIT, StateDump
from gamenet.rollback.steps import Advance, Load, Restore, Save, Step
from gamenet.rollback.timeline import Timeline
from gamenet.rollback.timeline_rules import TimelineRules
from tests.rollback_stub_session import BufferGame, Diary, GiftedDiary, StubSession


class OffersTests(SynchronousTestCase):
    """What a simulation offers is used."""

    def begin(self, game: Diary | None = None, **rules: Any) -> None:
        """Set a timeline up."""
        self.game = GiftedDiary() if game is None else game
        self.session = StubSession(TimelineRules(**rules))
        self.timeline = Timeline(self.game, self.session)

    def test_seats(self) -> None:
        """A simulation that wants to know is told whose seats are empty, at every frame."""
        self.begin()
        self.timeline.apply((Advance(0, (b"a", b"b")), Advance(1, (b"c", b""), (2,))))
        self.assertEqual(
            self.game.calls,
            [("advanceSeated", (b"a", b"b"), ()), ("advanceSeated", (b"c", b""), (2,))],
        )

    def test_seatsDoNotMatter(self) -> None:
        """Any other simulation plays on with the inputs of the policy."""
        self.begin(Diary())
        self.timeline.apply((Advance(1, (b"c", b"x"), (2,)),))
        self.assertEqual(self.game.calls, [("advance", (b"c", b"x"))])

    def test_bots(self) -> None:
        """
        A leaving player is replaced by a bot, if so decided: it is asked right before
        each frame, in order of player number, and again when the frame is played again.
        """
        self.begin(bots=True)
        frame = Advance(1, (b"a", b"b", b"c", b"d"), (2, 4))
        self.timeline.apply((Save(1), frame, Load(1), frame))
        asked = [
            ("botInput", 2),
            ("botInput", 4),
            ("advanceSeated", (b"a", b"2!", b"c", b"4!"), (2, 4)),
        ]
        self.assertEqual(
            self.game.calls, [("save",), ("checksum",), *asked, ("load", b""), *asked]
        )

    def test_botsOfAPlainGame(self) -> None:
        """A bot's inputs reach C{advance} too, and its failures are its own."""

        class Bot(Diary):
            botInput = GiftedDiary.botInput

        classImplements(Bot, IBotSimulation)
        self.begin(Bot(), bots=True)
        self.timeline.apply((Advance(1, (b"a", b"b"), (1,)),))
        self.assertEqual(self.game.calls[-1], ("advance", (b"1!", b"b")))
        self.game.failing = "advance"
        error = self.assertRaises(
            MomentFailed, self.timeline.apply, (Advance(2, (b"a", b"b"), (1,)),)
        )
        self.assertEqual((error.moment, error.frame), ("advance", 2))

    def test_noBotsWanted(self) -> None:
        """Under another policy nobody asks the bot."""
        self.begin()
        self.timeline.apply((Advance(1, (b"a", b"b"), (2,)),))
        self.assertEqual(self.game.calls, [("advanceSeated", (b"a", b"b"), (2,))])

    def test_noBotsThere(self) -> None:
        """A game without bots cannot be played under that policy."""
        self.assertRaises(BadSetting, self.begin, Diary(), bots=True)

    def test_checksums(self) -> None:
        """
        The simulation's own checksum is that of the saved state, whatever was played
        since; it is told in place of the snapshot's.
        """
        self.begin()
        self.timeline.apply(
            (
                Save(0),
                Advance(0, (b"abc",)),
                Save(1),
                Advance(1, (b"d",)),
                Save(2),
                Load(1),
                Advance(1, (b"efg",)),
                Save(2),
            )
        )
        self.session.wanted = (0, 1)
        self.timeline.apply((Advance(2, (b"h",)),))
        self.assertEqual(self.session.taken, {0: 3, 1: 6})

    def test_sparseChecksums(self) -> None:
        """Where saves are rare, only a kept one has a checksum, also when it is old."""
        self.begin(sparse=True, prediction_window=1, kept_states=2)
        self.timeline.apply((Save(0), Advance(0, (b"abc",)), Save(60, kept=True)))
        self.assertEqual(self.game.calls.count(("checksum",)), 1)
        self.timeline.apply([Save(number) for number in range(61, 71)])
        self.session.wanted = (59,)
        self.timeline.apply(())
        self.assertEqual(self.session.taken, {59: 3})
        for wanted, reason in (
            (69, "the checksum of snapshot 70 was not taken"),
            (80, "snapshot 81 is not kept"),
        ):
            self.session.wanted = (wanted,)
            error = self.assertRaises(LocalProtocolError, self.timeline.apply, ())
            self.assertEqual(str(error), reason)

    def test_sparseSnapshots(self) -> None:
        """Where saves are rare, any of them can be gone back to by its number."""
        self.begin(Diary(), sparse=True, prediction_window=2)
        steps: list[Step] = []
        for number in range(0, 70, 10):
            steps += [Save(number), Advance(number, (b"%d" % (number // 10),))]
        self.timeline.apply(steps)
        for number in (20, 60, 10):
            self.timeline.apply((Load(number),))
            self.assertEqual(self.game.state, b"012345"[: number // 10])
        self.assertRaises(LocalProtocolError, self.timeline.apply, (Load(0),))
        self.session.wanted = (59,)
        self.timeline.apply(())
        self.assertEqual(self.session.taken, {59: crc32(b"012345")})

    def test_restore(self) -> None:
        """
        Reconnection and late join: another peer's state becomes the present one and the
        snapshot of its number; no state of another past can be gone back to.
        """
        for game in (Diary(), GiftedDiary()):
            self.begin(game)
            self.timeline.apply((Save(0), Advance(0, (b"a",)), Save(1, kept=True)))
            self.timeline.apply((Restore(500, b"theirs"), Advance(500, (b"!",)), Save(501)))
            self.assertEqual(self.game.state, b"theirs!")
            for number in (0, 1):
                self.assertIsNone(self.timeline.snapshotOf(number))
                self.assertRaises(LocalProtocolError, self.timeline.apply, (Load(number),))
            self.assertIsNone(self.timeline.dump(0))
            self.session.wanted = (499,)
            self.timeline.apply((Load(500),))
            self.assertEqual(self.game.state, b"theirs")
            own = isinstance(game, GiftedDiary)
            self.assertEqual(self.session.taken, {499: 6 if own else crc32(b"theirs")})


class DumpTests(SynchronousTestCase):
    """Done when: a dump pair can be made of a report frame after its difference was noticed."""

    def play(self, game: Diary, frames: int, **rules: Any) -> Timeline:
        """Play a game whose report frames are 9, 19, ..."""
        timeline = Timeline(game, StubSession(TimelineRules(**rules)))
        timeline.apply((Save(0),))
        for frame in range(frames):
            pressed = (b"%d" % (frame % 10),)
            timeline.apply((Advance(frame, pressed), Save(frame + 1, frame % 10 == 9)))
        return timeline

    def test_kept(self) -> None:
        """The newest kept states stay when the others are long gone, each with its parts."""
        timeline = self.play(GiftedDiary(), 77)
        self.assertEqual(
            [frame for frame in range(77) if timeline.dump(frame)], [39, 49, 59, 69]
        )
        self.assertEqual(
            timeline.dump(39),
            StateDump(39, 40, b"0123456789" * 4, (("end", b"89"), ("length", b"40"))),
        )

    def test_withoutParts(self) -> None:
        """A game that names no parts has none, and its checksum is crc32."""
        timeline = self.play(Diary(), 25, kept_states=1)
        state = b"0123456789" * 2
        self.assertEqual(timeline.dump(19), StateDump(19, crc32(state), state))
        for frame in (-2, -1, 9, 18, 20, 24):
            self.assertIsNone(timeline.dump(frame))

    def test_playedAgain(self) -> None:
        """A kept state that was predicted is replaced when it is saved again."""
        timeline = self.play(GiftedDiary(), 10)
        timeline.apply((Load(9), Advance(9, (b"!",)), Save(10, kept=True)))
        dump = timeline.dump(9)
        assert dump is not None
        self.assertEqual(dump.snapshot, b"012345678!")
        self.assertEqual(dump.parts, (("end", b"8!"), ("length", b"10")))

    def test_snapshots(self) -> None:
        """A state for somebody who joins: the newest one that is final, near or kept."""
        timeline = self.play(Diary(), 77, prediction_window=2)
        for highest, newest in (
            (80, 77), (77, 77), (75, 75), (74, 74), (73, 70), (70, 70), (69, 60), (40, 40),
        ):  # fmt: skip
            self.assertEqual(timeline.newestSnapshot(highest), newest)
            state = b"0123456789" * 8
            self.assertEqual(timeline.snapshotOf(newest), state[:newest])
        self.assertIsNone(timeline.newestSnapshot(39))
        self.assertIsNone(timeline.snapshotOf(30))


class BadSimulationTests(SynchronousTestCase):
    """Bad input: whatever a simulation does wrong ends the match by name and frame."""

    def assertFails(
        self, moment: str, steps: tuple[Step, ...], cause: type[Exception], **answers: Any
    ) -> str:
        """Apply steps, the last one of which fails; return why."""
        game = GiftedDiary()
        session = StubSession(TimelineRules(bots=True, input_limit=4))
        timeline = Timeline(game, session)
        timeline.apply((Save(0), Advance(0, (b"a", b"b")), Save(1, kept=True)))
        game.calls.clear()
        game.answers = answers
        if not answers:
            game.failing = moment
        session.wanted = (0,)
        error = self.assertRaises(MomentFailed, timeline.apply, steps)
        self.assertEqual((error.moment, error.frame), (moment, steps[-1].frame))
        self.assertIsInstance(error.__cause__, cause)
        self.assertEqual(session.taken, {})
        count = len(game.calls)
        for step in (Save(1), Load(1), Advance(1, (b"a", b"b")), Restore(9, b"c")):
            self.assertRaises(LocalProtocolError, timeline.apply, (step,))
        self.assertEqual(len(game.calls), count)
        return str(error.__cause__)

    def test_raises(self) -> None:
        """Each method that raises."""
        frame = Advance(7, (b"a", b"b"), (2,))
        steps: tuple[tuple[str, tuple[Step, ...]], ...] = (
            ("advanceSeated", (Save(7), frame)),
            ("botInput", (Save(7), frame)),
            ("save", (frame, Save(8))),
            ("checksum", (frame, Save(8))),
            ("parts", (frame, Save(8), Save(9, kept=True))),
            ("load", (frame, Load(1))),
            ("load", (frame, Restore(5, b"x"))),
            ("checksum", (frame, Restore(5, b"x"))),
        )
        for moment, given in steps:
            self.assertFails(moment, given, ZeroDivisionError)

    def test_partsOfAPlainGame(self) -> None:
        """The same where parts are all that a simulation offers, and then C{save}."""
        class Named(Diary):
            parts = GiftedDiary.parts

        classImplements(Named, INamedParts)
        for moment in ("parts", "save"):
            game = Named()
            timeline = Timeline(game, StubSession())
            timeline.apply((Save(0, kept=True),))
            game.failing = moment
            error = self.assertRaises(MomentFailed, timeline.apply, (Save(3, kept=True),))
            self.assertEqual((error.moment, error.frame), (moment, 3))

    def test_answers(self) -> None:
        """Each method that returns something else than it should."""
        frame = Advance(7, (b"a", b"b"), (2,))
        save = Save(8, kept=True)
        long_name = "x" * (PART_NAME_BYTES + 1)
        cases: tuple[tuple[str, object, type[Exception], str], ...] = (
            ("save", "text", TypeError, "save returned str, not bytes"),
            ("save", memoryview(b"x"), TypeError, "save returned memoryview, not bytes"),
            ("checksum", None, TypeError, "checksum returned NoneType, not int"),
            ("checksum", True, TypeError, "checksum returned bool, not int"),
            ("checksum", 7.0, TypeError, "checksum returned float, not int"),
            ("checksum", b"abcd", TypeError, "checksum returned bytes, not int"),
            ("checksum", -1, ValueError, "checksum returned -1, not 0 to 2**32 - 1"),
            ("checksum", 1 << 32, ValueError, f"checksum returned {1 << 32}, not 0 to 2**32 - 1"),
            ("botInput", None, TypeError, "botInput returned NoneType, not bytes"),
            ("botInput", "l", TypeError, "botInput returned str, not bytes"),
            ("botInput", b"12345", ValueError, "botInput returned 5 bytes, more than 4"),
            ("parts", [b"x"], TypeError, "parts returned list, not a mapping"),
            ("parts", {"a": 1}, TypeError, "parts returned str: int"),
            ("parts", {1: b""}, TypeError, "parts returned int: bytes"),
            (
                "parts",
                {str(n): b"" for n in range(PARTS_LIMIT + 1)},
                ValueError,
                f"{PARTS_LIMIT + 1} parts, more than {PARTS_LIMIT}",
            ),
            (
                "parts",
                OrderedDict([(long_name, b"")]),
                ValueError,
                f"a part's name is longer than {PART_NAME_BYTES} bytes: {long_name[:64]}",
            ),
        )
        for moment, answer, cause, text in cases:
            steps = (Save(7), frame) if moment == "botInput" else (Save(7), save)
            if moment in ("save", "checksum"):
                steps = (save,)
            self.assertEqual(self.assertFails(moment, steps, cause, **{moment: answer}), text)
        self.assertFails("parts", (save,), ValueError, parts={"\ud800": b""})

    def test_limitsAreFine(self) -> None:
        """What is just within the limits is taken."""
        game = GiftedDiary()
        timeline = Timeline(game, StubSession(TimelineRules(bots=True, input_limit=4)))
        parts = {f"{n:0255}": b"" for n in range(PARTS_LIMIT)}
        game.answers = {"checksum": (1 << 32) - 1, "botInput": b"1234", "parts": parts}
        timeline.apply((Advance(0, (b"",), (1,)), Save(1, kept=True)))
        dump = timeline.dump(0)
        assert dump is not None
        self.assertEqual((dump.checksum, dump.snapshot), ((1 << 32) - 1, b"1234"))
        self.assertEqual(dump.parts, tuple(parts.items()))

    def test_released(self) -> None:
        """A buffer that the game gave away fails its next save by name, and nothing else."""

        class Careless(BufferGame):
            def saveInto(self, buffer: memoryview) -> None:
                with buffer:
                    super().saveInto(buffer)

        timeline = Timeline(Careless(8), StubSession(TimelineRules(prediction_window=0)))
        error = self.assertRaises(MomentFailed, timeline.apply, (Save(0),))
        self.assertEqual((error.moment, error.frame), ("saveInto", 0))
        self.assertIsInstance(error.__cause__, ValueError)
