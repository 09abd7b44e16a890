"""The operator's page of the documentation, typed as it is printed; real sockets."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from gamenet.wire.stun import decode, encodeBindingRequest, readBindingAddress
from tests.plain_turn_client import PlainTurnClient
from tests.test_quickstart_sockets import Terminal, printedCommands
from tests.twistd_process import ROOT

PAGE = ROOT / "docs" / "relay.rst"
LOOPBACK = "127.0.0.1"

#: The ports that stand on the page.
PORTS = ("3478", "5349", "9641", "7770")


def freePorts(count: int) -> list[int]:
    """Return ports that nobody uses now, below those that the system chooses."""
    found: list[int] = []
    for port in range(21_000, 32_000):
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            try:
                stream.bind(("", port))
                datagrams.bind(("", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


class RelayPageTests(TestCase):
    """What an operator types."""

    timeout = 90

    async def test_asItIsPrinted(self) -> None:
        """Done when: two commands take an operator to TLS, credentials and metrics."""
        page = PAGE.read_text().replace("203.0.113.2", LOOPBACK)
        ports = freePorts(len(PORTS))
        for printed, free in zip(PORTS, ports, strict=True):
            page = page.replace(printed, str(free))
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        prepare, relay, look, credential, lobby = printedCommands(page)

        self.assertEqual(await Terminal(prepare, folder).ended, 0)
        for command in (relay, lobby):
            service = Terminal(command, folder)
            self.addCleanup(service.stop)
            await service.shows("is ready")
        seen = Terminal(look, folder)
        self.assertEqual(await seen.ended, 0)
        self.assertIn("gamenet_relay_up 1.0", seen.output)

        made = Terminal(credential, folder)
        self.assertEqual(await made.ended, 0, made.output)
        client = PlainTurnClient((LOOPBACK, ports[0]), *made.output.split())
        self.addCleanup(client.close)
        self.assertEqual(await deferToThread(client.allocate), 0)
        seen_from = await deferToThread(bindingOverTls, (LOOPBACK, ports[1]))
        self.assertEqual(seen_from[0], LOOPBACK)


def bindingOverTls(relay: tuple[str, int]) -> tuple[str, int]:
    """Return our own address as a relay sees it over TLS."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(relay, timeout=10) as plain,
        context.wrap_socket(plain) as stream,
    ):
        stream.sendall(encodeBindingRequest(bytes(12)))
        return readBindingAddress(decode(stream.recv(2048)))
