"""
A player's side of the lobby: connect, see the sessions, sit in one, start.
"""

from __future__ import annotations

from typing import Literal, cast

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger

from gamenet.errors import ConnectionFailed, LobbyLost, RequestRefused
from gamenet.interfaces import Address, IMachine
from gamenet.lobby.client_binding import ClientBinding
from gamenet.lobby.client_heartbeats import ClientHeartbeats
from gamenet.lobby.client_requests import LobbyRequests
from gamenet.lobby.client_stream import LobbyStream
from gamenet.lobby.endpoint_security import requireSecure
from gamenet.lobby.listener import ILobbyListener
from gamenet.lobby.settings import LobbyClientSettings
from gamenet.machine.alarm import Alarm
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.wire.lobby_messages import (
    LOBBY_VERSION,
    LOWEST_VERSION,
    Answer,
    CandidatesChanged,
    Hello,
    LeaveSession,
    MatchTicket,
    PlayerJoined,
    PlayerLeft,
    RelayCredentials,
    SessionClosed,
    SessionList,
    SessionState,
    Step,
    StreamHeartbeat,
    Welcome,
)

__all__ = ["ILobbyListener", "LobbyClient"]


class LobbyClient(LobbyRequests):
    """
    One connection with a lobby, made by L{LobbyClient.connect}.

    @ivar connected: Whether the lobby has greeted us and is still there (N8).
    @ivar client_id: Our id there, 8 bytes.
    @ivar lobby_address: The lobby's UDP address.
    """

    _log = Logger()

    def __init__(
        self,
        machine: IMachine,
        demultiplexer: Demultiplexer,
        listener: ILobbyListener,
        settings: LobbyClientSettings,
    ) -> None:
        """Prepare a connection; called by L{connect} alone."""
        self.connected = False
        self.client_id = b""
        self.lobby_address: Address = ("", 0)
        self._machine = machine
        self._demultiplexer = demultiplexer
        self._listener = listener
        self._settings = settings
        super().__init__(LobbyStream(machine.clock, settings, self._pushed, self._streamLost))
        self._heartbeats: ClientHeartbeats | None = None
        self._binding: ClientBinding | None = None
        self._over = False
        self._closed: list[Deferred[None]] = []
        self._force_alarm = Alarm(machine.clock, self._stream.abort)

    @classmethod
    def connect(
        cls,
        machine: IMachine,
        endpoint_description: str,
        name: str,
        keys: tuple[bytes, bytes],
        demultiplexer: Demultiplexer,
        listener: ILobbyListener,
        settings: LobbyClientSettings | None = None,
        insecure: bool = False,
    ) -> Deferred[LobbyClient]:
        """
        Connect to a lobby and say hello.

        @param machine: What we stand on.
        @param endpoint_description: Where the lobby is, a Twisted client endpoint
            description, for example C{"tls:lobby.example.org:7770"}.
        @param name: What the others shall see.
        @param keys: Our X25519 and Ed25519 public keys, 32 bytes each.
        @param demultiplexer: The owner of the game socket, which the heartbeats
            leave from.  It stays the caller's.
        @param listener: Who is told what the lobby pushes.
        @param settings: Time limits; by default as L{LobbyClientSettings} says.
        @param insecure: Whether a stream may leave this machine unencrypted.
        @return: Fires with the client once the lobby has welcomed it.  Fails with
            L{gamenet.errors.BadAddress}, L{gamenet.errors.InsecureConnection},
            L{ConnectionFailed}, L{RequestRefused} (a name that is no good, a
            full lobby) or L{gamenet.errors.RequestTimedOut}.
        """
        client = cls(machine, demultiplexer, listener, settings or LobbyClientSettings())
        return Deferred.fromCoroutine(client._connect(endpoint_description, name, keys, insecure))

    @property
    def heartbeats_over(self) -> Literal["datagrams", "stream"]:
        """What keeps us alive at the lobby now."""
        return "datagrams" if self._heartbeats is None else self._heartbeats.over

    @property
    def server_reflexive(self) -> Address | None:
        """Where the lobby sees our game socket, by its newest STUN answer."""
        return None if self._binding is None else self._binding.address

    def whenServerReflexiveKnown(self) -> Deferred[Address | None]:
        """
        Return a Deferred that fires with C{server_reflexive} as soon as there is
        one; with C{None} where datagrams do not get through (39.5 s), or the
        connection ends.
        """
        return succeed(None) if self._binding is None else self._binding.whenKnown()

    def close(self) -> Deferred[None]:
        """
        Leave the session, if that can still be said, and close the connection.

        The listener is told nothing more.

        @return: Fires when the connection has ended, after C{close_timeout} at most.
            Closing twice is harmless.
        """
        if self._over:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._closed.append(done)
        if len(self._closed) == 1:
            self._rest()
            if self.session is not None:
                self._stream.tell(LeaveSession(request=self._stream.nextNumber()))
            due = self._machine.clock.seconds() + self._settings.close_timeout
            self._force_alarm.set(due)
            self._stream.close()
        return done

    async def _connect(
        self, description: str, name: str, keys: tuple[bytes, bytes], insecure: bool
    ) -> LobbyClient:
        """Connect, say hello, and begin the heartbeats."""
        clock = self._machine.clock
        endpoint = cast("IStreamClientEndpoint", self._machine.streamClientEndpoint(description))
        requireSecure(description, insecure)

        def giveUp(result: object, seconds: float | None) -> LobbyStream:
            raise ConnectionFailed(f"no lobby answered at {description!r} within {seconds:g} s")

        connecting = connectProtocol(endpoint, self._stream)
        connecting.addTimeout(self._settings.connect_timeout, clock, onTimeoutCancel=giveUp)
        try:
            await connecting
        except (CancelledError, ConnectingCancelledError, ConnectionFailed):
            raise
        except Exception as error:
            raise ConnectionFailed(f"no lobby at {description!r}: {error}") from error
        try:
            welcome = await self._stream.ask(
                lambda number: Hello(number, LOWEST_VERSION, LOBBY_VERSION, name, *keys),
                Welcome,
            )
            if not LOWEST_VERSION <= welcome.version <= LOBBY_VERSION:
                raise ConnectionFailed(
                    f"the lobby at {description!r} speaks version {welcome.version}, we do not"
                )
            self._welcomed(welcome)
        except LobbyLost as error:
            refusal = self._stream.refusal
            if refusal is not None:
                raise RequestRefused(refusal.code, refusal.reason) from error
            raise ConnectionFailed(f"the lobby at {description!r} hung up: {error}") from error
        except BaseException:
            self._stream.end("the hello failed")
            raise
        return self

    def _welcomed(self, welcome: Welcome) -> None:
        """Begin what goes on for as long as the connection stands."""
        self.client_id = welcome.client_id
        self.version = welcome.version
        self.lobby_address = (self._stream.peer_host, welcome.udp_port)
        try:
            self._heartbeats = ClientHeartbeats(
                clock=self._machine.clock,
                demultiplexer=self._demultiplexer,
                welcome=welcome,
                lobby_address=self.lobby_address,
                unanswered_limit=self._settings.unanswered_limit,
                sendOverStream=lambda sequence: self._stream.tell(StreamHeartbeat(sequence)),
                silent=lambda seconds: self._stream.end(
                    f"nothing has come from the lobby for {seconds:.1f} s"
                ),
            )
            self._binding = ClientBinding(
                machine=self._machine,
                demultiplexer=self._demultiplexer,
                lobby_address=self.lobby_address,
                interval=self._settings.binding_interval,
            )
        except BaseException:
            self._rest()
            raise
        self._stream.heard = self._heartbeats.heard
        self.connected = True

    def _pushed(self, message: Answer) -> None:
        """Take in what the lobby says unasked, and tell the listener."""
        match message:
            case SessionList():
                self._listed(message)
                self._tell("sessionsChanged", message.sessions)
            case SessionState():
                self.session = message.view
                self._tell("sessionChanged", message.view)
            case SessionClosed():
                self._unseated()
                self._tell("sessionClosed", message.reason)
            case RelayCredentials():
                self.relay_credentials = message
                self._tell("relayOffered", message)
            case MatchTicket():
                self._tell("matchStarting", message)
            case PlayerJoined():
                self._tell("memberJoined", message.match_id, message.member)
            case PlayerLeft():
                self._tell("memberLeft", message.match_id, message.player)
            case CandidatesChanged():
                self._tell(
                    "candidatesChanged", message.match_id, message.player, message.candidates
                )
            case Step():
                self._tell(
                    "stepReceived", message.match_id, message.player, message.attempt, message.kind
                )

    def _tell(self, moment: str, *arguments: object) -> None:
        """Call a method of the listener, and contain what it raises."""
        if self._closed:
            return
        try:
            getattr(self._listener, moment)(*arguments)
        except Exception:
            self._log.failure("{moment} of the lobby's listener raised", moment=moment)

    def _rest(self) -> None:
        """End what went on for as long as the connection stood."""
        self.connected = False
        if self._heartbeats is not None:
            self._heartbeats.stop()
        if self._binding is not None:
            self._binding.stop()

    def _streamLost(self, why: str) -> None:
        """The stream has ended: say so to whoever must know."""
        was_connected = self.connected
        self._over = True
        self._rest()
        self.session = None
        if was_connected:
            self._tell("lobbyLost", why)
        self._force_alarm.cancel()
        for done in self._closed:
            done.callback(None)
