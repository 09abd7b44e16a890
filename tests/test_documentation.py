"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from docutils.core import publish_doctree
from docutils.utils import SystemMessage
from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire import lobby_answers, lobby_requests
from gamenet.wire.lobby_values import RefusalCode
from gamenet.wire.peer_packets import PacketKind

DOCS = Path(__file__).parents[1] / "docs"


class WireProtocolPageTests(SynchronousTestCase):
    """Done when: docs has the wire protocol page of what exists."""

    def setUp(self) -> None:
        """Read the page."""
        self.page = (DOCS / "wire_protocol.rst").read_text()

    def test_namesEveryMessageWithItsNumber(self) -> None:
        """Every message of the lobby's stream stands in a table, with its number."""
        found = 0
        for module in (lobby_requests, lobby_answers):
            for name in module.__all__:
                number = getattr(getattr(module, name), "number", None)
                if isinstance(number, int):
                    found += 1
                    self.assertRegex(self.page, rf"(?m)^{number} +{name} ", name)
        self.assertEqual(found, 26)

    def test_namesEveryRefusal(self) -> None:
        """Every refusal code stands there with its number."""
        for code in RefusalCode:
            self.assertRegex(self.page, rf"\b{code.value}\s+{code.name}\b")

    def test_namesEveryPacket(self) -> None:
        """Every kind of packet stands in the table, with its number."""
        for kind in PacketKind:
            self.assertRegex(self.page, rf"(?m)^{kind.value} +{kind.name} ")


class PageTests(SynchronousTestCase):
    """Done when: docs has the architecture page, a quickstart, the wire protocol page."""

    def test_everyPageIsWellFormed(self) -> None:
        """Every page parses as reStructuredText without a warning, and the index names it."""
        index = (DOCS / "index.rst").read_text()
        pages = sorted(DOCS.glob("*.rst"))
        self.assertLessEqual(
            {"architecture", "quickstart", "wire_protocol"}, {page.stem for page in pages}
        )
        for page in pages:
            source = re.sub(r":doc:`(\w+)`", r"``\1``", page.read_text())
            source = source.replace(".. code-block:: python", "::")
            source = re.sub(r"\.\. toctree::\n(   .*\n|\n)+", "", source)
            try:
                publish_doctree(source, str(page), settings_overrides={"halt_level": 2})
            except SystemMessage as error:
                self.fail(f"{page.name}: {error}")
            if page.stem != "index":
                self.assertIn(f"   {page.stem}\n", index)

    def test_theArchitecturePageNamesEveryRoom(self) -> None:
        """Every package of gamenet has its paragraph on the architecture page."""
        page = (DOCS / "architecture.rst").read_text()
        package = DOCS.parent / "gamenet"
        for room in sorted(package.iterdir()):
            if (room / "__init__.py").exists():
                self.assertRegex(page, rf"(?m)^``{room.name}``$")
