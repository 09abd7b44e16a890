"""
Inputs from third hands: the last inputs of those who left, from whoever has
them, and the search for one who sent different inputs to different peers.

When checksums of inputs differ between two peers, each shows the other what it
has confirmed, and both tell whose inputs of which frame are not the same.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.input_queue import ENDLESS
from gamenet.rollback.progress import Progress
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_events import InconsistentInputs
from gamenet.wire.backfill_packets import (
    Backfill as BackfillPacket,
)
from gamenet.wire.backfill_packets import (
    InputRange,
    Want,
    decodeBackfillPacket,
    encodeBackfill,
    encodeEvidence,
    encodeWant,
)

__all__ = ["ANSWER_INTERVAL", "EVIDENCE_PACKETS", "EVIDENCE_ROUNDS", "Backfill"]

#: How often the evidence of a peer's first difference is shown; that of later ones is
#: shown once.
EVIDENCE_ROUNDS = 5

#: The most packets of evidence to one peer in one round; the rest goes in the next ones.
EVIDENCE_PACKETS = 8

#: Seconds between two requests for missing inputs.
_ASK_INTERVAL = 0.1

#: Seconds between two answers to one peer: less than between requests, so that none of
#: those that a link delays goes without.
ANSWER_INTERVAL = 0.05


@attrs.define
class _Difference:
    """
    Inputs that are not the same here and at another peer.

    @ivar frame: The report that showed it.
    @ivar rounds: How many more times the evidence is shown.
    @ivar player: Whose inputs are shown next.
    @ivar position: From which frame on; 0 is the first of the report.
    """

    frame: int
    rounds: int
    player: int = 1
    position: int = 0


@attrs.define(init=False)
class Backfill:
    """
    The inputs that one session asks for and gives beside its own.

    @ivar _settings: The rules.
    @ivar _progress: How far the session is.
    @ivar _exchange: The inputs that come and go.
    @ivar _confirmation: The final frames.
    @ivar _asked_at: When was asked last, in seconds.
    @ivar _asked: How often was asked.
    @ivar _asked_of: What each peer was asked for since something is missing: by player,
        from which frame on, and up to which.
    @ivar _answers: What others asked for, not yet sent.
    @ivar _answered_at: When each peer was answered last, in seconds.
    @ivar _differences: By peer.
    @ivar _told: The players whose inconsistent inputs were told of.
    """

    _settings: RollbackSettings
    _progress: Progress
    _exchange: InputExchange
    _confirmation: Confirmation
    _asked_at: float
    _asked: int
    _asked_of: dict[int, dict[int, tuple[int, int]]]
    _answers: dict[int, Want]
    _answered_at: dict[int, float]
    _differences: dict[int, _Difference]
    _told: list[int]

    def __init__(
        self,
        settings: RollbackSettings,
        progress: Progress,
        exchange: InputExchange,
        confirmation: Confirmation,
    ) -> None:
        """
        @param settings: The rules.
        """
        self._settings = settings
        self._progress = progress
        self._exchange = exchange
        self._confirmation = confirmation
        self._asked_at = -1e9
        self._asked = 0
        self._asked_of = {}
        self._answers = {}
        self._answered_at = {}
        self._differences = {}
        self._told = []

    def received(self, peer: int, body: bytes, now: float) -> None:
        """
        Take a request, missing inputs or evidence.

        @raise RemoteProtocolError: They cannot rightly have sent it.
        """
        packet = decodeBackfillPacket(body)
        if not self._exchange.isMember(peer):
            return
        if isinstance(packet, Want):
            if packet.ranges[-1].player > self._settings.players:
                raise RemoteProtocolError(f"inputs of player {packet.ranges[-1].player} wanted")
            self._answers[peer] = packet
            return
        if packet.player > self._settings.players:
            raise RemoteProtocolError(f"inputs of player {packet.player}")
        if max(map(len, packet.inputs)) > self._settings.input_limit:
            raise RemoteProtocolError("an input that is too long")
        if isinstance(packet, BackfillPacket):
            self._fill(peer, packet)
        else:
            self._compare(peer, packet.player, packet.first_frame, packet.inputs)

    def packetsDue(self, now: float) -> list[tuple[int, bytes]]:
        """Return what is to be sent now, to which peer."""
        packets = []
        for peer, want in tuple(self._answers.items()):
            if now - self._answered_at.get(peer, -1e9) < ANSWER_INTERVAL:
                continue
            del self._answers[peer]
            if self._exchange.isMember(peer):
                self._answered_at[peer] = now
                packets += [(peer, body) for body in self._answersTo(want)]
        lacking = self._exchange.table.lacking()
        if not lacking:
            self._asked_of.clear()
        others = self._exchange.others
        if lacking and others and now - self._asked_at >= _ASK_INTERVAL:
            self._asked_at = now
            asked = others[self._asked % len(others)].peer
            self._asked += 1
            wanted = self._asked_of.setdefault(asked, {})
            for player, start, end in lacking:
                wanted[player] = wanted.get(player, (start, end))[0], end
            packets.append((asked, encodeWant([InputRange(*one) for one in lacking])))
        packets += self._evidence()
        return packets

    def _answersTo(self, want: Want) -> list[bytes]:
        """
        Return what we have of the inputs that are asked for, of those who left: whoever
        has a seat says their inputs themselves.
        """
        bodies = []
        table = self._exchange.table
        for player, first_frame, end_frame in want.ranges:
            queue = table.queues[player - 1]
            if queue.closed_at is None and end_frame > table.settled:
                continue
            if queue.first_kept <= first_frame < queue.count:
                inputs = queue.since(first_frame)[: end_frame - first_frame]
                bodies.append(encodeBackfill(player, first_frame, inputs)[0])
        return bodies

    def _fill(self, peer: int, packet: BackfillPacket) -> None:
        """
        Take inputs of somebody who left, from one whom we asked for them; but not while
        the peers agree on what is left of them, or we would confirm more than we
        promised to have.
        """
        first_asked, end_asked = self._asked_of.get(peer, {}).get(packet.player, (0, 0))
        if not first_asked <= packet.first_frame <= end_asked - len(packet.inputs):
            return
        table = self._exchange.table
        queue = table.queues[packet.player - 1]
        end = queue.closed_at
        if end is None or queue.count >= end or table.horizon != ENDLESS:
            return
        known = queue.overlap(packet.first_frame, len(packet.inputs))
        if not queue.agrees(packet.first_frame, packet.inputs[:known]):
            raise RemoteProtocolError(f"other inputs of player {packet.player} than before")
        fresh = packet.inputs[known : end - packet.first_frame]
        if fresh:
            self._progress.statistics.inputs_backfilled += len(fresh)
            table.take(queue, fresh, self._progress.current_frame)
            table.refresh()

    def _evidence(self) -> list[tuple[int, bytes]]:
        """Return what is to be shown to those whose inputs differ from ours."""
        packets: list[tuple[int, bytes]] = []
        for remote in self._exchange.others:
            frame = remote.checksums.inputs_differ
            known = self._differences.get(remote.peer)
            if frame >= 0 and (known is None or (known.frame < frame and not known.rounds)):
                rounds = 1 if known else EVIDENCE_ROUNDS
                known = self._differences[remote.peer] = _Difference(frame, rounds)
            if known is not None and known.rounds:
                packets += [(remote.peer, body) for body in self._shown(known)]
        return packets

    def _shown(self, difference: _Difference) -> list[bytes]:
        """Return the next packets of evidence: those of one time at the most."""
        start = difference.frame - difference.frame % self._settings.checksum_interval
        start = max(start, self._confirmation.first_kept)
        end = difference.frame + 1
        rows = self._confirmation.rows(start, end) if start < end else []
        bodies: list[bytes] = []
        while difference.player <= self._settings.players:
            place = max(difference.position - start, 0)
            inputs = [row[difference.player - 1] for row, _ in rows[place:]]
            while inputs:
                if len(bodies) >= EVIDENCE_PACKETS:
                    return bodies
                body, count = encodeEvidence(difference.player, start + place, inputs)
                bodies.append(body)
                place += count
                difference.position = start + place
                del inputs[:count]
            difference.player += 1
            difference.position = 0
        difference.rounds -= 1
        difference.player = 1
        return bodies

    def _compare(self, peer: int, player: int, first_frame: int, inputs: list[bytes]) -> None:
        """Compare what another peer has confirmed with what we have."""
        confirmation = self._confirmation
        if player in self._told:
            return
        for frame, text in enumerate(inputs, first_frame):
            if not confirmation.first_kept <= frame <= confirmation.told:
                continue
            if confirmation.row(frame)[0][player - 1] != text:
                self._told.append(player)
                self._progress.statistics.inconsistent_inputs += 1
                self._progress.events.append(InconsistentInputs(player, frame, peer))
                return
