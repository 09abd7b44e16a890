"""
The state of a match in which frames are played: who is silent, who is out, who comes
back, and whether anybody is left to play with.
"""

from __future__ import annotations

import math
from typing import ClassVar

import attrs

from gamenet.errors import PeerLost
from gamenet.match.moments import moment
from gamenet.match.peer import Peer
from gamenet.match.protocol import Outcome
from gamenet.match.silence import Silence
from gamenet.match.stage import MatchState, Stage
from gamenet.match.start import NoSeat
from gamenet.wire.peer_packets import GoodbyeReason, Inputs
from gamenet.wire.start_packets import CallOff

__all__ = ["CALL_OFF_WITHIN", "Playing"]

#: For so many seconds of play it may still be called off: by who began a moment later,
#: or could not.
CALL_OFF_WITHIN = 2.0

#: Seconds between two looks at the others: what is looked for takes longer than a frame.
_WATCH_INTERVAL = 0.05

#: Seconds between two words to those who are out and can be reached.
_TELL_INTERVAL = 1.0


@attrs.define(eq=False)
class Playing(Stage):
    """
    Frames are played.

    @ivar members: The others who play, as of the newest beat.
    """

    state: ClassVar[MatchState] = MatchState.PLAYING
    members: tuple[int, ...] = attrs.field(init=False, default=())
    _watch_at: float = attrs.field(init=False, default=-math.inf)
    _had_company: bool = attrs.field(init=False, default=False)
    _isolated_since: float = attrs.field(init=False, default=math.inf)
    _tell_at: float = attrs.field(init=False, default=-math.inf)
    _left_for: Outcome | None = attrs.field(init=False, default=None)

    def beat(self, now: float) -> float:
        """Play the frames that are due, and send what they led to."""
        ground = self.ground
        ground.loop.run(now)
        if self.stopped:
            return now
        ground.sendInputs(now)
        if ground.loop.refused is not None:
            raise NoSeat(ground.loop.refused)
        if now >= self._watch_at:
            self._watch_at = now + _WATCH_INTERVAL
            self._watch(now)
            if self.stopped:
                return now
        difference = ground.loop.difference
        if difference.error is not None and difference.isDue(now):
            raise difference.error
        if ground.loop.finished:
            ground.part(GoodbyeReason.FINISHED)
            return now
        return ground.loop.next_due

    def _watch(self, now: float) -> None:
        """Look at the others: how far away they are, who is silent, who is out or back."""
        ground = self.ground
        for peer in ground.peers.values():
            round_trip = peer.round_trip
            if round_trip is not None:
                ground.loop.roundTripMeasured(peer.player, round_trip)
        self._watchSilence(now)
        if not self.stopped:
            self._watchMembers(now)

    def inputsReceived(self, peer: Peer, packet: Inputs, now: float) -> None:
        """A packet of play came; in lockstep it may be what the next frame waited for."""
        super().inputsReceived(peer, packet, now)
        if self.ground.loop.ready and not self.stopped:
            self.ground.wake(now)

    def callOffReceived(self, peer: Peer, packet: CallOff, now: float) -> None:
        """Somebody could not begin; where we have only just done so nobody has."""
        loop = self.ground.loop
        if not loop.joining and now - loop.began < CALL_OFF_WITHIN:
            self.ground.callOff(packet)

    def _left(self, peer: Peer, reason: GoodbyeReason) -> None:
        """One is gone; where others are left, or we play alone, the match goes on."""
        ground = self.ground
        left = reason is GoodbyeReason.LEFT
        self._left_for = Outcome.OTHER_LEFT if left else Outcome.OTHER_FAILED
        members = ground.loop.members
        staying = [
            other for other in ground.peers.values()
            if not other.parted and (ground.loop.joining or other.player in members)
        ]
        if not staying and not ground.settings.plays_alone:
            ground.end(self._left_for)
        else:
            ground.loop.drop(peer.player)

    def _watchSilence(self, now: float) -> None:
        """
        Tell the game who is silent, and give up where the last other player is.  Where
        several are it may be us who are cut off: then we wait.
        """
        ground = self.ground
        loop = ground.loop
        if loop.joining:
            self._watchLinks(now)
            return
        lost: PeerLost | None = None
        for peer in ground.peers.values():
            heard_at = loop.heardAt(peer.player)
            if heard_at is None:
                continue
            silence = now - heard_at
            self._silent(peer, peer.watch.silentFor(silence), silence)
            if self.stopped:
                return
            if peer.watch.lost:
                lost = PeerLost(peer.player, silence)
        if lost is not None and len(loop.members) == 2 and not ground.settings.plays_alone:
            raise lost
        self._watchIsolation(now)

    def _silent(self, peer: Peer, meaning: Silence | None, silence: float) -> None:
        protocol = self.ground.protocol
        if meaning is Silence.LOST:
            with moment("peerLost"):
                protocol.peerLost(peer.player, silence)
        elif meaning is Silence.INTERRUPTED:
            with moment("interrupted"):
                protocol.interrupted(peer.player, silence)

    def _watchLinks(self, now: float) -> None:
        """On our way in: give up where nobody is heard at all for as long as a seat is kept."""
        ground = self.ground
        silences = [
            (now - max(peer.heard_at, ground.loop.began), player)
            for player, peer in ground.peers.items()
            if not peer.parted
        ]
        nobody = 0.0, min(ground.peers, default=0)
        silence, player = min(silences, default=nobody)
        if not silences or silence >= ground.settings.grace:
            raise PeerLost(player, silence)

    def _watchIsolation(self, now: float) -> None:
        """Too few are heard to go on: wait for them, but not for ever."""
        loop = self.ground.loop
        if not loop.isolated:
            self._isolated_since = math.inf
            return
        self._isolated_since = min(self._isolated_since, now)
        if now - self._isolated_since >= self.ground.settings.grace:
            silent = [peer.player for peer in self.ground.peers.values() if peer.watch.lost]
            raise PeerLost(min(silent, default=0), now - self._isolated_since)

    def _watchMembers(self, now: float) -> None:
        """See who is out and who came, tell those who can be reached, come back ourselves."""
        ground = self.ground
        loop = ground.loop
        if loop.dropped:
            loop.rejoin(now)
        if loop.joining:
            return
        members = loop.members
        if members != self.members:
            for player in members:
                if player not in self.members and player in ground.peers:
                    ground.peers[player].returned()
            self.members = members
        others = [player for player in members if player in ground.peers]
        self._had_company = self._had_company or bool(others)
        if not others and self._had_company and not ground.settings.plays_alone:
            self._alone(now)
            return
        if now >= self._tell_at:
            self._tell_at = now + _TELL_INTERVAL
            self._tellOthers(now)

    def _alone(self, now: float) -> None:
        """Everybody else is out."""
        if self._left_for is not None:
            self.ground.end(self._left_for)
            return
        silences = [(now - peer.heard_at, player) for player, peer in self.ground.peers.items()]
        silence, player = min(silences, default=(0.0, 0))
        raise PeerLost(player, silence)

    def _tellOthers(self, now: float) -> None:
        """Tell who is out and can be reached who plays; forget who is out for too long."""
        ground = self.ground
        for player, peer in tuple(ground.peers.items()):
            if player in self.members or peer.parted:
                continue
            silence = now - peer.heard_at
            if silence < _TELL_INTERVAL:
                ground.loop.reached(player, now)
            elif silence >= ground.settings.grace and now - ground.loop.began > silence:
                ground.forget(player)
