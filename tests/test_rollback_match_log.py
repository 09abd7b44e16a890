"""
Tests for L{gamenet.match_log.match_log}, L{gamenet.match_log.logged_states} and
L{gamenet.match_log.reader}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import pairwise
from typing import Any
from zlib import crc32

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.errors import BadSetting, MalformedMessage
from gamenet.interfaces import ISavesInto, ISimulation
from gamenet.match_log.logged_states import STATES_LIMIT, changedSpan
from gamenet.match_log.match_log import MatchLog, MatchLogSettings
from gamenet.match_log.reader import BadMatchLog, MatchLogReader, StateReader
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.state_difference import INamedParts
from gamenet.rollback.steps import Advance, Load, Restore, Save
from gamenet.wire.match_log_format import LINE_LIMIT
from gamenet.wire.match_log_records import (
    EndRecord,
    EventRecord,
    FrameRecord,
    NoteRecord,
    PartDigest,
    PartPatch,
    StateRecord,
    TickRecord,
)
from tests.match_logs import headerOf, logBytes, loggedDuel, read
from tests.rollback_pipe import HashGame, Link

__all__ = ["EndTests", "ReaderTests", "RecordTests", "StateTests"]


@attrs.define
class FakeSession:
    """What a log reads of a session."""

    current_frame: int = 0
    counts: tuple[int, ...] = (1, 0)

    def inputCounts(self) -> tuple[int, ...]:
        """How many inputs of each player are known."""
        return self.counts


@implementer(ISimulation, INamedParts)
class PartsGame:
    """A game with parts that a test sets."""

    def __init__(self) -> None:
        self.named: Mapping[str, Any] = {"a": b"0"}

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Play."""

    def save(self) -> bytes:
        """Return the state."""
        return b"snapshot"

    def load(self, snapshot: bytes) -> None:
        """Go back."""

    def parts(self) -> Mapping[str, Any]:
        """Return the parts, or raise."""
        if not self.named:
            raise ZeroDivisionError
        return self.named


def begun(**changes: Any) -> tuple[MatchLog, list[bytes]]:
    """A log that began, and its lines."""
    lines: list[bytes] = []
    return MatchLog(lines.append, headerOf(), MatchLogSettings(**changes)), lines


def recordsOf(lines: list[bytes]) -> list[Any]:
    """What the lines say."""
    return read(b"".join(lines))[1]


class RecordTests(SynchronousTestCase):
    """What is written of a match."""

    def test_match(self) -> None:
        """Done when: per frame and peer, inputs as played and as they became final."""
        for data in loggedDuel(90):
            reader, records = read(data)
            self.assertEqual((reader.cut, reader.end), (False, records[-1]))
            self.assertEqual(records[-1].text, "finished")  # type: ignore[union-attr]
            ticks = [each for each in records if isinstance(each, TickRecord)]
            final = [each for each in records if isinstance(each, FrameRecord)]
            played = [each for each in ticks if each.inputs is not None]
            self.assertEqual([each.frame for each in played], list(range(90)))
            self.assertEqual([each.frame for each in final], list(range(90)))
            newest = {}
            for each in ticks:
                if each.load is not None:
                    newest.update(enumerate(each.replayed, each.load))
                if each.inputs is not None:
                    newest[each.frame] = each.inputs
            self.assertEqual(newest, {each.frame: each.inputs for each in final})
            self.assertTrue(all(first.time <= later.time for first, later in pairwise(ticks)))

    def test_predicted(self) -> None:
        """An input of a frame is marked as predicted exactly if none of it had come."""
        for player, data in enumerate(loggedDuel(60, link=Link(latency=3)), start=1):
            ticks = [each for each in read(data)[1] if isinstance(each, TickRecord)]
            late = [each for each in ticks if each.inputs is not None and 10 < each.frame < 50]
            for each in late:
                self.assertGreater(each.counts[player - 1], each.frame)
                self.assertLess(each.counts[2 - player], each.frame)

    def test_lockstep(self) -> None:
        """In lockstep nothing is predicted and nothing goes back."""
        for data in loggedDuel(30, prediction_window=0):
            for each in read(data)[1]:
                if isinstance(each, TickRecord) and each.inputs is not None:
                    self.assertGreater(min(each.counts), each.frame)
                    self.assertIsNone(each.load)

    def test_stalls(self) -> None:
        """Done when: stalls.  A silent link stalls both; each tick of it is written."""
        one, other = loggedDuel(60, link=Link(latency=2, blackout=(20, 15)))
        for data in (one, other):
            stalled = [each for each in read(data)[1] if isinstance(each, TickRecord)]
            self.assertGreater(sum(each.stalled for each in stalled), 3)
            self.assertTrue(all(each.inputs is None for each in stalled if each.stalled))

    def test_steps(self) -> None:
        """A tick's steps: going back, playing again, a state taken over, empty seats."""
        log, lines = begun()
        session = FakeSession(3, (4, 2))
        log.ticked(0.5, [Advance(n, (b"a", b"b")) for n in range(3)], session)
        steps = (Load(1), Advance(1, (b"a", b"c")), Save(2), Advance(2, (b"a", b"c")), Save(3))
        log.ticked(0.6, (*steps, Advance(3, (b"d", b""), (2,)), Save(4)), session)
        log.ticked(0.7, (Restore(9, b"state"),), session)
        log.ticked(0.8, (Advance(9, (b"", b"")),), session)
        log.ticked(0.9, (), session)
        *played, back, restored, on = recordsOf(lines)
        self.assertEqual([each.frame for each in played], [0, 1, 2])
        self.assertEqual(
            back,
            TickRecord(
                0.6, 3, (b"d", b""), (4, 2), (2,), load=1, replayed=((b"a", b"c"), (b"a", b"c"))
            ),
        )
        self.assertEqual((restored.restored, restored.inputs), (9, None))
        self.assertEqual((on.frame, on.inputs), (9, (b"", b"")))

    def test_takenOver(self) -> None:
        """A state that is taken over, and all since then played again: a way back."""
        log, lines = begun()
        session = FakeSession(3)
        log.ticked(0.5, [Advance(n, (b"a", b"b")) for n in range(3)], session)
        again = [Advance(n, (b"a", b"b")) for n in (1, 2)]
        log.ticked(0.6, (Restore(1, b""), *again, Advance(3, (b"", b""))), session)
        record = recordsOf(lines)[-1]
        self.assertEqual((record.frame, record.load, record.restored), (3, 1, 1))
        self.assertEqual(record.replayed, ((b"a", b"b"), (b"a", b"b")))

    def test_events(self) -> None:
        """An event of any kind is written by its class and the names of its fields."""

        class Color(Enum):
            RED = 1

        @attrs.frozen
        class Inner:
            text: str

        @attrs.frozen
        class Something:
            count: int
            data: bytes
            inner: Inner
            deep: object
            colors: tuple[Color, ...]
            huge: int
            share: float
            what: object

        log, lines = begun()
        deep: object = 0
        for _ in range(40):
            deep = [deep]
        event = Something(
            1, b"\xff" * 999, Inner("x" * 999), deep, (Color.RED,) * 99, 1 << 99, float("nan"), self
        )
        log.told(1.25, event)
        log.told(2.0, {"no": "attrs"})
        first, second = recordsOf(lines)
        self.assertEqual((first.time, first.name), (1.25, "Something"))
        fields = first.fields
        self.assertEqual(list(fields), [field.name for field in attrs.fields(Something)])
        self.assertEqual((fields["count"], fields["share"]), (1, "nan"))
        self.assertEqual(fields["data"], "ff" * 256)
        self.assertEqual(fields["inner"], {"text": "x" * 256})
        self.assertEqual(fields["colors"], ["RED"] * 64)
        self.assertEqual(fields["what"], "RecordTests")
        self.assertEqual(second, EventRecord(2.0, "dict", {"value": {"no": "attrs"}}))

    def test_time(self) -> None:
        """Times are seconds since the log began."""
        lines: list[bytes] = []
        log = MatchLog(lines.append, headerOf(started=100.0))
        log.noted(101.5, "hello")
        self.assertEqual(recordsOf(lines), [NoteRecord(1.5, "hello")])

    def test_later(self) -> None:
        """A log begins when the match does; what was told before is not in it."""
        log, lines = MatchLog(), []
        log.ticked(0.0, (Advance(0, (b"", b"")),), FakeSession())
        log.told(0.0, FrameConfirmed(0, (b"", b""), 1))
        log.noted(0.0, "too early")
        log.closed(0.0, "never began")
        self.assertEqual((log.writing, log.size), (False, 0))
        log.begin(lines.append, headerOf())
        log.begin([].append, headerOf(2))
        log.noted(0.0, "in time")
        self.assertEqual((log.writing, len(lines)), (True, 2))
        self.assertEqual(log.size, sum(map(len, lines)))


class StateTests(SynchronousTestCase):
    """The states in a log."""

    def states(self, data: bytes) -> dict[int, dict[str, Any]]:
        """Return every state of a log, put together from its changes."""
        reader, found = StateReader(), {}
        for record in read(data)[1]:
            if isinstance(record, StateRecord):
                reader.changed(record)
                found[record.frame] = reader.parts()
        return found

    def checksums(self, data: bytes) -> dict[int, int | None]:
        """Return the checksum of every final frame."""
        records = read(data)[1]
        return {each.frame: each.checksum for each in records if isinstance(each, FrameRecord)}

    def test_wholeSnapshot(self) -> None:
        """A game without parts: every final frame's snapshot, to the byte."""
        for data in loggedDuel(60, game=lambda player: HashGame()):
            states = self.states(data)
            checksums = self.checksums(data)
            self.assertEqual(list(states), list(range(60)))
            for frame, parts in states.items():
                self.assertEqual(crc32(parts[""]), checksums[frame])

    def test_parts(self) -> None:
        """A game with parts: those, and together they are the snapshot."""
        for data in loggedDuel(60):
            checksums = self.checksums(data)
            for frame, parts in self.states(data).items():
                self.assertEqual(list(parts), ["random", "tag", "players", "gems"])
                self.assertEqual(crc32(b"".join(parts.values())), checksums[frame])

    def test_savesInto(self) -> None:
        """A game that saves into a buffer is watched as well, and provides what it did."""

        @implementer(ISavesInto)
        class Buffered(HashGame):
            state_size = 12

            def saveInto(self, buffer: memoryview) -> None:
                buffer[:] = self.save()

        watched = MatchLog().watched(Buffered())
        self.assertTrue(ISavesInto.providedBy(watched))
        self.assertFalse(INamedParts.providedBy(watched))
        self.assertEqual(watched.state_size, 12)
        for data in loggedDuel(40, game=lambda player: Buffered()):
            checksums = self.checksums(data)
            states = self.states(data)
            self.assertEqual(len(states), 40)
            self.assertTrue(all(crc32(s[""]) == checksums[f] for f, s in states.items()))

    def test_sparse(self) -> None:
        """A session that saves seldom: the states that it has, each of its own frame."""
        for data in loggedDuel(90, game=lambda player: HashGame(), sparse_saving=True):
            states = self.states(data)
            self.assertIn(29, states)
            for frame, parts in states.items():
                self.assertEqual(int.from_bytes(parts[""][:4], "big"), frame + 1)

    def test_long(self) -> None:
        """A long state is written only where checksums are compared; a longer part never."""

        def longGame(player: int) -> PartsGame:
            game = PartsGame()
            game.named = {"a": b"x" * 300, "b": b"y" * 40_000}
            return game

        limits = MatchLogSettings(part_limit=1000)
        for data in loggedDuel(65, game=longGame, settings=limits):
            states = self.states(data)
            self.assertEqual(list(states), [29, 59, 64])
            self.assertEqual(states[59]["a"], b"x" * 300)
            self.assertEqual(states[59]["b"], PartDigest(40_000, crc32(b"y" * 40_000)))
            self.assertLess(len(data), 30_000)

    def test_changes(self) -> None:
        """Only what changed is written; parts come and go, and grow."""
        log, lines = begun()
        game = PartsGame()
        played = log.watched(game)  # type: ignore[arg-type]
        stages: list[dict[str, bytes]] = [
            {"a": b"0000", "b": b"1111"},
            {"a": b"0000", "b": b"1211"},
            {"a": b"00000", "c": b""},
            {"a": b"00000", "c": b""},
            {"c": b"", "a": b"90001"},
        ]
        for frame, parts in enumerate(stages):
            game.named = parts
            played.advance(())
            played.save()
            log.ticked(0.0, (Advance(frame, (b"", b"")), Save(frame + 1)), FakeSession(frame))
            log.told(0.0, FrameConfirmed(frame, (b"", b""), 7))
        found = [each for each in recordsOf(lines) if isinstance(each, StateRecord)]
        self.assertEqual(found[0].parts, (("a", b"0000"), ("b", b"1111")))
        self.assertEqual(found[1], StateRecord(1, (("b", PartPatch(1, b"2")),)))
        self.assertEqual(found[2], StateRecord(2, (("a", b"00000"), ("c", b"")), ("b",)))
        self.assertEqual(found[3], StateRecord(3, ()))
        self.assertEqual(self.states(b"".join(lines)), dict(enumerate(stages)))

    def test_otherMoves(self) -> None:
        """Where the game was moved by somebody else too, no state is taken for another's."""
        log, lines = begun()
        played = log.watched(PartsGame())  # type: ignore[arg-type]
        played.advance(())
        played.load(b"")
        played.save()
        log.ticked(0.0, (Advance(0, (b"", b"")), Save(1)), FakeSession())
        log.told(0.0, FrameConfirmed(0, (b"", b""), 7))
        self.assertEqual([type(each) for each in recordsOf(lines)], [TickRecord, FrameRecord])

    def test_partsRaise(self) -> None:
        """A game whose C{parts} raises, or returns nonsense, plays on."""
        for named in ({}, {"a": "text"}):
            game = PartsGame()
            game.named = named
            log, lines = begun()
            played = log.watched(game)  # type: ignore[arg-type]
            played.advance(())
            self.assertEqual(played.save(), b"snapshot")
            log.ticked(0.0, (Advance(0, (b"", b"")), Save(1)), FakeSession())
            log.told(0.0, FrameConfirmed(0, (b"", b""), 7))
            self.assertEqual(recordsOf(lines)[-1].parts[0][0], "(parts raised)")

    def test_given(self) -> None:
        """Without a watched game the state can be told, before its frame is final."""
        log, lines = begun()
        for frame in range(STATES_LIMIT + 5):
            log.state(frame, {"a": b"%d" % frame})
        for frame in range(STATES_LIMIT + 5):
            log.told(0.0, FrameConfirmed(frame, (b"", b""), 7))
        found = [each.frame for each in recordsOf(lines) if isinstance(each, StateRecord)]
        self.assertEqual(found, list(range(5, STATES_LIMIT + 5)))

    @given(st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=40))
    @settings(deadline=None)
    def test_changedSpan(self, one: bytes, other: bytes) -> None:
        """The span of a change is the smallest one."""
        size = min(len(one), len(other))
        former, present = one[:size], other[:size]
        if former == present:
            return
        start, end = changedSpan(former, present)
        differing = [at for at in range(size) if former[at] != present[at]]
        self.assertEqual((start, end), (differing[0], differing[-1] + 1))

    def test_patchesOfNothing(self) -> None:
        """Bad input: a change to what is not there is refused."""
        for bad in (
            StateRecord(5, (("z", PartPatch(0, b"1")),)),
            StateRecord(5, (("a", PartPatch(3, b"12")),)),
            StateRecord(5, (("d", PartPatch(0, b"")),)),
            StateRecord(5, (), ("z",)),
        ):
            reader = StateReader()
            reader.changed(StateRecord(3, (("a", b"1234"), ("d", PartDigest(9, 9)))))
            self.assertRaises(MalformedMessage, reader.changed, bad)


class EndTests(SynchronousTestCase):
    """How a log ends."""

    def test_full(self) -> None:
        """Bounded: a log that is full says so in its last line and stops; the match goes on."""
        limits = MatchLogSettings(size_limit=1 << 16)
        for data in loggedDuel(600, settings=limits):
            self.assertLessEqual(len(data), 1 << 16)
            reader, records = read(data)
            self.assertEqual(records[-1], EndRecord(0.0, "full: 65536 bytes"))
            self.assertIs(reader.end, records[-1])

    def test_full_nothingKept(self) -> None:
        """A log that ended keeps no states."""
        log, _ = begun(size_limit=1 << 16)
        while log.writing:
            log.noted(0.0, "x" * 1000)
        self.assertEqual(log.ended, "full")
        played = log.watched(PartsGame())  # type: ignore[arg-type]
        played.advance(())
        played.save()
        self.assertEqual(log._states.taken, {})

    def test_disk(self) -> None:
        """A disk that fails ends the log by name, at whatever line."""
        for good in range(4):
            left = [good]

            def write(line: bytes, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] < 0:
                    raise OSError(28, "No space left on device")

            log = MatchLog(write, headerOf())
            log.ticked(0.0, (Advance(0, (b"", b"")),), FakeSession())
            log.told(0.0, FrameConfirmed(0, (b"", b""), 7))
            log.noted(0.0, "on")
            self.assertEqual(log.ended, "OSError: [Errno 28] No space left on device")
            log.closed(0.0, "over")
            self.assertEqual(left, [-1])

    def test_closedOnce(self) -> None:
        """After the last line nothing is written."""
        log, lines = begun()
        log.closed(2.0, "finished")
        count = len(lines)
        log.closed(3.0, "again")
        log.noted(3.0, "late")
        log.ticked(3.0, (Advance(0, (b"", b"")),), FakeSession())
        self.assertEqual((len(lines), log.ended), (count, "finished"))
        self.assertEqual(recordsOf(lines), [EndRecord(2.0, "finished")])

    def test_longLine(self) -> None:
        """A line that would be too long is left out, and that is said."""
        log, lines = begun()
        log.ticked(0.0, (Advance(0, (b"x" * LINE_LIMIT, b"")),), FakeSession())
        (note,) = recordsOf(lines)
        self.assertRegex(note.text, "a line of 2[0-9]+ bytes was left out")

    def test_settings(self) -> None:
        """Bad input: limits that cannot work are refused."""
        for name in ("size_limit", "every_frame_limit", "part_limit", "state_limit"):
            self.assertRaises(BadSetting, MatchLogSettings, **{name: -1})


class ReaderTests(SynchronousTestCase):
    """Reading."""

    def test_pieces(self) -> None:
        """The file may come in pieces of any length."""
        data = loggedDuel(20)[0]
        whole = read(data)[1]
        for size in (1, 7, 100):
            self.assertEqual(read(data, size)[1], whole)

    def test_cut(self) -> None:
        """A file that was cut off anywhere is sound up to its last line feed."""
        data = loggedDuel(8)[0]
        records = read(data)[1]
        begins = data.index(b"\n") + 1
        for end in range(begins, len(data), 3):
            reader, found = read(data[:end])
            self.assertEqual(found, records[: data[begins:end].count(b"\n")])
            self.assertEqual(reader.cut, not data[:end].endswith(b"\n"))
        self.assertRaises(BadMatchLog, read, data[: begins - 1])
        self.assertRaises(BadMatchLog, read, b"")

    def test_lineNumber(self) -> None:
        """Bad input: the error names the line."""
        data = loggedDuel(8)[0].splitlines(keepends=True)
        for place in (0, 1, 5):
            broken = [*data[:place], b"garbage\n", *data[place:]]
            error = self.assertRaises(BadMatchLog, read, b"".join(broken))
            self.assertEqual(error.line, place + 1)
            self.assertTrue(str(error).startswith(f"line {place + 1}: "))

    def test_order(self) -> None:
        """Bad input: final frames that do not ascend, lines after the end, other players."""
        for records, reason in (
            ([FrameRecord(3, (b"", b"")), FrameRecord(3, (b"", b""))], "frame 3 after frame 3"),
            ([FrameRecord(3, (b"",))], "1 inputs of 2 players"),
            ([TickRecord(0.0, 1, (b"",))], "1 entries for 2 players"),
            ([TickRecord(0.0, 1, counts=(1, 2, 3))], "3 entries"),
            ([TickRecord(0.0, 1, load=0, replayed=((b"",),))], "1 entries"),
            ([EndRecord(0.0, ""), NoteRecord(0.0, "")], "after the end"),
            (
                [FrameRecord(9, (b"", b"")), TickRecord(0.0, 9, restored=5), FrameRecord(4, ())],
                "frame 4 after frame 4",
            ),
        ):
            error = self.assertRaises(BadMatchLog, read, logBytes(headerOf(), records))
            self.assertIn(reason, str(error))

    def test_bounds(self) -> None:
        """Bounded: the bytes, the lines and the length of a line."""
        data = logBytes(headerOf(), [NoteRecord(0.0, "a")] * 10)
        for reader, reason in (
            (MatchLogReader(bytes_limit=len(data) - 1), "a log of more than"),
            (MatchLogReader(lines_limit=10), "more than 10 lines"),
        ):
            error = self.assertRaises(BadMatchLog, list, reader.feed(data))
            self.assertIn(reason, str(error))
        self.assertEqual(len(list(MatchLogReader(len(data), 11).feed(data))), 10)
        endless = MatchLogReader()
        error = self.assertRaises(BadMatchLog, list, endless.feed(b"x" * (LINE_LIMIT + 1)))
        self.assertIn("line 1", str(error))

    @given(st.data())
    @settings(deadline=None, max_examples=60)
    def test_fuzz(self, data: st.DataObject) -> None:
        """Bad input: a log with bytes changed, lost or doubled is read or refused by name."""
        log = bytearray(DAMAGED)
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(0, len(log) - 1))
            span = data.draw(st.integers(1, 40))
            new = data.draw(st.binary(max_size=8) | st.just(bytes(log[at : at + span])))
            log[at : at + data.draw(st.sampled_from([0, 1, span]))] = new
        states = StateReader()
        try:
            for record in read(bytes(log))[1]:
                if isinstance(record, StateRecord):
                    states.changed(record)
        except MalformedMessage:
            return


DAMAGED = loggedDuel(12, corrupt_at=5)[1]
