"""What L{gamenet.rollback.local_inputs} refuses, and what it joins by itself."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.wire.input_frames import joinInputs
from tests.test_rollback_local_inputs import localOf


class RefusalTests(SynchronousTestCase):
    """ "Bad input": our own mistakes change nothing."""

    def test_length(self) -> None:
        """An input of the only player is up to the limit long, by itself or by number."""
        for wrap in (lambda text: text, lambda text: {2: text}):
            local = localOf(2, input_limit=4)
            self.assertRaises(LocalProtocolError, local.take, wrap(b"12345"), 0)
            self.assertEqual(local.blobs.count, 0)
            local.take(wrap(b"1234"), 0)
            self.assertEqual(local.blobs.since(0), [b"1234"])

    def test_type(self) -> None:
        """Nothing but bytes is an input."""
        local = localOf(2)
        for bad in ("text", bytearray(b"x"), 7, [b"x"]):
            self.assertRaises(LocalProtocolError, local.take, bad, 0)
        self.assertEqual(local.blobs.count, 0)

    def test_twice(self) -> None:
        """An input that is not wanted is refused, by itself or by number, and the others too."""
        local = localOf(2)
        local.take({2: b"x"}, 0)
        self.assertRaises(LocalProtocolError, local.take, {2: b"y"}, 0)
        self.assertRaises(LocalProtocolError, local.take, b"y", 0)
        self.assertEqual(local.blobs.since(0), [b"x"])
        local = localOf(1, 3)
        local.take({3: b"x"}, 0)
        self.assertRaises(LocalProtocolError, local.take, {1: b"a", 3: b"y"}, 0)
        self.assertEqual(local.wanted(1, 0), 0)


class JoiningTests(SynchronousTestCase):
    """Several players' inputs travel together, also those that nobody pressed."""

    def test_delay(self) -> None:
        """The empty inputs of the first frames are there at once."""
        local = localOf(1, 3, input_delay=2)
        self.assertEqual(local.blobs.since(0), [joinInputs([b"", b""])] * 2)

    def test_longerDelay(self) -> None:
        """So are those that a longer delay holds."""
        local = localOf(1, 3)
        local.take({1: b"a", 3: b"x"}, 0)
        local.setDelay(1, 2, 1)
        self.assertEqual(local.blobs.count, 1)
        local.setDelay(3, 1, 1)
        self.assertEqual(local.blobs.since(0), [joinInputs([b"a", b"x"])] * 2)

    def test_wantsAny(self) -> None:
        """One player's input is enough to be wanted; and one that is given is not."""
        local = localOf(1, 3)
        local.take({3: b"x"}, 0)
        self.assertTrue(local.wantsAny(0))
        local.take({1: b"x"}, 0)
        self.assertFalse(local.wantsAny(0))
