"""
One of several relays, in a process of its own: told by its supervisor what to do, and
ended by its end.

C{python -m gamenet.operation.worker NUMBER [options of gamenet-relay]}, with pipes as
L{gamenet.operation.worker_messages} has them.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import ILogObserver, LogEvent, Logger, globalLogBeginner
from twisted.python.failure import Failure
from twisted.python.usage import UsageError
from zope.interface import implementer

from gamenet.errors import GamenetError
from gamenet.machine.reactor_machine import ReactorMachine
from gamenet.operation.json_log import logRecord
from gamenet.operation.process_signals import ProcessSignals
from gamenet.operation.relay_operation import SingleRelay
from gamenet.operation.relay_options import Options
from gamenet.operation.reloadable import Reloadable
from gamenet.operation.worker_messages import REPORTS, LineReader, line
from gamenet.operation.worker_plan import planWorkers

__all__ = ["WorkerProtocol", "main"]

#: Seconds that closing everything may take before the process is killed.
_END_LIMIT = 5


@implementer(IPushProducer, ILogObserver)
class WorkerProtocol(Protocol):
    """
    A worker's end of the pipes.

    @ivar exit_status: What the process ends with.
    """

    _log = Logger()

    def __init__(self, reactor: Any, number: int, arguments: list[str]) -> None:
        """
        @param reactor: The reactor, which ends with the worker.
        @param number: Which worker, from 1.
        @param arguments: The command line of the supervisor's plugin.
        """
        self._reactor = reactor
        self._number = number
        self._arguments = arguments
        self._lines = LineReader()
        self._relay: SingleRelay | None = None
        self._options: Options | None = None
        self._ending = False
        self._closed = False
        self._alone = False
        self._full = False
        self.exit_status = 0

    def connectionMade(self) -> None:
        """Be told when the supervisor reads slower than it is told."""
        if self.transport is not None:
            self.transport.registerProducer(self, True)  # type: ignore[attr-defined]

    def pauseProducing(self) -> None:
        """Log nothing for a while: the supervisor does not read."""
        self._full = True

    def resumeProducing(self) -> None:
        """Log again."""
        self._full = False

    def stopProducing(self) -> None:
        """The supervisor is gone; the end of the input says so as well."""

    def dataReceived(self, data: bytes) -> None:
        """Do what the supervisor says."""
        for message in self._lines.feed(data):
            self._obey(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End: everything was told, or the supervisor is gone, however it went."""
        self._alone = True
        if self._closed:
            self._reactor.stop()
        else:
            self.end()

    def _obey(self, message: dict[str, Any]) -> None:
        match message["kind"]:
            case "start":
                self._start(Reloadable.fromJson(message["reloadable"]))
            case "reload":
                self._reload(Reloadable.fromJson(message["reloadable"]))
            case "drain":
                self.drain()
            case "stop":
                self.end()
            case "status":
                status = {} if self._relay is None else self._relay.status()
                self._tell(line("status", number=message["number"], status=status))

    def _start(self, reloadable: Reloadable) -> None:
        machine = ReactorMachine(self._reactor)
        machine.dedicate()
        try:
            options = Options(lambda sources, environment: reloadable)
            options.parseOptions(self._arguments)
            settings = planWorkers(options.settings, options.workers)[self._number - 1]
            relay = SingleRelay(machine, settings)
            relay.privilegedStartService()
            relay.startService()
        except (UsageError, GamenetError) as error:
            self._fail(str(error))
            return
        self._options, self._relay = options, relay
        if relay.listening is not None:
            relay.listening.addCallbacks(self._ready, self._cannotListen)

    def _ready(self, _: None) -> None:
        if self._relay is not None:
            self._tell(line("ready", places=self._relay.places()))

    def _cannotListen(self, failure: Failure) -> None:
        self._fail(str(failure.value))

    def _reload(self, reloadable: Reloadable) -> None:
        if self._relay is None or self._options is None:
            return
        try:
            self._relay.reload(reloadable, self._options.denied(reloadable))
            self._relay.reloadCertificates()
        except GamenetError as error:
            self._log.error("worker goes on as before: {error}", error=error)

    def drain(self) -> None:
        """Take no new allocations, and end with the last one."""
        if self._relay is None:
            self.end()
        else:
            self._relay.drain().addCallback(lambda _: self.end())

    def end(self) -> None:
        """Close everything, and end the process: orderly, or in any case soon."""
        if self._ending:
            return
        self._ending = True
        signal.alarm(_END_LIMIT)
        if self._relay is None:
            self._hangUp(None)
        else:
            self._relay.stopService().addBoth(self._hangUp)

    def _hangUp(self, _: object) -> None:
        """Tell what is still to be told, and then nothing more."""
        self._closed = True
        if self._alone or self.transport is None:
            self._reactor.stop()
        else:
            self.transport.unregisterProducer()  # type: ignore[attr-defined]
            self.transport.loseConnection()

    def __call__(self, event: LogEvent) -> None:
        """Let the supervisor log an event; called by C{twisted.logger}."""
        if not self._full:
            self._tell(line("log", record=logRecord(event)))

    def _fail(self, text: str) -> None:
        self.exit_status = 1
        self._tell(line("failed", error=text))
        self.end()

    def _tell(self, message: bytes) -> None:
        if self.transport is not None and not self._alone:
            self.transport.write(message)


def main() -> None:
    """Be a worker."""
    from twisted.internet import reactor
    from twisted.internet.stdio import StandardIO

    # Ctrl-C reaches every process of a terminal: the supervisor ends its workers in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = WorkerProtocol(reactor, int(sys.argv[1]), sys.argv[2:])
    globalLogBeginner.beginLoggingTo([worker], redirectStandardIO=False)
    pipes: Any = StandardIO
    pipes(worker, stdin=0, stdout=REPORTS)
    ProcessSignals(reactor).install({"SIGHUP": lambda: None, "SIGUSR1": worker.drain})
    reactor.run()
    sys.exit(worker.exit_status)


if __name__ == "__main__":
    main()
