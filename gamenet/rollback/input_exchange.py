"""
The inputs on their way: input packets to and from every other peer.

Every packet carries all inputs that its receiver has not acknowledged, and
acknowledges in turn, so nothing else is ever resent, and any packet can be
lost.  It also tells where its sender is: a packet goes out after a while even
if there is nothing new, so that everybody always learns how far the others
are.
"""

from __future__ import annotations

import attrs

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.rollback.checksum_comparison import ChecksumComparison
from gamenet.rollback.input_queue import ENDLESS, InputQueue
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.local_inputs import LocalInputs
from gamenet.rollback.progress import Progress
from gamenet.rollback.remote_peer import RemotePeer
from gamenet.rollback.settings import RollbackSettings
from gamenet.wire.input_frames import (
    NO_REPORT,
    InputHeader,
    decodeBlobs,
    decodeHeader,
    encodeInputPacket,
    joinInputs,
    splitBlob,
)

__all__ = ["InputExchange"]


@attrs.define(init=False)
class InputExchange:
    """
    The input packets of one session.

    @ivar settings: The rules.
    @ivar progress: How far the session is.
    @ivar table: All players' inputs.
    @ivar local: Those that are pressed here.
    @ivar others: The other peers that are members of the view, ascending.
    @ivar muted: Members that are sent no inputs now, because nothing comes from them.
    @ivar frozen: Peers whose inputs must not be taken now.
    @ivar remotes: The same peers by number.
    @ivar _pace: Seconds between two packets while frames are played.
    """

    settings: RollbackSettings
    progress: Progress
    table: InputTable
    local: LocalInputs
    others: tuple[RemotePeer, ...]
    muted: tuple[int, ...]
    frozen: tuple[int, ...]
    remotes: dict[int, RemotePeer]
    _pace: float

    def __init__(
        self,
        settings: RollbackSettings,
        progress: Progress,
        table: InputTable,
        members: tuple[int, ...],
    ) -> None:
        """
        @param members: The peers that play, ours too.
        """
        self.settings = settings
        self.progress = progress
        self.table = table
        self.frozen = self.muted = ()
        queues = tuple(table.queues[player - 1] for player in settings.local_players)
        self.local = LocalInputs(settings, queues, progress.frames)
        self.remotes = {}
        self._pace = (settings.frames_a_packet - 0.5) / settings.frame_rate
        self.others = ()
        for peer in members:
            if peer != settings.peer:
                remote = self._remoteFor(peer, self.local.acknowledged)
                if progress.current_frame > 0:
                    remote.joining = True
                    remote.view = progress.view
                self.remotes[peer] = remote
        self._membersChanged()

    def remote(self, peer: int) -> RemotePeer:
        """
        Return what is known of another peer; to be read, not written.

        @raise LocalProtocolError: It is not a member, or our own.
        """
        remote = self.remotes.get(peer)
        if remote is None:
            raise LocalProtocolError(f"peer {peer} is not another member of the match")
        return remote

    def isMember(self, peer: int) -> bool:
        """Return whether another peer is a member."""
        return peer in self.remotes

    def remove(self, peer: int) -> None:
        """A peer is not a member any more."""
        del self.remotes[peer]
        self._membersChanged()

    def admit(self, peer: int, first_frame: int) -> None:
        """
        A peer is a member now.

        @param first_frame: The first frame that has inputs of it.
        """
        remote = self._remoteFor(peer, self.local.blobs.count)
        remote.first_frame = first_frame
        remote.view = self.progress.view
        remote.joining = True
        self.remotes[peer] = remote
        self.remotes = dict(sorted(self.remotes.items()))
        self._membersChanged()

    def packetReceived(self, remote: RemotePeer, body: bytes, now: float) -> int:
        """
        Take an input packet.

        @param remote: The member that sent it.
        @return: The number of its sender's view, modulo 256.
        @raise RemoteProtocolError: It cannot rightly have been sent; nothing changed.
        """
        progress = self.progress
        statistics = progress.statistics
        try:
            header = decodeHeader(body)
            ahead = ((header.view - progress.view + 128) & 0xFF) - 128
            if remote.view and progress.view + ahead < remote.view:
                # From before its sender was seated: nothing in it is true any more.
                statistics.packets_repeated += 1
                return header.view
            fresh = self._freshInputs(remote, header, body)
        except RemoteProtocolError:
            statistics.packets_refused += 1
            raise
        statistics.packets_received += 1
        statistics.bytes_received += len(body)
        if remote.noteReceived(header, now):
            self._noteAcknowledged()
        if fresh:
            statistics.inputs_received += len(fresh)
            self._take(remote, fresh)
        else:
            statistics.packets_repeated += 1
        if header.report_frame != NO_REPORT:
            progress.noteComparison(
                remote.checksums.reported(
                    header.report_frame, header.report_checksum, header.report_inputs_checksum
                )
            )
        return header.view

    def packetFor(self, peer: int, now: float) -> bytes:
        """
        Return a packet for another member: every input of ours that it has not
        acknowledged (the oldest that fit), what we have of its, where we are,
        and our newest checksum report until it has that.

        @param now: The time at which it is sent, in seconds.
        @return: At most L{gamenet.wire.input_frames.BODY_LIMIT} bytes.
        @raise LocalProtocolError: C{peer} is not another member.
        """
        return self._packetTo(self.remote(peer), now)

    def packetsDue(self, now: float) -> list[tuple[int, bytes]]:
        """
        Return the input packets that are to be sent now: one per link when frames
        were played or inputs may be lost, at most every C{settings.frames_a_packet}
        frames, and one after C{settings.keep_alive} without; new inputs at once where
        the session waits for others, who may be waiting for these.  After the last
        frame everybody is answered until both know that nothing is missing.
        """
        packets = []
        current_frame = self.progress.current_frame
        count = self.local.blobs.count
        ends = count == self.progress.frames
        waits = current_frame - self.table.known >= self.settings.prediction_window
        for remote in self.others:
            if remote.peer in self.muted:
                continue
            wait = now - remote.sent_at
            if wait < self._pace and not (waits and remote.sent < count):
                continue
            if (
                remote.sent_frame != current_frame
                or remote.acknowledged < count + ends
                or wait >= self.settings.keep_alive
                or (ends and remote.heard_at is not None and remote.heard_at > remote.sent_at)
            ):
                packets.append((remote.peer, self._packetTo(remote, now)))
        return packets

    def acknowledged(self, peer: int) -> bool:
        """
        Return whether another member needs nothing more from us: it has all
        inputs that we gave so far, and after the last frame it has compared its
        checksum too.

        @raise LocalProtocolError: C{peer} is not another member.
        """
        count = self.local.blobs.count
        return self.remote(peer).acknowledged == (
            count + 1 if count == self.progress.frames else count
        )

    def noteReport(self, report: tuple[int, int, int]) -> None:
        """
        There is a new checksum of ours for the others, and to compare theirs with.

        @param report: Frame, checksum of the state, checksum of the inputs.
        """
        self.progress.report = report
        for remote in self.others:
            remote.reported = self.local.blobs.count
            self.progress.noteComparison(remote.checksums.confirmed(*report))

    def _packetTo(self, remote: RemotePeer, now: float) -> bytes:
        """Return a packet for another member."""
        progress = self.progress
        frames = progress.frames
        blobs = self.local.blobs
        acknowledged = remote.acknowledged
        first_frame = acknowledged if acknowledged < frames else frames
        wanted = remote.blobs.count
        ends = wanted == frames and remote.checksums.compared_frame == frames - 1
        report = progress.report
        if report is not None and acknowledged > remote.reported and report[0] != frames - 1:
            report = None
        place = first_frame - blobs.first_kept
        if place < 0:
            raise LocalProtocolError(f"the input of frame {first_frame} is not here")
        pending = blobs.inputs[place:]
        base = blobs.inputs[place - 1] if place else b""
        current_frame = progress.current_frame
        advantage = remote.advantageOf(current_frame, self.settings.frame_rate)
        remote.ahead.measured(remote.packets, advantage, remote.advantage)
        body, included = encodeInputPacket(
            progress.view,
            first_frame,
            base,
            pending,
            wanted + 1 if ends else wanted,
            current_frame,
            progress.confirmed_frame,
            round(2 * advantage),
            report,
        )
        sent = first_frame + included
        if report is not None and sent == frames == report[0] + 1:
            sent += 1
        remote.packets += 1
        remote.noteSent(sent, now, current_frame)
        statistics = progress.statistics
        statistics.packets_sent += 1
        statistics.bytes_sent += len(body)
        statistics.inputs_sent += included
        return body

    def _noteAcknowledged(self) -> None:
        """Find out anew what every other member has of ours."""
        others = self.others
        if len(others) == 1:
            self.local.acknowledged = others[0].acknowledged
        else:
            self.local.acknowledged = min([other.acknowledged for other in others], default=ENDLESS)

    def _take(self, remote: RemotePeer, fresh: list[bytes]) -> None:
        """Add a peer's new inputs."""
        table = self.table
        current_frame = self.progress.current_frame
        queues = remote.queues
        if len(queues) == 1:
            wrong_frame = queues[0].extend(fresh, current_frame)
            if wrong_frame is not None:
                table.note(wrong_frame)
        else:
            remote.blobs.extend(fresh, 0)
            rows = [self._split(remote, blob) for blob in fresh]
            for queue, column in zip(queues, zip(*rows, strict=True), strict=True):
                table.take(queue, list(column), current_frame)
        table.refresh()

    def _freshInputs(self, remote: RemotePeer, header: InputHeader, body: bytes) -> list[bytes]:
        """
        Check a packet; change nothing, except to believe a new member what it has.

        @return: The inputs in it that are new and may be taken, as they travel.
        @raise RemoteProtocolError: Its sender cannot rightly have sent it.
        """
        first_frame = header.first_frame
        blobs = remote.blobs
        if remote.joining:
            # The feed may have told it of inputs that were never sent to it.
            remote.sent = max(remote.sent, self.local.blobs.count)
        early = first_frame > blobs.count and (remote.joining or remote.view > 0)
        if first_frame < remote.first_frame or early:
            # One of us has come late: what it made before it knew what the other has.
            remote.check(header, first_frame, self.progress.frames, self.settings)
            return []
        place = first_frame - blobs.first_kept
        known = blobs.count - first_frame
        if known < 0 or place < 0:
            blobs.overlap(first_frame, 0)
        kept = blobs.inputs
        base = kept[place - 1] if place > 0 else b""
        inputs = decodeBlobs(body, header.position, base)
        remote.check(header, first_frame + len(inputs), self.progress.frames, self.settings)
        if known:
            known = min(known, len(inputs))
            if kept[place : place + known] != inputs[:known]:
                self.progress.statistics.inconsistent_inputs += 1
                raise RemoteProtocolError(f"other inputs from frame {first_frame} than before")
            inputs = inputs[known:]
        usual = len(inputs) == 1 == len(remote.queues)
        if inputs and not (usual and len(inputs[0]) <= self.settings.input_limit):
            self._checkInputs(remote, inputs)
        if remote.joining:
            self._believe(remote, header)
        return [] if remote.peer in self.frozen else inputs

    def _checkInputs(self, remote: RemotePeer, inputs: list[bytes]) -> None:
        """
        Refuse inputs that no player of that peer can have given.

        @raise RemoteProtocolError: One is too long, or they are not one per player.
        """
        if len(remote.queues) > 1:
            for blob in inputs:
                self._split(remote, blob)
        else:
            longest = max(map(len, inputs))
            if longest > self.settings.input_limit:
                raise RemoteProtocolError(f"an input of {longest} bytes")

    def _split(self, remote: RemotePeer, blob: bytes) -> tuple[bytes, ...]:
        return splitBlob(blob, len(remote.players), self.settings.input_limit)

    def _believe(self, remote: RemotePeer, header: InputHeader) -> None:
        """A new member says for the first time which of our inputs it wants."""
        wanted = header.next_wanted
        if self.local.blobs.first_kept < wanted <= remote.acknowledged:
            remote.acknowledged = wanted
            self._noteAcknowledged()
        remote.joining = False

    def _remoteFor(self, peer: int, acknowledged: int) -> RemotePeer:
        """Make what is known of another peer, which has that many of our inputs."""
        settings = self.settings
        players = next(players for players in settings.peers if players[0] == peer)
        queues = tuple(self.table.queues[player - 1] for player in players)
        count = queues[0].count
        blobs = queues[0]
        if len(queues) > 1:
            before = [queue.play(count - 1, count)[0] for queue in queues if count]
            blobs = InputQueue(count, joinInputs(before) if before else b"")
        checksums = ChecksumComparison(peer, settings.checksums_limit)
        return RemotePeer(
            peer,
            players,
            queues,
            blobs,
            checksums,
            first_frame=count,
            acknowledged=acknowledged,
            sent=acknowledged,
            current_frame=self.progress.current_frame,
        )

    def _membersChanged(self) -> None:
        """Who is a member has changed."""
        self.others = tuple(self.remotes.values())
        self._noteAcknowledged()
