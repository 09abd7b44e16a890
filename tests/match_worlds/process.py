"""
One process of a player, from its start to its death: what it does by itself, and what it
is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from gamenet.errors import GamenetError, LobbyLost, NoPath, PeerLost, RequestRefused
from gamenet.match import MatchResult, PeerProtocol, Player, Session, connect, rejoin
from gamenet.match.match import Match
from gamenet.match.returning import ReturnedSession
from gamenet.match.shared_match import SharedMatch
from gamenet.match.shared_session import SharedSession
from gamenet.match.start import NotLoaded, StartCalledOff
from gamenet.wire.log_commands import Command
from gamenet.wire.log_events import Event, ParticipantLeft
from gamenet.world.machine import WorldMachine
from tests.scenes import LOBBY, HashGame

if TYPE_CHECKING:
    from tests.match_worlds.world import World

__all__ = ["Person", "Process", "Submission", "Witness"]

#: How often somebody tries anew whose match did not begin, or who found no seat.
TRIES = 40

#: Errors that say that a match did not begin.
_NOT_BEGUN = (NoPath, StartCalledOff, NotLoaded, PeerLost)

Row = tuple[tuple[bytes, ...], Any]


@attrs.define(eq=False)
class Submission:
    """
    A command, and what it came to.

    @ivar at: When it was submitted, in seconds of the world.
    @ivar answers: Events, C{None} for events that only a new state tells of, and errors.
    """

    process: Process
    command: Command
    at: float
    answers: list[object] = attrs.field(factory=list)


class Witness(PeerProtocol):
    """
    Plays, and writes down everything that the process is told.

    @ivar parts: What was confirmed, by frame; a new part whenever a state was taken over.
    @ivar events: Events, in the order they were applied.
    @ivar drops: Who was dropped, and from which frame on.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.script = blake2b(process.person.name.encode()).digest()
        self.parts: list[dict[int, Row]] = [{}]
        self.events: list[Event] = []
        self.dropped_events: list[Event] = []
        self.desyncs: list[tuple[int, ...]] = []
        self.disagreements: list[tuple[int, int]] = []
        self.seats: list[int] = []
        self.drops: list[tuple[int, int]] = []
        self.begun = False

    @property
    def newest(self) -> int:
        """The newest frame that was confirmed, -1 for none."""
        return max(self.parts[-1], default=-1)

    def note(self, what: str, *values: object) -> None:
        """Count something, and say it where it is wanted."""
        self.process.note(what, *values)

    def matchStarted(self, match: Any) -> None:
        """Play begins."""
        super().matchStarted(match)
        self.begun = True
        self.note("match started")

    def countdown(self, seconds: int) -> None:
        """Count it."""
        self.note("countdown")

    def localInput(self, player: int, frame: int) -> bytes:
        """Press another key every 5 frames."""
        return self.script[frame // 5 % 64 :][:1]

    def frameConfirmed(self, frame: int, inputs: Sequence[bytes], checksum: Any) -> None:
        """Write the frame down."""
        part = self.parts[-1]
        if part and frame != max(part) + 1:
            part = {}
            self.parts.append(part)
        part[frame] = (tuple(inputs), checksum)

    def desynchronized(self, frame: int, local: int, remote: int, player: int) -> None:
        """Write it down."""
        self.desyncs.append((frame, local, remote, player))

    def playerDropped(self, player: int, frame: int) -> None:
        """Write it down."""
        self.drops.append((player, frame))
        self.note("player dropped", player, frame)

    def playerJoined(self, player: int, frame: int) -> None:
        """Count it."""
        self.note("player joined", player, frame)

    def dropped(self, frame: int) -> None:
        """Write it down."""
        self.drops.append((self.process.number, frame))
        self.note("dropped by the others", frame)

    def isolated(self, missing: Sequence[int]) -> None:
        """Count it."""
        self.note("isolated", tuple(missing))

    def reunited(self) -> None:
        """Count it."""
        self.note("reunited")

    def seatTaken(self, frame: int) -> None:
        """Write it down."""
        self.seats.append(frame)
        self.note("seat taken", frame)

    def seatRefused(self, reason: str) -> None:
        """Count it."""
        self.note("seat refused", reason)

    def stateTakenOver(self, frame: int, peer: int) -> None:
        """Count it."""
        self.note("state taken over", frame, peer)

    def pathChanged(self, player: int, kind: str, address: object) -> None:
        """Count it."""
        self.note(f"path {kind}", player)

    def synced(self, state: Any) -> None:
        """Count it."""
        self.note("synced", state.sequence)

    def eventApplied(self, event: Any) -> None:
        """Write it down."""
        self.events.append(event)
        self.process.world.ledger.applied(self.process, event)
        self.note(type(event.body).__name__, event.sequence, event.epoch, event.body)
        if isinstance(event.body, ParticipantLeft):
            self.note(event.body.reason.name)

    def eventDropped(self, event: Any) -> None:
        """Write it down."""
        self.dropped_events.append(event)
        self.note("event dropped", event.sequence, event.epoch)

    def hostChanged(self, player: int, epoch: int) -> None:
        """Count it."""
        self.note("host changed", player, epoch)

    def statesDisagree(self, sequence: int, player: int) -> None:
        """Write it down."""
        self.disagreements.append((sequence, player))
        self.note("STATES DISAGREE", sequence, player)


@attrs.define(eq=False)
class Person:
    """
    Somebody who plays, in one process after another.

    @ivar name: Its name.
    @ivar home: What its machine is plugged into the Internet by, a router or itself.
    @ivar relay_only: Whether it hides its address.
    @ivar process: The newest.
    """

    name: str
    home: str
    address: str
    behind: str | None
    clock_offset: float
    drift: float
    relay_only: bool
    process: Process | None = None


class Process:
    """
    A process.

    @ivar born: When it was started, in seconds of the world.
    @ivar died: When it died, C{None} while it lives.
    @ivar failure: Why it takes part no more, C{None} for no reason.
    @ivar excused: Why it may fail; C{""} where it must not.
    @ivar leaving: Whether it was told to leave.
    @ivar moved: Whether its address has changed, or its router has forgotten it; its
        stream to the lobby is dead then.
    """

    def __init__(self, world: World, person: Person, machine: WorldMachine) -> None:
        self.world = world
        self.person = person
        self.machine = machine
        self.born = world.network.clock.seconds()
        self.died: float | None = None
        self.player: Player | None = None
        self.session: Session | None = None
        self.returned: ReturnedSession | None = None
        self.sharing: SharedMatch | None = None
        self.result: MatchResult | None = None
        self.failure: BaseException | None = None
        self.excused = ""
        self.leaving = self.moved = False
        self.ended = False
        self._shared: SharedSession | None = None
        self.witness = Witness(self)
        self.witnesses = [self.witness]

    def __repr__(self) -> str:
        return f"<{self.person.name}, player {self.number}, since {self.born:.2f}>"

    @property
    def alive(self) -> bool:
        """Whether it lives and takes part, or tries to."""
        return self.died is None and not self.ended and not self.leaving

    @property
    def match(self) -> Match | SharedMatch | None:
        """The match, where there is one."""
        if self.returned is not None:
            return self.returned.match
        return None if self.session is None else self.session.match

    @property
    def shared(self) -> SharedSession | None:
        """The session as it knows it, or knew it last."""
        match = self.match
        if match is not None:
            self._shared = match.shared
        return self._shared

    @property
    def number(self) -> int:
        """Its player number, 0 for none; its last one when all is over."""
        return 0 if self.shared is None else self.shared.player

    @property
    def known(self) -> bool:
        """Whether it knows the session."""
        shared = self.shared
        return shared is not None and shared.state is not None and not shared.closed

    def note(self, what: str, *values: object) -> None:
        """Count something, and say it where it is wanted."""
        self.world.counters[what] += 1
        self.world.say(f"{self.person.name}({self.number}): {what} {values or ''}")

    def start(self, secret: bytes | None = None) -> None:
        """Begin to live."""
        living = self._return(secret) if secret is not None else self._live()
        Deferred.fromCoroutine(living).addCallbacks(self._finished, self._failed)

    def stop(self) -> None:
        """Lose power."""
        self.died = self.world.network.clock.seconds()
        self.machine.stop()

    def leave(self) -> None:
        """Leave the match, and the session."""
        self.leaving = True
        owner = self.returned or self.session
        if owner is not None:
            owner.leave().addErrback(lambda failure: None)

    def close(self) -> None:
        """End everything."""
        if self.died is not None:
            return
        if self.returned is not None:
            self.returned.leave()
        if self.player is not None:
            self.player.close()

    def submit(self, command: Command) -> Submission | None:
        """Have something done, where the session is known."""
        shared = self.shared
        if not self.known or shared is None:
            return None
        submission = Submission(self, command, self.world.network.clock.seconds())
        self.world.ledger.submissions.append(submission)
        self.note("command", command)
        answer = shared.submit(command)
        answered = self.world.ledger.answered
        answer.addCallbacks(
            lambda event: answered(submission, event),
            lambda failure: answered(submission, failure.value),
        )
        return submission

    async def _live(self) -> None:
        world = self.world
        self.player = await connect(
            self.machine,
            LOBBY,
            self.person.name,
            insecure=True,
            relay_only=self.person.relay_only,
        )
        if not world.session_id:
            self.session = await self.player.createSession(
                "a world", capacity=world.capacity, minimum=world.minimum
            )
            world.session_id = self.session.session_id
        else:
            self.session = await self._joined(self.player)
        if world.shares:
            self.sharing = await self.session.share(self.witness, world.session_settings)
            await self.sharing.whenOver()
        else:
            await self._played(self.session)

    async def _return(self, secret: bytes) -> None:
        self.returned = await rejoin(self.machine, secret)
        if self.world.shares:
            self.sharing = await self.returned.share(self.witness, self.world.session_settings)
            await self.sharing.whenOver()
            return
        self.result = await self.returned.play(
            HashGame(self.world.capacity), self.witness, self.world.settings
        )

    async def _joined(self, player: Player) -> Session:
        """Find a seat; one that is kept for somebody else becomes free in the end."""
        for _ in range(TRIES):
            try:
                return await player.joinSession(self.world.session_id)
            except RequestRefused as error:
                self.note("seat not free", error.code)
                await deferLater(self.machine.clock, 0.5)  # type: ignore[arg-type]
        raise AssertionError("there was no seat")

    async def _played(self, session: Session) -> None:
        """Play; whose match does not begin plays another."""
        for _ in range(TRIES):
            try:
                self.result = await session.play(
                    HashGame(self.world.capacity), self.witness, self.world.settings
                )
                return
            except _NOT_BEGUN as error:
                if self.witness.newest >= 0 or session.ended is not None:
                    raise
                self.note("start called off", type(error).__name__, str(error))
                self.witness = Witness(self)
                self.witnesses.append(self.witness)
                await deferLater(self.machine.clock, 0.2)  # type: ignore[arg-type]
        raise AssertionError("no match began")

    def _finished(self, result: object) -> None:
        self.ended = True
        self.note("ended", getattr(self.result, "outcome", None))

    def _failed(self, failure: Failure) -> None:
        self.ended = True
        self.failure = failure.value
        self.note("failed", type(failure.value).__name__, str(failure.value))
        if not failure.check(GamenetError, LobbyLost):
            self.world.errors.append(failure.getTraceback())
