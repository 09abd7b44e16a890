"""The client of C{docs/relay.rst}, played as it is printed."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent
from typing import Any
from unittest.mock import patch

from gamenet.interfaces import Address
from gamenet.wire.turn import ALLOCATE, CHANNEL_BIND
from tests.kept_allocation_case import HOSTS, PEER, KeptAllocationCase
from tests.relay_client_values import PASSWORD, RELAY, USER

_PAGE = Path(__file__).parents[1] / "docs" / "relay.rst"


def _printed() -> dict[str, Any]:
    """Return the names that the code block of the section defines."""
    section = _PAGE.read_text().split("\nA client of your own\n", 1)[1]
    after = section.split(".. code-block:: python\n", 1)[1]
    lines = []
    for line in after.splitlines():
        if line and not line.startswith("    "):
            break
        lines.append(line)
    namespace: dict[str, Any] = {}
    exec(compile(ast.parse(dedent("\n".join(lines))), str(_PAGE), "exec"), namespace)
    return namespace


class PrintedClientTests(KeptAllocationCase):
    """What somebody does first who wants a relay for a program of their own."""

    def test_keeps(self) -> None:
        """It allocates and binds, tells each address, and does so again at another address."""
        received: list[tuple[bytes, Address]] = []
        with patch("builtins.print") as printed:
            self.kept = _printed()["keep"](
                self.machine, RELAY, USER, PASSWORD, PEER, lambda *packet: received.append(packet)
            )
            self.network.advance(1.0)
            assert self.kept.socket is not None
            first = self.kept.socket.address
            self.assertTrue(self.kept.send(b"hello", PEER))
            self.readdress(HOSTS[1])
            self.network.advance(1.0)
            assert self.kept.socket is not None
        told = [call.args[1] for call in printed.call_args_list]
        self.assertEqual(told, [first, None, self.kept.socket.address])
        self.assertEqual(self.relay.requests, [ALLOCATE, CHANNEL_BIND] * 2)
        address = self.kept.socket.mapped_address
        self.listener.send(b"\x40\0\0\5hello", address)
        self.network.settle()
        self.assertEqual(received, [(b"hello", PEER)])
