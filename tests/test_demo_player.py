"""
Tests for L{gamenet.demo.player}, with a match that only exists in the test; the
process itself is tested in L{tests.test_demo_sockets}.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from zlib import crc32

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo import player as player_module
from gamenet.demo.briefing import Briefing, ReturnBriefing
from gamenet.demo.player import LOOPBACK, ParentLines, playBriefing, servePlayer
from gamenet.demo.script import SECRET_LENGTH, PlayerScript
from gamenet.errors import NoPath
from gamenet.match.protocol import Outcome
from tests.test_demo_impairment import RecordingMachine

__all__ = ["PlayBriefingTests"]

BRIEFING = Briefing(
    1, 2, "Ada", "tcp:127.0.0.1:5", 3, True, None, 0.040, 0.0, 0.0, "5a" * 32, road_seed=7
)

RETURN = ReturnBriefing("5ec7e7", 2, 3, 0.040, 0.0, 0.0, road_seed=7, lost_after=3.0)

STATISTICS = SimpleNamespace(
    path="relay",
    round_trip=0.08,
    rollbacks=2,
    deepest_rollback=3,
    stalls=1,
    packets_direct=4,
    packets_relayed=5,
    packets_sent=10,
    bytes_sent=600,
    duration=0.05,
)


class FakePlayer:
    """
    A connected player whose match is over at once.

    @ivar asked: What was asked of it, in order.
    @ivar ending: What play comes to.
    """

    session_id = "5e" * 8

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.number = 1
        self.outcome = Outcome.FINISHED
        self.checksum: int | None = None
        self.ending: Deferred[Any] | None = None
        self.links: list[SimpleNamespace] = []
        self.pressed: list[bytes] = []

    def connect(self, machine: Any, lobby: str, name: str, **options: object) -> Deferred[Any]:
        """Connect, with a game socket."""
        self.asked.append(("connect", lobby, name, options))
        self.socket = machine.openDatagramSocket(lambda data, address: None, LOOPBACK)
        return succeed(self)

    def createSession(self, title: str, capacity: int, minimum: int) -> Deferred[Any]:
        """Create a session."""
        self.asked.append(("create", capacity, minimum))
        return succeed(self)

    def joinSession(self, session_id: str) -> Deferred[Any]:
        """Join a session."""
        self.asked.append(("join", session_id))
        return succeed(self)

    def play(
        self, simulation: Any, protocol: Any, settings: Any, log: Any = None
    ) -> Deferred[Any]:
        """Play as many frames as asked for, without anybody."""
        if self.ending is not None:
            return self.ending
        self.settings = settings
        simulation.begin(3)
        others = [b""] * (simulation.arena.players - 1)
        for frame in range(settings.frames):
            self.pressed.append(protocol.localInput(1, frame))
            simulation.advance([self.pressed[-1], *others])
        checksum = crc32(simulation.save()) if self.checksum is None else self.checksum
        return succeed(
            SimpleNamespace(
                player=self.number,
                outcome=self.outcome,
                last_frame=settings.frames - 1,
                checksum=checksum,
                statistics=SimpleNamespace(**vars(STATISTICS), links=self.links),
            )
        )

    def leave(self) -> Deferred[None]:
        """Leave, and close the socket."""
        self.asked.append(("leave",))
        self.socket.close()
        return succeed(None)

    def close(self) -> Deferred[None]:
        """Say farewell and close the socket."""
        self.asked.append(("close",))
        self.socket.send(b"farewell", (LOOPBACK, 9))
        self.socket.close()
        return succeed(None)


class PlayBriefingTests(SynchronousTestCase):
    """From the briefing to the result."""

    def setUp(self) -> None:
        """Prepare a player, and a pipe to its parent."""
        self.machine = RecordingMachine()
        self.player = FakePlayer()
        self.patch(player_module, "connect", self.player.connect)
        self.parent = ParentLines()
        self.pipe = StringTransport()
        self.parent.makeConnection(self.pipe)

    @property
    def reports(self) -> list[dict[str, Any]]:
        """What the parent was told."""
        return [json.loads(line) for line in self.pipe.value().splitlines()]

    def begin(self, briefing: Briefing) -> Deferred[Outcome]:
        """Do what a briefing says."""
        return Deferred.fromCoroutine(playBriefing(self.machine, briefing, self.parent))

    def test_host(self) -> None:
        """Player 1 opens a session of as many seats as there are players, and tells its id."""
        playing = self.begin(BRIEFING)
        self.machine.clock.advance(1)
        self.assertIs(self.successResultOf(playing), Outcome.FINISHED)
        self.assertEqual(
            self.player.asked,
            [
                (
                    "connect",
                    "tcp:127.0.0.1:5",
                    "Ada",
                    {"relay_only": True, "interface": "127.0.0.1"},
                ),
                ("create", 2, 2),
                ("close",),
            ],
        )
        self.assertEqual(self.reports[0], {"event": "session", "session": "5e" * 8})
        result = self.reports[-1]
        self.assertEqual(
            (result["event"], result["outcome"], result["last_frame"], result["path"]),
            ("result", "finished", 2, "relay"),
        )
        self.assertEqual((result["score"], result["stalls"]), (0, 1))

    def test_guest(self) -> None:
        """Another player joins the session that its parent names, once it does."""
        self.player.number = 2
        playing = self.begin(evolve(BRIEFING, player=2))
        self.assertNoResult(playing)
        self.parent.dataReceived(b"ab" * 8 + b"\n")
        self.machine.clock.advance(1)
        self.successResultOf(playing)
        self.assertEqual(self.player.asked[1], ("join", "ab" * 8))
        self.assertEqual([report["event"] for report in self.reports], ["member", "result"])

    def test_unsettledScore(self) -> None:
        """Points are told only of a state that is confirmed."""
        self.player.checksum = 1
        self.begin(BRIEFING)
        self.assertIsNone(self.reports[-1]["score"])

    def test_farewellArrives(self) -> None:
        """The process does not end while its last words are still on the road."""
        playing = self.begin(BRIEFING)
        (below,) = self.machine.sockets
        self.machine.clock.advance(0.039)
        self.assertNoResult(playing)
        self.assertEqual(below.sent, [])
        self.machine.clock.advance(0.002)
        self.successResultOf(playing)
        self.assertEqual([entry[1] for entry in below.sent], [b"farewell"])
        self.assertTrue(below.closed)

    def test_failure(self) -> None:
        """Whatever goes wrong comes out by its name, after everything was closed."""
        self.player.ending = fail(NoPath("no way"))
        playing = self.begin(BRIEFING)
        self.machine.clock.advance(1)
        self.failureResultOf(playing, NoPath)
        self.assertEqual(self.player.asked[-1], ("close",))
        self.assertEqual([report["event"] for report in self.reports], ["session"])

    def test_status(self) -> None:
        """The process is content only with a match that was played to its end."""
        for outcome in Outcome:
            self.setUp()
            self.player.outcome = outcome
            running = Deferred.fromCoroutine(servePlayer(self.machine, self.parent))
            self.parent.dataReceived(BRIEFING.asLine())
            self.machine.clock.advance(1)
            self.assertEqual(
                self.successResultOf(running), 0 if outcome is Outcome.FINISHED else 1
            )

    def test_namedFailure(self) -> None:
        """An error is told to the parent by its name, and the status is 1."""
        self.player.ending = fail(NoPath("no way"))
        running = Deferred.fromCoroutine(servePlayer(self.machine, self.parent))
        self.parent.dataReceived(BRIEFING.asLine())
        self.machine.clock.advance(1)
        self.assertEqual(self.successResultOf(running), 1)
        self.assertEqual(
            self.reports[-1], {"event": "failed", "error": "NoPath", "text": "no way"}
        )

    def returning(self, player: FakePlayer) -> Deferred[int]:
        """Come back in the place of a killed player 1, to play on in a match of its."""

        def rejoin(machine: Any, secret: bytes, *, interface: str) -> Deferred[Any]:
            self.asked = (secret, interface)
            player.socket = machine.openDatagramSocket(lambda data, address: None, interface)
            return succeed(player)

        self.patch(player_module, "rejoin", rejoin)
        return Deferred.fromCoroutine(servePlayer(self.machine, self.parent, returning=True))

    def test_return(self) -> None:
        """
        Done when: a new process that gets its resume secret and no script of the past.  What
        it presses is drawn from a secret of its own.
        """
        running = self.returning(self.player)
        self.parent.dataReceived(RETURN.asLine())
        self.machine.clock.advance(1)
        self.assertEqual(self.successResultOf(running), 0)
        self.assertEqual(self.asked, (b"\x5e\xc7\xe7", LOOPBACK))
        self.assertEqual(self.player.asked, [("leave",)])
        (result,) = self.reports
        self.assertEqual((result["event"], result["player"]), ("result", 1))
        settings = self.player.settings
        self.assertEqual((settings.lost_after, settings.plays_alone), (3.0, True))
        self.assertEqual(settings.countdown, 0.0)
        script = PlayerScript(self.machine.randomBytes(SECRET_LENGTH))
        self.assertEqual(self.player.pressed, [script.nextInput() for _ in range(3)])

    def test_returnFails(self) -> None:
        """Bad input: a secret that is none is named, and the status is 1."""
        running = self.returning(self.player)
        self.parent.dataReceived(evolve(RETURN, resume="xyz").asLine())
        self.assertEqual(self.successResultOf(running), 1)
        (failed,) = self.reports
        self.assertEqual((failed["event"], failed["error"]), ("failed", "ValueError"))

    def test_briefingOfTheFirst(self) -> None:
        """Bad input: whoever comes back understands no other briefing, and the reverse."""
        for returning, line in ((True, BRIEFING.asLine()), (False, RETURN.asLine())):
            self.setUp()
            running = Deferred.fromCoroutine(servePlayer(self.machine, self.parent, returning))
            self.parent.dataReceived(line)
            self.assertEqual(self.successResultOf(running), 1)

    def test_links(self) -> None:
        """The result tells the way to each other player."""
        self.player.links = [
            SimpleNamespace(player=2, kind="direct", round_trip=0.08),
            SimpleNamespace(player=3, kind="none", round_trip=None),
        ]
        self.begin(evolve(BRIEFING, players=3))
        self.assertEqual(
            self.reports[-1]["links"], [[2, "direct", 0.08], [3, "none", None]]
        )

    def test_linesWait(self) -> None:
        """Lines that the parent writes before anybody asks are kept, in order."""
        self.parent.dataReceived(b"one\ntwo\nthr")
        self.assertEqual(self.successResultOf(self.parent.nextLine()), b"one")
        self.assertEqual(self.successResultOf(self.parent.nextLine()), b"two")
        waiting = self.parent.nextLine()
        self.assertNoResult(waiting)
        self.parent.dataReceived(b"ee\n")
        self.assertEqual(self.successResultOf(waiting), b"three")
