"""
coturn's own client as a judge of our relay: C{turnutils_uclient} against a
C{twistd gamenet-relay} on loopback.

These are the ways that games use; L{tests.judges.judge_uclient} has all of them.
Without the program the tests are skipped; with C{GAMENET_REQUIRE_FOREIGN=1} they fail.
"""

from __future__ import annotations

from tests.judges.relays import OURS
from tests.judges.uclient_case import COUNTS, UclientCase


class UclientTests(UclientCase):
    """Done when: the relay passes C{turnutils_uclient -y -c} and C{-e -s} with 0 lost."""

    kind = OURS

    async def test_clientsAndPeer(self) -> None:
        """
        C{-y -c}: allocations that reach each other over channels; C{-y -s}: in
        indications, with EVEN-PORT and RESERVATION-TOKEN; C{-e PEER -s}, C{-e PEER -c}: to
        a peer that knows no TURN, both ways.
        """
        await self.start()
        await self.judge(("-y", "-c"), ("-y", "-s"), self.toPeer("-s"), self.toPeer("-c"))

    async def test_wrongSecret(self) -> None:
        """A wrong password gets no allocation, and the program says so."""
        await self.start()
        said = await self.ask("-y", "-c", secret="wrong-but-long-enough")
        self.assertNotEqual(said.code, 0, said.text)
        self.assertEqual(COUNTS.findall(said.text), [])
        counters = await self.relay.counters()
        self.assertEqual(counters["allocations_total"], 0)
        self.assertGreater(counters["refused"]["401"], 0)

    async def test_loopbackIsDenied(self) -> None:
        """By default a peer on loopback is refused: 403, and nothing is relayed."""
        await self.start(loopback=False)
        said = await self.ask("-e", "127.0.0.2", "-r", "9", "-s")
        self.assertNotEqual(said.code, 0, said.text)
        self.assertIn("403", said.text)
        counters = await self.relay.counters()
        self.assertGreater(counters["refused"]["403"], 0)
        self.assertEqual(counters["packets_from_clients"], 0)
