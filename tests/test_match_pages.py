"""The pages on effects and drawing, and on matches, run as they are printed."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from textwrap import dedent
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

import gamenet.errors
import gamenet.match
from gamenet.event_log import errors as event_log_errors
from gamenet.lobby.settings import LobbyClientSettings
from gamenet.match import MatchResult, MatchSettings, Outcome, SignatureState
from gamenet.match.session_settings import SessionSettings
from gamenet.match.shared_match import SharedMatch
from gamenet.mesh.resume_secret import BadResumeSecret
from gamenet.replay.playback import Playback
from gamenet.replay.replay import Replay
from gamenet.rollback.effects import EffectTracker
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WorldMachine
from gamenet.world.network import WorldNetwork
from tests.scenes import LOBBY, HashGame, Servers, TwoPlayers, seatedPlayers

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:    .*\n|\n)+)", re.MULTILINE)


def printed(page: str) -> dict[str, Any]:
    """Return the names that a page's code blocks define, run one after the other."""
    namespace: dict[str, Any] = {"__name__": page}
    for source in BLOCK.findall((DOCS / f"{page}.rst").read_text()):
        exec(compile(dedent(source), page, "exec"), namespace)
    return namespace


class DrawingPageTests(SynchronousTestCase):
    """Done when: each example of a page runs as a test."""

    def setUp(self) -> None:
        """Begin the printed game on both sides."""
        self.names = printed("drawing")
        self.scene: TwoPlayers = seatedPlayers(latency=0.12)
        self.players = [self.names["BouncePlayer"]() for _ in range(2)]
        self.files: list[list[bytes]] = [[], []]
        self.playing: list[Deferred[MatchResult]] = [
            self.names["play"](seat.session, player, file.append)
            for seat, player, file in zip(
                self.scene.seats, self.players, self.files, strict=True
            )
        ]

    def test_effects(self) -> None:
        """What is heard in the end is what happened in the match, on both sides."""
        results = [self.scene.network.runUntil(each, 30.0) for each in self.playing]
        self.assertEqual([each.outcome for each in results], [Outcome.FINISHED] * 2)
        replay = Replay.read(self.files[0])
        self.assertEqual(self.files[0], self.files[1])
        digest = MatchSettings(frames=600, rules="bounce 1.0").digest(2)
        self.assertEqual(replay.header.digest, digest)
        effects = EffectTracker()
        game = self.names["Bounce"](effects)
        happened = []
        for index in range(len(replay.records)):
            for inputs in replay.inputs(index):
                effects.begin(effects.newest_frame + 1)
                game.advance(inputs)
                happened += [
                    (each.frame, each.key, each.payload)
                    for each in effects.settle(effects.newest_frame - 1)
                    if type(each).__name__ == "Played"
                ]
        self.assertGreater(len(happened), 5)
        for player in self.players:
            self.assertEqual(sorted(player.sounds.values()), sorted(happened))
        self.assertGreater(sum(player.cancelled for player in self.players), 0)
        playback = Playback(replay, self.names["Bounce"](_Deaf()), digest=digest)
        self.assertIsNone(playback.verify())

    def test_drawing(self) -> None:
        """Between two frames the balls are drawn at places in between."""
        network = self.scene.network
        network.runUntil(lambda: self.players[0].match is not None, 10.0)
        network.advance(1.0)
        shown = []
        for _ in range(8):
            network.advance(1 / 240)
            with redirect_stdout(StringIO()) as screen:
                self.names["draw"](self.players[0].match)
            shown.append(screen.getvalue())
        self.assertEqual(len(shown[0].splitlines()), 2)
        self.assertRegex(shown[0], r"^ball 0 at \d+\.\d, 100\.0\n")
        self.assertGreater(len(dict.fromkeys(shown)), 6)


class _Deaf:
    """Something to announce effects to that nobody wants to hear."""

    def announce(self, key: object, payload: object) -> None:
        """Do nothing."""


class MatchPageTests(SynchronousTestCase):
    """Done when: each example of a page runs as a test; the page of matches."""

    def setUp(self) -> None:
        """Read the page, and open a lobby and a relay."""
        self.names = printed("match")
        self.network = WorldNetwork(1)
        self.profile = LinkProfile(latency=0.01)
        self.servers = Servers(self.network, self.profile)
        self.text = (DOCS / "match.rst").read_text()

    def machine(self, name: str) -> WorldMachine:
        """Return one more machine of a player."""
        place = len(self.network.machines) + 1
        name = name if name not in self.network.machines else f"{name} {place}"
        return self.network.machine(name, f"198.51.{100 + place}.1", profile=self.profile)

    def begin(self, name: str, *arguments: Any) -> Deferred[Any]:
        """Call a coroutine of the page on a machine of its own."""
        return Deferred.fromCoroutine(self.names[name](self.machine(name), *arguments))

    def joined(self, name: str, session_id: str, player: Any) -> Deferred[MatchResult]:
        """Have somebody join as the page says."""
        return self.begin("join", LOBBY, name, session_id, HashGame(4), player)

    def awaitLine(self, player: Any, line: str) -> None:
        """Let time pass until a player was told something."""
        self.network.runUntil(lambda: line in player.lines, 10.0)

    def sessionId(self) -> str:
        """Return the id of the one session, when it is there."""
        sessions = self.servers.factory.directory.sessions.by_id
        self.network.runUntil(lambda: bool(sessions), 10.0)
        return next(iter(sessions))

    def test_tenLines(self) -> None:
        """Ten lines host and join; the result is signed by both, and all know of the match."""
        ada, grace = (self.names["RacePlayer"]() for _ in range(2))
        playing = [self.begin("host", LOBBY, HashGame(4), ada)]
        playing.append(self.joined("Grace", self.sessionId(), grace))
        results = [self.network.runUntil(each, 30.0) for each in playing]
        self.assertEqual([each.outcome for each in results], [Outcome.FINISHED] * 2)
        self.assertEqual([each.last_frame for each in results], [899] * 2)
        self.assertEqual(results[0].checksum, results[1].checksum)
        for result in results:
            states = [each.state for each in result.signatures]
            self.assertEqual(states, [SignatureState.GIVEN] * 2)
        for player in (ada, grace):
            self.assertEqual(player.lines[0], "1 ...")
            self.assertIn("ActivityStarted", player.lines)
            self.assertEqual(player.lines.count("Chat"), 2)

    def test_several(self) -> None:
        """Two at one machine and one at another play to the same end."""
        couch, grace = (self.names["RacePlayer"]() for _ in range(2))
        pressed: list[int] = []

        def localInput(player: int, frame: int) -> bytes:
            pressed.append(player)
            return bytes([player])

        couch.localInput = localInput
        playing = [self.begin("host_two", LOBBY, HashGame(4), couch)]
        playing.append(self.joined("Grace", self.sessionId(), grace))
        results = [self.network.runUntil(each, 40.0) for each in playing]
        self.assertEqual([each.last_frame for each in results], [899] * 2)
        self.assertEqual(results[0].checksum, results[1].checksum)
        self.assertEqual(set(pressed), {1, 2})
        self.assertEqual(results[1].player, 3)

    def test_comingBack(self) -> None:
        """A process that dies comes back with its secret, the lobby gone; and one comes late."""
        ada, grace, eve, back = (self.names["RacePlayer"]() for _ in range(4))
        hosting = self.begin("host", LOBBY, HashGame(4), ada)
        session_id = self.sessionId()
        joining = self.joined("Grace", session_id, grace)
        self.network.runUntil(lambda: bool(grace.secret), 10.0)
        late = self.joined("Eve", session_id, eve)
        for player in (ada, grace):
            self.awaitLine(player, "player 3 is here")
        hosting.addErrback(lambda failure: None)
        self.network.machines["host"].stop()
        self.servers.lobby_machine.stop()
        returned = self.begin("rejoin", ada.secret, HashGame(4), back)
        results = [self.network.runUntil(each, 40.0) for each in (joining, late, returned)]
        self.assertEqual([each.last_frame for each in results], [899] * 3)
        self.assertEqual(len({each.checksum for each in results}), 1)

    def test_sharing(self) -> None:
        """A table is shared: the host at once, and a guest who says something."""
        session_id, table = self.network.runUntil(self.begin("open_table", LOBBY), 10.0)
        guest = self.network.runUntil(self.begin("sit_down", LOBBY, "Grace", session_id), 10.0)
        for each in (table, guest):
            assert isinstance(each, SharedMatch)
            state = each.state
            assert state is not None
            self.assertEqual([one.name for one in state.participants], ["Ada", "Grace"])
        for each in (table, guest):
            self.network.runUntil(each.leave(), 5.0)

    def test_log(self) -> None:
        """K10: every line that the page tells is one that the match writes."""
        rooms = [DOCS.parent / "gamenet" / name for name in ("match", "mesh")]
        source = "".join(each.read_text() for room in rooms for each in sorted(room.glob("*.py")))
        table = self.text[self.text.index("The log\n---") : self.text.index("What is not there")]
        lines = re.findall(r"^``(.+?)`` ", table, re.MULTILINE)
        self.assertEqual(len(lines), 9)
        for line in lines:
            self.assertTrue(line in source, line)

    def test_errors(self) -> None:
        """K9: every error that the page names is one, and its limit is the default."""
        table = self.text[self.text.index("Errors\n------") :]
        named = re.findall(r"^([A-Z]\w+) +(at once|--|[\d.]+)", table, re.MULTILINE)
        rooms = (gamenet.errors, gamenet.match, event_log_errors)
        for name, _ in named:
            error = next((vars(room)[name] for room in rooms if name in vars(room)), None)
            if name == "BadResumeSecret":
                error = BadResumeSecret
            assert error is not None, name
            self.assertTrue(issubclass(error, gamenet.errors.GamenetError), name)
        limits = dict(named)
        match, shared, lobby = MatchSettings(), SessionSettings(), LobbyClientSettings()
        for name, limit in (
            ("ConnectionFailed", lobby.connect_timeout),
            ("RequestTimedOut", lobby.request_timeout),
            ("IdentityTimeout", shared.identity_timeout),
            ("PeerTimeout", shared.peer_timeout),
            ("SyncTimeout", shared.sync_timeout),
            ("NoPath", match.start_timeout),
            ("NotLoaded", match.load_timeout),
            ("NoSeat", match.grace),
            ("PeerLost", match.lost_after),
            ("SubmitQueueFull", shared.log.queue),
        ):
            self.assertEqual(float(limits[name]), limit, name)
        for name in gamenet.match.__all__:
            value = getattr(gamenet.match, name)
            if isinstance(value, type) and issubclass(value, gamenet.errors.GamenetError):
                self.assertIn(name, limits)
