"""
What a match writes down: never in its way, and each piece in its order.
"""

from __future__ import annotations

from typing import Any, cast

import attrs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.errors import LocalProtocolError, MomentFailed
from gamenet.interfaces import IBotSimulation, ISimulation
from gamenet.match import MatchSettings
from gamenet.match.attachments import Attachments
from gamenet.match.frame_loop import FrameLoop
from gamenet.match.recording import LOG, REPLAY, Recording
from gamenet.replay.playback import Playback
from gamenet.replay.replay import Replay
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.settings import LeaverPolicy, RollbackSettings
from gamenet.rollback.steps import Advance, Restore
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.replay_file import ReplayHeader
from tests.golden.samples_of_version_1 import LOBBY_MESSAGES
from tests.scenes import HashGame, RecordingPlayer

HEADER = ReplayHeader(bytes(16), 2, checksum_interval=3)


class FlatLog:
    """A log that keeps the names of what it was told."""

    def __init__(self, raises: tuple[str, ...] = ()) -> None:
        self.told_of: list[str] = []
        self.raises = raises

    def __getattr__(self, name: str) -> Any:
        if name not in ("ticked", "told", "closed", "watched"):
            raise AttributeError(name)

        def call(*arguments: object) -> object:
            self.told_of.append(name)
            if name in self.raises:
                raise OSError("no space left")
            return arguments[0]

        return call


class RecordingTests(SynchronousTestCase):
    """One replay and one log."""

    def setUp(self) -> None:
        """Nothing has failed yet."""
        self.failed: list[tuple[str, Exception]] = []
        self.pieces: list[bytes] = []

    def recording(self, log: FlatLog | None = None, replay: Any = True) -> Recording:
        """Return a recording that writes to us."""
        attachments = Attachments(
            replay=self.pieces.append if replay is True else replay, log=cast(Any, log)
        )
        return Recording(attachments, HEADER, lambda name, e: self.failed.append((name, e)))

    def confirm(self, recording: Recording, count: int) -> None:
        """Tell of some final frames."""
        for frame in range(count):
            recording.told(1.0, FrameConfirmed(frame, (b"a", b"b"), frame))

    def test_pieces(self) -> None:
        """Each piece has something in it; the end comes once."""
        recording = self.recording()
        self.confirm(recording, 7)
        self.assertEqual(len(self.pieces), 2)
        recording.closed(2.0, "x")
        recording.closed(3.0, "y")
        self.assertEqual(len(self.pieces), 3)
        self.assertNotIn(b"", self.pieces)
        self.assertEqual(Replay.read(self.pieces).frames, 7)
        self.assertEqual(self.failed, [])

    def test_logAlone(self) -> None:
        """A log without a replay is told all, and closed once."""
        log = FlatLog()
        recording = self.recording(log, replay=None)
        self.confirm(recording, 2)
        recording.told(1.0, object())
        recording.ticked(1.0, (), cast(Any, None))
        recording.closed(2.0, "x")
        recording.closed(2.0, "x")
        self.assertEqual(log.told_of, ["told", "told", "told", "ticked", "closed"])
        self.assertEqual(self.pieces, [])

    def test_othersAreNotRecorded(self) -> None:
        """Other events are nothing to a replay."""
        recording = self.recording()
        recording.told(1.0, object())
        recording.closed(2.0, "x")
        self.assertEqual((self.pieces, self.failed), ([], []))

    def test_sparse(self) -> None:
        """Final frames without checksums, and empty seats, are recorded as they are."""
        recording = self.recording()
        for frame in range(6):
            checksum = 7 if frame == 1 else None
            recording.told(1.0, FrameConfirmed(frame, (b"", b""), checksum, (2,)))
        recording.closed(2.0, "x")
        replay = Replay.read(self.pieces)
        self.assertEqual((replay.frames, replay.checksums), (6, 1))
        self.assertEqual(replay.rows(1)[2], ((b"", b""), (2,)))
        self.assertEqual(self.failed, [])

    def test_joinedLate(self) -> None:
        """A replay begins at another frame than 0 with the state that was taken over there."""
        recording = self.recording()
        recording.ticked(1.0, (Advance(3, (b"", b"")), Restore(5, b"state")), cast(Any, None))
        recording.told(1.0, FrameConfirmed(5, (b"", b""), 5))
        recording.closed(2.0, "x")
        (segment,) = Replay.read(self.pieces).segments
        self.assertEqual((segment.start, segment.end, segment.snapshot), (5, 6, b"state"))
        self.assertEqual(self.failed, [])

    def test_gap(self) -> None:
        """A replay that would miss frames ends by name, and the log goes on."""
        log = FlatLog()
        recording = self.recording(log)
        recording.told(1.0, FrameConfirmed(5, (b"", b""), 5))
        recording.told(1.0, FrameConfirmed(0, (b"", b""), 5))
        ((name, error),) = self.failed
        self.assertEqual(name, REPLAY)
        self.assertIsInstance(error.__cause__, LocalProtocolError)
        self.assertEqual(log.told_of, ["told", "told"])
        recording.closed(2.0, "x")
        self.assertEqual(self.pieces, [])
        self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1)

    def test_watched(self) -> None:
        """A log may stand in for the simulation; one that raises there is used no more."""
        game = cast(ISimulation, object())
        self.assertIs(self.recording().watched(game), game)
        log = FlatLog()
        self.assertIs(self.recording(log).watched(game), game)
        self.assertEqual(log.told_of, ["watched"])
        log = FlatLog(("watched",))
        recording = self.recording(log)
        self.assertIs(recording.watched(game), game)
        recording.told(1.0, object())
        self.assertEqual(log.told_of, ["watched"])
        self.assertEqual([name for name, _ in self.failed], [LOG])
        self.flushLoggedErrors(MomentFailed)

    def test_closingRaises(self) -> None:
        """A last piece that cannot be written does not keep the log from its end."""

        def full(data: bytes) -> None:
            raise OSError("no space left")

        log = FlatLog()
        recording = self.recording(log, replay=full)
        self.confirm(recording, 2)
        self.assertEqual(self.failed, [])
        recording.closed(2.0, "x")
        self.assertEqual([name for name, _ in self.failed], [REPLAY])
        self.assertEqual(log.told_of[-1], "closed")
        self.flushLoggedErrors(MomentFailed)


@implementer(IBotSimulation)
class BotGame(HashGame):
    """A game that plays on for who left."""

    def botInput(self, player: int) -> bytes:
        return b""


class LoopTests(SynchronousTestCase):
    """A loop records what its match needs to be played back."""

    def test_header(self) -> None:
        """The header is the match's own, also whether bots play for those who left."""
        ticket = LOBBY_MESSAGES["MatchTicket"]
        assert isinstance(ticket, MatchTicket)
        original = MatchSettings.rollbackSettings
        for policy in LeaverPolicy:
            pieces: list[bytes] = []

            def chosen(
                settings: MatchSettings,
                players: int,
                local_player: int,
                *seats: Any,
                policy: LeaverPolicy = policy,
            ) -> RollbackSettings:
                return attrs.evolve(
                    original(settings, players, local_player, *seats),
                    leaver_policy=policy,
                    history_limit=170,
                )

            self.patch(MatchSettings, "rollbackSettings", chosen)
            settings = MatchSettings(frames=30, rules="r")
            loops = [
                FrameLoop(
                    settings,
                    attrs.evolve(ticket, player=player),
                    BotGame(),
                    RecordingPlayer(bytes([player])),
                    Attachments(replay=pieces.append if player == 1 else None),
                )
                for player in (1, 2)
            ]
            for loop in loops:
                loop.begin(0.0)
            self.assertEqual(loops[0].recording._recorder._history.maxlen, 170)
            for tick in range(60):
                for player, loop in enumerate(loops, 1):
                    loop.run(tick / 60)
                    for _, body in loop.packetsDue(tick / 60):
                        loops[2 - player].packetReceived(player, body, tick / 60)
            loops[0].recording.closed(1.0, "x")
            replay = Replay.read(pieces)
            header = ReplayHeader(
                settings.digest(2), 2, 60, ticket.seed, "r",
                settings.checksum_interval, policy is LeaverPolicy.BOT,
            )
            self.assertEqual((replay.header, replay.frames), (header, 30))
            self.assertIsNone(Playback(replay, BotGame()).verify())
