"""
What one demo was asked to do.
"""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import optional

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.errors import BadSetting

__all__ = ["FRAME_RATE", "PLAYER_NAMES", "DemoSettings", "casualtyFault"]

#: Frames a second.
FRAME_RATE = 60

#: Who plays, in order of player number.
PLAYER_NAMES = ("Ada", "Grace", "Alan", "Barbara", "Edsger", "Frances", "Donald", "Radia")

_players = wholeNumber(2, len(PLAYER_NAMES))
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
    @ivar kill_host_at: The frame with which, once it has confirmed it, the process of
        player 1 is killed, or C{None}.
    @ivar rejoin_at: The frame with which, once all others have confirmed it, player 1
        comes back in a new process, or C{None}.
    @ivar kill_lobby_at: The frame with which, once all players have confirmed it, the
        lobby is killed, or C{None}.

    @raise gamenet.errors.BadSetting: A value cannot work; the text says which and why.
    """

    players: int = field(default=2, validator=_players)
    frames: int = field(default=600, validator=wholeNumber())
    latency: float = field(default=0.040, validator=seconds(0.0))
    jitter: float = field(default=0.0, validator=seconds(0.0))
    loss: float = field(default=0.05, validator=_share)
    relay_only: bool = False
    corrupt_at: int | None = field(default=None, validator=optional(_frame))
    seed: int = field(default=1, validator=_seed)
    kill_host_at: int | None = field(default=None, validator=optional(_frame))
    rejoin_at: int | None = field(default=None, validator=optional(_frame))
    kill_lobby_at: int | None = field(default=None, validator=optional(_frame))

    def __attrs_post_init__(self) -> None:
        fault = casualtyFault(self.frames, self.kill_host_at, self.rejoin_at, self.kill_lobby_at)
        if fault is not None:
            raise BadSetting(f"{fault[0]}: {fault[1]}")

    @property
    def names(self) -> tuple[str, ...]:
        """Who plays, in order of player number."""
        return PLAYER_NAMES[: self.players]

    @property
    def casualties(self) -> bool:
        """Whether anybody is to be killed."""
        return self.kill_host_at is not None or self.kill_lobby_at is not None

    @property
    def road(self) -> str:
        """The impairment in words, for a person."""
        late = f"{self.latency * 1000:g} ms"
        if self.jitter:
            late += f" ± {self.jitter * 1000:g} ms"
        return f"{late} one way, {self.loss * 100:g} % lost"


def casualtyFault(
    frames: int, kill_host_at: int | None, rejoin_at: int | None, kill_lobby_at: int | None
) -> tuple[str, str] | None:
    """
    Return what cannot work about a plan of who dies and comes back when, or C{None}.

    @param frames: How many frames are played; the others as in L{DemoSettings}.
    @return: The name of the setting, and what is wrong with it.
    """
    for name, frame in (
        ("kill_host_at", kill_host_at),
        ("rejoin_at", rejoin_at),
        ("kill_lobby_at", kill_lobby_at),
    ):
        if frame is not None and frame >= frames:
            return name, f"frame {frame} is never played: the last one is {frames - 1}"
    if rejoin_at is not None and kill_host_at is None:
        return "rejoin_at", "nobody can come back where nobody is killed (kill_host_at)"
    if rejoin_at is not None and kill_host_at is not None and rejoin_at <= kill_host_at:
        return (
            "rejoin_at",
            f"frame {rejoin_at} is not after frame {kill_host_at}, where the host is killed",
        )
    return None
