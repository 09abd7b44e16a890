"""
The relay's counters for Prometheus.

They are read when somebody asks, and kept nowhere else.  No label depends on what users
do: the page has the same size with one user and with a million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from attrs import frozen
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from twisted.internet.defer import Deferred

import gamenet
from gamenet.operation.interfaces import WorkerStatus
from gamenet.status import OperatorPage

__all__ = ["METRICS", "MetricsPage", "RelayCollector", "RelayMetric"]


@frozen
class RelayMetric:
    """
    One metric.

    @ivar counter: Its name in L{gamenet.relay_plane.counters.RelayCounters.asDict}, or elsewhere in
        the status of a relay.
    @ivar name: Its name for Prometheus, without C{gamenet_relay_} and without C{_total}.
    @ivar text: What it counts, for people.
    @ivar label: Where there are several: what tells them apart.
    @ivar only_grows: Whether it is a counter, and no gauge.
    """

    counter: str
    name: str
    text: str
    label: str | None = None
    only_grows: bool = True


#: Every metric of a relay.
METRICS: tuple[RelayMetric, ...] = (
    RelayMetric("packets_from_clients", "packets_from_clients", "Packets relayed to peers."),
    RelayMetric("packets_to_clients", "packets_to_clients", "Packets relayed to clients."),
    RelayMetric("bytes_from_clients", "from_clients_bytes", "Bytes relayed to peers."),
    RelayMetric("bytes_to_clients", "to_clients_bytes", "Bytes relayed to clients."),
    RelayMetric(
        "short_cut_packets",
        "short_cut_packets",
        "Packets relayed straight from one client to another.",
    ),
    RelayMetric("allocations_total", "allocations_made", "Allocations made."),
    RelayMetric(
        "allocations_ended", "allocations_ended", "Allocations ended, by why.", label="reason"
    ),
    RelayMetric(
        "allocations_total_by_transport",
        "allocations_made_by_transport",
        "Allocations made, by how their clients reach the relay.",
        label="transport",
    ),
    RelayMetric("bindings", "bindings", "Binding requests answered with an address."),
    RelayMetric("requests", "requests", "TURN requests granted, by method.", label="method"),
    RelayMetric("unauthenticated", "unauthenticated", "Requests whose sender proved nothing."),
    RelayMetric("refused", "refused", "Requests refused, by STUN error code.", label="code"),
    RelayMetric("dropped", "dropped", "Packets that went nowhere, by why.", label="reason"),
    RelayMetric("allocations_active", "allocations", "Allocations now.", only_grows=False),
    RelayMetric(
        "allocations_by_transport",
        "allocations_by_transport",
        "Allocations now, by how their clients reach the relay.",
        label="transport",
        only_grows=False,
    ),
    RelayMetric(
        "relayed_ports_by_family",
        "relayed_ports",
        "Relayed ports now, by address family.",
        label="family",
        only_grows=False,
    ),
    RelayMetric("permissions_active", "permissions", "Permissions now.", only_grows=False),
    RelayMetric("channels_active", "channels", "Channels now.", only_grows=False),
    RelayMetric("reservations_active", "reserved_ports", "Ports reserved now.", only_grows=False),
    RelayMetric("streams_active", "streams", "TCP and TLS connections now.", only_grows=False),
    RelayMetric("draining", "draining", "1 while no new allocations are taken.", only_grows=False),
    RelayMetric("cpu_seconds", "process_cpu_seconds", "Processor time used, in seconds."),
    RelayMetric(
        "resident_bytes", "process_resident_bytes", "Memory in use, in bytes.", only_grows=False
    ),
)


class RelayCollector(Collector):
    """
    Makes metrics of the counters of one relay or of several.
    """

    def __init__(self, statuses: Iterable[WorkerStatus]) -> None:
        """
        @param statuses: The counters of each, as they are now.
        """
        self._statuses = tuple(statuses)
        several = any(status.worker is not None for status in self._statuses)
        self._worker = ("worker",) if several else ()

    def collect(self) -> Iterator[Metric]:
        """Return the metrics; called by prometheus_client."""
        build = GaugeMetricFamily(
            "gamenet_relay_build_info", "The version that runs.", labels=("version",)
        )
        build.add_metric([gamenet.__version__], 1)
        yield build
        up = GaugeMetricFamily(
            "gamenet_relay_up", "1 for a relay that tells its counters.", labels=self._worker
        )
        for status in self._statuses:
            up.add_metric(self._labels(status), 0 if status.counters is None else 1)
        yield up
        for metric in METRICS:
            yield self._family(metric)

    def _family(self, metric: RelayMetric) -> Metric:
        kind = CounterMetricFamily if metric.only_grows else GaugeMetricFamily
        labels = self._worker if metric.label is None else (*self._worker, metric.label)
        family = kind(f"gamenet_relay_{metric.name}", metric.text, labels=labels)
        for status in self._statuses:
            for label, value in _values(metric, status.counters or {}):
                family.add_metric([*self._labels(status), *label], value)
        return family

    def _labels(self, status: WorkerStatus) -> list[str]:
        return [str(status.worker)] if self._worker else []


def _values(metric: RelayMetric, status: dict[str, Any]) -> Iterator[tuple[list[str], float]]:
    """Return what a relay counted for a metric, with the label's value where it has one."""
    found = status.get(metric.counter, status.get("process", {}).get(metric.counter))
    if metric.label is not None:
        for label, value in (found or {}).items():
            yield [label], float(value)
    elif found is not None:
        yield [], float(found)


class MetricsPage(OperatorPage):
    """The metrics, in Prometheus' text format, at C{/metrics}."""

    path = "/metrics"
    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, statuses: Callable[[], Deferred[list[WorkerStatus]]]) -> None:
        """
        @param statuses: Returns the counters of each relay; called for every request.
        """
        OperatorPage.__init__(self)
        self._statuses = statuses

    def body(self) -> Deferred[bytes]:
        """Return the metrics as they are now."""
        return self._statuses().addCallback(
            lambda statuses: generate_latest(RelayCollector(statuses))
        )
