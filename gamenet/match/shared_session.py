"""
What the members of a match know together, driven: the log's replica
(L{gamenet.event_log.replica}) on the links of a mesh, told the time and its messages, and
the game told its moments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from gamenet.errors import (
    CommandRefused,
    GamenetError,
    LocalProtocolError,
    MomentFailed,
    RemoteProtocolError,
    SendFailed,
)
from gamenet.event_log import outcomes
from gamenet.event_log.outcomes import Outcome
from gamenet.event_log.replica import Replica
from gamenet.event_log.shared_state import SharedState
from gamenet.event_log.standing import Statistics
from gamenet.interfaces import ISessionProtocol
from gamenet.machine.alarm import Alarm
from gamenet.match.session_moments import SessionMoments
from gamenet.match.session_steps import SessionStep
from gamenet.wire.log_commands import COMMANDS, Command
from gamenet.wire.log_events import Event
from gamenet.wire.log_messages import (
    CommandSent,
    EventsWanted,
    SnapshotSent,
    decodeLogMessage,
    encodeLogMessage,
)
from gamenet.wire.log_values import Epoch, RefusalCode
from gamenet.wire.peer_packets import BODY_LIMIT, LogBody

__all__ = ["LOG_STREAM", "ROUNDS", "Carriage", "CommandRefused", "SharedSession"]

#: The reliable stream that the log has on each link.
LOG_STREAM = 0

#: How often one turn goes round for what the game asks for in its moments; then the
#: reactor has its turn.
ROUNDS = 16

#: Least seconds between two turns that nothing asks for.
LEAST_PAUSE = 0.005

#: The first two bytes of a message: an array, and its number.
_HEAD = 2

Answer: TypeAlias = Deferred[Event | None]


@attrs.frozen
class Carriage:
    """
    How messages get to the others.

    @ivar message: Called with a player, a stream and a message that must arrive; raises
        L{GamenetError} where it cannot be taken.
    @ivar packet: Called with a player and a packet that may get lost.
    """

    message: Callable[[int, int, bytes], object]
    packet: Callable[[int, LogBody], object]


class SharedSession:
    """
    One process's part in a shared session.  Owned by a
    L{gamenet.match.participation.Participation}; games find it as C{match.shared}.

    @ivar player: Our player number.
    @ivar closed: Whether it is over for us; what was known last stays to be read.
    @ivar send_failures: How many messages a link did not take; they are sent again, or
        asked for.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        player: int,
        replica: Replica,
        carriage: Carriage,
        protocol: ISessionProtocol,
        told: Callable[[Outcome], object],
        failed: Callable[[GamenetError], object],
    ) -> None:
        """
        @param player: Our player number.
        @param replica: What decides.
        @param carriage: How messages leave.
        @param protocol: Whose moments are called.
        @param told: Called with each outcome of the replica, before the moment.
        @param failed: Called when a moment raised, or nothing can go on; the session is
            closed then.
        """
        self.player = player
        self.closed = False
        self.send_failures = 0
        self._clock = clock
        self._replica = replica
        self._carriage = carriage
        self._told = told
        self._failed = failed
        self._alarm = Alarm(clock, self._turn)
        self._moments = SessionMoments(clock, player, protocol)
        self._rejected = 0
        self._known: dict[int, None] = {}
        self._paths: dict[int, None] = {}
        self._answers: dict[int, Answer] = {}
        self._began = self._turning = self._unfinished = False

    # What games use.

    @property
    def state(self) -> SharedState | None:
        """What the session has come to; C{None} until that is known."""
        return self._replica.state

    @property
    def sequence(self) -> int:
        """The number of the last event; 0 where none is known."""
        return self._replica.sequence

    @property
    def host(self) -> int:
        """Who orders the events, by player number; 0 where that is not known."""
        return self._replica.host

    @property
    def epoch(self) -> Epoch:
        """Whose term it is."""
        return self._replica.epoch

    @property
    def is_host(self) -> bool:
        """Whether we order the events."""
        return self._replica.is_host

    @property
    def connected_players(self) -> tuple[int, ...]:
        """To whom there is a path, ascending."""
        return tuple(sorted(self._paths))

    @property
    def is_participant(self) -> bool:
        """Whether we take part, as far as we know."""
        state = self.state
        return state is not None and state.participant(self.player) is not None

    @property
    def statistics(self) -> Statistics:
        """What the replica counts."""
        return self._replica.statistics

    def submit(self, command: Command) -> Answer:
        """
        Have something done.

        @param command: See L{gamenet.wire.log_commands}.
        @return: Fires with the event that the command became, once another participant
            holds it too where there is one; with C{None} where only a new state says that
            it became one.  Fails with L{CommandRefused}, with
            L{gamenet.event_log.errors.SubmitQueueFull} where too many commands wait
            already, with L{SendFailed} where the session is over before the answer, or
            with L{LocalProtocolError} for what is no command.  Cancelling it waits for no
            answer; the command goes its way.
        """
        try:
            if self.closed:
                raise SendFailed("the session is over: nothing can be done in it any more")
            _requireCommand(command)
            if self.state is None:
                raise CommandRefused(
                    RefusalCode.NOT_SYNCED,
                    "the session is not known yet; wait for the moment 'synced'",
                )
            number = self._replica.submit(command, self._clock.seconds())
        except GamenetError as error:
            return fail(error)
        answer: Answer = Deferred(lambda _: self._waitNoLonger(number))
        self._answers[number] = answer
        self._soon()
        return answer

    def requestFullSync(self) -> None:
        """Have the host send the whole state once more; C{synced} is called when it is there."""
        if not self.closed:
            self._replica.requestFullSync(self._clock.seconds())
            self._soon()

    # What the owner tells.

    def begin(self) -> None:
        """Take part from now on: until then nothing is sent.  Beginning twice is harmless."""
        if self._began or self.closed:
            return
        self._began = True
        if self.state is not None:
            self._guard(lambda: self._moments.synced(self._replica))
        self._soon()

    def pathChanged(self, player: int, has_path: bool) -> None:
        """There is a path to a player now, or none any more."""
        if self.closed or has_path == (player in self._paths):
            return
        if has_path:
            self._know(player)
            self._paths[player] = None
            self._moments.step(SessionStep.CONNECTED, player=player)
        else:
            del self._paths[player]
            self._moments.step(SessionStep.UNREACHABLE, player=player)
        self._guard(lambda: self._moments.peers(self.connected_players))
        self._soon()

    def restarted(self, player: int) -> None:
        """The link to a player has new keys: their process is another, or ours is."""
        if self.closed:
            return
        if player in self._known:
            self._moments.step(SessionStep.RESTARTED, player=player)
        self._known[player] = None
        self._replica.restarted(player, self._clock.seconds())
        self._soon()

    def removed(self, player: int) -> None:
        """The link to a player is closed for good."""
        if self.closed or player not in self._known:
            return
        del self._known[player]
        had_path = self._paths.pop(player, self) is None
        self._replica.disconnected(player, self._clock.seconds())
        if had_path:
            self._guard(lambda: self._moments.peers(self.connected_players))
        self._soon()

    def messageReceived(self, player: int, message: bytes) -> None:
        """Another player's message of the log came, on either way."""
        if self.closed:
            return
        self._know(player)
        try:
            self._replica.messageReceived(player, message, self._clock.seconds())
        except RemoteProtocolError as error:
            self._rejected += 1
            if self._rejected == 1:
                self._moments.step(SessionStep.REJECTED, player=player, reason=str(error))
            return
        if message[1:_HEAD] == _numberOf(EventsWanted):
            wanted = decodeLogMessage(message)
            assert isinstance(wanted, EventsWanted)
            self._moments.step(SessionStep.GAP_THERE, player=player, sequence=wanted.after)
        if self._began:
            self._turn()

    def close(self, why: str) -> None:
        """
        It is over for us: no timer is left, and no moment is called.  Closing twice is
        harmless.

        @param why: What is said to whoever waits for an answer.
        """
        if self.closed:
            return
        self.closed = True
        self._alarm.cancel()
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            answer.errback(SendFailed(f"no answer can come any more: {why}"))

    # How it goes on.

    def _waitNoLonger(self, number: int) -> None:
        self._answers.pop(number, None)

    def _know(self, player: int) -> None:
        if player not in self._known:
            self._known[player] = None
            self._replica.connected(player, self._clock.seconds())

    def _soon(self) -> None:
        """Go on when the caller has returned."""
        if self._began and not self.closed and not self._turning:
            self._alarm.set(self._clock.seconds())

    def _turn(self) -> None:
        """Do what is due, and come back when more is."""
        if self._turning or self.closed or not self._began:
            return
        self._turning, self._unfinished = True, False
        try:
            self._guard(self._goRound)
        finally:
            self._turning = False
        if not self.closed:
            now = self._clock.seconds()
            due = max(self._replica.nextDue(), now + LEAST_PAUSE)
            self._alarm.set(now if self._unfinished else due)

    def _goRound(self) -> None:
        for _ in range(ROUNDS):
            self._send()
            told = self._replica.takeOutcomes()
            if not told:
                return
            for outcome in told:
                if self.closed:
                    return
                self._tell(outcome)
        self._unfinished = True

    def _send(self) -> None:
        for player, message, reliable in self._replica.messagesDue(self._clock.seconds()):
            self._noteSent(player, message)
            try:
                if reliable or len(message) > BODY_LIMIT:
                    self._carriage.message(player, LOG_STREAM, message)
                else:
                    self._carriage.packet(player, LogBody(message))
            except GamenetError as error:
                self.send_failures += 1
                if self.send_failures == 1:
                    self._log.info(
                        "a message to player {player} was not taken: {reason}; more are only"
                        " counted",
                        player=player,
                        reason=str(error),
                    )

    def _noteSent(self, player: int, message: bytes) -> None:
        head = message[1:_HEAD]
        if head == _numberOf(SnapshotSent):
            self._moments.step(SessionStep.SNAPSHOT_SENT, player=player, sequence=self.sequence)
        elif head == _numberOf(EventsWanted):
            self._moments.step(SessionStep.GAP, player=player, sequence=self.sequence)

    def _guard(self, act: Callable[[], None]) -> None:
        """Do something that may end everything by raising."""
        error: GamenetError
        try:
            act()
            return
        except GamenetError as raised:
            error = raised
            if isinstance(error, MomentFailed):
                self._log.failure("{moment} raised in a session", moment=error.moment)
        except Exception as raised:
            self._log.failure("the shared session failed")
            error = LocalProtocolError(f"the shared session cannot go on: {raised!r}")
        self.close(str(error))
        self._failed(error)

    def _tell(self, outcome: Outcome) -> None:
        """Tell the owner, then whom it concerns."""
        self._told(outcome)
        match outcome:
            case outcomes.CommandAccepted(number, accepted):
                self._answer(number, accepted)
            case outcomes.CommandRefused(number, code, reason):
                self._answer(number, CommandRefused(code, reason))
            case _:
                self._moments.tell(outcome, self._replica)

    def _answer(self, number: int, answer: Event | CommandRefused | None) -> None:
        waiting = self._answers.pop(number, None)
        if waiting is None:
            return
        if isinstance(answer, CommandRefused):
            waiting.errback(answer)
        else:
            waiting.callback(answer)


def _numberOf(message: type[CommandSent | EventsWanted | SnapshotSent]) -> bytes:
    """Return how messages of a kind begin, behind the head of the array."""
    return bytes((message.number,))


def _requireCommand(command: object) -> None:
    """
    @raise LocalProtocolError: It is no command, or does not fit in a message.
    """
    if not any(type(command) is kind for kind in COMMANDS.values()):
        raise LocalProtocolError(f"{type(command).__name__} is no command of a session")
    encodeLogMessage(CommandSent(1, command))  # type: ignore[arg-type]
