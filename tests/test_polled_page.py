"""The page on polled sessions says what the code does."""

from __future__ import annotations

import ast
import inspect
import re
from textwrap import dedent
from typing import get_args

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet import errors, polled
from gamenet.event_log.settings import EventLogSettings
from gamenet.lobby.settings import LobbySettings
from gamenet.match.player import SEATS_LIMIT
from gamenet.match.session_settings import SessionSettings
from gamenet.polled import errors as polled_errors
from gamenet.polled.events import TOLD_ONCE, PolledEvent
from gamenet.polled.session_builder import SERVERS_LIMIT, SessionBuilder
from tests.polled_scene import Scene
from tests.twistd_process import ROOT


class PageTests(SynchronousTestCase):
    """Seed row K8, K9: the face, its limits and its errors are documented."""

    def setUp(self) -> None:
        """Read it."""
        self.page = (ROOT / "docs" / "polled.rst").read_text()

    def section(self, title: str) -> str:
        """Return what stands under a title."""
        return re.split(r"\n[^\n]+\n-{5,}\n", self.page.split(f"\n{title}\n", 1)[1])[0]

    def rows(self, title: str) -> list[str]:
        """Return the names in the first column of the tables under a title."""
        names: list[str] = []
        for table in re.findall(r"(?m)^=+ =.*\n(?:.+\n)+", self.section(title) + "\n"):
            for line in table.splitlines():
                if line.startswith("``"):
                    names += re.findall(r"``(\w+)[^`]*``", line.split("  ")[0])
        return names

    def test_builder(self) -> None:
        """Every argument has its row, in their order, and the defaults and limits are true."""
        names = [field.name for field in attrs.fields(SessionBuilder)]
        self.assertEqual(self.rows("Building a session"), names)
        text = self.section("Building a session")
        builder = SessionBuilder("tcp:127.0.0.1:1", "Ada")
        for said in (
            f"at most {SERVERS_LIMIT}: ",
            f"1 to {SEATS_LIMIT}; by default {builder.capacity} ",
            f"to 4 096; by default {builder.batch_size}\n",
            f"to 65 536; by default {builder.queue_size}\n",
            f'by default "{builder.session_name}"',
        ):
            self.assertIn(said, re.sub(" +", " ", text) + text)

    def test_face(self) -> None:
        """Every public attribute and method has its row, and each row is one of them."""
        session = Scene().session
        public = {name for name in dir(session) if not name.startswith("_")}
        rows = [name for name in self.rows("What a session offers") if name[0].islower()]
        self.assertEqual(sorted(rows), sorted(public))

    def test_events(self) -> None:
        """Every event has its row, and what is told but once is named."""
        kinds = [kind.__name__ for kind in get_args(PolledEvent)]
        rows = [name for name in self.rows("What a session offers") if name[0].isupper()]
        self.assertEqual(sorted(rows), sorted(kinds))
        told = self.section("When a queue is full").split("Answers to commands")[1]
        for kind in TOLD_ONCE:
            if kind.__name__ not in ("Accepted", "Refused"):
                self.assertIn(f"``{kind.__name__}``", told)

    def test_errors(self) -> None:
        """The errors exist by their names, and those of the room are all there."""
        for name in self.rows("Errors"):
            self.assertTrue(hasattr(errors, name) or hasattr(polled_errors, name), name)
        for name in polled_errors.__all__:
            self.assertIn(f"``{name}``", self.page)
        limits = SessionSettings()
        for name, seconds in (
            ("IdentityTimeout", limits.identity_timeout),
            ("PeerTimeout", limits.peer_timeout),
            ("SyncTimeout", limits.sync_timeout),
        ):
            self.assertRegex(self.page, rf"(?m)^``{name}`` +{seconds:g} s: ")

    def test_limits(self) -> None:
        """The seconds of the single-threaded variant's limit are those of the settings."""
        text = " ".join(self.section("Threads").split())
        self.assertIn(f"``silence`` ({EventLogSettings().silence:g} s,", text)
        self.assertIn(f"the {EventLogSettings().grace:g} s of grace", text)
        self.assertIn(f"silent for {LobbySettings().heartbeat_timeout:g} s", text)

    def test_example(self) -> None:
        """The page's program is one, and takes its names from where it says."""
        code = dedent(self.page.split(".. code-block:: python\n\n", 1)[1].split("\nA guest", 1)[0])
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom):
                module = __import__(str(node.module), fromlist=["_"])
                for alias in node.names:
                    self.assertTrue(hasattr(module, alias.name), alias.name)
        used = set(re.findall(r"session\.(\w+)", code))
        self.assertEqual(used, {"poll", "events", "submit", "session", "close"})

    def test_exports(self) -> None:
        """All that a game needs, commands apart, comes from the package itself."""
        for kind in get_args(PolledEvent):
            self.assertIs(getattr(polled, kind.__name__), kind)
        self.assertTrue(inspect.isclass(polled.SessionBuilder))
        self.assertEqual(polled.__all__, sorted(polled.__all__))
