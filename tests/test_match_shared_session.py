"""
The driver of the session's log alone: what it sends, whom it tells, how it ends.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import CommandRefused, LocalProtocolError, MomentFailed, SendFailed
from gamenet.event_log.errors import SubmitQueueFull
from gamenet.event_log.replica import Replica
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.match.session_steps import BURST, REFILL, StepBudget
from gamenet.match.shared_session import LOG_STREAM, ROUNDS, Carriage, SharedSession
from gamenet.wire.log_commands import Rename, Say
from gamenet.wire.log_messages import MESSAGE_LIMIT
from gamenet.wire.log_values import RefusalCode
from gamenet.wire.peer_packets import LogBody
from tests.shared_party import SharingPlayer

SESSION = bytes(range(16))


class Bench:
    """Sessions on one clock, joined by wires that lose nothing and take no time."""

    def __init__(self, players: int = 2, **settings: Any) -> None:
        self.clock = Clock()
        self.sessions: dict[int, SharedSession] = {}
        self.protocols: dict[int, SharingPlayer] = {}
        self.told: dict[int, list[Any]] = {}
        self.failed: dict[int, list[Exception]] = {}
        self.sent: list[tuple[int, int, str]] = []
        self.full = False
        names = {player: f"player {player}" for player in range(1, players + 1)}
        state = SharedState.opened(SESSION, "a session", names, 8)
        for player in names:
            protocol = self.protocols[player] = SharingPlayer()
            self.told[player], self.failed[player] = [], []
            self.sessions[player] = SharedSession(
                self.clock,
                player,
                Replica.opened(player, state, EventLogSettings(**settings), 0.0),
                Carriage(self._messages(player), self._packets(player)),
                protocol,
                self.told[player].append,
                self.failed[player].append,
            )

    def begin(self) -> None:
        """All begin, and reach each other."""
        for player, session in self.sessions.items():
            session.begin()
            for other in self.sessions:
                if other != player:
                    session.pathChanged(other, True)
        self.pass_(1.0)

    def pass_(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        for _ in range(round(seconds / 0.02)):
            self.clock.advance(0.02)

    def _messages(self, source: int) -> Any:
        def send(player: int, stream: int, message: bytes) -> None:
            if self.full:
                raise LocalProtocolError("the queue is full")
            assert stream == LOG_STREAM
            self.sent.append((source, player, "message"))
            self.clock.callLater(0.001, self.sessions[player].messageReceived, source, message)

        return send

    def _packets(self, source: int) -> Any:
        def send(player: int, packet: LogBody) -> None:
            self.sent.append((source, player, "packet"))
            arrive = self.sessions[player].messageReceived
            self.clock.callLater(0.001, arrive, source, packet.body)

        return send


class SubmitTests(SynchronousTestCase):
    """Guests send commands, the host answers each with an event or a named refusal."""

    def test_answered(self) -> None:
        """By the event; never inside of the call itself."""
        bench = Bench()
        bench.begin()
        for session in bench.sessions.values():
            answer = session.submit(Say("hello"))
            self.assertNoResult(answer)
            bench.pass_(1.0)
            event = self.successResultOf(answer)
            assert event is not None
            self.assertEqual(event.author, session.player)
        self.assertEqual(bench.sessions[1].state, bench.sessions[2].state)

    def test_refused(self) -> None:
        """By name."""
        bench = Bench()
        bench.begin()
        answer = bench.sessions[2].submit(Rename(""))
        bench.pass_(1.0)
        error = self.failureResultOf(answer, CommandRefused).value
        self.assertIs(error.code, RefusalCode.BAD_NAME)
        self.assertIn("BAD_NAME", str(error))

    def test_beforeItIsKnown(self) -> None:
        """Nothing can be done before the session is known."""
        session = SharedSession(
            Clock(),
            2,
            Replica.newcomer(2, SESSION, EventLogSettings(), 0.0),
            Carriage(lambda *_: None, lambda *_: None),
            SharingPlayer(),
            lambda outcome: None,
            lambda error: None,
        )
        session.begin()
        error = self.failureResultOf(session.submit(Say("hello")), CommandRefused).value
        self.assertIs(error.code, RefusalCode.NOT_SYNCED)
        self.assertEqual((session.sequence, session.host, session.is_host), (0, 0, False))

    def test_queueFull(self) -> None:
        """K6: overflow is a named error, not silent loss."""
        bench = Bench(queue=2)
        answers = [bench.sessions[2].submit(Say("hello")) for _ in range(3)]
        error = self.failureResultOf(answers[2], SubmitQueueFull).value
        self.assertIsInstance(error, SendFailed)
        self.assertIn("2 commands", str(error))
        bench.begin()
        for answer in answers[:2]:
            self.assertIsNotNone(self.successResultOf(answer))

    def test_noCommand(self) -> None:
        """What is no command, or fits in no message, is refused here by name."""
        bench = Bench()
        bench.begin()
        for nonsense in ("say", Say("x" * 3000), Say(7)):  # type: ignore[arg-type]
            self.failureResultOf(
                bench.sessions[2].submit(nonsense), LocalProtocolError  # type: ignore[arg-type]
            )
        bench.pass_(1.0)
        self.assertEqual(bench.failed, {1: [], 2: []})

    def test_closed(self) -> None:
        """K9: whoever waits when it ends is told so, and no timer is left."""
        bench = Bench()
        bench.begin()
        session = bench.sessions[2]
        answer = session.submit(Say("hello"))
        session.close("the match is over")
        session.close("twice")
        error = self.failureResultOf(answer, SendFailed).value
        self.assertIn("the match is over", str(error))
        self.failureResultOf(session.submit(Say("hello")), SendFailed)
        bench.sessions[1].close("too")
        bench.pass_(1.0)
        self.assertEqual(bench.clock.getDelayedCalls(), [])
        for act in (session.begin, session.requestFullSync):
            act()
        session.pathChanged(1, False)
        session.restarted(1)
        session.removed(1)
        session.messageReceived(1, b"x")
        self.assertEqual(bench.clock.getDelayedCalls(), [])

    def test_cancelled(self) -> None:
        """Who waits no longer is not told; the command goes its way."""
        bench = Bench()
        bench.begin()
        answer = bench.sessions[2].submit(Say("hello"))
        answer.addErrback(lambda _: None)
        answer.cancel()
        bench.pass_(1.0)
        self.assertEqual(bench.sessions[1].sequence, 1)

    def test_linksThatTakeNothing(self) -> None:
        """K9, send failed: what a link does not take is counted, and sent again."""
        bench = Bench()
        bench.begin()
        bench.full = True
        answer = bench.sessions[2].submit(Say("hello"))
        bench.pass_(2.0)
        self.assertNoResult(answer)
        self.assertGreater(bench.sessions[2].send_failures, 1)
        bench.full = False
        bench.pass_(1.0)
        self.assertIsNotNone(self.successResultOf(answer))


class MomentTests(SynchronousTestCase):
    """What is told, once and in order."""

    def test_order(self) -> None:
        """The state first, then who is reached, then what happens."""
        bench = Bench()
        bench.begin()
        bench.sessions[1].submit(Say("hello"))
        bench.pass_(1.0)
        for protocol in bench.protocols.values():
            told = [each[0] for each in protocol.happened]
            self.assertEqual(told, ["synced", "peersChanged", "eventApplied"])

    def test_paths(self) -> None:
        """peersChanged: each change once."""
        bench = Bench(3)
        bench.begin()
        session = bench.sessions[1]
        session.pathChanged(2, True)
        session.pathChanged(2, False)
        session.pathChanged(2, False)
        session.removed(3)
        session.removed(3)
        told = bench.protocols[1].told("peersChanged")
        self.assertEqual(told, [((2,),), ((2, 3),), ((3,),), ((),)])

    def test_raising(self) -> None:
        """A moment that raises ends the session with MomentFailed, for that program alone."""
        for name in ("eventApplied", "peersChanged", "synced"):
            bench = Bench()
            bench.protocols[2].raises = name
            bench.begin()
            bench.sessions[1].submit(Say("hello"))
            bench.pass_(1.0)
            (error,) = bench.failed[2]
            assert isinstance(error, MomentFailed)
            self.assertEqual(error.moment, name)
            self.assertTrue(bench.sessions[2].closed)
            self.assertEqual(bench.failed[1], [])
            self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1)

    def test_ownerRaising(self) -> None:
        """A fault of ours ends it by name too, and is logged."""
        bench = Bench()
        bench.begin()
        self.patch(bench.sessions[2], "_told", None)
        bench.sessions[1].submit(Say("hello"))
        bench.pass_(1.0)
        self.assertIsInstance(bench.failed[2][0], LocalProtocolError)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_endless(self) -> None:
        """A program that always answers itself does not keep the reactor from its turn."""
        bench = Bench(1)
        session = bench.sessions[1]
        self.patch(
            bench.protocols[1], "eventApplied", lambda event: session.submit(Say("again"))
        )
        session.begin()
        session.submit(Say("once"))
        session._turn()
        self.assertTrue(1 < session.sequence <= 2 * ROUNDS, session.sequence)
        (again,) = bench.clock.getDelayedCalls()
        self.assertEqual(again.getTime(), bench.clock.seconds())
        before = session.sequence
        session._turn()
        self.assertGreater(session.sequence, before)


class RejectionTests(SynchronousTestCase):
    """Bad input: refused by name, counted, no change of state."""

    @given(message=st.binary(max_size=64))
    def test_anyBytes(self, message: bytes) -> None:
        """No bytes of another player change anything or raise."""
        bench = Bench()
        bench.begin()
        session = bench.sessions[2]
        before = session.state
        session.messageReceived(1, message)
        self.assertEqual(session.state, before)
        self.assertEqual(bench.failed, {1: [], 2: []})

    def test_counted(self) -> None:
        """They are counted; one of them is logged."""
        bench = Bench()
        bench.begin()
        for _ in range(1000):
            bench.sessions[2].messageReceived(1, b"\xff")
        self.assertEqual(bench.sessions[2].statistics.rejected, 1000)

    def test_messagesFit(self) -> None:
        """Every message of the log, snapshots too, is one message of the channel."""
        from gamenet.channel.settings import ChannelSettings

        self.assertLessEqual(MESSAGE_LIMIT, ChannelSettings().message_limit)


class BudgetTests(SynchronousTestCase):
    """Whoever makes others write lines cannot fill their disks."""

    def test_limit(self) -> None:
        """A burst, and some a second."""
        budget = StepBudget()
        taken = sum(budget.take(0.0) for _ in range(1000))
        self.assertEqual((taken, budget.withheld), (BURST, 1000 - BURST))
        taken = sum(budget.take(1.0) for _ in range(1000))
        self.assertEqual(taken, REFILL)
        taken = sum(budget.take(1e6) for _ in range(1000))
        self.assertEqual(taken, BURST)
