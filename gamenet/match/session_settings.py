"""The settings of a shared session without a match, checked when they are made."""

from __future__ import annotations

import attrs

from gamenet.bounds import seconds
from gamenet.errors import BadSetting
from gamenet.event_log.settings import EventLogSettings
from gamenet.mesh.link_settings import LinkSettings

__all__ = ["SessionSettings"]


def _isFlag(instance: object, attribute: attrs.Attribute[bool], value: object) -> None:
    if type(value) is not bool:
        raise BadSetting(f"{attribute.name} must be True or False, not {value!r}")


@attrs.frozen
class SessionSettings:
    """
    How patient one player of a shared session is.

    @ivar identity_timeout: Seconds that the lobby has to say who we are in the match.
    @ivar peer_timeout: Seconds until another player must be reached.
    @ivar sync_timeout: Seconds from then on until the session's state must be there.
    @ivar joins: Whether we take part by ourselves as soon as the session is known.  Otherwise
        the game reads it first, and submits L{gamenet.wire.log_commands.Join} if it likes
        (seed row K2); once it has, we stay what we are, through every absence.
    @ivar log: The log's own.
    @ivar links: The links'.

    @raise BadSetting: A value cannot work; the text says which and why.
    """

    identity_timeout: float = attrs.field(default=5.0, validator=seconds())
    peer_timeout: float = attrs.field(default=10.0, validator=seconds())
    sync_timeout: float = attrs.field(default=10.0, validator=seconds())
    joins: bool = attrs.field(default=False, validator=_isFlag)
    log: EventLogSettings = attrs.field(factory=EventLogSettings)
    links: LinkSettings = attrs.field(factory=LinkSettings)

    def __attrs_post_init__(self) -> None:
        """
        Check the parts.

        @raise BadSetting: One is of another type.
        """
        if type(self.log) is not EventLogSettings or type(self.links) is not LinkSettings:
            raise BadSetting("log must be EventLogSettings, and links LinkSettings")
