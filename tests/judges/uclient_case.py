"""
C{turnutils_uclient}, coturn's own client: run against a relay, and its counts read.

It exits with 0 though everything was lost, so its counts decide; some of its modes
never end, so each has its time.
"""

from __future__ import annotations

import re

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.judges.programs import Running, Said, freePorts, program, run
from tests.judges.relays import OURS, SECRET, Judged, judged, startRelay

__all__ = ["COUNTS", "UclientCase"]

_LIMIT = 45

#: What it says last of all messages that were sent and that came back.
COUNTS = re.compile(r"start_mclient: tot_send_msgs=(\d+), tot_recv_msgs=(\d+)")


class UclientCase(TestCase):
    """
    Asks a relay.

    @cvar kind: Which relay is judged.
    @ivar relay: The relay.
    @ivar peer: The port of an echo peer, at 127.0.0.1 and at ::1.
    """

    timeout = 200
    kind = judged()

    async def start(self, loopback: bool = True) -> Judged:
        """Start the relay and, beside it, the echo peer."""
        self.client = program("turnutils_uclient")
        self.relay = await startRelay(self.kind, self.addCleanup, loopback=loopback)
        self.peer = str(freePorts(2)[0])
        for host in ("127.0.0.1", "::1"):
            echo = Running(program("turnutils_peer"), "-p", self.peer, "-L", host)
            self.addCleanup(echo.stop, "KILL")
        return self.relay

    async def ask(
        self,
        *options: str,
        limit: float = _LIMIT,
        secret: str = SECRET,
        port: int = 0,
        user: str = "alice",
    ) -> Said:
        """Run the client once."""
        port = port or self.relay.port
        return await run(
            limit,
            *(self.client, "-u", user, "-W", secret, "-L", "127.0.0.1", "-p", str(port)),
            *(*options, "127.0.0.1"),
        )

    async def askAll(self, *runs: tuple[str, ...]) -> list[Said]:
        """Run the client several times at once; C{-S} goes to the port of TLS."""
        return await gatherResults(
            [
                Deferred.fromCoroutine(
                    self.ask(
                        *options, port=self.relay.tls_port if "-S" in options else self.relay.port
                    )
                )
                for options in runs
            ],
            consumeErrors=True,
        )

    def toPeer(self, *options: str) -> tuple[str, ...]:
        """Return options that go to the echo peer."""
        return ("-e", "127.0.0.1", "-r", self.peer, *options)

    def counts(self, said: Said) -> tuple[int, int]:
        """Return how many messages it sent and got back, as it said last."""
        found = COUNTS.findall(said.text)
        self.assertTrue(found, said)
        sent, received = found[-1]
        return int(sent), int(received)

    def assertNothingLost(self, said: Said, least: int = 5) -> int:
        """Assert that every message arrived; return how many there were."""
        self.assertEqual(said.code, 0, said.text)
        sent, received = self.counts(said)
        self.assertEqual(sent, received, said.text)
        self.assertGreaterEqual(sent, least, said.text)
        self.assertIn("Total lost packets 0 (", said.text)
        return sent

    async def relayed(self) -> tuple[int, int]:
        """Return how many packets came from and went to clients, as the relay counted them."""
        if self.relay.kind != OURS:
            return 1 << 30, 1 << 30
        counters = await self.relay.counters()
        return counters["packets_from_clients"], counters["packets_to_clients"]

    async def judge(self, *runs: tuple[str, ...]) -> None:
        """Run the client in these ways; nothing may be lost in any, and our counters saw it."""
        total = 0
        for options, said in zip(runs, await self.askAll(*runs), strict=True):
            with_options = f"uclient {' '.join(options)}: "
            try:
                total += self.assertNothingLost(said)
            except self.failureException as failure:
                raise self.failureException(with_options + str(failure)) from None
        from_clients, to_clients = await self.relayed()
        self.assertGreaterEqual(from_clients, total)
        self.assertGreaterEqual(to_clients, total)
