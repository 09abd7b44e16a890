"""
C{gamenet inspect}: what the match logs of the peers say, as a few lines and as a page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from gamenet.inspector.comparison import (
    Comparison,
    StateComparison,
    compareLogs,
    compareStates,
    stateFrame,
)
from gamenet.inspector.logs import UnreadableLog, findLogs, readLogs, statesOf
from gamenet.inspector.page import Inspection, drawPage
from gamenet.inspector.peer_log import PeerLog
from gamenet.inspector.verdict import printable, verdictText
from gamenet.wire.match_log_format import FRAME_LIMIT

__all__ = ["InspectRequest", "main", "parseArguments"]


@frozen
class InspectRequest:
    """
    What the command line asked for.

    @ivar paths: The logs, or directories of them.
    @ivar output: Where to write the page; C{None} is beside the first log.
    @ivar frame: The frame to look at; C{None} is the first divergence.
    """

    paths: tuple[Path, ...]
    output: Path | None
    frame: int | None


def _frame(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text) < FRAME_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a frame")
    return int(text)


def parseArguments(arguments: Sequence[str]) -> InspectRequest:
    """
    Return what the command line asks for.

    @raise SystemExit: It makes no sense, which was said on standard error, or
        it asks for help.
    """
    parser = argparse.ArgumentParser(
        prog="gamenet inspect",
        description="Compare the match logs of the peers of one match, name the first frame"
        " that is not the same everywhere, and draw all of it as one HTML file that needs"
        " nothing else.",
        epilog="The exit status is 0 if nothing differs, 1 if something does, 2 if a log cannot"
        " be read or an option makes no sense.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("logs", nargs="+", type=Path, metavar="LOG", help="a match log, or a directory of them")
    add(
        "--output",
        type=Path,
        metavar="FILE.html",
        help="where to write the page (beside the first log, named after the match)",
    )
    add("--frame", type=_frame, metavar="N", help="look at that frame (the first divergence)")
    options = parser.parse_args(list(arguments))
    return InspectRequest(tuple(options.logs), options.output, options.frame)


def main(arguments: Sequence[str]) -> int:
    """
    Run C{gamenet inspect}.

    @param arguments: The command line after C{gamenet inspect}.
    @return: The exit status.
    """
    try:
        request = parseArguments(arguments)
    except SystemExit as refused:
        return refused.code if isinstance(refused.code, int) else 2
    try:
        found = readLogs(findLogs(request.paths))
        logs = [log for _, log in found]
        comparison = compareLogs(logs)
        states = _states(found, comparison, request.frame)
    except (UnreadableLog, OSError) as error:
        print(f"gamenet inspect: {printable(str(error), 1000)}", file=sys.stderr)
        return 2
    name = f"{logs[0].header.match_id[:4].hex() or 'match'}.html"
    output = request.output or found[0][0].with_name(name)
    page = drawPage(Inspection(tuple(logs), comparison, tuple(states), request.frame))
    print(verdictText(logs, comparison, states))
    try:
        output.write_bytes(page)
    except OSError as error:
        print(f"gamenet inspect: no page: {error}", file=sys.stderr)
        return 2
    print(f"page: {output}", file=sys.stderr)
    return 0 if comparison.divergence is None else 1


def _states(
    found: Sequence[tuple[Path, PeerLog]], comparison: Comparison, asked: int | None
) -> list[StateComparison]:
    """Return the states to look at: of the first divergence, and of the frame asked for."""
    divergence = comparison.divergence
    if len(found) < 2:
        return []
    one, other = 0, 1
    if divergence is not None and divergence.reference != divergence.other:
        one, other = divergence.reference, divergence.other
    logs = [found[place] for place in (one, other)]
    frames: dict[int, None] = {}
    if divergence is not None:
        near = stateFrame(logs[0][1], logs[1][1], divergence.frame)
        frames |= {} if near is None else {near: None}
    if asked is not None and stateFrame(logs[0][1], logs[1][1], asked) == asked:
        frames[asked] = None
    kept = [statesOf(path, frames) for path, _ in logs]
    labels = logs[0][1].label, logs[1][1].label
    return [
        compareStates(frame, labels, (kept[0][frame], kept[1][frame]))
        for frame in frames
        if frame in kept[0] and frame in kept[1]
    ]
