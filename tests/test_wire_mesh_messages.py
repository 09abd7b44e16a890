"""
What players tell one another about ways to each other.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_values import CANDIDATES_LIMIT, Candidate, TicketMember
from gamenet.wire.mesh_messages import (
    MESH_MESSAGE_LIMIT,
    Attempted,
    Introduction,
    MeshMessage,
    Whereabouts,
    decodeMeshMessage,
    encodeMeshMessage,
)
from tests.wire_strategies import addresses, damaged

_keys = st.binary(min_size=32, max_size=32)
_newcomers = st.builds(
    TicketMember,
    st.integers(1, 29),
    st.binary(min_size=8, max_size=8),
    st.just("a newcomer"),
    _keys,
    _keys,
    st.just(()),
    st.integers(1, 4),
)
_steps = st.builds(Attempted, st.binary(min_size=16, max_size=16), st.integers(0, 255))
_messages = st.builds(Introduction, _newcomers) | _steps | (
    st.builds(
        Whereabouts,
        st.integers(1, 16),
        st.lists(
            st.builds(Candidate, st.sampled_from(("host", "server_reflexive")), addresses),
            unique=True,
            max_size=4,
        ).map(tuple),
    )
)


class MeshMessageTests(SynchronousTestCase):
    """Both directions."""

    def test_layouts(self) -> None:
        """Each message has exactly these bytes, both ways."""
        here = Whereabouts(2, (Candidate("relayed", ("203.0.113.2", 50_000)),))
        for message, array in (
            (here, [1, 2, [["relayed", canonical_cbor.decode(_packed())]]]),
            (Attempted(bytes(16), 1), [2, bytes(16), 1]),
        ):
            data = canonical_cbor.encode(array)
            self.assertEqual(encodeMeshMessage(message), data)  # type: ignore[arg-type]
            self.assertEqual(decodeMeshMessage(data), message)

    def test_longest(self) -> None:
        """Limit: as many candidates as there may be fit."""
        many = tuple(
            Candidate("server_reflexive", (f"2001:db8:aaaa:bbbb:cccc:dddd:eeee:{n:x}", 65_535))
            for n in range(4096, 4096 + CANDIDATES_LIMIT)
        )
        data = encodeMeshMessage(Whereabouts(16, many))
        self.assertLessEqual(len(data), MESH_MESSAGE_LIMIT)
        self.assertEqual(decodeMeshMessage(data), Whereabouts(16, many))
        newcomer = Introduction(
            TicketMember(29, bytes(8), "\N{GRINNING FACE}" * 32, bytes(32), bytes(32), many, 4)
        )
        data = encodeMeshMessage(newcomer)
        self.assertLessEqual(len(data), MESH_MESSAGE_LIMIT)
        self.assertEqual(decodeMeshMessage(data), newcomer)

    def test_bad(self) -> None:
        """Bad input: wrong shapes are refused by name."""
        shapes = ([], {}, 1, ["x"], [1], [1, 0, []], [1, 2, [1]], [2, b"", 1], [2, 1, 1], [3, 1])
        for array in shapes:
            self.assertRaises(MalformedMessage, decodeMeshMessage, canonical_cbor.encode(array))
        self.assertRaises(UnknownMessage, decodeMeshMessage, canonical_cbor.encode([4, 1]))
        for data in (b"", b"\xff", bytes(MESH_MESSAGE_LIMIT + 1)):
            self.assertRaises(MalformedMessage, decodeMeshMessage, data)
        self.assertRaises(LocalProtocolError, encodeMeshMessage, Attempted(b"", 1))

    @settings(deadline=None, max_examples=100)
    @given(_messages)
    def test_roundTrip(self, message: MeshMessage) -> None:
        """Every message arrives equal."""
        self.assertEqual(decodeMeshMessage(encodeMeshMessage(message)), message)

    @settings(deadline=None, max_examples=150)
    @given(st.binary(max_size=60) | damaged(_messages.map(encodeMeshMessage)))
    def test_anyBytes(self, data: bytes) -> None:
        """Any bytes give a message that encodes to them again, or are malformed."""
        try:
            message = decodeMeshMessage(data)
        except MalformedMessage:
            return
        self.assertEqual(encodeMeshMessage(message), data)


def _packed() -> bytes:
    """Return how an address travels, read off the other message that has one."""
    whole = canonical_cbor.decode(
        encodeMeshMessage(Whereabouts(2, (Candidate("relayed", ("203.0.113.2", 50_000)),)))
    )
    return canonical_cbor.encode(whole[2][0][1])  # type: ignore[index]
