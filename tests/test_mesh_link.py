"""
Two players' links over routers, a relay and a lobby in memory: relay first,
then direct, back when it dies, and direct again; the game notices nothing.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gamenet.mesh.link import LinkStatistics
from gamenet.mesh.path import PathKind
from gamenet.wire.peer_packets import Inputs, Ready
from tests.link_pipe import (
    FRAME,
    LinkPipe,
    LinkTestCase,
    kinds,
    longestSilence,
    numbersReceived,
)

DIRECT, RELAY = PathKind.DIRECT, PathKind.RELAY


class ReachTests(LinkTestCase):
    """From nothing to a path."""

    def test_withoutPath(self) -> None:
        """Before a path is proven nothing is sent, and the caller is told."""
        self.start(LinkPipe(), relay=False, direct=False)
        for player in self.pipe.players:
            self.assertFalse(player.link.send(Inputs(b"x")))
            self.assertEqual(player.link.statistics, LinkStatistics())
            self.assertIsNone(player.chosen)
        self.assertEqual(self.pipe.sent, [])
        self.assertEqual(self.pipe.clock.getDelayedCalls(), [])

    def test_relayFirst(self) -> None:
        """Playable over the relay after one round trip of it, before there is a direct path."""
        self.start(LinkPipe())
        self.pipe.run(2 / 32)
        for player in self.pipe.players:
            self.assertIs(player.chosen, RELAY)
            self.assertTrue(player.link.send(Ready(bytes(16), False)))
            self.assertEqual(player.link.paths.roundTrip(), 2 / 32)
        self.pipe.run(1 / 32)
        self.assertEqual([packet for _, packet in self.two.packets], [Ready(bytes(16), False)])

    def test_thenDirect(self) -> None:
        """Row N11: within a second the game moves to the direct path, once, and stays there."""
        self.start(LinkPipe())
        self.pipe.play(1.0)
        relayed = [player.link.statistics.packets_relayed for player in self.pipe.players]
        self.pipe.play(20.0)
        for player, before in zip(self.pipe.players, relayed, strict=True):
            self.assertEqual(kinds(player), [RELAY, DIRECT])
            self.assertEqual(player.link.statistics.packets_relayed, before)
            self.assertEqual(player.link.paths.roundTrip(), 2 / 64)
        self.assertEqual(self.one.link.attempts, 1)
        self.assertEqual(self.two.link.attempts, 1)

    def test_moments(self) -> None:
        """
        The answerer's first probes pass (a step of 3/64 s, a round trip of 2/64 s),
        and the check that they set off proves the opener's side one way later.
        """
        self.start(LinkPipe())
        self.pipe.run(1.0)
        self.assertEqual(self.one.changes[1:], [(1000 + 6 / 64, DIRECT)])
        self.assertEqual(self.two.changes[1:], [(1000 + 5 / 64, DIRECT)])

    def test_upgradeLosesNothing(self) -> None:
        """From the first packet that found a path on, the move loses and repeats none."""
        self.start(LinkPipe())
        self.pipe.play(3.0)
        self.pipe.run(1.0)
        for player in self.pipe.players:
            numbers = numbersReceived(player)
            self.assertEqual(sorted(numbers), list(range(numbers[0], 192)))
            self.assertLess(numbers[0], 8)

    def test_directAlone(self) -> None:
        """Without a relay the direct path is found as well."""
        self.start(LinkPipe(), relay=False)
        self.pipe.play(1.0)
        for player in self.pipe.players:
            self.assertEqual(kinds(player), [DIRECT])
            self.assertEqual(player.link.statistics.packets_relayed, 0)

    def test_relayAlone(self) -> None:
        """A player who did not ask for a direct path sends nothing from the game socket."""
        self.start(LinkPipe(), direct=False)
        self.pipe.play(5.0)
        self.assertEqual(
            [d for d in self.pipe.sent if d.source[0].startswith("198.51.100.")], []
        )
        for player in self.pipe.players:
            self.assertEqual(kinds(player), [RELAY])

    def test_noLobby(self) -> None:
        """
        Row N11: the opener's probes alone are kept out by the other's router; it
        is the lobby's notice that has the other side open too.
        """
        pipe = LinkPipe()
        pipe.lobby_works = False
        self.start(pipe)
        pipe.play(4.0)
        self.assertGreater(pipe.filtered, 10)
        self.assertEqual([kinds(player) for player in pipe.players], [[RELAY], [RELAY]])
        pipe.lobby_works = True
        pipe.play(8.0)
        self.assertEqual([kinds(player) for player in pipe.players], [[RELAY, DIRECT]] * 2)

    def test_neverDirect(self) -> None:
        """Where no direct path can be, the game stays on the relay and the search goes on."""
        pipe = LinkPipe()
        pipe.works[DIRECT] = False
        self.start(pipe)
        pipe.play(30.0)
        for player in pipe.players:
            self.assertEqual(kinds(player), [RELAY])
            self.assertLess(longestSilence(player, 1001.0), 2 * FRAME)
        self.assertEqual(self.one.link.attempts, 4)
        self.assertEqual(self.two.link.attempts, 4)

    def test_searchCostsLittle(self) -> None:
        """Row H11: in ten minutes of vain search few probes a second go to the other's address."""
        pipe = LinkPipe()
        pipe.works[DIRECT] = False
        self.start(pipe)
        pipe.run(600.0)
        for player in pipe.players:
            probes = [d for d in pipe.sent if d.source == player.game.address]
            self.assertLess(len(probes) / 600, 2.0)

    def test_keepAlive(self) -> None:
        """Row N11: while the game says nothing, checks hold the routers' mappings open."""
        self.start(LinkPipe())
        self.pipe.run(120.0)
        for player in self.pipe.players:
            self.assertEqual(kinds(player), [RELAY, DIRECT])
            for address, longest in (
                (player.game.address, 0.6), (player.relayed.address, 1.1)
            ):
                times = [d.time for d in self.pipe.sent if d.source == address]
                gaps = [later - earlier for earlier, later in pairwise([*times, 1120.0])]
                self.assertLess(max(gaps), longest)

    def test_candidatesLater(self) -> None:
        """Candidates that come late, and later change, are used; the old are forgotten in time."""
        self.start(LinkPipe(), direct=False)
        self.pipe.play(1.0)
        self.one.link.searchDirect(self.one.game, self.one.candidates, ())
        self.two.useDirect()
        self.pipe.play(2.0)
        self.assertIs(self.one.chosen, RELAY)
        self.one.useDirect()
        self.pipe.play(1.0)
        self.assertEqual([kinds(player) for player in self.pipe.players], [[RELAY, DIRECT]] * 2)

    @settings(max_examples=25, deadline=None)
    @given(st.integers(0, 2**32), st.floats(0, 5000, allow_nan=False))
    def test_lossyNetwork(self, seed: int, start: float) -> None:
        """
        Whatever third of the datagrams is lost, and whatever the clock shows:
        both are on a direct path within 8 s, and no packet comes twice.
        """
        pipe = LinkPipe(seed, start, loss=0.3)
        self.start(pipe)
        pipe.play(8.0)
        for player in pipe.players:
            self.assertIn(DIRECT, kinds(player))
            numbers = numbersReceived(player)
            self.assertGreater(len(numbers), 200)
            self.assertEqual(player.link.paths.refused, 0)
            self.assertEqual(player.link.statistics.rejected, 0)
        self.closeClean()


class FailoverTests(LinkTestCase):
    """Paths that die without a word."""

    def setUp(self) -> None:
        self.start(LinkPipe())
        self.pipe.play(2.5)
        for player in self.pipe.players:
            self.assertIs(player.chosen, DIRECT)

    def test_directDies(self) -> None:
        """
        Direct dies silently: the game stops for at most 0.55 s, once, both paths
        carry it, then the relay is said to, and when direct works again it does.
        """
        died = self.pipe.clock.seconds()
        self.pipe.works[DIRECT] = False
        self.pipe.play(2.0)
        for player in self.pipe.players:
            self.assertIs(player.chosen, DIRECT)
            self.assertLess(longestSilence(player, died), 0.55)
            self.assertLess(longestSilence(player, died + 0.55), 3 * FRAME)
        counts = [player.link.statistics for player in self.pipe.players]
        before = [(s.packets_direct, s.packets_relayed) for s in counts]
        self.pipe.play(0.25)
        for player, (direct, relayed) in zip(self.pipe.players, before, strict=True):
            self.assertEqual(player.link.statistics.packets_direct, direct + 16)
            self.assertEqual(player.link.statistics.packets_relayed, relayed + 16)
        self.pipe.play(2.0)
        for player in self.pipe.players:
            self.assertEqual(kinds(player), [RELAY, DIRECT, RELAY])
        self.pipe.works[DIRECT] = True
        self.pipe.play(12.0)
        for player in self.pipe.players:
            self.assertEqual(kinds(player), [RELAY, DIRECT, RELAY, DIRECT])
            self.assertLess(longestSilence(player, died + 0.55), 3 * FRAME)
        self.assertGreater(self.one.link.attempts, 1)

    def test_shortOutage(self) -> None:
        """An outage of a second changes no path; afterwards direct carries all alone again."""
        self.pipe.works[DIRECT] = False
        self.pipe.play(1.0)
        self.pipe.works[DIRECT] = True
        self.pipe.play(2.0)
        relayed = [player.link.statistics.packets_relayed for player in self.pipe.players]
        self.pipe.play(2.0)
        for player, before in zip(self.pipe.players, relayed, strict=True):
            self.assertEqual(kinds(player), [RELAY, DIRECT])
            self.assertEqual(player.link.statistics.packets_relayed, before)
            self.assertGreater(before, 0)

    def test_oneWay(self) -> None:
        """A direct path that works in one direction alone is none; the game goes on."""
        died = self.pipe.clock.seconds()
        carry = self.pipe.carry
        address = self.one.game.address
        self.patch(
            self.pipe,
            "carry",
            lambda socket, data, to: socket.address == address or carry(socket, data, to),
        )
        self.pipe.play(8.0)
        self.assertEqual(kinds(self.two), [RELAY, DIRECT, RELAY])
        self.assertLess(longestSilence(self.two, died + 2.0), 3 * FRAME)
        self.assertLess(longestSilence(self.one, died), 3 * FRAME)

    def test_relayDies(self) -> None:
        """The relay dies while direct works: its owner is told repeatedly, the game is not."""
        died = self.pipe.clock.seconds()
        self.pipe.works[RELAY] = False
        self.pipe.play(20.0)
        for player in self.pipe.players:
            self.assertEqual(kinds(player), [RELAY, DIRECT])
            self.assertLess(longestSilence(player, died), 3 * FRAME)
            self.assertGreaterEqual(len(player.relay_silences), 5)
            self.assertTrue(2.0 < player.relay_silences[0] - died < 3.5)

    def test_bothDie(self) -> None:
        """With every path dead sending says so, nothing is sent but checks, and all comes back."""
        for kind in (DIRECT, RELAY):
            self.pipe.works[kind] = False
        self.pipe.play(6.0)
        for player in self.pipe.players:
            self.assertIsNone(kinds(player)[-1])
            self.assertFalse(player.link.send(Inputs(b"x")))
            self.assertIsNone(player.link.paths.roundTrip())
        self.pipe.works[RELAY] = True
        self.pipe.play(1.0)
        for player in self.pipe.players:
            self.assertIs(player.chosen, RELAY)
        self.pipe.works[DIRECT] = True
        self.pipe.play(12.0)
        for player in self.pipe.players:
            self.assertEqual(kinds(player)[-2:], [RELAY, DIRECT])

    def test_relayLost(self) -> None:
        """A relayed address that is gone takes its path with it; a new one takes its place."""
        self.two.relayed.close()
        self.two.link.relayLost()
        self.assertEqual(self.two.link.paths.through(RELAY), [])
        self.pipe.works[DIRECT] = False
        self.pipe.play(5.0)
        self.assertIsNone(kinds(self.two)[-1])
        self.pipe.sockets[self.two.relayed.address] = self.two.relayed
        self.two.useRelay()
        self.pipe.play(1.0)
        self.assertIs(self.two.chosen, RELAY)

    def test_relayLostTheLastPath(self) -> None:
        """The loss of the relay is the loss of the game's path where it was the only one."""
        self.pipe.works[DIRECT] = False
        self.pipe.play(5.0)
        self.two.link.relayLost()
        self.assertIsNone(kinds(self.two)[-1])

    def test_relayMoves(self) -> None:
        """Another relayed address replaces the one before; naming it again changes nothing."""
        link = self.two.link
        link.addRelay(self.two.relayed, ("203.0.113.2", 51_000))
        self.assertEqual(
            [path.address for path in link.paths.through(RELAY)], [("203.0.113.2", 51_000)]
        )
        sent = len(self.pipe.sent)
        for _ in range(100):
            link.addRelay(self.two.relayed, ("203.0.113.2", 51_000))
        self.assertEqual(len(self.pipe.sent), sent)
        self.assertEqual(kinds(self.two), [RELAY, DIRECT])
