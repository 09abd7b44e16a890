"""
The operator's page of the lobby says what the code does.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby import client, client_stream, stream_log
from gamenet.lobby.counters import LobbyCounters
from gamenet.lobby.settings import LobbySettings

PAGE = Path(__file__).parents[1] / "docs" / "lobby.rst"


def formatsOf(module: object) -> list[str]:
    """Return the first argument of every call of a logger in a module."""
    found = []
    for node in ast.walk(ast.parse(inspect.getsource(module))):  # type: ignore[arg-type]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            logs = node.func.attr in ("info", "warn", "failure")
            if logs and isinstance(node.args[0], ast.Constant):
                found.append(str(node.args[0].value))
    return found


class LobbyPageTests(SynchronousTestCase):
    """Errors and logs: the expected log lines of both sides are documented."""

    def setUp(self) -> None:
        self.page = PAGE.read_text()

    def test_logLines(self) -> None:
        """Every line that the lobby or a player's side of it can write stands there."""
        formats = [*formatsOf(stream_log), *formatsOf(client), *formatsOf(client_stream)]
        self.assertEqual(len(formats), 10)
        for text in formats:
            line = text.replace("{differs}", "")
            self.assertIn(f"    {line}\n", self.page)

    def test_counters(self) -> None:
        """What is counted of matches stands there by its name."""
        for attribute in attrs.fields(LobbyCounters):
            if attribute.name.startswith(("matches", "late", "hosts", "results")):
                self.assertIn(f"``{attribute.name}``", self.page)

    def test_settings(self) -> None:
        """The settings stand there with their defaults."""
        made = LobbySettings()
        for name in ("seat_grace", "results_limit", "result_lifetime", "capacity_limit"):
            self.assertRegex(self.page, rf"``{name}`` +{getattr(made, name):g}\b")
