"""
Players that lie to the lobby about the host of their match, and about its result.
"""

from __future__ import annotations

from collections.abc import Callable

from gamenet.lobby.effects import Effects
from gamenet.lobby.settings import LobbySettings
from gamenet.wire.lobby_messages import (
    RESULT_LIMIT,
    Done,
    EndMatch,
    JoinSession,
    LeaveSession,
    MatchTicket,
    OfferResult,
    RefusalCode,
    Refused,
    ReportHost,
    Request,
    ResultSignature,
    StartMatch,
)
from tests.lobby_directory_case import DirectoryCase
from tests.match_attacks import MEGABYTE, fingerprint, residentBytes

COUNT = 4000


class LiarCase(DirectoryCase):
    """A match of three, of whom player 3 lies, and a stranger who plays another match."""

    settings = LobbySettings(
        clients_per_address=100, requests_burst=1, requests_per_second=1, results_limit=64
    )

    def setUp(self) -> None:
        super().setUp()
        self.clients, self.match_id = self.play(3)
        self.host, _, self.liar = self.clients
        self.refused = self.done = 0

    def ask(self, client_id: bytes, request: Request) -> Effects:
        """Ask, as slowly as one may."""
        self.now += 1.0
        return super().ask(client_id, request)

    def held(self) -> list[object]:
        """Return what the lobby holds of sessions, their matches and results."""
        sessions = self.directory.sessions
        views = [session.stateMessage() for session in sessions.by_id.values()]
        matches = [session.match for session in sessions.by_id.values()]
        books = [
            (match.match_id, match.epoch, match.reported, sorted(match.players))
            for match in matches
            if match is not None
        ]
        return [views, books, fingerprint(sessions.results)]

    def assertUntouched(self, client_id: bytes, request: Request, code: RefusalCode) -> None:
        """Check that a request is refused by name, and changes nothing."""
        before = self.held()
        effects = self.ask(client_id, request)
        refused = self.sent(effects)[0][1]
        self.assertEqual((type(refused), refused.code), (Refused, code))
        self.assertEqual(self.held(), before)

    def flood(self, make: Callable[[int], Request], client_id: bytes) -> None:
        """Send a flood in two halves, of which no memory stays."""
        resident = []
        for half in range(2):
            for number in range(half * COUNT // 2, (half + 1) * COUNT // 2):
                for _, message in self.sent(self.ask(client_id, make(number))):
                    self.refused += isinstance(message, Refused)
                    self.done += isinstance(message, Done)
            resident.append(residentBytes())
        self.assertLessEqual(resident[1] - resident[0], MEGABYTE, resident)

    def report(self, number: int, host: int, *players: int, match: bytes = b"") -> ReportHost:
        """Return a report."""
        return ReportHost(9, match or self.match_id, number, host, players or (host,))

    def offer(self, result: bytes, *signers: int, match: bytes = b"") -> OfferResult:
        """Return an offer."""
        signatures = tuple(ResultSignature(signer, bytes(64)) for signer in signers)
        return OfferResult(9, match or self.match_id, result, signatures)

    def assertGoesOn(self) -> None:
        """Check that the host can still report, end the match, and begin another."""
        session = next(iter(self.directory.sessions.by_id.values()))
        host = session.host.client_id
        number = session.running.playerOf(session.host)
        assert number is not None
        epoch = session.running.epoch[0] + 1
        done = self.sent(self.ask(host, self.report(epoch, number, *sorted({1, 2, number}))), Done)
        self.assertEqual(len(done), 1)
        self.assertEqual(len(self.sent(self.ask(host, EndMatch(7, self.match_id)), Done)), 1)
        effects = self.ask(host, StartMatch(8))
        self.assertEqual(len(self.sent(effects, MatchTicket)), 3)


class HostReportTests(LiarCase):
    """A guest that claims to be host; an old host's epoch; reports without end."""

    def test_lies(self) -> None:
        """For another player, of another match, with players that never were, too late."""
        self.ask(self.host, self.report(7, 1, 1, 2, 3))
        codes = RefusalCode
        for request, code in (
            (self.report(9, 1), codes.NOT_HOST),
            (self.report(9, 2, 1, 2), codes.NOT_HOST),
            (self.report(9, 3, 3, match=bytes(16)), codes.NO_SUCH_MATCH),
            (self.report(9, 3, 2, 3, 4), codes.NO_SUCH_PLAYER),
            (self.report(6, 3), codes.STALE_EPOCH),
            (self.report(1, 3), codes.STALE_EPOCH),
        ):
            self.assertUntouched(self.liar, request, code)
        self.assertGoesOn()

    def test_strangers(self) -> None:
        """Who plays in another match, or in none, reports nothing of this one."""
        stranger = self.greet("stranger")
        self.assertUntouched(stranger, self.report(9, 3), RefusalCode.NOT_SEATED)
        self.create(stranger)
        self.assertUntouched(stranger, self.report(9, 3), RefusalCode.NO_SUCH_MATCH)
        guest = self.greet("guest")
        (_, session_id) = self.directory.sessions.by_id
        self.ask(guest, JoinSession(3, session_id))
        self.ask(stranger, StartMatch(4))
        self.assertUntouched(stranger, self.report(9, 1, 1), RefusalCode.NO_SUCH_MATCH)
        self.assertUntouched(guest, self.report(9, 2, 2), RefusalCode.NO_SUCH_MATCH)

    def test_oldHost(self) -> None:
        """A host that was replaced is told so, however often it asks."""
        self.ask(self.clients[1], self.report(5, 2, 1, 2, 3))
        self.flood(lambda n: self.report(1 + n % 4, 1, 1, 2, 3), self.host)
        self.assertEqual((self.refused, self.done), (COUNT, 0))
        self.assertGoesOn()

    def test_flood(self) -> None:
        """Ever later epochs: the book has one host, and one epoch."""
        self.flood(lambda n: self.report(2 + n, 3, *((1, 2, 3), (3,))[n % 2]), self.liar)
        self.assertEqual((self.refused, self.done), (0, COUNT))
        self.assertGoesOn()

    def test_tooFast(self) -> None:
        """Beyond its budget a client is refused, and in the end closed; the match goes on."""
        for number in range(200):
            self.now -= 1.0
            self.ask(self.liar, self.report(2 + number, 3))
        self.assertNotIn(self.liar, self.directory.clients)
        self.assertEqual(len(self.directory.clients), 2)


class ResultTests(LiarCase):
    """Results without end, of others' matches, signed by who never played."""

    def test_lies(self) -> None:
        """Of another match, with signatures of who was not there, by who did not play."""
        codes = RefusalCode
        for request, code in (
            (self.offer(b"x", match=bytes(16)), codes.NO_SUCH_MATCH),
            (self.offer(b"x", 4), codes.NO_SUCH_PLAYER),
            (self.offer(b"x", 1, 2, 3, 16), codes.NO_SUCH_PLAYER),
        ):
            self.assertUntouched(self.liar, request, code)
        late = self.greet("stranger")
        self.assertUntouched(late, self.offer(b"x"), codes.NOT_SEATED)
        self.assertGoesOn()

    def test_flood(self) -> None:
        """A player's newest offer takes the place of the one before, as large as it may be."""
        results = self.directory.sessions.results
        self.flood(
            lambda n: self.offer(n.to_bytes(4, "big") * (RESULT_LIMIT // 4), 1, 2, 3), self.liar
        )
        self.assertEqual((self.refused, self.done), (0, COUNT))
        self.assertEqual((results.matches, results.statements), (1, 1))
        self.ask(self.host, self.offer(b"the truth", 1, 2))
        self.assertEqual(results.statements, 2)
        self.assertTrue(results.differs(self.match_id))
        self.assertGoesOn()

    def test_matches(self) -> None:
        """Results of ever new matches: as many are kept as there is room for."""
        results = self.directory.sessions.results
        for client_id in self.clients:
            self.ask(client_id, LeaveSession(5))
        self.create(self.liar, 1, 1)
        resident = []
        for _ in range(2):
            for number in range(500):
                effects = self.ask(self.liar, StartMatch(4))
                match_id = self.sent(effects, MatchTicket)[0][1].match_id
                self.ask(self.liar, self.offer(bytes(RESULT_LIMIT), match=match_id))
                self.ask(self.liar, EndMatch(6, match_id))
                self.assertLessEqual(results.statements, self.settings.results_limit, number)
            resident.append(residentBytes())
        self.assertLessEqual(resident[1] - resident[0], MEGABYTE, resident)
        self.assertEqual(results.statements, self.settings.results_limit)


class LateTests(LiarCase):
    """Who comes and goes without end takes no seat from who plays, and leaves nothing."""

    def test_comingAndGoing(self) -> None:
        """A thousand late joins: numbers are those of the match's seats, and no others."""
        (session_id,) = self.directory.sessions.by_id
        numbers = []
        resident = []
        for _ in range(2):
            for _ in range(500):
                late = self.greet("late")
                effects = self.ask(late, JoinSession(5, session_id))
                numbers += [ticket.player for _, ticket in self.sent(effects, MatchTicket)]
                self.ask(late, LeaveSession(6))
                self.directory.disconnect(late, "left")
            resident.append(residentBytes())
        self.assertLessEqual(resident[1] - resident[0], MEGABYTE, resident)
        self.assertEqual(set(numbers), {4})
        session = self.directory.sessions.by_id[session_id]
        self.assertEqual(list(session.members), self.clients)
        self.assertGoesOn()
