"""
One link's reliable messages and large transfers.

The owner hands in what comes (L{Channel.packetReceived}) and sends what is due
(L{Channel.packetsDue}) at the times that L{Channel.nextDue} says; being some milliseconds
late costs nothing.  Messages go before transfers, and transfers share what is left.
"""

from __future__ import annotations

import attrs

from gamenet.channel.controls import Controls
from gamenet.channel.errors import ChannelFailed
from gamenet.channel.packets_in_flight import Carried
from gamenet.channel.path_control import PathControl
from gamenet.channel.receipts import Receipts
from gamenet.channel.settings import ChannelSettings
from gamenet.channel.statistics import ChannelStatistics
from gamenet.channel.streams import IncomingStream, OutgoingStream
from gamenet.channel.transfer_ends import TransferEnded
from gamenet.channel.transfers import Acceptance, Transfers
from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.wire.channel_frames import (
    HEADER_BYTES,
    decodeChannelPacket,
    encodeFrame,
    encodeHeader,
)
from gamenet.wire.channel_values import (
    BODY_LIMIT,
    CONTROLS_LIMIT,
    STREAMS,
    ChannelFrame,
    ChannelPacket,
    Offer,
    Piece,
    Window,
)

__all__ = ["Channel"]

#: The bytes of a piece or a chunk before its content.
_CONTENT_HEAD = 11
#: Less room than this is left empty rather than cut a piece for it.
_WORTHWHILE = 64 + _CONTENT_HEAD
#: The numbers of packets end here; nobody gets so far.
_LAST_NUMBER = 0xFFFFFFFF


@attrs.define(init=False)
class Channel:
    """
    One end of a channel.

    @ivar failed: Whether nothing was acknowledged for too long; nothing goes any more.
    """

    settings: ChannelSettings
    failed: bool
    _path: PathControl
    _receipts: Receipts
    _controls: Controls
    _transfers: Transfers
    _outgoing: list[OutgoingStream]
    _incoming: list[IncomingStream]
    _bytes_sent: int
    _packets_received: int
    _bytes_received: int
    _refused: int
    _now: float
    _turn: int

    def __init__(self, settings: ChannelSettings | None = None) -> None:
        """
        @param settings: The limits.
        """
        self.settings = settings = settings or ChannelSettings()
        self.failed = False
        self._path = PathControl(settings)
        self._receipts = Receipts(settings.acknowledge_after, settings.acknowledge_every)
        self._controls = Controls()
        self._transfers = Transfers(settings, self._controls)
        self._outgoing = [OutgoingStream(stream, settings) for stream in range(STREAMS)]
        self._incoming = [IncomingStream(stream, settings) for stream in range(STREAMS)]
        self._bytes_sent = self._packets_received = self._bytes_received = self._refused = 0
        self._now = 0.0
        self._turn = 0

    @property
    def idle(self) -> bool:
        """Whether all that was to be sent has come, and nothing is on its way to us."""
        return (
            all(stream.idle for stream in self._outgoing)
            and not (self._transfers.outgoing or self._transfers.incoming)
            and not self._controls.outstanding
            and self._receipts.due_at is None
        )

    @property
    def statistics(self) -> ChannelStatistics:
        """The numbers of this moment."""
        path = self._path
        round_trip = path.round_trip
        return ChannelStatistics(
            round_trip=round_trip.smoothed if round_trip.measured else None,
            jitter=round_trip.deviation,
            queue_delay=path.congestion.delay.standing,
            loss=path.loss,
            window=int(path.congestion.window),
            in_flight=path.flight.bytes,
            packets_sent=path.flight.next_number - 1,
            packets_lost=path.lost_count,
            bytes_sent=self._bytes_sent,
            packets_received=self._packets_received,
            bytes_received=self._bytes_received,
            refused=self._refused,
        )

    def queued(self, stream: int) -> int:
        """Return how many bytes of a stream wait to be acknowledged."""
        return self._outgoing[stream].queued

    def send(self, stream: int, message: bytes) -> None:
        """
        Send a message; it comes once, and after those sent before it on that stream.

        @param stream: From 0 to 3.
        @param message: At most C{settings.message_limit} bytes.
        @raise gamenet.channel.errors.SendQueueFull: Too much waits to be acknowledged.
        @raise ChannelFailed: The channel has failed.
        @raise LocalProtocolError: There is no such stream, or the message is none.
        """
        if self.failed:
            raise ChannelFailed(f"nothing was acknowledged for {self.settings.give_up_after:g} s")
        if not 0 <= stream < STREAMS:
            raise LocalProtocolError(f"there is no stream {stream}")
        self._outgoing[stream].send(message)

    def takeMessages(self) -> tuple[tuple[int, bytes], ...]:
        """
        Return the messages that came since the last call, as pairs of a stream and a
        message.  While they are not taken, the other end can send only so many more.
        """
        taken: list[tuple[int, bytes]] = []
        for incoming in self._incoming:
            if incoming.size:
                messages = incoming.take()
                taken += [(incoming.stream, message) for message in messages]
                if messages:
                    self._tellWindow(incoming)
        return tuple(taken)

    def accept(self, acceptance: Acceptance | None) -> None:
        """
        From now on take only the offers that C{acceptance} has nothing against; C{None}
        takes all that the limits allow.  Nothing is kept of what is not taken.
        """
        self._transfers.acceptance = acceptance

    def beginTransfer(
        self, label: int, header: bytes, content: bytes, now: float, checksum: bytes | None = None
    ) -> None:
        """
        Begin to send something large: it comes whole, or not at all.  What is being sent
        under that label is withdrawn.

        @param label: What it is for, from 0 to 65 535.
        @param header: What the receiver is told beforehand, at most 255 bytes.
        @param content: At most C{settings.size_limit} bytes; held, not copied.
        @param now: The time, in seconds.
        @param checksum: What L{gamenet.channel.transfer_ends.contentChecksum} gave for the
            content, where that is known.
        @raise gamenet.channel.errors.TransferRefused: It is too large, or too many are
            under way.
        @raise ChannelFailed: The channel has failed.
        @raise LocalProtocolError: The label or the header is none.
        """
        if self.failed:
            raise ChannelFailed(f"nothing was acknowledged for {self.settings.give_up_after:g} s")
        self._transfers.begin(label, header, content, now, checksum)

    def cancelTransfer(self, label: int) -> None:
        """Send no more under a label; the other end is told so."""
        self._transfers.withdraw(label)

    def giveUpTransfer(self, label: int) -> None:
        """Receive no more of what comes under a label; the other end is told so."""
        self._transfers.giveUp(label)

    def progress(self, label: int) -> float | None:
        """
        Return how much is there of what is under way under a label, both ways together,
        from 0 to 1; C{None} if nothing is.
        """
        return self._transfers.progress(label)

    @property
    def incomingTransfers(self) -> tuple[Offer, ...]:
        """The offers of what is being received."""
        return tuple([each.offer for each in self._transfers.incoming.values()])

    def checksumOf(self, content: bytes) -> bytes | None:
        """Return the checksum of a content, the very object, that is being sent."""
        for transfer in self._transfers.outgoing.values():
            if transfer.content is content:
                return transfer.offer.checksum
        return None

    def takeTransfers(self) -> tuple[TransferEnded, ...]:
        """Return the transfers that ended since the last call, in order."""
        return self._transfers.take()

    def pathChanged(self, now: float) -> None:
        """The way to the other end is another one: measure it anew, and ask again at once."""
        self._path.pathChanged(now)

    def packetReceived(self, body: bytes, now: float) -> None:
        """
        Take a packet; the link has proven who sent it.

        @param body: See L{gamenet.wire.channel_frames}.
        @param now: The time, in seconds.
        @raise RemoteProtocolError: They cannot rightly have sent it; nothing of it was
            taken.  L{gamenet.errors.MalformedMessage} where it is no packet at all.
        """
        self._now = now
        try:
            packet = decodeChannelPacket(body)
            self._check(packet)
        except RemoteProtocolError:
            self._refused += 1
            raise
        self._bytes_received += len(body)
        if packet.acknowledgement is not None:
            self._path.acknowledged(packet.acknowledgement, now)
        if packet.number is None:
            return
        if packet.number in self._receipts:
            self._receipts.repeated(now)
            return
        self._receipts.add(packet.number, now)
        self._packets_received += 1
        for frame in packet.frames:
            self._take(frame, now)

    def packetsDue(self, now: float) -> list[bytes]:
        """
        Return the bodies that are to be sent now.

        @param now: The time, in seconds.
        """
        self._now = now
        path = self._path
        if path.isDead(now) or path.flight.next_number >= _LAST_NUMBER:
            self.failed = True
        if self.failed:
            return []
        self._transfers.expire(now)
        path.recover(now)
        path.earn(now)
        bodies: list[bytes] = []
        while path.maySend(now):
            body = self._pack(now)
            if body is None:
                path.noMoreProbes()
                path.hungry = False
                break
            bodies.append(body)
        else:
            path.hungry = self._hasMore()
        due_at = self._receipts.due_at
        if due_at is not None and due_at <= now:
            bodies.append(encodeHeader(None, self._receipts.take(now)))
        self._bytes_sent += sum(map(len, bodies))
        return bodies

    def nextDue(self) -> float | None:
        """
        Return when L{packetsDue} is to be called, in seconds; a time that has passed means
        at once, C{None} not before something is sent or comes.
        """
        if self.failed:
            return None
        path, now = self._path, self._now
        times = [self._receipts.due_at, path.nextDue(), self._transfers.timeoutDue()]
        if self._hasMore():
            if path.mayFly(now):
                times.append(path.paceDue(now))
            else:
                times.append(path.drainDue(now))
        return min([time for time in times if time is not None], default=None)

    def _hasMore(self) -> bool:
        """Return whether there is something to be sent, if it might go."""
        if self._controls.isDue() or self._transfers.isDue():
            return True
        return any(stream.isDue() for stream in self._outgoing)

    def _pack(self, now: float) -> bytes | None:
        """Return the next numbered packet, C{None} if there is nothing to be sent."""
        parts: list[bytes] = []
        carried: list[Carried] = []
        room = BODY_LIMIT - HEADER_BYTES - self._packControls(parts, carried)
        self._turn = (self._turn + 1) % STREAMS
        for place in range(self._turn, self._turn + STREAMS):
            stream = self._outgoing[place % STREAMS]
            if room >= _WORTHWHILE and stream.isDue():
                piece = stream.take(room - _CONTENT_HEAD)
                if piece is not None:
                    parts.append(encodeFrame(piece))
                    room -= len(parts[-1])
                    carried.append((stream, piece.offset, len(piece.content)))
        if room >= _WORTHWHILE and self._transfers.outgoing:
            taken = self._transfers.nextChunk(room - _CONTENT_HEAD)
            if taken is not None:
                transfer, chunk = taken
                parts.append(encodeFrame(chunk))
                room -= len(parts[-1])
                carried.append((transfer, chunk.offset, len(chunk.content)))
        if not parts:
            return None
        acknowledgement = b""
        if self._receipts.due_at is not None:
            due_at = self._receipts.due_at
            acknowledgement = self._receipts.take(now)
            if len(acknowledgement) > room:
                acknowledgement = b""
                self._receipts.due_at = due_at
        number = self._path.flight.next_number
        body = encodeHeader(number, acknowledgement) + b"".join(parts)
        self._path.sent(len(body), carried, now)
        return body

    def _packControls(self, parts: list[bytes], carried: list[Carried]) -> int:
        """Pack small frames, none of a kind for the same thing twice; return their bytes."""
        controls = self._controls
        size = 0
        seen: dict[tuple[type, int], None] = {}
        while controls.isDue() and len(parts) < CONTROLS_LIMIT:
            frame = controls.take()
            what = frame.stream if isinstance(frame, (Piece, Window)) else frame.transfer
            encoded = encodeFrame(frame)
            key = (type(frame), what)
            if key in seen or size + len(encoded) > BODY_LIMIT - HEADER_BYTES:
                controls.putBack(frame)
                break
            seen[key] = None
            parts.append(encoded)
            size += len(encoded)
            carried.append((controls, frame, 0))
        return size

    def _check(self, packet: ChannelPacket) -> None:
        """
        Look at a packet without taking it.

        @raise RemoteProtocolError: They cannot rightly have sent it.
        """
        if packet.acknowledgement is not None:
            self._path.flight.check(packet.acknowledgement)
        if packet.number is None or packet.number in self._receipts:
            return
        for frame in packet.frames:
            if isinstance(frame, Piece):
                self._incoming[frame.stream].check(frame)
            elif not isinstance(frame, Window):
                self._transfers.check(frame)

    def _take(self, frame: ChannelFrame, now: float) -> None:
        """Take a frame that was looked at."""
        if isinstance(frame, Piece):
            incoming = self._incoming[frame.stream]
            incoming.add(frame)
            self._tellWindow(incoming)
        elif isinstance(frame, Window):
            outgoing = self._outgoing[frame.stream]
            outgoing.limit = max(outgoing.limit, frame.limit)
        else:
            self._transfers.received(frame, now)

    def _tellWindow(self, incoming: IncomingStream) -> None:
        """Tell the other end how far a stream may go now, where that is worth a packet."""
        if incoming.windowDue():
            self._controls.put(incoming.window())
