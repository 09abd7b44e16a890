"""
Where a player may be reached: whose word counts when the lobby and the players differ.
"""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.mesh.mesh_peer import MeshPeer
from gamenet.wire.lobby_values import CANDIDATES_LIMIT, HOST, RELAYED, SERVER_REFLEXIVE, Candidate
from tests.mesh_world import MeshWorld
from tests.test_mesh_introductions import memberOf

OLD = (
    Candidate(HOST, ("192.168.0.2", 5000)),
    Candidate(SERVER_REFLEXIVE, ("198.51.100.1", 5000)),
    Candidate(RELAYED, ("203.0.113.2", 60_000)),
)
NEW = (
    Candidate(HOST, ("192.168.0.3", 6000)),
    Candidate(SERVER_REFLEXIVE, ("198.51.100.1", 6000)),
    Candidate(RELAYED, ("203.0.113.2", 61_000)),
)
SEEN = Candidate(SERVER_REFLEXIVE, ("198.51.100.1", 7000))


class LobbyTests(SynchronousTestCase):
    """The lobby's word, before and after the player's own."""

    def setUp(self) -> None:
        self.peer = MeshPeer(attrs.evolve(memberOf(3), candidates=OLD))

    def test_onlyTheLobby(self) -> None:
        """Who has told nobody of the players is where the lobby says."""
        self.peer.believesLobby(NEW)
        self.assertEqual(self.peer.member.candidates, NEW)

    def test_theLobbyRepeatsWhatIsOld(self) -> None:
        """
        N14: a changed local address.  The stream to the lobby is cut, so that the lobby
        says what it was offered before, and an address that it has seen since.
        """
        self.assertTrue(self.peer.believes(NEW))
        self.peer.believesLobby((*OLD, SEEN))
        self.assertEqual(self.peer.member.candidates[:4], (SEEN, *NEW))
        self.peer.believesLobby((*OLD, SEEN))
        self.assertEqual(self.peer.member.candidates[:4], (SEEN, *NEW))

    def test_theLobbyHasNews(self) -> None:
        """What the lobby has not said before comes first: they may be offering it there."""
        self.peer.believes(NEW)
        newest = Candidate(RELAYED, ("203.0.113.2", 62_000))
        self.peer.believesLobby((OLD[0], newest))
        self.assertEqual(self.peer.member.candidates[0], newest)

    def test_neverTooMany(self) -> None:
        """Bad input: a lobby that says something else each time fills nothing."""
        self.peer.believes(NEW)
        for port in range(1, 100):
            self.peer.believesLobby((Candidate(HOST, ("192.168.0.9", port)),))
            self.assertLessEqual(len(self.peer.member.candidates), CANDIDATES_LIMIT)


class SpreadTests(SynchronousTestCase):
    """Who has lost the lobby learns from others what it says."""

    def test_passedOn(self) -> None:
        """N8: what the lobby says to one is told to another who does not reach the player."""
        world = MeshWorld(1, 3)
        world.meet()
        world.network.runUntil(world.connected, 10.0)
        world.lobby_works = False
        world.network.partition(["router 1"], ["router 3", "relay"])
        world.play(6.0)
        self.assertIsNone(world.players[1].kinds().get(3))
        world.players[2].mesh.candidatesChanged(3, NEW)
        world.play(1.0)
        known = world.players[1].mesh._peers[3].member.candidates
        self.assertEqual(known[: len(NEW)], NEW)
        world.network.heal()
        world.close()
