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
from gamenet.machine.reactor_machine import ReactorMachine, asMachine
from gamenet.operation.json_log import logRecord
from gamenet.operation.process_signals import ProcessSignals
from gamenet.operation.relay_options import Options
from gamenet.operation.reloadable import Reloadable
from gamenet.operation.single_relay import SingleRelay
from gamenet.operation.worker_messages import REPORTS, LineReader, line
from gamenet.operation.worker_plan import planWorkers

__all__ = ["WorkerLog", "WorkerProtocol", "main"]

#: Seconds that closing everything may take before the process is killed.
_END_LIMIT = 5


@implementer(IPushProducer)
class WorkerProtocol(Protocol):
    """
    A worker's end of the pipes.

    @ivar exit_status: What the process ends with.
    @ivar full: Whether the supervisor reads slower than it is told.
    """

    _log = Logger()

    def __init__(self, reactor: Any, number: int, arguments: list[str]) -> None:
        """
        @param reactor: The reactor, which ends with the worker; or a machine that can be stopped.
        @param number: Which worker, from 1.
        @param arguments: The command line of the supervisor's plugin.
        """
        self._reactor = reactor
        self._number = number
        self._arguments = arguments
        self._lines = LineReader()
        self._relay: SingleRelay | None = None
        self._ending = False
        self._closed = False
        self._alone = False
        self.full = False
        self.exit_status = 0

    def connectionMade(self) -> None:
        """Be told when the supervisor reads slower than it is told."""
        if self.transport is not None:
            self.transport.registerProducer(self, True)  # type: ignore[attr-defined]

    def pauseProducing(self) -> None:
        """Log nothing for a while: the supervisor does not read."""
        self.full = True

    def resumeProducing(self) -> None:
        """Log again."""
        self.full = False

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
            case "certificates":
                self._reloadCertificates()
            case "drain":
                self.drain()
            case "stop":
                self.end()
            case "status":
                status = {} if self._relay is None else self._relay.status()
                self.tell(line("status", number=message["number"], status=status))

    def _start(self, reloadable: Reloadable) -> None:
        machine = asMachine(self._reactor)
        if isinstance(machine, ReactorMachine):
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
        self._relay = relay
        if relay.listening is not None:
            relay.listening.addCallbacks(self._ready, self._cannotListen)

    def _ready(self, _: None) -> None:
        if self._relay is not None:
            self.tell(line("ready", places=self._relay.places()))

    def _cannotListen(self, failure: Failure) -> None:
        self._fail(str(failure.value))

    def _reload(self, reloadable: Reloadable) -> None:
        if self._relay is None:
            return
        try:
            self._relay.reload(reloadable)
        except GamenetError as error:
            self._log.error("worker goes on as before: {error}", error=error)

    def _reloadCertificates(self) -> None:
        if self._relay is None:
            return
        try:
            self._relay.reloadCertificates()
        except GamenetError as error:
            self._log.error("a certificate stays as it was: {error}", error=error)

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

    def _fail(self, text: str) -> None:
        self.exit_status = 1
        self.tell(line("failed", error=text))
        self.end()

    def tell(self, message: bytes) -> None:
        """Tell the supervisor something, unless it is gone."""
        if self.transport is not None and not self._alone:
            self.transport.write(message)


@implementer(ILogObserver)
class WorkerLog:
    """Lets the supervisor log what happens in its worker."""

    def __init__(self, worker: WorkerProtocol) -> None:
        """
        @param worker: The end of the pipes.
        """
        self._worker = worker

    def __call__(self, event: LogEvent) -> None:
        """Tell of an event, unless the supervisor does not read; called by C{twisted.logger}."""
        if not self._worker.full:
            self._worker.tell(line("log", record=logRecord(event)))


def main() -> None:
    """Be a worker."""
    from twisted.internet import reactor
    from twisted.internet.stdio import StandardIO

    # Ctrl-C reaches every process of a terminal: the supervisor ends its workers in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = WorkerProtocol(reactor, int(sys.argv[1]), sys.argv[2:])
    globalLogBeginner.beginLoggingTo([WorkerLog(worker)], redirectStandardIO=False)
    pipes: Any = StandardIO
    pipes(worker, stdin=0, stdout=REPORTS)
    ProcessSignals(reactor).install({"SIGHUP": lambda: None, "SIGUSR1": worker.drain})
    reactor.run()
    sys.exit(worker.exit_status)


if __name__ == "__main__":
    main()
