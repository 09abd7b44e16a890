"""
The directory's doors, case by case: greeting, limits, silence.
"""

from __future__ import annotations

from gamenet.errors import LocalProtocolError
from gamenet.lobby.directory import Directory
from gamenet.lobby.effects import ClientGreeted, ClientLost, Close, Send
from gamenet.lobby.settings import LobbySettings
from gamenet.wire.lobby_messages import (
    Candidate,
    CreateSession,
    Done,
    Hello,
    JoinSession,
    LeaveSession,
    ListSessions,
    OfferCandidates,
    RefusalCode,
    Refused,
    SessionClosed,
    SessionList,
    SessionState,
    StartMatch,
    StreamHeartbeat,
    Welcome,
)
from tests.lobby_directory_case import HOST_CANDIDATE, SEEN, DirectoryCase


class GreetingTests(DirectoryCase):
    """From the first byte to the welcome."""

    def test_welcome(self) -> None:
        """The welcome says who you are, how to beat, and where; the list follows."""
        client_id = self.connect()
        effects = self.directory.request(
            client_id, Hello(9, 1, 1, "Ada", bytes(32), bytes(32)), self.now, b"k" * 32
        )
        welcome = Welcome(9, 1, client_id, b"k" * 32, 3000, 10_000, 7771)
        expected = [(client_id, welcome), (client_id, SessionList(0, (), 0))]
        self.assertEqual(self.sent(effects), expected)
        self.assertEqual(effects[2:], (ClientGreeted(client_id, "Ada"),))
        self.assertEqual(self.directory.heartbeatKey(client_id), b"k" * 32)

    def test_noKeyBeforeTheWelcome(self) -> None:
        """A stranger has no heartbeats, and nobody has those of a stranger."""
        client_id = self.connect()
        self.assertIsNone(self.directory.heartbeatKey(client_id))
        self.assertIsNone(self.directory.heartbeatKey(b"nobody!!"))
        self.assertIsNone(self.directory.heartbeat(client_id, 1, SEEN, self.now))
        self.assertIsNone(self.directory.heartbeat(b"nobody!!", 1, SEEN, self.now))

    def test_secondHello(self) -> None:
        """Bad input: a second hello is refused by name, and changes nothing."""
        client_id = self.greet("Ada")
        key = self.directory.heartbeatKey(client_id)
        effects = self.ask(client_id, Hello(5, 1, 1, "Eve", bytes(32), bytes(32)))
        self.assertRefused(effects, RefusalCode.ALREADY_GREETED, 5)
        self.assertEqual(self.directory.clients[client_id].name, "Ada")
        self.assertEqual(self.directory.heartbeatKey(client_id), key)

    def test_badNames(self) -> None:
        """Bad input: empty, too long, control characters, bidi: refused, and one can try again."""
        client_id = self.connect()
        for name in ("", "x" * 33, "a\nb", "a\u202eb", " a", "e\u0301"):
            effects = self.ask(client_id, Hello(5, 1, 1, name, bytes(32), bytes(32)))
            self.assertRefused(effects, RefusalCode.BAD_NAME, 5)
        effects = self.ask(client_id, Hello(6, 1, 1, "x" * 32, bytes(32), bytes(32)))
        self.assertEqual(self.sent(effects, Welcome)[0][1].request, 6)

    def test_noCommonVersion(self) -> None:
        """A client that is too new is told so and closed."""
        client_id = self.connect()
        effects = self.ask(client_id, Hello(5, 3, 7, "Ada", bytes(32), bytes(32)))
        refused = self.sent(effects, Refused)[0][1]
        self.assertEqual(refused.code, RefusalCode.UNSUPPORTED_VERSION)
        self.assertIn("the versions 1 to 2, you speak 3 to 7", refused.reason)
        self.assertEqual(effects[1:], (Close(client_id, refused.reason),))
        self.assertEqual(self.directory.clients, {})

    def test_greetingTimeLimit(self) -> None:
        """A connection that says no hello in 10 s is closed; refused hellos do not help it."""
        client_id = self.connect()
        self.now += 9
        self.ask(client_id, Hello(5, 1, 1, "", bytes(32), bytes(32)))
        self.assertEqual(self.directory.sweep(self.now + 0.9), ())
        close = (Close(client_id, "no hello came in time"),)
        self.assertEqual(self.directory.sweep(self.now + 1), close)
        self.assertEqual(self.directory.clients, {})

    def test_closedDirectory(self) -> None:
        """Nobody is taken in before there is a UDP port to tell."""
        directory = Directory(LobbySettings())
        self.assertEqual(directory.whyNotConnect("10.0.0.1"), "the lobby is not open")
        with self.assertRaises(LocalProtocolError):
            directory.connect("10.0.0.1", 0.0, bytes(8))

    def test_idsAreUnique(self) -> None:
        """Equal random bytes still make different ids, for clients and for sessions."""
        ids = [self.directory.connect("h", self.now, b"\xff" * 8) for _ in range(3)]
        self.assertEqual(ids, [b"\xff" * 8, bytes(8), bytes(7) + b"\1"])
        names = []
        for client_id in ids:
            self.ask(client_id, Hello(1, 1, 1, "Ada", bytes(32), bytes(32)))
            request = CreateSession(2, "a game", 2, 2)
            effects = self.directory.request(client_id, request, self.now, b"\xff" * 8)
            names.append(self.sent(effects, SessionState)[0][1].view.session_id)
        self.assertEqual(names, ["f" * 16, "0" * 16, "0" * 15 + "1"])

    def test_wrongEntropy(self) -> None:
        """Too few or too many random bytes are our own mistake."""
        client_id = self.connect()
        with self.assertRaises(LocalProtocolError):
            self.directory.request(client_id, ListSessions(1), self.now, b"x")
        with self.assertRaises(LocalProtocolError):
            hello = Hello(1, 1, 1, "Ada", bytes(32), bytes(32))
            self.directory.request(client_id, hello, self.now, bytes(31))
        with self.assertRaises(LocalProtocolError):
            self.directory.connect("h", self.now, bytes(7))


class LimitTests(DirectoryCase):
    """Every table and every rate has a limit."""

    settings = LobbySettings(
        clients_limit=5,
        clients_per_address=2,
        sessions_limit=1,
        list_limit=1,
        requests_per_second=1,
        requests_burst=5,
        refusals_per_second=1,
        refusals_burst=2,
    )

    def test_clients(self) -> None:
        """So many connections, then no more; one that ends makes room."""
        clients = [self.connect(f"10.0.0.{number}") for number in range(5)]
        self.assertEqual(self.directory.whyNotConnect("10.0.0.9"), "the lobby is full")
        with self.assertRaises(LocalProtocolError):
            self.connect("10.0.0.9")
        self.directory.disconnect(clients[0], "left")
        self.assertIsNone(self.directory.whyNotConnect("10.0.0.9"))

    def test_clientsPerAddress(self) -> None:
        """So many from one address; others are not held up by them."""
        self.assertIsNone(self.directory.whyNotConnect("10.0.0.1"))
        one = self.connect("10.0.0.1")
        self.assertIsNone(self.directory.whyNotConnect("10.0.0.1"))
        two = self.connect("10.0.0.1")
        why = self.directory.whyNotConnect("10.0.0.1")
        self.assertEqual(why, "too many connections come from your address")
        with self.assertRaises(LocalProtocolError) as caught:
            self.connect("10.0.0.1")
        self.assertEqual(str(caught.exception), why)
        self.assertIsNone(self.directory.whyNotConnect("10.0.0.2"))
        self.directory.disconnect(one, "left")
        self.assertIsNone(self.directory.whyNotConnect("10.0.0.1"))
        self.directory.disconnect(two, "left")
        self.assertEqual(self.directory._connections_from, {})

    def test_sessions(self) -> None:
        """So many sessions, then a named refusal."""
        one, two = self.greet(), self.greet(host="10.0.0.2")
        self.create(one)
        effects = self.ask(two, CreateSession(7, "a game", 2, 2))
        self.assertRefused(effects, RefusalCode.TOO_MANY, 7)
        reason = "the lobby has no room for another session"
        self.assertEqual(self.sent(effects)[0][1].reason, reason)

    def test_requests(self) -> None:
        """So many requests at once, heartbeats included; the rest is refused by name."""
        client_id = self.greet()
        for _ in range(4):
            self.assertEqual(len(self.ask(client_id, StreamHeartbeat(1))), 1)
        effects = self.directory.request(client_id, ListSessions(7), self.now)
        self.assertRefused(effects, RefusalCode.TOO_MANY, 7)
        self.assertEqual(self.sent(effects)[0][1].reason, "too many requests, slow down")
        self.assertRefused(self.ask(client_id, StreamHeartbeat(1)), RefusalCode.TOO_MANY, 0)
        self.now += 1
        self.assertEqual(len(self.sent(self.ask(client_id, ListSessions(8)), SessionList)), 1)

    def test_refusals(self) -> None:
        """One refusal too many closes the client, so none can fill the log."""
        client_id = self.greet()
        for _ in range(2):
            effects = self.ask(client_id, LeaveSession(1))
            self.assertRefused(effects, RefusalCode.NOT_SEATED, 1)
        effects = self.ask(client_id, LeaveSession(1))
        self.assertEqual(
            effects[1:],
            (
                Close(client_id, "too many refused requests"),
                ClientLost(client_id, "was closed by the lobby"),
            ),
        )
        self.assertEqual(self.ask(client_id, LeaveSession(1)), ())

    def test_refusalsComeBack(self) -> None:
        """A refusal now and then closes nobody."""
        client_id = self.greet()
        for _ in range(20):
            self.now += 2
            self.assertRefused(
                self.ask(client_id, LeaveSession(1)), RefusalCode.NOT_SEATED, 1
            )

    def test_addressChanges(self) -> None:
        """Heartbeats from ever new addresses cost requests, so they cannot flood the others."""
        clients, _ = self.play(2)
        self.now += 100
        self.directory.clients[clients[1]].offered = (HOST_CANDIDATE,)
        told = 0
        for number in range(20):
            address = ("198.51.100.9", 1000 + number)
            effects = self.directory.heartbeat(clients[1], number, address, self.now)
            self.assertIsNotNone(effects)
            told += len(effects or ())
        self.assertEqual(told, 5)


class CandidateLimitTests(DirectoryCase):
    """A limit with a session list to match."""

    settings = LobbySettings(candidates_limit=2, list_limit=2)

    def test_candidates(self) -> None:
        """So many candidates, then a named refusal, and the old ones stay."""
        client_id = self.greet()
        good = tuple(Candidate("host", ("10.0.0.1", port)) for port in (1, 2))
        self.assertEqual(
            self.ask(client_id, OfferCandidates(1, good)), (Send(client_id, Done(1)),)
        )
        bad = OfferCandidates(2, (*good, HOST_CANDIDATE))
        self.assertRefused(self.ask(client_id, bad), RefusalCode.TOO_MANY, 2)
        self.assertEqual(self.directory.clients[client_id].offered, good)

    def test_listLength(self) -> None:
        """N2: a list holds so many, those first that can be joined; its total tells the rest."""
        hosts = [self.greet(f"host {number}") for number in range(4)]
        sessions = [self.create(host) for host in hosts]
        guests = [self.greet("guest"), self.greet("guest")]
        self.ask(guests[0], JoinSession(1, sessions[0]))
        self.ask(guests[1], JoinSession(1, sessions[2]))
        self.ask(hosts[2], StartMatch(1))
        answer = self.sent(self.ask(hosts[0], ListSessions(5)))[0][1]
        self.assertEqual(answer.request, 5)
        self.assertEqual(answer.total, 4)
        self.assertEqual([s.session_id for s in answer.sessions], [sessions[1], sessions[3]])
        self.ask(hosts[1], LeaveSession(6))
        answer = self.sent(self.ask(hosts[0], ListSessions(5)))[0][1]
        self.assertEqual([s.session_id for s in answer.sessions], [sessions[3], sessions[0]])
        self.assertEqual([s.full for s in answer.sessions], [False, True])


class SilenceTests(DirectoryCase):
    """N1: heartbeats, and who is lost."""

    def test_lost(self) -> None:
        """After 10 s of silence a client is closed, taken off its session, and lost."""
        host, guest = self.seat(2)
        self.now += 9
        self.ask(guest, StreamHeartbeat(1))
        effects = self.directory.sweep(self.now + 1)
        self.assertIn(Close(host, "you have been silent for 10 s"), effects)
        closed = self.sent(effects, SessionClosed)
        self.assertEqual([client_id for client_id, _ in closed], [guest])
        self.assertEqual(closed[0][1].reason, "the host was silent for 10 s")
        self.assertEqual(list(self.directory.clients), [guest])
        self.assertEqual(self.directory.sessions.by_id, {})

    def test_anyRequestIsASignOfLife(self) -> None:
        """A refused request too."""
        client_id = self.greet()
        self.now += 9
        self.ask(client_id, LeaveSession(1))
        self.assertEqual(self.directory.sweep(self.now + 9), ())

    def test_heartbeatIsASignOfLife(self) -> None:
        """An authenticated datagram; a replay of it is none."""
        client_id = self.greet()
        self.now += 9
        self.assertEqual(self.directory.heartbeat(client_id, 0, SEEN, self.now), ())
        self.now += 9
        self.assertIsNone(self.directory.heartbeat(client_id, 0, SEEN, self.now))
        self.assertEqual(self.directory.sweep(self.now), ())
        self.assertEqual(len(self.directory.sweep(self.now + 1)), 2)

    def test_replayMovesNobody(self) -> None:
        """Replayed from elsewhere, a heartbeat does not change the address seen."""
        client_id = self.greet()
        self.directory.heartbeat(client_id, 7, SEEN, self.now)
        for sequence in (7, 6, 0):
            elsewhere = ("203.0.113.66", 666)
            self.assertIsNone(self.directory.heartbeat(client_id, sequence, elsewhere, self.now))
        self.assertEqual(self.directory.clients[client_id].address_seen, SEEN)

    def test_addressThatCannotBe(self) -> None:
        """A heartbeat from port 0 or from nowhere is dropped, and its sequence is not used up."""
        client_id = self.greet()
        for address in (("198.51.100.7", 0), ("0.0.0.0", 5), ("224.0.0.1", 5)):
            self.assertIsNone(self.directory.heartbeat(client_id, 1, address, self.now))
        self.assertEqual(self.directory.heartbeat(client_id, 1, SEEN, self.now), ())

    def test_strangersAndClientsAreSweptApart(self) -> None:
        """A stranger's time limit is not a client's."""
        settings = LobbySettings(greeting_timeout=2, heartbeat_timeout=20)
        self.directory = Directory(settings, udp_port=1)
        client_id, stranger = self.greet(), self.connect()
        effects = self.directory.sweep(self.now + 2)
        self.assertEqual(effects, (Close(stranger, "no hello came in time"),))
        self.assertEqual(list(self.directory.clients), [client_id])
        self.assertEqual(self.directory.greeted, (client_id,))
