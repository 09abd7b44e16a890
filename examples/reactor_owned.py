"""
Tag for two: a game whose loop the reactor owns, drawn with pygame-ce.

The rules are a simulation that can be rolled back; C{gamenet.match} says when a frame is
due, and the picture is drawn in C{frameReady}.  Start a lobby, then the two players::

    twistd -n --pidfile= gamenet-lobby --listen tcp:7770:interface=127.0.0.1 --udp 127.0.0.1:7770
    python examples/reactor_owned.py host
    python examples/reactor_owned.py join

Run with the arrow keys; who is "it" is red, and hands it on by touching.  Needs pygame-ce.
"""

from __future__ import annotations

import argparse
import json
import struct
import time
from collections.abc import Sequence
from typing import Any

import pygame
from twisted.internet.task import react
from zope.interface import implementer

import gamenet.match
from gamenet.interfaces import ISimulation
from gamenet.match import MatchSettings, PeerProtocol

SIZE = (320, 240)
REACH = 12
STEPS = {b"l": (-2, 0), b"r": (2, 0), b"u": (0, -2), b"d": (0, 2)}
KEYS = {pygame.K_LEFT: b"l", pygame.K_RIGHT: b"r", pygame.K_UP: b"u", pygame.K_DOWN: b"d"}


async def host(reactor: Any, lobby: str, game: TagPlayer, settings: MatchSettings) -> Any:
    """Open a session and play as soon as somebody has come."""
    player = await gamenet.match.connect(reactor, lobby, name="Ada")
    session = await player.createSession("Ada's tag", capacity=2)
    print(f"session {session.session_id}", flush=True)
    return player, await session.play(Tag(), game, settings)


async def join(reactor: Any, lobby: str, game: TagPlayer, settings: MatchSettings) -> Any:
    """Join the first session of the lobby."""
    player = await gamenet.match.connect(reactor, lobby, name="Grace")
    session = await player.joinSession((await player.listSessions())[0].session_id)
    return player, await session.play(Tag(), game, settings)


@implementer(ISimulation)
class Tag:
    """
    The rules: from equal inputs follow equal states.

    @ivar places: Where the two are.
    @ivar it: Which of them is it.
    @ivar rest: Frames until it can be handed on again.
    """

    state = struct.Struct(">4hBB")

    def __init__(self) -> None:
        self.places = [[80, 120], [240, 120]]
        self.it, self.rest = 0, 0

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Play one frame."""
        for place, pressed in zip(self.places, inputs, strict=True):
            for axis, step in enumerate(STEPS.get(pressed, (0, 0))):
                place[axis] = (place[axis] + step) % SIZE[axis]
        (x, y), (other_x, other_y) = self.places
        if self.rest:
            self.rest -= 1
        elif abs(x - other_x) < REACH and abs(y - other_y) < REACH:
            self.it, self.rest = 1 - self.it, 60

    def save(self) -> bytes:
        """Return the state."""
        return self.state.pack(*self.places[0], *self.places[1], self.it, self.rest)

    def load(self, snapshot: bytes) -> None:
        """Go back to a state."""
        *places, self.it, self.rest = self.state.unpack(snapshot)
        self.places = [places[:2], places[2:]]


class TagPlayer(PeerProtocol):
    """
    Our side of the match: the keys go in, the picture comes out.

    @ivar drawn: How many frames were drawn.
    @ivar lost: Who was lost or dropped.
    @ivar pauses: How often the other was not heard for a while.
    @ivar time_lost: Seconds that we slept and gave up.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        """Open the window."""
        self.options = options
        self.screen = pygame.display.set_mode(SIZE)
        self.drawn, self.pauses, self.time_lost = 0, 0, 0.0
        self.lost: list[int] = []

    def localInput(self, player: int, frame: int) -> bytes:
        """Return the key that is held; with C{--frames} run around by ourselves."""
        if self.options.frames is not None:
            return b"ruld"[(frame // 20 + player) % 4 :][:1]
        held = pygame.key.get_pressed()
        return next((pressed for key, pressed in KEYS.items() if held[key]), b"")

    def frameReady(self, simulation: Any, blend: float) -> None:
        """Draw."""
        if any(event.type == pygame.QUIT for event in pygame.event.get()):
            self.match.leave()
        self.screen.fill("black")
        for number, place in enumerate(simulation.places):
            color = "red" if number == simulation.it else "deepskyblue"
            pygame.draw.circle(self.screen, color, place, REACH // 2)
        pygame.display.flip()
        self.drawn += 1
        if self.drawn == self.options.block_at:
            time.sleep(self.options.block)

    def interrupted(self, player: int, silence: float) -> None:
        """The other is not heard; the match waits."""
        self.pauses += 1

    def timeLost(self, seconds: float) -> None:
        """We slept."""
        self.time_lost += seconds

    def peerLost(self, player: int, silence: float) -> None:
        """The other is gone."""
        self.lost.append(player)

    def playerDropped(self, player: int, frame: int) -> None:
        """The other is out."""
        self.lost.append(player)


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Play one match, and say how it ended."""
    pygame.init()
    game = TagPlayer(options)
    settings = MatchSettings(frames=options.frames, rules="tag 1", countdown=options.countdown)
    begin = {"host": host, "join": join}[options.role]
    player, result = await begin(reactor, options.lobby, game, settings)
    await player.close()
    said = {
        "player": result.player,
        "outcome": result.outcome.value,
        "frames": result.last_frame + 1,
        "checksum": result.checksum,
        "drawn": game.drawn,
        "lost": game.lost,
        "pauses": game.pauses,
        "time_lost": round(game.time_lost, 3),
    }
    print(json.dumps(said), flush=True)
    pygame.quit()


def parsed() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="Tag for two.")
    parser.add_argument("role", choices=["host", "join"])
    parser.add_argument("--lobby", default="tcp:127.0.0.1:7770", help="where the lobby is")
    parser.add_argument("--frames", type=int, help="play by itself for so many frames")
    parser.add_argument("--countdown", type=float, default=3.0, help="seconds before the start")
    parser.add_argument("--block-at", type=int, help="block when this frame is drawn")
    parser.add_argument("--block", type=float, default=5.0, help="for so many seconds")
    return parser.parse_args()


if __name__ == "__main__":
    react(main, (parsed(),))
