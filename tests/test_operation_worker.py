"""Tests of L{gamenet.operation.worker}: a worker's end of the pipes, in a world."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

from gamenet.errors import BadSetting
from gamenet.interfaces import IMachine
from gamenet.operation import single_relay
from gamenet.operation.reloadable import Reloadable
from gamenet.operation.worker import WorkerLog, WorkerProtocol
from gamenet.operation.worker_messages import LineReader, line
from gamenet.world.network import WorldNetwork
from tests.twistd_process import ROOT, environment

HOST = "203.0.113.1"
TOLD = Reloadable((b"a secret of tests",))


class _Reactor:
    """A machine of a world that can be stopped as a reactor is."""

    def __init__(self, machine: Any) -> None:
        self._machine = machine
        self.stopped = 0
        directlyProvides(self, IMachine)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)

    def stop(self) -> None:
        """Count it."""
        self.stopped += 1


class _Pipes:
    """Keeps what the worker tells."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.closed = False
        self._lines = LineReader()

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.told += self._lines.feed(data)

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Take the worker as what writes."""

    def unregisterProducer(self) -> None:
        """It writes no more."""

    def loseConnection(self) -> None:
        """The worker has told everything."""
        self.closed = True


class WorkerTests(SynchronousTestCase):
    """What a worker does when it is told to."""

    def setUp(self) -> None:
        self.world = WorldNetwork(1)
        self.reactor = _Reactor(self.world.machine("server", HOST))
        self.pipes = _Pipes()
        self.alarms: list[int] = []
        self.patch(signal, "alarm", self.alarms.append)
        self.patch(single_relay, "raiseOpenFiles", lambda needed: needed)

    def worker(self, *arguments: str) -> WorkerProtocol:
        """Return worker 2 of 2."""
        command = ["--secret-file", "/nowhere", "--workers", "2", *arguments]
        worker = WorkerProtocol(self.reactor, 2, command)
        worker.makeConnection(self.pipes)  # type: ignore[arg-type]
        return worker

    def started(self, *arguments: str) -> WorkerProtocol:
        """Return a worker that was told to start."""
        worker = self.worker("--udp", f"{HOST}:3478", *arguments)
        worker.dataReceived(line("start", reloadable=TOLD.asJson()))
        self.world.advance(1)
        return worker

    def test_start(self) -> None:
        """It listens at its own port, with secrets that it read from no file, and says so."""
        self.started()
        self.assertEqual([each["kind"] for each in self.pipes.told], ["ready"])
        self.assertEqual(self.pipes.told[0]["places"]["udp"], [HOST, 3479])

    def test_cannotStart(self) -> None:
        """A port that is taken is told, and the worker ends with 1."""
        self.reactor.openDatagramSocket(lambda data, address: None, HOST, 3479)
        worker = self.started()
        self.assertEqual(self.pipes.told[0]["kind"], "failed")
        self.assertIn("3479", self.pipes.told[0]["error"])
        worker.connectionLost()
        self.assertEqual((self.reactor.stopped, worker.exit_status), (1, 1))

    def test_badArguments(self) -> None:
        """A command line that is not good any more is told as well."""
        worker = self.worker("--udp", "nowhere")
        worker.dataReceived(line("start", reloadable=TOLD.asJson()))
        self.assertIn("--udp", self.pipes.told[0]["error"])
        self.assertEqual(worker.exit_status, 1)

    def test_status(self) -> None:
        """Its counters are told under the number of the question."""
        worker = self.started()
        worker.dataReceived(line("status", number=7))
        answer = self.pipes.told[-1]
        self.assertEqual((answer["kind"], answer["number"]), ("status", 7))
        self.assertEqual(answer["status"]["allocations_active"], 0)

    def test_reload(self) -> None:
        """It takes what is new; what cannot work is logged, and changes nothing."""
        worker = self.started()
        worker.dataReceived(line("reload", reloadable=Reloadable((b"another one",)).asJson()))
        worker.dataReceived(line("reload", reloadable=Reloadable().asJson()))
        worker.dataReceived(line("status", number=1))
        self.assertEqual(self.pipes.told[-1]["kind"], "status")

    def test_certificates(self) -> None:
        """
        A7: certificates are read when the worker is told to, whatever becomes of the other
        files; what cannot be read is logged, and before the start there are none.
        """
        self.worker().dataReceived(line("certificates"))
        worker = self.started()
        assert worker._relay is not None
        read: list[str] = []

        def reload() -> None:
            read.append("certificates")
            raise BadSetting("cert.pem is none")

        worker._relay.reloadCertificates = reload  # type: ignore[method-assign]
        worker.dataReceived(line("reload", reloadable=Reloadable().asJson()))
        worker.dataReceived(line("reload", reloadable=TOLD.asJson()))
        self.assertEqual(read, [])
        worker.dataReceived(line("certificates"))
        self.assertEqual(read, ["certificates"])

    def test_tooEarly(self) -> None:
        """What is told before the start is answered, or does nothing."""
        worker = self.worker()
        worker.dataReceived(line("reload", reloadable=TOLD.asJson()) + line("status", number=1))
        self.assertEqual(self.pipes.told[-1]["status"], {})
        worker.dataReceived(line("drain"))
        self.assertTrue(self.pipes.closed)

    def test_stop(self) -> None:
        """Told to stop it closes everything, tells what is to tell, and ends with 0."""
        worker = self.started()
        worker.dataReceived(line("stop"))
        self.world.advance(1)
        self.assertTrue(self.pipes.closed)
        self.assertEqual(self.reactor.stopped, 0)
        worker.connectionLost()
        self.assertEqual((self.reactor.stopped, worker.exit_status), (1, 0))
        self.reactor.openDatagramSocket(lambda data, address: None, HOST, 3479).close()
        self.assertEqual(self.alarms, [5])

    def test_orphan(self) -> None:
        """When its input ends, so does the worker: by itself, or by the alarm."""
        worker = self.started()
        worker.connectionLost()
        self.world.advance(1)
        self.assertEqual(self.reactor.stopped, 1)
        self.assertEqual(self.alarms, [5])

    def test_drain(self) -> None:
        """Drained, it ends with its last allocation."""
        worker = self.started()
        drained: Deferred[None] = Deferred()
        assert worker._relay is not None
        worker._relay.drain = lambda: drained  # type: ignore[method-assign]
        worker.dataReceived(line("drain"))
        self.assertFalse(self.pipes.closed)
        drained.callback(None)
        self.world.advance(1)
        self.assertTrue(self.pipes.closed)

    def test_loads(self) -> None:
        """Simplicity 14: a worker loads no lobby and no web server; it is there many times."""
        found = subprocess.run(
            [
                *(sys.executable, "-c"),
                "import sys, gamenet.operation.worker; print(*sys.modules)",
            ],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        modules = found.stdout.split()
        self.assertIn("gamenet.operation.single_relay", modules)
        for room in ("gamenet.lobby", "gamenet.status", "gamenet.match.", "twisted.web"):
            self.assertEqual([each for each in modules if each.startswith(room)], [])

    def test_logs(self) -> None:
        """What it logs is told, but not to a supervisor that does not read."""
        worker = self.worker()
        log = WorkerLog(worker)
        event = {"log_format": "relay refused {code}", "code": 401}
        log(event)
        worker.pauseProducing()
        for _ in range(100):
            log(event)
        worker.resumeProducing()
        log(event)
        records = [each["record"] for each in self.pipes.told]
        self.assertEqual([each["fields"] for each in records], [{"code": 401}] * 2)
        worker.stopProducing()
        worker.connectionLost()
        log(event)
        self.assertEqual(len(self.pipes.told), 2)
