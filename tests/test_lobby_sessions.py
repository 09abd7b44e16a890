"""
Sessions, case by case: what is told to whom and in which order; and what each
standing allows.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.lobby.effects import ListChanged, MemberLeft, OfferRelay, Send
from gamenet.lobby.relay_offer import RelayOffer, credentialsFor
from gamenet.lobby.standing import REFUSALS, Refusal, Standing, unreadable
from gamenet.wire.lobby_messages import (
    REASON_LIMIT,
    REQUESTS,
    Candidate,
    CandidatesChanged,
    CreateSession,
    Done,
    EndMatch,
    Hello,
    JoinSession,
    LeaveSession,
    ListSessions,
    MatchTicket,
    OfferCandidates,
    OfferResult,
    RefusalCode,
    Refused,
    ReportHost,
    SendStep,
    SessionClosed,
    SessionState,
    StartMatch,
    Step,
    StreamHeartbeat,
    encodeMessage,
)
from gamenet.wire.turn_credentials import ephemeralPassword
from tests.lobby_directory_case import HOST_CANDIDATE, SEEN, DirectoryCase


class SessionTests(DirectoryCase):
    """N3 to N7, and the ticket."""

    def test_credentialsComeBeforeTheSeat(self) -> None:
        """Whoever waits for the seat has the relay's credentials when it is answered."""
        host, guest = self.greet(), self.greet()
        effects = self.ask(host, CreateSession(2, "a game", 2, 2))
        session_id = self.sent(effects)[0][1].view.session_id
        self.assertEqual(effects[0], OfferRelay(host, session_id))
        effects = self.ask(guest, JoinSession(2, session_id))
        self.assertEqual(effects[0], OfferRelay(guest, session_id))
        self.assertEqual([client for client, _ in self.sent(effects)], [guest, host])

    def test_joiningOrder(self) -> None:
        """N14: the host is player 1, guests follow in joining order; all hold equal tickets."""
        clients = self.seat(4)
        effects = self.ask(clients[0], StartMatch(9))
        self.assertEqual(self.sent(effects)[0], (clients[0], Done(9)))
        tickets = self.sent(effects, MatchTicket)
        self.assertEqual([client for client, _ in tickets], clients)
        self.assertEqual([ticket.player for _, ticket in tickets], [1, 2, 3, 4])
        members = tickets[0][1].members
        self.assertEqual([member.client_id for member in members], clients)
        self.assertEqual([member.player for member in members], [1, 2, 3, 4])
        self.assertEqual([m.link_key[0] for m in members], [1, 2, 3, 4])
        for _, ticket in tickets:
            self.assertEqual(ticket.members, members)
            self.assertEqual(ticket.seed, tickets[0][1].seed)
            self.assertEqual(ticket.match_id, tickets[0][1].match_id)
            self.assertEqual(len(ticket.match_id), 16)

    def test_seedAndMatchIdAreTheRandomBytes(self) -> None:
        """The ticket's id and seed come from the injected bytes alone."""
        host, _ = self.seat(2)
        effects = self.directory.request(
            host, StartMatch(1), self.now, bytes(range(16)) + b"\xff" * 8
        )
        ticket = self.sent(effects, MatchTicket)[0][1]
        self.assertEqual((ticket.match_id, ticket.seed), (bytes(range(16)), 2**64 - 1))

    def test_candidatesInTheTicket(self) -> None:
        """What was offered, and the address seen by authenticated heartbeat, once."""
        host, guest = self.seat(2)
        for client_id, port in ((host, 1), (guest, 2)):
            self.directory.heartbeat(client_id, 0, ("198.51.100.7", port), self.now)
            offered = (HOST_CANDIDATE, Candidate("server_reflexive", ("198.51.100.7", 2)))
            self.ask(client_id, OfferCandidates(1, offered))
        ticket = self.sent(self.ask(host, StartMatch(1)), MatchTicket)[0][1]
        seen = Candidate("server_reflexive", ("198.51.100.7", 1))
        self.assertEqual(ticket.members[0].candidates, (*offered, seen))
        self.assertEqual(ticket.members[1].candidates, offered)

    def test_relayOnly(self) -> None:
        """A client that offers relayed addresses alone keeps its own address to itself."""
        host, guest = self.seat(2)
        self.directory.heartbeat(host, 0, SEEN, self.now)
        relayed = Candidate("relayed", ("203.0.113.2", 50_000))
        self.ask(host, OfferCandidates(1, (relayed,)))
        effects = self.ask(host, StartMatch(1))
        self.assertEqual(self.sent(effects, MatchTicket)[0][1].members[0].candidates, (relayed,))
        for _, message in self.sent(effects):
            self.assertNotIn(SEEN[0].encode(), encodeMessage(message))
        moved = self.directory.heartbeat(host, 1, ("198.51.100.8", 1), self.now)
        self.assertEqual(moved, ())
        self.assertEqual(len(self.directory.clients), 2, guest)

    def test_movedDuringTheMatch(self) -> None:
        """A new address by heartbeat is told to the other players, with what was offered."""
        (host, guest, third), match_id = self.play(3)
        self.ask(guest, OfferCandidates(1, (HOST_CANDIDATE,)))
        effects = self.directory.heartbeat(guest, 0, SEEN, self.now)
        candidates = (HOST_CANDIDATE, Candidate("server_reflexive", SEEN))
        news = CandidatesChanged(match_id, 2, candidates)
        self.assertEqual(effects, (Send(host, news), Send(third, news)))
        self.assertEqual(self.directory.heartbeat(guest, 1, SEEN, self.now), ())

    def test_hostLeavesBeforeTheMatch(self) -> None:
        """N6: the session is unregistered, the guests are in the lobby again and told why."""
        host, guest = self.seat(2)
        effects = self.ask(host, LeaveSession(5))
        session_closed = self.sent(effects, SessionClosed)[0]
        self.assertEqual((session_closed[0], session_closed[1].reason), (guest, "the host left"))
        self.assertEqual(self.directory.clients[guest].standing, Standing.GREETED)
        self.assertEqual(self.directory.sessions.by_id, {})

    def test_hostLeavesDuringTheMatch(self) -> None:
        """The session loses them; the next in joining order is the host; numbers stay."""
        (host, guest, third), match_id = self.play(3)
        self.directory.disconnect(host, "lost the connection")
        self.assertEqual(self.directory.clients[guest].standing, Standing.PLAYING_HOST)
        effects = self.ask(guest, SendStep(1, match_id, 3, bytes(16), 7))
        step = Step(match_id, 2, bytes(16), 7)
        self.assertEqual(effects, (Send(guest, Done(1)), Send(third, step)))
        refused = self.ask(guest, SendStep(2, match_id, 1, bytes(16), 7))
        self.assertRefused(refused, RefusalCode.NO_SUCH_PLAYER, 2)
        effects = self.ask(guest, EndMatch(3, match_id))
        states = self.sent(effects, SessionState)
        self.assertEqual([client for client, _ in states], [guest, third])
        self.assertEqual({message.view.state for _, message in states}, {"open"})

    def test_lastOneLeavesDuringTheMatch(self) -> None:
        """A session without members is gone, playing or not."""
        (host, guest), _ = self.play(2)
        self.ask(host, LeaveSession(1))
        self.ask(guest, LeaveSession(1))
        self.assertEqual(self.directory.sessions.by_id, {})

    def test_stepToOneself(self) -> None:
        """A step goes to another player, or is refused by name; so does a wrong match."""
        (host, _), match_id = self.play(2)
        for player in (1, 3, 32):
            effects = self.ask(host, SendStep(1, match_id, player, bytes(16), 0))
            self.assertRefused(effects, RefusalCode.NO_SUCH_PLAYER, 1)
            reason = self.sent(effects)[0][1].reason
            self.assertEqual(reason, "no other player has that number")
        effects = self.ask(host, SendStep(1, b"\xff" * 16, 2, bytes(16), 0))
        self.assertRefused(effects, RefusalCode.NO_SUCH_MATCH, 1)

    def test_startBelowTheMinimum(self) -> None:
        """N5: with fewer than the minimum the start is refused, and says how many are missing."""
        host = self.greet()
        self.create(host, capacity=4, minimum=3)
        effects = self.ask(host, StartMatch(4))
        self.assertRefused(effects, RefusalCode.TOO_FEW_PLAYERS, 4)
        self.assertEqual(
            self.sent(effects)[0][1].reason, "3 players are needed, 2 more than there are"
        )

    def test_joinVanished(self) -> None:
        """Bad input: a join of a vanished session, and of one that is full, by name."""
        host, guest, third = self.greet(), self.greet(), self.greet()
        session_id = self.create(host)
        self.ask(guest, JoinSession(1, session_id))
        effects = self.ask(third, JoinSession(2, session_id))
        self.assertRefused(effects, RefusalCode.SESSION_FULL, 2)
        full = self.sent(effects)[0][1].reason
        self.ask(host, StartMatch(3))
        old = self.greet(version=1)
        effects = self.ask(old, JoinSession(4, session_id))
        self.assertRefused(effects, RefusalCode.MATCH_RUNNING, 4)
        playing = self.sent(effects)[0][1].reason
        self.ask(host, LeaveSession(5))
        self.ask(guest, LeaveSession(6))
        effects = self.ask(third, JoinSession(7, session_id))
        self.assertRefused(effects, RefusalCode.NO_SUCH_SESSION, 7)
        self.assertEqual(
            [full, playing, self.sent(effects)[0][1].reason],
            [
                "every seat of that session is taken",
                "that session is already playing",
                "that session is gone",
            ],
        )

    def test_moments(self) -> None:
        """Who left which session, and how, as a subclass of the lobby is told."""
        host, guest = self.seat(2)
        (session_id,) = self.directory.sessions.by_id
        self.assertEqual(
            self.ask(host, LeaveSession(1))[-3:],
            (
                ListChanged(),
                MemberLeft(host, session_id, "left"),
                MemberLeft(guest, session_id, "the host left"),
            ),
        )

    def test_everyMessageCanBeSent(self) -> None:
        """Whatever the directory says is within the bounds of the wire."""
        clients, match_id = self.play(4)
        effects = [
            *self.ask(clients[1], OfferCandidates(1, (HOST_CANDIDATE,))),
            *self.ask(clients[0], EndMatch(1, match_id)),
            *self.ask(clients[0], EndMatch(1, match_id)),
            *self.directory.sweep(self.now + 99),
        ]
        messages = [message for _, message in self.sent(tuple(effects))]
        self.assertGreater(len(messages), 8)
        for message in messages:
            encodeMessage(message)


class StandingTests(SynchronousTestCase):
    """The table of refusals, and the refusals of what cannot be read."""

    def test_table(self) -> None:
        """Each standing allows just this (the rest is refused whatever it says)."""
        allowed = {
            Standing.STRANGER: [Hello],
            Standing.GREETED: [
                ListSessions, CreateSession, JoinSession, OfferCandidates, StreamHeartbeat,
            ],
            Standing.GUEST: [
                ListSessions, LeaveSession, OfferCandidates, StreamHeartbeat, OfferResult,
            ],
            Standing.HOST: [
                ListSessions, LeaveSession, StartMatch, OfferCandidates, StreamHeartbeat,
                OfferResult,
            ],
            Standing.PLAYING_GUEST: [
                ListSessions, LeaveSession, OfferCandidates, SendStep, StreamHeartbeat,
                OfferResult, ReportHost,
            ],
            Standing.PLAYING_HOST: [
                ListSessions, LeaveSession, OfferCandidates, SendStep, StreamHeartbeat, EndMatch,
                OfferResult, ReportHost,
            ],
        }
        for standing in Standing:
            found = [r for r in REQUESTS.values() if (standing, r) not in REFUSALS]
            self.assertEqual(found, allowed[standing], standing)

    def test_everyRefusalHasAReason(self) -> None:
        """Each code of the table has a text for a person."""
        for code in REFUSALS.values():
            self.assertTrue(Refusal(code).reason)
            self.assertIn(code.name, str(Refusal(code)))

    @settings(max_examples=200, deadline=None)
    @given(st.text())
    def test_unreadable(self, text: str) -> None:
        """Whatever a decoder's error quotes, the refusal can be sent."""
        refusal = unreadable(RefusalCode.MALFORMED, ValueError(text))
        self.assertTrue(refusal.fatal)
        self.assertLessEqual(len(refusal.reason), REASON_LIMIT)
        encodeMessage(Refused(0, refusal.code, refusal.reason))
        self.assertIsInstance(refusal, RemoteProtocolError)

    def test_unreadableTexts(self) -> None:
        """Printable ASCII is kept as it is, the rest is veiled, and there is always a text."""
        for said, reason in (
            ("a b~ !", "a b~ !"),
            ("caf\u00e9\n\x7fx", "caf???x"),
            ("  spaces  ", "spaces"),
            ("   ", "it cannot be read"),
            ("x" * 201, "x" * 200),
        ):
            refusal = unreadable(RefusalCode.UNKNOWN_MESSAGE, ValueError(said), fatal=False)
            self.assertEqual((refusal.reason, refusal.fatal), (reason, False))
            self.assertEqual(refusal.code, RefusalCode.UNKNOWN_MESSAGE)

    def test_reasons(self) -> None:
        """What the refusals of the table say."""
        reasons = {code.name: Refusal(code).reason for code in REFUSALS.values()}
        self.assertEqual(
            reasons,
            {
                "ALREADY_GREETED": "one connection says hello once",
                "NOT_GREETED": "say hello first",
                "ALREADY_SEATED": "leave your session first",
                "NOT_SEATED": "you are in no session",
                "NOT_HOST": "only the host of the session can do that",
                "MATCH_RUNNING": "the match is already running",
                "NO_SUCH_MATCH": "no such match is running in your session",
            },
        )


class RelayOfferTests(SynchronousTestCase):
    """L{credentialsFor}."""

    def test_credentials(self) -> None:
        """N12: ephemeral credentials, by the wall clock, for this client, that can be sent."""
        offer = RelayOffer(("203.0.113.2", 3478), b"a shared secret", lifetime=600)
        credentials = credentialsFor(offer, b"\1" * 8, 1_700_000_000.9)
        self.assertEqual(credentials.username, "1700000600:0101010101010101")
        password = ephemeralPassword(b"a shared secret", credentials.username)
        self.assertEqual(credentials.password, password)
        self.assertEqual((credentials.address, credentials.lifetime), (offer.address, 600))
        encodeMessage(credentials)

    def test_severalRelays(self) -> None:
        """Of several relays each session has one, the same for all in it, and none has more."""
        first, second, third = [("203.0.113.2", port) for port in (3478, 3479, 3480)]
        offer = RelayOffer(first, b"a shared secret", further_addresses=(second, third))
        given = [
            credentialsFor(offer, bytes([member] * 8), 1_700_000_000, f"{session:016x}").address
            for session in range(300)
            for member in (1, 2)
        ]
        self.assertEqual(given[::2], given[1::2])
        counts = [given.count(address) for address in (first, second, third)]
        self.assertEqual(counts, [200, 200, 200])
