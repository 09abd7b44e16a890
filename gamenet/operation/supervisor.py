"""
Several relays, each in a process of its own: started, watched, told what to do, and ended.

A worker that ends is started again, ever more slowly, and given up after too many ends in a
row; the others go on meanwhile.  Workers end when their supervisor is gone, even where it
was killed: then their standard input ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from zope.interface import implementer

from gamenet.errors import CannotBind
from gamenet.machine.alarm import Alarm
from gamenet.operation.interfaces import IRelayOperation, WorkerStatus
from gamenet.operation.reloadable import Reloadable
from gamenet.operation.worker_process import WorkerProcess

__all__ = ["RestartLimits", "Supervisor"]


@frozen
class RestartLimits:
    """
    How a worker that ends is started again.

    @ivar first_delay: Seconds until it is, the first time.
    @ivar longest_delay: Seconds until it is, at most: every time it takes twice as long.
    @ivar settled: Seconds after which a worker counts as one that works, and the next end
        as the first one.
    @ivar ends: After so many ends in a row it is not started again.
    @ivar stop_limit: Seconds after which a worker that does not end is killed.
    @ivar start_limit: Seconds that one has to be ready.
    @ivar answer_limit: Seconds that one has to tell its counters.
    """

    first_delay: float = 0.5
    longest_delay: float = 30.0
    settled: float = 60.0
    ends: int = 10
    stop_limit: float = 7.0
    start_limit: float = 30.0
    answer_limit: float = 2.0


def _nobody(hopeless: bool) -> None:
    """Nobody wants to know."""


class _Worker:
    """
    One worker: its process comes and goes.

    @ivar number: Its number, from 1.
    @ivar process: What runs now, C{None} between two.
    @ivar ends: How often it ended in a row.
    @ivar given_up: Whether it is not started again.
    """

    def __init__(self, supervisor: Supervisor, number: int, clock: Any) -> None:
        self.number = number
        self.process: WorkerProcess | None = None
        self.started = 0.0
        self.ends = 0
        self.given_up = False
        self.restart = Alarm(clock, lambda: supervisor.launch(self))


@implementer(IRelayOperation)
class Supervisor(Service):
    """
    The workers of a relay.

    @ivar listening: Fires when every worker is ready for the first time; see
        L{gamenet.listening.IListeningService}.
    @ivar workers: One for each worker.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        reactor: Any,
        count: int,
        arguments: Sequence[str],
        directory: str,
        reloadable: Reloadable,
        limits: RestartLimits | None = None,
    ) -> None:
        """
        @param reactor: Starts processes, and has the time.
        @param count: How many workers.
        @param arguments: The plugin's command line, which every worker parses again.
        @param directory: Where relative names in it begin.
        @param reloadable: What was read from files, which workers are told.
        @param limits: How workers that end are started again.
        """
        self._reactor = reactor
        self._arguments = tuple(arguments)
        self._directory = directory
        self._reloadable = reloadable
        self.limits = RestartLimits() if limits is None else limits
        self.workers = [_Worker(self, number, reactor) for number in range(1, count + 1)]
        self.listening: Deferred[None] | None = None
        self._drained: Deferred[None] | None = None
        self._never_started = False
        self._changed: Callable[[bool], object] = _nobody

    def onChange(self, changed: Callable[[bool], object]) -> None:
        """
        Tell somebody when workers have other places than before.

        @param changed: Called with whether all workers were given up.
        """
        self._changed = changed

    def privilegedStartService(self) -> None:
        """
        Do nothing yet: processes are started by a reactor that runs, with the rights that
        the relay is to have.
        """

    def startService(self) -> None:
        """Start the workers as soon as the reactor runs."""
        Service.startService(self)
        self.listening = Deferred()
        self._reactor.callWhenRunning(self._launchAll)

    def stopService(self) -> Deferred[None]:
        """
        End the workers.

        @return: Fires when the last one is gone.
        """
        Service.stopService(self)
        listening, self.listening = self.listening, None
        if listening is not None and not listening.called:
            listening.addErrback(lambda _: None)
        endings = []
        for worker in self.workers:
            worker.restart.cancel()
            if worker.process is not None:
                endings.append(worker.process.stop(self.limits.stop_limit))
        return gatherResults(endings).addCallback(lambda _: None)

    def launch(self, worker: _Worker) -> None:
        """Start a worker's process."""
        worker.started = self._reactor.seconds()
        worker.process = WorkerProcess(self._reactor, worker.number, self.limits.start_limit)
        worker.process.ready.addCallbacks(self._ready, self._neverReady)
        worker.process.ended.addCallback(self._ended, worker)
        worker.process.start(self._arguments, self._directory, self._reloadable)

    def _launchAll(self) -> None:
        if self.running:
            for worker in self.workers:
                self.launch(worker)

    def _ready(self, _: object) -> None:
        listening = self.listening
        if listening is None:
            return
        if listening.called:
            self._changed(False)
        elif all(each.process and each.process.places is not None for each in self.workers):
            listening.callback(None)

    def _neverReady(self, failure: Any) -> None:
        """Hear that a worker ended before it was ready; the first time that is the end."""
        listening = self.listening
        if listening is not None and not listening.called:
            self._never_started = True
            listening.errback(CannotBind(str(failure.value)))

    def _ended(self, status: int, worker: _Worker) -> None:
        worker.process = None
        if not self.running or self._never_started:
            return
        if self._drained is not None:
            self._checkDrained()
            return
        settled = self._reactor.seconds() - worker.started >= self.limits.settled
        # Who ends with 0 was drained alone, to be renewed.
        worker.ends = 1 if settled or status == 0 else worker.ends + 1
        if worker.ends > self.limits.ends:
            self._giveUp(worker)
            return
        delay = self.limits.first_delay * 2 ** (worker.ends - 1)
        delay = min(delay, self.limits.longest_delay)
        self._log.warn(
            "worker {worker} ended with {status} and is started again in {delay} s",
            worker=worker.number,
            status=status,
            delay=delay,
        )
        worker.restart.set(self._reactor.seconds() + delay)
        self._changed(False)

    def _giveUp(self, worker: _Worker) -> None:
        worker.given_up = True
        self._log.critical(
            "worker {worker} ended {ends} times in a row and is not started again",
            worker=worker.number,
            ends=worker.ends,
        )
        self._changed(all(each.given_up for each in self.workers))

    def places(self) -> dict[str, object]:
        """Return C{workers}: for each its number, its process and its places."""
        return {"workers": [self._place(worker) for worker in self.workers]}

    def _place(self, worker: _Worker) -> dict[str, object]:
        places = None if worker.process is None else worker.process.places
        pid = None if worker.process is None or places is None else worker.process.pid
        return {"worker": worker.number, "process": pid, **(places or {})}

    def status(self) -> dict[str, object]:
        """Return how many workers there are; their counters are told by L{statuses}."""
        return {"workers_running": sum(worker.process is not None for worker in self.workers)}

    def statuses(self) -> Deferred[list[WorkerStatus]]:
        """Return every worker's counters; see L{IRelayOperation}."""
        return Deferred.fromCoroutine(self._statuses())

    async def _statuses(self) -> list[WorkerStatus]:
        asked = [
            (each.number, each.process and each.process.askStatus(self.limits.answer_limit))
            for each in self.workers
        ]
        return [
            WorkerStatus(number, await answer if answer else None) for number, answer in asked
        ]

    def reload(self, reloadable: Reloadable) -> None:
        """Tell every worker; see L{IRelayOperation}."""
        self._reloadable = reloadable
        for worker in self.workers:
            if worker.process is not None:
                worker.process.reload(reloadable)

    def reloadCertificates(self) -> None:
        """Tell every worker; each logs what it cannot read."""
        for worker in self.workers:
            if worker.process is not None:
                worker.process.reloadCertificates()

    def drain(self) -> Deferred[None]:
        """Drain every worker; see L{IRelayOperation}."""
        if self._drained is None:
            self._drained = Deferred()
            for worker in self.workers:
                worker.restart.cancel()
                if worker.process is not None:
                    worker.process.drain()
            self._checkDrained()
        drained: Deferred[None] = Deferred()
        self._drained.addCallback(lambda _: drained.callback(None))
        return drained

    def _checkDrained(self) -> None:
        drained = self._drained
        left = any(worker.process for worker in self.workers)
        if drained is not None and not drained.called and not left:
            drained.callback(None)
