"""
coturn's own client as a judge of our relay: C{turnutils_uclient}, against a
relay of this process on loopback.

It exits with 0 though everything was lost, so its counts decide.  Without the
program the tests are skipped; with C{GAMENET_REQUIRE_FOREIGN=1} they fail.
"""

from __future__ import annotations

import os
import re
import shutil
import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest, TestCase

from gamenet.machine.reactor_machine import ReactorMachine
from gamenet.relay.protocol import RelayServer
from gamenet.relay.settings import RelaySettings

_CLIENT = "turnutils_uclient"
_PEER = "turnutils_peer"
_SECRET = "topsecret"
_LIMIT = "30"


class _Discard:
    """A process protocol that listens to nothing and says when the process is gone."""

    def __init__(self) -> None:
        self.gone: Deferred[None] = Deferred()

    def makeConnection(self, transport: object) -> None:
        """The process runs."""

    def childDataReceived(self, descriptor: int, data: bytes) -> None:
        """What it says is of no interest."""

    def childConnectionLost(self, descriptor: int) -> None:
        """It closed a pipe."""

    def processExited(self, reason: object) -> None:
        """It ended."""

    def processEnded(self, reason: object) -> None:
        """It is gone."""
        self.gone.callback(None)


def _program(name: str) -> str:
    """Return the path of a foreign program."""
    path = shutil.which(name)
    if path is not None:
        return path
    if os.environ.get("GAMENET_REQUIRE_FOREIGN") == "1":
        raise AssertionError(f"{name} is required here (Debian package coturn)")
    raise SkipTest(f"{name} is not installed (Debian package coturn)")


def _freePort() -> int:
    """
    Return a port that is free now, with the next one, below the ephemeral
    range: the peer of coturn cannot be given port 0, and binds the next one too.
    """
    for port in range(20_000, 32_000, 2):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
        ):
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no free port for the peer")


class UclientTests(TestCase):
    """Done when: the relay passes C{turnutils_uclient -y -c} and C{-e -s} with 0 lost."""

    def setUp(self) -> None:
        _program(_CLIENT)
        self.relay = self.startRelay(allow_peer=("127.0.0.0/8",))

    def startRelay(self, allow_peer: tuple[str, ...]) -> RelayServer:
        """Start a relay that is stopped when the test ends."""
        relay = RelayServer(
            ReactorMachine(reactor),
            RelaySettings(
                (_SECRET.encode(),), interface="127.0.0.1", port=0, allow_peer=allow_peer
            ),
        )
        relay.start()
        self.addCleanup(relay.stop)
        return relay

    async def runClient(
        self, *options: str, relay: RelayServer | None = None, secret: str = _SECRET
    ) -> tuple[str, int]:
        """Run the client; return what it said and its exit code."""
        address = (relay or self.relay).address
        out, err, code = await getProcessOutputAndValue(
            _program("timeout"),
            [
                _LIMIT, _program(_CLIENT), "-p", str(address[1]), "-u", "alice", "-W", secret,
                "-L", "127.0.0.1", *options, address[0],
            ],
            os.environ,
        )  # fmt: skip
        return (out + err).decode(errors="replace"), code

    def assertNothingLost(self, said: str, code: int) -> int:
        """Assert that every message arrived; return how many there were."""
        self.assertEqual(code, 0, said)
        counts = re.findall(r"start_mclient: tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", said)
        self.assertTrue(counts, said)
        sent, received = map(int, counts[-1])
        self.assertEqual(sent, received, said)
        self.assertGreater(sent, 0, said)
        self.assertIn("Total lost packets 0 (", said)
        return sent

    def assertRelayed(self, least: int) -> None:
        """Assert that our counters saw it too, and that nothing was malformed."""
        counters = self.relay.counters
        self.assertGreaterEqual(counters.packets_from_clients, least)
        self.assertGreaterEqual(counters.packets_to_clients, least)
        dropped = counters.asDict()["dropped"]
        assert isinstance(dropped, dict)
        self.assertEqual((dropped["malformed"], dropped["not_stun"]), (0, 0))

    async def startPeer(self) -> str:
        """Start an echo peer; return its port."""
        port = str(_freePort())
        discard = _Discard()
        process = reactor.spawnProcess(  # type: ignore[attr-defined]
            discard, _program(_PEER), [_PEER, "-p", port, "-L", "127.0.0.1"], os.environ
        )

        def stop() -> Deferred[None]:
            process.signalProcess("KILL")
            return discard.gone

        self.addCleanup(stop)
        await self.listening(int(port))
        return port

    def listening(self, port: int) -> Deferred[None]:
        """Return a Deferred that fires once an echo peer answers at a port."""
        answered: Deferred[None] = Deferred()
        probe = ReactorMachine(reactor).openDatagramSocket(
            lambda data, source: answered.called or answered.callback(None), "127.0.0.1"
        )

        def ask() -> None:
            if answered.called:
                probe.close()
                return
            probe.send(b"are you there", ("127.0.0.1", port))
            reactor.callLater(0.05, ask)  # type: ignore[attr-defined]

        ask()
        return answered.addTimeout(10, reactor).addBoth(self._closed, probe)

    @staticmethod
    def _closed(result: object, probe: object) -> object:
        probe.close()  # type: ignore[attr-defined]
        return result

    async def judge(self, *runs: tuple[str, ...]) -> None:
        """Run the client several times at once; nothing may be lost in any, and we saw it all."""
        said = await gatherResults(
            [Deferred.fromCoroutine(self.runClient(*options)) for options in runs],
            consumeErrors=True,
        )
        self.assertRelayed(sum(self.assertNothingLost(*each) for each in said))

    async def test_clientToClient(self) -> None:
        """
        C{-y -c}: allocations that reach each other over channels; C{-y -s}: in
        indications, with EVEN-PORT and RESERVATION-TOKEN.
        """
        await self.judge(("-y", "-c"), ("-y", "-s"))

    async def test_peer(self) -> None:
        """C{-e PEER -s}, C{-e PEER -c}: to a peer that knows no TURN, both ways."""
        port = await self.startPeer()
        peer = ("-e", "127.0.0.1", "-r", port)
        await self.judge((*peer, "-s"), (*peer, "-c"))

    async def test_wrongSecret(self) -> None:
        """A wrong password gets no allocation, and the program says so."""
        said, code = await self.runClient("-y", "-c", secret="wrong")
        self.assertNotEqual(code, 0, said)
        self.assertNotIn("tot_recv_msgs=10", said)
        self.assertEqual(self.relay.counters.allocations_total, 0)
        self.assertGreater(self.relay.counters.refused[401], 0)

    async def test_loopbackIsDenied(self) -> None:
        """By default a peer on loopback is refused: 403, and nothing is relayed."""
        strict = self.startRelay(allow_peer=())
        said, code = await self.runClient("-e", "127.0.0.2", "-r", "9", "-s", relay=strict)
        self.assertNotEqual(code, 0, said)
        self.assertIn("403", said)
        self.assertGreater(strict.counters.refused[403], 0)
        self.assertEqual(strict.counters.packets_from_clients, 0)
