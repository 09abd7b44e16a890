"""
The log of a session: the newest events, and what no request makes it do.
"""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.event_log.event_log import EventLog
from gamenet.event_log.settings import EventLogSettings
from gamenet.wire.log_events import Chat, Custom, Event
from gamenet.wire.log_messages import Events, decodeLogMessage, encodeLogMessage
from gamenet.wire.log_values import Epoch
from tests.log_strategies import SESSION


def _event(sequence: int, size: int = 0) -> Event:
    body = Custom(2, "x", bytes(size)) if size else Chat(2, f"no. {sequence}")
    return Event(SESSION, sequence, Epoch(1, 1), sequence, 2, sequence, body)


def _filled(settings: EventLogSettings, count: int, size: int = 0) -> EventLog:
    log = EventLog(settings)
    for sequence in range(1, count + 1):
        log.append(_event(sequence, size))
    return log


class EventLogTests(SynchronousTestCase):
    """K3: what it holds, it gives; what it does not hold, it says."""

    def test_after(self) -> None:
        """K3: the missing events are delivered, in order."""
        log = _filled(EventLogSettings(), 10)
        self.assertEqual(log.after(3, 64), tuple([_event(number) for number in range(4, 11)]))
        self.assertEqual(log.after(3, 2), (_event(4), _event(5)))
        self.assertEqual(log.after(10, 64), ())
        self.assertEqual(log.event(7), _event(7))
        self.assertEqual((len(log), log.base, log.last), (10, 0, 10))

    def test_empty(self) -> None:
        """A log that holds nothing gives nothing, from where its snapshot stands."""
        log = EventLog(EventLogSettings(), base=70)
        self.assertEqual((len(log), log.base, log.last), (0, 70, 70))
        self.assertEqual(log.after(70, 64), ())
        self.assertTrue(log.reaches(70))
        self.assertFalse(log.holds(70))
        for sequence in (69, 71):
            self.assertFalse(log.reaches(sequence))
            with self.assertRaisesRegex(LocalProtocolError, "not all held"):
                log.after(sequence, 64)
        log.append(_event(71))
        self.assertEqual(log.after(70, 64), (_event(71),))

    def test_capacity(self) -> None:
        """K6: the log is bounded; the oldest event is forgotten for the newest."""
        log = _filled(EventLogSettings(log_capacity=8, batch=4), 20)
        self.assertEqual((len(log), log.base, log.last), (8, 12, 20))
        self.assertEqual(
            [sequence for sequence in range(25) if log.holds(sequence)], list(range(13, 21))
        )
        self.assertEqual(
            [sequence for sequence in range(25) if log.reaches(sequence)], list(range(12, 21))
        )
        for sequence in (12, 21, 0, -1):
            with self.assertRaisesRegex(LocalProtocolError, "not held"):
                log.event(sequence)
        with self.assertRaisesRegex(LocalProtocolError, "not all held"):
            log.after(11, 4)
        self.assertEqual(log.after(12, 1), (_event(13),))
        self.assertEqual(log.event(13), _event(13))

    def test_defaultCapacity(self) -> None:
        """K6: 1 024 events by default."""
        log = _filled(EventLogSettings(), 1030)
        self.assertEqual((len(log), log.base), (1024, 6))

    def test_rangeOfABillion(self) -> None:
        """Bad input: a log request for a range of a billion gets a batch at most."""
        log = _filled(EventLogSettings(batch=5), 20)
        self.assertEqual(len(log.after(0, 10**9)), 5)
        self.assertEqual(len(log.after(18, 10**9)), 2)
        self.assertEqual(log.after(0, 0), ())

    def test_batchBytes(self) -> None:
        """K6: a batch fits in one message, however long its events are."""
        log = _filled(EventLogSettings(batch=256, batch_bytes=4096), 20, size=1000)
        first = log.after(0, 256)
        self.assertEqual(len(first), 3)
        data = encodeLogMessage(Events(first))
        self.assertLess(len(data), 4096 + 16)
        self.assertEqual(decodeLogMessage(data), Events(first))
        everything = _filled(EventLogSettings(batch=256, batch_bytes=60_000), 300, size=1024)
        self.assertLess(len(encodeLogMessage(Events(everything.after(0, 256)))), 60_016)

    def test_exactRoom(self) -> None:
        """Bytes count exactly: one byte too few leaves one event out."""
        one = len(encodeLogMessage(Events((_event(1, 1000),)))) - len(b"\x83\x03\x81\x82\0\0")
        for room, count in ((4 * one, 4), (4 * one - 1, 3), (4096, 3)):
            log = _filled(EventLogSettings(batch_bytes=max(room, 4096)), 20, size=1000)
            if room >= 4096:
                self.assertEqual(len(log.after(0, 64)), count)

    def test_order(self) -> None:
        """An event that is not the next one is our own mistake, and changes nothing."""
        log = _filled(EventLogSettings(), 3)
        for sequence in (1, 3, 5):
            with self.assertRaisesRegex(LocalProtocolError, "does not follow 3"):
                log.append(_event(sequence))
        with self.assertRaisesRegex(LocalProtocolError, "no event"):
            log.append(attrs.evolve(_event(4), body=Chat(2, "")))
        self.assertEqual((len(log), log.last), (3, 3))

    def test_restart(self) -> None:
        """A snapshot takes the place of all that is held."""
        log = _filled(EventLogSettings(), 10)
        log.restart(100)
        self.assertEqual((len(log), log.base, log.last), (0, 100, 100))
        self.assertFalse(log.holds(10))
        log.append(_event(101))
        self.assertEqual(log.after(100, 64), (_event(101),))
        log.restart(50)
        log.append(_event(51))
        self.assertFalse(log.holds(101))

    @settings(deadline=None)
    @given(st.integers(1, 30), st.integers(0, 40), st.integers(-5, 60), st.integers(0, 2**64))
    def test_anyRequest(self, capacity: int, count: int, sequence: int, limit: int) -> None:
        """Any request on any log: consecutive events from the right one on, or an error."""
        log = _filled(EventLogSettings(log_capacity=capacity, batch=min(capacity, 7)), count)
        if not log.reaches(sequence):
            with self.assertRaises(LocalProtocolError):
                log.after(sequence, limit)
            return
        events = log.after(sequence, limit)
        self.assertEqual(len(events), min(limit, capacity, 7, count - sequence))
        self.assertEqual([one.sequence - sequence - 1 for one in events], list(range(len(events))))
