"""
The layer test: every module of gamenet keeps the floors and the house rules.

Each rule is also shown sources that break it, so that this test can fail.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.floor_plan import floors
from tests.layer_rules import findings, importCycle
from tests.module_source import moduleFromSource, modulesOf

PACKAGE = Path(__file__).parent.parent / "gamenet"

PREAMBLE = '''"""A module."""

from __future__ import annotations

__all__: list[str] = []
'''


class HouseTests(SynchronousTestCase):
    """gamenet as it is."""

    def setUp(self) -> None:
        self.plan = floors()
        self.modules = modulesOf(PACKAGE, self.plan)

    def test_rules(self) -> None:
        """Done when: the layer test passes; no module goes up, across, or against a house rule."""
        found = [finding for module in self.modules for finding in findings(module)]
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_planIsTrue(self) -> None:
        """The floor plan lists the modules that there are, and no others."""
        self.assertEqual(sorted(self.plan), sorted(module.name for module in self.modules))

    def test_noCycles(self) -> None:
        """No import leads back to where it came from."""
        self.assertEqual(importCycle(self.modules), [])


class PlantedTests(SynchronousTestCase):
    """Sources that break a rule are found, and their harmless neighbors are not."""

    plan = {
        **floors(),
        "gamenet.testing": 4,
        "gamenet.storage": 1,
        "gamenet.storage.sqlite": 2,
        "gamenet.match.planted_decisions": 1,
        "gamenet.world.planted_host": -1,
    }

    def found(self, name: str, source: str) -> list[str]:
        """Return the findings in C{source} under a sound preamble."""
        return findings(moduleFromSource(name, PREAMBLE + source, self.plan))

    def assertFound(self, name: str, source: str, text: str) -> None:
        """Fail unless C{source} in the module C{name} breaks exactly one rule."""
        found = self.found(name, source)
        self.assertTrue(found, f"nothing found in {name}: {source}")
        for finding in found:
            self.assertIn(text, finding)

    def assertSound(self, name: str, source: str) -> None:
        """Fail if anything is found."""
        self.assertEqual(self.found(name, source), [], source)

    def test_up(self) -> None:
        """Imports that go up a floor."""
        for name, source in [
            ("gamenet.errors", "import gamenet.wire.framing"),
            ("gamenet.wire.framing", "from gamenet.lobby import directory"),
            ("gamenet.lobby.directory", "from gamenet.lobby.protocol import LobbyProtocol"),
            ("gamenet.lobby.directory", "from gamenet.machine.demultiplexer import Demultiplexer"),
            ("gamenet.lobby.protocol", "from gamenet.services import lobbyService"),
            ("gamenet.services", "from gamenet import lobby_tap"),
            ("gamenet.services", "def f() -> None:\n    import gamenet.cli"),
            ("gamenet.match.session", "import gamenet.demo.arena"),
            ("gamenet.machine.demultiplexer", "from gamenet.relay.settings import RelaySettings"),
        ]:
            self.assertFound(name, source, "up or across")

    def test_across(self) -> None:
        """Imports between subjects that do not know each other, or the wrong way round."""
        for name, source in [
            ("gamenet.rollback.session", "from gamenet.relay.settings import RelaySettings"),
            ("gamenet.lobby.directory", "from gamenet.rollback.session import RollbackSession"),
            ("gamenet.lobby.protocol", "from gamenet.turn_client.client import TurnClient"),
            ("gamenet.relay.protocol", "from gamenet.lobby.settings import LobbySettings"),
            ("gamenet.rollback.session", "from gamenet.match.settings import MatchSettings"),
            ("gamenet.traversal.agent", "from gamenet.mesh.path import Path"),
            ("gamenet.turn_client.client", "from gamenet.traversal.punch import PunchRole"),
            ("gamenet.storage.sqlite", "from gamenet.lobby.directory import Directory"),
            ("gamenet.match.session", "from gamenet.world.clock import WorldClock"),
            ("gamenet.world.planted_host", "from gamenet.machine.demultiplexer import Face"),
            ("gamenet.world.planted_host", "from gamenet.rollback import steps"),
        ]:
            self.assertFound(name, source, "up or across")

    def test_down(self) -> None:
        """Imports that go down are what the floors are for."""
        for name, source in [
            ("gamenet.wire.framing", "from gamenet.errors import FrameTooLong"),
            ("gamenet.lobby.directory", "from gamenet.lobby.settings import LobbySettings"),
            ("gamenet.lobby.protocol", "from gamenet.machine.demultiplexer import Demultiplexer"),
            ("gamenet.match.planted_decisions", "from gamenet.rollback.steps import Save"),
            ("gamenet.match.session", "from gamenet.lobby.client import LobbyClient"),
            ("gamenet.traversal.agent", "from gamenet.turn_client.client import TurnClient"),
            ("gamenet.services", "from gamenet.relay.protocol import RelayServer"),
            ("gamenet.cli", "from gamenet.world.clock import WorldClock"),
            ("gamenet.testing", "import gamenet.world.planted_host"),
            ("gamenet.world.planted_host", "from gamenet.wire import stun"),
            ("gamenet.lobby.directory", "from gamenet.errors import LocalProtocolError"),
        ]:
            self.assertSound(name, source)

    def test_unlisted(self) -> None:
        """A module that the plan does not list fails, and so does importing one."""
        self.assertFound("gamenet.lobby.newcomer", "", "not in the floor plan")
        self.assertFound("gamenet.services", "import gamenet.lobby.newcomer", "floor plan")

    def test_relative(self) -> None:
        """Relative imports."""
        self.assertFound("gamenet.lobby.directory", "from . import presence", "relative")
        self.assertFound("gamenet.lobby.directory", "from .presence import Presence", "relative")

    def test_foreignImports(self) -> None:
        """What a floor may not import from outside gamenet."""
        for name, source in [
            ("gamenet.lobby.directory", "import cbor2"),
            ("gamenet.lobby.protocol", "from cbor2 import loads"),
            ("gamenet.match.session", "from cryptography.hazmat.primitives import hashes"),
            ("gamenet.wire.stun", "from cryptography.hazmat.primitives import hashes"),
            ("gamenet.demo.player", "import cryptography"),
            ("gamenet.errors", "from twisted.python.failure import Failure"),
            ("gamenet.wire.stun", "import twisted.internet.defer"),
            ("gamenet.lobby.directory", "from twisted.logger import Logger"),
            ("gamenet.lobby.directory", "import socket"),
            ("gamenet.lobby.directory", "from socket import socket"),
            ("gamenet.lobby.directory", "import logging"),
            ("gamenet.lobby.directory", "import os"),
            ("gamenet.lobby.protocol", "import asyncio"),
            ("gamenet.lobby.protocol", "import threading"),
            ("gamenet.lobby.protocol", "import numpy"),
            ("gamenet.cli", "import pytest"),
            ("gamenet.world.planted_host", "import socket"),
            ("gamenet.world.planted_host", "from twisted.internet.task import deferLater"),
        ]:
            self.assertFound(name, source, "imports ")

    def test_soundForeignImports(self) -> None:
        """What the floors may import from outside gamenet."""
        for name, source in [
            ("gamenet.wire.canonical_cbor", "import cbor2"),
            ("gamenet.sealing.player_keys", "from cryptography.hazmat.primitives import hashes"),
            ("gamenet.sealing.sealed_link", "import cryptography.exceptions"),
            ("gamenet.errors", "from attrs import frozen\nfrom zope.interface import Interface"),
            ("gamenet.wire.stun", "from socket import AF_INET, inet_pton"),
            ("gamenet.lobby.protocol", "from twisted.internet.defer import Deferred"),
            ("gamenet.world.planted_host", "from twisted.internet.interfaces import IReactorTime"),
            ("gamenet.demo.player", "import threading, subprocess, time"),
        ]:
            self.assertSound(name, source)

    def test_clocksAndEntropy(self) -> None:
        """Clocks and entropy outside of the machine room and the doors."""
        for source in [
            "import time",
            "from time import monotonic",
            "import random",
            "from random import choice",
            "import secrets",
            "from uuid import uuid4",
            "import os\nos.urandom(4)",
            "from os import urandom",
            "import datetime\ndatetime.datetime.now()",
            "from datetime import datetime\ndatetime.now()",
            "from twisted.python.runtime import seconds",
        ]:
            self.assertFound("gamenet.lobby.protocol", source, "a clock or entropy")
            self.assertFound("gamenet.services", source, "a clock or entropy")
            self.assertTrue(self.found("gamenet.lobby.directory", source))
            self.assertTrue(self.found("gamenet.world.planted_host", source))
            self.assertSound("gamenet.machine.reactor_machine", source)
            self.assertSound("gamenet.lobby_tap", source)
        self.assertFound("gamenet.sealing.player_keys", "key = Key.generate()", "generate")

    def test_reactor(self) -> None:
        """The reactor outside of the doors, and LoopingCall anywhere."""
        for source in [
            "from twisted.internet import reactor",
            "import twisted.internet.reactor",
            "def f() -> None:\n    from twisted.internet import reactor",
        ]:
            for name in ("gamenet.services", "gamenet.lobby.protocol"):
                self.assertFound(name, source, "imports the reactor")
            self.assertSound("gamenet.cli", source)
        for source in [
            "from twisted.internet.task import LoopingCall",
            "from twisted.internet import task\ntask.LoopingCall(print)",
        ]:
            for name in ("gamenet.services", "gamenet.cli", "gamenet.demo.player"):
                self.assertFound(name, source, "LoopingCall")

    def test_sets(self) -> None:
        """Going through a set in its own order, in every form that one module shows."""
        for source in [
            "for x in {1, 2}: pass",
            "for x in set(y): pass",
            "[x for x in frozenset(y)]",
            "list({1, 2})",
            "tuple({x for x in y})",
            "print(*{1, 2})",
            "', '.join({'a'})",
            "next(iter(set(y)))",
            "dict.fromkeys(set(y))",
            "seen = set()\nfor x in seen: pass",
            "def f(seen: set[int]) -> None:\n    for x in seen: pass",
            "def f(self) -> None:\n    self.seen = set()\n    for x in self.seen: pass",
            "class A:\n    seen: set[int]\n    def f(self) -> None:\n        list(self.seen)",
            "def f(seen: set[int]) -> int:\n    return seen.pop()",
            "for x in set(y) - {1}: pass",
        ]:
            for name in ("gamenet.lobby.directory", "gamenet.wire.stun", "gamenet.lobby.protocol"):
                self.assertFound(name, source, "goes through a set")
            self.assertFound("gamenet.world.planted_host", source, "goes through a set")
        for source in [
            "KNOWN = frozenset([1, 2])\nprint(1 in KNOWN)",
            "seen = set()\nprint(sorted(seen), len(seen))",
            "for x in {1: 2}: pass",
            "queue = [1]\nqueue.pop()",
        ]:
            self.assertSound("gamenet.lobby.directory", source)

    def test_hash(self) -> None:
        """Numbers that differ from process to process."""
        self.assertFound("gamenet.lobby.directory", "hash('name')", "calls hash()")
        self.assertFound("gamenet.lobby.directory", "order = id(object())", "calls id()")

    def test_names(self) -> None:
        """Names that say nothing."""
        for source in [
            "class SessionManager: pass",
            "class HTTPHandler: pass",
            "def stunUtil() -> None: pass",
            "async def helper_of() -> None: pass",
            "class Engine: pass",
            "def commonKey() -> None: pass",
        ]:
            self.assertFound("gamenet.lobby.directory", source, "the name")
        plan = {"gamenet.lobby.utils": 1}
        self.assertIn("utils", findings(moduleFromSource("gamenet.lobby.utils", PREAMBLE, plan))[0])
        self.assertSound("gamenet.lobby.directory", "def uncommonEngineering() -> None: pass")

    def test_lengths(self) -> None:
        """Files of more than 400 lines and functions of more than 60."""
        room = 400 - len(PREAMBLE.splitlines())
        self.assertSound("gamenet.lobby.directory", "\n" * room)
        self.assertFound("gamenet.lobby.directory", "\n" * (room + 1), "401 lines")
        self.assertSound("gamenet.lobby.directory", "def f() -> None:\n" + "    print()\n" * 59)
        self.assertFound(
            "gamenet.lobby.directory", "def f() -> None:\n" + "    print()\n" * 60, "f has 61 lines"
        )

    def test_preamble(self) -> None:
        """Modules without a docstring, without a list of public names, without the future."""
        for source, text in [
            ("__all__ = ['x']", "no docstring"),
            ("'''Words.'''", "no __all__"),
            ("'''Words.'''\n__all__ = ['f']\ndef f() -> None: pass", "from __future__"),
        ]:
            found = findings(moduleFromSource("gamenet.cli", source, self.plan))
            self.assertEqual(len(found), 1, found)
            self.assertIn(text, found[0])

    def test_cycle(self) -> None:
        """A cycle of imports, also a long one; imports for the type checker close none."""
        sources = {
            "gamenet.lobby.directory": "from gamenet.lobby.presence import Presence",
            "gamenet.lobby.presence": "import gamenet.lobby.ticket",
            "gamenet.lobby.ticket": "from gamenet.lobby import directory",
        }
        modules = [moduleFromSource(name, text, self.plan) for name, text in sources.items()]
        self.assertEqual(importCycle(modules), [*sources, "gamenet.lobby.directory"])
        sources["gamenet.lobby.ticket"] = "if TYPE_CHECKING:\n    import gamenet.lobby.directory"
        modules = [moduleFromSource(name, text, self.plan) for name, text in sources.items()]
        self.assertEqual(importCycle(modules), [])
