"""
A player of the match that lies: what it seals is authentic, and nothing that it says harms
what the others play.
"""

from __future__ import annotations

from collections.abc import Callable

from gamenet.interfaces import Address
from gamenet.mesh.introductions import WORD_LIMIT
from gamenet.mesh.link import PeerLink
from gamenet.mesh.path import PathSettings
from gamenet.seeded_random import SeededRandom
from gamenet.wire import canonical_cbor
from gamenet.wire.channel_frames import encodeAcknowledgement, encodeFrame, encodeHeader
from gamenet.wire.channel_values import Acknowledgement, Chunk, Done, Offer, Piece, Window
from gamenet.wire.lobby_fields import packRow
from gamenet.wire.lobby_values import HOST, Candidate, TicketMember
from gamenet.wire.log_commands import Say, SendCustom
from gamenet.wire.log_events import Chat
from gamenet.wire.log_messages import (
    BATCH_LIMIT,
    EventsWanted,
    SnapshotWanted,
    encodeLogMessage,
)
from gamenet.wire.log_values import Epoch
from gamenet.wire.mesh_messages import (
    MESH_STREAM,
    Introduction,
    Whereabouts,
    encodeMeshMessage,
)
from gamenet.wire.peer_packets import (
    CallOff,
    Check,
    CheckAnswer,
    Countdown,
    Goodbye,
    GoodbyeReason,
    Inputs,
    LogBody,
    PacketKind,
    Ready,
    Reception,
    StatementPacket,
    encodePeerPacket,
)
from gamenet.wire.start_packets import CallOffReason
from tests.match_attacks import MEGABYTE, MatchCase, residentBytes
from tests.sealing_scene import CallCounts
from tests.test_match_attacks_strangers import addressOf

COUNT = 4000
LIAR = 3


class MemberCase(MatchCase):
    """A match of three; player 3 has the keys of a player, and no manners."""

    def setUp(self) -> None:
        self.begin(3)
        self.random = SeededRandom.fromLabel(2, "members")
        self.address = self.mesh.seats[LIAR].sockets.demultiplexer.address

    @property
    def link(self) -> PeerLink:
        """The liar's link to player 1."""
        return self.meshOf(LIAR).links[1]

    @property
    def there(self) -> PeerLink:
        """The other end of that link."""
        return self.meshOf(1).links[LIAR]

    def seal(self, plain: bytes) -> bytes:
        """Return a datagram of the liar's."""
        return self.link._sealed.seal(plain)

    def flood(
        self, make: Callable[[int], bytes], count: int = COUNT, source: Address | None = None
    ) -> None:
        """
        Send authentic packets in two halves, of which no memory stays; what they cause to
        be sent does not arrive, and the match stands still meanwhile.
        """
        sent = self.swallow()
        other = self.meshOf(1).links[2]
        before = other.statistics, other.paths.chosen, self.there.paths.chosen
        resident = []
        for half in range(2):
            for number in range(half * count // 2, (half + 1) * count // 2):
                data = self.seal(make(number))
                self.victim.receive(data, source or self.address)
                sent.clear()
            resident.append(residentBytes())
        self.swallowed.restore()
        self.assertLessEqual(resident[1] - resident[0], MEGABYTE, resident)
        self.assertEqual((other.statistics, other.paths.chosen, self.there.paths.chosen), before)

    def assertOthersGoOn(self) -> None:
        """Check that players 1 and 2 play on, and agree with each other."""
        frames = {p: max(self.mesh.seats[p].protocol.frames) for p in (1, 2)}
        self.mesh.network.advance(6.0)
        for player in (1, 2):
            seat = self.mesh.seats[player]
            assert seat.match is not None and seat.failure is None, seat.failure
            self.assertIn(3 - player, seat.match.players)
            self.assertGreater(max(seat.protocol.frames), frames[player] + 100)
        self.assertEqual(self.mesh.disagreement(1, 2), "")


class PathTests(MemberCase):
    """Path checks from thousands of addresses."""

    def test_addresses(self) -> None:
        """
        A check from each of 4000 addresses: no address is believed, no more paths are kept
        than there is room for, and never more is sent than two packets no longer than it.
        """
        sent = self.swallow()
        chosen = self.there.paths.chosen
        resident = []
        for half in range(2):
            for number in range(half * COUNT // 2, (half + 1) * COUNT // 2):
                check = Check(number.to_bytes(8, "big"), Reception(0, 0, number))
                data = self.seal(encodePeerPacket(check))
                self.victim.receive(data, addressOf(number))
                self.assertIn(len(sent), (1, 2))
                for length, _ in sent:
                    self.assertLessEqual(length, len(data))
                sent.clear()
            resident.append(residentBytes())
        self.swallowed.restore()
        self.assertLessEqual(resident[1] - resident[0], MEGABYTE, resident)
        self.assertLessEqual(len(self.there.paths._records), PathSettings().path_limit)
        self.assertGreater(self.there.paths.refused, COUNT - 50)
        self.assertEqual(self.there.paths.chosen, chosen)
        self.assertGoesOn()

    def test_answers(self) -> None:
        """Answers to what was not asked prove no path, wherever they come from."""
        paths = self.there.paths
        proven = [path for path, record in paths._records.items() if record.proven]

        def make(number: int) -> bytes:
            return encodePeerPacket(CheckAnswer(self.random.drawBytes(8), number - 2000))

        self.flood(make)
        self.flood(make, 100, ("203.0.113.9", 9))
        self.assertEqual([p for p, record in paths._records.items() if record.proven], proven)
        self.assertGoesOn()

    def test_jump(self) -> None:
        """A counter that jumps to the last there is ends the liar's own link and no other."""
        sealed = self.link._sealed
        counter, sealed._counter = sealed._counter, (1 << 63) - 1
        self.victim.receive(self.seal(encodePeerPacket(Inputs(b"\1"))), self.address)
        sealed._counter = counter
        self.assertEqual(self.there._sealed.highest, (1 << 63) - 1)
        self.assertOthersGoOn()
        self.assertGreater(self.there.statistics.rejected, 100)

    def test_whereabouts(self) -> None:
        """Lies about where all the others are: nobody is sent to where nobody is."""
        link = self.link
        for number in range(600):
            candidate = Candidate(HOST, addressOf(number))
            link.sendMessage(
                MESH_STREAM, encodeMeshMessage(Whereabouts(1 + number % 3, (candidate,)))
            )
            if not number % 50:
                self.mesh.network.advance(0.1)
        self.assertGoesOn()

    def test_introductions(self) -> None:
        """
        Newcomers that are none, with every number and with keys of others and bad ones: a
        handful is looked for, none is ever a player, and nobody's place is taken.
        """
        self.begin(3, capacity=12)
        counts = CallCounts(self)
        mesh = self.meshOf(1)
        honest = dict(mesh.links)
        known = self.mesh.seats[2].member
        for number in range(1000):
            key = number.to_bytes(4, "big") * 8
            keys = (key, key), (known.link_key, key), (key, known.statement_key), (bytes(32), key)
            link_key, statement_key = keys[number % 4]
            fake = TicketMember(
                1 + number % 16,
                number.to_bytes(8, "big"),
                "nobody",
                link_key,
                statement_key,
                (Candidate(HOST, addressOf(number)),),
            )
            self.link.sendMessage(MESH_STREAM, encodeMeshMessage(Introduction(fake)))
            if not number % 50:
                self.mesh.network.advance(0.1)
        self.mesh.network.advance(3.0)
        self.assertLessEqual(counts.exchanges, 2 * WORD_LIMIT)
        self.assertLessEqual(len(mesh.links), 2 + WORD_LIMIT)
        self.assertGreater(mesh._whereabouts.introductions.refused, 200)
        for player, link in honest.items():
            self.assertIs(mesh.links[player], link)
        self.assertGoesOn()

    def test_farewells(self) -> None:
        """Goodbyes, countdowns and call-offs in the middle of a match: the liar alone is out."""
        self.mesh.network.advance(3.0)
        packets = (
            CallOff(CallOffReason.NO_PATH, (2,)),
            Countdown(0, 0),
            Ready(bytes(16), heard=False),
            Goodbye(GoodbyeReason.REFUSED, 5),
            Goodbye(GoodbyeReason.DIFFERED, 5),
            Goodbye(GoodbyeReason.FINISHED, 1 << 30),
            Goodbye(GoodbyeReason.LEFT, 0),
        )
        for packet in packets:
            self.victim.receive(self.seal(encodePeerPacket(packet)), self.address)
        self.assertOthersGoOn()


class PacketTests(MemberCase):
    """What is inside of the seal is junk."""

    def test_kinds(self) -> None:
        """Every kind with random bodies: refused by name or of no use; the match goes on."""
        harmless = [
            kind
            for kind in range(256)
            if kind not in (PacketKind.GOODBYE, PacketKind.CALL_OFF, PacketKind.CHANNEL)
        ]
        malformed = self.there.statistics.malformed

        def make(number: int) -> bytes:
            size = int.from_bytes(self.random.drawBytes(1), "big") % 90
            return bytes([harmless[number % len(harmless)]]) + self.random.drawBytes(size)

        self.flood(make)
        self.assertGreater(self.there.statistics.malformed - malformed, COUNT // 2)
        self.assertGoesOn()

    def test_inputs(self) -> None:
        """Packets of play that are none: counted, and no input of anybody's changes."""
        match = self.mesh.seats[1].match
        assert match is not None
        refused = match._loop.statistics.packets_refused

        def make(number: int) -> bytes:
            size = 1 + int.from_bytes(self.random.drawBytes(1), "big") % 200
            return encodePeerPacket(Inputs(self.random.drawBytes(size)))

        self.flood(make)
        self.assertGreater(match._loop.statistics.packets_refused - refused, COUNT // 2)
        self.assertGoesOn()

    def test_statements(self) -> None:
        """Statements about the end of a match that goes on: the newest is kept, at most."""

        def make(number: int) -> bytes:
            outcome, signature = self.random.drawBytes(500), self.random.drawBytes(64)
            return encodePeerPacket(StatementPacket(True, number, number, outcome, signature))

        self.flood(make)
        self.assertGoesOn()

    def test_logs(self) -> None:
        """Junk as messages of the session's log."""
        self.flood(lambda n: encodePeerPacket(LogBody(self.random.drawBytes(1 + n % 200))))
        self.assertGoesOn()

    def test_logRequests(self) -> None:
        """Requests for all events and snapshots there are, thousands of them at once."""
        match = self.mesh.seats[1].match
        assert match is not None and match.shared.state is not None
        for number in range(50):
            match.shared.submit(SendCustom("x", bytes(1000))).addErrback(lambda failure: None)
            if not number % 10:
                self.mesh.network.advance(0.5)
        self.mesh.network.advance(1.0)
        epoch = match.shared.state.epoch
        wanted = (
            encodeLogMessage(EventsWanted(epoch, 0, BATCH_LIMIT)),
            encodeLogMessage(SnapshotWanted(0)),
            encodeLogMessage(EventsWanted(Epoch(99, LIAR), 3, BATCH_LIMIT)),
            canonical_cbor.encode([EventsWanted.number, packRow(epoch), 0, 10**9]),
        )
        before = match.shared.state
        self.flood(lambda n: encodePeerPacket(LogBody(wanted[n % 4])))
        self.assertEqual(match.shared.state, before)
        self.assertGreater(match.shared.statistics.rejected, COUNT // 8)
        self.assertGoesOn()
        answer = match.shared.submit(Say("still there"))
        self.mesh.network.advance(2.0)
        event = self.successResultOf(answer)
        assert event is not None
        self.assertEqual(event.body, Chat(1, "still there"))

    def test_empty(self) -> None:
        """Nothing at all, well sealed."""
        self.flood(lambda n: b"", 1000)
        self.assertGoesOn()


class ChannelTests(MemberCase):
    """Channel bodies that lie: acknowledgements of a billion, transfers, messages of junk."""

    def body(self, *parts: bytes) -> bytes:
        """Return a packet of the channel's kind."""
        return bytes([PacketKind.CHANNEL]) + b"".join(parts)

    def test_acknowledgements(self) -> None:
        """A billion and more: refused by name, counted."""
        malformed = self.there.statistics.malformed

        def make(number: int) -> bytes:
            top = 10**9 + number
            ranges = ((top - 60_000, top),)
            return self.body(
                encodeHeader(None, encodeAcknowledgement(Acknowledgement(ranges, 0.0, 0)))
            )

        self.flood(make)
        self.assertEqual(self.there.statistics.malformed - malformed, COUNT)
        self.assertGoesOn()

    def test_transfers(self) -> None:
        """Offers that nobody wants, chunks of what was not offered, withdrawn in between."""
        first = 1000

        def make(number: int) -> bytes:
            offer = Offer(number + 1, number % 60_000, 1 << 20, bytes(16), b"\0\0\0\1")
            frame = (offer, Chunk(number, 0, b"x"), Done(number + 1), Window(1, 1))[number % 4]
            return self.body(encodeHeader(first + number), encodeFrame(frame))

        self.flood(make)
        self.assertEqual(self.there.channel.incomingTransfers, ())
        self.assertOthersGoOn()

    def test_messages(self) -> None:
        """Whole messages of junk on every stream: none of them ends anything."""
        offsets = [self.there.channel._incoming[stream]._bytes.end for stream in range(4)]

        def make(number: int) -> bytes:
            stream = number % 4
            junk = self.random.drawBytes(1 + number % 300)
            content = len(junk).to_bytes(4, "big") + junk
            piece = Piece(stream, offsets[stream], content)
            offsets[stream] += len(content)
            return self.body(encodeHeader(100 + number), encodeFrame(piece))

        self.flood(make)
        self.assertOthersGoOn()
