"""Tests of L{gamenet.polled.session_builder} and the settings: all is checked when it is given."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import (
    BadAddress,
    BadSetting,
    InsecureConnection,
    InvalidSessionId,
    LocalProtocolError,
)
from gamenet.match.player import SEATS_LIMIT
from gamenet.polled import session_builder
from gamenet.polled.session_builder import SERVERS_LIMIT, SessionBuilder
from gamenet.polled.session_plan import SessionPlan
from gamenet.polled.settings import PolledSettings
from gamenet.turn_client.ice_servers import IceServer
from gamenet.wire.session_id import SessionId
from tests.polled_scene import DIGITS, HandTurnedLoop

LOBBY = "tcp:127.0.0.1:7770"


class CheckedWhenGivenTests(SynchronousTestCase):
    """Seed rows K1 and K7: a builder that takes everything, checked when given."""

    def refused(self, error: type[Exception], text: str, *given: Any, **options: Any) -> None:
        """Fail unless a builder is refused by name, with a text that tells why."""
        raised = self.assertRaises(error, SessionBuilder, *(given or (LOBBY, "Ada")), **options)
        self.assertIn(text, str(raised))

    def test_defaults(self) -> None:
        """Address and name are enough."""
        builder = SessionBuilder(LOBBY, "Ada")
        self.assertEqual((builder.session_name, builder.capacity), ("Ada's game", 8))
        self.assertEqual((builder.batch_size, builder.queue_size), (32, 256))
        self.assertEqual(
            (builder.ice_servers, builder.insecure, builder.threaded), (None, False, True)
        )

    def test_signalling(self) -> None:
        """A bad endpoint, and one that others can listen to."""
        for bad in ("", "nowhere", "tcp:host:port", "tls:", "carrier-pigeon:7770"):
            self.refused(BadAddress, repr(bad), bad, "Ada")
        self.refused(BadSetting, "signalling must be an endpoint description", 7770, "Ada")
        self.refused(InsecureConnection, "use a tls: endpoint", "tcp:example.org:7770", "Ada")
        SessionBuilder("tcp:example.org:7770", "Ada", insecure=True)
        SessionBuilder("tls:example.org:7770", "Ada")

    def test_names(self) -> None:
        """Names are those that the lobby takes."""
        for bad in ("", " Ada", "A" * 33, "A\nB", None, b"Ada", "\ufdd0"):
            self.refused(BadSetting, "player_name", LOBBY, bad)
        for bad in ("", "x" * 65, "a\u202eb", 7):
            self.refused(BadSetting, "session_name", session_name=bad)
        SessionBuilder(LOBBY, "A" * 32, session_name="x" * 64)
        self.assertEqual(SessionBuilder(LOBBY, "A" * 32).session_name, "A" * 32 + "'s game")

    def test_iceServers(self) -> None:
        """URLs are read and refused as they are given; credentials are never shown."""
        relay = IceServer.parse("turn:192.0.2.1", "ada", "sesame")
        builder = SessionBuilder(LOBBY, "Ada", ice_servers=["stun:stun.example.org", relay])  # type: ignore[list-item]
        assert builder.ice_servers is not None
        self.assertEqual([server.scheme for server in builder.ice_servers], ["stun", "turn"])
        self.assertNotIn("sesame", repr(builder))
        for bad in ("http://example.org", "stun:", "stun:host:0", "turn:relay.example.org"):
            self.refused(BadSetting, repr(bad), ice_servers=[bad])
        self.refused(BadSetting, "must be a text", ice_servers=[7])
        for unusable, why in (
            ("turn:relay.example.org", "needs a numeric address"),
            ("turn:192.0.2.1?transport=tcp", "over UDP alone"),
            ("turns:192.0.2.1", "over UDP alone"),
        ):
            servers = [IceServer.parse(unusable, "ada", "sesame")]
            self.refused(BadSetting, why, ice_servers=servers)
        self.refused(BadSetting, "ice_servers must be a list", ice_servers="stun:example.org")
        self.refused(BadSetting, "ice_servers must be a list", ice_servers=7)
        many = ["stun:stun.example.org"] * (SERVERS_LIMIT + 1)
        self.refused(BadSetting, f"at most {SERVERS_LIMIT} servers", ice_servers=many)
        SessionBuilder(LOBBY, "Ada", ice_servers=many[1:])  # type: ignore[arg-type]

    def test_sizes(self) -> None:
        """Seed row K6: batch and queue size are settings, with bounds."""
        for name, lowest, highest in (
            ("batch_size", 1, 4096),
            ("queue_size", 1, 65_536),
            ("capacity", 1, SEATS_LIMIT),
        ):
            for good in (lowest, highest):
                SessionBuilder(LOBBY, "Ada", **{name: good})  # type: ignore[arg-type]
            for bad in (lowest - 1, highest + 1, 1.0, None, True, "1"):
                self.refused(BadSetting, f"{name} must be a whole number", **{name: bad})

    def test_flags(self) -> None:
        """True and false, and nothing that merely looks so."""
        for name in ("insecure", "threaded"):
            for bad in (1, 0, None, "no"):
                self.refused(BadSetting, f"{name} must be true or false", **{name: bad})

    def test_slowPoll(self) -> None:
        """The time that is too rarely has bounds as well."""
        self.assertRaises(BadSetting, PolledSettings, slow_poll=0)
        self.assertEqual(PolledSettings().slow_poll, 1.0)


class BeginTests(SynchronousTestCase):
    """Seed row K1: build a host or a guest; the host gets a session id to share."""

    def setUp(self) -> None:
        """Put a loop of ours in the place of the process's, and a lobby behind it."""
        self.loop = HandTurnedLoop()
        self.wanted: list[bool] = []
        self.reached: list[SessionPlan] = []

        def loopOf(threaded: bool) -> HandTurnedLoop:
            self.wanted.append(threaded)
            return self.loop

        def connect(machine: Any, plan: SessionPlan) -> Deferred[Any]:
            self.reached.append(plan)
            return Deferred()

        self.patch(session_builder, "processLoop", loopOf)
        self.patch(session_builder, "_connect", connect)

    def test_host(self) -> None:
        """A host's plan says what it opens."""
        session = SessionBuilder(LOBBY, "Ada", session_name="tag", capacity=3, queue_size=7).host()
        self.assertIsNone(session.session_id)
        self.assertEqual(self.reached, [])
        self.loop.run()
        (plan,) = self.reached
        self.assertEqual((plan.signalling, plan.player_name, plan.join), (LOBBY, "Ada", None))
        self.assertEqual((plan.session_name, plan.capacity), ("tag", 3))
        self.assertEqual((plan.ice_servers, plan.insecure), (None, False))
        self.assertEqual(plan.settings, PolledSettings(queue_size=7))

    def test_join(self) -> None:
        """A guest's says what it joins, as people write it or as a value."""
        builder = SessionBuilder(LOBBY, "Grace", threaded=False)
        for written in (DIGITS, str(SessionId(DIGITS)), SessionId(DIGITS)):
            builder.join(written)
        self.loop.run()
        self.assertEqual([plan.join for plan in self.reached], [SessionId(DIGITS)] * 3)
        self.assertEqual(self.wanted, [False] * 3)

    @settings(deadline=None)
    @given(st.one_of(st.text(), st.integers(), st.binary(), st.none()))
    def test_badSessionId(self, written: Any) -> None:
        """Anything else is C{InvalidSessionId}, whose text says what to check."""
        builder = SessionBuilder(LOBBY, "Grace")
        error = self.assertRaises(InvalidSessionId, builder.join, written)
        self.assertIn("check that all of it was copied", str(error))

    def test_nothingHappensForABadOne(self) -> None:
        """No loop is begun for an id that is none."""
        self.assertRaises(InvalidSessionId, SessionBuilder(LOBBY, "Grace").join, DIGITS[:-1])
        self.assertEqual(self.wanted, [])


class ForeignReactorTests(SynchronousTestCase):
    """A process whose reactor belongs to somebody else, such as this one."""

    def test_itRuns(self) -> None:
        """Where the reactor runs, C{gamenet.match} is the way; the text says so."""
        from gamenet.polled import loops

        class Running:
            running = True

        for kind in (loops.ThreadLoop, loops.CallingLoop):
            error = self.assertRaises(LocalProtocolError, kind, Running())
            self.assertIn("use gamenet.match", str(error))
