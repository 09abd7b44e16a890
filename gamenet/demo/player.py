"""
One player of the demo, as a process of its own.

The parent writes to standard input: first a L{Briefing}, and to a guest then
the id of the session to join, as a line.  Standard output carries one JSON
object a line, each with an C{event}: C{session}, C{started}, C{sample},
C{path}, C{desynchronized} and, as the last, C{result} or C{failed}.  The
process ends when standard input does, for then its parent is gone.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from gamenet.demo.arena import Arena
from gamenet.demo.corrupted_arena import CorruptedArena
from gamenet.demo.impairment import ImpairedMachine, Impairment
from gamenet.demo.log_file import PlayerLogFile
from gamenet.demo.orphans import leaveTerminal
from gamenet.demo.recorder import RecordedSimulation, ScriptedPlayer
from gamenet.demo.script import PlayerScript
from gamenet.demo.settings import FRAME_RATE, Briefing
from gamenet.errors import GamenetError
from gamenet.interfaces import IMachine
from gamenet.machine.reactor_machine import asMachine
from gamenet.match import Player, Session, connect
from gamenet.match.protocol import MatchResult, Outcome
from gamenet.match.settings import MatchSettings
from gamenet.seeded_random import SeededRandom

__all__ = ["LOOPBACK", "ParentLines", "main", "playBriefing", "servePlayer"]

#: Where the demo's sockets are bound.
LOOPBACK = "127.0.0.1"


@define(eq=False, slots=False)
class ParentLines(LineOnlyReceiver):
    """
    The two pipes to the parent.

    @ivar gone: Fires when the parent is gone, or when we have said goodbye and
        all of it was written.
    """

    delimiter = b"\n"

    gone: Deferred[None] = field(init=False, factory=Deferred)
    _lines: deque[bytes] = field(init=False, factory=deque)
    _waiting: Deferred[bytes] | None = field(init=False, default=None)

    def nextLine(self) -> Deferred[bytes]:
        """Return a C{Deferred} that fires with the next line of the parent's."""
        waiting: Deferred[bytes] = Deferred()
        if self._lines:
            waiting.callback(self._lines.popleft())
        else:
            self._waiting = waiting
        return waiting

    def lineReceived(self, line: bytes) -> None:
        """The parent wrote a line."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            self._lines.append(line)
        else:
            waiting.callback(line)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The parent is gone, or we are done."""
        self.gone.callback(None)

    def report(self, report: dict[str, object]) -> None:
        """Write one line to the parent; it is never waited for."""
        if self.transport is not None:
            self.transport.write(json.dumps(report, separators=(",", ":")).encode() + b"\n")

    def goodbye(self) -> None:
        """Close the pipes once everything was written."""
        if self.transport is not None:
            self.transport.loseConnection()


async def playBriefing(machine: IMachine, briefing: Briefing, parent: ParentLines) -> Outcome:
    """
    Connect, sit down, play, and report all of it.

    @param machine: The real machine; our datagrams will take a bad road from it.
    @return: How the match ended.
    @raise GamenetError: Whatever went wrong.
    """
    road = ImpairedMachine(
        machine,
        Impairment(briefing.latency, briefing.jitter, briefing.loss),
        SeededRandom.fromLabel(briefing.road_seed, "road"),
    )
    player = await connect(
        road,
        briefing.lobby,
        briefing.name,
        relay_only=briefing.relay_only,
        interface=LOOPBACK,
    )
    try:
        session = await _takeSeat(player, briefing, parent)
        return await _playSession(session, road, briefing, parent)
    finally:
        await player.close()
        await road.drained()


async def _takeSeat(player: Player, briefing: Briefing, parent: ParentLines) -> Session:
    if briefing.player == 1:
        count = briefing.players
        session = await player.createSession("demo", capacity=count, minimum=count)
        parent.report({"event": "session", "session": session.session_id})
        return session
    return await player.joinSession((await parent.nextLine()).decode())


async def _playSession(
    session: Session, machine: IMachine, briefing: Briefing, parent: ParentLines
) -> Outcome:
    arena = Arena(briefing.players)
    log = None if briefing.log is None else PlayerLogFile(Path(briefing.log))
    script = PlayerScript(bytes.fromhex(briefing.secret))
    protocol = ScriptedPlayer(machine.clock, script, parent.report)
    if log is not None:
        protocol.started = log.begin
    spoiled = briefing.corrupt_at
    rules = arena if spoiled is None else CorruptedArena(arena, spoiled)
    settings = MatchSettings(
        frame_rate=FRAME_RATE, frames=briefing.frames, rules="gamenet demo arena 1"
    )
    try:
        result = await session.play(
            RecordedSimulation(arena, rules, protocol.wentBack),
            protocol,
            settings,
            log=None if log is None else log.log,
        )
    finally:
        if log is not None:
            log.close()
    parent.report(_summary(result, arena))
    return result.outcome


def _summary(result: MatchResult, arena: Arena) -> dict[str, object]:
    statistics = result.statistics
    settled = crc32(arena.save()) == result.checksum
    return {
        "event": "result",
        "player": result.player,
        "outcome": result.outcome.value,
        "last_frame": result.last_frame,
        "path": statistics.path,
        "rtt": statistics.round_trip,
        "rollbacks": statistics.rollbacks,
        "deepest_rollback": statistics.deepest_rollback,
        "stalls": statistics.stalls,
        "packets_direct": statistics.packets_direct,
        "packets_relayed": statistics.packets_relayed,
        "packets_sent": statistics.packets_sent,
        "bytes_sent": statistics.bytes_sent,
        "duration": statistics.duration,
        "score": arena.scores[result.player - 1] if settled else None,
        "checksum": result.checksum,
    }


async def servePlayer(machine: IMachine, parent: ParentLines) -> int:
    """
    Do what the parent's briefing says.

    @return: The exit status: 0 only if the match was played to its end.
    """
    try:
        briefing = Briefing.fromLine(await parent.nextLine())
        outcome = await playBriefing(machine, briefing, parent)
    except (GamenetError, ValueError) as error:
        parent.report({"event": "failed", "error": type(error).__name__, "text": str(error)})
        return 1
    return 0 if outcome is Outcome.FINISHED else 1


def main(reactor: Any) -> int:
    """
    Play one match.

    @param reactor: The reactor, not running yet.
    @return: The exit status: 0 only if the match was played to its end.
    """
    leaveTerminal()
    observer = FilteringLogObserver(
        textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(LogLevel.warn)]
    )
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    parent = ParentLines()
    statuses: list[int] = []

    def ended(status: int) -> None:
        statuses.append(status)
        parent.goodbye()

    def begin() -> None:
        StandardIO(parent, reactor=reactor)
        parent.gone.addCallback(stop)
        # Twisted's own handler complains where the reactor is about to stop anyway.
        signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(stop))
        playing = Deferred.fromCoroutine(servePlayer(asMachine(reactor), parent))
        playing.addCallback(ended)
        playing.addErrback(failed)

    def stop(_: None = None) -> None:
        with suppress(ReactorNotRunning):
            reactor.stop()

    def failed(failure: Failure) -> None:
        failure.printTraceback(sys.stderr)
        ended(1)

    reactor.callWhenRunning(begin)
    reactor.run()
    return statuses[0] if statuses else 1


if __name__ == "__main__":
    from twisted.internet import reactor as the_reactor

    sys.exit(main(the_reactor))
