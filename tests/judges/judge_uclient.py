"""
coturn's own client as the judge: C{turnutils_uclient} in all of its modes that a relay
for UDP can be judged by, and tshark of what went to and fro.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from tests.judges.captures import Verdict, capture
from tests.judges.programs import freePorts, pause
from tests.judges.relays import OURS, Judged
from tests.judges.uclient_case import COUNTS, UclientCase


class UclientTests(UclientCase):
    """Done when: the relay passes the modes of C{turnutils_uclient}, good ones and bad ones."""

    async def start(self, loopback: bool = True) -> Judged:
        """Start the relay and the echo peer, and begin to capture."""
        relay = await super().start(loopback)
        self.capture = await capture(
            relay.places.folder, self.addCleanup, relay.port, relay.tls_port
        )
        return relay

    async def assertWellFormed(self, *wanted: str, ours: bool = False) -> Verdict:
        """
        End the capture, and assert that nothing in it is malformed.

        @param wanted: What has to be in it, such as C{"Allocate success"}.
        @param ours: Whether only what came from the relay counts: the judge sends garbage.
        """
        ports = (self.relay.port, self.relay.tls_port) if ours else ()
        verdict = await self.capture.end(ports)
        self.assertEqual(verdict.troubles, [])
        for each in wanted:
            self.assertGreater(verdict.messages[each], 0, (each, verdict))
        self.assertGreater(verdict.fingerprints, 0)
        return verdict

    async def test_udp(self) -> None:
        """
        UDP: client to client (C{-y -c}, C{-y -s}), to a peer that knows no TURN by channels
        and by indications, padded, with DONT-FRAGMENT, with requests repeated.
        """
        await self.start()
        await self.judge(
            ("-y", "-c"),
            ("-y", "-s"),
            self.toPeer("-c"),
            self.toPeer("-s"),
            self.toPeer("-D", "-s"),
            self.toPeer("-g"),
            self.toPeer("-G"),
        )
        verdict = await self.assertWellFormed(
            *("Allocate request", "Allocate success", "Allocate error"),
            *("Refresh request", "Refresh success", "Send indication", "Data indication"),
            *("CreatePermission request", "CreatePermission success"),
            *("ChannelBind request", "ChannelBind success"),
        )
        self.assertGreater(verdict.channel_data, 20)

    async def test_families(self) -> None:
        """IPv6 (C{-x}), IPv4 asked for by name (C{-X}), both at once (C{-Z -y})."""
        await self.start()
        await self.judge(
            ("-x", "-y", "-c"),
            ("-x", "-e", "::1", "-r", self.peer, "-c"),
            ("-X", "-y", "-c"),
            self.toPeer("-X", "-s"),
            ("-Z", "-y"),
        )
        await self.assertWellFormed("Allocate success")

    async def test_streams(self) -> None:
        """Over TCP (C{-t}) and TLS (C{-t -S}), by channels and by indications."""
        await self.start()
        await self.judge(
            ("-t", "-y", "-c"),
            self.toPeer("-t", "-c"),
            self.toPeer("-t", "-s"),
            self.toPeer("-t", "-S", "-c"),
            self.toPeer("-t", "-S", "-s"),
        )
        verdict = await self.assertWellFormed("Allocate success", "Data indication")
        self.assertGreater(verdict.channel_data, 5)

    async def test_disconnects(self) -> None:
        """Clients that go away in the middle (C{-B}): whoever stays loses nothing."""
        await self.start()
        away, stays = await self.askAll(self.toPeer("-B", "-n", "20", "-m", "2"), ("-y", "-c"))
        self.assertIn("Total lost packets", away.text)
        self.assertNothingLost(stays)
        await self.assertWellFormed("Allocate success")

    async def test_refused(self) -> None:
        """
        What has to fail does: without permissions (C{-I}), nobody at the peer's port, a wrong
        password; nothing comes back.
        """
        await self.start()
        nobody = str(freePorts(2)[0])
        without, alone, wrong = await gatherResults(
            [
                Deferred.fromCoroutine(self.ask(*self.toPeer("-I", "-s"))),
                Deferred.fromCoroutine(self.ask("-e", "127.0.0.1", "-r", nobody, "-c")),
                Deferred.fromCoroutine(self.ask("-y", "-c", secret="wrong-but-long-enough")),
            ],
            consumeErrors=True,
        )
        for said in (without, alone):
            sent, received = self.counts(said)
            self.assertEqual(received, 0, said.text)
            self.assertGreater(sent, 0, said.text)
        self.assertNotEqual(wrong.code, 0, wrong.text)
        self.assertIn("Cannot complete Allocation", wrong.text)
        self.assertEqual(COUNTS.findall(wrong.text), [])
        await self.assertWellFormed("Allocate error")

    async def test_badRequests(self) -> None:
        """A second channel for the same peer (C{-N}) is refused: 400, over UDP and TCP."""
        await self.start()
        for said in await self.askAll(self.toPeer("-N", "-c"), self.toPeer("-N", "-t", "-c")):
            self.assertNotEqual(said.code, 0, said.text)
            self.assertIn("channel bind: error 400", said.text)
        await self.assertWellFormed("ChannelBind success", "ChannelBind error")

    async def test_loopbackIsDenied(self) -> None:
        """
        By default a peer on loopback is refused: 403.  The relay's own address is there
        for its relayed ports only: nothing else there gets anything.
        """
        await self.start(loopback=False)
        elsewhere, here = await gatherResults(
            [
                Deferred.fromCoroutine(self.ask("-e", "127.0.0.2", "-r", self.peer, "-s")),
                Deferred.fromCoroutine(self.ask(*self.toPeer("-s"))),
            ],
            consumeErrors=True,
        )
        self.assertNotEqual(elsewhere.code, 0, elsewhere.text)
        self.assertIn("403", elsewhere.text)
        if self.relay.kind == OURS:
            sent, received = self.counts(here)
            self.assertEqual(received, 0, here.text)
            self.assertGreater(sent, 0, here.text)
        else:
            self.assertIn("403", here.text)
        await self.assertWellFormed("CreatePermission error")

    async def test_garbage(self) -> None:
        """
        Broken messages (C{-R}) and floods of half clients (C{-O}) for 20 s each, over UDP and
        TCP: afterwards C{-y -c} passes as if nothing had been, for another user.  B2: that
        they were broken, and that they came at all, is what our relay counted of them.
        """
        await self.start()
        broken = await self.disturbed(("-R", "-y", "-c"), self.toPeer("-R", "-t", "-c"))
        halves = await self.disturbed(
            ("-O", "-y", "-c", "-m", "10"), self.toPeer("-O", "-t", "-c", "-m", "10")
        )
        if self.relay.kind == OURS:
            self.assertGreater(broken["malformed"], 0)
            for counts in (broken, halves):
                self.assertGreater(counts["challenged"], 1)
                self.assertGreater(counts["allocations"], 0)
        await self.judge(("-y", "-c"), self.toPeer("-t", "-c"))
        await self.assertWellFormed("Allocate success", "Allocate error", ours=True)

    async def disturbed(self, *runs: tuple[str, ...]) -> dict[str, int]:
        """Disturb the relay in these ways for 20 s; return what ours counted meanwhile."""
        before = await self.disturbances()
        await gatherResults(
            [Deferred.fromCoroutine(self.keepAsking(20, *options)) for options in runs],
            consumeErrors=True,
        )
        return {what: count - before[what] for what, count in (await self.disturbances()).items()}

    async def disturbances(self) -> dict[str, int]:
        """Return what our relay counted of who disturbs it, nothing of another one."""
        if self.relay.kind != OURS:
            return {}
        counters = await self.relay.counters()
        return {
            "malformed": counters["dropped"].get("malformed", 0),
            "challenged": counters["refused"].get("401", 0),
            "allocations": counters["allocations_total"],
        }

    async def keepAsking(self, seconds: float, *options: str) -> None:
        """Run the client again and again, whatever becomes of it; but it knows its options."""
        left = seconds
        while left > 0.5:
            said = await self.ask(*options, limit=left, user="mallory")
            self.assertNotIn("Usage", said.text)
            left -= max(said.seconds, 0.2)
            if said.seconds < 0.2:
                await pause(0.2 - said.seconds)
