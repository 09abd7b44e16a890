"""
The directory against a simple reference model: every standing, every request.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.directory import REQUEST_ENTROPY, Directory
from gamenet.lobby.effects import (
    Effect,
)
from gamenet.lobby.settings import LobbySettings
from gamenet.lobby.standing import Standing
from gamenet.wire.lobby_messages import (
    REQUESTS,
    Candidate,
    CreateSession,
    EndMatch,
    Hello,
    JoinSession,
    LeaveSession,
    ListSessions,
    OfferCandidates,
    RefusalCode,
    Request,
    SendStep,
    StartMatch,
    StreamHeartbeat,
)
from tests.lobby_effects_told import outcomeOf
from tests.lobby_model import CANDIDATES, CAPACITY, SESSIONS, LobbyModel, ModelClient, Outcome

SETTINGS = LobbySettings(
    clients_limit=6,
    clients_per_address=6,
    sessions_limit=SESSIONS,
    capacity_limit=CAPACITY,
    candidates_limit=CANDIDATES,
    requests_per_second=1e6,
    requests_burst=10**6,
    refusals_per_second=1e6,
    refusals_burst=10**6,
)

NOBODY = "f" * 16
WRONG_MATCH = b"\xff" * 16

#: Which of the clients, sessions, players or matches a rule means; taken modulo
#: how many there are.
which = st.sampled_from([1, 2, 0, 3, 4, 5])
addresses = st.sampled_from([("198.51.100.1", 4000), ("198.51.100.1", 4001), ("10.0.0.1", 5)])
candidates = st.lists(
    st.tuples(st.sampled_from(["host", "server_reflexive", "relayed"]), addresses),
    max_size=CANDIDATES + 1,
    unique=True,
)


class DirectoryMachine(RuleBasedStateMachine):
    """Random legal and illegal requests; the directory and the model must agree."""

    #: How often each standing met each request, and how often each code refused.
    met: ClassVar[Counter[tuple[str, str]]] = Counter()
    refused: ClassVar[Counter[str]] = Counter()

    @initialize(
        greeted=st.sampled_from([5, 4, 3, 0]),
        seated=st.sampled_from([4, 3, 2, 1]),
        playing=st.booleans(),
    )
    def begin(self, greeted: int, seated: int, playing: bool) -> None:
        self.directory = Directory(SETTINGS, udp_port=7770)
        self.model = LobbyModel()
        self.now = 1000.0
        self.drawn = 0
        self.request_number = 0
        for _ in range(greeted):
            self.connect(True)
        clients = [*self.model.clients][:seated]
        if clients:
            self.create(0, (CAPACITY, 2), True)
        for place in range(1, len(clients)):
            self.join(place, 0)
        if playing and len(clients) > 1:
            self.start(0)

    def draw(self, count: int) -> bytes:
        """Return bytes that differ each time."""
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")

    def someone(self, number: int) -> bytes:
        clients = list(self.model.clients)
        return clients[number % len(clients)]

    def someSession(self, number: int) -> str:
        sessions = [*self.model.sessions, NOBODY]
        return sessions[number % len(sessions)]

    def matchOf(self, client: bytes, right: bool) -> bytes:
        session_id = self.model.sessionOf(client)
        running = self.model.sessions[session_id].match_id if session_id else b""
        return running if running and right else WRONG_MATCH

    def compare(self, effects: tuple[Effect, ...], expected: Outcome) -> None:
        outcome = outcomeOf(effects)
        assert sorted(outcome, key=repr) == sorted(expected, key=repr), (outcome, expected)
        for kind, _, detail in outcome:
            if kind == "refused":
                self.refused[detail.name] += 1

    def request(self, client: bytes, message: Request, *expected: Any) -> None:
        """
        Ask for something, and compare.

        @param expected: The model's method for it and its arguments, used where
            the standing allows the request.
        """
        name = type(message).__name__
        self.met[self.model.standing(client), name] += 1
        assert self.directory.clients[client].standing.name == self.model.standing(client)
        entropy = self.draw(count) if (count := REQUEST_ENTROPY.get(type(message), 0)) else b""
        code = self.model.refusalByStanding(client, name)
        if self.model.clients[client].greeted:
            self.model.heard(client, self.now)
        effects = self.directory.request(client, message, self.now, entropy)
        if code is not None:
            self.compare(effects, [("refused", client, code)])
            return
        method, *arguments = expected
        known = {"session": f"{int.from_bytes(entropy[:8], 'big'):016x}", "match": entropy[:16]}
        expected_outcome = method(client, *(known.get(str(a), a) for a in arguments))
        if name == "Hello" and self.model.clients.get(client, ModelClient()).greeted:
            self.model.heard(client, self.now)
        self.compare(effects, expected_outcome)

    def number(self) -> int:
        self.request_number += 1
        return self.request_number

    @rule(greeted=st.booleans())
    def connect(self, greeted: bool) -> None:
        """A stream opens; half of them greet at once, and well."""
        if len(self.model.clients) == SETTINGS.clients_limit:
            assert self.directory.whyNotConnect("10.0.0.1") == "the lobby is full"
            return
        assert self.directory.whyNotConnect("10.0.0.1") is None
        client = self.directory.connect("10.0.0.1", self.now, self.draw(8))
        self.model.clients[client] = ModelClient()
        self.model.heard(client, self.now)
        if greeted:
            self.hello(len(self.model.clients) - 1, (1, 1), True)

    @precondition(lambda self: self.model.clients)
    @rule(
        who=which,
        versions=st.sampled_from([(1, 1), (2, 3), (1, 9)]),
        good_name=st.booleans(),
    )
    def hello(self, who: int, versions: tuple[int, int], good_name: bool) -> None:
        name = "Ada" if good_name else " Ada"
        message = Hello(self.number(), *versions, name, bytes(32), bytes(32))
        self.request(self.someone(who), message, self.model.hello, versions, good_name)

    @precondition(lambda self: self.model.clients)
    @rule(who=which)
    def list(self, who: int) -> None:
        def listed(client: bytes) -> Outcome:
            return [("SessionList", client, self.model.listed())]

        self.request(self.someone(who), ListSessions(self.number()), listed)

    @precondition(lambda self: self.model.clients)
    @rule(
        who=which,
        seats=st.sampled_from([(2, 2), (3, 2), (3, 3), (4, 2), (5, 2), (2, 3), (2, 1), (0, 0)]),
        good_title=st.sampled_from([True, True, False]),
    )
    def create(self, who: int, seats: tuple[int, int], good_title: bool) -> None:
        title = "a game" if good_title else ""
        message = CreateSession(self.number(), title, *seats)
        self.request(
            self.someone(who), message, self.model.create, "session", *seats, good_title
        )

    @precondition(lambda self: self.model.clients)
    @rule(who=which, where=which)
    def join(self, who: int, where: int) -> None:
        session_id = self.someSession(where)
        message = JoinSession(self.number(), session_id)
        self.request(self.someone(who), message, self.model.join, session_id)

    @precondition(lambda self: self.model.clients)
    @rule(who=which)
    def leave(self, who: int) -> None:
        def left(client: bytes) -> Outcome:
            return [("Done", client, None), *self.model.vacate(client)]

        self.request(self.someone(who), LeaveSession(self.number()), left)

    @precondition(lambda self: self.model.clients)
    @rule(who=which)
    def start(self, who: int) -> None:
        message = StartMatch(self.number())
        self.request(self.someone(who), message, self.model.start, "match")

    @precondition(lambda self: self.model.clients)
    @rule(who=which, right=st.booleans())
    def end(self, who: int, right: bool) -> None:
        client = self.someone(who)
        match_id = self.matchOf(client, right)
        self.request(client, EndMatch(self.number(), match_id), self.model.end, match_id)

    @precondition(lambda self: self.model.clients)
    @rule(who=which, offered=candidates)
    def offer(self, who: int, offered: list[tuple[str, tuple[str, int]]]) -> None:
        message = OfferCandidates(self.number(), tuple(Candidate(*one) for one in offered))
        self.request(self.someone(who), message, self.model.offer, tuple(offered))

    @precondition(lambda self: self.model.clients)
    @rule(who=which, player=st.integers(1, CAPACITY + 1), right=st.sampled_from([True, False]))
    def step(self, who: int, player: int, right: bool) -> None:
        client = self.someone(who)
        match_id = self.matchOf(client, right)
        message = SendStep(self.number(), match_id, player, bytes(16), 3)
        self.request(client, message, self.model.step, match_id, player)

    @precondition(lambda self: self.model.clients)
    @rule(who=which)
    def streamHeartbeat(self, who: int) -> None:
        def answered(client: bytes) -> Outcome:
            return [("StreamHeartbeatAnswer", client, None)]

        self.request(self.someone(who), StreamHeartbeat(7), answered)

    @precondition(lambda self: self.model.clients)
    @rule(playing=st.booleans(), capacity=st.sampled_from([3, 2, CAPACITY]))
    def gather(self, playing: bool, capacity: int) -> None:
        """Seat everybody who is not, in the first session that can be joined."""
        for place, client in enumerate([*self.model.clients]):
            if self.model.standing(client) == "GREETED":
                if place:
                    self.join(place, 0)
                else:
                    self.create(place, (CAPACITY, 2), True)
        if playing:
            self.start(0)

    @precondition(lambda self: self.model.clients)
    @rule(who=which)
    def askInVain(self, who: int) -> None:
        """Ask for all that the client's standing rules out, and for what changes nothing."""
        client = self.someone(who)
        for message in (
            Hello(self.number(), 1, 1, "Ada", bytes(32), bytes(32)),
            CreateSession(self.number(), "a game", 2, 2),
            JoinSession(self.number(), self.someSession(who)),
            LeaveSession(self.number()),
            StartMatch(self.number()),
            OfferCandidates(self.number(), ()),
            SendStep(self.number(), WRONG_MATCH, 1, bytes(16), 0),
            EndMatch(self.number(), WRONG_MATCH),
        ):
            if self.model.refusalByStanding(client, type(message).__name__) is not None:
                self.request(client, message)
        self.list(who)
        self.streamHeartbeat(who)

    @precondition(lambda self: self.model.clients)
    @rule(who=which, sequence=st.integers(0, 5), address=addresses)
    def heartbeat(self, who: int, sequence: int, address: tuple[str, int]) -> None:
        client = self.someone(who)
        expected = self.model.heartbeat(client, sequence, address)
        effects = self.directory.heartbeat(client, sequence, address, self.now)
        if expected is None:
            assert effects is None
            return
        self.model.heard(client, self.now)
        assert effects is not None
        self.compare(effects, expected)

    @precondition(lambda self: self.model.clients)
    @rule(who=which)
    def disconnect(self, who: int) -> None:
        client = self.someone(who)
        self.compare(self.directory.disconnect(client, "left"), self.model.gone(client))
        assert self.directory.disconnect(client, "left") == ()

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 2.0, 1.0, 0.5, 9.0]))
    def sweep(self, seconds: float) -> None:
        self.now += seconds
        expected = self.model.silent(
            self.now, SETTINGS.greeting_timeout, SETTINGS.heartbeat_timeout
        )
        self.compare(self.directory.sweep(self.now), expected)

    @invariant()
    def booksAgree(self) -> None:
        directory, model = self.directory, self.model
        assert list(directory.clients) == list(model.clients)
        sessions = directory.sessions.by_id
        assert list(sessions) == list(model.sessions)
        seated: list[bytes] = []
        for session_id, session in sessions.items():
            assert session.members, "a session without members"
            assert list(session.members) == model.sessions[session_id].members
            assert session.host is directory.clients[next(iter(session.members))]
            assert len(session.members) <= session.capacity
            assert all(member.session is session for member in session.members.values())
            seated += session.members
        assert len(set(seated)) == len(seated), "a client in two sessions"
        for client_id, client in directory.clients.items():
            assert (client.session is not None) == (client_id in seated)
        listed = directory.sessions.listing()
        assert listed.total == len(sessions)
        assert sorted(s.session_id for s in listed.sessions) == sorted(sessions)
        greeted = [client for client, record in model.clients.items() if record.greeted]
        assert sorted(directory.greeted) == sorted(greeted)


class DirectoryModelTests(SynchronousTestCase):
    """The property over (standing x request)."""

    def test_agreesWithTheModel(self) -> None:
        """
        Random histories of six clients: the directory does what the model says, each
        standing met each request, and each refusal was seen ("the property tests over
        (state x input) pass"; "nothing lost for anyone else").
        """
        DirectoryMachine.met.clear()
        DirectoryMachine.refused.clear()
        run_state_machine_as_test(
            DirectoryMachine,
            settings=settings(
                max_examples=150,
                stateful_step_count=60,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        pairs = [(s.name, r.__name__) for s in Standing for r in REQUESTS.values()]
        missing = [pair for pair in pairs if not DirectoryMachine.met[pair]]
        self.assertEqual(missing, [])
        elsewhere = ("MALFORMED", "UNKNOWN_MESSAGE", "FRAME_TOO_LONG")
        codes = [code.name for code in RefusalCode if code.name not in elsewhere]
        self.assertEqual([code for code in codes if not DirectoryMachine.refused[code]], [])
