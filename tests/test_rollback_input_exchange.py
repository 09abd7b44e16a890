"""Tests of L{gamenet.rollback.input_exchange}: when packets go out, and what is in them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.rollback.session import RollbackSession
from gamenet.wire.input_frames import BODY_LIMIT, decodeHeader, joinInputs
from tests.rollback_mesh import Mesh
from tests.rollback_pipe import FRAME, packet, play, read, session, tell


def inputPackets(one: RollbackSession, now: float) -> list[bytes]:
    """The input packets that are due."""
    return [body for _, body in one.packetsDue(now) if body[0] < 0x10]


class PaceTests(SynchronousTestCase):
    """Packets per link: at most one per frame, or per send interval, and keep-alives."""

    def test_sendInterval(self) -> None:
        """send_interval 1 to 4: while frames are played, exactly every so many frames."""
        for interval in (1, 2, 3, 4):
            one = session(send_interval=interval)
            sent = []
            for tick in range(24):
                tell(one, b"x", first=tick, wanted=len(sent) and sent[-1] + 1)
                play(one, b"a", tick * FRAME)
                if inputPackets(one, tick * FRAME):
                    sent.append(tick)
            self.assertEqual(sent, list(range(0, 24, interval)))

    def test_onceAFrame(self) -> None:
        """However often it is asked within a frame, one packet goes out."""
        one = session()
        play(one, b"a", 1.0)
        counts = [len(inputPackets(one, 1.0 + part * FRAME / 10)) for part in range(10)]
        self.assertEqual(sum(counts), 2)
        self.assertEqual(counts[0], 1)

    def test_keepAlive(self) -> None:
        """Where there is nothing new, a packet goes out after 200 ms, with all that is known."""
        one = session()
        play(one, b"a")
        inputPackets(one, 1.0)
        tell(one, wanted=1)
        times = [tick for tick in range(60) if inputPackets(one, 1.0 + tick * FRAME)]
        self.assertEqual(len(times), 4)
        for before, after in zip([0, *times], times, strict=False):
            self.assertIn(after - before, (12, 13))
        slow = session(keep_alive=0.5, interrupted_after=1.0)
        self.assertEqual(len(inputPackets(slow, 0.0)), 1)
        tell(slow)
        self.assertEqual([tick for tick in range(1, 60) if inputPackets(slow, tick * FRAME)], [30])

    def test_resent(self) -> None:
        """What is not acknowledged is resent at the pace of the frames, also in a stall."""
        one = session()
        for _ in range(8):
            play(one, b"a")
        play(one, None)
        sent = [read(body).inputs for tick in range(10) for body in inputPackets(one, tick * FRAME)]
        self.assertEqual(sent, [[b"a"] * 8] * 10)

    def test_neverDeadlocks(self) -> None:
        """
        Anchor, mesh lesson: all windows full and all queues acknowledged, so that only
        the status in keep-alives can set a mesh going again; it does.
        """
        mesh = Mesh(3)
        mesh.run(30)
        for link in ((1, 2), (1, 3), (2, 3)):
            mesh.cutLink(*link)
        mesh.run(60)
        mesh.cut.clear()
        mesh.run(310)
        self.assertGreater(len(mesh.common()), 300)

    def test_manyPlayers(self) -> None:
        """Above 8 players every second frame, unless set."""
        for players, packets in ((8, 60), (9, 30), (16, 30)):
            mesh = Mesh(players, latency=0.5)
            mesh.run(12)
            before = mesh.sessions[1].statistics.packets_sent
            mesh.run(60)
            sent = mesh.sessions[1].statistics.packets_sent - before
            self.assertAlmostEqual(sent / (players - 1), packets, delta=2)


class ReportTests(SynchronousTestCase):
    """Checksum reports."""

    def test_untilAcknowledged(self) -> None:
        """A report goes into each packet until one with it was acknowledged, and no longer."""
        one = session(checksum_interval=3)
        for frame in range(3):
            tell(one, b"x", first=frame)
            play(one, b"a")
        reports = []
        acknowledged = 0
        for frame in range(3, 8):
            reports.append(decodeHeader(one.packetFor(2, 0.0)).report_frame)
            tell(one, first=3, wanted=acknowledged)
            play(one, b"a")
            acknowledged = frame
        self.assertEqual(reports, [2, 2, 2, -1, -1])

    def test_packetWithoutReport(self) -> None:
        """The acknowledgement of a packet that was sent before the report does not end it."""
        one = session(checksum_interval=3)
        for _ in range(3):
            play(one, b"a")
        one.packetFor(2, 0.0)
        tell(one, b"x", b"x", b"x", wanted=3)
        play(one, None)
        for _ in range(3):
            self.assertEqual(decodeHeader(one.packetFor(2, 0.0)).report_frame, 2)
        tell(one, first=3, wanted=3)
        self.assertEqual(decodeHeader(one.packetFor(2, 0.0)).report_frame, 2)

    def test_inputsChecksum(self) -> None:
        """Both sides' checksums of the inputs are equal, and none is the one for none."""
        mesh = Mesh(3, checksum_interval=10, loss=0.1)
        mesh.run(60)
        reports = [one._progress.report for one in mesh.sessions.values()]
        self.assertEqual(len({report for report in reports if report and report[0] == 49}), 1)
        self.assertNotEqual(reports[0][2] if reports[0] else 0, 0)
        for one in mesh.sessions.values():
            for other in one._exchange.others:
                self.assertEqual(other.checksums.inputs_differ, -1)


class ContentTests(SynchronousTestCase):
    """What is in a packet."""

    def test_base(self) -> None:
        """The runs are the difference from the last acknowledged input; none before frame 0."""
        one = session()
        for text in (b"aaaa", b"aaab", b"aaac"):
            play(one, text)
        self.assertEqual(read(one.packetFor(2, 0.0)).inputs, [b"aaaa", b"aaab", b"aaac"])
        full = len(one.packetFor(2, 0.0))
        tell(one, wanted=1)
        body = one.packetFor(2, 0.0)
        self.assertEqual(read(body, b"aaaa").inputs, [b"aaab", b"aaac"])
        self.assertNotEqual(read(body, b"bbbb").inputs, [b"aaab", b"aaac"])
        self.assertLess(len(body), full)

    def test_everyReceiverHasItsOwn(self) -> None:
        """What one peer has acknowledged is still sent to another."""
        one = session(players=3)
        for text in (b"a", b"b", b"c"):
            play(one, text)
        for peer in (2, 3):
            one.packetFor(peer, 0.0)
        tell(one, wanted=2, peer=2)
        self.assertEqual(read(one.packetFor(2, 0.0), b"b").inputs, [b"c"])
        self.assertEqual(read(one.packetFor(3, 0.0)).inputs, [b"a", b"b", b"c"])
        self.assertFalse(one.acknowledged(2) or one.acknowledged(3))

    def test_slowestHoldsUp(self) -> None:
        """The limit of unacknowledged inputs counts from the peer that has the fewest."""
        one = session(players=3, unacknowledged_limit=4)
        for frame in range(4):
            for peer in (2, 3):
                tell(one, b"x", first=frame, peer=peer)
            play(one, b"a")
            for peer in (2, 3):
                one.packetFor(peer, 0.0)
        tell(one, b"x", first=4, wanted=4, peer=2)
        self.assertIsNone(one.inputFrame())
        tell(one, b"x", first=4, wanted=1, peer=3)
        self.assertEqual(one.inputFrame(), 4)

    def test_oldestFirst(self) -> None:
        """
        Where 1150 bytes are too few for all, the oldest inputs go, never fewer than one
        frame, and what is left follows when they are acknowledged: 15 players of one
        peer with 64 bytes each, changing every frame.
        """
        everybody = tuple(range(1, 16))
        one = session(1, players=16, seating=(everybody, (16,)), prediction_window=32)
        two = session(16, players=16, seating=(everybody, (16,)), prediction_window=32)
        for frame in range(20):
            one.advance({player: bytes([frame, player] * 32) for player in everybody}, 0.0)
        rounds = 0
        while two.remote(1).blobs.count < 20:
            before = two.remote(1).blobs.count
            body = one.packetFor(16, 0.0)
            self.assertLessEqual(len(body), BODY_LIMIT)
            two.packetReceived(1, body, 0.0)
            self.assertGreater(two.remote(1).blobs.count, before)
            one.packetReceived(16, two.packetFor(1, 0.0), 0.0)
            rounds += 1
        self.assertGreater(rounds, 4)
        self.assertEqual(
            two.remote(1).blobs.known(19),
            joinInputs([bytes([19, player] * 32) for player in everybody]),
        )

    def test_stallsAndRecovers(self) -> None:
        """
        The session stalls rather than fails where inputs come faster than they fit:
        random 64 bytes of 15 players on a link of 100 ms.
        """

        def script(player: int, frame: int) -> bytes:
            return mesh.random.drawBytes(64) if player < 16 else b""

        mesh = Mesh(
            16, latency=6.0, script=script, seating=(tuple(range(1, 16)), (16,)), send_interval=1
        )
        mesh.run(300)
        common = mesh.common()
        self.assertGreater(len(common), 15)
        self.assertGreater(mesh.sessions[16].statistics.stalls, 0)
        for session_ in mesh.sessions.values():
            self.assertEqual(session_.statistics.packets_refused, 0)

    def test_seating(self) -> None:
        """Inputs of several players of one peer reach their players, with gaps in the numbers."""
        mesh = Mesh(4, seating=((1, 3), (2,), (4,)), loss=0.1, jitter=2)
        mesh.run(200)
        common = mesh.common()
        self.assertGreater(len(common), 150)
        for event in common:
            expected = tuple(mesh.script(player, event.frame) for player in range(1, 5))
            self.assertEqual(event.inputs, expected)

    def test_noMember(self) -> None:
        """Nothing is sent to nobody."""
        one = session(players=3, vacant=(3,))
        for peer in (0, 1, 3, 4):
            self.assertRaises(LocalProtocolError, one.packetFor, peer, 0.0)
        self.assertEqual([peer for peer, _ in one.packetsDue(0.0)], [2])


class ReceivedTests(SynchronousTestCase):
    """What becomes of packets that come."""

    def test_repeatedAndReplayed(self) -> None:
        """Bad input: duplicates and packets of old say nothing new, and change nothing."""
        one = session()
        bodies = []
        for frame in range(60):
            base = bytes([frame - 1]) if frame else b""
            bodies.append(packet(frame, [bytes([frame])], frame, frame, base=base))
            one.packetReceived(2, bodies[-1], 0.0)
            play(one, b"a")
            one.packetFor(2, 0.0)
        held = one.remote(2).blobs.since(0)
        for body in bodies * 20:
            one.packetReceived(2, body, 0.0)
        self.assertEqual(one.remote(2).blobs.since(0), held)
        self.assertEqual(one.statistics.packets_repeated, 1200)
        self.assertEqual((one.remote(2).acknowledged, one.remoteFrame(2)), (59, 59))

    def test_frozen(self) -> None:
        """While it is decided who plays on, a suspect's inputs are not taken; it is heard."""
        one = session(players=3)
        tell(one, b"x")
        one._exchange.frozen = (2,)
        tell(one, b"y", first=1)
        self.assertEqual(one.remote(2).blobs.count, 1)
        one._exchange.frozen = ()
        tell(one, b"y", first=1)
        self.assertEqual(one.remote(2).blobs.count, 2)

    def test_otherInputs(self) -> None:
        """Inputs that are not those of before are refused for a peer of several players too."""
        one = session(3, players=3, seating=((1, 2), (3,)))
        tell(one, joinInputs([b"a", b"b"]), peer=1)
        body = packet(0, [joinInputs([b"a", b"c"])], 0, 1)
        self.assertRaises(RemoteProtocolError, one.packetReceived, 1, body, 0.0)
        self.assertEqual(one.statistics.inconsistent_inputs, 1)
