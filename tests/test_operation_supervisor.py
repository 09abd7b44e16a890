"""Tests of L{gamenet.operation.supervisor} and of what it sees of a worker, without processes."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.errors import CannotBind
from gamenet.operation.interfaces import IRelayOperation, WorkerStatus
from gamenet.operation.json_log import logRecord
from gamenet.operation.reloadable import Reloadable
from gamenet.operation.supervisor import RestartLimits, Supervisor
from gamenet.operation.worker_messages import REPORTS, LineReader, line
from gamenet.operation.worker_process import WorkerProcess

TOLD = Reloadable((b"a secret of tests\xff",), (("ada", "lovelace"),), ("10.0.0.0/8",))


class _Process:
    """A process that does what the test says."""

    def __init__(self, protocol: WorkerProcess, pid: int, command: list[str]) -> None:
        self.protocol = protocol
        self.pid = pid
        self.command = command
        self.heard: list[dict[str, Any]] = []
        self.signals: list[str] = []
        self.gone = False
        self._lines = LineReader()

    def writeToChild(self, descriptor: int, data: bytes) -> None:
        """Hear it."""
        self.heard += self._lines.feed(data)

    def signalProcess(self, name: str) -> None:
        """Note it, and end of a KILL."""
        if self.gone:
            raise ProcessExitedAlready
        self.signals.append(name)
        if name == "KILL":
            self.end(-9)

    def say(self, kind: str, **values: object) -> None:
        """Tell the supervisor something, in two pieces."""
        data = line(kind, **values)
        self.protocol.childDataReceived(REPORTS, data[:7])
        self.protocol.childDataReceived(REPORTS, data[7:])

    def end(self, status: int) -> None:
        """End, with a status or minus a signal."""
        self.gone = True
        error = ProcessTerminated(None if status < 0 else status, -status if status < 0 else None)
        self.protocol.processEnded(Failure(ProcessDone(0) if status == 0 else error))

    def kinds(self) -> list[str]:
        """Return what it was told, without what belongs to it."""
        return [each["kind"] for each in self.heard]


class _Reactor(Clock):
    """Starts such processes, and has the time."""

    def __init__(self) -> None:
        Clock.__init__(self)
        self.processes: list[_Process] = []
        self.running: list[Any] = []

    def callWhenRunning(self, call: Any) -> None:
        """Keep it until L{run}."""
        self.running.append(call)

    def run(self) -> None:
        """Run."""
        for call in self.running:
            call()

    def spawnProcess(
        self, protocol: WorkerProcess, executable: str, command: list[str], **settings: Any
    ) -> _Process:
        """Start one."""
        assert settings["childFDs"] == {0: "w", 1: "r", 2: "r", REPORTS: "r"}
        process = _Process(protocol, 100 + len(self.processes), command)
        self.processes.append(process)
        protocol.makeConnection(process)  # type: ignore[arg-type]
        return process


class SupervisorTestCase(SynchronousTestCase):
    """Two workers."""

    def setUp(self) -> None:
        self.reactor = _Reactor()
        self.supervisor = Supervisor(
            self.reactor, 2, ["--udp", "3478"], "/", TOLD, RestartLimits(ends=3)
        )
        self.changes: list[bool] = []
        self.supervisor.onChange(self.changes.append)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def start(self, ready: bool = True) -> list[_Process]:
        """Start both, and let them say that they are ready."""
        self.supervisor.privilegedStartService()
        self.supervisor.startService()
        self.assertEqual(self.reactor.processes, [])
        self.reactor.run()
        if ready:
            for number, process in enumerate(self.reactor.processes):
                process.say("ready", places={"udp": ["192.0.2.1", 3478 + number]})
        return list(self.reactor.processes)


class StartTests(SupervisorTestCase):
    """From nothing to two workers."""

    def test_interfaces(self) -> None:
        """Simplicity 30: whoever operates a relay may operate several in its place."""
        verifyObject(IService, self.supervisor)
        verifyObject(IRelayOperation, self.supervisor)

    def test_start(self) -> None:
        """Each has its number and the command line, and hears of the files by the pipe alone."""
        processes = self.start(ready=False)
        listening = self.supervisor.listening
        assert listening is not None
        for number, process in enumerate(processes, 1):
            self.assertEqual(
                process.command[1:],
                ["-m", "gamenet.operation.worker", str(number), "--udp", "3478"],
            )
            (started,) = process.heard
            self.assertEqual(Reloadable.fromJson(started["reloadable"]), TOLD)
        processes[1].say("ready", places={"udp": ["192.0.2.1", 3479]})
        self.assertNoResult(listening)
        processes[0].say("ready", places={"udp": ["192.0.2.1", 3478]})
        self.assertIsNone(self.successResultOf(listening))
        self.assertEqual(
            self.supervisor.places()["workers"],
            [
                {"worker": 1, "process": 100, "udp": ["192.0.2.1", 3478]},
                {"worker": 2, "process": 101, "udp": ["192.0.2.1", 3479]},
            ],
        )

    def test_cannotStart(self) -> None:
        """The first start succeeds for all of them, or it is the end, with the reason."""
        processes = self.start(ready=False)
        listening = self.supervisor.listening
        assert listening is not None
        processes[0].say("ready", places={})
        processes[1].say("failed", error="192.0.2.1:3479 is taken")
        processes[1].end(1)
        error = self.failureResultOf(listening, CannotBind).value
        self.assertEqual(str(error), "worker 2 cannot start: 192.0.2.1:3479 is taken")
        self.reactor.advance(100)
        self.assertEqual(len(self.reactor.processes), 2)

    def test_tooSlow(self) -> None:
        """A worker that is not ready in time is killed."""
        processes = self.start(ready=False)
        listening = self.supervisor.listening
        assert listening is not None
        processes[0].say("ready", places={})
        self.reactor.advance(30)
        self.assertEqual([each.signals for each in processes], [[], ["KILL"]])
        self.failureResultOf(listening, CannotBind)

    def test_stoppedBefore(self) -> None:
        """Stopped before the reactor runs, nothing is started."""
        self.supervisor.startService()
        self.successResultOf(self.supervisor.stopService())
        self.reactor.run()
        self.assertEqual(self.reactor.processes, [])


class RestartTests(SupervisorTestCase):
    """Workers that end."""

    def last(self) -> _Process:
        """Return the youngest process."""
        return self.reactor.processes[-1]

    def test_restart(self) -> None:
        """A worker that ends is started again after half a second, with what is new."""
        first, second = self.start()
        self.supervisor.reload(Reloadable((b"another secret",)))
        first.end(-11)
        self.assertEqual(self.changes, [False])
        place = {"worker": 1, "process": None}
        self.assertEqual(self.supervisor.places()["workers"][0], place)  # type: ignore[index]
        self.reactor.advance(0.5)
        self.assertEqual(len(self.reactor.processes), 3)
        told = Reloadable.fromJson(self.last().heard[0]["reloadable"])
        self.assertEqual(told.secrets, (b"another secret",))
        self.last().say("ready", places={})
        self.assertEqual(self.changes, [False, False])
        self.assertFalse(second.gone)

    def test_backOff(self) -> None:
        """It takes twice as long every time, and after the limit it is given up."""
        self.start()
        self.reactor.processes[0].end(1)
        for delay in (0.5, 1.0, 2.0):
            count = len(self.reactor.processes)
            self.reactor.advance(delay - 0.01)
            self.assertEqual(len(self.reactor.processes), count)
            self.reactor.advance(0.02)
            self.assertEqual(len(self.reactor.processes), count + 1)
            self.last().end(1)
        self.reactor.advance(1000)
        self.assertEqual(len(self.reactor.processes), 5)
        self.assertIn("not started again", str(self.events[-1]["log_format"]))
        self.assertNotIn(True, self.changes)
        self.assertEqual(self.supervisor.status(), {"workers_running": 1})

    def test_hopeless(self) -> None:
        """With the last worker given up, the whole is told so."""
        self.start()
        for process in list(self.reactor.processes):
            process.end(1)
        for _ in range(30):
            self.reactor.advance(1)
            for process in self.reactor.processes:
                if not process.gone:
                    process.end(1)
        self.assertEqual(len(self.reactor.processes), 8)
        self.assertEqual(self.changes[-1], True)

    def test_settled(self) -> None:
        """A worker that worked for a minute counts as one that works."""
        self.start()
        for _ in range(10):
            self.reactor.advance(61)
            self.last().end(1)
            self.reactor.advance(0.6)
            self.last().say("ready", places={})
        self.assertEqual(len(self.reactor.processes), 12)

    def test_renewed(self) -> None:
        """A worker that was drained alone ends with 0, and is no failure."""
        self.start()
        for _ in range(10):
            self.last().end(0)
            self.reactor.advance(0.6)
        self.assertEqual(len(self.reactor.processes), 12)


class ReloadTests(SupervisorTestCase):
    """What workers are told anew."""

    def test_certificates(self) -> None:
        """A7: certificates are told apart from the files, to every worker that is there."""
        first, second = self.start()
        self.supervisor.reloadCertificates()
        self.assertEqual([each.kinds()[1:] for each in (first, second)], [["certificates"]] * 2)
        self.supervisor.reload(TOLD)
        self.assertEqual(second.kinds()[1:], ["certificates", "reload"])
        first.end(1)
        self.supervisor.reloadCertificates()
        self.assertEqual(second.kinds()[3:], ["certificates"])

    def test_nobodyWantsToKnow(self) -> None:
        """A worker that ends is no trouble where nobody asked to be told of it."""
        supervisor = Supervisor(self.reactor, 1, [], "/", TOLD)
        supervisor.startService()
        self.reactor.run()
        self.reactor.processes[-1].say("ready", places={})
        self.reactor.processes[-1].end(1)
        self.assertEqual(supervisor.status(), {"workers_running": 0})


class EndTests(SupervisorTestCase):
    """Drain and stop."""

    def test_drain(self) -> None:
        """All are told once, none is started again, and it is over with the last."""
        first, second = self.start()
        one = self.supervisor.drain()
        two = self.supervisor.drain()
        self.assertEqual([each.kinds()[1:] for each in (first, second)], [["drain"]] * 2)
        first.end(0)
        self.reactor.advance(100)
        self.assertNoResult(one)
        second.end(-9)
        for drained in (one, two, self.supervisor.drain()):
            self.successResultOf(drained)
        self.assertEqual(len(self.reactor.processes), 2)

    def test_drainBetween(self) -> None:
        """A worker that waits to be started again stays away."""
        first, second = self.start()
        first.end(1)
        drained = self.supervisor.drain()
        second.end(0)
        self.successResultOf(drained)
        self.reactor.advance(100)
        self.assertEqual(len(self.reactor.processes), 2)

    def test_stop(self) -> None:
        """All are told to stop; who does not is killed."""
        first, second = self.start()
        stopped = self.supervisor.stopService()
        self.assertEqual([each.kinds()[1:] for each in (first, second)], [["stop"]] * 2)
        first.end(0)
        self.assertNoResult(stopped)
        self.reactor.advance(7)
        self.assertEqual((first.signals, second.signals), ([], ["KILL"]))
        self.successResultOf(stopped)
        self.reactor.advance(100)
        self.assertEqual(len(self.reactor.processes), 2)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stopBetween(self) -> None:
        """Stopped while a worker waits to be started again, it is not."""
        first, second = self.start()
        first.end(1)
        stopped = self.supervisor.stopService()
        second.end(0)
        self.successResultOf(stopped)
        self.reactor.advance(100)
        self.assertEqual(len(self.reactor.processes), 2)


class StatusTests(SupervisorTestCase):
    """Counters over the pipes."""

    def test_statuses(self) -> None:
        """Each is asked; the answers are told in the workers' order."""
        first, second = self.start()
        asked = self.supervisor.statuses()
        second.say("status", number=second.heard[-1]["number"], status={"bindings": 2})
        self.assertNoResult(asked)
        first.say("status", number=first.heard[-1]["number"], status={"bindings": 1})
        self.assertEqual(
            self.successResultOf(asked),
            [WorkerStatus(1, {"bindings": 1}), WorkerStatus(2, {"bindings": 2})],
        )
        self.reactor.advance(10)

    def test_silent(self) -> None:
        """Who does not answer in time, or is not there, has none; a late answer is nobody's."""
        first, second = self.start()
        asked = self.supervisor.statuses()
        first.end(1)
        self.reactor.advance(0.4)
        self.reactor.advance(1.6)
        silent = [WorkerStatus(1, None), WorkerStatus(2, None)]
        self.assertEqual(self.successResultOf(asked), silent)
        second.say("status", number=second.heard[-1]["number"], status={})
        first.say("status", number=99, status={})

    def test_logs(self) -> None:
        """What a worker logs is logged with its number, level, fields and time."""
        first, _ = self.start()
        record = logRecord(
            {
                "log_format": "relay refused {kind}",
                "kind": "{401}",
                "log_time": 12.5,
                "log_namespace": "gamenet.relay",
            }
        )
        first.say("log", record=record)
        self.assertEqual(
            logRecord(self.events[-1]),
            {**record, "fields": {"kind": "{401}", "worker": 1}},
        )

    def test_errors(self) -> None:
        """What a worker writes beside its log is logged when it ends, cut to size."""
        first, _ = self.start()
        first.protocol.childDataReceived(2, b"x" * 10_000 + b"the end")
        first.end(-11)
        (errors,) = [each["errors"] for each in self.events if "errors" in each]
        self.assertTrue(errors.endswith("the end") and len(errors) == 4096)
