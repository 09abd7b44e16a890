"""
Full states between peers: to name the part that differs after a
desynchronization, and to repair it (seed row N13).

States are compared by their checksums, at the interval that was asked for, and
travel only where those differ: the wrong side asks the authority, which is the
member with the lowest number, for its state of that final frame, takes it over
and plays everything since then again.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.feed.transfer import TransferReceived
from gamenet.interfaces import ITransfer
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.events import Desynchronized
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.progress import Progress
from gamenet.rollback.settings import RollbackSettings, StateRepair
from gamenet.rollback.state_dump import (
    DUMP_LIMIT,
    DumpPair,
    StateDump,
    decodeStateDump,
    encodeStateDump,
)
from gamenet.rollback.state_events import StatesDiffer, StatesDumped, StateTakenOver
from gamenet.rollback.steps import Restore
from gamenet.wire.state_packets import StateWanted, decodeStateWanted, encodeStateWanted
from gamenet.wire.transfer_packets import TransferPurpose

__all__ = ["ASK_LIMIT", "SERVE_INTERVAL", "StateExchange"]

#: How often a state is asked for before it is given up, once per L{ASK_INTERVAL}.
ASK_LIMIT = 12

#: Seconds between two requests for one state.
ASK_INTERVAL = 0.25

#: Seconds between two states that are given to one peer for one purpose.
SERVE_INTERVAL = 4 * ASK_INTERVAL


@attrs.define
class _Request:
    """
    A state that we want of a peer.

    @ivar asked: How often it was asked for.
    @ivar asked_at: When it was asked for last, in seconds.
    """

    asked: int = 0
    asked_at: float = -1e9


@attrs.define(init=False)
class StateExchange:
    """
    The states that one session asks for and gives.

    @ivar _settings: The rules.
    @ivar _progress: How far the session is.
    @ivar _exchange: The inputs that come and go.
    @ivar _confirmation: The final frames.
    @ivar _transfer: What carries states.
    @ivar _requests: What we want, by peer, purpose and frame.
    @ivar _asked: The newest frame whose state each peer was asked for, by purpose.
    @ivar _owed: What others want, by peer, purpose and frame.
    @ivar _served_at: When each peer was given a state last, by purpose, in seconds.
    @ivar _now: The newest time that we were told.
    @ivar _own: Our own state of the frame that is to be compared, by peer.
    @ivar _theirs: Theirs.
    @ivar _dumped: By peer, the frame whose states are compared, or were; once for each.
    """

    _settings: RollbackSettings
    _progress: Progress
    _exchange: InputExchange
    _confirmation: Confirmation
    _transfer: ITransfer
    _requests: dict[tuple[int, TransferPurpose, int], _Request]
    _asked: dict[tuple[int, TransferPurpose], int]
    _owed: dict[tuple[int, TransferPurpose, int], None]
    _served_at: dict[tuple[int, TransferPurpose], float]
    _now: float
    _own: dict[int, StateDump]
    _theirs: dict[int, StateDump]
    _dumped: dict[int, int]

    def __init__(
        self,
        settings: RollbackSettings,
        progress: Progress,
        exchange: InputExchange,
        confirmation: Confirmation,
        transfer: ITransfer,
    ) -> None:
        """
        @param settings: The rules.
        @param transfer: What carries states; its packets are the caller's to send.
        """
        self._settings = settings
        self._progress = progress
        self._exchange = exchange
        self._confirmation = confirmation
        self._transfer = transfer
        self._requests = {}
        self._asked = {}
        self._owed = {}
        transfer.expect(())
        self._served_at = {}
        self._now = 0.0
        self._own = {}
        self._theirs = {}
        self._dumped = {}

    def differs(self, difference: Desynchronized) -> None:
        """A final frame led to different states here and at another peer."""
        settings = self._settings
        peer, frame = difference.player, difference.frame
        if settings.dump_states and peer not in self._dumped:
            self._dumped[peer] = frame
            self._requests[peer, TransferPurpose.DUMP, frame] = _Request()
            self._progress.wants_dumps = True
        interval = settings.state_exchange_interval
        authority = min([settings.peer, *[remote.peer for remote in self._exchange.others]])
        if not interval or (frame + 1) % interval:
            return
        if settings.state_repair is StateRepair.END:
            self._progress.events.append(StatesDiffer(frame, authority))
        elif peer == authority:
            self._wantState(peer, frame)

    def wanted(self, peer: int, body: bytes) -> None:
        """
        Take another member's request for a state.

        @raise RemoteProtocolError: It cannot rightly have been sent.
        """
        asked = decodeStateWanted(body)
        if asked.frame > self._progress.confirmed_frame:
            raise RemoteProtocolError(f"the state of frame {asked.frame}, which is not final")
        dumps = asked.purpose is TransferPurpose.DUMP
        given = self._settings.dump_states if dumps else self._settings.state_exchange_interval
        served_at = self._served_at.get((peer, asked.purpose), -1e9)
        if not given or self._now - served_at < SERVE_INTERVAL:
            return
        if self._exchange.isMember(peer) and self._transfer.progress(peer) is None:
            self._owed = {key: None for key in self._owed if key[0] != peer}
            self._owed[peer, asked.purpose, asked.frame] = None
            self._progress.wants_dumps = True

    def received(self, received: TransferReceived) -> None:
        """
        Take a state that came.

        @raise RemoteProtocolError: It was not asked for, or is none.
        """
        peer, frame = received.peer, received.frame
        if received.purpose is TransferPurpose.SNAPSHOT:
            return  # from a host that we followed until we got our seat
        wanted = peer, received.purpose, frame
        if wanted not in self._requests:
            if frame > self._asked.get((peer, received.purpose), -1):
                raise RemoteProtocolError(f"the state of frame {frame}, which nobody asked for")
            return  # too late
        if received.purpose is TransferPurpose.DUMP:
            dump = decodeStateDump(received.content)
            if dump.frame != frame:
                raise RemoteProtocolError(f"a dump of frame {dump.frame}, not {frame}")
            del self._requests[wanted]
            self._theirs[peer] = dump
            self._compare(peer)
            return
        del self._requests[wanted]
        if frame + 1 >= self._confirmation.first_kept:
            self._progress.restored = Restore(frame + 1, received.content)
            self._progress.report = None
            for remote in self._exchange.others:
                remote.checksums.forget()
            self._progress.events.append(StateTakenOver(frame, peer))

    def dumpsWanted(self) -> tuple[int, ...]:
        """Return the final frames whose states are wanted."""
        frames = [frame for _, _, frame in self._owed]
        frames += [frame for peer, frame in self._dumped.items() if peer not in self._own]
        return tuple(sorted(frozenset(frames)))

    def dumpTaken(
        self, frame: int, dump: StateDump | None, now: float
    ) -> tuple[tuple[int, int], ...]:
        """
        Take a state that was wanted.

        @param dump: The state; C{None} if it was not kept.
        @return: What is too large to be sent: its size, and the limit, in bytes.
        """
        refused = []
        limit = min(self._transfer.size_limit, DUMP_LIMIT)
        if dump is not None and dump.size > limit and frame in self._dumped.values():
            refused.append((dump.size, limit))
        for peer, at in self._dumped.items():
            if at == frame and peer not in self._own:
                # One that is too large for us is too large for them: theirs will not come.
                self._own[peer] = StateDump(frame, 0, b"", None)
                if dump is not None and not refused:
                    self._own[peer] = dump
                self._compare(peer)
        for key in [key for key in self._owed if key[2] == frame]:
            peer, purpose, _ = key
            del self._owed[key]
            if dump is None:
                continue
            dumps = purpose is TransferPurpose.DUMP
            size = dump.size if dumps else len(dump.snapshot)
            if size > (limit if dumps else self._transfer.size_limit):
                refused.append((size, limit if dumps else self._transfer.size_limit))
                continue
            self._served_at[peer, purpose] = now
            content = encodeStateDump(dump) if dumps else dump.snapshot
            self._transfer.send(peer, purpose, frame, content, now)
        return tuple(refused)

    def packetsDue(self, now: float) -> list[tuple[int, bytes]]:
        """Return what is to be sent now, to which peer."""
        self._now = now
        packets = []
        for key, request in tuple(self._requests.items()):
            peer, purpose, frame = key
            if not self._exchange.isMember(peer):
                del self._requests[key]
            elif self._transfer.progress(peer) is not None:
                continue  # this one is on its way, or has to wait for another
            elif request.asked >= ASK_LIMIT:
                del self._requests[key]
            elif now - request.asked_at >= ASK_INTERVAL:
                request.asked += 1
                request.asked_at = now
                newest = self._asked.get((peer, purpose), -1)
                self._asked[peer, purpose] = max(newest, frame)
                packets.append((peer, encodeStateWanted(StateWanted(purpose, frame))))
        self._transfer.expect([key[:2] for key in self._requests])
        return packets

    def _wantState(self, peer: int, frame: int) -> None:
        """Ask for a state, instead of an older one that is not on its way."""
        for key, request in tuple(self._requests.items()):
            if key[:2] == (peer, TransferPurpose.STATE):
                if request.asked and self._transfer.progress(peer) is not None:
                    return
                del self._requests[key]
        self._requests[peer, TransferPurpose.STATE, frame] = _Request()

    def _compare(self, peer: int) -> None:
        """Tell of the difference when both states are here, and keep neither."""
        own, theirs = self._own.get(peer), self._theirs.get(peer)
        if own is None or theirs is None:
            return
        if own.snapshot:
            self._progress.events.append(StatesDumped(DumpPair(own.frame, peer, own, theirs)))
        self._own[peer] = StateDump(own.frame, 0, b"", None)
        del self._theirs[peer]
