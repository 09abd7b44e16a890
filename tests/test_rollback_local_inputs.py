"""Tests of L{gamenet.rollback.local_inputs}."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError
from gamenet.rollback.input_queue import InputQueue
from gamenet.rollback.local_inputs import LocalInputs
from gamenet.rollback.settings import DELAY_LIMIT, RollbackSettings
from gamenet.wire.input_frames import joinInputs


def localOf(*players: int, frames: int = 1000, first: int = 0, **changes: Any) -> LocalInputs:
    """The inputs of some players of a match of players up to 4."""
    others = tuple((player,) for player in range(1, 5) if player not in players)
    seating = tuple(sorted((players, *others)))
    chosen = {"players": 4, "input_delay": 0} | changes
    rules = RollbackSettings(local_player=players[0], seating=seating, **chosen)
    return LocalInputs(rules, tuple(InputQueue(first, b"-") for _ in players), frames)


class OnePlayerTests(SynchronousTestCase):
    """One player is played here."""

    def test_wanted(self) -> None:
        """An input is wanted for the frame that comes, if it is not there yet."""
        local = localOf(2)
        self.assertEqual((local.wanted(None, 0), local.wanted(2, 0)), (0, 0))
        self.assertTrue(local.lacksAny(0))
        local.take(b"a", 0)
        self.assertIsNone(local.wanted(2, 0))
        self.assertFalse(local.wantsAny(0) or local.lacksAny(0))
        self.assertEqual(local.wanted(2, 1), 1)
        self.assertRaises(LocalProtocolError, local.take, b"b", 0)

    def test_delay(self) -> None:
        """With a delay the first frames are empty, and the wanted one is later."""
        local = localOf(2, input_delay=3)
        self.assertEqual(local.blobs.since(0), [b"", b"", b""])
        self.assertEqual((local.wanted(2, 0), local.delay(2)), (3, 3))
        local.take(b"a", 0)
        self.assertEqual((local.wanted(2, 0), local.wanted(2, 1)), (None, 4))

    def test_lastFrames(self) -> None:
        """Nothing is wanted beyond the last frame, also where the delay is longer."""
        local = localOf(1, frames=2, input_delay=5)
        self.assertEqual(local.blobs.count, 2)
        self.assertEqual((local.wanted(1, 0), local.lacksAny(0)), (None, False))
        local.setDelay(1, 16, 0)
        self.assertEqual(local.blobs.count, 2)

    def test_other(self) -> None:
        """Who is not played here has no inputs here; one text is no inputs of two."""
        local = localOf(2)
        for player in (0, 1, 3, 17):
            self.assertRaises(LocalProtocolError, local.wanted, player, 0)
            self.assertRaises(LocalProtocolError, local.setDelay, player, 1, 0)
            self.assertRaises(LocalProtocolError, local.take, {player: b"a"}, 0)
        local.take({2: b"a"}, 0)
        self.assertEqual(local.blobs.since(0), [b"a"])

    def test_unacknowledged(self) -> None:
        """Nothing is wanted while too many are on their way."""
        local = localOf(1, unacknowledged_limit=3)
        for frame in range(3):
            local.take(b"a", frame)
        self.assertIsNone(local.wanted(1, 3))
        self.assertTrue(local.lacksAny(3))
        local.acknowledged = 1
        self.assertEqual(local.wanted(1, 3), 3)

    def test_inMidMatch(self) -> None:
        """Who begins later has acknowledged what was before."""
        local = localOf(1, first=100, input_delay=2)
        self.assertEqual((local.acknowledged, local.blobs.count), (100, 102))
        self.assertEqual(local.wanted(1, 100), 102)


class DelayTests(SynchronousTestCase):
    """A delay that changes in mid-match."""

    def test_longer(self) -> None:
        """The newest input is held for the frames in between; then each is asked for again."""
        local = localOf(1)
        for frame in range(3):
            local.take(b"%d" % frame, frame)
        local.setDelay(1, 2, 3)
        self.assertEqual(local.blobs.since(2), [b"2", b"2", b"2"])
        self.assertEqual(local.wanted(1, 3), 5)

    def test_shorter(self) -> None:
        """Nothing is wanted, and nothing lacked, until the frames given are played."""
        local = localOf(1, input_delay=4)
        local.take(b"a", 0)
        local.setDelay(1, 1, 1)
        wanted = [(local.wanted(1, frame), local.lacksAny(frame)) for frame in (1, 2, 3, 4)]
        self.assertEqual(wanted, [(None, False)] * 3 + [(5, True)])

    def test_beforeTheFirst(self) -> None:
        """Before anything was pressed nothing is held."""
        local = localOf(1)
        local.setDelay(1, 2, 0)
        self.assertEqual(local.blobs.since(0), [b"", b""])

    def test_bounds(self) -> None:
        """A delay is from 0 to 16 frames, and less than may be on their way."""
        local = localOf(1)
        for bad in (-1, DELAY_LIMIT + 1, 1.0, True, None):
            self.assertRaises(BadSetting, local.setDelay, 1, bad, 0)
        self.assertEqual((local.delay(1), local.blobs.count), (0, 0))
        local.setDelay(1, DELAY_LIMIT, 0)
        narrow = localOf(1, unacknowledged_limit=4)
        self.assertRaises(BadSetting, narrow.setDelay, 1, 4, 0)
        narrow.setDelay(1, 3, 0)

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.integers(0, DELAY_LIMIT), max_size=12), st.integers(1, 4))
    def test_anyChanges(self, delays: list[int], held: int) -> None:
        """However it changes: each frame has one input, and no frame is ever waited for twice."""
        local = localOf(1)
        frame = 0
        for delay in delays:
            local.setDelay(1, delay, frame)
            for _ in range(held):
                wanted = local.wanted(1, frame)
                if wanted is not None:
                    self.assertEqual(wanted, local.blobs.count)
                    local.take(b"%d" % wanted, frame)
                self.assertFalse(local.lacksAny(frame))
                self.assertGreater(local.blobs.count, frame)
                frame += 1
                local.acknowledged = frame
        self.assertLessEqual(local.blobs.count - frame, DELAY_LIMIT + 1)


class SeveralPlayersTests(SynchronousTestCase):
    """Several players are played here."""

    def test_all(self) -> None:
        """All inputs of a frame travel together, once all are given."""
        local = localOf(1, 3)
        local.take({3: b"y"}, 0)
        self.assertEqual((local.blobs.count, local.lacksAny(0)), (0, True))
        self.assertEqual((local.wanted(1, 0), local.wanted(3, 0)), (0, None))
        local.take({1: b"xx"}, 0)
        self.assertEqual(local.blobs.since(0), [joinInputs([b"xx", b"y"])])
        self.assertFalse(local.lacksAny(0))

    def test_allOrNone(self) -> None:
        """If one is refused, none is taken."""
        local = localOf(1, 3, input_limit=4)
        for bad in (b"12345", "text", None, bytearray(b"x")):
            self.assertRaises(LocalProtocolError, local.take, {1: b"x", 3: bad}, 0)
        self.assertRaises(LocalProtocolError, local.take, {1: b"x", 2: b"x"}, 0)
        self.assertRaises(LocalProtocolError, local.take, b"x", 0)
        self.assertEqual((local.wanted(1, 0), local.wanted(3, 0)), (0, 0))

    def test_ownDelays(self) -> None:
        """Each has a delay of their own; what is sent is as far as the last of them."""
        local = localOf(1, 3)
        local.setDelay(3, 2, 0)
        self.assertEqual((local.delay(1), local.delay(3)), (0, 2))
        local.take({1: b"a", 3: b"x"}, 0)
        self.assertEqual(local.blobs.since(0), [joinInputs([b"a", b""])])
        for frame in (1, 2):
            local.take({1: b"a", 3: b"y"}, frame)
        self.assertEqual(local.blobs.since(1), [joinInputs([b"a", text]) for text in (b"", b"x")])

    def test_inMidMatch(self) -> None:
        """What was before begins the difference."""
        local = localOf(1, 3, first=50)
        self.assertEqual((local.blobs.count, local.blobs.known(49)), (50, joinInputs([b"-", b"-"])))
