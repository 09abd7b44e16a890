"""Tests of the plugins' command lines: what they make of good ones, and say of bad ones."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.application.service import IService, IServiceMaker
from twisted.plugin import IPlugin, getPlugins
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet import lobby_tap, relay_tap
from gamenet.lobby.settings import LobbySettings
from gamenet.operation.operator_options import OperatorOptions
from gamenet.relay.allocation import AllocationLimits

SECRET = b"0123456789abcdef"


class CommandLineTests(SynchronousTestCase):
    """What both have in common."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.secret_file = self.write("relay.secret", SECRET + b"\n")

    def write(self, name: str, content: bytes, mode: int = 0o600) -> str:
        """Write a file and return its path."""
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(mode)
        return str(path)

    def lobby(self, *arguments: str) -> lobby_tap.Options:
        """Parse a lobby's command line."""
        options = lobby_tap.Options()
        options.parseOptions(arguments)
        return options

    def relay(self, *arguments: str) -> relay_tap.Options:
        """Parse a relay's command line, with a secret."""
        options = relay_tap.Options()
        options.parseOptions(["--secret-file", self.secret_file, *arguments])
        return options

    def assertRefused(self, options: OperatorOptions, arguments: list[str], *texts: str) -> None:
        """Fail unless a command line is refused with all of C{texts}, and without the secret."""
        with self.assertRaises(UsageError) as caught:
            options.parseOptions(arguments)
        for text in texts:
            self.assertIn(text, str(caught.exception))
        self.assertNotIn(SECRET.decode(), str(caught.exception))


class PluginTests(SynchronousTestCase):
    """What twistd finds."""

    def test_plugins(self) -> None:
        """Both plugins are found, and lead to their modules."""
        found = {
            plugin.tapname: plugin
            for plugin in getPlugins(IServiceMaker)
            if plugin.tapname.startswith("gamenet-")
        }
        self.assertEqual(sorted(found), ["gamenet-lobby", "gamenet-relay"])
        for name, module in (("gamenet-lobby", lobby_tap), ("gamenet-relay", relay_tap)):
            verifyObject(IServiceMaker, found[name])
            verifyObject(IPlugin, found[name])
            self.assertIs(found[name].options, module.Options)
            self.assertIs(found[name].makeService, module.makeService)


class LobbyOptionsTests(CommandLineTests):
    """C{twistd gamenet-lobby}."""

    def test_operatorLine(self) -> None:
        """ARCHITECTURE's operator line: C{--listen tcp:7770 --udp 7770}."""
        options = self.lobby("--listen", "tcp:7770", "--udp", "7770")
        self.assertEqual((options.listen, options.udp), (["tcp:7770"], ("", 7770)))
        self.assertEqual(options.settings, LobbySettings())
        self.assertIsNone(options.status_endpoint)
        self.assertIsNone(options.ready_file)

    def test_defaults(self) -> None:
        """Nothing at all is the same as the operator line."""
        options = self.lobby()
        self.assertEqual((options.listen, options.udp), (["tcp:7770"], ("", 7770)))

    def test_everything(self) -> None:
        """Every option reaches its setting."""
        options = self.lobby(
            *("--listen", "tcp:1", "--listen", "tcp:2:interface=127.0.0.1"),
            *("--udp", "127.0.0.1:0", "--relay", "203.0.113.2:3478"),
            *("--relay", "203.0.113.2:3479", "--json-log", str(self.folder / "log")),
            *("--relay-secret-file", self.secret_file, "--relay-lifetime", "7200"),
            *("--heartbeat-interval", "1.5", "--heartbeat-timeout", "6"),
            *("--clients-limit", "10", "--clients-per-address", "2"),
            *("--sessions-limit", "5", "--capacity-limit", "4"),
            *("--status", "tcp:0", "--ready-file", str(self.folder / "ready")),
        )
        self.assertEqual(options.listen, ["tcp:1", "tcp:2:interface=127.0.0.1"])
        self.assertEqual(options.udp, ("127.0.0.1", 0))
        got = options.settings
        assert got.relay is not None
        self.assertEqual(got.relay.address, ("203.0.113.2", 3478))
        self.assertEqual(got.relay.further_addresses, (("203.0.113.2", 3479),))
        self.assertEqual(options.json_log, self.folder / "log")
        self.assertEqual((got.relay.secret, got.relay.lifetime), (SECRET, 7200))
        self.assertEqual((got.heartbeat_interval, got.heartbeat_timeout), (1.5, 6.0))
        self.assertEqual((got.clients_limit, got.clients_per_address), (10, 2))
        self.assertEqual((got.sessions_limit, got.capacity_limit), (5, 4))
        self.assertEqual(options.status_endpoint, "tcp:0")
        self.assertEqual(options.ready_file, self.folder / "ready")

    def test_badValues(self) -> None:
        """Bad input: a value that cannot work is refused by the option's name, and quoted."""
        for option, value in [
            ("listen", "7770"),
            ("listen", ""),
            ("listen", "tcp:port"),
            ("listen", "ssl:7770:privateKey=/nowhere"),
            ("udp", ""),
            ("udp", "port"),
            ("udp", "65536"),
            ("udp", "-1"),
            ("udp", "localhost:7770"),
            ("udp", ":7770"),
            ("udp", "::1:7770"),
            ("udp", "7770:"),
            ("udp", "\u0663\u0663"),
            ("status", "8080"),
            ("heartbeat-interval", "often"),
            ("heartbeat-interval", "0"),
            ("heartbeat-interval", "-3"),
            ("heartbeat-interval", "nan"),
            ("heartbeat-timeout", "inf"),
            ("clients-limit", "0"),
            ("clients-limit", "1.5"),
            ("clients-per-address", "many"),
            ("sessions-limit", "9" * 30),
            ("capacity-limit", "\u0662"),
            ("ready-file", "/nowhere/at/all"),
            ("ready-file", "/"),
            ("json-log", "/nowhere/at/all"),
            ("json-log", "/"),
        ]:
            text = f"--{option}: "
            self.assertRefused(lobby_tap.Options(), [f"--{option}", value], text, repr(value))

    def test_valuesTogether(self) -> None:
        """Values that cannot work together are refused under the operator's names."""
        self.assertRefused(
            lobby_tap.Options(), ["--heartbeat-timeout", "4"], "--heartbeat-timeout", "6.0 s"
        )
        self.assertRefused(lobby_tap.Options(), ["--capacity-limit", "33"], "--capacity-limit")

    def test_relay(self) -> None:
        """A relay needs its secret and a numeric address, and a secret needs its relay."""
        with_secret = ["--relay-secret-file", self.secret_file]
        self.assertRefused(lobby_tap.Options(), ["--relay", "1.2.3.4:5"], "--relay-secret-file")
        self.assertRefused(lobby_tap.Options(), with_secret, "--relay-secret-file", "--relay")
        self.assertRefused(lobby_tap.Options(), ["--relay-lifetime", "9"], "--relay-lifetime")
        for value in ("3478", "relay.example.org:3478", "1.2.3.4:0", "1.2.3.4", ":3478"):
            self.assertRefused(
                lobby_tap.Options(), ["--relay", value, *with_secret], "--relay: ", repr(value)
            )

    def test_notAnOption(self) -> None:
        """What is no option is refused."""
        self.assertRefused(lobby_tap.Options(), ["--minimum", "2"], "minimum")
        self.assertRefused(lobby_tap.Options(), ["extra"], "arguments")
        self.assertRefused(lobby_tap.Options(), ["--udp"], "udp")

    @settings(deadline=None, max_examples=200)
    @given(st.text(alphabet=":-.0123456789abct\u0663 ", max_size=24))
    def test_anyUdp(self, text: str) -> None:
        """Whatever stands after C{--udp} is an address, or refused: never an exception."""
        options = lobby_tap.Options()
        try:
            options.parseOptions([f"--udp={text}"])
        except UsageError:
            return
        host, port = options.udp
        self.assertTrue(0 <= port <= 65535)
        self.assertEqual(text.rpartition(":")[0], host)

    def test_makeService(self) -> None:
        """The service that is made is not started, and its reactor is on monotonic time."""
        from twisted.internet import reactor

        service = lobby_tap.makeService(self.lobby("--udp", "0", "--status", "tcp:0"))
        verifyObject(IService, service)
        self.assertFalse(service.running)
        self.assertIs(reactor.seconds, time.monotonic)

    def test_version(self) -> None:
        """C{--version} is gamenet's, not Twisted's."""
        with self.assertRaises(SystemExit) as caught:
            self.lobby("--version")
        self.assertEqual(caught.exception.code, 0)


class RelayOptionsTests(CommandLineTests):
    """C{twistd gamenet-relay}: the rest is in L{tests.test_operation_relay_options}."""

    def test_operatorLine(self) -> None:
        """ARCHITECTURE's operator line: C{--udp 3478 --secret-file relay.secret}."""
        options = self.relay("--udp", "3478")
        self.assertEqual(options.settings.udp, (("", 3478),))
        self.assertEqual(options.settings.secrets, (SECRET,))
        self.assertEqual(options.settings.realm, "gamenet")
        self.assertEqual(options.settings.limits, AllocationLimits())

    def test_withoutSecret(self) -> None:
        """Without a secret the relay would let nobody in: refused."""
        self.assertRefused(relay_tap.Options(), [], "--secret-file")

    def test_badSecretFiles(self) -> None:
        """A secret file that is missing, unreadable, or not one is refused by its name."""
        for path, text in [
            (str(self.folder / "missing"), "No such file"),
            (str(self.folder), "Is a directory"),
            (str(self.folder / "a\0b"), "null"),
            (self.write("empty", b""), "is empty"),
            (self.write("blank", b" \n\n"), "is empty"),
            (self.write("short", b"1234567\n"), "from 8 to 1024 bytes"),
            (self.write("long", b"x" * 1025), "from 8 to 1024 bytes"),
            (self.write("lines", SECRET + b"\n" + SECRET), "more than one line"),
        ]:
            for tap, option in ((relay_tap, "--secret-file"), (lobby_tap, "--relay-secret-file")):
                arguments = [option, path]
                if tap is lobby_tap:
                    arguments += ["--relay", "1.2.3.4:5"]
                self.assertRefused(tap.Options(), arguments, f"{option}: ", text, repr(path))

    def test_secretForEverybody(self) -> None:
        """A secret file that everybody can read is no secret."""
        path = self.write("open", SECRET, 0o604)
        self.assertRefused(relay_tap.Options(), ["--secret-file", path], "everybody can read", path)
        os.chmod(path, 0o640)
        relay_tap.Options().parseOptions(["--secret-file", path])

    def test_shortestAndLongestSecret(self) -> None:
        """Secrets of 8 and of 1024 bytes are taken as they are."""
        for secret in (b"12345678", b"x" * 1024, "gehéim".encode() + b"ss"):
            options = relay_tap.Options()
            options.parseOptions(["--secret-file", self.write("s", secret)])
            self.assertEqual(options.settings.secrets, (secret,))

    def test_makeService(self) -> None:
        """The service that is made is not started."""
        service = relay_tap.makeService(self.relay("--udp", "127.0.0.1:0"))
        verifyObject(IService, service)
        self.assertFalse(service.running)

    def test_secretIsNotShown(self) -> None:
        """Neither options nor settings show the secret when they are printed."""
        options = self.relay("--udp", "0")
        self.assertNotIn(SECRET.decode(), repr(options) + str(options) + repr(options.settings))
        lobby = self.lobby("--relay", "1.2.3.4:5", "--relay-secret-file", self.secret_file)
        self.assertNotIn(SECRET.decode(), repr(lobby) + str(lobby) + repr(lobby.settings))
