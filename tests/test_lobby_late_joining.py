"""
Sitting down in a session whose match runs, and getting up from it: numbers, seats, and who
is told.  And the host of a match, whom its players tell the lobby.
"""

from __future__ import annotations

from gamenet.errors import LocalProtocolError
from gamenet.lobby.effects import HostReported, ListChanged, MatchStarted, MemberJoined, OfferRelay
from gamenet.lobby.settings import LobbySettings
from gamenet.lobby.standing import Standing
from gamenet.wire.lobby_messages import (
    CandidatesChanged,
    CreateSession,
    Done,
    EndMatch,
    JoinSession,
    LeaveSession,
    MatchTicket,
    OfferCandidates,
    PlayerJoined,
    PlayerLeft,
    RefusalCode,
    ReportHost,
    SendStep,
    SessionState,
    StartMatch,
    Step,
)
from tests.lobby_directory_case import HOST_CANDIDATE, DirectoryCase


class LateCase(DirectoryCase):
    """A match that runs, and people who want in."""

    settings = LobbySettings(clients_per_address=100, requests_burst=500, refusals_burst=500)

    def playing(self, count: int, capacity: int = 4) -> list[bytes]:
        """Return the ids of clients who play, in a session of so many seats."""
        clients = self.seat(count, capacity)
        effects = self.ask(clients[0], StartMatch(4))
        self.match_id = self.sent(effects, MatchTicket)[0][1].match_id
        (self.session_id,) = self.directory.sessions.by_id
        return clients

    def seat(self, count: int, capacity: int = 4) -> list[bytes]:
        clients = [self.greet(f"player {number}") for number in range(count)]
        effects = self.ask(clients[0], CreateSession(2, "a game", capacity, 1))
        session_id = self.sent(effects, SessionState)[0][1].view.session_id
        for client_id in clients[1:]:
            self.ask(client_id, JoinSession(3, session_id))
        return clients

    def late(self) -> tuple[bytes, MatchTicket]:
        """Let somebody sit down; return who, and the ticket."""
        client_id = self.greet("late")
        effects = self.ask(client_id, JoinSession(5, self.session_id))
        ((receiver, ticket),) = self.sent(effects, MatchTicket)
        self.assertEqual(receiver, client_id)
        return client_id, ticket

    def joinable(self) -> bool:
        """Return what the list says of the session."""
        (line,) = self.directory.sessions.listing().sessions
        self.assertEqual(line.state, "playing")
        return line.joinable

    def assertNoSeat(self) -> None:
        """Check that nobody can sit down, and that the list says so."""
        self.assertFalse(self.joinable())
        effects = self.ask(self.greet("late"), JoinSession(9, self.session_id))
        self.assertRefused(effects, RefusalCode.SESSION_FULL, 9)


class LateJoiningTests(LateCase):
    """N4, K3: who comes late."""

    def test_whoIsTold(self) -> None:
        """
        The late one gets the relay, the seat, and the running match's ticket; the others learn
        who it is, with keys and addresses, and the new state.
        """
        host, guest = self.playing(2)
        match = self.directory.sessions.by_id[self.session_id].running
        late = self.greet("late")
        self.ask(late, OfferCandidates(1, (HOST_CANDIDATE,)))
        effects = self.ask(late, JoinSession(5, self.session_id))
        session = self.directory.sessions.by_id[self.session_id]
        ticket = self.sent(effects, MatchTicket)[0][1]
        self.assertEqual((ticket.player, ticket.capacity, ticket.late), (3, 4, True))
        self.assertEqual((ticket.match_id, ticket.seed), (match.match_id, match.seed))
        self.assertEqual([m.client_id for m in ticket.members], [host, guest, late])
        joined = PlayerJoined(self.match_id, ticket.members[2])
        self.assertEqual(joined.member.candidates, (HOST_CANDIDATE,))
        state = session.stateMessage()
        self.assertEqual(effects[0], OfferRelay(late, self.session_id))
        self.assertEqual(
            self.sent(effects),
            [
                (late, session.stateMessage(5)),
                (late, ticket),
                (host, joined),
                (guest, joined),
                (host, state),
                (guest, state),
            ],
        )
        self.assertEqual(
            effects[-3:],
            (ListChanged(), MemberJoined(late, session.view()), MatchStarted(late, ticket)),
        )

    def test_passedOn(self) -> None:
        """Steps and addresses go to and from who came late as to anybody."""
        host, guest = self.playing(2)
        late, _ticket = self.late()
        effects = self.ask(late, SendStep(1, self.match_id, 1, bytes(16), 7))
        self.assertEqual(self.sent(effects, Step), [(host, Step(self.match_id, 3, bytes(16), 7))])
        effects = self.ask(host, SendStep(1, self.match_id, 3, bytes(16), 7))
        self.assertEqual(self.sent(effects, Step)[0][0], late)
        effects = self.ask(late, OfferCandidates(1, (HOST_CANDIDATE,)))
        news = CandidatesChanged(self.match_id, 3, (HOST_CANDIDATE,))
        self.assertEqual(self.sent(effects)[1:], [(host, news), (guest, news)])

    def test_unusedNumbersFirst(self) -> None:
        """
        A number that nobody had in this match, while there is one; then the lowest whose
        player left.
        """
        host, one, _two = self.playing(3, capacity=5)
        self.ask(one, LeaveSession(1))
        self.ask(host, LeaveSession(1))
        numbers = [self.late()[1].player for _ in range(4)]
        self.assertEqual(numbers, [4, 5, 1, 2])
        self.assertNoSeat()

    def test_leftAndBack(self) -> None:
        """Who left and comes back gets another number, and is named once in the ticket."""
        host, guest = self.playing(2, capacity=3)
        self.ask(guest, LeaveSession(1))
        effects = self.ask(guest, JoinSession(2, self.session_id))
        ticket = self.sent(effects, MatchTicket)[0][1]
        self.assertEqual([(m.player, m.client_id) for m in ticket.members], [(1, host), (3, guest)])
        effects = self.ask(guest, SendStep(1, self.match_id, 1, bytes(16), 7))
        self.assertEqual(self.sent(effects, Step)[0][1].player, 3)
        self.ask(guest, LeaveSession(3))
        effects = self.ask(guest, JoinSession(4, self.session_id))
        self.assertEqual(self.sent(effects, MatchTicket)[0][1].player, 2)

    def test_aloneFromTheStart(self) -> None:
        """A session whose minimum is 1 starts with one player, and others come late."""
        (host,) = self.playing(1, capacity=2)
        self.assertTrue(self.joinable())
        late, ticket = self.late()
        self.assertEqual([m.client_id for m in ticket.members], [host, late])
        self.assertNoSeat()

    def test_afterTheMatch(self) -> None:
        """An open session is joined as ever, and the next match numbers everybody anew."""
        host, guest, third = self.playing(3)
        self.ask(guest, LeaveSession(1))
        late, ticket = self.late()
        self.assertEqual(ticket.player, 4)
        self.ask(host, EndMatch(1, self.match_id))
        tickets = self.sent(self.ask(host, StartMatch(2)), MatchTicket)
        self.assertEqual(
            [(client_id, ticket.player) for client_id, ticket in tickets],
            [(host, 1), (third, 2), (late, 3)],
        )
        self.assertFalse(tickets[0][1].late)

    def test_olderClients(self) -> None:
        """
        Who speaks version 1 knows no late joining: it is refused by name as before, and nobody
        joins a match that has such a member.
        """
        self.playing(2)
        old = self.greet("old", version=1)
        effects = self.ask(old, JoinSession(5, self.session_id))
        self.assertRefused(effects, RefusalCode.MATCH_RUNNING, 5)
        self.directory.disconnect(old, "left")
        host, old = self.greet("host"), self.greet("old", version=1)
        session_id = self.create(host, capacity=4)
        self.ask(old, JoinSession(1, session_id))
        self.ask(host, StartMatch(2))
        line = self.directory.sessions.listing().sessions[-1]
        self.assertEqual((line.session_id, line.joinable), (session_id, False))
        effects = self.ask(self.greet("late"), JoinSession(5, session_id))
        self.assertRefused(effects, RefusalCode.MATCH_RUNNING, 5)
        self.ask(old, LeaveSession(3))
        line = next(s for s in self.directory.sessions.listing().sessions)
        self.assertTrue(line.joinable)


    def test_ourMistakes(self) -> None:
        """Who plays no more has no number, and of no number left none is given: our mistakes."""
        host, guest = self.playing(2, capacity=2)
        match = self.directory.sessions.by_id[self.session_id].running
        client = self.directory.clients[guest]
        with self.assertRaises(LocalProtocolError):
            match.take(client)
        self.assertEqual((match.playerOf(client), match.played(client)), (2, 2))
        self.directory.disconnect(guest, "lost the connection")
        with self.assertRaises(LocalProtocolError) as caught:
            match.playerOf(client)
        self.assertEqual(str(caught.exception), "the client does not play in this match")
        self.assertEqual((match.played(client), match.clientAt(2)), (2, None))
        self.assertEqual(match.clientAt(1), self.directory.clients[host])
        self.assertIsNone(match.clientAt(3))
        self.assertIsNone(match.played(self.directory.clients[self.greet("never")]))


class LeavingTests(LateCase):
    """N7, K5: who goes, and whose seat is kept."""

    def test_whoIsTold(self) -> None:
        """The others learn that a player left, by number, and the new state."""
        host, guest, third = self.playing(3)
        effects = self.ask(guest, LeaveSession(1))
        left = PlayerLeft(self.match_id, 2)
        self.assertEqual(self.sent(effects)[:3], [(guest, Done(1)), (host, left), (third, left)])
        self.assertEqual([client for client, _ in self.sent(effects, SessionState)], [host, third])
        effects = self.directory.disconnect(third, "lost the connection")
        self.assertEqual(self.sent(effects)[0], (host, PlayerLeft(self.match_id, 3)))

    def test_notBeforeTheMatch(self) -> None:
        """In an open session nobody has a number."""
        _host, guest = self.seat(2)
        self.assertEqual(self.sent(self.ask(guest, LeaveSession(1)), PlayerLeft), [])

    def test_seatOfWhoIsLost(self) -> None:
        """
        The number of a player who was lost, and did not leave, is nobody's for 30 s; a late
        one's ticket names it, for it may play on.  Then it is free.
        """
        host, guest = self.playing(2, capacity=3)
        self.directory.disconnect(guest, "lost the connection")
        late, ticket = self.late()
        self.assertEqual([m.player for m in ticket.members], [1, 2, 3])
        self.assertEqual(ticket.members[1].client_id, guest)
        self.assertNoSeat()
        self.assertEqual(len(self.directory.sessions.by_id[self.session_id].members), 2)
        beat = self.directory.heartbeat
        for sequence in range(4):
            self.now += 9.9
            self.assertFalse(self.joinable(), self.now)
            for client_id in tuple(self.directory.clients):
                beat(client_id, sequence, ("198.51.100.7", 4000), self.now)
            effects = self.directory.sweep(self.now)
            self.assertEqual(effects, (ListChanged(),) if sequence == 3 else ())
        self.assertTrue(self.joinable())
        last, ticket = self.late()
        self.assertEqual([m.client_id for m in ticket.members], [host, last, late])
        self.assertEqual(ticket.player, 2)

    def test_seatOfWhoPlaysOn(self) -> None:
        """A number that the host reports as playing is kept for longer than that."""
        host, guest = self.playing(2, capacity=2)
        self.ask(host, ReportHost(1, self.match_id, 1, 1, (1, 2)))
        self.directory.disconnect(guest, "lost the connection")
        self.now += 5
        self.ask(host, ReportHost(1, self.match_id, 1, 1, (1,)))
        self.assertFalse(self.joinable())
        self.ask(host, ReportHost(1, self.match_id, 1, 1, (1, 2)))
        self.directory.sessions.sweep(self.now + 31)
        self.assertNoSeat()
        effects = self.ask(host, ReportHost(1, self.match_id, 1, 1, (1,)))
        self.assertIn(ListChanged(), effects)
        self.assertEqual(self.late()[1].player, 2)

    def test_nothingIsKeptForNobody(self) -> None:
        """What was kept goes with the match, and with the session."""
        host, guest, third = self.playing(3)
        self.directory.disconnect(guest, "lost the connection")
        kept = self.directory.sessions._kept_seats
        self.assertEqual(len(kept), 1)
        self.ask(host, EndMatch(1, self.match_id))
        self.assertEqual(len(kept), 0)
        self.ask(host, StartMatch(2))
        self.directory.disconnect(third, "lost the connection")
        self.assertEqual(len(kept), 1)
        self.directory.disconnect(host, "lost the connection")
        self.assertEqual((len(kept), self.directory.sessions.by_id), (0, {}))
        self.assertEqual(self.directory.sessions.sweep(self.now + 99), ())


class HostOfTheMatchTests(LateCase):
    """H9, K4: the lobby's role of host follows the match."""

    def test_follows(self) -> None:
        """A later epoch moves the role; members and the list see the new host."""
        host, guest, third = self.playing(3)
        effects = self.ask(third, ReportHost(7, self.match_id, 2, 3, (1, 2, 3)))
        view = self.directory.sessions.by_id[self.session_id].view()
        self.assertEqual([m.client_id for m in view.members], [third, host, guest])
        self.assertEqual([m.is_host for m in view.members], [True, False, False])
        state = SessionState(0, view)
        self.assertEqual(
            self.sent(effects), [(third, Done(7)), (third, state), (host, state), (guest, state)]
        )
        self.assertEqual(
            effects[-2:],
            (ListChanged(), HostReported(third, self.match_id, (2, 3), (1, 2, 3))),
        )
        self.assertEqual(self.directory.clients[third].standing, Standing.PLAYING_HOST)
        self.assertRefused(
            self.ask(host, EndMatch(8, self.match_id)), RefusalCode.NOT_HOST, 8
        )
        self.assertEqual(self.sent(self.ask(third, EndMatch(9, self.match_id)))[0][1], Done(9))

    def test_order(self) -> None:
        """Epochs are ordered by number, then by host; an older one is refused by name."""
        host, guest, third = self.playing(3)
        for client, epoch, good in (
            (host, (1, 1), True),
            (third, (1, 3), True),
            (guest, (1, 2), False),
            (host, (1, 1), False),
            (third, (1, 3), True),
            (guest, (2, 2), True),
            (host, (2, 1), False),
            (third, (1, 3), False),
            (host, (4, 1), True),
        ):
            before = self.directory.sessions.by_id[self.session_id].host
            effects = self.ask(client, ReportHost(7, self.match_id, *epoch, (1, 2, 3)))
            if good:
                self.assertEqual(self.sent(effects)[0], (client, Done(7)))
                self.assertEqual(
                    self.directory.sessions.by_id[self.session_id].host.client_id, client
                )
            else:
                self.assertRefused(effects, RefusalCode.STALE_EPOCH, 7)
                self.assertIs(self.directory.sessions.by_id[self.session_id].host, before)
        effects = self.ask(guest, ReportHost(7, self.match_id, 3, 2, (2,)))
        reason = self.sent(effects)[0][1].reason
        self.assertEqual(reason, "player 1 is the host, by epoch 4")

    def test_forOthers(self) -> None:
        """Bad input: who reports another, unknown players, or another match is refused by name."""
        host, guest = self.playing(2)
        for report, code in (
            (ReportHost(7, self.match_id, 2, 1, (1, 2)), RefusalCode.NOT_HOST),
            (ReportHost(7, self.match_id, 2, 3, (2, 3)), RefusalCode.NOT_HOST),
            (ReportHost(7, self.match_id, 2, 2, (2, 3)), RefusalCode.NO_SUCH_PLAYER),
            (ReportHost(7, b"\xff" * 16, 2, 2, (2,)), RefusalCode.NO_SUCH_MATCH),
        ):
            self.assertRefused(self.ask(guest, report), code, 7)
        match = self.directory.sessions.by_id[self.session_id].running
        self.assertEqual((match.epoch, match.reported), ((1, 1), ()))
        self.assertIs(self.directory.clients[host].standing, Standing.PLAYING_HOST)

    def test_sameHostAgain(self) -> None:
        """The same host's report of other players changes nothing that others see."""
        host, _guest = self.playing(2)
        effects = self.ask(host, ReportHost(7, self.match_id, 1, 1, (1,)))
        self.assertEqual(
            [type(effect).__name__ for effect in effects], ["Send", "HostReported"]
        )

    def test_hostLost(self) -> None:
        """
        A host's stream that is lost while it plays ends nothing: the session goes on with the
        next member as host, until the players' own host reports.
        """
        host, guest, third = self.playing(3)
        self.directory.disconnect(host, "lost the connection")
        session = self.directory.sessions.by_id[self.session_id]
        self.assertEqual(session.host.client_id, guest)
        self.assertIsNotNone(session.match)
        self.ask(third, ReportHost(7, self.match_id, 2, 3, (2, 3)))
        self.assertEqual(session.host.client_id, third)
        self.directory.disconnect(third, "lost the connection")
        self.assertEqual((session.host.client_id, session.running.epoch), (guest, (2, 3)))
        self.directory.disconnect(guest, "lost the connection")
        self.assertEqual(self.directory.sessions.by_id, {})
