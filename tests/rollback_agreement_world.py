"""
Many peers that agree on who plays, over bad links, in virtual time.

Each peer is an L{Agreement} with as much of a session around it as it takes to
check what the agreement promises: inputs that arrive, frames that are
confirmed, a history of who plays from which frame on.
"""

from __future__ import annotations

import heapq
from collections import Counter

from gamenet.agreement.agreement import MESSAGES_PER_PEER, Agreement
from gamenet.agreement.events import Dropped, Isolated, Reunited, Standing, ViewChanged
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import changesBetween, faultOf, firstView, isQuorum, playersOf
from gamenet.seeded_random import SeededRandom
from gamenet.wire.view_values import View

__all__ = ["AgreementWorld", "SimulatedPeer"]

TICK = 0.04
LOST_AFTER = 0.5
WINDOW = 10
FRAMES_PER_TICK = 2


class SimulatedPeer:
    """One process of the match."""

    def __init__(self, world: AgreementWorld, peer: int, view: View) -> None:
        self.world = world
        self.peer = peer
        self.agreement = Agreement(world.settings, peer, world.seating, view)
        self.players = playersOf(world.seating, peer)
        self.alive = True
        self.leaving = False
        self.rejoins_at: float | None = None if peer in view.members else 0.5
        self.floors = [0] * len(view.seats)
        self.confirmed = -1
        self.history = [[(0, seat.taken)] for seat in view.seats]
        self.presence: dict[int, tuple[bool, ...]] = {}
        self.heard_at: dict[int, float] = {}
        self.pledged: tuple[int, int | None, tuple[int, ...]] = (view.number, None, ())

    @property
    def isMember(self) -> bool:
        return self.agreement.dropped is None and self.peer in self.agreement.view.members

    @property
    def newest(self) -> View:
        return self.agreement.dropped or self.agreement.view

    def standing(self) -> Standing:
        horizon = self.confirmed + 1 + self.world.random.below(12)
        return Standing(self.confirmed, horizon, tuple(self.floors))

    def play(self) -> None:
        """Make inputs of ours, and confirm what may be confirmed."""
        if not self.isMember:
            return
        for player in self.players:
            floor = self.floors[player - 1]
            limit = max(floor, self.confirmed + 1 + WINDOW)
            self.floors[player - 1] = min(floor + FRAMES_PER_TICK, limit)
            produced = self.world.produced
            produced[player] = max(produced.get(player, 0), self.floors[player - 1])
        horizon = self.agreement.horizon
        seats = list(enumerate(self.agreement.view.seats))
        while True:
            frame = self.confirmed + 1
            if horizon is not None and frame >= horizon:
                return
            for index, seat in seats:
                wanted = frame >= seat.since if seat.taken else frame < seat.since
                if wanted and self.floors[index] <= frame:
                    return
            self.confirmed = frame
            self.presence[frame] = tuple(
                next(taken for since, taken in reversed(changes) if since <= frame)
                for changes in self.history
            )

    def watchPledges(self) -> None:
        """A pledge and a frozen peer stay so while the view stands."""
        number = self.newest.number
        horizon, frozen = self.agreement.horizon, self.agreement.frozen
        before, pledged, were_frozen = self.pledged
        if before == number:
            self.world.require(pledged in (None, horizon), "a pledge was taken back")
            self.world.require(set(were_frozen) <= set(frozen), "a peer was thawed")
        self.pledged = (number, horizon, frozen)

    def heardInputs(self, peer: int, number: int, floors: tuple[int, ...]) -> None:
        self.heard_at[peer] = self.world.now
        self.agreement.heardInView(peer, number, self.world.now)
        if not self.isMember or peer in self.agreement.frozen:
            return
        if peer not in self.agreement.view.members:
            return
        for player in playersOf(self.world.seating, peer):
            self.floors[player - 1] = max(self.floors[player - 1], floors[player - 1])
        if not self.world.random.chance(self.world.back_filled):
            return
        for index, seat in enumerate(self.agreement.view.seats):
            if not seat.taken:
                self.floors[index] = max(self.floors[index], min(seat.since, floors[index]))

    def takeEvents(self, previous: View, was_member: bool, pledged: int | None) -> None:
        world = self.world
        for event in self.agreement.drainEvents():
            world.counts[type(event).__name__] += 1
            match event:
                case ViewChanged(view, dropped, joined):
                    world.committedBy(self, previous, view)
                    if self.peer in [player for player, _ in joined]:
                        world.counts["joined"] += 1
                        self._enter(view)
                    else:
                        world.require(was_member, "a non-member changes its view")
                        self._follow(dropped, joined, pledged)
                        world.counts["seats changed" if dropped or joined else "same members"] += 1
                    previous = view
                case Dropped(view):
                    world.committedBy(self, previous, view)
                    self.rejoins_at = world.now + 1.0
                case Isolated(missing):
                    world.require(bool(missing), "isolated without anybody missing")
                    world.require(self.agreement.isolated, "isolated, but not so")
                case Reunited():
                    world.require(not self.agreement.isolated, "reunited, but isolated")

    def _follow(
        self,
        dropped: tuple[tuple[int, int], ...],
        joined: tuple[tuple[int, int], ...],
        pledged: int | None,
    ) -> None:
        for player, cut in dropped:
            self.world.require(cut > self.confirmed, f"cut {cut} in what {self.peer} confirmed")
            highest = self.world.produced.get(player, 0)
            self.world.require(cut <= highest, f"cut {cut} where {player} has produced {highest}")
            changes = self.history[player - 1]
            if not changes[-1][1]:
                changes.pop()
                self.world.counts["lowered"] += 1
            changes.append((cut, False))
            self.floors[player - 1] = min(self.floors[player - 1], cut)
        for player, frame in joined:
            if pledged is not None:
                self.world.require(frame >= pledged, f"{player} joins before a pledged horizon")
            self.world.require(frame > self.confirmed, f"{player} joins in a confirmed frame")
            self.history[player - 1].append((frame, True))
            self.floors[player - 1] = frame
            self.world.produced[player] = max(frame, self.world.produced.get(player, 0))

    def _enter(self, view: View) -> None:
        """Begin where the feed of confirmed frames has got to."""
        world = self.world
        self.rejoins_at = None
        self.history = [list(changes) for changes in world.histories[view.number]]
        others = [
            other.confirmed
            for other in world.peers.values()
            if other.peer in view.members and other is not self
        ]
        self.confirmed = min(others)
        self.presence = {}
        self.floors = [
            max(self.confirmed + 1, seat.since)
            if seat.taken
            else min(self.confirmed + 1, seat.since)
            for seat in view.seats
        ]
        for player in self.players:
            self.floors[player - 1] = view.seats[player - 1].since


class AgreementWorld:
    """
    Peers, links and a clock.

    @ivar blocked: The directed links (from, to) that carry nothing.
    """

    def __init__(
        self,
        seed: int,
        seating: tuple[tuple[int, ...], ...],
        vacant: tuple[int, ...] = (),
        settings: AgreementSettings | None = None,
        rejoin: bool = False,
        loss: float = 0.0,
        delay: float = 0.02,
        jitter: float = 0.0,
        duplicated: float = 0.0,
        back_filled: float = 1.0,
    ) -> None:
        self.random = SeededRandom(seed)
        self.seating = seating
        self.settings = settings or AgreementSettings()
        self.rejoin = rejoin
        self.loss, self.delay, self.jitter, self.duplicated = loss, delay, jitter, duplicated
        self.back_filled = back_filled
        self.now = 0.0
        self.ticks = 0
        self.counts: Counter[str] = Counter()
        self.blocked: set[tuple[int, int]] = set()
        view = firstView(seating, vacant)
        self.committed: dict[int, View] = {0: view}
        self.leavers: dict[int, set[int]] = {}
        self.produced: dict[int, int] = {}
        self.peers = {local[0]: SimulatedPeer(self, local[0], view) for local in seating}
        self.histories = {0: [list(changes) for changes in self.peers[1].history]}
        self._flying: list[tuple[float, int, int, int, object]] = []
        self._sent = 0

    def require(self, condition: bool, text: str) -> None:
        if not condition:
            raise AssertionError(f"at {self.now:.2f} s: {text}")

    def committedBy(self, peer: SimulatedPeer, previous: View, view: View) -> None:
        """One value per view number, decided by a quorum of the view before."""
        known = self.committed.get(view.number)
        if known is not None:
            self.require(known == view, f"two views {view.number}: {known} and {view}")
            return
        self.require(faultOf(view, self.seating) is None, f"{view} cannot be")
        before = self.committed.get(view.number - 1)
        self.require(before is not None, f"view {view.number} comes out of nowhere")
        assert before is not None
        leavers = self.leavers.get(before.number, set())
        voters = {*view.members, *leavers}
        both_stop = self.settings.both_stop
        self.require(
            isQuorum(before, self.seating, voters, both_stop),
            f"{view} without a quorum of {before}",
        )
        if not isQuorum(before, self.seating, view.members, both_stop):
            self.counts["quorum by leavers"] += 1
        held = sum(len(playersOf(self.seating, peer)) for peer in voters if peer in before.members)
        if 2 * held == sum(seat.taken for seat in before.seats):
            self.counts["exact half"] += 1
        self.committed[view.number] = view
        history = [list(changes) for changes in self.histories[before.number]]
        dropped, joined = changesBetween(before, view)
        for player, cut in dropped:
            if not history[player - 1][-1][1]:
                history[player - 1].pop()
            history[player - 1].append((cut, False))
        for player, frame in joined:
            history[player - 1].append((frame, True))
        self.histories[view.number] = history

    def block(self, one: int, other: int, both: bool = True) -> None:
        self.blocked.add((one, other))
        if both:
            self.blocked.add((other, one))

    def split(self, *groups: tuple[int, ...]) -> None:
        """No peer hears one of another group."""
        for group in groups:
            for one in group:
                for other in self.peers:
                    if other not in group:
                        self.block(one, other)

    def heal(self) -> None:
        self.blocked.clear()

    def kill(self, peer: int) -> None:
        self.peers[peer].alive = False

    def leave(self, peer: int) -> None:
        simulated = self.peers[peer]
        simulated.leaving = True
        simulated.agreement.leave(self.now)
        self.noteLeaver(simulated)

    def noteLeaver(self, peer: SimulatedPeer) -> None:
        self.leavers.setdefault(peer.agreement.view.number, set()).add(peer.peer)

    def send(self, sender: int, receiver: int, packet: object) -> None:
        copies = 1 + (self.duplicated > 0 and self.random.unit() < self.duplicated)
        for _ in range(copies):
            if self.loss and self.random.unit() < self.loss:
                continue
            arrival = self.now + self.delay + self.jitter * self.random.unit()
            self._sent += 1
            heapq.heappush(self._flying, (arrival, self._sent, sender, receiver, packet))

    def _call(self, peer: SimulatedPeer, call: object, *arguments: object) -> object:
        """Call something that may change the view, and look at what it brought."""
        agreement = peer.agreement
        previous, was_member, pledged = agreement.view, peer.isMember, agreement.horizon
        result = call(*arguments)  # type: ignore[operator]
        if pledged is None:
            pledged = agreement.horizon
        peer.takeEvents(previous, was_member, pledged)
        peer.watchPledges()
        if peer.leaving and peer.isMember:
            self.noteLeaver(peer)
        return result

    def _deliver(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            _, _, sender, receiver, packet = heapq.heappop(self._flying)
            peer = self.peers[receiver]
            if not peer.alive or (sender, receiver) in self.blocked:
                continue
            if isinstance(packet, bytes):
                self.counts[f"kind {packet[0]:#04x}"] += 1
                peer.heard_at[sender] = self.now
                self._call(peer, peer.agreement.received, sender, packet, peer.standing(), self.now)
            elif packet == "join":
                peer.agreement.admit(sender, self.now)
            else:
                number, floors = packet  # type: ignore[misc]
                peer.heardInputs(sender, number, floors)

    def tick(self) -> None:
        """Let one tick pass."""
        self.ticks += 1
        self.now = self.ticks * TICK
        self._deliver()
        for peer in self.peers.values():
            if not peer.alive:
                continue
            peer.play()
            lost = tuple(
                other
                for other in self.peers
                if other != peer.peer and self.now - peer.heard_at.get(other, 0.0) > LOST_AFTER
            )
            peer.agreement.suspect(lost, self.now)
            due = self._call(peer, peer.agreement.due, peer.standing(), self.now)
            per_peer = Counter(receiver for receiver, _ in due)  # type: ignore[attr-defined]
            self.require(all(n <= MESSAGES_PER_PEER for n in per_peer.values()), "a flood")
            for receiver, body in due:  # type: ignore[attr-defined]
                self.send(peer.peer, receiver, body)
            if (self.ticks + peer.peer) % 2 == 0:
                self._speak(peer)
            if peer.leaving and peer.agreement.left:
                self.counts["left"] += 1
                peer.alive = False

    def _speak(self, peer: SimulatedPeer) -> None:
        packet = (peer.newest.number, tuple(peer.floors))
        for other in self.peers:
            if other != peer.peer:
                self.send(peer.peer, other, packet)
        joins = self.rejoin and peer.rejoins_at is not None and self.now >= peer.rejoins_at
        if joins and not peer.isMember and not peer.leaving:
            for other in self.peers:
                if other != peer.peer:
                    self.send(peer.peer, other, "join")

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / TICK)):
            self.tick()

    def settled(self) -> bool:
        """Whether all who live know the newest view, and it has no others."""
        newest = self.committed[max(self.committed)]
        living = [peer for peer in self.peers.values() if peer.alive]
        if any(peer.newest != newest or peer.agreement.deciding for peer in living):
            return False
        members = {peer.peer for peer in living if peer.isMember}
        if members != set(newest.members):
            return False
        return not self.rejoin or all(peer.isMember for peer in living)

    def isHopeless(self) -> bool:
        """Whether too few of the newest view's members live to decide anything."""
        newest = self.committed[max(self.committed)]
        living = [peer for peer in newest.members if self.peers[peer].alive]
        return not isQuorum(newest, self.seating, living, self.settings.both_stop)

    def compareHistories(self) -> None:
        """Who is a member of the newest view has confirmed the same as the others."""
        newest = self.committed[max(self.committed)]
        members = [
            peer for peer in self.peers.values() if peer.peer in newest.members and peer.isMember
        ]
        first: dict[int, tuple[int, tuple[bool, ...]]] = {}
        for peer in members:
            for frame, presence in peer.presence.items():
                whose, known = first.setdefault(frame, (peer.peer, presence))
                self.require(
                    known == presence,
                    f"frame {frame}: {whose} says {known}, {peer.peer} says {presence}",
                )
