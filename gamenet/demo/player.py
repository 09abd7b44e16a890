"""
One player of the demo, as a process of its own.

The parent writes to standard input: first a L{Briefing}, and to a guest then
the id of the session to join, as a line.  Standard output carries one JSON
object a line, each with an C{event}: C{session}, C{member}, C{started},
C{resume}, C{sample}, C{path}, C{desynchronized}, C{dropped}, C{joined}, C{host}, C{seat}
and, as the last, C{result} or C{failed}.  The process ends when standard input
does, for then its parent is gone.

With the argument C{rejoin} it takes the place of a player whose process was
killed: all it is told is a L{ReturnBriefing}.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import deque
from collections.abc import Sequence
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
from gamenet.demo.briefing import Briefing, ReturnBriefing
from gamenet.demo.commands import REJOIN
from gamenet.demo.corrupted_arena import CorruptedArena
from gamenet.demo.impairment import ImpairedMachine, Impairment
from gamenet.demo.log_file import PlayerLogFile
from gamenet.demo.orphans import leaveTerminal
from gamenet.demo.recorder import RecordedSimulation, ScriptedPlayer
from gamenet.demo.script import SECRET_LENGTH, PlayerScript
from gamenet.demo.settings import FRAME_RATE
from gamenet.errors import GamenetError
from gamenet.interfaces import IMachine
from gamenet.machine.reactor_machine import asMachine
from gamenet.match import Player, ReturnedSession, Session, connect, rejoin
from gamenet.match.protocol import MatchResult, Outcome
from gamenet.match.settings import MatchSettings
from gamenet.seeded_random import SeededRandom

__all__ = ["LOOPBACK", "ParentLines", "main", "playBriefing", "playReturn", "servePlayer"]

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
    road = _road(machine, briefing)
    player = await connect(
        road,
        briefing.lobby,
        briefing.name,
        relay_only=briefing.relay_only,
        interface=LOOPBACK,
    )
    try:
        session = await _takeSeat(player, briefing, parent)
        script = PlayerScript(bytes.fromhex(briefing.secret))
        protocol = ScriptedPlayer(road.clock, script, parent.report, resumable=briefing.resumable)
        return await _playSession(session, protocol, briefing, parent, briefing.corrupt_at)
    finally:
        await player.close()
        await road.drained()


async def playReturn(machine: IMachine, briefing: ReturnBriefing, parent: ParentLines) -> Outcome:
    """
    Come back into a match in the place of a process that was killed, and play on.  What
    it would have pressed is not known here: we press something else.

    @param machine: As for L{playBriefing}.
    @return: How the match ended.
    @raise GamenetError: Whatever went wrong.
    """
    road = _road(machine, briefing)
    session = await rejoin(road, bytes.fromhex(briefing.resume), interface=LOOPBACK)
    try:
        script = PlayerScript(machine.randomBytes(SECRET_LENGTH))
        protocol = ScriptedPlayer(road.clock, script, parent.report)
        return await _playSession(session, protocol, briefing, parent, None)
    finally:
        await session.leave()
        await road.drained()


def _road(machine: IMachine, briefing: Briefing | ReturnBriefing) -> ImpairedMachine:
    """Return a machine whose datagrams take the bad road that a briefing describes."""
    return ImpairedMachine(
        machine,
        Impairment(briefing.latency, briefing.jitter, briefing.loss),
        SeededRandom.fromLabel(briefing.road_seed, "road"),
    )


async def _takeSeat(player: Player, briefing: Briefing, parent: ParentLines) -> Session:
    if briefing.player == 1:
        count = briefing.players
        session = await player.createSession("demo", capacity=count, minimum=count)
        parent.report({"event": "session", "session": session.session_id})
        return session
    session = await player.joinSession((await parent.nextLine()).decode())
    parent.report({"event": "member"})
    return session


async def _playSession(
    session: Session | ReturnedSession,
    protocol: ScriptedPlayer,
    briefing: Briefing | ReturnBriefing,
    parent: ParentLines,
    spoiled: int | None,
) -> Outcome:
    """
    Play, and report how it ended.

    @param spoiled: The frame in which to spoil our own state, or C{None}.
    """
    arena = Arena(briefing.players)
    returning = isinstance(briefing, ReturnBriefing)
    log = None if briefing.log is None else PlayerLogFile(Path(briefing.log), make=returning)
    if log is not None:
        protocol.started = log.begin
    rules = arena if spoiled is None else CorruptedArena(arena, spoiled)
    recorded = RecordedSimulation(arena, rules, protocol.wentBack)
    protocol.stateBytes = lambda: recorded.bytes_taken_over
    settings = MatchSettings(
        frame_rate=FRAME_RATE,
        frames=briefing.frames,
        rules="gamenet demo arena 1",
        countdown=0.0,
        lost_after=briefing.lost_after,
        plays_alone=briefing.plays_alone,
    )
    try:
        result = await session.play(
            recorded,
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
    links = [(link.player, link.kind, link.round_trip) for link in statistics.links]
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
        "links": links,
    }


async def servePlayer(machine: IMachine, parent: ParentLines, returning: bool = False) -> int:
    """
    Do what the parent's briefing says.

    @param returning: Whether we take the place of a process that was killed.
    @return: The exit status: 0 only if the match was played to its end.
    """
    try:
        line = await parent.nextLine()
        if returning:
            outcome = await playReturn(machine, ReturnBriefing.fromLine(line), parent)
        else:
            outcome = await playBriefing(machine, Briefing.fromLine(line), parent)
    except (GamenetError, ValueError) as error:
        parent.report({"event": "failed", "error": type(error).__name__, "text": str(error)})
        return 1
    return 0 if outcome is Outcome.FINISHED else 1


def main(reactor: Any, arguments: Sequence[str] = ()) -> int:
    """
    Play one match.

    @param reactor: The reactor, not running yet.
    @param arguments: The command line, as L{gamenet.demo.commands.playerCommand} makes it.
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
        returning = REJOIN in arguments
        playing = Deferred.fromCoroutine(servePlayer(asMachine(reactor), parent, returning))
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

    sys.exit(main(the_reactor, sys.argv[1:]))
