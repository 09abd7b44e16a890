"""
C{gamenet demo}: the whole way from the lobby to a finished match, on one
machine, with nothing to set up.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from attrs import frozen
from twisted.python.failure import Failure

from gamenet.demo.launcher import DemoInterrupted, Launcher
from gamenet.demo.report import drawReport
from gamenet.demo.settings import PLAYER_NAMES, DemoSettings, casualtyFault
from gamenet.demo.table import ProgressLine, formatTable
from gamenet.demo.verdict import Verdict
from gamenet.errors import BadSetting

__all__ = ["DemoRequest", "main", "parseArguments"]

#: The most frames: ten hours.
_FRAME_LIMIT = 60 * 60 * 60 * 10

#: The longest way in milliseconds: beyond a second there and back no path is proven in time.
_LATENCY_LIMIT = 500

#: The most loss in percent: beyond it meeting becomes a matter of luck.
_LOSS_LIMIT = 50

_SEED_LIMIT = (1 << 64) - 1


@frozen
class DemoRequest:
    """
    What the command line asked for.

    @ivar settings: What to play.
    @ivar as_json: Whether to print an object for programs as the last line.
    @ivar report: The directory to put the picture into, or C{None}.
    @ivar log: The directory to put the players' match logs into, or C{None}.
    """

    settings: DemoSettings
    as_json: bool
    report: Path | None
    log: Path | None = None


def _integer(lowest: int, highest: int, unit: str) -> Callable[[str], int]:
    def check(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(
                f"{value} is not from {lowest} to {highest}{unit and ' ' + unit}"
            )
        return value

    return check


def _number(lowest: float, highest: float, unit: str) -> Callable[[str], float]:
    def check(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        # Written so that nan, which is neither, is refused as well.
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text} is not from {lowest:g} to {highest:g} {unit}")
        return value

    return check


def _directory(text: str) -> Path:
    path = Path(text)
    if not text or (path.exists() and not path.is_dir()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a directory")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gamenet demo",
        description="Start a lobby and a relay, let players meet and play a match through a bad"
        " network, each in a process of its own, and compare their games frame by frame.",
        epilog="The exit status is 0 if every frame was the same everywhere, rollbacks happened,"
        " the path was the one asked for, whoever was to be killed was killed, was missed by all"
        " from the same frame on and came back where that was asked for, and every other process"
        " ended clean; 1 if not; 2 if an option makes no sense.",
        allow_abbrev=False,
    )
    _addMatch(parser)
    _addCasualties(parser)
    _addOutput(parser)
    return parser


def _addMatch(parser: argparse.ArgumentParser) -> None:
    """Add what tells how is played."""
    add = parser.add_argument
    most = len(PLAYER_NAMES)
    add(
        "--players",
        type=_integer(2, most, "players"),
        default=2,
        metavar="N",
        help=f"how many play, 2 to {most} (2)",
    )
    add(
        "--frames",
        type=_integer(1, _FRAME_LIMIT, "frames"),
        default=600,
        metavar="N",
        help="how long they play, 60 frames a second (600)",
    )
    add(
        "--latency-ms",
        type=_number(0, _LATENCY_LIMIT, "ms"),
        default=40.0,
        metavar="MS",
        help="how long a datagram takes, one way (40)",
    )
    add(
        "--jitter-ms",
        type=_number(0, _LATENCY_LIMIT, "ms"),
        default=0.0,
        metavar="MS",
        help="by how much that varies, to either side; at most the latency (0)",
    )
    add(
        "--loss-percent",
        type=_number(0, _LOSS_LIMIT, "percent"),
        default=5.0,
        metavar="P",
        help="how many of 100 datagrams are lost (5)",
    )
    add("--relay-only", action="store_true", help="let the players keep their addresses secret")
    add(
        "--corrupt-at",
        type=_integer(0, _FRAME_LIMIT, ""),
        metavar="FRAME",
        help="flip one bit of the last player's state in that frame: the demo must notice",
    )
    add(
        "--seed",
        type=_integer(0, _SEED_LIMIT, ""),
        default=1,
        metavar="N",
        help="what the players' scripts and the losses are drawn from (1)",
    )


def _addCasualties(parser: argparse.ArgumentParser) -> None:
    """Add what tells who is killed and comes back."""
    add = parser.add_argument
    frame = _integer(0, _FRAME_LIMIT, "")
    add(
        "--kill-host-at",
        type=frame,
        metavar="FRAME",
        help="kill player 1's process once it has confirmed that frame: the others play on",
    )
    add(
        "--rejoin-at",
        type=frame,
        metavar="FRAME",
        help="bring player 1 back, in a new process that knows nothing but its resume secret,"
        " once the others have confirmed that frame",
    )
    add(
        "--kill-lobby-at",
        type=frame,
        metavar="FRAME",
        help="kill the lobby once all players have confirmed that frame",
    )


def _addOutput(parser: argparse.ArgumentParser) -> None:
    """Add what tells what is printed, drawn and written."""
    add = parser.add_argument
    add("--json", action="store_true", help="print an object for programs as the last line")
    add("--report", type=_directory, metavar="DIR", help="draw what happened, as DIR/demo.svg")
    add(
        "--log",
        type=_directory,
        metavar="DIR",
        help="write each player's match log into DIR, for gamenet inspect; that of a player who"
        " came back goes into DIR/returned",
    )


def parseArguments(arguments: Sequence[str]) -> DemoRequest:
    """
    Return what the command line asks for.

    @raise SystemExit: It makes no sense, which was said on standard error, or
        it asks for help.
    """
    parser = _parser()
    options = parser.parse_args(list(arguments))
    if options.jitter_ms > options.latency_ms:
        parser.error(
            f"argument --jitter-ms: {options.jitter_ms:g} ms is more than the latency,"
            f" {options.latency_ms:g} ms: a datagram would arrive before it was sent"
        )
    if options.corrupt_at is not None and options.corrupt_at >= options.frames:
        parser.error(
            f"argument --corrupt-at: frame {options.corrupt_at} is never played: the last one"
            f" is {options.frames - 1}"
        )
    casualties = options.kill_host_at, options.rejoin_at, options.kill_lobby_at
    fault = casualtyFault(options.frames, *casualties)
    if fault is not None:
        parser.error(f"argument --{fault[0].replace('_', '-')}: {fault[1]}")
    settings = DemoSettings(
        players=options.players,
        frames=options.frames,
        latency=options.latency_ms / 1000,
        jitter=options.jitter_ms / 1000,
        loss=options.loss_percent / 100,
        relay_only=options.relay_only,
        corrupt_at=options.corrupt_at,
        seed=options.seed,
        kill_host_at=options.kill_host_at,
        rejoin_at=options.rejoin_at,
        kill_lobby_at=options.kill_lobby_at,
    )
    return DemoRequest(settings, options.json, options.report, options.log)


def main(arguments: Sequence[str]) -> int:
    """
    Run C{gamenet demo}.

    @param arguments: The command line after C{gamenet demo}.
    @return: The exit status.
    """
    try:
        request = parseArguments(arguments)
        if request.report is not None:
            _makeDirectory("--report", request.report)
        if request.log is not None:
            _makeDirectory("--log", request.log)
    except SystemExit as refused:
        return refused.code if isinstance(refused.code, int) else 2
    except BadSetting as error:
        print(f"gamenet demo: error: {error}", file=sys.stderr)
        return 2
    # Importing the reactor installs it, and whoever asked for help did not ask for that.
    from twisted.internet import reactor

    from gamenet.machine.reactor_machine import asMachine

    launcher = Launcher(
        reactor=reactor,
        machine=asMachine(reactor),
        settings=request.settings,
        progress=ProgressLine(sys.stderr, sys.stderr.isatty()),
        environment=os.environ,
        logs=request.log,
        width=shutil.get_terminal_size().columns - 1 if sys.stderr.isatty() else 200,
    )
    return _run(reactor, launcher, request)


def _makeDirectory(option: str, path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"{option}: {error}") from error


def _run(reactor: Any, launcher: Launcher, request: DemoRequest) -> int:
    verdicts: list[Verdict] = []
    signals: list[int] = []

    def interrupt(number: int, _: object) -> None:
        signals.append(number)
        reactor.callFromThread(launcher.interrupt)

    def begin() -> None:
        # The reactor would stop at once, with the children still running.
        for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            signal.signal(number, interrupt)
        launcher.run().addCallbacks(verdicts.append, failed).addBoth(lambda _: reactor.stop())

    def failed(failure: Failure) -> None:
        # A temporary directory that cannot be made, for example.
        if failure.check(DemoInterrupted, OSError):
            print(f"gamenet demo: {failure.value}", file=sys.stderr)
        else:
            failure.printTraceback(sys.stderr)

    reactor.callWhenRunning(begin)
    reactor.run()
    if signals:
        return 128 + signals[0]
    if not verdicts:
        return 1
    return _conclude(request, launcher, verdicts[0])


def _conclude(request: DemoRequest, launcher: Launcher, verdict: Verdict) -> int:
    _printFaults(launcher, verdict, sys.stderr)
    status = 0 if verdict.passed else 1
    if request.report is not None:
        picture = request.report / "demo.svg"
        drawn = drawReport(request.settings, launcher.histories, verdict, launcher.marks)
        try:
            picture.write_text(drawn, "utf-8")
        except OSError as error:
            print(f"gamenet demo: no picture: {error}", file=sys.stderr)
            status = 1
        else:
            print(f"picture: {picture}", file=sys.stderr)
    if request.log is not None:
        print(f"match logs: gamenet inspect {request.log}", file=sys.stderr)
    try:
        print(formatTable(request.settings, verdict, colors=_hasColors(sys.stdout)))
        if request.as_json:
            print(json.dumps(verdict.asJson()))
        sys.stdout.flush()
    except OSError as error:
        # Python would try once more, and complain, at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"gamenet demo: no table: {error}", file=sys.stderr)
            status = 1
    return status


def _printFaults(launcher: Launcher, verdict: Verdict, stream: TextIO) -> None:
    if all(check.passed for check in verdict.checks if check.name == "clean"):
        return
    for child in launcher.children:
        if child.tail:
            print(f"the last lines of {child.name}, {child.ending}:", file=stream)
            for line in child.tail:
                print(f"    {line}", file=stream)


def _hasColors(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ
