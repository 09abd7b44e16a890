"""Tests of L{gamenet.operation.metrics}: what Prometheus is told."""

from __future__ import annotations

import re
from typing import Any

from attrs import fields
from prometheus_client import generate_latest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import connectProtocol
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

import gamenet
from gamenet.operation.interfaces import WorkerStatus
from gamenet.operation.metrics import METRICS, MetricsPage, RelayCollector
from gamenet.operation.relay_operation import summed
from gamenet.relay_plane.counters import DropReason, RelayCounters
from gamenet.status import PageService
from gamenet.world.network import WorldNetwork
from tests.metrics_page import checkMetrics, sampled
from tests.operator_world import fetch

SERVER = ("203.0.113.1", 9641)


def counted() -> RelayCounters:
    """Return counters of which none is nothing."""
    counters = RelayCounters()
    for number, each in enumerate(fields(RelayCounters), 1):
        value = getattr(counters, each.name)
        if isinstance(value, int):
            setattr(counters, each.name, number)
        else:
            setattr(counters, each.name, dict.fromkeys(value, number))
    counters.refused = {401: 7, 508: 8}
    counters.requests = {"allocate": 9}
    return counters


def status(**changed: Any) -> dict[str, Any]:
    """Return the status of a relay."""
    process = {"pid": 1, "cpu_seconds": 2.5, "resident_bytes": 40_000_000}
    return {"draining": False, **counted().asDict(), "process": process, **changed}


class RelayCollectorTests(SynchronousTestCase):
    """From counters to metrics."""

    def page(self, *statuses: WorkerStatus) -> str:
        """Return the page."""
        return generate_latest(RelayCollector(statuses)).decode()

    def test_everyCounter(self) -> None:
        """Every counter is a metric, and every metric has a counter."""
        known = {each.counter for each in METRICS}
        told = {*status(), *status()["process"]} - {"pid", "process"}
        self.assertEqual(sorted(known), sorted(told))

    def test_values(self) -> None:
        """Prometheus would have the page, and the values are those of the counters."""
        metrics = checkMetrics(self, self.page(WorkerStatus(None, status())))
        counters = counted()
        expected = counters.packets_from_clients
        self.assertEqual(sampled(metrics, "gamenet_relay_packets_from_clients"), expected)
        self.assertEqual(sampled(metrics, "gamenet_relay_refused", code="401"), 7)
        self.assertEqual(sampled(metrics, "gamenet_relay_requests", method="allocate"), 9)
        self.assertEqual(sampled(metrics, "gamenet_relay_draining"), 0)
        self.assertEqual(sampled(metrics, "gamenet_relay_process_cpu_seconds"), 2.5)
        version = gamenet.__version__
        self.assertEqual(sampled(metrics, "gamenet_relay_build_info", version=version), 1)
        for reason in DropReason:
            value = sampled(metrics, "gamenet_relay_dropped", reason=reason.value)
            self.assertEqual(value, counters.dropped[reason])

    def test_workers(self) -> None:
        """Each worker has a label; one that says nothing is down, and not zero."""
        metrics = checkMetrics(self, self.page(WorkerStatus(1, status()), WorkerStatus(2, None)))
        self.assertEqual(sampled(metrics, "gamenet_relay_up", worker="1"), 1)
        self.assertEqual(sampled(metrics, "gamenet_relay_up", worker="2"), 0)
        labels = [each.labels for each in metrics["gamenet_relay_allocations"].samples]
        self.assertEqual(labels, [{"worker": "1"}])

    def test_size(self) -> None:
        """No per-user labels: 100 000 users make no more lines than one."""
        before = self.page(WorkerStatus(None, RelayCounters().asDict()))
        after = self.page(
            WorkerStatus(None, {**counted().asDict(), "allocations_active": 100_000})
        )
        extra = len(counted().refused) + len(counted().requests)
        self.assertEqual(len(after.splitlines()), len(before.splitlines()) + extra)

    def test_hostileNames(self) -> None:
        """Bad input: whatever stood in a label, the page stays one that can be read."""
        hostile = {'a"b': 1, "new\nline": 2, "back\\slash": 3, "%s": 4, "\0": 5}
        checkMetrics(self, self.page(WorkerStatus(None, status(refused=hostile))))

    def test_names(self) -> None:
        """Names are those that Prometheus recommends: base units, counters by their suffix."""
        for each in METRICS:
            self.assertRegex(each.name, r"^[a-z]+(_[a-z]+)*$")
            self.assertFalse(re.search("_(total|count|sum|bucket|info)$", each.name), each.name)
            self.assertTrue(each.text.endswith("."))


class SummedTests(SynchronousTestCase):
    """The counters of all workers together."""

    def test_sum(self) -> None:
        """Numbers are added, also those that one relay alone has; the rest is left out."""
        first = {"a": 1, "draining": True, "refused": {"401": 1}, "process": {"pid": 5}}
        second = {"a": 2, "draining": False, "refused": {"401": 2, "508": 3}, "b": 4}
        together = {"a": 3, "refused": {"401": 3, "508": 3}, "b": 4}
        self.assertEqual(summed([first, second]), together)
        self.assertEqual(summed([]), {})
        self.assertEqual(first["refused"], {"401": 1})


class MetricsPageTests(SynchronousTestCase):
    """The page."""

    def setUp(self) -> None:
        self.world = WorldNetwork(1)
        self.server = self.world.machine("server", SERVER[0])

    def serve(self, page: MetricsPage) -> PageService:
        """Serve a page."""
        service = PageService(self.server, f"tcp:{SERVER[1]}", page)
        service.startService()
        return service

    def ask(self, path: str) -> tuple[str, str]:
        """Return head and body of an answer."""
        data = self.world.runUntil(fetch(self.server, SERVER, "GET", path), 30)
        head, _, body = data.decode().partition("\r\n\r\n")
        return head, body

    def test_page(self) -> None:
        """C{/metrics} is read when it is asked for, in Prometheus' text format."""
        counters = RelayCounters()

        def statuses() -> Deferred[list[WorkerStatus]]:
            return succeed([WorkerStatus(None, counters.asDict())])

        service = self.serve(MetricsPage(statuses))
        self.assertEqual(service.places(), {"metrics": "http://127.0.0.1:9641/metrics"})
        head, _ = self.ask("/metrics")
        self.assertIn("200 OK", head)
        self.assertIn("text/plain; version=0.0.4; charset=utf-8", head.lower())
        counters.bindings = 12
        metrics = checkMetrics(self, self.ask("/metrics")[1])
        self.assertEqual(sampled(metrics, "gamenet_relay_bindings"), 12)
        self.assertIn("404", self.ask("/status")[0])

    def test_later(self) -> None:
        """The answer waits for the workers; who went away meanwhile gets none."""
        waiting: list[Deferred[list[WorkerStatus]]] = []

        def statuses() -> Deferred[list[WorkerStatus]]:
            waiting.append(Deferred())
            return waiting[-1]

        self.serve(MetricsPage(statuses))
        asked = fetch(self.server, SERVER, "GET", "/metrics")
        endpoint = self.server.streamClientEndpoint(f"tcp:{SERVER[0]}:{SERVER[1]}")
        gone = self.world.runUntil(connectProtocol(endpoint, Protocol()), 5)  # type: ignore[arg-type]
        gone.transport.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        self.world.advance(1)
        self.assertEqual(len(waiting), 2)
        self.assertNoResult(asked)
        gone.transport.abortConnection()
        self.world.advance(1)
        for each in waiting:
            each.callback([WorkerStatus(1, {"bindings": 3})])
        data = self.world.runUntil(asked, 30)
        self.assertIn(b'gamenet_relay_bindings_total{worker="1"} 3.0', data)
