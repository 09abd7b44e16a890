"""
What a subclass of the lobby's protocol is told, and what becomes of one that raises.
"""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.moments import LobbyMoments
from gamenet.lobby.protocol import LobbyProtocol
from gamenet.wire.lobby_messages import (
    CreateSession,
    Done,
    EndMatch,
    Farewell,
    Hello,
    JoinSession,
    LeaveSession,
    ListSessions,
    MatchTicket,
    OfferResult,
    ReportHost,
    ResultSignature,
    SessionClosed,
    SessionList,
    SessionState,
    StartMatch,
    Welcome,
)
from tests.lobby_wire import KEY, ProtocolCase, Wire

MOMENTS = (
    "clientGreeted",
    "sessionCreated",
    "memberJoined",
    "memberLeft",
    "matchStarted",
    "matchOver",
    "hostReported",
    "resultOffered",
    "clientLost",
)


#: The host joins nobody's session, and the guest creates none; the host alone reports.
NEVER = (
    ("memberJoined", "Ada"),
    ("sessionCreated", "Bob"),
    ("hostReported", "Bob"),
)


class Diarist(LobbyProtocol):
    """Writes down each moment with the player's name; raises in one if it is told to."""

    diary: ClassVar[list[tuple[str, str, Any]]] = []
    raises: ClassVar[tuple[str, str]] = ("", "")

    def note(self, moment: str, detail: Any) -> None:
        self.diary.append((self.name, moment, detail))
        if self.raises in ((self.name, moment), ("everybody", moment)):
            raise RuntimeError(f"{moment} went wrong")

    def clientGreeted(self, name: str) -> None:
        self.note("clientGreeted", name)

    def sessionCreated(self, view: Any) -> None:
        self.note("sessionCreated", view.title)

    def memberJoined(self, view: Any) -> None:
        self.note("memberJoined", [member.name for member in view.members])

    def memberLeft(self, session_id: str, reason: str) -> None:
        if len(session_id) != 16:
            raise ValueError(session_id)
        self.note("memberLeft", reason)

    def matchStarted(self, ticket: Any) -> None:
        self.note("matchStarted", ticket.player)

    def matchOver(self, match_id: bytes) -> None:
        self.note("matchOver", len(match_id))

    def hostReported(self, match_id: bytes, epoch: Any, players: Any) -> None:
        self.note("hostReported", (len(match_id), epoch, players))

    def resultOffered(self, offered: Any, differs: bool) -> None:
        self.note("resultOffered", (offered.result, offered.missing, differs))

    def clientLost(self, reason: str) -> None:
        self.note("clientLost", reason)


class MomentsCase(ProtocolCase):
    """A lobby with a diary."""

    protocol = Diarist

    def setUp(self) -> None:
        super().setUp()
        Diarist.diary = []
        Diarist.raises = ("", "")

    def enter(self, name: str) -> Wire:
        wire = self.open()
        wire.say(Hello(1, 1, 1, name, KEY, KEY))
        return wire

    def live(self) -> tuple[Wire, Wire]:
        """Let a host and a guest go through everything that can happen to them."""
        host, guest = self.enter("Ada"), self.enter("Bob")
        host.say(CreateSession(2, "a game", 2, 2))
        states = [m for m in host.heard() if isinstance(m, SessionState)]
        session_id = states[0].view.session_id if states else "0" * 16
        guest.say(JoinSession(2, session_id))
        host.say(StartMatch(3))
        tickets = [m for m in host.heard() if isinstance(m, MatchTicket)]
        match_id = tickets[0].match_id if tickets else bytes(16)
        host.say(ReportHost(6, match_id, 1, 1, (1, 2)))
        guest.say(OfferResult(7, match_id, b"won", ()))
        host.say(OfferResult(7, match_id, b"lost", (ResultSignature(1, bytes(64)),)))
        host.say(EndMatch(4, match_id))
        host.say(LeaveSession(5))
        host.lose()
        return host, guest


class MomentsTests(MomentsCase):
    """The moments, in their order."""

    def test_diary(self) -> None:
        """Every moment is told to the protocol of the one it happens to, the last at the end."""
        self.live()
        self.assertEqual(
            Diarist.diary,
            [
                ("Ada", "clientGreeted", "Ada"),
                ("Bob", "clientGreeted", "Bob"),
                ("Ada", "sessionCreated", "a game"),
                ("Bob", "memberJoined", ["Ada", "Bob"]),
                ("Ada", "matchStarted", 1),
                ("Bob", "matchStarted", 2),
                ("Ada", "hostReported", (16, (1, 1), (1, 2))),
                ("Bob", "resultOffered", (b"won", (1, 2), False)),
                ("Ada", "resultOffered", (b"lost", (2,), True)),
                ("Ada", "matchOver", 16),
                ("Bob", "matchOver", 16),
                ("Ada", "memberLeft", "left"),
                ("Bob", "memberLeft", "the host left"),
                ("Ada", "clientLost", "lost the connection"),
            ],
        )
        self.assertEqual(self.factory.counters.matches_started, 1)
        self.assertEqual(self.factory.counters.greeted, 2)

    def test_lastMomentsOfASilentClient(self) -> None:
        """One that is lost by silence is told off as well, before its stream ends."""
        self.enter("Ada").say(CreateSession(2, "a game", 2, 2))
        self.network.advance(11)
        self.assertEqual(
            Diarist.diary[2:],
            [
                ("Ada", "memberLeft", "was silent for 10 s"),
                ("Ada", "clientLost", "was silent for 10 s"),
            ],
        )

    def test_strangersHaveNoMoments(self) -> None:
        """Who never greeted is not lost to anybody."""
        self.open().lose()
        self.assertEqual(Diarist.diary, [])

    def test_sentBeforeTold(self) -> None:
        """When a moment is told its messages have been sent."""
        heard: list[Any] = []

        class Listener(LobbyProtocol):
            def clientGreeted(self, name: str) -> None:
                heard.extend(self.transport.heard())  # type: ignore[union-attr]

        self.factory.protocol = Listener
        self.enter("Ada")
        self.assertEqual([type(message) for message in heard], [Welcome, SessionList])

    def test_defaults(self) -> None:
        """Without a subclass the moments do nothing."""
        for moment in MOMENTS:
            counts = {"memberLeft": 2, "resultOffered": 2, "hostReported": 3}
            arguments = [None] * counts.get(moment, 1)
            self.assertIsNone(getattr(LobbyMoments(), moment)(*arguments))


class RaisingMomentTests(MomentsCase):
    """A moment that raises."""

    def test_each(self) -> None:
        """
        Whichever moment raises: it is logged once with its traceback and its name, that
        client is closed with a farewell that names it, and the other goes on.
        """
        for moment in MOMENTS:
            for unlucky in ("Ada", "Bob"):
                self.checkOne(moment, unlucky)

    def checkOne(self, moment: str, unlucky: str) -> None:
        Diarist.diary = []
        Diarist.raises = (unlucky, moment)
        wires = dict(zip(("Ada", "Bob"), self.live(), strict=True))
        if moment == "clientLost":
            wires[unlucky].lose()
        happened = any(entry[:2] == (unlucky, moment) for entry in Diarist.diary)
        self.assertEqual(happened, (moment, unlucky) not in NEVER)
        errors = self.flushLoggedErrors(RuntimeError)
        failures = [event for event in self.events if "log_failure" in event]
        self.assertEqual(len(errors), int(happened), (moment, unlucky))
        self.assertEqual([event["moment"] for event in failures], [moment] * int(happened))
        other = wires["Bob" if unlucky == "Ada" else "Ada"]
        if other.connected:
            self.assertFalse(other.disconnecting)
            other.say(ListSessions(9))
            self.assertIsInstance(other.heard()[-1], SessionList)
        last = wires[unlucky].heard()[-1:]
        if happened and moment != "clientLost":
            text = f"the lobby's own {moment} failed"
            self.assertEqual(last or [Farewell(text)], [Farewell(text)])
            self.assertNotIn(wires[unlucky].protocol.client_id, self.factory.directory.clients)
        for wire in wires.values():
            wire.lose()
        self.assertEqual(self.factory.directory.clients, {})
        self.assertEqual(self.factory.directory.sessions.by_id, {})
        self.events.clear()

    def test_whatTheOthersSee(self) -> None:
        """A host whose moment raises is gone for its guest, and the guest told why."""
        Diarist.raises = ("Ada", "matchStarted")
        host, guest = self.enter("Ada"), self.enter("Bob")
        host.say(CreateSession(2, "a game", 2, 2))
        view = next(m.view for m in host.heard() if isinstance(m, SessionState))
        guest.say(JoinSession(2, view.session_id))
        guest.heard()
        host.say(StartMatch(3))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(len(self.events), 1)
        self.assertEqual(host.heard()[-1], Farewell("the lobby's own matchStarted failed"))
        self.assertEqual(
            [entry[:2] for entry in Diarist.diary[4:]],
            [
                ("Ada", "matchStarted"),
                ("Bob", "matchStarted"),
                ("Ada", "memberLeft"),
                ("Ada", "clientLost"),
            ],
        )
        ticket, playing, alone = guest.heard()
        self.assertEqual((ticket.player, playing.view.state), (2, "playing"))
        self.assertEqual([member.name for member in alone.view.members], ["Bob"])
        self.assertNotIn(SessionClosed, [type(message) for message in guest.heard()])
        guest.say(LeaveSession(4))
        self.assertEqual(guest.heard()[0], Done(4))


    def test_bothRaise(self) -> None:
        """Two that raise in one moment are two failures, neither entangled in the other."""
        Diarist.raises = ("everybody", "matchStarted")
        host, guest = self.live()
        errors = self.flushLoggedErrors(RuntimeError)
        self.assertEqual([error.value.__context__ for error in errors], [None, None])
        farewell = Farewell("the lobby's own matchStarted failed")
        self.assertEqual(guest.heard()[-1], farewell)
        self.assertTrue(host.disconnecting or not host.connected)
        self.assertEqual(self.factory.directory.clients, {})


class MomentNamesTests(SynchronousTestCase):
    """The list of moments in these tests."""

    def test_complete(self) -> None:
        """No moment is missing here."""
        names = [name for name in vars(LobbyMoments) if not name.startswith("_")]
        self.assertEqual(sorted(names), sorted([*MOMENTS, "callMoment"]))
