"""
Results of matches: what the lobby keeps of them, and for how long.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.effects import ResultOffered
from gamenet.lobby.results import MatchResults, OfferedResult
from gamenet.lobby.settings import LobbySettings
from gamenet.wire.lobby_messages import (
    Done,
    EndMatch,
    JoinSession,
    LeaveSession,
    OfferResult,
    RefusalCode,
    ReportHost,
    ResultSignature,
    StartMatch,
)
from tests.lobby_directory_case import DirectoryCase


def statement(
    match: int, player: int = 1, result: bytes = b"red", signers: tuple[int, ...] = ()
) -> OfferedResult:
    """Return a statement about a match of two."""
    signatures = tuple(ResultSignature(signer, bytes(64)) for signer in signers)
    return OfferedResult(match.to_bytes(16, "big"), player, result, signatures, (1, 2))


class MatchResultsTests(SynchronousTestCase):
    """L{MatchResults}."""

    def setUp(self) -> None:
        self.results = MatchResults(limit=4, lifetime=10.0)

    def test_missing(self) -> None:
        """Missing signatures are known as such."""
        self.assertEqual(statement(1).missing, (1, 2))
        self.assertEqual(statement(1, signers=(2,)).missing, (1,))
        self.assertEqual(statement(1, signers=(1, 2, 5)).missing, ())

    def test_differing(self) -> None:
        """Different results of one match are both kept, and known as such."""
        one, two = statement(1, 1, b"red"), statement(1, 2, b"blue")
        self.results.keep(one, 0.0)
        self.assertFalse(self.results.differs(one.match_id))
        self.results.keep(two, 0.0)
        self.assertEqual(self.results.of(one.match_id), (one, two))
        self.assertTrue(self.results.differs(one.match_id))
        counts = (self.results.matches, self.results.statements, self.results.differing)
        self.assertEqual(counts, (1, 2, 1))

    def test_newestOfAPlayer(self) -> None:
        """A player's later statement takes the place of the earlier one."""
        for result in (b"red", b"blue"):
            self.results.keep(statement(1, 1, result), 0.0)
        (kept,) = self.results.of(statement(1).match_id)
        self.assertEqual((kept.result, self.results.statements), (b"blue", 1))

    def test_limit(self) -> None:
        """Above the limit of statements the oldest match is forgotten, as a whole."""
        for match, player in ((1, 1), (1, 2), (2, 1), (3, 1)):
            self.results.keep(statement(match, player), 0.0)
        self.assertEqual((self.results.matches, self.results.statements), (3, 4))
        self.results.keep(statement(2, 2), 0.0)
        self.assertEqual(self.results.of(statement(1).match_id), ())
        self.assertEqual((self.results.matches, self.results.statements), (2, 3))

    def test_lifetime(self) -> None:
        """A match is forgotten so many seconds after its first statement, not before."""
        self.results.keep(statement(1, 1), 5.0)
        self.results.keep(statement(2, 1), 9.0)
        self.results.keep(statement(1, 2), 14.0)
        self.results.sweep(14.9)
        self.assertEqual(self.results.matches, 2)
        self.results.sweep(15.0)
        self.assertEqual((self.results.matches, self.results.statements), (1, 1))
        self.assertEqual(self.results.of(statement(1).match_id), ())
        self.results.sweep(19.0)
        self.assertEqual((self.results.matches, self.results.statements), (0, 0))

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(
            st.tuples(
                st.integers(1, 4), st.integers(1, 3), st.sampled_from([b"r", b"b"]),
                st.floats(0, 6),
            )
        )
    )
    def test_bounded(self, history: list[tuple[int, int, bytes, float]]) -> None:
        """Whatever is offered, no more is kept than the limit, and the count is right."""
        results, now = MatchResults(limit=3, lifetime=10.0), 0.0
        for match, player, result, pause in history:
            now += pause
            results.sweep(now)
            results.keep(statement(match, player, result), now)
            kept = [results.of(statement(number).match_id) for number in range(1, 5)]
            self.assertEqual(results.statements, sum(map(len, kept)))
            self.assertEqual(results.matches, sum(map(bool, kept)))
            self.assertLessEqual(results.statements, 3)


class OfferTests(DirectoryCase):
    """A finished match yields a result, offered to the lobby."""

    settings = LobbySettings(clients_per_address=100, results_limit=3, result_lifetime=50.0)

    def offer(self, match_id: bytes, result: bytes = b"red", signers: int = 0) -> OfferResult:
        signatures = tuple(ResultSignature(n, bytes([n]) * 64) for n in range(1, signers + 1))
        return OfferResult(9, match_id, result, signatures)

    def test_kept(self) -> None:
        """It is kept with its signatures as they are, and told as a moment."""
        (host, guest), match_id = self.play(2)
        effects = self.ask(host, self.offer(match_id, signers=2))
        signatures = self.offer(match_id, signers=2).signatures
        offered = OfferedResult(match_id, 1, b"red", signatures, (1, 2))
        self.assertEqual(self.sent(effects), [(host, Done(9))])
        self.assertEqual(effects[1:], (ResultOffered(host, offered, False),))
        effects = self.ask(guest, self.offer(match_id, b"blue"))
        second = OfferedResult(match_id, 2, b"blue", (), (1, 2))
        self.assertEqual(effects[1:], (ResultOffered(guest, second, True),))
        self.assertEqual(self.directory.sessions.results.of(match_id), (offered, second))

    def test_afterTheMatch(self) -> None:
        """It can be offered when the session is open again, until the match after the next."""
        (host, guest), match_id = self.play(2)
        self.ask(host, EndMatch(1, match_id))
        self.assertEqual(self.sent(self.ask(guest, self.offer(match_id)))[0][1], Done(9))
        self.ask(host, StartMatch(2))
        self.assertEqual(self.sent(self.ask(guest, self.offer(match_id)))[0][1], Done(9))
        running = self.directory.clients[host].seat.running.match_id
        self.ask(host, EndMatch(3, running))
        effects = self.ask(guest, self.offer(match_id))
        self.assertRefused(effects, RefusalCode.NO_SUCH_MATCH, 9)

    def test_refused(self) -> None:
        """Bad input: a result of another match, by who did not play it, or has no seat."""
        (host, guest), match_id = self.play(2)
        self.assertRefused(
            self.ask(host, self.offer(b"\xff" * 16)), RefusalCode.NO_SUCH_MATCH, 9
        )
        effects = self.ask(host, self.offer(match_id, signers=3))
        self.assertRefused(effects, RefusalCode.NO_SUCH_PLAYER, 9)
        self.ask(host, EndMatch(1, match_id))
        third = self.greet("third")
        self.ask(third, JoinSession(1, next(iter(self.directory.sessions.by_id))))
        self.assertRefused(self.ask(third, self.offer(match_id)), RefusalCode.NO_SUCH_MATCH, 9)
        self.ask(guest, LeaveSession(2))
        self.assertRefused(self.ask(guest, self.offer(match_id)), RefusalCode.NOT_SEATED, 9)
        self.assertEqual(self.directory.sessions.results.statements, 0)

    def test_whoseSignatures(self) -> None:
        """Missing are those of the players whom the host reported last."""
        (host, _guest, third), match_id = self.play(3)
        self.ask(third, LeaveSession(1))
        effects = self.ask(host, self.offer(match_id, signers=1))
        self.assertEqual(effects[1].offered.missing, (2, 3))  # type: ignore[union-attr]
        self.ask(host, ReportHost(2, match_id, 1, 1, (1, 2)))
        effects = self.ask(host, self.offer(match_id, signers=1))
        self.assertEqual(effects[1].offered.missing, (2,))  # type: ignore[union-attr]

    def test_forgotten(self) -> None:
        """By count and by age, as the settings say."""
        (host, _guest), match_id = self.play(2)
        results = self.directory.sessions.results
        self.assertEqual((results.limit, results.lifetime), (3, 50.0))
        self.ask(host, self.offer(match_id))
        self.directory.sweep(self.now + 49)
        self.assertEqual(results.statements, 1)
        self.directory.sweep(self.now + 50)
        self.assertEqual(results.statements, 0)

    def test_defaults(self) -> None:
        """4 096 statements, for an hour."""
        made = LobbySettings()
        self.assertEqual((made.results_limit, made.result_lifetime), (4096, 3600.0))
        self.assertEqual((made.seat_grace, made.capacity_limit), (30.0, 16))
