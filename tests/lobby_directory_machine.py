"""
A state machine that asks the directory and its model the same things.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from gamenet.lobby.directory import Directory
from gamenet.wire.lobby_messages import (
    Candidate,
    CreateSession,
    EndMatch,
    Hello,
    JoinSession,
    LeaveSession,
    ListSessions,
    OfferCandidates,
    OfferResult,
    ReportHost,
    ResultSignature,
    SendStep,
    StartMatch,
    StreamHeartbeat,
)
from tests.lobby_directory_asker import SETTINGS, WRONG_MATCH, DirectoryAsker
from tests.lobby_model import CANDIDATES, CAPACITY, LobbyModel, Outcome
from tests.lobby_model_values import ModelClient

__all__ = ["DirectoryMachine"]

#: Capacities and minimums, good and bad.
SEATS = [(2, 2), (3, 2), (3, 3), (4, 2), (5, 2), (2, 3), (2, 1), (1, 1), (2, 0), (0, 0)]

#: How many play at one client, good and bad.
PLAYERS = st.sampled_from([1, 1, 1, 2, 1, 2, 3, 4, 5])

#: Which of the clients, sessions, players or matches a rule means; taken modulo
#: how many there are.
which = st.sampled_from([1, 2, 0, 3, 4, 5])
addresses = st.sampled_from([("198.51.100.1", 4000), ("198.51.100.1", 4001), ("10.0.0.1", 5)])
candidates = st.lists(
    st.tuples(st.sampled_from(["host", "server_reflexive", "relayed"]), addresses),
    max_size=CANDIDATES + 1,
    unique=True,
)


class DirectoryMachine(DirectoryAsker):
    """Random legal and illegal requests; the directory and the model must agree."""

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
            self.hello(len(self.model.clients) - 1, (1, 2), True)

    @precondition(lambda self: self.model.clients)
    @rule(
        who=which,
        versions=st.sampled_from([(1, 2), (3, 4), (1, 9), (2, 2), (1, 1)]),
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
        seats=st.sampled_from(SEATS),
        good_title=st.sampled_from([True, True, False]),
        players=PLAYERS,
    )
    def create(
        self, who: int, seats: tuple[int, int], good_title: bool, players: int = 1
    ) -> None:
        title = "a game" if good_title else ""
        message = CreateSession(self.number(), title, *seats, players)
        self.request(
            self.someone(who), message, self.model.create, "session", *seats, good_title, players
        )

    @precondition(lambda self: self.model.clients)
    @rule(who=which, where=which, players=PLAYERS)
    def join(self, who: int, where: int, players: int = 1) -> None:
        session_id = self.someSession(where)
        message = JoinSession(self.number(), session_id, players)
        self.request(self.someone(who), message, self.model.join, session_id, players)

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
    @rule(
        who=which,
        number=st.sampled_from([1, 2, 3]),
        other=st.sampled_from([0, 0, 0, 0, 1, 2]),
        players=st.sets(st.integers(1, CAPACITY), max_size=3),
        right=st.sampled_from([True, True, True, False]),
        known=st.sampled_from([True, True, True, False]),
    )
    def reportHost(
        self, who: int, number: int, other: int, players: set[int], right: bool, known: bool
    ) -> None:
        client = self.someone(who)
        match_id = self.matchOf(client, right)
        host = other or 1
        session = self.model.sessions.get(self.model.sessionOf(client) or "")
        if session is not None and session.match_id:
            host = other or session.numberOf(client)
            players = {player for player in players if player in session.playing or not known}
        playing = tuple(sorted({*players, host}))
        message = ReportHost(self.number(), match_id, number, host, playing)
        self.request(client, message, self.model.reportHost, match_id, (number, host), playing)

    @precondition(lambda self: self.model.clients)
    @rule(
        who=which,
        result=st.sampled_from([b"red", b"blue"]),
        signers=st.sets(st.integers(1, CAPACITY), max_size=3),
        late=st.booleans(),
        right=st.sampled_from([True, True, False]),
    )
    def offerResult(
        self, who: int, result: bytes, signers: set[int], late: bool, right: bool
    ) -> None:
        client = self.someone(who)
        match_id = self.matchOf(client, right)
        session = self.model.sessions.get(self.model.sessionOf(client) or "")
        if late and session is not None and session.before is not None:
            match_id = session.before[0]
        signed = tuple(sorted(signers))
        signatures = tuple(ResultSignature(player, bytes(64)) for player in signed)
        message = OfferResult(self.number(), match_id, result, signatures)
        self.request(client, message, self.model.offerResult, match_id, result, signed)

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
    @rule(where=which, result=st.sampled_from([b"red", b"blue"]))
    def meetAndArgue(self, where: int, result: bytes) -> None:
        """Seat everybody who is not, wherever a match runs or not, and let all offer results."""
        for place, client in enumerate([*self.model.clients]):
            if self.model.standing(client) == "GREETED":
                self.join(place, where)
            self.offerResult(place, result if place % 2 else b"red", set(), False, True)

    @precondition(lambda self: self.model.clients)
    @rule(good_name=st.booleans())
    def connectTooNew(self, good_name: bool) -> None:
        """A stream opens whose client speaks later versions alone; or says a bad name at first."""
        before = len(self.model.clients)
        self.connect(False)
        if len(self.model.clients) > before:
            self.hello(before, (3, 4) if good_name else (1, 2), good_name)

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
            ReportHost(self.number(), WRONG_MATCH, 1, 1, (1,)),
            OfferResult(self.number(), WRONG_MATCH, b"red", ()),
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
        self.compare(self.directory.disconnect(client, "left"), self.model.gone(client, self.now))
        assert self.directory.disconnect(client, "left") == ()

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 2.0, 1.0, 0.5, 9.0]))
    def sweep(self, seconds: float) -> None:
        self.now += seconds
        expected = self.model.silent(
            self.now,
            SETTINGS.greeting_timeout,
            SETTINGS.heartbeat_timeout,
            SETTINGS.seat_grace,
        )
        self.compare(self.directory.sweep(self.now), expected)
