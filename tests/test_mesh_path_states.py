"""
The path table as a state machine: every pair of state and input, and any walk through them.
"""

from __future__ import annotations

import math

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import IDatagramSocket
from gamenet.mesh.path import Path, PathKind, PathSettings, PathTable


class _Socket:
    """Stands for a socket."""


_GAME: IDatagramSocket = _Socket()  # type: ignore[assignment]
_RELAYED: IDatagramSocket = _Socket()  # type: ignore[assignment]

PATHS = tuple(
    Path(PathKind.DIRECT, _GAME, ("198.51.100.7", 40_000 + number)) for number in range(4)
) + tuple(Path(PathKind.RELAY, _RELAYED, ("203.0.113.2", 50_000 + number)) for number in range(2))
DIRECT, OTHER = PATHS[:2]
RELAY = PATHS[4]

EXACT = PathSettings(
    lost_after=4.0, path_limit=4, outstanding_limit=3, first_checks=0
)


def prove(table: PathTable, path: Path, now: float) -> None:
    """Add a path and have a check of it answered."""
    table.add(path, now, announced=path.kind is PathKind.RELAY)
    table.checkSent(path, b"proof", now)
    table.heard(now)
    table.answered(path, b"proof", now)


def inState(path: Path, state: str) -> PathTable:
    """
    Return a table whose path is in a state at 100 s; where it is not the only
    one, another direct path is proven.
    """
    table = PathTable(EXACT)
    if state == "proven beside":
        prove(table, OTHER, 100.0)
    if state.startswith("proven"):
        prove(table, path, 100.0)
    elif state == "unproven":
        table.add(path, 100.0, announced=path.kind is PathKind.RELAY)
    if state != "absent":
        table.checkSent(path, b"asked", 100.0)
    return table


#: Every input, at a time.
INPUTS: dict[str, tuple[str, tuple[object, ...]]] = {
    "add": ("add", (101.0,)),
    "announce": ("add", (101.0, True)),
    "remove": ("remove", ()),
    "check": ("checkSent", (b"newer", 101.0)),
    "answer": ("answered", (b"asked", 101.0)),
    "wrong answer": ("answered", (b"other", 101.0)),
    "heard": ("heard", (101.0,)),
    "expire early": ("expire", (103.75,)),
    "expire": ("expire", (104.0,)),
}

_ABSENT, _UNPROVEN, _PROVEN = (False, False), (True, False), (True, True)

#: Whether the path is in the table and proven afterwards; else as before.
TRANSITIONS: dict[tuple[PathKind, str], dict[str, tuple[bool, bool]]] = {
    (PathKind.DIRECT, "absent"): {"add": _UNPROVEN, "announce": _UNPROVEN},
    (PathKind.DIRECT, "unproven"): {"remove": _ABSENT, "answer": _PROVEN, "expire": _ABSENT},
    (PathKind.DIRECT, "proven"): {"remove": _ABSENT, "expire": _ABSENT},
    (PathKind.DIRECT, "proven beside"): {"remove": _ABSENT, "expire": _ABSENT},
    (PathKind.RELAY, "absent"): {"add": _UNPROVEN, "announce": _UNPROVEN},
    (PathKind.RELAY, "unproven"): {"remove": _ABSENT, "answer": _PROVEN},
    (PathKind.RELAY, "proven"): {"remove": _ABSENT, "expire": _UNPROVEN},
    (PathKind.RELAY, "proven beside"): {"remove": _ABSENT, "expire": _UNPROVEN},
}

_BEFORE = {
    "absent": _ABSENT,
    "unproven": _UNPROVEN,
    "proven": _PROVEN,
    "proven beside": _PROVEN,
}


class TransitionTests(SynchronousTestCase):
    """Every pair of state and input, with what it leads to."""

    def test_everyPair(self) -> None:
        """Each of 2 x 4 x 9: in the table or not, proven or not, chosen or not; no error ever."""
        for (kind, state), transitions in TRANSITIONS.items():
            path = DIRECT if kind is PathKind.DIRECT else RELAY
            for name, (method, arguments) in INPUTS.items():
                where = f"{name} while a {kind.value} path is {state}"
                table = inState(path, state)
                chosen = table.chosen
                aimed = method not in ("heard", "expire")
                getattr(table, method)(*((path,) if aimed else ()), *arguments)
                record = table.record(path)
                found = (record is not None, record is not None and record.proven)
                self.assertEqual(found, transitions.get(name, _BEFORE[state]), where)
                if found == _BEFORE[state]:
                    self.assertEqual(table.chosen, chosen, where)
                elif state == "proven beside":
                    self.assertEqual(table.chosen, None if name == "expire" else OTHER, where)
                else:
                    self.assertEqual(table.chosen, path if found[1] else None, where)


@attrs.frozen
class Act:
    """One input: what, to which path, with which nonce, how much later."""

    name: str
    path: Path
    nonce: bytes
    later: float


_ACTS = st.builds(
    Act,
    st.sampled_from(
        ["add", "remove", "check", "check", "answer", "answer", "heard", "wake", "wake"]
    ),
    st.sampled_from(PATHS),
    st.integers(0, 5).map(lambda number: bytes([number])),
    st.sampled_from([0.0, 0.01, 0.1, 0.3]) | st.floats(0, 4),
)


class WalkTests(SynchronousTestCase):
    """Any inputs in any order, at any times."""

    @settings(max_examples=200, deadline=None)
    @given(st.floats(0, 1e6), st.lists(_ACTS, max_size=60))
    def test_anyWalk(self, start: float, acts: list[Act]) -> None:
        """Never an error; what is chosen is proven, the table bounded, what is due passes."""
        table = PathTable(EXACT)
        now = start
        asked: dict[tuple[Path, bytes], None] = {}
        for act in acts:
            now += act.later
            if act.name == "wake":
                now = self.wake(table, now)
            else:
                self.act(table, act, now, asked)
            self.checkTable(table, now)

    def act(
        self, table: PathTable, act: Act, now: float, asked: dict[tuple[Path, bytes], None]
    ) -> None:
        """Carry out one input; an answer counts only where that very check was sent."""
        if act.name == "add":
            before = len(table.through(PathKind.DIRECT) + table.through(PathKind.RELAY))
            new = table.record(act.path) is None
            announced = act.nonce > b"\2"
            added = table.add(act.path, now, announced)
            self.assertEqual(added, new and before < EXACT.path_limit)
        elif act.name == "remove":
            table.remove(act.path)
        elif act.name == "check":
            table.checkSent(act.path, act.nonce, now)
            asked[act.path, act.nonce] = None
        elif act.name == "answer":
            record = table.record(act.path)
            proven = record is not None and record.proven
            newly = table.answered(act.path, act.nonce, now)
            if newly:
                self.assertFalse(proven)
                self.assertIn((act.path, act.nonce), asked)
            asked.pop((act.path, act.nonce), None)
        else:
            table.heard(now)
            self.assertEqual(table.last_heard, now)

    def wake(self, table: PathTable, now: float) -> float:
        """
        Do what a link does when something is due, and return when that was:
        afterwards nothing may be due at the same moment.
        """
        due = table.nextDue()
        moment = now if due is None else max(now, due)
        lost = table.expire(moment)
        for path in lost:
            record = table.record(path)
            self.assertTrue(record is None or record.announced)
        for path in table.dueChecks(moment):
            table.checkSent(path, b"due", moment)
        after = table.nextDue()
        if after is not None:
            self.assertGreater(after, moment)
        return moment

    def checkTable(self, table: PathTable, now: float) -> None:
        """Check what holds after every input."""
        paths = table.through(PathKind.DIRECT) + table.through(PathKind.RELAY)
        self.assertLessEqual(len(paths), EXACT.path_limit)
        proven: list[Path] = []
        for path in paths:
            record = table.record(path)
            assert record is not None
            self.assertLessEqual(len(record.outstanding), EXACT.outstanding_limit)
            if record.proven:
                proven.append(path)
                self.assertIsNotNone(record.round_trip)
        direct = [path for path in proven if path.kind is PathKind.DIRECT]
        self.assertEqual(table.hasDirect(), bool(direct))
        if table.chosen is None:
            self.assertEqual(proven, [])
            self.assertEqual((table.roundTrip(), table.carriers(now)), (None, ()))
        else:
            self.assertIn(table.chosen, direct or proven)
            carriers = table.carriers(now)
            self.assertIn(table.chosen, carriers)
            self.assertIn(len(carriers), (1, len(proven)))
            for path in carriers:
                self.assertIn(path, proven)
        due = table.nextDue()
        self.assertEqual(due is None, not paths)
        self.assertTrue(due is None or math.isfinite(due))
