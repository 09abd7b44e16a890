"""
What the processes that play are told, each a line of JSON on standard input.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from attrs import asdict, field, frozen
from attrs.validators import instance_of, optional

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.demo.script import playerSecret
from gamenet.demo.settings import PLAYER_NAMES, DemoSettings
from gamenet.seeded_random import SeededRandom

__all__ = ["LOST_AFTER", "Briefing", "ReturnBriefing"]

#: Seconds of silence after which a player is lost, unless the parent says otherwise.
LOST_AFTER = 10.0

_player = wholeNumber(1, len(PLAYER_NAMES))
_frame = wholeNumber(0)
_share = number(0.0, 1.0)
_seed = wholeNumber(0, (1 << 64) - 1)

_Written = TypeVar("_Written", bound="_Line")


@frozen
class _Line:
    """What is written as one line of JSON."""

    def asLine(self) -> bytes:
        """Return the briefing as one line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def fromLine(cls: type[_Written], line: bytes) -> _Written:
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


@frozen
class Briefing(_Line):
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
    @ivar lost_after: Seconds of silence after which another player is lost.
    @ivar plays_alone: Whether to play on where nobody else is left.
    @ivar resumable: Whether to tell the parent our resume secret, for the process that
        comes back in our place.
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
    lost_after: float = field(default=LOST_AFTER, validator=seconds())
    plays_alone: bool = False
    resumable: bool = False

    @classmethod
    def of(
        cls, settings: DemoSettings, player: int, lobby: str, logs: Path | None, lost_after: float
    ) -> Briefing:
        """
        Return what one player is told.

        @param lobby: Where the lobby is.
        @param logs: The directory for match logs, or C{None}.
        """
        return cls(
            player=player,
            players=settings.players,
            name=settings.names[player - 1],
            lobby=lobby,
            frames=settings.frames,
            relay_only=settings.relay_only,
            corrupt_at=settings.corrupt_at if player == settings.players else None,
            latency=settings.latency,
            jitter=settings.jitter,
            loss=settings.loss,
            secret=playerSecret(settings.seed, player).hex(),
            road_seed=_roadSeed(settings, f"road of player {player}"),
            log=None if logs is None else str(logs.resolve()),
            lost_after=lost_after,
            plays_alone=settings.kill_host_at is not None,
            resumable=player == 1 and settings.rejoin_at is not None,
        )


@frozen
class ReturnBriefing(_Line):
    """
    What a process is told that takes the place of one that was killed, and all that it
    is told: nothing of the past but the resume secret.  Whatever else it has to know of
    the match it gets from those who still play, and its script is a new one.

    @ivar resume: The resume secret, as hexadecimal digits.
    @ivar players: How many play: the arena is made for so many.
    @ivar frames: How many frames the match has.
    @ivar latency: Seconds that our datagrams take.
    @ivar jitter: By how much that varies, in seconds to either side.
    @ivar loss: The part of our datagrams that is lost, 0.0 to 1.0.
    @ivar road_seed: What our losses and delays are drawn from.
    @ivar log: The directory to write a match log into, or C{None}.
    @ivar lost_after: Seconds of silence after which another player is lost.
    @ivar plays_alone: Whether to play on where nobody else is left: as the others do, who
        were told so because somebody was to be killed.
    """

    resume: str = field(repr=False, validator=instance_of(str))
    players: int = field(validator=_player)
    frames: int = field(validator=wholeNumber())
    latency: float = field(validator=seconds(0.0))
    jitter: float = field(validator=seconds(0.0))
    loss: float = field(validator=_share)
    road_seed: int = field(validator=_seed)
    log: str | None = field(default=None, validator=optional(instance_of(str)))
    lost_after: float = field(default=LOST_AFTER, validator=seconds())
    plays_alone: bool = True

    @classmethod
    def of(
        cls, settings: DemoSettings, resume: str, logs: Path | None, lost_after: float
    ) -> ReturnBriefing:
        """
        Return what the process is told that takes the place of player 1's.

        @param resume: The resume secret, as hexadecimal digits.
        @param logs: The directory for match logs, or C{None}; this one goes below it,
            for two logs of one player cannot be looked at together.
        """
        return cls(
            resume=resume,
            players=settings.players,
            frames=settings.frames,
            latency=settings.latency,
            jitter=settings.jitter,
            loss=settings.loss,
            road_seed=_roadSeed(settings, "road of player 1, come back"),
            log=None if logs is None else str(logs.resolve() / "returned"),
            lost_after=lost_after,
        )


def _roadSeed(settings: DemoSettings, label: str) -> int:
    return SeededRandom.fromLabel(settings.seed, label).bits32()
