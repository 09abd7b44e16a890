"""
Done when: the wire protocol page is complete enough to write a client in another language,
with test vectors in C{docs/vectors/} that the tests check.

L{tests.foreign} is such a client, written from the pages alone.  Here it is put to every
vector: it must read each, and write the same bytes.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire.backfill_packets import decodeBackfillPacket
from gamenet.wire.feed_packets import decodeFeedPacket
from gamenet.wire.input_frames import decodeBlobs, decodeHeader
from gamenet.wire.lobby_messages import decodeAnswer, decodeRequest
from gamenet.wire.peer_packets import decodePeerPacket
from gamenet.wire.state_packets import decodeStateWanted
from gamenet.wire.transfer_packets import decodeTransferPacket
from gamenet.wire.view_messages import decodeViewMessage
from tests.foreign import cbor, lobby, packets, rollback, rules, seal, views
from tests.foreign.malformed import Malformed
from tests.vectors.lobby import lobbyVectors
from tests.vectors.packets import packetVectors
from tests.vectors.plain import VECTORS
from tests.vectors.rollback import rollbackVectors
from tests.vectors.vector_case import VectorTests, octets, read, shown

FOREIGN = Path(__file__).parent / "foreign"


def _which(body: bytes) -> int:
    """Return which of missing inputs, views, feed and states a body is about."""
    if body[0] in (0x20, 0x21, 0x22):
        return 0
    return {1: 1, 3: 2}.get(body[0] >> 4, 3)


class ForeignTests(SynchronousTestCase):
    """The client itself."""

    def test_importsNothingOfGamenet(self) -> None:
        """It knows the pages, the standard library and C{cryptography}, and nothing else."""
        for module in sorted(FOREIGN.glob("*.py")):
            for node in ast.walk(ast.parse(module.read_text())):
                names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                for name in names:
                    self.assertNotEqual(name.partition(".")[0], "gamenet", module.name)
                    if name.startswith("tests"):
                        self.assertTrue(name.startswith("tests.foreign"), module.name)

    def test_everyFileIsChecked(self) -> None:
        """A file of vectors that is not read here, or on no page, fails."""
        names = {path.name for path in VECTORS.glob("*.json")}
        tests = Path(__file__).parent.glob("test_vectors_*.py")
        source = "".join(module.read_text() for module in tests)
        pages = "".join(page.read_text() for page in VECTORS.parent.glob("*.rst"))
        for name in sorted(names):
            self.assertIn(f'read("{name}")', source)
            self.assertIn(f"``docs/vectors/{name}``", pages)


class LobbyVectorTests(VectorTests):
    """C{docs/vectors/lobby.json}."""

    def setUp(self) -> None:
        """Read the file."""
        self.vectors = read("lobby.json")

    def test_areWhatWeDo(self) -> None:
        """The file is what gamenet sends now."""
        self.assertEqual(self.vectors, json.loads(json.dumps(lobbyVectors())))

    def test_messages(self) -> None:
        """Every message of both versions is read and written."""
        seen = set()
        for vector in self.vectors["messages"]:
            payload = octets(vector["payload"])
            message = lobby.decodeMessage(payload)
            self.assertEqual(lobby.MESSAGES[message[0]][0], vector["message"])
            self.assertEqual(shown(message), vector["array"])
            self.assertEqual(lobby.encodeMessage(*message), payload)
            self.assertEqual(lobby.frame(payload).hex(), vector["frame"])
            buffer = bytearray(octets(vector["frame"]) + b"\0\0")
            self.assertEqual(lobby.unframe(buffer), [payload])
            self.assertEqual(buffer, b"\0\0")
            seen.add(message[0])
        self.assertEqual(seen, set(lobby.MESSAGES))

    def test_heartbeats(self) -> None:
        """Every heartbeat and answer is made, and no other passes for one."""
        key = octets(self.vectors["heartbeat_key"])
        for vector in self.vectors["heartbeats"]:
            sequence = vector["sequence"]
            if "answer" in vector:
                answer = octets(vector["answer"])
                self.assertTrue(lobby.isHeartbeatAnswer(key, answer, sequence))
                self.assertFalse(lobby.isHeartbeatAnswer(bytes(32), answer, sequence))
            else:
                made = lobby.heartbeat(key, octets(vector["client_id"]), sequence)
                self.assertEqual(made.hex(), vector["heartbeat"])

    def test_malformed(self) -> None:
        """Bad input: what is no message is refused."""
        self.refuses(lobby.decodeMessage, self.ours, self.vectors["malformed"])

    def ours(self, payload: bytes) -> object:
        """Decode a message as gamenet does."""
        requests = payload[1:2] < b"\x18" and payload[1:2] != b""
        return decodeRequest(payload) if requests else decodeAnswer(payload)

    @given(st.binary(max_size=64))
    @settings(max_examples=100)
    def test_anyBytes(self, payload: bytes) -> None:
        """Whatever comes is read back to the same bytes, or refused."""
        try:
            message = cbor.decode(payload)
        except Malformed:
            return
        self.assertEqual(cbor.encode(message), payload)


class PacketVectorTests(VectorTests):
    """C{docs/vectors/packets.json}."""

    def setUp(self) -> None:
        """Read the file."""
        self.vectors = read("packets.json")

    def test_areWhatWeDo(self) -> None:
        """The file is what gamenet sends now."""
        self.assertEqual(self.vectors, json.loads(json.dumps(packetVectors())))

    def test_packets(self) -> None:
        """Every kind of packet is read and written."""
        kinds = set()
        for vector in self.vectors["packets"]:
            kind, said = packets.decodePacket(octets(vector["packet"]))
            told = {key: each.hex() if isinstance(each, bytes) else each
                    for key, each in said.items()}
            self.assertEqual((kind, told), (vector["kind"], vector["says"]))
            self.assertEqual(packets.encodePacket(kind, **said).hex(), vector["packet"])
            kinds.add(kind)
        self.assertEqual(len(kinds), 11)

    def test_stream3(self) -> None:
        """Every message about ways to each other is read."""
        for vector in self.vectors["stream_3"]:
            message = packets.decodeMeshMessage(octets(vector["message"]))
            self.assertEqual(shown(message), vector["array"])
            self.assertEqual(cbor.encode(message).hex(), vector["message"])

    def test_result(self) -> None:
        """A result is signed as the page says."""
        told = self.vectors["result"]
        signed = packets.result(
            octets(told["match_id"]), told["last_frame"], told["checksum"], octets(told["outcome"])
        )
        self.assertEqual(signed.hex(), told["statement"])
        key = Ed25519PrivateKey.from_private_bytes(octets(told["statement_private_key"]))
        self.assertEqual(key.sign(signed).hex(), told["signature"])
        kind, said = packets.decodePacket(octets(told["packet"]))
        self.assertEqual(kind, "STATEMENT")
        self.assertTrue(seal.isSigned(octets(told["statement_key"]), signed, said["signature"]))
        self.assertFalse(seal.isSigned(octets(told["statement_key"]), b"", said["signature"]))

    def test_malformed(self) -> None:
        """Bad input: what is no packet is refused."""
        self.refuses(packets.decodePacket, decodePeerPacket, self.vectors["malformed"])


class RollbackVectorTests(VectorTests):
    """C{docs/vectors/rollback.json}."""

    def setUp(self) -> None:
        """Read the file."""
        self.vectors = read("rollback.json")

    def test_areWhatWeDo(self) -> None:
        """The file is what gamenet sends now."""
        self.assertEqual(self.vectors, json.loads(json.dumps(rollbackVectors())))

    def test_rules(self) -> None:
        """The digest of the rules is computed."""
        for vector in self.vectors["rules"]:
            digest = vector.pop("digest")
            self.assertEqual(rules.rulesDigest(**vector).hex(), digest)

    def test_runLength(self) -> None:
        """The run-length code is written."""
        for vector in self.vectors["run_length"]:
            self.assertEqual(rollback.runLength(octets(vector["bytes"])).hex(), vector["code"])

    def test_inputs(self) -> None:
        """Every input packet is read and written."""
        for vector in self.vectors["inputs"]:
            before = octets(vector.pop("blob_before"))
            what, body = vector.pop("what"), octets(vector.pop("body"))
            said = rollback.decodeInputs(body, before)
            told = {**said, "blobs": [blob.hex() for blob in said["blobs"]]}
            self.assertEqual(told, vector, what)
            if said["confirmed_frame"] >= 0 or not said["first_frame"]:
                self.assertEqual(rollback.encodeInputs(said, before), body, what)

    def test_inputsChecksum(self) -> None:
        """The checksum of inputs is computed."""
        told = self.vectors["inputs_checksum"]
        frames = [[octets(each) for each in row] for row in told["frames"]]
        self.assertEqual(rollback.inputsChecksum(frames), told["checksum"])

    def test_others(self) -> None:
        """Every other body is read."""
        names = set()
        for group, decode in (
            ("missing", rollback.decodeBackfill),
            ("views", views.decodeView),
            ("feed", views.decodeFeed),
            ("states", views.decodeControl),
        ):
            for vector in self.vectors[group]:
                said = decode(octets(vector["body"]))
                told = json.loads(json.dumps({key: shown(each) for key, each in said.items()},
                                             default=bytes.hex))
                self.assertEqual(told, vector["says"])
                names.add((group, said["message"]))
        self.assertEqual(len(names), 3 + 10 + 4 + 6)

    def test_malformed(self) -> None:
        """Bad input: what is no body is refused."""
        theirs = (rollback.decodeBackfill, views.decodeView, views.decodeFeed, views.decodeControl)
        ours = (decodeBackfillPacket, decodeViewMessage, decodeFeedPacket, decodeTransferPacket)

        def foreign(body: bytes) -> object:
            if body[0] > 0x0F:
                return theirs[_which(body)](body)
            return rollback.decodeInputs(body, b"")

        def native(body: bytes) -> object:
            if body[0] == 0x28:
                return decodeStateWanted(body)
            if body[0] > 0x0F:
                return ours[_which(body)](body)
            return decodeBlobs(body, decodeHeader(body).position, b"")

        self.refuses(foreign, native, self.vectors["malformed"])
