"""
Somebody without a seat, on the links of a mesh: a spectator follows a match of three that
whoever has room serves, and goes on with another host when that one is lost.
"""

from __future__ import annotations

from typing import Any

from gamenet.errors import RemoteProtocolError
from gamenet.feed.events import HostChanged, HostRefused
from gamenet.mesh.resume_secret import decodeResumeSecret
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.timeline import Timeline
from gamenet.spectator.session import SpectatorSession
from gamenet.spectator.settings import SpectatorSettings
from gamenet.wire.peer_packets import Inputs
from tests.mesh_world import FRAME, MeshPlayer, MeshWorld
from tests.rollback_mesh import held
from tests.rollback_pipe import HashGame
from tests.test_mesh_mesh import MeshTestCase

#: A spectator's number: above those of all seats.
SPECTATOR = 17


class _Screen:
    """A session on the links of a player of a mesh; what it confirmed, and was told."""

    def __init__(self, player: MeshPlayer, session: Any) -> None:
        self.player, self.session = player, session
        self.game = HashGame()
        self.timeline = Timeline(self.game, session)
        self.confirmed: dict[int, FrameConfirmed] = {}
        self.events: list[object] = []
        self.refused = 0
        player.hear = self.hear

    def hear(self, player: int, body: bytes) -> None:
        """Give the session a body."""
        try:
            self.session.packetReceived(player, body, self.player.machine.clock.seconds())
        except RemoteProtocolError:
            self.refused += 1

    def tick(self) -> None:
        """A frame is due."""
        session, now = self.session, self.player.machine.clock.seconds()
        inputs = None
        if isinstance(session, RollbackSession):
            number = self.player.number
            frame = session.inputFrame(number)
            inputs = None if frame is None else {number: held(number, frame)}
        self.timeline.apply(session.advance(inputs, now))
        for event in session.drainEvents():
            if isinstance(event, FrameConfirmed):
                self.confirmed[event.frame] = event
            else:
                self.events.append(event)
        for to, body in session.packetsDue(now):
            self.player.mesh.send(to, Inputs(body))


class SpectatorTests(MeshTestCase):
    """With a ticket that is made up: no lobby gives one yet."""

    def begin(self, seed: int, **own: Any) -> None:
        """Have three players meet and play for five seconds."""
        world = self.start(MeshWorld(seed, 3))
        self.screens: dict[int, _Screen] = {}
        for number, player in world.players.items():
            settings = RollbackSettings(players=3, local_player=number, **own)
            self.digest = settings.digest()
            session = RollbackSession(settings, transfer=player.mesh.transfer)
            self.screens[number] = _Screen(player, session)
        self.play(5.0)

    def look(self, number: int = SPECTATOR, hosts: tuple[int, ...] = (1, 2, 3)) -> _Screen:
        """Have a spectator come."""
        player = self.world.join(number, seats=16)
        settings = SpectatorSettings(players=3, hosts=hosts, digest=self.digest)
        screen = _Screen(player, SpectatorSession(settings, player.mesh.transfer))
        self.screens[number] = screen
        return screen

    def play(self, seconds: float) -> None:
        """Let everybody who runs play on."""
        end = self.world.network.clock.now + seconds
        while self.world.network.clock.now < end:
            for screen in self.screens.values():
                if not screen.player.machine.clock.stopped:
                    screen.player.machine.clock.enter(lambda each: each.tick(), screen)
            self.world.network.advance(FRAME)

    def assertFollows(self, screen: _Screen, since: float = 3.0) -> None:
        """The spectator plays what the players play, and is at most so many seconds behind."""
        player = next(
            each for each in self.screens.values()
            if each.player.number <= 3 and not each.player.machine.clock.stopped
        )
        frames = sorted(screen.confirmed)
        self.assertEqual(frames, list(range(frames[0], frames[-1] + 1)))
        self.assertLess(max(player.confirmed) - frames[-1], since / FRAME)
        for frame in frames:
            self.assertEqual(screen.confirmed[frame].inputs, player.confirmed[frame].inputs)
        self.assertEqual(screen.refused, 0)

    def test_follows(self) -> None:
        """
        Spectators served by whoever has room: one that comes after five seconds gets a
        snapshot over the channel, and sees every frame from there on as the players played it.
        """
        self.begin(1, history_limit=120)
        screen = self.look()
        self.play(8.0)
        self.assertFollows(screen)
        self.assertGreater(min(screen.confirmed), 0)
        self.assertEqual(sorted(screen.player.mesh.links), [1, 2, 3])
        for number in (1, 2, 3):
            self.assertEqual(self.screens[number].refused, 0)

    def test_hostDies(self) -> None:
        """When the host dies that serves it, a spectator goes on with another, without a gap."""
        self.begin(2, lost_after=2.0)
        screen = self.look()
        self.play(6.0)
        host = screen.session.follower.host
        self.screens[host].player.crash()
        self.play(12.0)
        self.assertNotEqual(screen.session.follower.host, host)
        changes = [event for event in screen.events if isinstance(event, HostChanged)]
        self.assertGreaterEqual(len(changes), 1)
        self.assertFollows(screen)

    def test_room(self) -> None:
        """Whoever has no room for another says so, and the next one serves it."""
        self.begin(3, followers_limit=1)
        first, second = self.look(17), self.look(18)
        self.play(8.0)
        hosts = {screen.session.follower.host for screen in (first, second)}
        self.assertEqual(len(hosts), 2)
        self.assertTrue(any(isinstance(event, HostRefused) for event in second.events))
        for screen in (first, second):
            self.assertFollows(screen)
        self.assertEqual(sorted(second.player.mesh.links), [1, 2, 3])

    def test_introduced(self) -> None:
        """A player without a lobby learns of a spectator by the others, and can serve it."""
        self.begin(4)
        self.world.players[1].online = False
        screen = self.look(hosts=(1,))
        self.play(8.0)
        self.assertEqual([each.player for each in self.world.players[1].newcomers], [SPECTATOR])
        self.assertFollows(screen)

    def test_secret(self) -> None:
        """Who has no seat is not in a resume secret; a process that returns is told of them."""
        self.begin(5)
        self.look()
        self.play(1.0)
        secret = self.world.players[2].mesh.resumeSecret()
        members = decodeResumeSecret(secret).ticket.members
        self.assertEqual([member.player for member in members], [1, 2, 3])
        self.world.players[2].crash()
        del self.screens[2]
        self.play(3.0)
        player = self.world.comeBack(2, secret)
        self.play(3.0)
        self.assertEqual([each.player for each in player.newcomers], [SPECTATOR])
        self.assertEqual(sorted(player.mesh.links), [1, 3, SPECTATOR])
