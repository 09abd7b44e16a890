"""
What must hold in every world in the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamenet.rollback.events import Desynchronized
from gamenet.rollback.seat_events import Dropped, PlayerDropped, PlayerJoined, SeatTaken
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import LeaverPolicy
from gamenet.rollback.state_events import InconsistentInputs, StatesDiffer, StateTakenOver
from tests.rollback_worlds.peer import Confirmed, Restored, SimulatedPeer

if TYPE_CHECKING:
    from tests.rollback_worlds.faults import Outcome
    from tests.rollback_worlds.world import World

__all__ = ["WorldFailed", "judge"]

_NEVER = (Desynchronized, InconsistentInputs, StatesDiffer, StateTakenOver)


class WorldFailed(AssertionError):
    """A world did not do what every world must; the text says what."""


def judge(world: World, outcomes: list[Outcome]) -> None:
    """
    Compare everything with everything.

    @raise WorldFailed: Something does not hold.
    """
    history = _historyOf(world)
    for process in world.everybody:
        _judgeFrames(world, process, history)
        _judgeEvents(process)
        _judgeStatistics(process)
    _judgeInputs(world, history)
    _judgeDrops(world, outcomes)
    for process in world.mesh.peers.values():
        _judgeStandstill(process)


def _historyOf(world: World) -> dict[int, Confirmed]:
    """Return what those who play in the end have confirmed; the longest of them."""
    playing = [process for process in world.mesh.peers.values() if process.plays]
    if not playing:
        playing = list(world.mesh.peers.values()) or world.everybody
    history: dict[int, Confirmed] = {}
    for process in playing:
        for frame in _validFrames(world, process):
            row = process.confirmed[frame]
            known = history.setdefault(frame, row)
            if known != row:
                raise WorldFailed(_difference(process, frame, row, known))
    return history


def _difference(process: SimulatedPeer, frame: int, here: Confirmed, there: Confirmed) -> str:
    """Return in words how two confirmed frames differ."""
    inputs = [
        f"player {player} {one!r}, not {other!r}"
        for player, (one, other) in enumerate(zip(here[0], there[0], strict=True), 1)
        if one != other
    ]
    return (
        f"peer {process.peer} confirmed frame {frame} with {here[2]} absent, others {there[2]}:"
        f" {', '.join(inputs) or 'the same inputs'}, state {here[1].hex()}, not {there[1].hex()}"
    )


def _validFrames(world: World, process: SimulatedPeer) -> list[int]:
    """
    Return the frames that a process confirmed as a member and must have in common with
    everybody: of who was dropped, none from the first frame on that the others then saw
    in another way, until the state that it was given to come back.
    """
    never = end = 1 << 40
    spans: list[tuple[int, int]] = []
    start, view = 0, 0
    for _, event in process.told:
        if isinstance(event, Dropped):
            spans.append((start, min(event.frame, _firstChange(world, view))))
            start = never
        elif isinstance(event, Restored):
            start = event.frame
        elif isinstance(event, (PlayerDropped, PlayerJoined, SeatTaken)):
            view = event.view
    if process not in world.mesh.peers.values() or not process.plays:
        end = _firstChange(world, view)
    spans.append((start, end))
    return [frame for frame in sorted(process.confirmed) if any(a <= frame < b for a, b in spans)]


def _firstChange(world: World, view: int) -> int:
    """Return the first frame that is different for whoever does not know what follows a view."""
    return min(
        [
            event.frame
            for process in world.everybody
            for _, event in process.told
            if isinstance(event, (PlayerDropped, PlayerJoined)) and event.view > view
        ],
        default=1 << 40,
    )


def _judgeFrames(world: World, process: SimulatedPeer, history: dict[int, Confirmed]) -> None:
    frames = _validFrames(world, process)
    for frame in frames:
        if frame in history and process.confirmed[frame] != history[frame]:
            raise WorldFailed(
                _difference(process, frame, process.confirmed[frame], history[frame])
            )
    restored = [event.frame for _, event in process.told if isinstance(event, Restored)]
    first = restored[-1] if restored else 0
    newest = [frame for frame in sorted(process.confirmed) if frame >= first]
    if newest != list(range(first, first + len(newest))):
        raise WorldFailed(f"peer {process.peer} did not confirm every frame from {first} on")


def _judgeEvents(process: SimulatedPeer) -> None:
    for now, event in process.told:
        if isinstance(event, _NEVER):
            raise WorldFailed(f"peer {process.peer} told of {event} at {now:.2f} s")
    if process.refused:
        now, sender, reason = process.refused[0]
        raise WorldFailed(
            f"peer {process.peer} refused a packet of peer {sender} at {now:.2f} s: {reason}"
            f" (and {len(process.refused) - 1} more)"
        )


def _judgeStatistics(process: SimulatedPeer) -> None:
    statistics = process.session.statistics
    wrong = (
        (statistics.rollbacks == 0) != (statistics.frames_resimulated == 0)
        or statistics.deepest_rollback > statistics.frames_resimulated
        or statistics.packets_refused != len(process.refused)
        or statistics.desynchronizations
        or statistics.inconsistent_inputs
        or (not process.restored and statistics.frames_played != process.session.current_frame)
        or statistics.stalled_seconds < 0
    )
    if wrong:
        raise WorldFailed(f"peer {process.peer} counted {statistics}")


def _judgeInputs(world: World, history: dict[int, Confirmed]) -> None:
    """What was pressed is what was played; who is absent does what the match has chosen."""
    policy = next(iter(world.plan.settings.values())).leaver_policy
    default = next(iter(world.plan.settings.values())).default_input
    for frame in sorted(history):
        inputs, _, absent = history[frame]
        for process in world.everybody:
            for player, given in process.given.items():
                wrong = player not in absent and inputs[player - 1] != given.get(
                    frame, inputs[player - 1]
                )
                if wrong and process in world.mesh.peers.values() and not process.restored:
                    raise WorldFailed(
                        f"player {player} pressed {given[frame]!r} in frame {frame},"
                        f" {inputs[player - 1]!r} was played"
                    )
        for player in absent:
            if policy is LeaverPolicy.FREEZE:
                before = history.get(frame - 1)
                wanted = None if before is None else before[0][player - 1]
            elif policy is LeaverPolicy.DEFAULT_INPUT:
                wanted = default
            else:
                wanted = b""
            if wanted is not None and inputs[player - 1] != wanted:
                raise WorldFailed(
                    f"absent player {player} pressed {inputs[player - 1]!r} in frame {frame},"
                    f" not {wanted!r} ({policy.value})"
                )


def _judgeDrops(world: World, outcomes: list[Outcome]) -> None:
    """Exactly those were dropped whom the faults take out, and everybody says the same."""
    told: dict[tuple[int, int], tuple[bool, int]] = {}
    for process in world.everybody:
        for _, event in process.told:
            if isinstance(event, (PlayerDropped, PlayerJoined)):
                change = isinstance(event, PlayerJoined), event.frame
                if told.setdefault((event.view, event.player), change) != change:
                    raise WorldFailed(f"peer {process.peer} says {event}, another {change}")
    plan = world.plan
    seated = {
        player: local[0] not in plan.joiners for local in plan.seating for player in local
    }
    dropped = []
    for (_, player), (taken, _) in sorted(told.items()):
        if seated[player] and not taken:
            dropped.append(player)
        seated[player] = taken
    wanted = [
        sorted(player for peer in peers for player in plan.settings[peer].local_players)
        for peers in _combinations(outcomes)
    ]
    if sorted(dropped) not in wanted:
        raise WorldFailed(f"players {sorted(dropped)} were dropped, not one of {wanted}")


def _combinations(outcomes: list[Outcome]) -> list[tuple[int, ...]]:
    """Return who may have been dropped by all faults together."""
    chosen: list[tuple[int, ...]] = [()]
    for outcome in outcomes:
        chosen = [(*before, *out) for before in chosen for _, out in outcome.choices]
    return chosen


def _judgeStandstill(process: SimulatedPeer) -> None:
    """Who does not play stands still within its window."""
    session = process.session
    if session.state is SessionState.ISOLATED:
        ahead = session.current_frame - session.confirmed_frame - 1
        if ahead > max(1, process.settings.prediction_window):
            raise WorldFailed(f"peer {process.peer} is isolated and {ahead} frames ahead")
