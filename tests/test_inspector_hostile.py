"""Bad input: logs that are made to stop or fill up who looks at them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.inspector.chart import Chart, Columns, drawChart, spanOf
from gamenet.inspector.comparison import DivergenceKind, compareLogs
from gamenet.inspector.peer_log import PeerLog
from gamenet.inspector.verdict import verdictText
from gamenet.match_log.reader import EVENT_LIMIT, MatchLogReader
from gamenet.wire.match_log_format import encodeHeader, encodeRecord
from gamenet.wire.match_log_records import EventRecord, FrameRecord, LogRecord, TickRecord
from tests.match_logs import headerOf
from tests.test_inspector_comparison import INPUTS, handLog
from tests.test_inspector_comparison import frames as framesOf


def differs(**fields: Any) -> EventRecord:
    """An event that says that another peer's state is another."""
    chosen = {"frame": 5, "local": 1, "remote": 2, "player": 2} | fields
    return EventRecord(0.0, "Desynchronized", chosen)


class CountedDict(dict[int, Any]):
    """A table that counts how often all of it is looked through."""

    looks = 0

    def __iter__(self) -> Iterator[int]:
        CountedDict.looks += 1
        return super().__iter__()

    def items(self) -> Any:
        CountedDict.looks += 1
        return super().items()


class HostileLogTests(SynchronousTestCase):
    """Numbers, sizes and orders that no session writes."""

    def test_numbers(self) -> None:
        """Events with numbers that cannot be are passed over."""
        huge = int("9" * 4000)
        for fields in (
            {"frame": -huge},
            {"frame": -1},
            {"frame": 1 << 31},
            {"local": huge},
            {"remote": 1 << 32},
            {"local": -1},
            {"player": 0},
            {"player": 17},
            {"frame": True},
            {"frame": 5.0},
        ):
            log = handLog(1, *framesOf(1, 2, 3), differs(**fields))
            comparison = compareLogs([log, handLog(2, *framesOf(1, 2, 3))])
            self.assertIsNone(comparison.divergence, fields)
        log = handLog(1, *framesOf(1, 2, 3), differs(frame=-huge), differs(), differs(frame=7))
        comparison = compareLogs([log])
        assert comparison.divergence is not None
        self.assertEqual(comparison.divergence.kind, DivergenceKind.REPORTED)
        self.assertEqual(comparison.divergence.frame, 5)
        self.assertIn("frame 5", verdictText([log], comparison, ()))

    def test_events(self) -> None:
        """However many events there are, the frames are looked through once."""
        log = handLog(1, *framesOf(*range(50)), *[differs(frame=n) for n in range(400, 0, -1)])
        log.frames = CountedDict(log.frames)
        CountedDict.looks = 0
        compareLogs([log])
        self.assertLessEqual(CountedDict.looks, 3)

    def test_manyPieces(self) -> None:
        """Frames far apart, in many pieces: the tables are not looked through for each."""
        step = (1 << 31) // 40_000
        records: list[LogRecord] = []
        for number in range(3000):
            frame = number * step
            records += [TickRecord(0.0, frame, INPUTS * 2, (1, 0) * 2)]
            records.append(FrameRecord(frame, INPUTS * 2, 1))
        log = handLog(1, *records)
        log.frames, log.marks = CountedDict(log.frames), CountedDict(log.marks)
        comparison = compareLogs([log, log])
        columns = Columns.within(*spanOf([log]), 30_000)
        CountedDict.looks = 0
        drawChart(Chart([log, log], comparison, columns), 1.0)
        self.assertLessEqual(CountedDict.looks, 8)

    def test_longEvents(self) -> None:
        """
        Of an event with any JSON in it little is kept: the numbers, and the beginnings of
        what else it says; short ones are kept as they are.
        """
        fields: Mapping[str, Any] = {
            "frame": 7,
            "tree": [[] for _ in range(EVENT_LIMIT)],
            "x" * 5000: "y" * 5000,
            "number": int("9" * 4000),
            **{f"more {number}": number for number in range(100)},
        }
        reader = MatchLogReader()
        data = encodeHeader(headerOf(1))
        for each in (fields, {"frame": 7, "tree": [[], []]}):
            data += encodeRecord(EventRecord(0.0, "Any", dict(each)))
        long, short = list(reader.feed(data))
        assert isinstance(long, EventRecord)
        assert isinstance(short, EventRecord)
        self.assertEqual(short.fields, {"frame": 7, "tree": [[], []]})
        self.assertEqual(long.fields["frame"], 7)
        self.assertTrue(long.fields["tree"].startswith("[[], [], []"))
        self.assertLess(len(json.dumps(long.fields)), 4096)
        log = PeerLog("1", headerOf(1))
        log.take(long)
        self.assertEqual(len(log.events), 1)
