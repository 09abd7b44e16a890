"""
The handshake punch (row N11): what each side does when, and what nobody can make it do.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, RemoteProtocolError
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
    probe_interval=0.25,
    step_interval=1.0,
    attempt_timeout=4.0,
    pause=1.0,
    longest_pause=8.0,
    remembered_attempts=4,
)


def attemptId(number: int) -> bytes:
    """Return an attempt id of the right size."""
    return number.to_bytes(ATTEMPT_BYTES, "big")


@attrs.define
class Driver:
    """A punch and the ids it draws: each tick is given one that was never used."""

    punch: Punch
    drawn: int = 0

    def tick(self, now: float) -> tuple[PunchEffect, ...]:
        """Tick with a new id."""
        self.drawn += 1
        return self.punch.tick(now, attemptId(self.drawn))

    def runUntil(self, end: float) -> list[tuple[float, PunchEffect]]:
        """Tick exactly when due, before C{end}; return what was done when."""
        done: list[tuple[float, PunchEffect]] = []
        while (due := self.punch.next_due) is not None and due < end:
            done += [(due, effect) for effect in self.tick(due)]
        return done


def opener(values: PunchSettings = EXACT) -> Driver:
    """Return an opener that begins at 100 s."""
    driver = Driver(Punch(PunchRole.OPENER, values))
    driver.punch.begin(TARGETS, 100.0)
    return driver


def answerer(values: PunchSettings = EXACT) -> Driver:
    """Return an answerer that begins at 100 s."""
    driver = Driver(Punch(PunchRole.ANSWERER, values))
    driver.punch.begin(TARGETS, 100.0)
    return driver


class SettingsTests(SynchronousTestCase):
    """The limits of punching."""

    def test_defaults(self) -> None:
        """Row H2: an attempt takes at most 5 s by default."""
        self.assertEqual(PunchSettings().attempt_timeout, 5.0)
        self.assertEqual(Punch(PunchRole.OPENER).settings, PunchSettings())
        self.assertEqual(ATTEMPT_BYTES, 16)

    def test_impossible(self) -> None:
        """A duration that cannot work is refused by its name, one at the edge is taken."""
        durations = ("probe_interval", "step_interval", "attempt_timeout", "pause", "longest_pause")
        for name in durations:
            for value in (0, -1.0, 3600.5, math.inf, -math.inf, math.nan):
                error = self.assertRaises(BadSetting, PunchSettings, **{name: value})
                self.assertIn(name, str(error))
            for value in (0.001, 1.0, 3600.0):
                changes: dict[str, Any] = {name: value}
                self.assertEqual(getattr(PunchSettings(**changes), name), value)

    def test_memoryOfAtLeastOne(self) -> None:
        """A punch remembers at least one attempt."""
        self.assertRaises(BadSetting, PunchSettings, remembered_attempts=0)
        self.assertEqual(PunchSettings(remembered_attempts=1).remembered_attempts, 1)


class OpenerTests(SynchronousTestCase):
    """The side that opens its router first."""

    def test_firstAttempt(self) -> None:
        """Row N11: probes to every target and the step to the lobby, at once and in this order."""
        driver = opener()
        self.assertEqual(driver.punch.next_due, 100.0)
        self.assertEqual(driver.punch.attempts, 0)
        self.assertEqual(
            driver.tick(100.0), (SendProbes(TARGETS), SendStep(attemptId(1), OPENED))
        )
        self.assertIs(driver.punch.state, PunchState.PROBING)
        self.assertEqual(driver.punch.attempts, 1)

    def test_timetable(self) -> None:
        """Probes every 0.25 s, the notice every second with one and the same id, for 4 s."""
        driver = opener()
        done = driver.runUntil(104.0)
        probes = [when for when, effect in done if isinstance(effect, SendProbes)]
        steps = [(when, effect) for when, effect in done if isinstance(effect, SendStep)]
        self.assertEqual(probes, [100.0 + 0.25 * n for n in range(16)])
        self.assertEqual(
            steps, [(100.0 + n, SendStep(attemptId(1), OPENED)) for n in range(4)]
        )

    def test_attemptEnds(self) -> None:
        """Row H2: at the attempt's limit nothing more is sent, and the next waits for the pause."""
        driver = opener()
        driver.runUntil(104.0)
        self.assertEqual(driver.punch.next_due, 104.0)
        self.assertEqual(driver.tick(104.0), ())
        self.assertIs(driver.punch.state, PunchState.PAUSED)
        self.assertEqual(driver.punch.next_due, 105.0)

    def test_forEver(self) -> None:
        """Row H7: attempts go on under new ids; pauses double up to the longest, and stay there."""
        driver = opener()
        done = driver.runUntil(200.0)
        begun: dict[bytes, float] = {}
        for when, effect in done:
            if isinstance(effect, SendStep):
                begun.setdefault(effect.attempt, when)
        starts = list(begun.values())
        gaps = [later - earlier for earlier, later in pairwise(starts)]
        self.assertEqual(gaps[:6], [5.0, 6.0, 8.0, 12.0, 12.0, 12.0])
        self.assertEqual(driver.punch.attempts, len(starts))

    def test_lateTicks(self) -> None:
        """A tick that comes late does the work once, and the next is an interval from then."""
        driver = opener()
        driver.tick(100.125)
        self.assertEqual(driver.punch.next_due, 100.375)
        self.assertEqual(driver.tick(102.0), (SendProbes(TARGETS), SendStep(attemptId(1), OPENED)))
        self.assertEqual(driver.punch.next_due, 102.25)
        self.assertEqual(driver.tick(102.25), (SendProbes(TARGETS),))
        self.assertEqual(driver.tick(150.0), ())
        self.assertIs(driver.punch.state, PunchState.PAUSED)
        self.assertEqual(driver.punch.next_due, 151.0)

    def test_tooEarly(self) -> None:
        """A tick before its time changes nothing."""
        driver = opener()
        self.assertEqual(driver.tick(99.75), ())
        self.assertIs(driver.punch.state, PunchState.PAUSED)
        driver.tick(100.0)
        before = attrs.asdict(driver.punch)
        self.assertEqual(driver.tick(100.1875), ())
        self.assertEqual(attrs.asdict(driver.punch), before)

    def test_waitsForTargets(self) -> None:
        """Without targets nothing is due; they may come later, and then it begins at once."""
        punch = Punch(PunchRole.OPENER, EXACT)
        punch.begin((), 100.0)
        self.assertIs(punch.state, PunchState.WAITING)
        self.assertIsNone(punch.next_due)
        punch.begin(TARGETS, 107.0)
        self.assertEqual(punch.next_due, 107.0)

    def test_changedTargets(self) -> None:
        """Changed candidates are used from the next round on; the timetable stays."""
        driver = opener()
        driver.tick(100.0)
        driver.punch.begin(OTHER_TARGETS, 100.125)
        self.assertEqual(driver.punch.next_due, 100.25)
        self.assertEqual(driver.tick(100.25), (SendProbes(OTHER_TARGETS),))
        self.assertEqual(driver.punch.attempts, 1)

    def test_changedTargetsDoNotShortenThePause(self) -> None:
        """Row H11: announcing candidates again and again does not make us probe more often."""
        driver = opener()
        driver.runUntil(104.5)
        for n in range(50):
            driver.punch.begin((("203.0.113.9", 1000 + n),), 104.5)
        self.assertEqual(driver.punch.next_due, 105.0)

    def test_opened(self) -> None:
        """Once a path is proven nothing is due, and nothing is sent."""
        driver = opener()
        driver.tick(100.0)
        driver.punch.pathProven()
        self.assertIs(driver.punch.state, PunchState.OPEN)
        self.assertIsNone(driver.punch.next_due)
        self.assertEqual(driver.tick(101.0), ())
        driver.punch.begin(OTHER_TARGETS, 102.0)
        self.assertIsNone(driver.punch.next_due)

    def test_lost(self) -> None:
        """When the path dies the next attempt is due at once, towards the newest targets."""
        driver = opener()
        driver.tick(100.0)
        driver.punch.pathProven()
        driver.punch.begin(OTHER_TARGETS, 120.0)
        driver.punch.pathLost(130.0)
        self.assertEqual(driver.punch.next_due, 130.0)
        self.assertEqual(
            driver.tick(130.0), (SendProbes(OTHER_TARGETS), SendStep(attemptId(2), OPENED))
        )
        self.assertEqual(driver.punch.attempts, 2)

    def test_successForgetsThePauses(self) -> None:
        """After a success the pause is the short one again."""
        driver = opener()
        driver.runUntil(160.0)
        driver.punch.pathProven()
        driver.punch.pathLost(200.0)
        driver.runUntil(204.5)
        self.assertEqual(driver.punch.next_due, 205.0)

    def test_stepToTheOpener(self) -> None:
        """The side that opens is never asked: a step to it is named and changes nothing."""
        driver = opener()
        driver.tick(100.0)
        before = attrs.asdict(driver.punch)
        self.assertRaises(
            RemoteProtocolError, driver.punch.stepReceived, attemptId(9), OPENED, 100.125
        )
        self.assertEqual(attrs.asdict(driver.punch), before)


class AnswererTests(SynchronousTestCase):
    """The side that waits to be asked."""

    def test_waits(self) -> None:
        """Row N11: knowing the addresses is no reason to probe."""
        driver = answerer()
        self.assertIsNone(driver.punch.next_due)
        self.assertEqual(driver.tick(1000.0), ())

    def test_timetable(self) -> None:
        """Asked once, it probes at once and every 0.25 s for 4 s, and never sends a step."""
        driver = answerer()
        effects = driver.punch.stepReceived(attemptId(1), OPENED, 100.0)
        self.assertEqual(effects, (SendProbes(TARGETS),))
        self.assertEqual(driver.punch.attempts, 1)
        done = driver.runUntil(math.inf)
        self.assertEqual(
            done, [(100.0 + 0.25 * n, SendProbes(TARGETS)) for n in range(1, 16)]
        )
        self.assertIs(driver.punch.state, PunchState.WAITING)
        self.assertIsNone(driver.punch.next_due)

    def test_repeatedStep(self) -> None:
        """Row H6: a repeated step is known by its id and neither probes nor prolongs."""
        driver = answerer()
        driver.punch.stepReceived(attemptId(1), OPENED, 100.0)
        before = attrs.asdict(driver.punch)
        for now in (100.0, 100.5, 103.5):
            self.assertEqual(driver.punch.stepReceived(attemptId(1), OPENED, now), ())
            self.assertEqual(attrs.asdict(driver.punch), before)
        driver.runUntil(math.inf)
        self.assertEqual(driver.punch.stepReceived(attemptId(1), OPENED, 110.0), ())
        self.assertIs(driver.punch.state, PunchState.WAITING)

    def test_newAttempt(self) -> None:
        """Another id is another attempt, with its whole time."""
        driver = answerer()
        driver.punch.stepReceived(attemptId(1), OPENED, 100.0)
        driver.runUntil(math.inf)
        effects = driver.punch.stepReceived(attemptId(2), OPENED, 105.0)
        self.assertEqual(effects, (SendProbes(TARGETS),))
        self.assertEqual(driver.punch.attempts, 2)
        self.assertEqual(driver.runUntil(math.inf)[-1], (108.75, SendProbes(TARGETS)))

    def test_newAttemptWhileProbing(self) -> None:
        """A new attempt while one is running prolongs it and leaves the timetable alone."""
        driver = answerer()
        driver.punch.stepReceived(attemptId(1), OPENED, 100.0)
        done = driver.runUntil(103.0)
        self.assertEqual(driver.punch.stepReceived(attemptId(2), OPENED, 102.875), ())
        done += driver.runUntil(math.inf)
        self.assertEqual(
            done, [(100.0 + 0.25 * n, SendProbes(TARGETS)) for n in range(1, 28)]
        )

    def test_floodOfAttempts(self) -> None:
        """Row H11: however many attempts are asked for, a round of probes each 0.25 s goes out."""
        driver = answerer()
        rounds = 0
        for number in range(6400):
            now = 100.0 + number / 64
            rounds += len(driver.punch.stepReceived(attemptId(number), OPENED, now))
            rounds += len(driver.tick(now))
        self.assertEqual(rounds, 400)

    def test_memoryIsBounded(self) -> None:
        """Row H6: of ten thousand attempts the last four are remembered, and no more is kept."""
        driver = answerer()
        for number in range(10_000):
            driver.punch.stepReceived(attemptId(number), OPENED, 100.0)
        driver.runUntil(math.inf)
        for number in range(9_996, 10_000):
            self.assertEqual(driver.punch.stepReceived(attemptId(number), OPENED, 100.0), ())
        self.assertNotEqual(driver.punch.stepReceived(attemptId(9_995), OPENED, 100.0), ())

    def test_steppedBeforeTargets(self) -> None:
        """A step that overtakes the candidates is not lost: they are probed as soon as known."""
        driver = Driver(Punch(PunchRole.ANSWERER, EXACT))
        driver.punch.stepReceived(attemptId(1), OPENED, 100.0)
        driver.punch.begin(TARGETS, 100.125)
        self.assertEqual(driver.tick(100.25), (SendProbes(TARGETS),))

    def test_opened(self) -> None:
        """While a path is proven a step, even of a new attempt, moves nothing."""
        driver = answerer()
        driver.punch.stepReceived(attemptId(1), OPENED, 100.0)
        driver.punch.pathProven()
        self.assertEqual(driver.punch.stepReceived(attemptId(2), OPENED, 101.0), ())
        self.assertIs(driver.punch.state, PunchState.OPEN)
        self.assertIsNone(driver.punch.next_due)

    def test_stepMeantForLater(self) -> None:
        """A step that came while the path was open still counts when it is repeated afterwards."""
        driver = answerer()
        driver.punch.pathProven()
        driver.punch.stepReceived(attemptId(1), OPENED, 101.0)
        driver.punch.pathLost(102.0)
        self.assertIs(driver.punch.state, PunchState.WAITING)
        self.assertIsNone(driver.punch.next_due)
        self.assertEqual(
            driver.punch.stepReceived(attemptId(1), OPENED, 102.0), (SendProbes(TARGETS),)
        )

    def test_unknownKinds(self) -> None:
        """Bad input: a step of a kind that nobody knows is named and changes nothing."""
        driver = answerer()
        before = attrs.asdict(driver.punch)
        for kind in (0, 2, -1, 255, 2**64):
            error = self.assertRaises(
                RemoteProtocolError, driver.punch.stepReceived, attemptId(1), kind, 100.0
            )
            self.assertIn(str(kind), str(error))
        self.assertEqual(attrs.asdict(driver.punch), before)


class PairTests(SynchronousTestCase):
    """Both sides, joined by a lobby."""

    def test_handshake(self) -> None:
        """
        Row N11: the opener's first probes are for its own router alone; what the
        answerer sends, after the lobby's notice, is the first that can pass.
        """
        asking, asked = opener(), answerer()
        routers: dict[str, bool] = {}
        passed: list[str] = []

        def carry(side: str, other: str, effects: tuple[PunchEffect, ...]) -> list[SendStep]:
            for effect in effects:
                if isinstance(effect, SendProbes):
                    routers[side] = True
                    if routers.get(other):
                        passed.append(side)
            return [effect for effect in effects if isinstance(effect, SendStep)]

        steps = carry("opener", "answerer", asking.tick(100.0))
        self.assertEqual(passed, [])
        for step in steps:
            carry(
                "answerer",
                "opener",
                asked.punch.stepReceived(step.attempt, step.kind, 100.0625),
            )
        self.assertEqual(passed, ["answerer"])
