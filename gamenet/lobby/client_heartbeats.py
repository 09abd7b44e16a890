"""
A client's heartbeats: over the game socket, and over the stream where those are
not answered (N1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from gamenet.errors import MalformedMessage
from gamenet.interfaces import Address
from gamenet.machine.alarm import STALL, Alarm
from gamenet.machine.demultiplexer import Demultiplexer, Face
from gamenet.wire.demultiplexing import HEARTBEAT_ANSWER
from gamenet.wire.heartbeats import encodeHeartbeat, verifyHeartbeatAnswer
from gamenet.wire.lobby_messages import Welcome

__all__ = ["ClientHeartbeats"]


@define(eq=False)
class ClientHeartbeats:
    """
    Keeps a client alive at its lobby, and notices when the lobby is gone.

    Heartbeats run from due times: a late one does not delay the next.  One
    goes out over the game socket every interval.  As long as the last one was
    not answered the next goes over the stream as well, so two intervals after
    datagrams stop getting through the lobby hears of the client again.

    @ivar clock: The monotonic clock.
    @ivar demultiplexer: The owner of the game socket.
    @ivar welcome: What the lobby said: id, key, interval and time limit.
    @ivar lobby_address: The lobby's UDP address.
    @ivar unanswered_limit: After so many unanswered heartbeats in a row the
        datagrams count as not getting through.
    @ivar sendOverStream: Sends a heartbeat with this sequence over the stream.
    @ivar silent: Called once, with the seconds of silence, when nothing has come
        from the lobby for as long as the lobby itself would wait.
    @ivar over: What keeps the client alive now: C{"datagrams"} or C{"stream"}.
    @ivar sequence: The next heartbeat's.
    @ivar unanswered: How many heartbeats in a row were not answered over
        datagrams, the newest counted.
    """

    clock: IReactorTime
    demultiplexer: Demultiplexer
    welcome: Welcome
    lobby_address: Address
    unanswered_limit: int
    sendOverStream: Callable[[int], None]
    silent: Callable[[float], None]
    over: Literal["datagrams", "stream"] = field(init=False, default="datagrams")
    sequence: int = field(init=False, default=0)
    unanswered: int = field(init=False, default=0)
    _face: Face = field(init=False)
    _heard_at: float = field(init=False)
    _due: float = field(init=False)
    _beat_alarm: Alarm = field(init=False)
    _silence_alarm: Alarm = field(init=False)

    def __attrs_post_init__(self) -> None:
        """
        Claim the answers, and send the first heartbeat.

        @raise gamenet.errors.LocalProtocolError: Another client of the same lobby
            has claimed them on this socket.
        """
        self._face = self.demultiplexer.face(
            self.answerReceived, first_bytes=(HEARTBEAT_ANSWER,), remote=self.lobby_address
        )
        self._beat_alarm = Alarm(self.clock, self._beat)
        self._silence_alarm = Alarm(self.clock, self._watchSilence)
        self._due = self._heard_at = self.clock.seconds()
        self._beat()
        self._watchSilence()

    def heard(self) -> None:
        """Something came from the lobby.  Called with whatever arrives over the stream."""
        self._heard_at = self.clock.seconds()

    def answerReceived(self, data: bytes, address: Address) -> None:
        """
        Note an answer, if it is one to a heartbeat that was sent.

        @param data: A datagram that begins as one.
        @param address: The lobby's.
        """
        try:
            answered = verifyHeartbeatAnswer(self.welcome.heartbeat_key, data)
        except MalformedMessage:
            return
        missing = self.sequence - 1 - answered
        if 0 <= missing < self.unanswered:
            self.unanswered = missing
            self.over = "datagrams"
            self.heard()

    def stop(self) -> None:
        """Send nothing more and conclude nothing more.  Stopping twice is harmless."""
        self._face.close()
        self._beat_alarm.cancel()
        self._silence_alarm.cancel()

    def _beat(self) -> None:
        """Send a heartbeat, and see to the next one."""
        welcome = self.welcome
        if self.unanswered:
            self.sendOverStream(self.sequence)
        if self.unanswered >= self.unanswered_limit:
            self.over = "stream"
        data = encodeHeartbeat(welcome.heartbeat_key, welcome.client_id, self.sequence)
        self._face.send(data, self.lobby_address)
        self.sequence += 1
        self.unanswered += 1
        interval = welcome.heartbeat_interval_ms / 1000
        now = self.clock.seconds()
        self._due += interval
        if self._due <= now:
            self._due = now + interval
        self._beat_alarm.set(self._due)

    def _watchSilence(self) -> None:
        """Look again at the moment when the lobby will have been silent for too long."""
        now = self.clock.seconds()
        limit = self.welcome.heartbeat_timeout_ms / 1000
        remaining = self._heard_at + limit - now
        if self._silence_alarm.late > STALL:
            remaining = max(remaining, STALL)
        if remaining <= 0:
            self.silent(now - self._heard_at)
            return
        self._silence_alarm.set(now + remaining)
