"""
Heartbeats: exact bytes, and no sequence out of what the key did not make.
"""

from __future__ import annotations

from hashlib import blake2b

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.demultiplexing import KIND_OF_FIRST_BYTE, DatagramKind
from gamenet.wire.heartbeats import (
    ANSWER_BYTES,
    CLIENT_ID_BYTES,
    HEARTBEAT_BYTES,
    HEARTBEAT_VERSION,
    KEY_BYTES,
    encodeHeartbeat,
    encodeHeartbeatAnswer,
    readClientId,
    verifyHeartbeat,
    verifyHeartbeatAnswer,
)
from tests.wire_strategies import damaged

_KEY = bytes(range(32))
_OTHER_KEY = bytes(range(1, 33))
_ID = b"abcdefgh"

_keys = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)
_ids = st.binary(min_size=CLIENT_ID_BYTES, max_size=CLIENT_ID_BYTES)
_sequences = st.integers(0, 2**64 - 1)


def _tag(untagged: bytes) -> bytes:
    """Return the tag that belongs behind some bytes."""
    return blake2b(untagged, digest_size=16, key=_KEY).digest()


class HeartbeatTests(SynchronousTestCase):
    """The client's datagram."""

    def test_layout(self) -> None:
        """Kind, version, client id, sequence, tag: 34 bytes, in our range of first bytes."""
        data = encodeHeartbeat(_KEY, _ID, 0x0102030405060708)
        untagged = b"\xc0\x01abcdefgh\1\2\3\4\5\6\7\x08"
        self.assertEqual(data, untagged + _tag(untagged))
        self.assertEqual(len(data), HEARTBEAT_BYTES)
        self.assertEqual(data[1], HEARTBEAT_VERSION)
        self.assertIs(KIND_OF_FIRST_BYTE[data[0]], DatagramKind.GAMENET)

    @settings(deadline=None, max_examples=100)
    @given(_keys, _ids, _sequences)
    def test_roundTrip(self, key: bytes, client_id: bytes, sequence: int) -> None:
        """Whoever has the key reads what was written."""
        data = encodeHeartbeat(key, client_id, sequence)
        self.assertEqual(readClientId(data), client_id)
        self.assertEqual(verifyHeartbeat(key, data), sequence)

    def test_forged(self) -> None:
        """Another key's tag, or any bit changed, is refused: the address is the client's own."""
        data = encodeHeartbeat(_KEY, _ID, 7)
        self.assertRaises(MalformedMessage, verifyHeartbeat, _OTHER_KEY, data)
        for bit in range(len(data) * 8):
            forged = bytearray(data)
            forged[bit // 8] ^= 1 << bit % 8
            self.assertRaises(MalformedMessage, verifyHeartbeat, _KEY, bytes(forged))

    def test_length(self) -> None:
        """Every other length is refused, with and without the key."""
        data = encodeHeartbeat(_KEY, _ID, 7)
        for length in range(len(data)):
            self.assertRaises(MalformedMessage, readClientId, data[:length])
            self.assertRaises(MalformedMessage, verifyHeartbeat, _KEY, data[:length])
        longer = data[:-16] + b"\0"
        longer += _tag(longer)
        self.assertRaises(MalformedMessage, readClientId, longer)
        self.assertRaises(MalformedMessage, verifyHeartbeat, _KEY, longer)

    def test_beginning(self) -> None:
        """Another kind or version is refused, though its tag be good."""
        for beginning in (b"\xc1\x01", b"\xc0\x00", b"\xc0\x02", b"\x00\x01"):
            untagged = beginning + _ID + bytes(8)
            data = untagged + _tag(untagged)
            self.assertRaises(MalformedMessage, readClientId, data)
            self.assertRaises(MalformedMessage, verifyHeartbeat, _KEY, data)

    def test_ourMistakes(self) -> None:
        """Keys, ids and sequences of ours that cannot be are our own mistake."""
        bad_keys: tuple[object, ...] = (b"", _KEY[:-1], _KEY + b"x", "k" * 32, bytearray(32))
        for key in bad_keys:
            self.assertRaises(LocalProtocolError, encodeHeartbeat, key, _ID, 0)
            self.assertRaises(
                LocalProtocolError, verifyHeartbeat, key, encodeHeartbeat(_KEY, _ID, 0)
            )
        bad_ids: tuple[object, ...] = (b"", _ID[:-1], _ID + b"x", "abcdefgh")
        for client_id in bad_ids:
            self.assertRaises(LocalProtocolError, encodeHeartbeat, _KEY, client_id, 0)
        bad_sequences: tuple[object, ...] = (-1, 2**64, 1.0, True)
        for sequence in bad_sequences:
            self.assertRaises(LocalProtocolError, encodeHeartbeat, _KEY, _ID, sequence)

    @settings(deadline=None, max_examples=200)
    @given(
        st.binary(max_size=60)
        | st.binary(min_size=32, max_size=32).map(lambda rest: b"\xc0\x01" + rest)
        | damaged(st.builds(encodeHeartbeat, st.just(_KEY), _ids, _sequences))
    )
    def test_anyBytes(self, data: bytes) -> None:
        """Bytes that the key did not make are malformed, and nothing worse."""
        try:
            client_id = readClientId(data)
            sequence = verifyHeartbeat(_KEY, data)
        except MalformedMessage:
            return
        self.assertEqual(encodeHeartbeat(_KEY, client_id, sequence), data)


class AnswerTests(SynchronousTestCase):
    """The lobby's datagram."""

    def test_layout(self) -> None:
        """Kind, version, sequence, tag: 26 bytes, fewer than what is answered."""
        data = encodeHeartbeatAnswer(_KEY, 0x0102030405060708)
        untagged = b"\xc1\x01\1\2\3\4\5\6\7\x08"
        self.assertEqual(data, untagged + _tag(untagged))
        self.assertEqual(len(data), ANSWER_BYTES)
        self.assertLess(ANSWER_BYTES, HEARTBEAT_BYTES)
        self.assertIs(KIND_OF_FIRST_BYTE[data[0]], DatagramKind.GAMENET)

    @settings(deadline=None, max_examples=100)
    @given(_keys, _sequences)
    def test_roundTrip(self, key: bytes, sequence: int) -> None:
        """Whoever has the key reads what was written."""
        self.assertEqual(verifyHeartbeatAnswer(key, encodeHeartbeatAnswer(key, sequence)), sequence)

    def test_forged(self) -> None:
        """Another key's tag, any bit changed, or a heartbeat sent back is refused."""
        data = encodeHeartbeatAnswer(_KEY, 7)
        self.assertRaises(MalformedMessage, verifyHeartbeatAnswer, _OTHER_KEY, data)
        self.assertRaises(
            MalformedMessage, verifyHeartbeatAnswer, _KEY, encodeHeartbeat(_KEY, _ID, 7)
        )
        for bit in range(len(data) * 8):
            forged = bytearray(data)
            forged[bit // 8] ^= 1 << bit % 8
            self.assertRaises(MalformedMessage, verifyHeartbeatAnswer, _KEY, bytes(forged))

    def test_lengthAndBeginning(self) -> None:
        """Another length, kind or version is refused, though its tag be good."""
        data = encodeHeartbeatAnswer(_KEY, 7)
        for length in range(len(data)):
            self.assertRaises(MalformedMessage, verifyHeartbeatAnswer, _KEY, data[:length])
        for beginning, rest in (
            (b"\xc0\x01", 8),
            (b"\xc1\x00", 8),
            (b"\xc1\x02", 8),
            (b"\xc1\x01", 7),
            (b"\xc1\x01", 9),
        ):
            untagged = beginning + bytes(rest)
            self.assertRaises(
                MalformedMessage, verifyHeartbeatAnswer, _KEY, untagged + _tag(untagged)
            )

    def test_ourMistakes(self) -> None:
        """Keys and sequences of ours that cannot be are our own mistake."""
        self.assertRaises(LocalProtocolError, encodeHeartbeatAnswer, b"short", 0)
        self.assertRaises(
            LocalProtocolError, verifyHeartbeatAnswer, b"short", encodeHeartbeatAnswer(_KEY, 0)
        )
        for sequence in (-1, 2**64):
            self.assertRaises(LocalProtocolError, encodeHeartbeatAnswer, _KEY, sequence)

    @settings(deadline=None, max_examples=200)
    @given(
        st.binary(max_size=60)
        | st.binary(min_size=24, max_size=24).map(lambda rest: b"\xc1\x01" + rest)
        | damaged(st.builds(encodeHeartbeatAnswer, st.just(_KEY), _sequences))
    )
    def test_anyBytes(self, data: bytes) -> None:
        """Bytes that the key did not make are malformed, and nothing worse."""
        try:
            sequence = verifyHeartbeatAnswer(_KEY, data)
        except MalformedMessage:
            return
        self.assertEqual(encodeHeartbeatAnswer(_KEY, sequence), data)
