"""
One world: a match that plays, a fault, healing, and one history for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from gamenet.rollback.session_state import SessionState
from tests.rollback_worlds.faults import DECIDED_SECONDS, Outcome, beginFault, beginSecondFault
from tests.rollback_worlds.game import InputScript
from tests.rollback_worlds.mesh import Mesh
from tests.rollback_worlds.oracle import WorldFailed, judge
from tests.rollback_worlds.peer import SimulatedPeer
from tests.rollback_worlds.plan import Cell, Plan, planOf

__all__ = ["HEALED_FRAMES", "HEALED_SECONDS", "SETTLED_SECONDS", "World", "runWorld"]

#: How many more frames every survivor must confirm ...
HEALED_FRAMES = 300

#: ... within so many seconds after who plays was settled.
HEALED_SECONDS = 30.0

#: They join one after the other; each may take so many seconds longer.
JOIN_SECONDS = 6.0

#: Within so many seconds, beside those of the fault, who plays must be settled.
SETTLED_SECONDS = 15.0


class World:
    """
    The world of one seed.

    @ivar plan: What was drawn for it.
    @ivar mesh: The processes and links.
    @ivar everybody: All processes that ever were.
    @ivar outcomes: How each fault so far had to end.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.mesh = Mesh(plan.seed, plan.cell.profile)
        self.everybody: list[SimulatedPeer] = []
        self.outcomes: list[Outcome] = []
        self._members: tuple[int, ...] = ()
        self._awaited = 0
        self.scripts = {
            player: InputScript(plan.seed, player, plan.settings[local[0]].input_limit)
            for local in plan.seating
            for player in local
        }
        for peer in plan.settings:
            if peer not in plan.joiners:
                self.start(peer)
        self._countSettings()

    def start(self, peer: int, joining: bool = False) -> SimulatedPeer:
        """Start a process."""
        settings = self.plan.settings[peer]
        scripts = {player: self.scripts[player] for player in settings.local_players}
        process = SimulatedPeer(
            settings, scripts, self.mesh.counters, self.plan.clocks[peer], joining
        )
        self.everybody.append(process)
        self.mesh.start(process)
        return process

    def run(self) -> dict[str, Any]:
        """
        Live through it all.

        @return: The counters, the trace, how many frames and seconds.
        @raise WorldFailed: Something did not hold.
        """
        random = self.plan.random
        self.mesh.run(random.uniform(0.6, 1.5))
        self._trifles()
        self._members = self.playing
        self._live(beginFault(self))
        self._members = self.playing
        if len(self.playing) > 1 and random.chance(0.3):
            self._live(beginSecondFault(self))
        self._mustMove()
        judge(self, self.outcomes)
        return self._report()

    @property
    def playing(self) -> tuple[int, ...]:
        """The peers that play now, ascending."""
        return tuple(sorted(n for n, process in self.mesh.peers.items() if process.plays))

    def someOf(self, count: int) -> tuple[int, ...]:
        """Draw some of those who play, but not all."""
        peers = list(self.playing)
        self.plan.random.shuffle(peers)
        return tuple(sorted(peers[: min(count, len(peers) - 1)]))

    def later(self, delay: float, act: Callable[..., object], *arguments: Any) -> None:
        """Do something later, before which the present fault is not over."""

        def do() -> None:
            self._awaited -= 1
            act(*arguments)

        self._awaited += 1
        self.mesh.call(delay, do)

    def haveAgreed(self, members: tuple[int, ...]) -> bool:
        """Return whether all of these have agreed that they are those who play."""
        peers = self.mesh.peers
        return all(peers[number].session.members == members for number in members)

    def letRejoin(self) -> None:
        """Let all who play now, or were just dropped, come back when they are dropped."""
        for number in self._members:
            process = self.mesh.peers.get(number)
            if process is not None:
                process.rejoins = True
                if process.session.state is SessionState.DROPPED:
                    process.session.rejoin(process.local(self.mesh.now))

    def _live(self, outcome: Outcome) -> None:
        """Wait until a fault is over, and all know who plays."""
        self.outcomes.append(outcome)
        for process in self.mesh.peers.values():
            process.rejoins = False
        self._until(
            lambda: self._isSettled(outcome),
            DECIDED_SECONDS + SETTLED_SECONDS + self._joinSeconds(outcome),
            f"{outcome} to be settled",
        )

    def _joinSeconds(self, outcome: Outcome) -> float:
        """How many seconds longer it may take until those who join have their seats."""
        joiners = max(len([p for p in m if p in out]) for m, out in outcome.choices)
        return JOIN_SECONDS * (joiners + len(self.plan.joiners))

    def _trifles(self) -> None:
        """Small things that happen in any match."""
        random = self.plan.random
        mesh = self.mesh
        for peer, process in list(mesh.peers.items()):
            if random.chance(0.3):
                player = random.choice(process.settings.local_players)
                delay = process.settings.input_delay
                changed = random.between(delay, delay + 4)
                mesh.call(random.uniform(0.0, 4.0), self._changeDelay, process, changed, player)
            if random.chance(0.1):
                seconds = random.uniform(0.05, 0.3)
                mesh.call(random.uniform(0.0, 4.0), self._stop, peer, seconds)

    def _changeDelay(self, process: SimulatedPeer, delay: int, player: int) -> None:
        if process.plays:
            process.session.setInputDelay(delay, player)
            self.mesh.counters["delay changes"] += 1

    def _stop(self, peer: int, seconds: float) -> None:
        if peer in self.mesh.peers:
            self.mesh.counters["short stops"] += 1
            self.mesh.stop(peer, seconds)

    def _isSettled(self, outcome: Outcome) -> bool:
        """Whether who plays is as it must become."""
        return not self._awaited and any(self._isAs(members) for members, _ in outcome.choices)

    def _isAs(self, members: tuple[int, ...]) -> bool:
        """Whether exactly these play, and everybody else knows that they do not."""
        aside = [SessionState.DROPPED] + [SessionState.ISOLATED] * (not members)
        if self.mesh.cuts:
            aside.append(SessionState.ISOLATED)
        for number, process in self.mesh.peers.items():
            if number in members:
                if not process.plays or process.session.members != members:
                    return False
            elif process.session.state not in aside:
                return False
        return True

    def _mustMove(self) -> None:
        """Those who play must confirm more frames."""
        playing = [process for process in self.mesh.peers.values() if process.plays]
        if not playing:
            self.mesh.run(3.0)
            return
        wanted = max(process.session.confirmed_frame for process in playing) + HEALED_FRAMES
        self._until(
            lambda: all(process.session.confirmed_frame >= wanted for process in playing),
            HEALED_SECONDS,
            f"frame {wanted} to be confirmed",
        )
        outcome = self.outcomes[-1]
        if not any(self._isAs(members) for members, _ in outcome.choices):
            raise WorldFailed(f"{self._standing()} did not stay as {outcome}")

    def _until(self, done: Callable[[], bool], limit: float, what: str) -> None:
        if not self.mesh.runUntil(done, limit):
            raise WorldFailed(f"waited {limit:.1f} s for {what}: {self._standing()}")

    def _standing(self) -> str:
        """How it is with everybody, in words."""
        return "; ".join(
            f"{number}: {process.session.state.value} {process.session.members}"
            f" frame {process.session.current_frame} final {process.session.confirmed_frame}"
            for number, process in self.mesh.peers.items()
        )

    def _countSettings(self) -> None:
        counters = self.mesh.counters
        plan = self.plan
        counters[f"profile {plan.cell.profile.name}"] += 1
        counters[f"players {plan.cell.players}"] += 1
        counters[f"fault {plan.cell.fault.value}"] += 1
        counters["several players a peer"] += any(len(local) > 1 for local in plan.seating)
        for settings in plan.settings.values():
            counters[f"leavers {settings.leaver_policy.value}"] += 1
            counters["lockstep"] += not settings.prediction_window
            counters["sparse saving"] += settings.sparse_saving
            counters[f"send interval {settings.send_interval}"] += 1
            counters[f"prediction {getattr(settings.prediction, 'value', 'own')}"] += 1
            counters["both stop"] += settings.both_stop
            counters["states exchanged"] += settings.state_exchange_interval > 0

    def _report(self) -> dict[str, Any]:
        counters = self.mesh.counters
        for process in self.everybody:
            for name, value in attrs.asdict(process.session.statistics).items():
                if not name.startswith("_"):
                    counters[f"statistics {name}"] += int(value)
        return {
            "cell": str(self.plan.cell),
            "trace": f"{self.mesh.trace:08x}",
            "frames": max(len(process.confirmed) for process in self.everybody),
            "seconds": round(self.mesh.now, 3),
            "counters": {name: count for name, count in sorted(counters.items()) if count},
        }


def runWorld(seed: int, cell: Cell | None = None) -> dict[str, Any]:
    """
    Run the world of C{seed}.

    @return: See L{World.run}.
    @raise WorldFailed: Something did not hold.
    """
    return World(planOf(seed, cell)).run()
