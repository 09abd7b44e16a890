"""
Late joining, the match's own host and results, as players, old players and operators see it.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import formatEvent
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RequestRefused
from gamenet.lobby.settings import LobbySettings
from gamenet.services import lobbyService
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_messages import (
    CreateSession,
    EndMatch,
    JoinSession,
    LeaveSession,
    ListSessions,
    MatchTicket,
    OfferResult,
    RefusalCode,
    ReportHost,
    ResultSignature,
    SessionList,
    SessionState,
    StartMatch,
)
from gamenet.world.network import WorldNetwork
from tests.lobby_wire import ProtocolCase, Wire
from tests.lobby_world import LobbyWorld, keysOf


class LateClientTests(SynchronousTestCase):
    """L{gamenet.lobby.client.LobbyClient}."""

    def setUp(self) -> None:
        self.world = LobbyWorld()
        self.host = self.world.player("Ada")
        view = self.world.wait(self.host.client.createSession("a game", 3, 1))
        self.session_id = view.session_id
        self.world.wait(self.host.client.startMatch())
        self.world.network.advance(1)
        self.ticket: MatchTicket = self.host.listener.named("matchStarting")[0][0]
        self.addCleanup(self.world.shut)

    def test_joins(self) -> None:
        """The list says it is joinable; the seat comes, then the ticket; the host is told."""
        late = self.world.player("Bob")
        (line,) = self.world.wait(late.client.listSessions())
        self.assertEqual((line.state, line.joinable), ("playing", True))
        view = self.world.wait(late.client.joinSession(self.session_id))
        self.assertEqual((view.state, len(view.members)), ("playing", 2))
        self.world.network.advance(1)
        ((ticket,),) = late.listener.named("matchStarting")
        self.assertEqual((ticket.player, ticket.late, ticket.capacity), (2, True, 3))
        self.assertEqual(ticket.seed, self.ticket.seed)
        ((match_id, member),) = self.host.listener.named("memberJoined")
        self.assertEqual((match_id, member), (ticket.match_id, ticket.members[1]))
        self.assertEqual((member.link_key, member.statement_key), keysOf(2))
        self.assertEqual((self.ticket.late, self.ticket.capacity), (False, 3))

    def test_leaves(self) -> None:
        """The others are told by number; of one that is lost as of one that leaves."""
        left, lost = self.world.player("Bob"), self.world.player("Eve")
        for player in (left, lost):
            self.world.wait(player.client.joinSession(self.session_id))
        self.world.wait(left.client.leaveSession())
        self.world.network.advance(1)
        lost.client._stream.abort()
        self.world.network.advance(1)
        match_id = self.ticket.match_id
        self.assertEqual(self.host.listener.named("memberLeft"), [(match_id, 2), (match_id, 3)])
        self.assertEqual(lost.listener.named("memberLeft"), [(match_id, 2)])

    def test_reports(self) -> None:
        """A later epoch moves the role of host; an older one is refused by name."""
        late = self.world.player("Bob")
        self.world.wait(late.client.joinSession(self.session_id))
        match_id = self.ticket.match_id
        self.world.wait(late.client.reportHost(match_id, 2, 2, [2, 1]))
        self.world.network.advance(1)
        view = self.host.client.session
        assert view is not None
        self.assertEqual([member.name for member in view.members], ["Bob", "Ada"])
        deferred = self.host.client.reportHost(match_id, 1, 1, [1, 2])
        error = self.assertRaises(RequestRefused, self.world.wait, deferred)
        self.assertEqual(error.code, RefusalCode.STALE_EPOCH)
        self.assertIn("player 2 is the host, by epoch 2", str(error))
        bad = late.client.reportHost(match_id, 3, 2, [1])
        self.assertIn("none of the players", str(self.failureResultOf(bad, LocalProtocolError)))

    def test_offers(self) -> None:
        """A result is taken during the match and after it; a bad one never leaves."""
        match_id = self.ticket.match_id
        client = self.host.client
        self.world.wait(client.offerResult(match_id, b"red", [(1, bytes(64))]))
        self.world.wait(client.endMatch(match_id))
        self.world.wait(client.offerResult(match_id, b"blue", []))
        results = self.world.factory.directory.sessions.results
        (kept,) = results.of(match_id)
        self.assertEqual((kept.result, kept.missing), (b"blue", (1,)))
        bad = client.offerResult(match_id, bytes(1025), [])
        self.failureResultOf(bad, LocalProtocolError)
        bad = client.offerResult(match_id, b"red", [(1, bytes(63))])
        self.failureResultOf(bad, LocalProtocolError)


class OldClientTests(ProtocolCase):
    """Versions N and N - 1 are served at once."""

    def arrays(self, wire: Wire) -> list[Any]:
        """Return what the lobby has sent, as it stands on the wire."""
        data = wire.value()
        wire.clear()
        return [canonical_cbor.decode(payload) for payload in wire.frames.feed(data)]

    def test_oldShapes(self) -> None:
        """
        Who speaks version 1 gets every array as long as that version has it, and no message
        that it does not have, while others in the same session get the new ones.
        """
        old, new = self.greet("Ada", version=1), self.greet("Bob", version=2)
        old.say(CreateSession(2, "a game", 3, 1))
        session_id = old.heard()[0].view.session_id
        new.say(JoinSession(2, session_id))
        self.network.advance(1)
        old.say(StartMatch(3), ListSessions(4))
        new.say(LeaveSession(5))
        self.network.advance(1)
        arrays = {array[0]: array for array in self.arrays(old)}
        self.assertEqual(sorted(arrays), [65, 67, 68, 71])
        self.assertEqual(len(arrays[71]), 6)
        self.assertEqual([len(line) for line in arrays[67][2]], [7])
        arrays = {array[0]: array for array in self.arrays(new)}
        self.assertEqual(len(arrays[71]), 8)
        self.assertEqual([len(line) for line in arrays[67][2]], [8])

    def test_leavingIsNotTold(self) -> None:
        """An old client of a match learns of who left by the state alone, as it always did."""
        old, new, newer = self.greet("a", version=1), self.greet("b"), self.greet("c")
        old.say(CreateSession(2, "a game", 3, 1))
        session_id = old.heard()[0].view.session_id
        for wire in (new, newer):
            wire.say(JoinSession(2, session_id))
        old.say(StartMatch(3))
        for wire in (old, new, newer):
            wire.heard()
        new.say(LeaveSession(5))
        self.assertEqual([array[0] for array in self.arrays(old)], [68])
        self.assertEqual([array[0] for array in self.arrays(newer)], [77, 68])

    def test_pushedList(self) -> None:
        """One push of the list reaches each in its own shape."""
        old, new = self.greet("Ada", version=1), self.greet("Bob", version=2)
        new.say(CreateSession(2, "a game", 3, 1))
        self.network.advance(1)
        self.assertEqual(len(self.arrays(old)[-1][2][0]), 7)
        self.assertEqual(len(self.arrays(new)[-1][2][0]), 8)
        self.assertEqual(self.factory.counters.lists_pushed, 1)

    def test_encodedOnce(self) -> None:
        """However many of both versions are told in turn, each shape is encoded once."""
        listing = SessionList(0, (), 0)
        first = [self.factory.framed(listing, version) for version in (1, 2)]
        for version in (1, 2, 1, 2):
            self.assertIs(self.factory.framed(listing, version), first[version - 1])


class OperatorTests(ProtocolCase):
    """What operators see: counters, the log, the status page."""

    def live(self) -> tuple[Wire, Wire]:
        """Play a match that somebody joins late, that moves its host, and has two results."""
        host, late = self.greet("Ada"), self.greet("Bob")
        host.say(CreateSession(2, "a game", 3, 1))
        state = host.heard()[0]
        assert isinstance(state, SessionState)
        host.say(StartMatch(3))
        match_id = next(m for m in host.heard() if isinstance(m, MatchTicket)).match_id
        self.match = match_id.hex()
        late.say(JoinSession(4, state.view.session_id))
        late.say(ReportHost(5, match_id, 2, 2, (1, 2)))
        signatures = (ResultSignature(1, bytes(64)), ResultSignature(2, bytes(64)))
        late.say(OfferResult(6, match_id, b"red", signatures))
        host.say(OfferResult(6, match_id, b"blue", signatures[:1]))
        late.say(EndMatch(7, match_id))
        return host, late

    def test_log(self) -> None:
        """A line for each: who, which match, which player, how many signatures; no result."""
        host, late = self.live()
        ada, bob = (wire.protocol.client_id.hex() for wire in (host, late))
        self.assertEqual(
            [formatEvent(event) for event in self.events],
            [
                f"lobby client {bob} joins match {self.match} late, as player 2",
                f"lobby client {bob} hosts match {self.match} by epoch 2, as player 2 of 2",
                f"lobby client {bob} offers a result of match {self.match},"
                " signed by 2 of 2 players",
                f"lobby client {ada} offers a result of match {self.match},"
                " signed by 1 of 2 players, that differs from another's",
            ],
        )

    def test_nobodyFillsTheLog(self) -> None:
        """A client causes 20 such lines at once and one a second; what is left out is counted."""
        host, _ = self.greet("Ada"), self.greet("Bob")
        host.say(CreateSession(2, "a game", 3, 1), StartMatch(3))
        match_id = next(m for m in host.heard() if isinstance(m, MatchTicket)).match_id
        for number in range(10, 35):
            host.say(OfferResult(number, match_id, b"red", ()))
            host.say(ReportHost(number, match_id, number, 1, (1,)))
        self.assertEqual(len(self.events), 20)
        self.assertEqual(self.factory.counters.results_offered, 25)
        self.network.advance(2)
        for number in range(10, 15):
            host.say(OfferResult(number, match_id, b"red", ()))
        self.assertEqual(len(self.events), 22)

    def test_counters(self) -> None:
        """Each is counted once; a late player starts no match."""
        self.live()
        counters = self.factory.counters
        self.assertEqual((counters.matches_started, counters.late_joins), (1, 1))
        self.assertEqual((counters.hosts_reported, counters.results_offered), (1, 2))
        self.assertEqual((counters.results_incomplete, counters.results_differing), (1, 1))

    def test_lateAsTheFirst(self) -> None:
        """Who comes late as player 1, all other numbers being used up, starts no match."""
        host, guest, late = self.greet("Ada"), self.greet("Bob"), self.greet("Eve")
        host.say(CreateSession(2, "a game", 2, 2))
        session_id = host.heard()[0].view.session_id
        guest.say(JoinSession(2, session_id))
        host.say(StartMatch(3), LeaveSession(4))
        late.say(JoinSession(2, session_id))
        ticket = next(m for m in late.heard() if isinstance(m, MatchTicket))
        self.assertEqual((ticket.player, ticket.late), (1, True))
        self.assertEqual(self.factory.counters.matches_started, 1)

    def test_status(self) -> None:
        """The status page says what is kept now, beside the counters."""
        machine = WorldNetwork(1).machine("lobby", "203.0.113.1")
        service = lobbyService(machine, LobbySettings(), ["tcp:7770"], ("", 7770))
        service.startService()
        self.addCleanup(service.stopService)
        status = service.status()
        for name in (
            "results_kept", "matches_with_results", "matches_with_differing_results",
            "results_offered", "results_incomplete", "results_differing", "hosts_reported",
            "late_joins",
        ):
            self.assertEqual(status[name], 0, name)

    def test_listAfterGrace(self) -> None:
        """When a lost player's seat becomes free the list is pushed, saying so."""
        host, guest, watcher = self.greet("Ada"), self.greet("Bob"), self.greet("Eve")
        host.say(CreateSession(2, "a game", 2, 1))
        session_id = host.heard()[0].view.session_id
        guest.say(JoinSession(2, session_id))
        host.say(StartMatch(3))
        guest.lose()
        joinable: list[tuple[int, bool]] = []
        watcher.heard()
        for second in range(1, 34):
            self.network.advance(1)
            for wire in (host, watcher):
                wire.say(ListSessions(second))
            joinable += [
                (second, line.joinable)
                for message in watcher.heard()
                if isinstance(message, SessionList) and not message.request
                for line in message.sessions
            ]
        self.assertEqual(joinable[0], (1, False))
        self.assertEqual(len(joinable), 2)
        second, free = joinable[1]
        self.assertTrue(free)
        self.assertIn(second, (30, 31, 32))
