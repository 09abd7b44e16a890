"""The examples as texts: short, and true to what they say."""

from __future__ import annotations

import ast
import re
from configparser import ConfigParser

from twisted.trial.unittest import SynchronousTestCase

from tests.twistd_process import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


class ExamplesTests(SynchronousTestCase):
    """Done when: the one obvious way to host and join in ten lines."""

    def test_bothAreThere(self) -> None:
        """One for each kind of loop."""
        self.assertEqual([path.name for path in EXAMPLES], ["game_owned.py", "reactor_owned.py"])

    def test_tenLines(self) -> None:
        """Hosting takes ten lines and joining too, docstrings counted."""
        for path in EXAMPLES:
            tree = ast.parse(path.read_text())
            found = {
                node.name: (node.end_lineno or 0) - node.lineno + 1
                for node in tree.body
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            }
            self.assertLessEqual(found["host"], 10, path)
            self.assertLessEqual(found["join"], 10, path)
            self.assertLess(len(path.read_text().splitlines()), 200, path)

    def test_sayHowToStart(self) -> None:
        """Each begins with the commands that start it, which name itself and real options."""
        for path in EXAMPLES:
            said = ast.get_docstring(ast.parse(path.read_text())) or ""
            for role in ("host", "join"):
                self.assertIn(f"python examples/{path.name} {role}", said)
            self.assertIn("twistd -n --pidfile= gamenet-lobby --listen tcp:7770", said)

    def test_packaged(self) -> None:
        """The sdist carries them, the wheel does not; the tests' extra has what they need."""
        self.assertIn("graft examples\n", (ROOT / "MANIFEST.in").read_text())
        config = ConfigParser()
        config.read(ROOT / "setup.cfg", encoding="utf-8")
        self.assertNotIn("examples", config["options.packages.find"]["include"])
        for extra in ("test", "dev"):
            self.assertRegex(
                config["options.extras_require"][extra], r"(?m)^pygame-ce>=2\.5\.5,<2\.6$"
            )

    def test_gamenetAloneDoesNotNeedPygame(self) -> None:
        """No module of gamenet imports what only the examples draw with."""
        for path in (ROOT / "gamenet").rglob("*.py"):
            self.assertFalse(re.search(r"(?m)^\s*(import|from) pygame", path.read_text()), path)
