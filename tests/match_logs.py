"""
For the tests of match logs: two players over a pipe who write theirs, and logs written
by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import attrs

from gamenet.demo.arena import Arena
from gamenet.demo.corrupted_arena import CorruptedArena
from gamenet.inspector.peer_log import PeerLog
from gamenet.match_log.match_log import MatchLog, MatchLogSettings
from gamenet.match_log.reader import MatchLogReader
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.timeline import Timeline
from gamenet.wire.match_log_format import encodeHeader, encodeRecord
from gamenet.wire.match_log_records import LogHeader, LogRecord
from tests.rollback_pipe import Duel, Link, Player, pressed

__all__ = ["MATCH", "headerOf", "logBytes", "loggedDuel", "peerLog", "read", "writeLogs"]

#: The match id of every log here.
MATCH = bytes.fromhex("0badcafe") + bytes(12)


def headerOf(player: int = 1, **changes: Any) -> LogHeader:
    """The header of a peer's log."""
    header = LogHeader(
        MATCH, 2, (player,), ((1,), (2,)), b"rules", game="arena", checksum_interval=30
    )
    return attrs.evolve(header, **changes)


@attrs.define
class LoggedPlayer(Player):
    """A player who tells a match log what happens, as a match does."""

    log: MatchLog | None = None

    def tick(self, now: float) -> None:
        frame = self.session.inputFrame()
        text = None if frame is None else self.script(frame)
        steps = self.session.advance(text, now)
        self.timeline.apply(steps)
        assert self.log is not None
        self.log.ticked(now, steps, self.session)
        events = self.session.drainEvents()
        for event in events:
            self.log.told(now, event)
        self.take(events)


def loggedDuel(
    frames: int = 120,
    corrupt_at: int | None = None,
    link: Link | None = None,
    settings: MatchLogSettings | None = None,
    game: Callable[[int], Any] | None = None,
    **rules: Any,
) -> tuple[bytes, bytes]:
    """
    Play a match to its end and return both players' logs.

    @param corrupt_at: The frame in which player 2's state is spoiled.
    @param game: Makes a player's game; an arena unless given.
    """

    def arena(player: int) -> Any:
        sound = Arena(2)
        sound.begin(7)
        spoiled = corrupt_at is not None and player == 2
        return CorruptedArena(sound, corrupt_at or 0) if spoiled else sound

    chosen = [
        RollbackSettings(local_player=player, last_frame=frames - 1, **rules) for player in (1, 2)
    ]
    way = link or Link(loss=0.05, latency=3, jitter=2)
    duel = Duel((chosen[0], chosen[1]), way, 1)
    lines: dict[int, list[bytes]] = {1: [], 2: []}
    for number in (1, 2):
        log = MatchLog(lines[number].append, headerOf(number), settings)
        rules_of_game = log.watched((game or arena)(number))
        session = duel.players[number].session
        duel.players[number] = LoggedPlayer(
            session,
            rules_of_game,  # type: ignore[arg-type]
            Timeline(rules_of_game, session),
            lambda frame, n=number: pressed(1, n, frame),
            log=log,
        )
    assert duel.runUntilFinished(frames * 4 + 200)
    for player in duel.players.values():
        assert isinstance(player, LoggedPlayer) and player.log is not None
        player.log.closed(duel.now / 60, "finished")
    return b"".join(lines[1]), b"".join(lines[2])


def read(data: bytes, size: int = 1 << 16) -> tuple[MatchLogReader, list[LogRecord]]:
    """A log's records, read in pieces of C{size} bytes."""
    reader = MatchLogReader()
    records: list[LogRecord] = []
    for start in range(0, len(data), size):
        records += reader.feed(data[start : start + size])
    reader.close()
    return reader, records


def logBytes(header: LogHeader, records: Iterable[LogRecord]) -> bytes:
    """A log written by hand."""
    return encodeHeader(header) + b"".join(map(encodeRecord, records))


def peerLog(data: bytes, name: str = "a.gamelog") -> PeerLog:
    """A log as the inspector has it in memory."""
    reader, records = read(data)
    assert reader.header is not None
    log = PeerLog(name, reader.header)
    for record in records:
        log.take(record)
    return log


def writeLogs(directory: str, *logs: bytes) -> list[Path]:
    """Write logs as files and return their paths."""
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"0badcafe-player-{player}.gamelog" for player in range(1, len(logs) + 1)]
    for path, data in zip(paths, logs, strict=True):
        path.write_bytes(data)
    return paths
