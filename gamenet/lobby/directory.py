"""
The lobby's one book of record: who is here, and what each may do.

Every decision of the lobby is made here and in L{gamenet.lobby.sessions}.  It is
told the time and given random bytes, and answers with L{gamenet.lobby.effects}; it
never sees a socket, a clock or a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import define, field

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.lobby.effects import ClientGreeted, ClientLost, Close, Effect, Effects, Send
from gamenet.lobby.presence import Heartbeats, Presence
from gamenet.lobby.request_budget import RequestBudget
from gamenet.lobby.seating import Client
from gamenet.lobby.sessions import Sessions
from gamenet.lobby.settings import LobbySettings
from gamenet.lobby.standing import REFUSALS, Refusal
from gamenet.lobby.ticket import candidatesOf
from gamenet.wire.heartbeats import CLIENT_ID_BYTES, KEY_BYTES
from gamenet.wire.lobby_messages import (
    LOBBY_VERSION,
    LOWEST_VERSION,
    MATCH_ID_BYTES,
    NAME_LIMIT,
    CreateSession,
    EndMatch,
    Hello,
    JoinSession,
    LeaveSession,
    ListSessions,
    OfferCandidates,
    OfferResult,
    RefusalCode,
    Refused,
    ReportHost,
    Request,
    SendStep,
    StartMatch,
    StreamHeartbeat,
    StreamHeartbeatAnswer,
    Welcome,
    agreedVersion,
    nameProblem,
)
from gamenet.wire.transport_address import isSendable

__all__ = ["CLIENT_ENTROPY", "REQUEST_ENTROPY", "Directory"]

#: How many random bytes L{Directory.connect} is given.
CLIENT_ENTROPY = CLIENT_ID_BYTES

#: How many random bytes L{Directory.request} is given with each kind of request;
#: none with those that are not here.
REQUEST_ENTROPY: Mapping[type, int] = MappingProxyType(
    {Hello: KEY_BYTES, CreateSession: 8, StartMatch: MATCH_ID_BYTES + 8}
)

@define(eq=False)
class Directory:
    """
    Clients, and through them the sessions.

    @ivar settings: The limits.
    @ivar udp_port: The lobby's UDP port as welcomes tell it; 0 while it has none,
        and then nobody is taken in.
    @ivar clients: Everybody connected, by client id.
    @ivar sessions: The sessions.
    """

    settings: LobbySettings
    udp_port: int = 0
    clients: dict[bytes, Client] = field(init=False, factory=dict)
    sessions: Sessions = field(init=False)
    _connections_from: dict[str, int] = field(init=False, factory=dict)
    _strangers: Presence[bytes] = field(init=False)
    _greeted: Presence[bytes] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with nobody."""
        self.sessions = Sessions(self.settings)
        self._strangers = Presence(self.settings.greeting_timeout)
        self._greeted = Presence(self.settings.heartbeat_timeout)

    @property
    def greeted(self) -> tuple[bytes, ...]:
        """The client ids of everybody who was welcomed."""
        return tuple(self._greeted)

    def whyNotConnect(self, host: str) -> str | None:
        """
        Tell why nobody more can connect from a host, or return C{None} if they can.

        @param host: Numeric.
        """
        if not self.udp_port:
            return "the lobby is not open"
        if len(self.clients) >= self.settings.clients_limit:
            return "the lobby is full"
        if self._connections_from.get(host, 0) >= self.settings.clients_per_address:
            return "too many connections come from your address"
        return None

    def connect(self, host: str, now: float, entropy: bytes) -> bytes:
        """
        Take in a new connection; it has C{greeting_timeout} for its hello.

        @param host: Where it comes from, numeric.
        @param now: Monotonic seconds.
        @param entropy: L{CLIENT_ENTROPY} random bytes.
        @return: Its client id.
        @raise LocalProtocolError: L{whyNotConnect} says why not.
        """
        why_not = self.whyNotConnect(host)
        if why_not is not None or len(entropy) != CLIENT_ENTROPY:
            raise LocalProtocolError(why_not or f"{len(entropy)} random bytes for a connection")
        number = int.from_bytes(entropy, "big")
        while (client_id := number.to_bytes(CLIENT_ENTROPY, "big")) in self.clients:
            number = (number + 1) % (1 << 8 * CLIENT_ENTROPY)
        settings = self.settings
        self.clients[client_id] = Client(
            client_id=client_id,
            host=host,
            requests=RequestBudget(settings.requests_per_second, settings.requests_burst),
            refusals=RequestBudget(settings.refusals_per_second, settings.refusals_burst),
        )
        self._connections_from[host] = self._connections_from.get(host, 0) + 1
        self._strangers.heard(client_id, now)
        return client_id

    def disconnect(self, client_id: bytes, how: str) -> Effects:
        """
        Forget a client whose stream is gone, or is about to be closed.

        @param client_id: Whose; one who is already forgotten is no error.
        @param how: What happened, to follow "the host" in a sentence.
        """
        client = self.clients.pop(client_id, None)
        if client is None:
            return ()
        connections = self._connections_from.pop(client.host) - 1
        if connections:
            self._connections_from[client.host] = connections
        self._strangers.forget(client_id)
        self._greeted.forget(client_id)
        if client.heartbeats is None:
            return ()
        return (*self.sessions.vacate(client, how, lost=True), ClientLost(client_id, how))

    def expel(self, client_id: bytes, reason: str) -> Effects:
        """
        Close a client for a reason it is told, and forget it.

        @param client_id: Who; for one who is forgotten nothing is done.
        @param reason: A text for a person.
        """
        if client_id not in self.clients:
            return ()
        return (Close(client_id, reason), *self.disconnect(client_id, "was closed by the lobby"))

    def sweep(self, now: float) -> Effects:
        """
        Close everybody who has been silent for too long: clients after
        C{heartbeat_timeout} (N1), strangers after C{greeting_timeout}.  Free what was kept
        for long enough.

        @param now: Monotonic seconds.
        """
        self.sessions.now = now
        effects: list[Effect] = [*self.sessions.sweep(now)]
        for client_id in self._strangers.takeLost(now):
            effects.append(Close(client_id, "no hello came in time"))
            effects.extend(self.disconnect(client_id, "said no hello"))
        for client_id in self._greeted.takeLost(now):
            silence = f"silent for {self.settings.heartbeat_timeout:g} s"
            effects.append(Close(client_id, f"you have been {silence}"))
            effects.extend(self.disconnect(client_id, f"was {silence}"))
        return tuple(effects)

    def heartbeatKey(self, client_id: bytes) -> bytes | None:
        """Return the key of a client's heartbeats; C{None} where nobody greeted has that id."""
        client = self.clients.get(client_id)
        if client is None or client.heartbeats is None:
            return None
        return client.heartbeats.key

    def heartbeat(
        self, client_id: bytes, sequence: int, address: Address, now: float
    ) -> Effects | None:
        """
        Note a heartbeat that came as a datagram and whose tag was right.

        Where its address is new, and among the candidates that a ticket would
        name, the other players of a running match are told; so often at most as the
        client may ask for things.

        @param client_id: Whose.
        @param sequence: Its sequence number.
        @param address: Where the datagram came from.
        @param now: Monotonic seconds.
        @return: What to do beside answering; C{None} where it is a replay, or
            from nobody or nowhere, and must not be answered.
        """
        client = self.clients.get(client_id)
        if client is None or client.heartbeats is None:
            return None
        moved = client.heartbeats.address != address
        if moved and not isSendable(address):
            return None
        if not client.heartbeats.accept(sequence):
            return None
        self.sessions.now = now
        self._greeted.heard(client_id, now)
        if not moved or not client.requests.spend(now):
            return ()
        told = candidatesOf(client)
        client.heartbeats.address = address
        return () if candidatesOf(client) == told else self.sessions.tellCandidates(client)

    def request(
        self, client_id: bytes, request: Request, now: float, entropy: bytes = b""
    ) -> Effects:
        """
        Do what a client asks for, or refuse it by name.

        @param client_id: Who asks; one who is forgotten gets nothing.
        @param request: The request, decoded and within its bounds.
        @param now: Monotonic seconds.
        @param entropy: As many random bytes as L{REQUEST_ENTROPY} says.
        @raise LocalProtocolError: There are more or fewer random bytes.
        """
        client = self.clients.get(client_id)
        if client is None:
            return ()
        if len(entropy) != REQUEST_ENTROPY.get(type(request), 0):
            raise LocalProtocolError(f"{len(entropy)} random bytes for a {type(request).__name__}")
        self.sessions.now = now
        if client.heartbeats is not None:
            self._greeted.heard(client_id, now)
        try:
            if not client.requests.spend(now):
                raise Refusal(RefusalCode.TOO_MANY, "too many requests, slow down")
            code = REFUSALS.get((client.standing, type(request)))
            if code is not None:
                raise Refusal(code)
            return self._answer(client, request, now, entropy)
        except Refusal as refusal:
            number = 0 if isinstance(request, StreamHeartbeat) else request.request
            return self.refuse(client_id, number, refusal, now)

    def refuse(self, client_id: bytes, request: int, refusal: Refusal, now: float) -> Effects:
        """
        Refuse something a client sent, and close it if that is fatal or was one
        refusal too many.  Called for messages that cannot be read, too.

        @param client_id: Who; one who is forgotten gets nothing.
        @param request: The request's number, 0 where it has none.
        @param refusal: Why.
        @param now: Monotonic seconds.
        """
        client = self.clients.get(client_id)
        if client is None:
            return ()
        refused = Refused(request=request, code=refusal.code, reason=refusal.reason)
        effects: Effects = (Send(client_id, refused),)
        if refusal.fatal:
            effects += self.expel(client_id, refusal.reason)
        elif not client.refusals.spend(now):
            effects += self.expel(client_id, "too many refused requests")
        return effects

    def _answer(self, client: Client, request: Request, now: float, entropy: bytes) -> Effects:
        """
        Do what a client asks for and may ask for.

        @raise Refusal: What it says cannot be done.
        """
        sessions = self.sessions
        match request:
            case StreamHeartbeat():
                answer = StreamHeartbeatAnswer(sequence=request.sequence)
                return (Send(client.client_id, answer),)
            case SendStep():
                return sessions.step(client, request)
            case ListSessions():
                return (Send(client.client_id, sessions.listing(request.request)),)
            case CreateSession():
                return sessions.create(client, request, entropy)
            case JoinSession():
                return sessions.join(client, request)
            case LeaveSession():
                return sessions.leave(client, request)
            case OfferCandidates():
                return sessions.offer(client, request)
            case StartMatch():
                return sessions.start(client, request, entropy)
            case EndMatch():
                return sessions.end(client, request)
            case ReportHost():
                return sessions.reportHost(client, request)
            case OfferResult():
                return sessions.offerResult(client, request)
            case Hello():
                return self._greet(client, request, now, entropy)

    def _greet(self, client: Client, hello: Hello, now: float, entropy: bytes) -> Effects:
        """
        Welcome a stranger.

        @raise Refusal: No common version, or a bad name.
        """
        version = agreedVersion(hello.lowest_version, hello.highest_version)
        if version is None:
            raise Refusal(
                RefusalCode.UNSUPPORTED_VERSION,
                f"this lobby speaks the versions {LOWEST_VERSION} to {LOBBY_VERSION}, "
                f"you speak {hello.lowest_version} to {hello.highest_version}",
                fatal=True,
            )
        problem = nameProblem(hello.name, NAME_LIMIT)
        if problem is not None:
            raise Refusal(RefusalCode.BAD_NAME, f"the name {problem}")
        client.version = version
        client.name = hello.name
        client.link_key = hello.link_key
        client.statement_key = hello.statement_key
        client.heartbeats = Heartbeats(key=entropy)
        self._strangers.forget(client.client_id)
        self._greeted.heard(client.client_id, now)
        welcome = Welcome(
            request=hello.request,
            version=version,
            client_id=client.client_id,
            heartbeat_key=entropy,
            heartbeat_interval_ms=round(self.settings.heartbeat_interval * 1000),
            heartbeat_timeout_ms=round(self.settings.heartbeat_timeout * 1000),
            udp_port=self.udp_port,
        )
        return (
            Send(client.client_id, welcome),
            Send(client.client_id, self.sessions.listing()),
            ClientGreeted(client.client_id, client.name),
        )
