"""
Who comes while the match runs is known to all: also to those who have lost the lobby, and
to processes that have returned; and what players cannot make of that.
"""

from __future__ import annotations

import attrs

from gamenet.mesh.introductions import PENDING_LIMIT, SOUGHT_LIMIT
from gamenet.wire.lobby_values import HOST, Candidate, TicketMember
from gamenet.wire.mesh_messages import MESH_STREAM, Introduction, encodeMeshMessage
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import PORT_RESTRICTED, PORT_SENSITIVE_RANDOM
from tests.mesh_world import MeshPlayer, MeshWorld
from tests.test_mesh_introductions import memberOf
from tests.test_mesh_mesh import MeshTestCase
from tests.test_mesh_returning import ReturnTestCase


class NewcomerTests(ReturnTestCase):
    """In a world with routers: a newcomer is linked with everybody."""

    def test_withoutLobby(self) -> None:
        """
        K10, N8: who has lost the lobby learns of a newcomer from the others, and is linked
        with it within two seconds; with one of three, two of three, and losses.
        """
        for seed, offline in enumerate(((3,), (2, 3), (1,), (1, 2))):
            profile = LinkProfile(latency=0.010, loss=0.05 * (seed % 2))
            kinds = (PORT_RESTRICTED, PORT_SENSITIVE_RANDOM, PORT_RESTRICTED)
            world = self.start(MeshWorld(seed, 3, kinds, profile))
            world.play(1.0)
            for number in offline:
                world.players[number].online = False
            late = world.join(4)
            self.assertLess(self.awaitAll(), 2.0)
            for number in (1, 2, 3):
                found = [each.player for each in world.players[number].newcomers]
                self.assertEqual(found, [4] if number in offline else [])
            self.assertFlows(late)
            self.closeClean()

    def test_returned(self) -> None:
        """
        A late joiner and a member that has returned after a crash: the newcomer's ticket
        names the old key, and the member begins the handshake.
        """
        world = self.start(MeshWorld(11, 3))
        world.play(1.0)
        player = world.comeBack(2, self.crash(2))
        self.awaitAll()
        world.play(1.0)
        late = world.join(4)
        self.assertLess(self.awaitAll(), 2.5)
        self.assertEqual([each.player for each in player.newcomers], [4])
        self.assertEqual(late.returned, [2])
        self.assertFlows(late)

    def test_returnedSince(self) -> None:
        """Who comes back after others have come learns of all of them; its secret is older."""
        world = self.start(MeshWorld(12, 3))
        world.play(1.0)
        secret = self.crash(2)
        late, later = world.join(4), world.join(5)
        world.play(1.0)
        player = world.comeBack(2, secret)
        self.awaitAll()
        self.assertEqual(sorted(each.player for each in player.newcomers), [4, 5])
        for other in (late, later):
            self.assertFlows(other)

    def test_returnedIntroducer(self) -> None:
        """Player 1, whose word counts as long as there is no host, returned itself."""
        world = self.start(MeshWorld(13, 3))
        world.play(1.0)
        secret = self.crash(1)
        late = world.join(4)
        world.play(1.0)
        player = world.comeBack(1, secret)
        self.awaitAll()
        self.assertEqual([each.player for each in player.newcomers], [4])
        self.assertFlows(late)

    def test_oldSecret(self) -> None:
        """Who was told of a newcomer, crashed, and has a secret from before, is told again."""
        world = self.start(MeshWorld(21, 3))
        world.play(1.0)
        old = world.players[2].mesh.resumeSecret()
        world.players[2].online = False
        late = world.join(4)
        self.awaitAll()
        world.play(0.5)
        world.players[2].crash()
        world.play(1.0)
        player = world.comeBack(2, old)
        self.awaitAll()
        world.play(1.0)
        self.assertEqual([each.player for each in player.newcomers], [4])
        self.assertFlows(late)

    def test_newcomerReturns(self) -> None:
        """A newcomer that crashes and comes back is let in by those who were told of it."""
        world = self.start(MeshWorld(14, 3))
        world.play(1.0)
        world.players[3].online = False
        world.join(4)
        self.awaitAll()
        world.play(1.0)
        player = world.comeBack(4, self.crash(4))
        self.awaitAll()
        self.assertFlows(player)

    def test_twoReturned(self) -> None:
        """A newcomer, and two of three members whose processes are other ones."""
        world = self.start(MeshWorld(15, 3))
        world.play(1.0)
        for number in (1, 2):
            world.comeBack(number, self.crash(number))
            self.awaitAll()
        late = world.join(4)
        self.awaitAll()
        self.assertEqual(sorted(late.returned), [1, 2])
        self.assertFlows(late)

    def test_aloneWithLobby(self) -> None:
        """Of two players one has lost the lobby, and learns of the newcomer by the other."""
        for offline in (1, 2):
            world = self.start(MeshWorld(16 + offline, 2))
            world.play(1.0)
            world.players[offline].online = False
            late = world.join(3)
            self.assertLess(self.awaitAll(), 2.0)
            self.assertFlows(late)
            self.closeClean()

    def test_hostByLog(self) -> None:
        """Whose word counts is the owner's to say, and what others said before is kept."""
        world = self.start(MeshWorld(19, 4))
        world.play(1.0)
        four = world.players[4]
        four.online = False
        for number in (1, 2, 3):
            world.players[number].online = number == 3
        four.mesh.introducer = 2
        for number in (1, 2):
            world.players[number].mesh.introducer = 9
        world.join(5)
        world.play(2.0)
        self.assertEqual([len(world.players[n].newcomers) for n in (1, 2, 4)], [0, 0, 0])
        four.mesh.introducer = 3
        world.play(0.1)
        self.assertEqual([each.player for each in four.newcomers], [5])

    def test_numberTakenAgain(self) -> None:
        """
        Somebody comes by the number of one who was there: nobody is taken in its place
        before that one is out, and as soon as it is.
        """
        world = self.start(MeshWorld(20, 3))
        world.play(1.0)
        three = world.players[3]
        three.online = False
        world.join(4)
        self.awaitAll()
        world.players[4].crash()
        world.play(4.0)
        for number in (1, 2):
            world.players[number].mesh.removePeer(4)
        late = world.join(4)
        world.play(2.0)
        self.assertEqual(len(three.newcomers), 1)
        three.mesh.removePeer(4)
        self.awaitAll()
        self.assertEqual(three.newcomers[1:], [attrs.evolve(
            late.member, candidates=three.newcomers[1].candidates
        )])
        self.assertFlows(late)


class LiarTests(MeshTestCase):
    """What a member of the match cannot do by introductions."""

    def tell(self, liar: MeshPlayer, victim: MeshPlayer, member: TicketMember) -> None:
        """Send an introduction that nobody asked for."""
        link = liar.mesh.links[victim.number]
        link.sendMessage(MESH_STREAM, encodeMeshMessage(Introduction(member)))
        self.world.network.advance(0.5)

    def test_notTheIntroducer(self) -> None:
        """A guest's word does not count: nothing leaves for whomever it names."""
        world = self.start(MeshWorld(31, 3))
        world.play(1.0)
        self.tell(world.players[3], world.players[2], memberOf(9))
        self.assertEqual(world.players[2].newcomers, [])
        self.assertEqual([each.player for each in world.players[2].mesh.members], [1, 2, 3])

    def test_introducerLies(self) -> None:
        """
        The introducer itself cannot put anybody into the place of a player who is there,
        give a player's keys to another number, or make us meet ourselves.
        """
        world = self.start(MeshWorld(32, 3))
        world.play(1.0)
        one, two, three = (world.players[number] for number in (1, 2, 3))
        before = two.mesh.links[3].incoming_id
        self.tell(one, two, attrs.evolve(memberOf(9), player=3))
        self.tell(one, two, attrs.evolve(three.member, player=9))
        self.tell(one, two, attrs.evolve(memberOf(9), statement_key=three.keys.statement_key))
        self.tell(one, two, attrs.evolve(two.member, player=9))
        self.tell(one, two, attrs.evolve(memberOf(9), player=2))
        self.tell(one, two, attrs.evolve(memberOf(9), player=1))
        self.assertEqual(two.newcomers, [])
        self.assertEqual(two.mesh.links[3].incoming_id, before)
        self.assertEqual(list(two.mesh.links), [1, 3])

    def test_aimed(self) -> None:
        """
        H11: however many newcomers a host makes up, all at one address, a member looks for
        three of them at a time: it sends that address 80 packets a second at most.
        """
        world = self.start(MeshWorld(33, 3))
        world.play(1.0)
        target = world.network.machine("target", "192.0.2.99")
        hits = 0

        def hit(data: bytes, address: object) -> None:
            nonlocal hits
            hits += 1

        target.openDatagramSocket(hit, "", 4000)
        for number in range(4, 33):
            fake = attrs.evolve(
                memberOf(number), candidates=(Candidate(HOST, ("192.0.2.99", 4000)),)
            )
            link = world.players[1].mesh.links[2]
            link.sendMessage(MESH_STREAM, encodeMeshMessage(Introduction(fake)))
        rates = []
        for _ in range(12):
            before = hits
            world.network.advance(10.0)
            rates.append((hits - before) / 10.0)
        self.assertGreater(rates[0], 0.0)
        self.assertLess(max(rates), 80.0)
        self.assertLessEqual(len(world.players[2].newcomers), PENDING_LIMIT + SOUGHT_LIMIT)
