"""
What a listener makes of a captured match: nothing, neither by reading nor by sending it
again, changed or not.
"""

from __future__ import annotations

from gamenet.interfaces import Address
from gamenet.mesh.path import PathKind
from gamenet.sealing.sealed_link import SealedLink
from gamenet.wire.peer_packets import Inputs, LogBody
from tests.mesh_world import MeshPlayer, MeshWorld
from tests.test_mesh_mesh import MeshTestCase

STRANGER: Address = ("192.0.2.66", 666)
PRESSED = b"left left up and fire"
CHAT = b"the treasure is under the old oak"

#: How many datagrams of the match every bit is flipped of.
CAPTURED = 500


class CapturedTests(MeshTestCase):
    """Bad input: every change of every datagram of a captured match."""

    def setUp(self) -> None:
        self.sealed: list[bytes] = []
        seal = SealedLink.seal

        def record(link: SealedLink, packet: bytes) -> bytes:
            datagram = seal(link, packet)
            self.sealed.append(datagram)
            return datagram

        self.patch(SealedLink, "seal", record)
        self.start(MeshWorld(61, 3))
        world = self.world
        while len(self.sealed) < 4 * CAPTURED:
            for player in world.players.values():
                for other in player.mesh.links:
                    player.mesh.send(other, Inputs(PRESSED))
                    player.mesh.send(other, LogBody(CHAT))
                    if len(self.sealed) % 10 == 0:
                        player.mesh.sendMessage(other, 0, CHAT)
            world.network.advance(1 / 60)
        world.network.advance(0.5)
        self.victim = world.players[1]
        links = self.victim.mesh.links
        ids = [link.incoming_id for link in links.values()]
        self.to_victim = [datagram for datagram in self.sealed if datagram[1:9] in ids]

    def state(self, player: MeshPlayer) -> object:
        """Return all that a datagram could have changed in a player's process."""
        links = player.mesh.links
        return (
            len(player.received),
            len(player.others),
            player.messages[:],
            player.returned[:],
            [
                (
                    link.incoming_id,
                    link.epoch,
                    link.statistics.packets_received,
                    link.statistics.malformed,
                    link.statistics.packets_direct,
                    link.statistics.checks_sent,
                    link.paths.last_heard,
                    link.paths.chosen,
                    link.paths.through(PathKind.DIRECT),
                    link.paths.through(PathKind.RELAY),
                    link._sealed.highest,
                )
                for link in links.values()
            ],
        )

    def refused(self) -> int:
        """Return how many datagrams the victim has counted as refused."""
        links = self.victim.mesh.links.values()
        sockets = self.victim.sockets
        return (
            sum(link.statistics.rejected for link in links)
            + sockets.strangers
            + sockets.stray_handshakes
            + sockets.demultiplexer.unclaimed
        )

    def give(self, data: bytes) -> None:
        """Give the victim a datagram."""
        self.victim.sockets.demultiplexer._datagramReceived(data, STRANGER)

    def test_bitFlips(self) -> None:
        """Of 500 datagrams every single bit wrong: each is counted, and nothing changes."""
        before, refused = self.state(self.victim), self.refused()
        given = 0
        taken = self.to_victim[:CAPTURED]
        self.assertEqual(len(taken), CAPTURED)
        for datagram in taken:
            whole = int.from_bytes(datagram, "big")
            size = len(datagram)
            for bit in range(size * 8):
                flipped = (whole ^ 1 << bit).to_bytes(size, "big")
                self.give(flipped)
            given += size * 8
        self.assertEqual(self.state(self.victim), before)
        self.assertEqual(self.refused(), refused + given)

    def test_truncations(self) -> None:
        """Every beginning of every one of them."""
        before = self.state(self.victim)
        for datagram in self.to_victim[:CAPTURED]:
            for length in range(len(datagram)):
                self.give(datagram[:length])
        self.assertEqual(self.state(self.victim), before)

    def test_movedAndReplayed(self) -> None:
        """Each to where it was sent, again; to another link; back to its sender."""
        for datagram in self.sealed:
            # Those that a router kept from arriving are taken now, once.
            self.give(datagram)
        before = self.state(self.victim)
        ids = [link.incoming_id for link in self.victim.mesh.links.values()]
        refused = self.refused()
        for datagram in self.sealed:
            self.give(datagram)
            for link_id in ids:
                self.give(datagram[:1] + link_id + datagram[9:])
        self.assertEqual(self.state(self.victim), before)
        self.assertEqual(self.refused(), refused + 3 * len(self.sealed))

    def test_nothingToRead(self) -> None:
        """No run of 8 bytes of input or chat appears on the wire."""
        wire = b"|".join(self.sealed)
        for secret in (PRESSED, CHAT):
            for place in range(len(secret) - 7):
                self.assertNotIn(secret[place : place + 8], wire)

    def test_countersAcrossReturns(self) -> None:
        """No (key, counter) pair repeats across crash and rejoin: ids are of keys."""
        world = self.world
        secret = world.players[3].mesh.resumeSecret()
        for _ in range(3):
            world.players[3].crash()
            world.play(1.0)
            player = world.comeBack(3, secret)
            world.play(1.5)
            self.assertEqual(list(player.mesh.links), [1, 2])
        headers = [datagram[1:17] for datagram in self.sealed]
        self.assertEqual(len(dict.fromkeys(headers)), len(headers))
        self.assertEqual(len(dict.fromkeys(header[:8] for header in headers)), 6 + 3 * 4)
