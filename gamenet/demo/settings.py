"""
What one demo was asked to do.
"""

from __future__ import annotations

import json

from attrs import asdict, field, frozen
from attrs.validators import instance_of, optional

from gamenet.bounds import number, seconds, wholeNumber

__all__ = ["FRAME_RATE", "PLAYER_NAMES", "Briefing", "DemoSettings"]

#: Frames a second.
FRAME_RATE = 60

#: Who plays, in order of player number.
PLAYER_NAMES = ("Ada", "Grace", "Alan", "Barbara", "Edsger", "Frances", "Donald", "Radia")

_player = wholeNumber(1, len(PLAYER_NAMES))
_frame = wholeNumber(0)
_share = number(0.0, 1.0)
_seed = wholeNumber(0, (1 << 64) - 1)


@frozen
class DemoSettings:
    """
    What one demo was asked to do; L{gamenet.demo.command} allows less, in the units
    of its options.

    @ivar players: How many play.
    @ivar frames: How many frames they play.
    @ivar latency: Seconds that a datagram takes, one way.
    @ivar jitter: By how much that varies, in seconds to either side.
    @ivar loss: The part of all datagrams that is lost, 0.0 to 1.0.
    @ivar relay_only: Whether players let nobody know their own addresses.
    @ivar corrupt_at: The frame in which the last player's state is spoiled,
        or C{None}.
    @ivar seed: What the scripts and the losses are drawn from, 64 bits.

    @raise gamenet.errors.BadSetting: A value cannot work; the text says which and why.
    """

    players: int = field(default=2, validator=_player)
    frames: int = field(default=600, validator=wholeNumber())
    latency: float = field(default=0.040, validator=seconds(0.0))
    jitter: float = field(default=0.0, validator=seconds(0.0))
    loss: float = field(default=0.05, validator=_share)
    relay_only: bool = False
    corrupt_at: int | None = field(default=None, validator=optional(_frame))
    seed: int = field(default=1, validator=_seed)

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
    @ivar log: The directory to write a match log into, or C{None}.
    """

    player: int = field(validator=_player)
    players: int = field(validator=_player)
    name: str
    lobby: str
    frames: int = field(validator=wholeNumber())
    relay_only: bool
    corrupt_at: int | None = field(validator=optional(_frame))
    latency: float = field(validator=seconds(0.0))
    jitter: float = field(validator=seconds(0.0))
    loss: float = field(validator=_share)
    secret: str = field(repr=False)
    road_seed: int = field(validator=_seed)
    log: str | None = field(default=None, validator=optional(instance_of(str)))

    def asLine(self) -> bytes:
        """Return the briefing as one line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def fromLine(cls, line: bytes) -> Briefing:
        """
        Return the briefing that L{asLine} wrote.

        @raise ValueError: It is not one, or a value cannot work
            (L{gamenet.errors.BadSetting}).
        """
        values = json.loads(line)
        if not isinstance(values, dict):
            raise ValueError("a briefing is an object")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"not a briefing: {error}") from error
