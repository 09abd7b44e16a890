"""
The inputs of a match of two, without rollback: this player plays a frame when all inputs of it
are here, and asks for its own ahead; C{docs/rollback_packets.rst}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

from tests.foreign import rollback
from tests.foreign.malformed import require

__all__ = ["Play"]

#: So many frames its inputs run ahead of what it has played, at most.
AHEAD = 8


class Play:
    """
    One match.

    @ivar confirmed: The last frame that was played; -1 before the first.
    @ivar compared: How many reports of the other were compared with ours, and equal.
    @ivar differing: How many were not.
    @ivar checksum: Of the state that the last frame led to.
    """

    def __init__(self, player: int, frames: int, interval: int, press: Callable[[int], bytes],
                 game: Any) -> None:
        self.player, self.frames, self.interval = player, frames, interval
        self.confirmed, self.compared, self.differing, self.checksum = -1, 0, 0, 0
        self._press, self._game = press, game
        self._own: list[bytes] = []
        self._theirs: list[bytes] = []
        self._acknowledged = 0
        self._reports: dict[int, tuple[int, int]] = {}
        self._heard: dict[int, tuple[int, int]] = {}
        self._rows: list[list[bytes]] = []

    @property
    def finished(self) -> bool:
        """Whether every frame was played, and the other has all that it needs."""
        return self.confirmed == self.frames - 1 and self._acknowledged >= self.frames

    def due(self, frame: int) -> None:
        """The time of a frame has come: press for what is due, as far as we may be ahead."""
        most = min(frame, self.confirmed + AHEAD, self.frames - 1)
        while len(self._own) <= most:
            self._own.append(self._press(len(self._own)))
        self._advance()

    def received(self, body: bytes) -> None:
        """An input packet came."""
        first = int.from_bytes(body[2:6], "big")
        require(first <= len(self._theirs), "inputs that were not acknowledged before")
        said = rollback.decodeInputs(body, self._theirs[first - 1] if first else b"")
        for place, blob in enumerate(said["blobs"], first):
            if place == len(self._theirs):
                self._theirs.append(blob)
        self._acknowledged = max(self._acknowledged, min(said["next_wanted"], len(self._own)))
        report = said["report"]
        if report is not None and report["frame"] not in self._heard:
            self._heard[report["frame"]] = report["state"], report["inputs"]
        self._advance()

    def packet(self) -> bytes:
        """Return what is to be said now."""
        first = self._acknowledged
        last = self.frames - 1
        has_all = self.confirmed == last and last in self._heard
        wanted = self.frames + 1 if has_all else len(self._theirs)
        report = None
        if self._reports:
            frame, (state, inputs) = max(self._reports.items())
            report = {"frame": frame, "state": state, "inputs": inputs}
        return rollback.encodeInputs(
            {
                "view": 0,
                "first_frame": first,
                "blobs": self._own[first:],
                "next_wanted": wanted,
                "current_frame": len(self._own),
                "confirmed_frame": self.confirmed,
                "advantage": 0,
                "report": report,
            },
            self._own[first - 1] if first else b"",
        )

    def _advance(self) -> None:
        while self.confirmed + 1 < min(len(self._own), len(self._theirs)):
            frame = self.confirmed = self.confirmed + 1
            pair = [self._own[frame], self._theirs[frame]]
            row = pair if self.player == 1 else pair[::-1]
            self._game.advance(row)
            self._rows.append(row)
            if not (frame + 1) % self.interval or frame == self.frames - 1:
                self.checksum = crc32(self._game.save())
                since = self._rows[-(frame % self.interval + 1) :]
                self._reports[frame] = self.checksum, rollback.inputsChecksum(since)
        for frame, told in self._reports.items():
            if self._heard.get(frame, ()) and self._heard[frame] != (0, 0):
                if self._heard[frame] == told:
                    self.compared += 1
                else:
                    self.differing += 1
                self._heard[frame] = 0, 0
