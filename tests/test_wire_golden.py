"""
Golden bytes: what version 1 put on the wire is read, and written, for ever.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire.framing import FrameBuffer, frame
from gamenet.wire.heartbeats import (
    encodeHeartbeat,
    encodeHeartbeatAnswer,
    readClientId,
    verifyHeartbeat,
    verifyHeartbeatAnswer,
)
from gamenet.wire.lobby_messages import (
    ANSWERS,
    LOBBY_VERSION,
    PROTOCOL_VERSION,
    REQUESTS,
    RefusalCode,
    decodeAnswer,
    decodeRequest,
    encodeMessage,
)
from gamenet.wire.peer_packets import PacketKind, decodePeerPacket, encodePeerPacket
from tests.golden import readTable
from tests.golden.samples_of_version_1 import (
    HEARTBEAT_KEY,
    HEARTBEATS,
    LOBBY_MESSAGES,
    PEER_PACKETS,
)
from tests.golden.samples_of_version_2 import LOBBY_MESSAGES as LOBBY_MESSAGES_2


class GoldenTests(SynchronousTestCase):
    """The tables of version 1."""

    def test_lobbyMessages(self) -> None:
        """
        Every golden lobby message of each version is decoded to its value and encoded
        back, byte for byte.
        """
        for version, samples in ((1, LOBBY_MESSAGES), (2, LOBBY_MESSAGES_2)):
            table = readTable(version, "lobby_messages")
            self.assertEqual(list(table), list(samples))
            for name, data in table.items():
                message = samples[name]
                decode = decodeRequest if message.number in REQUESTS else decodeAnswer
                self.assertEqual(decode(data), message, name)
                self.assertEqual(encodeMessage(message), data, name)
                self.assertEqual(FrameBuffer().feed(frame(data)), [data], name)

    def test_heartbeats(self) -> None:
        """Every golden heartbeat and answer is verified and made again, byte for byte."""
        table = readTable(1, "heartbeats")
        self.assertEqual(list(table), list(HEARTBEATS))
        for name, data in table.items():
            client_id, sequence = HEARTBEATS[name]
            if client_id is None:
                self.assertEqual(verifyHeartbeatAnswer(HEARTBEAT_KEY, data), sequence)
                self.assertEqual(encodeHeartbeatAnswer(HEARTBEAT_KEY, sequence), data)
            else:
                self.assertEqual(readClientId(data), client_id)
                self.assertEqual(verifyHeartbeat(HEARTBEAT_KEY, data), sequence)
                self.assertEqual(encodeHeartbeat(HEARTBEAT_KEY, client_id, sequence), data)

    def test_peerPackets(self) -> None:
        """Every golden peer packet is decoded to its value and encoded back, byte for byte."""
        table = readTable(1, "peer_packets")
        self.assertEqual(list(table), list(PEER_PACKETS))
        for name, data in table.items():
            self.assertEqual(decodePeerPacket(data), PEER_PACKETS[name], name)
            self.assertEqual(encodePeerPacket(PEER_PACKETS[name]), data, name)

    def test_everyMessageHasSamples(self) -> None:
        """A message or packet class without golden bytes fails here."""
        samples = (*LOBBY_MESSAGES.values(), *LOBBY_MESSAGES_2.values())
        sampled = {type(message) for message in samples}
        for message_type in (*REQUESTS.values(), *ANSWERS.values()):
            self.assertIn(message_type, sampled)
        kinds = sorted({data[0] for data in readTable(1, "peer_packets").values()})
        self.assertEqual(kinds, sorted(PacketKind))
        firsts = sorted({data[0] for data in readTable(1, "heartbeats").values()})
        self.assertEqual(firsts, [0xC0, 0xC1])
        newest = (PROTOCOL_VERSION, LOBBY_VERSION)
        self.assertEqual(newest, (1, 2), "a new version needs a folder of its own")

    def test_numbers(self) -> None:
        """Numbers on the wire never change: messages' and refusals'."""
        self.assertEqual(
            {number: message.__name__ for number, message in (REQUESTS | ANSWERS).items()},
            {
                1: "Hello",
                2: "ListSessions",
                3: "CreateSession",
                4: "JoinSession",
                5: "LeaveSession",
                6: "StartMatch",
                7: "OfferCandidates",
                8: "SendStep",
                9: "StreamHeartbeat",
                10: "EndMatch",
                11: "OfferResult",
                12: "ReportHost",
                64: "Welcome",
                65: "Done",
                66: "Refused",
                67: "SessionList",
                68: "SessionState",
                69: "SessionClosed",
                70: "RelayCredentials",
                71: "MatchTicket",
                72: "CandidatesChanged",
                73: "Step",
                74: "StreamHeartbeatAnswer",
                75: "Farewell",
                76: "PlayerJoined",
                77: "PlayerLeft",
            },
        )
        self.assertEqual(
            {code.value: code.name for code in RefusalCode},
            {
                1: "MALFORMED",
                2: "UNKNOWN_MESSAGE",
                3: "UNSUPPORTED_VERSION",
                4: "BAD_NAME",
                5: "ALREADY_GREETED",
                6: "NOT_GREETED",
                7: "NO_SUCH_SESSION",
                8: "SESSION_FULL",
                9: "ALREADY_SEATED",
                10: "NOT_SEATED",
                11: "NOT_HOST",
                12: "TOO_FEW_PLAYERS",
                13: "MATCH_RUNNING",
                14: "NO_SUCH_MATCH",
                15: "NO_SUCH_PLAYER",
                16: "TOO_MANY",
                17: "BAD_SETTING",
                18: "FRAME_TOO_LONG",
                19: "STALE_EPOCH",
            },
        )

    def test_bytesByHand(self) -> None:
        """A Hello and a Refused, put together by hand from RFC 8949, are what we send."""
        hello = (
            b"\x87\x01\x01\x01\x01\x63Ada"
            + (b"\x58\x20" + bytes(range(32)))
            + (b"\x58\x20" + bytes(range(32, 64)))
        )
        self.assertEqual(readTable(1, "lobby_messages")["Hello"], hello)
        refused = b"\x84\x18\x42\x05\x08\x73every seat is taken"
        self.assertEqual(readTable(1, "lobby_messages")["Refused"], refused)

    def test_tagByAnotherImplementation(self) -> None:
        """OpenSSL's BLAKE2BMAC gives the same tag for the first heartbeat."""
        data = readTable(1, "heartbeats")["Heartbeat"]
        self.assertEqual(data[18:].hex(), "3242414aef1589a886e6d33bbfeb6998")
