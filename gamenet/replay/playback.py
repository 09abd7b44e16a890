"""
A replay, played by a game: forward, back, to anywhere, or all of it to verify it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from gamenet.errors import GamenetError, LocalProtocolError, MomentFailed
from gamenet.interfaces import ISeededSimulation, ISimulation
from gamenet.replay.replay import Replay
from gamenet.replay.session import Divergence, ReplaySession
from gamenet.rollback.steps import Load, Restore, Save, Step
from gamenet.rollback.timeline import Timeline

__all__ = ["OtherRules", "Playback"]


class OtherRules(GamenetError):
    """
    A replay was recorded under other rules than this game's.

    @ivar recorded: Their digest.
    @ivar ours: This game's.
    """

    def __init__(self, recorded: bytes, ours: bytes) -> None:
        super().__init__(f"a replay of rules {recorded.hex()}, not {ours.hex()}")
        self.recorded = recorded
        self.ours = ours


@attrs.define(init=False)
class Playback:
    """
    A game that plays a replay.  It is asked for all that it was in the match: told of
    empty seats if it is a L{gamenet.interfaces.ISeatedSimulation}, asked for bots'
    inputs if the match had bots, for its own checksums if it makes some.

    @ivar session: The L{ReplaySession} whose steps are applied.
    @ivar _timeline: What applies them.
    @ivar _snapshots: The kept snapshots by number.
    """

    session: ReplaySession
    _timeline: Timeline
    _snapshots: dict[int, bytes]

    def __init__(
        self,
        replay: Replay,
        simulation: ISimulation,
        digest: bytes | None = None,
        snapshot_interval: int = 300,
        snapshots_limit: int = 64,
    ) -> None:
        """
        @param replay: What to play.
        @param simulation: The game, in its first state; a
            L{gamenet.interfaces.ISeededSimulation} is begun with the replay's seed.
        @param digest: What the replay's digest must be; C{None} plays any.
        @param snapshot_interval: How many frames lie between two kept snapshots.
        @param snapshots_limit: How many are kept at the most.
        @raise OtherRules: The digest is another.
        @raise gamenet.errors.BadSetting: A number is out of bounds, or the match had
            bots and the simulation is no L{gamenet.interfaces.IBotSimulation}.
        @raise MomentFailed: The simulation's C{begin} raised.
        """
        if digest is not None and digest != replay.header.digest:
            raise OtherRules(replay.header.digest, digest)
        self.session = ReplaySession(replay, snapshot_interval, snapshots_limit)
        self._timeline = Timeline(simulation, self.session)
        self._snapshots = {}
        if ISeededSimulation.providedBy(simulation):
            try:
                simulation.begin(replay.header.seed)
            except Exception as error:
                raise MomentFailed("begin") from error

    @property
    def failed(self) -> bool:
        """Whether the simulation raised; then nothing more is played."""
        return self._timeline.failed

    @property
    def frame(self) -> int:
        """The frame that is played next."""
        return self.session.current_frame

    @property
    def finished(self) -> bool:
        """Whether every frame was played."""
        return self.session.finished

    @property
    def divergence(self) -> Divergence | None:
        """The first difference that was found to the recorded states, by frame."""
        return self.session.divergence

    @property
    def verified(self) -> int:
        """How many recorded checksums were compared, of C{replay.checksums}."""
        return self.session.verified

    def advance(self) -> bool:
        """
        Play the next frame.

        @return: Whether there was one.
        @raise MomentFailed: The simulation raised, or returned something else than it
            should.
        @raise gamenet.errors.GamenetError: The simulation does not understand a state
            that the replay says was taken over.
        @raise LocalProtocolError: The simulation has failed before.
        """
        steps = self.session.advance()
        self._apply((steps,))
        return bool(steps)

    def seek(self, frame: int) -> None:
        """
        Go to the state before a frame; it is the same as after playing straight there.

        @param frame: The frame to be played next: one that the replay has, or one more.
        @raise MomentFailed: As L{advance} does.
        @raise LocalProtocolError: There is no such frame, or the simulation has failed
            before.
        """
        self._apply(self._eachOf(self.session.seek(frame)))

    def verify(self) -> Divergence | None:
        """
        Play all of it that was not played yet, and return the first difference, or
        C{None} if all states are those that were recorded.  L{verified} says how many
        were compared: only those can be of which there are checksums.

        @raise MomentFailed: As L{advance} does.
        """
        self._apply(self._eachOf(self.session.playRest()))
        return self.divergence

    def _eachOf(self, steps: Iterable[Step]) -> Iterator[tuple[Step]]:
        """Give the steps one by one, with the states that they load."""
        for step in steps:
            if type(step) is Load:
                yield (Restore(step.frame, self._snapshots[step.frame]),)
            else:
                yield (step,)

    def _apply(self, batches: Iterable[tuple[Step, ...]]) -> None:
        """Do what the session asks for."""
        timeline = self._timeline
        if timeline.failed:
            raise LocalProtocolError("the simulation has failed")
        for steps in batches:
            timeline.apply(steps)
            for step in steps:
                if type(step) is Save:
                    self._keep(step.frame)

    def _keep(self, number: int) -> None:
        """Keep a snapshot if it is wanted, and forget those that are not."""
        snapshots, kept = self._snapshots, self.session.kept
        if number in kept and number not in snapshots:
            snapshots[number] = self._timeline.snapshot(number)
            if len(snapshots) > len(kept):
                self._snapshots = {each: snapshots[each] for each in kept}
