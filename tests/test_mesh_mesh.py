"""
The links between all players of a match, in a world with routers and a relay.
"""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.channel.transfer_ends import TransferArrived, TransferSent
from gamenet.errors import BadSetting, LocalProtocolError, RemoteProtocolError
from gamenet.mesh.link_settings import LinkSettings
from gamenet.mesh.mesh import Mesh
from gamenet.mesh.mesh_peer import RELAYED_LIMIT
from gamenet.mesh.path import PathKind, PathSettings
from gamenet.mesh.sockets import PlayerSockets
from gamenet.sealing.settings import SealingSettings
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import RELAYED, Candidate
from gamenet.wire.peer_packets import Inputs, LogBody
from gamenet.wire.transfer_packets import TransferPurpose
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import (
    ADDRESS_RESTRICTED,
    FULL_CONE,
    PORT_RESTRICTED,
    PORT_SENSITIVE_RANDOM,
)
from tests.mesh_world import MATCH, MeshWorld

DIRECT, RELAY = PathKind.DIRECT, PathKind.RELAY


class MeshTestCase(SynchronousTestCase):
    """A world that is closed, and leaves no timer on any player's clock."""

    def start(self, world: MeshWorld) -> MeshWorld:
        """Have everybody meet."""
        self.world = world
        self.addCleanup(self.closeClean)
        world.meet()
        world.network.runUntil(world.connected, 10.0)
        return world

    def closeClean(self) -> None:
        """Close everything: nothing may be left."""
        self.world.close()
        for player in self.world.players.values():
            self.assertEqual(player.machine.clock.getDelayedCalls(), [])


class ReachTests(MeshTestCase):
    """Every pair is connected: direct where that is possible, by the relay otherwise."""

    def test_kinds(self) -> None:
        """
        Meshes and stars: of four kinds of routers the pairs that can be are direct, and
        only those of which one has another port for everybody are not.
        """
        kinds = (PORT_RESTRICTED, PORT_SENSITIVE_RANDOM, FULL_CONE, None, PORT_SENSITIVE_RANDOM)
        for seed in range(3):
            world = self.start(MeshWorld(seed, 5, kinds))
            world.play(3.0)
            relayed = {(1, 2), (1, 5), (2, 5)}
            for player in world.players.values():
                self.assertEqual(list(player.mesh.links), sorted(player.mesh.links))
                for other, kind in player.kinds().items():
                    pair = (min(player.number, other), max(player.number, other))
                    self.assertIs(kind, RELAY if pair in relayed else DIRECT, pair)
            self.closeClean()

    def test_relayFirst(self) -> None:
        """A path between all within a second, over the relay where nothing else is there yet."""
        world = self.start(MeshWorld(7, 5, (PORT_RESTRICTED, PORT_SENSITIVE_RANDOM)))
        self.assertLess(world.network.clock.now, 1.0)

    def test_relayOnly(self) -> None:
        """Who offers no address but the relayed one sends nothing to anybody else's."""
        world = self.start(MeshWorld(3, 3, relay_only=True))
        world.play(3.0)
        for player in world.players.values():
            self.assertEqual(set(player.kinds().values()), {RELAY})
            for link in player.mesh.links.values():
                self.assertEqual(link.statistics.packets_direct, 0)

    def test_everybodyHears(self) -> None:
        """What one sends, all others receive, each packet once; nothing is rejected."""
        world = self.start(MeshWorld(4, 4, (PORT_RESTRICTED, ADDRESS_RESTRICTED)))
        world.play(5.0)
        world.network.advance(0.5)
        for player in world.players.values():
            for other, link in player.mesh.links.items():
                came = [who for _, who in player.received if who == other]
                self.assertGreater(len(came), 280)
                self.assertLessEqual(len(came), world.players[other].sent)
                self.assertEqual((link.statistics.rejected, link.statistics.malformed), (0, 0))
            self.assertEqual((player.sockets.strangers, player.sockets.stray_handshakes), (0, 0))

    def test_logBodies(self) -> None:
        """Unreliable messages of the log come as what they are."""
        world = self.start(MeshWorld(5, 2))
        self.assertTrue(world.players[1].mesh.send(2, LogBody(b"status")))
        world.network.advance(0.2)
        self.assertEqual(world.players[2].others, [(1, LogBody(b"status"))])
        self.assertFalse(world.players[1].mesh.send(9, LogBody(b"status")))


class ReliableTests(MeshTestCase):
    """Messages and transfers."""

    def test_messages(self) -> None:
        """On 5 % loss every message comes once and in order, to each of three others."""
        profile = LinkProfile(latency=0.010, loss=0.05)
        world = self.start(MeshWorld(6, 4, profile=profile))
        sent = [b"message %d" % number * (1 + number % 50) for number in range(100)]
        for number, message in enumerate(sent):
            for player in (2, 3, 4):
                world.players[1].mesh.sendMessage(player, number % 2, message)
        world.play(5.0)
        for player in (2, 3, 4):
            for stream in (0, 1):
                came = [m for who, s, m in world.players[player].messages if s == stream]
                self.assertEqual(came, sent[stream::2])
                self.assertEqual({who for who, _, _ in world.players[player].messages}, {1})

    def test_messagesBeforeThePath(self) -> None:
        """What is sent before there is a path goes when there is one."""
        world = self.world = MeshWorld(7, 2)
        self.addCleanup(self.closeClean)
        world.meet()
        world.players[1].mesh.sendMessage(2, 0, b"early")
        self.assertRaises(
            LocalProtocolError, world.players[1].mesh.sendMessage, 9, 0, b"to nobody"
        )
        world.network.runUntil(world.connected, 10.0)
        world.network.advance(0.5)
        self.assertEqual(world.players[2].messages, [(1, 0, b"early")])

    def test_sessionTransfer(self) -> None:
        """A snapshot of the rollback session comes whole, while the game goes on."""
        world = self.start(MeshWorld(8, 3))
        content = bytes(range(256)) * 1024
        one, two = world.players[1], world.players[2]
        now = one.machine.clock.seconds()
        one.mesh.transfer.send(2, TransferPurpose.SNAPSHOT, 77, content, now)
        self.assertEqual(one.mesh.transfer.packetsDue(now), ())
        world.play(5.0)
        self.assertEqual(len(two.contents), 1)
        received = two.contents[0]
        self.assertEqual((received.peer, received.frame), (1, 77))
        self.assertEqual(received.content, content)
        self.assertEqual(world.players[3].contents, [])

    def test_otherTransfers(self) -> None:
        """What is not the session's is refused unless somebody wants it, and then told."""
        world = self.start(MeshWorld(9, 2))
        one, two = world.players[1], world.players[2]

        def begin() -> None:
            channel = one.mesh.links[2].channel
            channel.beginTransfer(100, b"header", b"content", one.machine.clock.seconds())
            one.mesh.links[2].pump()
            world.network.advance(0.5)

        begin()
        self.assertEqual((len(one.ended), two.ended), (1, []))
        two.mesh.acceptTransfers(lambda offer: None)
        begin()
        self.assertEqual(two.ended, [(1, TransferArrived(100, b"header", b"content"))])
        self.assertEqual(one.ended[1], (2, TransferSent(100)))


class ReportTests(MeshTestCase):
    """Round trip, jitter, loss, path and clock of each link."""

    def test_report(self) -> None:
        """What was measured is near the truth: 44 ms, 10 % either way, 5 s of clock."""
        profile = LinkProfile(latency=0.010, loss=0.05)
        world = MeshWorld(10, 2, (None,), profile=profile, offsets=(0.0, 5.0))
        self.start(world)
        world.play(10.0)
        report = world.players[1].mesh.report()[2]
        other = world.players[2].mesh.report()[1]
        self.assertEqual((report.player, report.kind), (2, "direct"))
        self.assertEqual(report.address, ("198.51.102.1", report.address[1]))  # type: ignore[index]
        assert report.round_trip is not None and report.clock_offset is not None
        assert report.loss_there is not None and report.silence is not None
        self.assertApproximates(report.round_trip, 0.040, 0.002)
        self.assertLess(report.jitter, 0.005)
        self.assertApproximates(report.loss, 0.0975, 0.05)
        self.assertApproximates(report.loss_there, other.loss, 0.03)
        self.assertApproximates(report.clock_offset, 5.0, 0.001)
        self.assertLess(report.silence, 0.1)

    def test_vainProbes(self) -> None:
        """Probes that search a direct path in vain are nobody's loss."""
        world = self.start(MeshWorld(11, 2, (PORT_SENSITIVE_RANDOM,)))
        world.play(6.0)
        for player in world.players.values():
            for report in player.mesh.report().values():
                self.assertEqual((report.kind, report.loss, report.loss_there), ("relay", 0.0, 0.0))

    def test_beforeThePath(self) -> None:
        """Before anything is known nothing is claimed."""
        world = self.world = MeshWorld(12, 2)
        self.addCleanup(self.closeClean)
        world.meet()
        report = world.players[1].mesh.report()[2]
        self.assertEqual((report.kind, report.address, report.round_trip), ("none", None, None))
        self.assertEqual((report.loss, report.loss_there, report.silence), (0.0, None, None))
        self.assertEqual((report.clock_offset, report.clock_error), (None, None))

    def test_countdown(self) -> None:
        """
        The start: at 100 ms +- 20 ms each way the clocks are known to 10 ms after 2 s, so
        that a countdown ends within 20 ms on all.
        """
        profile = LinkProfile(latency=0.040, jitter=0.020)
        offsets = (0.0, -1234.5, 99.0)
        for seed in range(8):
            world = MeshWorld(
                seed, 3, (None,), profile=profile, offsets=offsets, drifts=(0.0, 200.0, -200.0)
            )
            self.start(world)
            world.play(2.0)
            for player in world.players.values():
                clock = player.machine.clock.seconds()
                for other, link in player.mesh.links.items():
                    theirs = world.players[other].machine.clock.seconds()
                    known = link.clock_offset.offset
                    assert known is not None
                    self.assertGreaterEqual(link.clock_offset.samples, 15)
                    self.assertLess(abs(known - (theirs - clock)), 0.010)
            self.closeClean()


class KeysTests(MeshTestCase):
    """Rekeying by time."""

    def test_renewal(self) -> None:
        """Sealed links: the keys are renewed every so often; not a packet is refused for it."""
        settings = LinkSettings(sealing=SealingSettings(renewal_interval=2.0))
        world = self.start(MeshWorld(13, 3, settings=settings))
        world.play(15.0)
        for player in world.players.values():
            for other, link in player.mesh.links.items():
                self.assertIn(link.epoch, (6, 7))
                self.assertEqual(link.epoch, world.players[other].mesh.links[player.number].epoch)
                self.assertEqual(link.statistics.rejected, 0)


class MembersTests(MeshTestCase):
    """Who comes and goes while the match runs."""

    def test_lateJoiner(self) -> None:
        """Somebody who comes late is connected with all, and the others go on as before."""
        world = self.start(MeshWorld(14, 3))
        world.play(1.0)
        late = world.join(4)
        world.network.runUntil(world.connected, 5.0)
        world.play(2.0)
        self.assertEqual(late.kinds(), {1: DIRECT, 2: DIRECT, 3: DIRECT})
        for player in (1, 2, 3):
            self.assertGreater(len([w for _, w in world.players[player].received if w == 4]), 90)

    def test_leaver(self) -> None:
        """Of somebody who left nothing is heard any more, and nobody's clock has anything."""
        world = self.start(MeshWorld(15, 3))
        world.players[1].mesh.removePeer(3)
        world.players[1].mesh.removePeer(3)
        self.assertEqual(list(world.players[1].mesh.links), [2])
        before = len(world.players[1].received)
        world.play(1.0)
        self.assertEqual({who for _, who in world.players[1].received[before:]}, {2})
        self.assertGreater(world.players[1].sockets.strangers, 0)
        self.assertEqual([m.player for m in world.players[1].mesh.members], [1, 2])

    def test_twice(self) -> None:
        """Our own mistakes: somebody who is there already, ourselves, or a second start."""
        world = self.start(MeshWorld(16, 2))
        mesh = world.players[1].mesh
        for number in (1, 2):
            member = world.players[number].member
            self.assertRaises(LocalProtocolError, mesh.addPeer, member)
        self.assertRaises(LocalProtocolError, mesh.start, ())

    def test_peersLimit(self) -> None:
        """Limit: no more other players than the settings say."""
        world = self.start(MeshWorld(17, 2, settings=LinkSettings(peers_limit=1)))
        member = attrs.evolve(world.players[2].member, player=3)
        self.assertRaises(LocalProtocolError, world.players[1].mesh.addPeer, member)
        self.assertEqual(list(world.players[1].mesh.links), [2])

    def test_poorKey(self) -> None:
        """Bad input: a link key that everybody could use is refused, and nothing is kept of it."""
        world = self.start(MeshWorld(18, 2))
        member = attrs.evolve(world.players[2].member, player=3, link_key=bytes(32))
        mesh = world.players[1].mesh
        self.assertRaises(RemoteProtocolError, mesh.addPeer, member)
        self.assertEqual([m.player for m in mesh.members], [1, 2])

    def test_manyRelayedAddresses(self) -> None:
        """Bad input: a player who is elsewhere each second aims us at few of the places."""
        world = self.start(MeshWorld(19, 2, (PORT_SENSITIVE_RANDOM,)))
        mesh = world.players[1].mesh
        for port in range(50_000, 50_100):
            mesh.candidatesChanged(2, (Candidate(RELAYED, ("203.0.113.99", port)),))
        mesh.candidatesChanged(7, ())
        link = mesh.links[2]
        (path,) = [p for p in link.paths.through(RELAY) if p.address[0] == "203.0.113.99"]
        self.assertLess(path.address[1], 50_000 + RELAYED_LIMIT)

    def test_closedFromInside(self) -> None:
        """A game that ends on a packet closes the mesh from inside the call."""
        world = self.start(MeshWorld(20, 3))
        player = world.players[2]
        self.patch(player, "packetReceived", lambda *packet: player.mesh.close())
        mesh = player.mesh
        world.players[1].mesh.send(2, Inputs(b"x"))
        world.network.advance(0.5)
        mesh.close()
        mesh.offered(())
        mesh.candidatesChanged(1, ())
        self.assertFalse(mesh.send(1, Inputs(b"x")))


class SettingsTests(SynchronousTestCase):
    """The limits."""

    def test_bounds(self) -> None:
        """Each limit has bounds, and each part is of its type."""
        for bad in (
            {"moved_after": 0.0},
            {"errors_after": 0.0},
            {"peers_limit": 0},
            {"return_addresses": 65},
            {"paths": None},
            {"punch": PathSettings()},
            {"clock": 1},
            {"channel": 1},
            {"sealing": 1},
        ):
            self.assertRaises(BadSetting, LinkSettings, **bad)

    def test_unstarted(self) -> None:
        """A mesh that never started leaves nothing behind."""
        world = MeshWorld(1, 2)
        world.network.runUntil(
            lambda: all(player.sockets.relayed for player in world.players.values()), 10.0
        )
        one = world.players[1]
        members = tuple(player.member for player in world.players.values())
        ticket = MatchTicket(MATCH, "ab" * 8, 1, 7, members)
        sockets: PlayerSockets = one.sockets
        mesh = Mesh(one.machine, ticket, one.keys, sockets, None, one)
        mesh.offered(one.candidates)
        self.assertEqual(mesh.links[2].paths.through(RELAY), [])
        mesh.close()
        world.close()
        self.assertEqual(one.machine.clock.getDelayedCalls(), [])
