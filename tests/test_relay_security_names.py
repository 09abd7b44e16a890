"""
Section 5 of the security list: names that somebody else chose, in logs, metrics and status.

coturn 8fa38032 (C{%} in USERNAME as a format), #1898, #1933, #666 (labels by user), #1932
(credentials in logs).
"""

from __future__ import annotations

import json

from prometheus_client import generate_latest
from twisted.internet.defer import succeed
from twisted.logger import LogEvent, capturedLogs, eventAsText, formatEvent
from twisted.python.log import textFromEventDict
from twisted.trial.unittest import SynchronousTestCase

from gamenet.operation.interfaces import WorkerStatus
from gamenet.operation.json_log import logRecord
from gamenet.operation.metrics import MetricsPage, RelayCollector
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.settings import RelaySettings
from gamenet.status import StatusPage
from gamenet.wire.turn_credentials import ephemeralPassword, longTermKey
from tests.metrics_page import checkMetrics
from tests.relay_bytes import errorCodeOf, rawMessage, sealed
from tests.relay_desk import REALM_TEXT, SECRET, allocateAttributes, usernameOf
from tests.relay_scene import GONE, RawClient, Scene

_LONGEST = 508

#: What an operator's tools could stumble over, as users of good credentials.
HOSTILE = (
    "%s%s%s%n%d%(user)s",
    "{user}{0}{log_format}{}",
    "line\nline\r\nINFO forged line",
    "nul\0nul",
    "\x1b[2J\x1b]0;title\x07",
    '"},"admin":true,{"x":"',
    'user="x"} 1\n# TYPE forged counter\nforged 1',
    "マトリックス",
    "\u202egnp.exe\ufeff",
    "'; DROP TABLE users; --",
    "../../etc/passwd",
    "${jndi:ldap://198.51.100.1/x}",
    "a:b:c:",
    "",
)


def pages(scene: Scene) -> tuple[str, str]:
    """Return the page of metrics, and that of the status."""
    status = scene.server.status()
    metrics = generate_latest(RelayCollector([WorkerStatus(None, status)])).decode()
    page = MetricsPage(lambda: succeed([WorkerStatus(None, status)])).body()
    (whole,) = [page.result]
    assert whole.decode() == metrics
    text = StatusPage(scene.server.status).body()
    assert isinstance(text, bytes)
    return metrics, text.decode()


def lines(events: list[LogEvent]) -> list[str]:
    """Return every way in which a log writes these events."""
    written = [json.dumps(logRecord(event)) for event in events]
    written += [formatEvent(event) for event in events]
    written += [eventAsText(event) for event in events]
    written += [textFromEventDict(dict(event)) or "" for event in events]
    return written


class HostileNameTests(SynchronousTestCase):
    """"Hostile usernames (%s, \\n, 508 B, NUL, UTF-8)"."""

    def names(self) -> tuple[str, ...]:
        """Return the hostile users, and one of the longest name there can be."""
        return (*HOSTILE, "x" * (_LONGEST - len(usernameOf(""))))

    def test_goodCredentials(self) -> None:
        """With good credentials they get what everybody gets, and are in no log and no page."""
        with capturedLogs() as events:
            scene = Scene()
            for number, name in enumerate(self.names()):
                client = RawClient(scene, f"198.51.100.{number + 1}", name)
                client.allocate()
                self.assertEqual(client.permit(("198.51.100.200", 1)), 0)
                self.assertEqual(client.permit(("127.0.0.1", 1)), 403)
                if number % 2:
                    self.assertEqual(client.ask(4, GONE), 0)
            metrics, status = pages(scene)
            scene.network.advance(4000.0)
            scene.server.stop()
        written = lines(events)
        self.assertGreater(len(written), 4 * len(self.names()))
        for text in (*written, metrics, status):
            for name in (*filter(None, self.names()), SECRET.decode(), "1700"):
                self.assertNotIn(name, text)
            self.assertNotIn("\x1b", text)
            self.assertNotIn("forged", text)
        checkMetrics(self, metrics)
        json.loads(status)

    def test_oneLine(self) -> None:
        """A log line is one line, whatever is in an event."""
        with capturedLogs() as events:
            scene = Scene()
            RawClient(scene, "198.51.100.1", "a\nb").allocate()
        for text in lines(events):
            self.assertEqual(len(text.splitlines()), 1)

    def test_nobodys(self) -> None:
        """The same names, and bytes that are no text, without a right signature: 401 or 400."""
        raw = (b"\xff\xfe\x80", b"\xc3\x28", b"\xed\xa0\x80", b"\0" * 508, b"\xff" * 508)
        names = [name.encode() for name in self.names()] + list(raw)
        with capturedLogs() as events:
            scene = Scene(RelaySettings((SECRET,), refusals_burst=1e6))
            client = RawClient(scene, "198.51.100.1")
            client.put(rawMessage(3))
            nonce = (0x0015, b"x" * 33)
            for name in names:
                signed = (*allocateAttributes(), (0x0006, name), (0x0014, b"gamenet"), nonce)
                client.put(sealed(rawMessage(3, signed), b"k" * 16))
                self.assertEqual(errorCodeOf(client.received[-1]), 401, name)
            for size in (509, 1000, 60_000):
                signed = (*allocateAttributes(), (0x0006, b"u" * size), (0x0014, b"gamenet"), nonce)
                client.put(sealed(rawMessage(3, signed), b"k" * 16))
                self.assertEqual(errorCodeOf(client.received[-1]), 400)
            metrics, status = pages(scene)
        for text in (*lines(events), metrics, status):
            for name in filter(None, self.names()):
                self.assertNotIn(name, text)
        self.assertEqual(scene.server.counters.allocations_total, 0)

    def test_staticUsers(self) -> None:
        """Users that an operator wrote into a file are in no page and no log either."""
        name, password = "operator's own user", "the operator's password"
        with capturedLogs() as events:
            scene = Scene(RelaySettings((), users=((name, password),)))
            client = RawClient(scene, "198.51.100.1")
            client.put(rawMessage(3))
            key = longTermKey(name, REALM_TEXT, password)
            for chosen in (key, b"wrong"):
                signed = (
                    *allocateAttributes(), (0x0006, name.encode()), (0x0014, b"gamenet"),
                    (0x0015, b"stale" * 5),
                )
                client.put(sealed(rawMessage(3, signed), chosen))
            metrics, status = pages(scene)
        for text in (*lines(events), metrics, status, repr(scene.server._settings)):
            for word in (name, password, key.hex(), repr(key)[2:-1]):
                self.assertNotIn(word, text)

    def test_noPassword(self) -> None:
        """"No credential logging (#1932); grep logs": nothing of a credential is ever written."""
        username = usernameOf("alice", 1e6)
        password = ephemeralPassword(SECRET, username)
        with capturedLogs() as events:
            scene = Scene()
            client = RawClient(scene, "198.51.100.1")
            client.allocate()
            for _ in range(50):
                client.ask(3)
                client.put(rawMessage(3, ((0x0006, username.encode()),)))
            scene.server.reload(RelaySettings((b"a new secret",), (("u", "pw-of-u"),)))
            scene.server.drain()
            scene.server.stop()
        words = (username, password, client.nonce.decode(), "a new secret", "pw-of-u", "alice")
        for text in lines(events):
            for word in words:
                self.assertNotIn(word, text)


class ManyUsersTests(SynchronousTestCase):
    """"No per-user labels by default; ... users memory flat"."""

    def test_flat(self) -> None:
        """Two thousand users that came and went leave pages as long as one did, and no trace."""
        limits = AllocationLimits(bandwidth_of_user=65_536, bandwidth_of_address=65_536)
        scene = Scene(RelaySettings((SECRET,), limits=limits))
        sizes = []
        for number in range(2001):
            client = RawClient(scene, f"198.51.{number >> 8}.{number & 255}", f"user{number}")
            client.allocate()
            client.ask(4, GONE)
            client.socket.close()
            if number in (0, 2000):
                sizes.append([len(page.splitlines()) for page in pages(scene)])
        self.assertEqual(sizes[0], sizes[1])
        table = scene.server._table
        for kept in (table._by_flow, table._by_relayed, table.quotas._users.by_name,
                     table.quotas._addresses.by_name):
            self.assertEqual(len(kept), 0)
        self.assertLessEqual(len(table._dues), 64)
        self.assertLessEqual(len(scene.server._desk.methods.deletions), 1024)
