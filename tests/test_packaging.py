"""
What the package's metadata promise, as far as it shows without building anything.

C{.ci/check_packaging.sh} builds and installs.
"""

from __future__ import annotations

import re
import sys
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import gamenet

ROOT = Path(__file__).parent.parent

#: The issue's two commands, each of which does all its own set-up.
COMMANDS = [
    "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/gamenet demo",
    "python3 -m venv .venv && .venv/bin/pip install '.[test]' && "
    ".venv/bin/python -m twisted.trial tests",
]


class MetadataTests(SynchronousTestCase):
    """C{setup.cfg} and its neighbors."""

    def setUp(self) -> None:
        self.config = ConfigParser()
        self.config.read(ROOT / "setup.cfg", encoding="utf-8")

    def listed(self, section: str, option: str) -> list[str]:
        """Return the lines of an option."""
        return self.config[section][option].split("\n")[1:]

    def test_readmeCommands(self) -> None:
        """Done when: the README prints the two commands, each as one line to copy."""
        text = (ROOT / "README.rst").read_text(encoding="utf-8")
        lines = [line.strip() for line in text.splitlines() if line.startswith("    python3")]
        self.assertEqual(lines, COMMANDS)

    def test_operatorLines(self) -> None:
        """The README tells how the services are run."""
        text = (ROOT / "README.rst").read_text(encoding="utf-8")
        relay = "relay --udp 203.0.113.2:3478 --secret-file relay.secret"
        for line in (relay, "lobby --listen tcp:7770"):
            self.assertIn(f"twistd -n --pidfile= gamenet-{line}", text)

    def test_readmeNamesRealOptions(self) -> None:
        """Every option that the README names is one of the services', the demo's, or pip's."""
        from gamenet import lobby_tap, relay_tap
        from gamenet.demo.command import _parser

        known = [*lobby_tap.Options().longOpt, *relay_tap.Options().longOpt]
        known = ["pidfile", *(option.rstrip("=") for option in known)]
        demo = [option.lstrip("-") for option in _parser()._option_string_actions]
        text = (ROOT / "README.rst").read_text(encoding="utf-8")
        named = re.findall(r"(?<![\w-])--([a-z][a-z-]+)", text)
        self.assertEqual([option for option in named if option not in known + demo], [])
        self.assertTrue(len(named) > 20)

    def test_pluginsFolder(self) -> None:
        """There is no C{__init__.py} beside the plugins: it would overwrite Twisted's own."""
        found = [path.name for path in (ROOT / "twisted").rglob("*.py")]
        self.assertEqual(found, ["gamenet_plugins.py"])

    def test_packages(self) -> None:
        """The wheel gets gamenet and the plugins, and an editable install finds both."""
        self.assertEqual(self.config["options"]["packages"], "find_namespace:")
        self.assertEqual(self.listed("options", "package_dir"), ["= ."])
        self.assertEqual(
            self.listed("options.packages.find", "include"),
            ["gamenet", "gamenet.*", "twisted.plugins"],
        )
        self.assertEqual(self.config["options.package_data"]["gamenet"], "py.typed")
        self.assertTrue((ROOT / "gamenet" / "py.typed").exists())

    def test_everyFolderIsAPackage(self) -> None:
        """No folder of gamenet lacks its C{__init__.py}, which tools would not notice here."""
        for path in (ROOT / "gamenet").rglob("*.py"):
            self.assertTrue((path.parent / "__init__.py").exists(), path)

    def test_dependencies(self) -> None:
        """The floors that the house stands on are demanded of whoever installs it."""
        self.assertEqual(self.config["options"]["python_requires"], ">=3.11")
        lines = self.listed("options", "install_requires")
        needed = dict(re.split("(?=>=)", line) for line in lines)
        self.assertEqual(
            sorted(needed), ["attrs", "cbor2", "cryptography", "twisted", "zope.interface"]
        )
        self.assertEqual((needed["twisted"], needed["cbor2"]), (">=26.10", ">=6.1"))

    def test_extras(self) -> None:
        """The extras that the issue names are there."""
        for extra in ("test", "dev", "demo"):
            self.assertIn(extra, self.config["options.extras_require"])

    def test_version(self) -> None:
        """The version is the package's own."""
        self.assertEqual(self.config["metadata"]["version"], "attr: gamenet.__version__")
        self.assertRegex(gamenet.__version__, r"^\d+\.\d+\.\d+$")

    def test_command(self) -> None:
        """The command's entry point is a function that is there."""
        (line,) = self.listed("options.entry_points", "console_scripts")
        name, module, function = re.fullmatch(r"(\w+) = ([\w.]+):(\w+)", line).groups()  # type: ignore[union-attr]
        self.assertEqual(name, "gamenet")
        self.assertTrue(callable(getattr(import_module(module), function)))

    def test_sourceDistribution(self) -> None:
        """The sdist is told to hold what a wheel leaves out."""
        text = (ROOT / "MANIFEST.in").read_text(encoding="utf-8")
        for line in ("graft tests", "graft docs", "graft newsfragments", "global-exclude *.pyc"):
            self.assertIn(line, text)

    def test_python(self) -> None:
        """This runs on a Python that is supported."""
        self.assertGreaterEqual(sys.version_info, (3, 11))
