"""
What one demo was asked to do.
"""

from __future__ import annotations

import json

from attrs import asdict, field, frozen

__all__ = ["FRAME_RATE", "PLAYER_NAMES", "Briefing", "DemoSettings"]

#: Frames a second.
FRAME_RATE = 60

#: Who plays, in order of player number.
PLAYER_NAMES = ("Ada", "Grace", "Alan", "Barbara", "Edsger", "Frances", "Donald", "Radia")


@frozen
class DemoSettings:
    """
    What one demo was asked to do; L{gamenet.demo.command} checks the values.

    @ivar players: How many play.
    @ivar frames: How many frames they play.
    @ivar latency: Seconds that a datagram takes, one way.
    @ivar jitter: By how much that varies, in seconds to either side.
    @ivar loss: The part of all datagrams that is lost, 0.0 to 1.0.
    @ivar relay_only: Whether players let nobody know their own addresses.
    @ivar corrupt_at: The frame in which the last player's state is spoiled,
        or C{None}.
    @ivar seed: What the scripts and the losses are drawn from.
    """

    players: int = 2
    frames: int = 600
    latency: float = 0.040
    jitter: float = 0.0
    loss: float = 0.05
    relay_only: bool = False
    corrupt_at: int | None = None
    seed: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Who plays, in order of player number."""
        return PLAYER_NAMES[: self.players]

    @property
    def road(self) -> str:
        """The impairment in words, for a person."""
        late = f"{self.latency * 1000:g} ms"
        if self.jitter:
            late += f" ± {self.jitter * 1000:g} ms"
        return f"{late} one way, {self.loss * 100:g} % lost"


@frozen
class Briefing:
    """
    What one player's process is told at its start, and all that it is told.

    @ivar player: The player's number, from 1; player 1 is the host.
    @ivar players: How many play.
    @ivar name: The player's name.
    @ivar lobby: Where the lobby is, a Twisted endpoint description.
    @ivar frames: How many frames to play.
    @ivar relay_only: Whether to let nobody know our own addresses.
    @ivar corrupt_at: The frame in which to spoil our own state, or C{None}.
    @ivar latency: Seconds that our datagrams take.
    @ivar jitter: By how much that varies, in seconds to either side.
    @ivar loss: The part of our datagrams that is lost, 0.0 to 1.0.
    @ivar secret: What our script is drawn from, as hexadecimal digits.
    @ivar road_seed: What our losses and delays are drawn from.
    """

    player: int
    players: int
    name: str
    lobby: str
    frames: int
    relay_only: bool
    corrupt_at: int | None
    latency: float
    jitter: float
    loss: float
    secret: str = field(repr=False)
    road_seed: int

    def asLine(self) -> bytes:
        """Return the briefing as one line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def fromLine(cls, line: bytes) -> Briefing:
        """
        Return the briefing that L{asLine} wrote.

        @raise ValueError: It is not one.
        """
        values = json.loads(line)
        if not isinstance(values, dict):
            raise ValueError("a briefing is an object")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"not a briefing: {error}") from error
