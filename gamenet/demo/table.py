"""
What a person reads: a line while the demo runs, and a table at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TextIO

from attrs import define, field, frozen

from gamenet.demo.settings import DemoSettings
from gamenet.demo.summary import PlayerSummary
from gamenet.demo.verdict import Verdict

__all__ = ["PlayerProgress", "ProgressLine", "formatProgress", "formatTable"]

_BOLD, _DIM, _RED, _GREEN, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[0m"
_HEADINGS = (
    ("", "player"),
    ("", "path"),
    ("round", "trip"),
    ("roll-", "backs"),
    ("deepest", "rollback"),
    ("", "stalls"),
    ("packets", "a second"),
    ("bytes", "a second"),
    ("last", "checksum"),
)
#: Stands for a space at which no line may end.
_NO_BREAK = chr(0xA0)

#: Of two players each one's path says it all.
_PAIR = 2

#: The longest line, where that can be helped.
_WIDTH = 79

_WORDS = 2  # The first columns hold words and are flush left; the others hold numbers.


def _paint(text: str, style: str, colors: bool) -> str:
    return f"{style}{text}{_PLAIN}" if colors else text


def _grouped(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _row(player: PlayerSummary) -> tuple[str, ...]:
    return (
        f"{player.player} {player.name}",
        player.path or "none",
        "?" if player.rtt is None else f"{player.rtt * 1000:.1f} ms",
        _grouped(player.rollbacks),
        _count(player.deepest_rollback, "frame"),
        _grouped(player.stalls),
        f"{player.packets_per_second:.1f}",
        _grouped(player.bytes_per_second),
        player.checksum_text or "none",
    )


def formatTable(settings: DemoSettings, verdict: Verdict, colors: bool = False) -> str:
    """
    Return the end of a demo as text for a person.

    @param colors: Whether the reader is a terminal that shows colors.
    """
    headings = [tuple(heading[line] for heading in _HEADINGS) for line in range(2)]
    rows = [*headings, *(_row(player) for player in verdict.players)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [
        _paint("gamenet demo", _BOLD, colors)
        + f": {settings.players} players, {settings.frames} frames, {settings.road},"
        f" seed {settings.seed}",
        "",
    ]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= _WIDTH else " "
    for number, row in enumerate(rows):
        cells = (
            cell.ljust(width) if column < _WORDS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        line = gap.join(cells).rstrip()
        lines.append(_paint(line, _DIM, colors) if number < len(headings) else line)
    lines += [*_below(verdict), ""]
    width = max(len(check.name) for check in verdict.checks)
    for check in verdict.checks:
        mark = _paint(" ok ", _GREEN, colors) if check.passed else _paint("FAIL", _RED, colors)
        first, *more = wrap(check.text, _WIDTH - width - 8, break_on_hyphens=False) or [""]
        lines.append(f"{mark}  {check.name.ljust(width)}  {first}")
        lines += [" " * (width + 8) + line for line in more]
    lines.append("")
    if verdict.passed:
        lines.append(_paint("Passed.", _GREEN, colors))
    else:
        failed = ", ".join(check.name for check in verdict.checks if not check.passed)
        lines.append(_paint(f"Failed: {failed}.", _RED, colors))
    return "\n".join(lines)


def _below(verdict: Verdict) -> list[str]:
    """Return what stands below the table: the points, and the ways between many players."""
    points = [
        f"{player.name} {player.score}" for player in verdict.players if player.score is not None
    ]
    lines = ["", *_listed("points: ", points)] if points else []
    if len(verdict.players) > _PAIR:
        ways = [
            f"{player.player}-{link.to} {'?' if link.rtt is None else f'{link.rtt * 1000:.0f} ms'}"
            + ("" if link.kind == "direct" else f" {link.kind}")
            for player in verdict.players
            for link in player.links
            if player.player < link.to
        ]
        lines += _listed("links:  ", ways) if ways else []
    return lines


def _listed(label: str, words: Sequence[str]) -> list[str]:
    """Return a list in lines that fit, none of whose items is cut in two."""
    whole = label + ", ".join(word.replace(" ", _NO_BREAK) for word in words)
    lines = wrap(whole, _WIDTH, subsequent_indent=" " * len(label), break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in lines]


@frozen
class PlayerProgress:
    """
    How far one player is.

    @ivar frame: How many frames are confirmed.
    @ivar path: C{"direct"}, C{"relay"}, C{"none"} where no path carries the game, or
        C{"gone"} where the player's process is not there.
    @ivar rtt: The round trip in seconds, or C{None}.
    @ivar rollbacks: How many there were so far.
    """

    frame: int = 0
    path: str = "none"
    rtt: float | None = None
    rollbacks: int = 0


@define
class ProgressLine:
    """
    The line that tells how far the demo is.

    On a terminal it is one line that is written over and over; elsewhere a new
    one is written every second, so that a log stays readable.

    @ivar stream: Where to write; whatever it raises is swallowed, for nobody
        ends a match because nobody looks.
    @ivar terminal: Whether C{stream} is a terminal.
    @ivar interval: Seconds between two lines.
    """

    stream: TextIO
    terminal: bool
    interval: float = field()
    _last: float | None = field(init=False, default=None)
    _open: bool = field(init=False, default=False)

    @interval.default
    def _defaultInterval(self) -> float:
        return 0.1 if self.terminal else 1.0

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self.clear()
        self._write(text + "\n")

    def show(self, now: float, text: str) -> None:
        """Show how far the demo is, unless it was shown a moment ago."""
        if self._last is not None and now - self._last < self.interval:
            return
        self._last = now
        if self.terminal:
            self._open = True
            self._write(f"\r{text}\x1b[K")
        else:
            self._write(text + "\n")

    def clear(self) -> None:
        """Wipe the line, so that something else can be written in its place."""
        if self._open:
            self._open = False
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            # Gone, or closed.
            self._open = False


def formatProgress(
    frames: int, names: Sequence[str], progress: Sequence[PlayerProgress], width: int = 79
) -> str:
    """
    Return how far the players are, in one line: frames, and each player's path, round
    trip and rollbacks; where that is too long, the same of all of them together.

    @param frames: How many frames they play.
    @param names: Who plays, in order of player number.
    @param progress: How far each is, in the same order.
    @param width: The longest line, in characters.
    """
    there = [one for one in progress if one.path != "gone"]
    done = min((one.frame for one in there), default=0)
    parts = [f"{done:>{len(str(frames))}}/{frames}"]
    for name, one in zip(names, progress, strict=True):
        rtt = "" if one.rtt is None else f" {one.rtt * 1000:.0f} ms"
        rollbacks = "" if one.path == "gone" else f", {_count(one.rollbacks, 'rollback')}"
        parts.append(f"{name}: {one.path}{rtt}{rollbacks}")
    whole = " | ".join(parts)
    return whole if len(whole) <= width else _together(parts[0], names, progress)[:width]


def _together(done: str, names: Sequence[str], progress: Sequence[PlayerProgress]) -> str:
    """Return how far many players are: how many take which path, and who is the last."""
    kinds = [one.path for one in progress]
    parts = [done, ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))]
    trips = [one.rtt * 1000 for one in progress if one.rtt is not None]
    if trips:
        parts.append(f"{min(trips):.0f}-{max(trips):.0f} ms")
    there = [
        (one.frame, name) for name, one in zip(names, progress, strict=True) if one.path != "gone"
    ]
    if there:
        parts.append(f"last: {min(there)[1]}")
    parts.append(_count(sum(one.rollbacks for one in progress), "rollback"))
    return " | ".join(parts)
