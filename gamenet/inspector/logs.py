"""
The files: which of them are logs, and reading them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gamenet.errors import GamenetError, MalformedMessage
from gamenet.inspector.peer_log import PeerLog
from gamenet.match_log.reader import BadMatchLog, MatchLogReader, StateReader
from gamenet.wire.match_log_records import LogHeader, LogRecord, PartDigest, StateRecord

__all__ = [
    "LOGS_LIMIT",
    "LOG_SUFFIX",
    "UnreadableLog",
    "findLogs",
    "logName",
    "readLogs",
    "statesOf",
]

#: How the name of a log ends.
LOG_SUFFIX = ".gamelog"

#: The most logs that are read at once.
LOGS_LIMIT = 32

_PIECE = 1 << 16


class UnreadableLog(GamenetError):
    """A log cannot be read, or the logs do not belong together; the text says which and why."""


def logName(match_id: bytes, player: int) -> str:
    """
    Return the name of a peer's log file.

    @param match_id: The match's id.
    @param player: The peer's lowest player number.
    """
    return f"{match_id[:4].hex()}-player-{player}{LOG_SUFFIX}"


def findLogs(paths: Iterable[Path]) -> list[Path]:
    """
    Return the log files: each path itself, or those in it if it is a directory.

    @raise UnreadableLog: There are none, or too many.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.name.endswith(LOG_SUFFIX))
            if not inside:
                raise UnreadableLog(f"{path}: no *{LOG_SUFFIX} in this directory")
            found |= dict.fromkeys(inside)
        else:
            found[path] = None
    if len(found) > LOGS_LIMIT:
        raise UnreadableLog(f"{len(found)} logs: at most {LOGS_LIMIT} are read at once")
    return list(found)


def readLogs(paths: Sequence[Path]) -> list[tuple[Path, PeerLog]]:
    """
    Read the logs of one match.

    @return: Each with its path, in order of player number.
    @raise UnreadableLog: One cannot be read, or they are of several matches, or two are
        of the same player.
    """
    logs = [(path, _read(path)) for path in paths]
    matches = list(dict.fromkeys(log.header.match_id for _, log in logs))
    if len(matches) > 1:
        names = ", ".join(match[:4].hex() for match in matches[:8])
        raise UnreadableLog(
            f"these are logs of {len(matches)} matches ({names}): give those of one,"
            f" by their names, which begin so"
        )
    logs.sort(key=lambda each: each[1].first_player)
    writers: dict[int, Path] = {}
    for path, log in logs:
        for player in log.header.local_players:
            if player in writers:
                raise UnreadableLog(f"{path}: player {player} wrote {writers[player]} too")
            writers[player] = path
    shapes = {(log.header.players, log.header.frame_rate) for _, log in logs}
    if len(shapes) > 1:
        raise UnreadableLog("the logs differ in the number of players or frames a second")
    return logs


def statesOf(path: Path, frames: Iterable[int]) -> dict[int, dict[str, bytes | PartDigest]]:
    """
    Read a log again for some of its states.

    @param frames: The frames that led to them.
    @return: The states by frame, as far as the log has them.
    @raise UnreadableLog: The log cannot be read.
    """
    wanted = dict.fromkeys(frames)
    reader = StateReader()
    found = {}
    try:
        for record in _records(path, MatchLogReader()):
            if not isinstance(record, StateRecord):
                continue
            reader.changed(record)
            if record.frame in wanted:
                found[record.frame] = reader.parts()
    except MalformedMessage as error:
        raise UnreadableLog(f"{path}: {error}") from error
    return found


def _read(path: Path) -> PeerLog:
    """Return what a log says."""
    reader = MatchLogReader()
    log: PeerLog | None = None
    try:
        for record in _records(path, reader):
            if log is None:
                log = PeerLog(path.name, _header(reader))
            log.take(record)
        log = log or PeerLog(path.name, _header(reader))
    except BadMatchLog as error:
        raise UnreadableLog(f"{path}: {error}") from error
    log.settle()
    if reader.cut:
        log.problem = "cut off within a line; what is before that is sound"
    elif reader.end is None:
        log.problem = "it has no end: the match went on, or its process died"
    elif reader.end.text.startswith("full"):
        log.problem = f"the log became full ({reader.end.text})"
    return log


def _header(reader: MatchLogReader) -> LogHeader:
    if reader.header is None:
        raise BadMatchLog(1, "not a match log")
    return reader.header


def _records(path: Path, reader: MatchLogReader) -> Iterator[LogRecord]:
    """Give the records of a file."""
    try:
        if not path.is_file():
            raise UnreadableLog(f"{path}: there is no such file")
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield from reader.feed(piece)
    except OSError as error:
        raise UnreadableLog(f"{path}: {error.strerror}") from error
    reader.close()
