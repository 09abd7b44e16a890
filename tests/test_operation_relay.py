"""Tests of L{gamenet.operation.relay_operation}: a relay in a world, operated."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.errors import BadSetting
from gamenet.operation import single_relay
from gamenet.operation.interfaces import IRelayOperation, WorkerStatus
from gamenet.operation.operated_service import StartFailed
from gamenet.operation.process_signals import ProcessSignals
from gamenet.operation.relay_operation import OperatedRelay
from gamenet.operation.relay_options import Options
from gamenet.operation.reloadable import Reloadable
from gamenet.operation.single_relay import SingleRelay, filesNeeded
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.settings import RelaySettings, StreamLimits
from gamenet.world.network import WorldNetwork
from tests.operator_world import fetch

HOST = "203.0.113.1"
SECRET = "the-secret-of-these-tests"


class _Relay(SingleRelay):
    """A relay that keeps what it is told."""

    def __init__(self, *arguments: Any) -> None:
        SingleRelay.__init__(self, *arguments)
        self.told: list[Reloadable] = []
        self.certificates = 0
        self.drained: Deferred[None] = Deferred()
        self.bad_certificate = False

    def reload(self, reloadable: Reloadable) -> None:
        """Keep it."""
        SingleRelay.reload(self, reloadable)
        self.told.append(reloadable)

    def reloadCertificates(self) -> None:
        """Count it."""
        self.certificates += 1
        if self.bad_certificate:
            raise BadSetting("cert.pem is none")

    def drain(self) -> Deferred[None]:
        """Let the test say when it is over."""
        return self.drained


class OperatedRelayTestCase(SynchronousTestCase):
    """A relay with its files."""

    def setUp(self) -> None:
        self.world = WorldNetwork(1)
        self.server = self.world.machine("server", HOST)
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.write("secret", SECRET)
        self.write("users", "ada:lovelace\n")
        self.write("denied", "192.0.2.0/24\n")
        self.patch(single_relay, "raiseOpenFiles", lambda needed: needed)
        self.ended = 0
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def write(self, name: str, text: str) -> str:
        """Write a file; return its path."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)

    def texts(self, level: str) -> list[str]:
        """Return the errors that were logged by the relay's operation."""
        return [
            str(event.get("error", event.get("log_format")))
            for event in self.events
            if event["log_level"].name == level
        ]

    def operated(self, *arguments: str) -> tuple[OperatedRelay, _Relay]:
        """Return a relay that is operated, not started, and what it operates."""
        options = Options()
        options.parseOptions(
            [
                *("--udp", f"{HOST}:3478", "--secret-file", str(self.folder / "secret")),
                *("--users-file", str(self.folder / "users"), "--deny-peer", "198.51.100.0/24"),
                *("--deny-peer-file", str(self.folder / "denied")),
                *arguments,
            ]
        )
        relay = _Relay(self.server, options.settings)
        operated = OperatedRelay(self.server, relay, options, self.end)
        return operated, relay

    def end(self) -> None:
        """Note that the process would end."""
        self.ended += 1

    def start(self, *arguments: str) -> tuple[OperatedRelay, _Relay]:
        """Start a relay as twistd does; it is stopped with the test."""
        operated, relay = self.operated(*arguments)
        operated.privilegedStartService()
        operated.startService()
        self.addCleanup(lambda: self.world.runUntil(operated.stopService(), 5))
        return operated, relay


class ReloadTests(OperatedRelayTestCase):
    """SIGHUP, without the signal."""

    def test_interfaces(self) -> None:
        """Simplicity 30: who operates a relay finds all that the two interfaces promise."""
        operated, relay = self.operated()
        verifyObject(IService, operated)
        verifyObject(IService, relay)
        verifyObject(IRelayOperation, relay)

    def test_everything(self) -> None:
        """Secrets, users, denied peers and certificates are read anew."""
        operated, relay = self.start()
        self.write("secret", "another-secret")
        self.write("users", "grace:hopper\n")
        self.write("denied", "203.0.113.9-203.0.113.17\n")
        operated.reload()
        denied = ("198.51.100.0/24", "203.0.113.9-203.0.113.17")
        told = Reloadable((b"another-secret",), (("grace", "hopper"),), denied)
        self.assertEqual(relay.told, [told])
        self.assertEqual(relay.certificates, 1)
        self.assertEqual(self.texts("error"), [])

    def test_badFiles(self) -> None:
        """
        A bad file is logged by name, and changes nothing; the good ones neither.  A7: but
        certificates are read anew all the same, however many relays there are.
        """
        operated, relay = self.start()
        self.write("users", "grace:hopper\n")
        for name, text in [
            ("secret", "short"),
            ("users", "hopper"),
            ("users", "ada:\u00ad\n"),
            ("users", "\u212bda:x\n\u00c5da:y\n"),
            ("denied", "10.0.0.1-10.0.0.0"),
        ]:
            before = (self.folder / name).read_text()
            path = self.write(name, text)
            operated.reload()
            self.assertIn("goes on as before", str(self.events[-1]["log_format"]))
            if "\n" not in text:
                self.assertIn(path, self.texts("error")[-1])
            self.assertNotIn("hopper", self.texts("error")[-1])
            self.write(name, before)
        (self.folder / "secret").unlink()
        operated.reload()
        self.assertIn(str(self.folder / "secret"), self.texts("error")[-1])
        self.assertEqual(relay.told, [])
        self.assertEqual(relay.certificates, 6)

    def test_badCertificate(self) -> None:
        """A certificate that cannot be read is logged; the rest is read anew all the same."""
        operated, relay = self.start()
        relay.bad_certificate = True
        operated.reload()
        self.assertEqual(self.texts("error"), ["cert.pem is none"])
        self.assertEqual(len(relay.told), 1)

    def test_server(self) -> None:
        """The relay itself takes it, and refuses what it cannot take as a whole."""
        _, relay = self.start()
        with self.assertRaises(BadSetting):
            SingleRelay.reload(relay, Reloadable((b"good enough",), (), ("nonsense",)))
        with self.assertRaises(BadSetting):
            SingleRelay.reload(relay, Reloadable())
        SingleRelay.reload(relay, Reloadable((b"good enough",), (), ("10.0.0.0/8",)))

    def test_log(self) -> None:
        """The JSON log is opened anew; where that fails it is logged in the one before."""
        path = self.folder / "log.json"
        operated, _ = self.start("--json-log", str(path))
        old = path.rename(self.folder / "log.1")
        operated.reload()
        self.assertIn("relay listens", old.read_text())
        self.assertIn("has read", path.read_text())
        path.unlink()
        path.mkdir()
        operated.reload()
        self.assertIn("--json-log", self.events[-2]["log_format"])


class DrainTests(OperatedRelayTestCase):
    """SIGUSR1, without the signal."""

    def test_drain(self) -> None:
        """The process ends when the drain is over, once."""
        operated, relay = self.start()
        operated.drain()
        operated.drain()
        self.assertEqual(self.ended, 0)
        relay.drained.callback(None)
        self.assertEqual(self.ended, 1)

    def test_stopped(self) -> None:
        """A relay that is stopped while it drains ends as it was told."""
        operated, relay = self.start()
        operated.drain()
        self.world.runUntil(operated.stopService(), 5)
        relay.drained.callback(None)
        self.assertEqual(self.ended, 0)


class StatusTests(OperatedRelayTestCase):
    """What people are told."""

    def status(self, service: OperatedRelay) -> dict[str, Any]:
        """Return what the status page says."""
        answer = self.world.runUntil(fetch(self.server, (HOST, 8080), "GET", "/status"), 5)
        found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return found

    def test_single(self) -> None:
        """Listeners, counters, limits, and whether it drains."""
        operated, _ = self.start("--status", "tcp:8080", "--allocations", "7")
        status = self.status(operated)
        self.assertEqual(status["service"], "gamenet-relay")
        self.assertEqual(status["places"]["udp"], [HOST, 3478])
        self.assertEqual((status["allocations_active"], status["draining"]), (0, False))
        self.assertEqual((status["limits"]["allocations"], status["limits"]["channels"]), (7, 64))
        self.assertNotIn("workers", status)
        operated.drain()
        self.assertTrue(self.status(operated)["draining"])
        self.assertNotIn(SECRET, json.dumps(status))

    def test_workers(self) -> None:
        """Every worker for itself, and all together."""
        operated, relay = self.start("--status", "tcp:8080", "--workers", "2")
        told: list[WorkerStatus] = [WorkerStatus(1, {"bindings": 3}), WorkerStatus(2, None)]
        relay.statuses = lambda: succeed(told)  # type: ignore[method-assign]
        status = self.status(operated)
        self.assertEqual(
            status["workers"],
            [{"worker": 1, "running": True, "bindings": 3}, {"worker": 2, "running": False}],
        )
        self.assertEqual(status["bindings"], 3)

    def test_metrics(self) -> None:
        """The metrics have a page of their own, whose place is told."""
        operated, _ = self.start("--metrics", "tcp:9641")
        self.assertEqual(operated.places()["metrics"], "http://127.0.0.1:9641/metrics")
        answer = self.world.runUntil(fetch(self.server, (HOST, 9641), "GET", "/metrics"), 5)
        self.assertIn(b"gamenet_relay_up 1.0", answer)


class StartTests(OperatedRelayTestCase):
    """What an operator is told at the start."""

    def test_wildcard(self) -> None:
        """A9: a wildcard of --udp is warned of by name, an address of one's own is not."""
        self.start("--udp", "3479", "--udp", "0.0.0.0:3480")
        self.assertEqual(self.warned(), ["3479", "0.0.0.0:3480"])

    def warned(self) -> list[str]:
        """Return the places whose answers were warned of."""
        return [
            event["place"] for event in self.events if "that routes choose" in event["log_format"]
        ]

    def test_openFiles(self) -> None:
        """Fewer open files than clients may need: refused by name, before a port is open."""

        def refuse(needed: int) -> int:
            raise BadSetting(f"{needed} open files are needed, and 10 are allowed")

        self.patch(single_relay, "raiseOpenFiles", refuse)
        operated, _ = self.operated("--allocations", "100")
        with self.assertRaises(StartFailed) as caught:
            operated.privilegedStartService()
        self.assertIn("356 open files are needed", str(caught.exception.code))

    def test_filesNeeded(self) -> None:
        """Every relayed port and every stream is a file; without streams there are none."""
        limits = AllocationLimits(allocations=1000)
        settings = RelaySettings(
            secrets=(b"x",), limits=limits, streams=StreamLimits(connections=500)
        )
        self.assertEqual(filesNeeded(settings), 1256)
        with_streams = RelaySettings(
            secrets=(b"x",),
            limits=limits,
            streams=StreamLimits(connections=500),
            listen=("tcp:1",),
        )
        self.assertEqual(filesNeeded(with_streams), 1756)

    def test_logThatCannotBe(self) -> None:
        """A log that cannot be opened ends the start with a line that names it."""
        operated, _ = self.operated("--json-log", str(self.folder / "log"))
        (self.folder / "log").mkdir()
        with self.assertRaises(StartFailed) as caught:
            operated.privilegedStartService()
        self.assertIn(str(self.folder / "log"), str(caught.exception.code))

    def test_signals(self) -> None:
        """Signals are heard while it runs, and put back when it stops."""
        before = {name: signal.getsignal(name) for name in (signal.SIGHUP, signal.SIGUSR1)}
        operated, _ = self.operated()
        operated._signals = ProcessSignals(None)
        operated.privilegedStartService()
        operated.startService()
        for name, listener in before.items():
            self.assertNotEqual(signal.getsignal(name), listener)
        self.world.runUntil(operated.stopService(), 5)
        for name, listener in before.items():
            self.assertEqual(signal.getsignal(name), listener)

    def test_workersChanged(self) -> None:
        """Workers with other places are written down; with none left the process ends."""
        ready_file = self.folder / "ready.json"
        operated, _ = self.start("--ready-file", str(ready_file))
        ready_file.unlink()
        operated.workersChanged(False)
        self.assertEqual(json.loads(ready_file.read_text())["udp"], [HOST, 3478])
        signals: list[int] = []
        self.patch(signal, "raise_signal", signals.append)
        operated.workersChanged(True)
        self.assertEqual(signals, [signal.SIGTERM])
