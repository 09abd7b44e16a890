"""
A drawing board for several people: a game that owns its loop, and polls its session.

Start a lobby, then the host, then as many others as there is room for::

    twistd -n --pidfile= gamenet-lobby --listen tcp:7770:interface=127.0.0.1 --udp 127.0.0.1:7770
    python examples/game_owned.py host
    python examples/game_owned.py join 0123-4567-89ab-cdef

The host prints the id that others join by.  Draw with the mouse; the keys 1 to 9 say
something.  Needs pygame-ce.
"""

from __future__ import annotations

import argparse
import json
import struct
import time
from typing import Any

import pygame

from gamenet.polled import Applied, Dropped, PolledSession, SessionBuilder, Synced
from gamenet.wire.log_commands import Join, Say, SendCustom
from gamenet.wire.log_events import Chat, Custom, ParticipantLost

SIZE = (320, 240)
RATE = 60
COLORS = ("tomato", "deepskyblue", "gold", "limegreen", "orchid", "white", "orange", "cyan")
DOT = struct.Struct(">hh")


def host(lobby: str, name: str) -> PolledSession:
    """Open a board of our own."""
    return SessionBuilder(lobby, name, session_name=f"{name}'s board").host()


def join(lobby: str, name: str, session_id: str) -> PolledSession:
    """Come to somebody's board."""
    return SessionBuilder(lobby, name).join(session_id)


class Board:
    """
    What is drawn and said, as the session's events tell it.

    @ivar dots: The dots: by whom, and where.
    @ivar said: What was said: by whom, and what.
    @ivar lost: Who was lost on the way, if only for a while.
    @ivar digests: The session's digest after each event that we saw.
    """

    def __init__(self) -> None:
        self.dots: list[tuple[int, int, int]] = []
        self.said: list[tuple[int, str]] = []
        self.lost: list[int] = []
        self.digests: dict[int, str] = {}
        self.known = False

    def follow(self, event: Any) -> None:
        """Take one event of the session."""
        match event:
            case Applied(happened, state):
                self.digests[state.sequence] = state.digest().hex()
                match happened.body:
                    case Custom(player, "dot", content) if len(content) == DOT.size:
                        self.dots.append((player, *DOT.unpack(content)))
                    case Chat(player, text):
                        self.said.append((player, text))
                    case ParticipantLost(player):
                        self.lost.append(player)
            case Synced(state):  # the session as it is: now one can read it, and take part
                self.digests[state.sequence] = state.digest().hex()
                self.known = True
            case Dropped(happened):
                print(f"undone, as the network had fallen apart: {happened.body}")

    def draw(self, screen: pygame.Surface) -> None:
        """Show the dots."""
        screen.fill("black")
        for player, x, y in self.dots:
            pygame.draw.circle(screen, COLORS[player % len(COLORS)], (x, y), 4)
        pygame.display.flip()


def takesPart(session: PolledSession) -> bool:
    """Return whether we take part by now."""
    state, ours = session.session, session.peer_id
    return state is not None and ours is not None and state.participant(ours) is not None


def pressed(session: PolledSession) -> bool:
    """Make commands of what the player does; return whether the game goes on."""
    for event in pygame.event.get():
        if event.type == pygame.QUIT:
            return False
        if event.type == pygame.MOUSEBUTTONDOWN:
            session.submit(SendCustom("dot", DOT.pack(*event.pos)))
        elif event.type == pygame.KEYDOWN and event.unicode.isdigit():
            session.submit(Say(f"key {event.unicode}"))
    return True


def demonstrate(frame: int) -> None:
    """Play by itself: a dot twice a second, a word every two."""
    if frame % (RATE // 2) == 0:
        place = (frame % SIZE[0], frame * 7 % SIZE[1])
        pygame.event.post(pygame.Event(pygame.MOUSEBUTTONDOWN, pos=place, button=1))
    if frame % (2 * RATE) == 0:
        pygame.event.post(pygame.Event(pygame.KEYDOWN, unicode=str(frame // RATE % 10), key=0))


def main() -> None:
    """Play until the window is closed, or for as long as the command line says."""
    options = parsed()
    pygame.init()
    screen = pygame.display.set_mode(SIZE)
    clock, board, frame, longest = pygame.time.Clock(), Board(), 0, 0
    name = options.name or ("Ada" if options.role == "host" else "Grace")
    if options.role == "host":
        session = host(options.lobby, name)
    else:
        session = join(options.lobby, name, options.session)
    announced, asked, running = False, False, True
    while running and (options.seconds is None or frame < options.seconds * RATE):
        session.poll()
        for event in session.events():
            board.follow(event)
        if session.session_id is not None and not announced:
            announced = True
            print(f"session {session.session_id}", flush=True)
        if board.known and not asked and not takesPart(session) and session.peer_id is not None:
            asked = True
            session.submit(Join(name))
        running = pressed(session)
        # Frames are counted from when we take part, and somebody else is there.
        if frame or (session.connected_peers and takesPart(session)):
            if options.seconds is not None:
                demonstrate(frame)
            if frame == options.block_at:
                time.sleep(options.block)
            frame += 1
        board.draw(screen)
        longest = max(longest, clock.tick(RATE))
    session.close()
    result = {
        "player": session.peer_id,
        "peers": session.connected_peers,
        "was_host": session.is_host,
        "frames": frame,
        "longest_frame_ms": longest,
        "dots": board.dots,
        "said": board.said,
        "lost": board.lost,
        "digests": board.digests,
    }
    print(json.dumps(result), flush=True)
    pygame.quit()


def parsed() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="A drawing board for several people.")
    parser.add_argument("role", choices=["host", "join"])
    parser.add_argument("session", nargs="?", help="the id that the host printed, to join")
    parser.add_argument("--lobby", default="tcp:127.0.0.1:7770", help="where the lobby is")
    parser.add_argument("--name", help="who you are")
    parser.add_argument("--seconds", type=float, help="play by itself for so long")
    parser.add_argument("--block-at", type=int, help="block in this frame")
    parser.add_argument("--block", type=float, default=5.0, help="for so many seconds")
    options = parser.parse_args()
    if (options.role == "join") != (options.session is not None):
        parser.error("to join takes the id of a session, and to host none")
    return options


if __name__ == "__main__":
    main()
