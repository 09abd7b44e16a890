"""A rollback session against packets that its peer cannot rightly have sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage, RemoteProtocolError
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import DELAY_LIMIT, WINDOW_LIMIT, RollbackSettings
from gamenet.wire.input_frames import INPUTS_LIMIT
from tests.rollback_pipe import (
    Duel,
    Link,
    copyOf,
    isUnchanged,
    packet,
    play,
    pressed,
    session,
    tell,
)

LAST_FRAME = 59
OUR_SEED = 4


def duel(seed: int = OUR_SEED, last_frame: int = LAST_FRAME) -> Duel:
    """A match over a good link."""
    both = [
        RollbackSettings(local_player=player, last_frame=last_frame, checksum_interval=5)
        for player in (1, 2)
    ]
    return Duel((both[0], both[1]), Link(latency=2.0), seed)


class BoundTests(SynchronousTestCase):
    """Each number in a packet has a bound: the last good value passes, the next one does not."""

    def setUp(self) -> None:
        self.make: Callable[[], RollbackSession] = lambda: session(last_frame=999)

    def sender(self) -> RollbackSession:
        """A session that has sent five inputs and has three of player 2."""
        one = self.make()
        for _ in range(5):
            play(one, b"a")
        one.packetFor(2, 0.0)
        tell(one, b"x", b"y", b"z")
        return one

    def base(self, one: RollbackSession, first: int, *others: Any) -> bytes:
        """The input of player 2 before the first in a packet, as far as it is known."""
        blobs = one.remote(2).blobs
        return blobs.known(first - 1) if 0 < first <= blobs.count else b""

    def passes(self, *fields: Any) -> RollbackSession:
        """Assert that a packet is accepted."""
        one = self.sender()
        one.packetReceived(2, packet(*fields, base=self.base(one, *fields)), 1.0)
        self.assertEqual(one.statistics.packets_refused, 0)
        return one

    def refused(self, text: str, *fields: Any) -> RollbackSession:
        """Assert that a packet is refused for what C{text} says, counted, and changes nothing."""
        one = self.sender()
        before = copyOf(one)
        body = packet(*fields, base=self.base(one, *fields))
        error = self.assertRaises(RemoteProtocolError, one.packetReceived, 2, body, 1.0)
        self.assertIn(text, str(error))
        self.assertTrue(isUnchanged(one, before))
        self.assertEqual(one.statistics.packets_refused, 1)
        self.assertEqual(one.statistics.packets_received, 1)
        return one

    def test_acknowledgement(self) -> None:
        """An acknowledgement of an input that was never sent is refused."""
        self.passes(3, [], 5, 3)
        self.refused("acknowledgement of 6 of 5", 3, [], 6, 3)

    def test_currentFrame(self) -> None:
        """A frame that they cannot have reached on what we sent is refused."""
        furthest = 5 + WINDOW_LIMIT
        self.passes(3, [], 5, furthest)
        self.refused(f"playing frame {furthest + 1}", 3, [], 5, furthest + 1)

    def test_currentFrameOfInputs(self) -> None:
        """
        The frame they play and the inputs they send must fit each other: in
        lockstep one more than the longest delay was given.
        """
        one = session(last_frame=999, prediction_window=32)
        one.packetFor(2, 0.0)
        tell(one, *[b""] * 20)
        for good in (19 - DELAY_LIMIT, 20, 32):
            one.packetReceived(2, packet(20, [], 0, good), 0.0)
        before = copyOf(one)
        body = packet(20, [], 0, 18 - DELAY_LIMIT)
        self.assertRaises(RemoteProtocolError, one.packetReceived, 2, body, 0.0)
        self.assertTrue(isUnchanged(one, before))

    def test_currentFrameBeyondWhatFits(self) -> None:
        """They cannot have more unacknowledged inputs than one packet may hold."""
        one = session(last_frame=999)
        for frame in range(100):
            tell(one, b"x", first=frame)
            play(one, b"a")
            one.packetFor(2, 0.0)
        body = packet(0, [], 0, INPUTS_LIMIT)
        one.packetReceived(2, body, 0.0)
        body = packet(0, [], 0, INPUTS_LIMIT + 1)
        self.assertRaises(RemoteProtocolError, one.packetReceived, 2, body, 0.0)

    def test_futureInputs(self) -> None:
        """Inputs of frames that they cannot have been asked for yet are refused."""
        furthest = 5 + WINDOW_LIMIT + DELAY_LIMIT
        self.passes(3, [b"x"] * (furthest - 3), 5, 5)
        self.refused(f"up to frame {furthest + 1}", 3, [b"x"] * (furthest - 2), 5, 5)

    def test_gap(self) -> None:
        """Inputs that leave one out are refused."""
        self.passes(3, [b"x"], 5, 4)
        self.refused("from frame 4 on, not 3", 4, [b"x"], 5, 5)

    def test_lastFrame(self) -> None:
        """Nothing is sent or played beyond the last frame of the match."""
        self.make = lambda: session(last_frame=5)
        self.passes(3, [b"x"] * 3, 5, 6)
        self.refused("up to frame 7", 3, [b"x"] * 4, 5, 6)
        self.refused("playing frame 7", 3, [b"x"] * 3, 5, 7)

    def test_otherInputs(self) -> None:
        """Another input than before for a frame is inconsistent: refused and counted."""
        self.passes(0, [b"x", b"y", b"z", b"w"], 5, 4)
        self.passes(1, [b"y"], 5, 4)
        for inputs in ([b"x", b"y", b"Z", b"w"], [b"X"], [b"x", b"y"][::-1]):
            one = self.refused("other inputs from frame 0", 0, inputs, 5, 4)
            self.assertEqual(one.statistics.inconsistent_inputs, 1)

    def test_inputLimit(self) -> None:
        """An input that is longer than the match allows is refused."""
        self.make = lambda: session(input_limit=3, last_frame=999)
        self.passes(3, [b"abc"], 5, 4)
        self.passes(3, [], 5, 4)
        self.refused("input of 4 bytes", 3, [b"a", b"abcd", b""], 5, 4)

    def test_reportOfWhatWasNotPlayed(self) -> None:
        """A checksum of a frame that they have not played is refused."""
        self.make = lambda: session(checksum_interval=1, last_frame=999)
        self.passes(3, [], 5, 4, 3, 1)
        self.refused("not yet played", 3, [], 5, 3, 3, 1)

    def test_reportOutOfTurn(self) -> None:
        """A checksum of a frame that is not the interval's is refused, but for the last frame."""
        self.make = lambda: session(checksum_interval=2, last_frame=4)
        self.passes(3, [b"x", b"x"], 5, 5, 3, 1)
        self.passes(3, [b"x", b"x"], 5, 5, 4, 1)
        for frame in (0, 2):
            self.refused("out of turn", 3, [b"x", b"x"], 5, 5, frame, 1)

    def test_otherChecksum(self) -> None:
        """Another checksum than before for a frame is refused."""
        self.make = lambda: session(checksum_interval=1, last_frame=999)
        one = self.passes(3, [], 5, 4, 2, 77)
        before = copyOf(one)
        again = packet(3, [], 5, 4, 2, 77)
        one.packetReceived(2, again, 1.0)
        other = packet(3, [], 5, 4, 2, 78)
        self.assertRaises(RemoteProtocolError, one.packetReceived, 2, other, 1.0)
        self.assertTrue(isUnchanged(one, before))

    def test_longPast(self) -> None:
        """A packet that was under way for many seconds is refused, one of a second ago is not."""
        one = session(last_frame=9999)
        bodies = []
        for frame in range(1800):
            base = b"%d" % (frame - 1) if frame else b""
            body = packet(frame, [b"%d" % frame], frame, frame, base=base)
            one.packetReceived(2, body, 0.0)
            bodies.append(body)
            play(one, b"a")
            one.packetFor(2, 0.0)
            one.drainEvents()
        one.packetReceived(2, bodies[1799 - 60], 0.0)
        self.assertRaises(RemoteProtocolError, one.packetReceived, 2, bodies[10], 0.0)
        self.assertEqual(one.statistics.packets_refused, 1)


class FuzzTests(SynchronousTestCase):
    """Bad input: bytes that nobody sent, and bytes that were changed under way."""

    def feed(self, one: RollbackSession, body: bytes) -> None:
        """Give a session some bytes; whatever it refuses must not have changed it."""
        before = copyOf(one)
        refused = one.statistics.packets_refused
        try:
            one.packetReceived(2, body, 0.5)
        except RemoteProtocolError:
            self.assertTrue(isUnchanged(one, before))
            self.assertEqual(one.statistics.packets_refused, refused + 1)

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.binary(max_size=40), max_size=8), st.integers(0, 80))
    def test_arbitrary(self, bodies: list[bytes], ticks: int) -> None:
        """Arbitrary bytes, at any time of a match: refused, and nothing changed."""
        game = duel()
        game.run(ticks)
        for body in bodies:
            self.feed(game.players[1].session, body)

    @settings(deadline=None, max_examples=60)
    @given(
        st.integers(1, 70),
        st.lists(
            st.tuples(st.integers(0, 60), st.integers(0, 255), st.integers(-3, 3)), max_size=3
        ),
    )
    def test_mutated(self, ticks: int, changes: list[tuple[int, int, int]]) -> None:
        """
        Real packets with bytes changed, cut off and added: what was known stays
        as it was, whether the packet is refused or taken.
        """
        game = duel()
        game.run(ticks)
        one = game.players[1]
        known = one.session.remote(2).blobs.count
        confirmed = list(one.confirmed)
        body = game.players[2].session.packetFor(1, 0.0)
        for place, byte, size in changes:
            changed = bytearray(body)
            changed[place % len(body)] = byte
            self.feed(one.session, bytes(changed[: len(body) + min(size, 0)]) + bytes(max(size, 0)))
        for _ in range(20):
            one.tick(0.0)
        self.assertEqual(one.confirmed[: len(confirmed)], confirmed)
        self.assertEqual([event.frame for event in one.confirmed], [*range(len(one.confirmed))])
        for event in one.confirmed[:known]:
            expected = pressed(OUR_SEED, 2, event.frame) if event.frame else b""
            self.assertEqual(event.inputs[1], expected)


def running() -> Duel:
    """In mid-match."""
    game = duel()
    game.run(20)
    return game


def stalled() -> Duel:
    """Player 1 has not heard anything for longer than its window."""
    game = duel()
    game.run(20)
    for _ in range(30):
        game.players[1].tick(0.0)
    return game


def confirming() -> Duel:
    """Player 1 has played every frame and waits for the last inputs."""
    game = duel()
    while game.players[1].session.current_frame <= LAST_FRAME:
        game.run(1)
    return game


def finished() -> Duel:
    """Player 1 has finished."""
    game = duel()
    game.runUntilFinished(1000)
    return game


STATES: dict[str, tuple[Callable[[], Duel], SessionState]] = {
    "fresh": (duel, SessionState.RUNNING),
    "running": (running, SessionState.RUNNING),
    "stalled": (stalled, SessionState.STALLED),
    "confirming": (confirming, SessionState.CONFIRMING),
    "finished": (finished, SessionState.FINISHED),
}

ACTIONS: dict[str, Callable[[Duel], object]] = {
    "inputFrame": lambda game: game.players[1].session.inputFrame(),
    "advance": lambda game: game.players[1].tick(0.0),
    "advance with input": lambda game: game.players[1].timeline.apply(
        game.players[1].session.advance(
            pressed(OUR_SEED, 1, game.players[1].session._exchange.local.blobs.count), 0.0
        )
    ),
    "advance without": lambda game: game.players[1].timeline.apply(
        game.players[1].session.advance(None, 0.0)
    ),
    "advance too long": lambda game: game.players[1].session.advance(bytes(65), 0.0),
    "checksumsWanted": lambda game: list(game.players[1].session.checksumsWanted()),
    "checksumTaken": lambda game: game.players[1].session.checksumTaken(
        game.players[1].session.confirmed_frame + 1, 0
    ),
    "packetReceived": lambda game: game.players[1].session.packetReceived(
        2, game.players[2].session.packetFor(1, 0.0), 0.0
    ),
    "packetReceived malformed": lambda game: game.players[1].session.packetReceived(2, b"?", 0.0),
    "packetReceived impossible": lambda game: game.players[1].session.packetReceived(
        2, packet(2000, [b"x"], 0, 2000), 0.0
    ),
    "packetReceived from nobody": lambda game: game.players[1].session.packetReceived(3, b"", 0.0),
    "packetFor": lambda game: game.players[1].session.packetFor(2, 0.0),
    "packetFor nobody": lambda game: game.players[1].session.packetFor(1, 0.0),
    "drainEvents": lambda game: game.players[1].take(game.players[1].session.drainEvents()),
    "acknowledged": lambda game: game.players[1].session.acknowledged(2),
    "remoteFrame": lambda game: game.players[1].session.remoteFrame(2),
    "remote": lambda game: game.players[1].session.remote(2).players,
    "finished": lambda game: game.players[1].session.finished,
    "state": lambda game: game.players[1].session.state,
}

#: What each action raises where; in every other pair it raises nothing.
ERRORS: dict[str, dict[str, type[Exception]]] = {
    "advance with input": dict.fromkeys(("stalled", "confirming", "finished"), LocalProtocolError),
    "advance too long": dict.fromkeys(STATES, LocalProtocolError),
    "checksumTaken": dict.fromkeys(STATES, LocalProtocolError),
    "packetReceived malformed": dict.fromkeys(STATES, MalformedMessage),
    "packetReceived impossible": dict.fromkeys(STATES, RemoteProtocolError),
    "packetReceived from nobody": dict.fromkeys(STATES, LocalProtocolError),
    "packetFor nobody": dict.fromkeys(STATES, LocalProtocolError),
}


class StateTests(SynchronousTestCase):
    """Every (state x input) pair of a session."""

    def test_everyPair(self) -> None:
        """Each pair does or raises what it is meant to, and then play goes on."""
        expected = duel()
        self.assertTrue(expected.runUntilFinished(1000))
        for state, (bring, value) in STATES.items():
            for action, act in ACTIONS.items():
                game = bring()
                self.assertIs(game.players[1].session.state, value, state)
                error = ERRORS.get(action, {}).get(state)
                if error is None:
                    act(game)
                else:
                    before = copyOf(game.players[1].session)
                    self.assertRaises(error, act, game)
                    same = isUnchanged(game.players[1].session, before)
                    self.assertTrue(same, (state, action))
                self.assertTrue(game.runUntilFinished(1000), (state, action))
                for number in (1, 2):
                    self.assertEqual(
                        game.players[number].confirmed,
                        expected.players[number].confirmed,
                        (state, action),
                    )

    @settings(deadline=None, max_examples=60)
    @given(
        st.sampled_from(list(STATES)),
        st.lists(st.sampled_from(list(ACTIONS)), max_size=30),
    )
    def test_anySequence(self, state: str, actions: list[str]) -> None:
        """Any actions in any order raise nothing else, and both sides still end alike."""
        game = STATES[state][0]()
        for action in actions:
            try:
                ACTIONS[action](game)
            except (LocalProtocolError, RemoteProtocolError):
                self.assertNotIn(action, ("packetReceived", "packetFor", "drainEvents", "advance"))
        self.assertTrue(game.runUntilFinished(1000))
        self.assertEqual(game.players[1].confirmed, game.players[2].confirmed)
        self.assertEqual(len(game.players[1].confirmed), LAST_FRAME + 1)
