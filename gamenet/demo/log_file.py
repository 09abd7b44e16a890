"""
A player's match log, as a file of the demo's.
"""

from __future__ import annotations

from io import BufferedWriter
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from gamenet.inspector.logs import logName
from gamenet.match_log.match_log import MatchLog

__all__ = ["PlayerLogFile"]


@define
class PlayerLogFile:
    """
    The match log of one player's process.  A disk that fails ends the log, and the match
    goes on.

    @ivar directory: Where the file is put.
    @ivar make: Whether to make that directory if it is not there.
    @ivar log: What the match is told to write to.
    @ivar path: The file, once there is one.
    """

    directory: Path
    make: bool = False
    log: MatchLog = field(init=False, factory=MatchLog)
    path: Path | None = field(init=False, default=None)
    _file: BufferedWriter | None = field(init=False, default=None)

    _logger = Logger()

    def begin(self, match: Any) -> None:
        """
        Open the file and begin the log.

        @param match: The L{gamenet.match.match.Match} whose play begins.
        """
        path = self.directory / logName(match.match_id, match.player)
        try:
            if self.make:
                self.directory.mkdir(exist_ok=True)
            file = path.open("xb")
        except OSError as error:
            self._logger.warn("no match log: {error}", error=error)
            return

        def write(line: bytes) -> None:
            # Each line is on its way before the next tick, whatever becomes of us then.
            file.write(line)
            file.flush()

        self.path, self._file = path, file
        self.log.begin(write, match.logHeader())

    def close(self) -> None:
        """Close the file; the log's last line was written if the match got to its end."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError as error:
            self._logger.warn("the match log is not whole: {error}", error=error)
