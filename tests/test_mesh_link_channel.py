"""
What is reliable on a link, how a link goes on under new keys, and what it doubts.
"""

from __future__ import annotations

from gamenet.channel.errors import SendQueueFull
from gamenet.channel.settings import ChannelSettings
from gamenet.errors import LocalProtocolError
from gamenet.mesh.link import PeerLink
from gamenet.mesh.link_settings import LinkSettings
from gamenet.mesh.path import Path, PathKind
from gamenet.mesh.route_watch import Doubt
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.sealed_link import SealedLink
from gamenet.sealing.settings import SealingSettings
from gamenet.traversal.punch import PunchRole
from gamenet.wire.peer_packets import ChannelBody, Inputs
from tests.link_pipe import FRAME, MATCH, LinkPipe, LinkPlayer, LinkTestCase

DIRECT, RELAY = PathKind.DIRECT, PathKind.RELAY
_KEYS = tuple(PlayerKeys.fromRandomBytes(bytes([n]) * 64) for n in (11, 12))


class ReliableTestCase(LinkTestCase):
    """Both links tell what they are told."""

    def begin(
        self, settings: LinkSettings | None = None, loss: float = 0.0, seed: int = 1
    ) -> None:
        """Give both players links with the settings, and have them use what they may."""
        self.messages: dict[int, list[tuple[int, bytes]]] = {1: [], 2: []}
        self.doubts: dict[int, list[Doubt]] = {1: [], 2: []}
        pipe = LinkPipe(seed, loss=loss)
        for player in pipe.players:
            player.link = self.linkOf(pipe, player, settings)
        self.start(pipe)

    def linkOf(
        self, pipe: LinkPipe, player: LinkPlayer, settings: LinkSettings | None
    ) -> PeerLink:
        """Return a link in place of a player's own."""
        number = player.number
        return PeerLink(
            pipe,  # type: ignore[arg-type]
            player.sealed,
            3 - number,
            PunchRole.OPENER if number == 1 else PunchRole.ANSWERER,
            player._packetReceived,
            player._pathChanged,
            player._sendStep,
            player._relaySilent,
            settings=settings,
            messageReceived=lambda stream, message: self.messages[number].append(
                (stream, message)
            ),
            doubted=lambda doubt: doubt is Doubt.ROUTINE or self.doubts[number].append(doubt),
        )

    def renew(self, generation: int) -> None:
        """Give both links the keys of a later generation."""
        for player in self.pipe.players:
            number = player.number
            player.link.takeKeys(
                SealedLink.between(
                    _KEYS[number - 1], number, _KEYS[2 - number].link_key, 3 - number, MATCH,
                    generation, generation,
                )
            )


class MessageTests(ReliableTestCase):
    """Reliable ordered messages on a link."""

    def test_lossy(self) -> None:
        """On 20 % loss each message comes once and in order, both ways, on every stream."""
        self.begin(loss=0.2)
        for number in range(40):
            for player in self.pipe.players:
                player.link.sendMessage(number % 4, b"%d" % number)
        self.pipe.play(10.0)
        for stream in range(4):
            expected = [(stream, b"%d" % number) for number in range(stream, 40, 4)]
            for came in self.messages.values():
                self.assertEqual([each for each in came if each[0] == stream], expected)

    def test_pathDies(self) -> None:
        """Messages survive the death of the path that carries them."""
        self.begin()
        self.pipe.play(2.0)
        self.pipe.works[DIRECT] = False
        for number in range(20):
            self.one.link.sendMessage(0, b"%d" % number)
            self.pipe.play(0.25)
        self.pipe.play(2.0)
        self.assertEqual(self.messages[2], [(0, b"%d" % number) for number in range(20)])

    def test_queueFull(self) -> None:
        """Limit: without a path the queue fills up, and says so by name."""
        self.begin(LinkSettings(channel=ChannelSettings(queue_limit=1000)))
        for kind in (DIRECT, RELAY):
            self.pipe.works[kind] = False
        self.one.link.sendMessage(0, bytes(900))
        self.assertRaises(SendQueueFull, self.one.link.sendMessage, 0, bytes(900))
        self.assertRaises(LocalProtocolError, self.one.link.sendMessage, 4, b"x")
        self.pipe.run(0.01)
        self.assertEqual(self.one.link.statistics.channel_sent, 0)

    def test_closed(self) -> None:
        """A closed link takes nothing, and sends nothing."""
        self.begin()
        self.pipe.play(1.0)
        self.one.link.sendMessage(0, bytes(10_000))
        self.one.link.close()
        sent = len(self.pipe.sent)
        self.one.link.sendMessage(0, b"x")
        self.one.link.pump()
        self.two.link.close()
        self.pipe.run(5.0)
        mine = [d for d in self.pipe.sent[sent:] if d.source[0].endswith(".1")]
        self.assertEqual(mine, [])

    def test_closedFromInside(self) -> None:
        """Whoever closes the link on a message gets no more of them."""
        self.begin()
        self.pipe.play(1.0)
        came: list[bytes] = []

        def take(stream: int, message: bytes) -> None:
            came.append(message)
            self.two.link.close()

        self.patch(self.two.link._carried, "_messageReceived", take)
        for _ in range(3):
            self.one.link.sendMessage(0, b"x")
        self.pipe.run(1.0)
        self.assertEqual(came, [b"x"])

    def test_nonsense(self) -> None:
        """Bad input: authentic nonsense for the channel is counted, and changes nothing."""
        self.begin()
        self.pipe.play(1.0)
        for number, body in enumerate((b"\xff", bytes(1150), b"\x01")):
            self.one.link.send(ChannelBody(body))
            self.pipe.run(0.1)
            self.assertEqual(self.two.link.statistics.malformed, number + 1)
        self.one.link.sendMessage(0, b"after")
        self.pipe.run(0.5)
        self.assertEqual(self.messages[2], [(0, b"after")])

    def test_counted(self) -> None:
        """Packets of the channel are counted apart, and among all."""
        self.begin()
        self.pipe.run(2.0)
        self.one.link.sendMessage(0, bytes(5000))
        self.pipe.run(1.0)
        counted = self.one.link.report().statistics
        self.assertGreaterEqual(counted.channel_sent, 5)
        self.assertEqual(counted.packets_direct + counted.packets_relayed, counted.channel_sent)


class KeysTests(ReliableTestCase):
    """New keys."""

    def test_returned(self) -> None:
        """Under new keys everything begins anew: paths are proven again, messages flow."""
        self.begin()
        self.pipe.play(3.0)
        self.one.link.sendMessage(0, b"before")
        self.one.link.takeKeys(self.one.sealed)
        self.assertIsNone(self.one.link.paths.chosen)
        self.assertFalse(self.one.link.send(Inputs(b"x")))
        self.renew(1)
        self.pipe.play(5.0)
        for player in self.pipe.players:
            self.assertIs(player.chosen, DIRECT)
            self.assertGreaterEqual(player.link.statistics.renewals, 1)
            player.link.sendMessage(1, b"after")
        self.pipe.play(1.0)
        self.assertEqual(self.messages, {1: [(1, b"after")], 2: [(1, b"after")]})

    def test_expected(self) -> None:
        """A path that a proof came by is checked until it is proven; no other is believed."""
        self.begin()
        self.pipe.works[RELAY] = False
        self.renew(1)
        path = Path(DIRECT, self.one.game, self.two.game.address)
        self.one.link.expect(path)
        record = self.one.link.paths.record(path)
        assert record is not None
        self.assertFalse(record.proven)
        self.pipe.run(1.0)
        self.assertEqual(self.one.link.paths.chosen, path)

    def test_renewedByTime(self) -> None:
        """The player with the lower number begins epochs; the other follows."""
        settings = LinkSettings(sealing=SealingSettings(renewal_interval=1.0))
        self.begin(settings)
        self.pipe.play(10.0)
        self.assertGreaterEqual(self.one.link.epoch, 8)
        self.assertEqual(self.one.link.epoch, self.two.link.epoch)
        for player in self.pipe.players:
            self.assertEqual(player.link.statistics.rejected, 0)

    def test_closed(self) -> None:
        """A closed link takes no keys, and expects nobody."""
        self.begin()
        self.pipe.run(1.0)
        link = self.one.link
        link.close()
        before = link.incoming_id
        self.renew(1)
        link.expect(Path(DIRECT, self.one.game, self.two.game.address))
        link.moved()
        self.assertEqual(link.incoming_id, before)


class DoubtTests(ReliableTestCase):
    """When our own address may be another."""

    def test_silence(self) -> None:
        """Silence of 0.75 s raises it, and so does the loss of the last path."""
        self.begin()
        self.pipe.play(3.0)
        self.assertEqual(self.doubts, {1: [], 2: []})
        for kind in (DIRECT, RELAY):
            self.pipe.works[kind] = False
        self.pipe.play(0.7)
        self.assertEqual(self.doubts[1], [])
        self.pipe.play(0.6)
        self.assertIn(Doubt.SILENCE, self.doubts[1])
        self.assertNotIn(Doubt.PATH_LOST, self.doubts[1])
        self.pipe.play(4.0)
        self.assertIn(Doubt.PATH_LOST, self.doubts[1])

    def test_errors(self) -> None:
        """A second of failing sends raises it, once a second; one that works ends the count."""
        self.begin()
        self.pipe.play(3.0)
        works = [False]
        self.patch(self.one.game, "send", lambda *what: works[0])
        self.patch(self.one.relayed, "send", lambda *what: works[0])
        self.pipe.play(0.9)
        self.assertNotIn(Doubt.SEND_ERRORS, self.doubts[1])
        works[0] = True
        self.pipe.play(FRAME)
        works[0] = False
        self.pipe.play(0.9)
        self.assertNotIn(Doubt.SEND_ERRORS, self.doubts[1])
        self.pipe.play(1.2)
        self.assertEqual(self.doubts[1].count(Doubt.SEND_ERRORS), 2)

    def test_stall(self) -> None:
        """A process that stood still loses no path by that."""
        self.begin()
        self.pipe.play(3.0)
        self.pipe.drop()
        for player in self.pipe.players:
            player.changes.clear()
        self.pipe.clock.rightNow += 20.0
        self.pipe.run(0.0)
        self.pipe.play(3.0)
        for player in self.pipe.players:
            self.assertIn(Doubt.STALL, self.doubts[player.number])
            self.assertEqual(player.changes, [])
            self.assertIs(player.chosen, DIRECT)


class SameProcessTests(ReliableTestCase):
    """New keys between the same two processes."""

    def test_streamsRestart(self) -> None:
        """
        Where nobody's process is another the streams restart in step all the same: what was
        under way is forgotten, and what is sent from then on comes, once and in order.
        """
        self.begin()
        self.pipe.play(3.0)
        self.one.link.sendMessage(0, b"first")
        self.pipe.play(1.0)
        for kind in (DIRECT, RELAY):
            self.pipe.works[kind] = False
        self.one.link.sendMessage(0, b"second")
        self.renew(5)
        for kind in (DIRECT, RELAY):
            self.pipe.works[kind] = True
        for player in self.pipe.players:
            for number in range(3):
                player.link.sendMessage(0, b"new %d" % number)
        self.pipe.play(5.0)
        new = [(0, b"new %d" % number) for number in range(3)]
        self.assertEqual(self.messages, {1: new, 2: [(0, b"first"), *new]})


class FailedChannelTests(ReliableTestCase):
    """A channel on which nothing is acknowledged, while the other player is there."""

    def test_toldOnce(self) -> None:
        """K9: who asked for it is told, once for each channel, and sending says why it fails."""
        told: list[float] = []
        self.begin(LinkSettings(channel=ChannelSettings(give_up_after=5.0)))
        link = self.one.link
        link._carried._failed = lambda: told.append(self.pipe.clock.seconds())
        self.patch(self.two.link, "_bodyReceived", lambda body, now: None)
        self.pipe.play(1.0)
        link.sendMessage(0, b"unheard")
        began = self.pipe.clock.seconds()
        self.pipe.play(20.0)
        self.assertEqual(len(told), 1)
        self.assertApproximates(told[0] - began, 5.0, 0.2)
        self.assertRaises(LocalProtocolError, link.sendMessage, 0, b"more")
        link.pump()
        self.assertEqual(len(told), 1)
        self.renew(2)
        link.sendMessage(0, b"unheard again")
        self.pipe.play(20.0)
        self.assertEqual(len(told), 2)
