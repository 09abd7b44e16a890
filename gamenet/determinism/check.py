"""
Is a game deterministic?  For a game author's own tests::

    checkDeterminism(Tag, randomInputs(2, [b"", b"left", b"right"])).assertDeterministic()

plays the game while going back a few frames at every tick, and names every frame
that led to another state when it was played again, and what differed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from gamenet.bounds import wholeNumber
from gamenet.determinism.report import Mismatch, MismatchKind, NotDeterministic, Report
from gamenet.determinism.session import DeterminismCheckSession, DeterminismCheckSettings
from gamenet.errors import BadSetting, LocalProtocolError, MomentFailed
from gamenet.interfaces import ISeededSimulation, ISimulation
from gamenet.rollback.saved_states import ownerOfSnapshots
from gamenet.rollback.state_difference import INamedParts, SavedState
from gamenet.rollback.state_dump import packedSnapshot
from gamenet.rollback.steps import Advance, Save, Step
from gamenet.seeded_random import SeededRandom
from gamenet.wire.input_frames import FRAMES_LIMIT

__all__ = [
    "CheckedTimeline",
    "DeterminismCheckSession",
    "DeterminismCheckSettings",
    "Mismatch",
    "MismatchKind",
    "NotDeterministic",
    "Report",
    "checkDeterminism",
    "randomInputs",
]


@attrs.define(init=False)
class CheckedTimeline:
    """
    Applies a determinism check's steps to a simulation, and hands the states back.

    @ivar failed: Whether something was raised while steps were applied; then nothing
        more is.
    @ivar simulated: How often a frame was played.
    @ivar _owned: The snapshots that may be loaded, by number, if they are objects of the
        simulation's own; else C{None}.
    """

    failed: bool
    simulated: int
    _simulation: ISimulation
    _session: DeterminismCheckSession
    _parts: Callable[[], Mapping[str, bytes]] | None
    _owned: dict[int, Any] | None

    def __init__(self, simulation: ISimulation, session: DeterminismCheckSession) -> None:
        """
        @param simulation: The game in its first state.  If it provides
            L{INamedParts}, its parts are compared too.
        @param session: Whose steps are applied.
        @raise BadSetting: Its snapshots are its own, and it has no checksum of its own.
        """
        self.failed = False
        self.simulated = 0
        self._simulation = simulation
        self._session = session
        self._parts = _partsOf(simulation)
        self._owned = None if ownerOfSnapshots(simulation) is None else {}

    def apply(self, steps: Iterable[Step]) -> None:
        """
        Do what the session asks for, and tell it the states.

        @param steps: What L{DeterminismCheckSession.advance} or C{finish} returned,
            all of it.
        @raise MomentFailed: The simulation raised, or C{save} or C{parts} returned
            something else than they should (the cause is a C{TypeError} then).
        @raise LocalProtocolError: The simulation has failed before, or these are not
            the session's last steps.
        """
        if self.failed:
            raise LocalProtocolError("the simulation has failed")
        simulation, session = self._simulation, self._session
        parts, owned = self._parts, self._owned
        advance = simulation.advance
        states: list[SavedState] = []
        simulated = 0
        step: Step | None = None
        self.failed = blamed = True
        try:
            for step in steps:
                if isinstance(step, Advance):
                    advance(step.inputs)
                    simulated += 1
                elif isinstance(step, Save):
                    states.append(_take(simulation, parts, step.frame, owned))
                else:
                    blamed = False
                    snapshot = session.snapshot(step.frame)
                    blamed = True
                    simulation.load(snapshot if owned is None else owned[step.frame])
        except Exception as error:
            if step is None or not blamed or isinstance(step, Save):
                raise
            raise MomentFailed(type(step).__name__.lower(), step.frame) from error
        finally:
            self.simulated += simulated
        if len(states) < session.statesWanted:
            states.append(_take(simulation, parts, session.current_frame, owned))
        session.statesTaken(states)
        if owned is not None:
            first = session.current_frame - session.settings.check_distance
            self._owned = {number: owned[number] for number in owned if number >= first}
        self.failed = False

    def takeState(self) -> SavedState:
        """
        Return the present state.

        @raise MomentFailed: As L{apply} does.
        """
        number = self._session.current_frame
        return _take(self._simulation, self._parts, number, self._owned)


def checkDeterminism(
    makeSimulation: Callable[[], ISimulation],
    inputs: Callable[[int], Sequence[bytes]] | Sequence[Sequence[bytes]],
    frames: int = 600,
    check_distance: int = 7,
    input_delay: int = 0,
    seed: int = 0,
    second_run: bool = True,
    mismatches_limit: int = 10_000,
) -> Report:
    """
    Play a game while going back at every tick, and beside it a second one that
    never goes back, and compare all states.  Where snapshots are the game's own
    (L{gamenet.interfaces.IOwnsSnapshots}), the second one loads each state of the first
    as it would come to another player: encoded and decoded.

    What the game raises is in the report too.

    @param makeSimulation: Returns a new simulation in its first state, for example
        its class.
    @param inputs: All players' inputs of a frame, given its number; or those of all
        frames in order.  How many of frame 0 there are is the number of players.
    @param frames: How many frames to play, from 1 on.
    @param check_distance: How many frames to go back at each tick, at most
        L{gamenet.rollback.settings.WINDOW_LIMIT}.  At 0 only the second simulation
        is compared.
    @param input_delay: How many frames later the inputs take effect.
    @param seed: What a L{gamenet.interfaces.ISeededSimulation} begins with.
    @param second_run: Whether the second simulation plays too.  It finds what is
        the same within one object and not between two, for example an order by
        address.
    @param mismatches_limit: The check ends when so many frames differ.
    @return: What was found.
    @raise BadSetting: A number is out of bounds, there are too few inputs, or the
        game's snapshots are its own and it has no checksum of its own.
    """
    if not callable(inputs):
        if len(inputs) < frames:
            raise BadSetting(f"{len(inputs)} frames of inputs, not {frames}")
        inputs = inputs.__getitem__
    settings = DeterminismCheckSettings(
        check_distance=check_distance, input_delay=input_delay, mismatches_limit=mismatches_limit
    )
    run = _Run(frames, settings, inputs, makeSimulation, seed, second_run)
    failure = None
    try:
        run.play()
    except MomentFailed as error:
        failure = error
    session = run.session
    played = session.current_frame
    cut_short = session.full and played < frames
    return Report(played, check_distance, run.simulated, session.mismatches, failure, cut_short)


def randomInputs(
    players: int, choices: Sequence[bytes], seed: int = 0, held: int = 4
) -> Callable[[int], tuple[bytes, ...]]:
    """
    Return inputs for L{checkDeterminism}, the same ones for the same arguments.

    @param players: How many play.
    @param choices: What each of them may press.
    @param seed: 0 to 2**64 - 1.
    @param held: For how many frames something is pressed on average; 1 changes every
        frame.
    @return: Gives all players' inputs of a frame, given its number; to be called for
        each frame in order.
    @raise BadSetting: C{held} is less than 1.
    """
    if held < 1:
        raise BadSetting(f"held must be 1 or more frames, not {held}")
    random = SeededRandom.fromLabel(seed, "determinism check")
    pressed = [random.choice(choices) for _ in range(players)]

    def inputsOf(frame: int) -> tuple[bytes, ...]:
        for player in range(players):
            if not random.below(held):
                pressed[player] = random.choice(choices)
        return tuple(pressed)

    return inputsOf


@attrs.define
class _Run:
    """
    One check on its way; the arguments are those of L{checkDeterminism}.
    """

    frames: int = attrs.field(validator=wholeNumber(1, FRAMES_LIMIT))
    settings: DeterminismCheckSettings
    inputs: Callable[[int], Sequence[bytes]]
    makeSimulation: Callable[[], ISimulation]
    seed: int
    second_run: bool
    session: DeterminismCheckSession = attrs.field(init=False)
    timeline: CheckedTimeline | None = attrs.field(init=False, default=None)
    second_frames: int = attrs.field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self.session = DeterminismCheckSession(self.settings)

    @property
    def simulated(self) -> int:
        """How often a frame was played."""
        return self.second_frames + (0 if self.timeline is None else self.timeline.simulated)

    def play(self) -> None:
        """Play; what the game's author supplies and raises is a L{MomentFailed}."""
        texts = self.inputsOf(0)
        session = self.session = DeterminismCheckSession(
            attrs.evolve(self.settings, players=len(texts))
        )
        simulation = self.newSimulation()
        timeline = self.timeline = CheckedTimeline(simulation, session)
        second = self.newSimulation() if self.second_run else None
        equal = second is None or self.isSecondEqual(-1, second, True)
        for frame in range(self.frames):
            try:
                steps = session.advance(texts)
            except LocalProtocolError as error:
                raise MomentFailed("inputs", frame) from error
            timeline.apply(steps)
            if second is not None:
                last = steps[-1]
                assert isinstance(last, Advance)
                try:
                    second.advance(last.inputs)
                except Exception as error:
                    raise MomentFailed("advance", frame) from error
                self.second_frames += 1
                equal = self.isSecondEqual(frame, second, equal)
            if session.full:
                return
            if frame + 1 < self.frames:
                texts = self.inputsOf(frame + 1)
        timeline.apply(session.finish())

    def isSecondEqual(self, frame: int, second: ISimulation, origin: bool) -> bool:
        """
        Compare the second simulation's state, and make it the same if it differs,
        so that the next difference shows where it begins.
        """
        assert self.timeline is not None
        number = frame + 1
        first = self.session.newest or self.timeline.takeState()
        parts, owner = _partsOf(second), ownerOfSnapshots(second)
        owned: dict[int, Any] | None = None if owner is None else {}
        later = _take(second, parts, number, owned)
        equal = first == later
        if not equal:
            self.session.noteSecondRun(frame, first, later, origin)
        if equal and owner is None:
            return True
        moment = "load" if owner is None else "decodeSnapshot"
        try:
            snapshot = first.snapshot if owner is None else owner.decodeSnapshot(first.snapshot)
            moment = "load"
            second.load(snapshot)
        except Exception as error:
            raise MomentFailed(moment, number) from error
        loaded = _take(second, parts, number, owned)
        if equal and loaded != first:
            self.session.noteSecondRun(frame, first, loaded, True)
        return loaded == first

    def inputsOf(self, frame: int) -> Sequence[bytes]:
        """Return the author's inputs of one frame."""
        try:
            texts = tuple(self.inputs(frame))
            attrs.evolve(self.settings, players=len(texts))
        except Exception as error:
            raise MomentFailed("inputs", frame) from error
        return texts

    def newSimulation(self) -> ISimulation:
        """Return a simulation before frame 0."""
        moment = "makeSimulation"
        try:
            simulation = self.makeSimulation()
            moment = "begin"
            if ISeededSimulation.providedBy(simulation):
                simulation.begin(self.seed)
        except Exception as error:
            raise MomentFailed(moment) from error
        return simulation


def _partsOf(simulation: ISimulation) -> Callable[[], Mapping[str, bytes]] | None:
    """Return how a simulation gives its parts, if it does."""
    return simulation.parts if INamedParts.providedBy(simulation) else None


def _take(
    simulation: ISimulation,
    parts: Callable[[], Mapping[str, bytes]] | None,
    number: int,
    owned: dict[int, Any] | None,
) -> SavedState:
    """
    Return a simulation's present state.

    @param number: The snapshot's number, for the error.
    @param owned: Where a snapshot is put that is an object of the simulation's own.
    @raise MomentFailed: The simulation raised, or did not return what it should.
    """
    moment = "save"
    try:
        snapshot: Any = simulation.save()
        if owned is not None:
            if snapshot is None:
                raise TypeError("save returned None, which is no snapshot")
            owned[number] = snapshot
            moment = "encodeSnapshot"
            snapshot = packedSnapshot(simulation, snapshot)  # type: ignore[arg-type]
        elif not isinstance(snapshot, bytes):
            raise TypeError(f"save returned {type(snapshot).__name__}, not bytes")
        if parts is None:
            return SavedState(snapshot)
        moment = "parts"
        named = dict(parts())
        for name, part in named.items():
            if not isinstance(name, str) or not isinstance(part, bytes):
                raise TypeError(f"parts returned {type(name).__name__}: {type(part).__name__}")
    except Exception as error:
        raise MomentFailed(moment, number) from error
    return SavedState(snapshot, named)
