"""Tests of the relay's command line: L{gamenet.operation.relay_options}."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from attrs import asdict, fields
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.python.usage import UsageError

from gamenet import relay_tap
from gamenet.operation.limit_options import limitNames, limitParameters
from gamenet.operation.operator_options import readAddress
from gamenet.operation.relay_options import Options
from gamenet.operation.reloadable import Reloadable
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.settings import RelaySettings, StreamLimits
from tests.test_taps import SECRET, CommandLineTests

#: Every limit with the option that sets it, to something that is nobody's default.
LIMITS = {
    "allocations": 9,
    "allocations_of_user": 2,
    "allocations_of_address": 3,
    "permissions": 4,
    "permissions_of_user": 5,
    "permissions_of_address": 6,
    "permissions_in_total": 7,
    "channels": 8,
    "bandwidth": 1_000_001,
    "bandwidth_of_user": 1_000_002,
    "bandwidth_of_address": 1_000_003,
    "default_lifetime": 601,
    "maximum_lifetime": 900,
    "age": 3601.5,
    "permission_lifetime": 299.5,
    "channel_lifetime": 599.5,
    "connections": 11,
    "connections_of_address": 12,
    "silence": 13.5,
    "partial": 14.5,
}


class RelayOptionsTests(CommandLineTests):
    """C{twistd gamenet-relay}."""

    def test_everything(self) -> None:
        """Every option reaches its setting; those that are repeatable, in their order."""
        second = self.write("old.secret", b"another secret")
        os.environ["RELAY_SECRET_OF_TESTS"] = "a secret of the environment"
        self.addCleanup(os.environ.pop, "RELAY_SECRET_OF_TESTS")
        users = self.write("users", b"# ours\n\nada:love:lace\ngrace:hopper\n")
        denied = self.write("denied", b"# theirs\n192.0.2.0/24 # all\n192.0.2.7-192.0.2.9\n")
        options = self.relay(
            *("--secret-file", second, "--secret-env", "RELAY_SECRET_OF_TESTS"),
            *("--udp", "127.0.0.1:0", "--udp", "[::1]:3478", "--realm", "example.org"),
            *("--listen", "tcp:1", "--listen", "tcp:2:interface=127.0.0.1"),
            *("--probe-port", "3480", "--probe-port", "[::]:3481"),
            *("--relay-address", "127.0.0.1", "--relay-address", "0:0::1"),
            *("--external-address", "203.0.113.2", "--external-address", "2001:db8::1"),
            *("--port-range", "20000-20099", "--users-file", users),
            *("--allow-peer", "127.0.0.0/8", "--allow-peer", "10.1.0.1-10.1.0.9"),
            *("--deny-peer", "198.51.100.0/24", "--deny-peer-file", denied),
            *("--drain-limit", "12.5", "--no-short-cut"),
        )
        got = options.settings
        self.assertEqual(
            got.secrets, (SECRET, b"another secret", b"a secret of the environment")
        )
        self.assertEqual(got.users, (("ada", "love:lace"), ("grace", "hopper")))
        self.assertEqual(got.udp, (("127.0.0.1", 0), ("::1", 3478)))
        self.assertEqual(got.listen, ("tcp:1", "tcp:2:interface=127.0.0.1"))
        self.assertEqual(got.probe_ports, (("", 3480), ("::", 3481)))
        self.assertEqual(got.realm, "example.org")
        self.assertEqual(got.relay_addresses, ("127.0.0.1", "::1"))
        self.assertEqual(got.external_addresses, ("203.0.113.2", "2001:db8::1"))
        self.assertEqual(got.port_range, (20000, 20099))
        self.assertEqual(got.allow_peer, ("127.0.0.0/8", "10.1.0.1-10.1.0.9"))
        self.assertEqual(
            got.deny_peer, ("198.51.100.0/24", "192.0.2.0/24", "192.0.2.7-192.0.2.9")
        )
        self.assertEqual((got.drain_limit, got.short_cut), (12.5, False))

    def test_alternate(self) -> None:
        """The second address of behavior discovery reaches its setting."""
        got = self.relay("--udp", "127.0.0.1:3478", "--alternate", "127.0.0.2:3479").settings
        self.assertEqual(got.alternate, ("127.0.0.2", 3479))

    def test_limits(self) -> None:
        """Every field of the limits has an option, and it reaches its setting."""
        declared = [each.name for each in (*fields(AllocationLimits), *fields(StreamLimits))]
        self.assertEqual(list(LIMITS), declared)
        names = limitNames()
        arguments = [
            f"--{names.get(name, name.replace('_', '-'))}={value}" for name, value in LIMITS.items()
        ]
        got = self.relay(*arguments).settings
        self.assertEqual(asdict(got.limits) | asdict(got.streams), LIMITS)
        for _, _, _, text in limitParameters():
            self.assertRegex(str(text), r"^[a-z].* \([0-9.]+\)$")

    def test_defaults(self) -> None:
        """Nothing but a secret is the same as the settings' own defaults."""
        options = self.relay()
        self.assertEqual(options.settings, RelaySettings(secrets=(SECRET,)))
        self.assertEqual((options.workers, options.metrics_endpoint), (0, None))

    def test_lastChannel(self) -> None:
        """A12: the last channel number is an option, hexadecimal or decimal."""
        self.assertEqual(self.relay().settings.last_channel, 0x7FFF)
        for text, channel in [("0x4FFF", 0x4FFF), ("0X4fff", 0x4FFF), ("20479", 0x4FFF),
                              ("0x4000", 0x4000), ("32767", 0x7FFF)]:
            self.assertEqual(self.relay("--last-channel", text).settings.last_channel, channel)

    def test_deniedOnce(self) -> None:
        """Simplicity 21: a worker that is told all denied peers adds those it knows no more."""
        options = self.relay("--deny-peer", "198.51.100.0/24")
        told = Reloadable((SECRET,), (), ("192.0.2.0/24",))
        denied = options.denied(told)
        self.assertEqual(denied, ("198.51.100.0/24", "192.0.2.0/24"))
        self.assertEqual(options.denied(Reloadable((SECRET,), (), denied)), denied)

    def test_lowerMaximum(self) -> None:
        """Who lowers the maximum lifetime need not lower the default one."""
        got = self.relay("--maximum-lifetime", "300").settings.limits
        self.assertEqual((got.default_lifetime, got.maximum_lifetime), (300, 300))

    def test_noUdp(self) -> None:
        """A relay over TCP alone; and nothing at all is refused."""
        got = self.relay("--no-udp", "--listen", "tcp:3478").settings
        self.assertEqual((got.udp, got.listen), ((), ("tcp:3478",)))
        self.assertRefusedRelay(["--no-udp"], "--udp", "listen")
        self.assertRefusedRelay(["--no-udp", "--udp", "1"], "--no-udp", "--udp")

    def assertRefusedRelay(self, arguments: list[str], *texts: str) -> None:
        """Fail unless a command line with a secret is refused."""
        arguments = ["--secret-file", self.secret_file, *arguments]
        self.assertRefused(Options(), arguments, *texts)

    def test_badValues(self) -> None:
        """Bad input: a value that cannot work is refused by the option's name, and quoted."""
        for option, value in [
            ("udp", "relay"),
            ("udp", "1.2.3:4"),
            ("udp", "::1:4"),
            ("udp", "[1.2.3.4]:4"),
            ("udp", "[fe80::1%eth0]:4"),
            ("udp", "[::1:4"),
            ("listen", "3478"),
            ("listen", "tls:5349"),
            ("listen", "tls:5349:privateKey=/nowhere:certKey=/nowhere"),
            ("probe-port", "65536"),
            ("alternate", "3479"),
            ("alternate", "relay.example.org:3479"),
            ("relay-address", "relay.example.org"),
            ("relay-address", ""),
            ("external-address", "[::1]"),
            ("external-address", "1.2.3"),
            ("port-range", "20000"),
            ("port-range", "200-100"),
            ("port-range", "0-100"),
            ("port-range", "1-65536"),
            ("port-range", "a-b"),
            ("port-range", "-"),
            ("allow-peer", "127.0.0.1/8"),
            ("allow-peer", "everybody"),
            ("deny-peer", "10.0.0.9-10.0.0.1"),
            ("deny-peer", "::1-10.0.0.1"),
            ("deny-peer", ""),
            ("last-channel", "0x3FFF"),
            ("last-channel", "0x8000"),
            ("last-channel", "4FFF"),
            ("last-channel", "0x"),
            ("last-channel", "0x4_FFF"),
            ("last-channel", ""),
            ("last-channel", "9" * 5000),
            ("metrics", "9641"),
            ("status", "8080"),
            ("workers", "many"),
            ("workers", "0"),
            ("drain-limit", "0"),
            ("drain-limit", "nan"),
            ("allocations", "none"),
            ("allocations-of-user", "0"),
            ("permissions", ""),
            ("channels", "-1"),
            ("bandwidth", "1e6"),
            ("maximum-lifetime", "1h"),
            ("max-allocation-age", "forever"),
            ("stream-connections", "-1"),
            ("stream-silence", "0"),
        ]:
            self.assertRefusedRelay([f"--{option}={value}"], f"--{option}: ", repr(value))
        self.assertRefusedRelay(['--realm=a"b'], "realm", repr('a"b'))

    def test_valuesTogether(self) -> None:
        """Values that cannot work together are refused under the operator's names."""
        for arguments, text in [
            (["--relay-address", "127.0.0.1", "--relay-address", "127.0.0.2"], "--relay-address"),
            (["--external-address", "1.2.3.4", "--external-address", "1.2.3.5"], "--external-a"),
            (["--alternate", "127.0.0.1:3479"], "--alternate"),
            (["--default-lifetime", "900", "--maximum-lifetime", "600"], "--default-lifetime"),
            (["--workers", "257"], "--workers"),
            (["--workers", "2", "--udp", "65535"], "--udp"),
            (["--workers", "4", "--port-range", "20000-20002"], "--port-range"),
            (["--workers", "2", "--udp", "3478", "--udp", "3479"], "--workers"),
            (["--drain-limit", "1e9"], "--drain-limit"),
            (["--stream-silence", "1e9"], "--stream-silence"),
        ]:
            self.assertRefusedRelay(arguments, text)

    def test_badFiles(self) -> None:
        """Files and variables that cannot work are refused by name; what is in them is not told."""
        for option, content, text in [
            ("--users-file", b"no colon", "line 1"),
            ("--users-file", b"# none\n", "no users"),
            ("--users-file", b"ada:\n", "line 1"),
            ("--users-file", b":lovelace\n", "line 1"),
            ("--users-file", b"ada:x\nada:y\n", "line 2"),
            ("--users-file", b"ada:x\ny\0z:1\n", "line 2"),
            ("--users-file", b"a" * 509 + b":1\n", "line 1"),
            ("--users-file", b"ada:\xff\n", "UTF-8"),
            ("--deny-peer-file", b"192.0.2.0/24\neverybody\n", "line 2"),
        ]:
            path = self.write("bad", content)
            self.assertRefusedRelay([option, path], f"{option}: ", path, text)
            with self.assertRaises(UsageError) as caught:
                Options().parseOptions([option, path, "--secret-file", self.secret_file])
            self.assertNotIn("lovelace", str(caught.exception))
        for option in ("--users-file", "--deny-peer-file"):
            self.assertRefusedRelay([option, str(self.folder / "none")], option, "No such file")
        open_users = self.write("open", b"ada:x", 0o604)
        self.assertRefusedRelay(["--users-file", open_users], "everybody can read")
        self.assertRefusedRelay(["--secret-env", "NO_SUCH_NAME"], "--secret-env", "NO_SUCH_NAME")

    def test_usersAlone(self) -> None:
        """Users are enough: no secret is needed with them."""
        options = Options()
        options.parseOptions(["--users-file", self.write("users", b"hopper:x\n")])
        self.assertEqual(options.settings.secrets, ())
        self.assertEqual(options.settings.users, (("hopper", "x"),))
        self.assertNotIn("hopper", repr(options.reloadable) + repr(options.settings))

    def test_withoutMetricsLibrary(self) -> None:
        """Metrics without their library are refused by its name."""
        found = import_module("prometheus_client")
        sys.modules["prometheus_client"] = None  # type: ignore[assignment]
        self.addCleanup(sys.modules.__setitem__, "prometheus_client", found)
        self.assertRefusedRelay(["--metrics", "tcp:9641"], "prometheus_client", "gamenet[metrics]")

    def test_withoutPosix(self) -> None:
        """Where there are no POSIX processes, there are no workers."""
        self.patch(os, "name", "nt")
        self.assertRefusedRelay(["--workers", "2"], "--workers: ", "POSIX")

    def test_worker(self) -> None:
        """A worker is told what is in the files, and parses the same command line."""
        first = self.relay("--workers", "2", "--udp", "3478")
        self.assertEqual(first.workers, 2)
        told = Reloadable.fromJson(first.reloadable.asJson())  # type: ignore[arg-type]
        self.assertEqual(told, first.reloadable)
        os.unlink(self.secret_file)
        worker = Options(lambda sources, environment: told)
        worker.parseOptions(first.arguments)
        self.assertEqual(worker.settings, first.settings)

    @settings(deadline=None, max_examples=200)
    @given(st.text(alphabet="[]:-.0123456789abf%\u0663 ", max_size=24))
    def test_anyAddress(self, text: str) -> None:
        """Whatever stands after C{--udp} is an address, or refused: never an exception."""
        try:
            host, port = readAddress("--udp", text, ipv6=True)
        except UsageError:
            return
        self.assertTrue(0 <= port <= 65535)
        self.assertEqual(":" in host, text.startswith("["))

    def test_makeService(self) -> None:
        """With and without workers a service is made, and not started."""
        for arguments in ([], ["--workers", "2"], ["--metrics", "tcp:0", "--status", "tcp:0"]):
            service = relay_tap.makeService(self.relay("--udp", "127.0.0.1:0", *arguments))
            self.assertFalse(service.running)
