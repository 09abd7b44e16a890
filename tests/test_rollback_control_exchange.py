"""Everything that peers say beside inputs: L{gamenet.rollback.control_exchange}."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage, RemoteProtocolError
from gamenet.rollback.membership import ROUND_INTERVAL
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import RollbackSettings
from gamenet.wire.feed_packets import Follow, encodeFollow
from gamenet.wire.state_packets import StateWanted, encodeStateWanted
from gamenet.wire.transfer_packets import TransferPurpose
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import CommitAck, JoinRefusal, JoinRefused, JoinRequest
from tests.rollback_pipe import packet


def sessionOf(**changes: Any) -> RollbackSession:
    """Player 1 of three, the third seat empty."""
    chosen: dict[str, Any] = {"players": 3, "vacant": (3,), "input_delay": 0}
    return RollbackSession(RollbackSettings(**chosen | changes))


class FamilyTests(SynchronousTestCase):
    """Which packet goes where, by its first byte."""

    def test_unknownKinds(self) -> None:
        """Bad input: an empty packet, and first bytes that mean nothing; each is counted."""
        one = sessionOf()
        bodies = [b"", b"\x50", b"\x80\1\2", b"\xff" * 40]
        for body in bodies:
            self.assertRaises(MalformedMessage, one.packetReceived, 2, body, 0.0)
        self.assertEqual(one.statistics.packets_refused, len(bodies))
        self.assertEqual(one.statistics.packets_received, 0)

    def test_strangers(self) -> None:
        """Bad input: who has no seat in the match is nobody, with any packet."""
        one = sessionOf()
        for peer in (-1, 0, 1, 4, 16):
            for family in range(0, 256, 16):
                body = bytes([family]) + bytes(20)
                self.assertRaises(LocalProtocolError, one.packetReceived, peer, body, 0.0)

    def test_spectators(self) -> None:
        """Numbers above 16 follow, and send nothing else; the fault is theirs."""
        one = sessionOf()
        follow = encodeFollow(Follow(one.settings.digest(), 1, 0))
        for number in (17, 18, 1 << 40):
            one.packetReceived(number, follow, 0.0)
        for body in (
            packet(0, [b""], 0, 1),
            encodeViewMessage(CommitAck(0)),
            encodeStateWanted(StateWanted(TransferPurpose.STATE, 0)),
            b"\x40" + bytes(29),
            b"\x41" + bytes(9),
            b"\x60",
            b"",
        ):
            self.assertRaises(RemoteProtocolError, one.packetReceived, 17, body, 0.0)
        self.assertEqual(one._play.controls.hosting.followers, (17, 18, 1 << 40))

    def test_counted(self) -> None:
        """What comes and goes is counted with the input packets."""
        one = sessionOf()
        body = encodeViewMessage(CommitAck(0))
        one.packetReceived(2, body, 0.0)
        statistics = one.statistics
        self.assertEqual((statistics.packets_received, statistics.bytes_received), (1, len(body)))
        sent = one.packetsDue(0.0)
        self.assertEqual(statistics.packets_sent, len(sent))
        self.assertEqual(statistics.bytes_sent, sum(len(text) for _, text in sent))

    @settings(deadline=None, max_examples=200)
    @given(
        st.integers(0, 255),
        st.binary(max_size=60),
        st.sampled_from([2, 3, 17]),
        st.booleans(),
    )
    def test_anyBytes(self, kind: int, rest: bytes, peer: int, joining: bool) -> None:
        """Bad input: every byte string is taken or refused, by a member and by a joiner."""
        one = sessionOf()
        if joining:
            chosen = RollbackSettings(players=3, local_player=1, vacant=(1,))
            one = RollbackSession(chosen, joining=True)
            peer = 2
        try:
            one.packetReceived(peer, bytes([kind]) + rest, 0.0)
        except RemoteProtocolError:
            self.assertEqual(one.statistics.packets_refused, 1)
        one.packetsDue(0.1)
        self.assertEqual(one.advance(b"" if one.inputFrame() == 0 else None, 0.1)[:0], [])


class RoundTests(SynchronousTestCase):
    """When something is said."""

    def test_quiet(self) -> None:
        """A limit: without anything to say no round sends more than inputs."""
        one = sessionOf(lost_after=None)
        for tick in range(200):
            now = tick / 60
            one.packetReceived(2, packet(0, [], 0, 0), now)
            for _, body in one.packetsDue(now):
                self.assertLess(body[0], 0x10)

    def test_soon(self) -> None:
        """An answer goes out at the next call, not at the next round."""
        one = sessionOf()
        one.packetsDue(1.0)
        wrong = JoinRequest(bytes(16), 0, 0)
        one.packetReceived(3, encodeViewMessage(wrong), 1.001)
        answers = [body for peer, body in one.packetsDue(1.002) if peer == 3]
        refused = encodeViewMessage(JoinRefused(JoinRefusal.CONFIGURATION_DIFFERS))
        self.assertEqual(answers, [refused])
        self.assertGreater(ROUND_INTERVAL, 0.01)

    def test_flood(self) -> None:
        """A limit: of a thousand equal requests one is answered."""
        one = sessionOf()
        request = encodeViewMessage(JoinRequest(one.settings.digest(), 0, 0, False))
        wrong = encodeViewMessage(JoinRequest(bytes(16), 0, 0))
        for _ in range(1000):
            one.packetReceived(3, request, 0.0)
            one.packetReceived(3, wrong, 0.0)
        answers = [body for peer, body in one.packetsDue(0.0) if peer == 3]
        self.assertEqual(len(answers), 2)


class SeatRequestTests(SynchronousTestCase):
    """Issue: "late join": a request for a seat."""

    def answers(self, one: RollbackSession, request: JoinRequest) -> list[Any]:
        one.packetReceived(3, encodeViewMessage(request), 0.0)
        return [
            decodeViewMessage(body)
            for peer, body in one.packetsDue(0.0)
            if peer == 3 and body[0] & 0xF0 == 0x10
        ]

    def test_notHeardByAll(self) -> None:
        """Who does not hear everybody is answered, and not seated."""
        one = sessionOf()
        request = JoinRequest(one.settings.digest(), 0, 0, False)
        self.assertEqual(self.answers(one, request), [JoinRefused(JoinRefusal.NOT_YET)])
        for tick in range(300):
            one.packetReceived(2, packet(0, [], 0, 0), tick / 60)
            one.packetReceived(3, encodeViewMessage(request), tick / 60)
            one.packetsDue(tick / 60)
        self.assertEqual(one.members, (1, 2))

    def test_leaving(self) -> None:
        """Who leaves gives no seats away."""
        one = sessionOf()
        one.leave(0.0)
        self.assertIs(one.state, SessionState.STALLED)
        self.assertIsNone(one.inputFrame())
        self.assertRaises(LocalProtocolError, one.advance, b"", 0.0)
        self.assertEqual(self.answers(one, JoinRequest(one.settings.digest(), 0, 0)), [])

    def test_otherRules(self) -> None:
        """Another configuration is refused by name."""
        one = sessionOf()
        refused = JoinRefused(JoinRefusal.CONFIGURATION_DIFFERS)
        self.assertEqual(self.answers(one, JoinRequest(bytes(16), 0, 0)), [refused])
