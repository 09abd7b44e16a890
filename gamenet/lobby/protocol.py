"""
The lobby's side of the streams: requests in, decisions of the directory out.

Games subclass L{LobbyProtocol}, override the moments they care about
(L{gamenet.lobby.moments.LobbyMoments}), and serve it with a L{LobbyFactory}::

    class Doorman(LobbyProtocol):
        def memberJoined(self, view):
            print(self.name, "sits in", view.title)

    factory = LobbyFactory(machine)
    factory.protocol = Doorman
"""

from __future__ import annotations

from collections import deque

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.python.failure import Failure

from gamenet.errors import FrameTooLong, MalformedMessage, UnknownMessage
from gamenet.interfaces import IMachine
from gamenet.lobby.counters import LobbyCounters
from gamenet.lobby.directory import CLIENT_ENTROPY, REQUEST_ENTROPY, Directory
from gamenet.lobby.effects import (
    ClientGreeted,
    Close,
    Effect,
    ListChanged,
    Moment,
    OfferRelay,
    Send,
)
from gamenet.lobby.moments import LobbyMoments, momentName
from gamenet.lobby.presence import Presence
from gamenet.lobby.relay_offer import credentialsFor
from gamenet.lobby.request_budget import RequestBudget
from gamenet.lobby.settings import LobbySettings
from gamenet.lobby.standing import Refusal, unreadable
from gamenet.lobby.stream import FramedStream
from gamenet.lobby.stream_log import StreamLog
from gamenet.machine.alarm import STALL, Alarm
from gamenet.wire.framing import frame
from gamenet.wire.lobby_messages import (
    LOBBY_VERSION,
    LOWEST_VERSION,
    Answer,
    Farewell,
    RefusalCode,
    Refused,
    Welcome,
    decodeRequest,
    encodeMessage,
    requestNumber,
)
from gamenet.wire.lobby_versions import shapedFor

__all__ = ["LobbyFactory", "LobbyProtocol"]


class LobbyProtocol(FramedStream, LobbyMoments, StreamLog):
    """
    One client's stream, from the lobby's side.

    A method of L{LobbyMoments} that raises is logged once with its traceback,
    closes that client with a farewell that names the moment, and nothing else.

    @ivar factory: The L{LobbyFactory} that made it.
    @ivar client_id: 8 bytes; empty where the lobby turned the connection away.
    @ivar name: The player's name; empty until greeted.
    @ivar version: The version of the protocol that both sides speak; the oldest until greeted.
    """

    factory: LobbyFactory
    name = ""
    version = LOWEST_VERSION
    _logged_reason = ""

    def connectionMade(self) -> None:
        """Take the client in, or turn it away at a limit.  Called by Twisted."""
        settings = self.factory.settings
        self.frame_limit = settings.request_bytes
        self.write_limit = settings.write_limit
        self.log_lines = RequestBudget(settings.log_lines_per_second, settings.log_lines_burst)
        super().connectionMade()
        self.factory.streamOpened(self)

    def frameReceived(self, payload: bytes) -> None:
        """Hand a request to the directory, or refuse what is none."""
        try:
            request = decodeRequest(payload)
        except UnknownMessage as error:
            refusal = unreadable(RefusalCode.UNKNOWN_MESSAGE, error, fatal=False)
        except MalformedMessage as error:
            refusal = unreadable(RefusalCode.MALFORMED, error)
        else:
            factory = self.factory
            factory.counters.requests += 1
            entropy = factory.machine.randomBytes(REQUEST_ENTROPY.get(type(request), 0))
            now = factory.machine.clock.seconds()
            factory.perform(factory.directory.request(self.client_id, request, now, entropy))
            return
        self._refuse(requestNumber(payload), refusal)

    def frameBroken(self, error: MalformedMessage) -> None:
        """Refuse what is no frame, and close the stream."""
        code = RefusalCode.MALFORMED
        if isinstance(error, FrameTooLong):
            code = RefusalCode.FRAME_TOO_LONG
        self._refuse(0, unreadable(code, error))

    def readerTooSlow(self) -> None:
        """Give up a client that does not read what it is sent."""
        self.logUnread(self.write_limit)
        self.closing = True
        factory = self.factory
        factory.counters.closed += 1
        factory.perform(factory.directory.disconnect(self.client_id, "stopped reading"))
        self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the directory that the stream is gone.  Called by Twisted."""
        self.closing = True
        self.factory.streamLost(self)

    def send(self, message: Answer) -> None:
        """
        Send the client a message, as far as its version has it; lost where the stream is
        closing.

        @param message: Any answer or push of the lobby's protocol, in its newest shape.
        """
        if isinstance(message, Refused):
            self._logged_reason = message.reason
            self.factory.counters.countRefusal(message.code.name)
            self.logRefused(message)
        elif isinstance(message, Welcome):
            self.version = message.version
        data = self.factory.framed(message, self.version)
        if data:
            self.sendBytes(data)

    def sayFarewell(self, reason: str) -> None:
        """
        Close the stream, telling the client why.

        @param reason: A text for a person, at most
            L{gamenet.wire.lobby_messages.REASON_LIMIT} characters.
        """
        if self.closing:
            return
        if reason != self._logged_reason:
            self.logClosed(reason)
        self.factory.counters.closed += 1
        self.close(frame(encodeMessage(Farewell(reason=reason))))

    def tell(self, moment: Moment) -> None:
        """
        Call the method that a moment belongs to, and contain what it raises.

        @param moment: What happened to this client.
        """
        self.logMoment(moment, self.factory.machine.clock.seconds())
        try:
            self.callMoment(moment)
        except Exception:
            name = momentName(moment)
            self.logRaised(name)
            self._logged_reason = f"the lobby's own {name} failed"
            factory = self.factory
            factory.perform(factory.directory.expel(self.client_id, self._logged_reason))

    def _refuse(self, request: int, refusal: Refusal) -> None:
        """Refuse what could not be read."""
        factory = self.factory
        now = factory.machine.clock.seconds()
        factory.perform(factory.directory.refuse(self.client_id, request, refusal, now))


@frozen
class _Forget:
    """A stream has ended, and is to be forgotten after what was decided before that."""

    stream: LobbyProtocol


class LobbyFactory(ServerFactory):
    """
    Makes the protocols of one lobby, and carries out what its directory decides.

    It takes nobody in before a L{gamenet.lobby.datagrams.LobbyDatagrams} stands
    beside it, for a welcome tells the UDP port.

    @cvar protocol: The L{LobbyProtocol}, or a subclass of it.
    @ivar machine: What the lobby stands on.
    @ivar settings: How it behaves.
    @ivar directory: Who is here and who sits where.
    @ivar counters: What happened so far.
    """

    noisy = False
    protocol: type[LobbyProtocol] = LobbyProtocol  # type: ignore[assignment]

    def __init__(self, machine: IMachine, settings: LobbySettings | None = None) -> None:
        """
        @param machine: What the lobby stands on; its clock is monotonic.
        @param settings: How it behaves; L{LobbySettings} as they are by default.
        """
        self.machine = machine
        self.settings = LobbySettings() if settings is None else settings
        self.directory = Directory(self.settings)
        self.counters = LobbyCounters()
        self._streams: dict[LobbyProtocol, None] = {}
        self._clients: dict[bytes, LobbyProtocol] = {}
        self._leaving: Presence[LobbyProtocol] = Presence(self.settings.closing_timeout)
        self._undone: deque[Effect | _Forget] = deque()
        self._performing = False
        self._sweep_alarm = Alarm(machine.clock, self._sweep)
        self._list_alarm = Alarm(machine.clock, self._pushList)
        self._closing_reason: str | None = None
        self._framed: dict[int, tuple[Answer, bytes]] = {}
        self._closed: list[Deferred[None]] = []

    def streamOpened(self, stream: LobbyProtocol) -> None:
        """Take a new stream in, or turn it away.  Called by L{LobbyProtocol}."""
        host = stream.peer_host
        self._streams[stream] = None
        self._sweepSoon()
        why_not = self._closing_reason or self.directory.whyNotConnect(host)
        if why_not is not None:
            self.counters.connections_refused += 1
            stream.send(Refused(request=0, code=RefusalCode.TOO_MANY, reason=why_not))
            self._dismiss(stream, why_not)
            return
        self.counters.connections += 1
        entropy = self.machine.randomBytes(CLIENT_ENTROPY)
        stream.client_id = self.directory.connect(host, self.machine.clock.seconds(), entropy)
        self._clients[stream.client_id] = stream

    def streamLost(self, stream: LobbyProtocol) -> None:
        """Forget a stream that is gone.  Called by L{LobbyProtocol}."""
        how = "lost the connection"
        self.perform((*self.directory.disconnect(stream.client_id, how), _Forget(stream)))

    def framed(self, message: Answer, version: int = LOBBY_VERSION) -> bytes:
        """
        Return a message as it travels; encoded once for all of a version who get the same one
        in a row.

        @param message: The message, in its newest shape.
        @param version: The version of who gets it; nothing travels of what that does not have.
        """
        before = self._framed.get(version)
        if before is not None and before[0] is message:
            return before[1]
        shaped = shapedFor(message, version)
        data = b"" if shaped is None else frame(encodeMessage(shaped))
        self._framed[version] = (message, data)
        return data

    def perform(self, effects: tuple[Effect | _Forget, ...]) -> None:
        """
        Carry out what the directory decided, in order.

        What is decided while doing so (by a moment that raises, for one) comes
        after it.  Called by the lobby's own protocols.

        @param effects: What the directory returned.
        """
        self._undone.extend(effects)
        if self._performing:
            return
        self._performing = True
        try:
            while self._undone:
                self._carryOut(self._undone.popleft())
        finally:
            self._performing = False

    def close(self, reason: str = "the lobby is closing") -> Deferred[None]:
        """
        Say farewell to everybody, and take nobody in any more.

        The ports are the caller's to close.

        @param reason: What the clients are told.
        @return: Fires when the last stream has ended, after C{closing_timeout}
            and two sweeps at most.
        """
        self._closing_reason = reason
        if not self._streams:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._closed.append(done)
        for client_id in tuple(self.directory.clients):
            self.perform(self.directory.expel(client_id, reason))
        return done

    def _carryOut(self, effect: Effect | _Forget) -> None:
        """Do one thing that the directory wants done."""
        if isinstance(effect, _Forget):
            self._forget(effect.stream)
            return
        if isinstance(effect, ListChanged):
            if self._list_alarm.due is None and self._streams:
                self._list_alarm.set(self.machine.clock.seconds() + self.settings.list_interval)
            return
        stream = self._clients.get(effect.client_id)
        if stream is None:
            return
        match effect:
            case Send():
                stream.send(effect.message)
            case Close():
                self._dismiss(stream, effect.reason)
            case OfferRelay():
                relay = self.settings.relay
                if relay is not None:
                    wall_now = self.machine.wallClock()
                    offer = credentialsFor(relay, stream.client_id, wall_now, effect.session_id)
                    stream.send(offer)
            case _:
                if isinstance(effect, ClientGreeted):
                    stream.name = effect.name
                self.counters.countMoment(effect)
                stream.tell(effect)

    def _forget(self, stream: LobbyProtocol) -> None:
        """Forget a stream, now that its last moments have been told."""
        del self._streams[stream]
        self._leaving.forget(stream)
        if self._clients.get(stream.client_id) is stream:
            del self._clients[stream.client_id]
        if not self._streams:
            self._sweep_alarm.cancel()
            self._list_alarm.cancel()
            waiting, self._closed = self._closed, []
            for deferred in waiting:
                deferred.callback(None)

    def _dismiss(self, stream: LobbyProtocol, reason: str) -> None:
        """Say farewell to a stream, and see to it that it ends."""
        self._leaving.heard(stream, self.machine.clock.seconds())
        stream.sayFarewell(reason)

    def _pushList(self) -> None:
        """Send everybody who is greeted the list, encoded once for each version."""
        self.counters.lists_pushed += 1
        listing = self.directory.sessions.listing()
        for client_id in self.directory.greeted:
            stream = self._clients.get(client_id)
            if stream is not None:
                stream.send(listing)

    def _sweepSoon(self) -> None:
        """Make sure that a sweep is coming."""
        if self._sweep_alarm.due is None:
            self._sweep_alarm.set(self.machine.clock.seconds() + self.settings.sweep_interval)

    def _sweep(self) -> None:
        """Close who has been silent for too long, and abort whom no farewell reaches."""
        now = self.machine.clock.seconds()
        self._sweepSoon()
        if self._sweep_alarm.late > STALL:
            return
        for stream in self._leaving.takeLost(now):
            stream.abort()
        self.perform(self.directory.sweep(now))
