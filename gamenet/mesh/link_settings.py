"""The settings of the links of one match, checked when they are made."""

from __future__ import annotations

import attrs

from gamenet.bounds import seconds, wholeNumber
from gamenet.channel.settings import ChannelSettings
from gamenet.errors import BadSetting
from gamenet.mesh.clock_offset import ClockSettings
from gamenet.mesh.path import PathSettings
from gamenet.sealing.settings import SealingSettings
from gamenet.traversal.punch import PunchSettings

__all__ = ["LinkSettings"]


@attrs.frozen
class LinkSettings:
    """
    How the links of one match behave.

    @ivar paths: The limits of path checking.
    @ivar punch: The limits of punching.
    @ivar clock: The limits of following the others' clocks.
    @ivar channel: The limits of reliable messages and transfers.
    @ivar sealing: How keys are renewed, and what handshakes may cost.
    @ivar moved_after: Seconds without any packet of somebody who has a path, after which
        our own address is asked for: it may be another.
    @ivar errors_after: Seconds for which sending has failed, after which the game socket
        is opened anew.
    @ivar peers_limit: Most other players of one match.
    @ivar return_addresses: Most addresses of one player that a process which returns
        tries, besides their relayed one.

    @raise BadSetting: A value cannot work; the text says which and why.
    """

    paths: PathSettings = attrs.field(factory=PathSettings)
    punch: PunchSettings = attrs.field(factory=PunchSettings)
    clock: ClockSettings = attrs.field(factory=ClockSettings)
    channel: ChannelSettings = attrs.field(factory=ChannelSettings)
    sealing: SealingSettings = attrs.field(factory=SealingSettings)
    moved_after: float = attrs.field(default=0.75, validator=seconds())
    errors_after: float = attrs.field(default=1.0, validator=seconds())
    peers_limit: int = attrs.field(default=64, validator=wholeNumber(1, 1024))
    return_addresses: int = attrs.field(default=8, validator=wholeNumber(0, 64))

    def __attrs_post_init__(self) -> None:
        """
        Check the parts.

        @raise BadSetting: One is of another type.
        """
        parts: tuple[tuple[object, type], ...] = (
            (self.paths, PathSettings),
            (self.punch, PunchSettings),
            (self.clock, ClockSettings),
            (self.channel, ChannelSettings),
            (self.sealing, SealingSettings),
        )
        for part, kind in parts:
            if type(part) is not kind:
                raise BadSetting(f"{part!r} should be {kind.__name__}")
