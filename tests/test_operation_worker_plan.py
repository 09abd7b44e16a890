"""Tests of L{gamenet.operation.worker_plan}."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.operation.worker_plan import WORKERS_LIMIT, planWorkers
from gamenet.relay.settings import RelaySettings

SECRETS = (b"a secret of tests",)


class WorkerPlanTests(SynchronousTestCase):
    """Who listens where."""

    def test_ports(self) -> None:
        """Each worker has every port plus its number less one; all else is the same."""
        tls = "tls:port=5349:privateKey=a\\:b:certKey=c"
        whole = RelaySettings(
            secrets=SECRETS, udp=(("", 3478), ("::1", 4478)), listen=("tcp:3478", tls)
        )
        first, second, third = planWorkers(whole, 3)
        self.assertEqual(evolve(first, closed_ports=()), whole)
        self.assertEqual(second.udp, (("", 3479), ("::1", 4479)))
        self.assertEqual(
            second.listen, ("tcp:3479", "tls:port=5350:privateKey=a\\:b:certKey=c")
        )
        self.assertEqual(third.udp, (("", 3480), ("::1", 4480)))
        self.assertEqual((third.secrets, third.limits), (SECRETS, whole.limits))

    def test_chosenPorts(self) -> None:
        """Ports that the system chooses stay so, for any number of workers."""
        whole = RelaySettings(secrets=SECRETS, udp=(("", 0),), listen=("tcp:0",))
        for worker in planWorkers(whole, WORKERS_LIMIT):
            self.assertEqual((worker.udp, worker.listen), ((("", 0),), ("tcp:0",)))

    def test_discovery(self) -> None:
        """Behavior discovery and probe ports are the first one's."""
        whole = RelaySettings(
            secrets=SECRETS,
            udp=(("127.0.0.1", 3478),),
            alternate=("127.0.0.2", 3500),
            probe_ports=(("", 3600),),
        )
        first, second = planWorkers(whole, 2)
        self.assertEqual((first.alternate, first.probe_ports), (whole.alternate, (("", 3600),)))
        self.assertEqual((second.alternate, second.probe_ports), (None, ()))

    @settings(deadline=None, max_examples=200)
    @given(st.integers(1, 65_535), st.integers(0, 2_000), st.integers(1, 40))
    def test_range(self, lowest: int, size: int, count: int) -> None:
        """The port range is split without overlap, evenly, and all of it is used."""
        highest = min(lowest + size, 65_535)
        whole = RelaySettings(secrets=SECRETS, udp=(("", 0),), port_range=(lowest, highest))
        if highest - lowest + 1 < count:
            with self.assertRaises(BadSetting) as caught:
                planWorkers(whole, count)
            self.assertTrue(str(caught.exception).startswith("port_range "))
            return
        ranges = [worker.port_range for worker in planWorkers(whole, count)]
        ports = [port for low, high in filter(None, ranges) for port in range(low, high + 1)]
        self.assertEqual(ports, list(range(lowest, highest + 1)))
        sizes = [high - low + 1 for low, high in filter(None, ranges)]
        self.assertEqual(len(dict.fromkeys(sizes[:-1])), min(1, count - 1))
        self.assertTrue(sizes[-1] >= sizes[0] and min(sizes) >= 1)

    def test_closedPorts(self) -> None:
        """
        A6: each worker is told the UDP ports of all, probe ports and those of behavior
        discovery too, so that no client of one reaches another; not those of the system.
        """
        whole = RelaySettings(
            secrets=SECRETS,
            udp=(("1.2.3.4", 3478), ("::1", 4478), ("1.2.3.4", 0)),
            listen=("tcp:5000",),
            probe_ports=(("", 3600),),
            alternate=("1.2.3.5", 3700),
        )
        for worker in planWorkers(whole, 2):
            self.assertEqual(worker.closed_ports, (3478, 3479, 3600, 3700, 4478, 4479))

    def test_refused(self) -> None:
        """Bad input: what cannot be split is refused, by the option's name."""
        for count, changed, text in [
            (0, {}, "workers must be from 1"),
            (WORKERS_LIMIT + 1, {}, "workers must be from 1"),
            (2, {"udp": (("", 65_535),)}, "udp has no port left"),
            (2, {"listen": ("tcp:65535",)}, "listen has no port left"),
            (2, {"listen": ("systemd:domain=INET:index=0",)}, "listen has an endpoint"),
            (2, {"udp": (("", 3478), ("", 3479))}, "workers must have ports of their own"),
            (2, {"udp": (("1.2.3.4", 3478), ("", 3479))}, "workers must have ports"),
            (2, {"listen": ("tcp:1000", "tcp:1001:interface=1.2.3.4")}, "workers must have"),
            (3, {"probe_ports": (("", 3480),)}, "workers must have ports of their own"),
            (
                2,
                {"udp": (("1.2.3.4", 3478),), "alternate": ("1.2.3.5", 3479)},
                "workers must have ports of their own",
            ),
        ]:
            whole = RelaySettings(secrets=SECRETS, **changed)  # type: ignore[arg-type]
            with self.assertRaises(BadSetting) as caught:
                planWorkers(whole, count)
            self.assertTrue(str(caught.exception).startswith(text), str(caught.exception))

    def test_otherHosts(self) -> None:
        """The same port of two hosts, or of UDP and TCP, is nobody's twice."""
        whole = RelaySettings(
            secrets=SECRETS,
            udp=(("1.2.3.4", 3478), ("1.2.3.5", 3479)),
            listen=("tcp:3478", "tcp:3480"),
        )
        self.assertEqual(len(planWorkers(whole, 2)), 2)
