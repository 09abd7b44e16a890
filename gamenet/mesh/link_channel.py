"""
The Twisted side of L{gamenet.channel.channel}: it keeps the timer, and carries the
channel's packets out over whatever path the link has.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from gamenet.channel.channel import Channel
from gamenet.channel.settings import ChannelSettings
from gamenet.machine.alarm import Alarm

__all__ = ["LinkChannel"]


class LinkChannel:
    """
    One link's reliable messages and transfers.  Owned by a
    L{gamenet.mesh.link.PeerLink}.

    @ivar channel: The channel; another one after L{restart}.
    """

    def __init__(
        self,
        clock: IReactorTime,
        settings: ChannelSettings,
        sendBody: Callable[[bytes], bool],
        messageReceived: Callable[[int, bytes], object],
        transfersChanged: Callable[[], object],
        failed: Callable[[], object],
    ) -> None:
        """
        @param sendBody: Called with each packet of the channel; returns whether there is
            a path.
        @param messageReceived: Called with the stream and each message, in order.
        @param transfersChanged: Called when a packet may have ended or begun a transfer.
        @param failed: Called, once for each channel, when it has failed.
        """
        self.channel = Channel(settings)
        self._clock = clock
        self._settings = settings
        self._sendBody = sendBody
        self._messageReceived = messageReceived
        self._transfersChanged = transfersChanged
        self._failed = failed
        self._told = False
        self._alarm = Alarm(clock, self._ring)
        self._has_path = False
        self._closed = False

    def send(self, stream: int, message: bytes) -> None:
        """
        Send a message; it leaves now, or as soon as there are a path and room.

        @raise gamenet.channel.errors.SendQueueFull: Too much waits already.
        @raise gamenet.errors.LocalProtocolError: It is too long, there is no such stream,
            or the channel has failed.
        """
        self.channel.send(stream, message)
        self.pump()

    def bodyReceived(self, body: bytes, now: float) -> None:
        """
        Take a packet of the other's channel.

        @raise gamenet.errors.RemoteProtocolError: They cannot rightly have sent it;
            nothing has changed.
        """
        channel = self.channel
        channel.packetReceived(body, now)
        for stream, message in channel.takeMessages():
            if self._closed or channel is not self.channel:
                return
            self._messageReceived(stream, message)
        if not self._closed and channel is self.channel:
            self._transfersChanged()
            self.pump()

    def pathChanged(self, has_path: bool) -> None:
        """Another path, or none, carries the link now."""
        self._has_path = has_path
        if has_path:
            self.channel.pathChanged(self._clock.seconds())
        self.pump()

    def pump(self) -> None:
        """Send what is due, and come back when more is; call it after a transfer begins."""
        if self._closed:
            return
        if not self._has_path:
            self._alarm.set(None)
            return
        channel = self.channel
        now = self._clock.seconds()
        for body in channel.packetsDue(now):
            self._sendBody(body)
        if not self._closed and channel is self.channel:
            self._alarm.set(channel.nextDue())
            if channel.failed and not self._told:
                self._told = True
                self._failed()

    def restart(self) -> None:
        """Begin anew, as the other end does: each link has a channel, each new link another."""
        self.channel = Channel(self._settings)
        self._told = False
        self._alarm.set(None)

    def close(self) -> None:
        """No timer is left, and nothing is sent or handed on any more."""
        self._closed = True
        self._alarm.cancel()

    def _ring(self) -> None:
        self.pump()
        if not self._closed:
            self._transfersChanged()
