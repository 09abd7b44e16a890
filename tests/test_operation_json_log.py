"""Tests of L{gamenet.operation.json_log}."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import ILogObserver, Logger, LogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.operation.json_log import JsonLog, logRecord

HOSTILE = st.one_of(
    st.text(max_size=60), st.binary(max_size=60), st.integers(), st.floats(), st.none()
)


class _Untellable:
    """What cannot even be told."""

    def __str__(self) -> str:
        raise RuntimeError("no")


class JsonLogTests(SynchronousTestCase):
    """A file of JSON objects."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        self.log = JsonLog(folder / "log.json")
        self.addCleanup(self.log.close)
        publisher = LogPublisher(self.log)
        self.logger = Logger("gamenet.tests", observer=publisher)

    def records(self, path: Path | None = None) -> list[dict[str, Any]]:
        """Return what is in the file."""
        return [json.loads(line) for line in (path or self.log.path).read_text().splitlines()]

    def test_interface(self) -> None:
        """It is an observer of Twisted's."""
        verifyObject(ILogObserver, self.log)

    def test_record(self) -> None:
        """Issue, "structured logs": a record has every field of its event beside the text."""
        self.log.open()
        self.logger.warn("refused {code} to {who}", code=401, who=("192.0.2.1", 5))
        (record,) = self.records()
        self.assertRegex(record.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")
        self.assertEqual(
            record,
            {
                "level": "warn",
                "source": "gamenet.tests",
                "text": "refused 401 to ('192.0.2.1', 5)",
                "fields": {"code": 401, "who": ["192.0.2.1", 5]},
            },
        )

    def test_failure(self) -> None:
        """A failure comes with its traceback."""
        self.log.open()
        try:
            raise RuntimeError("of the test")
        except RuntimeError:
            self.logger.failure("it failed")
        (record,) = self.records()
        self.assertEqual((record["level"], record["text"]), ("critical", "it failed"))
        self.assertIn("RuntimeError: of the test", record["traceback"])

    @settings(deadline=None, max_examples=100)
    @given(st.dictionaries(st.text(max_size=12), HOSTILE, max_size=5))
    def test_hostileFields(self, fields: dict[str, Any]) -> None:
        """Bad input: whatever stands in a field, a record is one line of JSON."""
        event = {**fields, "log_format": "{who}", "log_time": 1.0, "log_namespace": "x"}
        line = json.dumps(logRecord(event))
        self.assertNotIn("\n", line)
        self.assertIsInstance(json.loads(line), dict)

    def test_bounds(self) -> None:
        """However long or deep a field is, a record has a limit."""
        deep: Any = "x" * 10_000
        for _ in range(50):
            deep = [deep] * 3
        event = {
            "log_format": "{long}",
            "long": "y" * 100_000,
            "deep": [deep],
            "many": list(range(10_000)),
            "untellable": _Untellable(),
        }
        record = logRecord(event)
        self.assertLess(len(json.dumps(record)), 80_000)
        self.assertEqual(record["fields"]["untellable"], "<_Untellable>")
        self.assertEqual(len(record["fields"]["many"]), 64)
        event["mapping"] = dict.fromkeys(range(500), "z" * 5000)
        record = logRecord(event)
        self.assertLess(len(json.dumps(record)), 80_000)
        self.assertEqual(list(record["fields"]), ["too_long"])

    def test_rotation(self) -> None:
        """Opened anew it writes to a new file; what was renamed stays as it is."""
        self.log.open()
        self.logger.info("first")
        old = self.log.path.rename(self.log.path.with_suffix(".1"))
        self.logger.info("second")
        self.log.open()
        self.logger.info("third")
        self.assertEqual([each["text"] for each in self.records(old)], ["first", "second"])
        self.assertEqual([each["text"] for each in self.records()], ["third"])

    def test_cannotOpen(self) -> None:
        """Where the file cannot be had anew, the one before is written on."""
        self.log.open()
        old = self.log.path.rename(self.log.path.with_suffix(".1"))
        self.log.path.mkdir()
        with self.assertRaises(OSError):
            self.log.open()
        self.logger.info("still here")
        self.assertEqual([each["text"] for each in self.records(old)], ["still here"])

    def test_closed(self) -> None:
        """Closed, it writes nothing; closing twice is harmless."""
        self.logger.info("before")
        self.log.open()
        self.log.close()
        self.log.close()
        self.logger.info("after")
        self.assertEqual(self.records(), [])

    def test_fullDisk(self) -> None:
        """A full disk costs lines and nothing else."""
        if not os.path.exists("/dev/full"):
            return
        log = JsonLog(Path("/dev/full"))
        log.open()
        log({"log_format": "lost"})
        log.close()
