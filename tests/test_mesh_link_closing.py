"""
The end of a link at any moment, and what it counted until then.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.mesh.link import PeerLink
from gamenet.mesh.path import PathKind, PathSettings
from gamenet.sealing.sealed_link import OVERHEAD
from gamenet.traversal.punch import PunchSettings
from gamenet.wire.input_frames import BODY_LIMIT
from gamenet.wire.peer_packets import Check, Goodbye, GoodbyeReason, Inputs
from tests.link_pipe import LinkPipe, LinkPlayer, LinkTestCase, PipeSocket

DIRECT, RELAY = PathKind.DIRECT, PathKind.RELAY


class CloseTests(LinkTestCase):
    """The end of a link."""

    @settings(max_examples=60, deadline=None)
    @given(
        st.booleans(),
        st.booleans(),
        st.sampled_from(["nothing", "direct", "relay", "both"]),
        st.floats(0, 20, allow_nan=False),
    )
    def test_anyMoment(self, relay: bool, direct: bool, dead: str, when: float) -> None:
        """Row H7: closed at any point nothing is left on the clock, and nothing moves any more."""
        pipe = LinkPipe()
        self.start(pipe, relay, direct)
        pipe.run(1.0)
        pipe.works[DIRECT] = dead not in ("direct", "both")
        pipe.works[RELAY] = dead not in ("relay", "both")
        pipe.run(when)
        for player in pipe.players:
            player.link.close()
            player.link.close()
        sent = len(pipe.sent)
        changes = [len(player.changes) for player in pipe.players]
        pipe.run(1.0)
        self.assertEqual(pipe.clock.getDelayedCalls(), [])
        for player in pipe.players:
            self.useAll(player)
        self.assertEqual(pipe.clock.getDelayedCalls(), [])
        self.assertEqual(len(pipe.sent), sent)
        self.assertEqual([len(player.changes) for player in pipe.players], changes)

    def useAll(self, player: LinkPlayer) -> None:
        """Try everything that a link can do on a closed one."""
        self.assertFalse(player.link.send(Inputs(b"x")))
        player.useRelay()
        player.useDirect()
        player.link.stepReceived(bytes(16), 1)
        player.link.addRelay(player.relayed, ("203.0.113.2", 51_000))
        player.link.relayLost()
        packet = player.other().sealed.seal(b"\0" + bytes(8))
        player.link.datagramReceived(DIRECT, player.game, packet, player.other().game.address)
        self.assertEqual(player.packets, [])

    def test_insidePacketReceived(self) -> None:
        """A game that ends on a packet closes the link from inside the call."""
        self.start(LinkPipe())
        self.pipe.play(1.0)
        link = self.two.link
        self.patch(link, "_packetReceived", lambda packet: link.close())
        self.one.link.send(Goodbye(GoodbyeReason.LEFT, 1))
        self.one.link.close()
        self.pipe.run(1.0)
        self.assertEqual(self.pipe.clock.getDelayedCalls(), [])

    def test_insidePathChanged(self) -> None:
        """So does one that ends when the path changes; nothing of it is sent from then on."""
        for direct in (False, True):
            self.start(LinkPipe(), relay=not direct, direct=direct)
            link = self.two.link
            closed: list[float] = []

            def close(path: object, link: PeerLink = link, at: list[float] = closed) -> None:
                link.close()
                at.append(self.pipe.clock.seconds())

            self.patch(link, "_pathChanged", close)
            self.pipe.run(10.0)
            self.one.link.close()
            self.assertEqual(len(closed), 1)
            mine = (self.two.game.address, self.two.relayed.address)
            later = [d for d in self.pipe.sent if d.source in mine and d.time > closed[0]]
            self.assertEqual(later, [])
            self.pipe.run(1.0)
            self.assertEqual(self.pipe.clock.getDelayedCalls(), [])

    def test_closedWhileTheRelayMoves(self) -> None:
        """A game that ends because its only path is replaced sends nothing over the next."""
        self.start(LinkPipe(), direct=False)
        self.pipe.play(1.0)
        link = self.two.link
        self.patch(link, "_pathChanged", lambda path: link.close())
        sent = len(self.pipe.sent)
        link.addRelay(self.two.relayed, ("203.0.113.2", 51_000))
        self.assertEqual(len(self.pipe.sent), sent)


class StatisticsTests(LinkTestCase):
    """What a link counts."""

    def test_counts(self) -> None:
        """Every datagram that left and came is counted once, by kind, with its bytes."""
        self.start(LinkPipe())
        arrived = {player.number: self.sizesArrived(player) for player in self.pipe.players}
        self.pipe.play(4.0)
        for player in self.pipe.players:
            counted = player.link.statistics
            mine = (player.game.address, player.relayed.address)
            left = [d for d in self.pipe.sent if d.source in mine]
            games = counted.packets_direct + counted.packets_relayed
            checks = [d for d in left if len(d.data) == OVERHEAD + 17]
            self.assertEqual(counted.checks_sent, len(checks))
            self.assertEqual(games, len(left) - len(checks))
            self.assertEqual(counted.bytes_sent, sum(len(d.data) for d in left))
            self.assertEqual((counted.rejected, counted.malformed), (0, 0))
            direct = [d for d in left if d.source == player.game.address and d not in checks]
            self.assertEqual(counted.packets_direct, len(direct))
            sizes = arrived[player.number]
            self.assertEqual(counted.bytes_received, sum(sizes))
            self.assertEqual(counted.packets_received, len(sizes))
        self.assertEqual(self.one.link.player, 2)
        self.assertEqual(self.one.link.incoming_id, self.two.sealed.outgoing_id)

    def sizesArrived(self, player: LinkPlayer) -> list[int]:
        """Return a list that will hold the size of each datagram that a player is given."""
        sizes: list[int] = []
        received = player.link.datagramReceived

        def note(kind: PathKind, socket: PipeSocket, data: bytes, address: Address) -> None:
            sizes.append(len(data))
            received(kind, socket, data, address)

        self.patch(player.link, "datagramReceived", note)
        return sizes

    def test_ownMistakes(self) -> None:
        """A packet that cannot be is our own error, with or without a path, and nothing leaves."""
        self.start(LinkPipe())
        for moment in (0.0, 2.0):
            self.pipe.run(moment)
            sent = len(self.pipe.sent)
            for packet in (Inputs(b""), Inputs(bytes(BODY_LIMIT + 1)), Check(b"short")):
                self.assertRaises(LocalProtocolError, self.one.link.send, packet)
            self.assertEqual(len(self.pipe.sent), sent)

    def test_settings(self) -> None:
        """The limits that are handed in are the ones that hold."""
        pipe = LinkPipe(
            path_settings=PathSettings(check_interval=0.125, path_limit=2),
            punch_settings=PunchSettings(probe_interval=0.5, attempt_timeout=1.0),
        )
        pipe.works[DIRECT] = False
        self.start(pipe)
        pipe.run(1.0)
        probes = [d for d in pipe.sent if d.source == self.one.game.address]
        self.assertEqual([d.time - 1000 for d in probes], [0.0, 0.5])
        self.assertEqual(self.one.link.paths.settings.path_limit, 2)
        checks = [d for d in pipe.sent if d.source == self.one.relayed.address]
        self.assertGreater(len(checks), 12)
