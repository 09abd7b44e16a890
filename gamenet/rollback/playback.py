"""
A replay, played by a game: forward, back, to anywhere, or all of it to verify it.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import attrs

from gamenet.errors import GamenetError, LocalProtocolError, MomentFailed
from gamenet.interfaces import ISeededSimulation, ISimulation
from gamenet.rollback.replay import Divergence, Replay, ReplaySession
from gamenet.rollback.steps import Advance, Load, Save, Step

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
    A game that plays a replay.

    @ivar session: The L{ReplaySession} whose steps are applied.
    @ivar failed: Whether the simulation raised; then nothing more is played.
    @ivar _snapshots: The kept snapshots by number.
    """

    session: ReplaySession
    failed: bool
    _simulation: ISimulation
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
        @raise gamenet.errors.BadSetting: A number is out of bounds.
        @raise MomentFailed: The simulation's C{begin} raised.
        """
        if digest is not None and digest != replay.header.digest:
            raise OtherRules(replay.header.digest, digest)
        self.session = ReplaySession(replay, snapshot_interval, snapshots_limit)
        self.failed = False
        self._simulation = simulation
        self._snapshots = {}
        if ISeededSimulation.providedBy(simulation):
            try:
                simulation.begin(replay.header.seed)
            except Exception as error:
                raise MomentFailed("begin") from error

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

    def advance(self) -> bool:
        """
        Play the next frame.

        @return: Whether there was one.
        @raise MomentFailed: The simulation raised, or its C{save} returned something
            else than bytes.
        @raise LocalProtocolError: The simulation has failed before.
        """
        steps = self.session.advance()
        self._apply(steps)
        return bool(steps)

    def seek(self, frame: int) -> None:
        """
        Go to the state before a frame; it is the same as after playing straight there.

        @param frame: The frame to be played next, 0 to the replay's count of frames.
        @raise MomentFailed: As L{advance} does.
        @raise LocalProtocolError: There is no such frame, or the simulation has failed
            before.
        """
        self._apply(self.session.seek(frame))

    def verify(self) -> Divergence | None:
        """
        Play all of it that was not played yet, and return the first difference, or
        C{None} if all states are those that were recorded.

        @raise MomentFailed: As L{advance} does.
        """
        self.seek(self.session.replay.frames)
        return self.divergence

    def _apply(self, steps: Iterable[Step]) -> None:
        """Do what the session asks for."""
        if self.failed:
            raise LocalProtocolError("the simulation has failed")
        for step in steps:
            try:
                self._do(step)
            except Exception as error:
                self.failed = True
                raise MomentFailed(type(step).__name__.lower(), step.frame) from error

    def _do(self, step: Step) -> None:
        """Do one step."""
        if isinstance(step, Advance):
            self._simulation.advance(step.inputs)
        elif isinstance(step, Load):
            self._simulation.load(self._snapshots[step.frame])
        elif isinstance(step, Save):
            self._save(step)
        else:
            raise LocalProtocolError("a replay has nothing to restore")

    def _save(self, step: Save) -> None:
        """Take a snapshot, keep it if it is wanted, and forget those that are not."""
        snapshot = self._simulation.save()
        if not isinstance(snapshot, bytes):
            raise TypeError(f"save returned {type(snapshot).__name__}, not bytes")
        if self.session.stateTaken(step.frame, crc32(snapshot)):
            snapshots = self._snapshots
            snapshots[step.frame] = snapshot
            kept = self.session.kept
            if len(snapshots) > len(kept):
                self._snapshots = {number: snapshots[number] for number in kept}
