"""Tests of L{gamenet.operation.worker_messages}."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from gamenet.operation.worker_messages import LineReader, line


class LineReaderTests(SynchronousTestCase):
    """L{LineReader}."""

    def test_pieces(self) -> None:
        """Messages come out whole, however they came in."""
        data = line("drain") + line("status", number=7)
        wanted = [json.loads(each) for each in data.splitlines()]
        for size in (1, 3, 1000):
            reader = LineReader()
            pieces = [data[index : index + size] for index in range(0, len(data), size)]
            self.assertEqual([each for piece in pieces for each in reader.feed(piece)], wanted)

    def test_bound(self) -> None:
        """A message without an end is refused, and not kept."""
        reader = LineReader()
        with self.assertRaises(ValueError):
            for _ in range(40):
                reader.feed(bytes(1_048_576))
