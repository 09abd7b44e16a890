"""The quickstart of the documentation, played as it is printed."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.datagrams import LobbyDatagrams
from gamenet.lobby.protocol import LobbyFactory
from gamenet.lobby.relay_offer import RelayOffer
from gamenet.lobby.settings import LobbySettings
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.match import MatchResult, Outcome
from gamenet.relay.protocol import RelayServer
from gamenet.relay.settings import RelaySettings
from gamenet.world.network import WorldNetwork

LOOPBACK = "127.0.0.1"
LOBBY = "tcp:127.0.0.1:7770"
QUICKSTART = Path(__file__).parents[1] / "docs" / "quickstart.rst"


def printedGame() -> dict[str, Any]:
    """Return the names that the quickstart's code block defines."""
    after = QUICKSTART.read_text().split(".. code-block:: python\n", 1)[1]
    lines = []
    for line in after.splitlines():
        if line and not line.startswith("    "):
            break
        lines.append(line)
    source = dedent("\n".join(lines))
    namespace: dict[str, Any] = {"__name__": "tag"}
    exec(compile(ast.parse(source), str(QUICKSTART), "exec"), namespace)
    return namespace


class QuickstartTests(SynchronousTestCase):
    """What a newcomer does first."""

    def test_bothRolesPlayToTheSameEnd(self) -> None:
        """Done when: the quickstart runs as a test."""
        network = WorldNetwork(1)
        desk = network.machine("desk", "192.168.1.2")
        secret = b"change me, please"
        relay = RelayServer(
            desk,
            RelaySettings(
                secrets=(secret,), udp=((LOOPBACK, 3478),), allow_peer=("127.0.0.0/8",)
            ),
        )
        relay.start()
        factory = LobbyFactory(desk, LobbySettings(relay=RelayOffer((LOOPBACK, 3478), secret)))
        LobbyDatagrams(factory, Demultiplexer(desk, LOOPBACK, 7770))
        desk.streamServerEndpoint("tcp:7770:interface=127.0.0.1").listen(factory)
        game = printedGame()
        host: Deferred[MatchResult] = Deferred.fromCoroutine(game["host"](desk, LOBBY))
        network.advance(1.0)
        guest: Deferred[MatchResult] = Deferred.fromCoroutine(game["join"](desk, LOBBY))
        results = [network.runUntil(playing, 30.0) for playing in (host, guest)]
        self.assertEqual([each.outcome for each in results], [Outcome.FINISHED] * 2)
        self.assertEqual([each.last_frame for each in results], [game["FRAMES"] - 1] * 2)
        self.assertEqual(results[0].checksum, results[1].checksum)
        self.assertEqual(results[0].statistics.path, "direct")
