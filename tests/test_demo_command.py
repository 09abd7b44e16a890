"""
Tests for L{gamenet.demo.command}'s options; the rest of it is tested with real
processes in L{tests.test_demo_sockets}.
"""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.briefing import Briefing
from gamenet.demo.command import main, parseArguments
from gamenet.demo.commands import childEnvironment, lobbyCommand, playerCommand, relayCommand
from gamenet.demo.settings import DemoSettings
from gamenet.errors import BadSetting

__all__ = ["BriefingTests", "CommandLineTests", "CommandsTests"]


class CommandLineTests(SynchronousTestCase):
    """The options."""

    def refused(self, *arguments: str) -> str:
        """Return what is said of a bad command line; fail unless it exits with 2."""
        said, out = StringIO(), StringIO()
        self.patch(sys, "stderr", said)
        self.patch(sys, "stdout", out)
        self.assertEqual(main(list(arguments)), 2, arguments)
        self.assertEqual(out.getvalue(), "")
        return said.getvalue()

    def test_defaults(self) -> None:
        """Without options it is what the issue says: two players, 600 frames, 40 ms, 5 %."""
        request = parseArguments([])
        self.assertEqual(request.settings, DemoSettings())
        self.assertEqual(
            request.settings, DemoSettings(2, 600, 0.040, 0.0, 0.05, False, None, seed=1)
        )
        self.assertFalse(request.as_json)
        self.assertIsNone(request.report)

    def test_everything(self) -> None:
        """Every option arrives, in seconds and as parts of one."""
        directory = self.mktemp()
        request = parseArguments(
            [
                "--players=2",
                "--frames=900",
                "--latency-ms=80",
                "--jitter-ms=12.5",
                "--loss-percent=10",
                "--relay-only",
                "--corrupt-at=200",
                "--seed=18446744073709551615",
                "--json",
                f"--report={directory}",
            ]
        )
        self.assertEqual(
            request.settings, DemoSettings(2, 900, 0.08, 0.0125, 0.1, True, 200, (1 << 64) - 1)
        )
        self.assertTrue(request.as_json)
        self.assertEqual(request.report, Path(directory))

    def test_badValues(self) -> None:
        """Bad input: every bad value exits with 2 and says which option, and what is wrong."""
        for option, value, reason in (
            ("--frames", "0", "not from 1 to"),
            ("--frames", "-5", "not from 1 to"),
            ("--frames", "many", "not a whole number"),
            ("--frames", "2.5", "not a whole number"),
            ("--frames", "9" * 12, "not from 1 to"),
            ("--latency-ms", "-1", "not from 0 to 500 ms"),
            ("--latency-ms", "501", "not from 0 to 500 ms"),
            ("--latency-ms", "nan", "not from 0 to 500 ms"),
            ("--latency-ms", "inf", "not from 0 to 500 ms"),
            ("--latency-ms", "soon", "not a number"),
            ("--jitter-ms", "41", "more than the latency"),
            ("--loss-percent", "51", "not from 0 to 50 percent"),
            ("--loss-percent", "", "not a number"),
            ("--corrupt-at", "600", "never played"),
            ("--corrupt-at", "-1", "not from 0 to"),
            ("--seed", "-1", "not from 0 to"),
            ("--seed", str(1 << 64), "not from 0 to"),
            ("--seed", "abc", "not a whole number"),
        ):
            said = self.refused(f"{option}={value}")
            self.assertIn(f"argument {option}: ", said)
            self.assertIn(reason, said)
            self.assertIn("gamenet demo: error:", said)

    def test_players(self) -> None:
        """Two to eight play; any other number of players is refused by name."""
        for count in range(2, 9):
            settings = parseArguments([f"--players={count}"]).settings
            self.assertEqual((settings.players, len(settings.names)), (count, count))
        for players, reason in (
            ("1", "1 is not from 2 to 8 players"),
            ("9", "9 is not from 2 to 8 players"),
            ("0", "not from 2 to 8"),
            ("-2", "not from 2 to 8"),
            ("two", "'two' is not a whole number"),
            ("", "not a whole number"),
        ):
            said = self.refused(f"--players={players}")
            self.assertIn("argument --players: ", said)
            self.assertIn(reason, said)

    def test_casualties(self) -> None:
        """Done when: who is killed and comes back arrives, alone and together."""
        settings = parseArguments(
            ["--players=8", "--kill-host-at=100", "--rejoin-at=101", "--kill-lobby-at=0"]
        ).settings
        self.assertEqual(
            (settings.kill_host_at, settings.rejoin_at, settings.kill_lobby_at), (100, 101, 0)
        )
        self.assertEqual(parseArguments(["--kill-host-at=599"]).settings.kill_host_at, 599)
        self.assertEqual(parseArguments(["--kill-lobby-at=599"]).settings.kill_lobby_at, 599)

    def test_badCasualties(self) -> None:
        """Bad input: a plan that cannot work is refused by the name of its option."""
        for options, named, reason in (
            (["--kill-host-at=600"], "--kill-host-at", "frame 600 is never played"),
            (["--kill-lobby-at=600"], "--kill-lobby-at", "the last one is 599"),
            (["--kill-host-at=1", "--rejoin-at=600"], "--rejoin-at", "never played"),
            (["--rejoin-at=5"], "--rejoin-at", "nobody can come back where nobody is killed"),
            (["--kill-host-at=5", "--rejoin-at=5"], "--rejoin-at", "is not after frame 5"),
            (["--kill-host-at=5", "--rejoin-at=4"], "--rejoin-at", "is not after frame 5"),
            (["--kill-host-at=-1"], "--kill-host-at", "not from 0 to"),
            (["--kill-lobby-at=soon"], "--kill-lobby-at", "not a whole number"),
        ):
            said = self.refused(*options)
            self.assertIn(f"argument {named}: ", said)
            self.assertIn(reason, said)

    def test_badPlans(self) -> None:
        """Bad input: settings made without a command line are checked by name as well."""
        for values, named in (
            ({"kill_host_at": 600}, "kill_host_at: frame 600 is never played"),
            ({"kill_lobby_at": 600}, "kill_lobby_at: "),
            ({"rejoin_at": 5}, "rejoin_at: "),
            ({"kill_host_at": 9, "rejoin_at": 9}, "rejoin_at: "),
            ({"kill_host_at": -1}, "kill_host_at must be "),
            ({"rejoin_at": 1.5}, "rejoin_at must be "),
            ({"kill_lobby_at": True}, "kill_lobby_at must be "),
            ({"players": 1}, "players must be "),
        ):
            error = self.assertRaises(BadSetting, DemoSettings, **values)
            self.assertIn(named, str(error))

    def test_unknown(self) -> None:
        """Bad input: an option that does not exist, one cut short, and a stray word."""
        self.assertIn("--relay-onyl", self.refused("--relay-onyl"))
        self.assertIn("--frame", self.refused("--frame=3"))
        self.assertIn("now", self.refused("now"))

    def test_badReport(self) -> None:
        """Bad input: a report that cannot be written is refused before anything is played."""
        taken = Path(self.mktemp())
        taken.write_text("a file")
        self.assertIn("is not a directory", self.refused(f"--report={taken}"))
        self.assertIn("is not a directory", self.refused("--report="))
        self.assertIn("--report", self.refused(f"--report={taken}/below"))

    def test_help(self) -> None:
        """Help is no error, and names every option."""
        out = StringIO()
        self.patch(sys, "stdout", out)
        self.assertEqual(main(["--help"]), 0)
        for option in (
            "--players",
            "--frames",
            "--latency-ms",
            "--jitter-ms",
            "--loss-percent",
            "--relay-only",
            "--corrupt-at",
            "--seed",
            "--kill-host-at",
            "--rejoin-at",
            "--kill-lobby-at",
            "--json",
            "--report",
        ):
            self.assertIn(option, out.getvalue())


class CommandsTests(SynchronousTestCase):
    """The children's command lines."""

    def test_findsGamenet(self) -> None:
        """A child finds this gamenet from any directory, whatever was on the path before."""
        for before in ({}, {"PYTHONPATH": "/elsewhere"}):
            environment = childEnvironment({"PATH": "", **before})
            where = subprocess.run(
                [sys.executable, "-c", "import gamenet; print(gamenet.__file__)"],
                env=environment,
                cwd="/",
                capture_output=True,
                timeout=60,
                check=True,
            )
            import gamenet

            self.assertEqual(where.stdout.decode().strip(), gamenet.__file__)
            self.assertEqual(environment["PATH"], "")

    def test_installed(self) -> None:
        """Where gamenet is installed the path is left alone: it would hide the stdlib."""
        import gamenet

        self.patch(gamenet, "__file__", "/usr/lib/python3/dist-packages/gamenet/__init__.py")
        self.assertEqual(childEnvironment({"A": "b"}), {"A": "b"})

    def test_noSecretInView(self) -> None:
        """No command line holds a secret: everybody on the machine can read it."""
        directory = Path("/d")
        relay = relayCommand(directory, directory / "s", directory / "r")
        lobby = lobbyCommand(directory, directory / "s", directory / "r", ("127.0.0.1", 5))
        self.assertIn("/d/s", relay)
        self.assertIn("/d/s", lobby)
        self.assertEqual(playerCommand(), [sys.executable, "-m", "gamenet.demo.player"])
        self.assertEqual(playerCommand(returning=True), [*playerCommand(), "rejoin"])


class BriefingTests(SynchronousTestCase):
    """What a player is told."""

    def test_roundTrip(self) -> None:
        """What is written is read; the secret is never shown."""
        briefing = Briefing(
            1, 2, "Ada", "tcp:127.0.0.1:5", 600, False, None, 0.04, 0.0, 0.05, "5a" * 32, 7
        )
        self.assertEqual(Briefing.fromLine(briefing.asLine()), briefing)
        self.assertNotIn("5a5a", repr(briefing))

    def test_nonsense(self) -> None:
        """Bad input: anything else is refused."""
        for line in (b"", b"[]", b"{}", b'{"player": 1, "more": 2}', b"\xff"):
            self.assertRaises(ValueError, Briefing.fromLine, line)

    def test_badValues(self) -> None:
        """Bad input: a number that cannot work is named, in a briefing as in the settings."""
        good = Briefing(
            1, 2, "Ada", "tcp:127.0.0.1:5", 600, False, 9, 0.04, 0.0, 0.05, "5a" * 32, 7
        )
        asked = DemoSettings(corrupt_at=9)
        for name, *bad in (
            ("player", 0, 9, "1"),
            ("players", 0, 9, None),
            ("frames", 0, 1.5, None),
            ("corrupt_at", -1, "9", True),
            ("latency", -0.1, 3601, "0.04", float("nan")),
            ("jitter", -0.1, None),
            ("loss", -0.1, 1.1, float("nan")),
            ("road_seed", -1, 1 << 64, 1.0),
            ("seed", -1, 1 << 64, 1.0),
        ):
            for value in bad:
                for values in (good, asked):
                    if hasattr(values, name):
                        error = self.assertRaises(BadSetting, evolve, values, **{name: value})
                        self.assertIn(f"{name} must be ", str(error))
