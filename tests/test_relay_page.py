"""Tests of C{docs/relay.rst} against what it describes."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from gamenet.operation.metrics import METRICS
from gamenet.operation.relay_options import Options
from gamenet.relay.peer_policy import DENIED_NETWORKS

PAGE = Path(__file__).parents[1] / "docs" / "relay.rst"


class RelayPageTests(SynchronousTestCase):
    """An operator finds everything on the page, and nothing that is not there."""

    def setUp(self) -> None:
        self.page = PAGE.read_text()
        described = self.page.split("\nEvery option\n", 1)[1].split("\nSignals\n", 1)[0]
        self.entries: dict[str, str] = {}
        for entry in re.split(r"\n(?=``--)", described)[1:]:
            head, _, body = entry.partition("\n")
            for name in re.findall(r"``--([a-z-]+)", head):
                self.assertNotIn(name, self.entries, "described twice")
                self.entries[name] = " ".join(body.split())

    def help(self) -> dict[str, str]:
        """Return what C{--help} says of each option."""
        options, _, _ = str(Options()).partition("\n\nThe relay:")
        found = re.split(r"\n\s+(?:-\w, )?--([a-z-]+)=?\s+", "\n" + options)
        return {
            name: " ".join(text.split())
            for name, text in zip(found[1::2], found[2::2], strict=True)
        }

    def test_everyOption(self) -> None:
        """Done when: every option is documented, and no other."""
        self.assertEqual(sorted(self.entries), sorted(self.help()))

    def test_defaults(self) -> None:
        """What holds without an option stands beside it."""
        checked = 0
        for name, text in self.help().items():
            default = re.search(r"\((\d+)\)", text)
            if default is not None:
                self.assertIn(f"({default[1]})", self.entries[name], name)
                checked += 1
        self.assertGreater(checked, 20)

    def test_deniedNetworks(self) -> None:
        """Every network that is refused by default is named."""
        for network in DENIED_NETWORKS:
            shown = network.removesuffix("/32")
            self.assertTrue(f"``{network}``" in self.page or f"``{shown}``" in self.page, network)

    def test_metrics(self) -> None:
        """Every metric that the page names is one."""
        names = {f"{each.name}_total" if each.only_grows else each.name for each in METRICS}
        named = self.page.split("\nMetrics\n-------\n", 1)[1]
        for name in re.findall(r"``([a-z_]+)``[,\n]", named):
            self.assertIn(name, names | {"up", "gamenet_relay_"})
