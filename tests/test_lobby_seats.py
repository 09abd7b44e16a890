"""
Several players at one client: how many seats they take, which numbers they get, and how
they are refused.
"""

from __future__ import annotations

from gamenet.lobby.effects import Effects
from gamenet.lobby.settings import LobbySettings
from gamenet.wire.lobby_messages import (
    LOCAL_PLAYERS_LIMIT,
    CreateSession,
    JoinSession,
    LeaveSession,
    MatchTicket,
    OfferResult,
    PlayerJoined,
    PlayerLeft,
    RefusalCode,
    Refused,
    ReportHost,
    ResultSignature,
    SendStep,
    SessionState,
    SessionView,
    StartMatch,
    Step,
)
from tests.lobby_directory_case import DirectoryCase


class SeveralCase(DirectoryCase):
    """Clients at which several play."""

    settings = LobbySettings(
        clients_per_address=100, requests_burst=500, refusals_burst=500, seat_grace=5.0
    )

    def host(self, players: int, capacity: int = 8, minimum: int = 1, version: int = 2) -> bytes:
        """Return who has created a session, with so many players."""
        client = self.greet("host", version=version)
        effects = self.ask(client, CreateSession(2, "a game", capacity, minimum, players))
        self.session_id = self.viewIn(effects).session_id
        return client

    def viewIn(self, effects: Effects) -> SessionView:
        """Return the first state of a session in some effects."""
        view: SessionView = self.sent(effects, SessionState)[0][1].view
        return view

    def join(self, players: int, version: int = 2) -> tuple[bytes, Effects]:
        """Let somebody come, with so many players."""
        client = self.greet("guest", version=version)
        return client, self.ask(client, JoinSession(3, self.session_id, players))

    def start(self, client: bytes) -> list[MatchTicket]:
        """Start, and return the tickets."""
        tickets = [ticket for _, ticket in self.sent(self.ask(client, StartMatch(4)), MatchTicket)]
        self.match_id = tickets[0].match_id if tickets else b""
        return tickets

    def numbers(self, ticket: MatchTicket) -> list[tuple[int, ...]]:
        """Return the numbers of each member of a ticket."""
        return [member.numbers for member in ticket.members]

    def assertReason(self, effects: Effects, code: RefusalCode, *words: str) -> None:
        """Check a refusal, and that its reason says what is wrong."""
        ((_, refused),) = self.sent(effects)
        assert isinstance(refused, Refused)
        self.assertEqual(refused.code, code)
        for word in words:
            self.assertIn(word, refused.reason)


class OpenTests(SeveralCase):
    """In an open session they count as that many."""

    def test_counted(self) -> None:
        """Towards the capacity, in the list and in what members are told."""
        host = self.host(2, capacity=4)
        _, effects = self.join(2)
        view = self.viewIn(effects)
        self.assertEqual([member.players for member in view.members], [2, 2])
        self.assertEqual((view.seated, view.capacity), (4, 4))
        (line,) = self.directory.sessions.listing().sessions
        self.assertEqual((line.members, line.full, line.joinable), (4, True, False))
        _, effects = self.join(1)
        self.assertReason(effects, RefusalCode.SESSION_FULL, "every seat")
        self.ask(host, LeaveSession(9))

    def test_towardsTheMinimum(self) -> None:
        """One client with as many as are needed starts alone; with fewer it does not."""
        host = self.host(2, minimum=3)
        self.assertReason(self.ask(host, StartMatch(4)), RefusalCode.TOO_FEW_PLAYERS, "1 more")
        self.join(1)
        (first, second) = self.start(host)
        self.assertEqual(self.numbers(first), [(1, 2), (3,)])
        self.assertEqual((first.player, second.player), (1, 3))

    def test_doNotFit(self) -> None:
        """Refused by name: more than the free seats, the capacity, or the limit."""
        self.host(3, capacity=4)
        client, effects = self.join(2)
        self.assertReason(effects, RefusalCode.SESSION_FULL, "no 2 free seats")
        again = self.ask(client, JoinSession(4, self.session_id, 1))
        self.assertEqual(self.viewIn(again).seated, 4)
        small = self.ask(self.greet("small"), CreateSession(2, "a game", 2, 1, 3))
        self.assertReason(small, RefusalCode.BAD_SETTING, "3 players", "2 seats")

    def test_limit(self) -> None:
        """At most 4 play at one client."""
        self.assertEqual(LOCAL_PLAYERS_LIMIT, 4)
        for players in (5, 255):
            effects = self.ask(self.greet("x"), CreateSession(2, "a game", 8, 1, players))
            self.assertReason(effects, RefusalCode.BAD_SETTING, "at most 4")
        self.host(4)
        _, effects = self.join(5)
        self.assertReason(effects, RefusalCode.BAD_SETTING, "at most 4")
        _, effects = self.join(4)
        self.assertEqual(self.viewIn(effects).seated, 8)

    def test_anotherTime(self) -> None:
        """How many they are is said anew with each seat."""
        self.host(1, capacity=4)
        client, _ = self.join(3)
        self.ask(client, LeaveSession(5))
        effects = self.ask(client, JoinSession(6, self.session_id))
        self.assertEqual([member.players for member in self.viewIn(effects).members], [1, 1])


class VersionTests(SeveralCase):
    """A client of version 1 cannot be told the numbers: it is never in such a session."""

    def test_asksForSeveral(self) -> None:
        """Version 1 has one player at each client."""
        old = self.greet("old", version=1)
        effects = self.ask(old, CreateSession(2, "a game", 4, 1, 2))
        self.assertReason(effects, RefusalCode.UNSUPPORTED_VERSION, "since version 2")
        self.host(1)
        _, effects = self.join(2, version=1)
        self.assertReason(effects, RefusalCode.UNSUPPORTED_VERSION, "since version 2")

    def test_amongSeveral(self) -> None:
        """Neither does it come to them, nor they to it."""
        self.host(2)
        _, effects = self.join(1, version=1)
        self.assertReason(effects, RefusalCode.UNSUPPORTED_VERSION, "not all")
        self.host(1, version=1)
        _, effects = self.join(2)
        self.assertReason(effects, RefusalCode.UNSUPPORTED_VERSION, "not all")
        _, effects = self.join(1)
        self.assertEqual(self.viewIn(effects).seated, 2)


class NumbersTests(SeveralCase):
    """N14, K3: numbers in a match."""

    def test_late(self) -> None:
        """Who comes late with several gets numbers one after the other that nobody had."""
        host = self.host(2, capacity=8)
        self.join(1)
        self.start(host)
        _, effects = self.join(3)
        ((_, ticket),) = self.sent(effects, MatchTicket)
        self.assertEqual((ticket.player, ticket.late), (4, True))
        self.assertEqual(self.numbers(ticket), [(1, 2), (3,), (4, 5, 6)])
        joined = [message for _, message in self.sent(effects, PlayerJoined)]
        self.assertEqual([message.member for message in joined], [ticket.members[2]] * 2)
        _, effects = self.join(3)
        self.assertReason(effects, RefusalCode.SESSION_FULL, "no 3 free seats", "one after")
        _, effects = self.join(2)
        self.assertEqual(self.sent(effects, MatchTicket)[0][1].player, 7)
        _, effects = self.join(1)
        self.assertReason(effects, RefusalCode.SESSION_FULL, "every seat")

    def test_reused(self) -> None:
        """Numbers of those who left are taken where none were never had, also in part."""
        host = self.host(1, capacity=5)
        pair, _ = self.join(2)
        single, _ = self.join(1)
        self.start(host)
        left = self.ask(pair, LeaveSession(5))
        self.assertEqual([m.player for _, m in self.sent(left, PlayerLeft)], [2, 2])
        self.assertEqual(self.sent(self.join(1)[1], MatchTicket)[0][1].player, 5)
        ticket = self.sent(self.join(1)[1], MatchTicket)[0][1]
        self.assertEqual(self.numbers(ticket), [(1,), (2,), (4,), (5,)])
        _, effects = self.join(2)
        self.assertReason(effects, RefusalCode.SESSION_FULL, "no 2 free seats")
        self.ask(single, LeaveSession(6))
        ticket = self.sent(self.join(2)[1], MatchTicket)[0][1]
        self.assertEqual(self.numbers(ticket), [(1,), (2,), (3, 4), (5,)])
        self.assertEqual(ticket.player, 3)

    def test_kept(self) -> None:
        """All numbers of who is lost are kept, for as long as the host names the lowest."""
        host = self.host(1, capacity=3)
        pair, _ = self.join(2)
        self.start(host)
        self.directory.disconnect(pair, "crashed")
        _, effects = self.join(1)
        self.assertReason(effects, RefusalCode.SESSION_FULL, "kept")
        self.ask(host, ReportHost(6, self.match_id, 2, 1, (1, 2)))
        self.now += 6.0
        self.directory.sweep(self.now)
        self.assertReason(self.join(1)[1], RefusalCode.SESSION_FULL, "kept")
        self.ask(host, ReportHost(7, self.match_id, 3, 1, (1,)))
        ticket = self.sent(self.join(2)[1], MatchTicket)[0][1]
        self.assertEqual(self.numbers(ticket), [(1,), (2, 3)])

    def test_byTheLowest(self) -> None:
        """Steps, reports and signatures name a member by its lowest number, and no other."""
        host = self.host(2, capacity=4)
        guest, _ = self.join(2)
        self.start(host)
        effects = self.ask(guest, SendStep(5, self.match_id, 1, bytes(16), 7))
        self.assertEqual(self.sent(effects, Step)[0][1].player, 3)
        for player in (2, 4):
            effects = self.ask(host, SendStep(5, self.match_id, player, bytes(16), 7))
            self.assertRefused(effects, RefusalCode.NO_SUCH_PLAYER, 5)
        effects = self.ask(host, ReportHost(6, self.match_id, 2, 1, (1, 4)))
        self.assertRefused(effects, RefusalCode.NO_SUCH_PLAYER, 6)
        signed = tuple(ResultSignature(player, bytes(64)) for player in (1, 3))
        effects = self.ask(guest, OfferResult(7, self.match_id, b"red", signed))
        offered = self.directory.sessions.results.of(self.match_id)[0]
        self.assertEqual((offered.player, offered.players, offered.missing), (3, (1, 3), ()))
        wrong = (ResultSignature(2, bytes(64)),)
        effects = self.ask(guest, OfferResult(8, self.match_id, b"red", wrong))
        self.assertRefused(effects, RefusalCode.NO_SUCH_PLAYER, 8)
