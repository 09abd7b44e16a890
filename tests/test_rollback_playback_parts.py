"""
Tests of L{gamenet.replay.session} and L{gamenet.replay.playback}: replays of
several parts, of empty seats, bots and missing checksums, and of all kinds of games.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from zlib import crc32

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.errors import BadSetting, LocalProtocolError, MalformedMessage, MomentFailed
from gamenet.interfaces import IBotSimulation, IChecksummed, ISavesInto, ISeatedSimulation
from gamenet.replay.playback import Playback
from gamenet.replay.replay import Replay
from gamenet.replay.session import Divergence, ReplaySession
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.steps import Advance, Restore, Save
from gamenet.rollback.timeline import Timeline
from gamenet.wire.replay_chunks import encodeEnd, encodeFrames, encodeSnapshot
from gamenet.wire.replay_file import ReplayHeader, encodeHeader
from tests.replay_ledgers import DIGEST, inputsOf, ledgers, replayOf, stateBefore
from tests.replay_samples import SAMPLES, Match, matches, partsOf, recorded
from tests.rollback_faulty_game import Ledger


@implementer(ISeatedSimulation, IBotSimulation)
class Chain:
    """A hash of all that it was told, which may begin in any state."""

    def __init__(self) -> None:
        self.state = b""

    def advance(self, inputs: Sequence[bytes]) -> None:
        raise AssertionError("not told of the seats")

    def advanceSeated(self, inputs: Sequence[bytes], absent: Sequence[int]) -> None:
        text = self.state + bytes(map(len, inputs)) + bytes(absent) + b"".join(inputs)
        self.state = blake2b(text, digest_size=8).digest()

    def botInput(self, player: int) -> bytes:
        return self.state[: player % 3]

    def save(self) -> bytes:
        return self.state

    def load(self, snapshot: bytes) -> None:
        self.state = snapshot


def lived(match: Match) -> list[dict[int, bytes]]:
    """The state before each frame of each part, and after the last."""
    found = []
    for part in partsOf(match):
        game = Chain()
        if part.snapshot is not None:
            game.load(part.snapshot)
        states = {part.start: game.state}
        for frame, (inputs, absent) in enumerate(part.rows, part.start + 1):
            pressed = list(inputs)
            for player in absent if match[0].bots else ():
                pressed[player - 1] = game.botInput(player)
            game.advanceSeated(pressed, absent)
            states[frame] = game.state
        found.append(states)
    return found


def withRightChecksums(match: Match) -> Match:
    """A match whose checksums, where there are some, are those of L{Chain}."""
    states = lived(match)
    header, moments = match
    right: dict[int, int] = {
        frame - 1: crc32(state) for part in states for frame, state in part.items()
    }
    # A number at which one part ends and another begins has the state of the one
    # that ends, of which a checksum would be.
    for part in reversed(states):
        right[max(part) - 1] = crc32(part[max(part)])
    return header, [
        attrs.evolve(each, checksum=right.get(each.frame, 0))
        if isinstance(each, FrameConfirmed) and each.checksum is not None
        else each
        for each in moments
    ]


class PartsTests(SynchronousTestCase):
    """What must exist: play back, seek, verify, also where states were taken over."""

    @settings(max_examples=150, deadline=None)
    @given(
        matches(), st.lists(st.integers(0, 70), max_size=10), st.integers(1, 20), st.integers(2, 4)
    )
    def test_anyMatch(
        self, match: Match, targets: list[int], interval: int, limit: int
    ) -> None:
        """Any way through any match: the state of straight play, and all checksums right."""
        match = withRightChecksums(match)
        replay = Replay.read(recorded(match))
        states = lived(match)
        game = Chain()
        playback = Playback(replay, game, None, interval, limit)
        for target in targets:
            try:
                place = replay.segmentAt(target)
            except LocalProtocolError:
                self.assertRaises(LocalProtocolError, playback.seek, target)
                self.assertFalse(any(target in part for part in states))
                continue
            playback.seek(target)
            self.assertEqual(game.state, states[place][target])
            self.assertEqual(playback.frame, target)
            self.assertLessEqual(len(playback._snapshots), limit)
            if playback.advance():
                self.assertIn(game.state, [part.get(playback.frame) for part in states])
        self.assertIsNone(playback.verify())
        self.assertTrue(playback.finished)
        self.assertEqual(playback.verified, replay.checksums)
        self.assertEqual(game.state, states[-1][replay.end])

    def test_steps(self) -> None:
        """The steps of a replay of three parts, between which frames are missing."""
        session = ReplaySession(Replay.read(recorded(SAMPLES["Restored"])))
        steps = []
        frames = []
        while not session.finished:
            steps += session.advance()
            frames.append(session.current_frame)
        self.assertEqual(
            steps,
            [
                Restore(9, b"joined"), Advance(9, (b"a",)), Advance(10, (b"b",)),
                Restore(11, b"taken over"), Advance(11, (b"b",)), Advance(12, (b"c",)),
                Advance(13, (b"d",)), Advance(14, (b"d",)), Save(15),
                Restore(30, b"back"), Advance(30, (b"d",)),
            ],
        )
        self.assertEqual(frames, [10, 11, 12, 13, 14, 15, 31])
        self.assertEqual(session.replay.checksums, 1)
        for frame in (0, 8, 16, 29, 32):
            self.assertRaises(LocalProtocolError, session.seek, frame)
        self.assertEqual(next(session.seek(15)), Restore(11, b"taken over"))

    def test_onlyWhereThereAreChecksums(self) -> None:
        """A sparse match is compared where it has checksums, and says in how many places."""
        header, moments = ledgers(57)
        for kept, count in (({9, 39}, 2), (set(), 0), ({3, 4, 11}, 2), ({56}, 1)):
            sparse = [
                attrs.evolve(each, checksum=each.checksum if each.frame in kept else None)
                for each in moments
                if isinstance(each, FrameConfirmed)
            ]
            replay = Replay.read(recorded((header, list(sparse))))
            playback = Playback(replay, Ledger())
            self.assertEqual((playback.verified, replay.checksums), (0, count))
            self.assertIsNone(playback.verify())
            self.assertEqual(playback.verified, count)
            playback.seek(0)
            self.assertIsNone(playback.verify())
            self.assertEqual(playback.verified, count)

    def test_seekWithoutChecksums(self) -> None:
        """Snapshots to go back to are kept where there are no checksums too."""
        header, moments = ledgers(57)
        plain = [attrs.evolve(each, checksum=None) for each in moments]  # type: ignore[type-var]
        session = ReplaySession(Replay.read(recorded((header, plain))), 20)
        saved = [step.frame for step in session.seek(57) if isinstance(step, Save)]
        self.assertEqual((saved, session.kept), ([0, 20, 40], [0, 20, 40]))

    def test_divergenceBehindAState(self) -> None:
        """A difference in a later part is found, whether earlier ones were played or not."""
        header = ReplayHeader(DIGEST, 2, checksum_interval=10)
        moments: list[FrameConfirmed | Restore] = [*ledgers(35)[1], Restore(50, stateBefore(20))]
        game = Ledger()
        game.load(stateBefore(20))
        for frame in range(50, 70):
            game.advance(inputsOf(frame))
            checksum = crc32(game.save()) + (frame == 59)
            moments.append(FrameConfirmed(frame, inputsOf(frame), checksum))
        replay = Replay.read(recorded((header, moments)))
        found = Playback(replay, Ledger()).verify()
        assert found is not None
        self.assertEqual((found.frame, found.recorded - found.played), (59, 1))
        playback = Playback(replay, Ledger())
        playback.seek(55)
        playback.seek(60)
        self.assertEqual(playback.divergence, found)
        self.assertEqual(playback.verified, 1)
        playback.verify()
        self.assertEqual(playback.verified, replay.checksums)
        self.assertEqual(replay.checksums, 6)


class HostileTests(SynchronousTestCase):
    """Bad input: every byte string may be read and played."""

    def attempt(self, data: bytes) -> None:
        """Play what can be read."""
        for partial in (False, True):
            try:
                replay = Replay.read([data], partial)
            except MalformedMessage:
                continue
            playback = Playback(replay, Chain())
            playback.verify()
            playback.seek(replay.first_frame)
            self.assertEqual(playback.verified, replay.checksums)
            self.assertLessEqual(replay.frames, 600 * len(data))

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=200), st.booleans())
    def test_anyBytes(self, data: bytes, behind: bool) -> None:
        """Any bytes, alone and behind a header."""
        self.attempt(encodeHeader(ReplayHeader(DIGEST, 1)) + data if behind else data)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 25), st.integers(1, 5), st.integers(0, 3)),
                    max_size=12))
    def test_anyChunks(self, chunks: list[tuple[int, int, int]]) -> None:
        """Any states and frames in any order, as far as they can be read."""
        data = encodeHeader(ReplayHeader(DIGEST, 1, checksum_interval=4))
        following = 0
        for frame, count, kind in chunks:
            if kind == 3:
                following = frame
                data += encodeSnapshot(frame, b"%d" % frame)
            else:
                data += encodeFrames(following, [((b"x",), ())] * count, min(kind, count), kind)
                following += count
        self.attempt(data)
        self.attempt(data + encodeEnd(following, DIGEST))


class GamesTests(SynchronousTestCase):
    """What must exist: snapshots of any kind, checksums of the game's own."""

    def test_checksummed(self) -> None:
        """A game's own checksums are those that were recorded, and are compared."""

        @implementer(IChecksummed)
        class Own(Ledger):
            def checksum(self) -> int:
                return self.total & 0xFFFF

        game = Own()
        moments = []
        for frame in range(25):
            game.advance(inputsOf(frame))
            moments.append(FrameConfirmed(frame, inputsOf(frame), game.checksum()))
        replay = Replay.read(recorded((ReplayHeader(DIGEST, 2, checksum_interval=10), moments)))
        playback = Playback(replay, Own())
        self.assertIsNone(playback.verify())
        self.assertEqual(playback.verified, 3)
        self.assertIsInstance(Playback(replay, Ledger()).verify(), Divergence)

    def test_savesInto(self) -> None:
        """A game that saves into a buffer is played, sought in and verified."""

        @implementer(ISavesInto)
        class Into(Ledger):
            state_size = 24

            def saveInto(self, buffer: memoryview) -> None:
                buffer[:] = self.save()

            def load(self, snapshot: bytes) -> None:
                super().load(bytes(snapshot))

        game = Into()
        playback = Playback(replayOf(57), game, snapshot_interval=10)
        self.assertIsNone(playback.verify())
        for frame in (33, 5, 57, 0):
            playback.seek(frame)
            self.assertEqual(game.save(), stateBefore(frame))

    def test_bots(self) -> None:
        """A match with bots needs a game that has them; one that raises is named."""

        class Failing(Chain):
            def botInput(self, player: int) -> bytes:
                raise ZeroDivisionError

        replay = Replay.read(recorded(SAMPLES["Absent"]))
        self.assertRaises(BadSetting, Playback, replay, Ledger())
        error = self.assertRaises(MomentFailed, Playback(replay, Failing()).verify)
        self.assertEqual((error.moment, error.frame), ("botInput", 1))

    def test_timeline(self) -> None:
        """A timeline plays one forward and compares its checksums."""
        session = ReplaySession(replayOf(57))
        timeline = Timeline(Ledger(), session)
        while not session.finished:
            timeline.apply(session.advance())
        self.assertEqual((session.verified, session.divergence), (6, None))
