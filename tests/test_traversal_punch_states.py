"""
The punch as a state machine: every pair of state and input, and any walk through them.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.interfaces import Address
from gamenet.traversal.punch import (
    Punch,
    PunchEffect,
    PunchRole,
    PunchSettings,
    PunchState,
    SendProbes,
    SendStep,
    StepKind,
)
from gamenet.wire.lobby_values import ATTEMPT_BYTES

TARGETS: tuple[Address, ...] = (("198.51.100.7", 40_000), ("192.168.1.3", 5000))
OTHER_TARGETS: tuple[Address, ...] = (("203.0.113.9", 41_000),)
OPENED = StepKind.OPENED

#: Powers of two, so that every sum in these tests is exact.
EXACT = PunchSettings(
    probe_interval=0.25, step_interval=1.0, attempt_timeout=4.0, pause=1.0, longest_pause=8.0
)


def attemptId(number: int) -> bytes:
    """Return an attempt id of the right size."""
    return number.to_bytes(ATTEMPT_BYTES, "big")


#: Every input, at 101 s unless it says otherwise.
INPUTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "begin": ("begin", (OTHER_TARGETS, 101.0)),
    "begin without targets": ("begin", ((), 101.0)),
    "tick early": ("tick", (99.5, attemptId(9))),
    "tick due": ("tick", (101.0, attemptId(9))),
    "tick at the end": ("tick", (104.0, attemptId(9))),
    "new step": ("stepReceived", (attemptId(77), OPENED, 101.0)),
    "known step": ("stepReceived", (attemptId(76), OPENED, 101.0)),
    "strange step": ("stepReceived", (attemptId(77), 2, 101.0)),
    "proven": ("pathProven", ()),
    "lost": ("pathLost", (101.0,)),
    "stop": ("stop", ()),
}


def inState(role: PunchRole, state: PunchState) -> Punch:
    """
    Return a punch in a state: begun at 95 s, its first attempt failed at 99 s
    and, where it probes, the second began at 100 s; attempt 76 is known to it.
    """
    punch = Punch(role, EXACT)
    if role is PunchRole.OPENER:
        if state is not PunchState.WAITING:
            punch.begin(TARGETS, 95.0)
            punch.tick(95.0, attemptId(1))
            punch.tick(99.0, attemptId(2))
        if state is not PunchState.PAUSED:
            punch.tick(100.0, attemptId(2))
    else:
        punch.begin(TARGETS, 95.0)
        punch.stepReceived(attemptId(76), OPENED, 95.0)
        punch.tick(99.0, attemptId(2))
        if state is PunchState.PROBING:
            punch.stepReceived(attemptId(75), OPENED, 100.0)
    if state is PunchState.OPEN:
        punch.pathProven()
    elif state is PunchState.STOPPED:
        punch.stop()
    return punch


_WAITING, _PROBING, _PAUSED = PunchState.WAITING, PunchState.PROBING, PunchState.PAUSED
_OPEN, _STOPPED = PunchState.OPEN, PunchState.STOPPED
_PROBE = (SendProbes,)
_PROBE_AND_STEP = (SendProbes, SendStep)

#: What each input leads to and sends; what is not listed leads nowhere and sends nothing.
TRANSITIONS: dict[
    tuple[PunchRole, PunchState], dict[str, tuple[PunchState, tuple[type, ...], float | None]]
] = {
    (PunchRole.OPENER, _WAITING): {
        "begin": (_PAUSED, (), 101.0),
        "proven": (_OPEN, (), None),
        "stop": (_STOPPED, (), None),
    },
    (PunchRole.OPENER, _PAUSED): {
        "tick due": (_PROBING, _PROBE_AND_STEP, 101.25),
        "tick at the end": (_PROBING, _PROBE_AND_STEP, 104.25),
        "proven": (_OPEN, (), None),
        "stop": (_STOPPED, (), None),
    },
    (PunchRole.OPENER, _PROBING): {
        "tick due": (_PROBING, _PROBE_AND_STEP, 101.25),
        "tick at the end": (_PAUSED, (), 106.0),
        "proven": (_OPEN, (), None),
        "stop": (_STOPPED, (), None),
    },
    (PunchRole.OPENER, _OPEN): {
        "lost": (_PAUSED, (), 101.0),
        "stop": (_STOPPED, (), None),
    },
    (PunchRole.OPENER, _STOPPED): {},
    (PunchRole.ANSWERER, _WAITING): {
        "new step": (_PROBING, _PROBE, 101.25),
        "proven": (_OPEN, (), None),
        "stop": (_STOPPED, (), None),
    },
    (PunchRole.ANSWERER, _PROBING): {
        "tick due": (_PROBING, _PROBE, 101.25),
        "tick at the end": (_WAITING, (), None),
        "proven": (_OPEN, (), None),
        "stop": (_STOPPED, (), None),
    },
    (PunchRole.ANSWERER, _OPEN): {
        "lost": (_WAITING, (), None),
        "stop": (_STOPPED, (), None),
    },
    (PunchRole.ANSWERER, _STOPPED): {},
}


def refused(role: PunchRole, name: str) -> bool:
    """Return whether an input is the other side's mistake."""
    return name == "strange step" or (role is PunchRole.OPENER and name.endswith("step"))


class TransitionTests(SynchronousTestCase):
    """Every pair of state and input, with what it leads to."""

    def test_states(self) -> None:
        """The states that the table names are the ones that are reached."""
        for role, state in TRANSITIONS:
            self.assertIs(inState(role, state).state, state)

    def test_everyPair(self) -> None:
        """Each of 9 x 11 pairs: next state, effects and due time, or the named error."""
        for (role, state), transitions in TRANSITIONS.items():
            for name, (method, arguments) in INPUTS.items():
                where = f"{name} while {role.value} is {state.value}"
                punch = inState(role, state)
                due = punch.next_due
                act = getattr(punch, method)
                if refused(role, name):
                    self.assertRaises(RemoteProtocolError, act, *arguments)
                    sent: tuple[type, ...] = ()
                else:
                    sent = tuple(type(effect) for effect in act(*arguments) or ())
                expected = transitions.get(name, (state, (), due))
                self.assertEqual((punch.state, sent, punch.next_due), expected, where)

    def test_idSizes(self) -> None:
        """An id of another size is our own mistake in every state, even when nothing is due."""
        for role, state in TRANSITIONS:
            punch = inState(role, state)
            before = attrs.asdict(punch)
            for size in (0, ATTEMPT_BYTES - 1, ATTEMPT_BYTES + 1):
                self.assertRaises(LocalProtocolError, punch.tick, 101.0, bytes(size))
            self.assertEqual(attrs.asdict(punch), before)


_ACTS = st.one_of(
    st.tuples(st.just("begin"), st.sampled_from([TARGETS, OTHER_TARGETS, ()])),
    st.tuples(st.just("tick"), st.just(0)),
    st.tuples(st.just("tick when due"), st.just(0)),
    st.tuples(st.just("step"), st.tuples(st.integers(0, 9), st.integers(-1, 3))),
    st.tuples(st.just("proven"), st.just(0)),
    st.tuples(st.just("lost"), st.just(0)),
    st.tuples(st.sampled_from(["tick", "tick when due", "stop"]), st.just(0)),
)


class WalkTests(SynchronousTestCase):
    """Any inputs in any order, at any times."""

    @settings(max_examples=200, deadline=None)
    @given(
        st.sampled_from(list(PunchRole)),
        st.lists(st.tuples(_ACTS, st.floats(0, 8, allow_nan=False)), max_size=40),
    )
    def test_anyWalk(self, role: PunchRole, acts: list[tuple[tuple[str, Any], float]]) -> None:
        """Only the other side's mistakes raise; what is due, sent and counted stays in bounds."""
        punch = Punch(role)
        now = 0.0
        for number, ((name, value), later) in enumerate(acts):
            now += later
            if name == "tick when due" and punch.next_due is not None:
                now = max(now, punch.next_due)
            before, attempts = punch.state, punch.attempts
            effects = self.act(punch, name, value, number, now)
            self.checkEffects(punch, before, effects, number)
            self.checkState(punch, now)
            self.assertIn(punch.attempts - attempts, (0, 1))
            if before is PunchState.STOPPED:
                self.assertIs(punch.state, PunchState.STOPPED)
            if name.startswith("tick") and punch.next_due is not None:
                self.assertGreater(punch.next_due, now)

    def act(
        self, punch: Punch, name: str, value: Any, number: int, now: float
    ) -> tuple[PunchEffect, ...]:
        """Carry out one input; let pass the errors that are documented."""
        if name == "begin":
            punch.begin(value, now)
        elif name.startswith("tick"):
            return punch.tick(now, attemptId(number))
        elif name == "step":
            step, kind = value
            try:
                return punch.stepReceived(attemptId(1000 + step), kind, now)
            except RemoteProtocolError:
                self.assertTrue(kind != OPENED or punch.role is PunchRole.OPENER)
        elif name == "proven":
            punch.pathProven()
        elif name == "lost":
            punch.pathLost(now)
        else:
            punch.stop()
        return ()

    def checkEffects(
        self, punch: Punch, before: PunchState, effects: tuple[PunchEffect, ...], newest: int
    ) -> None:
        """Check what was sent."""
        if before in (PunchState.OPEN, PunchState.STOPPED):
            self.assertEqual(effects, ())
        for effect in effects:
            if isinstance(effect, SendProbes):
                self.assertEqual(effect.targets, punch.targets)
            else:
                self.assertIs(punch.role, PunchRole.OPENER)
                self.assertLessEqual(int.from_bytes(effect.attempt, "big"), newest)

    def checkState(self, punch: Punch, now: float) -> None:
        """Check what holds after every input."""
        active = punch.state in (PunchState.PROBING, PunchState.PAUSED)
        self.assertEqual(punch.next_due is not None, active)
        if punch.next_due is not None:
            self.assertTrue(math.isfinite(punch.next_due))
            self.assertLessEqual(punch.next_due, now + punch.settings.longest_pause)
        if punch.role is PunchRole.ANSWERER:
            self.assertIsNot(punch.state, PunchState.PAUSED)
