"""
What a player's process leaves to the next one.
"""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.mesh.resume_secret import (
    RESUME_SECRET_LIMIT,
    BadResumeSecret,
    KnownKey,
    RelayLogin,
    ResumeSecret,
    decodeResumeSecret,
    encodeResumeSecret,
)
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import CANDIDATES_LIMIT, Candidate, TicketMember
from tests.wire_strategies import damaged

KEYS = tuple(PlayerKeys.fromRandomBytes(bytes([n]) * 64) for n in range(1, 17))


def member(number: int, candidates: int = 2) -> TicketMember:
    """Return a player."""
    return TicketMember(
        number,
        bytes([number]) * 8,
        f"player {number}",
        KEYS[number - 1].link_key,
        KEYS[number - 1].statement_key,
        tuple(Candidate("host", (f"192.0.2.{number}", 1000 + n)) for n in range(candidates)),
    )


def secretOf(numbers: tuple[int, ...] = (1, 2, 4), player: int = 2) -> ResumeSecret:
    """Return a player's secret of a match of these."""
    members = tuple(member(number) for number in numbers)
    return ResumeSecret(
        MatchTicket(bytes(16), "ab" * 8, player, 77, members, 16, late=True),
        KEYS[player - 1].statementSeed(),
        RelayLogin(("203.0.113.2", 3478), "user", "password"),
        tuple(
            KnownKey(number, KEYS[number - 1].link_key, number % 3, 1)
            for number in numbers
            if number != player
        ),
    )


SECRET = secretOf()
DATA = encodeResumeSecret(SECRET)


class ResumeSecretTests(SynchronousTestCase):
    """Both directions."""

    def test_roundTrip(self) -> None:
        """What was left is what is found, with gaps in the numbers, and without a relay."""
        for secret in (
            SECRET,
            attrs.evolve(SECRET, relay=None),
            attrs.evolve(SECRET, known=()),
            secretOf((1,), 1),
            secretOf(tuple(range(1, 17)), 16),
        ):
            data = encodeResumeSecret(secret)
            self.assertEqual(decodeResumeSecret(data), secret)

    def test_relayOnly(self) -> None:
        """Who hides behind the relay does so in the next process too."""
        secret = attrs.evolve(SECRET, relay_only=True)
        self.assertTrue(decodeResumeSecret(encodeResumeSecret(secret)).relay_only)

    def test_firstVersion(self) -> None:
        """A secret of the version before is read; one of the version after is not."""
        fields = canonical_cbor.decode(DATA)
        assert isinstance(fields, list)
        first = canonical_cbor.encode([1, *fields[1:-1]])
        self.assertEqual(decodeResumeSecret(first), SECRET)
        for bad in ([3, *fields[1:]], [1, *fields[1:]], [*fields[:-1]], [*fields[:-1], 1]):
            with self.assertRaises(BadResumeSecret):
                decodeResumeSecret(canonical_cbor.encode(bad))

    def test_keys(self) -> None:
        """The next process signs as the former, and has a link key of its own."""
        keys = decodeResumeSecret(DATA).keys(bytes(range(32)))
        self.assertEqual(keys.statement_key, KEYS[1].statement_key)
        self.assertNotEqual(keys.link_key, KEYS[1].link_key)
        self.assertEqual(keys.sign(b"x"), KEYS[1].sign(b"x"))
        self.assertRaises(ValueError, SECRET.keys, bytes(31))

    def test_secrets(self) -> None:
        """Nothing secret is shown by accident."""
        for shown in (repr(SECRET), repr(SECRET.relay)):
            self.assertNotIn("password'", shown)
            self.assertNotIn(repr(SECRET.statement_seed), shown)

    def test_largest(self) -> None:
        """Limit: sixteen players with as many candidates as there may be fit."""
        members = tuple(member(number, CANDIDATES_LIMIT) for number in range(1, 17))
        largest = attrs.evolve(
            secretOf(tuple(range(1, 17)), 1),
            ticket=MatchTicket(bytes(16), "ab" * 8, 1, 2**64 - 1, members, 16, late=True),
        )
        data = encodeResumeSecret(largest)
        self.assertLess(len(data), RESUME_SECRET_LIMIT)
        self.assertEqual(decodeResumeSecret(data), largest)

    def test_ourMistakes(self) -> None:
        """What is out of bounds is not written."""
        for secret in (
            attrs.evolve(SECRET, statement_seed=bytes(31)),
            attrs.evolve(SECRET, statement_seed="x" * 32),
            attrs.evolve(SECRET, relay=RelayLogin(("203.0.113.2", 3478), "", "password")),
            attrs.evolve(SECRET, known=(*SECRET.known, SECRET.known[0])),
            attrs.evolve(SECRET, known=(KnownKey(1, b"", 0, 0),)),
            attrs.evolve(SECRET, ticket=attrs.evolve(SECRET.ticket, seed=-1)),
        ):
            self.assertRaises(LocalProtocolError, encodeResumeSecret, secret)

    def test_bad(self) -> None:
        """Bad input: none at all, cut short, of another version, of somebody else."""
        whole = canonical_cbor.decode(DATA)
        assert isinstance(whole, list)
        bad: list[object] = [
            [],
            {},
            whole[:-2],
            [*whole[:-1], 1],
            [1, *whole[1:]],
            [3, *whole[1:]],
            [*whole, 1],
            [1, [], *whole[2:]],
            [*whole[:2], bytes(31), *whole[3:]],
            [*whole[:2], bytes(32), *whole[3:]],
            [*whole[:3], [], whole[4]],
            [*whole[:4], [[3, bytes(32), 0, 0]]],
            [*whole[:4], [[2, bytes(32), 0, 0]]],
            [*whole[:4], 1],
        ]
        for array in bad:
            self.assertRaises(BadResumeSecret, decodeResumeSecret, canonical_cbor.encode(array))
        for data in (b"", b"\xff", bytes(RESUME_SECRET_LIMIT + 1), "text", None):
            self.assertRaises(BadResumeSecret, decodeResumeSecret, data)
        for length in range(len(DATA)):
            self.assertRaises(BadResumeSecret, decodeResumeSecret, DATA[:length])

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=100) | damaged(st.just(DATA)))
    def test_anyBytes(self, data: bytes) -> None:
        """Any bytes give a secret that encodes to them again, or are none."""
        try:
            secret = decodeResumeSecret(data)
        except BadResumeSecret:
            return
        self.assertEqual(encodeResumeSecret(secret), data)
