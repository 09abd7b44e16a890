"""
The agent carries out what the punch decides: when due, in order, and nothing after the end.
"""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.seeded_random import SeededRandom
from gamenet.traversal.agent import TraversalAgent
from gamenet.traversal.punch import PunchRole, PunchSettings, PunchState, StepKind
from gamenet.wire.lobby_values import ATTEMPT_BYTES, Candidate

OURS = (Candidate("host", ("192.168.1.2", 5000)), Candidate("relayed", ("203.0.113.2", 50_000)))
THEIRS = (
    Candidate("server_reflexive", ("198.51.100.7", 40_000)),
    Candidate("host", ("10.0.0.3", 5000)),
    Candidate("relayed", ("203.0.113.2", 50_001)),
)
THEIR_TARGETS: list[Address] = [("198.51.100.7", 40_000), ("10.0.0.3", 5000)]

EXACT = PunchSettings(
    probe_interval=0.25, step_interval=1.0, attempt_timeout=4.0, pause=1.0, longest_pause=8.0
)


class PlainMachine:
    """The parts of IMachine that an agent uses."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(100.0)
        self.random = SeededRandom(1)

    def randomBytes(self, count: int) -> bytes:
        """Return bytes from the seed."""
        return self.random.drawBytes(count)


class AgentTestCase(SynchronousTestCase):
    """An agent, and a log of what it did: probes are addresses, steps are ids and kinds."""

    def setUp(self) -> None:
        self.machine = PlainMachine()
        self.clock = self.machine.clock
        self.did: list[tuple[float, object]] = []

    def agent(self, role: PunchRole, values: PunchSettings | None = EXACT) -> TraversalAgent:
        """Return an agent that writes into the log."""
        return TraversalAgent(
            self.machine,  # type: ignore[arg-type]
            role,
            lambda address: self.did.append((self.clock.seconds(), address)),
            lambda attempt, kind: self.did.append((self.clock.seconds(), (attempt, kind))),
            values,
        )

    def pump(self, seconds: float) -> None:
        """Let time pass in steps of an eighth of a second."""
        self.clock.pump([0.125] * int(seconds * 8))

    def taken(self) -> list[object]:
        """Return what was done since the last call."""
        did, self.did = self.did, []
        return [what for _, what in did]


class OpenerTests(AgentTestCase):
    """The side that opens."""

    def test_begin(self) -> None:
        """Beginning sends nothing by itself; probes, then the step, go out in the same instant."""
        agent = self.agent(PunchRole.OPENER)
        agent.begin(OURS, THEIRS)
        self.assertEqual(self.did, [])
        self.clock.advance(0)
        *probes, step = self.taken()
        self.assertEqual(probes, THEIR_TARGETS)
        assert isinstance(step, tuple)
        attempt, kind = step
        self.assertEqual((len(attempt), kind), (ATTEMPT_BYTES, StepKind.OPENED))
        self.assertIs(agent._punch.state, PunchState.PROBING)
        self.assertEqual(agent.attempts, 1)
        agent.stop()

    def test_timetable(self) -> None:
        """Rounds go out at the very moments that the punch asked for."""
        agent = self.agent(PunchRole.OPENER)
        agent.begin(OURS, THEIRS)
        self.clock.advance(0)
        self.pump(6)
        rounds = [when for when, what in self.did if what == THEIR_TARGETS[0]]
        self.assertEqual(
            rounds,
            [100 + 0.25 * n for n in range(16)] + [105 + 0.25 * n for n in range(5)],
        )
        self.assertEqual(agent.attempts, 2)
        agent.stop()

    def test_freshIds(self) -> None:
        """Each attempt has an id of its own, made of the machine's random bytes."""
        agent = self.agent(PunchRole.OPENER)
        agent.begin(OURS, THEIRS)
        self.clock.advance(0)
        self.pump(30)
        agent.stop()
        steps = [what[0] for what in self.taken() if isinstance(what[0], bytes)]  # type: ignore[index]
        self.assertEqual(len(dict.fromkeys(steps)), agent.attempts)
        self.assertGreater(agent.attempts, 3)

    def test_noTimerWhileNothingIsDue(self) -> None:
        """Without targets, and once a path is proven, no timer runs."""
        agent = self.agent(PunchRole.OPENER)
        agent.begin(OURS, ())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        agent.begin(OURS, THEIRS)
        self.clock.advance(0)
        agent.pathProven()
        self.assertIs(agent._punch.state, PunchState.OPEN)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lostAndAgain(self) -> None:
        """A path that dies sets the search going at once, without being asked."""
        agent = self.agent(PunchRole.OPENER)
        agent.begin(OURS, THEIRS)
        self.clock.advance(0)
        agent.pathProven()
        self.pump(20)
        self.taken()
        agent.pathLost()
        self.clock.advance(0)
        self.assertEqual(self.taken()[:2], THEIR_TARGETS)
        agent.stop()

    def test_changedCandidates(self) -> None:
        """Changed candidates are probed from the next round on, under one timer still."""
        agent = self.agent(PunchRole.OPENER)
        agent.begin(OURS, THEIRS)
        self.clock.advance(0)
        self.taken()
        for _ in range(5):
            agent.begin(OURS, [Candidate("host", ("10.9.9.9", 9))])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.pump(0.25)
        self.assertEqual(self.taken(), [("10.9.9.9", 9)])
        agent.stop()

    def test_provenWhileProbing(self) -> None:
        """
        A probe that is answered before the round is over (as in memory) ends the
        search: no timer is left behind by the rest of the round.
        """
        agents: list[TraversalAgent] = []

        def probe(address: Address) -> None:
            self.did.append((self.clock.seconds(), address))
            agents[0].pathProven()

        agents.append(
            TraversalAgent(
                self.machine,  # type: ignore[arg-type]
                PunchRole.OPENER,
                probe,
                lambda attempt, kind: None,
                EXACT,
            )
        )
        agents[0].begin(OURS, THEIRS)
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIs(agents[0]._punch.state, PunchState.OPEN)


class AnswererTests(AgentTestCase):
    """The side that is asked."""

    def test_asked(self) -> None:
        """A step sets the probes going within the same instant, and they end by themselves."""
        agent = self.agent(PunchRole.ANSWERER)
        agent.begin(OURS, THEIRS)
        self.pump(2)
        self.assertEqual(self.did, [])
        agent.stepReceived(bytes(16), StepKind.OPENED)
        self.assertEqual(self.taken(), THEIR_TARGETS)
        self.pump(10)
        self.assertEqual(self.taken(), THEIR_TARGETS * 15)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIs(agent._punch.state, PunchState.WAITING)

    def test_defaultSettings(self) -> None:
        """Without settings the defaults hold: a round each 0.2 s for 5 s."""
        agent = self.agent(PunchRole.ANSWERER, None)
        agent.begin(OURS, THEIRS)
        agent.stepReceived(bytes(16), StepKind.OPENED)
        while calls := self.clock.getDelayedCalls():
            self.clock.advance(calls[0].getTime() - self.clock.seconds())
        rounds = [when for when, what in self.did if what == THEIR_TARGETS[0]]
        self.assertAlmostEqual(rounds[1] - rounds[0], 0.2)
        self.assertTrue(104.7 < rounds[-1] < 105.01)

    def test_floodOfSteps(self) -> None:
        """Rows H6, H11: a thousand repetitions of a step probe once; one timer is kept."""
        agent = self.agent(PunchRole.ANSWERER)
        agent.begin(OURS, THEIRS)
        for _ in range(1000):
            agent.stepReceived(bytes(16), StepKind.OPENED)
        self.assertEqual(self.taken(), THEIR_TARGETS)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual(agent.attempts, 1)
        agent.stop()


class RefusalTests(AgentTestCase):
    """Bad input through the lobby: one log event, no traceback, nothing sent."""

    def logged(self) -> list[LogEvent]:
        """Return a list that will hold this agent's log events."""
        events: list[LogEvent] = []

        def observe(event: LogEvent) -> None:
            if event.get("log_namespace", "").startswith("gamenet.traversal"):
                events.append(event)

        observer = cast(ILogObserver, observe)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return events

    def test_refusedSteps(self) -> None:
        """An unknown kind, and a step to the opener, each cost one event with the reason."""
        for role, kind, reason in (
            (PunchRole.ANSWERER, 99, "unknown step kind 99"),
            (PunchRole.OPENER, StepKind.OPENED, "should only answer"),
        ):
            events = self.logged()
            agent = self.agent(role)
            agent.stepReceived(bytes(16), kind)
            self.assertEqual(len(events), 1)
            self.assertIn(reason, events[0]["reason"])
            self.assertNotIn("log_failure", events[0])
        self.assertEqual(self.did, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_refusalLeavesTheSearchAlone(self) -> None:
        """A refused step does not disturb a search that is on."""
        agent = self.agent(PunchRole.OPENER)
        agent.begin(OURS, THEIRS)
        self.clock.advance(0)
        self.taken()
        agent.stepReceived(bytes(16), StepKind.OPENED)
        self.pump(0.25)
        self.assertEqual(self.taken(), THEIR_TARGETS)
        agent.stop()


_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "nothing", "step", "bad step", "proven", "lost", "wait"]),
        st.integers(0, 40),
    ),
    max_size=30,
)


class WalkTests(AgentTestCase):
    """Any inputs in any order."""

    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(list(PunchRole)), _ACTS)
    def test_anyWalk(self, role: PunchRole, acts: list[tuple[str, int]]) -> None:
        """There is one timer exactly where something is due, and none, nor a word, after stop."""
        self.setUp()
        agent = self.agent(role)
        for act, number in acts:
            self.act(agent, act, number)
            active = agent._punch.state in (PunchState.PROBING, PunchState.PAUSED)
            self.assertEqual(len(self.clock.getDelayedCalls()), int(active))
        agent.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.did.clear()
        for act in ("begin", "step", "lost", "proven", "wait"):
            self.act(agent, act, 40)
            self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.did, [])
        self.assertIs(agent._punch.state, PunchState.STOPPED)

    def act(self, agent: TraversalAgent, act: str, number: int) -> None:
        """Carry out one input."""
        calls: dict[str, Any] = {
            "begin": lambda: agent.begin(OURS, THEIRS),
            "nothing": lambda: agent.begin(OURS, ()),
            "step": lambda: agent.stepReceived(bytes([number]) * 16, StepKind.OPENED),
            "bad step": lambda: agent.stepReceived(bytes(16), 1 + number),
            "proven": agent.pathProven,
            "lost": agent.pathLost,
            "wait": lambda: self.pump(number / 8),
        }
        calls[act]()
