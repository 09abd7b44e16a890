"""
coturn's programs for RFC 5780 as the judges: C{turnutils_stunclient} and
C{turnutils_natdiscovery}.

Both hang on a silent server, and both exit with 0 whatever they found out: the lines
decide.
"""

from __future__ import annotations

import re

from twisted.trial.unittest import TestCase

from tests.judges.captures import Capture, capture
from tests.judges.programs import Said, freePorts, program, run
from tests.judges.relays import Judged, judged, startRelay

_LIMIT = 15


class DiscoveryTests(TestCase):
    """Done when: C{turnutils_stunclient} and C{turnutils_natdiscovery -m -f} say what is so."""

    timeout = 120

    async def start(self) -> tuple[Judged, Capture]:
        """Start a relay with a second address, and capture what goes to both."""
        relay = await startRelay(judged(), self.addCleanup, discovery=True)
        ports = relay.port, relay.places.alternate_port
        return relay, await capture(relay.places.folder, self.addCleanup, *ports)

    async def ask(self, name: str, relay: Judged, *options: str) -> Said:
        """
        Run one of them.

        C{stunclient} wants the port after the one that the system chose for it; on a busy
        machine that one may be taken.
        """
        port = ("-p", str(relay.port), *options, relay.host)
        for _ in range(3):
            said = await run(_LIMIT, program(name), *port)
            if "errno=98" not in said.text:
                break
        return said

    def lines(self, said: Said, name: str) -> list[str]:
        """Return the addresses that a program told under a name, in order."""
        return re.findall(rf"{name}: +:? ?(\S+)", said.text)

    async def test_stunclient(self) -> None:
        """
        Who asks is told its address and our other address; an answer from there, and one
        to another port (RESPONSE-PORT), arrive.
        """
        relay, capturing = await self.start()
        there = f"{relay.other_host}:{relay.places.alternate_port}"
        said = await self.ask("turnutils_stunclient", relay, "-f")
        self.assertEqual(said.code, 0, said.text)
        answered = [int(number) for number in re.findall(r"5780 response (\d)", said.text)]
        self.assertEqual(answered, [1, 2, 3], said.text)
        mapped = [each.split(":") for each in self.lines(said, "UDP reflexive addr")]
        self.assertEqual({host for host, _ in mapped}, {"127.0.0.1"}, said.text)
        ports = [int(port) for _, port in mapped]
        self.assertEqual(ports, [ports[0], ports[0], ports[0] + 1], said.text)
        self.assertEqual(self.lines(said, "Other addr")[0], there, said.text)
        verdict = await capturing.end()
        self.assertEqual(verdict.troubles, [])
        self.assertGreaterEqual(verdict.answered_from[there], 1, verdict)

    async def test_natdiscovery(self) -> None:
        """
        C{-m -f}: mapping and filtering, with answers from our other address and our other
        port; here is no NAT, which the program calls endpoint independent.
        """
        relay, capturing = await self.start()
        said = await self.ask("turnutils_natdiscovery", relay, "-m", "-f", "-L", "127.0.0.1")
        self.assertEqual(said.code, 0, said.text)
        answered = [int(number) for number in re.findall(r"5780 response (\d)", said.text)]
        self.assertEqual(answered, [1, 2, 3, 4], said.text)
        for line in (
            "No NAT! (Endpoint Independent Mapping)",
            "NAT with Endpoint Independent Mapping!",
            "NAT with Endpoint Independent Filtering!",
        ):
            self.assertIn(line, said.text)
        there = f"{relay.other_host}:{relay.places.alternate_port}"
        self.assertEqual(self.lines(said, "Other addr")[0], there, said.text)
        verdict = await capturing.end()
        self.assertEqual(verdict.troubles, [])
        # Mapping asks the primary and the other address; filtering wants an answer from the
        # other address and the other port.
        sources = {f"{relay.host}:{relay.port}", f"{relay.other_host}:{relay.port}", there}
        self.assertLessEqual(sources, set(verdict.answered_from), verdict)

    async def test_responsePort(self) -> None:
        """C{-t}: the life of a mapping, by an answer that is asked for at another port."""
        relay, capturing = await self.start()
        said = await self.ask("turnutils_natdiscovery", relay, "-t", "-T", "1", "-L", "127.0.0.1")
        self.assertEqual(said.code, 0, said.text)
        self.assertIn("5780 response 2", said.text)
        self.assertEqual((await capturing.end()).troubles, [])

    async def test_nobody(self) -> None:
        """Where nobody listens the programs hang, and their time is up: these can fail."""
        relay, _ = await self.start()
        nobody = str(freePorts(1)[0])
        said = await run(3, program("turnutils_stunclient"), "-p", nobody, relay.host)
        self.assertNotIn("reflexive addr", said.text)
        self.assertNotEqual(said.code, 0)
