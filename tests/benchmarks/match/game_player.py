"""
One player of the benchmark's match, as a process of its own, with a game of 100 bytes.

C{python -m tests.benchmarks.match.game_player LOBBY SECONDS [SESSION]} opens a session, or
joins the one that is named, plays C{SECONDS} of it through the relay alone, and prints two
lines: the session's id, and a JSON object of what it cost.  The first second of play and the
last are not counted: paths are found in the one, and goodbye is said in the other.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from resource import RUSAGE_SELF, getrusage
from time import monotonic

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gamenet.match import MatchResult, MatchSettings, PeerProtocol, connect
from tests.benchmarks.rollback_game import RATE, WordGame

__all__ = ["Meter", "main"]

#: Seconds that everything beside the play may take, before this process gives up.
_PATIENCE = 60.0


class Meter(PeerProtocol):
    """
    Presses another key every 4 frames, and measures the frames from C{first} to C{last}.

    @ivar started: The clock and the CPU seconds, user and system, at the first frame.
    @ivar ended: The same at the last.
    @ivar confirmed: How many frames became final.
    """

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.started: tuple[float, float, float] | None = None
        self.ended: tuple[float, float, float] | None = None
        self.confirmed = 0

    def localInput(self, player: int, frame: int) -> bytes:
        """Press a key; look at the clocks at both ends."""
        if frame >= self.first and self.started is None:
            self.started = _clocks()
        elif frame >= self.last and self.ended is None:
            self.ended = _clocks()
        return bytes([(frame // 4 * 37 + player) & 0xFF])

    def frameConfirmed(self, frame: int, inputs: Sequence[bytes], checksum: object) -> None:
        """Count it."""
        self.confirmed += 1

    def cost(self, result: MatchResult) -> dict[str, object]:
        """Return what was measured, for JSON."""
        assert self.started is not None and self.ended is not None
        seconds, user, system = [
            end - start for end, start in zip(self.ended, self.started, strict=True)
        ]
        statistics = result.statistics
        return {
            "seconds": seconds,
            "user": user,
            "system": system,
            "frames": self.last - self.first,
            "confirmed": self.confirmed,
            "outcome": result.outcome.value,
            "path": statistics.path,
            "packets_direct": statistics.packets_direct,
            "packets_relayed": statistics.packets_relayed,
            "rollbacks": statistics.rollbacks,
        }


def _clocks() -> tuple[float, float, float]:
    used = getrusage(RUSAGE_SELF)
    return monotonic(), used.ru_utime, used.ru_stime


async def _play(lobby: str, seconds: float, session_id: str | None) -> dict[str, object]:
    frames = round(seconds * RATE)
    player = await connect(reactor, lobby, "Ada", relay_only=True, interface="127.0.0.1")
    try:
        if session_id is None:
            session = await player.createSession("a benchmark")
            print(session.session_id, flush=True)
        else:
            session = await player.joinSession(session_id)
            print(session_id, flush=True)
        meter = Meter(RATE, RATE + frames)
        settings = MatchSettings(
            frame_rate=RATE, frames=frames + 2 * RATE, countdown=0.0, rules="benchmark"
        )
        result = await session.play(WordGame(), meter, settings)
        return meter.cost(result)
    finally:
        await player.close()


def main(arguments: Sequence[str]) -> int:
    """
    Play one match.

    @param arguments: Of the command line, without the program's name.
    @return: The exit status: 0 if it was played to its end.
    """
    lobby, seconds, *named = arguments
    session_id = named[0] if named else None
    said: list[dict[str, object]] = []

    def failed(failure: Failure) -> None:
        failure.printTraceback(sys.stderr)

    def begin() -> None:
        playing = Deferred.fromCoroutine(_play(lobby, float(seconds), session_id))
        playing.addCallbacks(said.append, failed)
        playing.addCallback(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.callLater(float(seconds) + _PATIENCE, reactor.stop)
    reactor.run()
    for each in said:
        print(json.dumps(each), flush=True)
    return 0 if said else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
