"""
The game of the demo: tag among pillars, with gems to pick up.

Everything is integer arithmetic (lengths are in 1/256 of a pixel) and the
whole state, its random numbers included, is one run of little-endian bytes, so
that equal games have equal snapshots on every machine and every Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from struct import Struct

from attrs import define, field, frozen
from zope.interface import implementer

from gamenet.errors import BadSetting
from gamenet.interfaces import ISeededSimulation
from gamenet.rollback.state_difference import INamedParts
from gamenet.seeded_random import SeededRandom

__all__ = [
    "DASH",
    "DOWN",
    "FIELD_HEIGHT",
    "FIELD_WIDTH",
    "FIRST_SCORE",
    "LEFT",
    "PILLARS",
    "PIXEL",
    "PLAYER_LIMIT",
    "PLAYER_RADIUS",
    "RIGHT",
    "UP",
    "Arena",
    "Pillar",
]

#: Where a snapshot's parts begin: random numbers, frame and tag, players, gems.
_TAG, _PLAYERS = 16, 28

#: Where the first player's score is in a snapshot: behind x, y, dx and dy.
FIRST_SCORE = _PLAYERS + 4 * 4

#: The keys, as bits of an input's first byte; whatever else an input holds is ignored.
LEFT, RIGHT, UP, DOWN, DASH = 1, 2, 4, 8, 16

#: How many players an arena has room for.
PLAYER_LIMIT = 8

#: One pixel, in the units of every length here.
PIXEL = 256

#: The field, in units.
FIELD_WIDTH = 320 * PIXEL
FIELD_HEIGHT = 192 * PIXEL

#: Half the width of a player, in units.
PLAYER_RADIUS = 8 * PIXEL

_GEM_RADIUS = 5 * PIXEL
_GEMS = 8
_ACCELERATION = 40
_DRAG = 28
_DIAGONAL = 181  # 256 / sqrt(2)
_TAG_PAUSE = 60
_STUN = 45
_TAG_PRIZE = 5
_TAX_PERIOD = 60


@frozen
class Pillar:
    """
    A rectangle that nobody can enter.

    @ivar left: Its left edge, in units from the left edge of the field.
    @ivar top: Its upper edge, in units from the upper edge of the field.
    @ivar right: Its right edge, in units.
    @ivar bottom: Its lower edge, in units.
    """

    left: int
    top: int
    right: int
    bottom: int

    def holds(self, x: int, y: int, margin: int) -> bool:
        """Return whether a square of half-width C{margin} around a point reaches into it."""
        return (
            self.left - margin < x < self.right + margin
            and self.top - margin < y < self.bottom + margin
        )


def _pillar(left: int, top: int, width: int, height: int) -> Pillar:
    return Pillar(left * PIXEL, top * PIXEL, (left + width) * PIXEL, (top + height) * PIXEL)


#: The pillars; the gaps between them, and to the edge, are wider than a player.
PILLARS = (
    _pillar(64, 44, 32, 20),
    _pillar(224, 44, 32, 20),
    _pillar(144, 80, 32, 32),
    _pillar(64, 128, 32, 20),
    _pillar(224, 128, 32, 20),
)

_FREE_CELLS = tuple(
    (x * PIXEL, y * PIXEL)
    for y in range(16, 192, 16)
    for x in range(16, 320, 16)
    if not any(pillar.holds(x * PIXEL, y * PIXEL, PLAYER_RADIUS) for pillar in PILLARS)
)

_STARTS = tuple(
    (x * PIXEL, y * PIXEL)
    for x, y in (
        (32, 96),
        (288, 96),
        (160, 32),
        (160, 160),
        (32, 32),
        (288, 160),
        (288, 32),
        (32, 160),
    )
)


@define
class _Body:
    x: int
    y: int
    dx: int
    dy: int
    score: int
    stunned: int


@define
class _Gem:
    x: int
    y: int
    worth: int


def _part(value: int, numerator: int) -> int:
    # Shifting would round towards minus infinity, and whoever runs left would be the faster.
    return value * numerator // 256 if value >= 0 else -(-value * numerator // 256)


def _steer(body: _Body, keys: int) -> None:
    if body.stunned:
        body.stunned -= 1
        keys = 0
    across = bool(keys & RIGHT) - bool(keys & LEFT)
    down = bool(keys & DOWN) - bool(keys & UP)
    push = _ACCELERATION * 2 if keys & DASH else _ACCELERATION
    if across and down:
        push = _part(push, _DIAGONAL)
    body.dx += across * push - _part(body.dx, _DRAG)
    body.dy += down * push - _part(body.dy, _DRAG)


def _slide(body: _Body) -> None:
    body.x += body.dx
    for pillar in PILLARS:
        if pillar.holds(body.x, body.y, PLAYER_RADIUS):
            rightward = body.dx > 0
            body.x = pillar.left - PLAYER_RADIUS if rightward else pillar.right + PLAYER_RADIUS
            body.dx = -_part(body.dx, 128)
    body.y += body.dy
    for pillar in PILLARS:
        if pillar.holds(body.x, body.y, PLAYER_RADIUS):
            downward = body.dy > 0
            body.y = pillar.top - PLAYER_RADIUS if downward else pillar.bottom + PLAYER_RADIUS
            body.dy = -_part(body.dy, 128)


def _confine(body: _Body) -> None:
    if not PLAYER_RADIUS <= body.x <= FIELD_WIDTH - PLAYER_RADIUS:
        body.x = min(max(body.x, PLAYER_RADIUS), FIELD_WIDTH - PLAYER_RADIUS)
        body.dx = -_part(body.dx, 128)
    if not PLAYER_RADIUS <= body.y <= FIELD_HEIGHT - PLAYER_RADIUS:
        body.y = min(max(body.y, PLAYER_RADIUS), FIELD_HEIGHT - PLAYER_RADIUS)
        body.dy = -_part(body.dy, 128)


def _expel(body: _Body) -> None:
    """Move a body that was pushed into a pillar out of it, the shortest way."""
    for pillar in PILLARS:
        if pillar.holds(body.x, body.y, PLAYER_RADIUS):
            ways = (
                (body.x - (pillar.left - PLAYER_RADIUS), -1, 0),
                (pillar.right + PLAYER_RADIUS - body.x, 1, 0),
                (body.y - (pillar.top - PLAYER_RADIUS), 0, -1),
                (pillar.bottom + PLAYER_RADIUS - body.y, 0, 1),
            )
            depth, across, down = min(ways)
            body.x += across * depth
            body.y += down * depth


def _touch(one: _Body, other: _Body) -> bool:
    """Push two bodies apart if they overlap and swap their speeds along the line between them."""
    across, down = other.x - one.x, other.y - one.y
    reach = 2 * PLAYER_RADIUS
    squared = across * across + down * down
    if squared >= reach * reach:
        return False
    distance = isqrt(squared)
    if distance == 0:
        across, distance = 1, 1
    normal_x, normal_y = across * 256 // distance, down * 256 // distance
    apart = (reach - distance + 1) // 2
    one.x -= _part(normal_x, apart)
    one.y -= _part(normal_y, apart)
    other.x += _part(normal_x, apart)
    other.y += _part(normal_y, apart)
    closing = _part((one.dx - other.dx) * normal_x + (one.dy - other.dy) * normal_y, 1)
    if closing > 0:
        swap_x, swap_y = _part(normal_x, closing), _part(normal_y, closing)
        one.dx -= swap_x
        one.dy -= swap_y
        other.dx += swap_x
        other.dy += swap_y
    return True


@implementer(ISeededSimulation, INamedParts)
@define
class Arena:
    """
    Tag among pillars.

    Whoever is "it" pays a point a second and tags by touching: the tag and
    five points change hands, and the one tagged stands still for a moment.
    Gems are worth one to five points and turn up again somewhere else.

    @ivar players: How many play, from 1 to 8.
    @ivar seed: What the places of the gems are drawn from, a 64-bit C{int}.
    @ivar cells: The state, an array of bytes that is as long for every frame.
    """

    players: int
    seed: int = 0
    cells: bytearray = field(init=False)
    _layout: Struct = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """
        @raise BadSetting: There are too few players, or too many.
        """
        if not 1 <= self.players <= PLAYER_LIMIT:
            raise BadSetting(
                f"an arena has room for 1 to {PLAYER_LIMIT} players, not {self.players}"
            )
        self._layout = Struct(f"<16s3i{6 * self.players}i{3 * _GEMS}i")
        self.cells = bytearray(self._layout.size)
        self.begin(self.seed)

    def begin(self, seed: int) -> None:
        """Become the state before frame 0 of the game that belongs to C{seed}."""
        self.seed = seed
        random = SeededRandom.fromLabel(seed, "arena")
        tagged = random.below(self.players)
        bodies = [_Body(x, y, 0, 0, 0, 0) for x, y in _STARTS[: self.players]]
        gems = [_gem(random) for _ in range(_GEMS)]
        self._write(random.save(), 0, tagged, _TAG_PAUSE, bodies, gems)

    @property
    def frame(self) -> int:
        """How many frames were played: the number of the next one."""
        return int.from_bytes(self.cells[16:20], "little")

    @property
    def scores(self) -> tuple[int, ...]:
        """The points of each player, in order of player number."""
        return tuple(body.score for body in self._read()[4])

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Where each player is, x and y in units, in order of player number."""
        return tuple((body.x, body.y) for body in self._read()[4])

    def advance(self, inputs: Sequence[bytes]) -> None:
        """
        Play one frame.

        @param inputs: One input per player: its first byte holds the keys; an
            empty one presses none.
        """
        random, frame, tagged, pause, bodies, gems = self._read()
        for body, pressed in zip(bodies, inputs, strict=True):
            _steer(body, pressed[0] if pressed else 0)
            _slide(body)
            _confine(body)
        pause = max(0, pause - 1)
        for first, one in enumerate(bodies):
            for second in range(first + 1, len(bodies)):
                other = bodies[second]
                if _touch(one, other) and not pause and tagged in (first, second):
                    loser = second if tagged == first else first
                    bodies[tagged].score += _TAG_PRIZE
                    bodies[loser].score -= _TAG_PRIZE
                    bodies[loser].stunned = _STUN
                    tagged, pause = loser, _TAG_PAUSE
        for body in bodies:
            _expel(body)
            _confine(body)
        random = _collect(bodies, gems, random)
        frame += 1
        if frame % _TAX_PERIOD == 0:
            bodies[tagged].score -= 1
        self._write(random, frame, tagged, pause, bodies, gems)

    def save(self) -> bytes:
        """Return the whole state."""
        return bytes(self.cells)

    def parts(self) -> dict[str, bytes]:
        """Return the state by its parts, which stand in the snapshot one after the other."""
        whole = bytes(self.cells)
        gems = _PLAYERS + 24 * self.players
        return {
            "random": whole[:_TAG],
            "tag": whole[_TAG:_PLAYERS],
            "players": whole[_PLAYERS:gems],
            "gems": whole[gems:],
        }

    def load(self, snapshot: bytes) -> None:
        """
        Become the state that C{snapshot} was taken of.

        @raise BadSetting: It is not of an arena with as many players.
        """
        if len(snapshot) != self._layout.size:
            raise BadSetting(
                f"a snapshot of {self.players} players has {self._layout.size} bytes,"
                f" not {len(snapshot)}"
            )
        self.cells[:] = snapshot

    def _read(self) -> tuple[bytes, int, int, int, list[_Body], list[_Gem]]:
        random, frame, tagged, pause, *rest = self._layout.unpack(self.cells)
        split = 6 * self.players
        bodies = [_Body(*rest[at : at + 6]) for at in range(0, split, 6)]
        gems = [_Gem(*rest[at : at + 3]) for at in range(split, split + 3 * _GEMS, 3)]
        return random, frame, tagged, pause, bodies, gems

    def _write(
        self,
        random: bytes,
        frame: int,
        tagged: int,
        pause: int,
        bodies: list[_Body],
        gems: list[_Gem],
    ) -> None:
        values = [frame, tagged, pause]
        for body in bodies:
            values += (body.x, body.y, body.dx, body.dy, body.score, body.stunned)
        for gem in gems:
            values += (gem.x, gem.y, gem.worth)
        self._layout.pack_into(self.cells, 0, random, *values)


def _gem(random: SeededRandom) -> _Gem:
    x, y = random.choice(_FREE_CELLS)
    return _Gem(x, y, random.between(1, 5))


def _collect(bodies: list[_Body], gems: list[_Gem], state: bytes) -> bytes:
    reach = PLAYER_RADIUS + _GEM_RADIUS
    for body in bodies:
        for number, gem in enumerate(gems):
            across, down = gem.x - body.x, gem.y - body.y
            if across * across + down * down < reach * reach:
                body.score += gem.worth
                random = SeededRandom(0)
                random.load(state)
                gems[number] = _gem(random)
                state = random.save()
    return state
