"""Tests of C{docs/relay.rst} against what it describes."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from gamenet.operation.metrics import METRICS
from gamenet.operation.relay_options import Options
from gamenet.relay.address_ranges import networks
from gamenet.relay.peer_policy import DENIED_NETWORKS, PeerPolicy, PeerVerdict
from tests.benchmarks.relay_rows import ROWS

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

    def test_ownNetwork(self) -> None:
        """A5: what a rule for this machine's own network opens is said, and is so."""
        refused = " ".join(self.page.split("\nWhat is refused", 1)[1].split())
        for said in (
            "unless a rule of** ``--allow-peer`` **holds an address of this machine",
            "every UDP port there is open",
            "``--allow-peer 0.0.0.0/0`` opens loopback, the cloud's metadata",
        ):
            self.assertIn(said, refused)
        self.assertNotIn("This machine** is no peer, whatever is opened", refused)
        listener = (("127.0.0.1", 3478),)
        policy = PeerPolicy(("127.0.0.1",), listener, allowed=networks(("127.0.0.0/8",)))
        self.assertTrue(policy.allowsPort(("127.0.0.1", 53), False))
        self.assertFalse(policy.allowsPort(("127.0.0.1", 3478), False))
        everything = PeerPolicy((), (), allowed=networks(("0.0.0.0/0",)))
        for host in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "224.0.0.1"):
            self.assertIsNot(everything.judgeHost(host), PeerVerdict.DENIED, host)

    def test_hosts(self) -> None:
        """A9: every relay on the pages is given the address that it answers from."""
        found = []
        for page in (PAGE, PAGE.parents[1] / "README.rst"):
            joined = page.read_text().replace("\\\n", " ")
            for command in re.findall(r"twistd -n --pidfile= gamenet-relay.*", joined):
                found += re.findall(r"--udp (\S+)", command)
        self.assertEqual(found, ["203.0.113.2:3478"] * 3)
        self.assertIn("leaves from the address that routes choose", self.entries["udp"])

    def test_whatItDoesNot(self) -> None:
        """A19, A22, A7, A12: what clients and operators could expect in vain is said."""
        page = " ".join(self.page.split())
        self.assertIn("ICMP errors of peers are not told to clients", page)
        self.assertIn("beside ``--secret-file`` or ``--secret-env`` no client hides its name", page)
        self.assertIn("Certificates go apart", page)
        self.assertIn("(0x7FFF)", self.entries["last-channel"])

    def test_metrics(self) -> None:
        """Every metric that the page names is one."""
        names = {f"{each.name}_total" if each.only_grows else each.name for each in METRICS}
        named = self.page.split("\nMetrics\n-------\n", 1)[1]
        for name in re.findall(r"``([a-z_]+)``[,\n]", named):
            self.assertIn(name, names | {"up", "gamenet_relay_"})

    def test_benchmark(self) -> None:
        """Done when: the benchmark's table, with date, machine, coturn's version and 4.17."""
        _, _, section = self.page.partition("\nWhat it costs\n")
        section, _, _ = section.partition("\nWhat it does not do\n")
        for row in ROWS:
            self.assertIn(f"``{row.name()}``", section)
        self.assertRegex(section, r"\d{4}-\d\d-\d\d with coturn \d+\.\d+")
        self.assertIn("coturn 4.17 was not measured", section)
        self.assertIn("AMD EPYC", section)
